#!/bin/sh
# Headquarters is killed at any moment while it serves, and started again: what it acknowledged is there, what it did not
# comes again, nothing is taken twice.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

rounds=24
headquarters 400
peer
enrolled jo
must rep fresh enroll "$peer_url" "$(invitation jo)"
round=0
kills=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    tell "round $round"
    must rep jo note add A00001 "note $round"
    must rep jo set Account A00002 "phone=$round"
    echo "$hq_pid" >"$work/victim"
    draw 2
    way=$([ "$drawn" = 0 ] && echo up || echo down)
    draw 2600
    bytes=$drawn
    draw 8
    manner relay "$way=$bytes" "kill=$drawn"
    # Every third time it dies during a first download.
    run rep "$([ $((round % 3)) = 0 ] && echo fresh || echo jo)" sync
    [ "$code" = 0 ] || exits 6
    manner relay
    if kill -0 "$hq_pid" 2>/dev/null; then
        run rep jo sync
        [ "$code" = 0 ] || exits 6
    else
        kills=$((kills + 1))
        hq_kill 2>/dev/null || true
        hq_start
    fi
done
[ "$kills" -gt 10 ] || fail "headquarters was killed only $kills times"

tell 'in the end'
# A kill may come later than the sync that it was meant for.
: >"$work/victim"
hq_kill 2>/dev/null || true
hq_start
enrolled second
for replica in jo fresh second; do
    must rep $replica sync
    must rep $replica sync
    says 'The replica is equal to headquarters.'
    same "$replica: each note once" "$(seq $rounds | sed 's/^/note /')" \
        "$(select_ $replica 'SELECT text FROM note ORDER BY id')"
    same "$replica: the last number" "$rounds" \
        "$(select_ $replica "SELECT phone FROM account WHERE account_number = 'A00002'")"
    must rep $replica verify
done
same 'nothing waits' 0 "$(pending jo)"
