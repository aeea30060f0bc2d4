/*
 * test_posix_pki.c - headquarters' authority: what it issues, what it recognises, what it refuses.
 *
 * Requests come from the crypto port, as on a device; hostile ones are made with OpenSSL directly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include "posix/pki.h"
#include "posix/posix.h"

#define USER          INT64_C(0x100000007)
#define NOW_MS        INT64_C(1700000000123)
#define NOW_SECOND_MS INT64_C(1700000000000)

typedef struct world {
    rove_crypto crypto;
    rove_pki_bytes ca_key;
    rove_pki_bytes ca;
    rove_pki_authority *authority;
    uint8_t key[ROVE_KEY_DER_MAX];
    size_t key_size;
    uint8_t proof[32];
    uint8_t csr[ROVE_CSR_DER_MAX];
    size_t csr_size;
    rove_pki_request request;
    rove_pki_bytes certificate;
    rove_error error;
} world;

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(rove_posix_crypto_new(&w->crypto), ROVE_OK);
    assert_int_equal(rove_pki_authority_make("Acme Field Sales", NOW_MS, &w->ca_key, &w->ca, NULL),
                     ROVE_OK);
    assert_int_equal(rove_pki_authority_open(&w->ca_key, &w->ca, &w->authority, NULL), ROVE_OK);
    assert_int_equal(w->crypto.key_generate(w->crypto.ctx, w->key, sizeof w->key, &w->key_size),
                     ROVE_OK);
    memset(w->proof, 0x5a, sizeof w->proof);
    assert_int_equal(w->crypto.csr(w->crypto.ctx, w->key, w->key_size, w->proof, sizeof w->proof,
                                   w->csr, sizeof w->csr, &w->csr_size),
                     ROVE_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    rove_pki_authority_free(w->authority);
    rove_posix_crypto_free(&w->crypto);
    free(w);
    return 0;
}

static void issue(world *w, uint32_t replica) {
    assert_int_equal(rove_pki_request_read(w->csr, w->csr_size, &w->request, &w->error), ROVE_OK);
    const rove_pki_subject subject = {.replica = replica, .user = USER};
    assert_int_equal(rove_pki_device_issue(w->authority, &w->request, &subject, NOW_MS,
                                           &w->certificate, &w->error),
                     ROVE_OK);
}

static void test_request_of_a_device(void **state) {
    world *w = *state;
    uint8_t public_der[ROVE_PUBLIC_KEY_DER_MAX];
    size_t public_size = 0;
    assert_int_equal(rove_pki_request_read(w->csr, w->csr_size, &w->request, &w->error), ROVE_OK);
    assert_int_equal(w->request.proof_size, sizeof w->proof);
    assert_memory_equal(w->request.proof, w->proof, sizeof w->proof);
    assert_int_equal(w->crypto.key_public(w->crypto.ctx, w->key, w->key_size, public_der,
                                          sizeof public_der, &public_size),
                     ROVE_OK);
    assert_int_equal(w->request.public_size, public_size);
    assert_memory_equal(w->request.public_der, public_der, public_size);
}

static void test_request_without_proof(void **state) {
    world *w = *state;
    assert_int_equal(w->crypto.csr(w->crypto.ctx, w->key, w->key_size, NULL, 0, w->csr,
                                   sizeof w->csr, &w->csr_size),
                     ROVE_OK);
    assert_int_equal(rove_pki_request_read(w->csr, w->csr_size, &w->request, &w->error), ROVE_OK);
    assert_int_equal(w->request.proof_size, 0);
}

static void test_changed_request_is_refused(void **state) {
    world *w = *state;
    for (size_t i = 0; i < w->csr_size; i++) {
        w->csr[i] ^= 0x01;
        assert_int_equal(rove_pki_request_read(w->csr, w->csr_size, &w->request, &w->error),
                         ROVE_PROTOCOL);
        w->csr[i] ^= 0x01;
        assert_int_equal(rove_pki_request_read(w->csr, i, &w->request, NULL), ROVE_PROTOCOL);
    }
    assert_int_equal(rove_pki_request_read(w->csr, w->csr_size + 1, &w->request, &w->error),
                     ROVE_PROTOCOL);
    assert_int_equal(rove_pki_request_read(NULL, 0, &w->request, &w->error), ROVE_PROTOCOL);
    assert_int_equal(w->request.public_size, 0);
}

/* What a hostile request differs in. */
typedef struct hostile {
    const char *curve;
    const char *common_name;
    const char *organisation; /* NULL for none */
    const char *alternative;  /* a subjectAltName, NULL for none */
    const char *proof;        /* "critical," and hexadecimal DER, NULL for none */
    int other_signer;
} hostile;

