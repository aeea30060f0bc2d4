/*
 * test_vault.c - the sealing VFS over a real folder: SQLite works on it as it does on files, nothing that it wrote can be read
 * in any of them, and what the VFS does not know it refuses.
 */
#include <dirent.h>

#include "safe.h"

#define CANARY       "Kwik-E-Mart"
#define TABLE_CANARY "supermarkets"

static safe s;

static int start(void **state) {
    safe_make(&s, "vault", *state != NULL ? *(const safe_backend *)*state : SAFE_OPENSSL);
    safe_open(&s);
    return 0;
}

static int end(void **state) {
    (void)state;
    safe_close(&s);
    safe_end(&s);
    return 0;
}

static void reopen(void) {
    safe_close(&s);
    safe_open(&s);
}

/* Rows with the canary, one to a page. */
static void write_rows(sqlite3 *db, int count) {
    char sql[256];

    safe_ok(db, "CREATE TABLE IF NOT EXISTS " TABLE_CANARY "(id INTEGER PRIMARY KEY, name TEXT,"
                " body BLOB)");
    for (int i = 0; i < count; i++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO " TABLE_CANARY "(name, body) VALUES('" CANARY
                 " %d', printf('%%.3000c', 'x') || '" CANARY "')",
                 i);
        safe_ok(db, sql);
    }
}

static int64_t rows(sqlite3 *db) {
    return safe_int(db, "SELECT count(*) FROM " TABLE_CANARY " WHERE name LIKE '" CANARY "%'");
}

/* No file of the folder has a word of it; how many files there are. */
static int expect_nothing_readable(void) {
    static const char *const words[] = {CANARY, TABLE_CANARY, "SQLite format 3", "CREATE TABLE"};
    DIR *folder = opendir(s.folder);
    const struct dirent *entry = NULL;
    int count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        char path[SAFE_PATH_MAX + 300];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", s.folder, entry->d_name);
        assert_null(strstr(path, "-shm"));
        safe_bytes bytes = safe_read(path);
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (safe_holds(&bytes, words[i])) {
                fail_msg("%s has '%s' in it", path, words[i]);
            }
        }
        free(bytes.data);
        count++;
    }
    (void)closedir(folder);
    return count;
}

/* ---- it works ------------------------------------------------------------------------------------------- */

