/*
 * vault/key_file.h - the data key of a replica, in its file `core.key`, wrapped under what the shell keeps and the rep knows.
 *
 *   file = "RoveKey" version:byte file_id[16] generation:byte has_former:byte memory_kib:u32 passes:u32 salt[16]
 *          nonce[12] wrapped[64] tag[16] check[32] digest[32]
 *
 * version is 1; numbers are big-endian. memory_kib and passes: the cost of the PIN (Argon2id, RFC 9106, one lane); both 0: there
 * is no PIN. wrapped and tag: the data key and, if has_former is 1, the one of the generation before (else zeros), sealed with AES-256-GCM under the wrapping key, with everything before it as
 * associated data; the wrapping key is HKDF-SHA256 over the shell's secret, followed by the PIN's key if there is one, with the
 * salt. check: HMAC-SHA256(data key, "rove data key"); digest: SHA-256 of everything before it. Later versions begin with magic
 * and version too, and end with the digest.
 *
 * So a file that is damaged is CORRUPT, by its digest, before any key is tried, and only a key that does not unwrap a sound file
 * is WRONG_KEY. What the pages of the database look like says nothing about the key: a torn page looks the same.
 */
#ifndef ROVE_VAULT_KEY_FILE_H
#define ROVE_VAULT_KEY_FILE_H

#include "rove/error.h"
#include "rove/sys/files.h"
#include "rove/sys/keyring.h"
#include "vault/seal.h"

#define ROVE_PIN_KEY_SIZE 32
#define ROVE_KEY_FILE_MAX 1024 /* bytes, of any version */
/* The second choice of RFC 9106, 4, but for its lanes: this has one. */
#define ROVE_PIN_MEMORY_KIB 65536u
#define ROVE_PIN_PASSES     3u
/* A file that asks for more is not ours. */
#define ROVE_PIN_MEMORY_KIB_MIN 8u
#define ROVE_PIN_MEMORY_KIB_MAX 262144u
#define ROVE_PIN_PASSES_MAX     16u

/* What opens it; borrowed for the call. */
typedef struct rove__key_secrets {
    const uint8_t *host; /* ROVE_SECRET_SIZE, of the keyring */
    const char *pin;     /* NULL: none */
    size_t pin_size;
} rove__key_secrets;

typedef struct rove__pin_cost {
    uint32_t memory_kib;
    uint32_t passes;
} rove__pin_cost;

typedef struct rove__key_ports {
    const rove_crypto *crypto;
    const rove_random *random;
    const rove_files *files;
} rove__key_ports;

/* Draws a key and an id. What the random port says. */
ROVE_CHECK rove_status rove__data_key_draw(const rove_random *random, rove__data_key *out);
/* Draws the key of the next generation for the same file. What the random port says. */
ROVE_CHECK rove_status rove__data_key_follow(const rove_random *random, const rove__data_key *key,
                                             rove__data_key *next);
/*
 * Writes the file anew, durably: for a new key, and for other secrets of the same one. `cost`: of the PIN if there is one; NULL:
 * ROVE_PIN_MEMORY_KIB and ROVE_PIN_PASSES. INVALID: a PIN that is empty or too long, a cost beyond the limits.
 */
ROVE_CHECK rove_status rove__key_file_write(const rove__key_ports *ports, const char *path,
                                            const rove__data_key *key,
                                            const rove__key_secrets *secrets,
                                            const rove__pin_cost *cost, rove_error *error);
/* Whether a PIN is needed to read it. NOT_FOUND: there is no file. CORRUPT, UPGRADE, IO. */
ROVE_CHECK rove_status rove__key_file_look(const rove__key_ports *ports, const char *path,
                                           int *has_pin, rove_error *error);
/* NOT_FOUND: there is no file. WRONG_KEY, CORRUPT, UPGRADE (a newer version wrote it), IO, NOMEM. */
ROVE_CHECK rove_status rove__key_file_read(const rove__key_ports *ports, const char *path,
                                           const rove__key_secrets *secrets, rove__data_key *out,
                                           rove_error *error);

#endif
