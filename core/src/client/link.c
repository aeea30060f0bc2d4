/*
 * client/link.c - one request to headquarters: the trust, the identity and the time that go with it.
 *
 * Validity of certificates is judged by trusted time alone: a device whose wall clock is wrong, and that has no
 * anchor yet, relies on the private CA, the name and the pin, and on that it cannot be earlier than when its own certificate
 * was issued.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "client/internal.h"

void rove__link_trust(const rove__credentials *credentials, rove_request *request) {
    const rove__identity *identity = &credentials->identity;

    request->ca_der = identity->ca;
    request->ca_size = identity->ca_size;
    request->certificate_der = identity->certificate;
    request->certificate_size = identity->certificate_size;
    request->key_der = credentials->key;
    request->key_size = credentials->key_size;
    request->pin = rove__identity_pin(identity->pin);
    request->backup_pin = rove__identity_pin(identity->backup_pin);
    request->past_ms = identity->server_ms;
}

static void trust(rove *replica, const rove__link *link, rove_request *request) {
    int trusted = 0;
    int64_t now = rove__store_now_ms(replica->store, &trusted);

    request->trusted_now_ms = trusted ? now : 0;
    if (link->pin == NULL || replica->credentials != NULL) {
        ROVE_ASSERT(replica->credentials != NULL);
        rove__link_trust(replica->credentials, request);
    }
    if (link->pin != NULL) {
        request->ca_der = NULL;
        request->ca_size = 0;
        request->pin = link->pin;
        request->backup_pin = NULL;
    }
}

void rove__link_request(rove *replica, const rove__link *link, char url[ROVE_REQUEST_URL_MAX],
                        rove_request *request) {
    *request = (rove_request){.method = link->method,
                              .url = url,
                              .content_type = link->content_type,
                              .accept = link->accept,
                              .read_body = link->read_body,
                              .write_answer = link->write_answer,
                              .cancelled = link->cancelled,
                              .ctx = link->ctx};
    rove__text_format(url, ROVE_REQUEST_URL_MAX, "%s%s", link->url, link->path);
    trust(replica, link, request);
}

rove_status rove__link_perform(rove *replica, const rove__link *link, rove_response *response,
                               rove_error *error) {
    const rove_transport *transport = &replica->ports.transport;
    char url[ROVE_REQUEST_URL_MAX];
    rove_request request;

    memset(response, 0, sizeof *response);
    if (transport->perform == NULL) {
        return rove__error_set(error, ROVE_NETWORK,
                               "This app has no transport; nothing can reach headquarters.");
    }
    rove__link_request(replica, link, url, &request);
    return transport->perform(transport->ctx, &request, response, error);
}

/* ---- small requests ---- */

typedef struct letter_state {
    const rove__letter *letter;
    size_t sent;
} letter_state;

static rove_status read_letter(void *ctx, void *bytes, size_t capacity, size_t *size) {
    letter_state *state = ctx;
    const rove__buf *body = state->letter->body;
    size_t left = body->size - state->sent;

    *size = left < capacity ? left : capacity;
    if (*size > 0) {
        memcpy(bytes, body->data + state->sent, *size);
    }
    state->sent += *size;
    return ROVE_OK;
}

static rove_status write_letter(void *ctx, const void *bytes, size_t size) {
    letter_state *state = ctx;
    rove__buf *answer = state->letter->answer;

    rove__buf_append(answer, bytes, size);
    rove_status status = rove__buf_status(answer);
    return status == ROVE_TOO_BIG ? ROVE_PROTOCOL : status;
}

static int letter_cancelled(void *ctx) {
    const rove__letter *letter = ((const letter_state *)ctx)->letter;

    return letter->cancelled != NULL && letter->cancelled(letter->ctx);
}

rove_status rove__letter_send(rove *replica, const rove__letter *letter, rove_response *response,
                              rove_error *error) {
    letter_state state = {.letter = letter};
    rove__link link = {.method = letter->method,
                       .url = letter->url,
                       .path = letter->path,
                       .content_type = letter->content_type,
                       .accept = letter->accept,
                       .pin = letter->pin,
                       .read_body = letter->body != NULL ? read_letter : NULL,
                       .write_answer = write_letter,
                       .cancelled = letter_cancelled,
                       .ctx = &state};

    return rove__link_perform(replica, &link, response, error);
}
