/*
 * sim/mvcc_redo.h - what a transaction wrote, done again to tables to which others have written meanwhile; for mvcc.c.
 */
#ifndef ROVE_TESTS_MVCC_REDO_H
#define ROVE_TESTS_MVCC_REDO_H

struct tables; /* of memory_tables.h */

/* A copy of `newest` with all that makes `mine` of `base`; of what both wrote, `mine`. One reference is the caller's. */
struct tables *mvcc_redo(const struct tables *base, const struct tables *mine,
                         const struct tables *newest);

#endif
