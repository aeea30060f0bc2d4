/*
 * Batches stay within what a reader takes: a writer says when it is full, and few bytes do not make a reader work for long.
 */
#include "batch_lab.h"

static void unknown_fields_are_limited(void **state) {
    batch_lab *f = *state;
    rove__extra fields[ROVE_EXTRA_MAX + 1];
    rove__change change = raw_change(UNKNOWN_ENTITY, 9, fields, ROVE_EXTRA_MAX);
    size_t count = 0;

    for (uint32_t i = 0; i <= ROVE_EXTRA_MAX; i++) {
        fields[i] = (rove__extra){i + 1, rove__value_int(i)};
    }
    assert_int_equal(encode(f, &change, 1), ROVE_OK);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(f->read[0].row.extra_count, ROVE_EXTRA_MAX);
    change.row.extra_count++;
    assert_int_equal(encode(f, &change, 1), ROVE_INVALID);
}

static void a_writer_takes_what_fits_and_says_when_it_is_full(void **state) {
    batch_lab *f = *state;
    rove__batch_writer *writer = NULL;
    uint64_t seed = 3;
    size_t total = 0;
    rove__buf again;

    assert_int_equal(rove__batch_writer_new(&f->allocator, ROVE_BATCH_MAX + 1, &writer),
                     ROVE_INVALID);
    assert_int_equal(rove__batch_writer_new(&f->allocator, 20000, &writer), ROVE_OK);
    for (size_t pages = 0; pages < 5; pages++) {
        size_t added = 0;
        size_t count = 0;
        rove_status status = ROVE_OK;

        do {
            f->changes[added] = random_change(&seed, &f->arena, ROVE_OP_WHOLE, f->account);
            status = rove__batch_add(writer, &f->changes[added]);
            added += status == ROVE_OK;
        } while (status == ROVE_OK);
        assert_int_equal(status, ROVE_LIMIT);
        assert_true(added > 3);
        assert_int_equal(rove__batch_count(writer), added);
        assert_true(rove__batch_size(writer) <= 20000);
        /* A full writer stays full, though a smaller change might fit. */
        f->changes[added] = raw_change(UNKNOWN_ENTITY, 1, NULL, 0);
        assert_int_equal(rove__batch_add(writer, &f->changes[added]), ROVE_LIMIT);
        rove__buf_reset(&f->bytes);
        total = rove__batch_size(writer);
        assert_int_equal(rove__batch_finish(writer, &f->bytes), ROVE_OK);
        assert_true(f->bytes.size <= total);
        /* The change that did not fit left nothing behind. */
        assert_int_equal(decode(f, &count), ROVE_DONE);
        assert_int_equal(count, added);
        assert_same_changes(f, count);
        rove__buf_init(&again, &f->allocator, 20000);
        assert_int_equal(batch_of(&f->allocator, f->changes, added, &again), ROVE_OK);
        assert_int_equal(again.size, f->bytes.size);
        assert_memory_equal(again.data, f->bytes.data, again.size);
        rove__buf_free(&again);
    }
    rove__batch_writer_free(writer);
}

/* Fields of 60,000 bytes each. */
static void large_fields(rove__extra *fields, size_t count, const uint8_t *bytes) {
    for (size_t i = 0; i < count; i++) {
        fields[i] = (rove__extra){900 + (uint32_t)i, rove__value_bytes(ROVE_BLOB, bytes, 60000)};
    }
}

static void a_first_change_is_taken_up_to_the_cap(void **state) {
    batch_lab *f = *state;
    uint8_t *bytes = rove__arena_take(&f->arena, ROVE_VALUE_MAX);
    rove__extra fields[5];
    rove__change change = raw_change(UNKNOWN_ENTITY, 9, fields, 4);
    rove__change small = raw_change(UNKNOWN_ENTITY, 9, NULL, 0);
    rove__batch_writer *writer = NULL;
    size_t count = 0;

    memset(bytes, 7, ROVE_VALUE_MAX);
    large_fields(fields, 5, bytes);
    assert_int_equal(rove__batch_writer_new(&f->allocator, 5000, &writer), ROVE_OK);
    assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
    assert_int_equal(rove__batch_add(writer, &small), ROVE_LIMIT);
    assert_int_equal(rove__batch_finish(writer, &f->bytes), ROVE_OK);
    assert_true(f->bytes.size > 240000 && f->bytes.size <= ROVE_BATCH_MAX);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(count, 1);
    change.row.extra_count = 5;
    assert_int_equal(rove__batch_add(writer, &change), ROVE_TOO_BIG);
    assert_int_equal(rove__batch_count(writer), 0);
    assert_int_equal(rove__batch_add(writer, &small), ROVE_OK);
    rove__batch_writer_free(writer);
}

