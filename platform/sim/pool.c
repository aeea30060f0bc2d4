/*
 * sim/pool.c - see pool.h. A block has its size before it. Blocks of one size go round in a list; what is bigger than the
 * biggest size is the heap's.
 */
#include "sim/pool.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 16u /* keeps what follows aligned */
#define STEP   16u /* between sizes up to SMALL */
#define SMALL  1024u
#define LEVELS 10 /* then four in each doubling, up to BIG */
#define SIZES  (SMALL / STEP + 4 * LEVELS)
#define BIG    (SMALL << LEVELS)
#define CHUNK  ((size_t)1 << 20)

typedef struct block {
    struct block *next;
} block;

static block *spare[SIZES];
static uint8_t *chunk;
static size_t chunk_left;

/* The place of a size among the lists, and what it is rounded up to. */
static size_t place_of(size_t size, size_t *rounded) {
    if (size <= SMALL) {
        size_t place = size == 0 ? 0 : (size - 1) / STEP;
        *rounded = (place + 1) * STEP;
        return place;
    }
    size_t place = SMALL / STEP;
    size_t least = SMALL;
    for (; size > least * 2; least *= 2) {
        place += 4;
    }
    size_t steps = (size - least - 1) / (least / 4);
    *rounded = least + (steps + 1) * (least / 4);
    return place + steps;
}

static uint8_t *fresh(size_t size) {
    if (size > CHUNK / 4) {
        return malloc(size);
    }
    if (size > chunk_left) {
        chunk = malloc(CHUNK);
        chunk_left = chunk == NULL ? 0 : CHUNK;
        if (chunk == NULL) {
            return NULL;
        }
    }
    chunk_left -= size;
    chunk += size;
    return chunk - size;
}

static int size_of(void *pointer) {
    int size = 0;
    memcpy(&size, (uint8_t *)pointer - HEADER, sizeof size);
    return size;
}

static void *take(int wanted) {
    size_t size = (size_t)wanted;
    size_t place = 0;
    uint8_t *at = NULL;
    if (size > BIG) {
        at = malloc(HEADER + size);
    } else {
        place = place_of(size, &size);
        if (spare[place] != NULL) {
            block *found = spare[place];
            spare[place] = found->next;
            __builtin_prefetch(found->next); /* long unused, and wanted next */
            return found;
        }
        at = fresh(HEADER + size);
    }
    if (at == NULL) {
        return NULL;
    }
    int kept = (int)size;
    memcpy(at, &kept, sizeof kept);
    return at + HEADER;
}

static void give(void *pointer) {
    size_t size = (size_t)size_of(pointer);
    if (size > BIG) {
        free((uint8_t *)pointer - HEADER);
        return;
    }
    block *freed = pointer;
    size_t place = place_of(size, &size);
    freed->next = spare[place];
    spare[place] = freed;
}

static void *resize(void *pointer, int wanted) {
    int size = size_of(pointer);
    if (wanted <= size) {
        return pointer;
    }
    void *moved = take(wanted);
    if (moved != NULL) {
        memcpy(moved, pointer, (size_t)size);
        give(pointer);
    }
    return moved;
}

static int round_up(int wanted) {
    size_t size = (size_t)wanted;
    if (size <= BIG) {
        (void)place_of(size, &size);
    }
    return (int)size;
}

static int begin(void *ctx) {
    (void)ctx;
    return SQLITE_OK;
}

static void end(void *ctx) {
    (void)ctx;
}

void sim_pool_install(void) {
    static const sqlite3_mem_methods methods = {take,     give,  resize, size_of,
                                                round_up, begin, end,    NULL};
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}
