/*
 * alloc.c - the allocator port over realloc and free.
 */
#include "posix.h"

#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static void *resize(void *ctx, void *pointer, size_t size) {
    (void)ctx;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    return realloc(pointer, size);
}

void rove_posix_allocator(rove_allocator *out) {
    out->resize = resize;
    out->ctx = NULL;
}

#define FREED 0xa5 /* what freed memory is filled with */

int rove_posix_overwrite_freed(void) {
#ifdef __GLIBC__
    return mallopt(M_PERTURB, FREED);
#else
    return 0;
#endif
}