#define GOOD_PROOF "DER:0403010203"

static void add_extension(STACK_OF(X509_EXTENSION) * extensions, const char *name,
                          const char *value) {
    int nid = OBJ_txt2nid(name);
    if (nid == NID_undef) {
        nid = OBJ_create(name, "roveProof", "Rove proof");
    }
    X509_EXTENSION *extension = X509V3_EXT_nconf(NULL, NULL, name, value);
    assert_true(nid != NID_undef && extension != NULL);
    assert_true(sk_X509_EXTENSION_push(extensions, extension) > 0);
}

static rove_status read_hostile(const hostile *made, rove_pki_request *out) {
    uint8_t der[ROVE_CSR_DER_MAX];
    unsigned char *at = der;
    EVP_PKEY *key = EVP_EC_gen(made->curve);
    EVP_PKEY *signer = made->other_signer ? EVP_EC_gen("P-256") : key;
    X509_REQ *request = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509_NAME *subject = X509_REQ_get_subject_name(request);
    assert_true(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                           (const unsigned char *)made->common_name, -1, -1, 0));
    if (made->organisation != NULL) {
        assert_true(X509_NAME_add_entry_by_txt(
            subject, "O", MBSTRING_UTF8, (const unsigned char *)made->organisation, -1, -1, 0));
    }
    if (made->proof != NULL) {
        add_extension(extensions, "1.3.6.1.4.1.59999.1.1", made->proof);
    }
    if (made->alternative != NULL) {
        add_extension(extensions, "subjectAltName", made->alternative);
    }
    assert_true(X509_REQ_set_pubkey(request, key));
    assert_true(X509_REQ_add_extensions(request, extensions));
    assert_true(X509_REQ_sign(request, signer, EVP_sha256()) > 0);
    int size = i2d_X509_REQ(request, &at);
    assert_true(size > 0);
    if (made->other_signer) {
        EVP_PKEY_free(signer);
    }
    EVP_PKEY_free(key);
    X509_REQ_free(request);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return rove_pki_request_read(der, (size_t)size, out, NULL);
}

static void test_request_that_asks_for_more_is_refused(void **state) {
    static const hostile cases[] = {
        {"P-256", "replica 1", NULL, NULL, GOOD_PROOF, 0},
        {"P-256", "rove devicf", NULL, NULL, GOOD_PROOF, 0},
        {"P-256", "rove device", "Acme", NULL, GOOD_PROOF, 0},
        {"P-256", "rove device", NULL, "URI:urn:rove:replica:1", GOOD_PROOF, 0},
        {"P-256", "rove device", NULL, "URI:urn:rove:replica:1", NULL, 0},
        {"P-256", "rove device", NULL, NULL, "critical," GOOD_PROOF, 0},
        {"P-256", "rove device", NULL, NULL, "DER:0400", 0},
        {"P-256", "rove device", NULL, NULL, "DER:010101", 0},
        {"P-256", "rove device", NULL, NULL, "DER:040301020304", 0},
        {"P-256", "rove device", NULL, NULL, GOOD_PROOF, 1},
        {"P-384", "rove device", NULL, NULL, GOOD_PROOF, 0},
        {"secp256k1", "rove device", NULL, NULL, GOOD_PROOF, 0},
    };
    static const hostile good = {"P-256", "rove device", NULL, NULL, GOOD_PROOF, 0};
    world *w = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_hostile(&cases[i], &w->request), ROVE_PROTOCOL);
    }
    assert_int_equal(read_hostile(&good, &w->request), ROVE_OK); /* the maker of these is right */
    assert_int_equal(w->request.proof_size, 3);
}

