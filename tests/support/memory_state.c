/*
 * support/memory_state.c - faults, and states of headquarters' tables that are kept, put back and compared; see
 * memory_headquarters.h.
 */
#include "memory_tables.h"
#include "rows.h"

void memory_headquarters_watch(memory_headquarters *hq, rove_status (*asks)(void *), void *ctx) {
    hq->fault = asks;
    hq->fault_ctx = ctx;
}

memory_state *memory_headquarters_keep(memory_headquarters *hq) {
    hq->now->references++;
    return hq->now;
}

void memory_headquarters_return(memory_headquarters *hq, memory_state *state) {
    state->references++;
    tables_release(hq->now);
    hq->now = state;
}

void memory_headquarters_forget(memory_state *state) {
    tables_release(state);
}

static int same_bytes(rove__bytes a, rove__bytes b) {
    return a.size == b.size &&
           (a.size == 0 || a.data == b.data || memcmp(a.data, b.data, a.size) == 0);
}

static int same_scope(rove__scope a, rove__scope b) {
    return a.root == b.root && a.part == b.part;
}

static int same_origin(rove__origin a, rove__origin b) {
    return rove__version_compare(a, b) == 0;
}

static int same_row(const void *x, const void *y) {
    const rove__hq_row *a = *(rove__hq_row *const *)x;
    const rove__hq_row *b = *(rove__hq_row *const *)y;

    return a == b || (a->row.entity_number == b->row.entity_number && a->row.id == b->row.id &&
                      rows_equal(&a->row, &b->row) && rove__clock_equal(&a->clock, &b->clock) &&
                      same_scope(a->scope, b->scope) && a->whole_since == b->whole_since &&
                      a->dead == b->dead && a->author == b->author && a->review == b->review);
}

static int same_timeline(const void *x, const void *y) {
    const rove__hq_timeline *a = x;
    const rove__hq_timeline *b = y;

    return a->timeline == b->timeline && a->parent == b->parent && a->parted == b->parted;
}

static int same_commit(const void *x, const void *y) {
    const rove__hq_commit *a = x;
    const rove__hq_commit *b = y;

    return a->seq == b->seq && a->stamp == b->stamp && a->replica == b->replica &&
           a->user == b->user && strcmp(a->operator_name, b->operator_name) == 0 &&
           strcmp(a->act, b->act) == 0;
}

static int same_device(const void *x, const void *y) {
    const rove__hq_device *a = x;
    const rove__hq_device *b = y;

    return a->replica == b->replica && a->user == b->user && a->status == b->status &&
           a->former == b->former && a->last_batch == b->last_batch &&
           memcmp(&a->chain, &b->chain, sizeof a->chain) == 0 && a->confirmed == b->confirmed &&
           a->last_stamp == b->last_stamp && a->enrolled_ms == b->enrolled_ms &&
           a->certificate_until_ms == b->certificate_until_ms && a->contact_ms == b->contact_ms &&
           a->wall_offset_ms == b->wall_offset_ms && a->cursor == b->cursor &&
           a->schema == b->schema && strcmp(a->app, b->app) == 0;
}

static int same_batch(const void *x, const void *y) {
    const rove__hq_batch *a = x;
    const rove__hq_batch *b = y;

    return a->replica == b->replica && a->number == b->number &&
           memcmp(&a->hash, &b->hash, sizeof a->hash) == 0 &&
           memcmp(&a->chain, &b->chain, sizeof a->chain) == 0 && a->seq == b->seq &&
           same_bytes(a->answer, b->answer) && same_bytes(a->rows, b->rows);
}

static int same_stray(const void *x, const void *y) {
    const stray_item *a = x;
    const stray_item *b = y;

    return a->replica == b->replica && memcmp(&a->hash, &b->hash, sizeof a->hash) == 0;
}

static int same_feed(const void *x, const void *y) {
    const feed_item *a = x;
    const feed_item *b = y;

    return a->seq == b->seq && a->ordinal == b->ordinal && a->entity == b->entity && a->id == b->id;
}

static int same_mark(const void *x, const void *y) {
    const rove__hq_mark *a = x;
    const rove__hq_mark *b = y;

    return a->entity == b->entity && a->id == b->id && same_scope(a->scope, b->scope) &&
           a->seq == b->seq;
}

