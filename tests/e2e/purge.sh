#!/bin/sh
# Headquarters forgets what happened long ago while it serves. A device that was away for all of that loses no work and
# is sent only what differs.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters 400
enrolled jo

tell 'a dry run changes nothing'
must hq --json purge --dry-run --older-than 0
[ "$(field feed)" -ge 400 ] || fail 'the feed is not counted'
must hq status
says 'purged    up to head 0'
must hq purge
says 'Nothing that is still remembered happened before 20'
run hq purge --older-than soon
exits 2

tell 'the device is away, and works'
must rep jo note add A00001 'written before the purge'
must rep jo set Account A00002 phone=0221
must rep jo set Account A00003 phone=0222
must hq set account a00002 website=changed.example
must hq delete account a00004
must hq unassign jo --account a00003 a00005
must hq users add al --name 'Al Field' --external-id al

tell 'headquarters forgets all of that'
must hq purge --older-than 0
says 'Forgotten, what happened before' 'ended grants 2' 'deleted records 1' '1 device was last here before that'
same 'the feed is empty' 0 "$(sqlite3 "$work/hq/hq.db" 'SELECT count(*) FROM _feed')"
must hq acts
says 'purge' 'ended grants'
must hq history account a00002
says 'changed.example'
must hq purge --older-than 0
says 'Nothing that is still remembered'

tell 'the device comes back'
must rep jo --json sync
same 'it is compared with headquarters' True "$(field verified)"
[ "$(field rows_applied)" -le 6 ] || fail "it was sent more than what differs: $(field rows_applied)"
[ "$(field bytes_received)" -lt 20000 ] || fail 'it downloaded everything again'
same 'nothing waits' 0 "$(pending jo)"
same 'what it holds' 397 "$(select_ jo 'SELECT count(*) FROM account')"
same 'what came' 0221,changed.example \
    "$(select_ jo "SELECT phone || ',' || website FROM account WHERE account_number = 'A00002'")"
must rep jo verify
must hq export note --json
says 'written before the purge'
same 'what the rep no longer holds waits for somebody' 1 "$(hq review --json | grep -c 'no longer known')"

tell 'from there on it is as ever, also after a restart'
hq_stop
must hq purge --older-than 0
hq_start
must hq set account a00006 website=later.example
must rep jo --json sync
same 'still compared' True "$(field verified)"
[ "$(field rows_applied)" -le 2 ] || fail 'more came than what changed'
must hq status
says 'purged    up to head'
