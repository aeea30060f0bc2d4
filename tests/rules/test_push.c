/*
 * test_push.c - the rules of pushing (P1 to P15 of docs/protocol.md), each with the planted bugs that it has to notice.
 * P16, and what else needs several servers, is in test_servers.c.
 */
#include "base/planted.h"
#include "teeth.h"
#include "two_reps.h"

#include "rove/entities.pb-c.h"

/* ---- words ------------------------------------------------------------------------------------------------ */

static void writes(world *w, rep *r, const char *column, const char *text) {
    rep_update(r, "Account", w->account, column, rove__value_text(text));
}

/* What stands at headquarters. */
static void stands(world *w, const char *column, const char *text) {
    rove_value value = site_cell(&w->s, "Account", w->account, column);

    assert_int_equal(value.type, ROVE_TEXT);
    assert_int_equal(value.size, strlen(text));
    assert_memory_equal(value.as.data, text, value.size);
}

static int64_t number_at(world *w, const char *entity, rove_id id, const char *column) {
    rove_value value = site_cell(&w->s, entity, id, column);

    return value.type == ROVE_INT ? value.as.integer : 0;
}

static rove__row *new_visit(world *w, rep *r, const char *notes) {
    rove__row *row = site_row(&w->s, "Visit", rep_id(r));

    site_int(row, "account_id", w->account);
    site_int(row, "planned_start", w->s.now_ms + DAY);
    site_int(row, "status", ROVE__VISIT__STATUS__PLANNED);
    site_text(row, "notes", notes);
    return row;
}

/* One request with these batches, nothing else. */
static void pushes(rep *r, const rep_batch *batches, size_t count, rep_outcome *outcome) {
    raw_request *q = raw_open(r);

    raw_hello(q, NULL);
    for (size_t i = 0; i < count; i++) {
        raw_push(q, &batches[i]);
    }
    raw_end(q);
    raw_answer(q, 0, outcome);
}

/* ---- batches ---------------------------------------------------------------------------------------------- */

static void p01_a_missing_batch_is_asked_for(void **state) {
    world *w = *state;
    rep_outcome outcome;

    writes(w, &w->anna, "description", "first");
    rep_freeze(&w->anna);
    writes(w, &w->anna, "website", "second");
    rep_freeze(&w->anna);
    pushes(&w->anna, &w->anna.batches[1], 1, &outcome);
    assert_int_equal(outcome.need, 1);
    assert_int_equal(outcome.acks, 0);
    both_agree(w);
    stands(w, "website", "second");
}

static void p01_a_batch_that_does_not_follow_is_not_taken(void **state) {
    world *w = *state;
    rep_outcome outcome;

    writes(w, &w->anna, "description", "of another past");
    rep_freeze(&w->anna);
    w->anna.batches[0].previous.hash[0] ^= 1;
    pushes(&w->anna, w->anna.batches, 1, &outcome);
    assert_true(outcome.forked);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "description").type, ROVE_NULL);
}

static void p02_sending_again_changes_nothing(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_count(&w->anna, "Account", w->account, "points", 5);
    rep_freeze(&w->anna);
    pushes(&w->anna, w->anna.batches, 1, &outcome);
    uint64_t head = memory_headquarters_head(w->s.hq);
    pushes(&w->anna, w->anna.batches, 1, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(number_at(w, "Account", w->account, "points"), 5);
    assert_int_equal(memory_headquarters_head(w->s.hq), head);
    both_agree(w);
}

/* The answer to the first time was lost; by now the cursor is past what was written since. */
static void p02_sending_again_shows_the_rows_as_they_are(void **state) {
    world *w = *state;
    rep_outcome outcome;

    writes(w, &w->anna, "description", "hers");
    rep_freeze(&w->anna);
    pushes(&w->anna, w->anna.batches, 1, &outcome);
    raw_request *q = raw_open(&w->anna);
    rove__hello hello = raw_default_hello(&w->anna);
    hello.cursor.seq = memory_headquarters_head(w->s.hq);
    raw_hello(q, &hello);
    raw_push(q, &w->anna.batches[0]);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(outcome.stats.rows_out, 1);
}

static void p03_a_number_with_other_content_is_a_copy(void **state) {
    world *w = *state;
    rep_outcome outcome;

    writes(w, &w->anna, "description", "of the device");
    rep_freeze(&w->anna);
    pushes(&w->anna, w->anna.batches, 1, &outcome);
    assert_int_equal(outcome.acks, 1);
    w->anna.batch_count = 0; /* as its backup remembers it */
    writes(w, &w->anna, "website", "of its copy");
    rep_freeze(&w->anna);
    pushes(&w->anna, w->anna.batches, 1, &outcome);
    assert_true(outcome.forked);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "website").type, ROVE_NULL);
}

