#!/bin/sh
# Something with a device's own key sends headquarters what no device sends, or what it sent before: bombs, halves,
# frames in any order, old requests again. Headquarters goes on, and has every note once.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"
plain=--plain # the peer speaks with a device's identity, which it reads from its file

headquarters
peer
enrolled jo
written=0
for how in nothing garbage bomb oversized half backwards two-pushes half-push page twice first-ever all-ever \
    all-ever-backwards; do
    tell "$how"
    written=$((written + 1))
    must rep jo note add A00001 "note $written"
    before=$(outbox jo)
    manner forward "request=$how" identity=jo/identity
    run rep jo sync
    case $code in
    0) ;;
    6 | 7 | 8) same 'unsent work is as it was' "$before" "$(outbox jo)" ;;
    *) fail 'an ordinary outcome was expected' ;;
    esac
    manner relay
    must rep jo sync
    says 'The replica is equal to headquarters.'
    same 'nothing waits' 0 "$(pending jo)"
done

tell 'headquarters is as it was'
kilobytes=$(awk '/^VmHWM:/ { print $2 }' "/proc/$hq_pid/status")
[ "$kilobytes" -lt 300000 ] || fail "it took $kilobytes KiB of memory"
enrolled second
for replica in jo second; do
    same "$replica: each note once" "$(seq "$written" | sed 's/^/note /')" \
        "$(select_ $replica 'SELECT text FROM note' | sort -t' ' -k2n)"
    must rep $replica verify
done
