/*
 * sync/judge_known.c - writes that headquarters has had already (P3). After a fork the same unsent work may come from two
 * devices, or come again under a former number: what the record's history holds, keyed (replica, raw stamp, field,
 * content), is dropped; increments and acts on set elements singly, by their own stamps.
 *
 * An insert that was sent by one copy of a device holds at the other what its rep changed in the record since: what differs
 * from the insert that the history holds is judged as an edit whose author had seen nothing of what stands. Of what a refused
 * insert holds, some was in flight as edits, which its clock names: whichever comes first, it counts once.
 */
#include "base/assert.h"
#include "sync/judge_state.h"

#define NOTHING_LEFT 2 /* in search.known: what an edit did was taken out act by act */

typedef struct search {
    rove__case *c;
    rove__act *act;
    uint8_t known[ROVE_CLOCK_ENTRIES_MAX]; /* edits by position; of an insert cells by ordinal */
    int insert;                            /* there was an insert to compare with */
    const rove_value
        *sent; /* an insert's cells as they came: what is known is taken out of the others */
} search;

/*
 * What is left of an increment of `sent`. One that grew under its stamp leaves what it grew by. One that is smaller than what is known
 * leaves nothing: it is of a copy of the device, from before the other grew.
 */
static int64_t grown(int64_t sent, int64_t left) {
    return (sent < 0) == (left < 0) ? left : 0;
}

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
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        int64_t sent = now[i].delta;
        for (size_t k = 0; k < had_count; k++) {
            int64_t rest = 0;
            if (had[k].raw == now[i].raw &&
                !__builtin_sub_overflow(now[i].delta, had[k].delta, &rest)) {
                now[i].delta = rest;
            }
        }
        now[i].delta = grown(sent, now[i].delta);
        if (now[i].delta != 0) {
            now[left++] = now[i];
        }
    }
    return status == ROVE_OK ? rove__increments_write(now, left, arena, value) : status;
}

static rove_status write_elements(search *s, const rove__set *set, rove_value *value) {
    if (set->count == 0) {
        *value = rove__value_null();
        return ROVE_OK;
    }
    return rove__set_value(set, &s->c->judge->record, value);
}

/* Takes the acts on elements that `before` holds out of `value`; `stamps` 0: whenever they were done. */
static rove_status drop_elements(search *s, rove_value *value, const rove_value *before,
                                 int stamps) {
    rove__arena *arena = &s->c->judge->record;
    rove__set now;
    rove__set had;
    size_t left = 0;
    rove_status status = rove__set_read(&now, value, ROVE_SET_DELTA, arena);

    if (status == ROVE_OK) {
        status = rove__set_read(&had, before, ROVE_SET_DELTA, arena);
    }
    if (status != ROVE_OK) {
        return status;
    }
    for (size_t i = 0; i < now.count; i++) {
        int found = 0;
        size_t at = rove__set_find(&had, &now.elements[i].value, &found);
        int same = found && had.elements[at].action == now.elements[i].action &&
                   (!stamps || had.elements[at].raw == now.elements[i].raw);
        if (!same) {
            now.elements[left++] = now.elements[i];
        }
    }
    now.count = left;
    return write_elements(s, &now, value);
}

/* Not a set as it was signed, which is one value. */
static int is_acts(const rove_value *set) {
    rove__set_cursor cursor;

    rove__set_open(&cursor, set, ROVE_SET_DELTA);
    return cursor.form == ROVE_SET_DELTA;
}

static int is_parts(const rove__field *field, const rove_value *value) {
    return field->kind == ROVE_KIND_COUNTER || (field->kind == ROVE_KIND_SET && is_acts(value));
}

/*
 * Registers and ranks are one act; of a counter or a set each part is one. *parts 1: it was one of those, and what `before`
 * holds was taken out of `value`, which is NULL when nothing is left.
 */
static rove_status drop_parts(search *s, const rove__field *field, rove_value *value,
                              const rove_value *before, int stamps, int *parts) {
    rove_status status = ROVE_OK;

    *parts = is_parts(field, value);
    if (*parts && value->type == ROVE_BLOB && before->type == ROVE_BLOB) {
        status = field->kind == ROVE_KIND_COUNTER ? drop_increments(s, value, before)
                                                  : drop_elements(s, value, before, stamps);
    }
    return status == ROVE_CORRUPT ? ROVE_OK : status;
}

/* Signed as empty; one of whose acts none is left is marked. */
static int is_signed_empty(const search *s, size_t at, size_t ordinal) {
    const rove__row *row = &s->act->change.row;

    return s->act->change.op == ROVE_OP_SEAL &&
           row->entity->fields[ordinal].kind == ROVE_KIND_SET &&
           row->cells[ordinal].type == ROVE_NULL && (s->known[at] & NOTHING_LEFT) == 0;
}

