/*
 * sync/purge.c - see purge.h.
 */
#include "sync/purge.h"

#include "base/assert.h"

static rove_status is_before(const rove__hq_store *store, rove__hq_tx *tx, uint64_t seq,
                             int64_t before_ms, int *before) {
    rove_stamp stamp = 0;
    rove_status status = store->commit_stamp(tx, seq, &stamp);

    *before = status == ROVE_OK && rove__stamp_ms(stamp) < before_ms;
    return status;
}

rove_status rove__purge_horizon(const rove__hq_store *store, rove__hq_tx *tx, int64_t before_ms,
                                uint64_t *horizon) {
    rove__hq_head head;
    rove_status status = store->head_get(tx, &head);
    uint64_t low = head.purged;
    uint64_t high = head.seq;

    /* The clock never runs back: what was passed before is a beginning of all seqs. */
    while (status == ROVE_OK && low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        int before = 0;
        status = is_before(store, tx, middle, before_ms, &before);
        if (before) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    *horizon = low;
    return status;
}

static uint64_t total(const rove__hq_purge *counts) {
    return counts->feed + counts->marks + counts->grants + counts->entailments + counts->tombstones;
}

rove_status rove__purge_step(const rove__hq_store *store, rove__hq_tx *tx, uint64_t horizon,
                             rove__hq_purge *counts, int *done) {
    uint64_t before = total(counts);
    rove__hq_head head;
    rove_status status = store->head_get(tx, &head);

    *done = 0;
    if (status != ROVE_OK) {
        return status;
    }
    ROVE_ASSERT(horizon <= head.seq);
    if (horizon > head.purged) {
        head.purged = horizon;
        status = store->head_put(tx, &head);
    }
    if (status == ROVE_OK) {
        status = store->purge(tx, horizon, ROVE_PURGE_STEP, counts);
    }
    *done = status == ROVE_OK && total(counts) - before < ROVE_PURGE_STEP;
    return status;
}
