/*
 * http/metrics.c - see metrics.h.
 */
#include "http/metrics.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define COUNTERS_MAX    128
#define METRIC_LINE_MAX 200

typedef struct answered {
    const char *path;
    unsigned http_status;
    uint64_t count;
} answered;

static const unsigned bucket_ms[] = {5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 60000};
#define BUCKETS (sizeof bucket_ms / sizeof bucket_ms[0])

struct metrics {
    const rove_allocator *allocator;
    pthread_mutex_t mutex; /* over what follows */
    answered answers[COUNTERS_MAX];
    size_t answer_count;
    rove__server_stats sums;
    uint64_t buckets[BUCKETS + 1]; /* the last: longer than all */
    uint64_t exchange_ms;
    uint64_t exchanges;
    uint64_t over_quota;
    uint64_t contest_alarms;
};

metrics *metrics_new(const rove_allocator *allocator) {
    metrics *self = rove__alloc_zeroed(allocator, 1, sizeof *self);
    if (self != NULL) {
        self->allocator = allocator;
        (void)pthread_mutex_init(&self->mutex, NULL);
    }
    return self;
}

void metrics_free(metrics *self) {
    if (self != NULL) {
        (void)pthread_mutex_destroy(&self->mutex);
        rove__free(self->allocator, self);
    }
}

void metrics_answered(metrics *self, const char *path, unsigned http_status) {
    (void)pthread_mutex_lock(&self->mutex);
    size_t i = 0;
    while (i < self->answer_count &&
           (self->answers[i].path != path || self->answers[i].http_status != http_status)) {
        i++;
    }
    if (i == self->answer_count && i < COUNTERS_MAX) {
        self->answers[self->answer_count++] = (answered){path, http_status, 0};
    }
    if (i < COUNTERS_MAX) {
        self->answers[i].count++;
    }
    (void)pthread_mutex_unlock(&self->mutex);
}

void metrics_exchanged(metrics *self, const rove__server_stats *stats, int64_t ms) {
    size_t bucket = 0;
    while (bucket < BUCKETS && ms > (int64_t)bucket_ms[bucket]) {
        bucket++;
    }
    (void)pthread_mutex_lock(&self->mutex);
    self->buckets[bucket]++;
    self->exchanges++;
    self->exchange_ms += ms > 0 ? (uint64_t)ms : 0;
    self->sums.batches += stats->batches;
    self->sums.rows_in += stats->rows_in;
    self->sums.rows_out += stats->rows_out;
    self->sums.pages += stats->pages;
    self->sums.conflicts += stats->conflicts;
    self->sums.reviews += stats->reviews;
    self->sums.parked += stats->parked;
    self->sums.rejected += stats->rejected;
    self->sums.bytes_in += stats->bytes_in;
    self->sums.bytes_out += stats->bytes_out;
    (void)pthread_mutex_unlock(&self->mutex);
}

void metrics_over_quota(metrics *self) {
    (void)pthread_mutex_lock(&self->mutex);
    self->over_quota++;
    (void)pthread_mutex_unlock(&self->mutex);
}

void metrics_contests(metrics *self, unsigned told) {
    (void)pthread_mutex_lock(&self->mutex);
    self->contest_alarms += told;
    (void)pthread_mutex_unlock(&self->mutex);
}

static void line(rove__buf *out, const char *format, ...) ROVE_PRINTF(2, 3);
static void line(rove__buf *out, const char *format, ...) {
    char text[METRIC_LINE_MAX];
    va_list args;
    va_start(args, format);
    rove__text_vformat(text, sizeof text, format, args);
    va_end(args);
    rove__buf_append(out, text, strlen(text));
}

static void head(rove__buf *out, const char *name, const char *type, const char *help) {
    line(out, "# HELP %s %s\n", name, help);
    line(out, "# TYPE %s %s\n", name, type);
}

static void single(rove__buf *out, const char *name, const char *type, const char *help,
                   uint64_t value) {
    head(out, name, type, help);
    line(out, "%s %llu\n", name, (unsigned long long)value);
}

static void write_answers(const metrics *self, rove__buf *out) {
    head(out, "rove_requests_total", "counter", "Answers given, by path and HTTP status.");
    for (size_t i = 0; i < self->answer_count; i++) {
        const answered *answer = &self->answers[i];
        line(out, "rove_requests_total{path=\"%s\",status=\"%u\"} %llu\n", answer->path,
             answer->http_status, (unsigned long long)answer->count);
    }
}

