/* UTF-8 as RFC 3629 has it, and formatting that always fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static int valid(const char *text, size_t size) {
    return rove__utf8_valid((const uint8_t *)text, size);
}

static void test_well_formed_text_is_accepted(void **state) {
    static const char text[] = "Žižkov 北京 🚚 \x7f";

    (void)state;
    assert_true(valid(text, sizeof text - 1));
    assert_true(valid("", 0));
    assert_true(valid("\xc2\x80", 2));
    assert_true(valid("\xe0\xa0\x80", 3));
    assert_true(valid("\xed\x9f\xbf", 3));
    assert_true(valid("\xee\x80\x80", 3));
    assert_true(valid("\xf0\x90\x80\x80", 4));
    assert_true(valid("\xf4\x8f\xbf\xbf", 4));
    assert_int_equal(rove__utf8_length((const uint8_t *)text, sizeof text - 1), 13);
}

static void test_malformed_text_is_refused(void **state) {
    (void)state;
    assert_false(valid("a\0b", 3));
    assert_false(valid("\x80", 1));
    assert_false(valid("\xc0\x80", 2));         /* overlong NUL */
    assert_false(valid("\xc1\xbf", 2));         /* overlong */
    assert_false(valid("\xe0\x9f\xbf", 3));     /* overlong */
    assert_false(valid("\xed\xa0\x80", 3));     /* surrogate */
    assert_false(valid("\xf0\x8f\xbf\xbf", 4)); /* overlong */
    assert_false(valid("\xf4\x90\x80\x80", 4)); /* above U+10FFFF */
    assert_false(valid("\xf5\x80\x80\x80", 4));
    assert_false(valid("\xff", 1));
    assert_false(valid("\xe4\xb8", 2)); /* cut */
    assert_false(valid("\xe4\x41\x80", 3));
    assert_false(valid("\xe4\xb8\x41", 3));
}

/* A slow second opinion: decode, then compare with the ranges of the standard. */
static int decodes(const uint8_t *b, size_t size) {
    size_t at = 0;

    while (at < size) {
        uint32_t code = b[at];
        size_t more = code < 0x80   ? 0
                      : code < 0xc0 ? 9
                      : code < 0xe0 ? 1
                      : code < 0xf0 ? 2
                      : code < 0xf8 ? 3
                                    : 9;
        static const uint32_t least[] = {1, 0x80, 0x800, 0x10000};
        if (more == 9 || more >= size - at) {
            return 0;
        }
        code &= more == 0 ? 0x7fu : 0x3fu >> more;
        for (size_t i = 1; i <= more; i++) {
            if (b[at + i] >> 6 != 2) {
                return 0;
            }
            code = code << 6 | (b[at + i] & 0x3fu);
        }
        if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return 0;
        }
        at += more + 1;
    }
    return 1;
}

static void test_all_texts_of_three_bytes_agree_with_a_second_opinion(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 1u << 24; i++) {
        uint8_t bytes[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        if (rove__utf8_valid(bytes, 3) != decodes(bytes, 3)) {
            fail_msg("%06x", i);
        }
    }
}

static void test_formatting_cuts_between_characters(void **state) {
    char out[8];

    (void)state;
    rove__text_format(out, sizeof out, "%s", "abcdefg");
    assert_string_equal(out, "abcdefg");
    rove__text_format(out, sizeof out, "%s", "abcdefgh");
    assert_string_equal(out, "abcdefg");
    rove__text_format(out, sizeof out, "%s", "abcde京h");
    assert_string_equal(out, "abcde");
    rove__text_format(out, sizeof out, "%s", "abcd京h");
    assert_string_equal(out, "abcd京");
    rove__text_format(out, sizeof out, "%s", "abcd🚚");
    assert_string_equal(out, "abcd");
    rove__text_format(out, 1, "%s", "x");
    assert_string_equal(out, "");
    rove__text_format(NULL, 0, "%s", "x");
}

static void test_an_error_is_filled_in_and_its_status_returned(void **state) {
    rove_error error;

    (void)state;
    assert_int_equal(rove__error_set(&error, ROVE_RANGE, "%s is %d", "a", 7), ROVE_RANGE);
    assert_int_equal(error.domain, ROVE_DOMAIN_ROVE);
    assert_int_equal(error.code, ROVE_RANGE);
    assert_string_equal(error.message, "a is 7");
    assert_int_equal(rove__error_foreign(&error, ROVE_IO, ROVE_DOMAIN_OS, 28, "%s", "full"),
                     ROVE_IO);
    assert_int_equal(error.domain, ROVE_DOMAIN_OS);
    assert_int_equal(error.code, 28);
    assert_int_equal(rove__error_set(NULL, ROVE_IO, "nobody listens"), ROVE_IO);
    assert_int_equal(rove__error_foreign(NULL, ROVE_IO, ROVE_DOMAIN_OS, 1, "x"), ROVE_IO);
}

static void test_hex(void **state) {
    char text[2 * 3 + 1];
    (void)state;
    rove__text_hex((const uint8_t[]){0x00, 0x9a, 0xff}, 3, text);
    assert_string_equal(text, "009aff");
    rove__text_hex(NULL, 0, text);
    assert_string_equal(text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_well_formed_text_is_accepted),
        cmocka_unit_test(test_malformed_text_is_refused),
        cmocka_unit_test(test_all_texts_of_three_bytes_agree_with_a_second_opinion),
        cmocka_unit_test(test_formatting_cuts_between_characters),
        cmocka_unit_test(test_an_error_is_filled_in_and_its_status_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
