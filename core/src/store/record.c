/*
 * store/record.c - a row as reconciling sees it: headquarters' version, and the pending work over it.
 *
 * Three places make up a record: its typed row (the overlay), its chain of outbox entries, and, where it has no
 * typed row, the entry that _deleted names. What is loaded is taken apart into headquarters' version and
 * entries; saving puts the three places together again, whatever changed in between.
 *
 *   known, no entries                 a plain typed row
 *   known, entries                    the typed row shows the entries laid over headquarters' version, whose
 *                                     hidden values lie in the oldest entry that covers them (D1)
 *   known, the newest is a DELETE     no typed row; headquarters' version is the entry's image
 *   not known, entries                no typed row; taken off the replica with work in flight (D5)
 */
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "base/text.h"
#include "merge/merge.h"
#include "model/set.h"
#include "store/exchange.h"

rove__entry *rove__record_newest(const rove__record *record) {
    return record->count > 0 ? &record->entries[record->count - 1] : NULL;
}

int rove__record_inserts(const rove__record *record) {
    for (size_t i = 0; i < record->count; i++) {
        if (record->entries[i].op == ROVE_OP_INSERT) {
            return 1;
        }
    }
    return 0;
}

int rove__record_live(const rove__record *record) {
    return record->known && !rove__record_inserts(record);
}

static int deletes(const rove__record *record) {
    const rove__entry *newest = rove__record_newest(record);
    return newest != NULL && newest->op == ROVE_OP_DELETE;
}

static void all_present(rove__row *row) {
    for (size_t i = 0; i < row->cell_count; i++) {
        rove__bits_set(&row->present, i);
    }
}

void rove__record_whole(const rove__record *record, rove__change *whole) {
    memset(whole, 0, sizeof *whole);
    whole->op = ROVE_OP_WHOLE;
    whole->row = record->under.row;
    whole->clock = record->under.clock;
    memset(&whole->row.present, 0, sizeof whole->row.present);
    for (size_t i = 0; i < whole->row.cell_count; i++) {
        if (whole->row.cells[i].type != ROVE_NULL) {
            rove__bits_set(&whole->row.present, i);
        }
    }
}

/* Takes the overlay off: each hidden value comes from the oldest entry that covers its cell. */
static rove_status uncover(rove__record *record, const rove__stored *shown, rove__arena *arena) {
    record->under = *shown;
    record->under.pending = 0;
    record->known = 1;
    if (record->count == 0) {
        return ROVE_OK;
    }
    record->under.row.cells =
        rove__arena_copy(arena, shown->row.cells, shown->row.cell_count * sizeof *shown->row.cells);
    if (record->under.row.cells == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = record->count; i-- > 0;) {
        const rove__entry *entry = &record->entries[i];
        for (size_t c = 0; c < entry->count; c++) {
            int ordinal = rove__row_field(&record->under.row, entry->cells[c].field);
            if (ordinal >= 0 && entry->cells[c].has_under) {
                record->under.row.cells[ordinal] = entry->cells[c].under;
            }
        }
    }
    return ROVE_OK;
}

static rove_status load_aside(rove__store *store, rove__record *record, rove__arena *arena,
                              rove_error *error) {
    int64_t seq = 0;
    rove__change image;

    rove_status status =
        rove__deleted_entry(store, record->entity->number, record->id, &seq, error);
    if (status == ROVE_NOT_FOUND) {
        return ROVE_OK;
    }
    if (status == ROVE_OK) {
        record->aside = 1;
        status = rove__entry_chain(store, seq, arena, &record->entries, &record->count, error);
    }
    if (status != ROVE_OK || !deletes(record) || rove__record_newest(record)->image_size == 0) {
        return status;
    }
    status = rove__change_unpack(store, rove__record_newest(record)->image,
                                 rove__record_newest(record)->image_size, arena, &image, error);
    if (status == ROVE_OK && image.row.entity != record->entity) {
        status = rove__error_set(error, ROVE_CORRUPT, "The image of a deleted row is damaged.");
    }
    if (status == ROVE_OK) {
        record->under.row = image.row;
        record->under.clock = image.clock;
        all_present(&record->under.row);
        record->known = 1;
    }
    return status;
}

