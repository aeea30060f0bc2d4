/*
 * support/memory_headquarters.c - see memory_headquarters.h.
 */
#include "memory_headquarters.h"

#include <stdlib.h>
#include <string.h>

/* ---- tables --------------------------------------------------------------------------------------------- */

typedef struct table {
    void *items;
    size_t count;
    size_t capacity;
    size_t size; /* of one item */
} table;

enum {
    TIMELINES,
    COMMITS,
    DEVICES,
    BATCHES,
    ROWS, /* ascending by (entity, id) */
    FEED,
    MARKS,
    GRANTS,
    ENTAILMENTS,
    HISTORY,
    REVIEWS,
    PARKED,
    SUMS,
    TABLES
};

typedef struct feed_item {
    uint64_t seq;
    uint32_t ordinal;
    uint32_t entity;
    rove_id id;
} feed_item;

typedef struct sum_item {
    rove__scope scope;
    rove__hash128 sum;
    int64_t rows;
} sum_item;

typedef struct tables {
    size_t references;
    rove__hq_head head;
    int64_t numbers; /* of reviews and parked work */
    table table[TABLES];
} tables;

#define BACKUPS_MAX 64

struct memory_headquarters {
    rove__hq_store store;
    rove__arena arena; /* all that was ever stored */
    tables *now;
    tables *backups[BACKUPS_MAX];
    size_t backup_count;
    size_t fail_call;
    rove_status fail_status;
};

struct rove__hq_tx {
    memory_headquarters *hq;
    tables *data;
    tables *saved; /* of a savepoint */
    int writes;
};

static void *must(void *pointer) {
    if (pointer == NULL) {
        abort();
    }
    return pointer;
}

static const size_t sizes[TABLES] = {[TIMELINES] = sizeof(rove__hq_timeline),
                                     [COMMITS] = sizeof(rove__hq_commit),
                                     [DEVICES] = sizeof(rove__hq_device),
                                     [BATCHES] = sizeof(rove__hq_batch),
                                     [ROWS] = sizeof(rove__hq_row *),
                                     [FEED] = sizeof(feed_item),
                                     [MARKS] = sizeof(rove__hq_mark),
                                     [GRANTS] = sizeof(rove__hq_grant),
                                     [ENTAILMENTS] = sizeof(rove__hq_entailment),
                                     [HISTORY] = sizeof(rove__hq_history),
                                     [REVIEWS] = sizeof(rove__hq_review),
                                     [PARKED] = sizeof(rove__hq_parked),
                                     [SUMS] = sizeof(sum_item)};

static tables *tables_new(void) {
    tables *data = must(calloc(1, sizeof *data));

    data->references = 1;
    for (size_t i = 0; i < TABLES; i++) {
        data->table[i].size = sizes[i];
    }
    return data;
}

static tables *tables_copy(const tables *from) {
    tables *data = must(calloc(1, sizeof *data));

    *data = *from;
    data->references = 1;
    for (size_t i = 0; i < TABLES; i++) {
        table *t = &data->table[i];
        t->capacity = t->count;
        t->items = NULL;
        if (t->count > 0) {
            t->items = must(malloc(t->count * t->size));
            memcpy(t->items, from->table[i].items, t->count * t->size);
        }
    }
    return data;
}

static void tables_release(tables *data) {
    if (data == NULL || --data->references > 0) {
        return;
    }
    for (size_t i = 0; i < TABLES; i++) {
        free(data->table[i].items);
    }
    free(data);
}

static void *at(const table *t, size_t i) {
    return (uint8_t *)t->items + i * t->size;
}

static void *insert_at(table *t, size_t i) {
    if (t->count == t->capacity) {
        t->capacity = t->capacity == 0 ? 16 : t->capacity * 2;
        t->items = must(realloc(t->items, t->capacity * t->size));
    }
    memmove((uint8_t *)t->items + (i + 1) * t->size, (uint8_t *)t->items + i * t->size,
            (t->count - i) * t->size);
    t->count++;
    return at(t, i);
}

static void *append(table *t) {
    return insert_at(t, t->count);
}

