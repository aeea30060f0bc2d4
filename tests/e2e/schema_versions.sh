#!/bin/sh
# schema_versions.sh - devices and headquarters of different schema versions meet: what one of them does not know it keeps and hands on,
# nobody downloads everything again after an upgrade, what one of them has retired is kept for the others, and who is too old has his
# work taken before he is told so.
#
# The later versions are real builds of this source with tests/schema/ahead.py's fields and entity more.
. "${0%/*}/lib.sh"

root=${ROVE_SOURCE_DIR:-$here/../..}
builds=$(cd -- "${ROVE_BIN%/*}/.." && pwd)
now=${ROVE_BIN%/*}

# ahead VERSIONS: the folder of such a build's programs in $programs; made once, then kept up to date
ahead() {
    build=$builds/ahead-$1
    must cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Debug -DROVE_TESTS=OFF -DROVE_SCHEMA_AHEAD="$1"
    must cmake --build "$build" --parallel 2 --target rove_cli_program --target rove-hq
    programs=$build/bin
}
as() { # as PROGRAMS NAME ARGS: the device NAME with these programs
    as_programs=$1 as_name=$2
    shift 2
    "$as_programs/rove" --replica "$work/$as_name" --wait 30 "$@"
}
# value PROGRAMS NAME SQL: one value
value() {
    as "$1" "$2" sql "$3" --json | "$python" -I -c 'import json, sys
for row in json.load(sys.stdin):
    print("|".join("" if v is None else str(v) for v in row.values()))'
}
synced() {
    must as "$1" "$2" sync --json
    same "$2 is equal to headquarters" True "$(field verified)"
}

ahead 1
next=$programs
ahead 2
later=$programs

tell 'headquarters is a version ahead of one device'
ROVE_HQ_BIN=$next/rove-hq
headquarters
must as "$now" old enroll "$hq_url" "$(invitation jo)"
must as "$next" new enroll "$hq_url" "$(invitation jo)"
synced "$now" old
synced "$next" new
must hq set account a00000 vat_number=FR-1
must hq add competitor account_id=a00000 "name=Shop round the corner"
must as "$next" new set Account a00001 vat_number=FR-2
synced "$next" new
synced "$now" old
must as "$now" old quarantine
says 'A newer version of the app knows this kind of record'
must as "$now" old set Account a00000 phone=555-1111
must as "$now" old set Account a00001 phone=555-2222
must as "$now" old note add a00000 'from the old version'
must as "$now" old set Account a00001 year_started=1999
synced "$now" old
synced "$next" new
same 'what the old one does not know is kept' 'FR-1|555-1111
FR-2|555-2222' "$(value "$next" new "SELECT vat_number, phone FROM account WHERE vat_number IS NOT NULL ORDER BY external_id")"
run as "$next" new sql 'SELECT year_started FROM account'
[ "$code" -ne 0 ] || fail 'a field that was retired is still there'
synced "$now" old
same 'what has been retired is kept for who knows it' 1999 \
    "$(value "$now" old 'SELECT year_started FROM account WHERE year_started IS NOT NULL')"
must as "$now" old set Account a00001 year_started=
synced "$now" old
same 'the new entity' 'Shop round the corner' "$(value "$next" new 'SELECT name FROM competitor')"

tell 'the old device is upgraded'
must as "$next" old sync --json
same 'it is equal to headquarters' True "$(field verified)"
[ "$(field bytes_received)" -lt 2000 ] || fail 'it downloads everything again'
same 'it shows what it had kept' 'FR-1
FR-2' "$(value "$next" old "SELECT vat_number FROM account WHERE vat_number IS NOT NULL ORDER BY external_id")"
same 'and the records of the new entity' 'Shop round the corner' "$(value "$next" old 'SELECT name FROM competitor')"
must as "$next" old verify
run as "$now" old status
[ "$code" -ne 0 ] || fail 'an older build opens what a newer one wrote'
says 'newer'
must as "$next" old status

tell 'a device is ahead of headquarters'
hq_stop
rm -rf "$work/hq" "$work/old" "$work/new"
hq_port=0
ROVE_HQ_BIN=$now/rove-hq
headquarters
must as "$next" new enroll "$hq_url" "$(invitation jo)"
must as "$now" old enroll "$hq_url" "$(invitation jo)"
synced "$next" new
must as "$next" new set Account a00002 vat_number=FR-3
synced "$next" new
synced "$now" old
same 'it still has what headquarters does not know' FR-3 "$(value "$next" new "SELECT vat_number FROM account WHERE vat_number IS NOT NULL")"
must hq set account a00002 phone=555-3333 year_started=1987
must as "$now" old set Account a00002 website=shop.example
synced "$now" old
synced "$next" new
same 'through everybody who does not know it' 'FR-3|555-3333|shop.example' \
    "$(value "$next" new "SELECT vat_number, phone, website FROM account WHERE vat_number IS NOT NULL")"

must as "$next" new set Account a00002 description='by who has retired a field of it'
synced "$next" new
synced "$now" old
same 'a field that the device has retired' '1987|by who has retired a field of it' \
    "$(value "$now" old 'SELECT year_started, description FROM account WHERE year_started IS NOT NULL')"

tell 'headquarters is upgraded, two versions at once'
hq_stop
ROVE_HQ_BIN=$later/rove-hq
hq_start
must hq show account a00002
says FR-3
must as "$now" old sync # it still has what is retired here now: it is told, and equal from then on
synced "$now" old
synced "$next" new
must as "$now" old verify
must as "$next" new verify

tell 'who is too old is told so, after his work was taken'
must hq policy oldest_schema=2
must as "$now" old note add a00002 'the last word of the old version'
run as "$now" old sync
exits 7
says 'upgrade'
same 'nothing waits on it' '[]' "$(as "$now" old pending --json | tr -d ' \n')"
must hq export note --json
grep -q 'the last word of the old version' "$work/out" || fail 'its work did not arrive'
synced "$next" new
same 'the new one has it' 1 "$(value "$next" new "SELECT count(*) FROM note WHERE text LIKE 'the last word%'")"
must as "$next" old sync --json
same 'and the old one after its upgrade' True "$(field verified)"
