# shellcheck shell=sh
# lib.sh - what the end-to-end scripts share. A script begins with
#
#     . "${0%/*}/lib.sh"
#
# and then has a folder of its own ($work, removed when it ends), these words, and its servers ended with it:
#
#     headquarters    a fresh rove-hq with a rep, an account and an invitation away from work; hq ARGS runs a command
#     peer            something between the devices and headquarters that misbehaves on demand (peer.py): manner WORDS
#     rep NAME ARGS   the program rove on the replica $work/NAME; encrypted, but with plain=--plain
#     run COMMAND     keeps what it printed in $work/out and $work/err, and its exit code in $code
#     must COMMAND    the same, and it has to succeed
#
# Nothing here sleeps to synchronise: servers say when they are ready, and that line is waited for.
set -eu

ROVE_BIN=${ROVE_BIN:-"${0%/*}/../../build/dev/bin/rove"}
ROVE_HQ_BIN=${ROVE_HQ_BIN:-"${ROVE_BIN%/*}/rove-hq"}
here=$(cd -- "${0%/*}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/rove.XXXXXX")
# The interpreter itself: what is found by name may be a slow wrapper.
python=$(python3 -I -c 'import sys; print(sys.executable)')
servers=''
mounts=''
code=0
unset ROVE_REPLICA || true
export ROVE_SECRET="$work/secret"
plain=''
umask 077

# shellcheck disable=SC2317
finish() {
    status=$?
    trap - EXIT
    for pid in $servers; do
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    for place in $mounts; do
        umount "$place"
    done
    if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
        for log in "$work"/*.log; do
            [ -s "$log" ] && tail -n 20 "$log" | sed "s|^|${log##*/}: |" >&2
        done
    fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# ---- saying what is wrong --------------------------------------------------------------------------------------

story=''
# tell SENTENCE: what the next lines are about; printed if they fail.
tell() { story=$1; }

fail() {
    printf 'FAILED%s: %s\n' "${story:+ ($story)}" "$*" | cut -c 1-300 >&2
    if [ -f "$work/command" ]; then
        printf -- '-- the last command, exit code %s:\n' "$code" >&2
        cut -c 1-300 "$work/command" "$work/out" "$work/err" >&2
    fi
    exit 1
}

skip() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

# ---- running ---------------------------------------------------------------------------------------------------

run() {
    printf '$ %s\n' "$*" >"$work/command"
    code=0
    "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
}

must() {
    run "$@"
    [ "$code" -eq 0 ] || fail "it should have succeeded"
}

rep() {
    rep_name=$1
    shift
    "$ROVE_BIN" --replica "$work/$rep_name" ${plain:+"$plain"} "$@"
}

# exits CODE: how the last `run` ended.
exits() { [ "$code" -eq "$1" ] || fail "exit code $1 was expected, not $code"; }

# says TEXT...: each of them is in what the last `run` printed.
says() {
    for expected in "$@"; do
        cat "$work/out" "$work/err" | grep -qF -e "$expected" || fail "it should say: $expected"
    done
}

is_json() { "$python" -m json.tool <"$work/out" >/dev/null 2>&1 || fail "standard output is no JSON"; }

# same WHAT EXPECTED SEEN
same() {
    if [ "$2" != "$3" ]; then
        printf -- '-- expected:\n%s\n-- seen:\n%s\n' "$2" "$3" >&2
        fail "$1"
    fi
}

# field NAME: of the JSON object that the last `run` printed; a path like error.status goes deeper.
field() {
    "$python" -I -c 'import json, sys
value = json.load(open(sys.argv[1]))
for name in sys.argv[2].split("."):
    value = value[int(name)] if isinstance(value, list) else value[name]
print(value)' "$work/out" "$1"
}

# ---- what a replica holds ----------------------------------------------------------------------------------------