static void test_device_certificate(void **state) {
    world *w = *state;
    rove_pki_device device;
    uint8_t hash[ROVE_SHA256_SIZE];
    static const uint32_t replicas[] = {1, 42, ROVE_PKI_REPLICA_MAX};
    for (size_t i = 0; i < sizeof replicas / sizeof replicas[0]; i++) {
        issue(w, replicas[i]);
        assert_int_equal(rove_pki_device_read(w->authority, w->certificate.data,
                                              w->certificate.size, &device, &w->error),
                         ROVE_OK);
        assert_int_equal(device.subject.replica, replicas[i]);
        assert_int_equal(device.subject.user, USER);
        assert_int_equal(device.subject.former, 0);
    }
    assert_int_equal(device.not_before_ms, NOW_SECOND_MS - ROVE_PKI_BACKDATE_MS);
    assert_int_equal(device.not_after_ms, NOW_SECOND_MS + ROVE_PKI_DEVICE_DAYS * ROVE_PKI_DAY_MS);
    const rove_span key = {w->request.public_der, w->request.public_size};
    assert_int_equal(w->crypto.sha256(w->crypto.ctx, &key, 1, hash), ROVE_OK);
    assert_memory_equal(device.public_sha256, hash, sizeof hash);
    assert_int_equal(device.public_size, w->request.public_size);
    assert_memory_equal(device.public_der, w->request.public_der, device.public_size);
}

static void test_who_had_another_number_says_so(void **state) {
    world *w = *state;
    rove_pki_device device;
    const rove_pki_subject subject = {.replica = 7, .user = INT64_MAX, .former = 6};
    issue(w, 1);
    assert_int_equal(rove_pki_device_issue(w->authority, &w->request, &subject, NOW_MS,
                                           &w->certificate, &w->error),
                     ROVE_OK);
    assert_int_equal(
        rove_pki_device_read(w->authority, w->certificate.data, w->certificate.size, &device, NULL),
        ROVE_OK);
    assert_int_equal(device.subject.replica, 7);
    assert_int_equal(device.subject.user, INT64_MAX);
    assert_int_equal(device.subject.former, 6);
}

static void test_serials_differ(void **state) {
    world *w = *state;
    rove_pki_device first;
    rove_pki_device second;
    issue(w, 1);
    assert_int_equal(
        rove_pki_device_read(w->authority, w->certificate.data, w->certificate.size, &first, NULL),
        ROVE_OK);
    issue(w, 1);
    assert_int_equal(
        rove_pki_device_read(w->authority, w->certificate.data, w->certificate.size, &second, NULL),
        ROVE_OK);
    assert_memory_not_equal(first.serial, second.serial, ROVE_PKI_SERIAL_SIZE);
}

static void test_replica_numbers_out_of_range(void **state) {
    world *w = *state;
    issue(w, 1);
    static const rove_pki_subject bad[] = {
        {.replica = 0, .user = USER},
        {.replica = 0x80000000U, .user = USER},
        {.replica = 1, .user = 0},
        {.replica = 1, .user = -1},
        {.replica = 1, .user = USER, .former = 0x80000000U},
    };
    const rove_pki_subject good = {.replica = 1, .user = USER};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(rove_pki_device_issue(w->authority, &w->request, &bad[i], NOW_MS,
                                               &w->certificate, NULL),
                         ROVE_INVALID);
    }
    assert_int_equal(
        rove_pki_device_issue(w->authority, &w->request, &good, -1, &w->certificate, NULL),
        ROVE_INVALID);
}

