/*
 * client/identity.c - the identity in memory and in its file; see identity.h for the format.
 */
#include "client/identity.h"

#include <string.h>

#include "base/assert.h"
#include "base/reader.h"
#include "base/text.h"
#include "client/checked.h"
#include "client/envelope.h"

#define MAGIC        "RoveId"
#define MAGIC_SIZE   (sizeof MAGIC - 1)
#define FILE_VERSION 1u

ROVE_STATIC_ASSERT(MAGIC_SIZE + 1 + ROVE_URL_MAX + ROVE_KEY_DER_MAX + ROVE_IDENTITY_MAX +
                           ROVE_ENROLL_HINT_SIZE + ROVE_SHA256_SIZE + 16 + ROVE_ENVELOPE_SIZE <=
                       ROVE_IDENTITY_FILE_MAX,
                   "every identity fits its file");

/* ---- the url ---- */

static size_t host_size(const char *at) {
    size_t size = 0;

    if (at[0] == '[') {
        size = 1 + strspn(at + 1, "0123456789abcdefABCDEF:.");
        return size > 1 && at[size] == ']' ? size + 1 : 0;
    }
    return strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");
}

/* Of ":8443"; 0 if there is none, -1 if it is no port. */
static int port_size(const char *at) {
    uint32_t port = 0;
    int size = 1;

    if (at[0] != ':') {
        return 0;
    }
    for (; at[size] >= '0' && at[size] <= '9' && size <= 5; size++) {
        port = port * 10 + (uint32_t)(at[size] - '0');
    }
    return port >= 1 && port <= 65535 ? size : -1;
}

rove_status rove__url_check(const char *url, char checked[ROVE_URL_MAX], rove_error *error) {
    static const char scheme[] = "https://";
    size_t size = sizeof scheme - 1;

    checked[0] = '\0';
    if (strncmp(url, scheme, size) != 0) {
        return rove__error_set(error, ROVE_INVALID,
                               "The address of headquarters begins with \"https://\".");
    }
    size_t host = host_size(url + size);
    int port = port_size(url + size + host);
    if (host == 0 || port < 0) {
        return rove__error_set(error, ROVE_INVALID,
                               "The address of headquarters is https://, a host name and perhaps a "
                               "port, as in \"https://hq.example.com:8443\".");
    }
    size += host + (size_t)port;
    if (url[size + (url[size] == '/')] != '\0') {
        return rove__error_set(error, ROVE_INVALID,
                               "The address of headquarters ends after its host name and port; "
                               "leave out what follows.");
    }
    if (size >= ROVE_URL_MAX) {
        return rove__error_set(error, ROVE_INVALID, "The address of headquarters is too long.");
    }
    memcpy(checked, url, size);
    checked[size] = '\0';
    return ROVE_OK;
}

const uint8_t *rove__identity_pin(const uint8_t pin[ROVE_SHA256_SIZE]) {
    unsigned any = 0;

    for (size_t i = 0; i < ROVE_SHA256_SIZE; i++) {
        any |= pin[i];
    }
    return any != 0 ? pin : NULL;
}

/* ---- bytes ---- */

/* Points url, key and identity into `bytes`, whose check was found right. */
static rove_status parse(rove__credentials *credentials) {
    rove__reader reader;
    size_t url_size = 0;
    size_t identity_size = 0;

    rove__reader_init(&reader, credentials->bytes + MAGIC_SIZE + 1,
                      credentials->size - MAGIC_SIZE - 1 - ROVE_SHA256_SIZE);
    const uint8_t *url = rove__reader_bytes(&reader, ROVE_URL_MAX - 1, &url_size);
    credentials->key = rove__reader_bytes(&reader, ROVE_KEY_DER_MAX, &credentials->key_size);
    const uint8_t *identity = rove__reader_bytes(&reader, ROVE_IDENTITY_MAX, &identity_size);
    size_t hint_size = 0;
    credentials->hint = NULL;
    if (rove__reader_left(&reader) > 0) {
        credentials->hint = rove__reader_bytes(&reader, ROVE_ENROLL_HINT_SIZE, &hint_size);
    }
    if (rove__reader_status(&reader) != ROVE_OK || rove__reader_left(&reader) != 0 ||
        (credentials->hint != NULL && hint_size != ROVE_ENROLL_HINT_SIZE) || url_size == 0 ||
        credentials->key_size == 0 || memchr(url, '\0', url_size) != NULL) {
        return ROVE_CORRUPT;
    }
    memcpy(credentials->url, url, url_size);
    credentials->url[url_size] = '\0';
    return rove__identity_read(&credentials->identity, identity, identity_size);
}

