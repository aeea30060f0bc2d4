/*
 * alloc.c - the allocator port over realloc and free.
 */
#include "posix.h"

#include <stdlib.h>

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
