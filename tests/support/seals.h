/*
 * support/seals.h - keys for sealed records that are the same in every run: headquarters', a device's, and the one that
 * a record is made with. And a cryptography whose fresh keys are that last one.
 */
#ifndef ROVE_TESTS_SEALS_H
#define ROVE_TESTS_SEALS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hex.h"
#include "posix/posix.h"
#include "sync/server.h"
#include "wire/sealed_note.h"

#define SEALS_CERTIFICATE "a certificate that says: device 9"

typedef struct seal_keys {
    rove_crypto crypto;
    rove_crypto fixed; /* its fresh key is always the same */
    uint8_t headquarters[ROVE_KEY_DER_MAX], device[ROVE_KEY_DER_MAX];
    size_t headquarters_size, device_size;
    uint8_t seal_key[ROVE_SEAL_KEY_SIZE]; /* headquarters' public key */
    uint8_t device_public[ROVE_PUBLIC_KEY_DER_MAX];
    size_t device_public_size;
} seal_keys;

static inline rove_status seals_generate(void *ctx, uint8_t *key, size_t capacity, size_t *size) {
    (void)ctx;
    *size =
        hex_read("30770201010420bba9dccbb934e5878c3dca57bf7a8d2de47c1cf315e24c7d0229ec186e476676"
                 "a00a06082a8648ce3d030107a144034200048ea4ed9a76a32467d11d5ead1a5263c45ee4a9ef4f"
                 "635022fb659ea892b5fb1655846ccbaa99c1dbf6a0d875029b5b115a2500b3c7c360c8cf0183f9"
                 "c93cc719",
                 key, capacity);
    return ROVE_OK;
}

static inline void seals_open(seal_keys *s) {
    size_t size = 0;

    assert_int_equal(rove_posix_crypto_new(&s->crypto), ROVE_OK);
    s->fixed = s->crypto;
    s->fixed.key_generate = seals_generate;
    s->headquarters_size =
        hex_read("30770201010420dbf48271bcbfde159e93b25b2baea40f6e458cd468511c5fe826b397287ed3c2"
                 "a00a06082a8648ce3d030107a1440342000419820ce2d0889b5b6ce03376577287339a75fe9a8b"
                 "379816f970181cb3f8604f2defb2a46e1dfdf74651344e3883a3ef270ca75880855a85f6c70230"
                 "fd862ed7",
                 s->headquarters, sizeof s->headquarters);
    s->device_size =
        hex_read("30770201010420088e314be9ba1e2d0cd7872113d9de75a13c35e0a402f03aee16bdb704a0bbbc"
                 "a00a06082a8648ce3d030107a14403420004ac476e19d9ed63174b910a558480dd5f2043a33876"
                 "82000357c15866c51d0f6fc320fcc4ce314e9bab81edade55ffe8d2dc74c26b8798965b26d1b34"
                 "8393ef2e",
                 s->device, sizeof s->device);
    assert_int_equal(s->crypto.key_public(s->crypto.ctx, s->headquarters, s->headquarters_size,
                                          s->seal_key, sizeof s->seal_key, &size),
                     ROVE_OK);
    assert_int_equal(size, ROVE_SEAL_KEY_SIZE);
    assert_int_equal(s->crypto.key_public(s->crypto.ctx, s->device, s->device_size,
                                          s->device_public, sizeof s->device_public,
                                          &s->device_public_size),
                     ROVE_OK);
}

static inline void seals_close(seal_keys *s) {
    rove_posix_crypto_free(&s->crypto);
}

/* What stands for a device's certificate: its number, the one before, its user, and its public key. */
#define SEALS_HEAD            16
#define SEALS_CERTIFICATE_MAX (SEALS_HEAD + ROVE_PUBLIC_KEY_DER_MAX)
#define SEALS_USER            ((rove_id)1 << 32 | 77) /* of tests that ask for nobody in particular */
static inline size_t seals_certificate(rove_replica replica, rove_replica former, rove_id user,
                                       const void *public_der, size_t size, uint8_t *certificate) {
    for (int i = 0; i < 4; i++) {
        certificate[i] = (uint8_t)(replica >> (24 - 8 * i));
        certificate[4 + i] = (uint8_t)(former >> (24 - 8 * i));
    }
    for (int i = 0; i < 8; i++) {
        certificate[8 + i] = (uint8_t)((uint64_t)user >> (56 - 8 * i));
    }
    memcpy(certificate + SEALS_HEAD, public_der, size);
    return size + SEALS_HEAD;
}

