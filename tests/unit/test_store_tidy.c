/*
 * test_store_tidy.c - of records that left nothing stays in any byte of the replica's files, once it was tidied: whatever
 * fails, whoever reads meanwhile, and however often it is interrupted.
 */
#include "office.h"

#include "faults.h"

#define ACCOUNTS_MAX 160
#define ACCOUNTS_FEW 24

static replica r;
static office o;
static rove_id accounts[ACCOUNTS_MAX];
static size_t account_count;

/* ---- what lies in the files ------------------------------------------------------------------------------ */

static int file_has(const char *name, const char *text) {
    char path[REPLICA_PATH_MAX + 32];
    static uint8_t bytes[16 * 1024 * 1024];

    snprintf(path, sizeof path, "%s/%s", r.folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    assert_true(size < sizeof bytes);
    for (size_t i = 0; i + strlen(text) <= size; i++) {
        if (memcmp(bytes + i, text, strlen(text)) == 0) {
            return 1;
        }
    }
    return 0;
}

static int files_have(const char *text) {
    return file_has("replica.db", text) || file_has("replica.db-wal", text) ||
           file_has("replica.db-shm", text) || file_has("replica.db-log", text);
}

static int remains(void) {
    rove__store_state state;

    replica_ok(&r, rove__store_read_state(r.store, &state, &r.error));
    return state.remains;
}

/* ---- a replica half of which leaves ---------------------------------------------------------------------- */

static void add_note(rove_id about, const char *what, size_t n) {
    office_row *note = office_insert(&o, "Note", 0);
    char text[600];

    memset(text, 'x', sizeof text);
    int size = snprintf(text, sizeof text, "%s note %u ", what, (unsigned)n);
    text[size] = 'x';
    text[100 + (n * 37) % 480] = '\0';
    office_set_int(&o, note, "about_id", about);
    office_set_int(&o, note, "created_at", REPLICA_NOW_MS);
    office_set_text(&o, note, "text", text);
}

/* Every other account is LEFT, the others are KEPT. */
static void fill(size_t count) {
    account_count = count;
    for (size_t i = 0; i < account_count; i++) {
        char name[40];
        const char *what = i % 2 ? "LEFT" : "KEPT";
        snprintf(name, sizeof name, "%s account %u", what, (unsigned)i);
        accounts[i] = office_account(&o, name)->whole.row.id;
        add_note(accounts[i], what, i);
        add_note(accounts[i], what, 1000 + i);
    }
    office_pull(&o);
    /* Rows grow, so that pages are split and rows move. */
    for (size_t i = 0; i < account_count; i++) {
        office_row *row = office_find(&o, replica_entity(&r, "Account")->number, accounts[i]);
        char text[400];
        memset(text, 'y', sizeof text);
        text[sizeof text - 1] = '\0';
        memcpy(text, i % 2 ? "LEFT" : "KEPT", 4);
        office_set_text(&o, row, "description", text);
        if (i % 20 == 19) {
            office_pull(&o);
        }
    }
}

static void let_go(void) {
    for (size_t i = 1; i < account_count; i += 2) {
        office_hold(&o, accounts[i], 0);
    }
    office_pull(&o);
}

static int setup(void **state) {
    (void)state;
    replica_start(&r, "tidy");
    office_start(&o, &r);
    office_welcome(&o);
    fill(ACCOUNTS_MAX);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    office_end(&o);
    replica_end(&r);
    return 0;
}

static void expect_the_rest(void) {
    uint64_t rows = 0;

    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), (int64_t)account_count / 2);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM note"), (int64_t)account_count);
    assert_int_equal(
        replica_sql(&r, "SELECT count(*) FROM account WHERE name LIKE 'KEPT account %'"),
        (int64_t)account_count / 2);
}

/* ---- tests ----------------------------------------------------------------------------------------------- */

static void nothing_of_what_left_is_in_any_file(void **state) {
    (void)state;
    assert_false(remains());
    let_go();
    assert_true(remains());
    assert_true(files_have("LEFT")); /* or this test shows nothing */
    replica_ok(&r, rove__store_tidy(r.store, &r.error));
    assert_false(remains());
    assert_false(files_have("LEFT"));
    assert_true(file_has("replica.db", "KEPT"));
    expect_the_rest();
    replica_ok(&r, rove__store_tidy(r.store, &r.error)); /* nothing to do */
    office_hold(&o, accounts[1], 1);
    office_pull(&o);
    office_expect_verified(&o);
}

static void a_row_that_moves_out_of_sight_asks_for_it(void **state) {
    (void)state;
    office_row *note = NULL;

    for (size_t i = 0; i < o.count && note == NULL; i++) {
        note = o.rows[i].whole.row.entity == replica_entity(&r, "Note") ? &o.rows[i] : NULL;
    }
    office_hold(&o, accounts[1], 0);
    office_pull(&o);
    replica_ok(&r, rove__store_tidy(r.store, &r.error));
    office_set_text(&o, note, "text", "SECRET of another");
    office_pull(&o);
    rove__scope before = office_scope(note);
    office_set_int(&o, note, "about_id", accounts[1]);
    office_moved(&o, note, before);
    office_pull(&o);
    assert_true(remains());
    replica_ok(&r, rove__store_tidy(r.store, &r.error));
    assert_false(files_have("SECRET"));
}

