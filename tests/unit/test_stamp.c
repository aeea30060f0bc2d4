/* Stamps are never given out twice, trusted time survives wrong clocks, dates are right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/stamp.h"
#include "heap.h"

static rove_status fill(void *ctx, void *bytes, size_t size) {
    uint64_t *seed = ctx;
    uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)dice(seed);
    }
    return ROVE_OK;
}

static rove_status no_entropy(void *ctx, void *bytes, size_t size) {
    (void)ctx;
    (void)bytes;
    (void)size;
    return ROVE_CRYPTO;
}

static rove_stamp next(rove__hlc *hlc, int64_t now_ms, uint64_t *seed) {
    rove_random random = {fill, seed};
    rove_stamp stamp = 0;

    assert_int_equal(rove__hlc_next(hlc, now_ms, &random, &stamp), ROVE_OK);
    return stamp;
}

static void test_ids_carry_replica_and_counter(void **state) {
    rove_id id = rove__id_make(ROVE_REPLICA_MAX, UINT32_MAX);

    (void)state;
    assert_true(id == INT64_MAX);
    assert_int_equal(rove__id_replica(id), ROVE_REPLICA_MAX);
    assert_int_equal(rove__id_counter(id), UINT32_MAX);
    assert_true(rove__id_make(1, 1) > 0);
}

static void test_versions_are_ordered_by_stamp_then_replica(void **state) {
    rove__version a = {5, 9};
    rove__version b = {6, 1};
    rove__version c = {6, 2};

    (void)state;
    assert_int_equal(rove__version_compare(a, b), -1);
    assert_int_equal(rove__version_compare(c, b), 1);
    assert_int_equal(rove__version_compare(c, c), 0);
}

static void test_stamps_rise_whatever_the_clock_does(void **state) {
    rove__hlc hlc = {0, 0, 0};
    uint64_t seed = 11;
    rove_stamp last = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        int64_t now = 1700000000000 + (int64_t)(dice(&seed) % 1000) - 500;
        rove_stamp stamp = next(&hlc, now, &seed);
        assert_true(stamp > last);
        assert_true(rove__stamp_ms(stamp) >= now);
        last = stamp;
        if (i % 100 == 0) {
            rove__hlc_observe(&hlc, stamp + 77);
            last = stamp + 77;
        }
    }
}

static void test_a_fresh_millisecond_starts_at_random_low_ticks(void **state) {
    uint64_t seed = 2;
    uint32_t distinct = 0;
    uint16_t before = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        rove__hlc hlc = {0, 0, 0};
        uint16_t ticks = (uint16_t)next(&hlc, 1700000000000, &seed);
        assert_true(ticks < 1 << 12);
        distinct += ticks != before;
        before = ticks;
    }
    assert_true(distinct > 90);
}

enum { COPIED = 500 };

static void give(rove__hlc *hlc, int64_t now_ms, uint64_t seed, rove_stamp stamps[COPIED]) {
    for (size_t i = 0; i < COPIED; i++) {
        stamps[i] = next(hlc, now_ms, &seed);
    }
}

/* Both rise, so one walk over the two finds what they have in common. */
static void assert_apart(const rove_stamp *a, const rove_stamp *b) {
    for (size_t i = 0, j = 0; i < COPIED && j < COPIED;) {
        assert_true(a[i] != b[j]);
        i += a[i] < b[j];
        j += i < COPIED && a[i] > b[j];
    }
}

/* A device whose clock is behind counts on, and so does who goes on with a copy of its files: from the same stamp. */
static void test_copies_of_a_clock_that_is_behind_give_other_stamps(void **state) {
    const int64_t behind = 1700000000000;
    const rove_stamp held = rove__stamp_make(behind + 3600000, 7);
    static rove_stamp ones[COPIED];
    static rove_stamp others[COPIED];

    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        rove__hlc one = {held, held, 0};
        rove__hlc other = one;
        give(&one, behind, 2 * seed, ones);
        give(&other, behind, 2 * seed + 1, others);
        assert_apart(ones, others);
        /* Neither is noticed yet, and both hear the same of headquarters. */
        rove__hlc_observe(&one, held + 0x100000000);
        rove__hlc_observe(&other, held + 0x100000000);
        give(&one, behind, 2 * seed, ones);
        give(&other, behind, 2 * seed + 1, others);
        assert_apart(ones, others);
        /* Nothing is unsent, and both fall back. */
        rove__hlc_settle(&one, held);
        rove__hlc_settle(&other, held);
        one.issued = other.issued = held + 1;
        give(&one, behind, 2 * seed, ones);
        give(&other, behind, 2 * seed + 1, others);
        assert_apart(ones, others);
    }
}

