/*
 * test_client_exchange.c - an exchange by hand, as a host with its own event loop makes it.
 */
#include "phone.h"

static phone p;

static int set_up(void **state) {
    (void)state;
    phone_start(&p, "client_exchange");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

static void request(rove_exchange *exchange, size_t capacity, rove__buf *body) {
    uint8_t chunk[4096];
    size_t size = 1;

    while (size > 0) {
        phone_ok(&p, rove_exchange_request(exchange, chunk, capacity, &size, &p.error));
        assert_true(size <= capacity);
        rove__buf_append(body, chunk, size);
    }
}

/* One exchange in portions of `portion` bytes each way. */
static rove_status by_hand(size_t portion, int *again, rove_sync_report *report) {
    rove_exchange *exchange = NULL;
    rove__buf body;
    rove__buf answer;
    rove_status status = ROVE_OK;

    rove__buf_init(&body, &p.own, 1 << 24);
    rove__buf_init(&answer, &p.own, 1 << 24);
    memset(&p.last, 0, sizeof p.last);
    phone_ok(&p, rove_exchange_new(p.replica, 0, &exchange, &p.error));
    request(exchange, portion, &body);
    phone_ok(&p, phone_exchange(&p, &body, &answer));
    for (size_t at = 0; at < answer.size && status == ROVE_OK; at += portion) {
        size_t some = answer.size - at < portion ? answer.size - at : portion;
        status = rove_exchange_answer(exchange, answer.data + at, some, &p.error);
    }
    status = rove_exchange_finish(exchange, status, again, report, &p.error);
    rove__buf_free(&body);
    rove__buf_free(&answer);
    return status;
}

static void test_an_exchange_in_any_portions(void **state) {
    static const size_t portions[] = {1, 3, 100, 4096};
    (void)state;

    for (size_t i = 0; i < sizeof portions / sizeof *portions; i++) {
        rove_sync_report report;
        int again = 1;
        (void)phone_account(&p, "work");
        p.accounts += 20;
        phone_ok(&p, by_hand(portions[i], &again, &report));
        assert_false(again);
        assert_int_equal(report.requests, 1);
        assert_int_equal(report.rows_pushed, 1);
        assert_int_equal(report.rows_applied, 20);
        assert_true(report.bytes_sent > 0 && report.bytes_received > 0);
        assert_true(report.next_sync_ms > rove_now_ms(p.replica));
        assert_int_equal(phone_state(&p).next_sync_ms, report.next_sync_ms);
        assert_int_equal(phone_state(&p).pending, 0);
    }
}

static void test_a_host_that_gives_up_says_why(void **state) {
    static const rove_status reasons[] = {ROVE_NETWORK, ROVE_CANCELLED, ROVE_TIMEOUT, ROVE_TLS};
    (void)state;

    (void)phone_account(&p, "work");
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        rove_exchange *exchange = NULL;
        rove_sync_report report;
        uint8_t chunk[10];
        size_t size = 0;
        int again = 1;
        phone_ok(&p, rove_exchange_new(p.replica, 0, &exchange, &p.error));
        phone_ok(&p, rove_exchange_request(exchange, chunk, sizeof chunk, &size, &p.error));
        phone_is(&p, rove_exchange_finish(exchange, reasons[i], &again, &report, &p.error),
                 reasons[i]);
        assert_false(again);
        assert_true(p.error.message[0] != '\0');
        assert_true(reasons[i] != ROVE_CANCELLED || report.next_sync_ms == 0);
        assert_int_equal(phone_state(&p).pending, 1);
    }
    phone_ok(&p, by_hand(4096, NULL, NULL));
    assert_int_equal(phone_state(&p).pending, 0);
}

/* A host that does not notice a failed answer and calls it a success is told. */
static void test_a_failed_answer_stays_failed(void **state) {
    rove_exchange *exchange = NULL;
    rove_sync_report report;
    rove__buf body;
    (void)state;

    (void)phone_account(&p, "work");
    rove__buf_init(&body, &p.own, 1 << 20);
    phone_ok(&p, rove_exchange_new(p.replica, 0, &exchange, &p.error));
    request(exchange, 4096, &body);
    phone_is(&p, rove_exchange_answer(exchange, "<html>", 6, &p.error), ROVE_PROTOCOL);
    phone_is(&p, rove_exchange_answer(exchange, "more", 4, &p.error), ROVE_PROTOCOL);
    phone_is(&p, rove_exchange_finish(exchange, ROVE_OK, NULL, &report, &p.error), ROVE_PROTOCOL);
    rove__buf_free(&body);
    assert_int_equal(phone_state(&p).pending, 1);
}

