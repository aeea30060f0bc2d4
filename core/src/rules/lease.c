/*
 * rules/lease.c - see lease.h.
 */
#include "rules/lease.h"

#include <string.h>

#include "base/planted.h"

/* Clocks may show any value. */
static int64_t add(int64_t a, int64_t b) {
    int64_t sum = 0;

    return __builtin_add_overflow(a, b, &sum) ? (b > 0 ? INT64_MAX : INT64_MIN) : sum;
}

static int64_t since(int64_t now, int64_t then) {
    int64_t difference = 0;

    if (__builtin_sub_overflow(now, then, &difference)) {
        return then < 0 ? INT64_MAX : INT64_MIN;
    }
    return difference;
}

static int64_t greater(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t slice(const rove__lease *lease) {
    int64_t hundredth = lease->lease_ms / 100;

    if (hundredth > ROVE_LEASE_SLICE_MAX_MS) {
        return ROVE_LEASE_SLICE_MAX_MS;
    }
    return greater(hundredth, ROVE_LEASE_SLICE_MIN_MS);
}

/* A boot clock that went back is one of another boot, whatever the device says. */
static int is_same_boot(const rove__lease *written, const rove_clock_reading *now) {
    return memcmp(written->at.boot_id, now->boot_id, ROVE_BOOT_ID_SIZE) == 0 &&
           now->boot_ms >= written->at.boot_ms;
}

/* Used since what is written. */
static int64_t used_within(const rove__lease *written, const rove_clock_reading *now) {
    if (ROVE_PLANTED(L01_WALL_CLOCK)) {
        return greater(since(now->wall_ms, written->at.wall_ms), 0);
    }
    return since(now->boot_ms, written->at.boot_ms); /* L1 */
}

static int64_t used_over_boots(const rove__lease *written, const rove_clock_reading *now) {
    int64_t went_on = since(now->wall_ms, written->at.wall_ms);
    int64_t paid = ROVE_PLANTED(L02_ON_CREDIT) ? 0 : slice(written);

    if (went_on < -ROVE_LEASE_BACK_MS && !ROVE_PLANTED(L03_TURNED_BACK)) {
        return INT64_MAX; /* L3 */
    }
    return greater(went_on, add(paid, greater(now->boot_ms, 0))); /* L2, L3 */
}

rove__lease rove__lease_grant(int64_t lease_ms, const rove_clock_reading *now) {
    rove__lease lease = {.lease_ms = lease_ms, .at = *now};

    return lease;
}

rove__lease_view rove__lease_look(const rove__lease *written, const rove_clock_reading *now) {
    rove__lease_view view = {0, 0, ROVE_LEASE_KEPT};

    if (written->lease_ms == 0) {
        return view;
    }
    int same = is_same_boot(written, now);
    int64_t more = same ? used_within(written, now) : used_over_boots(written, now);
    view.used_ms = add(written->used_ms, more);
    view.over = view.used_ms >= written->lease_ms;
    if (view.over) {
        view.used_ms = written->lease_ms;
        view.write = written->used_ms < written->lease_ms ? ROVE_LEASE_FIRST : ROVE_LEASE_KEPT;
    } else if (!same || more > slice(written)) {
        view.write = ROVE_LEASE_FIRST; /* L2 */
    } else if (more > slice(written) / 2) {
        view.write = ROVE_LEASE_SOON;
    }
    return view;
}

rove__lease rove__lease_charge(const rove__lease *written, const rove_clock_reading *now) {
    rove__lease next = {.lease_ms = written->lease_ms, .at = *now};
    int64_t latest = written->at.wall_ms;

    if (is_same_boot(written, now)) {
        latest = add(latest, since(now->boot_ms, written->at.boot_ms));
    }
    next.used_ms = rove__lease_look(written, now).used_ms;
    next.at.wall_ms = greater(latest, now->wall_ms);
    return next;
}
