/*
 * committer.h - the one thread that writes. Jobs that wait together share a transaction: each runs in a savepoint
 * of it, one sync to disk makes all durable, then each is told.
 *
 * A job that fails is undone alone. One that says LATER runs again in a later group, COMMITTER_TRIES times in
 * all. When the transaction itself fails, those that had run in it get its status: nothing of them is there.
 */
#ifndef ROVE_HQ_COMMITTER_H
#define ROVE_HQ_COMMITTER_H

#include "hq.h"

#define COMMITTER_TRIES    5
#define COMMITTER_GROUP_MS 50 /* a group takes no further job after so long */

typedef struct committer committer;

/* `store` and `clock` are borrowed until committer_free. `threaded` 0: each job runs where it is submitted. */
ROVE_CHECK rove_status committer_new(const rove_allocator *allocator, const rove__hq_store *store,
                                     const rove_clock *clock, int threaded, committer **out,
                                     rove_error *error);
/* Runs what is queued, then ends the thread. NULL is fine. */
void committer_free(committer *self);
/* To be called on the committing thread after each transaction that was committed; before the first is submitted. */
void committer_on_commit(committer *self, void (*call)(void *ctx), void *ctx);
/* Any thread. */
void committer_submit(committer *self, hq_task *task);
/* Submits a job and waits for it. Any thread but the committing one. */
ROVE_CHECK rove_status committer_run(committer *self, hq_job job, void *ctx, rove_error *error);
/* Transactions committed so far: with the number of jobs it tells how well they share. Any thread. */
uint64_t committer_groups(committer *self);

#endif
