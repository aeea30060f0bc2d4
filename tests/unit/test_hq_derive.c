/*
 * Derived fields at headquarters: they are stored with their record, follow its changes, and are made for records of an
 * older build when headquarters is opened, without anything being sent for it.
 */
#include "headquarters.h"

#include <sqlite3.h>

#include "base/alloc.h"

typedef struct work {
    headquarters h;
    rove_id method; /* 0: made by the next job */
    int64_t kind;
    const char *value;
} work;

static int set_up(void **state) {
    work *w = calloc(1, sizeof *w);

    assert_non_null(w);
    headquarters_start(&w->h);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    work *w = *state;

    headquarters_end(&w->h);
    free(w);
    return 0;
}

static void put(rove__row *row, const char *field, rove_value value) {
    rove__row_set(row, (size_t)rove__entity_field_named(row->entity, field), value);
}

static rove_status write_method(work *w, rove__writer *writer, rove__arena *arena) {
    const rove__registry *registry = hq_registry(w->h.hq);
    size_t changed = 0;
    rove__row contact;
    rove__row row;

    rove_status status =
        rove__row_init(&contact, rove__registry_by_name(registry, "Contact"), 0, arena);
    if (status == ROVE_OK && w->method == 0) {
        put(&contact, "last_name", rove__value_text("Chen"));
        status = rove__writer_insert(writer, &contact, &w->h.error);
    }
    if (status == ROVE_OK) {
        status = rove__row_init(&row, rove__registry_by_name(registry, "ContactMethod"), w->method,
                                arena);
    }
    if (status != ROVE_OK) {
        return status;
    }
    put(&row, "kind", rove__value_int(w->kind));
    put(&row, "value", rove__value_text(w->value));
    if (w->method != 0) {
        return rove__writer_update(writer, &row, &changed, &w->h.error);
    }
    put(&row, "contact_id", rove__value_int(contact.id));
    status = rove__writer_insert(writer, &row, &w->h.error);
    w->method = row.id;
    return status;
}

static rove_status method_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    work *w = ctx;
    rove__writer *writer = NULL;
    rove__arena arena;
    uint64_t seq = 0;

    rove__arena_init(&arena, &w->h.ports.allocator, 1 << 20);
    rove_status status = hq_writer(w->h.hq, tx, "tester", "set", &writer, error);
    if (status == ROVE_OK) {
        status = write_method(w, writer, &arena);
        if (status == ROVE_OK) {
            status = rove__writer_finish(writer, &seq, error);
        } else {
            rove__writer_abandon(writer);
        }
    }
    rove__arena_free(&arena);
    return status;
}

static void write_it(work *w, int64_t kind, const char *value) {
    w->kind = kind;
    w->value = value;
    w->h.error.message[0] = '\0';
    if (hq_commit(w->h.hq, method_job, w, &w->h.error) != ROVE_OK) {
        fail_msg("%s", w->h.error.message);
    }
}

/* On the file itself, of which headquarters knows nothing; the first column of the first row. */
static void ask(work *w, const char *sql, char *answer, size_t capacity) {
    char path[400];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    headquarters_path(&w->h, "hq.db", path, sizeof path);
    hq_close(w->h.hq);
    w->h.hq = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    int code = sqlite3_step(statement);
    assert_true(code == SQLITE_ROW || code == SQLITE_DONE);
    const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    (void)snprintf(answer, capacity, "%s", text != NULL ? text : "nothing");
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    headquarters_open(&w->h);
}

static void has(work *w, const char *expected) {
    char answer[300];

    ask(w, "SELECT normalised FROM contact_method", answer, sizeof answer);
    assert_string_equal(answer, expected);
}

static void what_is_written_derives(void **state) {
    work *w = *state;

    write_it(w, 1, "+49 (0)170 555-0101");
    has(w, "+491705550101");
    write_it(w, 1, "555-0101");
    has(w, "5550101");
    write_it(w, 3, "Wei@Example.com");
    has(w, "wei@example.com");
    write_it(w, 1, "Wei@Example.com");
    has(w, "nothing");
}

static void rows_of_an_older_build_get_it(void **state) {
    work *w = *state;
    char head[300];
    char answer[300];

    write_it(w, 1, "555-0101");
    ask(w, "UPDATE contact_method SET normalised = NULL", answer, sizeof answer);
    has(w, "nothing"); /* this build has seen to it already */
    ask(w, "SELECT seq || ' ' || (SELECT count(*) FROM _feed) FROM _head", head, sizeof head);
    ask(w, "DELETE FROM _setting WHERE key = 'derived'", answer, sizeof answer);
    has(w, "5550101");
    ask(w, "SELECT seq || ' ' || (SELECT count(*) FROM _feed) FROM _head", answer, sizeof answer);
    assert_string_equal(answer, head);
    ask(w, "UPDATE _setting SET value = X'30' WHERE key = 'derived'", answer, sizeof answer);
    has(w, "5550101");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_derives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_of_an_older_build_get_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
