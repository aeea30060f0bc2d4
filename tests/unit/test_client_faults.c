/*
 * test_client_faults.c - memory runs out at any moment of any call: the call says so, changes nothing, leaks
 * nothing, and works when it is made again. The same for a disk on which the identity cannot be kept.
 */
#include "phone.h"

#include "rove/entities.pb-c.h"

#define CALLS_MAX 3000

static phone p;
static rove_id account;

static int set_up(void **state) {
    (void)state;
    phone_start(&p, "client_faults");
    account = phone_account(&p, "Ajax");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

typedef rove_status (*operation)(void);

/*
 * Fails the n-th allocation of a call, then n + 1 ..., until none is hit. `persistent`: all later ones fail too. What a
 * failed call must not change is a number that `number` gives.
 */
static void exhaust(operation call, const char *number, int persistent) {
    rove_status status = ROVE_NOMEM;

    for (size_t n = 1; status != ROVE_OK; n += n < 200 ? 1 : 17) {
        int64_t before = phone_number(&p, number);
        p.memory.calls = 0;
        p.memory.fail_at = n;
        p.memory.persistent = persistent;
        p.error.message[0] = '\0';
        status = call();
        p.memory.fail_at = 0;
        assert_true(n < CALLS_MAX);
        if (status != ROVE_OK) {
            phone_is(&p, status, ROVE_NOMEM);
            assert_string_not_equal(p.error.message, "");
            assert_int_equal(phone_number(&p, number), before);
        }
    }
}

static void exhaust_both(operation call, const char *number) {
    exhaust(call, number, 0);
    exhaust(call, number, 1);
}

static rove_status do_insert(void) {
    rove_field fields[] = {{"name", rove_text("new")}, {"phone", rove_text("1")}};
    rove_id id = 0;

    rove_status status = rove_insert(p.replica, "Account", fields, 2, &id, &p.error);
    assert_true((status == ROVE_OK) == (id != 0));
    return status;
}

static rove_status do_update(void) {
    static int turn;
    char text[16];

    snprintf(text, sizeof text, "%d", ++turn);
    rove_field fields[] = {{"phone", rove_text(text)}};
    return rove_update(p.replica, "Account", account, fields, 1, &p.error);
}

static rove_status do_increment(void) {
    return rove_increment(p.replica, "Account", account, "points", 1, &p.error);
}

static rove_status do_element(void) {
    static int turn;
    char text[16];

    snprintf(text, sizeof text, "%d", ++turn);
    return rove_element(p.replica, "Account", account, "alt_names", rove_text(text), 1, &p.error);
}

static rove_status do_put(void) {
    Rove__Account message = ROVE__ACCOUNT__INIT;
    char name[] = "as a struct";
    rove_id id = 0;

    message.name = name;
    return rove_put(p.replica, &message.base, &id, &p.error);
}

static rove_status do_transaction(void) {
    rove_status status = rove_begin(p.replica, &p.error);

    if (status != ROVE_OK) {
        return status;
    }
    status = do_insert();
    if (status == ROVE_OK) {
        status = do_increment();
    }
    if (status == ROVE_OK) {
        return rove_commit(p.replica, &p.error);
    }
    rove_rollback(p.replica);
    return status;
}

static void test_writes(void **state) {
    (void)state;
    exhaust_both(do_insert, "SELECT count(*) FROM account");
    exhaust_both(do_update, "SELECT CAST(phone AS INTEGER) FROM account LIMIT 1");
    exhaust_both(do_increment, "SELECT points FROM account LIMIT 1");
    exhaust_both(do_element, "SELECT count(*) FROM account_alt_names");
    exhaust_both(do_put, "SELECT count(*) FROM account");
    exhaust_both(do_transaction, "SELECT count(*) FROM account");
}

static rove_status do_get(void) {
    struct ProtobufCMessage *message = NULL;

    rove_status status = rove_get(p.replica, "Account", account, &message, &p.error);
    rove_release_message(p.replica, message);
    return status;
}

static rove_status do_get_packed(void) {
    void *bytes = NULL;
    size_t size = 0;

    rove_status status = rove_get_packed(p.replica, "Account", account, &bytes, &size, &p.error);
    rove_release(p.replica, bytes);
    return status;
}

static rove_status do_query(void) {
    rove_query *query = NULL;
    rove_value name = rove_text("Ajax");

    rove_status status = rove_query_new(p.replica, "SELECT id FROM account WHERE name = ?1", &name,
                                        1, &query, &p.error);
    if (status == ROVE_OK) {
        status = rove_query_step(query, &p.error);
    }
    rove_query_free(query);
    return status;
}

static rove_status do_state(void) {
    rove_state now = {.size = sizeof now};

    return rove_read_state(p.replica, &now, &p.error);
}

static rove_status see(void *ctx, const rove_pending *pending) {
    (void)ctx;
    (void)pending;
    return ROVE_OK;
}

static rove_status do_pending(void) {
    return rove_pending_list(p.replica, see, NULL, &p.error);
}

static void refuses_one(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__verdict verdict = {.entity = rove__registry_by_name(ph->registry, "Account")->number,
                             .id = account,
                             .code = ROVE_VERDICT_REJECTED,
                             .status = ROVE_RANGE,
                             .reason = "not on the list"};

    phone_welcome(ph, writer, answer);
    phone_ack(ph, writer, answer, ph->judged, &verdict, 1);
    phone_end(ph, writer, answer, 0);
}

static rove_status take_number(void *ctx, const rove_rejection *rejection) {
    *(int64_t *)ctx = rejection->number;
    return ROVE_OK;
}

static rove_status see_field(void *ctx, const rove_refused_field *field) {
    (void)ctx;
    (void)field;
    return ROVE_OK;
}

static rove_status do_read_refused(void) {
    int64_t number = 0;
    rove_status status = rove_rejections(p.replica, take_number, &number, &p.error);

    return status == ROVE_OK ? rove_rejection_read(p.replica, number, see_field, NULL, &p.error)
                             : status;
}

static rove_status do_verify(void) {
    return rove_verify(p.replica, NULL, &p.error);
}

static void test_reads(void **state) {
    static const operation reads[] = {do_get,   do_get_packed, do_query,
                                      do_state, do_pending,    do_verify};
    (void)state;

    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        exhaust_both(reads[i], "SELECT count(*) FROM account");
    }
}

