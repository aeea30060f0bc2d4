/*
 * support/memory_headquarters.c - see memory_headquarters.h.
 */
#include "memory_headquarters.h"

#include "memory_tables.h"
#include "model/set.h"

/* ---- transactions --------------------------------------------------------------------------------------- */

static rove_status hq_begin(void *ctx, rove__hq_mode mode, rove__hq_tx **out, rove_error *error) {
    memory_headquarters *hq = ctx;

    (void)error;
    *out = NULL;
    rove_status failed = fault(hq);
    if (failed != ROVE_OK) {
        return failed;
    }
    rove__hq_tx *tx = must(calloc(1, sizeof *tx));
    tx->hq = hq;
    tx->writes = mode == ROVE_HQ_WRITE;
    if (tx->writes) {
        tx->data = tables_copy(hq->now);
    } else {
        tx->data = hq->now;
        tx->data->references++;
    }
    *out = tx;
    return ROVE_OK;
}

static void hq_rollback(rove__hq_tx *tx) {
    tables_release(tx->saved);
    tables_release(tx->data);
    free(tx);
}

static rove_status hq_commit(rove__hq_tx *tx, rove_error *error) {
    rove_status failed = fault(tx->hq);

    (void)error;
    if (failed == ROVE_OK && tx->writes) {
        tables_release(tx->hq->now);
        tx->hq->now = tx->data;
        tx->data->references++;
    }
    hq_rollback(tx);
    return failed;
}

static rove_status hq_savepoint(rove__hq_tx *tx, rove_error *error) {
    (void)error;
    MAY_FAIL(tx);
    tx->saved = tables_copy(tx->data);
    return ROVE_OK;
}

static rove_status hq_release(rove__hq_tx *tx, int keep_it, rove_error *error) {
    (void)error;
    MAY_FAIL(tx);
    if (!keep_it) {
        tables_release(tx->data);
        tx->data = tx->saved;
        tx->saved = NULL;
    }
    tables_release(tx->saved);
    tx->saved = NULL;
    return ROVE_OK;
}

/* ---- head, timelines, commits ---------------------------------------------------------------------------- */

static rove_status head_get(rove__hq_tx *tx, rove__hq_head *head) {
    MAY_FAIL(tx);
    *head = tx->data->head;
    return ROVE_OK;
}

static rove_status head_put(rove__hq_tx *tx, const rove__hq_head *head) {
    MAY_FAIL(tx);
    tx->data->head = *head;
    return ROVE_OK;
}

static rove_status timeline_put(rove__hq_tx *tx, const rove__hq_timeline *timeline) {
    MAY_FAIL(tx);
    *(rove__hq_timeline *)append(TABLE(tx, TIMELINES)) = *timeline;
    return ROVE_OK;
}

static rove_status timeline_get(rove__hq_tx *tx, uint64_t timeline, rove__hq_timeline *out) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, TIMELINES)->count; i++) {
        const rove__hq_timeline *item = at(TABLE(tx, TIMELINES), i);
        if (item->timeline == timeline) {
            *out = *item;
            return ROVE_OK;
        }
    }
    return ROVE_NOT_FOUND;
}

static rove_status commit_put(rove__hq_tx *tx, const rove__hq_commit *commit) {
    MAY_FAIL(tx);
    rove__hq_commit *item = append(TABLE(tx, COMMITS));
    *item = *commit;
    item->operator_name = keep_text(tx, commit->operator_name);
    item->act = keep_text(tx, commit->act);
    return ROVE_OK;
}

static rove_status commit_stamp(rove__hq_tx *tx, uint64_t seq, rove_stamp *stamp) {
    MAY_FAIL(tx);
    *stamp = 0;
    for (size_t i = 0; i < TABLE(tx, COMMITS)->count; i++) {
        const rove__hq_commit *item = at(TABLE(tx, COMMITS), i);
        if (item->seq <= seq) {
            *stamp = item->stamp;
        }
    }
    return ROVE_OK;
}

