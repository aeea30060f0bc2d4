/*
 * import/names.c - see names.h.
 */
#include "import/names.h"

#include <string.h>

#include "base/siphash.h"

#define SLOTS_FIRST 256
#define TEXTS_MAX   ((size_t)1024 * 1024 * 1024)

typedef struct slot {
    const char *text; /* NULL: free */
    size_t size;
    uint64_t hash;
    int64_t number;
} slot;

struct names {
    const rove_allocator *allocator;
    rove__arena texts;
    slot *slots;
    size_t capacity; /* a power of two */
    size_t count;
};

static uint64_t hash_of(const char *text, size_t size) {
    static const uint8_t key[ROVE_HASH_KEY_SIZE] = {'i', 'm', 'p', 'o', 'r', 't'};

    return rove__siphash128(key, text, size).low;
}

/* The slot that holds the text, or the free one where it would go. */
static slot *find(slot *slots, size_t capacity, const char *text, size_t size, uint64_t hash) {
    size_t at = (size_t)hash & (capacity - 1);

    while (slots[at].text != NULL && (slots[at].hash != hash || slots[at].size != size ||
                                      memcmp(slots[at].text, text, size) != 0)) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

rove_status names_new(const rove_allocator *allocator, names **out) {
    names *map = rove__alloc_zeroed(allocator, 1, sizeof *map);

    *out = NULL;
    if (map == NULL) {
        return ROVE_NOMEM;
    }
    map->allocator = allocator;
    map->capacity = SLOTS_FIRST;
    map->slots = rove__alloc_zeroed(allocator, map->capacity, sizeof *map->slots);
    rove__arena_init(&map->texts, allocator, TEXTS_MAX);
    if (map->slots == NULL) {
        names_free(map);
        return ROVE_NOMEM;
    }
    *out = map;
    return ROVE_OK;
}

void names_free(names *map) {
    if (map != NULL) {
        rove__arena_free(&map->texts);
        rove__free(map->allocator, map->slots);
        rove__free(map->allocator, map);
    }
}

static rove_status grow(names *map) {
    size_t capacity = map->capacity * 2;
    slot *slots = rove__alloc_zeroed(map->allocator, capacity, sizeof *slots);

    if (slots == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        const slot *old = &map->slots[i];
        if (old->text != NULL) {
            *find(slots, capacity, old->text, old->size, old->hash) = *old;
        }
    }
    rove__free(map->allocator, map->slots);
    map->slots = slots;
    map->capacity = capacity;
    return ROVE_OK;
}

rove_status names_put(names *map, const char *text, size_t size, int64_t number) {
    uint64_t hash = hash_of(text, size);
    rove_status status = map->count * 4 >= map->capacity * 3 ? grow(map) : ROVE_OK;

    if (status != ROVE_OK) {
        return status;
    }
    slot *at = find(map->slots, map->capacity, text, size, hash);
    if (at->text == NULL) {
        const char *copy = rove__arena_copy(&map->texts, text, size);
        if (copy == NULL) {
            return ROVE_NOMEM;
        }
        *at = (slot){copy, size, hash, number};
        map->count++;
    }
    at->number = number;
    return ROVE_OK;
}

int names_get(const names *map, const char *text, size_t size, int64_t *number) {
    *number = 0;
    if (map == NULL) {
        return 0;
    }
    const slot *at = find(map->slots, map->capacity, text, size, hash_of(text, size));
    *number = at->number;
    return at->text != NULL;
}
