/*
 * fuzz/fuzz.h - what fuzz targets share.
 *
 * A target is a file fuzz_NAME.c: one property, stated where the file begins, one function that tries it on one input, and
 * the seeds from which inputs are bred. It is linked twice: with libFuzzer and fuzzer.c (./dev fuzz), and with replay.c,
 * which tries every seed, every input that once failed (found/NAME/) and some mutations of them in each run of the tests.
 *
 * A property that does not hold ends the process: libFuzzer, the sanitizers and ctest all notice.
 */
#ifndef ROVE_TESTS_FUZZ_H
#define ROVE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"

/* The property; always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* How many mutations the tests try: about a second's worth. */
extern const size_t fuzz_mutations;

typedef struct fuzz_seed {
    void (*give)(const struct fuzz_seed *to, const void *bytes, size_t size);
    void *ctx;
} fuzz_seed;
/* Gives every seed. */
void fuzz_seeds(const fuzz_seed *to);

#define fuzz_check(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- an input that is taken apart ---- */

typedef struct fuzz_input {
    const uint8_t *at;
    size_t left;
} fuzz_input;

/* So many bytes as there are, big-endian; past the end they are 0. */
static inline uint64_t fuzz_number(fuzz_input *in, size_t bytes) {
    uint64_t number = 0;

    for (size_t i = 0; i < bytes; i++) {
        number = number << 8 | (in->left > 0 ? *in->at : 0u);
        in->at += in->left > 0;
        in->left -= in->left > 0;
    }
    return number;
}
static inline uint8_t fuzz_byte(fuzz_input *in) {
    return (uint8_t)fuzz_number(in, 1);
}
static inline size_t fuzz_below(fuzz_input *in, size_t limit) {
    return (size_t)fuzz_number(in, limit <= 256 ? 1 : 3) % limit;
}
/* At most `most` of what is left. */
static inline const uint8_t *fuzz_take(fuzz_input *in, size_t most, size_t *size) {
    const uint8_t *bytes = in->at;

    *size = in->left < most ? in->left : most;
    in->at += *size;
    in->left -= *size;
    return bytes;
}

/* ---- inputs that are put together: seeds ---- */

typedef struct fuzz_output {
    uint8_t bytes[65536];
    size_t size;
} fuzz_output;

static inline void fuzz_put(fuzz_output *out, const void *bytes, size_t size) {
    fuzz_check(size <= sizeof out->bytes - out->size);
    if (size > 0) {
        memcpy(out->bytes + out->size, bytes, size);
    }
    out->size += size;
}
static inline void fuzz_put_number(fuzz_output *out, uint64_t number, size_t bytes) {
    for (size_t i = bytes; i > 0; i--) {
        uint8_t byte = (uint8_t)(number >> (8 * (i - 1)));
        fuzz_put(out, &byte, 1);
    }
}
static inline void fuzz_give(const fuzz_seed *to, const fuzz_output *out) {
    to->give(to, out->bytes, out->size);
}
/* The same behind one byte that says what it is. */
static inline void fuzz_give_kind(const fuzz_seed *to, size_t kind, const void *bytes,
                                  size_t size) {
    static fuzz_output out;

    out.size = 0;
    fuzz_put_number(&out, kind, 1);
    fuzz_put(&out, bytes, size);
    fuzz_give(to, &out);
}

/* ---- files ---- */

/* The bytes of a file, and a NUL behind them; the caller frees them. NULL: there is none. */
static inline char *fuzz_load(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    long end = -1;

    *size = 0;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0 && (end = ftell(file)) >= 0 &&
        fseek(file, 0, SEEK_SET) == 0) {
        bytes = malloc((size_t)end + 1);
        fuzz_check(bytes != NULL);
        *size = fread(bytes, 1, (size_t)end, file);
        bytes[*size] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
    return bytes;
}
static inline void fuzz_store(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");

    fuzz_check(file != NULL);
    fuzz_check(fwrite(bytes, 1, size, file) == size);
    fuzz_check(fclose(file) == 0);
}
/* A file of the repository. */
static inline char *fuzz_load_source(const char *name, size_t *size) {
    const char *root = getenv("ROVE_SOURCE_DIR");
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", root == NULL ? "." : root, name);
    char *bytes = fuzz_load(path, size);
    if (bytes == NULL) {
        fprintf(stderr, "%s cannot be read; ROVE_SOURCE_DIR says where the sources are\n", path);
        abort();
    }
    return bytes;
}

#endif
