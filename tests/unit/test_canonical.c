/* Canonical stamps: between what headquarters knows and now, and always rising. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "merge/merge.h"

static void test_a_believable_stamp_stays_as_it_is(void **state) {
    int suspect = 1;
    rove_stamp raw = rove__stamp_make(5000, 77);

    (void)state;
    assert_true(rove__merge_canonical(raw, 4000, rove__stamp_make(6000, 0), 0, &suspect) == raw);
    assert_false(suspect);
}

static void test_a_clock_that_is_slow_or_fast_is_clamped_and_marked(void **state) {
    int suspect = 0;
    rove_stamp now = rove__stamp_make(6000, 3);

    (void)state;
    assert_true(rove__merge_canonical(5, 4000, now, 0, &suspect) == rove__stamp_make(4000, 0));
    assert_true(suspect);
    assert_true(rove__merge_canonical(now + 1, 4000, now, 0, &suspect) == now);
    assert_true(suspect);
    assert_true(rove__merge_canonical(now, 4000, now, 0, &suspect) == now);
    assert_false(suspect);
    /* Headquarters' own clock went back: now has the last word. */
    assert_true(rove__merge_canonical(5, 9000, now, 0, &suspect) == now);
    assert_true(rove__merge_canonical(UINT64_MAX, -1, now, 0, &suspect) == now);
}

static void test_the_stamps_of_a_device_always_rise(void **state) {
    uint64_t seed = 1;
    rove_stamp previous = 0;

    (void)state;
    for (int i = 0; i < 1000000; i++) {
        rove_stamp now = rove__stamp_make(1000000 + i / 1000, 0);
        rove_stamp raw = dice(&seed) % (now * 2);
        int suspect = 0;
        rove_stamp stamp = rove__merge_canonical(raw, 500000, now, previous, &suspect);
        if (stamp <= previous || stamp < rove__stamp_make(500000, 0) ||
            (stamp > now && stamp != previous + 1)) {
            fail_msg("round %d", i);
        }
        previous = stamp;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_believable_stamp_stays_as_it_is),
        cmocka_unit_test(test_a_clock_that_is_slow_or_fast_is_clamped_and_marked),
        cmocka_unit_test(test_the_stamps_of_a_device_always_rise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
