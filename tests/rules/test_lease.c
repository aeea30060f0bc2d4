/*
 * rules/test_lease.c - the lease (rules/lease.h): what a device may read without headquarters, whatever becomes of its clocks.
 *
 * The truth here: reading time is all the time that the device was on since the grant, in each boot up to the last read.
 */
#include "rules/lease.h"

#include "teeth.h"

#define HOUR   INT64_C(3600000)
#define MINUTE INT64_C(60000)
#define DAY    (24 * HOUR)
#define NOW    INT64_C(1764000000000)
#define LEASE  (12 * HOUR)

/* A device, and what it has written of its lease. */
typedef struct device {
    rove_clock_reading clock;
    rove__lease written;
} device;

static device d;

static int set_up(void **state) {
    (void)state;
    d = (device){.clock = {.wall_ms = NOW, .boot_ms = 5 * DAY, .boot_id = {1}}};
    d.written = rove__lease_grant(LEASE, &d.clock);
    return 0;
}

static void goes_on(int64_t ms) {
    d.clock.wall_ms += ms;
    d.clock.boot_ms += ms;
}

/* Off for so long. What was written is all that it knows then. */
static void restarts(int64_t off_ms) {
    d.clock.wall_ms += off_ms;
    d.clock.boot_ms = 0;
    d.clock.boot_id[0]++;
}

/* As a reader does. */
static int reads(void) {
    rove__lease_view view = rove__lease_look(&d.written, &d.clock);

    if (view.write == ROVE_LEASE_FIRST) {
        d.written = rove__lease_charge(&d.written, &d.clock);
    }
    return !view.over;
}

/* Reads every minute for as long as it may, at most for `most`. */
static int64_t reading_time(int64_t most) {
    int64_t time = 0;

    while (time < most && reads()) {
        goes_on(MINUTE);
        time += MINUTE;
    }
    return time;
}

/* ---- the clock matrix ---- */

static void an_honest_device_reads_for_its_lease(void **state) {
    (void)state;
    assert_int_equal(reading_time(3 * DAY), LEASE);
    assert_false(reads());
    restarts(HOUR);
    assert_false(reads());
    d.written = rove__lease_grant(LEASE, &d.clock);
    assert_int_equal(reading_time(3 * DAY), LEASE);
}

static void without_a_lease_all_is_read(void **state) {
    (void)state;
    d.written = rove__lease_grant(0, &d.clock);
    assert_int_equal(reading_time(30 * DAY), 30 * DAY);
    d.clock.wall_ms = 0;
    restarts(0);
    assert_true(reads());
}

static void time_counts_while_nobody_reads(void **state) {
    (void)state;
    goes_on(LEASE - 1);
    assert_true(reads());
    goes_on(1);
    assert_false(reads());
}

/* Back a day, 1970, 2100, and as far as a clock can be: the boot clock goes on. */
static void l01_within_a_boot_no_clock_adds_time(void **state) {
    static const int64_t clocks[] = {NOW - DAY, 0, INT64_C(4102444800000), INT64_MIN, INT64_MAX};
    (void)state;

    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        (void)set_up(NULL);
        int64_t before = reading_time(3 * HOUR);
        d.clock.wall_ms = clocks[i];
        while (before < 2 * LEASE && reads()) {
            d.clock.boot_ms += MINUTE; /* and the wall clock is held where it is */
            before += MINUTE;
        }
        assert_int_equal(before, LEASE);
    }
}

/* A power cut right after a read, before anything more is written, as often as one likes. */
static void l02_power_cuts_give_nothing_back(void **state) {
    int64_t held = d.clock.wall_ms;
    int64_t time = 0;
    (void)state;

    while (time < 2 * LEASE && reads()) {
        d.clock.boot_ms += 50000;
        if (!reads()) {
            break;
        }
        time += 50000;
        restarts(0);
        d.clock.wall_ms = held; /* set back to where it was: no more than ten minutes */
    }
    assert_true(time <= LEASE);
    assert_true(time > LEASE / 3);
}

static void over_a_restart_the_right_clock_counts(void **state) {
    (void)state;
    assert_int_equal(reading_time(HOUR), HOUR);
    restarts(4 * HOUR);
    int64_t left = reading_time(DAY);
    assert_true(left <= LEASE - 5 * HOUR);
    assert_true(left >= LEASE - 5 * HOUR - 2 * MINUTE);
}

/* A day late, 2100: it cannot be told from time that went by. */
static void a_clock_that_is_late_ends_the_lease(void **state) {
    (void)state;
    restarts(DAY);
    assert_false(reads());
    (void)set_up(NULL);
    restarts(0);
    d.clock.wall_ms = INT64_MAX;
    assert_false(reads());
}