static void test_changed_certificate_is_refused(void **state) {
    world *w = *state;
    rove_pki_device device;
    issue(w, 5);
    for (size_t i = 0; i < w->certificate.size; i++) {
        w->certificate.data[i] ^= 0x01;
        assert_int_equal(rove_pki_device_read(w->authority, w->certificate.data,
                                              w->certificate.size, &device, &w->error),
                         ROVE_UNAUTHORIZED);
        w->certificate.data[i] ^= 0x01;
        assert_int_equal(rove_pki_device_read(w->authority, w->certificate.data, i, &device, NULL),
                         ROVE_UNAUTHORIZED);
    }
    assert_int_equal(rove_pki_device_read(w->authority, w->certificate.data,
                                          w->certificate.size + 1, &device, NULL),
                     ROVE_UNAUTHORIZED);
    assert_int_equal(rove_pki_device_read(w->authority, NULL, 0, &device, NULL), ROVE_UNAUTHORIZED);
}

static void test_other_certificates_are_no_devices(void **state) {
    world *w = *state;
    static const char *const names[] = {"hq.example.com"};
    rove_pki_device device;
    rove_pki_bytes key;
    rove_pki_bytes other;
    rove_pki_authority *stranger = NULL;
    /* An authority of the same name. */
    assert_int_equal(rove_pki_authority_make("Acme Field Sales", NOW_MS, &key, &other, NULL),
                     ROVE_OK);
    assert_int_equal(rove_pki_authority_open(&key, &other, &stranger, NULL), ROVE_OK);
    issue(w, 5);
    assert_int_equal(
        rove_pki_device_read(stranger, w->certificate.data, w->certificate.size, &device, NULL),
        ROVE_UNAUTHORIZED);
    rove_pki_authority_free(stranger);
    assert_int_equal(rove_pki_server_issue(w->authority, names, 1, NOW_MS, &key, &other, NULL),
                     ROVE_OK);
    assert_int_equal(rove_pki_device_read(w->authority, other.data, other.size, &device, NULL),
                     ROVE_UNAUTHORIZED);
    assert_int_equal(rove_pki_device_read(w->authority, w->ca.data, w->ca.size, &device, NULL),
                     ROVE_UNAUTHORIZED);
}

/* A certificate as OpenSSL reads it. */
static X509 *parse(const rove_pki_bytes *der) {
    const unsigned char *at = der->data;
    X509 *certificate = d2i_X509(NULL, &at, (long)der->size);
    assert_non_null(certificate);
    return certificate;
}

/* Whether OpenSSL accepts a chain of two for a purpose at a time. */
static int holds(const rove_pki_bytes *ca, const rove_pki_bytes *leaf, int purpose, int64_t now) {
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509 *root = parse(ca);
    X509 *certificate = parse(leaf);
    assert_true(X509_STORE_add_cert(store, root));
    assert_true(X509_STORE_CTX_init(ctx, store, certificate, NULL));
    assert_true(X509_STORE_CTX_set_purpose(ctx, purpose));
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)(now / 1000));
    (void)X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_X509_STRICT);
    int result = X509_verify_cert(ctx);
    X509_free(certificate);
    X509_free(root);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return result == 1;
}