static void test_a_wrong_clock_heals_when_nothing_is_unsent(void **state) {
    rove__hlc hlc = {0, 0, 0};
    uint64_t seed = 4;
    const int64_t now = 1700000000000;
    rove_stamp held = 0;

    (void)state;
    held = next(&hlc, now, &seed);
    (void)next(&hlc, now + INT64_C(400) * 86400000, &seed); /* more than a year ahead */
    assert_true(rove__stamp_ms(next(&hlc, now + 1, &seed)) > now + INT64_C(300) * 86400000);
    rove__hlc_settle(&hlc, held);
    assert_int_equal(rove__stamp_ms(next(&hlc, now + 2, &seed)), now + 2);
}

static void test_settling_never_gives_a_recent_stamp_again(void **state) {
    rove__hlc hlc = {0, 0, 0};
    uint64_t seed = 6;
    rove_stamp last = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        rove_stamp stamp = next(&hlc, 1700000000000 + i / 100, &seed);
        assert_true(stamp > last);
        last = stamp;
        rove__hlc_settle(&hlc, rove__stamp_make(1700000000000, 0));
    }
}

static void test_absurd_stamps_are_not_believed(void **state) {
    rove__hlc hlc = {100, 100, 0};
    uint64_t seed = 8;
    rove_random none = {no_entropy, NULL};
    rove_stamp stamp = 1;

    (void)state;
    rove__hlc_observe(&hlc, UINT64_MAX);
    assert_true(hlc.last == 100);
    rove__hlc_observe(&hlc, ROVE_STAMP_MAX);
    assert_int_equal(rove__hlc_next(&hlc, 5, &none, &stamp), ROVE_RANGE);
    assert_true(stamp == 0);
    hlc.last = 0;
    hlc.issued = 0;
    assert_int_equal(rove__hlc_next(&hlc, 5, &none, &stamp), ROVE_CRYPTO);
    assert_true(hlc.last == 0);
    assert_true(rove__stamp_ms(next(&hlc, INT64_MAX, &seed)) == 0x7fffffffffff);
    assert_true(rove__stamp_make(-5, 3) == 3);
}

static void test_trusted_time_runs_by_the_boot_clock(void **state) {
    rove__anchor anchor = {1700000000000, {500, 1000, {1}}};
    rove_clock_reading now = {999, 61000, {1}};
    int trusted = 0;

    (void)state;
    assert_true(rove__anchor_now_ms(&anchor, &now, &trusted) == 1700000060000);
    assert_int_equal(trusted, 1);
    now.boot_id[0] = 2; /* rebooted: the wall clock with the offset seen last */
    now.wall_ms = 1500;
    assert_true(rove__anchor_now_ms(&anchor, &now, &trusted) == 1700000001000);
    assert_int_equal(trusted, 0);
    now.boot_id[0] = 1; /* a boot clock that went back is not believed */
    now.boot_ms = 999;
    assert_true(rove__anchor_now_ms(&anchor, &now, &trusted) == 1700000001000);
    assert_int_equal(trusted, 0);
    anchor.server_ms = 0;
    assert_true(rove__anchor_now_ms(&anchor, &now, &trusted) == 1500);
    assert_int_equal(trusted, 0);
}

static void test_any_clock_reading_is_survived(void **state) {
    static const int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, -1,       0,
                                       1,         INT64_MAX - 1, INT64_MAX};
    const size_t count = sizeof extremes / sizeof extremes[0];

    (void)state;
    for (size_t i = 0; i < count * count * count * count; i++) {
        rove__anchor anchor = {1700000000000,
                               {extremes[i % count], extremes[i / count % count], {0}}};
        rove_clock_reading now = {extremes[i / count / count % count],
                                  extremes[i / count / count / count],
                                  {(uint8_t)(i % 2)}};
        int trusted = 0;
        char text[ROVE_TIME_TEXT_SIZE];
        int64_t ms = rove__anchor_now_ms(&anchor, &now, &trusted);
        rove__time_format(ms, text);
        (void)rove__month_of(ms);
    }
}

