/*
 * test_vault_damage.c - what the sealing VFS says of files that somebody or something has changed: pages and frames with a
 * flipped byte, in another's place, of another file; files of another kind. vault/vfs.h has the promises.
 */
#include "safe.h"

#define PAGE      4096
#define PAGE_SEAL 4064 /* nonce 12, tag 16, epoch 4 */
#define LOG_HEAD  64
#define FRAME     4184
#define COMMITS   6

static safe s, other;
static safe_bytes file, log_file; /* of `s`, as a killed process left it */
static int frames[COMMITS + 1];   /* in the log when so many rows had been added to the first */

static int count_frames(void *ctx, sqlite3 *db, const char *name, int pages) {
    (void)db;
    (void)name;
    *(int *)ctx = pages;
    return SQLITE_OK;
}

/* One row in the file, COMMITS in the log. */
static void make_files(safe *of, safe_bytes *db_bytes, safe_bytes *log_bytes) {
    int pages = 0;
    sqlite3 *db = safe_connect(of);

    safe_ok(db, "PRAGMA wal_autocheckpoint = 0");
    safe_ok(db, "CREATE TABLE note(id INTEGER PRIMARY KEY, text)");
    safe_ok(db, "INSERT INTO note(text) VALUES(printf('%.9000c', 'a'))");
    safe_ok(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    (void)sqlite3_wal_hook(db, count_frames, &pages);
    for (int i = 1; i <= COMMITS; i++) {
        safe_ok(db, "INSERT INTO note(text) VALUES(printf('%.9000c', 'b'))");
        frames[i] = pages;
    }
    *db_bytes = safe_read(of->path);
    *log_bytes = safe_read(of->log);
    safe_disconnect(db);
    assert_int_equal(log_bytes->size, LOG_HEAD + frames[COMMITS] * FRAME);
}

static int start(void **state) {
    (void)state;
    safe_make(&s, "damage", SAFE_OPENSSL);
    safe_open(&s);
    make_files(&s, &file, &log_file);
    return 0;
}

static int end(void **state) {
    (void)state;
    safe_close(&s);
    safe_end(&s);
    free(file.data);
    free(log_file.data);
    return 0;
}

static void put_back(void) {
    safe_put(s.path, &file);
    safe_put(s.log, &log_file);
    (void)unlink("damage/sealed.db-journal");
}

/* How many rows a device finds that starts with these files, or minus SQLite's code. */
static int64_t found(void) {
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(s.path, &db, SQLITE_OPEN_READWRITE, s.vfs.name), SQLITE_OK);
    (void)sqlite3_extended_result_codes(db, 1);
    int64_t count = safe_int(db, "SELECT count(*) FROM note WHERE length(text) = 9000");
    if (count >= 0) {
        assert_true(safe_is_sound(db));
    }
    (void)sqlite3_close(db);
    return count;
}

/* Whose commits are before that frame. */
static int64_t rows_before(int frame) {
    int64_t rows = 1;

    for (int i = 1; i <= COMMITS && frames[i] <= frame; i++) {
        rows++;
    }
    return rows;
}

/* ---- single bytes --------------------------------------------------------------------------------------- */

static void a_flipped_byte_of_a_page_is_an_error(void **state) {
    static const long places[] = {0,
                                  20,
                                  99,
                                  100,
                                  2000,
                                  4063,
                                  PAGE_SEAL,
                                  PAGE_SEAL + 12,
                                  PAGE_SEAL + 27,
                                  PAGE_SEAL + 28,
                                  PAGE_SEAL + 31};

    (void)state;
    log_file.size = 0;
    put_back();
    assert_int_equal(found(), 1);
    for (long page = 0; page < (long)(file.size / PAGE); page++) {
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            put_back();
            safe_flip(s.path, page * PAGE + places[i]);
            assert_int_equal(found(), -SQLITE_IOERR_DATA); /* of page 1 too: no wrong key */
        }
    }
    put_back();
    assert_int_equal(found(), 1);
}

/* The log has the pages, so the file's do not count until they are read. */
static void a_page_that_the_log_has_may_be_torn(void **state) {
    (void)state;
    put_back();
    assert_int_equal(found(), COMMITS + 1);
    put_back();
    safe_flip(s.path, 50);
    assert_int_equal(found(), COMMITS + 1);
    for (long at = 0; at < PAGE; at += 512) {
        put_back();
        safe_flip(s.path, at);
        assert_int_equal(found(), COMMITS + 1);
    }
}

