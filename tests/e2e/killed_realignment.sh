#!/bin/sh
# Headquarters is killed while thousands of accounts pass from one rep to another: each of them is wholly the one's or wholly
# the other's, and giving the command again, or serving again where it was planned, finishes what was begun.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

accounts=4000
headquarters $accounts
must hq users add bo --external-id bo
enrolled jo

# shares: "accounts of jo, of bo" by owner; who owns an account holds it, and nobody else does.
shares() {
    must hq --json users
    cp "$work/out" "$work/users.json"
    must hq export account --json
    "$python" -I -c 'import json, sys
accounts = json.load(open(sys.argv[1]))
owned = {u["login"]: sum(a["owner_id"] == u["id"] for a in accounts) for u in json.load(open(sys.argv[2]))}
held = {u["login"]: u["assigned"] for u in json.load(open(sys.argv[2]))}
assert owned == held, (owned, held)
print(owned["jo"], owned["bo"])' "$work/out" "$work/users.json" 2>>"$work/err"
}

# spin: lets a drawn part of `pace` turns of a loop pass.
pace=50000
spin() {
    draw 1000
    turns=$((pace * drawn / 1000))
    while [ "$turns" -gt 0 ]; do turns=$((turns - 1)); done
}

# strike FROM TO: reassigns everything, and kills headquarters somewhere in the middle of it.
interrupted=0
strike() {
    hq reassign --from "$1" --to "$2" >"$work/said" 2>&1 &
    command=$!
    spin
    hq_kill 2>/dev/null || true
    wait $command 2>/dev/null || true
    hq_start
    seen=$(shares)
    # Too early, or too late: another time it is later, or earlier.
    case $1:$seen in
    "jo:$accounts 0" | "bo:0 $accounts") pace=$((pace * 3 / 2)) ;;
    "jo:0 $accounts" | "bo:$accounts 0") pace=$((pace * 3 / 4)) ;;
    esac
    [ -n "$seen" ] || fail 'owners and holders differ'
    same 'every account is there' $accounts $((${seen% *} + ${seen#* }))
    case $seen in
    "0 $accounts" | "$accounts 0") ;;
    *) interrupted=$((interrupted + 1)) ;;
    esac
}

from=jo to=bo round=0
while [ "$round" -lt 30 ] && { [ "$round" -lt 6 ] || [ "$interrupted" -lt 2 ]; }; do
    round=$((round + 1))
    tell "round $round"
    strike $from $to
    must hq reassign --from $from --to $to
    if [ $from = jo ]; then same 'all of them' "0 $accounts" "$(shares)"; else same 'all of them' "$accounts 0" "$(shares)"; fi
    swapped=$from from=$to to=$swapped
done
[ "$interrupted" -ge 2 ] || fail "it was interrupted only $interrupted times"

tell 'in the end'
[ $from = jo ] || must hq reassign --from bo --to jo
must rep jo sync
must rep jo sync
says 'The replica is equal to headquarters.'
same 'accounts' $accounts "$(select_ jo 'SELECT count(*) FROM account')"
same 'each once' $accounts "$(select_ jo 'SELECT count(DISTINCT account_number) FROM account')"
must rep jo verify

tell 'a plan that is due is carried out by whoever serves next'
tomorrow=$("$python" -I -c 'import datetime; print(datetime.date.today() + datetime.timedelta(days=1))')
must hq reassign --from jo --to bo --effective "$tomorrow"
hq_kill
rm -f "$work/hq.said"
# It is killed in the middle of it, too.
"$ROVE_HQ_BIN" --data "$work/hq" --clock-offset-ms 172800000 serve --listen 127.0.0.1:0 >"$work/hq.first" 2>&1 &
first=$!
spin
kill -9 $first 2>/dev/null || true
wait $first 2>/dev/null || true
hq_start --clock-offset-ms 172800000
same 'all of them' "0 $accounts" "$(shares)"
must hq plans
says 'Nothing is planned'
must rep jo sync
same 'none is left' 0 "$(select_ jo 'SELECT count(*) FROM account')"
