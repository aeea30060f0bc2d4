/*
 * support/memory_purge.c - forgetting what lies behind a horizon, counting what waits, and names that were given; see memory_headquarters.h.
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

/* ---- names ---------------------------------------------------------------------------------------------- */

static int renamed_order(const void *x, const void *y) {
    const rove__rename *a = x;
    const rove__rename *b = y;
    int by_origin = rove__version_compare(a->origin, b->origin);

    if (by_origin != 0) {
        return by_origin;
    }
    BEFORE(a->entity, b->entity)
    BEFORE(a->to, b->to)
    BEFORE(a->id, b->id)
    return 0;
}

rove_status memory_renamed_put(rove__hq_tx *tx, const rove__rename *renamed) {
    MAY_FAIL(tx);
    if (find_item(TABLE(tx, RENAMED), renamed, renamed_order) == NULL) {
        (void)put_item(TABLE(tx, RENAMED), renamed, renamed_order);
    }
    return ROVE_OK;
}

/* Whether the record had this name. */
static int bore(rove__hq_tx *tx, rove__origin origin, uint32_t entity, rove_id to) {
    const rove__rename key = {.entity = entity, .origin = origin, .to = to, .id = INT64_MIN};
    const table *t = TABLE(tx, RENAMED);
    size_t place = place_of(t, &key, renamed_order);

    if (place == t->count) {
        return 0;
    }
    const rove__rename *item = at(t, place);
    return item->entity == entity && item->to == to &&
           rove__version_compare(item->origin, origin) == 0;
}

rove_status memory_renamed_scan(rove__hq_tx *tx, uint32_t entity, rove_id to,
                                rove_status (*each)(void *, const rove__rename *), void *ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, RENAMED)->count; i++) {
        const rove__rename item = *(rove__rename *)at(TABLE(tx, RENAMED), i);
        if (item.entity == entity && bore(tx, item.origin, entity, to)) {
            GIVE(each(ctx, &item));
        }
    }
    return ROVE_OK;
}

rove_status memory_renamed_of(rove__hq_tx *tx, rove__origin origin,
                              rove_status (*each)(void *, const rove__rename *), void *ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, RENAMED)->count; i++) {
        const rove__rename item = *(rove__rename *)at(TABLE(tx, RENAMED), i);
        if (rove__version_compare(item.origin, origin) == 0) {
            GIVE(each(ctx, &item));
        }
    }
    return ROVE_OK;
}
