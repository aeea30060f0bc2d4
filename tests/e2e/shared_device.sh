#!/bin/sh
# Two reps share a device. What the first one did there reaches headquarters as his over the second one's connection, also once
# headquarters was restored from a backup and lacks it again; and the second one cannot read any of it.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"
plain=--plain # what is left in a file can be seen only so

notes() { hq export note --json 2>/dev/null | grep -o '"text":"[^"]*"' | sort | xargs; }
# left WORD: it stands in the files of the shared device.
left() { cat "$work"/shared/* | grep -qaF -e "$1"; }

headquarters
must hq users add kim --name 'Kim Field' --external-id kim
enrolled shared
enrolled jos_own

tell 'work that headquarters has confirmed, and work that it has never seen'
must hq backup "$work/copy.db"
must rep shared note add A00001 'zebra confirmed'
must rep shared sync
hq_stop
must rep shared note add A00001 'zebra unsent'
run rep shared sync
exits 6
must rep shared note add A00002 'zebra written later'
must rep shared set Account A00002 phone=555-ZEBRA
left zebra || fail 'the test looks in the wrong place'
hq_start

tell 'the device is enrolled, for the rep whose it is'
good=$(invitation jo)
run rep shared enroll "$hq_url" "$good"
exits 4
says 'already'
must rep third enroll "$hq_url" "$good"

tell 'another rep signs in'
must rep shared enroll "$hq_url" "$(invitation kim)"
says 'the user before' 'sealed'
same 'nothing of his is shown' 0 "$(select_ shared 'SELECT (SELECT count(*) FROM account) + (SELECT count(*) FROM note)')"
same 'nothing of his waits for her' 0 "$(pending shared)"
for word in zebra ZEBRA Shop 555-; do
    if left "$word"; then fail "\"$word\" can be read in the files"; fi
done
[ "$(state shared former_batches)" -gt 0 ] || fail 'what he did is not kept'

tell 'his work arrives with her first sync'
must rep shared task add me 'Task of Kim'
must rep shared sync
same 'nothing is left to deliver' 0 "$(state shared former_batches)"
same 'notes at headquarters' 'text:zebra confirmed text:zebra unsent text:zebra written later' "$(notes)"
must rep jos_own sync
same 'on his own device' 3 "$(select_ jos_own "SELECT count(*) FROM note WHERE text LIKE 'zebra%'")"
same 'the edit too' 555-ZEBRA "$(select_ jos_own "SELECT phone FROM account WHERE account_number = 'A00002'")"
same 'not on hers' 0 "$(select_ shared 'SELECT count(*) FROM note')"

tell 'headquarters is restored from the backup, and asks for what it lost'
hq_stop
must hq restore "$work/copy.db"
same 'it is gone' '' "$(notes)"
hq_start
must rep shared sync
must rep jos_own sync
same 'it came back, once' 'text:zebra confirmed text:zebra unsent text:zebra written later' "$(notes)"
for device in shared jos_own; do
    must rep $device sync
    must rep $device verify
done
same 'his device has it' 3 "$(select_ jos_own "SELECT count(*) FROM note WHERE text LIKE 'zebra%'")"
same 'and she has hers' 'Task of Kim' "$(select_ shared 'SELECT subject FROM task')"

tell 'the device of a rep was revoked before his work was delivered'
number=$(state third replica)
must rep third sync
must rep third note add A00001 'zebra of a thief'
must rep third enroll "$hq_url" "$(invitation kim)"
must hq revoke "$number" --reason lost
must rep third sync
same 'nothing is left to deliver' 0 "$(state third former_batches)"
must hq review
says 'Jo Field' 'Its device was revoked.'
must hq review show 1
says 'zebra of a thief'
