/*
 * How a conflict is settled: what had lost is written again where that can be done by itself, and else it is said why not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "records.h"
#include "rules/conflict.h"

#include "rove/entities.pb-c.h"

static records r;

static int setup(void **state) {
    (void)state;
    return records_open(&r);
}

static int teardown(void **state) {
    (void)state;
    return records_close(&r);
}

/* A text as a conflict keeps it. */
static rove_value packed(const char *text) {
    rove_value value = rove__value_text(text);
    rove__buf buf;

    rove__buf_init(&buf, &r.allocator, 1000);
    rove__value_write(&buf, &value);
    rove_value result =
        rove__value_bytes(ROVE_BLOB, rove__arena_copy(&r.arena, buf.data, buf.size), buf.size);
    rove__buf_free(&buf);
    return result;
}

static rove_status remedy_of(int64_t kind, const char *entity, const char *field, rove_value lost,
                             rove__remedy *remedy, rove_error *error) {
    const rove__entity *known = rove__registry_by_name(r.registry, entity);
    int ordinal = known != NULL && field != NULL ? rove__entity_field_named(known, field) : -1;
    uint32_t number = ordinal >= 0 ? known->fields[ordinal].number : field != NULL ? 1999 : 0;

    return rove__conflict_remedy(kind, known, number, &lost, remedy, error);
}

static void a_value_is_written_again(void **state) {
    rove_value nothing = rove__value_null();
    rove_value text = rove__value_text("Bakery");
    rove__remedy remedy;
    rove_error error;
    (void)state;

    assert_int_equal(remedy_of(ROVE__CONFLICT__KIND__REGISTER_WRITE, "Account", "name",
                               packed("Bakery"), &remedy, &error),
                     ROVE_OK);
    assert_int_equal(remedy.deletes, 0);
    assert_int_equal(remedy.ordinal, rove__entity_field_named(
                                         rove__registry_by_name(r.registry, "Account"), "name"));
    assert_true(rove__value_equal(&remedy.value, &text));
    assert_int_equal(remedy_of(ROVE__CONFLICT__KIND__REGISTER_WRITE, "Account", "name", nothing,
                               &remedy, &error),
                     ROVE_STATE);
    assert_non_null(strstr(error.message, "too long"));
    assert_int_equal(remedy_of(ROVE__CONFLICT__KIND__REGISTER_WRITE, "Account", "later",
                               packed("x"), &remedy, &error),
                     ROVE_STATE);
    assert_int_equal(remedy_of(ROVE__CONFLICT__KIND__REGISTER_WRITE, "Nothing", NULL, packed("x"),
                               &remedy, &error),
                     ROVE_STATE);
    assert_int_equal(remedy_of(ROVE__CONFLICT__KIND__SECOND_REDIRECT, "Account", "merged_into_id",
                               packed("x"), &remedy, &error),
                     ROVE_STATE);
    assert_non_null(strstr(error.message, "ring"));
}

static void a_delete_is_made_again(void **state) {
    rove__remedy remedy;
    rove_error error;
    (void)state;

    for (int i = 0; i < 2; i++) {
        int64_t kind = i == 0 ? ROVE__CONFLICT__KIND__DELETION : ROVE__CONFLICT__KIND__REVIVAL;
        assert_int_equal(remedy_of(kind, "Account", NULL, rove__value_null(), &remedy, &error),
                         ROVE_OK);
        assert_int_equal(remedy.deletes, 1);
        assert_int_equal(remedy_of(kind, "Nothing", NULL, rove__value_null(), &remedy, &error),
                         ROVE_STATE);
        assert_int_equal(remedy.deletes, 0);
    }
    assert_int_equal(remedy_of(ROVE__CONFLICT__KIND__REGISTER_WRITE, "Account", NULL,
                               rove__value_null(), &remedy, &error),
                     ROVE_STATE);
}

static void what_cannot_be_read_is_nothing(void **state) {
    const rove_value values[] = {rove__value_null(), rove__value_text("x"),
                                 rove__value_bytes(ROVE_BLOB, "", 0),
                                 rove__value_bytes(ROVE_BLOB, "\xff", 1)};
    (void)state;

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_int_equal(rove__conflict_value(&values[i]).type, ROVE_NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_value_is_written_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_delete_is_made_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
