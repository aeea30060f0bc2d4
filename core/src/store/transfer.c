/*
 * store/transfer.c - scopes that are sent whole (Q5), or some buckets of them (G2), and which rows the answer named.
 *
 * A transfer runs from `begin` to `done`, perhaps over several pages and transactions: then it stands in _transfer,
 * and the rows that it named in _named. Nothing needs to be named where nothing was held before. The rows of
 * the page at hand stand in an array with an open-addressing table over it (a power of two of slots, at most half
 * full), which is what makes naming cheap; a page has at most ROVE_BATCH_ROWS_MAX of them.
 */
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "store/exchange.h"

#define SLOTS_MIN 2048u

static size_t hash_of(uint64_t a, uint64_t b) {
    uint64_t hash = (a * 0x9e3779b97f4a7c15u) ^ (b * 0xc2b2ae3d27d4eb4fu);
    return (size_t)(hash ^ (hash >> 32));
}

/* ---- what is named ---- */

static size_t named_slot(const rove__exchange *exchange, uint32_t entity, rove_id id) {
    size_t mask = exchange->named_slots - 1;
    size_t slot = hash_of((uint64_t)id, entity) & mask;

    while (exchange->named_at[slot] != 0) {
        const rove__named *named = &exchange->named[exchange->named_at[slot] - 1];
        if (named->id == id && named->entity == entity) {
            break;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

/* Room for one more; the table is built anew when it grows, and for each new page. */
static rove_status named_room(rove__store *store, rove__exchange *exchange) {
    const rove_allocator *allocator = store->ports.allocator;

    if (exchange->named_count == 0 && exchange->named_slots > 0) {
        memset(exchange->named_at, 0, exchange->named_slots * sizeof *exchange->named_at);
    }
    if (exchange->named_count < exchange->named_capacity) {
        return ROVE_OK;
    }
    size_t slots = exchange->named_slots == 0 ? SLOTS_MIN : 2 * exchange->named_slots;
    uint32_t *table = rove__alloc_zeroed(allocator, slots, sizeof *table);
    rove__named *named = table != NULL ? rove__alloc_resize(allocator, exchange->named, slots / 2,
                                                            sizeof *exchange->named)
                                       : NULL;
    if (named == NULL) {
        rove__free(allocator, table);
        return ROVE_NOMEM;
    }
    rove__free(allocator, exchange->named_at);
    exchange->named = named;
    exchange->named_at = table;
    exchange->named_slots = slots;
    exchange->named_capacity = slots / 2;
    for (size_t i = 0; i < exchange->named_count; i++) {
        table[named_slot(exchange, named[i].entity, named[i].id)] = (uint32_t)i + 1;
    }
    return ROVE_OK;
}

rove_status rove__named_add(rove__apply *apply, uint32_t entity, rove_id id,
                            const rove__transfer *transfer) {
    rove__exchange *exchange = apply->exchange;
    uint32_t at = transfer != NULL ? (uint32_t)(transfer - apply->transfers) + 1 : 0;

    rove_status status = named_room(apply->store, exchange);
    if (status != ROVE_OK) {
        return status;
    }
    size_t slot = named_slot(exchange, entity, id);
    if (exchange->named_at[slot] == 0) {
        exchange->named[exchange->named_count++] = (rove__named){id, entity, at, apply->batch};
        exchange->named_at[slot] = (uint32_t)exchange->named_count;
    } else {
        rove__named *named = &exchange->named[exchange->named_at[slot] - 1];
        named->transfer = at;
        named->batch = apply->batch;
    }
    return ROVE_OK;
}

const rove__named *rove__named_find(const rove__apply *apply, uint32_t entity, rove_id id) {
    const rove__exchange *exchange = apply->exchange;

    if (exchange->named_count == 0) {
        return NULL;
    }
    size_t slot = named_slot(exchange, entity, id);
    return exchange->named_at[slot] != 0 ? &exchange->named[exchange->named_at[slot] - 1] : NULL;
}

/* ---- transfers ---- */

static size_t transfer_slot(const rove__apply *apply, rove__scope scope) {
    size_t mask = apply->transfer_slots - 1;
    size_t slot = hash_of((uint64_t)scope.root, (uint64_t)(uint32_t)scope.part) & mask;

    while (apply->transfer_at[slot] != 0 &&
           !rove__scope_equal(apply->transfers[apply->transfer_at[slot] - 1].scope, scope)) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static rove__transfer *find(const rove__apply *apply, rove__scope scope) {
    if (apply->transfer_count == 0) {
        return NULL;
    }
    size_t slot = transfer_slot(apply, scope);
    return apply->transfer_at[slot] != 0 ? &apply->transfers[apply->transfer_at[slot] - 1] : NULL;
}

rove__transfer *rove__transfer_of(rove__apply *apply, rove__scope scope) {
    if (apply->last != NULL && rove__scope_equal(apply->last->scope, scope)) {
        return apply->last;
    }
    rove__transfer *transfer = find(apply, scope);
    if (transfer == NULL) {
        transfer = find(apply, (rove__scope){scope.root, -1});
    }
    if (transfer != NULL) {
        apply->last = transfer;
    }
    return transfer;
}

static rove_status reserve(rove__apply *apply) {
    rove__arena *arena = &apply->exchange->arena;

    if (apply->transfer_count < apply->transfer_capacity) {
        return ROVE_OK;
    }
    size_t capacity = apply->transfer_capacity == 0 ? 64 : 2 * apply->transfer_capacity;
    rove__transfer *transfers = rove__arena_take(arena, capacity * sizeof *transfers);
    uint32_t *table = rove__arena_take(arena, 2 * capacity * sizeof *table);
    if (transfers == NULL || table == NULL) {
        return ROVE_NOMEM;
    }
    if (apply->transfer_count > 0) {
        memcpy(transfers, apply->transfers, apply->transfer_count * sizeof *transfers);
    }
    memset(table, 0, 2 * capacity * sizeof *table);
    apply->last = NULL;
    apply->transfers = transfers;
    apply->transfer_at = table;
    apply->transfer_capacity = capacity;
    apply->transfer_slots = 2 * capacity;
    for (size_t i = 0; i < apply->transfer_count; i++) {
        table[transfer_slot(apply, transfers[i].scope)] = (uint32_t)i + 1;
    }
    return ROVE_OK;
}

static rove_status add(rove__apply *apply, rove__scope scope, rove__transfer **out) {
    rove_status status = reserve(apply);

    *out = NULL;
    if (status == ROVE_OK) {
        size_t slot = transfer_slot(apply, scope);
        if (apply->transfer_at[slot] == 0) {
            apply->transfers[apply->transfer_count] = (rove__transfer){.scope = scope};
            apply->transfer_at[slot] = (uint32_t)++apply->transfer_count;
        }
        *out = &apply->transfers[apply->transfer_at[slot] - 1];
    }
    return status;
}

rove_status rove__transfer_load(rove__apply *apply) {
    sqlite3_stmt *statement = NULL;
    rove__transfer *transfer = NULL;
    int more = 0;

    rove_status status =
        rove__exchange_row(apply->store, ROVE_EXCHANGE_TRANSFER_ALL, &statement, apply->error, "");
    for (more = statement != NULL; status == ROVE_OK && more;) {
        rove__scope scope = {sqlite3_column_int64(statement, 0),
                             (int32_t)sqlite3_column_int64(statement, 1)};
        status = add(apply, scope, &transfer);
        if (status != ROVE_OK) {
            sqlite3_reset(statement);
            return status;
        }
        transfer->fresh = sqlite3_column_int(statement, 2);
        transfer->buckets = (uint64_t)sqlite3_column_int64(statement, 3);
        transfer->stored = 1;
        status = rove__exchange_step(apply->store, statement, &more, apply->error);
    }
    return status;
}

static rove_status holds_any(rove__apply *apply, rove__scope scope, int *holds) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    *holds = 0;
    rove_status status = rove__exchange_row(apply->store, ROVE_EXCHANGE_SCOPE_PARTS, &statement,
                                            apply->error, "i", scope.root);
    for (more = statement != NULL; status == ROVE_OK && more;) {
        rove__scope held = {scope.root, (int32_t)sqlite3_column_int64(statement, 0)};
        *holds |= rove__scope_covers(scope, held);
        status = rove__exchange_step(apply->store, statement, &more, apply->error);
    }
    return status;
}

/* 1 if anything is held at all. */
static rove_status holds_something(rove__apply *apply, int *any) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__sum_flush(apply->store, apply->error);

    *any = 0;
    if (status == ROVE_OK) {
        status =
            rove__exchange_row(apply->store, ROVE_EXCHANGE_SCOPE_ANY, &statement, apply->error, "");
        *any = statement != NULL;
        sqlite3_reset(statement);
    }
    return status;
}

/*
 * The list of what is held opens a download. If the replica has nothing then, every row that comes before a transfer
 * of its scope begins (today's visits, what is acknowledged meanwhile) is of this download: what happens to it later
 * comes with the feed. So such a scope counts as fresh, and nobody has to remember which of its rows were named. What was
 * acknowledged with the list itself is not of it: headquarters read the scopes after it had taken that, and somebody may have
 * deleted it in between.
 */
rove_status rove__transfer_open(rove__apply *apply, const rove__page *page) {
    rove__store *store = apply->store;
    int settled = !page->more && page->token.size == 0;
    int64_t before = 0;
    int any = 0;

    rove_status status = rove__meta_get_int(store, ROVE_META_BLANK, &before, apply->error);
    apply->blank = before != 0;
    if (status == ROVE_OK && page->has_held) {
        status = holds_something(apply, &any);
        apply->blank = !any;
    }
    int64_t after = apply->blank && !settled;
    if (status == ROVE_OK && after != before) {
        status = rove__meta_put_int(store, ROVE_META_BLANK, after, apply->error);
    }
    return status;
}

rove_status rove__transfer_begin(rove__apply *apply, const rove__page *page) {
    rove__store *store = apply->store;
    rove_status status = ROVE_OK;
    int any = 0;

    if (page->begin_count > 0 && !apply->blank) {
        status = holds_something(apply, &any);
    }
    for (size_t i = 0; i < page->begin_count && status == ROVE_OK; i++) {
        rove__transfer *transfer = NULL;
        int holds = 0;
        status = add(apply, page->begin[i].scope, &transfer);
        if (status == ROVE_OK && any) {
            status = holds_any(apply, page->begin[i].scope, &holds);
        }
        /* It may begin again, after a scan that did not come to its end. */
        if (status == ROVE_OK && transfer->stored) {
            status = rove__exchange_run(store, ROVE_EXCHANGE_NAMED_DROP, apply->error, "ii",
                                        transfer->scope.root, (int64_t)transfer->scope.part);
        }
        if (status == ROVE_OK) {
            transfer->buckets = page->begin[i].buckets;
            transfer->fresh = !holds;
            transfer->begun = 1;
            transfer->done = 0;
        }
    }
    return status;
}

rove_status rove__transfer_forget(rove__apply *apply, const rove__transfer *transfer) {
    rove_status status =
        rove__exchange_run(apply->store, ROVE_EXCHANGE_TRANSFER_DROP, apply->error, "ii",
                           transfer->scope.root, (int64_t)transfer->scope.part);
    if (status == ROVE_OK && !transfer->fresh) {
        status = rove__exchange_run(apply->store, ROVE_EXCHANGE_NAMED_DROP, apply->error, "ii",
                                    transfer->scope.root, (int64_t)transfer->scope.part);
    }
    return status;
}

rove_status rove__transfer_done(rove__apply *apply, const rove__page *page) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < page->done_count && status == ROVE_OK; i++) {
        rove__transfer *transfer = find(apply, page->done[i]);
        if (transfer == NULL || transfer->done) {
            continue;
        }
        if (!transfer->fresh && !ROVE_PLANTED(Q05_LEFTOVERS)) {
            status = rove__evict(apply, transfer->scope, transfer);
        }
        if (status == ROVE_OK && transfer->stored) {
            status = rove__transfer_forget(apply, transfer);
        }
        if (status == ROVE_OK && apply->exchange->repairing && transfer->scope.part >= 0) {
            rove__portion portion = {transfer->scope, transfer->buckets};
            status = rove__repair_note(apply->store, &portion, apply->error);
        }
        transfer->done = 1;
    }
    return status;
}

rove_status rove__transfer_store(rove__apply *apply) {
    rove__exchange *exchange = apply->exchange;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < apply->transfer_count && status == ROVE_OK; i++) {
        const rove__transfer *transfer = &apply->transfers[i];
        if (transfer->begun && !transfer->done) {
            status = rove__exchange_run(apply->store, ROVE_EXCHANGE_TRANSFER_PUT, apply->error,
                                        "iiii", transfer->scope.root, (int64_t)transfer->scope.part,
                                        (int64_t)transfer->fresh, (int64_t)transfer->buckets);
        }
    }
    for (size_t i = 0; i < exchange->named_count && status == ROVE_OK; i++) {
        const rove__named *named = &exchange->named[i];
        const rove__transfer *transfer =
            named->transfer != 0 ? &apply->transfers[named->transfer - 1] : NULL;
        if (transfer != NULL && !transfer->done && !transfer->fresh) {
            status = rove__exchange_run(apply->store, ROVE_EXCHANGE_NAMED_PUT, apply->error, "iiii",
                                        transfer->scope.root, (int64_t)transfer->scope.part,
                                        (int64_t)named->entity, named->id);
        }
    }
    return status;
}
