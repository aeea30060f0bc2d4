/*
 * sim/copy.c - a server that reads from a copy of the database which lags behind (Q8): a read transaction of headquarters' own
 * store that stays open while others commit, and is begun anew now and then. What is written goes to the database itself.
 */
#include "world.h"

#define RENEWED 250 /* of 1000 exchanges */
#define READS   400 /* from the copy */

static rove__hq_store lagging;
static const rove__hq_store *leading;
static rove__hq_tx *pinned; /* NULL: there is no copy */

static rove_status begin(void *ctx, rove__hq_mode mode, rove__hq_tx **tx, rove_error *error) {
    if (mode != ROVE_HQ_READ || pinned == NULL) {
        return leading->begin(ctx, mode, tx, error);
    }
    *tx = pinned;
    return ROVE_OK;
}

static void rollback(rove__hq_tx *tx) {
    if (tx != pinned) {
        leading->rollback(tx);
    }
}

void copy_end(void) {
    if (pinned != NULL) {
        rove__hq_tx *tx = pinned;
        pinned = NULL;
        leading->rollback(tx);
    }
}

/* As of now. */
static void pin(const rove__hq_store *store) {
    rove__hq_head head;
    copy_end();
    leading = store;
    if (store->begin(store->ctx, ROVE_HQ_READ, &pinned, NULL) != ROVE_OK) {
        pinned = NULL;
    } else if (store->head_get(pinned, &head) != ROVE_OK) { /* a snapshot is of the first read */
        copy_end();
    }
}

const rove__hq_store *copy_store(office *o, const rove__hq_store *store) {
    if (!o->w->plan->copy || o->w->calm) {
        copy_end();
        return store;
    }
    if (pinned == NULL || sim_chance(&o->routing, RENEWED)) {
        pin(&hq_database(o->hq)->store);
    }
    if (pinned == NULL || !sim_chance(&o->routing, READS)) {
        return store;
    }
    lagging = *store;
    lagging.begin = begin;
    lagging.rollback = rollback;
    lagging.lags = 1;
    o->w->counts->lagging++;
    return &lagging;
}
