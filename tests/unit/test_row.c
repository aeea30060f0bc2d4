/*
 * Rows and values: a total order, one encoding, copies that stand alone, and the scope of a row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hex.h"
#include "rows.h"

static heap memory;
static rove_allocator allocator;
static rove__registry *registry;
static rove__arena arena;
static rove__buf buf;

static int setup(void **state) {
    (void)state;
    memory = (heap){0};
    allocator = heap_allocator(&memory);
    rove__arena_init(&arena, &allocator, (size_t)64 * 1024 * 1024);
    rove__buf_init(&buf, &allocator, (size_t)1024 * 1024);
    return rove__registry_new(&allocator, &registry) == ROVE_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    rove__registry_free(registry);
    rove__buf_free(&buf);
    rove__arena_free(&arena);
    assert_int_equal(memory.alive, 0);
    return 0;
}

static const rove__entity *entity_of(const char *name) {
    const rove__entity *entity = rove__registry_by_name(registry, name);

    assert_non_null(entity);
    return entity;
}

/* Every value of the list is smaller than the next. */
static size_t ascending_values(rove_value *values) {
    size_t count = 0;

    values[count++] = rove__value_null();
    values[count++] = rove__value_int(INT64_MIN);
    values[count++] = rove__value_int(-1);
    values[count++] = rove__value_int(0);
    values[count++] = rove__value_int(INT64_MAX);
    values[count++] = rove__value_real(-1e300);
    values[count++] = rove__value_real(-0.5);
    values[count++] = rove__value_real(0.0);
    values[count++] = rove__value_real(1e-300);
    values[count++] = rove__value_real(2.0);
    values[count++] = rove__value_text("");
    values[count++] = rove__value_text("A");
    values[count++] = rove__value_text("AB");
    values[count++] = rove__value_text("B");
    values[count++] = rove__value_text("\xe5\xae\xa2");
    values[count++] = rove__value_bytes(ROVE_BLOB, NULL, 0);
    values[count++] = rove__value_bytes(ROVE_BLOB, "\0", 1);
    values[count++] = rove__value_bytes(ROVE_BLOB, "\xff", 1);
    return count;
}

static void values_have_a_total_order(void **state) {
    rove_value values[32];
    size_t count = ascending_values(values);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            int expected = (i > k) - (i < k);
            assert_int_equal(rove__value_compare(&values[i], &values[k]), expected);
            assert_int_equal(rove__value_equal(&values[i], &values[k]), i == k);
        }
    }
}

static void a_text_and_a_blob_may_have_equal_bytes(void **state) {
    rove_value text = rove__value_text("abc");
    rove_value blob = rove__value_bytes(ROVE_BLOB, "abc", 3);
    rove_value number = rove__value_int(3);

    (void)state;
    assert_false(rove__value_equal(&text, &blob));
    assert_true(rove__value_equal_bytes(&text, &blob));
    assert_true(rove__value_equal_bytes(&number, &number));
    assert_false(rove__value_equal_bytes(&text, &number));
    blob.size = 2;
    assert_false(rove__value_equal_bytes(&text, &blob));
}

static void the_encoding_of_a_value_is_the_golden_one(void **state) {
    static const char *const golden[] = {"00",
                                         "01ffffffffffffffffff01",
                                         "0101",
                                         "0100",
                                         "01feffffffffffffffff01",
                                         "02fe37e43c8800759c",
                                         "02bfe0000000000000",
                                         "020000000000000000",
                                         "0201a56e1fc2f8f359",
                                         "024000000000000000",
                                         "0300",
                                         "030141",
                                         "03024142",
                                         "030142",
                                         "0303e5aea2",
                                         "0400",
                                         "040100",
                                         "0401ff"};
    rove_value values[32];
    size_t count = ascending_values(values);

    (void)state;
    assert_int_equal(count, sizeof golden / sizeof golden[0]);
    for (size_t i = 0; i < count; i++) {
        rove__reader reader;
        rove_value again;
        rove__buf_reset(&buf);
        rove__value_write(&buf, &values[i]);
        assert_true(hex_equal(buf.data, buf.size, golden[i]));
        rove__reader_init(&reader, buf.data, buf.size);
        rove__value_read(&reader, &again);
        assert_int_equal(rove__reader_status(&reader), ROVE_OK);
        assert_int_equal(rove__reader_left(&reader), 0);
        assert_true(rove__value_equal(&values[i], &again));
    }
}

static void hostile_values_are_refused(void **state) {
    static const char *const cases[] = {
        "",                   /* nothing */
        "05",                 /* an unknown type */
        "01",                 /* a number cut short */
        "018000",             /* not of the shortest form */
        "02000000",           /* a real cut short */
        "027ff0000000000000", /* infinity */
        "02fff0000000000000", /* minus infinity */
        "027ff8000000000001", /* not a number */
        "028000000000000000", /* -0.0 */
        "030461",             /* a text cut short */
        "03816041",           /* a size above what is left */
        "0301ff",             /* not UTF-8 */
        "030100",             /* NUL in a text */
        "04ffffffff0f",       /* a huge size */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[32];
        rove__reader reader;
        rove_value value;
        rove__reader_init(&reader, bytes, hex_read(cases[i], bytes, sizeof bytes));
        rove__value_read(&reader, &value);
        if (rove__reader_status(&reader) == ROVE_OK) {
            fail_msg("accepted: %s", cases[i]);
        }
    }
}

