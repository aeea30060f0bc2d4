/*
 * rove_inspect: what it says of a replica without opening it, in a folder whose name an URI would take for something else,
 * for callers of an older version, and where memory is short.
 */
#include "keyring.h"
#include "replica.h"
#include "rove/inspect.h"

#include <sys/stat.h>

#define FOLDER "in%spe?ct#1"

typedef struct bench {
    replica r;
    rove_ports ports;
} bench;

static int setup(void **state) {
    bench *b = test_calloc(1, sizeof *b);
    replica_start(&b->r, FOLDER);
    b->ports = (rove_ports){.allocator = b->r.allocator,
                            .clock = b->r.clock,
                            .random = b->r.random,
                            .files = b->r.files,
                            .crypto = b->r.crypto};
    *state = b;
    return 0;
}

static int teardown(void **state) {
    bench *b = *state;
    replica_end(&b->r);
    test_free(b);
    return 0;
}

static rove_inspection inspect(bench *b, unsigned how) {
    rove_inspection found = {.size = sizeof found};
    assert_int_equal(rove_inspect(&b->ports, FOLDER, how, &found), ROVE_OK);
    return found;
}

static void expect_well(const rove_inspection *found) {
    assert_int_equal(found->database, ROVE_OK);
    assert_string_equal(found->message, "");
    assert_string_equal(found->journal_mode, "wal");
    assert_int_equal(found->page_size, 4096);
    assert_int_equal(found->synchronous, 2);
    assert_int_equal(found->secure_delete, 1);
    assert_int_equal(found->replica, REPLICA_NUMBER);
    assert_int_equal(found->user, REPLICA_USER);
    assert_int_equal(found->identity, ROVE_NOT_FOUND);
    assert_int_equal(found->wall_ms, REPLICA_NOW_MS);
}

static void it_looks_at_an_open_replica_and_at_a_closed_one(void **state) {
    bench *b = *state;
    rove_inspection found = inspect(b, ROVE_INSPECT_IN_USE);
    expect_well(&found);
    assert_int_equal(found.looked_deep, 0);
    replica_close(&b->r);
    found = inspect(b, ROVE_INSPECT_DEEP);
    expect_well(&found);
    assert_int_equal(found.looked_deep, 1);
    assert_string_equal(found.damage, "");
    assert_int_equal(access(FOLDER "/replica.db-wal", F_OK), -1);
    assert_int_equal(access(FOLDER "/replica.db-shm", F_OK), -1);
}

/* A copy of a folder, as a killed process leaves it: with a log. */
static void copy(const char *from, const char *to) {
    static const char *const names[] = {"replica.db", "replica.db-log", "core.key"};
    static uint8_t bytes[4 * 1024 * 1024];
    char path[REPLICA_PATH_MAX];
    (void)mkdir(to, 0700);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", from, names[i]);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t size = fread(bytes, 1, sizeof bytes, file);
        assert_true(size > 0);
        (void)fclose(file);
        (void)snprintf(path, sizeof path, "%s/%s", to, names[i]);
        file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, size, file), size);
        (void)fclose(file);
    }
}

static void an_encrypted_one_is_looked_at_with_its_key_alone(void **state) {
    bench *b = *state;
    keyring k;
    rove_keyring ring = keyring_with(&k, 0x33);
    rove_inspection found = {.size = sizeof found};
    replica_end(&b->r);
    replica_prepare(&b->r, "in_safe");
    (void)unlink("in_safe/core.key");
    (void)unlink("in_safe/replica.db-log");
    b->r.ports.keyring = &ring;
    replica_open(&b->r);
    replica_enrol(&b->r);
    copy("in_safe", "in_copy");
    b->ports.keyring = ring;
    assert_int_equal(rove_inspect(&b->ports, "in_copy", ROVE_INSPECT_DEEP, &found), ROVE_OK);
    expect_well(&found);
    assert_int_equal(found.encrypted, 1);
    assert_int_equal(found.looked_deep, 1);
    assert_string_equal(found.damage, "");
    assert_int_equal(access("in_copy/replica.db-shm", F_OK), -1);
    assert_int_equal(access("in_copy/replica.db-wal", F_OK), -1);
    assert_int_equal(access("in_copy/lock", F_OK), -1);
    assert_int_equal(rove_inspect(&b->ports, "in_safe", ROVE_INSPECT_IN_USE, &found), ROVE_OK);
    assert_int_equal(found.database, ROVE_BUSY);
    k.secret[0] ^= 1;
    assert_int_equal(rove_inspect(&b->ports, "in_copy", 0, &found), ROVE_OK);
    assert_int_equal(found.database, ROVE_WRONG_KEY);
    k.status = ROVE_LOCKED;
    assert_int_equal(rove_inspect(&b->ports, "in_copy", 0, &found), ROVE_OK);
    assert_int_equal(found.database, ROVE_LOCKED);
    b->ports.keyring.secret = NULL;
    assert_int_equal(rove_inspect(&b->ports, "in_copy", 0, &found), ROVE_OK);
    assert_int_equal(found.database, ROVE_LOCKED);
    assert_int_equal(found.pending, 0);
    assert_int_equal(found.replica, 0);
}