/* ---- devices and batches --------------------------------------------------------------------------------- */

static int device_order(const void *a, const void *b) {
    BEFORE(((const rove__hq_device *)a)->replica, ((const rove__hq_device *)b)->replica)
    return 0;
}

static int batch_order(const void *a, const void *b) {
    BEFORE(((const rove__hq_batch *)a)->replica, ((const rove__hq_batch *)b)->replica)
    BEFORE(((const rove__hq_batch *)a)->number, ((const rove__hq_batch *)b)->number)
    return 0;
}

static rove__hq_device *find_device(rove__hq_tx *tx, rove_replica replica) {
    const rove__hq_device key = {.replica = replica};

    return find_item(TABLE(tx, DEVICES), &key, device_order);
}

static rove_status device_get(rove__hq_tx *tx, rove_replica replica, int lock,
                              rove__hq_device *out) {
    const rove__hq_device *item = find_device(tx, replica);

    (void)lock;
    MAY_FAIL(tx);
    if (item == NULL) {
        return ROVE_NOT_FOUND;
    }
    *out = *item;
    return ROVE_OK;
}

static rove_status device_put(rove__hq_tx *tx, const rove__hq_device *device) {
    MAY_FAIL(tx);
    (void)put_item(TABLE(tx, DEVICES), device, device_order);
    return ROVE_OK;
}

static rove_status device_scan(rove__hq_tx *tx, rove_id user,
                               rove_status (*each)(void *, const rove__hq_device *),
                               void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, DEVICES)->count; i++) {
        const rove__hq_device *item = at(TABLE(tx, DEVICES), i);
        if (user == 0 || item->user == user) {
            GIVE(each(each_ctx, item));
        }
    }
    return ROVE_OK;
}

static rove_status batch_get(rove__hq_tx *tx, rove_replica replica, uint64_t number,
                             rove__arena *arena, rove__hq_batch *out) {
    const rove__hq_batch key = {.replica = replica, .number = number};
    const rove__hq_batch *item = find_item(TABLE(tx, BATCHES), &key, batch_order);

    MAY_FAIL(tx);
    if (item == NULL) {
        return ROVE_NOT_FOUND;
    }
    *out = *item;
    rove_status status = lend(arena, &out->answer);
    return status == ROVE_OK ? lend(arena, &out->rows) : status;
}

static rove_status batch_put(rove__hq_tx *tx, const rove__hq_batch *batch) {
    rove__hq_batch item = *batch;

    MAY_FAIL(tx);
    item.answer = keep(tx, batch->answer);
    item.rows = keep(tx, batch->rows);
    (void)put_item(TABLE(tx, BATCHES), &item, batch_order);
    return ROVE_OK;
}

static rove_status batch_confirm(rove__hq_tx *tx, rove_replica replica, uint64_t number) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, BATCHES)->count; i++) {
        rove__hq_batch *item = at(TABLE(tx, BATCHES), i);
        if (item->replica == replica && item->number <= number) {
            item->answer = item->rows = (rove__bytes){NULL, 0};
        }
    }
    return ROVE_OK;
}

static int has_stray(rove__hq_tx *tx, rove_replica replica, const rove__chain *hash) {
    for (size_t i = 0; i < TABLE(tx, STRAYS)->count; i++) {
        const stray_item *item = at(TABLE(tx, STRAYS), i);
        if (item->replica == replica &&
            (hash == NULL || memcmp(&item->hash, hash, sizeof *hash) == 0)) {
            return 1;
        }
    }
    return 0;
}

static rove_status stray_get(rove__hq_tx *tx, rove_replica replica, const rove__chain *hash) {
    MAY_FAIL(tx);
    return has_stray(tx, replica, hash) ? ROVE_OK : ROVE_NOT_FOUND;
}

static rove_status stray_put(rove__hq_tx *tx, rove_replica replica, const rove__chain *hash) {
    MAY_FAIL(tx);
    if (!has_stray(tx, replica, hash)) {
        *(stray_item *)append(TABLE(tx, STRAYS)) = (stray_item){replica, *hash};
    }
    return ROVE_OK;
}

