#!/bin/sh
# Exports: what a rep writes out of his replica is sealed, and nobody else reads it; every change of the file is noticed.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
enrolled jo
must rep jo sync
must rep jo note add A00000 'Zanzibar canary'

tell 'all records into a sealed file, and out of it'
must rep jo export "$work/all.rove"
says 'sealed'
if grep -q Zanzibar "$work/all.rove"; then fail 'the file can be read'; fi
[ "$(stat -c %a "$work/all.rove")" = 600 ] || fail 'others may read the file'
must rep jo open-export "$work/all.rove"
says 'Zanzibar canary'
says '"entity":"Account"'

tell 'a query'
must rep jo --json export "$work/note.rove" "SELECT text FROM note"
same 'it says how many' 1 "$(field lines)"
must rep jo open-export "$work/note.rove"
printf '{"text":"Zanzibar canary"}\n' | cmp -s - "$work/out" || fail 'the rows are what the query gives'

tell 'it overwrites nothing, and leaves nothing behind when it fails'
run rep jo export "$work/all.rove"
exits 4
says 'File exists'
run rep jo export "$work/none.rove" 'SELECT nothing'
[ "$code" -ne 0 ] || fail 'there is no such column'
[ ! -e "$work/none.rove" ] || fail 'half a file is left'

tell 'changed and cut files'
cp "$work/all.rove" "$work/cut.rove"
truncate -s -1 "$work/cut.rove"
run rep jo open-export "$work/cut.rove"
exits 5
says 'CORRUPT'
printf 'x' | dd of="$work/note.rove" bs=1 seek=90 conv=notrunc status=none
run rep jo open-export "$work/note.rove"
exits 5
says 'CORRUPT'

tell 'another replica, and this one after its key was replaced'
enrolled ann
run rep ann open-export "$work/all.rove"
exits 5
says 'WRONG_KEY'
must rep jo key replace
run rep jo open-export "$work/all.rove"
exits 5
says 'WRONG_KEY'

tell 'readable, if that is asked for; and of a plain replica nothing else'
must rep jo export "$work/open.json" --readable
grep -q 'Zanzibar canary' "$work/open.json" || fail 'it is not readable'
plain=--plain
enrolled bea
run rep bea export "$work/plain.rove"
exits 4
says 'STATE'
must rep bea export "$work/plain.json" --readable
