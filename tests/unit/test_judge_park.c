/*
 * Work on records that headquarters lacks: it waits, the row is asked for, comes back for review, and what waited is judged (P15).
 */
#include <string.h>

#include "delivery.h"
#include "model/set.h"
#include "site_rep.h"
#include "two_reps.h"
#include "two_reps_look.h"

#include "rove/entities.pb-c.h"

static size_t backup;
static uint64_t timeline;

static int setup(void **state) {
    int result = world_start_tried(state);
    world *w = *state;

    backup = memory_headquarters_backup(w->s.hq);
    timeline = 1;
    return result;
}

static void restore(world *w) {
    timeline++;
    memory_headquarters_restore(w->s.hq, backup, timeline, (rove_replica)(900 + timeline));
}

static rove__row *new_visit(world *w, rep *r, rove_id account) {
    rove__row *row = site_row(&w->s, "Visit", rep_id(r));

    site_int(row, "account_id", account);
    site_text(row, "notes", "made on the device");
    return row;
}

/* ---- a lost row comes back ------------------------------------------------------------------------------- */

static void the_editor_himself_brings_the_row(void **state) {
    world *w = *state;
    rove__hq_row row;
    rove_id visit = site_visit(&w->s, w->account, w->s.now_ms);

    rep_settle(&w->anna);
    rep_update(&w->anna, "Visit", visit, "notes", rove__value_text("after the backup"));
    rep_settle(&w->anna);
    restore(w);
    rep_settle(&w->anna);
    assert_true(site_get(&w->s, "Visit", visit, &row));
    assert_int_equal(row.review, 1);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "notes").size, 16);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1); /* the row as it came */
    rep_settle(&w->ben);
    assert_non_null(rep_find(&w->ben, "Visit", visit));
    rep_check(&w->anna);
    rep_check(&w->ben);
}

static void a_colleague_brings_the_row(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__row *visit = new_visit(w, &w->anna, w->account);

    /* Anna's visit reaches Ben; headquarters loses it; Anna's device is lost as well. */
    rep_insert(&w->anna, visit);
    rep_settle(&w->anna);
    rep_settle(&w->ben);
    restore(w);
    rep_update(&w->ben, "Visit", visit->id, "purpose", rove__value_text("Ben's"));
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_PARKED);
    assert_int_equal(outcome.pages, 0); /* a page would take away what is asked for */
    assert_int_equal(outcome.needed_rows, 1);
    rep_settle(&w->ben);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "purpose").size, 5);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "notes").size, 18);
    /* Anna is back after all: her insert, sent again, is known. */
    rep_settle(&w->anna);
    assert_int_equal(site_conflicts(&w->s, visit->id), 0);
    rep_check(&w->anna);
    rep_check(&w->ben);
}

/* He has not the row any more, but its maker comes with it. */
static void the_maker_brings_the_row(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__row *visit = new_visit(w, &w->anna, w->account);

    rep_insert(&w->anna, visit);
    rep_settle(&w->anna);
    rep_settle(&w->ben);
    rep_update(&w->ben, "Visit", visit->id, "purpose", rove__value_text("Ben's"));
    rep_drop(&w->ben, rep_find(&w->ben, "Visit", visit->id));
    restore(w);
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_PARKED);
    rep_settle(&w->anna);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "purpose").size, 5);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "notes").size, 18);
}

static void nobody_waits_for_a_row_that_nobody_has(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id visit = site_visit(&w->s, w->account, w->s.now_ms);

    rep_settle(&w->anna);
    rep_update(&w->anna, "Visit", visit, "notes", rove__value_text("x"));
    rep_drop(&w->anna, rep_find(&w->anna, "Visit", visit));
    restore(w);
    rep_exchange(&w->anna, &outcome);
    assert_true(outcome.needed_rows == 1 && outcome.more);
    rep_settle(&w->anna); /* comes to its end without it */
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.needed_rows, 1); /* asked once, then pages */
    rep_settle(&w->ben);
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.needed_rows, 0);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 1); /* never refused */
}

