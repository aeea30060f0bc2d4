/*
 * conformance/stores.h - the stores of headquarters that have to mean the same. A new one is one line here.
 */
#ifndef ROVE_TESTS_STORES_H
#define ROVE_TESTS_STORES_H

#include "base/alloc.h"
#include "base/text.h"
#include "memory_headquarters.h"
#include "mvcc.h"
#include "store/database.h"

typedef struct store_kind {
    const char *name;
    /* In an empty folder, or one that it had before. What it gives is closed by its own `close`. */
    rove_status (*open)(const rove_allocator *allocator, rove__registry *registry,
                        const char *folder, rove__hq_database **out, rove_error *error);
    int has_directory; /* and widen, size_bytes, memory_bytes and backup */
    int is_durable;    /* what was committed is there after opening again */
    int is_file;       /* lives in the folder alone, so that the folder can be full or read-only */
    int has_threads;   /* may be used by several at once */
    int says_nomem;    /* does not abort when memory is short */
} store_kind;

static inline rove_status stores_open_sqlite(const rove_allocator *allocator,
                                             rove__registry *registry, const char *folder,
                                             rove__hq_database **out, rove_error *error) {
    char path[256];

    rove__text_format(path, sizeof path, "%s/hq.db", folder);
    return rove__hq_sqlite_open(allocator, registry, path, out, error);
}

/* ---- in memory: the store that the tests of the exchange use -------------------------------------------- */

typedef struct memory_database {
    rove__hq_database database; /* first */
    rove_allocator allocator;
    memory_headquarters *hq;
    mvcc *shared; /* NULL: nobody else's */
} memory_database;

static inline void stores_close_memory(rove__hq_database *database) {
    memory_database *memory = (memory_database *)database;
    rove_allocator allocator = memory->allocator;

    if (memory->shared != NULL) {
        mvcc_free(memory->shared);
    }
    memory_headquarters_free(memory->hq);
    rove__free(&allocator, memory);
}

static inline rove_status stores_open_memory(const rove_allocator *allocator,
                                             rove__registry *registry, const char *folder,
                                             rove__hq_database **out, rove_error *error) {
    memory_database *memory = rove__alloc_zeroed(allocator, 1, sizeof *memory);

    (void)registry;
    (void)folder;
    (void)error;
    *out = NULL;
    if (memory == NULL) {
        return ROVE_NOMEM;
    }
    memory->allocator = *allocator;
    memory->hq = memory_headquarters_new(&memory->allocator);
    memory->database.store = *memory_headquarters_store(memory->hq);
    memory->database.close = stores_close_memory;
    *out = &memory->database;
    return ROVE_OK;
}

/* The same as a database that several servers share, of which this one is one. */
static inline rove_status stores_open_mvcc(const rove_allocator *allocator,
                                           rove__registry *registry, const char *folder,
                                           rove__hq_database **out, rove_error *error) {
    rove_status status = stores_open_memory(allocator, registry, folder, out, error);

    if (status == ROVE_OK) {
        memory_database *memory = (memory_database *)*out;
        memory->shared = mvcc_new(memory->hq);
        (*out)->store = *mvcc_server_store(mvcc_server_open(memory->shared, 0));
    }
    return status;
}

/* ---- all ------------------------------------------------------------------------------------------------ */

static const store_kind stores[] = {
    {.name = "sqlite",
     .open = stores_open_sqlite,
     .has_directory = 1,
     .is_durable = 1,
     .is_file = 1,
     .has_threads = 1,
     .says_nomem = 1},
    {.name = "memory", .open = stores_open_memory},
    {.name = "mvcc", .open = stores_open_mvcc},
};

#endif