/* ---- rows ------------------------------------------------------------------------------------------------ */

/* The position of the first row not before (entity, id). */
static size_t row_position(rove__hq_tx *tx, uint32_t entity, rove_id id) {
    const table *t = TABLE(tx, ROWS);
    size_t low = 0;
    size_t high = t->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const rove__hq_row *row = *(rove__hq_row **)at(t, middle);
        if (row->row.entity_number < entity ||
            (row->row.entity_number == entity && row->row.id < id)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const rove__hq_row *row_at(rove__hq_tx *tx, size_t position) {
    return *(rove__hq_row **)at(TABLE(tx, ROWS), position);
}

/* As wide as its entity is now. */
static rove_status row_copy(rove__hq_row *to, const rove__hq_row *from, rove__arena *arena) {
    rove__row narrow;

    *to = *from;
    rove_status status = rove__row_copy(&narrow, &from->row, arena);
    if (status == ROVE_OK) {
        status = rove__row_init(&to->row, narrow.entity, narrow.id, arena);
    }
    if (status == ROVE_OK) {
        size_t width = to->row.cell_count;
        memcpy(to->row.cells, narrow.cells, narrow.cell_count * sizeof *narrow.cells);
        narrow.cells = to->row.cells;
        to->row = narrow;
        to->row.cell_count = width;
    }
    return status == ROVE_OK ? clock_copy(&to->clock, &from->clock, arena) : status;
}

static rove_status row_get(rove__hq_tx *tx, uint32_t entity, rove_id id, int lock,
                           rove__arena *arena, rove__hq_row *out) {
    size_t position = row_position(tx, entity, id);

    (void)lock;
    MAY_FAIL(tx);
    if (position == TABLE(tx, ROWS)->count) {
        return ROVE_NOT_FOUND;
    }
    const rove__hq_row *row = row_at(tx, position);
    if (row->row.entity_number != entity || row->row.id != id) {
        return ROVE_NOT_FOUND;
    }
    return row_copy(out, row, arena);
}

/* 1 if another live row of the entity has its external_id. */
static int external_id_taken(rove__hq_tx *tx, const rove__hq_row *row) {
    int ordinal = rove__entity_field_named(row->row.entity, "external_id");

    if (ordinal < 0 || (row->row.entity->fields[ordinal].flags & ROVE_FIELD_CUSTOM) != 0 ||
        row->dead != 0 || row->row.cells[ordinal].type == ROVE_NULL) {
        return 0;
    }
    for (size_t i = row_position(tx, row->row.entity_number, 0); i < TABLE(tx, ROWS)->count; i++) {
        const rove__hq_row *other = row_at(tx, i);
        if (other->row.entity_number == row->row.entity_number && other->dead == 0 &&
            other->row.id != row->row.id &&
            rove__value_equal(&other->row.cells[ordinal], &row->row.cells[ordinal])) {
            return 1;
        }
    }
    return 0;
}

static int find_origin(rove__hq_tx *tx, rove__origin origin, uint32_t *entity, rove_id *id);

/* 1 if the row's origin is another record's. */
static int origin_taken(rove__hq_tx *tx, const rove__hq_row *row) {
    uint32_t entity = 0;
    rove_id id = 0;

    return row->clock.origin.stamp != 0 && find_origin(tx, row->clock.origin, &entity, &id) &&
           (entity != row->row.entity_number || id != row->row.id);
}

static rove_status row_put(rove__hq_tx *tx, const rove__hq_row *row) {
    size_t position = row_position(tx, row->row.entity_number, row->row.id);
    rove__hq_row **slot = NULL;

    MAY_FAIL(tx);
    if (position < TABLE(tx, ROWS)->count) {
        const rove__hq_row *there = row_at(tx, position);
        if (there->row.entity_number == row->row.entity_number && there->row.id == row->row.id) {
            slot = at(TABLE(tx, ROWS), position);
        }
    }
    if (external_id_taken(tx, row) || (slot == NULL && origin_taken(tx, row))) {
        return ROVE_EXISTS;
    }
    size_t purged = find_purged(tx, row->row.entity_number, row->row.id);
    if (purged < TABLE(tx, PURGED)->count) {
        remove_at(TABLE(tx, PURGED), purged);
    }
    if (slot == NULL) {
        slot = insert_at(TABLE(tx, ROWS), position);
    }
    *slot = must(rove__arena_take(&tx->hq->arena, sizeof **slot));
    return row_copy(*slot, row, &tx->hq->arena);
}

static int find_origin(rove__hq_tx *tx, rove__origin origin, uint32_t *entity, rove_id *id) {
    for (size_t i = 0; i < TABLE(tx, ROWS)->count; i++) {
        const rove__hq_row *row = row_at(tx, i);
        if (rove__version_compare(row->clock.origin, origin) == 0) {
            *entity = row->row.entity_number;
            *id = row->row.id;
            return 1;
        }
    }
    for (size_t i = 0; i < TABLE(tx, PURGED)->count; i++) {
        const purged_item *item = at(TABLE(tx, PURGED), i);
        if (rove__version_compare(item->origin, origin) == 0) {
            *entity = item->entity;
            *id = item->id;
            return 1;
        }
    }
    return 0;
}

static rove_status row_by_origin(rove__hq_tx *tx, rove__origin origin, uint32_t *entity,
                                 rove_id *id) {
    MAY_FAIL(tx);
    return find_origin(tx, origin, entity, id) ? ROVE_OK : ROVE_NOT_FOUND;
}

static rove_status row_scan(rove__hq_tx *tx, rove__scope scope, uint32_t after_entity,
                            rove_id after_id, rove__arena *arena,
                            rove_status (*each)(void *, const rove__hq_row *), void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = row_position(tx, after_entity, after_id); i < TABLE(tx, ROWS)->count; i++) {
        const rove__hq_row *row = row_at(tx, i);
        rove__hq_row lent;
        if (row->dead != 0 || row->scope.root != scope.root ||
            (scope.part >= 0 && row->scope.part != scope.part) ||
            (row->row.entity_number == after_entity && row->row.id == after_id)) {
            continue;
        }
        rove__arena_reset(arena);
        rove_status status = row_copy(&lent, row, arena);
        if (status != ROVE_OK) {
            return status;
        }
        GIVE(each(each_ctx, &lent));
    }
    return ROVE_OK;
}

static rove_status row_ids(rove__hq_tx *tx, rove__scope scope,
                           rove_status (*each)(void *, uint32_t entity, rove_id id),
                           void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, ROWS)->count; i++) {
        const rove__hq_row *row = row_at(tx, i);
        if (row->dead == 0 && row->scope.root == scope.root &&
            (scope.part < 0 || row->scope.part == scope.part)) {
            GIVE(each(each_ctx, row->row.entity_number, row->row.id));
        }
    }
    return ROVE_OK;
}

