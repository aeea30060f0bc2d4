/*
 * Where verdicts, pages and pending work meet as they rarely do: what is refused with work on top of it, what is parked and
 * overtaken, records that come before their mark, parts of what is not here, transfers of what leaves. After each the
 * replica holds what headquarters has, and the rep's work is counted once.
 */
#include "office.h"

static replica r;
static office o;
static rove_id judged; /* whose changes get `verdict` */
static rove__verdict_code code;
static uint32_t field;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "meetings");
    office_start(&o, &r);
    office_welcome(&o);
    field = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    office_end(&o);
    replica_end(&r);
    return 0;
}

static const rove__verdict *judge(office *headquarters, const rove__change *change) {
    if (change->row.id != judged) {
        return NULL;
    }
    headquarters->verdict =
        (rove__verdict){change->row.entity_number, change->row.id, field, code, ROVE_RANGE, NULL};
    return &headquarters->verdict;
}

/* Sends what is there; changes of the record get the verdict. */
static void exchange_judged(rove_id id, rove__verdict_code verdict) {
    rove__hello hello;
    office_push push;

    judged = id;
    code = verdict;
    o.judge = judge;
    office_receive(&o, &hello, &push);
    office_answer *a = office_judge(&o, &push);
    o.judge = NULL;
    replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, NULL, &r.error));
}

static void edit(rove_id id, const char *name, const char *text) {
    rove__row row = replica_row(&r, "Account", id);

    replica_set_text(&row, name, text);
    replica_update(&r, &row);
}

static int64_t pending(void) {
    return replica_sql(&r, "SELECT count(*) FROM _outbox");
}

static void expect_gone(const char *entity, rove_id id) {
    rove__row row;
    assert_int_equal(replica_get(&r, entity, id, &row), ROVE_NOT_FOUND);
}

/* One page of these changes. */
static void page_of(const rove__change *changes, size_t count, const rove__portion *begin,
                    int ends) {
    rove__page page;

    memset(&page, 0, sizeof page);
    page.begin = begin;
    page.begin_count = begin != NULL;
    page.done = begin != NULL ? &begin->scope : NULL;
    page.done_count = begin != NULL && ends;
    page.more = !ends;
    replica_ok(&r, office_apply(&o, &page, changes, count));
}

/* ---- refused ---- */

static void a_refused_insert_takes_all_edits_along(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");

    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    edit(id, "phone", "1");
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    edit(id, "phone", "2");
    exchange_judged(id, ROVE_VERDICT_REJECTED); /* both batches */
    expect_gone("Account", id);
    assert_int_equal(pending(), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _rejection"), 1);
    replica_ok(&r, rove__store_rejection_retry(r.store, 1, NULL, &r.error));
    replica_expect_text(&r, "Account", id, "phone", "2");
    office_exchange(&o);
    replica_expect_text(&r, "Account", id, "phone", "2");
    office_expect_verified(&o);
}

static rove_stamp named(const rove__change *change, const char *column) {
    const rove__entity *entity = change->row.entity;

    return rove__clock_get(&change->clock,
                           entity->fields[rove__entity_field_named(entity, column)].number)
        .version.stamp;
}

static rove_stamp sent_at(const rove__change *change, const char *column) {
    const rove__entity *entity = change->row.entity;
    uint32_t wanted = entity->fields[rove__entity_field_named(entity, column)].number;

    for (size_t i = 0; i < change->edit_count; i++) {
        if (change->edits[i].field == wanted) {
            return change->edits[i].raw;
        }
    }
    return 0;
}

static void count_points(rove_id id, int64_t delta) {
    const rove__entity *entity = replica_entity(&r, "Account");

    replica_begin(&r);
    replica_ok(&r, rove__store_increment(r.store, entity, id,
                                         (size_t)rove__entity_field_named(entity, "points"), delta,
                                         &r.error));
    replica_commit(&r);
}

/* What is in flight is sent; the insert is refused, and what followed it; then what that leaves is sent. */
static void send_and_be_refused(office_push *push, void (*meanwhile)(void)) {
    rove__hello hello;

    code = ROVE_VERDICT_REJECTED;
    o.judge = judge;
    office_receive(&o, &hello, push);
    meanwhile();
    office_answer *a = office_judge(&o, push);
    o.judge = NULL;
    replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, NULL, &r.error));
}

