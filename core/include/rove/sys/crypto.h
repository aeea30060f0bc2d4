/*
 * rove/sys/crypto.h - the cryptography that Rove needs, as one small port.
 *
 * Keys are P-256. Private keys are PKCS#8 or SEC1 DER in memory that the caller owns and zeroes.
 * Every function: any thread; ROVE_CRYPTO when the library fails, ROVE_NOMEM, ROVE_INVALID for input
 * that is no key. Sizes are bytes.
 *
 * Stability: extension point; fields are only ever added at the end.
 */
#ifndef ROVE_SYS_CRYPTO_H
#define ROVE_SYS_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "rove/error.h"
#include "rove/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ROVE_SHA256_SIZE 32
#define ROVE_KEY_DER_MAX 256
#define ROVE_PUBLIC_KEY_DER_MAX 128 /* SubjectPublicKeyInfo */
#define ROVE_CSR_DER_MAX 2048
#define ROVE_SIGNATURE_MAX 80 /* ECDSA, ASN.1 DER */
#define ROVE_GCM_KEY_SIZE 32
#define ROVE_GCM_NONCE_SIZE 12
#define ROVE_GCM_TAG_SIZE 16
#define ROVE_ECDH_SIZE 32

/* One piece of a message that is hashed without being copied together. */
typedef struct rove_span {
    const void *data;
    size_t size;
} rove_span;

typedef struct rove_crypto {
    rove_status (*sha256)(void *ctx, const rove_span *spans, size_t count,
                          uint8_t out[ROVE_SHA256_SIZE]);
    rove_status (*hmac_sha256)(void *ctx, const void *key, size_t key_size, const rove_span *spans,
                               size_t count, uint8_t out[ROVE_SHA256_SIZE]);
    /* RFC 5869; out_size at most 255 * 32. */
    rove_status (*hkdf_sha256)(void *ctx, const void *secret, size_t secret_size, const void *salt,
                               size_t salt_size, const void *info, size_t info_size, void *out,
                               size_t out_size);
    /* AES-256-GCM, in place allowed. open() gives ROVE_CORRUPT, and no byte, when the tag is wrong. */
    rove_status (*gcm_seal)(void *ctx, const uint8_t key[ROVE_GCM_KEY_SIZE],
                            const uint8_t nonce[ROVE_GCM_NONCE_SIZE], const void *aad,
                            size_t aad_size, const void *in, size_t size, void *out,
                            uint8_t tag[ROVE_GCM_TAG_SIZE]);
    rove_status (*gcm_open)(void *ctx, const uint8_t key[ROVE_GCM_KEY_SIZE],
                            const uint8_t nonce[ROVE_GCM_NONCE_SIZE], const void *aad,
                            size_t aad_size, const void *in, size_t size,
                            const uint8_t tag[ROVE_GCM_TAG_SIZE], void *out);
    /* A fresh private key as DER. */
    rove_status (*key_generate)(void *ctx, uint8_t *key_der, size_t capacity, size_t *size);
    rove_status (*key_public)(void *ctx, const void *key_der, size_t key_size, uint8_t *public_der,
                              size_t capacity, size_t *size);
    /* ECDSA over SHA-256 of the message. verify() gives ROVE_CORRUPT when it does not match. */
    rove_status (*sign)(void *ctx, const void *key_der, size_t key_size, const void *message,
                        size_t message_size, uint8_t *signature, size_t capacity, size_t *size);
    rove_status (*verify)(void *ctx, const void *public_der, size_t public_size,
                          const void *message, size_t message_size, const void *signature,
                          size_t signature_size);
    /* The x coordinate of the shared point; feed it to hkdf_sha256. */
    rove_status (*ecdh)(void *ctx, const void *key_der, size_t key_size, const void *public_der,
                        size_t public_size, uint8_t out[ROVE_ECDH_SIZE]);
    /*
     * A PKCS#10 request (DER) for the key, subject "CN=rove device", with one private extension
     * (OID 1.3.6.1.4.1.59999.1.1, an OCTET STRING as DER) that carries `proof`, at most 64 bytes;
     * without the extension if proof_size is 0, as for renewal.
     */
    rove_status (*csr)(void *ctx, const void *key_der, size_t key_size, const void *proof,
                       size_t proof_size, uint8_t *csr_der, size_t capacity, size_t *size);
    void *ctx;
} rove_crypto;

#ifdef __cplusplus
}
#endif
#endif
