/*
 * vault/seal.h - units of the replica's files, sealed one by one with AES-256-GCM.
 *
 * A unit is a page of the database, or the header, a frame's header or a frame's page of its write-ahead log. Its key comes
 * from the data key by HKDF-SHA256 (RFC 5869) with the file's id as salt and kind and epoch as info. Each opening of the
 * replica takes an epoch of its own at random, and another one after 2^28 units, so that no key comes near the 2^32 messages
 * that random nonces of 96 bits allow (NIST SP 800-38D, 8.3). What says where a unit belongs (file, kind, position, epoch) is
 * authenticated, so that units cannot be moved; an older version of the same unit is not told apart from the newest.
 *
 * Behind each unit lie 32 bytes: nonce 12, tag 16, epoch 4 (big-endian): the generation of the data key, and 3 random bytes.
 */
#ifndef ROVE_VAULT_SEAL_H
#define ROVE_VAULT_SEAL_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "rove/status.h"
#include "rove/sys/crypto.h"
#include "rove/sys/random.h"

#define ROVE_UNIT_SEAL_SIZE 32
#define ROVE_UNIT_EPOCH_SIZE 4 /* of it, at its end */
#define ROVE_DATA_KEY_SIZE  32
#define ROVE_FILE_ID_SIZE   16
#define ROVE_EPOCH_KEYS     32 /* keys of epochs that are kept */

typedef enum rove__unit_kind {
    ROVE_UNIT_PAGE = 1,     /* position: number of the page, from 1 */
    ROVE_UNIT_LOG_HEADER,   /* position: 0 */
    ROVE_UNIT_FRAME_HEADER, /* position: number of the frame, from 0 */
    ROVE_UNIT_FRAME_PAGE,
    ROVE_UNIT_SIGNER /* position: 0; never in a file: the key that signs, in memory while the replica is locked */
} rove__unit_kind;

typedef struct rove__epoch_key {
    uint32_t epoch; /* 0: none */
    rove__unit_kind kind;
    uint64_t used; /* when, by vault->uses */
    uint8_t key[ROVE_GCM_KEY_SIZE];
} rove__epoch_key;

/*
 * A data key and the id of the file that it is for. The owner wipes it. While the key is being replaced, units of the one before
 * are still about: the first byte of an epoch says which generation it is of.
 */
typedef struct rove__data_key {
    uint8_t key[ROVE_DATA_KEY_SIZE];
    uint8_t file_id[ROVE_FILE_ID_SIZE];
    uint8_t generation;                 /* of `key`; after 255 comes 0 */
    uint8_t has_former;                 /* 1: `former` opens what is of the generation before */
    uint8_t former[ROVE_DATA_KEY_SIZE];
} rove__data_key;

/* Borrowed from it. NULL: it has none of that generation. */
const uint8_t *rove__data_key_of(const rove__data_key *data, uint8_t generation);

/* Seals the units of one file. Any thread, once it is open. */
typedef struct rove__vault {
    const rove_crypto *crypto;
    const rove_random *random;
    sqlite3_mutex *mutex; /* over what follows */
    rove__data_key data;
    int open; /* 0: locked, nothing can be sealed or opened */
    uint32_t epoch;
    uint64_t sealed; /* units in this epoch */
    uint64_t uses;
    rove__epoch_key keys[ROVE_EPOCH_KEYS];
} rove__vault;

/* Copies the key. NOMEM, or what the random port says. */
ROVE_CHECK rove_status rove__vault_open(rove__vault *vault, const rove_crypto *crypto,
                                        const rove_random *random, const rove__data_key *key);
/* Overwrites all keys: from then on LOCKED. */
void rove__vault_lock(rove__vault *vault);
/* With the same key as before or, replacing it, another one of which that is the former; and with an epoch of its own. What the
 * random port says; then it is as it was. */
ROVE_CHECK rove_status rove__vault_unlock(rove__vault *vault, const rove__data_key *key);
/* A copy, which the caller wipes. LOCKED. */
ROVE_CHECK rove_status rove__vault_key(rove__vault *vault, rove__data_key *key);
/* Overwrites, and gives back what it has. One that was never opened, and is all zeros, is fine. */
void rove__vault_close(rove__vault *vault);

/* `out`: size bytes, not over `plain`. LOCKED, CRYPTO, NOMEM. */
ROVE_CHECK rove_status rove__vault_seal(rove__vault *vault, rove__unit_kind kind, uint64_t position,
                                        const void *plain, size_t size, void *out,
                                        uint8_t seal[ROVE_UNIT_SEAL_SIZE]);
/* CORRUPT: it is not that unit, or damaged. */
ROVE_CHECK rove_status rove__vault_unseal(rove__vault *vault, rove__unit_kind kind,
                                          uint64_t position, const void *sealed, size_t size,
                                          const uint8_t seal[ROVE_UNIT_SEAL_SIZE], void *out);

#endif