static void what_was_written_is_read_again(void **state) {
    (void)state;
    sqlite3 *db = safe_connect(&s);
    assert_int_equal(safe_int(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    write_rows(db, 20);
    assert_int_equal(rows(db), 20);
    safe_disconnect(db);
    reopen();
    db = safe_connect(&s);
    assert_int_equal(rows(db), 20);
    assert_true(safe_is_sound(db));
    safe_disconnect(db);
}

static void the_look_tells_what_lies_there(void **state) {
    rove__vfs_content content = ROVE_VFS_OTHER;
    sqlite3 *plain = NULL;

    (void)state;
    assert_int_equal(rove__vfs_look(NULL, &s.allocator, s.path, &content), SQLITE_OK);
    assert_int_equal(content, ROVE_VFS_NOTHING);
    safe_write(s.path, "", 0);
    assert_int_equal(rove__vfs_look(NULL, &s.allocator, s.path, &content), SQLITE_OK);
    assert_int_equal(content, ROVE_VFS_NOTHING);
    sqlite3 *db = safe_connect(&s);
    write_rows(db, 1);
    safe_disconnect(db);
    assert_int_equal(rove__vfs_look(NULL, &s.allocator, s.path, &content), SQLITE_OK);
    assert_int_equal(content, ROVE_VFS_OTHER);
    (void)unlink(s.path);
    assert_int_equal(sqlite3_open(s.path, &plain), SQLITE_OK);
    safe_ok(plain, "CREATE TABLE a(b)");
    sqlite3_close(plain);
    assert_int_equal(rove__vfs_look(NULL, &s.allocator, s.path, &content), SQLITE_OK);
    assert_int_equal(content, ROVE_VFS_PLAIN);
    assert_int_equal(rove__vfs_look("no such", &s.allocator, s.path, &content), SQLITE_NOTFOUND);
}

/* With what is in the files now a device starts, as after a kill; the connection is closed. */
static sqlite3 *start_again(sqlite3 *db) {
    safe_bytes file = safe_read(s.path);
    safe_bytes log = safe_read(s.log);

    safe_disconnect(db);
    safe_put(s.path, &file);
    safe_put(s.log, &log);
    free(file.data);
    free(log.data);
    reopen();
    return safe_connect(&s);
}

/* A transaction that outgrows its cache writes pages twice, and has their checksums rewritten when it commits. */
static void a_transaction_may_outgrow_the_cache(void **state) {
    (void)state;
    sqlite3 *db = safe_connect(&s);
    safe_ok(db, "PRAGMA cache_size = 10; PRAGMA cache_spill = 5; PRAGMA wal_autocheckpoint = 0");
    write_rows(db, 60);
    safe_ok(db, "BEGIN");
    for (int i = 0; i < 5; i++) {
        safe_ok(db, "SAVEPOINT a");
        safe_ok(db, "UPDATE " TABLE_CANARY " SET body = printf('%.2900c', 'x') || name");
        safe_ok(db, "UPDATE " TABLE_CANARY " SET body = printf('%.2900c', 'x') || id");
        safe_ok(db, i % 2 == 0 ? "RELEASE a" : "ROLLBACK TO a");
    }
    safe_ok(db, "UPDATE " TABLE_CANARY " SET body = printf('%.10c', 'x') || id WHERE id % 3 = 0");
    safe_ok(db, "COMMIT");
    assert_int_equal(expect_nothing_readable(), 2);
    assert_true(safe_is_sound(db));
    db = start_again(db); /* the log has all of it */
    assert_int_equal(rows(db), 60);
    assert_int_equal(safe_int(db, "SELECT sum(length(body) < 20) FROM " TABLE_CANARY), 20);
    assert_true(safe_is_sound(db));
    safe_disconnect(db);
}

/*
 * Rows are added, and some are changed; then that is rolled back to a savepoint, so many rows are changed and it is committed. What
 * was told to be committed is found again; where SQLite has the fault of before 3.50.2, it is not told so.
 */
static void roll_back_and_commit(int added, int changed, int changes) {
    static const char count[] = "SELECT sum(length(CAST(body AS BLOB)) = 3900) FROM " TABLE_CANARY;
    char sql[160];
    sqlite3 *db = safe_connect(&s);

    safe_ok(db, "PRAGMA auto_vacuum = FULL; VACUUM");
    safe_ok(db, "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; PRAGMA wal_autocheckpoint = 0;"
                "DROP TABLE IF EXISTS " TABLE_CANARY);
    write_rows(db, 3);
    safe_ok(db, "SAVEPOINT a");
    for (int i = 0; i < added; i++) {
        safe_ok(db, "INSERT INTO " TABLE_CANARY "(name, body) VALUES('gone', randomblob(4096))");
    }
    if (changed) {
        safe_ok(db, "UPDATE " TABLE_CANARY " SET body = randomblob(4100)");
    }
    safe_ok(db, "ROLLBACK TO a");
    snprintf(sql, sizeof sql, "UPDATE " TABLE_CANARY " SET body = randomblob(3900) WHERE id <= %d",
             changes);
    safe_ok(db, sql);
    int code = safe_sql(db, "RELEASE a");
    assert_true(code == SQLITE_OK || code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_FSYNC);
    (void)safe_sql(db, "ROLLBACK");
    write_rows(db, 1); /* and it goes on */
    int64_t now = safe_int(db, count);
    assert_int_equal(now, code == SQLITE_OK ? changes : 0);
    db = start_again(db);
    assert_int_equal(rows(db), 4);
    assert_int_equal(safe_int(db, count), now);
    assert_true(safe_is_sound(db));
    safe_disconnect(db);
}

static void a_savepoint_may_be_rolled_back_after_that(void **state) {
    (void)state;
    for (int added = 1; added < 12; added++) {
        roll_back_and_commit(added, 1, added % 4);
        roll_back_and_commit(added, 0, 0);
    }
}

static void the_file_is_tidied_as_any_other(void **state) {
    static const char *const sweeps[] = {
        "PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(FULL)",
        "PRAGMA wal_checkpoint(RESTART)", "PRAGMA wal_checkpoint(TRUNCATE)"};

    (void)state;
    sqlite3 *db = safe_connect(&s);
    safe_ok(db, "PRAGMA journal_size_limit = 20000");
    for (size_t i = 0; i < sizeof sweeps / sizeof *sweeps; i++) {
        write_rows(db, 20);
        safe_ok(db, "CREATE INDEX IF NOT EXISTS by_name ON " TABLE_CANARY "(name)");
        safe_ok(db, "DELETE FROM " TABLE_CANARY " WHERE id % 2 = 0");
        safe_ok(db, "VACUUM");
        safe_ok(db, "REINDEX");
        safe_ok(db, sweeps[i]);
        assert_true(safe_is_sound(db));
        (void)expect_nothing_readable();
    }
    safe_bytes log = safe_read(s.log);
    assert_int_equal(log.size, 0); /* truncated */
    free(log.data);
    safe_ok(db, "PRAGMA temp_store = MEMORY; CREATE TEMP TABLE t AS SELECT * FROM " TABLE_CANARY);
    safe_ok(db, "SELECT * FROM " TABLE_CANARY " a, " TABLE_CANARY " b ORDER BY a.body, b.name");
    safe_disconnect(db);
    assert_int_equal(expect_nothing_readable(), 1);
}

/* SQLite's backup from one sealed database into another: so the data key is exchanged. */
static void it_is_copied_under_another_key(void **state) {
    static safe copy;

    (void)state;
    safe_make(&copy, "vault_copy", SAFE_OPENSSL);
    safe_open(&copy);
    sqlite3 *db = safe_connect(&s);
    write_rows(db, 50);
    safe_ok(db,
            "DELETE FROM " TABLE_CANARY " WHERE id > 20"); /* pages that are free are copied, too */
    sqlite3 *to = safe_connect(&copy);
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", db, "main");
    assert_non_null(backup);
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
    safe_disconnect(to);
    safe_disconnect(db);
    safe_bytes bytes = safe_read(copy.path);
    assert_false(safe_holds(&bytes, CANARY));
    free(bytes.data);
    safe_close(&copy);
    safe_open(&copy);
    to = safe_connect(&copy);
    assert_int_equal(rows(to), 20);
    assert_true(safe_is_sound(to));
    safe_disconnect(to);
    safe_close(&copy);
    safe_end(&copy);
}

static void one_connection_may_have_it_alone(void **state) {
    (void)state;
    sqlite3 *db = safe_bare(&s);
    safe_ok(db, "PRAGMA locking_mode = EXCLUSIVE");
    safe_ok(db, safe_settings);
    write_rows(db, 10);
    safe_bytes file = safe_read(s.path);
    safe_bytes log = safe_read(s.log);
    safe_disconnect(db);
    safe_put(s.path, &file);
    log.size -= 100; /* the last frame is torn */
    safe_put(s.log, &log);
    db = safe_bare(&s);
    safe_ok(db, "PRAGMA locking_mode = EXCLUSIVE");
    assert_int_equal(rows(db), 9);
    assert_true(safe_is_sound(db));
    safe_disconnect(db);
    free(file.data);
    free(log.data);
}

static void a_reader_sees_what_was_when_it_began(void **state) {
    (void)state;
    sqlite3 *db = safe_connect(&s);
    write_rows(db, 3);
    sqlite3 *reader = safe_connect(&s);
    safe_ok(reader, "BEGIN");
    assert_int_equal(rows(reader), 3);
    write_rows(db, 2);
    assert_int_equal(rows(db), 5);
    assert_int_equal(rows(reader), 3);
    assert_int_equal(safe_sql(reader, "INSERT INTO " TABLE_CANARY "(name) VALUES('late')"),
                     SQLITE_BUSY_SNAPSHOT);
    safe_ok(reader, "ROLLBACK");
    assert_int_equal(rows(reader), 5);
    safe_ok(db, "BEGIN IMMEDIATE");
    assert_int_equal(safe_sql(reader, "BEGIN IMMEDIATE"), SQLITE_BUSY);
    safe_ok(db, "COMMIT");
    safe_ok(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_int_equal(rows(reader), 5);
    safe_disconnect(reader);
    safe_disconnect(db);
}

/* ---- nothing is readable -------------------------------------------------------------------------------- */

static void nothing_is_readable_at_any_time(void **state) {
    (void)state;
    sqlite3 *db = safe_connect(&s);
    assert_int_equal(expect_nothing_readable(), 1); /* it has a page, and no log yet */
    write_rows(db, 30);
    assert_int_equal(expect_nothing_readable(), 2);
    safe_ok(db, "BEGIN; UPDATE " TABLE_CANARY " SET name = name || '!'");
    (void)expect_nothing_readable();
    safe_ok(db, "COMMIT; PRAGMA wal_checkpoint(PASSIVE)");
    assert_int_equal(expect_nothing_readable(), 2);
    safe_disconnect(db);
    assert_int_equal(expect_nothing_readable(), 1);
}

/* ---- what is refused ------------------------------------------------------------------------------------ */

static void other_files_are_refused(void **state) {
    char sql[SAFE_PATH_MAX + 64];
    char other[SAFE_PATH_MAX + 32];

    (void)state;
    sqlite3 *db = safe_connect(&s);
    write_rows(db, 200);
    snprintf(other, sizeof other, "%s/other.db", s.folder);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS other", other);
    assert_int_equal(safe_sql(db, sql) & 0xff, SQLITE_CANTOPEN);
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", other);
    assert_int_equal(safe_sql(db, sql) & 0xff, SQLITE_CANTOPEN);
    assert_int_equal(access(other, F_OK), -1);
    /* Temporary ones, if somebody did not ask for memory. */
    safe_ok(db, "PRAGMA temp_store = FILE; PRAGMA temp.cache_size = 5");
    assert_int_equal(safe_sql(db, "CREATE TEMP TABLE t AS SELECT * FROM " TABLE_CANARY) & 0xff,
                     SQLITE_CANTOPEN);
    assert_int_equal(rows(db), 200);
    assert_int_equal(expect_nothing_readable(), 2);
    safe_disconnect(db);
}

static void a_rollback_journal_is_refused(void **state) {
    (void)state;
    sqlite3 *db = safe_bare(&s);
    safe_ok(db, "PRAGMA page_size = 4096");             /* and no log */
    safe_ok(db, "CREATE TABLE " TABLE_CANARY "(name)"); /* there were no pages to keep */
    assert_int_equal(safe_sql(db, "INSERT INTO " TABLE_CANARY " VALUES('" CANARY "')") & 0xff,
                     SQLITE_IOERR);
    (void)expect_nothing_readable();
    safe_disconnect(db);
    db = safe_bare(&s); /* nor can a log come later: that changes a page */
    assert_int_equal(safe_sql(db, "PRAGMA journal_mode = WAL") & 0xff, SQLITE_IOERR);
    (void)expect_nothing_readable();
    safe_disconnect(db);
}

static void leaving_the_log_is_refused(void **state) {
    (void)state;
    sqlite3 *db = safe_connect(&s);
    write_rows(db, 5);
    assert_int_not_equal(safe_sql(db, "PRAGMA journal_mode = DELETE"), SQLITE_OK);
    (void)expect_nothing_readable();
    safe_disconnect(db);
    db = safe_connect(&s);
    assert_int_equal(rows(db), 5);
    assert_true(safe_is_sound(db));
    safe_disconnect(db);
}

static void other_pages_are_refused(void **state) {
    static const char *const sizes[] = {"PRAGMA page_size = 512", "PRAGMA page_size = 8192"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        sqlite3 *db = safe_bare(&s);
        safe_ok(db, sizes[i]);
        assert_int_equal(safe_sql(db, "CREATE TABLE " TABLE_CANARY "(name)") & 0xff, SQLITE_IOERR);
        (void)expect_nothing_readable();
        safe_disconnect(db);
    }
    /* Without room for the seal. */
    sqlite3 *db = NULL;
    assert_int_equal(
        sqlite3_open_v2(s.path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, s.vfs.name),
        SQLITE_OK);
    safe_ok(db, "PRAGMA page_size = 4096");
    int code = safe_sql(db, "CREATE TABLE " TABLE_CANARY "(name)");
    for (int i = 0; i < 200 && code == SQLITE_OK; i++) { /* until a page is full to its end */
        code = safe_sql(db, "INSERT INTO " TABLE_CANARY " VALUES(printf('%.500c', 'x') || '" CANARY
                            "')");
    }
    assert_int_equal(code & 0xff, SQLITE_IOERR);
    (void)expect_nothing_readable();
    sqlite3_close(db);
}

/* ---- locked --------------------------------------------------------------------------------------------- */

static void a_locked_vault_neither_reads_nor_writes(void **state) {
    (void)state;
    sqlite3 *db = safe_connect(&s);
    sqlite3 *reader = safe_connect(&s);
    write_rows(db, 30);
    assert_int_equal(rows(reader), 30);
    safe_ok(db, "BEGIN; INSERT INTO " TABLE_CANARY "(name) VALUES('" CANARY " unsaved')");
    rove__vault_lock(&s.vault);
    assert_int_equal(safe_sql(db, "COMMIT"), SQLITE_IOERR_AUTH);
    (void)sqlite3_db_release_memory(reader);
    assert_int_equal(rows(reader), -SQLITE_IOERR_AUTH);
    sqlite3 *late = NULL;
    assert_int_equal(sqlite3_open_v2(s.path, &late, SQLITE_OPEN_READWRITE, s.vfs.name), SQLITE_OK);
    assert_int_equal(rows(late), -SQLITE_IOERR_AUTH);
    (void)sqlite3_close(late);
    safe_disconnect(reader);
    (void)sqlite3_close(db);
    (void)expect_nothing_readable();
    reopen(); /* what was committed is there */
    db = safe_connect(&s);
    assert_int_equal(rows(db), 30);
    assert_true(safe_is_sound(db));
    safe_disconnect(db);
}

/* Connections that were opened before, and while it was locked, go on when it is not. */
static void an_unlocked_vault_goes_on(void **state) {
    sqlite3 *late = NULL;

    (void)state;
    sqlite3 *db = safe_connect(&s);
    write_rows(db, 30);
    rove__vault_lock(&s.vault);
    (void)sqlite3_db_release_memory(db);
    assert_int_equal(rows(db), -SQLITE_IOERR_AUTH);
    assert_int_equal(sqlite3_open_v2(s.path, &late, SQLITE_OPEN_READWRITE, s.vfs.name), SQLITE_OK);
    (void)sqlite3_extended_result_codes(late, 1);
    assert_int_equal(rows(late), -SQLITE_IOERR_AUTH);
    assert_int_equal(rove__vault_unlock(&s.vault, &s.key), ROVE_OK);
    assert_int_equal(rows(late), 30);
    write_rows(late, 10);
    assert_int_equal(rows(db), 40);
    write_rows(db, 10);
    assert_int_equal(rows(late), 50);
    assert_true(safe_is_sound(late));
    safe_disconnect(late);
    safe_disconnect(db);
    assert_int_equal(expect_nothing_readable(), 1);
}

int main(void) {
    static safe_backend backends[] = {SAFE_OPENSSL, SAFE_MBEDTLS};
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(what_was_written_is_read_again, start, end,
                                                 &backends[0]),
        cmocka_unit_test_prestate_setup_teardown(what_was_written_is_read_again, start, end,
                                                 &backends[1]),
        TEST(the_look_tells_what_lies_there),
        TEST(a_transaction_may_outgrow_the_cache),
        TEST(a_savepoint_may_be_rolled_back_after_that),
        TEST(the_file_is_tidied_as_any_other),
        TEST(it_is_copied_under_another_key),
        TEST(one_connection_may_have_it_alone),
        TEST(a_reader_sees_what_was_when_it_began),
        TEST(nothing_is_readable_at_any_time),
        TEST(other_files_are_refused),
        TEST(a_rollback_journal_is_refused),
        TEST(leaving_the_log_is_refused),
        TEST(other_pages_are_refused),
        TEST(a_locked_vault_neither_reads_nor_writes),
        TEST(an_unlocked_vault_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
