/*
 * http/admit.c - see admit.h.
 */
#include "http/admit.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "http/answer.h"
#include "trust.h"

#define ARENA_MAX  ((size_t)256 * 1024)
#define DETAIL_MAX 160

rove_status admit_read_csr(request *self) {
    enrolment *e = self->enrolment;
    const rove_crypto *crypto = &hq_get_ports(self->http->headquarters)->crypto;
    rove_status status = rove_pki_request_read(e->request.csr, e->request.csr_size, &e->csr, NULL);
    if (status == ROVE_OK) {
        rove_span span = {e->csr.public_der, e->csr.public_size};
        status = crypto->sha256(crypto->ctx, &span, 1, e->key_hash);
    } else if (status == ROVE_TOO_BIG || status == ROVE_INVALID) {
        status = ROVE_PROTOCOL;
    }
    return status;
}

static rove_status each_settings(void *ctx, const rove__hq_row *row) {
    enrolment *e = ctx;
    int name = rove__entity_field_named(row->row.entity, "name");
    const rove_value *cell = &row->row.cells[name];
    if (cell->type == ROVE_TEXT) {
        rove__text_format(e->organisation, sizeof e->organisation, "%.*s", (int)cell->size,
                          (const char *)cell->as.data);
    }
    return ROVE_DONE;
}

static rove_status read_organisation(request *self, rove__hq_tx *tx) {
    hq *headquarters = self->http->headquarters;
    rove__arena arena;
    const rove__entity *settings = rove__registry_by_name(hq_registry(headquarters), "Settings");
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status = hq_database(headquarters)
                             ->directory.row_find(tx, settings->number, -1, NULL, &arena,
                                                  each_settings, self->enrolment);
    rove__arena_free(&arena);
    return status;
}

rove_status admit_issue(request *self, rove__hq_tx *tx, rove_error *error) {
    enrolment *e = self->enrolment;
    const rove_pki_subject subject = {.replica = e->replica, .user = e->user, .former = e->former};
    e->keys = hq_get_keys(self->http->headquarters);
    rove_status status = rove_pki_device_issue(e->keys->authority, &e->csr, &subject, e->now_ms,
                                               &e->certificate, error);
    e->until_ms = e->now_ms + ROVE_PKI_DEVICE_DAYS * ROVE_PKI_DAY_MS;
    if (status == ROVE_OK) {
        status = trust_tell(self->http->headquarters, tx, e->keys, e->replica, e->key_hash);
    }
    return status == ROVE_OK ? read_organisation(self, tx) : status;
}

typedef struct lookup {
    hq *headquarters;
    const admit_key *key;
    rove_id id;
} lookup;

/* The record that has the former key. */
static rove_status each_record(void *ctx, const rove__hq_row *row) {
    lookup *self = ctx;
    const rove_crypto *crypto = &hq_get_ports(self->headquarters)->crypto;
    uint8_t hash[ROVE_SHA256_SIZE];
    const rove_value *key =
        &row->row.cells[rove__entity_field_named(row->row.entity, "public_key")];
    if (key->type != ROVE_BLOB) {
        return ROVE_OK;
    }
    rove_span span = {key->as.data, key->size};
    rove_status status = crypto->sha256(crypto->ctx, &span, 1, hash);
    if (status == ROVE_OK && memcmp(hash, self->key->former_hash, sizeof hash) == 0) {
        self->id = row->row.id;
        status = ROVE_DONE;
    }
    return status;
}

/* 0: there is none. */
static rove_status find_record(lookup *search, rove__hq_tx *tx, const rove__entity *entity,
                               rove__arena *arena) {
    rove_value user = rove__value_int(search->key->user);
    if (!search->key->has_former) {
        return ROVE_OK;
    }
    return hq_database(search->headquarters)
        ->directory.row_find(tx, entity->number, rove__entity_field_named(entity, "user_id"), &user,
                             arena, each_record, search);
}

static void set_cell(rove__row *row, const char *field, rove_value value) {
    rove__row_set(row, (size_t)rove__entity_field_named(row->entity, field), value);
}

static rove_status write_record(const admit_key *key, rove__writer *writer, rove__row *row,
                                rove_error *error) {
    size_t changed = 0;
    set_cell(row, "public_key", rove__value_bytes(ROVE_BLOB, key->der, key->size));
    if (row->id != 0) {
        return rove__writer_update(writer, row, &changed, error);
    }
    set_cell(row, "user_id", rove__value_int(key->user));
    set_cell(row, "enrolled_at", rove__value_int(key->enrolled_ms));
    return rove__writer_insert(writer, row, error);
}