static void p03_who_forgot_what_he_confirmed_is_a_copy(void **state) {
    world *w = *state;
    rep_outcome outcome;

    writes(w, &w->anna, "description", "confirmed");
    rep_settle(&w->anna);
    writes(w, &w->anna, "description", "and once more");
    rep_settle(&w->anna);
    rove__hello hello = raw_default_hello(&w->anna);
    hello.acked = 0;
    hello.chain = (rove__chain){{0}};
    raw_request *q = raw_open(&w->anna);
    raw_hello(q, &hello);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_true(outcome.forked);
    assert_int_equal(outcome.pages, 0);
}

static void p04_a_record_is_its_origin(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rove__row *first = new_visit(w, &w->anna, "the first");
    rep_insert(&w->anna, first);
    rep_settle(&w->anna);
    rove__row *second = new_visit(w, &w->anna, "the second");
    second->id = first->id;
    rep_insert(&w->anna, second);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 1);
    rove_value notes = site_cell(&w->s, "Visit", first->id, "notes");
    assert_int_equal(notes.size, strlen("the first"));
}

/* ---- cells ------------------------------------------------------------------------------------------------ */

/* Her clock is a year slow; she had seen what she replaces. */
static void p05_who_saw_the_value_replaces_it(void **state) {
    world *w = *state;

    w->anna.skew_ms = -365 * DAY;
    w->s.now_ms += 10000;
    writes(w, &w->ben, "description", "seen");
    both_agree(w);
    writes(w, &w->anna, "description", "corrected");
    both_agree(w);
    stands(w, "description", "corrected");
    assert_int_equal(site_conflicts(&w->s, w->account), 0);
}

/* She writes twice before the first answer arrives. */
static void p05_ones_own_value_is_no_surprise(void **state) {
    world *w = *state;

    writes(w, &w->anna, "description", "first");
    rep_freeze(&w->anna);
    writes(w, &w->anna, "description", "second");
    rep_freeze(&w->anna);
    both_agree(w);
    stands(w, "description", "second");
    assert_int_equal(site_conflicts(&w->s, w->account), 0);
}

static void p06_of_concurrent_registers_the_later_wins(void **state) {
    world *w = *state;

    w->s.now_ms += 1000;
    writes(w, &w->ben, "description", "earlier");
    w->s.now_ms += 1000;
    writes(w, &w->anna, "description", "later");
    both_agree(w);
    stands(w, "description", "later");
    assert_int_equal(site_conflicts(&w->s, w->account), 1);
    both_agree(w);
    assert_int_equal(site_conflicts(&w->s, w->account), 1);
}

static void p06_who_agree_have_no_conflict(void **state) {
    world *w = *state;

    writes(w, &w->ben, "description", "the same");
    w->s.now_ms += 1000;
    writes(w, &w->anna, "description", "the same");
    both_agree(w);
    assert_int_equal(site_conflicts(&w->s, w->account), 0);
}

/* His clock is in 2100; he wrote before her, so she wins. */
static void p07_no_clock_wins_by_being_wrong(void **state) {
    world *w = *state;

    w->ben.skew_ms = 75 * 365 * DAY;
    writes(w, &w->ben, "description", "from 2100");
    rep_freeze(&w->ben);
    rep_outcome outcome;
    rep_exchange(&w->ben, &outcome);
    w->s.now_ms += 60000;
    writes(w, &w->anna, "description", "a minute later");
    both_agree(w);
    stands(w, "description", "a minute later");
}

/* Whoever put it back an hour: what is written after is later all the same. */
static void p07_headquarters_clock_never_runs_back(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Account", w->account);
    rove__hq_row before;
    rove__hq_row after;

    site_text(row, "website", "first.example");
    site_update(&w->s, row);
    assert_true(site_get(&w->s, "Account", w->account, &before));
    w->s.now_ms -= 3600000;
    row = site_row(&w->s, "Account", w->account);
    site_text(row, "website", "second.example");
    site_update(&w->s, row);
    assert_true(site_get(&w->s, "Account", w->account, &after));
    assert_true(rove__clock_largest(&after.clock) > rove__clock_largest(&before.clock));
}

