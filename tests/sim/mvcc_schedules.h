/*
 * sim/mvcc_schedules.h - all schedules of a crew with up to so many turns, tried one after the other, those with fewer
 * turns first. Each runs in a process of its own, which is a copy of the caller's, so that what is prepared once serves for all.
 */
#ifndef ROVE_TESTS_MVCC_SCHEDULES_H
#define ROVE_TESTS_MVCC_SCHEDULES_H

#include "mvcc_crew.h"

/* What a run leaves behind. */
typedef struct schedule_trace {
    size_t steps;                 /* of the crew */
    uint8_t able[CREW_STEPS_MAX]; /* as the crew noted it */
    mvcc_counts counts;
} schedule_trace;

typedef struct schedules {
    size_t members;
    size_t turns_max; /* at most CREW_TURNS_MAX */
    /* In the child: runs the crew by this schedule, checks what came of it, fills in the trace. Aborts if it is wrong. */
    void (*run)(void *ctx, size_t first, const crew_turn *turns, size_t count,
                schedule_trace *trace);
    void *ctx;

    size_t runs;
    size_t longest;
    uint64_t waits, deadlocks; /* over all */
    char failed[256];          /* the schedule at fault, to be read; "" : none */
} schedules;

/* 1: all came out right. Stops at the first that did not. */
int schedules_try(schedules *s);

#endif