static rove__credentials *allocate(const rove_allocator *allocator) {
    rove__credentials *credentials = rove__alloc_zeroed(allocator, 1, sizeof *credentials);

    if (credentials != NULL) {
        credentials->bytes = rove__alloc_zeroed(allocator, 1, ROVE_IDENTITY_FILE_MAX);
        if (credentials->bytes == NULL) {
            rove__free(allocator, credentials);
            credentials = NULL;
        }
    }
    return credentials;
}

int rove__credentials_is_of(const rove__credentials *credentials, const uint8_t *hint) {
    return credentials->hint != NULL && memcmp(credentials->hint, hint, ROVE_ENROLL_HINT_SIZE) == 0;
}

rove__sealer rove__credentials_sealer(const rove__credentials *credentials) {
    const rove__identity *identity = &credentials->identity;

    return (rove__sealer){.key = {credentials->key, credentials->key_size},
                          .certificate = {identity->certificate, identity->certificate_size},
                          .recipient = identity->seal_key};
}

void rove__credentials_free(const rove_allocator *allocator, rove__credentials *credentials) {
    if (credentials == NULL) {
        return;
    }
    rove__wipe(credentials->bytes, ROVE_IDENTITY_FILE_MAX);
    rove__free(allocator, credentials->bytes);
    rove__free(allocator, credentials);
}

static size_t put_bytes(uint8_t *to, size_t at, const void *bytes, size_t size) {
    at += rove__varint_put(to + at, size);
    memcpy(to + at, bytes, size);
    return at + size;
}

