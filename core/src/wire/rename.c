/*
 * wire/rename.c - see rename.h.
 */
#include "wire/rename.h"

static const rove__rename *find(const rove__renames *renames, uint32_t target, rove_id id) {
    for (size_t i = 0; i < renames->count; i++) {
        if (renames->items[i].id == id &&
            (target == ROVE_TARGET_ROOT || target == renames->items[i].entity)) {
            return &renames->items[i];
        }
    }
    return NULL;
}

/* Elements stay in order: the set is put together again by insertion. */
static rove_status rename_set(const rove__renames *renames, const rove__field *field,
                              rove_value *value, rove__set_form form, rove__arena *arena,
                              int *changed) {
    rove__set set;
    int renamed = 0;

    rove_status status = rove__set_read(&set, value, form, arena);
    for (size_t i = 0; status == ROVE_OK && i < set.count; i++) {
        rove__element element = set.elements[i];
        const rove__rename *rename = element.value.type == ROVE_INT
                                         ? find(renames, field->target, element.value.as.integer)
                                         : NULL;
        size_t at = i;
        if (rename != NULL) {
            element.value = rove__value_int(rename->to);
            renamed = 1;
        }
        while (at > 0 && rove__value_compare(&set.elements[at - 1].value, &element.value) > 0) {
            set.elements[at] = set.elements[at - 1];
            at--;
        }
        set.elements[at] = element;
    }
    if (status != ROVE_OK || !renamed) {
        return status;
    }
    *changed = 1;
    return rove__set_value(&set, arena, value);
}

rove_status rove__rename_value(const rove__renames *renames, const rove__field *field,
                               rove_value *value, rove__set_form form, rove__arena *arena,
                               int *changed) {
    if (field->target == 0 || value->type == ROVE_NULL) {
        return ROVE_OK;
    }
    if (field->kind == ROVE_KIND_SET) {
        return rename_set(renames, field, value, form, arena, changed);
    }
    const rove__rename *rename =
        value->type == ROVE_INT ? find(renames, field->target, value->as.integer) : NULL;
    if (rename != NULL) {
        *value = rove__value_int(rename->to);
        *changed = 1;
    }
    return ROVE_OK;
}

rove_status rove__rename_row(const rove__renames *renames, rove__row *row, rove__set_form form,
                             rove__arena *arena, int *changed) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < row->cell_count && status == ROVE_OK; i++) {
        if (rove__bits_get(&row->present, i)) {
            status = rove__rename_value(renames, &row->entity->fields[i], &row->cells[i], form,
                                        arena, changed);
        }
    }
    return status;
}

void rove__rename_record(const rove__renames *renames, rove__change *change, int *changed) {
    for (size_t i = 0; i < renames->count; i++) {
        const rove__rename *rename = &renames->items[i];
        if (rename->entity == change->row.entity_number && rename->id == change->row.id &&
            rove__version_compare(rename->origin, change->clock.origin) == 0) {
            change->row.id = rename->to;
            *changed = 1;
            return;
        }
    }
}

rove_status rove__rename_change(const rove__renames *renames, rove__change *change,
                                rove__arena *arena, int *changed) {
    if (change->row.entity == NULL) {
        return ROVE_OK;
    }
    rove__rename_record(renames, change, changed);
    return rove__rename_row(renames, &change->row, ROVE_SET_DELTA, arena, changed);
}
