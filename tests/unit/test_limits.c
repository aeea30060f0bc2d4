/* Limits: each value at its limit and one past it, and messages that say what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/set.h"
#include "records.h"
#include "rove/entities.pb-c.h"
#include "rules/rules.h"
#include <math.h>

static records r;

static int setup(void **state) {
    (void)state;
    return records_open(&r);
}

static int teardown(void **state) {
    (void)state;
    return records_close(&r);
}

static char filler[ROVE_ROW_MAX];

static rove_value letters(size_t size) {
    memset(filler, 'x', sizeof filler);
    return rove__value_bytes(ROVE_TEXT, filler, size);
}

static rove_status status_of(const char *entity, const char *field, rove_value value,
                             rove_error *error) {
    rove__row *row = records_new(&r, entity);
    rove__write write = {.op = ROVE_OP_UPDATE, .registry = r.registry, .after = row};

    records_set(row, field, value);
    return rove__rule_limits(&write, error);
}

static void test_texts(void **state) {
    rove_error error;

    (void)state;
    assert_int_equal(status_of("Account", "name", letters(255), NULL), ROVE_OK);
    assert_int_equal(status_of("Account", "name", letters(256), NULL), ROVE_TOO_BIG);
    assert_int_equal(status_of("Account", "name", letters(1), NULL), ROVE_OK);
    assert_int_equal(status_of("Account", "name", letters(0), &error), ROVE_RANGE);
    assert_string_equal(error.message, "Account.name is 0 bytes; at least 1 are needed.");
    assert_int_equal(status_of("Visit", "notes", letters(16384), NULL), ROVE_OK);
    assert_int_equal(status_of("Visit", "notes", letters(70000), &error), ROVE_TOO_BIG);
    assert_string_equal(error.message, "Visit.notes is 70,000 bytes; at most 16,384 are allowed.");
    assert_int_equal(error.code, ROVE_TOO_BIG);
    assert_int_equal(status_of("Account", "name", rove__value_text("Kavárna u Žáby"), NULL),
                     ROVE_OK);
    assert_int_equal(status_of("Account", "name", rove__value_text("\xff"), &error), ROVE_UTF8);
    assert_string_equal(error.message, "Account.name is not valid UTF-8 or contains a NUL byte.");
    assert_int_equal(status_of("Account", "name", rove__value_bytes(ROVE_TEXT, "a\0b", 3), NULL),
                     ROVE_UTF8);
}

static void test_blobs(void **state) {
    (void)state;
    assert_int_equal(status_of("Visit", "proof", rove__value_bytes(ROVE_BLOB, filler, 512), NULL),
                     ROVE_OK);
    assert_int_equal(status_of("Visit", "proof", rove__value_bytes(ROVE_BLOB, filler, 513), NULL),
                     ROVE_TOO_BIG);
    assert_int_equal(status_of("Visit", "proof", rove__value_bytes(ROVE_BLOB, "\xff\0", 2), NULL),
                     ROVE_OK);
}

static void test_numbers(void **state) {
    rove_error error;

    (void)state;
    assert_int_equal(status_of("Account", "number_of_employees", rove__value_int(0), NULL),
                     ROVE_OK);
    assert_int_equal(status_of("Account", "number_of_employees", rove__value_int(100000000), NULL),
                     ROVE_OK);
    assert_int_equal(status_of("Account", "number_of_employees", rove__value_int(-1), NULL),
                     ROVE_RANGE);
    assert_int_equal(
        status_of("Account", "number_of_employees", rove__value_int(100000001), &error),
        ROVE_RANGE);
    assert_string_equal(error.message,
                        "Account.number_of_employees has to be from 0 to 100,000,000.");
    assert_int_equal(status_of("Account", "billing_latitude", rove__value_int(-900000001), &error),
                     ROVE_RANGE);
    assert_string_equal(error.message,
                        "Account.billing_latitude has to be from -900,000,000 to 900,000,000.");
    assert_int_equal(status_of("Account", "points", rove__value_int(INT64_MIN), NULL), ROVE_OK);
    assert_int_equal(status_of("Account", "points", rove__value_bytes(ROVE_BLOB, "\x01", 1), NULL),
                     ROVE_OK);
    assert_int_equal(status_of("Account", "points",
                               rove__value_bytes(ROVE_BLOB, filler, ROVE_VALUE_MAX + 1), NULL),
                     ROVE_TOO_BIG);
}

static void test_enumerations_and_booleans(void **state) {
    (void)state;
    assert_int_equal(
        status_of("Visit", "status", rove__value_int(ROVE__VISIT__STATUS__COMPLETED), NULL),
        ROVE_OK);
    assert_int_equal(status_of("Visit", "status", rove__value_int(0), NULL), ROVE_RANGE);
    assert_int_equal(status_of("Visit", "status", rove__value_int(6), NULL), ROVE_RANGE);
    /* A number between two values of an enumeration is none of them. */
    rove__field gap =
        *rove__registry_by_name(r.registry, "Visit")->fields; /* any; what is checked is set */
    rove_value value = rove__value_int(6);
    gap.type = ROVE_INT;
    gap.kind = ROVE_KIND_REGISTER;
    gap.enumeration = &rove__visit__status__descriptor;
    gap.min = 1;
    gap.max = 100;
    assert_int_equal(rove__limits_check(&gap, &value, NULL), ROVE_RANGE);
    assert_int_equal(status_of("Account", "lapsed", rove__value_int(1), NULL), ROVE_OK);
    assert_int_equal(status_of("Account", "lapsed", rove__value_int(2), NULL), ROVE_RANGE);
}

