/*
 * test_envelope.c - the sealed form of the identity file: it opens with its secrets and no other, a damaged one is never called a wrong
 * secret, and nothing of it can be read.
 */
#include "client/envelope.h"

#include "safe.h"

#define SIZE 300

static safe s;
static rove__envelope_ports ports;
static uint8_t one[ROVE_SECRET_SIZE];
static uint8_t two[ROVE_SECRET_SIZE];
static uint8_t three[ROVE_SECRET_SIZE];
static uint8_t plain[SIZE];
static uint8_t sealed[SIZE + ROVE_ENVELOPE_SIZE];

static int start(void **state) {
    safe_make(&s, "envelope", *(const safe_backend *)*state);
    ports = (rove__envelope_ports){&s.crypto, &s.random};
    memset(one, 1, sizeof one);
    memset(two, 2, sizeof two);
    memset(three, 3, sizeof three);
    memset(plain, 'a', sizeof plain);
    memcpy(plain + 20, "Zanzibar", 8);
    return 0;
}

static int end(void **state) {
    (void)state;
    safe_end(&s);
    return 0;
}

static void seal(const uint8_t *secret, const uint8_t *other) {
    assert_int_equal(rove__envelope_seal(&ports, secret, other, plain, sizeof plain, sealed),
                     ROVE_OK);
}

/* Of the first bytes of what is sealed. */
static rove_status open_part(const uint8_t *secret, size_t size, int *only) {
    static uint8_t bytes[sizeof sealed];

    memcpy(bytes, sealed, size);
    rove_status status = rove__envelope_open(&ports, secret, bytes, &size, only);
    if (status == ROVE_OK) {
        assert_int_equal(size, sizeof plain);
        assert_memory_equal(bytes, plain, sizeof plain);
    }
    return status;
}

static rove_status opens(const uint8_t *secret) {
    int only = 0;
    return open_part(secret, sizeof sealed, &only);
}

static void its_secret_opens_it_and_no_other(void **state) {
    int only = 0;
    (void)state;

    seal(one, one);
    assert_true(rove__envelope_is(sealed, sizeof sealed));
    assert_int_equal(open_part(one, sizeof sealed, &only), ROVE_OK);
    assert_int_equal(only, 1);
    assert_int_equal(opens(two), ROVE_WRONG_KEY);
}

static void on_the_way_from_one_secret_to_another_either_opens_it(void **state) {
    int only = 1;
    (void)state;

    seal(one, two);
    assert_int_equal(open_part(one, sizeof sealed, &only), ROVE_OK);
    assert_int_equal(only, 0);
    assert_int_equal(open_part(two, sizeof sealed, &only), ROVE_OK);
    assert_int_equal(only, 0);
    assert_int_equal(opens(three), ROVE_WRONG_KEY);
}

static void nothing_can_be_read_in_it(void **state) {
    static uint8_t again[sizeof sealed];
    safe_bytes all = {sealed, sizeof sealed};
    (void)state;

    seal(one, two);
    assert_false(safe_holds(&all, "Zanzibar"));
    assert_false(safe_holds(&all, "aaaa"));
    memcpy(again, sealed, sizeof sealed);
    seal(one, two);
    assert_memory_not_equal(again + 7, sealed + 7, 16);
    assert_memory_not_equal(again + ROVE_ENVELOPE_HEAD, sealed + ROVE_ENVELOPE_HEAD, 16);
}

static void damage_is_no_wrong_secret(void **state) {
    int only = 0;
    (void)state;

    seal(one, one);
    for (size_t at = 0; at < sizeof sealed; at++) {
        for (int bit = 0; bit < 8; bit++) {
            sealed[at] ^= (uint8_t)(1u << bit);
            assert_int_equal(opens(one), ROVE_CORRUPT);
            assert_int_equal(opens(two), ROVE_CORRUPT);
            sealed[at] ^= (uint8_t)(1u << bit);
        }
    }
    for (size_t size = 0; size < sizeof sealed; size++) {
        assert_int_equal(open_part(one, size, &only), ROVE_CORRUPT);
    }
    assert_int_equal(opens(one), ROVE_OK);
}

/* With a check that fits, as somebody writes it who knows how. */
static void mend(void) {
    const rove_span span = {sealed, sizeof sealed - 32};
    assert_int_equal(s.crypto.sha256(s.crypto.ctx, &span, 1, sealed + sizeof sealed - 32), ROVE_OK);
}

static void a_forged_one_opens_nowhere(void **state) {
    static uint8_t others[sizeof sealed];
    (void)state;

    seal(one, one);
    for (size_t at = 0; at < sizeof sealed - 32; at += 3) {
        sealed[at] ^= 0x04;
        mend();
        rove_status status = opens(one);
        sealed[at] ^= 0x04;
        assert_true(status == ROVE_CORRUPT || status == ROVE_WRONG_KEY);
    }
    /* The slots of one over the content of another. */
    memcpy(others, sealed, sizeof sealed);
    seal(one, one);
    memcpy(sealed, others, 7 + 2 * ROVE_ENVELOPE_SLOT);
    mend();
    assert_int_equal(opens(one), ROVE_CORRUPT);
    /* A slot that was put there for another secret, with another key. */
    seal(two, two);
    memcpy(others, sealed, sizeof sealed);
    seal(one, one);
    memcpy(sealed + 7 + ROVE_ENVELOPE_SLOT, others + 7, ROVE_ENVELOPE_SLOT);
    mend();
    assert_int_equal(opens(two), ROVE_CORRUPT);
}

int main(void) {
    static safe_backend backends[] = {SAFE_OPENSSL, SAFE_MBEDTLS};
    static const char *const names[] = {"OpenSSL", "mbedTLS"};
    int failed = 0;

    for (size_t i = 0; i < 2; i++) {
#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, start, end, &backends[i])
        const struct CMUnitTest tests[] = {
            TEST(its_secret_opens_it_and_no_other),
            TEST(on_the_way_from_one_secret_to_another_either_opens_it),
            TEST(nothing_can_be_read_in_it),
            TEST(damage_is_no_wrong_secret),
            TEST(a_forged_one_opens_nowhere),
        };
        failed += cmocka_run_group_tests_name(names[i], tests, NULL, NULL);
    }
    return failed;
}
