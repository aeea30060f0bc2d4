/*
 * fuzz/fuzzer.c - what a fuzz target needs beside libFuzzer: `fuzz_NAME --seeds=FOLDER` writes its seeds there and ends.
 * ROVE_PLANT=P02_AGAIN in the environment plants that bug of base/planted.h.
 */
#include "fuzz.h"

#include "base/planted.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);

static size_t written;

static void write_seed(const fuzz_seed *to, const void *bytes, size_t size) {
    char path[1024];

    snprintf(path, sizeof path, "%s/seed-%04zu", (const char *)to->ctx, written++);
    fuzz_store(path, bytes, size);
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    static const char option[] = "--seeds=";

    if (!rove__plant_named(getenv("ROVE_PLANT"))) {
        fputs("ROVE_PLANT names no planted bug\n", stderr);
        exit(EXIT_FAILURE);
    }
    for (int i = 1; i < *count; i++) {
        char *argument = (*arguments)[i];
        if (strncmp(argument, option, sizeof option - 1) == 0) {
            const fuzz_seed to = {write_seed, argument + sizeof option - 1};
            fuzz_seeds(&to);
            exit(EXIT_SUCCESS);
        }
    }
    return 0;
}
