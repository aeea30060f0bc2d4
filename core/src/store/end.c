/*
 * store/end.c - the end of an answer: whether the replica is what headquarters says it should be (G2).
 */
#include <string.h>

#include "base/text.h"
#include "store/exchange.h"

/* Totals can be compared when nothing is half done: no page, no scan, no transfer. */
static rove_status comparable(const rove__apply *apply, const rove__end *end, int *result) {
    const uint8_t *token = NULL;
    size_t token_size = 0;
    int64_t catching_up = 0;

    rove_status status =
        rove__meta_get_int(apply->store, ROVE_META_CATCHING_UP, &catching_up, apply->error);
    if (status == ROVE_OK) {
        status = rove__meta_get_bytes(apply->store, ROVE_META_TOKEN, &apply->exchange->arena,
                                      &token, &token_size, apply->error);
    }
    *result = end->has_total && catching_up == 0 && token_size == 0 && apply->transfer_count == 0;
    return status;
}

static rove_status compare(rove__apply *apply, const rove__end *end, int *differs) {
    rove__store *store = apply->store;
    rove__hash128 total;
    uint64_t rows = 0;
    uint64_t scopes = 0;

    rove_status status = rove__sum_total(store, &total, &rows, &scopes, apply->error);
    if (status != ROVE_OK) {
        return status;
    }
    *differs = !rove__hash128_equal(total, end->total);
    if (*differs) {
        return ROVE_OK;
    }
    status = rove__quarantine_drop_parts(apply);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__meta_put_int(store, ROVE_META_VERIFIED_MS, store->now_ms, apply->error);
    return status == ROVE_OK ? rove__meta_put_int(store, ROVE_META_UNVERIFIED, 0, apply->error)
                             : status;
}

rove_status rove__store_end(rove__store *store, const rove__end *end, int *differs,
                            rove_error *error) {
    rove__apply apply;
    int can = 0;

    *differs = 0;
    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__apply_begin(&apply, store, error);
    if (status == ROVE_OK) {
        status = rove__quarantine_try(&apply);
    }
    if (status == ROVE_OK) {
        status = rove__apply_end(&apply);
    }
    if (status == ROVE_OK) {
        status = comparable(&apply, end, &can);
    }
    if (status == ROVE_OK && can) {
        status = compare(&apply, end, differs);
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
        if (count == capacity) {
            capacity = 2 * capacity + 64;
            rove__scope_digest *larger = rove__arena_take(arena, capacity * sizeof *larger);
            if (larger == NULL) {
                status = ROVE_NOMEM;
                break;
            }
            if (count > 0) {
                memcpy(larger, items, count * sizeof *larger);
            }
            items = larger;
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
        status = list_digests(store, arena, list, error);
    }
    return rove__store_leave(store, status, error);
}
