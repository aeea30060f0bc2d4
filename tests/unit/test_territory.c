/*
 * test_territory.c - whose a record of a territory is on a day: who leaves hands over, who stays keeps, and night by night
 * comes to the same as once at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "assign/territory.h"
#include "posix/posix.h"

#define NORTH 100
#define SOUTH 200

enum { ANN = 1, BOB, CY, DEE };

static rove_allocator allocator;
static territory_history history;

static int set_up(void **state) {
    (void)state;
    rove_posix_allocator(&allocator);
    territory_history_init(&history, &allocator);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    territory_history_free(&history);
    return 0;
}

static void stay(rove_id user, rove_id territory, int64_t first_day, int64_t last_day) {
    territory_stay made = {user, territory, first_day, last_day, 0};

    assert_int_equal(territory_history_add(&history, made), ROVE_OK);
}

static void is_gone(rove_id user) {
    for (size_t i = 0; i < history.count; i++) {
        history.stays[i].gone |= history.stays[i].user == user;
    }
}

/* Whose a record of NORTH is on a day. */
static rove_id whose(rove_id holder, int64_t day) {
    rove_id to = 0;
    territory_fate fate = territory_holder(&history, NORTH, holder, day, &to);

    return fate == TERRITORY_PASSES ? to : holder;
}

static void fate_is(rove_id holder, int64_t day, territory_fate expected) {
    rove_id to = 0;

    assert_int_equal(territory_holder(&history, NORTH, holder, day, &to), expected);
}

static void test_two_swap_over_night(void **state) {
    (void)state;
    stay(ANN, NORTH, 0, 9);
    stay(BOB, SOUTH, 0, 9);
    stay(ANN, SOUTH, 10, TERRITORY_OPEN);
    stay(BOB, NORTH, 10, TERRITORY_OPEN);
    assert_int_equal(whose(ANN, 9), ANN);
    assert_int_equal(whose(ANN, 10), BOB);
    assert_int_equal(whose(BOB, 10), BOB);
    assert_int_equal(whose(BOB, 9), BOB); /* he had it before he worked there */
    assert_int_equal(whose(CY, 10), CY);  /* he never did */
}

static void test_of_several_the_one_who_began_last_takes_over(void **state) {
    (void)state;
    stay(ANN, NORTH, 0, 9);
    stay(BOB, NORTH, 0, TERRITORY_OPEN);
    stay(CY, NORTH, 10, TERRITORY_OPEN);
    stay(DEE, NORTH, 30, TERRITORY_OPEN);
    assert_int_equal(whose(ANN, 10), CY);
    assert_int_equal(whose(ANN, 40), CY); /* not who came later */
    assert_int_equal(whose(BOB, 40), BOB);
}

static void test_who_came_alike_is_for_a_person_to_say(void **state) {
    (void)state;
    stay(ANN, NORTH, 0, 9);
    stay(BOB, NORTH, 10, TERRITORY_OPEN);
    stay(CY, NORTH, 10, TERRITORY_OPEN);
    fate_is(ANN, 10, TERRITORY_SEVERAL);
    fate_is(0, 10, TERRITORY_SEVERAL);
    fate_is(BOB, 10, TERRITORY_STAYS);
}

static void test_a_gap_is_bridged_when_somebody_comes(void **state) {
    (void)state;
    stay(ANN, NORTH, 0, 9);
    stay(BOB, NORTH, 20, TERRITORY_OPEN);
    fate_is(ANN, 15, TERRITORY_NOBODY);
    fate_is(0, 15, TERRITORY_NOBODY);
    assert_int_equal(whose(ANN, 20), BOB);
    assert_int_equal(whose(0, 20), BOB);
}

static void test_from_successor_to_successor(void **state) {
    (void)state;
    stay(ANN, NORTH, 0, 9);
    stay(BOB, NORTH, 10, 19);
    stay(CY, NORTH, 20, TERRITORY_OPEN);
    assert_int_equal(whose(ANN, 15), BOB);
    assert_int_equal(whose(ANN, 25), CY);
    assert_int_equal(whose(BOB, 25), CY);
}

