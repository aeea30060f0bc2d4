/*
 * test_client_headquarters.c - the whole way: the app's handle at one end, headquarters' own exchange over a store in
 * memory at the other. What reps write arrives, what they are assigned comes down, both ends agree on digests, and
 * stay in agreement through cuts, restores, copies and random work of two reps.
 */
#include "pair.h"

/* ---- a day ---- */

static void test_a_thousand_offline_writes_in_one_request(void **state) {
    (void)state;
    (void)sync_ok(&first);
    phone_ok(&first, rove_begin(first.replica, &first.error));
    for (int i = 0; i < 1000; i++) {
        (void)phone_account(&first, "written offline");
    }
    phone_ok(&first, rove_commit(first.replica, &first.error));
    rove_sync_report report = sync_ok(&first);
    assert_int_equal(report.requests, 1);
    assert_int_equal(report.rows_pushed, 1000);
    assert_int_equal(report.rejected + report.reviewed + report.lost, 0);
    assert_true(report.verified);
    assert_int_equal(phone_state(&first).pending, 0);
    assert_int_equal(phone_state(&first).records, 1000);
    assert_true(phone_state(&first).verified_ms > 0);
    settle(&second);
    assert_int_equal(phone_number(&second, "SELECT count(*) FROM account"), 1000);
}

static void test_nothing_new_is_one_small_request(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        (void)phone_account(&first, "account");
    }
    settle(&first);
    rove_sync_report report = sync_ok(&first);
    assert_int_equal(report.requests, 1);
    assert_true(report.verified);
    assert_true(report.bytes_sent <= 700 && report.bytes_received <= 700);
}

static void test_assignments_come_and_go(void **state) {
    rove_id accounts[10];
    (void)state;

    for (size_t i = 0; i < 10; i++) {
        accounts[i] = site_account(&hq, "of headquarters");
        for (int v = 0; v < 5; v++) {
            (void)site_visit(&hq, accounts[i], SITE_NOW + v * PHONE_DAY_MS);
        }
        if (i < 6) {
            site_grant(&hq, PHONE_USER, accounts[i]);
        }
    }
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 6);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), 30);
    site_revoke(&hq, PHONE_USER, accounts[0]);
    site_grant(&hq, PHONE_USER, accounts[9]);
    rove_sync_report report = sync_ok(&first);
    assert_true(report.rows_removed >= 6);
    assert_true(report.rows_applied >= 6);
    assert_true(report.scopes_left > 0 && report.scopes_entered > 0);
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), 30);
}

static void test_unsent_work_survives_the_end_of_an_assignment(void **state) {
    rove_id account = site_account(&hq, "Ajax");
    (void)state;

    site_grant(&hq, PHONE_USER, account);
    settle(&first);
    rove_field visit[] = {{"account_id", rove_int(account)}, {"planned_start", rove_int(SITE_NOW)}};
    rove_id id = 0;
    phone_ok(&first, rove_insert(first.replica, "Visit", visit, 2, &id, &first.error));
    site_revoke(&hq, PHONE_USER, account);
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 0);
    rove__hq_row row;
    assert_true(site_get(&hq, "Visit", id, &row));
}

static void test_two_reps_meet_and_settle_it(void **state) {
    rove_id id = phone_account(&first, "Ajax");
    rove_id conflict = 0;
    (void)state;

    settle(&first);
    settle(&second);
    first.now.boot_ms += 1000;
    rename_account(&first, id, "of the first");
    second.now.boot_ms += 2000;
    rename_account(&second, id, "of the second");
    hq.now_ms += 5000;
    settle(&second);
    settle(&first);
    settle(&second);
    assert_int_equal(phone_state(&first).conflicts, 1);
    assert_int_equal(phone_state(&second).conflicts, 1);
    int second_won = same_name(&first, "of the second");
    assert_true(second_won || same_name(&first, "of the first"));
    phone_ok(&first, rove_conflicts(first.replica, NULL, take_number, &conflict, &first.error));
    phone_ok(&first, rove_conflict_settle(first.replica, conflict, 1, &first.error));
    settle(&first);
    settle(&second);
    assert_int_equal(phone_state(&second).conflicts, 0);
    assert_true(same_name(&second, second_won ? "of the first" : "of the second"));
}

/* ---- trouble ---- */

static void test_a_cut_after_any_number_of_bytes(void **state) {
    (void)state;
    for (int i = 0; i < 40; i++) {
        rove_id account = site_account(&hq, "of headquarters");
        site_grant(&hq, PHONE_USER, account);
        (void)site_visit(&hq, account, SITE_NOW);
        (void)phone_account(&first, "of the rep");
    }
    hq.page_rows = 7;
    first.cut_status = ROVE_NETWORK;
    for (size_t cut = 1;; cut += 61) {
        first.cut_at = cut;
        rove_status status = rove_sync(first.replica, NULL, NULL, &first.error);
        if (status == ROVE_OK) {
            break;
        }
        phone_is(&first, status, ROVE_NETWORK);
    }
    first.cut_at = 0;
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 80);
    assert_int_equal(
        memory_headquarters_rows(hq.hq, rove__registry_by_name(hq.registry, "Account")->number),
        80);
}