static void test_types(void **state) {
    rove_error error;

    (void)state;
    assert_int_equal(status_of("Account", "name", rove__value_int(1), &error), ROVE_INVALID);
    assert_string_equal(error.message, "Account.name has to be a text.");
    assert_int_equal(status_of("Account", "name", rove__value_bytes(ROVE_BLOB, "x", 1), NULL),
                     ROVE_INVALID);
    assert_int_equal(status_of("Account", "tier", rove__value_text("A"), &error), ROVE_INVALID);
    assert_string_equal(error.message, "Account.tier has to be a whole number.");
    assert_int_equal(status_of("Account", "tier", rove__value_real(1.0), NULL), ROVE_INVALID);
    assert_int_equal(status_of("Account", "points", rove__value_text("7"), NULL), ROVE_INVALID);
    assert_int_equal(status_of("Account", "alt_names", rove__value_int(1), &error), ROVE_INVALID);
    assert_string_equal(error.message, "Account.alt_names has to be a set of texts.");
    assert_int_equal(status_of("Account", "tag_ids", rove__value_int(1), &error), ROVE_INVALID);
    assert_string_equal(error.message, "Account.tag_ids has to be a set of numbers.");
    assert_int_equal(status_of("Account", "tier", rove__value_null(), NULL), ROVE_OK);
}

static rove_value set_of(rove__set_form form, size_t count, rove_type type,
                         rove__set_action action) {
    rove__set set = {form, rove__arena_take(&r.arena, (count + 1) * sizeof(rove__element)), count};
    rove_value value;

    assert_non_null(set.elements);
    memset(set.elements, 0, (count + 1) * sizeof(rove__element));
    for (size_t i = 0; i < count; i++) {
        char *text = rove__arena_take(&r.arena, 8);
        assert_non_null(text);
        rove__text_format(text, 8, "%05zu", i);
        set.elements[i].value =
            type == ROVE_TEXT ? rove__value_text(text) : rove__value_int((int64_t)i + 1);
        set.elements[i].action = action;
    }
    assert_int_equal(rove__set_value(&set, &r.arena, &value), ROVE_OK);
    return value;
}

static void test_sets(void **state) {
    rove_error error;
    rove_value value = set_of(ROVE_SET_PLAIN, 64, ROVE_INT, ROVE_SET_ADD);

    (void)state;
    assert_int_equal(status_of("Visit", "contact_ids", value, NULL), ROVE_OK);
    value = set_of(ROVE_SET_PLAIN, 65, ROVE_INT, ROVE_SET_ADD);
    assert_int_equal(status_of("Visit", "contact_ids", value, &error), ROVE_TOO_BIG);
    assert_string_equal(error.message,
                        "Visit.contact_ids has too many elements; at most 64 are allowed.");
    value = set_of(ROVE_SET_DELTA, 64, ROVE_INT, ROVE_SET_ADD);
    assert_int_equal(status_of("Visit", "contact_ids", value, NULL), ROVE_OK);
    value = set_of(ROVE_SET_DELTA, 65, ROVE_INT, ROVE_SET_ADD);
    assert_int_equal(status_of("Visit", "contact_ids", value, NULL), ROVE_TOO_BIG);
    value = set_of(ROVE_SET_DELTA, 65, ROVE_INT, ROVE_SET_REMOVE); /* making it smaller is fine */
    assert_int_equal(status_of("Visit", "contact_ids", value, NULL), ROVE_OK);
    value = set_of(ROVE_SET_PLAIN, 3, ROVE_TEXT, ROVE_SET_ADD);
    assert_int_equal(status_of("Account", "alt_names", value, NULL), ROVE_OK);
    assert_int_equal(status_of("Visit", "contact_ids", value, &error), ROVE_INVALID);
    assert_string_equal(error.message, "Visit.contact_ids has to be a set of numbers.");
    assert_int_equal(status_of("Visit", "contact_ids", rove__value_int(5), NULL), ROVE_INVALID);
    assert_int_equal(status_of("Visit", "contact_ids", rove__value_bytes(ROVE_BLOB, "\0", 1), NULL),
                     ROVE_INVALID);
}

