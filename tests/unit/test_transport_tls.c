/*
 * test_transport_tls.c - whom the transport trusts: authority, name, time, pins, TLS version, and with
 * which certificate it shows itself. A refused server has not seen a byte of the request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "posix/pki.h"
#include "posix/posix.h"
#include "tls_server.h"

/* Certificates are issued at NOW_MS; the wall clock of the machine plays no part. */
#define NOW_MS      INT64_C(1000000000000)
#define PUBLIC_SIZE 91 /* of a SubjectPublicKeyInfo */

static const tls_route routes[] = {
    {"/", "HTTP/1.1 200 OK\r\nContent-Type: application/x-rove\r\nContent-Length: 2\r\n\r\nok",
     TLS_KEEP, 0},
    {"/once", "HTTP/1.1 200 OK\r\nContent-Type: application/x-rove\r\nContent-Length: 2\r\n\r\nok",
     TLS_CLOSE, 0},
    {NULL, NULL, TLS_KEEP, 0},
};

typedef struct device {
    uint8_t key[ROVE_KEY_DER_MAX];
    size_t key_size;
    rove_pki_bytes certificate;
} device;

typedef struct world {
    rove_crypto crypto;
    rove_pki_bytes ca_key;
    rove_pki_bytes ca;
    rove_pki_authority *authority;
    rove_pki_bytes other_ca;
    device devices[2];
    rove_pki_bytes server_key;
    rove_pki_bytes server_certificate;
    tls_server *server;
    rove_transport transport;
    char url[64];
    size_t received;
    rove_response response;
    rove_error error;
} world;

static rove_status write_answer(void *ctx, const void *bytes, size_t size) {
    world *w = ctx;
    (void)bytes;
    w->received += size;
    return ROVE_OK;
}

static void enrol(world *w, device *out, uint32_t replica) {
    uint8_t csr[ROVE_CSR_DER_MAX];
    size_t csr_size = 0;
    rove_pki_request request;
    assert_int_equal(
        w->crypto.key_generate(w->crypto.ctx, out->key, sizeof out->key, &out->key_size), ROVE_OK);
    assert_int_equal(
        w->crypto.csr(w->crypto.ctx, out->key, out->key_size, NULL, 0, csr, sizeof csr, &csr_size),
        ROVE_OK);
    assert_int_equal(rove_pki_request_read(csr, csr_size, &request, NULL), ROVE_OK);
    assert_int_equal(rove_pki_device_issue(w->authority, &request,
                                           &(rove_pki_subject){replica, 0, 1}, NOW_MS,
                                           &out->certificate, NULL),
                     ROVE_OK);
}

