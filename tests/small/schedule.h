/*
 * small/schedule.h - one interleaving of two devices' acts and syncs with a cut, a crash and a reassignment, chosen on the way.
 *
 * What a device does by itself is in an order of its own; between devices only what happens at headquarters - the two syncs and
 * the reassignments - has an order that anybody can notice. An act changes its device's files and memory alone, and its
 * clock goes by its own acts alone; so acts commute with everything at other places, and of interleavings that differ in
 * nothing else one is run. Which device's clock is ahead, which would otherwise follow from the order, is a choice of its own.
 */
#ifndef ROVE_TESTS_SMALL_SCHEDULE_H
#define ROVE_TESTS_SMALL_SCHEDULE_H

#include "scenarios.h"

/*
 * Chooses: which clock is ahead, what happens next at headquarters, how many acts come before a sync, and whether one more
 * comes while the answer is on its way; whether a device is killed
 * before an act, before its sync, or at the end; and at each point of its sync, whether the network fails or it is
 * killed there: one cut and one crash at most. Then all settles, and the ledger is checked. Prints its steps.
 */
void schedule_run(const scenario *which);

#endif
