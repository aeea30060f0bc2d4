#!/usr/bin/env python3
"""Line and branch coverage per folder, from gcov's JSON, for a build with --coverage.

usage: coverage.py BUILD_FOLDER

Branches that exist only because a called function might not return (gcov marks them "throw") are not
counted. Only our own sources count: tests and generated code do not.
"""
import collections
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OURS = ("core/src/", "platform/", "server-stub/")


def read_counts(build):
    """{source: ({line: count}, {(line, index): count})}, summed over all objects."""
    lines = collections.defaultdict(collections.Counter)
    branches = collections.defaultdict(collections.Counter)
    for folder, _, names in os.walk(build):
        notes = [os.path.join(folder, name) for name in names if name.endswith(".gcno")]
        if not notes:
            continue
        output = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", *notes],
                                check=True, capture_output=True, text=True).stdout
        for document in filter(None, output.splitlines()):
            for file in json.loads(document)["files"]:
                source = os.path.relpath(os.path.join(ROOT, file["file"]), ROOT)
                if not source.startswith(OURS):
                    continue
                for line in file["lines"]:
                    lines[source][line["line_number"]] += line["count"]
                    for index, branch in enumerate(line["branches"]):
                        if not branch["throw"]:
                            branches[source][(line["line_number"], index)] += branch["count"]
    return {source: (lines[source], branches[source]) for source in sorted(lines)}


def share(counter):
    hit = sum(1 for count in counter if count)
    return f"{100 * hit / len(counter):6.1f} %" if counter else "     - "


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    counts = read_counts(sys.argv[1])
    folders = collections.defaultdict(lambda: ([], []))
    for source, (lines, branches) in counts.items():
        for name in (source, os.path.dirname(source) + "/", "all"):
            folders[name][0].extend(lines.values())
            folders[name][1].extend(branches.values())
    print(f"{'':48}   lines   branches")
    for name in sorted(folders, key=lambda name: (name == "all", name)):
        print(f"{name:48} {share(folders[name][0])} {share(folders[name][1])}")


if __name__ == "__main__":
    main()
