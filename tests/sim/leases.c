/*
 * sim/leases.c - I15: a device reads for its lease, and no longer, whatever becomes of its clocks; and not less than that for nothing.
 *
 * What is true: reading time is the time that the device was on since headquarters last spoke to it, in each boot up to the last
 * read. A device may say that its lease is over when that is so by the time that really went by, less a slice for each start;
 * or if its clock or its files went back.
 */
#include "world.h"

#define MINUTE_MS    INT64_C(60000)
#define HOUR_MS      (60 * MINUTE_MS)
#define HELD_MS      (4 * MINUTE_MS)
#define HELD_STEP_MS 25000 /* less than half a slice of a lease of hours */

static int64_t lease_ms(const world *w) {
    return (int64_t)w->plan->lease * HOUR_MS;
}

/* In peace there is none, so that all can be looked at; what was granted before ends with the first sync. */
int64_t leases_granted_ms(const world *w) {
    return w->calm ? 0 : lease_ms(w);
}

void leases_contact(device *d) {
    d->lease.contact_ms = d->w->now_ms;
    d->lease.before_ms = 0;
    d->lease.last_ms = 0;
}

void leases_sync(device *d, int began, rove_status status) {
    if (began) {
        d->lease.began_ms = d->w->now_ms;
    } else if (status == ROVE_OK) {
        d->lease.granted_ms = d->lease.began_ms;
        d->lease.starts = 0;
    }
}

void leases_new_user(device *d) {
    d->lease.granted_ms = 0; /* what the one before was granted went with what he could read */
}

void leases_odd(device *d) {
    d->lease.odd_ms = d->w->now_ms;
}

void leases_went_back(device *d) {
    leases_odd(d);
    leases_contact(d);
    d->lease.read_ms = 0;
    d->lease.granted_ms = 0; /* they may be of a time before any lease */
}

void leases_stopped(device *d, int power) {
    if (power) {
        d->lease.before_ms += d->lease.last_ms;
        d->lease.last_ms = 0;
        d->lease.starts++;
    }
}

static void has_read(device *d) {
    const world *w = d->w;
    int64_t from_ms =
        d->machine.booted_ms > d->lease.contact_ms ? d->machine.booted_ms : d->lease.contact_ms;
    int64_t total_ms = d->lease.before_ms + w->now_ms - from_ms;
    if (d->lease.granted_ms > 0 && total_ms >= lease_ms(w) && !w->calm) {
        VIOLATED(d->w, "I15", "device %d reads after %lld s of its lease of %u h", d->number,
                 (long long)(total_ms / 1000), w->plan->lease);
    }
    if (d->lease.granted_ms > 0 && d->lease.turned_back) {
        VIOLATED(d->w, "I15", "device %d reads, though its clock was turned back", d->number);
    }
    d->lease.last_ms = w->now_ms - from_ms;
    d->lease.read_ms = w->now_ms;
}

static void is_locked(device *d) {
    int64_t gone_ms = d->w->now_ms - d->lease.granted_ms + (d->lease.starts + 2) * MINUTE_MS;
    d->w->counts->leases_over++;
    if (d->lease.granted_ms > 0 && d->lease.odd_ms < d->lease.granted_ms &&
        gone_ms < lease_ms(d->w)) {
        VIOLATED(d->w, "I15", "device %d is locked %lld s after a sync, with a lease of %u h",
                 d->number, (long long)((d->w->now_ms - d->lease.granted_ms) / 1000),
                 d->w->plan->lease);
    }
}

/*
 * A few minutes before the end: it is read for a little less than what is written at once, its power is cut, and its clock is
 * put back to where it was; and so on, to a few minutes after the end.
 */
void leases_held(device *d) {
    world *w = d->w;
    int64_t left_ms = lease_ms(w) - (w->now_ms - d->lease.granted_ms);
    if (d->lease.granted_ms == 0 || left_ms <= HELD_MS || left_ms > 13 * HOUR_MS) {
        return;
    }
    int64_t until_ms = w->now_ms + left_ms + HELD_MS;
    w->now_ms += left_ms - HELD_MS;
    while (w->now_ms < until_ms && d->replica != NULL && leases_reads(d) && !world_failed(w)) {
        w->now_ms += HELD_STEP_MS;
        if (leases_reads(d)) {
            device_stop(d, 1, 0);
            d->machine.offset_ms -= HELD_STEP_MS;
            leases_odd(d);
            device_wake(d);
        }
    }
}

void leases_turned_back(device *d, int64_t by_ms) {
    /* What it read last stands in its files, to a minute. */
    d->lease.turned_back =
        d->lease.read_ms > 0 && d->w->now_ms - d->lease.read_ms < by_ms - 30 * MINUTE_MS;
    leases_odd(d);
}

static rove_status read_one(device *d) {
    rove_error error = {0};
    rove_query *query = NULL;
    rove_status status = rove_query_new(d->replica, "SELECT 1", NULL, 0, &query, &error);
    rove_query_free(query);
    return status;
}

int leases_reads(device *d) {
    if (wipes_under_way(d)) {
        return 0;
    }
    if (d->w->plan->lease == 0 || d->replica == NULL) {
        return 1;
    }
    rove_status status = read_one(d);
    if (status != ROVE_OK && status != ROVE_LOCKED) {
        status = read_one(d); /* a failure that was to come came just here */
    }
    if (status == ROVE_OK) {
        has_read(d);
    } else if (status == ROVE_LOCKED) {
        is_locked(d);
    }
    d->lease.turned_back = 0;
    return status != ROVE_LOCKED;
}
