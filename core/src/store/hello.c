/*
 * store/hello.c - how an exchange begins: what the replica says of itself, the frozen frames it sends, and
 * what it learns from Welcome.
 */
#include <string.h>

#include "base/text.h"
#include "store/exchange.h"
#include "wire/sealed.h"

static rove_status in_flight(rove__store *store, uint64_t *count, uint64_t *highest,
                             rove_error *error) {
    sqlite3_stmt *statement = NULL;

    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_BATCH_FLIGHT, &statement, error, "");
    if (status == ROVE_OK && statement != NULL) {
        *count = (uint64_t)sqlite3_column_int64(statement, 0);
        *highest = (uint64_t)sqlite3_column_int64(statement, 1);
        sqlite3_reset(statement);
    }
    return status;
}

static rove_status read_chain(rove__store *store, rove__arena *arena, rove__chain *chain,
                              rove_error *error) {
    const uint8_t *bytes = NULL;
    size_t size = 0;

    memset(chain, 0, sizeof *chain);
    rove_status status = rove__meta_get_bytes(store, ROVE_META_CHAIN, arena, &bytes, &size, error);
    if (status == ROVE_OK && size == sizeof chain->hash) {
        memcpy(chain->hash, bytes, sizeof chain->hash);
    }
    return status;
}

/* Which sealing key is here. */
static rove_status fill_seal_id(rove__store *store, rove__arena *arena, rove__hello *hello,
                                rove_error *error) {
    const uint8_t *key = NULL;
    size_t size = 0;

    rove_status status = rove__meta_get_bytes(store, ROVE_META_SEAL_KEY, arena, &key, &size, error);
    if (status == ROVE_OK && size == ROVE_SEAL_KEY_SIZE) {
        hello->has_seal_id = 1;
        status = rove__sealed_id(store->ports.crypto, key, hello->seal_id);
    }
    return status;
}

static rove_status fill_hello(rove__store *store, rove__exchange *exchange, rove__arena *arena,
                              rove__hello *hello, rove_error *error) {
    int64_t acked = 0;
    int64_t catching_up = 0;
    int64_t unverified = 0;
    uint64_t rows = 0;
    uint64_t scopes = 0;

    hello->schema = ROVE_SCHEMA_VERSION;
    hello->replica = store->owner.replica;
    hello->cursor = store->cursor;
    rove_status status = rove__meta_get_bytes(store, ROVE_META_TOKEN, arena, &hello->token.data,
                                              &hello->token.size, error);
    if (status == ROVE_OK) {
        status = rove__meta_get_int(store, ROVE_META_ACKED, &acked, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_get_int(store, ROVE_META_CATCHING_UP, &catching_up, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_get_int(store, ROVE_META_UNVERIFIED, &unverified, error);
    }
    if (status == ROVE_OK) {
        status = read_chain(store, arena, &hello->chain, error);
    }
    if (status == ROVE_OK) {
        status = in_flight(store, &hello->pending, &exchange->push_until, error);
    }
    if (status == ROVE_OK) {
        status = rove__sum_total(store, &hello->total, &rows, &scopes, error);
    }
    if (status == ROVE_OK) {
        status = fill_seal_id(store, arena, hello, error);
    }
    if (status == ROVE_OK) {
        status = rove__former_hello(store, hello, error);
    }
    hello->acked = (uint64_t)acked;
    hello->unverified = unverified != 0;
    hello->has_total = catching_up == 0 && hello->token.size == 0;
    return status;
}

rove_status rove__store_hello(rove__store *store, rove__arena *arena, rove__hello *hello,
                              rove_error *error) {
    rove__exchange *exchange = NULL;
    rove_clock_reading reading;

    memset(hello, 0, sizeof *hello);
    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    store->ports.clock->read(store->ports.clock->ctx, &reading);
    hello->wall_ms = reading.wall_ms;
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        exchange->repairing = 0;
        exchange->rekeyed = 0;
        status = fill_hello(store, exchange, arena, hello, error);
    }
    return rove__store_leave(store, status, error);
}

static rove_status read_frame(sqlite3_stmt *statement, rove__arena *arena, rove__push *push,
                              rove_error *error) {
    int size = sqlite3_column_bytes(statement, 2);
    int64_t ordinal = sqlite3_column_int64(statement, 1);

    /* Whoever asks for the next frame would else be given the same one for ever. */
    if (ordinal < 0 || ordinal >= ROVE_PUSH_FRAMES_MAX || size == 0) {
        return rove__error_set(error, ROVE_CORRUPT, "A batch that waits to be sent is damaged.");
    }
    push->number = (uint64_t)sqlite3_column_int64(statement, 0);
    push->ordinal = (uint32_t)ordinal;
    push->last = ordinal + 1 == sqlite3_column_int64(statement, 3);
    push->schema = (uint32_t)sqlite3_column_int64(statement, 4);
    push->rows.size = (size_t)size;
    push->rows.data = rove__arena_copy(arena, sqlite3_column_blob(statement, 2), (size_t)size);
    return push->rows.data != NULL ? ROVE_OK : ROVE_NOMEM;
}

/* Whether the frame on which `a` stands goes before that of `b`; either may be NULL. */
static int goes_first(sqlite3_stmt *a, sqlite3_stmt *b) {
    return a != NULL && (b == NULL || sqlite3_column_int64(a, 0) < sqlite3_column_int64(b, 0));
}

/* A batch's frames are either all sealed or all plain. */
static rove_status next_frame(rove__store *store, int64_t number, int64_t ordinal,
                              rove__arena *arena, rove__push *push, int *sealed,
                              rove_error *error) {
    int64_t until = (int64_t)store->exchange->push_until;
    sqlite3_stmt *plain = NULL;
    sqlite3_stmt *record = NULL;

    rove_status status = rove__exchange_row(store, ROVE_EXCHANGE_FRAME_NEXT, &plain, error, "iii",
                                            number, ordinal, until);
    if (status == ROVE_OK) {
        status = rove__exchange_row(store, ROVE_EXCHANGE_SEALED_NEXT, &record, error, "iii", number,
                                    ordinal, until);
    }
    *sealed = goes_first(record, plain);
    sqlite3_stmt *statement = *sealed ? record : plain;
    if (status == ROVE_OK) {
        status = statement != NULL ? read_frame(statement, arena, push, error) : ROVE_DONE;
    }
    sqlite3_reset(plain);
    sqlite3_reset(record);
    return status == ROVE_OK && !*sealed
               ? rove__flight_chain(store, push->number - 1, &push->previous, error)
               : status;
}

rove_status rove__store_push_next(rove__store *store, int first, uint64_t number, uint32_t ordinal,
                                  rove__arena *arena, rove__push *push, int *sealed,
                                  rove_error *error) {
    rove__exchange *exchange = NULL;
    int done = 0;

    memset(push, 0, sizeof *push);
    *sealed = 0;
    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = next_frame(store, first ? 0 : (int64_t)number, first ? -1 : (int64_t)ordinal,
                            arena, push, sealed, error);
        done = status == ROVE_DONE;
    }
    status = rove__store_leave(store, done ? ROVE_OK : status, error);
    return done && status == ROVE_OK ? ROVE_DONE : status;
}

