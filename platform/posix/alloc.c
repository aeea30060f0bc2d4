/*
 * alloc.c - the allocator port over malloc and free. What it gives back is overwritten.
 */
#include "posix.h"

#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Overwritten here and not by M_PERTURB alone, which leaves small blocks as they are (glibc keeps them at hand for their thread). */
#ifdef __GLIBC__
static void give_back(void *pointer) {
    memset(pointer, 0, malloc_usable_size(pointer));
    __asm__ __volatile__("" : : "r"(pointer) : "memory"); /* somebody may look */
    free(pointer);
}

/* What moves leaves no copy behind. */
static void *move(void *pointer, size_t size) {
    size_t former = pointer != NULL ? malloc_usable_size(pointer) : 0;

    if (size <= former && size >= former / 2) {
        return pointer;
    }
    void *moved = malloc(size);
    if (moved != NULL && pointer != NULL) {
        memcpy(moved, pointer, former < size ? former : size);
        give_back(pointer);
    }
    return moved;
}
#else
static void give_back(void *pointer) {
    free(pointer);
}

static void *move(void *pointer, size_t size) {
    return realloc(pointer, size);
}
#endif

static void *resize(void *ctx, void *pointer, size_t size) {
    (void)ctx;
    if (size > 0) {
        return move(pointer, size);
    }
    if (pointer != NULL) {
        give_back(pointer);
    }
    return NULL;
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
