#!/bin/sh
# What a drop box has delivered stays on the device until headquarters has a backup of it: a headquarters that is restored from an older
# one gets it again. What headquarters refuses for good keeps a wiped folder from its end until the rep gives it up.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
notes() { must hq export note --json && grep -c 'canary' "$work/out" || true; }
wiped() {
    run rep "$1" enroll "$hq_url" "$(invitation jo)"
    [ "$code" -ne 0 ] || fail 'it was enrolled'
    [ -e "$work/$1/drop.box" ] || fail 'there is no drop box'
}

enrolled jo
must hq backup "$work/before.db"
must rep jo note add A00000 'canary: unsent'

tell 'delivered, and in no backup yet'
must rep jo wipe --yes
must rep jo drop
says 'Nothing waits' "delivered, kept until headquarters' backup has"
must rep jo --json drop --send
same 'sent again' '0 0 0' "$(field waiting) $(field sent.taken) $(field sent.later)"
same 'all of it is kept' 2 "$(field kept)"
same 'once' 1 "$(notes)"
wiped jo

tell 'headquarters is restored from the backup before it'
hq_stop
must hq restore "$work/before.db"
same 'the backup does not have it' 0 "$(notes)"
hq_start
must rep jo drop --send
says '2 taken'
same 'it came again' 1 "$(notes)"
wiped jo

tell 'a backup has it'
must hq backup "$work/after.db"
must rep jo drop --send
[ ! -e "$work/jo/drop.box" ] || fail 'the drop box is still there'
same 'still once' 1 "$(notes)"
enrolled jo

tell 'what was synced, and in no backup, before the wipe'
must rep jo note add A00000 'canary: synced'
must rep jo sync
same 'it is there' 2 "$(notes)"
must rep jo wipe --yes
must rep jo --json drop
same 'it is kept, with the receipt' 2 "$(field kept)"
hq_stop
must hq restore "$work/after.db"
same 'the backup does not have it' 1 "$(notes)"
hq_start
must rep jo drop --send
same 'it came back' 2 "$(notes)"
must hq backup "$work/again.db"
must rep jo drop --send
[ ! -e "$work/jo/drop.box" ] || fail 'the drop box is still there'
enrolled jo

tell 'what is refused for good'
must rep jo note add A00000 'canary: beside something damaged'
hq_stop
must rep jo wipe --yes
"$python" -I -c 'import hashlib, struct, sys
record = bytes([1, 9]) + bytes(300)
head = struct.pack(">IQ", len(record), 1764340000000)
with open(sys.argv[1], "ab") as box: box.write(head + hashlib.sha256(head + record).digest()[:4] + record)' "$work/jo/drop.box"
hq_start
must rep jo drop --send
says '2 taken' '1 refused' '1 was refused'
must hq backup "$work/last.db"
must rep jo drop --send
same 'the rest arrived' 3 "$(notes)"
wiped jo
run rep jo drop discard
exits 2
grep -q 'of a kind that this version does not know, put in' "$work/out" || fail 'it does not say what it is'
grep -q 'Say --yes' "$work/err" || fail 'it does not ask'
must rep jo --json drop
same 'nothing was given up' 1 "$(field refused)"
must rep jo --json drop discard --yes
same 'given up' 1 "$(field discarded)"
[ ! -e "$work/jo/drop.box" ] || fail 'the drop box is still there'
enrolled jo
