#!/usr/bin/env python3
"""Banned calls do not compile: each of them is tried, and every source of ours is built with the ban."""
import json
import os

import harness

EVERYWHERE = """strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets atoi atol atoll atof strtok
    localtime gmtime ctime asctime rand srand tmpnam""".split()
CORE = """malloc calloc realloc free aligned_alloc strdup strndup alloca time clock timespec_get mktime
    strftime random getenv system exit fopen printf vprintf fprintf vfprintf puts fputs putchar perror
    scanf sscanf snprintf vsnprintf""".split()
# What has to stay possible, in core too.
FINE = """
#include <string.h>
struct clock_port { long time; void (*free)(void *pointer); };
__attribute__((format(printf, 1, 2))) void report(const char *format, ...);
long now(struct clock_port *port);
long now(struct clock_port *port) { report("%d", (int)strlen("a")); return port->time; }
"""


def compile_with_ban(options, flags, source):
    return harness.compile_errors(
        [options.cc, "-x", "c", "-std=c11", "-w", *flags,
         "-I" + os.path.join(options.root, "core/src"), "-include", "base/banned.h"], source)


def tried(options):
    if not os.path.exists(os.path.join(options.root, "core/src/base/banned.h")):
        return ["core/src/base/banned.h is missing"]
    jobs = [(name, []) for name in EVERYWHERE] + [(name, ["-DROVE__CORE"]) for name in EVERYWHERE + CORE]

    def attempt(job):
        name, flags = job
        said = compile_with_ban(options, flags, f"void f(void);\nvoid f(void) {{ {name}(0, 0); }}\n")
        return None if f"rove__{name}_is_banned" in said else f"{name}() compiles with {flags or 'no flag'}"
    problems = list(filter(None, harness.in_parallel(attempt, jobs)))
    for flags in ([], ["-DROVE__CORE"]):
        said = compile_with_ban(options, flags, FINE)
        if said:
            problems.append(f"harmless code does not compile with {flags}: {said}")
    return problems


def built(options):
    """Problems in how the real build compiles our sources; a planted tree has its commands in its root."""
    folder = options.root if options.planted else os.path.dirname(options.archive)
    database = os.path.join(folder, "compile_commands.json")
    if not os.path.exists(database):
        return ["there is no compile_commands.json beside the library"] if options.archive else []
    problems = []
    with open(database, encoding="utf-8") as file:
        commands = json.load(file)
    for entry in commands:
        path = os.path.relpath(os.path.join(options.root, entry["file"]), options.root)
        if not path.startswith(tuple(folder + "/" for folder in harness.CODE_FOLDERS)):
            continue
        if "-include base/banned.h" not in entry["command"]:
            problems.append(f"{path} is compiled without base/banned.h")
        if path.startswith("core/") and "-DROVE__CORE" not in entry["command"]:
            problems.append(f"{path} is compiled without ROVE__CORE")
    return problems


def find(options):
    return tried(options) + built(options)


HEADER = harness.read(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                      "core/src/base/banned.h")
CLEAN = {"core/src/base/banned.h": HEADER,
         "compile_commands.json": json.dumps([
             {"file": "core/src/base/a.c", "command": "cc -DROVE__CORE -include base/banned.h -c a.c"},
             {"file": "platform/cli/a.c", "command": "cc -include base/banned.h -c a.c"},
             {"file": "tests/unit/a.c", "command": "cc -c a.c"}])}


def compiled(path, flags):
    return {"compile_commands.json": json.dumps([{"file": path, "command": f"cc {flags} -c {path}"}])}


PLANTED = {
    "a source is built without the ban": compiled("platform/cli/a.c", ""),
    "a source of core is built without its list": compiled("core/src/base/a.c", "-include base/banned.h"),
    "strcpy is allowed": {"core/src/base/banned.h":
                          HEADER.replace("#define strcpy(...) ROVE__BANNED(strcpy)", "")},
    "malloc is allowed": {"core/src/base/banned.h":
                          HEADER.replace("#define malloc(...) ROVE__BANNED(malloc)", "")},
    "time is no name for a field": {"core/src/base/banned.h":
                                    HEADER.replace("#define time(...)", "#define time")},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
