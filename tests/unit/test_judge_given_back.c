/*
 * test_judge_given_back.c - work that reaches headquarters in another form, or later, than its author did it: refused and given back, in
 * review and accepted or returned after he went on. None of it is lost, nothing counts twice, and what he wrote last stands.
 */
#include <string.h>

#include "delivery.h"
#include "given_back.h"
#include "model/set.h"
#include "rove/entities.pb-c.h"

static rep_batch *batch_of(rep *r) {
    rep_freeze(r);
    return &r->batches[r->batch_count - 1];
}

static void push_by_hand(rep *r, const rep_batch *batch, rep_outcome *outcome) {
    raw_request *q = raw_open(r);
    raw_hello(q, NULL);
    raw_push(q, batch);
    raw_end(q);
    raw_answer(q, 0, outcome);
}

/* Its device heard of it, and gives it back before it passes on. */
static void a_cell_that_was_refused_alone_and_is_given_back_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id id = large_account(w);

    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.acks, 1);
    rep_update(&w->anna, "Account", id, "description", rove__value_text(TOO_MUCH));
    rove__change refused = w->anna.changes[w->anna.change_count - 1];
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(outcome.verdict_count, 1);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REJECTED);
    assert_int_equal(site_cell(&w->s, "Account", id, "description").type, ROVE_NULL);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 0);
    /* As rove__freeze_refused sends it. */
    w->anna.changes[w->anna.change_count++] = refused;
    rep_batch *batch = batch_of(&w->anna);
    deliver(w, batch, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(site_cell(&w->s, "Account", id, "description").type, ROVE_NULL);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1); /* it is nowhere else */
}

/* Nobody heard of it: the batch is judged once more. */
static void a_cell_that_was_refused_alone_unheard_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id id = large_account(w);

    rep_exchange(&w->anna, &outcome);
    rep_update(&w->anna, "Account", id, "description", rove__value_text(TOO_MUCH));
    rep_batch *batch = batch_of(&w->anna);
    push_by_hand(&w->anna, batch, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REJECTED);
    deliver(w, batch, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1); /* it is nowhere else */
}

static void allow(world *w, const char *column, int64_t bytes) {
    const rove__entity *entity = rove__registry_by_name(w->s.registry, "Account");
    const rove__field *column_of = &entity->fields[rove__entity_field_named(entity, column)];
    rove__field *field = NULL;

    memcpy(&field, &column_of, sizeof field);
    field->max = bytes;
}

/* Headquarters takes longer texts by then. Perhaps its rep has heard, and has written it again: it would count twice. */
static void what_was_refused_unheard_is_looked_at_also_if_it_is_allowed_now(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id id = site_account(&w->s, "hers");

    site_grant(&w->s, ANNA, id);
    rep_settle(&w->anna);
    rep_update(&w->anna, "Account", id, "description", rove__value_text("a long text"));
    rep_batch *batch = batch_of(&w->anna);
    allow(w, "description", 5);
    push_by_hand(&w->anna, batch, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REJECTED);
    allow(w, "description", 500);
    for (int times = 0; times < 2; times++) {
        deliver(w, batch, 1, &FORMER_OF, &outcome);
        assert_int_equal(outcome.former_acks, 1);
        assert_int_equal(site_cell(&w->s, "Account", id, "description").type, ROVE_NULL);
        assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
    }
}

static int64_t points_of(world *w, rove_id id) {
    rove_value v = site_cell(&w->s, "Account", id, "points");
    return v.type == ROVE_INT ? v.as.integer : 0;
}

static rove__change copy_of(world *w, const rove__change *c) {
    rove__change copy;
    assert_int_equal(rove__change_copy(&copy, c, &w->s.arena), ROVE_OK);
    return copy;
}

