#!/bin/sh
# Wrong PINs: after some of them `rove` says how long to wait, and another process changes nothing; a right one ends it.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
enrolled jo
must rep jo sync
must rep jo note add A00000 'kept'
printf '4711\n' >"$work/right"
printf '0000\n' >"$work/wrong"
must rep jo key pin --new-pin-file "$work/right"

tell 'five wrong ones'
for n in 1 2 3 4 5; do
    run rep jo --pin-file "$work/wrong" pending
    exits 5
    says 'WRONG_KEY'
done
says 'in 30 seconds'

tell 'from then on even the right one waits; a count that somebody has spoiled makes it an hour'
printf 'x' >"$work/jo/core.key.tries"
run rep jo --pin-file "$work/right" pending
exits 6
says 'LATER' 'Try again in 60 minutes' 'nothing is lost'
run rep jo --pin-file "$work/right" --clock-offset-ms 86400000 pending
exits 6
run rep jo --pin-file "$work/right" doctor
says 'LATER'

tell 'after the wait the right one opens it, with all its work'
# Instead of an hour of waiting: only who has the folder can do that.
rm "$work/jo/core.key.tries"
must rep jo --pin-file "$work/right" pending
says 'Note'
