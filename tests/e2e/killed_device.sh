#!/bin/sh
# The program on the device is killed at any moment of a sync: what was written is there, what was sent arrives once,
# and a download goes on where it stopped.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

rounds=30
headquarters 1500
peer
must rep jo enroll "$peer_url" "$(invitation jo)"

# killed: a sync that is killed after so many bytes up or down and some milliseconds, unless it is through before.
killed() {
    draw 2
    way=$([ "$drawn" = 0 ] && echo up || echo down)
    draw "${1:-2500}"
    bytes=$drawn
    draw 20
    manner relay "$way=$bytes" "kill=$drawn"
    run sh -c 'echo $$ >"$1"; shift; exec "$@"' sync "$work/victim" "$ROVE_BIN" --replica "$work/jo" sync
    case $code in
    137) kills=$((kills + 1)) ;;
    0 | 6) ;;
    *) fail 'a sync that is killed, cut off or done was expected' ;;
    esac
}

kills=0
tell 'killed during the first download'
for _ in 1 2 3 4 5 6; do
    killed 30000
    must rep jo verify
done
manner relay
must rep jo sync
same 'all accounts' 1500 "$(select_ jo 'SELECT count(*) FROM account')"

tell 'killed while it sends'
round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    must rep jo note add A00001 "note $round"
    must rep jo set Account A00002 "phone=$round"
    killed
done
[ "$kills" -gt 10 ] || fail "only $kills syncs were killed"
must rep jo verify

tell 'in the end'
manner relay
must rep jo sync
must rep jo sync
says 'The replica is equal to headquarters.'
same 'nothing waits' 0 "$(pending jo)"
enrolled second
for replica in jo second; do
    same "$replica: each note once" "$(seq $rounds | sed 's/^/note /')" \
        "$(select_ $replica 'SELECT text FROM note ORDER BY id')"
    same "$replica: the last number" "$rounds" \
        "$(select_ $replica "SELECT phone FROM account WHERE account_number = 'A00002'")"
    must rep $replica verify
done
same 'no conflict, for one device was at work' 0 "$(state second conflicts)"
