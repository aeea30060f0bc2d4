/*
 * Local writes that a person or an app rarely makes, and those that nobody may: what is refused says why, leaves the
 * transaction as it was, and the next write goes well. Writes are tried under every failing call.
 */
#include "office.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "edges");
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

/* ---- refused ---- */

static void an_entity_of_somebody_else_is_refused(void **state) {
    rove__registry *other = NULL;
    rove_value tag = rove__value_int(1);
    rove_id id = replica_account(&r, "Bakery");
    (void)state;

    assert_int_equal(rove__registry_new(&r.allocator, &other), ROVE_OK);
    const rove__entity *const strangers[] = {NULL, rove__registry_by_name(other, "Account")};
    for (size_t i = 0; i < 2; i++) {
        rove__row row = replica_row(&r, "Account", id);
        row.entity = strangers[i];
        replica_begin(&r);
        assert_int_equal(rove__store_insert(r.store, &row, &r.error), ROVE_UNKNOWN_ENTITY);
        assert_int_equal(rove__store_update(r.store, &row, &r.error), ROVE_UNKNOWN_ENTITY);
        assert_int_equal(rove__store_seal(r.store, &row, &r.error), ROVE_UNKNOWN_ENTITY);
        assert_int_equal(rove__store_delete(r.store, strangers[i], id, &r.error),
                         ROVE_UNKNOWN_ENTITY);
        assert_int_equal(rove__store_undo(r.store, strangers[i], id, &r.error),
                         ROVE_UNKNOWN_ENTITY);
        assert_int_equal(rove__store_increment(r.store, strangers[i], id, 0, 1, &r.error),
                         ROVE_UNKNOWN_ENTITY);
        assert_int_equal(
            rove__store_element(r.store, strangers[i], id, 0, &tag, ROVE_SET_ADD, &r.error),
            ROVE_UNKNOWN_ENTITY);
        replica_commit(&r);
    }
    rove__registry_free(other);
    replica_expect_text(&r, "Account", id, "name", "Bakery");
}

static void a_field_of_another_kind_is_refused(void **state) {
    const rove__entity *account = replica_entity(&r, "Account");
    size_t name = replica_field(account, "name");
    rove_value tag = rove__value_int(1);
    rove_id id = replica_account(&r, "Bakery");
    (void)state;

    replica_begin(&r);
    assert_int_equal(rove__store_increment(r.store, account, id, name, 1, &r.error), ROVE_INVALID);
    assert_int_equal(rove__store_increment(r.store, account, id, account->field_count, 1, &r.error),
                     ROVE_INVALID);
    assert_int_equal(rove__store_element(r.store, account, id, name, &tag, ROVE_SET_ADD, &r.error),
                     ROVE_INVALID);
    assert_int_equal(
        rove__store_element(r.store, account, id, SIZE_MAX, &tag, ROVE_SET_ADD, &r.error),
        ROVE_INVALID);
    assert_string_equal(r.error.message, "The field is not a set.");
    rove__row row = replica_row(&r, "Account", id);
    assert_int_equal(rove__store_seal(r.store, &row, &r.error), ROVE_INVALID);
    replica_commit(&r);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 1);
}

static void an_id_that_nobody_gave_out_is_refused(void **state) {
    const rove_id ids[] = {-1, rove__id_make(REPLICA_NUMBER, 4711)};
    rove_id theirs = rove__id_make(REPLICA_NUMBER + 1, 4711);
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        rove__row row = replica_row(&r, "Account", ids[i]);
        replica_set_text(&row, "name", "Bakery");
        replica_begin(&r);
        assert_int_equal(rove__store_insert(r.store, &row, &r.error), ROVE_INVALID);
        replica_commit(&r);
    }
    rove__row row = replica_row(&r, "Account", theirs); /* as a shell that copies one does */
    replica_set_text(&row, "name", "Bakery");
    assert_int_equal(replica_insert(&r, &row), theirs);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), 1);
}

static void a_device_that_has_used_up_its_ids_says_so(void **state) {
    const rove__store_owner fresh = {REPLICA_NUMBER + 1, REPLICA_USER};
    rove_id id = replica_account(&r, "Bakery");
    (void)state;

    rove__row row = replica_row(&r, "Account", 0);
    replica_set_text(&row, "name", "one too many");
    replica_begin(&r);
    r.store->clock.counter = UINT32_MAX;
    assert_int_equal(rove__store_insert(r.store, &row, &r.error), ROVE_RANGE);
    replica_commit(&r);
    rove__row edit = replica_row(&r, "Account", id); /* what is there can be edited */
    replica_set_text(&edit, "phone", "1");
    replica_update(&r, &edit);
    replica_ok(&r, rove__store_set_owner(r.store, &fresh, &r.error));
    assert_int_equal(replica_account(&r, "with a new number"),
                     rove__id_make(REPLICA_NUMBER + 1, 1));
}

