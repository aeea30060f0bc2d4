/*
 * fuzz_order.c - an order that comes from anywhere is read within its bounds or refused; what was read is written as the same; and
 * a device follows none that headquarters did not sign.
 *
 *   input = the bytes of an order
 */
#include "seals.h"

#include "fuzz.h"
#include "wire/order.h"

const size_t fuzz_mutations = 1500;

static const seal_keys *keys(void) {
    static seal_keys made;

    if (made.headquarters_size == 0) {
        seals_open(&made);
    }
    return &made;
}

/* The one order that is signed. */
static void true_order(rove__buf *out) {
    static uint8_t signature[ROVE_SIGNATURE_MAX];
    uint8_t message[ROVE_ORDER_SIGNED_SIZE];
    rove__signed_order order = {.kind = ROVE_ORDER_LOCK,
                                .replica = 77,
                                .nonce = {9},
                                .given_ms = 4000,
                                .until_ms = 5000,
                                .key = {keys()->seal_key, sizeof keys()->seal_key},
                                .signature = {signature, 0}};

    rove__order_message(&order, message);
    fuzz_check(keys()->crypto.sign(keys()->crypto.ctx, keys()->headquarters,
                                   keys()->headquarters_size, message, sizeof message, signature,
                                   sizeof signature, &order.signature.size) == ROVE_OK);
    rove__order_write(out, &order);
    fuzz_check(rove__buf_status(out) == ROVE_OK);
}

static rove_status check(const rove__signed_order *order) {
    const rove_span span = {keys()->seal_key, sizeof keys()->seal_key};
    uint8_t pin[ROVE_SHA256_SIZE];
    rove__order_terms terms = {.replica = 77, .pins = {pin, NULL}, .now_ms = 5000};

    fuzz_check(keys()->crypto.sha256(keys()->crypto.ctx, &span, 1, pin) == ROVE_OK);
    return rove__order_check(&keys()->crypto, order, &terms, NULL);
}

/* Up to the signature, which may say the same in other bytes. */
static int is_true(const rove__buf *written) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__buf known;

    rove__buf_init(&known, &allocator, ROVE_ORDER_MAX);
    true_order(&known);
    size_t size = ROVE_ORDER_SIGNED_SIZE - sizeof ROVE_ORDER_LABEL;
    int same = memcmp(written->data, known.data, size) == 0;
    rove__buf_free(&known);
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__signed_order order;
    rove__buf written;

    rove_status status = rove__order_read(&order, data, size);
    fuzz_check(status == ROVE_OK || status == ROVE_VERSION || status == ROVE_TRUNCATED ||
               status == ROVE_PROTOCOL);
    if (status == ROVE_OK) {
        rove__signed_order again;
        rove__buf_init(&written, &allocator, ROVE_ORDER_MAX);
        rove__order_write(&written, &order);
        fuzz_check(rove__buf_status(&written) == ROVE_OK && written.size <= size);
        fuzz_check(rove__order_read(&again, written.data, written.size) == ROVE_OK);
        fuzz_check(again.kind == order.kind && again.replica == order.replica &&
                   again.given_ms == order.given_ms && again.until_ms == order.until_ms &&
                   again.key.size == order.key.size &&
                   again.signature.size == order.signature.size);
        fuzz_check(check(&order) != ROVE_OK || is_true(&written));
        rove__buf_free(&written);
    }
    fuzz_check(memory.alive == 0);
    return 0;
}

/* ---- seeds ---- */

void fuzz_seeds(const fuzz_seed *to) {
    static fuzz_output out;
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__buf known;

    rove__buf_init(&known, &allocator, ROVE_ORDER_MAX);
    true_order(&known);
    fuzz_put(&out, known.data, known.size);
    fuzz_give(to, &out);
    rove__buf_free(&known);
}
