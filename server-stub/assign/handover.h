/*
 * assign/handover.h - one root passes from one user to another, in the transaction of a writer: who owns it and who holds
 * it change together, and with it goes what cannot stay behind.
 *
 *   the root              the new user owns it if the former one did, or nobody; he gets a grant, the former one's ends
 *   its contacts          those that the former user keeps by no other root of his
 *   converted leads       of an account: they are its history
 *   open tasks            about any of these, if they are the former user's
 *   planned visits        of this month and later, if they are the former user's
 *
 * Sealed visits, calls and notes say who did what: they stay as they are, and come along by their scope. Other users'
 * grants stay.
 *
 * A root that the former user neither owns nor holds is left alone: what was done is not done twice, so a realignment
 * that ended in the middle is simply begun again.
 */
#ifndef ROVE_HQ_HANDOVER_H
#define ROVE_HQ_HANDOVER_H

#include "sync/writer.h"

typedef struct handover_count {
    uint64_t accounts, leads, contacts, tasks, visits; /* that changed hands */
} handover_count;

typedef struct handover {
    const rove_allocator *allocator;
    const rove__registry *registry;
    const rove__hq_store *store;
    rove__hq_tx *tx;
    rove__writer *writer;
    int64_t now_ms;
    rove_id from; /* 0: nobody, for a root that has neither owner nor holder */
    rove_id to;
    handover_count count; /* added to */
    uint64_t rows;        /* records written; added to */
} handover;

/* NOT an error: the root is gone, closed, or not the former user's. */
ROVE_CHECK rove_status handover_root(handover *self, uint32_t entity, rove_id root,
                                     rove_error *error);
/* 1 if a lead is worked on: neither converted nor dead. Other roots are always open. */
int handover_is_open(const rove__row *row);
/* 1 if a visit is still to be made: what was signed says who made it, whatever status it has. */
int handover_is_planned(const rove__row *visit);
uint64_t handover_total(const handover_count *count);

#endif
