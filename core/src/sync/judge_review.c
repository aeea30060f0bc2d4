/*
 * sync/judge_review.c - an operator's decision on work in review: it is judged again, as its author's, with nobody's entitlement
 * asked for; or it is returned. The entry itself stays, with who decided in the commit of its transaction.
 */
#include <string.h>

#include "base/assert.h"
#include "sync/judge_state.h"

#define REVIEW_OPEN     0
#define REVIEW_ACCEPTED 1

typedef struct search {
    int64_t number;
    rove__arena *arena; /* of what is found */
    rove__hq_review found;
    int any;
} search;

static rove_status each_review(void *ctx, const rove__hq_review *review) {
    search *s = ctx;

    if (review->number != s->number) {
        return ROVE_OK;
    }
    s->found = *review;
    s->found.change.data = rove__arena_copy(s->arena, review->change.data, review->change.size);
    s->found.reason = rove__arena_copy(s->arena, review->reason, strlen(review->reason) + 1);
    s->any = 1;
    return s->found.change.data == NULL || s->found.reason == NULL ? ROVE_NOMEM : ROVE_DONE;
}

/* An open entry, copied into the arena. */
static rove_status find_review(const rove__server_ports *ports, rove__hq_tx *tx, search *s) {
    rove__arena scan;

    rove__arena_init(&scan, ports->allocator, ROVE_JUDGE_ARENA_MAX);
    rove_status status = ports->store->review_scan(tx, REVIEW_OPEN, &scan, each_review, s);
    rove__arena_free(&scan);
    return status == ROVE_OK && !s->any ? ROVE_NOT_FOUND : status;
}

/* One stamp for all of it: the author's latest, as far as it can be believed by now. */
static rove_status draw_stamps(rove__judge *judge, rove__act *act) {
    const rove__change *change = &act->change;
    size_t count = change->edit_count == 0 ? 1 : change->edit_count;
    rove_stamp raw = change->edit_count == 0 ? change->clock.origin.stamp : 0;
    rove_stamp lower = 0;
    int suspect = 0;

    rove__op_stamp *stamps = rove__arena_take(&judge->record, count * sizeof *stamps);
    if (stamps == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < change->edit_count; i++) {
        raw = change->edits[i].raw > raw ? change->edits[i].raw : raw;
    }
    rove_status status = rove__judge_clip(judge, change->cursor, &act->cursor, &lower);
    rove_stamp stamp =
        rove__merge_canonical(raw, rove__stamp_ms(lower), rove__writer_now(judge->writer),
                              judge->device->last_stamp, &suspect);
    for (size_t i = 0; i < count; i++) {
        rove_stamp own = change->edit_count == 0 ? raw : change->edits[i].raw;
        stamps[i] = (rove__op_stamp){.raw = own, .canonical = stamp};
    }
    judge->device->last_stamp = stamp;
    act->stamps = stamps;
    return status;
}

/*
 * Its author's acts are judged here in another order than he did them: what he wrote since in the same field stands, and what is accepted
 * goes to the conflict log.
 */
static rove_status stand_back(rove__case *c, rove__act *act) {
    const rove__change *change = &act->change;
    rove__op_stamp *stamps =
        rove__arena_copy(&c->judge->record, act->stamps, change->edit_count * sizeof *stamps);
    rove_status status = stamps == NULL ? ROVE_NOMEM : ROVE_OK;

    for (size_t i = 0; i < change->edit_count && status == ROVE_OK; i++) {
        rove__clock_entry entry = rove__clock_get(&c->after.clock, change->edits[i].field);
        rove__trace trace;
        if (entry.version.replica != act->replica) {
            continue;
        }
        status = rove__judge_trace(c, entry.seq, entry.field, &trace);
        if (status == ROVE_OK && trace.raw > change->edits[i].raw) {
            stamps[i].canonical = entry.version.stamp - 1;
        }
    }
    act->stamps = stamps;
    return status;
}

/* The record as it is now: under the name that its origin has here. */
static rove_status open_case(rove__case *c, const rove__change *change) {
    rove__judge *judge = c->judge;
    uint32_t entity = 0;
    rove_id id = 0;
    rove_status status = judge->store->row_by_origin(judge->tx, change->clock.origin, &entity, &id);

    if (status == ROVE_NOT_FOUND) {
        return rove__case_free_id(c, change->row.entity, change->clock.origin);
    }
    if (status == ROVE_OK && entity != c->entity) {
        return ROVE_STATE;
    }
    c->id = id;
    return status == ROVE_OK ? rove__case_load(c, change->clock.origin) : status;
}

