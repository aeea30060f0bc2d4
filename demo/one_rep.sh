# shellcheck shell=sh disable=SC2034,SC2154
# one_rep.sh - a rep with one device, then two: headquarters takes over its customers, the rep works offline, processes are
# killed, everything arrives exactly once. Read by run.sh.

step '1. Headquarters takes over its customers'
python3 "$here/expected.py" >"$dir/expected"
must hq init --name 'Adventure Works' --host 127.0.0.1
must hq import "$data/users.csv" "$data/territories.csv" "$data/territory_history.csv" "$data/accounts.csv" \
    "$data/contacts.csv" "$data/products.csv" "$data/price_history.csv" "$data/leads.csv" \
    --leads-by "$data/states.csv"
must hq --json status
cp "$dir/said" "$dir/status"
same 'people' "$(expected users)" "$(member User "$dir/status")"
same 'territories' "$(expected territories)" "$(member Territory "$dir/status")"
same 'who worked which territory, and when' "$(expected territory_history)" \
    "$(member TerritoryAssignment "$dir/status")"
same 'accounts' "$(expected accounts)" "$(member Account "$dir/status")"
same 'contacts' "$(expected contacts)" "$(member Contact "$dir/status")"
same 'their telephones and e-mail addresses' "$(expected contact_methods)" "$(member ContactMethod "$dir/status")"
same 'products' "$(expected products)" "$(member Product "$dir/status")"
same 'prices' "$(expected price_history)" "$(member PriceItem "$dir/status")"
same 'leads' "$(expected leads)" "$(member Lead "$dir/status")"
must hq export lead --json
same 'leads in the territory of their state' "$(expected leads_in_territories)" \
    "$(grep -c '"territory_id"' "$dir/said")"
must hq import "$data/accounts.csv" "$data/contacts.csv"
must hq --json status
same 'the same files again write nothing: position' "$(member head "$dir/status")" "$(member head "$dir/said")"
must hq assign --by-owner --all
must hq add tag_set name=Interest
must hq add tag "tag_set_id=$(cat "$dir/said")" value=hot label=Hot

step "2. Rep $rep enrols a device and gets exactly what is his"
serve
must hq --json enroll-code --user "$rep"
must rove enroll "https://127.0.0.1:$port" "$(member invitation "$dir/said")"
synced rove
held() { same "$1" "$(expected "$2")" "$(ask "$3")"; }
held 'his accounts' rep_accounts 'SELECT (SELECT count(*) FROM account)'
held 'the right ones: sum of their external ids' rep_account_sum \
    'SELECT (SELECT sum(CAST(external_id AS INTEGER)) FROM account)'
held 'to the cent: sum of their revenue' rep_revenue_cents 'SELECT (SELECT sum(annual_revenue) FROM account)'
held 'his contacts' rep_contacts 'SELECT (SELECT count(*) FROM contact)'
held 'the right ones: sum of their external ids' rep_contact_sum \
    'SELECT (SELECT sum(CAST(external_id AS INTEGER)) FROM contact)'
held 'their telephones and e-mail addresses' rep_contact_methods 'SELECT (SELECT count(*) FROM contact_method)'
held 'the catalogue' products 'SELECT (SELECT count(*) FROM product)'
same 'the digest is headquarters'"'" true "$verified"
say "  in $requests requests: $bytes_down bytes down, $bytes_up up, $duration ms"
must rove --json sql 'SELECT external_id AS answer FROM account ORDER BY CAST(external_id AS INTEGER)'
sed -n 's/^ *"answer": "\([^"]*\)".*/\1/p' "$dir/said" >"$dir/accounts"
first=$(sed -n 1p "$dir/accounts")
moved=$(sed -n 2p "$dir/accounts") # where his first piece of work will be
second=$(sed -n 70p "$dir/accounts")

step '3. The rep works without a network; headquarters works on his accounts too'
stop TERM
for _ in 1 2 3; do work; done
must rove set Account "$first" phone=555-0100
for at in 60 61 62 63; do
    must hq set account "$(sed -n "${at}p" "$dir/accounts")" phone="555-02$at"
done
must hq set account "$second" owner_id=276
must hq set account "$first" phone=555-0199
must hq assign 276 --account "$moved" --alone
must rove --json status
say "  waiting on the device: $(member pending "$dir/said") records"
say '  at headquarters: 6 changed accounts; one on which the rep has unsent work goes to somebody else'
serve
synced rove
must rove --json status
same 'waiting on the device after one sync' 0 "$(member pending "$dir/said")"
same 'the account that somebody else has now has left the device' 0 \
    "$(ask "SELECT (SELECT count(*) FROM account WHERE external_id = '$moved')")"
