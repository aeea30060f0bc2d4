/*
 * fuzz/fuzzer.c - what a fuzz target needs beside libFuzzer: `fuzz_NAME --seeds=FOLDER` writes its seeds there and ends.
 */
#include "fuzz.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);

static size_t written;

static void write_seed(const fuzz_seed *to, const void *bytes, size_t size) {
    char path[1024];

    snprintf(path, sizeof path, "%s/seed-%04zu", (const char *)to->ctx, written++);
    fuzz_store(path, bytes, size);
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    static const char option[] = "--seeds=";

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