static void test_others_accept_what_is_issued(void **state) {
    world *w = *state;
    static const char *const names[] = {"hq.example.com", "192.0.2.7", "2001:db8::1"};
    rove_pki_bytes key;
    rove_pki_bytes server;
    issue(w, 5);
    assert_int_equal(rove_pki_server_issue(w->authority, names, 3, NOW_MS, &key, &server, NULL),
                     ROVE_OK);
    const int64_t device_end_ms = NOW_MS + ROVE_PKI_DEVICE_DAYS * ROVE_PKI_DAY_MS;
    const int64_t server_end_ms = NOW_MS + ROVE_PKI_SERVER_DAYS * ROVE_PKI_DAY_MS;
    assert_true(holds(&w->ca, &w->certificate, X509_PURPOSE_SSL_CLIENT, NOW_MS));
    assert_false(holds(&w->ca, &w->certificate, X509_PURPOSE_SSL_SERVER, NOW_MS));
    assert_true(holds(&w->ca, &w->certificate, X509_PURPOSE_SSL_CLIENT, device_end_ms - 2000));
    assert_false(holds(&w->ca, &w->certificate, X509_PURPOSE_SSL_CLIENT, device_end_ms + 2000));
    assert_true(holds(&w->ca, &server, X509_PURPOSE_SSL_SERVER, NOW_MS));
    assert_false(holds(&w->ca, &server, X509_PURPOSE_SSL_CLIENT, NOW_MS));
    assert_true(holds(&w->ca, &server, X509_PURPOSE_SSL_SERVER, server_end_ms - 2000));
    assert_false(holds(&w->ca, &server, X509_PURPOSE_SSL_SERVER, server_end_ms + 2000));
    X509 *certificate = parse(&server);
    assert_int_equal(X509_check_host(certificate, "hq.example.com", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(certificate, "rove headquarters", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(certificate, "192.0.2.7", 0), 1);
    assert_int_equal(X509_check_ip_asc(certificate, "2001:db8::1", 0), 1);
    X509_free(certificate);
}

static void test_server_never_outlives_its_authority(void **state) {
    world *w = *state;
    static const char *const names[] = {"hq.example.com"};
    rove_pki_bytes key;
    rove_pki_bytes server;
    const int64_t late_ms = NOW_MS + (ROVE_PKI_AUTHORITY_DAYS - 10) * ROVE_PKI_DAY_MS;
    assert_int_equal(rove_pki_server_issue(w->authority, names, 1, late_ms, &key, &server, NULL),
                     ROVE_OK);
    X509 *ca = parse(&w->ca);
    X509 *certificate = parse(&server);
    assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(certificate), X509_get0_notAfter(ca)), 0);
    X509_free(certificate);
    X509_free(ca);
}

static void test_a_renewed_server_keeps_its_key(void **state) {
    world *w = *state;
    static const char *const names[] = {"hq.example.com", "192.0.2.7", "2001:db8::1"};
    const int64_t later_ms = NOW_MS + 800 * ROVE_PKI_DAY_MS;
    uint8_t first[ROVE_SHA256_SIZE];
    uint8_t second[ROVE_SHA256_SIZE];
    rove_pki_bytes key;
    rove_pki_bytes server;
    rove_pki_server says;
    assert_int_equal(rove_pki_server_issue(w->authority, names, 3, NOW_MS, &key, &server, NULL),
                     ROVE_OK);
    assert_int_equal(rove_pki_pin(server.data, server.size, first, NULL), ROVE_OK);
    assert_int_equal(rove_pki_server_renew(w->authority, &key, names, 3, later_ms, &server, NULL),
                     ROVE_OK);
    assert_int_equal(rove_pki_pin(server.data, server.size, second, NULL), ROVE_OK);
    assert_memory_equal(first, second, sizeof first);
    assert_int_equal(rove_pki_server_read(server.data, server.size, &says, NULL), ROVE_OK);
    assert_int_equal(says.not_after_ms,
                     (later_ms + ROVE_PKI_SERVER_DAYS * ROVE_PKI_DAY_MS) / 1000 * 1000);
    assert_int_equal(says.name_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(says.names[i], names[i]);
    }
    assert_int_equal(
        rove_pki_server_renew(w->authority, &server, names, 3, later_ms, &server, &w->error),
        ROVE_INVALID);
    assert_int_equal(rove_pki_server_read(server.data, server.size - 1, &says, &w->error),
                     ROVE_INVALID);
    assert_int_equal(rove_pki_server_read(w->ca.data, w->ca.size, &says, &w->error), ROVE_INVALID);
}

