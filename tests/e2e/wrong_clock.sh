#!/bin/sh
# Device clocks are wrong: in 1970, forty days off, in 2100, and changed between two commands. Everything arrives, in
# order, with sane times, and nobody loses or wins by it. TLS goes by the time that headquarters told.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

day=86400000
now=$(($(date +%s) * 1000))
year1970=$((3600000 - now))
year2100=$((4102444800000 - now))
headquarters
enrolled boss

# at OFFSET NAME ARGUMENTS...: rove with a clock so many milliseconds off.
at() {
    offset=$1
    name=$2
    shift 2
    rep "$name" --clock-offset-ms "$offset" "$@"
}

# near WHAT MILLISECONDS: within a minute of now.
near() {
    apart=$(($2 - $(date +%s) * 1000))
    [ "${apart#-}" -lt 60000 ] || fail "$1 is $apart ms from now"
}

for wrong in $year1970 $((-40 * day)) $((40 * day)) $year2100; do
    tell "a clock that is off by $((wrong / day)) days"
    name=jo$wrong
    must at "$wrong" "$name" enroll "$hq_url" "$(invitation jo)"
    must at "$wrong" "$name" sync
    must at "$wrong" "$name" note add A00000 "$wrong 1"
    must at "$wrong" "$name" set Account A00001 "phone=$wrong"
    must at "$wrong" "$name" sync
    says 'The replica is equal to headquarters.'
    same 'nothing waits' 0 "$(pending "$name")"
    must at "$wrong" "$name" --json status
    same 'the device knows the time' True "$(field clock_trusted)"
    offset=$(field clock_offset_ms)
    near 'trusted time' $((now + wrong + offset))

    tell 'somebody whose clock is right writes after that, and is not overruled'
    must rep boss sync
    same 'the write arrived' "$wrong" "$(select_ boss "SELECT phone FROM account WHERE account_number = 'A00001'")"
    must rep boss set Account A00001 phone=corrected
    must rep boss sync
    must at "$wrong" "$name" sync
    same 'the later write holds' corrected "$(select_ "$name" "SELECT phone FROM account WHERE account_number = 'A00001'")"

    tell "the clock jumps about: $((wrong / day)) days"
    must at $((-wrong / 2)) "$name" note add A00000 "$wrong 2"
    must at 0 "$name" note add A00000 "$wrong 3"
    must at "$wrong" "$name" note add A00000 "$wrong 4"
    must at "$year2100" "$name" sync
    must at "$year1970" "$name" note add A00000 "$wrong 5"
    must at $((-40 * day)) "$name" sync
    must rep "$name" sync

    tell 'the clock is right again'
    same 'no offset is left' 1 "$(rep "$name" --json status | "$python" -I -c '
import json, sys
print(int(abs(json.load(sys.stdin)["clock_offset_ms"]) < 60000))')"
    must rep "$name" verify
done

tell 'what headquarters holds'
must rep boss sync
for wrong in $year1970 $((-40 * day)) $((40 * day)) $year2100; do
    same 'each note once, in order' "$(seq 5 | sed "s/^/$wrong /")" \
        "$(select_ boss "SELECT text FROM note WHERE text LIKE '$wrong %' ORDER BY created_at, id")"
done
select_ boss 'SELECT created_at FROM note' | while read -r created; do
    near 'a note' "$created"
done
same 'nothing was refused' 0 "$(state boss rejections)"
same 'and nobody was in conflict' 0 "$(state boss conflicts)"
must rep boss verify
