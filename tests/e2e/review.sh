#!/bin/sh
# A rep writes about a customer whom he had lost by then: the screen was still open when a sync took the customer away. Nothing
# of it is lost: it waits at headquarters and he is told so. What an operator accepts is there for the new holder; what
# he returns comes back with his note, to be put right, tried again or given up. Rows that a restored headquarters lacks
# come to be looked at as well.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

# rows NAME: what the last JSON list has in a field, one a line
rows() { "$python" -I -c 'import json, sys
for row in json.load(open(sys.argv[1])): print(row[sys.argv[2]])' "$work/out" "$1"; }
# waiting TEXT: the number of the entry whose work says so
waiting() {
    for number in $(hq --json review | "$python" -I -c 'import json, sys
print(*[row["number"] for row in json.load(sys.stdin)])'); do
        if hq review show "$number" | grep -qF "$1"; then printf '%s\n' "$number" && return; fi
    done
    fail "nothing in review says $1"
}
returned() { rep "$1" --json rejections | "$python" -I -c 'import json, sys
print(*[row["number"] for row in json.load(sys.stdin) if row["returned"]])'; }
states() { rep "$1" --json review | "$python" -I -c 'import json, sys
print(*sorted(row["state"] for row in json.load(sys.stdin)))'; }
sync_all() { for device in "$@"; do must rep "$device" sync; done; }

headquarters
must hq users add amy --name 'Amy Road'
enrolled jo
enrolled amy amy
lost=$(select_ jo "SELECT id FROM account WHERE account_number = 'A00001'")
kept=$(select_ jo "SELECT id FROM account WHERE account_number = 'A00002'")
must rep jo visit plan A00002 --at tomorrow
moved=$(cat "$work/out")
must rep jo sync
must hq assign amy --account a00001 --alone
sync_all jo amy
same 'the account has left' '' "$(select_ jo "SELECT id FROM account WHERE account_number = 'A00001'")"

tell 'he goes on with what was on his screen'
# about ENTITY FIELD COMMAND...: makes a record, and says that it is about the account that is not here any more
about() {
    about_entity=$1 about_field=$2
    shift 2
    must rep jo "$@"
    must rep jo set "$about_entity" "$(cat "$work/out")" "$about_field=$lost"
}
about Task about_id task add A00002 'seen too late'
about Visit account_id visit plan A00002 --at tomorrow --purpose 'a visit too late'
about Visit account_id visit plan A00002 --at tomorrow --purpose 'a second one'
must rep jo set Visit "$moved" "account_id=$lost"
must rep jo sync
says 'for review: see'
same 'nothing waits on the device' 0 "$(pending jo)"
same 'he sees what is in review' 4 "$(state jo in_review)"
same 'all of it' 'WAITING WAITING WAITING WAITING' "$(states jo)"
must rep jo review
says 'WAITING' 'did not hold'
same 'it is not refused' '' "$(returned jo)"
same 'the visit that he moved is where headquarters has it' "$kept" "$(select_ jo "SELECT account_id FROM visit WHERE id = $moved")"

tell 'headquarters sees whose it is and what it says'
must hq status
says '4 open'
must hq --json review
is_json
same 'four entries' 4 "$(rows by | grep -c 'Jo Field')"
must hq review show "$(waiting 'seen too late')"
says 'Jo Field' 'added' 'seen too late'
must hq --json review show "$(waiting 'a visit too late')"
is_json
same 'the fields of it' 'a visit too late' "$(field fields.purpose)"
run hq review show 99
exits 5
run hq review accept 99
exits 5

tell 'accepted: headquarters and the new holder have it'
must hq --operator eva review accept "$(waiting 'seen too late')" --note 'Thanks.'
must hq export task --json
says 'seen too late'
sync_all amy jo
same 'amy has it' 'seen too late' "$(select_ amy 'SELECT subject FROM task')"
same 'jo, who does not hold the account, has not' '' "$(select_ jo 'SELECT subject FROM task')"
same 'but he is told' 'ACCEPTED WAITING WAITING WAITING' "$(states jo)"
must rep jo review
says 'ACCEPTED' 'eva' 'Thanks.'

tell 'returned: it comes back with the note'
must hq --operator eva review return "$(waiting 'a visit too late')" --note 'Pamela goes there now.'
must hq --operator eva review return "$(waiting 'a second one')"
must hq --operator eva review return "$(hq --json review | "$python" -I -c 'import json, sys
print(json.load(sys.stdin)[0]["number"])')" --note 'It stays where it is.'
run hq review
says 'Nothing waits for review.'
must rep jo sync
same 'nothing is in review' 0 "$(state jo in_review)"
same 'three came back' 3 "$(state jo rejections)"
must rep jo rejections
says 'eva returned it: Pamela goes there now.' 'eva returned it.' 'It stays where it is.'
enrolled other
same 'his other device has them too' 3 "$(state other rejections)"

# number PURPOSE: of the returned visit
number() {
    for found in $(returned "$1"); do
        if rep "$1" rejections show "$found" | grep -qF "$2"; then printf '%s\n' "$found" && return; fi
    done
    fail "nothing that was returned says $2"
}
tell 'he puts one right'
first=$(number jo 'a visit too late')
must rep jo --json rejections show "$first"
is_json
same 'what he wrote' 'a visit too late' "$(field purpose)"
must rep jo rejections retry "$first" "account_id=$kept"
same 'the visit is on the device' 1 "$(select_ jo "SELECT count(*) FROM visit WHERE purpose = 'a visit too late'")"
run rep jo rejections retry "$first"
exits 3
sync_all jo other
must hq export visit --json
says 'a visit too late'
same 'the other device knows' 'ACCEPTED RETRIED RETURNED RETURNED' "$(states other)"
same 'and has the visit' 1 "$(select_ other "SELECT count(*) FROM visit WHERE purpose = 'a visit too late'")"

tell 'he gives one up, on the other device'
must rep other rejections discard "$(number other 'a second one')"
sync_all other jo
same 'both know' 'ACCEPTED DISCARDED RETRIED RETURNED' "$(states jo)"
same 'nobody has it' 0 "$(hq export visit --json | grep -c 'a second one' || true)"

tell 'he insists, and it is looked at again'
must rep jo rejections retry "$(returned jo)"
must rep jo sync
same 'in review again' 1 "$(state jo in_review)"
must hq --operator eva review accept "$(hq --json review | "$python" -I -c 'import json, sys
print(json.load(sys.stdin)[0]["number"])')"
sync_all jo amy other
same 'the visit has moved' "$moved" "$(select_ amy "SELECT id FROM visit WHERE id = $moved")"
same 'away from him' '' "$(select_ jo "SELECT id FROM visit WHERE id = $moved")"
must hq acts
says 'eva' 'review' 'accepted' 'returned'
for device in jo amy other; do must rep $device verify; done

tell 'headquarters loses a visit, and an edit of it comes before the visit itself'
must hq backup "$work/copy.db"
must rep jo visit plan A00002 --at tomorrow --purpose 'lost at headquarters'
visit=$(cat "$work/out")
sync_all jo other
hq_stop
must hq restore "$work/copy.db"
hq_start
must rep other set Visit "$visit" 'notes=it will rain'
must rep other sync
must hq review
says 'A row that headquarters had lost came from a device.' 'Jo Field'
must hq --json export visit
says 'it will rain'
must hq review accept "$(waiting 'lost at headquarters')"
sync_all jo other amy
same 'both devices have it once' "$visit|it will rain" "$(select_ jo "SELECT id, notes FROM visit WHERE purpose = 'lost at headquarters'")"
same 'both devices have it once' "$visit|it will rain" "$(select_ other "SELECT id, notes FROM visit WHERE purpose = 'lost at headquarters'")"
for device in jo amy other; do
    must rep $device verify
    same "nothing waits on $device" 0 "$(pending $device)"
done
