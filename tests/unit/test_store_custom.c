/*
 * Custom fields: a definition that arrives becomes a column, and values that came before it move there. So do those of a
 * field that an older build did not know, when the app is upgraded.
 */
#include "office.h"

#include "faults.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    faults_arm(&faults_io, 0, 0, 0);
    replica_prepare(&r, "custom");
    r.ports.vfs = FAULTS_VFS;
    replica_open(&r);
    replica_enrol(&r);
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

static office_row *definition(int64_t number, const char *name, int64_t type) {
    office_row *row = office_insert(&o, "CustomField", 0);

    office_set_int(&o, row, "entity", replica_entity(&r, "Account")->number);
    office_set_int(&o, row, "number", number);
    office_set_text(&o, row, "name", name);
    office_set_int(&o, row, "type", type);
    return row;
}

static void a_definition_becomes_a_column(void **state) {
    (void)state;
    rove_id id = office_account(&o, "Bakery")->whole.row.id;

    office_pull(&o);
    (void)definition(1000, "shelf_metres", 1);
    office_pull(&o);
    rove__row row = replica_row(&r, "Account", id);
    replica_set_int(&row, "shelf_metres", 12);
    replica_update(&r, &row);
    replica_expect_int(&r, "Account", id, "shelf_metres", 12);
    uint64_t rows = 0;
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    replica_reopen(&r);
    replica_expect_int(&r, "Account", id, "shelf_metres", 12);
}

static void values_that_came_before_it_move(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove__extra extras[2] = {{1000, rove__value_int(7)}, {1001, rove__value_text("window")}};
    rove_id id = account->whole.row.id;
    rove__hash128 before;
    rove__hash128 after;
    rove__page page;
    uint64_t rows = 0;
    uint64_t scopes = 0;
    rove__row row;

    account->whole.row.extra = extras;
    account->whole.row.extra_count = 2;
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &account->whole, 1));
    replica_ok(&r, rove__store_enter(r.store, &r.error));
    replica_ok(&r, rove__sum_total(r.store, &before, &rows, &scopes, &r.error));
    replica_ok(&r, rove__store_leave(r.store, ROVE_OK, &r.error));

    office_row *field = definition(1000, "shelf_metres", 1);
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &field->whole, 1));
    replica_expect_int(&r, "Account", id, "shelf_metres", 7);
    replica_ok(&r, replica_get(&r, "Account", id, &row));
    assert_int_equal(row.extra_count, 1);
    assert_int_equal(row.extra[0].number, 1001);

    /* Where a value is kept makes no difference to the digest. */
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    office_delete(&o, field);
    rove__change tombstone = office_tombstone(field);
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &tombstone, 1));
    replica_ok(&r, rove__store_enter(r.store, &r.error));
    replica_ok(&r, rove__sum_total(r.store, &after, &rows, &scopes, &r.error));
    replica_ok(&r, rove__store_leave(r.store, ROVE_OK, &r.error));
    assert_true(rove__hash128_equal(before, after));
}

static void a_definition_that_cannot_be_is_left_out(void **state) {
    (void)state;
    rove_id id = office_account(&o, "Bakery")->whole.row.id;

    (void)definition(1000, "name", 1); /* the account has a name already */
    (void)definition(1001, "good", 3);
    office_pull(&o);
    replica_expect_text(&r, "Account", id, "name", "Bakery");
    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "good", "yes");
    replica_update(&r, &row);
    replica_expect_text(&r, "Account", id, "good", "yes");
    uint64_t rows = 0;
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
}