/* What was deleted may come back for somebody else, when an edit of it comes that the deleter had not seen. */
static void so_does_a_deleted_row(void **state) {
    (void)state;
    office_row *account = office_find(&o, replica_entity(&r, "Account")->number, accounts[0]);

    office_set_text(&o, account, "phone", "SECRET number");
    office_pull(&o);
    office_delete(&o, account);
    office_pull(&o);
    assert_true(remains());
    replica_ok(&r, rove__store_tidy(r.store, &r.error));
    assert_false(files_have("SECRET"));
}

static void a_kill_in_between_costs_a_repetition(void **state) {
    (void)state;
    let_go();
    office_reopen(&o);
    assert_true(remains());
    replica_ok(&r, rove__store_tidy(r.store, &r.error));
    office_reopen(&o);
    assert_false(remains());
    assert_false(files_have("LEFT"));
    expect_the_rest();
}

static void a_reader_keeps_the_log_and_not_the_writer(void **state) {
    rove__reader_connection *reader = NULL;
    rove__query *query = NULL;
    (void)state;

    replica_ok(&r, rove__reader_open(r.store, &reader, &r.error));
    replica_ok(&r, rove__query_new(reader, "SELECT name FROM account", NULL, 0, &query, &r.error));
    replica_ok(&r, rove__query_step(query, &r.error));
    let_go();
    assert_int_equal(rove__store_tidy(r.store, &r.error), ROVE_BUSY);
    assert_true(remains());
    rove__query_free(query);
    replica_ok(&r, rove__store_tidy(r.store, &r.error));
    assert_false(remains());
    assert_false(files_have("LEFT"));
    rove__reader_close(reader);
}

static void not_inside_a_transaction(void **state) {
    (void)state;
    let_go();
    replica_begin(&r);
    assert_int_equal(rove__store_tidy(r.store, &r.error), ROVE_STATE);
    rove__store_rollback(r.store);
}

/* ---- faults ---------------------------------------------------------------------------------------------- */

/* The n-th call fails; returns whether it came. */
static int tidy_with_fault(faults *from, size_t n, int persistent, int code) {
    faults_arm(from, n, persistent, code);
    rove_status status = rove__store_tidy(r.store, &r.error);
    int hit = from->calls >= n;
    faults_arm(from, 0, 0, 0);
    assert_true(status == ROVE_OK || status == ROVE_FULL || status == ROVE_IO ||
                status == ROVE_NOMEM || status == ROVE_BUSY);
    assert_true(status == ROVE_OK || remains());
    return hit;
}

/* Each time something leaves again, so that there is something to do. */
static void every_call(faults *from, int code, size_t pace) {
    for (int persistent = 0; persistent < 2; persistent++) {
        size_t n = 1;
        int hit = 1;
        for (; hit; n += 1 + (n * 7) % pace) {
            office_hold(&o, accounts[1], (int)(n % 2));
            office_pull(&o);
            office_hold(&o, accounts[1], 0);
            office_pull(&o);
            if (!remains()) {
                continue;
            }
            hit = tidy_with_fault(from, n, persistent, code);
            expect_the_rest();
            replica_ok(&r, rove__store_tidy(r.store, &r.error));
            assert_false(files_have("LEFT"));
        }
        assert_true(n > 20);
    }
}

static int setup_with_faults(void **state) {
    (void)state;
    replica_prepare(&r, "tidy_faults");
    r.ports.vfs = FAULTS_VFS;
    replica_open(&r);
    replica_enrol(&r);
    office_start(&o, &r);
    office_welcome(&o);
    fill(ACCOUNTS_FEW);
    let_go();
    return 0;
}

static void files_cannot_be_read_or_written(void **state) {
    (void)state;
    every_call(&faults_io, SQLITE_IOERR_WRITE, 23);
}

static void the_disk_is_full(void **state) {
    (void)state;
    every_call(&faults_io, SQLITE_FULL, 23);
}

static void memory_of_sqlite_runs_short(void **state) {
    (void)state;
    every_call(&faults_memory, 0, 97);
}

int main(void) {
#define TEST(name)   cmocka_unit_test_setup_teardown(name, setup, teardown)
#define FAULTS(name) cmocka_unit_test_setup_teardown(name, setup_with_faults, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_of_what_left_is_in_any_file),
        TEST(a_row_that_moves_out_of_sight_asks_for_it),
        TEST(so_does_a_deleted_row),
        TEST(a_kill_in_between_costs_a_repetition),
        TEST(a_reader_keeps_the_log_and_not_the_writer),
        TEST(not_inside_a_transaction),
        FAULTS(files_cannot_be_read_or_written),
        FAULTS(the_disk_is_full),
        FAULTS(memory_of_sqlite_runs_short),
    };

    if (faults_register_memory() != SQLITE_OK || sqlite3_initialize() != SQLITE_OK ||
        faults_register_vfs() != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
