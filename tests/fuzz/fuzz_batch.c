/*
 * fuzz_batch.c - whatever bytes a column batch is read from, the reader's memory is bounded; and what it took can be
 * written, and is read again as the same.
 *
 *   input = batch
 */
#include "batches.h"
#include "hex.h"

#include "wire/batch_format.h"

/* Readers have a block for the columns and one for a row at most. */
#define MEMORY_MAX ((size_t)2 << 20)

const size_t fuzz_mutations = 15000;

/* Reads all, however much it is; copies of the first changes are kept. */
static size_t read_all(batches *b, const uint8_t *data, size_t size, rove__change *kept) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__batch_reader *reader = NULL;
    size_t count = 0;
    rove_status status = rove__batch_reader_new(&allocator, b->registry, data, size, &reader);

    while (status == ROVE_OK) {
        rove__change change;
        status = rove__batch_next(reader, &change);
        if (status == ROVE_OK && count < BATCHES_CHANGES_MAX) {
            fuzz_check(rove__change_copy(&kept[count], &change, &b->arena) == ROVE_OK);
        }
        count += status == ROVE_OK;
    }
    fuzz_check(status == ROVE_DONE || status == ROVE_PROTOCOL || status == ROVE_TRUNCATED ||
               status == ROVE_UTF8);
    rove__batch_reader_free(reader);
    fuzz_check(memory.alive == 0 && memory.most <= MEMORY_MAX);
    fuzz_check(count <= ROVE_BATCH_ROWS_MAX);
    return status == ROVE_DONE ? count : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static rove__change changes[BATCHES_CHANGES_MAX];
    rove__buf bytes;
    batches b;

    batches_open(&b);
    rove__buf_init(&bytes, &b.allocator, ROVE_BATCH_MAX);
    size_t count = read_all(&b, data, size, changes);
    if (count <= BATCHES_CHANGES_MAX) {
        for (size_t i = 0; i < count; i++) {
            batches_drop_derived(&changes[i]);
        }
        batches_round_trip(&b, changes, count, &bytes);
    }
    rove__buf_free(&bytes);
    batches_close(&b);
    return 0;
}

/* ---- seeds ---- */

static void give_golden(const fuzz_seed *to, const char *name) {
    static uint8_t bytes[65536];
    char path[256];
    size_t size = 0;
    size_t digits = 0;

    snprintf(path, sizeof path, "tests/golden/wire-1/batch-%s.hex", name);
    char *text = fuzz_load_source(path, &size);
    for (size_t i = 0; i < size; i++) {
        text[digits] = text[i];
        digits += text[i] != '\n';
    }
    text[digits] = '\0';
    to->give(to, bytes, hex_read(text, bytes, sizeof bytes));
    free(text);
}

/* A clock with as many exceptions, and as many edits, as there may be. */
static void give_longest(const fuzz_seed *to) {
    uint64_t state = 9;
    rove__buf bytes;
    batches b;

    batches_open(&b);
    rove__buf_init(&bytes, &b.allocator, ROVE_BATCH_MAX);
    rove__change change = random_change(&state, &b.arena, ROVE_OP_UPDATE, NULL);
    change.edit_count = ROVE_CLOCK_ENTRIES_MAX;
    change.edits = rove__arena_take(&b.arena, change.edit_count * sizeof *change.edits);
    for (uint32_t i = 0; i < ROVE_CLOCK_ENTRIES_MAX; i++) {
        const rove__clock_entry entry = {2 + i, 1, change.clock.base, 0};
        fuzz_check(rove__clock_set(&change.clock, &b.arena, entry) == ROVE_OK);
        change.edits[i] = (rove__edit){2 + i, 0, 1000 + i, {7, 7}};
    }
    fuzz_check(batch_of(&b.allocator, &change, 1, &bytes) == ROVE_OK);
    to->give(to, bytes.data, bytes.size);
    rove__buf_free(&bytes);
    batches_close(&b);
}

void fuzz_seeds(const fuzz_seed *to) {
    static const char *const names[] = {"insert", "update", "delete",    "seal",
                                        "whole",  "part",   "tombstone", "mark"};
    uint64_t state = 5;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        give_golden(to, names[i]);
    }
    give_longest(to);
    for (size_t i = 0; i < 40; i++) {
        rove__change changes[6];
        rove__buf bytes;
        batches b;
        batches_open(&b);
        rove__buf_init(&bytes, &b.allocator, ROVE_BATCH_MAX);
        for (size_t k = 0; k < 6; k++) {
            size_t at = (size_t)(dice(&state) % rove__registry_count(b.registry));
            changes[k] = random_change(&state, &b.arena, (rove__op)(1 + i % 8),
                                       i % 10 == 9 ? NULL : rove__registry_at(b.registry, at));
        }
        fuzz_check(batch_of(&b.allocator, changes, 1 + i % 6, &bytes) == ROVE_OK);
        to->give(to, bytes.data, bytes.size);
        rove__buf_free(&bytes);
        batches_close(&b);
    }
}