# select_ NAME SQL: bare values, one row a line. Headings are dropped.
select_() {
    rep "$1" --wait 30 sql "$2" --json | "$python" -I -c 'import json, sys
for row in json.load(sys.stdin):
    print("|".join("" if value is None else str(value) for value in row.values()))'
}

# outbox NAME: pending work, without the state: a failed sync may have frozen it.
outbox() {
    rep "$1" --wait 30 pending --json | "$python" -I -c 'import json, sys
for row in json.load(sys.stdin):
    print(row["entity"], row["id"], row["what"], row["fields"], row["at"])'
}

pending() { outbox "$1" | grep -c . || true; }

# state NAME FIELD: of rove status.
state() {
    rep "$1" --wait 30 status --json | "$python" -I -c 'import json, sys
print(json.load(sys.stdin)[sys.argv[1]])' "$2"
}

# ---- servers -----------------------------------------------------------------------------------------------------

# end PID SIGNAL: ends a server and waits until it is gone; $ended: how.
end() {
    kill -"$2" "$1"
    ended=0
    wait "$1" 2>/dev/null || ended=$?
    kept=''
    for pid in $servers; do
        [ "$pid" = "$1" ] || kept="$kept $pid"
    done
    servers=$kept
}

# serve NAME PATTERN COMMAND...: starts a server, its output in $work/NAME.log; $line: its first line with PATTERN.
serve() {
    serve_name=$1
    serve_pattern=$2
    shift 2
    rm -f "$work/$serve_name.said"
    mkfifo "$work/$serve_name.said"
    # Somebody goes on reading, so that the server may print for ever.
    "$@" >"$work/$serve_name.said" 2>>"$work/$serve_name.log" </dev/null &
    server=$!
    servers="$servers $server"
    exec 9<"$work/$serve_name.said"
    line=''
    while IFS= read -r line <&9; do
        printf '%s\n' "$line" >>"$work/$serve_name.log"
        case $line in *"$serve_pattern"*) break ;; esac
        line=''
    done
    if [ -z "$line" ]; then
        exec 9<&-
        end "$server" KILL 2>/dev/null || true
        return 1
    fi
    cat <&9 >>"$work/$serve_name.log" & # it ends with the server
    exec 9<&-
}

# ---- watching ---------------------------------------------------------------------------------------------------

# watch NAME [ARGS]: a watcher on $work/NAME, its number in $watcher; what it prints is read by `hears`.
watch() {
    rm -f "$work/lines"
    mkfifo "$work/lines"
    watched=$1
    shift
    "$ROVE_BIN" --replica "$work/$watched" ${plain:+"$plain"} --wait 60 "$@" sync --watch >"$work/lines" 2>>"$work/watch.log" </dev/null &
    watcher=$!
    servers="$servers $watcher"
    exec 8<"$work/lines"
}

# hears TEXT: waits for a line that has it; the lines up to it are in $heard.
hears() {
    heard=''
    while IFS= read -r line <&8; do
        printf '%s\n' "$line" >>"$work/watch.log"
        heard=$heard$line
        case $line in *"$1"*) return 0 ;; esac
    done
    fail "the watcher ended without saying: $1"
}

# ends_with CODE SIGNAL: the watcher.
ends_with() {
    ended=0
    if [ "$2" = none ]; then wait "$watcher" || ended=$?; else end "$watcher" "$2"; fi
    exec 8<&-
    same 'exit code of the watcher' "$1" "$ended"
}

hq() { "$ROVE_HQ_BIN" --data "$work/hq" "$@"; }

