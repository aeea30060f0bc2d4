/*
 * test_vault_threads.c - readers on threads of their own beside a writer, over the sealing VFS: each sees whole transactions, and
 * none of them needs a -shm file. One comes and goes, so that the index of the log is mapped and let go while it is in use. And what
 * threads seal while the vault is locked and unlocked.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "safe.h"

#define READERS 3
#define ROUNDS  60

static safe s;
static atomic_int done, wrong, seen;

/* Rows whose sum every transaction leaves at 0. */
static const char sum[] = "SELECT sum(value) FROM pair";

static sqlite3 *connect_here(void) {
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(s.path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, s.vfs.name) !=
            SQLITE_OK ||
        sqlite3_busy_timeout(db, 10000) != SQLITE_OK ||
        safe_sql(db, "PRAGMA temp_store = MEMORY") != SQLITE_OK) {
        wrong++;
    }
    return db;
}

static void *read_on(void *ctx) {
    int stays = *(const int *)ctx;
    sqlite3 *db = connect_here();

    while (!done && !wrong) {
        if (safe_int(db, sum) != 0 || safe_int(db, "SELECT count(*) FROM pair") < 2) {
            wrong++;
        }
        (void)sqlite3_db_release_memory(db); /* from the files again */
        seen++;
        if (!stays) {
            (void)sqlite3_close(db);
            db = connect_here();
        }
    }
    (void)sqlite3_close(db);
    return NULL;
}

static void write_round(sqlite3 *db, int round) {
    char sql[200];

    snprintf(
        sql, sizeof sql,
        "BEGIN; INSERT INTO pair(value, body) VALUES(%d, randomblob(5000));"
        "UPDATE pair SET value = value + %d WHERE id = 1 + %d; INSERT INTO pair(value) VALUES(%d);"
        "COMMIT",
        round, 2 * round, round % 5, -3 * round);
    safe_ok(db, sql);
    if (round % 7 == 0) {
        int code = safe_sql(db, "PRAGMA wal_checkpoint(PASSIVE)");
        assert_true(code == SQLITE_OK || code == SQLITE_BUSY);
    }
}

static void readers_on_threads_see_whole_transactions(void **state) {
    static const int stays[READERS] = {1, 1, 0};
    pthread_t threads[READERS];
    char shm[SAFE_PATH_MAX + 32];

    (void)state;
    safe_make(&s, "vault_threads", SAFE_OPENSSL);
    safe_open(&s);
    sqlite3 *db = safe_connect(&s);
    (void)sqlite3_busy_timeout(db, 10000);
    safe_ok(db, "CREATE TABLE pair(id INTEGER PRIMARY KEY, value INT, body BLOB);"
                "INSERT INTO pair(value) VALUES(1), (-1), (2), (-2), (0)");
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, (void *)(uintptr_t)&stays[i]),
                         0);
    }
    for (int round = 1; (round < ROUNDS || seen < 20 * READERS) && !wrong; round++) {
        write_round(db, round);
    }
    snprintf(shm, sizeof shm, "%s-shm", s.path);
    assert_int_equal(access(shm, F_OK), -1);
    done = 1;
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(safe_int(db, sum), 0);
    assert_true(safe_is_sound(db));
    safe_disconnect(db);
    safe_close(&s);
    safe_end(&s);
}

/* ---- locking -------------------------------------------------------------------------------------------- */

static atomic_int sealing;

/* While it is locked and unlocked: a unit is sealed so that it can be opened, or refused. */
static void *seal_on(void *ctx) {
    static const uint8_t plain[512] = {7};
    uint8_t sealed[sizeof plain];
    uint8_t opened[sizeof plain];
    uint8_t seal[ROVE_UNIT_SEAL_SIZE];

    (void)ctx;
    while (sealing && !wrong) {
        rove_status status =
            rove__vault_seal(&s.vault, ROVE_UNIT_PAGE, 5, plain, sizeof plain, sealed, seal);
        while (status == ROVE_OK) {
            status = rove__vault_unseal(&s.vault, ROVE_UNIT_PAGE, 5, sealed, sizeof sealed, seal,
                                        opened);
            if (status != ROVE_LOCKED) {
                break;
            }
            status = ROVE_OK; /* opened once there is a key again */
        }
        wrong += status != ROVE_OK && status != ROVE_LOCKED;
        seen += status == ROVE_OK;
    }
    return NULL;
}

static void what_is_sealed_while_it_is_locked_opens(void **state) {
    pthread_t threads[2];

    (void)state;
    safe_make(&s, "vault_threads", SAFE_OPENSSL);
    safe_open(&s);
    wrong = seen = 0;
    sealing = 1;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, seal_on, NULL), 0);
    }
    while (seen < 20000 && !wrong) {
        rove__vault_lock(&s.vault);
        assert_int_equal(rove__vault_unlock(&s.vault, &s.key), ROVE_OK);
    }
    sealing = 0;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(wrong, 0);
    safe_close(&s);
    safe_end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_on_threads_see_whole_transactions),
        cmocka_unit_test(what_is_sealed_while_it_is_locked_opens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
