/*
 * rove/sys/alloc.h - where memory comes from. For people who port Rove.
 *
 * Stability: extension point; fields are only ever added at the end.
 */
#ifndef ROVE_SYS_ALLOC_H
#define ROVE_SYS_ALLOC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * resize(ctx, NULL, n) allocates, resize(ctx, p, n) moves, resize(ctx, p, 0) frees and returns NULL.
 * A NULL for n > 0 means that memory is short and leaves p as it was. Called from any thread.
 */
typedef struct rove_allocator {
    void *(*resize)(void *ctx, void *pointer, size_t size);
    void *ctx;
} rove_allocator;

#ifdef __cplusplus
}
#endif
#endif
