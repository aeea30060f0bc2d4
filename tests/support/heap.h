/*
 * support/heap.h - an allocator for tests that counts what is alive and fails when told to, and a small
 * generator of repeatable random numbers (splitmix64: Steele, Lea, Flood, 2014).
 */
#ifndef ROVE_TESTS_HEAP_H
#define ROVE_TESTS_HEAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rove/sys/alloc.h"

typedef struct heap {
    size_t alive;              /* blocks not yet freed */
    size_t bytes;              /* in them */
    size_t most;               /* that ever were; a test sets it back */
    size_t calls;              /* allocations and growths so far */
    size_t fail_at;            /* the call that fails, counted from 1; 0: none */
    int persistent;            /* 1: all calls after it fail too */
    void (*note)(size_t call); /* is told of each call; NULL: nobody */
    int (*fault)(void *ctx);   /* says whether a call fails; NULL: nobody */
    void *fault_ctx;
} heap;

/* The size of a block stands before it; 16 bytes keep it aligned. */
#define HEAP_HEAD ((size_t)16)

/* Counts a call; 1 if it is the one that fails. */
static inline int heap_fails(heap *h) {
    h->calls++;
    if (h->note != NULL) {
        h->note(h->calls);
    }
    return h->fail_at != 0 && (h->calls == h->fail_at || (h->persistent && h->calls > h->fail_at));
}

/*
 * Overwritten, as the port is to do it: who still uses it does not find what was there. The address sanitizer notices by itself, and
 * would have to get every page of a large block for it that nobody has used.
 */
static inline void heap_give_back(unsigned char *block, size_t size) {
#ifdef __SANITIZE_ADDRESS__
    (void)size;
#else
    if (block != NULL) {
        memset(block, 0xa5, size + HEAP_HEAD);
        __asm__ __volatile__("" : : "r"(block) : "memory"); /* it is not optimised away */
    }
#endif
    free(block);
}

static inline void *heap_resize(void *ctx, void *pointer, size_t size) {
    heap *h = ctx;
    unsigned char *block = pointer == NULL ? NULL : (unsigned char *)pointer - HEAP_HEAD;
    size_t before = 0;

    if (block != NULL) {
        memcpy(&before, block, sizeof before);
    }
    if (size == 0) {
        h->alive -= pointer != NULL;
        h->bytes -= before;
        heap_give_back(block, before);
        return NULL;
    }
    if (heap_fails(h) || (h->fault != NULL && h->fault(h->fault_ctx))) {
        return NULL;
    }
    unsigned char *moved = size > SIZE_MAX - HEAP_HEAD ? NULL : malloc(size + HEAP_HEAD);
    if (moved == NULL) {
        return NULL;
    }
    if (block != NULL) {
        memcpy(moved + HEAP_HEAD, pointer, before < size ? before : size);
        heap_give_back(block, before);
    }
    memcpy(moved, &size, sizeof size);
    h->alive += pointer == NULL;
    h->bytes += size - before;
    h->most = h->bytes > h->most ? h->bytes : h->most;
    return moved + HEAP_HEAD;
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
