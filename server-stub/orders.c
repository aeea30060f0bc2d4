/*
 * orders.c - see orders.h.
 */
#include "orders.h"

#include <string.h>

#include "base/alloc.h"
#include "base/reader.h"
#include "base/text.h"
#include "keys.h"
#include "store/database.h"

#define VERSION    2u
#define HEAD_SIZE  (1 + 5 * 8 + 3 * 4)
#define ARENA_MAX  ((size_t)4096)
#define DETAIL_MAX 160

static void key_of(char key[ROVE_NAME_MAX], rove_replica replica) {
    rove__text_format(key, ROVE_NAME_MAX, "order/%u", (unsigned)replica);
}

static rove_status read_value(rove__bytes value, hq_order *out) {
    rove__reader reader;
    rove__reader_init(&reader, value.data, value.size);
    if (rove__reader_byte(&reader) != VERSION) {
        return ROVE_CORRUPT;
    }
    out->fetched_ms = (int64_t)rove__reader_u64(&reader);
    out->locked_ms = (int64_t)rove__reader_u64(&reader);
    out->lifted_ms = (int64_t)rove__reader_u64(&reader);
    out->unlocked_ms = (int64_t)rove__reader_u64(&reader);
    out->wiped_ms = (int64_t)rove__reader_u64(&reader);
    out->batches = rove__reader_u32(&reader);
    out->changes = rove__reader_u32(&reader);
    out->left = rove__reader_u32(&reader);
    out->size = rove__reader_left(&reader);
    const uint8_t *bytes = rove__reader_take(&reader, out->size);
    if (rove__reader_status(&reader) != ROVE_OK || out->size > sizeof out->bytes) {
        return ROVE_CORRUPT;
    }
    if (out->size == 0) {
        return out->wiped_ms != 0 ? ROVE_OK : ROVE_CORRUPT;
    }
    memcpy(out->bytes, bytes, out->size);
    return rove__order_read(&out->order, out->bytes, out->size) == ROVE_OK ? ROVE_OK : ROVE_CORRUPT;
}

static rove_status put_value(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                             const hq_order *order) {
    char key[ROVE_NAME_MAX];
    uint8_t value[HEAD_SIZE + ROVE_ORDER_MAX] = {VERSION};
    size_t at = 1;
    key_of(key, replica);
    at += rove__u64_put(value + at, (uint64_t)order->fetched_ms);
    at += rove__u64_put(value + at, (uint64_t)order->locked_ms);
    at += rove__u64_put(value + at, (uint64_t)order->lifted_ms);
    at += rove__u64_put(value + at, (uint64_t)order->unlocked_ms);
    at += rove__u64_put(value + at, (uint64_t)order->wiped_ms);
    at += rove__u32_put(value + at, order->batches);
    at += rove__u32_put(value + at, order->changes);
    at += rove__u32_put(value + at, order->left);
    memcpy(value + at, order->bytes, order->size);
    return hq_database(headquarters)
        ->directory.setting_put(tx, key, (rove__bytes){value, at + order->size});
}

rove_status hq_order_get(hq *headquarters, rove__hq_tx *tx, rove_replica replica, hq_order *out) {
    char key[ROVE_NAME_MAX];
    rove__arena arena;
    rove__bytes value = {NULL, 0};
    memset(out, 0, sizeof *out);
    key_of(key, replica);
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status = hq_database(headquarters)->directory.setting_get(tx, key, &arena, &value);
    if (status == ROVE_OK) {
        status = read_value(value, out);
    }
    rove__arena_free(&arena);
    return status;
}

int hq_order_is_in_force(const hq_order *order, int64_t now_ms) {
    return order->wiped_ms != 0 || order->order.kind == ROVE_ORDER_WIPE ||
           (order->order.kind == ROVE_ORDER_LOCK && order->lifted_ms == 0 &&
            order->order.until_ms >= now_ms);
}

int hq_order_is_open(const hq_order *order, int64_t now_ms) {
    return hq_order_is_in_force(order, now_ms) &&
           (order->order.kind == ROVE_ORDER_WIPE ||
            (order->order.kind == ROVE_ORDER_LOCK && order->wiped_ms == 0));
}

/* ---- giving and lifting ---------------------------------------------------------------------------------- */

