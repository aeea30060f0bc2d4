/*
 * Whole transfers: what they do not name leaves at their end, also when they take several transactions.
 */
#include "office.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "transfer");
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

static void expect_gone(const char *entity, rove_id id) {
    rove__row row;
    assert_int_equal(replica_get(&r, entity, id, &row), ROVE_NOT_FOUND);
}

/* One page of a transfer of some buckets of `scope`. */
static void send_buckets(rove__scope scope, uint64_t buckets, int begins,
                         const rove__change *changes, size_t count, int ends) {
    rove__portion portion = {scope, buckets};
    rove__page page;

    memset(&page, 0, sizeof page);
    page.begin = &portion;
    page.done = &scope;
    page.begin_count = (size_t)begins;
    page.done_count = (size_t)ends;
    page.more = !ends;
    replica_ok(&r, office_apply(&o, &page, changes, count));
}

static void send(rove__scope scope, int begins, const rove__change *changes, size_t count,
                 int ends) {
    send_buckets(scope, 0, begins, changes, count, ends);
}

static void what_is_not_named_leaves(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id b = office_account(&o, "B")->whole.row.id;
    office_row *first = office_visit(&o, a, REPLICA_NOW_MS);
    office_row *second = office_visit(&o, a, REPLICA_NOW_MS);
    rove_id other = office_visit(&o, b, REPLICA_NOW_MS)->whole.row.id;
    uint64_t rows = 0;

    office_pull(&o);
    rove__row mine = replica_row(&r, "Visit", 0);
    replica_set_int(&mine, "account_id", a);
    replica_set_int(&mine, "planned_start", REPLICA_NOW_MS);
    replica_set_int(&mine, "status", 1);
    rove_id fresh = replica_insert(&r, &mine);

    send((rove__scope){a, 202511}, 1, &first->whole, 1, 1);
    replica_expect_int(&r, "Visit", first->whole.row.id, "account_id", a);
    expect_gone("Visit", second->whole.row.id);
    replica_expect_int(&r, "Visit", other, "account_id", b);
    replica_expect_text(&r, "Account", a, "name", "A");      /* another part */
    replica_expect_int(&r, "Visit", fresh, "account_id", a); /* not judged yet */
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    assert_int_equal(rows, 4);
}

static void names_are_kept_from_page_to_page(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    office_row *visits[4];
    uint64_t rows = 0;

    for (int i = 0; i < 4; i++) {
        visits[i] = office_visit(&o, a, REPLICA_NOW_MS);
    }
    office_pull(&o);
    rove__scope scope = {a, 202511};
    send(scope, 1, &visits[0]->whole, 1, 0);
    office_reopen(&o);
    send(scope, 0, &visits[2]->whole, 1, 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 4);
    office_reopen(&o);
    send(scope, 0, NULL, 0, 1);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 2);
    replica_expect_int(&r, "Visit", visits[0]->whole.row.id, "account_id", a);
    replica_expect_int(&r, "Visit", visits[2]->whole.row.id, "account_id", a);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _named"), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _transfer"), 0);
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
}

/* Headquarters took the rep's new record after the scan had begun: the scan does not name it, a later page does. */
static void what_was_acknowledged_meanwhile_stays(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);
    rove__hello hello;
    office_push push;

    office_pull(&o);
    rove__scope scope = {a, 202511};
    send(scope, 1, &visit->whole, 1, 0);
    rove__row mine = replica_row(&r, "Visit", 0);
    replica_set_int(&mine, "account_id", a);
    replica_set_int(&mine, "planned_start", REPLICA_NOW_MS);
    replica_set_int(&mine, "status", 1);
    rove_id fresh = replica_insert(&r, &mine);
    office_receive(&o, &hello, &push);
    office_answer *answer = office_judge(&o, &push);
    replica_ok(&r, rove__store_apply(r.store, answer->acks, answer->count, NULL, &r.error));
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    office_reopen(&o);
    send(scope, 0, NULL, 0, 1);
    replica_expect_int(&r, "Visit", fresh, "account_id", a);
    replica_expect_int(&r, "Visit", visit->whole.row.id, "account_id", a);
    office_expect_verified(&o);
}

static void a_transfer_that_begins_again_starts_anew(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    office_row *first = office_visit(&o, a, REPLICA_NOW_MS);
    office_row *second = office_visit(&o, a, REPLICA_NOW_MS);

    office_pull(&o);
    rove__scope scope = {a, 202511};
    send(scope, 1, &first->whole, 1, 0);
    send(scope, 1, &second->whole, 1, 1);
    expect_gone("Visit", first->whole.row.id);
    replica_expect_int(&r, "Visit", second->whole.row.id, "account_id", a);
}

static void nothing_is_named_where_nothing_was(void **state) {
    (void)state;
    rove_id a = (rove_id)1 << 32 | 500;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);
    office_row *later = office_visit(&o, a, REPLICA_NOW_MS);

    rove__scope scope = {a, 202511};
    send(scope, 1, &visit->whole, 1, 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _named"), 0);
    send(scope, 0, &later->whole, 1, 1);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 2);
    office_expect_verified(&o);
}

/*
 * The first download comes with the answer to what was made before it. Headquarters read the account after it had taken
 * the visit, and somebody had deleted the visit in between.
 */
