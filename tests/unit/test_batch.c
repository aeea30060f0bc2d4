/*
 * Batches give back what was put in, keep what they do not know, and take nothing that is
 * malformed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "changes.h"

#define CHANGES_MAX 300

typedef struct fixture {
    heap h;
    rove_allocator allocator;
    rove__arena arena;
    rove__buf bytes;
    rove__registry *registry;
    const rove__entity *account;
    rove__change changes[CHANGES_MAX];
    rove__change read[CHANGES_MAX];
} fixture;

static int open(void **state) {
    fixture *f = calloc(1, sizeof *f);

    f->allocator = heap_allocator(&f->h);
    rove__arena_init(&f->arena, &f->allocator, (size_t)1 << 26);
    rove__buf_init(&f->bytes, &f->allocator, (size_t)1 << 20);
    if (rove__registry_new(&f->allocator, &f->registry) != ROVE_OK) {
        return -1;
    }
    f->account = rove__registry_by_name(f->registry, "Account");
    *state = f;
    return 0;
}

static int close(void **state) {
    fixture *f = *state;
    size_t alive = 0;

    rove__registry_free(f->registry);
    rove__buf_free(&f->bytes);
    rove__arena_free(&f->arena);
    alive = f->h.alive;
    free(f);
    return alive == 0 ? 0 : -1;
}

/* A change whose columns are free to choose: its fields travel as if they were unknown here. */
static rove__change raw_change(uint32_t entity, rove_id id, rove__extra *fields, size_t count) {
    rove__change change = {.op = ROVE_OP_WHOLE};

    change.row.entity_number = entity;
    change.row.id = id;
    change.row.extra = fields;
    change.row.extra_count = count;
    change.clock.origin = (rove__origin){77, 5};
    change.clock.base = change.clock.origin;
    return change;
}

static rove_status encode(fixture *f, const rove__change *changes, size_t count) {
    rove__buf_reset(&f->bytes);
    return batch_of(&f->allocator, changes, count, &f->bytes);
}

static rove_status decode(fixture *f, size_t *count) {
    return batch_read(&f->allocator, f->registry, f->bytes.data, f->bytes.size, &f->arena, f->read,
                      CHANGES_MAX, count);
}

static uint32_t field_number(const rove__entity *entity, const char *name) {
    return entity->fields[rove__entity_field_named(entity, name)].number;
}

static size_t random_changes(fixture *f, uint64_t *seed, size_t count) {
    size_t entities = rove__registry_count(f->registry);

    for (size_t i = 0; i < count; i++) {
        size_t which = (size_t)dice(seed) % 5;
        const rove__entity *entity =
            which == 0 ? NULL : rove__registry_at(f->registry, (dice(seed) % 4 + which) % entities);

        f->changes[i] =
            random_change(seed, &f->arena, (rove__op)(1 + dice(seed) % ROVE_OP_MARK), entity);
    }
    return count;
}

/* Each change came back, those of one op and entity in the order given. */
static void assert_same_changes(const fixture *f, size_t count) {
    int taken[CHANGES_MAX] = {0};

    for (size_t i = 0; i < count; i++) {
        size_t at = 0;

        while (at < count && (taken[at] || f->read[at].op != f->changes[i].op ||
                              f->read[at].row.entity_number != f->changes[i].row.entity_number)) {
            at++;
        }
        assert_true(at < count);
        assert_true(changes_equal(&f->changes[i], &f->read[at]));
        taken[at] = 1;
    }
}

static void changes_of_every_kind_round_trip(void **state) {
    fixture *f = *state;

    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t dice_state = seed;
        size_t count = 0;
        size_t wanted = random_changes(f, &dice_state, (size_t)(1 + dice(&dice_state) % 120));

        assert_int_equal(encode(f, f->changes, wanted), ROVE_OK);
        assert_int_equal(decode(f, &count), ROVE_DONE);
        assert_int_equal(count, wanted);
        assert_same_changes(f, count);
        rove__arena_reset(&f->arena);
    }
}

static void an_empty_batch_has_no_changes(void **state) {
    fixture *f = *state;
    size_t count = 1;

    assert_int_equal(encode(f, NULL, 0), ROVE_OK);
    assert_int_equal(f->bytes.size, 1);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(count, 0);
}

