/*
 * support/handset.h - headquarters behind real HTTPS, and devices made by hand that enrol, renew and exchange with it. The wall clock of
 * headquarters is moved where time matters.
 */
#ifndef ROVE_TESTS_HANDSET_H
#define ROVE_TESTS_HANDSET_H

#include "headquarters.h"

#include "http/http.h"
#include "keys.h"
#include "sync/enroll.h"
#include "wire/frame.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (24 * 60 * MINUTE_MS)
#define ANSWER    ROVE_IDENTITY_MAX

/* A device as it holds itself. */
typedef struct handset {
    uint8_t key[ROVE_KEY_DER_MAX];
    size_t key_size;
    uint8_t certificate[ROVE_CERTIFICATE_MAX];
    size_t certificate_size;
    rove_replica replica;
    rove_id user;
} handset;

typedef struct world {
    headquarters h;
    hq_http *http;
    rove_transport transport;
    rove_id user;
    const handset *shown; /* the certificate that a device has when it enrols; NULL: none */
    rove__invitation invitation;
    char text[ROVE_INVITATION_SIZE];
    uint8_t answer[ANSWER];
    size_t answer_size;
    const uint8_t *body;
    size_t body_size;
    size_t body_sent;
    rove_response response;
    rove_error error;
} world;

/* ---- requests ------------------------------------------------------------------------------------------- */

static inline rove_status read_body(void *ctx, void *bytes, size_t capacity, size_t *size) {
    world *w = ctx;
    *size = w->body_size - w->body_sent;
    *size = *size < capacity ? *size : capacity;
    memcpy(bytes, w->body + w->body_sent, *size);
    w->body_sent += *size;
    return ROVE_OK;
}

static inline rove_status write_answer(void *ctx, const void *bytes, size_t size) {
    world *w = ctx;
    if (size > sizeof w->answer - w->answer_size) {
        return ROVE_TOO_BIG;
    }
    memcpy(w->answer + w->answer_size, bytes, size);
    w->answer_size += size;
    return ROVE_OK;
}

static inline rove_status ask(world *w, const char *method, const char *path, const handset *as,
                              const char *type, const void *body, size_t size) {
    char url[300];
    const hq_keys *keys = hq_get_keys(w->h.hq);
    rove_request request = {.method = method,
                            .url = url,
                            .content_type = type,
                            .ca_der = keys->ca.data,
                            .ca_size = keys->ca.size,
                            .pin = keys->own.pin,
                            .read_body = body == NULL ? NULL : read_body,
                            .write_answer = write_answer,
                            .ctx = w};
    if (as != NULL) {
        request.certificate_der = as->certificate;
        request.certificate_size = as->certificate_size;
        request.key_der = as->key;
        request.key_size = as->key_size;
    }
    (void)snprintf(url, sizeof url, "%s%s", hq_http_url(w->http), path);
    w->body = body;
    w->body_size = size;
    w->body_sent = 0;
    w->answer_size = 0;
    memset(&w->error, 0, sizeof w->error);
    return w->transport.perform(w->transport.ctx, &request, &w->response, &w->error);
}

/* ---- devices -------------------------------------------------------------------------------------------- */

static inline void fresh_key(world *w, handset *device) {
    const rove_crypto *crypto = &w->h.ports.crypto;
    assert_int_equal(
        crypto->key_generate(crypto->ctx, device->key, sizeof device->key, &device->key_size),
        ROVE_OK);
}

static inline void take_identity(world *w, handset *device) {
    rove__identity identity;
    assert_int_equal(rove__identity_read(&identity, w->answer, w->answer_size), ROVE_OK);
    assert_memory_equal(identity.pin, hq_get_keys(w->h.hq)->own.pin, sizeof identity.pin);
    assert_int_equal(identity.until_ms - identity.server_ms > 29 * DAY_MS, 1);
    assert_true(identity.renew_after_ms < identity.until_ms);
    assert_int_equal(identity.organisation_size, strlen("Acme Field Sales"));
    device->certificate_size = identity.certificate_size;
    memcpy(device->certificate, identity.certificate, identity.certificate_size);
    device->replica = identity.replica;
    device->user = identity.user;
}

