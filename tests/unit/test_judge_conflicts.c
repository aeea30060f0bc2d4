/*
 * What goes to the conflict log when two write without having seen each other, rule by rule: which value stands, and that the other is
 * kept with author, device and both times. And what does not go there.
 */
#include <stdio.h>
#include <string.h>

#include "two_reps.h"

#include "rove/entities.pb-c.h"

#define KIND(of) ROVE__CONFLICT__KIND__##of

static int setup(void **state) {
    int result = world_start_tried(state);
    world *w = *state;

    w->s.now_ms += 60000;
    return result;
}

static rove_id held_visit(world *w) {
    rove_id visit = site_visit(&w->s, w->account, w->s.now_ms);

    both_agree(w);
    w->s.now_ms += 60000;
    return visit;
}

/* ---- what an entry says ---------------------------------------------------------------------------------- */

typedef struct side {
    rove_value value;
    rove_id user; /* 0: an operator */
    rove_replica replica;
    int64_t raw_ms; /* by the author's own clock */
} side;

static rove_value cell(world *w, rove_id conflict, const char *prefix, const char *name) {
    char column[40];

    (void)snprintf(column, sizeof column, "%s%s", prefix, name);
    return site_cell(&w->s, "Conflict", conflict, column);
}

static int64_t number(world *w, rove_id conflict, const char *prefix, const char *name) {
    rove_value value = cell(w, conflict, prefix, name);

    return value.type == ROVE_INT ? value.as.integer : 0;
}

static void expect_side(world *w, rove_id conflict, const char *prefix, const side *expected) {
    rove_value bytes = cell(w, conflict, prefix, "_value");
    rove_value value = rove__value_null();
    rove__reader reader;

    if (bytes.type == ROVE_BLOB) {
        rove__reader_init(&reader, bytes.as.data, bytes.size);
        rove__value_read(&reader, &value);
        assert_int_equal(rove__reader_status(&reader), ROVE_OK);
    }
    assert_true(rove__value_equal(&value, &expected->value));
    assert_int_equal(number(w, conflict, prefix, "_user_id"), expected->user);
    assert_int_equal(number(w, conflict, prefix, "_replica"), expected->replica);
    assert_int_equal(number(w, conflict, prefix, "_raw_at"), expected->raw_ms);
    /* By headquarters' time it is now, however wrong the author's clock. */
    int64_t at_ms = rove__stamp_ms((rove_stamp)number(w, conflict, prefix, "_stamp"));
    assert_in_range(w->s.now_ms - at_ms, 0, 10 * 60000);
}

/* The one conflict of a record that is of this kind. */
static rove_id expect(world *w, rove_id record, int kind, const char *entity, const char *field,
                      side kept, side lost) {
    const rove__entity *of = rove__registry_by_name(w->s.registry, entity);
    int ordinal = field == NULL ? -1 : rove__entity_field_named(of, field);
    rove_id found = 0;

    for (size_t i = 0; i < site_conflicts(&w->s, record); i++) {
        rove_id at = site_conflict(&w->s, record, i);
        int64_t about = number(w, at, "", "field_number");
        if (number(w, at, "", "kind") == kind &&
            about == (ordinal < 0 ? 0 : (int64_t)of->fields[ordinal].number)) {
            assert_int_equal(found, 0);
            found = at;
        }
    }
    assert_int_not_equal(found, 0);
    assert_int_equal(number(w, found, "", "record_entity"), of->number);
    assert_int_equal(number(w, found, "", "about_id"),
                     of->scope == ROVE_SCOPE_SELF ? record : w->account);
    assert_int_equal(number(w, found, "", "status"), ROVE__CONFLICT__STATUS__OPEN);
    expect_side(w, found, "kept", &kept);
    expect_side(w, found, "lost", &lost);
    return found;
}

static int64_t raw_ms(const rove__change *change) {
    return rove__stamp_ms(change->op == ROVE_OP_INSERT ? change->clock.origin.stamp
                                                       : change->edits[0].raw);
}

static side by_anna(rove_value value, int64_t at_ms) {
    return (side){value, ANNA, 100, at_ms};
}

static side by_ben(rove_value value, int64_t at_ms) {
    return (side){value, BEN, 200, at_ms};
}

