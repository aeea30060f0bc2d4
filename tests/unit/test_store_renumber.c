/*
 * Renumbering: headquarters has given a record's id to another one; the record goes on under a new name.
 */
#include "office.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "renumber");
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

static rove__origin origin_of(const char *entity, rove_id id) {
    rove__stored stored;

    replica_ok(&r, rove__store_enter(r.store, &r.error));
    replica_ok(
        &r, rove__table_get(r.store, replica_entity(&r, entity), id, &o.arena, &stored, &r.error));
    assert_int_equal(rove__store_leave(r.store, ROVE_CANCELLED, NULL), ROVE_CANCELLED);
    return stored.clock.origin;
}

static rove_id visit_of(rove_id account) {
    rove__row row = replica_row(&r, "Visit", 0);
    replica_set_int(&row, "account_id", account);
    replica_set_int(&row, "status", 1);
    return replica_insert(&r, &row);
}

static void a_record_and_all_that_names_it_move(void **state) {
    (void)state;
    rove_id old = replica_account(&r, "mine");
    rove_id visit = visit_of(old);
    rove_id contact = 0;
    rove__hello hello;
    office_push before;
    office_push after;
    rove_id fresh = rove__id_make(1, 4000);

    rove__row person = replica_row(&r, "Contact", 0);
    replica_set_text(&person, "last_name", "Lim");
    contact = replica_insert(&r, &person);
    rove__row row = replica_row(&r, "Visit", visit);
    replica_set(&row, "contact_ids", replica_set_of(&r, &contact, 1));
    replica_update(&r, &row);
    office_receive(&o, &hello, &before);
    /* Made after the batch was frozen. */
    rove_id later = visit_of(old);

    const rove__rename renames[2] = {
        {replica_entity(&r, "Account")->number, old, origin_of("Account", old), fresh},
        {replica_entity(&r, "Contact")->number, contact, origin_of("Contact", contact), fresh + 1}};
    office_row *holder = office_insert(&o, "Account", rove__id_make(3, 1));
    office_set_text(&o, holder, "name", "theirs");
    holder->whole.row.id = old;
    rove__renumber renumber = {renames, 2, {NULL, 0}};
    replica_ok(&r, rove__store_renumber(r.store, &renumber, &r.error));

    rove__row gone;
    assert_int_equal(replica_get(&r, "Account", old, &gone), ROVE_NOT_FOUND);
    replica_expect_text(&r, "Account", fresh, "name", "mine");
    replica_expect_int(&r, "Visit", visit, "account_id", fresh);
    replica_expect_int(&r, "Visit", later, "account_id", fresh);

    office_receive(&o, &hello, &after);
    assert_int_equal(after.frames[0].number, before.frames[0].number);
    assert_int_equal(hello.pending, 2);
    size_t seen = 0;
    for (size_t i = 0; i < after.count; i++) {
        const rove__change *change = &after.changes[i];
        assert_true(change->row.id != old && change->row.id != contact);
        if (change->row.id == visit || change->row.id == later) {
            assert_int_equal(
                change->row.cells[replica_field(change->row.entity, "account_id")].as.integer,
                fresh);
            seen++;
        }
        if (change->row.id == visit) {
            rove__set set;
            assert_int_equal(
                rove__set_read(&set,
                               &change->row.cells[replica_field(change->row.entity, "contact_ids")],
                               ROVE_SET_DELTA, &o.arena),
                ROVE_OK);
            assert_int_equal(set.elements[0].value.as.integer, fresh + 1);
        }
    }
    assert_int_equal(seen, 2);
    o.count = 0;
    office_answer *a = office_judge(&o, &after);
    replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, NULL, &r.error));
    office_expect_verified(&o);
}

#define LONG_NOTES 100

static void write_long_notes(rove_id about) {
    static char text[16 * 1024 + 1];

    memset(text, 'n', sizeof text - 1);
    for (int i = 0; i < LONG_NOTES; i++) {
        rove__row row = replica_row(&r, "Note", 0);
        replica_set_int(&row, "about_id", about);
        replica_set_int(&row, "created_at", REPLICA_NOW_MS);
        replica_set_text(&row, "text", text);
        (void)replica_insert(&r, &row);
    }
}

/* Frame by frame: the batch is not in memory as a whole. */
static void a_long_batch_is_frozen_again(void **state) {
    (void)state;
    rove_id old = replica_account(&r, "mine");
    rove_id fresh = rove__id_make(1, 4000);
    rove__hello hello;
    office_push before;
    office_push after;
    size_t named = 0;

    write_long_notes(old);
    office_receive(&o, &hello, &before);
    assert_int_equal(hello.pending, 1);
    assert_true(before.frame_count > 8);
    const rove__rename rename = {replica_entity(&r, "Account")->number, old,
                                 origin_of("Account", old), fresh};
    rove__renumber renumber = {&rename, 1, {NULL, 0}};
    size_t bytes = r.memory.bytes;
    r.memory.most = bytes;
    replica_ok(&r, rove__store_renumber(r.store, &renumber, &r.error));
    assert_true(r.memory.most - bytes < 1536 * 1024);

    office_receive(&o, &hello, &after);
    assert_int_equal(hello.pending, 1);
    assert_int_equal(after.frame_count, before.frame_count);
    assert_int_equal(after.count, LONG_NOTES + 1);
    for (size_t i = 0; i < after.count; i++) {
        const rove__change *change = &after.changes[i];
        int field = rove__entity_field_named(change->row.entity, "about_id");
        named += field >= 0 && change->row.cells[field].as.integer == fresh;
    }
    assert_int_equal(named, LONG_NOTES);
    office_answer *a = office_judge(&o, &after);
    replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, NULL, &r.error));
    office_expect_verified(&o);
}