static void a_set_with_versions_is_not_inserted(void **state) {
    const int64_t tags[] = {1};
    rove__set set;
    (void)state;

    rove__row row = replica_row(&r, "Account", 0);
    rove_value value = replica_set_of(&r, tags, 1);
    assert_int_equal(rove__set_read(&set, &value, ROVE_SET_PLAIN, &r.arena), ROVE_OK);
    set.form = ROVE_SET_VERSIONED;
    set.elements[0].version = (rove__version){5, 5};
    assert_int_equal(rove__set_value(&set, &r.arena, &value), ROVE_OK);
    replica_set_text(&row, "name", "Bakery");
    replica_set(&row, "tag_ids", value);
    replica_begin(&r);
    assert_int_not_equal(rove__store_insert(r.store, &row, &r.error), ROVE_OK);
    replica_commit(&r);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), 0);
}

static void an_unknown_field_goes_along_and_is_not_changed(void **state) {
    rove__extra both[2] = {{60000, rove__value_int(5)}, {60002, rove__value_int(6)}};
    rove__extra second = both[1];
    rove__extra strange[] = {{60001, rove__value_int(6)}};
    rove__extra last[] = {{60003, rove__value_int(6)}};
    rove__extra *const refused[] = {strange, last};
    rove__row row = replica_row(&r, "Account", 0);
    (void)state;

    replica_set_text(&row, "name", "Bakery");
    row.extra = both;
    row.extra_count = 2;
    rove_id id = replica_insert(&r, &row);
    row = replica_row(&r, "Account", id);
    replica_set_text(&row, "phone", "1");
    row.extra = &second;
    row.extra_count = 1;
    replica_update(&r, &row);
    replica_expect_text(&r, "Account", id, "phone", "1");
    for (size_t i = 0; i < 2; i++) {
        row.extra = refused[i];
        replica_set_text(&row, "phone", "2");
        replica_begin(&r);
        assert_int_equal(rove__store_update(r.store, &row, &r.error), ROVE_UNKNOWN_FIELD);
        replica_commit(&r);
    }
    replica_expect_text(&r, "Account", id, "phone", "1");
}

/* ---- rare ---- */

static void no_points_and_nought_are_the_same(void **state) {
    rove_id id = office_account(&o, "Bakery")->whole.row.id;
    (void)state;

    office_pull(&o);
    rove__row row = replica_row(&r, "Account", id);
    replica_set_int(&row, "points", 0);
    replica_update(&r, &row);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    replica_set(&row, "points", rove__value_real(1.5));
    replica_begin(&r);
    assert_int_not_equal(rove__store_update(r.store, &row, &r.error), ROVE_OK);
    replica_commit(&r);
    replica_set_int(&row, "points", 7);
    replica_update(&r, &row);
    replica_set(&row, "points", rove__value_null()); /* takes the points away */
    replica_update(&r, &row);
    office_exchange(&o);
    assert_int_equal(replica_cell(&r, "Account", id, "points").as.integer, 0);
    office_expect_verified(&o);
}

/* A set is edited, frozen, and edited twice before the answer comes: each act counts once. */
static void a_set_is_edited_over_what_is_under_way(void **state) {
    const int64_t all[] = {1, 2};
    const int64_t less[] = {2, 3};
    const int64_t last[] = {3, 4};
    office_row *row = office_account(&o, "Bakery");
    rove_id id = row->whole.row.id;
    rove__hello hello;
    office_push push;
    rove__page page;
    (void)state;

    office_pull(&o);
    rove__row edit = replica_row(&r, "Account", id);
    replica_set(&edit, "tag_ids", replica_set_of(&r, all, 2));
    replica_update(&r, &edit);
    office_receive(&o, &hello, &push);
    replica_set(&edit, "tag_ids", replica_set_of(&r, less, 2));
    replica_update(&r, &edit);
    replica_set(&edit, "tag_ids", replica_set_of(&r, last, 2));
    replica_update(&r, &edit);
    office_answer *answer = office_judge(&o, &push);
    office_page(&o, &page);
    replica_ok(&r, rove__store_apply(r.store, answer->acks, answer->count, &page, &r.error));
    rove_value expected = replica_set_of(&r, last, 2);
    rove_value shown = replica_cell(&r, "Account", id, "tag_ids");
    assert_true(rove__value_equal(&shown, &expected));
    office_exchange(&o);
    office_exchange(&o);
    shown = replica_cell(&r, "Account", id, "tag_ids");
    assert_true(rove__value_equal(&shown, &expected));
    office_expect_verified(&o);
}

/* Written and signed before anybody has seen it: one insert, signed. */
static void a_record_is_sealed_before_it_is_sent(void **state) {
    rove_id account = office_account(&o, "Bakery")->whole.row.id;
    (void)state;

    office_pull(&o);
    rove__row visit = replica_row(&r, "Visit", 0);
    replica_set_int(&visit, "account_id", account);
    replica_set_int(&visit, "planned_start", REPLICA_NOW_MS);
    rove_id id = replica_insert(&r, &visit);
    rove__row signing = replica_row(&r, "Visit", id);
    replica_set_text(&signing, "notes", "signed");
    replica_begin(&r);
    replica_ok(&r, rove__store_seal(r.store, &signing, &r.error));
    replica_commit(&r);
    assert_int_equal(replica_entry(&r, "Visit", id).op, ROVE_OP_INSERT);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 1);
    replica_set_text(&signing, "notes", "later");
    replica_begin(&r);
    assert_int_not_equal(rove__store_update(r.store, &signing, &r.error), ROVE_OK);
    assert_int_equal(rove__store_seal(r.store, &signing, &r.error), ROVE_STATE);
    replica_commit(&r);
    office_exchange(&o);
    replica_expect_text(&r, "Visit", id, "notes", "signed");
    office_expect_verified(&o);
}

