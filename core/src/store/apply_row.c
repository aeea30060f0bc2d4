/*
 * store/apply_row.c - one row, tombstone or mark from headquarters.
 *
 * Applying is replacing (D2): headquarters' version becomes what the change says, and pending work is laid over it
 * again. Three ways, from fast to slow:
 *   a WHOLE row of a scope of which nothing was held is inserted without reading first;
 *   a row that is there already, equal in clock and values and without pending work, is left alone;
 *   everything else is loaded as a record, changed, and saved.
 */
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "base/text.h"
#include "model/set.h"
#include "store/exchange.h"

/* ---- what may be applied ---- */

/* P3: a record that only this device could have made, but did not. */
static rove_status check_fork(const rove__apply *apply, const rove__change *change) {
    const rove__store *store = apply->store;

    if (rove__id_replica(change->row.id) == store->owner.replica &&
        rove__id_counter(change->row.id) > store->clock.counter) {
        return rove__error_set(
            apply->error, ROVE_FORK,
            "Headquarters knows records of this device that it never made: it is "
            "a copy, or was restored from one.");
    }
    return ROVE_OK;
}

static rove_status check_cell(const rove__field *field, const rove_value *value,
                              rove__arena *arena) {
    rove__set set;

    if (field->kind == ROVE_KIND_SET) {
        rove_status status = rove__set_read(&set, value, ROVE_SET_VERSIONED, arena);
        if (status == ROVE_NOMEM) {
            return status;
        }
        return status == ROVE_OK && set.form == ROVE_SET_VERSIONED ? ROVE_OK : ROVE_INVALID;
    }
    if (value->type != field->type) {
        return ROVE_INVALID;
    }
    if (value->type == ROVE_INT) {
        return value->as.integer >= field->min && value->as.integer <= field->max ? ROVE_OK
                                                                                  : ROVE_RANGE;
    }
    if (value->type == ROVE_TEXT || value->type == ROVE_BLOB) {
        return value->size <= ROVE_VALUE_MAX && (int64_t)value->size <= field->max ? ROVE_OK
                                                                                   : ROVE_TOO_BIG;
    }
    return ROVE_OK;
}

/* What stands in the way of the row; *at: the field. */
static rove_status check_cells(const rove__apply *apply, const rove__row *row, size_t *at) {
    for (*at = 0; *at < row->cell_count; *at += 1) {
        const rove_value *value = &row->cells[*at];
        if (rove__bits_get(&row->present, *at) && value->type != ROVE_NULL) {
            rove_status status =
                check_cell(&row->entity->fields[*at], value, &apply->exchange->row);
            if (status != ROVE_OK) {
                return status;
            }
        }
    }
    return ROVE_OK;
}

static rove_status quarantine_cell(rove__apply *apply, const rove__change *change, size_t at,
                                   rove_status why) {
    char reason[ROVE_ERROR_MESSAGE_MAX];

    rove__text_format(reason, sizeof reason, "%s.%s: %s", change->row.entity->name,
                      change->row.entity->fields[at].name, rove_status_text(why));
    return rove__quarantine_put(apply, change, why, reason);
}

/* ---- fast: a fresh row ---- */

/* A WHOLE change as the table has it: all cells present, absent ones NULL. */
static void as_stored(const rove__change *change, rove__stored *stored) {
    const rove__row *row = &change->row;

    memset(stored, 0, sizeof *stored);
    stored->row = *row;
    stored->clock = change->clock;
    for (size_t i = 0; i < row->cell_count; i++) {
        rove__bits_set(&stored->row.present, i);
    }
}

static rove_status insert_fresh(rove__apply *apply, const rove__change *change, rove__scope scope) {
    rove__store *store = apply->store;
    rove__stored stored;
    rove_error error;

    as_stored(change, &stored);
    rove_status status = rove__table_put(store, &stored, 1, &error);
    if (status != ROVE_OK && status != ROVE_EXISTS && apply->error != NULL) {
        *apply->error = error;
    }
    if (status == ROVE_OK) {
        status = rove__sum_change(store, &stored.row, &stored.clock, scope, 1, apply->error);
        rove__store_note(store, change->row.entity_number, 0);
    }
    return status;
}

/* ---- the same row again ---- */

static int same_value(sqlite3_stmt *statement, int at, const rove_value *value) {
    switch (sqlite3_column_type(statement, at)) {
    case SQLITE_INTEGER:
        return value->type == ROVE_INT && sqlite3_column_int64(statement, at) == value->as.integer;
    case SQLITE_TEXT:
    case SQLITE_BLOB:
    case SQLITE_FLOAT: {
        rove_value held = rove__column_value(statement, at);
        return rove__value_equal(&held, value);
    }
    default:
        return value->type == ROVE_NULL;
    }
}

