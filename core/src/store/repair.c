/*
 * store/repair.c - what was sent anew because it differed from headquarters (G2): the same scope or bucket at most once an
 * hour. What differs again within the hour is not mended by sending it: it is kept here, for the rep and whoever helps him
 * to see, until the replica is found equal or the hour is over.
 *
 * Table _repair: root, part, bucket (-1: the whole scope), at (trusted ms; 0: not), again.
 */
#include <string.h>

#include "store/exchange.h"

#define FETCHED_MS INT64_C(3600000)
#define WHOLE      INT64_C(-1)

/* Runs a statement for each bucket of a portion. */
static rove_status each_bucket(rove__store *store, rove__exchange_sql which,
                               const rove__portion *portion, int64_t at, rove_error *error) {
    rove__scope scope = portion->scope;
    rove_status status = ROVE_OK;

    if (portion->buckets == 0) {
        return rove__exchange_run(store, which, error, "iiii", scope.root, (int64_t)scope.part,
                                  WHOLE, at);
    }
    for (unsigned b = 0; b < ROVE_BUCKETS && status == ROVE_OK; b++) {
        if ((portion->buckets >> b & 1) != 0) {
            status = rove__exchange_run(store, which, error, "iiii", scope.root,
                                        (int64_t)scope.part, (int64_t)b, at);
        }
    }
    return status;
}

rove_status rove__repair_note(rove__store *store, const rove__portion *portion, rove_error *error) {
    return each_bucket(store, ROVE_EXCHANGE_REPAIR_PUT, portion, store->now_ms, error);
}

rove_status rove__repair_anew(rove__store *store, rove_error *error) {
    return rove__exchange_run(store, ROVE_EXCHANGE_REPAIR_ANEW, error, "");
}

rove_status rove__repair_equal(rove__store *store, rove_error *error) {
    return rove__exchange_run(store, ROVE_EXCHANGE_REPAIR_EQUAL, error, "");
}

/* One more portion, or one more bucket of the last. */
static void list_add(rove__portion *portions, size_t *count, rove__scope scope, int64_t bucket) {
    rove__portion *last = *count > 0 ? &portions[*count - 1] : NULL;

    if (last == NULL || !rove__scope_equal(last->scope, scope)) {
        last = &portions[(*count)++];
        *last = (rove__portion){scope, bucket < 0 ? 0 : UINT64_C(1) << bucket};
    } else if (last->buckets != 0) {
        last->buckets |= UINT64_C(1) << bucket; /* the whole scope comes before its buckets */
    }
}

rove_status rove__repair_list(rove__store *store, rove__arena *arena, rove__digest_list *list,
                              rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove__portion *portions = rove__arena_take(arena, ROVE_FETCHED_MAX * sizeof *portions);
    int64_t from = store->now_ms - FETCHED_MS;
    size_t count = 0;
    int more = 0;

    if (portions == NULL) {
        return ROVE_NOMEM;
    }
    rove_status status =
        rove__exchange_run(store, ROVE_EXCHANGE_REPAIR_FORGET, error, "ii", from, store->now_ms);
    if (status == ROVE_OK) {
        status = rove__exchange_row(store, ROVE_EXCHANGE_REPAIR_SINCE, &statement, error, "ii",
                                    from, store->now_ms);
    }
    for (more = statement != NULL; status == ROVE_OK && more;) {
        rove__scope scope = {sqlite3_column_int64(statement, 0),
                             (int32_t)sqlite3_column_int64(statement, 1)};
        if (count == ROVE_FETCHED_MAX) {
            sqlite3_reset(statement);
            break; /* of the others headquarters does not know; they may come once more */
        }
        list_add(portions, &count, scope, sqlite3_column_int64(statement, 2));
        status = rove__exchange_step(store, statement, &more, error);
    }
    list->fetched = portions;
    list->fetched_count = count;
    return status;
}

rove_status rove__store_differ(rove__store *store, const rove__differ *differ, rove_error *error) {
    rove__exchange *exchange = NULL;

    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    for (size_t i = 0; i < differ->again_count && status == ROVE_OK; i++) {
        status = each_bucket(store, ROVE_EXCHANGE_REPAIR_AGAIN, &differ->again[i], 0, error);
    }
    if (status == ROVE_OK) {
        exchange->repairing = differ->count > 0;
    }
    return rove__store_leave(store, status, error);
}