static void send_former(world *w, const rove__change *changes, size_t count, uint64_t more) {
    rep *r = &w->anna;
    rep_outcome outcome;

    for (size_t i = 0; i < count; i++) {
        r->changes[r->change_count++] = changes[i];
    }
    rep_freeze(r);
    rep_batch batch = r->batches[r->batch_count - 1];
    r->batch_count = 0;
    batch.number += more;
    deliver(w, &batch, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
}

/* Enrolled anew while the insert was under way: the edit bears the new number, and the insert that holds it the old one. */
static void an_edit_under_a_later_number_that_a_refused_insert_holds_counts_once(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rep later;

    rep_open(&later, &w->s, 300, ANNA);
    number_was(w, 300, ANNAS);
    rep_settle(&later);
    rove__row *row = site_row(&w->s, "Account", rep_id(&w->anna));
    const rove__increment five = {7, 5};

    site_text(row, "name", "new");
    site_set(row, "points", increments(w, &five, 1));
    rove__change insert =
        copy_of(w, rep_insert(&w->anna, row)); /* under ANNAS; refused in a batch before */
    rove__change edit = copy_of(w, rep_count(&w->anna, "Account", insert.row.id, "points", 3));
    w->anna.change_count = 0;
    edit.replica = 300;
    (void)rep_count(&later, "Account", w->account, "points", 1);
    later.changes[0] = edit;
    rep_exchange(&later, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_PARKED);
    rove__increment *items = NULL;
    size_t n = 0;
    int at = rove__entity_field_named(edit.row.entity, "points");
    assert_int_equal(rove__increments_read(&edit.row.cells[at], &w->s.arena, &items, &n), ROVE_OK);
    const rove__increment parts[] = {{7, 5}, {items[0].raw, 3}};
    site_set(&insert.row, "points", increments(w, parts, 2));
    name_edit(w, &insert, &edit);
    later.changes[later.change_count++] = insert; /* as store/handover.c freezes the rejection */
    push_by_hand(&later, batch_of(&later), &outcome);
    later.batch_count = 0;
    assert_int_equal(outcome.acks, 1);
    rep_close(&later);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    assert_int_equal(points_of(w, insert.row.id), 8);
}

/* Of two copies the one gives back the refused record, with an edit of its own, and the other one as that made it. */
static void what_another_copy_wrote_in_the_refused_record_is_not_held(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Account", rep_id(&w->anna));
    const rove__increment five = {7, 5};

    site_text(row, "name", "new");
    site_text(row, "website", "old.example");
    site_set(row, "points", increments(w, &five, 1));
    rove__change first = copy_of(w, rep_insert(&w->anna, row));
    rove_id id = first.row.id;

    rove__change edit = *rep_count(&w->anna, "Account", id, "points", 3);
    rove__change web =
        *rep_update(&w->anna, "Account", id, "website", rove__value_text("one.example"));
    w->anna.change_count = 0;
    rove__increment *items = NULL;
    size_t n = 0;
    int at = rove__entity_field_named(edit.row.entity, "points");
    assert_int_equal(rove__increments_read(&edit.row.cells[at], &w->s.arena, &items, &n), ROVE_OK);
    const rove__increment parts[] = {{7, 5}, {items[0].raw, 3}};
    rove__change one = copy_of(w, &first);
    site_set(&one.row, "points", increments(w, parts, 2));
    site_text(&one.row, "website", "one.example");
    name_edit(w, &one, &edit);
    name_edit(w, &one, &web);
    const rove__increment grown = {7, 9};
    rove__change other = copy_of(w, &first);
    site_set(&other.row, "points", increments(w, &grown, 1));
    site_text(&other.row, "website", "other.example");
    send_former(w, &one, 1, 7);
    assert_int_equal(points_of(w, id), 8);
    send_former(w, &other, 1, 8);
    assert_int_equal(points_of(w, id), 12);
    assert_int_equal(site_conflicts(&w->s, id), 1);
}

/* An edit of a record in review waits for that, and its device has nothing of it any more. */
static void what_waits_for_a_record_that_is_returned_goes_along(void **state) {
    world *w = *state;
    rove_error error = {.message = ""};
    rep_outcome outcome;
    rove_id other = site_account(&w->s, "not hers");
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));

    site_int(visit, "account_id", other);
    rep_insert(&w->anna, visit);
    rep_freeze(&w->anna);
    rep_update(&w->anna, "Visit", visit->id, "notes", rove__value_text("what was agreed"));
    rep_update(&w->anna, "Visit", visit->id, "purpose", rove__value_text("and why"));
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 2);
    assert_int_equal(site_decide(&w->s, 1, 0, "not yours", &error), ROVE_OK);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 3); /* the record and its edits */
}

