/*
 * model/row.c - a row as an array of cells: made, copied, and the scope that follows from it.
 */
#include "model/row.h"

#include <string.h>

#include "base/assert.h"

rove_status rove__row_init(rove__row *row, const rove__entity *entity, rove_id id,
                           rove__arena *arena) {
    return rove__row_init_wide(row, entity, id, entity != NULL ? entity->field_count : 0, arena);
}

rove_status rove__row_init_wide(rove__row *row, const rove__entity *entity, rove_id id,
                                size_t cell_count, rove__arena *arena) {
    memset(row, 0, sizeof *row);
    row->id = id;
    if (entity == NULL) {
        return ROVE_OK;
    }
    ROVE_ASSERT(cell_count <= entity->field_count);
    row->entity = entity;
    row->entity_number = entity->number;
    row->cells = rove__arena_take(arena, cell_count * sizeof *row->cells);
    if (row->cells == NULL) {
        return ROVE_NOMEM;
    }
    memset(row->cells, ROVE_NULL, cell_count * sizeof *row->cells);
    row->cell_count = cell_count;
    return ROVE_OK;
}

static int of_row(const rove__row *row, int ordinal) {
    return ordinal >= 0 && (size_t)ordinal < row->cell_count ? ordinal : -1;
}

int rove__row_field(const rove__row *row, uint32_t number) {
    return of_row(row, rove__entity_field(row->entity, number));
}

int rove__row_field_named(const rove__row *row, const char *name) {
    return of_row(row, rove__entity_field_named(row->entity, name));
}

rove_value rove__row_cell(const rove__row *row, size_t ordinal) {
    return ordinal < row->cell_count ? row->cells[ordinal] : rove__value_null();
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
    rove_status status = rove__row_init_wide(to, from->entity, from->id, from->cell_count, arena);

    to->entity_number = from->entity_number;
    to->present = from->present;
    for (size_t i = 0; i < from->cell_count && status == ROVE_OK; i++) {
        status = value_copy(&to->cells[i], &from->cells[i], arena);
    }
    if (status == ROVE_OK) {
        status = extra_copy(to, from, arena);
    }
    return status;
}

size_t rove__row_count(const rove__row *row) {
    size_t count = row->extra_count;

    for (size_t i = 0; row->entity != NULL && i < row->entity->field_count; i++) {
        count += (size_t)rove__bits_get(&row->present, i);
    }
    return count;
}

void rove__row_set(rove__row *row, size_t ordinal, rove_value value) {
    ROVE_ASSERT(row->entity != NULL && ordinal < row->cell_count);
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
