/*
 * test_acts.c - nothing that an operator does goes unrecorded because it was stopped in the middle: what goes out is recorded
 * before, and each transaction of a long command records itself.
 */
#include "headquarters.h"

#include "assign/assign.h"

typedef struct world {
    headquarters h;
    said said;
} world;

#define does(w, ...)                                                                               \
    do {                                                                                           \
        if (headquarters_run(&(w)->h, &(w)->said, __VA_ARGS__, NULL) != HQ_EXIT_DONE) {            \
            fail_msg("%s: %s", #__VA_ARGS__, (w)->said.err);                                       \
        }                                                                                          \
    } while (0)

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    headquarters_start(&w->h);
    does(w, "users", "add", "ann", "--external-id", "1");
    does(w, "add", "account", "name=A", "external_id=a", "owner_id=ann");
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    headquarters_end(&w->h);
    free(w);
    return 0;
}

typedef struct counting {
    hq *office;
    const char *act;
    int count;
    char newest[300];
} counting;

static rove_status each_act(void *ctx, const rove__hq_act *act) {
    counting *self = ctx;
    if (strcmp(act->act, self->act) == 0) {
        if (self->count++ == 0) {
            (void)snprintf(self->newest, sizeof self->newest, "%s", act->detail);
        }
    }
    return ROVE_OK;
}

static rove_status scan(void *ctx, rove__hq_tx *tx, rove_error *error) {
    counting *self = ctx;
    (void)error;
    return hq_database(self->office)->directory.act_scan(tx, each_act, self);
}

static counting acts(hq *office, const char *act) {
    counting job = {.office = office, .act = act};
    assert_int_equal(hq_read(office, scan, &job, NULL), ROVE_OK);
    return job;
}

/* Whoever reads what is exported; how often it was recorded when the first byte came. */
typedef struct reader {
    hq *office;
    size_t bytes;
    int recorded;
} reader;

static void take(void *ctx, const char *bytes, size_t size) {
    reader *self = ctx;
    (void)bytes;
    if (self->bytes == 0) {
        self->recorded = acts(self->office, "export").count;
    }
    self->bytes += size;
}

static void an_export_is_recorded_before_its_first_byte(void **state) {
    world *w = *state;
    char words[2][16] = {"export", "account"};
    char *argv[] = {words[0], words[1], NULL};
    reader r = {.office = w->h.hq};
    const hq_io io = {
        .out = take, .err = take, .ctx = &r, .operator_name = "tester", .directory = "/"};
    assert_int_equal(hq_command_named("export")->run(w->h.hq, &io, 2, argv), HQ_EXIT_DONE);
    assert_true(r.bytes > 0);
    assert_int_equal(r.recorded, 1);
    assert_string_equal(acts(w->h.hq, "export").newest, "Account, 1 records");
}

static void each_transaction_of_an_assignment_is_recorded(void **state) {
    world *w = *state;
    char name[32];
    for (int i = 0; i < ASSIGN_PAIRS_MAX; i++) {
        (void)snprintf(name, sizeof name, "name=N%d", i);
        does(w, "add", "account", name, "owner_id=ann");
    }
    does(w, "assign", "--by-owner", "--all");
    counting seen = acts(w->h.hq, "assign");
    assert_int_equal(seen.count, 2);
    assert_non_null(strstr(seen.newest, "(501 to 501 of 501)"));
    does(w, "acts", "verify");
}

static void a_short_assignment_is_one_act(void **state) {
    world *w = *state;
    does(w, "assign", "--by-owner", "--all");
    counting seen = acts(w->h.hq, "assign");
    assert_int_equal(seen.count, 1);
    assert_null(strstr(seen.newest, " of "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_export_is_recorded_before_its_first_byte, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(each_transaction_of_an_assignment_is_recorded, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_short_assignment_is_one_act, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