/* An operator writes by headquarters' clock. */
static side by_operator(world *w, rove_value value, int64_t at_ms) {
    rove__hq_head head;
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->head_get(tx, &head), ROVE_OK);
    w->s.store->rollback(tx);
    return (side){value, 0, head.replica, at_ms};
}

/* ---- P5, P6: registers ------------------------------------------------------------------------------------- */

static void p05_what_its_author_had_seen_is_no_conflict(void **state) {
    world *w = *state;

    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("first"));
    both_agree(w);
    w->ben.skew_ms = -3650 * DAY;
    w->ben.raw = 0;
    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("second"));
    both_agree(w);
    assert_int_equal(rep_cell(&w->anna, "Account", w->account, "phone").size, 6);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
}

static void p05_what_replaces_ones_own_write_is_no_conflict(void **state) {
    world *w = *state;

    /* The second is frozen before the first is acknowledged: it names a base that does not stand any more. */
    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("first"));
    rep_freeze(&w->anna);
    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("second"));
    rep_freeze(&w->anna);
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "phone").size, 6);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
}

static void p06_of_concurrent_registers_the_later_wins(void **state) {
    world *w = *state;
    rep_outcome outcome;

    /* The later one comes first: what comes after it loses. */
    int64_t anna =
        raw_ms(rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("Anna's")));
    w->s.now_ms += 1000;
    int64_t ben =
        raw_ms(rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("Ben's")));
    rep_settle(&w->ben);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_LOST);
    both_agree(w);
    assert_int_equal(rep_cell(&w->anna, "Account", w->account, "phone").size, 5);
    assert_int_equal(site_conflicts(&w->s, 0), 1);
    expect(w, w->account, KIND(REGISTER_WRITE), "Account", "phone",
           by_ben(rove__value_text("Ben's"), ben), by_anna(rove__value_text("Anna's"), anna));
}

static void p06_the_later_wins_also_when_it_comes_last(void **state) {
    world *w = *state;

    int64_t anna =
        raw_ms(rep_update(&w->anna, "Account", w->account, "name", rove__value_text("Anna's")));
    w->s.now_ms += 1000;
    int64_t ben =
        raw_ms(rep_update(&w->ben, "Account", w->account, "name", rove__value_text("Ben's")));
    both_agree(w);
    assert_int_equal(site_conflicts(&w->s, 0), 1);
    expect(w, w->account, KIND(REGISTER_WRITE), "Account", "name",
           by_ben(rove__value_text("Ben's"), ben), by_anna(rove__value_text("Anna's"), anna));
}

static void p06_a_conflict_shows_the_time_that_a_wrong_clock_told(void **state) {
    world *w = *state;

    w->ben.skew_ms = 40 * DAY;
    int64_t ben =
        raw_ms(rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("Ben's")));
    assert_true(ben > w->s.now_ms + 39 * DAY);
    rep_settle(&w->ben);
    w->s.now_ms += 60000;
    int64_t anna =
        raw_ms(rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("Anna's")));
    both_agree(w);
    /* Ben's clock wins him nothing, and what it said is beside what was made of it. */
    expect(w, w->account, KIND(REGISTER_WRITE), "Account", "phone",
           by_anna(rove__value_text("Anna's"), anna), by_ben(rove__value_text("Ben's"), ben));
}

static void p06_what_an_operator_wrote_meets_a_rep_as_a_reps_does(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Account", w->account);

    int64_t anna =
        raw_ms(rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("Anna's")));
    w->s.now_ms += 1000;
    site_text(row, "phone", "the office's");
    site_update(&w->s, row);
    both_agree(w);
    expect(w, w->account, KIND(REGISTER_WRITE), "Account", "phone",
           by_operator(w, rove__value_text("the office's"), w->s.now_ms),
           by_anna(rove__value_text("Anna's"), anna));
}

static void p06_what_came_with_the_record_meets_a_write_as_well(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__row *row = site_row(&w->s, "Visit", rep_id(&w->anna));

    site_int(row, "account_id", w->account);
    site_int(row, "planned_start", w->s.now_ms);
    site_text(row, "purpose", "Anna's");
    w->anna.skew_ms = -DAY;
    w->anna.raw = 0;
    int64_t anna = raw_ms(rep_insert(&w->anna, row));
    both_agree(w);
    /* A base that never was: Ben has not seen the value that he replaces. */
    rove__change *change =
        rep_update(&w->ben, "Visit", row->id, "purpose", rove__value_text("Ben's"));
    int64_t ben = raw_ms(change);
    change->edits[0].base = (rove__version){1, 1};
    rep_exchange(&w->ben, &outcome);
    both_agree(w);
    expect(w, row->id, KIND(REGISTER_WRITE), "Visit", "purpose",
           by_ben(rove__value_text("Ben's"), ben), by_anna(rove__value_text("Anna's"), anna));
}

