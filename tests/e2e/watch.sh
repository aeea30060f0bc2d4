#!/bin/sh
# A device that watches: what headquarters changes arrives, and what another command writes goes out, without anybody
# asking for it. Polling, every quarter of an hour, has no part in it. Between two syncs the replica is free.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

phone() { select_ "$1" "SELECT phone FROM account WHERE account_number = 'A00001'"; }
edit() { must hq set Account a00001 phone="$1"; }

headquarters
enrolled jo
enrolled tablet

tell 'what headquarters changes arrives'
watch jo
hears ' start: '
edit 555-0001
hears ' news: sent 0, received 1, '
same 'it is there' 555-0001 "$(phone jo)"

tell 'looking at the replica is no reason to sync'
must rep jo --wait 60 status
must rep jo --wait 60 verify
edit 555-0002
hears ' news: '
case $heard in *unsent*) fail 'it synced although nothing was written' ;; esac

tell 'what another command writes goes out'
must rep jo --wait 60 note add A00001 'written beside the watcher'
hears ' unsent: sent 1, '
same 'nothing waits' 0 "$(pending jo)"

tell 'what another device sends arrives'
must rep tablet sync
same 'the note' 'written beside the watcher' "$(select_ tablet 'SELECT text FROM note')"
must rep tablet set Account A00001 phone=555-0003
must rep tablet sync
hears ' news: '
same 'it is there' 555-0003 "$(phone jo)"

tell 'accounts that come and go'
must hq users add kim --name 'Kim' --external-id kim
must hq assign kim --account a00002 --alone
hears ' removed 1 '
same 'it has left' 2 "$(select_ jo 'SELECT count(*) FROM account')"
must hq assign jo --account a00002
hears ' news: '
same 'it is back' 3 "$(select_ jo 'SELECT count(*) FROM account')"

tell 'a sync by somebody else in between'
edit 555-0004
must rep jo --wait 60 sync
edit 555-0005
while [ "$(phone jo)" != 555-0005 ]; do hears ' news: '; done

tell 'headquarters goes away and comes back, twice'
for how in hq_stop hq_kill; do
    $how
    hq_start
    hears ' news: ' # it cannot know that there is none
    edit "555-$how"
    while [ "$(phone jo)" != "555-$how" ]; do hears ' news: '; done
done

tell 'headquarters stops at once although devices wait'
hq_stop
must rep jo --wait 60 note add A00001 'written while it was away'
hears ' unsent: '
case $heard in *"Unsent work is safe"* | *"next try in"*) ;; *) fail 'it should say when it tries again' ;; esac
hq_start
hears ' retry: sent 1, '
must rep jo --wait 60 verify
ends_with 0 TERM

tell 'for programs: a line is an object'
watch jo --json
hears '"why":"start"'
edit 555-0006
hears '"why":"news"'
printf '%s\n' "$line" >"$work/out"
is_json
same 'what came' 1 "$(field rows_applied)"
ends_with 0 INT

tell 'two watchers of one device do not starve each other'
watch jo
exec 7<&8
first=$watcher
hears ' start: '
watch jo
hears ' start: '
must rep jo --wait 60 note add A00001 'one of both sends it'
while [ "$(pending jo)" != 0 ]; do :; done
edit 555-0007
while [ "$(phone jo)" != 555-0007 ]; do :; done
ends_with 0 TERM
watcher=$first
ends_with 0 TERM
exec 7<&-

tell 'a device that is revoked while it waits'
watch jo
hears ' start: '
edit 555-0008
hears ' news: ' # so it waits again, or is about to
must hq revoke "$(state jo replica)"
ends_with 8 none
grep -q 'REVOKED' "$work/watch.log" || fail 'it should say why'
must rep jo note add A00001 'work goes on'

tell 'a budget makes no sense'
run rep jo sync --watch --seconds 5
exits 2