static const rove__change *sent_again(office_push *push, rove__increment **parts, size_t *count) {
    rove__hello hello;

    replica_ok(&r, rove__store_unsent_freeze(r.store, &r.error));
    office_receive(&o, &hello, push);
    assert_int_equal(push->count, 1);
    const rove__change *insert = &push->changes[0];
    assert_int_equal(insert->op, ROVE_OP_INSERT);
    rove_value cell = insert->row.cells[rove__entity_field_named(insert->row.entity, "points")];
    assert_int_equal(rove__increments_read(&cell, &r.arena, parts, count), ROVE_OK);
    return insert;
}

static void make_bakery(void) {
    rove__row row = replica_row(&r, "Account", 0);

    replica_set_text(&row, "name", "Bakery");
    replica_set_int(&row, "points", 4);
    judged = replica_insert(&r, &row);
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
}

static void write_on(void) {
    edit(judged, "website", "not sent");
    count_points(judged, 2);
}

/*
 * It goes along whole when the replica passes to another user or is wiped, and its edits may wait at headquarters by then: that
 * has to know which of them it holds, and what they counted.
 */
static void a_refused_insert_names_what_its_rep_wrote_since(void **state) {
    (void)state;
    rove__increment *parts = NULL;
    size_t count = 0;
    office_push push;

    make_bakery();
    edit(judged, "phone", "1");
    count_points(judged, 3);
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    send_and_be_refused(&push, write_on);
    assert_int_equal(push.count, 2);
    rove_stamp phone = sent_at(&push.changes[1], "phone");
    rove_stamp points = sent_at(&push.changes[1], "points");

    const rove__change *insert = sent_again(&push, &parts, &count);
    assert_int_equal(named(insert, "phone"), phone);
    assert_true(named(insert, "points") > points); /* that was not sent */
    assert_true(named(insert, "website") > phone);
    assert_int_equal(named(insert, "name"), insert->clock.origin.stamp);
    assert_int_equal(count, 3);
    assert_int_equal(parts[0].delta, 4);
    assert_int_equal(parts[1].raw, points);
    assert_int_equal(parts[1].delta, 3);
    assert_int_equal(parts[2].delta, 2);
}

static void do_nothing(void) {
}

/* Without the first of these the sum would be more than a number holds. */
static void a_sum_is_parted_within_its_limits(void **state) {
    (void)state;
    rove__increment *parts = NULL;
    size_t count = 0;
    office_push push;

    make_bakery();
    count_points(judged, -INT64_MAX);
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    count_points(judged, INT64_MAX);
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    send_and_be_refused(&push, do_nothing);
    (void)sent_again(&push, &parts, &count);
    assert_int_equal(count, 2);
    assert_int_equal(parts[0].delta, 4 - INT64_MAX);
    assert_int_equal(parts[1].delta, INT64_MAX);
}

/* Of a record that has left, an edit is kept for the rep when it is refused. */
static void an_edit_of_what_is_gone_is_refused(void **state) {
    (void)state;
    office_row *row = office_account(&o, "Bakery");
    rove_id id = row->whole.row.id;

    office_pull(&o);
    edit(id, "phone", "1");
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    office_row *other = office_insert(&o, "Account", 0); /* takes the id over (P4) */
    office_set_text(&o, other, "name", "Another");
    other->whole.row.id = id;
    row->dead = 1;
    page_of(&other->whole, 1, NULL, 1);
    replica_expect_text(&r, "Account", id, "name", "Another");
    replica_expect_null(&r, "Account", id, "phone");
    exchange_judged(id, ROVE_VERDICT_REJECTED);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _rejection"), 1);
    assert_int_equal(pending(), 0);
    replica_expect_text(&r, "Account", id, "name", "Another");
}