static rove_status do_sync(void) {
    static int turn;

    turn++;
    p.accounts = (size_t)turn;
    return rove_sync(p.replica, NULL, NULL, &p.error);
}

static void test_a_refused_write_is_read(void **state) {
    (void)state;
    p.compose = refuses_one;
    phone_ok(&p, do_sync());
    p.compose = NULL;
    assert_int_equal(phone_state(&p).rejections, 1);
    exhaust_both(do_read_refused, "SELECT count(*) FROM account");
}

/* A sync may have done a part; what it may not do is lose work. */
static void test_a_sync(void **state) {
    rove_status status = ROVE_NOMEM;
    size_t written = 1;
    (void)state;

    for (size_t n = 1; status != ROVE_OK; n += 3) {
        phone_ok(&p, do_insert());
        written++;
        p.memory.calls = 0;
        p.memory.fail_at = n;
        status = do_sync();
        p.memory.fail_at = 0;
        assert_true(n < CALLS_MAX);
        if (status != ROVE_OK) {
            phone_is(&p, status, ROVE_NOMEM);
        }
        assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE id >> 32 = 7"),
                         written);
    }
    phone_ok(&p, do_sync());
    assert_int_equal(phone_state(&p).pending, 0);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), written + p.accounts);
}

/* Renewal: the certificate that is there stays good until the new one is kept. */
static void test_a_renewal(void **state) {
    rove_status status = ROVE_NOMEM;
    (void)state;

    phone_ok(&p, do_sync());
    for (size_t n = 1; status != ROVE_OK; n++) {
        p.refuse = ROVE_EXPIRED;
        p.refusals = 1;
        p.memory.calls = 0;
        p.memory.fail_at = n;
        status = do_sync();
        p.memory.fail_at = 0;
        p.refusals = 0;
        assert_true(n < CALLS_MAX);
        assert_true(phone_state(&p).enrolled);
        if (status != ROVE_OK) {
            phone_is(&p, status, ROVE_NOMEM);
        }
    }
    assert_true(p.renewals > 0);
    phone_close(&p);
    phone_open(&p);
    phone_ok(&p, do_sync());
}

static void test_an_enrolment(void **state) {
    rove_status status = ROVE_NOMEM;
    (void)state;

    phone_stop(&p);
    phone_prepare(&p, "client_faults");
    phone_open(&p);
    for (size_t n = 1; status != ROVE_OK; n++) {
        char code[ROVE_INVITATION_SIZE];
        (void)phone_code(&p, code);
        p.memory.calls = 0;
        p.memory.fail_at = n;
        status = rove_enroll(p.replica, PHONE_URL, code, &p.error);
        p.memory.fail_at = 0;
        assert_true(n < CALLS_MAX);
        if (status != ROVE_OK) {
            phone_is(&p, status, ROVE_NOMEM);
        }
    }
    phone_ok(&p, do_sync());
    assert_int_equal(phone_state(&p).replica, PHONE_NUMBER);
}

static rove_files real_files;
static int failing;

static rove_status refuse_replace(void *ctx, const char *path, const void *bytes, size_t size,
                                  rove_error *error) {
    return failing ? rove__error_set(error, ROVE_FULL, "The disk is full.")
                   : real_files.replace(ctx, path, bytes, size, error);
}

/* The disk is full while a copy gets its fresh number: it stays as it was, and tries again next time. */
static void says_fork(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__buf empty;

    rove__buf_init(&empty, &ph->own, 16);
    phone_welcome(ph, writer, answer);
    phone_frame(writer, ROVE_FRAME_FORK, &empty, answer);
    phone_end(ph, writer, answer, 0);
}

static void test_a_full_disk_during_renewal(void **state) {
    (void)state;
    real_files = p.ports.files;
    p.replica->ports.files.replace = refuse_replace;
    p.compose = says_fork;
    failing = 1;
    for (int i = 0; i < 3; i++) {
        rove_replica number = p.number;
        phone_is(&p, do_sync(), ROVE_FULL);
        assert_int_equal(phone_state(&p).replica, PHONE_NUMBER);
        assert_int_equal(phone_state(&p).pending, 1);
        p.number = number; /* headquarters gives up what it gave out before */
    }
    failing = 0;
    p.compose = NULL;
    p.judged = 0;
    memset(&p.chain, 0, sizeof p.chain);
    phone_ok(&p, do_sync());
    assert_int_equal(phone_state(&p).pending, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_writes),
        TEST(test_a_refused_write_is_read),
        TEST(test_reads),
        TEST(test_a_sync),
        TEST(test_a_renewal),
        TEST(test_an_enrolment),
        TEST(test_a_full_disk_during_renewal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
