/*
 * support/changes.h - random changes of every kind, what a batch keeps of them, and batches in one
 * call.
 */
#ifndef ROVE_TESTS_CHANGES_H
#define ROVE_TESTS_CHANGES_H

#include "rows.h"
#include "wire/batch.h"

#define UNKNOWN_ENTITY 60000u

static inline rove__origin random_origin(uint64_t *state) {
    rove__origin origin = {(dice(state) >> 1) | 1, (rove_replica)(dice(state) >> 34) + 1};

    return origin;
}

/*
 * Cells as a device or headquarters sends them: some NULL, sets and counters as blobs, none
 * derived.
 */
static inline void random_cells(uint64_t *state, rove__arena *arena, rove__row *row) {
    for (size_t i = 0; i < row->cell_count; i++) {
        const rove__field *field = &row->entity->fields[i];

        if (field->kind == ROVE_KIND_DERIVED) {
            row->cells[i] = rove__value_null();
            rove__bits_clear(&row->present, i);
        } else if (dice(state) % 16 == 0) {
            rove__row_set(row, i, rove__value_null());
        } else if (field->kind == ROVE_KIND_COUNTER && dice(state) % 4 == 0) {
            rove__row_set(row, i, random_blob(state, arena, 30));
        } else if (field->kind == ROVE_KIND_SET && dice(state) % 4 == 0) {
            rove__set set = random_set(state, arena, ROVE_SET_DELTA, field->element, 5);
            rove_value value = rove__value_null();
            if (rove__set_value(&set, arena, &value) != ROVE_OK) {
                abort();
            }
            rove__row_set(row, i, value);
        }
    }
}

/* Fields from 2000 on, which nobody knows, of all types. */
static inline void random_extra(uint64_t *state, rove__arena *arena, rove__row *row) {
    uint32_t number = 2000;

    row->extra = rove__arena_take(arena, 4 * sizeof *row->extra);
    row->extra_count = (size_t)dice(state) % 4;
    for (size_t i = 0; i < row->extra_count; i++) {
        const rove_value values[] = {
            rove__value_null(),
            rove__value_int((int64_t)dice(state)),
            rove__value_real((double)(int64_t)dice(state) / 1024),
            random_text(state, arena, 30),
            random_blob(state, arena, 30),
        };

        number += 1 + (uint32_t)dice(state) % 3;
        row->extra[i] = (rove__extra){number, values[dice(state) % 5]};
    }
}

static inline void random_clock(uint64_t *state, rove__arena *arena, rove__clock *clock) {
    rove__origin origin = random_origin(state);
    rove__version base = dice(state) % 2 == 0 ? origin : random_version(state);

    rove__clock_init(clock, origin, base, 0);
    for (uint32_t field = 2; field < 8 && dice(state) % 2 == 0; field++) {
        rove__clock_entry entry = {field, (uint32_t)dice(state) % 3, random_version(state), 0};
        if (rove__clock_set(clock, arena, entry) != ROVE_OK) {
            abort();
        }
    }
}

/* `entity` NULL: one that this build does not know. */
static inline rove__change random_change(uint64_t *state, rove__arena *arena, rove__op op,
                                         const rove__entity *entity) {
    rove__change change = {.op = op};
    size_t edits = (size_t)dice(state) % 4;

    if (entity != NULL) {
        change.row = random_row(state, arena, entity);
        random_cells(state, arena, &change.row);
    } else {
        change.row.entity_number = UNKNOWN_ENTITY;
        change.row.id = (rove_id)(dice(state) >> 2) + 1;
    }
    if (dice(state) % 3 == 0) {
        random_extra(state, arena, &change.row);
    }
    random_clock(state, arena, &change.clock);
    change.edits = rove__arena_take(arena, (edits + 1) * sizeof *change.edits);
    change.edit_count = edits;
    for (size_t i = 0; i < edits; i++) {
        change.edits[i] = (rove__edit){(uint32_t)i * 2, (uint32_t)dice(state) % 2, dice(state) >> 1,
                                       random_version(state)};
    }
    if (dice(state) % 2 == 0) {
        change.cursor = (rove__cursor){dice(state), dice(state)};
        change.replica = (rove_replica)(dice(state) >> 33);
    }
    if (op == ROVE_OP_MARK) {
        change.scope = (rove__scope){(rove_id)(dice(state) >> 1), 202600 + (int)(dice(state) % 12)};
    }
    return change;
}

static inline int edits_equal(const rove__change *a, const rove__change *b) {
    int equal = a->edit_count == b->edit_count;

    for (size_t i = 0; equal && i < a->edit_count; i++) {
        equal = a->edits[i].field == b->edits[i].field && a->edits[i].epoch == b->edits[i].epoch &&
                a->edits[i].raw == b->edits[i].raw &&
                rove__version_compare(a->edits[i].base, b->edits[i].base) == 0;
    }
    return equal;
}

static inline int changes_equal(const rove__change *a, const rove__change *b) {
    return a->op == b->op && rows_equal(&a->row, &b->row) &&
           rove__clock_equal(&a->clock, &b->clock) && edits_equal(a, b) &&
           a->cursor.timeline == b->cursor.timeline && a->cursor.seq == b->cursor.seq &&
           a->replica == b->replica && a->scope.root == b->scope.root &&
           a->scope.part == b->scope.part;
}

/* Encodes changes that fit one batch. */
static inline rove_status batch_of(const rove_allocator *allocator, const rove__change *changes,
                                   size_t count, rove__buf *out) {
    rove__batch_writer *writer = NULL;
    rove_status status = rove__batch_writer_new(allocator, ROVE_BATCH_MAX, &writer);

    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        status = rove__batch_add(writer, &changes[i]);
    }
    if (status == ROVE_OK) {
        status = rove__batch_finish(writer, out);
    }
    rove__batch_writer_free(writer);
    return status;
}

/*
 * Decodes at most `most` changes, as copies in the arena; ROVE_DONE when the batch was read to its
 * end.
 */
static inline rove_status batch_read(const rove_allocator *allocator,
                                     const rove__registry *registry, const void *bytes, size_t size,
                                     rove__arena *arena, rove__change *changes, size_t most,
                                     size_t *count) {
    rove__batch_reader *reader = NULL;
    rove_status status = rove__batch_reader_new(allocator, registry, bytes, size, &reader);

    *count = 0;
    while (status == ROVE_OK && *count < most) {
        rove__change change;

        status = rove__batch_next(reader, &change);
        if (status == ROVE_OK) {
            status = rove__change_copy(&changes[(*count)++], &change, arena);
        }
    }
    rove__batch_reader_free(reader);
    return status;
}

#endif
