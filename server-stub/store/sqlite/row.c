/*
 * store/sqlite/row.c - one row, live or dead, its origin, and the index tables of its sets.
 *
 * A live row is in its entity's table, a dead one packed in _tombstone, never in both. _origin names either. The index table
 * of a set has one entry per element of a live row.
 */
#include <string.h>

#include "base/assert.h"
#include "store/sqlite/lite.h"

const rove__entity *rove__lite_entity(const rove__hq_tx *tx, uint32_t number) {
    return rove__registry_by_number(tx->lite->registry, number);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static rove_status read_clock(rove__clock *clock, const rove_value *value, rove__arena *arena) {
    return value->type == ROVE_BLOB ? rove__clock_read(clock, value->as.data, value->size, arena)
                                    : ROVE_CORRUPT;
}

static void read_fields(const rove__lite_statement *statement, rove__row *row) {
    size_t columns = statement->slot->columns;

    columns = columns < row->cell_count ? columns : row->cell_count;
    for (size_t i = 0; i < columns; i++) {
        rove_value value = rove__lite_value(statement, ROVE_LITE_COLUMN_FIELDS + (int)i);
        if (value.type != ROVE_NULL) {
            rove__row_set(row, i, value);
        }
    }
}

rove_status rove__lite_row_read(const rove__lite_statement *statement, const rove__entity *entity,
                                rove__arena *arena, rove__hq_row *out) {
    rove_value clock = rove__lite_value(statement, ROVE_LITE_COLUMN_CLOCK);
    rove_value unknown = rove__lite_value(statement, ROVE_LITE_COLUMN_UNKNOWN);

    memset(out, 0, sizeof *out);
    rove_status status =
        rove__row_init(&out->row, entity, rove__lite_int(statement, ROVE_LITE_COLUMN_ID), arena);
    if (status != ROVE_OK) {
        return status;
    }
    read_fields(statement, &out->row);
    out->scope.root = rove__lite_int(statement, ROVE_LITE_COLUMN_ROOT);
    out->scope.part = (int32_t)rove__lite_int(statement, ROVE_LITE_COLUMN_PART);
    out->whole_since = rove__lite_u64(statement, ROVE_LITE_COLUMN_WHOLE);
    out->author = rove__lite_int(statement, ROVE_LITE_COLUMN_AUTHOR);
    out->review = (uint32_t)rove__lite_int(statement, ROVE_LITE_COLUMN_REVIEW);
    status = read_clock(&out->clock, &clock, arena);
    return status == ROVE_OK ? rove__lite_unpack(&out->row, &unknown, arena) : status;
}

/* What lies in a statement goes with its next step: the row has to be copied. */
static rove_status keep(rove__hq_row *row, rove__arena *arena) {
    rove__row borrowed = row->row;

    return rove__row_copy(&row->row, &borrowed, arena);
}

static rove_status get_live(rove__hq_tx *tx, const rove__entity *entity, rove_id id,
                            rove__arena *arena, rove__hq_row *out) {
    rove__lite_statement s = rove__lite_open_kind(tx, entity, ROVE_LITE_GET, 0);

    rove__lite_bind_int(&s, id);
    if (rove__lite_get(&s)) {
        s.status = rove__lite_row_read(&s, entity, arena, out);
        if (s.status == ROVE_OK) {
            s.status = keep(out, arena);
        }
    }
    return rove__lite_end(&s);
}

static rove_status read_dead(rove__lite_statement *s, const rove__entity *entity, rove_id id,
                             rove__arena *arena, rove__hq_row *out) {
    rove_value clock = rove__lite_value(s, 3);
    rove_value packed = rove__lite_value(s, 7);

    memset(out, 0, sizeof *out);
    rove_status status = rove__row_init(&out->row, entity, id, arena);
    if (status != ROVE_OK) {
        return status;
    }
    out->dead = rove__lite_u64(s, 0);
    out->scope.root = rove__lite_int(s, 1);
    out->scope.part = (int32_t)rove__lite_int(s, 2);
    out->whole_since = rove__lite_u64(s, 4);
    out->author = rove__lite_int(s, 5);
    out->review = (uint32_t)rove__lite_int(s, 6);
    status = read_clock(&out->clock, &clock, arena);
    if (status == ROVE_OK) {
        status = rove__lite_unpack(&out->row, &packed, arena);
    }
    return status == ROVE_OK ? keep(out, arena) : status;
}

static rove_status get_dead(rove__hq_tx *tx, const rove__entity *entity, rove_id id,
                            rove__arena *arena, rove__hq_row *out) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT seq, root, part, clock, whole, author, review, row"
                            " FROM _tombstone WHERE entity = ? AND id = ? AND clock <> x''");

    rove__lite_bind_int(&s, entity->number);
    rove__lite_bind_int(&s, id);
    if (rove__lite_get(&s)) {
        s.status = read_dead(&s, entity, id, arena, out);
    }
    return rove__lite_end(&s);
}

