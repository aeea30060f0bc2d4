/* Who may write what: reps, authors, headquarters; what is append-only; what a record needs. */
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

static rove_status check(rove__op op, rove__actor actor, const rove__row *before,
                         const rove__row *after, rove_error *error) {
    rove__write write = {
        .op = op, .actor = actor, .registry = r.registry, .before = before, .after = after};

    return rove__rules_check(&write, error);
}

static rove__row *account(void) {
    rove__row *row = records_new(&r, "Account");

    records_text(row, "name", "Café Slavia");
    return row;
}

static void test_a_rep_adds_changes_and_deletes_his_records(void **state) {
    rove__row *before = account();
    rove__row *after = records_new(&r, "Account");

    (void)state;
    records_text(after, "phone", "+420 224 218 493");
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_REP, NULL, before, NULL), ROVE_OK);
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, before, after, NULL), ROVE_OK);
    assert_int_equal(check(ROVE_OP_DELETE, ROVE_ACTOR_REP, before, NULL, NULL), ROVE_OK);
}

static void test_fields_of_headquarters_are_denied_to_a_rep(void **state) {
    rove__row *before = account();
    rove__row *after = records_new(&r, "Account");
    rove_error error;

    (void)state;
    records_int(before, "credit_limit", 1000);
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_REP, NULL, before, &error), ROVE_DENIED);
    assert_string_equal(error.message, "Account.credit_limit is written by headquarters only.");
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_HQ, NULL, before, NULL), ROVE_OK);
    records_int(after, "credit_limit", 1001);
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, before, after, NULL), ROVE_DENIED);
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_HQ, before, after, NULL), ROVE_OK);
    records_null(after, "credit_limit");
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, before, after, NULL), ROVE_DENIED);
    records_int(after, "credit_limit", 1000); /* handing back what stands is no change */
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, before, after, NULL), ROVE_OK);
}

static void test_an_authors_fields_come_with_the_insert_only(void **state) {
    rove__row *before = records_new(&r, "AccountContactRole");
    rove__row *after = records_new(&r, "AccountContactRole");
    rove_error error;

    (void)state;
    records_int(before, "account_id", 10);
    records_int(before, "contact_id", 11);
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_REP, NULL, before, NULL), ROVE_OK);
    records_text(after, "role", "Influencer");
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, before, after, NULL), ROVE_OK);
    records_int(after, "contact_id", 12);
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, before, after, &error), ROVE_DENIED);
    assert_string_equal(error.message,
                        "AccountContactRole.contact_id is written when the record is "
                        "added, and not changed later.");
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_HQ, before, after, NULL), ROVE_OK);
}

static void test_records_of_headquarters_are_denied_to_a_rep(void **state) {
    rove__row *row = records_new(&r, "Product");
    rove__row *after = records_new(&r, "Product");
    rove_error error;

    (void)state;
    records_text(row, "name", "Espresso beans");
    records_text(after, "name", "Decaf");
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_REP, NULL, row, &error), ROVE_DENIED);
    assert_string_equal(error.message, "Only headquarters adds and deletes records of Product.");
    assert_int_equal(check(ROVE_OP_DELETE, ROVE_ACTOR_REP, row, NULL, NULL), ROVE_DENIED);
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, row, after, NULL), ROVE_DENIED);
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_HQ, NULL, row, NULL), ROVE_OK);
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_HQ, row, after, NULL), ROVE_OK);
    assert_int_equal(check(ROVE_OP_DELETE, ROVE_ACTOR_HQ, row, NULL, NULL), ROVE_OK);
}

static void test_a_note_is_written_once(void **state) {
    rove__row *note = records_new(&r, "Note");
    rove__row *after = records_new(&r, "Note");
    rove_error error;

    (void)state;
    records_int(note, "about_id", 10);
    records_int(note, "created_at", 1795424700000);
    records_text(note, "text", "Wants a call in spring.");
    records_text(after, "text", "Does not.");
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_REP, NULL, note, NULL), ROVE_OK);
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, note, after, &error), ROVE_DENIED);
    assert_string_equal(error.message,
                        "A record of Note is never changed or deleted; add another one.");
    assert_int_equal(check(ROVE_OP_DELETE, ROVE_ACTOR_REP, note, NULL, NULL), ROVE_DENIED);
    assert_int_equal(check(ROVE_OP_DELETE, ROVE_ACTOR_HQ, note, NULL, NULL), ROVE_OK); /* erasure */
}

static void test_derived_fields_are_nobodys_business(void **state) {
    rove__row *row = records_new(&r, "ContactMethod");

    (void)state;
    records_int(row, "contact_id", 11);
    records_int(row, "kind", ROVE__CONTACT_METHOD__KIND__MOBILE);
    records_text(row, "value", "+420 777 123 456");
    records_text(row, "normalised", "420777123456");
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_REP, NULL, row, NULL), ROVE_OK);
}

