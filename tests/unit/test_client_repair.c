/*
 * A replica that differs from headquarters (G2), the whole way: it is found, what differs is fetched and nothing else, nothing
 * twice within an hour, and unsent work is never touched.
 */
#include "pair.h"
#include "store/internal.h"

#define HOUR   INT64_C(3600000)
#define VISITS (ROVE_BUCKETED_ROWS + 104)

static void damage(phone *p, const char *sql) {
    assert_int_equal(sqlite3_exec(p->replica->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void damage_visit(phone *p, rove_id id) {
    char sql[100];

    snprintf(sql, sizeof sql, "UPDATE visit SET notes = 'damaged' WHERE id = %lld", (long long)id);
    damage(p, sql);
}

static rove_id phone_visit(phone *p, rove_id account) {
    rove_field visit[] = {{"account_id", rove_int(account)}, {"planned_start", rove_int(SITE_NOW)}};
    rove_id id = 0;

    phone_ok(p, rove_insert(p->replica, "Visit", visit, 2, &id, &p->error));
    return id;
}

static int64_t damaged(phone *p) {
    return phone_number(p, "SELECT count(*) FROM visit WHERE notes = 'damaged'");
}

static uint64_t differing(phone *p) {
    return phone_state(p).differing;
}

/* What verify finds; it says so once, and the next exchange mends it. */
static void verify_finds(phone *p) {
    uint64_t records = 0;

    phone_is(p, rove_verify(p->replica, &records, &p->error), ROVE_CORRUPT);
    assert_non_null(strstr(p->error.message, "the next exchange repairs them"));
    assert_int_equal(phone_state(p).verified_ms, 0);
}

static void an_hour_passes(phone *p) {
    hq.now_ms += HOUR;
    p->now.boot_ms += HOUR;
    p->now.wall_ms += HOUR;
}

/* The connection is lost in the middle of the rows that are to mend it; `all` are damaged. */
static void sync_until_cut(phone *p, int64_t all) {
    p->cut_status = ROVE_NETWORK;
    for (p->cut_at = 300; damaged(p) == all; p->cut_at += 20) {
        phone_is(p, rove_sync(p->replica, NULL, NULL, &p->error), ROVE_NETWORK);
    }
    assert_true(damaged(p) > 0);
    p->cut_at = 0;
}

/* A sum that headquarters keeps wrong: nothing that it sends makes the replica equal. */
static void spoil_headquarters(int64_t by) {
    rove__scope scope = {0, 0};
    rove__hash128 sum;
    rove__hq_tx *tx = NULL;
    int64_t rows = 0;

    assert_int_equal(hq.store->begin(hq.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(hq.store->sum_get(tx, scope, &sum, &rows), ROVE_OK);
    sum.low += (uint64_t)by;
    assert_int_equal(hq.store->sum_put(tx, scope, sum, rows), ROVE_OK);
    assert_int_equal(hq.store->commit(tx, NULL), ROVE_OK);
}

/* ---- damage ---- */

static void test_damage_is_found_and_repaired(void **state) {
    (void)state;
    rove_id account = site_account(&hq, "as headquarters has it");
    site_grant(&hq, PHONE_USER, account);
    rove_id visit = site_visit(&hq, account, SITE_NOW);
    settle(&first);
    damage(&first, "UPDATE account SET name = 'damaged'");
    damage(&first, "DELETE FROM visit");
    verify_finds(&first);
    rove_sync_report report = sync_ok(&first);
    assert_true(report.verified);
    assert_int_equal(report.rows_applied, 2);
    assert_int_equal(
        phone_number(&first, "SELECT count(*) FROM account WHERE name = 'as headquarters has it'"),
        1);
    assert_int_equal(phone_number(&first, "SELECT id FROM visit"), visit);
    settle(&first);
}

/* Of a large scope one bucket comes; what the rep did and did not send yet is his. */
static void test_of_a_large_scope_a_bucket_is_fetched(void **state) {
    (void)state;
    rove_id account = site_account(&hq, "busy");
    site_grant(&hq, PHONE_USER, account);
    rove_id visits = site_visits(&hq, account, SITE_NOW, VISITS);
    settle(&first);
    damage_visit(&first, visits + 7);
    verify_finds(&first);
    rove_sync_report report = sync_ok(&first);
    assert_true(report.verified);
    assert_true(report.rows_applied > 1 && report.rows_applied < VISITS / 32);
    assert_int_equal(damaged(&first), 0);

    an_hour_passes(&first);
    damage_visit(&first, visits + 7);
    verify_finds(&first);
    rove_id mine = phone_visit(&first, account);
    report = sync_ok(&first);
    assert_true(report.verified);
    assert_int_equal(damaged(&first), 0);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), VISITS + 1);
    assert_int_equal(site_cell(&hq, "Visit", mine, "account_id").as.integer, account);
    settle(&first);
}

/* Half of all is damaged: it comes in several exchanges, each of which is done with some of it. */
static void test_much_damage_is_repaired_bit_by_bit(void **state) {
    (void)state;
    rove_id account = site_account(&hq, "busy");
    site_grant(&hq, PHONE_USER, account);
    (void)site_visits(&hq, account, SITE_NOW, VISITS);
    settle(&first);
    hq.page_rows = 40;
    damage(&first, "UPDATE visit SET notes = 'damaged' WHERE id % 2 = 0");
    damage(&first, "DELETE FROM visit WHERE id % 101 = 0");
    verify_finds(&first);
    sync_until_cut(&first, VISITS / 2);
    rove_sync_report report = sync_ok(&first);
    assert_true(report.verified);
    assert_true(report.requests > 4);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), VISITS);
    assert_int_equal(damaged(&first), 0);
    settle(&first);
}

/* A repair that was cut off leaves nothing behind that nobody ends. */
static void test_a_cut_repair_is_taken_up_again(void **state) {
    (void)state;
    rove_id account = site_account(&hq, "damaged");
    site_grant(&hq, PHONE_USER, account);
    (void)site_visits(&hq, account, SITE_NOW, 400);
    settle(&first);
    hq.page_rows = 10;
    damage(&first, "UPDATE visit SET notes = 'damaged'");
    verify_finds(&first);
    sync_until_cut(&first, 400);
    assert_int_equal(phone_state(&first).catching_up, 1);
    settle(&first);
    assert_int_equal(phone_state(&first).catching_up, 0);
    assert_int_equal(damaged(&first), 0);
}

/* Each sync may receive one page; how many syncs it takes until all is equal. */
static size_t sync_page_by_page(phone *p, size_t most) {
    rove_sync_options options = {.size = sizeof options, .bytes_max = 1};
    rove_status status = ROVE_LIMIT;
    rove_sync_report report = {.verified = 0};
    size_t count = 0;

    while (!report.verified && count < most) {
        status = rove_sync(p->replica, &options, &report, &p->error);
        assert_true(status == ROVE_LIMIT || status == ROVE_OK);
        count++;
    }
    assert_true(report.verified);
    return count;
}

/* One scope, whole or by bucket, has many more rows than a sync may bring. */
static void test_a_repair_larger_than_the_budget_comes_to_its_end(void **state) {
    (void)state;
    rove_id account = site_account(&hq, "busy");
    site_grant(&hq, PHONE_USER, account);
    (void)site_visits(&hq, account, SITE_NOW, 100);
    settle(&first);
    hq.page_rows = 10;
    damage(&first, "UPDATE visit SET notes = 'damaged' WHERE id % 2 = 0");
    damage(&first, "DELETE FROM visit WHERE id % 3 = 0");
    verify_finds(&first);
    assert_true(sync_page_by_page(&first, 400) > 5);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), 100);
    assert_int_equal(damaged(&first), 0);

    hq.page_rows = 1000;
    (void)site_visits(&hq, account, SITE_NOW, VISITS - 100);
    settle(&first);
    an_hour_passes(&first);
    hq.page_rows = 100;
    damage(&first, "UPDATE visit SET notes = 'damaged' WHERE id % 2 = 0");
    verify_finds(&first);
    assert_true(sync_page_by_page(&first, 120) > 40);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), VISITS);
    assert_int_equal(damaged(&first), 0);
    assert_int_equal(phone_state(&first).catching_up, 0);
    settle(&first);
}

