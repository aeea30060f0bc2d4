#!/bin/sh
# Somebody leaves: devices, invitations and work in one act. Headquarters is killed in the middle of it again and again: each
# time nothing has happened, or everything has.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

accounts=1500
headquarters $accounts
must hq users add bo --name 'Bo Branch' --external-id bo
enrolled jo
enrolled tablet
enrolled bo bo
must rep jo task add A00001 'call the baker'
must rep jo sync
code=$(invitation jo)

# stands: how many accounts jo and bo own, whether jo has left, his active devices, and the acts of offboarding.
stands() {
    must hq --json users
    cp "$work/out" "$work/users.json"
    must hq --json devices
    cp "$work/out" "$work/devices.json"
    must hq --json acts --limit 100000
    cp "$work/out" "$work/acts.json"
    must hq export account --json
    "$python" -I -c 'import json, sys
accounts, users, devices, acts = (json.load(open(name)) for name in sys.argv[1:])
by = {u["login"]: u for u in users}
owned = {l: sum(a["owner_id"] == by[l]["id"] for a in accounts) for l in ("jo", "bo")}
active = sum(d["name"] == "Jo Field" and d["status"] == "active" for d in devices)
print(owned["jo"], owned["bo"], by["jo"]["status"], active, sum(a["act"] == "offboard" for a in acts))' \
        "$work/out" "$work/users.json" "$work/devices.json" "$work/acts.json" 2>>"$work/err"
}

pace=1500 # the first time it is killed before it has begun, then ever later
spin() {
    draw 1000
    turns=$((pace * drawn / 1000))
    while [ "$turns" -gt 0 ]; do turns=$((turns - 1)); done
}

before=$(stands)
case $before in "$accounts 0 "*" 2 0") ;; *) fail "it begins with $before" ;; esac

tell 'a dry run'
must hq offboard jo --to bo --dry-run
says 'to Bo Branch: 1500 accounts' 'a dry run'
same 'nothing was changed' "$before" "$(stands)"

tell 'killed in the middle'
round=0 undone=0
while [ "$round" -lt 12 ]; do
    round=$((round + 1))
    "$ROVE_HQ_BIN" --data "$work/hq" offboard jo --to bo >"$work/said" 2>&1 &
    command=$!
    spin
    hq_kill 2>/dev/null || true
    kill -KILL $command 2>/dev/null || true # where nobody serves it would do it by itself
    wait $command 2>/dev/null || true
    hq_start
    seen=$(stands)
    case $seen in
    "$before") undone=$((undone + 1)) pace=$((pace * 3 / 2)) ;;
    "0 $accounts "*" 0 1") break ;;
    *) fail "half of it was done: $seen" ;;
    esac
done
[ "$undone" -gt 0 ] || fail 'it was never killed before the end'
must hq offboard jo --to bo
same 'it is done, once' "0 $accounts" "$(stands | cut -d ' ' -f 1-2)"
same 'no device of his is left' '0 1' "$(stands | cut -d ' ' -f 4-5)"

tell 'once more'
must hq offboard jo --to bo --json
same 'nothing was done' False "$(field did)"
must hq offboard jo --to bo
says 'There is nothing left to do: Jo Field has left.' 'device' 'was enrolled' 'export'
same 'and no act is recorded' 1 "$(stands | cut -d ' ' -f 5)"

tell 'his devices, and his invitation, are good for nothing'
run rep jo sync
exits 8
run rep tablet sync
exits 8
run rep late enroll "$hq_url" "$code"
exits 8

tell 'who waits for news is told at once'
must hq users add cy --external-id cy
enrolled late cy
watch late
hears ' start: '
must hq offboard cy --to bo
ends_with 8 none

tell 'the other has it all'
must rep bo sync
says 'The replica is equal to headquarters.'
same 'accounts' $accounts "$(select_ bo 'SELECT count(*) FROM account')"
same 'the task is to be done by who is there' 1 \
    "$(select_ bo "SELECT count(*) FROM task t JOIN user u ON u.id = t.assigned_to_id WHERE u.login = 'bo'")"
must rep bo verify
