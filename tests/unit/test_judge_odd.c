/*
 * What no honest device sends, and what it sends seldom: each has its answer, and the rest of the work goes on.
 */
#include <string.h>

#include "model/set.h"
#include "site_rep.h"
#include "two_reps.h"
#include "wire/batch_format.h"

/* Sends what is noted as it stands; the rep hears nothing of the answer. */
static void push(rep *r, rep_outcome *outcome) {
    raw_request *q = raw_open(r);

    rep_freeze(r);
    raw_hello(q, NULL);
    raw_push(q, &r->batches[0]);
    raw_end(q);
    raw_answer(q, 0, outcome);
    r->batch_count = 0;
}

/* ---- malformed -------------------------------------------------------------------------------------------- */

static void is_a_whole_row(rove__change *change) {
    change->op = ROVE_OP_WHOLE;
    change->edit_count = 0;
}

static void is_nobodys(rove__change *change) {
    change->replica = 0;
}

static void is_anothers_record(rove__change *change) {
    change->op = ROVE_OP_INSERT;
    change->clock.origin.replica = BENS;
}

static void deletes_without_a_stamp(rove__change *change) {
    change->op = ROVE_OP_DELETE;
    change->edit_count = 0;
}

static void seals_without_a_stamp(rove__change *change) {
    change->op = ROVE_OP_SEAL;
    change->edit_count = 0;
}

static void edits_nothing(rove__change *change) {
    change->edit_count = 0;
}

static void edits_another_field_than_it_carries(rove__change *change) {
    rove__bits_set(&change->row.present, 0);
    change->row.cells[0] = rove__value_text("one too many");
}

static void edits_no_field(rove__change *change) {
    change->edits[0].field = 0;
}

static void edits_without_a_cell(rove__change *change) {
    change->edits[0].field = 900;
}

static void edits_another_cell(rove__change *change) {
    change->edits[0].field = change->row.entity->fields[0].number;
}

static void is_new_and_edited(rove__change *change) {
    change->op = ROVE_OP_INSERT;
    change->clock.origin = change->clock.base = (rove__version){change->edits[0].raw, ANNAS};
}

static void is_unknown_and_edits_without_a_cell(rove__change *change) {
    static rove__extra extra;

    extra = (rove__extra){change->edits[0].field + 1, rove__value_int(1)};
    change->row =
        (rove__row){.entity_number = 900, .id = change->row.id, .extra = &extra, .extra_count = 1};
}

static void what_makes_no_sense_is_refused_as_a_whole(void **state) {
    world *w = *state;
    static void (*const spoils[])(rove__change *) = {is_a_whole_row,
                                                     is_nobodys,
                                                     is_anothers_record,
                                                     deletes_without_a_stamp,
                                                     seals_without_a_stamp,
                                                     edits_nothing,
                                                     edits_another_field_than_it_carries,
                                                     edits_no_field,
                                                     edits_without_a_cell,
                                                     edits_another_cell,
                                                     is_new_and_edited,
                                                     is_unknown_and_edits_without_a_cell};
    uint64_t head = memory_headquarters_head(w->s.hq);
    rep_outcome outcome;

    for (size_t i = 0; i < sizeof spoils / sizeof spoils[0]; i++) {
        rep_count(&w->anna, "Account", w->account, "points", 1);
        spoils[i](rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("1")));
        push(&w->anna, &outcome);
        assert_int_equal(outcome.failed, ROVE_PROTOCOL);
        assert_int_equal(memory_headquarters_head(w->s.hq), head);
    }
}

static void a_batch_with_nothing_in_it_is_taken(void **state) {
    world *w = *state;
    const uint8_t nothing[] = {ROVE_BATCH_VERSION};
    const rep_batch batch = {
        .number = w->anna.acked + 1, .previous = w->anna.chain, .rows = {nothing, sizeof nothing}};
    uint64_t head = memory_headquarters_head(w->s.hq);
    raw_request *q = raw_open(&w->anna);
    rep_outcome outcome;

    raw_hello(q, NULL);
    raw_push(q, &batch);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(memory_headquarters_head(w->s.hq), head);
}

/* ---- one record, several changes -------------------------------------------------------------------------- */

