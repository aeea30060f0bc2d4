/*
 * fuzz_cell.c - a row's clock, a set, increments and values have one encoding for one meaning: whatever bytes are taken
 * are written again as they were. And what merging makes of two sets that were taken is a set again, the same the second
 * time.
 *
 *   input = kind:byte bytes
 */
#include "fuzz.h"

#include "merge/merge.h"
#include "model/clock.h"

const size_t fuzz_mutations = 40000;

typedef struct cell {
    heap memory;
    rove_allocator allocator;
    rove__arena arena;
    rove__buf out;
} cell;

static void same(const rove__buf *out, const uint8_t *data, size_t size) {
    fuzz_check(rove__buf_status(out) == ROVE_OK);
    fuzz_check(out->size == size && memcmp(out->data, data, size) == 0);
}

static void try_clock(cell *c, const uint8_t *data, size_t size) {
    rove__clock clock, copy;

    rove_status status = rove__clock_read(&clock, data, size, &c->arena);
    fuzz_check(status == ROVE_OK || status == ROVE_CORRUPT);
    if (status == ROVE_OK) {
        rove__clock_write(&c->out, &clock, size > 0 && (data[0] & 2) != 0);
        same(&c->out, data, size);
        for (size_t i = 0; i < clock.count; i++) {
            rove__clock_entry entry = rove__clock_get(&clock, clock.entries[i].field);
            fuzz_check(entry.seq == clock.entries[i].seq && entry.epoch == clock.entries[i].epoch);
            fuzz_check(rove__version_compare(entry.version, clock.entries[i].version) == 0);
        }
        fuzz_check(rove__clock_copy(&copy, &clock, &c->arena) == ROVE_OK);
        fuzz_check(rove__clock_equal(&copy, &clock));
        fuzz_check(rove__merge_delete_covers(&clock, &copy, 0, 0) == 1);
    }
}

static void try_value(cell *c, const uint8_t *data, size_t size) {
    rove__reader reader;
    rove_value value;

    rove__reader_init(&reader, data, size);
    rove__value_read(&reader, &value);
    if (rove__reader_status(&reader) == ROVE_OK) {
        rove__value_write(&c->out, &value);
        same(&c->out, data, size - rove__reader_left(&reader));
        fuzz_check(rove__value_compare(&value, &value) == 0 && rove__value_equal(&value, &value));
    }
}

static void try_increments(cell *c, const uint8_t *data, size_t size) {
    rove_value value = rove__value_bytes(ROVE_BLOB, data, size);
    rove__increment *increments = NULL;
    rove_value again;
    size_t count = 0;
    int saturated = 0;

    if (rove__increments_read(&value, &c->arena, &increments, &count) == ROVE_OK) {
        fuzz_check(rove__increments_write(increments, count, &c->arena, &again) == ROVE_OK);
        fuzz_check(rove__value_equal(&value, &again));
        int64_t sum = rove__merge_counter(0, increments, count, &saturated);
        fuzz_check(saturated || rove__merge_counter(sum, NULL, 0, &saturated) == sum);
    }
}

/* 1 if it is one; it is written as it was. */
static int take_set(cell *c, const uint8_t *data, size_t size, rove__set *set) {
    rove_value value = rove__value_bytes(ROVE_BLOB, data, size);
    rove_value again;

    if (rove__set_read(set, &value, ROVE_SET_PLAIN, &c->arena) != ROVE_OK) {
        return 0;
    }
    fuzz_check(rove__set_value(set, &c->arena, &again) == ROVE_OK);
    fuzz_check(rove__value_equal(&value, &again));
    return 1;
}

static void is_a_set(cell *c, const rove__set *set) {
    rove_value value;
    rove__set again;

    fuzz_check(rove__set_value(set, &c->arena, &value) == ROVE_OK);
    fuzz_check(rove__set_read(&again, &value, set->form, &c->arena) == ROVE_OK);
    fuzz_check(again.count == set->count);
}

