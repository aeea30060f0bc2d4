/*
 * pki_read.c - reads PKCS#10 requests and certificates, by OpenSSL.
 *
 * All but a server's own certificate comes from a peer. A value is parsed whole or refused, its signature is checked
 * before anything in it counts, and what is not expected is refused rather than skipped.
 */
#include "pki.h"

#include <arpa/inet.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "failure.h"
#include "pki_internal.h"

#define REQUEST_COMMON_NAME "rove device"
#define PROOF_OID           "1.3.6.1.4.1.59999.1.1"
#define P256_POINT_SIZE     65 /* 04, x, y */

/* A SubjectPublicKeyInfo of P-256 up to its point: the only form that is accepted. */
static const uint8_t p256_prefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

rove_status rove__pki_fail(rove_error *error, rove_status status, const char *text) {
    unsigned long code = ERR_get_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    ERR_clear_error();
    if (reason == NULL) {
        return rove__posix_fail(error, status, ROVE_DOMAIN_ROVE, (int)status, "%s", text);
    }
    return rove__posix_fail(error, status, ROVE_DOMAIN_TLS, ERR_GET_REASON(code), "%s (%s)", text,
                            reason);
}

X509 *rove__pki_parse(const void *der, size_t size) {
    const unsigned char *at = der;
    if (der == NULL || size == 0 || size > ROVE_PKI_BYTES_MAX) {
        return NULL;
    }
    X509 *certificate = d2i_X509(NULL, &at, (long)size);
    if (certificate != NULL && at != (const unsigned char *)der + size) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

rove_status rove__pki_write_der(const X509 *certificate, rove_pki_bytes *der, rove_error *error) {
    int size = i2d_X509(certificate, NULL);
    if (size <= 0) {
        return rove__pki_fail(error, ROVE_CRYPTO, "The certificate could not be written");
    }
    if (size > ROVE_PKI_BYTES_MAX) {
        return rove__pki_fail(error, ROVE_TOO_BIG, "The certificate is too large; use fewer names");
    }
    unsigned char *at = der->data;
    der->size = (size_t)i2d_X509(certificate, &at);
    return ROVE_OK;
}

int rove__pki_time_ms(const ASN1_TIME *time, int64_t *out_ms) {
    int days = 0;
    int seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int read = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time);
    ASN1_TIME_free(epoch);
    if (read) {
        *out_ms = (int64_t)days * ROVE_PKI_DAY_MS + (int64_t)seconds * 1000;
    }
    return read;
}

/* The size of the DER of a public key in `out`, 0 if it does not fit. */
static size_t write_public(const X509_PUBKEY *key, uint8_t *out, size_t capacity) {
    int size = i2d_X509_PUBKEY(key, NULL);
    if (size <= 0 || (size_t)size > capacity) {
        return 0;
    }
    unsigned char *at = out;
    return (size_t)i2d_X509_PUBKEY(key, &at);
}

static int is_p256(const uint8_t *public_der, size_t size) {
    return size == sizeof p256_prefix + P256_POINT_SIZE &&
           memcmp(public_der, p256_prefix, sizeof p256_prefix) == 0 &&
           public_der[sizeof p256_prefix] == 0x04;
}

/* Whether a name is "CN=<text>" and nothing else. */
static int is_common_name(const X509_NAME *name, const char *text) {
    if (name == NULL || X509_NAME_entry_count(name) != 1) {
        return 0;
    }
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, 0);
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    return OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) == NID_commonName &&
           (size_t)ASN1_STRING_length(value) == strlen(text) &&
           memcmp(ASN1_STRING_get0_data(value), text, strlen(text)) == 0;
}

/* Takes the proof out of the extension's value, the DER of an OCTET STRING; 0 if it is anything else. */
static int take_proof(const ASN1_OCTET_STRING *value, rove_pki_request *out) {
    const unsigned char *start = ASN1_STRING_get0_data(value);
    const unsigned char *at = start;
    int size = ASN1_STRING_length(value);
    ASN1_OCTET_STRING *proof = d2i_ASN1_OCTET_STRING(NULL, &at, size);
    int taken = proof != NULL && at == start + size && ASN1_STRING_length(proof) > 0 &&
                ASN1_STRING_length(proof) <= ROVE_PKI_PROOF_MAX;
    if (taken) {
        out->proof_size = (size_t)ASN1_STRING_length(proof);
        memcpy(out->proof, ASN1_STRING_get0_data(proof), out->proof_size);
    }
    ASN1_OCTET_STRING_free(proof);
    return taken;
}

