/*
 * support/ordered_phone.h - a phone (phone.h) whose headquarters gives orders. Its sealing key stands for that of its server, and is pinned.
 */
#ifndef ROVE_TESTS_ORDERED_PHONE_H
#define ROVE_TESTS_ORDERED_PHONE_H

#include "phone.h"
#include "wire/sealed_note.h"

static inline void orders_prepare(phone *p, seal_keys *keys, const char *folder) {
    phone_prepare(p, folder);
    seals_open(keys);
    rove_span span = {keys->seal_key, sizeof keys->seal_key};
    assert_int_equal(keys->crypto.sha256(keys->crypto.ctx, &span, 1, p->pin), ROVE_OK);
    p->seal_key = keys->seal_key;
}

/* One for the phone, younger than those before; not signed yet. */
static inline rove__signed_order orders_draw(const phone *p, rove__order_kind kind) {
    static uint8_t drawn;

    return (rove__signed_order){.kind = kind,
                                .replica = p->number,
                                .nonce = {5, ++drawn},
                                .given_ms = PHONE_NOW_MS + drawn,
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

/* What the device says of an order, in an opened record: it is its own word. */
static inline void orders_receipt(const seal_keys *keys, const rove__buf *content,
                                  rove__sealed_receipt *receipt) {
    rove__signer signer;

    assert_int_equal(rove__sealed_receipt_read(receipt, content->data, content->size), ROVE_OK);
    assert_int_equal(seals_identify(NULL, receipt->voucher.certificate, &signer), ROVE_OK);
    rove__bytes public_key = {signer.public_key, signer.public_size};
    assert_int_equal(rove__sealed_receipt_verify(&keys->crypto, public_key, receipt), ROVE_OK);
    receipt->voucher = (rove__sealed_voucher){{NULL, 0}, {NULL, 0}, {NULL, 0}};
}

#endif