static void put_in_review(world *w, const rove__change *change) {
    rove__batch_writer *writer = NULL;
    rove__hq_tx *tx = NULL;
    rove__buf bytes;

    rove__buf_init(&bytes, &w->s.allocator, ROVE_BATCH_MAX);
    assert_int_equal(rove__batch_writer_new(&w->s.allocator, ROVE_BATCH_MAX, &writer), ROVE_OK);
    assert_int_equal(rove__batch_add(writer, change), ROVE_OK);
    assert_int_equal(rove__batch_finish(writer, &bytes), ROVE_OK);
    rove__hq_review review = {.entity = change->row.entity_number,
                              .id = change->row.id,
                              .replica = change->replica,
                              .user = ANNA,
                              .reason = "a rule refused it then",
                              .change = {bytes.data, bytes.size}};
    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->review_put(tx, &review), ROVE_OK);
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
    rove__batch_writer_free(writer);
    rove__buf_free(&bytes);
}

/* In review are a record as it was sent, and as its device gave it back with what its rep wrote since; that is accepted first. */
static void an_older_form_of_a_record_in_review_does_not_undo_the_later(void **state) {
    world *w = *state;
    rove_error error = {.message = ""};
    rove__row *row = site_row(&w->s, "Account", rep_id(&w->anna));

    site_text(row, "name", "new");
    site_text(row, "website", "old.example");
    rove__change first = copy_of(w, rep_insert(&w->anna, row));
    w->anna.change_count = 0;
    rove__change later = copy_of(w, &first);
    site_text(&later.row, "website", "corrected.example");
    uint32_t website = row->entity->fields[rove__entity_field_named(row->entity, "website")].number;
    assert_int_equal(
        rove__clock_set(&later.clock, &w->s.arena,
                        (rove__clock_entry){.field = website,
                                            .version = {first.clock.origin.stamp + 1, ANNAS}}),
        ROVE_OK);
    put_in_review(w, &first);
    put_in_review(w, &later);
    assert_int_equal(site_decide(&w->s, 2, 1, "", &error), ROVE_OK);
    assert_int_equal(site_decide(&w->s, 1, 1, "", &error), ROVE_OK);
    rove_value v = site_cell(&w->s, "Account", row->id, "website");
    assert_int_equal(v.size, strlen("corrected.example"));
}

/* He wrote the note once more while the first one lay in review. */
static void what_its_author_wrote_since_stands_when_his_older_work_is_accepted(void **state) {
    world *w = *state;
    rove_error error = {.message = ""};
    rep_outcome outcome;
    rove_id other = site_account(&w->s, "not hers");
    rove_id id = site_visit(&w->s, w->account, SITE_NOW);

    rep_settle(&w->anna);
    rove__change *notes = rep_update(&w->anna, "Visit", id, "notes", rove__value_text("first"));
    rove__edit note = notes->edits[0];
    w->anna.change_count = 0;
    rove__change *move = rep_update(&w->anna, "Visit", id, "account_id", rove__value_int(other));
    rove__edit both[2] = {move->edits[0], note};
    if (both[0].field > both[1].field) {
        both[0] = note;
        both[1] = move->edits[0];
    }
    site_text(&move->row, "notes", "first");
    move->edits = rove__arena_copy(&w->s.arena, both, sizeof both);
    move->edit_count = 2;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    rep_settle(&w->anna);
    assert_int_equal(rep_cell(&w->anna, "Visit", id, "notes").type, ROVE_NULL);
    w->s.now_ms += 60000;
    rep_update(&w->anna, "Visit", id, "notes", rove__value_text("second, much later"));
    rep_settle(&w->anna);
    assert_int_equal(site_cell(&w->s, "Visit", id, "notes").size, strlen("second, much later"));
    w->s.now_ms += 60000;
    assert_int_equal(site_decide(&w->s, 1, 1, "", &error), ROVE_OK);
    rove_value v = site_cell(&w->s, "Visit", id, "notes");
    assert_int_equal(v.size, strlen("second, much later"));
    assert_int_equal(site_conflicts(&w->s, id), 1);
}

