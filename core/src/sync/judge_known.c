/*
 * sync/judge_known.c - writes that headquarters has had already (P3). After a fork the same unsent work may come from two
 * devices, or come again under a former number: what the record's history holds, keyed (replica, raw stamp, field,
 * content), is dropped; increments and acts on set elements singly, by their own stamps.
 */
#include "base/assert.h"
#include "sync/judge_state.h"

typedef struct search {
    rove__case *c;
    rove__act *act;
    rove__bits known; /* edits by position */
    int whole;        /* an insert, a delete */
} search;

/* Takes the increments that `before` holds out of `value`. */
static rove_status drop_increments(search *s, rove_value *value, const rove_value *before) {
    rove__arena *arena = &s->c->judge->record;
    rove__increment *now = NULL;
    rove__increment *had = NULL;
    size_t count = 0;
    size_t had_count = 0;
    size_t left = 0;
    rove_status status = rove__increments_read(value, arena, &now, &count);

    if (status == ROVE_OK) {
        status = rove__increments_read(before, arena, &had, &had_count);
    }
    for (size_t i = 0, k = 0; i < count && status == ROVE_OK; i++) {
        while (k < had_count && had[k].raw < now[i].raw) {
            k++;
        }
        if (k == had_count || had[k].raw != now[i].raw) {
            now[left++] = now[i];
        }
    }
    return status == ROVE_OK ? rove__increments_write(now, left, arena, value) : status;
}

static int is_counter(const rove__change *change, uint32_t field) {
    int ordinal = rove__row_field(&change->row, field);

    return ordinal >= 0 && change->row.entity->fields[ordinal].kind == ROVE_KIND_COUNTER;
}

static rove_status compare_edit(search *s, const rove__change *before, size_t at) {
    rove__change *change = &s->act->change;
    const rove__edit *edit = &change->edits[at];
    rove_value had = rove__change_cell(before, edit->field);

    if (is_counter(change, edit->field)) {
        int ordinal = rove__row_field(&change->row, edit->field);
        rove_value *value = &change->row.cells[ordinal];
        if (had.type != ROVE_BLOB || value->type != ROVE_BLOB) {
            return ROVE_OK;
        }
        rove_status status = drop_increments(s, value, &had);
        if (status == ROVE_OK && value->type == ROVE_NULL && at < ROVE_FIELDS_MAX) {
            rove__bits_set(&s->known, at);
        }
        return status == ROVE_CORRUPT ? ROVE_OK : status;
    }
    for (size_t k = 0; k < before->edit_count; k++) {
        rove_value value = rove__change_cell(change, edit->field);
        if (before->edits[k].field == edit->field && before->edits[k].raw == edit->raw &&
            rove__value_equal(&value, &had) && at < ROVE_FIELDS_MAX) {
            rove__bits_set(&s->known, at);
        }
    }
    return ROVE_OK;
}

static rove_status compare(search *s, const rove__change *before) {
    const rove__change *change = &s->act->change;
    rove_status status = ROVE_OK;

    if (before->replica != change->replica || before->row.entity != change->row.entity) {
        return ROVE_OK;
    }
    if (change->op == ROVE_OP_DELETE) {
        s->whole |= before->op == ROVE_OP_DELETE && before->edit_count == 1 &&
                    before->edits[0].raw == change->edits[0].raw;
        return ROVE_OK;
    }
    for (size_t i = 0; i < change->edit_count && status == ROVE_OK; i++) {
        status = compare_edit(s, before, i);
    }
    return status;
}

static rove_status each_history(void *ctx, const rove__hq_history *history) {
    search *s = ctx;
    const rove__server_ports *ports = s->c->judge->ports;
    rove__batch_reader *reader = NULL;
    rove__change before;
    rove_status status = rove__batch_reader_new(
        ports->allocator, ports->registry, history->change.data, history->change.size, &reader);

    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &before);
        if (status == ROVE_OK) {
            status = compare(s, &before);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

/* Closes the gaps that known edits leave; their cells go with them. */
static rove_status drop_known(search *s) {
    rove__change *change = &s->act->change;
    rove__op_stamp *stamps =
        rove__arena_take(&s->c->judge->record, (change->edit_count + 1) * sizeof *stamps);
    size_t left = 0;

    if (stamps == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < change->edit_count; i++) {
        if (i < ROVE_FIELDS_MAX && rove__bits_get(&s->known, i)) {
            int ordinal = rove__row_field(&change->row, change->edits[i].field);
            if (ordinal >= 0) {
                rove__bits_clear(&change->row.present, (size_t)ordinal);
            }
            continue;
        }
        stamps[left] = s->act->stamps[i];
        change->edits[left++] = change->edits[i];
    }
    change->edit_count = left;
    s->act->stamps = stamps;
    return ROVE_OK;
}

rove_status rove__judge_known(rove__case *c, rove__act *act, int *known) {
    search s = {.c = c, .act = act};
    rove__arena arena;

    *known = 0;
    if (!c->stood || act->change.op == ROVE_OP_INSERT) {
        return ROVE_OK;
    }
    rove__arena_init(&arena, c->judge->ports->allocator, ROVE_JUDGE_ARENA_MAX);
    rove_status status =
        c->judge->store->history_scan(c->judge->tx, c->entity, c->id, 0, &arena, each_history, &s);
    rove__arena_free(&arena);
    if (status != ROVE_OK || act->change.op == ROVE_OP_DELETE) {
        *known = s.whole;
        return status;
    }
    size_t before = act->change.edit_count;
    status = drop_known(&s);
    if (act->change.op == ROVE_OP_SEAL && act->change.edit_count > 0) {
        return status; /* a unit: it is known as a whole or not at all */
    }
    *known = status == ROVE_OK && before > 0 && act->change.edit_count == 0;
    return status;
}
