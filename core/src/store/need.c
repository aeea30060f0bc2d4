/*
 * store/need.c - what a restored headquarters asks for again: batches that were acknowledged (T3), and rows of which
 * it only has edits (P15).
 */
#include <string.h>

#include "base/text.h"
#include "store/exchange.h"

/* ---- batches ---- */

static rove_status send_again(rove__store *store, int64_t number, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove__chain before;
    int64_t acked = 0;
    int64_t kept = 0;

    rove_status status = rove__meta_get_int(store, ROVE_META_ACKED, &acked, error);
    if (status != ROVE_OK || number > acked) {
        return status;
    }
    status =
        rove__exchange_row(store, ROVE_EXCHANGE_BATCH_KEPT, &statement, error, "ii", number, acked);
    if (statement != NULL) {
        kept = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    if (status == ROVE_OK) {
        status = rove__flight_chain(store, (uint64_t)number - 1, &before, error);
    }
    if (status == ROVE_NOT_FOUND || (status == ROVE_OK && kept != acked - number + 1)) {
        return rove__error_set(
            error, ROVE_NOT_FOUND,
            "Headquarters asks for batch %lld, which was backed up there and is no "
            "longer kept here.",
            (long long)number);
    }
    return status == ROVE_OK
               ? rove__exchange_run(store, ROVE_EXCHANGE_BATCH_AGAIN, error, "ii", number, acked)
               : status;
}

rove_status rove__store_need(rove__store *store, uint64_t number, rove_error *error) {
    rove__exchange *exchange = NULL;

    if (number == 0 || number > (uint64_t)INT64_MAX) {
        return rove__error_set(error, ROVE_PROTOCOL,
                               "Headquarters asks for a batch without a number.");
    }
    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = send_again(store, (int64_t)number, error);
    }
    return rove__store_leave(store, status, error);
}

/* ---- rows ---- */

rove_status rove__store_need_row(rove__store *store, const rove__need_row *need,
                                 rove_error *error) {
    rove__exchange *exchange = NULL;

    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    for (size_t i = 0; i < need->count && status == ROVE_OK; i++) {
        status =
            rove__exchange_run(store, ROVE_EXCHANGE_NEEDED_PUT, error, "ii",
                               (int64_t)need->origins[i].stamp, (int64_t)need->origins[i].replica);
    }
    return rove__store_leave(store, status, error);
}

typedef struct gathering {
    rove__store *store;
    rove_error *error;
    rove__batch_writer *writer;
    rove__origin *origins; /* ascending */
    size_t count;
    rove__origin *added; /* of them, to the batch */
    size_t added_count;
    int full;
} gathering;

