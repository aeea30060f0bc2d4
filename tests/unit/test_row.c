/*
 * Rows and values: a total order, one encoding, copies that stand alone, and the scope of a row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hex.h"
#include "model/digest.h"
#include "rows.h"
#include "wire/batch.h"
#include "wire/message.h"

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

/* ---- a field that comes while a row is in somebody's hands ---- */

static void add_field(uint32_t number, const char *name) {
    rove__custom custom = {
        .entity = 6, .number = number, .name = name, .type = ROVE_TEXT, .max = 100};

    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_OK);
}

static rove__hash128 term_of(const rove__row *row) {
    static const uint8_t key[ROVE_HASH_KEY_SIZE] = {1};
    rove__clock clock;
    rove__hash128 term;

    rove__clock_init(&clock, (rove__origin){5, 1}, (rove__version){5, 1}, 0);
    assert_int_equal(rove__digest_term(key, row, &clock, &buf, &term), ROVE_OK);
    return term;
}

static rove__bytes packed_of(const rove__row *row) {
    rove__buf_reset(&buf);
    assert_int_equal(rove__row_to_packed(row, &buf), ROVE_OK);
    return (rove__bytes){rove__arena_copy(&arena, buf.data, buf.size), buf.size};
}

/* Through a batch of the wire and back. */
static rove__row sent(const rove__row *row) {
    rove__batch_writer *writer = NULL;
    rove__batch_reader *reader = NULL;
    rove__change change = {.op = ROVE_OP_WHOLE, .row = *row};
    rove__row copy;

    rove__clock_init(&change.clock, (rove__origin){5, 1}, (rove__version){5, 1}, 0);
    rove__buf_reset(&buf);
    assert_int_equal(rove__batch_writer_new(&allocator, ROVE_BATCH_MAX, &writer), ROVE_OK);
    assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
    assert_int_equal(rove__batch_finish(writer, &buf), ROVE_OK);
    assert_int_equal(rove__batch_reader_new(&allocator, registry, buf.data, buf.size, &reader),
                     ROVE_OK);
    assert_int_equal(rove__batch_next(reader, &change), ROVE_OK);
    assert_int_equal(rove__row_copy(&copy, &change.row, &arena), ROVE_OK);
    rove__batch_reader_free(reader);
    rove__batch_writer_free(writer);
    return copy;
}

static void a_row_stands_while_its_entity_gains_fields(void **state) {
    rove__row row = empty_row("Account", 7);
    rove__row after;
    rove__row copy;

    (void)state;
    set_named(&row, "name", rove__value_text("Bakery"));
    rove__hash128 term = term_of(&row);
    rove__bytes packed = packed_of(&row);
    /* So many that the arrays move, and the first has the largest number. */
    for (uint32_t i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "late_%u", (unsigned)i);
        add_field(i == 0 ? 2000 : 1000 + i, name);
        assert_true(row.cell_count + i + 1 == row.entity->field_count);
        assert_int_equal(rove__row_field(&row, 1000 + i), -1);
    }
    assert_true(rove__hash128_equal(term, term_of(&row)));
    rove__bytes again = packed_of(&row);
    assert_int_equal(again.size, packed.size);
    assert_memory_equal(again.data, packed.data, packed.size);
    assert_int_equal(rove__row_copy(&copy, &row, &arena), ROVE_OK);
    assert_int_equal(copy.cell_count, row.cell_count);
    assert_true(rows_equal(&copy, &row));
    after = sent(&row);
    assert_int_equal(after.cell_count, row.entity->field_count);
    assert_true(rows_equal(&after, &row));
    assert_true(rove__hash128_equal(term, term_of(&after)));
    assert_int_equal(rove__row_field_named(&row, "late_0"), -1);
    assert_int_equal(rove__row_field_named(&after, "late_0"), (int)row.cell_count);
    assert_int_equal(rove__row_cell(&row, row.cell_count).type, ROVE_NULL);
    set_named(&after, "late_0", rove__value_text("x"));
    assert_false(rows_equal(&after, &row));
    assert_int_equal(rove__row_cell(&after, row.cell_count).type, ROVE_TEXT);
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
        cmocka_unit_test_setup_teardown(a_row_stands_while_its_entity_gains_fields, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
