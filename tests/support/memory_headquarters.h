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

/* Every call that may fail asks first, and fails with what is answered unless it is ROVE_OK. NULL: none does. */
void memory_headquarters_watch(memory_headquarters *hq, rove_status (*fault)(void *), void *ctx);

/* All that is committed, as it is now. What is kept is forgotten before hq is freed. */
typedef struct tables memory_state;
memory_state *memory_headquarters_keep(memory_headquarters *hq);
void memory_headquarters_return(memory_headquarters *hq, memory_state *state);
void memory_headquarters_forget(memory_state *state);
/*
 * The name of the first table in which they differ; NULL: they are the same. How many ids were drawn, and what a device was
 * asked for, does not count: that goes on with each answer, heard or not.
 */
const char *memory_headquarters_differ(const memory_state *a, const memory_state *b);

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