static void test_months(void **state) {
    int64_t from = 0;
    int64_t to = 0;

    (void)state;
    assert_int_equal(rove__month_of(0), 197001);
    assert_int_equal(rove__month_of(-1), 196912);
    assert_int_equal(rove__month_of(951782399999), 200002);     /* 2000-02-28T23:59:59.999 */
    assert_int_equal(rove__month_of(951868800000 - 1), 200002); /* the leap day */
    assert_int_equal(rove__month_of(951868800000), 200003);
    assert_int_equal(rove__month_of(INT64_MAX), 0);
    assert_int_equal(rove__month_of(INT64_MIN), 0);
    assert_int_equal(rove__month_of(-62135596800000), 101);
    assert_int_equal(rove__month_of(-62135596800001), 0);
    assert_int_equal(rove__month_of(253402300799999), 999912);
    assert_int_equal(rove__month_of(253402300800000), 0);
    for (int32_t year = 1; year <= 9999; year += 7) {
        for (int32_t month = 1; month <= 12; month++) {
            assert_int_equal(rove__month_range(year * 100 + month, &from, &to), ROVE_OK);
            assert_int_equal(rove__month_of(from), year * 100 + month);
            assert_int_equal(rove__month_of(to - 1), year * 100 + month);
            assert_int_not_equal(rove__month_of(to), year * 100 + month);
        }
    }
    assert_int_equal(rove__month_range(202613, &from, &to), ROVE_RANGE);
    assert_int_equal(rove__month_range(202600, &from, &to), ROVE_RANGE);
    assert_int_equal(rove__month_range(0, &from, &to), ROVE_RANGE);
    assert_int_equal(rove__month_range(-202601, &from, &to), ROVE_RANGE);
    assert_int_equal(rove__month_range(1000001, &from, &to), ROVE_RANGE);
}

static int64_t parsed(const char *text) {
    int64_t ms = 1;

    assert_int_equal(rove__time_parse(text, strlen(text), &ms), ROVE_OK);
    return ms;
}

static void test_times_are_written_and_read(void **state) {
    char text[ROVE_TIME_TEXT_SIZE];
    uint64_t seed = 9;

    (void)state;
    rove__time_format(1795424700000, text);
    assert_string_equal(text, "2026-11-23T09:05:00.000Z");
    rove__time_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    assert_true(parsed("2026-11-23T09:05:00.000Z") == 1795424700000);
    assert_true(parsed("2026-11-23T09:05Z") == 1795424700000);
    assert_true(parsed("2026-11-23 09:05") == 1795424700000);
    assert_true(parsed("2026-11-23T10:05+01:00") == 1795424700000);
    assert_true(parsed("2026-11-23T04:05:00-0500") == 1795424700000);
    assert_true(parsed("2026-11-23T09:05:00.1239999Z") == 1795424700123);
    assert_true(parsed("2026-11-23T09:05:00.5z") == 1795424700500);
    assert_true(parsed("1970-01-01") == 0);
    for (int i = 0; i < 20000; i++) {
        int64_t ms = (int64_t)(dice(&seed) % 315537897600000) - 62135596800000;
        rove__time_format(ms, text);
        assert_true(parsed(text) == ms);
    }
}

static void test_what_is_no_time_is_refused(void **state) {
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-11",
                                      "2026-11-",
                                      "2026-13-01",
                                      "2026-00-10",
                                      "2026-02-29",
                                      "2026-04-31",
                                      "2026-11-23T",
                                      "2026-11-23T9:05",
                                      "2026-11-23T24:00",
                                      "2026-11-23T23:60",
                                      "2026-11-23T23:59:60",
                                      "2026-11-23T09:05:00.",
                                      "2026-11-23T09:05Zx",
                                      "2026-11-23T09:05+1",
                                      "2026-11-23x09:05",
                                      "0000-01-01",
                                      "20261123",
                                      "+026-11-23",
                                      " 2026-11-23",
                                      "2026-11-23 "};
    int64_t ms = 1;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(rove__time_parse(bad[i], strlen(bad[i]), &ms), ROVE_INVALID);
        assert_true(ms == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_carry_replica_and_counter),
        cmocka_unit_test(test_versions_are_ordered_by_stamp_then_replica),
        cmocka_unit_test(test_stamps_rise_whatever_the_clock_does),
        cmocka_unit_test(test_a_fresh_millisecond_starts_at_random_low_ticks),
        cmocka_unit_test(test_copies_of_a_clock_that_is_behind_give_other_stamps),
        cmocka_unit_test(test_a_wrong_clock_heals_when_nothing_is_unsent),
        cmocka_unit_test(test_settling_never_gives_a_recent_stamp_again),
        cmocka_unit_test(test_absurd_stamps_are_not_believed),
        cmocka_unit_test(test_trusted_time_runs_by_the_boot_clock),
        cmocka_unit_test(test_any_clock_reading_is_survived),
        cmocka_unit_test(test_months),
        cmocka_unit_test(test_times_are_written_and_read),
        cmocka_unit_test(test_what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
