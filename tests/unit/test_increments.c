/* Increments: each is added once, the sum is exact, malformed bytes are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "merge/merge.h"

__extension__ typedef __int128 wide;

static heap h;
static rove_allocator allocator;
static rove__arena arena;

static int setup(void **state) {
    (void)state;
    memset(&h, 0, sizeof h);
    allocator = heap_allocator(&h);
    rove__arena_init(&arena, &allocator, 1 << 22);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rove__arena_free(&arena);
    return h.alive == 0 ? 0 : -1;
}

static void test_the_sum_is_exact_and_its_order_does_not_matter(void **state) {
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 1000000; round++) {
        rove__increment forward[4];
        rove__increment backward[4];
        size_t count = dice(&seed) % 5;
        unsigned shift = (unsigned)(dice(&seed) % 64);
        int64_t total = (int64_t)dice(&seed) >> shift;
        wide sum = total;
        int saturated = 0;
        int again = 0;
        int64_t result = 0;
        for (size_t i = 0; i < count; i++) {
            forward[i].raw = i + 1;
            forward[i].delta = (int64_t)dice(&seed) >> shift;
            backward[count - 1 - i] = forward[i];
            sum += forward[i].delta;
        }
        result = rove__merge_counter(total, forward, count, &saturated);
        if (result != rove__merge_counter(total, backward, count, &again) || saturated != again) {
            fail_msg("round %d: order matters", round);
        }
        if (saturated != (sum > INT64_MAX || sum < INT64_MIN) ||
            result != (sum > INT64_MAX   ? INT64_MAX
                       : sum < INT64_MIN ? INT64_MIN
                                         : (int64_t)sum)) {
            fail_msg("round %d: wrong sum", round);
        }
    }
}

static void test_the_limits_are_reached_and_not_passed(void **state) {
    rove__increment one = {1, 1};
    rove__increment minus = {1, -1};
    int saturated = 1;

    (void)state;
    assert_true(rove__merge_counter(INT64_MAX - 1, &one, 1, &saturated) == INT64_MAX);
    assert_false(saturated);
    assert_true(rove__merge_counter(INT64_MAX, &one, 1, &saturated) == INT64_MAX);
    assert_true(saturated);
    assert_true(rove__merge_counter(INT64_MIN + 1, &minus, 1, &saturated) == INT64_MIN);
    assert_false(saturated);
    assert_true(rove__merge_counter(INT64_MIN, &minus, 1, &saturated) == INT64_MIN);
    assert_true(saturated);
    assert_true(rove__merge_counter(-7, NULL, 0, &saturated) == -7);
    assert_false(saturated);
}

static void test_what_is_written_is_read_back(void **state) {
    static rove__increment written[ROVE_INCREMENTS_MAX + 1];
    uint64_t seed = 2;
    rove_value value;
    rove__increment *read = NULL;
    size_t count = 9;

    (void)state;
    for (size_t i = 0; i <= ROVE_INCREMENTS_MAX; i++) {
        written[i].raw = 1000 + i * 7;
        written[i].delta = (int64_t)(dice(&seed) % 2001) - 1000;
    }
    written[0].delta = INT64_MIN;
    written[1].delta = INT64_MAX;
    assert_int_equal(rove__increments_write(written, ROVE_INCREMENTS_MAX, &arena, &value), ROVE_OK);
    assert_int_equal(rove__increments_read(&value, &arena, &read, &count), ROVE_OK);
    assert_int_equal(count, ROVE_INCREMENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_true(read[i].raw == written[i].raw && read[i].delta == written[i].delta);
    }
    assert_int_equal(rove__increments_write(written, ROVE_INCREMENTS_MAX + 1, &arena, &value),
                     ROVE_TOO_BIG);
    assert_int_equal(value.type, ROVE_NULL);
    assert_int_equal(rove__increments_write(written, 0, &arena, &value), ROVE_OK);
    assert_int_equal(value.type, ROVE_NULL);
    assert_int_equal(rove__increments_read(&value, &arena, &read, &count), ROVE_OK);
    assert_int_equal(count, 0);
}

static rove_status read_status(const char *bytes, size_t size) {
    rove_value value = rove__value_bytes(ROVE_BLOB, bytes, size);
    rove__increment *read = NULL;
    size_t count = 0;

    return rove__increments_read(&value, &arena, &read, &count);
}

static void test_malformed_increments_are_refused(void **state) {
    rove_value number = rove__value_int(1);
    rove__increment *read = NULL;
    size_t count = 0;

    (void)state;
    assert_int_equal(read_status("\x01\0\0\0\0\0\0\0\x05\x02", 10), ROVE_OK);
    assert_int_equal(read_status("", 0), ROVE_CORRUPT);
    assert_int_equal(read_status("\x00", 1), ROVE_CORRUPT);                   /* not NULL */
    assert_int_equal(read_status("\x01\0\0\0\0\0\0\0\x05", 9), ROVE_CORRUPT); /* cut */
    assert_int_equal(read_status("\x01\0\0\0\0\0\0\0\x05\x02\x00", 11), ROVE_CORRUPT); /* rest */
    assert_int_equal(read_status("\x02\0\0\0\0\0\0\0\x05\x02\0\0\0\0\0\0\0\x05\x02", 19),
                     ROVE_CORRUPT); /* the same twice */
    assert_int_equal(read_status("\x01\x80\0\0\0\0\0\0\x05\x02", 10),
                     ROVE_CORRUPT); /* no stamp is as large */
    assert_int_equal(read_status("\xff\xff\xff\xff\x0f", 5), ROVE_CORRUPT);
    assert_int_equal(rove__increments_read(&number, &arena, &read, &count), ROVE_CORRUPT);
}

static void test_out_of_memory_is_reported(void **state) {
    rove__increment one = {1, 1};
    rove_value value;

    (void)state;
    for (size_t fail_at = 1; fail_at <= 2; fail_at++) {
        h.calls = 0;
        h.fail_at = fail_at;
        assert_int_equal(rove__increments_write(&one, 1, &arena, &value), ROVE_NOMEM);
        assert_int_equal(value.type, ROVE_NULL);
    }
    h.fail_at = 0;
    assert_int_equal(rove__increments_write(&one, 1, &arena, &value), ROVE_OK);
    rove__arena empty;
    rove__increment *read = NULL;
    size_t count = 0;
    rove__arena_init(&empty, &allocator, 8);
    assert_int_equal(rove__increments_read(&value, &empty, &read, &count), ROVE_NOMEM);
    assert_null(read);
    rove__arena_free(&empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_sum_is_exact_and_its_order_does_not_matter, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_limits_are_reached_and_not_passed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_increments_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_memory_is_reported, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
