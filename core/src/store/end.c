/*
 * store/end.c - the end of an answer: whether the replica is what headquarters says it should be (G2).
 */
#include <string.h>

#include "base/text.h"
#include "store/exchange.h"

/*
 * Totals can be compared unless a scan is to be gone on with. Headquarters gives its total when it has sent all that it had to:
 * a transfer that is still open then was cut off with its answer, and nobody will end it.
 */
static rove_status comparable(rove__apply *apply, const rove__end *end, int *result) {
    const uint8_t *token = NULL;
    size_t token_size = 0;

    rove_status status = rove__meta_get_bytes(
        apply->store, ROVE_META_TOKEN, &apply->exchange->arena, &token, &token_size, apply->error);
    *result = status == ROVE_OK && end->has_total && token_size == 0;
    if (!*result) {
        return status;
    }
    apply->store->downloading = 0;
    for (size_t i = 0; i < apply->transfer_count && status == ROVE_OK; i++) {
        apply->transfers[i].done = 1;
        status = rove__transfer_forget(apply, &apply->transfers[i]);
    }
    return status == ROVE_OK
               ? rove__meta_put_int(apply->store, ROVE_META_CATCHING_UP, 0, apply->error)
               : status;
}

static rove_status compare(rove__apply *apply, const rove__end *end, rove__comparison *result) {
    rove__store *store = apply->store;
    rove__hash128 total;
    uint64_t rows = 0;
    uint64_t scopes = 0;

    rove_status status = rove__sum_total(store, &total, &rows, &scopes, apply->error);
    if (status != ROVE_OK) {
        return status;
    }
    *result = rove__hash128_equal(total, end->total) ? ROVE_EQUAL : ROVE_DIFFERENT;
    if (*result == ROVE_DIFFERENT) {
        return ROVE_OK;
    }
    status = rove__quarantine_drop_parts(apply);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__meta_put_int(store, ROVE_META_VERIFIED_MS, store->now_ms, apply->error);
    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_UNVERIFIED, 0, apply->error);
    }
    return status == ROVE_OK ? rove__repair_equal(store, apply->error) : status;
}

rove_status rove__store_end(rove__store *store, const rove__end *end, rove__comparison *result,
                            rove_error *error) {
    rove__apply apply;
    int can = 0;

    *result = ROVE_NOT_COMPARED;
    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__apply_begin(&apply, store, error);
    if (status == ROVE_OK) {
        status = rove__quarantine_try(&apply);
    }
    if (status == ROVE_OK) {
        status = comparable(&apply, end, &can);
    }
    if (status == ROVE_OK) {
        status = rove__apply_end(&apply);
    }
    if (status == ROVE_OK && can) {
        status = compare(&apply, end, result);
    }
    return rove__store_leave(store, status, error);
}

/* ---- digests of all scopes ---- */

static rove_status list_digests(rove__store *store, rove__arena *arena, rove__digest_list *list,
                                rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove__scope_digest *items = NULL;
    size_t count = 0;
    size_t capacity = 0;
    int more = 0;

    rove_status status = rove__store_statement(store, ROVE_SQL_SCOPE_ALL, &statement, error);
    if (status == ROVE_OK) {
        status = rove__exchange_step(store, statement, &more, error);
    }
    while (status == ROVE_OK && more) {
        items = rove__arena_grown(arena, items, count, &capacity, sizeof *items);
        if (items == NULL) {
            status = ROVE_NOMEM;
            break;
        }
        if (sqlite3_column_bytes(statement, 3) != 16) {
            status = rove__error_set(error, ROVE_CORRUPT, "The digest of a scope is damaged.");
            break;
        }
        items[count].scope.root = sqlite3_column_int64(statement, 0);
        items[count].scope.part = (int32_t)sqlite3_column_int64(statement, 1);
        items[count++].sum = rove__hash128_read(sqlite3_column_blob(statement, 3));
        status = rove__exchange_step(store, statement, &more, error);
    }
    sqlite3_reset(statement);
    list->items = items;
    list->count = count;
    list->last = 1;
    return status;
}

/* The scopes that are large enough to be counted by bucket; their sums are zeros yet. */
static rove_status list_large(rove__store *store, rove__arena *arena, rove__bucket_digest **buckets,
                              size_t *count, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    size_t size = ROVE_BUCKETED_MAX * sizeof **buckets;
    int more = 0;

    *count = 0;
    *buckets = rove__arena_take(arena, size);
    if (*buckets == NULL) {
        return ROVE_NOMEM;
    }
    memset(*buckets, 0, size);
    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_SCOPE_LARGE, &statement, error, "ii",
                           (int64_t)ROVE_BUCKETED_ROWS, (int64_t)ROVE_BUCKETED_MAX);
    for (more = statement != NULL; status == ROVE_OK && more;) {
        (*buckets)[(*count)++].scope = (rove__scope){sqlite3_column_int64(statement, 0),
                                                     (int32_t)sqlite3_column_int64(statement, 1)};
        status = rove__exchange_step(store, statement, &more, error);
    }
    return status;
}

static rove_status count_digests(rove__store *store, rove__arena *arena, rove__digest_list *list,
                                 rove_error *error) {
    rove__bucket_digest *buckets = NULL;
    size_t count = 0;

    rove_status status = list_large(store, arena, &buckets, &count, error);
    if (status == ROVE_OK) {
        status = rove__digest_rebuild(store, buckets, count, error);
    }
    if (status == ROVE_OK) {
        status = rove__sum_flush(store, error);
    }
    if (status == ROVE_OK) {
        status = list_digests(store, arena, list, error);
    }
    list->buckets = buckets;
    list->bucket_count = count;
    return status == ROVE_OK ? rove__repair_list(store, arena, list, error) : status;
}

rove_status rove__store_digests(rove__store *store, rove__arena *arena, rove__digest_list *list,
                                rove_error *error) {
    rove__exchange *exchange = NULL;

    memset(list, 0, sizeof *list);
    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = count_digests(store, arena, list, error);
    }
    return rove__store_leave(store, status, error);
}
