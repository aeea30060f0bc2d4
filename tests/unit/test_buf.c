/* A buffer never grows past its maximum, and a failure is seen at the end at the latest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "heap.h"

static void test_appends_up_to_the_limit_and_not_past_it(void **state) {
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    rove__buf buf;

    (void)state;
    rove__buf_init(&buf, &allocator, 100);
    for (int i = 0; i < 100; i++) {
        rove__buf_byte(&buf, (uint8_t)i);
    }
    assert_int_equal(rove__buf_status(&buf), ROVE_OK);
    assert_int_equal(buf.size, 100);
    assert_int_equal(buf.data[99], 99);
    rove__buf_byte(&buf, 0);
    assert_int_equal(rove__buf_status(&buf), ROVE_TOO_BIG);
    assert_int_equal(buf.size, 0);
    assert_int_equal(h.alive, 0);
    rove__buf_append(&buf, "x", 1);
    assert_int_equal(rove__buf_status(&buf), ROVE_TOO_BIG);
    assert_null(rove__buf_reserve(&buf, 1));
    rove__buf_free(&buf);
}

static void test_a_huge_size_is_too_big_and_not_an_overflow(void **state) {
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    rove__buf buf;

    (void)state;
    rove__buf_init(&buf, &allocator, SIZE_MAX / 2);
    rove__buf_byte(&buf, 1);
    assert_null(rove__buf_reserve(&buf, SIZE_MAX));
    assert_int_equal(rove__buf_status(&buf), ROVE_TOO_BIG);
    rove__buf_free(&buf);
    assert_int_equal(h.alive, 0);
}

static void test_each_failed_allocation_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    for (size_t fail_at = 1;; fail_at++) {
        heap h = {.fail_at = fail_at};
        rove_allocator allocator = heap_allocator(&h);
        rove__buf buf;
        rove__buf_init(&buf, &allocator, 100000);
        for (int i = 0; i < 5000; i++) {
            rove__buf_u64(&buf, (uint64_t)i);
        }
        if (h.calls < fail_at) {
            assert_int_equal(rove__buf_status(&buf), ROVE_OK);
            assert_int_equal(buf.size, 40000);
            rove__buf_free(&buf);
            assert_true(fail_at > 3);
            return;
        }
        assert_int_equal(rove__buf_status(&buf), ROVE_NOMEM);
        assert_int_equal(h.alive, 0);
        rove__buf_reset(&buf);
        rove__buf_byte(&buf, 7);
        assert_int_equal(rove__buf_status(&buf), ROVE_OK);
        assert_int_equal(buf.data[0], 7);
        rove__buf_free(&buf);
        assert_int_equal(h.alive, 0);
    }
}

static void test_numbers_have_their_published_bytes(void **state) {
    static const uint8_t expected[] = {
        0x00, 0x7f, 0x80, 0x01, 0xac, 0x02,                         /* varint 0 127 128 300 */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, /* varint 2^64-1 */
        0x00, 0x01, 0x02, 0x03,                                     /* zigzag 0 -1 1 -2 */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, /* zigzag INT64_MIN */
        0x01, 0x02, 0x03, 0x04,                                     /* u32 */
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,             /* u64 */
        0x02, 'h',  'i',                                            /* bytes */
    };
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    rove__buf buf;

    (void)state;
    rove__buf_init(&buf, &allocator, 1000);
    rove__buf_varint(&buf, 0);
    rove__buf_varint(&buf, 127);
    rove__buf_varint(&buf, 128);
    rove__buf_varint(&buf, 300);
    rove__buf_varint(&buf, UINT64_MAX);
    rove__buf_zigzag(&buf, 0);
    rove__buf_zigzag(&buf, -1);
    rove__buf_zigzag(&buf, 1);
    rove__buf_zigzag(&buf, -2);
    rove__buf_zigzag(&buf, INT64_MIN);
    rove__buf_u32(&buf, 0x01020304);
    rove__buf_u64(&buf, 0x0102030405060708);
    rove__buf_bytes(&buf, "hi", 2);
    assert_int_equal(buf.size, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);
    rove__buf_free(&buf);
    assert_int_equal(h.alive, 0);
}

static void test_truncate_and_consume_take_from_the_right_end(void **state) {
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    rove__buf buf;

    (void)state;
    rove__buf_init(&buf, &allocator, 10);
    rove__buf_append(&buf, "abcdefgh", 8);
    rove__buf_truncate(&buf, 6);
    rove__buf_consume(&buf, 2);
    assert_int_equal(buf.size, 4);
    assert_memory_equal(buf.data, "cdef", 4);
    rove__buf_truncate(&buf, 99);
    assert_int_equal(buf.size, 4);
    rove__buf_consume(&buf, 99);
    assert_int_equal(buf.size, 0);
    rove__buf_append(&buf, NULL, 0);
    assert_int_equal(rove__buf_status(&buf), ROVE_OK);
    rove__buf_free(&buf);
    rove__buf_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends_up_to_the_limit_and_not_past_it),
        cmocka_unit_test(test_a_huge_size_is_too_big_and_not_an_overflow),
        cmocka_unit_test(test_each_failed_allocation_is_reported_and_leaks_nothing),
        cmocka_unit_test(test_numbers_have_their_published_bytes),
        cmocka_unit_test(test_truncate_and_consume_take_from_the_right_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
