#!/bin/sh
# rove doctor and rove-hq doctor: each kind of wrong is found and said with what to do, nothing is written, and neither needs
# a folder that works.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

# sums FOLDER: of everything in it, with modes.
sums() { (cd "$1" && for file in $(ls -A | grep -v '^control$'); do printf '%s %s\n' "$(stat -c '%a %n' "$file")" "$(sha256sum <"$file")"; done); }

# unchanged WHAT FOLDER COMMAND...: the command leaves every byte as it was.
unchanged() {
    unchanged_what=$1
    unchanged_folder=$2
    shift 2
    sums_before=$(sums "$unchanged_folder")
    run "$@"
    same "$unchanged_what: nothing is written" "$sums_before" "$(sums "$unchanged_folder")"
}

# finds STATE WHAT VALUE: one line of the last doctor.
finds() {
    grep -qE "^$1 +$2 +.*$3" "$work/out" || fail "it should find: $1, $2, $3"
}

# sick WHAT STATE-LINE...: of jo's replica; then its files are put back.
sick() {
    tell "$1"
    shift
    unchanged 'a sick replica' "$work/jo" rep jo doctor --deep
    exits 1
    finds wrong "$@"
    rm -rf "$work/jo"
    cp -rp "$work/good" "$work/jo"
}

tell 'where there is no replica'
run rep nobody doctor
exits 0
finds warning database 'there is none'
finds warning enrolment 'not enrolled'
[ ! -e "$work/nobody" ] || fail 'doctor made a folder'

headquarters 20
plain=--plain
enrolled jo
must rep jo note add A00001 'not sent yet'
plain=''
enrolled safe
must rep safe note add A00001 'not sent yet'
plain=--plain
hq_stop

tell 'a replica that is well'
unchanged 'a good replica' "$work/jo" rep jo doctor --deep
exits 0
finds ok 'SQLite' '[0-9]'
finds ok 'unsent work' '1 records'
finds ok 'secure_delete' 'on'
finds ok 'journal_mode' 'WAL'
finds warning encryption off
finds ok 'database file' 'nothing wrong'
finds ok 'clock' 'of headquarters'
finds ok 'certificate' 'good for (29|30) days'
run rep jo doctor --json
exits 0
is_json
same 'wrong, as JSON' 0 "$(field wrong)"
same 'the first finding' SQLite "$(field findings.0.what)"
cp -rp "$work/jo" "$work/good"

tell 'an encrypted one'
plain=''
unchanged 'a good encrypted replica' "$work/safe" rep safe doctor --deep
exits 0
finds ok encryption on
finds ok secret 'mode 0600'
finds ok 'unsent work' '1 records'
finds ok 'database file' 'nothing wrong'
finds ok 'certificate' 'good for (29|30) days'
cp -rp "$work/safe" "$work/good.safe"

# spoilt WHAT STATE-LINE...: the same as sick, below, of the encrypted one.
spoilt() {
    tell "$1"
    shift
    unchanged 'an encrypted replica' "$work/safe" rep safe doctor --deep
    exits 1
    finds wrong "$@"
    rm -rf "$work/safe"
    cp -rp "$work/good.safe" "$work/safe"
}

dd if=/dev/zero of="$work/safe/replica.db" bs=4096 seek=25 count=3 conv=notrunc 2>/dev/null
spoilt 'pages that were overwritten' 'database( file)?' '(damaged|CORRUPT|IO)'
printf x | dd of="$work/safe/core.key" bs=1 seek=100 conv=notrunc 2>/dev/null
spoilt 'a damaged key file' database CORRUPT
rm "$work/safe/core.key"
spoilt 'a key file that is gone' database CORRUPT
chmod 644 "$work/safe/core.key"
spoilt 'others can read the key file' core.key 'mode 0644'
mv "$ROVE_SECRET" "$work/secret.away"
spoilt 'the secret is gone' secret 'there is none'
[ ! -e "$ROVE_SECRET" ] || fail 'doctor made another secret'
head -c 32 /dev/urandom >"$ROVE_SECRET"
spoilt 'another secret' database WRONG_KEY
mv "$work/secret.away" "$ROVE_SECRET"
chmod 640 "$ROVE_SECRET"
spoilt 'others can read the secret' secret 'mode 0640'
chmod 600 "$ROVE_SECRET"
run rep safe --plain doctor
exits 1
finds wrong database LOCKED
unchanged 'used by somebody' "$work/safe" flock "$work/safe/lock" "$ROVE_BIN" --replica "$work/safe" doctor
exits 0
finds ok database 'while another process has it'
plain=--plain

