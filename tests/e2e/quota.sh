#!/bin/sh
# How much a device is sent in a day: counted for each, kept over a restart, and past its limit the device waits for the next
# day while others go on; its work is safe meanwhile, and the operator is told.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters 40
must hq users add bo --external-id bo
hq_stop

# quota_start [ARGS]: one full download a day.
quota_start() {
    serve hq 'listening on ' "$ROVE_HQ_BIN" --data "$work/hq" "$@" serve --listen "127.0.0.1:${hq_port:-0}" \
        --full-downloads-a-day 1
    hq_pid=$server
    hq_port=${line##*:}
    hq_url=https://127.0.0.1:$hq_port
}

metric() { curl -sk "$hq_url/metrics" | sed -n "s/^$1 //p"; }

# anew: the replica loses everything but who it is, and downloads all again.
anew() {
    rm -f "$work/jo/replica.db" "$work/jo/replica.db-wal" "$work/jo/replica.db-shm"
    run rep jo sync
}

quota_start
tell 'one full download, and what follows it, is within the limit'
enrolled jo
must rep jo note add A00001 'on the first day'
must rep jo sync
must rep jo sync
same 'nobody was turned away' 0 "$(metric rove_quota_refusals_total)"
same 'nobody is over' 0 "$(metric rove_devices_over_quota)"

tell 'a second one is still answered'
anew
exits 0
same 'accounts' 40 "$(select_ jo 'SELECT count(*) FROM account')"

tell 'after it the device waits, and keeps its work'
must rep jo note add A00002 'while it waits'
run rep jo sync
exits 6
says 'LATER' 'Unsent work is safe'
says 'Next try: from ' 'T00:00:'
same 'the note is there' 1 "$(pending jo)"
same 'who is over' 1 "$(metric rove_devices_over_quota)"
[ "$(metric rove_quota_refusals_total)" -ge 1 ] || fail 'the refusal is not counted'
must hq acts --limit 3
says 'quota' '2 full downloads'
run hq doctor
exits 0
grep -q '^warning  *downloads ' "$work/out" || fail 'doctor does not see it'

tell 'others go on'
enrolled bo bo

tell 'a restart forgets nothing'
hq_stop
quota_start
run rep jo sync
exits 6

tell 'the next day it comes again, with its work'
hq_stop
quota_start --clock-offset-ms 86400000
must rep jo --clock-offset-ms 86400000 sync
same 'nothing waits' 0 "$(pending jo)"
hq_stop

tell 'limits are numbers'
run hq serve --pull-mib-a-day 0
exits 2
run hq serve --full-downloads-a-day many
exits 2