static void test_a_reference_is_an_id_and_not_the_record_itself(void **state) {
    rove_error error;

    (void)state;
    assert_int_equal(status_of("Account", "parent_id", rove__value_int(rove__id_make(1, 2)), NULL),
                     ROVE_OK);
    assert_int_equal(status_of("Account", "parent_id", rove__value_int(0), NULL), ROVE_RANGE);
    assert_int_equal(status_of("Account", "parent_id", rove__value_int(-1), NULL), ROVE_RANGE);
    assert_int_equal(
        status_of("Account", "parent_id", rove__value_int(rove__id_make(1, 1)), &error),
        ROVE_CYCLE);
    assert_string_equal(error.message, "Account.parent_id names the record itself.");
    /* The same number is another record of another entity. */
    assert_int_equal(status_of("Visit", "account_id", rove__value_int(rove__id_make(1, 1)), NULL),
                     ROVE_OK);
}

static void test_custom_numbers(void **state) {
    rove__custom custom = {6, 1000, "discount", ROVE_REAL, 0, 100, 0};
    rove_value value = rove__value_real(-0.0);
    const rove__field *field = NULL;
    rove_error error;

    (void)state;
    assert_int_equal(rove__registry_add_custom(r.registry, &custom, NULL), ROVE_OK);
    assert_int_equal(status_of("Account", "discount", rove__value_real(100.0), NULL), ROVE_OK);
    assert_int_equal(status_of("Account", "discount", rove__value_real(100.5), NULL), ROVE_RANGE);
    assert_int_equal(status_of("Account", "discount", rove__value_real(-0.5), NULL), ROVE_RANGE);
    assert_int_equal(status_of("Account", "discount", rove__value_real((double)NAN), &error),
                     ROVE_RANGE);
    assert_string_equal(error.message, "Account.discount has to be a finite number.");
    assert_int_equal(status_of("Account", "discount", rove__value_real((double)INFINITY), NULL),
                     ROVE_RANGE);
    assert_int_equal(status_of("Account", "discount", rove__value_int(5), NULL), ROVE_INVALID);
    field = rove__registry_by_name(r.registry, "Account")->fields;
    field += rove__entity_field_named(rove__registry_by_name(r.registry, "Account"), "discount");
    assert_int_equal(rove__limits_check(field, &value, NULL), ROVE_OK);
    assert_false(signbit(value.as.real));
    value = rove__value_real(101.0);
    assert_int_equal(rove__limits_check(field, &value, &error), ROVE_RANGE);
    assert_string_equal(error.message, "discount has to be from 0 to 100.");
}

static void test_unknown_fields_are_kept_within_the_limits_of_all_values(void **state) {
    rove__row *row = records_new(&r, "Account");
    rove__write write = {.op = ROVE_OP_UPDATE, .registry = r.registry, .after = row};
    rove__extra extra = {999, letters(ROVE_VALUE_MAX)};

    (void)state;
    row->extra = &extra;
    row->extra_count = 1;
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_OK);
    extra.value = letters(ROVE_VALUE_MAX + 1);
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_TOO_BIG);
    extra.value.type = ROVE_BLOB;
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_TOO_BIG);
    extra.value = rove__value_text("\xc0");
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_UTF8);
    extra.value = rove__value_real((double)NAN);
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_RANGE);
    extra.value = rove__value_real(-0.0); /* equal values have equal bytes */
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_OK);
    assert_false(signbit(extra.value.as.real));
    extra.value = rove__value_real(-1.5);
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_OK);
    assert_true(signbit(extra.value.as.real));
}

/* `size` bytes in unknown fields, in as few as possible. */
static void fill(rove__row *row, size_t size) {
    row->extra = rove__arena_take(&r.arena, 8 * sizeof *row->extra);
    row->extra_count = 0;
    assert_non_null(row->extra);
    while (size > 0) {
        size_t part = size - 16 > ROVE_VALUE_MAX ? ROVE_VALUE_MAX : size - 16;
        row->extra[row->extra_count].number = 500 + (uint32_t)row->extra_count;
        row->extra[row->extra_count++].value = letters(part);
        size -= part + 16;
    }
}

