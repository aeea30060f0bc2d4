/*
 * store/outbox.c - the bytes of an entry. A body comes from our own file, and is read as if it did not.
 */
#include "store/outbox.h"

#include <string.h>

#include "base/assert.h"

enum { CELL_UNDER = 1, CELL_PENDING = 2, CELL_EPOCHS = 4, CELL_FLAGS = 7 };

/* The position of a field, or where it would stand. */
static size_t find(const rove__entry *entry, uint32_t field) {
    size_t at = 0;

    while (at < entry->count && entry->cells[at].field < field) {
        at++;
    }
    return at;
}

rove__pending_cell *rove__entry_cell(const rove__entry *entry, uint32_t field) {
    size_t at = find(entry, field);
    return at < entry->count && entry->cells[at].field == field ? &entry->cells[at] : NULL;
}

rove_status rove__entry_add(rove__entry *entry, rove__arena *arena, uint32_t field,
                            rove__pending_cell **cell) {
    size_t at = find(entry, field);
    rove__pending_cell *cells = rove__arena_take(arena, (entry->count + 1) * sizeof *cells);

    ROVE_ASSERT(rove__entry_cell(entry, field) == NULL);
    *cell = NULL;
    if (cells == NULL) {
        return ROVE_NOMEM;
    }
    if (at > 0) {
        memcpy(cells, entry->cells, at * sizeof *cells);
    }
    if (at < entry->count) {
        memcpy(cells + at + 1, entry->cells + at, (entry->count - at) * sizeof *cells);
    }
    memset(&cells[at], 0, sizeof cells[at]);
    cells[at].field = field;
    entry->cells = cells;
    entry->count++;
    *cell = &cells[at];
    return ROVE_OK;
}

static void write_cell(rove__buf *out, const rove__pending_cell *cell) {
    int epochs = cell->epoch != 0 || cell->under_epoch != 0;

    rove__buf_varint(out, cell->field);
    rove__buf_byte(out,
                   (uint8_t)((cell->has_under ? CELL_UNDER : 0) |
                             (cell->has_pending ? CELL_PENDING : 0) | (epochs ? CELL_EPOCHS : 0)));
    rove__buf_u64(out, cell->raw);
    rove__buf_u64(out, cell->base.stamp);
    rove__buf_varint(out, cell->base.replica);
    if (epochs) {
        rove__buf_varint(out, cell->epoch);
        rove__buf_varint(out, cell->under_epoch);
    }
    if (cell->has_under) {
        rove__value_write(out, &cell->under);
    }
    if (cell->has_pending) {
        rove__value_write(out, &cell->pending);
    }
}

void rove__entry_write(rove__buf *out, const rove__entry *entry) {
    rove__buf_byte(out, (uint8_t)entry->op);
    rove__buf_varint(out, entry->replica);
    rove__buf_u64(out, entry->raw);
    rove__buf_varint(out, entry->cursor.timeline);
    rove__buf_varint(out, entry->cursor.seq);
    rove__buf_varint(out, entry->count);
    for (size_t i = 0; i < entry->count; i++) {
        write_cell(out, &entry->cells[i]);
    }
    if (entry->op == ROVE_OP_DELETE) {
        rove__buf_bytes(out, entry->seen, entry->seen_size);
        rove__buf_bytes(out, entry->image, entry->image_size);
    }
}

static void read_cell(rove__reader *reader, rove__pending_cell *cell) {
    memset(cell, 0, sizeof *cell);
    cell->field = (uint32_t)rove__reader_varint_max(reader, UINT32_MAX);
    uint8_t flags = rove__reader_byte(reader);
    cell->raw = rove__reader_u64(reader);
    cell->base.stamp = rove__reader_u64(reader);
    if (flags > CELL_FLAGS || cell->raw > ROVE_STAMP_MAX || cell->base.stamp > ROVE_STAMP_MAX) {
        rove__reader_fail(reader, ROVE_PROTOCOL);
    }
    cell->base.replica = (rove_replica)rove__reader_varint_max(reader, ROVE_REPLICA_MAX);
    if (flags & CELL_EPOCHS) {
        cell->epoch = (uint32_t)rove__reader_varint_max(reader, UINT32_MAX);
        cell->under_epoch = (uint32_t)rove__reader_varint_max(reader, UINT32_MAX);
    }
    cell->has_under = (flags & CELL_UNDER) != 0;
    cell->has_pending = (flags & CELL_PENDING) != 0;
    if (cell->has_under) {
        rove__value_read(reader, &cell->under);
    }
    if (cell->has_pending) {
        rove__value_read(reader, &cell->pending);
    }
}

static int valid_op(uint8_t op) {
    return op == ROVE_OP_INSERT || op == ROVE_OP_UPDATE || op == ROVE_OP_DELETE ||
           op == ROVE_OP_SEAL;
}

rove_status rove__entry_read(rove__entry *entry, const void *body, size_t size,
                             rove__arena *arena) {
    rove__reader reader;

    rove__reader_init(&reader, body, size);
    uint8_t op = rove__reader_byte(&reader);
    entry->op = (rove__op)op;
    entry->replica = (rove_replica)rove__reader_varint_max(&reader, ROVE_REPLICA_MAX);
    entry->raw = rove__reader_u64(&reader);
    entry->cursor.timeline = rove__reader_varint(&reader);
    entry->cursor.seq = rove__reader_varint(&reader);
    entry->count = (size_t)rove__reader_varint_max(&reader, ROVE_FIELDS_MAX);
    entry->cells = NULL;
    entry->seen = NULL;
    entry->seen_size = 0;
    entry->image = NULL;
    entry->image_size = 0;
    if (rove__reader_status(&reader) != ROVE_OK || !valid_op(op) || entry->raw > ROVE_STAMP_MAX) {
        return ROVE_CORRUPT;
    }
    if (entry->count > 0) {
        entry->cells = rove__arena_take(arena, entry->count * sizeof *entry->cells);
        if (entry->cells == NULL) {
            return ROVE_NOMEM;
        }
    }
    for (size_t i = 0; i < entry->count; i++) {
        read_cell(&reader, &entry->cells[i]);
        if (i > 0 && entry->cells[i].field <= entry->cells[i - 1].field) {
            return ROVE_CORRUPT;
        }
    }
    if (op == ROVE_OP_DELETE) {
        entry->seen = rove__reader_bytes(&reader, ROVE_CLOCK_SIZE_MAX, &entry->seen_size);
        entry->image = rove__reader_bytes(&reader, size, &entry->image_size);
    }
    return rove__reader_status(&reader) == ROVE_OK && rove__reader_left(&reader) == 0
               ? ROVE_OK
               : ROVE_CORRUPT;
}
