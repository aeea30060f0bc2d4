/*
 * Derived fields on a device: they follow every change of what they come from, whoever made it, and are nobody's
 * own; rows of an older build get theirs when the replica is opened.
 */
#include "office.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "derive");
    office_start(&o, &r);
    office_welcome(&o);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    office_end(&o);
    replica_end(&r);
    return 0;
}

static office_row *method_of(rove_id contact, int64_t kind, const char *value) {
    office_row *row = office_insert(&o, "ContactMethod", 0);

    office_set_int(&o, row, "contact_id", contact);
    office_set_int(&o, row, "kind", kind);
    office_set_text(&o, row, "value", value);
    return row;
}

static rove_id insert_method(const char *value) {
    rove__row contact = replica_row(&r, "Contact", 0);
    rove__row row = replica_row(&r, "ContactMethod", 0);

    replica_set_text(&contact, "last_name", "Chen");
    replica_set_int(&row, "contact_id", replica_insert(&r, &contact));
    replica_set_int(&row, "kind", 2);
    replica_set_text(&row, "value", value);
    return replica_insert(&r, &row);
}

static void expect(rove_id id, const char *normalised) {
    replica_expect_text(&r, "ContactMethod", id, "normalised", normalised);
}

static void set_value(rove_id id, const char *value) {
    rove__row row = replica_row(&r, "ContactMethod", id);

    replica_set_text(&row, "value", value);
    replica_update(&r, &row);
}

static void set_kind(rove_id id, int64_t kind) {
    rove__row row = replica_row(&r, "ContactMethod", id);

    replica_set_int(&row, "kind", kind);
    replica_update(&r, &row);
}

static void undo(rove_id id) {
    replica_begin(&r);
    replica_ok(&r, rove__store_undo(r.store, replica_entity(&r, "ContactMethod"), id, &r.error));
    replica_commit(&r);
}

static void a_local_write_derives(void **state) {
    (void)state;
    rove_id id = insert_method("0170 / 555");

    expect(id, "0170");
    set_value(id, "0170-555");
    expect(id, "0170555");
    replica_settle(&r, "contact_method");
    set_value(id, "+49 170 5");
    expect(id, "+491705");
    set_kind(id, 3);
    expect(id, "+49 170 5");
    undo(id);
    expect(id, "0170555");
    set_kind(
        id, 3); /* the only number of the row: no other cell is looked at but for what it derives */
    expect(id, "0170-555");
    set_value(id, " \t ");
    replica_expect_null(&r, "ContactMethod", id, "normalised");
}

/* A shell that hands back a whole record hands back what is derived; or what it takes for it. */
static void an_app_cannot_write_it(void **state) {
    (void)state;
    rove_id id = insert_method("555");
    replica_settle(&r, "contact_method");
    rove__row row = replica_row(&r, "ContactMethod", id);

    replica_set_text(&row, "normalised", "666");
    replica_update(&r, &row);
    expect(id, "555");
    assert_int_equal(replica_entry(&r, "ContactMethod", id).seq, 0);
    replica_set_text(&row, "value", "777");
    replica_update(&r, &row);
    expect(id, "777");
    assert_int_equal(replica_entry(&r, "ContactMethod", id).count, 1);
    row = replica_row(&r, "ContactMethod", 0);
    replica_set_int(&row, "contact_id",
                    replica_cell(&r, "ContactMethod", id, "contact_id").as.integer);
    replica_set_int(&row, "kind", 1);
    replica_set_text(&row, "value", "888");
    replica_set_text(&row, "normalised", "999");
    expect(replica_insert(&r, &row), "888");
}

static int rewritten;

static void count_writes(void *ctx, int action, const char *database, const char *table,
                         sqlite3_int64 id) {
    (void)ctx;
    (void)action;
    (void)database;
    (void)id;
    rewritten += strcmp(table, "contact_method") == 0;
}

