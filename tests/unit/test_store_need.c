/*
 * What a headquarters that was restored asks a device for: records of which it has only edits (P15), told by their origins.
 * They come as headquarters had them, whatever the rep has done to them since, once.
 */
#include "office.h"

#define ACCOUNTS 12

static replica r;
static office o;
static office_row *accounts[ACCOUNTS];

static int setup(void **state) {
    (void)state;
    replica_start(&r, "need");
    office_start(&o, &r);
    office_welcome(&o);
    for (int i = 0; i < ACCOUNTS; i++) {
        char name[24];
        snprintf(name, sizeof name, "account %d", i);
        accounts[i] = office_account(&o, name);
    }
    office_pull(&o);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    office_end(&o);
    replica_end(&r);
    return 0;
}

static rove__origin origin_of(int i) {
    return accounts[i]->whole.clock.origin;
}

static void ask(rove__origin *origins, size_t count) {
    rove__need_row need = {origins, count};

    replica_ok(&r, rove__store_need_row(r.store, &need, &r.error));
}

/* How many records the next exchange carries; *last is the one with the highest name. */
static size_t carried(rove__change *last) {
    rove__batch_reader *reader = NULL;
    rove__bytes rows = {NULL, 0};
    rove__change change;
    size_t count = 0;

    replica_ok(&r, rove__store_needed_rows(r.store, &o.arena, &rows, &r.error));
    if (rows.size == 0) {
        return 0;
    }
    assert_int_equal(rove__batch_reader_new(&r.allocator, rove__store_registry(r.store), rows.data,
                                            rows.size, &reader),
                     ROVE_OK);
    while (rove__batch_next(reader, &change) == ROVE_OK) {
        assert_int_equal(change.op, ROVE_OP_WHOLE);
        assert_int_equal(rove__change_copy(last, &change, &o.arena), ROVE_OK);
        count++;
    }
    rove__batch_reader_free(reader);
    return count;
}

static void expect_name(const rove__change *change, const char *name) {
    rove_value value = change->row.cells[replica_field(change->row.entity, "name")];

    assert_int_equal(value.size, strlen(name));
    assert_memory_equal(value.as.data, name, value.size);
}

static void only_what_is_asked_for_goes(void **state) {
    rove__origin origins[] = {origin_of(7), origin_of(2), origin_of(2), {12345, 3}, origin_of(11)};
    rove__change last;
    (void)state;

    assert_int_equal(carried(&last), 0);
    ask(origins, 5);
    ask(origins, 1);
    assert_int_equal(carried(&last), 3);
    expect_name(&last, "account 11");
    assert_int_equal(carried(&last), 0); /* once */
    ask(&origins[3], 1);                 /* nobody here has it */
    assert_int_equal(carried(&last), 0);
}

static void it_goes_as_headquarters_had_it(void **state) {
    rove__origin origin = origin_of(4);
    rove__row edit = replica_row(&r, "Account", accounts[4]->whole.row.id);
    rove__change last;
    (void)state;

    replica_set_text(&edit, "name", "renamed");
    replica_update(&r, &edit);
    ask(&origin, 1);
    assert_int_equal(carried(&last), 1);
    expect_name(&last, "account 4");
    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, edit.entity, edit.id, &r.error));
    replica_commit(&r);
    ask(&origin, 1);
    assert_int_equal(carried(&last), 1);
    expect_name(&last, "account 4");
    assert_int_equal(last.row.id, edit.id);
}

/* Lists as long as headquarters may make them. */
static void a_long_list_is_looked_through(void **state) {
    static rove__origin origins[300];
    rove__change last;
    (void)state;

    for (size_t i = 0; i < 300; i++) {
        origins[i] = (rove__origin){1 + i, 5};
    }
    origins[137] = origin_of(0);
    ask(origins, 300);
    assert_int_equal(carried(&last), 1);
    expect_name(&last, "account 0");
}

static void batches_that_cannot_be_are_refused(void **state) {
    (void)state;
    assert_int_equal(rove__store_need(r.store, 0, &r.error), ROVE_PROTOCOL);
    assert_int_equal(rove__store_need(r.store, UINT64_MAX, &r.error), ROVE_PROTOCOL);
    replica_ok(&r, rove__store_need(r.store, 1, &r.error)); /* not acknowledged: it comes anyway */
}

static void a_damaged_record_is_said_to_be_damaged(void **state) {
    rove__origin origin = origin_of(1);
    rove__bytes rows;
    (void)state;

    ask(&origin, 1);
    assert_int_equal(
        sqlite3_exec(r.store->db, "UPDATE account SET _clock = x'ff'", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(rove__store_needed_rows(r.store, &o.arena, &rows, &r.error), ROVE_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_what_is_asked_for_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(it_goes_as_headquarters_had_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_list_is_looked_through, setup, teardown),
        cmocka_unit_test_setup_teardown(batches_that_cannot_be_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_record_is_said_to_be_damaged, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
