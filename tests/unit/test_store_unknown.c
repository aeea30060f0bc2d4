/*
 * Records of an entity that this build does not know (D8): they are kept as they came, counted, change and leave as
 * headquarters says, and become records of the table once a build knows it. Each call is tried under every failing call.
 */
#include "office.h"

#define STRANGE 4000u /* no entity of this build */

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "unknown");
    office_start(&o, &r);
    office_welcome(&o);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    office_end(&o);
    replica_end(&r);
    return 0;
}

/* A record of which only numbers are known: two fields, the second one newer. */
static rove__change strange(rove__op op, uint32_t entity, rove__extra *fields, size_t count) {
    rove__version version = {office_stamp(&o), 1};
    rove__change change = {.op = op};

    change.row = (rove__row){
        .entity_number = entity, .id = rove__id_make(1, 77), .extra = fields, .extra_count = count};
    rove__clock_init(&change.clock, (rove__origin){1000, 1}, (rove__origin){1000, 1}, 0);
    for (size_t i = 0; op == ROVE_OP_PART && i < count; i++) {
        rove__clock_entry entry = {.field = fields[i].number, .version = version};
        assert_int_equal(rove__clock_set(&change.clock, &o.arena, entry), ROVE_OK);
    }
    return change;
}

static void send(const rove__change *changes, size_t count) {
    rove__page page;

    memset(&page, 0, sizeof page);
    o.head.seq++;
    replica_ok(&r, office_apply(&o, &page, changes, count));
}

static rove__store_state look(void) {
    rove__store_state state;
    uint64_t rows = 0;

    replica_ok(&r, rove__store_read_state(r.store, &state, &r.error));
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    assert_int_equal(rows, state.rows);
    return state;
}

/* The digest of all that is held. */
static rove__hash128 total(void) {
    rove__hash128 sum;
    uint64_t rows = 0;
    uint64_t scopes = 0;

    replica_ok(&r, rove__store_enter(r.store, &r.error));
    replica_ok(&r, rove__sum_total(r.store, &sum, &rows, &scopes, &r.error));
    replica_ok(&r, rove__store_leave(r.store, ROVE_OK, &r.error));
    return sum;
}

static void they_are_kept_and_change(void **state) {
    rove__extra first[] = {{1, rove__value_text("a")}, {5, rove__value_int(3)}};
    rove__extra more[] = {{2, rove__value_int(9)}, {5, rove__value_null()}};
    rove__extra after[] = {{1, rove__value_text("a")}, {2, rove__value_int(9)}};
    (void)state;
    rove__change whole = strange(ROVE_OP_WHOLE, STRANGE, first, 2);
    rove__change part = strange(ROVE_OP_PART, STRANGE, more, 2);

    send(&whole, 1);
    assert_int_equal(look().unknown_rows, 1);
    rove__hash128 before = total();
    send(&whole, 1); /* the same again */
    assert_true(rove__hash128_equal(total(), before));
    send(&part, 1);
    assert_int_equal(look().unknown_rows, 1);
    /* What the part made of it is what the whole record would have been. */
    rove__hash128 joined = total();
    rove__change same = strange(ROVE_OP_WHOLE, STRANGE, after, 2);
    same.clock = part.clock;
    send(&same, 1);
    assert_true(rove__hash128_equal(total(), joined));
    office_reopen(&o);
    assert_int_equal(look().unknown_rows, 1);
}

static void they_leave(void **state) {
    rove__extra field = {1, rove__value_text("a")};
    (void)state;
    rove__change whole = strange(ROVE_OP_WHOLE, STRANGE, &field, 1);
    rove__change mark = strange(ROVE_OP_MARK, STRANGE, NULL, 0);
    rove__change tombstone = strange(ROVE_OP_TOMBSTONE, STRANGE, NULL, 0);
    rove__hash128 empty = total();

    send(&tombstone, 1); /* of what was never here */
    send(&mark, 1);
    send(&whole, 1);
    assert_false(look().remains);
    send(&tombstone, 1);
    assert_int_equal(look().unknown_rows, 0);
    assert_true(look().remains);
    assert_true(rove__hash128_equal(total(), empty));
    send(&tombstone, 1);
    assert_int_equal(look().unknown_rows, 0);
}

/* Which scope they are in cannot be told, but whether they came to another one that is held: with the mark, then. */
static void they_leave_with_a_mark_alone(void **state) {
    rove__extra field = {1, rove__value_text("a")};
    (void)state;
    rove__change whole = strange(ROVE_OP_WHOLE, STRANGE, &field, 1);
    rove__change mark = strange(ROVE_OP_MARK, STRANGE, NULL, 0);
    rove__change moved[] = {mark, whole, mark};
    rove__hash128 empty = total();

    send(&whole, 1);
    send(moved, 3);
    assert_int_equal(look().unknown_rows, 1);
    send(&mark, 1);
    assert_int_equal(look().unknown_rows, 0);
    assert_true(look().remains);
    assert_true(rove__hash128_equal(total(), empty));
}

static size_t fetched_of_late(void) {
    rove__digest_list list;

    replica_ok(&r, rove__store_digests(r.store, &o.arena, &list, &r.error));
    return list.fetched_count;
}

