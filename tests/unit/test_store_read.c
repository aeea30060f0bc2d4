/*
 * Reading beside the writer: committed states only, no waiting, and nothing but reading.
 */
#include "replica.h"

#include <pthread.h>
#include <stdatomic.h>

static replica r;
static rove__reader_connection *reader;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "read");
    replica_ok(&r, rove__reader_open(r.store, &reader, &r.error));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rove__reader_close(reader);
    replica_end(&r);
    return 0;
}

static rove_status try_query(const char *sql) {
    rove__query *query = NULL;
    rove_status status = rove__query_new(reader, sql, NULL, 0, &query, &r.error);
    if (status == ROVE_OK) {
        status = rove__query_step(query, &r.error);
    }
    rove__query_free(query);
    return status;
}

static void a_reader_sees_what_was_committed(void **state) {
    (void)state;
    const rove__entity *account = replica_entity(&r, "Account");
    const int64_t tags[] = {4, 6};
    rove__row row = replica_row(&r, "Account", 0);
    rove__row seen;

    replica_set_text(&row, "name", "Bakery");
    replica_set(&row, "tag_ids", replica_set_of(&r, tags, 2));
    replica_begin(&r);
    replica_ok(&r, rove__store_insert(r.store, &row, &r.error));
    /* The writer is in the middle of its transaction: the reader neither waits nor sees it. */
    assert_int_equal(rove__reader_get(reader, account, row.id, &r.arena, &seen), ROVE_NOT_FOUND);
    replica_commit(&r);
    assert_int_equal(rove__reader_get(reader, account, row.id, &r.arena, &seen), ROVE_OK);
    rove_value wanted = replica_set_of(&r, tags, 2);
    rove_value *shown = &seen.cells[replica_field(account, "tag_ids")];
    assert_true(rove__value_equal(&wanted, shown)); /* plain, as a person sees it */
}

static void a_query_in_progress_keeps_its_state(void **state) {
    (void)state;
    rove__query *query = NULL;
    (void)replica_account(&r, "A");
    (void)replica_account(&r, "B");
    replica_ok(&r, rove__query_new(reader, "SELECT name FROM account ORDER BY id", NULL, 0, &query,
                                   &r.error));
    assert_int_equal(rove__query_step(query, &r.error), ROVE_OK);
    (void)replica_account(&r, "C"); /* the writer does not wait for it */
    assert_int_equal(rove__query_step(query, &r.error), ROVE_OK);
    assert_int_equal(rove__query_step(query, &r.error), ROVE_DONE);
    assert_int_equal(rove__query_step(query, &r.error), ROVE_DONE);
    rove__query_free(query);
    replica_ok(&r, rove__query_new(reader, "SELECT count(*) AS n FROM account", NULL, 0, &query,
                                   &r.error));
    assert_int_equal(rove__query_step(query, &r.error), ROVE_OK);
    assert_int_equal(rove__query_columns(query), 1);
    assert_string_equal(rove__query_name(query, 0), "n");
    assert_int_equal(rove__query_value(query, 0).as.integer, 3);
    assert_int_equal(rove__query_value(query, 9).type, ROVE_NULL);
    rove__query_free(query);
}

static void parameters_are_bound(void **state) {
    (void)state;
    rove__query *query = NULL;
    (void)replica_account(&r, "O'Hara \"& Sons\"");
    rove_value name = rove__value_text("O'Hara \"& Sons\"");
    static const char sql[] = "SELECT count(*) FROM account WHERE name = ?1";
    replica_ok(&r, rove__query_new(reader, sql, &name, 1, &query, &r.error));
    assert_int_equal(rove__query_step(query, &r.error), ROVE_OK);
    assert_int_equal(rove__query_value(query, 0).as.integer, 1);
    rove__query_free(query);
    assert_int_equal(rove__query_new(reader, sql, NULL, 0, &query, &r.error), ROVE_INVALID);
    assert_null(query);
}

static void everything_but_reading_is_denied(void **state) {
    (void)state;
    static const char *const denied[] = {
        "INSERT INTO account(id, _clock) VALUES(1, x'00')",
        "UPDATE account SET name = 'x'",
        "DELETE FROM _outbox",
        "DROP TABLE account",
        "CREATE TABLE t(a)",
        "CREATE TEMP TABLE t(a)",
        "PRAGMA secure_delete = OFF",
        "PRAGMA user_version",
        "SELECT * FROM pragma_table_info('account')",
        "ATTACH ':memory:' AS other",
        "BEGIN",
        "VACUUM",
        "VACUUM INTO 'stolen.db'",
        "REINDEX",
        "ANALYZE",
        "SAVEPOINT s",
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM account",
    };
    (void)replica_account(&r, "Bakery");
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        rove_status status = try_query(denied[i]);
        if (status != ROVE_DENIED) {
            fail_msg("%s: %s", denied[i], rove_status_name(status));
        }
    }
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), 1);
}

static void what_reports_need_is_allowed(void **state) {
    (void)state;
    static const char *const allowed[] = {
        "SELECT count(*) FROM account",
        "  select 1 ;  ",
        "EXPLAIN QUERY PLAN SELECT * FROM visit WHERE account_id = 1",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5)"
        " SELECT sum(i) FROM n",
        "SELECT entity, row, length(body) FROM _outbox",
        "SELECT upper(name) FROM account WHERE name LIKE 'B%'",
        "VALUES (1), (2)",
    };
    (void)replica_account(&r, "Bakery");
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        rove_status status = try_query(allowed[i]);
        if (status != ROVE_OK) {
            fail_msg("%s: %s: %s", allowed[i], rove_status_name(status), r.error.message);
        }
    }
}

