/* Every status has a name, a sentence and somebody who can act on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rove/status.h"

typedef struct known {
    rove_status status;
    int value;
    const char *name;
} known;

#define KNOWN(name, value, class_, text) {ROVE_##name, value, #name},
static const known table[] = {ROVE_STATUS_MAP(KNOWN)};
#define COUNT (sizeof table / sizeof table[0])

static void test_each_status_has_a_unique_value_and_name(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal((int)table[i].status, table[i].value);
        assert_string_equal(rove_status_name(table[i].status), table[i].name);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(table[i].value, table[j].value);
            assert_string_not_equal(table[i].name, table[j].name);
        }
    }
}

static void test_each_text_is_a_sentence(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        const char *text = rove_status_text(table[i].status);
        size_t size = strlen(text);
        assert_true(size > 4);
        assert_true(text[0] >= 'A' && text[0] <= 'Z');
        assert_int_equal(text[size - 1], '.');
    }
}

static void test_classes_say_who_can_act(void **state) {
    (void)state;
    assert_int_equal(ROVE_OK, 0);
    assert_int_equal(rove_status_classify(ROVE_OK), ROVE_CLASS_FINE);
    assert_int_equal(rove_status_classify(ROVE_TOO_BIG), ROVE_CLASS_CALLER);
    assert_int_equal(rove_status_classify(ROVE_FULL), ROVE_CLASS_DEVICE);
    assert_int_equal(rove_status_classify(ROVE_NETWORK), ROVE_CLASS_RETRY);
    assert_int_equal(rove_status_classify(ROVE_PROTOCOL), ROVE_CLASS_PEER);
    assert_int_equal(rove_status_classify(ROVE_REVOKED), ROVE_CLASS_ACCESS);
}

static void test_a_value_that_is_no_status_is_survived(void **state) {
    (void)state;
    assert_string_equal(rove_status_name((rove_status)9), "?");
    assert_non_null(rove_status_text((rove_status)9));
    assert_int_equal(rove_status_classify((rove_status)9), ROVE_CLASS_CALLER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_status_has_a_unique_value_and_name),
        cmocka_unit_test(test_each_text_is_a_sentence),
        cmocka_unit_test(test_classes_say_who_can_act),
        cmocka_unit_test(test_a_value_that_is_no_status_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
