/*
 * test_vault_faults.c - every allocation (SQLite's and the vault's own), every call of the VFS below, every draw of random bytes
 * and every call of cryptography fails in turn, once and from then on, while a sealed database is recovered, read, written,
 * swept and vacuumed. Nothing crashes, nothing leaks, the code is one that says what happened, and what was committed is there
 * when the fault is over.
 */
#include "safe.h"

#include "faults.h"

#define LOGGED 4 /* rows that are in the log at first */

static safe s;
static rove_crypto real_crypto;
static rove_random real_random;
static faults faults_crypto, faults_random;
static rove_status crypto_says; /* what it fails with */
static safe_bytes file, log_file;

/* ---- ports that fail ------------------------------------------------------------------------------------ */

static rove_status seal(void *ctx, const uint8_t *key, const uint8_t *nonce, const void *aad,
                        size_t aad_size, const void *in, size_t size, void *out, uint8_t *tag) {
    return faults_hit(&faults_crypto)
               ? crypto_says
               : real_crypto.gcm_seal(ctx, key, nonce, aad, aad_size, in, size, out, tag);
}

static rove_status unseal(void *ctx, const uint8_t *key, const uint8_t *nonce, const void *aad,
                          size_t aad_size, const void *in, size_t size, const uint8_t *tag,
                          void *out) {
    return faults_hit(&faults_crypto)
               ? crypto_says
               : real_crypto.gcm_open(ctx, key, nonce, aad, aad_size, in, size, tag, out);
}

static rove_status derive(void *ctx, const void *secret, size_t secret_size, const void *salt,
                          size_t salt_size, const void *info, size_t info_size, void *out,
                          size_t out_size) {
    return faults_hit(&faults_crypto)
               ? crypto_says
               : real_crypto.hkdf_sha256(ctx, secret, secret_size, salt, salt_size, info, info_size,
                                         out, out_size);
}

static rove_status draw(void *ctx, void *bytes, size_t size) {
    return faults_hit(&faults_random) ? ROVE_IO : real_random.fill(ctx, bytes, size);
}

/* ---- what is done --------------------------------------------------------------------------------------- */

/* SQLite's codes, and 0 for what went well. */
static int step(sqlite3 *db, const char *sql) {
    int code = safe_sql(db, sql);
    return code == SQLITE_OK ? 0 : code;
}

/* 0, or a code. */
static int work(int64_t *committed) {
    sqlite3 *db = NULL;
    sqlite3 *reader = NULL;
    int code = sqlite3_open_v2(s.path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, s.vfs.name);

    if (code == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(db, 1);
        code = step(db, safe_settings);
    }
    for (int i = 0; i < 2 && code == 0; i++) {
        code = step(db, "INSERT INTO note(text) VALUES(printf('%.9000c', 'n'))");
        *committed += code == 0;
    }
    if (code == 0) {
        code = sqlite3_open_v2(s.path, &reader, SQLITE_OPEN_READONLY, s.vfs.name);
    }
    if (code == 0) {
        (void)sqlite3_extended_result_codes(reader, 1);
        int64_t count = safe_int(reader, "SELECT count(*) FROM note WHERE length(text) = 9000");
        assert_true(count < 0 || count == *committed);
        code = count < 0 ? (int)-count : 0;
    }
    code = code == 0 ? step(db, "PRAGMA wal_checkpoint(PASSIVE)") : code;
    code = code == 0 ? step(db, "VACUUM") : code;
    code = code == 0 ? step(db, "PRAGMA wal_checkpoint(TRUNCATE)") : code;
    (void)sqlite3_close(reader);
    (void)sqlite3_close(db);
    return code;
}

/* From a log that a killed process left, all of it. */
static int use(int64_t *committed) {
    rove_status status = rove__vault_open(&s.vault, &s.crypto, &s.random, &s.key);

    *committed = LOGGED;
    if (status != ROVE_OK) {
        assert_true(status == ROVE_NOMEM || status == ROVE_IO || status == ROVE_CRYPTO);
        return SQLITE_ERROR;
    }
    int code = rove__vfs_open(&s.vfs, &s.allocator, FAULTS_VFS, &s.vault, s.path);
    if (code == SQLITE_OK) {
        code = work(committed);
        rove__vfs_close(&s.vfs);
    }
    rove__vault_close(&s.vault);
    assert_int_equal(s.memory.alive, 0);
    return code;
}

static void disarm(void) {
    faults_arm(&faults_io, 0, 0, 0);
    faults_arm(&faults_memory, 0, 0, 0);
    faults_arm(&faults_crypto, 0, 0, 0);
    faults_arm(&faults_random, 0, 0, 0);
    s.memory.fail_at = 0;
}

