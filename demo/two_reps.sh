# shellcheck shell=sh disable=SC2034,SC2154
# two_reps.sh - three devices and a night on which territories change hands: the same field written three times, unsent work on
# customers that go to somebody else, a phone that is cloned, a headquarters that comes back from its backup. Read by run.sh.

other=277
wrong_clock_ms=3456000000 # the colleague's phone is 40 days ahead
colleague() {
    "$ROVE_BIN" --clock-offset-ms $wrong_clock_ms --replica "$dir/replica-$other" --wait 10 "$@"
}
clone() { "$ROVE_BIN" --replica "$dir/replica-$rep-clone" --wait 10 "$@"; }

# asked WHO QUERY: the one value that it gives on that device
asked() {
    must "$1" --json sql "$2 AS answer"
    member answer "$dir/said"
}
# settled WHO: syncs until nothing waits and the digest is equal, at most five times
settled() {
    for _ in 1 2 3 4 5; do
        synced "$1"
        must "$1" --json status
        [ "$verified" != true ] || [ "$(member pending "$dir/said")" != 0 ] || return 0
    done
}
# report WHO: what the device says of itself at the end of a scene
report() {
    settled "$1"
    same "$1: digest equal to headquarters'" true "$verified"
    must "$1" --json status
    same "$1: waiting, refused or put aside" '0 0 0' \
        "$(member pending "$dir/said") $(member rejections "$dir/said") $(member quarantined "$dir/said")"
}
# swap_work WHO ACCOUNT: a piece of work on an account that is about to go
notes=0
swap_work() {
    notes=$((notes + 1))
    must "$1" note add "$2" "swap note $notes"
    must "$1" visit start "$2"
    must "$1" visit finish "$(cat "$dir/said")" --outcome Ordered --notes "swap visit $notes"
}


step "7. A colleague, $other, whose phone's clock is 40 days ahead; one account written on three sides"
must hq assign "$rep" --account "$moved" --alone
must hq set account "$second" owner_id="$rep"
must hq --json enroll-code --user "$other"
must colleague enroll "https://127.0.0.1:$port" "$(member invitation "$dir/said")"
settled colleague
same "accounts of $other" "$(expected other_accounts)" "$(asked colleague 'SELECT (SELECT count(*) FROM account)')"
settled rove
settled tablet
same "accounts of $rep, all back" "$(expected rep_accounts)" "$(asked rove 'SELECT (SELECT count(*) FROM account)')"
must rove --json status
before=$(member conflicts "$dir/said")
stop TERM
must rove set Account "$first" website=phone.example
must tablet set Account "$first" website=tablet.example
own=$(asked colleague "SELECT (SELECT external_id FROM account ORDER BY id LIMIT 1)")
must colleague visit start "$own"
must colleague visit finish "$(cat "$dir/said")" --outcome Interested --notes 'told by a wrong clock'
must hq set account "$first" website=office.example
serve
for device in rove tablet colleague rove; do settled $device; done
must rove --json status
same 'conflicts: two writes met a value that they had not seen' 2 $(($(member conflicts "$dir/said") - before))
stands=$(asked rove "SELECT (SELECT website FROM account WHERE external_id = '$first')")
must rove --json conflicts
number=$(sed -n '/"number"/{s/.*: "\{0,1\}\([0-9]*\).*/\1/;h};/phone.example/{x;p;x}' "$dir/said" | head -n 1)
must rove conflicts show "$number"
sed 's/^/    /' "$dir/said"
say "  what stands is $stands; what lost is restored:"
case $stands in
phone.example) must rove conflicts keep "$number" ;;
*) must rove conflicts restore "$number" ;;
esac
for device in rove tablet rove; do settled $device; done
same 'the value on the phone' phone.example "$(asked rove "SELECT (SELECT website FROM account WHERE external_id = '$first')")"
same 'the value on the tablet' phone.example \
    "$(asked tablet "SELECT (SELECT website FROM account WHERE external_id = '$first')")"
must hq show account "$first"
same 'the value at headquarters' 1 "$(grep -c phone.example "$dir/said")"
same 'hours by which the time of the visit is off, by a clock that is 960 hours ahead' 0 \
    "$(asked colleague "SELECT (SELECT abs(actual_start / 1000 - CAST(strftime('%s', 'now') AS INTEGER)) / 3600
        FROM visit WHERE notes = 'told by a wrong clock')")"

step "8. The night of the swap: territories 2 and 3 change hands between $rep and $other, who both carry unsent work"
# Which accounts go, in which names; nothing of them may be left on the device afterwards.
leaving() {
    must "$1" --json sql "SELECT name AS answer FROM account WHERE territory_id =
        (SELECT id FROM territory WHERE external_id = '$2') AND length(name) > 9 ORDER BY id"
    sed -n 's/^ *"answer": "\([^"]*\)".*/\1/p' "$dir/said"
}
accounts_in() {
    must "$1" --json sql "SELECT external_id AS answer FROM account WHERE territory_id =
        (SELECT id FROM territory WHERE external_id = '$2') ORDER BY CAST(external_id AS INTEGER)"
    sed -n 's/^ *"answer": "\([^"]*\)".*/\1/p' "$dir/said"
}
leaving rove 2 >"$dir/names-rove"
cp "$dir/names-rove" "$dir/names-tablet"
leaving colleague 3 >"$dir/names-colleague"
accounts_in rove 2 >"$dir/going-rove"
accounts_in colleague 3 >"$dir/going-colleague"
stop TERM
for line in 1 5 9; do swap_work rove "$(sed -n "${line}p" "$dir/going-rove")"; done
for line in 2 6; do swap_work tablet "$(sed -n "${line}p" "$dir/going-rove")"; done
for line in 1 5 9; do swap_work colleague "$(sed -n "${line}p" "$dir/going-colleague")"; done
must hq assign --by-territory --as-of 2023-11-30
must hq backup "$dir/before-the-syncs.db"
serve
killed=0 tries=0
while [ "$killed" -lt 3 ] && [ "$tries" -lt 12 ]; do
    tries=$((tries + 1))
    "$ROVE_BIN" --clock-offset-ms $wrong_clock_ms --replica "$dir/replica-$other" sync >/dev/null 2>&1 &
    sync=$!
    if strike "$sync"; then killed=$((killed + 1)); fi
