/*
 * sync/judge_park.c - edits of rows that headquarters lacks (P15): they wait under the record's origin, first in first out,
 * until the row comes: from its author, or from any device that is asked for it. What is more than ROVE_PARKED_MAX of
 * one user's goes to review, so that nobody makes headquarters keep, look through and ask for without end.
 */
#include "base/assert.h"
#include "base/planted.h"
#include "sync/judge_state.h"

#include <string.h>

/* ---- waiting -------------------------------------------------------------------------------------------- */

typedef struct twin {
    rove__bytes packed;
    int found;
} twin;

static rove_status each_twin(void *ctx, const rove__hq_parked *parked) {
    twin *t = ctx;

    t->found = parked->change.size == t->packed.size &&
               memcmp(parked->change.data, t->packed.data, t->packed.size) == 0;
    return t->found ? ROVE_DONE : ROVE_OK;
}

/* Counted once for a transaction, and again after something was taken out. */
static rove_status is_full(rove__judge *judge, const rove__act *act, int *full) {
    rove_status status = ROVE_OK;

    if (!judge->parked_known) {
        status = judge->store->parked_load(judge->tx, act->user, &judge->parked_edits,
                                           &judge->parked_bytes);
        judge->parked_known = status == ROVE_OK;
    }
    *full = judge->parked_edits >= ROVE_PARKED_MAX ||
            judge->parked_bytes + act->packed.size > ROVE_PARKED_BYTES_MAX;
    return status;
}

static rove_status park(rove__judge *judge, rove__hq_parked *parked) {
    rove_status status = judge->store->parked_put(judge->tx, parked);

    rove__writer_touch(judge->writer);
    judge->stats->parked++;
    judge->parked_edits++;
    judge->parked_bytes += parked->change.size;
    return status;
}

