/*
 * fuzz_key_file.c - a core.key of any bytes is read within its bounds, gives its key or none, and costs no more than a PIN may
 * cost.
 *
 *   input = kind:byte bytes      0: a file as it is; 1: the digest at its end is made to fit; both without a PIN. 2: as 1, with one
 */
#include "fuzz.h"
#include "posix/posix.h"
#include "vault/key_file.h"

const size_t fuzz_mutations = 20000;

static const uint8_t host[ROVE_SECRET_SIZE] = {1, 2, 3};
static rove__data_key key;
static uint8_t file_bytes[ROVE_KEY_FILE_MAX + 64];
static size_t file_size;

/* The file is in memory. */
static rove_status read_file(void *ctx, const char *path, void *bytes, size_t capacity,
                             size_t *size, rove_error *error) {
    (void)ctx;
    (void)path;
    (void)error;
    *size = 0;
    if (file_size > capacity) {
        return ROVE_TOO_BIG;
    }
    memcpy(bytes, file_bytes, file_size);
    *size = file_size;
    return ROVE_OK;
}

static rove_status replace_file(void *ctx, const char *path, const void *bytes, size_t size,
                                rove_error *error) {
    (void)ctx;
    (void)path;
    (void)error;
    fuzz_check(size <= sizeof file_bytes);
    memcpy(file_bytes, bytes, size);
    file_size = size;
    return ROVE_OK;
}

static const rove__key_ports *ports(void) {
    static rove_crypto crypto;
    static rove_random random;
    static rove_files files = {.read = read_file, .replace = replace_file};
    static const rove__key_ports all = {&crypto, &random, &files};

    if (crypto.sha256 == NULL) {
        rove_posix_crypto_openssl(&crypto);
        rove_posix_random(&random);
        memset(&key, 0x5a, sizeof key);
    }
    return &all;
}

static void mend(void) {
    const rove_crypto *crypto = ports()->crypto;
    const rove_span span = {file_bytes, file_size - ROVE_SHA256_SIZE};

    if (file_size >= ROVE_SHA256_SIZE) {
        fuzz_check(crypto->sha256(crypto->ctx, &span, 1, file_bytes + span.size) == ROVE_OK);
    }
}

/* A PIN that costs seconds is tried in test_key_file. */
static int is_cheap(void) {
    return file_size >= 32 && file_bytes[24] == 0 && file_bytes[25] == 0 && file_bytes[26] < 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const rove__data_key nothing;
    fuzz_input in = {data, size};
    uint8_t kind = fuzz_byte(&in) % 3;
    rove__key_secrets secrets = {host, kind == 2 ? "2580" : NULL, kind == 2 ? 4 : 0};
    rove__data_key found;
    int has_pin = 0;

    (void)ports();
    file_size = in.left < sizeof file_bytes ? in.left : sizeof file_bytes;
    memcpy(file_bytes, in.at, file_size);
    if (kind > 0) {
        mend();
    }
    if (kind == 2 && !is_cheap()) {
        return 0;
    }
    memset(&found, 0x77, sizeof found);
    rove_status status = rove__key_file_read(ports(), "core.key", &secrets, &found, NULL);
    fuzz_check(status == ROVE_OK || status == ROVE_CORRUPT || status == ROVE_WRONG_KEY ||
               status == ROVE_UPGRADE);
    fuzz_check(memcmp(&found, status == ROVE_OK ? &key : &nothing, sizeof found) == 0);
    rove_status look = rove__key_file_look(ports(), "core.key", &has_pin, NULL);
    fuzz_check(look == (status == ROVE_WRONG_KEY ? ROVE_OK : status));
    return 0;
}

void fuzz_seeds(const fuzz_seed *to) {
    const rove__pin_cost cost = {64, 1};

    for (size_t kind = 0; kind < 3; kind++) {
        rove__key_secrets secrets = {host, kind == 2 ? "2580" : NULL, kind == 2 ? 4 : 0};
        fuzz_check(rove__key_file_write(ports(), "core.key", &key, &secrets, &cost, NULL) ==
                   ROVE_OK);
        fuzz_give_kind(to, kind, file_bytes, file_size);
    }
}