done
say "  the colleague's program was killed $killed times in the middle of it"
bytes_before=$bytes_down
for device in rove tablet; do settled $device; done
bytes_swap=$((bytes_down - bytes_before))
for _ in 1 2; do for device in colleague rove tablet; do settled $device; done; done

# gone DEVICE FOLDER: no name of what left is in any byte of the replica's files
gone() {
    found=0
    while IFS= read -r name; do
        if [ -n "$name" ] && grep -qaF -e "$name" "$2"/*; then
            # Two shops may share a name, and one of them may have stayed.
            known=$(asked "$1" "SELECT (SELECT count(*) FROM account WHERE name = '$(printf %s "$name" | sed "s/'/''/g")')")
            [ "$known" != 0 ] || found=$((found + 1))
        fi
    done <"$dir/names-$1"
    same "$1: names of lost accounts in its files ($(wc -l <"$dir/names-$1" | tr -d ' ') looked for)" 0 "$found"
}
for device in rove tablet; do
    same "$device: accounts" "$(expected rep_accounts_swapped)" "$(asked $device 'SELECT (SELECT count(*) FROM account)')"
    same "$device: the right ones" "$(expected rep_account_sum_swapped)" \
        "$(asked $device 'SELECT (SELECT sum(CAST(external_id AS INTEGER)) FROM account)')"
done
same 'colleague: accounts' "$(expected other_accounts_swapped)" "$(asked colleague 'SELECT (SELECT count(*) FROM account)')"
same 'colleague: the right ones' "$(expected other_account_sum_swapped)" \
    "$(asked colleague 'SELECT (SELECT sum(CAST(external_id AS INTEGER)) FROM account)')"
gone rove "$dir/replica-$rep"
gone tablet "$dir/replica-$rep-tablet"
gone colleague "$dir/replica-$other"
once 'notes made before the swap' note 'swap note [0-9]*' "$notes"
once 'visits made before the swap' visit 'swap visit [0-9]*' "$notes"
for device in rove tablet colleague; do report $device; done
must hq --json enroll-code --user "$rep"
fresh() { "$ROVE_BIN" --replica "$dir/replica-$rep-fresh" --wait 10 "$@"; }
must fresh enroll "https://127.0.0.1:$port" "$(member invitation "$dir/said")"
bytes_before=$bytes_down
settled fresh
say "  the swap brought $((bytes_swap / 2)) bytes to each of the two devices of $rep; a full download is $((bytes_down - bytes_before))"

step '9. The phone is cloned, and both go on working'
cp -R "$dir/replica-$rep" "$dir/replica-$rep-clone"
account=$(asked rove "SELECT (SELECT external_id FROM account ORDER BY id LIMIT 1)")
for device in rove clone rove clone; do
    notes=$((notes + 1))
    must $device note add "$account" "clone note $notes"
    synced $device
done
once 'notes of the phone and of its clone' note 'clone note [0-9]*' 4
for device in rove clone; do report $device; done

step '10. Headquarters comes back from the backup that was taken before the syncs of the swap'
stop KILL
must hq --json restore "$dir/before-the-syncs.db"
serve
must hq export note --json
same 'notes of that night in the backup' 0 "$(grep -c 'swap note' "$dir/said" || true)"
must colleague note add "$(asked colleague "SELECT (SELECT external_id FROM account ORDER BY id LIMIT 1)")" 'made after the restore'
for _ in 1 2 3; do for device in rove tablet colleague clone; do synced $device; done; done
once 'notes made before the swap' note 'swap note [0-9]*' $((notes - 4))
once 'visits made before the swap' visit 'swap visit [0-9]*' $((notes - 4))
once 'notes of the phone and of its clone' note 'clone note [0-9]*' 4
once 'work after it' note 'made after the restore' 1
once 'planned visits of the first days' visit 'demo plan [0-9]*' "$units"
once 'notes of the first days' note 'demo note [0-9]*' "$units"
for device in rove tablet colleague clone; do
    report $device
    must $device --json verify
    same "$device: the file is sound" true "$(member sound "$dir/said")"
done
same "accounts of $rep" "$(expected rep_accounts_swapped)" "$(asked rove 'SELECT (SELECT count(*) FROM account)')"
same "accounts of $other" "$(expected other_accounts_swapped)" "$(asked colleague 'SELECT (SELECT count(*) FROM account)')"
must hq --json review list
same 'work that headquarters has to look at' 0 "$(grep -c '"number"' "$dir/said" || true)"
