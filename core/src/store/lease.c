/*
 * store/lease.c - what the lease of the replica (rules/lease.h) lets be read, and what its end does.
 *
 * Whoever reads, or begins a transaction, asks first. What the handle has of the lease is what is committed; a slice that is
 * used up is written by whoever asks next, in a transaction of its own, so that nothing is written while nobody reads. Only
 * the writer's thread may go on without it, in its own transaction: until that ends the boot clock alone counts.
 *
 * At the end of the lease nothing is read any more, and the keys of an encrypted replica are overwritten, as if the rep had
 * locked it. Exchanges go on: they unlock it for themselves, and a Welcome that they bring grants a lease anew. Nothing that was
 * recorded is touched by any of this: what was not sent goes with the next exchange.
 */
#include "base/log.h"
#include "base/text.h"
#include "store/internal.h"

void rove__lease_set(rove__store *store, const rove__lease *lease) {
    sqlite3_mutex_enter(store->anchor_mutex);
    store->lease = *lease;
    store->leased = lease->lease_ms != 0;
    sqlite3_mutex_leave(store->anchor_mutex);
}

static rove__lease_view look(rove__store *store) {
    rove_clock_reading now;

    store->ports.clock->read(store->ports.clock->ctx, &now);
    sqlite3_mutex_enter(store->anchor_mutex);
    rove__lease_view view = rove__lease_look(&store->lease, &now);
    sqlite3_mutex_leave(store->anchor_mutex);
    return view;
}

int rove__lease_is_over(rove__store *store) {
    return store->ordered || (store->leased && look(store).over);
}

static rove_status refuse(const rove__store *store, rove_error *error) {
    if (store->ordered) {
        return rove__error_set(error, ROVE_LOCKED,
                               "Headquarters has locked the replica. When they have lifted that, "
                               "sync; what was recorded is safe.");
    }
    return rove__error_set(error, ROVE_LOCKED,
                           "The replica has not heard of headquarters for longer than it may be "
                           "read without. Sync, and try again; what was recorded is safe.");
}

/* With the writer's turn kept until the handle has what was written. */
static rove_status charge(rove__store *store, rove_error *error) {
    rove_clock_reading now;
    rove_status status = rove__store_enter(store, error);

    if (status != ROVE_OK) {
        return status;
    }
    sqlite3_mutex_enter(store->mutex);
    store->ports.clock->read(store->ports.clock->ctx, &now);
    rove__lease next = rove__lease_charge(&store->lease, &now);
    status = rove__meta_put_lease(store, &next, error);
    status = rove__store_leave(store, status, error);
    if (status == ROVE_OK) {
        rove__lease_set(store, &next);
    }
    sqlite3_mutex_leave(store->mutex);
    return status;
}

/* Whether somebody writes. It may have ended, or begun, when this returns. */
static int is_busy(rove__store *store) {
    if (sqlite3_mutex_try(store->mutex) != SQLITE_OK) {
        return 1;
    }
    sqlite3_mutex_leave(store->mutex);
    return 0;
}

/* With the writer's turn: the keys, if the lease is over and no exchange needs them. */
static void lock_if_over(rove__store *store) {
    if (!rove__store_is_sealed(store) || store->locked || store->contacts > 0 ||
        !rove__lease_is_over(store)) {
        return;
    }
    rove_status status = rove__lock_keys(store, NULL);
    rove__log(store->ports.log, ROVE_LOG_INFO, "store",
              "the lease is over, the replica is locked: %s", rove_status_name(status));
}

/* Nothing is read any more: the keys go, unless somebody is doing that already. */
static rove_status ended(rove__store *store, rove_error *error) {
    if (rove__store_is_sealed(store) && !store->locked &&
        rove__store_turn(store, NULL) == ROVE_OK) {
        lock_if_over(store);
        rove__store_turn_over(store);
    }
    return store->shut ? rove__lock_refuse(error) : refuse(store, error);
}

/* It is over. That is written, so that a clock which is set right again does not undo it (L3). */
static rove_status end(rove__store *store, const rove__lease_view *view, rove_error *error) {
    if (view->write != ROVE_LEASE_KEPT && !store->locked) {
        rove_status status = charge(store, NULL);
        if (status != ROVE_OK && status != ROVE_STATE) {
            rove__log(store->ports.log, ROVE_LOG_WARN, "store", "the end of the lease: %s",
                      rove_status_name(status));
        }
    }
    return ended(store, error);
}

void rove__store_order(rove__store *store, int locked) {
    store->ordered = locked;
}

rove_status rove__store_check(rove__store *store, rove_error *error) {
    if (store->wiped) {
        return rove__wipe_refuse(error);
    }
    if (store->ordered) {
        return ended(store, error);
    }
    if (!store->leased) {
        return store->locked ? rove__lock_refuse(error) : ROVE_OK;
    }
    rove__lease_view view = look(store);
    if (!view.over && store->locked) {
        return rove__lock_refuse(error);
    }
    if (!view.over &&
        (view.write == ROVE_LEASE_FIRST || (view.write == ROVE_LEASE_SOON && !is_busy(store)))) {
        rove_status status = charge(store, error);
        if (status != ROVE_OK && status != ROVE_STATE) {
            return status;
        }
        view = look(store); /* it may have waited */
    }
    return view.over ? end(store, &view, error) : ROVE_OK;
}

int64_t rove__store_lease_until(rove__store *store, int64_t now_ms) {
    if (!store->leased) {
        return 0;
    }
    rove__lease_view view = look(store);
    sqlite3_mutex_enter(store->anchor_mutex);
    int64_t left = store->lease.lease_ms - view.used_ms;
    sqlite3_mutex_leave(store->anchor_mutex);
    return left < INT64_MAX - now_ms ? now_ms + left : INT64_MAX;
}

/* ---- contact with headquarters ---- */

static rove_status may_contact(rove__store *store, rove_error *error) {
    if (store->wiped) {
        return rove__wipe_refuse(error);
    }
    return store->locked && store->shut ? rove__lock_refuse(error) : ROVE_OK;
}

rove_status rove__store_contact(rove__store *store, rove_error *error) {
    rove_status status = rove__unlock(store, may_contact, error);

    if (status == ROVE_OK) {
        store->contacts++;
        rove__store_turn_over(store);
    }
    return status;
}

void rove__store_contact_over(rove__store *store) {
    store->contacts--;
    if (rove__store_turn(store, NULL) == ROVE_OK) {
        lock_if_over(store); /* else whoever reads next does it */
        rove__store_turn_over(store);
    }
}
