#!/bin/sh
# Two devices write the same field without having seen each other: one value stands, the other is shown with both times
# and can be written again. Work on a visit that another device has sealed is not lost either.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
enrolled one
enrolled two

phone() { select_ "$1" "SELECT phone FROM account WHERE account_number = 'A00001'"; }
sync_both() { for device in one two one two; do must rep $device sync; done; }

must rep one visit plan A00001 --at tomorrow
visit=$(cat "$work/out")
sync_both
must rep one set Account A00001 phone=first
must rep two set Account A00001 phone=second
must rep two set Visit "$visit" purpose=late
must rep one visit start "$visit"
must rep one visit finish "$visit" --outcome ordered
sync_both

tell 'both devices show the same conflicts, with both values'
same 'the later write stands' second "$(phone one)"
for device in one two; do
    must rep $device --json conflicts
    is_json
    same 'two conflicts' 2 "$(state $device conflicts)"
    same "$device: what stands and what does not" 'phone second first;purpose None late' "$("$python" -I -c 'import json, sys
rows = json.load(open(sys.argv[1]))
print(";".join(sorted("%s %s %s" % (row["field"], row["kept"], row["lost"]) for row in rows)))' "$work/out")"
done
same 'the visit is done' COMPLETED "$(rep two --json show Visit "$visit" | "$python" -I -c 'import json, sys
print(json.load(sys.stdin)["status"])')"

# number FIELD: of the conflict about it.
number() {
    rep two --json conflicts | "$python" -I -c 'import json, sys
print([row["number"] for row in json.load(sys.stdin) if row["field"] == sys.argv[1]][0])' "$1"
}

tell 'the losing value is written again'
must rep two --json conflicts restore "$(number phone)"
is_json
must rep two conflicts keep "$(number purpose)"
sync_both
for device in one two; do
    same 'it stands on both' first "$(phone $device)"
    same 'nothing is open' 0 "$(state $device conflicts)"
    must rep $device verify
done

tell 'what both add to a counter adds up, and one line is written whole or not at all'
must rep one set Account A00001 points+=5
must rep two set Account A00001 website=two.example points+=7
run rep two set Account A00001 website=never.example points+=many
exits 4
says 'a whole number is expected'
run rep two set Account A00001 website=never.example phone+=1
exits 4
sync_both
for device in one two; do
    same 'the sum, and what was written with it' '12|two.example' \
        "$(select_ $device "SELECT points, website FROM account WHERE account_number = 'A00001'")"
    same 'nothing new is open' 0 "$(state $device conflicts)"
done
