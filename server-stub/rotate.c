/*
 * rotate.c - see rotate.h.
 */
#include "rotate.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "trail.h"
#include "trust.h"

#define DETAIL_MAX 160
#define ARENA_MAX  ((size_t)64 * 1024)

#define DECISION_KEY  "authority"
#define DECISION_MARK "rove authority 1"
#define DECISION_SIZE (sizeof DECISION_MARK - 1 + ROVE_SHA256_SIZE)

/* One change of keys under way. */
typedef struct rotation {
    hq *headquarters;
    const hq_io *io;
    const hq_keys *keys; /* as they were before */
    int force;           /* or replace */
    int made;
    hq_server_key fresh;
    rove_pki_bytes fresh_ca;
    rotate_count *count;
    int (*knows)(const struct rotation *self, const trust *has);
    uint8_t id[ROVE_SHA256_SIZE]; /* of what is asked about: a pin, or an authority */
} rotation;

/* ---- who knows ------------------------------------------------------------------------------------------ */

static rove_status each_device(void *ctx, const rove__hq_device *device, const trust *has) {
    rotation *self = ctx;
    (void)device;
    self->count->devices++;
    self->count->knowing += self->knows(self, has) != 0;
    return ROVE_OK;
}

static int knows_next(const rotation *self, const trust *has) {
    return trust_knows(has, self->id);
}

/* Its certificate came with the authority that there is, and not with the former one. */
static int is_past(const rotation *self, const trust *has) {
    return has->count > 0 && !trust_knows(has, self->id);
}

/* In a job. STATE, with `what` they do, unless all do or it is forced. */
static rove_status count_devices(rotation *self, rove__hq_tx *tx, const char *what,
                                 rove_error *error) {
    *self->count = (rotate_count){.devices = 0};
    rove_status status = trust_scan(self->headquarters, tx, each_device, self);
    unsigned long long left = self->count->devices - self->count->knowing;
    if (status == ROVE_OK && left > 0 && !self->force) {
        return rove__error_set(
            error, ROVE_STATE,
            "%llu of %llu devices %s yet and would be locked out. rove-hq keys names "
            "them; revoke those that will never come.",
            left, (unsigned long long)self->count->devices, what);
    }
    return status;
}

/* "<what> <id>, <how> N of M devices" */
static rove_status record_act(const rotation *self, rove__hq_tx *tx, const char *act,
                              const char *what, const char *how) {
    char id[TRAIL_PIN_SIZE];
    char detail[DETAIL_MAX];
    trail_pin_text(self->id, id);
    rove__text_format(detail, sizeof detail, "%s %s, %s %llu of %llu devices", what, id, how,
                      (unsigned long long)self->count->knowing,
                      (unsigned long long)self->count->devices);
    return hq_record(self->headquarters, tx, self->io, act, detail, 0);
}

/* ---- the next key --------------------------------------------------------------------------------------- */

static rove_status record_next(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const rotation *self = ctx;
    char pin[TRAIL_PIN_SIZE];
    char detail[DETAIL_MAX];
    int over = 0;
    /* The record goes on with the next key already: it must not be lost. */
    rove_status status = trail_handed_over(self->headquarters, tx, &over);
    if (status != ROVE_OK || over) {
        return status != ROVE_OK
                   ? status
                   : rove__error_set(error, ROVE_STATE,
                                     "The rotation to the next key is recorded and not finished: "
                                     "rove-hq keys rotate, first.");
    }
    trail_pin_text(self->fresh.pin, pin);
    rove__text_format(detail, sizeof detail, "pin %s%s", pin,
                      self->keys->next.signer != NULL ? ", in the place of another" : "");
    return hq_record(self->headquarters, tx, self->io, "keys next", detail, 0);
}

