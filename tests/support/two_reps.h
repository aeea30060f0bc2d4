/*
 * support/two_reps.h - the world of most tests about pushing: headquarters, and two reps, Anna and Ben, who both hold one
 * account and have synced.
 */
#ifndef ROVE_TESTS_TWO_REPS_H
#define ROVE_TESTS_TWO_REPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "site.h"

#define ANNA  INT64_C(0x7000000001)
#define BEN   INT64_C(0x7000000002)
#define ANNAS 100u /* replica numbers */
#define BENS  200u
#define DAY   INT64_C(86400000)

typedef struct world {
    site s;
    rep anna;
    rep ben;
    rove_id account; /* both hold it */
} world;

/* As set-up and tear-down of a test. */
static inline int world_start(void **state) {
    world *w = test_calloc(1, sizeof *w);

    site_open(&w->s);
    rep_open(&w->anna, &w->s, ANNAS, ANNA);
    rep_open(&w->ben, &w->s, BENS, BEN);
    w->account = site_account(&w->s, "Hotel Adler");
    site_grant(&w->s, ANNA, w->account);
    site_grant(&w->s, BEN, w->account);
    rep_settle(&w->anna);
    rep_settle(&w->ben);
    *state = w;
    return 0;
}

/* The same, and all that happens at headquarters is tried under faults first (trial.h). */
static inline int world_start_tried(void **state) {
    int result = world_start(state);
    world *w = *state;

    w->s.trial.on = 1;
    return result;
}

/* The device had that number before this one. */
static inline void number_was(world *w, rove_replica replica, rove_replica former) {
    rove__hq_device device;
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->device_get(tx, replica, 1, &device), ROVE_OK);
    device.former = former;
    assert_int_equal(w->s.store->device_put(tx, &device), ROVE_OK);
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
}

static inline int world_end(void **state) {
    world *w = *state;

    rep_close(&w->anna);
    rep_close(&w->ben);
    site_close(&w->s);
    test_free(w);
    return 0;
}

/* All that is under way arrives, and both have what headquarters has. */
static inline void both_agree(world *w) {
    rep_settle(&w->anna);
    rep_settle(&w->ben);
    rep_settle(&w->anna);
    rep_check(&w->anna);
    rep_check(&w->ben);
}

#endif
