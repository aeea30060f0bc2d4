/*
 * sync/judge_cells.c - an update: its cells are merged one by one, each by its kind (P5 to P10).
 */
#include "base/assert.h"
#include "sync/judge_state.h"

#include "rove/entities.pb-c.h"

/* ---- cells ---------------------------------------------------------------------------------------------- */

static rove_value *find_cell(rove__row *row, uint32_t field) {
    int ordinal = rove__row_field(row, field);

    if (ordinal >= 0) {
        return &row->cells[ordinal];
    }
    for (size_t i = 0; i < row->extra_count; i++) {
        if (row->extra[i].number == field) {
            return &row->extra[i].value;
        }
    }
    return NULL;
}

/* A place for an unknown field, in ascending order. */
static rove_status add_extra(rove__case *c, uint32_t field, rove_value **cell) {
    rove__row *row = &c->after.row;
    size_t at = 0;

    ROVE_ASSERT(row->extra_count < ROVE_EXTRA_MAX); /* the rules have counted them */
    rove__extra *extra =
        rove__arena_take(&c->judge->record, (row->extra_count + 1) * sizeof *extra);
    if (extra == NULL) {
        return ROVE_NOMEM;
    }
    while (at < row->extra_count && row->extra[at].number < field) {
        extra[at] = row->extra[at];
        at++;
    }
    extra[at] = (rove__extra){.number = field, .value = rove__value_null()};
    for (size_t i = at; i < row->extra_count; i++) {
        extra[i + 1] = row->extra[i];
    }
    row->extra = extra;
    row->extra_count++;
    *cell = &extra[at].value;
    return ROVE_OK;
}

rove_value rove__case_cell(rove__case *c, uint32_t field) {
    const rove_value *cell = find_cell(&c->after.row, field);

    return cell != NULL ? *cell : rove__value_null();
}

int rove__case_fits(rove__case *c, uint32_t field, const rove_value *value) {
    const rove_value *cell = find_cell(&c->after.row, field);
    int sized = value->type == ROVE_TEXT || value->type == ROVE_BLOB;
    size_t more = sized ? value->size : 0;

    if (cell != NULL && (cell->type == ROVE_TEXT || cell->type == ROVE_BLOB)) {
        more -= cell->size < more ? cell->size : more;
    }
    return rove__writer_row_size(&c->after.row) + more <= ROVE_ROW_MAX;
}

rove_value rove__change_cell(const rove__change *change, uint32_t field) {
    const rove__row *row = &change->row;
    int ordinal = rove__row_field(row, field);

    if (ordinal >= 0) {
        return rove__bits_get(&row->present, (size_t)ordinal) ? row->cells[ordinal]
                                                              : rove__value_null();
    }
    for (size_t i = 0; i < row->extra_count; i++) {
        if (row->extra[i].number == field) {
            return row->extra[i].value;
        }
    }
    return rove__value_null();
}

rove_status rove__case_set(rove__case *c, uint32_t field, rove_value value, rove__version version,
                           uint32_t epoch) {
    rove__clock_entry entry = {.field = field,
                               .epoch = epoch,
                               .version = version,
                               .seq = rove__writer_seq(c->judge->writer)};
    rove_value *cell = find_cell(&c->after.row, field);
    rove_status status = cell == NULL ? add_extra(c, field, &cell) : ROVE_OK;

    if (status != ROVE_OK) {
        return status;
    }
    *cell = value;
    c->changed = 1;
    return rove__clock_set(&c->after.clock, &c->judge->record, entry);
}

int rove__case_sealed(const rove__case *c) {
    int seal = c->after.row.entity->seal_field;

    return seal >= 0 && c->after.row.cells[seal].type != ROVE_NULL;
}

/* judge_review.c gives an accepted edit no later stamp than that of what its author wrote there since. */
static int is_overtaken(const rove__act *act, const rove__clock_entry *entry) {
    for (size_t i = 0; i < act->change.edit_count && act->decided; i++) {
        if (act->change.edits[i].field == entry->field) {
            return act->stamps[i].canonical < entry->version.stamp;
        }
    }
    return 0;
}

/*
 * A row that came by NEED_ROW has no author here, and its cells the seq of its creation; what headquarters itself
 * made has no author either, but its own replica number in the cells.
 */