static void test_a_row_has_a_largest_size_together_with_what_stands(void **state) {
    rove__row *before = records_new(&r, "Account");
    rove__row *after = records_new(&r, "Account");
    rove__write write = {
        .op = ROVE_OP_UPDATE, .registry = r.registry, .before = before, .after = after};
    rove_error error;

    (void)state;
    fill(before, ROVE_ROW_MAX - 16 - 4);
    records_text(after, "name", "Rove");
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_OK);
    records_text(after, "name", "Rover");
    assert_int_equal(rove__rule_limits(&write, &error), ROVE_TOO_BIG);
    assert_memory_equal(error.message, "Account is too large", 20);
    records_text(before, "name", "a name that is replaced does not count");
    records_text(after, "name", "Rove");
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_OK);
    write.op = ROVE_OP_INSERT;
    records_text(after, "name", "Rover");
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_OK);
    fill(after, ROVE_ROW_MAX - 16 - 4);
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_TOO_BIG);
}

static void test_unknown_fields_of_a_row_are_counted_once(void **state) {
    rove__row *before = records_new(&r, "Account");
    rove__row *after = records_new(&r, "Account");
    rove__write write = {
        .op = ROVE_OP_UPDATE, .registry = r.registry, .before = before, .after = after};
    rove__extra extra = {1, rove__value_int(1)};

    (void)state;
    before->extra = rove__arena_take(&r.arena, ROVE_EXTRA_MAX * sizeof *before->extra);
    assert_non_null(before->extra);
    for (uint32_t i = 0; i < ROVE_EXTRA_MAX; i++) {
        before->extra[i].number = 500 + i;
        before->extra[i].value = rove__value_int(1);
    }
    before->extra_count = ROVE_EXTRA_MAX;
    after->extra = &extra;
    after->extra_count = 1;
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_TOO_BIG);
    extra.number = 500 + ROVE_EXTRA_MAX / 2;
    assert_int_equal(rove__rule_limits(&write, NULL), ROVE_OK);
}

/* Whatever traits.def says: the least and the largest pass, one beyond does not. */
static void test_every_number_of_every_entity_at_its_limits(void **state) {
    size_t tested = 0;

    (void)state;
    for (size_t i = 0; i < rove__registry_count(r.registry); i++) {
        const rove__entity *entity = rove__registry_at(r.registry, i);
        for (size_t k = 0; k < entity->field_count; k++) {
            const rove__field *field = &entity->fields[k];
            if (field->type != ROVE_INT) {
                continue;
            }
            assert_int_equal(
                status_of(entity->name, field->name, rove__value_int(field->min), NULL), ROVE_OK);
            assert_int_equal(
                status_of(entity->name, field->name, rove__value_int(field->max), NULL), ROVE_OK);
            if (field->min > INT64_MIN) {
                assert_int_equal(
                    status_of(entity->name, field->name, rove__value_int(field->min - 1), NULL),
                    ROVE_RANGE);
            }
            if (field->max < INT64_MAX) {
                assert_int_equal(
                    status_of(entity->name, field->name, rove__value_int(field->max + 1), NULL),
                    ROVE_RANGE);
            }
            tested++;
            rove__arena_reset(&r.arena);
        }
    }
    assert_true(tested > 100);
}

static void test_every_text_of_every_entity_at_its_limits(void **state) {
    (void)state;
    for (size_t i = 0; i < rove__registry_count(r.registry); i++) {
        const rove__entity *entity = rove__registry_at(r.registry, i);
        for (size_t k = 0; k < entity->field_count; k++) {
            const rove__field *field = &entity->fields[k];
            size_t max = (size_t)field->max;
            if (field->type != ROVE_TEXT) {
                continue;
            }
            assert_int_equal(status_of(entity->name, field->name, letters(max), NULL), ROVE_OK);
            assert_int_equal(status_of(entity->name, field->name, letters(max + 1), NULL),
                             ROVE_TOO_BIG);
            rove__arena_reset(&r.arena);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_texts),
        TEST(test_blobs),
        TEST(test_numbers),
        TEST(test_enumerations_and_booleans),
        TEST(test_types),
        TEST(test_sets),
        TEST(test_a_reference_is_an_id_and_not_the_record_itself),
        TEST(test_custom_numbers),
        TEST(test_unknown_fields_are_kept_within_the_limits_of_all_values),
        TEST(test_a_row_has_a_largest_size_together_with_what_stands),
        TEST(test_unknown_fields_of_a_row_are_counted_once),
        TEST(test_every_number_of_every_entity_at_its_limits),
        TEST(test_every_text_of_every_entity_at_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