static void a_flipped_byte_of_a_frame_is_the_end_of_the_log(void **state) {
    /* Its header, nonce, tag, epoch; its page, nonce, tag, epoch. */
    static const long places[] = {0,  3,    8,    23,   24,   36,   51,   52,  55,
                                  56, 1000, 4151, 4152, 4164, 4179, 4180, 4183};

    (void)state;
    for (int frame = 0; frame < frames[COMMITS]; frame++) {
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            put_back();
            safe_flip(s.log, LOG_HEAD + (long)frame * FRAME + places[i]);
            assert_int_equal(found(), rows_before(frame));
        }
    }
}

static void a_flipped_byte_of_the_logs_header_is_an_empty_log(void **state) {
    (void)state;
    for (long at = 0; at < LOG_HEAD; at++) {
        put_back();
        safe_flip(s.log, at);
        assert_int_equal(found(), 1);
    }
}

/* ---- ends ----------------------------------------------------------------------------------------------- */

static void a_log_may_end_anywhere(void **state) {
    size_t size = log_file.size;

    (void)state;
    for (size_t i = 0; i <= size; i += i % FRAME < 200 ? 7 : 397) {
        log_file.size = i;
        put_back();
        int whole = i < LOG_HEAD ? 0 : (int)((i - LOG_HEAD) / FRAME);
        assert_int_equal(found(), rows_before(whole));
    }
    log_file.size = size;
}

/* Where SQLite would take zeros for the rest of a page. */
static void a_database_that_ends_within_a_page_is_an_error(void **state) {
    size_t size = file.size;

    (void)state;
    log_file.size = 0;
    for (size_t i = 100; i < size; i += 331) {
        file.size = i;
        put_back();
        int64_t rows = found();
        if (rows != -SQLITE_IOERR_DATA && rows != -SQLITE_CORRUPT) {
            fail_msg("%zu bytes: %lld", i, (long long)rows);
        }
    }
    file.size = size;
}

/* ---- in another's place --------------------------------------------------------------------------------- */

static void swap(safe_bytes *bytes, size_t a, size_t b, size_t size) {
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = bytes->data[a + i];
        bytes->data[a + i] = bytes->data[b + i];
        bytes->data[b + i] = byte;
    }
}

static void pages_that_changed_places_are_an_error(void **state) {
    (void)state;
    log_file.size = 0;
    swap(&file, PAGE, 2 * (size_t)PAGE, PAGE);
    put_back();
    assert_int_equal(found(), -SQLITE_IOERR_DATA);
}

static void frames_that_changed_places_are_the_end_of_the_log(void **state) {
    (void)state;
    for (size_t frame = 0; frame + 1 < (size_t)frames[COMMITS]; frame++) {
        size_t at = LOG_HEAD + frame * FRAME;
        for (size_t part = 0; part < 3; part++) { /* whole; its header; its page */
            size_t from = part == 2 ? 56 : 0;
            size_t size = part == 0 ? FRAME : part == 1 ? 56 : FRAME - 56;
            swap(&log_file, at + from, at + FRAME + from, size);
            put_back();
            assert_int_equal(found(), rows_before((int)frame));
            swap(&log_file, at + from, at + FRAME + from, size);
        }
    }
}

/* Another replica, under the same key even: its pages, its frames, its log. */
static void what_is_of_another_file_is_foreign(void **state) {
    safe_bytes others, others_log;

    (void)state;
    safe_make(&other, "damage_other", SAFE_OPENSSL);
    memcpy(other.key.key, s.key.key, sizeof s.key.key);
    safe_open(&other);
    make_files(&other, &others, &others_log);
    assert_int_equal(others.size, file.size);
    assert_int_equal(others_log.size, log_file.size);

    put_back();
    safe_put(s.log, &others_log);
    assert_int_equal(found(), 1); /* a log that was left beside a new database */
    for (int frame = 0; frame < frames[COMMITS]; frame += 2) {
        safe_bytes mixed = {malloc(log_file.size), log_file.size};
        size_t at = LOG_HEAD + (size_t)frame * FRAME;
        assert_non_null(mixed.data);
        memcpy(mixed.data, log_file.data, mixed.size);
        memcpy(mixed.data + at, others_log.data + at, FRAME);
        put_back();
        safe_put(s.log, &mixed);
        assert_int_equal(found(), rows_before(frame));
        free(mixed.data);
    }
    log_file.size = 0;
    for (size_t at = 0; at < file.size; at += PAGE) {
        safe_bytes mixed = {malloc(file.size), file.size};
        assert_non_null(mixed.data);
        memcpy(mixed.data, file.data, mixed.size);
        memcpy(mixed.data + at, others.data + at, PAGE);
        put_back();
        safe_put(s.path, &mixed);
        assert_int_equal(found(), -SQLITE_IOERR_DATA);
        free(mixed.data);
    }
    free(others.data);
    free(others_log.data);
    safe_close(&other);
    safe_end(&other);
}

