/*
 * fuzz/replay.c - a fuzz target without libFuzzer: what the tests of every build run.
 *
 *   fuzz_NAME               every seed, every file of tests/fuzz/found/NAME, and fuzz_mutations mutations of these
 *   fuzz_NAME FILE...       only these, as they are
 *
 * The mutations are the same in every run: those of libFuzzer that need no feedback. They find little; they show that the
 * target runs, that what was found stays mended, and that a change has not made a property plainly false.
 */
#include <dirent.h>

#include "fuzz.h"

#define POOL_MAX  4096
#define INPUT_MAX 65536

typedef struct input {
    uint8_t *bytes;
    size_t size;
} input;

static input pool[POOL_MAX];
static size_t pool_count;

/* In memory of exactly this size, so that a sanitizer sees who reads past it. */
static void try(const void *bytes, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);

    fuzz_check(copy != NULL);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void add(const fuzz_seed *to, const void *bytes, size_t size) {
    (void)to;
    fuzz_check(pool_count < POOL_MAX);
    uint8_t *copy = malloc(size + 1);
    fuzz_check(copy != NULL);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    pool[pool_count++] = (input){copy, size};
}

static void try_file(const char *path, int keep) {
    size_t size = 0;
    char *bytes = fuzz_load(path, &size);

    if (bytes == NULL) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(EXIT_FAILURE);
    }
    fprintf(stderr, "%s\n", path);
    try(bytes, size);
    if (keep) {
        add(NULL, bytes, size);
    }
    free(bytes);
}

/* The program's name is the target's. */
static size_t try_found(const char *program) {
    const char *root = getenv("ROVE_SOURCE_DIR");
    const char *slash = strrchr(program, '/');
    const char *name = slash == NULL ? program : slash + 1;
    size_t count = 0;
    char path[1024];

    fuzz_check(strncmp(name, "fuzz_", 5) == 0);
    snprintf(path, sizeof path, "%s/tests/fuzz/found/%s", root == NULL ? "." : root, name + 5);
    DIR *folder = opendir(path);
    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL;
         entry = readdir(folder)) {
        char file[2048];
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.') {
            try_file(file, 1);
            count++;
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return count;
}

/* ---- mutations ---- */

static size_t below(uint64_t *state, size_t limit) {
    return limit == 0 ? 0 : (size_t)(dice(state) % limit);
}

static void change_bytes(uint64_t *state, uint8_t *bytes, size_t size) {
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x40, 0x10};
    size_t at = below(state, size);

    switch (dice(state) % 4) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << dice(state) % 8);
        break;
    case 1:
        bytes[at] = edges[dice(state) % sizeof edges];
        break;
    case 2:
        bytes[at] = (uint8_t)(bytes[at] + (dice(state) % 2 == 0 ? 1 : 255));
        break;
    default:
        bytes[at] = (uint8_t)dice(state);
        break;
    }
}

/* Puts `more` bytes of another input, or of this one, somewhere. */
static size_t insert(uint64_t *state, uint8_t *bytes, size_t size) {
    const input *other = &pool[below(state, pool_count)];
    size_t from = below(state, other->size);
    size_t more = other->size - from < 64 ? other->size - from : below(state, 64);
    size_t at = below(state, size + 1);

    more = more < INPUT_MAX - size ? more : INPUT_MAX - size;
    memmove(bytes + at + more, bytes + at, size - at);
    if (more > 0) {
        memcpy(bytes + at, other->bytes + from, more);
    }
    return size + more;
}

static size_t erase(uint64_t *state, uint8_t *bytes, size_t size) {
    size_t at = below(state, size);
    size_t less = below(state, size - at < 64 ? size - at + 1 : 65);

    memmove(bytes + at, bytes + at + less, size - at - less);
    return size - less;
}

static void try_mutation(uint64_t *state) {
    static uint8_t bytes[INPUT_MAX];
    const input *from = &pool[below(state, pool_count)];
    size_t size = from->size < INPUT_MAX ? from->size : INPUT_MAX;

    if (size > 0) {
        memcpy(bytes, from->bytes, size);
    }
    for (size_t n = 1 + below(state, 4); n > 0; n--) {
        uint64_t how = dice(state) % 8;
        if (size == 0 || how == 0) {
            size = insert(state, bytes, size);
        } else if (how == 1) {
            size = erase(state, bytes, size);
        } else if (how == 2) {
            size = below(state, size + 1);
        } else {
            change_bytes(state, bytes, size);
        }
    }
    try(bytes, size);
}

int main(int count, char **arguments) {
    const fuzz_seed to = {add, NULL};
    uint64_t state = 1;

    if (count > 1) {
        for (int i = 1; i < count; i++) {
            try_file(arguments[i], 0);
        }
        return EXIT_SUCCESS;
    }
    try(NULL, 0);
    fuzz_seeds(&to);
    size_t seeds = pool_count;
    for (size_t i = 0; i < seeds; i++) {
        try(pool[i].bytes, pool[i].size);
    }
    size_t found = try_found(arguments[0]);
    for (size_t i = 0; i < fuzz_mutations && pool_count > 0; i++) {
        try_mutation(&state);
    }
    printf("%zu seeds, %zu that once failed, %zu mutations: the property holds\n", seeds, found,
           fuzz_mutations);
    for (size_t i = 0; i < pool_count; i++) {
        free(pool[i].bytes);
    }
    return EXIT_SUCCESS;
}