static rove_status sign(hq *headquarters, hq_order *order, rove_error *error) {
    const hq_ports *ports = hq_get_ports(headquarters);
    const hq_keys *keys = hq_get_keys(headquarters);
    uint8_t message[ROVE_ORDER_SIGNED_SIZE];
    uint8_t signature[ROVE_PKI_SIGNATURE_MAX];
    uint8_t key[ROVE_PUBLIC_KEY_DER_MAX];
    rove__buf bytes;
    rove_status status =
        ports->random.fill(ports->random.ctx, order->order.nonce, sizeof order->order.nonce);
    if (status == ROVE_OK) {
        status = rove_pki_signer_public(keys->own.signer, key, &order->order.key.size, error);
    }
    if (status == ROVE_OK) {
        order->order.key.data = key;
        order->order.signature.data = signature;
        rove__order_message(&order->order, message);
        status = rove_pki_sign(keys->own.signer, message, sizeof message, signature,
                               &order->order.signature.size, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__buf_init(&bytes, &ports->allocator, ROVE_ORDER_MAX);
    rove__order_write(&bytes, &order->order);
    status = rove__buf_status(&bytes);
    if (status == ROVE_OK) {
        memcpy(order->bytes, bytes.data, bytes.size);
        order->size = bytes.size;
    }
    rove__buf_free(&bytes);
    return status;
}

rove_status hq_order_give(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                          rove__order_kind kind, int days, int *fresh, rove_error *error) {
    hq_order order;
    int64_t now_ms = hq_now_ms(headquarters);
    int64_t before_ms = 0;
    *fresh = 0;
    rove_status status = hq_order_get(headquarters, tx, replica, &order);
    if (status != ROVE_OK && status != ROVE_NOT_FOUND) {
        return status;
    }
    if (status == ROVE_OK && order.wiped_ms != 0) {
        return rove__error_set(error, ROVE_STATE, "Device %u has wiped itself already.",
                               (unsigned)replica);
    }
    if (status == ROVE_OK && order.order.kind == ROVE_ORDER_WIPE && kind == ROVE_ORDER_LOCK) {
        return rove__error_set(error, ROVE_STATE, "Device %u is ordered to wipe itself.",
                               (unsigned)replica);
    }
    if (status == ROVE_OK && order.order.kind == kind && order.lifted_ms == 0 &&
        order.order.until_ms >= now_ms) {
        return ROVE_OK;
    }
    before_ms = order.order.given_ms;
    memset(&order, 0, sizeof order);
    order.order.given_ms = now_ms > before_ms ? now_ms : before_ms + 1;
    order.order.kind = kind;
    order.order.replica = replica;
    order.order.until_ms = now_ms + days * ROVE_PKI_DAY_MS;
    status = sign(headquarters, &order, error);
    *fresh = status == ROVE_OK;
    return status == ROVE_OK ? put_value(headquarters, tx, replica, &order) : status;
}

rove_status hq_order_lift(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                          rove_error *error) {
    hq_order order;
    rove_status status = hq_order_get(headquarters, tx, replica, &order);
    if (status == ROVE_NOT_FOUND || (status == ROVE_OK && order.lifted_ms != 0)) {
        return rove__error_set(error, ROVE_NOT_FOUND, "Device %u is not ordered to lock itself.",
                               (unsigned)replica);
    }
    if (status == ROVE_OK && (order.wiped_ms != 0 || order.order.kind != ROVE_ORDER_LOCK)) {
        return rove__error_set(error, ROVE_STATE,
                               "Device %u was ordered to wipe itself; that is not lifted.",
                               (unsigned)replica);
    }
    order.lifted_ms = hq_now_ms(headquarters);
    return status == ROVE_OK ? put_value(headquarters, tx, replica, &order) : status;
}

/* ---- what the device does -------------------------------------------------------------------------------- */

static int is_of(const hq_order *order, rove__order_kind kind,
                 const uint8_t nonce[ROVE_ORDER_NONCE_SIZE]) {
    return order->order.kind == kind &&
           memcmp(order->order.nonce, nonce, ROVE_ORDER_NONCE_SIZE) == 0;
}

rove_status hq_order_fetched(hq *headquarters, rove__hq_tx *tx, const rove__signed_order *given) {
    hq_order order;
    rove_status status = hq_order_get(headquarters, tx, given->replica, &order);
    if (status != ROVE_OK || order.fetched_ms != 0 || !is_of(&order, given->kind, given->nonce)) {
        return status;
    }
    order.fetched_ms = hq_now_ms(headquarters);
    return put_value(headquarters, tx, given->replica, &order);
}

/* Where the receipt is entered; NULL: it says nothing of this order. */
static int64_t *place_of(hq *headquarters, hq_order *order, const hq_order_receipt *receipt) {
    int lock = is_of(order, ROVE_ORDER_LOCK, receipt->nonce);
    switch (receipt->kind) {
    case ROVE_ORDER_WIPE:
        return &order->wiped_ms;
    case ROVE_ORDER_LOCK:
        return lock ? &order->locked_ms : NULL;
    case ROVE_ORDER_UNLOCKED:
        return lock && !hq_order_is_in_force(order, hq_now_ms(headquarters)) ? &order->unlocked_ms
                                                                             : NULL;
    default:
        return NULL;
    }
}

static rove_status record(hq *headquarters, rove__hq_tx *tx, const hq_order *order,
                          const hq_order_receipt *receipt) {
    char detail[DETAIL_MAX];
    if (receipt->kind != ROVE_ORDER_WIPE) {
        rove__text_format(detail, sizeof detail, "device %u says so", (unsigned)receipt->replica);
        return hq_record(headquarters, tx, NULL,
                         receipt->kind == ROVE_ORDER_LOCK ? "locked" : "unlocked", detail, 0);
    }
    rove__text_format(
        detail, sizeof detail, "device %u, %s: %u batches with %u changes sealed, %u records left",
        (unsigned)receipt->replica,
        is_of(order, ROVE_ORDER_WIPE, receipt->nonce) ? "as ordered" : "by its rep",
        (unsigned)receipt->batches, (unsigned)receipt->changes, (unsigned)receipt->left);
    return hq_record(headquarters, tx, NULL, "wiped", detail, 0);
}

rove_status hq_order_done(hq *headquarters, rove__hq_tx *tx, const hq_order_receipt *receipt) {
    hq_order order;
    rove_status status = hq_order_get(headquarters, tx, receipt->replica, &order);
    if (status != ROVE_OK && status != ROVE_NOT_FOUND) {
        return status;
    }
    int64_t *place = place_of(headquarters, &order, receipt);
    if (place == NULL || *place != 0) {
        return ROVE_OK;
    }
    *place = hq_now_ms(headquarters);
    if (receipt->kind == ROVE_ORDER_WIPE) {
        order.batches = receipt->batches;
        order.changes = receipt->changes;
        order.left = receipt->left;
    }
    status = put_value(headquarters, tx, receipt->replica, &order);
    return status == ROVE_OK ? record(headquarters, tx, &order, receipt) : status;
}