/* The proof is the only extension, and extensions are the only attribute, that a request may have. */
static rove_status read_proof(X509_REQ *request, rove_pki_request *out, rove_error *error) {
    int attributes = X509_REQ_get_attr_count(request);
    if (attributes <= 0) {
        return ROVE_OK;
    }
    ASN1_OBJECT *oid = OBJ_txt2obj(PROOF_OID, 1);
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    X509_EXTENSION *extension = NULL;
    if (attributes == 1 && extensions != NULL && sk_X509_EXTENSION_num(extensions) == 1) {
        extension = sk_X509_EXTENSION_value(extensions, 0);
    }
    rove_status status = ROVE_OK;
    if (oid == NULL) {
        status = rove__pki_fail(error, ROVE_NOMEM, "There is not enough memory");
    } else if (extension == NULL || X509_EXTENSION_get_critical(extension) ||
               OBJ_cmp(X509_EXTENSION_get_object(extension), oid) != 0 ||
               !take_proof(X509_EXTENSION_get_data(extension), out)) {
        status = rove__pki_fail(error, ROVE_PROTOCOL,
                                "The request asks for extensions that a device may not have");
    }
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    ASN1_OBJECT_free(oid);
    return status;
}

/* Whether the request is signed by the key in it, with ECDSA, SHA-256 and nothing to choose from. */
static int is_self_signed(X509_REQ *request) {
    const X509_ALGOR *algorithm = NULL;
    int parameters = V_ASN1_UNDEF;
    X509_REQ_get0_signature(request, NULL, &algorithm);
    X509_ALGOR_get0(NULL, &parameters, NULL, algorithm);
    return X509_REQ_get_signature_nid(request) == NID_ecdsa_with_SHA256 &&
           (parameters == V_ASN1_UNDEF || parameters == V_ASN1_NULL) &&
           X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) == 1;
}

static rove_status check_request(X509_REQ *request, rove_pki_request *out, rove_error *error) {
    out->public_size =
        write_public(X509_REQ_get_X509_PUBKEY(request), out->public_der, sizeof out->public_der);
    if (!is_p256(out->public_der, out->public_size)) {
        return rove__pki_fail(error, ROVE_PROTOCOL, "The request's key is not one of P-256");
    }
    if (!is_self_signed(request)) {
        return rove__pki_fail(error, ROVE_PROTOCOL,
                              "The request is not signed by the key that it is for");
    }
    if (X509_REQ_get_version(request) != 0 ||
        !is_common_name(X509_REQ_get_subject_name(request), REQUEST_COMMON_NAME)) {
        return rove__pki_fail(error, ROVE_PROTOCOL,
                              "The request names a subject; headquarters gives the name");
    }
    return read_proof(request, out, error);
}

rove_status rove_pki_request_read(const void *der, size_t size, rove_pki_request *out,
                                  rove_error *error) {
    const unsigned char *at = der;
    rove_pki_request read;
    if (der == NULL || size == 0 || size > ROVE_CSR_DER_MAX) {
        return rove__pki_fail(error, ROVE_PROTOCOL, "The request is empty or too large");
    }
    memset(&read, 0, sizeof read);
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)size);
    if (request == NULL || at != (const unsigned char *)der + size) {
        X509_REQ_free(request);
        return rove__pki_fail(error, ROVE_PROTOCOL, "The request is no PKCS#10 request");
    }
    rove_status status = check_request(request, &read, error);
    X509_REQ_free(request);
    ERR_clear_error();
    if (status == ROVE_OK) {
        *out = read;
    }
    return status;
}

/* The number n of "<prefix><n>", decimal without leading zeros, at most `most`; 0 for anything else. */
static int64_t parse_urn(const GENERAL_NAME *name, const char *prefix, int64_t most) {
    int type = 0;
    const ASN1_STRING *text = GENERAL_NAME_get0_value(name, &type);
    size_t size = type == GEN_URI ? (size_t)ASN1_STRING_length(text) : 0;
    size_t start = strlen(prefix);
    if (size <= start || size > start + 19) {
        return 0;
    }
    const char *at = (const char *)ASN1_STRING_get0_data(text);
    uint64_t number = 0;
    if (memcmp(at, prefix, start) != 0 || at[start] == '0') {
        return 0;
    }
    for (size_t i = start; i < size; i++) {
        if (at[i] < '0' || at[i] > '9') {
            return 0;
        }
        number = number * 10 + (uint64_t)(at[i] - '0');
    }
    return number <= (uint64_t)most ? (int64_t)number : 0;
}

