#!/usr/bin/env python3
"""Every header compiles alone, and twice: public ones as C99, C11 and C++17, internal ones as C11."""
import os
import shutil

import harness

STRICT = ["-Wall", "-Wextra", "-Werror", "-Wpedantic", "-Wundef"]
PUBLIC = [["-x", "c", "-std=c99"], ["-x", "c", "-std=c11"], ["-x", "c++", "-std=c++17"]]
INTERNAL = [["-x", "c", "-std=c11", "-D_POSIX_C_SOURCE=200809L"]]


def compilers(options):
    return {"c": options.cc, "c++": os.environ.get("CXX") or shutil.which("g++") or "c++"}


def attempt(options, header, language, public):
    """A problem with one header in one language, or None."""
    path = os.path.join(options.root, header)
    flags = [f"-I{folder}" for folder in options.include.split(";") if folder]
    if public:
        # As a user has it: only what is installed is in reach.
        flags = [flag for flag in flags if flag.endswith(("core/include", "generated/public"))]
    source = f'#include "{path}"\n#include "{path}"\ntypedef int rove_nothing_else;\n'
    errors = harness.compile_errors([compilers(options)[language[1]], *language, *STRICT, *flags], source)
    return f"{header} does not compile alone ({' '.join(language)}):\n{errors}" if errors else None


def find(options):
    jobs = []
    for header in harness.files(options.root, harness.CODE_FOLDERS, (".h",)):
        public = header.startswith("core/include/") or header == "platform/posix/posix.h"
        jobs += [(options, header, language, public) for language in (PUBLIC if public else INTERNAL)]
    return list(filter(None, harness.in_parallel(lambda job: attempt(*job), jobs)))


CLEAN = {
    "core/include/rove/status.h":
        "#ifndef S_H\n#define S_H\n#include <stddef.h>\nsize_t rove_status(void);\n#endif\n",
    "core/src/base/buf.h":
        '#ifndef B_H\n#define B_H\n#include "rove/status.h"\n'
        "_Static_assert(sizeof(size_t) > 1, \"\");\nstruct buf { size_t size; };\n#endif\n",
}
PLANTED = {
    "a type that is not declared": {"core/src/base/buf.h": "uint8_t rove__byte(void);\n"},
    "no include guard": {"core/src/base/buf.h": "struct buf { int size; };\n"},
    "a C++ keyword in a public header": {"core/include/rove/new.h": "int rove_make(int new);\n"},
    "C11 in a public header": {"core/include/rove/new.h": '_Static_assert(1, "");\n'},
    "a public header that includes an internal one":
        {"core/include/rove/new.h": '#include "base/buf.h"\n'},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
