/*
 * store/sums.c - the digests of the scopes, while a transaction changes them (rule G2).
 *
 * The transaction's scopes stand in an open-addressing table with a power of two of slots, at most three
 * quarters full; a slot with `loaded` 0 is free. A scope is read from _scope when it is first touched and written
 * back, or removed if it has no row left, when the transaction ends. Between the pages of a download the table stays, as
 * far as it is small: the next page has rows of the same scopes.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "model/digest.h"
#include "store/internal.h"

#define CAPACITY_MIN 64
#define KEPT_MAX     6144

static size_t slot_of(const rove__store *store, rove__scope scope) {
    uint64_t hash = ((uint64_t)scope.root * 0x9e3779b97f4a7c15u) ^
                    ((uint64_t)(uint32_t)scope.part * 0xc2b2ae3d27d4eb4fu);
    size_t slot = (size_t)(hash >> 32) & (store->sum_capacity - 1);

    while (store->sums[slot].loaded && (store->sums[slot].scope.root != scope.root ||
                                        store->sums[slot].scope.part != scope.part)) {
        slot = (slot + 1) & (store->sum_capacity - 1);
    }
    return slot;
}

static rove_status grow(rove__store *store) {
    rove__scope_sum *old = store->sums;
    size_t old_capacity = store->sum_capacity;
    size_t capacity = old_capacity == 0 ? CAPACITY_MIN : 2 * old_capacity;
    rove__scope_sum *sums = rove__alloc_zeroed(store->ports.allocator, capacity, sizeof *sums);

    if (sums == NULL) {
        return ROVE_NOMEM;
    }
    store->sums = sums;
    store->sum_capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].loaded) {
            sums[slot_of(store, old[i].scope)] = old[i];
        }
    }
    rove__free(store->ports.allocator, old);
    return ROVE_OK;
}

static rove_status read_sum(sqlite3_stmt *statement, int at, rove__hash128 *sum,
                            rove_error *error) {
    if (sqlite3_column_bytes(statement, at) != 16) {
        return rove__error_set(error, ROVE_CORRUPT, "The digest of a scope is damaged.");
    }
    *sum = rove__hash128_read(sqlite3_column_blob(statement, at));
    return ROVE_OK;
}

static rove_status load(rove__store *store, rove__scope scope, rove__scope_sum *sum,
                        rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__store_statement(store, ROVE_SQL_SCOPE_GET, &statement, error);

    memset(sum, 0, sizeof *sum);
    sum->scope = scope;
    if (status != ROVE_OK) {
        return status;
    }
    sqlite3_bind_int64(statement, 1, scope.root);
    sqlite3_bind_int64(statement, 2, scope.part);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        sum->rows = sqlite3_column_int64(statement, 0);
        status = read_sum(statement, 1, &sum->sum, error);
    } else if (code != SQLITE_DONE) {
        status = rove__sqlite_status(store->db, code, error, "Reading the digests");
    }
    sqlite3_reset(statement);
    sum->loaded = status == ROVE_OK;
    return status;
}

static rove_status touch(rove__store *store, rove__scope scope, rove__scope_sum **sum,
                         rove_error *error) {
    rove__scope_sum loaded;

    if (4 * (store->sum_count + 1) > 3 * store->sum_capacity) {
        rove_status status = grow(store);
        if (status != ROVE_OK) {
            return status;
        }
    }
    *sum = &store->sums[slot_of(store, scope)];
    if ((*sum)->loaded) {
        return ROVE_OK;
    }
    rove_status status = load(store, scope, &loaded, error);
    if (status == ROVE_OK) {
        **sum = loaded;
        store->sum_count++;
    }
    return status;
}

static void mark(rove__store *store, rove__scope_sum *sum) {
    store->sum_dirty += !sum->dirty;
    sum->dirty = 1;
}

rove_status rove__sum_term(rove__store *store, rove__scope scope, rove__hash128 term, int sign,
                           rove_error *error) {
    rove__scope_sum *sum = NULL;

    ROVE_ASSERT(sign == 1 || sign == -1);
    rove_status status = touch(store, scope, &sum, error);
    if (status == ROVE_OK) {
        if (sign > 0) {
            rove__hash128_add(&sum->sum, term);
        } else {
            rove__hash128_subtract(&sum->sum, term);
        }
        sum->rows += sign;
        mark(store, sum);
    }
    return status;
}

rove_status rove__sum_change(rove__store *store, const rove__row *row, const rove__clock *clock,
                             rove__scope scope, int sign, rove_error *error) {
    rove__hash128 term;

    rove_status status = rove__digest_term(store->digest_key, row, clock, &store->scratch, &term);
    if (status == ROVE_OK) {
        status = rove__sum_term(store, scope, term, sign, error);
    }
    return status;
}

static rove_status write(rove__store *store, const rove__scope_sum *sum, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    uint8_t bytes[16];
    int gone = sum->rows == 0;

    rove_status status = rove__store_statement(
        store, gone ? ROVE_SQL_SCOPE_DROP : ROVE_SQL_SCOPE_PUT, &statement, error);
    if (status == ROVE_OK) {
        sqlite3_bind_int64(statement, 1, sum->scope.root);
        sqlite3_bind_int64(statement, 2, sum->scope.part);
        if (!gone) {
            rove__hash128_write(sum->sum, bytes);
            sqlite3_bind_int64(statement, 3, sum->rows);
            sqlite3_bind_blob(statement, 4, bytes, sizeof bytes, SQLITE_STATIC);
        }
        status = rove__store_run(store, statement, error, "Writing the digests");
    }
    return status;
}

/* Written at once: who lets go of thousands of scopes looks into the table for each, and would flush all of them each time. */
rove_status rove__sum_clear(rove__store *store, rove__scope scope, rove_error *error) {
    rove__scope_sum *sum = NULL;

    rove_status status = touch(store, scope, &sum, error);
    if (status == ROVE_OK) {
        memset(&sum->sum, 0, sizeof sum->sum);
        sum->rows = 0;
        store->sum_dirty -= sum->dirty != 0;
        sum->dirty = 0;
        status = write(store, sum, error);
    }
    return status;
}

