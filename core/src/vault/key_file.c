/*
 * vault/key_file.c - see key_file.h.
 */
#include "vault/key_file.h"

#include <argon2.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/text.h"

#define MAGIC     "RoveKey"
#define VERSION   1
#define SALT_SIZE 16
#define CHECK     "rove data key"
#define WRAP      "rove key file"

/* The bytes of the file, in their order; no padding, for all of them are bytes. */
typedef struct key_file {
    uint8_t magic[7];
    uint8_t version[1];
    uint8_t file_id[ROVE_FILE_ID_SIZE];
    uint8_t generation[1];
    uint8_t has_former[1];
    uint8_t memory_kib[4];
    uint8_t passes[4];
    uint8_t salt[SALT_SIZE];
    uint8_t nonce[ROVE_GCM_NONCE_SIZE];
    uint8_t wrapped[2 * ROVE_DATA_KEY_SIZE];
    uint8_t tag[ROVE_GCM_TAG_SIZE];
    uint8_t check[ROVE_SHA256_SIZE];
    uint8_t digest[ROVE_SHA256_SIZE];
} key_file;

ROVE_STATIC_ASSERT(sizeof(key_file) == 206, "the file is what the comment says");
ROVE_STATIC_ASSERT(ROVE_DATA_KEY_SIZE == ROVE_GCM_KEY_SIZE, "a data key is an AES-256 key");

static const char *sentence_of(rove_status status) {
    switch (status) {
    case ROVE_CORRUPT:
        return "The replica's key file (core.key) is damaged. Put back a copy of it if there is "
               "one; else the replica has to be made anew.";
    case ROVE_UPGRADE:
        return "A newer version of the app wrote the replica's key file. Install that version "
               "again; unsent work is safe.";
    default:
        return rove_status_text(status);
    }
}

static rove_status failed(rove_status status, rove_error *error) {
    return status == ROVE_OK ? status : rove__error_set(error, status, "%s", sentence_of(status));
}

rove_status rove__data_key_draw(const rove_random *random, rove__data_key *out) {
    memset(out, 0, sizeof *out);
    rove_status status = random->fill(random->ctx, out->key, sizeof out->key);
    return status == ROVE_OK ? random->fill(random->ctx, out->file_id, sizeof out->file_id)
                             : status;
}

