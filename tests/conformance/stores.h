/*
 * conformance/stores.h - the stores of headquarters that have to mean the same. A new one is one line here.
 */
#ifndef ROVE_TESTS_STORES_H
#define ROVE_TESTS_STORES_H

#include "base/text.h"
#include "store/database.h"

typedef struct store_kind {
    const char *name;
    /* In an empty folder, or one that it had before. What it gives is closed by its own `close`. */
    rove_status (*open)(const rove_allocator *allocator, rove__registry *registry,
                        const char *folder, rove__hq_database **out, rove_error *error);
    int has_directory; /* and widen, size_bytes and backup */
    int is_durable;    /* what was committed is there after opening again */
    int is_file;       /* lives in the folder alone, so that the folder can be full or read-only */
} store_kind;

static inline rove_status stores_open_sqlite(const rove_allocator *allocator,
                                             rove__registry *registry, const char *folder,
                                             rove__hq_database **out, rove_error *error) {
    char path[256];

    rove__text_format(path, sizeof path, "%s/hq.db", folder);
    return rove__hq_sqlite_open(allocator, registry, path, out, error);
}

static const store_kind stores[] = {
    {"sqlite", stores_open_sqlite, 1, 1, 1},
};

#endif
