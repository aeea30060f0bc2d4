#!/usr/bin/env python3
"""What a run leaves behind is no part of the tree: no folder at its root that is none of ours, no database, no key."""
import os
import re

import harness

ROOT = {"bench", "build", "cmake", "core", "demo", "docs", "packaging", "platform", "proto", "server-stub", "tests",
        "CHANGELOG.md", "CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "dev",
        "compile_commands.json"}
OURS = sorted(name for name in ROOT if "." not in name and name not in ("build", "LICENSE", "dev"))
IGNORED = r"\..*|sim-.*\.db.*|.*~" # by git
LEFT = r".*\.(db|db-\w+|key|der|box|tmp|log|profraw)|lock|core\.\d+"


def find(options):
    problems = [f"{name}: nothing of ours is called so" for name in sorted(os.listdir(options.root))
                if name not in ROOT and not re.fullmatch(IGNORED, name)]
    for path in harness.files(options.root, OURS, ("",)):
        if re.fullmatch(LEFT, os.path.basename(path)):
            problems.append(f"{path}: a run has left it")
    return problems


CLEAN = {"README.md": "", "core/src/base/lock.c": "", "tests/regress/a.trace": "", "build/dev/hq.db": "", ".git/config": ""}
PLANTED = {
    "a folder of a test": {"hq.Xuho99/notes": ""},
    "a file of a test": {"said": ""},
    "a key": {"tests/unit/ca.key": ""},
    "a database": {"tests/sim/sim-0-hq.db": ""},
    "its log": {"tests/sim/sim-0-hq.db-wal": ""},
    "a lock": {"server-stub/lock": ""},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