static int refers(const rove_value *cell, rove_id target) {
    rove__set_cursor cursor;
    rove__element element;
    int found = cell->type == ROVE_INT && cell->as.integer == target;

    if (cell->type == ROVE_BLOB) {
        rove__set_open(&cursor, cell, ROVE_SET_VERSIONED);
        while (!found && rove__set_next(&cursor, &element)) {
            found = element.value.type == ROVE_INT && element.value.as.integer == target;
        }
    }
    return found;
}

static rove_status row_referring(rove__hq_tx *tx, uint32_t entity, size_t ordinal, rove_id target,
                                 rove_status (*each)(void *, rove_id id), void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = row_position(tx, entity, 0); i < TABLE(tx, ROWS)->count; i++) {
        const rove__hq_row *row = row_at(tx, i);
        if (row->row.entity_number != entity) {
            break;
        }
        if (row->dead == 0 && refers(&row->row.cells[ordinal], target)) {
            GIVE(each(each_ctx, row->row.id));
        }
    }
    return ROVE_OK;
}

/* ---- feed and marks -------------------------------------------------------------------------------------- */

static int feed_order(const void *a, const void *b) {
    const feed_item *x = a;
    const feed_item *y = b;

    BEFORE(x->seq, y->seq)
    BEFORE(x->ordinal, y->ordinal)
    return 0;
}