static void what_is_unknown_is_kept_and_written_unchanged(void **state) {
    fixture *f = *state;
    rove__extra fields[] = {{2, rove__value_text("Café 客")},
                            {900, rove__value_text("from a newer peer")},
                            {901, rove__value_int(-5)}};
    rove__extra others[] = {{1, rove__value_real(2.5)}, {7, rove__value_null()}};
    rove__buf again;
    size_t count = 0;

    f->changes[0] = raw_change(f->account->number, 9, fields, 3);
    f->changes[1] = raw_change(UNKNOWN_ENTITY, 10, others, 2);
    assert_int_equal(encode(f, f->changes, 2), ROVE_OK);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(count, 2);

    for (size_t i = 0; i < 2; i++) {
        const rove__row *row = &f->read[i].row;

        if (row->entity != NULL) {
            int name = rove__entity_field_named(f->account, "name");

            assert_ptr_equal(row->entity, f->account);
            assert_int_equal(row->extra_count, 2);
            assert_int_equal(row->extra[0].number, 900);
            assert_int_equal(row->cells[name].size, 9);
            assert_memory_equal(row->cells[name].as.data, "Café 客", 9);
        } else {
            assert_int_equal(row->entity_number, UNKNOWN_ENTITY);
            assert_int_equal(row->extra_count, 2);
            assert_null(row->cells);
        }
    }
    rove__buf_init(&again, &f->allocator, 4096);
    assert_int_equal(batch_of(&f->allocator, f->read, 2, &again), ROVE_OK);
    assert_int_equal(again.size, f->bytes.size);
    assert_memory_equal(again.data, f->bytes.data, again.size);
    rove__buf_free(&again);
}

static void derived_cells_are_neither_sent_nor_taken(void **state) {
    fixture *f = *state;
    const rove__entity *entity = NULL;
    size_t ordinal = 0;
    rove__extra field;
    rove__change change;
    size_t count = 0;

    for (size_t i = 0; i < rove__registry_count(f->registry) && entity == NULL; i++) {
        const rove__entity *at = rove__registry_at(f->registry, i);
        for (ordinal = 0; ordinal < at->field_count; ordinal++) {
            if (at->fields[ordinal].kind == ROVE_KIND_DERIVED) {
                entity = at;
                break;
            }
        }
    }
    assert_non_null(entity);
    field = (rove__extra){entity->fields[ordinal].number, rove__value_int(3)};
    change = raw_change(entity->number, 9, &field, 1);
    assert_int_equal(encode(f, &change, 1), ROVE_OK);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(rove__bits_get(&f->read[0].row.present, ordinal), 0);
    assert_int_equal(f->read[0].row.extra_count, 0);

    change = raw_change(entity->number, 9, NULL, 0);
    assert_int_equal(rove__row_init(&change.row, entity, 9, &f->arena), ROVE_OK);
    rove__row_set(&change.row, ordinal, rove__value_int(3));
    assert_int_equal(encode(f, &change, 1), ROVE_OK);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(rove__bits_get(&f->read[0].row.present, ordinal), 0);
}

static void the_clock_travels_in_its_one_form(void **state) {
    fixture *f = *state;
    rove__change change = raw_change(f->account->number, 9, NULL, 0);
    rove__clock_entry entries[] = {{3, 0, {77, 5}, 40}, {4, 0, {90, 5}, 41}};
    size_t count = 0;

    change.clock.seq = 40;
    change.clock.entries = entries;
    change.clock.count = 2;
    assert_int_equal(encode(f, &change, 1), ROVE_OK);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(f->read[0].clock.seq, 0);
    assert_int_equal(f->read[0].clock.count, 1);
    assert_int_equal(f->read[0].clock.entries[0].field, 4);
    assert_int_equal(f->read[0].clock.entries[0].seq, 0);
}

/*
 * Rows that differ in what they carry: columns are sparse, and a cell is NULL again in the next
 * row.
 */
