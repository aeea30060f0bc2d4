/*
 * sync/judge_seal.c - a sealed record (P11): the whole of it, as signed, is set as one unit. What others wrote meanwhile,
 * earlier or later, goes to the conflict log; the worst verdict is review.
 */
#include "base/assert.h"
#include "base/planted.h"
#include "sync/judge_state.h"

#include "rove/entities.pb-c.h"

/* The stamp of a cell: of its own edit, or of the seal. */
static rove_stamp stamp_of(const rove__act *act, uint32_t field, const rove__edit **edit) {
    rove_stamp latest = 0;

    *edit = NULL;
    for (size_t i = 0; i < act->change.edit_count; i++) {
        if (act->stamps[i].canonical > latest) {
            latest = act->stamps[i].canonical;
        }
        if (act->change.edits[i].field == field) {
            *edit = &act->change.edits[i];
            return act->stamps[i].canonical;
        }
    }
    return latest;
}

static rove_status log_clash(rove__case *c, const rove__act *act, int kind, uint32_t field,
                             const rove__cell *current, const rove__cell *signed_,
                             int signed_kept) {
    rove__clash clash = {.kind = kind,
                         .field = field,
                         .kept = signed_kept ? *signed_ : *current,
                         .lost = signed_kept ? *current : *signed_,
                         .write_kept = signed_kept,
                         .raw = act->change.edits[0].raw,
                         .user = act->user};

    return rove__judge_conflict(c, &clash);
}

/* Elements that stand keep their versions. *left: how many of those that stand were not signed. */
static rove_status version_set(rove__set *set, const rove__set *current, rove__version version,
                               rove__arena *arena, rove_value *value, size_t *left) {
    *left = current->count;
    for (size_t i = 0; i < set->count; i++) {
        int found = 0;
        size_t at = rove__set_find(current, &set->elements[i].value, &found);
        set->elements[i].version = found ? current->elements[at].version : version;
        *left -= (size_t)found;
    }
    set->form = ROVE_SET_VERSIONED;
    return rove__set_value(set, arena, value);
}

