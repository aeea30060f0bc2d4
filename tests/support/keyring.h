/*
 * support/keyring.h - a keyring whose secret and PIN a test sets. With ROVE_SEALED in the environment the tests' replicas have one from
 * the start, so that what is tested of plain ones is tested of encrypted ones too.
 */
#ifndef ROVE_TESTS_KEYRING_H
#define ROVE_TESTS_KEYRING_H

#include <stdlib.h>
#include <string.h>

#include "rove/sys/keyring.h"

typedef struct keyring {
    uint8_t secret[ROVE_SECRET_SIZE];
    const char *pin;    /* what the rep types */
    rove_status status; /* of the keystore */
    int asked;          /* for a PIN */
} keyring;

static inline rove_status keyring_secret(void *ctx, uint8_t secret[ROVE_SECRET_SIZE],
                                         rove_error *error) {
    const keyring *k = ctx;

    (void)error;
    memcpy(secret, k->secret, ROVE_SECRET_SIZE);
    return k->status;
}

static inline rove_status keyring_pin(void *ctx, char *pin, size_t capacity, size_t *size,
                                      rove_error *error) {
    keyring *k = ctx;

    (void)error;
    k->asked++;
    if (k->pin == NULL) {
        return ROVE_CANCELLED;
    }
    *size = strlen(k->pin);
    memcpy(pin, k->pin, *size < capacity ? *size : capacity);
    return ROVE_OK;
}

/* One whose secret is all of this byte. */
static inline rove_keyring keyring_with(keyring *k, uint8_t byte) {
    memset(k, 0, sizeof *k);
    memset(k->secret, byte, sizeof k->secret);
    return (rove_keyring){.secret = keyring_secret, .pin = keyring_pin, .ctx = k};
}

/* What the tests' replicas have from the start. */
static inline rove_keyring keyring_of_tests(keyring *k) {
    rove_keyring none = {NULL, NULL, NULL};

    return getenv("ROVE_SEALED") != NULL ? keyring_with(k, 0x5a) : none;
}

#endif