static rove_status row_get(rove__hq_tx *tx, uint32_t number, rove_id id, int lock,
                           rove__arena *arena, rove__hq_row *out) {
    const rove__entity *entity = rove__lite_entity(tx, number);

    (void)lock;
    if (entity == NULL) {
        return ROVE_NOT_FOUND;
    }
    rove_status status = get_live(tx, entity, id, arena, out);
    return status == ROVE_NOT_FOUND ? get_dead(tx, entity, id, arena, out) : status;
}

static rove_status row_by_origin(rove__hq_tx *tx, rove__origin origin, uint32_t *entity,
                                 rove_id *id) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT entity, id FROM _origin WHERE stamp = ? AND replica = ?");

    *entity = 0;
    *id = 0;
    rove__lite_bind_u64(&s, origin.stamp);
    rove__lite_bind_int(&s, origin.replica);
    if (rove__lite_get(&s)) {
        *entity = (uint32_t)rove__lite_int(&s, 0);
        *id = rove__lite_int(&s, 1);
    }
    return rove__lite_end(&s);
}

/* ---- sets ----------------------------------------------------------------------------------------------- */

/* Enters or removes every element of a set's blob. */
static rove_status change_elements(rove__hq_tx *tx, const rove__entity *entity, size_t ordinal,
                                   rove_id id, const rove_value *set, rove__lite_kind kind) {
    rove__set_cursor cursor;
    rove__element element;
    rove_status status = ROVE_OK;

    rove__set_open(&cursor, set, ROVE_SET_VERSIONED);
    while (status == ROVE_OK && rove__set_next(&cursor, &element)) {
        rove__lite_statement s = rove__lite_open_kind(tx, entity, kind, ordinal);
        rove__lite_bind_value(&s, &element.value);
        rove__lite_bind_int(&s, id);
        status = rove__lite_run(&s);
    }
    return status == ROVE_OK ? rove__set_done(&cursor) : status;
}

static int has_sets(const rove__entity *entity) {
    for (size_t i = 0; i < entity->field_count; i++) {
        if (entity->fields[i].kind == ROVE_KIND_SET) {
            return 1;
        }
    }
    return 0;
}

/* The sets that the table has, by ordinal, in the connection's arena; NULL for an entity without any. */
static rove_status read_sets(rove__hq_tx *tx, const rove__entity *entity, rove_id id,
                             rove_value **out) {
    rove_status status = ROVE_OK;

    *out = NULL;
    if (!has_sets(entity)) {
        return ROVE_OK;
    }
    rove__arena_reset(&tx->arena);
    rove_value *sets = rove__arena_take(&tx->arena, entity->field_count * sizeof *sets);
    if (sets == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < entity->field_count && status == ROVE_OK; i++) {
        sets[i] = rove__value_null();
        if (entity->fields[i].kind != ROVE_KIND_SET) {
            continue;
        }
        rove__lite_statement s = rove__lite_open_kind(tx, entity, ROVE_LITE_SET_GET, i);
        rove__lite_bind_int(&s, id);
        if (rove__lite_next(&s)) {
            rove__bytes bytes = rove__lite_bytes(&s, 0, &tx->arena);
            if (bytes.size > 0) {
                sets[i] = rove__value_bytes(ROVE_BLOB, bytes.data, bytes.size);
            }
        }
        status = rove__lite_end(&s);
    }
    *out = sets;
    return status;
}

