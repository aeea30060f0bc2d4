#!/bin/sh
# Two reps, one of them with a clock that is forty days wrong, and an operator write the same fields without having seen each
# other: at headquarters and on the devices everybody sees both values with authors, devices and times, and whoever
# settles it first, or at the same moment, has settled it for all.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
must hq users add amy --name 'Amy Road'
must hq assign amy --account a00001
enrolled jo
ahead=$((40 * 86400000))
amy() { rep amy --clock-offset-ms "$ahead" "$@"; }
must amy enroll "$hq_url" "$(invitation amy)"
must amy sync
sync_all() { for round in 1 2; do must rep jo sync && must amy sync; done; }

# one WORDS: the value of a field in the one JSON object that the last `run` printed, or in the first of a list
one() { "$python" -I -c 'import json, sys
value = json.load(open(sys.argv[1]))
value = value[0] if isinstance(value, list) else value
print(value[sys.argv[2]])' "$work/out" "$1"; }
count() { "$python" -I -c 'import json, sys; print(len(json.load(open(sys.argv[1]))))' "$work/out"; }
phone() { select_ "$1" "SELECT phone FROM account WHERE account_number = 'A00001'"; }

tell 'amy, jo and an operator write one field each without knowing'
must amy set Account A00001 phone=amy
must rep jo set Account A00001 phone=jo
must rep jo set Account A00001 'billing_city=Paris'
must rep jo sync
must hq --operator eva set account a00001 billing_city=Lyon
must rep jo set Account A00001 'billing_city=Nantes'
must amy set Account A00001 billing_city=Metz
must amy sync
must rep jo sync
sync_all

tell 'headquarters lists them, by the page and by what is asked for'
must hq conflicts
says OPEN .phone .billing_city 'jo (Jo Field)' 'amy (Amy Road)'
must hq --json conflicts
is_json
all=$(count)
[ "$all" -ge 3 ] || fail "there are $all conflicts"
must hq --json conflicts --limit 1
same 'a page of one' 1 "$(count)"
says 'More follow: --after'
first=$(one number)
must hq --json conflicts --after "$first"
same 'the rest' $((all - 1)) "$(count)"
must hq --json conflicts --user amy --entity Account
[ "$(count)" -ge 1 ] || fail 'nothing of amy'
must hq --json conflicts --entity visit
same 'none about visits' 0 "$(count)"
run hq conflicts --user nobody
exits 5
run hq conflicts show 77
exits 5
run hq conflicts shout 77
exits 2

tell 'both sides, with both times: she wrote by trusted time, in spite of her clock'
number=$(hq --json conflicts | "$python" -I -c 'import json, sys
print([row["number"] for row in json.load(sys.stdin) if row["field"] == "phone"][0])')
must hq --json conflicts show "$number"
is_json
sides() { "$python" -I -c 'import json, sys
from datetime import datetime
row = json.load(open(sys.argv[1]))
read = lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
for side in "kept", "lost":
    apart = read(row[side + "_at_own_clock"]) - read(row[side + "_at"])
    print(side, row[side], "by", row[side + "_by"], "clock off by", round(apart.total_seconds() / 86400), "days")' "$work/out" | sort; }
seen='kept jo by Jo Field clock off by 0 days
lost amy by Amy Road clock off by 0 days'
same 'what headquarters shows' "$seen" "$(sides)"
same 'what stands now' jo "$(one now)"
must hq conflicts show "$number"
says REGISTER_WRITE OPEN Account 'jo | amy' 'Jo Field | Amy Road' 'own clock' '(rove'
for who in jo amy; do
    must rep $who --json conflicts show "$number"
    is_json
    same "what $who sees" "$seen" "$(sides)"
    must rep $who conflicts show "$number"
    says 'this device' at_own_clock
done
must hq --json conflicts
operator=$("$python" -I -c 'import json, sys
print([row["number"] for row in json.load(open(sys.argv[1])) if row["kept_by"] == "headquarters" or row["lost_by"] == "headquarters"][0])' "$work/out")
must hq conflicts show "$operator"
says 'headquarters (eva)'

tell 'a rep lists by the page and by what is asked for'
must rep jo --json conflicts --limit 1
same 'a page of one' 1 "$(count)"
says 'More follow: --after'
must rep jo --json conflicts --after "$(one number)"
same 'the rest' $((all - 1)) "$(count)"
must rep jo --json conflicts --user me
[ "$(count)" -ge 1 ] || fail 'nothing of jo'
run rep jo conflicts --entity Nothing
exits 4
run rep jo conflicts show 77
exits 3

tell 'jo lets it be on his device while eva writes the loser again at headquarters'
must rep jo conflicts keep "$number"
must hq --operator eva --json conflicts restore "$number" --note 'called the shop'
is_json
run hq conflicts restore "$number"
exits 1
says 'settled already'
sync_all
for who in jo amy; do
    same "$who has the value that had lost" amy "$(phone $who)"
    same "$who: the rest is open" $((all - 1)) "$(state $who conflicts)"
    must rep $who verify
done
must hq --json conflicts --all
same 'and settling it twice made no other' "$all" "$(count)"
must hq acts
says 'eva' 'restored' "$number" '.phone'

tell 'jo writes the loser again; nobody had touched it meanwhile'
number=$(rep jo --json conflicts | "$python" -I -c 'import json, sys
print(json.load(sys.stdin)[0]["number"])')
must rep jo --json conflicts show "$number"
lost=$(one lost)
must rep jo conflicts restore "$number"
sync_all
must hq --json conflicts show "$number"
same 'it stands at headquarters' "$lost" "$(one now)"
same 'it is settled' RESOLVED "$(one status)"
same 'by jo' 'Jo Field' "$(one settled_by)"
must rep amy --json conflicts show "$number"
same 'and on the other device' "$lost" "$(one now)"
must rep amy verify

tell 'whose clock runs ahead wins what both write, and the operator is told once'
# contest N: both write ten fields without having seen each other's, and come to headquarters, amy last.
contest() {
    for who in jo amy; do
        # shellcheck disable=SC2046
        must "to_$who" set Account A00001 $(printf "%s=$who$1 " phone website billing_city \
            billing_region billing_street shipping_city shipping_region shipping_street description member_number)
    done
    must rep jo sync
    must amy sync
    must rep jo sync
    must amy sync
}
to_jo() { rep jo "$@"; }
to_amy() { amy "$@"; }
metric() { curl -sk "$hq_url/metrics" | sed -n "s/^$1 //p"; }
contest 1
same 'not yet' 0 "$(metric rove_contest_alarms_total)"
# She has lost the phone above, and on a busy machine perhaps a city; of so many that does not count.
for round in 2 3 4 5; do contest "$round"; done
same 'once' 1 "$(metric rove_contest_alarms_total)"
must hq acts
says 'contests' 'contests with others'
same 'in the record too' 1 "$(grep -c 'look at its clock' "$work/out")"
says "device $(rep amy --json status | "$python" -I -c 'import json, sys; print(json.load(sys.stdin)["replica"])'): its writes won"
must hq --json status
same 'and in the status' 1 "$(field contest_alarms)"
run hq doctor
says "1 times a device won nearly all of a day's contests"
