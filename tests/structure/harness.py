"""What the structure checks share: options, walking the tree, and the self-check.

A check is a function find(options) that returns a list of problems, one line each. Before it looks at
the real tree it has to prove its teeth: it must find nothing in a small clean tree, and something in
every tree that differs from it by one planted violation.
"""
import argparse
import concurrent.futures
import contextlib
import copy
import os
import re
import subprocess
import sys
import tempfile

CODE_FOLDERS = ("core", "platform", "server-stub")
TEXT_ENDINGS = (".c", ".h", ".def", ".proto", ".py", ".sh", ".cmake", ".js", ".css", ".html", ".sql",
                ".md", ".txt", ".csv", ".json")


def main(find, clean, planted):
    """clean: {path: content}; planted: {what is wrong: {path: content}}, laid over the clean tree."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))))
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--include", default="", help="folders for -I, with ; between them")
    parser.add_argument("--archive", default="", help="the static library that was built")
    options = parser.parse_args()
    options.planted = False
    options.built = options.archive

    problems = []
    with tree(clean) as folder:
        for problem in find(at(options, folder)):
            problems.append(f"self-check: found in a clean tree: {problem}")
    for name, files in planted.items():
        with tree({**clean, **files}) as folder:
            if not find(at(options, folder)):
                problems.append(f"self-check: not found although planted: {name}")
    problems += find(options)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems; {len(planted)} planted ones tried")
    sys.exit(1 if problems else 0)


def at(options, folder):
    """The same options for another tree, which has nothing built."""
    options = copy.copy(options)
    options.root = folder
    options.archive = ""
    options.planted = True
    options.include = ";".join(os.path.join(folder, part) for part in
                               ("core/include", "core/src", "platform", "server-stub"))
    return options


@contextlib.contextmanager
def tree(files):
    with tempfile.TemporaryDirectory(prefix="rove structure ") as folder:
        for path, content in files.items():
            full = os.path.join(folder, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(content)
        yield folder


def files(root, folders, endings):
    """Paths relative to root, sorted, of the files below the folders with one of the endings."""
    found = []
    for folder in folders:
        for here, _, names in os.walk(os.path.join(root, folder)):
            found += [os.path.relpath(os.path.join(here, name), root) for name in names
                      if name.endswith(tuple(endings))]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def without_comments(text):
    """C without comments and without the contents of strings; line numbers stay."""
    def blank(match):
        piece = match.group(0)
        if piece[0] == '"' or piece[0] == "'":
            return piece[0] + piece[0]
        return " " + "\n" * piece.count("\n")
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', blank, text,
                  flags=re.DOTALL)


def includes(root, path):
    """[(line number, quote, what)] for each #include; quote is '"' or '<'."""
    found = []
    for number, line in enumerate(read(root, path).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if match:
            found.append((number, match.group(1), match.group(2)))
    return found


def compile_errors(arguments, source):
    """What the compiler says about a piece of source; empty if it likes it."""
    done = subprocess.run([*arguments, "-fsyntax-only", "-"], input=source, text=True,
                          capture_output=True, check=False)
    return done.stderr.strip() or "failed" if done.returncode else ""


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        return list(pool.map(function, items))
