/*
 * test_client_lease.c - the lease as an app has it: what may be read until when, what its end locks and what unlocks it. Its
 * clock matrix is in rules/test_lease.c.
 */
#include <pthread.h>

#include "memory_scan.h"
#include "phone.h"
#include "store/internal.h"

#define HOUR   INT64_C(3600000)
#define MINUTE INT64_C(60000)
#define SECRET 0x31

static phone p;
static int is_sealed;

static void prepare(int sealed) {
    is_sealed = sealed;
    phone_prepare(&p, "client_lease");
    p.ports.keyring = sealed ? keyring_with(&p.keys, SECRET) : (rove_keyring){NULL, NULL, NULL};
    p.lease_ms = 12 * HOUR;
    phone_open(&p);
    phone_enroll(&p);
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
}

static int set_up_plain(void **state) {
    (void)state;
    prepare(0);
    return 0;
}

static int set_up_sealed(void **state) {
    (void)state;
    prepare(1);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

static void goes_on(int64_t ms) {
    p.now.wall_ms += ms;
    p.now.boot_ms += ms;
}

/* Switched off for so long, and on again. */
static void restarts(int64_t off_ms) {
    phone_close(&p);
    p.now.wall_ms += off_ms;
    p.now.boot_ms = 0;
    p.now.boot_id[0]++;
    phone_open(&p);
}

static rove_status reads(void) {
    rove_query *query = NULL;
    rove_status status =
        rove_query_new(p.replica, "SELECT count(*) FROM account", NULL, 0, &query, &p.error);

    if (status == ROVE_OK) {
        status = rove_query_step(query, &p.error);
    }
    rove_query_free(query);
    return status;
}

static void syncs(void) {
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
}

static int has_keys(void) {
    rove__data_key key;

    rove_status status = rove__vault_key(&p.replica->store->vault, &key);
    rove__wipe(&key, sizeof key);
    return status == ROVE_OK;
}

/* ---- at its end ---- */

static void past_the_lease_everything_is_locked(void **state) {
    rove_field fields[] = {{"name", rove_text("Bakery")}};
    rove_query *open_one = NULL;
    void *bytes = NULL;
    size_t size = 0;
    rove_id id = 0;
    uint64_t left = 0;
    (void)state;

    rove_id account = phone_account(&p, "Ajax");
    goes_on(12 * HOUR - 1);
    assert_int_equal(reads(), ROVE_OK);
    assert_int_equal(phone_state(&p).lease_until_ms, phone_state(&p).now_ms + 1);
    phone_ok(&p,
             rove_query_new(p.replica, "SELECT 1 UNION SELECT 2", NULL, 0, &open_one, &p.error));
    phone_ok(&p, rove_query_step(open_one, &p.error));
    goes_on(1);
    phone_is(&p, rove_query_step(open_one, &p.error), ROVE_LOCKED);
    assert_non_null(strstr(p.error.message, "Sync"));
    rove_query_free(open_one);
    assert_false(is_sealed && has_keys());
    phone_is(&p, rove_get_packed(p.replica, "Account", account, &bytes, &size, &p.error),
             ROVE_LOCKED);
    assert_int_equal(reads(), ROVE_LOCKED);
    phone_is(&p, rove_insert(p.replica, "Account", fields, 1, &id, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_begin(p.replica, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_verify(p.replica, NULL, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_tidy(p.replica, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_quarantine_retry(p.replica, &left, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_rejection_discard(p.replica, 1, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_LOCKED);
    assert_non_null(strstr(p.error.message, "Sync"));
    rove_state now = phone_state(&p);
    assert_int_equal(now.locked, 1);
    assert_int_equal(now.records, 0);
    assert_int_equal(now.user, PHONE_USER);
    assert_int_equal(now.lease_until_ms, now.now_ms);

    syncs();
    now = phone_state(&p);
    assert_int_equal(now.locked, 0);
    assert_int_equal(now.pending, 0);
    assert_int_equal(now.lease_until_ms, now.now_ms + 12 * HOUR);
    assert_int_equal(p.judged, 1);
    phone_ok(&p, rove_get_packed(p.replica, "Account", account, &bytes, &size, &p.error));
    rove_release(p.replica, bytes);
}

static void any_call_may_be_the_one_that_notices(void **state) {
    void *bytes = NULL;
    size_t size = 0;
    uint64_t left = 0;
    rove_query *query = NULL;
    rove_state now;
    (void)state;

    for (int call = 0; call < 8; call++) {
        rove_id account = phone_account(&p, "Ajax");
        assert_int_equal(reads(), ROVE_OK); /* a reader lies in the pool */
        goes_on(13 * HOUR);
        rove_status status =
            call == 0   ? rove_get_packed(p.replica, "Account", account, &bytes, &size, &p.error)
            : call == 1 ? rove_begin(p.replica, &p.error)
            : call == 2 ? rove_verify(p.replica, NULL, &p.error)
            : call == 3 ? rove_unlock(p.replica, &p.error)
            : call == 4 ? rove_quarantine_retry(p.replica, &left, &p.error)
            : call == 5 ? rove_tidy(p.replica, &p.error)
            : call == 6 ? rove_query_new(p.replica, "SELECT 1", NULL, 0, &query, &p.error)
                        : ROVE_LOCKED;
        assert_int_equal(status, ROVE_LOCKED);
        now = phone_state(&p);
        assert_int_equal(now.locked, 1);
        assert_int_equal(p.replica->idle_count, is_sealed ? 0 : p.replica->idle_count);
        assert_false(is_sealed && has_keys());
        syncs();
    }
    assert_int_equal(phone_state(&p).pending, 0);
}

/* It has begun before the end, and is not lost. */
static void a_transaction_under_way_is_committed_and_reads_nothing_more(void **state) {
    void *bytes = NULL;
    size_t size = 0;
    (void)state;

    phone_ok(&p, rove_begin(p.replica, &p.error));
    rove_id account = phone_account(&p, "Ajax");
    goes_on(MINUTE * 30); /* longer than a slice: it has no turn to write in but its own */
    phone_ok(&p, rove_get_packed(p.replica, "Account", account, &bytes, &size, &p.error));
    rove_release(p.replica, bytes);
    assert_int_equal(reads(), ROVE_OK);
    goes_on(12 * HOUR);
    phone_is(&p, rove_get_packed(p.replica, "Account", account, &bytes, &size, &p.error),
             ROVE_LOCKED);
    assert_int_equal(reads(), ROVE_LOCKED);
    phone_ok(&p, rove_commit(p.replica, &p.error));
    assert_int_equal(reads(), ROVE_LOCKED);
    assert_false(is_sealed && has_keys());
    syncs();
    assert_int_equal(p.judged, 1);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE name = 'Ajax'"), 1);
}

/* ---- contact ---- */

static rove_status refuse_after_reading(phone *phone_, const rove_request *request,
                                        const rove__buf *body, rove__buf *answer) {
    (void)phone_;
    (void)request;
    (void)body;
    (void)answer;
    assert_int_equal(reads(), ROVE_LOCKED);
    return ROVE_NETWORK;
}

static void a_sync_that_fails_unlocks_nothing(void **state) {
    (void)state;

    (void)phone_account(&p, "Ajax");
    goes_on(13 * HOUR);
    p.route = refuse_after_reading;
    for (int i = 0; i < 3; i++) {
        phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_NETWORK);
        assert_false(is_sealed && has_keys());
        assert_int_equal(reads(), ROVE_LOCKED);
        assert_int_equal(phone_state(&p).locked, 1);
    }
    p.route = NULL;
    syncs();
    assert_int_equal(reads(), ROVE_OK);
    assert_int_equal(p.judged, 1);
}

static int may_read(void *ctx) {
    (void)ctx;
    return reads() == ROVE_OK;
}

/* Ended as soon as Welcome was applied: that was contact. */
static void a_welcome_is_enough(void **state) {
    rove_sync_options options = {.size = sizeof options, .cancelled = may_read};
    (void)state;

    (void)phone_account(&p, "Ajax");
    p.accounts = 50;
    p.write_chunk = 1;
    goes_on(13 * HOUR);
    assert_int_equal(reads(), ROVE_LOCKED);
    phone_is(&p, rove_sync(p.replica, &options, NULL, &p.error), ROVE_CANCELLED);
    assert_int_equal(reads(), ROVE_OK);
    assert_int_equal(phone_state(&p).pending, 1); /* its Ack was still to come */
    p.write_chunk = 0;
    syncs();
    assert_int_equal(p.judged, 1);
    assert_int_equal(phone_state(&p).pending, 0);
}

static void an_exchange_by_hand_unlocks_too(void **state) {
    rove_exchange *exchange = NULL;
    uint8_t bytes[4096];
    size_t size = 1;
    (void)state;

    (void)phone_account(&p, "Ajax");
    goes_on(13 * HOUR);
    assert_int_equal(reads(), ROVE_LOCKED);
    phone_ok(&p, rove_exchange_new(p.replica, 0, &exchange, &p.error));
    while (size > 0) {
        phone_ok(&p, rove_exchange_request(exchange, bytes, sizeof bytes, &size, &p.error));
        assert_int_equal(reads(), ROVE_LOCKED);
    }
    phone_is(&p, rove_exchange_finish(exchange, ROVE_NETWORK, NULL, NULL, &p.error), ROVE_NETWORK);
    assert_false(is_sealed && has_keys());
    assert_int_equal(reads(), ROVE_LOCKED);
    syncs();
    assert_int_equal(reads(), ROVE_OK);
    assert_int_equal(p.judged, 1);
}

static void a_welcome_without_a_lease_ends_it(void **state) {
    (void)state;
    p.lease_ms = 0;
    syncs();
    assert_int_equal(phone_state(&p).lease_until_ms, 0);
    goes_on(400 * PHONE_DAY_MS);
    assert_int_equal(reads(), ROVE_OK);
    restarts(0);
    p.now.wall_ms = 0;
    assert_int_equal(reads(), ROVE_OK);
}

static void a_shorter_lease_counts_at_once(void **state) {
    (void)state;
    p.lease_ms = HOUR;
    syncs();
    goes_on(HOUR);
    assert_int_equal(reads(), ROVE_LOCKED);
}

/* ---- what is kept ---- */

static void it_survives_being_closed_and_started_again(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    goes_on(5 * HOUR);
    assert_int_equal(reads(), ROVE_OK);
    phone_close(&p);
    goes_on(6 * HOUR);
    phone_open(&p);
    assert_int_equal(reads(), ROVE_OK);
    restarts(HOUR - 2 * MINUTE);
    assert_int_equal(reads(), ROVE_OK);
    goes_on(2 * MINUTE);
    assert_int_equal(reads(), ROVE_LOCKED);
    restarts(0);
    assert_int_equal(reads(), ROVE_LOCKED);
    syncs();
    assert_int_equal(p.judged, 1);
    assert_int_equal(reads(), ROVE_OK);
}

static void a_power_cut_after_each_read_adds_no_time(void **state) {
    int64_t held = p.now.wall_ms;
    int64_t time = 0;
    (void)state;

    p.lease_ms = HOUR;
    syncs();
    while (time < 2 * HOUR && reads() == ROVE_OK) {
        p.now.boot_ms += 30000;
        if (reads() != ROVE_OK) {
            break;
        }
        time += 30000;
        p.now.wall_ms = held;
        restarts(0);
    }
    assert_true(time > 0);
    assert_true(time <= HOUR);
}

static void a_clock_that_was_turned_back_is_noticed_for_good(void **state) {
    (void)state;
    restarts(0);
    p.now.wall_ms -= PHONE_DAY_MS;
    assert_int_equal(reads(), ROVE_LOCKED);
    p.now.wall_ms += PHONE_DAY_MS;
    restarts(0);
    assert_int_equal(reads(), ROVE_LOCKED);
    syncs();
    assert_int_equal(reads(), ROVE_OK);
}

static int64_t written(void) {
    return p.replica->store->lease.used_ms;
}

/* A write a slice at most, and none while nobody reads. */
static void reading_writes_once_in_a_slice(void **state) {
    int64_t before = written();
    int writes = 0;
    (void)state;

    goes_on(3 * HOUR);
    assert_int_equal(written(), before);
    for (int i = 0; i < 600; i++) {
        assert_int_equal(reads(), ROVE_OK);
        writes += written() != before;
        before = written();
        goes_on(1000);
    }
    assert_in_range(writes, 10, 21);
}

/* Reading may not go on uncounted. */
static void what_cannot_be_written_is_not_read(void **state) {
    (void)state;
    assert_int_equal(reads(), ROVE_OK);
    goes_on(HOUR);
    assert_int_equal(reads(), ROVE_OK);
    goes_on(MINUTE + 1);
    rove_status status = ROVE_NOMEM;
    for (size_t n = 1; status != ROVE_OK; n++) {
        p.memory.calls = 0;
        p.memory.fail_at = n;
        status = rove__store_check(p.replica->store, &p.error);
        p.memory.fail_at = 0;
        assert_true(status == ROVE_OK || status == ROVE_NOMEM);
        assert_true(status == ROVE_OK || written() < HOUR + MINUTE);
    }
    assert_true(written() > HOUR + MINUTE);
}

/* ---- beside the rep's own lock ---- */

static void a_lock_of_the_rep_stays_his(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    phone_ok(&p, rove_lock(p.replica, &p.error));
    goes_on(13 * HOUR);
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_LOCKED);
    assert_non_null(strstr(p.error.message, "Unlock"));
    assert_int_equal(reads(), ROVE_LOCKED);
    assert_non_null(strstr(p.error.message, "Unlock"));
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_LOCKED);
    assert_non_null(strstr(p.error.message, "Sync"));
    assert_false(has_keys());
    syncs();
    assert_int_equal(reads(), ROVE_OK);
    assert_int_equal(p.judged, 1);
    phone_ok(&p, rove_lock(p.replica, &p.error));
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    assert_int_equal(reads(), ROVE_OK);
}

static void a_sync_past_the_lease_needs_the_keyring(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    goes_on(13 * HOUR);
    assert_int_equal(reads(), ROVE_LOCKED);
    p.keys.status = ROVE_LOCKED;
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_LOCKED);
    p.keys.status = ROVE_OK;
    p.keys.secret[0] ^= 1;
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_WRONG_KEY);
    p.keys.secret[0] ^= 1;
    assert_int_equal(reads(), ROVE_LOCKED);
    syncs();
    assert_int_equal(p.judged, 1);
}

static __attribute__((noinline)) void put_canary(char *text) {
    for (size_t i = 0; i < 16; i++) {
        text[i] = (char)('A' + (i * 7 + 11) % 26);
    }
    text[16] = '\0';
}

static __attribute__((noinline)) needle write_canary(void) {
    char text[17];
    rove_query *query = NULL;

    put_canary(text);
    needle n = needle_of(text, 16);
    (void)phone_account(&p, text);
    phone_ok(&p, rove_query_new(p.replica, "SELECT name FROM account", NULL, 0, &query, &p.error));
    phone_ok(&p, rove_query_step(query, &p.error));
    rove_query_free(query);
    rove__wipe(text, sizeof text);
    return n;
}

static __attribute__((noinline)) void scrub_stack(void) {
    volatile uint8_t below[1 << 16];

    for (size_t i = 0; i < sizeof below; i++) {
        below[i] = 0;
    }
}

static void its_end_leaves_nothing_in_memory(void **state) {
    (void)state;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* their memory is not the C library's */
#endif
    if (!rove_posix_overwrite_freed()) {
        skip();
    }
    needle canary = write_canary();
    needle key = needle_of(p.replica->store->vault.data.key, ROVE_DATA_KEY_SIZE);
    scrub_stack();
    assert_true(memory_count(&canary) > 0);
    goes_on(13 * HOUR);
    assert_int_equal(reads(), ROVE_LOCKED);
    scrub_stack();
    assert_int_equal(memory_count(&canary), 0);
    assert_int_equal(memory_count(&key), 0);
}

/* ---- many threads ---- */

static void *reads_on(void *ctx) {
    int *locked = ctx;

    for (int i = 0; i < 300; i++) {
        rove_query *query = NULL;
        rove_status status =
            rove_query_new(p.replica, "SELECT count(*) FROM account", NULL, 0, &query, NULL);
        if (status == ROVE_OK) {
            status = rove_query_step(query, NULL);
        }
        rove_query_free(query);
        *locked += status == ROVE_LOCKED;
        if (status != ROVE_OK && status != ROVE_LOCKED) {
            return (void *)1;
        }
    }
    return NULL;
}

static void many_threads_charge_and_lock_and_sync(void **state) {
    pthread_t threads[3];
    int locked[3] = {0};
    void *result = NULL;
    (void)state;

    is_sealed = 1;
    phone_prepare_with(&p, "client_lease", 1);
    p.ports.keyring = keyring_with(&p.keys, SECRET);
    p.lease_ms = 1; /* is over at once, is granted again and again */
    phone_open(&p);
    phone_enroll(&p);
    (void)phone_account(&p, "Ajax");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, reads_on, &locked[i]), 0);
    }
    for (int i = 0; i < 30; i++) {
        p.lease_ms = i % 2 == 0 ? HOUR : 0;
        syncs();
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(p.judged, 1);
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, set_up_plain, tear_down),                                \
        cmocka_unit_test_setup_teardown(test, set_up_sealed, tear_down)
#define SEALED(test) cmocka_unit_test_setup_teardown(test, set_up_sealed, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(past_the_lease_everything_is_locked),
        BOTH(any_call_may_be_the_one_that_notices),
        BOTH(a_transaction_under_way_is_committed_and_reads_nothing_more),
        BOTH(a_sync_that_fails_unlocks_nothing),
        BOTH(a_welcome_is_enough),
        BOTH(an_exchange_by_hand_unlocks_too),
        BOTH(a_welcome_without_a_lease_ends_it),
        BOTH(a_shorter_lease_counts_at_once),
        BOTH(it_survives_being_closed_and_started_again),
        BOTH(a_power_cut_after_each_read_adds_no_time),
        BOTH(a_clock_that_was_turned_back_is_noticed_for_good),
        BOTH(reading_writes_once_in_a_slice),
        BOTH(what_cannot_be_written_is_not_read),
        SEALED(a_lock_of_the_rep_stays_his),
        SEALED(a_sync_past_the_lease_needs_the_keyring),
        SEALED(its_end_leaves_nothing_in_memory),
        cmocka_unit_test_teardown(many_threads_charge_and_lock_and_sync, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
