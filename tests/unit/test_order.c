/*
 * Orders: a device follows what headquarters' server signed for it, while it holds; and nothing that was changed, cut, made up, or
 * is another's.
 */
#include <string.h>

#include "heap.h"
#include "seals.h"
#include "wire/order.h"

#define DEVICE UINT32_C(77)
#define NOW    INT64_C(1795000000000)

typedef struct fixture {
    heap h;
    rove_allocator allocator;
    seal_keys keys; /* headquarters' sealing key stands for that of its server */
    uint8_t pin[ROVE_SHA256_SIZE];
    uint8_t other_pin[ROVE_SHA256_SIZE];
    uint8_t signature[ROVE_SIGNATURE_MAX];
    rove__signed_order order;
    rove__buf bytes;
    rove__order_terms terms;
} fixture;

static void sign(fixture *f, rove__signed_order *order, const uint8_t *key, size_t key_size) {
    uint8_t message[ROVE_ORDER_SIGNED_SIZE];

    rove__order_message(order, message);
    order->signature.data = f->signature;
    assert_int_equal(f->keys.crypto.sign(f->keys.crypto.ctx, key, key_size, message, sizeof message,
                                         f->signature, sizeof f->signature, &order->signature.size),
                     ROVE_OK);
}

static int open(void **state) {
    fixture *f = calloc(1, sizeof *f);

    f->allocator = heap_allocator(&f->h);
    seals_open(&f->keys);
    rove_span span = {f->keys.seal_key, sizeof f->keys.seal_key};
    assert_int_equal(f->keys.crypto.sha256(f->keys.crypto.ctx, &span, 1, f->pin), ROVE_OK);
    memset(f->other_pin, 7, sizeof f->other_pin);
    f->order = (rove__signed_order){.kind = ROVE_ORDER_WIPE,
                                    .replica = DEVICE,
                                    .nonce = {1, 2, 3},
                                    .given_ms = NOW - 9,
                                    .until_ms = NOW,
                                    .key = {f->keys.seal_key, sizeof f->keys.seal_key}};
    sign(f, &f->order, f->keys.headquarters, f->keys.headquarters_size);
    rove__buf_init(&f->bytes, &f->allocator, ROVE_ORDER_MAX);
    rove__order_write(&f->bytes, &f->order);
    assert_int_equal(rove__buf_status(&f->bytes), ROVE_OK);
    f->terms =
        (rove__order_terms){.replica = DEVICE, .pins = {f->other_pin, f->pin}, .now_ms = NOW};
    *state = f;
    return 0;
}

static int close(void **state) {
    fixture *f = *state;

    rove__buf_free(&f->bytes);
    seals_close(&f->keys);
    size_t alive = f->h.alive;
    free(f);
    return alive == 0 ? 0 : -1;
}

static rove_status follow(fixture *f, const void *bytes, size_t size) {
    rove__signed_order order;
    rove_error error = {0};
    rove_status status = rove__order_read(&order, bytes, size);

    if (status == ROVE_OK) {
        status = rove__order_check(&f->keys.crypto, &order, &f->terms, &error);
        assert_true(status == ROVE_OK || error.message[0] != '\0');
    }
    return status;
}

static rove_status follow_written(fixture *f) {
    return follow(f, f->bytes.data, f->bytes.size);
}

static void what_headquarters_signed_is_followed(void **state) {
    fixture *f = *state;
    rove__signed_order order;

    assert_int_equal(follow_written(f), ROVE_OK);
    assert_int_equal(rove__order_read(&order, f->bytes.data, f->bytes.size), ROVE_OK);
    assert_int_equal(order.kind, ROVE_ORDER_WIPE);
    assert_int_equal(order.replica, DEVICE);
    assert_int_equal(order.until_ms, NOW);
    assert_memory_equal(order.nonce, f->order.nonce, sizeof order.nonce);

    f->terms.pins[0] = f->pin;
    f->terms.pins[1] = NULL;
    assert_int_equal(follow_written(f), ROVE_OK);
}

static void a_key_that_is_not_pinned_is_not_obeyed(void **state) {
    fixture *f = *state;
    rove__signed_order order = f->order;

    f->terms.pins[1] = NULL;
    assert_int_equal(follow_written(f), ROVE_TLS);
    f->terms.pins[1] = f->pin;

    /* Signed by somebody else, under headquarters' name and under his own. */
    sign(f, &order, f->keys.device, f->keys.device_size);
    rove__buf_reset(&f->bytes);
    rove__order_write(&f->bytes, &order);
    assert_int_equal(follow_written(f), ROVE_TLS);
    order.key = (rove__bytes){f->keys.device_public, f->keys.device_public_size};
    rove__buf_reset(&f->bytes);
    rove__order_write(&f->bytes, &order);
    assert_int_equal(follow_written(f), ROVE_TLS);
}

static void another_devices_order_is_not_followed(void **state) {
    fixture *f = *state;

    f->terms.replica = DEVICE + 1;
    assert_int_equal(follow_written(f), ROVE_DENIED);
}

static void an_order_holds_until_its_end(void **state) {
    fixture *f = *state;

    f->terms.now_ms = NOW + 1;
    assert_int_equal(follow_written(f), ROVE_EXPIRED);
    f->terms.now_ms = 0;
    assert_int_equal(follow_written(f), ROVE_OK);
}