static inline void invite_user(world *w, const char *login) {
    said s;
    assert_int_equal(headquarters_run(&w->h, &s, "enroll-code", "--user", login, NULL),
                     HQ_EXIT_DONE);
    const char *at = strstr(s.out, "\n\n    ");
    assert_non_null(at);
    (void)snprintf(w->text, sizeof w->text, "%.*s", (int)strcspn(at + 6, "\n"), at + 6);
    assert_int_equal(rove__invitation_parse(w->text, &w->h.ports.crypto, &w->invitation, &w->error),
                     ROVE_OK);
}

static inline void invite(world *w) {
    invite_user(w, "jo");
}

static inline rove_status get_nonce(world *w, uint8_t nonce[ROVE_ENROLL_NONCE_SIZE]) {
    rove_status status = ask(w, "GET", "/v1/enroll", w->shown, NULL, NULL, 0);
    if (status == ROVE_OK) {
        assert_int_equal(w->answer_size, ROVE_ENROLL_NONCE_SIZE);
        memcpy(nonce, w->answer, ROVE_ENROLL_NONCE_SIZE);
    }
    return status;
}

/* The body of an enrolment with a nonce, of the invitation at hand; proof_code: what the device thinks the code is. */
static inline void enroll_body(world *w, handset *device, const uint8_t *nonce,
                               const uint8_t proof_code[ROVE_CODE_SIZE], rove__buf *body) {
    const rove_crypto *crypto = &w->h.ports.crypto;
    uint8_t public_der[ROVE_PUBLIC_KEY_DER_MAX];
    uint8_t secret[ROVE_SHA256_SIZE];
    uint8_t hint[ROVE_SHA256_SIZE];
    uint8_t proof[ROVE_SHA256_SIZE];
    uint8_t csr[ROVE_CSR_DER_MAX];
    size_t public_size = 0;
    rove__enroll_request request = {.nonce = nonce, .hint = hint, .csr = csr};
    fresh_key(w, device);
    assert_int_equal(crypto->key_public(crypto->ctx, device->key, device->key_size, public_der,
                                        sizeof public_der, &public_size),
                     ROVE_OK);
    assert_int_equal(rove__code_secret(w->invitation.code, crypto, hint), ROVE_OK);
    assert_int_equal(rove__code_secret(proof_code, crypto, secret), ROVE_OK);
    assert_int_equal(rove__code_proof(secret, nonce, public_der, public_size, crypto, proof),
                     ROVE_OK);
    assert_int_equal(crypto->csr(crypto->ctx, device->key, device->key_size, proof, sizeof proof,
                                 csr, sizeof csr, &request.csr_size),
                     ROVE_OK);
    rove__buf_init(body, &w->h.ports.allocator, 8192);
    rove__enroll_request_write(body, &request);
    assert_int_equal(rove__buf_status(body), ROVE_OK);
}

static inline rove_status enroll_with(world *w, handset *device, const uint8_t *nonce,
                                      const uint8_t proof_code[ROVE_CODE_SIZE]) {
    rove__buf body;
    enroll_body(w, device, nonce, proof_code, &body);
    rove_status status =
        ask(w, "POST", "/v1/enroll", w->shown, ROVE_ENROLL_CONTENT_TYPE, body.data, body.size);
    rove__buf_free(&body);
    if (status == ROVE_OK) {
        take_identity(w, device);
    }
    return status;
}

static inline rove_status enroll(world *w, handset *device) {
    uint8_t nonce[ROVE_ENROLL_NONCE_SIZE];
    rove_status status = get_nonce(w, nonce);
    return status == ROVE_OK ? enroll_with(w, device, nonce, w->invitation.code) : status;
}

