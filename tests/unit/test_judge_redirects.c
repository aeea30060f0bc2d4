/*
 * A lead that two reps convert, each to another record (P13): what becomes of the one that lost beside being in the conflict log.
 * test_judge_conflicts.c has what the log says of it, and whose conversion counts.
 */
#include "two_reps.h"

static rove_id held_account(world *w) {
    rove_id id = site_account(&w->s, "Adler Hotel");

    site_grant(&w->s, ANNA, id);
    site_grant(&w->s, BEN, id);
    return id;
}

static void merge(world *w, rove_id loser, rove_id winner) {
    rove__row *row = site_row(&w->s, "Account", loser);

    site_int(row, "merged_into_id", winner);
    site_update(&w->s, row);
}

/* 0: into none. */
static rove_id merged_into(world *w, rove_id account) {
    rove_value winner = site_cell(&w->s, "Account", account, "merged_into_id");

    return winner.type == ROVE_INT ? winner.as.integer : 0;
}

/* Of her lead and his, at once; 0: nothing, which takes away what stood. */
static void both_convert(world *w, const char *column, int64_t hers, int64_t his) {
    rove__row *lead = site_row(&w->s, "Lead", 0);
    const int64_t values[] = {hers, his};

    site_text(lead, "company", "Adler");
    site_int(lead, column, 77);
    rove_id id = site_insert(&w->s, lead);
    site_grant(&w->s, ANNA, id);
    site_grant(&w->s, BEN, id);
    rep_settle(&w->anna);
    rep_settle(&w->ben);
    for (size_t i = 0; i < 2; i++) {
        rep *r = i == 0 ? &w->anna : &w->ben;
        w->s.now_ms += 60000;
        rep_update(r, "Lead", id, column,
                   values[i] == 0 ? rove__value_null() : rove__value_int(values[i]));
        rep_settle(r);
    }
    assert_int_equal(site_conflicts(&w->s, id), 1);
}

static rove_id new_contact(world *w, rep *r) {
    rove__row *contact = site_row(&w->s, "Contact", rep_id(r));

    site_text(contact, "last_name", "Stein");
    rep_insert(r, contact);
    rep_settle(r);
    return contact->id;
}

static void p13_of_a_lead_converted_twice_the_second_contact_is_redirected(void **state) {
    world *w = *state;
    rove_id hers = new_contact(w, &w->anna);
    rove_id his = new_contact(w, &w->ben);

    both_convert(w, "converted_contact_id", hers, his);
    assert_int_equal(site_cell(&w->s, "Contact", hers, "merged_into_id").as.integer, his);
}

/* Another number of the lead, nothing, or a record that is not here: only the conflict is kept. */
static void p13_what_is_no_second_conversion_redirects_nothing(void **state) {
    world *w = *state;
    rove_id account = w->account;
    const struct {
        const char *column;
        int64_t hers, his;
    } cases[] = {{"converted_at", SITE_NOW, SITE_NOW + 1},
                 {"converted_account_id", 0, account},
                 {"converted_account_id", account, 0},
                 {"converted_account_id", 4711, account}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        both_convert(w, cases[i].column, cases[i].hers, cases[i].his);
        assert_int_equal(merged_into(w, account), 0);
    }
}

/* Not even as a conflict: nobody has it any more. */
static void p13_a_deleted_account_is_not_redirected(void **state) {
    world *w = *state;
    rove_id gone = held_account(w);
    rove_id elsewhere = held_account(w);
    rove__hq_row row;

    merge(w, gone, elsewhere);
    site_delete(&w->s, "Account", gone);
    both_convert(w, "converted_account_id", gone, w->account);
    assert_true(site_get(&w->s, "Account", gone, &row) && row.dead != 0);
    assert_int_equal(site_conflicts(&w->s, gone), 0);
}

/* The duplicate was found from the other end already: it would go round in a ring. */
static void p13_what_the_other_was_merged_into_is_not_redirected(void **state) {
    world *w = *state;
    rove_id his = held_account(w);

    merge(w, his, w->account);
    both_convert(w, "converted_account_id", w->account, his);
    assert_int_equal(merged_into(w, w->account), 0);
    assert_int_equal(merged_into(w, his), w->account);
    assert_int_equal(site_conflicts(&w->s, w->account), 0);
    assert_int_equal(site_conflicts(&w->s, his), 0);
    /* The other way round they are one already. */
    both_convert(w, "converted_account_id", his, w->account);
    assert_int_equal(merged_into(w, w->account), 0);
    assert_int_equal(merged_into(w, his), w->account);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_start_tried, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(p13_of_a_lead_converted_twice_the_second_contact_is_redirected),
        CASE(p13_what_is_no_second_conversion_redirects_nothing),
        CASE(p13_a_deleted_account_is_not_redirected),
        CASE(p13_what_the_other_was_merged_into_is_not_redirected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
