/*
 * sync/judge_insert.c - a record that a device made: its columns in headquarters' form, under the canonical creation stamp,
 * which becomes the base of its clock.
 */
#include "base/assert.h"
#include "base/planted.h"
#include "sync/judge_state.h"

/* Increments and set deltas become a total and a versioned set; what is not there is NULL. */
static rove_status settle_cell(rove__judge *judge, const rove__field *field, rove__version version,
                               rove_value *cell) {
    rove__increment *increments = NULL;
    rove__set none = {ROVE_SET_VERSIONED, NULL, 0};
    rove__set delta;
    size_t count = 0;
    size_t ignored = 0;
    int saturated = 0;
    rove_status status = ROVE_OK;

    if (field->kind == ROVE_KIND_COUNTER) {
        status = rove__increments_read(cell, &judge->record, &increments, &count);
        if (status == ROVE_OK && count > 0) {
            *cell = rove__value_int(rove__merge_counter(0, increments, count, &saturated));
        }
    }
    if (field->kind == ROVE_KIND_SET) {
        status = rove__set_read(&delta, cell, ROVE_SET_DELTA, &judge->record);
        if (status == ROVE_OK && delta.form != ROVE_SET_DELTA) {
            status = ROVE_CORRUPT;
        }
        if (status == ROVE_OK) {
            status = rove__merge_set(&none, &delta, version, 1, &judge->record, &none, &ignored);
        }
        if (status == ROVE_OK) {
            status = rove__set_value(&none, &judge->record, cell);
        }
    }
    return status;
}

static rove_status make_row(rove__case *c, const rove__act *act, rove__version version) {
    const rove__row *row = &act->change.row;
    rove_status status = rove__row_copy(&c->after.row, row, &c->judge->record);

    for (size_t i = 0; i < row->cell_count && status == ROVE_OK; i++) {
        if (!rove__bits_get(&row->present, i)) {
            c->after.row.cells[i] = rove__value_null();
        }
        status = settle_cell(c->judge, &row->entity->fields[i], version, &c->after.row.cells[i]);
    }
    rove__clock_init(&c->after.clock, act->change.clock.origin, version,
                     rove__writer_seq(c->judge->writer));
    return status;
}

static int was_refused(const rove__judge *judge, const rove_value *reference) {
    for (size_t i = 0; i < judge->refused_count && reference->type == ROVE_INT; i++) {
        if (judge->refused[i] == reference->as.integer) {
            return 1;
        }
    }
    return 0;
}

/* A root whose insert was refused takes along what is about it, and what cannot be without it (D8). */
static rove_status about_refused(const rove__case *c, const rove__row *row) {
    const rove__entity *entity = row->entity;

    if (ROVE_PLANTED(D08_ORPHANS) || entity->scope == ROVE_SCOPE_SELF) {
        return ROVE_OK;
    }
    for (size_t i = 0; i < row->cell_count; i++) {
        const rove__field *field = &entity->fields[i];
        int needed = (int)i == entity->scope_field || (field->flags & ROVE_FIELD_REQUIRED) != 0;
        if (needed && field->target != 0 && was_refused(c->judge, &row->cells[i])) {
            return ROVE_REQUIRED;
        }
    }
    return ROVE_OK;
}

static rove_status note_refused(rove__case *c, const rove__entity *entity, rove_status why) {
    rove__judge *judge = c->judge;

    c->refused = why;
    if (entity->scope != ROVE_SCOPE_SELF) {
        return ROVE_OK;
    }
    rove_id *refused = rove__grow(judge->ports->allocator, judge->refused, judge->refused_count,
                                  &judge->refused_capacity, sizeof *refused);
    if (refused == NULL) {
        return ROVE_NOMEM;
    }
    judge->refused = refused;
    judge->refused[judge->refused_count++] = c->id;
    return ROVE_OK;
}

/* What a rule says of it; an id that names another root already is refused as well. */
static rove_status rules_say(rove__case *c, const rove__act *act, rove_error *error) {
    rove__write write = {.op = ROVE_OP_INSERT,
                         .actor = ROVE_ACTOR_REP,
                         .registry = c->judge->ports->registry,
                         .after = &act->change.row};
    rove_status status = about_refused(c, &act->change.row);

    if (status != ROVE_OK) {
        return rove__error_set(error, status, "The record that it is about was refused.");
    }
    return rove__rules_check(&write, error);
}

