/*
 * client/envelope.h - the identity file of an encrypted replica: sealed under the keyring's secret. Not under its key, nor a PIN: a
 * locked replica still has to reach headquarters, and to sign what the rep writes meanwhile.
 *
 *   file = "RoveId" 128:byte slot slot nonce[12] sealed[n] tag[16] check[32]
 *   slot = salt[16] nonce[12] wrapped[32] tag[16]
 *
 * sealed: the file as client/identity.h has it, under a key drawn for this writing; both slots hold that key, each wrapped with AES-256-GCM
 * under HKDF-SHA256 over a secret, its salt, and "rove identity". As a rule it is one secret; two while the keyring goes over
 * to another one, so that a crash on the way leaves a file that opens with either. The head is associated data of what is wrapped, the
 * head and the slots of what is sealed. check: SHA-256 of everything before it: a file that is damaged is CORRUPT before a secret is
 * tried, and only a sound one that no slot opens is WRONG_KEY.
 */
#ifndef ROVE_CLIENT_ENVELOPE_H
#define ROVE_CLIENT_ENVELOPE_H

#include "rove/status.h"
#include "rove/sys/crypto.h"
#include "rove/sys/keyring.h"
#include "rove/sys/random.h"

#define ROVE_ENVELOPE_VERSION 128u
#define ROVE_ENVELOPE_SLOT    (16 + ROVE_GCM_NONCE_SIZE + ROVE_GCM_KEY_SIZE + ROVE_GCM_TAG_SIZE)
#define ROVE_ENVELOPE_HEAD    (7 + 2 * ROVE_ENVELOPE_SLOT + ROVE_GCM_NONCE_SIZE)
/* More than what is in it. */
#define ROVE_ENVELOPE_SIZE (ROVE_ENVELOPE_HEAD + ROVE_GCM_TAG_SIZE + ROVE_SHA256_SIZE)

typedef struct rove__envelope_ports {
    const rove_crypto *crypto;
    const rove_random *random; /* for sealing */
} rove__envelope_ports;

/* 1: the bytes begin like one. */
int rove__envelope_is(const uint8_t *bytes, size_t size);
/* `out`: room for size + ROVE_ENVELOPE_SIZE bytes. For both secrets, which may be the same. CRYPTO, NOMEM, what the random port says. */
ROVE_CHECK rove_status rove__envelope_seal(const rove__envelope_ports *ports, const uint8_t *secret,
                                           const uint8_t *other, const uint8_t *plain, size_t size,
                                           uint8_t *out);
/* In place; the bytes and their size become what was sealed. *only 1: it opens with this secret and no other. CORRUPT, WRONG_KEY. */
ROVE_CHECK rove_status rove__envelope_open(const rove__envelope_ports *ports, const uint8_t *secret,
                                           uint8_t *bytes, size_t *size, int *only);

#endif
