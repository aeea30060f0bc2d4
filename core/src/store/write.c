/*
 * store/write.c - what local writes share, and the insert.
 */
#include "store/write.h"

#include <string.h>

#include "base/text.h"
#include "model/set.h"

#define ROW_OVERHEAD 24 /* bytes that a row takes when it travels, beside its values */

rove_status rove__write_ready(rove__store *store, const rove__entity *entity, rove_error *error) {
    if (!store->in_transaction) {
        return rove__error_set(error, ROVE_STATE, "There is no transaction open; begin one.");
    }
    if (store->doomed != ROVE_OK) {
        return rove__error_set(error, store->doomed,
                               "An earlier write of this transaction failed; roll it back.");
    }
    if (store->owner.user == 0) {
        return rove__error_set(error, ROVE_NOT_ENROLLED,
                               "This device is not enrolled; nothing can be recorded on it yet.");
    }
    if (entity == NULL || rove__registry_by_number(store->registry, entity->number) != entity) {
        return rove__error_set(error, ROVE_UNKNOWN_ENTITY,
                               "The entity is not one of this replica's.");
    }
    rove__arena_reset(&store->row_arena);
    return ROVE_OK;
}

rove_status rove__write_plain(const rove__row *row, rove__arena *arena, rove__row *plain) {
    rove_status status = ROVE_OK;
    int copied = 0;

    *plain = *row;
    for (size_t i = 0; i < row->cell_count && status == ROVE_OK; i++) {
        if (row->entity->fields[i].kind != ROVE_KIND_SET || row->cells[i].type == ROVE_NULL) {
            continue;
        }
        if (!copied) {
            plain->cells =
                rove__arena_copy(arena, row->cells, row->cell_count * sizeof *row->cells);
            if (plain->cells == NULL) {
                return ROVE_NOMEM;
            }
            copied = 1;
        }
        status = rove__set_plain(&row->cells[i], arena, &plain->cells[i]);
    }
    return status;
}

rove_status rove__write_rules(rove__store *store, rove__op op, const rove__row *before,
                              const rove__row *after, rove_error *error) {
    rove__write write = {
        .op = op,
        .actor = ROVE_ACTOR_REP,
        .registry = store->registry,
        .before = before,
        .after = after,
    };
    return rove__rules_check(&write, error);
}

size_t rove__value_bytes_sent(const rove_value *value) {
    switch (value->type) {
    case ROVE_TEXT:
    case ROVE_BLOB:
        return value->size + 2;
    case ROVE_INT:
        return 6;
    case ROVE_REAL:
        return 8;
    case ROVE_NULL:
    default:
        return 1;
    }
}

rove_status rove__write_limits(rove__store *store, uint64_t last_tx, size_t bytes,
                               rove_error *error) {
    size_t rows = store->tx_rows + (last_tx != store->clock.tx);

    if (rows > ROVE_TRANSACTION_ROWS_MAX ||
        store->tx_bytes + bytes + ROW_OVERHEAD > ROVE_TRANSACTION_BYTES_MAX) {
        return rove__error_set(error, ROVE_TOO_BIG,
                               "A transaction holds at most %d rows and %d bytes. Commit and go on "
                               "in another.",
                               ROVE_TRANSACTION_ROWS_MAX, ROVE_TRANSACTION_BYTES_MAX);
    }
    return ROVE_OK;
}

rove_status rove__write_done(rove__store *store, rove_status status, uint32_t entity, rove_id id,
                             uint64_t last_tx, size_t bytes) {
    if (status != ROVE_OK) {
        store->doomed = status;
        return status;
    }
    if (last_tx != store->clock.tx) {
        store->tx_rows++;
        store->tx_bytes += ROW_OVERHEAD;
    }
    store->tx_bytes += bytes;
    rove__store_note(store, entity, id);
    return ROVE_OK;
}

void rove__write_entry(const rove__store *store, rove__op op, const rove__entity *entity,
                       rove_id id, rove_stamp raw, rove__entry *entry) {
    memset(entry, 0, sizeof *entry);
    entry->entity = entity->number;
    entry->row = id;
    entry->first_tx = store->clock.tx;
    entry->last_tx = store->clock.tx;
    entry->op = op;
    entry->replica = store->owner.replica;
    entry->raw = raw;
    entry->cursor = store->cursor;
}

/* ---- insert ---- */

/* Each element as an add of this device's. */
static rove_status version_set(rove__store *store, rove_value *cell, rove_stamp raw,
                               rove_error *error) {
    rove__set set;

    rove_status status = rove__set_read(&set, cell, ROVE_SET_PLAIN, &store->row_arena);
    if (status == ROVE_OK && set.form != ROVE_SET_PLAIN) {
        status = rove__error_set(error, ROVE_INVALID, "A set is written as its plain elements.");
    }
    if (status != ROVE_OK) {
        return status;
    }
    set.form = ROVE_SET_VERSIONED;
    for (size_t i = 0; i < set.count; i++) {
        set.elements[i].version.stamp = raw;
        set.elements[i].version.replica = store->owner.replica;
    }
    return rove__set_value(&set, &store->row_arena, cell);
}

