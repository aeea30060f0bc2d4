/*
 * crypto_mbedtls.c - the crypto port over mbedTLS 2.28 or 3.x. What differs between them is here and
 * nowhere else.
 *
 * Signatures are deterministic (RFC 6979) where mbedTLS was built so, as it is by default. The
 * generator is a CTR-DRBG that takes fresh seed from getrandom for every request: neither a fork nor a
 * copied virtual machine can repeat a key. Every other operation makes its own context and wipes it,
 * so that the port needs one lock only, around the generator.
 */
#include "posix.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/ecp.h>
#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_csr.h>

#ifndef MBEDTLS_PRIVATE /* 2.x hides no members */
#define MBEDTLS_PRIVATE(member) member
#endif

#define SUBJECT         "CN=rove device"
#define PROOF_MAX       64
#define PERSONALISATION "rove posix crypto"

/* 1.3.6.1.4.1.59999.1.1 without tag and length */
static const char proof_oid[] = "\x2b\x06\x01\x04\x01\x83\xd4\x5f\x01\x01";

typedef struct generator {
    pthread_mutex_t mutex;
    mbedtls_ctr_drbg_context drbg;
} generator;

static int seed_from_system(void *ctx, unsigned char *bytes, size_t size) {
    rove_random random;
    (void)ctx;
    rove_posix_random(&random);
    return random.fill(random.ctx, bytes, size) == ROVE_OK
               ? 0
               : MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
}

static int generate(void *ctx, unsigned char *bytes, size_t size) {
    generator *self = ctx;
    int result = 0;
    (void)pthread_mutex_lock(&self->mutex);
    while (size > 0 && result == 0) {
        size_t part = size < MBEDTLS_CTR_DRBG_MAX_REQUEST ? size : MBEDTLS_CTR_DRBG_MAX_REQUEST;
        result = mbedtls_ctr_drbg_random(&self->drbg, bytes, part);
        bytes += part;
        size -= part;
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return result;
}

/* The status of an mbedTLS failure in an operation on good input. */
static rove_status status_of(int result) {
    switch (result) {
    case 0:
        return ROVE_OK;
    case MBEDTLS_ERR_MPI_ALLOC_FAILED:
    case MBEDTLS_ERR_ECP_ALLOC_FAILED:
    case MBEDTLS_ERR_PK_ALLOC_FAILED:
    case MBEDTLS_ERR_MD_ALLOC_FAILED:
    case MBEDTLS_ERR_X509_ALLOC_FAILED:
        return ROVE_NOMEM;
    default:
        return ROVE_CRYPTO;
    }
}

/* The status of a failure to read a key: anything but a lack of memory is the key's fault. */
static rove_status status_of_parse(int result) {
    rove_status status = status_of(result);
    return status == ROVE_CRYPTO ? ROVE_INVALID : status;
}

static const mbedtls_md_info_t *sha256_info(void) {
    return mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
}

static rove_status sha256(void *ctx, const rove_span *spans, size_t count,
                          uint8_t out[ROVE_SHA256_SIZE]) {
    mbedtls_md_context_t md;
    (void)ctx;
    mbedtls_md_init(&md);
    int result = mbedtls_md_setup(&md, sha256_info(), 0);
    if (result == 0) {
        result = mbedtls_md_starts(&md);
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        result = mbedtls_md_update(&md, spans[i].data, spans[i].size);
    }
    if (result == 0) {
        result = mbedtls_md_finish(&md, out);
    }
    mbedtls_md_free(&md);
    return status_of(result);
}

static rove_status hmac_sha256(void *ctx, const void *key, size_t key_size, const rove_span *spans,
                               size_t count, uint8_t out[ROVE_SHA256_SIZE]) {
    mbedtls_md_context_t md;
    (void)ctx;
    mbedtls_md_init(&md);
    int result = mbedtls_md_setup(&md, sha256_info(), 1);
    if (result == 0) {
        result = mbedtls_md_hmac_starts(&md, key, key_size);
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        result = mbedtls_md_hmac_update(&md, spans[i].data, spans[i].size);
    }
    if (result == 0) {
        result = mbedtls_md_hmac_finish(&md, out);
    }
    mbedtls_md_free(&md);
    return status_of(result);
}

static rove_status hkdf_sha256(void *ctx, const void *secret, size_t secret_size, const void *salt,
                               size_t salt_size, const void *info, size_t info_size, void *out,
                               size_t out_size) {
    (void)ctx;
    if (out_size > (size_t)255 * ROVE_SHA256_SIZE) {
        return ROVE_INVALID;
    }
    return status_of(mbedtls_hkdf(sha256_info(), salt, salt_size, secret, secret_size, info,
                                  info_size, out, out_size));
}

static rove_status gcm_seal(void *ctx, const uint8_t key[ROVE_GCM_KEY_SIZE],
                            const uint8_t nonce[ROVE_GCM_NONCE_SIZE], const void *aad,
                            size_t aad_size, const void *in, size_t size, void *out,
                            uint8_t tag[ROVE_GCM_TAG_SIZE]) {
    mbedtls_gcm_context gcm;
    (void)ctx;
    mbedtls_gcm_init(&gcm);
    int result = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, ROVE_GCM_KEY_SIZE * 8);
    if (result == 0) {
        result =
            mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, size, nonce, ROVE_GCM_NONCE_SIZE,
                                      aad, aad_size, in, out, ROVE_GCM_TAG_SIZE, tag);
    }
    mbedtls_gcm_free(&gcm);
    return status_of(result);
}

