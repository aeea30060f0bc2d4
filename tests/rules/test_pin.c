/*
 * rules/test_pin.c - waiting after wrong PINs (rules/pin.h): whatever becomes of clocks and restarts, nobody tries more often.
 */
#include "rules/pin.h"

#include "teeth.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static rove_clock_reading now;
static rove__pin_tries tries;

static int set_up(void **state) {
    (void)state;
    now = (rove_clock_reading){.wall_ms = 1764000000000, .boot_ms = 5 * DAY, .boot_id = {1}};
    tries = (rove__pin_tries){0};
    return 0;
}

static int64_t wait_ms(void) {
    return rove__pin_wait_ms(&tries, &now);
}

static void wrong(uint32_t times) {
    for (uint32_t i = 0; i < times; i++) {
        tries = rove__pin_tried(&tries, &now);
    }
}

static void restarts(void) {
    now.boot_ms = 0;
    now.boot_id[0]++;
}

static void the_first_tries_cost_nothing_and_then_it_doubles(void **state) {
    static const int64_t expected[] = {30000,       MINUTE,      2 * MINUTE, 4 * MINUTE, 8 * MINUTE,
                                       16 * MINUTE, 32 * MINUTE, HOUR,       HOUR,       HOUR};
    (void)state;

    assert_int_equal(wait_ms(), 0);
    for (uint32_t n = 1; n < ROVE_PIN_FREE_TRIES; n++) {
        wrong(1);
        assert_int_equal(wait_ms(), 0);
    }
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        wrong(1);
        assert_int_equal(wait_ms(), expected[i]);
    }
    wrong(1000);
    assert_int_equal(wait_ms(), ROVE_PIN_WAIT_MAX_MS);
    tries.wrong = UINT32_MAX; /* and it never starts anew */
    wrong(1);
    assert_int_equal(wait_ms(), ROVE_PIN_WAIT_MAX_MS);
}

static void the_boot_clock_counts_and_nothing_else(void **state) {
    static const int64_t walls[] = {INT64_MIN, 0, INT64_MAX, 4102444800000};
    (void)state;

    wrong(ROVE_PIN_FREE_TRIES + 1);
    now.boot_ms += 20000;
    for (size_t i = 0; i < sizeof walls / sizeof *walls; i++) {
        now.wall_ms = walls[i];
        assert_int_equal(wait_ms(), 40000);
    }
    now.boot_ms += 39999;
    assert_int_equal(wait_ms(), 1);
    now.boot_ms += 1;
    assert_int_equal(wait_ms(), 0);
    now.boot_ms += DAY;
    assert_int_equal(wait_ms(), 0);
    wrong(1); /* a right PIN alone forgets */
    assert_int_equal(wait_ms(), 2 * MINUTE);
}

static void a_restart_shortens_nothing(void **state) {
    (void)state;
    wrong(ROVE_PIN_FREE_TRIES + 6);
    now.boot_ms += 31 * MINUTE;
    assert_int_equal(wait_ms(), MINUTE);
    for (int i = 0; i < 3; i++) {
        restarts();
        assert_int_equal(wait_ms(), 32 * MINUTE);
        now.boot_ms = 10 * MINUTE;
        assert_int_equal(wait_ms(), 22 * MINUTE);
    }
    now.boot_ms = 32 * MINUTE;
    assert_int_equal(wait_ms(), 0);
    /* A boot clock that runs back, and one that is none. */
    wrong(1);
    now.boot_ms -= MINUTE;
    assert_int_equal(wait_ms(), HOUR - now.boot_ms);
    now.boot_ms = -5;
    assert_int_equal(wait_ms(), HOUR);
    now.boot_ms = INT64_MIN;
    assert_int_equal(wait_ms(), HOUR);
}

static void what_was_meddled_with_waits_longest(void **state) {
    (void)state;
    tries = rove__pin_spoiled(&now);
    assert_int_equal(wait_ms(), ROVE_PIN_WAIT_MAX_MS);
    now.boot_ms += HOUR;
    assert_int_equal(wait_ms(), 0);
}

/* What the docs say: how long it takes to try all PINs of four digits. */
static void four_digits_take_more_than_a_year(void **state) {
    int64_t time_ms = 0;
    (void)state;

    for (int i = 0; i < 10000; i++) {
        wrong(1);
        time_ms += wait_ms();
        now.boot_ms += wait_ms();
    }
    assert_true(time_ms / DAY >= 365);
}

static const rule_test tests[] = {
    RULE(the_first_tries_cost_nothing_and_then_it_doubles),
    RULE(the_boot_clock_counts_and_nothing_else),
    RULE(a_restart_shortens_nothing),
    RULE(what_was_meddled_with_waits_longest),
    RULE(four_digits_take_more_than_a_year),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, set_up, NULL, argc, argv);
}