static int same_bytes(sqlite3_stmt *statement, int at, const uint8_t *bytes, size_t size) {
    return (size_t)sqlite3_column_bytes(statement, at) == size &&
           (size == 0 || memcmp(sqlite3_column_blob(statement, at), bytes, size) == 0);
}

/* Clock and unknown fields, encoded as the table keeps them. */
static rove_status encode_tail(rove__buf *buf, const rove__change *change, size_t *clock_size) {
    rove__buf_reset(buf);
    rove__clock_write(buf, &change->clock, 0);
    *clock_size = buf->size;
    for (size_t i = 0; i < change->row.extra_count; i++) {
        rove__buf_varint(buf, change->row.extra[i].number);
        rove__value_write(buf, &change->row.extra[i].value);
    }
    return rove__buf_status(buf);
}

/* 1 if the WHOLE row stands just so, with nothing pending over it. */
static rove_status is_same(rove__apply *apply, const rove__change *change, int *same) {
    const rove__row *row = &change->row;
    rove__buf *tail = &apply->exchange->bytes;
    sqlite3_stmt *statement = NULL;
    size_t clock_size = 0;

    *same = 0;
    rove_status status = rove__store_entity_statement(
        apply->store, row->entity, ROVE_ENTITY_SQL_GET, &statement, apply->error);
    if (status == ROVE_OK) {
        status = encode_tail(tail, change, &clock_size);
    }
    if (status != ROVE_OK) {
        return status;
    }
    int fields = sqlite3_column_count(statement) - 3; /* _clock, _pending, _unknown */
    sqlite3_bind_int64(statement, 1, row->id);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *same = sqlite3_column_type(statement, fields + 1) == SQLITE_NULL &&
                same_bytes(statement, fields, tail->data, clock_size) &&
                same_bytes(statement, fields + 2, tail->data + clock_size, tail->size - clock_size);
        for (int i = 0; i < fields && *same; i++) {
            rove_value value = rove__row_cell(row, (size_t)i);
            *same = row->entity->fields[i].kind == ROVE_KIND_DERIVED ||
                    same_value(statement, i, &value);
        }
    } else if (code != SQLITE_DONE) {
        status = rove__sqlite_status(apply->store->db, code, apply->error, "Reading a row");
    }
    sqlite3_reset(statement);
    return status;
}

/* ---- slow: a record ---- */

static void drop_parked(rove__record *record, rove__apply *apply, rove_status *status) {
    for (size_t i = record->count; i-- > 0 && *status == ROVE_OK;) {
        if (record->entries[i].batch == ROVE_BATCH_PARKED) {
            *status = rove__record_settle(apply->store, record, i, apply->error);
        }
    }
}

rove_status rove__apply_freeze_seal(rove__apply *apply, rove__record *record) {
    const rove__entry *newest = rove__record_newest(record);

    if (newest == NULL || newest->op != ROVE_OP_SEAL || newest->batch != 0) {
        return ROVE_OK;
    }
    rove_status status = rove__freeze_rows(apply->store, &newest->seq, 1, apply->error);
    if (status == ROVE_OK) {
        status = rove__record_load(apply->store, record->entity, record->id, &apply->exchange->row,
                                   record, apply->error);
    }
    return status;
}

/* Another record under this id (P4). *waits 1: an insert is pending, so it comes again with RENUMBER. */
static rove_status make_way(rove__apply *apply, rove__record *record, const rove__change *change,
                            int *waits) {
    const rove__store *store = apply->store;
    int other = record->known &&
                rove__version_compare(record->under.clock.origin, change->clock.origin) != 0;

    *waits = rove__record_inserts(record);
    if (!other) {
        return ROVE_OK;
    }
    if (rove__id_replica(change->row.id) == store->owner.replica) {
        return rove__error_set(
            apply->error, ROVE_FORK,
            "Headquarters has another record under an id of this device: it is a "
            "copy, or was restored from one.");
    }
    if (*waits) {
        return ROVE_OK;
    }
    rove_status status =
        rove__record_leave(apply->store, record, &apply->exchange->row, apply->error);
    apply->left = 1;
    /* What is under way belongs to the record that left, and must not be laid over the one that comes. */
    if (status == ROVE_OK && record->aside) {
        status =
            rove__deleted_put(apply->store, record->entity->number, record->id, 0, apply->error);
    }
    record->aside = 0;
    record->count = 0;
    return status;
}

