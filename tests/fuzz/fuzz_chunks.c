/*
 * fuzz_chunks.c - a sealed file whose bytes were changed, cut, moved or taken from another one in any way: what is read of it, from
 * any place, is what was sealed, or one of the documented errors says that something is wrong.
 *
 *   input = change* place
 *   change = 0 at:u24 byte                    the byte is added to the one there
 *          | 1 from:byte at:u24 to:u24 size:u24   copied, from this file (0) or from another one; odd sizes are a chunk
 *          | 2 at:u24                         the file ends there
 *          | 3                                the header's digest is made to fit
 *          | 4                                no more changes
 *   place = at:u24                            where reading begins
 */
#include "fuzz.h"

#include "posix/posix.h"
#include "vault/chunks.h"

#define PLAIN ((size_t)ROVE_CHUNK_SIZE + 300)
#define MAX   ((size_t)3 * (ROVE_CHUNK_SIZE + 256))

const size_t fuzz_mutations = 20000;

typedef struct content {
    uint8_t bytes[MAX];
    size_t size;
} content;

static rove_allocator allocator;
static rove_crypto crypto;
static rove_random entropy;
static rove__vault vault;
static const rove__chunks_ports ports = {&allocator, &vault};
static uint8_t plain[PLAIN];
static content original[2], changed;

static rove_status put(void *ctx, const void *bytes, size_t size, rove_error *error) {
    content *file = ctx;

    (void)error;
    fuzz_check(size <= MAX - file->size);
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
    return ROVE_OK;
}

static rove_status get(void *ctx, uint64_t at, void *bytes, size_t size, rove_error *error) {
    const content *file = ctx;

    (void)error;
    fuzz_check(at <= file->size && size <= file->size - at);
    memcpy(bytes, file->bytes + at, size);
    return ROVE_OK;
}

static void prepare(void) {
    static const rove__data_key key = {.key = {7}, .file_id = {9}, .generation = 3};

    if (original[0].size > 0) {
        return;
    }
    rove_posix_allocator(&allocator);
    rove_posix_crypto_openssl(&crypto);
    rove_posix_random(&entropy);
    fuzz_check(rove__vault_open(&vault, &crypto, &entropy, &key) == ROVE_OK);
    for (size_t i = 0; i < PLAIN; i++) {
        plain[i] = (uint8_t)(i * 31 + (i >> 8));
    }
    for (size_t i = 0; i < 2; i++) {
        const rove_sink to = {put, &original[i]};
        rove__chunks_writer *writer = NULL;
        fuzz_check(rove__chunks_new(&ports, ROVE_CHUNKS_EXPORT, &to, &writer, NULL) == ROVE_OK);
        fuzz_check(rove__chunks_write(writer, plain, PLAIN, NULL) == ROVE_OK);
        fuzz_check(rove__chunks_end(writer, NULL) == ROVE_OK);
        rove__chunks_drop(writer);
    }
}

static void copy(fuzz_input *in) {
    const content *from = fuzz_byte(in) % 2 == 0 ? &changed : &original[1];
    size_t at = (size_t)fuzz_number(in, 3);
    size_t to = (size_t)fuzz_number(in, 3);
    size_t size = (size_t)fuzz_number(in, 3);

    size = size % 2 == 1 ? ROVE_CHUNK_SIZE + ROVE_CHUNK_SEAL_SIZE : size;
    if (at <= from->size && size <= from->size - at && to <= changed.size && size <= MAX - to) {
        memmove(changed.bytes + to, from->bytes + at, size);
        changed.size = to + size > changed.size ? to + size : changed.size;
    }
}

static void mend(void) {
    const rove_span span = {changed.bytes, ROVE_CHUNKS_HEADER_SIZE - ROVE_SHA256_SIZE};

    fuzz_check(crypto.sha256(crypto.ctx, &span, 1, changed.bytes + span.size) == ROVE_OK);
}

/* 0: that was the last one. */
static int change(fuzz_input *in) {
    uint8_t what = fuzz_byte(in) % 5;
    size_t at = what == 0 || what == 2 ? (size_t)fuzz_number(in, 3) : 0;

    if (what == 0 && at < changed.size) {
        changed.bytes[at] = (uint8_t)(changed.bytes[at] + fuzz_byte(in));
    } else if (what == 1) {
        copy(in);
    } else if (what == 2 && at < changed.size) {
        changed.size = at;
    } else if (what == 3) {
        mend();
    }
    return what != 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t bytes[ROVE_CHUNK_SIZE];
    fuzz_input in = {data, size};
    rove__chunks_reader *reader = NULL;
    size_t got = 1;

    prepare();
    memcpy(&changed, &original[0], sizeof changed);
    for (int i = 0; i < 16 && in.left > 0 && change(&in); i++) {
    }
    const rove_source from = {changed.size, get, &changed};
    rove_status status = rove__chunks_open(&ports, ROVE_CHUNKS_EXPORT, &from, &reader, NULL);
    fuzz_check(status == ROVE_OK || status == ROVE_CORRUPT || status == ROVE_UPGRADE ||
               status == ROVE_WRONG_KEY || status == ROVE_INVALID);
    fuzz_check((reader != NULL) == (status == ROVE_OK));
    for (size_t at = fuzz_below(&in, PLAIN); status == ROVE_OK && got > 0; at += got) {
        status = rove__chunks_read(reader, at, bytes, sizeof bytes, &got, NULL);
        fuzz_check(status == ROVE_OK || (status == ROVE_CORRUPT && got == 0));
        fuzz_check(status != ROVE_OK || got > 0 || at == PLAIN); /* it has not become shorter */
        fuzz_check(got <= PLAIN - at && memcmp(bytes, plain + at, got) == 0);
    }
    rove__chunks_close(reader);
    return 0;
}

void fuzz_seeds(const fuzz_seed *to) {
    static const struct {
        uint8_t bytes[16];
        size_t size;
    } changes[] = {
        {{4, 0, 0, 0}, 4},                              /* as it was */
        {{0, 0, 0, 8, 1, 3, 4}, 7},                     /* a newer version */
        {{0, 0, 0, 9, 1, 3, 4}, 7},                     /* another kind */
        {{0, 0, 0, 11, 1, 3, 4}, 7},                    /* another replica */
        {{0, 0, 0, 80, 1, 4, 1, 0, 0}, 9},              /* a nonce */
        {{2, 1, 0, 0x67, 4}, 5},                        /* the end between two chunks */
        {{1, 1, 0, 0, 75, 0, 0, 75, 0, 0, 1, 4}, 12},   /* a chunk of another file */
        {{1, 0, 0, 0, 75, 1, 0, 0x67, 0, 0, 1, 4}, 12}, /* repeated */
    };

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        to->give(to, changes[i].bytes, changes[i].size);
    }
}