static rove_status feed_put(rove__hq_tx *tx, uint64_t seq, uint32_t ordinal, uint32_t entity,
                            rove_id id) {
    MAY_FAIL(tx);
    feed_item item = {seq, ordinal, entity, id};
    (void)put_item(TABLE(tx, FEED), &item, feed_order);
    return ROVE_OK;
}

static rove_status feed_scan(rove__hq_tx *tx, uint64_t after_seq, uint32_t after_ordinal,
                             uint64_t last_seq,
                             rove_status (*each)(void *, uint64_t, uint32_t, uint32_t, rove_id),
                             void *each_ctx) {
    const table *t = TABLE(tx, FEED);
    size_t low = 0;
    size_t high = t->count;

    MAY_FAIL(tx);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const feed_item *item = at(t, middle);
        if (item->seq < after_seq || (item->seq == after_seq && item->ordinal <= after_ordinal)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < t->count; low++) {
        const feed_item *item = at(t, low);
        if (item->seq > last_seq) {
            break;
        }
        GIVE(each(each_ctx, item->seq, item->ordinal, item->entity, item->id));
    }
    return ROVE_OK;
}

static int mark_order(const void *a, const void *b) {
    const rove__hq_mark *x = a;
    const rove__hq_mark *y = b;

    BEFORE(x->seq, y->seq)
    BEFORE(x->entity, y->entity)
    BEFORE(x->id, y->id)
    BEFORE(x->scope.root, y->scope.root)
    BEFORE(x->scope.part, y->scope.part)
    return 0;
}

static rove_status mark_put(rove__hq_tx *tx, const rove__hq_mark *mark) {
    MAY_FAIL(tx);
    (void)put_item(TABLE(tx, MARKS), mark, mark_order);
    return ROVE_OK;
}

static rove_status mark_scan(rove__hq_tx *tx, uint64_t after_seq, uint64_t last_seq,
                             rove_status (*each)(void *, const rove__hq_mark *), void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, MARKS)->count; i++) {
        const rove__hq_mark *mark = at(TABLE(tx, MARKS), i);
        if (mark->seq > after_seq && mark->seq <= last_seq) {
            GIVE(each(each_ctx, mark));
        }
    }
    return ROVE_OK;
}

static rove_status mark_of_row(rove__hq_tx *tx, uint32_t entity, rove_id id,
                               rove_status (*each)(void *, const rove__hq_mark *), void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, MARKS)->count; i++) {
        const rove__hq_mark *mark = at(TABLE(tx, MARKS), i);
        if (mark->entity == entity && mark->id == id) {
            GIVE(each(each_ctx, mark));
        }
    }
    return ROVE_OK;
}

/* ---- grants ---------------------------------------------------------------------------------------------- */

static int grant_order(const void *a, const void *b) {
    const rove__hq_grant *x = a;
    const rove__hq_grant *y = b;

    BEFORE(x->user, y->user)
    BEFORE(x->root, y->root)
    BEFORE(x->from, y->from)
    return 0;
}

static rove_status grant_put(rove__hq_tx *tx, const rove__hq_grant *grant) {
    MAY_FAIL(tx);
    (void)put_item(TABLE(tx, GRANTS), grant, grant_order);
    return ROVE_OK;
}

static rove_status grant_scan(rove__hq_tx *tx, rove_id user, rove_id root,
                              rove_status (*each)(void *, const rove__hq_grant *), void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, GRANTS)->count; i++) {
        const rove__hq_grant *item = at(TABLE(tx, GRANTS), i);
        if ((user == 0 || item->user == user) && (root == 0 || item->root == root)) {
            GIVE(each(each_ctx, item));
        }
    }
    return ROVE_OK;
}

