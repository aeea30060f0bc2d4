/*
 * support/way.c - see way.h.
 */
#include "way.h"

#include <execinfo.h>
#include <stdlib.h>

#define DEEP 128

/* Where the linker has put the program's own code. */
extern const char __executable_start[]; /* NOLINT(bugprone-reserved-identifier) */
extern const char etext[];

/* What a function with a frame pointer pushes: its caller's, and above that where it returns to. */
typedef struct frame {
    const struct frame *caller;
    uintptr_t returns_to;
} frame;

static uint64_t mix(uint64_t hash, uintptr_t address) {
    hash = (hash ^ address) * 0xbf58476d1ce4e5b9u;
    return hash ^ hash >> 29;
}

static int unwind(void **frames) {
    int depth = backtrace(frames, DEEP);

    if (depth == DEEP) {
        abort(); /* DEEP is too little */
    }
    return depth;
}

way_start way_starts(const void *at) {
    void *frames[DEEP];

    return (way_start){at, unwind(frames)};
}

static uint64_t by_tables(const way_start *start, uint64_t hash) {
    void *frames[DEEP];
    int depth = unwind(frames);

    for (int i = 0; i < depth - start->depth; i++) {
        hash = mix(hash, (uintptr_t)frames[i]);
    }
    return hash | 1;
}

uint64_t way_from(const way_start *start, uint64_t mark) {
    const frame *at = __builtin_frame_address(0);
    uint64_t hash = mix(0x9e3779b97f4a7c15u, (uintptr_t)mark);

    while ((const void *)at != start->frame) {
        const frame *next = at->caller;

        if (at->returns_to < (uintptr_t)__executable_start || at->returns_to >= (uintptr_t)etext ||
            next <= at || (const void *)next > start->frame ||
            (uintptr_t)next % sizeof(void *) != 0) {
            return by_tables(start, mix(0x9e3779b97f4a7c15u, (uintptr_t)mark));
        }
        hash = mix(hash, at->returns_to);
        at = next;
    }
    return hash | 1;
}

uint64_t way_above(int frames) {
    void *all[DEEP];
    int depth = unwind(all);
    uint64_t hash = 0;

    for (int i = 2; i < depth && i < frames + 2; i++) {
        hash = mix(hash, (uintptr_t)all[i]);
    }
    return hash;
}
