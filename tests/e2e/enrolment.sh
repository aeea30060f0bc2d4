#!/bin/sh
# A device is let in by one code, once, in time; whatever is wrong with a code is said, and nothing is half done.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
peer

# refused CODE SENTENCE: what was written is not lost, and the device stays a stranger.
refused() {
    run rep jo enroll "$peer_url" "$1"
    exits 8
    says "$2" '(CODE)'
    same 'it is not enrolled' False "$(state jo enrolled)"
}

good=$(invitation jo)

tell 'slips of the pen'
refused "$(printf '%s' "$good" | sed 's/^Z/Y/;t;s/^./Z/')" 'mistyped'
refused "${good%?????}" 'incomplete: 75 of 80'
refused "$good-AAAAA" 'does not belong'
refused '' 'incomplete'
refused 'ask the office!' 'is not an enrolment code'

tell 'a code of another headquarters'
certificate foreign IP:127.0.0.1
manner answer as=portal certificate=foreign.pem key=foreign.key
run rep jo enroll "$peer_url" "$good"
exits 7
says 'The key of 127.0.0.1 is not the one that is pinned'

tell 'in between answers somebody who is not headquarters'
manner answer as=portal
run rep jo enroll "$peer_url" "$good"
exits 6
says 'login page'
manner refuse
run rep jo enroll "$peer_url" "$good"
exits 6
says 'broke off'
same 'it is not enrolled' False "$(state jo enrolled)"

tell 'small letters, no groups, O for 0 and l for 1: as people write'
manner relay
run rep jo --json enroll "$peer_url" "$(printf '%s' "$good" | tr -d - | tr '01A-Z' 'oLa-z' | sed 's/L/l/g')"
exits 0
is_json
same 'headquarters knows whose device it is' "$(field user)" "$(state jo user)"

tell 'a code is good once'
refused_again() {
    run rep "$1" enroll "$peer_url" "$good"
    exits 8
    says 'wrong, used, or expired' '(CODE)'
}
refused_again second

tell 'enrolled is enrolled'
run rep jo enroll "$peer_url" "$(invitation jo)"
exits 4
says 'enrolled with' 'already'

tell 'a code that is too old'
late=$(invitation jo --minutes 15)
hq_stop
hq_start --clock-offset-ms 960000
printf '%s\n' "$hq_port" >"$work/upstream"
run rep late enroll "$peer_url" "$late"
exits 8
says 'wrong, used, or expired'

tell 'a device with a wrong clock enrols all the same'
for offset in -1700000000000 3456000000 -3456000000 2400000000000; do
    must rep "clock$offset" --clock-offset-ms "$offset" enroll "$peer_url" "$(invitation jo)"
    must rep "clock$offset" --clock-offset-ms "$offset" sync
    says 'The replica is equal to headquarters.'
done
