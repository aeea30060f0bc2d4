/*
 * sync/outgoing.c - see outgoing.h.
 */
#include "sync/outgoing.h"

#include <string.h>

#include "base/assert.h"

void rove__outgoing_whole(rove__hq_row *row, rove__change *change) {
    memset(&row->row.present, 0, sizeof row->row.present);
    for (size_t i = 0; i < row->row.cell_count; i++) {
        if (row->row.cells[i].type != ROVE_NULL) {
            rove__bits_set(&row->row.present, i);
        }
    }
    *change = (rove__change){.op = ROVE_OP_WHOLE, .row = row->row, .clock = row->clock};
}

/* Unknown fields of which the part has an entry. */
static rove_status part_extra(const rove__hq_row *row, rove__arena *arena, rove__change *change) {
    change->row.extra = NULL;
    change->row.extra_count = 0;
    if (row->row.extra_count == 0) {
        return ROVE_OK;
    }
    rove__extra *extra = rove__arena_take(arena, row->row.extra_count * sizeof *extra);
    if (extra == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0, k = 0; i < row->row.extra_count; i++) {
        while (k < change->clock.count &&
               change->clock.entries[k].field < row->row.extra[i].number) {
            k++;
        }
        if (k < change->clock.count && change->clock.entries[k].field == row->row.extra[i].number) {
            extra[change->row.extra_count++] = row->row.extra[i];
        }
    }
    change->row.extra = extra;
    return ROVE_OK;
}

rove_status rove__outgoing_part(rove__hq_row *row, uint64_t since, rove__arena *arena,
                                rove__change *change, int *any) {
    const rove__clock *clock = &row->clock;
    rove__clock_entry *entries = rove__arena_take(arena, (clock->count + 1) * sizeof *entries);
    size_t count = 0;

    *any = 0;
    if (entries == NULL) {
        return ROVE_NOMEM;
    }
    memset(&row->row.present, 0, sizeof row->row.present);
    for (size_t i = 0; i < clock->count; i++) {
        if (clock->entries[i].seq > since) {
            int ordinal = rove__row_field(&row->row, clock->entries[i].field);
            entries[count++] = clock->entries[i];
            if (ordinal >= 0) {
                rove__bits_set(&row->row.present, (size_t)ordinal);
            }
        }
    }
    *change = (rove__change){.op = ROVE_OP_PART, .row = row->row, .clock = *clock};
    change->clock.entries = entries;
    change->clock.count = count;
    change->clock.capacity = count;
    *any = count > 0;
    return part_extra(row, arena, change);
}

void rove__outgoing_tombstone(rove__hq_row *row, rove__change *change) {
    memset(&row->row.present, 0, sizeof row->row.present);
    *change = (rove__change){.op = ROVE_OP_TOMBSTONE,
                             .row = row->row,
                             .clock = {.origin = row->clock.origin, .base = row->clock.origin}};
    change->row.extra_count = 0;
}

void rove__outgoing_mark(const rove__hq_row *row, rove__scope left, rove__change *change) {
    *change = (rove__change){.op = ROVE_OP_MARK,
                             .row = row->row,
                             .clock = {.origin = row->clock.origin, .base = row->clock.origin},
                             .scope = left};
    memset(&change->row.present, 0, sizeof change->row.present);
    change->row.extra_count = 0;
}
