#!/bin/sh
# The drop box: what a rep writes while his replica is locked reaches headquarters, sealed, from a device that may not be let in any more,
# and from a folder in which there is nothing left but that.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
enrolled jo
shop=$(select_ jo "SELECT id FROM account WHERE account_number = 'A00001'")
must rep jo drop
says 'Nothing waits'
run rep jo drop now
exits 2

# locks: the replica may not be read any more as soon as it was synced.
locks() {
    hq_stop
    sqlite3 "$work/hq/hq.db" "UPDATE _setting SET value = CAST('{\"poll_ms\":900000,\"lease_ms\":1}' AS BLOB) WHERE key = 'policy'"
    hq_start
    must rep jo sync
    run rep jo sql 'SELECT 1'
    [ "$code" -ne 0 ] || fail 'it is locked'
}
must hq policy lease_hours=2
locks

tell 'written while it is locked'
must rep jo visit plan "$shop" --at 2026-01-05T09:00 --purpose 'canary: a new cooler'
says 'drop box'
must rep jo --json call log "$shop" --notes 'canary: wants ten more'
same 'it lies in the drop box' True "$(field dropped)"
same 'its name' 32 "$(field reference | tr -d '\n' | wc -c)"
run rep jo call log A00001 --notes 'nobody can be looked up'
[ "$code" -ne 0 ] || fail 'a name was looked up'
run rep jo task add "$shop" 'no visit, and no call'
[ "$code" -ne 0 ] || fail 'a task was written'
if grep -rqF canary "$work/jo"; then fail 'it can be read on the device'; fi
must rep jo drop
says '2 records wait'
same 'what status says' 2 "$(state jo dropped)"

tell 'without a network it stays'
hq_stop
run rep jo drop --send
exits 6
run rep jo sync
exits 6
must rep jo --json drop
same 'they wait' 2 "$(field waiting)"
hq_start

tell 'a sync sends it before it unlocks'
must rep jo sync
must rep jo drop
says 'Nothing waits'
must hq --json review
same 'both are looked at' 2 "$("$python" -I -c 'import json, sys; print(len(json.load(open(sys.argv[1]))))' "$work/out")"
run rep jo drop --send
exits 0
says '0 taken'

tell 'from a device that is revoked, and of which nothing else is left'
must rep jo call log "$shop" --notes 'canary: the last one'
must hq --json devices
device=$("$python" -I -c 'import json, sys; print(json.load(open(sys.argv[1]))[0]["replica"])' "$work/out")
must hq revoke "$device"
run rep jo sync
[ "$code" -ne 0 ] || fail 'a revoked device was let in'
must rep jo drop
says 'Nothing waits'
must rep jo call log "$shop" --notes 'canary: the very last one'
find "$work/jo" -type f ! -name 'drop.*' -exec rm -f {} +
must rep jo --json drop --send
same 'it was taken' 1 "$(field sent.taken)"
same 'nothing waits' 0 "$(field waiting)"

tell 'headquarters takes them'
must hq --json review
for number in $("$python" -I -c 'import json, sys
for row in json.load(open(sys.argv[1])): print(row["number"])' "$work/out"); do
    must hq review accept "$number"
done
must hq export call --json
for text in 'wants ten more' 'the last one' 'the very last one'; do
    grep -q "canary: $text" "$work/out" || fail "'$text' did not arrive"
done
must hq export visit --json
grep -q 'canary: a new cooler' "$work/out" || fail 'the visit did not arrive'
