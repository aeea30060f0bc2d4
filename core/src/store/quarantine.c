/*
 * store/quarantine.c - rows from headquarters that cannot be applied (D7).
 *
 * A record has at most one quarantined change: headquarters' version of it, whole and raw. A later part is laid
 * over it and a later whole row replaces it, and both are tried at once, so they queue in order. It counts in
 * the digest of its scope as it is, and leaves with that scope. While it is here the record is off its table,
 * with work in flight kept as for every row that leaves (D5).
 *
 * A part of a record of which nothing is here is kept too, but cannot be counted, and its scope is unknown. If the
 * replica should hold the record, totals differ until headquarters sends its scope whole, with the record. So once they are
 * equal it should not, and the part leaves.
 */
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"
#include "store/exchange.h"

rove_status rove__quarantine_find(rove__apply *apply, uint32_t entity, rove_id id,
                                  rove__arena *arena, rove__raw *raw, int *found) {
    sqlite3_stmt *statement = NULL;

    memset(raw, 0, sizeof *raw);
    *found = 0;
    rove_status status = rove__exchange_row(apply->store, ROVE_EXCHANGE_QUARANTINE_GET, &statement,
                                            apply->error, "ii", (int64_t)entity, id);
    if (status != ROVE_OK || statement == NULL) {
        return status;
    }
    raw->seq = sqlite3_column_int64(statement, 0);
    raw->scope.root = sqlite3_column_int64(statement, 1);
    raw->scope.part = (int32_t)sqlite3_column_int64(statement, 2);
    rove_value change = rove__column_value(statement, 3);
    raw->counted = sqlite3_column_bytes(statement, 4) == 16;
    if (raw->counted) {
        raw->term = rove__hash128_read(sqlite3_column_blob(statement, 4));
    }
    status = rove__change_unpack(apply->store, change.as.data, change.size, arena, &raw->change,
                                 apply->error);
    sqlite3_reset(statement);
    *found = status == ROVE_OK;
    return status;
}

rove_status rove__quarantine_drop(rove__apply *apply, const rove__raw *raw) {
    rove_status status = rove__exchange_run(apply->store, ROVE_EXCHANGE_QUARANTINE_DROP,
                                            apply->error, "i", raw->seq);
    if (status == ROVE_OK && raw->counted) {
        status = rove__sum_term(apply->store, raw->scope, raw->term, -1, apply->error);
    }
    return status;
}

rove_status rove__quarantine_drop_parts(rove__apply *apply) {
    if (!apply->any_quarantined || ROVE_PLANTED(D07_STAYS)) {
        return ROVE_OK;
    }
    rove_status status =
        rove__exchange_run(apply->store, ROVE_EXCHANGE_QUARANTINE_PARTS_DROP, apply->error, "");
    if (status == ROVE_OK && sqlite3_changes(apply->store->db) > 0) {
        status =
            rove__meta_put_int(apply->store, ROVE_META_REMAINS, ROVE_REMAINS_FILE, apply->error);
    }
    return status;
}

static rove_status store_raw(rove__apply *apply, const rove__change *change, rove_status why,
                             const char *reason) {
    rove__store *store = apply->store;
    rove__scope scope = {0, 0};
    rove__hash128 term;
    rove__bytes bytes;
    uint8_t written[16];
    int counted = change->op == ROVE_OP_WHOLE;
    rove_status status = ROVE_OK;

    if (counted) {
        scope = rove__row_scope(&change->row, NULL);
        status = rove__digest_term(store->digest_key, &change->row, &change->clock,
                                   &apply->exchange->bytes, &term);
    }
    if (status == ROVE_OK && counted) {
        rove__hash128_write(term, written);
        status = rove__sum_term(store, scope, term, 1, apply->error);
    }
    if (status == ROVE_OK) {
        status = rove__change_pack(store, change, &apply->exchange->row, &bytes);
    }
    if (status != ROVE_OK) {
        return status;
    }
    return rove__exchange_run(store, ROVE_EXCHANGE_QUARANTINE_PUT, apply->error, "iiiiitbb",
                              (int64_t)change->row.entity_number, change->row.id, scope.root,
                              (int64_t)scope.part, (int64_t)why, reason, (const void *)bytes.data,
                              bytes.size, counted ? (const void *)written : NULL, sizeof written);
}

