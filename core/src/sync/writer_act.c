/*
 * sync/writer_act.c - an operator's acts: what an operator writes is judged by the same rules as a rep's work, and needs
 * no merge, because it is made from what stands, under the lock. Everything that one act writes has one stamp.
 */
#include "base/assert.h"
#include "base/text.h"
#include "merge/merge.h"
#include "rules/rules.h"
#include "sync/writer_state.h"

#define FOLLOW_MAX 32 /* merges, one after the other (P13) */

static rove_status check(rove__writer *writer, rove__op op, const rove__row *before,
                         const rove__row *after, rove_error *error) {
    rove__write write = {.op = op,
                         .actor = ROVE_ACTOR_HQ,
                         .registry = writer->options.registry,
                         .before = before,
                         .after = after};

    return rove__rules_check(&write, error);
}

/* A set as an operator gives it becomes headquarters' version: elements that stand keep their versions. */
static rove_status set_written(rove__writer *writer, const rove_value *current,
                               const rove_value *wanted, rove__version version, rove_value *value) {
    rove__set now;
    rove__set plain;
    rove__set delta;
    rove__set none = {ROVE_SET_DELTA, NULL, 0};
    rove__set result;
    size_t ignored = 0;
    rove_status status = rove__set_read(&now, current, ROVE_SET_VERSIONED, &writer->arena);

    if (status == ROVE_OK) {
        status = rove__set_read(&plain, wanted, ROVE_SET_PLAIN, &writer->arena);
    }
    if (status == ROVE_OK && (plain.form != ROVE_SET_PLAIN || now.form != ROVE_SET_VERSIONED)) {
        status = ROVE_INVALID;
    }
    if (status == ROVE_OK) {
        status = rove__set_difference(&now, &none, &plain, version.stamp, &writer->arena, &delta);
    }
    if (status == ROVE_OK && delta.count == 0) {
        *value = *current;
        return ROVE_OK;
    }
    if (status == ROVE_OK) {
        status = rove__merge_set(&now, &delta, version, 1, &writer->arena, &result, &ignored);
    }
    return status == ROVE_OK ? rove__set_value(&result, &writer->arena, value) : status;
}

/* ---- insert --------------------------------------------------------------------------------------------- */

/* The sets of a new row in headquarters' form; NULL cells are absent. */
static rove_status settle_new(rove__writer *writer, rove__row *row, rove__version version) {
    const rove_value none = rove__value_null();
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < row->cell_count && status == ROVE_OK; i++) {
        if (!rove__bits_get(&row->present, i)) {
            row->cells[i] = none;
        } else if (row->entity->fields[i].kind == ROVE_KIND_SET) {
            status = set_written(writer, &none, &row->cells[i], version, &row->cells[i]);
        }
    }
    return status;
}

