/*
 * rules/lease.h - how long a device may read without having heard of headquarters. Pure: no clock, no file.
 *
 * A lease is granted by each Welcome and used up by time: by all of it, also while the app is not running. What is known
 * for sure is only the boot clock, and only within one boot; whoever holds the device may set the wall clock, cut the
 * power and start it again as often as he likes. So that none of it adds reading time:
 *
 *   L1  within a boot the boot clock counts, and nothing else;
 *   L2  time is paid for before it is used, in slices: what is written always covers a slice more than was used. After another
 *       boot that slice is gone, and all of the time since the device started counts;
 *   L3  over another boot the wall clock counts what is more, if it went on. If it went back by more than ROVE_LEASE_BACK_MS
 *       behind the latest time that it ever showed, the lease is over until headquarters grants it anew.
 *
 * What nobody can see is time that the device was off, or on without anybody reading, if the clock is set back before it is
 * read: then only the slice and the time since the start count.
 */
#ifndef ROVE_RULES_LEASE_H
#define ROVE_RULES_LEASE_H

#include <stdint.h>

#include "rove/sys/clock.h"

/* A clock that is corrected by so much over a restart is an honest one. */
#define ROVE_LEASE_BACK_MS INT64_C(600000)
/* A slice is a hundredth of the lease, within these. */
#define ROVE_LEASE_SLICE_MIN_MS INT64_C(1000)
#define ROVE_LEASE_SLICE_MAX_MS INT64_C(60000)

/* As it is kept on disk. */
typedef struct rove__lease {
    int64_t lease_ms; /* 0: none, all may be read for ever */
    int64_t used_ms;  /* of it at the moment `at` */
    rove_clock_reading
        at; /* its wall_ms: the latest that the wall clock has shown since the grant */
} rove__lease;

typedef enum rove__lease_write {
    ROVE_LEASE_KEPT, /* what is written covers this moment */
    ROVE_LEASE_SOON, /* and not many more: write when it costs nobody time */
    ROVE_LEASE_FIRST /* write before anything is read */
} rove__lease_write;

typedef struct rove__lease_view {
    int64_t used_ms; /* at most lease_ms */
    int over;
    rove__lease_write write;
} rove__lease_view;

/* A fresh lease from now on; lease_ms 0: none. */
rove__lease rove__lease_grant(int64_t lease_ms, const rove_clock_reading *now);
/* How it stands now, by what is written. */
rove__lease_view rove__lease_look(const rove__lease *written, const rove_clock_reading *now);
/* What is to be written now. */
rove__lease rove__lease_charge(const rove__lease *written, const rove_clock_reading *now);

#endif
