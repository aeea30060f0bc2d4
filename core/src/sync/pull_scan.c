/*
 * sync/pull_scan.c - scopes sent whole (Q5, Q7), so that a cut download goes on where it was.
 *
 * Scopes go in groups: those whose rows together fill some pages, or one that alone has more. `begin` of all of them comes
 * first, then their rows by (entity, id), then `done` of all. A device keeps its rows by id, and those of one scope lie
 * all over its tables: rows that come scope by scope would make it write each page of its file again and again. A group
 * is bounded so that headquarters need not remember more than the ids of some pages.
 *
 * What a repair sends goes unit by unit: an answer that is cut off is then done with all units but one, and a token says how
 * far that one is (pull_token.c).
 *
 * A row that moves or comes while its group is being sent is of after h: the next round brings it.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "sync/pull_state.h"

static int held_now(const rove__pull *pull, rove__scope scope) {
    if (scope.part < 0) {
        scope.part = 0;
    }
    return rove__holding_at(&pull->holdings, scope, pull->head.seq) != NULL;
}

static rove_status send_whole(rove__pull *pull, const rove__hq_row *row) {
    rove__hq_row copy = *row;
    rove__change change;
    int added = 0;

    rove__outgoing_whole(&copy, &change);
    rove_status status = rove__pull_add(pull, &change, &added);
    if (status != ROVE_OK) {
        return status;
    }
    if (!added) {
        return ROVE_DONE;
    }
    pull->at.entity = row->row.entity_number;
    pull->at.id = row->row.id;
    return pull->full ? ROVE_DONE : ROVE_OK;
}

static rove_status each_row(void *ctx, const rove__hq_row *row) {
    rove__pull *pull = ctx;
    const rove__portion *unit = /* of the group's */
        rove__portions_find(&pull->units, pull->unit, pull->group_end, row->scope);

    return unit != NULL && rove__buckets_have(unit->buckets, row->row.id) &&
                   held_now(pull, row->scope)
               ? send_whole(pull, row)
               : ROVE_OK;
}

/* ---- groups --------------------------------------------------------------------------------------------- */

static rove_status each_key(void *ctx, uint32_t entity, rove_id id) {
    rove__pull *pull = ctx;
    size_t most = ROVE_PULL_GROUP_PAGES * (size_t)pull->request.page_rows;

    if (!rove__buckets_have(pull->collecting, id)) {
        return ROVE_OK;
    }
    if (pull->key_count == most) {
        pull->keys_over = 1;
        return ROVE_DONE;
    }
    if (pull->key_count == pull->key_capacity) {
        size_t capacity = pull->key_capacity == 0 ? 1024 : 2 * pull->key_capacity;
        rove__pull_key *keys =
            rove__alloc_resize(pull->ports->allocator, pull->keys, capacity, sizeof *keys);
        if (keys == NULL) {
            return ROVE_NOMEM;
        }
        pull->keys = keys;
        pull->key_capacity = capacity;
    }
    pull->keys[pull->key_count++] = (rove__pull_key){id, entity};
    return ROVE_OK;
}

static int key_before(rove__pull_key a, rove__pull_key b) {
    return a.entity != b.entity ? a.entity < b.entity : a.id < b.id;
}

static int by_key(const void *a, const void *b) {
    const rove__pull_key *x = a;
    const rove__pull_key *y = b;

    return key_before(*y, *x) - key_before(*x, *y);
}

/* The keys of as many units as fit in; of those that were begun before, if it goes on. */
static rove_status collect(rove__pull *pull) {
    const rove__pull_position *at = &pull->at;
    size_t most = pull->repairing && !pull->mixed ? 1 : ROVE_PULL_GROUP_SCOPES;
    rove_status status = ROVE_OK;
    size_t end = pull->unit;

    pull->key_count = 0;
    pull->key_at = 0;
    pull->keys_over = 0;
    while (status == ROVE_OK && !pull->keys_over && end < pull->units.count &&
           end - pull->unit < most &&
           !(at->started && rove__scope_before(at->until, pull->units.items[end].scope))) {
        rove__scope unit = pull->units.items[end].scope;
        size_t before = pull->key_count;
        pull->collecting = pull->units.items[end].buckets;
        if (held_now(pull, unit)) {
            status = pull->store->row_ids(pull->tx, unit, each_key, pull);
        }
        if (pull->keys_over) {
            pull->key_count = before;
        } else {
            end++;
        }
    }
    pull->group_end = end;
    return status;
}

/* Those of the group that are held begin, or are done, with this page: of others the next round tells. */
static rove_status tell_units(rove__pull *pull, int done) {
    rove_status status = ROVE_OK;

    for (size_t i = pull->unit; i < pull->group_end && status == ROVE_OK; i++) {
        const rove__portion *unit = &pull->units.items[i];
        if (held_now(pull, unit->scope)) {
            status = done ? rove__scopes_push(&pull->done, unit->scope)
                          : rove__portions_push(&pull->begin, unit->scope, unit->buckets);
        }
    }
    return status;
}

