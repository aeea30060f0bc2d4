/*
 * small/choice.h - a program that chooses, and every way in which it may: choose(n) returns 0, and 1, ... and n - 1, each in a copy
 * of the process (fork(2)), so that what all of them have in common is done once. A path is the sequence of what was chosen.
 *
 * The program runs from a world that is there already; it is right if it returns, and wrong if it exits, aborts, crashes or
 * takes more than CHOICE_SECONDS of processor time. One thread.
 */
#ifndef ROVE_TESTS_SMALL_CHOICE_H
#define ROVE_TESTS_SMALL_CHOICE_H

#include <stddef.h>
#include <stdint.h>

#define CHOICE_DEPTH_MAX 56
#define CHOICE_SECONDS   60

typedef struct choice_path {
    double stands_for; /* drawn: so many, since it was drawn with one chance in so many */
    uint8_t failed;
    uint8_t depth;
    uint8_t chosen[CHOICE_DEPTH_MAX];
} choice_path;

typedef struct choice_result {
    uint64_t paths;
    double
        of; /* there are about so many (Knuth, "Estimating the efficiency of backtrack programs", 1975) */
    uint64_t failed;
    choice_path first; /* that failed */
} choice_result;

typedef void choice_program(void *ctx);

/* Below `options`. */
int choose(int options);
/* The same where 0 is what mostly happens: drawn paths mostly choose it. */
int choose_rarely(int options);

/* All paths that begin with `under`, which may be empty. */
choice_result choice_explore(choice_program *program, void *ctx, const choice_path *under);
/* So many paths, drawn from a seed; one that comes twice counts twice. */
choice_result choice_draw(choice_program *program, void *ctx, uint64_t seed, uint64_t paths,
                          int stop);
/* One path, with what the program prints; past its end 0 is chosen. 1 if it fails. */
int choice_repeat(choice_program *program, void *ctx, const choice_path *path);

/* "0.3.1.2" and back. */
void choice_print(const choice_path *path, char text[4 * CHOICE_DEPTH_MAX + 1]);
int choice_parse(const char *text, choice_path *path);

#endif
