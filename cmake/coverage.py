#!/usr/bin/env python3
"""Line and branch coverage per folder and file, from gcov's JSON, for a build with --coverage, and whether it is what is
required of parts of core.

usage: coverage.py BUILD_FOLDER [--check] [--missing PATH]...

--check          ends with 1 when less is reached than required
--missing PATH   shows the lines of the sources whose path begins so that have a branch never taken, and nothing else

Branches that exist only because a called function might not return (gcov marks them "throw") are not
counted. Only our own sources count: tests and generated code do not.
"""
import argparse
import collections
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OURS = ("core/src/", "platform/", "server-stub/")

# How many percent of the branches of the sources whose path begins so have to be taken.
REQUIRED = (("core/src/merge/", 100), ("core/src/wire/", 100), ("core/src/sync/judge", 100),
            ("core/src/sync/pull", 100), ("core/src/", 90))


def read_counts(build):
    """{source: ({line: count}, {(line, index): count})}, summed over all objects."""
    lines = collections.defaultdict(collections.Counter)
    branches = collections.defaultdict(collections.Counter)
    for folder, _, names in os.walk(build):
        notes = [os.path.join(folder, name) for name in names if name.endswith(".gcno")]
        if not notes:
            continue
        for note in notes:  # gcov fails on counts of what was compiled again since
            data = note[:-len(".gcno")] + ".gcda"
            if os.path.exists(data) and os.path.getmtime(data) < os.path.getmtime(note):
                os.remove(data)
        gcov = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", *notes],
                              check=False, capture_output=True, text=True)
        if gcov.returncode != 0:  # what it could not read counts as never executed
            print(f"{folder}: gcov: {gcov.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        for document in filter(None, gcov.stdout.splitlines()):
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


def share(counts):
    hit = sum(1 for count in counts if count)
    return f"{100 * hit / len(counts):6.1f} %" if counts else "     - "


def print_table(counts):
    folders = collections.defaultdict(lambda: ([], []))
    for source, (lines, branches) in counts.items():
        for name in (source, os.path.dirname(source) + "/", source.split("/")[0] + "/", "all"):
            folders[name][0].extend(lines.values())
            folders[name][1].extend(branches.values())
    print(f"{'':48}   lines   branches")
    for name in sorted(folders, key=lambda name: (name == "all", name)):
        print(f"{name:48} {share(folders[name][0])} {share(folders[name][1])}")


def print_required(counts):
    """Whether all that is required is reached."""
    reached = True
    print("\nrequired branches")
    for start, percent in REQUIRED:
        taken = [count for source, (_, branches) in counts.items() if source.startswith(start)
                 for count in branches.values()]
        hit = sum(1 for count in taken if count)
        enough = hit > 0 and 100 * hit >= percent * len(taken)
        reached = reached and enough
        print(f"{start + '*':48} {share(taken)} of {percent:3} %: {hit} of {len(taken)}, "
              f"{'reached' if enough else 'MISSED'}")
    return reached


def print_missing(counts, starts):
    """Each line with a branch never taken: how many of its branches are, and what it says."""
    for source, (_, branches) in counts.items():
        if not source.startswith(tuple(starts)):
            continue
        with open(os.path.join(ROOT, source), encoding="utf-8") as file:
            text = file.read().splitlines()
        taken = collections.defaultdict(list)
        for (line, _), count in sorted(branches.items()):
            taken[line].append(count)
        for line, each in taken.items():
            if not all(each):
                numbers = " ".join(str(count) for count in each)
                print(f"{source}:{line}: [{numbers}] {text[line - 1].strip()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--missing", metavar="PATH", action="append")
    arguments = parser.parse_args()
    counts = read_counts(arguments.build)
    if arguments.missing:
        print_missing(counts, arguments.missing)
        return 0
    print_table(counts)
    reached = print_required(counts)
    return 1 if arguments.check and not reached else 0


if __name__ == "__main__":
    sys.exit(main())