/* The acts of an edit that an insert holds are taken out of its cell. *parts as above. */
static rove_status drop_from_edit(search *s, size_t at, const rove_value *before, int *parts) {
    rove__row *row = &s->act->change.row;
    int ordinal = rove__row_field(row, s->act->change.edits[at].field);

    *parts = 0;
    if (ordinal < 0 || is_signed_empty(s, at, (size_t)ordinal)) {
        return ROVE_OK;
    }
    rove_value *cell = &row->cells[ordinal];
    rove_status status = drop_parts(s, &row->entity->fields[ordinal], cell, before, 1, parts);
    s->known[at] |= *parts && cell->type == ROVE_NULL ? NOTHING_LEFT : 0;
    return status;
}

/* Takes out what its number has done already, by what the history says of it. */
static rove_status drop_known_increments(search *s, uint32_t field, rove_value *value) {
    rove__arena *arena = &s->c->judge->record;
    const rove__facts *facts = &s->c->judge->facts;
    rove__fact like = {
        .replica = s->act->change.replica, .field = field, .kind = ROVE_FACT_INCREMENT};
    rove__increment *now = NULL;
    size_t count = 0;
    size_t left = 0;

    if (!rove__facts_of_field(facts, &like)) {
        return ROVE_OK;
    }
    rove_status status = rove__increments_read(value, arena, &now, &count);
    for (size_t i = 0; i < count; i++) { /* none if they could not be read */
        int64_t sent = now[i].delta;
        like.raw = now[i].raw;
        rove__facts_take(facts, &like, &now[i].delta);
        now[i].delta = grown(sent, now[i].delta);
        if (now[i].delta != 0) {
            now[left++] = now[i];
        }
    }
    return status == ROVE_OK ? rove__increments_write(now, left, arena, value) : status;
}

static rove_status drop_known_elements(search *s, uint32_t field, rove_value *value) {
    rove__judge *judge = s->c->judge;
    rove__fact like = {
        .replica = s->act->change.replica, .field = field, .kind = ROVE_FACT_ELEMENT};
    rove__set now;
    size_t left = 0;

    if (!rove__facts_of_field(&judge->facts, &like)) {
        return ROVE_OK;
    }
    rove_status status = rove__set_read(&now, value, ROVE_SET_DELTA, &judge->record);
    for (size_t i = 0; status == ROVE_OK && i < now.count; i++) {
        like.raw = now.elements[i].raw;
        status =
            rove__fact_value(judge, &now.elements[i].value, now.elements[i].action, &like.what);
        if (status == ROVE_OK && !rove__facts_has(&judge->facts, &like)) {
            now.elements[left++] = now.elements[i];
        }
    }
    now.count = left;
    return status == ROVE_OK ? write_elements(s, &now, value) : status;
}

/* The acts of an edit that its number has done already are taken out of its cell. *parts as above. */
static rove_status drop_known_parts(search *s, size_t at, int *parts) {
    rove__row *row = &s->act->change.row;
    int ordinal = rove__row_field(row, s->act->change.edits[at].field);
    rove_status status = ROVE_OK;

    *parts = 0;
    if (ordinal < 0 || is_signed_empty(s, at, (size_t)ordinal)) {
        return ROVE_OK;
    }
    const rove__field *field = &row->entity->fields[ordinal];
    rove_value *cell = &row->cells[ordinal];
    *parts = is_parts(field, cell);
    if (*parts && cell->type == ROVE_BLOB) {
        status = field->kind == ROVE_KIND_COUNTER ? drop_known_increments(s, field->number, cell)
                                                  : drop_known_elements(s, field->number, cell);
    }
    s->known[at] |= *parts && cell->type == ROVE_NULL ? NOTHING_LEFT : 0;
    return status == ROVE_CORRUPT ? ROVE_OK : status;
}

static rove_status compare_edit(search *s, size_t at) {
    rove__judge *judge = s->c->judge;
    rove__change *change = &s->act->change;
    const rove__edit *edit = &change->edits[at];
    rove_value value = rove__change_cell(change, edit->field);
    rove__fact wrote = {.replica = change->replica,
                        .field = edit->field,
                        .kind = ROVE_FACT_VALUE,
                        .raw = edit->raw};
    int parts = 0;

    rove_status status = drop_known_parts(s, at, &parts);
    if (status == ROVE_OK && !parts) {
        status = rove__fact_value(judge, &value, 0, &wrote.what);
        s->known[at] |= status == ROVE_OK && rove__facts_has(&judge->facts, &wrote);
    }
    return status;
}

/* ---- what a new record held ------------------------------------------------------------------------------ */