static int entailment_order(const void *a, const void *b) {
    const rove__hq_entailment *x = a;
    const rove__hq_entailment *y = b;

    BEFORE(x->holder, y->holder)
    BEFORE(x->entailed, y->entailed)
    BEFORE(x->via, y->via)
    BEFORE(x->from, y->from)
    return 0;
}

static rove_status entailment_put(rove__hq_tx *tx, const rove__hq_entailment *e) {
    MAY_FAIL(tx);
    (void)put_item(TABLE(tx, ENTAILMENTS), e, entailment_order);
    return ROVE_OK;
}

static rove_status entailment_scan(rove__hq_tx *tx, rove_id holder, rove_id entailed,
                                   rove_status (*each)(void *, const rove__hq_entailment *),
                                   void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, ENTAILMENTS)->count; i++) {
        const rove__hq_entailment *item = at(TABLE(tx, ENTAILMENTS), i);
        if ((holder == 0 || item->holder == holder) &&
            (entailed == 0 || item->entailed == entailed)) {
            GIVE(each(each_ctx, item));
        }
    }
    return ROVE_OK;
}

/* ---- history, review, parked ------------------------------------------------------------------------------ */

/* No two are equal: a second one of a seq comes after the first. */
static int history_order(const void *a, const void *b) {
    return ((const rove__hq_history *)a)->seq <= ((const rove__hq_history *)b)->seq ? -1 : 1;
}

static rove_status history_put(rove__hq_tx *tx, const rove__hq_history *history) {
    MAY_FAIL(tx);
    rove__hq_history *item = put_item(TABLE(tx, HISTORY), history, history_order);
    item->change = keep(tx, history->change);
    return ROVE_OK;
}

static rove_status history_scan(rove__hq_tx *tx, uint32_t entity, rove_id id, uint64_t seq,
                                rove__arena *arena,
                                rove_status (*each)(void *, const rove__hq_history *),
                                void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, HISTORY)->count; i++) {
        rove__hq_history item = *(rove__hq_history *)at(TABLE(tx, HISTORY), i);
        if (item.entity == entity && item.id == id && (seq == 0 || item.seq == seq)) {
            rove__arena_reset(arena);
            rove_status status = lend(arena, &item.change);
            if (status != ROVE_OK) {
                return status;
            }
            GIVE(each(each_ctx, &item));
        }
    }
    return ROVE_OK;
}

static int review_order(const void *a, const void *b) {
    BEFORE(((const rove__hq_review *)a)->number, ((const rove__hq_review *)b)->number)
    return 0;
}

static rove_status review_put(rove__hq_tx *tx, rove__hq_review *review) {
    MAY_FAIL(tx);
    if (review->number == 0) {
        review->number = ++tx->data->numbers;
    }
    rove__hq_review *item = put_item(TABLE(tx, REVIEWS), review, review_order);
    item->reason = keep_text(tx, review->reason);
    item->change = keep(tx, review->change);
    return ROVE_OK;
}

static rove_status review_scan(rove__hq_tx *tx, int state, rove__arena *arena,
                               rove_status (*each)(void *, const rove__hq_review *),
                               void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, REVIEWS)->count; i++) {
        rove__hq_review item = *(rove__hq_review *)at(TABLE(tx, REVIEWS), i);
        if (item.state == state) {
            rove__arena_reset(arena);
            rove_status status = lend(arena, &item.change);
            if (status != ROVE_OK) {
                return status;
            }
            GIVE(each(each_ctx, &item));
        }
    }
    return ROVE_OK;
}

static rove_status parked_put(rove__hq_tx *tx, rove__hq_parked *parked) {
    MAY_FAIL(tx);
    parked->number = ++tx->data->numbers;
    rove__hq_parked *item = append(TABLE(tx, PARKED));
    *item = *parked;
    item->change = keep(tx, parked->change);
    return ROVE_OK;
}