static inline rove_status seals_identify(void *ctx, rove__bytes certificate, rove__signer *signer) {
    uint64_t user = 0;

    (void)ctx;
    if (certificate.size < SEALS_HEAD + ROVE_SEAL_KEY_SIZE) {
        return ROVE_UNAUTHORIZED;
    }
    for (int i = 0; i < 8; i++) {
        user = user << 8 | certificate.data[8 + i];
    }
    *signer = (rove__signer){.user = (rove_id)user, .public_size = ROVE_SEAL_KEY_SIZE};
    for (int i = 0; i < 4; i++) {
        signer->replica = signer->replica << 8 | certificate.data[i];
        signer->former = signer->former << 8 | certificate.data[4 + i];
    }
    memcpy(signer->public_key, certificate.data + SEALS_HEAD, ROVE_SEAL_KEY_SIZE);
    return ROVE_OK;
}

/* Headquarters' side of it; borrows. */
static inline rove__server_sealing seals_sealing(const seal_keys *s) {
    return (rove__server_sealing){.key = {s->headquarters, s->headquarters_size},
                                  .public_key = {s->seal_key, sizeof s->seal_key},
                                  .identify = seals_identify};
}

/* Two frames of batch 17 of device 9, signed. */
static inline rove__sealed_batch seals_batch(const seal_keys *s,
                                             uint8_t signature[ROVE_SIGNATURE_MAX]) {
    rove__sealed_batch batch = {
        .replica = 9,
        .number = 17,
        .frames = 2,
        .schema = 1,
        .previous = {{1, 2, 3}},
        .hash = {{4, 5, 6}},
        .certificate = {(const uint8_t *)SEALS_CERTIFICATE, sizeof SEALS_CERTIFICATE - 1}};

    assert_int_equal(
        rove__sealed_sign(&s->crypto, (rove__bytes){s->device, s->device_size}, &batch, signature),
        ROVE_OK);
    return batch;
}

/* With what device 9 seals. */
static inline rove__sealer seals_sealer(const seal_keys *s) {
    return (rove__sealer){
        .key = {s->device, s->device_size},
        .certificate = {(const uint8_t *)SEALS_CERTIFICATE, sizeof SEALS_CERTIFICATE - 1},
        .recipient = s->seal_key};
}

static inline rove__sealed_note seals_note(void) {
    return (rove__sealed_note){
        .replica = 9,
        .ordinal = 3,
        .schema = 1,
        .anchor = {.server_ms = INT64_C(1764340000000),
                   .at = {.wall_ms = INT64_C(1764340000500), .boot_ms = 1000, .boot_id = {7}}},
        .at = {.wall_ms = INT64_C(1764343600500), .boot_ms = 3601000, .boot_id = {7}},
        .reference = {1, 2, 3, 4},
        .entity = 5,
        .row = {(const uint8_t *)"a visit to Bern", 15}};
}

static inline rove__sealed_receipt seals_receipt(void) {
    return (rove__sealed_receipt){.replica = 9,
                                  .nonce = {9, 8, 7},
                                  .kind = 2,
                                  .sealed_batches = 3,
                                  .sealed_changes = 40,
                                  .records_left = 1,
                                  .wall_ms = INT64_C(1764343600500)};
}

/* In the place of a cryptography's own: one that cannot hash. */
static inline rove_status seals_no_sha256(void *ctx, const rove_span *spans, size_t count,
                                          uint8_t digest[ROVE_SHA256_SIZE]) {
    (void)ctx;
    (void)spans;
    (void)count;
    memset(digest, 0, ROVE_SHA256_SIZE);
    return ROVE_CRYPTO;
}

#endif
