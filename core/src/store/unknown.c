/*
 * store/unknown.c - rows of entities that this build does not know (D8).
 *
 * They are kept raw, counted in the digest, and applied once a build knows their entity. Which scope they are in
 * cannot be told without the entity's traits; they count with the organisation (root 0), so that totals agree. A scope that
 * is left does not find them: the totals differ then, and what headquarters does not name of the organisation leaves.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "store/exchange.h"

static const rove__scope organisation = {0, 0};

static rove_status find(rove__apply *apply, uint32_t entity, rove_id id, rove__raw *raw,
                        int *found) {
    sqlite3_stmt *statement = NULL;

    memset(raw, 0, sizeof *raw);
    *found = 0;
    rove_status status = rove__exchange_row(apply->store, ROVE_EXCHANGE_UNKNOWN_GET, &statement,
                                            apply->error, "ii", (int64_t)entity, id);
    if (status != ROVE_OK || statement == NULL) {
        return status;
    }
    raw->scope.root = sqlite3_column_int64(statement, 0);
    raw->scope.part = (int32_t)sqlite3_column_int64(statement, 1);
    rove_value change = rove__column_value(statement, 2);
    if (sqlite3_column_bytes(statement, 3) == 16) {
        raw->term = rove__hash128_read(sqlite3_column_blob(statement, 3));
        status = rove__change_unpack(apply->store, change.as.data, change.size,
                                     &apply->exchange->row, &raw->change, apply->error);
    } else {
        status = rove__error_set(apply->error, ROVE_CORRUPT, "An unknown row's digest is damaged.");
    }
    sqlite3_reset(statement);
    *found = status == ROVE_OK;
    return status;
}

static rove_status drop(rove__apply *apply, uint32_t entity, rove_id id, const rove__raw *raw) {
    rove_status status = rove__exchange_run(apply->store, ROVE_EXCHANGE_UNKNOWN_DROP, apply->error,
                                            "ii", (int64_t)entity, id);
    return status == ROVE_OK ? rove__sum_term(apply->store, raw->scope, raw->term, -1, apply->error)
                             : status;
}

rove_status rove__unknown_drop(rove__apply *apply, uint32_t entity, rove_id id) {
    rove__raw raw;
    int found = 0;

    rove_status status = find(apply, entity, id, &raw, &found);
    ROVE_ASSERT(status != ROVE_OK || found);
    return status == ROVE_OK ? drop(apply, entity, id, &raw) : status;
}

static rove_status put(rove__apply *apply, const rove__change *change) {
    rove__store *store = apply->store;
    rove__hash128 term;
    rove__bytes bytes;
    uint8_t written[16];

    rove_status status = rove__digest_term(store->digest_key, &change->row, &change->clock,
                                           &apply->exchange->bytes, &term);
    if (status == ROVE_OK) {
        status = rove__sum_term(store, organisation, term, 1, apply->error);
    }
    if (status == ROVE_OK) {
        status = rove__change_pack(store, change, &apply->exchange->row, &bytes);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__hash128_write(term, written);
    apply->any_unknown = 1;
    return rove__exchange_run(store, ROVE_EXCHANGE_UNKNOWN_PUT, apply->error, "iiiibb",
                              (int64_t)change->row.entity_number, change->row.id, organisation.root,
                              (int64_t)organisation.part, (const void *)bytes.data, bytes.size,
                              (const void *)written, sizeof written);
}

/* 1 if the same batch has the row as it is now: it went to another scope that is held. */
static int comes_along(const rove__apply *apply, uint32_t entity, rove_id id) {
    const rove__named *named = rove__named_find(apply, entity, id);

    return named != NULL && named->batch == apply->batch;
}

rove_status rove__unknown_change(rove__apply *apply, const rove__change *change) {
    uint32_t entity = change->row.entity_number;
    rove_id id = change->row.id;
    rove__change joined;
    rove__raw raw;
    int found = 0;

    rove_status status = apply->any_unknown ? find(apply, entity, id, &raw, &found) : ROVE_OK;
    if (status != ROVE_OK) {
        return status;
    }
    if (change->op == ROVE_OP_TOMBSTONE || change->op == ROVE_OP_MARK) {
        if (!found || (change->op == ROVE_OP_MARK && comes_along(apply, entity, id))) {
            return ROVE_OK;
        }
        apply->left = 1;
        return drop(apply, entity, id, &raw);
    }
    if (found) {
        status = drop(apply, entity, id, &raw);
    }
    if (status == ROVE_OK && found && change->op == ROVE_OP_PART) {
        status = rove__apply_join(&raw.change, change, &apply->exchange->row, &joined);
        change = &joined;
    }
    if (status == ROVE_OK) {
        status = rove__named_add(apply, entity, id, rove__transfer_of(apply, organisation));
    }
    rove__store_observe(apply->store, rove__clock_largest(&change->clock));
    return status == ROVE_OK ? put(apply, change) : status;
}

/* ---- after an upgrade ---- */

rove_status rove__unknown_try(rove__apply *apply) {
    rove__store *store = apply->store;
    sqlite3_stmt *statement = NULL;
    rove_status status = ROVE_OK;
    uint32_t entity = 0;
    rove_id id = 0;

    while (apply->any_unknown && status == ROVE_OK) {
        rove__raw raw;
        int found = 0;
        status = rove__exchange_row(store, ROVE_EXCHANGE_UNKNOWN_NEXT, &statement, apply->error,
                                    "ii", (int64_t)entity, id);
        if (status != ROVE_OK || statement == NULL) {
            return status;
        }
        entity = (uint32_t)sqlite3_column_int64(statement, 0);
        id = sqlite3_column_int64(statement, 1);
        sqlite3_reset(statement);
        if (rove__registry_by_number(store->registry, entity) == NULL) {
            continue;
        }
        rove__arena_reset(&apply->exchange->row);
        rove__arena_reset(&store->row_arena);
        status = find(apply, entity, id, &raw, &found);
        ROVE_ASSERT(status != ROVE_OK || found);
        if (status == ROVE_OK) {
            status = drop(apply, entity, id, &raw);
        }
        if (status == ROVE_OK) {
            status = rove__apply_change(apply, &raw.change);
        }
    }
    return status;
}
