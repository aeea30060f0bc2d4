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

#include "rove/sys/random.h"
#include "sync/headquarters.h"
#include "sync/news.h"

typedef struct rove__writer rove__writer;

typedef struct rove__writer_options {
    const rove_allocator *allocator;
    const rove__registry *registry;
    const rove__hq_store *store;
    const rove_random *random;
    int64_t now_ms;       /* wall clock */
    rove_replica replica; /* who: a device's, or 0 for headquarters */
    rove_id user;
    const char *operator_name; /* "" for a device */
    const char *act;
    const rove__news *news; /* borrowed until the writer ends; NULL: nobody waits */
} rove__writer_options;

ROVE_CHECK rove_status rove__writer_begin(const rove__writer_options *options, rove__hq_tx *tx,
                                          rove__writer **out, rove_error *error);
/* *seq: the head afterwards. Frees the writer in any case. */
ROVE_CHECK rove_status rove__writer_finish(rove__writer *writer, uint64_t *seq, rove_error *error);
void rove__writer_abandon(rove__writer *writer);

uint64_t rove__writer_seq(const rove__writer *writer);
/* A fresh id, and a fresh stamp, of headquarters. */
ROVE_CHECK rove_status rove__writer_id(rove__writer *writer, rove_id *id);
rove_stamp rove__writer_stamp(rove__writer *writer);

/* Bytes of a row's values, with some for each; at most ROVE_ROW_MAX, so that with its clock it fits one batch. */
size_t rove__writer_row_size(const rove__row *row);
/* The largest stamp that a device's write may get now: headquarters' clock, which devices never lead (P7). */
rove_stamp rove__writer_now(const rove__writer *writer);
/* The head takes a seq even if no row changes: for what is kept beside rows (review, parked). */
void rove__writer_touch(rove__writer *writer);
/* The head as it was read, with what this transaction drew since. */
const rove__hq_head *rove__writer_head(const rove__writer *writer);

/*
 * Stores a row as judged: `before` is what stood (NULL: new). Keeps scope and part (moves leave marks, children
 * follow), whole_since, entailments of role rows, feed, digest: fills these in `after`. `change` goes to the
 * history (NULL: none). NOT_FOUND: the parent that names its scope is not here.
 */
ROVE_CHECK rove_status rove__writer_row(rove__writer *writer, const rove__hq_row *before,
                                        rove__hq_row *after, const rove__change *change,
                                        rove_error *error);
/* The same with the history as an encoded batch (wire/batch.h); size 0: none. */
ROVE_CHECK rove_status rove__writer_row_packed(rove__writer *writer, const rove__hq_row *before,
                                               rove__hq_row *after, rove__bytes history,
                                               rove_error *error);
/*
 * What the role row that was stored last changed of who holds what: an edge that began (holder 0: none), and 1 if an edge or a grant
 * ended as well. Nothing of this changes who held what before this transaction's seq.
 */
int rove__writer_edge(const rove__writer *writer, rove__hq_entailment *begun);
/* The scope that a row's columns name; of a child its parent's. NOT_FOUND: the parent is not here. */
ROVE_CHECK rove_status rove__writer_scope(rove__writer *writer, const rove__row *row,
                                          rove__scope *scope);

/*
 * P13: *found 1 where a chain of merges that starts at `id` (of `column`, a reference to its own entity) comes by `looked_for`, so that
 * another merge would close a ring. Follows 32 at most.
 */
ROVE_CHECK rove_status rove__writer_comes_by(rove__writer *writer, uint32_t entity, size_t column,
                                             rove_id id, rove_id looked_for, int *found);

/* An operator's acts, by the same rules (rove__rules_check with ROVE_ACTOR_HQ). */
ROVE_CHECK rove_status rove__writer_insert(rove__writer *writer, rove__row *row,
                                           rove_error *error); /* id 0: drawn */
/* Only the present cells that differ; *changed counts them. Sets in plain form, counters as totals. CYCLE: also a merge of
 * duplicates that goes round in a ring. */
ROVE_CHECK rove_status rove__writer_update(rove__writer *writer, const rove__row *row,
                                           size_t *changed, rove_error *error);
/* The same, where the caller has read the row in this transaction and locked it, into an arena of his own. */
ROVE_CHECK rove_status rove__writer_change(rove__writer *writer, const rove__hq_row *before,
                                           const rove__row *row, size_t *changed,
                                           rove_error *error);
ROVE_CHECK rove_status rove__writer_delete(rove__writer *writer, uint32_t entity, rove_id id,
                                           rove_error *error);
/* All parts of a root. OK if held already; an author's grant becomes a lasting one if author is 0. */
ROVE_CHECK rove_status rove__writer_grant(rove__writer *writer, rove_id user, rove_id root,
                                          int author, rove_error *error);
/*
 * One grant as it is to stand: for windows of parts. `from` and `to` are rove__writer_seq where they begin or end
 * now. One that follows another of the same root without a gap keeps what the device has.
 */
ROVE_CHECK rove_status rove__writer_grant_put(rove__writer *writer, const rove__hq_grant *grant,
                                              rove_error *error);
ROVE_CHECK rove_status rove__writer_revoke_grant(rove__writer *writer, rove_id user, rove_id root,
                                                 rove_error *error); /* OK if not held */

#endif