/*
 * A register that the record held already when it was sent: the write that the clock names, or one that it had overtaken. (What another copy
 * of the device wrote there before is taken for such a one.)
 */
static int is_held(const rove__change *change, const rove__change *insert,
                   const rove__clock_entry *held, const rove__edit *edit) {
    rove_value value = rove__change_cell(change, edit->field);
    rove_value had = rove__change_cell(insert, edit->field);

    if (edit->raw == held->version.stamp) {
        return change->replica == held->version.replica && rove__value_equal(&value, &had);
    }
    return edit->raw < held->version.stamp &&
           (change->replica == held->version.replica || change->replica == insert->replica);
}

static rove_status compare_held(search *s, const rove__change *insert) {
    rove__change *change = &s->act->change;

    for (size_t i = 0; i < change->edit_count; i++) {
        const rove__edit *edit = &change->edits[i];
        rove__clock_entry held = rove__clock_get(&insert->clock, edit->field);
        rove_value had = rove__change_cell(insert, edit->field);
        int parts = 0;
        if (held.version.stamp <= insert->clock.base.stamp) {
            continue;
        }
        rove_status status = drop_from_edit(s, i, &had, &parts);
        if (status != ROVE_OK) {
            return status;
        }
        s->known[i] |= !parts && is_held(change, insert, &held, edit);
    }
    return ROVE_OK;
}

/* ---- an insert that comes again ------------------------------------------------------------------------- */

static rove_status compare_cell(search *s, const rove__change *before, size_t ordinal) {
    rove__change *change = &s->act->change;
    const rove__field *field = &change->row.entity->fields[ordinal];
    rove_value had = rove__change_cell(before, field->number);
    rove_value *value = &change->row.cells[ordinal];
    int parts = 0;

    if (!rove__bits_get(&change->row.present, ordinal)) {
        *value = rove__value_null();
    }
    int same = rove__value_equal(value, &had);
    rove_status status = drop_parts(s, field, value, &had, 0, &parts);
    s->known[ordinal] |= same || (parts && value->type == ROVE_NULL);
    return status;
}

static rove_status compare_insert(search *s, const rove__change *before) {
    rove_status status = ROVE_OK;

    s->insert = 1;
    for (size_t i = 0; i < s->act->change.row.cell_count && status == ROVE_OK; i++) {
        status = compare_cell(s, before, i);
    }
    return status;
}

/* It was sealed since it was sent. */
static int seals(const search *s) {
    const rove__change *change = &s->act->change;
    int at = change->row.entity->seal_field;

    return at >= 0 && !s->known[at] && change->row.cells[at].type != ROVE_NULL;
}

/* Of what was done to a set or counter nothing is left: it stays as it is here; a set does not count as signed empty. */
static void leave_parts(search *s, size_t ordinal) {
    rove__row *row = &s->act->change.row;

    row->cells[ordinal] = rove__case_cell(s->c, row->entity->fields[ordinal].number);
}

/* The set as its signer had it, who alone had added to it. */
static rove_status sign_set(search *s, size_t ordinal) {
    const rove_value none = rove__value_null();
    rove__row *row = &s->act->change.row;

    rove__bits_set(&row->present, ordinal);
    return rove__judge_plain_set(s->c->judge, &s->sent[ordinal], &none, &row->cells[ordinal]);
}

/* What is left of the insert, as an edit; as a seal with the record as it was signed. */
static rove_status become_update(search *s) {
    rove__change *change = &s->act->change;
    rove__arena *arena = &s->c->judge->record;
    size_t cells = change->row.cell_count;
    rove__op_stamp *stamps = rove__arena_take(arena, (cells + 1) * sizeof *stamps);
    rove__edit *edits = rove__arena_take(arena, (cells + 1) * sizeof *edits);

    if (stamps == NULL || edits == NULL) {
        return ROVE_NOMEM;
    }
    change->op = seals(s) ? ROVE_OP_SEAL : ROVE_OP_UPDATE;
    change->edit_count = 0;
    for (size_t i = 0; i < cells; i++) {
        rove__kind kind = change->row.entity->fields[i].kind;
        rove_status status =
            change->op == ROVE_OP_SEAL && kind == ROVE_KIND_SET ? sign_set(s, i) : ROVE_OK;
        if (status != ROVE_OK) {
            return status;
        }
        if (s->known[i]) {
            if (change->op == ROVE_OP_UPDATE || kind == ROVE_KIND_COUNTER) {
                rove__bits_clear(&change->row.present, i);
            }
            continue;
        }
        rove__bits_set(&change->row.present, i);
        stamps[change->edit_count] = s->act->stamps[0];
        uint32_t field = change->row.entity->fields[i].number;
        edits[change->edit_count++] = (rove__edit){
            .field = field, .raw = rove__clock_get(&change->clock, field).version.stamp};
    }
    change->edits = edits;
    s->act->stamps = stamps;
    s->c->differs = 1;
    return ROVE_OK;
}

