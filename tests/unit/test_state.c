/* What the state of a record allows: visits, leads, sealed records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "records.h"
#include "rove/entities.pb-c.h"
#include "rules/rules.h"

static records r;

static int setup(void **state) {
    (void)state;
    return records_open(&r);
}

static int teardown(void **state) {
    (void)state;
    return records_close(&r);
}

static rove_status move(const char *entity, rove__actor actor, int from, int to, int folded,
                        const rove__bits *unseen, rove_error *error) {
    rove__row *before = records_new(&r, entity);
    rove__row *after = records_new(&r, entity);
    rove__write write = {.op = ROVE_OP_UPDATE,
                         .actor = actor,
                         .registry = r.registry,
                         .before = before,
                         .after = after,
                         .unseen = unseen,
                         .folded = folded};

    records_set(before, "status", from == 0 ? rove__value_null() : rove__value_int(from));
    records_set(after, "status", to == 0 ? rove__value_null() : rove__value_int(to));
    return rove__rules_check(&write, error);
}

/* Rows: from; columns: to; '+' allowed, 'f' only where acts were folded. */
static void check_table(const char *entity, const char *const *table, int states) {
    for (int from = 1; from <= states; from++) {
        for (int to = 1; to <= states; to++) {
            char cell = table[from - 1][to - 1];
            rove_status step = move(entity, ROVE_ACTOR_REP, from, to, 0, NULL, NULL);
            rove_status path = move(entity, ROVE_ACTOR_REP, from, to, 1, NULL, NULL);
            if (step != (cell == '+' ? ROVE_OK : ROVE_STATE)) {
                fail_msg("%s from %d to %d in one step", entity, from, to);
            }
            if (path != (cell == '-' ? ROVE_STATE : ROVE_OK)) {
                fail_msg("%s from %d to %d in folded steps", entity, from, to);
            }
            assert_int_equal(move(entity, ROVE_ACTOR_HQ, from, to, 0, NULL, NULL), ROVE_OK);
            rove__arena_reset(&r.arena);
        }
        assert_int_equal(move(entity, ROVE_ACTOR_REP, 0, from, 0, NULL, NULL), ROVE_OK);
        assert_int_equal(move(entity, ROVE_ACTOR_REP, from, 0, 1, NULL, NULL), ROVE_STATE);
    }
}

static void test_the_states_of_a_visit(void **state) {
    static const char *const table[] = {
        /* planned, in progress, missed, cancelled, completed */
        "+++++", /* from planned */
        "-++++", /* in progress */
        "--+-+", /* missed */
        "---++", /* cancelled: work that was done counts */
        "----+", /* completed */
    };
    rove_error error;

    (void)state;
    check_table("Visit", table, 5);
    assert_int_equal(move("Visit", ROVE_ACTOR_REP, ROVE__VISIT__STATUS__COMPLETED,
                          ROVE__VISIT__STATUS__IN_PROGRESS, 0, NULL, &error),
                     ROVE_STATE);
    assert_string_equal(error.message, "Visit.status cannot change from COMPLETED to IN_PROGRESS.");
}

static void test_the_states_of_a_lead(void **state) {
    static const char *const table[] = {
        /* new, assigned, in process, converted, recycled, dead */
        "++++++", /* from new */
        "f+++++", /* assigned */
        "ff++++", /* in process */
        "---+--", /* converted */
        "++++++", /* recycled */
        "-----+", /* dead */
    };

    (void)state;
    check_table("Lead", table, 6);
}

static void test_what_the_author_had_not_seen_is_merged_and_not_refused(void **state) {
    rove__bits unseen = {{0}};
    rove__bits other = {{0}};
    int at = rove__entity_field_named(rove__registry_by_name(r.registry, "Visit"), "status");

    (void)state;
    rove__bits_set(&unseen, (size_t)at);
    rove__bits_set(&other, 0);
    assert_int_equal(move("Visit", ROVE_ACTOR_REP, ROVE__VISIT__STATUS__CANCELLED,
                          ROVE__VISIT__STATUS__IN_PROGRESS, 1, &unseen, NULL),
                     ROVE_OK);
    assert_int_equal(move("Visit", ROVE_ACTOR_REP, ROVE__VISIT__STATUS__CANCELLED,
                          ROVE__VISIT__STATUS__IN_PROGRESS, 1, &other, NULL),
                     ROVE_STATE);
}

