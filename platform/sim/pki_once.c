/*
 * sim/pki_once.c - a private key is read from its PEM once a process, a certificate from its DER, and a public key is written
 * once, and not at each start of headquarters: all simulated ones begin with the same keys, and OpenSSL takes up to a
 * millisecond for each.
 *
 * The linker puts these functions before the real ones (--wrap). What is not kept any more is read again.
 */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX   16
#define PUBLIC_MAX 128 /* bytes of a public key that is kept */

typedef struct kept_key {
    char *pem;
    size_t size;
    EVP_PKEY *key;
    uint8_t public_der[PUBLIC_MAX];
    int public_size; /* 0: nobody asked for it yet */
} kept_key;

typedef struct kept_certificate {
    void *der;
    size_t size;
    X509 *certificate;
} kept_certificate;

static kept_key kept[KEPT_MAX];
static size_t next;
static kept_certificate certificates[KEPT_MAX];
static size_t next_certificate;

EVP_PKEY *__real_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *password,
                                         void *ctx);
EVP_PKEY *__wrap_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *password,
                                         void *ctx);
int __real_i2d_PUBKEY(EVP_PKEY *key, unsigned char **out);
int __wrap_i2d_PUBKEY(EVP_PKEY *key, unsigned char **out);
X509 *__real_rove__pki_parse(const void *der, size_t size);
X509 *__wrap_rove__pki_parse(const void *der, size_t size);

/* ---- keys ----------------------------------------------------------------------------------------------- */

static void keep(const char *pem, size_t size, EVP_PKEY *key) {
    kept_key *place = &kept[next];
    char *copy = malloc(size);
    if (copy == NULL || EVP_PKEY_up_ref(key) != 1) {
        free(copy);
        return;
    }
    memcpy(copy, pem, size);
    free(place->pem);
    EVP_PKEY_free(place->key);
    *place = (kept_key){.pem = copy, .size = size, .key = key};
    next = (next + 1) % KEPT_MAX;
}

EVP_PKEY *__wrap_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *password,
                                         void *ctx) {
    char *pem = NULL;
    long left = BIO_get_mem_data(bio, &pem);
    size_t size = left > 0 ? (size_t)left : 0;
    for (size_t i = 0; i < KEPT_MAX && size > 0 && out == NULL; i++) {
        if (kept[i].size == size && memcmp(kept[i].pem, pem, size) == 0 &&
            EVP_PKEY_up_ref(kept[i].key) == 1) {
            return kept[i].key;
        }
    }
    EVP_PKEY *key = __real_PEM_read_bio_PrivateKey(bio, out, password, ctx);
    if (key != NULL && size > 0) {
        keep(pem, size, key);
    }
    return key;
}

static int write_kept(kept_key *self, unsigned char **out) {
    unsigned char *at = self->public_der;
    if (self->public_size == 0) {
        int size = __real_i2d_PUBKEY(self->key, NULL);
        self->public_size = size > 0 && size <= PUBLIC_MAX ? __real_i2d_PUBKEY(self->key, &at) : 0;
    }
    if (self->public_size <= 0) {
        return __real_i2d_PUBKEY(self->key, out);
    }
    if (out != NULL) {
        memcpy(*out, self->public_der, (size_t)self->public_size);
        *out += self->public_size;
    }
    return self->public_size;
}

int __wrap_i2d_PUBKEY(EVP_PKEY *key, unsigned char **out) {
    for (size_t i = 0; i < KEPT_MAX && key != NULL && (out == NULL || *out != NULL); i++) {
        if (kept[i].key == key) {
            return write_kept(&kept[i], out);
        }
    }
    return __real_i2d_PUBKEY(key, out);
}

/* ---- certificates --------------------------------------------------------------------------------------- */

static void keep_certificate(const void *der, size_t size, X509 *certificate) {
    kept_certificate *place = &certificates[next_certificate];
    void *copy = malloc(size);
    if (copy == NULL || X509_up_ref(certificate) != 1) {
        free(copy);
        return;
    }
    memcpy(copy, der, size);
    free(place->der);
    X509_free(place->certificate);
    *place = (kept_certificate){copy, size, certificate};
    next_certificate = (next_certificate + 1) % KEPT_MAX;
}

X509 *__wrap_rove__pki_parse(const void *der, size_t size) {
    for (size_t i = 0; i < KEPT_MAX && der != NULL && size > 0; i++) {
        if (certificates[i].size == size && memcmp(certificates[i].der, der, size) == 0 &&
            X509_up_ref(certificates[i].certificate) == 1) {
            return certificates[i].certificate;
        }
    }
    X509 *certificate = __real_rove__pki_parse(der, size);
    if (certificate != NULL) {
        keep_certificate(der, size, certificate);
    }
    return certificate;
}