rove_status rove__quarantine_put(rove__apply *apply, const rove__change *change, rove_status why,
                                 const char *reason) {
    rove__record record;

    rove_status status = rove__record_load(apply->store, change->row.entity, change->row.id,
                                           &apply->exchange->row, &record, apply->error);
    /* An insert of this device's has the id; what came comes again with its answer. */
    if (status != ROVE_OK || rove__record_inserts(&record)) {
        return status;
    }
    status = rove__record_leave(apply->store, &record, &apply->exchange->row, apply->error);
    if (status != ROVE_OK) {
        return status;
    }
    rove__log(apply->store->ports.log, ROVE_LOG_WARN, "store", "%s %lld is quarantined: %s",
              change->row.entity->name, (long long)change->row.id, reason);
    apply->any_aside |= record.aside;
    apply->any_quarantined = 1;
    apply->pending_listed = 0;
    return store_raw(apply, change, why, reason);
}

/* ---- trying again ---- */

static rove_status next_name(rove__apply *apply, int64_t *seq, uint32_t *entity, rove_id *id,
                             int *found) {
    sqlite3_stmt *statement = NULL;

    rove_status status = rove__exchange_row(apply->store, ROVE_EXCHANGE_QUARANTINE_NEXT, &statement,
                                            apply->error, "i", *seq);
    *found = statement != NULL;
    if (*found) {
        *seq = sqlite3_column_int64(statement, 0);
        *entity = (uint32_t)sqlite3_column_int64(statement, 1);
        *id = sqlite3_column_int64(statement, 2);
        sqlite3_reset(statement);
    }
    return status;
}

rove_status rove__quarantine_try(rove__apply *apply) {
    sqlite3_stmt *statement = NULL;
    int64_t last = 0;
    int64_t seq = 0;
    int found = 1;

    if (!apply->any_quarantined) {
        return ROVE_OK;
    }
    /* What fails again gets a new, higher seq: only those up to the highest of now are tried. */
    rove_status status = rove__exchange_row(apply->store, ROVE_EXCHANGE_QUARANTINE_LAST, &statement,
                                            apply->error, "");
    if (statement != NULL) {
        last = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    while (status == ROVE_OK && found) {
        uint32_t entity = 0;
        rove_id id = 0;
        rove__raw raw;
        status = next_name(apply, &seq, &entity, &id, &found);
        if (status != ROVE_OK || !found || seq > last) {
            break;
        }
        rove__arena_reset(&apply->exchange->row);
        rove__arena_reset(&apply->store->row_arena);
        status = rove__quarantine_find(apply, entity, id, &apply->exchange->row, &raw, &found);
        if (status == ROVE_OK && found && raw.change.row.entity != NULL) {
            status = rove__apply_change(apply, &raw.change);
        }
    }
    return status;
}

rove_status rove__store_quarantine_retry(rove__store *store, uint64_t *left, rove_error *error) {
    rove__apply apply;
    sqlite3_stmt *statement = NULL;

    *left = 0;
    rove_status status = rove__store_check(store, error);
    if (status == ROVE_OK) {
        status = rove__store_enter(store, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__apply_begin(&apply, store, error);
    if (status == ROVE_OK) {
        status = rove__unknown_try(&apply);
    }
    if (status == ROVE_OK) {
        status = rove__quarantine_try(&apply);
    }
    if (status == ROVE_OK) {
        status = rove__apply_end(&apply);
    }
    if (status == ROVE_OK) {
        status = rove__exchange_row(store, ROVE_EXCHANGE_QUARANTINE_COUNT, &statement, error, "");
    }
    if (statement != NULL) {
        *left = (uint64_t)sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return rove__store_leave(store, status, error);
}
