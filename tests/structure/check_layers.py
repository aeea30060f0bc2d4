#!/usr/bin/env python3
"""Layers point one way: an include that points up, or to a sibling, is a problem.

    base < model < {merge, wire, rules} < store < sync < field < client; base < vault < store
Core knows nothing of platform and server-stub. Headquarters sees base, model, merge, wire, rules, the
parts of sync that are not the device's, and platform/posix.
"""
import os
import re

import harness

BELOW = {
    "base": set(),
    "model": {"base"},
    "merge": {"base", "model"},
    "wire": {"base", "model"},
    "rules": {"base", "model"},
    "vault": {"base"},
    "store": {"base", "model", "merge", "wire", "rules", "vault"},
    "sync": {"base", "model", "merge", "wire", "rules", "store"},
    "field": {"base", "model", "merge", "wire", "rules", "store", "sync"},
    "client": {"base", "model", "merge", "wire", "rules", "vault", "store", "sync", "field"},
}
SHARED = {"base", "model", "merge", "wire", "rules", "sync"}
OS_HEADER = re.compile(r"^(unistd|pthread|threads|fcntl|dirent|netdb|poll|signal|windows|dlfcn|termios|"
                       r"semaphore)\.h$|^(sys|arpa|netinet|net|linux)/")


def resolve(root, path, what):
    """The file that an include of ours names, relative to root, or None."""
    part = path.split("/")[0]
    folders = [os.path.dirname(path)]
    if part == "platform":
        folders += ["platform"]
    elif part == "server-stub":
        folders += ["server-stub", "platform"]
    folders += ["core/include", "core/src"]
    if part == "core":
        folders += ["platform", "server-stub"]
    for folder in folders:
        candidate = os.path.normpath(os.path.join(folder, what))
        if os.path.isfile(os.path.join(root, candidate)):
            return candidate
    return None


def allowed(path, target):
    """Whether the file at path may include the one at target."""
    here, there = path.split("/"), target.split("/")
    if target.startswith("core/include/"):
        return True
    if path.startswith("core/include/"):
        return False
    if path.startswith("core/src/"):
        if not target.startswith("core/src/"):
            return False
        module, other = here[2], there[2]
        if other == "store" and module == "sync" and not here[-1].startswith("device"):
            return False
        return other == module or other in BELOW.get(module, set())
    if path.startswith("server-stub/"):
        if target.startswith("core/src/"):
            return there[2] in SHARED and not (there[2] == "sync" and there[-1].startswith("device"))
        return target.startswith(("server-stub/", "platform/posix/"))
    if target.startswith("core/src/"):
        return there[2] == "base" or here[1] == "sim"
    return target.startswith("platform/") and (there[1] in (here[1], "posix") or here[1] == "sim")


def find(options):
    problems = []
    for path in harness.files(options.root, harness.CODE_FOLDERS, (".c", ".h", ".def")):
        module = path.split("/")[2] if path.startswith("core/src/") and path.count("/") > 2 else None
        if module and module not in BELOW:
            problems.append(f"{path}: {module} is not a layer of core")
        for number, quote, what in harness.includes(options.root, path):
            if quote == "<":
                if path.startswith("core/") and OS_HEADER.match(what):
                    problems.append(f"{path}:{number}: core includes <{what}> of the operating system")
                continue
            target = resolve(options.root, path, what)
            if target is None:
                if not what.endswith(".pb-c.h"):
                    problems.append(f"{path}:{number}: there is no {what}")
            elif not allowed(path, target):
                problems.append(f"{path}:{number}: may not include {target}")
    return problems


CLEAN = {
    "core/include/rove/status.h": "",
    "core/src/base/buf.h": '#include "rove/status.h"\n',
    "core/src/model/row.h": '#include "base/buf.h"\n#include "rove/entities.pb-c.h"\n',
    "core/src/merge/merge.h": '#include "model/row.h"\n',
    "core/src/wire/frame.h": '#include "model/row.h"\n',
    "core/src/vault/vfs.h": '#include "base/buf.h"\n#include "rove/status.h"\n',
    "core/src/store/store.h": '#include "wire/frame.h"\n#include "merge/merge.h"\n#include "vault/vfs.h"\n',
    "core/src/sync/server.h": '#include "wire/frame.h"\n',
    "core/src/sync/device.h": '#include "store/store.h"\n',
    "core/src/client/client.c": '#include "sync/device.h"\n#include <string.h>\n',
    "platform/posix/posix.h": '#include "rove/status.h"\n',
    "platform/posix/files.c": '#include "posix/posix.h"\n#include <unistd.h>\n',
    "server-stub/store/port.h": "",
    "server-stub/main.c": '#include "store/port.h"\n#include "sync/server.h"\n#include "posix/posix.h"\n',
}
PLANTED = {
    "model includes store": {"core/src/model/row.h": '#include "store/store.h"\n'},
    "wire includes its sibling merge": {"core/src/wire/frame.h": '#include "merge/merge.h"\n'},
    "a sibling by a relative path": {"core/src/wire/frame.h": '#include "../merge/merge.h"\n'},
    "vault includes model": {"core/src/vault/vfs.h": '#include "model/row.h"\n'},
    "headquarters includes vault": {"server-stub/main.c": '#include "vault/vfs.h"\n'},
    "a public header includes an internal one":
        {"core/include/rove/status.h": '#include "base/buf.h"\n'},
    "core includes platform": {"core/src/client/client.c": '#include "posix/posix.h"\n'},
    "core includes server-stub": {"core/src/client/client.c": '#include "store/port.h"\n'},
    "core includes the operating system": {"core/src/client/client.c": "#include <unistd.h>\n"},
    "the server's half of sync includes store":
        {"core/src/sync/server.h": '#include "store/store.h"\n'},
    "server-stub includes store": {"server-stub/main.c": '#include "store/store.h"\n'},
    "server-stub includes the device's sync": {"server-stub/main.c": '#include "sync/device.h"\n'},
    "platform includes model": {"platform/posix/files.c": '#include "model/row.h"\n'},
    "an unknown module": {"core/src/utils/misc.c": ""},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
