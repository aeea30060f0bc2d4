/*
 * support/batch_lab.h - a registry, memory that counts and changes to write as a batch and to read again, for the tests of
 * batches.
 */
#ifndef ROVE_TESTS_BATCH_LAB_H
#define ROVE_TESTS_BATCH_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "changes.h"

#define CHANGES_MAX 300

typedef struct batch_lab {
    heap h;
    rove_allocator allocator;
    rove__arena arena;
    rove__buf bytes;
    rove__registry *registry;
    const rove__entity *account;
    rove__change changes[CHANGES_MAX];
    rove__change read[CHANGES_MAX];
} batch_lab;

static inline int batch_lab_open(void **state) {
    batch_lab *f = calloc(1, sizeof *f);

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

static inline int batch_lab_close(void **state) {
    batch_lab *f = *state;
    size_t alive = 0;

    rove__registry_free(f->registry);
    rove__buf_free(&f->bytes);
    rove__arena_free(&f->arena);
    alive = f->h.alive;
    free(f);
    return alive == 0 ? 0 : -1;
}

/* A change whose columns are free to choose: its fields travel as if they were unknown here. */
static inline rove__change raw_change(uint32_t entity, rove_id id, rove__extra *fields,
                                      size_t count) {
    rove__change change = {.op = ROVE_OP_WHOLE};

    change.row.entity_number = entity;
    change.row.id = id;
    change.row.extra = fields;
    change.row.extra_count = count;
    change.clock.origin = (rove__origin){77, 5};
    change.clock.base = change.clock.origin;
    return change;
}

static inline rove_status encode(batch_lab *f, const rove__change *changes, size_t count) {
    rove__buf_reset(&f->bytes);
    return batch_of(&f->allocator, changes, count, &f->bytes);
}

static inline rove_status decode(batch_lab *f, size_t *count) {
    return batch_read(&f->allocator, f->registry, f->bytes.data, f->bytes.size, &f->arena, f->read,
                      CHANGES_MAX, count);
}

/* Each change came back, those of one op and entity in the order given. */
static inline void assert_same_changes(const batch_lab *f, size_t count) {
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

#endif