int rove__case_salvaged(const rove__case *c, const rove__clock_entry *entry) {
    return c->after.author == 0 && entry->seq == c->after.clock.seq;
}

int rove__case_own(const rove__case *c, const rove__act *act, const rove__clock_entry *entry) {
    return act->own && !rove__case_salvaged(c, entry) && !is_overtaken(act, entry);
}

/* ---- merging one cell ----------------------------------------------------------------------------------- */

/*
 * The version of a cell in which an act was merged with what stood: its author's, if he had seen that (*known). Else it is
 * headquarters': what he does to it before he gets it, he does unseen, although the last act was his.
 */
static rove__version merged_version(const rove__case *c, rove__version version,
                                    const rove__version *stood, int known) {
    if (version.stamp <= stood->stamp) {
        version.stamp = stood->stamp + 1;
    }
    if (!known) {
        version.replica = rove__writer_head(c->judge->writer)->replica;
    }
    return version;
}

rove_status rove__judge_set(rove__case *c, const rove__act *act, uint32_t field,
                            rove__version version, rove__version base, rove_value value,
                            rove__version *result, int *known) {
    rove__arena *arena = &c->judge->record;
    rove__clock_entry entry = rove__clock_get(&c->after.clock, field);
    int own = rove__case_own(c, act, &entry);
    rove_value cell = rove__case_cell(c, field);
    rove__set current;
    rove__set delta;
    rove__set merged;
    size_t ignored = 0;
    rove_value after;

    *result = version;
    rove_status status = rove__set_read(&current, &cell, ROVE_SET_VERSIONED, arena);
    if (status == ROVE_OK) {
        status = rove__set_read(&delta, &value, ROVE_SET_DELTA, arena);
    }
    if (status == ROVE_OK && delta.form != ROVE_SET_DELTA) {
        status = ROVE_CORRUPT;
    }
    if (status == ROVE_OK) {
        status = rove__merge_set(&current, &delta, version, own, arena, &merged, &ignored);
    }
    if (status == ROVE_OK) {
        status = rove__set_value(&merged, arena, &after);
    }
    if (status != ROVE_OK) {
        return status;
    }
    *known = ignored == 0 && rove__merge_causal(base, entry.version, act->replica, own);
    if (rove__value_equal(&cell, &after)) {
        *result = entry.version;
        return ROVE_OK;
    }
    *result = merged_version(c, version, &entry.version, *known);
    return rove__case_set(c, field, after, *result, 0);
}

rove_status rove__judge_plain_set(rove__judge *judge, const rove_value *value,
                                  const rove_value *stands, rove_value *plain) {
    rove__arena *arena = &judge->record;
    rove__set current;
    rove__set set;

    *plain = *value;
    rove_status status = rove__set_read(&current, stands, ROVE_SET_VERSIONED, arena);
    if (status == ROVE_OK) {
        status = rove__set_read(&set, value, ROVE_SET_PLAIN, arena);
    }
    if (status == ROVE_OK && set.form == ROVE_SET_DELTA) {
        status = rove__set_overlay(&current, &set, arena, &set);
    }
    if (status == ROVE_OK) {
        set.form = ROVE_SET_PLAIN;
        status = rove__set_value(&set, arena, plain);
    }
    return status == ROVE_CORRUPT || status == ROVE_TOO_BIG ? ROVE_OK : status;
}

rove_status rove__judge_plain_sets(rove__judge *judge, rove__cell *stands, rove__cell *write) {
    rove_value versioned = stands->value;
    rove_status status = rove__judge_plain_set(judge, &versioned, &versioned, &stands->value);

    return status == ROVE_OK
               ? rove__judge_plain_set(judge, &write->value, &versioned, &write->value)
               : status;
}