/* A visit of a customer, and an edit of it in the same batch. */
static void visit_and_edit(world *w, rove_id account, const char *name, rep_outcome *outcome) {
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));

    if (account != 0) {
        site_int(visit, "account_id", account);
    }
    site_int(visit, "planned_start", SITE_NOW);
    site_int(visit, "status", 1);
    rep_insert(&w->anna, visit);
    rep_update(&w->anna, "Visit", visit->id, "notes", rove__value_text(name));
    push(&w->anna, outcome);
    assert_int_equal(outcome->verdict_count, 2);
    assert_int_equal(outcome->verdicts[0].code, outcome->verdicts[1].code);
    rove__hq_row row;
    assert_false(site_get(&w->s, "Visit", visit->id, &row));
}

static void what_follows_a_refused_record_is_refused(void **state) {
    rep_outcome outcome;

    visit_and_edit(*state, 0, "about nobody", &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REJECTED);
}

static void what_follows_a_record_in_review_is_looked_at_too(void **state) {
    world *w = *state;
    rep_outcome outcome;

    visit_and_edit(w, site_account(&w->s, "not hers"), "elsewhere", &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 2);
}

/* In any order, and with one stamp for all: the record comes first. */
static void an_edit_may_stand_before_its_record(void **state) {
    world *w = *state;
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
    rep_outcome outcome;

    site_int(visit, "account_id", w->account);
    site_int(visit, "planned_start", SITE_NOW);
    site_int(visit, "status", 1);
    rep_insert(&w->anna, visit);
    rep_update(&w->anna, "Visit", visit->id, "notes", rove__value_text("a"));
    rep_update(&w->anna, "Visit", visit->id, "purpose", rove__value_text("b"));
    rove__change first = w->anna.changes[0];
    w->anna.changes[0] = w->anna.changes[1];
    w->anna.changes[1] = first;
    w->anna.changes[0].edits[0].raw = first.clock.origin.stamp;
    w->anna.changes[2].edits[0].raw = first.clock.origin.stamp;
    push(&w->anna, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(outcome.verdict_count, 0);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "notes").size, 1);
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "purpose").size, 1);
}

static void two_records_under_one_id_get_two(void **state) {
    world *w = *state;
    rove_id id = rep_id(&w->anna);
    rep_outcome outcome;

    for (int i = 0; i < 2; i++) {
        rove__row *account = site_row(&w->s, "Account", id);
        site_text(account, "name", "one of two");
        rep_insert(&w->anna, account);
    }
    push(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 1);
    assert_int_equal(outcome.rename.id, id);
}

/* ---- fields of a later build ------------------------------------------------------------------------------ */

static void add_unknown(world *w, rove__change *change, uint32_t first, size_t count) {
    rove__edit like = change->edits[0];

    change->row.extra = rove__arena_take(&w->s.arena, count * sizeof *change->row.extra);
    change->edits = rove__arena_take(&w->s.arena, (count + 1) * sizeof *change->edits);
    assert_true(change->row.extra != NULL && change->edits != NULL);
    change->edits[0] = like;
    for (size_t i = 0; i < count; i++) {
        uint32_t field = first + (uint32_t)i;
        change->row.extra[i] = (rove__extra){field, rove__value_int(1)};
        change->edits[i + 1] = (rove__edit){.field = field, .raw = like.raw};
    }
    change->row.extra_count = count;
    change->edit_count = count + 1;
}

static size_t unknown_of(world *w, rove_id visit) {
    rove__hq_row row;

    assert_true(site_get(&w->s, "Visit", visit, &row));
    return row.row.extra_count;
}

/* Beside Ben's 200 fields, so many of Anna's as stay within the 256 that a record may have, and one more. */
static void seal_beside(world *w, size_t count, rep_outcome *outcome, rove_id *visit) {
    *visit = site_visit(&w->s, w->account, SITE_NOW);
    both_agree(w);
    add_unknown(w, rep_update(&w->ben, "Visit", *visit, "notes", rove__value_text("ben's")), 900,
                200);
    push(&w->ben, outcome);
    assert_int_equal(unknown_of(w, *visit), 200);
    add_unknown(w, rep_seal(&w->anna, "Visit", *visit, NULL), 2000, count);
    push(&w->anna, outcome);
    assert_int_equal(outcome->acks, 1);
}