tell 'a version of SQLite without the fix says what stands in for it'
case $(sqlite3 --version) in
3.[0-4][0-9].* | 3.50.* | 3.51.[012]\ *) finds_out=$(rep jo doctor | grep -c 'WAL-reset bug' || true) ;;
*) finds_out=1 ;;
esac
same 'the mitigation' 1 "$finds_out"

chmod 644 "$work/jo/identity"
sick 'others can read the key' identity 'mode 0644'
chmod 755 "$work/jo"
sick 'others can look into the folder' folder 'mode 0755'
echo 'a letter' >"$work/jo/replica.db"
sick 'another file in the place of the database' database CORRUPT
dd if=/dev/urandom of="$work/jo/replica.db" bs=4096 seek=20 count=12 conv=notrunc 2>/dev/null
sick 'damaged inside, which only --deep sees for sure' 'database( file)?' '(damaged|CORRUPT)'
sqlite3 "$work/jo/replica.db" 'PRAGMA user_version = 99' >/dev/null
sick 'a newer version wrote it' database UPGRADE
sqlite3 "$work/jo/replica.db" 'PRAGMA journal_mode = DELETE' >/dev/null
sick 'another journal' journal_mode 'not WAL'
printf 'x' | dd of="$work/jo/identity" bs=1 seek=40 conv=notrunc 2>/dev/null
sick 'a damaged identity' enrolment CORRUPT

tell 'a clock that is wrong'
unchanged 'a wrong clock' "$work/jo" rep jo --clock-offset-ms -172800000 doctor
exits 1
finds wrong clock '(2 days|48 hours|47 hours).* behind'

tell 'a log that a killed process left is read, and left as it is'
cat >"$work/hold.py" <<'END'
"""hold.py FOLDER COMMAND...: has the replica open as a process of Rove has, with a write in its log; runs the command, and
ends as if it were killed."""
import fcntl, os, sqlite3, subprocess, sys
lock = open(sys.argv[1] + "/lock", "r+")
fcntl.flock(lock, fcntl.LOCK_EX)
lock.write("%d\n" % os.getpid())
lock.flush()
db = sqlite3.connect(sys.argv[1] + "/replica.db", isolation_level=None)
db.execute("INSERT OR REPLACE INTO _meta(key, value) VALUES('remains', 1)")
print("held by", os.getpid())
sys.stdout.flush()
code = subprocess.run(sys.argv[2:]).returncode
os._exit(code)
END
run "$python" -I "$work/hold.py" "$work/jo" "$ROVE_BIN" --replica "$work/jo" --plain doctor --deep
exits 0
finds ok 'in use' "by process $(sed -n 's/^held by //p' "$work/out")"
finds warning 'what left' 'may still lie'
finds ok 'database file' 'nothing wrong'
[ -s "$work/jo/replica.db-wal" ] || fail 'there should be a log'
rm -f "$work/jo/replica.db-shm"
unchanged 'a log' "$work/jo" rep jo doctor --deep
exits 0
finds warning 'what left' 'may still lie'
finds ok 'unsent work' '1 records'
finds ok 'database file' 'nothing wrong'
hq_start

tell 'a headquarters that is served'
run hq doctor --deep
exits 0
finds ok 'in use' "by process $hq_pid"
finds ok 'devices' '2 in service'
finds ok 'spool' '[0-9]+ files'
finds ok "server's certificate" 'good for 824 days'
finds ok 'record of acts' '[0-9]+ entries are as they were recorded'
run hq doctor --json
is_json
same 'wrong, as JSON' 0 "$(field wrong)"