static void p08_a_stage_only_advances(void **state) {
    world *w = *state;

    rep_update(&w->anna, "Account", w->account, "lifecycle_stage",
               rove__value_int(ROVE__LIFECYCLE_STAGE__CUSTOMER));
    w->s.now_ms += 1000;
    rep_update(&w->ben, "Account", w->account, "lifecycle_stage",
               rove__value_int(ROVE__LIFECYCLE_STAGE__PROSPECT));
    both_agree(w);
    assert_int_equal(number_at(w, "Account", w->account, "lifecycle_stage"),
                     ROVE__LIFECYCLE_STAGE__CUSTOMER);
}

static void p09_an_add_wins_over_a_remove_that_had_not_seen_it(void **state) {
    world *w = *state;
    rove_value set;

    rep_set_add(&w->anna, "Account", w->account, "tag_ids", 7);
    both_agree(w);
    rep_set_remove(&w->ben, "Account", w->account, "tag_ids", 7);
    rep_set_remove(&w->anna, "Account", w->account, "tag_ids", 7);
    rep_settle(&w->anna);
    rep_set_add(&w->anna, "Account", w->account, "tag_ids", 7);
    rep_settle(&w->anna);
    both_agree(w);
    set = site_cell(&w->s, "Account", w->account, "tag_ids");
    assert_int_equal(set.type, ROVE_BLOB);
}

/* Ben has not seen that Anna added the same, adds it too, and takes it back. */
static void p09_who_takes_his_add_back_takes_back_his_alone(void **state) {
    world *w = *state;
    rove_value set;

    rep_set_add(&w->anna, "Account", w->account, "tag_ids", 7);
    rep_set_add(&w->ben, "Account", w->account, "tag_ids", 7);
    rep_freeze(&w->ben);
    rep_set_remove(&w->ben, "Account", w->account, "tag_ids", 7);
    rep_settle(&w->anna);
    rep_settle(&w->ben);
    both_agree(w);
    set = site_cell(&w->s, "Account", w->account, "tag_ids");
    assert_int_equal(set.type, ROVE_BLOB);
    rep_set_remove(&w->ben, "Account", w->account, "tag_ids", 7); /* now he has seen it */
    both_agree(w);
    set = site_cell(&w->s, "Account", w->account, "tag_ids");
    assert_int_equal(set.type, ROVE_NULL);
}

static void p10_increments_add_up(void **state) {
    world *w = *state;

    rep_count(&w->anna, "Account", w->account, "points", 5);
    rep_count(&w->ben, "Account", w->account, "points", 7);
    both_agree(w);
    assert_int_equal(number_at(w, "Account", w->account, "points"), 12);
}

/* ---- records ---------------------------------------------------------------------------------------------- */

static rove_id visit_of_both(world *w) {
    rove__row *visit = new_visit(w, &w->anna, "planned");

    rep_insert(&w->anna, visit);
    both_agree(w);
    return visit->id;
}

static void seals(world *w, rep *r, rove_id visit, const char *notes) {
    rove__row *row = site_row(&w->s, "Visit", visit);

    site_int(row, "status", ROVE__VISIT__STATUS__COMPLETED);
    site_text(row, "notes", notes);
    rep_seal(r, "Visit", visit, row);
}

static void p11_what_was_signed_stands_as_it_was_signed(void **state) {
    world *w = *state;
    rove_id visit = visit_of_both(w);

    seals(w, &w->anna, visit, "signed");
    w->s.now_ms += 60000;
    rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("later"));
    rep_settle(&w->ben);
    both_agree(w);
    rove_value notes = site_cell(&w->s, "Visit", visit, "notes");
    assert_int_equal(notes.size, strlen("signed"));
    assert_int_equal(site_conflicts(&w->s, visit), 1);
}

/* The record is signed whole, with people of whom the seal itself says nothing new. */
static void p11_a_set_that_the_signer_left_alone_stays(void **state) {
    world *w = *state;
    rove_id visit = visit_of_both(w);

    rep_set_add(&w->anna, "Visit", visit, "contact_ids", 7);
    both_agree(w);
    seals(w, &w->ben, visit, "signed");
    rep_settle(&w->ben);
    both_agree(w);
    rove_value people = site_cell(&w->s, "Visit", visit, "contact_ids");
    assert_int_equal(people.type, ROVE_BLOB);
    assert_int_equal(site_conflicts(&w->s, visit), 0);
}