static rove_status make_next(void *ctx, const hq_keys *keys, rove_error *error) {
    rotation *self = ctx;
    self->keys = keys;
    if (keys->next.signer != NULL && !self->force) {
        return ROVE_OK;
    }
    rove_status status = hq_server_key_make(&self->fresh, error);
    if (status == ROVE_OK) {
        status = hq_commit(self->headquarters, record_next, self, error);
    }
    if (status == ROVE_OK) {
        status = hq_keys_put_next(hq_get_ports(self->headquarters), hq_folder(self->headquarters),
                                  &self->fresh, error);
    }
    hq_server_key_wipe(&self->fresh);
    self->made = status == ROVE_OK;
    return status;
}

rove_status rotate_next(hq *headquarters, const hq_io *io, int replace, int *made,
                        rove_error *error) {
    rotation self = {.headquarters = headquarters, .io = io, .force = replace};
    rove_status status = hq_change_keys(headquarters, make_next, &self, error);
    *made = self.made;
    return status;
}

/* ---- the rotation --------------------------------------------------------------------------------------- */

static rove_status record_rotation(void *ctx, rove__hq_tx *tx, rove_error *error) {
    rotation *self = ctx;
    rove_status status = count_devices(self, tx, "do not know the next key", error);
    if (status == ROVE_OK) {
        status = record_act(self, tx, TRAIL_ROTATION, "pin", "known to");
    }
    return status == ROVE_OK ? trail_hand_over(self->headquarters, tx) : status;
}

static rove_status promote(void *ctx, const hq_keys *keys, rove_error *error) {
    const rotation *self = ctx;
    return hq_keys_promote(hq_get_ports(self->headquarters), hq_folder(self->headquarters), keys,
                           error);
}

static rove_status rotate(void *ctx, const hq_keys *keys, rove_error *error) {
    rotation *self = ctx;
    rove_pki_server names;
    self->keys = keys;
    if (keys->next.signer == NULL) {
        return rove__error_set(error, ROVE_NOT_FOUND,
                               "There is no next key. Make it (rove-hq keys next), and give "
                               "devices the time to come and hear of it.");
    }
    self->knows = knows_next;
    memcpy(self->id, keys->next.pin, sizeof self->id);
    /* The certificate follows for the same names: it has to have some. */
    rove_status status = rove_pki_server_read(keys->server.data, keys->server.size, &names, error);
    if (status == ROVE_OK) {
        status = hq_commit(self->headquarters, record_rotation, self, error);
    }
    return status == ROVE_OK ? promote(self, keys, error) : status;
}

rove_status rotate_server(hq *headquarters, const hq_io *io, int force, rotate_count *count,
                          rove_error *error) {
    rotation self = {.headquarters = headquarters, .io = io, .force = force, .count = count};
    *count = (rotate_count){.devices = 0};
    return hq_change_keys(headquarters, rotate, &self, error);
}

/* ---- the authority -------------------------------------------------------------------------------------- */

static rove_status record_next_authority(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const rotation *self = ctx;
    char id[TRAIL_PIN_SIZE];
    char detail[DETAIL_MAX];
    (void)error;
    trail_pin_text(self->id, id);
    rove__text_format(detail, sizeof detail, "authority %s%s", id,
                      self->keys->ca_next.size > 0 ? ", in the place of another" : "");
    return hq_record(self->headquarters, tx, self->io, "keys next", detail, 0);
}

static rove_status make_next_authority(void *ctx, const hq_keys *keys, rove_error *error) {
    rotation *self = ctx;
    const hq_ports *ports = hq_get_ports(self->headquarters);
    rove_pki_bytes key = {0};
    self->keys = keys;
    if (keys->ca_next.size > 0 && !self->force) {
        return ROVE_OK;
    }
    rove_status status = rove_pki_authority_succeed(keys->authority, hq_now_ms(self->headquarters),
                                                    &key, &self->fresh_ca, error);
    if (status == ROVE_OK) {
        status = trust_authority(ports, &self->fresh_ca, self->id);
    }
    if (status == ROVE_OK) {
        status = hq_commit(self->headquarters, record_next_authority, self, error);
    }
    if (status == ROVE_OK) {
        status = hq_keys_put_next_authority(ports, hq_folder(self->headquarters), &key,
                                            &self->fresh_ca, error);
    }
    rove__wipe(&key, sizeof key);
    self->made = status == ROVE_OK;
    return status;
}

