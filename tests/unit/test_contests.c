/*
 * test_contests.c - for whom the clock decides: counted in a day, and the operator is told when it is too often.
 */
#include "headquarters.h"

#include "contests.h"

#define PHONE  ((rove_replica)4711)
#define OTHER  ((rove_replica)4712)
#define DAY_MS INT64_C(86400000)

typedef struct world {
    headquarters h;
    rove__contest contest;
    unsigned told;
    int acts;
    char detail[300];
    said heard;
} world;

static rove_status devices_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ctx;
    rove__hq_device phone = {.replica = PHONE, .user = 1, .status = ROVE_DEVICE_ACTIVE};
    rove__hq_device other = {.replica = OTHER, .user = 2, .status = ROVE_DEVICE_ACTIVE};
    (void)error;
    assert_int_equal(hq_database(w->h.hq)->store.device_put(tx, &phone), ROVE_OK);
    return hq_database(w->h.hq)->store.device_put(tx, &other);
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    headquarters_start(&w->h);
    w->h.clock.offset_ms = DAY_MS * 3 / 2 - hq_now_ms(w->h.hq) % DAY_MS;
    assert_int_equal(hq_commit(w->h.hq, devices_job, w, &w->h.error), ROVE_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    headquarters_end(&w->h);
    free(w);
    return 0;
}

static rove_status save_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ctx;
    (void)error;
    return contests_save(w->h.hq, tx, &w->contest, 1, &w->told);
}

/* Of how many the operator is told. */
static unsigned add(world *w, rove_replica replica, uint32_t won, uint32_t lost) {
    w->contest = (rove__contest){replica, won, lost};
    assert_int_equal(hq_commit(w->h.hq, save_job, w, &w->h.error), ROVE_OK);
    return w->told;
}

static rove_status each_act(void *ctx, const rove__hq_act *act) {
    world *w = ctx;
    if (strcmp(act->act, "contests") == 0) {
        w->acts++;
        (void)snprintf(w->detail, sizeof w->detail, "%s", act->detail);
    }
    return ROVE_OK;
}

static rove_status acts_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ctx;
    (void)error;
    return hq_database(w->h.hq)->directory.act_scan(tx, each_act, w);
}

static int acts(world *w) {
    w->acts = 0;
    assert_int_equal(hq_read(w->h.hq, acts_job, w, NULL), ROVE_OK);
    return w->acts;
}

static void more_than_nine_of_ten_of_twenty_or_more_are_odd(void **state) {
    (void)state;
    assert_false(contests_are_odd(0, 0));
    assert_false(contests_are_odd(19, 0));
    assert_true(contests_are_odd(20, 0));
    assert_true(contests_are_odd(19, 1));
    assert_false(contests_are_odd(18, 2));
    assert_false(contests_are_odd(900, 100));
    assert_true(contests_are_odd(901, 100));
    assert_false(contests_are_odd(0, 1000));
}

static void the_operator_is_told_once_a_day(void **state) {
    world *w = *state;
    assert_int_equal(add(w, PHONE, 10, 1), 0);
    assert_int_equal(add(w, OTHER, 19, 0), 0);
    assert_int_equal(add(w, PHONE, 8, 0), 0);
    assert_int_equal(acts(w), 0);
    assert_int_equal(headquarters_run(&w->h, &w->heard, "status", NULL), 0);
    assert_null(strstr(w->heard.out, "contests"));
    assert_int_equal(add(w, PHONE, 1, 0), 1);
    assert_int_equal(acts(w), 1);
    assert_non_null(strstr(w->detail, "device 4711: its writes won 19 of 20 contests"));
    assert_int_equal(headquarters_run(&w->h, &w->heard, "status", NULL), 0);
    assert_non_null(strstr(w->heard.out, "contests  1 devices won nearly all of theirs in a day"));
    assert_int_equal(add(w, PHONE, 0, 5), 0);
    assert_int_equal(add(w, PHONE, 100, 0), 0);
    assert_int_equal(acts(w), 1);
}

static void each_day_is_counted_for_itself(void **state) {
    world *w = *state;
    assert_int_equal(add(w, PHONE, 19, 0), 0);
    w->h.clock.offset_ms += DAY_MS;
    assert_int_equal(add(w, PHONE, 19, 0), 0);
    assert_int_equal(add(w, PHONE, 1, 0), 1);
    w->h.clock.offset_ms += DAY_MS;
    assert_int_equal(add(w, PHONE, 20, 0), 1);
    assert_int_equal(acts(w), 2);
}

static void headquarters_is_no_device(void **state) {
    world *w = *state;
    assert_int_equal(add(w, ROVE_REPLICA_HEADQUARTERS, 100, 0), 0);
    assert_int_equal(acts(w), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(more_than_nine_of_ten_of_twenty_or_more_are_odd),
        TEST(the_operator_is_told_once_a_day),
        TEST(each_day_is_counted_for_itself),
        TEST(headquarters_is_no_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
