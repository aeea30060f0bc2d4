/* A reader believes no length, and what it accepts is written only one way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/reader.h"
#include "heap.h"

static void test_reads_back_what_a_buffer_wrote(void **state) {
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    rove__buf buf;
    uint64_t seed = 1;

    (void)state;
    rove__buf_init(&buf, &allocator, 1000);
    for (int i = 0; i < 20000; i++) {
        uint64_t value = dice(&seed) >> (dice(&seed) % 64);
        rove__reader reader;
        const uint8_t *bytes = NULL;
        size_t size = 0;
        rove__buf_reset(&buf);
        rove__buf_varint(&buf, value);
        rove__buf_zigzag(&buf, (int64_t)value);
        rove__buf_zigzag(&buf, -(int64_t)(value >> 1));
        rove__buf_u32(&buf, (uint32_t)value);
        rove__buf_u64(&buf, value);
        rove__buf_bytes(&buf, "abc", 3);
        rove__reader_init(&reader, buf.data, buf.size);
        assert_true(rove__reader_varint(&reader) == value);
        assert_true(rove__reader_zigzag(&reader) == (int64_t)value);
        assert_true(rove__reader_zigzag(&reader) == -(int64_t)(value >> 1));
        assert_int_equal(rove__reader_u32(&reader), (uint32_t)value);
        assert_true(rove__reader_u64(&reader) == value);
        bytes = rove__reader_bytes(&reader, 3, &size);
        assert_int_equal(size, 3);
        assert_memory_equal(bytes, "abc", 3);
        assert_int_equal(rove__reader_left(&reader), 0);
        assert_int_equal(rove__reader_status(&reader), ROVE_OK);
    }
    rove__buf_free(&buf);
}

static rove_status varint_status(const char *bytes, size_t size) {
    rove__reader reader;

    rove__reader_init(&reader, bytes, size);
    (void)rove__reader_varint(&reader);
    return rove__reader_status(&reader);
}

static void test_a_varint_has_one_form_and_fits_64_bits(void **state) {
    (void)state;
    assert_int_equal(varint_status("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10), ROVE_OK);
    assert_int_equal(varint_status("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10), ROVE_PROTOCOL);
    assert_int_equal(varint_status("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81", 10), ROVE_PROTOCOL);
    assert_int_equal(varint_status("\x00", 1), ROVE_OK);
    assert_int_equal(varint_status("\x80\x00", 2), ROVE_PROTOCOL);
    assert_int_equal(varint_status("\x81\x80\x00", 3), ROVE_PROTOCOL);
    assert_int_equal(varint_status("\x80", 1), ROVE_TRUNCATED);
    assert_int_equal(varint_status("", 0), ROVE_TRUNCATED);
}

static void test_a_failure_stays_and_reads_zero(void **state) {
    rove__reader reader;
    size_t size = 9;

    (void)state;
    rove__reader_init(&reader, "\x05\x01\x02", 3);
    assert_null(rove__reader_bytes(&reader, 10, &size));
    assert_int_equal(size, 0);
    assert_int_equal(rove__reader_status(&reader), ROVE_TRUNCATED);
    assert_int_equal(rove__reader_byte(&reader), 0);
    assert_int_equal(rove__reader_varint(&reader), 0);
    assert_int_equal(rove__reader_zigzag(&reader), 0);
    assert_int_equal(rove__reader_u32(&reader), 0);
    assert_int_equal(rove__reader_u64(&reader), 0);
    assert_null(rove__reader_take(&reader, 0));
    assert_int_equal(rove__reader_left(&reader), 0);
    rove__reader_fail(&reader, ROVE_PROTOCOL);
    assert_int_equal(rove__reader_status(&reader), ROVE_TRUNCATED);
}

static void test_counts_are_held_to_their_limit(void **state) {
    rove__reader reader;
    size_t size = 0;

    (void)state;
    rove__reader_init(&reader, "\x40\x41", 2);
    assert_int_equal(rove__reader_varint_max(&reader, 64), 64);
    assert_int_equal(rove__reader_varint_max(&reader, 64), 0);
    assert_int_equal(rove__reader_status(&reader), ROVE_PROTOCOL);
    rove__reader_init(&reader,
                      "\x02"
                      "ab",
                      3);
    assert_null(rove__reader_bytes(&reader, 1, &size));
    assert_int_equal(rove__reader_status(&reader), ROVE_PROTOCOL);
}

static void test_random_bytes_never_lead_outside(void **state) {
    uint64_t seed = 7;

    (void)state;
    for (int i = 0; i < 50000; i++) {
        size_t size = dice(&seed) % 24;
        uint8_t *bytes = malloc(size + 1); /* so that a sanitizer sees one byte too far */
        rove__reader reader;
        size_t got = 0;
        assert_non_null(bytes);
        for (size_t k = 0; k < size; k++) {
            bytes[k] = (uint8_t)dice(&seed);
        }
        bytes = realloc(bytes, size == 0 ? 1 : size);
        rove__reader_init(&reader, bytes, size);
        while (rove__reader_status(&reader) == ROVE_OK && rove__reader_left(&reader) > 0) {
            switch (dice(&seed) % 4) {
            case 0:
                (void)rove__reader_varint(&reader);
                break;
            case 1:
                (void)rove__reader_bytes(&reader, 100, &got);
                break;
            case 2:
                (void)rove__reader_u64(&reader);
                break;
            default:
                (void)rove__reader_byte(&reader);
                break;
            }
        }
        free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_back_what_a_buffer_wrote),
        cmocka_unit_test(test_a_varint_has_one_form_and_fits_64_bits),
        cmocka_unit_test(test_a_failure_stays_and_reads_zero),
        cmocka_unit_test(test_counts_are_held_to_their_limit),
        cmocka_unit_test(test_random_bytes_never_lead_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
