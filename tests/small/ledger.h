/*
 * small/ledger.h - what has to be true after a schedule, worked out from what reps did and saw, and from nothing else.
 *
 * Every write has a number of its own as its value, so a screen that shows a value says whose write it shows: that write is the
 * parent of what its reader writes next. Causal is who is in that chain; stamps, bases and seqs play no part. What a rep saw
 * of a set, whose elements carry no such number, is bounded from both sides by which syncs came through.
 */
#ifndef ROVE_TESTS_SMALL_LEDGER_H
#define ROVE_TESTS_SMALL_LEDGER_H

#include "world.h"

#define FIRST_VALUE 1 /* of every text, and the set's only element */
#define FIRST_STAGE 2

void ledger_open(void);
/* Does it on the device, and notes what the rep saw and what came of it. */
void ledger_do(int device, const op *o);
/* Headquarters has what the device has done so far. */
void ledger_reached(int device);
void ledger_synced(int device, const sync_outcome *outcome);
/* The account is the other rep's now. */
void ledger_reassigned(int from, int to);
/* Everything has settled: fails the process with a sentence if something is not as it has to be. */
void ledger_check(void);

#endif
