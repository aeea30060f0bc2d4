/*
 * test_traffic.c - what a device was sent in a day: counted, kept, and at its limit and one past it.
 */
#include "headquarters.h"

#include "traffic.h"

#define PHONE ((rove_replica)4711)
#define OTHER ((rove_replica)4712)

typedef struct world {
    headquarters h;
    traffic *traffic;
} world;

static void begin(world *w, uint64_t bytes, uint64_t downloads) {
    const traffic_limits limits = {bytes, downloads};
    traffic_free(w->traffic);
    assert_int_equal(traffic_new(w->h.hq, &limits, &w->traffic), ROVE_OK);
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    headquarters_start(&w->h);
    /* In the middle of a day. */
    w->h.clock.offset_ms = TRAFFIC_DAY_MS * 3 / 2 - hq_now_ms(w->h.hq) % TRAFFIC_DAY_MS;
    begin(w, 1000, 3);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    traffic_free(w->traffic);
    headquarters_end(&w->h);
    free(w);
    return 0;
}

static rove_status admit(world *w, rove_replica replica) {
    int64_t wait_s = 0;
    rove_status status = traffic_admit(w->traffic, replica, &wait_s);
    if (status == ROVE_LATER) { /* until the day is over, and no longer */
        assert_in_range(wait_s, 1, 43202);
        assert_true(wait_s >= 43000);
    } else {
        assert_int_equal(wait_s, 0);
    }
    return status;
}

static void keep(world *w, rove_replica replica) {
    assert_int_equal(traffic_keep(w->traffic, replica, &w->h.error), ROVE_OK);
}

typedef struct reading {
    world *w;
    rove_replica replica;
    traffic_day days[TRAFFIC_DAYS];
    size_t count;
    int quotas; /* acts */
    char detail[300];
} reading;

static rove_status each_act(void *ctx, const rove__hq_act *act) {
    reading *self = ctx;
    if (strcmp(act->act, "quota") == 0) {
        self->quotas++;
        (void)snprintf(self->detail, sizeof self->detail, "%s", act->detail);
    }
    return ROVE_OK;
}

static rove_status read_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    reading *self = ctx;
    hq *office = self->w->h.hq;
    (void)error;
    rove_status status = traffic_read(office, tx, self->replica, self->days, &self->count);
    return status == ROVE_OK ? hq_database(office)->directory.act_scan(tx, each_act, self) : status;
}

static reading kept(world *w, rove_replica replica) {
    reading job = {.w = w, .replica = replica};
    assert_int_equal(hq_read(w->h.hq, read_job, &job, NULL), ROVE_OK);
    return job;
}

static void bytes_up_to_the_limit_are_let_through_and_one_more_is_not(void **state) {
    world *w = *state;
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    assert_int_equal(traffic_add(w->traffic, PHONE, 1000, 0), 0);
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    assert_int_equal(traffic_over(w->traffic), 0);
    assert_int_equal(traffic_add(w->traffic, PHONE, 1, 0), 1);
    assert_int_equal(admit(w, PHONE), ROVE_LATER);
    assert_int_equal(traffic_over(w->traffic), 1);
    assert_int_equal(admit(w, OTHER), ROVE_OK);
}

static void full_downloads_up_to_the_limit_are_let_through_and_one_more_is_not(void **state) {
    world *w = *state;
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(traffic_add(w->traffic, PHONE, 1, 1), 1);
    }
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    (void)traffic_add(w->traffic, PHONE, 1, 1);
    assert_int_equal(admit(w, PHONE), ROVE_LATER);
}

static void the_next_day_it_comes_again(void **state) {
    world *w = *state;
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    (void)traffic_add(w->traffic, PHONE, 1001, 1);
    keep(w, PHONE);
    assert_int_equal(admit(w, PHONE), ROVE_LATER);
    w->h.clock.offset_ms += TRAFFIC_DAY_MS;
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    assert_int_equal(traffic_over(w->traffic), 0);
    (void)traffic_add(w->traffic, PHONE, 7, 0);
    keep(w, PHONE);
    reading was = kept(w, PHONE);
    assert_int_equal(was.count, 2);
    assert_int_equal(was.days[0].bytes, 7);
    assert_int_equal(was.days[0].downloads, 0);
    assert_int_equal(was.days[1].bytes, 1001);
    assert_int_equal(was.days[1].downloads, 1);
    assert_int_equal(was.days[0].day, was.days[1].day + 1);
}

static void a_restarted_server_remembers(void **state) {
    world *w = *state;
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    (void)traffic_add(w->traffic, PHONE, 600, 1);
    keep(w, PHONE);
    begin(w, 1000, 3);
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    (void)traffic_add(w->traffic, PHONE, 401, 0);
    assert_int_equal(admit(w, PHONE), ROVE_LATER);
    keep(w, PHONE);
    begin(w, 1000, 3);
    assert_int_equal(admit(w, PHONE), ROVE_LATER);
    assert_int_equal(kept(w, PHONE).days[0].bytes, 1001);
}