static rove_status accept_change(rove__case *c, rove__act *act) {
    rove__judge *judge = c->judge;
    int taken = 0;
    int known = 0;
    rove_status status = ROVE_OK;

    if (act->change.op == ROVE_OP_WHOLE) {
        return c->exists ? ROVE_OK : rove__judge_take_row(c, act, &taken);
    }
    status = draw_stamps(judge, act);
    if (status == ROVE_OK) { /* it may have come another way meanwhile */
        status = rove__judge_known(c, act, &known);
    }
    if (status == ROVE_OK && known == ROVE_JUDGE_UNTOLD) {
        return rove__error_set(judge->error, ROVE_STATE, "%s", rove__judge_untold);
    }
    if (status == ROVE_OK && !known && c->exists && act->change.op == ROVE_OP_UPDATE) {
        status = stand_back(c, act);
    }
    if (status != ROVE_OK || known) {
        return status;
    }
    if (!c->exists && act->change.op != ROVE_OP_INSERT) {
        return rove__error_set(judge->error, ROVE_NOT_FOUND,
                               "The record itself is not here yet; accept its creation first.");
    }
    status = rove__judge_act(c, act);
    if (status == ROVE_OK) {
        status = rove__case_store(c);
    }
    return status == ROVE_OK && !judge->made_up ? judge->store->device_put(judge->tx, judge->device)
                                                : status;
}

static rove_status accept_review(rove__judge *judge, const rove__hq_review *review) {
    rove__case c = {.judge = judge, .entity = review->entity, .id = review->id};
    rove__act act = {.packed = review->change,
                     .user = review->user,
                     .replica = review->replica,
                     .parked = 1,
                     .decided = 1};
    rove_status status = rove__judge_unpack(judge, review->change, &act.change);

    if (status == ROVE_OK) {
        status = rove__judge_is_forked(judge);
    }
    act.own = !judge->forked;
    if (status == ROVE_OK && act.change.row.entity == NULL) {
        return rove__error_set(judge->error, ROVE_UNKNOWN_ENTITY, "%s",
                               rove_status_text(ROVE_UNKNOWN_ENTITY));
    }
    if (status == ROVE_OK) {
        status = open_case(&c, &act.change);
        act.change.row.id = c.id;
    }
    return status == ROVE_OK ? accept_change(&c, &act) : status;
}

static rove_status decide(rove__judge *judge, rove__hq_review *review,
                          const rove__decision *decision, uint64_t *seq) {
    rove_status status = decision->accepted ? accept_review(judge, review)
                                            : rove__judge_return_parked(judge, review, decision);

    if (status == ROVE_OK) {
        review->state = decision->accepted ? REVIEW_ACCEPTED : ROVE_REVIEW_RETURNED;
        status = judge->store->review_put(judge->tx, review);
    }
    if (status == ROVE_OK) {
        status = rove__judge_tell_decision(judge, review, decision);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__writer *writer = judge->writer;
    judge->writer = NULL;
    rove__writer_touch(writer);
    return rove__writer_finish(writer, seq, judge->error);
}

rove_status rove__judge_decide(const rove__server_ports *ports, rove__hq_tx *tx, int64_t number,
                               const rove__decision *decision, uint64_t *seq, rove_error *error) {
    rove__judge_actor actor = {decision->accepted ? "accept" : "return", decision->operator_name};
    rove__server_stats stats = {0};
    rove__hq_device device = {0};
    rove_error none = {.message = ""};
    rove__judge judge;
    int made_up = 0;
    rove__arena arena;
    search s = {.number = number, .arena = &arena};

    ROVE_ASSERT(decision->operator_name[0] != '\0' && decision->note != NULL);
    *seq = 0;
    error = error != NULL ? error : &none;
    rove__arena_init(&arena, ports->allocator, ROVE_JUDGE_ARENA_MAX);
    rove_status status = find_review(ports, tx, &s);
    if (status == ROVE_OK) {
        status = ports->store->device_get(tx, s.found.replica, 1, &device);
        made_up = status == ROVE_NOT_FOUND;
        if (made_up) { /* of a device that headquarters does not know any more */
            device = (rove__hq_device){
                .replica = s.found.replica, .user = s.found.user, .status = ROVE_DEVICE_REVOKED};
            status = ROVE_OK;
        }
    }
    if (status == ROVE_OK) {
        status =
            rove__judge_open(&judge, ports, tx, &device, decision->now_ms, &actor, &stats, error);
        judge.made_up = made_up;
        if (status == ROVE_OK) {
            status = decide(&judge, &s.found, decision, seq);
        }
        rove__judge_close(&judge);
    }
    rove__arena_free(&arena);
    if (status != ROVE_OK && error->message[0] == '\0') {
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    return status;
}
