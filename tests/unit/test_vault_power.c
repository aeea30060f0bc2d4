/*
 * test_vault_power.c - power cuts at any call of a sealed database: while it is made, written, swept, vacuumed and recovered.
 * Afterwards it opens, is sound, has every transaction that was told to be committed and none of them half, and nothing of it
 * can be read on the disk. Three things that a first version of a sealing VFS gets wrong are noticed.
 *
 *     test_vault_power --cuts 100000 [--seed S]     more of them; the seed is said when something was violated
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "posix/posix.h"
#include "safe.h"
#include "sim/disk.h"
#include "spy.h"

#define PATH         "/1/sealed.db"
#define KEYS         64
#define CUTS_OF_LIFE 25 /* then comes another disk */
#define PAD_MAX      12000
#define CANARY       "Kwik-E-Mart"

typedef int64_t content[KEYS]; /* of each key its value; 0: there is none */

static struct {
    sim_disk disk;
    sim_dice dice;
    rove_allocator allocator;
    rove_crypto crypto;
    rove_random random;
    rove__data_key key;
    rove__vault vault;
    rove__vfs vfs;
    sqlite3 *db, *reader;
    int small_cache;
    int64_t values;
    int made; /* the table was told to be there */
    content committed;
    content pending; /* what is there if a commit whose end was not heard of took place */
    uint64_t commits, refused, sweeps, vacuums, cuts;
    char violation[256];
} w;

/* ---- what is written ------------------------------------------------------------------------------------- */

/* The bytes that belong to a value. */
static size_t pad_of(int64_t value, char *pad) {
    sim_dice dice = sim_stream((uint64_t)value, 1);
    size_t size = sim_below(&dice, 8) == 0 ? PAD_MAX : 700;

    size = sim_below(&dice, size) + sizeof CANARY;
    for (size_t i = 0; i < size; i++) {
        pad[i] = CANARY[i % (sizeof CANARY - 1)];
    }
    return size;
}

static int violated(const char *what, int code) {
    if (w.violation[0] == '\0') {
        snprintf(w.violation, sizeof w.violation, "%s (%d, cut %llu)", what, code,
                 (unsigned long long)w.cuts);
    }
    return 0;
}

/* 1 if the call did what it says; what fails while there is power is a violation. */
static int went(int code, const char *what) {
    if (code != SQLITE_OK && code != SQLITE_DONE && !w.disk.off) {
        return violated(what, code);
    }
    return code == SQLITE_OK || code == SQLITE_DONE;
}

static int run(const char *sql) {
    return went(safe_sql(w.db, sql), sql);
}

static int put(int64_t key, int64_t value) {
    static char pad[PAD_MAX + 64];
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(w.db,
                                  value == 0 ? "DELETE FROM t WHERE k = ?1"
                                             : "INSERT OR REPLACE INTO t VALUES(?1, ?2, ?3)",
                                  -1, &statement, NULL);

    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, key);
        if (value != 0) {
            sqlite3_bind_int64(statement, 2, value);
            sqlite3_bind_text(statement, 3, pad, (int)pad_of(value, pad), SQLITE_STATIC);
        }
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return went(code, "a write");
}

static int some_writes(content *rows) {
    uint64_t count = 1 + sim_below(&w.dice, sim_below(&w.dice, 6) == 0 ? KEYS : 6);

    for (uint64_t i = 0; i < count; i++) {
        size_t key = (size_t)sim_below(&w.dice, KEYS);
        int64_t value = sim_below(&w.dice, 5) == 0 ? 0 : ++w.values;
        if (!put((int64_t)key, value)) {
            return 0;
        }
        (*rows)[key] = value;
    }
    return 1;
}

static void transaction(void) {
    content rows;
    int is_undone = 0;

    memcpy(rows, w.committed, sizeof rows);
    memcpy(w.pending, w.committed, sizeof w.pending);
    if (!run("BEGIN") || !some_writes(&rows)) {
        return;
    }
    while (sim_below(&w.dice, 3) == 0) {
        content kept;
        int is_kept = sim_below(&w.dice, 2) == 0;
        memcpy(kept, rows, sizeof kept);
        if (!run("SAVEPOINT s") || !some_writes(&rows) ||
            !run(is_kept ? "RELEASE s" : "ROLLBACK TO s")) {
            return;
        }
        if (!is_kept) {
            memcpy(rows, kept, sizeof rows);
            is_undone = 1;
        }
    }
    if (sim_below(&w.dice, 10) == 0) {
        (void)run("ROLLBACK");
        return;
    }
    memcpy(w.pending, rows, sizeof rows);
    int code = safe_sql(w.db, "COMMIT");
    int is_refused = code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_FSYNC;
    if (is_refused && !w.disk.off && w.small_cache && is_undone) { /* vfs.c, note_sums */
        memcpy(w.pending, w.committed, sizeof rows);
        (void)safe_sql(w.db, "ROLLBACK");
        w.refused++;
    } else if (went(code, "COMMIT")) {
        memcpy(w.committed, rows, sizeof rows);
        w.commits++;
    }
}

