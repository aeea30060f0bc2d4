/*
 * support/ordered_phone.h - a phone (phone.h) whose headquarters gives orders. Its sealing key stands for that of its server, and is pinned.
 */
#ifndef ROVE_TESTS_ORDERED_PHONE_H
#define ROVE_TESTS_ORDERED_PHONE_H

#include "phone.h"

static inline void orders_prepare(phone *p, seal_keys *keys, const char *folder) {
    phone_prepare(p, folder);
    seals_open(keys);
    rove_span span = {keys->seal_key, sizeof keys->seal_key};
    assert_int_equal(keys->crypto.sha256(keys->crypto.ctx, &span, 1, p->pin), ROVE_OK);
    p->seal_key = keys->seal_key;
}

/* One for the phone, with another nonce each time; not signed yet. */
static inline rove__signed_order orders_draw(const phone *p, rove__order_kind kind) {
    static uint8_t drawn;

    return (rove__signed_order){.kind = kind,
                                .replica = p->number,
                                .nonce = {5, ++drawn},
                                .until_ms = PHONE_NOW_MS + 300 * PHONE_DAY_MS,
                                .key = {p->seal_key, ROVE_SEAL_KEY_SIZE}};
}

/* Whoever asks gets this order, signed with this key. */
static inline void orders_sign(phone *p, const seal_keys *keys, rove__signed_order *order,
                               const uint8_t *key, size_t key_size) {
    uint8_t message[ROVE_ORDER_SIGNED_SIZE];
    uint8_t signature[ROVE_SIGNATURE_MAX];
    rove__buf bytes;

    rove__order_message(order, message);
    order->signature = (rove__bytes){signature, 0};
    assert_int_equal(keys->crypto.sign(keys->crypto.ctx, key, key_size, message, sizeof message,
                                       signature, sizeof signature, &order->signature.size),
                     ROVE_OK);
    rove__buf_init(&bytes, &p->own, ROVE_ORDER_MAX);
    rove__order_write(&bytes, order);
    assert_int_equal(rove__buf_status(&bytes), ROVE_OK);
    memcpy(p->order, bytes.data, bytes.size);
    p->order_size = bytes.size;
    rove__buf_free(&bytes);
}

/* An order of headquarters', which lets the device in no longer. */
static inline void orders_give(phone *p, const seal_keys *keys, rove__order_kind kind) {
    rove__signed_order order = orders_draw(p, kind);

    orders_sign(p, keys, &order, keys->headquarters, keys->headquarters_size);
    p->revoked = 1;
}

#endif