static void mistakes_are_explained(void **state) {
    (void)state;
    assert_int_equal(try_query("SELECT nothing FROM account"), ROVE_INVALID);
    assert_non_null(strstr(r.error.message, "nothing"));
    assert_int_equal(try_query(""), ROVE_INVALID);
    assert_int_equal(try_query("-- just a remark"), ROVE_INVALID);
}

static void another_entity_of_the_same_name_is_refused(void **state) {
    (void)state;
    rove__registry *strange = NULL;
    rove__row seen;
    assert_int_equal(rove__registry_new(&r.allocator, &strange), ROVE_OK);
    const rove__entity *account = rove__registry_by_name(strange, "Account");
    assert_int_equal(rove__reader_get(reader, account, 1, &r.arena, &seen), ROVE_UNKNOWN_ENTITY);
    rove__registry_free(strange);
}

/* A thread that reads until it is told to stop; every transaction it sees is whole. */
typedef struct watching {
    rove__store *store;
    atomic_int stop;
    size_t reads;
    size_t failed;
    size_t half;
} watching;

static void *read_all_the_time(void *ctx) {
    rove__reader_connection *own = NULL;
    watching *w = ctx;

    w->failed += rove__reader_open(w->store, &own, NULL) != ROVE_OK;
    while (!w->stop && w->failed == 0) {
        rove__query *query = NULL;
        if (rove__query_new(own, "SELECT count(*), (SELECT count(*) FROM _outbox) FROM account",
                            NULL, 0, &query, NULL) != ROVE_OK ||
            rove__query_step(query, NULL) != ROVE_OK) {
            w->failed++;
        } else {
            int64_t rows = rove__query_value(query, 0).as.integer;
            w->half += rows % 2 != 0 || rows != rove__query_value(query, 1).as.integer;
            w->reads++;
        }
        rove__query_free(query);
    }
    rove__reader_close(own);
    return NULL;
}

static void readers_and_the_writer_do_not_disturb_each_other(void **state) {
    (void)state;
    static replica both;
    pthread_t thread;
    watching w;

    memset(&w, 0, sizeof w);
    replica_prepare(&both, "read_both");
    rove_posix_allocator(&both.allocator); /* the counting one is for one thread */
    replica_open(&both);
    replica_enrol(&both);
    w.store = both.store;
    assert_int_equal(pthread_create(&thread, NULL, read_all_the_time, &w), 0);
    for (int i = 0; i < 100; i++) {
        replica_begin(&both);
        for (int k = 0; k < 2; k++) {
            rove__row row = replica_row(&both, "Account", 0);
            replica_set_text(&row, "name", "x");
            replica_ok(&both, rove__store_insert(both.store, &row, &both.error));
        }
        replica_commit(&both);
    }
    w.stop = 1;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(w.failed, 0);
    assert_int_equal(w.half, 0);
    assert_int_equal(replica_sql(&both, "SELECT count(*) FROM account"), 200);
    replica_end(&both);
}

static void the_state_counts_what_waits(void **state) {
    (void)state;
    rove__store_state now;
    rove_id id = replica_account(&r, "Bakery");
    (void)replica_account(&r, "Another");
    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "phone", "1");
    replica_update(&r, &row);
    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    assert_int_equal(now.pending_rows, 2);
    assert_int_equal(now.unsent_entries, 2);
    assert_int_equal(now.batches_in_flight, 0);
    assert_int_equal(now.rows, 0);
    assert_int_equal(now.owner.user, REPLICA_USER);
    assert_int_equal(now.verified_ms, 0);
    assert_true(now.disk_bytes >= 4096 && now.disk_bytes % 4096 == 0);

    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    replica_update(&r, &row);
    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    assert_int_equal(now.batches_in_flight, 1);
    assert_int_equal(now.unsent_entries, 0);
    assert_int_equal(now.pending_rows, 2);
}

static void a_query_has_a_largest_size(void **state) {
    static rove_value parameters[1000];
    static char sql[65600];
    rove__query *query = NULL;
    (void)state;

    assert_int_equal(rove__query_new(reader, "SELECT 1", parameters, 1000, &query, &r.error),
                     ROVE_TOO_BIG);
    memset(sql, ' ', sizeof sql - 1);
    memcpy(sql, "SELECT 1", 8);
    assert_int_equal(rove__query_new(reader, sql, NULL, 0, &query, &r.error), ROVE_TOO_BIG);
    assert_null(query);
    sql[65536] = '\0';
    assert_int_equal(try_query(sql), ROVE_OK);
    assert_int_equal(try_query("SELECT rove_normalised(1, NULL), rove_normalised(1, '')"), ROVE_OK);
    assert_int_equal(try_query("SELECT rove_normalised(NULL, 5), rove_normalised(3, x'00ff')"),
                     ROVE_OK);
}

/* A number that no device has is no owner. */
static void an_owner_has_a_number_that_can_be(void **state) {
    const rove__store_owner owners[] = {
        {REPLICA_NUMBER, 0}, {1, REPLICA_USER}, {ROVE_REPLICA_MAX + 1u, REPLICA_USER}};
    (void)state;

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rove__store_set_owner(r.store, &owners[i], &r.error), ROVE_INVALID);
    }
    assert_int_equal(r.store->owner.replica, REPLICA_NUMBER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_reader_sees_what_was_committed),
        TEST(a_query_in_progress_keeps_its_state),
        TEST(parameters_are_bound),
        TEST(everything_but_reading_is_denied),
        TEST(what_reports_need_is_allowed),
        TEST(mistakes_are_explained),
        TEST(another_entity_of_the_same_name_is_refused),
        TEST(readers_and_the_writer_do_not_disturb_each_other),
        TEST(the_state_counts_what_waits),
        TEST(a_query_has_a_largest_size),
        TEST(an_owner_has_a_number_that_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