static rove__bytes keep(rove__hq_tx *tx, rove__bytes bytes) {
    rove__bytes kept = {NULL, bytes.size};

    if (bytes.size > 0) {
        kept.data = must(rove__arena_copy(&tx->hq->arena, bytes.data, bytes.size));
    }
    return kept;
}

static rove_status lend(rove__arena *arena, rove__bytes *bytes) {
    if (bytes->size > 0) {
        bytes->data = rove__arena_copy(arena, bytes->data, bytes->size);
    }
    return bytes->size > 0 && bytes->data == NULL ? ROVE_NOMEM : ROVE_OK;
}

static const char *keep_text(rove__hq_tx *tx, const char *text) {
    return must(rove__arena_copy(&tx->hq->arena, text, strlen(text) + 1));
}

/* Every function that writes begins with it. */
static rove_status fault(memory_headquarters *hq) {
    if (hq->fail_call == 0 || --hq->fail_call > 0) {
        return ROVE_OK;
    }
    return hq->fail_status;
}

#define MAY_FAIL(tx)                                                                               \
    do {                                                                                           \
        rove_status failed = fault((tx)->hq);                                                      \
        if (failed != ROVE_OK) {                                                                   \
            return failed;                                                                         \
        }                                                                                          \
    } while (0)

#define TABLE(tx, which) (&(tx)->data->table[which])
/* Calls each(item) until it says otherwise; ROVE_DONE ends the scan well. */
#define GIVE(call)                                                                                 \
    do {                                                                                           \
        rove_status given = (call);                                                                \
        if (given != ROVE_OK) {                                                                    \
            return given == ROVE_DONE ? ROVE_OK : given;                                           \
        }                                                                                          \
    } while (0)

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
    tx->saved = tables_copy(tx->data);
    return ROVE_OK;
}

