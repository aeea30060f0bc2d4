/*
 * sim/crypto.h - a cryptography for simulations: hashes and AES-GCM are real, keys are small numbers with real algebra and no
 * strength at all, so that a thousand of them cost nothing and a seed gives the same ones in every run.
 *
 *   private key  8 bytes: an exponent       public key   91 bytes: 3^exponent modulo 2^61 - 1, and zeros
 *   signature    HMAC of the message with the public key: anybody could make it
 *   ECDH         SHA-256 of 3^(a b)         CSR          the public key and the proof
 */
#ifndef ROVE_SIM_CRYPTO_H
#define ROVE_SIM_CRYPTO_H

#include "rove/sys/crypto.h"
#include "sim/dice.h"

#define SIM_PUBLIC_KEY_SIZE 91

/* `real` gives the symmetric part and is borrowed; `dice` are the keys'. */
typedef struct sim_crypto {
    const rove_crypto *real;
    sim_dice *dice;
} sim_crypto;

rove_crypto sim_crypto_port(sim_crypto *self);

#endif
