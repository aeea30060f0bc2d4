/*
 * Pages: what headquarters sends replaces what is there, and pending work is laid over it.
 */
#include "office.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "apply");
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

static void a_first_download_brings_everything(void **state) {
    (void)state;
    rove__store_state now;

    for (int i = 0; i < 20; i++) {
        office_row *account = office_account(&o, "Bakery");
        (void)office_visit(&o, account->whole.row.id, REPLICA_NOW_MS);
    }
    office_pull(&o);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 20);
    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    assert_int_equal(now.rows, 40);
    assert_int_equal(now.cursor.seq, o.head.seq);
    assert_int_equal(now.catching_up, 0);
    assert_int_equal(now.unverified, 1);
    office_expect_verified(&o);
    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    assert_int_equal(now.unverified, 0);
    assert_true(now.verified_ms > 0);
}

static void the_same_page_twice_changes_nothing(void **state) {
    (void)state;
    rove__page page;

    for (int i = 0; i < 20; i++) {
        (void)office_account(&o, "Bakery");
    }
    office_page(&o, &page);
    replica_ok(&r, rove__store_apply(r.store, NULL, 0, &page, &r.error));
    int64_t before = replica_sql(&r, "SELECT total_changes()");
    int64_t version = replica_sql(&r, "SELECT sum(length(_clock)) + count(*) FROM account");
    replica_ok(&r, rove__store_apply(r.store, NULL, 0, &page, &r.error));
    /* What is written are a few entries of _meta, and no row. */
    assert_true(replica_sql(&r, "SELECT total_changes()") - before < 10);
    assert_int_equal(replica_sql(&r, "SELECT sum(length(_clock)) + count(*) FROM account"),
                     version);
    office_expect_verified(&o);
}

static void pending_work_is_laid_over_what_comes(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;

    office_pull(&o);
    edit("Account", id, "name", "mine");
    office_set_text(&o, account, "name", "theirs");
    office_set_text(&o, account, "phone", "0123");
    office_pull(&o);
    replica_expect_text(&r, "Account", id, "name", "mine");
    replica_expect_text(&r, "Account", id, "phone", "0123");
    office_expect_verified(&o);
    /* Undoing shows what headquarters said last. */
    replica_begin(&r);
    replica_ok(&r, rove__store_undo(r.store, account->whole.row.entity, id, &r.error));
    replica_commit(&r);
    replica_expect_text(&r, "Account", id, "name", "theirs");
    office_expect_verified(&o);
}

static void a_counter_shows_both(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;

    office_pull(&o);
    replica_begin(&r);
    replica_ok(&r, rove__store_increment(r.store, account->whole.row.entity, id,
                                         replica_field(account->whole.row.entity, "points"), 5,
                                         &r.error));
    replica_commit(&r);
    office_set_int(&o, account, "points", 70);
    office_pull(&o);
    replica_expect_int(&r, "Account", id, "points", 75);
    office_expect_verified(&o);
}

static void a_value_that_was_cleared_is_cleared_here(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;

    office_set_text(&o, account, "phone", "0123");
    office_pull(&o);
    replica_expect_text(&r, "Account", id, "phone", "0123");
    office_set(&o, account, "phone", rove__value_null());
    office_pull(&o);
    replica_expect_null(&r, "Account", id, "phone");
    office_expect_verified(&o);
}

static void a_tombstone_takes_the_row_and_keeps_the_work(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;
    rove__row gone;

    office_pull(&o);
    edit("Account", id, "name", "mine");
    office_delete(&o, account);
    office_pull(&o);
    assert_int_equal(replica_get(&r, "Account", id, &gone), ROVE_NOT_FOUND);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox WHERE batch IS NOT NULL"), 1);
    office_expect_verified(&o);
    /* Headquarters had not seen the edit: the record comes back with it. */
    office_exchange(&o);
    assert_false(account->dead);
    replica_expect_text(&r, "Account", id, "name", "mine");
    office_expect_verified(&o);
}

static void a_mark_counts_only_where_the_row_still_is(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id b = office_account(&o, "B")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);
    rove_id id = visit->whole.row.id;
    office_mark mark = {visit->whole.row.entity_number, id, {b, 0}, 1};
    rove__page page;
    rove__row gone;

    office_pull(&o);
    mark.scope.part = office_scope(visit).part;
    rove__change change = office_mark_of(&o, &mark);
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &change, 1));
    replica_expect_int(&r, "Visit", id, "account_id", a);

    mark.scope.root = a;
    change = office_mark_of(&o, &mark);
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &change, 1));
    assert_int_equal(replica_get(&r, "Visit", id, &gone), ROVE_NOT_FOUND);
}

