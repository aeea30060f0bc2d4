/*
 * support/memory_headquarters.h - headquarters' store in memory, for tests of the judge and of the pull: plain arrays, searched from one
 * end to the other. A reader keeps the tables as they were when it began; a writer works on a copy that commit puts in
 * their place. What was stored is never changed in place and is freed at the end only.
 */
#ifndef ROVE_TESTS_MEMORY_HEADQUARTERS_H
#define ROVE_TESTS_MEMORY_HEADQUARTERS_H

#include "sync/headquarters.h"

typedef struct memory_headquarters memory_headquarters;

/* Aborts if there is no memory, like everything here. */
memory_headquarters *memory_headquarters_new(const rove_allocator *allocator);
void memory_headquarters_free(memory_headquarters *hq);
/* Valid as long as hq. */
const rove__hq_store *memory_headquarters_store(memory_headquarters *hq);

/* The `call`-th call of the store from now on that may fail does: with this status. 0: none. */
void memory_headquarters_fail(memory_headquarters *hq, size_t call, rove_status status);

/* A backup, and going back to it on a new timeline (T1, T2). Any number of backups; freed with hq. */
size_t memory_headquarters_backup(memory_headquarters *hq);
void memory_headquarters_restore(memory_headquarters *hq, size_t backup, uint64_t timeline,
                                 rove_replica replica);

/* What tests count. */
size_t memory_headquarters_rows(const memory_headquarters *hq, uint32_t entity); /* live */
size_t memory_headquarters_reviews(const memory_headquarters *hq);
size_t memory_headquarters_parked(const memory_headquarters *hq);
size_t memory_headquarters_history(const memory_headquarters *hq);
uint64_t memory_headquarters_head(const memory_headquarters *hq);

#endif
