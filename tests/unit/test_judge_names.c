/*
 * What headquarters keeps of the names that it gives (P4): under which id a record came, whatever becomes of it then. What was signed
 * about it says that id.
 */
#include <string.h>

#include "delivery.h"
#include "site_rep.h"
#include "two_reps.h"
#include "two_reps_look.h"

static rove__row *a_visit(world *w) {
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));

    site_int(visit, "account_id", w->account);
    site_int(visit, "planned_start", SITE_NOW);
    site_int(visit, "status", 1);
    return visit;
}

static rove_id last_id(world *w) {
    rove__hq_tx *tx = NULL;
    rove__hq_head head;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->head_get(tx, &head), ROVE_OK);
    w->s.store->rollback(tx);
    return rove__id_make(head.replica, head.counter);
}

/* What she signed names it as it was, wherever it is: looked at and accepted under yet another id. */
static void what_was_refused_and_renamed_keeps_its_former_name(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_error error = {.message = ""};
    rove_id id = rep_id(&w->anna);

    set_device(w, ANNAS, ROVE_DEVICE_REVOKED, 0);
    rove__row *other = site_row(&w->s, "Account", id);
    site_text(other, "name", "the other");
    (void)site_insert(&w->s, other);
    rove__row *row = site_row(&w->s, "Account", id);
    site_text(row, "name", "hers");
    rep_insert(&w->anna, row);
    rep_freeze(&w->anna);
    deliver(w, w->anna.batches, 1, &FORMER_OF, &outcome);
    rove_id given = reviews(w).id;
    assert_true(given != id && reviews(w).count == 1);
    assert_int_equal(names_of(w, "Account", given).last, id);
    assert_int_equal(names_of(w, "Account", id).count, 0);
    other = site_row(&w->s, "Account", given);
    site_text(other, "name", "has that one too");
    (void)site_insert(&w->s, other);
    assert_int_equal(site_decide(&w->s, reviews(w).number, 1, "", &error), ROVE_OK);
    assert_true(has_text(w, "Account", given, "name", "has that one too"));
    rove_id accepted = last_id(w);
    assert_true(has_text(w, "Account", accepted, "name", "hers"));
    assert_int_equal(names_of(w, "Account", accepted).count, 2);
    assert_int_equal(names_of(w, "Account", given).count, 2);
}

/* Its device was told the new name; headquarters has forgotten it, and what it was given to, and knows that. */
static void a_name_that_a_restore_forgot_is_noticed(void **state) {
    world *w = *state;
    rep_outcome outcome;
    size_t before = memory_headquarters_backup(w->s.hq);
    rove__row *visit = a_visit(w);

    visit->id = site_visit(&w->s, w->account, w->s.now_ms);
    rep_insert(&w->anna, visit);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 1);
    w->anna.batch_count = 0;
    memory_headquarters_restore(w->s.hq, before, 2, 902);
    visit->id = outcome.rename.to;
    assert_int_equal(names_of(w, "Visit", visit->id).count, 0);
    rep_insert(&w->anna, visit);
    rep_settle(&w->anna);
    former_names names = names_of(w, "Visit", visit->id);
    assert_true(names.count == 1 && names.last == 0);
    /* What bears its maker's number, or what headquarters has given it since, came as it was made. */
    visit = a_visit(w);
    rep_insert(&w->anna, visit);
    rep_settle(&w->anna);
    assert_int_equal(names_of(w, "Visit", visit->id).count, 0);
}

/* A device may name a record as it likes; more than some of that is not kept, but that it was more. */
static void a_record_has_only_so_many_names(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id visit = a_visit(w)->id;
    rove__row *row = a_visit(w);

    row->id = visit;
    rep_insert(&w->anna, row);
    both_agree(w);
    for (int i = 1; i <= 40; i++) {
        rep_update(&w->anna, "Visit", visit, "notes", rove__value_text("as it likes"))->row.id =
            visit + 1000 + i;
    }
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 40);
    former_names names = names_of(w, "Visit", visit);
    assert_int_equal(names.count, 17);
    assert_int_equal(names.forgotten, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_start_tried, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_was_refused_and_renamed_keeps_its_former_name),
        CASE(a_name_that_a_restore_forgot_is_noticed),
        CASE(a_record_has_only_so_many_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
