/*
 * http/identity.c - who asks: what the certificate of the connection says, and whether that device may.
 *
 * TLS itself has proved that the client has the certificate's key. The signature of our authority is checked once a
 * connection, and again when our keys have changed; validity by our clock, the device's row and the hash of its key on each
 * request. So a revocation, and the end of an authority, hold on open connections.
 */
#include <gnutls/gnutls.h>
#include <string.h>

#include "http/front.h"
#include "orders.h"
#include "trust.h"

#define DAY_MS       INT64_C(86400000)
#define FORMER_ARENA ((size_t)4096)

/* GnuTLS judges the chain; validity is ours to judge, because it depends on the path. */
static int chain_holds(gnutls_session_t session) {
    const unsigned time_flags = GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED;
    unsigned flags = 0;
    if (gnutls_certificate_verify_peers2(session, &flags) != GNUTLS_E_SUCCESS) {
        return 0;
    }
    return flags == 0 ||
           ((flags & time_flags) != 0 && (flags & ~(time_flags | GNUTLS_CERT_INVALID)) == 0);
}

static rove_status look(request *self, const hq_keys *keys, rove_pki_device *device) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(self->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned count = 0;
    if (info == NULL || info->tls_session == NULL) {
        return ROVE_UNAUTHORIZED;
    }
    gnutls_session_t session = info->tls_session;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    if (chain == NULL || count == 0 || !chain_holds(session)) {
        return ROVE_UNAUTHORIZED;
    }
    return hq_keys_recognise(keys, chain[0].data, chain[0].size, device);
}

rove_status front_identify(request *self) {
    connection *link = self->connection;
    const hq_keys *keys = hq_get_keys(self->http->headquarters);
    if (link->judged_by != keys) {
        link->judged = look(self, keys, &link->device);
        link->judged_by = keys;
    }
    return link->judged;
}

/* The key that the device had before its last renewal; NOT_FOUND: none that is still good. */
static rove_status former_key(request *self, rove__hq_tx *tx, uint8_t hash[ROVE_SHA256_SIZE]) {
    char name[ROVE_NAME_MAX];
    rove__arena arena;
    rove__bytes value = {NULL, 0};
    rove__arena_init(&arena, &hq_get_ports(self->http->headquarters)->allocator, FORMER_ARENA);
    trust_former_key_name(name, self->device.replica);
    rove_status status =
        hq_database(self->http->headquarters)->directory.setting_get(tx, name, &arena, &value);
    if (status == ROVE_OK && value.size != ROVE_SHA256_SIZE) {
        status = ROVE_NOT_FOUND;
    }
    if (status == ROVE_OK) {
        memcpy(hash, value.data, ROVE_SHA256_SIZE);
    }
    rove__arena_free(&arena);
    return status;
}

static rove_status put_former(request *self, rove__hq_tx *tx, const uint8_t *hash, size_t size) {
    char name[ROVE_NAME_MAX];
    trust_former_key_name(name, self->device.replica);
    return hq_database(self->http->headquarters)
        ->directory.setting_put(tx, name, (rove__bytes){hash, size});
}

rove_status front_remember_key(request *self, rove__hq_tx *tx) {
    return put_former(self, tx, self->connection->device.public_sha256, ROVE_SHA256_SIZE);
}

rove_status front_forget_key(request *self, rove__hq_tx *tx) {
    uint8_t hash[ROVE_SHA256_SIZE];
    if (self->former_key) {
        return ROVE_OK;
    }
    rove_status status = former_key(self, tx, hash);
    return status == ROVE_NOT_FOUND ? ROVE_OK
           : status == ROVE_OK      ? put_former(self, tx, hash, 0)
                                    : status;
}

