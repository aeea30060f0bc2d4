/*
 * pki_sign.c - see pki_sign.h.
 */
#include "pki_sign.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "pki_internal.h"

/* A key with a password is none of ours, and nobody is asked for one. */
static int no_password(char *out, int capacity, int writing, void *ctx) {
    (void)out;
    (void)capacity;
    (void)writing;
    (void)ctx;
    return -1;
}

static EVP_PKEY *read_key(const rove_pki_bytes *pem) {
    BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->size);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    return key;
}

rove_status rove_pki_sign(const rove_pki_bytes *key_pem, const void *message, size_t size,
                          uint8_t signature[ROVE_PKI_SIGNATURE_MAX], size_t *signature_size,
                          rove_error *error) {
    uint8_t made[ROVE_PKI_SIGNATURE_MAX];
    size_t made_size = sizeof made;
    EVP_PKEY *key = read_key(key_pem);
    EVP_MD_CTX *digest = key == NULL ? NULL : EVP_MD_CTX_new();
    rove_status status = ROVE_OK;
    if (key == NULL) {
        status = rove__pki_fail(error, ROVE_INVALID, "The server's key cannot be used");
    } else if (digest == NULL) {
        status = rove__pki_fail(error, ROVE_NOMEM, "There is not enough memory to sign");
    } else if (EVP_DigestSignInit(digest, NULL, EVP_sha256(), NULL, key) != 1 ||
               EVP_DigestSign(digest, made, &made_size, message, size) != 1) {
        status = rove__pki_fail(error, ROVE_CRYPTO, "Signing failed");
    } else {
        memcpy(signature, made, made_size);
        *signature_size = made_size;
    }
    EVP_MD_CTX_free(digest);
    EVP_PKEY_free(key);
    return status;
}

rove_status rove_pki_verify(const void *certificate_der, size_t certificate_size,
                            const void *message, size_t size, const void *signature,
                            size_t signature_size, rove_error *error) {
    X509 *certificate = rove__pki_parse(certificate_der, certificate_size);
    EVP_PKEY *key = certificate == NULL ? NULL : X509_get0_pubkey(certificate);
    EVP_MD_CTX *digest = key == NULL ? NULL : EVP_MD_CTX_new();
    rove_status status = ROVE_OK;
    if (key == NULL) {
        status = rove__pki_fail(error, ROVE_INVALID, "This is no certificate");
    } else if (digest == NULL) {
        status = rove__pki_fail(error, ROVE_NOMEM, "There is not enough memory to verify");
    } else if (EVP_DigestVerifyInit(digest, NULL, EVP_sha256(), NULL, key) != 1) {
        status = rove__pki_fail(error, ROVE_CRYPTO, "Verifying failed");
    } else if (EVP_DigestVerify(digest, signature, signature_size, message, size) != 1) {
        status = rove__pki_fail(error, ROVE_CORRUPT, "The signature is not by this key");
    }
    EVP_MD_CTX_free(digest);
    X509_free(certificate);
    return status;
}
