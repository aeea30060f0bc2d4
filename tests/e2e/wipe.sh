#!/bin/sh
# A device is locked, and wiped, from headquarters; somebody leaves whose device has unsent work; a rep wipes his own. What was not
# sent reaches headquarters, and nothing else of it is left.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
must hq users add bo --name 'Bo Branch' --external-id bo
enrolled jo
must rep jo sync

number() { must rep "$1" --json status && field replica; }
gone() {
    for name in core.key replica.db replica.db-log replica.db-wal identity; do
        [ ! -e "$work/$1/$name" ] || fail "$name is still there"
    done
}
arrived() {
    must hq export note --json
    grep -q "$1" "$work/out" || fail "$1 did not arrive"
}

tell 'a lock'
jo=$(number jo)
must rep jo note add A00000 'before the lock'
must hq lock "$jo" --reason mislaid
run rep jo sync
exits 5
run rep jo sql 'SELECT 1'
exits 5
must rep jo --json status
same 'it is locked' True "$(field locked)"
must hq devices
says 'ordered to lock' 'fetched' ' locked'
must hq unlock "$jo"
must rep jo sync
must hq devices
says 'lifted' 'unlocked'
must hq --json devices
python3 -c 'import json, sys
order = [device for device in json.load(sys.stdin) if device["replica"] == int(sys.argv[1])][0]["order"]
assert order["state"] == "unlocked", order
assert order["given"] <= order["fetched"] <= order["locked"] <= order["lifted"] <= order["unlocked"], order' \
    "$jo" <"$work/out" || fail 'what became of the lock is not in order'
must rep jo sql 'SELECT count(*) FROM note'
arrived 'before the lock'

tell 'somebody leaves, with unsent work'
must rep jo note add A00000 'the last of jo'
must hq offboard jo --to bo
run rep jo sync
exits 8
gone jo
must hq review list
says 'Jo Field' 'Its device was revoked'
must hq review accept 1
arrived 'the last of jo'
must hq devices
says "wiped" '1 batches with 1 changes sealed, 0 records left'
[ ! -e "$work/jo/drop.box" ] || fail 'the drop box was delivered, and is still there'

tell 'a wipe that cannot be delivered at once'
enrolled tablet bo
must rep tablet sync
must rep tablet note add A00000 'from the tablet'
run rep tablet wipe
exits 2
hq_stop
must rep tablet wipe --yes
grep -q 'waits, sealed' "$work/err" || fail 'it does not say that something waits'
gone tablet
run rep tablet status
exits 8
run rep tablet drop --send
exits 6

tell 'headquarters has another sealing key, and gets the former one back'
mv "$work/hq/seal.key" "$work/seal.key"
hq_start
run rep tablet drop --send
says '0 taken, 2 to be sent again later, 0 refused'
hq_stop
mv "$work/seal.key" "$work/hq/seal.key"
hq_start
must rep tablet drop --send
must rep tablet --json sql 'SELECT count(*) AS n FROM account'
arrived 'from the tablet'
must hq acts --limit 5
says 'by its rep'