static rove_status hq_release(rove__hq_tx *tx, int keep_it, rove_error *error) {
    (void)error;
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

static rove__hq_device *find_device(rove__hq_tx *tx, rove_replica replica) {
    for (size_t i = 0; i < TABLE(tx, DEVICES)->count; i++) {
        rove__hq_device *item = at(TABLE(tx, DEVICES), i);
        if (item->replica == replica) {
            return item;
        }
    }
    return NULL;
}

static rove_status device_get(rove__hq_tx *tx, rove_replica replica, int lock,
                              rove__hq_device *out) {
    const rove__hq_device *item = find_device(tx, replica);

    (void)lock;
    if (item == NULL) {
        return ROVE_NOT_FOUND;
    }
    *out = *item;
    return ROVE_OK;
}

static rove_status device_put(rove__hq_tx *tx, const rove__hq_device *device) {
    rove__hq_device *item = find_device(tx, device->replica);

    MAY_FAIL(tx);
    if (item == NULL) {
        item = append(TABLE(tx, DEVICES));
    }
    *item = *device;
    return ROVE_OK;
}

static rove_status device_scan(rove__hq_tx *tx, rove_id user,
                               rove_status (*each)(void *, const rove__hq_device *),
                               void *each_ctx) {
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
    for (size_t i = 0; i < TABLE(tx, BATCHES)->count; i++) {
        const rove__hq_batch *item = at(TABLE(tx, BATCHES), i);
        if (item->replica == replica && item->number == number) {
            *out = *item;
            rove_status status = lend(arena, &out->answer);
            return status == ROVE_OK ? lend(arena, &out->rows) : status;
        }
    }
    return ROVE_NOT_FOUND;
}

static rove_status batch_put(rove__hq_tx *tx, const rove__hq_batch *batch) {
    MAY_FAIL(tx);
    rove__hq_batch *item = append(TABLE(tx, BATCHES));
    *item = *batch;
    item->answer = keep(tx, batch->answer);
    item->rows = keep(tx, batch->rows);
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

static rove_status row_copy(rove__hq_row *to, const rove__hq_row *from, rove__arena *arena) {
    *to = *from;
    rove_status status = rove__row_copy(&to->row, &from->row, arena);
    return status == ROVE_OK ? rove__clock_copy(&to->clock, &from->clock, arena) : status;
}

static rove_status row_get(rove__hq_tx *tx, uint32_t entity, rove_id id, int lock,
                           rove__arena *arena, rove__hq_row *out) {
    size_t position = row_position(tx, entity, id);

    (void)lock;
    if (position == TABLE(tx, ROWS)->count) {
        return ROVE_NOT_FOUND;
    }
    const rove__hq_row *row = row_at(tx, position);
    if (row->row.entity_number != entity || row->row.id != id) {
        return ROVE_NOT_FOUND;
    }
    return row_copy(out, row, arena);
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
    if (slot == NULL) {
        slot = insert_at(TABLE(tx, ROWS), position);
    }
    *slot = must(rove__arena_take(&tx->hq->arena, sizeof **slot));
    return row_copy(*slot, row, &tx->hq->arena);
}

static rove_status row_by_origin(rove__hq_tx *tx, rove__origin origin, uint32_t *entity,
                                 rove_id *id) {
    for (size_t i = 0; i < TABLE(tx, ROWS)->count; i++) {
        const rove__hq_row *row = row_at(tx, i);
        if (rove__version_compare(row->clock.origin, origin) == 0) {
            *entity = row->row.entity_number;
            *id = row->row.id;
            return ROVE_OK;
        }
    }
    return ROVE_NOT_FOUND;
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

static rove_status row_referring(rove__hq_tx *tx, uint32_t entity, size_t ordinal, rove_id target,
                                 rove_status (*each)(void *, rove_id id), void *each_ctx) {
    for (size_t i = row_position(tx, entity, 0); i < TABLE(tx, ROWS)->count; i++) {
        const rove__hq_row *row = row_at(tx, i);
        if (row->row.entity_number != entity) {
            break;
        }
        if (row->dead == 0 && row->row.cells[ordinal].type == ROVE_INT &&
            row->row.cells[ordinal].as.integer == target) {
            GIVE(each(each_ctx, row->row.id));
        }
    }
    return ROVE_OK;
}

/* ---- feed and marks -------------------------------------------------------------------------------------- */

static rove_status feed_put(rove__hq_tx *tx, uint64_t seq, uint32_t ordinal, uint32_t entity,
                            rove_id id) {
    MAY_FAIL(tx);
    *(feed_item *)append(TABLE(tx, FEED)) = (feed_item){seq, ordinal, entity, id};
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

static rove_status mark_put(rove__hq_tx *tx, const rove__hq_mark *mark) {
    MAY_FAIL(tx);
    *(rove__hq_mark *)append(TABLE(tx, MARKS)) = *mark;
    return ROVE_OK;
}

static rove_status mark_scan(rove__hq_tx *tx, uint64_t after_seq, uint64_t last_seq,
                             rove_status (*each)(void *, const rove__hq_mark *), void *each_ctx) {
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
    for (size_t i = 0; i < TABLE(tx, MARKS)->count; i++) {
        const rove__hq_mark *mark = at(TABLE(tx, MARKS), i);
        if (mark->entity == entity && mark->id == id) {
            GIVE(each(each_ctx, mark));
        }
    }
    return ROVE_OK;
}

/* ---- grants ---------------------------------------------------------------------------------------------- */

static rove_status grant_put(rove__hq_tx *tx, const rove__hq_grant *grant) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, GRANTS)->count; i++) {
        rove__hq_grant *item = at(TABLE(tx, GRANTS), i);
        if (item->user == grant->user && item->root == grant->root && item->from == grant->from) {
            *item = *grant;
            return ROVE_OK;
        }
    }
    *(rove__hq_grant *)append(TABLE(tx, GRANTS)) = *grant;
    return ROVE_OK;
}

static rove_status grant_scan(rove__hq_tx *tx, rove_id user, rove_id root,
                              rove_status (*each)(void *, const rove__hq_grant *), void *each_ctx) {
    for (size_t i = 0; i < TABLE(tx, GRANTS)->count; i++) {
        const rove__hq_grant *item = at(TABLE(tx, GRANTS), i);
        if ((user == 0 || item->user == user) && (root == 0 || item->root == root)) {
            GIVE(each(each_ctx, item));
        }
    }
    return ROVE_OK;
}

static rove_status entailment_put(rove__hq_tx *tx, const rove__hq_entailment *e) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, ENTAILMENTS)->count; i++) {
        rove__hq_entailment *item = at(TABLE(tx, ENTAILMENTS), i);
        if (item->via == e->via && item->holder == e->holder && item->entailed == e->entailed &&
            item->from == e->from) {
            *item = *e;
            return ROVE_OK;
        }
    }
    *(rove__hq_entailment *)append(TABLE(tx, ENTAILMENTS)) = *e;
    return ROVE_OK;
}

