/*
 * test_client_wait.c - an app that waits for news: what it asks, what an answer means to it, and that it holds nothing of
 * the replica meanwhile.
 */
#include "phone.h"

#include <inttypes.h>

#include "sync/backoff.h"
#include "sync/wait.h"

static phone p;
static rove_wait *wait;
static const uint8_t *answers; /* of headquarters, one after the other */
static size_t answer_size;
static char asked[256];
static int64_t idle_ms;

static int set_up(void **state) {
    (void)state;
    phone_start(&p, "client_wait");
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    wait = NULL;
    answers = (const uint8_t *)"\1";
    answer_size = 1;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    rove_wait_free(wait);
    phone_stop(&p);
    return 0;
}

static rove_status answer_wait(phone *ph, const rove_request *request, const rove__buf *body,
                               rove__buf *answer) {
    (void)ph;
    assert_string_equal(request->method, "GET");
    assert_string_equal(request->accept, ROVE_WAIT_CONTENT_TYPE);
    assert_null(request->read_body);
    assert_int_equal(body->size, 0);
    snprintf(asked, sizeof asked, "%s", request->url);
    idle_ms = request->idle_timeout_ms;
    if (request->cancelled(request->ctx)) {
        return ROVE_CANCELLED;
    }
    rove__buf_append(answer, answers, answer_size);
    return ROVE_OK;
}

static void make(void) {
    rove_wait_free(wait);
    p.route = NULL;
    phone_ok(&p, rove_wait_new(p.replica, &p.ports.transport, &wait, &p.error));
    p.route = answer_wait;
}

static rove_status run(int64_t *retry_ms) {
    return rove_wait_run(wait, NULL, retry_ms, &p.error);
}

/* ---- what it asks ---- */

static void test_it_names_what_the_replica_has(void **state) {
    char expected[128];
    (void)state;

    p.accounts = 3;
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    make();
    phone_ok(&p, run(NULL));
    snprintf(expected, sizeof expected, "%s/v1/wait?cursor=%u.%" PRIu64, PHONE_URL, PHONE_TIMELINE,
             phone_state(&p).seq);
    assert_string_equal(asked, expected);
    assert_true(p.last.has_pin);
    assert_true(p.last.has_certificate);
    assert_true(idle_ms > ROVE_WAIT_MS_MAX);
}

static void test_it_judges_by_trusted_time(void **state) {
    (void)state;
    make();
    p.now.boot_ms += 5000;
    p.now.wall_ms = 0; /* whatever the clock says */
    phone_ok(&p, run(NULL));
    assert_int_equal(p.last.trusted_now_ms, PHONE_NOW_MS + p.now.boot_ms);
}

static void test_it_needs_nothing_of_the_replica(void **state) {
    (void)state;
    make();
    phone_close(&p);
    phone_open(&p); /* another process might */
    (void)phone_account(&p, "written meanwhile");
    phone_ok(&p, run(NULL));
    phone_close(&p);
    phone_ok(&p, run(NULL));
    phone_open(&p);
}

static rove_status sync_status;

static rove_status sync_meanwhile(phone *ph, const rove_request *request, const rove__buf *body,
                                  rove__buf *answer) {
    ph->route = NULL;
    (void)phone_account(ph, "written meanwhile");
    sync_status = rove_sync(ph->replica, NULL, NULL, &ph->error);
    return answer_wait(ph, request, body, answer);
}

static void test_a_sync_goes_on_meanwhile(void **state) {
    (void)state;
    make();
    sync_status = ROVE_BUSY;
    p.route = sync_meanwhile;
    phone_ok(&p, run(NULL));
    assert_int_equal(sync_status, ROVE_OK);
    assert_int_equal(phone_state(&p).pending, 0);
}

/* ---- what an answer means ---- */

static void test_answers(void **state) {
    static const struct {
        const char *bytes;
        size_t size;
        rove_status status;
    } cases[] = {
        {"\1", 1, ROVE_OK},         {"\0", 1, ROVE_DONE},       {"\2", 1, ROVE_PROTOCOL},
        {"\377", 1, ROVE_PROTOCOL}, {"\1\1", 2, ROVE_PROTOCOL}, {"", 0, ROVE_PROTOCOL},
    };
    int64_t retry_ms = -1;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make();
        answers = (const uint8_t *)cases[i].bytes;
        answer_size = cases[i].size;
        phone_is(&p, run(&retry_ms), cases[i].status);
        assert_int_equal(retry_ms > 0, cases[i].status == ROVE_PROTOCOL);
    }
}

static void test_an_endless_answer_is_left(void **state) {
    static uint8_t much[100000];
    (void)state;
    make();
    answers = much;
    answer_size = sizeof much;
    p.write_chunk = 1;
    phone_is(&p, run(NULL), ROVE_PROTOCOL);
}

static void test_failures_ask_for_ever_longer_pauses(void **state) {
    static const rove_status failures[] = {
        ROVE_NETWORK, ROVE_TIMEOUT,  ROVE_LATER,        ROVE_SERVER,  ROVE_NOT_ROVE, ROVE_TRUNCATED,
        ROVE_TLS,     ROVE_PROTOCOL, ROVE_UNAUTHORIZED, ROVE_REVOKED, ROVE_EXPIRED};
    int64_t longest = 0;
    int64_t retry_ms = 0;
    (void)state;

    make();
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
            p.refuse = failures[i];
            p.refusals = 1;
            phone_is(&p, run(&retry_ms), failures[i]);
            assert_true(retry_ms >= ROVE_BACKOFF_BASE_MS && retry_ms <= ROVE_BACKOFF_CAP_MS);
            longest = retry_ms > longest ? retry_ms : longest;
        }
    }
    assert_true(longest > 8 * ROVE_BACKOFF_BASE_MS);
    /* Headquarters may ask for more than that. */
    p.refusals = 1;
    p.retry_after_ms = 2 * ROVE_BACKOFF_CAP_MS;
    phone_is(&p, run(&retry_ms), ROVE_EXPIRED);
    assert_int_equal(retry_ms, 2 * ROVE_BACKOFF_CAP_MS);
    /* Once it is reached, it begins afresh. */
    p.retry_after_ms = 0;
    phone_ok(&p, run(&retry_ms));
    assert_int_equal(retry_ms, 0);
    p.refusals = 1;
    phone_is(&p, run(&retry_ms), ROVE_EXPIRED);
    assert_true(retry_ms <= 2 * ROVE_BACKOFF_BASE_MS);
}