/* Its device was told that it waits, and hears no more of it: what a rule says against it then is for headquarters. */
static void what_waited_and_is_refused_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id visit = site_visit(&w->s, w->account, w->s.now_ms);

    rep_settle(&w->anna);
    rep_update(&w->anna, "Visit", visit, "priority", rove__value_int(99));
    rep_update(&w->anna, "Visit", visit, "notes", rove__value_text("after the backup"));
    restore(w);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_PARKED);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 0);
    rep_settle(&w->anna);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "priority").type, ROVE_NULL);
    assert_int_equal(memory_headquarters_reviews(w->s.hq),
                     2); /* the row as it came, and the edit */
    rep_check(&w->anna);
}

static void the_same_edit_waits_once(void **state) {
    world *w = *state;
    rove__row *visit = new_visit(w, &w->anna, w->account);
    rep_outcome outcome;

    rep_insert(&w->anna, visit);
    rep_freeze(&w->anna);
    rep_update(&w->anna, "Visit", visit->id, "purpose", rove__value_text("x"));
    rove__change edit = w->anna.changes[0];
    w->anna.batch_count = 0;
    rep_exchange(&w->anna, &outcome);
    w->anna.changes[w->anna.change_count++] = edit;
    w->anna.needed_count = 0;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 1);
}

/* ---- hostile rows ---------------------------------------------------------------------------------------- */

/* An edit of a record that never was, and then the record, as the device would like it; `spoil` (may be NULL) has the last word. */
static void forge_as(world *w, const char *entity, rove__row *row, void (*spoil)(rove__change *),
                     rep_outcome *outcome) {
    rep *r = &w->anna;

    rep_insert(r, row);
    rep_freeze(r);
    rep_update(r, entity, row->id, entity[0] == 'V' ? "purpose" : "phone", rove__value_text("x"));
    rove__change whole = r->batches[0].changes[0];
    r->batch_count = 0;
    rep_exchange(r, outcome);
    assert_int_equal(outcome->verdicts[0].code, ROVE_VERDICT_PARKED);
    whole.op = ROVE_OP_WHOLE;
    for (size_t i = 0; i < row->cell_count; i++) {
        if (row->cells[i].type != ROVE_NULL) {
            rove__bits_set(&whole.row.present, i);
        }
    }
    if (spoil != NULL) {
        spoil(&whole);
    }
    rep_put_whole(r, &whole);
    assert_true(r->needed_count == 1);
    rep_exchange(r, outcome);
}

static void forge(world *w, const char *entity, rove__row *row, rep_outcome *outcome) {
    forge_as(w, entity, row, NULL, outcome);
}

static void a_row_about_what_one_does_not_hold_stays_in_review(void **state) {
    world *w = *state;
    rove_id other = site_account(&w->s, "not hers");
    rep_outcome outcome;
    rove__hq_row row;
    rove__row *visit = new_visit(w, &w->anna, other);

    forge(w, "Visit", visit, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
    assert_false(site_get(&w->s, "Visit", visit->id, &row));
}

/* When she wrote what waits for it, she held the account; but she does not any more. */
static void a_row_about_what_one_held_once_stays_in_review(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__hq_row row;
    rove__row *visit = new_visit(w, &w->anna, w->account);

    site_revoke(&w->s, ANNA, w->account);
    forge(w, "Visit", visit, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
    assert_false(site_get(&w->s, "Visit", visit->id, &row));
}

/* It would be the organisation's, and everybody's; nor can an operator take it in. */
static void a_row_without_its_account_stays_in_review(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_error error = {.message = ""};
    rove__hq_row row;
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));

    site_text(visit, "notes", "everybody's");
    forge(w, "Visit", visit, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
    assert_false(site_get(&w->s, "Visit", visit->id, &row));
    assert_int_equal(site_decide(&w->s, reviews(w).number, 1, "", &error), ROVE_REQUIRED);
    assert_false(site_get(&w->s, "Visit", visit->id, &row));
}

static void a_row_never_brings_what_only_headquarters_writes(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__row *visit = new_visit(w, &w->anna, w->account);

    site_int(visit, "clock_suspect", 1);
    site_int(visit, "priority", 99); /* outside of its limits */
    forge(w, "Visit", visit, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "clock_suspect").type, ROVE_NULL);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "priority").type, ROVE_NULL);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "notes").size, 18);
    rep_settle(&w->anna);
    rep_check(&w->anna);
}