/* Two sets: the first byte says how long the first one is. */
static void try_sets(cell *c, const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    size_t first = 0;
    size_t ignored = 0;
    const uint8_t *bytes = fuzz_take(&in, fuzz_byte(&in), &first);
    rove__version version = {12345, 9};
    rove__set current, delta, merged, again, plain;

    if (!take_set(c, bytes, first, &current) || !take_set(c, in.at, in.left, &delta) ||
        current.form != ROVE_SET_VERSIONED || delta.form != ROVE_SET_DELTA ||
        (delta.count > 0 && current.elements[0].value.type != delta.elements[0].value.type)) {
        return;
    }
    fuzz_check(rove__set_overlay(&current, &delta, &c->arena, &plain) == ROVE_OK);
    is_a_set(c, &plain);
    if (rove__merge_set(&current, &delta, version, 1, &c->arena, &merged, &ignored) == ROVE_OK) {
        is_a_set(c, &merged);
        fuzz_check(rove__merge_set(&merged, &delta, version, 1, &c->arena, &again, &ignored) ==
                   ROVE_OK);
        fuzz_check(again.count == merged.count);
        for (size_t i = 0; i < merged.count; i++) {
            fuzz_check(rove__value_equal(&merged.elements[i].value, &again.elements[i].value));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const kinds[])(cell *, const uint8_t *, size_t) = {try_clock, try_value,
                                                                     try_increments, try_sets};
    cell c = {.memory = {0}};

    if (size == 0) {
        return 0;
    }
    c.allocator = heap_allocator(&c.memory);
    rove__arena_init(&c.arena, &c.allocator, (size_t)64 << 20);
    rove__buf_init(&c.out, &c.allocator, (size_t)1 << 20);
    kinds[data[0] % 4](&c, data + 1, size - 1);
    rove__buf_free(&c.out);
    rove__arena_free(&c.arena);
    fuzz_check(c.memory.alive == 0);
    return 0;
}

/* ---- seeds ---- */

static void give_set(const fuzz_seed *to, rove__arena *arena, const rove__set *current,
                     const rove__set *delta) {
    static fuzz_output out;
    rove_value a, b;

    fuzz_check(rove__set_value(current, arena, &a) == ROVE_OK);
    fuzz_check(rove__set_value(delta, arena, &b) == ROVE_OK);
    fuzz_check(a.size < 256);
    out.size = 0;
    fuzz_put_number(&out, 3, 1);
    fuzz_put_number(&out, a.size, 1);
    fuzz_put(&out, a.as.data, a.size);
    fuzz_put(&out, b.as.data, b.size);
    fuzz_give(to, &out);
}

static void give_sets(const fuzz_seed *to, rove__arena *arena) {
    rove__element numbers[] = {{rove__value_int(1), 0, 0, {100, 9}},
                               {rove__value_int(5), 0, 0, {200, 7}},
                               {rove__value_int(1 << 20), 0, 0, {300, 1}}};
    rove__element acts[] = {{rove__value_int(1), ROVE_SET_REMOVE, 900, {100, 9}},
                            {rove__value_int(6), ROVE_SET_ADD, 901, {0, 0}}};
    rove__element texts[] = {{rove__value_text("a"), 0, 0, {1, 1}},
                             {rove__value_text("kunde"), 0, 0, {2, 1}}};
    rove__element words[] = {{rove__value_text("b"), ROVE_SET_ADD, 7, {0, 0}}};
    const rove__set current = {ROVE_SET_VERSIONED, numbers, 3};
    const rove__set delta = {ROVE_SET_DELTA, acts, 2};
    const rove__set named = {ROVE_SET_VERSIONED, texts, 2};
    const rove__set added = {ROVE_SET_DELTA, words, 1};

    give_set(to, arena, &current, &delta);
    give_set(to, arena, &named, &added);
}

static void give_clocks(const fuzz_seed *to, rove__arena *arena, rove__buf *out) {
    const rove__origin origin = {117665161216000000, 9};

    for (int n = 0; n < 4; n++) {
        rove__clock clock;
        rove__clock_init(&clock, origin,
                         (rove__version){origin.stamp + (uint64_t)n, n > 1 ? 1u : 9u},
                         n > 0 ? 77 : 0);
        for (uint32_t field = 2; field < 2 + 3 * (uint32_t)n; field++) {
            rove__clock_entry entry = {field, field % 3, {origin.stamp + field * 7, 12}, 99};
            fuzz_check(rove__clock_set(&clock, arena, entry) == ROVE_OK);
        }
        rove__buf_reset(out);
        rove__clock_write(out, &clock, n > 0);
        fuzz_give_kind(to, 0, out->data, out->size);
    }
}

void fuzz_seeds(const fuzz_seed *to) {
    const rove_value values[] = {rove__value_int(-5), rove__value_real(2.5),
                                 rove__value_text("Asked for samples."), rove__value_null(),
                                 rove__value_bytes(ROVE_BLOB, "\0\1", 2)};
    const rove__increment increments[] = {{5, 1}, {6, -100}, {7000000000, INT64_MAX}};
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__arena arena;
    rove__buf out;
    rove_value value;

    rove__arena_init(&arena, &allocator, (size_t)1 << 20);
    rove__buf_init(&out, &allocator, (size_t)1 << 16);
    give_clocks(to, &arena, &out);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        rove__buf_reset(&out);
        rove__value_write(&out, &values[i]);
        fuzz_give_kind(to, 1, out.data, out.size);
    }
    fuzz_check(rove__increments_write(increments, 3, &arena, &value) == ROVE_OK);
    fuzz_give_kind(to, 2, value.as.data, value.size);
    give_sets(to, &arena);
    rove__buf_free(&out);
    rove__arena_free(&arena);
}
