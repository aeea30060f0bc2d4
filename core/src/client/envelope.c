/*
 * client/envelope.c - see envelope.h.
 */
#include "client/envelope.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "client/checked.h"

#define MAGIC      "RoveId"
#define MAGIC_SIZE (sizeof MAGIC - 1)
#define START_SIZE (MAGIC_SIZE + 1)
#define LABEL      "rove identity"

/* The bytes of the head, in their order; no padding, for all of them are bytes. */
typedef struct slot {
    uint8_t salt[16];
    uint8_t nonce[ROVE_GCM_NONCE_SIZE];
    uint8_t wrapped[ROVE_GCM_KEY_SIZE];
    uint8_t tag[ROVE_GCM_TAG_SIZE];
} slot;

typedef struct head {
    uint8_t magic[MAGIC_SIZE];
    uint8_t version[1];
    slot slots[2];
    uint8_t nonce[ROVE_GCM_NONCE_SIZE]; /* of what is sealed */
} head;

ROVE_STATIC_ASSERT(sizeof(slot) == ROVE_ENVELOPE_SLOT, "a slot is what the comment says");
ROVE_STATIC_ASSERT(sizeof(head) == ROVE_ENVELOPE_HEAD, "the head is what the comment says");

/* The caller wipes it. */
static rove_status wrapping_key(const rove_crypto *crypto, const slot *s, const uint8_t *secret,
                                uint8_t out[ROVE_GCM_KEY_SIZE]) {
    return crypto->hkdf_sha256(crypto->ctx, secret, ROVE_SECRET_SIZE, s->salt, sizeof s->salt,
                               LABEL, sizeof LABEL - 1, out, ROVE_GCM_KEY_SIZE);
}

int rove__envelope_is(const uint8_t *bytes, size_t size) {
    return size > START_SIZE && memcmp(bytes, MAGIC, MAGIC_SIZE) == 0 &&
           bytes[MAGIC_SIZE] == ROVE_ENVELOPE_VERSION;
}

/* ---- sealing -------------------------------------------------------------------------------------------- */

static rove_status fill_slot(const rove__envelope_ports *ports, const head *h, slot *s,
                             const uint8_t *secret, const uint8_t key[ROVE_GCM_KEY_SIZE]) {
    const rove_crypto *crypto = ports->crypto;
    uint8_t wrapping[ROVE_GCM_KEY_SIZE];

    rove_status status = ports->random->fill(ports->random->ctx, s->salt, sizeof s->salt);
    if (status == ROVE_OK) {
        status = ports->random->fill(ports->random->ctx, s->nonce, sizeof s->nonce);
    }
    if (status == ROVE_OK) {
        status = wrapping_key(crypto, s, secret, wrapping);
    }
    if (status == ROVE_OK) {
        status = crypto->gcm_seal(crypto->ctx, wrapping, s->nonce, h, START_SIZE, key,
                                  ROVE_GCM_KEY_SIZE, s->wrapped, s->tag);
    }
    rove__wipe(wrapping, sizeof wrapping);
    return status;
}

rove_status rove__envelope_seal(const rove__envelope_ports *ports, const uint8_t *secret,
                                const uint8_t *other, const uint8_t *plain, size_t size,
                                uint8_t *out) {
    const rove_crypto *crypto = ports->crypto;
    uint8_t key[ROVE_GCM_KEY_SIZE];
    uint8_t *sealed = out + sizeof(head);
    head h = {.version = {ROVE_ENVELOPE_VERSION}};

    memcpy(h.magic, MAGIC, MAGIC_SIZE);
    rove_status status = ports->random->fill(ports->random->ctx, key, sizeof key);
    if (status == ROVE_OK) {
        status = ports->random->fill(ports->random->ctx, h.nonce, sizeof h.nonce);
    }
    if (status == ROVE_OK) {
        status = fill_slot(ports, &h, &h.slots[0], secret, key);
    }
    if (status == ROVE_OK) {
        status = fill_slot(ports, &h, &h.slots[1], other, key);
    }
    if (status == ROVE_OK) {
        memcpy(out, &h, sizeof h);
        status = crypto->gcm_seal(crypto->ctx, key, h.nonce, &h, sizeof h, plain, size, sealed,
                                  sealed + size);
    }
    rove__wipe(key, sizeof key);
    size_t end = sizeof h + size + ROVE_GCM_TAG_SIZE;
    return status == ROVE_OK ? rove__checked_end(crypto, out, end, out + end) : status;
}

/* ---- opening -------------------------------------------------------------------------------------------- */

/* WRONG_KEY: not with this secret. */
static rove_status open_slot(const rove_crypto *crypto, const head *h, const slot *s,
                             const uint8_t *secret, uint8_t key[ROVE_GCM_KEY_SIZE]) {
    uint8_t wrapping[ROVE_GCM_KEY_SIZE];
    rove_status status = wrapping_key(crypto, s, secret, wrapping);

    if (status == ROVE_OK) {
        status = crypto->gcm_open(crypto->ctx, wrapping, s->nonce, h, START_SIZE, s->wrapped,
                                  sizeof s->wrapped, s->tag, key);
    }
    rove__wipe(wrapping, sizeof wrapping);
    return status == ROVE_CORRUPT ? ROVE_WRONG_KEY : status;
}

/* With whichever slot opens. */
static rove_status open_slots(const rove_crypto *crypto, const head *h, const uint8_t *secret,
                              uint8_t key[ROVE_GCM_KEY_SIZE], int *only) {
    uint8_t other[ROVE_GCM_KEY_SIZE];
    rove_status first = open_slot(crypto, h, &h->slots[0], secret, key);
    rove_status second = open_slot(crypto, h, &h->slots[1], secret, other);

    if (first == ROVE_WRONG_KEY && second == ROVE_OK) {
        memcpy(key, other, sizeof other);
    }
    rove__wipe(other, sizeof other);
    *only = first == ROVE_OK && second == ROVE_OK;
    return first == ROVE_WRONG_KEY ? second : second == ROVE_WRONG_KEY ? first : second;
}

rove_status rove__envelope_open(const rove__envelope_ports *ports, const uint8_t *secret,
                                uint8_t *bytes, size_t *size, int *only) {
    const rove_crypto *crypto = ports->crypto;
    uint8_t key[ROVE_GCM_KEY_SIZE];
    head h;

    *only = 0;
    if (*size < ROVE_ENVELOPE_SIZE) {
        return ROVE_CORRUPT;
    }
    rove_status status = rove__checked_look(crypto, bytes, *size);
    memcpy(&h, bytes, sizeof h);
    if (status == ROVE_OK) {
        status = open_slots(crypto, &h, secret, key, only);
    }
    if (status == ROVE_OK) {
        size_t plain = *size - sizeof h - ROVE_GCM_TAG_SIZE - ROVE_SHA256_SIZE;
        memmove(bytes, bytes + sizeof h, plain + ROVE_GCM_TAG_SIZE);
        status = crypto->gcm_open(crypto->ctx, key, h.nonce, &h, sizeof h, bytes, plain,
                                  bytes + plain, bytes);
        *size = plain;
    }
    rove__wipe(key, sizeof key);
    return status;
}
