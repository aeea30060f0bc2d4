/*
 * sync/timeline.h - what a cursor of any timeline is worth on this one (T1).
 */
#ifndef ROVE_SYNC_TIMELINE_H
#define ROVE_SYNC_TIMELINE_H

#include "sync/headquarters.h"

/* Timelines between a cursor and the head; one further back counts as unknown. */
#define ROVE_TIMELINES_MAX 65536u

/*
 * The seq up to which the holder of a cursor has seen this timeline: on the same one its seq, on an earlier one at most
 * where they parted, on an unknown one 0. A cursor beyond the head is one of a branch that is gone: 0.
 */
ROVE_CHECK rove_status rove__timeline_clip(const rove__hq_store *store, rove__hq_tx *tx,
                                           const rove__hq_head *head, rove__cursor cursor,
                                           uint64_t *seq);

#endif