static void a_refused_contact_holds_the_sets_that_name_it(void **state) {
    (void)state;
    rove_id account = office_account(&o, "Bakery")->whole.row.id;
    rove_id free_visit = office_visit(&o, account, REPLICA_NOW_MS)->whole.row.id;
    rove_id held_visit = office_visit(&o, account, REPLICA_NOW_MS)->whole.row.id;
    office_row *known = office_insert(&o, "Contact", 0);
    rove__hello hello;
    office_push push;

    office_set_text(&o, known, "last_name", "Chen");
    office_pull(&o);
    rove__row person = replica_row(&r, "Contact", 0);
    replica_set_text(&person, "last_name", "Lim");
    rove_id refused = replica_insert(&r, &person);
    exchange_judged(refused, ROVE_VERDICT_REJECTED);
    expect_gone("Contact", refused);

    const int64_t good = known->whole.row.id;
    rove__row visit = replica_row(&r, "Visit", free_visit);
    replica_set(&visit, "contact_ids", replica_set_of(&r, &good, 1));
    replica_update(&r, &visit);
    visit = replica_row(&r, "Visit", held_visit);
    replica_set(&visit, "contact_ids", replica_set_of(&r, &refused, 1));
    replica_update(&r, &visit);
    office_receive(&o, &hello, &push);
    assert_int_equal(push.count, 1);
    assert_int_equal(push.changes[0].row.id, free_visit);
    office_answer *a = office_judge(&o, &push);
    replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, NULL, &r.error));
    assert_int_equal(pending(), 1);
    replica_ok(&r, rove__store_rejection_retry(r.store, 1, NULL, &r.error));
    office_exchange(&o);
    assert_int_equal(pending(), 0);
    office_expect_verified(&o);
}

/* An insert with a set, refused for its name: it comes back as its elements, put right. */
static void a_refused_insert_with_a_set_is_put_right(void **state) {
    (void)state;
    const int64_t tags[] = {1, 2};
    rove__row row = replica_row(&r, "Account", 0);
    rove__row wrong = replica_row(&r, "Visit", 0);
    rove__row fix = replica_row(&r, "Account", 0);

    replica_set_text(&row, "name", "Bakery");
    replica_set_int(&row, "points", 4);
    replica_set(&row, "tag_ids", replica_set_of(&r, tags, 2));
    rove_id id = replica_insert(&r, &row);
    exchange_judged(id, ROVE_VERDICT_REJECTED);
    assert_int_equal(rove__store_rejection_retry(r.store, 1, &wrong, &r.error), ROVE_INVALID);
    replica_set_text(&fix, "name", "Better");
    replica_ok(&r, rove__store_rejection_retry(r.store, 1, &fix, &r.error));
    replica_expect_text(&r, "Account", id, "name", "Better");
    office_exchange(&o);
    rove_value expected = replica_set_of(&r, tags, 2);
    rove_value shown = replica_cell(&r, "Account", id, "tag_ids");
    assert_true(rove__value_equal(&shown, &expected));
    replica_expect_int(&r, "Account", id, "points", 4);
    office_expect_verified(&o);
}