static void what_was_deleted_before_the_first_download_read_it_leaves(void **state) {
    (void)state;
    rove__hello hello;
    office_push push;
    rove__page page;

    rove__row account = replica_row(&r, "Account", 0);
    replica_set_text(&account, "name", "A");
    rove_id a = replica_insert(&r, &account);
    rove__row visit = replica_row(&r, "Visit", 0);
    replica_set_int(&visit, "account_id", a);
    replica_set_int(&visit, "planned_start", REPLICA_NOW_MS);
    replica_set_int(&visit, "status", 1);
    rove_id v = replica_insert(&r, &visit);
    office_receive(&o, &hello, &push);
    office_answer *answer = office_judge(&o, &push);
    office_delete(&o, office_find(&o, visit.entity->number, v));
    office_page(&o, &page);
    assert_true(page.has_held);
    replica_ok(&r, rove__store_apply(r.store, answer->acks, answer->count, &page, &r.error));
    replica_expect_text(&r, "Account", a, "name", "A");
    expect_gone("Visit", v);
    office_expect_verified(&o);
}

static void work_on_a_row_that_was_not_named_goes_on(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);
    rove__row row;

    office_pull(&o);
    row = replica_row(&r, "Visit", visit->whole.row.id);
    replica_set_text(&row, "notes", "mine");
    replica_update(&r, &row);
    send((rove__scope){a, -1}, 1, &office_find(&o, replica_entity(&r, "Account")->number, a)->whole,
         1, 1);
    expect_gone("Visit", visit->whole.row.id);
    replica_expect_text(&r, "Account", a, "name", "A");
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox WHERE batch = 1"), 1);
    office_exchange(&o);
    assert_int_equal(visit->whole.row.cells[replica_field(visit->whole.row.entity, "notes")].size,
                     4);
    rove__change both[2] = {office_find(&o, replica_entity(&r, "Account")->number, a)->whole,
                            visit->whole};
    send((rove__scope){a, -1}, 1, both, 2, 1);
    office_expect_verified(&o);
    replica_expect_text(&r, "Visit", visit->whole.row.id, "notes", "mine");
}

/* G2: what is not about the bucket stays, and so does what was not judged yet. */
static void of_a_bucket_only_its_rows_leave(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    office_row *visits[40];
    uint64_t buckets = 0;
    int64_t leave = 0;
    uint64_t rows = 0;

    for (int i = 0; i < 40; i++) {
        visits[i] = office_visit(&o, a, REPLICA_NOW_MS);
    }
    office_pull(&o);
    rove__row mine = replica_row(&r, "Visit", 0);
    replica_set_int(&mine, "account_id", a);
    replica_set_int(&mine, "planned_start", REPLICA_NOW_MS);
    replica_set_int(&mine, "status", 1);
    rove_id fresh = replica_insert(&r, &mine);
    rove__row edit = replica_row(&r, "Visit", visits[5]->whole.row.id);
    replica_set_text(&edit, "notes", "unsent");
    replica_update(&r, &edit);
    buckets = UINT64_C(1) << rove__bucket(visits[3]->whole.row.id) |
              UINT64_C(1) << rove__bucket(visits[5]->whole.row.id) |
              UINT64_C(1) << rove__bucket(fresh);
    for (int i = 0; i < 40; i++) {
        leave += i != 3 && rove__buckets_have(buckets, visits[i]->whole.row.id);
    }
    assert_true(leave >= 1 && leave < 20);
    send_buckets((rove__scope){a, 202511}, buckets, 1, &visits[3]->whole, 1, 0);
    office_reopen(&o);
    send((rove__scope){a, 202511}, 0, NULL, 0, 1);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 41 - leave);
    replica_expect_int(&r, "Visit", visits[3]->whole.row.id, "account_id", a);
    replica_expect_int(&r, "Visit", fresh, "account_id", a);
    expect_gone("Visit", visits[5]->whole.row.id);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox WHERE batch > 0"), 1);
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
}

/* Headquarters' total comes after all that it had to send: what was cut before that is over. */
static void a_transfer_that_was_cut_off_ends_with_the_next_answer(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);

    (void)office_visit(&o, a, REPLICA_NOW_MS);
    office_pull(&o);
    send((rove__scope){a, 202511}, 1, &visit->whole, 1, 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _transfer"), 1);
    assert_true(office_verified(&o));
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _transfer"), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 2);
}

static void a_row_that_was_flipped_on_disk_is_repaired(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove_id a = account->whole.row.id;
    uint64_t rows = 0;

    office_pull(&o);
    assert_int_equal(
        sqlite3_exec(r.store->db, "UPDATE account SET name = 'broken'", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(rove__store_verify(r.store, &rows, &r.error), ROVE_CORRUPT);
    send((rove__scope){a, 0}, 1, &account->whole, 1, 1);
    replica_expect_text(&r, "Account", a, "name", "Bakery");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_named_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_kept_from_page_to_page, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_acknowledged_meanwhile_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_transfer_that_begins_again_starts_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_named_where_nothing_was, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_deleted_before_the_first_download_read_it_leaves,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(work_on_a_row_that_was_not_named_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(of_a_bucket_only_its_rows_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(a_transfer_that_was_cut_off_ends_with_the_next_answer,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_that_was_flipped_on_disk_is_repaired, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