static rove_status gcm_open(void *ctx, const uint8_t key[ROVE_GCM_KEY_SIZE],
                            const uint8_t nonce[ROVE_GCM_NONCE_SIZE], const void *aad,
                            size_t aad_size, const void *in, size_t size,
                            const uint8_t tag[ROVE_GCM_TAG_SIZE], void *out) {
    mbedtls_gcm_context gcm;
    (void)ctx;
    mbedtls_gcm_init(&gcm);
    int result = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, ROVE_GCM_KEY_SIZE * 8);
    if (result == 0) {
        result = mbedtls_gcm_auth_decrypt(&gcm, size, nonce, ROVE_GCM_NONCE_SIZE, aad, aad_size,
                                          tag, ROVE_GCM_TAG_SIZE, in, out);
    }
    mbedtls_gcm_free(&gcm);
    return result == MBEDTLS_ERR_GCM_AUTH_FAILED ? ROVE_CORRUPT : status_of(result);
}

/* ROVE_INVALID unless the key is one of P-256. */
static rove_status check_curve(mbedtls_pk_context *pk) {
    if (!mbedtls_pk_can_do(pk, MBEDTLS_PK_ECKEY)) {
        return ROVE_INVALID;
    }
    const mbedtls_ecp_keypair *pair = mbedtls_pk_ec(*pk);
    return pair->MBEDTLS_PRIVATE(grp).id == MBEDTLS_ECP_DP_SECP256R1 ? ROVE_OK : ROVE_INVALID;
}

/* Reads a private key into an initialised context. */
static rove_status load_private(generator *self, mbedtls_pk_context *pk, const void *key_der,
                                size_t key_size) {
    if (key_der == NULL || key_size == 0) {
        return ROVE_INVALID;
    }
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    int result = mbedtls_pk_parse_key(pk, key_der, key_size, NULL, 0, generate, self);
#else
    (void)self;
    int result = mbedtls_pk_parse_key(pk, key_der, key_size, NULL, 0);
#endif
    return result == 0 ? check_curve(pk) : status_of_parse(result);
}

/* Reads a SubjectPublicKeyInfo into an initialised context; mbedTLS checks that it is on the curve. */
static rove_status load_public(mbedtls_pk_context *pk, const void *public_der, size_t size) {
    if (public_der == NULL || size == 0) {
        return ROVE_INVALID;
    }
    int result = mbedtls_pk_parse_public_key(pk, public_der, size);
    return result == 0 ? check_curve(pk) : status_of_parse(result);
}

/* mbedTLS writes DER to the end of a buffer; moves the last `written` of `size` bytes out. */
static rove_status take_tail(const uint8_t *buffer, size_t size, int written, uint8_t *out,
                             size_t capacity, size_t *out_size) {
    if (written < 0) {
        return status_of(written);
    }
    if ((size_t)written > capacity) {
        return ROVE_TOO_BIG;
    }
    memcpy(out, buffer + size - (size_t)written, (size_t)written);
    *out_size = (size_t)written;
    return ROVE_OK;
}

