/*
 * What only a SQLite database can suffer: memory and disk that fail at any call below SQLite, files of something else or
 * of a newer build, and damaged ones. Also what others see who read it with plain SQL.
 */
#include <sqlite3.h>
#include <stdio.h>

#include "faults.h"
#include "jobs.h"

/* ---- failing below SQLite ------------------------------------------------------------------------------- */

/* Opens, commits three jobs, and reads; how many jobs were reported as committed. */
static rove_status use(bed *b, uint64_t *committed) {
    rove_status status = bed_try_open(b, NULL);

    *committed = 0;
    for (int i = 0; i < 3 && status == ROVE_OK; i++) {
        status = job_commit(b, committed);
    }
    return status;
}

static void expect_usable(bed *b, uint64_t committed) {
    uint64_t seq = 0;

    if (b->database == NULL) {
        ok(bed_try_open(b, NULL));
    }
    for (int opened = 0; opened < 2; opened++) {
        assert_int_equal(check_store(b, committed), 0);
        ok(job_commit(b, &seq));
        assert_true(seq == committed + 1 || seq == committed + 2);
        committed = seq;
        bed_reopen(b);
    }
}

/* Until none fails: what was reported is there, and when the faults are over work goes on at once. */
static void put_timeline(bed *b) {
    rove__hq_tx *tx = bed_write(b);
    rove__hq_head head;

    ok(b->store->head_get(tx, &head));
    head.timeline = 4;
    ok(b->store->head_put(tx, &head));
    bed_commit(b, tx);
}

static void disarm(void) {
    faults_arm(&faults_io, 0, 0, 0);
    faults_arm(&faults_memory, 0, 0, 0);
}

static void arm(faults *f, size_t fail_at, int persistent, int with) {
    faults_arm(f, fail_at, persistent, with);
    f->room_only = with == SQLITE_FULL;
}

/* Every call, later ones with growing gaps; `expected` or, where a disk is full, what else comes of it. */
static void try_faults(faults *f, int with, rove_status expected) {
    for (int persistent = 0; persistent < 2; persistent++) {
        int hit = 1;
        for (size_t fail_at = 1; hit; fail_at += 1 + fail_at / 5) {
            bed *b = bed_new();
            uint64_t committed = 0;
            arm(f, fail_at, persistent, with);
            rove_status status = use(b, &committed);
            hit = f->calls >= fail_at;
            disarm();
            assert_true(status == ROVE_OK || status == expected ||
                        (with == SQLITE_FULL && status == ROVE_IO));
            expect_usable(b, committed);
            bed_free(b);
        }
    }
}

static void short_memory_inside_sqlite_costs_nothing_that_was_committed(void **state) {
    (void)state;
    try_faults(&faults_memory, 0, ROVE_NOMEM);
}

static void a_failing_disk_costs_nothing_that_was_committed(void **state) {
    (void)state;
    try_faults(&faults_io, SQLITE_IOERR_WRITE, ROVE_IO);
}

static void a_disk_that_is_full_at_any_moment_costs_nothing_that_was_committed(void **state) {
    (void)state;
    try_faults(&faults_io, SQLITE_FULL, ROVE_FULL);
}

/* A backup that cannot be read just now is not called damaged, and costs nothing. */
static void a_restore_says_what_failed(void **state) {
    static const struct {
        faults *f;
        int with;
        rove_status expected;
    } kinds[] = {{&faults_memory, 0, ROVE_NOMEM}, {&faults_io, SQLITE_IOERR_WRITE, ROVE_IO}};

    (void)state;
    for (size_t kind = 0; kind < 2; kind++) {
        rove_status status = kinds[kind].expected;
        for (size_t fail_at = 1; status != ROVE_OK; fail_at += 1 + fail_at / 20) {
            bed *b = bed_new();
            char paths[3][256];
            uint64_t seq = 0;
            static const char *const names[] = {"copy.db", "hq.db", "aside.db"};
            for (int i = 0; i < 3; i++) {
                rove__text_format(paths[i], sizeof paths[i], "%s/%s", b->folder, names[i]);
            }
            ok(bed_try_open(b, NULL));
            put_timeline(b);
            ok(job_commit(b, &seq));
            ok(b->database->backup(b->database, paths[0], &seq, NULL));
            ok(job_commit(b, &seq));
            bed_close(b);
            arm(kinds[kind].f, fail_at, 1, kinds[kind].with);
            status = rove__hq_sqlite_restore(paths[0], paths[1], paths[2], NULL);
            disarm();
            assert_true(status == ROVE_OK || status == kinds[kind].expected);
            ok(bed_try_open(b, NULL));
            assert_int_equal(check_store(b, status == ROVE_OK ? seq - 1 : seq), 0);
            bed_free(b);
        }
    }
}