/* As a newer headquarters, or a careless operator, defines them: such a field is none, and its values wait as they came. */
static void definitions_that_are_none_are_left_out(void **state) {
    (void)state;
    char longest[ROVE_NAME_MAX + 2];
    office_row *account = office_account(&o, "Bakery");
    rove__extra extras[] = {{1000, rove__value_int(7)},
                            {1001, rove__value_int(8)},
                            {1002, rove__value_text("seven")},
                            {1003, rove__value_real(1.5)}};
    rove_id id = account->whole.row.id;
    uint64_t rows = 0;
    rove__row row;

    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    account->whole.row.extra = extras;
    account->whole.row.extra_count = 4;
    office_pull(&o);
    office_row *nameless = definition(1000, "shelf_metres", 1);
    office_set(&o, nameless, "name", rove__value_null());
    (void)definition(1001, longest, 1);
    (void)definition(1002, "window", 1); /* a number, and its value is a text */
    (void)definition(1003, "height", 2);
    office_row *typeless = definition(1004, "strange", 1);
    office_set(&o, typeless, "type", rove__value_null());
    (void)definition(1005, "stranger", 99);
    office_row *nowhere = definition(1006, "nowhere", 1);
    office_set_int(&o, nowhere, "entity", 9999);
    office_pull(&o);
    replica_ok(&r, replica_get(&r, "Account", id, &row));
    assert_int_equal(row.extra_count, 3);
    assert_int_equal(row.extra[2].number, 1002);
    assert_true(row.cells[replica_field(row.entity, "height")].as.real == 1.5);
    assert_int_equal(row.cells[replica_field(row.entity, "window")].type, ROVE_NULL);
    assert_int_equal(rove__entity_field_named(row.entity, "stranger"), -1);
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    replica_reopen(&r);
    replica_ok(&r, replica_get(&r, "Account", id, &row));
    assert_int_equal(row.extra_count, 3);
}

/* ---- an upgrade of the app ---- */

static rove_value set_of(rove__set_form form, rove_value element) {
    rove__element elements[] = {{.value = element, .version = {office_stamp(&o), 1}}};
    rove__set set = {form, elements, 1};
    rove_value value;

    assert_int_equal(rove__set_value(&set, &o.arena, &value), ROVE_OK);
    return value;
}

