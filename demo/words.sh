# shellcheck shell=sh disable=SC2034,SC2154
# words.sh - the words in which the demo's scenes are told; read by run.sh.

# ---- words -------------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }
step() { printf '\n%s\n' "$*"; }
fail() {
    printf 'demo: %s\n' "$*" >&2
    [ ! -s "$dir/server.log" ] || tail -n 5 "$dir/server.log" >&2
    exit 1
}

# same WHAT WANTED FOUND
same() {
    if [ "$2" = "$3" ]; then
        printf '  %-58s %s\n' "$1" "$3"
    else
        printf '  %-58s %s   WRONG, expected %s\n' "$1" "$3" "$2"
        failures=$((failures + 1))
    fi
}

hq() { "$ROVE_HQ_BIN" --data "$dir/headquarters" --operator demo "$@"; }
rove() { "$ROVE_BIN" --replica "$dir/replica-$rep" --wait 10 "$@"; }
tablet() { "$ROVE_BIN" --replica "$dir/replica-$rep-tablet" --wait 10 "$@"; }

# must COMMAND...: what it prints is kept in $dir/said, and it has to succeed
must() { "$@" >"$dir/said" 2>"$dir/complaint" || fail "'$*' gave exit code $?: $(cat "$dir/said" "$dir/complaint")"; }
# member NAME FILE: the first member of that name in a JSON document
member() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" "$2" | head -n 1; }
expected() { sed -n "s/^$1 //p" "$dir/expected"; }
# ask QUERY: the one value that it gives
ask() {
    must rove --json sql "$1 AS answer"
    member answer "$dir/said"
}

# ---- headquarters' process ---------------------------------------------------------------------------------------

port=0
serve() {
    rm -f "$dir/ready"
    mkfifo "$dir/ready"
    "$ROVE_HQ_BIN" --data "$dir/headquarters" serve --listen "127.0.0.1:$port" --port-file "$dir/port" \
        >"$dir/ready" 2>>"$dir/server.log" &
    server=$!
    read -r _ <"$dir/ready" || fail 'headquarters does not serve'
    port=$(cat "$dir/port")
}

# stop SIGNAL
stop() {
    kill "-$1" "$server"
    wait "$server" 2>/dev/null || true
    server=''
}

# ---- synchronising -----------------------------------------------------------------------------------------------

requests=0 bytes_up=0 bytes_down=0 duration=0 syncs=0 verified=no
# synced WHO: a sync that has to end well; its numbers are added up
synced() {
    must "$1" --json sync
    requests=$((requests + $(member requests "$dir/said")))
    bytes_up=$((bytes_up + $(member bytes_sent "$dir/said")))
    bytes_down=$((bytes_down + $(member bytes_received "$dir/said")))
    duration=$((duration + $(member duration_ms "$dir/said")))
    syncs=$((syncs + 1))
    verified=$(member verified "$dir/said")
}

# Repeatable dice: the next number below $1, in $number.
seed=20261123
dice() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    number=$(((seed / 8) % $1))
}

# Counts down from $1: time passes without a clock.
spin() {
    left=$1
    while [ "$left" -gt 0 ]; do left=$((left - 1)); done
}

# ---- work --------------------------------------------------------------------------------------------------------

units=0 visits=0 completed=0 cancelled=0 contacts=0
# work: some work of the rep at one of his accounts, with texts that occur nowhere else
work() {
    units=$((units + 1))
    account=$(sed -n "$((units % $(wc -l <"$dir/accounts") + 1))p" "$dir/accounts")
    must rove visit plan "$account" --at tomorrow --purpose "demo plan $units"
    planned=$(cat "$dir/said")
    must rove visit start "$account"
    unplanned=$(cat "$dir/said")
    must rove visit finish "$unplanned" --outcome Ordered --notes "demo visit $units"
    case $((units % 3)) in
    0) must rove visit cancel "$planned" --reason "demo" && cancelled=$((cancelled + 1)) ;;
    1)
        must rove visit start "$planned"
        must rove visit finish "$planned" --outcome Interested --notes "demo kept $units"
        completed=$((completed + 1))
        ;;
    esac
    visits=$((visits + 2)) completed=$((completed + 1))
    must rove call log "$account" --outcome REACHED --duration 60 --notes "demo call $units"
    must rove task add "$account" "demo task $units" --due +2d
    must rove note add "$account" "demo note $units"
    must rove tag add Account "$account" hot
    must rove set Account "$account" "description=demo description $units"
    if [ $((units % 4)) -eq 1 ]; then
        must rove contact add "$account" --first Demo --last "demo contact $units" --phone "555-01$units"
        contacts=$((contacts + 1))
    fi
}

# once WHAT ENTITY PATTERN COUNT: headquarters has so many records with such a text, each text once
once() {
    must hq export "$2" --json --sensitive
    grep -o "$3" "$dir/said" | sort >"$dir/texts" || true
    same "$1 at headquarters" "$4" "$(wc -l <"$dir/texts" | tr -d ' ')"
    same "$1 that arrived more than once" 0 "$(uniq -d "$dir/texts" | wc -l | tr -d ' ')"
}