static void values_are_limited(void **state) {
    batch_lab *f = *state;
    uint8_t *bytes = rove__arena_take(&f->arena, ROVE_VALUE_MAX + 1);
    rove__extra field = {900, rove__value_bytes(ROVE_BLOB, bytes, ROVE_VALUE_MAX)};
    rove__change change = raw_change(UNKNOWN_ENTITY, 9, &field, 1);
    size_t count = 0;

    memset(bytes, 7, ROVE_VALUE_MAX + 1);
    assert_int_equal(encode(f, &change, 1), ROVE_OK);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    field.value.size++;
    assert_int_equal(encode(f, &change, 1), ROVE_INVALID);
    /* One byte longer by a peer's hand: batch, run, three facts, one column. */
    rove__buf_reset(&f->bytes);
    rove__buf_append(&f->bytes, "\1\5\1\1\7\0\2\0\2\0\2\1\1\4", 14);
    rove__buf_varint(&f->bytes, ROVE_VALUE_MAX + 1);
    rove__buf_byte(&f->bytes, 0);
    rove__buf_zigzag(&f->bytes, ROVE_VALUE_MAX + 1);
    rove__buf_append(&f->bytes, bytes, ROVE_VALUE_MAX + 1);
    f->bytes.data[2] = 100; /* an entity nobody knows */
    assert_int_equal(decode(f, &count), ROVE_PROTOCOL);
}

static void rows_are_limited(void **state) {
    batch_lab *f = *state;
    rove__change change = raw_change(UNKNOWN_ENTITY, 1, NULL, 0);
    rove__batch_writer *writer = NULL;
    rove__batch_reader *reader = NULL;
    size_t count = 0;

    assert_int_equal(rove__batch_writer_new(&f->allocator, ROVE_BATCH_MAX, &writer), ROVE_OK);
    for (size_t i = 0; i < ROVE_BATCH_ROWS_MAX; i++) {
        change.row.id = (rove_id)i + 1;
        assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
    }
    assert_int_equal(rove__batch_add(writer, &change), ROVE_LIMIT);
    assert_int_equal(rove__batch_finish(writer, &f->bytes), ROVE_OK);
    rove__batch_writer_free(writer);
    assert_int_equal(
        rove__batch_reader_new(&f->allocator, f->registry, f->bytes.data, f->bytes.size, &reader),
        ROVE_OK);
    while (rove__batch_next(reader, &change) == ROVE_OK) {
        count++;
    }
    assert_int_equal(count, ROVE_BATCH_ROWS_MAX);
    assert_int_equal(rove__batch_next(reader, &change), ROVE_DONE);
    rove__batch_reader_free(reader);
}

/*
 * A run of 65,536 rows that are all alike takes a few bytes; `columns` constant columns more do
 * too.
 */
static rove_status read_wide_run(batch_lab *f, size_t rows, size_t columns) {
    rove__batch_reader *reader = NULL;
    rove__change change;
    rove_status status = ROVE_OK;

    rove__buf_reset(&f->bytes);
    rove__buf_byte(&f->bytes, 1);
    rove__buf_byte(&f->bytes, ROVE_OP_WHOLE);
    rove__buf_varint(&f->bytes, UNKNOWN_ENTITY);
    rove__buf_varint(&f->bytes, rows);
    rove__buf_varint(&f->bytes, 7);                 /* id, origin's stamp and replica */
    rove__buf_append(&f->bytes, "\0\2\0\2\0\2", 6); /* each constantly 1 */
    rove__buf_varint(&f->bytes, columns);
    for (size_t i = 0; i < columns; i++) {
        rove__buf_append(&f->bytes, "\1\1\0\4", 4); /* the next number, INT, constantly 2 */
    }
    status =
        rove__batch_reader_new(&f->allocator, f->registry, f->bytes.data, f->bytes.size, &reader);
    if (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
    }
    rove__batch_reader_free(reader);
    return status;
}