static void a_row_never_takes_anothers_id(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__row *visit = new_visit(w, &w->anna, w->account);
    rove_id theirs = site_visit(&w->s, w->account, w->s.now_ms);

    rep_settle(&w->anna);
    visit->id = theirs;
    rep_drop(&w->anna, rep_find(&w->anna, "Visit", theirs));
    forge(w, "Visit", visit, &outcome);
    assert_int_equal(site_cell(&w->s, "Visit", theirs, "notes").type, ROVE_NULL);
    assert_int_equal(memory_headquarters_rows(w->s.hq, visit->entity_number), 2);
    former_names names = names_of(w, "Visit", reviews(w).id);
    assert_true(names.count == 1 && names.last == theirs && reviews(w).id != theirs);
    rep_settle(&w->anna);
    rep_check(&w->anna);
}

static void is_of_the_future(rove__change *change) {
    static rove__clock_entry entries[3]; /* one of the future, two that are not */

    change->clock.base.stamp = rove__stamp_make(SITE_NOW + 1000 * DAY, 0);
    for (size_t i = 0; i < 3; i++) {
        rove_stamp past = rove__stamp_make(SITE_NOW - 1000 * DAY, (uint16_t)i);
        entries[i] = (rove__clock_entry){.field = change->row.entity->fields[i].number,
                                         .version = {past, change->clock.base.replica}};
    }
    /* What is as the base says has no entry. */
    entries[0].version.stamp = change->clock.base.stamp + 1;
    change->clock.entries = entries;
    change->clock.count = 3;
}

static void a_row_is_never_of_the_future(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__hq_row row;
    rove__row *visit = new_visit(w, &w->anna, w->account);
    rove__element element = {.value = rove__value_int(7), .version = {ROVE_STAMP_MAX, ANNAS}};
    rove__set set = {ROVE_SET_VERSIONED, &element, 1};
    rove_value contacts;

    assert_int_equal(rove__set_value(&set, &w->s.arena, &contacts), ROVE_OK);
    site_set(visit, "contact_ids", contacts);
    forge_as(w, "Visit", visit, is_of_the_future, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_true(site_get(&w->s, "Visit", visit->id, &row));
    assert_true(rove__stamp_ms(row.clock.base.stamp) <= w->s.now_ms);
    for (size_t i = 0; i < row.clock.count; i++) {
        assert_true(rove__stamp_ms(row.clock.entries[i].version.stamp) <= w->s.now_ms);
    }
    contacts = site_cell(&w->s, "Visit", visit->id, "contact_ids");
    assert_int_equal(rove__set_read(&set, &contacts, ROVE_SET_PLAIN, &w->s.arena), ROVE_OK);
    assert_true(set.form == ROVE_SET_VERSIONED && set.count == 1);
    assert_true(rove__stamp_ms(set.elements[0].version.stamp) <= w->s.now_ms);
    rep_set_add(&w->anna, "Visit", visit->id, "contact_ids", 7);
    rep_settle(&w->anna);
    rep_check(&w->anna);
}

/* A set as no device keeps it. */
static void a_row_brings_no_cell_in_another_form(void **state) {
    world *w = *state;
    rep_outcome outcome;
    const int64_t contact = 7;
    rove__row *visit = new_visit(w, &w->anna, w->account);

    site_numbers(&w->s, visit, "contact_ids", &contact, 1);
    forge(w, "Visit", visit, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "contact_ids").type, ROVE_NULL);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "notes").size, 18);
}

static void is_no_whole_row(world *w, rove__change *change) {
    (void)w;
    change->op = ROVE_OP_INSERT;
}

static void is_of_no_known_entity(world *w, rove__change *change) {
    static rove__extra extra;

    (void)w;
    extra = (rove__extra){1, rove__value_int(1)};
    change->row =
        (rove__row){.entity_number = 900, .id = change->row.id, .extra = &extra, .extra_count = 1};
}

static void is_headquarters_own(world *w, rove__change *change) {
    change->row = *site_row(&w->s, "Territory", change->row.id);
}

static void is_another_record(world *w, rove__change *change) {
    change->clock.origin = rep_find(&w->anna, "Account", w->account)->clock.origin;
}

static void is_of_another_entity(world *w, rove__change *change) {
    change->row = *site_row(&w->s, "Note", change->row.id);
    is_another_record(w, change);
}

static void is_as_it_was(world *w, rove__change *change) {
    (void)w;
    (void)change;
}