rove_status rove__judge_counter(rove__case *c, const rove__act *act, uint32_t field,
                                rove__version version, rove__version base, rove_value value,
                                rove__version *result, int *known) {
    rove__clock_entry entry = rove__clock_get(&c->after.clock, field);
    rove_value cell = rove__case_cell(c, field);
    int64_t total = cell.type == ROVE_INT ? cell.as.integer : 0;
    rove__increment *increments = NULL;
    size_t count = 0;
    int saturated = 0;

    *result = version;
    *known = rove__merge_causal(base, entry.version, act->replica, rove__case_own(c, act, &entry));
    rove_status status = rove__increments_read(&value, &c->judge->record, &increments, &count);
    if (status != ROVE_OK) {
        return status;
    }
    *result = merged_version(c, version, &entry.version, *known);
    total = rove__merge_counter(total, increments, count, &saturated);
    return rove__case_set(c, field, rove__value_int(total), *result, 0);
}

/* Both sides of a conflict, and which of them is kept. */
static rove_status log_clash(rove__case *c, const rove__act *act, const rove__edit *edit, int kind,
                             const rove__cell *current, const rove__cell *write, int write_kept) {
    rove__clash clash = {.kind = kind,
                         .field = edit->field,
                         .kept = write_kept ? *write : *current,
                         .lost = write_kept ? *current : *write,
                         .write_kept = write_kept,
                         .raw = edit->raw,
                         .user = act->user};

    return rove__judge_conflict(c, &clash);
}

static int kind_of(int rank, const rove__merged *merged) {
    if (merged->fork) {
        return ROVE__CONFLICT__KIND__FORK_ALARM;
    }
    return rank ? ROVE__CONFLICT__KIND__RANK_WRITE : ROVE__CONFLICT__KIND__REGISTER_WRITE;
}

static rove_status merge_value(rove__case *c, const rove__act *act, const rove__edit *edit,
                               rove__version version, rove_value value, int rank) {
    rove__clock_entry entry = rove__clock_get(&c->after.clock, edit->field);
    rove__cell current = {rove__case_cell(c, edit->field), entry.version, entry.epoch};
    rove__cell write = {value, version, rank ? edit->epoch : 0};
    int causal =
        rove__merge_causal(edit->base, entry.version, act->replica, rove__case_own(c, act, &entry));
    rove_status status = ROVE_OK;

    rove__merged merged = rank ? rove__merge_rank(&current, &write, causal)
                               : rove__merge_register(&current, &write, causal);
    if (merged.conflict) {
        status = log_clash(c, act, edit, kind_of(rank, &merged), &current, &write, merged.takes);
    }
    if (status == ROVE_OK && merged.conflict && !merged.fork && !rank) {
        status = rove__judge_contest(c->judge, act, entry.version.replica, merged.takes);
    }
    if (status == ROVE_OK && merged.conflict && !rank) {
        status =
            rove__judge_second_conversion(c, act, edit->field, merged.takes ? value : current.value,
                                          merged.takes ? current.value : value, merged.takes);
    }
    if (status == ROVE_OK && !merged.takes) {
        return rove__judge_verdict(c, act, edit->field, ROVE_VERDICT_LOST, ROVE_OK, "");
    }
    if (status == ROVE_OK) {
        status = rove__case_set(c, edit->field, value, merged.version, write.epoch);
    }
    return status == ROVE_OK
               ? rove__judge_stamped(c, act, edit->field, edit->raw, merged.version.stamp)
               : status;
}

/* A merge of duplicates that may not be: kept in the log, not applied (P13). */
static rove_status refuse_redirect(rove__case *c, const rove__act *act, const rove__edit *edit,
                                   rove__version version, rove_value value) {
    rove__clock_entry entry = rove__clock_get(&c->after.clock, edit->field);
    rove__cell current = {rove__case_cell(c, edit->field), entry.version, 0};
    rove__cell write = {value, version, 0};
    rove_status status =
        log_clash(c, act, edit, ROVE__CONFLICT__KIND__SECOND_REDIRECT, &current, &write, 0);

    return status == ROVE_OK
               ? rove__judge_verdict(c, act, edit->field, ROVE_VERDICT_LOST, ROVE_OK, "")
               : status;
}

