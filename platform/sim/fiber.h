/*
 * sim/fiber.h - several courses of events in one thread: a fiber runs until it waits, and goes on where it was when it is
 * resumed. It has to come to its end before it is freed.
 */
#ifndef ROVE_SIM_FIBER_H
#define ROVE_SIM_FIBER_H

typedef struct sim_fiber sim_fiber;

/* NULL: no memory. Nothing of it has run yet. */
sim_fiber *sim_fiber_new(void (*run)(void *ctx), void *ctx);
void sim_fiber_free(sim_fiber *fiber);
/* Runs it until it waits or ends; from outside of any fiber. 1: it has ended. */
int sim_fiber_resume(sim_fiber *fiber);
/* Inside of a fiber: gives the thread back until it is resumed. */
void sim_fiber_wait(void);
/* The fiber that runs; NULL: none does. */
sim_fiber *sim_fiber_self(void);

#endif
