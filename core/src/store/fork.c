/*
 * store/fork.c - the same user goes on under a fresh replica number (P3).
 *
 * Work that was never acknowledged keeps its raw stamps and the replica number under which it was made (each change
 * carries it), so its frozen bytes stay as they are: only its batches are numbered from 1 again, with a chain
 * from zeros. Acknowledged batches stay, below 0, under the old number. The cursor goes to 0, so every scope
 * comes whole and shows what a copy of this device had done to it.
 */
#include <string.h>

#include "base/assert.h"
#include "store/exchange.h"

/* Batch 1 .. of the old number stand at number - (replica << 32). */
rove_status rove__fork_retire(rove__store *store, int64_t until, rove_error *error) {
    static const rove__exchange_sql which[3] = {
        ROVE_EXCHANGE_FRAME_RETIRE, ROVE_EXCHANGE_SEALED_RETIRE, ROVE_EXCHANGE_BATCH_RETIRE};
    int64_t offset = (int64_t)store->owner.replica << 32;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < 3 && status == ROVE_OK; i++) {
        status = rove__exchange_run(store, which[i], error, "ii", offset, until);
    }
    return status;
}

static rove_status shift(rove__store *store, int64_t acked, rove_error *error) {
    static const rove__exchange_sql which[3] = {
        ROVE_EXCHANGE_FRAME_SHIFT, ROVE_EXCHANGE_BATCH_SHIFT, ROVE_EXCHANGE_OUTBOX_SHIFT};
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < 3 && acked > 0 && status == ROVE_OK; i++) {
        status = rove__exchange_run(store, which[i], error, "i", acked);
    }
    return status;
}

/* *count: batches in flight, whose chain starts anew. */
static rove_status chain_anew(rove__store *store, int64_t *count, rove_error *error) {
    rove__chain chain;
    rove_status status = ROVE_OK;

    memset(&chain, 0, sizeof chain);
    for (*count = 0; status == ROVE_OK; *count += 1) {
        sqlite3_stmt *statement = NULL;
        uint8_t hash[ROVE_SHA256_SIZE];
        status =
            rove__exchange_row(store, ROVE_EXCHANGE_BATCH_NUMBERS, &statement, error, "i", *count);
        if (status != ROVE_OK || statement == NULL) {
            break;
        }
        ROVE_ASSERT(sqlite3_column_int64(statement, 0) == *count + 1);
        if (sqlite3_column_bytes(statement, 1) == ROVE_SHA256_SIZE) {
            memcpy(hash, sqlite3_column_blob(statement, 1), sizeof hash);
        } else {
            status = ROVE_CORRUPT;
        }
        sqlite3_reset(statement);
        if (status == ROVE_OK) {
            status = rove__flight_link(store, &chain, hash, sizeof hash, &chain, error);
        }
        if (status == ROVE_OK) {
            status = rove__exchange_run(store, ROVE_EXCHANGE_BATCH_CHAINED, error, "ib", *count + 1,
                                        (const void *)chain.hash, sizeof chain.hash);
        }
    }
    return status;
}

static rove_status forget_position(rove__store *store, int64_t frozen, rove_error *error) {
    const rove__cursor start = {0, 0};

    rove_status status = rove__meta_put_int(store, ROVE_META_FROZEN, frozen, error);
    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_ACKED, 0, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_drop(store, ROVE_META_CHAIN, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_drop(store, ROVE_META_TOKEN, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_put_cursor(store, start, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_UNVERIFIED, 1, error);
    }
    if (status == ROVE_OK) {
        status = rove__exchange_run(store, ROVE_EXCHANGE_TRANSFER_CLEAR, error, "");
    }
    return status == ROVE_OK ? rove__exchange_run(store, ROVE_EXCHANGE_NAMED_CLEAR, error, "")
                             : status;
}

rove_status rove__fork_adopt(rove__store *store, rove_replica fresh, rove_error *error) {
    rove__exchange *exchange = NULL;
    int64_t acked = 0;
    int64_t frozen = 0;

    ROVE_ASSERT(fresh != store->owner.replica);
    (void)fresh;
    rove_status status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = rove__meta_get_int(store, ROVE_META_ACKED, &acked, error);
    }
    if (status == ROVE_OK) {
        status = rove__fork_retire(store, acked, error);
    }
    if (status == ROVE_OK) {
        status = shift(store, acked, error);
    }
    if (status == ROVE_OK) {
        status = chain_anew(store, &frozen, error);
    }
    return status == ROVE_OK ? forget_position(store, frozen, error) : status;
}