static void few_bytes_cannot_make_a_reader_work_for_long(void **state) {
    batch_lab *f = *state;

    assert_int_equal(read_wide_run(f, ROVE_BATCH_ROWS_MAX, 30), ROVE_OK);
    assert_int_equal(read_wide_run(f, ROVE_BATCH_ROWS_MAX, 31), ROVE_PROTOCOL);
    assert_int_equal(read_wide_run(f, ROVE_BATCH_ROWS_MAX + 1, 1), ROVE_PROTOCOL);
    assert_int_equal(read_wide_run(f, 0, 1), ROVE_PROTOCOL);
    assert_int_equal(read_wide_run(f, 1, ROVE_EXTRA_MAX), ROVE_OK);
    assert_int_equal(read_wide_run(f, 1, ROVE_EXTRA_MAX + 1), ROVE_PROTOCOL);
    assert_int_equal(read_wide_run(f, 1, 1025), ROVE_PROTOCOL);
}

/* The cap on rows is of the batch, in however many runs they come. */
static void rows_are_counted_over_all_runs(void **state) {
    static const size_t second[] = {ROVE_BATCH_ROWS_MAX / 2, ROVE_BATCH_ROWS_MAX / 2 + 1};
    batch_lab *f = *state;

    for (size_t i = 0; i < 2; i++) {
        rove__batch_reader *reader = NULL;
        rove__change change;
        size_t count = 0;
        rove_status status = ROVE_OK;

        rove__buf_reset(&f->bytes);
        rove__buf_byte(&f->bytes, 1);
        for (size_t run = 0; run < 2; run++) {
            rove__buf_byte(&f->bytes, ROVE_OP_WHOLE);
            rove__buf_varint(&f->bytes, UNKNOWN_ENTITY);
            rove__buf_varint(&f->bytes, run == 0 ? ROVE_BATCH_ROWS_MAX / 2 : second[i]);
            rove__buf_append(&f->bytes, "\7\0\2\0\2\0\2\0", 8);
        }
        assert_int_equal(rove__batch_reader_new(&f->allocator, f->registry, f->bytes.data,
                                                f->bytes.size, &reader),
                         ROVE_OK);
        while ((status = rove__batch_next(reader, &change)) == ROVE_OK) {
            count++;
        }
        assert_int_equal(status, i == 0 ? ROVE_DONE : ROVE_PROTOCOL);
        assert_int_equal(count, i == 0 ? ROVE_BATCH_ROWS_MAX : ROVE_BATCH_ROWS_MAX / 2);
        rove__batch_reader_free(reader);
    }
}

/* Rows with fields of their own each: a run has no more columns than a reader takes. */
static void columns_of_a_run_are_limited(void **state) {
    batch_lab *f = *state;
    static rove__extra fields[ROVE_EXTRA_MAX];
    rove__batch_writer *writer = NULL;
    rove__change change = raw_change(UNKNOWN_ENTITY, 9, fields, ROVE_EXTRA_MAX);
    size_t count = 0;

    assert_int_equal(rove__batch_writer_new(&f->allocator, ROVE_BATCH_MAX, &writer), ROVE_OK);
    for (uint32_t row = 0; row < 5; row++) {
        for (uint32_t i = 0; i < ROVE_EXTRA_MAX; i++) {
            fields[i] = (rove__extra){1 + row * ROVE_EXTRA_MAX + i, rove__value_int(i)};
        }
        assert_int_equal(rove__batch_add(writer, &change), row < 4 ? ROVE_OK : ROVE_LIMIT);
    }
    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__batch_finish(writer, &f->bytes), ROVE_OK);
    rove__batch_writer_free(writer);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(count, 4);
}

