#!/bin/sh
# A damaged file: the rep is told what to do, nothing is made worse, and what can still be read can still be sent.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters 30

# overwrite OFFSET SIZE: with noise.
overwrite() { dd if=/dev/urandom of="$work/$who/replica.db" bs=1 seek="$1" count="$2" conv=notrunc 2>/dev/null; }

# hopeless WHAT: no command gets anywhere, and none changes the file.
hopeless() {
    tell "$1${plain:+, of a plain replica}"
    cp "$work/$who/replica.db" "$work/damaged"
    for command in 'account list' 'note add A00001 x' sync status pending verify 'sql SELECT(1)'; do
        # shellcheck disable=SC2086
        run rep "$who" $command
        exits 5
        says 'Keep a copy of the folder for support' '(CORRUPT)'
    done
    cmp -s "$work/$who/replica.db" "$work/damaged" || fail 'the damaged file was changed'
    cp "$work/good/replica.db" "$work/$who/replica.db"
}

for who in ed jo; do
    [ "$who" = ed ] || plain=--plain
    enrolled "$who"
    must rep "$who" note add A00001 'not sent yet'
    before=$(outbox "$who")
    rm -rf "$work/good"
    cp -r "$work/$who" "$work/good"
    echo 'This is a letter.' >"$work/$who/replica.db"
    hopeless 'replaced by a text'
    truncate -s 4096 "$work/$who/replica.db"
    hopeless 'cut short to one page'
    truncate -s 50000 "$work/$who/replica.db"
    hopeless 'cut short'
    overwrite 0 100
    hopeless 'a damaged head'

    tell 'the good file is back'
    same 'unsent work is as it was' "$before" "$(outbox "$who")"
    must rep "$who" verify
    must rep "$who" sync
done
must rep jo note add A00001 'not sent yet, once more'
before=$(outbox jo)

tell 'a value was changed behind its back: verify finds it, the next sync mends it'
flip() {
    sqlite3 "$work/jo/replica.db" "UPDATE account SET name = 'flipped' WHERE account_number = 'A00007'"
    run rep jo verify
    exits 5
    says 'do not match their digest; the next exchange repairs them'
}
name_of() { select_ jo "SELECT name FROM account WHERE account_number = 'A00007'"; }
flip
same 'it is not taken for verified' None "$(state jo verified)"
must rep jo sync
says 'The replica is equal to headquarters.'
same 'the name' 'Shop 00007' "$(name_of)"
flip
must rep jo sync
says '1 part of the replica differs from headquarters although fetched again less than an hour ago'
same 'it is not fetched twice within an hour' flipped "$(name_of)"
same 'and shown' 1 "$(state jo differing)"
must rep jo verify
says 'every digest agrees' '1 part of the replica differs'
grep -q 'differs again within an hour' "$work/hq.log" || fail 'headquarters has not noted it'
hq_stop
hq_start --clock-offset-ms 3600001
must rep jo sync
says 'The replica is equal to headquarters.'
same 'after the hour' 'Shop 00007' "$(name_of)"
same 'nothing is shown any more' 0 "$(state jo differing)"
must rep jo note add A00001 'not sent then either'
before=$(outbox jo)

tell 'one table is damaged: verify finds it, and unsent work still goes'
page=$(sqlite3 "$work/jo/replica.db" "SELECT rootpage FROM sqlite_schema WHERE name = 'account'")
overwrite $(((page - 1) * 4096)) 4096
run rep jo account list
exits 5
says 'Keep a copy' '(CORRUPT)'
run rep jo verify
exits 5
says 'replica.db is damaged' '(CORRUPT)'
same 'unsent work can be read' "$before" "$(outbox jo)"
must rep jo sync
same 'and was sent' 0 "$(pending jo)"

tell 'without the damaged file everything is downloaded again'
mv "$work/jo/replica.db" "$work/damaged"
must rep jo sync
says 'The replica is equal to headquarters.'
must rep jo verify
same 'all accounts' 30 "$(select_ jo 'SELECT count(*) FROM account')"
same 'the notes too' 4 "$(select_ jo "SELECT count(*) FROM note WHERE text LIKE 'not sent %'")"
must rep jo note add A00002 'as a new device'
must rep jo sync
same 'work goes on' 0 "$(pending jo)"

tell 'a damaged identity: the rep works on, and enrols again'
must rep jo note add A00003 'written before the identity broke'
echo x >"$work/jo/identity"
run rep jo sync
exits 8
says 'identity file is damaged' 'unsent work is kept'
must rep jo note add A00003 'written after it'
must rep jo enroll "$hq_url" "$(invitation jo)"
must rep jo sync
same 'all of it went' 0 "$(pending jo)"
must rep jo verify