/* ---- opening and closing --------------------------------------------------------------------------------- */

static rove_status draw_random(void *ctx, void *bytes, size_t size) {
    uint8_t *b = bytes;

    for (size_t i = 0; i < size; i++) {
        b[i] = (uint8_t)sim_draw(ctx);
    }
    return ROVE_OK;
}

static void close_all(void) {
    (void)sqlite3_close(w.reader);
    (void)sqlite3_close(w.db);
    w.db = w.reader = NULL;
    rove__vfs_close(&w.vfs);
    rove__vault_close(&w.vault);
}

/* 1: there is a database with its table. 0: the power is gone, or something is violated. */
static int open_all(void) {
    static const char table[] =
        "CREATE TABLE IF NOT EXISTS t(k INTEGER PRIMARY KEY, v INT, pad TEXT);"
        "CREATE INDEX IF NOT EXISTS by_value ON t(v)";

    assert_int_equal(rove__vault_open(&w.vault, &w.crypto, &w.random, &w.key),
                     ROVE_OK);
    assert_int_equal(rove__vfs_open(&w.vfs, &w.allocator, "sim", &w.vault, PATH), SQLITE_OK);
    assert_int_equal(spy_over(&w.vfs.vfs), SQLITE_OK);
    if (!went(sqlite3_open_v2(PATH, &w.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, SPY_VFS),
              "opening")) {
        return 0;
    }
    (void)sqlite3_extended_result_codes(w.db, 1);
    assert_int_equal(rove__vfs_reserve(w.db), SQLITE_OK);
    if (!run(safe_settings) ||
        (w.small_cache && !run("PRAGMA cache_size = 8; PRAGMA cache_spill = 4"))) {
        return 0;
    }
    if (w.made && safe_int(w.db, "SELECT count(*) FROM sqlite_schema WHERE name = 't'") != 1) {
        return w.disk.off ? 0 : violated("the table is gone", 0);
    }
    if (!run(table)) {
        return 0;
    }
    w.made = 1;
    return 1;
}

/* ---- looking --------------------------------------------------------------------------------------------- */

/* What the table has, or 0. */
static int look(content *rows) {
    static char pad[PAD_MAX + 64];
    sqlite3_stmt *statement = NULL;
    int good = 1;
    int code = sqlite3_prepare_v2(w.db, "SELECT k, v, pad FROM t", -1, &statement, NULL);

    memset(rows, 0, sizeof *rows);
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t key = sqlite3_column_int64(statement, 0);
        int64_t value = sqlite3_column_int64(statement, 1);
        size_t size = pad_of(value, pad);
        good = key >= 0 && key < KEYS && (size_t)sqlite3_column_bytes(statement, 2) == size &&
               memcmp(sqlite3_column_text(statement, 2), pad, size) == 0;
        if (!good) {
            break;
        }
        (*rows)[key] = value;
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return good ? went(code, "reading all rows") : violated("a row has other bytes", 0);
}

static int check(void) {
    content rows;

    if (!look(&rows)) {
        return 0;
    }
    int is_pending = memcmp(rows, w.pending, sizeof rows) == 0;
    if (!is_pending && memcmp(rows, w.committed, sizeof rows) != 0) {
        return violated("a commit is gone, or half there", 0);
    }
    memcpy(w.committed, rows, sizeof rows);
    memcpy(w.pending, rows, sizeof rows);
    if (!safe_is_sound(w.db)) {
        return w.disk.off ? 0 : violated("the database is not sound", 0);
    }
    if (sim_disk_holds(&w.disk, CANARY, sizeof CANARY - 1) ||
        sim_disk_holds(&w.disk, "SQLite format 3", 15)) {
        return violated("something can be read on the disk", 0);
    }
    return 1;
}

/* ---- a life ---------------------------------------------------------------------------------------------- */

static void read_aside(void) {
    if (w.reader != NULL) {
        (void)sqlite3_close(w.reader); /* with its snapshot */
        w.reader = NULL;
        return;
    }
    if (went(sqlite3_open_v2(PATH, &w.reader, SQLITE_OPEN_READONLY, SPY_VFS), "a reader")) {
        (void)safe_sql(w.reader, "PRAGMA temp_store = MEMORY; BEGIN; SELECT count(*) FROM t");
    }
}

/* Busy: a reader stands where the sweep wants to. */
static void sweep(const char *sql) {
    int code = safe_sql(w.db, sql);

    w.sweeps++;
    if (code != SQLITE_BUSY && code != SQLITE_LOCKED) {
        (void)went(code, sql);
    }
}