/* A whole set as signed. What stands and was not signed is lost, unless the signer had seen all of it. */
static rove_status replace_set(rove__case *c, const rove__act *act, uint32_t field,
                               rove__version version, rove__version seen, rove__set *set,
                               int edited) {
    rove__arena *arena = &c->judge->record;
    rove__clock_entry entry = rove__clock_get(&c->after.clock, field);
    rove__cell current = {rove__case_cell(c, field), entry.version, 0};
    rove__cell write = {.version = version};
    rove__set stands;
    size_t left = 0;
    int causal =
        rove__merge_causal(seen, entry.version, act->replica, rove__case_own(c, act, &entry));

    if (version.stamp <= entry.version.stamp) {
        version.stamp = entry.version.stamp + 1;
    }
    rove_status status = rove__set_read(&stands, &current.value, ROVE_SET_VERSIONED, arena);
    if (status == ROVE_OK) {
        status = version_set(set, &stands, version, arena, &write.value, &left);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove_value value = write.value;
    int same = rove__value_equal(&current.value, &value);
    c->differs |= edited || !same; /* what the signer did to it, his device goes by */
    if (left > 0 && !causal) {
        status = rove__judge_plain_sets(c->judge, &current, &write);
        if (status == ROVE_OK) {
            status =
                log_clash(c, act, ROVE__CONFLICT__KIND__REGISTER_WRITE, field, &current, &write, 1);
        }
    }
    return status == ROVE_OK && !same ? rove__case_set(c, field, value, version, 0) : status;
}

/* A set as signed: acts are merged. One that is not signed stays: older builds sent only what they changed. */
static rove_status signed_set(rove__case *c, const rove__act *act, uint32_t field,
                              rove__version version, rove__version seen, int edited) {
    int ordinal = rove__row_field(&act->change.row, field);
    rove_value value = rove__change_cell(&act->change, field);
    rove__set set;
    rove__version result;
    int known = 0;

    if (!edited && !rove__bits_get(&act->change.row.present, (size_t)ordinal)) {
        return ROVE_OK;
    }
    rove_status status = rove__set_read(&set, &value, ROVE_SET_PLAIN, &c->judge->record);
    if (status == ROVE_OK && set.form != ROVE_SET_DELTA) {
        set.count = ROVE_PLANTED(P11_WIPED) && !edited ? 0 : set.count;
        return replace_set(c, act, field, version, seen, &set, edited);
    }
    if (status == ROVE_OK) {
        status = rove__judge_set(c, act, field, version, seen, value, &result, &known);
        c->differs |= !known;
    }
    return status;
}

/* A register or rank as signed. */
static rove_status signed_value(rove__case *c, const rove__act *act, uint32_t field,
                                rove__version version, rove__version seen, rove_value value,
                                const rove__edit *edit) {
    rove__clock_entry entry = rove__clock_get(&c->after.clock, field);
    rove__cell current = {rove__case_cell(c, field), entry.version, entry.epoch};
    int equal = rove__value_equal(&current.value, &value);
    rove_status status = ROVE_OK;

    int causal =
        rove__merge_causal(seen, entry.version, act->replica, rove__case_own(c, act, &entry));
    if (equal && edit == NULL) {
        return ROVE_OK;
    }
    if (ROVE_PLANTED(P11_MIXED) && !causal) {
        return ROVE_OK;
    }
    if (!equal && !causal) {
        rove__cell write = {value, version, entry.epoch};
        status =
            log_clash(c, act, ROVE__CONFLICT__KIND__REGISTER_WRITE, field, &current, &write, 1);
    }
    if (version.stamp <= entry.version.stamp) {
        version.stamp = entry.version.stamp + 1;
    }
    uint32_t epoch = edit != NULL && edit->epoch > entry.epoch ? edit->epoch : entry.epoch;
    c->differs |= edit == NULL || epoch != edit->epoch;
    if (status == ROVE_OK) {
        status = rove__case_set(c, field, value, version, epoch);
    }
    return status == ROVE_OK && edit != NULL
               ? rove__judge_stamped(c, act, field, edit->raw, version.stamp)
               : status;
}

static rove_status sign_cell(rove__case *c, const rove__act *act, const rove__field *field) {
    const rove__edit *edit = NULL;
    rove__version version = {stamp_of(act, field->number, &edit), act->replica};
    rove__version seen =
        edit != NULL ? edit->base : rove__clock_get(&act->change.clock, field->number).version;
    rove_value value = rove__change_cell(&act->change, field->number);
    int known = 0;

    if (field->kind == ROVE_KIND_DERIVED || field->writer == ROVE_WRITER_HQ) {
        return ROVE_OK;
    }
    if (field->kind == ROVE_KIND_SET) {
        return signed_set(c, act, field->number, version, seen, edit != NULL);
    }
    if (field->kind == ROVE_KIND_COUNTER) {
        if (edit == NULL || value.type != ROVE_BLOB) {
            return ROVE_OK;
        }
        rove_status status =
            rove__judge_counter(c, act, field->number, version, seen, value, &version, &known);
        c->differs |= !known;
        return status;
    }
    return signed_value(c, act, field->number, version, seen, value, edit);
}

/* Whether the second seal says nothing of the field, or the same. */
static int is_same(const rove__act *act, const rove__field *field, int edited,
                   const rove_value *stands, const rove_value *value) {
    int ordinal = rove__row_field(&act->change.row, field->number);

    if (field->kind == ROVE_KIND_DERIVED || field->kind == ROVE_KIND_COUNTER ||
        field->writer == ROVE_WRITER_HQ ||
        (field->writer == ROVE_WRITER_SEAL && ROVE_PLANTED(S04_DROPPED))) {
        return 1;
    }
    if (field->kind == ROVE_KIND_SET && !edited &&
        !rove__bits_get(&act->change.row.present, (size_t)ordinal)) {
        return 1;
    }
    return rove__value_equal(stands, value);
}

/* Sealed before: each field in which the two differ is kept in the log, sets by their elements. */
static rove_status sealed_twice(rove__case *c, const rove__act *act) {
    const rove__entity *entity = c->after.row.entity;
    rove_status status = ROVE_OK;
    int same = 1;

    for (size_t i = 0; i < c->after.row.cell_count && status == ROVE_OK; i++) {
        const rove__field *field = &entity->fields[i];
        rove_value value = rove__change_cell(&act->change, field->number);
        rove__clock_entry entry = rove__clock_get(&c->after.clock, field->number);
        rove__cell current = {c->after.row.cells[i], entry.version, entry.epoch};
        const rove__edit *edit = NULL;
        rove__cell write = {value, {stamp_of(act, field->number, &edit), act->replica}, 0};
        if (field->kind == ROVE_KIND_SET) {
            status = rove__judge_plain_sets(c->judge, &current, &write);
        }
        if (status != ROVE_OK || is_same(act, field, edit != NULL, &current.value, &write.value)) {
            continue;
        }
        same = 0;
        status = log_clash(c, act, ROVE__CONFLICT__KIND__SECOND_SEAL, field->number, &current,
                           &write, 0);
    }
    if (status == ROVE_OK) {
        status = rove__judge_verdict(c, act, 0, same ? ROVE_VERDICT_KNOWN : ROVE_VERDICT_LOST,
                                     ROVE_OK, "");
    }
    return status == ROVE_OK ? rove__judge_record(c, &act->change) : status;
}

/*
 * 1 if the row stays small enough for a frame with what was signed and with the unknown fields that stand beside it. How many
 * those are, the rules have counted.
 */
static int fits(const rove__case *c, const rove__change *change) {
    size_t size = rove__writer_row_size(&change->row);
    rove__row beside = {.cell_count = 0};

    for (size_t i = 0; i < c->after.row.extra_count; i++) {
        rove__extra *extra = &c->after.row.extra[i];
        if (rove__change_cell(change, extra->number).type == ROVE_NULL) {
            beside.extra = extra;
            beside.extra_count = 1;
            size += rove__writer_row_size(&beside);
        }
    }
    return size <= ROVE_ROW_MAX;
}

/* A field that this build does not know. */
static rove_status sign_extra(rove__case *c, const rove__act *act, uint32_t number) {
    rove__field field = {.number = number, .kind = ROVE_KIND_REGISTER};

    return sign_cell(c, act, &field);
}

/* Unknown fields that stand here, and that were not signed: as those that are known, they leave the record. */
static rove_status sign_unseen(rove__case *c, const rove__act *act) {
    size_t count = c->after.row.extra_count;
    uint32_t *beside = rove__arena_take(&c->judge->record, (count + 1) * sizeof *beside);
    rove_status status = beside == NULL ? ROVE_NOMEM : ROVE_OK;

    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        beside[i] = c->after.row.extra[i].number; /* which go as they are signed */
    }
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        if (rove__change_cell(&act->change, beside[i]).type == ROVE_NULL) {
            status = sign_extra(c, act, beside[i]);
        }
    }
    return status;
}