static rove_status insert_free(rove__writer *writer, const rove__row *row) {
    rove__hq_row taken;
    rove_status status = writer->options.store->row_get(writer->tx, row->entity_number, row->id, 1,
                                                        &writer->arena, &taken);

    return status == ROVE_OK ? ROVE_EXISTS : status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

rove_status rove__writer_insert(rove__writer *writer, rove__row *row, rove_error *error) {
    rove__version version = {0, writer->head.replica};
    rove__hq_row made = {.author = 0};
    rove_status status = check(writer, ROVE_OP_INSERT, NULL, row, error);

    rove__arena_reset(&writer->arena);
    if (status != ROVE_OK) {
        return rove__writer_fail(writer, status, error);
    }
    status = row->id == 0 ? rove__writer_id(writer, &row->id) : insert_free(writer, row);
    if (status == ROVE_OK) {
        version.stamp = rove__writer_stamp(writer);
        status = rove__row_copy(&made.row, row, &writer->arena);
    }
    if (status == ROVE_OK) {
        status = settle_new(writer, &made.row, version);
    }
    if (status == ROVE_OK && rove__writer_row_size(&made.row) > ROVE_ROW_MAX) {
        status = ROVE_TOO_BIG;
    }
    if (status != ROVE_OK) {
        return rove__writer_fail(writer, status, error);
    }
    rove__clock_init(&made.clock, version, version, writer->seq);
    rove__change change = {.op = ROVE_OP_INSERT,
                           .row = made.row,
                           .clock = made.clock,
                           .replica = writer->head.replica};
    return rove__writer_row(writer, NULL, &made, &change, error);
}

/* ---- update --------------------------------------------------------------------------------------------- */

typedef struct update {
    rove__writer *writer;
    rove__hq_row before;
    rove__hq_row after;
    rove__row written; /* the cells that differ, as they will stand */
    rove__edit *edits;
    size_t edit_count;
    rove__version version; /* stamp 0 until something differs */
} update;

/* A step back of a rank is an explicit act: it raises the epoch (P8). */
static uint32_t epoch_after(const rove__field *field, const rove__clock_entry *entry,
                            const rove_value *current, const rove_value *wanted) {
    if (field == NULL || field->kind != ROVE_KIND_RANK) {
        return 0;
    }
    return entry->epoch + (rove__value_compare(wanted, current) < 0);
}

/* Notes that a field comes to another value. */
static rove_status differs(update *u, uint32_t number, const rove__field *field,
                           const rove_value *current, const rove_value *wanted) {
    rove__clock_entry entry = rove__clock_get(&u->before.clock, number);
    rove__edit *edit = &u->edits[u->edit_count++];

    *edit = (rove__edit){.field = number,
                         .epoch = epoch_after(field, &entry, current, wanted),
                         .raw = u->version.stamp,
                         .base = entry.version};
    entry.field = number;
    entry.epoch = edit->epoch;
    entry.version = u->version;
    entry.seq = u->writer->seq;
    return rove__clock_set(&u->after.clock, &u->writer->arena, entry);
}

static rove_status update_cells(update *u, const rove__row *wanted) {
    const rove__entity *entity = wanted->entity;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < wanted->cell_count && status == ROVE_OK; i++) {
        const rove_value *current = &u->before.row.cells[i];
        rove_value value = wanted->cells[i];
        if (!rove__bits_get(&wanted->present, i)) {
            continue;
        }
        if (entity->fields[i].kind == ROVE_KIND_SET) {
            status = set_written(u->writer, current, &wanted->cells[i], u->version, &value);
        }
        if (status != ROVE_OK || rove__value_equal(current, &value)) {
            continue;
        }
        status = differs(u, entity->fields[i].number, &entity->fields[i], current, &value);
        rove__row_set(&u->written, i, value);
        rove__row_set(&u->after.row, i, value);
    }
    return status;
}