/* ---- Welcome ---- */

static rove_status put_clocks(rove__store *store, const rove__welcome *welcome, rove_error *error) {
    rove__anchor anchor;

    anchor.server_ms = welcome->server_ms;
    store->ports.clock->read(store->ports.clock->ctx, &anchor.at);
    rove_status status = rove__meta_put_anchor(store, &anchor, error);
    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_CONTACT_MS, welcome->server_ms, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_RENEW_MS, welcome->renew_after_ms, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_POLL_MS, welcome->poll_ms, error);
    }
    return status;
}

/* A replica that never had a lease keeps nothing of one. */
static rove_status put_lease(rove__store *store, int64_t lease_ms, rove__lease *lease,
                             rove_error *error) {
    rove_clock_reading reading;

    store->ports.clock->read(store->ports.clock->ctx, &reading);
    *lease = rove__lease_grant(lease_ms, &reading);
    return lease_ms > 0 || store->leased ? rove__meta_put_lease(store, lease, error) : ROVE_OK;
}

static rove_status learn(rove__store *store, const rove__welcome *welcome, rove__lease *lease,
                         rove_error *error) {
    rove_status status = put_clocks(store, welcome, error);

    if (status == ROVE_OK) {
        status = put_lease(store, welcome->lease_ms, lease, error);
    }
    if (status == ROVE_OK) {
        status = rove__journal_welcome(store, welcome, error);
    }
    if (status == ROVE_OK && welcome->policy.size > 0) {
        status = rove__meta_put_bytes(store, ROVE_META_POLICY, welcome->policy.data,
                                      welcome->policy.size, error);
    }
    if (status == ROVE_OK && welcome->seal_key.size > 0) {
        status = rove__meta_put_seal_key(store, welcome->seal_key.data, error);
        if (status == ROVE_OK) {
            status = rove__former_rekeyed(store, error);
        }
    }
    if (status == ROVE_OK &&
        memcmp(store->digest_key, welcome->digest_key, sizeof store->digest_key) != 0) {
        status = rove__meta_put_digest_key(store, welcome->digest_key, error);
        if (status == ROVE_OK) {
            status = rove__digest_rebuild(store, NULL, 0, error);
        }
    }
    return status;
}

rove_status rove__store_welcome(rove__store *store, const rove__welcome *welcome,
                                rove_error *error) {
    rove__exchange *exchange = NULL;
    rove__lease lease;

    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    sqlite3_mutex_enter(store->mutex); /* until the handle has the lease that was written */
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK &&
        (welcome->user != store->owner.user || welcome->replica != store->owner.replica)) {
        status = rove__error_set(error, ROVE_PROTOCOL,
                                 "Headquarters takes this device for another one.");
    }
    if (status == ROVE_OK) {
        status = learn(store, welcome, &lease, error);
    }
    status = rove__store_leave(store, status, error);
    if (status == ROVE_OK) {
        rove__lease_set(store, &lease);
    }
    sqlite3_mutex_leave(store->mutex);
    return status;
}
