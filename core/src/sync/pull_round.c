/*
 * sync/pull_round.c - which scopes a round sends whole, and which the device has to give up (Q4).
 *
 *   entered  held now, but not without a gap since c; on a first download, everything held
 *   left     held at some time after c, and not now, whether or not it was held at c
 *
 * A gap does not count if the device says that it is complete at c, and held the root then: nothing took it away
 * meanwhile, and what changed in the gap is in the feed. So what goes to somebody else and comes back costs nothing.
 *
 * Nearly every root is held in all its parts, and is one unit (part -1). Where windows of parts changed, parts enter and leave
 * one by one; where that cannot be told apart (a gap, an open range), the root leaves and comes whole.
 *
 * Behind the purge horizon nobody knows what was entered and left: only what differs is sent then, after the list of all that
 * is held (Q8).
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/planted.h"
#include "sync/pull_state.h"

/* Months told one by one; a longer range makes its root leave as a whole. */
#define MONTHS_MAX 1200

static int ended(const rove__pull *pull, const rove__holding *item) {
    return pull->c < item->to && item->to <= pull->head.seq &&
           (item->from <= pull->c || !ROVE_PLANTED(Q04_HELD_AT_C));
}

/* What was entered after h comes with the next round. */
static int current_by_h(const rove__pull *pull, const rove__holding *item) {
    return rove__pull_current(pull, item) && item->from <= pull->h;
}

static int entered(const rove__pull *pull, const rove__holding *item) {
    return current_by_h(pull, item) && (item->from > pull->c || pull->c == 0);
}

static int is_whole(const rove__holding *item) {
    return item->part_from == ROVE_PART_FIRST && item->part_to == ROVE_PART_LAST;
}

/* Of a root that is held whole, every interval is: windows cut all of them (entitle.h). */
int rove__pull_kept(const rove__pull *pull, const rove__holding *item) {
    rove__scope scope = {item->root, ROVE_PART_FIRST};

    return pull->complete && item->from <= pull->h && is_whole(item) &&
           rove__holding_at(&pull->holdings, scope, pull->c) != NULL;
}

static rove_status whole_root(rove__pull *pull, const rove__holding *items, size_t count) {
    rove__scope scope = {items[0].root, -1};
    int holds = 0;
    int enters = 0;
    int leaves = 0;

    for (size_t i = 0; i < count; i++) {
        holds |= rove__pull_current(pull, &items[i]);
        enters |= entered(pull, &items[i]) && !rove__pull_kept(pull, &items[i]);
        leaves |= ended(pull, &items[i]);
    }
    if (enters) {
        return rove__portions_push(&pull->units, scope, 0);
    }
    return leaves && !holds ? rove__scopes_push(&pull->left, scope) : ROVE_OK;
}

/* ---- windows of parts ----------------------------------------------------------------------------------- */

static int32_t month_after(int32_t month) {
    return month % 100 >= 12 ? (month / 100 + 1) * 100 + 1 : month + 1;
}

typedef struct part_search {
    rove__pull *pull;
    const rove__holding *item;
} part_search;

static rove_status each_part(void *ctx, rove__scope scope, rove__hash128 sum, int64_t rows) {
    part_search *search = ctx;

    (void)sum;
    (void)rows;
    if (scope.part < search->item->part_from || scope.part > search->item->part_to) {
        return ROVE_OK;
    }
    return rove__portions_push(&search->pull->units, scope, 0);
}

/* Every part of a range that has rows. */
static rove_status range_enters(rove__pull *pull, const rove__holding *item) {
    part_search search = {pull, item};

    return pull->store->sum_scan(pull->tx, item->root, each_part, &search);
}

/* 1 if the parts of a range can be told one by one. */
static int can_tell(const rove__holding *item) {
    int32_t years = item->part_to / 100 - item->part_from / 100;

    return item->part_from >= 101 && item->part_to % 100 <= 12 && years < MONTHS_MAX / 12;
}

static rove_status range_leaves(rove__pull *pull, const rove__holding *item) {
    for (int32_t part = item->part_from; part <= item->part_to; part = month_after(part)) {
        rove_status status = rove__scopes_push(&pull->left, (rove__scope){item->root, part});
        if (status != ROVE_OK) {
            return status;
        }
    }
    return ROVE_OK;
}

/* What happened to one range of parts of a root. */
typedef struct range_fate {
    const rove__holding *held;    /* now; NULL: not */
    const rove__holding *dropped; /* ended after c; NULL: none */
    int enters;
} range_fate;

static size_t next_range(const rove__pull *pull, const rove__holding *items, size_t count,
                         range_fate *fate) {
    size_t n = 0;

    *fate = (range_fate){0};
    for (; n < count && items[n].part_from == items[0].part_from; n++) {
        if (rove__pull_current(pull, &items[n])) {
            fate->held = &items[n];
            fate->enters = entered(pull, &items[n]);
        }
        if (ended(pull, &items[n])) {
            fate->dropped = &items[n];
        }
    }
    return n;
}