static rove_status refuse(rove__case *c, const rove__act *act, rove_status why,
                          const char *reason) {
    const rove__row *row = &act->change.row;
    int seal = row->entity->seal_field;

    if (seal >= 0 && row->cells[seal].type != ROVE_NULL) {
        c->reviewed = 1;
        return rove__judge_review(c, act, reason); /* what is sealed is never refused (P11) */
    }
    rove_status status = note_refused(c, row->entity, why);
    char *copy = rove__arena_take(&c->judge->record, ROVE_ERROR_MESSAGE_MAX);
    if (copy == NULL) {
        return ROVE_NOMEM;
    }
    rove__text_format(copy, ROVE_ERROR_MESSAGE_MAX, "%s", reason);
    c->reason = copy;
    return status == ROVE_OK ? rove__judge_refuse(c, act, why, reason) : status;
}

static int row_fits(rove__case *c) {
    rove_value nothing = rove__value_null();

    return rove__case_fits(c, c->after.row.entity->fields[0].number, &nothing);
}

static rove_status create(rove__case *c, const rove__act *act) {
    rove__judge *judge = c->judge;
    rove__version version = {act->stamps[0].canonical, act->replica};
    rove_status status = make_row(c, act, version);

    if (status == ROVE_OK && !row_fits(c)) {
        status = ROVE_TOO_BIG;
    }
    if (status == ROVE_CORRUPT || status == ROVE_TOO_BIG) {
        status = status == ROVE_CORRUPT ? ROVE_INVALID : ROVE_TOO_BIG;
        return refuse(c, act, status, rove_status_text(status));
    }
    if (status != ROVE_OK) {
        return status;
    }
    c->after.author = act->user;
    c->exists = 1;
    c->changed = 1;
    status = rove__judge_stamped(c, act, 0, act->stamps[0].raw, version.stamp);
    if (status == ROVE_OK) {
        status = rove__judge_record(c, &act->change);
    }
    if (status == ROVE_OK && act->change.row.entity->scope == ROVE_SCOPE_SELF && act->user != 0) {
        status = rove__writer_grant(judge->writer, act->user, c->id, 1, judge->error);
        rove__judge_forget_held(judge);
    }
    return status == ROVE_OK ? rove__judge_unpark(c, &act->change) : status;
}

rove_status rove__judge_insert(rove__case *c, const rove__act *act) {
    const rove__entity *entity = act->change.row.entity;
    rove_error error = {.message = ""};
    uint32_t other_entity = 0;
    rove_id other = 0;
    int entitled = 1;
    int taken = 0;

    if (c->exists) {
        return rove__judge_verdict(c, act, 0, ROVE_VERDICT_KNOWN, ROVE_OK, "");
    }
    rove_status status = c->judge->store->row_by_origin(c->judge->tx, act->change.clock.origin,
                                                        &other_entity, &other);
    if (status == ROVE_OK && other_entity == c->entity) {
        /* It was here, was deleted, and has been purged; or more of the batch had to be renamed than an answer says. */
        return rove__judge_verdict(c, act, 0, ROVE_VERDICT_KNOWN, ROVE_OK, "");
    }
    if (status == ROVE_OK) {
        return refuse(c, act, ROVE_EXISTS, rove_status_text(ROVE_EXISTS));
    }
    if (status != ROVE_NOT_FOUND) {
        return status;
    }
    /* Of a sealed batch: it was left without a name, or has one that was given to another of its records. */
    if (c->taken) {
        return refuse(c, act, ROVE_EXISTS, rove_status_text(ROVE_EXISTS));
    }
    status = rove__judge_root_taken(c->judge, entity, c->id, &taken);
    if (status == ROVE_OK && taken) {
        return refuse(c, act, ROVE_EXISTS, rove_status_text(ROVE_EXISTS));
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = rules_say(c, act, &error);
    if (status != ROVE_OK) {
        return refuse(c, act, status, error.message);
    }
    if (entity->scope != ROVE_SCOPE_SELF) {
        status = rove__judge_may_enter(c, act, &act->change.row, &entitled);
    }
    if (status == ROVE_OK && !entitled) {
        c->reviewed = 1;
        return rove__judge_not_held(c, act, "Its author did not hold what it is about.");
    }
    return status == ROVE_OK ? create(c, act) : status;
}
