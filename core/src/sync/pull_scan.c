/*
 * sync/pull_scan.c - scopes sent whole (Q5, Q7): rows by (scope, entity, id), so that a cut download goes on where it was.
 */
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

    return held_now(pull, row->scope) ? send_whole(pull, row) : ROVE_OK;
}

static void next_unit(rove__pull *pull) {
    pull->unit++;
    pull->at.started = 0;
    pull->at.entity = 0;
    pull->at.id = 0;
}

static rove_status scan_unit(rove__pull *pull, rove__scope unit) {
    rove_status status = ROVE_OK;

    if (!pull->at.started) {
        status = rove__scopes_push(&pull->begin, unit);
        pull->at.started = 1;
    }
    if (status == ROVE_OK) {
        status = pull->store->row_scan(pull->tx, unit, pull->at.entity, pull->at.id, &pull->row,
                                       each_row, pull);
    }
    if (status == ROVE_OK && !pull->full) {
        status = rove__scopes_push(&pull->done, unit);
        next_unit(pull);
    }
    return status;
}

rove_status rove__pull_scan(rove__pull *pull) {
    rove_status status = ROVE_OK;

    while (status == ROVE_OK && !pull->full && pull->unit < pull->units.count) {
        rove__scope unit = pull->units.items[pull->unit];
        pull->at.scope = unit;
        if (!held_now(pull, unit)) {
            next_unit(pull); /* its grant ended meanwhile: the next round tells */
            continue;
        }
        status = scan_unit(pull, unit);
        pull->full |= pull->done.count >= ROVE_PAGE_SCOPES;
    }
    if (status == ROVE_OK && pull->unit < pull->units.count) {
        pull->at.scope = pull->units.items[pull->unit];
    }
    if (status == ROVE_OK && pull->unit == pull->units.count) {
        pull->at =
            (rove__pull_position){.phase = ROVE_PULL_FEED, .seq = pull->c, .ordinal = UINT32_MAX};
    }
    return status;
}

/* ---- today's and tomorrow's visits ---------------------------------------------------------------------- */

static rove_status each_visit(void *ctx, const rove__hq_row *row) {
    rove__pull *pull = ctx;
    const rove_value *start = &row->row.cells[pull->visit_start];

    if (row->row.entity != pull->visit) {
        return ROVE_DONE;
    }
    if (start->type != ROVE_INT || start->as.integer < pull->visits_from ||
        start->as.integer >= pull->visits_until || !held_now(pull, row->scope)) {
        return ROVE_OK;
    }
    return send_whole(pull, row);
}

static rove_status visits_of(rove__pull *pull, rove__scope month) {
    int resumed = pull->at.scope.root == month.root && pull->at.scope.part == month.part &&
                  pull->at.entity == pull->visit->number;

    if (!resumed) {
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
    rove_status status = ROVE_OK;

    for (; pull->unit < pull->units.count && status == ROVE_OK && !pull->full; pull->unit++) {
        rove_id root = pull->units.items[pull->unit].root;
        int again = pull->at.scope.root == root && pull->at.scope.part == last;
        if (pull->visit == NULL ||
            (pull->unit > 0 && pull->units.items[pull->unit - 1].root == root)) {
            continue;
        }
        if (!again) {
            status = visits_of(pull, (rove__scope){root, first});
        }
        if (status == ROVE_OK && !pull->full && (last != first || again)) {
            status = visits_of(pull, (rove__scope){root, last});
        }
        if (pull->full) {
            return status;
        }
    }
    if (status == ROVE_OK && pull->unit == pull->units.count) {
        pull->at = (rove__pull_position){.phase = ROVE_PULL_SCAN, .scope = {0, -1}};
        pull->unit = 0;
    }
    return status;
}
