#!/bin/sh
# The territories of the demo's files change hands, as their history says: every rep has what another program, written apart,
# computes from the same files, night by night or once at the end; and the two who swap on one night, each with unsent
# work, end with exactly what is theirs on their devices and in their files, and lose nothing.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"
plain=--plain # what is in a file and what is not can be seen only so

data=$here/../../demo/adventureworks
cat >"$work/expected.py" <<'END'
"""expected.py FOLDER DATE: lines of "user accounts sum-of-their-external-ids" on that day, following the history of
territories night by night. Who left one the day before hands over what he had there to who works there then; of several
to the one who began last. 275 and 277 swap territories 2 and 3 in the night to 2023-11-30: 56 and 38 accounts pass, so that
77 become 59, and 76 become 94."""
import csv
import datetime
import sys

FOREVER = datetime.date(9000, 1, 1)
NIGHT = datetime.timedelta(days=1)


def rows(name):
    with open(f"{sys.argv[1]}/{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def day(text):
    return datetime.date.fromisoformat(text) if text else FOREVER


stays = [(s["UserExternalId"], s["TerritoryExternalId"], day(s["StartDate"]), day(s["EndDate"]))
         for s in rows("territory_history")]
owners = {a["ExternalId"]: a["OwnerExternalId"] for a in rows("accounts")}
places = {a["ExternalId"]: a["TerritoryExternalId"] for a in rows("accounts")}
for night in sorted({last + NIGHT for _, _, _, last in stays}):
    if night > day(sys.argv[2]):
        break
    before = dict(owners)
    for leaver, place, _, last in stays:
        there = [(first, user) for user, of, first, end in stays if of == place and first <= night <= end]
        if last + NIGHT == night and there and leaver not in dict((user, 0) for _, user in there):
            for account, owner in before.items():
                if owner == leaver and places[account] == place:
                    owners[account] = max(there)[1]
for user in rows("users"):
    his = [int(a) for a, owner in owners.items() if owner == user["ExternalId"]]
    print(user["ExternalId"], len(his), sum(his))
END
expected() { "$python" -I "$work/expected.py" "$data" "$1"; }

# found: the same from headquarters: by owner, and checked against who holds what.
found() {
    hq export account --json >"$work/accounts.json" 2>"$work/err"
    hq --json users >"$work/users.json"
    "$python" -I -c 'import json, sys
accounts = json.load(open(sys.argv[1]))
for user in json.load(open(sys.argv[2])):
    his = [int(a["external_id"]) for a in accounts if a.get("owner_id") == user["id"]]
    assert len(his) == user["assigned"], (user["name"], len(his), user["assigned"])
    print(user["external_id"], len(his), sum(his))' "$work/accounts.json" "$work/users.json"
}

# fresh: headquarters with the files, every account its owner's.
fresh() {
    rm -rf "$work/hq"
    must hq init --name 'Adventure Works'
    must hq import "$data/users.csv" "$data/territories.csv" "$data/territory_history.csv" "$data/accounts.csv" \
        "$data/contacts.csv" "$data/products.csv"
    must hq assign --by-owner --all
}

tell 'night by night'
fresh
for night in 2022-05-30 2023-05-30 2023-09-30 2023-11-30 2024-05-29; do
    must hq assign --by-territory --as-of "$night"
    same "the night to $night" "$(expected "$night")" "$(found)"
done
tell 'once at the end'
fresh
must hq assign --by-territory --as-of 2023-11-30 --dry-run
same 'a dry run changes nothing' "$(expected 2022-05-30)" "$(found)"
must hq assign --by-territory
same 'all nights at once' "$(expected 2026-01-01)" "$(found)"

tell 'the night of the swap'
fresh
hq_start
enrolled michael 275
enrolled jillian 277
accounts() { select_ "$1" 'SELECT count(*), sum(CAST(external_id AS INTEGER)) FROM account' | tr '|' ' '; }
same 'his accounts before' "$(expected 2022-05-30 | grep ^275)" "275 $(accounts michael)"
same 'hers before' "$(expected 2022-05-30 | grep ^277)" "277 $(accounts jillian)"
must rep michael note add 298 'CANARY of Michael'
must rep michael set Account 298 phone=CANARY-1
must rep jillian visit plan 296 --at tomorrow --purpose 'CANARY of Jillian'
# The day comes by itself.
tomorrow=$("$python" -I -c 'import datetime; print(datetime.date.today() + datetime.timedelta(days=1))')
must hq assign --by-territory --as-of 2023-11-30 --effective "$tomorrow"
says 'Plan 1'
hq_stop
hq_start --clock-offset-ms 172800000
must hq plans --all
says 'done' '206 accounts'
must rep michael --json sync
same 'in one request' 1 "$(field requests)"
same 'equal to headquarters' True "$(field verified)"
must rep jillian sync
must rep michael sync
same 'his accounts afterwards' "$(expected 2023-11-30 | grep ^275)" "275 $(accounts michael)"
same 'hers afterwards' "$(expected 2023-11-30 | grep ^277)" "277 $(accounts jillian)"
same '59 and 94' '59 94' "$(accounts michael | cut -d' ' -f1) $(accounts jillian | cut -d' ' -f1)"
same 'the catalogue stays' 504 "$(select_ michael 'SELECT count(*) FROM product')"
same 'his note is hers now' 'CANARY of Michael' "$(select_ jillian 'SELECT text FROM note')"
same 'her visit is his' 'CANARY of Jillian' "$(select_ michael 'SELECT purpose FROM visit')"

tell 'nothing of what left is in any byte of the files'
must hq --json show account 298
name=$(field record.name)
grep -qaF "$name" "$work/jillian/replica.db" || fail "what jillian has got is not in her file"
for text in 'CANARY of Michael' CANARY-1 "$name"; do
    if grep -raqF "$text" "$work/michael"; then fail "$text is in $(grep -ralF "$text" "$work/michael")"; fi
done
same 'and the status says so' False "$(state michael remains)"

tell 'a sync may be killed at any moment, also when it tidies'
round=0
while [ "$round" -lt 10 ]; do
    round=$((round + 1))
    must hq reassign --from 277 --to 275 --territory 2
    must rep michael sync
    must hq reassign --from 275 --to 277 --territory 2
    "$ROVE_BIN" --replica "$work/michael" --plain sync >/dev/null 2>&1 &
    draw 60000
    while [ "$drawn" -gt 0 ]; do drawn=$((drawn - 1)); done
    kill -9 $! 2>/dev/null || true
    wait $! 2>/dev/null || true
done
must rep michael sync
same 'nothing remains' False "$(state michael remains)"
if grep -raqF "$name" "$work/michael"; then fail "$name is in his files"; fi
must rep michael verify