/* Not protected, and docs/security.md says so: the digest of the next sync finds it. */
static void an_older_version_of_a_page_is_as_good(void **state) {
    (void)state;
    log_file.size = 0;
    put_back();
    sqlite3 *db = safe_connect(&s);
    safe_ok(db, "UPDATE note SET text = printf('%.9000c', 'z')");
    safe_disconnect(db);
    safe_bytes now = safe_read(s.path);
    assert_int_equal(now.size, file.size);
    size_t older = 0;
    for (size_t at = PAGE; at < now.size; at += PAGE) {
        if (memcmp(now.data + at, file.data + at, PAGE) != 0) {
            memcpy(now.data + at, file.data + at, PAGE);
            older++;
        }
    }
    assert_true(older > 0);
    safe_put(s.path, &now);
    assert_int_equal(found(), 1);
    db = safe_connect(&s);
    assert_int_equal(safe_int(db, "SELECT text LIKE 'a%' FROM note"), 1);
    safe_disconnect(db);
    free(now.data);
}

/* While it is open, too: the index says that the frame was whole. */
static void a_page_of_an_open_log_is_an_error(void **state) {
    (void)state;
    put_back();
    sqlite3 *db = safe_connect(&s);
    assert_int_equal(safe_int(db, "SELECT count(*) FROM note"), COMMITS + 1);
    safe_ok(db, "PRAGMA wal_autocheckpoint = 0");
    safe_ok(db, "INSERT INTO note(text) VALUES(printf('%.9000c', 'c'))");
    safe_bytes log_now = safe_read(s.log);
    (void)sqlite3_db_release_memory(db);
    for (long at = LOG_HEAD; at < (long)log_now.size; at += FRAME) {
        safe_flip(s.log, at + 100);
    }
    assert_int_equal(safe_int(db, "SELECT sum(length(text)) FROM note"), -SQLITE_IOERR_DATA);
    assert_int_equal(safe_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_IOERR_DATA);
    for (long at = LOG_HEAD; at < (long)log_now.size; at += FRAME) {
        safe_flip(s.log, at + 100);
    }
    assert_int_equal(safe_int(db, "SELECT count(*) FROM note"), COMMITS + 2);
    assert_true(safe_is_sound(db));
    free(log_now.data);
    safe_disconnect(db);
}

/* A commit that reads its own frames to write their checksums anew does not take zeros for them. */
static void a_commit_does_not_take_damage_for_its_own(void **state) {
    (void)state;
    log_file.size = 0;
    put_back();
    sqlite3 *db = safe_connect(&s);
    safe_ok(db, "PRAGMA cache_size = 5; PRAGMA cache_spill = 5; PRAGMA wal_autocheckpoint = 0");
    safe_ok(db, "BEGIN");
    for (int i = 0; i < 20; i++) {
        safe_ok(db, "INSERT INTO note(text) VALUES(printf('%.9000c', 'd'))");
    }
    safe_ok(db,
            "UPDATE note SET text = printf('%.9000c', 'e')"); /* pages again that were spilled */
    safe_bytes log_now = safe_read(s.log);
    long written = ((long)log_now.size - LOG_HEAD) / FRAME;
    assert_true(written > 20);
    safe_flip(s.log, LOG_HEAD + (written / 2) * FRAME + 100);
    int code = safe_sql(db, "COMMIT");
    assert_int_equal(code, SQLITE_IOERR_DATA);
    (void)sqlite3_close(db);
    free(log_now.data);
    assert_int_equal(found(), 1);
}

/* ---- other files ---------------------------------------------------------------------------------------- */

