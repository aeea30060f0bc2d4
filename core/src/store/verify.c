/*
 * store/verify.c - digests computed anew from the rows: to check those that are kept, or to replace them, when
 * headquarters gives another key and before they are sent.
 *
 * To check, every row is taken away from the digests inside a transaction that is rolled back; what is not
 * nothing then was wrong. Digests that are kept by adding and taking away cannot notice that a row was damaged, and
 * sending it again would leave them wrong: so those of the rows take their place.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "store/exchange.h"

typedef struct recounting {
    rove__store *store;
    rove_error *error;
    int sign;
    int rewrite;                  /* the terms of raw rows too, under the present key */
    rove__bucket_digest *buckets; /* scopes that are counted by bucket too */
    size_t bucket_count;
    uint64_t rows;
} recounting;

static rove_status count_term(recounting *r, rove__scope scope, rove_id id, rove__hash128 term) {
    for (size_t i = 0; i < r->bucket_count; i++) {
        if (rove__scope_equal(r->buckets[i].scope, scope)) {
            rove__hash128_add(&r->buckets[i].sums[rove__bucket(id)], term);
            break;
        }
    }
    r->rows++;
    return rove__sum_term(r->store, scope, term, r->sign, r->error);
}

static rove_status recount_record(recounting *r, const rove__entity *entity, rove_id id) {
    rove__store *store = r->store;
    rove__record record;
    rove__hash128 term;

    rove__arena_reset(&store->exchange->row);
    rove_status status =
        rove__record_load(store, entity, id, &store->exchange->row, &record, r->error);
    if (status != ROVE_OK || !rove__record_live(&record)) {
        return status;
    }
    status = rove__digest_term(store->digest_key, &record.under.row, &record.under.clock,
                               &store->scratch, &term);
    return status == ROVE_OK ? count_term(r, rove__row_scope(&record.under.row, NULL), id, term)
                             : status;
}

