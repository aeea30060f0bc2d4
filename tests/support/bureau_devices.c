/*
 * support/bureau_devices.c - see bureau.h.
 */
#include "bureau_inside.h"

#include "keys.h"
#include "orders.h"
#include "sync/enroll.h"

#define DAY_MS   INT64_C(86400000)
#define SAY_SIZE 4096
#define GET_SIZE ((size_t)16384)

void bureau_wait(bureau *b, int64_t ms) {
    b->now_ms += ms;
}

/* ---- enrolment ------------------------------------------------------------------------------------------ */

static rove_status put_device(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const bureau *b = ((void **)ctx)[0];
    const rove__hq_device *device = ((void **)ctx)[1];

    (void)error;
    return hq_database(b->hq)->store.device_put(tx, device);
}

void bureau_enrol(bureau *b, rove_replica replica, rove_id user, const void *csr, size_t csr_size,
                  rove__buf *answer) {
    const hq_keys *keys = hq_get_keys(b->hq);
    const rove_pki_subject subject = {.replica = replica, .user = user};
    rove__hq_device device = {.replica = replica,
                              .user = user,
                              .status = ROVE_DEVICE_ACTIVE,
                              .enrolled_ms = b->now_ms,
                              .certificate_until_ms = b->now_ms + 30 * DAY_MS};
    rove_pki_request request;
    rove_pki_bytes certificate;
    void *job[] = {b, &device};

    assert_int_equal(rove_pki_request_read(csr, csr_size, &request, NULL), ROVE_OK);
    assert_int_equal(
        rove_pki_device_issue(keys->authority, &request, &subject, b->now_ms, &certificate, NULL),
        ROVE_OK);
    const rove_span span = {request.public_der, request.public_size};
    assert_int_equal(b->ports.crypto.sha256(b->ports.crypto.ctx, &span, 1, device.key_hash),
                     ROVE_OK);
    assert_int_equal(hq_commit(b->hq, put_device, job, NULL), ROVE_OK);
    rove__identity identity = {.replica = replica,
                               .user = user,
                               .server_ms = b->now_ms,
                               .until_ms = b->now_ms + 30 * DAY_MS,
                               .renew_after_ms = b->now_ms + 20 * DAY_MS,
                               .ca = keys->trusted.data,
                               .ca_size = keys->trusted.size,
                               .certificate = certificate.data,
                               .certificate_size = certificate.size,
                               .organisation = (const uint8_t *)"Acme Field Sales",
                               .organisation_size = 16,
                               .seal_key = keys->seal_key};
    memcpy(identity.pin, keys->own.pin, sizeof identity.pin);
    rove__identity_write(answer, &identity);
}

/* ---- an exchange ---------------------------------------------------------------------------------------- */

/* As http/answer.c says it. */
static rove_status failure(rove_status status) {
    int passes = status == ROVE_LATER || status == ROVE_BUSY || status == ROVE_NOMEM;

    return passes ? ROVE_LATER : ROVE_SERVER;
}

typedef struct visitor {
    bureau *b;
    rove_replica replica;
    int refused;
    rove__server *server;
    rove_status judged;
} visitor;