static rove_status apply(rove__case *c, const rove__act *act) {
    const rove__entity *entity = c->after.row.entity;
    rove_status status = ROVE_OK;

    if (c->after.dead != 0) {
        status = rove__judge_revive(c, act);
    }
    for (size_t i = 0; i < c->after.row.cell_count && status == ROVE_OK; i++) {
        status = sign_cell(c, act, &entity->fields[i]);
    }
    if (status == ROVE_OK) {
        status = sign_unseen(c, act);
    }
    for (size_t i = 0; i < act->change.row.extra_count && status == ROVE_OK; i++) {
        status = sign_extra(c, act, act->change.row.extra[i].number);
    }
    return status == ROVE_OK ? rove__judge_record(c, &act->change) : status;
}

rove_status rove__judge_seal(rove__case *c, const rove__act *act) {
    rove_error error = {.message = ""};
    rove__write write = {.op = ROVE_OP_SEAL,
                         .actor = ROVE_ACTOR_REP,
                         .registry = c->judge->ports->registry,
                         .before = &c->after.row,
                         .after = &act->change.row};
    int entitled = 0;

    if (rove__case_sealed(c)) {
        return sealed_twice(c, act);
    }
    rove_status status = rove__rules_check(&write, &error);
    if (status != ROVE_OK) {
        return ROVE_PLANTED(P11_REFUSED) ? rove__judge_refuse(c, act, status, error.message)
                                         : rove__judge_review(c, act, error.message);
    }
    status = rove__judge_may_enter(c, act, &act->change.row, &entitled);
    if (status == ROVE_OK && !entitled) {
        return rove__judge_not_held(c, act, "Its author did not hold what it is about.");
    }
    if (status == ROVE_OK && !fits(c, &act->change)) {
        return rove__judge_review(c, act, rove_status_text(ROVE_TOO_BIG));
    }
    return status == ROVE_OK ? apply(c, act) : status;
}
