#!/bin/sh
# hq_serve.sh - headquarters from outside: made, served, asked with curl and openssl, administered while it runs,
# stopped, killed and started again.
#
# Nothing sleeps: the line "listening on" comes through a pipe, and reading it waits for it.
set -eu

hq=${ROVE_HQ_BIN:?}
work=$(mktemp -d "${PWD}/hq_serve.XXXXXX")
server=''

end() {
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
cd "$work"

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    [ ! -f errors ] || tail -n 20 errors >&2
    exit 1
}
same() { [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"; }
contains() { case $3 in *"$2"*) ;; *) fail "$1: '$2' is not in: $3" ;; esac }
# exits CODE COMMAND...: runs it, its output in the file `said`
exits() {
    wanted=$1
    shift
    code=0
    "$@" >said 2>&1 || code=$?
    same "exit code of: $*" "$wanted" "$code"
}

start() {
    rm -f line port
    mkfifo line
    "$hq" --data data serve --listen 127.0.0.1:0 --port-file port "$@" >line 2>>errors &
    server=$!
    read -r said_line <line || fail 'serve printed no line'
    url=${said_line#listening on }
    same 'the line' "listening on $url" "$said_line"
    same 'the port file' "${url##*:}" "$(cat port)"
}

# stop SIGNAL: ends the server; its exit code is in $code
stop() {
    kill "-$1" "$server"
    code=0
    wait "$server" || code=$?
    server=''
}

ask() { curl -sS --cacert ca.pem "$@"; }
status_of() { ask -o answer -D head -w '%{http_code}' "$@"; }
rove_status() { sed -n 's/^Rove-Status: \([A-Z_]*\).*/\1/p' head; }
member() { "$hq" --data data --json status | sed -n "s/^  \"$1\": \([0-9]*\).*/\1/p"; }

# ---- made once
exits 0 "$hq" --data data init --name 'Acme Field Sales' --host localhost --host 127.0.0.1
before=$(cksum data/ca.key data/server.key)
exits 1 "$hq" --data data init --name 'Another'
contains 'a second init' 'already' "$(cat said)"
same 'keys after a second init' "$before" "$(cksum data/ca.key data/server.key)"
exits 5 "$hq" --data nowhere status
exits 2 "$hq" --data data no-such-command
exits 2 "$hq" --data data serve --no-such-option
exits 0 "$hq" help
exits 0 "$hq" help enroll-code
openssl x509 -inform der -in data/ca.der -out ca.pem

# ---- keys are their owner's alone, and one that is not is not used
for key in ca.key server.key seal.key; do
    same "mode of $key" 600 "$(stat -c %a "data/$key")"
    for mode in 640 604; do
        chmod "$mode" "data/$key"
        exits 1 "$hq" --data data serve --listen 127.0.0.1:0
        contains "$key with mode $mode" "chmod 600 $key" "$(cat said)"
    done
    chmod 600 "data/$key"
done

# ---- asked
start
same healthz ok "$(ask "$url/healthz")"
same 'healthz by name' ok "$(ask "https://localhost:${url##*:}/healthz")"
contains metrics 'rove_requests_total{path="/healthz",status="200"} 2' "$(ask "$url/metrics")"
same 'no certificate' 401 "$(status_of -X POST "$url/v1/exchange")"
same 'no certificate' UNAUTHORIZED "$(rove_status)"
same 'an unknown path' 401 "$(status_of "$url/v1/unknown")"
same 'a wrong method' 405 "$(status_of -X PUT "$url/healthz")"
same 'a wrong type' 415 "$(status_of -d x "$url/v1/enroll")"
same 'no enrolment' 400 "$(status_of -d x -H 'Content-Type: application/vnd.rove.enroll' "$url/v1/enroll")"
case $(cat head) in *Server:*) fail 'the server names itself' ;; esac

# A body over the limit is taken to its end, then refused: the answer is not lost to a reset.
dd if=/dev/zero of=big bs=1048576 count=1 2>/dev/null
same 'an oversize body' 413 "$(status_of -H 'Expect:' -H 'Content-Type: application/vnd.rove.enroll' \
    --data-binary @big "$url/v1/enroll")"
same 'an oversize body' TOO_BIG "$(rove_status)"

# ---- TLS 1.3 alone, our authority alone
if openssl s_client -connect "127.0.0.1:${url##*:}" -tls1_2 </dev/null >said 2>&1; then
    fail 'TLS 1.2 was accepted'
fi
if curl -sS "$url/healthz" >said 2>&1; then
    fail 'curl trusts our private authority without being told'
fi

# ---- administered while it runs
exits 4 "$hq" --data data serve --listen 127.0.0.1:0
contains 'a second server' "$server" "$(cat said)"
same 'the timeline while served' "$(member timeline)" "$(member timeline)"
exits 5 "$hq" --data data enroll-code --user nobody
exits 2 "$hq" --data data revoke
exits 0 "$hq" --data data --json devices
contains 'devices' '[]' "$(cat said)"
mkdir elsewhere
(cd elsewhere && exits 0 "$hq" --data ../data status)

# ---- stopped, killed, started again: each time another timeline
first=$(member timeline)
head_before=$(member head)
stop TERM
same 'exit code after SIGTERM' 0 "$code"
[ ! -e data/control ] || fail 'the control socket is left behind'
exits 0 "$hq" --data data status
start
second=$(member timeline)
stop KILL
start
third=$(member timeline)
if [ "$first" = "$second" ] || [ "$second" = "$third" ]; then
    fail 'a start did not begin a new timeline'
fi
same 'the head after a kill' "$head_before" "$(member head)"
same 'healthz after a kill' ok "$(ask "$url/healthz")"
stop INT
same 'exit code after SIGINT' 0 "$code"

# ---- a client that says half a line and waits is shown the door
start --idle-seconds 1
mkfifo slow
openssl s_client -quiet -connect "127.0.0.1:${url##*:}" <slow >said 2>&1 &
client=$!
exec 3>slow
printf 'GET /healthz HTT' >&3
wait "$client" || true
exec 3>&-
same 'healthz after a slow client' ok "$(ask "$url/healthz")"
stop TERM
same 'exit code' 0 "$code"

case $(cat errors) in *Jo*) fail 'the log names a person' ;; esac
echo 'serve: fine'
