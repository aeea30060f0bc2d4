#!/bin/sh
# Headquarters' own certificate ends like any other: status says so in time, renewing it needs no restart and no new
# enrolment, because the key stays, and a rep whom the end has locked out is back with the renewal.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

command -v openssl >/dev/null || skip 'there is no openssl'

# shown WHAT...: what the server's certificate says that a new connection gets.
shown() {
    openssl s_client -connect "127.0.0.1:$hq_port" </dev/null 2>"$work/tls" >"$work/shown" || true
    openssl x509 -in "$work/shown" -noout "$@" || fail 'no certificate was shown'
}
days=86400000

headquarters
enrolled jo
must rep jo note add A00001 'before'
tell 'a fresh certificate needs nothing'
must hq status
says 'its certificate is good until'
if grep -q 'RENEW IT' "$work/out"; then fail 'it warns much too early'; fi
must hq --json status
same 'no need to renew' False "$(field renew_server)"
key=$(shown -pubkey)
first=$(shown -serial)

tell 'renewed while it serves: the same key and names, from the next connection on'
must hq renew-server
says 'good until' 'localhost, 127.0.0.1'
same 'the key' "$key" "$(shown -pubkey)"
[ "$(shown -serial)" != "$first" ] || fail 'the old certificate is still shown'
must rep jo sync
must hq acts
says renew-server

tell 'with other names'
must hq --json renew-server --host hq.acme.example --host=127.0.0.1
is_json
same 'its names' "['hq.acme.example', '127.0.0.1']" "$(field hosts)"
shown -ext subjectAltName >"$work/out"
says 'DNS:hq.acme.example' 'IP Address:127.0.0.1'
must rep jo sync
run hq renew-server --host 'not a host'
exits 1
says 'neither a DNS name nor an IP address'
run hq renew-server please
exits 2
must rep jo sync

tell 'thirty days before the end'
hq_stop
must hq --clock-offset-ms $((796 * days)) status
says 'RENEW IT: rove-hq renew-server'
must hq --clock-offset-ms $((796 * days)) --json status
same 'it is time' True "$(field renew_server)"
must hq --clock-offset-ms $((790 * days)) status
if grep -q 'RENEW IT' "$work/out"; then fail 'it warns too early'; fi

tell 'a server that missed it says so in its log'
hq_start --clock-offset-ms $((830 * days))
grep -q 'renew it: rove-hq renew-server' "$work/hq.log" || fail 'the log says nothing'

tell 'whom the end has locked out comes back with the renewal'
must rep late enroll "$hq_url" "$(invitation jo)"
run rep late sync # enrolling told it the time
exits 7
says certificate
must hq renew-server
must rep late sync
same 'everything is there' 'before' "$(select_ late 'SELECT text FROM note')"