static void p06_equal_values_are_no_conflict(void **state) {
    world *w = *state;

    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("same"));
    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("same"));
    both_agree(w);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
}

static void p06_a_batch_that_comes_again_leaves_one_entry(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("Anna's"));
    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("Ben's"));
    rep_settle(&w->ben);
    w->anna.lose_answer = 1;
    rep_exchange(&w->anna, &outcome);
    w->anna.lose_answer = 0;
    assert_int_equal(site_conflicts(&w->s, 0), 1);
    both_agree(w);
    assert_int_equal(site_conflicts(&w->s, 0), 1);
}

/* ---- P8: ranks --------------------------------------------------------------------------------------------- */

static void set_stage(world *w, int64_t stage) {
    rove__row *row = site_row(&w->s, "Account", w->account);

    site_int(row, "lifecycle_stage", stage);
    site_update(&w->s, row);
    both_agree(w);
    w->s.now_ms += 60000;
}

static void p08_an_advance_that_loses_to_a_step_back_is_a_conflict(void **state) {
    world *w = *state;
    rep_outcome outcome;

    set_stage(w, 4);
    rove__change *back =
        rep_update(&w->anna, "Account", w->account, "lifecycle_stage", rove__value_int(2));
    back->edits[0].epoch++;
    int64_t anna = raw_ms(back);
    rep_settle(&w->anna);
    w->s.now_ms += 1000;
    int64_t ben =
        raw_ms(rep_update(&w->ben, "Account", w->account, "lifecycle_stage", rove__value_int(6)));
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_LOST);
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "lifecycle_stage").as.integer, 2);
    expect(w, w->account, KIND(RANK_WRITE), "Account", "lifecycle_stage",
           by_anna(rove__value_int(2), anna), by_ben(rove__value_int(6), ben));
}

static void p08_of_two_advances_the_further_stands_and_the_other_is_kept(void **state) {
    world *w = *state;

    set_stage(w, 2);
    int64_t anna =
        raw_ms(rep_update(&w->anna, "Account", w->account, "lifecycle_stage", rove__value_int(7)));
    w->s.now_ms += 1000;
    int64_t ben =
        raw_ms(rep_update(&w->ben, "Account", w->account, "lifecycle_stage", rove__value_int(5)));
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "lifecycle_stage").as.integer, 7);
    expect(w, w->account, KIND(RANK_WRITE), "Account", "lifecycle_stage",
           by_anna(rove__value_int(7), anna), by_ben(rove__value_int(5), ben));
}

static void p08_equal_ranks_are_no_conflict(void **state) {
    world *w = *state;

    rep_update(&w->anna, "Account", w->account, "lifecycle_stage", rove__value_int(3));
    rep_update(&w->ben, "Account", w->account, "lifecycle_stage", rove__value_int(3));
    both_agree(w);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
}

/* ---- P9, P10: what never conflicts --------------------------------------------------------------------------- */

static void p09_an_add_beside_a_remove_is_no_conflict(void **state) {
    world *w = *state;

    rep_set_add(&w->anna, "Account", w->account, "tag_ids", 11);
    both_agree(w);
    rep_set_remove(&w->anna, "Account", w->account, "tag_ids", 11);
    rep_set_add(&w->ben, "Account", w->account, "tag_ids", 11);
    rep_settle(&w->ben);
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "tag_ids").type, ROVE_BLOB);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
}

static void p10_increments_of_two_are_no_conflict(void **state) {
    world *w = *state;

    rep_count(&w->anna, "Account", w->account, "points", 3);
    rep_count(&w->ben, "Account", w->account, "points", 4);
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "points").as.integer, 7);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
}

/* ---- P11: seals ---------------------------------------------------------------------------------------------- */

