/*
 * sim/pki_once.c - a private key is read from its PEM once a process, and not at each start of headquarters: all simulated ones
 * begin with the same keys, and OpenSSL takes a millisecond for each.
 *
 * The linker puts it before OpenSSL's (--wrap). What is not kept any more is read again.
 */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 16

typedef struct kept_key {
    char *pem;
    size_t size;
    EVP_PKEY *key;
} kept_key;

static kept_key kept[KEPT_MAX];
static size_t next;

EVP_PKEY *__real_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *password,
                                         void *ctx);
EVP_PKEY *__wrap_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *password,
                                         void *ctx);

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
    *place = (kept_key){copy, size, key};
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