/* ---- what does not help ---- */

static void test_what_differs_again_is_not_fetched_for_an_hour(void **state) {
    (void)state;
    (void)site_products(&hq, 50);
    settle(&first);
    spoil_headquarters(+1);
    rove_sync_report report = sync_ok(&first);
    assert_false(report.verified);
    assert_int_equal(report.rows_applied, 50);
    assert_int_equal(report.requests, 3); /* found, fetched, found again */
    assert_int_equal(differing(&first), 1);

    first.now.boot_ms += HOUR / 2;
    hq.now_ms += HOUR / 2;
    report = sync_ok(&first);
    assert_int_equal(report.rows_applied, 0);
    assert_int_equal(report.requests, 2);
    assert_int_equal(differing(&first), 1);

    an_hour_passes(&first);
    report = sync_ok(&first);
    assert_int_equal(report.rows_applied, 50);
    assert_int_equal(differing(&first), 1);

    spoil_headquarters(-1);
    report = sync_ok(&first);
    assert_true(report.verified);
    assert_int_equal(differing(&first), 0);
}

/* Nor does it come again because it came in pieces, each in an answer of its own. */
static void test_what_came_in_pieces_waits_for_the_hour_too(void **state) {
    rove_sync_options options = {.size = sizeof options, .bytes_max = 1};
    uint64_t rows = 0;

    (void)state;
    (void)site_products(&hq, 50);
    settle(&first);
    hq.page_rows = 10;
    spoil_headquarters(+1);
    for (int i = 0; i < 40; i++) {
        rove_sync_report report;
        rove_status status = rove_sync(first.replica, &options, &report, &first.error);
        assert_true(status == ROVE_LIMIT || status == ROVE_OK);
        rows += report.rows_applied;
    }
    assert_int_equal(rows, 50);
    assert_int_equal(differing(&first), 1);
}