static void p11_what_a_seal_meets_is_kept(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);

    int64_t ben = raw_ms(rep_update(&w->ben, "Visit", visit, "purpose", rove__value_text("Ben's")));
    rep_settle(&w->ben);
    w->s.now_ms += 1000;
    int64_t anna = raw_ms(rep_seal(&w->anna, "Visit", visit, NULL));
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "purpose").type, ROVE_NULL);
    expect(w, visit, KIND(REGISTER_WRITE), "Visit", "purpose", by_anna(rove__value_null(), anna),
           by_ben(rove__value_text("Ben's"), ben));
}

static void p11_what_comes_after_a_seal_is_kept(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    rove__row *row = site_row(&w->s, "Visit", visit);

    site_text(row, "notes", "as signed");
    int64_t anna = raw_ms(rep_seal(&w->anna, "Visit", visit, row));
    rep_settle(&w->anna);
    w->s.now_ms += 1000;
    int64_t ben =
        raw_ms(rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("too late")));
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "notes").size, 9);
    expect(w, visit, KIND(SECOND_SEAL), "Visit", "notes",
           by_anna(rove__value_text("as signed"), anna), by_ben(rove__value_text("too late"), ben));
}

static void p11_of_two_seals_the_first_stands_and_the_other_is_kept(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    rove__row *hers = site_row(&w->s, "Visit", visit);
    rove__row *his = site_row(&w->s, "Visit", visit);

    site_text(hers, "outcome", "hers");
    site_text(his, "outcome", "his");
    int64_t anna = raw_ms(rep_seal(&w->anna, "Visit", visit, hers));
    w->s.now_ms += 1000;
    int64_t ben = raw_ms(rep_seal(&w->ben, "Visit", visit, his));
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "outcome").size, 4);
    expect(w, visit, KIND(SECOND_SEAL), "Visit", "outcome", by_anna(rove__value_text("hers"), anna),
           by_ben(rove__value_text("his"), ben));
}

/* ---- P12: deletes -------------------------------------------------------------------------------------------- */

static void p12_an_unseen_edit_holds_the_record_against_a_delete(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);

    int64_t ben =
        raw_ms(rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("keep this")));
    rep_settle(&w->ben);
    w->s.now_ms += 1000;
    int64_t anna = raw_ms(rep_delete(&w->anna, "Visit", visit));
    both_agree(w);
    assert_non_null(rep_find(&w->anna, "Visit", visit));
    /* Who kept it: the one whose edit the deleter had not seen, and not who made the record. */
    expect(w, visit, KIND(DELETION), "Visit", NULL, by_ben(rove__value_null(), ben),
           by_anna(rove__value_null(), anna));
}

/* She counted too, and has not heard what the sum is: not even the last count of it being hers lets her delete his. */
static void p12_an_unseen_count_below_her_own_keeps_what_was_deleted(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_count(&w->ben, "Account", w->account, "points", 3);
    rep_settle(&w->ben);
    rep_count(&w->anna, "Account", w->account, "points", 4);
    w->anna.lose_answer = 1;
    rep_exchange(&w->anna, &outcome);
    w->anna.lose_answer = 0;
    rep_delete(&w->anna, "Account", w->account);
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "points").as.integer, 7);
    assert_int_equal(site_conflicts(&w->s, w->account), 1);
}

static void p12_an_edit_brings_a_record_back_that_was_deleted_unseen(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    rove__hq_row row;

    int64_t anna = raw_ms(rep_delete(&w->anna, "Visit", visit));
    rep_settle(&w->anna);
    w->s.now_ms += 1000;
    int64_t ben =
        raw_ms(rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("keep this")));
    both_agree(w);
    assert_non_null(rep_find(&w->anna, "Visit", visit));
    assert_true(site_get(&w->s, "Visit", visit, &row));
    assert_int_equal(row.review, 1);
    expect(w, visit, KIND(REVIVAL), "Visit", NULL, by_ben(rove__value_null(), ben),
           by_anna(rove__value_null(), anna));
}

static void p12_an_operators_delete_comes_back_as_well(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    int64_t at_ms = w->s.now_ms;

    site_delete(&w->s, "Visit", visit);
    w->s.now_ms += 1000;
    int64_t ben =
        raw_ms(rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("keep this")));
    both_agree(w);
    expect(w, visit, KIND(REVIVAL), "Visit", NULL, by_ben(rove__value_null(), ben),
           by_operator(w, rove__value_null(), at_ms));
}

/* ---- P13: merges of duplicates --------------------------------------------------------------------------------- */

