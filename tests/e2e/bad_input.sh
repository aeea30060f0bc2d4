#!/bin/sh
# What a rep cannot mean is refused with the reason, by the command line and by SQL, and leaves no trace.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

headquarters
enrolled jo
must rep jo visit plan A00001 --at tomorrow
visit=$(cat "$work/out")
must rep jo visit start "$visit"
must rep jo sync

# refused EXIT SENTENCE ARGUMENTS...
refused() {
    exit_code=$1 sentence=$2
    shift 2
    tell "$*"
    run rep jo "$@"
    exits "$exit_code"
    says "$sentence"
    same 'nothing is to be sent' 0 "$(pending jo)"
}

broken=$(printf 'caf\351')
truncated=$(printf 'smile \360\237\230')
surrogate=$(printf 'x \355\240\200')
overlong=$(printf 'x \300\257')
long=$(printf '%070000d' 0)

for text in "$broken" "$truncated" "$surrogate" "$overlong"; do
    refused 4 'UTF-8' note add A00001 "$text"
    refused 4 'UTF-8' set Account A00001 "name=$text"
    refused 4 'UTF-8' sql 'SELECT ?1' "$text"
    refused 4 'UTF-8' sql "SELECT '$text'"
    refused 4 'UTF-8' set Account "$text" name=x
    refused 4 'UTF-8' show "$text" A00001
done
refused 4 'at most' note add A00001 "$long"
refused 4 'at most' set Account A00001 "name=$long"
refused 4 'from 1 to 3,650' set Account A00001 visit_cadence_days=-1
refused 4 'from 1 to 3,650' set Account A00001 visit_cadence_days=99999999
refused 4 'from 0 to 127' set Account A00001 preferred_days=128
refused 4 'Account.visit_cadence_days: a whole number is expected' set Account A00001 visit_cadence_days=often
refused 4 'Account.visit_cadence_days: a whole number is expected' set Account A00001 visit_cadence_days=99999999999999999999
refused 4 'Account.annual_revenue' set Account A00001 annual_revenue=12.345
refused 4 'Account.rating: it is one of HOT, WARM, COLD' set Account A00001 rating=LUKEWARM
refused 4 'from 1 to 3' set Account A00001 rating=77
refused 4 'Account.colour: there is no such field' set Account A00001 colour=red
refused 4 'There is no entity `Planet`' set Planet Earth name=x
refused 4 'There is no entity `Planet`' show Planet Earth
refused 4 'There is no entity `Planet`' delete Planet Earth
refused 4 'write it as field=value' set Account A00001 name
refused 4 'Visit.planned_start' set Visit "$visit" planned_start=2026-02-30T10:00Z
refused 4 'Visit.planned_start: write 2026' visit plan A00001 --at yesterday-ish
refused 4 'credit_limit' set Account A00001 credit_limit=100 # headquarters' alone
refused 4 'one of PLANNED, IN_PROGRESS' set Visit "$visit" status=MISSED_IT
refused 4 'cannot change from IN_PROGRESS to PLANNED' set Visit "$visit" status=planned
refused 3 'There is no account, contact or lead `A09999`' note list A09999
refused 3 'no account, contact or lead' note add A09999 x
refused 3 'There is no Account with the id' show Account 9223372036854775807
refused 4 'Several match `Shop`' show Account Shop
refused 4 'no such field' set Account A00001 id=7
refused 3 'There is no Tag `gold`' tag add Account A00001 gold

# SQL reads, and only reads.
refused 4 'no such table' sql 'SELECT * FROM nowhere'
refused 4 'syntax' sql 'SELEKT 1'
for statement in "DELETE FROM account" "UPDATE account SET name = 'x'" "INSERT INTO note (id) VALUES (1)" \
    "DROP TABLE account" "CREATE TABLE t (x)" "ATTACH '$work/other.db' AS other" "PRAGMA journal_mode = DELETE" \
    "PRAGMA user_version = 7" "VACUUM" "VACUUM INTO '$work/copy.db'" "BEGIN" "SELECT load_extension('x')" \
    "SELECT 1; DROP TABLE account" "REINDEX" "ANALYZE"; do
    refused 4 '(DENIED)' sql "$statement"
done
same 'no file was made beside the replica' '' "$(find "$work" -name "other*" -o -name "copy*")"
refused 4 'The query is empty' sql ''
refused 2 'usage' sql
refused 2 'rove: --wait takes a number of seconds' --wait soon note list A00001
refused 2 'rove: --clock-offset-ms takes milliseconds' --clock-offset-ms soon note list A00001
refused 4 'variable number' sql 'SELECT ?1, ?9999999'

tell 'at the limits all is well'
must rep jo note add A00001 "$(printf 'caf\303\251 \360\237\230\200 \346\227\245\346\234\254')"
must rep jo set Account A00001 preferred_days=127 annual_revenue=12.30 rating=hot description=
must rep jo sync
must rep jo --json note list A00001
is_json
same 'text comes back as it was' "$(printf 'caf\303\251 \360\237\230\200 \346\227\245\346\234\254')" "$(field 0.text)"
must rep jo --json show Account A00001
same 'money too' 12.30 "$(field annual_revenue)"

tell 'a text cannot steer the terminal of who reads it'
must rep jo note add A00002 "$(printf 'a\033[2Jb\302\233c\rd')"
must rep jo note list A00002
same 'control characters' 0 "$(tr -d '[:print:]\n\200-\377' <"$work/out" | wc -c)"
says 'a [2Jb c d'
must rep jo verify