rove_status rove__record_load(rove__store *store, const rove__entity *entity, rove_id id,
                              rove__arena *arena, rove__record *record, rove_error *error) {
    rove__stored shown;

    memset(record, 0, sizeof *record);
    record->entity = entity;
    record->id = id;
    rove_status status = rove__table_get(store, entity, id, arena, &shown, NULL);
    if (status == ROVE_NOT_FOUND) {
        return load_aside(store, record, arena, error);
    }
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "Reading a row of %s failed.", entity->table);
    }
    record->shown = 1;
    if (shown.pending != 0) {
        status =
            rove__entry_chain_of(store, &shown, arena, &record->entries, &record->count, error);
    }
    return status == ROVE_OK ? uncover(record, &shown, arena) : status;
}

rove_status rove__record_sum(rove__store *store, const rove__record *record, int sign,
                             rove_error *error) {
    if (!rove__record_live(record)) {
        return ROVE_OK;
    }
    return rove__sum_change(store, &record->under.row, &record->under.clock,
                            rove__row_scope(&record->under.row, NULL), sign, error);
}

/* ---- saving ---- */

static int covered_before(const rove__record *record, size_t at, uint32_t field) {
    for (size_t i = 0; i < at; i++) {
        if (rove__entry_cell(&record->entries[i], field) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* Headquarters' version into the oldest entries that cover it. */
static void cover(rove__record *record) {
    for (size_t i = 0; i < record->count; i++) {
        rove__entry *entry = &record->entries[i];
        entry->previous = i > 0 ? record->entries[i - 1].seq : 0;
        for (size_t c = 0; c < entry->count; c++) {
            rove__pending_cell *cell = &entry->cells[c];
            int ordinal = rove__entity_field(record->entity, cell->field);
            cell->has_under =
                record->known && ordinal >= 0 && !covered_before(record, i, cell->field);
            cell->under = cell->has_under ? record->under.row.cells[ordinal] : rove__value_null();
        }
    }
}

static rove_status put_image(rove__store *store, rove__record *record, rove__arena *arena) {
    rove__entry *newest = rove__record_newest(record);
    rove__change whole;
    rove__bytes bytes = {NULL, 0};
    rove_status status = ROVE_OK;

    if (record->known) {
        rove__record_whole(record, &whole);
        status = rove__change_pack(store, &whole, arena, &bytes);
    }
    newest->image = bytes.data;
    newest->image_size = bytes.size;
    return status;
}

static rove_status save_entries(rove__store *store, rove__record *record, rove__arena *arena,
                                rove_error *error) {
    rove_status status = ROVE_OK;

    cover(record);
    if (deletes(record)) {
        status = put_image(store, record, arena);
    }
    for (size_t i = 0; i < record->count && status == ROVE_OK; i++) {
        status = rove__entry_save(store, &record->entries[i], error);
    }
    return status;
}

static rove_status save_shown(rove__store *store, const rove__record *record, rove__arena *arena,
                              rove_error *error) {
    rove__stored shown;

    if (record->count == 0) {
        return rove__table_put(store, &record->under, !record->shown, error);
    }
    rove_status status = rove__store_overlay(store, &record->under, record->entries, record->count,
                                             arena, &shown, error);
    if (status == ROVE_OK) {
        status = rove__table_put(store, &shown, !record->shown, error);
    }
    return status;
}

rove_status rove__record_save(rove__store *store, rove__record *record, rove__arena *arena,
                              rove_error *error) {
    int shows = record->known && !deletes(record);
    rove_status status = save_entries(store, record, arena, error);

    if (status == ROVE_OK && shows) {
        record->under.pending = 0;
        status = save_shown(store, record, arena, error);
    } else if (status == ROVE_OK && record->shown) {
        status = rove__table_drop(store, record->entity, record->id, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    int aside = !shows && record->count > 0;
    if (aside || record->aside) {
        status = rove__deleted_put(store, record->entity->number, record->id,
                                   aside ? rove__record_newest(record)->seq : 0, error);
    }
    if (shows || record->shown) {
        rove__store_note(store, record->entity->number, record->id);
    }
    record->shown = shows;
    record->aside = aside;
    return status;
}

rove_status rove__record_settle(rove__store *store, rove__record *record, size_t at,
                                rove_error *error) {
    int64_t seq = record->entries[at].seq;

    ROVE_ASSERT(at < record->count);
    record->count--;
    memmove(&record->entries[at], &record->entries[at + 1],
            (record->count - at) * sizeof *record->entries);
    return rove__entry_remove(store, seq, error);
}

rove_status rove__record_leave(rove__store *store, rove__record *record, rove__arena *arena,
                               rove_error *error) {
    rove__entry *newest = rove__record_newest(record);
    rove_status status = ROVE_OK;

    if (!record->known) {
        return ROVE_OK;
    }
    if (ROVE_PLANTED(D05_DROPPED) && newest != NULL && newest->batch == 0) {
        status = rove__record_settle(store, record, record->count - 1, error);
    } else if (newest != NULL && newest->batch == 0) {
        status = rove__freeze_rows(store, &newest->seq, 1, error);
        if (status == ROVE_OK) {
            status = rove__record_load(store, record->entity, record->id, arena, record, error);
        }
    }
    ROVE_ASSERT(record->count == 0 || record->entries != NULL);
    /* Headquarters keeps what it parked; nothing of it is left to send. */
    for (size_t i = record->count; i-- > 0 && status == ROVE_OK;) {
        if (record->entries[i].batch == ROVE_BATCH_PARKED) {
            status = rove__record_settle(store, record, i, error);
        }
    }
    if (status == ROVE_OK) {
        status = rove__record_sum(store, record, -1, error);
    }
    record->known = 0;
    return status == ROVE_OK ? rove__record_save(store, record, arena, error) : status;
}

/* ---- what is sent ---- */

rove_status rove__record_seen(const rove__record *record, size_t count, rove__arena *arena,
                              rove__clock *seen) {
    rove_status status = rove__clock_copy(seen, &record->under.clock, arena);

    for (size_t i = count; i-- > 0 && status == ROVE_OK;) {
        for (size_t c = 0; c < record->entries[i].count && status == ROVE_OK; c++) {
            const rove__pending_cell *cell = &record->entries[i].cells[c];
            rove__clock_entry entry = rove__clock_get(seen, cell->field);
            entry.version = cell->base;
            if (cell->base.stamp != 0) {
                status = rove__clock_set(seen, arena, entry);
            }
        }
    }
    return status;
}

/* A set of adds: what a fresh row's set says to headquarters. */
static rove_status adds_of(const rove_value *versioned, rove__arena *arena, rove_value *delta) {
    rove__set set;
    rove_status status = rove__set_read(&set, versioned, ROVE_SET_VERSIONED, arena);

    for (size_t i = 0; i < set.count && status == ROVE_OK; i++) {
        set.elements[i].action = ROVE_SET_ADD;
        set.elements[i].raw = set.elements[i].version.stamp;
    }
    set.form = ROVE_SET_DELTA;
    return status == ROVE_OK ? rove__set_value(&set, arena, delta) : status;
}

static rove_status inserted_cell(const rove__field *field, rove_stamp raw, const rove_value *value,
                                 rove__arena *arena, rove_value *sent) {
    rove__increment increment = {raw, value->type == ROVE_INT ? value->as.integer : 0};

    switch (field->kind) {
    case ROVE_KIND_SET:
        return adds_of(value, arena, sent);
    case ROVE_KIND_COUNTER:
        return rove__increments_write(&increment, 1, arena, sent);
    case ROVE_KIND_REGISTER:
    case ROVE_KIND_RANK:
    case ROVE_KIND_DERIVED:
    default:
        *sent = *value;
        return ROVE_OK;
    }
}

/* What is signed besides is no value that stands: it has acts of its own, or nobody signs it. */
static int is_signed(const rove__field *field) {
    return field->kind == ROVE_KIND_REGISTER || field->kind == ROVE_KIND_RANK ||
           (field->kind == ROVE_KIND_SET && field->writer != ROVE_WRITER_HQ);
}

/* A cell of a sealed record. An empty set is sent too: else it would be left as it is. */
static rove_status signed_cell(const rove__field *field, const rove_value *value,
                               rove__arena *arena, rove__row *row, size_t at) {
    rove_value sent = *value;
    rove_status status = ROVE_OK;

    if (!is_signed(field) || (field->kind != ROVE_KIND_SET && value->type == ROVE_NULL)) {
        return ROVE_OK;
    }
    if (field->kind == ROVE_KIND_SET) {
        status = rove__set_plain(value, arena, &sent);
    }
    rove__row_set(row, at, sent);
    return status;
}

/* The record as it is signed. */
static rove_status signed_cells(const rove__stored *shown, rove__arena *arena, rove__row *row) {
    const rove__entity *entity = shown->row.entity;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < shown->row.cell_count && status == ROVE_OK; i++) {
        status = signed_cell(&entity->fields[i], &shown->row.cells[i], arena, row, i);
    }
    row->extra = shown->row.extra;
    row->extra_count = shown->row.extra_count;
    return status;
}

/* The row as shown, in the forms of an insert. */
static rove_status shown_cells(const rove__stored *shown, rove_stamp raw, rove__arena *arena,
                               rove__row *row) {
    const rove__entity *entity = shown->row.entity;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < shown->row.cell_count && status == ROVE_OK; i++) {
        const rove__field *field = &entity->fields[i];
        rove_value sent = rove__value_null();
        if (shown->row.cells[i].type == ROVE_NULL || field->kind == ROVE_KIND_DERIVED) {
            continue;
        }
        status = inserted_cell(field, raw, &shown->row.cells[i], arena, &sent);
        rove__row_set(row, i, sent);
    }
    row->extra = shown->row.extra;
    row->extra_count = shown->row.extra_count;
    return status;
}

/* The cells and edits of an entry. */
static rove_status edited_cells(const rove__record *record, const rove__entry *entry, uint32_t only,
                                rove__arena *arena, rove__change *change) {
    change->edits = rove__arena_take(arena, (entry->count + 1) * sizeof *change->edits);
    if (change->edits == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t c = 0; c < entry->count; c++) {
        const rove__pending_cell *cell = &entry->cells[c];
        int ordinal = rove__entity_field(record->entity, cell->field);
        if (ordinal < 0 || (only != 0 && only != cell->field)) {
            continue;
        }
        rove__row_set(&change->row, (size_t)ordinal, cell->pending);
        change->edits[change->edit_count++] =
            (rove__edit){cell->field, cell->epoch, cell->raw, cell->base};
    }
    return ROVE_OK;
}

/* Takes what an edit adds out of the sum that is the first of `sent`, and puts it behind it, by itself. */
static rove_status part_increments(const rove__pending_cell *cell, rove__arena *arena,
                                   rove_value *sent) {
    rove__increment *sum = NULL;
    rove__increment *added = NULL;
    size_t count = 0;
    size_t added_count = 0;
    rove_status status = rove__increments_read(sent, arena, &sum, &count);

    if (status == ROVE_OK) {
        status = rove__increments_read(&cell->pending, arena, &added, &added_count);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__increment *all = rove__arena_take(arena, (count + added_count + 1) * sizeof *all);
    if (all == NULL) {
        return ROVE_NOMEM;
    }
    memcpy(all, sum, count * sizeof *all);
    for (size_t i = 0; i < added_count; i++) {
        if (count + i == ROVE_INCREMENTS_MAX || added[i].raw <= all[count + i - 1].raw ||
            __builtin_sub_overflow(all[0].delta, added[i].delta, &all[0].delta)) {
            return ROVE_OK; /* it stays a sum */
        }
        all[count + i] = added[i];
    }
    return rove__increments_write(all, count + added_count, arena, sent);
}

/*
 * A new record is sent as it stands. If it was sent before, and is given back because it was refused, headquarters may have
 * what its rep wrote since by itself, or get it, or the record as it was: the clock names the latest write of each field (P15).
 */
static rove_status name_writes(const rove__record *record, size_t at, rove__arena *arena,
                               rove__change *change) {
    rove_status status = ROVE_OK;

    if (record->entries[at].batch == 0) {
        return ROVE_OK; /* it is sent for the first time */
    }
    for (size_t i = at + 1; i < record->count; i++) {
        const rove__entry *entry = &record->entries[i];
        for (size_t c = 0; c < entry->count && status == ROVE_OK; c++) {
            const rove__pending_cell *cell = &entry->cells[c];
            int ordinal = rove__entity_field(record->entity, cell->field);
            if (ordinal >= 0 && record->entity->fields[ordinal].kind == ROVE_KIND_COUNTER &&
                change->row.cells[ordinal].type == ROVE_BLOB) {
                status = part_increments(cell, arena, &change->row.cells[ordinal]);
            }
            if (status == ROVE_OK) {
                status =
                    rove__clock_set(&change->clock, arena,
                                    (rove__clock_entry){.field = cell->field,
                                                        .version = {cell->raw, entry->replica}});
            }
        }
    }
    return status;
}

static rove_status insert_change(rove__store *store, const rove__record *record, size_t at,
                                 rove__arena *arena, rove__change *change, rove_error *error) {
    rove__stored shown;
    rove_status status = rove__store_overlay(store, &record->under, record->entries, record->count,
                                             arena, &shown, error);
    if (status == ROVE_OK) {
        status = shown_cells(&shown, record->entries[at].raw, arena, &change->row);
    }
    return status == ROVE_OK ? name_writes(record, at, arena, change) : status;
}

/* A set goes as it was signed, and not as what was done to it, also if the seal has changed it. */
static rove_status seal_change(rove__store *store, const rove__record *record, size_t at,
                               uint32_t only, rove__arena *arena, rove__change *change,
                               rove_error *error) {
    rove__stored shown;
    rove_status status =
        rove__store_overlay(store, &record->under, record->entries, at + 1, arena, &shown, error);
    if (status == ROVE_OK) {
        status = edited_cells(record, &record->entries[at], only, arena, change);
    }
    if (status == ROVE_OK) {
        status = signed_cells(&shown, arena, &change->row);
    }
    if (status == ROVE_OK) {
        status = rove__record_seen(record, at + 1, arena, &change->clock);
    }
    return status;
}

static rove_status delete_change(const rove__entry *entry, rove__arena *arena,
                                 rove__change *change) {
    change->edits = rove__arena_take(arena, sizeof *change->edits);
    if (change->edits == NULL) {
        return ROVE_NOMEM;
    }
    change->edits[0] = (rove__edit){0, 0, entry->raw, {0, 0}};
    change->edit_count = 1;
    return rove__clock_read(&change->clock, entry->seen, entry->seen_size, arena);
}

/* Of what a batch says only the edit of one field; a seal is one unit. */
static void keep_only(rove__change *change, uint32_t only) {
    size_t kept = 0;

    if (only == 0 || change->op != ROVE_OP_UPDATE) {
        return;
    }
    for (size_t i = 0; i < change->edit_count; i++) {
        int ordinal = rove__row_field(&change->row, change->edits[i].field);
        if (change->edits[i].field == only) {
            change->edits[kept++] = change->edits[i];
        } else if (ordinal >= 0) {
            rove__bits_clear(&change->row.present, (size_t)ordinal);
        }
    }
    change->edit_count = kept;
}

rove_status rove__record_change(rove__store *store, const rove__record *record, size_t at,
                                uint32_t only, rove__arena *arena, rove__change *change,
                                rove_error *error) {
    const rove__entry *entry = &record->entries[at];

    if (!record->known && entry->batch != 0) {
        rove_status found = rove__flight_find(store, entry, arena, change, error);
        if (found == ROVE_OK) {
            keep_only(change, only);
        }
        return found;
    }
    memset(change, 0, sizeof *change);
    change->op = entry->op;
    change->cursor = entry->cursor;
    change->replica = entry->replica;
    rove_status status = rove__row_init(&change->row, record->entity, record->id, arena);
    if (status != ROVE_OK) {
        return status;
    }
    rove__clock_init(&change->clock, record->under.clock.origin, record->under.clock.origin, 0);
    switch (entry->op) {
    case ROVE_OP_INSERT:
        return insert_change(store, record, at, arena, change, error);
    case ROVE_OP_SEAL:
        return seal_change(store, record, at, only, arena, change, error);
    case ROVE_OP_DELETE:
        return delete_change(entry, arena, change);
    case ROVE_OP_UPDATE:
    default:
        return edited_cells(record, entry, only, arena, change);
    }
}