static void test_required_fields(void **state) {
    rove__row *empty = records_new(&r, "Account");
    rove__row *before = account();
    rove__row *after = records_new(&r, "Account");
    rove_error error;

    (void)state;
    records_text(empty, "phone", "1");
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_REP, NULL, empty, &error), ROVE_REQUIRED);
    assert_string_equal(error.message, "Account.name is required.");
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_HQ, NULL, empty, NULL), ROVE_REQUIRED);
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, before, empty, NULL), ROVE_OK);
    records_null(after, "name");
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, before, after, NULL), ROVE_REQUIRED);
}

/* The whole record is signed; who signs it may not have heard of a field that was added since. */
static void test_a_seal_carries_what_is_required(void **state) {
    rove__custom custom = {.entity = records_new(&r, "Visit")->entity_number,
                           .number = 2000,
                           .name = "route",
                           .type = ROVE_TEXT,
                           .max = 10,
                           .flags = ROVE_FIELD_REQUIRED};
    rove__row *before = records_new(&r, "Visit");
    rove__row *after = records_new(&r, "Visit");
    rove_error error;

    (void)state;
    records_int(before, "account_id", 10);
    records_int(after, "sealed_at", 1795424700000);
    assert_int_equal(check(ROVE_OP_SEAL, ROVE_ACTOR_REP, before, after, &error), ROVE_REQUIRED);
    assert_string_equal(error.message, "Visit.account_id is required.");
    records_int(after, "account_id", 10);
    assert_int_equal(check(ROVE_OP_SEAL, ROVE_ACTOR_REP, before, after, NULL), ROVE_OK);
    assert_int_equal(rove__registry_add_custom(r.registry, &custom, NULL), ROVE_OK);
    rove__row *wider = records_new(&r, "Visit");
    records_int(wider, "account_id", 10);
    records_int(wider, "sealed_at", 1795424700000);
    assert_int_equal(check(ROVE_OP_SEAL, ROVE_ACTOR_REP, wider, wider, NULL), ROVE_OK);
}

static void test_a_contact_needs_a_name(void **state) {
    rove__row *contact = records_new(&r, "Contact");
    rove__row *after = records_new(&r, "Contact");
    rove_error error;

    (void)state;
    records_text(contact, "title", "Dr.");
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_REP, NULL, contact, &error), ROVE_REQUIRED);
    assert_string_equal(error.message, "Contact needs a first_name or a last_name.");
    records_text(contact, "first_name", "");
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_REP, NULL, contact, NULL), ROVE_REQUIRED);
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, contact, after, NULL), ROVE_OK);
    records_text(contact, "last_name", "Nováková");
    assert_int_equal(check(ROVE_OP_INSERT, ROVE_ACTOR_REP, NULL, contact, NULL), ROVE_OK);
    records_null(after, "last_name");
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, contact, after, NULL), ROVE_REQUIRED);
    records_text(after, "first_name", "Jana");
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, contact, after, NULL), ROVE_OK);
}

static void test_an_unknown_entity_is_reported(void **state) {
    rove__row row = {.entity_number = 4711};

    (void)state;
    assert_int_equal(check(ROVE_OP_UPDATE, ROVE_ACTOR_REP, NULL, &row, NULL), ROVE_UNKNOWN_ENTITY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void test_a_record_that_is_not_known_is_not_judged(void **state) {
    rove__row unknown = {.entity_number = 60000};
    rove_error error;

    (void)state;
    assert_int_equal(check(ROVE_OP_DELETE, ROVE_ACTOR_REP, NULL, NULL, &error),
                     ROVE_UNKNOWN_ENTITY);
    assert_int_equal(check(ROVE_OP_DELETE, ROVE_ACTOR_REP, &unknown, NULL, &error),
                     ROVE_UNKNOWN_ENTITY);
    assert_non_null(strstr(error.message, "60000"));
    assert_int_equal(check(ROVE_OP_DELETE, ROVE_ACTOR_REP, account(), NULL, &error), ROVE_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_record_that_is_not_known_is_not_judged, setup,
                                        teardown),
        TEST(test_a_rep_adds_changes_and_deletes_his_records),
        TEST(test_fields_of_headquarters_are_denied_to_a_rep),
        TEST(test_an_authors_fields_come_with_the_insert_only),
        TEST(test_records_of_headquarters_are_denied_to_a_rep),
        TEST(test_a_note_is_written_once),
        TEST(test_derived_fields_are_nobodys_business),
        TEST(test_required_fields),
        TEST(test_a_seal_carries_what_is_required),
        TEST(test_a_contact_needs_a_name),
        TEST(test_an_unknown_entity_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
