/*
 * base/stamp.h - ids, hybrid logical stamps, and trusted time.
 *
 * A stamp is ms << 16 | ticks (Kulkarni et al., "Logical Physical Clocks", 2014). rove__hlc never issues
 * a stamp twice and never one below what it has issued or observed; ticks of a fresh millisecond start at
 * a random value below 2^12, so that clones of a device rarely collide. While the wall clock is behind, stamps are
 * counted on, and the first after one that this very clock did not give (it was opened, heard of a later one, or fell
 * back) leaps by up to 256 ms, for a clone counts on from the same one. When nothing is unsent the clock may fall back
 * (rule D10): rove__hlc_settle.
 */
#ifndef ROVE_BASE_STAMP_H
#define ROVE_BASE_STAMP_H

#include <stdint.h>

#include "rove/status.h"
#include "rove/sys/clock.h"
#include "rove/sys/random.h"
#include "rove/value.h"

#define ROVE_REPLICA_MAX 0x7fffffffu
#define ROVE_REPLICA_HEADQUARTERS 1u
/* The largest stamp whose milliseconds (year 6429) are still believed to be a time at all. */
#define ROVE_STAMP_MAX 0x7fffffffffffffffu

static inline rove_id rove__id_make(rove_replica replica, uint32_t counter)
{
    return (rove_id)(((uint64_t)replica << 32) | counter);
}
static inline rove_replica rove__id_replica(rove_id id)
{
    return (rove_replica)((uint64_t)id >> 32);
}
static inline uint32_t rove__id_counter(rove_id id)
{
    return (uint32_t)((uint64_t)id & 0xffffffffu);
}
static inline rove_stamp rove__stamp_make(int64_t ms, uint16_t ticks)
{
    uint64_t clamped = ms < 0 ? 0 : ms > 0x7fffffffffff ? 0x7fffffffffffu : (uint64_t)ms;
    return (clamped << 16) | ticks;
}
static inline int64_t rove__stamp_ms(rove_stamp stamp)
{
    return (int64_t)(stamp >> 16);
}

/* The version of a cell: who wrote it, and when by the stamp in force. Total order: stamp, replica. */
typedef struct rove__version {
    rove_stamp stamp;
    rove_replica replica;
} rove__version;

/* -1, 0, 1 */
int rove__version_compare(rove__version a, rove__version b);

/* The identity of a record: where and when it was first made, by the maker's own raw stamp. */
typedef rove__version rove__origin;

typedef struct rove__hlc {
    rove_stamp last;    /* the largest stamp issued or observed */
    rove_stamp issued;  /* the largest stamp ever issued here */
    rove_stamp given;   /* the last one that this clock gave, never kept in a file: a copy begins without; 0: none yet */
} rove__hlc;

/* A stamp above all issued and observed ones, at now_ms or later. */
rove_status rove__hlc_next(rove__hlc *hlc, int64_t now_ms, const rove_random *random,
                           rove_stamp *stamp);
/* Remembers a stamp that came from elsewhere. */
void rove__hlc_observe(rove__hlc *hlc, rove_stamp stamp);
/* D10: nothing is unsent, so fall back to the largest stamp held. `issued` stays: no stamp twice. */
void rove__hlc_settle(rove__hlc *hlc, rove_stamp largest_held);

/*
 * The anchor of trusted time: what headquarters' clock said, against this device's clocks at that
 * moment. server_ms == 0 means that there is none yet.
 */
typedef struct rove__anchor {
    int64_t server_ms;
    rove_clock_reading at;
} rove__anchor;

/*
 * Unix ms by headquarters' time: anchor + boot clock; after a reboot the wall clock with the offset seen
 * last; without an anchor the wall clock itself. *trusted is 1 only in the first case.
 */
int64_t rove__anchor_now_ms(const rove__anchor *anchor, const rove_clock_reading *now,
                            int *trusted);

/* The UTC month of an instant as YYYYMM, 0 for an instant outside the years 1 .. 9999 (proleptic). */
int32_t rove__month_of(int64_t unix_ms);
/* First ms of the month YYYYMM and of the month after it. ROVE_RANGE for what is no month. */
rove_status rove__month_range(int32_t month, int64_t *from_ms, int64_t *to_ms);

/* ISO 8601 in UTC, "2026-11-23T09:05:00.000Z", NUL-terminated. */
#define ROVE_TIME_TEXT_SIZE 32
void rove__time_format(int64_t unix_ms, char text[ROVE_TIME_TEXT_SIZE]);
/* Accepts dates, and times with Z, an offset or nothing (UTC). ROVE_INVALID otherwise. */
rove_status rove__time_parse(const char *text, size_t size, int64_t *unix_ms);

#endif