/* It is not forgotten when the app is closed. */
static void test_the_hour_outlives_the_app(void **state) {
    (void)state;
    (void)site_products(&hq, 50);
    settle(&first);
    spoil_headquarters(+1);
    (void)sync_ok(&first);
    phone_close(&first);
    phone_open(&first);
    assert_int_equal(differing(&first), 1);
    rove_sync_report report = sync_ok(&first);
    assert_int_equal(report.rows_applied, 0);
    spoil_headquarters(-1);
    settle(&first);
}

/* ---- behind the purge horizon (Q8) ---- */

static void test_a_phone_that_was_away_for_long_loses_nothing(void **state) {
    (void)state;
    for (int i = 0; i < 30; i++) {
        rove_id account = site_account(&hq, "as it was");
        site_grant(&hq, PHONE_USER, account);
        (void)site_visit(&hq, account, SITE_NOW);
    }
    settle(&first);
    rove_id held = (rove_id)phone_number(&first, "SELECT min(id) FROM account");
    rove_id lost = (rove_id)phone_number(&first, "SELECT max(id) FROM account");
    rove__row *row = site_row(&hq, "Account", held + 2);
    site_text(row, "name", "as it is");
    site_update(&hq, row);
    site_revoke(&hq, PHONE_USER, lost);
    rove_id mine = phone_visit(&first, held);
    rove_id gone = phone_visit(&first, lost);
    site_purge(&hq, INT64_MAX);
    rove_sync_report report = sync_ok(&first);
    assert_true(report.verified);
    assert_int_equal(phone_state(&first).pending, 0);
    assert_true(report.rows_applied < 6);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 29);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account WHERE name = 'as it is'"),
                     1);
    assert_int_equal(site_cell(&hq, "Visit", mine, "account_id").as.integer, held);
    rove__hq_row none;
    assert_false(site_get(&hq, "Visit", gone, &none));
    assert_int_equal(report.reviewed, 1);
    assert_int_equal(memory_headquarters_reviews(hq.hq), 1);
    settle(&first);
}

/* No sync can take all that differs, and there is no feed that would bring it. */
static void test_a_phone_that_was_away_for_long_catches_up_bit_by_bit(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) {
        rove_id account = site_account(&hq, "as it was");
        site_grant(&hq, PHONE_USER, account);
        (void)site_visits(&hq, account, SITE_NOW, 30);
    }
    settle(&first);
    rove_id held = (rove_id)phone_number(&first, "SELECT min(id) FROM account");
    for (int i = 0; i < 6; i++) {
        char sql[80];
        snprintf(sql, sizeof sql, "SELECT id FROM visit ORDER BY id LIMIT 1 OFFSET %d", 30 * i);
        site_delete(&hq, "Visit", (rove_id)phone_number(&first, sql));
        (void)site_visits(&hq, held, SITE_NOW, 10);
    }
    site_purge(&hq, INT64_MAX);
    hq.page_rows = 10;
    assert_true(sync_page_by_page(&first, 400) > 10);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), 6 * 30 - 6 + 60);
    settle(&first);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_damage_is_found_and_repaired),
        TEST(test_of_a_large_scope_a_bucket_is_fetched),
        TEST(test_much_damage_is_repaired_bit_by_bit),
        TEST(test_a_cut_repair_is_taken_up_again),
        TEST(test_a_repair_larger_than_the_budget_comes_to_its_end),
        TEST(test_what_differs_again_is_not_fetched_for_an_hour),
        TEST(test_what_came_in_pieces_waits_for_the_hour_too),
        TEST(test_the_hour_outlives_the_app),
        TEST(test_a_phone_that_was_away_for_long_loses_nothing),
        TEST(test_a_phone_that_was_away_for_long_catches_up_bit_by_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