static rove_status merge_kind(rove__case *c, const rove__act *act, size_t at) {
    const rove__edit *edit = &act->change.edits[at];
    int ordinal = rove__entity_field(c->after.row.entity, edit->field);
    rove__kind kind = ordinal < 0 ? ROVE_KIND_REGISTER : c->after.row.entity->fields[ordinal].kind;
    rove_value value = rove__change_cell(&act->change, edit->field);
    rove__version version = {act->stamps[at].canonical, act->replica};
    int known = 1;
    int refused = 0;

    if (kind != ROVE_KIND_SET && kind != ROVE_KIND_COUNTER) {
        rove_status status = rove__judge_redirects(c, act, edit->field, value, &refused);
        if (status == ROVE_OK && refused) {
            return refuse_redirect(c, act, edit, version, value);
        }
        return status == ROVE_OK ? merge_value(c, act, edit, version, value, kind == ROVE_KIND_RANK)
                                 : status;
    }
    rove_status status =
        kind == ROVE_KIND_SET
            ? rove__judge_set(c, act, edit->field, version, edit->base, value, &version, &known)
            : rove__judge_counter(c, act, edit->field, version, edit->base, value, &version,
                                  &known);
    if (status != ROVE_OK) {
        return status;
    }
    c->differs |= !known;
    return rove__judge_stamped(c, act, edit->field, edit->raw, version.stamp);
}

/* A cell that cannot be read, or would make the row too big, is refused alone: the rest goes on. *refused: why. */
static rove_status merge_cell(rove__case *c, const rove__act *act, size_t at,
                              rove_status *refused) {
    uint32_t field = act->change.edits[at].field;
    rove_value value = rove__change_cell(&act->change, field);
    rove_status status = rove__case_fits(c, field, &value) ? merge_kind(c, act, at) : ROVE_TOO_BIG;

    if (status != ROVE_CORRUPT && status != ROVE_TOO_BIG) {
        return status;
    }
    status = status == ROVE_CORRUPT ? ROVE_INVALID : ROVE_TOO_BIG;
    if (act->decided) {
        return rove__error_set(c->judge->error, status, "%s", rove_status_text(status));
    }
    *refused = status;
    if (!rove__judge_listens(c, act)) {
        return ROVE_OK;
    }
    c->judge->stats->rejected++;
    return rove__judge_verdict(c, act, field, ROVE_VERDICT_REJECTED, status,
                               rove_status_text(status));
}

/* ---- the update ----------------------------------------------------------------------------------------- */

/* Cells that their author had not seen: rules on states say nothing about them. */
static void find_unseen(const rove__case *c, const rove__act *act, rove__bits *unseen) {
    *unseen = (rove__bits){{0}};
    for (size_t i = 0; i < act->change.edit_count; i++) {
        const rove__edit *edit = &act->change.edits[i];
        int ordinal = rove__entity_field(c->after.row.entity, edit->field);
        rove__clock_entry entry = rove__clock_get(&c->after.clock, edit->field);
        if (ordinal >= 0 && !rove__merge_causal(edit->base, entry.version, act->replica,
                                                rove__case_own(c, act, &entry))) {
            rove__bits_set(unseen, (size_t)ordinal);
        }
    }
}

static rove_status rules_say(rove__case *c, const rove__act *act, rove_error *error) {
    rove__bits unseen;
    rove__write write = {.op = ROVE_OP_UPDATE,
                         .actor = ROVE_ACTOR_REP,
                         .registry = c->judge->ports->registry,
                         .before = &c->after.row,
                         .after = &act->change.row,
                         .unseen = &unseen,
                         .folded = 1};

    find_unseen(c, act, &unseen);
    return rove__rules_check(&write, error);
}

static int writes(const rove__act *act, int column) {
    return column >= 0 && rove__bits_get(&act->change.row.present, (size_t)column);
}

/*
 * Where an update names another scope, that one has to be held too. Where it only changes the part, the root counts in which
 * the row was when its author saw it: it may have moved on since.
 */
static rove_status may_move(rove__case *c, const rove__act *act, int *entitled) {
    const rove__entity *entity = c->after.row.entity;
    int columns[] = {entity->scope_field, entity->part_field};
    rove__row moved;

    *entitled = 1;
    if (!writes(act, columns[0]) && !writes(act, columns[1])) {
        return ROVE_OK;
    }
    rove_status status = rove__row_copy(&moved, &c->after.row, &c->judge->record);
    if (status != ROVE_OK) {
        return status;
    }
    for (size_t i = 0; i < 2; i++) {
        if (writes(act, columns[i])) {
            moved.cells[columns[i]] = act->change.row.cells[columns[i]];
        }
    }
    if (!writes(act, columns[0])) {
        return rove__judge_entitled(c, act, rove__row_scope(&moved, NULL).part, entitled);
    }
    return rove__judge_may_enter(c, act, &moved, entitled);
}