static void cells_do_not_leak_into_the_next_row(void **state) {
    fixture *f = *state;
    uint32_t name = field_number(f->account, "name");
    int ordinal = rove__entity_field_named(f->account, "name");
    rove__extra text = {name, rove__value_text("A")};
    rove__extra null = {name, rove__value_null()};
    size_t count = 0;

    for (size_t i = 0; i < 30; i++) {
        f->changes[i] = raw_change(f->account->number, (rove_id)i + 1, i % 3 == 0 ? &text : &null,
                                   i % 3 == 2 ? 0 : 1);
    }
    assert_int_equal(encode(f, f->changes, 30), ROVE_OK);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(count, 30);
    for (size_t i = 0; i < 30; i++) {
        const rove__row *row = &f->read[i].row;
        assert_int_equal(rove__bits_get(&row->present, (size_t)ordinal), i % 3 != 2);
        assert_int_equal(row->cells[ordinal].type, i % 3 == 0 ? ROVE_TEXT : ROVE_NULL);
    }
}

static rove_status take(fixture *f, rove__extra *fields, size_t count) {
    rove__change change = raw_change(f->account->number, 9, fields, count);
    size_t read = 0;

    assert_int_equal(encode(f, &change, 1), ROVE_OK);
    return decode(f, &read);
}

static void values_have_the_type_of_their_field(void **state) {
    fixture *f = *state;
    rove__extra fields[2] = {{field_number(f->account, "name"), rove__value_int(1)}};

    assert_int_equal(take(f, fields, 1), ROVE_PROTOCOL);
    fields[0].value = rove__value_bytes(ROVE_BLOB, "x", 1);
    assert_int_equal(take(f, fields, 1), ROVE_PROTOCOL);
    fields[0].value = rove__value_null();
    assert_int_equal(take(f, fields, 1), ROVE_DONE);
    /* A counter's increments travel as a blob. */
    fields[0] = (rove__extra){field_number(f->account, "points"), rove__value_int(1)};
    assert_int_equal(take(f, fields, 1), ROVE_DONE);
    fields[0].value = rove__value_bytes(ROVE_BLOB, "x", 1);
    assert_int_equal(take(f, fields, 1), ROVE_DONE);
    fields[0].value = rove__value_text("x");
    assert_int_equal(take(f, fields, 1), ROVE_PROTOCOL);
    /* One field twice in a row, known or not. */
    fields[0] = (rove__extra){field_number(f->account, "name"), rove__value_text("x")};
    fields[1] = (rove__extra){fields[0].number, rove__value_null()};
    assert_int_equal(take(f, fields, 2), ROVE_PROTOCOL);
    fields[0].number = fields[1].number = 900;
    assert_int_equal(take(f, fields, 2), ROVE_PROTOCOL);
}

static void texts_are_utf8_and_reals_are_numbers(void **state) {
    static const uint64_t odd[] = {0x7ff0000000000000u, 0xfff0000000000000u, 0x7ff8000000000001u,
                                   0x8000000000000000u};
    fixture *f = *state;
    rove__extra field = {900, rove__value_text("\xff")};
    rove__extra halves[] = {{900, rove__value_text("\xe5\xae")}, {900, rove__value_text("\xa2")}};
    size_t count = 0;

    assert_int_equal(take(f, &field, 1), ROVE_UTF8);
    field.value = rove__value_bytes(ROVE_TEXT, "a\0b", 3);
    assert_int_equal(take(f, &field, 1), ROVE_UTF8);
    field.value = rove__value_bytes(ROVE_BLOB, "a\0\xff", 3);
    assert_int_equal(take(f, &field, 1), ROVE_DONE);
    /* Two texts that are UTF-8 only when put together. */
    f->changes[0] = raw_change(UNKNOWN_ENTITY, 1, &halves[0], 1);
    f->changes[1] = raw_change(UNKNOWN_ENTITY, 2, &halves[1], 1);
    assert_int_equal(encode(f, f->changes, 2), ROVE_OK);
    assert_int_equal(decode(f, &count), ROVE_UTF8);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        field.value = rove__value_real(0);
        memcpy(&field.value.as.real, &odd[i], sizeof odd[i]);
        assert_int_equal(take(f, &field, 1), ROVE_PROTOCOL);
    }
}

