/*
 * store/sqlite/pack.c - cells without columns of their own: unknown fields, and rows that are dead.
 */
#include <string.h>

#include "store/sqlite/lite.h"

static void pack_cell(rove__buf *buf, uint32_t number, const rove_value *value) {
    if (value->type != ROVE_NULL) {
        rove__buf_varint(buf, number);
        rove__value_write(buf, value);
    }
}

void rove__lite_pack(rove__buf *buf, const rove__row *row, int all) {
    const rove__order *order = row->entity->by_number;
    size_t at = 0;

    for (size_t i = 0; all && i < order->count; i++) {
        size_t ordinal = order->ordinals[i];
        if (ordinal >= row->cell_count) {
            continue;
        }
        uint32_t number = row->entity->fields[ordinal].number;
        for (; at < row->extra_count && row->extra[at].number < number; at++) {
            pack_cell(buf, row->extra[at].number, &row->extra[at].value);
        }
        pack_cell(buf, number, &row->cells[ordinal]);
    }
    for (; at < row->extra_count; at++) {
        pack_cell(buf, row->extra[at].number, &row->extra[at].value);
    }
}

/* Whether a set's blob is headquarters' form. */
static int is_versioned(const rove_value *value) {
    rove__set_cursor cursor;
    rove__element element;

    rove__set_open(&cursor, value, ROVE_SET_VERSIONED);
    while (rove__set_next(&cursor, &element)) {
    }
    return rove__set_done(&cursor) == ROVE_OK && cursor.form == ROVE_SET_VERSIONED;
}

/* Into the cell of its field, if it has one and fits: protobuf does not tell an unknown text from bytes. */
static int place(rove__row *row, uint32_t number, rove_value value) {
    int ordinal = rove__row_field(row, number);

    if (ordinal < 0 || row->cells[ordinal].type != ROVE_NULL) {
        return 0;
    }
    const rove__field *field = &row->entity->fields[ordinal];
    rove_type wanted = field->kind == ROVE_KIND_SET ? ROVE_BLOB : field->type;
    if (value.type == ROVE_TEXT && wanted == ROVE_BLOB) {
        value.type = ROVE_BLOB;
    }
    if (value.type != wanted || (field->kind == ROVE_KIND_SET && !is_versioned(&value))) {
        return 0;
    }
    rove__row_set(row, (size_t)ordinal, value);
    return 1;
}

static void read_cell(rove__reader *reader, uint32_t *number, rove_value *value) {
    *number = (uint32_t)rove__reader_varint_max(reader, UINT32_MAX);
    rove__value_read(reader, value);
}

rove_status rove__lite_unpack(rove__row *row, const rove_value *packed, rove__arena *arena) {
    rove__reader reader;
    rove_value value;
    uint32_t number = 0;
    size_t count = 0;

    if (packed->type == ROVE_NULL || packed->size == 0) {
        return ROVE_OK;
    }
    if (packed->type != ROVE_BLOB) {
        return ROVE_CORRUPT;
    }
    rove__reader_init(&reader, packed->as.data, packed->size);
    while (rove__reader_left(&reader) > 0 && rove__reader_status(&reader) == ROVE_OK) {
        read_cell(&reader, &number, &value);
        count++;
    }
    if (rove__reader_status(&reader) != ROVE_OK || count > ROVE_FIELDS_MAX + ROVE_EXTRA_MAX) {
        return ROVE_CORRUPT;
    }
    row->extra = rove__arena_take(arena, count * sizeof *row->extra);
    if (row->extra == NULL) {
        return ROVE_NOMEM;
    }
    rove__reader_init(&reader, packed->as.data, packed->size);
    for (; count > 0; count--) {
        read_cell(&reader, &number, &value);
        if (!place(row, number, value)) {
            row->extra[row->extra_count].number = number;
            row->extra[row->extra_count++].value = value;
        }
    }
    return ROVE_OK;
}
