/*
 * audit/keys.h - the public keys of all devices that were ever enrolled: each version of the records of Device has one, and
 * the history of a record is kept for good.
 */
#ifndef ROVE_HQ_AUDIT_KEYS_H
#define ROVE_HQ_AUDIT_KEYS_H

#include "hq.h"
#include "wire/proof.h"

typedef struct audit_key {
    uint8_t id[ROVE_PROOF_KEY_SIZE];
    uint8_t der[ROVE_PUBLIC_KEY_DER_MAX];
    size_t size;
    rove_id user; /* whose device */
} audit_key;

typedef struct audit_keys {
    audit_key *keys; /* ascending by id once they are read */
    size_t count, capacity;
} audit_keys;

/* In a read transaction; `keys` is to be freed in any case. */
ROVE_CHECK rove_status audit_keys_read(hq *headquarters, rove__hq_tx *tx, audit_keys *keys);
void audit_keys_free(hq *headquarters, audit_keys *keys);
/* The key by its name, NULL: headquarters never had it. */
const audit_key *audit_keys_find(const audit_keys *keys, const uint8_t id[ROVE_PROOF_KEY_SIZE]);

#endif
