/*
 * What headquarters has had already (P3), where that is much, cannot be read, is held in part, or memory runs out while it is looked for: what
 * came counts once, and what did not come before counts.
 */
#include <string.h>

#include "copies.h"
#include "long_batch.h"

#define MANY 40u

/* ---- much ------------------------------------------------------------------------------------------------- */

static void a_long_counter_counts_once_each(void **state) {
    world *w = *state;
    rove__change first = *rep_count(&w->anna, "Account", w->account, "points", 1);
    rove_stamp raw = stamp_of(w, &first);
    rove__increment ones[MANY + 1];

    for (size_t i = 0; i <= MANY; i++) {
        ones[i] = (rove__increment){raw + i, 1};
    }
    set_edit(&w->anna.changes[0], "points", increments(w, ones, MANY));
    original_sends(w);
    assert_int_equal(points(w), MANY);
    rove__change more = with_value(w, &first, "points", increments(w, ones, MANY + 1));
    copy_sends(w, &more, 1);
    assert_int_equal(points(w), MANY + 1);
}

static size_t names_of(world *w) {
    rove_value cell = site_cell(&w->s, "Account", w->account, "alt_names");
    rove__set set;

    assert_int_equal(rove__set_read(&set, &cell, ROVE_SET_VERSIONED, &w->s.arena), ROVE_OK);
    return set.count;
}

/* The name that is new is longer than all that the history holds. */
static void a_long_name_that_comes_with_one_that_is_known_counts(void **state) {
    world *w = *state;
    static char longer[201];
    rove__change first =
        taken(w, rep_update(&w->anna, "Account", w->account, "alt_names", rove__value_null()));
    rove__element names[] = {adds(0, first.edits[0].raw), adds(0, first.edits[0].raw + 1)};

    memset(longer, 'n', sizeof longer - 1);
    names[0].value = rove__value_text("a");
    names[1].value = rove__value_text(longer);
    set_edit(&first, "alt_names", set_of(w, ROVE_SET_DELTA, names, 1));
    copy_sends(w, &first, 1);
    assert_int_equal(names_of(w), 1);
    size_t history = memory_headquarters_history(w->s.hq);
    rove__change more = with_value(w, &first, "alt_names", set_of(w, ROVE_SET_DELTA, names, 2));
    copy_sends(w, &more, 1);
    assert_int_equal(names_of(w), 2);
    copy_sends_for_review(w, (const rove__change[]){more, first}, 2, 0);
    assert_int_equal(names_of(w), 2);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 1);
}

/* ---- what cannot be read ----------------------------------------------------------------------------------- */

/* The counter of a new record, in the insert that comes again: its author's other work is not lost with it. */
static void a_new_record_that_comes_again_with_a_broken_counter_is_looked_at(void **state) {
    world *w = *state;
    rove__change first = an_account(w);

    w->account = first.row.id;
    copy_sends(w, &first, 1);
    rove__change broken = with_value(w, &first, "points", rove__value_bytes(ROVE_BLOB, "\xff", 1));
    set_edit(&broken, "phone", rove__value_text("22"));
    copy_sends_for_review(w, &broken, 1, 1);
    assert_int_equal(points(w), 5);
}

/* A second signature goes into the history as it came, people and all; it is known when it comes again. */
static void a_second_signature_with_broken_people_is_known_again(void **state) {
    world *w = *state;
    rove_id visit = visit_with_people(w);
    rove__change seal = *rep_seal(&w->anna, "Visit", visit, NULL);

    original_sends(w);
    seal.edits[0].raw++;
    set_edit(&seal, "contact_ids", rove__value_bytes(ROVE_BLOB, "\xff", 1));
    copy_sends(w, &seal, 1);
    size_t history = memory_headquarters_history(w->s.hq);
    assert_int_equal(site_conflicts(&w->s, visit), 1);
    copy_sends(w, &seal, 1);
    copy_sends(w, (const rove__change[]){seal, seal}, 2);
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
    assert_int_equal(site_conflicts(&w->s, visit), 1);
    assert_int_equal(people_of(w, visit), 2);
}

