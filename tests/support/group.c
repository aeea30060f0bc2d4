/*
 * support/group.c - see group.h.
 */
#include "group.h"

#include <stdlib.h>

#include "committer.h"

struct group {
    committer *committer;
};

static void read_clock(void *ctx, rove_clock_reading *reading) {
    (void)ctx;
    *reading = (rove_clock_reading){.boot_ms = 1};
}

rove_status group_new(const rove_allocator *allocator, const rove__hq_store *store, group **out,
                      rove_error *error) {
    static const rove_clock clock = {read_clock, NULL};
    group *g = calloc(1, sizeof *g);

    *out = NULL;
    if (g == NULL) {
        abort();
    }
    rove_status status = committer_new(allocator, store, &clock, 1, &g->committer, error);
    if (status != ROVE_OK) {
        free(g);
        return status;
    }
    *out = g;
    return ROVE_OK;
}

rove_status group_run(group *g, group_job job, void *ctx, rove_error *error) {
    return committer_run(g->committer, job, ctx, error);
}

void group_free(group *g) {
    if (g != NULL) {
        committer_free(g->committer);
        free(g);
    }
}
