/*
 * Undo: what was not sent can be taken back, and headquarters' version shows again.
 */
#include "replica.h"
#include "store_trial.h"

static replica r;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "undo");
    store_trial_with(&r.memory);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    store_trial_with(NULL);
    replica_end(&r);
    return 0;
}

static void undo(const char *entity, rove_id id) {
    replica_begin(&r);
    replica_ok(&r, rove__store_undo(r.store, replica_entity(&r, entity), id, &r.error));
    replica_commit(&r);
}

static rove_status undo_fails(const char *entity, rove_id id) {
    replica_begin(&r);
    rove_status status = rove__store_undo(r.store, replica_entity(&r, entity), id, &r.error);
    replica_commit(&r);
    return status;
}

static int64_t indexed(rove_id id) {
    char sql[120];
    snprintf(sql, sizeof sql,
             "SELECT coalesce(sum(element), 0) FROM account_tag_ids WHERE id = %lld",
             (long long)id);
    return replica_sql(&r, sql);
}

/* An account that headquarters has: name, stage 5, tags 1 and 2, 50 points. */
static rove_id confirmed(void) {
    const int64_t tags[] = {1, 2};
    rove__row row = replica_row(&r, "Account", 0);

    replica_set_text(&row, "name", "Bakery");
    replica_set_int(&row, "lifecycle_stage", 5);
    replica_set_int(&row, "points", 50);
    replica_set(&row, "tag_ids", replica_set_of(&r, tags, 2));
    rove_id id = replica_insert(&r, &row);
    replica_settle(&r, "account");
    return id;
}

static void edit_everything(rove_id id) {
    const int64_t tags[] = {2, 3};
    rove__row row = replica_row(&r, "Account", id);

    replica_set_text(&row, "name", "Changed");
    replica_set_int(&row, "lifecycle_stage", 2);
    replica_set_int(&row, "points", 70);
    replica_set(&row, "tag_ids", replica_set_of(&r, tags, 2));
    replica_set_text(&row, "phone", "1");
    replica_update(&r, &row);
}

static void expect_confirmed(rove_id id) {
    const int64_t tags[] = {1, 2};
    rove_value wanted = replica_set_of(&r, tags, 2);
    rove_value shown = replica_cell(&r, "Account", id, "tag_ids");

    replica_expect_text(&r, "Account", id, "name", "Bakery");
    replica_expect_int(&r, "Account", id, "lifecycle_stage", 5);
    replica_expect_int(&r, "Account", id, "points", 50);
    replica_expect_null(&r, "Account", id, "phone");
    assert_true(rove__value_equal(&wanted, &shown));
    assert_int_equal(indexed(id), 3);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _deleted"), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account WHERE _pending IS NOT NULL"), 0);
}

static void an_edit_of_every_kind_is_undone(void **state) {
    (void)state;
    rove_id id = confirmed();

    edit_everything(id);
    assert_int_equal(indexed(id), 5);
    undo("Account", id);
    expect_confirmed(id);
    assert_int_equal(undo_fails("Account", id), ROVE_NOT_FOUND);
}

static void several_edits_are_undone_as_one(void **state) {
    (void)state;
    rove_id id = confirmed();

    edit_everything(id);
    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "name", "Changed again");
    replica_set_int(&row, "points", 71);
    replica_update(&r, &row);
    undo("Account", id);
    expect_confirmed(id);
}

static void an_insert_is_undone_whole(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Mistake");
    rove__row row;

    undo("Account", id);
    assert_int_equal(replica_get(&r, "Account", id, &row), ROVE_NOT_FOUND);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    assert_int_equal(undo_fails("Account", id), ROVE_NOT_FOUND);
    /* The id does not come again, nor after a restart. */
    assert_true(replica_account(&r, "Next") > id);
    undo("Account", id + 1);
    replica_reopen(&r);
    assert_true(replica_account(&r, "After") > id + 1);
}

static void a_delete_is_undone_whole(void **state) {
    (void)state;
    rove_id id = confirmed();

    edit_everything(id);
    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, replica_entity(&r, "Account"), id, &r.error));
    replica_commit(&r);
    undo("Account", id);
    expect_confirmed(id);
}

