/*
 * store/write_remove.c - a local delete, and taking back what was not sent.
 *
 * A deleted row leaves its table and moves, as headquarters had it, into its newest entry (D1); what the rep had
 * changed in it and not sent goes with it. The entry keeps the clock as the rep saw it (D3), by which
 * headquarters tells what the deleter had not seen. A row that nobody else has seen just vanishes.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "store/exchange.h"
#include "store/write.h"

/* ---- delete ---- */

/* The row as shown has to allow it; *record is what there is of it. */
static rove_status prepare(rove__store *store, const rove__entity *entity, rove_id id,
                           rove__record *record, rove_error *error) {
    rove__stored shown;
    rove__row plain;

    rove_status status = rove__table_get(store, entity, id, &store->row_arena, &shown, error);
    if (status == ROVE_OK) {
        status = rove__write_plain(&shown.row, &store->row_arena, &plain);
    }
    if (status == ROVE_OK) {
        status = rove__write_rules(store, ROVE_OP_DELETE, &plain, NULL, error);
    }
    if (status == ROVE_OK) {
        status = rove__record_load(store, entity, id, &store->row_arena, record, error);
    }
    return status;
}

static rove_status seen_clock(rove__store *store, const rove__record *record, rove__entry *entry) {
    rove__clock seen;

    rove_status status = rove__record_seen(record, record->count, &store->row_arena, &seen);
    if (status == ROVE_OK) {
        rove__buf_reset(&store->scratch);
        rove__clock_write(&store->scratch, &seen, 0);
        status = rove__buf_status(&store->scratch);
    }
    if (status == ROVE_OK) {
        entry->seen_size = store->scratch.size;
        entry->seen = rove__arena_copy(&store->row_arena, store->scratch.data, entry->seen_size);
        status = entry->seen != NULL ? ROVE_OK : ROVE_NOMEM;
    }
    return status;
}

/* The delete becomes the record's newest entry: in place of the one that was not frozen, or behind all. */
static rove_status add_delete(rove__store *store, rove__record *record) {
    rove__entry *newest = rove__record_newest(record);
    size_t kept = newest != NULL && newest->batch == 0 ? record->count - 1 : record->count;
    rove__entry *entries = rove__arena_take(&store->row_arena, (kept + 1) * sizeof *entries);
    rove_stamp raw = 0;

    if (entries == NULL) {
        return ROVE_NOMEM;
    }
    rove_status status = rove__store_stamp(store, &raw);
    if (status != ROVE_OK) {
        return status;
    }
    if (kept > 0) {
        memcpy(entries, record->entries, kept * sizeof *entries);
    }
    rove__write_entry(store, ROVE_OP_DELETE, record->entity, record->id, raw, &entries[kept]);
    if (kept < record->count) {
        entries[kept].seq = newest->seq;
        entries[kept].first_tx = newest->first_tx;
        entries[kept].cursor = newest->cursor;
    }
    status = seen_clock(store, record, &entries[kept]);
    record->entries = entries;
    record->count = kept + 1;
    return status;
}

/* Takes the newest entry, and with an insert the row, off the replica. */
static rove_status take_back(rove__store *store, rove__record *record, rove_error *error) {
    int inserts = rove__record_newest(record)->op == ROVE_OP_INSERT;

    store->clock_unseen = 1; /* the stamps and the id of the entry are not to come again */
    rove_status status = rove__record_settle(store, record, record->count - 1, error);
    if (inserts) {
        ROVE_ASSERT(record->count == 0);
        record->known = 0;
    }
    return status == ROVE_OK ? rove__record_save(store, record, &store->row_arena, error) : status;
}

rove_status rove__store_delete(rove__store *store, const rove__entity *entity, rove_id id,
                               rove_error *error) {
    rove__record record;

    rove_status status = rove__write_ready(store, entity, error);
    if (status == ROVE_OK) {
        status = prepare(store, entity, id, &record, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    const rove__entry *newest = rove__record_newest(&record);
    uint64_t last_tx = newest != NULL && newest->batch == 0 ? newest->last_tx : 0;
    status = rove__write_limits(store, last_tx, 0, error);
    if (status != ROVE_OK) {
        return status;
    }
    if (newest != NULL && newest->batch == 0 && newest->op == ROVE_OP_INSERT) {
        status = take_back(store, &record, error);
    } else {
        status = add_delete(store, &record);
        if (status != ROVE_OK) {
            return status;
        }
        status = rove__record_save(store, &record, &store->row_arena, error);
    }
    return rove__write_done(store, status, entity->number, id, last_tx, 0);
}

/* ---- undo ---- */

static rove_status note_and_take_back(rove__store *store, rove__record *record, rove_error *error) {
    rove__change change;

    rove_status status =
        rove__record_change(store, record, record->count - 1, 0, &store->row_arena, &change, error);
    if (status == ROVE_OK) {
        status = rove__discard_note(store, &change, "undone", error);
    }
    return status == ROVE_OK ? take_back(store, record, error) : status;
}

rove_status rove__store_undo(rove__store *store, const rove__entity *entity, rove_id id,
                             rove_error *error) {
    rove__record record;

    rove_status status = rove__write_ready(store, entity, error);
    if (status == ROVE_OK) {
        status = rove__record_load(store, entity, id, &store->row_arena, &record, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (record.count == 0) {
        return rove__error_set(error, ROVE_NOT_FOUND, "Nothing of this %s is unsent.",
                               entity->table);
    }
    if (rove__record_newest(&record)->batch != 0) {
        return rove__error_set(error, ROVE_STATE,
                               "This %s is being sent already; change it again instead.",
                               entity->table);
    }
    status = note_and_take_back(store, &record, error);
    return rove__write_done(store, status, entity->number, id, store->clock.tx, 0);
}
