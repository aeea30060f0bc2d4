/*
 * http/readmit.c - a device that headquarters has forgotten: it was enrolled, became a new device, or got a fresh key after
 * the backup from which headquarters was restored. Its certificate is from our authority and says whose it is and which
 * number it had before, so it is taken back, and what it did is not lost (T3). A revocation that the backup has holds. Where it
 * enrols anew, its former number and key are known again all the same: what it signed with them is still to come.
 *
 * Its drop box, or another device that keeps what it did, may have come before it: then there is a row of it with its chain, which goes
 * on.
 */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "http/admit.h"
#include "rove/entities.pb-c.h"
#include "trail.h"

#define ARENA_MAX  ((size_t)1024 * 1024)
#define DETAIL_MAX 160
/* Certificates hold whole seconds. */
#define SECOND_MS 1000

int front_is_newer(const rove_pki_device *certificate, const rove__hq_device *device) {
    return device->status == ROVE_DEVICE_ACTIVE && device->user == certificate->subject.user &&
           certificate->not_after_ms >= device->certificate_until_ms + SECOND_MS;
}

int front_is_hearsay(const rove__hq_device *device) {
    return device->status == ROVE_DEVICE_REPLACED && device->certificate_until_ms == 0;
}

/* NOT_FOUND unless the user works here. */
static rove_status check_user(request *self, rove__hq_tx *tx, rove_id user) {
    hq *headquarters = self->http->headquarters;
    const rove__entity *entity = rove__registry_by_name(hq_registry(headquarters), "User");
    rove__hq_row row;
    rove__arena arena;
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(headquarters)->store.row_get(tx, entity->number, user, 0, &arena, &row);
    if (status == ROVE_OK) {
        const rove_value *state = &row.row.cells[rove__entity_field_named(entity, "status")];
        int works = row.dead == 0 &&
                    (state->type != ROVE_INT || state->as.integer == ROVE__USER__STATUS__ACTIVE);
        status = works ? ROVE_OK : ROVE_NOT_FOUND;
    }
    rove__arena_free(&arena);
    return status;
}

static void make_known(rove__hq_device *device, const rove_pki_device *certificate) {
    device->replica = certificate->subject.replica;
    device->former = certificate->subject.former;
    device->user = certificate->subject.user;
    device->status = ROVE_DEVICE_ACTIVE;
    device->enrolled_ms = certificate->not_before_ms;
}

/* *key: what its record is to have. */
static rove_status take_back(request *self, rove__hq_tx *tx, rove__hq_device *device,
                             admit_key *key) {
    const rove_pki_device *certificate = &self->connection->device;
    const rove__hq_store *store = &hq_database(self->http->headquarters)->store;
    key->has_former = 0;
    rove_status status = store->device_get(tx, certificate->subject.replica, 1, device);
    int known = status == ROVE_OK && !front_is_hearsay(device);
    if (known && !front_is_newer(certificate, device)) {
        return ROVE_UNAUTHORIZED;
    }
    if (status == ROVE_OK) {
        key->has_former = 1;
        memcpy(key->former_hash, device->key_hash, sizeof key->former_hash);
    }
    if (status == ROVE_NOT_FOUND) {
        *device = (rove__hq_device){.replica = 0};
        status = ROVE_OK;
    }
    if (status == ROVE_OK && !known) {
        make_known(device, certificate);
        status = check_user(self, tx, certificate->subject.user);
    }
    if (status != ROVE_OK) {
        return status == ROVE_NOT_FOUND ? ROVE_UNAUTHORIZED : status;
    }
    memcpy(device->key_hash, certificate->public_sha256, sizeof device->key_hash);
    device->certificate_until_ms = certificate->not_after_ms;
    return store->device_put(tx, device);
}

rove_status front_remember(request *self, rove__hq_tx *tx, rove_error *error) {
    const rove_pki_device *certificate = &self->connection->device;
    admit_key key = {.user = certificate->subject.user,
                     .der = certificate->public_der,
                     .size = certificate->public_size,
                     .enrolled_ms = certificate->not_before_ms};
    char detail[DETAIL_MAX];
    uint64_t seq = 0;
    rove_status status = take_back(self, tx, &self->device, &key);
    if (status == ROVE_OK) {
        status = admit_record(self->http->headquarters, tx, &key, TRAIL_READMIT, &seq, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__text_format(detail, sizeof detail, "device %u of user %lld, by its certificate",
                      (unsigned)self->device.replica, (long long)self->device.user);
    return hq_record(self->http->headquarters, tx, NULL, TRAIL_READMIT, detail, seq);
}

static rove_status readmit_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    return front_remember(ctx, tx, error);
}

rove_status front_readmit(request *self) {
    rove_status status = hq_commit(self->http->headquarters, readmit_job, self, NULL);
    if (status == ROVE_OK) {
        rove__log(&hq_get_ports(self->http->headquarters)->log, ROVE_LOG_WARN, "http",
                  "device %u was not known here; its certificate is ours, so it is taken back",
                  (unsigned)self->connection->device.subject.replica);
    }
    return status;
}
