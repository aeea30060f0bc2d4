/*
 * support/delivery.h - batches of a number that its device no longer has (P3, D11): Anna's, over Ben's connection.
 */
#ifndef ROVE_TESTS_DELIVERY_H
#define ROVE_TESTS_DELIVERY_H

#include "site_rep.h"
#include "two_reps.h"

#define FORMER_OF                                                                                  \
    (const raw_seal) {                                                                             \
        .replica = ANNAS, .type = ROVE_FRAME_FORMER                                                \
    }

/* Anna's number was Ben's, and is not hers. */
static inline void give_number_to_ben(world *w) {
    rove__hq_device device;
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->device_get(tx, ANNAS, 1, &device), ROVE_OK);
    device.user = BEN;
    assert_int_equal(w->s.store->device_put(tx, &device), ROVE_OK);
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
}

/* Ben's exchange carries these batches of hers. */
static inline void deliver(world *w, const rep_batch *batches, size_t count, const raw_seal *seal,
                           rep_outcome *outcome) {
    rove__hello hello = raw_default_hello(&w->ben);
    raw_request *q = raw_open(&w->ben);

    hello.formers = count;
    hello.checked = w->ben.cursor.timeline; /* these, and none but these, are not here */
    raw_hello(q, &hello);
    for (size_t i = 0; i < count; i++) {
        raw_sealed(q, &batches[i], seal);
    }
    raw_end(q);
    raw_answer(q, 0, outcome);
    assert_int_equal(outcome->failed, ROVE_OK);
    assert_true(outcome->ended);
}

#endif
