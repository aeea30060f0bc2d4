/*
 * What headquarters keeps of the names that it gives (P4): under which id a record came, whatever becomes of it then. What was signed
 * about it says that id; and a device that did not hear of its new name is given the same again.
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

/* ---- an answer that did not arrive ------------------------------------------------------------------------ */

/* Made on her device, and not sent. */
static rove__change made(world *w, rove__row *row) {
    rove__change change = *rep_insert(&w->anna, row);

    w->anna.change_count = 0;
    return change;
}

static void notes(world *w, rove__change change, rove_id id) {
    change.row.id = id;
    w->anna.changes[w->anna.change_count++] = change;
}

/* What was noted is sent; the id that one of it, at most, is given instead of its own, of which she does not hear. 0: none is. */
static rove_id given(world *w) {
    rep_outcome outcome;

    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_true(outcome.renames <= 1 && outcome.acks == (outcome.renames == 0));
    w->anna.batch_count = 0;
    return outcome.renames == 1 ? outcome.rename.to : 0;
}

static rove_id given_to(world *w, rove__change change, rove_id id) {
    notes(w, change, id);
    return given(w);
}

/* Headquarters knows neither its own former number nor the record; but it knows what the record had come as. */
static void a_name_that_a_restore_kept_is_kept_once(void **state) {
    world *w = *state;
    rove_id taken = site_visit(&w->s, w->account, w->s.now_ms);
    rove__change visit = made(w, a_visit(w));
    rove_id id = given_to(w, visit, taken);

    assert_true(id != 0 && id != taken);
    memory_headquarters_restore(w->s.hq, memory_headquarters_backup(w->s.hq), 2, 902);
    assert_int_equal(given_to(w, visit, id), 0);
    former_names names = names_of(w, "Visit", id);
    assert_true(names.count == 1 && names.last == taken);
}

/* However often she asks: until somebody else has it, who heard of it, as a visit or as what others are about. */
static void a_name_that_is_anothers_by_now_is_not_given_again(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Account", 0);
    rove_id taken = site_visit(&w->s, w->account, w->s.now_ms);
    rove__change visit = made(w, a_visit(w));

    rove_id id = given_to(w, visit, taken);
    assert_int_equal(given_to(w, visit, taken), id);
    rove__row *other = a_visit(w);
    other->id = id;
    (void)site_insert(&w->s, other);
    rove_id next = given_to(w, visit, taken);
    assert_true(next != 0 && next != taken && next != id);
    assert_int_equal(given_to(w, visit, taken), next);

    site_text(row, "name", "hers");
    rove__change account = made(w, row);
    id = given_to(w, account, w->account);
    other = site_row(&w->s, "Contact", id);
    site_text(other, "last_name", "Stein");
    (void)site_insert(&w->s, other);
    next = given_to(w, account, w->account);
    assert_true(next != 0 && next != w->account && next != id);
}

/* Her other visit comes first under the name that this one was given: it has to have another. */
static void a_name_that_another_of_the_batch_bears_is_not_given_again(void **state) {
    world *w = *state;
    rove_id taken = site_visit(&w->s, w->account, w->s.now_ms);
    rove__change first = made(w, a_visit(w));
    rove__change second = made(w, a_visit(w));
    rove_id id = given_to(w, second, taken);

    notes(w, first, id);
    notes(w, second, id);
    rove_id next = given(w);
    assert_true(next != 0 && next != taken && next != id);
}

/* A device that makes two records out of one: what one was given is no name for the other. */
static void a_name_is_given_to_a_record_of_its_kind(void **state) {
    world *w = *state;
    rove_id taken = site_visit(&w->s, w->account, w->s.now_ms);
    rove__row *row = site_row(&w->s, "Account", 0);
    rove__change visit = made(w, a_visit(w));
    rove_id id = given_to(w, visit, taken);

    site_text(row, "name", "of the same origin");
    rove__change account = made(w, row);
    account.clock = visit.clock;
    rove_id other = given_to(w, account, w->account);
    assert_true(other != 0 && other != w->account && other != id);
    assert_int_equal(given_to(w, visit, taken), id);
}

/* A build ahead of this one makes records of which only the number is known here: they have names as well. */
static void what_is_not_known_here_is_given_its_name_again(void **state) {
    world *w = *state;
    rove__change unknown = made(w, a_visit(w));
    rove__extra extra = {1, rove__value_int(1)};

    unknown.row = (rove__row){.entity_number = 900, .extra = &extra, .extra_count = 1};
    rove_id id = given_to(w, unknown, rove__id_make(BENS, 1));
    assert_true(id != 0 && id != rove__id_make(BENS, 1));
    assert_int_equal(given_to(w, unknown, rove__id_make(BENS, 1)), id);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_start_tried, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_was_refused_and_renamed_keeps_its_former_name),
        CASE(a_name_that_a_restore_forgot_is_noticed),
        CASE(a_record_has_only_so_many_names),
        CASE(a_name_that_a_restore_kept_is_kept_once),
        CASE(a_name_that_is_anothers_by_now_is_not_given_again),
        CASE(a_name_that_another_of_the_batch_bears_is_not_given_again),
        CASE(a_name_is_given_to_a_record_of_its_kind),
        CASE(what_is_not_known_here_is_given_its_name_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