static void test_one_at_a_time(void **state) {
    rove_exchange *first = NULL;
    rove_exchange *second = NULL;
    (void)state;

    phone_ok(&p, rove_exchange_new(p.replica, 0, &first, &p.error));
    phone_is(&p, rove_exchange_new(p.replica, 0, &second, &p.error), ROVE_BUSY);
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_BUSY);
    phone_is(&p, rove_exchange_finish(first, ROVE_CANCELLED, NULL, NULL, &p.error), ROVE_CANCELLED);
    phone_ok(&p, by_hand(4096, NULL, NULL));
}

static void test_the_budget_is_told_to_headquarters(void **state) {
    rove_exchange *exchange = NULL;
    rove__buf body;
    rove__buf answer;
    (void)state;

    rove__buf_init(&body, &p.own, 1 << 20);
    rove__buf_init(&answer, &p.own, 1 << 20);
    phone_ok(&p, rove_exchange_new(p.replica, 12345, &exchange, &p.error));
    request(exchange, 4096, &body);
    phone_ok(&p, phone_exchange(&p, &body, &answer));
    assert_int_equal(p.last.hello.bytes_max, 12345);
    phone_is(&p, rove_exchange_finish(exchange, ROVE_NETWORK, NULL, NULL, &p.error), ROVE_NETWORK);
    rove__buf_free(&body);
    rove__buf_free(&answer);
}

static void test_a_host_learns_whom_to_trust(void **state) {
    rove_exchange *exchange = NULL;
    rove_request target;
    (void)state;

    phone_ok(&p, rove_exchange_new(p.replica, 0, &exchange, &p.error));
    phone_ok(&p, rove_exchange_target(exchange, &target, &p.error));
    assert_string_equal(target.method, "POST");
    assert_string_equal(target.url, PHONE_URL "/v1/exchange");
    assert_string_equal(target.content_type, target.accept);
    assert_int_equal(target.ca_size, 9);
    assert_non_null(target.pin);
    assert_null(target.backup_pin);
    assert_true(target.certificate_size > 0 && target.key_size > 0);
    assert_null(target.read_body);
    assert_int_equal(target.trusted_now_ms, 0);
    phone_is(&p, rove_exchange_target(exchange, NULL, &p.error), ROVE_INVALID);
    phone_is(&p, rove_exchange_finish(exchange, ROVE_NETWORK, NULL, NULL, NULL), ROVE_NETWORK);
}

static void test_calls_that_make_no_sense(void **state) {
    rove_exchange *exchange = NULL;
    uint8_t byte;
    size_t size = 0;
    (void)state;

    phone_is(&p, rove_exchange_new(NULL, 0, &exchange, &p.error), ROVE_INVALID);
    phone_is(&p, rove_exchange_new(p.replica, 0, NULL, &p.error), ROVE_INVALID);
    phone_is(&p, rove_exchange_request(NULL, &byte, 1, &size, &p.error), ROVE_INVALID);
    phone_is(&p, rove_exchange_answer(NULL, &byte, 1, &p.error), ROVE_INVALID);
    phone_is(&p, rove_exchange_finish(NULL, ROVE_OK, NULL, NULL, &p.error), ROVE_INVALID);
    phone_ok(&p, rove_exchange_new(p.replica, 0, &exchange, &p.error));
    phone_is(&p, rove_exchange_request(exchange, &byte, 0, &size, &p.error), ROVE_INVALID);
    phone_is(&p, rove_exchange_finish(exchange, ROVE_NETWORK, NULL, NULL, NULL), ROVE_NETWORK);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_an_exchange_in_any_portions),        TEST(test_a_host_that_gives_up_says_why),
        TEST(test_a_failed_answer_stays_failed),       TEST(test_one_at_a_time),
        TEST(test_the_budget_is_told_to_headquarters), TEST(test_a_host_learns_whom_to_trust),
        TEST(test_calls_that_make_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