/* A delete of what is under way, taken back before and after it is sent. */
static void a_delete_over_what_is_under_way_is_undone(void **state) {
    const rove__entity *account = replica_entity(&r, "Account");
    office_row *row = office_account(&o, "Bakery");
    rove_id id = row->whole.row.id;
    (void)state;

    office_pull(&o);
    rove__row edit = replica_row(&r, "Account", id);
    replica_set_text(&edit, "phone", "1");
    replica_update(&r, &edit);
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    replica_begin(&r);
    assert_int_equal(rove__store_undo(r.store, account, id, &r.error), ROVE_STATE);
    replica_ok(&r, rove__store_delete(r.store, account, id, &r.error));
    replica_commit(&r);
    replica_begin(&r);
    replica_ok(&r, rove__store_undo(r.store, account, id, &r.error));
    replica_commit(&r);
    replica_expect_text(&r, "Account", id, "phone", "1");
    office_exchange(&o);
    replica_expect_text(&r, "Account", id, "phone", "1");
    office_expect_verified(&o);
}

typedef struct told {
    size_t count, single;
    uint32_t entities[4];
} told;

static void take_events(void *ctx, const rove__store_event *events, size_t count) {
    told *t = ctx;

    t->count += count;
    for (size_t i = 0; i < count; i++) {
        t->single += events[i].id != 0;
        t->entities[i % 4] = events[i].entity;
    }
}

/* More than anybody looks at one by one: who watches hears of each entity once. */
static void very_many_changes_are_told_by_entity(void **state) {
    told t = {.count = 0};
    (void)state;

    store_trial_with(NULL); /* an event that finds no memory is not told */
    rove__store_watch(r.store, take_events, &t);
    replica_begin(&r);
    for (int i = 0; i < 200; i++) {
        rove__row account = replica_row(&r, "Account", 0);
        rove__row contact = replica_row(&r, "Contact", 0);
        replica_set_text(&account, "name", "Bakery");
        replica_set_text(&contact, "last_name", "Lim");
        replica_ok(&r, rove__store_insert(r.store, &account, &r.error));
        replica_ok(&r, rove__store_insert(r.store, &contact, &r.error));
        if (i == 0) { /* the same record again is no news */
            replica_set_text(&contact, "last_name", "Chen");
            replica_ok(&r, rove__store_update(r.store, &contact, &r.error));
        }
    }
    assert_int_equal(t.count, 0);
    rove__row seen;
    assert_int_equal(rove__store_get(r.store, replica_entity(&r, "Account"), 1, &r.arena, &seen),
                     ROVE_NOT_FOUND);
    replica_commit(&r);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.single, 0);
    assert_int_not_equal(t.entities[0], t.entities[1]);
    rove__store_watch(r.store, NULL, NULL);
    assert_int_equal(rove__store_get(r.store, replica_entity(&r, "Account"), 1, &r.arena, &seen),
                     ROVE_STATE);
    assert_int_equal(rove__store_commit(r.store, &r.error), ROVE_STATE);
    rove__store_rollback(r.store); /* of nothing */
}

/* A counter may not jump over more than a number holds. */
static void a_counter_does_not_jump_too_far(void **state) {
    office_row *row = office_account(&o, "Bakery");
    rove_id id = row->whole.row.id;
    (void)state;

    office_set_int(&o, row, "points", INT64_MAX);
    office_pull(&o);
    rove__row edit = replica_row(&r, "Account", id);
    replica_set_int(&edit, "points", -2);
    replica_begin(&r);
    assert_int_equal(rove__store_update(r.store, &edit, &r.error), ROVE_RANGE);
    replica_commit(&r);
    replica_set_int(&edit, "points", 5);
    replica_update(&r, &edit);
    office_exchange(&o);
    replica_expect_int(&r, "Account", id, "points", 5);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_entity_of_somebody_else_is_refused),
        TEST(a_field_of_another_kind_is_refused),
        TEST(an_id_that_nobody_gave_out_is_refused),
        TEST(a_device_that_has_used_up_its_ids_says_so),
        TEST(a_set_with_versions_is_not_inserted),
        TEST(an_unknown_field_goes_along_and_is_not_changed),
        TEST(no_points_and_nought_are_the_same),
        TEST(a_set_is_edited_over_what_is_under_way),
        TEST(a_record_is_sealed_before_it_is_sent),
        TEST(a_delete_over_what_is_under_way_is_undone),
        TEST(very_many_changes_are_told_by_entity),
        TEST(a_counter_does_not_jump_too_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