/* Somebody cancelled it meanwhile, in a way that no rep's rule knows: the signed record is looked at, not refused. */
static void p11_what_was_signed_is_never_refused(void **state) {
    world *w = *state;
    rove_id visit = visit_of_both(w);
    rep_outcome outcome;

    seals(w, &w->anna, visit, "signed");
    rove__change *seal = &w->anna.changes[w->anna.change_count - 1];
    site_int(&seal->row, "priority", 99); /* out of its range */
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 1);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
}

static void seals_with(world *w, rep *r, rove_id visit, const char *proof) {
    rove__row *row = site_row(&w->s, "Visit", visit);

    site_int(row, "status", ROVE__VISIT__STATUS__COMPLETED);
    rove__row_set(row, (size_t)rove__entity_field_named(row->entity, "proof"),
                  rove__value_bytes(ROVE_BLOB, proof, strlen(proof)));
    rep_seal(r, "Visit", visit, row);
}

/* Both complete one visit; what the second one signed has its place in his chain. */
static void s04_every_proof_is_kept(void **state) {
    world *w = *state;
    rove_id visit = visit_of_both(w);

    seals_with(w, &w->anna, visit, "anna's proof");
    seals_with(w, &w->ben, visit, "ben's proof");
    both_agree(w);
    rove_value kept = site_cell(&w->s, "Visit", visit, "proof");
    assert_int_equal(kept.size, strlen("anna's proof"));
    rove_id conflict = site_conflict(&w->s, visit, 0);
    assert_int_not_equal(conflict, 0);
    rove_value lost = site_cell(&w->s, "Conflict", conflict, "lost_value");
    assert_int_equal(lost.type, ROVE_BLOB);
    assert_memory_equal((const uint8_t *)lost.as.data + lost.size - strlen("ben's proof"),
                        "ben's proof", strlen("ben's proof"));
}

static void p12_a_delete_covers_what_its_author_had_seen(void **state) {
    world *w = *state;
    rove_id visit = visit_of_both(w);
    rove__hq_row row;

    rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("not seen by her"));
    rep_settle(&w->ben);
    rep_delete(&w->anna, "Visit", visit);
    both_agree(w);
    assert_true(site_get(&w->s, "Visit", visit, &row));
    assert_int_equal(row.dead, 0);
    assert_int_equal(row.review, 1);
    assert_int_equal(site_conflicts(&w->s, visit), 1);
}

static void p13_merges_of_duplicates_do_not_go_round(void **state) {
    world *w = *state;
    rove_id twin = site_account(&w->s, "Adler Hotel");

    site_grant(&w->s, ANNA, twin);
    site_grant(&w->s, BEN, twin);
    both_agree(w);
    rep_update(&w->anna, "Account", w->account, "merged_into_id", rove__value_int(twin));
    rep_update(&w->ben, "Account", twin, "merged_into_id", rove__value_int(w->account));
    both_agree(w);
    assert_int_equal(number_at(w, "Account", w->account, "merged_into_id"), twin);
    assert_int_equal(number_at(w, "Account", twin, "merged_into_id"), 0);
    assert_int_equal(site_conflicts(&w->s, twin), 1);
}

/* ---- entitlement ------------------------------------------------------------------------------------------ */

static void p14_what_was_written_while_he_held_it_counts(void **state) {
    world *w = *state;

    writes(w, &w->ben, "description", "seen on the spot");
    site_revoke(&w->s, BEN, w->account);
    rep_settle(&w->ben);
    stands(w, "description", "seen on the spot");
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 0);
    assert_null(rep_find(&w->ben, "Account", w->account));
}

static void p14_what_was_written_after_that_is_looked_at(void **state) {
    world *w = *state;
    rove__cursor cursor;

    site_revoke(&w->s, BEN, w->account);
    writes(w, &w->ben, "description", "none of his business");
    cursor = w->ben.cursor;
    cursor.seq = memory_headquarters_head(w->s.hq);
    w->ben.changes[0].cursor = cursor;
    rep_settle(&w->ben);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "description").type, ROVE_NULL);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
}

/* ---- what headquarters lacks ------------------------------------------------------------------------------ */

/* A visit that both have and that headquarters loses. */
static rove_id lost_visit(world *w) {
    size_t backup = memory_headquarters_backup(w->s.hq);
    rove_id visit = visit_of_both(w);

    memory_headquarters_restore(w->s.hq, backup, 99, 999);
    return visit;
}

static void p15_an_edit_of_a_lost_row_waits_for_it(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id visit = lost_visit(w);

    rep_update(&w->ben, "Visit", visit, "purpose", rove__value_text("his"));
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 1);
    rep_settle(&w->anna); /* she made it, and sends it again */
    rep_settle(&w->ben);
    both_agree(w);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "purpose").size, 3);
}

