/*
 * sync/entitle.h - which scopes a user holds when: granted, or entailed (one step) by a granted root,
 * intervals intersected; and always the organisation (root 0) and his own root (his user id).
 *
 * Holdings are normal: sorted by (root, part_from, from); the part ranges of a root do not overlap unless equal,
 * and intervals of one range neither overlap nor touch. Part 0 is in every grant's range.
 */
#ifndef ROVE_SYNC_ENTITLE_H
#define ROVE_SYNC_ENTITLE_H

#include "sync/headquarters.h"

/* A range of parts of a root, held in [from, to). */
typedef struct rove__holding {
    rove_id root;
    int32_t part_from, part_to; /* inclusive */
    uint64_t from, to;          /* ROVE_SEQ_OPEN while it lasts */
} rove__holding;

typedef struct rove__holdings {
    const rove_allocator *allocator;
    rove__holding *items; /* owned */
    size_t count;
    size_t capacity;
} rove__holdings;

void rove__holdings_init(rove__holdings *holdings, const rove_allocator *allocator);
void rove__holdings_free(rove__holdings *holdings);

/* Everything that a user holds or held. Replaces what is in `holdings`. */
ROVE_CHECK rove_status rove__entitle_user(const rove__hq_store *store, rove__hq_tx *tx,
                                          rove_id user, rove__holdings *holdings);
/* The same for one root. */
ROVE_CHECK rove_status rove__entitle_root(const rove__hq_store *store, rove__hq_tx *tx,
                                          rove_id user, rove_id root, rove__holdings *holdings);
/* Adds to the holdings of a root what one more edge to it gives. Other than ROVE_OK: they are of no further use. */
ROVE_CHECK rove_status rove__entitle_edge(const rove__hq_store *store, rove__hq_tx *tx,
                                          rove_id user, const rove__hq_entailment *edge,
                                          rove__holdings *holdings);

/* The first holding of a root, and one past the last. */
void rove__holdings_of(const rove__holdings *holdings, rove_id root, size_t *first, size_t *end);
/* The holding of a scope at a seq; NULL if it is not held then. */
const rove__holding *rove__holding_at(const rove__holdings *holdings, rove__scope scope,
                                      uint64_t seq);
/* 1 if the scope is held at any seq from .. last, both inclusive. */
int rove__held_within(const rove__holdings *holdings, rove__scope scope, uint64_t from,
                      uint64_t last);

#endif
