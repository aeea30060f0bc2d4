/*
 * crypto_openssl.c - the crypto port over OpenSSL 3, which libcurl brings along here. Its AES-GCM uses what the processor
 * has for it.
 *
 * Random numbers are OpenSSL's own, seeded by the system, also after a fork. Every operation makes its own context,
 * which OpenSSL wipes when it is given back. What OpenSSL says of a failure is dropped: the port has one status for it.
 */
#include "posix.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define CURVE     "prime256v1"
#define SUBJECT   "rove device"
#define PROOF_MAX 64
#define PROOF_OID "1.3.6.1.4.1.59999.1.1"
#define HKDF_MAX  ((size_t)255 * ROVE_SHA256_SIZE)
#define PARTS_MAX (1 << 30) /* OpenSSL counts in int */

static rove_status status_of(int good) {
    if (good == 1) {
        return ROVE_OK;
    }
    int memory = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
    ERR_clear_error();
    return memory ? ROVE_NOMEM : ROVE_CRYPTO;
}

/* ---- hashes --------------------------------------------------------------------------------------------- */

static rove_status sha256(void *ctx, const rove_span *spans, size_t count,
                          uint8_t out[ROVE_SHA256_SIZE]) {
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    (void)ctx;
    int good = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; i < count && good; i++) {
        good = EVP_DigestUpdate(md, spans[i].data, spans[i].size) == 1;
    }
    good = good && EVP_DigestFinal_ex(md, out, NULL) == 1;
    EVP_MD_CTX_free(md);
    return status_of(good);
}

static rove_status hmac_sha256(void *ctx, const void *key, size_t key_size, const rove_span *spans,
                               size_t count, uint8_t out[ROVE_SHA256_SIZE]) {
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *kind = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = kind != NULL ? EVP_MAC_CTX_new(kind) : NULL;
    static const uint8_t empty[1] = {0};
    size_t written = 0;
    (void)ctx;
    int good = mac != NULL && EVP_MAC_init(mac, key_size > 0 ? key : empty, key_size, params) == 1;
    for (size_t i = 0; i < count && good; i++) {
        good = EVP_MAC_update(mac, spans[i].data, spans[i].size) == 1;
    }
    good = good && EVP_MAC_final(mac, out, &written, ROVE_SHA256_SIZE) == 1;
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(kind);
    return status_of(good);
}

static OSSL_PARAM octets(const char *name, const void *data, size_t size) {
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)data, size);
}

static rove_status hkdf_sha256(void *ctx, const void *secret, size_t secret_size, const void *salt,
                               size_t salt_size, const void *info, size_t info_size, void *out,
                               size_t out_size) {
    char digest[] = "SHA256";
    OSSL_PARAM params[5];
    size_t count = 0;
    (void)ctx;
    if (out_size > HKDF_MAX) {
        return ROVE_INVALID;
    }
    params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    params[count++] = octets(OSSL_KDF_PARAM_KEY, secret, secret_size);
    if (salt_size > 0) {
        params[count++] = octets(OSSL_KDF_PARAM_SALT, salt, salt_size);
    }
    if (info_size > 0) {
        params[count++] = octets(OSSL_KDF_PARAM_INFO, info, info_size);
    }
    params[count] = OSSL_PARAM_construct_end();
    EVP_KDF *kind = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *kdf = kind != NULL ? EVP_KDF_CTX_new(kind) : NULL;
    int good = kdf != NULL && EVP_KDF_derive(kdf, out, out_size, params) == 1;
    EVP_KDF_CTX_free(kdf);
    EVP_KDF_free(kind);
    return status_of(good);
}

/* ---- AES-256-GCM ---------------------------------------------------------------------------------------- */

static rove_status gcm_seal(void *ctx, const uint8_t key[ROVE_GCM_KEY_SIZE],
                            const uint8_t nonce[ROVE_GCM_NONCE_SIZE], const void *aad,
                            size_t aad_size, const void *in, size_t size, void *out,
                            uint8_t tag[ROVE_GCM_TAG_SIZE]) {
    EVP_CIPHER_CTX *gcm = EVP_CIPHER_CTX_new();
    int written = 0;
    (void)ctx;
    int good = gcm != NULL && aad_size <= PARTS_MAX && size <= PARTS_MAX &&
               EVP_EncryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, key, nonce) == 1;
    if (good && aad_size > 0) {
        good = EVP_EncryptUpdate(gcm, NULL, &written, aad, (int)aad_size) == 1;
    }
    if (good && size > 0) {
        good = EVP_EncryptUpdate(gcm, out, &written, in, (int)size) == 1;
    }
    uint8_t rest[ROVE_GCM_TAG_SIZE];
    good = good && EVP_EncryptFinal_ex(gcm, rest, &written) == 1 &&
           EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_GET_TAG, ROVE_GCM_TAG_SIZE, tag) == 1;
    EVP_CIPHER_CTX_free(gcm);
    return status_of(good);
}