static int is_needed(const gathering *g, rove__origin origin) {
    size_t low = 0;
    size_t high = g->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = rove__version_compare(g->origins[middle], origin);
        if (order == 0) {
            return 1;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return 0;
}

static rove_status list_needed(gathering *g, rove__arena *arena) {
    sqlite3_stmt *statement = NULL;
    size_t capacity = 0;
    int more = 0;

    rove_status status =
        rove__exchange_row(g->store, ROVE_EXCHANGE_NEEDED_ALL, &statement, g->error, "");
    for (more = statement != NULL; status == ROVE_OK && more;) {
        g->origins = rove__arena_grown(arena, g->origins, g->count, &capacity, sizeof *g->origins);
        if (g->origins == NULL) {
            sqlite3_reset(statement);
            return ROVE_NOMEM;
        }
        g->origins[g->count++] = (rove__origin){(rove_stamp)sqlite3_column_int64(statement, 0),
                                                (rove_replica)sqlite3_column_int64(statement, 1)};
        status = rove__exchange_step(g->store, statement, &more, g->error);
    }
    return status;
}

/* Headquarters' version of a record whose origin is asked for. */
static rove_status gather(gathering *g, const rove__entity *entity, rove_id id) {
    rove__arena *arena = &g->store->exchange->row;
    rove__record record;
    rove__change whole;

    rove__arena_reset(arena);
    rove_status status = rove__record_load(g->store, entity, id, arena, &record, g->error);
    if (status != ROVE_OK || !rove__record_live(&record) ||
        !is_needed(g, record.under.clock.origin)) {
        return status;
    }
    rove__record_whole(&record, &whole);
    status = rove__batch_add(g->writer, &whole);
    if (status == ROVE_OK && g->added_count < g->count) {
        g->added[g->added_count++] = record.under.clock.origin;
    }
    g->full |= status == ROVE_LIMIT;
    return status == ROVE_LIMIT ? ROVE_OK : status;
}

static rove_status gather_table(gathering *g, const rove__entity *entity) {
    sqlite3_stmt *statement = NULL;
    rove__clock clock;
    int more = 0;

    rove_status status =
        rove__extent_statement(g->store, entity, ROVE_EXTENT_ALL, &statement, g->error);
    if (status == ROVE_OK) {
        status = rove__exchange_step(g->store, statement, &more, g->error);
    }
    while (status == ROVE_OK && more && !g->full) {
        rove_value bytes = rove__column_value(statement, 1);
        rove__arena_reset(&g->store->exchange->row);
        status = rove__clock_read(&clock, bytes.as.data, bytes.size, &g->store->exchange->row);
        if (status == ROVE_OK && is_needed(g, clock.origin)) {
            status = gather(g, entity, sqlite3_column_int64(statement, 0));
        }
        if (status == ROVE_OK) {
            status = rove__exchange_step(g->store, statement, &more, g->error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

/* Rows that a pending delete holds have no typed row. */
static rove_status gather_deleted(gathering *g) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status =
        rove__exchange_row(g->store, ROVE_EXCHANGE_DELETED_ALL, &statement, g->error, "");
    for (more = statement != NULL; status == ROVE_OK && more && !g->full;) {
        const rove__entity *entity = rove__registry_by_number(
            g->store->registry, (uint32_t)sqlite3_column_int64(statement, 0));
        if (entity != NULL) {
            status = gather(g, entity, sqlite3_column_int64(statement, 1));
        }
        if (status == ROVE_OK) {
            status = rove__exchange_step(g->store, statement, &more, g->error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

static rove_status gather_all(gathering *g) {
    const rove__registry *registry = g->store->registry;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        status = gather_table(g, rove__registry_at(registry, i));
    }
    return status == ROVE_OK ? gather_deleted(g) : status;
}

static rove_status finish(gathering *g, rove__arena *arena, rove__bytes *rows) {
    rove__buf *bytes = &g->store->exchange->bytes;

    rove__buf_reset(bytes);
    rove_status status = rove__batch_finish(g->writer, bytes);
    if (status == ROVE_OK) {
        rows->data = rove__arena_copy(arena, bytes->data, bytes->size);
        rows->size = bytes->size;
        status = rows->data != NULL ? ROVE_OK : ROVE_NOMEM;
    }
    return status;
}

/* What did not fit goes with the next batch; what is not here is forgotten. */
static rove_status forget(const gathering *g) {
    rove_status status = ROVE_OK;

    if (!g->full) {
        return rove__exchange_run(g->store, ROVE_EXCHANGE_NEEDED_CLEAR, g->error, "");
    }
    for (size_t i = 0; i < g->added_count && status == ROVE_OK; i++) {
        status = rove__exchange_run(g->store, ROVE_EXCHANGE_NEEDED_DROP, g->error, "ii",
                                    (int64_t)g->added[i].stamp, (int64_t)g->added[i].replica);
    }
    return status;
}

/* Also when none of them is here: so headquarters knows that it was heard. What does not arrive it asks for again. */
static rove_status answer(rove__store *store, rove__arena *arena, rove__bytes *rows,
                          rove_error *error) {
    gathering g = {.store = store, .error = error};

    rove_status status = list_needed(&g, &store->exchange->arena);
    if (status != ROVE_OK || g.count == 0) {
        return status;
    }
    /* The table's order is (stamp, replica), signed; stamps are at most ROVE_STAMP_MAX. */
    g.added = rove__arena_take(&store->exchange->arena, g.count * sizeof *g.added);
    if (g.added == NULL) {
        return ROVE_NOMEM;
    }
    status = rove__batch_writer_new(store->ports.allocator, ROVE_BATCH_MAX, &g.writer);
    if (status == ROVE_OK) {
        status = gather_all(&g);
    }
    if (status == ROVE_OK) {
        status = finish(&g, arena, rows);
    }
    rove__batch_writer_free(g.writer);
    return status == ROVE_OK ? forget(&g) : status;
}

rove_status rove__store_needed_rows(rove__store *store, rove__arena *arena, rove__bytes *rows,
                                    rove_error *error) {
    rove__exchange *exchange = NULL;

    rows->data = NULL;
    rows->size = 0;
    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = answer(store, arena, rows, error);
    }
    return rove__store_leave(store, status, error);
}
