/*
 * support/memory_tables.h - the inside of memory_headquarters.c: tables as arrays, copied whole for each writer, and the
 * helpers of the functions that read and write them.
 */
#ifndef ROVE_TESTS_MEMORY_TABLES_H
#define ROVE_TESTS_MEMORY_TABLES_H

#include <stdlib.h>
#include <string.h>

#include "memory_headquarters.h"

/* ---- tables --------------------------------------------------------------------------------------------- */

typedef struct table {
    void *items;
    size_t count;
    size_t capacity;
    size_t size; /* of one item */
} table;

enum {
    TIMELINES,
    COMMITS,
    DEVICES,
    BATCHES,
    STRAYS,
    ROWS, /* ascending by (entity, id) */
    FEED,
    MARKS,
    GRANTS,
    ENTAILMENTS,
    HISTORY,
    REVIEWS,
    PARKED,
    SUMS,
    PURGED,  /* rows that were purged */
    RENAMED, /* ascending by origin, entity, to, id */
    TABLES
};

typedef struct feed_item {
    uint64_t seq;
    uint32_t ordinal;
    uint32_t entity;
    rove_id id;
} feed_item;

typedef struct stray_item {
    rove_replica replica;
    rove__chain hash;
} stray_item;

typedef struct sum_item {
    rove__scope scope;
    rove__hash128 sum;
    int64_t rows;
} sum_item;

/* All that is left of a row that was purged. */
typedef struct purged_item {
    uint32_t entity;
    rove_id id;
    rove__origin origin;
} purged_item;

typedef struct tables {
    size_t references;
    rove__hq_head head;
    int64_t numbers; /* of reviews and parked work */
    table table[TABLES];
} tables;

#define BACKUPS_MAX 64

struct memory_headquarters {
    rove__hq_store store;
    rove__arena arena; /* all that was ever stored */
    tables *now;
    tables *backups[BACKUPS_MAX];
    size_t backup_count;
    rove_status (*fault)(void *ctx);
    void *fault_ctx;
};

struct rove__hq_tx {
    memory_headquarters *hq;
    tables *data;
    tables *saved; /* of a savepoint */
    int writes;
};

static inline void *must(void *pointer) {
    if (pointer == NULL) {
        abort();
    }
    return pointer;
}

static const size_t sizes[TABLES] = {[TIMELINES] = sizeof(rove__hq_timeline),
                                     [COMMITS] = sizeof(rove__hq_commit),
                                     [DEVICES] = sizeof(rove__hq_device),
                                     [BATCHES] = sizeof(rove__hq_batch),
                                     [STRAYS] = sizeof(stray_item),
                                     [ROWS] = sizeof(rove__hq_row *),
                                     [FEED] = sizeof(feed_item),
                                     [MARKS] = sizeof(rove__hq_mark),
                                     [GRANTS] = sizeof(rove__hq_grant),
                                     [ENTAILMENTS] = sizeof(rove__hq_entailment),
                                     [HISTORY] = sizeof(rove__hq_history),
                                     [REVIEWS] = sizeof(rove__hq_review),
                                     [PARKED] = sizeof(rove__hq_parked),
                                     [SUMS] = sizeof(sum_item),
                                     [PURGED] = sizeof(purged_item),
                                     [RENAMED] = sizeof(rove__rename)};

static inline tables *tables_new(void) {
    tables *data = must(calloc(1, sizeof *data));

    data->references = 1;
    for (size_t i = 0; i < TABLES; i++) {
        data->table[i].size = sizes[i];
    }
    return data;
}

static inline tables *tables_copy(const tables *from) {
    tables *data = must(calloc(1, sizeof *data));

    *data = *from;
    data->references = 1;
    for (size_t i = 0; i < TABLES; i++) {
        table *t = &data->table[i];
        t->capacity = t->count;
        t->items = NULL;
        if (t->count > 0) {
            t->items = must(malloc(t->count * t->size));
            memcpy(t->items, from->table[i].items, t->count * t->size);
        }
    }
    return data;
}

static inline void tables_release(tables *data) {
    if (data == NULL || --data->references > 0) {
        return;
    }
    for (size_t i = 0; i < TABLES; i++) {
        free(data->table[i].items);
    }
    free(data);
}

static inline void *at(const table *t, size_t i) {
    return (uint8_t *)t->items + i * t->size;
}

static inline void *insert_at(table *t, size_t i) {
    if (t->count == t->capacity) {
        t->capacity = t->capacity == 0 ? 16 : t->capacity * 2;
        t->items = must(realloc(t->items, t->capacity * t->size));
    }
    memmove((uint8_t *)t->items + (i + 1) * t->size, (uint8_t *)t->items + i * t->size,
            (t->count - i) * t->size);
    t->count++;
    return at(t, i);
}