# hq_start [ARGS]: serves; a later one takes the port of the one before. ARGS: of rove-hq itself, before `serve`.
hq_start() {
    serve hq 'listening on ' "$ROVE_HQ_BIN" --data "$work/hq" "$@" serve --listen "127.0.0.1:${hq_port:-0}" ||
        return 1
    hq_pid=$server
    hq_port=${line##*:}
    hq_url=https://127.0.0.1:$hq_port
}

hq_stop() {
    end "$hq_pid" TERM
    same 'exit code of a headquarters that is asked to stop' 0 "$ended"
}
hq_kill() { end "$hq_pid" KILL; }

# invitation LOGIN [ARGS]: a code for a device of this user.
invitation() {
    invited=$1
    shift
    hq --json enroll-code --user "$invited" "$@" |
        "$python" -I -c 'import json, sys; print(json.load(sys.stdin)["invitation"])'
}

# headquarters [ACCOUNTS]: a fresh one that serves; its rep is `jo`, who holds so many accounts, A00000, A00001 ...
headquarters() {
    must hq init --name 'Acme Field Sales'
    must hq users add jo --name 'Jo Field' --external-id jo
    awk -v count="${1:-3}" 'BEGIN {
        print "ExternalId,AccountNumber,Name,Phone,BillingStreet,OwnerExternalId"
        for (i = 0; i < count; i++)
            printf "a%05d,A%05d,Shop %05d,555-%07d,%d %d Street,jo\n", i, i, i, rand() * 1e7, rand() * 1e9, rand() * 1e9
    }' >"$work/accounts.csv"
    must hq import "$work/accounts.csv"
    must hq assign --by-owner --all
    hq_start
}

# enrolled NAME [LOGIN [URL]]: a replica of this user, with everything on it.
enrolled() {
    must rep "$1" enroll "${3:-${peer_url:-$hq_url}}" "$(invitation "${2:-jo}")"
    must rep "$1" sync
}

# ---- in between ---------------------------------------------------------------------------------------------------

# peer: starts peer.py in front of headquarters. Devices that enrol now reach headquarters through it, as long as its
# manner is `relay`.
peer() {
    manner relay
    mkfifo "$work/held"
    printf '%s\n' "$hq_port" >"$work/upstream"
    serve peer 'listening on ' "$python" "$here/peer.py" "$work"
    peer_url=https://127.0.0.1:${line##*:}
    peer_pid=$server
}

# manner WORDS: how it treats the connections from now on; see peer.py.
manner() {
    printf '%s\n' "$*" >"$work/manner.new"
    mv "$work/manner.new" "$work/manner"
}

# certificate NAME SAN [CA]: $work/NAME.pem and .key for a server, by its own authority or by that of $work/CA.pem;
# `hq` as CA is headquarters' own, whose server key it then has. It is valid for a day from now.
certificate() {
    printf 'subjectAltName=%s\n' "$2" >"$work/$1.names"
    if [ "${3:-}" = hq ]; then
        cp "$work/hq/server.key" "$work/$1.key"
        openssl x509 -inform DER -in "$work/hq/ca.der" -out "$work/hq.pem"
        set -- "$1" "$2" "$work/hq.pem" "$work/hq/ca.key"
    else
        openssl ecparam -name prime256v1 -genkey -noout -out "$work/$1.key"
        openssl req -x509 -new -key "$work/$1.key" -subj '/CN=Somebody else' -days 1 -out "$work/$1.ca.pem"
        set -- "$1" "$2" "$work/$1.ca.pem" "$work/$1.key"
    fi
    openssl req -new -key "$work/$1.key" -subj '/CN=headquarters' -out "$work/$1.csr"
    openssl x509 -req -in "$work/$1.csr" -CA "$3" -CAkey "$4" -set_serial 77 -days 1 \
        -extfile "$work/$1.names" -out "$work/$1.pem" 2>/dev/null
}

# draw LIMIT: a number below it into $drawn; always the same ones, so that a failure comes again.
seed=1
draw() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    drawn=$((seed / 65536 % $1))
}

# ---- places that misbehave ------------------------------------------------------------------------------------------

# place FOLDER MOUNT-ARGUMENTS...: mounts something there for as long as the script runs; 1 where that is not allowed.
place() {
    mkdir -p "$1"
    placed=$1
    shift
    mount "$@" "$placed" 2>"$work/mount.log" || return 1
    mounts="$placed $mounts"
}
