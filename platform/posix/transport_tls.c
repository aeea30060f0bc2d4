/*
 * transport_tls.c - the trust of a connection, by OpenSSL.
 *
 * Everything is decided inside the handshake, before a byte of ours or our certificate is sent: the
 * chain to an authority given, the server's name, the time by trusted time and the pins. There is no
 * session resumption, so every connection is judged in full.
 */
#include "transport_tls.h"

#include <pthread.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "failure.h"

#define AUTHORITIES_MAX 2
#define ALERT_NONE      (-1)
#define ALERT_FATAL     2

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int tls_index = -1; /* of rove__tls in an SSL_CTX */

static void make_index(void) {
    tls_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

void rove__tls_begin(rove__tls *tls, const rove_request *request) {
    tls->request = request;
    tls->verify_error = X509_V_OK;
    tls->pin_mismatch = 0;
    tls->identity_bad = 0;
    tls->alert_received = ALERT_NONE;
    tls->alert_sent = ALERT_NONE;
}

static int hash_public_key(const X509 *certificate, uint8_t out[ROVE_SHA256_SIZE]) {
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    int hashed = size > 0 && EVP_Digest(der, (size_t)size, out, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return hashed;
}

static int pin_holds(const rove_request *request, const X509 *leaf) {
    uint8_t hash[ROVE_SHA256_SIZE];
    if (request->pin == NULL && request->backup_pin == NULL) {
        return 1;
    }
    return hash_public_key(leaf, hash) &&
           ((request->pin != NULL && memcmp(hash, request->pin, sizeof hash) == 0) ||
            (request->backup_pin != NULL && memcmp(hash, request->backup_pin, sizeof hash) == 0));
}

/* Without trusted time only what is certainly over has expired. */
static int is_over(const rove_request *request, const X509 *leaf) {
    time_t past = (time_t)(request->past_ms / 1000);
    return request->trusted_now_ms == 0 && request->past_ms > 0 &&
           X509_cmp_time(X509_get0_notAfter(leaf), &past) < 0;
}

/* OpenSSL asks for the verdict on the server's certificate: 1 to go on. */
static int judge_server(X509_STORE_CTX *chain, void *arg) {
    rove__tls *tls = arg;
    if (tls->request->ca_der != NULL && X509_verify_cert(chain) != 1) {
        int found = X509_STORE_CTX_get_error(chain);
        tls->verify_error = found == X509_V_OK ? X509_V_ERR_UNSPECIFIED : found;
        X509_STORE_CTX_set_error(chain, tls->verify_error);
        return 0;
    }
    const X509 *leaf = X509_STORE_CTX_get0_cert(chain);
    if (tls->request->ca_der != NULL && leaf != NULL && is_over(tls->request, leaf)) {
        tls->verify_error = X509_V_ERR_CERT_HAS_EXPIRED;
        X509_STORE_CTX_set_error(chain, tls->verify_error);
        return 0;
    }
    if (leaf == NULL || !pin_holds(tls->request, leaf)) {
        tls->pin_mismatch = 1;
        X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
}

static void note_alert(const SSL *ssl, int where, int value) {
    if ((where & SSL_CB_ALERT) == 0 || value >> 8 != ALERT_FATAL) {
        return;
    }
    rove__tls *tls = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tls_index);
    if (tls == NULL) {
        return;
    }
    if ((where & SSL_CB_READ) != 0) {
        tls->alert_received = value & 0xff;
    } else {
        tls->alert_sent = value & 0xff;
    }
}

/* One authority, or two; nothing behind them. */
static int add_authorities(X509_STORE *store, const rove_request *request) {
    const unsigned char *at = request->ca_der;
    const unsigned char *end = at + request->ca_size;
    int added = at < end;
    for (int i = 0; added && at < end; i++) {
        X509 *ca = i < AUTHORITIES_MAX ? d2i_X509(NULL, &at, (long)(end - at)) : NULL;
        added = ca != NULL && X509_STORE_add_cert(store, ca);
        X509_free(ca);
    }
    return added;
}

/* A certificate store of the request's authorities alone. */
static int set_store(SSL_CTX *ctx, const rove_request *request) {
    X509_STORE *store = X509_STORE_new();
    int set = store != NULL && (request->ca_der == NULL || add_authorities(store, request));
    if (!set) {
        X509_STORE_free(store);
        return 0;
    }
    SSL_CTX_set_cert_store(ctx, store); /* owns it from now on */
    return 1;
}

static int set_name_and_time(SSL_CTX *ctx, const rove__tls *tls) {
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (tls->request->trusted_now_ms != 0) {
        X509_VERIFY_PARAM_set_time(param, (time_t)(tls->request->trusted_now_ms / 1000));
    } else if (!X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME)) {
        return 0;
    }
    return X509_VERIFY_PARAM_set1_ip_asc(param, tls->host) ||
           X509_VERIFY_PARAM_set1_host(param, tls->host, 0);
}

static int set_identity(SSL_CTX *ctx, const rove_request *request) {
    if (request->certificate_der == NULL) {
        return 1;
    }
    const unsigned char *at = request->key_der;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)request->key_size);
    int set = key != NULL &&
              SSL_CTX_use_certificate_ASN1(ctx, (int)request->certificate_size,
                                           request->certificate_der) == 1 &&
              SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    EVP_PKEY_free(key);
    return set;
}

