/* Values as people write them: what is read, what is refused and how it is said, and what is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "admin/value_text.h"
#include "base/text.h"
#include "heap.h"
#include "model/row.h"

typedef struct fixture {
    rove__registry *registry;
    rove__arena arena;
    rove_error error;
    heap memory;
    rove_allocator allocator;
} fixture;

static const rove__field *field_of(const fixture *f, const char *entity, const char *name) {
    const rove__entity *e = rove__registry_by_name(f->registry, entity);
    int ordinal = rove__entity_field_named(e, name);

    assert_true(ordinal >= 0);
    return &e->fields[ordinal];
}

static rove_status parse(fixture *f, const char *entity, const char *name, const char *text,
                         rove_value *value) {
    memset(&f->error, 0, sizeof f->error);
    return value_text_parse(field_of(f, entity, name), 2, text, strlen(text), &f->arena, value,
                            &f->error);
}

static int64_t integer(fixture *f, const char *entity, const char *name, const char *text) {
    rove_value value;

    if (parse(f, entity, name, text, &value) != ROVE_OK) {
        fail_msg("%s", f->error.message);
    }
    assert_int_equal(value.type, ROVE_INT);
    return value.as.integer;
}

static void refused(fixture *f, const char *entity, const char *name, const char *text,
                    const char *says) {
    rove_value value;

    assert_int_not_equal(parse(f, entity, name, text, &value), ROVE_OK);
    if (strstr(f->error.message, says) == NULL) {
        fail_msg("'%s' does not say '%s'", f->error.message, says);
    }
}

/* What is printed, NUL-terminated, in memory of the fixture. */
static const char *printed(fixture *f, const char *entity, const char *name, rove_value value) {
    rove__buf buf;

    rove__buf_init(&buf, &f->allocator, 4096);
    value_text_print(field_of(f, entity, name), 2, &value, &buf);
    rove__buf_byte(&buf, 0);
    assert_int_equal(rove__buf_status(&buf), ROVE_OK);
    const char *text = rove__arena_copy(&f->arena, buf.data, buf.size);
    rove__buf_free(&buf);
    assert_non_null(text);
    return text;
}

static void test_money_is_read_exactly_and_halves_go_to_even(void **state) {
    fixture *f = *state;

    assert_int_equal(integer(f, "Product", "list_price", "1003.9100"), 100391);
    assert_int_equal(integer(f, "Product", "list_price", ".0000"), 0);
    assert_int_equal(integer(f, "Product", "list_price", ".8565"), 86);
    assert_int_equal(integer(f, "Product", "list_price", "0.005"), 0);
    assert_int_equal(integer(f, "Product", "list_price", "0.015"), 2);
    assert_int_equal(integer(f, "Product", "list_price", "0.025"), 2);
    assert_int_equal(integer(f, "Product", "list_price", "0.0250000001"), 3);
    assert_int_equal(integer(f, "Product", "list_price", "-0.035"), -4);
    assert_int_equal(integer(f, "Account", "annual_revenue", "1,234,567.89"), 123456789);
    assert_int_equal(integer(f, "Account", "annual_revenue", "1.0E7"), 1000000000);
    assert_int_equal(integer(f, "Account", "annual_revenue", "9007199254740.93"), 900719925474093);
    assert_int_equal(integer(f, "Account", "annual_revenue", "0.1e-1"), 1);
    refused(f, "Account", "annual_revenue", "12,34", "an amount like 12.34");
    refused(f, "Account", "annual_revenue", "1,2345", "an amount like 12.34");
    refused(f, "Account", "annual_revenue", "$5", "an amount like 12.34");
    refused(f, "Account", "annual_revenue", "-", "an amount like 12.34");
    refused(f, "Account", "annual_revenue", "99999999999999999999", "too large");
}

static void test_currencies_have_their_own_minor_units(void **state) {
    fixture *f = *state;
    rove_value value;
    const rove__field *price = field_of(f, "Product", "list_price");

    assert_int_equal(value_text_money_digits("EUR", 3), 2);
    assert_int_equal(value_text_money_digits("JPY", 3), 0);
    assert_int_equal(value_text_money_digits("KWD", 3), 3);
    assert_int_equal(value_text_money_digits("", 0), 2);
    assert_int_equal(value_text_parse(price, 0, "12.5", 4, &f->arena, &value, NULL), ROVE_OK);
    assert_int_equal(value.as.integer, 12);
    assert_int_equal(value_text_parse(price, 3, "12.5", 4, &f->arena, &value, NULL), ROVE_OK);
    assert_int_equal(value.as.integer, 12500);
}

