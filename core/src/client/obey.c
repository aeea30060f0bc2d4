/*
 * client/obey.c - a device that headquarters refuses asks whether it is ordered something, and does it. The order is checked for
 * what it is (wire/order.h); that it came over a connection to headquarters is not enough.
 *
 * Time: an order whose end has passed is not followed. A device that does not know the time (it was started again, and refused since)
 * goes by what it is past for certain, the moment when headquarters issued its certificate: not knowing the time is no way around
 * an order.
 *
 * One that is older than the last that was followed is not followed, whoever plays it back: its time has passed, and it was lifted or
 * replaced. Nothing that was recorded ends a lock, either: only an exchange does, which the server's key takes part in.
 *
 * An order that finds no room on the disk locks the handle all the same, as a file of orders that is damaged does: by no order that it
 * knows. The order is new then to each sync, which tries the file again, and a wipe begins, and a receipt is written, once it is there.
 */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "client/drop_post.h"

static int is_current(const rove *replica, const rove__signed_order *order) {
    rove__signed_order current = rove__orders_current(&replica->orders);

    return memcmp(current.nonce, order->nonce, sizeof order->nonce) == 0;
}

/* The order that is in force is no old one, however often it comes. */
static rove__order_terms terms_of(rove *replica, const rove__signed_order *order) {
    const rove__identity *identity = &replica->credentials->identity;
    int trusted = 0;
    int64_t now_ms = rove__store_now_ms(replica->store, &trusted);
    int64_t followed_ms = rove__orders_followed_ms(&replica->orders, identity->replica);

    return (rove__order_terms){
        .replica = identity->replica,
        .pins = {rove__identity_pin(identity->pin), rove__identity_pin(identity->backup_pin)},
        .now_ms = trusted ? now_ms : identity->server_ms,
        .followed_ms = is_current(replica, order) ? 0 : followed_ms};
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

static rove_status check(rove *replica, const rove__buf *bytes, rove__signed_order *order,
                         rove_error *error) {
    rove_status status = rove__order_read(order, bytes->data, bytes->size);
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "What headquarters answered is no order: %s",
                               rove_status_text(status));
    }
    const rove__order_terms terms = terms_of(replica, order);
    return rove__order_check(&replica->ports.crypto, order, &terms, error);
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

/* No file says so yet: whoever opens the replica next has to be told by headquarters again. */
static void lock_meanwhile(rove *replica) {
    rove__mutex_enter(replica->mutex);
    if (replica->orders.stage == ROVE_STAGE_FREE) {
        replica->orders.stage = ROVE_STAGE_LOCKED;
        replica->orders.order_size = 0;
    }
    rove__mutex_leave(replica->mutex);
    rove__store_order(replica->store, 1);
}

/* From here on it is locked; if the file was written, also a process that is killed now finds it so. */
static rove_status take_up(rove *replica, const rove__buf *bytes, const rove__signed_order *order,
                           rove_error *error) {
    rove__orders next = replica->orders;

    next.stage = order->kind == ROVE_ORDER_WIPE ? ROVE_STAGE_SEALING : ROVE_STAGE_LOCKED;
    next.replica = order->replica;
    next.given_ms = order->given_ms;
    next.told = 0;
    next.order_size = bytes->size;
    memcpy(next.order, bytes->data, bytes->size);
    rove_status status = rove__client_put_orders(replica, &next, error);
    if (status != ROVE_OK) {
        lock_meanwhile(replica);
    }
    return status;
}

/* 1: it is in the drop box. The next that comes of the order tries again. */
static int say(rove *replica, rove__order_kind kind) {
    const rove__drop_outbox_report nothing = {.batches = 0};
    rove_status status = rove__drop_receipt(replica, kind, &nothing, NULL);

    replica->receipt_waits |= status == ROVE_OK;
    if (status != ROVE_OK) {
        rove__log(&replica->ports.log, ROVE_LOG_WARN, "client",
                  "the receipt of an order could not be written: %s", rove_status_name(status));
    }
    return status == ROVE_OK;
}

/* Once for each lock, as far as possible: killed in between, it says it again. */
static rove_status say_locked(rove *replica, rove_error *error) {
    rove__orders next = replica->orders;

    if (next.told || !say(replica, ROVE_ORDER_LOCK)) {
        return ROVE_OK;
    }
    next.told = 1;
    return rove__client_put_orders(replica, &next, error);
}

static rove_status follow(rove *replica, const rove__buf *bytes, rove_error *error) {
    rove__signed_order order;
    rove_status status = check(replica, bytes, &order, error);

    if (status != ROVE_OK) {
        return status;
    }
    if (!is_current(replica, &order)) {
        status = take_up(replica, bytes, &order, error);
    }
    if (status == ROVE_OK && order.kind == ROVE_ORDER_LOCK) {
        status = say_locked(replica, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    return order.kind == ROVE_ORDER_WIPE && !rove__store_is_locked(replica->store)
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
    if (rove__orders_current(&replica->orders).kind == ROVE_ORDER_LOCK) {
        (void)say(replica, ROVE_ORDER_UNLOCKED);
    }
    rove__orders next = replica->orders;
    next.stage = ROVE_STAGE_FREE;
    next.order_size = 0;
    rove_status status = rove__client_put_orders(replica, &next, NULL);
    rove__log(&replica->ports.log, status == ROVE_OK ? ROVE_LOG_INFO : ROVE_LOG_ERROR, "client",
              "the order to lock is lifted: %s", rove_status_name(status));
}
