/*
 * rotate.c - see rotate.h.
 */
#include "rotate.h"

#include "base/log.h"
#include "base/text.h"
#include "trail.h"
#include "trust.h"

#define DETAIL_MAX 160

/* One change of keys under way. */
typedef struct rotation {
    hq *headquarters;
    const hq_io *io;
    const hq_keys *keys; /* as they were before */
    int force;           /* or replace */
    int made;
    hq_server_key fresh;
    rotate_count *count;
} rotation;

/* ---- the next key --------------------------------------------------------------------------------------- */

static rove_status record_next(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const rotation *self = ctx;
    char pin[TRAIL_PIN_SIZE];
    char detail[DETAIL_MAX];
    (void)error;
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

static rove_status each_device(void *ctx, const rove__hq_device *device, const trust *has) {
    rotation *self = ctx;
    (void)device;
    self->count->devices++;
    self->count->knowing += trust_knows(has, self->keys->next.pin) != 0;
    return ROVE_OK;
}

static rove_status record_rotation(void *ctx, rove__hq_tx *tx, rove_error *error) {
    rotation *self = ctx;
    char pin[TRAIL_PIN_SIZE];
    char detail[DETAIL_MAX];
    *self->count = (rotate_count){.devices = 0};
    rove_status status = trust_scan(self->headquarters, tx, each_device, self);
    if (status == ROVE_OK && self->count->knowing < self->count->devices && !self->force) {
        return rove__error_set(error, ROVE_STATE,
                               "%llu of %llu devices do not know the next key yet and would be "
                               "locked out. rove-hq keys names them.",
                               (unsigned long long)(self->count->devices - self->count->knowing),
                               (unsigned long long)self->count->devices);
    }
    if (status == ROVE_OK) {
        trail_pin_text(self->keys->next.pin, pin);
        rove__text_format(detail, sizeof detail, "pin %s, known to %llu of %llu devices", pin,
                          (unsigned long long)self->count->knowing,
                          (unsigned long long)self->count->devices);
        status = hq_record(self->headquarters, tx, self->io, TRAIL_ROTATION, detail, 0);
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

/* ---- what a killed process left ------------------------------------------------------------------------- */

typedef struct settling {
    hq *headquarters;
    int over;
} settling;

static rove_status look(void *ctx, rove__hq_tx *tx, rove_error *error) {
    settling *self = ctx;
    (void)error;
    return trail_handed_over(self->headquarters, tx, &self->over);
}

rove_status rotate_settle(hq *headquarters, rove_error *error) {
    settling self = {.headquarters = headquarters};
    rotation unfinished = {.headquarters = headquarters};
    if (hq_get_keys(headquarters)->next.signer == NULL) {
        return ROVE_OK;
    }
    rove_status status = hq_read(headquarters, look, &self, error);
    if (status != ROVE_OK || !self.over) {
        return status;
    }
    status = hq_change_keys(headquarters, promote, &unfinished, error);
    rove__log(&hq_get_ports(headquarters)->log, ROVE_LOG_INFO, "rotate",
              "the rotation of the server's key that was recorded is finished: %s",
              rove_status_name(status));
    return status;
}
