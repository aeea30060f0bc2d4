/*
 * support/phone.h - an app's replica in a fresh folder, and a transport at whose other end a small headquarters answers:
 * it accepts whatever is pushed, sends the accounts that a test gave it, and misbehaves when told to. Clocks are the
 * test's; memory is counted.
 */
#ifndef ROVE_TESTS_PHONE_H
#define ROVE_TESTS_PHONE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "client/drop_post.h"
#include "client/internal.h"
#include "heap.h"
#include "keyring.h"
#include "posix/pki.h"
#include "posix/posix.h"
#include "rove/rove.h"
#include "seals.h"
#include "sync/exchange.h"
#include "wire/batch.h"
#include "wire/frame.h"

#define PHONE_NOW_MS       INT64_C(1764000000000) /* 2025-11-24, headquarters' clock */
#define PHONE_DAY_MS       INT64_C(86400000)
#define PHONE_NUMBER       7u
#define PHONE_USER         ((rove_id)1 << 32 | 9)
#define PHONE_URL          "https://hq.example.com:8443"
#define PHONE_TIMELINE     77u
#define PHONE_SEQ          1000000u /* the first account's, less one */
#define PHONE_ACCOUNTS_MAX 4096
#define PHONE_BATCHES_MAX  4096

typedef struct phone phone;

/* What the last exchange brought. */
typedef struct phone_request {
    rove__hello hello;
    size_t frames, pushes, batches, rows, digests;
    size_t pushed; /* bytes of rows */
    int ended;
    int64_t trusted_now_ms;
    int has_pin, has_certificate;
    size_t body_size, answer_size;
} phone_request;

struct phone {
    heap memory; /* of the app */
    heap own_memory;
    rove_allocator own; /* headquarters' */
    rove_ports ports;
    keyring keys;
    rove_clock_reading now;
    rove *replica;
    rove_error error;
    char folder[64];
    rove__registry *registry;

    /* headquarters */
    rove_replica number; /* of the device, as headquarters gave it out */
    rove_replica former; /* the number before, which its certificate names; 0: none */
    rove_id user;        /* whose it is */
    int turned_away;     /* its certificate is not good any more */
    int revoked;         /* it is refused, but for what it is ordered */
    uint8_t order[ROVE_ORDER_MAX];
    size_t order_size;             /* 0: nothing */
    uint8_t pin[ROVE_SHA256_SIZE]; /* of headquarters' key */
    const uint8_t *seal_key;       /* headquarters', to enrol with; NULL: it has none */
    uint64_t seq;
    uint64_t judged;                       /* highest batch */
    rove__chain chain;                     /* at it */
    rove__chain chains[PHONE_BATCHES_MAX]; /* after each of the first batches */
    uint64_t safe;                         /* seq up to which headquarters has a backup */
    size_t accounts;                       /* that headquarters has */
    size_t page_rows;                      /* 0: all in one page */
    int64_t until_ms, renew_after_ms, welcome_renew_ms, lease_ms;
    const uint8_t *welcome_seal_key;
    size_t most_pushed; /* bytes of rows in one request */
    int enrolments, renewals, fresh_renewals, exchanges, requests;

    /* how it misbehaves */
    /* NULL: as it should */
    rove_status (*route)(phone *p, const rove_request *request, const rove__buf *body,
                         rove__buf *answer);
    void (*take)(phone *p, const uint8_t *record, size_t size); /* what the drop box brings */
    void (*compose)(phone *p, rove__frame_writer *writer, rove__buf *answer); /* of an exchange */
    void (*meanwhile)(phone *p); /* while the answer is on its way */
    rove_status refuse;          /* what the transport says */
    int refusals;                /* to so many requests */
    int64_t retry_after_ms;
    size_t cut_at;          /* the answer ends after so many bytes; 0: it does not */
    rove_status cut_status; /* what the transport then says; OK: it takes it for the end */
    size_t read_chunk, write_chunk;

    phone_request last;
    rove__arena arena; /* of the request under way */
    void *test;        /* the test's own */
};

