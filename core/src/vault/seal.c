/*
 * vault/seal.c - see seal.h.
 */
#include "vault/seal.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"

#define EPOCH_UNITS ((uint64_t)1 << 28)
#define NONCE_AT    0
#define TAG_AT      ROVE_GCM_NONCE_SIZE
#define EPOCH_AT    (ROVE_GCM_NONCE_SIZE + ROVE_GCM_TAG_SIZE)

/* Not 0: that is what a hole in a file has. A failure leaves the one that there is. */
static rove_status new_epoch(rove__vault *vault, uint8_t generation) {
    uint8_t drawn[4];
    uint32_t epoch = 0;
    rove_status status = ROVE_OK;

    while (status == ROVE_OK && (epoch == 0 || epoch == vault->epoch)) {
        status = vault->random->fill(vault->random->ctx, drawn, sizeof drawn);
        drawn[0] = generation;
        epoch = rove__u32_get(drawn);
    }
    if (status == ROVE_OK) {
        vault->epoch = epoch;
        vault->sealed = 0;
    }
    return status;
}

rove_status rove__vault_unlock(rove__vault *vault, const rove__data_key *key) {
    sqlite3_mutex_enter(vault->mutex);
    rove_status status = new_epoch(vault, key->generation);
    if (status == ROVE_OK) {
        vault->data = *key;
        rove__wipe(vault->keys, sizeof vault->keys);
        vault->open = 1;
    }
    sqlite3_mutex_leave(vault->mutex);
    return status;
}

rove_status rove__vault_open(rove__vault *vault, const rove_crypto *crypto,
                             const rove_random *random, const rove__data_key *key) {
    memset(vault, 0, sizeof *vault);
    vault->crypto = crypto;
    vault->random = random;
    vault->mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST);
    if (vault->mutex == NULL) {
        return ROVE_NOMEM;
    }
    rove_status status = rove__vault_unlock(vault, key);
    if (status != ROVE_OK) {
        rove__vault_close(vault);
    }
    return status;
}

void rove__vault_lock(rove__vault *vault) {
    sqlite3_mutex_enter(vault->mutex);
    rove__wipe(&vault->data, sizeof vault->data);
    rove__wipe(vault->keys, sizeof vault->keys);
    vault->open = 0;
    sqlite3_mutex_leave(vault->mutex);
}

rove_status rove__vault_key(rove__vault *vault, rove__data_key *key) {
    sqlite3_mutex_enter(vault->mutex);
    rove_status status = vault->open ? ROVE_OK : ROVE_LOCKED;
    if (status == ROVE_OK) {
        *key = vault->data;
    }
    sqlite3_mutex_leave(vault->mutex);
    return status;
}