static void a_seal_keeps_the_unknown_fields_beside_it(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id visit = 0;

    seal_beside(w, 56, &outcome, &visit);
    assert_int_equal(unknown_of(w, visit), 256);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "sealed_at").type, ROVE_INT);
}

static void a_seal_that_makes_a_record_too_large_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id visit = 0;

    seal_beside(w, 57, &outcome, &visit);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(unknown_of(w, visit), 200);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "sealed_at").type, ROVE_NULL);
}

/* ---- what cannot be read, or has no room ------------------------------------------------------------------ */

static rove_value plain_set(world *w) {
    rove__element element = {.value = rove__value_int(7)};
    rove__set plain = {ROVE_SET_PLAIN, &element, 1};
    rove_value value;

    assert_int_equal(rove__set_value(&plain, &w->s.arena, &value), ROVE_OK);
    return value;
}

static rove_value no_increments(void) {
    return rove__value_bytes(ROVE_BLOB, "\xff", 1);
}

static void an_edit_that_cannot_be_read_is_refused_alone(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_update(&w->anna, "Account", w->account, "tag_ids", plain_set(w));
    rep_update(&w->anna, "Account", w->account, "points", no_increments());
    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("555-0100"));
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(outcome.verdicts[i].code, ROVE_VERDICT_REJECTED);
        assert_int_equal(outcome.verdicts[i].status, ROVE_INVALID);
        assert_true(outcome.verdicts[i].field > 0);
    }
    assert_int_equal(site_cell(&w->s, "Account", w->account, "phone").size, 8);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "points").type, ROVE_NULL);
}

static rove__change *new_account(world *w, const char *column, rove_value value) {
    rove__row *account = site_row(&w->s, "Account", rep_id(&w->anna));

    site_text(account, "name", "new");
    if (column != NULL) {
        site_set(account, column, value);
    }
    return rep_insert(&w->anna, account);
}

static void a_record_that_cannot_be_read_is_refused(void **state) {
    world *w = *state;
    rep_outcome outcome;

    (void)new_account(w, "tag_ids", plain_set(w));
    (void)new_account(w, "points", no_increments());
    (void)new_account(w, NULL, rove__value_null());
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(outcome.verdicts[i].code, ROVE_VERDICT_REJECTED);
        assert_int_equal(outcome.verdicts[i].status, ROVE_INVALID);
    }
    assert_int_equal(memory_headquarters_rows(w->s.hq, w->anna.changes[0].row.entity_number), 2);
}

static void add_texts(world *w, rove__change *change, size_t size, size_t count) {
    uint8_t *text = rove__arena_take(&w->s.arena, size);

    change->row.extra = rove__arena_take(&w->s.arena, count * sizeof *change->row.extra);
    assert_true(text != NULL && change->row.extra != NULL);
    memset(text, 'x', size);
    for (size_t i = 0; i < count; i++) {
        change->row.extra[i] =
            (rove__extra){900 + (uint32_t)i, rove__value_bytes(ROVE_TEXT, text, size)};
    }
    change->row.extra_count = count;
}

/* By the rules it would just do; as headquarters keeps it, it would not fit a frame. */
static void a_record_that_is_too_large_is_refused(void **state) {
    world *w = *state;
    rep_outcome outcome;

    add_texts(w, new_account(w, NULL, rove__value_null()), 65200, 2);
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 1);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REJECTED);
    assert_int_equal(outcome.verdicts[0].status, ROVE_TOO_BIG);
}

static void an_edit_for_which_there_is_no_room_is_refused_alone(void **state) {
    world *w = *state;
    rove__change *change = new_account(w, NULL, rove__value_null());
    rove_id id = change->row.id;
    static char text[301];
    rep_outcome outcome;

    memset(text, 'y', sizeof text - 1);
    add_texts(w, change, 65000, 2);
    rep_update(&w->anna, "Account", id, "description", rove__value_text(text));
    rep_update(&w->anna, "Account", id, "phone", rove__value_text("555-0100"));
    for (size_t i = 1; i < 3; i++) {
        w->anna.changes[i].clock.origin = w->anna.changes[0].clock.origin;
    }
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 1);
    assert_int_equal(outcome.verdicts[0].status, ROVE_TOO_BIG);
    assert_int_equal(site_cell(&w->s, "Account", id, "description").type, ROVE_NULL);
    assert_int_equal(site_cell(&w->s, "Account", id, "phone").size, 8);
}

