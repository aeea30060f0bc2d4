/*
 * model/row.c - a row as an array of cells: made, copied, and the scope that follows from it.
 */
#include "model/row.h"

#include <string.h>

#include "base/assert.h"

rove_status rove__row_init(rove__row *row, const rove__entity *entity, rove_id id,
                           rove__arena *arena) {
    memset(row, 0, sizeof *row);
    row->id = id;
    if (entity == NULL) {
        return ROVE_OK;
    }
    row->entity = entity;
    row->entity_number = entity->number;
    row->cells = rove__arena_take(arena, entity->field_count * sizeof *row->cells);
    if (row->cells == NULL) {
        return ROVE_NOMEM;
    }
    memset(row->cells, ROVE_NULL, entity->field_count * sizeof *row->cells);
    return ROVE_OK;
}

static rove_status value_copy(rove_value *to, const rove_value *from, rove__arena *arena) {
    *to = *from;
    if ((from->type != ROVE_TEXT && from->type != ROVE_BLOB) || from->size == 0) {
        return ROVE_OK;
    }
    to->as.data = rove__arena_copy(arena, from->as.data, from->size);
    return to->as.data == NULL ? ROVE_NOMEM : ROVE_OK;
}

static rove_status extra_copy(rove__row *to, const rove__row *from, rove__arena *arena) {
    rove_status status = ROVE_OK;

    to->extra_count = 0;
    to->extra = NULL;
    if (from->extra_count == 0) {
        return ROVE_OK;
    }
    to->extra = rove__arena_take(arena, from->extra_count * sizeof *to->extra);
    if (to->extra == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < from->extra_count && status == ROVE_OK; i++) {
        to->extra[i].number = from->extra[i].number;
        status = value_copy(&to->extra[i].value, &from->extra[i].value, arena);
    }
    to->extra_count = from->extra_count;
    return status;
}

rove_status rove__row_copy(rove__row *to, const rove__row *from, rove__arena *arena) {
    size_t count = from->entity == NULL ? 0 : from->entity->field_count;
    rove_status status = rove__row_init(to, from->entity, from->id, arena);

    to->entity_number = from->entity_number;
    to->present = from->present;
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        status = value_copy(&to->cells[i], &from->cells[i], arena);
    }
    if (status == ROVE_OK) {
        status = extra_copy(to, from, arena);
    }
    return status;
}

void rove__row_set(rove__row *row, size_t ordinal, rove_value value) {
    ROVE_ASSERT(row->entity != NULL && ordinal < row->entity->field_count);
    row->cells[ordinal] = value;
    rove__bits_set(&row->present, ordinal);
}

/* The integer of a cell, 0 if it is NULL or the column is none. */
static int64_t cell_integer(const rove__row *row, int ordinal) {
    if (ordinal < 0 || row->cells[ordinal].type != ROVE_INT) {
        return 0;
    }
    return row->cells[ordinal].as.integer;
}

static int32_t part_of(const rove__row *row) {
    int ordinal = row->entity->part_field;

    if (ordinal < 0 || row->cells[ordinal].type != ROVE_INT) {
        return 0;
    }
    return rove__month_of(row->cells[ordinal].as.integer);
}

rove__scope rove__row_scope(const rove__row *row, const rove__scope *parent) {
    rove__scope scope = {0, 0};

    if (row->entity == NULL) {
        return scope;
    }
    ROVE_ASSERT((parent != NULL) == (row->entity->scope == ROVE_SCOPE_PARENT));
    switch (row->entity->scope) {
    case ROVE_SCOPE_ORGANISATION:
        break;
    case ROVE_SCOPE_SELF:
        scope.root = row->id;
        break;
    case ROVE_SCOPE_FIELD:
        scope.root = cell_integer(row, row->entity->scope_field);
        scope.part = part_of(row);
        break;
    case ROVE_SCOPE_PARENT:
        scope = parent == NULL ? scope : *parent;
        break;
    }
    return scope;
}