static rove_status gcm_open(void *ctx, const uint8_t key[ROVE_GCM_KEY_SIZE],
                            const uint8_t nonce[ROVE_GCM_NONCE_SIZE], const void *aad,
                            size_t aad_size, const void *in, size_t size,
                            const uint8_t tag[ROVE_GCM_TAG_SIZE], void *out) {
    EVP_CIPHER_CTX *gcm = EVP_CIPHER_CTX_new();
    uint8_t expected[ROVE_GCM_TAG_SIZE];
    uint8_t rest[ROVE_GCM_TAG_SIZE];
    int written = 0;
    (void)ctx;
    memcpy(expected, tag, sizeof expected);
    int good = gcm != NULL && aad_size <= PARTS_MAX && size <= PARTS_MAX &&
               EVP_DecryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, key, nonce) == 1;
    if (good && aad_size > 0) {
        good = EVP_DecryptUpdate(gcm, NULL, &written, aad, (int)aad_size) == 1;
    }
    if (good && size > 0) {
        good = EVP_DecryptUpdate(gcm, out, &written, in, (int)size) == 1;
    }
    good = good && EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_SET_TAG, ROVE_GCM_TAG_SIZE, expected) == 1;
    rove_status status = status_of(good);
    if (status == ROVE_OK && EVP_DecryptFinal_ex(gcm, rest, &written) != 1) {
        OPENSSL_cleanse(out, size);
        ERR_clear_error();
        status = ROVE_CORRUPT;
    }
    EVP_CIPHER_CTX_free(gcm);
    return status;
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

/* Whether it is a key of P-256, and lies on the curve. */
static rove_status check_key(const EVP_PKEY *key, int is_private) {
    char curve[32] = "";
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) != 1 ||
        strcmp(curve, CURVE) != 0) {
        ERR_clear_error();
        return ROVE_INVALID;
    }
    EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, (EVP_PKEY *)(uintptr_t)key, NULL);
    if (check == NULL) {
        return status_of(0);
    }
    int good = is_private ? EVP_PKEY_pairwise_check(check) == 1 : EVP_PKEY_public_check(check) == 1;
    EVP_PKEY_CTX_free(check);
    ERR_clear_error();
    return good ? ROVE_OK : ROVE_INVALID;
}

static rove_status load(EVP_PKEY **key, const void *der, size_t size, int is_private) {
    const uint8_t *at = der;
    *key = NULL;
    if (der == NULL || size == 0 || size > PARTS_MAX) {
        return ROVE_INVALID;
    }
    *key =
        is_private ? d2i_AutoPrivateKey(NULL, &at, (long)size) : d2i_PUBKEY(NULL, &at, (long)size);
    rove_status status = *key != NULL ? check_key(*key, is_private) : status_of(0);
    if (status == ROVE_CRYPTO || (status == ROVE_OK && at != (const uint8_t *)der + size)) {
        status = ROVE_INVALID;
    }
    if (status != ROVE_OK) {
        EVP_PKEY_free(*key);
        *key = NULL;
    }
    return status;
}

/* Writes DER that is asked for first with NULL, for its size. */
static rove_status write_der(int (*write)(const EVP_PKEY *, uint8_t **), const EVP_PKEY *key,
                             uint8_t *out, size_t capacity, size_t *size) {
    int needed = write(key, NULL);
    if (needed <= 0) {
        return status_of(0);
    }
    if ((size_t)needed > capacity) {
        return ROVE_TOO_BIG;
    }
    *size = (size_t)write(key, &out);
    return ROVE_OK;
}

static rove_status key_generate(void *ctx, uint8_t *key_der, size_t capacity, size_t *size) {
    EVP_PKEY *key = EVP_EC_gen(CURVE);
    (void)ctx;
    *size = 0;
    rove_status status =
        key != NULL ? write_der(i2d_PrivateKey, key, key_der, capacity, size) : status_of(0);
    EVP_PKEY_free(key);
    return status;
}

static rove_status key_public(void *ctx, const void *key_der, size_t key_size, uint8_t *public_der,
                              size_t capacity, size_t *size) {
    EVP_PKEY *key = NULL;
    (void)ctx;
    *size = 0;
    rove_status status = load(&key, key_der, key_size, 1);
    if (status == ROVE_OK) {
        status = write_der(i2d_PUBKEY, key, public_der, capacity, size);
    }
    EVP_PKEY_free(key);
    return status;
}

static rove_status sign(void *ctx, const void *key_der, size_t key_size, const void *message,
                        size_t message_size, uint8_t *signature, size_t capacity, size_t *size) {
    EVP_PKEY *key = NULL;
    uint8_t buffer[ROVE_SIGNATURE_MAX];
    size_t written = sizeof buffer;
    (void)ctx;
    *size = 0;
    rove_status status = load(&key, key_der, key_size, 1);
    if (status == ROVE_OK) {
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        int good = md != NULL && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
                   EVP_DigestSign(md, buffer, &written, message, message_size) == 1;
        status = status_of(good);
        EVP_MD_CTX_free(md);
    }
    if (status == ROVE_OK && written > capacity) {
        status = ROVE_TOO_BIG;
    }
    if (status == ROVE_OK) {
        memcpy(signature, buffer, written);
        *size = written;
    }
    EVP_PKEY_free(key);
    return status;
}

