/*
 * http/enroll.c - GET and POST /v1/enroll: a device proves that it knows a code, and becomes one of ours.
 *
 *   nonce = time:8 random:8 mac:16    mac: HMAC-SHA-256(secret of this process, time random), cut. Nothing is kept
 *
 * Wrong, used, expired and unknown codes get the same answer. A nonce that is too old, or of a process before this
 * one, says nothing about the code: LATER.
 */
#include <string.h>

#include "admin/people.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/text.h"
#include "http/admit.h"
#include "http/answer.h"
#include "http/routes.h"

#define NONCE_OPEN 16 /* bytes of time and random */

/* ---- the nonce ------------------------------------------------------------------------------------------ */

static rove_status nonce_mac(const hq_http *http, const uint8_t *nonce,
                             uint8_t mac[ROVE_SHA256_SIZE]) {
    const rove_crypto *crypto = &hq_get_ports(http->headquarters)->crypto;
    rove_span span = {nonce, NONCE_OPEN};
    return crypto->hmac_sha256(crypto->ctx, http->secret, sizeof http->secret, &span, 1, mac);
}

enum MHD_Result nonce_finish(request *self) {
    const hq_ports *ports = hq_get_ports(self->http->headquarters);
    uint8_t nonce[ROVE_ENROLL_NONCE_SIZE];
    uint8_t mac[ROVE_SHA256_SIZE];
    uint64_t now_ms = (uint64_t)front_boot_ms(self->http);
    size_t size = rove__u64_put(nonce, now_ms);
    rove_status status = ports->random.fill(ports->random.ctx, nonce + size, NONCE_OPEN - size);
    if (status == ROVE_OK) {
        status = nonce_mac(self->http, nonce, mac);
    }
    if (status != ROVE_OK) {
        return answer_failure(self, status, NULL);
    }
    memcpy(nonce + NONCE_OPEN, mac, sizeof nonce - NONCE_OPEN);
    return answer_bytes(self, ROVE_NONCE_CONTENT_TYPE, nonce, sizeof nonce);
}

static rove_status nonce_check(const hq_http *http, const uint8_t *nonce) {
    uint8_t mac[ROVE_SHA256_SIZE];
    uint64_t made_ms = 0;
    rove_status status = nonce_mac(http, nonce, mac);
    if (status != ROVE_OK) {
        return status;
    }
    for (size_t i = 0; i < 8; i++) {
        made_ms = made_ms << 8 | nonce[i];
    }
    int ours = rove__secret_equal(nonce + NONCE_OPEN, mac, ROVE_ENROLL_NONCE_SIZE - NONCE_OPEN);
    return ours && front_boot_ms(http) - (int64_t)made_ms <= HQ_HTTP_NONCE_MS ? ROVE_OK
                                                                              : ROVE_LATER;
}

/* ---- the body ------------------------------------------------------------------------------------------- */

rove_status enroll_begin(request *self) {
    self->enrolment = rove__alloc_zeroed(&hq_get_ports(self->http->headquarters)->allocator, 1,
                                         sizeof *self->enrolment);
    return self->enrolment == NULL ? ROVE_NOMEM : ROVE_OK;
}

rove_status enroll_receive(request *self, const void *bytes, size_t size) {
    rove__buf_append(&self->body, bytes, size);
    return rove__buf_status(&self->body);
}

void enroll_end(request *self) {
    rove__free(&hq_get_ports(self->http->headquarters)->allocator, self->enrolment);
    self->enrolment = NULL;
}

/* ---- the code ------------------------------------------------------------------------------------------- */

typedef struct hunt {
    const uint8_t *hint;
    rove__hq_code code;
    int found;
} hunt;

static rove_status each_code(void *ctx, const rove__hq_code *code) {
    hunt *self = ctx;
    if (rove__secret_equal(code->hash, self->hint, ROVE_ENROLL_HINT_SIZE)) {
        self->code = *code;
        self->found = 1;
        return ROVE_DONE;
    }
    return ROVE_OK;
}

