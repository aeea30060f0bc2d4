/*
 * keys.c - see keys.h.
 */
#include "keys.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "path.h"
#include "sync/enroll.h"

#define NEXT_FILE        "server-next.key"
#define NEXT_CA_KEY_FILE "ca-next.key"
#define NEXT_CA_FILE     "ca-next.der"
#define FORMER_CA_FILE   "ca-former.der"
#define ENDED_CA_FILE    "ca-ended.der"

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

static rove_status remove_file(const hq_ports *ports, const char *folder, const char *name,
                               rove_error *error) {
    char path[HQ_PATH_MAX];
    rove_status status = hq_join(path, folder, name, error);
    return status == ROVE_OK ? ports->files.remove(ports->files.ctx, path, error) : status;
}

/* One that may be missing: size 0 then. */
static rove_status read_optional(const hq_ports *ports, const char *folder, const char *name,
                                 rove_pki_bytes *out, rove_error *error) {
    rove_error missing = {.code = 0};
    rove_status status = read_key(ports, folder, name, out, &missing);
    if (status == ROVE_NOT_FOUND) {
        out->size = 0;
        return ROVE_OK;
    }
    if (status != ROVE_OK && error != NULL) {
        *error = missing;
    }
    return status;
}

static int is_same(const rove_pki_bytes *a, const rove_pki_bytes *b) {
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

/* ---- authorities ---------------------------------------------------------------------------------------- */

/* Of ca.key; where that has been replaced already, by that of ca-next.der, ca.der follows. */
static rove_status open_current(const hq_ports *ports, const char *folder, hq_keys *keys,
                                rove_error *error) {
    rove_pki_bytes key = {0};
    rove_status status = read_key(ports, folder, "ca.key", &key, error);
    if (status == ROVE_OK && keys->ca_next.size > 0 &&
        rove_pki_authority_open(&key, &keys->ca_next, &keys->authority, NULL) == ROVE_OK) {
        keys->ca = keys->ca_next;
        status = write_key(ports, folder, "ca.der", &keys->ca, error);
    } else if (status == ROVE_OK) {
        status = rove_pki_authority_open(&key, &keys->ca, &keys->authority, error);
    }
    rove__wipe(&key, sizeof key);
    return status;
}

static rove_status open_authority(const hq_ports *ports, const char *folder, hq_keys *keys,
                                  rove_error *error) {
    rove_status status = read_key(ports, folder, "ca.der", &keys->ca, error);
    if (status == ROVE_OK) {
        status = read_optional(ports, folder, NEXT_CA_FILE, &keys->ca_next, error);
    }
    if (status == ROVE_OK) {
        status = open_current(ports, folder, keys, error);
    }
    if (status == ROVE_OK) {
        status = read_optional(ports, folder, FORMER_CA_FILE, &keys->ca_former, error);
    }
    if (is_same(&keys->ca_former, &keys->ca)) { /* a rotation ended before it began */
        keys->ca_former.size = 0;
    }
    if (status == ROVE_OK && keys->ca_former.size > 0) {
        status = rove_pki_authority_open(NULL, &keys->ca_former, &keys->former, error);
    }
    return status;
}

/* The next one has become the authority: the server's certificate follows, and there is no next one any more. */
static rove_status finish_succession(const hq_ports *ports, const char *folder, hq_keys *keys,
                                     rove_error *error) {
    rove_status status = hq_keys_renew(ports, folder, keys, NULL, 0, error);
    if (status == ROVE_OK) {
        status = read_key(ports, folder, "server.der", &keys->server, error);
    }
    if (status == ROVE_OK) {
        status = remove_file(ports, folder, NEXT_CA_KEY_FILE, error);
    }
    if (status == ROVE_OK) {
        status = remove_file(ports, folder, NEXT_CA_FILE, error);
    }
    keys->ca_next.size = 0;
    return status;
}

static rove_status tell_authorities(hq_keys *keys, rove_error *error) {
    keys->trusted = keys->ca;
    if (keys->ca_next.size > sizeof keys->trusted.data - keys->trusted.size) {
        return rove__error_set(error, ROVE_TOO_BIG, "The authorities' certificates are too large.");
    }
    memcpy(keys->trusted.data + keys->trusted.size, keys->ca_next.data, keys->ca_next.size);
    keys->trusted.size += keys->ca_next.size;
    return ROVE_OK;
}

rove_status hq_keys_recognise(const hq_keys *keys, const void *der, size_t size,
                              rove_pki_device *device) {
    rove_status status = rove_pki_device_read(keys->authority, der, size, device, NULL);
    return status != ROVE_OK && keys->former != NULL
               ? rove_pki_device_read(keys->former, der, size, device, NULL)
               : status;
}

/* The certificate is written last: with it there is a next one. */
rove_status hq_keys_put_next_authority(const hq_ports *ports, const char *folder,
                                       const rove_pki_bytes *key, const rove_pki_bytes *certificate,
                                       rove_error *error) {
    /* Another one takes its place: never a key with a certificate that is not its. */
    rove_status status = remove_file(ports, folder, NEXT_CA_FILE, error);
    if (status == ROVE_OK) {
        status = write_key(ports, folder, NEXT_CA_KEY_FILE, key, error);
    }
    return status == ROVE_OK ? write_key(ports, folder, NEXT_CA_FILE, certificate, error) : status;
}

/* ca-next.key, if it is that of ca-next.der. The caller wipes it. */
static rove_status read_next(const hq_ports *ports, const char *folder, const hq_keys *keys,
                             rove_pki_bytes *key, rove_error *error) {
    rove_pki_authority *next = NULL;
    rove_status status = read_key(ports, folder, NEXT_CA_KEY_FILE, key, error);
    if (status == ROVE_OK) {
        status = rove_pki_authority_open(key, &keys->ca_next, &next, error);
    }
    rove_pki_authority_free(next);
    return status == ROVE_NOT_FOUND || status == ROVE_INVALID
               ? rove__error_set(error, status,
                                 "ca-next.key is missing, or is not the key of ca-next.der. Put it "
                                 "back, or make another next authority (rove-hq keys next "
                                 "--authority --replace).")
               : status;
}

rove_status hq_keys_check_next_authority(const hq_ports *ports, const char *folder,
                                         const hq_keys *keys, rove_error *error) {
    rove_pki_bytes key = {0};
    rove_status status = read_next(ports, folder, keys, &key, error);
    rove__wipe(&key, sizeof key);
    return status;
}

rove_status hq_keys_promote_authority(const hq_ports *ports, const char *folder,
                                      const hq_keys *keys, rove_error *error) {
    rove_pki_bytes key = {0};
    rove_status status = read_next(ports, folder, keys, &key, error);
    if (status == ROVE_OK) {
        status = write_key(ports, folder, FORMER_CA_FILE, &keys->ca, error);
    }
    if (status == ROVE_OK) {
        status = write_key(ports, folder, "ca.key", &key, error);
    }
    rove__wipe(&key, sizeof key);
    return status;
}

static rove_status open_ended(const hq_ports *ports, const char *folder, hq_keys *keys,
                              rove_error *error) {
    rove_status status = read_optional(ports, folder, ENDED_CA_FILE, &keys->ca_ended, error);
    size_t at = 0;
    for (size_t i = 0; i < HQ_ENDED_MAX && status == ROVE_OK && at < keys->ca_ended.size; i++) {
        rove_pki_bytes one;
        one.size = rove__authority_size(keys->ca_ended.data + at, keys->ca_ended.size - at);
        memcpy(one.data, keys->ca_ended.data + at, one.size);
        at += one.size;
        status = rove_pki_authority_open(NULL, &one, &keys->ended[i], error);
    }
    return status;
}

/* Puts it before those that are there, as many as there is room for. */
static void remember(const hq_keys *keys, rove_pki_bytes *ended) {
    const rove_pki_bytes *before = &keys->ca_ended;
    *ended = keys->ca_former;
    for (size_t at = 0, count = 1; at < before->size && count < HQ_ENDED_MAX; count++) {
        size_t one = rove__authority_size(before->data + at, before->size - at);
        int known = one == keys->ca_former.size &&
                    memcmp(before->data + at, keys->ca_former.data, one) == 0;
        if (one > sizeof ended->data - ended->size) {
            break;
        }
        if (!known) {
            memcpy(ended->data + ended->size, before->data + at, one);
            ended->size += one;
        }
        at += one;
    }
}

rove_status hq_keys_end_authority(const hq_ports *ports, const char *folder, const hq_keys *keys,
                                  rove_error *error) {
    rove_pki_bytes ended;
    remember(keys, &ended);
    rove_status status = write_key(ports, folder, ENDED_CA_FILE, &ended, error);
    return status == ROVE_OK ? remove_file(ports, folder, FORMER_CA_FILE, error) : status;
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
    rove_status status = hq_keys_recognise(keys, certificate.data, certificate.size, &device);
    for (size_t i = 0; i < HQ_ENDED_MAX && status != ROVE_OK && keys->ended[i] != NULL; i++) {
        status =
            rove_pki_device_read(keys->ended[i], certificate.data, certificate.size, &device, NULL);
    }
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
    uint8_t shown[ROVE_SHA256_SIZE];
    rove_status status = rove_pki_pin(keys->server.data, keys->server.size, shown, error);
    if (status == ROVE_OK && memcmp(shown, keys->own.pin, sizeof shown) != 0) {
        status = hq_keys_renew(ports, folder, keys, NULL, 0, error);
    }
    if (status == ROVE_OK) {
        status = read_key(ports, folder, "server.der", &keys->server, error);
    }
    if (status == ROVE_OK) {
        status = remove_file(ports, folder, NEXT_FILE, error);
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
        status = ROVE_OK;
    } else if (status == ROVE_OK &&
               memcmp(keys->next.pin, keys->own.pin, sizeof keys->own.pin) == 0) {
        status = finish_rotation(ports, folder, keys, error);
    }
    if (status == ROVE_OK && is_same(&keys->ca, &keys->ca_next)) {
        status = finish_succession(ports, folder, keys, error);
    }
    return status == ROVE_OK ? tell_authorities(keys, error) : status;
}

/* ---- all of them ---------------------------------------------------------------------------------------- */

static void wipe(hq_keys *keys) {
    rove_pki_authority_free(keys->authority);
    rove_pki_authority_free(keys->former);
    for (size_t i = 0; i < HQ_ENDED_MAX; i++) {
        rove_pki_authority_free(keys->ended[i]);
    }
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
        status = open_ended(ports, folder, keys, error);
    }
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