/* As an app does it: a sync when there is news, then a new wait. How often it synced in so many minutes. */
static int syncs_within(int minutes) {
    int64_t until_ms = p.now.boot_ms + (int64_t)minutes * 60000;
    int64_t retry_ms = 0;
    int syncs = 0;

    make();
    while (p.now.boot_ms < until_ms && syncs < 1000) {
        rove_status status = run(&retry_ms);
        p.now.boot_ms += 20 + retry_ms;
        if (status == ROVE_OK) {
            p.route = NULL;
            phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
            make();
            syncs++;
        } else {
            phone_is(&p, status, ROVE_LATER);
            assert_true(retry_ms > 0);
        }
    }
    return syncs;
}

static void test_news_that_bring_nothing_are_listened_to_less(void **state) {
    (void)state;
    int first = syncs_within(60);
    assert_in_range(first, 3, 14);
    assert_in_range(syncs_within(600), 1, 42); /* not more often than every quarter of an hour */
    /* There is something after all. */
    p.accounts = 3;
    p.route = NULL;
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    make();
    phone_ok(&p, run(NULL));
}

static void test_who_waits_in_no_hurry_is_told_at_once(void **state) {
    (void)state;
    for (int i = 0; i < 40; i++) {
        make();
        p.now.boot_ms += 15 * 60000; /* polls, for nothing changes */
    }
    make();
    phone_ok(&p, run(NULL));
}

/* ---- ending it ---- */

static int say_stop(void *ctx) {
    return ++*(int *)ctx > 0;
}

static int let_time_pass(void *ctx) {
    (void)ctx;
    p.now.boot_ms += 10000;
    return 0;
}

static void test_it_ends_when_the_app_says_so(void **state) {
    int times = 0;
    int64_t retry_ms = -1;
    rove_wait_options options = {.size = sizeof options, .cancelled = say_stop, .ctx = &times};
    (void)state;

    make();
    phone_is(&p, rove_wait_run(wait, &options, &retry_ms, &p.error), ROVE_CANCELLED);
    assert_int_equal(times, 1);
    assert_int_equal(retry_ms, 0);
    options =
        (rove_wait_options){.size = sizeof options, .seconds_max = 10, .cancelled = let_time_pass};
    phone_is(&p, rove_wait_run(wait, &options, &retry_ms, &p.error), ROVE_LIMIT);
    assert_int_equal(retry_ms, 0);
    options.seconds_max = 21; /* asked once more before the answer is taken */
    phone_ok(&p, rove_wait_run(wait, &options, &retry_ms, &p.error));
}

/* ---- what is not accepted ---- */

static void test_bad_arguments(void **state) {
    rove_transport none = {0};
    rove_wait_options options = {.size = 0};
    (void)state;

    phone_is(&p, rove_wait_new(NULL, &p.ports.transport, &wait, &p.error), ROVE_INVALID);
    phone_is(&p, rove_wait_new(p.replica, NULL, &wait, &p.error), ROVE_INVALID);
    phone_is(&p, rove_wait_new(p.replica, &none, &wait, &p.error), ROVE_INVALID);
    phone_is(&p, rove_wait_new(p.replica, &p.ports.transport, NULL, &p.error), ROVE_INVALID);
    phone_is(&p, rove_wait_run(NULL, NULL, NULL, &p.error), ROVE_INVALID);
    make();
    phone_is(&p, rove_wait_run(wait, &options, NULL, &p.error), ROVE_INVALID);
}

static void test_before_enrolment(void **state) {
    (void)state;
    phone_close(&p);
    phone_forget(p.folder);
    phone_open(&p);
    phone_is(&p, rove_wait_new(p.replica, &p.ports.transport, &wait, &p.error), ROVE_NOT_ENROLLED);
    assert_null(wait);
}

static void test_without_memory(void **state) {
    rove_status status = ROVE_NOMEM;
    (void)state;
    for (unsigned n = 1; status == ROVE_NOMEM; n++) {
        p.memory.fail_at = p.memory.calls + n;
        status = rove_wait_new(p.replica, &p.ports.transport, &wait, &p.error);
        p.memory.fail_at = 0;
        assert_true(status == ROVE_OK ? n > 3 : wait == NULL);
    }
    phone_is(&p, status, ROVE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_it_names_what_the_replica_has),
        TEST(test_it_judges_by_trusted_time),
        TEST(test_it_needs_nothing_of_the_replica),
        TEST(test_a_sync_goes_on_meanwhile),
        TEST(test_answers),
        TEST(test_an_endless_answer_is_left),
        TEST(test_failures_ask_for_ever_longer_pauses),
        TEST(test_news_that_bring_nothing_are_listened_to_less),
        TEST(test_who_waits_in_no_hurry_is_told_at_once),
        TEST(test_it_ends_when_the_app_says_so),
        TEST(test_bad_arguments),
        TEST(test_before_enrolment),
        TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
