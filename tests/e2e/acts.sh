#!/bin/sh
# The record of acts: every command that changes something is in it, also when headquarters is killed, and whoever changes the
# record with another program is seen.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters 20
must hq users add bo --external-id bo
enrolled jo

# sound ENTRIES: the record is as it was recorded; ENTRIES: how many there are ('' for any).
sound() {
    must hq acts verify --json
    same 'sound' True "$(field sound)"
    entries=$(field entries)
    same 'entries' "$entries" "$(hq --json acts --limit 100000 | "$python" -I -c 'import json, sys; print(len(json.load(sys.stdin)))')"
}

# recorded ACT COMMAND...: it makes one entry more, of this name.
recorded() {
    recorded_act=$1
    shift
    sound
    recorded_before=$entries
    must hq "$@"
    sound
    same "entries after $*" $((recorded_before + 1)) "$entries"
    same "the act of $*" "$recorded_act" "$(hq --json acts --limit 1 | "$python" -I -c 'import json, sys; print(json.load(sys.stdin)[0]["act"])')"
}

tell 'every command that changes something is recorded, while headquarters serves'
recorded users users suspend bo
recorded users users activate bo
recorded enroll-code enroll-code --user bo
recorded set set account a00001 phone=1
recorded add add account name=New external_id=new
recorded delete delete account new
recorded assign assign bo --account a00003
recorded unassign unassign bo --account a00003
recorded reassign reassign --from jo --to bo
recorded policy policy poll_seconds=300
recorded renew-server renew-server
recorded export export account
recorded backup backup "$work/copy.db"
recorded revoke revoke "$(hq --json devices | "$python" -I -c 'import json, sys; print(json.load(sys.stdin)[0]["replica"])')"
recorded offboard offboard jo --to bo
printf 'ExternalId,Name\nx1,Shop\n' >"$work/more.csv"
recorded import import --entity account "$work/more.csv"

tell 'looking changes nothing'
sound
before=$entries
for command in 'users' 'devices' 'acts' 'status' 'show account a00001' 'history account a00001' 'plans' 'conflicts' 'review' \
    'offboard jo --to bo' 'reassign --from jo --to bo --dry-run'; do
    # shellcheck disable=SC2086
    must hq $command
done
sound
same 'entries' "$before" "$entries"

tell 'a kill leaves the record sound'
hq_kill
sound
must hq acts verify
says "All $before entries are as they were recorded, up to "
noted=$(sed -n 's/.*up to //p' "$work/out")
must hq acts verify --expect "$noted"
cp "$work/hq/hq.db" "$work/once.db"
cp "$work/hq/acts.head" "$work/once.head"
must hq set account a00001 phone=2

# seen TEXT SQL: what somebody does with another program; then it is put right again.
seen() {
    cp "$work/hq/hq.db" "$work/kept.db"
    sqlite3 "$work/hq/hq.db" "$2"
    run hq acts verify
    exits 1
    says "$1"
    cp "$work/kept.db" "$work/hq/hq.db"
    rm -f "$work/hq/hq.db-wal" "$work/hq/hq.db-shm"
    sound
}

tell 'who tampers is seen'
seen 'Entry 5 is not what was recorded' "UPDATE _act SET operator = 'somebody else' WHERE number = 5"
seen 'Entry 6 is missing' 'DELETE FROM _act WHERE number = 6'
seen 'Entry 7 is not what was recorded' \
    'UPDATE _act SET number = -1 WHERE number = 7; UPDATE _act SET number = 7 WHERE number = 9; UPDATE _act SET number = 9 WHERE number = -1'
seen "Entry $((before + 1)) is missing" "DELETE FROM _act WHERE number > $before"
seen "Entry $((before + 2)) was not recorded by headquarters" \
    "INSERT INTO _act(at_ms, operator, act, detail, seq) VALUES(0, 'root', 'revoke', '', 0)"
seen 'Entry 1 was not recorded by headquarters' "DELETE FROM _setting WHERE key LIKE 'act/%'; UPDATE _act SET detail = ''"

tell 'a database of once is seen by what was noted, in the folder or elsewhere'
must hq acts verify
noted=$(sed -n 's/.*up to //p' "$work/out")
cp "$work/hq/hq.db" "$work/kept.db"
cp "$work/hq/acts.head" "$work/kept.head"
cp "$work/once.db" "$work/hq/hq.db"
run hq acts verify
exits 1
says "Entry $((before + 1)) is missing"
cp "$work/once.head" "$work/hq/acts.head"
run hq acts verify --expect "$noted"
exits 1
says 'This is not the record that was noted'
must hq acts verify
cp "$work/kept.db" "$work/hq/hq.db"
cp "$work/kept.head" "$work/hq/acts.head"

tell 'a restored backup is sound, and says that it was restored'
must hq restore "$work/copy.db"
sound
must hq acts --limit 1
says restore
run hq acts verify --expect 57
exits 2
run hq acts everything
exits 2
