/*
 * client/identity.h - who this device is: the file `identity` beside the replica, and its form in memory.
 *
 *   file = "RoveId" version:byte url:bytes key:bytes identity:bytes [hint:bytes] check[32]
 *
 * version is 1; key: the private key (rove/sys/crypto.h); identity: what headquarters answered to enrolment or
 * renewal (sync/enroll.h); hint: of the code that it was answered to, none of a renewal; check: SHA-256 of everything before it. A file that fails any check is as good as none:
 * a new code makes a new one, and the replica's data does not depend on it. That of an encrypted replica is sealed (envelope.h).
 */
#ifndef ROVE_CLIENT_IDENTITY_H
#define ROVE_CLIENT_IDENTITY_H

#include "rove/sys/files.h"
#include "store/store.h"
#include "sync/enroll.h"

#define ROVE_URL_MAX           512 /* with its NUL */
#define ROVE_IDENTITY_FILE_MAX 20480

/* Owned: rove__credentials_free. Everything in it borrows from `bytes`. */
typedef struct rove__credentials {
    uint8_t *bytes; /* the file */
    size_t size;
    char url[ROVE_URL_MAX];
    const uint8_t *key;
    size_t key_size;
    rove__identity identity;
    const uint8_t *hint; /* ROVE_ENROLL_HINT_SIZE; NULL: it is of no code that is known */
    int stale; /* the file was not as it would be written now: plain, or sealed for another secret too */
} rove__credentials;

typedef struct rove__credentials_ports {
    const rove_allocator *allocator;
    const rove_crypto *crypto;
    const rove_files *files;
    const rove_random *random;
    const rove_keyring *keyring; /* NULL, or without a secret: the file is plain */
    const uint8_t
        *next_secret; /* what the keyring is about to give: sealed for that, too; NULL: nothing */
} rove__credentials_ports;

/* What is to be kept; borrowed for the call. */
typedef struct rove__credentials_parts {
    const char *url;
    const uint8_t *key;
    size_t key_size;
    const uint8_t *identity; /* as it was received */
    size_t identity_size;
    const uint8_t *hint; /* ROVE_ENROLL_HINT_SIZE; NULL: none */
} rove__credentials_parts;

/* PROTOCOL, VERSION, TRUNCATED for an identity that is none. */
ROVE_CHECK rove_status rove__credentials_new(const rove__credentials_ports *ports,
                                             const rove__credentials_parts *parts,
                                             rove__credentials **out, rove_error *error);
/* NOT_FOUND: there is no file. CORRUPT, UPGRADE (a newer version wrote it), IO, NOMEM. WRONG_KEY: it is sealed, and the keyring does not
 * open it, or there is none. What the keyring says. */
ROVE_CHECK rove_status rove__credentials_load(const rove__credentials_ports *ports,
                                              const char *path, rove__credentials **out,
                                              rove_error *error);
/* What replacing a file and the keyring say. */
ROVE_CHECK rove_status rove__credentials_save(const rove__credentials_ports *ports,
                                              const char *path,
                                              const rove__credentials *credentials,
                                              rove_error *error);
/* 1: it was answered to the code with this hint. */
int rove__credentials_is_of(const rove__credentials *credentials, const uint8_t *hint);
/* With what this device seals; borrows. */
rove__sealer rove__credentials_sealer(const rove__credentials *credentials);
/* Another one with the same content. */
ROVE_CHECK rove_status rove__credentials_copy(const rove_allocator *allocator,
                                              const rove__credentials *from,
                                              rove__credentials **out, rove_error *error);
/* Overwrites the key before the memory is given back. NULL is fine. */
void rove__credentials_free(const rove_allocator *allocator, rove__credentials *credentials);

/* NULL: all of it is zeros, which is no pin. */
const uint8_t *rove__identity_pin(const uint8_t pin[ROVE_SHA256_SIZE]);

/* "https://host[:port]", a slash at the end dropped. INVALID with a sentence. */
ROVE_CHECK rove_status rove__url_check(const char *url, char checked[ROVE_URL_MAX],
                                       rove_error *error);

#endif