static void the_row_that_has_the_id_comes_along(void **state) {
    (void)state;
    rove_id old = replica_account(&r, "mine");
    rove_id fresh = rove__id_make(1, 4000);
    rove__hello hello;
    office_push push;

    /* The device was enrolled anew: the id is of its former number, so another may hold it. */
    const rove__store_owner owner = {REPLICA_NUMBER + 1, REPLICA_USER};
    replica_ok(&r, rove__store_set_owner(r.store, &owner, &r.error));
    office_receive(&o, &hello, &push);
    office_row *theirs = office_insert(&o, "Account", old);
    office_set_text(&o, theirs, "name", "theirs");
    const rove__rename rename = {theirs->whole.row.entity_number, old, origin_of("Account", old),
                                 fresh};
    rove__renumber renumber = {&rename, 1, office_batch(&o, &theirs->whole, 1)};
    replica_ok(&r, rove__store_renumber(r.store, &renumber, &r.error));
    replica_expect_text(&r, "Account", old, "name", "theirs");
    replica_expect_text(&r, "Account", fresh, "name", "mine");
    office_exchange(&o);
    office_expect_verified(&o);
}

static void an_insert_waits_while_its_id_is_taken(void **state) {
    (void)state;
    rove_id old = replica_account(&r, "mine");
    const rove__store_owner owner = {REPLICA_NUMBER + 1, REPLICA_USER};
    rove__page page;

    replica_ok(&r, rove__store_set_owner(r.store, &owner, &r.error));
    office_row *theirs = office_insert(&o, "Account", old);
    office_set_text(&o, theirs, "name", "theirs");
    memset(&page, 0, sizeof page);
    replica_ok(&r, office_apply(&o, &page, &theirs->whole, 1));
    replica_expect_text(&r, "Account", old, "name", "mine");
}

static void what_another_origin_has_is_not_renamed(void **state) {
    (void)state;
    rove_id old = replica_account(&r, "mine");
    rove__origin other = origin_of("Account", old);

    other.stamp++;
    const rove__rename rename = {replica_entity(&r, "Account")->number, old, other,
                                 rove__id_make(1, 4000)};
    rove__renumber renumber = {&rename, 1, {NULL, 0}};
    replica_ok(&r, rove__store_renumber(r.store, &renumber, &r.error));
    replica_expect_text(&r, "Account", old, "name", "mine");
}

/* Nor what names it: here the id means the other one, as it may after a restore of headquarters. */
static void work_about_another_record_is_left_alone(void **state) {
    (void)state;
    office_row *theirs = office_insert(&o, "Account", rove__id_make(3, 1));
    rove_id id = theirs->whole.row.id;
    rove__origin other = theirs->whole.clock.origin;

    office_set_text(&o, theirs, "name", "theirs");
    office_exchange(&o);
    rove_id visit = visit_of(id);
    other.stamp++;
    const rove__rename rename = {theirs->whole.row.entity_number, id, other,
                                 rove__id_make(1, 4000)};
    rove__renumber renumber = {&rename, 1, {NULL, 0}};
    replica_ok(&r, rove__store_renumber(r.store, &renumber, &r.error));
    replica_expect_int(&r, "Visit", visit, "account_id", id);
}

/* Also while the rep's own work on the other one is not judged. */
static void work_about_another_record_that_he_changed_is_left_alone(void **state) {
    (void)state;
    office_row *theirs = office_insert(&o, "Account", rove__id_make(3, 1));
    rove_id id = theirs->whole.row.id;
    rove__origin other = theirs->whole.clock.origin;

    office_set_text(&o, theirs, "name", "theirs");
    office_exchange(&o);
    rove_id visit = visit_of(id);
    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "phone", "0123");
    replica_update(&r, &row);
    other.stamp++;
    const rove__rename rename = {theirs->whole.row.entity_number, id, other,
                                 rove__id_make(1, 4000)};
    rove__renumber renumber = {&rename, 1, {NULL, 0}};
    replica_ok(&r, rove__store_renumber(r.store, &renumber, &r.error));
    replica_expect_int(&r, "Visit", visit, "account_id", id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_and_all_that_names_it_move, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_batch_is_frozen_again, setup, teardown),
        cmocka_unit_test_setup_teardown(the_row_that_has_the_id_comes_along, setup, teardown),
        cmocka_unit_test_setup_teardown(an_insert_waits_while_its_id_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(what_another_origin_has_is_not_renamed, setup, teardown),
        cmocka_unit_test_setup_teardown(work_about_another_record_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(work_about_another_record_that_he_changed_is_left_alone,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