static rove_status parked_scan(rove__hq_tx *tx, rove__origin origin, rove__arena *arena,
                               rove_status (*each)(void *, const rove__hq_parked *),
                               void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, PARKED)->count; i++) {
        rove__hq_parked item = *(rove__hq_parked *)at(TABLE(tx, PARKED), i);
        if (rove__version_compare(item.origin, origin) == 0) {
            rove__arena_reset(arena);
            rove_status status = lend(arena, &item.change);
            if (status != ROVE_OK) {
                return status;
            }
            GIVE(each(each_ctx, &item));
        }
    }
    return ROVE_OK;
}

static rove_status parked_drop(rove__hq_tx *tx, rove__origin origin) {
    table *t = TABLE(tx, PARKED);
    size_t left = 0;

    MAY_FAIL(tx);
    for (size_t i = 0; i < t->count; i++) {
        rove__hq_parked item = *(rove__hq_parked *)at(t, i);
        if (rove__version_compare(item.origin, origin) != 0) {
            *(rove__hq_parked *)at(t, left++) = item;
        }
    }
    t->count = left;
    return ROVE_OK;
}

static rove_status parked_origins(rove__hq_tx *tx, int64_t after,
                                  rove_status (*each)(void *, int64_t, rove__origin),
                                  void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, PARKED)->count; i++) {
        const rove__hq_parked *item = at(TABLE(tx, PARKED), i);
        if (item->number > after) {
            GIVE(each(each_ctx, item->number, item->origin));
        }
    }
    return ROVE_OK;
}

/* ---- digests --------------------------------------------------------------------------------------------- */

static int sum_order(const void *a, const void *b) {
    const sum_item *x = a;
    const sum_item *y = b;

    BEFORE(x->scope.root, y->scope.root)
    BEFORE(x->scope.part, y->scope.part)
    return 0;
}

static sum_item *find_sum(rove__hq_tx *tx, rove__scope scope) {
    const sum_item key = {.scope = scope};

    return find_item(TABLE(tx, SUMS), &key, sum_order);
}

static rove_status sum_get(rove__hq_tx *tx, rove__scope scope, rove__hash128 *sum, int64_t *rows) {
    const sum_item *item = find_sum(tx, scope);

    MAY_FAIL(tx);
    *sum = item == NULL ? (rove__hash128){0, 0} : item->sum;
    *rows = item == NULL ? 0 : item->rows;
    return ROVE_OK;
}

static rove_status sum_put(rove__hq_tx *tx, rove__scope scope, rove__hash128 sum, int64_t rows) {
    sum_item item = {scope, sum, rows};

    MAY_FAIL(tx);
    (void)put_item(TABLE(tx, SUMS), &item, sum_order);
    return ROVE_OK;
}

static rove_status sum_scan(rove__hq_tx *tx, rove_id root,
                            rove_status (*each)(void *, rove__scope, rove__hash128, int64_t),
                            void *each_ctx) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, SUMS)->count; i++) {
        const sum_item *item = at(TABLE(tx, SUMS), i);
        if (item->scope.root == root && item->rows != 0) {
            GIVE(each(each_ctx, item->scope, item->sum, item->rows));
        }
    }
    return ROVE_OK;
}

/* ---- life ------------------------------------------------------------------------------------------------ */

