/*
 * The people of a visit are a set, and signed with it (P11): the record stands as it was signed, also where nobody changed them,
 * and whom others had added unseen is in the conflict log. The client is the real one, and so is the judge.
 */
#include "pair.h"

#include "model/set.h"
#include "rove/entities.pb-c.h"

#define PEOPLE "SELECT count(*) FROM visit_contact_ids"

/* ---- words ---------------------------------------------------------------------------------------------- */

static rove_id planned(rove_id account) {
    const rove_field fields[] = {{"account_id", rove_int(account)},
                                 {"planned_start", rove_int(SITE_NOW)}};
    rove_id id = 0;

    phone_ok(&first, rove_insert(first.replica, "Visit", fields, 2, &id, &first.error));
    return id;
}

static void person(phone *p, rove_id visit, int64_t contact, int adds) {
    phone_ok(p, rove_element(p->replica, "Visit", visit, "contact_ids", rove_int(contact), adds,
                             &p->error));
}

static void sign(phone *p, rove_id visit, const char *notes) {
    const rove_field fields[] = {{"notes", rove_text(notes)}};

    phone_ok(p, rove_seal(p->replica, "Visit", visit, fields, 1, &p->error));
}

/* A visit with 11 and 12, which both have. */
static rove_id shared_visit(void) {
    rove_id account = phone_account(&first, "Bakery");
    rove_id visit = planned(account);

    person(&first, visit, 11, 1);
    person(&first, visit, 12, 1);
    settle(&first);
    site_grant(&hq, second.user, account);
    settle(&second);
    return visit;
}

static void all_settle(void) {
    settle(&first);
    settle(&second);
    settle(&first);
}

/* The elements of a set, as a number each digit pair of which is one: 1112. */
static int64_t digits_of(const rove_value *cell) {
    rove__set_cursor cursor;
    rove__element element;
    int64_t digits = 0;

    rove__set_open(&cursor, cell, ROVE_SET_PLAIN);
    assert_int_not_equal(cursor.form, ROVE_SET_DELTA);
    while (rove__set_next(&cursor, &element)) {
        digits = digits * 100 + element.value.as.integer;
    }
    assert_int_equal(rove__set_done(&cursor), ROVE_OK);
    return digits;
}

static int64_t people(rove_id visit) {
    rove_value cell = site_cell(&hq, "Visit", visit, "contact_ids");

    return digits_of(&cell);
}

/* What the log has of the people of a visit; 0 entries: nothing. */
static size_t clashes(rove_id visit, int64_t *kept, int64_t *lost) {
    const char *const names[] = {"kept_value", "lost_value"};
    int64_t *const sides[] = {kept, lost};
    uint32_t field = 0;
    size_t found = 0;

    for (size_t i = 0; i < site_conflicts(&hq, visit); i++) {
        rove_id conflict = site_conflict(&hq, visit, i);
        field = (uint32_t)site_cell(&hq, "Conflict", conflict, "field_number").as.integer;
        const rove__entity *entity = rove__registry_by_name(hq.registry, "Visit");
        int at = rove__entity_field_named(entity, "contact_ids");
        if (field != entity->fields[at].number) {
            continue;
        }
        found++;
        for (size_t s = 0; s < 2; s++) {
            rove_value packed = site_cell(&hq, "Conflict", conflict, names[s]);
            rove__reader reader;
            rove_value value;
            rove__reader_init(&reader, packed.as.data, packed.size);
            rove__value_read(&reader, &value);
            assert_int_equal(rove__reader_status(&reader), ROVE_OK);
            *sides[s] = digits_of(&value);
        }
    }
    return found;
}

static size_t clash_count(rove_id visit) {
    int64_t kept = 0;
    int64_t lost = 0;

    return clashes(visit, &kept, &lost);
}

/* ---- as it was signed ------------------------------------------------------------------------------------ */

static void people_that_were_sent_before_stay(void **state) {
    (void)state;
    rove_id visit = shared_visit();

    sign(&first, visit, "done");
    all_settle();
    assert_int_equal(people(visit), 1112);
    assert_int_equal(phone_number(&first, PEOPLE), 2);
    assert_int_equal(phone_number(&second, PEOPLE), 2);
    assert_int_equal(site_conflicts(&hq, visit), 0);
}

static void people_that_are_still_under_way_stay(void **state) {
    (void)state;
    rove_id visit = planned(phone_account(&first, "Bakery"));

    settle(&first);
    person(&first, visit, 11, 1);
    first.cut_at = 1;
    rove_sync_report report;
    assert_int_not_equal(rove_sync(first.replica, NULL, &report, &first.error), ROVE_OK);
    first.cut_at = 0;
    person(&first, visit, 12, 1);
    sign(&first, visit, "done");
    settle(&first);
    assert_int_equal(people(visit), 1112);
    assert_int_equal(phone_number(&first, PEOPLE), 2);
}

static void whom_the_signer_took_out_is_out_and_no_conflict(void **state) {
    (void)state;
    rove_id visit = shared_visit();

    person(&first, visit, 12, 0);
    person(&first, visit, 13, 1);
    sign(&first, visit, "done");
    all_settle();
    assert_int_equal(people(visit), 1113);
    assert_int_equal(phone_number(&second, PEOPLE), 2);
    assert_int_equal(site_conflicts(&hq, visit), 0);
}

static void who_is_taken_out_and_put_back_is_there(void **state) {
    (void)state;
    rove_id visit = shared_visit();

    person(&first, visit, 12, 0);
    person(&first, visit, 12, 1);
    sign(&first, visit, "done");
    all_settle();
    assert_int_equal(people(visit), 1112);
    assert_int_equal(site_conflicts(&hq, visit), 0);
}