must rove --json status
same 'the one field that both changed: one value, the other kept' 1 "$(member conflicts "$dir/said")"
same 'headquarters'"'"' changes on the device' 4 \
    "$(ask "SELECT (SELECT count(*) FROM account WHERE phone LIKE '555-026%')")"
same 'the digest is headquarters'"'" true "$verified"

grep -vx "$moved" "$dir/accounts" >"$dir/texts"
mv "$dir/texts" "$dir/accounts"

step '4. Both kinds of process are killed in the middle of exchanges'
range=60000
# What is to be killed is started by its own name: of a function, & makes a shell around the program.
# strike PID: kill -9 at some moment while a sync runs; 0 if the sync had not ended before
strike() {
    dice "$range"
    spin "$number"
    kill -9 "$1" 2>/dev/null || true
    code=0
    wait "$sync" 2>/dev/null || code=$?
    sync=''
    if [ "$code" -eq 0 ]; then range=$((range * 4 / 5 + 100)); else range=$((range * 9 / 8)); fi
    [ "$code" -ne 0 ]
}
head_seq() {
    must hq --json status
    member head "$dir/said"
}

tries=0 killed=0 crashed=0 arrived=0
while [ "$killed" -lt "$rep_kills" ] || [ "$crashed" -lt "$server_kills" ] || [ "$units" -lt "$work_units" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || fail 'no process could be caught in the middle of an exchange'
    [ $((tries % 2)) -eq 0 ] || [ "$units" -ge $((work_units * 3)) ] || work
    before=$(head_seq)
    "$ROVE_BIN" --replica "$dir/replica-$rep" sync >/dev/null 2>&1 &
    sync=$!
    if [ $((tries % 5)) -lt 3 ]; then
        if strike "$sync"; then
            killed=$((killed + 1))
            [ "$(head_seq)" = "$before" ] || arrived=$((arrived + 1))
        fi
    else
        if strike "$server"; then crashed=$((crashed + 1)); fi
        wait "$server" 2>/dev/null || true
        serve
    fi
done
synced rove
say "  the rep's program: $killed times; its work had arrived in $arrived of them, and the answer had not"
say "  headquarters: $crashed times"
same 'the digest is headquarters'"'" true "$verified"

must hq --json enroll-code --user "$rep"
must tablet enroll "https://127.0.0.1:$port" "$(member invitation "$dir/said")"
killed=0 tries=0
while [ "$killed" -lt "$tablet_kills" ] && [ "$tries" -lt 12 ]; do
    tries=$((tries + 1))
    "$ROVE_BIN" --replica "$dir/replica-$rep-tablet" sync >/dev/null 2>&1 &
    sync=$!
    if strike "$sync"; then killed=$((killed + 1)); fi
done
synced tablet
must tablet --json sql 'SELECT (SELECT count(*) FROM account) AS answer'
say "  a second device during its first download: $killed times"
same 'accounts on it' "$(($(expected rep_accounts) - 1))" "$(member answer "$dir/said")"
same 'the digest is headquarters'"'" true "$verified"

step '5. Everything is at headquarters, exactly once'
once 'planned visits' visit 'demo plan [0-9]*' "$units"
once 'visits on the spot' visit 'demo visit [0-9]*' "$units"
must hq export visit --json
same 'visits in all' "$visits" "$(grep -c '"id"' "$dir/said")"
same 'of them completed and sealed' "$completed" "$(grep -c '"status":"COMPLETED".*"sealed_at"' "$dir/said")"
same 'of them cancelled' "$cancelled" "$(grep -c '"status":"CANCELLED"' "$dir/said")"
once 'calls' call 'demo call [0-9]*' "$units"
once 'tasks' task 'demo task [0-9]*' "$units"
once 'notes' note 'demo note [0-9]*' "$units"
once 'new contacts' contact 'demo contact [0-9]*' "$contacts"
once 'edited accounts' account 'demo description [0-9]*' "$units"
same 'of them tagged' "$units" "$(grep -c '"tag_ids":"[0-9]*","description":"demo' "$dir/said")"
must hq --json status
same 'accounts in all' "$(expected accounts)" "$(member Account "$dir/said")"
same 'contacts in all' "$(($(expected contacts) + contacts))" "$(member Contact "$dir/said")"

step '6. The devices, compared once more'
synced rove
same 'the digest is headquarters'"'" true "$verified"
synced tablet
same 'the digest of the second device is headquarters'"'" true "$verified"
for device in rove tablet; do
    must $device --json verify
    same "the file is sound, its digest computed anew" true "$(member sound "$dir/said")"
    must $device --json status
    same 'refused or put aside' '0 0' "$(member rejections "$dir/said") $(member quarantined "$dir/said")"
done