/* What a device says is the row that was asked for. */
static void answer_with(world *w, const rove__change *change, rep_outcome *outcome) {
    rove__batch_writer *writer = NULL;
    rove__buf bytes;

    rove__buf_init(&bytes, &w->s.allocator, ROVE_BATCH_MAX);
    assert_int_equal(rove__batch_writer_new(&w->s.allocator, ROVE_BATCH_MAX, &writer), ROVE_OK);
    assert_int_equal(rove__batch_add(writer, change), ROVE_OK);
    assert_int_equal(rove__batch_finish(writer, &bytes), ROVE_OK);
    raw_request *q = raw_open(&w->anna);
    raw_hello(q, NULL);
    raw_frame(q, ROVE_FRAME_ROW, bytes.data, bytes.size);
    raw_end(q);
    raw_answer(q, 0, outcome);
    rove__batch_writer_free(writer);
    rove__buf_free(&bytes);
}

static void what_is_not_the_row_is_dropped_and_goes_on_waiting(void **state) {
    world *w = *state;
    rep *r = &w->anna;
    rove__row *visit = new_visit(w, r, w->account);
    static void (*const spoils[])(world *, rove__change *) = {
        is_no_whole_row,   is_of_no_known_entity, is_headquarters_own,
        is_another_record, is_of_another_entity,  is_as_it_was};
    size_t count = sizeof spoils / sizeof spoils[0];
    rep_outcome outcome;

    rep_insert(r, visit);
    rep_freeze(r);
    rep_update(r, "Visit", visit->id, "purpose", rove__value_text("x"));
    rove__change whole = r->batches[0].changes[0];
    whole.op = ROVE_OP_WHOLE;
    r->batch_count = 0;
    rep_exchange(r, &outcome);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 1);
    for (size_t i = 0; i < count; i++) {
        rove__change sent;
        assert_int_equal(rove__change_copy(&sent, &whole, &w->s.arena), ROVE_OK);
        spoils[i](w, &sent);
        answer_with(w, &sent, &outcome);
        assert_int_equal(outcome.failed, ROVE_OK);
        if (memory_headquarters_parked(w->s.hq) != (i + 1 < count) ||
            memory_headquarters_reviews(w->s.hq) != (i + 1 == count)) {
            fail_msg("row %zu", i);
        }
    }
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "purpose").size, 1);
}

/* An account, with a number that is counted, and without: he may not bring one himself, so it stays in review. */
static void a_counter_comes_as_a_number_or_not_at_all(void **state) {
    world *w = *state;
    rep_outcome outcome;

    for (size_t i = 0; i < 2; i++) {
        rove__row *account = site_row(&w->s, "Account", rep_id(&w->anna));
        rove__hq_row row;
        site_text(account, "name", "lost");
        if (i == 0) {
            site_int(account, "points", 5);
        }
        w->anna.needed_count = 0;
        forge(w, "Account", account, &outcome);
        assert_int_equal(outcome.failed, ROVE_OK);
        if (site_get(&w->s, "Account", account->id, &row)) {
            assert_int_equal(site_cell(&w->s, "Account", account->id, "points").type,
                             i == 0 ? ROVE_INT : ROVE_NULL);
        }
    }
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 2);
}

/* An operator decides on the row that stayed in review, and what waits for it goes on. */
static void a_row_that_is_accepted_is_taken_in(void **state) {
    world *w = *state;
    rove_id other = site_account(&w->s, "not hers");
    rep_outcome outcome;
    rove_error error = {.message = ""};
    rove__row *visit = new_visit(w, &w->anna, other);

    forge(w, "Visit", visit, &outcome);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 1);
    if (site_decide(&w->s, reviews(w).number, 1, "", &error) != ROVE_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "notes").size, 18);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
}

/* It was taken in when it came; that it lies in review as well is no reason to make it again. */
static void a_row_that_is_here_is_accepted_as_it_is(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_error error = {.message = ""};
    rove__row *visit = new_visit(w, &w->anna, w->account);

    forge(w, "Visit", visit, &outcome);
    rep_settle(&w->anna);
    rep_update(&w->anna, "Visit", visit->id, "notes", rove__value_text("since"));
    rep_settle(&w->anna);
    assert_int_equal(site_decide(&w->s, reviews(w).number, 1, "", &error), ROVE_OK);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "notes").size, 5);
}

