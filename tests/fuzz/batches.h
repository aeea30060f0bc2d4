/*
 * fuzz/batches.h - whether two lists of changes are what one batch may keep of another: within an op and entity the order
 * is the same, between them it is not.
 */
#ifndef ROVE_TESTS_FUZZ_BATCHES_H
#define ROVE_TESTS_FUZZ_BATCHES_H

#include "changes.h"
#include "fuzz.h"

#define BATCHES_CHANGES_MAX 256

typedef struct batches {
    heap memory;
    rove_allocator allocator;
    rove__registry *registry; /* made once */
    rove__arena arena;
} batches;

static inline void batches_open(batches *b) {
    static rove__registry *registry;
    static heap kept;
    static rove_allocator allocator;

    if (registry == NULL) {
        allocator = heap_allocator(&kept);
        fuzz_check(rove__registry_new(&allocator, &registry) == ROVE_OK);
    }
    memset(b, 0, sizeof *b);
    b->allocator = heap_allocator(&b->memory);
    b->registry = registry;
    rove__arena_init(&b->arena, &b->allocator, (size_t)256 << 20);
}

static inline void batches_close(batches *b) {
    rove__arena_free(&b->arena);
    fuzz_check(b->memory.alive == 0);
}

/* Derived cells do not travel. */
static inline void batches_drop_derived(rove__change *change) {
    for (size_t i = 0; i < change->row.cell_count && change->row.entity != NULL; i++) {
        if (change->row.entity->fields[i].kind == ROVE_KIND_DERIVED) {
            change->row.cells[i] = rove__value_null();
            rove__bits_clear(&change->row.present, i);
        }
    }
}

static inline void batches_same(const rove__change *a, const rove__change *b, size_t count) {
    uint8_t met[BATCHES_CHANGES_MAX + 1] = {0};

    fuzz_check(count <= BATCHES_CHANGES_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < count && (met[at] || b[at].op != a[i].op ||
                              b[at].row.entity_number != a[i].row.entity_number)) {
            at++;
        }
        fuzz_check(at < count);
        met[at] = 1;
        fuzz_check(changes_equal(&a[i], &b[at]));
    }
}

/* Encodes and decodes; what comes out is what went in. */
static inline void batches_round_trip(batches *b, const rove__change *changes, size_t count,
                                      rove__buf *bytes) {
    static rove__change again[BATCHES_CHANGES_MAX + 1];
    size_t found = 0;

    fuzz_check(batch_of(&b->allocator, changes, count, bytes) == ROVE_OK);
    fuzz_check(batch_read(&b->allocator, b->registry, bytes->data, bytes->size, &b->arena, again,
                          count + 1, &found) == ROVE_DONE);
    fuzz_check(found == count);
    batches_same(changes, again, count);
}

#endif
