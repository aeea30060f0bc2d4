#!/usr/bin/env python3
"""docs/security.md names tests that exist, `group/file` or `group/file/function`; and each of its threats names one or
says that its control is not built yet."""
import os
import re

import harness

PAGE = "docs/security.md"
NAMED = re.compile(r"`((?:unit|rules|laws|small|conformance|faults|fuzz|e2e|structure|sim|java|processes)/[\w./]+|"
                   r"(?:tests/)[\w./]+|test_\w+)`")
UNBUILT = "not built yet"


def source_of(options, group, name):
    """The file of a test below tests/, or None."""
    for ending in ("", ".c", ".sh", ".py"):
        path = os.path.join("tests", group, name + ending)
        if os.path.isfile(os.path.join(options.root, path)):
            return path
    return None


def missing(options, named):
    """Why there is no such test, or None."""
    if named.startswith("tests/"):
        named = named[len("tests/"):]
    parts = named.split("/")
    if len(parts) == 1:
        parts.insert(0, "unit")
    if len(parts) > 3:
        return "is neither a file of tests nor a function in one"
    path = source_of(options, parts[0], parts[1])
    if path is None:
        return "is no test"
    if len(parts) == 3 and not re.search(rf"\b{re.escape(parts[2])}\(void \*\*state\)",
                                         harness.read(options.root, path)):
        return f"is not in {path}"
    return None


def rows(text, heading):
    """The rows of the table below a heading, without its head."""
    part = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    lines = [] if part is None else [line for line in part.group(1).splitlines() if line.startswith("|")]
    return lines[2:]


def find(options):
    if not os.path.isfile(os.path.join(options.root, PAGE)):
        return [f"{PAGE} is missing"]
    text = harness.read(options.root, PAGE)
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        for named in NAMED.findall(line):
            why = missing(options, named)
            if why:
                problems.append(f"{PAGE}:{number}: {named} {why}")
    threats = rows(text, "Threats")
    if not threats:
        problems.append(f"{PAGE}: there is no table of threats")
    for row in threats + rows(text, "Limits"):
        if not NAMED.search(row) and UNBUILT not in row:
            problems.append(f"{PAGE}: no test shows: {row.split('|')[1].strip()}")
    return problems


TABLE = "## Threats\n\n| Threat | Tests |\n|---|---|\n| Fire | `unit/test_a/burns`, `e2e/a.sh` |\n| Flood | *not built yet* |\n"
CLEAN = {PAGE: TABLE + "\n## Limits\n\n| What | Test |\n|---|---|\n| Heat | `unit/test_a` |\n",
         "tests/unit/test_a.c": "static void burns(void **state) {\n}\n", "tests/e2e/a.sh": "#!/bin/sh\n"}
PLANTED = {
    "a file that is not there": {PAGE: TABLE.replace("e2e/a.sh", "e2e/b.sh")},
    "a function that is not there": {"tests/unit/test_a.c": "static void freezes(void **state) {\n}\n"},
    "a threat without a test": {PAGE: TABLE + "| Frost | warm clothes |\n"},
    "a limit without a test": {PAGE: TABLE + "\n## Limits\n\n| What | Test |\n|---|---|\n| Heat | |\n"},
    "no threats": {PAGE: "# Security\n"},
    "a test by its file alone": {PAGE: TABLE + "\nSee `test_b`.\n"},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
