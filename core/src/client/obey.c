/*
 * client/obey.c - a device that headquarters refuses asks whether it is ordered something, and does it. The order is checked for
 * what it is (wire/order.h); that it came over a connection to headquarters is not enough.
 *
 * Time: an order whose end has passed is not followed. A device that does not know the time (it was started again, and refused since)
 * goes by what it is past for certain, the moment when headquarters issued its certificate: not knowing the time is no way around
 * an order.
 */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "client/internal.h"
#include "client/orders.h"

static rove__order_terms terms_of(rove *replica) {
    const rove__identity *identity = &replica->credentials->identity;
    int trusted = 0;
    int64_t now_ms = rove__store_now_ms(replica->store, &trusted);

    return (rove__order_terms){
        .replica = identity->replica,
        .pins = {rove__identity_pin(identity->pin), rove__identity_pin(identity->backup_pin)},
        .now_ms = trusted ? now_ms : identity->server_ms};
}

/* NOT_FOUND: there is none. */
static rove_status ask(rove *replica, rove__buf *answer, rove_error *error) {
    rove_response response;
    rove__letter letter = {.method = "GET",
                           .url = replica->credentials->url,
                           .path = ROVE_ORDER_PATH,
                           .accept = ROVE_ORDER_CONTENT_TYPE,
                           .answer = answer};

    return rove__letter_send(replica, &letter, &response, error);
}

/* EXISTS: it was carried out, and lifted since. */
static rove_status check(rove *replica, const rove__buf *bytes, rove__signed_order *order,
                         rove_error *error) {
    const rove__order_terms terms = terms_of(replica);

    rove_status status = rove__order_read(order, bytes->data, bytes->size);
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "What headquarters answered is no order: %s",
                               rove_status_text(status));
    }
    status = rove__order_check(&replica->ports.crypto, order, &terms, error);
    if (status == ROVE_OK && rove__orders_is_done(&replica->orders, order->nonce)) {
        status = rove__error_set(error, ROVE_EXISTS,
                                 "An order came that was carried out before. It was not followed.");
    }
    return status;
}

rove__stage rove__client_stage(rove *replica) {
    rove__mutex_enter(replica->mutex);
    rove__stage stage = replica->orders.stage;
    rove__mutex_leave(replica->mutex);
    return stage;
}

rove_status rove__client_put_orders(rove *replica, const rove__orders *orders, rove_error *error) {
    rove_status status =
        rove__orders_save(&replica->credentials_ports, replica->orders_path, orders, error);

    if (status == ROVE_OK) {
        rove__mutex_enter(replica->mutex);
        replica->orders = *orders;
        rove__mutex_leave(replica->mutex);
        rove__store_order(replica->store, orders->stage != ROVE_STAGE_FREE);
    }
    return status;
}

/* From here on it is locked; also a process that is killed now finds it so. */
static rove_status take_up(rove *replica, const rove__buf *bytes, rove__stage stage,
                           rove_error *error) {
    rove__orders next = replica->orders;

    next.stage = stage;
    next.order_size = bytes->size;
    memcpy(next.order, bytes->data, bytes->size);
    return rove__client_put_orders(replica, &next, error);
}

static rove_status follow(rove *replica, const rove__buf *bytes, rove_error *error) {
    rove__signed_order order;
    rove_status status = check(replica, bytes, &order, error);

    if (status != ROVE_OK) {
        return status;
    }
    int wipe = order.kind == ROVE_ORDER_WIPE;
    rove__signed_order current = rove__orders_current(&replica->orders);
    if (memcmp(current.nonce, order.nonce, sizeof order.nonce) != 0) {
        status = take_up(replica, bytes, wipe ? ROVE_STAGE_SEALING : ROVE_STAGE_LOCKED, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    return wipe && !rove__store_is_locked(replica->store)
               ? rove__client_wipe_on(replica, error)
               : rove__store_check(replica->store, error);
}

rove_status rove__client_obey(rove *replica, rove_error *error) {
    rove_error detail = {.message = ""};
    rove__buf answer;

    rove__buf_init(&answer, &replica->ports.allocator, ROVE_ORDER_MAX);
    rove_status status = ask(replica, &answer, &detail);
    int answered = status == ROVE_OK;
    if (answered) {
        status = follow(replica, &answer, &detail);
        rove__log(&replica->ports.log, ROVE_LOG_WARN, "client", "an order of headquarters: %s",
                  rove_status_name(status));
    }
    rove__buf_free(&answer);
    /* Whatever kept it from asking, it is refused. */
    return answered ? rove__client_said(status, &detail, error) : ROVE_REVOKED;
}

void rove__client_released(rove *replica) {
    if (replica->orders.stage != ROVE_STAGE_LOCKED) {
        return;
    }
    rove__orders next = replica->orders;
    rove__signed_order order = rove__orders_current(&replica->orders);
    next.stage = ROVE_STAGE_FREE;
    next.order_size = 0;
    if (order.kind == ROVE_ORDER_LOCK) {
        rove__orders_add_done(&next, &order, rove__store_now_ms(replica->store, NULL));
    }
    rove_status status = rove__client_put_orders(replica, &next, NULL);
    rove__log(&replica->ports.log, status == ROVE_OK ? ROVE_LOG_INFO : ROVE_LOG_ERROR, "client",
              "the order to lock is lifted: %s", rove_status_name(status));
}
