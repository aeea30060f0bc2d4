#!/bin/sh
# A full disk: the rep is told so, what was written before is safe and readable, and once there is room all goes on.
# Wherever a file system of three megabytes can be mounted that is filled up; else a limit on the size of files stands in.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters 300
small=$work/small
if place "$small" -t tmpfs -o size=3m tmpfs; then
    # room KILOBYTES: leaves so much on the disk.
    room() {
        rm -f "$small/filler"
        cat /dev/zero >"$small/filler" 2>/dev/null || true
        truncate -s "-${1}K" "$small/filler"
    }
    limited() { rep small/jo "$@"; }
else
    room() { blocks=$(($1 * 2 + 4)); } # what the program says goes into a file too
    limited() (
        trap '' XFSZ
        ulimit -f "$blocks"
        rep small/jo "$@"
    )
fi

tell 'no room for the first download'
must rep small/jo enroll "$hq_url" "$(invitation jo)"
room 48
run limited sync
exits 5
says 'space'
rm -f "$small/filler"
must rep small/jo sync
says 'The replica is equal to headquarters.'

tell 'no room for a write'
written=0
refused=0
for kilobytes in 0 4 8 16 24 32 48 64 96; do
    room "$kilobytes"
    run limited note add A00001 "note with $kilobytes KiB"
    case $code in
    0) written=$((written + 1)) ;;
    5)
        refused=$((refused + 1))
        says 'space'
        ;;
    *) fail 'neither written nor refused for lack of room' ;;
    esac
    run limited sync
    [ "$code" -eq 0 ] || exits 5
done
[ "$refused" -gt 0 ] || fail 'the disk was never full'

tell 'room again'
rm -f "$small/filler"
must rep small/jo verify
must rep small/jo sync
says 'The replica is equal to headquarters.'
same 'nothing waits' 0 "$(pending small/jo)"
same 'what was accepted is there, and nothing else' "$written" "$(select_ small/jo 'SELECT count(*) FROM note')"
enrolled second
same 'at headquarters too' "$written" "$(select_ second 'SELECT count(*) FROM note')"