static void an_emptied_set_is_empty(void **state) {
    (void)state;
    rove_id visit = shared_visit();

    person(&first, visit, 11, 0);
    person(&first, visit, 12, 0);
    sign(&first, visit, "done");
    all_settle();
    assert_int_equal(people(visit), 0);
    assert_int_equal(phone_number(&second, PEOPLE), 0);
    assert_int_equal(site_conflicts(&hq, visit), 0);
}

/* ---- what others had done --------------------------------------------------------------------------------- */

static void a_person_added_unseen_is_in_the_log(void **state) {
    (void)state;
    rove_id visit = shared_visit();
    int64_t kept = 0;
    int64_t lost = 0;

    person(&second, visit, 13, 1);
    settle(&second);
    sign(&first, visit, "done");
    all_settle();
    assert_int_equal(people(visit), 1112);
    assert_int_equal(phone_number(&second, PEOPLE), 2);
    assert_int_equal(clashes(visit, &kept, &lost), 1);
    assert_int_equal(kept, 1112);
    assert_int_equal(lost, 111213);
}

/* She had not heard yet that hers came to his. */
static void a_person_added_unseen_before_one_of_hers_is_in_the_log(void **state) {
    (void)state;
    rove_id visit = shared_visit();
    int64_t kept = 0;
    int64_t lost = 0;

    first.cut_status = ROVE_NETWORK;
    person(&second, visit, 13, 1);
    settle(&second);
    person(&first, visit, 14, 1);
    first.cut_at = 1;
    phone_is(&first, rove_sync(first.replica, NULL, NULL, &first.error), ROVE_NETWORK);
    first.cut_at = 0;
    sign(&first, visit, "done");
    all_settle();
    assert_int_equal(people(visit), 111214);
    assert_int_equal(clashes(visit, &kept, &lost), 1);
    assert_int_equal(kept, 111214);
    assert_int_equal(lost, 11121314);
}

/* The signer had none, and signed that. */
static void a_person_added_unseen_to_an_empty_set_is_in_the_log(void **state) {
    (void)state;
    rove_id visit = shared_visit();
    int64_t kept = 1;
    int64_t lost = 0;

    person(&first, visit, 11, 0);
    person(&first, visit, 12, 0);
    all_settle();
    person(&second, visit, 13, 1);
    settle(&second);
    sign(&first, visit, "done");
    all_settle();
    assert_int_equal(people(visit), 0);
    assert_int_equal(clashes(visit, &kept, &lost), 1);
    assert_int_equal(kept, 0);
    assert_int_equal(lost, 13);
}

static void a_person_whom_both_added_is_no_conflict(void **state) {
    (void)state;
    rove_id visit = shared_visit();

    person(&second, visit, 13, 1);
    settle(&second);
    person(&first, visit, 13, 1);
    sign(&first, visit, "done");
    all_settle();
    assert_int_equal(people(visit), 111213);
    assert_int_equal(clash_count(visit), 0);
}

static void a_person_taken_out_unseen_comes_back_as_signed(void **state) {
    (void)state;
    rove_id visit = shared_visit();

    person(&second, visit, 12, 0);
    settle(&second);
    sign(&first, visit, "done");
    all_settle();
    assert_int_equal(people(visit), 1112);
    assert_int_equal(phone_number(&second, PEOPLE), 2);
}

static void people_of_a_second_seal_are_in_the_log(void **state) {
    (void)state;
    rove_id visit = shared_visit();
    int64_t kept = 0;
    int64_t lost = 0;

    sign(&second, visit, "his");
    settle(&second);
    person(&first, visit, 13, 1);
    sign(&first, visit, "hers");
    all_settle();
    assert_int_equal(people(visit), 1112);
    assert_int_equal(phone_number(&first, PEOPLE), 2);
    assert_int_equal(clashes(visit, &kept, &lost), 1);
    assert_int_equal(kept, 1112);
    assert_int_equal(lost, 111213);
}

static void a_second_seal_with_the_same_people_says_nothing_of_them(void **state) {
    (void)state;
    rove_id visit = shared_visit();

    sign(&second, visit, "his");
    settle(&second);
    sign(&first, visit, "hers");
    all_settle();
    assert_int_equal(clash_count(visit), 0);
}

static void what_is_done_to_the_people_of_a_signed_visit_is_in_the_log(void **state) {
    (void)state;
    rove_id visit = shared_visit();
    int64_t kept = 0;
    int64_t lost = 0;

    sign(&second, visit, "his");
    settle(&second);
    person(&first, visit, 13, 1);
    all_settle();
    assert_int_equal(people(visit), 1112);
    assert_int_equal(clashes(visit, &kept, &lost), 1);
    assert_int_equal(kept, 1112);
    assert_int_equal(lost, 111213);
}

/* What an operator does is first tried under faults. */
static int set_up(void **state) {
    int failed = pair_set_up(state);

    hq.trial.on = !failed;
    return failed;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, pair_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(people_that_were_sent_before_stay),
        CASE(people_that_are_still_under_way_stay),
        CASE(whom_the_signer_took_out_is_out_and_no_conflict),
        CASE(who_is_taken_out_and_put_back_is_there),
        CASE(an_emptied_set_is_empty),
        CASE(a_person_added_unseen_is_in_the_log),
        CASE(a_person_added_unseen_before_one_of_hers_is_in_the_log),
        CASE(a_person_added_unseen_to_an_empty_set_is_in_the_log),
        CASE(a_person_whom_both_added_is_no_conflict),
        CASE(a_person_taken_out_unseen_comes_back_as_signed),
        CASE(people_of_a_second_seal_are_in_the_log),
        CASE(a_second_seal_with_the_same_people_says_nothing_of_them),
        CASE(what_is_done_to_the_people_of_a_signed_visit_is_in_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
