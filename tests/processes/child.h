/*
 * processes/child.h - a program that the driver started: its output goes to a file, its end is looked for and not waited for.
 */
#ifndef ROVE_PROCESSES_CHILD_H
#define ROVE_PROCESSES_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#define CHILD_WORDS_MAX 24

typedef struct child {
    pid_t pid;  /* 0: none runs */
    int status; /* of the last one, as from waitpid */
    int64_t started_ms;
    int64_t kill_ms;  /* boot clock; INT64_MAX: it is left alone */
    int killed;       /* by us */
    char output[512]; /* where standard output goes; "": nowhere, and `pipe` is read */
    char errors[512]; /* where standard error is added to */
    int pipe;
} child;

/* A pipe that becomes readable when some child has ended; -1: not possible. Once. */
int child_ends(void);
/* Starts it; `words` ends with NULL. 0: it could not be started. */
int child_start(child *self, const char *const words[]);
/* 1 once when it has ended; kills it when its time has come. */
int child_ended(child *self);
void child_kill(child *self, int signal_number);
/* Its exit code; -1: a signal ended it. */
int child_code(const child *self);
/* What it printed, ended with 0; freed by the caller. NULL: nothing to be had. */
char *child_printed(const child *self);

#endif
