/*
 * http/renew.c - POST /v1/renew: a device gets a new certificate for its key, or, because it is a copy of another or
 * was restored from a backup (P3), becomes a new device with a fresh key and number.
 *
 * An answer that is lost locks nobody out: the key before stays good until the new one was seen. A copy enrols again
 * once; asked again before its successor ever came, that successor is given up for another.
 */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "http/admit.h"
#include "http/answer.h"
#include "http/routes.h"

/* A new certificate, and maybe a new key, for the device as it is. */
static rove_status extend(request *self, rove__hq_tx *tx, rove__hq_device *device,
                          rove_error *error) {
    enrolment *e = self->enrolment;
    if (device->status != ROVE_DEVICE_ACTIVE) {
        return ROVE_OK;
    }
    e->refused = 0;
    e->replica = device->replica;
    e->former = self->connection->device.subject.former;
    rove_status status = admit_issue(self, tx, error);
    if (status == ROVE_OK &&
        !rove__secret_equal(e->key_hash, self->connection->device.public_sha256,
                            sizeof e->key_hash)) {
        status = front_remember_key(self, tx);
    }
    if (status == ROVE_OK) {
        status = admit_record(self, tx, "renew", &e->seq, error);
    }
    if (status == ROVE_OK) {
        memcpy(device->key_hash, e->key_hash, sizeof device->key_hash);
        device->certificate_until_ms = e->until_ms;
        status = hq_database(self->http->headquarters)->store.device_put(tx, device);
    }
    return status;
}

/* OK if the device may have a successor: it has none, or one that never came and is now given up. */
static rove_status give_up_successor(request *self, rove__hq_tx *tx, const rove__hq_device *device,
                                     int *may) {
    const rove__hq_store *store = &hq_database(self->http->headquarters)->store;
    rove__hq_device successor;
    *may = 1;
    if (device->successor == 0) {
        return ROVE_OK;
    }
    rove_status status = store->device_get(tx, device->successor, 1, &successor);
    if (status == ROVE_NOT_FOUND) {
        return ROVE_OK;
    }
    *may = status == ROVE_OK && successor.status == ROVE_DEVICE_ACTIVE && successor.contact_ms == 0;
    if (*may) {
        successor.status = ROVE_DEVICE_REPLACED;
        status = store->device_put(tx, &successor);
    }
    return status;
}

static rove_status replace(request *self, rove__hq_tx *tx, rove__hq_device *device,
                           rove_error *error) {
    enrolment *e = self->enrolment;
    int may = 0;
    if (rove__secret_equal(e->key_hash, device->key_hash, sizeof e->key_hash)) {
        return ROVE_OK;
    }
    rove_status status = give_up_successor(self, tx, device, &may);
    if (status != ROVE_OK || !may) {
        return status;
    }
    e->refused = 0;
    e->former = device->replica;
    status = admit_new(self, tx, error);
    if (status == ROVE_OK) {
        device->status = ROVE_DEVICE_REPLACED;
        device->successor = e->replica;
        status = hq_database(self->http->headquarters)->store.device_put(tx, device);
    }
    return status;
}

static rove_status renew_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    request *self = ctx;
    enrolment *e = self->enrolment;
    rove__hq_device device;
    e->refused = 1;
    e->now_ms = hq_now_ms(self->http->headquarters);
    rove_status status = hq_database(self->http->headquarters)
                             ->store.device_get(tx, self->device.replica, 1, &device);
    if (status != ROVE_OK || device.status == ROVE_DEVICE_REVOKED) {
        return status;
    }
    e->user = device.user;
    return (e->request.flags & ROVE_RENEW_FRESH_REPLICA) != 0 ? replace(self, tx, &device, error)
                                                              : extend(self, tx, &device, error);
}

enum MHD_Result renew_finish(request *self) {
    enrolment *e = self->enrolment;
    if (self->progress == PROGRESS_RESUMED) {
        int fresh = (e->request.flags & ROVE_RENEW_FRESH_REPLICA) != 0;
        if (fresh && self->task.status == ROVE_OK && !e->refused) {
            rove__log(&hq_get_ports(self->http->headquarters)->log, ROVE_LOG_WARN, "http",
                      "device %u is a copy or was restored; it goes on as device %u",
                      (unsigned)self->device.replica, (unsigned)e->replica);
        }
        return admit_answer(self, ROVE_FORK);
    }
    rove_status status =
        rove__enroll_request_read(&e->request, 1, self->body.data, self->body.size);
    status = status == ROVE_OK ? admit_read_csr(self) : ROVE_PROTOCOL;
    if (status == ROVE_PROTOCOL) {
        return answer_status(self, MHD_HTTP_BAD_REQUEST, ROVE_PROTOCOL);
    }
    return status == ROVE_OK ? front_submit(self, renew_job) : answer_failure(self, status, NULL);
}
