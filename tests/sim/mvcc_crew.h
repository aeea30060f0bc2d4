/*
 * sim/mvcc_crew.h - a few fibers that work with stores of one mvcc at once: whoever runs goes on until he waits for a lock,
 * ends, or the schedule says that it is another's turn. A step is a call of a store that is not quiet: an order of steps stands for
 * all orders of calls that come to the same. Nothing else switches fibers, so a schedule run again is the same run.
 */
#ifndef ROVE_TESTS_MVCC_CREW_H
#define ROVE_TESTS_MVCC_CREW_H

#include <ucontext.h>

#include "mvcc.h"

#define CREW_MAX        4
#define CREW_TURNS_MAX  16
#define CREW_STEPS_MAX  512 /* beyond it nobody notes who could go on */
#define CREW_STACK_SIZE ((size_t)1024 * 1024)

/* At this step, counted from 1 over all, it is the turn of that member. */
typedef struct crew_turn {
    size_t step;
    size_t member;
} crew_turn;

typedef struct crew_member {
    ucontext_t context;
    void *stack;
    const mvcc_server *server; /* its own */
    void (*work)(void *ctx);
    void *ctx;
    int done;
} crew_member;

typedef struct crew {
    crew_member members[CREW_MAX];
    size_t count;
    size_t running;
    const crew_turn *turns; /* ascending */
    size_t turn_count;
    size_t turn;
    size_t steps;
    uint8_t able
        [CREW_STEPS_MAX]; /* at each step: bits of the members whose turn it could be, but for who runs */
    void (*watch)(void *ctx); /* at each step; NULL: nobody */
    void *watch_ctx;
    ucontext_t caller;
} crew;

/* Before crew_run. Each member works with one server, and each server with one member. */
void crew_add(crew *c, const mvcc_server *server, void (*work)(void *ctx), void *ctx);
/*
 * Runs all to their ends, the member `first` first, and frees the stacks. 1: done; 0: nobody can go on. crew_yield has
 * to be the hook of the database, with the crew as its context.
 */
int crew_run(crew *c, size_t first, const crew_turn *turns, size_t turn_count);
void crew_yield(void *ctx, const mvcc_server *server);

#endif
