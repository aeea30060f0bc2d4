#!/bin/sh
# Whatever answers in headquarters' place: the rep is told what is wrong, no unsent work is touched, and once the true
# headquarters answers everything arrives exactly once.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
peer
enrolled jo
must rep jo note add A00001 'written before the trouble'
must rep jo set Account A00002 phone=555-0199
must rep jo task add me 'call the office'
before=$(outbox jo)
same 'three records wait' 3 "$(pending jo)"

# meets EXIT SENTENCE MANNER...: a sync that ends so and changes nothing.
meets() {
    exit_code=$1 sentence=$2
    shift 2
    tell "$*"
    manner "$@"
    run rep jo sync --seconds 5
    exits "$exit_code"
    says "$sentence"
    same 'unsent work is as it was' "$before" "$(outbox jo)"
}
answer() { meets "$1" "$2" answer "as=$3"; }

answer 6 'asks for a login page' portal
answer 7 'check the address' redirect
answer 6 'try again later' busy
answer 6 'try again later' slow-down
tell 'when to come again, as the server asked'
run rep jo --json sync
is_json
apart=$(($(date -u -d "$(field report.next_sync)" +%s) - $(date +%s)))
if [ "$apart" -lt 5 ] || [ "$apart" -ge 3600 ]; then
    fail "the next try is $apart seconds away, not 7 or more"
fi
manner answer as=busy
run rep jo sync
says 'Unsent work is safe. Next try: from'
answer 6 'it failed' broken
answer 7 'check the address' not-found
answer 6 'it failed' disk-full # what is wrong with this device's disk, only it knows
answer 7 'please upgrade' upgrade
answer 6 'ended in the middle' nothing
answer 7 'not allowed' garbage
answer 7 'not allowed' text
answer 7 'not allowed' endless-garbage
answer 7 'not allowed' bomb
answer 7 'not allowed' oversized
answer 7 'not allowed' unknown-frame
answer 7 'does not begin with a welcome' no-welcome
answer 7 'does not begin with a welcome' page-first
answer 7 'not allowed' empty-welcome
answer 7 'not allowed' bad-welcome
answer 7 'another version' newer
answer 6 'Stock taking until noon.' fail-later
answer 6 'The database is away.' fail-server
answer 7 'Install version 9.' fail-upgrade
answer 6 'Your disk is full.' fail-full # of its own disk, it must mean
answer 6 'Enough.' fail-limit
answer 6 'Hm.' fail-unknown
answer 7 'not allowed' fail-bytes

# A connection that ends, or never was TLS.
meets 6 'login page' plain
meets 6 'broke off' refuse
for bytes in 0 1 200 700 1200; do
    meets 6 'broke off' relay "up=$bytes"
    meets 6 'broke off' relay "down=$bytes"
done

# An answer without an end is ended by the rep's patience.
meets 9 'the rest follows next time' answer as=endless

tell 'headquarters is itself again, at one byte at a time'
manner relay step=1
must rep jo sync
same 'nothing waits any more' 0 "$(pending jo)"
manner relay
enrolled second
for replica in jo second; do
    same "$replica has it once" 'written before the trouble' "$(select_ $replica 'SELECT text FROM note')"
    same "$replica has it once" 'call the office' "$(select_ $replica 'SELECT subject FROM task')"
    same "$replica has it" 555-0199 "$(select_ $replica "SELECT phone FROM account WHERE account_number = 'A00002'")"
    must rep $replica verify
done
