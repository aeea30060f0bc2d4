#!/bin/sh
# Headquarters answers well, and something on the way spoils it: cuts, duplicates, reorders or damages frames, or loses
# the answer to work that headquarters took. Nothing is lost and nothing is taken twice.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"
plain=--plain # the peer speaks with a device's identity, which it reads from its file

headquarters
peer
enrolled jo
written=0

# spoiled EXIT|any SENTENCE OPTION: one more note, a spoiled sync, and one that is not.
spoiled() {
    tell "$3"
    written=$((written + 1))
    must rep jo note add A00001 "note $written"
    manner forward "$3" identity=jo/identity
    run rep jo sync
    [ "$1" = any ] || exits "$1"
    says "$2"
    manner relay
    must rep jo sync
    says 'The replica is equal to headquarters.'
    same 'nothing waits any more' 0 "$(pending jo)"
}

spoiled 6 'broke off' as=silence # headquarters has it, and nobody here knows
for bytes in 0 1 5 20 60 200; do
    spoiled 6 'broke off' "cut=$bytes"
done
spoiled 7 'goes on after its end' as=two-welcomes
spoiled 7 'goes on after its end' as=two-ends
spoiled 7 'does not begin with a welcome' as=backwards
spoiled 7 '(PROTOCOL)' as=half-ack
spoiled 7 '(PROTOCOL)' as=half-page
spoiled 6 'ended in the middle' as=no-end
spoiled 0 'Sent 1' as=two-acks
spoiled 0 'Sent 1' as=two-pages
spoiled 0 'Sent 1' as=reversed
spoiled 0 '' as=no-ack
spoiled 0 'Sent 1' as=no-page
spoiled 0 'Sent 1' as=same
# What differs is sent anew at most hourly, and some of the above made it so.
hq_stop
hq_start --clock-offset-ms 7200000
spoiled any '' as=flipped-page # what passes for a page may hold a wrong value: the digest finds it

enrolled second
for replica in jo second; do
    tell "what $replica holds in the end"
    same 'each note once' "$(seq "$written" | sed 's/^/note /')" \
        "$(select_ $replica "SELECT text FROM note ORDER BY CAST(substr(text, 6) AS INTEGER)")"
    must rep $replica verify
done