static void none_is_followed_twice_or_after_a_later_one(void **state) {
    fixture *f = *state;

    f->terms.followed_ms = NOW - 10;
    assert_int_equal(follow_written(f), ROVE_OK);
    f->terms.followed_ms = NOW - 9;
    assert_int_equal(follow_written(f), ROVE_EXISTS);
    f->terms.followed_ms = NOW;
    assert_int_equal(follow_written(f), ROVE_EXISTS);
}

static void every_byte_counts(void **state) {
    fixture *f = *state;

    for (size_t i = 0; i < f->bytes.size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            f->bytes.data[i] ^= (uint8_t)(1U << bit);
            assert_int_not_equal(follow_written(f), ROVE_OK);
            f->bytes.data[i] ^= (uint8_t)(1U << bit);
        }
    }
    assert_int_equal(follow_written(f), ROVE_OK);
}

static void what_is_cut_or_longer_is_none(void **state) {
    fixture *f = *state;
    uint8_t longer[ROVE_ORDER_MAX + 1] = {0};

    for (size_t size = 0; size < f->bytes.size; size++) {
        assert_int_equal(follow(f, f->bytes.data, size), ROVE_TRUNCATED);
    }
    memcpy(longer, f->bytes.data, f->bytes.size);
    assert_int_equal(follow(f, longer, f->bytes.size + 1), ROVE_PROTOCOL);
}

static void what_it_cannot_say_is_refused(void **state) {
    fixture *f = *state;
    rove__signed_order order;
    const struct {
        size_t at;
        uint8_t byte;
        rove_status expected;
    } cases[] = {
        {0, 0, ROVE_VERSION},      {0, 2, ROVE_VERSION},     {1, 0, ROVE_PROTOCOL},
        {1, 3, ROVE_PROTOCOL},     {2, 0x80, ROVE_PROTOCOL}, /* no device has such a number */
        {22, 0x80, ROVE_PROTOCOL},                           /* nor is there such a time */
        {30, 0x80, ROVE_PROTOCOL}, {5, 1, ROVE_PROTOCOL}, /* headquarters orders itself nothing */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t was = f->bytes.data[cases[i].at];
        f->bytes.data[cases[i].at] = cases[i].byte;
        assert_int_equal(rove__order_read(&order, f->bytes.data, f->bytes.size), cases[i].expected);
        f->bytes.data[cases[i].at] = was;
    }
}

static void an_order_without_a_key_or_a_signature_is_none(void **state) {
    fixture *f = *state;
    rove__signed_order read;

    for (int i = 0; i < 2; i++) {
        rove__signed_order order = f->order;
        rove__bytes *left_out = i == 0 ? &order.key : &order.signature;
        left_out->size = 0;
        rove__buf_reset(&f->bytes);
        rove__order_write(&f->bytes, &order);
        assert_int_equal(rove__order_read(&read, f->bytes.data, f->bytes.size), ROVE_PROTOCOL);
    }
}

/* Then nobody can have signed with it. */
static void a_pinned_key_that_is_no_key_is_not_obeyed(void **state) {
    fixture *f = *state;
    const rove_span span = {"no key", 6};

    assert_int_equal(f->keys.crypto.sha256(f->keys.crypto.ctx, &span, 1, f->other_pin), ROVE_OK);
    f->order.key = (rove__bytes){span.data, span.size};
    rove__buf_reset(&f->bytes);
    rove__order_write(&f->bytes, &f->order);
    assert_int_equal(follow_written(f), ROVE_TLS);
}

static rove_status no_verify(void *ctx, const void *public_der, size_t public_size,
                             const void *message, size_t message_size, const void *signature,
                             size_t signature_size) {
    (void)ctx;
    (void)public_der;
    (void)public_size;
    (void)message;
    (void)message_size;
    (void)signature;
    (void)signature_size;
    return ROVE_CRYPTO;
}

/* It is not said that headquarters did not sign: the order may be sound. */
static void a_cryptography_that_fails_is_reported(void **state) {
    fixture *f = *state;
    rove_crypto sound = f->keys.crypto;

    f->keys.crypto.sha256 = seals_no_sha256;
    assert_int_equal(follow_written(f), ROVE_CRYPTO);
    f->keys.crypto = sound;
    f->keys.crypto.verify = no_verify;
    assert_int_equal(follow_written(f), ROVE_CRYPTO);
    f->keys.crypto = sound;
    assert_int_equal(follow_written(f), ROVE_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_headquarters_signed_is_followed, open, close),
        cmocka_unit_test_setup_teardown(a_key_that_is_not_pinned_is_not_obeyed, open, close),
        cmocka_unit_test_setup_teardown(another_devices_order_is_not_followed, open, close),
        cmocka_unit_test_setup_teardown(an_order_holds_until_its_end, open, close),
        cmocka_unit_test_setup_teardown(none_is_followed_twice_or_after_a_later_one, open, close),
        cmocka_unit_test_setup_teardown(every_byte_counts, open, close),
        cmocka_unit_test_setup_teardown(what_is_cut_or_longer_is_none, open, close),
        cmocka_unit_test_setup_teardown(what_it_cannot_say_is_refused, open, close),
        cmocka_unit_test_setup_teardown(an_order_without_a_key_or_a_signature_is_none, open, close),
        cmocka_unit_test_setup_teardown(a_pinned_key_that_is_no_key_is_not_obeyed, open, close),
        cmocka_unit_test_setup_teardown(a_cryptography_that_fails_is_reported, open, close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
