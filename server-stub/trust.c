/*
 * trust.c - see trust.h.
 */
#include "trust.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define VALUE_MAX   (ROVE_SHA256_SIZE + (size_t)TRUST_MAX * TRUST_ID_SIZE)
#define ARENA_MAX   ((size_t)64 * 1024)
#define DEVICES_MAX ((size_t)64 * 1024 * 1024)

static void add(trust *self, const uint8_t *id) {
    if (self->count < TRUST_MAX) {
        memcpy(self->ids[self->count++], id, TRUST_ID_SIZE);
    }
}

rove_status trust_authority(const hq_ports *ports, const rove_pki_bytes *certificate,
                            uint8_t hash[ROVE_SHA256_SIZE]) {
    rove_span span = {certificate->data, certificate->size};
    return ports->crypto.sha256(ports->crypto.ctx, &span, 1, hash);
}

rove_status trust_needed(const hq_ports *ports, const hq_keys *keys, trust *out) {
    uint8_t hash[ROVE_SHA256_SIZE];
    *out = (trust){.count = 0};
    rove_status status = trust_authority(ports, &keys->ca, hash);
    if (status == ROVE_OK) {
        add(out, keys->own.pin);
        add(out, hash);
    }
    return status;
}

rove_status trust_now(const hq_ports *ports, const hq_keys *keys, trust *out) {
    uint8_t hash[ROVE_SHA256_SIZE];
    rove_status status = trust_needed(ports, keys, out);
    if (status == ROVE_OK && keys->next.signer != NULL) {
        add(out, keys->next.pin);
    }
    if (status == ROVE_OK && keys->ca_next.size > 0) {
        status = trust_authority(ports, &keys->ca_next, hash);
        if (status == ROVE_OK) {
            add(out, hash);
        }
    }
    return status;
}

int trust_knows(const trust *self, const uint8_t *what) {
    for (size_t i = 0; i < self->count; i++) {
        if (memcmp(self->ids[i], what, TRUST_ID_SIZE) == 0) {
            return 1;
        }
    }
    return 0;
}

int trust_has(const trust *self, const trust *wanted) {
    for (size_t i = 0; i < wanted->count; i++) {
        if (!trust_knows(self, wanted->ids[i])) {
            return 0;
        }
    }
    return 1;
}

int trust_equal(const trust *a, const trust *b) {
    return a->count == b->count && trust_has(a, b);
}

/* ---- what was told -------------------------------------------------------------------------------------- */

static void name_of(char name[ROVE_NAME_MAX], const char *what, rove_replica replica) {
    rove__text_format(name, ROVE_NAME_MAX, "%s/%u", what, (unsigned)replica);
}

void trust_former_key_name(char name[ROVE_NAME_MAX], rove_replica replica) {
    name_of(name, "former-key", replica);
}

rove_status trust_tell(hq *headquarters, rove__hq_tx *tx, const hq_keys *keys, rove_replica replica,
                       const uint8_t key_hash[ROVE_SHA256_SIZE]) {
    char name[ROVE_NAME_MAX];
    uint8_t value[VALUE_MAX];
    trust now;
    rove_status status = trust_now(hq_get_ports(headquarters), keys, &now);
    if (status != ROVE_OK) {
        return status;
    }
    size_t size = now.count * TRUST_ID_SIZE;
    memcpy(value, key_hash, ROVE_SHA256_SIZE);
    memcpy(value + ROVE_SHA256_SIZE, now.ids, size);
    name_of(name, "told", replica);
    return hq_database(headquarters)
        ->directory.setting_put(tx, name, (rove__bytes){value, ROVE_SHA256_SIZE + size});
}

rove_status trust_of(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                     const uint8_t key_hash[ROVE_SHA256_SIZE], trust *out) {
    char name[ROVE_NAME_MAX];
    rove__arena arena;
    rove__bytes value = {NULL, 0};
    *out = (trust){.count = 0};
    name_of(name, "told", replica);
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status = hq_database(headquarters)->directory.setting_get(tx, name, &arena, &value);
    if (status == ROVE_OK && value.size >= ROVE_SHA256_SIZE && value.size <= VALUE_MAX &&
        memcmp(value.data, key_hash, ROVE_SHA256_SIZE) == 0) {
        out->count = (value.size - ROVE_SHA256_SIZE) / TRUST_ID_SIZE;
        memcpy(out->ids, value.data + ROVE_SHA256_SIZE, out->count * TRUST_ID_SIZE);
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* ---- all devices ---------------------------------------------------------------------------------------- */

typedef struct devices {
    rove__arena arena;
    rove__hq_device *items;
    size_t count, capacity;
} devices;

static rove_status each_device(void *ctx, const rove__hq_device *device) {
    devices *self = ctx;
    if (device->status != ROVE_DEVICE_ACTIVE) {
        return ROVE_OK;
    }
    rove__hq_device *items =
        rove__arena_grown(&self->arena, self->items, self->count, &self->capacity, sizeof *items);
    if (items == NULL) {
        return ROVE_NOMEM;
    }
    self->items = items;
    items[self->count++] = *device;
    return ROVE_OK;
}

/* 1: its last renewal may not have reached it. */
static rove_status is_unseen(hq *headquarters, rove__hq_tx *tx, rove_replica replica, int *unseen) {
    char name[ROVE_NAME_MAX];
    rove__arena arena;
    rove__bytes value = {NULL, 0};
    trust_former_key_name(name, replica);
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status = hq_database(headquarters)->directory.setting_get(tx, name, &arena, &value);
    *unseen = status == ROVE_OK && value.size > 0;
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

rove_status trust_scan(hq *headquarters, rove__hq_tx *tx,
                       rove_status (*each)(void *ctx, const rove__hq_device *device,
                                           const trust *has),
                       void *ctx) {
    devices all = {.items = NULL};
    rove__arena_init(&all.arena, &hq_get_ports(headquarters)->allocator, DEVICES_MAX);
    rove_status status = hq_database(headquarters)->store.device_scan(tx, 0, each_device, &all);
    for (size_t i = 0; i < all.count && status == ROVE_OK; i++) {
        const rove__hq_device *device = &all.items[i];
        trust has = {.count = 0};
        int unseen = 0;
        status = is_unseen(headquarters, tx, device->replica, &unseen);
        if (status == ROVE_OK && !unseen) {
            status = trust_of(headquarters, tx, device->replica, device->key_hash, &has);
        }
        if (status == ROVE_OK) {
            status = each(ctx, device, &has);
        }
    }
    rove__arena_free(&all.arena);
    return status;
}
