/*
 * sim/crowd.h - a story of several servers on one database.
 */
#ifndef ROVE_TESTS_SIM_CROWD_H
#define ROVE_TESTS_SIM_CROWD_H

#include <stdint.h>

#define CROWD_WHY 300

/* Tells the story of a seed; 0: something was violated, and why. */
int crowd_tell(uint64_t seed, char why[CROWD_WHY]);

#endif