static int set_up(void **state) {
    rove_allocator allocator;
    rove_pki_bytes other_key;
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(rove_posix_crypto_new(&w->crypto), ROVE_OK);
    assert_int_equal(rove_pki_authority_make("Test", NOW_MS, &w->ca_key, &w->ca, NULL), ROVE_OK);
    assert_int_equal(rove_pki_authority_open(&w->ca_key, &w->ca, &w->authority, NULL), ROVE_OK);
    /* Of the same name, so that only the key tells them apart. */
    assert_int_equal(rove_pki_authority_make("Test", NOW_MS, &other_key, &w->other_ca, NULL),
                     ROVE_OK);
    enrol(w, &w->devices[0], 7);
    enrol(w, &w->devices[1], 8);
    rove_posix_allocator(&allocator);
    assert_int_equal(rove_posix_transport_new(&w->transport, &allocator), ROVE_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    rove_posix_transport_free(&w->transport);
    tls_server_stop(w->server);
    rove_pki_authority_free(w->authority);
    rove_posix_crypto_free(&w->crypto);
    free(w);
    return 0;
}

static tls_server_options options_of(world *w, const char *name) {
    assert_int_equal(rove_pki_server_issue(w->authority, &name, 1, NOW_MS, &w->server_key,
                                           &w->server_certificate, NULL),
                     ROVE_OK);
    return (tls_server_options){.certificate_der = w->server_certificate.data,
                                .certificate_size = w->server_certificate.size,
                                .key_pem = w->server_key.data,
                                .key_size = w->server_key.size,
                                .routes = routes};
}

/* A server whose certificate is for one name. */
static void start_server(world *w, const char *name) {
    const tls_server_options options = options_of(w, name);
    w->server = tls_server_start(&options);
}

static rove_request request_of(world *w, const char *host) {
    (void)snprintf(w->url, sizeof w->url, "https://%s:%d/", host, tls_server_port(w->server));
    memset(&w->error, 0, sizeof w->error);
    w->received = 0;
    return (rove_request){.method = "GET",
                          .url = w->url,
                          .accept = "application/x-rove",
                          .ca_der = w->ca.data,
                          .ca_size = w->ca.size,
                          .trusted_now_ms = NOW_MS,
                          .write_answer = write_answer,
                          .ctx = w};
}

static rove_status perform(world *w, const rove_request *request) {
    return w->transport.perform(w->transport.ctx, request, &w->response, &w->error);
}

static void assert_accepted(world *w, const rove_request *request) {
    w->received = 0;
    rove_status status = perform(w, request);
    if (status != ROVE_OK) {
        fail_msg("%d: %s", (int)status, w->error.message);
    }
    assert_int_equal(w->received, 2);
}

static void assert_refused(world *w, const rove_request *request, const char *text) {
    assert_int_equal(perform(w, request), ROVE_TLS);
    if (strstr(w->error.message, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", w->error.message, text);
    }
    assert_int_equal(w->error.domain, ROVE_DOMAIN_TLS);
    assert_int_equal(w->received, 0);
    assert_int_equal(tls_server_received(w->server), 0);
}

static void test_right_name_and_authority(void **state) {
    world *w = *state;
    start_server(w, "localhost");
    rove_request request = request_of(w, "localhost");
    assert_accepted(w, &request);
}

static void test_address_instead_of_a_name(void **state) {
    world *w = *state;
    start_server(w, "127.0.0.1");
    rove_request request = request_of(w, "127.0.0.1");
    assert_accepted(w, &request);
}

static void test_wrong_authority(void **state) {
    world *w = *state;
    start_server(w, "localhost");
    rove_request request = request_of(w, "localhost");
    request.ca_der = w->other_ca.data;
    request.ca_size = w->other_ca.size;
    assert_refused(w, &request, "authority that this device trusts");
}

static void test_certificate_that_is_its_own_authority(void **state) {
    world *w = *state;
    tls_server_options options = options_of(w, "localhost");
    rove_pki_bytes key;
    rove_pki_bytes self_signed;
    assert_int_equal(rove_pki_authority_make("Test", NOW_MS, &key, &self_signed, NULL), ROVE_OK);
    options.certificate_der = self_signed.data;
    options.certificate_size = self_signed.size;
    options.key_pem = key.data;
    options.key_size = key.size;
    w->server = tls_server_start(&options);
    rove_request request = request_of(w, "localhost");
    assert_refused(w, &request, "localhost");
}

static void test_device_certificate_does_not_make_a_server(void **state) {
    world *w = *state;
    static const uint8_t public_start[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86};
    tls_server_options options = options_of(w, "localhost");
    rove_pki_request request_for_key;
    rove_pki_bytes certificate;
    /* A device with the server's key: the certificate has the right authority, but is a client's. */
    memset(&request_for_key, 0, sizeof request_for_key);
    for (size_t i = 0; i + PUBLIC_SIZE <= w->server_certificate.size; i++) {
        if (memcmp(w->server_certificate.data + i, public_start, sizeof public_start) == 0) {
            memcpy(request_for_key.public_der, w->server_certificate.data + i, PUBLIC_SIZE);
            request_for_key.public_size = PUBLIC_SIZE;
        }
    }
    assert_int_equal(rove_pki_device_issue(w->authority, &request_for_key,
                                           &(rove_pki_subject){9, 0, 1}, NOW_MS, &certificate,
                                           NULL),
                     ROVE_OK);
    options.certificate_der = certificate.data;
    options.certificate_size = certificate.size;
    w->server = tls_server_start(&options);
    rove_request request = request_of(w, "localhost");
    assert_refused(w, &request, "localhost");
}

static void test_wrong_name(void **state) {
    world *w = *state;
    start_server(w, "other.example.com");
    rove_request request = request_of(w, "localhost");
    assert_refused(w, &request, "not for this name");
    request = request_of(w, "127.0.0.1");
    assert_refused(w, &request, "not for this name");
}

static void test_validity_goes_by_trusted_time(void **state) {
    world *w = *state;
    start_server(w, "localhost");
    rove_request request = request_of(w, "localhost");
    request.trusted_now_ms = NOW_MS + (ROVE_PKI_SERVER_DAYS + 1) * ROVE_PKI_DAY_MS;
    assert_refused(w, &request, "expired");
    request.trusted_now_ms = NOW_MS - ROVE_PKI_DAY_MS;
    assert_refused(w, &request, "not valid yet");
    request.trusted_now_ms = NOW_MS + (ROVE_PKI_SERVER_DAYS - 1) * ROVE_PKI_DAY_MS;
    assert_accepted(w, &request);
}

static void test_validity_is_not_judged_without_time(void **state) {
    world *w = *state;
    start_server(w, "localhost");
    rove_request request = request_of(w, "localhost");
    request.trusted_now_ms = 0; /* the certificate expired years ago by any wall clock */
    assert_accepted(w, &request);
    /* Once time is known, the connection made without it is not used. */
    request.trusted_now_ms = NOW_MS;
    assert_accepted(w, &request);
    assert_int_equal(tls_server_connections(w->server), 2);
}

/* It is later than headquarters once said; how much later is not known. */
static void test_what_ended_in_the_past_has_expired(void **state) {
    world *w = *state;
    const int64_t end_ms = NOW_MS - ROVE_PKI_BACKDATE_MS + ROVE_PKI_SERVER_DAYS * ROVE_PKI_DAY_MS;
    start_server(w, "localhost");
    rove_request request = request_of(w, "localhost");
    request.trusted_now_ms = 0;
    request.past_ms = end_ms + ROVE_PKI_DAY_MS;
    assert_refused(w, &request, "expired");
    request.past_ms = end_ms - ROVE_PKI_DAY_MS;
    assert_accepted(w, &request);
    request.past_ms = NOW_MS - ROVE_PKI_DAY_MS;
    assert_accepted(w, &request);
    request.past_ms = end_ms + ROVE_PKI_DAY_MS;
    request.trusted_now_ms = NOW_MS; /* knowing is better than estimating */
    assert_accepted(w, &request);
}

static void test_pins(void **state) {
    world *w = *state;
    uint8_t pin[ROVE_SHA256_SIZE];
    uint8_t wrong[ROVE_SHA256_SIZE];
    start_server(w, "localhost");
    assert_int_equal(
        rove_pki_pin(w->server_certificate.data, w->server_certificate.size, pin, NULL), ROVE_OK);
    memcpy(wrong, pin, sizeof wrong);
    wrong[31] ^= 1;
    rove_request request = request_of(w, "localhost");
    request.pin = wrong;
    assert_refused(w, &request, "pinned");
    request.backup_pin = wrong;
    assert_refused(w, &request, "pinned");
    request.backup_pin = pin;
    assert_accepted(w, &request);
    request.pin = pin;
    request.backup_pin = NULL;
    assert_accepted(w, &request);
}

static void test_pin_does_not_replace_the_authority(void **state) {
    world *w = *state;
    uint8_t pin[ROVE_SHA256_SIZE];
    start_server(w, "localhost");
    assert_int_equal(
        rove_pki_pin(w->server_certificate.data, w->server_certificate.size, pin, NULL), ROVE_OK);
    rove_request request = request_of(w, "localhost");
    request.pin = pin;
    request.ca_der = w->other_ca.data;
    request.ca_size = w->other_ca.size;
    assert_refused(w, &request, "authority that this device trusts");
}

static void test_enrolment_by_pin_alone(void **state) {
    world *w = *state;
    uint8_t pin[ROVE_SHA256_SIZE];
    start_server(w, "other.example.com");
    assert_int_equal(
        rove_pki_pin(w->server_certificate.data, w->server_certificate.size, pin, NULL), ROVE_OK);
    rove_request request = request_of(w, "localhost");
    request.ca_der = NULL;
    request.ca_size = 0;
    pin[0] ^= 1;
    request.pin = pin;
    assert_refused(w, &request, "pinned");
    pin[0] ^= 1;
    assert_accepted(w, &request);
}

static void test_tls_1_2_is_refused(void **state) {
    world *w = *state;
    tls_server_options options = options_of(w, "localhost");
    options.manner = TLS_MANNER_TLS12;
    w->server = tls_server_start(&options);
    rove_request request = request_of(w, "localhost");
    assert_refused(w, &request, "TLS 1.3");
}

static void use_device(rove_request *request, const device *self) {
    request->certificate_der = self->certificate.data;
    request->certificate_size = self->certificate.size;
    request->key_der = self->key;
    request->key_size = self->key_size;
}

static void start_mutual(world *w) {
    tls_server_options options = options_of(w, "localhost");
    options.client_ca_der = w->ca.data;
    options.client_ca_size = w->ca.size;
    options.client_required = 1;
    w->server = tls_server_start(&options);
}

/* The replica that the server saw. */
static uint32_t seen_replica(world *w) {
    uint8_t der[ROVE_PKI_BYTES_MAX];
    rove_pki_device seen;
    size_t size = tls_server_client(w->server, der, sizeof der);
    assert_int_equal(rove_pki_device_read(w->authority, der, size, &seen, NULL), ROVE_OK);
    return seen.subject.replica;
}

static void test_identity_and_its_change(void **state) {
    world *w = *state;
    start_mutual(w);
    rove_request request = request_of(w, "localhost");
    use_device(&request, &w->devices[0]);
    assert_accepted(w, &request);
    assert_int_equal(seen_replica(w), 7);
    assert_accepted(w, &request);
    assert_int_equal(tls_server_connections(w->server), 1);
    /* Another identity never speaks over the first one's connection. */
    use_device(&request, &w->devices[1]);
    assert_accepted(w, &request);
    assert_int_equal(seen_replica(w), 8);
    assert_int_equal(tls_server_connections(w->server), 2);
}

/* A server would have it; but then it would not be judged, and this device not asked for who it is. */
static void test_no_session_is_resumed(void **state) {
    world *w = *state;
    start_mutual(w);
    rove_request request = request_of(w, "localhost");
    use_device(&request, &w->devices[0]);
    char once[80];
    (void)snprintf(once, sizeof once, "%sonce", w->url);
    request.url = once;
    for (int i = 1; i <= 3; i++) {
        assert_accepted(w, &request);
        assert_int_equal(tls_server_connections(w->server), i);
    }
    assert_int_equal(tls_server_resumed(w->server), 0);
}

static void test_server_that_refuses_the_identity(void **state) {
    world *w = *state;
    start_mutual(w);
    rove_request request = request_of(w, "localhost");
    assert_int_equal(perform(w, &request), ROVE_UNAUTHORIZED);
    assert_non_null(strstr(w->error.message, "does not accept this device's certificate"));
    assert_int_equal(w->received, 0);
}

static void test_identity_that_does_not_fit(void **state) {
    world *w = *state;
    start_mutual(w);
    rove_request request = request_of(w, "localhost");
    use_device(&request, &w->devices[0]);
    request.key_der = w->devices[1].key;
    request.key_size = w->devices[1].key_size;
    assert_int_equal(perform(w, &request), ROVE_INVALID);
    assert_non_null(strstr(w->error.message, "enrol again"));
    assert_int_equal(tls_server_received(w->server), 0);
}

static void test_authority_that_is_no_certificate(void **state) {
    world *w = *state;
    static const uint8_t garbage[] = {0x30, 0x03, 0x02, 0x01, 0x01};
    start_server(w, "localhost");
    rove_request request = request_of(w, "localhost");
    request.ca_der = garbage;
    request.ca_size = sizeof garbage;
    assert_int_not_equal(perform(w, &request), ROVE_OK);
    assert_int_equal(tls_server_received(w->server), 0);
}

static rove_request trusting(world *w, const uint8_t *ca, size_t size) {
    rove_request request = request_of(w, "localhost");
    request.ca_der = ca;
    request.ca_size = size;
    return request;
}

/* Two authorities of one name: the server's may be either; nothing may stand behind them. */
static void test_two_authorities(void **state) {
    world *w = *state;
    uint8_t both[3 * ROVE_PKI_BYTES_MAX];
    start_server(w, "localhost");
    rove_request request;
    for (int first = 0; first < 2; first++) {
        const rove_pki_bytes *a = first ? &w->ca : &w->other_ca;
        const rove_pki_bytes *b = first ? &w->other_ca : &w->ca;
        memcpy(both, a->data, a->size);
        memcpy(both + a->size, b->data, b->size);
        memcpy(both + a->size + b->size, a->data, a->size);
        request = trusting(w, both, a->size + b->size);
        assert_accepted(w, &request);
        request = trusting(w, both, a->size + b->size + 1);
        assert_int_not_equal(perform(w, &request), ROVE_OK);
        request = trusting(w, both, 2 * a->size + b->size); /* a third */
        assert_int_not_equal(perform(w, &request), ROVE_OK);
    }
    request = trusting(w, both, 0);
    assert_int_not_equal(perform(w, &request), ROVE_OK);
    memcpy(both, w->other_ca.data, w->other_ca.size);
    memcpy(both + w->other_ca.size, w->other_ca.data, w->other_ca.size);
    request = trusting(w, both, 2 * w->other_ca.size);
    assert_int_equal(perform(w, &request), ROVE_TLS);
    assert_non_null(strstr(w->error.message, "authority that this device trusts"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_right_name_and_authority),
        TEST(test_address_instead_of_a_name),
        TEST(test_wrong_authority),
        TEST(test_certificate_that_is_its_own_authority),
        TEST(test_device_certificate_does_not_make_a_server),
        TEST(test_wrong_name),
        TEST(test_validity_goes_by_trusted_time),
        TEST(test_validity_is_not_judged_without_time),
        TEST(test_what_ended_in_the_past_has_expired),
        TEST(test_pins),
        TEST(test_pin_does_not_replace_the_authority),
        TEST(test_enrolment_by_pin_alone),
        TEST(test_tls_1_2_is_refused),
        TEST(test_identity_and_its_change),
        TEST(test_no_session_is_resumed),
        TEST(test_server_that_refuses_the_identity),
        TEST(test_identity_that_does_not_fit),
        TEST(test_authority_that_is_no_certificate),
        TEST(test_two_authorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
