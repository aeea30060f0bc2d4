/*
 * pki_sign.c - see pki_sign.h.
 */
#include "pki_sign.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "pki_internal.h"

struct rove_pki_signer {
    EVP_PKEY *key; /* owned */
};

rove_status rove_pki_signer_open(const rove_pki_bytes *key_pem, rove_pki_signer **out,
                                 rove_error *error) {
    *out = NULL;
    rove_pki_signer *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return rove__pki_fail(error, ROVE_NOMEM, "There is not enough memory");
    }
    self->key = rove__pki_read_key(key_pem);
    if (self->key == NULL) {
        free(self);
        return rove__pki_fail(error, ROVE_INVALID, "The server's key cannot be used");
    }
    *out = self;
    return ROVE_OK;
}

void rove_pki_signer_free(rove_pki_signer *self) {
    if (self != NULL) {
        EVP_PKEY_free(self->key);
        free(self);
    }
}

rove_status rove_pki_signer_public(const rove_pki_signer *self,
                                   uint8_t der[ROVE_PUBLIC_KEY_DER_MAX], size_t *size,
                                   rove_error *error) {
    uint8_t *at = der;
    int needed = i2d_PUBKEY(self->key, NULL);
    if (needed <= 0 || needed > ROVE_PUBLIC_KEY_DER_MAX || i2d_PUBKEY(self->key, &at) != needed) {
        return rove__pki_fail(error, ROVE_CRYPTO, "The server's public key could not be written");
    }
    *size = (size_t)needed;
    return ROVE_OK;
}

rove_status rove_pki_sign(const rove_pki_signer *self, const void *message, size_t size,
                          uint8_t signature[ROVE_PKI_SIGNATURE_MAX], size_t *signature_size,
                          rove_error *error) {
    uint8_t made[ROVE_PKI_SIGNATURE_MAX];
    size_t made_size = sizeof made;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    rove_status status = ROVE_OK;
    if (digest == NULL) {
        status = rove__pki_fail(error, ROVE_NOMEM, "There is not enough memory to sign");
    } else if (EVP_DigestSignInit(digest, NULL, EVP_sha256(), NULL, self->key) != 1 ||
               EVP_DigestSign(digest, made, &made_size, message, size) != 1) {
        status = rove__pki_fail(error, ROVE_CRYPTO, "Signing failed");
    } else {
        memcpy(signature, made, made_size);
        *signature_size = made_size;
    }
    EVP_MD_CTX_free(digest);
    return status;
}

rove_status rove_pki_signer_pin(const rove_pki_signer *self, uint8_t pin[ROVE_SHA256_SIZE],
                                rove_error *error) {
    uint8_t der[ROVE_PUBLIC_KEY_DER_MAX];
    size_t size = 0;
    rove_status status = rove_pki_signer_public(self, der, &size, error);
    if (status == ROVE_OK && EVP_Digest(der, size, pin, NULL, EVP_sha256(), NULL) != 1) {
        status = rove__pki_fail(error, ROVE_CRYPTO, "The server's public key could not be hashed");
    }
    return status;
}

/* `key` NULL: `what` says that there is none. */
static rove_status verify(EVP_PKEY *key, const char *what, const void *message, size_t size,
                          const void *signature, size_t signature_size, rove_error *error) {
    EVP_MD_CTX *digest = key == NULL ? NULL : EVP_MD_CTX_new();
    rove_status status = ROVE_OK;
    if (key == NULL) {
        status = rove__pki_fail(error, ROVE_INVALID, what);
    } else if (digest == NULL) {
        status = rove__pki_fail(error, ROVE_NOMEM, "There is not enough memory to verify");
    } else if (EVP_DigestVerifyInit(digest, NULL, EVP_sha256(), NULL, key) != 1) {
        status = rove__pki_fail(error, ROVE_CRYPTO, "Verifying failed");
    } else if (EVP_DigestVerify(digest, signature, signature_size, message, size) != 1) {
        status = rove__pki_fail(error, ROVE_CORRUPT, "The signature is not by this key");
    }
    EVP_MD_CTX_free(digest);
    return status;
}

rove_status rove_pki_verify(const void *certificate_der, size_t certificate_size,
                            const void *message, size_t size, const void *signature,
                            size_t signature_size, rove_error *error) {
    X509 *certificate = rove__pki_parse(certificate_der, certificate_size);
    rove_status status =
        verify(certificate == NULL ? NULL : X509_get0_pubkey(certificate), "This is no certificate",
               message, size, signature, signature_size, error);
    X509_free(certificate);
    return status;
}

rove_status rove_pki_verify_public(const void *public_der, size_t public_size, const void *message,
                                   size_t size, const void *signature, size_t signature_size,
                                   rove_error *error) {
    const unsigned char *at = public_der;
    EVP_PKEY *key =
        public_size > ROVE_PUBLIC_KEY_DER_MAX ? NULL : d2i_PUBKEY(NULL, &at, (long)public_size);
    rove_status status =
        verify(key, "This is no public key", message, size, signature, signature_size, error);
    EVP_PKEY_free(key);
    return status;
}