/* ---- names ------------------------------------------------------------------------------------------------ */

static void a_record_is_known_by_its_origin_under_any_name(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, w->account, SITE_NOW);
    rep_outcome outcome;

    both_agree(w);
    rep_update(&w->anna, "Visit", visit, "notes", rove__value_text("a"))->row.id = rep_id(&w->anna);
    push(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 1);
    assert_int_equal(outcome.rename.to, visit);
}

static void an_origin_names_one_record(void **state) {
    world *w = *state;
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
    rep_outcome outcome;

    site_int(visit, "account_id", w->account);
    rove__origin origin = new_account(w, NULL, rove__value_null())->clock.origin;
    rep_insert(&w->anna, visit)->clock.origin = origin;
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 1);
    assert_int_equal(outcome.verdicts[0].id, visit->id);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REJECTED);
    assert_int_equal(outcome.verdicts[0].status, ROVE_EXISTS);
}

static void edits_of_two_records_of_one_id_wait_for_both(void **state) {
    world *w = *state;
    rove_id id = rep_id(&w->anna);
    rove_id visit = site_visit(&w->s, w->account, SITE_NOW);
    rep_outcome outcome;

    both_agree(w);
    for (uint64_t i = 0; i < 2; i++) {
        rove__change *change =
            rep_update(&w->anna, "Visit", visit, "notes", rove__value_text("of one of two"));
        change->row.id = id;
        change->clock.origin = (rove__origin){1000 + i, ANNAS};
        change->cursor.timeline += i; /* one was written after a restore of which nobody knows */
    }
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 2);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_PARKED);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 2);
}

/* ---- what is about what was refused ----------------------------------------------------------------------- */

static void only_what_is_about_the_refused_is_refused_with_it(void **state) {
    world *w = *state;
    rove__row *account = site_row(&w->s, "Account", rep_id(&w->anna));
    rove_id about[] = {account->id, w->account, 0};
    rove_status expected[] = {ROVE_REQUIRED, ROVE_OK, ROVE_REQUIRED};
    rove_id visits[3];
    rep_outcome outcome;
    rove__hq_row row;

    rep_insert(&w->anna, account); /* without a name */
    for (size_t i = 0; i < 3; i++) {
        rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
        visits[i] = visit->id;
        if (about[i] != 0) {
            site_int(visit, "account_id", about[i]);
        }
        rep_insert(&w->anna, visit);
    }
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(site_get(&w->s, "Visit", visits[i], &row), expected[i] == ROVE_OK);
    }
}

static void a_new_record_that_is_sealed_is_never_refused(void **state) {
    world *w = *state;
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
    rep_outcome outcome;

    site_int(visit, "sealed_at", SITE_NOW); /* of no account */
    rep_insert(&w->anna, visit);
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
}

/* ---- seals ------------------------------------------------------------------------------------------------ */

/* Of a change with one edit. */
static rove_value cell_of(const rove__change *change) {
    int ordinal = rove__entity_field(change->row.entity, change->edits[0].field);

    return rove__row_cell(&change->row, (size_t)ordinal);
}

static rove_id agreed_visit(world *w) {
    rove_id visit = site_visit(&w->s, w->account, SITE_NOW);

    both_agree(w);
    return visit;
}

static int is_sealed(world *w, rove_id visit) {
    return site_cell(&w->s, "Visit", visit, "sealed_at").type == ROVE_INT;
}

static void a_seal_brings_back_what_was_deleted_unseen(void **state) {
    world *w = *state;
    rove_id visit = agreed_visit(w);
    rep_outcome outcome;
    rove__hq_row row;

    rep_delete(&w->ben, "Visit", visit);
    push(&w->ben, &outcome);
    rep_seal(&w->anna, "Visit", visit, NULL);
    push(&w->anna, &outcome);
    assert_true(site_get(&w->s, "Visit", visit, &row));
    assert_true(row.dead == 0 && row.review == 1 && is_sealed(w, visit));
    assert_int_equal(site_conflicts(&w->s, visit), 1);
}