static rove_id another_account(world *w, const char *name) {
    rove_id id = site_account(&w->s, name);

    site_grant(&w->s, ANNA, id);
    site_grant(&w->s, BEN, id);
    both_agree(w);
    w->s.now_ms += 60000;
    return id;
}

static int64_t merges(rep *r, rove_id loser, rove_id winner) {
    return raw_ms(rep_update(r, "Account", loser, "merged_into_id", rove__value_int(winner)));
}

static void p13_a_merge_that_closes_a_ring_is_kept(void **state) {
    world *w = *state;
    rove_id second = another_account(w, "Adler Hotel");

    merges(&w->anna, w->account, second);
    rep_settle(&w->anna);
    int64_t ben = merges(&w->ben, second, w->account);
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Account", second, "merged_into_id").type, ROVE_NULL);
    rove_id conflict = site_conflict(&w->s, second, 0);
    assert_int_equal(number(w, conflict, "", "kind"), KIND(SECOND_REDIRECT));
    side lost = by_ben(rove__value_int(w->account), ben);
    expect_side(w, conflict, "lost", &lost);
}

static void p13_a_second_merge_of_a_loser_is_kept(void **state) {
    world *w = *state;
    rove_id second = another_account(w, "Adler Hotel");
    rove_id third = another_account(w, "The Eagle");

    int64_t anna = merges(&w->anna, w->account, second);
    rep_settle(&w->anna);
    w->s.now_ms += 1000;
    int64_t ben = merges(&w->ben, w->account, third);
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "merged_into_id").as.integer, second);
    expect(w, w->account, KIND(SECOND_REDIRECT), "Account", "merged_into_id",
           by_anna(rove__value_int(second), anna), by_ben(rove__value_int(third), ben));
}

/* A lead that both hold; it names an account already. */
static rove_id held_lead(world *w) {
    rove__row *lead = site_row(&w->s, "Lead", 0);

    site_text(lead, "company", "Adler");
    site_int(lead, "converted_account_id", 77);
    rove_id id = site_insert(&w->s, lead);
    site_grant(&w->s, ANNA, id);
    site_grant(&w->s, BEN, id);
    both_agree(w);
    w->s.now_ms += 60000;
    return id;
}

static void p13_of_a_lead_converted_twice_the_second_account_is_redirected(void **state) {
    world *w = *state;
    rove_id id = held_lead(w);
    rove__row *hers = site_row(&w->s, "Account", rep_id(&w->anna));
    rove__row *his = site_row(&w->s, "Account", rep_id(&w->ben));
    site_text(hers, "name", "Adler");
    site_text(his, "name", "Adler");
    rep_insert(&w->anna, hers);
    int64_t anna =
        raw_ms(rep_update(&w->anna, "Lead", id, "converted_account_id", rove__value_int(hers->id)));
    w->s.now_ms += 1000;
    rep_insert(&w->ben, his);
    int64_t ben =
        raw_ms(rep_update(&w->ben, "Lead", id, "converted_account_id", rove__value_int(his->id)));
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Lead", id, "converted_account_id").as.integer, his->id);
    assert_int_equal(site_cell(&w->s, "Account", hers->id, "merged_into_id").as.integer, his->id);
    expect(w, id, KIND(REGISTER_WRITE), "Lead", "converted_account_id",
           by_ben(rove__value_int(his->id), ben), by_anna(rove__value_int(hers->id), anna));
}

/* Both find the same: it is one merge; and who finds that he was wrong takes it back. */
static void p13_the_same_merge_twice_is_one_and_can_be_undone(void **state) {
    world *w = *state;
    rove_id second = another_account(w, "Adler Hotel");

    merges(&w->anna, w->account, second);
    rep_settle(&w->anna);
    w->s.now_ms += 1000;
    merges(&w->ben, w->account, second);
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "merged_into_id").as.integer, second);
    rep_update(&w->anna, "Account", w->account, "merged_into_id", rove__value_null());
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "merged_into_id").type, ROVE_NULL);
    assert_int_equal(site_conflicts(&w->s, w->account), 0);
}

/* Anna first, Ben later and unseen: hers loses, whether it stands when his comes or comes last. */
static void converts_to(world *w, int hers_last, rove_id hers, rove_id his) {
    rove_id id = held_lead(w);

    rep_update(&w->anna, "Lead", id, "converted_account_id", rove__value_int(hers));
    w->s.now_ms += 1000;
    rep_update(&w->ben, "Lead", id, "converted_account_id", rove__value_int(his));
    rep_settle(hers_last ? &w->ben : &w->anna);
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Lead", id, "converted_account_id").as.integer, his);
    assert_int_equal(site_conflicts(&w->s, id), 1);
    w->s.now_ms += 60000;
}

