#!/bin/sh
# Whatever answers a device that waits for news: it is a hint, so nothing comes of it but a sync too many. The rep's work
# still goes out, what headquarters has arrives sooner or later, and the watcher lives.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"
plain=--plain # the peer speaks with a device's identity, which it reads from its file

phone() { select_ "$1" "SELECT phone FROM account WHERE account_number = 'A00001'"; }

headquarters
peer
enrolled jo
enrolled second

for what in changed nothing strange no-byte much portal redirect busy broken not-found upgrade disk-full garbage; do
    tell "$what"
    manner forward identity=jo/identity as=same wait=$what
    watch jo
    hears ' start: '
    [ "$what" != changed ] || hears ' news: sent 0, received 0, '
    must rep jo --wait 60 note add A00001 "in spite of $what"
    hears ' unsent: sent 1, '
    ends_with 0 TERM
done

tell 'a device that headquarters turns away learns why from a sync'
manner forward identity=jo/identity as=same wait=revoked
watch jo
hears ' start: '
hears ' news: sent 0, received 0, ' # it is not so: it goes on
ends_with 0 TERM

tell 'a login page in between, and then headquarters again'
manner relay
watch jo
hears ' start: '
must hq set Account a00001 phone=555-0001
hears ' news: sent 0, received 1, '
manner plain
hq_stop # which ends what is open
must rep jo --wait 60 note add A00001 'behind a login page'
hears '(NOT_ROVE); next try in '
hq_start
printf '%s\n' "$hq_port" >"$work/upstream"
manner relay
hears ' retry: sent 1, '
must hq set Account a00001 phone=555-0002
while [ "$(phone jo)" != 555-0002 ]; do hears ' news: '; done
ends_with 0 TERM

tell 'all of it arrived once'
must rep second sync
same 'notes' 14 "$(select_ second 'SELECT count(*) FROM note')"
same 'different ones' 14 "$(select_ second 'SELECT count(DISTINCT text) FROM note')"
for replica in jo second; do must rep $replica verify; done