/* ---- what a given back record holds of its registers ------------------------------------------------------ */

/* A new record that was refused, and what its rep wrote there: "1", then "22", under numbers of his. */
typedef struct story {
    rove__change insert;
    rove__change edits[2];
} story;

static story a_story(world *w) {
    rove__row *row = site_row(&w->s, "Account", rep_id(&w->anna));
    const rove__increment five = {7, 5};
    story s;

    site_text(row, "name", "new");
    site_set(row, "points", increments(w, &five, 1));
    s.insert = copy_of(w, rep_insert(&w->anna, row));
    s.edits[0] =
        copy_of(w, rep_update(&w->anna, "Account", row->id, "phone", rove__value_text("1")));
    s.edits[1] =
        copy_of(w, rep_update(&w->anna, "Account", row->id, "phone", rove__value_text("22")));
    s.edits[0].edits[0].base = s.edits[1].edits[0].base = s.insert.clock.base;
    w->anna.change_count = 0;
    site_text(&s.insert.row, "phone", "22");
    name_edit(w, &s.insert, &s.edits[1]);
    return s;
}

/* Her edits come, and wait for their record. */
static void send_edits(world *w, const rove__change *changes, size_t count) {
    rep *r = &w->anna;
    rep_outcome outcome;

    for (size_t i = 0; i < count; i++) {
        r->changes[r->change_count++] = changes[i];
    }
    rep_exchange(r, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(memory_headquarters_parked(w->s.hq), count);
}

/* And then that, as it is given back. */
static void give_back(world *w, const rove__change *insert) {
    rep *r = &w->anna;
    rep_outcome outcome;

    r->needed_count = 0;
    r->changes[r->change_count++] = *insert;
    push_by_hand(r, batch_of(r), &outcome);
    r->batch_count = 0;
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
}

static void phone_is(world *w, rove_id id, const char *text) {
    rove_value phone = site_cell(&w->s, "Account", id, "phone");

    assert_int_equal(phone.size, strlen(text));
    assert_memory_equal(phone.as.data, text, phone.size);
}

static void of_a_register_the_last_write_is_held_and_those_before_it(void **state) {
    world *w = *state;
    story s = a_story(w);

    send_edits(w, s.edits, 2);
    size_t history = memory_headquarters_history(w->s.hq);
    give_back(w, &s.insert);
    phone_is(w, s.insert.row.id, "22");
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 1);
}

static void what_is_not_what_the_record_holds_is_judged(void **state) {
    world *w = *state;
    story s = a_story(w);

    site_text(&s.edits[1].row, "phone", "333");
    send_edits(w, &s.edits[1], 1);
    give_back(w, &s.insert);
    phone_is(w, s.insert.row.id, "333"); /* her own */
}

/* The last write is of a later number of hers, the first of the insert's. */
static void writes_of_two_numbers_are_held(void **state) {
    world *w = *state;
    story s = a_story(w);
    rove__version last = {s.edits[1].edits[0].raw, 300};

    assert_int_equal(
        rove__clock_set(&s.insert.clock, &w->s.arena,
                        (rove__clock_entry){.field = s.edits[1].edits[0].field, .version = last}),
        ROVE_OK);
    send_edits(w, &s.edits[0], 1);
    give_back(w, &s.insert);
    phone_is(w, s.insert.row.id, "22");
}