/* What a device says in proof of its signature is bytes, and no acts. */
static void a_signature_with_its_proof_is_known_again(void **state) {
    world *w = *state;
    rove_id visit = visit_with_people(w);
    rove__row *changes = site_row(&w->s, "Visit", visit);

    site_set(changes, "proof", rove__value_bytes(ROVE_BLOB, "proof", 5));
    rove__change seal = *rep_seal(&w->anna, "Visit", visit, changes);
    original_sends(w);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "proof").size, 5);
    size_t history = memory_headquarters_history(w->s.hq);
    copy_sends(w, &seal, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
}

/* It says what else was done to the record, which nobody asked for: that is known by itself as well, and brings nothing back. */
static void a_delete_that_says_more_is_known_again(void **state) {
    world *w = *state;
    rove_id visit = visit_with_people(w);
    rove__change edit = taken(w, rep_set_add(&w->anna, "Visit", visit, "contact_ids", 13));
    rove__change *noted = rep_delete(&w->anna, "Visit", visit);
    int at = rove__row_field(&edit.row, edit.edits[0].field);
    rove__hq_row row;

    set_edit(noted, "contact_ids", edit.row.cells[at]);
    rove__change gone = *noted;
    original_sends(w);
    size_t history = memory_headquarters_history(w->s.hq);
    copy_sends(w, &edit, 1);
    copy_sends(w, &gone, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
    assert_true(site_get(&w->s, "Visit", visit, &row) && row.dead != 0);
}

/* ---- new records ------------------------------------------------------------------------------------------- */

static void a_counter_that_a_new_record_did_not_have_counts(void **state) {
    world *w = *state;
    rove__change first = an_account(w);
    rove__change bare = with_value(w, &first, "points", rove__value_null());

    w->account = first.row.id;
    copy_sends(w, &bare, 1);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "points").type, ROVE_NULL);
    copy_sends(w, &first, 1);
    assert_int_equal(points(w), 5);
}

/* A history that was put together by hand, and has the record twice, once without its counter. */
static void a_new_record_that_is_there_twice_is_known(void **state) {
    world *w = *state;
    rove__change first = an_account(w);
    rove__hq_tx *tx = NULL;
    rove__hq_row row;

    rove__change bare = with_value(w, &first, "points", rove__value_null());
    copy_sends(w, &first, 1);
    assert_true(site_get(&w->s, "Account", first.row.id, &row));
    rove__hq_history twice = {.seq = row.clock.seq,
                              .entity = first.row.entity_number,
                              .id = first.row.id,
                              .replica = ANNAS,
                              .user = ANNA,
                              .change = pack(w, &bare, 1)};
    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->history_put(tx, &twice), ROVE_OK);
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
    size_t history = memory_headquarters_history(w->s.hq);
    rove__change both[] = {first,
                           taken(w, rep_count(&w->anna, "Account", w->account, "points", 1))};
    copy_sends(w, both, 2);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 1);
    assert_int_equal(site_cell(&w->s, "Account", first.row.id, "points").as.integer, 5);
}