static rove_status open_group(rove__pull *pull) {
    rove__pull_position *at = &pull->at;
    rove_status status = collect(pull);

    pull->group_alone = pull->group_end == pull->unit;
    pull->group_end += (size_t)pull->group_alone;
    rove__scope last = pull->units.items[pull->group_end - 1].scope;
    /* It has grown beyond what a group may have: a smaller one begins again. */
    if (at->started && rove__scope_before(last, at->until) && pull->keys_over) {
        at->started = 0;
        at->entity = 0;
        at->id = 0;
    }
    at->scope = pull->units.items[pull->unit].scope;
    at->until = last;
    if (status == ROVE_OK && !at->started) {
        status = tell_units(pull, 0);
        at->started = 1;
    }
    if (pull->key_count > 0) {
        qsort(pull->keys, pull->key_count, sizeof *pull->keys, by_key);
    }
    rove__pull_key sent = {at->id, at->entity};
    while (pull->key_at < pull->key_count && !key_before(sent, pull->keys[pull->key_at])) {
        pull->key_at++;
    }
    return status;
}

static rove_status close_group(rove__pull *pull) {
    rove_status status = tell_units(pull, 1);

    pull->unit = pull->group_end;
    pull->group_end = 0;
    pull->at = (rove__pull_position){.phase = ROVE_PULL_SCAN};
    pull->full |=
        pull->begin.count >= ROVE_PULL_GROUP_SCOPES || pull->done.count >= ROVE_PULL_GROUP_SCOPES;
    return status;
}

static rove_status send_key(rove__pull *pull, rove__pull_key key) {
    rove__hq_row row;

    rove__arena_reset(&pull->row);
    rove_status status = pull->store->row_get(pull->tx, key.entity, key.id, 0, &pull->row, &row);
    if (status == ROVE_NOT_FOUND) {
        return ROVE_OK;
    }
    if (status != ROVE_OK || row.dead != 0) {
        return status;
    }
    status = each_row(pull, &row);
    return status == ROVE_DONE ? ROVE_OK : status;
}

static rove_status send_group(rove__pull *pull) {
    rove_status status = ROVE_OK;

    if (pull->group_alone) {
        return pull->store->row_scan(pull->tx, pull->units.items[pull->unit].scope, pull->at.entity,
                                     pull->at.id, &pull->row, each_row, pull);
    }
    while (status == ROVE_OK && !pull->full && pull->key_at < pull->key_count) {
        status = send_key(pull, pull->keys[pull->key_at]);
        pull->key_at += !pull->refused;
    }
    return status;
}

rove_status rove__pull_scan(rove__pull *pull) {
    rove_status status = ROVE_OK;

    while (status == ROVE_OK && !pull->full && pull->unit < pull->units.count) {
        if (pull->group_end == 0) {
            status = open_group(pull);
        }
        if (status == ROVE_OK) {
            status = send_group(pull);
        }
        if (status == ROVE_OK && !pull->full) {
            status = close_group(pull);
        }
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (pull->unit < pull->units.count) {
        pull->at.scope = pull->units.items[pull->unit].scope;
    } else {
        pull->at =
            (rove__pull_position){.phase = ROVE_PULL_FEED, .seq = pull->c, .ordinal = UINT32_MAX};
    }
    return ROVE_OK;
}

/* ---- today's and tomorrow's visits ---------------------------------------------------------------------- */

static rove_status each_visit(void *ctx, const rove__hq_row *row) {
    rove__pull *pull = ctx;

    if (row->row.entity != pull->visit) {
        return ROVE_DONE;
    }
    int64_t start = row->row.cells[pull->visit_start].as.integer; /* it has one: it is in a month */
    if (start < pull->visits_from || start >= pull->visits_until || !held_now(pull, row->scope)) {
        return ROVE_OK;
    }
    return send_whole(pull, row);
}

static rove_status visits_of(rove__pull *pull, rove__scope month) {
    if (rove__scope_order(pull->at.scope, month) != 0) { /* else it goes on */
        pull->at.id = INT64_MAX;
        pull->at.entity = pull->visit->number - 1;
    }
    pull->at.scope = month;
    return pull->store->row_scan(pull->tx, month, pull->at.entity, pull->at.id, &pull->row,
                                 each_visit, pull);
}

rove_status rove__pull_visits(rove__pull *pull) {
    int32_t first = rove__month_of(pull->visits_from);
    int32_t last = rove__month_of(pull->visits_until - 1);

    for (; pull->unit < pull->units.count; pull->unit++) {
        rove_id root = pull->units.items[pull->unit].scope.root;
        int again = pull->at.scope.root == root && pull->at.scope.part == last;
        int32_t month = again ? last : first;
        if (pull->unit > 0 && pull->units.items[pull->unit - 1].scope.root == root) {
            continue;
        }
        rove_status status = visits_of(pull, (rove__scope){root, month});
        if (status == ROVE_OK && !pull->full && month != last) {
            status = visits_of(pull, (rove__scope){root, last});
        }
        if (status != ROVE_OK || pull->full) {
            return status;
        }
    }
    pull->at = (rove__pull_position){.phase = ROVE_PULL_SCAN, .scope = {0, -1}};
    pull->unit = 0;
    return ROVE_OK;
}
