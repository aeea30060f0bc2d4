#!/bin/sh
# What reps have signed: visits of two devices, of one under a fresh number, and of a copy, are found to be as they were sealed,
# and a gap, an edit, a swap, a date and a position that are not true are named, one line each; also in work that waits for an
# operator, and of a device that a restored headquarters did not know.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
enrolled one
enrolled two

# visited NAME ACCOUNT [FIELD=VALUE...]: a visit that is done and sealed; its id is $visit.
visited() {
    device=$1
    must rep "$device" visit plan "$2"
    visit=$(cat "$work/out")
    shift 2
    must rep "$device" visit start "$visit"
    if [ $# -gt 0 ]; then must rep "$device" set Visit "$visit" "$@"; fi
    must rep "$device" visit finish "$visit" --outcome ordered
}

# database SQL: behind headquarters' back.
database() {
    "$python" -I -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.executescript(sys.argv[2])
db.commit()' "$work/hq/hq.db" "$1"
}

# found: what the audit names, sorted; of how many sealed records, seals and devices.
found() {
    run hq --json audit "$@"
    "$python" -I -c 'import json, sys
said = json.load(open(sys.argv[1]))
print(" ".join([str(said[name]) for name in ("records", "seals", "devices", "wrong")] +
               sorted(f["what"] + ":" + f["id"] for f in said["findings"])))' "$work/out"
}

# of NAME: its number.
of() { rep "$1" --json status | "$python" -I -c 'import json, sys; print(json.load(sys.stdin)["replica"])'; }

tell 'what two devices sealed is as it was sealed'
visited one A00000 && first=$visit
visited one A00001 && second=$visit
visited one A00002 && third=$visit
visited two A00000 && other=$visit
must rep one sync
must rep two sync
same 'nothing is wrong' '4 4 2 0' "$(found)"
must hq audit
says '4 sealed records, 4 seals of 2 devices, 0 without a signature: 0 findings.'
same 'one device' '3 3 1 0' "$(found --device "$(of one)")"
same 'one user' '4 4 2 0' "$(found --user jo)"
same 'every copy carries the proof' 4 "$(select_ two 'SELECT count(proof) FROM visit')"
run rep one set Visit "$first" notes=later
exits 4

tell 'a call is sealed as well'
must rep one call log A00001 --outcome REACHED
call=$(cat "$work/out")
must rep one sync
same 'it is a link of the same chain' '5 5 2 0' "$(found)"

tell 'made-up positions and times are named'
visited one A00000 checkin_mock=true && mocked=$visit
visited one A00001 actual_start=2020-01-01T08:00:00Z && dated=$visit
must rep one sync
same 'both' "7 7 2 2 dated:$dated mocked:$mocked" "$(found)"
run hq audit
exits 1

hq_stop
cp "$work/hq/hq.db" "$work/kept.db"
again() { cp "$work/kept.db" "$work/hq/hq.db"; }

tell 'what headquarters itself changes is named'
before="dated:$dated"
after="mocked:$mocked"
database "UPDATE visit SET notes = 'bought a lot' WHERE id = $second"
same 'an edit' "7 7 2 3 $before edited:$second $after" "$(found)"
run hq audit
exits 1
says 'edited' "Visit $second" 'the record is not what was signed'
again
database "DELETE FROM visit WHERE id = $second"
same 'one that was dropped' "6 6 2 3 $before missing:$third $after" "$(found)"
run hq audit
says 'seal 2 is not here; seal 3, of this record, names it'
again
database "UPDATE visit SET proof = NULL, sealed_at = NULL WHERE id = $first"
same 'one that is said not to be sealed' "6 6 2 3 $before missing:$second $after" "$(found)"
again
database "UPDATE visit SET proof = NULL WHERE id = $third"
same 'a proof that was taken away' "7 6 2 3 $before missing:$call $after unsigned:$third" "$(found)"
again
database "UPDATE visit SET proof = (SELECT proof FROM visit WHERE id = $first) WHERE id = $second"
same 'a proof of another record' "7 6 2 4 $before edited:$second missing:$third $after" "$(found)"
again
database "UPDATE visit SET proof = (SELECT proof FROM visit WHERE id = $other) WHERE id = $first"
same "a proof of the rep's other device" "7 6 2 4 $before edited:$first missing:$second $after" "$(found)"
again
database "CREATE TEMP TABLE p AS SELECT id, proof FROM visit;
    UPDATE visit SET proof = (SELECT proof FROM p WHERE id = $second) WHERE id = $first;
    UPDATE visit SET proof = (SELECT proof FROM p WHERE id = $first) WHERE id = $second"
same 'two that were swapped' "7 7 2 4 $before $(printf 'edited:%s\n' "$first" "$second" | sort | tr '\n' ' ')$after" "$(found)"
again
database "UPDATE visit SET proof = CAST(substr(proof, 1, length(proof) - 1) || x'00' AS BLOB) WHERE id = $third"
same 'a signature' "7 6 2 4 $before forged:$third missing:$call $after" "$(found)"
again

tell 'work that waits for an operator is as it was signed'
hq_start
must hq users add amy --name 'Amy Road'
lost=$(select_ one "SELECT id FROM account WHERE account_number = 'A00002'")
must hq assign amy --account a00002 --alone
must rep one sync
visited one A00000 "account_id=$lost" notes=honest && waits=$visit
visited one A00000 && after_it=$visit
must rep one sync
must hq review
says 'did not hold'
same 'its seal is none that is missing' '8 9 2 2 dated mocked' "$(found | sed 's/:[0-9]*//g')"
hq_stop
cp "$work/hq/hq.db" "$work/kept.db"
# reviewed SQL: what is left of `found` when two lines that were there before are taken out.
reviewed() {
    database "$1"
    found | tr ' ' '\n' | sed -n '/:/p' | grep -v -e "$dated" -e "$mocked" | tr '\n' ' '
    again
}
same 'as if it were in its record' "edited:$waits " \
    "$(reviewed "UPDATE _review_queue SET change = CAST(replace(change, x'686f6e657374', x'616c74657265') AS BLOB)")"
run hq audit
same 'dropped, it is missing' "missing:$after_it " "$(reviewed 'DELETE FROM _review_queue')"
database "UPDATE _review_queue SET change = CAST(replace(change, x'686f6e657374', x'616c74657265') AS BLOB)"
run hq audit
exits 1
says "Visit $waits (review)" 'the record is not what was signed'
again

tell 'what the operator decides changes nothing in that'
hq_start
number=$(hq --json review | "$python" -I -c 'import json, sys; print(json.load(sys.stdin)[0]["number"])')
must hq review return "$number"
same 'returned' '8 9 2 2' "$(found | cut -d' ' -f1-4)"
must rep one sync
hq_stop
again
hq_start
must hq review accept "$number"
same 'accepted, it is told once' '9 9 2 2' "$(found | cut -d' ' -f1-4)"
must rep one sync

tell 'a device that was enrolled after the backup is believed'
must hq backup "$work/backup.db"
enrolled late
visited late A00000
must rep late sync
same 'before' '10 10 3 2' "$(found | cut -d' ' -f1-4)"
hq_stop
must hq restore "$work/backup.db"
hq_start
must rep late sync
same 'and after' '10 10 3 2' "$(found | cut -d' ' -f1-4)"

tell 'a device that was copied is named, and goes on under a fresh number'
must rep two sync
cp -r "$work/two" "$work/copy"
visited two A00001
must rep two sync
visited copy A00001
run rep copy sync
must rep copy sync
visited copy A00000
must rep copy sync
found >"$work/said"
same 'one of the two is named, and its record, under another id, is still what was signed' \
    "forked:" "$(grep -oE '(forked|edited|broken|missing|forged):' "$work/said")"
same 'the new chain goes on from the old one' '13 13 4 3' "$(cut -d' ' -f1-4 "$work/said")"
