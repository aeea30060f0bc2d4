#!/bin/sh
# A sync shows how far it is on a terminal, and nothing of that in a pipe or to a program.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters 9000

# Runs a command with a terminal for its output, and prints what the terminal got.
cat >"$work/terminal.py" <<'PYTHON'
import os
import pty
import sys

seen = b""


def keep(terminal):
    global seen
    data = os.read(terminal, 65536)
    seen += data
    return data


code = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], keep))
sys.exit(code)
PYTHON

tell 'on a terminal'
must rep jo enroll "$hq_url" "$(invitation jo)"
must "$python" "$work/terminal.py" "$ROVE_BIN" --replica "$work/jo" sync
tr '\r' '\n' <"$work/out" >"$work/lines"
grep -q '\[##* *  \] [1-8][0-9]* of 9[0-9][0-9][0-9] records' "$work/lines" ||
    fail 'it should show a bar, and of how many records, before it is through'
grep -q 'The replica is equal to headquarters' "$work/lines" || fail 'it should say how it ended'

tell 'in a pipe'
must rep other enroll "$hq_url" "$(invitation jo)"
must rep other sync
same 'standard error' '' "$(cat "$work/err")"
grep -q "$(printf '\r')" "$work/out" && fail 'there is a carriage return in the output'
must rep jo --json sync
is_json
same 'standard error' '' "$(cat "$work/err")"

tell 'for a program that happens to have a terminal'
must "$python" "$work/terminal.py" "$ROVE_BIN" --replica "$work/other" --json sync
is_json
