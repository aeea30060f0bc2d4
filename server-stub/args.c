/*
 * args.c - see args.h.
 */
#include "args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hq_usage(const hq_io *io, const hq_command *command, const char *problem) {
    hq_complain(io, "rove-hq: %s\nUsage: rove-hq %s %s\nMore: rove-hq help %s\n", problem,
                command->name, command->usage, command->name);
    return HQ_EXIT_USAGE;
}

static int complain_about(const hq_io *io, const hq_command *command, const char *what,
                          const char *argument) {
    hq_complain(io, "rove-hq: %s %s\n", argument, what);
    return hq_usage(io, command, "see how it is used");
}

/* The option that an argument names; *value is what follows "=", or NULL. */
static const hq_option *find(const hq_option *options, char *argument, char **value) {
    char *equals = strchr(argument, '=');
    size_t size = equals == NULL ? strlen(argument) : (size_t)(equals - argument);
    *value = equals == NULL ? NULL : equals + 1;
    for (const hq_option *option = options; option->name != NULL; option++) {
        if (strlen(option->name) == size && memcmp(option->name, argument, size) == 0) {
            return option;
        }
    }
    return NULL;
}

int hq_arguments(const hq_io *io, const hq_command *command, const hq_option *options, int argc,
                 char **argv, int least, int most, int *count) {
    int kept = 0;
    int ended = 0;
    for (int i = 1; i < argc; i++) {
        char *value = NULL;
        if (ended || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[++kept] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            ended = 1;
            continue;
        }
        const hq_option *option = find(options, argv[i], &value);
        if (option == NULL) {
            return complain_about(io, command, "is no option of this command", argv[i]);
        }
        if (option->value != NULL && value == NULL) {
            if (i + 1 == argc) {
                return complain_about(io, command, "needs a value", argv[i]);
            }
            value = argv[++i];
        }
        if (option->value != NULL) {
            *option->value = value;
        } else if (value != NULL) {
            return complain_about(io, command, "takes no value", option->name);
        } else {
            *option->given = 1;
        }
    }
    *count = kept;
    if (kept < least || kept > most) {
        return hq_usage(io, command,
                        kept < least ? "an argument is missing" : "too many arguments");
    }
    return HQ_EXIT_DONE;
}

int hq_take_all(const char *name, int argc, char **argv, const char **values, size_t capacity,
                size_t *count) {
    size_t size = strlen(name);
    int kept = 0;
    *count = 0;
    for (int i = 0; i < argc; i++) {
        const char *value = NULL;
        if (*count < capacity && strncmp(argv[i], name, size) == 0) {
            if (argv[i][size] == '=') {
                value = argv[i] + size + 1;
            } else if (argv[i][size] == '\0' && i + 1 < argc) {
                value = argv[++i];
            }
        }
        if (value != NULL) {
            values[(*count)++] = value;
        } else {
            argv[kept++] = argv[i];
        }
    }
    return kept;
}

int hq_number(const char *text, int64_t least, int64_t most, int64_t *number) {
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < least || value > most) {
        return 0;
    }
    *number = value;
    return 1;
}
