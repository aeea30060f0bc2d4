/*
 * args.h - the arguments of a command: options ("--minutes 30", "--minutes=30", "--dry-run") in any place, then what is
 * left in order. "--" ends the options.
 */
#ifndef ROVE_HQ_ARGS_H
#define ROVE_HQ_ARGS_H

#include "hq.h"

typedef struct hq_option {
    const char *name;   /* "--minutes"; NULL ends the table */
    const char **value; /* takes a value, stored here */
    int *given;         /* takes none: set to 1 */
} hq_option;

/*
 * Moves what is no option to argv[1] .. argv[*count] in order. HQ_EXIT_USAGE with a complaint that shows the usage
 * when an option is unknown or lacks its value, or fewer than `least` or more than `most` arguments are left.
 */
int hq_arguments(const hq_io *io, const hq_command *command, const hq_option *options, int argc,
                 char **argv, int least, int most, int *count);
/*
 * Takes an option with a value that may be given several times out of the arguments; how many are left. Values beyond
 * `capacity` count as arguments.
 */
int hq_take_all(const char *name, int argc, char **argv, const char **values, size_t capacity,
                size_t *count);
/* HQ_EXIT_USAGE, with the command's usage. */
int hq_usage(const hq_io *io, const hq_command *command, const char *problem);
/* A decimal number within limits; 0 if it is none. */
int hq_number(const char *text, int64_t least, int64_t most, int64_t *number);

#endif