static void a_seal_goes_only_where_its_author_may_write(void **state) {
    world *w = *state;
    rove_id visit = agreed_visit(w);
    rove__row *moved = site_row(&w->s, "Visit", visit);
    rep_outcome outcome;

    site_int(moved, "account_id", site_account(&w->s, "not hers"));
    rep_seal(&w->anna, "Visit", visit, moved);
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_false(is_sealed(w, visit));
}

/* It would be the organisation's, and everybody's, for ever. */
static void seal_without_account(world *w) {
    rove_id visit = agreed_visit(w);
    rove__change *seal = rep_seal(&w->anna, "Visit", visit, NULL);
    int ordinal = rove__entity_field_named(seal->row.entity, "account_id");
    rep_outcome outcome;
    rove__hq_row row;

    rove__bits_clear(&seal->row.present, (size_t)ordinal);
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
    assert_false(is_sealed(w, visit));
    assert_true(site_get(&w->s, "Visit", visit, &row));
    assert_int_equal(row.scope.root, w->account);
}

static void a_seal_without_its_account_is_looked_at(void **state) {
    seal_without_account(*state);
}

/* Also where no rule asks for what says where a record belongs. */
static void a_seal_that_belongs_to_nobody_is_looked_at(void **state) {
    world *w = *state;
    const rove__entity *visit = rove__registry_by_name(w->s.registry, "Visit");
    rove__field *account = (rove__field *)(uintptr_t)&visit->fields[visit->scope_field];

    account->flags &= ~ROVE_FIELD_REQUIRED;
    seal_without_account(w);
}

static void who_seals_alike_agrees(void **state) {
    world *w = *state;
    rove_id visit = agreed_visit(w);
    rep_outcome outcome;

    rep_seal(&w->ben, "Visit", visit, NULL);
    push(&w->ben, &outcome);
    rep_seal(&w->anna, "Visit", visit, NULL);
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_KNOWN);
    assert_int_equal(site_conflicts(&w->s, visit), 0);
}

/* Ben's build is ahead of headquarters and of Anna's; she had not seen what he wrote there, and it is not what she signed. */
static void a_field_that_nobody_here_knows_is_as_it_was_signed(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, w->account, SITE_NOW);
    rove__extra extra = {900, rove__value_int(3)};
    rep_outcome outcome;
    rove__hq_row row;

    rep_settle(&w->anna);
    rep_settle(&w->ben);
    rove__change *change = rep_update(&w->ben, "Visit", visit, "purpose", rove__value_text("x"));
    rove__edit edits[2] = {change->edits[0], change->edits[0]};
    edits[1].field = extra.number;
    change->row.extra = &extra;
    change->row.extra_count = 1;
    change->edits = edits;
    change->edit_count = 2;
    push(&w->ben, &outcome);
    assert_true(site_get(&w->s, "Visit", visit, &row) && row.row.extra_count == 1);
    rep_seal(&w->anna, "Visit", visit, NULL);
    push(&w->anna, &outcome);
    assert_true(is_sealed(w, visit) && site_get(&w->s, "Visit", visit, &row));
    assert_true(row.row.extra_count == 0 || row.row.extra[0].value.type == ROVE_NULL);
    assert_int_equal(site_conflicts(&w->s, visit), 2); /* and the purpose */
}

/* Whole, as most devices send it; or what was done to it. */
static void a_set_is_sealed_with_its_record(void **state) {
    world *w = *state;
    const int64_t both[] = {w->account + 1, w->account + 2};

    rove_id visits[] = {site_visit(&w->s, w->account, SITE_NOW), agreed_visit(w)};

    for (int delta = 0; delta <= 1; delta++) {
        rove_id visit = visits[delta];
        rep *r = delta ? &w->ben : &w->anna;
        rove__row *changes = site_row(&w->s, "Visit", visit);
        rep_outcome outcome;
        rove__hq_row row;
        rove__set set;

        if (delta) {
            rove__change *change = rep_set_add(r, "Visit", visit, "contact_ids", w->account + 1);
            site_set(changes, "contact_ids", cell_of(change));
            r->change_count = 0;
        } else {
            site_numbers(&w->s, changes, "contact_ids", both, 2);
        }
        rep_seal(r, "Visit", visit, changes);
        push(r, &outcome);
        assert_true(is_sealed(w, visit) && site_get(&w->s, "Visit", visit, &row));
        rove_value cell = site_cell(&w->s, "Visit", visit, "contact_ids");
        assert_int_equal(rove__set_read(&set, &cell, ROVE_SET_VERSIONED, &w->s.arena), ROVE_OK);
        assert_int_equal(set.count, delta ? 1 : 2);
    }
}