static void write_seconds(const metrics *self, rove__buf *out) {
    uint64_t sum = 0;
    head(out, "rove_exchange_seconds", "histogram", "Time of an exchange, first byte to last.");
    for (size_t i = 0; i < BUCKETS; i++) {
        sum += self->buckets[i];
        line(out, "rove_exchange_seconds_bucket{le=\"%u.%03u\"} %llu\n", bucket_ms[i] / 1000,
             bucket_ms[i] % 1000, (unsigned long long)sum);
    }
    line(out, "rove_exchange_seconds_bucket{le=\"+Inf\"} %llu\n",
         (unsigned long long)self->exchanges);
    line(out, "rove_exchange_seconds_sum %llu.%03llu\n",
         (unsigned long long)(self->exchange_ms / 1000),
         (unsigned long long)(self->exchange_ms % 1000));
    line(out, "rove_exchange_seconds_count %llu\n", (unsigned long long)self->exchanges);
}

static void write_sums(const rove__server_stats *sums, rove__buf *out) {
    const struct {
        const char *name, *help;
        uint64_t value;
    } rows[] = {
        {"rove_exchange_batches_total", "Batches judged.", sums->batches},
        {"rove_exchange_rows_in_total", "Rows that devices sent.", sums->rows_in},
        {"rove_exchange_rows_out_total", "Rows that devices were sent.", sums->rows_out},
        {"rove_exchange_pages_total", "Pages that devices were sent.", sums->pages},
        {"rove_exchange_conflicts_total", "Concurrent writes that lost.", sums->conflicts},
        {"rove_exchange_reviews_total", "Writes put to review.", sums->reviews},
        {"rove_exchange_parked_total", "Edits that wait for their record.", sums->parked},
        {"rove_exchange_rejected_total", "Writes that a rule refused.", sums->rejected},
        {"rove_exchange_bytes_in_total", "Bytes of requests, compressed.", sums->bytes_in},
        {"rove_exchange_bytes_out_total", "Bytes of answers, compressed.", sums->bytes_out},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        single(out, rows[i].name, "counter", rows[i].help, rows[i].value);
    }
}

static void write_gauges(const metrics_gauges *gauges, rove__buf *out) {
    single(out, "rove_commit_groups_total", "counter", "Transactions committed.",
           gauges->commit_groups);
    single(out, "rove_connections", "gauge", "Connections open.", gauges->connections);
    single(out, "rove_waiting", "gauge", "Connections that wait for news.", gauges->waiting);
    single(out, "rove_wakes_total", "counter", "Waits that news ended.", gauges->wakes);
    single(out, "rove_head_seq", "gauge", "The last seq of the stream.", gauges->head_seq);
    single(out, "rove_database_bytes", "gauge", "Size of the database.", gauges->database_bytes);
    single(out, "rove_database_memory_bytes", "gauge", "Memory that the database holds.",
           gauges->database_memory_bytes);
    single(out, "rove_exchange_memory_bytes", "gauge", "Memory that exchanges under way hold.",
           gauges->exchange_memory_bytes);
    single(out, "rove_devices_over_quota", "gauge",
           "Devices that have had more than their share today.", gauges->over_quota);
    head(out, "rove_devices", "gauge", "Devices by status.");
    line(out, "rove_devices{status=\"active\"} %llu\n",
         (unsigned long long)gauges->devices[ROVE_DEVICE_ACTIVE]);
    line(out, "rove_devices{status=\"revoked\"} %llu\n",
         (unsigned long long)gauges->devices[ROVE_DEVICE_REVOKED]);
    line(out, "rove_devices{status=\"replaced\"} %llu\n",
         (unsigned long long)gauges->devices[ROVE_DEVICE_REPLACED]);
}

void metrics_write(metrics *self, const metrics_gauges *gauges, rove__buf *out) {
    (void)pthread_mutex_lock(&self->mutex);
    write_answers(self, out);
    write_seconds(self, out);
    write_sums(&self->sums, out);
    single(out, "rove_quota_refusals_total", "counter",
           "Exchanges of devices that have had their share of the day.", self->over_quota);
    single(out, "rove_contest_alarms_total", "counter",
           "Devices that won nearly all of a day's contests with others' writes.",
           self->contest_alarms);
    (void)pthread_mutex_unlock(&self->mutex);
    write_gauges(gauges, out);
}
