/*
 * derive.c - see derive.h. In the database's settings: "derived" (ROVE_DERIVE_VERSION of the build that stored the rows).
 */
#include "derive.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/reader.h"
#include "base/text.h"
#include "rules/rules.h"

#define ROW_ARENA_MAX ((size_t)4 * 1024 * 1024)
#define IDS_MAX       ((size_t)256 * 1024 * 1024) /* bytes, 8 an id */
#define SETTING       "derived"

static rove_status each_row(void *ctx, const rove__hq_row *row) {
    rove__buf *ids = ctx;

    rove__buf_u64(ids, (uint64_t)row->row.id);
    return rove__buf_status(ids);
}

static rove_status derive_row(const rove__hq_database *database, rove__hq_tx *tx,
                              const rove__entity *entity, rove_id id, rove__arena *arena) {
    rove__hq_row row;

    rove__arena_reset(arena);
    rove_status status = database->store.row_get(tx, entity->number, id, 1, arena, &row);
    if (status == ROVE_OK) {
        status = rove__derive(&row.row, arena);
    }
    return status == ROVE_OK ? database->store.row_put(tx, &row) : status;
}

/* The rows are listed first: a table must not change under its own scan. */
static rove_status derive_entity(const rove__hq_database *database, rove__hq_tx *tx,
                                 const rove__entity *entity, const rove_allocator *allocator) {
    rove__arena arena;
    rove__reader reader;
    rove__buf ids;

    rove__arena_init(&arena, allocator, ROW_ARENA_MAX);
    rove__buf_init(&ids, allocator, IDS_MAX);
    rove_status status =
        database->directory.row_find(tx, entity->number, -1, NULL, &arena, each_row, &ids);
    rove__reader_init(&reader, ids.data, ids.size);
    while (status == ROVE_OK && rove__reader_left(&reader) > 0) {
        status = derive_row(database, tx, entity, (rove_id)rove__reader_u64(&reader), &arena);
    }
    rove__buf_free(&ids);
    rove__arena_free(&arena);
    return status;
}

rove_status hq_derive(const rove__hq_database *database, const rove__registry *registry,
                      const rove_allocator *allocator, rove__hq_tx *tx) {
    char wanted[16];
    rove__bytes found = {NULL, 0};
    rove__arena arena;

    rove__text_format(wanted, sizeof wanted, "%u", ROVE_DERIVE_VERSION);
    rove__bytes build = {(const uint8_t *)wanted, strlen(wanted)};
    rove__arena_init(&arena, allocator, ROW_ARENA_MAX);
    rove_status status = database->directory.setting_get(tx, SETTING, &arena, &found);
    int current = status == ROVE_OK && found.size == build.size &&
                  memcmp(found.data, build.data, build.size) == 0;
    rove__arena_free(&arena);
    if (current || (status != ROVE_OK && status != ROVE_NOT_FOUND)) {
        return status;
    }
    status = ROVE_OK;
    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (rove__derives(entity)) {
            status = derive_entity(database, tx, entity, allocator);
        }
    }
    return status == ROVE_OK ? database->directory.setting_put(tx, SETTING, build) : status;
}