/* She had not seen whom Ben added, and signed that nobody was there. */
static void whom_a_seal_takes_out_unseen_is_in_the_log(void **state) {
    world *w = *state;
    rove_id visit = agreed_visit(w);
    rep_outcome outcome;

    rep_set_add(&w->ben, "Visit", visit, "contact_ids", 7);
    push(&w->ben, &outcome);
    rep_seal(&w->anna, "Visit", visit, NULL);
    push(&w->anna, &outcome);
    assert_true(is_sealed(w, visit));
    assert_int_equal(site_cell(&w->s, "Visit", visit, "contact_ids").type, ROVE_NULL);
    assert_int_equal(site_conflicts(&w->s, visit), 1);
}

/* So many people are added to those that a visit has. */
static rove_value adds(world *w, int64_t first, size_t count) {
    static rove__element elements[ROVE_SET_ELEMENTS_MAX];
    const rove__set delta = {ROVE_SET_DELTA, elements, count};
    rove_value value;

    for (size_t i = 0; i < count; i++) {
        elements[i] = (rove__element){
            .value = rove__value_int(first + (int64_t)i), .action = ROVE_SET_ADD, .raw = 1};
    }
    assert_int_equal(rove__set_value(&delta, &w->s.arena, &value), ROVE_OK);
    return value;
}

/* Nobody can read it, or with those who are there they are more than a set holds: the log has what was signed as it came. */
static void people_of_a_second_seal_that_cannot_be_told_are_kept_as_they_came(void **state) {
    world *w = *state;
    int64_t people[64];
    const rove_value odd[] = {rove__value_bytes(ROVE_BLOB, "\xff", 1), adds(w, 1000, 500)};

    for (size_t i = 0; i < 64; i++) {
        people[i] = 1 + (int64_t)i;
    }
    for (size_t i = 0; i < 2; i++) {
        rove_id visit = agreed_visit(w);
        rove__row *his = site_row(&w->s, "Visit", visit);
        rove__row *hers = site_row(&w->s, "Visit", visit);
        rep_outcome outcome;
        rove__reader reader;
        rove_value lost;

        site_numbers(&w->s, his, "contact_ids", people, 64);
        rep_seal(&w->ben, "Visit", visit, his);
        rep_exchange(&w->ben, &outcome);
        site_set(hers, "contact_ids", rove__value_null());
        site_set(&rep_seal(&w->anna, "Visit", visit, hers)->row, "contact_ids", odd[i]);
        rep_exchange(&w->anna, &outcome);
        assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_LOST);
        assert_int_equal(site_conflicts(&w->s, visit), 1);
        rove_value packed =
            site_cell(&w->s, "Conflict", site_conflict(&w->s, visit, 0), "lost_value");
        rove__reader_init(&reader, packed.as.data, packed.size);
        rove__value_read(&reader, &lost);
        assert_true(rove__value_equal(&lost, &odd[i]));
    }
}

static rove__edit *edit_of(rove__change *change, const char *column) {
    int ordinal = rove__entity_field_named(change->row.entity, column);
    uint32_t field = change->row.entity->fields[ordinal].number;

    for (size_t i = 0; i < change->edit_count; i++) {
        if (change->edits[i].field == field) {
            return &change->edits[i];
        }
    }
    fail();
    return NULL;
}

