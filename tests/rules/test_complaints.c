/*
 * test_complaints.c - what people complain about in other systems, where no rule's test answers it already;
 * docs/testing.md has the list.
 */
#include "pair.h"
#include "teeth.h"

static rove_id held_account(const char *name) {
    rove_id id = site_account(&hq, name);

    site_grant(&hq, PHONE_USER, id);
    return id;
}

static void a_day(rove_id account, int day) {
    char name[64];
    rove__row *row = site_row(&hq, "Account", account);

    first.now.boot_ms += PHONE_DAY_MS;
    second.now.boot_ms += PHONE_DAY_MS;
    hq.now_ms += PHONE_DAY_MS;
    snprintf(name, sizeof name, "day %d", day);
    rename_account(&first, account, name);
    site_text(row, "website", name);
    site_update(&hq, row);
    settle(&first);
}

/* The same customer, edited on both sides every day. */
static void a_replica_does_not_grow_with_what_is_over(void **state) {
    rove_id account = held_account("Ajax");
    (void)state;

    settle(&first);
    for (int day = 0; day < 60; day++) {
        a_day(account, day);
    }
    uint64_t after_two_months = phone_state(&first).disk_bytes;
    for (int day = 60; day < 300; day++) {
        a_day(account, day);
    }
    assert_true(phone_state(&first).disk_bytes <= after_two_months + after_two_months / 4);
}

/* Two customers that were one, and then were not. */
static void a_merge_of_duplicates_can_be_undone(void **state) {
    rove_id loser = held_account("Ajax");
    rove_id winner = held_account("Ajax Ltd");
    rove_field merged[] = {{"merged_into_id", rove_int(winner)}};
    rove_field undone[] = {{"merged_into_id", rove_null()}};
    (void)state;

    settle(&first);
    settle(&second);
    phone_ok(&first, rove_update(first.replica, "Account", loser, merged, 1, &first.error));
    settle(&first);
    settle(&second);
    assert_int_equal(phone_number(&second, "SELECT count(*) FROM account"), 2);
    assert_int_equal(
        phone_number(&second, "SELECT count(*) FROM account WHERE merged_into_id IS NOT NULL"), 1);
    phone_ok(&second, rove_update(second.replica, "Account", loser, undone, 1, &second.error));
    settle(&second);
    settle(&first);
    assert_int_equal(
        phone_number(&first, "SELECT count(*) FROM account WHERE merged_into_id IS NOT NULL"), 0);
    assert_int_equal(site_conflicts(&hq, loser), 0);
}

/* Headquarters allows less than the app. */
static void done_is_not_said_of_records_that_failed(void **state) {
    const rove__entity *entity = rove__registry_by_name(hq.registry, "Account");
    rove__field *field = NULL;
    (void)state;

    memcpy(&field,
           &(const rove__field *){&entity->fields[rove__entity_field_named(entity, "name")]},
           sizeof field);
    field->max = 10;
    settle(&first);
    (void)phone_account(&first, "short");
    (void)phone_account(&first, "a name that is too long for headquarters");
    rove_sync_report report = sync_ok(&first);
    assert_int_equal(report.rejected, 1);
    assert_int_equal(phone_state(&first).rejections, 1);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 1);
}

/* A word that is put in and taken out again before it was sent has changed nothing, and nothing is to be mended. */
static void what_was_taken_back_unsent_costs_no_repair(void **state) {
    (void)state;
    rove__row *account = site_row(&hq, "Account", 0);
    site_text(account, "name", "Bakery");
    rove_id id = site_insert(&hq, account);
    site_grant(&hq, PHONE_USER, id);
    settle(&first);
    for (int add = 1; add >= 0; add--) {
        phone_ok(&first, rove_element(first.replica, "Account", id, "alt_names", rove_text("Baker"),
                                      add, &first.error));
    }
    rove_sync_report report = sync_ok(&first);
    assert_int_equal(report.rows_pushed, 1);
    assert_int_equal(report.requests, 1);
    assert_int_equal(report.rows_applied, 0);
    assert_true(report.verified);
}

static const rule_test tests[] = {
    RULE(a_replica_does_not_grow_with_what_is_over),
    RULE(a_merge_of_duplicates_can_be_undone),
    RULE(done_is_not_said_of_records_that_failed),
    RULE(what_was_taken_back_unsent_costs_no_repair),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, pair_set_up, pair_tear_down, argc, argv);
}
