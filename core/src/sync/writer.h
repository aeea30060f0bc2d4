/*
 * sync/writer.h - one transaction of headquarters: everything that changes rows there, a device's batch as well as
 * an operator's set, import or assign, goes through it, so that seq, feed, marks, children, entailments, history,
 * digests and the head are kept by one piece of code (P16).
 *
 *   writer = rove__writer_begin(tx ...)   reads the head; seq = head + 1; nothing is taken yet
 *   rove__writer_put / _delete / _grant ... in ascending (entity, id) where rows are locked
 *   rove__writer_finish                    takes the head, if anything changed
 */
#ifndef ROVE_SYNC_WRITER_H
#define ROVE_SYNC_WRITER_H

#include "sync/headquarters.h"
#include "rove/sys/random.h"

typedef struct rove__writer rove__writer;

typedef struct rove__writer_options {
    const rove_allocator *allocator;
    const rove__registry *registry;
    const rove__hq_store *store;
    const rove_random *random;
    int64_t now_ms;              /* wall clock */
    rove_replica replica;        /* who: a device's, or 0 for headquarters */
    rove_id user;
    const char *operator_name;   /* "" for a device */
    const char *act;
} rove__writer_options;

ROVE_CHECK rove_status rove__writer_begin(const rove__writer_options *options, rove__hq_tx *tx,
                                          rove__writer **out, rove_error *error);
/* *seq: the head afterwards. Frees the writer in any case. */
ROVE_CHECK rove_status rove__writer_finish(rove__writer *writer, uint64_t *seq, rove_error *error);
void rove__writer_abandon(rove__writer *writer);

uint64_t rove__writer_seq(const rove__writer *writer);
/* A fresh id, and a fresh stamp, of headquarters. */
ROVE_CHECK rove_status rove__writer_id(rove__writer *writer, rove_id *id);
ROVE_CHECK rove_status rove__writer_stamp(rove__writer *writer, rove_stamp *stamp);

/*
 * Stores a row as judged: `before` is what stood (NULL: new). Keeps scope and part (moves leave marks, children
 * follow), whole_since, entailments of role rows, feed, digest. `change` goes to the history (NULL: none).
 */
ROVE_CHECK rove_status rove__writer_row(rove__writer *writer, const rove__hq_row *before,
                                        rove__hq_row *after, const rove__change *change,
                                        rove_error *error);

/* An operator's acts, by the same rules (rove__rules_check with ROVE_ACTOR_HQ). */
ROVE_CHECK rove_status rove__writer_insert(rove__writer *writer, rove__row *row, rove_error *error); /* id 0: drawn */
/* Only the present cells that differ; *changed counts them. Sets in plain form, counters as totals. */
ROVE_CHECK rove_status rove__writer_update(rove__writer *writer, const rove__row *row, size_t *changed,
                                           rove_error *error);
ROVE_CHECK rove_status rove__writer_delete(rove__writer *writer, uint32_t entity, rove_id id,
                                           rove_error *error);
ROVE_CHECK rove_status rove__writer_grant(rove__writer *writer, rove_id user, rove_id root,
                                          int author, rove_error *error); /* OK if held already */
ROVE_CHECK rove_status rove__writer_revoke_grant(rove__writer *writer, rove_id user, rove_id root,
                                                 rove_error *error);      /* OK if not held */

#endif