/* An operator returns it instead: what waits for it is returned along with it. */
static void what_waits_for_a_row_that_is_returned_goes_along(void **state) {
    world *w = *state;
    rove_id other = site_account(&w->s, "not hers");
    rep_outcome outcome;
    rove_error error = {.message = ""};
    rove__row *visit = new_visit(w, &w->anna, other);
    rove__hq_row row;

    forge(w, "Visit", visit, &outcome);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 1);
    assert_int_equal(site_decide(&w->s, reviews(w).number, 0, "", &error), ROVE_OK);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 2); /* the row, and the edit */
    assert_false(site_get(&w->s, "Visit", visit->id, &row));
}

/* With more in unknown fields than a record may have, which no page could carry on. */
static void a_row_that_is_too_large_stays_in_review(void **state) {
    world *w = *state;
    static uint8_t bytes[64000];
    static rove__extra extra[3];
    rep_outcome outcome;
    rove_error error = {.message = ""};
    rove__hq_row row;
    rove__row *visit = new_visit(w, &w->anna, w->account);

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    for (size_t i = 0; i < 3; i++) {
        extra[i] =
            (rove__extra){(uint32_t)(5000 + i), rove__value_bytes(ROVE_BLOB, bytes, sizeof bytes)};
    }
    rep_insert(&w->anna, visit);
    rep_freeze(&w->anna);
    rep_update(&w->anna, "Visit", visit->id, "purpose", rove__value_text("x"));
    rove__change whole = w->anna.batches[0].changes[0];
    w->anna.batch_count = 0;
    rep_exchange(&w->anna, &outcome);
    whole.op = ROVE_OP_WHOLE;
    whole.row.extra = extra;
    whole.row.extra_count = 3;
    answer_with(w, &whole, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 1);
    assert_false(site_get(&w->s, "Visit", visit->id, &row));
    assert_int_equal(site_decide(&w->s, reviews(w).number, 1, "", &error), ROVE_TOO_BIG);
    assert_false(site_get(&w->s, "Visit", visit->id, &row));
}

/* Its maker deletes it: as it is here by now, or as it was on his device. */
static void a_row_that_came_back_is_deleted_only_as_it_is(void **state) {
    world *w = *state;

    for (int seen = 1; seen >= 0; seen--) {
        rove__row *visit = new_visit(w, &w->anna, w->account);
        rep_outcome outcome;
        rove__hq_row row;
        forge(w, "Visit", visit, &outcome);
        rep_settle(&w->anna);
        rep_row *hers = rep_find(&w->anna, "Visit", visit->id);
        if (!seen) {
            rove__clock_init(&hers->clock, hers->clock.origin, hers->clock.base, 0);
        }
        size_t conflicts = site_conflicts(&w->s, visit->id);
        rep_delete(&w->anna, "Visit", visit->id);
        rep_exchange(&w->anna, &outcome);
        assert_int_equal(outcome.verdict_count, !seen);
        assert_true(site_get(&w->s, "Visit", visit->id, &row));
        assert_int_equal(row.dead != 0, seen);
        assert_int_equal(site_conflicts(&w->s, visit->id), conflicts + !seen);
    }
}

/* Nothing is known of how it came about: that it is here is all that can be said. */
static void the_creation_of_a_row_that_came_back_is_known(void **state) {
    world *w = *state;
    rove__row *visit = new_visit(w, &w->anna, w->account);
    rep_outcome outcome;

    rep_insert(&w->anna, visit);
    rep_freeze(&w->anna);
    rep_batch first = w->anna.batches[0];
    rep_update(&w->anna, "Visit", visit->id, "purpose", rove__value_text("x"));
    rove__change whole = first.changes[0];
    whole.op = ROVE_OP_WHOLE;
    w->anna.batch_count = 0;
    rep_exchange(&w->anna, &outcome);
    answer_with(w, &whole, &outcome);
    size_t history = memory_headquarters_history(w->s.hq);
    size_t conflicts = site_conflicts(&w->s, visit->id);
    first.number += 7;
    deliver(w, &first, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
    assert_int_equal(site_conflicts(&w->s, visit->id), conflicts);
}

static rove_status each_parked(void *ctx, const rove__hq_parked *parked) {
    *(rove_stamp *)ctx = parked->stamp;
    return ROVE_OK;
}

static rove_stamp parked_stamp(world *w, rove__origin origin) {
    rove_stamp stamp = 0;
    rove__hq_tx *tx = NULL;
    rove__arena arena;

    rove__arena_init(&arena, &w->s.allocator, 1 << 20);
    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->parked_scan(tx, origin, &arena, each_parked, &stamp), ROVE_OK);
    w->s.store->rollback(tx);
    rove__arena_free(&arena);
    return stamp;
}

