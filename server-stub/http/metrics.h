/*
 * http/metrics.h - counters of this process, and their Prometheus text.
 *
 *   rove_requests_total{path,status}     answers given, by path ("other": none of ours) and HTTP status
 *   rove_exchange_seconds                histogram: from the request's head to its last byte answered
 *   rove_exchange_batches_total          batches judged, and of them
 *   rove_exchange_{rows_in,rows_out,pages,conflicts,reviews,parked,rejected,bytes_in,bytes_out}_total
 *   rove_commit_groups_total             transactions committed; batches / groups tells how well they share
 *   rove_connections                     open now, and of them
 *   rove_waiting                         those that wait for news
 *   rove_wakes_total                     waits that news ended
 *   rove_exchange_memory_bytes           that all exchanges under way hold (purse.h)
 *   rove_head_seq, rove_database_bytes   where headquarters stands
 *   rove_database_memory_bytes           that the database holds: its caches, above all
 *   rove_devices{status}                 active, revoked, replaced
 *   rove_contest_alarms_total            devices that won nearly all of a day's contests (contests.h)
 *
 * No label comes from a peer. Threads: any.
 */
#ifndef ROVE_HQ_METRICS_H
#define ROVE_HQ_METRICS_H

#include "hq.h"

#define METRICS_TEXT_MAX ((size_t)256 * 1024)

typedef struct metrics metrics;

/* What the text shows beside the counters. */
typedef struct metrics_gauges {
    size_t connections;
    size_t waiting;
    uint64_t wakes;
    uint64_t commit_groups;
    uint64_t head_seq;
    uint64_t database_bytes;
    uint64_t database_memory_bytes;
    uint64_t exchange_memory_bytes;
    uint64_t over_quota;                        /* devices, today */
    uint64_t devices[ROVE_DEVICE_REPLACED + 1]; /* by status */
} metrics_gauges;

/* NULL without memory. */
metrics *metrics_new(const rove_allocator *allocator);
void metrics_free(metrics *self);

/* `path` is one of a few constants: compared by address. */
void metrics_answered(metrics *self, const char *path, unsigned http_status);
void metrics_exchanged(metrics *self, const rove__server_stats *stats, int64_t ms);
/* A device was turned away because it has had its share of the day. */
void metrics_over_quota(metrics *self);
/* Operators were told of so many devices that win nearly all contests (contests.h). */
void metrics_contests(metrics *self, unsigned told);
void metrics_write(metrics *self, const metrics_gauges *gauges, rove__buf *out);

#endif
