#!/usr/bin/env python3
"""The parts of a release, as CycloneDX 1.5 JSON: the shared libraries that the linker took into each program, with name, version,
licence and the package that they come from.

usage: sbom.py VERSION PROGRAM...

A library is what the dynamic section of a program names (NEEDED), its file what the loader finds for that here, and its package
the one that owns the file (dpkg): so it is to be run where the release is built. The same build gives the same bytes: there is
no time in it, no path and no name of a machine. A library that no package owns, or of which no licence is known, is a failure.
"""
import json
import os
import re
import subprocess
import sys
import urllib.parse

# Debian's short names, and how SPDX calls them; None: SPDX has no identifier, and the name stands as it is.
LICENCES = {"Expat": "MIT", "curl": "curl", "Apache-2.0": "Apache-2.0", "BSD-2-Clause": "BSD-2-Clause",
            "BSD-3-clause": "BSD-3-Clause", "GPL-2": "GPL-2.0-only", "CC0": "CC0-1.0",
            "LGPL-2.1+": "LGPL-2.1-or-later", "public-domain": None}
# Of packages whose copyright file is prose: its words, read by hand.
READ_BY_HAND = {"glibc": "LGPL-2.1+", "gnutls28": "LGPL-2.1+"}


def output(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def needed(program):
    """The names of the libraries that the linker took."""
    return re.findall(r"\(NEEDED\)\s+Shared library: \[([^\]]+)\]", output("readelf", "-d", program))


def files(program):
    """{name: file} of what the loader finds."""
    found = {}
    for line in output("ldd", program).splitlines():
        match = re.match(r"\s*(\S+)(?: => (\S+))? \(0x", line)
        if match:
            path = match.group(2) or match.group(1)
            found[os.path.basename(match.group(1))] = path
    return found


def owner(path):
    """The package that owns a file; a file may be known by the path before /usr was merged."""
    real = os.path.realpath(path)
    for candidate in (path, real, real.removeprefix("/usr"), "/usr" + path):
        found = subprocess.run(["dpkg-query", "-S", candidate], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.split(": ")[0].split(",")[0].strip()
    raise SystemExit(f"sbom.py: no package owns {path}")


def licence(package, source):
    """What the copyright file says of all files that it does not name singly."""
    name = READ_BY_HAND.get(source)
    if name is None:
        with open(f"/usr/share/doc/{package.split(':')[0]}/copyright", encoding="utf-8", errors="replace") as file:
            match = re.search(r"^Files: \*\n(?:.*\n)*?License: *(.+)$", file.read(), re.MULTILINE)
        name = match.group(1).strip() if match else ""
    words = re.split(r" (?:or|and) ", name)
    if not all(word in LICENCES for word in words):
        raise SystemExit(f"sbom.py: the licence of {package} ({name or 'prose'}) is not known: add it to {__file__}")
    if len(words) > 1:
        joint = " AND " if " and " in name else " OR "
        return {"expression": joint.join(LICENCES[word] or word for word in words)}
    known = LICENCES[words[0]]
    return {"license": {"id": known} if known else {"name": words[0]}}


def component(package, names):
    version, source, source_version = output(
        "dpkg-query", "-W", "-f", "${Version}\t${source:Package}\t${source:Version}", package).split("\t")
    name = package.split(":")[0]
    purl = f"pkg:deb/debian/{name}@{urllib.parse.quote(version, safe='')}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version,
            "licenses": [licence(package, source)], "purl": purl,
            "properties": [{"name": "rove:library", "value": library} for library in sorted(names)] +
            [{"name": "rove:source", "value": f"{source} {source_version}"}]}


def main(version, *programs):
    packages, depends = {}, []
    for program in programs:
        where, refs = files(program), set()
        for library in needed(program):
            if library not in where:
                raise SystemExit(f"sbom.py: {library}, which {program} needs, is not here")
            package = owner(where[library])
            packages.setdefault(package, set()).add(library)
            refs.add(package)
        depends.append((os.path.basename(program), refs))
    parts = {package: component(package, names) for package, names in packages.items()}
    ours = [{"type": "application", "bom-ref": name, "name": name, "version": version,
             "licenses": [{"license": {"id": "Apache-2.0"}}]} for name, _ in depends]
    print(json.dumps({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "rove-release", "name": "rove-release", "version": version,
                                   "components": ours}},
        "components": sorted(parts.values(), key=lambda part: part["name"]),
        "dependencies": [{"ref": name, "dependsOn": sorted(parts[package]["bom-ref"] for package in refs)}
                         for name, refs in depends]}, indent=1))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
