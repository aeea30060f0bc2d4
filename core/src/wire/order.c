/*
 * wire/order.c - orders of headquarters; see order.h for their bytes.
 */
#include "wire/order.h"

#include <string.h>

#include "base/assert.h"
#include "base/reader.h"
#include "base/text.h"

#define LABEL_SIZE sizeof ROVE_ORDER_LABEL
#define HEAD_SIZE  (ROVE_ORDER_SIGNED_SIZE - LABEL_SIZE)

ROVE_STATIC_ASSERT(HEAD_SIZE + 2 + ROVE_PUBLIC_KEY_DER_MAX + 1 + ROVE_SIGNATURE_MAX <=
                       ROVE_ORDER_MAX,
                   "every order fits");

void rove__order_message(const rove__signed_order *order, uint8_t message[ROVE_ORDER_SIGNED_SIZE]) {
    size_t at = LABEL_SIZE;

    memcpy(message, ROVE_ORDER_LABEL, LABEL_SIZE);
    message[at++] = ROVE_ORDER_VERSION;
    message[at++] = (uint8_t)order->kind;
    at += rove__u32_put(message + at, order->replica);
    memcpy(message + at, order->nonce, ROVE_ORDER_NONCE_SIZE);
    at += ROVE_ORDER_NONCE_SIZE;
    at += rove__u64_put(message + at, (uint64_t)order->given_ms);
    at += rove__u64_put(message + at, (uint64_t)order->until_ms);
    ROVE_ASSERT(at == ROVE_ORDER_SIGNED_SIZE);
}

void rove__order_write(rove__buf *out, const rove__signed_order *order) {
    uint8_t message[ROVE_ORDER_SIGNED_SIZE];

    rove__order_message(order, message);
    rove__buf_append(out, message + LABEL_SIZE, HEAD_SIZE);
    rove__buf_bytes(out, order->key.data, order->key.size);
    rove__buf_bytes(out, order->signature.data, order->signature.size);
}

static int is_sound(const rove__signed_order *order) {
    return (order->kind == ROVE_ORDER_LOCK || order->kind == ROVE_ORDER_WIPE) &&
           order->replica > ROVE_REPLICA_HEADQUARTERS && order->replica <= ROVE_REPLICA_MAX &&
           order->given_ms > 0 && order->until_ms > 0 && order->key.size > 0 &&
           order->signature.size > 0;
}

rove_status rove__order_read(rove__signed_order *order, const void *bytes, size_t size) {
    rove__reader reader;

    memset(order, 0, sizeof *order);
    rove__reader_init(&reader, bytes, size);
    if (rove__reader_byte(&reader) != ROVE_ORDER_VERSION) {
        return size == 0 ? ROVE_TRUNCATED : ROVE_VERSION;
    }
    order->kind = (rove__order_kind)rove__reader_byte(&reader);
    order->replica = rove__reader_u32(&reader);
    const uint8_t *nonce = rove__reader_take(&reader, ROVE_ORDER_NONCE_SIZE);
    uint64_t given = rove__reader_u64(&reader);
    uint64_t until = rove__reader_u64(&reader);
    order->key.data = rove__reader_bytes(&reader, ROVE_PUBLIC_KEY_DER_MAX, &order->key.size);
    order->signature.data = rove__reader_bytes(&reader, ROVE_SIGNATURE_MAX, &order->signature.size);
    rove_status status = rove__reader_status(&reader);
    if (status != ROVE_OK) {
        return status;
    }
    memcpy(order->nonce, nonce, ROVE_ORDER_NONCE_SIZE);
    order->given_ms = given <= INT64_MAX ? (int64_t)given : 0;
    order->until_ms = until <= INT64_MAX ? (int64_t)until : 0;
    return rove__reader_left(&reader) == 0 && is_sound(order) ? ROVE_OK : ROVE_PROTOCOL;
}

static rove_status check_key(const rove_crypto *crypto, const rove__signed_order *order,
                             const rove__order_terms *terms, int *pinned) {
    const rove_span span = {order->key.data, order->key.size};
    uint8_t pin[ROVE_SHA256_SIZE] = {0};
    rove_status status = crypto->sha256(crypto->ctx, &span, 1, pin);

    *pinned = 0;
    for (size_t i = 0; i < 2; i++) {
        *pinned |= terms->pins[i] != NULL && memcmp(terms->pins[i], pin, sizeof pin) == 0;
    }
    return status;
}

rove_status rove__order_check(const rove_crypto *crypto, const rove__signed_order *order,
                              const rove__order_terms *terms, rove_error *error) {
    uint8_t message[ROVE_ORDER_SIGNED_SIZE];
    int pinned = 0;

    rove_status status = check_key(crypto, order, terms, &pinned);
    if (status == ROVE_OK) {
        rove__order_message(order, message);
        status = pinned
                     ? crypto->verify(crypto->ctx, order->key.data, order->key.size, message,
                                      sizeof message, order->signature.data, order->signature.size)
                     : ROVE_CORRUPT;
    }
    if (status == ROVE_CORRUPT || status == ROVE_INVALID) {
        return rove__error_set(
            error, ROVE_TLS, "An order came that headquarters did not sign. It was not followed.");
    }
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    if (order->replica != terms->replica) {
        return rove__error_set(error, ROVE_DENIED,
                               "An order came that is for device %u. It was not followed.",
                               (unsigned)order->replica);
    }
    if (terms->now_ms > order->until_ms) {
        return rove__error_set(error, ROVE_EXPIRED,
                               "An order came that holds no longer. It was not followed.");
    }
    if (order->given_ms <= terms->followed_ms) {
        return rove__error_set(error, ROVE_EXISTS,
                               "An order came that was followed before, or is older than one that "
                               "was. It was not followed.");
    }
    return ROVE_OK;
}
