/*
 * sync/enroll.h - enrolment and renewal: the bytes that both ends exchange before and between exchanges. In
 * the shape of EST (RFC 7030): a PKCS#10 request up, a certificate down.
 *
 *   code      16 random bytes, one-time; what the operator passes on is the invitation:
 *             Crockford's base32 of  code[16] pin[32] check[2]  in groups of five; pin: SHA-256 of headquarters'
 *             SubjectPublicKeyInfo; check: the first bytes of SHA-256(code pin), so that a slip of the pen is noticed
 *   secret    SHA-256(code): all that headquarters keeps of it
 *   proof     HMAC-SHA-256(secret, "rove enroll" nonce public-key): goes into the PKCS#10 request
 *
 *   GET  /v1/enroll   ->  nonce[32]
 *   POST /v1/enroll       version:byte nonce[32] hint[8] csr   hint: the first bytes of secret, to find it by
 *   POST /v1/renew        version:byte flags:byte csr          mutual TLS; flag 1: a fresh replica number (P3)
 *                     ->  an identity, as rove__identity_write makes it
 */
#ifndef ROVE_SYNC_ENROLL_H
#define ROVE_SYNC_ENROLL_H

#include "base/alloc.h"
#include "base/buf.h"
#include "rove/error.h"
#include "rove/sys/crypto.h"
#include "rove/value.h"
#include "wire/message.h"

#define ROVE_CODE_SIZE             16
#define ROVE_ENROLL_NONCE_SIZE     32
#define ROVE_ENROLL_HINT_SIZE      8
#define ROVE_INVITATION_SIZE       112 /* text with its NUL */
#define ROVE_CERTIFICATE_MAX       4096
#define ROVE_IDENTITY_MAX          16384
#define ROVE_ENROLL_CONTENT_TYPE   "application/vnd.rove.enroll"
#define ROVE_IDENTITY_CONTENT_TYPE "application/vnd.rove.identity"
#define ROVE_NONCE_CONTENT_TYPE    "application/vnd.rove.nonce"

#define ROVE_RENEW_FRESH_REPLICA 1u

typedef struct rove__invitation {
    uint8_t code[ROVE_CODE_SIZE];
    uint8_t pin[ROVE_SHA256_SIZE];
} rove__invitation;

ROVE_CHECK rove_status rove__invitation_format(const rove__invitation *invitation,
                                               const rove_crypto *crypto,
                                               char text[ROVE_INVITATION_SIZE]);
/* Any grouping and case; O reads as 0, I and L as 1. ROVE_CODE with a sentence when it cannot be one. */
ROVE_CHECK rove_status rove__invitation_parse(const char *text, const rove_crypto *crypto,
                                              rove__invitation *invitation, rove_error *error);

ROVE_CHECK rove_status rove__code_secret(const uint8_t code[ROVE_CODE_SIZE],
                                         const rove_crypto *crypto,
                                         uint8_t secret[ROVE_SHA256_SIZE]);
ROVE_CHECK rove_status rove__code_proof(const uint8_t secret[ROVE_SHA256_SIZE],
                                        const uint8_t nonce[ROVE_ENROLL_NONCE_SIZE],
                                        const void *public_der, size_t public_size,
                                        const rove_crypto *crypto, uint8_t proof[ROVE_SHA256_SIZE]);
/* 1 if equal; takes the same time wherever they differ. */
int rove__secret_equal(const void *a, const void *b, size_t size);

typedef struct rove__enroll_request {
    const uint8_t *nonce; /* ROVE_ENROLL_NONCE_SIZE; NULL: a renewal */
    const uint8_t *hint;  /* ROVE_ENROLL_HINT_SIZE */
    unsigned flags;       /* of a renewal */
    const uint8_t *csr;
    size_t csr_size;
} rove__enroll_request;

void rove__enroll_request_write(rove__buf *out, const rove__enroll_request *request);
/* Borrows from bytes. PROTOCOL, VERSION, TRUNCATED. */
ROVE_CHECK rove_status rove__enroll_request_read(rove__enroll_request *request, int renewal,
                                                 const void *bytes, size_t size);

/* Who a device is, as headquarters says. Bytes are borrowed from what was read. */
typedef struct rove__identity {
    rove_replica replica;
    rove_id user;
    int64_t server_ms;
    int64_t until_ms; /* the certificate's end */
    int64_t renew_after_ms;
    const uint8_t *ca; /* the authority's certificate, or two of them, one after the other */
    size_t ca_size;
    const uint8_t *certificate;
    size_t certificate_size;
    uint8_t pin[ROVE_SHA256_SIZE];
    uint8_t backup_pin[ROVE_SHA256_SIZE]; /* zeros: none */
    const uint8_t *organisation;          /* its name, UTF-8 */
    size_t organisation_size;
    const uint8_t *seal_key; /* headquarters' sealing key (wire/sealed.h); NULL: it has none */
} rove__identity;

#define ROVE_AUTHORITIES_MAX 2
/*
 * The size of the first of the certificates (DER) at `ca`; the rest follows it. What is no certificate counts as one, whole:
 * whoever trusts them looks closer.
 */
size_t rove__authority_size(const uint8_t *ca, size_t size);
/* 1: they have an authority in common. */
int rove__authorities_meet(const rove__identity *a, const rove__identity *b);

void rove__identity_write(rove__buf *out, const rove__identity *identity);
ROVE_CHECK rove_status rove__identity_read(rove__identity *identity, const void *bytes,
                                           size_t size);

#endif
