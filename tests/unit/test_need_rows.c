/*
 * P15, Q8: records that headquarters lacks, and that a rep has edited: all of them come back, however large they are
 * together, and whichever answer is lost.
 */
#include "pair.h"

#define SOME  40
#define MANY  1000 /* more than the ROW frames of one request hold */
#define LARGE 16000

static rove_id account;
static rove_id visits[MANY];

static void make_account(void) {
    account = site_account(&hq, "Bakery");
    site_grant(&hq, first.user, account);
}

static void make_visits(size_t count) {
    static char text[LARGE + 1];
    uint32_t seed = 1;

    for (size_t i = 0; i < count; i++) {
        rove__row *row = site_row(&hq, "Visit", 0);
        for (size_t k = 0; k < LARGE; k++) {
            seed = seed * 1664525u + 1013904223u;
            text[k] = (char)('!' + (seed >> 24) % 90);
        }
        site_int(row, "account_id", account);
        site_int(row, "planned_start", SITE_NOW);
        site_text(row, "notes", text);
        visits[i] = site_insert(&hq, row);
    }
}

static void edit_visits(size_t count) {
    const rove_field purpose = {"purpose", rove_text("what the rep wrote")};

    for (size_t i = 0; i < count; i++) {
        phone_ok(&first, rove_update(first.replica, "Visit", visits[i], &purpose, 1, &first.error));
    }
}

static void purge_visits(size_t count) {
    for (size_t i = 0; i < count; i++) {
        site_delete(&hq, "Visit", visits[i]);
    }
    site_purge(&hq, INT64_MAX);
}

static void sync_often(void) {
    for (int i = 0; i < 4; i++) {
        (void)sync_ok(&first);
        first.now.wall_ms += 60000;
        hq.now_ms += 60000;
    }
}

static void expect_visits(size_t count) {
    size_t here = 0;
    rove__hq_row row;

    for (size_t i = 0; i < count; i++) {
        here += site_get(&hq, "Visit", visits[i], &row) != 0 &&
                site_cell(&hq, "Visit", visits[i], "purpose").type == ROVE_TEXT;
    }
    assert_int_equal(here, count);
    assert_int_equal(memory_headquarters_parked(hq.hq), 0);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), count);
}

static void come_back_after_a_purge(size_t count) {
    make_account();
    make_visits(count);
    sync_often();
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), count);
    edit_visits(count);
    purge_visits(count);
    sync_often();
    expect_visits(count);
}

static void more_than_one_frame_holds(void **state) {
    (void)state;
    come_back_after_a_purge(SOME);
}

static void more_than_one_request_holds(void **state) {
    (void)state;
    come_back_after_a_purge(MANY);
}

static void what_a_restore_lost(void **state) {
    (void)state;
    make_account();
    sync_often();
    size_t backup = memory_headquarters_backup(hq.hq);
    make_visits(SOME);
    sync_often();
    edit_visits(SOME);
    memory_headquarters_restore(hq.hq, backup, 77, 977);
    sync_often();
    expect_visits(SOME);
}

/* The answers that ask for them are lost, from the first to the `lost`th. */
static void come_back_after(int lost) {
    make_account();
    make_visits(2);
    sync_often();
    edit_visits(2);
    purge_visits(2);
    first.cut_at = 1;
    first.cut_status = ROVE_NETWORK;
    for (int i = 0; i < lost; i++) {
        phone_is(&first, rove_sync(first.replica, NULL, NULL, &first.error), ROVE_NETWORK);
    }
    first.cut_at = 0;
    sync_often();
    expect_visits(2);
}

static void though_the_answer_that_asks_is_lost(void **state) {
    (void)state;
    come_back_after(1);
}

static void though_many_answers_are_lost(void **state) {
    (void)state;
    come_back_after(5);
}

/* Headquarters tells the app to upgrade, often, and nothing else; then that is done. */
static void once_the_app_is_upgraded(void **state) {
    (void)state;
    make_account();
    make_visits(2);
    sync_often();
    edit_visits(2);
    purge_visits(2);
    oldest_schema = UINT32_MAX;
    for (int i = 0; i < 20; i++) {
        phone_is(&first, rove_sync(first.replica, NULL, NULL, &first.error), ROVE_UPGRADE);
    }
    oldest_schema = 0;
    sync_often();
    expect_visits(2);
}

#define BACK(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        BACK(more_than_one_frame_holds),    BACK(more_than_one_request_holds),
        BACK(what_a_restore_lost),          BACK(though_the_answer_that_asks_is_lost),
        BACK(though_many_answers_are_lost), BACK(once_the_app_is_upgraded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