/* ---- files that are not ours ---------------------------------------------------------------------------- */

static void path_of(const bed *b, char path[256]) {
    rove__text_format(path, 256, "%s/hq.db", b->folder);
}

static void run_sql(const bed *b, const char *sql) {
    char path[256];
    sqlite3 *db = NULL;

    path_of(b, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static size_t read_file(const bed *b, uint8_t *bytes, size_t capacity) {
    char path[256];

    path_of(b, path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, capacity, file);
    fclose(file);
    return size;
}

static void write_file(const bed *b, const uint8_t *bytes, size_t size) {
    char path[256];

    path_of(b, path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void a_file_of_something_else_is_refused_and_left_alone(void **state) {
    static const char text[] = "This is a shopping list, much longer than the header of a database "
                               "would be: bread, milk, and six hundred and eleven eggs.";
    uint8_t found[256];

    (void)state;
    bed *b = bed_new();
    write_file(b, (const uint8_t *)text, sizeof text);
    assert_int_equal(bed_try_open(b, NULL), ROVE_CORRUPT);
    assert_int_equal(read_file(b, found, sizeof found), sizeof text);
    assert_memory_equal(found, text, sizeof text);
    bed_free(b);

    b = bed_new();
    run_sql(b, "CREATE TABLE account(id INTEGER PRIMARY KEY); INSERT INTO account VALUES(1)");
    assert_int_equal(bed_try_open(b, NULL), ROVE_CORRUPT);
    run_sql(b, "INSERT INTO account VALUES(2)"); /* its table is as it was */
    bed_free(b);
}

static void a_database_of_a_newer_build_is_refused(void **state) {
    bed *b = *state;
    rove_error error = {.message = ""};

    bed_close(b);
    run_sql(b, "UPDATE _head SET schema = 100000");
    assert_int_equal(bed_try_open(b, &error), ROVE_UPGRADE);
    assert_non_null(strstr(error.message, "newer"));
    run_sql(b, "UPDATE _head SET schema = 1");
    ok(bed_try_open(b, NULL));
}

/* Opens and reads all there is; whatever it says, it says it. */
static void read_everything(bed *b) {
    rove__hq_tx *tx = NULL;
    uint64_t seq = 0;

    if (bed_try_open(b, NULL) != ROVE_OK) {
        return;
    }
    (void)!check_store(b, 0);
    if (b->store->begin(b->store->ctx, ROVE_HQ_READ, &tx, NULL) == ROVE_OK) {
        for (rove_id id = 1; id <= ACCOUNTS; id++) {
            rove__hq_row row;
            rove__arena_reset(&b->rows);
            rove_status status = b->store->row_get(tx, 6, id, 0, &b->rows, &row);
            assert_true(status != ROVE_INVALID);
        }
        b->store->rollback(tx);
    }
    rove_status status = job_commit(b, &seq);
    assert_true(status == ROVE_OK || rove_status_classify(status) == ROVE_CLASS_DEVICE ||
                rove_status_classify(status) == ROVE_CLASS_CALLER);
    bed_close(b);
}

static void a_damaged_file_is_reported_or_read_but_never_crashes(void **state) {
    bed *b = *state;
    size_t capacity = (size_t)4 << 20;
    uint8_t *bytes = rove__arena_take(&b->arena, capacity);
    uint8_t *damaged = rove__arena_take(&b->arena, capacity);
    uint64_t seq = 0;

    for (int i = 0; i < 5; i++) {
        ok(job_commit(b, &seq));
    }
    bed_close(b);
    size_t size = read_file(b, bytes, capacity);
    assert_true(size > 0 && size < capacity);
    for (int round = 0; round < 60; round++) {
        memcpy(damaged, bytes, size);
        for (int i = 0; i < 200; i++) {
            damaged[100 + dice(&b->dice) % (size - 100)] = (uint8_t)dice(&b->dice);
        }
        write_file(b, damaged, size);
        read_everything(b);
    }
    write_file(b, bytes, size);
    ok(bed_try_open(b, NULL));
    assert_int_equal(check_store(b, seq), 0);
}

/* ---- plain SQL ------------------------------------------------------------------------------------------ */

/* Its first row; the caller finalizes it, and closes its connection. */
static sqlite3_stmt *first_row(const bed *b, const char *sql) {
    char path[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    path_of(b, path);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    return statement;
}

static void end_row(sqlite3_stmt *statement) {
    sqlite3 *db = sqlite3_db_handle(statement);

    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static int64_t ask(const bed *b, const char *sql) {
    sqlite3_stmt *row = first_row(b, sql);
    int64_t answer = sqlite3_column_int64(row, 0);

    end_row(row);
    return answer;
}

static void ask_plan(const bed *b, const char *sql, const char *expected) {
    sqlite3_stmt *row = first_row(b, sql);

    assert_string_equal((const char *)sqlite3_column_text(row, 3), expected);
    end_row(row);
}

/* Also in a file from before there was an index for it. */
static void open_work_of_one_user_is_counted_without_a_look_at_the_rest(void **state) {
    bed *b = *state;

    bed_close(b);
    run_sql(b, "DROP INDEX _review_queue_open");
    ok(bed_try_open(b, NULL));
    assert_int_equal(ask(b, "SELECT count(*) FROM sqlite_schema WHERE name = '_review_queue_open' "
                            "AND sql LIKE '%(user, state) WHERE state = 0'"),
                     1);
    ask_plan(b,
             "EXPLAIN QUERY PLAN SELECT count(*) FROM _review_queue WHERE state = 0 AND "
             "user = 7",
             "SEARCH _review_queue USING COVERING INDEX _review_queue_open (user=? AND state=?)");
}

static void a_report_sees_live_rows_and_their_elements_alone(void **state) {
    bed *b = *state;
    const int64_t tags[] = {70, 71};

    rove__hq_tx *tx = bed_write(b);
    for (rove_id id = 1; id <= 3; id++) {
        rove__hq_row row = bed_row(b, "Account", id, id);
        bed_set(&row, "name", rove__value_text("Kwik-E"));
        bed_set(&row, "credit_limit", rove__value_int(100 * id));
        bed_set(&row, "tag_ids", bed_set_of(b, tags, 2));
        bed_put(b, tx, &row);
        row.dead = id == 2 ? 7 : 0;
        bed_put(b, tx, &row);
    }
    bed_commit(b, tx);
    assert_int_equal(ask(b, "SELECT count(*) FROM account"), 2);
    assert_int_equal(ask(b, "SELECT sum(credit_limit) FROM account WHERE name = 'Kwik-E'"), 400);
    assert_int_equal(ask(b, "SELECT count(*) FROM account_tag_ids WHERE element = 71"), 2);
    assert_int_equal(ask(b, "SELECT count(*) FROM account_tag_ids"), 4);
    assert_int_equal(ask(b, "SELECT count(*) FROM _tombstone"), 1);
    assert_int_equal(ask(b, "SELECT count(*) FROM pragma_integrity_check WHERE"
                            " integrity_check = 'ok'"),
                     1);
}

/* As it was before there was a purge horizon. */
static void a_database_of_an_older_build_is_taken_over(void **state) {
    bed *b = *state;
    rove__hq_head head = {.timeline = 4, .seq = 9};
    char path[256];
    sqlite3 *db = NULL;

    rove__hq_tx *tx = bed_write(b);
    ok(b->store->head_put(tx, &head));
    bed_commit(b, tx);
    bed_close(b);
    path_of(b, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "ALTER TABLE _head DROP COLUMN purged;"
                                  "ALTER TABLE _device DROP COLUMN unheard;"
                                  "DROP INDEX _tombstone_by_seq",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    ok(bed_try_open(b, NULL));
    tx = bed_write(b);
    ok(b->store->head_get(tx, &head));
    assert_int_equal(head.seq, 9);
    assert_int_equal(head.purged, 0);
    head.purged = 8;
    ok(b->store->head_put(tx, &head));
    bed_commit(b, tx);
    assert_int_equal(ask(b, "SELECT purged FROM _head"), 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_memory_inside_sqlite_costs_nothing_that_was_committed),
        cmocka_unit_test(a_failing_disk_costs_nothing_that_was_committed),
        cmocka_unit_test(a_disk_that_is_full_at_any_moment_costs_nothing_that_was_committed),
        cmocka_unit_test(a_restore_says_what_failed),
        cmocka_unit_test(a_file_of_something_else_is_refused_and_left_alone),
        bed_test(a_database_of_a_newer_build_is_refused),
        bed_test(a_database_of_an_older_build_is_taken_over),
        bed_test(a_damaged_file_is_reported_or_read_but_never_crashes),
        bed_test(open_work_of_one_user_is_counted_without_a_look_at_the_rest),
        bed_test(a_report_sees_live_rows_and_their_elements_alone),
    };

    bed_kind = &stores[0];
    if (faults_register_memory() != SQLITE_OK || sqlite3_initialize() != SQLITE_OK ||
        faults_register_vfs() != SQLITE_OK ||
        sqlite3_vfs_register(sqlite3_vfs_find(FAULTS_VFS), 1) != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests_name("sqlite: faults", tests, NULL, NULL);
}
