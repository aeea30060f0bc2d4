/*
 * Batches give back what was put in, keep what they do not know, and take nothing that is
 * malformed.
 */
#include "batch_lab.h"

static uint32_t field_number(const rove__entity *entity, const char *name) {
    return entity->fields[rove__entity_field_named(entity, name)].number;
}

static size_t random_changes(batch_lab *f, uint64_t *seed, size_t count) {
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

static void changes_of_every_kind_round_trip(void **state) {
    batch_lab *f = *state;

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
    batch_lab *f = *state;
    size_t count = 1;

    assert_int_equal(encode(f, NULL, 0), ROVE_OK);
    assert_int_equal(f->bytes.size, 1);
    assert_int_equal(decode(f, &count), ROVE_DONE);
    assert_int_equal(count, 0);
}

static void what_is_unknown_is_kept_and_written_unchanged(void **state) {
    batch_lab *f = *state;
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
    batch_lab *f = *state;
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
    batch_lab *f = *state;
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
    batch_lab *f = *state;
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

static rove_status take(batch_lab *f, rove__extra *fields, size_t count) {
    rove__change change = raw_change(f->account->number, 9, fields, count);
    size_t read = 0;

    assert_int_equal(encode(f, &change, 1), ROVE_OK);
    return decode(f, &read);
}

static void values_have_the_type_of_their_field(void **state) {
    batch_lab *f = *state;
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
    batch_lab *f = *state;
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
    batch_lab *f = *state;
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
    batch_lab *f = *state;
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

/* A clock has one form: an exception that says what the base says is refused. */
static void an_exception_differs_from_the_base(void **state) {
    batch_lab *f = *state;
    size_t count = 0;

    for (uint8_t stamp = 0; stamp < 2; stamp++) {
        rove__buf_reset(&f->bytes);
        rove__buf_append(&f->bytes, "\1\5\1\1\x27\0\2\0\2\0\2\0\2", 13);
        rove__buf_append(&f->bytes, "\1\0\2\0\0\0", 6); /* one exception, of field 1, epoch 0 */
        rove__buf_zigzag(&f->bytes, stamp);
        rove__buf_append(&f->bytes, "\0\0\0", 3);
        f->bytes.data[2] = 100;
        assert_int_equal(decode(f, &count), stamp == 0 ? ROVE_PROTOCOL : ROVE_DONE);
    }
}

/* An allocator that teaches the registry a field at one of its calls, as another thread may. */
typedef struct teacher {
    heap *h;
    rove__registry *registry;
    uint32_t entity;
    size_t calls, teach_at;
} teacher;

static void *teach(void *ctx, void *pointer, size_t size) {
    teacher *t = ctx;

    if (size > 0 && ++t->calls == t->teach_at) {
        rove__custom custom = {t->entity, 1000, "badge_no", ROVE_INT, 0, 9, 0};
        assert_int_equal(rove__registry_add_custom(t->registry, &custom, NULL), ROVE_OK);
    }
    return heap_resize(t->h, pointer, size);
}

static void a_field_that_comes_while_a_run_is_read_is_unknown_or_known(void **state) {
    batch_lab *f = *state;
    rove__extra fields[200];
    rove__change change = raw_change(f->account->number, 9, fields, 200);
    size_t unknown = 0;

    /* So many that room has to be made for them once the cells are counted. */
    for (uint32_t i = 0; i < 200; i++) {
        fields[i] = (rove__extra){1000 + i, rove__value_int(7)};
    }
    assert_int_equal(encode(f, &change, 1), ROVE_OK);
    for (size_t n = 1;; n++) {
        rove__registry *registry = NULL;
        size_t count = 0;
        assert_int_equal(rove__registry_new(&f->allocator, &registry), ROVE_OK);
        teacher t = {&f->h, registry, f->account->number, 0, n};
        rove_allocator allocator = {teach, &t};
        assert_int_equal(batch_read(&allocator, registry, f->bytes.data, f->bytes.size, &f->arena,
                                    f->read, CHANGES_MAX, &count),
                         ROVE_DONE);
        const rove__row *row = &f->read[0].row;
        int known = row->cell_count > f->account->field_count &&
                    row->cells[f->account->field_count].as.integer == 7;
        assert_int_equal(row->extra_count, 200 - known);
        unknown += !known;
        rove__registry_free(registry);
        if (t.calls < n) {
            break;
        }
    }
    assert_true(unknown > 1);
}

static void the_size_and_the_version_are_checked_first(void **state) {
    batch_lab *f = *state;
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
static rove_status try_bytes(batch_lab *f, const uint8_t *bytes, size_t size, size_t *count) {
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
    batch_lab *f = *state;
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
    batch_lab *f = *state;
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
    batch_lab *f = *state;
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
    batch_lab *f = *state;
    rove__batch_reader *reader = NULL;
    rove__change change;

    assert_int_equal(rove__batch_reader_new(&f->allocator, f->registry, "\1\11", 2, &reader),
                     ROVE_OK);
    assert_int_equal(rove__batch_next(reader, &change), ROVE_TRUNCATED);
    assert_int_equal(rove__batch_next(reader, &change), ROVE_TRUNCATED);
    rove__batch_reader_free(reader);
}

static void a_lack_of_memory_is_reported_and_leaks_nothing(void **state) {
    batch_lab *f = *state;
    uint64_t seed = 14;
    size_t wanted = random_changes(f, &seed, 100);
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    rove_status status = ROVE_NOMEM;
    static rove__clock_entry entries[ROVE_CLOCK_ENTRIES_MAX];
    static rove__edit edits[ROVE_CLOCK_ENTRIES_MAX];

    /* And one that has all that a record may have: what is made for it does not fit what is there. */
    for (uint32_t i = 0; i < ROVE_CLOCK_ENTRIES_MAX; i++) {
        entries[i] = (rove__clock_entry){i + 1, 0, {90 + i, 5}, 0};
        edits[i] = (rove__edit){i + 1, 0, 90 + i, {0, 0}};
    }
    f->changes[wanted] = raw_change(UNKNOWN_ENTITY, 9, NULL, 0);
    f->changes[wanted].clock.entries = entries;
    f->changes[wanted].clock.count = ROVE_CLOCK_ENTRIES_MAX;
    f->changes[wanted].edits = edits;
    f->changes[wanted].edit_count = ROVE_CLOCK_ENTRIES_MAX;
    wanted++;

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

static void a_batch_that_lacked_memory_is_not_finished(void **state) {
    batch_lab *f = *state;
    rove__batch_writer *writer = NULL;
    rove__change change = raw_change(UNKNOWN_ENTITY, 9, NULL, 0);

    assert_int_equal(rove__batch_writer_new(&f->allocator, ROVE_BATCH_MAX, &writer), ROVE_OK);
    f->h.fail_at = f->h.calls + 1;
    assert_int_equal(rove__batch_add(writer, &change), ROVE_NOMEM);
    assert_int_equal(rove__batch_add(writer, &change), ROVE_NOMEM);
    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__batch_finish(writer, &f->bytes), ROVE_NOMEM);
    assert_int_equal(f->bytes.size, 0);
    /* So many rows that what tells who has a field has to grow, too. */
    rove_status status = ROVE_NOMEM;
    for (size_t n = 1; status == ROVE_NOMEM; n++) {
        rove__extra field = {900, rove__value_int(7)};
        rove__change row = raw_change(UNKNOWN_ENTITY, 9, &field, 1);
        f->h.fail_at = f->h.calls + n;
        status = ROVE_OK;
        for (size_t i = 0; i < ROVE_BATCH_ROWS_MAX && status == ROVE_OK; i++) {
            status = rove__batch_add(writer, &row);
        }
        f->h.fail_at = 0;
        assert_int_equal(rove__batch_finish(writer, &f->bytes), status);
    }
    assert_int_equal(status, ROVE_OK);
    rove__buf_reset(&f->bytes);
    /* The writer is as new. */
    assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
    assert_int_equal(rove__batch_finish(writer, &f->bytes), ROVE_OK);
    rove__batch_writer_free(writer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_of_every_kind_round_trip, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(an_empty_batch_has_no_changes, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(what_is_unknown_is_kept_and_written_unchanged,
                                        batch_lab_open, batch_lab_close),
        cmocka_unit_test_setup_teardown(derived_cells_are_neither_sent_nor_taken, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(the_clock_travels_in_its_one_form, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(cells_do_not_leak_into_the_next_row, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(values_have_the_type_of_their_field, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(texts_are_utf8_and_reals_are_numbers, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(ranges_are_checked, batch_lab_open, batch_lab_close),
        cmocka_unit_test_setup_teardown(what_no_reader_would_take_is_not_written, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(an_exception_differs_from_the_base, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(a_field_that_comes_while_a_run_is_read_is_unknown_or_known,
                                        batch_lab_open, batch_lab_close),
        cmocka_unit_test_setup_teardown(the_size_and_the_version_are_checked_first, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(a_batch_cut_anywhere_is_noticed, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(a_flipped_bit_does_no_harm, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(noise_does_no_harm, batch_lab_open, batch_lab_close),
        cmocka_unit_test_setup_teardown(a_failed_reader_stays_failed, batch_lab_open,
                                        batch_lab_close),
        cmocka_unit_test_setup_teardown(a_lack_of_memory_is_reported_and_leaks_nothing,
                                        batch_lab_open, batch_lab_close),
        cmocka_unit_test_setup_teardown(a_batch_that_lacked_memory_is_not_finished, batch_lab_open,
                                        batch_lab_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
