#!/bin/sh
# hq_backup.sh - headquarters is restored from a backup: what devices sent since then comes back from them, and what operators did since
# then is gone. Nothing is there twice.
. "${0%/*}/lib.sh"

data=$here/../../demo/adventureworks
office() { "$ROVE_HQ_BIN" --data "$work/hq" "$@"; }
port=0
serve() {
    rm -f "$work/ready"
    mkfifo "$work/ready"
    "$ROVE_HQ_BIN" --data "$work/hq" serve --listen "127.0.0.1:$port" --port-file "$work/port" \
        >"$work/ready" 2>>"$work/serve.log" &
    server=$!
    servers=$server
    read -r _ <"$work/ready"
    port=$(cat "$work/port")
}
stop() {
    kill -TERM "$server"
    wait "$server"
    servers=''
}
notes() { office export note --json 2>/dev/null | grep -o '"text":"[^"]*"' | sort; }

must office init --name 'Adventure Works' --host 127.0.0.1
must office import "$data/users.csv" "$data/territories.csv" "$data/accounts.csv" "$data/contacts.csv"
must office assign 275 --by-owner
serve
must office --json enroll-code --user 275
must rep mobile enroll "https://127.0.0.1:$port" "$(field invitation)"
must rep mobile sync
account=$(select_ mobile 'SELECT external_id FROM account ORDER BY id LIMIT 1')
must rep mobile note add "$account" 'before the backup'
must rep mobile sync

tell 'a backup while it serves'
must office backup "$work/copy.db"
says 'all up to head'
run office backup "$work/copy.db"
exits 1
says 'there already'
must office status
says 'backup    20'

tell 'work after it, that headquarters has confirmed'
must rep mobile note add "$account" 'after the backup'
must rep mobile set Account "$account" phone=555-0100
must rep mobile sync
must office set account "$account" website=gone.example
must rep mobile sync
same 'notes at headquarters' 2 "$(notes | wc -l | tr -d ' ')"

tell 'the copy takes the place of the database'
run office restore "$work/copy.db"
exits 4
stop
printf 'no database' >"$work/no.db"
run office restore "$work/no.db"
exits 1
says 'Nothing was changed' 
sed 's/Note/note/' "$work/copy.db" | head -c 100000 >"$work/torn.db"
run office restore "$work/torn.db"
exits 1
same 'after two refusals' 2 "$(notes | wc -l | tr -d ' ')"
must office --json restore "$work/copy.db"
replaced=$(field replaced)
[ -s "$work/hq/$replaced" ] || fail 'the database before it is not kept'
same 'notes in what was replaced' 2 "$(sqlite3 "$work/hq/$replaced" 'SELECT count(*) FROM note')"
must office acts
says 'restore' "$replaced"
serve
same 'notes in the copy' '"text":"before the backup"' "$(notes)"
must rep mobile note add "$account" 'after the restore'
must rep mobile sync --json
same 'the replica is equal to headquarters' True "$(field verified)"
same 'notes at headquarters' '"text":"after the backup"
"text":"after the restore"
"text":"before the backup"' "$(notes)"
must office show account "$account"
says '555-0100'
if grep -q gone.example "$work/out"; then fail 'what an operator did after the backup is still there'; fi
same 'on the device neither' '' "$(select_ mobile "SELECT website FROM account WHERE external_id = '$account'")"
must rep mobile verify
