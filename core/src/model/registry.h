/*
 * model/registry.h - the inside of a registry; for registry.c and custom.c alone.
 *
 * Invariants: entities ascend by number. by_number of an entity is a permutation of its ordinals. Fields
 * that stand are never moved to another ordinal. What can be seen is not written again: a field is put behind
 * the last one, or into a copy, and then published, fields first, the count next, the order last.
 */
#ifndef ROVE_MODEL_REGISTRY_H
#define ROVE_MODEL_REGISTRY_H

#include "base/alloc.h"
#include "model/entity.h"

/* All that a registry may take, custom fields of every entity included. */
#define ROVE_REGISTRY_MAX ((size_t)8 * 1024 * 1024)

typedef struct rove__slot {
    rove__entity entity;
    rove__field *fields; /* the array that the entity shows read-only */
    size_t count;        /* filled in; the entity shows them once they are published */
    size_t capacity;
} rove__slot;

struct rove__registry {
    rove__arena arena;
    size_t count;
    rove__slot slots[ROVE_ENTITIES_MAX];
};

/* Puts a field behind the last one. ROVE_NOMEM. */
ROVE_CHECK rove_status rove__slot_append(rove__slot *slot, rove__arena *arena,
                                         const rove__field *field);
/* Shows what was appended. ROVE_NOMEM: nothing of it is shown. */
ROVE_CHECK rove_status rove__slot_publish(rove__slot *slot, rove__arena *arena);
/* Shows another field instead of one that is shown. ROVE_NOMEM. */
ROVE_CHECK rove_status rove__slot_replace(rove__slot *slot, rove__arena *arena, size_t ordinal,
                                          const rove__field *field);

#endif