/* What an account takes along cannot be told, so that the totals differ: what mends that must not have to wait for an hour. */
static void an_account_that_leaves_ends_the_hour(void **state) {
    rove__extra field = {1, rove__value_text("a")};
    (void)state;
    rove__change whole = strange(ROVE_OP_WHOLE, STRANGE, &field, 1);
    rove__portion all = {{0, 0}, 0};
    rove__differ differ = {&all, 1, NULL, 0};
    rove__scope done = {0, 0};
    rove__scope account = {rove__id_make(1, 5), -1};
    rove__page page;

    for (size_t unknown = 0; unknown < 2; unknown++) {
        replica_ok(&r, rove__store_differ(r.store, &differ, &r.error));
        memset(&page, 0, sizeof page);
        page.begin = &all;
        page.begin_count = 1;
        page.done = &done;
        page.done_count = 1;
        replica_ok(&r, office_apply(&o, &page, &whole, unknown));
        assert_int_equal(fetched_of_late(), 1);
        memset(&page, 0, sizeof page);
        page.left = &account;
        page.left_count = 1;
        replica_ok(&r, office_apply(&o, &page, NULL, 0));
        assert_int_equal(fetched_of_late(), unknown ? 0 : 1);
    }
}

/* Headquarters fetches the organisation's scope again: what it does not name leaves. */
static void a_scope_that_is_sent_again_takes_them_along(void **state) {
    rove__extra field = {1, rove__value_text("a")};
    (void)state;
    rove__change kept = strange(ROVE_OP_WHOLE, STRANGE, &field, 1);
    rove__change gone = strange(ROVE_OP_WHOLE, STRANGE + 1, &field, 1);
    rove__change both[] = {kept, gone};
    rove__portion begin = {{0, 0}, 0};
    rove__scope done = {0, 0};
    rove__page page;

    send(both, 2);
    assert_int_equal(look().unknown_rows, 2);
    memset(&page, 0, sizeof page);
    page.begin = &begin;
    page.begin_count = 1;
    page.done = &done;
    page.done_count = 1;
    replica_ok(&r, office_apply(&o, &page, &kept, 1));
    assert_int_equal(look().unknown_rows, 1);
    assert_int_equal(replica_sql(&r, "SELECT entity FROM _unknown"), STRANGE);
}

/* As an older build left an account that it did not know: its name is a number and a value. */
static void leave_unknown_account(void) {
    const rove__entity *account = replica_entity(&r, "Account");
    rove__extra name = {account->fields[replica_field(account, "name")].number,
                        rove__value_text("Bakery")};
    rove__change change = strange(ROVE_OP_WHOLE, account->number, &name, 1);
    rove__apply apply;

    replica_ok(&r, rove__store_enter(r.store, &r.error));
    replica_ok(&r, rove__apply_begin(&apply, r.store, &r.error));
    replica_ok(&r, rove__unknown_change(&apply, &change));
    replica_ok(&r, rove__apply_end(&apply));
    replica_ok(&r, rove__store_leave(r.store, ROVE_OK, &r.error));
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _unknown"), 1);
}

static void expect_account(void) {
    assert_int_equal(look().unknown_rows, 0);
    replica_expect_text(&r, "Account", rove__id_make(1, 77), "name", "Bakery");
    assert_int_equal(look().rows, 1);
}

static void a_newer_build_knows_them(void **state) {
    (void)state;
    leave_unknown_account();
    assert_int_equal(sqlite3_exec(r.store->db, "UPDATE _meta SET value = 1 WHERE key = 'settled'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    replica_reopen(&r);
    expect_account();
}

static void the_rep_may_ask_for_it(void **state) {
    uint64_t left = 9;
    rove__extra field = {1, rove__value_text("a")};
    (void)state;
    rove__change other = strange(ROVE_OP_WHOLE, STRANGE, &field, 1);

    leave_unknown_account();
    replica_ok(&r, rove__store_quarantine_retry(r.store, &left, &r.error));
    assert_int_equal(left, 0);
    expect_account();
    send(&other, 1); /* still not known */
    replica_ok(&r, rove__store_quarantine_retry(r.store, &left, &r.error));
    assert_int_equal(look().unknown_rows, 1);
}

/* A damaged replica: the call says so, and the record is neither lost nor counted twice. */
static void a_damaged_one_is_named(void **state) {
    static const char *const damages[] = {"UPDATE _unknown SET term = x'00'",
                                          "UPDATE _unknown SET change = x'00'"};
    uint64_t left = 0;
    (void)state;

    leave_unknown_account();
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        assert_int_equal(sqlite3_exec(r.store->db, damages[i], NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(rove__store_quarantine_retry(r.store, &left, &r.error), ROVE_CORRUPT);
        assert_string_not_equal(r.error.message, "");
        assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _unknown"), 1);
        assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_are_kept_and_change, setup, teardown),
        cmocka_unit_test_setup_teardown(they_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(they_leave_with_a_mark_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(an_account_that_leaves_ends_the_hour, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scope_that_is_sent_again_takes_them_along, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_newer_build_knows_them, setup, teardown),
        cmocka_unit_test_setup_teardown(the_rep_may_ask_for_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_one_is_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