/* The row as the table keeps it: all cells, those absent NULL, sets versioned. */
static rove_status build(rove__store *store, const rove__row *row, rove_stamp raw,
                         rove__stored *stored, size_t *bytes, rove_error *error) {
    const rove__entity *entity = row->entity;
    rove__origin origin = {raw, store->owner.replica};

    memset(stored, 0, sizeof *stored);
    rove__clock_init(&stored->clock, origin, origin, 0);
    rove_status status = rove__row_init(&stored->row, entity, row->id, &store->row_arena);
    stored->row.extra = row->extra;
    stored->row.extra_count = row->extra_count;
    *bytes = 0;
    for (size_t i = 0; i < row->extra_count; i++) {
        *bytes += rove__value_bytes_sent(&row->extra[i].value);
    }
    for (size_t i = 0; i < row->cell_count && status == ROVE_OK; i++) {
        if (!rove__bits_get(&row->present, i) || row->cells[i].type == ROVE_NULL) {
            continue;
        }
        stored->row.cells[i] = row->cells[i];
        *bytes += rove__value_bytes_sent(&row->cells[i]);
        if (entity->fields[i].kind == ROVE_KIND_SET) {
            status = version_set(store, &stored->row.cells[i], raw, error);
        }
    }
    return status;
}

static rove_status draw_id(rove__store *store, rove_id *id, rove_error *error) {
    if (store->clock.counter == UINT32_MAX) {
        return rove__error_set(error, ROVE_RANGE,
                               "This device has used up its ids; enrol it again for new ones.");
    }
    *id = rove__id_make(store->owner.replica, ++store->clock.counter);
    return ROVE_OK;
}

/* An id that the caller chose must be free, also among the rows that a pending delete holds. */
static rove_status check_free(rove__store *store, const rove__row *row, rove_error *error) {
    rove__stored there;
    int64_t entry = 0;

    if (row->id < 0 || (rove__id_replica(row->id) == store->owner.replica &&
                        rove__id_counter(row->id) > store->clock.counter)) {
        return rove__error_set(error, ROVE_INVALID,
                               "The id was never given out; leave it 0 for a new one.");
    }
    rove_status status =
        rove__table_get(store, row->entity, row->id, &store->row_arena, &there, NULL);
    if (status == ROVE_NOT_FOUND) {
        status = rove__deleted_entry(store, row->entity->number, row->id, &entry, error);
    }
    if (status == ROVE_OK) {
        return rove__error_set(error, ROVE_EXISTS, "There is a %s with the id %lld already.",
                               row->entity->table, (long long)row->id);
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* A record may be sealed from the first; of one that is not, nobody says anything. */
static rove_status prove(rove__store *store, rove__stored *stored, size_t *bytes,
                         rove__link_made *made, rove_error *error) {
    const rove__row *row = &stored->row;
    int seal = row->entity->seal_field;
    int ordinal = seal < 0 ? -1 : rove__proof_field(row->entity);
    rove_status status = ROVE_OK;

    memset(made, 0, sizeof *made);
    if (ordinal >= 0 && row->cells[seal].type != ROVE_NULL) {
        status =
            rove__write_prove(store, row, stored->clock.origin, &row->cells[ordinal], made, error);
        *bytes += rove__value_bytes_sent(&row->cells[ordinal]);
    }
    return status;
}

static rove_status put_insert(rove__store *store, rove__stored *stored, rove_stamp raw,
                              const rove__link_made *made, rove_error *error) {
    rove__entry entry;

    rove__write_entry(store, ROVE_OP_INSERT, stored->row.entity, stored->row.id, raw, &entry);
    rove_status status = rove__entry_save(store, &entry, error);
    if (status == ROVE_OK) {
        stored->pending = entry.seq;
        status = rove__table_put(store, stored, 1, error);
    }
    return status == ROVE_OK ? rove__write_proved(store, made, error) : status;
}

rove_status rove__store_insert(rove__store *store, rove__row *row, rove_error *error) {
    rove__stored stored;
    rove__link_made made;
    rove_stamp raw = 0;
    size_t bytes = 0;
    int drawn = row->id == 0;

    rove_status status = rove__write_ready(store, row->entity, error);
    if (status == ROVE_OK) {
        status = rove__write_rules(store, ROVE_OP_INSERT, NULL, row, error);
    }
    if (status == ROVE_OK && !drawn) {
        status = check_free(store, row, error);
    }
    if (status == ROVE_OK) {
        status = rove__store_stamp(store, &raw);
    }
    if (status == ROVE_OK) {
        status = build(store, row, raw, &stored, &bytes, error);
    }
    if (status == ROVE_OK) {
        status = prove(store, &stored, &bytes, &made, error);
    }
    if (status == ROVE_OK) {
        status = rove__write_limits(store, 0, bytes, error);
    }
    if (status == ROVE_OK && drawn) {
        status = draw_id(store, &stored.row.id, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = put_insert(store, &stored, raw, &made, error);
    if (status == ROVE_OK) {
        row->id = stored.row.id;
    }
    return rove__write_done(store, status, row->entity->number, stored.row.id, 0, bytes);
}
