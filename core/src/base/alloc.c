/*
 * base/alloc.c - memory from the handle's allocator, and arenas.
 *
 * An arena is a list of chunks, newest first; only the newest has room. A chunk is at least twice as
 * large as the one before, so that a large decode costs few calls of the allocator. Invariant: the sizes
 * taken, each rounded up to 8 bytes, add up to `used`, and used <= max.
 */
#include "base/alloc.h"

#include <string.h>

#include "base/assert.h"

#define CHUNK_MIN          4096
#define CHUNK_DOUBLING_MAX ((size_t)256 * 1024)
#define ALIGNMENT          ((size_t)8)
#define STACK_SIZE         65536

struct rove__arena_chunk {
    rove__arena_chunk *older;
    size_t used;
    size_t capacity;
    uint64_t bytes[]; /* capacity bytes, aligned like what is handed out */
};

void *rove__alloc(const rove_allocator *allocator, size_t size) {
    ROVE_ASSERT(allocator != NULL && allocator->resize != NULL);
    return size == 0 ? NULL : allocator->resize(allocator->ctx, NULL, size);
}

void *rove__alloc_zeroed(const rove_allocator *allocator, size_t count, size_t size) {
    void *pointer = NULL;

    if (count == 0 || size == 0 || size > SIZE_MAX / count) {
        return NULL;
    }
    pointer = rove__alloc(allocator, count * size);
    if (pointer != NULL) {
        memset(pointer, 0, count * size);
    }
    return pointer;
}

void *rove__alloc_resize(const rove_allocator *allocator, void *pointer, size_t count,
                         size_t size) {
    ROVE_ASSERT(allocator != NULL && allocator->resize != NULL);
    if (count == 0 || size == 0 || size > SIZE_MAX / count) {
        return NULL;
    }
    return allocator->resize(allocator->ctx, pointer, count * size);
}

void rove__free(const rove_allocator *allocator, void *pointer) {
    if (pointer != NULL) {
        (void)allocator->resize(allocator->ctx, pointer, 0);
    }
}

char *rove__alloc_text(const rove_allocator *allocator, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = rove__alloc(allocator, size);

    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

#ifdef __GNUC__
/* The compiler is told that somebody may look. */
void rove__wipe(void *memory, size_t size) {
    memset(memory, 0, size);
    __asm__ __volatile__("" : : "r"(memory) : "memory");
}
#else
void rove__wipe(void *memory, size_t size) {
    volatile uint8_t *bytes = memory;

    for (size_t i = 0; i < size; i++) {
        bytes[i] = 0;
    }
}
#endif

void rove__wipe_stack(void) {
    uint8_t below[STACK_SIZE];

    rove__wipe(below, sizeof below);
}

void rove__arena_init(rove__arena *arena, const rove_allocator *allocator, size_t max_bytes) {
    ROVE_ASSERT(allocator != NULL);
    arena->allocator = allocator;
    arena->chunks = NULL;
    arena->used = 0;
    arena->max = max_bytes;
}

/* Puts a new chunk with room for `size` bytes in front; NULL when memory is short. */
static rove__arena_chunk *chunk_add(rove__arena *arena, size_t size) {
    size_t capacity = CHUNK_MIN;
    rove__arena_chunk *chunk = NULL;

    if (arena->chunks != NULL) {
        capacity = arena->chunks->capacity * 2;
    }
    if (capacity > CHUNK_DOUBLING_MAX) {
        capacity = CHUNK_DOUBLING_MAX;
    }
    if (capacity < size) {
        capacity = size;
    }
    if (capacity > SIZE_MAX - sizeof *chunk) {
        return NULL;
    }
    chunk = rove__alloc(arena->allocator, sizeof *chunk + capacity);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->older = arena->chunks;
    chunk->used = 0;
    chunk->capacity = capacity;
    arena->chunks = chunk;
    return chunk;
}

void *rove__arena_take(rove__arena *arena, size_t size) {
    rove__arena_chunk *chunk = arena->chunks;
    void *taken = NULL;

    ROVE_ASSERT(arena->allocator != NULL);
    if (size > SIZE_MAX - ALIGNMENT) {
        return NULL;
    }
    size = size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (size > arena->max - arena->used) {
        return NULL;
    }
    if (chunk == NULL || size > chunk->capacity - chunk->used) {
        chunk = chunk_add(arena, size);
        if (chunk == NULL) {
            return NULL;
        }
    }
    taken = (uint8_t *)chunk->bytes + chunk->used;
    chunk->used += size;
    arena->used += size;
    ROVE_ASSERT(chunk->used <= chunk->capacity && arena->used <= arena->max);
    return taken;
}

void *rove__arena_copy(rove__arena *arena, const void *data, size_t size) {
    void *copy = rove__arena_take(arena, size);

    if (copy != NULL && size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

void *rove__arena_grown(rove__arena *arena, void *array, size_t count, size_t *capacity,
                        size_t size) {
    if (count < *capacity) {
        return array;
    }
    size_t larger_capacity = 2 * *capacity + 8;
    void *larger = rove__arena_take(arena, larger_capacity * size);
    if (larger == NULL) {
        return NULL;
    }
    if (count > 0) {
        memcpy(larger, array, count * size);
    }
    *capacity = larger_capacity;
    return larger;
}

void rove__arena_reset(rove__arena *arena) {
    while (arena->chunks != NULL && arena->chunks->older != NULL) {
        rove__arena_chunk *older = arena->chunks->older;
        rove__free(arena->allocator, arena->chunks);
        arena->chunks = older;
    }
    if (arena->chunks != NULL) {
        arena->chunks->used = 0;
    }
    arena->used = 0;
}

void rove__arena_free(rove__arena *arena) {
    while (arena->chunks != NULL) {
        rove__arena_chunk *older = arena->chunks->older;
        rove__free(arena->allocator, arena->chunks);
        arena->chunks = older;
    }
    arena->used = 0;
}