static rove_status verify(void *ctx, const void *public_der, size_t public_size,
                          const void *message, size_t message_size, const void *signature,
                          size_t signature_size) {
    EVP_PKEY *key = NULL;
    (void)ctx;
    rove_status status = load(&key, public_der, public_size, 0);
    if (status == ROVE_OK) {
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        status =
            status_of(md != NULL && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1);
        /* The signature is the peer's: whatever is wrong with it, it does not match. */
        if (status == ROVE_OK &&
            EVP_DigestVerify(md, signature, signature_size, message, message_size) != 1) {
            ERR_clear_error();
            status = ROVE_CORRUPT;
        }
        EVP_MD_CTX_free(md);
    }
    EVP_PKEY_free(key);
    return status;
}

static rove_status ecdh(void *ctx, const void *key_der, size_t key_size, const void *public_der,
                        size_t public_size, uint8_t out[ROVE_ECDH_SIZE]) {
    EVP_PKEY *own = NULL;
    EVP_PKEY *peer = NULL;
    size_t size = ROVE_ECDH_SIZE;
    (void)ctx;
    rove_status status = load(&own, key_der, key_size, 1);
    if (status == ROVE_OK) {
        status = load(&peer, public_der, public_size, 0);
    }
    if (status == ROVE_OK) {
        EVP_PKEY_CTX *derive = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
        int good = derive != NULL && EVP_PKEY_derive_init(derive) == 1 &&
                   EVP_PKEY_derive_set_peer(derive, peer) == 1 &&
                   EVP_PKEY_derive(derive, out, &size) == 1 && size == ROVE_ECDH_SIZE;
        status = status_of(good);
        EVP_PKEY_CTX_free(derive);
    }
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    return status;
}

/* ---- PKCS#10 -------------------------------------------------------------------------------------------- */

/* The proof, as an OCTET STRING in DER, in the private extension of the request. */
static int set_proof(X509_REQ *request, const void *proof, size_t proof_size) {
    uint8_t value[2 + PROOF_MAX] = {V_ASN1_OCTET_STRING, (uint8_t)proof_size};
    memcpy(value + 2, proof, proof_size);
    ASN1_OBJECT *oid = OBJ_txt2obj(PROOF_OID, 1);
    ASN1_OCTET_STRING *octet_string = ASN1_OCTET_STRING_new();
    STACK_OF(X509_EXTENSION) *all = NULL;
    X509_EXTENSION *extension = NULL;
    int good = oid != NULL && octet_string != NULL &&
               ASN1_OCTET_STRING_set(octet_string, value, (int)(2 + proof_size)) == 1;
    if (good) {
        extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, octet_string);
        good = extension != NULL && X509v3_add_ext(&all, extension, 0) != NULL &&
               X509_REQ_add_extensions(request, all) == 1;
    }
    sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octet_string);
    ASN1_OBJECT_free(oid);
    return good;
}

static int make_request(X509_REQ *request, EVP_PKEY *key, const void *proof, size_t proof_size) {
    X509_NAME *name = X509_REQ_get_subject_name(request);
    return X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)SUBJECT, -1, -1,
                                      0) == 1 &&
           X509_REQ_set_pubkey(request, key) == 1 &&
           (proof_size == 0 || set_proof(request, proof, proof_size)) &&
           X509_REQ_sign(request, key, EVP_sha256()) > 0;
}

static rove_status csr(void *ctx, const void *key_der, size_t key_size, const void *proof,
                       size_t proof_size, uint8_t *csr_der, size_t capacity, size_t *size) {
    EVP_PKEY *key = NULL;
    (void)ctx;
    *size = 0;
    if (proof_size > PROOF_MAX) {
        return ROVE_INVALID;
    }
    rove_status status = load(&key, key_der, key_size, 1);
    if (status == ROVE_OK) {
        X509_REQ *request = X509_REQ_new();
        status = status_of(request != NULL && make_request(request, key, proof, proof_size));
        int needed = status == ROVE_OK ? i2d_X509_REQ(request, NULL) : 0;
        if (status == ROVE_OK && needed <= 0) {
            status = status_of(0);
        } else if (status == ROVE_OK && (size_t)needed > capacity) {
            status = ROVE_TOO_BIG;
        } else if (status == ROVE_OK) {
            *size = (size_t)i2d_X509_REQ(request, &csr_der);
        }
        X509_REQ_free(request);
    }
    EVP_PKEY_free(key);
    return status;
}

void rove_posix_crypto_openssl(rove_crypto *out) {
    *out = (rove_crypto){.sha256 = sha256,
                         .hmac_sha256 = hmac_sha256,
                         .hkdf_sha256 = hkdf_sha256,
                         .gcm_seal = gcm_seal,
                         .gcm_open = gcm_open,
                         .key_generate = key_generate,
                         .key_public = key_public,
                         .sign = sign,
                         .verify = verify,
                         .ecdh = ecdh,
                         .csr = csr};
}
