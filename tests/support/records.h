/*
 * support/records.h - records by the names of their fields, for tests of rules.
 */
#ifndef ROVE_TESTS_RECORDS_H
#define ROVE_TESTS_RECORDS_H

#include <string.h>

#include "heap.h"
#include "model/row.h"

typedef struct records {
    heap h;
    rove_allocator allocator;
    rove__arena arena;
    rove__registry *registry;
} records;

static inline int records_open(records *r) {
    memset(r, 0, sizeof *r);
    r->allocator = heap_allocator(&r->h);
    rove__arena_init(&r->arena, &r->allocator, (size_t)1 << 22);
    return rove__registry_new(&r->allocator, &r->registry) == ROVE_OK ? 0 : -1;
}

static inline int records_close(records *r) {
    rove__registry_free(r->registry);
    rove__arena_free(&r->arena);
    return r->h.alive == 0 ? 0 : -1;
}

/* An empty record with id 4294967297, in the arena. */
static inline rove__row *records_new(records *r, const char *entity) {
    rove__row *row = rove__arena_take(&r->arena, sizeof *row);

    if (row == NULL || rove__row_init(row, rove__registry_by_name(r->registry, entity),
                                      rove__id_make(1, 1), &r->arena) != ROVE_OK) {
        abort();
    }
    return row;
}

static inline void records_set(rove__row *row, const char *field, rove_value value) {
    int ordinal = rove__entity_field_named(row->entity, field);

    if (ordinal < 0) {
        abort();
    }
    rove__row_set(row, (size_t)ordinal, value);
}

static inline void records_int(rove__row *row, const char *field, int64_t value) {
    records_set(row, field, rove__value_int(value));
}

static inline void records_text(rove__row *row, const char *field, const char *value) {
    records_set(row, field, rove__value_text(value));
}

static inline void records_null(rove__row *row, const char *field) {
    records_set(row, field, rove__value_null());
}

#endif
