/*
 * pki.c - makes an authority and issues the certificates of servers and devices, by OpenSSL.
 *
 * Every certificate is made by issue() from one order: version 3, a random serial of 127 bits,
 * ECDSA with SHA-256, and no extension but those listed there.
 */
#include "pki.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "failure.h"
#include "pki_internal.h"

#define AUTHORITY_NAME_MAX 64 /* RFC 5280's bound of a common name */
#define SERVER_COMMON_NAME "rove headquarters"
#define TIME_MAX_MS        INT64_C(253402300799000) /* the end of year 9999 */

/* A certificate to be made; everything borrowed. */
typedef struct order {
    const char *common_name;
    EVP_PKEY *subject_key;
    GENERAL_NAMES *names;    /* NULL for none */
    const char *constraints; /* values of extensions, as OpenSSL's configuration writes them */
    const char *key_usage;
    const char *extended_usage; /* NULL for none */
    int64_t not_before_ms;
    int64_t not_after_ms;
    const X509 *issuer; /* NULL to sign itself */
    EVP_PKEY *signer;
} order;

static int add_extension(X509 *certificate, X509V3_CTX *context, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, context, nid, value);
    int added = extension != NULL && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static int add_extensions(X509 *certificate, const order *what, X509 *issuer) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    return add_extension(certificate, &context, NID_basic_constraints, what->constraints) &&
           add_extension(certificate, &context, NID_key_usage, what->key_usage) &&
           (what->extended_usage == NULL ||
            add_extension(certificate, &context, NID_ext_key_usage, what->extended_usage)) &&
           add_extension(certificate, &context, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, &context, NID_authority_key_identifier, "keyid:always");
}

static int set_serial(X509 *certificate) {
    uint8_t bytes[ROVE_PKI_SERIAL_SIZE];
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        return 0;
    }
    bytes[0] = (uint8_t)((bytes[0] & 0x3f) | 0x40); /* positive, and always of the same length */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    int set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return set;
}

static int set_times(X509 *certificate, const order *what) {
    return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(what->not_before_ms / 1000)) &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(what->not_after_ms / 1000));
}

static int set_names(X509 *certificate, const order *what) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    if (!X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                    (const unsigned char *)what->common_name, -1, -1, 0)) {
        return 0;
    }
    const X509_NAME *issuer = what->issuer == NULL ? subject : X509_get_subject_name(what->issuer);
    return X509_set_issuer_name(certificate, issuer);
}

/* NULL on failure, with the reason in OpenSSL's queue. */
static X509 *issue(const order *what) {
    X509 *certificate = X509_new();
    X509 *copy = NULL;
    X509 *issuer = certificate;
    int made = 0;
    if (certificate == NULL) {
        return NULL;
    }
    if (what->issuer != NULL) {
        /* The extension code wants to be able to write to the issuer; several threads share ours. */
        issuer = copy = X509_dup(what->issuer);
    }
    made = issuer != NULL && X509_set_version(certificate, X509_VERSION_3) &&
           set_serial(certificate) && set_times(certificate, what) &&
           set_names(certificate, what) && X509_set_pubkey(certificate, what->subject_key) &&
           (what->names == NULL || X509_add1_ext_i2d(certificate, NID_subject_alt_name, what->names,
                                                     0, X509V3_ADD_DEFAULT)) &&
           add_extensions(certificate, what, issuer) &&
           X509_sign(certificate, what->signer, EVP_sha256()) > 0;
    X509_free(copy);
    if (!made) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static rove_status issue_der(const order *what, rove_pki_bytes *der, rove_error *error) {
    X509 *certificate = issue(what);
    if (certificate == NULL) {
        return rove__pki_fail(error, ROVE_CRYPTO, "The certificate could not be made");
    }
    rove_status status = rove__pki_write_der(certificate, der, error);
    X509_free(certificate);
    return status;
}

static rove_status write_key_pem(EVP_PKEY *key, rove_pki_bytes *pem, rove_error *error) {
    rove_status status = ROVE_OK;
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem()); /* wiped when freed */
    if (bio == NULL || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)) {
        status = rove__pki_fail(error, ROVE_CRYPTO, "The private key could not be written");
    } else {
        long size = BIO_get_mem_data(bio, &text);
        if (size <= 0 || size > ROVE_PKI_BYTES_MAX) {
            status = rove__pki_fail(error, ROVE_TOO_BIG, "The private key is too large");
        } else {
            memcpy(pem->data, text, (size_t)size);
            pem->size = (size_t)size;
        }
    }
    BIO_free(bio);
    return status;
}

