/*
 * drop/waiting.h - batches whose frames come one by one, in several requests and in any order, until they are whole and judged.
 * Their rows are in the spool. Limits are by who signed: he is known, and whose batch it is he only says. What is here can be forgotten at any moment: no device was told that it was taken.
 *
 * The caller sees to it that one thread at a time uses it.
 */
#ifndef ROVE_HQ_DROP_WAITING_H
#define ROVE_HQ_DROP_WAITING_H

#include "drop/box.h"
#include "sync/judge.h"

typedef struct waiting_frame {
    size_t at, size; /* in the spool; size 0: it has not come */
} waiting_frame;

typedef struct waiting_batch {
    rove__sealed_batch said; /* what was signed, without the bytes that it borrowed */
    rove__signer signer;
    waiting_frame frames[ROVE_PUSH_FRAMES_MAX];
    uint32_t frame_count; /* that are here */
    rove__spool spool;
    size_t bytes;
    int64_t touched_ms; /* boot clock: the last frame */
    int64_t whole_ms;   /* and when all were there first */
    int busy;           /* it is being judged: it stays */
    struct waiting_batch *next;
} waiting_batch;

typedef struct waiting {
    const rove_allocator *allocator;
    const rove__spool_port *spool;
    waiting_batch *first;
} waiting;

void waiting_init(waiting *self, const rove_allocator *allocator, const rove__spool_port *spool);
void waiting_free(waiting *self);
/* Forgets what had no news for too long. */
void waiting_expire(waiting *self, int64_t now_ms);
/* Of this signer: frames that another one signed are never put to his. NULL: it does not wait. */
waiting_batch *waiting_find(const waiting *self, const rove__sealed_batch *said,
                            rove_replica signer);
/*
 * A verified frame. *batch: its batch. LATER: there is no room; TOO_BIG: no batch may be so large, it is forgotten; NOMEM, IO,
 * FULL: it is forgotten, and has to come again.
 */
ROVE_CHECK rove_status waiting_add(waiting *self, const rove__sealed *frame,
                                   const rove__signer *signer, int64_t now_ms,
                                   waiting_batch **batch);
int waiting_whole(const waiting_batch *batch);
void waiting_remove(waiting *self, waiting_batch *batch);

#endif
