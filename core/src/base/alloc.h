/*
 * base/alloc.h - memory from the handle's allocator, and an arena for what is decoded and soon dropped.
 *
 * No global allocator is used anywhere in core. Releasing cannot fail.
 */
#ifndef ROVE_BASE_ALLOC_H
#define ROVE_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "rove/status.h"
#include "rove/sys/alloc.h"

/* NULL when memory is short or the product overflows; count * size of 0 gives NULL too. */
void *rove__alloc(const rove_allocator *allocator, size_t size);
void *rove__alloc_zeroed(const rove_allocator *allocator, size_t count, size_t size);
/* Grows an array of `size`-byte items to hold at least `count`; on NULL the old one is unchanged. */
void *rove__alloc_resize(const rove_allocator *allocator, void *pointer, size_t count, size_t size);
void rove__free(const rove_allocator *allocator, void *pointer);
/* A NUL-terminated copy, owned by the caller. */
char *rove__alloc_text(const rove_allocator *allocator, const char *text);

/* Overwrites memory in a way that is not optimised away: for keys, before the memory is given back. */
void rove__wipe(void *memory, size_t size);

/* The same for what calls before have left on this thread's stack, below the caller: 64 KiB of it. */
void rove__wipe_stack(void);

/*
 * An arena hands out memory that is released all at once. It grows in chunks up to `max` bytes in all;
 * past that rove__arena_take returns NULL. Reset keeps the first chunk for reuse.
 */
typedef struct rove__arena_chunk rove__arena_chunk;
typedef struct rove__arena {
    const rove_allocator *allocator;
    rove__arena_chunk *chunks; /* newest first */
    size_t used;               /* bytes taken since the last reset */
    size_t max;
} rove__arena;

void rove__arena_init(rove__arena *arena, const rove_allocator *allocator, size_t max_bytes);
/* 8-byte aligned, not zeroed; NULL when memory or `max` is exhausted. */
void *rove__arena_take(rove__arena *arena, size_t size);
/* A copy of `size` bytes. */
void *rove__arena_copy(rove__arena *arena, const void *data, size_t size);
/* Room for one more behind `count` items of `size` bytes: the array, or a larger copy of it. NULL: no memory. */
void *rove__arena_grown(rove__arena *arena, void *array, size_t count, size_t *capacity,
                        size_t size);
void rove__arena_reset(rove__arena *arena);
void rove__arena_free(rove__arena *arena);

#endif