static rove_status find_order(request *self, rove__hq_tx *tx) {
    hq *headquarters = self->http->headquarters;
    hq_order order;
    rove_status status = hq_order_get(headquarters, tx, self->device.replica, &order);
    self->ordered = status == ROVE_OK && hq_order_is_in_force(&order, hq_now_ms(headquarters));
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* UNAUTHORIZED: no device of ours, or not with this key. */
static rove_status get_device(void *ctx, rove__hq_tx *tx, rove_error *error) {
    request *self = ctx;
    const rove_pki_device *certificate = &self->connection->device;
    uint8_t hash[ROVE_SHA256_SIZE];
    (void)error;
    rove_status status = hq_database(self->http->headquarters)
                             ->store.device_get(tx, certificate->subject.replica, 0, &self->device);
    if (status == ROVE_OK && front_is_hearsay(&self->device)) {
        status = ROVE_NOT_FOUND;
    }
    self->former_key = 0;
    self->forgotten = status == ROVE_NOT_FOUND;
    if (status == ROVE_OK &&
        !rove__secret_equal(self->device.key_hash, certificate->public_sha256, sizeof hash)) {
        status = former_key(self, tx, hash);
        self->former_key = 1;
        if (status == ROVE_OK &&
            !rove__secret_equal(hash, certificate->public_sha256, sizeof hash)) {
            status = ROVE_UNAUTHORIZED;
        }
        self->forgotten = status != ROVE_OK && front_is_newer(certificate, &self->device);
    }
    if (status == ROVE_OK) {
        status = find_order(self, tx);
    }
    return status == ROVE_NOT_FOUND ? ROVE_UNAUTHORIZED : status;
}

static rove_status judge_validity(const rove_pki_device *device, need needed, int64_t now_ms) {
    int64_t until_ms = device->not_after_ms;
    if (needed == NEED_RENEW) {
        until_ms += HQ_HTTP_EXPIRED_DAYS * DAY_MS;
    }
    if (now_ms < device->not_before_ms) {
        return ROVE_UNAUTHORIZED;
    }
    return now_ms <= until_ms ? ROVE_OK : ROVE_EXPIRED;
}

/* 1: it can reach headquarters, for it was told of the key and the authority that headquarters shows now. */
static rove_status finds_us(request *self, rove__hq_tx *tx, int *finds) {
    hq *headquarters = self->http->headquarters;
    const rove_pki_device *certificate = &self->connection->device;
    trust told;
    trust needed;
    rove_status status =
        trust_of(headquarters, tx, certificate->subject.replica, certificate->public_sha256, &told);
    if (status == ROVE_OK) {
        status = trust_needed(hq_get_ports(headquarters), hq_get_keys(headquarters), &needed);
    }
    *finds = status == ROVE_OK && trust_has(&told, &needed);
    return status;
}

rove_status front_recognise(request *self, rove__hq_tx *tx, int *good) {
    self->device = (rove__hq_device){.replica = 0};
    rove_status status = get_device(self, tx, NULL);
    *good = status == ROVE_OK && self->device.status == ROVE_DEVICE_ACTIVE &&
            judge_validity(&self->connection->device, NEED_RENEW,
                           hq_now_ms(self->http->headquarters)) == ROVE_OK;
    if (*good) {
        status = finds_us(self, tx, good);
    }
    return status == ROVE_UNAUTHORIZED ? ROVE_OK : status;
}

static rove_status look_at_keys(void *ctx, rove__hq_tx *tx, rove_error *error) {
    request *self = ctx;
    hq *headquarters = self->http->headquarters;
    const rove_pki_device *certificate = &self->connection->device;
    uint8_t former[ROVE_SHA256_SIZE];
    trust told;
    trust now;
    (void)error;
    self->unseen = !self->former_key && former_key(self, tx, former) == ROVE_OK;
    rove_status status =
        trust_of(headquarters, tx, certificate->subject.replica, certificate->public_sha256, &told);
    if (status == ROVE_OK) {
        status = trust_now(hq_get_ports(headquarters), hq_get_keys(headquarters), &now);
    }
    self->outdated = status == ROVE_OK && !trust_equal(&told, &now);
    return status;
}

rove_status front_look_at_keys(request *self) {
    return hq_read(self->http->headquarters, look_at_keys, self, NULL);
}

rove_status front_authorise(request *self, need needed) {
    rove_status status = front_identify(self);
    if (status != ROVE_OK) {
        return ROVE_UNAUTHORIZED;
    }
    hq *headquarters = self->http->headquarters;
    rove_status valid = judge_validity(&self->connection->device, needed, hq_now_ms(headquarters));
    status = hq_read(headquarters, get_device, self, NULL);
    if (status == ROVE_UNAUTHORIZED && self->forgotten && valid == ROVE_OK) {
        status = front_readmit(self);
        status = status == ROVE_OK ? hq_read(headquarters, get_device, self, NULL) : status;
    }
    if (status != ROVE_OK) {
        return status == ROVE_UNAUTHORIZED ? status : ROVE_LATER;
    }
    if (needed == NEED_ORDER) {
        return ROVE_OK;
    }
    return self->device.status == ROVE_DEVICE_REVOKED || self->ordered ? ROVE_REVOKED : valid;
}