rove_status admit_record(hq *headquarters, rove__hq_tx *tx, const admit_key *key, const char *act,
                         uint64_t *seq, rove_error *error) {
    const rove__entity *entity = rove__registry_by_name(hq_registry(headquarters), "Device");
    lookup search = {.headquarters = headquarters, .key = key};
    rove__writer *writer = NULL;
    rove__arena arena;
    rove__row row;
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status = find_record(&search, tx, entity, &arena);
    rove__arena_reset(&arena);
    if (status == ROVE_OK) {
        status = rove__row_init(&row, entity, search.id, &arena);
    }
    if (status == ROVE_OK) {
        status = hq_writer(headquarters, tx, "", act, &writer, error);
    }
    if (status == ROVE_OK) {
        status = write_record(key, writer, &row, error);
        if (status == ROVE_OK) {
            status = rove__writer_finish(writer, seq, error);
        } else {
            rove__writer_abandon(writer);
        }
    }
    rove__arena_free(&arena);
    return status;
}

void admit_fresh_key(const request *self, admit_key *key) {
    const enrolment *e = self->enrolment;
    *key = (admit_key){.user = e->user,
                       .der = e->csr.public_der,
                       .size = e->csr.public_size,
                       .enrolled_ms = e->now_ms,
                       .has_former = self->device.replica != 0};
    memcpy(key->former_hash, self->device.key_hash, sizeof key->former_hash);
}

rove_status admit_new(request *self, rove__hq_tx *tx, rove_error *error) {
    hq *headquarters = self->http->headquarters;
    enrolment *e = self->enrolment;
    char detail[DETAIL_MAX];
    admit_key key;
    admit_fresh_key(self, &key);
    rove_status status = hq_draw_replica(headquarters, tx, &e->replica, error);
    if (status == ROVE_OK) {
        status = admit_issue(self, tx, error);
    }
    if (status == ROVE_OK) {
        rove__hq_device device = {.replica = e->replica,
                                  .former = e->former,
                                  .user = e->user,
                                  .status = ROVE_DEVICE_ACTIVE,
                                  .enrolled_ms = e->now_ms,
                                  .certificate_until_ms = e->until_ms};
        memcpy(device.key_hash, e->key_hash, sizeof device.key_hash);
        status = hq_database(headquarters)->store.device_put(tx, &device);
    }
    if (status == ROVE_OK) {
        status = admit_record(headquarters, tx, &key, "enroll", &e->seq, error);
    }
    if (status == ROVE_OK) {
        rove__text_format(detail, sizeof detail, "device %u of user %lld%s", (unsigned)e->replica,
                          (long long)e->user, e->former == 0 ? "" : ", enrolled again");
        status = hq_record(headquarters, tx, NULL, "enroll", detail, e->seq);
    }
    return status;
}

static enum MHD_Result answer_identity(request *self) {
    const enrolment *e = self->enrolment;
    const hq_keys *keys = e->keys;
    rove__identity identity = {.replica = e->replica,
                               .user = e->user,
                               .server_ms = hq_now_ms(self->http->headquarters),
                               .until_ms = e->until_ms,
                               .renew_after_ms = e->now_ms + ADMIT_RENEW_MS,
                               .ca = keys->trusted.data,
                               .ca_size = keys->trusted.size,
                               .certificate = e->certificate.data,
                               .certificate_size = e->certificate.size,
                               .organisation = (const uint8_t *)e->organisation,
                               .organisation_size = strlen(e->organisation)};
    rove__buf bytes;
    identity.seal_key = keys->seal_key;
    memcpy(identity.pin, keys->own.pin, sizeof identity.pin);
    memcpy(identity.backup_pin, keys->next.pin, sizeof identity.backup_pin); /* zeros: none */
    rove__buf_init(&bytes, &hq_get_ports(self->http->headquarters)->allocator, ROVE_IDENTITY_MAX);
    rove__identity_write(&bytes, &identity);
    enum MHD_Result answered =
        rove__buf_status(&bytes) == ROVE_OK
            ? answer_bytes(self, ROVE_IDENTITY_CONTENT_TYPE, bytes.data, bytes.size)
            : answer_failure(self, rove__buf_status(&bytes), NULL);
    rove__buf_free(&bytes);
    return answered;
}

enum MHD_Result admit_answer(request *self, rove_status refusal) {
    const rove_log *log = &hq_get_ports(self->http->headquarters)->log;
    if (self->task.status != ROVE_OK) {
        return answer_failure(self, self->task.status, &self->task.error);
    }
    if (self->enrolment->refused) {
        rove__log(log, ROVE_LOG_WARN, "http", "%s refused: %s", self->path,
                  rove_status_name(refusal));
        return answer_status(self, MHD_HTTP_FORBIDDEN, refusal);
    }
    rove__log(log, ROVE_LOG_INFO, "http", "%s: device %u of user %lld", self->path,
              (unsigned)self->enrolment->replica, (long long)self->enrolment->user);
    return answer_identity(self);
}