rove_status rove__credentials_new(const rove__credentials_ports *ports,
                                  const rove__credentials_parts *parts, rove__credentials **out,
                                  rove_error *error) {
    *out = NULL;
    ROVE_ASSERT(strlen(parts->url) < ROVE_URL_MAX);
    ROVE_ASSERT(parts->key_size <= ROVE_KEY_DER_MAX);
    ROVE_ASSERT(parts->identity_size <= ROVE_IDENTITY_MAX);
    /* Its full size at once, so that no copy of the key is left behind by growing. */
    rove__credentials *credentials = allocate(ports->allocator);
    if (credentials == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    uint8_t *bytes = credentials->bytes;
    memcpy(bytes, MAGIC, MAGIC_SIZE);
    bytes[MAGIC_SIZE] = FILE_VERSION;
    size_t size = put_bytes(bytes, MAGIC_SIZE + 1, parts->url, strlen(parts->url));
    size = put_bytes(bytes, size, parts->key, parts->key_size);
    size = put_bytes(bytes, size, parts->identity, parts->identity_size);
    if (parts->hint != NULL) {
        size = put_bytes(bytes, size, parts->hint, ROVE_ENROLL_HINT_SIZE);
    }
    rove_status status = rove__checked_end(ports->crypto, bytes, size, bytes + size);
    credentials->size = size + ROVE_SHA256_SIZE;
    if (status == ROVE_OK) {
        status = parse(credentials);
    }
    if (status != ROVE_OK) {
        rove__credentials_free(ports->allocator, credentials);
        return rove__error_set(error, status, "What headquarters answered is no identity: %s",
                               rove_status_text(status));
    }
    *out = credentials;
    return ROVE_OK;
}

rove_status rove__credentials_copy(const rove_allocator *allocator, const rove__credentials *from,
                                   rove__credentials **out, rove_error *error) {
    rove__credentials *credentials = allocate(allocator);

    *out = NULL;
    if (credentials == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    memcpy(credentials->bytes, from->bytes, from->size);
    credentials->size = from->size;
    rove_status status = parse(credentials);
    ROVE_ASSERT(status == ROVE_OK); /* as it was once already */
    *out = credentials;
    return status;
}

/* ---- the file ---- */

static rove_status check_file(const rove_crypto *crypto, rove__credentials *credentials) {
    size_t size = credentials->size;

    if (size < MAGIC_SIZE + 1 + ROVE_SHA256_SIZE ||
        memcmp(credentials->bytes, MAGIC, MAGIC_SIZE) != 0) {
        return ROVE_CORRUPT;
    }
    if (credentials->bytes[MAGIC_SIZE] > FILE_VERSION) {
        return ROVE_UPGRADE;
    }
    rove_status status = rove__checked_look(crypto, credentials->bytes, size);
    if (status != ROVE_OK) {
        return status;
    }
    if (credentials->bytes[MAGIC_SIZE] != FILE_VERSION) {
        return ROVE_CORRUPT;
    }
    return parse(credentials) == ROVE_OK ? ROVE_OK : ROVE_CORRUPT;
}

static int is_sealing(const rove__credentials_ports *ports) {
    return ports->keyring != NULL && ports->keyring->secret != NULL;
}

/* A sealed file becomes what is in it. */
static rove_status unseal(const rove__credentials_ports *ports, rove__credentials *credentials,
                          rove_error *error) {
    const rove__envelope_ports needs = {ports->crypto, ports->random};
    uint8_t secret[ROVE_SECRET_SIZE];
    int only = 0;

    if (!rove__envelope_is(credentials->bytes, credentials->size)) {
        credentials->stale = is_sealing(ports);
        return ROVE_OK;
    }
    if (!is_sealing(ports)) {
        return ROVE_WRONG_KEY;
    }
    rove_status status = ports->keyring->secret(ports->keyring->ctx, secret, error);
    if (status == ROVE_OK) {
        status = rove__envelope_open(&needs, secret, credentials->bytes, &credentials->size, &only);
        credentials->stale = !only;
    }
    rove__wipe(secret, sizeof secret);
    return status;
}

rove_status rove__credentials_load(const rove__credentials_ports *ports, const char *path,
                                   rove__credentials **out, rove_error *error) {
    *out = NULL;
    rove__credentials *credentials = allocate(ports->allocator);
    if (credentials == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    rove_status status = ports->files->read(ports->files->ctx, path, credentials->bytes,
                                            ROVE_IDENTITY_FILE_MAX, &credentials->size, error);
    if (status == ROVE_TOO_BIG) {
        status = ROVE_CORRUPT;
    }
    if (status == ROVE_OK) {
        status = unseal(ports, credentials, error);
    }
    if (status == ROVE_OK) {
        status = check_file(ports->crypto, credentials);
    }
    if (status == ROVE_CORRUPT) {
        status = rove__error_set(error, status,
                                 "This device's identity file is damaged. Ask "
                                 "headquarters for a new code and enrol again; unsent "
                                 "work is kept.");
    } else if (status == ROVE_UPGRADE) {
        status = rove__error_set(error, status,
                                 "A newer version of the app enrolled this device. Install that "
                                 "version again; unsent work is safe.");
    } else if (status == ROVE_WRONG_KEY) {
        status = rove__error_set(error, status,
                                 "The keyring's secret does not open this device's identity file.");
    }
    if (status != ROVE_OK) {
        rove__credentials_free(ports->allocator, credentials);
        return status;
    }
    *out = credentials;
    return ROVE_OK;
}

static rove_status save_sealed(const rove__credentials_ports *ports, const char *path,
                               const rove__credentials *credentials, rove_error *error) {
    const rove__envelope_ports needs = {ports->crypto, ports->random};
    uint8_t secret[ROVE_SECRET_SIZE];
    size_t size = credentials->size + ROVE_ENVELOPE_SIZE;
    uint8_t *bytes = rove__alloc(ports->allocator, size);

    if (bytes == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    rove_status status = ports->keyring->secret(ports->keyring->ctx, secret, error);
    if (status == ROVE_OK) {
        const uint8_t *other = ports->next_secret != NULL ? ports->next_secret : secret;
        status = rove__envelope_seal(&needs, secret, other, credentials->bytes, credentials->size,
                                     bytes);
    }
    rove__wipe(secret, sizeof secret);
    if (status == ROVE_OK) {
        status = ports->files->replace(ports->files->ctx, path, bytes, size, error);
    }
    rove__free(ports->allocator, bytes);
    return status;
}

rove_status rove__credentials_save(const rove__credentials_ports *ports, const char *path,
                                   const rove__credentials *credentials, rove_error *error) {
    return is_sealing(ports) ? save_sealed(ports, path, credentials, error)
                             : ports->files->replace(ports->files->ctx, path, credentials->bytes,
                                                     credentials->size, error);
}
