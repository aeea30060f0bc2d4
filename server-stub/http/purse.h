/*
 * http/purse.h - the memory that all exchanges have together: an allocator that counts, and gives nothing past a limit.
 *
 * One exchange takes a few MiB at most, however much its device pushes (sync/server.h); but there may be a thousand at once.
 * Past three quarters of the limit no new one is to begin, so that those under way have the rest; one that finds
 * nothing all the same ends with LATER, and its device comes again.
 *
 * Threads: any. Borrows the allocator below it.
 */
#ifndef ROVE_HQ_PURSE_H
#define ROVE_HQ_PURSE_H

#include <stdatomic.h>

#include "rove/sys/alloc.h"

typedef struct purse {
    const rove_allocator *base;
    rove_allocator allocator; /* what exchanges are given */
    size_t limit;
    atomic_size_t used;
} purse;

void purse_init(purse *self, const rove_allocator *base, size_t limit_bytes);
size_t purse_used(const purse *self);
/* 1 if another exchange may begin. */
int purse_may_begin(const purse *self);

#endif
