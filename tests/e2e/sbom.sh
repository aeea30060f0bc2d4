#!/bin/sh
# The list of parts of a release names every library that the linker took into a program, and nothing else; each with a version, a
# licence and its package; twice the same, whenever and wherever it is written.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

command -v dpkg-query >/dev/null 2>&1 || skip 'no dpkg'
command -v readelf >/dev/null 2>&1 || skip 'no readelf'
root=${ROVE_SOURCE_DIR:-$here/../..}
sbom() { "$python" -I "$root/cmake/sbom.py" 1.2.3 "$@"; }

# taken PROGRAM...: the names of what the linker took.
taken() { readelf -d "$@" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u; }

tell 'it names what the linker took'
must sbom "$ROVE_BIN" "$ROVE_HQ_BIN"
is_json
cp "$work/out" "$work/list"
"$python" -I -c 'import json, sys
list = json.load(open(sys.argv[1]))
for part in list["components"]:
    for property in part["properties"]:
        if property["name"] == "rove:library":
            print(property["value"])' "$work/list" | sort >"$work/listed"
taken "$ROVE_BIN" "$ROVE_HQ_BIN" >"$work/taken"
[ -s "$work/taken" ] || fail 'the programs need no library'
same 'every library, once' "$(cat "$work/taken")" "$(cat "$work/listed")"

tell 'each part says what it is, and each program what it needs'
must "$python" -I -c 'import json, sys
list = json.load(open(sys.argv[1]))
assert (list["bomFormat"], list["specVersion"]) == ("CycloneDX", "1.5")
refs = {part["bom-ref"] for part in list["components"]}
assert len(refs) == len(list["components"]) > 5
for part in list["components"]:
    assert part["name"] and part["version"] and part["licenses"][0] and part["purl"].startswith("pkg:deb/debian/"), part
needs = {program["ref"]: set(program["dependsOn"]) for program in list["dependencies"]}
assert set(needs) == {"rove", "rove-hq"} and needs["rove"] | needs["rove-hq"] == refs
assert any("/libcurl4@" in ref for ref in needs["rove"] - needs["rove-hq"])' "$work/list"
same 'the version of SQLite that is here' 1 \
    "$(grep -cF "\"version\": \"$(dpkg-query -W -f '${Version}' libsqlite3-dev)\"" "$work/list")"

tell 'the same again, with nothing of when and where'
must env TZ=Asia/Tokyo SOURCE_DATE_EPOCH=1 "$python" -I "$root/cmake/sbom.py" 1.2.3 "$ROVE_BIN" "$ROVE_HQ_BIN"
same 'the same bytes' "$(sha256sum <"$work/list")" "$(sha256sum <"$work/out")"
for word in "$(uname -n)" "$work" "$root" timestamp serialNumber "$(date +%Y-%m-%d)"; do
    if grep -qF -e "$word" "$work/list"; then fail "it says $word"; fi
done

tell 'what is from no package is not passed over'
mkdir "$work/lib"
cp "$(ldd "$ROVE_HQ_BIN" | sed -n 's/.*libcsv[^ ]* => \([^ ]*\) .*/\1/p')" "$work/lib/"
run env LD_LIBRARY_PATH="$work/lib" "$python" -I "$root/cmake/sbom.py" 1.2.3 "$ROVE_HQ_BIN"
[ "$code" -ne 0 ] || fail 'a library of nobody is listed'
says "no package owns $work/lib/libcsv"
