/*
 * http/purse.c - see purse.h. The size of a block stands before it; 16 bytes keep it aligned.
 */
#include "http/purse.h"

#include <stdint.h>
#include <string.h>

#define HEAD ((size_t)16)

/* 0: there is not so much left. */
static int take(purse *self, size_t size) {
    size_t used = atomic_load(&self->used);

    do {
        if (size > self->limit - used) {
            return 0;
        }
    } while (!atomic_compare_exchange_weak(&self->used, &used, used + size));
    return 1;
}

static size_t size_of(const unsigned char *block) {
    size_t size = 0;

    if (block != NULL) {
        memcpy(&size, block, sizeof size);
    }
    return size;
}

/* What is asked for is taken before what was there is given back, as moving a block needs both. */
static void *resize(void *ctx, void *pointer, size_t size) {
    purse *self = ctx;
    unsigned char *block = pointer == NULL ? NULL : (unsigned char *)pointer - HEAD;
    size_t before = size_of(block);

    if (size == 0) {
        (void)self->base->resize(self->base->ctx, block, 0);
        atomic_fetch_sub(&self->used, before);
        return NULL;
    }
    if (size > SIZE_MAX - HEAD || !take(self, size + HEAD)) {
        return NULL;
    }
    unsigned char *moved = self->base->resize(self->base->ctx, block, size + HEAD);
    atomic_fetch_sub(&self->used, moved == NULL ? size + HEAD : before);
    if (moved == NULL) {
        return NULL;
    }
    size += HEAD;
    memcpy(moved, &size, sizeof size);
    return moved + HEAD;
}

void purse_init(purse *self, const rove_allocator *base, size_t limit_bytes) {
    self->base = base;
    self->allocator = (rove_allocator){resize, self};
    self->limit = limit_bytes;
    atomic_init(&self->used, 0);
}

size_t purse_used(const purse *self) {
    return atomic_load(&self->used);
}

int purse_may_begin(const purse *self) {
    return purse_used(self) <= self->limit - self->limit / 4;
}