static rove_status key_generate(void *ctx, uint8_t *key_der, size_t capacity, size_t *size) {
    mbedtls_pk_context pk;
    uint8_t buffer[ROVE_KEY_DER_MAX];
    *size = 0;
    mbedtls_pk_init(&pk);
    int result = mbedtls_pk_setup(&pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (result == 0) {
        result = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(pk), generate, ctx);
    }
    if (result == 0) {
        result = mbedtls_pk_write_key_der(&pk, buffer, sizeof buffer);
    }
    rove_status status = take_tail(buffer, sizeof buffer, result, key_der, capacity, size);
    mbedtls_platform_zeroize(buffer, sizeof buffer);
    mbedtls_pk_free(&pk);
    return status;
}

static rove_status key_public(void *ctx, const void *key_der, size_t key_size, uint8_t *public_der,
                              size_t capacity, size_t *size) {
    mbedtls_pk_context pk;
    uint8_t buffer[ROVE_PUBLIC_KEY_DER_MAX];
    *size = 0;
    mbedtls_pk_init(&pk);
    rove_status status = load_private(ctx, &pk, key_der, key_size);
    if (status == ROVE_OK) {
        int written = mbedtls_pk_write_pubkey_der(&pk, buffer, sizeof buffer);
        status = take_tail(buffer, sizeof buffer, written, public_der, capacity, size);
    }
    mbedtls_pk_free(&pk);
    return status;
}

static rove_status hash_message(const void *message, size_t size, uint8_t out[ROVE_SHA256_SIZE]) {
    const rove_span span = {message, size};
    return sha256(NULL, &span, 1, out);
}

