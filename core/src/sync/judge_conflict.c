/*
 * sync/judge_conflict.c - the conflict log: rows of the entity Conflict, in the scope of the record they are about, so that
 * both authors see them (P6). One entry per judged write: both values, with who wrote them, on which device, and when by
 * headquarters' time and by the device's own clock, which the history knows.
 */
#include "base/assert.h"
#include "sync/judge_state.h"

#include "rove/entities.pb-c.h"

rove_status rove__judge_user(rove__judge *judge, rove_replica replica, rove_id *user) {
    rove__hq_device device;

    if (replica == judge->device->replica) {
        *user = judge->device->user;
        return ROVE_OK;
    }
    if (replica != judge->user_of) {
        rove_status status = judge->store->device_get(judge->tx, replica, 0, &device);
        if (status != ROVE_OK && status != ROVE_NOT_FOUND) {
            return status;
        }
        judge->user_of = replica;
        judge->user_found = status == ROVE_OK ? device.user : 0;
    }
    *user = judge->user_found;
    return ROVE_OK;
}

void rove__judge_put(rove__row *row, const char *column, rove_value value) {
    int ordinal = rove__entity_field_named(row->entity, column);

    ROVE_ASSERT(ordinal >= 0);
    /* What its field does not allow is left out: an operator's note that is too long. */
    if (value.type != ROVE_NULL &&
        rove__limits_check(&row->entity->fields[ordinal], &value, NULL) == ROVE_OK) {
        rove__row_set(row, (size_t)ordinal, value);
    }
}

void rove__judge_put_number(rove__row *row, const char *column, int64_t number) {
    if (number != 0) {
        rove__judge_put(row, column, rove__value_int(number));
    }
}

/* Of a value, so that both fit one row. */
#define PACKED_MAX ((size_t)ROVE_VALUE_MAX - 1024)

/* A value in its self-describing form; what is too large for that stays with the history alone. */
static rove_status packed(rove__judge *judge, const rove_value *value, rove_value *out) {
    rove__buf buf;
    rove_status status = ROVE_OK;

    *out = rove__value_null();
    rove__buf_init(&buf, judge->ports->allocator, 2 * (size_t)ROVE_VALUE_MAX);
    rove__value_write(&buf, value);
    status = rove__buf_status(&buf);
    if (status == ROVE_OK && buf.size <= PACKED_MAX) {
        const void *copy = rove__arena_copy(&judge->record, buf.data, buf.size);
        status = copy == NULL ? ROVE_NOMEM : ROVE_OK;
        *out = rove__value_bytes(ROVE_BLOB, copy, buf.size);
    }
    rove__buf_free(&buf);
    return status;
}

/* ---- who wrote what stood ------------------------------------------------------------------------------- */

/* Found out once: of one seq a batch may have to tell it in each of its conflicts, and all of the seq has to be read for that. */
typedef struct rove__traced {
    struct rove__traced *next;
    uint64_t seq;
    uint32_t field;
    rove__trace trace;
} rove__traced;

typedef struct search {
    rove__case *c;
    uint64_t seq;
    rove__traced *only; /* NULL: all of the seq */
} search;

/* What an insert holds of edits that were in flight, its clock names (P15). */
static rove_stamp raw_of_insert(const rove__change *change, uint32_t field) {
    rove_stamp held = rove__clock_get(&change->clock, field).version.stamp;

    return held > change->clock.base.stamp ? held : change->clock.origin.stamp;
}

/* Of field 0 the latest of the change. */
static rove_stamp raw_of(const rove__change *change, uint32_t field) {
    rove_stamp raw = change->op == ROVE_OP_INSERT ? raw_of_insert(change, field) : 0;

    for (size_t i = 0; i < change->edit_count; i++) {
        if (change->edits[i].field == field || (field == 0 && change->edits[i].raw > raw)) {
            raw = change->edits[i].raw;
        }
    }
    return raw;
}

static void look_at(const search *s, const rove__change *change) {
    for (rove__traced *t = s->only != NULL ? s->only : s->c->traced; t != NULL;
         t = s->only != NULL ? NULL : t->next) {
        rove_stamp raw = t->seq == s->seq ? raw_of(change, t->field) : 0;
        if (raw != 0) {
            t->trace = (rove__trace){change->replica, raw};
        }
    }
}

