#!/bin/sh
# The server's key is rotated under devices that are away: an operator sees who was told, a device that was told comes back by
# itself, one that was not comes back with a code and its unsent work, and the record of acts is verified over all of it.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
enrolled near
enrolled far
pin() {
    hq --json keys >"$work/out"
    field pin
}
first=$(pin)

tell 'nothing is rotated without a next key'
run hq keys rotate
exits 5
says 'rove-hq keys next'

tell 'the next key is made, and nobody knows it'
must hq --json keys next
is_json
next=$(field next)
[ "$next" != "$first" ] || fail 'it is the key that there is'
must hq keys next
says 'already' "$next"
must hq --json keys
is_json
same 'devices' 2 "$(field devices)"
same 'that know' 0 "$(field know)"
same 'the key' "$first" "$(field pin)"

tell 'who comes is told, and shows it the next time'
must rep near sync
must rep near sync
must hq --json keys
same 'that know' 1 "$(field know)"
same 'who does not' 'Jo Field' "$(field waiting.0.name)"
run hq keys rotate
exits 1
says '1 of 2 devices do not know' 'invitation'
same 'the key' "$first" "$(pin)"

tell 'forced, while both are away with work'
must rep near note add A00001 'near, before'
must rep far note add A00001 'far, before'
must hq keys rotate --force
says '1 of 2 devices are locked out'
same 'the key' "$next" "$(pin)"
must hq acts verify
must hq acts
says 'keys next' 'keys rotate' "$next" 'known to 1 of 2 devices'

tell 'who was told comes back by itself'
must rep near sync
must rep near sync
must hq --json keys
same 'that know' 1 "$(field know)"

tell 'who was not does not, and loses nothing'
run rep far sync
exits 7
says 'not the one that is pinned'
must hq --json keys
was=$(field waiting.0.replica)
must rep far enroll "$hq_url" "$(invitation jo)"
must rep far sync
must hq revoke "$was" --reason 'enrolled again'
must rep near sync
same 'notes' 'far, before
near, before' "$(select_ near 'SELECT text FROM note ORDER BY text')"

tell 'headquarters that is killed and started goes on with the new key'
end "$hq_pid" KILL
hq_start
must rep near sync
must rep far sync
must hq acts verify
same 'the key' "$next" "$(pin)"
[ ! -e "$work/hq/server-next.key" ] || fail 'server-next.key is still there'

tell 'the authority follows another, while one device is away'
must hq --json keys
authority=$(field authority)
must hq keys next --authority
for _ in 1 2; do
    must rep near sync
    must rep far sync
done
must rep far note add A00001 'far, under the former authority'
must hq keys rotate --authority
must hq --json keys
[ "$(field authority)" != "$authority" ] || fail 'the authority is the same'
same 'the one that was' "$authority" "$(field former_authority)"
same 'the key stays' "$next" "$(field pin)"
must rep near sync
must rep near sync
run hq keys end
exits 1
says '1 of 2 devices have a certificate of the former authority'