/* `next` gets the new key and certificate; lost: the answer never reaches the device. */
static inline rove_status renew(world *w, const handset *device, handset *next, unsigned flags,
                                int same_key) {
    const rove_crypto *crypto = &w->h.ports.crypto;
    uint8_t csr[ROVE_CSR_DER_MAX];
    rove__enroll_request request = {.flags = flags, .csr = csr};
    rove__buf body;
    handset made = *device;
    if (!same_key) {
        fresh_key(w, &made);
    }
    assert_int_equal(crypto->csr(crypto->ctx, made.key, made.key_size, NULL, 0, csr, sizeof csr,
                                 &request.csr_size),
                     ROVE_OK);
    rove__buf_init(&body, &w->h.ports.allocator, 8192);
    rove__enroll_request_write(&body, &request);
    rove_status status =
        ask(w, "POST", "/v1/renew", device, ROVE_ENROLL_CONTENT_TYPE, body.data, body.size);
    rove__buf_free(&body);
    if (status == ROVE_OK) {
        take_identity(w, &made);
        *next = made;
    }
    return status;
}

/* A whole exchange that says nothing but Hello. OK if it got a Welcome; FORK if told so. */
static inline rove_status exchange(world *w, const handset *device) {
    rove__frame_writer *writer = NULL;
    rove__frame_reader *reader = NULL;
    rove__frame frame;
    rove__hello hello = {.protocol = ROVE_PROTOCOL_VERSION,
                         .schema = ROVE_SCHEMA_VERSION,
                         .app = "test",
                         .replica = device->replica,
                         .unverified = 1};
    rove__end end = {0};
    rove__buf body;
    rove__buf payload;
    rove__buf_init(&body, &w->h.ports.allocator, 65536);
    rove__buf_init(&payload, &w->h.ports.allocator, 65536);
    assert_int_equal(rove__frame_writer_new(&w->h.ports.allocator, ROVE_FRAME_WINDOW_LOG, &writer),
                     ROVE_OK);
    assert_int_equal(rove__hello_write(&hello, &payload), ROVE_OK);
    assert_int_equal(rove__frame_write(writer, ROVE_FRAME_HELLO, payload.data, payload.size, &body),
                     ROVE_OK);
    rove__buf_reset(&payload);
    assert_int_equal(rove__end_write(&end, &payload), ROVE_OK);
    assert_int_equal(rove__frame_write(writer, ROVE_FRAME_END, payload.data, payload.size, &body),
                     ROVE_OK);
    assert_int_equal(rove__frame_write_end(writer, &body), ROVE_OK);
    rove_status status =
        ask(w, "POST", "/v1/exchange", device, ROVE_CONTENT_TYPE, body.data, body.size);
    if (status == ROVE_OK) {
        assert_int_equal(rove__frame_reader_new(&w->h.ports.allocator, &reader), ROVE_OK);
        assert_int_equal(rove__frame_reader_feed(reader, w->answer, w->answer_size), ROVE_OK);
        assert_int_equal(rove__frame_reader_next(reader, &frame), ROVE_OK);
        assert_int_equal(frame.type, ROVE_FRAME_WELCOME);
        assert_int_equal(rove__frame_reader_next(reader, &frame), ROVE_OK);
        status = frame.type == ROVE_FRAME_FORK ? ROVE_FORK : ROVE_OK;
        rove__frame_reader_free(reader);
    }
    rove__frame_writer_free(writer);
    rove__buf_free(&payload);
    rove__buf_free(&body);
    return status;
}

/* ---- the world ------------------------------------------------------------------------------------------ */

static inline void serve(world *w, size_t exchange_bytes) {
    hq_http_options options = {
        .listen = "127.0.0.1:0", .threads = 2, .exchange_bytes = exchange_bytes};
    if (hq_http_start(w->h.hq, &options, &w->http, &w->error) != ROVE_OK) {
        fail_msg("hq_http_start: %s", w->error.message);
    }
}

static inline int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    headquarters_start(&w->h);
    serve(w, 0);
    assert_int_equal(rove_posix_transport_new(&w->transport, &w->h.ports.allocator), ROVE_OK);
    w->user = headquarters_user_put(&w->h, 0, "jo", 1);
    invite(w);
    *state = w;
    return 0;
}

static inline int tear_down(void **state) {
    world *w = *state;
    rove_posix_transport_free(&w->transport);
    hq_http_stop(w->http);
    headquarters_end(&w->h);
    free(w);
    return 0;
}

#endif