/* A refused delete is made again, and a refused seal signs again. */
static void a_refused_delete_and_a_refused_seal_are_tried_again(void **state) {
    (void)state;
    rove_id account = office_account(&o, "Bakery")->whole.row.id;
    rove_id visit = office_visit(&o, account, REPLICA_NOW_MS)->whole.row.id;
    rove_id other = office_visit(&o, account, REPLICA_NOW_MS)->whole.row.id;

    office_pull(&o);
    rove__row signing = replica_row(&r, "Visit", visit);
    replica_set_text(&signing, "notes", "signed");
    replica_begin(&r);
    replica_ok(&r, rove__store_seal(r.store, &signing, &r.error));
    replica_commit(&r);
    exchange_judged(visit, ROVE_VERDICT_REJECTED);
    replica_expect_null(&r, "Visit", visit, "notes");
    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, replica_entity(&r, "Visit"), other, &r.error));
    replica_commit(&r);
    exchange_judged(other, ROVE_VERDICT_REJECTED);
    replica_expect_int(&r, "Visit", other, "status", 1);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _rejection"), 2);
    replica_ok(&r, rove__store_rejection_retry(r.store, 1, NULL, &r.error));
    replica_ok(&r, rove__store_rejection_retry(r.store, 2, NULL, &r.error));
    replica_expect_text(&r, "Visit", visit, "notes", "signed");
    expect_gone("Visit", other);
    office_exchange(&o);
    replica_expect_text(&r, "Visit", visit, "notes", "signed");
    office_expect_verified(&o);
}

/* ---- parked ---- */

static void what_is_parked_is_overtaken(void **state) {
    (void)state;
    office_row *row = office_account(&o, "Bakery");
    rove_id id = row->whole.row.id;

    office_pull(&o);
    edit(id, "name", "parked");
    exchange_judged(id, ROVE_VERDICT_PARKED);
    edit(id, "name", "later");
    office_exchange(&o);
    replica_expect_text(&r, "Account", id, "name", "later");
    office_set_text(&o, row, "website", "bakery.example");
    office_pull(&o);
    replica_expect_text(&r, "Account", id, "name", "later");
    assert_int_equal(pending(), 0);
    office_expect_verified(&o);
}

static void what_is_parked_goes_with_a_delete(void **state) {
    (void)state;
    rove_id id = office_account(&o, "Bakery")->whole.row.id;

    office_pull(&o);
    edit(id, "name", "parked");
    exchange_judged(id, ROVE_VERDICT_PARKED);
    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, replica_entity(&r, "Account"), id, &r.error));
    replica_commit(&r);
    office_exchange(&o);
    expect_gone("Account", id);
    assert_int_equal(pending(), 0);
    office_expect_verified(&o);
}

/* Several increments in one entry, each with a stamp of its own. */
static void many_increments_are_taken_with_headquarters_stamps(void **state) {
    (void)state;
    const rove__entity *account = replica_entity(&r, "Account");
    rove_id id = office_account(&o, "Bakery")->whole.row.id;

    office_pull(&o);
    o.canonical_differs = 1;
    for (int64_t i = 1; i <= 3; i++) {
        replica_begin(&r);
        replica_ok(&r, rove__store_increment(r.store, account, id, replica_field(account, "points"),
                                             i, &r.error));
        replica_commit(&r);
    }
    for (int i = 0; i < 20; i++) { /* so many rows that their verdicts are looked up */
        (void)replica_account(&r, "another");
    }
    office_exchange(&o);
    replica_expect_int(&r, "Account", id, "points", 6);
    assert_int_equal(pending(), 0);
    office_expect_verified(&o);
}

/* ---- pages ---- */

/* It moved into an account that only now is held: the row comes with that, before the mark of where it was. */
static void a_row_comes_before_it_has_left(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id b = office_account(&o, "B")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);
    rove__portion begin = {{b, -1}, 0};

    office_hold(&o, b, 0);
    office_pull(&o);
    office_hold(&o, b, 1);
    office_set_int(&o, visit, "account_id", b);
    rove__change changes[] = {office_find(&o, replica_entity(&r, "Account")->number, b)->whole,
                              visit->whole};
    page_of(changes, 2, &begin, 1);
    replica_expect_int(&r, "Visit", visit->whole.row.id, "account_id", b);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 1);
    office_expect_verified(&o);
}

