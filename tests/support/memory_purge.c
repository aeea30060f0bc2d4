/*
 * support/memory_purge.c - forgetting what lies behind a horizon, and counting what waits; see memory_headquarters.h.
 */
#include "memory_tables.h"

static int feed_is_old(const void *item, uint64_t horizon) {
    return ((const feed_item *)item)->seq <= horizon;
}

static int mark_is_old(const void *item, uint64_t horizon) {
    return ((const rove__hq_mark *)item)->seq <= horizon;
}

static int grant_is_old(const void *item, uint64_t horizon) {
    return ((const rove__hq_grant *)item)->to <= horizon;
}

static int entailment_is_old(const void *item, uint64_t horizon) {
    return ((const rove__hq_entailment *)item)->to <= horizon;
}

static int row_is_old(const void *item, uint64_t horizon) {
    const rove__hq_row *row = *(rove__hq_row *const *)item;

    return row->dead != 0 && row->dead <= horizon;
}

static void remember_purged(rove__hq_tx *tx, const rove__hq_row *row) {
    *(purged_item *)append(TABLE(tx, PURGED)) =
        (purged_item){row->row.entity_number, row->row.id, row->clock.origin};
}

/* Of one table; most NULL: only counted. */
static void purge_table(rove__hq_tx *tx, int which, int (*is_old)(const void *, uint64_t),
                        uint64_t horizon, uint64_t *most, uint64_t *count) {
    table *t = TABLE(tx, which);

    for (size_t i = 0; i < t->count && (most == NULL || *most > 0);) {
        if (!is_old(at(t, i), horizon)) {
            i++;
            continue;
        }
        *count += 1;
        if (most == NULL) {
            i++;
            continue;
        }
        if (which == ROWS) {
            remember_purged(tx, *(rove__hq_row **)at(t, i));
        }
        remove_at(t, i);
        *most -= 1;
    }
}

rove_status memory_purge(rove__hq_tx *tx, uint64_t horizon, uint64_t most, rove__hq_purge *counts) {
    uint64_t *left = most == 0 ? NULL : &most;

    MAY_FAIL(tx);
    purge_table(tx, FEED, feed_is_old, horizon, left, &counts->feed);
    purge_table(tx, MARKS, mark_is_old, horizon, left, &counts->marks);
    purge_table(tx, GRANTS, grant_is_old, horizon, left, &counts->grants);
    purge_table(tx, ENTAILMENTS, entailment_is_old, horizon, left, &counts->entailments);
    purge_table(tx, ROWS, row_is_old, horizon, left, &counts->tombstones);
    return ROVE_OK;
}

rove_status memory_row_purged(rove__hq_tx *tx, uint32_t entity, rove_id id) {
    MAY_FAIL(tx);
    return find_purged(tx, entity, id) < TABLE(tx, PURGED)->count ? ROVE_OK : ROVE_NOT_FOUND;
}

rove_status memory_review_load(rove__hq_tx *tx, rove_id user, uint64_t *open) {
    MAY_FAIL(tx);
    *open = 0;
    for (size_t i = 0; i < TABLE(tx, REVIEWS)->count; i++) {
        const rove__hq_review *item = at(TABLE(tx, REVIEWS), i);
        *open += item->state == 0 && (user == 0 || item->user == user);
    }
    return ROVE_OK;
}

rove_status memory_parked_load(rove__hq_tx *tx, rove_id user, uint64_t *edits, uint64_t *bytes) {
    MAY_FAIL(tx);
    *edits = 0;
    *bytes = 0;
    for (size_t i = 0; i < TABLE(tx, PARKED)->count; i++) {
        const rove__hq_parked *item = at(TABLE(tx, PARKED), i);
        if (user == 0 || item->user == user) {
            *edits += 1;
            *bytes += item->change.size;
        }
    }
    return ROVE_OK;
}