static rove_status act(rove__op op, rove__actor actor, const rove__row *before,
                       const rove__row *after, rove_error *error) {
    rove__write write = {
        .op = op, .actor = actor, .registry = r.registry, .before = before, .after = after};

    return rove__rules_check(&write, error);
}

static rove__row *visit(void) {
    rove__row *row = records_new(&r, "Visit");

    records_int(row, "account_id", 10);
    records_int(row, "status", ROVE__VISIT__STATUS__COMPLETED);
    return row;
}

static void test_a_sealed_visit_never_changes(void **state) {
    rove__row *sealed = visit();
    rove__row *after = records_new(&r, "Visit");
    rove_error error;

    (void)state;
    records_int(sealed, "sealed_at", 1795424700000);
    records_text(after, "notes", "one more thing");
    assert_int_equal(act(ROVE_OP_UPDATE, ROVE_ACTOR_REP, sealed, after, &error), ROVE_STATE);
    assert_string_equal(error.message,
                        "This Visit is sealed and never changes; a correction is a new record.");
    assert_int_equal(act(ROVE_OP_UPDATE, ROVE_ACTOR_HQ, sealed, after, NULL), ROVE_STATE);
    assert_int_equal(act(ROVE_OP_DELETE, ROVE_ACTOR_REP, sealed, NULL, NULL), ROVE_STATE);
    assert_int_equal(act(ROVE_OP_DELETE, ROVE_ACTOR_HQ, sealed, NULL, NULL), ROVE_STATE);
    /* A second seal reaches headquarters, which keeps it as a conflict. */
    assert_int_equal(act(ROVE_OP_SEAL, ROVE_ACTOR_REP, sealed, sealed, NULL), ROVE_OK);
}

static void test_sealing_is_an_act_of_its_own(void **state) {
    rove__row *open = visit();
    rove__row *sealed = visit();
    rove__row *after = records_new(&r, "Visit");
    rove__row *account = records_new(&r, "Account");
    rove_error error;

    (void)state;
    assert_int_equal(act(ROVE_OP_SEAL, ROVE_ACTOR_REP, open, sealed, &error), ROVE_REQUIRED);
    assert_string_equal(error.message, "Visit.sealed_at is required to seal the record.");
    records_int(sealed, "sealed_at", 1795424700000);
    assert_int_equal(act(ROVE_OP_SEAL, ROVE_ACTOR_REP, open, sealed, NULL), ROVE_OK);
    assert_int_equal(act(ROVE_OP_INSERT, ROVE_ACTOR_REP, NULL, sealed, NULL), ROVE_OK);
    records_int(after, "sealed_at", 1795424700000);
    assert_int_equal(act(ROVE_OP_UPDATE, ROVE_ACTOR_REP, open, after, &error), ROVE_STATE);
    assert_string_equal(error.message, "Visit.sealed_at is set only by sealing the record.");
    records_text(account, "name", "Café Slavia");
    assert_int_equal(act(ROVE_OP_SEAL, ROVE_ACTOR_REP, account, account, &error), ROVE_STATE);
    assert_string_equal(error.message, "Records of Account are never sealed.");
}

static void test_a_seal_is_not_denied_for_what_headquarters_filled_in(void **state) {
    rove__row *open = visit();
    rove__row *sealed = visit();

    (void)state;
    records_int(open, "clock_suspect", 1);
    records_int(sealed, "sealed_at", 1795424700000);
    records_null(sealed, "clock_suspect");
    assert_int_equal(act(ROVE_OP_SEAL, ROVE_ACTOR_REP, open, sealed, NULL), ROVE_OK);
    records_int(sealed, "clock_suspect", 0); /* but it cannot be talked away */
    assert_int_equal(act(ROVE_OP_SEAL, ROVE_ACTOR_REP, open, sealed, NULL), ROVE_DENIED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_the_states_of_a_visit),
        TEST(test_the_states_of_a_lead),
        TEST(test_what_the_author_had_not_seen_is_merged_and_not_refused),
        TEST(test_a_sealed_visit_never_changes),
        TEST(test_sealing_is_an_act_of_its_own),
        TEST(test_a_seal_is_not_denied_for_what_headquarters_filled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
