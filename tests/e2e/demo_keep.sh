#!/bin/sh
# ./dev demo --keep: everything lies in the folder that was named, headquarters goes on, and the commands that it prints work.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

keep() { ROVE_DEMO_DIR="$work/kept" sh "$here/../../demo/run.sh" --keep; }

must keep
says 'every number is as expected; digests verified' 'To go on by hand'
demo=$(sed -n 's/^Headquarters is running (process \([0-9]*\)).*/\1/p' "$work/out")
servers="$servers $demo"
kill -0 "$demo" || fail 'headquarters does not run'
grep "^    /" "$work/out" | sed 's/^ *//' >"$work/commands"
same 'commands to go on with' 4 "$(wc -l <"$work/commands" | tr -d ' ')"
while read -r command; do
    tell "$command"
    # shellcheck disable=SC2086
    must $command
done <"$work/commands"
tell 'the replica is in a folder whose path says so'
must rep kept/replica-275 --secret "$work/kept/secret" verify

tell 'a second demo leaves the first alone'
run keep
exits 2
says 'there is a headquarters in'
kill -0 "$demo" || fail 'headquarters was stopped'

tell 'what it does not know'
run sh "$here/../../demo/run.sh" --frobnicate
exits 2
says 'demo/run.sh [--keep]'
