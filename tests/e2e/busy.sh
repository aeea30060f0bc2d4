#!/bin/sh
# A replica belongs to one process at a time: a second one is told which, and can wait for it.
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
