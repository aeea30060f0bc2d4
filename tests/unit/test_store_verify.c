/*
 * Digests: those that are kept are those of the rows, also after another key, and a difference is found.
 */
#include "office.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "verify");
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

static void a_flipped_value_is_found(void **state) {
    (void)state;
    uint64_t rows = 0;

    (void)office_account(&o, "Bakery");
    office_pull(&o);
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    assert_int_equal(rows, 1);
    assert_int_equal(
        sqlite3_exec(r.store->db, "UPDATE account SET name = 'Bakery '", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(rove__store_verify(r.store, &rows, &r.error), ROVE_CORRUPT);
    assert_non_null(strstr(r.error.message, "4294967297/0"));
}

static void a_lost_row_is_found(void **state) {
    (void)state;
    uint64_t rows = 0;

    (void)office_account(&o, "Bakery");
    office_pull(&o);
    assert_int_equal(sqlite3_exec(r.store->db, "DELETE FROM account", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(rove__store_verify(r.store, &rows, &r.error), ROVE_CORRUPT);
}

static void a_row_without_an_id_is_damaged(void **state) {
    (void)state;
    uint64_t rows = 0;

    (void)office_account(&o, "Bakery");
    office_pull(&o);
    assert_int_equal(sqlite3_exec(r.store->db, "UPDATE account SET id = 0", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(rove__store_verify(r.store, &rows, &r.error), ROVE_CORRUPT);
    assert_non_null(strstr(r.error.message, "Reading a row of account failed"));
}

/* What is found once is told to headquarters, by the total: nothing is mended that does not show in it. */
static void what_verify_finds_shows_in_the_total(void **state) {
    (void)state;
    uint64_t rows = 0;

    (void)office_account(&o, "Bakery");
    office_pull(&o);
    assert_true(office_verified(&o));
    assert_int_equal(
        sqlite3_exec(r.store->db, "UPDATE account SET name = 'Bakery '", NULL, NULL, NULL),
        SQLITE_OK);
    assert_true(office_verified(&o)); /* what is kept is as it was */
    assert_int_equal(rove__store_verify(r.store, &rows, &r.error), ROVE_CORRUPT);
    assert_false(office_verified(&o));
}

/* Of a large scope the buckets' sums, which make up the scope's. */
static void large_scopes_are_listed_by_bucket(void **state) {
    (void)state;
    rove__digest_list list;
    rove__hash128 total = {0, 0};

    for (int i = 0; i < 3; i++) {
        (void)office_account(&o, "Bakery");
    }
    office_pull(&o);
    replica_ok(&r, rove__store_digests(r.store, &o.arena, &list, &r.error));
    assert_int_equal(list.bucket_count, 0);
    /* As large as the list of scopes says. */
    assert_int_equal(sqlite3_exec(r.store->db, "UPDATE _scope SET rows = 5000", NULL, NULL, NULL),
                     SQLITE_OK);
    replica_ok(&r, rove__store_digests(r.store, &o.arena, &list, &r.error));
    assert_int_equal(list.bucket_count, 3);
    for (size_t i = 0; i < 3; i++) {
        for (size_t b = 0; b < ROVE_BUCKETS; b++) {
            int is_its = b == rove__bucket(list.buckets[i].scope.root);
            rove__hash128 sum = list.buckets[i].sums[b];
            assert_int_equal(sum.low != 0 || sum.high != 0, is_its);
            rove__hash128_add(&total, sum);
        }
    }
    assert_true(rove__hash128_equal(total, office_total(&o)));
    assert_true(office_verified(&o));
}

static void verifying_changes_nothing(void **state) {
    (void)state;
    uint64_t rows = 0;

    (void)office_account(&o, "Bakery");
    office_pull(&o);
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    assert_true(office_verified(&o));
}

static void pending_work_does_not_count(void **state) {
    (void)state;
    rove_id id = office_account(&o, "Bakery")->whole.row.id;

    office_pull(&o);
    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "name", "mine");
    replica_update(&r, &row);
    (void)replica_account(&r, "new");
    office_expect_verified(&o);
}

static void another_key_recounts_all(void **state) {
    (void)state;
    office_row *bad = office_account(&o, "bad");
    char text[301];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    office_set_text(&o, bad, "name", text);
    (void)office_account(&o, "Bakery");
    office_pull(&o);
    office_expect_verified(&o);
    memset(o.key, 9, sizeof o.key);
    assert_false(office_verified(&o));
    office_welcome(&o);
    office_expect_verified(&o);
}

static void scopes_are_listed_in_order(void **state) {
    (void)state;
    rove__digest_list list;

    for (int i = 0; i < 5; i++) {
        rove_id a = office_account(&o, "Bakery")->whole.row.id;
        (void)office_visit(&o, a, REPLICA_NOW_MS);
    }
    office_pull(&o);
    replica_ok(&r, rove__store_digests(r.store, &o.arena, &list, &r.error));
    assert_int_equal(list.count, 10);
    assert_int_equal(list.last, 1);
    rove__hash128 total = {0, 0};
    for (size_t i = 0; i < list.count; i++) {
        rove__hash128_add(&total, list.items[i].sum);
        if (i > 0) {
            assert_true(list.items[i].scope.root > list.items[i - 1].scope.root ||
                        list.items[i].scope.part > list.items[i - 1].scope.part);
        }
    }
    assert_true(rove__hash128_equal(total, office_total(&o)));
}

static void a_difference_is_reported(void **state) {
    (void)state;
    rove__end end;
    rove__comparison result = ROVE_NOT_COMPARED;

    (void)office_account(&o, "Bakery");
    office_pull(&o);
    memset(&end, 0, sizeof end);
    end.has_total = 1;
    end.total.low = 1;
    replica_ok(&r, rove__store_end(r.store, &end, &result, &r.error));
    assert_int_equal(result, ROVE_DIFFERENT);
    end.has_total = 0;
    replica_ok(&r, rove__store_end(r.store, &end, &result, &r.error));
    assert_int_equal(result, ROVE_NOT_COMPARED);
}

static void another_device_is_not_welcomed(void **state) {
    (void)state;
    rove__welcome welcome;

    memset(&welcome, 0, sizeof welcome);
    welcome.replica = REPLICA_NUMBER + 1;
    welcome.user = REPLICA_USER;
    assert_int_equal(rove__store_welcome(r.store, &welcome, &r.error), ROVE_PROTOCOL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flipped_value_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_row_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_without_an_id_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(what_verify_finds_shows_in_the_total, setup, teardown),
        cmocka_unit_test_setup_teardown(large_scopes_are_listed_by_bucket, setup, teardown),
        cmocka_unit_test_setup_teardown(verifying_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(pending_work_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(another_key_recounts_all, setup, teardown),
        cmocka_unit_test_setup_teardown(scopes_are_listed_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_difference_is_reported, setup, teardown),
        cmocka_unit_test_setup_teardown(another_device_is_not_welcomed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
