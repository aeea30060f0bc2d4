/*
 * model/digest.c - the term of one live row (format in digest.h).
 */
#include "model/digest.h"

#include "base/assert.h"
#include "base/planted.h"

static void write_cell(rove__buf *buf, uint32_t number, const rove_value *value) {
    if (value->type != ROVE_NULL && !ROVE_PLANTED(G01_CLOCKS_ONLY)) {
        rove__buf_varint(buf, number);
        rove__value_write(buf, value);
    }
}

/* Known and unknown fields are two ascending lists; they are written as one. */
static void write_cells(rove__buf *buf, const rove__row *row) {
    const rove__entity *entity = row->entity;
    const rove__order *order = entity == NULL ? NULL : entity->by_number;
    const rove__field *fields = entity == NULL ? NULL : entity->fields;
    size_t e = 0;

    for (size_t i = 0; order != NULL && i < order->count; i++) {
        size_t ordinal = order->ordinals[i];
        if (ordinal >= row->cell_count) {
            continue; /* a field that came after the row */
        }
        const rove__field *field = &fields[ordinal];
        while (e < row->extra_count && row->extra[e].number < field->number) {
            write_cell(buf, row->extra[e].number, &row->extra[e].value);
            e++;
        }
        if (field->kind != ROVE_KIND_DERIVED) {
            write_cell(buf, field->number, &row->cells[ordinal]);
        }
    }
    for (; e < row->extra_count; e++) {
        write_cell(buf, row->extra[e].number, &row->extra[e].value);
    }
}

rove_status rove__digest_term(const uint8_t key[ROVE_HASH_KEY_SIZE], const rove__row *row,
                              const rove__clock *clock, rove__buf *scratch, rove__hash128 *term) {
    ROVE_ASSERT(row->id > 0 && row->entity_number > 0);
    *term = (rove__hash128){0, 0};
    rove__buf_reset(scratch);
    rove__buf_varint(scratch, row->entity_number);
    rove__buf_u64(scratch, (uint64_t)row->id);
    rove__clock_write(scratch, clock, 0);
    write_cells(scratch, row);
    if (rove__buf_status(scratch) != ROVE_OK) {
        return rove__buf_status(scratch);
    }
    *term = rove__siphash128(key, scratch->data, scratch->size);
    return ROVE_OK;
}