static rove_status check_now(int64_t now_ms, rove_error *error) {
    if (now_ms < ROVE_PKI_BACKDATE_MS ||
        now_ms > TIME_MAX_MS - ROVE_PKI_AUTHORITY_DAYS * ROVE_PKI_DAY_MS) {
        return rove__posix_fail(
            error, ROVE_INVALID, ROVE_DOMAIN_ROVE, ROVE_INVALID,
            "No certificate can be made at the time %" PRId64 " ms; set the clock", now_ms);
    }
    return ROVE_OK;
}

rove_status rove_pki_authority_make(const char *name, int64_t now_ms, rove_pki_bytes *key_pem,
                                    rove_pki_bytes *certificate_der, rove_error *error) {
    size_t size = name == NULL ? 0 : strlen(name);
    if (size == 0 || size > AUTHORITY_NAME_MAX) {
        return rove__pki_fail(error, ROVE_INVALID, "An authority's name has 1 to 64 bytes");
    }
    rove_status status = check_now(now_ms, error);
    if (status != ROVE_OK) {
        return status;
    }
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL) {
        return rove__pki_fail(error, ROVE_CRYPTO, "The authority's key could not be made");
    }
    const order made = {.common_name = name,
                        .subject_key = key,
                        .constraints = "critical,CA:TRUE,pathlen:0",
                        .key_usage = "critical,keyCertSign,cRLSign",
                        .not_before_ms = now_ms - ROVE_PKI_BACKDATE_MS,
                        .not_after_ms = now_ms + ROVE_PKI_AUTHORITY_DAYS * ROVE_PKI_DAY_MS,
                        .signer = key};
    status = issue_der(&made, certificate_der, error);
    if (status == ROVE_OK) {
        status = write_key_pem(key, key_pem, error);
    }
    EVP_PKEY_free(key);
    return status;
}

rove_status rove_pki_authority_succeed(const rove_pki_authority *authority, int64_t now_ms,
                                       rove_pki_bytes *key_pem, rove_pki_bytes *certificate_der,
                                       rove_error *error) {
    char name[AUTHORITY_NAME_MAX + 1];
    int size = X509_NAME_get_text_by_NID(X509_get_subject_name(authority->certificate),
                                         NID_commonName, name, sizeof name);
    if (size <= 0) {
        return rove__pki_fail(error, ROVE_INVALID, "The authority's certificate has no name");
    }
    return rove_pki_authority_make(name, now_ms, key_pem, certificate_der, error);
}

EVP_PKEY *rove__pki_read_key(const rove_pki_bytes *pem) {
    char no_password[] = "";
    EVP_PKEY *key = NULL;
    BIO *bio = pem->size > ROVE_PKI_BYTES_MAX ? NULL : BIO_new_mem_buf(pem->data, (int)pem->size);
    if (bio != NULL) {
        key = PEM_read_bio_PrivateKey(bio, NULL, NULL, no_password);
    }
    BIO_free(bio);
    return key;
}

rove_status rove_pki_authority_open(const rove_pki_bytes *key_pem,
                                    const rove_pki_bytes *certificate_der, rove_pki_authority **out,
                                    rove_error *error) {
    rove_status status = ROVE_OK;
    *out = NULL;
    rove_pki_authority *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return rove__pki_fail(error, ROVE_NOMEM, "There is not enough memory");
    }
    self->certificate = rove__pki_parse(certificate_der->data, certificate_der->size);
    if (key_pem != NULL) {
        self->key = rove__pki_read_key(key_pem);
    } else if (self->certificate != NULL) {
        self->key = X509_get_pubkey(self->certificate);
    }
    if (self->key == NULL) {
        status = rove__pki_fail(error, ROVE_INVALID,
                                "The authority's private key is no PEM without a password");
    } else if (self->certificate == NULL || X509_check_ca(self->certificate) != 1 ||
               !rove__pki_time_ms(X509_get0_notAfter(self->certificate), &self->not_after_ms)) {
        status = rove__pki_fail(error, ROVE_INVALID,
                                "The authority's certificate is none that may issue others");
    } else if (X509_check_private_key(self->certificate, self->key) != 1) {
        status = rove__pki_fail(error, ROVE_INVALID,
                                "The authority's key and certificate do not belong together");
    }
    if (status != ROVE_OK) {
        rove_pki_authority_free(self);
        return status;
    }
    *out = self;
    return ROVE_OK;
}

