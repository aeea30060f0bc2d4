/*
 * Quarantine: a row that cannot be applied stops nobody else, is counted, and is never dropped.
 */
#include "office.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "quarantine");
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

static void expect_gone(rove_id id) {
    rove__row row;
    assert_int_equal(replica_get(&r, "Account", id, &row), ROVE_NOT_FOUND);
}

static rove__store_state look(void) {
    rove__store_state now;
    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    return now;
}

static uint64_t quarantined(void) {
    return look().quarantined;
}

/* A name of 300 bytes: more than this build allows. */
static void make_too_long(office_row *row) {
    char text[301];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    office_set_text(&o, row, "name", text);
}

static void the_others_go_on(void **state) {
    (void)state;
    office_row *good = office_account(&o, "good");
    office_row *bad = office_account(&o, "bad");
    uint64_t left = 0;

    make_too_long(bad);
    office_pull(&o);
    replica_expect_text(&r, "Account", good->whole.row.id, "name", "good");
    expect_gone(bad->whole.row.id);
    assert_int_equal(quarantined(), 1);
    office_expect_verified(&o); /* it counts as it is */
    replica_ok(&r, rove__store_quarantine_retry(r.store, &left, &r.error));
    assert_int_equal(left, 1);
    office_expect_verified(&o);
    office_reopen(&o);
    office_expect_verified(&o);
}

static void a_later_page_frees_it(void **state) {
    (void)state;
    office_row *bad = office_account(&o, "bad");

    make_too_long(bad);
    office_pull(&o);
    office_set_text(&o, bad, "phone", "0123");
    office_pull(&o); /* a part, which queues behind */
    assert_int_equal(quarantined(), 1);
    office_expect_verified(&o);
    office_set_text(&o, bad, "name", "short again");
    office_pull(&o);
    assert_int_equal(quarantined(), 0);
    replica_expect_text(&r, "Account", bad->whole.row.id, "name", "short again");
    replica_expect_text(&r, "Account", bad->whole.row.id, "phone", "0123");
    office_expect_verified(&o);
}

static void it_leaves_with_its_scope(void **state) {
    (void)state;
    office_row *bad = office_account(&o, "bad");

    make_too_long(bad);
    office_pull(&o);
    office_hold(&o, bad->whole.row.id, 0);
    office_pull(&o);
    assert_int_equal(quarantined(), 0);
    assert_true(look().remains);
    office_expect_verified(&o);
}

static void it_leaves_with_its_record(void **state) {
    (void)state;
    office_row *bad = office_account(&o, "bad");

    make_too_long(bad);
    office_pull(&o);
    assert_false(look().remains);
    office_delete(&o, bad);
    office_pull(&o);
    assert_int_equal(quarantined(), 0);
    assert_true(look().remains); /* in the files, until they are tidied */
    office_expect_verified(&o);
}

static void work_on_a_row_that_is_quarantined_is_sent(void **state) {
    (void)state;
    office_row *account = office_account(&o, "good");
    rove_id id = account->whole.row.id;
    rove__row row;

    office_pull(&o);
    row = replica_row(&r, "Account", id);
    replica_set_text(&row, "phone", "mine");
    replica_update(&r, &row);
    make_too_long(account);
    office_pull(&o);
    expect_gone(id);
    assert_int_equal(quarantined(), 1);
    office_expect_verified(&o);
    office_exchange(&o);
    assert_int_equal(
        account->whole.row.cells[replica_field(account->whole.row.entity, "phone")].size, 4);
    office_set_text(&o, account, "name", "good");
    office_pull(&o);
    replica_expect_text(&r, "Account", id, "phone", "mine");
    assert_int_equal(quarantined(), 0);
    office_expect_verified(&o);
}

static void a_part_of_nothing_is_kept_until_the_whole_comes(void **state) {
    (void)state;
    office_row *account = office_account(&o, "good");
    rove__page page;

    rove__change part = office_part(&o, account, 0);
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &part, 1));
    assert_int_equal(quarantined(), 1);
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &account->whole, 1));
    assert_int_equal(quarantined(), 0);
    replica_expect_text(&r, "Account", account->whole.row.id, "name", "good");
    office_expect_verified(&o);
}

/* Which scope it is in nobody can tell; but totals that are equal say that it is in none that is held. */
static void a_part_of_nothing_leaves_when_nothing_is_missing(void **state) {
    (void)state;
    office_row *account = office_account(&o, "good");
    rove__page page;

    rove__change part = office_part(&o, account, 0);
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &part, 1));
    assert_false(office_verified(&o));
    assert_int_equal(quarantined(), 1);
    office_hold(&o, account->whole.row.id, 0);
    office_pull(&o);
    assert_false(look().remains);
    office_expect_verified(&o);
    assert_int_equal(quarantined(), 0);
    assert_true(look().remains);
    expect_gone(account->whole.row.id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_others_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_later_page_frees_it, setup, teardown),
        cmocka_unit_test_setup_teardown(it_leaves_with_its_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(it_leaves_with_its_record, setup, teardown),
        cmocka_unit_test_setup_teardown(work_on_a_row_that_is_quarantined_is_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(a_part_of_nothing_is_kept_until_the_whole_comes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_part_of_nothing_leaves_when_nothing_is_missing, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
