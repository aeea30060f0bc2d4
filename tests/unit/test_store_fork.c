/*
 * The same user under a fresh replica number (P3), when taking it fails half-way: then all is as before, and no id and
 * no batch is given out twice. What a fresh number sends is in test_store_ack.c.
 */
#include "faults.h"
#include "office.h"

static const rove__store_owner fresh = {REPLICA_NUMBER + 1, REPLICA_USER};

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_prepare(&r, "fork");
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

/* Fails at the n-th access to a file; 1 if there was one. */
static int adopt_failing_at(size_t n) {
    faults_arm(&faults_io, n, 0, SQLITE_FULL);
    rove_status status = rove__store_set_owner(r.store, &fresh, &r.error);
    int hit = faults_io.calls >= n;
    faults_arm(&faults_io, 0, 0, 0);
    if (!hit) {
        replica_ok(&r, status);
    }
    return status != ROVE_OK;
}

static void a_number_that_could_not_be_taken_leaves_the_old_one_as_it_was(void **state) {
    (void)state;
    rove__hello hello;
    office_push push;
    size_t n = 1;

    (void)replica_account(&r, "acknowledged");
    office_exchange(&o);
    rove_id last = replica_account(&r, "unsent");
    office_receive(&o, &hello, &push);
    rove__bytes sent = push.frames[0].rows;
    rove__chain chain = hello.chain;

    for (; adopt_failing_at(n); n++) {
        rove_id id = replica_account(&r, "meanwhile");
        assert_int_equal(rove__id_replica(id), REPLICA_NUMBER);
        assert_true(id > last);
        last = id;
        office_receive(&o, &hello, &push);
        assert_int_equal(hello.replica, REPLICA_NUMBER);
        assert_int_equal(hello.acked, 1);
        assert_memory_equal(hello.chain.hash, chain.hash, sizeof chain.hash);
        assert_int_equal(push.frames[0].number, 2);
        assert_int_equal(push.frames[0].rows.size, sent.size);
        assert_memory_equal(push.frames[0].rows.data, sent.data, sent.size);
    }
    assert_true(n > 3); /* it did reach something */
    assert_int_equal(replica_account(&r, "new"), rove__id_make(REPLICA_NUMBER + 1, 1));
    office_receive(&o, &hello, &push);
    assert_int_equal(hello.acked, 0);
    assert_int_equal(push.frames[0].number, 1);
    assert_memory_equal(push.frames[0].rows.data, sent.data, sent.size);
    assert_int_equal(push.count, n + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_number_that_could_not_be_taken_leaves_the_old_one_as_it_was, setup, teardown),
    };

    if (sqlite3_initialize() != SQLITE_OK || faults_register_vfs() != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
