/*
 * support/trial.h - what headquarters does under faults. A play (a request and its answer, an operator's act) is first done as
 * it is, then again and again, each time with another one of its calls failing: an allocation, a piece of an arena, a call of the store, of the
 * spool, of the cryptography, of the random source. Once, and from then on for good. After each
 *
 * - nothing is left behind: no memory, no file;
 * - the status is the fault's, and an answer ends with END, or with FAIL and a sentence;
 * - if it went well all the same, it is what it would have been without the fault, to the byte;
 * - if not, the same play without a fault ends in the same state of all tables; and where nothing had been committed,
 *   with the same answer.
 *
 * Then everything is as it was before. Calls with the same callers are one: the first and the second of a play are tried,
 * once in a process, so that the tests that call site_try in each exchange take seconds.
 */
#ifndef ROVE_TESTS_TRIAL_H
#define ROVE_TESTS_TRIAL_H

#include "heap.h"
#include "memory_headquarters.h"
#include "rove/sys/crypto.h"
#include "rove/sys/random.h"
#include "spools.h"
#include "way.h"

/* Whose calls fail; what stands here is what the world's ports are made of, and stays in one place. */
typedef struct trial {
    heap *h;
    memory_headquarters *hq;
    spools *files;
    uint64_t *seed;     /* of the random source */
    rove_crypto crypto; /* what the ones below call */
    rove_random random;
    rove_crypto faulty_crypto; /* what headquarters is given */
    rove_random faulty_random;
    int on;         /* trial_run does something */
    size_t calls;   /* of the play */
    size_t fail_at; /* the call that fails; 0: none */
    int for_good;
    rove_status status;         /* with which one of the store's does */
    int playing;                /* 0: nothing is counted */
    struct trial_point *points; /* that this play has, and that were never tried */
    size_t point_count;
    way_start start; /* of the play */
} trial;

/* The fields above `on` but the faulty ones are set; from now on heap, store and spool ask the trial. */
void trial_open(trial *t);

/* Its answer is appended; stays empty where there is none. */
typedef rove_status (*trial_play)(void *ctx, rove__buf *answer);
/* `frames`: a play that goes well gives an answer of frames. Does nothing unless it is on. */
void trial_run(trial *t, int frames, trial_play play, void *ctx);
/* How many calls failed in this process so far. */
size_t trial_count(void);

#endif