/* Under one stamp, but not under the number that is named. */
static void what_another_number_wrote_is_judged(void **state) {
    world *w = *state;
    story s = a_story(w);
    rove__version last = {s.edits[1].edits[0].raw, 300};

    assert_int_equal(
        rove__clock_set(&s.insert.clock, &w->s.arena,
                        (rove__clock_entry){.field = s.edits[1].edits[0].field, .version = last}),
        ROVE_OK);
    site_text(&s.edits[1].row, "phone", "333");
    send_edits(w, &s.edits[1], 1);
    give_back(w, &s.insert);
    phone_is(w, s.insert.row.id, "333");
}

/* Ben had the record once. What he wrote there is none of what she had. */
static void what_a_colleague_wrote_is_judged(void **state) {
    world *w = *state;
    story s = a_story(w);
    rep_outcome outcome;

    site_grant(&w->s, BEN, s.insert.row.id);
    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("4444"));
    rove__change *his = &w->ben.changes[0];
    his->row.id = s.insert.row.id;
    his->clock = s.insert.clock;
    his->edits[0].raw = s.edits[0].edits[0].raw;
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_PARKED);
    w->ben.needed_count = 0;
    size_t history = memory_headquarters_history(w->s.hq);
    give_back(w, &s.insert);
    assert_true(memory_headquarters_history(w->s.hq) > history);
}

static void a_field_that_nobody_here_knows_is_held_as_well(void **state) {
    world *w = *state;
    story s = a_story(w);
    rove__extra extra = {900, rove__value_int(3)};
    rove__edit edits[2] = {s.edits[1].edits[0], s.edits[1].edits[0]};

    edits[1].field = extra.number;
    s.edits[1].edits = edits;
    s.edits[1].edit_count = 2;
    s.edits[1].row.extra = s.insert.row.extra = &extra;
    s.edits[1].row.extra_count = s.insert.row.extra_count = 1;
    name_edit(w, &s.insert, &s.edits[1]);
    send_edits(w, &s.edits[1], 1);
    size_t history = memory_headquarters_history(w->s.hq);
    give_back(w, &s.insert);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 1);
}

/* A signed visit that an operator accepts: what is not written in it by itself is as it was signed. */
static void a_seal_that_is_accepted_is_as_it_was_signed(void **state) {
    world *w = *state;
    rove_error error = {.message = ""};
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));

    site_int(visit, "account_id", w->account);
    site_int(visit, "planned_start", SITE_NOW);
    site_int(visit, "status", ROVE__VISIT__STATUS__PLANNED);
    rep_insert(&w->anna, visit);
    rep_settle(&w->anna);
    rove__change seal = copy_of(w, rep_seal(&w->anna, "Visit", visit->id, NULL));
    w->anna.change_count = 0;
    put_in_review(w, &seal);
    assert_int_equal(site_decide(&w->s, 1, 1, "", &error), ROVE_OK);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "sealed_at").type, ROVE_INT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_start_tried, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_cell_that_was_refused_alone_and_is_given_back_is_looked_at),
        CASE(a_cell_that_was_refused_alone_unheard_is_looked_at),
        CASE(what_was_refused_unheard_is_looked_at_also_if_it_is_allowed_now),
        CASE(an_edit_under_a_later_number_that_a_refused_insert_holds_counts_once),
        CASE(what_another_copy_wrote_in_the_refused_record_is_not_held),
        CASE(what_waits_for_a_record_that_is_returned_goes_along),
        CASE(what_its_author_wrote_since_stands_when_his_older_work_is_accepted),
        CASE(an_older_form_of_a_record_in_review_does_not_undo_the_later),
        CASE(of_a_register_the_last_write_is_held_and_those_before_it),
        CASE(what_is_not_what_the_record_holds_is_judged),
        CASE(writes_of_two_numbers_are_held),
        CASE(what_another_number_wrote_is_judged),
        CASE(what_a_colleague_wrote_is_judged),
        CASE(a_field_that_nobody_here_knows_is_held_as_well),
        CASE(a_seal_that_is_accepted_is_as_it_was_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