static inline void remove_at(table *t, size_t i) {
    t->count--;
    memmove((uint8_t *)t->items + i * t->size, (uint8_t *)t->items + (i + 1) * t->size,
            (t->count - i) * t->size);
}

static inline void *append(table *t) {
    return insert_at(t, t->count);
}

#define BEFORE(a, b)                                                                               \
    if ((a) != (b)) {                                                                              \
        return (a) < (b) ? -1 : 1;                                                                 \
    }

typedef int (*order)(const void *, const void *);

/* The first that is not before the item. */
static inline size_t place_of(const table *t, const void *item, order compare) {
    size_t low = 0;
    size_t high = t->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(at(t, middle), item) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static inline int is_at(const table *t, size_t place, const void *item, order compare) {
    return place < t->count && compare(at(t, place), item) == 0;
}

/* Puts an item to its place in an ascending table, or over the one that is equal; where it is then. */
static inline void *put_item(table *t, const void *item, order compare) {
    size_t place = place_of(t, item, compare);
    void *slot = is_at(t, place, item, compare) ? at(t, place) : insert_at(t, place);

    return memcpy(slot, item, t->size);
}

/* What is equal to the key; NULL: nothing. */
static inline void *find_item(const table *t, const void *key, order compare) {
    size_t place = place_of(t, key, compare);

    return is_at(t, place, key, compare) ? at(t, place) : NULL;
}

static inline rove__bytes keep(rove__hq_tx *tx, rove__bytes bytes) {
    rove__bytes kept = {NULL, bytes.size};

    if (bytes.size > 0) {
        kept.data = must(rove__arena_copy(&tx->hq->arena, bytes.data, bytes.size));
    }
    return kept;
}

static inline rove_status lend(rove__arena *arena, rove__bytes *bytes) {
    if (bytes->size > 0) {
        bytes->data = rove__arena_copy(arena, bytes->data, bytes->size);
    }
    return bytes->size > 0 && bytes->data == NULL ? ROVE_NOMEM : ROVE_OK;
}

/* By way of bytes, as a database keeps it, so that a clock that could not be read again is none that is kept. */
static inline rove_status clock_copy(rove__clock *to, const rove__clock *from, rove__arena *arena) {
    rove__buf bytes;

    rove__buf_init(&bytes, arena->allocator, (size_t)1 << 20);
    rove__clock_write(&bytes, from, 1);
    rove_status status = rove__buf_status(&bytes);
    if (status == ROVE_OK) {
        status = rove__clock_read(to, bytes.data, bytes.size, arena);
    }
    rove__buf_free(&bytes);
    return status;
}

static inline const char *keep_text(rove__hq_tx *tx, const char *text) {
    return must(rove__arena_copy(&tx->hq->arena, text, strlen(text) + 1));
}

/* Every function but rollback begins with it. */
static inline rove_status fault(memory_headquarters *hq) {
    return hq->fault != NULL ? hq->fault(hq->fault_ctx) : ROVE_OK;
}

#define MAY_FAIL(tx)                                                                               \
    do {                                                                                           \
        rove_status failed = fault((tx)->hq);                                                      \
        if (failed != ROVE_OK) {                                                                   \
            return failed;                                                                         \
        }                                                                                          \
    } while (0)

#define TABLE(tx, which) (&(tx)->data->table[which])

/* The purged row of an id; the count of them: none. */
static inline size_t find_purged(rove__hq_tx *tx, uint32_t entity, rove_id id) {
    const table *t = TABLE(tx, PURGED);
    size_t i = 0;

    while (i < t->count && (((const purged_item *)at(t, i))->entity != entity ||
                            ((const purged_item *)at(t, i))->id != id)) {
        i++;
    }
    return i;
}

/* memory_purge.c */
rove_status memory_purge(rove__hq_tx *tx, uint64_t horizon, uint64_t most, rove__hq_purge *counts);
rove_status memory_row_purged(rove__hq_tx *tx, uint32_t entity, rove_id id);
rove_status memory_review_load(rove__hq_tx *tx, rove_id user, uint64_t *open);
rove_status memory_renamed_put(rove__hq_tx *tx, const rove__rename *renamed);
rove_status memory_renamed_scan(rove__hq_tx *tx, uint32_t entity, rove_id to,
                                rove_status (*each)(void *, const rove__rename *), void *ctx);
rove_status memory_renamed_of(rove__hq_tx *tx, rove__origin origin,
                              rove_status (*each)(void *, const rove__rename *), void *ctx);
rove_status memory_parked_load(rove__hq_tx *tx, rove_id user, uint64_t *edits, uint64_t *bytes);

/* Calls each(item) until it says otherwise; ROVE_DONE ends the scan well. */
#define GIVE(call)                                                                                 \
    do {                                                                                           \
        rove_status given = (call);                                                                \
        if (given != ROVE_OK) {                                                                    \
            return given == ROVE_DONE ? ROVE_OK : given;                                           \
        }                                                                                          \
    } while (0)

#endif