/* Its answer was lost. Not all that it names can come along with the next one: the pages and the digest see to the rest. */
static void test_a_small_batch_that_names_large_records_comes_again(void **state) {
    enum { COUNT = 40 };
    static char text[16000];
    rove_id accounts[COUNT];
    (void)state;

    memset(text, 'x', sizeof text - 1);
    for (size_t i = 0; i < COUNT; i++) {
        rove__row *row = site_row(&hq, "Account", 0);
        site_text(row, "name", "of headquarters");
        site_text(row, "description", text);
        accounts[i] = site_insert(&hq, row);
        site_grant(&hq, PHONE_USER, accounts[i]);
    }
    settle(&first);
    for (size_t i = 0; i < COUNT; i++) {
        rename_account(&first, accounts[i], "of the rep");
    }
    first.cut_at = 1;
    first.cut_status = ROVE_NETWORK;
    phone_is(&first, rove_sync(first.replica, NULL, NULL, &first.error), ROVE_NETWORK);
    first.cut_at = 0;
    hq.ack_bytes = 10 * sizeof text;
    rove_sync_report report = sync_ok(&first);
    /* Every record once with a page, and a frame of them with the Ack. */
    assert_true(report.rows_applied > COUNT && report.rows_applied < COUNT + 20);
    assert_true(report.verified);
    settle(&first);
    settle(&second);
    assert_int_equal(
        phone_number(&second, "SELECT count(*) FROM account WHERE name = 'of the rep'"), COUNT);
}

static void test_a_budget_of_bytes_ends_in_agreement(void **state) {
    rove_sync_options options = {.size = sizeof options, .bytes_max = 3000};
    rove_sync_report report;
    rove_status status = ROVE_LIMIT;
    int syncs = 0;
    (void)state;

    for (int i = 0; i < 300; i++) {
        site_grant(&hq, PHONE_USER, site_account(&hq, "an account of headquarters"));
    }
    hq.page_rows = 20;
    while (status == ROVE_LIMIT) {
        status = rove_sync(first.replica, &options, &report, &first.error);
        assert_true(++syncs < 100);
    }
    phone_ok(&first, status);
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 300);
}

static void test_a_restored_headquarters_gets_everything_again(void **state) {
    (void)state;
    (void)phone_account(&first, "before the backup");
    settle(&first);
    size_t backup = memory_headquarters_backup(hq.hq);
    (void)phone_account(&first, "after the backup");
    settle(&first);
    memory_headquarters_restore(hq.hq, backup, 4711, 99);
    (void)phone_account(&first, "after the restore");
    settle(&first);
    settle(&second);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 3);
    assert_int_equal(phone_number(&second, "SELECT count(*) FROM account"), 3);
    assert_int_equal(first.fresh_renewals, 0);
}

static void copy_file(const char *from_folder, const char *to_folder, const char *name) {
    char path[128];
    uint8_t bytes[4096];
    size_t size = 1;

    snprintf(path, sizeof path, "%s/%s", from_folder, name);
    FILE *from = fopen(path, "rb");
    if (from == NULL) {
        return;
    }
    snprintf(path, sizeof path, "%s/%s", to_folder, name);
    FILE *to = fopen(path, "wb");
    assert_non_null(to);
    while ((size = fread(bytes, 1, sizeof bytes, from)) > 0) {
        assert_int_equal(fwrite(bytes, 1, size, to), size);
    }
    assert_int_equal(fclose(from), 0);
    assert_int_equal(fclose(to), 0);
}

/* The second phone becomes a copy of the first: same files, same certificate. */
static void copy_phone(void) {
    static const char *const files[] = {"replica.db", "replica.db-wal", "replica.db-log",
                                        "identity", "core.key"};

    phone_close(&first);
    phone_close(&second);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        copy_file(first.folder, second.folder, files[i]);
    }
    phone_open(&first);
    phone_open(&second);
    second.number = first.number;
    first.now.boot_ms += 5;
    second.now.boot_ms += 9;
}

static void test_a_copied_phone_gets_a_number_of_its_own(void **state) {
    (void)state;
    (void)phone_account(&first, "before the copy");
    settle(&first);
    copy_phone();
    (void)phone_account(&first, "of the original");
    (void)phone_account(&second, "of the copy");
    settle(&first);
    settle(&second);
    assert_int_equal(second.fresh_renewals, 1);
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 3);
    assert_int_equal(phone_number(&second, "SELECT count(*) FROM account"), 3);
    assert_int_not_equal(phone_state(&first).replica, phone_state(&second).replica);
}