/* ---- the history ---------------------------------------------------------------------------------------- */

const char rove__judge_untold[] = "Its record has a longer history than can be searched for it.";

/* An insert is compared with its like; what was done to the record since with what it held, then with what was done before. */
static rove_status compare_inserts(search *s) {
    const rove__change *change = &s->act->change;
    rove_status status = ROVE_OK;

    for (const rove__known_insert *insert = s->c->judge->facts.inserts;
         insert != NULL && status == ROVE_OK; insert = insert->next) {
        if (change->op != ROVE_OP_INSERT) {
            status = compare_held(s, &insert->change);
        } else if (insert->change.replica == change->replica) {
            status = compare_insert(s, &insert->change);
        }
    }
    return status;
}

static rove_status compare_edits(search *s) {
    const rove__change *change = &s->act->change;
    rove_status status = ROVE_OK;

    if (!rove__facts_of_replica(&s->c->judge->facts, change->replica)) {
        return ROVE_OK;
    }
    for (size_t i = 0; i < change->edit_count && status == ROVE_OK; i++) {
        status = compare_edit(s, i);
    }
    return status;
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
        if (s->known[i]) {
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

static int all_known(const search *s) {
    size_t count = s->act->change.edit_count;

    for (size_t i = 0; i < count; i++) {
        if (!s->known[i]) {
            return 0;
        }
    }
    return 1;
}

/* What was signed stays as it was signed, known or not. */
static void keep_signed(search *s) {
    const rove__change *change = &s->act->change;

    for (size_t i = 0; i < change->edit_count; i++) {
        if ((s->known[i] & NOTHING_LEFT) != 0) {
            leave_parts(s, (size_t)rove__row_field(&change->row, change->edits[i].field));
        }
    }
}

/* What the comparison leaves of an edit. */
static rove_status leave_unknown(search *s, int *known) {
    *known = all_known(s);
    if (s->act->change.op == ROVE_OP_SEAL) {
        keep_signed(s); /* a unit: it is known as a whole or not at all */
        return ROVE_OK;
    }
    return drop_known(s);
}

rove_status rove__judge_brought(rove__case *c, rove__act *act, const rove__change *insert,
                                int *known) {
    search s = {.c = c, .act = act};

    *known = 0;
    if (act->change.op == ROVE_OP_DELETE) {
        return ROVE_OK;
    }
    rove_status status = compare_held(&s, insert);
    return status == ROVE_OK ? leave_unknown(&s, known) : status;
}

/* *known only of a delete */
static rove_status compare(search *s, int became, int *known) {
    const rove__change *change = &s->act->change;
    rove_status status = ROVE_OK;

    if (change->op == ROVE_OP_DELETE) {
        const rove__fact fact = {
            .replica = change->replica, .kind = ROVE_FACT_DELETE, .raw = change->edits[0].raw};
        *known = rove__facts_has(&s->c->judge->facts, &fact);
        return ROVE_OK;
    }
    if (!became) {
        status = compare_inserts(s);
    }
    return status == ROVE_OK && change->op != ROVE_OP_INSERT ? compare_edits(s) : status;
}

static rove_status look_up(rove__case *c, rove__act *act, int became, int *known) {
    search s = {.c = c, .act = act};
    const rove__row *row = &act->change.row;

    if (act->change.op == ROVE_OP_INSERT) {
        s.sent =
            rove__arena_copy(&c->judge->record, row->cells, row->cell_count * sizeof *row->cells);
        if (s.sent == NULL) {
            return ROVE_NOMEM;
        }
    }
    rove_status status = compare(&s, became, known);
    if (act->change.op == ROVE_OP_INSERT) {
        if (status != ROVE_OK || !s.insert) {
            return status; /* that it is there is all that can be said */
        }
        status = become_update(&s);
        *known = act->change.edit_count == 0;
        return status == ROVE_OK && !*known ? look_up(c, act, 1, known) : status;
    }
    if (status != ROVE_OK || act->change.op == ROVE_OP_DELETE) {
        return status;
    }
    return leave_unknown(&s, known);
}

rove_status rove__judge_known(rove__case *c, rove__act *act, int *known) {
    *known = 0;
    if (!c->stood) {
        return ROVE_OK;
    }
    rove_status status = rove__facts_read(c);
    if (status == ROVE_OK && c->judge->facts.over) {
        *known = ROVE_JUDGE_UNTOLD;
        return ROVE_OK;
    }
    return status == ROVE_OK ? look_up(c, act, 0, known) : status;
}
