/*
 * http/status.c - /healthz and /metrics: for those who watch over headquarters.
 */
#include <string.h>

#include "http/answer.h"
#include "http/routes.h"

static rove_status read_head(void *ctx, rove__hq_tx *tx, rove_error *error) {
    rove__hq_head head;
    request *self = ctx;
    (void)error;
    return hq_database(self->http->headquarters)->store.head_get(tx, &head);
}

enum MHD_Result healthz_finish(request *self) {
    char text[] = "ok\n";
    rove_error error = {0};
    rove_status status = hq_read(self->http->headquarters, read_head, self, &error);
    if (status != ROVE_OK) {
        return answer_failure(self, ROVE_LATER, &error);
    }
    return answer_bytes(self, "text/plain; charset=utf-8", text, sizeof text - 1);
}

typedef struct gauging {
    const rove__hq_database *database;
    metrics_gauges gauges;
} gauging;

static rove_status each_device(void *ctx, const rove__hq_device *device) {
    gauging *self = ctx;
    if (device->status >= ROVE_DEVICE_ACTIVE && device->status <= ROVE_DEVICE_REPLACED) {
        self->gauges.devices[device->status]++;
    }
    return ROVE_OK;
}

static rove_status gauge(void *ctx, rove__hq_tx *tx, rove_error *error) {
    gauging *self = ctx;
    rove__hq_head head;
    (void)error;
    rove_status status = self->database->store.head_get(tx, &head);
    if (status == ROVE_OK) {
        self->gauges.head_seq = head.seq;
        status = self->database->store.device_scan(tx, 0, each_device, self);
    }
    return status;
}

enum MHD_Result metrics_finish(request *self) {
    hq_http *http = self->http;
    rove__hq_database *database = hq_database(http->headquarters);
    gauging now = {.database = database};
    rove_error error = {0};
    rove_status status = hq_read(http->headquarters, gauge, &now, &error);
    if (status != ROVE_OK) {
        return answer_failure(self, status, &error);
    }
    now.gauges.connections = guard_count(http->guard);
    wake_count(hq_get_wake(http->headquarters), &now.gauges.waiting, &now.gauges.wakes);
    now.gauges.commit_groups = hq_commit_groups(http->headquarters);
    now.gauges.database_bytes = database->size_bytes(database);
    now.gauges.database_memory_bytes = database->memory_bytes(database);
    now.gauges.exchange_memory_bytes = purse_used(&http->purse);
    now.gauges.over_quota = traffic_over(http->traffic);
    rove__buf text;
    rove__buf_init(&text, &hq_get_ports(http->headquarters)->allocator, METRICS_TEXT_MAX);
    metrics_write(http->metrics, &now.gauges, &text);
    enum MHD_Result answered =
        rove__buf_status(&text) == ROVE_OK
            ? answer_bytes(self, "text/plain; version=0.0.4; charset=utf-8", text.data, text.size)
            : answer_failure(self, rove__buf_status(&text), NULL);
    rove__buf_free(&text);
    return answered;
}