/*
 * A copy's new account is lost with headquarters' files, and the original's gets its id. Of the copy two batches wait then, a visit
 * there and an edit of it: one answer takes the first, and renames the account in the second, which the first names as well.
 */
static void test_a_batch_is_acknowledged_before_the_next_is_renamed(void **state) {
    (void)state;
    (void)phone_account(&first, "before the copy");
    settle(&first);
    copy_phone();
    size_t backup = memory_headquarters_backup(hq.hq);
    rove_id account = phone_account(&second, "of the copy");
    settle(&second);
    memory_headquarters_restore(hq.hq, backup, 4711, 99);
    assert_int_equal(phone_account(&first, "of the original"), account);
    settle(&first);

    rove_field visit[] = {{"account_id", rove_int(account)}, {"planned_start", rove_int(SITE_NOW)}};
    rove_field phone_no[] = {{"phone", rove_text("1")}};
    rove_id id = 0;
    phone_ok(&second, rove_insert(second.replica, "Visit", visit, 2, &id, &second.error));
    second.cut_at = 1;
    second.cut_status = ROVE_NETWORK;
    phone_is(&second, rove_sync(second.replica, NULL, NULL, &second.error), ROVE_NETWORK);
    second.cut_at = 0;
    phone_ok(&second, rove_update(second.replica, "Account", account, phone_no, 1, &second.error));
    settle(&second);
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 3);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account WHERE name = 'of the copy'"
                                          " AND phone = '1'"),
                     1);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), 1);
}

static size_t cut_under_new_number;

static rove_status route_and_cut(phone *p, const rove_request *request, const rove__buf *body,
                                 rove__buf *answer) {
    int exchanges = strstr(request->url, "/v1/exchange") != NULL;

    p->cut_at = p->former != 0 && exchanges ? cut_under_new_number : 0;
    return route(p, request, body, answer);
}

/*
 * Headquarters' files lose a copy's new account, and the original's gets its id; then the copy is noticed, and its account comes under
 * the number that it had, to get another id. The answer ends somewhere. What the copy plans there follows all the same.
 */
static void plan_on_a_lost_account(size_t cut_at) {
    (void)phone_account(&first, "before the copy");
    settle(&first);
    copy_phone();
    size_t backup = memory_headquarters_backup(hq.hq);
    rove_id account = phone_account(&second, "of the copy");
    settle(&second);
    memory_headquarters_restore(hq.hq, backup, 4711, 99);
    assert_int_equal(phone_account(&first, "of the original"), account);
    settle(&first);

    rove_field visit[] = {{"account_id", rove_int(account)}, {"planned_start", rove_int(SITE_NOW)}};
    rove_id id = 0;
    phone_ok(&second, rove_insert(second.replica, "Visit", visit, 2, &id, &second.error));
    second.route = route_and_cut;
    second.cut_status = ROVE_NETWORK;
    cut_under_new_number = cut_at;
    rove_status status = rove_sync(second.replica, NULL, NULL, &second.error);
    assert_true(status == ROVE_OK || status == ROVE_NETWORK);
    cut_under_new_number = 0;
    settle(&second);
    assert_int_equal(second.fresh_renewals, 1);
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit JOIN account ON account_id ="
                                          " account.id WHERE name = 'of the copy'"),
                     1);
}

static void test_a_new_name_is_heard_of_whatever_is_cut(void **state) {
    for (size_t cut_at = 0; cut_at < 400; cut_at += 20) {
        plan_on_a_lost_account(cut_at);
        pair_tear_down(state);
        pair_set_up(state);
    }
}

/* ---- random work ---- */

static rove_id any_account(phone *p, uint64_t *seed) {
    int64_t count = phone_number(p, "SELECT count(*) FROM account");
    char sql[100];

    if (count == 0) {
        return 0;
    }
    snprintf(sql, sizeof sql, "SELECT id FROM account ORDER BY id LIMIT 1 OFFSET %d",
             (int)(dice(seed) % (uint64_t)count));
    return phone_number(p, sql);
}

static void must_be_sane(phone *p, rove_status status) {
    if (status != ROVE_OK && status != ROVE_NOT_FOUND && status != ROVE_STATE) {
        phone_ok(p, status);
    }
}