/* What is sealed stands: whatever else was written goes to the log (P11). */
static rove_status against_seal(rove__case *c, const rove__act *act) {
    for (size_t i = 0; i < act->change.edit_count; i++) {
        const rove__edit *edit = &act->change.edits[i];
        rove_status status = ROVE_OK;
        rove__clock_entry entry = rove__clock_get(&c->after.clock, edit->field);
        rove_value value = rove__change_cell(&act->change, edit->field);
        rove__cell current = {rove__case_cell(c, edit->field), entry.version, entry.epoch};
        rove__cell write = {value, {act->stamps[i].canonical, act->replica}, edit->epoch};
        int ordinal = rove__entity_field(c->after.row.entity, edit->field);
        if (ordinal >= 0 && c->after.row.entity->fields[ordinal].kind == ROVE_KIND_SET) {
            status = rove__judge_plain_sets(c->judge, &current, &write);
        }
        if (status == ROVE_OK && !rove__value_equal(&current.value, &write.value)) {
            status =
                log_clash(c, act, edit, ROVE__CONFLICT__KIND__SECOND_SEAL, &current, &write, 0);
        }
        if (status == ROVE_OK) {
            status = rove__judge_verdict(c, act, edit->field, ROVE_VERDICT_LOST, ROVE_OK, "");
        }
        if (status != ROVE_OK) {
            return status;
        }
    }
    return rove__judge_record(c, &act->change);
}

/* The history does not have it, so that an operator may accept it. */
static void take_out(rove__row *row, uint32_t field) {
    int ordinal = rove__row_field(row, field);
    size_t left = 0;

    if (ordinal >= 0) {
        rove__bits_clear(&row->present, (size_t)ordinal);
    }
    for (size_t i = 0; i < row->extra_count; i++) {
        if (row->extra[i].number != field) {
            row->extra[left++] = row->extra[i];
        }
    }
    row->extra_count = left;
}

static rove_status apply_cells(rove__case *c, const rove__act *act) {
    rove__change change = act->change; /* what the history gets */
    rove_status reason = ROVE_OK;
    rove__arena *arena = &c->judge->record;
    rove_status status = ROVE_OK;

    change.edit_count = 0;
    change.edits = rove__arena_take(arena, (act->change.edit_count + 1) * sizeof *change.edits);
    change.row.extra = rove__arena_take(arena, (change.row.extra_count + 1) * sizeof(rove__extra));
    if (change.edits == NULL || change.row.extra == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < change.row.extra_count; i++) {
        change.row.extra[i] = act->change.row.extra[i];
    }
    if (c->after.dead != 0) {
        status = rove__judge_revive(c, act);
    }
    for (size_t i = 0; i < act->change.edit_count && status == ROVE_OK; i++) {
        rove_status refused = ROVE_OK;
        status = merge_cell(c, act, i, &refused);
        if (refused == ROVE_OK) {
            change.edits[change.edit_count++] = act->change.edits[i];
        } else {
            reason = refused;
            take_out(&change.row, act->change.edits[i].field);
        }
    }
    if (status == ROVE_OK && reason != ROVE_OK && !rove__judge_listens(c, act)) {
        status = rove__judge_review(c, act, rove_status_text(reason));
    }
    return status == ROVE_OK && change.edit_count > 0 ? rove__judge_record(c, &change) : status;
}

rove_status rove__judge_update(rove__case *c, const rove__act *act) {
    rove_error error = {.message = ""};
    int entitled = 0;

    if (rove__case_sealed(c)) {
        return against_seal(c, act);
    }
    rove_status status = rules_say(c, act, &error);
    if (status != ROVE_OK) {
        return rove__judge_refuse(c, act, status, error.message);
    }
    status = may_move(c, act, &entitled);
    if (status == ROVE_OK && !entitled) {
        return rove__judge_not_held(c, act, "Its author did not hold where it was moved to.");
    }
    return status == ROVE_OK ? apply_cells(c, act) : status;
}
