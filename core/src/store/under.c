/*
 * store/under.c - what is shown of a row with pending work.
 *
 * A cell's value under its pending work lies in the oldest entry that covers it (rule D1; record.c takes it from there).
 * Laying the entries over headquarters' version, oldest first, gives what is shown: registers and ranks are
 * replaced, increments added, and the elements of a set added and removed.
 */
#include <string.h>

#include "base/text.h"
#include "merge/merge.h"
#include "store/internal.h"

static rove_status lay_counter(rove_value *total, const rove_value *pending, rove__arena *arena) {
    rove__increment *increments = NULL;
    size_t count = 0;
    int saturated = 0;

    rove_status status = rove__increments_read(pending, arena, &increments, &count);
    if (status == ROVE_OK && count > 0) {
        int64_t before = total->type == ROVE_INT ? total->as.integer : 0;
        *total = rove__value_int(rove__merge_counter(before, increments, count, &saturated));
    }
    return status;
}

/* Both are ascending: merges them. */
static size_t lay_elements(const rove__set *set, const rove__set *acts, rove_replica replica,
                           rove__element *out) {
    size_t count = 0;
    size_t s = 0;
    size_t a = 0;

    while (s < set->count || a < acts->count) {
        int order = s == set->count ? 1
                    : a == acts->count
                        ? -1
                        : rove__value_compare(&set->elements[s].value, &acts->elements[a].value);
        const rove__element *act = order >= 0 ? &acts->elements[a] : NULL;
        if (act != NULL && act->action == ROVE_SET_ADD) {
            out[count] = *act;
            out[count].version.stamp = act->raw;
            out[count].version.replica = replica;
            count++;
        } else if (order < 0) {
            out[count++] = set->elements[s];
        }
        s += order <= 0;
        a += order >= 0;
    }
    return count;
}

rove_status rove__set_lay(const rove_value *versioned, const rove_value *delta,
                          rove_replica replica, rove__arena *arena, rove_value *result) {
    rove__set set;
    rove__set acts;
    rove__set out = {ROVE_SET_VERSIONED, NULL, 0};

    rove_status status = rove__set_read(&set, versioned, ROVE_SET_VERSIONED, arena);
    if (status == ROVE_OK) {
        status = rove__set_read(&acts, delta, ROVE_SET_DELTA, arena);
    }
    if (status == ROVE_OK && (set.form != ROVE_SET_VERSIONED || acts.form != ROVE_SET_DELTA)) {
        status = ROVE_CORRUPT;
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (set.count + acts.count > 0) {
        out.elements = rove__arena_take(arena, (set.count + acts.count) * sizeof *out.elements);
        if (out.elements == NULL) {
            return ROVE_NOMEM;
        }
        out.count = lay_elements(&set, &acts, replica, out.elements);
    }
    return rove__set_value(&out, arena, result);
}

rove_status rove__set_plain(const rove_value *cell, rove__arena *arena, rove_value *plain) {
    rove__set set;

    rove_status status = rove__set_read(&set, cell, ROVE_SET_PLAIN, arena);
    if (status == ROVE_OK) {
        set.form = ROVE_SET_PLAIN;
        status = rove__set_value(&set, arena, plain);
    }
    return status;
}

rove_status rove__cell_lay(const rove__entry *entry, const rove__pending_cell *cell, rove__row *row,
                           rove__arena *arena, rove_error *error) {
    int ordinal = rove__row_field(row, cell->field);

    if (ordinal < 0 || !cell->has_pending) {
        return rove__error_set(error, ROVE_CORRUPT,
                               "An entry of the outbox is damaged. Keep a copy "
                               "of the folder for support.");
    }
    rove_value *value = &row->cells[ordinal];
    switch (row->entity->fields[ordinal].kind) {
    case ROVE_KIND_COUNTER:
        return lay_counter(value, &cell->pending, arena);
    case ROVE_KIND_SET:
        return rove__set_lay(value, &cell->pending, entry->replica, arena, value);
    case ROVE_KIND_REGISTER:
    case ROVE_KIND_RANK:
    case ROVE_KIND_DERIVED:
    default:
        *value = cell->pending;
        return ROVE_OK;
    }
}

rove_status rove__store_overlay(rove__store *store, const rove__stored *under,
                                const rove__entry *entries, size_t count, rove__arena *arena,
                                rove__stored *shown, rove_error *error) {
    (void)store;
    memset(shown, 0, sizeof *shown);
    rove_status status = rove__row_copy(&shown->row, &under->row, arena);
    if (status == ROVE_OK) {
        status = rove__clock_copy(&shown->clock, &under->clock, arena);
    }
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        for (size_t c = 0; c < entries[i].count && status == ROVE_OK; c++) {
            status = rove__cell_lay(&entries[i], &entries[i].cells[c], &shown->row, arena, error);
        }
        shown->pending = entries[i].seq;
    }
    return status;
}