rove_status rove__judge_park(rove__case *c, const rove__act *act) {
    rove__judge *judge = c->judge;
    int full = 0;
    twin t = {.packed = act->packed};
    rove__arena arena;
    rove__hq_parked parked = {.origin = act->change.clock.origin,
                              .replica = act->replica,
                              .user = act->user,
                              .stamp = rove__act_latest(act),
                              .change = act->packed};

    rove_status status = is_full(judge, act, &full);
    if (status == ROVE_OK && full && !ROVE_PLANTED(P15_UNBOUNDED)) {
        return rove__judge_review(c, act, "Too much of its author's waits for records already.");
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__arena_init(&arena, judge->ports->allocator, ROVE_JUDGE_ARENA_MAX);
    status = judge->store->parked_scan(judge->tx, parked.origin, &arena, each_twin, &t);
    rove__arena_free(&arena);
    if (status == ROVE_OK && !t.found && !ROVE_PLANTED(P15_DROPPED)) {
        status = park(judge, &parked);
    }
    return status == ROVE_OK ? rove__judge_verdict(c, act, 0, ROVE_VERDICT_PARKED, ROVE_OK, "")
                             : status;
}

/* ---- the row came --------------------------------------------------------------------------------------- */

typedef struct waiting {
    rove__hq_parked parked;
    struct waiting *next;
} waiting;

typedef struct line {
    rove__arena *arena;
    waiting *first;
    waiting **last;
} line;

static rove_status each_waiting(void *ctx, const rove__hq_parked *parked) {
    line *l = ctx;
    waiting *item = rove__arena_take(l->arena, sizeof *item);

    if (item == NULL) {
        return ROVE_NOMEM;
    }
    item->parked = *parked;
    item->next = NULL;
    item->parked.change.data = rove__arena_copy(l->arena, parked->change.data, parked->change.size);
    if (item->parked.change.data == NULL) {
        return ROVE_NOMEM;
    }
    *l->last = item;
    l->last = &item->next;
    return ROVE_OK;
}

static rove_status judge_waiting(rove__case *c, const rove__hq_parked *parked,
                                 const rove__change *insert) {
    rove__judge *judge = c->judge;
    int known = 0;
    rove__act act = {.packed = parked->change,
                     .user = parked->user,
                     .replica = parked->replica,
                     .own = 1,
                     .parked = 1};
    rove_stamp lower = 0;

    rove_status status = rove__judge_unpack(judge, parked->change, &act.change);
    if (status != ROVE_OK) {
        return status;
    }
    act.change.row.id = c->id;
    rove__op_stamp *stamps =
        rove__arena_take(&judge->record, (act.change.edit_count + 1) * sizeof *stamps);
    if (stamps == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i <= act.change.edit_count; i++) {
        stamps[i] = (rove__op_stamp){.canonical = parked->stamp};
    }
    act.stamps = stamps;
    status = rove__judge_clip(judge, act.change.cursor, &act.cursor, &lower);
    if (status == ROVE_OK && insert != NULL) {
        status = rove__judge_brought(c, &act, insert, &known);
    }
    return status == ROVE_OK && !known ? rove__judge_act(c, &act) : status;
}

rove_status rove__judge_unpark(rove__case *c, const rove__change *insert) {
    rove__judge *judge = c->judge;
    rove__origin origin = c->after.clock.origin;
    rove__arena arena;
    line l = {.arena = &judge->record};

    l.last = &l.first;
    rove__arena_init(&arena, judge->ports->allocator, ROVE_JUDGE_ARENA_MAX);
    rove_status status = judge->store->parked_scan(judge->tx, origin, &arena, each_waiting, &l);
    rove__arena_free(&arena);
    if (status != ROVE_OK || l.first == NULL) {
        return status;
    }
    c->differs = 1;
    for (const waiting *item = l.first; item != NULL; item = item->next) {
        status = judge_waiting(c, &item->parked, insert);
        if (status != ROVE_OK) {
            return status;
        }
    }
    judge->parked_known = 0;
    return judge->store->parked_drop(judge->tx, origin);
}

/* ---- the row is returned --------------------------------------------------------------------------------- */

/* One piece of what waited, as a review that is decided already. */
static rove_status return_one(rove__judge *judge, const rove__hq_parked *parked,
                              const rove__decision *decision) {
    rove__change change;
    rove__hq_review review = {.seq = rove__writer_seq(judge->writer),
                              .replica = parked->replica,
                              .user = parked->user,
                              .reason = "The record that it is about was returned.",
                              .state = ROVE_REVIEW_RETURNED,
                              .change = parked->change};

    rove_status status = rove__judge_unpack(judge, parked->change, &change);
    if (status == ROVE_OK) {
        review.entity = change.row.entity_number;
        review.id = change.row.id;
        status = judge->store->review_put(judge->tx, &review);
    }
    return status == ROVE_OK ? rove__judge_tell_decision(judge, &review, decision) : status;
}

rove_status rove__judge_return_parked(rove__judge *judge, const rove__hq_review *review,
                                      const rove__decision *decision) {
    rove__change change;
    rove__arena arena;
    line l = {.arena = &judge->record};
    rove_status status = rove__judge_unpack(judge, review->change, &change);

    if (status != ROVE_OK) {
        return status == ROVE_NOMEM ? status
                                    : ROVE_OK; /* damaged: what waits for it, nobody can tell */
    }
    if (change.op != ROVE_OP_INSERT && change.op != ROVE_OP_WHOLE) {
        return ROVE_OK;
    }
    l.last = &l.first;
    rove__arena_init(&arena, judge->ports->allocator, ROVE_JUDGE_ARENA_MAX);
    status = judge->store->parked_scan(judge->tx, change.clock.origin, &arena, each_waiting, &l);
    rove__arena_free(&arena);
    for (const waiting *item = l.first; item != NULL && status == ROVE_OK; item = item->next) {
        status = return_one(judge, &item->parked, decision);
    }
    return status == ROVE_OK && l.first != NULL
               ? judge->store->parked_drop(judge->tx, change.clock.origin)
               : status;
}

/* ---- rows that were asked for --------------------------------------------------------------------------- */

/* 1 if headquarters lacks the record: it never had it, or it was deleted and purged. */
static rove_status is_missing(rove__judge *judge, const rove__change *change, int *missing) {
    uint32_t entity = 0;
    rove_id id = 0;
    rove_status status = judge->store->row_by_origin(judge->tx, change->clock.origin, &entity, &id);

    *missing = status == ROVE_NOT_FOUND;
    if (status == ROVE_OK && entity == change->row.entity_number) {
        status = judge->store->row_purged(judge->tx, entity, id);
        *missing = status == ROVE_OK;
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static rove_status is_waited_for(rove__judge *judge, const rove__change *change, int *waited) {
    rove__arena arena;
    line l = {.arena = &judge->record};
    int missing = 0;

    *waited = 0;
    rove_status status = is_missing(judge, change, &missing);
    if (status != ROVE_OK || !missing) {
        return status;
    }
    l.last = &l.first;
    rove__arena_init(&arena, judge->ports->allocator, ROVE_JUDGE_ARENA_MAX);
    status = judge->store->parked_scan(judge->tx, change->clock.origin, &arena, each_waiting, &l);
    rove__arena_free(&arena);
    *waited = l.first != NULL;
    return status;
}

/* Devices never lead headquarters' clock, not even with rows that it lost. */
static rove__version clamped(rove__version version, rove_stamp now) {
    version.stamp = version.stamp > now ? now : version.stamp;
    return version;
}

/* Made anew: what was later than the base may be as the base says now, and then it has no entry. */
static rove_status clamp_clock(rove__clock *clock, const rove__clock *from, rove_stamp now,
                               uint64_t seq, rove__arena *arena) {
    rove_status status = ROVE_OK;

    rove__clock_init(clock, from->origin, clamped(from->base, now), seq);
    for (size_t i = 0; i < from->count && status == ROVE_OK; i++) {
        rove__clock_entry entry = from->entries[i];
        entry.version = clamped(entry.version, now);
        entry.seq = seq;
        status = rove__clock_set(clock, arena, entry);
    }
    return status;
}

/* The same of a set's elements: a later add gets a version past theirs. */
static rove_status clamp_set(rove_value *cell, rove_stamp now, rove__arena *arena) {
    rove__set set;
    rove_status status = rove__set_read(&set, cell, ROVE_SET_VERSIONED, arena);

    for (size_t i = 0; i < set.count; i++) {
        set.elements[i].version = clamped(set.elements[i].version, now);
    }
    return status == ROVE_OK ? rove__set_value(&set, arena, cell) : status;
}

/* A cell in headquarters' form, or NULL. */
static void make_cell(const rove__field *field, int present, rove_value *cell) {
    rove__set_cursor set = {.form = ROVE_SET_VERSIONED};

    if (!present || field->writer == ROVE_WRITER_HQ ||
        rove__limits_check(field, cell, NULL) != ROVE_OK) {
        *cell = rove__value_null();
    }
    if (field->kind == ROVE_KIND_SET) {
        rove__set_open(&set, cell, ROVE_SET_VERSIONED);
    }
    if (set.form != ROVE_SET_VERSIONED ||
        (field->kind == ROVE_KIND_COUNTER && cell->type != ROVE_INT)) {
        *cell = rove__value_null();
    }
}

/* The row as it came, but for what only headquarters writes: that stays in the review alone. */
static rove_status make_row(rove__case *c, const rove__change *change) {
    rove__judge *judge = c->judge;
    const rove__entity *entity = change->row.entity;
    rove_stamp now = rove__writer_now(judge->writer);
    rove__row *row = &c->after.row;
    rove_status status = rove__row_copy(row, &change->row, &judge->record);

    for (size_t i = 0; i < row->cell_count && status == ROVE_OK; i++) {
        make_cell(&entity->fields[i], rove__bits_get(&change->row.present, i), &row->cells[i]);
        if (entity->fields[i].kind == ROVE_KIND_SET) {
            status = clamp_set(&row->cells[i], now, &judge->record);
        }
    }
    row->id = c->id;
    return status == ROVE_OK ? clamp_clock(&c->after.clock, &change->clock, now,
                                           rove__writer_seq(judge->writer), &judge->record)
                             : status;
}

static rove_status pack(rove__judge *judge, const rove__change *change, rove__buf *out) {
    rove__change insert = *change;

    insert.replica = judge->device->replica;
    rove_status status = rove__batch_add(judge->packer, &insert);
    return status == ROVE_OK ? rove__batch_finish(judge->packer, out) : status;
}

static rove_status free_id(rove__case *c, const rove__entity *entity, rove__origin origin) {
    rove__judge *judge = c->judge;
    rove__hq_row row;
    uint32_t other = 0;
    rove_id id = 0;
    int taken = 0;
    rove_status status = judge->store->row_by_origin(judge->tx, origin, &other, &id);

    if (status == ROVE_OK) {
        ROVE_ASSERT(other == c->entity); /* whoever asks has seen to that */
        c->id = id;
        return ROVE_OK;
    }
    if (status == ROVE_NOT_FOUND) {
        status = judge->store->row_get(judge->tx, c->entity, c->id, 1, &judge->record, &row);
    }
    if (status == ROVE_NOT_FOUND) {
        status = judge->store->row_purged(judge->tx, c->entity, c->id);
    }
    taken = status == ROVE_OK;
    if (status == ROVE_NOT_FOUND) {
        status = rove__judge_root_taken(judge, entity, c->id, &taken);
    }
    return status == ROVE_OK && taken ? rove__writer_id(judge->writer, &c->id) : status;
}

rove_status rove__case_free_id(rove__case *c, const rove__entity *entity, rove__origin origin) {
    rove__rename rename = {.entity = c->entity, .id = c->id, .origin = origin};
    rove_status status = free_id(c, entity, origin);

    rename.to = c->id;
    return status == ROVE_OK ? rove__judge_note_name(c->judge->store, c->judge->tx, &rename)
                             : status;
}

/* What no page could carry stays in review. */
static int row_fits(const rove__row *row) {
    ROVE_ASSERT(row->extra_count <= ROVE_EXTRA_MAX); /* it was read from a batch */
    return rove__writer_row_size(row) <= ROVE_ROW_MAX;
}

/* Nor does a record without what it cannot be without come in this way. A custom field may be younger than the record. */
static int row_is_whole(const rove__row *row) {
    for (size_t i = 0; i < row->cell_count; i++) {
        unsigned flags = row->entity->fields[i].flags & (ROVE_FIELD_REQUIRED | ROVE_FIELD_CUSTOM);
        if (flags == ROVE_FIELD_REQUIRED && row->cells[i].type == ROVE_NULL) {
            return 0;
        }
    }
    return 1;
}

rove_status rove__judge_take_row(rove__case *c, const rove__act *act, int *taken) {
    rove_status status = make_row(c, &act->change);

    *taken = 0;
    if (status == ROVE_OK) {
        rove_status wrong = !row_fits(&c->after.row)       ? ROVE_TOO_BIG
                            : !row_is_whole(&c->after.row) ? ROVE_REQUIRED
                                                           : ROVE_OK;
        if (wrong != ROVE_OK) {
            return act->decided
                       ? rove__error_set(c->judge->error, wrong, "%s", rove_status_text(wrong))
                       : ROVE_OK;
        }
    }
    if (status == ROVE_OK) {
        status = rove__judge_may_enter(c, act, &c->after.row, taken);
    }
    if (status != ROVE_OK || !*taken) {
        return status;
    }
    c->exists = 1;
    c->changed = 1;
    c->after.review = 1;
    c->judge->stats->rows_back++;
    status = rove__judge_unpark(c, NULL);
    return status == ROVE_OK ? rove__case_store(c) : status;
}

/* Kept as it came, for headquarters to look at; taken in if the rep holds now what it is about. */
static rove_status salvage(rove__case *c, const rove__change *change, rove__bytes packed) {
    rove__judge *judge = c->judge;
    rove__act act = {.change = *change,
                     .packed = packed,
                     .user = judge->device->user,
                     .replica = judge->device->replica,
                     .again = 1, /* as its answer was lost */
                     .parked = 1,
                     .cursor = rove__writer_seq(judge->writer)};
    int taken = 0;

    rove_status status = rove__case_free_id(c, change->row.entity, change->clock.origin);
    if (status == ROVE_OK) {
        status =
            rove__judge_review(c, &act, "A row that headquarters had lost came from a device.");
    }
    return status == ROVE_OK ? rove__judge_take_row(c, &act, &taken) : status;
}

static rove_status take_row(rove__judge *judge, const rove__change *change) {
    rove__case c = {.judge = judge, .entity = change->row.entity_number, .id = change->row.id};
    int waited = 0;
    rove__buf packed;

    rove__arena_reset(&judge->record);
    if (change->op != ROVE_OP_WHOLE || change->row.entity == NULL ||
        change->row.entity->writer == ROVE_WRITER_HQ) {
        return ROVE_OK;
    }
    rove_status status = is_waited_for(judge, change, &waited);
    if (status != ROVE_OK || !waited) {
        return status;
    }
    rove__buf_init(&packed, judge->ports->allocator, 2 * (size_t)ROVE_BATCH_MAX);
    status = pack(judge, change, &packed);
    if (status == ROVE_OK) {
        status = salvage(&c, change, (rove__bytes){packed.data, packed.size});
    }
    rove__buf_free(&packed);
    return status;
}

rove_status rove__judge_rows(const rove__server_ports *ports, rove__hq_tx *tx,
                             rove__hq_device *device, rove__bytes rows, int64_t now_ms,
                             rove__server_stats *stats, rove_error *error) {
    rove__judge judge;
    rove__batch_reader *reader = NULL;
    rove__change change;
    uint64_t seq = 0;
    rove__judge_actor actor = {"rows", ""};
    rove_status status = rove__judge_open(&judge, ports, tx, device, now_ms, &actor, stats, error);

    if (status == ROVE_OK) {
        status = rove__batch_reader_new(ports->allocator, ports->registry, rows.data, rows.size,
                                        &reader);
    }
    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        if (status == ROVE_OK) {
            status = take_row(&judge, &change);
        }
    }
    rove__batch_reader_free(reader);
    if (status == ROVE_DONE) {
        rove__writer *writer = judge.writer;
        judge.writer = NULL;
        status = rove__writer_finish(writer, &seq, error);
    }
    rove__judge_close(&judge);
    return status;
}