/* Whom a certificate names; 0 if it does not name exactly one replica and its user. */
static int read_subject(const X509 *certificate, rove_pki_subject *subject) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int count = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
    int read = count == 2 || count == 3;
    if (read) {
        subject->replica = (uint32_t)parse_urn(sk_GENERAL_NAME_value(names, 0),
                                               ROVE__PKI_REPLICA_URN, ROVE_PKI_REPLICA_MAX);
        subject->user = parse_urn(sk_GENERAL_NAME_value(names, 1), ROVE__PKI_USER_URN, INT64_MAX);
        read = subject->replica != 0 && subject->user != 0;
    }
    if (read && count == 3) {
        subject->former = (uint32_t)parse_urn(sk_GENERAL_NAME_value(names, 2), ROVE__PKI_FORMER_URN,
                                              ROVE_PKI_REPLICA_MAX);
        read = subject->former != 0;
    }
    GENERAL_NAMES_free(names);
    return read;
}

static int read_serial(const X509 *certificate, uint8_t out[ROVE_PKI_SERIAL_SIZE]) {
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    int read = number != NULL && !BN_is_negative(number) &&
               BN_bn2binpad(number, out, ROVE_PKI_SERIAL_SIZE) == ROVE_PKI_SERIAL_SIZE;
    BN_free(number);
    return read;
}

/* Whether the authority signed the certificate, for a client and not as another authority. */
static int is_clients(const rove_pki_authority *authority, X509 *certificate) {
    const uint32_t bad = EXFLAG_INVALID | EXFLAG_CRITICAL | EXFLAG_CA | EXFLAG_SS;
    return X509_NAME_cmp(X509_get_issuer_name(certificate),
                         X509_get_subject_name(authority->certificate)) == 0 &&
           X509_get_signature_nid(certificate) == NID_ecdsa_with_SHA256 &&
           X509_verify(certificate, authority->key) == 1 &&
           (X509_get_extension_flags(certificate) & bad) == 0 &&
           X509_get_extended_key_usage(certificate) == XKU_SSL_CLIENT;
}

static int hash_public(const X509 *certificate, uint8_t out[ROVE_SHA256_SIZE]) {
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    int hashed = size > 0 && EVP_Digest(der, (size_t)size, out, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return hashed;
}

static int read_public(const X509 *certificate, rove_pki_device *out) {
    unsigned char *at = out->public_der;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), NULL);
    if (size <= 0 || (size_t)size > sizeof out->public_der ||
        i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &at) != size) {
        return 0;
    }
    out->public_size = (size_t)size;
    return hash_public(certificate, out->public_sha256);
}

rove_status rove_pki_device_read(const rove_pki_authority *authority, const void *der, size_t size,
                                 rove_pki_device *out, rove_error *error) {
    rove_pki_device read;
    memset(&read, 0, sizeof read);
    X509 *certificate = rove__pki_parse(der, size);
    if (certificate == NULL) {
        return rove__pki_fail(error, ROVE_UNAUTHORIZED, "The device's certificate is none");
    }
    rove_status status = ROVE_OK;
    if (!is_clients(authority, certificate)) {
        status = rove__pki_fail(error, ROVE_UNAUTHORIZED,
                                "The certificate was not issued to a device by this authority");
    } else if (!read_subject(certificate, &read.subject) ||
               !read_serial(certificate, read.serial) ||
               !rove__pki_time_ms(X509_get0_notBefore(certificate), &read.not_before_ms) ||
               !rove__pki_time_ms(X509_get0_notAfter(certificate), &read.not_after_ms)) {
        status =
            rove__pki_fail(error, ROVE_UNAUTHORIZED, "The certificate names no replica and user");
    } else if (!read_public(certificate, &read)) {
        status = rove__pki_fail(error, ROVE_CRYPTO, "The certificate's key could not be hashed");
    }
    X509_free(certificate);
    ERR_clear_error();
    if (status == ROVE_OK) {
        *out = read;
    }
    return status;
}

