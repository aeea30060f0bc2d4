/*
 * store/prove.c - the proof that a sealed record carries (wire/proof.h), and the chain that it is a link of.
 *
 * _meta holds the last link, written in the transaction that seals the record: a crash or a rollback loses both or
 * neither. A device that goes on under a fresh number begins a new chain, whose first link names the last one before.
 */
#include <string.h>

#include "base/log.h"
#include "base/planted.h"
#include "base/reader.h"
#include "base/text.h"
#include "store/write.h"

#define HEAD_SIZE (4 + 8 + ROVE_SHA256_SIZE)

/* With anchor_mutex. */
static void keep_signer(rove__store *store, rove__bytes key) {
    rove__wipe(store->signer, sizeof store->signer);
    if (key.size > 0) {
        memcpy(store->signer, key.data, key.size);
    }
    store->signer_size = key.size;
    store->signer_sealed = 0;
}

rove_status rove__store_set_signer(rove__store *store, rove__bytes key) {
    if (key.size > sizeof store->signer) {
        return ROVE_INVALID;
    }
    rove_status status = ROVE_OK;
    sqlite3_mutex_enter(store->anchor_mutex);
    if (store->signer_sealed && key.size > 0) {
        status = ROVE_LOCKED;
    } else {
        keep_signer(store, key);
    }
    sqlite3_mutex_leave(store->anchor_mutex);
    return status;
}

void rove__signer_lock(rove__store *store) {
    uint8_t sealed[ROVE_KEY_DER_MAX];
    size_t size = 0;
    rove_status status = ROVE_OK;

    sqlite3_mutex_enter(store->anchor_mutex);
    if (store->signer_size > 0 && !store->signer_sealed) {
        size = store->signer_size;
        status = rove__vault_seal(&store->vault, ROVE_UNIT_SIGNER, 0, store->signer, size, sealed,
                                  store->signer_seal);
        keep_signer(store, (rove__bytes){sealed, status == ROVE_OK ? size : 0});
        store->signer_sealed = status == ROVE_OK;
    }
    sqlite3_mutex_leave(store->anchor_mutex);
    if (status != ROVE_OK) {
        rove__log(store->ports.log, ROVE_LOG_ERROR, "store",
                  "the key that signs is gone until the replica is opened next: %s",
                  rove_status_name(status));
    }
}

rove_status rove__signer_unlock(rove__store *store) {
    uint8_t key[ROVE_KEY_DER_MAX];
    rove_status status = ROVE_OK;

    sqlite3_mutex_enter(store->anchor_mutex);
    if (store->signer_sealed) {
        status = rove__vault_unseal(&store->vault, ROVE_UNIT_SIGNER, 0, store->signer,
                                    store->signer_size, store->signer_seal, key);
    }
    if (store->signer_sealed && status == ROVE_OK) {
        keep_signer(store, (rove__bytes){key, store->signer_size});
    }
    sqlite3_mutex_leave(store->anchor_mutex);
    rove__wipe(key, sizeof key);
    return status;
}

/* What the next link goes on from. */
static rove_status read_head(rove__store *store, rove__proof *proof, rove_error *error) {
    const uint8_t *bytes = NULL;
    size_t size = 0;
    rove__reader reader;
    rove_status status =
        rove__meta_get_bytes(store, ROVE_META_SEALS, &store->row_arena, &bytes, &size, error);

    if (status != ROVE_OK) {
        return status;
    }
    proof->replica = store->owner.replica;
    proof->ordinal = 1;
    if (size != HEAD_SIZE) {
        return ROVE_OK; /* none yet */
    }
    rove__reader_init(&reader, bytes, size);
    rove_replica replica = rove__reader_u32(&reader);
    uint64_t count = rove__reader_u64(&reader);
    memcpy(proof->previous, rove__reader_take(&reader, ROVE_SHA256_SIZE), ROVE_SHA256_SIZE);
    if (replica == proof->replica) {
        proof->ordinal = count + 1 + (uint64_t)ROVE_PLANTED(S02_SKIPS);
    }
    if (ROVE_PLANTED(S01_UNCHAINED)) {
        memset(proof->previous, 0, sizeof proof->previous);
    }
    return ROVE_OK;
}

rove_status rove__write_prove(rove__store *store, const rove__row *whole, rove__origin origin,
                              rove_value *cell, rove__link_made *made, rove_error *error) {
    const rove_crypto *crypto = store->ports.crypto;
    uint8_t key[ROVE_KEY_DER_MAX];
    rove__proof proof = {.ordinal = 0};
    rove__buf bytes;

    memset(made, 0, sizeof *made);
    *cell = rove__value_null();
    store->ports.clock->read(store->ports.clock->ctx, &proof.at);
    sqlite3_mutex_enter(store->anchor_mutex);
    size_t size = store->signer_size;
    memcpy(key, store->signer, sizeof key);
    proof.anchor = store->anchor;
    sqlite3_mutex_leave(store->anchor_mutex);
    if (size == 0) {
        return ROVE_OK;
    }
    rove__buf_init(&bytes, store->ports.allocator, ROVE_PROOF_MAX);
    rove_status status = read_head(store, &proof, error);
    if (status == ROVE_OK) {
        status =
            rove__proof_content(crypto, whole, origin, &store->scratch, proof.content, proof.sets);
    }
    if (status == ROVE_OK) {
        status = rove__proof_sign(crypto, (rove__bytes){key, size}, &proof, &bytes);
    }
    if (status == ROVE_OK) {
        status = rove__proof_hash(crypto, bytes.data, bytes.size, made->hash);
    }
    if (status == ROVE_OK) {
        void *copy = rove__arena_copy(&store->row_arena, bytes.data, bytes.size);
        status = copy != NULL ? ROVE_OK : ROVE_NOMEM;
        *cell = copy != NULL ? rove__value_bytes(ROVE_BLOB, copy, bytes.size) : *cell;
        made->ordinal = proof.ordinal;
        made->made = 1;
    }
    rove__buf_free(&bytes);
    rove__wipe(key, sizeof key);
    return status;
}

rove_status rove__write_proved(rove__store *store, const rove__link_made *made, rove_error *error) {
    uint8_t head[HEAD_SIZE];

    if (!made->made || ROVE_PLANTED(S02_SAME_NUMBER)) {
        return ROVE_OK;
    }
    size_t size = rove__u32_put(head, store->owner.replica);
    size += rove__u64_put(head + size, made->ordinal);
    memcpy(head + size, made->hash, ROVE_SHA256_SIZE);
    return rove__meta_put_bytes(store, ROVE_META_SEALS, head, sizeof head, error);
}
