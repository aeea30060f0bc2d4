/*
 * client/enroll.c - how a device becomes headquarters' own, and stays it: enrolment with a one-time code,
 * renewal under mutual TLS. sync/enroll.h has the bytes.
 *
 * Order: the identity file first, then the replica's owner. A crash before the first leaves the device as it was,
 * at the price of a new code; one between the two is mended when the replica is opened, or synced, next. A replica of
 * another user is passed on first (handover.c).
 * Each certificate has a key of its own.
 */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "client/internal.h"

#define BODY_MAX (ROVE_CSR_DER_MAX + 64)

/* One enrolment or renewal under way. The key is wiped when it ends. */
typedef struct ceremony {
    rove *replica;
    char url[ROVE_URL_MAX];
    rove__invitation invitation;
    uint8_t secret[ROVE_SHA256_SIZE]; /* of its code, which begins with the hint */
    uint8_t key[ROVE_KEY_DER_MAX];
    size_t key_size;
    uint8_t csr[ROVE_CSR_DER_MAX];
    size_t csr_size;
    rove__buf body;
    rove__buf answer;
    rove_response response;
} ceremony;

static void ceremony_begin(ceremony *c, rove *replica) {
    memset(c, 0, sizeof *c);
    c->replica = replica;
    rove__buf_init(&c->body, &replica->ports.allocator, BODY_MAX);
    rove__buf_init(&c->answer, &replica->ports.allocator, ROVE_IDENTITY_MAX);
}

static void ceremony_end(ceremony *c) {
    rove__buf_free(&c->body);
    rove__buf_free(&c->answer);
    rove__wipe(c->key, sizeof c->key);
    rove__wipe(&c->invitation, sizeof c->invitation);
    rove__wipe(c->secret, sizeof c->secret);
}

static rove_status crypto_failed(rove_status status, rove_error *error) {
    return status == ROVE_OK
               ? status
               : rove__error_set(error, status, "Making a key: %s", rove_status_text(status));
}

static int is_adopted(rove *replica) {
    const rove__identity *identity = &replica->credentials->identity;
    rove__store_owner owner;

    rove__store_read_owner(replica->store, &owner);
    return owner.user == identity->user && owner.replica == identity->replica;
}

rove_status rove__client_adopt(rove *replica, rove_error *error) {
    const rove__identity *identity = &replica->credentials->identity;
    rove__store_owner owner = {.replica = identity->replica, .user = identity->user};

    return is_adopted(replica) ? ROVE_OK : rove__store_set_owner(replica->store, &owner, error);
}

rove_status rove__client_enrolled(const rove *replica, rove_error *error) {
    if (replica->credentials != NULL) {
        return ROVE_OK;
    }
    switch (replica->identity_status) {
    case ROVE_CORRUPT:
        return rove__error_set(error, ROVE_NOT_ENROLLED,
                               "This device's identity file is damaged. Ask headquarters for a new "
                               "code and enrol again; unsent work is kept.");
    case ROVE_BUSY:
        return rove__error_set(error, ROVE_NOT_ENROLLED,
                               "This device passes to another user, and that is not finished. "
                               "Close and open the replica, or enrol again with the same code.");
    default:
        return rove__error_set(error, ROVE_NOT_ENROLLED, "%s", rove_status_text(ROVE_NOT_ENROLLED));
    }
}

void rove__client_sign(rove *replica) {
    const rove__credentials *who = replica->credentials;
    rove__bytes key = {NULL, 0};

    if (who != NULL) {
        key = (rove__bytes){who->key, who->key_size};
    }
    rove_status status = rove__store_set_signer(replica->store, key);
    if (status != ROVE_OK) {
        rove__log(&replica->ports.log, ROVE_LOG_ERROR, "client",
                  "nothing is signed with the identity's key: %s", rove_status_name(status));
    }
}

void rove__client_install(rove *replica, rove__credentials *fresh) {
    rove__mutex_enter(replica->mutex);
    rove__credentials *old = replica->credentials;
    replica->credentials = fresh;
    replica->identity_status = ROVE_OK;
    /* A renewal leaves the address alone: others may be reading it. */
    if (strcmp(replica->url, fresh->url) != 0) {
        memcpy(replica->url, fresh->url, sizeof replica->url);
    }
    rove__client_sign(replica);
    rove__mutex_leave(replica->mutex);
    rove__credentials_free(&replica->ports.allocator, old);
}

/* What is sealed under a number that is left is signed by whom it belongs to. */
static void seal_journal(rove *replica, rove_replica fresh) {
    if (replica->credentials != NULL && is_adopted(replica) &&
        replica->credentials->identity.replica != fresh) {
        rove__sealer sealer = rove__credentials_sealer(replica->credentials);
        rove__store_journal(replica->store, &sealer);
    }
}

