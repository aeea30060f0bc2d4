/*
 * sync/purge.h - forgetting what happened long ago (Q8): the change feed, marks, grants and entailments that ended, and of
 * rows deleted by then all but id and origin. Rows that live, history, commits and the hashes of batches stay. A device whose
 * cursor lies before the horizon is compared by digest instead (sync/pull.c).
 */
#ifndef ROVE_SYNC_PURGE_H
#define ROVE_SYNC_PURGE_H

#include "sync/headquarters.h"

/* What is forgotten in one transaction, about. */
#define ROVE_PURGE_STEP 20000u

/* The last seq that headquarters' clock had passed before `before_ms`; never less than what was purged already. */
ROVE_CHECK rove_status rove__purge_horizon(const rove__hq_store *store, rove__hq_tx *tx,
                                           int64_t before_ms, uint64_t *horizon);
/*
 * One transaction's part of it, the horizon moving in the first. Adds to `counts`; *done: nothing is left. Called in
 * transactions of their own, so that exchanges go on in between.
 */
ROVE_CHECK rove_status rove__purge_step(const rove__hq_store *store, rove__hq_tx *tx,
                                        uint64_t horizon, rove__hq_purge *counts, int *done);

#endif
