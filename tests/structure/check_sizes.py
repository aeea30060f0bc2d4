#!/usr/bin/env python3
"""No source file over 900 lines, no function over 80; those over 70 are listed as a warning."""
import re

import harness

FILE_MAX = 900
FUNCTION_WARN = 70
FUNCTION_MAX = 80
FOLDERS = harness.CODE_FOLDERS + ("tests", "bench", "cmake", "proto", "docs", "demo")


def functions(text):
    """[(name, first line, lines)] of the C functions: each ends with a brace in the first column."""
    found, first, name = [], None, None
    depth, start = 0, None
    text = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda match: "\n" * match.group(0).count("\n"),
                  harness.without_comments(text), flags=re.MULTILINE)
    for number, line in enumerate(text.splitlines(), 1):
        if depth == 0:
            if re.match(r"[A-Za-z_]", line):
                start = start or number
                match = re.search(r"(\w+)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)|ROVE_\w+\(.*?\)", "", line))
                name = match.group(1) if match else None
            if "{" in line:
                first = start if name and not re.match(r"\s*(typedef|struct|enum|union)\b[^(]*$", line) else None
        depth += line.count("{") - line.count("}")
        if depth <= 0 and first is not None and "}" in line:
            found.append((name, first, number - first + 1))
            first = None
        depth = max(depth, 0)
        if depth == 0 and (not line.strip() or line.rstrip().endswith((";", "}"))):
            start = None
    return found


def find(options):
    problems = []
    endings = tuple(ending for ending in harness.TEXT_ENDINGS if ending not in (".md", ".txt", ".csv", ".json"))
    for path in harness.files(options.root, FOLDERS, endings):
        text = harness.read(options.root, path)
        lines = text.count("\n")
        if lines > FILE_MAX:
            problems.append(f"{path}: {lines} lines; the limit is {FILE_MAX}")
        if not path.endswith((".c", ".h")):
            continue
        for name, first, length in functions(text):
            if length > FUNCTION_MAX:
                problems.append(f"{path}:{first}: {name} has {length} lines; the limit is {FUNCTION_MAX}")
            elif length > FUNCTION_WARN and not options.planted:
                print(f"warning: {path}:{first}: {name} has {length} lines; better {FUNCTION_WARN}")
    return problems


def function(lines):
    return "static int\nf(int a, int b) {\n" + "    a += b; /* { */\n" * (lines - 3) + "}\n"


CLEAN = {
    "core/src/base/a.c": "#define A(x) { \\\n    x\nstruct a {\n" + "    int a;\n" * 90 + "};\n" + function(69),
    "core/src/base/b.c": "int a;\n" * FILE_MAX,
}
PLANTED = {
    "a long file": {"core/src/base/b.c": "int a;\n" * (FILE_MAX + 1)},
    "a long function": {"core/src/base/a.c": function(FUNCTION_MAX + 1)},
    "a long function after others": {"tests/unit/a.c": function(9) + function(FUNCTION_MAX + 1)},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