static void a_row_that_went_away_and_back_stays(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id b = office_account(&o, "B")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);

    office_pull(&o);
    office_set_int(&o, visit, "account_id", b);
    office_set_int(&o, visit, "account_id", a);
    office_pull(&o);
    replica_expect_int(&r, "Visit", visit->whole.row.id, "account_id", a);
    office_expect_verified(&o);
}

static void a_row_that_moves_brings_its_pending_work_along(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id b = office_account(&o, "B")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);
    rove_id id = visit->whole.row.id;

    office_pull(&o);
    edit("Visit", id, "notes", "mine");
    office_set_int(&o, visit, "account_id", b);
    office_pull(&o);
    replica_expect_int(&r, "Visit", id, "account_id", b);
    replica_expect_text(&r, "Visit", id, "notes", "mine");
    office_expect_verified(&o);
    office_exchange(&o);
    office_expect_verified(&o);
    replica_expect_text(&r, "Visit", id, "notes", "mine");
}

static void a_copy_of_this_device_is_noticed(void **state) {
    (void)state;
    rove__page page;
    office_row *stranger = office_insert(&o, "Account", rove__id_make(REPLICA_NUMBER, 1000));
    office_row *good = office_account(&o, "Bakery");
    rove__change changes[2] = {good->whole, stranger->whole};
    rove__row gone;

    memset(&page, 0, sizeof page);
    assert_int_equal(office_apply(&o, &page, changes, 2), ROVE_FORK);
    assert_int_equal(replica_get(&r, "Account", good->whole.row.id, &gone), ROVE_NOT_FOUND);

    /* An id of this device's with another origin. */
    rove_id id = replica_account(&r, "mine");
    stranger->whole.row.id = id;
    memset(&page, 0, sizeof page);
    assert_int_equal(office_apply(&o, &page, &stranger->whole, 1), ROVE_FORK);
    replica_expect_text(&r, "Account", id, "name", "mine");
}

static void another_record_under_an_id_replaces(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;
    rove__store_state now;
    rove__page page;

    office_pull(&o);
    edit("Account", id, "name", "mine");
    rove__change other = account->whole;
    rove__version version = {office_stamp(&o), 1};
    rove__clock_init(&other.clock, version, version, 0);
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &other, 1));
    /* The work was for the record that left. */
    replica_expect_text(&r, "Account", id, "name", "Bakery");
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox WHERE batch = 1"), 1);
    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    assert_true(now.remains); /* of the other in the files */
    uint64_t rows = 0;
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
}

static void a_malformed_page_changes_nothing(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove__page page;
    rove__row gone;
    rove__store_state now;

    memset(&page, 0, sizeof page);
    page.rows = office_batch(&o, &account->whole, 1);
    page.rows.size--;
    page.cursor = o.head;
    assert_int_not_equal(rove__store_apply(r.store, NULL, 0, &page, &r.error), ROVE_OK);
    assert_int_equal(replica_get(&r, "Account", account->whole.row.id, &gone), ROVE_NOT_FOUND);
    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    assert_int_equal(now.cursor.seq, 0);
}

static void unknown_fields_and_entities_are_kept(void **state) {
    (void)state;
    rove__store_state now;
    office_row *account = office_account(&o, "Bakery");
    rove__extra extra = {2500, rove__value_text("from the future")};
    rove__page page;
    rove__change changes[2];

    account->whole.row.extra = &extra;
    account->whole.row.extra_count = 1;
    changes[0] = account->whole;
    memset(&changes[1], 0, sizeof changes[1]);
    changes[1].op = ROVE_OP_WHOLE;
    changes[1].row.entity_number = 60000;
    changes[1].row.id = rove__id_make(1, 99);
    changes[1].row.extra = &extra;
    changes[1].row.extra_count = 1;
    changes[1].clock.origin = changes[1].clock.base = (rove__version){office_stamp(&o), 1};
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, changes, 2));

    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    assert_int_equal(now.unknown_rows, 1);
    assert_int_equal(now.rows, 2);
    uint64_t rows = 0;
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    assert_int_equal(rows, 2);
    edit("Account", account->whole.row.id, "name", "mine");
    rove__row row;
    replica_ok(&r, replica_get(&r, "Account", account->whole.row.id, &row));
    assert_int_equal(row.extra_count, 1);
    assert_int_equal(row.extra[0].number, 2500);

    changes[1].op = ROVE_OP_TOMBSTONE;
    changes[1].row.extra_count = 0;
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &changes[1], 1));
    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    assert_int_equal(now.unknown_rows, 0);
    assert_int_equal(now.rows, 1);
}

