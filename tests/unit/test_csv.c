/* CSV as it comes out of other programs, well-formed and not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "import/csv_file.h"

static heap memory;
static rove_allocator allocator;

static csv_file *opened(const char *text, size_t size) {
    csv_file *file = NULL;

    allocator = heap_allocator(&memory);
    assert_int_equal(csv_file_open(&allocator, text, size, &file, NULL), ROVE_OK);
    return file;
}

/* All records as text, "a|b\n", and "!line\n" for a problem. */
static char *read_all(const char *text, size_t size) {
    csv_file *file = opened(text, size);
    csv_record record;
    csv_problem problem;
    size_t used = 0;
    char *out = calloc(1, 65536);
    rove_status status = ROVE_OK;

    assert_non_null(out);
    while ((status = csv_file_next(file, &record, &problem)) != ROVE_DONE) {
        if (status == ROVE_INVALID) {
            used += (size_t)snprintf(out + used, 65536 - used, "!%zu\n", problem.line);
            assert_non_null(problem.reason);
            continue;
        }
        assert_int_equal(status, ROVE_OK);
        for (size_t i = 0; i < record.count; i++) {
            used += (size_t)snprintf(out + used, 65536 - used, "%s%.*s", i == 0 ? "" : "|",
                                     (int)record.fields[i].size, record.fields[i].text);
        }
        used += (size_t)snprintf(out + used, 65536 - used, "\n");
    }
    csv_file_free(file);
    assert_int_equal(memory.alive, 0);
    return out;
}

static void reads(const char *text, const char *expected) {
    char *got = read_all(text, strlen(text));

    assert_string_equal(got, expected);
    free(got);
}

static void test_records_of_rfc_4180(void **state) {
    (void)state;
    reads("a,b\r\n1,2\r\n", "a|b\n1|2\n");
    reads("a,b\n1,2", "a|b\n1|2\n");
    reads("a,b\r1,2\r", "a|b\n1|2\n");
    reads("a,b\n\"x, y\",\"say \"\"hi\"\"\"\n", "a|b\nx, y|say \"hi\"\n");
    reads("a,b\n\"two\nlines\",2\n", "a|b\ntwo\nlines|2\n");
    reads("a,b\n,\n\"\",\"\"\n", "a|b\n|\n|\n");
    reads("a,b\n 1 , 2 \n", "a|b\n 1 | 2 \n");
    reads("a,b\n\n\r\n1,2\n\n", "a|b\n1|2\n");
    reads("", "");
    reads("\n\n", "");
}

static void test_a_byte_order_mark_is_no_data(void **state) {
    (void)state;
    reads("\xef\xbb\xbf"
          "a,b\n1,2\n",
          "a|b\n1|2\n");
    reads("\xef\xbb\xbf"
          "\"a\",b\n1,2\n",
          "a|b\n1|2\n");
}

static void test_utf_16_is_named_as_such(void **state) {
    csv_file *file = NULL;
    rove_error error;

    (void)state;
    allocator = heap_allocator(&memory);
    assert_int_equal(csv_file_open(&allocator,
                                   "\xff\xfe"
                                   "a\0",
                                   4, &file, &error),
                     ROVE_UTF8);
    assert_non_null(strstr(error.message, "UTF-16"));
    assert_null(file);
}

static void test_the_delimiter_is_seen_in_the_first_line(void **state) {
    static const char *const files[] = {"a,b;c\n1,2\n", "a;b,c;d\n", "a\tb\n", "\"x;y;z\",b\n",
                                        "one\n"};
    static const char expected[] = {',', ';', '\t', ',', ','};

    (void)state;
    for (size_t i = 0; i < sizeof expected; i++) {
        csv_file *file = opened(files[i], strlen(files[i]));
        assert_int_equal(csv_file_delimiter(file), expected[i]);
        csv_file_free(file);
    }
    reads("a;b\n1,5;2\n", "a|b\n1,5|2\n");
}

static void test_a_broken_line_costs_one_line(void **state) {
    (void)state;
    reads("a,b\n1,5\" pipe\n3,4\n", "a|b\n!2\n3|4\n");
    reads("a,b\n\"1,2\n\"3\",4\n5,6\n", "a|b\n!2\n3|4\n5|6\n");
    reads("a,b\n\"x\"y,2\n3,4\n", "a|b\n!2\n3|4\n");
    reads("a,b\n1,2\n3,\"4\n5,6\n", "a|b\n1|2\n!3\n5|6\n");
}