static rove_status replace(rove__apply *apply, rove__record *record, const rove__change *change) {
    rove__arena *arena = &apply->exchange->row;

    if ((ROVE_PLANTED(D01_STALE) && record->known && record->count > 0) ||
        (ROVE_PLANTED(D02_JOIN) && record->known &&
         rove__clock_largest(&record->under.clock) > rove__clock_largest(&change->clock))) {
        return ROVE_OK;
    }
    rove_status status = rove__record_sum(apply->store, record, -1, apply->error);

    if (status == ROVE_OK) {
        drop_parked(record, apply, &status);
    }
    as_stored(change, &record->under);
    record->known = 1;
    if (status == ROVE_OK) {
        status = rove__record_save(apply->store, record, arena, apply->error);
    }
    if (status == ROVE_OK) {
        status = rove__record_sum(apply->store, record, 1, apply->error);
    }
    apply->any_aside |= record->aside;
    apply->pending_listed &= record->count == 0;
    return status;
}

static rove_status put_record(rove__apply *apply, const rove__change *change) {
    rove__record record;
    int waits = 0;

    rove_status status = rove__record_load(apply->store, change->row.entity, change->row.id,
                                           &apply->exchange->row, &record, apply->error);
    if (status == ROVE_OK) {
        status = make_way(apply, &record, change, &waits);
    }
    if (status != ROVE_OK || waits) {
        return status;
    }
    status = rove__apply_freeze_seal(apply, &record);
    return status == ROVE_OK ? replace(apply, &record, change) : status;
}

rove_status rove__apply_whole(rove__apply *apply, const rove__change *change) {
    rove__scope scope = rove__row_scope(&change->row, NULL);
    rove__transfer *transfer = rove__transfer_of(apply, scope);
    rove_status why = ROVE_OK;
    size_t at = 0;
    int same = 0;

    rove_status status =
        rove__named_add(apply, change->row.entity_number, change->row.id, transfer);
    if (status != ROVE_OK) {
        return status;
    }
    rove__store_observe(apply->store, rove__clock_largest(&change->clock));
    why = check_cells(apply, &change->row, &at);
    if (why == ROVE_NOMEM) {
        return why;
    }
    if (why != ROVE_OK) {
        return quarantine_cell(apply, change, at, why);
    }
    if (transfer != NULL && transfer->fresh && !apply->any_aside) {
        status = insert_fresh(apply, change, scope);
        if (status != ROVE_EXISTS) {
            return status;
        }
    }
    status = is_same(apply, change, &same);
    return status != ROVE_OK || same ? status : put_record(apply, change);
}

/* ---- parts ---- */

static rove_status join_extra(rove__row *joined, const rove__row *part, rove__arena *arena) {
    size_t most = joined->extra_count + part->extra_count;
    rove__extra *extra = rove__arena_take(arena, (most + 1) * sizeof *extra);
    size_t count = 0;
    size_t a = 0;
    size_t b = 0;

    if (extra == NULL) {
        return ROVE_NOMEM;
    }
    while (a < joined->extra_count || b < part->extra_count) {
        uint64_t old = a < joined->extra_count ? joined->extra[a].number : UINT64_MAX;
        uint64_t new = b < part->extra_count ? part->extra[b].number : UINT64_MAX;
        rove__extra taken = new <= old ? part->extra[b] : joined->extra[a];
        a += old <= new;
        b += new <= old;
        if (taken.value.type != ROVE_NULL) {
            extra[count++] = taken;
        }
    }
    joined->extra = extra;
    joined->extra_count = count;
    return count <= ROVE_EXTRA_MAX ? ROVE_OK : ROVE_TOO_BIG;
}

rove_status rove__apply_join(const rove__change *whole, const rove__change *part,
                             rove__arena *arena, rove__change *joined) {
    const rove__entity *entity = whole->row.entity;
    rove_status status = rove__change_copy(joined, whole, arena);

    for (size_t i = 0; i < part->row.cell_count && status == ROVE_OK; i++) {
        if (rove__bits_get(&part->row.present, i)) {
            rove__row_set(&joined->row, i, part->row.cells[i]);
            status = rove__clock_set(&joined->clock, arena,
                                     rove__clock_get(&part->clock, entity->fields[i].number));
        }
    }
    for (size_t i = 0; i < part->row.extra_count && status == ROVE_OK; i++) {
        status = rove__clock_set(&joined->clock, arena,
                                 rove__clock_get(&part->clock, part->row.extra[i].number));
    }
    return status == ROVE_OK ? join_extra(&joined->row, &part->row, arena) : status;
}

