/*
 * pki_sign.h - signatures by the key of a headquarters' server, and their check by its certificate or its public key.
 *
 * ECDSA with SHA-256 of the message, as DER. Threads: any. Statuses as in pki.h; CORRUPT: the signature is not the message's.
 */
#ifndef ROVE_PKI_SIGN_H
#define ROVE_PKI_SIGN_H

#include "pki.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ROVE_PKI_SIGNATURE_MAX 72

/* A private key, read once. Reading it costs more than to sign with it. */
typedef struct rove_pki_signer rove_pki_signer;

/* `key_pem` is a private key as rove_pki_server_issue makes it; it may go afterwards. The caller frees *out. */
ROVE_CHECK rove_status rove_pki_signer_open(const rove_pki_bytes *key_pem, rove_pki_signer **out,
                                            rove_error *error);
void rove_pki_signer_free(rove_pki_signer *signer);
/* Its public key, SubjectPublicKeyInfo. */
ROVE_CHECK rove_status rove_pki_signer_public(const rove_pki_signer *signer,
                                              uint8_t der[ROVE_PUBLIC_KEY_DER_MAX], size_t *size,
                                              rove_error *error);
/* The SHA-256 of that: the pin of a server that has this key. */
ROVE_CHECK rove_status rove_pki_signer_pin(const rove_pki_signer *signer,
                                           uint8_t pin[ROVE_SHA256_SIZE], rove_error *error);
ROVE_CHECK rove_status rove_pki_sign(const rove_pki_signer *signer, const void *message,
                                     size_t size, uint8_t signature[ROVE_PKI_SIGNATURE_MAX],
                                     size_t *signature_size, rove_error *error);
ROVE_CHECK rove_status rove_pki_verify(const void *certificate_der, size_t certificate_size,
                                       const void *message, size_t size, const void *signature,
                                       size_t signature_size, rove_error *error);

/* The same by a SubjectPublicKeyInfo. */
ROVE_CHECK rove_status rove_pki_verify_public(const void *public_der, size_t public_size,
                                              const void *message, size_t size,
                                              const void *signature, size_t signature_size,
                                              rove_error *error);

#ifdef __cplusplus
}
#endif
#endif
