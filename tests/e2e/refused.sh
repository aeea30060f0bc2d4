#!/bin/sh
# Headquarters refuses what a device's own rules could not know: a limit that changed meanwhile, a field that became required, a
# visit that somebody else has signed. The write is kept with the reason, can be read, put right, tried again or given
# up; what depends on it waits with it. And a row that this device cannot apply is set aside, shown, and in its place
# once the rest of it is here. Nothing else is touched.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"
plain=--plain # the peer speaks with a device's identity, which it reads from its file

# refused NAME TEXT: the number of the refused write whose entity or reason says so
refused() {
    rep "$1" --json rejections | "$python" -I -c 'import json, sys
print([row["number"] for row in json.load(sys.stdin) if sys.argv[1] in row["entity"] + " " + row["reason"]][0])' "$2"
}
rejections() { state "$1" rejections; }

headquarters 4
printf 'ExternalId,Name,SquareFeet__c\na00000,Shop 00000,100\na00001,Shop 00001,200\n' >"$work/more.csv"
must hq import --entity account "$work/more.csv"
custom=$(hq export custom_field --json | "$python" -I -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])')
enrolled jo
enrolled other

tell 'a limit changed at headquarters while he was away'
must rep jo set Account A00000 square_feet=500 phone=555-0100
must rep jo note add A00000 'not to be held up'
must hq set custom_field "$custom" max=300
must rep jo sync
says '1 refused: see `rove rejections`.' 'The replica is equal to headquarters.'
same 'nothing waits' 0 "$(pending jo)"
same 'he sees what headquarters has' 100 "$(select_ jo "SELECT square_feet FROM account WHERE account_number = 'A00000'")"
same 'the rest arrived' 'not to be held up' "$(hq export note --json | "$python" -I -c 'import json, sys
print(*[row["text"] for row in json.load(sys.stdin)])')"
must rep jo rejections
says RANGE 'Account.square_feet has to be' '300'
number=$(refused jo Account)
must rep jo --json rejections show "$number"
is_json
same 'what he wrote' '500 555-0100' "$(field square_feet) $(field phone)"
run rep jo rejections retry "$number"
exits 4
says 'has to be' # the device knows the limit by now
same 'it is still there' 1 "$(rejections jo)"
must rep jo rejections retry "$number" square_feet=250
same 'it waits' 1 "$(pending jo)"
must rep jo sync
same 'nothing is refused any more' 0 "$(rejections jo)"
must hq show account a00000
says 'square_feet            250' '555-0100'
run hq set custom_field "$custom" min=400
exits 1
says 'impossible'

tell 'a field became required; what is about the refused contact waits with it'
printf 'ExternalId,FirstName,LastName,AccountExternalId,Language_Spoken__c\nc1,Kim,Old,a00001,English\n' >"$work/contacts.csv"
must hq import --entity contact "$work/contacts.csv"
spoken=$(hq export custom_field --json | "$python" -I -c 'import json, sys
print([row["id"] for row in json.load(sys.stdin) if row["name"] == "language_spoken"][0])')
must rep jo sync
must rep jo contact add A00001 --first Ann --last Lee
contact=$(select_ jo "SELECT id FROM contact WHERE last_name = 'Lee'")
must rep jo note add "$contact" 'met at the fair'
must rep jo set Account A00001 phone=555-0101
must hq set custom_field "$spoken" flags=1
must rep jo sync
says '3 refused'
must rep jo rejections
says REQUIRED 'Contact.language_spoken is required.' 'The record that it is about was refused.'
same 'nothing of it is at headquarters' 0 "$(hq export note --json | grep -c fair || true)"
same 'what has nothing to do with it is' 555-0101 "$(hq --json show account a00001 | "$python" -I -c 'import json, sys
print(json.load(sys.stdin)["record"]["phone"])')"
must rep jo rejections retry "$(refused jo spoken)" language_spoken=German
must rep jo rejections retry "$(refused jo AccountContactRole)"
must rep jo rejections retry "$(refused jo Note)"
must rep jo sync
same 'all of it is in' 0 "$(rejections jo)"
must rep other sync
same 'as he meant it' 'Lee|German|met at the fair' "$(select_ other "SELECT c.last_name, c.language_spoken, n.text FROM contact c
    JOIN account_contact_role r ON r.contact_id = c.id JOIN note n ON n.about_id = c.id WHERE c.last_name = 'Lee'")"

tell 'a visit that somebody has signed cannot be deleted, whoever did not know'
must rep jo visit plan A00001 --at tomorrow
visit=$(cat "$work/out")
must rep jo sync
must rep other sync
must rep other visit start "$visit"
must rep other visit finish "$visit" --outcome ordered
must rep other sync
must rep jo delete Visit "$visit"
must rep jo sync
says '1 refused'
must rep jo rejections
says 'is sealed and never changes'
same 'he has it again' COMPLETED "$(rep jo --json show Visit "$visit" | "$python" -I -c 'import json, sys
print(json.load(sys.stdin)["status"])')"
must rep jo note add A00001 'unsent beside it'
before=$(outbox jo)
run rep jo rejections retry "$(refused jo Visit)"
exits 4
must rep jo rejections discard "$(refused jo Visit)"
run rep jo rejections discard 1
exits 3
same 'it is given up' 0 "$(rejections jo)"
same 'and nothing else' "$before" "$(outbox jo)"
must rep jo sync
must rep jo verify

tell 'a row that cannot be applied is set aside with its reason'
must hq unassign jo --account a00003
must rep other sync
hq --json show account a00003 | "$python" -I -c 'import json, sys
print(json.load(sys.stdin)["record"]["id"])' >"$work/stranger"
peer
enrolled careful
must rep careful note add A00001 'unsent meanwhile'
before=$(outbox careful)
must hq set account a00000 phone=555-0199
manner forward as=stranger identity=careful/identity
run rep careful sync
exits 6
manner relay
must rep careful quarantine
says Account "$(cat "$work/stranger")" 'Account.tag_ids'
same 'it is counted' 1 "$(state careful quarantined)"
same 'the rest of the page was applied' 555-0199 "$(select_ careful "SELECT phone FROM account WHERE account_number = 'A00000'")"
must rep careful --json quarantine retry
is_json
same 'it cannot be applied yet' 1 "$(field left)"
must hq assign jo --account a00003
must rep careful sync
same 'his work arrived' 0 "$(pending careful)"
same 'the whole record came' A00003 "$(select_ careful "SELECT account_number FROM account WHERE account_number = 'A00003'")"
same 'nothing is set aside any more' 0 "$(state careful quarantined)"
must rep careful verify
