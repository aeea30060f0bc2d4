/*
 * base/stamp.c - versions, the hybrid logical clock, and trusted time.
 */
#include "base/stamp.h"

#include <string.h>

#include "base/assert.h"

#define FRESH_TICKS 0x0fffu
/* 256 ms: far more ticks than are given out before the clock goes by the wall again. */
#define LEAP_BYTES 3

/*
 * After a fall back (rule D10) stamps up to `issued` may have been given out before. Below this distance
 * the clock simply goes on above `issued`; a clock that was wrong by more falls back, and random ticks
 * keep the stamps apart.
 */
#define FALL_BACK_MIN_MS 60000

int rove__version_compare(rove__version a, rove__version b) {
    if (a.stamp != b.stamp) {
        return a.stamp < b.stamp ? -1 : 1;
    }
    if (a.replica != b.replica) {
        return a.replica < b.replica ? -1 : 1;
    }
    return 0;
}

static rove_status draw(const rove_random *random, size_t size, rove_stamp *number) {
    uint8_t bytes[LEAP_BYTES] = {0};
    rove_status status = random->fill(random->ctx, bytes, size);

    *number = bytes[0] | (rove_stamp)bytes[1] << 8 | (rove_stamp)bytes[2] << 16;
    return status;
}

/* The stamp after another one. What is not the last of this very clock a copy of it may go on from as well. */
static rove_status follow(const rove__hlc *hlc, rove_stamp before, const rove_random *random,
                          rove_stamp *next) {
    rove_stamp leap = 0;
    rove_status status = ROVE_OK;

    if (before >= ROVE_STAMP_MAX) {
        return ROVE_RANGE;
    }
    if (before != hlc->given) {
        status = draw(random, LEAP_BYTES, &leap);
    }
    *next = before + 1 + leap;
    return status;
}

rove_status rove__hlc_next(rove__hlc *hlc, int64_t now_ms, const rove_random *random,
                           rove_stamp *stamp) {
    rove_stamp now = rove__stamp_make(now_ms, 0);
    rove_stamp next = 0;
    rove_status status = ROVE_OK;

    *stamp = 0;
    if (now > hlc->last) {
        status = draw(random, 2, &next);
        next = now | (next & FRESH_TICKS);
    } else {
        status = follow(hlc, hlc->last, random, &next);
    }
    if (status == ROVE_OK && next <= hlc->issued &&
        rove__stamp_ms(hlc->issued) - rove__stamp_ms(next) < FALL_BACK_MIN_MS) {
        status = follow(hlc, hlc->issued, random, &next);
    }
    if (status != ROVE_OK || next > ROVE_STAMP_MAX) {
        return status != ROVE_OK ? status : ROVE_RANGE;
    }
    ROVE_ASSERT(next > hlc->last);
    hlc->last = next;
    hlc->given = next;
    if (next > hlc->issued) {
        hlc->issued = next;
    }
    *stamp = next;
    return ROVE_OK;
}

void rove__hlc_observe(rove__hlc *hlc, rove_stamp stamp) {
    if (stamp > hlc->last && stamp <= ROVE_STAMP_MAX) {
        hlc->last = stamp;
    }
}

void rove__hlc_settle(rove__hlc *hlc, rove_stamp largest_held) {
    ROVE_ASSERT(largest_held <= ROVE_STAMP_MAX);
    if (largest_held < hlc->last) {
        hlc->last = largest_held;
    }
}

/* The wall clock may hold any value, so nothing here may overflow. */
static int64_t add(int64_t a, int64_t b) {
    if (b > 0 && a > INT64_MAX - b) {
        return INT64_MAX;
    }
    if (b < 0 && a < INT64_MIN - b) {
        return INT64_MIN;
    }
    return a + b;
}

static int64_t subtract(int64_t a, int64_t b) {
    if (b < 0 && a > INT64_MAX + b) {
        return INT64_MAX;
    }
    if (b > 0 && a < INT64_MIN + b) {
        return INT64_MIN;
    }
    return a - b;
}

int64_t rove__anchor_now_ms(const rove__anchor *anchor, const rove_clock_reading *now,
                            int *trusted) {
    *trusted = 0;
    if (anchor->server_ms == 0) {
        return now->wall_ms;
    }
    if (memcmp(now->boot_id, anchor->at.boot_id, ROVE_BOOT_ID_SIZE) == 0 &&
        now->boot_ms >= anchor->at.boot_ms) {
        *trusted = 1;
        return add(anchor->server_ms, subtract(now->boot_ms, anchor->at.boot_ms));
    }
    return add(now->wall_ms, subtract(anchor->server_ms, anchor->at.wall_ms));
}
