/*
 * sim/crypto_once.c - OpenSSL's algorithms are looked up by name once a process, and not at each of a story's thousands of hashes
 * and sealed pages, which are short.
 *
 * The linker puts these functions before OpenSSL's (--wrap). One thread.
 */
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <string.h>

const EVP_MD *__real_EVP_sha256(void);
const EVP_MD *__wrap_EVP_sha256(void);
const EVP_CIPHER *__real_EVP_aes_256_gcm(void);
const EVP_CIPHER *__wrap_EVP_aes_256_gcm(void);
EVP_MAC *__real_EVP_MAC_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties);
EVP_MAC *__wrap_EVP_MAC_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties);
EVP_KDF *__real_EVP_KDF_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties);
EVP_KDF *__wrap_EVP_KDF_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties);

const EVP_MD *__wrap_EVP_sha256(void) {
    static EVP_MD *found;
    found = found == NULL ? EVP_MD_fetch(NULL, "SHA256", NULL) : found;
    return found == NULL ? __real_EVP_sha256() : found;
}

const EVP_CIPHER *__wrap_EVP_aes_256_gcm(void) {
    static EVP_CIPHER *found;
    found = found == NULL ? EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL) : found;
    return found == NULL ? __real_EVP_aes_256_gcm() : found;
}

/* Whether it is the algorithm that is kept, in the library's own state and with no wishes. */
static int is_kept(const OSSL_LIB_CTX *library, const char *name, const char *properties,
                   const char *kept) {
    return library == NULL && properties == NULL && strcmp(name, kept) == 0;
}

EVP_MAC *__wrap_EVP_MAC_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties) {
    static EVP_MAC *found;
    if (!is_kept(library, name, properties, "HMAC")) {
        return __real_EVP_MAC_fetch(library, name, properties);
    }
    found = found == NULL ? __real_EVP_MAC_fetch(NULL, name, NULL) : found;
    return found != NULL && EVP_MAC_up_ref(found) == 1 ? found : NULL;
}

EVP_KDF *__wrap_EVP_KDF_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties) {
    static EVP_KDF *found;
    if (!is_kept(library, name, properties, "HKDF")) {
        return __real_EVP_KDF_fetch(library, name, properties);
    }
    found = found == NULL ? __real_EVP_KDF_fetch(NULL, name, NULL) : found;
    return found != NULL && EVP_KDF_up_ref(found) == 1 ? found : NULL;
}
