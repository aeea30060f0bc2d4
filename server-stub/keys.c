/*
 * keys.c - see keys.h.
 */
#include "keys.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "path.h"

#define NEXT_FILE "server-next.key"

static rove_status read_key(const hq_ports *ports, const char *folder, const char *name,
                            rove_pki_bytes *out, rove_error *error) {
    char path[HQ_PATH_MAX];
    rove_status status = hq_join(path, folder, name, error);
    if (status == ROVE_OK) {
        status = ports->files.read(ports->files.ctx, path, out->data, sizeof out->data, &out->size,
                                   error);
    }
    return status;
}

static rove_status write_key(const hq_ports *ports, const char *folder, const char *name,
                             const rove_pki_bytes *bytes, rove_error *error) {
    char path[HQ_PATH_MAX];
    rove_status status = hq_join(path, folder, name, error);
    if (status == ROVE_OK) {
        status = ports->files.replace(ports->files.ctx, path, bytes->data, bytes->size, error);
    }
    return status;
}

static rove_status open_authority(const hq_ports *ports, const char *folder, hq_keys *keys,
                                  rove_error *error) {
    rove_pki_bytes key = {0};
    rove_status status = read_key(ports, folder, "ca.der", &keys->ca, error);
    if (status == ROVE_OK) {
        status = read_key(ports, folder, "ca.key", &key, error);
    }
    if (status == ROVE_OK) {
        status = rove_pki_authority_open(&key, &keys->ca, &keys->authority, error);
    }
    rove__wipe(&key, sizeof key);
    return status;
}

/* The certificate is written last: with it there is an authority. */
static rove_status make_authority(const hq_ports *ports, const char *folder, const char *name,
                                  int64_t now_ms, rove_error *error) {
    rove_pki_bytes key = {0};
    rove_pki_bytes ca = {0};
    rove_status status = rove_pki_authority_make(name, now_ms, &key, &ca, error);
    if (status == ROVE_OK) {
        status = write_key(ports, folder, "ca.key", &key, error);
    }
    if (status == ROVE_OK) {
        status = write_key(ports, folder, "ca.der", &ca, error);
    }
    rove__wipe(&key, sizeof key);
    return status;
}

static rove_status make_server(const hq_ports *ports, const char *folder, const hq_keys *keys,
                               const hq_init_options *options, int64_t now_ms, rove_error *error) {
    rove_pki_bytes key = {0};
    rove_pki_bytes certificate = {0};
    rove_status status = rove_pki_server_issue(keys->authority, options->hosts, options->host_count,
                                               now_ms, &key, &certificate, error);
    if (status == ROVE_OK) {
        status = write_key(ports, folder, "server.key", &key, error);
    }
    if (status == ROVE_OK) {
        status = write_key(ports, folder, "server.der", &certificate, error);
    }
    rove__wipe(&key, sizeof key);
    return status;
}

/* ---- what devices seal ---------------------------------------------------------------------------------- */

static rove_status identify(void *ctx, rove__bytes certificate, rove__signer *signer) {
    const hq_keys *keys = ctx;
    rove_pki_device device;
    rove_status status =
        rove_pki_device_read(keys->authority, certificate.data, certificate.size, &device, NULL);
    if (status == ROVE_OK) {
        signer->replica = device.subject.replica;
        signer->former = device.subject.former;
        signer->user = device.subject.user;
        signer->public_size = device.public_size;
        memcpy(signer->public_key, device.public_der, device.public_size);
    }
    return status;
}

static rove_status make_seal(const hq_ports *ports, const char *folder, rove_error *error) {
    rove_pki_bytes key = {0};
    rove_status status =
        ports->crypto.key_generate(ports->crypto.ctx, key.data, sizeof key.data, &key.size);
    if (status == ROVE_OK) {
        status = write_key(ports, folder, "seal.key", &key, error);
    }
    rove__wipe(&key, sizeof key);
    return status;
}