static void test_degrees_are_read_exactly(void **state) {
    fixture *f = *state;

    assert_int_equal(integer(f, "Account", "billing_latitude", "35.030054"), 350300540);
    assert_int_equal(integer(f, "Account", "billing_longitude", "-118.483078"), -1184830780);
    assert_int_equal(integer(f, "Account", "billing_longitude", "-0.042665"), -426650);
    assert_int_equal(integer(f, "Account", "billing_latitude", "0.00000005"), 0);
    assert_int_equal(integer(f, "Account", "billing_latitude", "0.00000015"), 2);
    refused(f, "Account", "billing_latitude", "90.1", "");
    assert_string_equal(printed(f, "Account", "billing_latitude", rove__value_int(350300540)),
                        "35.030054");
    assert_string_equal(printed(f, "Account", "billing_longitude", rove__value_int(-426650)),
                        "-0.042665");
    assert_string_equal(printed(f, "Account", "billing_longitude", rove__value_int(0)), "0");
}

static void test_whole_numbers_are_not_rounded(void **state) {
    fixture *f = *state;

    assert_int_equal(integer(f, "Account", "number_of_employees", " 13 "), 13);
    assert_int_equal(integer(f, "Account", "number_of_employees", "1,300"), 1300);
    assert_int_equal(integer(f, "Account", "number_of_employees", "13.00"), 13);
    refused(f, "Account", "number_of_employees", "13.5", "a whole number");
    refused(f, "Account", "number_of_employees", "about 13", "a whole number");
    refused(f, "Account", "number_of_employees", "-1", "");
    refused(f, "Account", "year_started", "12000", "");
}

static void test_enumerations_are_read_by_their_words(void **state) {
    fixture *f = *state;

    assert_int_equal(integer(f, "Visit", "status", "IN_PROGRESS"), 2);
    assert_int_equal(integer(f, "Visit", "status", "In Progress"), 2);
    assert_int_equal(integer(f, "Visit", "status", "inprogress"), 2);
    refused(f, "Visit", "status", "Done", "PLANNED, IN_PROGRESS, MISSED, CANCELLED, COMPLETED");
    assert_string_equal(printed(f, "Visit", "status", rove__value_int(5)), "COMPLETED");
}

static void test_booleans(void **state) {
    fixture *f = *state;

    assert_int_equal(integer(f, "Contact", "do_not_call", "TRUE"), 1);
    assert_int_equal(integer(f, "Contact", "do_not_call", "no"), 0);
    assert_int_equal(integer(f, "Contact", "do_not_call", "1"), 1);
    refused(f, "Contact", "do_not_call", "maybe", "true or false");
    assert_string_equal(printed(f, "Contact", "do_not_call", rove__value_int(1)), "true");
}

static void test_dates_that_can_be_read_in_one_way_only(void **state) {
    fixture *f = *state;
    const int64_t day = 1643587200000; /* 2022-01-31 */

    assert_int_equal(integer(f, "Task", "due_at", "2022-01-31"), day);
    assert_int_equal(integer(f, "Task", "due_at", "2022/1/31"), day);
    assert_int_equal(integer(f, "Task", "due_at", "20220131"), day);
    assert_int_equal(integer(f, "Task", "due_at", "31.01.2022"), day);
    assert_int_equal(integer(f, "Task", "due_at", "1/31/2022"), day);
    assert_int_equal(integer(f, "Task", "due_at", "31/1/2022"), day);
    assert_int_equal(integer(f, "Task", "due_at", "2022-01-31 09:30"), day + 34200000);
    assert_int_equal(integer(f, "Task", "due_at", "2022-01-31T09:30:00+01:00"), day + 30600000);
    assert_int_equal(integer(f, "Task", "due_at", "1/31/2022, 3:05 PM"), day + 54300000);
    assert_int_equal(integer(f, "Task", "due_at", "1/31/2022 12:05 am"), day + 300000);
    refused(f, "Task", "due_at", "1/2/2022", "in one way only");
    refused(f, "Task", "due_at", "2022-02-30", "in one way only");
    refused(f, "Task", "due_at", "31.01.22", "in one way only");
    refused(f, "Task", "due_at", "soon", "write 2026-01-31");
    assert_string_equal(printed(f, "Task", "due_at", rove__value_int(day)),
                        "2022-01-31T00:00:00.000Z");
}