/* Unknown fields have whatever number their author gave: the largest is one like any other. */
static void the_largest_field_number_is_kept_like_any_other(void **state) {
    (void)state;
    rove__extra had[] = {{2500, rove__value_int(1)}, {UINT32_MAX, rove__value_int(2)}};
    rove__extra comes[] = {{2500, rove__value_int(3)}, {7, rove__value_int(4)} /* not in it */};
    rove__change whole = office_account(&o, "Bakery")->whole;
    rove__change part = {.op = ROVE_OP_PART, .row = {.entity = whole.row.entity}};
    rove__change joined;

    whole.row.extra = had;
    whole.row.extra_count = 2;
    part.row.extra = comes;
    part.row.extra_count = 1;
    part.clock.base = whole.clock.base;
    replica_ok(&r, rove__apply_join(&whole, &part, &r.arena, &joined));
    assert_int_equal(joined.row.extra_count, 2);
    assert_int_equal(joined.row.extra[0].value.as.integer, 3);
    assert_int_equal(joined.row.extra[1].number, UINT32_MAX);
    assert_int_equal(joined.row.extra[1].value.as.integer, 2);
}

static void a_longer_answer_is_catching_up_until_its_last_page(void **state) {
    (void)state;
    rove__store_state now;
    rove__page page;
    rove__hello hello;
    office_row *account = office_account(&o, "Bakery");
    rove__comparison result = ROVE_EQUAL;
    rove__end end;

    memset(&page, 0, sizeof page);
    page.more = 1;
    page.token = (rove__bytes){(const uint8_t *)"here", 4};
    replica_ok(&r, office_apply(&o, &page, &account->whole, 1));
    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    assert_int_equal(now.catching_up, 1);
    replica_ok(&r, rove__store_hello(r.store, &o.arena, &hello, &r.error));
    assert_int_equal(hello.token.size, 4);
    assert_int_equal(hello.has_total, 0);
    memset(&end, 0, sizeof end);
    end.has_total = 1;
    replica_ok(&r, rove__store_end(r.store, &end, &result, &r.error));
    assert_int_equal(result, ROVE_NOT_COMPARED); /* nothing can be said yet */
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, NULL, 0));
    replica_ok(&r, rove__store_hello(r.store, &o.arena, &hello, &r.error));
    assert_int_equal(hello.has_total, 1);
    assert_int_equal(hello.token.size, 0);
    office_expect_verified(&o);
}

static void a_sealed_record_goes_as_it_was_signed(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);
    rove_id id = visit->whole.row.id;
    rove__hello hello;
    office_push push;

    office_set_int(&o, visit, "status", 4);
    office_pull(&o);
    rove__row row = replica_row(&r, "Visit", id);
    replica_set_text(&row, "notes", "signed");
    replica_set_int(&row, "sealed_at", REPLICA_NOW_MS);
    replica_begin(&r);
    rove_status status = rove__store_seal(r.store, &row, &r.error);
    replica_commit(&r);
    if (status != ROVE_OK) {
        fail_msg("%s", r.error.message);
    }
    office_set_text(&o, visit, "purpose", "changed later");
    office_pull(&o);
    office_receive(&o, &hello, &push);
    assert_int_equal(push.count, 1);
    assert_int_equal(push.changes[0].op, ROVE_OP_SEAL);
    assert_int_equal(
        push.changes[0].row.cells[replica_field(push.changes[0].row.entity, "purpose")].type,
        ROVE_NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_first_download_brings_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_page_twice_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(pending_work_is_laid_over_what_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_counter_shows_both, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_that_was_cleared_is_cleared_here, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tombstone_takes_the_row_and_keeps_the_work, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_mark_counts_only_where_the_row_still_is, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_that_went_away_and_back_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_that_moves_brings_its_pending_work_along, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_copy_of_this_device_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(another_record_under_an_id_replaces, setup, teardown),
        cmocka_unit_test_setup_teardown(a_malformed_page_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_fields_and_entities_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(the_largest_field_number_is_kept_like_any_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_longer_answer_is_catching_up_until_its_last_page, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_sealed_record_goes_as_it_was_signed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