static void p13_an_account_merged_since_is_not_redirected_away(void **state) {
    world *w = *state;

    for (int hers_last = 0; hers_last < 2; hers_last++) {
        rove_id hers = another_account(w, "Adler Hotel");
        rove_id elsewhere = another_account(w, "The Eagle");
        int64_t ben = merges(&w->ben, hers, elsewhere);
        both_agree(w);
        converts_to(w, hers_last, hers, w->account);
        assert_int_equal(site_cell(&w->s, "Account", hers, "merged_into_id").as.integer, elsewhere);
        expect(w, hers, KIND(SECOND_REDIRECT), "Account", "merged_into_id",
               by_ben(rove__value_int(elsewhere), ben),
               by_operator(w, rove__value_int(w->account), 0));
    }
}

/* Both lead to the same already, however long the way: there is nothing to tell. */
static void p13_accounts_that_are_one_already_are_no_conflict(void **state) {
    world *w = *state;
    rove_id hers = another_account(w, "Adler Hotel");
    rove_id between = another_account(w, "The Eagle");

    merges(&w->ben, hers, between);
    merges(&w->ben, between, w->account);
    both_agree(w);
    converts_to(w, 0, hers, w->account);
    assert_int_equal(site_cell(&w->s, "Account", hers, "merged_into_id").as.integer, between);
    assert_int_equal(site_conflicts(&w->s, hers), 0);
}

/* Naming it in a conversion that loses would redirect everybody's reads of what he does not hold. */
static void p13_a_conversion_redirects_no_account_that_its_author_does_not_hold(void **state) {
    world *w = *state;
    rove_id bens = site_account(&w->s, "Ben's alone");

    site_grant(&w->s, BEN, bens);
    for (int hers_last = 0; hers_last < 2; hers_last++) {
        converts_to(w, hers_last, bens, w->account);
        assert_int_equal(site_cell(&w->s, "Account", bens, "merged_into_id").type, ROVE_NULL);
        assert_int_equal(site_conflicts(&w->s, bens), 0);
    }
    /* One that she holds is. */
    rove_id both = another_account(w, "Adler Hotel");
    converts_to(w, 1, both, w->account);
    assert_int_equal(site_cell(&w->s, "Account", both, "merged_into_id").as.integer, w->account);
}

/* A lead of which an operator set the account, and Ben, who had not seen that, another. *at_once: as he made it. */
static rove_id converted_by_operator(world *w, int at_once) {
    rove_id account = site_account(&w->s, "Adler Hotel");
    rove__row *lead = site_row(&w->s, "Lead", at_once ? 0 : held_lead(w));

    site_text(lead, "company", "Adler");
    site_int(lead, "converted_account_id", account);
    if (at_once) {
        lead->id = site_insert(&w->s, lead);
        site_grant(&w->s, BEN, lead->id);
        rep_settle(&w->ben);
    } else {
        site_update(&w->s, lead);
    }
    w->s.now_ms += 1000;
    rove__change *change =
        rep_update(&w->ben, "Lead", lead->id, "converted_account_id", rove__value_int(w->account));
    change->edits[0].base = (rove__version){1, 1};
    both_agree(w);
    assert_int_equal(site_conflicts(&w->s, lead->id), 1);
    return account;
}

/*
 * What an operator named he might have redirected himself. What came with a row that nobody here made may as well be what a device said
 * that had it, in whoever's name: that redirects nothing.
 */
static void p13_whose_conversion_lost_has_to_be_known(void **state) {
    world *w = *state;
    rove_id account = converted_by_operator(w, 0);

    assert_int_equal(site_cell(&w->s, "Account", account, "merged_into_id").as.integer, w->account);
    account = converted_by_operator(w, 1);
    assert_int_equal(site_cell(&w->s, "Account", account, "merged_into_id").type, ROVE_NULL);
}

/* ---- settling --------------------------------------------------------------------------------------------------- */

