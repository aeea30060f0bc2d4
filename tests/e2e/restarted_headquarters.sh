#!/bin/sh
# Headquarters is stopped and started: between two syncs, in the middle of a first download, and twice on one folder.
# Each start is a new timeline, and devices notice nothing but a moment of waiting.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters 9000
peer
enrolled jo

tell 'a second server on the same folder'
run "$ROVE_HQ_BIN" --data "$work/hq" serve --listen 127.0.0.1:0
exits 4
says "Process $hq_pid" 'close it first'
must rep jo sync

tell 'restarted between two syncs'
for round in 1 2 3; do
    must rep jo note add A00001 "note $round"
    must rep jo sync
    must rep jo set Account A00002 "phone=$round"
    before=$(outbox jo)
    hq_stop
    run rep jo sync
    exits 6
    same 'unsent work is as it was' "$before" "$(outbox jo)"
    hq_start
    must rep jo --json sync
    [ "$(field requests)" -le 3 ] || fail 'too many requests'
    [ "$(field bytes_received)" -lt 20000 ] || fail 'it downloaded everything again'
    same 'compared with headquarters' True "$(field verified)"
    same 'nothing waits' 0 "$(pending jo)"
done

tell 'restarted during a first download'
must rep fresh enroll "$peer_url" "$(invitation jo)"
for kilobytes in 60 90 120; do
    manner relay "down=$((kilobytes * 1024))"
    run rep fresh sync
    exits 6
    hq_stop
    hq_start
done
same 'it is not complete yet' True "$(state fresh catching_up)"
manner relay
must rep fresh sync
must rep fresh sync
says 'The replica is equal to headquarters.'
same 'all accounts' 9000 "$(select_ fresh 'SELECT count(*) FROM account')"
same 'all notes, once' 'note 1 note 2 note 3' "$(select_ fresh 'SELECT text FROM note ORDER BY id' | xargs)"
must rep fresh verify
