/*
 * support/store_trial.h - what the rep, the app and headquarters do to a replica is tried under faults, wherever a test does it: in each
 * call of the store the first call below it fails, then the next, and it is made again, until none fails that was not tried in this
 * process. One that failed has to have done nothing, or, a write of an open transaction, to say that the transaction is lost;
 * the trial takes that back, and the test goes on as if nothing had been: what it asserts is asserted of a replica that
 * has seen every failure. A fault that is called anything but NOMEM or IO is a mistake.
 *
 * Failing calls: an allocation or a piece of an arena (heap.h, arena_watch.h), a statement (statement_watch.h). One is tried for
 * each way through the program to it. The linker puts it in front of the store in every test (--wrap).
 */
#ifndef ROVE_TESTS_STORE_TRIAL_H
#define ROVE_TESTS_STORE_TRIAL_H

#include "heap.h"

/* From now on also with stores whose memory is `h`, eight at most; NULL: with none any longer. For tests without threads. */
void store_trial_with(heap *h);

#endif
