#!/bin/sh
# Certificates of devices: expired ones renew themselves, revoked and unknown ones are told so, a stranger's is worth
# nothing. Whatever headquarters says, unsent work stays on the device.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

day=86400000

headquarters
cp -r "$work/hq" "$work/backup"
enrolled jo
number=$(state jo replica)

# later DAYS: headquarters is as many days on.
later() {
    hq_stop
    hq_start --clock-offset-ms "$(($1 * day))"
}

# turned_away SENTENCE: a sync that ends so, and changes nothing.
turned_away() {
    before=$(outbox jo)
    run rep jo sync
    exits 8
    says "$1"
    same 'unsent work is as it was' "$before" "$(outbox jo)"
    must rep jo account list # and the rep goes on working
    must rep jo note add A00001 'still at work'
}

tell 'a certificate renews itself before it ends, and up to 400 days after'
for days in 25 70 400; do
    must rep jo note add A00001 "day $days"
    later $days
    must rep jo sync
    same 'it is the same device' "$number" "$(state jo replica)"
done
same 'headquarters has it all' 'day 25 day 70 day 400' "$(select_ jo 'SELECT text FROM note ORDER BY id' | xargs)"

tell 'but not for ever'
must rep jo note add A00001 'after two years'
later 900
turned_away 'expired'

tell 'back in time'
later 401
must rep jo sync
must rep jo note add A00001 'before the revocation'

tell 'revoked, and back with a new code: unsent work goes along, for headquarters to look at'
must hq revoke "$number"
turned_away 'revoked'
run rep jo enroll "$hq_url" "$(invitation jo)"
exits 0
must rep jo sync
says 'went to headquarters for review'
must hq status
says 'review    2 open'
same 'nothing is left behind' 0 "$(pending jo)"
must rep jo verify

tell 'headquarters was restored from a backup that does not know the device'
hq_stop
mv "$work/hq" "$work/hq.lost"
mv "$work/backup" "$work/hq"
rm -f "$work/hq/control"
hq_start
turned_away 'does not accept this device'
must rep jo enroll "$hq_url" "$(invitation jo)"
must rep jo sync
same 'nothing is left behind' 0 "$(pending jo)"
must rep jo sync
says 'The replica is equal to headquarters.'
must rep jo verify

tell 'a certificate of a stranger'
certificate foreign DNS:device
printf 'POST /v1/exchange HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' |
    openssl s_client -quiet -connect "127.0.0.1:$hq_port" -cert "$work/foreign.pem" -key "$work/foreign.key" \
        >"$work/out" 2>"$work/err" || true
says 'HTTP/1.1 401' 'Rove-Status: UNAUTHORIZED'
