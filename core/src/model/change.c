/*
 * model/change.c - a deep copy of a change, and its weight.
 */
#include "model/change.h"

size_t rove__change_weight(const rove__change *change) {
    return rove__row_count(&change->row) + change->edit_count + change->clock.count;
}

rove_status rove__change_copy(rove__change *to, const rove__change *from, rove__arena *arena) {
    rove_status status = ROVE_OK;

    *to = *from;
    status = rove__row_copy(&to->row, &from->row, arena);
    if (status == ROVE_OK) {
        status = rove__clock_copy(&to->clock, &from->clock, arena);
    }
    if (status == ROVE_OK && from->edit_count > 0) {
        to->edits = rove__arena_copy(arena, from->edits, from->edit_count * sizeof *from->edits);
        status = to->edits == NULL ? ROVE_NOMEM : ROVE_OK;
    }
    return status;
}
