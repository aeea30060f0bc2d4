/* SipHash-2-4-128 against the vectors of its authors (key 00..0f, input 00, 01, 02 ...). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/siphash.h"
#include "heap.h"

typedef struct vector {
    size_t size;
    const char *hex; /* low half first, little-endian, as published */
} vector;

static const vector vectors[] = {
    {0, "a3817f04ba25a8e66df67214c7550293"},  {1, "da87c1d86b99af44347659119b22fc45"},
    {7, "a1f1ebbed8dbc153c0b84aa61ff08239"},  {8, "3b62a9ba6258f5610f83e264f31497b4"},
    {9, "264499060ad9baabc47f8b02bb6d71ed"},  {15, "5493e99933b0a8117e08ec0f97cfc3d9"},
    {16, "6ee2a4ca67b054bbfd3315bf85230577"}, {31, "2939b0183223fafc1723de4f52c43d35"},
    {32, "7c3956ca5eeafc3e363e9d556546eb68"}, {63, "5150d1772f50834a503e069a973fbd7c"},
};

static void hex_of(rove__hash128 hash, char hex[33]) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < 16; i++) {
        uint64_t half = i < 8 ? hash.low : hash.high;
        uint8_t byte = (uint8_t)(half >> (8 * (i % 8)));
        hex[2 * i] = digits[byte >> 4];
        hex[2 * i + 1] = digits[byte & 15];
    }
    hex[32] = '\0';
}

static void test_agrees_with_the_published_vectors(void **state) {
    uint8_t key[ROVE_HASH_KEY_SIZE];
    uint8_t input[64];

    (void)state;
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (uint8_t)i;
    }
    memcpy(key, input, sizeof key);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char hex[33];
        hex_of(rove__siphash128(key, input, vectors[i].size), hex);
        assert_string_equal(hex, vectors[i].hex);
    }
    assert_true(
        rove__hash128_equal(rove__siphash128(key, NULL, 0), rove__siphash128(key, input, 0)));
}

static void test_a_sum_does_not_depend_on_order_and_can_be_undone(void **state) {
    uint64_t seed = 5;

    (void)state;
    for (int round = 0; round < 1000; round++) {
        rove__hash128 terms[8];
        rove__hash128 sum = {0, 0};
        rove__hash128 reversed = {0, 0};
        for (size_t i = 0; i < 8; i++) {
            terms[i].low = dice(&seed) | (round % 2 == 0 ? UINT64_MAX << 8 : 0); /* carries */
            terms[i].high = dice(&seed);
            rove__hash128_add(&sum, terms[i]);
        }
        for (size_t i = 8; i-- > 0;) {
            rove__hash128_add(&reversed, terms[i]);
        }
        assert_true(rove__hash128_equal(sum, reversed));
        for (size_t i = 0; i < 8; i++) {
            rove__hash128_subtract(&sum, terms[i]);
        }
        assert_true(sum.low == 0 && sum.high == 0);
    }
}

static void test_a_carry_reaches_the_high_half(void **state) {
    rove__hash128 sum = {UINT64_MAX, 1};
    rove__hash128 one = {1, 0};

    (void)state;
    rove__hash128_add(&sum, one);
    assert_true(sum.low == 0 && sum.high == 2);
    rove__hash128_subtract(&sum, one);
    assert_true(sum.low == UINT64_MAX && sum.high == 1);
}

static void test_bytes_are_big_endian_high_half_first(void **state) {
    rove__hash128 hash = {0x08090a0b0c0d0e0f, 0x0001020304050607};
    uint8_t bytes[16];

    (void)state;
    rove__hash128_write(hash, bytes);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(bytes[i], i);
    }
    assert_true(rove__hash128_equal(rove__hash128_read(bytes), hash));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_the_published_vectors),
        cmocka_unit_test(test_a_sum_does_not_depend_on_order_and_can_be_undone),
        cmocka_unit_test(test_a_carry_reaches_the_high_half),
        cmocka_unit_test(test_bytes_are_big_endian_high_half_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