static void a_value_has_at_most_so_many_bytes(void **state) {
    uint8_t *bytes = rove__arena_take(&arena, ROVE_VALUE_MAX + 8);
    rove__reader reader;
    rove_value value;

    (void)state;
    memset(bytes, 'x', ROVE_VALUE_MAX + 8);
    value = rove__value_bytes(ROVE_TEXT, bytes, ROVE_VALUE_MAX);
    rove__value_write(&buf, &value);
    rove__reader_init(&reader, buf.data, buf.size);
    rove__value_read(&reader, &value);
    assert_int_equal(rove__reader_status(&reader), ROVE_OK);
    assert_int_equal(value.size, ROVE_VALUE_MAX);

    rove__buf_reset(&buf);
    rove__buf_byte(&buf, ROVE_TEXT);
    rove__buf_bytes(&buf, bytes, ROVE_VALUE_MAX + 1);
    rove__reader_init(&reader, buf.data, buf.size);
    rove__value_read(&reader, &value);
    assert_int_not_equal(rove__reader_status(&reader), ROVE_OK);
}

static void a_copy_stands_alone(void **state) {
    uint64_t seed = 5;

    (void)state;
    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        rove__arena short_lived;
        rove__extra extra = {900, rove__value_text("from a newer build")};
        rove__row row;
        rove__row copy;
        rove__row again;
        rove__arena_init(&short_lived, &allocator, (size_t)1024 * 1024);
        row = random_row(&seed, &short_lived, rove__registry_at(registry, i));
        row.extra = &extra;
        row.extra_count = 1;
        assert_int_equal(rove__row_copy(&copy, &row, &arena), ROVE_OK);
        assert_true(rows_equal(&row, &copy));
        assert_int_equal(rove__row_copy(&again, &row, &arena), ROVE_OK);
        rove__arena_free(&short_lived);
        assert_true(rows_equal(&again, &copy));
        assert_ptr_not_equal(copy.extra, &extra);
    }
}

static void a_row_of_an_unknown_entity_is_copied_too(void **state) {
    rove__extra extra = {2, rove__value_int(5)};
    rove__row row;
    rove__row copy;

    (void)state;
    assert_int_equal(rove__row_init(&row, NULL, 9, &arena), ROVE_OK);
    row.entity_number = 4000;
    row.extra = &extra;
    row.extra_count = 1;
    assert_int_equal(rove__row_copy(&copy, &row, &arena), ROVE_OK);
    assert_true(rows_equal(&row, &copy));
    assert_int_equal(rove__row_scope(&row, NULL).root, 0);
}

static void short_memory_is_reported(void **state) {
    uint64_t seed = 6;
    rove__row row = random_row(&seed, &arena, entity_of("Account"));
    rove_status status = ROVE_NOMEM;
    size_t size = 0;

    (void)state;
    for (; status != ROVE_OK; size += 8) {
        rove__arena small;
        rove__row copy;
        rove__arena_init(&small, &allocator, size);
        status = rove__row_copy(&copy, &row, &small);
        assert_true(status == ROVE_OK || status == ROVE_NOMEM);
        rove__arena_free(&small);
    }
    assert_true(size > entity_of("Account")->field_count * sizeof(rove_value));
}

static void set_named(rove__row *row, const char *name, rove_value value) {
    int ordinal = rove__entity_field_named(row->entity, name);

    assert_true(ordinal >= 0);
    rove__row_set(row, (size_t)ordinal, value);
}

static rove__row empty_row(const char *entity, rove_id id) {
    rove__row row;

    assert_int_equal(rove__row_init(&row, entity_of(entity), id, &arena), ROVE_OK);
    return row;
}

static void check_scope(const rove__row *row, rove_id root, int32_t part) {
    rove__scope scope = rove__row_scope(row, NULL);

    assert_int_equal(scope.root, root);
    assert_int_equal(scope.part, part);
}

static void the_scope_follows_from_the_row(void **state) {
    rove__row account = empty_row("Account", 77);
    rove__row product = empty_row("Product", 78);
    rove__row visit = empty_row("Visit", 79);

    (void)state;
    check_scope(&account, 77, 0);
    check_scope(&product, 0, 0);
    check_scope(&visit, 0, 0);
    set_named(&visit, "account_id", rove__value_int(77));
    check_scope(&visit, 77, 0);
    set_named(&visit, "planned_start", rove__value_int(INT64_C(1767225599999)));
    check_scope(&visit, 77, 202512);
    set_named(&visit, "planned_start", rove__value_int(INT64_C(1767225600000)));
    check_scope(&visit, 77, 202601);
    set_named(&visit, "planned_start", rove__value_null());
    check_scope(&visit, 77, 0);
}

static void a_child_has_the_scope_of_its_parent(void **state) {
    rove__entity line = *entity_of("PriceItem");
    rove__scope parent = {77, 202601};
    rove__row row;

    (void)state;
    line.scope = ROVE_SCOPE_PARENT;
    line.scope_field = 0;
    assert_int_equal(rove__row_init(&row, &line, 5, &arena), ROVE_OK);
    assert_int_equal(rove__row_scope(&row, &parent).root, 77);
    assert_int_equal(rove__row_scope(&row, &parent).part, 202601);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_have_a_total_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_text_and_a_blob_may_have_equal_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(the_encoding_of_a_value_is_the_golden_one, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_values_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_has_at_most_so_many_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_stands_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_of_an_unknown_entity_is_copied_too, setup, teardown),
        cmocka_unit_test_setup_teardown(short_memory_is_reported, setup, teardown),
        cmocka_unit_test_setup_teardown(the_scope_follows_from_the_row, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_has_the_scope_of_its_parent, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
