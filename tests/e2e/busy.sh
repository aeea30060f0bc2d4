#!/bin/sh
# A replica belongs to one process at a time, and so does the folder of headquarters: a second one is told which, and a device can wait.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
peer
enrolled jo

tell 'while one process has the replica open, another is told so'
manner hold
"$ROVE_BIN" --replica "$work/jo" sync >"$work/sync.log" 2>&1 &
first=$!
servers="$servers $first"
read -r _ <"$work/held"
run rep jo note add A00001 'while the other has it'
exits 5
says "Process $first" '(BUSY)'
run rep jo --json account list
exits 5
is_json
same 'programs are told too' BUSY "$(field error.status)"

tell 'and may wait until it ends'
rep jo --wait 60 note add A00001 'after the other' >"$work/wait.log" 2>&1 &
waiting=$!
kill -INT "$first"
ended=0
wait "$first" || ended=$?
same 'exit code of an interrupted sync' 9 "$ended"
wait "$waiting" || fail 'the one that waited could not write'
same 'it wrote' 'after the other' "$(select_ jo 'SELECT text FROM note')"

tell 'a process that was killed leaves nothing behind that blocks'
"$ROVE_BIN" --replica "$work/jo" sync >"$work/sync.log" 2>&1 &
first=$!
servers="$servers $first"
read -r _ <"$work/held"
end "$first" KILL
must rep jo note add A00001 'after the kill'
manner relay
must rep jo sync
same 'all of it arrived' 0 "$(pending jo)"

tell 'a second server on the folder of headquarters is told who has it, and the first goes on'
must rep jo note add A00001 'before the second server'
before=$(outbox jo)
run hq serve --listen 127.0.0.1:0
exits 4
says "Process $hq_pid has these files open"
same 'unsent work is as it was' "$before" "$(outbox jo)"
must rep jo sync
says 'Sent 1' 'The replica is equal to headquarters.'
same 'all of it arrived' 0 "$(pending jo)"
must rep jo verify