static void test_after_a_wrong_record_its_second_line_is_tried(void **state) {
    static const char text[] = "a,b\n\"1,2\n3\",4,5\n6,7\n";
    csv_file *file = opened(text, sizeof text - 1);
    csv_record record;
    csv_problem problem;

    (void)state;
    assert_int_equal(csv_file_next(file, &record, &problem), ROVE_OK);
    assert_int_equal(csv_file_next(file, &record, &problem), ROVE_OK);
    assert_int_equal(record.count, 3);
    assert_int_equal(record.lines, 2);
    csv_file_retry(file);
    assert_int_equal(csv_file_next(file, &record, &problem), ROVE_INVALID);
    assert_int_equal(problem.line, 3);
    assert_int_equal(csv_file_next(file, &record, &problem), ROVE_OK);
    assert_int_equal(record.at.line, 4);
    csv_file_free(file);
}

static void test_a_record_can_be_read_again(void **state) {
    static const char text[] = "a\n1\n2\n3\n";
    csv_file *file = opened(text, sizeof text - 1);
    csv_record record;
    csv_problem problem;
    csv_position second;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(csv_file_next(file, &record, &problem), ROVE_OK);
    }
    second = record.at;
    assert_int_equal(csv_file_next(file, &record, &problem), ROVE_OK);
    assert_int_equal(csv_file_next(file, &record, &problem), ROVE_DONE);
    csv_file_seek(file, second);
    assert_int_equal(csv_file_next(file, &record, &problem), ROVE_OK);
    assert_int_equal(record.fields[0].text[0], '2');
    assert_int_equal(record.at.line, 3);
    csv_file_free(file);
}

static void test_limits_of_a_record(void **state) {
    size_t size = CSV_RECORD_MAX + 64;
    char *text = malloc(size);
    char *got = NULL;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, "a\n", 2);
    memcpy(text + size - 4, "\n1\n", 4 - 1);
    text[size - 1] = '\n';
    got = read_all(text, size);
    assert_string_equal(got, "a\n!2\n1\n");
    free(got);
    memset(text, ',', 1024);
    text[0] = 'a';
    memcpy(text + CSV_FIELDS_MAX, "\n1\n", 3);
    csv_file *file = opened(text, CSV_FIELDS_MAX + 3);
    csv_record record;
    csv_problem problem;
    assert_int_equal(csv_file_next(file, &record, &problem), ROVE_OK);
    assert_int_equal(record.count, CSV_FIELDS_MAX);
    csv_file_free(file);
    memset(text, ',', 1024);
    memcpy(text + CSV_FIELDS_MAX, "\n1\n", 3);
    file = opened(text, CSV_FIELDS_MAX + 3);
    assert_int_equal(csv_file_next(file, &record, &problem), ROVE_INVALID);
    csv_file_free(file);
    free(text);
}

static void test_every_prefix_and_every_changed_byte_ends(void **state) {
    static const char text[] = "a;\"b\"\r\n\"x\"\"y\";2\r\n\"q\nq\";3\r4;5\n";
    char copy[sizeof text];

    (void)state;
    for (size_t size = 0; size < sizeof text; size++) {
        free(read_all(text, size));
    }
    for (size_t i = 0; i < sizeof text - 1; i++) {
        static const char bytes[] = {'"', ';', '\n', '\r', '\0', (char)0xff};
        for (size_t k = 0; k < sizeof bytes; k++) {
            memcpy(copy, text, sizeof text);
            copy[i] = bytes[k];
            free(read_all(copy, sizeof text - 1));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_of_rfc_4180),
        cmocka_unit_test(test_a_byte_order_mark_is_no_data),
        cmocka_unit_test(test_utf_16_is_named_as_such),
        cmocka_unit_test(test_the_delimiter_is_seen_in_the_first_line),
        cmocka_unit_test(test_a_broken_line_costs_one_line),
        cmocka_unit_test(test_after_a_wrong_record_its_second_line_is_tried),
        cmocka_unit_test(test_a_record_can_be_read_again),
        cmocka_unit_test(test_limits_of_a_record),
        cmocka_unit_test(test_every_prefix_and_every_changed_byte_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