rove_status rotate_next_authority(hq *headquarters, const hq_io *io, int replace, int *made,
                                  rove_error *error) {
    rotation self = {.headquarters = headquarters, .io = io, .force = replace};
    rove_status status = hq_change_keys(headquarters, make_next_authority, &self, error);
    *made = self.made;
    return status;
}

static void decision_of(const uint8_t id[ROVE_SHA256_SIZE], uint8_t message[DECISION_SIZE]) {
    memcpy(message, DECISION_MARK, sizeof DECISION_MARK - 1);
    memcpy(message + sizeof DECISION_MARK - 1, id, ROVE_SHA256_SIZE);
}

static rove_status record_succession(void *ctx, rove__hq_tx *tx, rove_error *error) {
    rotation *self = ctx;
    uint8_t message[DECISION_SIZE];
    uint8_t value[ROVE_SHA256_SIZE + ROVE_PKI_SIGNATURE_MAX];
    size_t size = 0;
    rove_status status = count_devices(self, tx, "do not know the next authority", error);
    if (status == ROVE_OK) {
        decision_of(self->id, message);
        memcpy(value, self->id, ROVE_SHA256_SIZE);
        status = rove_pki_sign(self->keys->own.signer, message, sizeof message,
                               value + ROVE_SHA256_SIZE, &size, error);
    }
    if (status == ROVE_OK) {
        status = hq_database(self->headquarters)
                     ->directory.setting_put(tx, DECISION_KEY,
                                             (rove__bytes){value, ROVE_SHA256_SIZE + size});
    }
    return status == ROVE_OK ? record_act(self, tx, TRAIL_ROTATION, "authority", "known to")
                             : status;
}

static rove_status promote_authority(void *ctx, const hq_keys *keys, rove_error *error) {
    const rotation *self = ctx;
    return hq_keys_promote_authority(hq_get_ports(self->headquarters),
                                     hq_folder(self->headquarters), keys, error);
}

static rove_status succeed(void *ctx, const hq_keys *keys, rove_error *error) {
    rotation *self = ctx;
    rove_pki_server names;
    self->keys = keys;
    self->knows = knows_next;
    if (keys->ca_next.size == 0) {
        return rove__error_set(error, ROVE_NOT_FOUND,
                               "There is no next authority. Make it (rove-hq keys next "
                               "--authority), and give devices the time to come and hear of it.");
    }
    if (keys->former != NULL) {
        return rove__error_set(
            error, ROVE_STATE,
            "Devices of the former authority are let in still: rove-hq keys end, "
            "first.");
    }
    rove_status status =
        trust_authority(hq_get_ports(self->headquarters), &keys->ca_next, self->id);
    if (status == ROVE_OK) {
        status = rove_pki_server_read(keys->server.data, keys->server.size, &names, error);
    }
    if (status == ROVE_OK) {
        status = hq_keys_check_next_authority(hq_get_ports(self->headquarters),
                                              hq_folder(self->headquarters), keys, error);
    }
    if (status == ROVE_OK) {
        status = hq_commit(self->headquarters, record_succession, self, error);
    }
    return status == ROVE_OK ? promote_authority(self, keys, error) : status;
}

rove_status rotate_authority(hq *headquarters, const hq_io *io, int force, rotate_count *count,
                             rove_error *error) {
    rotation self = {.headquarters = headquarters, .io = io, .force = force, .count = count};
    *count = (rotate_count){.devices = 0};
    return hq_change_keys(headquarters, succeed, &self, error);
}

static rove_status record_end(void *ctx, rove__hq_tx *tx, rove_error *error) {
    rotation *self = ctx;
    rove_status status =
        count_devices(self, tx, "have a certificate of the former authority", error);
    return status == ROVE_OK ? record_act(self, tx, "keys end", "authority", "past it are")
                             : status;
}

