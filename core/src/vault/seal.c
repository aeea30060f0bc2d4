/*
 * vault/seal.c - see seal.h.
 */
#include "vault/seal.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define EPOCH_UNITS ((uint64_t)1 << 28)
#define NONCE_AT    0
#define TAG_AT      ROVE_GCM_NONCE_SIZE
#define EPOCH_AT    (ROVE_GCM_NONCE_SIZE + ROVE_GCM_TAG_SIZE)

static void put32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static uint32_t get32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static rove_status new_epoch(rove__sealer *sealer) {
    uint32_t epoch = 0;
    rove_status status = ROVE_OK;

    while (status == ROVE_OK && (epoch == 0 || epoch == sealer->epoch)) {
        status = sealer->random->fill(sealer->random->ctx, &epoch, sizeof epoch);
    }
    sealer->epoch = epoch;
    sealer->sealed = 0;
    return status;
}

rove_status rove__sealer_open(rove__sealer *sealer, const rove_crypto *crypto,
                              const rove_random *random, const uint8_t data_key[ROVE_DATA_KEY_SIZE],
                              const uint8_t file_id[ROVE_FILE_ID_SIZE]) {
    memset(sealer, 0, sizeof *sealer);
    sealer->crypto = crypto;
    sealer->random = random;
    sealer->mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST);
    if (sealer->mutex == NULL) {
        return ROVE_NOMEM;
    }
    memcpy(sealer->data_key, data_key, sizeof sealer->data_key);
    memcpy(sealer->file_id, file_id, sizeof sealer->file_id);
    rove_status status = new_epoch(sealer);
    sealer->open = status == ROVE_OK;
    if (status != ROVE_OK) {
        rove__sealer_close(sealer);
    }
    return status;
}

void rove__sealer_lock(rove__sealer *sealer) {
    sqlite3_mutex_enter(sealer->mutex);
    rove__wipe(sealer->data_key, sizeof sealer->data_key);
    rove__wipe(sealer->keys, sizeof sealer->keys);
    sealer->open = 0;
    sqlite3_mutex_leave(sealer->mutex);
}

void rove__sealer_close(rove__sealer *sealer) {
    sqlite3_mutex *mutex = sealer->mutex;

    rove__wipe(sealer, sizeof *sealer);
    sqlite3_mutex_free(mutex);
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

/* With the mutex held: the one that is kept, or the place of the one that was not used for longest. */
static rove__seal_key *place_of(rove__sealer *sealer, rove__unit_kind kind, uint32_t epoch) {
    rove__seal_key *oldest = &sealer->keys[0];

    for (size_t i = 0; i < ROVE_SEAL_KEYS; i++) {
        rove__seal_key *key = &sealer->keys[i];
        if (key->epoch == epoch && key->kind == kind) {
            return key;
        }
        if (key->used < oldest->used) {
            oldest = key;
        }
    }
    return oldest;
}

static rove_status derive(rove__sealer *sealer, rove__unit_kind kind, uint32_t epoch,
                          rove__seal_key *key) {
    uint8_t info[] = {'r', 'o', 'v', 'e', ' ', 'u', 'n', 'i', 't', (uint8_t)kind, 0, 0, 0, 0};

    put32(info + sizeof info - 4, epoch);
    key->epoch = 0;
    rove_status status = sealer->crypto->hkdf_sha256(
        sealer->crypto->ctx, sealer->data_key, sizeof sealer->data_key, sealer->file_id,
        sizeof sealer->file_id, info, sizeof info, key->key, sizeof key->key);
    if (status == ROVE_OK) {
        key->epoch = epoch;
        key->kind = kind;
    }
    return status;
}

/* A copy of the key, which the caller overwrites. `epoch` 0: of the epoch now, which it becomes. */
static rove_status key_of(rove__sealer *sealer, rove__unit_kind kind, uint32_t *epoch,
                          uint8_t out[ROVE_GCM_KEY_SIZE]) {
    rove_status status = ROVE_OK;

    sqlite3_mutex_enter(sealer->mutex);
    if (!sealer->open) {
        status = ROVE_LOCKED;
    }
    if (status == ROVE_OK && *epoch == 0) {
        status = sealer->sealed >= EPOCH_UNITS ? new_epoch(sealer) : ROVE_OK;
        sealer->sealed++;
        *epoch = sealer->epoch;
    }
    if (status == ROVE_OK) {
        rove__seal_key *key = place_of(sealer, kind, *epoch);
        if (key->epoch != *epoch || key->kind != kind) {
            status = derive(sealer, kind, *epoch, key);
        }
        key->used = ++sealer->uses;
        memcpy(out, key->key, ROVE_GCM_KEY_SIZE);
    }
    sqlite3_mutex_leave(sealer->mutex);
    return status;
}

/* ---- units ---------------------------------------------------------------------------------------------- */

typedef struct address {
    uint8_t bytes[ROVE_FILE_ID_SIZE + 1 + 8 + 4]; /* file, kind, position, epoch */
} address;

static address address_of(const rove__sealer *sealer, rove__unit_kind kind, uint64_t position,
                          uint32_t epoch) {
    address a;

    memcpy(a.bytes, sealer->file_id, ROVE_FILE_ID_SIZE);
    a.bytes[ROVE_FILE_ID_SIZE] = (uint8_t)kind;
    put32(a.bytes + ROVE_FILE_ID_SIZE + 1, (uint32_t)(position >> 32));
    put32(a.bytes + ROVE_FILE_ID_SIZE + 5, (uint32_t)position);
    put32(a.bytes + ROVE_FILE_ID_SIZE + 9, epoch);
    return a;
}

rove_status rove__seal(rove__sealer *sealer, rove__unit_kind kind, uint64_t position,
                       const void *plain, size_t size, void *out, uint8_t seal[ROVE_SEAL_SIZE]) {
    uint8_t key[ROVE_GCM_KEY_SIZE];
    uint32_t epoch = 0;

    rove_status status = key_of(sealer, kind, &epoch, key);
    if (status == ROVE_OK) {
        status = sealer->random->fill(sealer->random->ctx, seal + NONCE_AT, ROVE_GCM_NONCE_SIZE);
    }
    if (status == ROVE_OK) {
        address a = address_of(sealer, kind, position, epoch);
        put32(seal + EPOCH_AT, epoch);
        status = sealer->crypto->gcm_seal(sealer->crypto->ctx, key, seal + NONCE_AT, a.bytes,
                                          sizeof a.bytes, plain, size, out, seal + TAG_AT);
    }
    rove__wipe(key, sizeof key);
    return status;
}

rove_status rove__unseal(rove__sealer *sealer, rove__unit_kind kind, uint64_t position,
                         const void *sealed, size_t size, const uint8_t seal[ROVE_SEAL_SIZE],
                         void *out) {
    uint8_t key[ROVE_GCM_KEY_SIZE];
    uint32_t epoch = get32(seal + EPOCH_AT);

    if (epoch == 0) {
        return ROVE_CORRUPT; /* nothing was ever sealed in it: a hole of zeros */
    }
    rove_status status = key_of(sealer, kind, &epoch, key);
    if (status == ROVE_OK) {
        address a = address_of(sealer, kind, position, epoch);
        status = sealer->crypto->gcm_open(sealer->crypto->ctx, key, seal + NONCE_AT, a.bytes,
                                          sizeof a.bytes, sealed, size, seal + TAG_AT, out);
    }
    rove__wipe(key, sizeof key);
    return status;
}