#define phone_ok(p, call)                                                                          \
    do {                                                                                           \
        rove_status phone_status_ = (call);                                                        \
        if (phone_status_ != ROVE_OK) {                                                            \
            fail_msg("%s: %s: %s", #call, rove_status_name(phone_status_), (p)->error.message);    \
        }                                                                                          \
    } while (0)

#define phone_is(p, call, expected)                                                                \
    do {                                                                                           \
        rove_status phone_status_ = (call);                                                        \
        if (phone_status_ != (expected)) {                                                         \
            fail_msg("%s: %s instead of %s: %s", #call, rove_status_name(phone_status_),           \
                     rove_status_name(expected), (p)->error.message);                              \
        }                                                                                          \
    } while (0)

/* ---- frames ---- */

static inline void phone_frame(rove__frame_writer *writer, rove__frame_type type,
                               rove__buf *payload, rove__buf *answer) {
    assert_int_equal(rove__buf_status(payload), ROVE_OK);
    assert_int_equal(rove__frame_write(writer, type, payload->data, payload->size, answer),
                     ROVE_OK);
    rove__buf_reset(payload);
}

#define PHONE_MESSAGE(p, writer, answer, type, name, message)                                      \
    do {                                                                                           \
        rove__buf phone_payload_;                                                                  \
        rove__buf_init(&phone_payload_, &(p)->own, ROVE_FRAME_MAX);                                \
        assert_int_equal(rove__##name##_write((message), &phone_payload_), ROVE_OK);               \
        phone_frame((writer), (type), &phone_payload_, (answer));                                  \
        rove__buf_free(&phone_payload_);                                                           \
    } while (0)

static inline void phone_welcome(phone *p, rove__frame_writer *writer, rove__buf *answer) {
    rove__welcome welcome = {.protocol = ROVE_PROTOCOL_VERSION,
                             .schema = ROVE_SCHEMA_VERSION,
                             .server_ms = PHONE_NOW_MS + p->now.boot_ms,
                             .timeline = PHONE_TIMELINE,
                             .replica = p->number,
                             .user = p->user,
                             .digest_key = {1, 2, 3},
                             .safe = p->safe,
                             .poll_ms = 600000,
                             .renew_after_ms = p->welcome_renew_ms,
                             .lease_ms = p->lease_ms};

    if (p->welcome_seal_key != NULL) {
        welcome.seal_key = (rove__bytes){p->welcome_seal_key, ROVE_SEAL_KEY_SIZE};
    }

    PHONE_MESSAGE(p, writer, answer, ROVE_FRAME_WELCOME, welcome, &welcome);
}

static inline void phone_end(phone *p, rove__frame_writer *writer, rove__buf *answer, int more) {
    rove__end end = {.more = more, .row_count = p->accounts, .head = p->seq};

    PHONE_MESSAGE(p, writer, answer, ROVE_FRAME_END, end, &end);
}

static inline void phone_ack(phone *p, rove__frame_writer *writer, rove__buf *answer,
                             uint64_t number, const rove__verdict *verdicts, size_t count) {
    rove__ack ack = {.number = number,
                     .chain = number < PHONE_BATCHES_MAX ? p->chains[number] : p->chain,
                     .seq = ++p->seq,
                     .verdicts = verdicts,
                     .verdict_count = count,
                     .last = 1};

    PHONE_MESSAGE(p, writer, answer, ROVE_FRAME_ACK, ack, &ack);
}

/* Headquarters' accounts from..to as WHOLE rows. */
static inline void phone_account_rows(phone *p, size_t from, size_t to, rove__buf *rows) {
    const rove__entity *entity = rove__registry_by_name(p->registry, "Account");
    rove__batch_writer *writer = NULL;

    assert_int_equal(rove__batch_writer_new(&p->own, ROVE_BATCH_MAX, &writer), ROVE_OK);
    for (size_t i = from; i < to; i++) {
        rove__change change = {.op = ROVE_OP_WHOLE};
        rove__version version = {rove__stamp_make(PHONE_NOW_MS - 1000, (uint16_t)i), 1};
        char name[32];

        snprintf(name, sizeof name, "Account %u", (unsigned)i);
        assert_int_equal(
            rove__row_init(&change.row, entity, rove__id_make(1, (uint32_t)i + 1), &p->arena),
            ROVE_OK);
        rove__row_set(&change.row, (size_t)rove__entity_field_named(entity, "name"),
                      rove__value_text(name));
        rove__clock_init(&change.clock, version, version, 0);
        assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
    }
    assert_int_equal(rove__batch_finish(writer, rows), ROVE_OK);
    rove__batch_writer_free(writer);
}

/* The accounts that the device does not have yet, in pages. */
static inline void phone_pages(phone *p, rove__frame_writer *writer, rove__buf *answer) {
    size_t step = p->page_rows != 0 ? p->page_rows : PHONE_ACCOUNTS_MAX;
    uint64_t seq = p->last.hello.cursor.seq;
    size_t at = seq > PHONE_SEQ ? (size_t)(seq - PHONE_SEQ) : 0;
    rove__buf rows;

    rove__buf_init(&rows, &p->own, ROVE_FRAME_MAX);
    while (at < p->accounts) {
        size_t to = p->accounts - at < step ? p->accounts : at + step;
        phone_account_rows(p, at, to, &rows);
        rove__page page = {.rows = {rows.data, rows.size},
                           .cursor = {PHONE_TIMELINE, PHONE_SEQ + to},
                           .more = to < p->accounts};
        PHONE_MESSAGE(p, writer, answer, ROVE_FRAME_PAGE, page, &page);
        rove__buf_reset(&rows);
        at = to;
    }
    rove__buf_free(&rows);
}

/* ---- an exchange ---- */

static inline void phone_take_push(phone *p, const rove__frame *frame, rove__frame_writer *writer,
                                   rove__buf *answer, rove__chain *hash) {
    rove__batch_reader *reader = NULL;
    rove__push push;
    rove__change change;

    assert_int_equal(rove__push_read(&push, frame->payload, frame->size, &p->arena), ROVE_OK);
    p->last.pushes++;
    p->last.pushed += push.rows.size;
    p->most_pushed = p->last.pushed > p->most_pushed ? p->last.pushed : p->most_pushed;
    assert_int_equal(rove__exchange_hash(&p->ports.crypto, push.rows, hash), ROVE_OK);
    assert_int_equal(
        rove__batch_reader_new(&p->own, p->registry, push.rows.data, push.rows.size, &reader),
        ROVE_OK);
    while (rove__batch_next(reader, &change) == ROVE_OK) {
        p->last.rows++;
    }
    rove__batch_reader_free(reader);
    if (!push.last) {
        return;
    }
    p->last.batches++;
    if (push.number > p->judged) {
        assert_int_equal(push.number, p->judged + 1);
        assert_true(rove__chain_equal(&push.previous, &p->chain));
        assert_int_equal(rove__exchange_chain(&p->ports.crypto, &p->chain, hash, &p->chain),
                         ROVE_OK);
        p->judged = push.number;
        if (push.number < PHONE_BATCHES_MAX) {
            p->chains[push.number] = p->chain;
        }
    }
    /* A batch that comes again gets its answer again. */
    if (writer != NULL) {
        phone_ack(p, writer, answer, push.number, NULL, 0);
    }
    *hash = (rove__chain){{0}};
}

/* Reads the request; with a writer, acknowledges what it pushes. */
static inline void phone_read_exchange(phone *p, const rove__buf *body, rove__frame_writer *writer,
                                       rove__buf *answer) {
    rove__frame_reader *reader = NULL;
    rove__frame frame;
    rove__chain hash = {{0}};

    assert_int_equal(rove__frame_reader_new(&p->own, &reader), ROVE_OK);
    assert_int_equal(rove__frame_reader_feed(reader, body->data, body->size), ROVE_OK);
    while (rove__frame_reader_next(reader, &frame) == ROVE_OK) {
        p->last.frames++;
        switch (frame.type) {
        case ROVE_FRAME_HELLO:
            assert_int_equal(rove__hello_read(&p->last.hello, frame.payload, frame.size, &p->arena),
                             ROVE_OK);
            break;
        case ROVE_FRAME_PUSH:
            phone_take_push(p, &frame, writer, answer, &hash);
            break;
        case ROVE_FRAME_DIGEST:
            p->last.digests++;
            break;
        case ROVE_FRAME_END:
            p->last.ended = 1;
            break;
        default:
            break;
        }
    }
    assert_int_equal(rove__frame_reader_finish(reader), ROVE_OK);
    assert_true(p->last.ended);
    rove__frame_reader_free(reader);
}

static inline rove_status phone_exchange(phone *p, const rove__buf *body, rove__buf *answer) {
    rove__frame_writer *writer = NULL;

    p->exchanges++;
    assert_int_equal(rove__frame_writer_new(&p->own, ROVE_FRAME_WINDOW_LOG, &writer), ROVE_OK);
    if (p->compose != NULL) {
        phone_read_exchange(p, body, NULL, NULL);
        p->compose(p, writer, answer);
    } else {
        phone_welcome(p, writer, answer);
        phone_read_exchange(p, body, writer, answer);
        phone_pages(p, writer, answer);
        phone_end(p, writer, answer, 0);
    }
    assert_int_equal(rove__frame_write_end(writer, answer), ROVE_OK);
    rove__frame_writer_free(writer);
    return ROVE_OK;
}

/* ---- enrolment ---- */

static inline void phone_identity(phone *p, const rove__enroll_request *asked, rove__buf *answer) {
    rove_pki_request csr;
    uint8_t certificate[SEALS_CERTIFICATE_MAX];
    rove__identity identity = {.replica = p->number,
                               .user = p->user,
                               .server_ms = PHONE_NOW_MS + p->now.boot_ms,
                               .until_ms = p->until_ms,
                               .renew_after_ms = p->renew_after_ms,
                               .ca = (const uint8_t *)"authority",
                               .ca_size = 9,
                               .certificate = certificate,
                               .organisation = (const uint8_t *)"Ajax",
                               .organisation_size = 4};

    assert_int_equal(rove_pki_request_read(asked->csr, asked->csr_size, &csr, NULL), ROVE_OK);
    identity.certificate_size = seals_certificate(p->number, p->former, p->user, csr.public_der,
                                                  csr.public_size, certificate);
    memcpy(identity.pin, p->pin, sizeof identity.pin);
    identity.seal_key = p->seal_key;
    rove__identity_write(answer, &identity);
}

/* It shows the certificate of a device of the user whose code it has, and is let in with it. */
static inline int phone_is_known(phone *p, const rove_request *request) {
    rove__bytes certificate = {request->certificate_der, request->certificate_size};
    rove__signer signer;

    return certificate.data != NULL && !p->turned_away &&
           seals_identify(NULL, certificate, &signer) == ROVE_OK && signer.user == p->user;
}

static inline rove_status phone_enrol(phone *p, const rove_request *request, const rove__buf *body,
                                      rove__buf *answer) {
    rove__enroll_request enrolment;
    static const uint8_t nonce[ROVE_ENROLL_NONCE_SIZE] = {9, 8, 7};

    assert_non_null(request->pin);
    assert_null(request->ca_der);
    if (strcmp(request->method, "GET") == 0) {
        assert_string_equal(request->accept, ROVE_NONCE_CONTENT_TYPE);
        rove__buf_append(answer, nonce, sizeof nonce);
        return ROVE_OK;
    }
    assert_string_equal(request->content_type, ROVE_ENROLL_CONTENT_TYPE);
    assert_int_equal(rove__enroll_request_read(&enrolment, 0, body->data, body->size), ROVE_OK);
    assert_memory_equal(enrolment.nonce, nonce, sizeof nonce);
    if (phone_is_known(p, request)) {
        return ROVE_EXISTS;
    }
    p->enrolments++;
    p->former = 0;
    phone_identity(p, &enrolment, answer);
    return ROVE_OK;
}

static inline rove_status phone_renew(phone *p, const rove__buf *body, rove__buf *answer) {
    rove__enroll_request renewal;

    assert_int_equal(rove__enroll_request_read(&renewal, 1, body->data, body->size), ROVE_OK);
    p->renewals++;
    if (renewal.flags & ROVE_RENEW_FRESH_REPLICA) {
        p->fresh_renewals++;
        p->former = p->number;
        p->number += 1000;
        p->judged = 0;
        memset(&p->chain, 0, sizeof p->chain);
    }
    phone_identity(p, &renewal, answer);
    return ROVE_OK;
}

/* ---- the transport ---- */

static inline rove_status phone_read_all(phone *p, const rove_request *request, rove__buf *body) {
    uint8_t chunk[16384];
    size_t capacity = p->read_chunk != 0 ? p->read_chunk : sizeof chunk;
    size_t size = 1;
    rove_status status = ROVE_OK;

    while (request->read_body != NULL && size > 0) {
        if (request->cancelled != NULL && request->cancelled(request->ctx)) {
            return ROVE_CANCELLED;
        }
        status = request->read_body(request->ctx, chunk, capacity, &size);
        if (status != ROVE_OK) {
            return status;
        }
        assert_true(size <= capacity);
        rove__buf_append(body, chunk, size);
    }
    return rove__buf_status(body);
}

static inline rove_status phone_deliver(phone *p, const rove_request *request,
                                        const rove__buf *answer) {
    size_t end = p->cut_at != 0 && p->cut_at < answer->size ? p->cut_at : answer->size;
    size_t step = p->write_chunk != 0 ? p->write_chunk : 16384;

    for (size_t at = 0; at < end;) {
        size_t some = end - at < step ? end - at : step;
        if (request->cancelled != NULL && request->cancelled(request->ctx)) {
            return ROVE_CANCELLED;
        }
        rove_status status = request->write_answer(request->ctx, answer->data + at, some);
        if (status != ROVE_OK) {
            return status;
        }
        at += some;
        if (p->meanwhile != NULL) {
            p->meanwhile(p);
        }
    }
    return end < answer->size ? p->cut_status : ROVE_OK;
}

/* Whoever brings it, and revoked as the phone may be. */
static inline rove_status phone_drop(phone *p, const rove_request *request, const rove__buf *body,
                                     rove__buf *answer) {
    assert_null(request->certificate_der);
    assert_null(request->key_der);
    for (size_t at = 0; at < body->size;) {
        size_t size = rove__u32_get(body->data + at);
        if (p->take != NULL) {
            p->take(p, body->data + at + 4, size);
        }
        rove__buf_byte(answer, ROVE_DROP_TAKEN);
        at += 4 + size;
    }
    return rove__buf_status(answer);
}

static inline rove_status phone_answer(phone *p, const rove_request *request, const rove__buf *body,
                                       rove__buf *answer) {
    const char *path = strstr(request->url, "/v1/");

    assert_non_null(path);
    assert_int_equal(strncmp(request->url, PHONE_URL, strlen(PHONE_URL)), 0);
    if (p->route != NULL) {
        return p->route(p, request, body, answer);
    }
    if (strcmp(path, ROVE_ORDER_PATH) == 0) {
        assert_string_equal(request->accept, ROVE_ORDER_CONTENT_TYPE);
        rove__buf_append(answer, p->order, p->order_size);
        return p->order_size > 0 ? ROVE_OK : ROVE_NOT_FOUND;
    }
    if (strcmp(path, ROVE_DROP_PATH) == 0) {
        return phone_drop(p, request, body, answer);
    }
    if (p->revoked) {
        return ROVE_REVOKED;
    }
    if (strcmp(path, "/v1/enroll") == 0) {
        return phone_enrol(p, request, body, answer);
    }
    if (strcmp(path, "/v1/renew") == 0) {
        return phone_renew(p, body, answer);
    }
    assert_string_equal(path, "/v1/exchange");
    assert_string_equal(request->content_type, ROVE_CONTENT_TYPE);
    assert_string_equal(request->accept, ROVE_CONTENT_TYPE);
    return phone_exchange(p, body, answer);
}

static inline rove_status phone_perform(void *ctx, const rove_request *request,
                                        rove_response *response, rove_error *error) {
    phone *p = ctx;
    rove__buf body;
    rove__buf answer;

    memset(response, 0, sizeof *response);
    p->requests++;
    if (p->refusals > 0) {
        p->refusals--;
        response->retry_after_ms = p->retry_after_ms;
        return rove__error_set(error, p->refuse, "refused: %s", rove_status_name(p->refuse));
    }
    memset(&p->last, 0, sizeof p->last);
    rove__arena_reset(&p->arena);
    p->last.trusted_now_ms = request->trusted_now_ms;
    p->last.has_pin = request->pin != NULL;
    p->last.has_certificate = request->certificate_der != NULL && request->key_der != NULL;
    rove__buf_init(&body, &p->own, (size_t)64 << 20);
    rove__buf_init(&answer, &p->own, (size_t)64 << 20);
    rove_status status = phone_read_all(p, request, &body);
    p->last.body_size = body.size;
    if (status == ROVE_OK) {
        status = phone_answer(p, request, &body, &answer);
    }
    if (status == ROVE_OK) {
        p->last.answer_size = answer.size;
        status = phone_deliver(p, request, &answer);
        response->http_status = 200;
    }
    response->bytes_sent = (int64_t)body.size;
    response->bytes_received = (int64_t)answer.size;
    rove__buf_free(&body);
    rove__buf_free(&answer);
    return status == ROVE_OK
               ? ROVE_OK
               : rove__error_set(error, status, "the transport: %s", rove_status_name(status));
}

/* ---- the phone ---- */

static inline void phone_read_clock(void *ctx, rove_clock_reading *reading) {
    const phone *p = ctx;
    *reading = p->now;
}

static inline void phone_forget(const char *folder) {
    static const char *const files[] = {"replica.db",     "replica.db-wal", "replica.db-shm",
                                        "replica.db-log", "lock",           "identity",
                                        "identity.next",  "core.key",       "orders",
                                        "drop.box",       "drop.lock",      "drop.to"};
    char path[128];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

/*
 * Ports and an empty folder; opens nothing. With `threads`, memory is not counted: heap.h has no lock.
 */
static inline void phone_prepare_with(phone *p, const char *name, int threads) {
    memset(p, 0, sizeof *p);
    snprintf(p->folder, sizeof p->folder, "%s", name);
    phone_forget(p->folder);
    p->ports.allocator = heap_allocator(&p->memory);
    p->own = heap_allocator(&p->own_memory);
    if (threads) {
        rove_posix_allocator(&p->ports.allocator);
        rove_posix_allocator(&p->own);
    }
    p->ports.clock = (rove_clock){phone_read_clock, p};
    p->ports.transport = (rove_transport){phone_perform, p};
    p->ports.app = "test 1";
    rove_posix_random(&p->ports.random);
    rove_posix_files(&p->ports.files);
    assert_int_equal(rove_posix_crypto_new(&p->ports.crypto), ROVE_OK);
    p->ports.keyring = keyring_of_tests(&p->keys);
    p->now.wall_ms = PHONE_NOW_MS;
    p->now.boot_ms = 1000;
    memset(p->pin, 0xaa, sizeof p->pin);
    p->number = PHONE_NUMBER;
    p->user = PHONE_USER;
    p->seq = 10;
    p->until_ms = PHONE_NOW_MS + 30 * PHONE_DAY_MS;
    p->renew_after_ms = PHONE_NOW_MS + 20 * PHONE_DAY_MS;
    assert_int_equal(rove__registry_new(&p->own, &p->registry), ROVE_OK);
    rove__arena_init(&p->arena, &p->own, (size_t)64 << 20);
}

static inline void phone_prepare(phone *p, const char *name) {
    phone_prepare_with(p, name, 0);
}

static inline void phone_open(phone *p) {
    phone_ok(p, rove_open(&p->ports, p->folder, &p->replica, &p->error));
}

static inline void phone_close(phone *p) {
    rove_close(p->replica);
    p->replica = NULL;
}

/* A code that headquarters might have given. */
static inline const char *phone_code(phone *p, char text[ROVE_INVITATION_SIZE]) {
    rove__invitation invitation = {.code = {1, 2, 3}, .pin = {4, 5, 6}};

    assert_int_equal(rove__invitation_format(&invitation, &p->ports.crypto, text), ROVE_OK);
    return text;
}

static inline void phone_enroll(phone *p) {
    char code[ROVE_INVITATION_SIZE];

    phone_ok(p, rove_enroll(p->replica, PHONE_URL, phone_code(p, code), &p->error));
}

/* An open, enrolled replica. */
static inline void phone_start(phone *p, const char *name) {
    phone_prepare(p, name);
    phone_open(p);
    phone_enroll(p);
}

static inline void phone_stop(phone *p) {
    phone_close(p);
    rove__registry_free(p->registry);
    rove__arena_free(&p->arena);
    rove_posix_crypto_free(&p->ports.crypto);
    phone_forget(p->folder);
    assert_int_equal(p->memory.alive, 0);
    assert_int_equal(p->own_memory.alive, 0);
}

static inline rove_id phone_account(phone *p, const char *name) {
    rove_field fields[] = {{"name", rove_text(name)}};
    rove_id id = 0;

    phone_ok(p, rove_insert(p->replica, "Account", fields, 1, &id, &p->error));
    return id;
}

static inline rove_state phone_state(phone *p) {
    rove_state state = {.size = sizeof state};

    phone_ok(p, rove_read_state(p->replica, &state, &p->error));
    return state;
}

/* The first column of the first row of a query. */
static inline int64_t phone_number(phone *p, const char *sql) {
    rove_query *query = NULL;

    phone_ok(p, rove_query_new(p->replica, sql, NULL, 0, &query, &p->error));
    phone_ok(p, rove_query_step(query, &p->error));
    int64_t number = rove_query_value(query, 0).as.integer;
    rove_query_free(query);
    return number;
}

#endif