static rove_status read_seal(const hq_ports *ports, const char *folder, hq_keys *keys,
                             rove_error *error) {
    rove_pki_bytes key = {0};
    size_t size = 0;
    rove_status status = read_key(ports, folder, "seal.key", &key, error);
    if (status == ROVE_OK && key.size > sizeof keys->seal_private) {
        status = ROVE_INVALID;
    }
    if (status == ROVE_OK) {
        memcpy(keys->seal_private, key.data, key.size);
        status = ports->crypto.key_public(ports->crypto.ctx, key.data, key.size, keys->seal_key,
                                          sizeof keys->seal_key, &size);
    }
    if (status == ROVE_INVALID || status == ROVE_TOO_BIG) {
        status = rove__error_set(error, ROVE_INVALID,
                                 "seal.key is no private key. Put the right one back: what devices "
                                 "have sealed is opened by no other.");
    }
    keys->sealing = (rove__server_sealing){.key = {keys->seal_private, key.size},
                                           .public_key = {keys->seal_key, size},
                                           .identify = identify,
                                           .ctx = keys};
    rove__wipe(&key, sizeof key);
    return status;
}

static rove_status open_seal(const hq_ports *ports, const char *folder, hq_keys *keys,
                             rove_error *error) {
    rove_status status = read_seal(ports, folder, keys, error);
    if (status == ROVE_NOT_FOUND) {
        status = make_seal(ports, folder, error);
        if (status == ROVE_OK) {
            status = read_seal(ports, folder, keys, error);
        }
    }
    return status;
}

/* ---- the server's keys ---------------------------------------------------------------------------------- */

static rove_status open_pem(hq_server_key *key, rove_error *error) {
    rove_status status = rove_pki_signer_open(&key->pem, &key->signer, error);
    if (status == ROVE_OK) {
        status = rove_pki_signer_public(key->signer, key->public_der, &key->public_size, error);
    }
    if (status == ROVE_OK) {
        status = rove_pki_signer_pin(key->signer, key->pin, error);
    }
    return status;
}

static rove_status open_key(const hq_ports *ports, const char *folder, const char *name,
                            hq_server_key *out, rove_error *error) {
    rove_status status = read_key(ports, folder, name, &out->pem, error);
    return status == ROVE_OK ? open_pem(out, error) : status;
}

rove_status hq_server_key_read(const hq_ports *ports, const char *folder, int next,
                               hq_server_key *out, rove_error *error) {
    memset(out, 0, sizeof *out);
    return open_key(ports, folder, next ? NEXT_FILE : "server.key", out, error);
}

void hq_server_key_wipe(hq_server_key *key) {
    rove_pki_signer_free(key->signer);
    rove__wipe(key, sizeof *key);
}

static rove_status issue(const hq_ports *ports, const char *folder, const hq_keys *keys,
                         const char *const *hosts, size_t count, rove_error *error) {
    rove_clock_reading now;
    rove_pki_bytes certificate = {0};
    ports->clock.read(ports->clock.ctx, &now);
    rove_status status = rove_pki_server_renew(keys->authority, &keys->own.pem, hosts, count,
                                               now.wall_ms, &certificate, error);
    return status == ROVE_OK ? write_key(ports, folder, "server.der", &certificate, error) : status;
}

rove_status hq_keys_renew(const hq_ports *ports, const char *folder, const hq_keys *keys,
                          const char *const *hosts, size_t count, rove_error *error) {
    const char *names[ROVE_PKI_NAMES_MAX];
    rove_pki_server now;
    if (count == 0) {
        rove_status status =
            rove_pki_server_read(keys->server.data, keys->server.size, &now, error);
        if (status != ROVE_OK) {
            return status;
        }
        for (count = 0; count < now.name_count; count++) {
            names[count] = now.names[count];
        }
        hosts = names;
    }
    return issue(ports, folder, keys, hosts, count, error);
}

rove_status hq_server_key_make(hq_server_key *out, rove_error *error) {
    memset(out, 0, sizeof *out);
    rove_status status = rove_pki_key_make(&out->pem, error);
    return status == ROVE_OK ? open_pem(out, error) : status;
}

rove_status hq_keys_put_next(const hq_ports *ports, const char *folder, const hq_server_key *key,
                             rove_error *error) {
    return write_key(ports, folder, NEXT_FILE, &key->pem, error);
}

