/*
 * An external id names one record of its entity. A record that an edit brings back gives it up if it was given out again since: the
 * edit is judged, and the device goes on.
 */
#include "delivery.h"
#include "site_rep.h"
#include "two_reps.h"

static int setup(void **state) {
    int failed = world_start(state);

    ((world *)*state)->s.trial.on = !failed;
    return failed;
}

static rove__row *a_contact(world *w, rove_id id, const char *last_name, const char *external) {
    rove__row *contact = site_row(&w->s, "Contact", id);

    site_text(contact, "last_name", last_name);
    site_text(contact, "external_id", external);
    return contact;
}

static int has_name(world *w, rove_id id) {
    return site_cell(&w->s, "Contact", id, "external_id").type == ROVE_TEXT;
}

static int is_looked_at(world *w, rove_id id) {
    rove__hq_row row;

    assert_true(site_get(&w->s, "Contact", id, &row));
    return row.review > 0;
}

/* An operator deletes a contact, and the next import brings it anew; a rep had edited the old one, and has other work. */
static void a_record_that_comes_back_gives_it_up(void **state) {
    world *w = *state;
    rove_id old = site_insert(&w->s, a_contact(w, 0, "Stein", "C-1"));
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->ben));

    site_grant(&w->s, BEN, old);
    both_agree(w);
    /* He has edited it before, so that of its cells the one that it gives up is the first whose version has no room yet. */
    rep_update(&w->ben, "Contact", old, "phone", rove__value_text("555-0100"));
    both_agree(w);
    rep_update(&w->ben, "Contact", old, "phone", rove__value_text("ben's number"));
    site_int(visit, "account_id", w->account);
    rep_insert(&w->ben, visit);
    site_delete(&w->s, "Contact", old);
    rove_id anew = site_insert(&w->s, a_contact(w, 0, "Stein", "C-1"));
    rep_settle(&w->ben);
    assert_int_equal(w->ben.batch_count, 0);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "account_id").type, ROVE_INT);
    assert_int_equal(site_cell(&w->s, "Contact", old, "phone").type, ROVE_TEXT);
    assert_false(has_name(w, old));
    assert_true(has_name(w, anew));
    assert_true(is_looked_at(w, old));
}

/* The contact was made after the backup; the import of that day is done again before the rep who edits it comes. */
static void a_record_that_a_restore_lost_gives_it_up(void **state) {
    world *w = *state;
    size_t backup = 0;

    both_agree(w);
    backup = memory_headquarters_backup(w->s.hq);
    rove_id old = site_insert(&w->s, a_contact(w, 0, "Stein", "C-1"));
    site_grant(&w->s, BEN, old);
    both_agree(w);
    rep_update(&w->ben, "Contact", old, "phone", rove__value_text("ben's number"));
    memory_headquarters_restore(w->s.hq, backup, 77, 977);
    rove_id anew = site_insert(&w->s, a_contact(w, 0, "Stein", "C-1"));
    site_grant(&w->s, BEN, old);
    rep_settle(&w->ben);
    assert_int_equal(w->ben.batch_count, 0);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    assert_false(has_name(w, old));
    assert_true(has_name(w, anew));
    assert_true(is_looked_at(w, old));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_record_that_comes_back_gives_it_up),
        CASE(a_record_that_a_restore_lost_gives_it_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
