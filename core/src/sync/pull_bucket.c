/*
 * sync/pull_bucket.c - the 64 buckets of a scope that is large on a device (G2), counted from the rows when the scope is known
 * to differ. Nothing keeps them: that costs each write to such a scope, while a difference is rare and one pass over
 * the scope finds it.
 */
#include <string.h>

#include "sync/pull_state.h"

typedef struct counting {
    rove__pull *pull;
    rove__hash128 sums[ROVE_BUCKETS];
    uint64_t *rows;
} counting;

static rove_status each_row(void *ctx, const rove__hq_row *row) {
    counting *count = ctx;
    unsigned bucket = rove__bucket(row->row.id);
    rove__hash128 term;
    rove_status status = rove__digest_term(count->pull->head.digest_key, &row->row, &row->clock,
                                           &count->pull->scratch, &term);

    if (status == ROVE_OK) {
        rove__hash128_add(&count->sums[bucket], term);
        count->rows[bucket]++;
    }
    return status;
}

rove_status rove__pull_buckets(rove__pull *pull, const rove__bucket_digest *theirs,
                               uint64_t *differing, uint64_t rows[ROVE_BUCKETS]) {
    counting count = {.pull = pull, .rows = rows};

    *differing = 0;
    memset(rows, 0, ROVE_BUCKETS * sizeof *rows);
    rove_status status =
        pull->store->row_scan(pull->tx, theirs->scope, 0, 0, &pull->row, each_row, &count);
    for (unsigned b = 0; b < ROVE_BUCKETS && status == ROVE_OK; b++) {
        if (!rove__hash128_equal(count.sums[b], theirs->sums[b])) {
            *differing |= UINT64_C(1) << b;
        }
    }
    return status;
}