/* What was told to be committed, or one more. */
static void expect_usable(int64_t committed) {
    safe_open(&s);
    sqlite3 *db = safe_connect(&s);
    int64_t count = safe_int(db, "SELECT count(*) FROM note WHERE length(text) = 9000");

    assert_true(count == committed || count == committed + 1);
    assert_true(safe_is_sound(db));
    safe_ok(db, "INSERT INTO note(text) VALUES('after')");
    safe_disconnect(db);
    safe_close(&s);
}

static void expect_sane(int code) {
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ERROR:
    case SQLITE_NOMEM:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_FULL:
        return;
    default:
        fail_msg("the code is %d", code);
    }
}

static void put_back(void) {
    safe_put(s.path, &file);
    safe_put(s.log, &log_file);
}

/* Calls of one kind; how many there are. */
static size_t try_calls(faults *f, int with) {
    size_t calls = 0;

    for (int persistent = 0; persistent < 2; persistent++) {
        int hit = 1;
        for (size_t fail_at = 1; hit; fail_at += 1 + fail_at / 50) {
            int64_t committed = 0;
            put_back();
            faults_arm(f, fail_at, persistent, with);
            f->room_only = with == SQLITE_FULL;
            int code = use(&committed);
            calls = f->calls;
            hit = f->calls >= fail_at;
            disarm();
            expect_sane(code);
            expect_usable(committed);
        }
    }
    return calls;
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

static void memory_of_sqlite(void **state) {
    (void)state;
    sqlite3_int64 before = sqlite3_memory_used();
    assert_true(try_calls(&faults_memory, 0) > 100);
    assert_int_equal(sqlite3_memory_used(), before);
}

static void memory_of_the_vault(void **state) {
    (void)state;
    for (size_t fail_at = 1;; fail_at++) {
        int64_t committed = 0;
        put_back();
        s.memory.calls = 0;
        s.memory.fail_at = fail_at;
        int code = use(&committed);
        int hit = s.memory.calls >= fail_at;
        disarm();
        expect_sane(code);
        expect_usable(committed);
        if (!hit) {
            assert_true(fail_at > 3);
            break;
        }
        assert_int_not_equal(code, 0);
    }
}

static void the_disk(void **state) {
    (void)state;
    assert_true(try_calls(&faults_io, SQLITE_IOERR_WRITE) > 50);
}

static void a_full_disk(void **state) {
    (void)state;
    assert_true(try_calls(&faults_io, SQLITE_FULL) > 20);
}

/* Not a wrong tag: it says nothing about the file, and the log does not end there. */
static void cryptography(void **state) {
    static const rove_status says[] = {ROVE_CRYPTO, ROVE_NOMEM};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        crypto_says = says[i];
        assert_true(try_calls(&faults_crypto, 0) > 50);
    }
}

static void random_bytes(void **state) {
    (void)state;
    assert_true(try_calls(&faults_random, 0) > 1);
}

/* Rows of which one is in the file and the others are in the log, as a killed process leaves them. */
static int start(void **state) {
    (void)state;
    safe_make(&s, "vault_faults", SAFE_OPENSSL);
    s.real = FAULTS_VFS;
    real_crypto = s.crypto;
    real_random = s.random;
    safe_open(&s);
    sqlite3 *db = safe_connect(&s);
    safe_ok(db, "CREATE TABLE note(id INTEGER PRIMARY KEY, text);"
                "INSERT INTO note(text) VALUES(printf('%.9000c', 'a'));"
                "PRAGMA wal_checkpoint(TRUNCATE)");
    for (int i = 1; i < LOGGED; i++) {
        safe_ok(db, "INSERT INTO note(text) VALUES(printf('%.9000c', 'b'))");
    }
    file = safe_read(s.path);
    log_file = safe_read(s.log);
    safe_disconnect(db);
    safe_close(&s);
    s.crypto.gcm_seal = seal;
    s.crypto.gcm_open = unseal;
    s.crypto.hkdf_sha256 = derive;
    s.random.fill = draw;
    return 0;
}

static int end(void **state) {
    (void)state;
    s.crypto = real_crypto;
    safe_end(&s);
    free(file.data);
    free(log_file.data);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_of_sqlite), cmocka_unit_test(memory_of_the_vault),
        cmocka_unit_test(the_disk),         cmocka_unit_test(a_full_disk),
        cmocka_unit_test(cryptography),     cmocka_unit_test(random_bytes),
    };

    if (faults_register_memory() != SQLITE_OK || sqlite3_initialize() != SQLITE_OK ||
        faults_register_vfs() != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, start, end);
}