static void the_operator_is_told_once_a_day(void **state) {
    world *w = *state;
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    (void)traffic_add(w->traffic, PHONE, 1000, 0);
    keep(w, PHONE);
    assert_int_equal(kept(w, PHONE).quotas, 0);
    (void)traffic_add(w->traffic, PHONE, 1, 0);
    keep(w, PHONE);
    (void)traffic_add(w->traffic, PHONE, 500, 1);
    keep(w, PHONE);
    reading was = kept(w, PHONE);
    assert_int_equal(was.quotas, 1);
    assert_non_null(strstr(was.detail, "device 4711"));
    begin(w, 1000, 3); /* also after a restart */
    assert_int_equal(admit(w, PHONE), ROVE_LATER);
    (void)traffic_add(w->traffic, PHONE, 5, 0);
    keep(w, PHONE);
    assert_int_equal(kept(w, PHONE).quotas, 1);
    w->h.clock.offset_ms += TRAFFIC_DAY_MS;
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    (void)traffic_add(w->traffic, PHONE, 1001, 0);
    keep(w, PHONE);
    assert_int_equal(kept(w, PHONE).quotas, 2);
}

static void much_at_once_is_kept_at_once(void **state) {
    world *w = *state;
    begin(w, UINT64_MAX, UINT64_MAX);
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    assert_int_equal(traffic_add(w->traffic, PHONE, TRAFFIC_SAVE_BYTES - 1, 0), 0);
    assert_int_equal(traffic_add(w->traffic, PHONE, 1, 0), 1);
    keep(w, PHONE);
    assert_int_equal(traffic_add(w->traffic, PHONE, 1, 0), 0);
    assert_int_equal(traffic_add(w->traffic, PHONE, 1, 1), 1);
    assert_int_equal(kept(w, PHONE).days[0].bytes, TRAFFIC_SAVE_BYTES);
}

static void a_month_is_kept(void **state) {
    world *w = *state;
    for (int i = 0; i < TRAFFIC_DAYS + 5; i++) {
        assert_int_equal(admit(w, PHONE), ROVE_OK);
        (void)traffic_add(w->traffic, PHONE, (uint64_t)i + 1, 0);
        keep(w, PHONE);
        w->h.clock.offset_ms += TRAFFIC_DAY_MS;
    }
    reading was = kept(w, PHONE);
    assert_int_equal(was.count, TRAFFIC_DAYS);
    for (size_t i = 0; i < was.count; i++) {
        assert_int_equal(was.days[i].bytes, TRAFFIC_DAYS + 5 - i);
    }
    w->h.clock.offset_ms += 40 * TRAFFIC_DAY_MS;
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    (void)traffic_add(w->traffic, PHONE, 1, 0);
    keep(w, PHONE);
    assert_int_equal(kept(w, PHONE).count, 1);
}

static rove_status put_renumbered(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ctx;
    rove__hq_device device = {
        .replica = OTHER, .former = PHONE, .user = 1, .status = ROVE_DEVICE_ACTIVE};
    (void)error;
    return hq_database(w->h.hq)->store.device_put(tx, &device);
}

static void a_fresh_number_is_no_new_share(void **state) {
    world *w = *state;
    assert_int_equal(hq_commit(w->h.hq, put_renumbered, w, NULL), ROVE_OK);
    assert_int_equal(admit(w, PHONE), ROVE_OK);
    (void)traffic_add(w->traffic, PHONE, 1001, 1);
    assert_int_equal(admit(w, OTHER), ROVE_LATER); /* what is not kept yet counts */
    keep(w, OTHER);
    assert_int_equal(kept(w, OTHER).days[0].bytes, 1001);
    keep(w, PHONE);
    begin(w, 1000, 3);
    assert_int_equal(admit(w, OTHER), ROVE_LATER);
    w->h.clock.offset_ms += TRAFFIC_DAY_MS;
    assert_int_equal(admit(w, OTHER), ROVE_OK);
}

static rove_status spoil(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ctx;
    static const char text[] = "20000 5 1\nnonsense\n19999 5 1\n";
    (void)error;
    return hq_database(w->h.hq)->directory.setting_put(
        tx, "traffic/4711", (rove__bytes){(const uint8_t *)text, sizeof text - 1});
}

static void what_is_no_line_ends_the_list(void **state) {
    world *w = *state;
    assert_int_equal(hq_commit(w->h.hq, spoil, w, NULL), ROVE_OK);
    assert_int_equal(kept(w, PHONE).count, 1);
    assert_int_equal(admit(w, PHONE), ROVE_OK);
}

static void many_devices_are_told_apart(void **state) {
    world *w = *state;
    for (rove_replica i = 200; i > 0; i--) {
        assert_int_equal(admit(w, i * 7), ROVE_OK);
        (void)traffic_add(w->traffic, i * 7, 800 + i, 0);
    }
    for (rove_replica i = 1; i <= 200; i++) {
        assert_int_equal(admit(w, i * 7), ROVE_OK);
    }
    (void)traffic_add(w->traffic, 700, 101, 0);
    assert_int_equal(admit(w, 700), ROVE_LATER);
    assert_int_equal(traffic_over(w->traffic), 1);
    assert_int_equal(traffic_add(w->traffic, 3, 5000, 1), 0); /* it never came */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_up_to_the_limit_are_let_through_and_one_more_is_not,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            full_downloads_up_to_the_limit_are_let_through_and_one_more_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_day_it_comes_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restarted_server_remembers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_operator_is_told_once_a_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(much_at_once_is_kept_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_month_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_fresh_number_is_no_new_share, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_line_ends_the_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_devices_are_told_apart, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