rove_status rove__writer_comes_by(rove__writer *writer, uint32_t entity, size_t column, rove_id id,
                                  rove_id looked_for, int *found) {
    rove_status status = ROVE_OK;
    rove__arena arena;

    rove__arena_init(&arena, writer->options.allocator, ROVE_WRITER_ARENA_MAX);
    *found = id == looked_for;
    for (int i = 0; i < FOLLOW_MAX && !*found && id > 0; i++) {
        rove__hq_row row;
        rove__arena_reset(&arena);
        status = writer->options.store->row_get(writer->tx, entity, id, 0, &arena, &row);
        if (status != ROVE_OK) {
            break;
        }
        id = row.row.cells[column].type == ROVE_INT ? row.row.cells[column].as.integer : 0;
        *found = id == looked_for;
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* A merge of duplicates ends somewhere (P13). */
static rove_status check_merge(update *u, rove_error *error) {
    const rove__row *row = &u->written;
    int column = rove__entity_field_named(row->entity, "merged_into_id");
    int ring = 0;

    if (column < 0 || !rove__bits_get(&row->present, (size_t)column) ||
        row->cells[column].type != ROVE_INT) {
        return ROVE_OK;
    }
    rove_status status = rove__writer_comes_by(u->writer, row->entity_number, (size_t)column,
                                               row->cells[column].as.integer, row->id, &ring);
    return status == ROVE_OK && ring
               ? rove__error_set(error, ROVE_CYCLE,
                                 "%s.merged_into_id would go round in a ring: the other one is "
                                 "merged into this one already.",
                                 row->entity->name)
               : status;
}

/* Edits ascend by field number, cells by ordinal; custom fields make the two differ. */
static void sort_edits(rove__edit *edits, size_t count) {
    for (size_t i = 1; i < count; i++) {
        rove__edit edit = edits[i];
        size_t k = i;
        for (; k > 0 && edits[k - 1].field > edit.field; k--) {
            edits[k] = edits[k - 1];
        }
        edits[k] = edit;
    }
}

/* `before`: as it stands, if the caller has read it. */
static rove_status update_prepare(update *u, const rove__hq_row *before, const rove__row *row) {
    rove__writer *writer = u->writer;
    size_t room = row->cell_count;
    rove_status status = ROVE_OK;

    if (before != NULL) {
        u->before = *before;
    } else {
        status = writer->options.store->row_get(writer->tx, row->entity_number, row->id, 1,
                                                &writer->arena, &u->before);
    }
    if (status == ROVE_OK && u->before.dead != 0) {
        status = ROVE_NOT_FOUND;
    }
    if (status != ROVE_OK) {
        return status;
    }
    u->after = u->before;
    u->edits = rove__arena_take(&writer->arena, room * sizeof *u->edits);
    status = u->edits == NULL ? ROVE_NOMEM : ROVE_OK;
    if (status == ROVE_OK) {
        status = rove__row_copy(&u->after.row, &u->before.row, &writer->arena);
    }
    if (status == ROVE_OK) {
        status = rove__clock_copy(&u->after.clock, &u->before.clock, &writer->arena);
    }
    if (status == ROVE_OK) {
        status = rove__row_init(&u->written, row->entity, row->id, &writer->arena);
    }
    u->version.stamp = rove__writer_stamp(writer);
    return status;
}

rove_status rove__writer_change(rove__writer *writer, const rove__hq_row *before,
                                const rove__row *row, size_t *changed, rove_error *error) {
    update u = {.writer = writer, .version = {0, writer->head.replica}};

    *changed = 0;
    rove__arena_reset(&writer->arena);
    rove_status status = update_prepare(&u, before, row);
    if (status == ROVE_OK) {
        status = update_cells(&u, row);
    }
    if (status != ROVE_OK || u.edit_count == 0) {
        return rove__writer_fail(writer, status, error);
    }
    status = check(writer, ROVE_OP_UPDATE, &u.before.row, &u.written, error);
    if (status == ROVE_OK) {
        status = check_merge(&u, error);
    }
    if (status == ROVE_OK && rove__writer_row_size(&u.after.row) > ROVE_ROW_MAX) {
        status = ROVE_TOO_BIG;
    }
    if (status != ROVE_OK) {
        return rove__writer_fail(writer, status, error);
    }
    sort_edits(u.edits, u.edit_count);
    rove__change change = {.op = ROVE_OP_UPDATE,
                           .row = u.written,
                           .clock = u.after.clock,
                           .edits = u.edits,
                           .edit_count = u.edit_count,
                           .replica = writer->head.replica};
    *changed = u.edit_count;
    return rove__writer_row(writer, &u.before, &u.after, &change, error);
}

rove_status rove__writer_update(rove__writer *writer, const rove__row *row, size_t *changed,
                                rove_error *error) {
    return rove__writer_change(writer, NULL, row, changed, error);
}

/* ---- delete --------------------------------------------------------------------------------------------- */

rove_status rove__writer_delete(rove__writer *writer, uint32_t entity, rove_id id,
                                rove_error *error) {
    rove__hq_row before;
    rove__edit edit = {.field = 0};

    rove__arena_reset(&writer->arena);
    rove_status status =
        writer->options.store->row_get(writer->tx, entity, id, 1, &writer->arena, &before);
    if (status == ROVE_OK && before.dead != 0) {
        status = ROVE_NOT_FOUND;
    }
    if (status == ROVE_OK) {
        status = check(writer, ROVE_OP_DELETE, &before.row, NULL, error);
    }
    if (status != ROVE_OK) {
        return rove__writer_fail(writer, status, error);
    }
    edit.raw = rove__writer_stamp(writer);
    rove__hq_row after = before;
    after.dead = writer->seq;
    rove__change change = {.op = ROVE_OP_DELETE,
                           .row = {.entity = before.row.entity,
                                   .entity_number = entity,
                                   .id = id,
                                   .cells = before.row.cells,
                                   .cell_count = before.row.cell_count},
                           .clock = before.clock,
                           .edits = &edit,
                           .edit_count = 1,
                           .replica = writer->head.replica};
    return rove__writer_row(writer, &before, &after, &change, error);
}
