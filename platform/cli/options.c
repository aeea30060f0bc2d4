/*
 * options.c - arguments of a command: options are taken out by name, the rest is positional.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void drop(int *argc, char **argv, int at, int count) {
    for (int i = at; i + count <= *argc; i++) {
        argv[i] = i + count < *argc ? argv[i + count] : NULL;
    }
    *argc -= count;
}

const char *cli_option(int *argc, char **argv, const char *name) {
    size_t size = strlen(name);

    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            break;
        }
        if (strcmp(argv[i], name) == 0 && i + 1 < *argc) {
            const char *value = argv[i + 1];
            drop(argc, argv, i, 2);
            return value;
        }
        if (strncmp(argv[i], name, size) == 0 && argv[i][size] == '=') {
            const char *value = argv[i] + size + 1;
            drop(argc, argv, i, 1);
            return value;
        }
    }
    return NULL;
}

int cli_flag(int *argc, char **argv, const char *name) {
    for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], name) == 0) {
            drop(argc, argv, i, 1);
            return 1;
        }
    }
    return 0;
}

int cli_stray(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            return 1;
        }
    }
    return 0;
}

rove_status cli_number(const char *text, int64_t *number) {
    char *end = NULL;

    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        return ROVE_INVALID;
    }
    *number = value;
    return ROVE_OK;
}

rove_status cli_amount(const char *text, int64_t least, int64_t most, int64_t *number) {
    int64_t value = 0;

    if (cli_number(text, &value) != ROVE_OK || value < least || value > most) {
        return ROVE_INVALID;
    }
    *number = value;
    return ROVE_OK;
}
