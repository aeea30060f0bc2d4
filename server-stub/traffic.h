/*
 * traffic.h - how much each device was sent on which day, and whether it may have more today: a copy of what a rep holds takes
 * one download, and whoever takes many is seen, and made to wait.
 *
 * A device that is given a fresh number, because it is a copy or was restored, goes on with what it has had that day.
 *
 * Counted are the bytes of answers, compressed, and full downloads: answers that were taken to the end by a device that had
 * nothing before. A day is one of UTC. What was counted is kept in the setting "traffic/<replica>", newest first:
 *
 *   value = line{1,TRAFFIC_DAYS} ; line = day " " bytes " " downloads "\n"    decimal; day: days since 1970
 *
 * It is written with what the device's next exchange commits anyway, and at once where much came together; so a process that
 * is killed forgets less than TRAFFIC_SAVE_BYTES of each device. Memory: one entry for each device that came.
 *
 * Threads: any.
 */
#ifndef ROVE_HQ_TRAFFIC_H
#define ROVE_HQ_TRAFFIC_H

#include "hq.h"

#define TRAFFIC_DAYS       31
#define TRAFFIC_SAVE_BYTES ((uint64_t)1024 * 1024)
#define TRAFFIC_DAY_MS     INT64_C(86400000)

/* One day of one device. */
typedef struct traffic_day {
    int64_t day;
    uint64_t bytes;
    uint64_t downloads;
} traffic_day;

/* What a device may have in a day; more than that, and it waits for the next. */
typedef struct traffic_limits {
    uint64_t bytes;
    uint64_t downloads;
} traffic_limits;

typedef struct traffic traffic;

/* `headquarters` is borrowed. NOMEM. */
ROVE_CHECK rove_status traffic_new(hq *headquarters, const traffic_limits *limits, traffic **out);
/* Nobody uses it any more. NULL is fine. */
void traffic_free(traffic *self);

/* OK, or LATER: it has had more than its limits today; *wait_s: so many seconds are left of the day. Not in a job. */
ROVE_CHECK rove_status traffic_admit(traffic *self, rove_replica replica, int64_t *wait_s);
/* Counts an answer. 1: there is so much to be kept now that traffic_keep is due. */
int traffic_add(traffic *self, rove_replica replica, uint64_t bytes, int full);
/* In a job: keeps what was counted of a device; the day on which it passes its limits is an act of headquarters. */
ROVE_CHECK rove_status traffic_save(traffic *self, rove__hq_tx *tx, rove_replica replica);
/* The same in a transaction of its own. */
ROVE_CHECK rove_status traffic_keep(traffic *self, rove_replica replica, rove_error *error);
/* How many devices are past their limits today. */
unsigned traffic_over(traffic *self);

/* In a transaction: the days of a device that are kept, newest first; *count: how many. */
ROVE_CHECK rove_status traffic_read(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                                    traffic_day days[TRAFFIC_DAYS], size_t *count);

#endif
