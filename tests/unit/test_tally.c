/*
 * test_tally.c - how often an address may ask: so many times at once, then as time goes by; and what counts as one address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "heap.h"
#include "http/tally.h"

#define A_MINUTE 6 /* one in ten seconds */

typedef struct asking {
    heap h;
    rove_allocator allocator;
    tally tally;
    int64_t now_ms;
} asking;

static asking s;

static int set_up(void **state) {
    (void)state;
    memset(&s, 0, sizeof s);
    s.allocator = heap_allocator(&s.h);
    tally_init(&s.tally, &s.allocator, A_MINUTE);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tally_free(&s.tally);
    assert_int_equal(s.h.alive, 0);
    return 0;
}

static int64_t ask(const char *address) {
    struct sockaddr_storage place = {.ss_family = AF_UNSPEC};
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, address, &four.sin_addr) == 1) {
        memcpy(&place, &four, sizeof four);
    } else {
        assert_int_equal(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
        memcpy(&place, &six, sizeof six);
    }
    return tally_admit(&s.tally, (const struct sockaddr *)&place, s.now_ms);
}

static void spend(const char *address) {
    for (int i = 0; i < A_MINUTE; i++) {
        assert_int_equal(ask(address), 0);
    }
    assert_true(ask(address) > 0);
}

static void test_so_many_at_once_and_then_as_time_goes_by(void **state) {
    (void)state;
    spend("192.0.2.1");
    assert_int_equal(ask("192.0.2.1"), 10);
    s.now_ms += 9000;
    assert_int_equal(ask("192.0.2.1"), 1);
    s.now_ms += 1000;
    assert_int_equal(ask("192.0.2.1"), 0);
    assert_int_equal(ask("192.0.2.1"), 10);
    s.now_ms += 3600000; /* what was not used does not add up */
    spend("192.0.2.1");
}

static void test_who_asks_all_the_time_is_let_in_as_often(void **state) {
    int admitted = 0;
    (void)state;
    spend("192.0.2.1");
    for (int i = 0; i < 600; i++) {
        s.now_ms += 100;
        admitted += ask("192.0.2.1") == 0;
    }
    assert_int_equal(admitted, A_MINUTE);
}

static void test_each_address_has_its_own(void **state) {
    (void)state;
    spend("192.0.2.1");
    assert_int_equal(ask("192.0.2.2"), 0);
    assert_true(ask("::ffff:192.0.2.1") > 0); /* the same, otherwise written */
    spend("2001:db8:0:1::1");
    assert_true(ask("2001:db8:0:1:ffff::2") > 0); /* the same customer */
    assert_int_equal(ask("2001:db8:0:2::1"), 0);
}

static void test_who_was_longest_not_here_is_forgotten(void **state) {
    char address[32];
    (void)state;
    for (unsigned i = 0; i < TALLY_ADDRESSES; i++) {
        (void)snprintf(address, sizeof address, "10.0.%u.%u", i / 256, i % 256);
        spend(address);
        s.now_ms++;
    }
    assert_true(ask("10.0.0.0") > 0); /* all of them are known, and this one was here */
    assert_int_equal(ask("10.1.0.0"), 0);
    assert_true(ask("10.0.0.0") > 0);
    assert_int_equal(ask("10.0.0.1"), 0);
}

static void test_nobody_is_let_in_without_memory(void **state) {
    (void)state;
    s.h.fail_at = 1;
    assert_int_equal(ask("192.0.2.1"), 1);
    assert_int_equal(ask("192.0.2.1"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_so_many_at_once_and_then_as_time_goes_by),
        TEST(test_who_asks_all_the_time_is_let_in_as_often),
        TEST(test_each_address_has_its_own),
        TEST(test_who_was_longest_not_here_is_forgotten),
        TEST(test_nobody_is_let_in_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
