#!/usr/bin/env python3
"""What is installed can be used: a program finds librove by pkg-config, and by CMake's find_package."""
import os
import subprocess
import tempfile

import harness

PROGRAM = """#include <rove/entities.pb-c.h>
#include <rove/posix.h>
#include <rove/rove.h>
int main(void) {
    Rove__Account account = ROVE__ACCOUNT__INIT;
    rove_random random;
    char byte;
    rove_posix_random(&random);
    if (rove__account__get_packed_size(&account) != 0) {
        return 1;
    }
    return random.fill(random.ctx, &byte, 1) != ROVE_OK || rove_status_text(ROVE_OK)[0] != 'D';
}
"""
PROJECT = """cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(rove REQUIRED)
foreach(library static shared)
    add_executable(with_${library} "%s")
    target_link_libraries(with_${library} PRIVATE rove::posix rove::${library})
endforeach()
"""


def run(problems, *command, **environment):
    """What a command prints; nothing is run once there is a problem."""
    if problems:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          env={**os.environ, **environment})
    if done.returncode:
        problems.append(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def with_pkg_config(options, problems, program, prefix, folder):
    path = os.path.join(prefix, "lib/pkgconfig")
    flags = run(problems, "pkg-config", "--cflags", "--libs", "rove-posix", PKG_CONFIG_PATH=path).split()
    user = os.path.join(folder, "user")
    run(problems, options.cc, "-std=c99", program, "-o", user, *flags)
    run(problems, user, LD_LIBRARY_PATH=os.path.join(prefix, "lib"))


def with_cmake(problems, program, prefix, folder):
    source, build = os.path.join(folder, "project"), os.path.join(folder, "build")
    os.mkdir(source)
    with open(os.path.join(source, "CMakeLists.txt"), "w", encoding="utf-8") as file:
        file.write(PROJECT % program)
    run(problems, "cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}")
    run(problems, "cmake", "--build", build)
    for name in ("with_static", "with_shared"):
        run(problems, os.path.join(build, name))


def find(options):
    build = os.path.dirname(options.built)
    if not os.path.exists(os.path.join(build, "librove_posix.a")):
        return [] if not options.planted or "rove__" not in harness.read(options.root, "program.c") else ["-"]
    problems = []
    # pkg-config splits its answer at spaces, so the prefix has none.
    with tempfile.TemporaryDirectory(prefix="rove-package-") as folder:
        prefix = os.path.join(folder, "prefix")
        program = os.path.join(folder, "program.c")
        with open(program, "w", encoding="utf-8") as file:
            file.write(harness.read(options.root, "program.c") if options.planted else PROGRAM)
        run(problems, "cmake", "--install", build, "--prefix", prefix)
        with_pkg_config(options, problems, program, prefix, folder)
        if not options.planted:
            with_cmake(problems, program, prefix, folder)
    return problems


CLEAN = {"program.c": "int main(void) { return 0; }\n"}
PLANTED = {
    "an internal name is in reach of users":
        {"program.c": "int rove__utf8_valid(const void *, unsigned long);\n"
                      "int main(void) { return rove__utf8_valid(\"\", 0) == 7; }\n"},
    "an internal header is installed": {"program.c": "#include <base/text.h>  /* rove__ */\nint main(void)"
                                                     " { return 0; }\n"},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