static rove_status put_part(rove__apply *apply, const rove__change *change) {
    rove__arena *arena = &apply->exchange->row;
    rove__record record;
    rove__change whole;
    rove__change joined;

    rove_status status = rove__record_load(apply->store, change->row.entity, change->row.id, arena,
                                           &record, apply->error);
    if (status != ROVE_OK) {
        return status;
    }
    if (!record.known) {
        return rove__quarantine_put(apply, change, ROVE_NOT_FOUND,
                                    "Headquarters sent a part of a record that is not here.");
    }
    if (rove__version_compare(record.under.clock.origin, change->clock.origin) != 0) {
        return rove__record_inserts(&record)
                   ? ROVE_OK
                   : rove__quarantine_put(apply, change, ROVE_NOT_FOUND,
                                          "Headquarters sent a part of another record.");
    }
    rove__record_whole(&record, &whole);
    status = rove__apply_join(&whole, change, arena, &joined);
    return status == ROVE_OK ? rove__apply_whole(apply, &joined) : status;
}

static rove_status put_row(rove__apply *apply, const rove__change *change) {
    rove__arena *arena = &apply->exchange->row;
    rove__change joined;
    rove__raw raw;
    int found = 0;

    rove_status status = check_fork(apply, change);
    if (status == ROVE_OK && apply->any_quarantined) {
        status = rove__quarantine_find(apply, change->row.entity_number, change->row.id, arena,
                                       &raw, &found);
    }
    if (status == ROVE_OK && found) {
        status = rove__quarantine_drop(apply, &raw);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (change->op == ROVE_OP_WHOLE) {
        return rove__apply_whole(apply, change);
    }
    if (!found) {
        return put_part(apply, change);
    }
    /* D7: it queues behind what is quarantined; both are tried as one. */
    status = rove__apply_join(&raw.change, change, arena, &joined);
    if (status != ROVE_OK) {
        return status;
    }
    return joined.op == ROVE_OP_WHOLE ? rove__apply_whole(apply, &joined)
                                      : put_part(apply, &joined);
}

/* ---- what leaves ---- */

static rove_status leave(rove__apply *apply, const rove__change *change) {
    rove__arena *arena = &apply->exchange->row;
    rove__record record;
    rove__raw raw;
    int found = 0;
    int mark = change->op == ROVE_OP_MARK;
    const rove__named *named = rove__named_find(apply, change->row.entity_number, change->row.id);
    rove_status status = ROVE_OK;

    /* The same batch has the row as it is now. */
    if (named != NULL && named->batch == apply->batch) {
        return ROVE_OK;
    }
    if (apply->any_quarantined) {
        status = rove__quarantine_find(apply, change->row.entity_number, change->row.id, arena,
                                       &raw, &found);
        if (status == ROVE_OK && found && (!mark || rove__scope_covers(change->scope, raw.scope))) {
            status = rove__quarantine_drop(apply, &raw);
            apply->left = 1;
        }
    }
    if (status == ROVE_OK) {
        status = rove__record_load(apply->store, change->row.entity, change->row.id, arena, &record,
                                   apply->error);
    }
    if (status != ROVE_OK || !rove__record_live(&record)) {
        return status;
    }
    if (mark ? !rove__scope_covers(change->scope, rove__row_scope(&record.under.row, NULL))
             : rove__version_compare(record.under.clock.origin, change->clock.origin) != 0) {
        return ROVE_OK;
    }
    status = rove__record_leave(apply->store, &record, arena, apply->error);
    apply->any_aside |= record.aside;
    apply->left = 1;
    return status;
}

rove_status rove__apply_change(rove__apply *apply, const rove__change *change) {
    if (change->row.entity == NULL) {
        return rove__unknown_change(apply, change);
    }
    switch (change->op) {
    case ROVE_OP_WHOLE:
    case ROVE_OP_PART:
        apply->custom |= change->row.entity == apply->custom_field;
        apply->tally.applied++;
        return put_row(apply, change);
    case ROVE_OP_TOMBSTONE:
    case ROVE_OP_MARK:
        apply->tally.removed++;
        return leave(apply, change);
    case ROVE_OP_INSERT:
    case ROVE_OP_UPDATE:
    case ROVE_OP_DELETE:
    case ROVE_OP_SEAL:
    default:
        return rove__error_set(apply->error, ROVE_PROTOCOL,
                               "Headquarters sent what only devices send.");
    }
}
