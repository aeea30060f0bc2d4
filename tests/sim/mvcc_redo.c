/*
 * sim/mvcc_redo.c - see mvcc_redo.h: tables are compared item by item. What was stored is never changed in place, so an item
 * that is the same in every byte was left alone.
 */
#include "mvcc_redo.h"

#include "base/planted.h"
#include "memory_tables.h"

#define KEY_PARTS 5

/* What tells an item from others of its table; tables that have an order are ordered by it. */
static void key_of(int which, const void *item, uint64_t key[KEY_PARTS]) {
    const rove__hq_row *row = which == ROWS ? *(rove__hq_row *const *)item : NULL;
    const rove__hq_batch *batch = item;
    const stray_item *stray = item;
    const feed_item *feed = item;
    const rove__hq_mark *mark = item;
    const rove__hq_grant *grant = item;
    const rove__hq_entailment *edge = item;
    const rove__hq_history *history = item;
    const sum_item *sum = item;
    const purged_item *purged = item;
    const rove__rename *renamed = item;

    memset(key, 0, KEY_PARTS * sizeof *key);
#define KEY(...)                                                                                   \
    do {                                                                                           \
        const uint64_t parts[] = {__VA_ARGS__};                                                    \
        memcpy(key, parts, sizeof parts);                                                          \
        return;                                                                                    \
    } while (0)
    switch (which) {
    case TIMELINES:
        KEY(((const rove__hq_timeline *)item)->timeline);
    case COMMITS:
        KEY(((const rove__hq_commit *)item)->seq);
    case DEVICES:
        KEY(((const rove__hq_device *)item)->replica);
    case BATCHES:
        KEY(batch->replica, batch->number);
    case STRAYS:
        key[0] = stray->replica;
        memcpy(key + 1, &stray->hash, (KEY_PARTS - 1) * sizeof *key);
        return;
    case ROWS:
        KEY(row->row.entity_number, (uint64_t)row->row.id);
    case FEED:
        KEY(feed->seq, feed->ordinal);
    case MARKS:
        KEY(mark->seq, mark->entity, (uint64_t)mark->id, (uint64_t)mark->scope.root,
            (uint64_t)mark->scope.part);
    case GRANTS:
        KEY((uint64_t)grant->user, (uint64_t)grant->root, grant->from);
    case ENTAILMENTS:
        KEY((uint64_t)edge->holder, (uint64_t)edge->entailed, (uint64_t)edge->via, edge->from);
    case HISTORY: /* no two are one */
        KEY(history->seq, history->entity, (uint64_t)history->id, (uintptr_t)history->change.data);
    case REVIEWS:
        KEY((uint64_t)((const rove__hq_review *)item)->number);
    case PARKED:
        KEY((uint64_t)((const rove__hq_parked *)item)->number);
    case SUMS:
        KEY((uint64_t)sum->scope.root, (uint64_t)sum->scope.part);
    case RENAMED:
        KEY(renamed->origin.stamp, renamed->origin.replica, renamed->entity, (uint64_t)renamed->to,
            (uint64_t)renamed->id);
    default:
        KEY(purged->entity, (uint64_t)purged->id);
    }
#undef KEY
}

static int key_compare(const uint64_t *a, const uint64_t *b, size_t parts) {
    for (size_t i = 0; i < parts; i++) {
        BEFORE(a[i], b[i])
    }
    return 0;
}

/* The first item from `start` with the key; the count: none. */
static size_t find_key(int which, const table *t, size_t start, const uint64_t key[KEY_PARTS]) {
    uint64_t other[KEY_PARTS];
    size_t i = start;

    for (; i < t->count; i++) {
        key_of(which, at(t, i), other);
        if (key_compare(key, other, KEY_PARTS) == 0) {
            break;
        }
    }
    return i;
}

static void remove_like(int which, table *to, const void *item) {
    uint64_t key[KEY_PARTS];

    key_of(which, item, key);
    size_t i = find_key(which, to, 0, key);
    if (i < to->count) {
        remove_at(to, i);
    }
}

static void put_like(int which, table *to, const void *item) {
    size_t parts = which == HISTORY ? 1 : KEY_PARTS; /* by seq, then as put */
    uint64_t key[KEY_PARTS];
    uint64_t other[KEY_PARTS];

    key_of(which, item, key);
    size_t i = find_key(which, to, 0, key);
    void *slot = i < to->count ? at(to, i) : NULL;
    for (i = to->count; slot == NULL && i > 0; i--) {
        key_of(which, at(to, i - 1), other);
        if (key_compare(other, key, parts) <= 0) {
            break;
        }
    }
    memcpy(slot != NULL ? slot : insert_at(to, i), item, to->size);
}

/* What makes `mine` of `base`, done to `to`; items keep their order. */
static void redo_table(int which, const table *base, const table *mine, table *to) {
    uint64_t key[KEY_PARTS];
    size_t i = 0;

    for (size_t j = 0; j < mine->count; j++) {
        const void *item = at(mine, j);
        if (i < base->count && memcmp(at(base, i), item, base->size) == 0) {
            i++;
            continue;
        }
        key_of(which, item, key);
        size_t found = find_key(which, base, i, key);
        for (; found < base->count && i < found; i++) {
            remove_like(which, to, at(base, i));
        }
        if (found == base->count || memcmp(at(base, found), item, base->size) != 0) {
            put_like(which, to, item);
        }
        i += found < base->count;
    }
    for (; i < base->count; i++) {
        remove_like(which, to, at(base, i));
    }
}

/* The newest tables with what makes `mine` of `base`. */
tables *mvcc_redo(const tables *base, const tables *mine, const tables *newest) {
    tables *to = tables_copy(newest);

    for (int i = 0; i < TABLES; i++) {
        redo_table(i, &base->table[i], &mine->table[i], &to->table[i]);
    }
    if (memcmp(&base->head, &mine->head, sizeof mine->head) != 0) {
        to->head = mine->head;
        if (ROVE_PLANTED(Q01_SEQUENCE) && newest->head.seq > mine->head.seq) {
            to->head.seq = newest->head.seq;
        }
    }
    return to;
}