/* As a build that does not know the field leaves the account, and one that did not move sets has looked through it. */
static void make_older(rove_id id, const char *field, const rove_value *raw) {
    const rove__entity *account = replica_entity(&r, "Account");
    sqlite3_stmt *statement = NULL;
    char sql[200];
    rove__buf buf;

    rove__buf_init(&buf, &r.allocator, 4096);
    rove__buf_varint(&buf, account->fields[replica_field(account, field)].number);
    rove__value_write(&buf, raw);
    snprintf(sql, sizeof sql, "UPDATE account SET %s = NULL, _unknown = ?1 WHERE id = %lld", field,
             (long long)id);
    assert_int_equal(sqlite3_prepare_v2(r.store->db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_blob(statement, 1, buf.data, (int)buf.size, SQLITE_STATIC),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    rove__buf_free(&buf);
    snprintf(sql, sizeof sql,
             "DELETE FROM account_%s; UPDATE _meta SET value = 65537"
             " WHERE key = 'settled'",
             field);
    assert_int_equal(sqlite3_exec(r.store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void a_set_that_a_newer_build_knows_is_shown(void **state) {
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;
    int64_t tag = 77;
    uint64_t rows = 0;
    rove__row row;
    (void)state;

    rove_value tags = set_of(ROVE_SET_VERSIONED, rove__value_int(tag));
    office_set(&o, account, "tag_ids", tags);
    office_pull(&o);
    make_older(id, "tag_ids", &tags);
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    replica_expect_null(&r, "Account", id, "tag_ids");
    replica_reopen(&r);
    rove_value shown = replica_cell(&r, "Account", id, "tag_ids");
    rove_value expected = replica_set_of(&r, &tag, 1);
    assert_true(rove__value_equal(&shown, &expected));
    replica_ok(&r, replica_get(&r, "Account", id, &row));
    assert_int_equal(row.extra_count, 0);
    assert_int_equal(replica_sql(&r, "SELECT id FROM account_tag_ids WHERE element = 77"), id);
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
}

static void what_is_no_such_set_stays_as_it_came(void **state) {
    rove_id id = office_account(&o, "Bakery")->whole.row.id;
    rove_value whole = set_of(ROVE_SET_VERSIONED, rove__value_int(1));
    const rove_value raw[] = {set_of(ROVE_SET_PLAIN, rove__value_int(1)),
                              set_of(ROVE_SET_VERSIONED, rove__value_text("one")),
                              rove__value_bytes(ROVE_BLOB, whole.as.data, whole.size - 1),
                              rove__value_text("one"), rove__value_int(1)};
    rove__row row;
    (void)state;

    office_pull(&o);
    for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) {
        make_older(id, "tag_ids", &raw[i]);
        replica_reopen(&r);
        replica_ok(&r, replica_get(&r, "Account", id, &row));
        assert_int_equal(row.extra_count, 1);
        assert_true(rove__value_equal(&row.extra[0].value, &raw[i]));
        replica_expect_null(&r, "Account", id, "tag_ids");
    }
}

/* ---- a full disk ---- */

/* Other faults are not tried meanwhile. */
static void fill_the_disk(void) {
    store_trial_with(NULL);
    faults_arm(&faults_io, 1, 1, SQLITE_FULL);
    faults_io.room_only = 1;
}

static void make_room(void) {
    faults_arm(&faults_io, 0, 0, 0);
    store_trial_with(&r.memory);
}

/* The definition of a field of accounts, to a disk that is full. */
static void lose_a_definition(void) {
    rove__page page;

    (void)definition(1000, "shelf_metres", 1);
    office_page(&o, &page);
    fill_the_disk();
    assert_int_equal(rove__store_apply(r.store, NULL, 0, &page, &r.error), ROVE_FULL);
}

static void expect_shelf(rove_id id) {
    uint64_t rows = 0;

    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
    replica_expect_int(&r, "Account", id, "shelf_metres", 7);
    replica_reopen(&r);
    replica_expect_int(&r, "Account", id, "shelf_metres", 7);
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
}

/* Nothing but room is missing, and the rep is told so; with room he writes on, before the field comes again and after. */
static void the_rep_writes_on_once_there_is_room_for_the_field(void **state) {
    rove__extra shelf = {1000, rove__value_int(7)};
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;
    (void)state;

    account->whole.row.extra = &shelf;
    account->whole.row.extra_count = 1;
    office_pull(&o);
    lose_a_definition();
    for (int i = 0; i < 2; i++) {
        rove__row full = replica_row(&r, "Account", 0);
        replica_set_text(&full, "name", "Too much");
        replica_begin(&r);
        assert_int_equal(rove__store_insert(r.store, &full, &r.error), ROVE_FULL);
        assert_int_equal(rove__store_commit(r.store, &r.error), ROVE_FULL);
        assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), 1);
    }
    make_room();
    rove_id added = replica_account(&r, "Butcher");
    rove__row row = replica_row(&r, "Account", added);
    replica_set_int(&row, "shelf_metres", 3);
    replica_update(&r, &row);
    office_exchange(&o);
    replica_expect_int(&r, "Account", added, "shelf_metres", 3);
    expect_shelf(id);
}

static void a_first_download_goes_on_once_there_is_room_for_the_field(void **state) {
    office_row *account = office_account(&o, "Bakery");
    rove__extra shelf = {1000, rove__value_int(7)};
    (void)state;

    account->whole.row.extra = &shelf;
    account->whole.row.extra_count = 1;
    lose_a_definition();
    make_room();
    office_pull(&o);
    expect_shelf(account->whole.row.id);
}

/* As long as it is full, each try says so. */
static void a_download_to_a_full_disk_ends_for_want_of_room(void **state) {
    rove__page page;
    (void)state;

    (void)office_account(&o, "Bakery");
    lose_a_definition();
    for (int i = 0; i < 3; i++) {
        office_page(&o, &page);
        assert_int_equal(rove__store_apply(r.store, NULL, 0, &page, &r.error), ROVE_FULL);
    }
    make_room();
    office_pull(&o);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_definition_becomes_a_column, setup, teardown),
        cmocka_unit_test_setup_teardown(values_that_came_before_it_move, setup, teardown),
        cmocka_unit_test_setup_teardown(a_definition_that_cannot_be_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(definitions_that_are_none_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_set_that_a_newer_build_knows_is_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_such_set_stays_as_it_came, setup, teardown),
        cmocka_unit_test_setup_teardown(the_rep_writes_on_once_there_is_room_for_the_field, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_first_download_goes_on_once_there_is_room_for_the_field,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_download_to_a_full_disk_ends_for_want_of_room, setup,
                                        teardown),
    };
    if (sqlite3_initialize() != SQLITE_OK || faults_register_vfs() != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