static void it_knows_headquarters_time(void **state) {
    bench *b = *state;
    rove__anchor anchor = {.server_ms = REPLICA_NOW_MS + 1000, .at = b->r.now};
    assert_int_equal(sqlite3_exec(b->r.store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    replica_ok(&b->r, rove__meta_put_anchor(b->r.store, &anchor, &b->r.error));
    assert_int_equal(sqlite3_exec(b->r.store->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    replica_close(&b->r);
    b->r.now.wall_ms = 0;
    b->r.now.boot_ms += 500;
    rove_inspection found = inspect(b, 0);
    assert_int_equal(found.anchor_ms, REPLICA_NOW_MS + 1000);
    assert_int_equal(found.now_ms, REPLICA_NOW_MS + 1500);
    assert_int_equal(found.clock_trusted, 1);
    b->r.now.boot_id[0] ^= 1;
    found = inspect(b, 0);
    assert_int_equal(found.clock_trusted, 0);
}

static void an_older_caller_gets_what_he_knows(void **state) {
    bench *b = *state;
    rove_inspection found;
    replica_close(&b->r);
    memset(&found, 0x5a, sizeof found);
    found.size = offsetof(rove_inspection, journal_mode);
    assert_int_equal(rove_inspect(&b->ports, FOLDER, 0, &found), ROVE_OK);
    assert_int_equal(found.database, ROVE_OK);
    assert_int_equal(found.size, offsetof(rove_inspection, journal_mode));
    assert_int_equal(found.journal_mode[0], 0x5a);
}

static void what_the_description_excludes_is_invalid(void **state) {
    bench *b = *state;
    rove_inspection found = {.size = sizeof found};
    assert_int_equal(rove_inspect(NULL, FOLDER, 0, &found), ROVE_INVALID);
    assert_int_equal(rove_inspect(&b->ports, NULL, 0, &found), ROVE_INVALID);
    assert_int_equal(rove_inspect(&b->ports, "", 0, &found), ROVE_INVALID);
    assert_int_equal(rove_inspect(&b->ports, FOLDER, 0, NULL), ROVE_INVALID);
    found.size = 0;
    assert_int_equal(rove_inspect(&b->ports, FOLDER, 0, &found), ROVE_INVALID);
}

static void libraries_are_named_with_both_versions(void **state) {
    (void)state;
    rove_library libraries[ROVE_LIBRARIES_MAX];
    assert_int_equal(rove_libraries(libraries, ROVE_LIBRARIES_MAX), 3);
    assert_string_equal(libraries[0].name, "SQLite");
    assert_string_equal(libraries[0].running, sqlite3_libversion());
    assert_string_equal(libraries[0].built, SQLITE_VERSION);
    assert_int_equal(rove_libraries(libraries, 1), 1);
    assert_int_equal(rove_libraries(NULL, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_looks_at_an_open_replica_and_at_a_closed_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_encrypted_one_is_looked_at_with_its_key_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(it_knows_headquarters_time, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_caller_gets_what_he_knows, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_description_excludes_is_invalid, setup, teardown),
        cmocka_unit_test(libraries_are_named_with_both_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