/* The battery was out, or somebody turned it back. */
static void l03_a_clock_that_went_back_over_a_restart_ends_the_lease(void **state) {
    static const int64_t clocks[] = {NOW - DAY, 0, NOW - ROVE_LEASE_BACK_MS - 1, INT64_MIN};
    (void)state;

    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        (void)set_up(NULL);
        restarts(0);
        d.clock.wall_ms = clocks[i];
        assert_false(reads());
        d.clock.wall_ms = NOW + HOUR; /* too late: it has been noticed */
        assert_false(reads());
        d.written = rove__lease_grant(LEASE, &d.clock);
        assert_true(reads());
    }
    (void)set_up(NULL);
    restarts(0);
    d.clock.wall_ms = NOW - ROVE_LEASE_BACK_MS;
    assert_true(reads());
}

/* It is turned back while it is on, and noticed at the next start. */
static void l03_the_latest_time_ever_shown_counts(void **state) {
    (void)state;
    assert_true(reading_time(2 * HOUR) > 0);
    d.clock.wall_ms -= DAY;
    assert_int_equal(reading_time(HOUR), HOUR);
    restarts(0);
    assert_false(reads());
}

static void a_boot_clock_that_starts_anew_under_the_same_id_is_another_boot(void **state) {
    (void)state;
    assert_int_equal(reading_time(HOUR), HOUR);
    d.clock.boot_ms = 0;
    rove__lease_view view = rove__lease_look(&d.written, &d.clock);
    assert_int_equal(view.write, ROVE_LEASE_FIRST);
    assert_true(view.used_ms >= HOUR - MINUTE); /* its last read was a minute ago */
}

static void a_start_costs_a_slice_and_no_more(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_true(reads());
        restarts(0);
    }
    int64_t left = reading_time(DAY);
    assert_true(left >= LEASE - 20 * ROVE_LEASE_SLICE_MAX_MS);
}

/* A minute of it, or a hundredth; and not each read writes. */
static void what_is_written_covers_a_slice(void **state) {
    static const int64_t leases[][2] = {{DAY, 60000}, {HOUR, 36000}, {10000, 1000}, {500, 1000}};
    (void)state;

    for (size_t i = 0; i < sizeof leases / sizeof *leases; i++) {
        int64_t slice = leases[i][1];
        d.written = rove__lease_grant(leases[i][0], &d.clock);
        rove__lease written = d.written;
        rove_clock_reading start = d.clock;
        d.clock.boot_ms = start.boot_ms + slice / 2;
        assert_int_equal(rove__lease_look(&written, &d.clock).write,
                         slice / 2 < leases[i][0] ? ROVE_LEASE_KEPT : ROVE_LEASE_FIRST);
        d.clock.boot_ms++;
        assert_int_equal(rove__lease_look(&written, &d.clock).write,
                         slice / 2 + 1 < leases[i][0] ? ROVE_LEASE_SOON : ROVE_LEASE_FIRST);
        d.clock.boot_ms = start.boot_ms + slice + 1;
        assert_int_equal(rove__lease_look(&written, &d.clock).write, ROVE_LEASE_FIRST);
        d.clock = start;
    }
}

static void what_is_over_is_written_once(void **state) {
    (void)state;
    goes_on(LEASE);
    assert_int_equal(rove__lease_look(&d.written, &d.clock).write, ROVE_LEASE_FIRST);
    assert_false(reads());
    assert_int_equal(rove__lease_look(&d.written, &d.clock).write, ROVE_LEASE_KEPT);
    assert_int_equal(rove__lease_look(&d.written, &d.clock).used_ms, LEASE);
}

/* ---- any story ---- */

static uint64_t dice;

static uint64_t roll(uint64_t sides) {
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice % sides;
}

/* What is true of it since the grant. */
typedef struct truth {
    int64_t before;  /* of former boots, each up to its last read */
    int64_t start;   /* boot clock at the start, or at the grant in this boot */
    int64_t last;    /* of this boot, up to the last read */
    int64_t elapsed; /* all the time */
    int restarts;
} truth;

static truth t;

static void grant(void) {
    d.written = rove__lease_grant((int64_t)(roll(24) + 1) * HOUR, &d.clock);
    t = (truth){.start = d.clock.boot_ms};
}

static void pass(int64_t ms) {
    goes_on(ms);
    t.elapsed += ms;
}

static void cut(int64_t off_ms) {
    restarts(off_ms);
    t.before += t.last;
    t.start = 0;
    t.last = 0;
    t.elapsed += off_ms;
    t.restarts++;
}