static void test_bad_server_names(void **state) {
    world *w = *state;
    static const char *const bad[] = {"", "a b", "a,URI:urn:rove:replica:1", "*.example.com"};
    const char *many[ROVE_PKI_NAMES_MAX + 1];
    rove_pki_bytes key;
    rove_pki_bytes server;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(
            rove_pki_server_issue(w->authority, &bad[i], 1, NOW_MS, &key, &server, &w->error),
            ROVE_INVALID);
    }
    for (size_t i = 0; i < ROVE_PKI_NAMES_MAX + 1; i++) {
        many[i] = "hq.example.com";
    }
    assert_int_equal(rove_pki_server_issue(w->authority, many, ROVE_PKI_NAMES_MAX, NOW_MS, &key,
                                           &server, &w->error),
                     ROVE_OK);
    assert_int_equal(rove_pki_server_issue(w->authority, many, ROVE_PKI_NAMES_MAX + 1, NOW_MS, &key,
                                           &server, &w->error),
                     ROVE_INVALID);
    assert_int_equal(rove_pki_server_issue(w->authority, many, 0, NOW_MS, &key, &server, &w->error),
                     ROVE_INVALID);
}

static void test_authority_that_cannot_be_used(void **state) {
    world *w = *state;
    rove_pki_authority *authority = NULL;
    rove_pki_bytes key;
    rove_pki_bytes ca;
    char long_name[66];
    assert_int_equal(rove_pki_authority_make("Acme", NOW_MS, &key, &ca, NULL), ROVE_OK);
    assert_int_equal(rove_pki_authority_open(&key, &w->ca, &authority, &w->error), ROVE_INVALID);
    assert_null(authority);
    issue(w, 1);
    assert_int_equal(rove_pki_authority_open(&key, &w->certificate, &authority, NULL),
                     ROVE_INVALID);
    key.data[40] ^= 0x7f;
    assert_int_equal(rove_pki_authority_open(&key, &ca, &authority, NULL), ROVE_INVALID);
    key.size = 0;
    assert_int_equal(rove_pki_authority_open(&key, &ca, &authority, NULL), ROVE_INVALID);
    memset(long_name, 'a', 65);
    long_name[65] = '\0';
    assert_int_equal(rove_pki_authority_make(long_name, NOW_MS, &key, &ca, NULL), ROVE_INVALID);
    long_name[64] = '\0';
    assert_int_equal(rove_pki_authority_make(long_name, NOW_MS, &key, &ca, NULL), ROVE_OK);
    assert_int_equal(rove_pki_authority_make("", NOW_MS, &key, &ca, NULL), ROVE_INVALID);
}

static void test_pem_and_back(void **state) {
    world *w = *state;
    rove_pki_bytes pem;
    rove_pki_bytes der;
    assert_int_equal(rove_pki_to_pem(w->ca.data, w->ca.size, &pem, NULL), ROVE_OK);
    assert_memory_equal(pem.data, "-----BEGIN CERTIFICATE-----\n", 28);
    assert_int_equal(rove_pki_from_pem(pem.data, pem.size, &der, NULL), ROVE_OK);
    assert_int_equal(der.size, w->ca.size);
    assert_memory_equal(der.data, w->ca.data, der.size);
    assert_int_equal(rove_pki_from_pem(w->ca.data, w->ca.size, &der, &w->error), ROVE_INVALID);
    assert_int_equal(rove_pki_to_pem(pem.data, pem.size, &der, &w->error), ROVE_INVALID);
    assert_int_equal(rove_pki_from_pem(NULL, 0, &der, NULL), ROVE_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_request_of_a_device),
        TEST(test_request_without_proof),
        TEST(test_changed_request_is_refused),
        TEST(test_request_that_asks_for_more_is_refused),
        TEST(test_device_certificate),
        TEST(test_who_had_another_number_says_so),
        TEST(test_serials_differ),
        TEST(test_replica_numbers_out_of_range),
        TEST(test_changed_certificate_is_refused),
        TEST(test_other_certificates_are_no_devices),
        TEST(test_others_accept_what_is_issued),
        TEST(test_server_never_outlives_its_authority),
        TEST(test_a_renewed_server_keeps_its_key),
        TEST(test_bad_server_names),
        TEST(test_authority_that_cannot_be_used),
        TEST(test_pem_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