/* Keeps what headquarters answered: file, handle, replica. Of a renewal, and of an enrolment by the same user. */
static rove_status keep_own(rove *replica, rove__credentials *fresh, rove_error *error) {
    seal_journal(replica, fresh->identity.replica);
    rove_status status =
        rove__credentials_save(&replica->credentials_ports, replica->identity_path, fresh, error);
    if (status != ROVE_OK) {
        rove__credentials_free(&replica->ports.allocator, fresh);
        return status;
    }
    rove__client_install(replica, fresh);
    return rove__client_adopt(replica, error);
}

static rove_status keep(ceremony *c, int renewal, rove_error *error) {
    rove *replica = c->replica;
    rove__credentials_parts parts = {.url = c->url,
                                     .key = c->key,
                                     .key_size = c->key_size,
                                     .identity = c->answer.data,
                                     .identity_size = c->answer.size,
                                     .hint = renewal ? NULL : c->secret};
    rove__credentials *fresh = NULL;
    rove__store_owner owner;
    rove_status status = rove__credentials_new(&replica->credentials_ports, &parts, &fresh, error);

    if (status != ROVE_OK) {
        return status;
    }
    rove__store_read_owner(replica->store, &owner);
    if (owner.user == 0 || owner.user == fresh->identity.user) {
        return keep_own(replica, fresh, error);
    }
    if (!renewal) {
        return rove__client_hand_over(replica, fresh, error);
    }
    rove__credentials_free(&replica->ports.allocator, fresh);
    return rove__error_set(error, ROVE_PROTOCOL,
                           "Headquarters renewed another user's certificate.");
}

/* ---- enrolment ---- */

static rove_status fetch_nonce(ceremony *c, uint8_t nonce[ROVE_ENROLL_NONCE_SIZE],
                               rove_error *error) {
    rove__letter letter = {.method = "GET",
                           .url = c->url,
                           .path = "/v1/enroll",
                           .accept = ROVE_NONCE_CONTENT_TYPE,
                           .pin = c->invitation.pin,
                           .answer = &c->answer};
    rove_status status = rove__letter_send(c->replica, &letter, &c->response, error);

    if (status != ROVE_OK) {
        return status;
    }
    if (c->answer.size != ROVE_ENROLL_NONCE_SIZE) {
        return rove__error_set(
            error, c->answer.size < ROVE_ENROLL_NONCE_SIZE ? ROVE_TRUNCATED : ROVE_PROTOCOL,
            "Headquarters' answer to the first step of enrolment has %zu bytes instead of %d.",
            c->answer.size, ROVE_ENROLL_NONCE_SIZE);
    }
    memcpy(nonce, c->answer.data, ROVE_ENROLL_NONCE_SIZE);
    rove__buf_reset(&c->answer);
    return ROVE_OK;
}

/* A key, and the request that proves the code: the body of the second step. */
static rove_status prove(ceremony *c, const uint8_t nonce[ROVE_ENROLL_NONCE_SIZE]) {
    const rove_crypto *crypto = &c->replica->ports.crypto;
    uint8_t public_der[ROVE_PUBLIC_KEY_DER_MAX];
    size_t public_size = 0;
    uint8_t proof[ROVE_SHA256_SIZE];
    rove__enroll_request request = {.nonce = nonce, .hint = c->secret, .csr = c->csr};

    rove_status status = crypto->key_generate(crypto->ctx, c->key, sizeof c->key, &c->key_size);
    if (status == ROVE_OK) {
        status = crypto->key_public(crypto->ctx, c->key, c->key_size, public_der, sizeof public_der,
                                    &public_size);
    }
    if (status == ROVE_OK) {
        status = rove__code_proof(c->secret, nonce, public_der, public_size, crypto, proof);
    }
    if (status == ROVE_OK) {
        status = crypto->csr(crypto->ctx, c->key, c->key_size, proof, sizeof proof, c->csr,
                             sizeof c->csr, &c->csr_size);
    }
    if (status == ROVE_OK) {
        request.csr_size = c->csr_size;
        rove__enroll_request_write(&c->body, &request);
        status = rove__buf_status(&c->body);
    }
    return status;
}

/* What an earlier call left undone; *was 1: it was of this code, and the result is its. */
static rove_status finish(ceremony *c, int *was, rove_error *error) {
    rove *replica = c->replica;
    rove_status status = rove__client_hand_over_rest(replica, c->secret, was, error);

    if (status == ROVE_OK && !*was && replica->credentials != NULL && !is_adopted(replica)) {
        *was = rove__credentials_is_of(replica->credentials, c->secret);
        status = rove__client_adopt(replica, error);
    }
    return status;
}

