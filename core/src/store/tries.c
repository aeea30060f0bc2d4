/*
 * store/tries.c - see tries.h.
 */
#include "store/tries.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/text.h"

#define MAGIC   "RovePin"
#define VERSION 1
#define SUFFIX  ".tries"

/* The bytes of the file, in their order; no padding, for all of them are bytes. */
typedef struct tries_file {
    uint8_t magic[7];
    uint8_t version[1];
    uint8_t wrong[4];
    uint8_t boot_ms[8];
    uint8_t boot_id[ROVE_BOOT_ID_SIZE];
    uint8_t digest[ROVE_SHA256_SIZE];
} tries_file;

ROVE_STATIC_ASSERT(sizeof(tries_file) == 68, "the file is what the comment says");

static rove_status digest_of(const rove__store_ports *ports, const tries_file *file,
                             uint8_t out[ROVE_SHA256_SIZE]) {
    const rove_span span = {file, offsetof(tries_file, digest)};
    return ports->crypto->sha256(ports->crypto->ctx, &span, 1, out);
}

/* ---- how long ---- */

/* "40 seconds", "3 minutes": rounded up. */
static void time_text(int64_t wait_ms, char *text, size_t capacity) {
    int64_t seconds = (wait_ms + 999) / 1000;
    int64_t minutes = (seconds + 59) / 60;

    if (seconds < 120) {
        rove__text_format(text, capacity, "%lld second%s", (long long)seconds,
                          seconds == 1 ? "" : "s");
    } else {
        rove__text_format(text, capacity, "%lld minutes", (long long)minutes);
    }
}

static int64_t wait_ms(const rove__tries *tries) {
    rove_clock_reading now;

    tries->ports->clock->read(tries->ports->clock->ctx, &now);
    return rove__pin_wait_ms(&tries->now, &now);
}

static rove_status refuse(int64_t left_ms, rove_error *error) {
    char text[32];

    time_text(left_ms, text, sizeof text);
    return rove__error_foreign(error, ROVE_LATER, ROVE_DOMAIN_WAIT, (int)((left_ms + 999) / 1000),
                               "Too many wrong PINs. Try again in %s; nothing is lost.", text);
}

/* ---- the file ---- */

static rove_status put(const rove__tries *tries, const rove__pin_tries *what, rove_error *error) {
    const rove__store_ports *ports = tries->ports;
    tries_file file = {.magic = {'R', 'o', 'v', 'e', 'P', 'i', 'n'}, .version = {VERSION}};

    rove__u32_put(file.wrong, what->wrong);
    rove__u64_put(file.boot_ms, (uint64_t)what->boot_ms);
    memcpy(file.boot_id, what->boot_id, sizeof file.boot_id);
    rove_status status = digest_of(ports, &file, file.digest);
    return status == ROVE_OK
               ? ports->files->replace(ports->files->ctx, tries->path, &file, sizeof file, error)
               : status;
}

/* CORRUPT: somebody else wrote it. */
static rove_status parse(const rove__store_ports *ports, const tries_file *file, size_t size,
                         rove__pin_tries *out) {
    uint8_t digest[ROVE_SHA256_SIZE];
    rove__reader reader;

    if (size != sizeof *file || memcmp(file->magic, MAGIC, sizeof file->magic) != 0 ||
        file->version[0] != VERSION) {
        return ROVE_CORRUPT;
    }
    rove_status status = digest_of(ports, file, digest);
    if (status != ROVE_OK) {
        return status;
    }
    rove__reader_init(&reader, file->wrong,
                      offsetof(tries_file, digest) - offsetof(tries_file, wrong));
    out->wrong = rove__reader_u32(&reader);
    out->boot_ms = (int64_t)rove__reader_u64(&reader);
    rove__reader_copy(&reader, out->boot_id, sizeof out->boot_id);
    int is_sound = memcmp(digest, file->digest, sizeof digest) == 0 && out->boot_ms >= 0;
    return is_sound ? ROVE_OK : ROVE_CORRUPT;
}

static rove_status load(rove__tries *tries, rove_error *error) {
    const rove__store_ports *ports = tries->ports;
    rove_clock_reading now;
    tries_file file;
    size_t size = 0;
    rove_status status =
        ports->files->read(ports->files->ctx, tries->path, &file, sizeof file, &size, error);

    if (status == ROVE_NOT_FOUND) {
        return ROVE_OK;
    }
    status = status == ROVE_TOO_BIG ? ROVE_CORRUPT
             : status == ROVE_OK    ? parse(ports, &file, size, &tries->now)
                                    : status;
    if (status != ROVE_CORRUPT) {
        return status;
    }
    rove__log(ports->log, ROVE_LOG_WARN, "store", "the count of wrong PINs is damaged");
    ports->clock->read(ports->clock->ctx, &now);
    tries->now = rove__pin_spoiled(&now);
    return put(tries, &tries->now, error);
}

/* ---- a try ---- */

rove_status rove__tries_begin(rove__tries *tries, const rove__store_ports *ports,
                              const char *key_path, rove_error *error) {
    size_t size = strlen(key_path) + sizeof SUFFIX;

    memset(tries, 0, sizeof *tries);
    tries->ports = ports;
    tries->path = rove__alloc(ports->allocator, size);
    if (tries->path == NULL) {
        return ROVE_NOMEM;
    }
    rove__text_format(tries->path, size, "%s" SUFFIX, key_path);
    rove_status status = load(tries, error);
    if (status != ROVE_OK) {
        return status;
    }
    int64_t left_ms = wait_ms(tries);
    return left_ms > 0 ? refuse(left_ms, error) : ROVE_OK;
}

rove_status rove__tries_count(rove__tries *tries, rove_error *error) {
    rove_clock_reading now;

    tries->ports->clock->read(tries->ports->clock->ctx, &now);
    tries->before = tries->now;
    tries->now = rove__pin_tried(&tries->before, &now);
    return put(tries, &tries->now, error);
}

/* A failure to put it back costs a try, and not more. */
static void put_back(const rove__tries *tries) {
    const rove_files *files = tries->ports->files;
    rove_status status = tries->before.wrong > 0 ? put(tries, &tries->before, NULL)
                                                 : files->remove(files->ctx, tries->path, NULL);

    if (status != ROVE_OK) {
        rove__log(tries->ports->log, ROVE_LOG_WARN, "store", "the count of wrong PINs: %s",
                  rove_status_name(status));
    }
}

rove_status rove__tries_end(rove__tries *tries, rove_status status, rove_error *error) {
    char text[32];

    if (status == ROVE_OK) {
        memset(&tries->before, 0, sizeof tries->before);
    }
    if (status != ROVE_WRONG_KEY) {
        put_back(tries);
        return status;
    }
    int64_t left_ms = wait_ms(tries);
    if (left_ms == 0) {
        return rove__error_set(error, status, "The PIN is wrong, or the secret is another one.");
    }
    time_text(left_ms, text, sizeof text);
    return rove__error_foreign(error, status, ROVE_DOMAIN_WAIT, (int)((left_ms + 999) / 1000),
                               "The PIN is wrong, or the secret is another one. The next try is "
                               "possible in %s; nothing is lost.",
                               text);
}

void rove__tries_free(rove__tries *tries) {
    if (tries->ports != NULL) {
        rove__free(tries->ports->allocator, tries->path);
    }
}
