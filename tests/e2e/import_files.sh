#!/bin/sh
# import_files.sh - customers come in from outside: in one command and in any order, again, into a running headquarters while a device
# synchronises, and by an import that was killed in the middle.
. "${0%/*}/lib.sh"

data=$here/../../demo/adventureworks
office() { "$ROVE_HQ_BIN" --data "$work/hq" "$@"; }
total() {
    must office --json status
    sed -n "s/^ *\"$1\": \([0-9]*\).*/\1/p" "$work/out" | head -n 1
}

tell 'all files of a company, in no order'
must office init --name 'Adventure Works' --host 127.0.0.1
must office import "$data/contacts.csv" "$data/leads.csv" "$data/accounts.csv" "$data/users.csv" "$data/territories.csv" \
    "$data/price_history.csv" "$data/products.csv" "$data/territory_history.csv" --leads-by "$data/states.csv"
same 'accounts' 701 "$(total Account)"
same 'contacts' 753 "$(total Contact)"
same 'roles of contacts' 753 "$(total AccountContactRole)"
same 'methods of contacts' 1506 "$(total ContactMethod)"
same 'prices' 395 "$(total PriceItem)"

tell 'what is exported can be imported, and changes nothing'
before=$(total head)
office export account --sensitive >"$work/accounts.csv" 2>/dev/null
must office import "$work/accounts.csv" --entity Account --map id=-
says 'inserted 0, updated 0, unchanged 701, refused 0'
same 'the position' "$before" "$(total head)"

tell 'files that are not for it'
run office import "$data/quotas.csv"
exits 2
says 'Quotas are not kept here'
run office import "$data/special_offers.csv"
exits 2
says 'Special offers are not kept here'
run office import "$data/states.csv"
exits 2
says 'import the leads with --leads-by and this file'
run office import "$work/no-such-file.csv"
exits 5
printf 'Id,Name\n1,One\n2\n3,Three\n' >"$work/some.csv"
run office import "$work/some.csv" --entity Account
exits 3
says "$work/some.csv:3: The line has 1 columns, the header 2."
same 'accounts' 703 "$(total Account)"
run office import "$work/some.csv" --entity Account --dry-run
exits 3
says 'unchanged 2, refused 1'

tell 'an import that is killed, and done again'
# What was written and is not yet in the database file.
log_size() { if [ -f "$work/hq/hq.db-wal" ]; then wc -c <"$work/hq/hq.db-wal"; else echo 0; fi; }
"$python" -I -c 'import sys
print("Id,Name,BillingCity,Size__c")
for i in range(100000, 140000):
    print(f"{i},Shop {i},City {i % 100},{i % 7}")' >"$work/many.csv"
for round in 1 2 3; do
    "$ROVE_HQ_BIN" --data "$work/hq" import "$work/many.csv" --entity Account >/dev/null 2>&1 &
    victim=$!
    # It is killed once some of its accounts are there: the folder is free again when it is dead.
    tries=0
    size=$(log_size)
    while kill -0 "$victim" 2>/dev/null && [ "$tries" -lt 400 ]; do
        tries=$((tries + 1))
        [ "$(log_size)" -le $((size + (round - 1) * 200000)) ] || break
    done
    kill -9 "$victim" 2>/dev/null || true
    wait "$victim" 2>/dev/null || true
done
there=$(($(total Account) - 703))
if [ "$there" -le 0 ] || [ "$there" -ge 40000 ]; then fail "no import was caught in the middle: $there accounts"; fi
must office import "$work/many.csv" --entity Account
says "inserted $((40000 - there)), updated 0, unchanged $there, refused 0"
same 'accounts' 40703 "$(total Account)"
same 'the field of its own, made once' 5 "$(total CustomField)"

tell 'an import into a running headquarters, while a device synchronises'
must office assign 275 --by-owner
mkfifo "$work/ready"
"$ROVE_HQ_BIN" --data "$work/hq" serve --listen 127.0.0.1:0 --port-file "$work/port" >"$work/ready" 2>"$work/serve.log" &
servers="$servers $!"
read -r _ <"$work/ready"
must office --json enroll-code --user 275
must rep mobile enroll "https://127.0.0.1:$(cat "$work/port")" "$(field invitation)"
"$ROVE_BIN" --replica "$work/mobile" sync >/dev/null 2>&1 &
syncing=$!
"$python" -I -c 'import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], encoding="utf-8")))
out = csv.writer(sys.stdout)
out.writerow(["ExternalId", "Name", "Bays__c", "Rating"])
for i, row in enumerate(rows):
    out.writerow([row["ExternalId"], row["Name"], i % 5 + 0.5, ("Hot", "Warm", "Cold")[i % 3]])' \
    "$data/accounts.csv" >"$work/more.csv"
must office import "$work/more.csv" --entity Account
says 'inserted 0, updated 701, unchanged 0, refused 0' 'custom fields made: 1'
wait "$syncing" || fail 'the sync beside the import failed'
must rep mobile sync --json
same 'the replica is equal to headquarters' True "$(field verified)"
same 'accounts with the new field' 77 "$(select_ mobile 'SELECT count(*) FROM account WHERE bays IS NOT NULL')"
must rep mobile verify