static void a_plain_database_is_an_error_and_left_alone(void **state) {
    sqlite3 *plain = NULL;

    (void)state;
    log_file.size = file.size = 0;
    put_back();
    assert_int_equal(sqlite3_open(s.path, &plain), SQLITE_OK);
    safe_ok(plain, "CREATE TABLE note(id INTEGER PRIMARY KEY, text);"
                   "INSERT INTO note(text) VALUES(printf('%.9000c', 'p'))");
    sqlite3_close(plain);
    safe_bytes before = safe_read(s.path);
    assert_int_equal(found(), -SQLITE_IOERR_DATA);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(s.path, &db, SQLITE_OPEN_READWRITE, s.vfs.name), SQLITE_OK);
    assert_int_equal(safe_sql(db, "DELETE FROM note") & 0xff, SQLITE_IOERR);
    assert_int_equal(safe_sql(db, safe_settings) & 0xff, SQLITE_IOERR);
    (void)sqlite3_close(db);
    safe_bytes after = safe_read(s.path);
    assert_int_equal(after.size, before.size);
    assert_memory_equal(after.data, before.data, after.size);
    free(before.data);
    free(after.data);
}

static void a_sealed_database_is_no_database_to_others(void **state) {
    sqlite3 *plain = NULL;

    (void)state;
    put_back();
    assert_int_equal(sqlite3_open(s.path, &plain), SQLITE_OK);
    assert_int_equal(safe_int(plain, "SELECT count(*) FROM note"), -SQLITE_NOTADB);
    assert_int_equal(safe_sql(plain, "CREATE TABLE a(b)"), SQLITE_NOTADB);
    sqlite3_close(plain);
    assert_int_equal(found(), COMMITS + 1); /* nor did it take the log for its own, and remove it */
}

static void another_key_opens_nothing(void **state) {
    (void)state;
    put_back();
    s.key.key[7] ^= 1;
    safe_close(&s);
    safe_open(&s);
    assert_int_equal(found(), -SQLITE_IOERR_DATA);
    safe_bytes after = safe_read(s.path);
    assert_memory_equal(after.data, file.data, after.size);
    free(after.data);
}

static void put32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

/* A rollback journal with a page that somebody made: https://sqlite.org/fileformat2.html#the_rollback_journal */
static void a_journal_puts_nothing_into_the_database(void **state) {
    static const uint8_t magic[] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    static uint8_t journal[512 + 4 + PAGE + 4];
    uint32_t sum = 99;

    (void)state;
    log_file.size = 0;
    for (uint32_t page = 2; page <= file.size / PAGE; page++) {
        memset(journal, 0, sizeof journal);
        memcpy(journal, magic, sizeof magic);
        put32(journal + 8, 1);
        put32(journal + 12, sum);
        put32(journal + 16, (uint32_t)(file.size / PAGE));
        put32(journal + 20, 512);
        put32(journal + 24, PAGE);
        put32(journal + 512, page);
        memset(journal + 516, 'X', PAGE_SEAL);
        uint32_t check = sum;
        for (int i = PAGE - 200; i > 0; i -= 200) {
            check += journal[516 + i];
        }
        put32(journal + 516 + PAGE, check);
        put_back();
        safe_write("damage/sealed.db-journal", journal, sizeof journal);
        assert_int_equal(found(), 1);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(a_flipped_byte_of_a_page_is_an_error),
        TEST(a_page_that_the_log_has_may_be_torn),
        TEST(a_flipped_byte_of_a_frame_is_the_end_of_the_log),
        TEST(a_flipped_byte_of_the_logs_header_is_an_empty_log),
        TEST(a_log_may_end_anywhere),
        TEST(a_database_that_ends_within_a_page_is_an_error),
        TEST(pages_that_changed_places_are_an_error),
        TEST(frames_that_changed_places_are_the_end_of_the_log),
        TEST(what_is_of_another_file_is_foreign),
        TEST(an_older_version_of_a_page_is_as_good),
        TEST(a_page_of_an_open_log_is_an_error),
        TEST(a_commit_does_not_take_damage_for_its_own),
        TEST(a_plain_database_is_an_error_and_left_alone),
        TEST(a_sealed_database_is_no_database_to_others),
        TEST(another_key_opens_nothing),
        TEST(a_journal_puts_nothing_into_the_database),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
