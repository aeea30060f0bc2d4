/*
 * pki_internal.h - what pki.c, which issues, and pki_read.c, which reads, share.
 */
#ifndef ROVE_PKI_INTERNAL_H
#define ROVE_PKI_INTERNAL_H

#include <openssl/x509.h>

#include "pki.h"

struct rove_pki_authority {
    X509 *certificate; /* owned */
    EVP_PKEY *key;     /* owned */
    int64_t not_after_ms;
};

/* The names of a device's certificate, in this order; the last is there only where there is a number before. */
#define ROVE__PKI_REPLICA_URN "urn:rove:replica:"
#define ROVE__PKI_USER_URN    "urn:rove:user:"
#define ROVE__PKI_FORMER_URN  "urn:rove:former:"

/* Fills in *error with OpenSSL's oldest complaint, empties its queue and returns `status`. */
rove_status rove__pki_fail(rove_error *error, rove_status status, const char *text);
/* A private key without a password; NULL if it is none. The caller frees. */
EVP_PKEY *rove__pki_read_key(const rove_pki_bytes *pem);
/* Parses one certificate and nothing behind it; NULL if that is not what it is. The caller frees. */
X509 *rove__pki_parse(const void *der, size_t size);
/* Writes a certificate as DER. */
rove_status rove__pki_write_der(const X509 *certificate, rove_pki_bytes *der, rove_error *error);
/* Unix ms of a certificate's time; 0 if it is malformed, else 1. */
int rove__pki_time_ms(const ASN1_TIME *time, int64_t *out_ms);

#endif