static void p15_a_lost_row_is_asked_for(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id visit = lost_visit(w);

    rep_update(&w->ben, "Visit", visit, "purpose", rove__value_text("his"));
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.needed_rows, 1);
    assert_int_equal(outcome.pages, 0); /* a page would take away what is asked for */
    rep_settle(&w->ben);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "purpose").size, 3);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
}

/* Of what is past the bound nothing is lost either: it is looked at. */
static void p15_what_waits_has_a_bound(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id visit = lost_visit(w);

    for (size_t i = 0; i < ROVE_PARKED_MAX; i++) {
        rep_update(&w->ben, "Visit", visit, "purpose", rove__value_text("waits"));
    }
    rep_freeze(&w->ben);
    rep_update(&w->ben, "Visit", visit, "purpose", rove__value_text("too much"));
    rep_update(&w->ben, "Visit", visit, "purpose", rove__value_text("too much"));
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(memory_headquarters_parked(w->s.hq), ROVE_PARKED_MAX);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 2);
    both_agree(w);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "purpose").size, 5);
}

static const rule_test tests[] = {
    RULE(p01_a_missing_batch_is_asked_for, ROVE_PLANT_P01_GAP),
    RULE(p01_a_batch_that_does_not_follow_is_not_taken, ROVE_PLANT_P01_UNCHAINED),
    RULE(p02_sending_again_changes_nothing, ROVE_PLANT_P02_AGAIN),
    RULE(p02_sending_again_shows_the_rows_as_they_are, ROVE_PLANT_P02_WITHOUT_ROWS),
    RULE(p03_a_number_with_other_content_is_a_copy, ROVE_PLANT_P03_OTHER_HASH),
    RULE(p03_who_forgot_what_he_confirmed_is_a_copy, ROVE_PLANT_P03_ROLLED_BACK),
    RULE(p04_a_record_is_its_origin, ROVE_PLANT_P04_BY_NAME),
    RULE(p05_who_saw_the_value_replaces_it, ROVE_PLANT_P05_BLIND),
    RULE(p05_ones_own_value_is_no_surprise, ROVE_PLANT_P05_STRANGE),
    RULE(p06_of_concurrent_registers_the_later_wins, ROVE_PLANT_P06_EARLIER, ROVE_PLANT_P06_SILENT),
    RULE(p06_who_agree_have_no_conflict, ROVE_PLANT_P06_EQUAL),
    RULE(p07_no_clock_wins_by_being_wrong, ROVE_PLANT_P07_RAW),
    RULE(p07_headquarters_clock_never_runs_back, ROVE_PLANT_P07_STEPS_BACK),
    RULE(p08_a_stage_only_advances, ROVE_PLANT_P08_REGISTER),
    RULE(p09_an_add_wins_over_a_remove_that_had_not_seen_it, ROVE_PLANT_P09_REMOVE_WINS),
    RULE(p09_who_takes_his_add_back_takes_back_his_alone, ROVE_PLANT_P09_LAST_ADDER),
    RULE(p10_increments_add_up, ROVE_PLANT_P10_OVERWRITE),
    RULE(p11_what_was_signed_stands_as_it_was_signed, ROVE_PLANT_P11_MIXED),
    RULE(p11_a_set_that_the_signer_left_alone_stays, ROVE_PLANT_P11_WIPED),
    RULE(p11_what_was_signed_is_never_refused, ROVE_PLANT_P11_REFUSED),
    RULE(s04_every_proof_is_kept, ROVE_PLANT_S04_DROPPED),
    RULE(p12_a_delete_covers_what_its_author_had_seen, ROVE_PLANT_P12_DELETE_WINS),
    RULE(p13_merges_of_duplicates_do_not_go_round, ROVE_PLANT_P13_RING),
    RULE(p14_what_was_written_while_he_held_it_counts, ROVE_PLANT_P14_NOW),
    RULE(p14_what_was_written_after_that_is_looked_at, ROVE_PLANT_P14_ANYBODY),
    RULE(p15_an_edit_of_a_lost_row_waits_for_it, ROVE_PLANT_P15_DROPPED),
    RULE(p15_a_lost_row_is_asked_for, ROVE_PLANT_P15_UNASKED),
    RULE(p15_what_waits_has_a_bound, ROVE_PLANT_P15_UNBOUNDED),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, world_start, world_end, argc, argv);
}
