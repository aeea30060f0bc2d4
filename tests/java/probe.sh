#!/bin/sh
# A rep's app on the Java virtual machine: what it wrote is at headquarters, and another device has it.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/../e2e/lib.sh"
plain=--plain # as the probe's own is

[ -n "${ROVE_JAVA:-}" ] || skip 'no JDK was found when this was configured; ./dev setup installs one'
headquarters
must "$ROVE_JAVA" -Xcheck:jni -Djava.library.path="$ROVE_PROBE" -cp "$ROVE_PROBE" Probe \
    "$hq_url" "$(invitation jo)" "$work/java"
made=$(tail -n 1 "$work/out") # the machine may have said something of its own before
enrolled second
same 'its first account' 'Zürich 😀 車' "$(select_ second "SELECT name FROM account WHERE id = $made")"
same 'all of them' 105 "$(select_ second 'SELECT count(*) FROM account')"
must rep java verify