static rove_status end_former(void *ctx, const hq_keys *keys, rove_error *error) {
    rotation *self = ctx;
    const hq_ports *ports = hq_get_ports(self->headquarters);
    self->keys = keys;
    self->knows = is_past;
    if (keys->former == NULL) {
        return rove__error_set(error, ROVE_NOT_FOUND, "There is no former authority.");
    }
    rove_status status = trust_authority(ports, &keys->ca_former, self->id);
    if (status == ROVE_OK) {
        status = hq_commit(self->headquarters, record_end, self, error);
    }
    return status == ROVE_OK
               ? hq_keys_end_authority(ports, hq_folder(self->headquarters), keys, error)
               : status;
}

rove_status rotate_end(hq *headquarters, const hq_io *io, int force, rotate_count *count,
                       rove_error *error) {
    rotation self = {.headquarters = headquarters, .io = io, .force = force, .count = count};
    *count = (rotate_count){.devices = 0};
    return hq_change_keys(headquarters, end_former, &self, error);
}

/* ---- what a killed process left ------------------------------------------------------------------------- */

typedef struct settling {
    hq *headquarters;
    int over;       /* the rotation of the server's key is recorded */
    int succession; /* that of the authority */
} settling;

/* 1: the setting says so, and the server's key that it does. */
static rove_status is_decided(settling *self, rove__hq_tx *tx) {
    const hq_keys *keys = hq_get_keys(self->headquarters);
    const hq_ports *ports = hq_get_ports(self->headquarters);
    uint8_t id[ROVE_SHA256_SIZE];
    uint8_t message[DECISION_SIZE];
    rove__arena arena;
    rove__bytes value = {NULL, 0};
    rove__arena_init(&arena, &ports->allocator, ARENA_MAX);
    rove_status status = trust_authority(ports, &keys->ca_next, id);
    if (status == ROVE_OK) {
        status = hq_database(self->headquarters)
                     ->directory.setting_get(tx, DECISION_KEY, &arena, &value);
    }
    if (status == ROVE_OK && value.size > ROVE_SHA256_SIZE) {
        decision_of(id, message);
        self->succession =
            memcmp(value.data, id, ROVE_SHA256_SIZE) == 0 &&
            rove_pki_verify_public(keys->own.public_der, keys->own.public_size, message,
                                   sizeof message, value.data + ROVE_SHA256_SIZE,
                                   value.size - ROVE_SHA256_SIZE, NULL) == ROVE_OK;
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static rove_status look(void *ctx, rove__hq_tx *tx, rove_error *error) {
    settling *self = ctx;
    (void)error;
    rove_status status = trail_handed_over(self->headquarters, tx, &self->over);
    return status == ROVE_OK ? is_decided(self, tx) : status;
}

static rove_status finish(hq *headquarters, const char *what, hq_key_change change,
                          rove_error *error) {
    rotation unfinished = {.headquarters = headquarters};
    rove_status status = hq_change_keys(headquarters, change, &unfinished, error);
    rove__log(&hq_get_ports(headquarters)->log, ROVE_LOG_INFO, "rotate",
              "the rotation of %s that was recorded is finished: %s", what,
              rove_status_name(status));
    return status;
}

rove_status rotate_settle(hq *headquarters, rove_error *error) {
    settling self = {.headquarters = headquarters};
    const hq_keys *keys = hq_get_keys(headquarters);
    if (keys->next.signer == NULL && keys->ca_next.size == 0) {
        return ROVE_OK;
    }
    rove_status status = hq_read(headquarters, look, &self, error);
    if (status == ROVE_OK && self.succession) {
        status = finish(headquarters, "the authority", promote_authority, error);
    }
    if (status == ROVE_OK && self.over) {
        status = finish(headquarters, "the server's key", promote, error);
    }
    return status;
}