static rove_status look(void *ctx, rove__hq_tx *tx, rove_error *error) {
    visitor *v = ctx;
    rove__hq_device device;
    hq_order order;

    (void)error;
    rove_status status = hq_database(v->b->hq)->store.device_get(tx, v->replica, 0, &device);
    if (status != ROVE_OK) {
        return status;
    }
    v->refused = device.status == ROVE_DEVICE_REVOKED;
    status = hq_order_get(v->b->hq, tx, v->replica, &order);
    v->refused |= status == ROVE_OK && hq_order_is_in_force(&order, v->b->now_ms);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* Who it is, and that he may. */
static rove_status admit(visitor *v, rove__bytes certificate) {
    rove_pki_device device;

    if (certificate.data == NULL || hq_keys_recognise(hq_get_keys(v->b->hq), certificate.data,
                                                      certificate.size, &device) != ROVE_OK) {
        return ROVE_UNAUTHORIZED;
    }
    v->replica = device.subject.replica;
    rove_status status = hq_read(v->b->hq, look, v, NULL);
    return status == ROVE_NOT_FOUND ? ROVE_UNAUTHORIZED
           : status != ROVE_OK      ? ROVE_LATER
           : v->refused             ? ROVE_REVOKED
                                    : ROVE_OK;
}

static rove_status hear(const visitor *v, const rove__buf *body) {
    rove_status status = ROVE_OK;

    hq_schema_hold(v->b->hq);
    for (size_t at = 0; at < body->size && status == ROVE_OK; at += GET_SIZE) {
        size_t some = body->size - at < GET_SIZE ? body->size - at : GET_SIZE;
        status = rove__server_receive(v->server, body->data + at, some);
    }
    if (status == ROVE_OK) {
        status = rove__server_received(v->server);
    }
    hq_schema_release(v->b->hq);
    return status == ROVE_OK ? ROVE_OK : failure(status);
}

static rove_status commit_one(void *ctx, rove__hq_tx *tx, rove_error *error) {
    visitor *v = ctx;

    v->judged = rove__server_commit(v->server, tx, v->b->now_ms, error);
    return v->judged;
}

static rove_status judge(visitor *v) {
    while (rove__server_wants_commit(v->server)) {
        v->judged = ROVE_OK;
        rove_status status = hq_commit(v->b->hq, commit_one, v, NULL);
        /* What the session itself knows of becomes a frame of its answer. */
        if (status != ROVE_OK && (v->judged == ROVE_OK || v->judged == ROVE_LATER)) {
            return failure(status);
        }
    }
    return ROVE_OK;
}

/* A failure on the way ends the connection: what was sent arrives. */
static rove_status say(const visitor *v, rove__buf *answer, size_t *cut) {
    uint8_t bytes[SAY_SIZE];
    rove_status status = ROVE_OK;

    hq_schema_hold(v->b->hq);
    for (size_t size = 1; size > 0 && status == ROVE_OK;) {
        status = rove__server_answer(v->server, bytes, sizeof bytes, &size);
        if (status == ROVE_OK) {
            rove__buf_append(answer, bytes, size);
        }
    }
    hq_schema_release(v->b->hq);
    if (status != ROVE_OK) {
        *cut = answer->size;
        rove__buf_append(answer, "", 1);
    }
    return status != ROVE_OK && *cut == 0 ? ROVE_NETWORK : ROVE_OK;
}

rove_status bureau_exchange(bureau *b, rove__bytes certificate, int64_t lease_ms,
                            const rove__buf *body, rove__buf *answer, size_t *cut) {
    visitor v = {.b = b};
    rove__server_ports ports = hq_server_ports(b->hq);
    rove__server_policy policy = *hq_policy(b->hq);

    *cut = 0;
    policy.lease_ms = lease_ms;
    rove_status status = admit(&v, certificate);
    if (status != ROVE_OK) {
        return status;
    }
    if (rove__server_new(&ports, &policy, v.replica, b->now_ms, &v.server) != ROVE_OK) {
        return ROVE_LATER;
    }
    status = hear(&v, body);
    status = status == ROVE_OK ? judge(&v) : status;
    status = status == ROVE_OK ? say(&v, answer, cut) : status;
    rove__server_free(v.server);
    return status;
}

/* ---- the drop box --------------------------------------------------------------------------------------- */

static rove_status commit_parcel(void *ctx, rove__hq_tx *tx, rove_error *error) {
    return drop_parcel_commit(ctx, tx, error);
}

rove_status bureau_drop(bureau *b, const rove__buf *body, rove__buf *answer) {
    drop_parcel *parcel = NULL;
    size_t count = 0;
    rove_status status =
        b->box != NULL ? ROVE_OK : drop_box_new(b->hq, &b->ports.allocator, &b->box);

    if (status == ROVE_OK) {
        status = drop_parcel_open(b->box, body->data, body->size, &parcel);
    }
    if (status != ROVE_OK) {
        return status == ROVE_PROTOCOL || status == ROVE_TOO_BIG ? status : failure(status);
    }
    while (drop_parcel_wants_commit(parcel)) {
        drop_parcel_committed(parcel, hq_commit(b->hq, commit_parcel, parcel, NULL));
    }
    const uint8_t *answers = drop_parcel_answers(parcel, &count);
    rove__buf_append(answer, answers, count);
    drop_parcel_free(parcel);
    return ROVE_OK;
}
