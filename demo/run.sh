#!/bin/sh
# The demo: headquarters takes over the customers of a bicycle maker, a rep works without a network while headquarters works too,
# and everything comes together - also when both kinds of process are killed in the middle of it, again and again.
#
#     demo/run.sh [--keep]
#
# ROVE_BIN, ROVE_HQ_BIN   the programs (default: build/release/bin, else build/dev/bin)
# ROVE_DEMO_DIR           where the files go; default: a fresh folder that is removed at the end
# --keep                  leaves headquarters running, and says how to go on by hand
#
# The exit code is 0 only if every number was what expected.py computes from the CSV files, every piece of work arrived exactly once,
# and the replicas' digests were found equal to headquarters'.
set -eu

here=$(cd -- "$(dirname -- "$0")" && pwd)
data=$here/adventureworks
rep=275
work_units=14      # pieces of offline work made while processes are killed
rep_kills=6        # of the rep's program in the middle of an exchange
server_kills=4     # of headquarters
tablet_kills=4     # of the rep's second device during its first download

keep=no
case ${1:-} in
'') ;;
--keep) keep=yes ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac

for build in release dev; do
    : "${ROVE_BIN:=$([ ! -x "$here/../build/$build/bin/rove" ] || echo "$here/../build/$build/bin/rove")}"
done
: "${ROVE_BIN:?is not set, and there is no build; try ./dev demo}"
: "${ROVE_HQ_BIN:=${ROVE_BIN%/*}/rove-hq}"
unset ROVE_REPLICA ROVE_HQ_DATA || true

server=''
sync=''
temporary=''
failures=0

# shellcheck disable=SC2317
finish() {
    code=$?
    trap - EXIT INT TERM
    [ -z "$sync" ] || kill -9 "$sync" 2>/dev/null || true
    if [ "$keep" = no ] || [ "$code" -ne 0 ]; then
        [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
        [ -z "$temporary" ] || rm -rf "$temporary"
    fi
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -n "${ROVE_DEMO_DIR:-}" ]; then
    dir=$ROVE_DEMO_DIR
    mkdir -p "$dir"
else
    dir=$(mktemp -d "${TMPDIR:-/tmp}/rove-demo.XXXXXX")
    temporary=$dir
fi
dir=$(cd -- "$dir" && pwd)
if [ -e "$dir/headquarters" ]; then
    printf 'demo: there is a headquarters in %s already\n' "$dir" >&2
    exit 2
fi

export ROVE_SECRET="$dir/secret"

# shellcheck source=demo/words.sh
. "$here/words.sh"
# shellcheck source=demo/one_rep.sh
. "$here/one_rep.sh"
# shellcheck source=demo/two_reps.sh
. "$here/two_reps.sh"

step 'In all'
say "  completed syncs $syncs, requests $requests, bytes up $bytes_up, down $bytes_down, $duration ms"
say "  what the killed exchanges sent is not counted"

if [ "$failures" -ne 0 ]; then
    say "  $failures numbers are WRONG"
    exit 1
fi
say '  every number is as expected; digests verified'
if [ "$keep" = yes ]; then
    cat <<HELP

Headquarters is running (process $server). To go on by hand:
    $ROVE_BIN --secret $ROVE_SECRET --replica $dir/replica-$rep account list
    $ROVE_BIN --secret $ROVE_SECRET --replica $dir/replica-$rep sync
    $ROVE_HQ_BIN --data $dir/headquarters history account $first
    $ROVE_HQ_BIN --data $dir/headquarters help
and at the end: kill $server; rm -r $dir
HELP
fi