/* A stage is sealed as its author set it, in the later of the two epochs. */
static void a_sealed_stage_keeps_the_later_epoch(void **state) {
    world *w = *state;
    const uint32_t epochs[][2] = {{0, 3}, {5, 3}}; /* Ben's, Anna's */

    for (size_t i = 0; i < 2; i++) {
        rove_id visit = agreed_visit(w);
        rove__row *changes = site_row(&w->s, "Visit", visit);
        rep_outcome outcome;
        rove__hq_row row;

        edit_of(rep_update(&w->ben, "Visit", visit, "status", rove__value_int(2)), "status")
            ->epoch = epochs[i][0];
        rep_exchange(&w->ben, &outcome);
        site_int(changes, "status", 3);
        rove__change *seal = rep_seal(&w->anna, "Visit", visit, changes);
        uint32_t field = edit_of(seal, "status")->field;
        edit_of(seal, "status")->epoch = epochs[i][1];
        rep_exchange(&w->anna, &outcome);
        assert_true(site_get(&w->s, "Visit", visit, &row));
        assert_int_equal(rove__clock_get(&row.clock, field).epoch, i == 0 ? 3 : 5);
        assert_int_equal(site_cell(&w->s, "Visit", visit, "status").as.integer, 3);
    }
}

static void unknown_fields_are_sealed_and_kept_in_order(void **state) {
    world *w = *state;
    rove_id visit = agreed_visit(w);
    rep_outcome outcome;

    add_unknown(w, rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("ben's")), 900, 9);
    push(&w->ben, &outcome);
    add_unknown(w, rep_seal(&w->anna, "Visit", visit, NULL), 898, 4); /* two of them are Ben's */
    push(&w->anna, &outcome);
    assert_int_equal(unknown_of(w, visit), 11);
    rove__hq_row row;
    assert_true(site_get(&w->s, "Visit", visit, &row));
    for (size_t i = 1; i < row.row.extra_count; i++) {
        assert_true(row.row.extra[i - 1].number < row.row.extra[i].number);
    }
}

static void a_seal_for_which_there_is_no_room_is_looked_at(void **state) {
    world *w = *state;
    rove_id visit = agreed_visit(w);
    rep_outcome outcome;

    for (int i = 0; i < 2; i++) {
        rep *r = i == 0 ? &w->ben : &w->anna;
        rove__change *change =
            i == 0 ? rep_update(r, "Visit", visit, "notes", rove__value_text("ben's"))
                   : rep_seal(r, "Visit", visit, NULL);
        add_unknown(w, change, i == 0 ? 900 : 2000, 1);
        uint8_t *text = rove__arena_take(&w->s.arena, 65300);
        assert_non_null(text);
        memset(text, 'x', 65300);
        change->row.extra[0].value = rove__value_bytes(ROVE_TEXT, text, 65300);
        push(r, &outcome);
    }
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_false(is_sealed(w, visit));
}

/* No sealed entity has a counter or a computed field yet: here a visit's fields are. */
static void a_counter_and_a_computed_field_are_sealed_with_the_rest(void **state) {
    world *w = *state;
    rove_id visit = agreed_visit(w);
    rove__row *changes = site_row(&w->s, "Visit", visit);
    int counter = rove__entity_field_named(changes->entity, "checkin_accuracy_m");
    int computed = rove__entity_field_named(changes->entity, "checkin_provider");
    rove__field *fields = (rove__field *)(uintptr_t)changes->entity->fields;
    rep_outcome outcome;

    fields[counter].kind = ROVE_KIND_COUNTER;
    fields[computed].kind = ROVE_KIND_DERIVED;
    /* Nothing was counted, or no number was: it stays. */
    for (int named = 0; named < 2; named++) {
        rove_id other = agreed_visit(w);
        rove__row *nothing = site_row(&w->s, "Visit", other);
        site_set(nothing, "checkin_accuracy_m", rove__value_null());
        rep_seal(&w->ben, "Visit", other, named ? nothing : NULL);
        rep_exchange(&w->ben, &outcome);
        assert_true(is_sealed(w, other));
        assert_int_equal(site_cell(&w->s, "Visit", other, "checkin_accuracy_m").type, ROVE_NULL);
    }
    rep_settle(&w->anna);
    rove__change *change = rep_count(&w->anna, "Visit", visit, "checkin_accuracy_m", 7);
    site_set(changes, "checkin_accuracy_m", cell_of(change));
    w->anna.change_count = 0;
    rep_seal(&w->anna, "Visit", visit, changes);
    push(&w->anna, &outcome);
    assert_true(is_sealed(w, visit));
    assert_int_equal(site_cell(&w->s, "Visit", visit, "checkin_accuracy_m").as.integer, 7);
    rep_seal(&w->ben, "Visit", visit, NULL);
    push(&w->ben, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_KNOWN);
}