static void set_clock(void) {
    static const int64_t steps[] = {-DAY, DAY, -HOUR, HOUR, -9 * MINUTE, 9 * MINUTE, -1000};

    switch (roll(10)) {
    case 0:
        d.clock.wall_ms = 0;
        break;
    case 1:
        d.clock.wall_ms = INT64_C(4102444800000);
        break;
    case 2:
        d.clock.wall_ms = d.written.at.wall_ms; /* as he knows it was */
        break;
    case 3:
        d.clock.wall_ms = d.written.at.wall_ms - 9 * MINUTE;
        break;
    default:
        d.clock.wall_ms += steps[roll(sizeof steps / sizeof *steps)];
    }
}

/* Returns whether it was read. The power may be cut around the writing. */
static int tries(void) {
    rove__lease_view view = rove__lease_look(&d.written, &d.clock);
    int64_t now = d.clock.boot_ms - t.start;

    if (view.write == ROVE_LEASE_FIRST || (view.write == ROVE_LEASE_SOON && roll(2))) {
        if (roll(20) == 0) {
            cut(0);
            return 0;
        }
        d.written = rove__lease_charge(&d.written, &d.clock);
    }
    if (view.over) {
        return 0;
    }
    assert_true(t.before + now < d.written.lease_ms);
    t.last = now;
    return 1;
}

static void no_story_reads_past_its_lease(void **state) {
    int64_t read = 0;
    (void)state;

    for (uint64_t seed = 1; seed <= 4000; seed++) {
        (void)set_up(NULL);
        dice = seed * UINT64_C(0x9e3779b97f4a7c15);
        grant();
        int sly =
            seed % 4 == 0; /* its clock stands where it was written last, after each of many cuts */
        for (int i = 0; i < 300 + 1500 * sly; i++) {
            switch (roll(sly ? 3 : 12)) {
            case 0:
                cut(sly ? 0 : (int64_t)roll(3 * HOUR));
                d.clock.wall_ms = sly ? d.written.at.wall_ms : d.clock.wall_ms;
                break;
            case 3:
                set_clock();
                break;
            case 4:
                if (roll(8) == 0) {
                    grant();
                }
                break;
            default:
                pass((int64_t)roll(!sly && roll(4) == 0 ? 30 * MINUTE : MINUTE));
                read += tries();
            }
        }
    }
    assert_true(read > 100000); /* it was about something */
}

static void an_honest_story_has_its_lease_less_a_slice_for_each_start(void **state) {
    (void)state;

    for (uint64_t seed = 1; seed <= 1000; seed++) {
        (void)set_up(NULL);
        dice = seed * UINT64_C(0x9e3779b97f4a7c15);
        grant();
        for (int i = 0; i < 300; i++) {
            if (roll(12) == 0) {
                cut((int64_t)roll(HOUR));
            } else {
                pass((int64_t)roll(10 * MINUTE));
            }
            int64_t starts = t.restarts;
            int64_t due = d.written.lease_ms - t.elapsed - starts * ROVE_LEASE_SLICE_MAX_MS;
            if (!tries() && due > 0) {
                assert_true(t.restarts > starts); /* cut while it was writing */
            }
        }
    }
}

static const rule_test tests[] = {
    RULE(an_honest_device_reads_for_its_lease),
    RULE(without_a_lease_all_is_read),
    RULE(time_counts_while_nobody_reads),
    RULE(l01_within_a_boot_no_clock_adds_time, ROVE_PLANT_L01_WALL_CLOCK),
    RULE(l02_power_cuts_give_nothing_back, ROVE_PLANT_L02_ON_CREDIT),
    RULE(over_a_restart_the_right_clock_counts),
    RULE(a_clock_that_is_late_ends_the_lease),
    RULE(l03_a_clock_that_went_back_over_a_restart_ends_the_lease, ROVE_PLANT_L03_TURNED_BACK),
    RULE(l03_the_latest_time_ever_shown_counts, ROVE_PLANT_L03_TURNED_BACK),
    RULE(a_boot_clock_that_starts_anew_under_the_same_id_is_another_boot),
    RULE(a_start_costs_a_slice_and_no_more),
    RULE(what_is_written_covers_a_slice),
    RULE(what_is_over_is_written_once),
    RULE(no_story_reads_past_its_lease, ROVE_PLANT_L01_WALL_CLOCK, ROVE_PLANT_L02_ON_CREDIT),
    RULE(an_honest_story_has_its_lease_less_a_slice_for_each_start),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, set_up, NULL, argc, argv);
}