static rove_status sign(void *ctx, const void *key_der, size_t key_size, const void *message,
                        size_t message_size, uint8_t *signature, size_t capacity, size_t *size) {
    mbedtls_pk_context pk;
    uint8_t hash[ROVE_SHA256_SIZE];
    uint8_t buffer[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
    size_t written = 0;
    *size = 0;
    mbedtls_pk_init(&pk);
    rove_status status = load_private(ctx, &pk, key_der, key_size);
    if (status == ROVE_OK) {
        status = hash_message(message, message_size, hash);
    }
    if (status == ROVE_OK) {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
        status = status_of(mbedtls_pk_sign(&pk, MBEDTLS_MD_SHA256, hash, sizeof hash, buffer,
                                           sizeof buffer, &written, generate, ctx));
#else
        status = status_of(mbedtls_pk_sign(&pk, MBEDTLS_MD_SHA256, hash, sizeof hash, buffer,
                                           &written, generate, ctx));
#endif
    }
    if (status == ROVE_OK) {
        if (written > capacity) {
            status = ROVE_TOO_BIG;
        } else {
            memcpy(signature, buffer, written);
            *size = written;
        }
    }
    mbedtls_pk_free(&pk);
    return status;
}

static rove_status verify(void *ctx, const void *public_der, size_t public_size,
                          const void *message, size_t message_size, const void *signature,
                          size_t signature_size) {
    mbedtls_pk_context pk;
    uint8_t hash[ROVE_SHA256_SIZE];
    (void)ctx;
    mbedtls_pk_init(&pk);
    rove_status status = load_public(&pk, public_der, public_size);
    if (status == ROVE_OK) {
        status = hash_message(message, message_size, hash);
    }
    if (status == ROVE_OK) {
        /* The signature is the peer's: whatever is wrong with it, it does not match. */
        status = status_of(mbedtls_pk_verify(&pk, MBEDTLS_MD_SHA256, hash, sizeof hash, signature,
                                             signature_size));
        status = status == ROVE_CRYPTO ? ROVE_CORRUPT : status;
    }
    mbedtls_pk_free(&pk);
    return status;
}

static rove_status ecdh(void *ctx, const void *key_der, size_t key_size, const void *public_der,
                        size_t public_size, uint8_t out[ROVE_ECDH_SIZE]) {
    mbedtls_pk_context own;
    mbedtls_pk_context peer;
    mbedtls_ecdh_context shared;
    size_t written = 0;
    mbedtls_pk_init(&own);
    mbedtls_pk_init(&peer);
    mbedtls_ecdh_init(&shared);
    rove_status status = load_private(ctx, &own, key_der, key_size);
    if (status == ROVE_OK) {
        status = load_public(&peer, public_der, public_size);
    }
    if (status == ROVE_OK) {
        int result = mbedtls_ecdh_get_params(&shared, mbedtls_pk_ec(own), MBEDTLS_ECDH_OURS);
        if (result == 0) {
            result = mbedtls_ecdh_get_params(&shared, mbedtls_pk_ec(peer), MBEDTLS_ECDH_THEIRS);
        }
        if (result == 0) {
            result =
                mbedtls_ecdh_calc_secret(&shared, &written, out, ROVE_ECDH_SIZE, generate, ctx);
        }
        status = result == 0 && written != ROVE_ECDH_SIZE ? ROVE_CRYPTO : status_of(result);
    }
    mbedtls_ecdh_free(&shared);
    mbedtls_pk_free(&peer);
    mbedtls_pk_free(&own);
    return status;
}

/* Puts the proof, as DER, into the private extension of the request. */
static int set_proof(mbedtls_x509write_csr *request, const void *proof, size_t proof_size) {
    uint8_t value[2 + PROOF_MAX];
    value[0] = 0x04; /* OCTET STRING */
    value[1] = (uint8_t)proof_size;
    memcpy(value + 2, proof, proof_size);
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    return mbedtls_x509write_csr_set_extension(request, proof_oid, sizeof proof_oid - 1, 0, value,
                                               2 + proof_size);
#else
    return mbedtls_x509write_csr_set_extension(request, proof_oid, sizeof proof_oid - 1, value,
                                               2 + proof_size);
#endif
}

static rove_status csr(void *ctx, const void *key_der, size_t key_size, const void *proof,
                       size_t proof_size, uint8_t *csr_der, size_t capacity, size_t *size) {
    mbedtls_pk_context pk;
    mbedtls_x509write_csr request;
    uint8_t buffer[ROVE_CSR_DER_MAX];
    *size = 0;
    if (proof_size > PROOF_MAX) {
        return ROVE_INVALID;
    }
    mbedtls_pk_init(&pk);
    mbedtls_x509write_csr_init(&request);
    rove_status status = load_private(ctx, &pk, key_der, key_size);
    if (status == ROVE_OK) {
        mbedtls_x509write_csr_set_key(&request, &pk);
        mbedtls_x509write_csr_set_md_alg(&request, MBEDTLS_MD_SHA256);
        int result = mbedtls_x509write_csr_set_subject_name(&request, SUBJECT);
        if (result == 0 && proof_size > 0) {
            result = set_proof(&request, proof, proof_size);
        }
        if (result == 0) {
            result = mbedtls_x509write_csr_der(&request, buffer, sizeof buffer, generate, ctx);
        }
        status = take_tail(buffer, sizeof buffer, result, csr_der, capacity, size);
    }
    mbedtls_x509write_csr_free(&request);
    mbedtls_pk_free(&pk);
    return status;
}

rove_status rove_posix_crypto_new(rove_crypto *out) {
    memset(out, 0, sizeof *out);
    generator *self = malloc(sizeof *self);
    if (self == NULL) {
        return ROVE_NOMEM;
    }
    mbedtls_ctr_drbg_init(&self->drbg);
    if (pthread_mutex_init(&self->mutex, NULL) != 0) {
        mbedtls_ctr_drbg_free(&self->drbg);
        free(self);
        return ROVE_NOMEM;
    }
    out->ctx = self;
    if (mbedtls_ctr_drbg_seed(&self->drbg, seed_from_system, NULL,
                              (const unsigned char *)PERSONALISATION,
                              sizeof PERSONALISATION - 1) != 0) {
        rove_posix_crypto_free(out);
        return ROVE_CRYPTO;
    }
    mbedtls_ctr_drbg_set_prediction_resistance(&self->drbg, MBEDTLS_CTR_DRBG_PR_ON);
    out->sha256 = sha256;
    out->hmac_sha256 = hmac_sha256;
    out->hkdf_sha256 = hkdf_sha256;
    out->gcm_seal = gcm_seal;
    out->gcm_open = gcm_open;
    out->key_generate = key_generate;
    out->key_public = key_public;
    out->sign = sign;
    out->verify = verify;
    out->ecdh = ecdh;
    out->csr = csr;
    return ROVE_OK;
}

void rove_posix_crypto_free(rove_crypto *crypto) {
    if (crypto == NULL || crypto->ctx == NULL) {
        return;
    }
    generator *self = crypto->ctx;
    mbedtls_ctr_drbg_free(&self->drbg);
    (void)pthread_mutex_destroy(&self->mutex);
    free(self);
    memset(crypto, 0, sizeof *crypto);
}
