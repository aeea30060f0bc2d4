/*
 * model/change.c - a deep copy of a change.
 */
#include "model/change.h"

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
