/*
 * bench/counting.h - an allocator that counts what is alive, and the most that ever was. Any thread.
 */
#ifndef ROVE_BENCH_COUNTING_H
#define ROVE_BENCH_COUNTING_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "rove/sys/alloc.h"

typedef struct counting {
    atomic_size_t alive;
    atomic_size_t most;
} counting;

/* The size of a block stands before it; 16 bytes keep it aligned. */
#define COUNTING_HEAD 16

static inline void counting_add(counting *c, size_t size) {
    size_t alive = atomic_fetch_add(&c->alive, size) + size;
    size_t most = atomic_load(&c->most);

    while (alive > most && !atomic_compare_exchange_weak(&c->most, &most, alive)) {
    }
}

static inline void *counting_resize(void *ctx, void *pointer, size_t size) {
    counting *c = ctx;
    unsigned char *block = pointer != NULL ? (unsigned char *)pointer - COUNTING_HEAD : NULL;
    size_t before = 0;

    if (block != NULL) {
        memcpy(&before, block, sizeof before);
    }
    if (size == 0) {
        free(block);
        atomic_fetch_sub(&c->alive, before);
        return NULL;
    }
    unsigned char *moved = realloc(block, size + COUNTING_HEAD);
    if (moved == NULL) {
        return NULL;
    }
    memcpy(moved, &size, sizeof size);
    atomic_fetch_sub(&c->alive, before);
    counting_add(c, size);
    return moved + COUNTING_HEAD;
}

/* Forgets the most: it counts from what is alive now, which is returned. */
static inline size_t counting_restart(counting *c) {
    size_t alive = atomic_load(&c->alive);

    atomic_store(&c->most, alive);
    return alive;
}

#endif