static void act(void) {
    switch (sim_below(&w.dice, 24)) {
    case 0:
        sweep("PRAGMA wal_checkpoint(TRUNCATE)");
        break;
    case 1:
        sweep("PRAGMA wal_checkpoint(RESTART)");
        break;
    case 2:
    case 3:
        sweep("PRAGMA wal_checkpoint(PASSIVE)");
        break;
    case 4:
        w.vacuums++;
        sweep("VACUUM");
        break;
    case 5:
        sweep("REINDEX");
        break;
    case 6:
    case 7:
        read_aside();
        break;
    case 8:
        close_all();
        (void)open_all();
        break;
    default:
        transaction();
        break;
    }
}

/* With all closed: what the disk kept, and it opens again, perhaps only when the power has failed once more. */
static void recover(void) {
    do {
        close_all();
        sim_disk_power_cut(&w.disk);
        sim_disk_power_on(&w.disk);
        w.cuts++;
        w.disk.cut_in = sim_below(&w.dice, 4) == 0 ? 1 + sim_below(&w.dice, 40) : 0;
        if (open_all()) {
            (void)check();
        }
    } while (w.disk.off && w.violation[0] == '\0');
    w.disk.cut_in = 0;
}

/* 1 if nothing was violated in so many cuts, or a few more. */
static int live(uint64_t seed, uint64_t cuts) {
    uint64_t end = w.cuts + cuts;

    sim_disk_open(&w.disk, 1, seed);
    sim_disk_seed(seed);
    w.dice = sim_stream(seed, 2);
    w.small_cache = sim_below(&w.dice, 2) == 0;
    w.made = 0;
    memset(w.committed, 0, sizeof w.committed);
    memset(w.pending, 0, sizeof w.pending);
    assert_int_equal(rove__data_key_draw(&w.random, &w.key), ROVE_OK);
    w.disk.cut_in = sim_below(&w.dice, 3) == 0 ? 1 + sim_below(&w.dice, 40) : 0;
    (void)open_all();
    while (w.cuts < end && w.violation[0] == '\0') {
        if (w.disk.cut_in == 0) {
            w.disk.cut_in = 1 + sim_below(&w.dice, sim_below(&w.dice, 2) == 0 ? 80 : 1500);
        }
        while (!w.disk.off && w.violation[0] == '\0') {
            act();
        }
        if (w.disk.off) {
            recover();
        }
    }
    close_all();
    sim_disk_close(&w.disk);
    return w.violation[0] == '\0';
}

/* The seed of the life in which something was violated; 0: nothing was. */
static uint64_t live_through(uint64_t seed, uint64_t cuts) {
    rove_random random = {draw_random, &w.dice};
    uint64_t first = seed;

    memset(&w, 0, sizeof w);
    spy.torn_frames = spy.torn_firsts = 0;
    w.random = random;
    rove_posix_allocator(&w.allocator);
    rove_posix_crypto_openssl(&w.crypto);
    for (; w.cuts < cuts; seed++) {
        if (!live(seed, CUTS_OF_LIFE)) {
            return seed;
        }
        if ((seed - first) % 400 == 399) {
            printf("%llu cuts\n", (unsigned long long)w.cuts);
            (void)fflush(stdout);
        }
    }
    return 0;
}

static uint64_t cuts_wanted = 300;
static uint64_t first_seed = 1;

static void a_power_cut_takes_nothing_that_was_promised(void **state) {
    (void)state;
    spy.fault = SPY_HONEST;
    uint64_t seed = live_through(first_seed, cuts_wanted);
    if (seed != 0) {
        fail_msg("seed %llu: %s", (unsigned long long)seed, w.violation);
    }
    printf("%llu cuts: torn frames or headers of a log %llu, torn first pages %llu; "
           "%llu commits, %llu refused, %llu sweeps, %llu vacuums\n",
           (unsigned long long)w.cuts, (unsigned long long)spy.torn_frames,
           (unsigned long long)spy.torn_firsts, (unsigned long long)w.commits,
           (unsigned long long)w.refused, (unsigned long long)w.sweeps,
           (unsigned long long)w.vacuums);
    assert_true(spy.torn_frames > 0);
    assert_true(spy.torn_firsts > 0);
}

static void what_a_first_version_gets_wrong_is_noticed(void **state) {
    (void)state;
    for (spy.fault = SPY_HONEST + 1; spy.fault < SPY_FAULTS; spy.fault++) {
        uint64_t seed = live_through(first_seed, 400);
        printf("fault %d: %s\n", (int)spy.fault, seed != 0 ? w.violation : "not noticed");
        assert_true(seed != 0);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_takes_nothing_that_was_promised),
        cmocka_unit_test(what_a_first_version_gets_wrong_is_noticed),
    };

    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || (strcmp(argv[i], "--cuts") != 0 && strcmp(argv[i], "--seed") != 0)) {
            fprintf(stderr, "usage: test_vault_power [--cuts N] [--seed S]\n");
            return 2;
        }
        *(strcmp(argv[i], "--cuts") == 0 ? &cuts_wanted : &first_seed) =
            strtoull(argv[i + 1], NULL, 10);
    }
    if (sim_disk_install() != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
