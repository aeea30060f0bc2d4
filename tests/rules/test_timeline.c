/*
 * test_timeline.c - what every start of headquarters begins anew (T1, T2): nobody can know whether a start is a plain one or
 * follows a restored backup.
 */
#include "headquarters.h"
#include "teeth.h"

static int set_up(void **state) {
    headquarters *h = calloc(1, sizeof *h);

    assert_non_null(h);
    headquarters_start(h);
    *state = h;
    return 0;
}

static int tear_down(void **state) {
    headquarters_end(*state);
    free(*state);
    return 0;
}

typedef struct reading {
    hq *hq;
    rove__hq_head head;
} reading;

static rove_status read_head(void *ctx, rove__hq_tx *tx, rove_error *error) {
    reading *self = ctx;

    (void)error;
    return hq_database(self->hq)->store.head_get(tx, &self->head);
}

static rove__hq_head head_of(headquarters *h) {
    reading now = {.hq = h->hq};

    assert_int_equal(hq_read(h->hq, read_head, &now, NULL), ROVE_OK);
    return now.head;
}

static void t01_every_start_is_a_new_timeline(void **state) {
    headquarters *h = *state;
    uint64_t before = head_of(h).timeline;

    hq_close(h->hq);
    headquarters_open(h);
    assert_int_not_equal(head_of(h).timeline, before);
}

static void t02_every_start_makes_records_under_a_fresh_number(void **state) {
    headquarters *h = *state;
    rove_replica before = head_of(h).replica;

    hq_close(h->hq);
    headquarters_open(h);
    assert_int_not_equal(head_of(h).replica, before);
}

static const rule_test tests[] = {
    RULE(t01_every_start_is_a_new_timeline, ROVE_PLANT_T01_SAME_LINE),
    RULE(t02_every_start_makes_records_under_a_fresh_number, ROVE_PLANT_T02_SAME_NUMBER),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, set_up, tear_down, argc, argv);
}