/* The change that does not fit is taken off, however long ago a column had a value last. */
static void what_did_not_fit_leaves_an_old_column_alone(void **state) {
    batch_lab *f = *state;
    rove__batch_writer *writer = NULL;
    rove__extra early = {900, rove__value_int(5)};
    rove__extra late = {901, rove__value_text("late")};
    rove__change change = raw_change(UNKNOWN_ENTITY, 1, &early, 1);
    size_t count = 0;

    assert_int_equal(rove__batch_writer_new(&f->allocator, 1000, &writer), ROVE_OK);
    assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
    change = raw_change(UNKNOWN_ENTITY, 1, NULL, 0);
    for (rove_id id = 2; id <= 100; id++) {
        change.row.id = id;
        assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
    }
    change = raw_change(UNKNOWN_ENTITY, 101, &late, 1);
    while (rove__batch_add(writer, &change) == ROVE_OK) {
        change.row.id++;
    }
    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__batch_finish(writer, &f->bytes), ROVE_OK);
    rove__batch_writer_free(writer);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(count, (size_t)change.row.id - 1);
    assert_true(count > 100);
    assert_int_equal(f->read[0].row.extra[0].number, 900);
    assert_int_equal(f->read[100].row.extra[0].number, 901);
}

static void a_run_whose_only_change_did_not_fit_is_not_written(void **state) {
    batch_lab *f = *state;
    rove__batch_writer *writer = NULL;
    static const uint8_t bytes[2000];
    rove__extra large = {900, rove__value_bytes(ROVE_BLOB, bytes, sizeof bytes)};
    rove__change change = raw_change(UNKNOWN_ENTITY, 1, NULL, 0);
    rove__change other = raw_change(UNKNOWN_ENTITY + 1, 2, &large, 1);
    size_t count = 0;

    assert_int_equal(rove__batch_writer_new(&f->allocator, 1000, &writer), ROVE_OK);
    assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
    assert_int_equal(rove__batch_add(writer, &other), ROVE_LIMIT);
    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__batch_finish(writer, &f->bytes), ROVE_OK);
    rove__batch_writer_free(writer);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(count, 1);
    assert_int_equal(f->read[0].row.id, 1);
}

/* By a peer's hand: a writer here has no wider part to write. */
static void the_part_of_a_scope_has_32_bits(void **state) {
    static const struct {
        int64_t part;
        rove_status expected;
    } cases[] = {{INT32_MIN, ROVE_DONE},
                 {INT32_MAX, ROVE_DONE},
                 {(int64_t)INT32_MIN - 1, ROVE_PROTOCOL},
                 {(int64_t)INT32_MAX + 1, ROVE_PROTOCOL}};
    batch_lab *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 0;

        rove__buf_reset(&f->bytes);
        rove__buf_append(&f->bytes, "\1\5\x64\1\x87\x18", 6); /* batch, run, five facts */
        rove__buf_append(&f->bytes, "\0\2\0\2\0\2\0\2\0", 9); /* the first four are 1 */
        rove__buf_zigzag(&f->bytes, cases[i].part);
        rove__buf_byte(&f->bytes, 0);
        assert_int_equal(decode(f, &count), cases[i].expected);
        if (cases[i].expected == ROVE_DONE) {
            assert_int_equal(f->read[0].scope.part, cases[i].part);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unknown_fields_are_limited, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(a_writer_takes_what_fits_and_says_when_it_is_full,
                                        batch_lab_open, batch_lab_close),
        cmocka_unit_test_setup_teardown(a_first_change_is_taken_up_to_the_cap, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(values_are_limited, batch_lab_open, batch_lab_close),
        cmocka_unit_test_setup_teardown(rows_are_limited, batch_lab_open, batch_lab_close),
        cmocka_unit_test_setup_teardown(few_bytes_cannot_make_a_reader_work_for_long,
                                        batch_lab_open, batch_lab_close),
        cmocka_unit_test_setup_teardown(rows_are_counted_over_all_runs, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(columns_of_a_run_are_limited, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(what_did_not_fit_leaves_an_old_column_alone, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(a_run_whose_only_change_did_not_fit_is_not_written,
                                        batch_lab_open, batch_lab_close),
        cmocka_unit_test_setup_teardown(the_part_of_a_scope_has_32_bits, batch_lab_open,
                                        batch_lab_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
