#!/bin/sh
# The lease: devices may be read for so long without having reached headquarters. Their clocks do not matter; when it is over
# nothing is read, a sync unlocks it, and what was written before is not lost.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

day=86400000
headquarters
must hq policy lease_hours=2
says 'lease_hours    2'
run hq policy lease_hours=721
exits 2
enrolled jo
must rep jo sync

tell 'until when it may be read'
must rep jo --json status
[ "$(field readable_until)" != None ] || fail 'there is a lease'
same 'it is open' False "$(field locked)"
must rep jo note add A00000 'before the end'

tell 'the clock of the device does not matter while it runs'
for wrong in $((-day)) $day $((-20000 * day)) $((27000 * day)); do
    must rep jo --clock-offset-ms "$wrong" sql 'SELECT 1'
done

tell 'a lease of a moment: it is over with the next command'
hq_stop
sqlite3 "$work/hq/hq.db" "UPDATE _setting SET value = CAST('{\"poll_ms\":900000,\"lease_ms\":1}' AS BLOB) WHERE key = 'policy'"
hq_start
must rep jo note add A00000 'the last one'
must rep jo sync
run rep jo sql 'SELECT 1'
[ "$code" -ne 0 ] || fail 'it is read past its lease'
says 'Sync'
run rep jo note add A00000 'too late'
[ "$code" -ne 0 ] || fail 'it is written past its lease'
must rep jo --json status
same 'it is locked' True "$(field locked)"
must rep jo status
says 'rove sync'

tell 'without headquarters it stays locked'
hq_stop
run rep jo sync
[ "$code" -ne 0 ] || fail 'there is nobody to sync with'
run rep jo sql 'SELECT 1'
[ "$code" -ne 0 ] || fail 'it is read past its lease'
hq_start

tell 'a sync unlocks it, and everything is there'
must hq policy lease_hours=48
must rep jo sync
must rep jo sql 'SELECT count(*) FROM note'
says 2
must rep jo verify
must hq export note --json
for text in 'before the end' 'the last one'; do
    grep -q "$text" "$work/out" || fail "$text did not arrive"
done

tell 'no lease any more'
must hq policy lease_hours=0
must rep jo sync
must rep jo --json status
same 'it is open for ever' None "$(field readable_until)"