/* A copied device: the row that it brings has another value under the very version that the waiting edit gets. */
static void p06_two_values_under_one_version_raise_an_alarm(void **state) {
    world *w = *state;
    rep *r = &w->anna;
    rep_outcome outcome;
    rove__row *visit = new_visit(w, r, w->account);
    const rove__entity *conflict = rove__registry_by_name(w->s.registry, "Conflict");

    rep_insert(r, visit);
    rep_freeze(r);
    rep_update(r, "Visit", visit->id, "purpose", rove__value_text("one"));
    rove__change whole = r->batches[0].changes[0];
    r->batch_count = 0;
    rep_exchange(r, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_PARKED);
    whole.op = ROVE_OP_WHOLE;
    site_text(&whole.row, "purpose", "another");
    rove__clock_entry entry = {
        .field = visit->entity->fields[rove__entity_field_named(visit->entity, "purpose")].number,
        .version = {parked_stamp(w, whole.clock.origin), r->replica}};
    assert_int_equal(rove__clock_set(&whole.clock, &w->s.arena, entry), ROVE_OK);
    rep_put_whole(r, &whole);
    rep_exchange(r, &outcome);
    assert_int_equal(site_conflicts(&w->s, visit->id), 1);
    assert_int_equal(
        site_cell(&w->s, conflict->name, site_conflict(&w->s, visit->id, 0), "kind").as.integer,
        ROVE__CONFLICT__KIND__FORK_ALARM);
}

static void rows_that_nobody_asked_for_are_dropped(void **state) {
    world *w = *state;
    rove__origin nobody = {4711, 100};
    rep_outcome outcome;

    rove__row *visit = new_visit(w, &w->anna, w->account);
    rep_insert(&w->anna, visit);
    rep_settle(&w->anna);
    uint64_t head = memory_headquarters_head(w->s.hq);
    w->anna.needed[w->anna.needed_count++] = rep_find(&w->anna, "Visit", visit->id)->clock.origin;
    rep_exchange(&w->anna, &outcome);
    rep_find(&w->anna, "Visit", visit->id)->clock.origin = nobody;
    w->anna.needed[w->anna.needed_count++] = nobody;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(memory_headquarters_head(w->s.hq), head);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 0);
}

/* ---- bounds ---------------------------------------------------------------------------------------------- */

/* So many edits of a user's, each of a record of its own that nobody has. */
static void park(world *w, rove_id user, size_t count, size_t bytes) {
    static uint8_t change[ROVE_PARKED_BYTES_MAX];
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    for (size_t i = 0; i < count; i++) {
        rove__hq_parked parked = {
            .origin = {i + 1, 4711}, .replica = 4711, .user = user, .change = {change, bytes}};
        assert_int_equal(w->s.store->parked_put(tx, &parked), ROVE_OK);
    }
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
}

static void edit_what_nobody_has(world *w, rep *r) {
    rep_outcome outcome;
    rove__row *visit = new_visit(w, r, w->account);

    rep_insert(r, visit);
    rep_freeze(r);
    rep_update(r, "Visit", visit->id, "purpose", rove__value_text("x"));
    r->batch_count = 0;
    rep_exchange(r, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
}

static void what_waits_has_a_bound_in_bytes_for_each_user(void **state) {
    world *w = *state;

    park(w, ANNA, 1, ROVE_PARKED_BYTES_MAX);
    edit_what_nobody_has(w, &w->anna);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 1);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
    edit_what_nobody_has(w, &w->ben);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 2);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
}