static void a_seal_that_was_not_sent_is_undone(void **state) {
    (void)state;
    rove_id account = confirmed();
    rove__row row = replica_row(&r, "Visit", 0);
    replica_set_int(&row, "account_id", account);
    replica_set_int(&row, "status", 1);
    rove_id id = replica_insert(&r, &row);
    replica_settle(&r, "visit");

    rove__row seal = replica_row(&r, "Visit", id);
    replica_set_text(&seal, "notes", "Signed too early");
    replica_begin(&r);
    replica_ok(&r, rove__store_seal(r.store, &seal, &r.error));
    replica_commit(&r);
    undo("Visit", id);
    replica_expect_null(&r, "Visit", id, "sealed_at");
    replica_expect_null(&r, "Visit", id, "notes");
    replica_set_text(&seal, "notes", "Better");
    replica_update(&r, &seal);
    replica_expect_text(&r, "Visit", id, "notes", "Better");
}

static void what_was_dropped_is_on_record(void **state) {
    (void)state;
    rove_id id = confirmed();

    edit_everything(id);
    undo("Account", id);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _discarded WHERE why = 'undone'"), 1);
    assert_int_equal(replica_sql(&r, "SELECT row FROM _discarded"), id);
    assert_int_equal(replica_sql(&r, "SELECT at FROM _discarded"), REPLICA_NOW_MS);
}

static void what_is_being_sent_is_not_undone(void **state) {
    (void)state;
    rove_id id = confirmed();

    edit_everything(id);
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    assert_int_equal(undo_fails("Account", id), ROVE_STATE);
    /* What came after it is, and the edit in flight shows again. */
    rove__row row = replica_row(&r, "Account", id);
    const int64_t tags[] = {3};
    const int64_t flying[] = {2, 3};
    replica_set_text(&row, "name", "Later");
    replica_set_int(&row, "points", 100);
    replica_set_int(&row, "lifecycle_stage", 1);
    replica_set(&row, "tag_ids", replica_set_of(&r, tags, 1));
    replica_update(&r, &row);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 2);
    rove__entry entry = replica_entry(&r, "Account", id);
    const rove__pending_cell *name = rove__entry_cell(&entry, 2);
    assert_non_null(name);
    assert_false(name->has_under); /* the edit in flight has it */
    assert_int_equal(name->base.replica, REPLICA_NUMBER);
    assert_true(name->base.stamp < entry.cells[0].raw);
    undo("Account", id);
    replica_expect_text(&r, "Account", id, "name", "Changed");
    replica_expect_int(&r, "Account", id, "points", 70);
    replica_expect_int(&r, "Account", id, "lifecycle_stage", 2);
    rove_value wanted = replica_set_of(&r, flying, 2);
    rove_value shown = replica_cell(&r, "Account", id, "tag_ids");
    assert_true(rove__value_equal(&wanted, &shown));
    assert_int_equal(indexed(id), 5);
    assert_int_equal(undo_fails("Account", id), ROVE_STATE);
}

static void a_delete_over_work_in_flight_is_undone_to_it(void **state) {
    (void)state;
    rove_id id = confirmed();

    edit_everything(id);
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, replica_entity(&r, "Account"), id, &r.error));
    replica_commit(&r);
    rove__entry entry = replica_entry(&r, "Account", id);
    assert_int_equal(entry.op, ROVE_OP_DELETE);
    assert_int_not_equal(entry.previous, 0);
    undo("Account", id);
    replica_expect_text(&r, "Account", id, "name", "Changed");
    replica_expect_int(&r, "Account", id, "points", 70);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _deleted"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(an_edit_of_every_kind_is_undone),
        TEST(several_edits_are_undone_as_one),
        TEST(an_insert_is_undone_whole),
        TEST(a_delete_is_undone_whole),
        TEST(a_seal_that_was_not_sent_is_undone),
        TEST(what_was_dropped_is_on_record),
        TEST(what_is_being_sent_is_not_undone),
        TEST(a_delete_over_work_in_flight_is_undone_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