static void parts_of_what_is_not_here_are_set_aside(void **state) {
    (void)state;
    office_row *row = office_account(&o, "Bakery");
    uint64_t left = 0;

    rove__change part = office_part(&o, row, 0);
    page_of(&part, 1, NULL, 1);
    expect_gone("Account", row->whole.row.id);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _quarantine"), 1);
    replica_ok(&r, rove__store_quarantine_retry(r.store, &left, &r.error));
    assert_int_equal(left, 1);
    page_of(&row->whole, 1, NULL, 1);
    replica_expect_text(&r, "Account", row->whole.row.id, "name", "Bakery");
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _quarantine"), 0);
    /* A part of another record under its id. */
    part.clock.origin.stamp++;
    page_of(&part, 1, NULL, 1);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _quarantine"), 1);
    page_of(&row->whole, 1, NULL, 1);
    office_expect_verified(&o);
}

/* What is set aside leaves with its own scope, and no other. */
static void what_is_set_aside_leaves_as_anything_else(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id b = office_account(&o, "B")->whole.row.id;
    rove__scope scopes[] = {{b, -1}, {a, -1}};

    for (int tombstone = 0; tombstone < 2; tombstone++) {
        office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);
        office_set_int(&o, visit, "status", 99); /* no status of this build */
        office_pull(&o);
        assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _quarantine"), 1);
        for (size_t i = 0; i < 2; i++) {
            rove__change mark = office_tombstone(visit);
            if (!tombstone) {
                mark.op = ROVE_OP_MARK;
                mark.scope = scopes[i];
            }
            page_of(&mark, 1, NULL, 1);
            assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _quarantine"),
                             i == 0 && !tombstone);
        }
        visit->dead = 1;
    }
    office_expect_verified(&o);
}

/* Rows without a date are a part of their own. */
static void what_has_no_date_is_fetched_alone(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    office_row *dated = office_visit(&o, a, REPLICA_NOW_MS);
    office_row *never = office_visit(&o, a, INT64_MIN / 4); /* in no month */
    office_row *undated = office_insert(&o, "Visit", 0);
    rove__portion begin = {{a, 0}, 0};

    office_set_int(&o, undated, "account_id", a);
    office_set_int(&o, undated, "status", 1);
    office_pull(&o);
    int64_t held = replica_sql(&r, "SELECT count(*) FROM visit");
    page_of(NULL, 0, &begin, 1);
    replica_expect_int(&r, "Visit", dated->whole.row.id, "account_id", a);
    expect_gone("Visit", undated->whole.row.id);
    assert_true(replica_sql(&r, "SELECT count(*) FROM visit") < held);
    (void)never;
}

static void a_transfer_ends_with_its_scope(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id b = office_account(&o, "B")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);
    rove__portion portions[] = {{{a, -1}, 0}, {{b, -1}, 0}};
    rove__page page;

    office_pull(&o);
    page_of(&visit->whole, 1, &portions[0], 0);
    page_of(NULL, 0, &portions[1], 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _transfer"), 2);
    memset(&page, 0, sizeof page);
    page.left = &portions[0].scope;
    page.left_count = 1;
    page.more = 1;
    replica_ok(&r, office_apply(&o, &page, NULL, 0));
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _transfer"), 1);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 0);
    office_reopen(&o); /* nothing of it comes back */
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _transfer"), 1);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_refused_insert_takes_all_edits_along),
        TEST(a_refused_insert_names_what_its_rep_wrote_since),
        TEST(a_sum_is_parted_within_its_limits),
        TEST(an_edit_of_what_is_gone_is_refused),
        TEST(a_refused_contact_holds_the_sets_that_name_it),
        TEST(a_refused_insert_with_a_set_is_put_right),
        TEST(a_refused_delete_and_a_refused_seal_are_tried_again),
        TEST(what_is_parked_is_overtaken),
        TEST(what_is_parked_goes_with_a_delete),
        TEST(many_increments_are_taken_with_headquarters_stamps),
        TEST(a_row_comes_before_it_has_left),
        TEST(parts_of_what_is_not_here_are_set_aside),
        TEST(what_is_set_aside_leaves_as_anything_else),
        TEST(what_has_no_date_is_fetched_alone),
        TEST(a_transfer_ends_with_its_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
