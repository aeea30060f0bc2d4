#!/usr/bin/env python3
"""Every function of a public header has a comment before it, its own or that of the declarations right
above it, with no empty line between; every source opens with one."""
import re

import harness


def declarations(text):
    """[(line number, text)] of what stands at file level; a comment that starts a line becomes \\x01,
    its line ends \\x02, so that an empty line is one of code."""
    text = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda match: "\n" * match.group(0).count("\n"), text,
                  flags=re.MULTILINE)
    text = re.sub(r"(^[ \t]*)?/\*.*?\*/|//[^\n]*",
                  lambda match: ("\x01" if match.group(1) is not None else " ")
                  + "\x02" * match.group(0).count("\n"), text, flags=re.DOTALL | re.MULTILINE)
    text = text.replace('extern "C" {', "            ")
    found, start, depth = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth <= 0 and character in ";}":
            depth = 0
            piece = text[start:position + 1]
            line = len(re.findall("[\n\x02]", text[:position])) + 1
            found.append((line, piece))
            start = position + 1
    return found


def find(options):
    problems = []
    for header in harness.files(options.root, ("core/include",), (".h",)):
        commented = False
        for number, piece in declarations(harness.read(options.root, header)):
            plain = re.sub("[\x01\x02]", " ", piece).strip()
            # What stands before the declaration, back to the last empty line.
            before = piece[:len(piece) - len(piece.lstrip(" \n\x01\x02"))]
            apart = list(re.finditer(r"\n[ \t]*\n", before))
            if apart:
                commented, before = False, before[apart[-1].end() - 1:]
            commented = commented or "\x01" in before
            name = re.search(r"\b(rove_\w+)\s*\(", plain)
            if name and not plain.startswith("typedef") and "{" not in plain and not commented:
                problems.append(f"{header}:{number}: {name.group(1)} has no comment before it")
    for path in harness.files(options.root, harness.CODE_FOLDERS + ("tests", "bench"), (".c", ".h")):
        if not harness.read(options.root, path).startswith(("/*", "//")):
            problems.append(f"{path}:1: does not open with a comment that says what it is")
    return problems


GOOD = """/* rove/a.h - a. */
#ifdef __cplusplus
extern "C" {
#endif
#define ROVE_CALL(x) rove_call(x)
/* A struct. */
typedef struct rove_a {
    int (*call)(void *ctx); /* called */
    int b;                  /* kept */
} rove_a;
/*
 * Does a.
 */
ROVE_CHECK rove_status rove_do_a(rove_a *a,
                                 int b);
/* Does b. */
int rove_do_b(void);
int rove_do_b_again(void);

/* Does c. */
int rove_do_c(void);
#ifdef __cplusplus
}
#endif
"""
CLEAN = {"core/include/rove/a.h": GOOD, "core/src/base/a.c": "/* a.c - a. */\n"}
PLANTED = {
    "a function without a comment": {"core/include/rove/a.h": GOOD.replace("/* Does c. */\n", "")},
    "a remark behind the one before is no comment":
        {"core/include/rove/a.h": GOOD.replace("again(void);\n\n/* Does c. */", "again(void); /* remark */\n")},
    "an empty line after the comment": {"core/include/rove/a.h": GOOD.replace("/* Does c. */", "/* Does c. */\n")},
    "a source without an opening comment": {"core/src/base/a.c": "int rove__a;\n"},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
