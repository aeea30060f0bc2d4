/*
 * audit/keys.c - see keys.h.
 */
#include "audit/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "wire/batch.h"

#define ARENA_MAX ((size_t)16 * 1024 * 1024)

typedef struct reading {
    hq *headquarters;
    rove__hq_tx *tx;
    const rove__entity *device;
    size_t ordinal; /* of public_key */
    rove_id user;   /* of the record being read */
    audit_keys *keys;
} reading;

static rove_status add(reading *self, const rove_value *value) {
    const hq_ports *ports = hq_get_ports(self->headquarters);
    audit_keys *keys = self->keys;

    if (value->type != ROVE_BLOB || value->size > ROVE_PUBLIC_KEY_DER_MAX) {
        return ROVE_OK;
    }
    if (keys->count == keys->capacity) {
        size_t capacity = keys->capacity == 0 ? 64 : keys->capacity * 2;
        audit_key *more = rove__alloc_resize(&ports->allocator, keys->keys, capacity, sizeof *more);
        if (more == NULL) {
            return ROVE_NOMEM;
        }
        keys->keys = more;
        keys->capacity = capacity;
    }
    audit_key *key = &keys->keys[keys->count++];
    key->size = value->size;
    key->user = self->user;
    memcpy(key->der, value->as.data, value->size);
    return rove__proof_key(&ports->crypto, (rove__bytes){key->der, key->size}, key->id);
}

static rove_status each_version(void *ctx, const rove__hq_history *history) {
    reading *self = ctx;
    rove__batch_reader *reader = NULL;
    rove__change change;
    rove_status status = rove__batch_reader_new(
        &hq_get_ports(self->headquarters)->allocator, hq_registry(self->headquarters),
        history->change.data, history->change.size, &reader);

    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        if (status == ROVE_OK && change.row.entity == self->device) {
            rove_value key = rove__row_cell(&change.row, self->ordinal);
            status = add(self, &key);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

static rove_status each_device(void *ctx, const rove__hq_row *row) {
    reading *self = ctx;
    const rove_value *user = &row->row.cells[rove__entity_field_named(self->device, "user_id")];
    rove__arena arena;

    self->user = user->type == ROVE_INT ? user->as.integer : 0;
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status = hq_database(self->headquarters)
                             ->store.history_scan(self->tx, self->device->number, row->row.id, 0,
                                                  &arena, each_version, self);
    rove__arena_free(&arena);
    return status;
}

static int compare(const void *a, const void *b) {
    return memcmp(((const audit_key *)a)->id, ((const audit_key *)b)->id, ROVE_PROOF_KEY_SIZE);
}

rove_status audit_keys_read(hq *headquarters, rove__hq_tx *tx, audit_keys *keys) {
    reading self = {.headquarters = headquarters, .tx = tx, .keys = keys};
    rove__arena arena;

    memset(keys, 0, sizeof *keys);
    self.device = rove__registry_by_name(hq_registry(headquarters), "Device");
    self.ordinal = (size_t)rove__entity_field_named(self.device, "public_key");
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(headquarters)
            ->directory.row_find(tx, self.device->number, -1, NULL, &arena, each_device, &self);
    rove__arena_free(&arena);
    if (keys->count > 1) {
        qsort(keys->keys, keys->count, sizeof *keys->keys, compare);
    }
    return status;
}

void audit_keys_free(hq *headquarters, audit_keys *keys) {
    rove__free(&hq_get_ports(headquarters)->allocator, keys->keys);
}

const audit_key *audit_keys_find(const audit_keys *keys, const uint8_t id[ROVE_PROOF_KEY_SIZE]) {
    audit_key wanted;

    memcpy(wanted.id, id, sizeof wanted.id);
    return keys->count == 0
               ? NULL
               : bsearch(&wanted, keys->keys, keys->count, sizeof *keys->keys, compare);
}
