/*
 * model/registry.h - the inside of a registry; for registry.c and custom.c alone.
 *
 * Invariants: entities ascend by number. by_number of an entity is a permutation of its ordinals. Fields
 * that stand are never moved to another ordinal.
 */
#ifndef ROVE_MODEL_REGISTRY_H
#define ROVE_MODEL_REGISTRY_H

#include "base/alloc.h"
#include "model/entity.h"

/* All that a registry may take, custom fields of every entity included. */
#define ROVE_REGISTRY_MAX ((size_t)8 * 1024 * 1024)

/* The same arrays that the entity shows read-only. */
typedef struct rove__slot {
    rove__entity entity;
    rove__field *fields;
    uint16_t *by_number;
    size_t capacity; /* of both */
} rove__slot;

struct rove__registry {
    rove__arena arena;
    size_t count;
    rove__slot slots[ROVE_ENTITIES_MAX];
};

/* Room for at least `capacity` fields. ROVE_NOMEM. */
ROVE_CHECK rove_status rove__slot_reserve(rove__slot *slot, rove__arena *arena, size_t capacity);
/* Puts a field at the end; there has to be room. */
void rove__slot_append(rove__slot *slot, const rove__field *field);

#endif
