#!/bin/sh
# What programs rely on: --json prints one JSON document whatever happens, and exit codes mean what `rove help` says.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

# gives EXIT ARGUMENTS...: with and without --json; the document is one also where a command failed.
gives() {
    wanted=$1
    shift
    tell "$*"
    run rep jo --json "$@"
    exits "$wanted"
    is_json
    same 'nothing is said beside the document' '' "$(cat "$work/err")"
    [ "$wanted" -eq 0 ] || same 'the document names the status' "$(field error.status | tr -d 'A-Z_0-9')" ''
    run rep jo "$@"
    exits "$wanted"
}

tell 'before enrolment'
gives 8 sync
gives 8 task add me 'first'
gives 4 enroll ftp://nowhere CODE
gives 8 enroll https://127.0.0.1:1 CODE
gives 0 status
gives 0 account list
gives 0 verify

headquarters
must hq --json add TagSet name=classes
must hq add Tag "tag_set_id=$(field id)" value=gold label=Gold
must rep jo enroll "$hq_url" "$(invitation jo)"
must rep jo sync

tell 'every command that shows'
for command in status 'account list' 'contact list' 'visit list' 'call list' 'task list' 'note list A00001' \
    'tag list' pending conflicts 'conflicts list' rejections 'rejections list' quarantine 'quarantine retry' verify \
    'account show A00001' 'show Account A00001' 'sql SELECT(1)' sync; do
    # shellcheck disable=SC2086
    gives 0 $command
done

tell 'every command that writes'
account=A00001
for command in "set Account $account phone=1" "contact add $account --last Chen" "visit plan $account --at tomorrow" \
    "call log $account --outcome reached" "task add $account Quote" "note add $account Hello" \
    undo "tag add Account $account gold" "tag rm Account $account gold"; do
    # shellcheck disable=SC2086
    gives 0 $command
done
must rep jo --json show Account "$account"
id=$(field id)
tell 'whose number rings'
must rep jo contact add "$account" --last Li --phone '+86 (138) 0000-1111'
for text in '008613800001111' '+86 138 0000 1111 ext. 3'; do
    must rep jo --json contact find "$text"
    is_json
    same "who has $text" 1 "$(grep -c '"last_name": "Li"' "$work/out")"
done
must rep jo --json contact find '+86 138 0000 1112'
same 'who has another number' 0 "$(grep -c '"last_name"' "$work/out" || true)"
for command in "delete Account $id" "undo Account $id" 'account show A00001'; do
    tell "$command"
    # shellcheck disable=SC2086
    must rep jo --json $command
    is_json
done

tell 'exit codes'
gives 2 frobnicate
gives 2 account
gives 2 visit plan
gives 2 sync --seconds soon
gives 2 sync --seconds 99999999999999999
gives 2 sync --bytes -1
gives 2 status --verbose
gives 2 --wait 9223372036854775807 status
gives 2 --wait soon status
gives 3 show Account nobody
must rep jo sync
gives 3 undo
gives 3 undo Account A00001
gives 4 set Account A00001 rating=LUKEWARM
gives 4 sql 'DELETE FROM account'
run rep jo/identity/x --json status
exits 5
is_json
hq_stop
gives 6 sync

tell 'help is for people'
for command in enroll sync status account contact visit call task note tag show set delete undo pending conflicts \
    rejections quarantine sql verify; do
    must rep jo help "$command"
    says "rove $command"
    must rep jo "$command" --help
    says "rove $command"
done
must rep jo --version
says 'rove '