static int same_grant(const void *x, const void *y) {
    const rove__hq_grant *a = x;
    const rove__hq_grant *b = y;

    return a->user == b->user && a->root == b->root && a->part_from == b->part_from &&
           a->part_to == b->part_to && a->from == b->from && a->to == b->to &&
           a->author == b->author;
}

static int same_entailment(const void *x, const void *y) {
    const rove__hq_entailment *a = x;
    const rove__hq_entailment *b = y;

    return a->holder == b->holder && a->entailed == b->entailed && a->via == b->via &&
           a->from == b->from && a->to == b->to;
}

static int same_history(const void *x, const void *y) {
    const rove__hq_history *a = x;
    const rove__hq_history *b = y;

    return a->seq == b->seq && a->entity == b->entity && a->id == b->id &&
           a->replica == b->replica && a->user == b->user && same_bytes(a->change, b->change);
}

static int same_review(const void *x, const void *y) {
    const rove__hq_review *a = x;
    const rove__hq_review *b = y;

    return a->number == b->number && a->seq == b->seq && a->entity == b->entity && a->id == b->id &&
           a->replica == b->replica && a->user == b->user && strcmp(a->reason, b->reason) == 0 &&
           a->state == b->state && same_bytes(a->change, b->change);
}

static int same_parked(const void *x, const void *y) {
    const rove__hq_parked *a = x;
    const rove__hq_parked *b = y;

    return a->number == b->number && same_origin(a->origin, b->origin) &&
           a->replica == b->replica && a->user == b->user && a->stamp == b->stamp &&
           same_bytes(a->change, b->change);
}

static int same_sum(const void *x, const void *y) {
    const sum_item *a = x;
    const sum_item *b = y;

    return same_scope(a->scope, b->scope) && rove__hash128_equal(a->sum, b->sum) &&
           a->rows == b->rows;
}

static int same_purged(const void *x, const void *y) {
    const purged_item *a = x;
    const purged_item *b = y;

    return a->entity == b->entity && a->id == b->id && same_origin(a->origin, b->origin);
}

static int same_renamed(const void *x, const void *y) {
    const rove__rename *a = x;
    const rove__rename *b = y;

    return a->entity == b->entity && a->id == b->id && a->to == b->to &&
           same_origin(a->origin, b->origin);
}

static int same_head(const rove__hq_head *a, const rove__hq_head *b) {
    return a->timeline == b->timeline && a->seq == b->seq && a->stamp == b->stamp &&
           a->replica == b->replica && a->safe == b->safe && a->assigned == b->assigned &&
           a->purged == b->purged;
}

const char *memory_headquarters_differ(const memory_state *a, const memory_state *b) {
    static const struct {
        const char *name;
        int (*same)(const void *, const void *);
    } kinds[TABLES] = {[TIMELINES] = {"timelines", same_timeline},
                       [COMMITS] = {"commits", same_commit},
                       [DEVICES] = {"devices", same_device},
                       [BATCHES] = {"batches", same_batch},
                       [STRAYS] = {"strays", same_stray},
                       [ROWS] = {"rows", same_row},
                       [FEED] = {"feed", same_feed},
                       [MARKS] = {"marks", same_mark},
                       [GRANTS] = {"grants", same_grant},
                       [ENTAILMENTS] = {"entailments", same_entailment},
                       [HISTORY] = {"history", same_history},
                       [REVIEWS] = {"reviews", same_review},
                       [PARKED] = {"parked", same_parked},
                       [SUMS] = {"sums", same_sum},
                       [PURGED] = {"purged", same_purged},
                       [RENAMED] = {"renamed", same_renamed}};

    if (a == b) {
        return NULL;
    }
    for (size_t i = 0; i < TABLES; i++) {
        const table *x = &a->table[i];
        const table *y = &b->table[i];
        if (x->count != y->count) {
            return kinds[i].name;
        }
        for (size_t k = 0; k < x->count; k++) {
            if (!kinds[i].same(at(x, k), at(y, k))) {
                return kinds[i].name;
            }
        }
    }
    return same_head(&a->head, &b->head) && a->numbers == b->numbers ? NULL : "heads";
}
