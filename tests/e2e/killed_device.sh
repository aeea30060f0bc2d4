#!/bin/sh
# The program on the device is killed at any moment of a sync: what was written is there, what was sent arrives once,
# and a download goes on where it stopped.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

rounds=30
headquarters 9000
peer
must rep jo enroll "$peer_url" "$(invitation jo)"

# killed NAME WAY=BYTES MS: a sync that is killed so long after so many bytes up or down, unless it is through before.
killed() {
    manner relay "$2" "kill=$3"
    run sh -c 'echo $$ >"$1"; shift; exec "$@"' sync "$work/victim" "$ROVE_BIN" --replica "$work/$1" sync
    case $code in
    137) kills=$((kills + 1)) ;;
    0 | 6) ;;
    *) fail 'a sync that is killed, cut off or done was expected' ;;
    esac
}

kills=0
tell 'killed during the first download'
killed jo down=120000 0
exits 137
# The relay kills it by bytes; how many pages it had applied by then depends on how busy the machine is.
part=$(select_ jo 'SELECT count(*) FROM account')
[ "$part" -lt 9000 ] || same 'it is complete' False "$(state jo catching_up)"
manner relay
must rep jo --json sync
[ "$part" -le 1000 ] || [ "$(field rows_applied)" -lt 9000 ] || fail 'the download began again'
same 'all accounts' 9000 "$(select_ jo 'SELECT count(*) FROM account')"
must rep other enroll "$peer_url" "$(invitation jo)"
for _ in 1 2 3 4; do
    draw 120000
    bytes=$drawn
    draw 60
    killed other "down=$bytes" "$drawn"
    must rep other verify
done

tell 'killed while it sends'
round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    must rep jo note add A00001 "note $round"
    must rep jo set Account A00002 "phone=$round"
    draw 2
    way=$([ "$drawn" = 0 ] && echo up || echo down)
    draw 2500
    bytes=$drawn
    draw 20
    killed jo "$way=$bytes" "$drawn"
done
[ "$kills" -gt 10 ] || fail "only $kills syncs were killed"
must rep jo verify

tell 'killed while it writes: what it said it wrote is there'
manner relay
must rep other sync
: >"$work/said"
for round in $(seq 20); do
    draw 25
    run timeout -s KILL "0.0$((drawn + 10))" "$ROVE_BIN" --replica "$work/other" --wait 10 note add A00003 "local $round" # the one before may not be quite dead
    case $code in
    0) echo "local $round" >>"$work/said" ;;
    137) ;;
    *) fail 'a write that is done or killed was expected' ;;
    esac
done
must rep other verify
select_ other "SELECT text FROM note WHERE text LIKE 'local%' ORDER BY id" >"$work/there"
same 'nothing of it is missing' '' "$(grep -vxF -f "$work/there" "$work/said" || true)"
same 'nothing is there twice' '' "$(uniq -d "$work/there")"
local_notes=$(wc -l <"$work/there")

tell 'in the end'
must rep other sync
must rep jo sync
must rep jo sync
says 'The replica is equal to headquarters.'
same 'nothing waits' 0 "$(pending jo)"
enrolled second
must rep other sync
for replica in jo other second; do
    same "$replica: each note once" "$(seq $rounds | sed 's/^/note /')" \
        "$(select_ $replica "SELECT text FROM note WHERE text LIKE 'note%' ORDER BY id")"
    same "$replica: what the other device wrote" "$local_notes" \
        "$(select_ $replica "SELECT count(*) FROM note WHERE text LIKE 'local%'")"
    same "$replica: the last number" "$rounds" \
        "$(select_ $replica "SELECT phone FROM account WHERE account_number = 'A00002'")"
    must rep $replica verify
done
same 'no conflict, for one device was at work' 0 "$(state second conflicts)"