rove_status rove__data_key_follow(const rove_random *random, const rove__data_key *key,
                                  rove__data_key *next) {
    *next = *key;
    memcpy(next->former, key->key, sizeof next->former);
    next->has_former = 1;
    next->generation++;
    rove_status status = random->fill(random->ctx, next->key, sizeof next->key);
    if (status != ROVE_OK) {
        rove__wipe(next, sizeof *next);
    }
    return status;
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

static rove_status digest_of(const rove_crypto *crypto, const key_file *file,
                             uint8_t out[ROVE_SHA256_SIZE]) {
    const rove_span span = {file, offsetof(key_file, digest)};
    return crypto->sha256(crypto->ctx, &span, 1, out);
}

static rove_status check_of(const rove_crypto *crypto, const uint8_t key[ROVE_DATA_KEY_SIZE],
                            uint8_t out[ROVE_SHA256_SIZE]) {
    const rove_span span = {CHECK, sizeof CHECK - 1};
    return crypto->hmac_sha256(crypto->ctx, key, ROVE_DATA_KEY_SIZE, &span, 1, out);
}

/* libargon2 overwrites its memory before it gives it back. Cost and sizes are within its limits: memory is all that it can lack. */
static rove_status pin_key(const key_file *file, const rove__key_secrets *secrets,
                           uint8_t out[ROVE_PIN_KEY_SIZE]) {
    int result = argon2id_hash_raw(rove__u32_get(file->passes), rove__u32_get(file->memory_kib), 1,
                                   secrets->pin, secrets->pin_size, file->salt, sizeof file->salt,
                                   out, ROVE_PIN_KEY_SIZE);

    return result == ARGON2_OK ? ROVE_OK : ROVE_NOMEM;
}

/* The caller wipes `out`. WRONG_KEY: the file asks for a PIN and none was given, or the reverse. */
static rove_status wrapping_key(const rove_crypto *crypto, const key_file *file,
                                const rove__key_secrets *secrets, uint8_t out[ROVE_GCM_KEY_SIZE]) {
    uint8_t secret[ROVE_SECRET_SIZE + ROVE_PIN_KEY_SIZE];
    size_t size = ROVE_SECRET_SIZE;
    rove_status status =
        (secrets->pin != NULL) == (rove__u32_get(file->passes) > 0) ? ROVE_OK : ROVE_WRONG_KEY;

    memcpy(secret, secrets->host, ROVE_SECRET_SIZE);
    if (status == ROVE_OK && secrets->pin != NULL) {
        status = pin_key(file, secrets, secret + size);
        size += ROVE_PIN_KEY_SIZE;
    }
    if (status == ROVE_OK) {
        status = crypto->hkdf_sha256(crypto->ctx, secret, size, file->salt, sizeof file->salt, WRAP,
                                     sizeof WRAP - 1, out, ROVE_GCM_KEY_SIZE);
    }
    rove__wipe(secret, sizeof secret);
    return status;
}

/* Whether the cost of a PIN is one that anybody would ask for: before the memory is taken. */
static int is_fair(const key_file *file) {
    uint32_t memory_kib = rove__u32_get(file->memory_kib);
    uint32_t passes = rove__u32_get(file->passes);

    return (memory_kib == 0 && passes == 0) ||
           (memory_kib >= ROVE_PIN_MEMORY_KIB_MIN && memory_kib <= ROVE_PIN_MEMORY_KIB_MAX &&
            passes > 0 && passes <= ROVE_PIN_PASSES_MAX);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static rove_status wrap(const rove_crypto *crypto, const rove__data_key *key,
                        const rove__key_secrets *secrets, key_file *file) {
    uint8_t wrapping[ROVE_GCM_KEY_SIZE];
    uint8_t keys[2 * ROVE_DATA_KEY_SIZE] = {0};
    rove_status status = wrapping_key(crypto, file, secrets, wrapping);

    memcpy(keys, key->key, sizeof key->key);
    if (key->has_former) {
        memcpy(keys + sizeof key->key, key->former, sizeof key->former);
    }
    if (status == ROVE_OK) {
        status =
            crypto->gcm_seal(crypto->ctx, wrapping, file->nonce, file, offsetof(key_file, wrapped),
                             keys, sizeof keys, file->wrapped, file->tag);
    }
    rove__wipe(wrapping, sizeof wrapping);
    rove__wipe(keys, sizeof keys);
    if (status == ROVE_OK) {
        status = check_of(crypto, key->key, file->check);
    }
    return status == ROVE_OK ? digest_of(crypto, file, file->digest) : status;
}

rove_status rove__key_file_write(const rove__key_ports *ports, const char *path,
                                 const rove__data_key *key, const rove__key_secrets *secrets,
                                 const rove__pin_cost *cost, rove_error *error) {
    static const rove__pin_cost usual = {ROVE_PIN_MEMORY_KIB, ROVE_PIN_PASSES};
    key_file file = {.magic = {'R', 'o', 'v', 'e', 'K', 'e', 'y'}, .version = {VERSION}};

    memcpy(file.file_id, key->file_id, sizeof file.file_id);
    file.generation[0] = key->generation;
    file.has_former[0] = key->has_former;
    if (secrets->pin != NULL) {
        if (secrets->pin_size == 0 || secrets->pin_size > ROVE_PIN_MAX) {
            return rove__error_set(error, ROVE_INVALID, "A PIN has 1 to %d bytes.", ROVE_PIN_MAX);
        }
        cost = cost != NULL ? cost : &usual;
        rove__u32_put(file.memory_kib, cost->memory_kib);
        rove__u32_put(file.passes, cost->passes);
        if (cost->passes == 0 || !is_fair(&file)) {
            return rove__error_set(error, ROVE_INVALID, "A PIN may not cost that.");
        }
    }
    rove_status status = ports->random->fill(ports->random->ctx, file.salt, sizeof file.salt);
    if (status == ROVE_OK) {
        status = ports->random->fill(ports->random->ctx, file.nonce, sizeof file.nonce);
    }
    if (status == ROVE_OK) {
        status = wrap(ports->crypto, key, secrets, &file);
    }
    return status == ROVE_OK
               ? ports->files->replace(ports->files->ctx, path, &file, sizeof file, error)
               : failed(status, error);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

/* Whatever its version: it begins with one, and ends with the digest of the rest. */
static rove_status check_digest(const rove_crypto *crypto, const uint8_t *bytes, size_t size) {
    uint8_t digest[ROVE_SHA256_SIZE];
    const rove_span span = {bytes, size - sizeof digest};

    rove_status status = crypto->sha256(crypto->ctx, &span, 1, digest);
    int is_sound = memcmp(digest, bytes + span.size, sizeof digest) == 0;
    return status == ROVE_OK && !is_sound ? ROVE_CORRUPT : status;
}

static rove_status parse(const rove_crypto *crypto, const uint8_t *bytes, size_t size,
                         key_file *file) {
    if (size < offsetof(key_file, file_id) + ROVE_SHA256_SIZE ||
        memcmp(bytes, MAGIC, sizeof file->magic) != 0) {
        return ROVE_CORRUPT;
    }
    rove_status status = check_digest(crypto, bytes, size);
    if (status != ROVE_OK) {
        return status;
    }
    uint8_t version = bytes[offsetof(key_file, version)];
    if (version > VERSION) {
        return ROVE_UPGRADE;
    }
    if (version != VERSION || size != sizeof *file) {
        return ROVE_CORRUPT;
    }
    memcpy(file, bytes, sizeof *file);
    return is_fair(file) && file->has_former[0] <= 1 ? ROVE_OK : ROVE_CORRUPT;
}

static rove_status unwrap(const rove_crypto *crypto, const key_file *file,
                          const rove__key_secrets *secrets, rove__data_key *out) {
    uint8_t wrapping[ROVE_GCM_KEY_SIZE];
    uint8_t keys[2 * ROVE_DATA_KEY_SIZE] = {0};
    uint8_t check[ROVE_SHA256_SIZE];
    rove_status status = wrapping_key(crypto, file, secrets, wrapping);

    if (status == ROVE_OK) {
        status =
            crypto->gcm_open(crypto->ctx, wrapping, file->nonce, file, offsetof(key_file, wrapped),
                             file->wrapped, sizeof file->wrapped, file->tag, keys);
        status = status == ROVE_CORRUPT ? ROVE_WRONG_KEY : status;
    }
    rove__wipe(wrapping, sizeof wrapping);
    if (status == ROVE_OK) {
        status = check_of(crypto, keys, check);
    }
    /* AES-GCM can be opened under two keys by who made it so; this cannot. */
    if (status == ROVE_OK && memcmp(check, file->check, sizeof check) != 0) {
        status = ROVE_WRONG_KEY;
    }
    if (status == ROVE_OK) {
        memcpy(out->key, keys, sizeof out->key);
        memcpy(out->former, keys + sizeof out->key, sizeof out->former);
        memcpy(out->file_id, file->file_id, sizeof out->file_id);
        out->generation = file->generation[0];
        out->has_former = file->has_former[0];
    }
    rove__wipe(keys, sizeof keys);
    return status;
}

/* A sound one. */
static rove_status load(const rove__key_ports *ports, const char *path, key_file *file,
                        rove_error *error) {
    uint8_t bytes[ROVE_KEY_FILE_MAX];
    size_t size = 0;
    rove_status status =
        ports->files->read(ports->files->ctx, path, bytes, sizeof bytes, &size, error);

    if (status != ROVE_OK && status != ROVE_TOO_BIG) {
        return status;
    }
    status = status == ROVE_OK ? parse(ports->crypto, bytes, size, file) : ROVE_CORRUPT;
    return failed(status, error);
}

rove_status rove__key_file_look(const rove__key_ports *ports, const char *path, int *has_pin,
                                rove_error *error) {
    key_file file;

    *has_pin = 0;
    rove_status status = load(ports, path, &file, error);
    if (status == ROVE_OK) {
        *has_pin = rove__u32_get(file.passes) > 0;
    }
    return status;
}

rove_status rove__key_file_read(const rove__key_ports *ports, const char *path,
                                const rove__key_secrets *secrets, rove__data_key *out,
                                rove_error *error) {
    key_file file;

    memset(out, 0, sizeof *out);
    rove_status status = load(ports, path, &file, error);
    return status == ROVE_OK ? failed(unwrap(ports->crypto, &file, secrets, out), error) : status;
}
