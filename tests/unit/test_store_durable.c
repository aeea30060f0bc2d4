/*
 * What has to outlast a power cut is on the disk when the call returns: the rep's writes, acknowledgements, and what
 * headquarters may hear of next. A page of rows alone is not waited for.
 */
#include "faults.h"
#include "office.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_prepare(&r, "durable");
    r.ports.vfs = FAULTS_VFS;
    replica_open(&r);
    replica_enrol(&r);
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

static void take_page(const char *name) {
    rove__page page;

    (void)office_account(&o, name);
    office_page(&o, &page);
    replica_ok(&r, rove__store_apply(r.store, NULL, 0, &page, &r.error));
    assert_true(faults_unsynced > 0);
}

static void write_account(const char *name) {
    rove__row row = replica_row(&r, "Account", 0);

    replica_set_text(&row, "name", name);
    (void)replica_insert(&r, &row);
}

static void a_write_of_the_rep_is_on_the_disk_with_all_pages_before(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        write_account("mine");
        assert_int_equal(faults_unsynced, 0);
        take_page("theirs");
        take_page("theirs too");
    }
    write_account("mine");
    assert_int_equal(faults_unsynced, 0);
}

/* Two at once may cost a file: while a thread is about to empty the log, nobody else does. */
static void the_log_is_emptied_by_one_thread_at_a_time(void **state) {
    (void)state;
    r.store->sweeping = 1;
    while (r.store->log_pages < 2500) {
        write_account("mine");
    }
    assert_int_equal(rove__store_tidy(r.store, &r.error), ROVE_OK); /* there is nothing to tidy */
    assert_false(rove__checkpoint_due(r.store));
    r.store->sweeping = 0;
    assert_true(rove__checkpoint_due(r.store));
    assert_false(rove__checkpoint_due(r.store)); /* the one before is about to do it */
    rove__checkpoint_pages(r.store);
    assert_int_equal(r.store->sweeping, 0);
    write_account("mine");
    assert_true(r.store->log_pages < 100);
}

static void what_headquarters_hears_of_is_on_the_disk(void **state) {
    (void)state;
    take_page("theirs");
    /* Nothing is to be frozen: it writes all the same. */
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    assert_int_equal(faults_unsynced, 0);
    take_page("theirs");
    write_account("mine");
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    assert_int_equal(faults_unsynced, 0);
}

static void an_acknowledgement_is_on_the_disk(void **state) {
    (void)state;
    rove__store_state now;

    write_account("mine");
    (void)office_account(&o, "theirs");
    office_exchange(&o);
    assert_int_equal(faults_unsynced, 0);
    replica_ok(&r, rove__store_read_state(r.store, &now, &r.error));
    assert_int_equal(now.pending_rows, 0);
}

static void a_page_that_failed_leaves_the_next_write_durable(void **state) {
    (void)state;
    rove__page page;

    (void)office_account(&o, "theirs");
    office_page(&o, &page);
    page.rows.size /= 2;
    assert_int_not_equal(rove__store_apply(r.store, NULL, 0, &page, &r.error), ROVE_OK);
    write_account("mine");
    assert_int_equal(faults_unsynced, 0);
}

static void opening_again_leaves_nothing_that_a_power_cut_takes(void **state) {
    (void)state;
    take_page("theirs");
    replica_reopen(&r);
    assert_int_equal(faults_unsynced, 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_of_the_rep_is_on_the_disk_with_all_pages_before,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_is_emptied_by_one_thread_at_a_time, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_headquarters_hears_of_is_on_the_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(an_acknowledgement_is_on_the_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(a_page_that_failed_leaves_the_next_write_durable, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(opening_again_leaves_nothing_that_a_power_cut_takes, setup,
                                        teardown),
    };

    if (sqlite3_initialize() != SQLITE_OK || faults_register_vfs() != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