/* ---- children --------------------------------------------------------------------------------------------- */

/* No entity has the scope of its parent yet (docs/data-model.md): here a contact's numbers have. */
static void a_delete_loses_against_a_child_that_its_author_had_not_seen(void **state) {
    world *w = *state;
    rove__row *contact = site_row(&w->s, "Contact", rep_id(&w->anna));
    rove__row *role = site_row(&w->s, "AccountContactRole", rep_id(&w->anna));
    rove__row *number = site_row(&w->s, "ContactMethod", rep_id(&w->ben));
    rep_outcome outcome;
    rove__hq_row row;

    site_text(contact, "last_name", "Stein");
    rep_insert(&w->anna, contact);
    site_int(role, "account_id", w->account);
    site_int(role, "contact_id", contact->id);
    rep_insert(&w->anna, role);
    both_agree(w);
    ((rove__entity *)(uintptr_t)number->entity)->scope = ROVE_SCOPE_PARENT;
    site_int(number, "contact_id", contact->id);
    site_int(number, "kind", 1);
    site_text(number, "value", "555-0100");
    rep_insert(&w->ben, number);
    push(&w->ben, &outcome);
    assert_int_equal(outcome.verdict_count, 0);
    assert_true(site_get(&w->s, "ContactMethod", number->id, &row));
    assert_int_equal(row.scope.root, contact->id);
    rep_delete(&w->anna, "Contact", contact->id);
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_LOST);
    assert_true(site_get(&w->s, "Contact", contact->id, &row));
    assert_int_equal(row.dead, 0);
    assert_int_equal(site_conflicts(&w->s, contact->id), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_start_tried, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_makes_no_sense_is_refused_as_a_whole),
        CASE(a_batch_with_nothing_in_it_is_taken),
        CASE(what_follows_a_refused_record_is_refused),
        CASE(what_follows_a_record_in_review_is_looked_at_too),
        CASE(an_edit_may_stand_before_its_record),
        CASE(two_records_under_one_id_get_two),
        CASE(a_seal_keeps_the_unknown_fields_beside_it),
        CASE(a_seal_that_makes_a_record_too_large_is_looked_at),
        CASE(an_edit_that_cannot_be_read_is_refused_alone),
        CASE(a_record_that_cannot_be_read_is_refused),
        CASE(a_record_that_is_too_large_is_refused),
        CASE(an_edit_for_which_there_is_no_room_is_refused_alone),
        CASE(a_record_is_known_by_its_origin_under_any_name),
        CASE(an_origin_names_one_record),
        CASE(edits_of_two_records_of_one_id_wait_for_both),
        CASE(only_what_is_about_the_refused_is_refused_with_it),
        CASE(a_new_record_that_is_sealed_is_never_refused),
        CASE(a_seal_brings_back_what_was_deleted_unseen),
        CASE(a_seal_goes_only_where_its_author_may_write),
        CASE(a_seal_without_its_account_is_looked_at),
        CASE(a_seal_that_belongs_to_nobody_is_looked_at),
        CASE(who_seals_alike_agrees),
        CASE(a_set_is_sealed_with_its_record),
        CASE(whom_a_seal_takes_out_unseen_is_in_the_log),
        CASE(people_of_a_second_seal_that_cannot_be_told_are_kept_as_they_came),
        CASE(a_field_that_nobody_here_knows_is_as_it_was_signed),
        CASE(a_sealed_stage_keeps_the_later_epoch),
        CASE(unknown_fields_are_sealed_and_kept_in_order),
        CASE(a_seal_for_which_there_is_no_room_is_looked_at),
        CASE(a_counter_and_a_computed_field_are_sealed_with_the_rest),
        CASE(a_delete_loses_against_a_child_that_its_author_had_not_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