static rove_status entailment_scan(rove__hq_tx *tx, rove_id holder, rove_id entailed,
                                   rove_status (*each)(void *, const rove__hq_entailment *),
                                   void *each_ctx) {
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

static rove_status history_put(rove__hq_tx *tx, const rove__hq_history *history) {
    MAY_FAIL(tx);
    rove__hq_history *item = append(TABLE(tx, HISTORY));
    *item = *history;
    item->change = keep(tx, history->change);
    return ROVE_OK;
}

static rove_status history_scan(rove__hq_tx *tx, uint32_t entity, rove_id id, rove__arena *arena,
                                rove_status (*each)(void *, const rove__hq_history *),
                                void *each_ctx) {
    for (size_t i = 0; i < TABLE(tx, HISTORY)->count; i++) {
        rove__hq_history item = *(rove__hq_history *)at(TABLE(tx, HISTORY), i);
        if (item.entity == entity && item.id == id) {
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

static rove_status review_put(rove__hq_tx *tx, rove__hq_review *review) {
    MAY_FAIL(tx);
    for (size_t i = 0; i < TABLE(tx, REVIEWS)->count && review->number != 0; i++) {
        rove__hq_review *item = at(TABLE(tx, REVIEWS), i);
        if (item->number == review->number) {
            item->state = review->state;
            return ROVE_OK;
        }
    }
    review->number = ++tx->data->numbers;
    rove__hq_review *item = append(TABLE(tx, REVIEWS));
    *item = *review;
    item->reason = keep_text(tx, review->reason);
    item->change = keep(tx, review->change);
    return ROVE_OK;
}

static rove_status review_scan(rove__hq_tx *tx, int state, rove__arena *arena,
                               rove_status (*each)(void *, const rove__hq_review *),
                               void *each_ctx) {
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
    for (size_t i = 0; i < TABLE(tx, PARKED)->count; i++) {
        rove__hq_parked item = *(rove__hq_parked *)at(TABLE(tx, PARKED), i);
        if (origin.replica == 0 || rove__version_compare(item.origin, origin) == 0) {
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

/* ---- digests --------------------------------------------------------------------------------------------- */

static sum_item *find_sum(rove__hq_tx *tx, rove__scope scope) {
    for (size_t i = 0; i < TABLE(tx, SUMS)->count; i++) {
        sum_item *item = at(TABLE(tx, SUMS), i);
        if (item->scope.root == scope.root && item->scope.part == scope.part) {
            return item;
        }
    }
    return NULL;
}

static rove_status sum_get(rove__hq_tx *tx, rove__scope scope, rove__hash128 *sum, int64_t *rows) {
    const sum_item *item = find_sum(tx, scope);

    *sum = item == NULL ? (rove__hash128){0, 0} : item->sum;
    *rows = item == NULL ? 0 : item->rows;
    return ROVE_OK;
}

static rove_status sum_put(rove__hq_tx *tx, rove__scope scope, rove__hash128 sum, int64_t rows) {
    sum_item *item = find_sum(tx, scope);

    MAY_FAIL(tx);
    if (item == NULL) {
        item = append(TABLE(tx, SUMS));
    }
    *item = (sum_item){scope, sum, rows};
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
    .row_get = row_get,
    .row_put = row_put,
    .row_by_origin = row_by_origin,
    .row_scan = row_scan,
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
    .parked_put = parked_put,
    .parked_scan = parked_scan,
    .parked_drop = parked_drop,
    .sum_get = sum_get,
    .sum_put = sum_put,
    .sum_scan = sum_scan,
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

void memory_headquarters_fail(memory_headquarters *hq, size_t call, rove_status status) {
    hq->fail_call = call;
    hq->fail_status = status;
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
