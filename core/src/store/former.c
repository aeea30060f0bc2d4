/*
 * store/former.c - sealed batches of numbers that this device had before (P3), and of who used it before (D11): what
 * headquarters is told of them, what it asks for, and what it has taken.
 *
 * In _batch and _sealed they stand below 0 (fork.c), in state 2 once headquarters has them, 3 while they are to be sent, 4 when
 * it could not use them: its sealing key is another one now, perhaps only for a while.
 * They are told of on each new timeline, after each new sealing key, or when headquarters asks; what it lacks then goes before
 * any other work.
 */
#include <string.h>

#include "base/text.h"
#include "store/exchange.h"

int64_t rove__former_batch(rove_replica replica, uint64_t number) {
    return (int64_t)number - ((int64_t)replica << 32);
}

rove_status rove__former_hello(rove__store *store, rove__hello *hello, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int64_t checked = 0;

    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_FORMER_COUNT, &statement, error, "");
    if (statement != NULL) {
        hello->formers = (uint64_t)sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    if (status == ROVE_OK) {
        status = rove__meta_get_int(store, ROVE_META_CHECKED, &checked, error);
    }
    hello->checked = (uint64_t)checked;
    return status;
}

/* What could not be opened may open now, and what was taken is known by its hash. */
rove_status rove__former_rekeyed(rove__store *store, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int any = 0;

    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_FORMER_COUNT, &statement, error, "");
    if (statement != NULL) {
        any = sqlite3_column_int64(statement, 0) > 0;
        sqlite3_reset(statement);
    }
    if (status == ROVE_OK && any) {
        store->exchange->rekeyed = 1;
        status = rove__meta_put_int(store, ROVE_META_CHECKED, 0, error);
    }
    return status;
}

/* ---- telling -------------------------------------------------------------------------------------------- */

static rove_status list_some(rove__store *store, int64_t *position, rove__former *items,
                             rove__formers *list, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status = rove__exchange_row(store, ROVE_EXCHANGE_FORMER_LIST, &statement, error,
                                            "ii", *position, (int64_t)ROVE_FORMERS_MAX);
    for (more = statement != NULL; status == ROVE_OK && more;) {
        rove__former *item = &items[list->count++];
        *position = sqlite3_column_int64(statement, 0);
        *item = (rove__former){.replica = rove__journal_replica(store, *position),
                               .number = rove__journal_number(*position)};
        if (sqlite3_column_bytes(statement, 1) != ROVE_SHA256_SIZE) {
            status = rove__error_set(error, ROVE_CORRUPT, "The list of batches is damaged.");
            break;
        }
        memcpy(item->hash.hash, sqlite3_column_blob(statement, 1), ROVE_SHA256_SIZE);
        status = rove__exchange_step(store, statement, &more, error);
    }
    sqlite3_reset(statement);
    return status;
}

static rove_status formers(rove__store *store, int64_t *position, rove__arena *arena,
                           rove__formers *list, rove_error *error) {
    rove__exchange *exchange = NULL;
    int64_t tell = 0;

    rove_status status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = rove__meta_get_int(store, ROVE_META_TELL, &tell, error);
    }
    if (status != ROVE_OK || !tell) {
        return status;
    }
    rove__former *items = rove__arena_take(arena, ROVE_FORMERS_MAX * sizeof *items);
    list->items = items;
    return items == NULL ? ROVE_NOMEM : list_some(store, position, items, list, error);
}

rove_status rove__store_formers(rove__store *store, int64_t *position, rove__arena *arena,
                                rove__formers *list, rove_error *error) {
    *list = (rove__formers){.hashed = 1};
    rove_status status = rove__store_enter_page(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = formers(store, position, arena, list, error);
    return rove__store_leave(store, status, error);
}

/* ---- sending -------------------------------------------------------------------------------------------- */

static rove_status next_record(rove__store *store, rove__former_position *position,
                               rove__arena *arena, rove__bytes *record, rove_error *error) {
    rove__exchange *exchange = NULL;
    sqlite3_stmt *statement = NULL;

    rove_status status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = rove__exchange_row(store, ROVE_EXCHANGE_FORMER_NEXT, &statement, error, "ii",
                                    position->batch, position->ordinal);
    }
    if (status != ROVE_OK || statement == NULL) {
        return status;
    }
    position->batch = sqlite3_column_int64(statement, 0);
    position->ordinal = sqlite3_column_int64(statement, 1);
    record->size = (size_t)sqlite3_column_bytes(statement, 2);
    record->data = rove__arena_copy(arena, sqlite3_column_blob(statement, 2), record->size);
    sqlite3_reset(statement);
    return record->data != NULL ? ROVE_OK : ROVE_NOMEM;
}

rove_status rove__store_former_next(rove__store *store, rove__former_position *position,
                                    rove__arena *arena, rove__bytes *record, rove_error *error) {
    *record = (rove__bytes){NULL, 0};
    rove_status status = rove__store_enter_page(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = next_record(store, position, arena, record, error);
    return rove__store_leave(store, status, error);
}

/* ---- what headquarters says ----------------------------------------------------------------------------- */

static rove_status put_states(rove__store *store, const rove__formers *list, int state,
                              rove_error *error) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < list->count && status == ROVE_OK; i++) {
        const rove__former *item = &list->items[i];
        status = rove__exchange_run(store, ROVE_EXCHANGE_FORMER_STATE, error, "iii",
                                    rove__former_batch(item->replica, item->number), (int64_t)state,
                                    (int64_t)item->seq);
    }
    return status;
}

rove_status rove__store_need_former(rove__store *store, const rove__formers *list,
                                    rove_error *error) {
    rove__exchange *exchange = NULL;

    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK && list->count == 0) {
        status = rove__meta_put_int(store, ROVE_META_TELL, 1, error);
    }
    if (status == ROVE_OK) {
        status = put_states(store, list, ROVE_FORMER_DUE, error);
    }
    return rove__store_leave(store, status, error);
}

rove_status rove__store_former_ack(rove__store *store, const rove__formers *list,
                                   rove_error *error) {
    rove__exchange *exchange = NULL;

    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = put_states(store, list, ROVE_FORMER_KEPT, error);
    }
    if (status == ROVE_OK) {
        status = rove__journal_prune(store, error);
    }
    return rove__store_leave(store, status, error);
}
