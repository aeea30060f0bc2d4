/*
 * sync/timeline.h - what a cursor of any timeline is worth on this one (T1).
 */
#ifndef ROVE_SYNC_TIMELINE_H
#define ROVE_SYNC_TIMELINE_H

#include "sync/headquarters.h"

/* Timelines between a cursor and the head; one further back counts as unknown. */
#define ROVE_TIMELINES_MAX 65536u

/* A timeline before the head's, and the seq up to which they are one. */
typedef struct rove__ancestor {
    uint64_t timeline;
    uint64_t limit;
} rove__ancestor;

/*
 * The timelines that led to the head's, as far back as was asked for: each is read once, however many cursors there are. For one
 * transaction, and one head.
 */
typedef struct rove__timelines {
    const rove_allocator *allocator;
    const rove__hq_store *store;
    rove__hq_tx *tx;
    rove__ancestor *items; /* ascending by timeline; owned */
    size_t count, capacity;
    rove__ancestor last; /* the furthest back; timeline 0: none was read yet */
    int whole;           /* there are no more */
} rove__timelines;

void rove__timelines_init(rove__timelines *timelines, const rove_allocator *allocator,
                          const rove__hq_store *store, rove__hq_tx *tx);
void rove__timelines_free(rove__timelines *timelines);
/*
 * The seq up to which the holder of a cursor has seen this timeline: on the same one its seq, on an earlier one at most
 * where they parted, on an unknown one 0. A cursor beyond the head is one of a branch that is gone: 0.
 */
ROVE_CHECK rove_status rove__timelines_clip(rove__timelines *timelines, const rove__hq_head *head,
                                            rove__cursor cursor, uint64_t *seq);

#endif
