/*
 * A record that got another id: its own id and every reference to it follow, and nothing else does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "records.h"
#include "wire/rename.h"

#define OLD_CONTACT ((rove_id)11)
#define NEW_CONTACT ((rove_id)91)
#define OLD_ACCOUNT ((rove_id)12)
#define NEW_ACCOUNT ((rove_id)92)

static const rove__rename items[] = {{7, OLD_CONTACT, {5, 1}, NEW_CONTACT},
                                     {6, OLD_ACCOUNT, {6, 1}, NEW_ACCOUNT}};
static const rove__renames renames = {items, 2};

static int setup(void **state) {
    records *r = test_calloc(1, sizeof *r);

    *state = r;
    return records_open(r);
}

static int teardown(void **state) {
    records *r = *state;
    int result = records_close(r);

    test_free(r);
    return result;
}

static rove_value *cell(rove__row *row, const char *name) {
    return &row->cells[rove__entity_field_named(row->entity, name)];
}

static void references_follow(void **state) {
    records *r = *state;
    rove__row *visit = records_new(r, "Visit");
    int changed = 0;

    records_int(visit, "account_id", 77);
    records_int(visit, "planned_start", OLD_ACCOUNT); /* no reference, whatever its value */
    *cell(visit, "visitor_id") = rove__value_int(OLD_ACCOUNT); /* not present */
    assert_int_equal(rove__rename_row(&renames, visit, ROVE_SET_DELTA, &r->arena, &changed),
                     ROVE_OK);
    assert_int_equal(changed, 0);
    records_int(visit, "account_id", OLD_ACCOUNT);
    assert_int_equal(rove__rename_row(&renames, visit, ROVE_SET_DELTA, &r->arena, &changed),
                     ROVE_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(cell(visit, "account_id")->as.integer, NEW_ACCOUNT);
    assert_int_equal(cell(visit, "planned_start")->as.integer, OLD_ACCOUNT);
    assert_int_equal(cell(visit, "visitor_id")->as.integer, OLD_ACCOUNT);
}

/* An id is that of one entity's record; only a reference to any root takes whatever it is. */
static void a_reference_is_to_its_own_entity(void **state) {
    records *r = *state;
    rove__row *visit = records_new(r, "Visit");
    rove__row *task = records_new(r, "Task");
    int changed = 0;

    records_int(visit, "account_id", OLD_CONTACT);
    records_null(visit, "visitor_id");
    assert_int_equal(rove__rename_row(&renames, visit, ROVE_SET_DELTA, &r->arena, &changed),
                     ROVE_OK);
    assert_int_equal(changed, 0);
    records_int(task, "about_id", OLD_CONTACT);
    assert_int_equal(rove__rename_row(&renames, task, ROVE_SET_DELTA, &r->arena, &changed),
                     ROVE_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(cell(task, "about_id")->as.integer, NEW_CONTACT);
    records_text(task, "about_id",
                 "11"); /* of another type: what is wrong with it is said elsewhere */
    changed = 0;
    assert_int_equal(rove__rename_row(&renames, task, ROVE_SET_DELTA, &r->arena, &changed),
                     ROVE_OK);
    assert_int_equal(changed, 0);
}

static rove_value set_of(records *r, const int64_t *numbers, size_t count) {
    rove__set set = {ROVE_SET_PLAIN, rove__arena_take(&r->arena, count * sizeof(rove__element)),
                     count};
    rove_value value;

    for (size_t i = 0; i < count; i++) {
        set.elements[i] = (rove__element){.value = rove__value_int(numbers[i])};
    }
    assert_int_equal(rove__set_value(&set, &r->arena, &value), ROVE_OK);
    return value;
}

static void sets_follow_and_stay_in_order(void **state) {
    static const int64_t before[] = {5, 11, 20, 95};
    static const int64_t after[] = {5, 20, 91, 95};
    static const int64_t other[] = {5, 20};
    records *r = *state;
    rove__row *visit = records_new(r, "Visit");
    int changed = 0;

    records_set(visit, "contact_ids", set_of(r, other, 2));
    assert_int_equal(rove__rename_row(&renames, visit, ROVE_SET_PLAIN, &r->arena, &changed),
                     ROVE_OK);
    assert_int_equal(changed, 0);
    records_set(visit, "contact_ids", set_of(r, before, 4));
    assert_int_equal(rove__rename_row(&renames, visit, ROVE_SET_PLAIN, &r->arena, &changed),
                     ROVE_OK);
    assert_int_equal(changed, 1);
    rove_value expected = set_of(r, after, 4);
    assert_true(rove__value_equal(cell(visit, "contact_ids"), &expected));
    changed = 0;
    /* Elements of another type than ids have are what they are. */
    rove__element word = {.value = rove__value_text("11")};
    rove__set words = {ROVE_SET_PLAIN, &word, 1};
    rove_value spoken;
    assert_int_equal(rove__set_value(&words, &r->arena, &spoken), ROVE_OK);
    records_set(visit, "contact_ids", spoken);
    assert_int_equal(rove__rename_row(&renames, visit, ROVE_SET_PLAIN, &r->arena, &changed),
                     ROVE_OK);
    assert_int_equal(changed, 0);
    assert_true(rove__value_equal(cell(visit, "contact_ids"), &spoken));
    records_set(visit, "contact_ids", rove__value_bytes(ROVE_BLOB, "\xff\xff\xff", 3));
    assert_int_equal(rove__rename_row(&renames, visit, ROVE_SET_PLAIN, &r->arena, &changed),
                     ROVE_CORRUPT);
    assert_int_equal(changed, 0);
}

static void a_record_is_known_by_its_origin(void **state) {
    records *r = *state;
    rove__change change = {.op = ROVE_OP_UPDATE, .row = *records_new(r, "Account")};
    int changed = 0;

    change.row.id = OLD_ACCOUNT;
    rove__clock_init(&change.clock, (rove__origin){6, 2}, (rove__version){6, 2}, 0);
    assert_int_equal(rove__rename_change(&renames, &change, &r->arena, &changed), ROVE_OK);
    assert_int_equal(change.row.id, OLD_ACCOUNT); /* somebody else's record */
    assert_int_equal(changed, 0);
    change.row.id = OLD_CONTACT; /* of another entity */
    rove__clock_init(&change.clock, (rove__origin){6, 1}, (rove__version){6, 1}, 0);
    assert_int_equal(rove__rename_change(&renames, &change, &r->arena, &changed), ROVE_OK);
    assert_int_equal(change.row.id, OLD_CONTACT);
    change.row.id = OLD_ACCOUNT;
    assert_int_equal(rove__rename_change(&renames, &change, &r->arena, &changed), ROVE_OK);
    assert_int_equal(change.row.id, NEW_ACCOUNT);
    assert_int_equal(changed, 1);
    rove__change unknown = {.op = ROVE_OP_UPDATE, .row = {.entity_number = 6, .id = OLD_ACCOUNT}};
    assert_int_equal(rove__rename_change(&renames, &unknown, &r->arena, &changed), ROVE_OK);
    assert_int_equal(unknown.row.id, OLD_ACCOUNT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(references_follow, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reference_is_to_its_own_entity, setup, teardown),
        cmocka_unit_test_setup_teardown(sets_follow_and_stay_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_is_known_by_its_origin, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