void rove_pki_authority_free(rove_pki_authority *authority) {
    if (authority == NULL) {
        return;
    }
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    free(authority);
}

static int64_t end_of_validity(const rove_pki_authority *authority, int64_t now_ms, int64_t days) {
    int64_t end_ms = now_ms + days * ROVE_PKI_DAY_MS;
    return end_ms < authority->not_after_ms ? end_ms : authority->not_after_ms;
}

static int is_dns_name(const char *name) {
    size_t size = strlen(name);
    return size > 0 && size <= ROVE_PKI_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == size;
}

/* Adds a name of the type GEN_DNS or GEN_URI; 0 on failure. */
static int push_text(GENERAL_NAMES *names, int type, const char *text) {
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();
    if (name == NULL || value == NULL || !ASN1_STRING_set(value, text, -1)) {
        ASN1_IA5STRING_free(value);
        GENERAL_NAME_free(name);
        return 0;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) <= 0) {
        GENERAL_NAME_free(name);
        return 0;
    }
    return 1;
}

/* Adds an IP address, which it owns from now on; 0 on failure. */
static int push_address(GENERAL_NAMES *names, ASN1_OCTET_STRING *address) {
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (name == NULL) {
        ASN1_OCTET_STRING_free(address);
        return 0;
    }
    GENERAL_NAME_set0_value(name, GEN_IPADD, address);
    if (sk_GENERAL_NAME_push(names, name) <= 0) {
        GENERAL_NAME_free(name);
        return 0;
    }
    return 1;
}

static rove_status push_server_name(GENERAL_NAMES *names, const char *text, rove_error *error) {
    int pushed = 0;
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
    if (address != NULL) {
        pushed = push_address(names, address);
    } else if (is_dns_name(text)) {
        pushed = push_text(names, GEN_DNS, text);
    } else {
        return rove__pki_fail(error, ROVE_INVALID,
                              "A server's name is neither a DNS name nor an IP address");
    }
    return pushed ? ROVE_OK : rove__pki_fail(error, ROVE_NOMEM, "There is not enough memory");
}

/* For a key that is there. */
static rove_status issue_server(const rove_pki_authority *authority, EVP_PKEY *key,
                                const char *const *names, size_t count, int64_t now_ms,
                                rove_pki_bytes *certificate_der, rove_error *error) {
    if (count == 0 || count > ROVE_PKI_NAMES_MAX) {
        return rove__pki_fail(error, ROVE_INVALID, "A server has 1 to 16 names");
    }
    rove_status status = check_now(now_ms, error);
    GENERAL_NAMES *alternatives = sk_GENERAL_NAME_new_null();
    if (status == ROVE_OK && alternatives == NULL) {
        status = rove__pki_fail(error, ROVE_NOMEM, "There is not enough memory");
    }
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        status = push_server_name(alternatives, names[i], error);
    }
    if (status == ROVE_OK) {
        const order made = {.common_name = SERVER_COMMON_NAME,
                            .subject_key = key,
                            .names = alternatives,
                            .constraints = "critical,CA:FALSE",
                            .key_usage = "critical,digitalSignature",
                            .extended_usage = "serverAuth",
                            .not_before_ms = now_ms - ROVE_PKI_BACKDATE_MS,
                            .not_after_ms =
                                end_of_validity(authority, now_ms, ROVE_PKI_SERVER_DAYS),
                            .issuer = authority->certificate,
                            .signer = authority->key};
        status = issue_der(&made, certificate_der, error);
    }
    GENERAL_NAMES_free(alternatives);
    return status;
}