/* However much waits, an answer asks for a part of it; and for all in the end, before the first page. */
static void what_is_asked_for_at_once_has_a_bound(void **state) {
    world *w = *state;
    rove__row *account = site_row(&w->s, "Account", w->account);
    rep_outcome outcome;

    park(w, BEN, 2 * ROVE_NEED_ROWS_MAX + 5, 1);
    for (int i = 0; i < 3; i++) {
        rep_exchange(&w->anna, &outcome);
        assert_int_equal(outcome.needed_rows, i < 2 ? ROVE_NEED_ROWS_MAX : 5);
        assert_true(outcome.more && outcome.pages == 0);
    }
    site_text(account, "phone", "0123");
    site_update(&w->s, account);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.needed_rows, 0);
    assert_int_equal(outcome.pages, 1);
    site_text(account, "phone", "4567");
    site_update(&w->s, account);
    w->anna.unverified = 1; /* it may not have heard */
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.needed_rows, ROVE_NEED_ROWS_MAX);
    assert_int_equal(outcome.pages, 1);
}

/* A device that says nothing to it may not have heard, and is asked again from the oldest on; but not for ever. */
static void who_never_answers_gets_his_pages(void **state) {
    world *w = *state;
    rove__row *account = site_row(&w->s, "Account", w->account);
    rep_outcome outcome;
    int asked = 0;

    park(w, BEN, ROVE_NEED_ROWS_MAX + 5, 1);
    for (;; asked++) {
        rep_exchange(&w->anna, &outcome);
        if (outcome.needed_rows == 0) {
            break;
        }
        assert_true(outcome.more && outcome.pages == 0);
        assert_int_equal(outcome.needed_rows, asked < 16 ? ROVE_NEED_ROWS_MAX : 5);
        w->anna.needed_count = 0;
    }
    assert_int_equal(asked, 17);
    site_text(account, "phone", "0123");
    site_update(&w->s, account);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.needed_rows, 0);
    assert_int_equal(outcome.pages, 1);
}

/* ---- memory ---------------------------------------------------------------------------------------------- */

/* Each allocation of an exchange fails in turn: nothing is lost, nothing happens twice, nothing leaks. */
static void an_exchange_without_memory_is_made_again(void **state) {
    world *w = *state;
    rep_outcome outcome;
    int64_t total = 0;
    size_t failed = 0;

    for (size_t call = 1; call < 2000; call += 1 + call / 40) {
        rep_count(&w->anna, "Account", w->account, "points", 1);
        total++;
        w->anna.fail_call = call;
        rep_exchange(&w->anna, &outcome);
        w->anna.fail_call = 0;
        failed += (size_t)outcome.faulted;
        assert_true(outcome.failed == ROVE_OK || outcome.failed == ROVE_NOMEM ||
                    outcome.failed == ROVE_LATER || outcome.failed == ROVE_SERVER);
        rep_settle(&w->anna);
        if (!outcome.faulted) {
            break;
        }
    }
    assert_true(failed > 30);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "points").as.integer, total);
    rep_check(&w->anna);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_row_is_never_of_the_future),
        CASE(a_row_brings_no_cell_in_another_form),
        CASE(what_is_not_the_row_is_dropped_and_goes_on_waiting),
        CASE(a_counter_comes_as_a_number_or_not_at_all),
        CASE(a_row_that_came_back_is_deleted_only_as_it_is),
        CASE(the_creation_of_a_row_that_came_back_is_known),
        CASE(a_row_that_is_accepted_is_taken_in),
        CASE(what_waits_for_a_row_that_is_returned_goes_along),
        CASE(a_row_that_is_too_large_stays_in_review),
        CASE(a_row_that_is_here_is_accepted_as_it_is),
        CASE(the_editor_himself_brings_the_row),
        CASE(a_colleague_brings_the_row),
        CASE(the_maker_brings_the_row),
        CASE(nobody_waits_for_a_row_that_nobody_has),
        CASE(what_waited_and_is_refused_is_looked_at),
        CASE(the_same_edit_waits_once),
        CASE(a_row_about_what_one_does_not_hold_stays_in_review),
        CASE(a_row_about_what_one_held_once_stays_in_review),
        CASE(a_row_without_its_account_stays_in_review),
        CASE(a_row_never_brings_what_only_headquarters_writes),
        CASE(a_row_never_takes_anothers_id),
        CASE(p06_two_values_under_one_version_raise_an_alarm),
        CASE(rows_that_nobody_asked_for_are_dropped),
        CASE(what_waits_has_a_bound_in_bytes_for_each_user),
        CASE(what_is_asked_for_at_once_has_a_bound),
        CASE(who_never_answers_gets_his_pages),
        CASE(an_exchange_without_memory_is_made_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
