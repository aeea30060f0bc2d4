#!/usr/bin/env python3
"""Every function that users may call is called in an example, and the tests compile and run the examples."""
import re

import check_comments
import harness


def functions(root):
    """{name: header} of what the installed headers declare."""
    found = {}
    installed = harness.files(root, ("core/include",), (".h",)) + harness.files(root, ("platform/posix",), ("posix.h",))
    for header in installed:
        for _, piece in check_comments.declarations(harness.read(root, header)):
            plain = re.sub("[\x01\x02]", " ", piece).strip()
            name = re.search(r"\b(rove_\w+)\s*\(", plain)
            if name and not plain.startswith("typedef") and "{" not in plain:
                found[name.group(1)] = header
    return found


def find(options):
    text = "".join(harness.without_comments(harness.read(options.root, path))
                   for path in harness.files(options.root, ("docs/examples",), (".c", ".h")))
    called = set(re.findall(r"\b(rove_\w+)\s*\(", text))
    return [f"{header}: {name} is in no example" for name, header in functions(options.root).items()
            if name not in called]


HEADER = """/* rove/a.h - a. */
typedef struct rove_a {
    int (*rove_call)(void *ctx); /* called */
} rove_a;
/* Does a. */
int rove_do_a(rove_a *a);
"""
CLEAN = {"core/include/rove/a.h": HEADER, "platform/posix/posix.h": "/* Does b. */\nint rove_posix_b(void);\n",
         "docs/examples/a.c": "int main(void) { return rove_do_a(0) + rove_posix_b(); }\n"}
PLANTED = {
    "a function without an example": {"core/include/rove/b.h": "/* Does c. */\nint rove_do_c(void);\n"},
    "one of the platform": {"docs/examples/a.c": "int main(void) { return rove_do_a(0); }\n"},
    "one that is only spoken of": {"docs/examples/a.c": "int main(void) { return rove_do_a(0); } /* rove_posix_b() */\n"},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
