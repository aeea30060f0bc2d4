/*
 * store/sqlite/head.c - the one head row, the timelines, and the commits behind the head.
 */
#include <string.h>

#include "store/sqlite/lite.h"

static rove_status head_get(rove__hq_tx *tx, rove__hq_head *head) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT timeline, seq, stamp, replica, counter, digest_key, safe,"
                            " assigned, purged FROM _head");

    memset(head, 0, sizeof *head);
    if (rove__lite_get(&s)) {
        head->timeline = rove__lite_u64(&s, 0);
        head->seq = rove__lite_u64(&s, 1);
        head->stamp = rove__lite_u64(&s, 2);
        head->replica = (rove_replica)rove__lite_int(&s, 3);
        head->counter = (uint32_t)rove__lite_int(&s, 4);
        rove__lite_copy(&s, 5, head->digest_key, sizeof head->digest_key);
        head->safe = rove__lite_u64(&s, 6);
        head->assigned = rove__lite_u64(&s, 7);
        head->purged = rove__lite_u64(&s, 8);
    }
    return rove__lite_end(&s);
}

static rove_status head_put(rove__hq_tx *tx, const rove__hq_head *head) {
    rove__lite_statement s =
        rove__lite_open(tx, "UPDATE _head SET timeline = ?, seq = ?, stamp = ?, replica = ?,"
                            " counter = ?, digest_key = ?, safe = ?, assigned = ?,"
                            " purged = ?");

    rove__lite_bind_u64(&s, head->timeline);
    rove__lite_bind_u64(&s, head->seq);
    rove__lite_bind_u64(&s, head->stamp);
    rove__lite_bind_int(&s, head->replica);
    rove__lite_bind_int(&s, head->counter);
    rove__lite_bind_blob(&s, head->digest_key, sizeof head->digest_key);
    rove__lite_bind_u64(&s, head->safe);
    rove__lite_bind_u64(&s, head->assigned);
    rove__lite_bind_u64(&s, head->purged);
    return rove__lite_run(&s);
}

static rove_status timeline_put(rove__hq_tx *tx, const rove__hq_timeline *timeline) {
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT INTO _timeline(timeline, parent, parted) VALUES(?, ?, ?)"
                            " ON CONFLICT(timeline) DO UPDATE SET parent = excluded.parent,"
                            " parted = excluded.parted");

    rove__lite_bind_u64(&s, timeline->timeline);
    rove__lite_bind_u64(&s, timeline->parent);
    rove__lite_bind_u64(&s, timeline->parted);
    return rove__lite_run(&s);
}

static rove_status timeline_get(rove__hq_tx *tx, uint64_t timeline, rove__hq_timeline *out) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT parent, parted FROM _timeline WHERE timeline = ?");

    memset(out, 0, sizeof *out);
    rove__lite_bind_u64(&s, timeline);
    if (rove__lite_get(&s)) {
        out->timeline = timeline;
        out->parent = rove__lite_u64(&s, 0);
        out->parted = rove__lite_u64(&s, 1);
    }
    return rove__lite_end(&s);
}

static rove_status commit_put(rove__hq_tx *tx, const rove__hq_commit *commit) {
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT INTO _commit(seq, stamp, replica, user, operator, act)"
                            " VALUES(?, ?, ?, ?, ?, ?)");

    rove__lite_bind_u64(&s, commit->seq);
    rove__lite_bind_u64(&s, commit->stamp);
    rove__lite_bind_int(&s, commit->replica);
    rove__lite_bind_int(&s, commit->user);
    rove__lite_bind_text(&s, commit->operator_name);
    rove__lite_bind_text(&s, commit->act);
    return rove__lite_run(&s);
}

static rove_status commit_stamp(rove__hq_tx *tx, uint64_t seq, rove_stamp *stamp) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT stamp FROM _commit WHERE seq <= ? ORDER BY seq DESC LIMIT 1");

    *stamp = 0;
    rove__lite_bind_bound(&s, seq);
    if (rove__lite_next(&s)) {
        *stamp = rove__lite_u64(&s, 0);
    }
    return rove__lite_end(&s);
}

void rove__lite_fill_head(rove__hq_store *store) {
    store->head_get = head_get;
    store->head_put = head_put;
    store->timeline_put = timeline_put;
    store->timeline_get = timeline_get;
    store->commit_put = commit_put;
    store->commit_stamp = commit_stamp;
}