static void what_headquarters_sends_derives(void **state) {
    (void)state;
    store_trial_with(NULL); /* writes are counted */
    office_row *contact = office_insert(&o, "Contact", 0);
    office_set_text(&o, contact, "last_name", "Chen");
    office_row *row = method_of(contact->whole.row.id, 3, "Wei@Example.com");
    rove_id id = row->whole.row.id;

    office_pull(&o);
    expect(id, "wei@example.com");
    office_expect_verified(&o);
    office_set_text(&o, row, "value", "Chen@Example.com");
    office_pull(&o);
    expect(id, "chen@example.com");
    office_set_int(&o, row, "kind", 1);
    office_pull(&o);
    replica_expect_null(&r, "ContactMethod", id, "normalised");
    office_set_int(&o, row, "kind", 3);
    office_pull(&o);
    office_expect_verified(&o);
    set_value(id, "mine@example.com");
    office_set_text(&o, row, "value", "theirs@example.com");
    office_pull(&o);
    expect(id, "mine@example.com"); /* pending work lies on top */
    office_exchange(&o);
    office_expect_verified(&o);
    rove_value value = replica_cell(&r, "ContactMethod", id, "value");
    rove_value derived = replica_cell(&r, "ContactMethod", id, "normalised");
    assert_true(rove__value_equal(&value, &derived));

    /* The same again writes nothing. */
    rove__page page;
    memset(&page, 0, sizeof page);
    sqlite3_update_hook(r.store->db, count_writes, NULL);
    rewritten = 0;
    replica_ok(&r, office_apply(&o, &page, &row->whole, 1));
    assert_int_equal(rewritten, 0);
    office_set_text(&o, row, "value", "other@example.com");
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &row->whole, 1));
    assert_int_equal(rewritten, 1);
}

static void rows_of_an_older_build_get_it(void **state) {
    (void)state;
    rove_id id = insert_method("555-0101");
    uint64_t rows = 0;

    assert_int_equal(sqlite3_exec(r.store->db,
                                  "UPDATE contact_method SET normalised = NULL;"
                                  "UPDATE _meta SET value = 1 WHERE key = 'settled'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    replica_expect_null(&r, "ContactMethod", id, "normalised");
    replica_reopen(&r);
    expect(id, "5550101");
    assert_int_equal(replica_entry(&r, "ContactMethod", id).op, ROVE_OP_INSERT);
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    /* Once: what is there then is not looked at each time. */
    assert_int_equal(
        sqlite3_exec(r.store->db, "UPDATE contact_method SET normalised = 'x'", NULL, NULL, NULL),
        SQLITE_OK);
    replica_reopen(&r);
    expect(id, "x");
}

static int64_t asks(const char *sql, const char *text, char *first, size_t capacity) {
    rove__reader_connection *reader = NULL;
    rove_value parameter = rove__value_text(text);
    rove__query *query = NULL;
    int64_t count = 0;

    replica_ok(&r, rove__reader_open(r.store, &reader, &r.error));
    replica_ok(&r, rove__query_new(reader, sql, &parameter, 1, &query, &r.error));
    while (rove__query_step(query, &r.error) == ROVE_OK) {
        size_t last = rove__query_columns(query) - 1;
        rove_value value = rove__query_value(query, last);
        if (count++ == 0 && value.type == ROVE_TEXT) {
            snprintf(first, capacity, "%.*s", (int)value.size, (const char *)value.as.data);
        }
    }
    rove__query_free(query);
    rove__reader_close(reader);
    return count;
}

static void a_number_that_rings_is_found(void **state) {
    static const char sql[] = "SELECT contact_id, value FROM contact_method"
                              " WHERE normalised = rove_normalised(1, ?1)";
    static const char plan[] = "EXPLAIN QUERY PLAN SELECT contact_id FROM contact_method"
                               " WHERE normalised = rove_normalised(1, ?1)";
    char text[200] = "";
    (void)state;

    (void)insert_method("+49 170 555-0101");
    (void)insert_method("+49 170 555-0102");
    assert_int_equal(asks(sql, "0049 (170) 5550102", text, sizeof text), 1);
    assert_string_equal(text, "+49 170 555-0102");
    assert_int_equal(asks(sql, "nobody", text, sizeof text), 0);
    assert_int_equal(asks(sql, "", text, sizeof text), 0);
    assert_true(asks(plan, "0049 (170) 5550102", text, sizeof text) > 0);
    assert_non_null(strstr(text, "contact_method_by_normalised"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_local_write_derives, setup, teardown),
        cmocka_unit_test_setup_teardown(an_app_cannot_write_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_headquarters_sends_derives, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_of_an_older_build_get_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_number_that_rings_is_found, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
