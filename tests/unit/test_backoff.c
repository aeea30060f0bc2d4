/*
 * test_backoff.c - when a device comes again: never sooner than the base, never later than the cap, longer after
 * more failures, and devices spread out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "heap.h"
#include "sync/backoff.h"

static rove_status repeatable(void *ctx, void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)bytes)[i] = (uint8_t)dice(ctx);
    }
    return ROVE_OK;
}

static rove_status all_ones(void *ctx, void *bytes, size_t size) {
    (void)ctx;
    memset(bytes, 0xff, size);
    return ROVE_OK;
}

static rove_status broken(void *ctx, void *bytes, size_t size) {
    (void)ctx;
    memset(bytes, 0, size);
    return ROVE_CRYPTO;
}

static void test_delays_stay_within_base_and_cap(void **state) {
    uint64_t seed = 1;
    rove_random random = {repeatable, &seed};
    (void)state;

    for (uint32_t failures = 1; failures < 40; failures++) {
        int64_t ceiling =
            failures < 9 ? (int64_t)ROVE_BACKOFF_BASE_MS << failures : ROVE_BACKOFF_CAP_MS;
        for (int i = 0; i < 200; i++) {
            int64_t delay = 0;
            assert_int_equal(rove__backoff_delay(failures, &random, &delay), ROVE_OK);
            assert_true(delay >= ROVE_BACKOFF_BASE_MS);
            assert_true(delay <= ceiling && delay <= ROVE_BACKOFF_CAP_MS);
        }
    }
}

static void test_failures_without_end_do_not_overflow(void **state) {
    rove_random random = {all_ones, NULL};
    int64_t delay = 0;
    (void)state;

    assert_int_equal(rove__backoff_delay(UINT32_MAX, &random, &delay), ROVE_OK);
    assert_true(delay >= ROVE_BACKOFF_BASE_MS && delay <= ROVE_BACKOFF_CAP_MS);
}

static int64_t mean_delay(uint32_t failures) {
    uint64_t seed = 7;
    rove_random random = {repeatable, &seed};
    int64_t sum = 0;

    for (int i = 0; i < 500; i++) {
        int64_t delay = 0;
        assert_int_equal(rove__backoff_delay(failures, &random, &delay), ROVE_OK);
        sum += delay;
    }
    return sum / 500;
}

static void test_more_failures_mean_longer_waits(void **state) {
    (void)state;
    for (uint32_t failures = 1; failures < 8; failures++) {
        assert_true(mean_delay(failures + 1) > mean_delay(failures));
    }
}

/* A thousand devices that lost headquarters together do not come back together. */
static void test_devices_spread_out(void **state) {
    uint64_t seed = 3;
    rove_random random = {repeatable, &seed};
    int per_minute[16] = {0};
    (void)state;

    for (int i = 0; i < 1000; i++) {
        int64_t delay = 0;
        assert_int_equal(rove__backoff_delay(20, &random, &delay), ROVE_OK);
        per_minute[delay / 60000]++;
    }
    for (int minute = 0; minute < 15; minute++) {
        assert_true(per_minute[minute] > 20);
        assert_true(per_minute[minute] < 150);
    }
}

static void test_polls_are_jittered_by_a_tenth(void **state) {
    uint64_t seed = 5;
    rove_random random = {repeatable, &seed};
    int64_t least = INT64_MAX;
    int64_t most = 0;
    (void)state;

    for (int i = 0; i < 2000; i++) {
        int64_t delay = 0;
        assert_int_equal(rove__backoff_poll(600000, &random, &delay), ROVE_OK);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_true(least >= 540000 && least < 550000);
    assert_true(most <= 660000 && most > 650000);
}

static void test_tiny_polls_are_taken_as_they_are(void **state) {
    rove_random random = {broken, NULL};
    int64_t delay = -1;
    (void)state;

    assert_int_equal(rove__backoff_poll(0, &random, &delay), ROVE_OK);
    assert_int_equal(delay, 0);
    assert_int_equal(rove__backoff_poll(9, &random, &delay), ROVE_OK);
    assert_int_equal(delay, 9);
}

static void test_no_randomness_is_said(void **state) {
    rove_random random = {broken, NULL};
    int64_t delay = 0;
    (void)state;

    assert_int_equal(rove__backoff_delay(3, &random, &delay), ROVE_CRYPTO);
    assert_int_equal(rove__backoff_poll(600000, &random, &delay), ROVE_CRYPTO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delays_stay_within_base_and_cap),
        cmocka_unit_test(test_failures_without_end_do_not_overflow),
        cmocka_unit_test(test_more_failures_mean_longer_waits),
        cmocka_unit_test(test_devices_spread_out),
        cmocka_unit_test(test_polls_are_jittered_by_a_tenth),
        cmocka_unit_test(test_tiny_polls_are_taken_as_they_are),
        cmocka_unit_test(test_no_randomness_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