/* What a correct writer never makes, as changes that this one happens to encode. */
static void ranges_are_checked(void **state) {
    fixture *f = *state;
    rove__clock_entry entries[] = {{5, 1, {80, 5}, 0}, {5, 2, {81, 5}, 0}};
    rove__edit edits[] = {{5, 0, 1, {0, 0}}, {5, 0, 1, {0, 0}}};
    rove__change good = raw_change(UNKNOWN_ENTITY, 9, NULL, 0);
    size_t count = 0;

    for (int i = 0; i < 10; i++) {
        rove__change bad = good;

        switch (i) {
        case 0:
            bad.clock.origin.stamp = ROVE_STAMP_MAX + 1;
            break;
        case 1:
            bad.clock.origin.replica = ROVE_REPLICA_MAX + 1u;
            break;
        case 2:
            bad.clock.base.stamp = UINT64_MAX;
            break;
        case 3:
            bad.replica = ROVE_REPLICA_MAX + 1u;
            break;
        case 4:
            bad.scope.root = -1;
            break;
        case 5:
            bad.clock.entries = entries;
            bad.clock.count = 2;
            break;
        case 6:
            bad.edits = edits;
            bad.edit_count = 2;
            break;
        case 7:
            edits[0].raw = UINT64_MAX;
            bad.edits = edits;
            bad.edit_count = 1;
            break;
        case 8:
            entries[0].field = 0;
            bad.clock.entries = entries;
            bad.clock.count = 1;
            break;
        default:
            entries[1].version.replica = UINT32_MAX;
            bad.clock.entries = &entries[1];
            bad.clock.count = 1;
            break;
        }
        assert_int_equal(encode(f, &bad, 1), ROVE_OK);
        assert_int_equal(decode(f, &count), ROVE_PROTOCOL);
    }
    assert_int_equal(encode(f, &good, 1), ROVE_OK);
    assert_int_equal(decode(f, &count), ROVE_DONE);
}

static void what_no_reader_would_take_is_not_written(void **state) {
    fixture *f = *state;
    rove__change good = raw_change(UNKNOWN_ENTITY, 9, NULL, 0);
    rove__change bad = good;

    bad.row.id = 0;
    assert_int_equal(encode(f, &bad, 1), ROVE_INVALID);
    bad = good;
    bad.op = (rove__op)9;
    assert_int_equal(encode(f, &bad, 1), ROVE_INVALID);
    bad.op = (rove__op)0;
    assert_int_equal(encode(f, &bad, 1), ROVE_INVALID);
    bad = good;
    bad.clock.origin.stamp = 0;
    assert_int_equal(encode(f, &bad, 1), ROVE_INVALID);
    bad = good;
    bad.clock.count = ROVE_CLOCK_ENTRIES_MAX + 1;
    assert_int_equal(encode(f, &bad, 1), ROVE_INVALID);
    bad = good;
    bad.edit_count = ROVE_CLOCK_ENTRIES_MAX + 1;
    assert_int_equal(encode(f, &bad, 1), ROVE_INVALID);
    bad = good;
    bad.row.entity_number = 0;
    assert_int_equal(encode(f, &bad, 1), ROVE_INVALID);
    bad = good;
    bad.clock.origin.replica = 0;
    assert_int_equal(encode(f, &bad, 1), ROVE_INVALID);
    bad.op = ROVE_OP_MARK;
    assert_int_equal(encode(f, &bad, 1), ROVE_OK);
}

