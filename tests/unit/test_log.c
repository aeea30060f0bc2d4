/* A log line is one line, short, and costs nothing when nobody wants it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

typedef struct seen {
    int lines;
    char text[1000];
    const char *module;
    rove_log_level level;
} seen;

static void remember(void *ctx, rove_log_level level, const char *module, const char *text) {
    seen *s = ctx;

    s->lines++;
    s->level = level;
    s->module = module;
    memcpy(s->text, text, strlen(text) + 1);
}

static void test_only_wanted_levels_are_written(void **state) {
    seen s = {0};
    rove_log log = {remember, &s, ROVE_LOG_INFO};

    (void)state;
    rove__log(&log, ROVE_LOG_DEBUG, "sync", "unheard");
    assert_int_equal(s.lines, 0);
    rove__log(&log, ROVE_LOG_INFO, "sync", "%d rows", 12);
    assert_int_equal(s.lines, 1);
    assert_string_equal(s.text, "12 rows");
    assert_string_equal(s.module, "sync");
    assert_int_equal(s.level, ROVE_LOG_INFO);
    rove__log(NULL, ROVE_LOG_ERROR, "sync", "nobody");
}

static void test_a_long_text_is_cut_and_line_ends_are_blanks(void **state) {
    seen s = {0};
    rove_log log = {remember, &s, ROVE_LOG_DEBUG};
    char longer[900];

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    rove__log(&log, ROVE_LOG_WARN, "store", "%s", longer);
    assert_int_equal(strlen(s.text), 400);
    rove__log(&log, ROVE_LOG_WARN, "store", "a\nb\r\nc");
    assert_string_equal(s.text, "a b  c");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_wanted_levels_are_written),
        cmocka_unit_test(test_a_long_text_is_cut_and_line_ends_are_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