/* Acts that a new record holds come by themselves as well: the same ones count once, and others beside them count. */
static void acts_on_a_set_that_its_record_holds_count_once_each(void **state) {
    world *w = *state;
    rove__change first = *note_account(w);
    rove_id id = first.row.id;
    rove__change edit = *rep_set_add(&w->anna, "Account", id, "tag_ids", 2);
    rove_stamp raw = edit.edits[0].raw;
    rove__element held[] = {adds(1, 7), adds(2, raw), adds(3, raw)};
    rove__element one;
    rove__element three;

    w->account = id;
    w->anna.change_count = 0; /* they are sent by hand */
    set_edit(&first, "tag_ids", set_of(w, ROVE_SET_DELTA, held, 3));
    set_edit(&edit, "tag_ids", set_of(w, ROVE_SET_DELTA, &held[1], 2));
    name_edit(w, &first, &edit);
    copy_sends(w, &first, 1);
    size_t history = memory_headquarters_history(w->s.hq);
    copy_sends(w, &edit, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
    /* The first one done again, the third taken out at the stamp at which it was added, and a fourth. */
    assert_true(find_tag(w, 1, &one) && find_tag(w, 3, &three));
    rove__element others[] = {adds(1, raw + 1), adds(2, raw), adds(3, raw), adds(4, raw)};
    others[2].action = ROVE_SET_REMOVE;
    others[2].version = three.version;
    rove__change more = with_value(w, &edit, "tag_ids", set_of(w, ROVE_SET_DELTA, others, 4));
    copy_sends(w, &more, 1);
    rove__version before = one.version;
    assert_true(find_tag(w, 1, &one) && rove__version_compare(before, one.version) < 0);
    assert_true(has_tag(w, 2) && !has_tag(w, 3) && has_tag(w, 4));
}

/* ---- signed records that hold what was done to their people -------------------------------------------------- */

/*
 * A new visit of Anna's with 11, to which she added 12, as she gives it back: the visit holds the edit, and names it. Then headquarters
 * took 12 out.
 */
typedef struct signing {
    rove__change edit, seal;
} signing;

static signing visit_that_holds_an_edit(world *w) {
    rove__row *row = site_row(&w->s, "Visit", rep_id(&w->anna));
    rove__element acts[] = {adds(11, 7), adds(12, 0)};
    signing s;

    site_int(row, "account_id", w->account);
    site_int(row, "planned_start", SITE_NOW);
    rove__change visit = *rep_insert(&w->anna, row);
    s.edit = *rep_set_add(&w->anna, "Visit", row->id, "contact_ids", 12);
    rove__change noted =
        *rep_update(&w->anna, "Visit", row->id, "notes", rove__value_text("before"));
    noted.edits[0].base = visit.clock.base;
    w->anna.change_count = 0; /* they are sent by hand */
    acts[1].raw = s.edit.edits[0].raw;
    set_edit(&s.edit, "contact_ids", set_of(w, ROVE_SET_DELTA, &acts[1], 1));
    set_edit(&visit, "contact_ids", set_of(w, ROVE_SET_DELTA, acts, 2));
    name_edit(w, &visit, &s.edit);
    copy_sends(w, &visit, 1);
    copy_sends(w, &noted, 1);
    assert_int_equal(people_of(w, row->id), 2);
    rove__row *without = site_row(&w->s, "Visit", row->id);
    site_set(without, "contact_ids", people(w, 11, 0));
    site_update(&w->s, without);
    rep_settle(&w->anna);
    s.seal = taken(w, rep_seal(&w->anna, "Visit", row->id, NULL));
    return s;
}

/* The people are signed as an edit of the seal's own, of the stamp at which 12 was added. */
static void signs_people(world *w, const signing *s, rove_value signed_people) {
    rove__change seal = s->seal;
    rove__edit edits[] = {s->edit.edits[0], s->seal.edits[0]};

    seal.edits = edits;
    seal.edit_count = 2;
    set_edit(&seal, "contact_ids", signed_people);
    copy_sends(w, &seal, 1);
    assert_int_equal(site_cell(&w->s, "Visit", seal.row.id, "sealed_at").type, ROVE_INT);
}

/* As older builds sign: with what was done. It had been done before he was taken out. */
static void acts_that_the_record_holds_leave_a_signed_set_as_it_is(void **state) {
    world *w = *state;
    signing s = visit_that_holds_an_edit(w);

    int at = rove__row_field(&s.edit.row, s.edit.edits[0].field);
    signs_people(w, &s, s.edit.row.cells[at]);
    assert_int_equal(people_of(w, s.seal.row.id), 1);
    assert_int_equal(site_conflicts(&w->s, s.seal.row.id), 0);
}

static void a_set_signed_as_empty_is_empty_whatever_the_record_holds(void **state) {
    world *w = *state;
    signing s = visit_that_holds_an_edit(w);

    signs_people(w, &s, rove__value_null());
    assert_int_equal(people_of(w, s.seal.row.id), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_start_tried, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        /* The first: what fails in it is not to have failed in another. */
        CASE(a_new_record_that_is_there_twice_is_known),
        CASE(a_long_counter_counts_once_each),
        CASE(a_long_name_that_comes_with_one_that_is_known_counts),
        CASE(a_new_record_that_comes_again_with_a_broken_counter_is_looked_at),
        CASE(a_second_signature_with_broken_people_is_known_again),
        CASE(a_signature_with_its_proof_is_known_again),
        CASE(a_delete_that_says_more_is_known_again),
        CASE(a_counter_that_a_new_record_did_not_have_counts),
        CASE(acts_on_a_set_that_its_record_holds_count_once_each),
        CASE(acts_that_the_record_holds_leave_a_signed_set_as_it_is),
        CASE(a_set_signed_as_empty_is_empty_whatever_the_record_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