static void work(phone *p, uint64_t *seed) {
    rove_id account = any_account(p, seed);
    rove_field name[] = {{"name", rove_text(dice(seed) % 2 ? "one" : "two")}};
    rove_field phone_no[] = {{"phone", rove_text(dice(seed) % 2 ? "1" : "2")}};
    rove_field visit[] = {{"account_id", rove_int(account)}, {"planned_start", rove_int(SITE_NOW)}};
    rove_id id = 0;

    switch (account == 0 ? 0 : dice(seed) % 9) {
    case 0:
        (void)phone_account(p, "new");
        break;
    case 1:
    case 2:
        must_be_sane(p, rove_update(p->replica, "Account", account, name, 1, &p->error));
        break;
    case 3:
        must_be_sane(p, rove_update(p->replica, "Account", account, phone_no, 1, &p->error));
        break;
    case 4:
        must_be_sane(p, rove_increment(p->replica, "Account", account, "points", 3, &p->error));
        break;
    case 5:
        must_be_sane(p, rove_element(p->replica, "Account", account, "alt_names", rove_text("alt"),
                                     dice(seed) % 2 == 0, &p->error));
        break;
    case 6:
        must_be_sane(p, rove_insert(p->replica, "Visit", visit, 2, &id, &p->error));
        break;
    case 7:
        must_be_sane(p, rove_undo(p->replica, "Account", account, &p->error));
        break;
    default:
        if (dice(seed) % 4 == 0) {
            must_be_sane(p, rove_delete(p->replica, "Account", account, &p->error));
        }
        break;
    }
}

static void sync_somehow(phone *p, uint64_t *seed) {
    p->cut_at = dice(seed) % 3 == 0 ? 1 + (size_t)(dice(seed) % 600) : 0;
    p->cut_status = ROVE_NETWORK;
    rove_status status = rove_sync(p->replica, NULL, NULL, &p->error);
    p->cut_at = 0;
    if (status != ROVE_OK && status != ROVE_NETWORK) {
        phone_ok(p, status);
    }
}

static void run_schedule(uint64_t seed) {
    for (int step = 0; step < 120; step++) {
        phone *p = dice(&seed) % 2 ? &first : &second;
        int64_t pause = (int64_t)(dice(&seed) % 5000);
        hq.now_ms += pause;
        first.now.boot_ms += pause;
        second.now.boot_ms += pause;
        if (dice(&seed) % 4 == 0) {
            sync_somehow(p, &seed);
        } else {
            work(p, &seed);
        }
    }
    settle(&first);
    settle(&second);
    settle(&first);
    settle(&second);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"),
                     phone_number(&second, "SELECT count(*) FROM account"));
    assert_int_equal(phone_number(&first, "SELECT coalesce(sum(points), 0) FROM account"),
                     phone_number(&second, "SELECT coalesce(sum(points), 0) FROM account"));
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account_alt_names"),
                     phone_number(&second, "SELECT count(*) FROM account_alt_names"));
    assert_int_equal(phone_state(&first).quarantined, 0);
    assert_int_equal(phone_state(&second).quarantined, 0);
}

static void test_two_reps_at_random_end_in_agreement(void **state) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        run_schedule(seed);
        pair_tear_down(state);
        pair_set_up(state);
    }
}

static void test_a_lease_is_what_headquarters_says(void **state) {
    rove__hq_row row;
    rove_query *query = NULL;
    (void)state;

    settle(&first);
    assert_int_equal(phone_state(&first).lease_until_ms, 0);
    hq.lease_ms = 2 * 3600000;
    settle(&first);
    assert_int_equal(phone_state(&first).lease_until_ms, phone_state(&first).now_ms + hq.lease_ms);
    rove_id account = phone_account(&first, "Ajax");
    first.now.boot_ms += hq.lease_ms;
    phone_is(&first, rove_query_new(first.replica, "SELECT 1", NULL, 0, &query, &first.error),
             ROVE_LOCKED);
    settle(&first);
    assert_true(site_get(&hq, "Account", account, &row));
    hq.lease_ms = 0;
    settle(&first);
    assert_int_equal(phone_state(&first).lease_until_ms, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_thousand_offline_writes_in_one_request),
        TEST(test_nothing_new_is_one_small_request),
        TEST(test_assignments_come_and_go),
        TEST(test_unsent_work_survives_the_end_of_an_assignment),
        TEST(test_two_reps_meet_and_settle_it),
        TEST(test_a_cut_after_any_number_of_bytes),
        TEST(test_a_small_batch_that_names_large_records_comes_again),
        TEST(test_a_budget_of_bytes_ends_in_agreement),
        TEST(test_a_restored_headquarters_gets_everything_again),
        TEST(test_a_copied_phone_gets_a_number_of_its_own),
        TEST(test_a_batch_is_acknowledged_before_the_next_is_renamed),
        TEST(test_a_new_name_is_heard_of_whatever_is_cut),
        TEST(test_a_lease_is_what_headquarters_says),
        TEST(test_two_reps_at_random_end_in_agreement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