/* A DNS name, or the four or sixteen bytes of an address, as text; 0 for anything else. */
static int server_name(const GENERAL_NAME *name, char out[ROVE_PKI_NAME_MAX + 1]) {
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    const unsigned char *bytes = ASN1_STRING_get0_data(value);
    int size = ASN1_STRING_length(value);
    if (type == GEN_DNS && size > 0 && size <= ROVE_PKI_NAME_MAX &&
        memchr(bytes, 0, (size_t)size) == NULL) {
        memcpy(out, bytes, (size_t)size);
        out[size] = '\0';
        return 1;
    }
    if (type != GEN_IPADD || (size != 4 && size != 16)) {
        return 0;
    }
    return inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, out, ROVE_PKI_NAME_MAX + 1) != NULL;
}

static int server_names(const X509 *certificate, rove_pki_server *out) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int count = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
    int fine = count > 0 && count <= ROVE_PKI_NAMES_MAX;
    for (int i = 0; i < count && fine; i++) {
        fine = server_name(sk_GENERAL_NAME_value(names, i), out->names[i]);
    }
    out->name_count = fine ? (size_t)count : 0;
    GENERAL_NAMES_free(names);
    return fine;
}

rove_status rove_pki_server_read(const void *der, size_t size, rove_pki_server *out,
                                 rove_error *error) {
    rove_pki_server read;
    memset(&read, 0, sizeof read);
    X509 *certificate = rove__pki_parse(der, size);
    int fine = certificate != NULL &&
               rove__pki_time_ms(X509_get0_notBefore(certificate), &read.not_before_ms) &&
               rove__pki_time_ms(X509_get0_notAfter(certificate), &read.not_after_ms) &&
               server_names(certificate, &read);
    X509_free(certificate);
    if (!fine) {
        return rove__pki_fail(error, ROVE_INVALID, "This is no server's certificate");
    }
    ERR_clear_error();
    *out = read;
    return ROVE_OK;
}

rove_status rove_pki_pin(const void *certificate_der, size_t size, uint8_t out[ROVE_SHA256_SIZE],
                         rove_error *error) {
    X509 *certificate = rove__pki_parse(certificate_der, size);
    if (certificate == NULL) {
        return rove__pki_fail(error, ROVE_INVALID, "This is no certificate");
    }
    rove_status status = ROVE_OK;
    if (!hash_public(certificate, out)) {
        status = rove__pki_fail(error, ROVE_CRYPTO, "The certificate's key could not be hashed");
    }
    X509_free(certificate);
    return status;
}

rove_status rove_pki_to_pem(const void *certificate_der, size_t size, rove_pki_bytes *pem,
                            rove_error *error) {
    char *text = NULL;
    X509 *certificate = rove__pki_parse(certificate_der, size);
    if (certificate == NULL) {
        return rove__pki_fail(error, ROVE_INVALID, "This is no certificate");
    }
    rove_status status = ROVE_OK;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || !PEM_write_bio_X509(bio, certificate)) {
        status = rove__pki_fail(error, ROVE_CRYPTO, "The certificate could not be written");
    } else {
        long length = BIO_get_mem_data(bio, &text);
        if (length <= 0 || length > ROVE_PKI_BYTES_MAX) {
            status = rove__pki_fail(error, ROVE_TOO_BIG, "The certificate is too large");
        } else {
            memcpy(pem->data, text, (size_t)length);
            pem->size = (size_t)length;
        }
    }
    BIO_free(bio);
    X509_free(certificate);
    return status;
}

rove_status rove_pki_from_pem(const void *pem, size_t size, rove_pki_bytes *certificate_der,
                              rove_error *error) {
    if (pem == NULL || size == 0 || size > INT32_MAX) {
        return rove__pki_fail(error, ROVE_INVALID, "This is no certificate");
    }
    X509 *certificate = NULL;
    BIO *bio = BIO_new_mem_buf(pem, (int)size);
    if (bio != NULL) {
        certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    }
    BIO_free(bio);
    if (certificate == NULL) {
        return rove__pki_fail(error, ROVE_INVALID, "This is no certificate in PEM");
    }
    rove_status status = rove__pki_write_der(certificate, certificate_der, error);
    X509_free(certificate);
    return status;
}
