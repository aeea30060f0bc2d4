/*
 * sim/crypto.c - see crypto.h.
 */
#include "sim/crypto.h"

#include <string.h>

#define KEY_SIZE 8
#define PRIME    ((UINT64_C(1) << 61) - 1)

static const rove_crypto *real(void *ctx) {
    const sim_crypto *self = ctx;
    return self->real;
}

static rove_status sha256(void *ctx, const rove_span *spans, size_t count, uint8_t *out) {
    return real(ctx)->sha256(real(ctx)->ctx, spans, count, out);
}

static rove_status hmac_sha256(void *ctx, const void *key, size_t key_size, const rove_span *spans,
                               size_t count, uint8_t *out) {
    return real(ctx)->hmac_sha256(real(ctx)->ctx, key, key_size, spans, count, out);
}

static rove_status hkdf_sha256(void *ctx, const void *secret, size_t secret_size, const void *salt,
                               size_t salt_size, const void *info, size_t info_size, void *out,
                               size_t out_size) {
    return real(ctx)->hkdf_sha256(real(ctx)->ctx, secret, secret_size, salt, salt_size, info,
                                  info_size, out, out_size);
}

static rove_status gcm_seal(void *ctx, const uint8_t *key, const uint8_t *nonce, const void *aad,
                            size_t aad_size, const void *in, size_t size, void *out, uint8_t *tag) {
    return real(ctx)->gcm_seal(real(ctx)->ctx, key, nonce, aad, aad_size, in, size, out, tag);
}

static rove_status gcm_open(void *ctx, const uint8_t *key, const uint8_t *nonce, const void *aad,
                            size_t aad_size, const void *in, size_t size, const uint8_t *tag,
                            void *out) {
    return real(ctx)->gcm_open(real(ctx)->ctx, key, nonce, aad, aad_size, in, size, tag, out);
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

static uint64_t multiply(uint64_t a, uint64_t b) {
    return (uint64_t)((unsigned __int128)a * b % PRIME);
}

static uint64_t power(uint64_t base, uint64_t exponent) {
    uint64_t result = 1;
    for (; exponent > 0; exponent >>= 1) {
        result = (exponent & 1) != 0 ? multiply(result, base) : result;
        base = multiply(base, base);
    }
    return result;
}

static rove_status key_generate(void *ctx, uint8_t *key, size_t capacity, size_t *size) {
    sim_crypto *self = ctx;
    uint64_t exponent = sim_draw(self->dice) >> 4 | 1;
    if (capacity < KEY_SIZE) {
        return ROVE_INVALID;
    }
    memcpy(key, &exponent, KEY_SIZE);
    *size = KEY_SIZE;
    return ROVE_OK;
}

static rove_status key_public(void *ctx, const void *key, size_t key_size, uint8_t *out,
                              size_t capacity, size_t *size) {
    uint64_t exponent = 0;
    (void)ctx;
    if (key_size != KEY_SIZE || capacity < SIM_PUBLIC_KEY_SIZE) {
        return ROVE_INVALID;
    }
    memcpy(&exponent, key, KEY_SIZE);
    uint64_t point = power(3, exponent);
    memset(out, 0, SIM_PUBLIC_KEY_SIZE);
    memcpy(out, &point, sizeof point);
    *size = SIM_PUBLIC_KEY_SIZE;
    return ROVE_OK;
}

static rove_status sign(void *ctx, const void *key, size_t key_size, const void *message,
                        size_t message_size, uint8_t *signature, size_t capacity, size_t *size) {
    uint8_t public_key[SIM_PUBLIC_KEY_SIZE];
    size_t public_size = 0;
    rove_span span = {message, message_size};
    rove_status status =
        key_public(ctx, key, key_size, public_key, sizeof public_key, &public_size);
    if (status != ROVE_OK || capacity < ROVE_SHA256_SIZE) {
        return ROVE_INVALID;
    }
    *size = ROVE_SHA256_SIZE;
    return hmac_sha256(ctx, public_key, public_size, &span, 1, signature);
}

static rove_status verify(void *ctx, const void *public_key, size_t public_size,
                          const void *message, size_t message_size, const void *signature,
                          size_t signature_size) {
    uint8_t expected[ROVE_SHA256_SIZE];
    rove_span span = {message, message_size};
    rove_status status = hmac_sha256(ctx, public_key, public_size, &span, 1, expected);
    if (status != ROVE_OK) {
        return status;
    }
    return signature_size == sizeof expected && memcmp(signature, expected, sizeof expected) == 0
               ? ROVE_OK
               : ROVE_CORRUPT;
}

static rove_status ecdh(void *ctx, const void *key, size_t key_size, const void *public_key,
                        size_t public_size, uint8_t *out) {
    uint64_t exponent = 0;
    uint64_t point = 0;
    if (key_size != KEY_SIZE || public_size < sizeof point) {
        return ROVE_INVALID;
    }
    memcpy(&exponent, key, KEY_SIZE);
    memcpy(&point, public_key, sizeof point);
    uint64_t shared = power(point % PRIME, exponent);
    rove_span span = {&shared, sizeof shared};
    return sha256(ctx, &span, 1, out);
}

static rove_status csr(void *ctx, const void *key, size_t key_size, const void *proof,
                       size_t proof_size, uint8_t *out, size_t capacity, size_t *size) {
    size_t public_size = 0;
    if (capacity < SIM_PUBLIC_KEY_SIZE + proof_size) {
        return ROVE_INVALID;
    }
    rove_status status = key_public(ctx, key, key_size, out, capacity, &public_size);
    if (status == ROVE_OK && proof_size > 0) {
        memcpy(out + public_size, proof, proof_size);
    }
    *size = public_size + proof_size;
    return status;
}

rove_crypto sim_crypto_port(sim_crypto *self) {
    return (rove_crypto){sha256,     hmac_sha256, hkdf_sha256, gcm_seal, gcm_open, key_generate,
                         key_public, sign,        verify,      ecdh,     csr,      self};
}