static void test_who_comes_back_keeps(void **state) {
    (void)state;
    stay(ANN, NORTH, 0, 9);
    stay(BOB, NORTH, 10, 19);
    stay(ANN, NORTH, 20, TERRITORY_OPEN);
    fate_is(ANN, 25, TERRITORY_STAYS);
    assert_int_equal(whose(BOB, 25), ANN);
    assert_int_equal(whose(ANN, 15), BOB);
}

static void test_one_time_there_in_two_pieces_is_no_leaving(void **state) {
    (void)state;
    stay(ANN, NORTH, 0, 9);
    stay(ANN, NORTH, 10, TERRITORY_OPEN);
    stay(BOB, NORTH, 5, TERRITORY_OPEN);
    assert_int_equal(whose(ANN, 12), ANN);
}

static void test_nothing_comes_to_who_is_gone(void **state) {
    (void)state;
    stay(ANN, NORTH, 0, 9);
    stay(BOB, NORTH, 10, TERRITORY_OPEN);
    is_gone(BOB);
    fate_is(ANN, 10, TERRITORY_NOBODY);
    fate_is(0, 10, TERRITORY_NOBODY);
    fate_is(BOB, 10, TERRITORY_STAYS);
    stay(CY, NORTH, 5, 30);
    assert_int_equal(whose(ANN, 10), CY); /* though Bob came last */
    assert_int_equal(whose(0, 10), CY);
    stay(DEE, NORTH, 40, TERRITORY_OPEN);
    fate_is(CY, 35, TERRITORY_NOBODY);
    assert_int_equal(whose(CY, 40), DEE);
}

/* His time there has ended: he handed over like anybody else. */
static void test_who_is_gone_passes_on_what_was_his(void **state) {
    (void)state;
    stay(ANN, NORTH, 0, 9);
    stay(BOB, NORTH, 10, 19);
    stay(CY, NORTH, 15, TERRITORY_OPEN);
    stay(DEE, NORTH, 20, TERRITORY_OPEN);
    is_gone(BOB);
    assert_int_equal(whose(BOB, 20), DEE);
    assert_int_equal(whose(ANN, 20), DEE);
    is_gone(DEE);
    assert_int_equal(whose(BOB, 20), CY);
    assert_int_equal(whose(ANN, 20), CY);
}

static void test_days_before_1970(void **state) {
    (void)state;
    assert_int_equal(territory_day(0), 0);
    assert_int_equal(territory_day(86399999), 0);
    assert_int_equal(territory_day(86400000), 1);
    assert_int_equal(territory_day(-1), -1);
    assert_int_equal(territory_day(-86400000), -1);
    assert_int_equal(territory_day(-86400001), -2);
}

/* ---- any history ---------------------------------------------------------------------------------------- */

static uint64_t dice(uint64_t *state, uint64_t sides) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 33) % sides;
}

/* The first to come has one open stay; whoever comes sends the one before away, so that nobody is at a loss. */
static void make_relay(uint64_t *seed, int64_t days) {
    rove_id user = (rove_id)dice(seed, 4) + 1;
    int64_t from = 0;

    for (int64_t day = 1; day < days; day++) {
        if (dice(seed, 3) == 0) {
            stay(user, NORTH, from, day - 1);
            user = (rove_id)dice(seed, 4) + 1;
            from = day;
        }
    }
    stay(user, NORTH, from, TERRITORY_OPEN);
}

static void test_night_by_night_is_as_once(void **state) {
    enum { DAYS = 40 };
    (void)state;

    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t state_of = seed;
        territory_history_free(&history);
        make_relay(&state_of, DAYS);
        for (rove_id first = ANN; first <= DEE; first++) {
            rove_id now = first;
            for (int64_t day = 0; day < DAYS; day++) {
                now = whose(now, day);
                assert_int_equal(now, whose(first, day));
            }
            fate_is(now, DAYS, TERRITORY_STAYS);
        }
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_two_swap_over_night),
        TEST(test_of_several_the_one_who_began_last_takes_over),
        TEST(test_who_came_alike_is_for_a_person_to_say),
        TEST(test_a_gap_is_bridged_when_somebody_comes),
        TEST(test_from_successor_to_successor),
        TEST(test_who_comes_back_keeps),
        TEST(test_one_time_there_in_two_pieces_is_no_leaving),
        TEST(test_nothing_comes_to_who_is_gone),
        TEST(test_who_is_gone_passes_on_what_was_his),
        TEST(test_days_before_1970),
        TEST(test_night_by_night_is_as_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