rove_status rove_pki_server_issue(const rove_pki_authority *authority, const char *const *names,
                                  size_t count, int64_t now_ms, rove_pki_bytes *key_pem,
                                  rove_pki_bytes *certificate_der, rove_error *error) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL) {
        return rove__pki_fail(error, ROVE_CRYPTO, "The server's key could not be made");
    }
    rove_status status = issue_server(authority, key, names, count, now_ms, certificate_der, error);
    if (status == ROVE_OK) {
        status = write_key_pem(key, key_pem, error);
    }
    EVP_PKEY_free(key);
    return status;
}

rove_status rove_pki_key_make(rove_pki_bytes *key_pem, rove_error *error) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL) {
        return rove__pki_fail(error, ROVE_CRYPTO, "The server's key could not be made");
    }
    rove_status status = write_key_pem(key, key_pem, error);
    EVP_PKEY_free(key);
    return status;
}

rove_status rove_pki_server_renew(const rove_pki_authority *authority,
                                  const rove_pki_bytes *key_pem, const char *const *names,
                                  size_t count, int64_t now_ms, rove_pki_bytes *certificate_der,
                                  rove_error *error) {
    EVP_PKEY *key = rove__pki_read_key(key_pem);
    if (key == NULL) {
        return rove__pki_fail(error, ROVE_INVALID,
                              "The server's private key is no PEM without a password");
    }
    rove_status status = issue_server(authority, key, names, count, now_ms, certificate_der, error);
    EVP_PKEY_free(key);
    return status;
}

/* The names of a device; NULL: no memory. The caller frees. */
static GENERAL_NAMES *device_names(const rove_pki_subject *subject) {
    char urn[64];
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    int made = names != NULL;
    (void)snprintf(urn, sizeof urn, ROVE__PKI_REPLICA_URN "%" PRIu32, subject->replica);
    made = made && push_text(names, GEN_URI, urn);
    (void)snprintf(urn, sizeof urn, ROVE__PKI_USER_URN "%" PRId64, subject->user);
    made = made && push_text(names, GEN_URI, urn);
    if (subject->former != 0) {
        (void)snprintf(urn, sizeof urn, ROVE__PKI_FORMER_URN "%" PRIu32, subject->former);
        made = made && push_text(names, GEN_URI, urn);
    }
    if (!made) {
        GENERAL_NAMES_free(names);
        return NULL;
    }
    return names;
}

rove_status rove_pki_device_issue(const rove_pki_authority *authority,
                                  const rove_pki_request *request, const rove_pki_subject *subject,
                                  int64_t now_ms, rove_pki_bytes *certificate_der,
                                  rove_error *error) {
    char common_name[32];
    if (subject->replica == 0 || subject->replica > ROVE_PKI_REPLICA_MAX || subject->user <= 0 ||
        subject->former > ROVE_PKI_REPLICA_MAX) {
        return rove__pki_fail(error, ROVE_INVALID,
                              "A device's replica number has 31 bits, not 0, and it has a user");
    }
    rove_status status = check_now(now_ms, error);
    if (status != ROVE_OK) {
        return status;
    }
    (void)snprintf(common_name, sizeof common_name, "replica %" PRIu32, subject->replica);
    const unsigned char *at = request->public_der;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)request->public_size);
    GENERAL_NAMES *alternatives = device_names(subject);
    if (key == NULL) {
        status = rove__pki_fail(error, ROVE_INVALID, "The device's public key is none");
    } else if (alternatives == NULL) {
        status = rove__pki_fail(error, ROVE_NOMEM, "There is not enough memory");
    } else {
        const order made = {.common_name = common_name,
                            .subject_key = key,
                            .names = alternatives,
                            .constraints = "critical,CA:FALSE",
                            .key_usage = "critical,digitalSignature",
                            .extended_usage = "clientAuth",
                            .not_before_ms = now_ms - ROVE_PKI_BACKDATE_MS,
                            .not_after_ms =
                                end_of_validity(authority, now_ms, ROVE_PKI_DEVICE_DAYS),
                            .issuer = authority->certificate,
                            .signer = authority->key};
        status = issue_der(&made, certificate_der, error);
    }
    GENERAL_NAMES_free(alternatives);
    EVP_PKEY_free(key);
    return status;
}