int rove__tls_configure(rove__tls *tls, void *ssl_ctx) {
    SSL_CTX *ctx = ssl_ctx;
    (void)pthread_once(&index_once, make_index);
    if (tls_index < 0 || !SSL_CTX_set_ex_data(ctx, tls_index, tls) ||
        !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) || !set_store(ctx, tls->request) ||
        !set_name_and_time(ctx, tls)) {
        ERR_clear_error();
        return 0;
    }
    if (!set_identity(ctx, tls->request)) {
        tls->identity_bad = 1;
        ERR_clear_error();
        return 0;
    }
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_keylog_callback(ctx, NULL); /* which an environment variable could have set */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, judge_server, tls);
    SSL_CTX_set_info_callback(ctx, note_alert);
    return 1;
}

static rove_status explain_certificate(const rove__tls *tls, rove_error *error) {
    const char *text = NULL;
    switch (tls->verify_error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        text = "is headquarters', but not for this name; check the address";
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        text = "has expired; headquarters has to renew it";
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        text = "is not valid yet; headquarters has to check its clock";
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        text = "was not issued by the authority that this device trusts; this network may be "
               "listening in, so use another, or ask headquarters";
        break;
    default:
        return rove__posix_fail(error, ROVE_TLS, ROVE_DOMAIN_TLS, tls->verify_error,
                                "The certificate of %.80s does not hold: %s; ask headquarters",
                                tls->host, X509_verify_cert_error_string(tls->verify_error));
    }
    return rove__posix_fail(error, ROVE_TLS, ROVE_DOMAIN_TLS, tls->verify_error,
                            "The certificate of %.80s %s", tls->host, text);
}

static rove_status explain_alert(int alert, rove_error *error) {
    switch (alert) {
    case SSL_AD_CERTIFICATE_EXPIRED:
        return rove__posix_fail(error, ROVE_EXPIRED, ROVE_DOMAIN_TLS, alert,
                                "This device's certificate has expired; renew it");
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case TLS13_AD_CERTIFICATE_REQUIRED:
        return rove__posix_fail(
            error, ROVE_UNAUTHORIZED, ROVE_DOMAIN_TLS, alert,
            "Headquarters does not accept this device's certificate (%s); enrol "
            "again or ask headquarters",
            SSL_alert_desc_string_long(alert));
    default:
        return rove__posix_fail(error, ROVE_TLS, ROVE_DOMAIN_TLS, alert,
                                "The server refused the secure connection (%s); ask headquarters",
                                SSL_alert_desc_string_long(alert));
    }
}

rove_status rove__tls_explain(const rove__tls *tls, rove_error *error) {
    if (tls->identity_bad) {
        return rove__posix_fail(error, ROVE_INVALID, ROVE_DOMAIN_ROVE, ROVE_INVALID,
                                "This device's certificate and key cannot be used; enrol again");
    }
    if (tls->verify_error != X509_V_OK) {
        return explain_certificate(tls, error);
    }
    if (tls->pin_mismatch) {
        return rove__posix_fail(error, ROVE_TLS, ROVE_DOMAIN_TLS,
                                X509_V_ERR_APPLICATION_VERIFICATION,
                                "The key of %.80s is not the one that is pinned; this network may "
                                "be listening in, so use another, or ask headquarters for its pin",
                                tls->host);
    }
    if (tls->alert_received == SSL_AD_PROTOCOL_VERSION ||
        tls->alert_sent == SSL_AD_PROTOCOL_VERSION) {
        return rove__posix_fail(error, ROVE_TLS, ROVE_DOMAIN_TLS, SSL_AD_PROTOCOL_VERSION,
                                "%.80s does not speak TLS 1.3; headquarters has to upgrade it",
                                tls->host);
    }
    return tls->alert_received == ALERT_NONE ? ROVE_OK : explain_alert(tls->alert_received, error);
}

/* Hashes a part with its size in front, so that parts cannot run into each other. */
static int hash_part(EVP_MD_CTX *md, const void *bytes, size_t size) {
    uint64_t known = bytes == NULL ? UINT64_MAX : size;
    return EVP_DigestUpdate(md, &known, sizeof known) == 1 &&
           (bytes == NULL || EVP_DigestUpdate(md, bytes, size) == 1);
}

int rove__tls_fingerprint(const rove_request *request, uint8_t out[ROVE_SHA256_SIZE]) {
    const uint8_t time_judged = request->trusted_now_ms != 0;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int done = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
               hash_part(md, request->ca_der, request->ca_size) &&
               hash_part(md, request->pin, ROVE_SHA256_SIZE) &&
               hash_part(md, request->backup_pin, ROVE_SHA256_SIZE) &&
               hash_part(md, request->certificate_der, request->certificate_size) &&
               hash_part(md, &time_judged, sizeof time_judged) &&
               EVP_DigestFinal_ex(md, out, NULL) == 1;
    EVP_MD_CTX_free(md);
    return done;
}