rove_status rove__sum_flush(rove__store *store, rove_error *error) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; store->sum_dirty > 0 && i < store->sum_capacity && status == ROVE_OK; i++) {
        if (store->sums[i].loaded && store->sums[i].dirty) {
            status = write(store, &store->sums[i], error);
            store->sums[i].dirty = 0;
            store->sum_dirty--;
        }
    }
    return status;
}

void rove__sum_keep(rove__store *store) {
    if (!store->lazy || !store->downloading || store->sum_count > KEPT_MAX) {
        rove__sum_forget(store);
    }
}

void rove__sum_forget(rove__store *store) {
    rove__free(store->ports.allocator, store->sums);
    store->sums = NULL;
    store->sum_count = 0;
    store->sum_capacity = 0;
    store->sum_dirty = 0;
}

rove_status rove__sum_total(rove__store *store, rove__hash128 *total, uint64_t *rows,
                            uint64_t *scopes, rove_error *error) {
    sqlite3_stmt *statement = NULL;

    memset(total, 0, sizeof *total);
    *rows = 0;
    *scopes = 0;
    rove_status status = rove__sum_flush(store, error);
    if (status == ROVE_OK) {
        status = rove__store_statement(store, ROVE_SQL_SCOPE_ALL, &statement, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    int code = SQLITE_DONE;
    while (status == ROVE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        rove__hash128 sum;
        status = read_sum(statement, 3, &sum, error);
        if (status == ROVE_OK) {
            rove__hash128_add(total, sum);
            *rows += (uint64_t)sqlite3_column_int64(statement, 2);
            *scopes += 1;
        }
    }
    if (status == ROVE_OK && code != SQLITE_DONE) {
        status = rove__sqlite_status(store->db, code, error, "Reading the digests");
    }
    sqlite3_reset(statement);
    return status;
}