static int proof_holds(const request *self, const rove__hq_code *code) {
    const enrolment *e = self->enrolment;
    uint8_t proof[ROVE_SHA256_SIZE];
    rove_status status =
        rove__code_proof(code->hash, e->request.nonce, e->csr.public_der, e->csr.public_size,
                         &hq_get_ports(self->http->headquarters)->crypto, proof);
    return status == ROVE_OK && e->csr.proof_size == sizeof proof &&
           rove__secret_equal(proof, e->csr.proof, sizeof proof);
}

/* 1 if the user of the code is there and works here. */
static int user_works(request *self, rove__hq_tx *tx, rove_id user) {
    hq_person person;
    return hq_get_person(self->http->headquarters, tx, user, &person, NULL) == ROVE_OK &&
           person.status <= 1;
}

/*
 * The device of this user that enrols again, if it shows the certificate that it had: if that is still good, it is told so
 * and its code stays good too; otherwise it goes on as the one it was, and what it has not sent yet counts as its own.
 * Nobody is let in by this, and a device that was revoked begins anew.
 */
static rove_status recognise(request *self, rove__hq_tx *tx, rove_id user, rove_error *error) {
    enrolment *e = self->enrolment;
    const rove_pki_subject *subject = &self->connection->device.subject;
    int good = 0;
    if (!e->shown || subject->user != user) {
        return ROVE_OK;
    }
    rove_status status = front_recognise(self, tx, &good);
    if (status == ROVE_OK && self->device.replica != 0 &&
        (self->device.user != user || self->device.status == ROVE_DEVICE_REVOKED)) {
        self->device = (rove__hq_device){.replica = 0};
        return ROVE_OK;
    }
    if (status == ROVE_OK && self->forgotten) {
        status = front_remember(self, tx, error);
    }
    e->former = subject->replica;
    e->exists = good;
    return status;
}

/* A refusal is a result, not a failure: what it costs (a try) has to be committed. */
static rove_status enroll_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    request *self = ctx;
    enrolment *e = self->enrolment;
    const rove__hq_directory *directory = &hq_database(self->http->headquarters)->directory;
    hunt search = {.hint = e->request.hint};
    e->now_ms = hq_now_ms(self->http->headquarters);
    e->refused = 1;
    rove_status status = directory->code_scan(tx, each_code, &search);
    rove__hq_code *code = &search.code;
    if (status != ROVE_OK || !search.found || code->used_ms != 0 || code->tries_left <= 0 ||
        e->now_ms >= code->until_ms) {
        return status;
    }
    if (!proof_holds(self, code)) {
        code->tries_left--;
        return directory->code_put(tx, code);
    }
    if (!user_works(self, tx, code->user)) {
        return ROVE_OK;
    }
    status = recognise(self, tx, code->user, error);
    if (status != ROVE_OK || e->exists) {
        return status;
    }
    e->refused = 0;
    e->user = code->user;
    status = admit_new(self, tx, error);
    if (status == ROVE_OK) {
        code->used_ms = e->now_ms;
        code->replica = e->replica;
        status = directory->code_put(tx, code);
    }
    return status;
}

/* Everything about a request that needs no database. OK, PROTOCOL, LATER, or a failure. */
static rove_status parse(request *self) {
    enrolment *e = self->enrolment;
    rove_status status =
        rove__enroll_request_read(&e->request, 0, self->body.data, self->body.size);
    if (status != ROVE_OK) {
        return ROVE_PROTOCOL;
    }
    e->shown = front_identify(self) == ROVE_OK;
    status = nonce_check(self->http, e->request.nonce);
    return status == ROVE_OK ? admit_read_csr(self) : status;
}

enum MHD_Result enroll_finish(request *self) {
    if (self->progress == PROGRESS_RESUMED) {
        return admit_answer(self, self->enrolment->exists ? ROVE_EXISTS : ROVE_CODE);
    }
    rove_status status = parse(self);
    switch (status) {
    case ROVE_OK:
        return front_submit(self, enroll_job);
    case ROVE_PROTOCOL:
        return answer_status(self, MHD_HTTP_BAD_REQUEST, ROVE_PROTOCOL);
    case ROVE_LATER:
        return answer_status(self, MHD_HTTP_SERVICE_UNAVAILABLE, ROVE_LATER);
    default:
        return answer_failure(self, status, NULL);
    }
}
