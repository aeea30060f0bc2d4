/*
 * test_client_crypto.c - cryptography that fails at any call (hardware that keeps keys may be busy or locked): whatever
 * was to be done says so, nothing is lost, and it goes well when it is done again.
 */
#include "phone.h"

static phone p;
static rove_crypto real;
static size_t calls;
static size_t fail_at; /* 0: none */

static int fails(void) {
    return ++calls == fail_at;
}

static rove_status sha256(void *ctx, const rove_span *spans, size_t count,
                          uint8_t out[ROVE_SHA256_SIZE]) {
    return fails() ? ROVE_CRYPTO : real.sha256(ctx, spans, count, out);
}

static rove_status hmac_sha256(void *ctx, const void *key, size_t key_size, const rove_span *spans,
                               size_t count, uint8_t out[ROVE_SHA256_SIZE]) {
    return fails() ? ROVE_CRYPTO : real.hmac_sha256(ctx, key, key_size, spans, count, out);
}

static rove_status key_generate(void *ctx, uint8_t *key_der, size_t capacity, size_t *size) {
    return fails() ? ROVE_CRYPTO : real.key_generate(ctx, key_der, capacity, size);
}

static rove_status key_public(void *ctx, const void *key_der, size_t key_size, uint8_t *public_der,
                              size_t capacity, size_t *size) {
    return fails() ? ROVE_CRYPTO
                   : real.key_public(ctx, key_der, key_size, public_der, capacity, size);
}

static rove_status csr(void *ctx, const void *key_der, size_t key_size, const void *proof,
                       size_t proof_size, uint8_t *csr_der, size_t capacity, size_t *size) {
    return fails() ? ROVE_CRYPTO
                   : real.csr(ctx, key_der, key_size, proof, proof_size, csr_der, capacity, size);
}

/* Opens with cryptography that fails when told to; headquarters has its own. */
static rove_status open_faulty(void) {
    p.ports.crypto.sha256 = sha256;
    p.ports.crypto.hmac_sha256 = hmac_sha256;
    p.ports.crypto.key_generate = key_generate;
    p.ports.crypto.key_public = key_public;
    p.ports.crypto.csr = csr;
    rove_status status = rove_open(&p.ports, p.folder, &p.replica, &p.error);
    p.ports.crypto = real;
    return status;
}

static void start(void) {
    phone_prepare(&p, "client_crypto");
    real = p.ports.crypto;
    fail_at = 0;
    phone_ok(&p, open_faulty());
}

/* The n-th call from now on fails. */
static void arm(size_t n) {
    calls = 0;
    fail_at = n;
}

/* Whether there was one. */
static int disarm(void) {
    int hit = calls >= fail_at;

    fail_at = 0;
    return hit;
}

static void test_an_enrolment(void **state) {
    char code[ROVE_INVITATION_SIZE];
    int hit = 1;
    (void)state;

    start();
    (void)phone_code(&p, code);
    for (size_t n = 1; hit; n++) {
        arm(n);
        rove_status status = rove_enroll(p.replica, PHONE_URL, code, &p.error);
        hit = disarm();
        assert_true((status == ROVE_OK) == !hit);
        if (hit) {
            phone_is(&p, status, ROVE_CRYPTO);
            assert_string_not_equal(p.error.message, "");
            assert_false(phone_state(&p).enrolled);
        }
    }
    assert_true(phone_state(&p).enrolled);
    (void)phone_account(&p, "Ajax");
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    phone_stop(&p);
}

/* The certificate that is there stays; what was written goes when it is renewed. */
static void test_a_renewal(void **state) {
    int hit = 1;
    (void)state;

    start();
    phone_enroll(&p);
    (void)phone_account(&p, "Ajax");
    for (size_t n = 1; hit; n++) {
        p.refuse = ROVE_EXPIRED;
        p.refusals = 1;
        arm(n);
        rove_status status = rove_sync(p.replica, NULL, NULL, &p.error);
        hit = disarm();
        p.refusals = 0;
        assert_true(phone_state(&p).enrolled);
        if (status != ROVE_OK) {
            assert_true(hit);
            phone_is(&p, status, ROVE_CRYPTO);
        }
        assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 1);
    }
    assert_true(p.renewals > 0);
    assert_int_equal(phone_state(&p).pending, 0);
    phone_stop(&p);
}

/* The replica opens, or says why not; next time it is as it was. */
static void test_opening(void **state) {
    int hit = 1;
    (void)state;

    start();
    phone_enroll(&p);
    (void)phone_account(&p, "Ajax");
    for (size_t n = 1; hit; n++) {
        phone_close(&p);
        arm(n);
        rove_status status = open_faulty();
        hit = disarm();
        if (status != ROVE_OK) {
            assert_true(hit);
            phone_is(&p, status, ROVE_CRYPTO);
            assert_string_not_equal(p.error.message, "");
            phone_open(&p);
        }
        phone_close(&p);
        phone_open(&p);
        assert_true(phone_state(&p).enrolled);
        assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 1);
    }
    phone_stop(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_enrolment),
        cmocka_unit_test(test_a_renewal),
        cmocka_unit_test(test_opening),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