static void p06_two_who_settle_a_conflict_at_once_agree(void **state) {
    world *w = *state;

    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("Anna's"));
    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("Ben's"));
    both_agree(w);
    rove_id conflict = site_conflict(&w->s, w->account, 0);
    /* Anna writes the loser again; Ben, later and without knowing, lets it be. */
    rep_update(&w->anna, "Conflict", conflict, "status",
               rove__value_int(ROVE__CONFLICT__STATUS__RESOLVED));
    rep_update(&w->anna, "Conflict", conflict, "note", rove__value_text("called them"));
    w->s.now_ms += 1000;
    rep_update(&w->ben, "Conflict", conflict, "status",
               rove__value_int(ROVE__CONFLICT__STATUS__DISMISSED));
    rep_update(&w->ben, "Conflict", conflict, "note", rove__value_text("whatever"));
    both_agree(w);
    assert_int_equal(number(w, conflict, "", "status"), ROVE__CONFLICT__STATUS__DISMISSED);
    assert_int_equal(cell(w, conflict, "", "note").size, 8);
    assert_int_equal(site_conflicts(&w->s, 0), 1); /* and that is no conflict of its own */
}

/* His work came back to both devices of a rep: on one he tries again, on the other he gives it up. */
static void p06_two_devices_that_settle_a_return_at_once_agree(void **state) {
    world *w = *state;
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
    const rove__entity *review = rove__registry_by_name(w->s.registry, "Review");
    rove_error error = {.message = ""};
    rep_outcome outcome;
    rove_id id = 0;
    rep other;

    rep_open(&other, &w->s, 300, ANNA);
    site_int(visit, "account_id", site_account(&w->s, "not hers"));
    site_int(visit, "planned_start", w->s.now_ms);
    site_int(visit, "status", 1);
    rep_insert(&w->anna, visit);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(site_decide(&w->s, 1, 0, "", &error), ROVE_OK);
    rep_settle(&w->anna);
    rep_settle(&other);
    for (size_t i = 0; i < other.row_count; i++) {
        id = other.rows[i].row.entity == review ? other.rows[i].row.id : id;
    }
    rep_update(&w->anna, "Review", id, "state", rove__value_int(ROVE__REVIEW__STATE__RETRIED));
    w->s.now_ms += 1000;
    rep_update(&other, "Review", id, "state", rove__value_int(ROVE__REVIEW__STATE__DISCARDED));
    rep_settle(&w->anna);
    rep_settle(&other);
    rep_settle(&w->anna);
    rep_check(&w->anna);
    assert_int_equal(site_cell(&w->s, "Review", id, "state").as.integer,
                     ROVE__REVIEW__STATE__DISCARDED);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
    rep_close(&other);
}

/* Of one edit of two fields the conflict shows when the later was written, whichever comes first. */
static void p12_of_an_unseen_edit_the_later_field_counts(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    rove__change *change =
        rep_update(&w->ben, "Visit", visit, "purpose", rove__value_text("Ben's"));
    rove__edit edits[2] = {change->edits[0], change->edits[0]};

    site_set(&change->row, "notes", rove__value_text("his"));
    edits[1].field =
        change->row.entity->fields[rove__entity_field_named(change->row.entity, "notes")].number;
    size_t first = edits[0].field > edits[1].field;
    int64_t raw = rove__stamp_ms(edits[0].raw);
    edits[!first].raw -= 2000 << 16;
    change->edits = rove__arena_take(&w->s.arena, sizeof edits);
    assert_non_null(change->edits);
    change->edits[0] = edits[first];
    change->edits[1] = edits[!first];
    change->edit_count = 2;
    rep_settle(&w->ben);
    w->s.now_ms += 1000;
    rep_delete(&w->anna, "Visit", visit);
    both_agree(w);
    rove_id conflict = site_conflict(&w->s, visit, 0);
    assert_int_equal(number(w, conflict, "", "kind"), KIND(DELETION));
    assert_int_equal(number(w, conflict, "kept", "_raw_at"), raw);
}

static void d07_a_conflict_leaves_with_its_record(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    rove_id hers = site_account(&w->s, "Anna's alone");

    site_grant(&w->s, ANNA, hers);
    rep_update(&w->anna, "Visit", visit, "purpose", rove__value_text("Anna's"));
    rep_update(&w->ben, "Visit", visit, "purpose", rove__value_text("Ben's"));
    both_agree(w);
    rove_id conflict = site_conflict(&w->s, visit, 0);
    assert_non_null(rep_find(&w->ben, "Conflict", conflict));
    rep_update(&w->anna, "Visit", visit, "account_id", rove__value_int(hers));
    both_agree(w);
    assert_null(rep_find(&w->ben, "Visit", visit));
    assert_null(rep_find(&w->ben, "Conflict", conflict));
    assert_non_null(rep_find(&w->anna, "Conflict", conflict));
}

