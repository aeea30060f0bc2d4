#!/bin/sh
# No connection, or none that can be trusted: the rep is told which of the two, nothing is sent to a stranger, and the
# work waits.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
peer
enrolled jo
must rep jo note add A00001 'for headquarters only'
before=$(outbox jo)

# meets EXIT SENTENCE MANNER...: a sync that ends so and changes nothing.
meets() {
    exit_code=$1 sentence=$2
    shift 2
    tell "$*"
    manner "$@"
    run rep jo sync
    exits "$exit_code"
    says "$sentence"
    same 'unsent work is as it was' "$before" "$(outbox jo)"
}

certificate foreign IP:127.0.0.1
certificate renamed DNS:hq.example.com hq
certificate shortlived IP:127.0.0.1 hq

meets 7 'does not speak TLS 1.3' answer as=portal tls=1.2
meets 7 'not issued by the authority that this device trusts' answer as=portal certificate=foreign.pem key=foreign.key
meets 7 'not for this name' answer as=portal certificate=renamed.pem key=renamed.key
meets 6 'login page' answer as=portal certificate=shortlived.pem key=shortlived.key

tell 'the time that headquarters told decides whether its certificate has expired'
hq_stop
hq_start --clock-offset-ms 172800000
manner relay
must rep jo sync
must rep jo note add A00001 'two days later'
before=$(outbox jo)
meets 7 'has expired' answer as=portal certificate=shortlived.pem key=shortlived.key

tell 'no headquarters at all'
hq_kill
meets 6 'broke off' relay
end "$peer_pid" KILL
run rep jo sync
exits 6
says 'could not be reached'
same 'unsent work is as it was' "$before" "$(outbox jo)"

tell 'an address that is no headquarters'
for url in http://127.0.0.1:1 https:// https://127.0.0.1:99999 https://127.0.0.1:1/path hq.example.com; do
    run rep other enroll "$url" XXXXX
    exits 4
    says 'The address of headquarters'
done
