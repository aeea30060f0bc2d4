/*
 * http/order.c - GET /v1/order: what a device is ordered, if anything. It is asked for by devices that were refused, and by nobody
 * else: so whoever has a certificate of ours may ask, revoked or expired as it may be. The order holds by its signature. That it was
 * fetched is put down once.
 */
#include "base/log.h"
#include "http/answer.h"
#include "http/routes.h"
#include "orders.h"

typedef struct reading {
    request *request;
    hq_order order;
} reading;

static rove_status read_order(void *ctx, rove__hq_tx *tx, rove_error *error) {
    reading *self = ctx;
    hq *headquarters = self->request->http->headquarters;
    (void)error;
    rove_status status =
        hq_order_get(headquarters, tx, self->request->device.replica, &self->order);
    return status == ROVE_OK && !hq_order_is_open(&self->order, hq_now_ms(headquarters))
               ? ROVE_NOT_FOUND
               : status;
}

static rove_status put_down(void *ctx, rove__hq_tx *tx, rove_error *error) {
    reading *self = ctx;
    (void)error;
    return hq_order_fetched(self->request->http->headquarters, tx, &self->order.order);
}

/* A full disk keeps no order from anybody. */
static void note_fetched(reading *self) {
    hq *headquarters = self->request->http->headquarters;
    rove_status status = hq_commit(headquarters, put_down, self, NULL);
    if (status != ROVE_OK) {
        rove__log(&hq_get_ports(headquarters)->log, ROVE_LOG_WARN, "hq",
                  "that device %u fetched its order was not put down: %s",
                  (unsigned)self->order.order.replica, rove_status_name(status));
    }
}

enum MHD_Result order_finish(request *self) {
    reading at = {.request = self};
    rove_error error = {0};
    rove_status status = hq_read(self->http->headquarters, read_order, &at, &error);
    if (status == ROVE_NOT_FOUND) {
        return answer_status(self, MHD_HTTP_NOT_FOUND, ROVE_NOT_FOUND);
    }
    if (status == ROVE_OK && at.order.fetched_ms == 0) {
        note_fetched(&at);
    }
    return status == ROVE_OK
               ? answer_bytes(self, ROVE_ORDER_CONTENT_TYPE, at.order.bytes, at.order.size)
               : answer_failure(self, status, &error);
}
