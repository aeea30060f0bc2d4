#!/bin/sh
# A folder that cannot be written to: clear words, and nothing is lost when it can be again.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
enrolled jo
must rep jo note add A00001 'before it was read-only'
before=$(outbox jo)
if [ -z "${ROVE_NO_MOUNTS:-}" ] && place "$work/ro" --bind "$work/jo" && mount -o remount,bind,ro "$work/ro"; then
    reason='Read-only file system'
    folder=$work/ro
    as_owner=''
    writable() { :; }
else
    # Where nothing can be mounted, permissions stand in; the superuser has to give up his right to ignore them.
    reason='Permission denied'
    folder=$work/jo
    chmod -R a-w "$folder"
    as_owner=''
    [ "$(id -u)" -ne 0 ] || as_owner='setpriv --bounding-set -dac_override,-dac_read_search'
    writable() { chmod -R u+w "$folder"; }
fi
# reading FOLDER COMMAND...
reading() {
    read_folder=$1
    shift
    # shellcheck disable=SC2086
    $as_owner "$ROVE_BIN" --replica "$read_folder" "$@"
}

for command in 'account list' 'note add A00001 x' sync status pending verify; do
    tell "$command"
    # shellcheck disable=SC2086
    run reading "$folder" $command
    exits 5
    says "$reason" '(READONLY)'
done
run reading "$folder/new" status
exits 5
says '(READONLY)'

tell 'writable again'
writable
same 'unsent work is as it was' "$before" "$(outbox jo)"
must rep jo sync
same 'it arrived' 0 "$(pending jo)"
must rep jo verify
