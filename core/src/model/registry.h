/*
 * model/registry.h - the inside of a registry; for registry.c and custom.c alone.
 *
 * Invariants: entities ascend by number. by_number of an entity is a permutation of its ordinals. Fields
 * that stand never move: each entity's array has room for all that it may ever have, which costs addresses and
 * not memory. A field is put behind the last one, then it is counted, then it has its place in the order.
 */
#ifndef ROVE_MODEL_REGISTRY_H
#define ROVE_MODEL_REGISTRY_H

#include "base/alloc.h"
#include "model/entity.h"

/* All that a registry may take, custom fields of every entity included. */
#define ROVE_REGISTRY_MAX ((size_t)8 * 1024 * 1024)

typedef struct rove__slot {
    rove__entity entity;
    rove__field *fields; /* ROVE_FIELDS_MAX; the entity shows them read-only */
    size_t count;        /* filled in; the entity shows them once they are published */
} rove__slot;

struct rove__registry {
    rove__arena arena;
    size_t count;
    rove__slot slots[ROVE_ENTITIES_MAX];
};

/* Puts a field behind the last one. */
void rove__slot_append(rove__slot *slot, const rove__field *field);
/* Shows what was appended. ROVE_NOMEM: nothing of it is shown. */
ROVE_CHECK rove_status rove__slot_publish(rove__slot *slot, rove__arena *arena);

#endif
