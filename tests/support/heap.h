/*
 * support/heap.h - an allocator for tests that counts what is alive and fails when told to, and a small
 * generator of repeatable random numbers (splitmix64: Steele, Lea, Flood, 2014).
 */
#ifndef ROVE_TESTS_HEAP_H
#define ROVE_TESTS_HEAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "rove/sys/alloc.h"

typedef struct heap {
    size_t alive;   /* blocks not yet freed */
    size_t calls;   /* allocations and growths so far */
    size_t fail_at; /* the call that fails, counted from 1; 0: none */
    int persistent; /* 1: all calls after it fail too */
} heap;

static inline void *heap_resize(void *ctx, void *pointer, size_t size) {
    heap *h = ctx;
    void *moved = NULL;

    if (size == 0) {
        h->alive -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    h->calls++;
    if (h->fail_at != 0 && (h->calls == h->fail_at || (h->persistent && h->calls > h->fail_at))) {
        return NULL;
    }
    moved = realloc(pointer, size);
    h->alive += pointer == NULL && moved != NULL;
    return moved;
}

static inline rove_allocator heap_allocator(heap *h) {
    rove_allocator allocator = {heap_resize, h};

    return allocator;
}

static inline uint64_t dice(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#endif
