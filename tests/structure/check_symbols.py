#!/usr/bin/env python3
"""What librove.a needs and what the libraries offer.

The core library uses no clock, randomness, file, socket, thread or environment of the operating system,
and no memory but its allocator's. All names that it defines begin with rove_; the shared library exports
those without a double underscore, and of the others all that entities.pb-c.h declares and no more.
"""
import os
import re
import subprocess

import harness

FORBIDDEN = re.compile(r"""^(
    time|gettimeofday|clock|clock_gettime|timespec_get|nanosleep|sleep|usleep|localtime.*|gmtime.*|mktime|
    s?rand(_r)?|s?random(_r)?|[dlm]rand48|arc4random.*|getrandom|getentropy|
    open(at)?(64)?|creat|read|write|pread(64)?|pwrite(64)?|close|fsync|fdatasync|unlink|rename|stat|fstat|
    mmap|munmap|fopen(64)?|fread|fwrite|fclose|fputs|puts|printf|fprintf|putchar|perror|remove|
    socket|connect|bind|listen|accept|send(to|msg)?|recv(from|msg)?|poll|select|epoll_.*|getaddrinfo|
    (secure_)?getenv|setenv|system|fork|exec.*|exit|_exit|signal|sigaction|pthread_.*|thrd_.*|mtx_.*|cnd_.*|
    malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strn?dup|
    strcpy|strcat|sprintf|vsprintf|atoi|atol|strtok|gets|(__isoc99_)?v?f?s?scanf
    )(_chk)?$""", re.VERBOSE)


def nm(*arguments):
    """[(type letter, name)]"""
    done = subprocess.run(["nm", "--format=posix", *arguments], check=True, capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return [(row[1], row[0].split("@")[0]) for row in rows if len(row) >= 2 and not row[0].endswith(":")]


def archive_problems(archive):
    problems = set()
    for kind, name in nm(archive):
        if kind == "U" and FORBIDDEN.match(name):
            problems.add(f"the core library uses {name}")
        if kind in "TDBRCV" and not name.startswith("rove_"):
            problems.add(f"the core library defines {name}, without rove_ in front")
    return sorted(problems)


def declared(options):
    """What the generated header of the entities declares."""
    for folder in options.include.split(";"):
        path = os.path.join(folder, "rove/entities.pb-c.h")
        if os.path.exists(path):
            text = harness.without_comments(harness.read("", path))
            return set(re.findall(r"\b(rove__\w+)\s*(?=[(;])", text))
    return set()


def shared_problems(library, entities):
    exported = {name for kind, name in nm("--dynamic", "--defined-only", library) if kind != "A"}
    problems = [f"the shared library exports {name}" for name in sorted(exported)
                if not re.match(r"rove_[^_]", name) and name not in entities]
    return problems + [f"the shared library does not export {name}" for name in sorted(entities - exported)]


def find(options):
    """The self-check's trees bring a source, which is compiled into a library here."""
    archive = options.archive
    source = os.path.join(options.root, "planted.c")
    if os.path.exists(source):
        archive = os.path.join(options.root, "librove.a")
        shared = os.path.join(options.root, "librove.so")
        subprocess.run([options.cc, "-w", "-fPIC", "-c", source, "-o", archive], check=True)
        subprocess.run([options.cc, "-shared", archive, "-o", shared], check=True)
    if not archive or not os.path.exists(archive):
        return []
    problems = archive_problems(archive)
    shared = archive[:-len(".a")] + ".so"
    if os.path.exists(shared):
        problems += shared_problems(shared, declared(options))
    return problems


CLEAN = {"planted.c": "#include <string.h>\nunsigned rove_size(const char *t) { return strlen(t); }\n"}
PLANTED = {
    "a clock": {"planted.c": "#include <time.h>\nlong rove_now(void) { return time(0); }\n"},
    "a file": {"planted.c": "#include <fcntl.h>\nint rove_open(void) { return open(\"a\", 0); }\n"},
    "a thread": {"planted.c": "#include <pthread.h>\nvoid rove_go(pthread_mutex_t *m)"
                              " { pthread_mutex_lock(m); }\n"},
    "the address of malloc": {"planted.c": "#include <stdlib.h>\nvoid *(*rove_get(void))(size_t)"
                                           " { return malloc; }\n"},
    "a name without rove_": {"planted.c": "int helper(void) { return 1; }\n"},
    "an internal name that is exported": {"planted.c": "int rove__helper(void) { return 1; }\n"},
    "a name of an entity that is not exported":
        {"core/include/rove/entities.pb-c.h": "void   rove__account__init\n    (Rove__Account *message);\n"},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