/* From the sets that were to those of `row`; NULL: the row goes. */
static rove_status change_sets(rove__hq_tx *tx, const rove__entity *entity, rove_id id,
                               const rove_value *before, const rove__row *row) {
    const rove_value nothing = rove__value_null();
    rove_status status = ROVE_OK;

    for (size_t i = 0; before != NULL && i < entity->field_count && status == ROVE_OK; i++) {
        if (entity->fields[i].kind != ROVE_KIND_SET) {
            continue;
        }
        const rove_value *now = row != NULL ? &row->cells[i] : &nothing;
        if (rove__value_equal(&before[i], now)) {
            continue;
        }
        status = change_elements(tx, entity, i, id, &before[i], ROVE_LITE_ELEMENT_DROP);
        if (status == ROVE_OK) {
            status = change_elements(tx, entity, i, id, now, ROVE_LITE_ELEMENT_PUT);
        }
    }
    return status;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

/* *fresh: the origin is to be entered. ROVE_EXISTS: it is another record's. */
static rove_status check_origin(rove__hq_tx *tx, const rove__hq_row *row, int *fresh) {
    rove__origin origin = row->clock.origin;
    uint32_t entity = 0;
    rove_id id = 0;

    *fresh = 0;
    if (origin.stamp == 0 && origin.replica == 0) {
        return ROVE_OK;
    }
    rove_status status = row_by_origin(tx, origin, &entity, &id);
    if (status == ROVE_OK) {
        return entity == row->row.entity_number && id == row->row.id ? ROVE_OK : ROVE_EXISTS;
    }
    *fresh = status == ROVE_NOT_FOUND;
    return *fresh ? ROVE_OK : status;
}

static rove_status put_origin(rove__hq_tx *tx, const rove__hq_row *row) {
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT INTO _origin(stamp, replica, entity, id) VALUES(?, ?, ?, ?)");

    rove__lite_bind_u64(&s, row->clock.origin.stamp);
    rove__lite_bind_int(&s, row->clock.origin.replica);
    rove__lite_bind_int(&s, row->row.entity_number);
    rove__lite_bind_int(&s, row->row.id);
    return rove__lite_run(&s);
}

static rove_status drop_dead(rove__hq_tx *tx, const rove__row *row) {
    rove__lite_statement s =
        rove__lite_open(tx, "DELETE FROM _tombstone WHERE entity = ? AND id = ?");

    rove__lite_bind_int(&s, row->entity_number);
    rove__lite_bind_int(&s, row->id);
    return rove__lite_run(&s);
}

static rove_status drop_live(rove__hq_tx *tx, const rove__row *row) {
    rove__lite_statement s = rove__lite_open_kind(tx, row->entity, ROVE_LITE_DROP, 0);

    rove__lite_bind_int(&s, row->id);
    return rove__lite_run(&s);
}

/* The clock, then the packed cells, in the connection's scratch buffer. */
static rove_status encode(rove__hq_tx *tx, const rove__hq_row *row, int all, size_t *clock_size) {
    rove__buf_reset(&tx->scratch);
    rove__clock_write(&tx->scratch, &row->clock, 1);
    *clock_size = tx->scratch.size;
    rove__lite_pack(&tx->scratch, &row->row, all);
    return rove__buf_status(&tx->scratch);
}

/* A value for which this snapshot has no column is refused, not dropped. */
static void bind_fields(rove__lite_statement *s, const rove__row *row) {
    size_t columns = s->status == ROVE_OK ? s->slot->columns : 0;

    for (size_t i = 0; i < columns && s->status == ROVE_OK; i++) {
        rove_value value = rove__row_cell(row, i);
        rove__lite_bind_value(s, &value);
    }
    for (size_t i = columns; i < row->cell_count && s->status == ROVE_OK; i++) {
        s->status = row->cells[i].type != ROVE_NULL ? ROVE_UNKNOWN_FIELD : ROVE_OK;
    }
}

static rove_status write_live(rove__hq_tx *tx, const rove__hq_row *row) {
    size_t clock_size = 0;
    rove_status status = encode(tx, row, 0, &clock_size);

    if (status != ROVE_OK) {
        return status;
    }
    const uint8_t *bytes = tx->scratch.data;
    rove_value unknown = rove__value_null();
    if (tx->scratch.size > clock_size) {
        unknown = rove__value_bytes(ROVE_BLOB, bytes + clock_size, tx->scratch.size - clock_size);
    }
    rove__lite_statement s = rove__lite_open_kind(tx, row->row.entity, ROVE_LITE_PUT, 0);
    rove__lite_bind_int(&s, row->row.id);
    rove__lite_bind_int(&s, row->scope.root);
    rove__lite_bind_int(&s, row->scope.part);
    rove__lite_bind_blob(&s, bytes, clock_size);
    rove__lite_bind_u64(&s, row->whole_since);
    rove__lite_bind_int(&s, row->author);
    rove__lite_bind_int(&s, row->review);
    rove__lite_bind_value(&s, &unknown);
    bind_fields(&s, &row->row);
    return rove__lite_run(&s);
}

static rove_status write_dead(rove__hq_tx *tx, const rove__hq_row *row) {
    size_t clock_size = 0;
    rove_status status = encode(tx, row, 1, &clock_size);

    if (status != ROVE_OK) {
        return status;
    }
    const uint8_t *bytes = tx->scratch.data;
    rove__lite_statement s = rove__lite_open(
        tx, "INSERT INTO _tombstone(entity, id, seq, root, part, clock, whole, author, review, row)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(entity, id) DO UPDATE SET"
            " seq = excluded.seq, root = excluded.root, part = excluded.part,"
            " clock = excluded.clock, whole = excluded.whole, author = excluded.author,"
            " review = excluded.review, row = excluded.row");
    rove__lite_bind_int(&s, row->row.entity_number);
    rove__lite_bind_int(&s, row->row.id);
    rove__lite_bind_u64(&s, row->dead);
    rove__lite_bind_int(&s, row->scope.root);
    rove__lite_bind_int(&s, row->scope.part);
    rove__lite_bind_blob(&s, bytes, clock_size);
    rove__lite_bind_u64(&s, row->whole_since);
    rove__lite_bind_int(&s, row->author);
    rove__lite_bind_int(&s, row->review);
    rove__lite_bind_blob(&s, bytes + clock_size, tx->scratch.size - clock_size);
    return rove__lite_run(&s);
}

static rove_status put_live(rove__hq_tx *tx, const rove__hq_row *row, const rove_value *before) {
    rove_status status = write_live(tx, row);

    if (status == ROVE_OK) {
        status = drop_dead(tx, &row->row);
    }
    return status == ROVE_OK ? change_sets(tx, row->row.entity, row->row.id, before, &row->row)
                             : status;
}

static rove_status put_dead(rove__hq_tx *tx, const rove__hq_row *row, const rove_value *before) {
    rove_status status = write_dead(tx, row);

    if (status == ROVE_OK) {
        status = drop_live(tx, &row->row);
    }
    return status == ROVE_OK ? change_sets(tx, row->row.entity, row->row.id, before, NULL) : status;
}

/* What may be refused comes first, so that a refused row leaves nothing. */
static rove_status row_put(rove__hq_tx *tx, const rove__hq_row *row) {
    rove_value *before = NULL;
    int fresh = 0;

    if (row->row.entity == NULL) {
        return ROVE_UNKNOWN_ENTITY;
    }
    ROVE_ASSERT(row->row.id > 0 && tx->mode == ROVE_HQ_WRITE);
    rove_status status = check_origin(tx, row, &fresh);
    if (status == ROVE_OK) {
        status = read_sets(tx, row->row.entity, row->row.id, &before);
    }
    if (status == ROVE_OK) {
        status = row->dead != 0 ? put_dead(tx, row, before) : put_live(tx, row, before);
    }
    return status == ROVE_OK && fresh ? put_origin(tx, row) : status;
}

void rove__lite_fill_row(rove__hq_store *store) {
    store->row_get = row_get;
    store->row_put = row_put;
    store->row_by_origin = row_by_origin;
}
