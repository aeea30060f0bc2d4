/*
 * sync/judge_entitle.c - who may write what (P14): at any seq from the edit's cursor to now, the rep held the scope in
 * which the row was at that seq. Device clocks play no part. "Now" is the seq of this transaction, with what it granted.
 *
 * Grants and marks from before the purge horizon are gone (Q8): of an edit with an older cursor only what the rep held since
 * can be known. What is known entitles him all the same; else it goes to review, as everything does that he did not hold.
 */
#include "base/assert.h"
#include "base/planted.h"
#include "sync/judge_state.h"

/*
 * Where the holdings of one root are; or else the place of those that were asked for longest ago. Devices choose ids: none may put out
 * another each time.
 */
static rove__held_slot *slot_of(rove__judge *judge, rove_id user, rove_id root) {
    rove__held_slot *slot = &judge->held[0];

    for (size_t i = 0; i < ROVE_JUDGE_CACHE; i++) {
        rove__held_slot *other = &judge->held[i];
        if (other->root == root && other->user == user) {
            slot = other;
            break;
        }
        if (other->asked < slot->asked) {
            slot = other;
        }
    }
    slot->asked = ++judge->held_asked;
    return slot;
}

static rove_status fill(rove__judge *judge, rove_id user, rove_id root, rove__held_slot *slot) {
    slot->user = 0;
    rove_status status = rove__entitle_root(judge->store, judge->tx, user, root, &slot->holdings);
    if (status == ROVE_OK) {
        slot->user = user;
        slot->root = root;
        slot->late = 0;
    }
    return status;
}

/* All that a batch does has one seq: what was before stays known. */
void rove__judge_forget_held(rove__judge *judge) {
    for (size_t i = 0; i < ROVE_JUDGE_CACHE; i++) {
        judge->held[i].late = 1;
    }
}

/*
 * A contact may get so many roles in one batch that its edges cannot be read again for each: one that only begins is added to what is
 * known.
 */
rove_status rove__judge_edge(rove__judge *judge) {
    rove__hq_entailment begun;
    rove_status status = ROVE_OK;

    if (rove__writer_edge(judge->writer, &begun)) {
        rove__judge_forget_held(judge);
        return ROVE_OK;
    }
    for (size_t i = 0; begun.holder != 0 && i < ROVE_JUDGE_CACHE && status == ROVE_OK; i++) {
        rove__held_slot *slot = &judge->held[i];
        if (slot->root == begun.entailed) {
            status =
                rove__entitle_edge(judge->store, judge->tx, slot->user, &begun, &slot->holdings);
        }
    }
    return status;
}

static rove_status held_within(rove__judge *judge, rove_id user, rove__scope scope, uint64_t from,
                               uint64_t last, int *held) {
    rove__held_slot *slot = slot_of(judge, user, scope.root);
    uint64_t before = rove__writer_seq(judge->writer) - 1;

    if (slot->user == user && slot->root == scope.root) {
        uint64_t known = slot->late && last > before ? before : last;
        *held = rove__held_within(&slot->holdings, scope, from, known);
        if (*held || !slot->late) {
            return ROVE_OK;
        }
    }
    rove_status status = fill(judge, user, scope.root, slot);
    *held = status == ROVE_OK && rove__held_within(&slot->holdings, scope, from, last);
    return status;
}

rove_status rove__judge_held(rove__judge *judge, rove_id user, rove__scope scope, uint64_t from,
                             int *held) {
    return held_within(judge, user, scope, from, rove__writer_seq(judge->writer), held);
}

typedef struct path {
    rove__judge *judge;
    const rove__act *act;
    uint64_t from; /* since when the row is in the scope that comes next */
    int32_t part;  /* in place of the row's own; -1: none */
    int held;
} path;

static rove__scope scope_in(const path *p, rove__scope scope) {
    return p->part < 0 ? scope : (rove__scope){scope.root, p->part};
}

/* The row was in mark->scope before mark->seq. */
static rove_status each_mark(void *ctx, const rove__hq_mark *mark) {
    path *p = ctx;

    if (mark->seq <= p->from) {
        return ROVE_OK;
    }
    rove_status status = held_within(p->judge, p->act->user, scope_in(p, mark->scope), p->from,
                                     mark->seq - 1, &p->held);
    p->from = mark->seq;
    return status == ROVE_OK && p->held ? ROVE_DONE : status;
}

rove_status rove__judge_entitled(rove__case *c, const rove__act *act, int32_t part, int *entitled) {
    rove__judge *judge = c->judge;
    path p = {.judge = judge, .act = act, .from = act->cursor, .part = part};
    rove__scope scope;

    ROVE_ASSERT(c->exists);
    *entitled = 1;
    if (act->decided || ROVE_PLANTED(P14_ANYBODY)) {
        return ROVE_OK;
    }
    if (c->after.author == act->user && act->cursor < c->after.clock.seq) {
        return ROVE_OK; /* made before anybody else knew of the record */
    }
    rove_status status = rove__writer_scope(judge->writer, &c->after.row, &scope);
    if (status == ROVE_OK) {
        status =
            rove__judge_held(judge, act->user, scope, rove__writer_seq(judge->writer), entitled);
    }
    if (status != ROVE_OK || *entitled || ROVE_PLANTED(P14_NOW)) {
        return status;
    }
    status = judge->store->mark_of_row(judge->tx, c->entity, c->id, each_mark, &p);
    if (status == ROVE_OK && !p.held) {
        status = rove__judge_held(judge, act->user, scope_in(&p, scope), p.from, &p.held);
    }
    *entitled = p.held;
    return status;
}

/*
 * A role row lets whoever holds its account hold its contact: so its author has to hold both. And the contact now, because it
 * reports no work that was done, but gives him the contact, whole and for good. Now is since just before this batch: it may
 * end the role by which he holds it, and then begin another.
 */
static rove_status may_entail(rove__judge *judge, const rove__act *act, const rove__row *row,
                              int *entitled) {
    if (row->entity != judge->role || !*entitled) {
        return ROVE_OK;
    }
    const rove_value *contact = &row->cells[rove__entity_field_named(row->entity, "contact_id")];
    /* NULL is 0: the organisation's, which everybody holds. */
    return rove__judge_held(judge, act->user, (rove__scope){contact->as.integer, 0},
                            rove__writer_head(judge->writer)->seq, entitled);
}

rove_status rove__judge_may_enter(rove__case *c, const rove__act *act, const rove__row *row,
                                  int *entitled) {
    rove__judge *judge = c->judge;
    rove__scope scope;
    rove_status status = rove__writer_scope(judge->writer, row, &scope);

    *entitled = 0;
    if (status == ROVE_NOT_FOUND) {
        return ROVE_OK;
    }
    if (status == ROVE_OK && scope.root == 0) {
        return ROVE_OK; /* it does not say what it is about: so everybody would have it */
    }
    if (status == ROVE_OK && act->decided) {
        *entitled = 1;
        return ROVE_OK;
    }
    if (status == ROVE_OK) {
        status = rove__judge_held(judge, act->user, scope, act->cursor, entitled);
    }
    return status == ROVE_OK ? may_entail(judge, act, row, entitled) : status;
}

rove_status rove__judge_not_held(rove__case *c, const rove__act *act, const char *reason) {
    int known = act->cursor >= rove__writer_head(c->judge->writer)->purged;

    return rove__judge_review(
        c, act, known ? reason : "Who held it when it was written is no longer known.");
}