/* A field of a newer version or an organisation's own; its author has seen nothing. Nothing else of the answer is of interest. */
static void pushes_unknown_field(world *w, rep *r, rove_value value) {
    rep_outcome outcome;
    rove__change *change =
        rep_update(r, "Account", w->account, "phone", rove__value_text("in its place"));
    rove__extra extra = {5000, value};

    memset(&change->row.present, 0, sizeof change->row.present);
    change->row.extra = rove__arena_copy(&w->s.arena, &extra, sizeof extra);
    change->row.extra_count = 1;
    change->edits[0].field = extra.number;
    change->edits[0].base = (rove__version){1, 1};
    rep_freeze(r);
    raw_request *q = raw_open(r);
    raw_hello(q, NULL);
    raw_push(q, &r->batches[0]);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.acks, 1);
    r->batch_count = 0;
}

static void p06_a_long_value_is_kept_whole(void **state) {
    world *w = *state;
    static uint8_t text[60000];

    memset(text, 'x', sizeof text);
    pushes_unknown_field(w, &w->anna, rove__value_bytes(ROVE_TEXT, text, sizeof text));
    w->s.now_ms += 1000;
    pushes_unknown_field(w, &w->ben, rove__value_text("short"));
    /* The first met the NULL that stood, the second that long one. */
    rove_value lost = cell(w, site_conflict(&w->s, w->account, 1), "lost", "_value");
    assert_int_equal(lost.type, ROVE_BLOB);
    assert_true(lost.size > sizeof text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(p05_what_its_author_had_seen_is_no_conflict),
        CASE(p05_what_replaces_ones_own_write_is_no_conflict),
        CASE(p06_of_concurrent_registers_the_later_wins),
        CASE(p06_the_later_wins_also_when_it_comes_last),
        CASE(p06_a_conflict_shows_the_time_that_a_wrong_clock_told),
        CASE(p06_what_an_operator_wrote_meets_a_rep_as_a_reps_does),
        CASE(p06_what_came_with_the_record_meets_a_write_as_well),
        CASE(p06_equal_values_are_no_conflict),
        CASE(p06_a_batch_that_comes_again_leaves_one_entry),
        CASE(p06_a_long_value_is_kept_whole),
        CASE(p06_two_who_settle_a_conflict_at_once_agree),
        CASE(d07_a_conflict_leaves_with_its_record),
        CASE(p08_an_advance_that_loses_to_a_step_back_is_a_conflict),
        CASE(p08_of_two_advances_the_further_stands_and_the_other_is_kept),
        CASE(p08_equal_ranks_are_no_conflict),
        CASE(p09_an_add_beside_a_remove_is_no_conflict),
        CASE(p10_increments_of_two_are_no_conflict),
        CASE(p11_what_a_seal_meets_is_kept),
        CASE(p11_what_comes_after_a_seal_is_kept),
        CASE(p11_of_two_seals_the_first_stands_and_the_other_is_kept),
        CASE(p12_an_unseen_edit_holds_the_record_against_a_delete),
        CASE(p12_an_unseen_count_below_her_own_keeps_what_was_deleted),
        CASE(p12_an_edit_brings_a_record_back_that_was_deleted_unseen),
        CASE(p12_an_operators_delete_comes_back_as_well),
        CASE(p13_a_merge_that_closes_a_ring_is_kept),
        CASE(p13_a_second_merge_of_a_loser_is_kept),
        CASE(p13_of_a_lead_converted_twice_the_second_account_is_redirected),
        CASE(p13_an_account_merged_since_is_not_redirected_away),
        CASE(p13_accounts_that_are_one_already_are_no_conflict),
        CASE(p13_a_conversion_redirects_no_account_that_its_author_does_not_hold),
        CASE(p13_whose_conversion_lost_has_to_be_known),
        CASE(p13_the_same_merge_twice_is_one_and_can_be_undone),
        CASE(p06_two_devices_that_settle_a_return_at_once_agree),
        CASE(p12_of_an_unseen_edit_the_later_field_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