static rove_status recount_table(recounting *r, const rove__entity *entity) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status =
        rove__extent_statement(r->store, entity, ROVE_EXTENT_ALL, &statement, r->error);
    if (status == ROVE_OK) {
        status = rove__exchange_step(r->store, statement, &more, r->error);
    }
    while (status == ROVE_OK && more) {
        status = recount_record(r, entity, sqlite3_column_int64(statement, 0));
        if (status == ROVE_OK) {
            status = rove__exchange_step(r->store, statement, &more, r->error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

static rove_status recount_deleted(recounting *r) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status =
        rove__exchange_row(r->store, ROVE_EXCHANGE_DELETED_ALL, &statement, r->error, "");
    for (more = statement != NULL; status == ROVE_OK && more;) {
        const rove__entity *entity = rove__registry_by_number(
            r->store->registry, (uint32_t)sqlite3_column_int64(statement, 0));
        if (entity != NULL) {
            status = recount_record(r, entity, sqlite3_column_int64(statement, 1));
        }
        if (status == ROVE_OK) {
            status = rove__exchange_step(r->store, statement, &more, r->error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

/* One row of _quarantine or _unknown: key, root, part, change, term. */
static rove_status recount_raw(recounting *r, sqlite3_stmt *statement, rove__exchange_sql rewrite,
                               int two_keys) {
    rove__arena *arena = &r->store->exchange->row;
    int64_t first = sqlite3_column_int64(statement, 0);
    int64_t second = sqlite3_column_int64(statement, 1);
    rove__scope scope = {sqlite3_column_int64(statement, 2),
                         (int32_t)sqlite3_column_int64(statement, 3)};
    rove_value bytes = rove__column_value(statement, 4);
    rove__change change;
    rove__hash128 term;
    uint8_t written[16];

    if (sqlite3_column_type(statement, 5) == SQLITE_NULL) {
        return ROVE_OK;
    }
    rove__arena_reset(arena);
    rove_status status =
        rove__change_unpack(r->store, bytes.as.data, bytes.size, arena, &change, r->error);
    if (status == ROVE_OK) {
        status = rove__digest_term(r->store->digest_key, &change.row, &change.clock,
                                   &r->store->exchange->bytes, &term);
    }
    if (status == ROVE_OK) {
        status = count_term(r, scope, change.row.id, term);
    }
    if (status != ROVE_OK || !r->rewrite) {
        return status;
    }
    rove__hash128_write(term, written);
    return two_keys ? rove__exchange_run(r->store, rewrite, r->error, "iib", first, second,
                                         (const void *)written, sizeof written)
                    : rove__exchange_run(r->store, rewrite, r->error, "ib", first,
                                         (const void *)written, sizeof written);
}

static rove_status recount_raws(recounting *r, rove__exchange_sql all, rove__exchange_sql rewrite,
                                int two_keys) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status = rove__exchange_row(r->store, all, &statement, r->error, "");
    for (more = statement != NULL; status == ROVE_OK && more;) {
        status = recount_raw(r, statement, rewrite, two_keys);
        if (status == ROVE_OK) {
            status = rove__exchange_step(r->store, statement, &more, r->error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

static rove_status recount(recounting *r) {
    const rove__registry *registry = r->store->registry;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        status = recount_table(r, rove__registry_at(registry, i));
    }
    if (status == ROVE_OK) {
        status = recount_deleted(r);
    }
    if (status == ROVE_OK) {
        status = recount_raws(r, ROVE_EXCHANGE_QUARANTINE_ALL, ROVE_EXCHANGE_QUARANTINE_TERM, 0);
    }
    return status == ROVE_OK
               ? recount_raws(r, ROVE_EXCHANGE_UNKNOWN_ALL, ROVE_EXCHANGE_UNKNOWN_TERM, 1)
               : status;
}

rove_status rove__digest_rebuild(rove__store *store, rove__bucket_digest *buckets,
                                 size_t bucket_count, rove_error *error) {
    recounting r = {.store = store,
                    .error = error,
                    .sign = 1,
                    .rewrite = 1,
                    .buckets = buckets,
                    .bucket_count = bucket_count};

    rove__sum_forget(store);
    rove_status status = rove__exchange_run(store, ROVE_EXCHANGE_SCOPE_CLEAR, error, "");
    return status == ROVE_OK ? recount(&r) : status;
}

/* ---- checking ---- */

static rove_status differs(rove_error *error, rove__scope scope) {
    return rove__error_set(error, ROVE_CORRUPT,
                           "The rows of scope %lld/%d do not match their digest; the next exchange "
                           "repairs them.",
                           (long long)scope.root, (int)scope.part);
}

static rove_status check_nothing_left(rove__store *store, rove_error *error) {
    static const rove__hash128 nothing = {0, 0};
    sqlite3_stmt *statement = NULL;

    for (size_t i = 0; i < store->sum_capacity; i++) {
        const rove__scope_sum *sum = &store->sums[i];
        if (sum->loaded && (sum->rows != 0 || !rove__hash128_equal(sum->sum, nothing))) {
            return differs(error, sum->scope);
        }
    }
    rove_status status = rove__sum_flush(store, error);
    if (status == ROVE_OK) {
        status = rove__exchange_row(store, ROVE_EXCHANGE_SCOPE_WRONG, &statement, error, "");
    }
    if (statement != NULL) {
        rove__scope scope = {sqlite3_column_int64(statement, 0),
                             (int32_t)sqlite3_column_int64(statement, 1)};
        sqlite3_reset(statement);
        status = differs(error, scope);
    }
    return status;
}

rove_status rove__verify_file(rove__store *store, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = ROVE_OK;
    int code = sqlite3_prepare_v2(store->db, "PRAGMA integrity_check(1)", -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code != SQLITE_ROW) {
        status = rove__sqlite_status(store->db, code, error, "Checking the replica");
    } else if (sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
        status = rove__error_set(error, ROVE_CORRUPT, "replica.db is damaged: %.120s",
                                 (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return status;
}

/* What is there counts from now on, so that the next exchange finds the difference. */
static rove_status believe_rows(rove__store *store, rove_error *error) {
    rove__exchange *exchange = NULL;

    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = rove__digest_rebuild(store, NULL, 0, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_VERIFIED_MS, 0, error);
    }
    return rove__store_leave(store, status, error);
}

static rove_status check_digests(rove__store *store, uint64_t *rows, rove_error *error) {
    recounting r = {.store = store, .error = error, .sign = -1};
    rove__exchange *exchange = NULL;

    rove_status status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = recount(&r);
    }
    *rows = r.rows;
    return status == ROVE_OK ? check_nothing_left(store, error) : status;
}

rove_status rove__store_verify(rove__store *store, uint64_t *rows, rove_error *error) {
    int sound = 0;

    *rows = 0;
    rove_status status = rove__store_check(store, error);
    if (status == ROVE_OK) {
        status = rove__store_enter(store, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__verify_file(store, error);
    if (status == ROVE_OK) {
        sound = 1;
        status = check_digests(store, rows, error);
    }
    rove_status left = rove__store_leave(store, ROVE_CANCELLED, NULL);
    ROVE_ASSERT(left == ROVE_CANCELLED);
    (void)left;
    if (status != ROVE_CORRUPT || !sound) {
        return status;
    }
    rove_status believed = believe_rows(store, NULL);
    return believed == ROVE_OK ? status : believed;
}
