/*
 * support/site_rep.c - a rep of support/site.h: what he does, and how he applies what headquarters says.
 */
#include "site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "merge/merge.h"
#include "model/digest.h"
#include "model/set.h"
#include "site_rep.h"

#define REP_ARENA_MAX ((size_t)1 << 30)

static const rove__entity *entity_of(const rep *r, const char *name) {
    const rove__entity *entity = rove__registry_by_name(r->s->registry, name);

    assert_non_null(entity);
    return entity;
}

static const rove__field *field_of(const rove__entity *entity, const char *column) {
    int ordinal = rove__entity_field_named(entity, column);

    assert_true(ordinal >= 0);
    return &entity->fields[ordinal];
}

void rep_open(rep *r, site *s, rove_replica replica, rove_id user) {
    rove__hq_tx *tx = NULL;
    rove__hq_head head;
    rove__hq_device device = {.replica = replica,
                              .user = user,
                              .status = ROVE_DEVICE_ACTIVE,
                              .certificate_until_ms = s->now_ms + INT64_C(30) * 86400000};

    memset(r, 0, sizeof *r);
    r->s = s;
    r->replica = replica;
    r->user = user;
    rove__arena_init(&r->arena, &s->allocator, REP_ARENA_MAX);
    assert_int_equal(s->store->begin(s->store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(s->store->device_put(tx, &device), ROVE_OK);
    assert_int_equal(s->store->head_get(tx, &head), ROVE_OK);
    memcpy(r->key, head.digest_key, sizeof r->key);
    assert_int_equal(s->store->commit(tx, NULL), ROVE_OK);
}

void rep_close(rep *r) {
    rove__arena_free(&r->arena);
    rove__free(&r->s->allocator, r->rows);
    rove__free(&r->s->allocator, r->changes);
}

rove_id rep_id(rep *r) {
    return rove__id_make(r->replica, ++r->counter);
}

rove_stamp rep_stamp(rep *r) {
    rove_stamp wall = rove__stamp_make(r->s->now_ms + r->skew_ms, 0);

    r->raw = r->raw + 1 > wall ? r->raw + 1 : wall;
    return r->raw;
}

/* ---- rows ------------------------------------------------------------------------------------------------ */

rep_row *rep_find_number(rep *r, uint32_t entity, rove_id id) {
    for (size_t i = 0; i < r->row_count; i++) {
        if (r->rows[i].row.entity_number == entity && r->rows[i].row.id == id) {
            return &r->rows[i];
        }
    }
    return NULL;
}

rep_row *rep_find(rep *r, const char *entity, rove_id id) {
    return rep_find_number(r, entity_of(r, entity)->number, id);
}

rove_value rep_cell(rep *r, const char *entity, rove_id id, const char *column) {
    const rep_row *row = rep_find(r, entity, id);

    assert_non_null(row);
    return row->row.cells[rove__entity_field_named(row->row.entity, column)];
}

void rep_drop(rep *r, rep_row *row) {
    *row = r->rows[--r->row_count];
}

static rep_row *add_row(rep *r) {
    if (r->row_count == r->row_capacity) {
        r->row_capacity = r->row_capacity == 0 ? 64 : r->row_capacity * 2;
        r->rows = rove__alloc_resize(&r->s->allocator, r->rows, r->row_capacity, sizeof *r->rows);
        assert_non_null(r->rows);
    }
    memset(&r->rows[r->row_count], 0, sizeof r->rows[0]);
    return &r->rows[r->row_count++];
}

static void scope_again(rep_row *row) {
    row->scope = rove__row_scope(&row->row, NULL);
}

/* Headquarters' version replaces (D2). */
void rep_put_whole(rep *r, const rove__change *change) {
    rep_row *row = rep_find_number(r, change->row.entity_number, change->row.id);
    rove__change copy;

    if (row == NULL) {
        row = add_row(r);
    }
    assert_int_equal(rove__change_copy(&copy, change, &r->arena), ROVE_OK);
    row->row = copy.row;
    row->clock = copy.clock;
    scope_again(row);
    row->named = 1;
}

static void put_cell(rep *r, rep_row *row, uint32_t field, rove_value value,
                     rove__clock_entry entry) {
    int ordinal = rove__entity_field(row->row.entity, field);

    assert_true(ordinal >= 0);
    row->row.cells[ordinal] = value;
    entry.field = field;
    entry.seq = 0;
    assert_int_equal(rove__clock_set(&row->clock, &r->arena, entry), ROVE_OK);
    scope_again(row);
}

void rep_put_part(rep *r, const rove__change *change) {
    rep_row *row = rep_find_number(r, change->row.entity_number, change->row.id);
    rove__change copy;

    assert_non_null(row); /* a part of a row that it was never sent */
    assert_int_equal(rove__version_compare(row->clock.origin, change->clock.origin), 0);
    assert_int_equal(rove__change_copy(&copy, change, &r->arena), ROVE_OK);
    for (size_t i = 0; i < copy.clock.count; i++) {
        uint32_t field = copy.clock.entries[i].field;
        int ordinal = rove__entity_field(row->row.entity, field);
        assert_true(rove__bits_get(&copy.row.present, (size_t)ordinal));
        put_cell(r, row, field, copy.row.cells[ordinal], copy.clock.entries[i]);
    }
    row->named = 1;
}

/* ---- what he does ---------------------------------------------------------------------------------------- */

static rove__change *add_change(rep *r, rove__op op, const rove__entity *entity, rove_id id) {
    if (r->change_count == r->change_capacity) {
        r->change_capacity = r->change_capacity == 0 ? 64 : r->change_capacity * 2;
        r->changes = rove__alloc_resize(&r->s->allocator, r->changes, r->change_capacity,
                                        sizeof *r->changes);
        assert_non_null(r->changes);
    }
    rove__change *change = &r->changes[r->change_count++];
    memset(change, 0, sizeof *change);
    change->op = op;
    change->replica = r->replica;
    change->cursor = r->cursor;
    assert_int_equal(rove__row_init(&change->row, entity, id, &r->arena), ROVE_OK);
    return change;
}

/* Pending changes of a record, in flight or not; newest last. Calls until `each` says so. */
static const rove__change *find_pending(const rep *r, uint32_t entity, rove_id id, uint32_t field) {
    const rove__change *found = NULL;

    for (size_t b = 0; b <= r->batch_count; b++) {
        const rove__change *changes = b < r->batch_count ? r->batches[b].changes : r->changes;
        size_t count = b < r->batch_count ? r->batches[b].count : r->change_count;
        for (size_t i = 0; i < count; i++) {
            const rove__change *change = &changes[i];
            if (change->row.entity_number != entity || change->row.id != id) {
                continue;
            }
            if (field == 0 && change->op == ROVE_OP_INSERT) {
                return change;
            }
            for (size_t k = 0; k < change->edit_count && field != 0 && found == NULL; k++) {
                found = change->edits[k].field == field ? change : found;
            }
        }
    }
    return found;
}

static rove__origin origin_of(rep *r, const rove__entity *entity, rove_id id) {
    const rep_row *row = rep_find_number(r, entity->number, id);
    const rove__change *insert = find_pending(r, entity->number, id, 0);

    if (row != NULL) {
        return row->clock.origin;
    }
    assert_non_null(insert);
    return insert->clock.origin;
}

/* The version that an edit of this cell overwrites: of the first pending edit, or of the row (D3). */
static rove__version base_of(rep *r, const rove__entity *entity, rove_id id, uint32_t field,
                             uint32_t *epoch) {
    const rep_row *row = rep_find_number(r, entity->number, id);
    const rove__change *pending = find_pending(r, entity->number, id, field);

    *epoch = row == NULL ? 0 : rove__clock_get(&row->clock, field).epoch;
    for (size_t i = 0; pending != NULL && i < pending->edit_count; i++) {
        if (pending->edits[i].field == field) {
            return pending->edits[i].base;
        }
    }
    return row == NULL ? (rove__version){0, 0} : rove__clock_get(&row->clock, field).version;
}

rove__change *rep_insert(rep *r, rove__row *row) {
    rove__change *change = add_change(r, ROVE_OP_INSERT, row->entity, row->id);
    rove__origin origin = {rep_stamp(r), r->replica};

    assert_int_equal(rove__row_copy(&change->row, row, &r->arena), ROVE_OK);
    rove__clock_init(&change->clock, origin, origin, 0);
    return change;
}

rove__change *rep_update(rep *r, const char *name, rove_id id, const char *column,
                         rove_value value) {
    const rove__entity *entity = entity_of(r, name);
    const rove__field *field = field_of(entity, column);
    rove__edit *edit = rove__arena_take(&r->arena, sizeof *edit);
    uint32_t epoch = 0;

    assert_non_null(edit);
    rove__version base = base_of(r, entity, id, field->number, &epoch);
    rove__origin origin = origin_of(r, entity, id);
    *edit = (rove__edit){.field = field->number, .epoch = epoch, .raw = rep_stamp(r), .base = base};
    rove__change *change = add_change(r, ROVE_OP_UPDATE, entity, id);
    rove__row *copy = rove__arena_take(&r->arena, sizeof *copy);
    assert_int_equal(rove__row_init(copy, entity, id, &r->arena), ROVE_OK);
    site_set(copy, column, value);
    assert_int_equal(rove__row_copy(&change->row, copy, &r->arena), ROVE_OK);
    rove__clock_init(&change->clock, origin, origin, 0);
    change->edits = edit;
    change->edit_count = 1;
    return change;
}

/* The clock as he saw it: bases where something is pending. */
static void seen_clock(rep *r, const rove__entity *entity, rove_id id, rove__clock *seen) {
    const rep_row *row = rep_find_number(r, entity->number, id);
    rove__origin origin = origin_of(r, entity, id);
    uint32_t epoch = 0;

    rove__clock_init(seen, origin, origin, 0);
    if (row != NULL) {
        assert_int_equal(rove__clock_copy(seen, &row->clock, &r->arena), ROVE_OK);
        for (size_t i = 0; i < entity->field_count; i++) {
            uint32_t field = entity->fields[i].number;
            if (find_pending(r, entity->number, id, field) != NULL) {
                rove__clock_entry entry = {.field = field,
                                           .version = base_of(r, entity, id, field, &epoch),
                                           .epoch = epoch};
                assert_int_equal(rove__clock_set(seen, &r->arena, entry), ROVE_OK);
            }
        }
    }
}

rove__change *rep_delete(rep *r, const char *name, rove_id id) {
    const rove__entity *entity = entity_of(r, name);
    rove__edit *edit = rove__arena_take(&r->arena, sizeof *edit);
    rove__clock seen;

    assert_non_null(edit);
    seen_clock(r, entity, id, &seen);
    *edit = (rove__edit){.raw = rep_stamp(r)};
    rove__change *change = add_change(r, ROVE_OP_DELETE, entity, id);
    change->clock = seen;
    change->edits = edit;
    change->edit_count = 1;
    return change;
}

/* As devices send it; older builds sent only what they changed. */
static void sign_set(rep *r, rove_value *cell) {
    rove__set set;

    assert_int_equal(rove__set_read(&set, cell, ROVE_SET_PLAIN, &r->arena), ROVE_OK);
    if (set.form == ROVE_SET_VERSIONED) {
        set.form = ROVE_SET_PLAIN;
        assert_int_equal(rove__set_value(&set, &r->arena, cell), ROVE_OK);
    }
}

rove__change *rep_seal(rep *r, const char *name, rove_id id, const rove__row *changes) {
    const rove__entity *entity = entity_of(r, name);
    const rep_row *row = rep_find_number(r, entity->number, id);
    rove__edit *edits = rove__arena_take(&r->arena, entity->field_count * sizeof *edits);
    rove__clock seen;
    size_t count = 0;

    assert_non_null(row);
    assert_non_null(edits);
    seen_clock(r, entity, id, &seen);
    rove__row whole;
    assert_int_equal(rove__row_copy(&whole, &row->row, &r->arena), ROVE_OK);
    for (size_t i = 0; i < entity->field_count; i++) {
        const rove__field *field = &entity->fields[i];
        int dirty = changes != NULL && rove__bits_get(&changes->present, i);
        uint32_t epoch = 0;
        if ((int)i == entity->seal_field) {
            rove__row_set(&whole, i, rove__value_int(r->s->now_ms));
            dirty = 1;
        } else if (dirty) {
            rove__row_set(&whole, i, changes->cells[i]);
        } else if (whole.cells[i].type != ROVE_NULL || field->kind == ROVE_KIND_SET) {
            rove__bits_set(&whole.present, i);
        }
        if (field->kind == ROVE_KIND_SET) {
            sign_set(r, &whole.cells[i]);
        }
        if (dirty) {
            rove__version base = base_of(r, entity, id, field->number, &epoch);
            edits[count++] = (rove__edit){field->number, epoch, rep_stamp(r), base};
        }
    }
    rove__change *change = add_change(r, ROVE_OP_SEAL, entity, id);
    change->row = whole;
    change->clock = seen;
    change->edits = edits;
    change->edit_count = count;
    return change;
}

static rove__change *change_set(rep *r, const char *name, rove_id id, const char *column,
                                int64_t number, rove__set_action action) {
    const rep_row *row = rep_find(r, name, id);
    rove__element element = {.value = rove__value_int(number), .action = action};
    rove__set delta = {ROVE_SET_DELTA, &element, 1};
    rove_value value;
    int found = 0;

    if (row != NULL && action == ROVE_SET_REMOVE) {
        rove__set current;
        rove_value cell = rep_cell(r, name, id, column);
        assert_int_equal(rove__set_read(&current, &cell, ROVE_SET_VERSIONED, &r->arena), ROVE_OK);
        size_t at = rove__set_find(&current, &element.value, &found);
        if (found) {
            element.version = current.elements[at].version;
        }
    }
    element.raw = rep_stamp(r);
    assert_int_equal(rove__set_value(&delta, &r->arena, &value), ROVE_OK);
    return rep_update(r, name, id, column, value);
}

rove__change *rep_set_add(rep *r, const char *entity, rove_id id, const char *column,
                          int64_t element) {
    return change_set(r, entity, id, column, element, ROVE_SET_ADD);
}

rove__change *rep_set_remove(rep *r, const char *entity, rove_id id, const char *column,
                             int64_t element) {
    return change_set(r, entity, id, column, element, ROVE_SET_REMOVE);
}

rove__change *rep_count(rep *r, const char *entity, rove_id id, const char *column, int64_t by) {
    rove__increment increment = {rep_stamp(r), by};
    rove_value value;

    assert_int_equal(rove__increments_write(&increment, 1, &r->arena, &value), ROVE_OK);
    return rep_update(r, entity, id, column, value);
}

void rep_freeze(rep *r) {
    rep_batch *batch = &r->batches[r->batch_count];
    rove__batch_writer *writer = NULL;
    rove__buf bytes;
    rove__chain before = r->chain;

    if (r->change_count == 0) {
        return;
    }
    assert_true(r->batch_count < REP_BATCHES_MAX);
    if (r->batch_count > 0) {
        assert_int_equal(rove__exchange_chain(&r->s->crypto,
                                              &r->batches[r->batch_count - 1].previous,
                                              &r->batches[r->batch_count - 1].hash, &before),
                         ROVE_OK);
    }
    rove__buf_init(&bytes, &r->s->allocator, ROVE_FRAME_MAX);
    assert_int_equal(rove__batch_writer_new(&r->s->allocator, ROVE_BATCH_MAX, &writer), ROVE_OK);
    for (size_t i = 0; i < r->change_count; i++) {
        assert_int_equal(rove__batch_add(writer, &r->changes[i]), ROVE_OK);
    }
    assert_int_equal(rove__batch_finish(writer, &bytes), ROVE_OK);
    rove__batch_writer_free(writer);
    batch->number = (r->batch_count > 0 ? r->batches[r->batch_count - 1].number : r->acked) + 1;
    batch->previous = before;
    batch->rows.data = rove__arena_copy(&r->arena, bytes.data, bytes.size);
    batch->rows.size = bytes.size;
    batch->count = r->change_count;
    batch->changes = rove__arena_copy(&r->arena, r->changes, r->change_count * sizeof *r->changes);
    rove__buf_free(&bytes);
    batch->hash = (rove__chain){{0}};
    assert_int_equal(rove__exchange_hash(&r->s->crypto, batch->rows, &batch->hash), ROVE_OK);
    r->change_count = 0;
    r->batch_count++;
}

/* ---- what became of it ----------------------------------------------------------------------------------- */

static int has_verdict(const rove__ack *ack, const rove__change *change, uint32_t field) {
    for (size_t i = 0; i < ack->verdict_count; i++) {
        const rove__verdict *verdict = &ack->verdicts[i];
        if (verdict->entity == change->row.entity_number && verdict->id == change->row.id &&
            (verdict->field == 0 || verdict->field == field)) {
            return 1;
        }
    }
    return 0;
}

static rove_stamp stamp_of(const rove__ack *ack, const rove__change *change, uint32_t field,
                           rove_stamp raw) {
    for (size_t i = 0; i < ack->canonical_count; i++) {
        const rove__canonical *c = &ack->canonicals[i];
        if (c->entity == change->row.entity_number && c->id == change->row.id &&
            c->field == field && c->raw == raw) {
            return c->stamp;
        }
    }
    return raw;
}

/* Sets and counters by the merge that headquarters uses, on headquarters' version. */
static void accept_edit(rep *r, rep_row *row, const rove__change *change, const rove__edit *edit,
                        rove_stamp stamp) {
    int ordinal = rove__entity_field(row->row.entity, edit->field);
    rove__kind kind = row->row.entity->fields[ordinal].kind;
    rove_value value = change->row.cells[ordinal];
    rove__clock_entry entry = {.epoch = edit->epoch, .version = {stamp, r->replica}};
    rove_value cell = row->row.cells[ordinal];

    if (kind == ROVE_KIND_SET) {
        rove__set current, delta, merged;
        size_t ignored = 0;
        assert_int_equal(rove__set_read(&delta, &value, ROVE_SET_DELTA, &r->arena), ROVE_OK);
        if (delta.form != ROVE_SET_DELTA) {
            return; /* it was signed: the row comes along */
        }
        entry.epoch = 0;
        assert_int_equal(rove__set_read(&current, &cell, ROVE_SET_VERSIONED, &r->arena), ROVE_OK);
        assert_int_equal(
            rove__merge_set(&current, &delta, entry.version, 1, &r->arena, &merged, &ignored),
            ROVE_OK);
        assert_int_equal(rove__set_value(&merged, &r->arena, &value), ROVE_OK);
        if (rove__value_equal(&value, &cell)) {
            return;
        }
    }
    if (kind == ROVE_KIND_COUNTER) {
        rove__increment *increments = NULL;
        size_t count = 0;
        int saturated = 0;
        entry.epoch = 0;
        assert_int_equal(rove__increments_read(&value, &r->arena, &increments, &count), ROVE_OK);
        value = rove__value_int(rove__merge_counter(cell.type == ROVE_INT ? cell.as.integer : 0,
                                                    increments, count, &saturated));
    }
    put_cell(r, row, edit->field, value, entry);
}

static void accept_insert(rep *r, const rove__ack *ack, const rove__change *change) {
    rove__change made;
    rove_stamp stamp = stamp_of(ack, change, 0, change->clock.origin.stamp);
    rove__version base = {stamp, r->replica};

    assert_int_equal(rove__change_copy(&made, change, &r->arena), ROVE_OK);
    rove__clock_init(&made.clock, change->clock.origin, base, 0);
    for (size_t i = 0; i < made.row.cell_count; i++) {
        rove__kind kind = made.row.entity->fields[i].kind;
        if (made.row.cells[i].type == ROVE_BLOB &&
            (kind == ROVE_KIND_SET || kind == ROVE_KIND_COUNTER)) {
            fail_msg("inserts of these tests carry no sets and counters");
        }
    }
    rep_put_whole(r, &made);
}

static void accept_change(rep *r, const rove__ack *ack, const rove__change *change) {
    rep_row *row = rep_find_number(r, change->row.entity_number, change->row.id);

    if (has_verdict(ack, change, 0)) {
        return;
    }
    if (change->op == ROVE_OP_INSERT) {
        accept_insert(r, ack, change);
        return;
    }
    if (row == NULL) {
        return; /* it left meanwhile */
    }
    if (change->op == ROVE_OP_DELETE) {
        rep_drop(r, row);
        return;
    }
    for (size_t i = 0; i < change->edit_count; i++) {
        const rove__edit *edit = &change->edits[i];
        if (!has_verdict(ack, change, edit->field)) {
            accept_edit(r, row, change, edit, stamp_of(ack, change, edit->field, edit->raw));
        }
    }
}

/* `fresh`: the first frame of this batch's Ack. What it accepts is computed, then rows replace. */
void rep_apply_ack(rep *r, const rove__ack *ack) {
    assert_true(r->batch_count > 0 && ack->number == r->batches[0].number);
    if (!ack->resent && !r->ack_begun) {
        for (size_t i = 0; i < r->batches[0].count; i++) {
            accept_change(r, ack, &r->batches[0].changes[i]);
        }
    }
    if (ack->rows.size > 0) {
        rep_apply_rows(r, ack->rows, NULL);
    }
    r->ack_begun = !ack->last;
    if (!ack->last) {
        return;
    }
    assert_true(r->journal_count < REP_BATCHES_MAX);
    r->journal[r->journal_count++] = r->batches[0];
    if (ack->number > r->acked) {
        r->acked = ack->number;
        r->chain = ack->chain;
    }
    memmove(&r->batches[0], &r->batches[1], (--r->batch_count) * sizeof r->batches[0]);
}

/* T3: what headquarters lost is sent again, byte for byte, before anything else. */
void rep_need(rep *r, uint64_t number) {
    size_t first = 0;

    while (first < r->journal_count && r->journal[first].number < number) {
        first++;
    }
    size_t again = r->journal_count - first;
    assert_true(again > 0 && again + r->batch_count <= REP_BATCHES_MAX);
    memmove(&r->batches[again], &r->batches[0], r->batch_count * sizeof r->batches[0]);
    memcpy(&r->batches[0], &r->journal[first], again * sizeof r->batches[0]);
    r->batch_count += again;
    r->journal_count = first;
}

/* ---- pages ----------------------------------------------------------------------------------------------- */

static int covers(rove__scope wide, rove__scope narrow) {
    return wide.root == narrow.root && (wide.part < 0 || wide.part == narrow.part);
}

void rep_apply_rows(rep *r, rove__bytes rows, rep_outcome *outcome) {
    for (int pass = 0; pass < 2; pass++) { /* tombstones and marks before rows (Q3) */
        rove__batch_reader *reader = NULL;
        rove__change change;
        rove_status status =
            rove__batch_reader_new(&r->s->allocator, r->s->registry, rows.data, rows.size, &reader);
        while (status == ROVE_OK && (status = rove__batch_next(reader, &change)) == ROVE_OK) {
            rep_row *row = rep_find_number(r, change.row.entity_number, change.row.id);
            int gone = change.op == ROVE_OP_TOMBSTONE || change.op == ROVE_OP_MARK;
            if (gone != (pass == 0)) {
                continue;
            }
            if (outcome != NULL) {
                outcome->tombstones += change.op == ROVE_OP_TOMBSTONE;
                outcome->marks += change.op == ROVE_OP_MARK;
                outcome->rows += !gone;
            }
            if (change.op == ROVE_OP_WHOLE) {
                rep_put_whole(r, &change);
            } else if (change.op == ROVE_OP_PART) {
                rep_put_part(r, &change);
            } else if (row != NULL &&
                       (change.op == ROVE_OP_TOMBSTONE || covers(change.scope, row->scope))) {
                rep_drop(r, row);
            }
        }
        assert_int_equal(status, ROVE_DONE);
        rove__batch_reader_free(reader);
    }
}

static void evict(rep *r, rove__scope scope, uint64_t buckets, int only_unnamed) {
    for (size_t i = r->row_count; i-- > 0;) {
        if (covers(scope, r->rows[i].scope) && rove__buckets_have(buckets, r->rows[i].row.id) &&
            !(only_unnamed && r->rows[i].named)) {
            rep_drop(r, &r->rows[i]);
        }
    }
}

static void evict_others(rep *r, const rove__page *page) {
    for (size_t i = r->row_count; i-- > 0;) {
        int held = 0;
        for (size_t k = 0; k < page->held_count && !held; k++) {
            held = page->held[k] == r->rows[i].scope.root;
        }
        if (!held) {
            rep_drop(r, &r->rows[i]);
        }
    }
}

static size_t find_transfer(const rep *r, rove__scope scope) {
    size_t i = 0;

    while (i < r->transfer_count &&
           (r->transfers[i].scope.root != scope.root || r->transfers[i].scope.part != scope.part)) {
        i++;
    }
    return i;
}

static void begin_transfer(rep *r, const rove__portion *portion) {
    size_t found = find_transfer(r, portion->scope);

    if (found < r->transfer_count) {
        r->transfers[found] = r->transfers[--r->transfer_count];
    }
    for (size_t i = 0; i < r->row_count; i++) {
        if (covers(portion->scope, r->rows[i].scope)) {
            r->rows[i].named = 0;
        }
    }
    assert_true(r->transfer_count < sizeof r->transfers / sizeof r->transfers[0]);
    r->transfers[r->transfer_count++] = *portion;
}

static void end_transfer(rep *r, rove__scope scope) {
    size_t found = find_transfer(r, scope);

    assert_true(found < r->transfer_count); /* else it ends, and never began */
    rove__portion portion = r->transfers[found];
    r->transfers[found] = r->transfers[--r->transfer_count];
    evict(r, scope, portion.buckets, 1);
    if (r->repairing) {
        assert_true(r->fetched_count < sizeof r->fetched / sizeof r->fetched[0]);
        r->fetched_ms[r->fetched_count] = r->s->now_ms;
        r->fetched[r->fetched_count++] = portion;
    }
}

void rep_apply_page(rep *r, const rove__page *page, rep_outcome *outcome) {
    for (size_t i = 0; i < page->left_count; i++) {
        evict(r, page->left[i], 0, 0);
    }
    if (page->has_held) {
        evict_others(r, page);
    }
    for (size_t i = 0; i < page->begin_count; i++) {
        begin_transfer(r, &page->begin[i]);
    }
    if (page->rows.size > 0) {
        rep_apply_rows(r, page->rows, outcome);
    }
    for (size_t i = 0; i < page->done_count; i++) {
        end_transfer(r, page->done[i]);
    }
    if (page->cursor.timeline != r->cursor.timeline) {
        r->unverified = 1;
    }
    r->cursor = page->cursor;
    r->catching_up = page->more || page->token.size > 0;
    assert_true(page->token.size <= sizeof r->token);
    if (page->token.size > 0) {
        memcpy(r->token, page->token.data, page->token.size);
    }
    r->token_size = page->token.size;
}

void rep_total(rep *r, rove__hash128 *total) {
    rove__buf scratch;

    *total = (rove__hash128){0, 0};
    rove__buf_init(&scratch, &r->s->allocator, (size_t)1 << 20);
    for (size_t i = 0; i < r->row_count; i++) {
        rove__hash128 term;
        assert_int_equal(
            rove__digest_term(r->key, &r->rows[i].row, &r->rows[i].clock, &scratch, &term),
            ROVE_OK);
        rove__hash128_add(total, term);
    }
    rove__buf_free(&scratch);
}

static void forget_fetched(rep *r) {
    size_t kept = 0;

    for (size_t i = 0; i < r->fetched_count; i++) {
        if (r->s->now_ms - r->fetched_ms[i] < 3600000) {
            r->fetched_ms[kept] = r->fetched_ms[i];
            r->fetched[kept++] = r->fetched[i];
        }
    }
    r->fetched_count = kept;
}

/* What is counted of a scope. */
typedef struct scope_count {
    rove__scope_digest digest;
    rove__bucket_digest buckets;
    size_t rows;
} scope_count;

/* The digests of all scopes, of the buckets of large ones, and what was fetched of late; in the arena. */
void rep_digests(rep *r, rove__digest_list *list) {
    scope_count *counts = rove__arena_take(&r->arena, (r->row_count + 1) * sizeof *counts);
    rove__scope_digest *items = rove__arena_take(&r->arena, (r->row_count + 1) * sizeof *items);
    rove__bucket_digest *buckets = rove__arena_take(&r->arena, ROVE_BUCKETED_MAX * sizeof *buckets);
    rove__buf scratch;
    size_t count = 0;

    forget_fetched(r);
    *list = (rove__digest_list){.items = items,
                                .last = 1,
                                .buckets = buckets,
                                .fetched = r->fetched,
                                .fetched_count = r->fetched_count};
    rove__buf_init(&scratch, &r->s->allocator, (size_t)1 << 20);
    for (size_t i = 0; i < r->row_count; i++) {
        rove__scope scope = r->rows[i].scope;
        rove__hash128 term;
        size_t at = 0;
        assert_int_equal(
            rove__digest_term(r->key, &r->rows[i].row, &r->rows[i].clock, &scratch, &term),
            ROVE_OK);
        while (at < count && (counts[at].digest.scope.root != scope.root ||
                              counts[at].digest.scope.part != scope.part)) {
            at++;
        }
        if (at == count) {
            memset(&counts[count], 0, sizeof counts[count]);
            counts[count].digest.scope = counts[count].buckets.scope = scope;
            count++;
        }
        counts[at].rows++;
        rove__hash128_add(&counts[at].digest.sum, term);
        rove__hash128_add(&counts[at].buckets.sums[rove__bucket(r->rows[i].row.id)], term);
    }
    rove__buf_free(&scratch);
    for (size_t i = 0; i < count; i++) {
        items[list->count++] = counts[i].digest;
        if (r->bucketed_rows > 0 && counts[i].rows >= r->bucketed_rows) {
            assert_true(list->bucket_count < ROVE_BUCKETED_MAX);
            buckets[list->bucket_count++] = counts[i].buckets;
        }
    }
}