static void unknown_fields_are_limited(void **state) {
    fixture *f = *state;
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
    fixture *f = *state;
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
    fixture *f = *state;
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
    fixture *f = *state;
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
    fixture *f = *state;
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
static rove_status read_wide_run(fixture *f, size_t rows, size_t columns) {
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
    fixture *f = *state;

    assert_int_equal(read_wide_run(f, ROVE_BATCH_ROWS_MAX, 30), ROVE_OK);
    assert_int_equal(read_wide_run(f, ROVE_BATCH_ROWS_MAX, 31), ROVE_PROTOCOL);
    assert_int_equal(read_wide_run(f, ROVE_BATCH_ROWS_MAX + 1, 1), ROVE_PROTOCOL);
    assert_int_equal(read_wide_run(f, 0, 1), ROVE_PROTOCOL);
    assert_int_equal(read_wide_run(f, 1, ROVE_EXTRA_MAX), ROVE_OK);
    assert_int_equal(read_wide_run(f, 1, ROVE_EXTRA_MAX + 1), ROVE_PROTOCOL);
    assert_int_equal(read_wide_run(f, 1, 1025), ROVE_PROTOCOL);
}

static void the_size_and_the_version_are_checked_first(void **state) {
    fixture *f = *state;
    uint8_t *bytes = rove__arena_take(&f->arena, ROVE_BATCH_MAX + 1);
    rove__batch_reader *reader = NULL;

    memset(bytes, 1, ROVE_BATCH_MAX + 1);
    assert_int_equal(
        rove__batch_reader_new(&f->allocator, f->registry, bytes, ROVE_BATCH_MAX, &reader),
        ROVE_OK);
    rove__batch_reader_free(reader);
    assert_int_equal(
        rove__batch_reader_new(&f->allocator, f->registry, bytes, ROVE_BATCH_MAX + 1, &reader),
        ROVE_PROTOCOL);
    assert_int_equal(rove__batch_reader_new(&f->allocator, f->registry, bytes, 0, &reader),
                     ROVE_PROTOCOL);
    bytes[0] = 2;
    assert_int_equal(rove__batch_reader_new(&f->allocator, f->registry, bytes, 1, &reader),
                     ROVE_PROTOCOL);
    assert_null(reader);
}

/*
 * Decodes bytes of unknown quality from a block of exactly their size; whole ones can be encoded
 * again.
 */
static rove_status try_bytes(fixture *f, const uint8_t *bytes, size_t size, size_t *count) {
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    rove__arena arena;
    rove_status status = ROVE_OK;

    memcpy(exact, bytes, size);
    rove__arena_init(&arena, &f->allocator, (size_t)1 << 24);
    status =
        batch_read(&f->allocator, f->registry, exact, size, &arena, f->read, CHANGES_MAX, count);
    free(exact);
    if (status == ROVE_DONE) {
        rove__buf again;

        rove__buf_init(&again, &f->allocator, (size_t)1 << 20);
        assert_int_equal(batch_of(&f->allocator, f->read, *count, &again), ROVE_OK);
        rove__buf_free(&again);
    } else {
        assert_true(status == ROVE_PROTOCOL || status == ROVE_TRUNCATED || status == ROVE_UTF8 ||
                    status == ROVE_OK);
    }
    rove__arena_free(&arena);
    return status;
}

static void a_batch_cut_anywhere_is_noticed(void **state) {
    fixture *f = *state;
    uint64_t seed = 11;
    size_t wanted = random_changes(f, &seed, 40);
    size_t whole = 0;

    assert_int_equal(encode(f, f->changes, wanted), ROVE_OK);
    for (size_t size = 0; size < f->bytes.size; size++) {
        size_t count = 0;
        rove_status status = try_bytes(f, f->bytes.data, size, &count);

        /* A cut between two runs leaves a shorter batch. */
        assert_true(status != ROVE_OK && count < wanted);
        whole += status == ROVE_DONE;
    }
    assert_true(whole < 40);
}

static void a_flipped_bit_does_no_harm(void **state) {
    fixture *f = *state;
    uint64_t seed = 12;
    size_t wanted = random_changes(f, &seed, 20);
    size_t count = 0;

    assert_int_equal(encode(f, f->changes, wanted), ROVE_OK);
    for (size_t bit = 0; bit < f->bytes.size * 8; bit++) {
        f->bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        (void)try_bytes(f, f->bytes.data, f->bytes.size, &count);
        f->bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

static void noise_does_no_harm(void **state) {
    fixture *f = *state;
    uint64_t seed = 13;

    for (size_t run = 0; run < 20000; run++) {
        uint8_t bytes[64];
        size_t count = 0;

        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)(dice(&seed) % 4 == 0 ? dice(&seed) : dice(&seed) % 5);
        }
        bytes[0] = 1;
        (void)try_bytes(f, bytes, 1 + (size_t)dice(&seed) % sizeof bytes, &count);
    }
}

static void a_failed_reader_stays_failed(void **state) {
    fixture *f = *state;
    rove__batch_reader *reader = NULL;
    rove__change change;

    assert_int_equal(rove__batch_reader_new(&f->allocator, f->registry, "\1\11", 2, &reader),
                     ROVE_OK);
    assert_int_equal(rove__batch_next(reader, &change), ROVE_TRUNCATED);
    assert_int_equal(rove__batch_next(reader, &change), ROVE_TRUNCATED);
    rove__batch_reader_free(reader);
}

static void a_lack_of_memory_is_reported_and_leaks_nothing(void **state) {
    fixture *f = *state;
    uint64_t seed = 14;
    size_t wanted = random_changes(f, &seed, 100);
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    rove_status status = ROVE_NOMEM;

    for (int persistent = 0; persistent < 2; persistent++) {
        h.persistent = persistent;
        status = ROVE_NOMEM;
        for (size_t n = 1; status == ROVE_NOMEM; n++) {
            rove__buf out;

            h.calls = 0;
            h.fail_at = n;
            rove__buf_init(&out, &allocator, (size_t)1 << 20);
            status = batch_of(&allocator, f->changes, wanted, &out);
            rove__buf_free(&out);
            assert_int_equal(h.alive, 0);
        }
        assert_int_equal(status, ROVE_OK);
        assert_int_equal(encode(f, f->changes, wanted), ROVE_OK);
        status = ROVE_NOMEM;
        for (size_t n = 1; status == ROVE_NOMEM; n++) {
            size_t count = 0;

            h.calls = 0;
            h.fail_at = n;
            status = batch_read(&allocator, f->registry, f->bytes.data, f->bytes.size, &f->arena,
                                f->read, CHANGES_MAX, &count);
            assert_int_equal(h.alive, 0);
        }
        assert_int_equal(status, ROVE_DONE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_of_every_kind_round_trip, open, close),
        cmocka_unit_test_setup_teardown(an_empty_batch_has_no_changes, open, close),
        cmocka_unit_test_setup_teardown(what_is_unknown_is_kept_and_written_unchanged, open, close),
        cmocka_unit_test_setup_teardown(derived_cells_are_neither_sent_nor_taken, open, close),
        cmocka_unit_test_setup_teardown(the_clock_travels_in_its_one_form, open, close),
        cmocka_unit_test_setup_teardown(cells_do_not_leak_into_the_next_row, open, close),
        cmocka_unit_test_setup_teardown(values_have_the_type_of_their_field, open, close),
        cmocka_unit_test_setup_teardown(texts_are_utf8_and_reals_are_numbers, open, close),
        cmocka_unit_test_setup_teardown(ranges_are_checked, open, close),
        cmocka_unit_test_setup_teardown(what_no_reader_would_take_is_not_written, open, close),
        cmocka_unit_test_setup_teardown(unknown_fields_are_limited, open, close),
        cmocka_unit_test_setup_teardown(a_writer_takes_what_fits_and_says_when_it_is_full, open,
                                        close),
        cmocka_unit_test_setup_teardown(a_first_change_is_taken_up_to_the_cap, open, close),
        cmocka_unit_test_setup_teardown(values_are_limited, open, close),
        cmocka_unit_test_setup_teardown(rows_are_limited, open, close),
        cmocka_unit_test_setup_teardown(few_bytes_cannot_make_a_reader_work_for_long, open, close),
        cmocka_unit_test_setup_teardown(the_size_and_the_version_are_checked_first, open, close),
        cmocka_unit_test_setup_teardown(a_batch_cut_anywhere_is_noticed, open, close),
        cmocka_unit_test_setup_teardown(a_flipped_bit_does_no_harm, open, close),
        cmocka_unit_test_setup_teardown(noise_does_no_harm, open, close),
        cmocka_unit_test_setup_teardown(a_failed_reader_stays_failed, open, close),
        cmocka_unit_test_setup_teardown(a_lack_of_memory_is_reported_and_leaks_nothing, open,
                                        close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