rove_status hq_keys_promote(const hq_ports *ports, const char *folder, const hq_keys *keys,
                            rove_error *error) {
    return write_key(ports, folder, "server.key", &keys->next.pem, error);
}

/* server.key has been replaced: server.der follows, and then there is no next key any more. */
static rove_status finish_rotation(const hq_ports *ports, const char *folder, hq_keys *keys,
                                   rove_error *error) {
    char path[HQ_PATH_MAX];
    uint8_t shown[ROVE_SHA256_SIZE];
    rove_status status = rove_pki_pin(keys->server.data, keys->server.size, shown, error);
    if (status == ROVE_OK && memcmp(shown, keys->own.pin, sizeof shown) != 0) {
        status = hq_keys_renew(ports, folder, keys, NULL, 0, error);
    }
    if (status == ROVE_OK) {
        status = read_key(ports, folder, "server.der", &keys->server, error);
    }
    if (status == ROVE_OK) {
        status = hq_join(path, folder, NEXT_FILE, error);
    }
    if (status == ROVE_OK) {
        status = ports->files.remove(ports->files.ctx, path, error);
    }
    hq_server_key_wipe(&keys->next);
    return status;
}

static rove_status open_server(const hq_ports *ports, const char *folder, hq_keys *keys,
                               rove_error *error) {
    rove_status status = read_key(ports, folder, "server.der", &keys->server, error);
    if (status == ROVE_OK) {
        status = open_key(ports, folder, "server.key", &keys->own, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = open_key(ports, folder, NEXT_FILE, &keys->next, error);
    if (status == ROVE_NOT_FOUND) {
        hq_server_key_wipe(&keys->next);
        return ROVE_OK;
    }
    if (status == ROVE_OK && memcmp(keys->next.pin, keys->own.pin, sizeof keys->own.pin) == 0) {
        status = finish_rotation(ports, folder, keys, error);
    }
    return status;
}

/* ---- all of them ---------------------------------------------------------------------------------------- */

static void wipe(hq_keys *keys) {
    rove_pki_authority_free(keys->authority);
    hq_server_key_wipe(&keys->own);
    hq_server_key_wipe(&keys->next);
    rove__wipe(keys, sizeof *keys);
}

rove_status hq_keys_make(const hq_ports *ports, const char *folder, const hq_init_options *options,
                         rove_error *error) {
    hq_keys keys = {0};
    rove_clock_reading now;
    ports->clock.read(ports->clock.ctx, &now);
    rove_status status = open_authority(ports, folder, &keys, error);
    if (status == ROVE_NOT_FOUND) {
        status = make_authority(ports, folder, options->name, now.wall_ms, error);
        if (status == ROVE_OK) {
            status = open_authority(ports, folder, &keys, error);
        }
    }
    if (status == ROVE_OK) {
        status = read_key(ports, folder, "server.der", &keys.server, error);
        if (status == ROVE_NOT_FOUND) {
            status = make_server(ports, folder, &keys, options, now.wall_ms, error);
        }
    }
    if (status == ROVE_OK) {
        status = open_seal(ports, folder, &keys, error);
    }
    wipe(&keys);
    return status;
}

rove_status hq_keys_load(const hq_ports *ports, const char *folder, hq_keys **out,
                         rove_error *error) {
    hq_keys *keys = rove__alloc_zeroed(&ports->allocator, 1, sizeof *keys);
    *out = NULL;
    if (keys == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    rove_status status = open_authority(ports, folder, keys, error);
    if (status == ROVE_OK) {
        status = open_server(ports, folder, keys, error);
    }
    if (status == ROVE_OK) {
        status = open_seal(ports, folder, keys, error);
    }
    if (status != ROVE_OK) {
        hq_keys_free(ports, keys);
        return status;
    }
    *out = keys;
    return ROVE_OK;
}

void hq_keys_free(const hq_ports *ports, hq_keys *keys) {
    while (keys != NULL) {
        hq_keys *older = keys->older;
        wipe(keys);
        rove__free(&ports->allocator, keys);
        keys = older;
    }
}