static rove_status read_packed(const search *s, rove__bytes packed) {
    const rove__server_ports *ports = s->c->judge->ports;
    rove__batch_reader *reader = NULL;
    rove__change change;
    rove_status status = rove__batch_reader_new(ports->allocator, ports->registry, packed.data,
                                                packed.size, &reader);

    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        if (status == ROVE_OK) {
            look_at(s, &change);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

static rove_status each_history(void *ctx, const rove__hq_history *history) {
    return read_packed(ctx, history->change);
}

rove_status rove__traces_add(rove__case *c, rove__bytes packed) {
    const search s = {.c = c, .seq = rove__writer_seq(c->judge->writer)};

    return c->traced == NULL ? ROVE_OK : read_packed(&s, packed);
}

rove_status rove__judge_trace(rove__case *c, uint64_t seq, uint32_t field, rove__trace *trace) {
    rove__judge *judge = c->judge;
    search s = {.c = c, .seq = seq};
    rove__arena arena;

    *trace = (rove__trace){0, 0};
    ROVE_ASSERT(seq != 0);
    for (const rove__traced *t = c->traced; t != NULL; t = t->next) {
        if (t->seq == seq && t->field == field) {
            *trace = t->trace;
            return ROVE_OK;
        }
    }
    s.only = rove__arena_take(&judge->record, sizeof *s.only);
    if (s.only == NULL) {
        return ROVE_NOMEM;
    }
    *s.only = (rove__traced){.next = c->traced, .seq = seq, .field = field};
    rove__arena_init(&arena, judge->ports->allocator, ROVE_JUDGE_ARENA_MAX);
    rove_status status =
        judge->store->history_scan(judge->tx, c->entity, c->id, seq, &arena, each_history, &s);
    rove__arena_free(&arena);
    if (status == ROVE_OK) {
        c->traced = s.only;
        *trace = s.only->trace;
    }
    return status;
}

/* ---- who wins ------------------------------------------------------------------------------------------- */

static void tally(rove__server_stats *stats, rove_replica replica, int won) {
    size_t at = 0;

    while (at < stats->contest_count && stats->contests[at].replica != replica) {
        at++;
    }
    if (at == ROVE_CONTESTS_MAX) {
        return;
    }
    if (at == stats->contest_count) {
        stats->contests[stats->contest_count++] = (rove__contest){.replica = replica};
    }
    stats->contests[at].won += won != 0;
    stats->contests[at].lost += won == 0;
}

rove_status rove__judge_contest(rove__judge *judge, const rove__act *act, rove_replica other,
                                int won) {
    rove_id user = 0;
    rove_status status = rove__judge_user(judge, other, &user);

    if (status == ROVE_OK && user != act->user) {
        tally(judge->stats, act->replica, won);
        tally(judge->stats, other, !won);
    }
    return status;
}

/* ---- the entry ------------------------------------------------------------------------------------------ */

typedef struct side {
    const char *value, *stamp, *raw_at, *replica, *user;
} side;

static const side kept_side = {"kept_value", "kept_stamp", "kept_raw_at", "kept_replica",
                               "kept_user_id"};
static const side lost_side = {"lost_value", "lost_stamp", "lost_raw_at", "lost_replica",
                               "lost_user_id"};

/* `is_write`: the side is the write judged, whose author and raw stamp are known. */
static rove_status set_side(rove__case *c, rove__row *row, const side *names,
                            const rove__cell *cell, const rove__clash *clash, int is_write) {
    rove__judge *judge = c->judge;
    rove__trace trace = {cell->version.replica, clash->raw};
    rove_value value;
    rove_id user = clash->user;
    uint64_t seq =
        clash->seq != 0 ? clash->seq : rove__clock_get(&c->after.clock, clash->field).seq;
    rove_status status = packed(judge, &cell->value, &value);

    if (status == ROVE_OK && !is_write && clash->other_raw != 0) {
        trace.raw = clash->other_raw;
    } else if (status == ROVE_OK && !is_write) {
        status = rove__judge_trace(c, seq, clash->field, &trace);
    }
    if (status == ROVE_OK && !is_write) {
        status = rove__judge_user(judge, cell->version.replica, &user);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__judge_put(row, names->value, value);
    rove__judge_put_number(row, names->stamp, (int64_t)cell->version.stamp);
    rove__judge_put_number(row, names->replica, cell->version.replica);
    rove__judge_put_number(row, names->user, user);
    rove__judge_put_number(row, names->raw_at, rove__stamp_ms(trace.raw));
    return ROVE_OK;
}

rove_status rove__judge_conflict(rove__case *c, const rove__clash *clash) {
    rove__judge *judge = c->judge;
    rove__row row;
    rove__scope scope;

    ROVE_ASSERT(c->exists);
    c->differs = 1;
    if (c->after.row.entity == judge->conflict || c->after.row.entity == judge->review) {
        return ROVE_OK; /* what two settle at once the later settles, without a new conflict */
    }
    judge->stats->conflicts++;
    rove_status status = rove__row_init(&row, judge->conflict, 0, &judge->record);
    if (status == ROVE_OK) {
        status = rove__writer_scope(judge->writer, &c->after.row, &scope);
    }
    if (status == ROVE_OK) {
        status = set_side(c, &row, &kept_side, &clash->kept, clash, clash->write_kept);
    }
    if (status == ROVE_OK) {
        status = set_side(c, &row, &lost_side, &clash->lost, clash, !clash->write_kept);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__judge_put_number(&row, "about_id", scope.root);
    rove__judge_put_number(&row, "record_entity", c->entity);
    rove__judge_put_number(&row, "record_id", c->id);
    rove__judge_put_number(&row, "field_number", clash->field);
    rove__judge_put_number(&row, "kind", clash->kind);
    rove__judge_put_number(&row, "status", ROVE__CONFLICT__STATUS__OPEN);
    if (clash->kind == ROVE__CONFLICT__KIND__FORK_ALARM) {
        rove__log(
            judge->ports->log, ROVE_LOG_WARN, "judge",
            "entity %u, field %u: two values under one version of replica %u: a copied device?",
            (unsigned)c->entity, (unsigned)clash->field, (unsigned)clash->lost.version.replica);
    }
    return rove__writer_insert(judge->writer, &row, judge->error);
}
