/*
 * support/arena_watch.c - see arena_watch.h.
 */
#include "arena_watch.h"

int (*arena_watch)(void *ctx, const rove__arena *arena);
void *arena_watch_ctx;

/* The linker's names: __real is the arena's function, __wrap is what others call by its name. */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_rove__arena_take(rove__arena *arena, size_t size);
void *__real_rove__arena_copy(rove__arena *arena, const void *data, size_t size);
void *__wrap_rove__arena_take(rove__arena *arena, size_t size);
void *__wrap_rove__arena_copy(rove__arena *arena, const void *data, size_t size);

static int full(const rove__arena *arena) {
    return arena_watch != NULL && arena_watch(arena_watch_ctx, arena);
}

void *__wrap_rove__arena_take(rove__arena *arena, size_t size) {
    return full(arena) ? NULL : __real_rove__arena_take(arena, size);
}

void *__wrap_rove__arena_copy(rove__arena *arena, const void *data, size_t size) {
    return full(arena) ? NULL : __real_rove__arena_copy(arena, data, size);
}
/* NOLINTEND(bugprone-reserved-identifier) */
