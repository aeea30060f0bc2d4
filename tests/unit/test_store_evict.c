/*
 * Eviction: what is not the rep's any more leaves the replica, and his unsent work does not.
 */
#include "office.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "evict");
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

static void edit(const char *entity, rove_id id, const char *field, const char *text) {
    rove__row row = replica_row(&r, entity, id);
    replica_set_text(&row, field, text);
    replica_update(&r, &row);
}

static void expect_gone(const char *entity, rove_id id) {
    rove__row row;
    assert_int_equal(replica_get(&r, entity, id, &row), ROVE_NOT_FOUND);
}

static rove_status leave(rove_id root, int32_t part) {
    rove__scope scope = {root, part};
    rove__page page;

    memset(&page, 0, sizeof page);
    page.left = &scope;
    page.left_count = 1;
    return office_apply(&o, &page, NULL, 0);
}

static void everything_of_a_scope_leaves(void **state) {
    (void)state;
    const int64_t contact = (int64_t)1 << 32 | 77;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id b = office_account(&o, "B")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);
    rove__set contacts = {ROVE_SET_VERSIONED, NULL, 1};
    rove__element element = {.value = rove__value_int(contact), .version = {5, 1}};
    rove_value set;

    contacts.elements = &element;
    assert_int_equal(rove__set_value(&contacts, &o.arena, &set), ROVE_OK);
    office_set(&o, visit, "contact_ids", set);
    (void)office_visit(&o, a, INT64_C(0) + REPLICA_NOW_MS + 40 * INT64_C(86400000));
    rove_id kept = office_visit(&o, b, REPLICA_NOW_MS)->whole.row.id;
    office_pull(&o);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit_contact_ids"), 1);

    office_hold(&o, a, 0);
    office_pull(&o);
    expect_gone("Account", a);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 1);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit_contact_ids"), 0);
    replica_expect_int(&r, "Visit", kept, "account_id", b);
    office_expect_verified(&o);
    office_hold(&o, a, 1);
    office_pull(&o);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 3);
    office_expect_verified(&o);
}

static void one_month_leaves_alone(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id november = office_visit(&o, a, REPLICA_NOW_MS)->whole.row.id;
    rove_id january = office_visit(&o, a, REPLICA_NOW_MS + 50 * INT64_C(86400000))->whole.row.id;
    uint64_t rows = 0;

    office_pull(&o);
    replica_ok(&r, leave(a, 202511));
    expect_gone("Visit", november);
    replica_expect_int(&r, "Visit", january, "account_id", a);
    replica_expect_text(&r, "Account", a, "name", "A");
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    replica_ok(&r, leave(a, 0));
    expect_gone("Account", a);
    replica_expect_int(&r, "Visit", january, "account_id", a);
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    assert_int_equal(rows, 1);
}

static void unsent_work_outlives_its_scope(void **state) {
    (void)state;
    rove__store_state now;
    office_row *account = office_account(&o, "A");
    rove_id a = account->whole.row.id;

    office_pull(&o);
    edit("Account", a, "name", "mine");
    office_hold(&o, a, 0);
    office_pull(&o);
    expect_gone("Account", a);
    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    assert_int_equal(now.pending_rows, 1);
    assert_int_equal(now.batches_in_flight, 1);
    office_expect_verified(&o);
    office_reopen(&o);

    /* It comes back with the work laid over, and the work is pushed. */
    office_hold(&o, a, 1);
    office_pull(&o);
    replica_expect_text(&r, "Account", a, "name", "mine");
    office_expect_verified(&o);
    office_exchange(&o);
    assert_int_equal(
        account->whole.row.cells[replica_field(account->whole.row.entity, "name")].size, 4);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    office_expect_verified(&o);
}

static void a_delete_in_flight_outlives_its_scope(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);

    office_pull(&o);
    replica_begin(&r);
    replica_ok(&r,
               rove__store_delete(r.store, visit->whole.row.entity, visit->whole.row.id, &r.error));
    replica_commit(&r);
    office_hold(&o, a, 0);
    office_pull(&o);
    office_expect_verified(&o);
    office_hold(&o, a, 1);
    office_pull(&o);
    expect_gone("Visit", visit->whole.row.id);
    office_expect_verified(&o);
    office_exchange(&o);
    assert_true(visit->dead);
    office_expect_verified(&o);
}

static void a_row_that_the_rep_moved_leaves_with_headquarters_scope(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id b = office_account(&o, "B")->whole.row.id;
    rove_id id = office_visit(&o, a, REPLICA_NOW_MS)->whole.row.id;
    rove__row row;

    office_pull(&o);
    row = replica_row(&r, "Visit", id);
    replica_set_int(&row, "account_id", b);
    replica_update(&r, &row);
    office_hold(&o, b, 0);
    office_pull(&o);
    replica_expect_int(&r, "Visit", id, "account_id", b); /* headquarters has it with A */
    office_expect_verified(&o);
    office_hold(&o, a, 0);
    office_pull(&o);
    expect_gone("Visit", id);
    office_expect_verified(&o);
}

static void what_is_not_held_leaves_but_for_fresh_inserts(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id b = office_account(&o, "B")->whole.row.id;
    rove__page page;

    office_pull(&o);
    rove_id mine = replica_account(&r, "mine");
    edit("Account", a, "name", "changed");
    memset(&page, 0, sizeof page);
    page.has_held = 1;
    page.held = &b;
    page.held_count = 1;
    replica_ok(&r, office_apply(&o, &page, NULL, 0));
    expect_gone("Account", a);
    replica_expect_text(&r, "Account", b, "name", "B");
    replica_expect_text(&r, "Account", mine, "name", "mine");
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 2);
}

static void a_fresh_insert_leaves_with_a_scope_that_is_taken(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove__hello hello;
    office_push push;
    rove__row row;

    office_pull(&o);
    row = replica_row(&r, "Visit", 0);
    replica_set_int(&row, "account_id", a);
    replica_set_int(&row, "status", 1);
    rove_id id = replica_insert(&r, &row);
    office_hold(&o, a, 0);
    office_pull(&o);
    expect_gone("Visit", id);
    office_receive(&o, &hello, &push);
    assert_int_equal(push.count, 1);
    assert_int_equal(push.changes[0].row.id, id);
    office_answer *answer = office_judge(&o, &push);
    replica_ok(&r, rove__store_apply(r.store, answer->acks, answer->count, NULL, &r.error));
    assert_non_null(office_find(&o, row.entity->number, id));
    office_expect_verified(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_of_a_scope_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(one_month_leaves_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(unsent_work_outlives_its_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(a_delete_in_flight_outlives_its_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_that_the_rep_moved_leaves_with_headquarters_scope,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_held_leaves_but_for_fresh_inserts, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_fresh_insert_leaves_with_a_scope_that_is_taken, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