static rove_status anew(rove__pull *pull, const rove__holding *items, size_t count) {
    rove_status status = rove__scopes_push(&pull->left, (rove__scope){items[0].root, -1});

    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        if (current_by_h(pull, &items[i])) {
            status = range_enters(pull, &items[i]);
        }
    }
    return status;
}

static rove_status parted_root(rove__pull *pull, const rove__holding *items, size_t count) {
    range_fate fate;
    rove_status status = ROVE_OK;
    int plain = pull->c != 0 && !pull->other;
    int holds = 0;
    int leaves = 0;

    for (size_t i = 0; i < count;) {
        i += next_range(pull, &items[i], count - i, &fate);
        holds |= fate.held != NULL;
        leaves |= fate.dropped != NULL;
        plain = plain && !(fate.dropped != NULL && fate.held != NULL) &&
                (fate.dropped == NULL || can_tell(fate.dropped));
    }
    if (!holds) {
        return leaves ? rove__scopes_push(&pull->left, (rove__scope){items[0].root, -1}) : ROVE_OK;
    }
    if (!plain) {
        return anew(pull, items, count);
    }
    for (size_t i = 0; i < count && status == ROVE_OK;) {
        i += next_range(pull, &items[i], count - i, &fate);
        if (fate.enters) {
            status = range_enters(pull, fate.held);
        } else if (fate.dropped != NULL) {
            status = range_leaves(pull, fate.dropped);
        }
    }
    return status;
}

/* ---- the round ------------------------------------------------------------------------------------------ */

/* What is to be repaired is a unit too, unless it was entered, which goes whole. */
static rove_status merge_repair(rove__pull *pull) {
    size_t entered_count = pull->units.count;
    const rove__portion *items = pull->repair.items;

    pull->repairing = pull->repair.count > 0;
    pull->mixed = pull->repairing && entered_count > 0;
    for (size_t i = 0; i < pull->repair.count; i++) {
        if (rove__portions_find(&pull->units, 0, entered_count, items[i].scope) == NULL) {
            rove_status status =
                rove__portions_push(&pull->units, items[i].scope, items[i].buckets);
            if (status != ROVE_OK) {
                return status;
            }
        }
    }
    for (size_t i = 0; i < pull->repair_left.count; i++) {
        rove_status status = rove__scopes_push(&pull->left, pull->repair_left.items[i]);
        if (status != ROVE_OK) {
            return status;
        }
    }
    pull->repair.count = 0;
    pull->repair_left.count = 0;
    return ROVE_OK;
}

/* The unit at which a resumed scan goes on. */
static void find_unit(rove__pull *pull) {
    rove__pull_position *at = &pull->at;
    int visits = at->phase == ROVE_PULL_VISITS; /* they go by root */
    rove__scope scope = {at->scope.root, visits ? -1 : at->scope.part};

    pull->unit = 0;
    while (pull->unit < pull->units.count &&
           rove__scope_before(pull->units.items[pull->unit].scope, scope)) {
        pull->unit++;
    }
    if (!visits && (pull->unit == pull->units.count ||
                    rove__scope_before(scope, pull->units.items[pull->unit].scope))) {
        at->started = 0;
        at->entity = 0;
        at->id = 0;
    }
}

rove_status rove__pull_round(rove__pull *pull) {
    const rove__holdings *holdings = &pull->holdings;
    rove_status status = ROVE_OK;

    pull->units.count = 0;
    pull->left.count = 0;
    pull->left_sent = 0;
    pull->group_end = 0;
    /* A repair that is brought to its end is all that there is in its answer. */
    for (size_t i = 0;
         i < holdings->count && status == ROVE_OK && !pull->behind && !pull->finishing;) {
        size_t end = i;
        int whole = 1;
        while (end < holdings->count && holdings->items[end].root == holdings->items[i].root) {
            whole = whole && is_whole(&holdings->items[end]);
            end++;
        }
        status = whole ? whole_root(pull, &holdings->items[i], end - i)
                       : parted_root(pull, &holdings->items[i], end - i);
        i = end;
    }
    rove__portions_sort(&pull->units);
    if (status == ROVE_OK) {
        status = merge_repair(pull);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__portions_sort(&pull->units);
    if (!pull->resumed) {
        int visits = pull->c == 0 && !ROVE_PLANTED(Q07_ANY_ORDER);
        pull->at = (rove__pull_position){.phase = visits ? ROVE_PULL_VISITS : ROVE_PULL_SCAN,
                                         .scope = {0, -1},
                                         .seq = pull->c,
                                         .ordinal = UINT32_MAX};
    }
    pull->resumed = 0;
    find_unit(pull);
    pull->round_open = 1;
    return ROVE_OK;
}
