/*
 * support/group.h - the committing thread of rove-hq (server-stub/committer.h), for tests whose headquarters is no `hq`.
 */
#ifndef ROVE_TESTS_GROUP_H
#define ROVE_TESTS_GROUP_H

#include "sync/headquarters.h"

typedef struct group group;
typedef rove_status (*group_job)(void *ctx, rove__hq_tx *tx, rove_error *error);

/* Its clock stands still. `store` is borrowed until group_free. */
rove_status group_new(const rove_allocator *allocator, const rove__hq_store *store, group **out,
                      rove_error *error);
/* Runs a job, and waits for it. */
rove_status group_run(group *g, group_job job, void *ctx, rove_error *error);
/* NULL is fine. */
void group_free(group *g);

#endif