tell 'one that was killed'
hq_kill
rm -f "$work/hq/hq.db-shm" "$work/hq/control"
unchanged 'a killed headquarters' "$work/hq" hq doctor --deep
exits 0
finds ok 'devices' '2 in service'
must hq backup "$work/copy.db"
cp -rp "$work/hq" "$work/good.hq"
run hq doctor
finds ok 'last backup' '0 seconds|1 second'

# ill WHAT STATE-LINE...
ill() {
    tell "$1"
    shift
    unchanged 'an ill headquarters' "$work/hq" hq doctor --deep
    exits 1
    finds wrong "$@"
    rm -rf "$work/hq"
    cp -rp "$work/good.hq" "$work/hq"
}

chmod 640 "$work/hq/ca.key"
ill 'others can read the key of the authority' ca.key 'mode 0640'
rm "$work/hq/seal.key"
ill 'a key that is gone, and is not made anew' seal.key 'No such file'
echo nonsense >"$work/hq/seal.key"
ill 'a key that is none' 'sealing key' 'no private key'
cp "$work/hq/server.key" "$work/hq/ca.key"
ill 'another key' "authority's key" 'not that of ca.der'
echo nonsense >"$work/hq/server.der"
ill 'a certificate that is none' "server's certificate" 'no certificate'
truncate -s 20000 "$work/hq/hq.db"
ill 'a database that is cut short' 'database' '(damaged|CORRUPT)'
dd if=/dev/urandom of="$work/hq/hq.db" bs=4096 seek=30 count=40 conv=notrunc 2>/dev/null
ill 'one that is damaged inside' 'database( file)?' '(damaged|CORRUPT)'
rm "$work/hq/hq.db"
ill 'none at all' database NOT_FOUND
sqlite3 "$work/hq/hq.db" 'PRAGMA user_version = 99' >/dev/null
ill 'a newer version wrote it' database UPGRADE
sqlite3 "$work/hq/hq.db" 'PRAGMA journal_mode = DELETE' >/dev/null
ill 'another journal' journal_mode 'not WAL'

sqlite3 "$work/hq/hq.db" "UPDATE _act SET operator = 'nobody' WHERE number = 2" >/dev/null
ill 'a record of acts that was changed' 'record of acts' 'Entry 2 is not what was recorded'
sqlite3 "$work/hq/hq.db" 'DELETE FROM _act WHERE number = (SELECT max(number) FROM _act)' >/dev/null
ill 'and one that was cut off' 'record of acts' 'Entry [0-9]+ is missing'

tell 'more acts than are looked at without being asked to'
"$python" -I -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("DELETE FROM _act")
db.execute("DELETE FROM _setting WHERE key LIKE \"act/%\"")
db.executemany("INSERT INTO _act(number, at_ms, operator, act, detail, seq) VALUES(?, 1, ?, ?, ?, 0)",
               ((n, "eva", "set", "x") for n in range(1, 1200)))
db.commit()' "$work/hq/hq.db"
rm -f "$work/hq/acts.head"
must hq users add late --name 'Late Lee'
run hq doctor
exits 0
finds ok 'record of acts' 'the newest 1000 entries are as they were recorded; --deep looks at all'
run hq doctor --deep
finds ok 'record of acts' ' 1200 entries are as they were recorded'
rm -rf "$work/hq"
cp -rp "$work/good.hq" "$work/hq"

tell 'a clock that was set back, and one a long time from now'
run hq --clock-offset-ms -86400000 doctor
exits 1
finds wrong clock '(23|24) hours before'
run hq --clock-offset-ms 71400000000 doctor
exits 1
finds wrong "server's certificate" 'ended'

tell 'where there is none'
run "$ROVE_HQ_BIN" --data "$work/nowhere" doctor
exits 1
finds wrong database NOT_FOUND
[ ! -e "$work/nowhere" ] || fail 'doctor made a folder'
run hq doctor --wrong
exits 2
run rep jo doctor --wrong
exits 2