static rove_status enroll(ceremony *c, rove_error *error) {
    uint8_t nonce[ROVE_ENROLL_NONCE_SIZE];
    rove__letter letter = {.method = "POST",
                           .url = c->url,
                           .path = "/v1/enroll",
                           .content_type = ROVE_ENROLL_CONTENT_TYPE,
                           .accept = ROVE_IDENTITY_CONTENT_TYPE,
                           .pin = c->invitation.pin,
                           .body = &c->body,
                           .answer = &c->answer};
    int was = 0;
    rove_status status = crypto_failed(
        rove__code_secret(c->invitation.code, &c->replica->ports.crypto, c->secret), error);

    if (status == ROVE_OK) {
        status = finish(c, &was, error);
    }
    if (status != ROVE_OK || was) {
        return status;
    }
    status = fetch_nonce(c, nonce, error);
    if (status == ROVE_OK) {
        status = crypto_failed(prove(c, nonce), error);
    }
    if (status == ROVE_OK) {
        status = rove__letter_send(c->replica, &letter, &c->response, error);
    }
    if (status == ROVE_EXISTS) {
        status = rove__error_set(error, status, "This device is enrolled with %s already.", c->url);
    }
    return status == ROVE_OK ? keep(c, 0, error) : status;
}

rove_status rove_enroll(rove *replica, const char *url, const char *code, rove_error *error) {
    ceremony c;

    if (replica == NULL || url == NULL || code == NULL) {
        return rove__client_invalid(error, "Enrolment takes a replica, an address and a code.");
    }
    if (rove__store_in_transaction(replica->store)) {
        return rove__error_set(error, ROVE_STATE,
                               "This thread has a transaction open; commit it or roll it back.");
    }
    ceremony_begin(&c, replica);
    rove_status status = rove__url_check(url, c.url, error);
    if (status == ROVE_OK) {
        status = rove__invitation_parse(code, &replica->ports.crypto, &c.invitation, error);
    }
    if (status == ROVE_OK) {
        status = rove__client_take(replica, error);
        if (status == ROVE_OK) {
            rove_error detail = {.message = ""};
            status = rove__client_contact(replica, &detail);
            if (status == ROVE_OK) {
                status = enroll(&c, &detail);
                rove__client_contact_over(replica);
            }
            status = rove__client_said(status, &detail, error);
            rove__client_give(replica);
        }
    }
    ceremony_end(&c);
    rove__log(&replica->ports.log, ROVE_LOG_INFO, "client", "enrolment: %s",
              rove_status_name(status));
    return status;
}

/* ---- renewal ---- */

static rove_status renewal_body(ceremony *c, int fresh) {
    const rove_crypto *crypto = &c->replica->ports.crypto;
    rove__enroll_request request = {.flags = fresh ? ROVE_RENEW_FRESH_REPLICA : 0, .csr = c->csr};

    rove_status status = crypto->key_generate(crypto->ctx, c->key, sizeof c->key, &c->key_size);
    if (status == ROVE_OK) {
        status = crypto->csr(crypto->ctx, c->key, c->key_size, NULL, 0, c->csr, sizeof c->csr,
                             &c->csr_size);
    }
    if (status == ROVE_OK) {
        request.csr_size = c->csr_size;
        rove__enroll_request_write(&c->body, &request);
        status = rove__buf_status(&c->body);
    }
    return status;
}

rove_status rove__client_renew(rove *replica, rove__renewal *renewal, rove_error *error) {
    ceremony c;

    ceremony_begin(&c, replica);
    memcpy(c.url, replica->credentials->url, sizeof c.url);
    rove__letter letter = {.method = "POST",
                           .url = c.url,
                           .path = "/v1/renew",
                           .content_type = ROVE_ENROLL_CONTENT_TYPE,
                           .accept = ROVE_IDENTITY_CONTENT_TYPE,
                           .body = &c.body,
                           .answer = &c.answer,
                           .cancelled = renewal->cancelled,
                           .ctx = renewal->ctx};
    rove_status status = crypto_failed(renewal_body(&c, renewal->fresh), error);
    if (status == ROVE_OK) {
        status = rove__letter_send(replica, &letter, &c.response, error);
    }
    if (status == ROVE_OK) {
        status = keep(&c, 1, error);
    }
    renewal->response = c.response;
    ceremony_end(&c);
    rove__log(&replica->ports.log, ROVE_LOG_INFO, "client", "renewal%s: %s",
              renewal->fresh ? " with a fresh replica number" : "", rove_status_name(status));
    return status;
}