static const rove__hq_store functions = {
    .begin = hq_begin,
    .commit = hq_commit,
    .rollback = hq_rollback,
    .savepoint = hq_savepoint,
    .release = hq_release,
    .head_get = head_get,
    .head_put = head_put,
    .timeline_put = timeline_put,
    .timeline_get = timeline_get,
    .commit_put = commit_put,
    .commit_stamp = commit_stamp,
    .device_get = device_get,
    .device_put = device_put,
    .device_scan = device_scan,
    .batch_get = batch_get,
    .batch_put = batch_put,
    .batch_confirm = batch_confirm,
    .stray_get = stray_get,
    .stray_put = stray_put,
    .row_get = row_get,
    .row_put = row_put,
    .row_by_origin = row_by_origin,
    .row_scan = row_scan,
    .row_ids = row_ids,
    .row_referring = row_referring,
    .feed_put = feed_put,
    .feed_scan = feed_scan,
    .mark_put = mark_put,
    .mark_scan = mark_scan,
    .mark_of_row = mark_of_row,
    .grant_put = grant_put,
    .grant_scan = grant_scan,
    .entailment_put = entailment_put,
    .entailment_scan = entailment_scan,
    .history_put = history_put,
    .history_scan = history_scan,
    .review_put = review_put,
    .review_scan = review_scan,
    .review_load = memory_review_load,
    .parked_put = parked_put,
    .parked_scan = parked_scan,
    .parked_drop = parked_drop,
    .parked_origins = parked_origins,
    .parked_load = memory_parked_load,
    .sum_get = sum_get,
    .sum_put = sum_put,
    .sum_scan = sum_scan,
    .purge = memory_purge,
    .row_purged = memory_row_purged,
    .renamed_put = memory_renamed_put,
    .renamed_scan = memory_renamed_scan,
    .renamed_of = memory_renamed_of,
};

memory_headquarters *memory_headquarters_new(const rove_allocator *allocator) {
    memory_headquarters *hq = must(calloc(1, sizeof *hq));

    hq->store = functions;
    hq->store.ctx = hq;
    rove__arena_init(&hq->arena, allocator, (size_t)4 << 30);
    hq->now = tables_new();
    hq->now->head = (rove__hq_head){.timeline = 1, .replica = ROVE_REPLICA_HEADQUARTERS};
    for (size_t i = 0; i < sizeof hq->now->head.digest_key; i++) {
        hq->now->head.digest_key[i] = (uint8_t)(7 * i + 1);
    }
    *(rove__hq_timeline *)append(&hq->now->table[TIMELINES]) = (rove__hq_timeline){1, 0, 0};
    return hq;
}

void memory_headquarters_free(memory_headquarters *hq) {
    for (size_t i = 0; i < hq->backup_count; i++) {
        tables_release(hq->backups[i]);
    }
    tables_release(hq->now);
    rove__arena_free(&hq->arena);
    free(hq);
}

const rove__hq_store *memory_headquarters_store(memory_headquarters *hq) {
    return &hq->store;
}

size_t memory_headquarters_backup(memory_headquarters *hq) {
    if (hq->backup_count == BACKUPS_MAX) {
        abort();
    }
    hq->backups[hq->backup_count] = tables_copy(hq->now);
    return hq->backup_count++;
}

void memory_headquarters_restore(memory_headquarters *hq, size_t backup, uint64_t timeline,
                                 rove_replica replica) {
    tables *data = tables_copy(hq->backups[backup]);

    *(rove__hq_timeline *)append(&data->table[TIMELINES]) =
        (rove__hq_timeline){timeline, data->head.timeline, data->head.seq};
    data->head.timeline = timeline;
    data->head.replica = replica;
    data->head.counter = 0;
    tables_release(hq->now);
    hq->now = data;
}

size_t memory_headquarters_rows(const memory_headquarters *hq, uint32_t entity) {
    size_t count = 0;

    for (size_t i = 0; i < hq->now->table[ROWS].count; i++) {
        const rove__hq_row *row = *(rove__hq_row **)at(&hq->now->table[ROWS], i);
        count += row->row.entity_number == entity && row->dead == 0;
    }
    return count;
}

size_t memory_headquarters_reviews(const memory_headquarters *hq) {
    return hq->now->table[REVIEWS].count;
}

size_t memory_headquarters_parked(const memory_headquarters *hq) {
    return hq->now->table[PARKED].count;
}

size_t memory_headquarters_history(const memory_headquarters *hq) {
    return hq->now->table[HISTORY].count;
}

uint64_t memory_headquarters_head(const memory_headquarters *hq) {
    return hq->now->head.seq;
}
