/*
 * http/renew.c - POST /v1/renew: a device gets a new certificate for its key, or, because it is a copy of another or
 * was restored from a backup (P3), becomes a new device with a fresh key and number.
 *
 * An answer that is lost locks nobody out: the key before stays good until the new one was seen. Of two copies the one
 * that is noticed gets another number, and the other goes on under the old one; if that meets what the first has made, it
 * gets one too. Then the old number is closed, and whoever comes with it needs a code. A new number whose device never
 * came is given up for another.
 */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "http/admit.h"
#include "http/answer.h"
#include "http/routes.h"

/* So many devices may come of one: the copy, and what it is a copy of. */
#define COPIES_MAX 2

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
        admit_key key;
        admit_fresh_key(self, &key);
        status = admit_record(self->http->headquarters, tx, &key, "renew", &e->seq, error);
    }
    if (status == ROVE_OK) {
        memcpy(device->key_hash, e->key_hash, sizeof device->key_hash);
        device->certificate_until_ms = e->until_ms;
        status = hq_database(self->http->headquarters)->store.device_put(tx, device);
    }
    return status;
}

/* The devices that had this number before. */
typedef struct copies {
    rove_replica number;
    size_t came;
    size_t given_up;
    rove__hq_device never[COPIES_MAX]; /* came */
} copies;

static rove_status each_copy(void *ctx, const rove__hq_device *device) {
    copies *self = ctx;
    if (device->former != self->number || device->status == ROVE_DEVICE_REPLACED) {
        return ROVE_OK;
    }
    if (device->contact_ms == 0 && device->status == ROVE_DEVICE_ACTIVE &&
        self->given_up < COPIES_MAX) {
        self->never[self->given_up++] = *device;
    } else {
        self->came++;
    }
    return ROVE_OK;
}

static rove_status replace(request *self, rove__hq_tx *tx, rove__hq_device *device,
                           rove_error *error) {
    enrolment *e = self->enrolment;
    const rove__hq_store *store = &hq_database(self->http->headquarters)->store;
    copies found = {.number = device->replica};
    if (device->status == ROVE_DEVICE_REPLACED ||
        rove__secret_equal(e->key_hash, device->key_hash, sizeof e->key_hash)) {
        return ROVE_OK;
    }
    rove_status status = store->device_scan(tx, device->user, each_copy, &found);
    if (status == ROVE_OK && found.came >= COPIES_MAX) {
        /* A restored headquarters was told of them one by one, and left it open: nobody could enrol with it any more. */
        device->status = ROVE_DEVICE_REPLACED;
        return store->device_put(tx, device);
    }
    if (status != ROVE_OK) {
        return status;
    }
    for (size_t i = 0; i < found.given_up && status == ROVE_OK; i++) {
        found.never[i].status = ROVE_DEVICE_REPLACED;
        status = store->device_put(tx, &found.never[i]);
    }
    e->refused = 0;
    e->former = device->replica;
    if (status == ROVE_OK) {
        status = admit_new(self, tx, error);
    }
    if (status == ROVE_OK && found.came + 1 == COPIES_MAX) {
        device->status = ROVE_DEVICE_REPLACED;
        status = store->device_put(tx, device);
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
