/*
 * conformance/jobs.h - transactions of which one can see afterwards whether they are whole: each sets the points of every
 * account to its seq, and takes the head. Nothing here jumps out of a test, so threads and children may use it.
 */
#ifndef ROVE_TESTS_JOBS_H
#define ROVE_TESTS_JOBS_H

#include "bed.h"

#define ACCOUNTS 5

/* Sets the points of every account to the seq: a snapshot in which they differ is none. */
static inline rove_status job(const bed *b, rove__hq_tx *tx, rove__arena *arena) {
    const rove__hq_store *store = b->store;
    const rove__entity *account = rove__registry_by_name(b->registry, "Account");
    int points = rove__entity_field_named(account, "points");
    rove__hq_head head;
    rove_status status = store->head_get(tx, &head);
    uint64_t seq = head.seq + 1;
    rove__hq_commit commit = {
        .seq = seq, .stamp = seq << 16, .replica = 1, .operator_name = "op", .act = "set"};

    for (rove_id id = 1; id <= ACCOUNTS && status == ROVE_OK; id++) {
        rove__hq_row row;
        status = store->row_get(tx, account->number, id, 1, arena, &row);
        if (status == ROVE_NOT_FOUND) {
            memset(&row, 0, sizeof row);
            status = rove__row_init(&row.row, account, id, arena);
            rove__origin origin = {(rove_stamp)id, 1};
            rove__clock_init(&row.clock, origin, origin, seq);
            row.scope.root = id;
        }
        if (status == ROVE_OK) {
            rove__row_set(&row.row, (size_t)points, rove__value_int((int64_t)seq));
            status = store->row_put(tx, &row);
        }
        if (status == ROVE_OK) {
            status = store->feed_put(tx, seq, (uint32_t)id, account->number, id);
        }
    }
    head.seq = seq;
    if (status == ROVE_OK) {
        status = store->commit_put(tx, &commit);
    }
    return status == ROVE_OK ? store->head_put(tx, &head) : status;
}

typedef struct tally {
    int64_t points;
    size_t rows;
    size_t entries;
    uint64_t last;
    int wrong;
} tally;

static inline rove_status tally_row(void *ctx, const rove__hq_row *row) {
    tally *t = ctx;
    int points = rove__entity_field_named(row->row.entity, "points");

    t->rows++;
    t->wrong |= row->row.cells[points].as.integer != t->points;
    return ROVE_OK;
}

static inline rove_status tally_entry(void *ctx, uint64_t seq, uint32_t ordinal, uint32_t entity,
                                      rove_id id) {
    tally *t = ctx;

    (void)entity;
    t->entries++;
    t->wrong |= (rove_id)ordinal != id || seq < t->last || seq > t->last + 1;
    t->last = seq;
    return ROVE_OK;
}

/* 0 if head, feed, commits and rows of one snapshot belong together. */
static inline int check_snapshot(const bed *b, rove__hq_tx *tx, rove__arena *arena) {
    const rove__hq_store *store = b->store;
    rove__hq_head head;
    rove_stamp stamp = 0;
    tally t = {.rows = 0};
    rove_status status = store->head_get(tx, &head);

    t.points = (int64_t)head.seq;
    for (rove_id id = 1; id <= ACCOUNTS && status == ROVE_OK; id++) {
        status = store->row_scan(tx, (rove__scope){id, -1}, 0, 0, arena, tally_row, &t);
    }
    if (status == ROVE_OK) {
        status = store->feed_scan(tx, 0, 0, UINT64_MAX, tally_entry, &t);
    }
    if (status == ROVE_OK) {
        status = store->commit_stamp(tx, UINT64_MAX, &stamp);
    }
    return status != ROVE_OK || t.wrong || t.last != head.seq || stamp != head.seq << 16 ||
           t.entries != head.seq * ACCOUNTS || t.rows != (head.seq > 0 ? ACCOUNTS : 0);
}

/* Begins, runs and commits one; *seq: what it took. */
static inline rove_status job_commit(const bed *b, uint64_t *seq) {
    rove__hq_tx *tx = NULL;
    rove__hq_head head = {.seq = 0};
    rove__arena arena;
    rove_status status = b->store->begin(b->store->ctx, ROVE_HQ_WRITE, &tx, NULL);

    if (status != ROVE_OK) {
        return status;
    }
    rove__arena_init(&arena, &b->allocator, (size_t)1 << 20);
    status = job(b, tx, &arena);
    if (status == ROVE_OK) {
        status = b->store->head_get(tx, &head);
    }
    rove__arena_free(&arena);
    if (status != ROVE_OK) {
        b->store->rollback(tx);
        return status;
    }
    status = b->store->commit(tx, NULL);
    if (status == ROVE_OK) {
        *seq = head.seq;
    }
    return status;
}

/* 0 if the store, opened now, has whole transactions up to `least` or one more. */
static inline int check_store(const bed *b, uint64_t least) {
    rove__hq_tx *tx = NULL;
    rove__hq_head head = {.seq = 0};
    rove__arena arena;

    if (b->store->begin(b->store->ctx, ROVE_HQ_READ, &tx, NULL) != ROVE_OK) {
        return 1;
    }
    rove__arena_init(&arena, &b->allocator, (size_t)1 << 20);
    int wrong = b->store->head_get(tx, &head) != ROVE_OK || head.seq < least ||
                head.seq > least + 1 || check_snapshot(b, tx, &arena);
    rove__arena_free(&arena);
    b->store->rollback(tx);
    return wrong;
}

#endif
