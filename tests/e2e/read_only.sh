#!/bin/sh
# A folder that cannot be written to: clear words, and nothing is lost when it can be again.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
enrolled jo
must rep jo note add A00001 'before it was read-only'
before=$(outbox jo)
if ! place "$work/ro" --bind "$work/jo" || ! mount -o remount,bind,ro "$work/ro"; then
    skip 'this needs a read-only mount, which is not allowed here'
fi

for command in 'account list' 'note add A00001 x' sync status pending verify; do
    tell "$command"
    # shellcheck disable=SC2086
    run rep ro $command
    exits 5
    says 'Read-only file system' '(READONLY)'
done
run rep ro/new status
exits 5
says '(READONLY)'

tell 'writable again'
same 'unsent work is as it was' "$before" "$(outbox jo)"
must rep jo sync
same 'it arrived' 0 "$(pending jo)"
must rep jo verify