void rove__vault_close(rove__vault *vault) {
    sqlite3_mutex *mutex = vault->mutex;

    rove__wipe(vault, sizeof *vault);
    sqlite3_mutex_free(mutex);
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

/* With the mutex held: the one that is kept, or the place of the one that was not used for longest. */
static rove__epoch_key *place_of(rove__vault *vault, rove__unit_kind kind, uint32_t epoch) {
    rove__epoch_key *oldest = &vault->keys[0];

    for (size_t i = 0; i < ROVE_EPOCH_KEYS; i++) {
        rove__epoch_key *key = &vault->keys[i];
        if (key->epoch == epoch && key->kind == kind) {
            return key;
        }
        if (key->used < oldest->used) {
            oldest = key;
        }
    }
    return oldest;
}

const uint8_t *rove__data_key_of(const rove__data_key *data, uint8_t generation) {
    if (generation == data->generation) {
        return data->key;
    }
    return data->has_former && generation == (uint8_t)(data->generation - 1) ? data->former : NULL;
}

static rove_status derive(rove__vault *vault, rove__unit_kind kind, uint32_t epoch,
                          rove__epoch_key *key) {
    uint8_t info[] = {'r', 'o', 'v', 'e', ' ', 'u', 'n', 'i', 't', (uint8_t)kind, 0, 0, 0, 0};

    const rove__data_key *data = &vault->data;
    const uint8_t *secret = rove__data_key_of(data, (uint8_t)(epoch >> 24));

    rove__u32_put(info + sizeof info - 4, epoch);
    key->epoch = 0;
    if (secret == NULL) {
        return ROVE_CORRUPT;
    }
    rove_status status = vault->crypto->hkdf_sha256(vault->crypto->ctx, secret, ROVE_DATA_KEY_SIZE,
                                                    data->file_id, sizeof data->file_id, info,
                                                    sizeof info, key->key, sizeof key->key);
    if (status == ROVE_OK) {
        key->epoch = epoch;
        key->kind = kind;
    }
    return status;
}

/* With what a unit is sealed: copies, for the vault may be locked while they are used. The caller overwrites them. */
typedef struct unit_key {
    uint8_t key[ROVE_GCM_KEY_SIZE];
    uint8_t file_id[ROVE_FILE_ID_SIZE];
} unit_key;

/* `epoch` 0: of the epoch now, which it becomes. */
static rove_status key_of(rove__vault *vault, rove__unit_kind kind, uint32_t *epoch,
                          unit_key *out) {
    rove_status status = ROVE_OK;

    sqlite3_mutex_enter(vault->mutex);
    if (!vault->open) {
        status = ROVE_LOCKED;
    }
    if (status == ROVE_OK && *epoch == 0) {
        status = vault->sealed >= EPOCH_UNITS ? new_epoch(vault, vault->data.generation) : ROVE_OK;
        vault->sealed++;
        *epoch = vault->epoch;
    }
    if (status == ROVE_OK) {
        rove__epoch_key *key = place_of(vault, kind, *epoch);
        if (key->epoch != *epoch || key->kind != kind) {
            status = derive(vault, kind, *epoch, key);
        }
        key->used = ++vault->uses;
        memcpy(out->key, key->key, sizeof out->key);
        memcpy(out->file_id, vault->data.file_id, sizeof out->file_id);
    }
    sqlite3_mutex_leave(vault->mutex);
    return status;
}

/* ---- units ---------------------------------------------------------------------------------------------- */

typedef struct address {
    uint8_t bytes[ROVE_FILE_ID_SIZE + 1 + 8 + 4]; /* file, kind, position, epoch */
} address;

static address address_of(const unit_key *key, rove__unit_kind kind, uint64_t position,
                          uint32_t epoch) {
    address a;

    memcpy(a.bytes, key->file_id, ROVE_FILE_ID_SIZE);
    a.bytes[ROVE_FILE_ID_SIZE] = (uint8_t)kind;
    rove__u32_put(a.bytes + ROVE_FILE_ID_SIZE + 1, (uint32_t)(position >> 32));
    rove__u32_put(a.bytes + ROVE_FILE_ID_SIZE + 5, (uint32_t)position);
    rove__u32_put(a.bytes + ROVE_FILE_ID_SIZE + 9, epoch);
    return a;
}

rove_status rove__vault_seal(rove__vault *vault, rove__unit_kind kind, uint64_t position,
                             const void *plain, size_t size, void *out,
                             uint8_t seal[ROVE_UNIT_SEAL_SIZE]) {
    unit_key key;
    uint32_t epoch = 0;

    rove_status status = key_of(vault, kind, &epoch, &key);
    if (status == ROVE_OK) {
        status = vault->random->fill(vault->random->ctx, seal + NONCE_AT, ROVE_GCM_NONCE_SIZE);
    }
    if (status == ROVE_OK) {
        address a = address_of(&key, kind, position, epoch);
        rove__u32_put(seal + EPOCH_AT, epoch);
        status = vault->crypto->gcm_seal(vault->crypto->ctx, key.key, seal + NONCE_AT, a.bytes,
                                         sizeof a.bytes, plain, size, out, seal + TAG_AT);
    }
    rove__wipe(&key, sizeof key);
    return status;
}

rove_status rove__vault_unseal(rove__vault *vault, rove__unit_kind kind, uint64_t position,
                               const void *sealed, size_t size,
                               const uint8_t seal[ROVE_UNIT_SEAL_SIZE], void *out) {
    unit_key key;
    uint32_t epoch = rove__u32_get(seal + EPOCH_AT);

    if (epoch == 0) {
        return ROVE_CORRUPT; /* nothing was ever sealed in it: a hole of zeros */
    }
    rove_status status = key_of(vault, kind, &epoch, &key);
    if (status == ROVE_OK) {
        address a = address_of(&key, kind, position, epoch);
        status = vault->crypto->gcm_open(vault->crypto->ctx, key.key, seal + NONCE_AT, a.bytes,
                                         sizeof a.bytes, sealed, size, seal + TAG_AT, out);
    }
    rove__wipe(&key, sizeof key);
    return status;
}