static void test_texts(void **state) {
    fixture *f = *state;
    rove_value value;

    assert_int_equal(parse(f, "Account", "name", "1, place de la République", &value), ROVE_OK);
    assert_int_equal(value.type, ROVE_TEXT);
    assert_int_equal(value.size, strlen("1, place de la République"));
    assert_int_equal(parse(f, "Account", "name", "", &value), ROVE_OK);
    assert_int_equal(value.type, ROVE_NULL);
    refused(f, "Account", "name", "caf\xe9", "UTF-8");
    assert_int_equal(
        value_text_parse(field_of(f, "Account", "name"), 2, "a\0b", 3, &f->arena, &value, NULL),
        ROVE_UTF8);
    refused(f, "Account", "currency", "EURO", "");
}

static void test_sets_are_sorted_and_hold_each_element_once(void **state) {
    fixture *f = *state;
    rove_value value;

    assert_int_equal(parse(f, "Account", "alt_names", "Zwei; Eins ;; Zwei", &value), ROVE_OK);
    assert_string_equal(printed(f, "Account", "alt_names", value), "Eins; Zwei");
    assert_int_equal(parse(f, "Account", "tag_ids", "4294967298; 4294967297", &value), ROVE_OK);
    assert_string_equal(printed(f, "Account", "tag_ids", value), "4294967297; 4294967298");
    assert_int_equal(parse(f, "Account", "alt_names", " ; ", &value), ROVE_OK);
    assert_int_equal(value.type, ROVE_NULL);
    refused(f, "Account", "tag_ids", "red", "a whole number");
}

static void test_custom_reals_are_finite_and_come_back_as_they_were(void **state) {
    fixture *f = *state;
    rove_value value;
    rove__custom custom = {.entity = 6,
                           .number = 1000,
                           .name = "ratio",
                           .type = ROVE_REAL,
                           .min = INT64_MIN,
                           .max = INT64_MAX};

    assert_int_equal(rove__registry_add_custom(f->registry, &custom, NULL), ROVE_OK);
    assert_int_equal(parse(f, "Account", "ratio", "0.1", &value), ROVE_OK);
    assert_string_equal(printed(f, "Account", "ratio", value), "0.1");
    assert_int_equal(parse(f, "Account", "ratio", "-0.0", &value), ROVE_OK);
    assert_string_equal(printed(f, "Account", "ratio", value), "0");
    refused(f, "Account", "ratio", "nan", "a number");
    refused(f, "Account", "ratio", "1e999", "a number");
    refused(f, "Account", "ratio", "0x10", "a number");
}

static void test_money_is_printed_with_all_its_digits(void **state) {
    fixture *f = *state;

    assert_string_equal(printed(f, "Product", "list_price", rove__value_int(-5)), "-0.05");
    assert_string_equal(printed(f, "Product", "list_price", rove__value_int(100391)), "1003.91");
    assert_string_equal(printed(f, "Product", "list_price", rove__value_int(0)), "0.00");
    assert_string_equal(printed(f, "Product", "list_price", rove__value_null()), "");
}

static int setup(void **state) {
    static fixture f;

    f.allocator = heap_allocator(&f.memory);
    rove__arena_init(&f.arena, &f.allocator, 4 * 1024 * 1024);
    *state = &f;
    return rove__registry_new(&f.allocator, &f.registry) == ROVE_OK ? 0 : -1;
}

static int teardown(void **state) {
    fixture *f = *state;

    rove__registry_free(f->registry);
    rove__arena_free(&f->arena);
    return f->memory.alive == 0 ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_money_is_read_exactly_and_halves_go_to_even),
        TEST(test_currencies_have_their_own_minor_units),
        TEST(test_degrees_are_read_exactly),
        TEST(test_whole_numbers_are_not_rounded),
        TEST(test_enumerations_are_read_by_their_words),
        TEST(test_booleans),
        TEST(test_dates_that_can_be_read_in_one_way_only),
        TEST(test_texts),
        TEST(test_sets_are_sorted_and_hold_each_element_once),
        TEST(test_custom_reals_are_finite_and_come_back_as_they_were),
        TEST(test_money_is_printed_with_all_its_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
