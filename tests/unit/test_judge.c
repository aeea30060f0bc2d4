/*
 * What becomes of what a rep pushes: accepted, merged, lost, refused, in review. One rep, then two.
 */
#include <string.h>

#include "model/set.h"
#include "sync/judge.h"
#include "two_reps.h"
#include "two_reps_look.h"
#include "wire/batch.h"

#include "rove/entities.pb-c.h"

static rove_id anna_visits(world *w) {
    rove__row *row = site_row(&w->s, "Visit", rep_id(&w->anna));

    site_int(row, "account_id", w->account);
    site_int(row, "planned_start", w->s.now_ms + DAY);
    site_int(row, "status", ROVE__VISIT__STATUS__PLANNED);
    rep_insert(&w->anna, row);
    return row->id;
}

/* ---- one rep --------------------------------------------------------------------------------------------- */

static void a_first_download_brings_what_the_rep_holds(void **state) {
    world *w = *state;

    assert_non_null(rep_find(&w->anna, "Account", w->account));
    site_account(&w->s, "not hers");
    rep_settle(&w->anna);
    assert_int_equal(w->anna.row_count, 1);
    rep_check(&w->anna);
}

static void a_visit_reaches_headquarters_and_the_colleague(void **state) {
    world *w = *state;
    rove_id visit = anna_visits(w);
    rep_outcome outcome;

    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(outcome.verdict_count, 0);
    assert_true(outcome.verified);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "account_id").as.integer, w->account);
    both_agree(w);
    assert_non_null(rep_find(&w->ben, "Visit", visit));
}

static void nothing_new_costs_little(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.pages, 0);
    assert_false(outcome.more);
    assert_true(outcome.verified);
    assert_true(outcome.bytes_out <= 700 && outcome.bytes_in <= 700);
}

static void a_new_account_is_granted_to_its_author_alone(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Account", rep_id(&w->anna));

    site_text(row, "name", "Bar am See");
    rep_insert(&w->anna, row);
    both_agree(w);
    assert_non_null(rep_find(&w->anna, "Account", row->id));
    assert_null(rep_find(&w->ben, "Account", row->id));
}

static void a_rule_refuses_one_write_and_the_rest_goes_on(void **state) {
    world *w = *state;
    rove_id visit = anna_visits(w);
    rep_outcome outcome;

    rep_update(&w->anna, "Account", w->account, "credit_limit", rove__value_int(1));
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 1);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REJECTED);
    assert_int_equal(outcome.verdicts[0].status, ROVE_DENIED);
    assert_non_null(strstr(outcome.verdicts[0].reason, "credit_limit"));
    assert_int_equal(site_cell(&w->s, "Account", w->account, "credit_limit").type, ROVE_NULL);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "status").as.integer,
                     ROVE__VISIT__STATUS__PLANNED);
    both_agree(w);
}

static void a_refused_account_takes_its_visit_along(void **state) {
    world *w = *state;
    rove__row *account = site_row(&w->s, "Account", rep_id(&w->anna));
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
    rep_outcome outcome;

    rep_insert(&w->anna, account); /* without a name */
    site_int(visit, "account_id", account->id);
    rep_insert(&w->anna, visit);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(outcome.verdicts[i].code, ROVE_VERDICT_REJECTED);
        assert_int_equal(outcome.verdicts[i].status, ROVE_REQUIRED);
    }
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 0);
}

static void work_on_what_one_does_not_hold_goes_to_review(void **state) {
    world *w = *state;
    rove_id other = site_account(&w->s, "not hers");
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
    rep_outcome outcome;

    site_int(visit, "account_id", other);
    rep_insert(&w->anna, visit);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
    rove__hq_row row;
    assert_false(site_get(&w->s, "Visit", visit->id, &row));
}

static void work_done_while_one_held_it_counts_after_reassignment(void **state) {
    world *w = *state;
    rove_id visit = anna_visits(w);

    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("0221 1"));
    site_revoke(&w->s, ANNA, w->account);
    rep_settle(&w->anna);
    assert_int_equal(w->anna.row_count, 0);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 0);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "account_id").as.integer, w->account);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "phone").size, 6);
    both_agree(w);
}

static void work_done_after_reassignment_goes_to_review(void **state) {
    world *w = *state;

    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("1"));
    rove__change kept = w->anna.changes[0];
    w->anna.change_count = 0;
    site_revoke(&w->s, ANNA, w->account);
    rep_settle(&w->anna);
    kept.cursor = w->anna.cursor;
    w->anna.changes[w->anna.change_count++] = kept;
    rep_outcome outcome;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "phone").type, ROVE_NULL);
}

static void a_batch_that_comes_again_changes_nothing(void **state) {
    world *w = *state;
    rove_id visit = anna_visits(w);
    rep_outcome outcome;

    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("0221"));
    rep_count(&w->anna, "Account", w->account, "points", 5);
    w->anna.lose_answer = 1;
    rep_exchange(&w->anna, &outcome);
    w->anna.lose_answer = 0;
    uint64_t head = memory_headquarters_head(w->s.hq);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(memory_headquarters_head(w->s.hq), head);
    assert_true(outcome.verified);
    assert_int_equal(rep_cell(&w->anna, "Account", w->account, "points").as.integer, 5);
    assert_non_null(rep_find(&w->anna, "Visit", visit));
    both_agree(w);
}

/* The change is of a field of a newer build instead. */
static void of_an_unknown_field(world *w, rove__change *change, uint32_t number, rove_value value) {
    rove__extra extra = {number, value};

    memset(&change->row.present, 0, sizeof change->row.present);
    change->row.extra = rove__arena_copy(&w->s.arena, &extra, sizeof extra);
    change->row.extra_count = 1;
    change->edits[0].field = number;
    change->edits[0].base = (rove__version){0, 0};
}

/* Fields of a newer build are kept, travel on, and never make a record too big to be sent. */
static void unknown_fields_are_kept_as_long_as_the_record_fits(void **state) {
    world *w = *state;
    static uint8_t text[60000];
    rep_outcome outcome;
    size_t refused = 0;

    memset(text, 'x', sizeof text);
    for (uint32_t i = 0; i < 4; i++) {
        rove__change *change =
            rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("1"));
        of_an_unknown_field(w, change, 5000 + i, rove__value_bytes(ROVE_TEXT, text, sizeof text));
        rep_freeze(&w->anna);
        raw_request *q = raw_open(&w->anna);
        raw_hello(q, NULL);
        raw_push(q, &w->anna.batches[0]);
        raw_end(q);
        raw_answer(q, 0, &outcome);
        assert_int_equal(outcome.acks, 1);
        refused += outcome.verdict_count;
        for (size_t v = 0; v < outcome.verdict_count; v++) {
            assert_int_equal(outcome.verdicts[v].status, ROVE_TOO_BIG);
        }
        w->anna.acked = w->anna.batches[0].number;
        assert_int_equal(rove__exchange_chain(&w->s.crypto, &w->anna.batches[0].previous,
                                              &w->anna.batches[0].hash, &w->anna.chain),
                         ROVE_OK);
        w->anna.batch_count = 0;
    }
    assert_int_equal(refused, 2);
    rep_row *row = NULL;
    rep fresh;
    rep_open(&fresh, &w->s, 300, ANNA);
    rep_settle(&fresh);
    row = rep_find(&fresh, "Account", w->account);
    assert_int_equal(row->row.extra_count, 2);
    rep_close(&fresh);
}

static void wrong_clocks_are_healed_and_marked(void **state) {
    world *w = *state;

    w->anna.skew_ms = INT64_C(40) * 365 * DAY;
    rove_id visit = anna_visits(w);
    rep_settle(&w->anna);
    w->anna.skew_ms = -INT64_C(30) * 365 * DAY;
    w->anna.raw = 1;
    rove_id second = anna_visits(w);
    rep_settle(&w->anna);
    rove__hq_row a;
    rove__hq_row b;
    assert_true(site_get(&w->s, "Visit", visit, &a));
    assert_true(site_get(&w->s, "Visit", second, &b));
    assert_true(rove__stamp_ms(a.clock.base.stamp) <= w->s.now_ms);
    assert_true(b.clock.base.stamp > a.clock.base.stamp);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "clock_suspect").as.integer, 1);
    assert_int_equal(site_cell(&w->s, "Visit", second, "clock_suspect").as.integer, 1);
    both_agree(w);
}

static void a_taken_id_is_renamed_and_costs_no_number(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Account", w->account);
    rep_outcome outcome;

    site_text(row, "name", "under an id of headquarters");
    rep_insert(&w->anna, row);
    uint64_t head = memory_headquarters_head(w->s.hq);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 1);
    assert_true(outcome.more);
    assert_int_equal(outcome.acks, 0);
    assert_int_equal(memory_headquarters_head(w->s.hq), head);
    assert_int_equal(outcome.rename.id, w->account);
    former_names names =
        names_of(w, "Account", outcome.rename.to); /* though nothing is taken yet */
    assert_true(names.count == 1 && names.last == w->account);
    rove_id to = outcome.rename.to;
    rep_exchange(&w->anna, &outcome); /* it did not hear */
    assert_int_equal(outcome.rename.to, to);
    /* The device renames, freezes again under the same number, and sends. */
    rove__change change = w->anna.batches[0].changes[0];
    change.row.id = outcome.rename.to;
    w->anna.batch_count = 0;
    w->anna.changes[w->anna.change_count++] = change;
    rep_settle(&w->anna);
    assert_int_equal(names_of(w, "Account", outcome.rename.to).count, 1);
    assert_non_null(rep_find(&w->anna, "Account", outcome.rename.to));
    rep_check(&w->anna);
}

/* The records that hold the ids are shown, however many and however large: a device keeps nothing else under these ids. */
static void however_many_ids_are_taken_all_their_rows_are_shown(void **state) {
    world *w = *state;
    static char text[16000];
    rep_outcome outcome;

    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 40; i++) {
        rove__row *row = site_row(&w->s, "Account", 0);
        site_text(row, "name", "large");
        site_text(row, "description", text);
        rove_id id = site_insert(&w->s, row);
        site_grant(&w->s, ANNA, id);
        row = site_row(&w->s, "Account", id);
        site_text(row, "name", "under the same id");
        rep_insert(&w->anna, row);
    }
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 40);
    assert_int_equal(outcome.rename_rows, 40);
    assert_int_equal(outcome.acks, 0);
    assert_true(outcome.more);
}

static void nobody_makes_records_in_anothers_name(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Account", rove__id_make(200, 77));
    rep_outcome outcome;

    site_text(row, "name", "with Ben's number");
    rep_insert(&w->anna, row);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 1);
    w->anna.batch_count = 0;
    /* Nor two roots under one id. */
    row = site_row(&w->s, "Contact", w->account);
    site_text(row, "last_name", "a way to somebody else's account");
    rep_insert(&w->anna, row);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 1);
}

static void a_role_needs_both_its_ends(void **state) {
    world *w = *state;
    rove__row *contact = site_row(&w->s, "Contact", 0);
    rove__row *role = site_row(&w->s, "AccountContactRole", rep_id(&w->anna));
    rep_outcome outcome;

    site_text(contact, "last_name", "somebody else's");
    site_insert(&w->s, contact);
    site_int(role, "account_id", w->account);
    site_int(role, "contact_id", contact->id);
    rep_insert(&w->anna, role);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    rep_settle(&w->anna);
    assert_null(rep_find(&w->anna, "Contact", contact->id));
}

static void a_contact_is_its_authors_until_a_role_entails_it(void **state) {
    world *w = *state;
    rove__row *contact = site_row(&w->s, "Contact", rep_id(&w->anna));
    rove__row *role = site_row(&w->s, "AccountContactRole", rep_id(&w->anna));

    site_text(contact, "last_name", "Eva Stein");
    rep_insert(&w->anna, contact);
    both_agree(w);
    assert_non_null(rep_find(&w->anna, "Contact", contact->id));
    assert_null(rep_find(&w->ben, "Contact", contact->id));
    site_int(role, "account_id", w->account);
    site_int(role, "contact_id", contact->id);
    rep_insert(&w->anna, role);
    both_agree(w);
    assert_non_null(rep_find(&w->anna, "Contact", contact->id));
    assert_non_null(rep_find(&w->ben, "Contact", contact->id));
    /* From now on it comes and goes with the account. */
    site_revoke(&w->s, ANNA, w->account);
    both_agree(w);
    assert_null(rep_find(&w->anna, "Contact", contact->id));
    rep_delete(&w->ben, "AccountContactRole", role->id);
    both_agree(w);
    assert_null(rep_find(&w->ben, "Contact", contact->id));
}

static void an_unknown_record_is_parked_until_it_comes(void **state) {
    world *w = *state;
    rove_id visit = anna_visits(w);
    rep_outcome outcome;

    rep_freeze(&w->anna);
    rep_update(&w->anna, "Visit", visit, "purpose", rove__value_text("tasting"));
    /* The edit comes first, as from another device. */
    rove__change insert = w->anna.batches[0].changes[0];
    w->anna.batch_count = 0;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_PARKED);
    assert_int_equal(outcome.needed_rows, 1);
    assert_int_equal(outcome.pages, 0); /* rows first */
    assert_true(outcome.more);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 1);
    w->anna.needed_count = 0;
    rep_settle(&w->anna);
    w->anna.changes[w->anna.change_count++] = insert;
    rep_settle(&w->anna);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "purpose").size, 7);
    both_agree(w);
}

/* ---- review ---------------------------------------------------------------------------------------------- */

static rove_status decide(world *w, int64_t number, int accept, rove_error *error) {
    return site_decide(&w->s, number, accept, accept ? "" : "Ask Ben.", error);
}

static void accepted_work_is_as_if_it_had_been_allowed(void **state) {
    world *w = *state;
    rove_id other = site_account(&w->s, "not hers");
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
    rep_outcome outcome;

    site_int(visit, "account_id", other);
    site_text(visit, "notes", "been there all the same");
    rep_insert(&w->anna, visit);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(decide(w, 99, 1, NULL), ROVE_NOT_FOUND);
    assert_int_equal(decide(w, 1, 1, NULL), ROVE_OK);
    assert_int_equal(decide(w, 1, 1, NULL), ROVE_NOT_FOUND); /* once */
    assert_int_equal(site_cell(&w->s, "Visit", visit->id, "notes").size, 23);
    site_grant(&w->s, ANNA, other);
    both_agree(w);
    assert_non_null(rep_find(&w->anna, "Visit", visit->id));
    rove__hq_row row;
    assert_true(site_get(&w->s, "Visit", visit->id, &row));
    assert_int_equal(row.author, ANNA);
}

static void accepted_edits_meet_what_was_written_meanwhile(void **state) {
    world *w = *state;

    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("Anna's"));
    rove__change kept = w->anna.changes[0];
    w->anna.change_count = 0;
    site_revoke(&w->s, ANNA, w->account);
    rep_settle(&w->anna);
    kept.cursor = w->anna.cursor;
    w->anna.changes[w->anna.change_count++] = kept;
    rep_settle(&w->anna);
    w->s.now_ms += 1000;
    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("Ben's"));
    rep_settle(&w->ben);
    assert_int_equal(decide(w, 1, 1, NULL), ROVE_OK);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "phone").size, 5); /* later */
    assert_int_equal(site_conflicts(&w->s, w->account), 1);
    both_agree(w);
}

/* What an exchange says of a device's contests. */
static void expect_contests(const rep_outcome *outcome, rove_replica replica, uint32_t won,
                            uint32_t lost) {
    rove__contest found = {.replica = 0};

    for (size_t i = 0; i < outcome->stats.contest_count; i++) {
        if (outcome->stats.contests[i].replica == replica) {
            found = outcome->stats.contests[i];
        }
    }
    assert_int_equal(found.won, won);
    assert_int_equal(found.lost, lost);
}

static void who_wins_by_the_clock_is_counted_for_both(void **state) {
    world *w = *state;
    rep_outcome outcome;

    both_agree(w);
    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("Anna's"));
    rep_update(&w->anna, "Account", w->account, "email", rove__value_text("a@example.com"));
    w->s.now_ms += 1000;
    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("Ben's"));
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.stats.contest_count, 0);
    w->s.now_ms += 1000;
    rep_update(&w->anna, "Account", w->account, "website", rove__value_text("example.com"));
    rep_exchange(&w->anna, &outcome); /* his was later */
    expect_contests(&outcome, w->anna.replica, 0, 1);
    expect_contests(&outcome, w->ben.replica, 1, 0);
    rep_settle(&w->anna);
    /* Who had seen what he replaces has won nothing by his clock. */
    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("Anna's again"));
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.stats.contest_count, 0);
    w->s.now_ms += 1000;
    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("Ben's again"));
    rep_exchange(&w->ben, &outcome);
    expect_contests(&outcome, w->anna.replica, 0, 1);
    expect_contests(&outcome, w->ben.replica, 1, 0);
}

/* A rep who writes on his phone and on his tablet contends with nobody. */
static void ones_own_devices_do_not_contend(void **state) {
    world *w = *state;
    rep tablet;
    rep_outcome outcome;

    rep_open(&tablet, &w->s, w->anna.replica + 1000, ANNA);
    rep_settle(&tablet);
    both_agree(w);
    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("By phone"));
    rep_settle(&w->anna);
    w->s.now_ms += 1000;
    rep_update(&tablet, "Account", w->account, "phone", rove__value_text("By tablet"));
    rep_exchange(&tablet, &outcome);
    assert_int_equal(outcome.stats.conflicts, 1);
    assert_int_equal(outcome.stats.contest_count, 0);
    rep_close(&tablet);
}

/* A seal wins whatever its time. */
static void a_seal_is_no_contest(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, w->account, SITE_NOW);
    rep_outcome outcome;

    both_agree(w);
    rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("Ben's"));
    rep_settle(&w->ben);
    rove__row *row = site_row(&w->s, "Visit", visit);
    site_text(row, "notes", "Anna's, signed");
    rep_seal(&w->anna, "Visit", visit, row);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.stats.conflicts, 1);
    assert_int_equal(outcome.stats.contest_count, 0);
}

/* An edit, one on top of it, and a delete of what both made, by a rep who had lost the account by then. */
static void accepted_work_is_on_top_of_its_authors_own(void **state) {
    world *w = *state;
    rove__row *task = site_row(&w->s, "Task", rep_id(&w->anna));
    rove__change kept[3];
    rove__hq_row row;

    site_int(task, "about_id", w->account);
    site_text(task, "subject", "call");
    rep_insert(&w->anna, task);
    both_agree(w);
    kept[0] = *rep_update(&w->anna, "Task", task->id, "subject", rove__value_text("call today"));
    kept[1] = *rep_update(&w->anna, "Task", task->id, "subject", rove__value_text("called"));
    kept[2] = *rep_delete(&w->anna, "Task", task->id);
    w->anna.change_count = 0;
    site_revoke(&w->s, ANNA, w->account);
    rep_settle(&w->anna);
    for (size_t i = 0; i < 3; i++) {
        kept[i].cursor = w->anna.cursor;
        w->anna.changes[w->anna.change_count++] = kept[i];
    }
    rep_settle(&w->anna);
    assert_int_equal(decide(w, 1, 1, NULL), ROVE_OK);
    assert_int_equal(decide(w, 2, 1, NULL), ROVE_OK);
    assert_int_equal(site_cell(&w->s, "Task", task->id, "subject").size, 6);
    assert_int_equal(decide(w, 3, 1, NULL), ROVE_OK);
    assert_false(site_get(&w->s, "Task", task->id, &row) && row.dead == 0);
    assert_int_equal(site_conflicts(&w->s, task->id), 0);
    both_agree(w);
}

static void returned_work_stays_where_it_is(void **state) {
    world *w = *state;
    rove_id other = site_account(&w->s, "not hers");
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
    rove__hq_row row;

    site_int(visit, "account_id", other);
    rep_insert(&w->anna, visit);
    rep_settle(&w->anna);
    assert_int_equal(decide(w, 1, 0, NULL), ROVE_OK);
    assert_int_equal(decide(w, 1, 1, NULL), ROVE_NOT_FOUND);
    assert_false(site_get(&w->s, "Visit", visit->id, &row));
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
}

/* The one row that tells a rep of work in review; NULL: none. */
static rep_row *told(rep *r) {
    rep_row *found = NULL;

    for (size_t i = 0; i < r->row_count; i++) {
        if (strcmp(r->rows[i].row.entity->name, "Review") == 0) {
            assert_null(found);
            found = &r->rows[i];
        }
    }
    return found;
}

static rove_value says(const rep_row *row, const char *column) {
    return row->row.cells[rove__entity_field_named(row->row.entity, column)];
}

static void p14_the_author_of_work_in_review_is_told(void **state) {
    world *w = *state;
    rove_id other = site_account(&w->s, "not hers");
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));

    site_int(visit, "account_id", other);
    site_text(visit, "notes", "been there all the same");
    rep_insert(&w->anna, visit);
    both_agree(w);
    assert_non_null(told(&w->anna));
    assert_null(told(&w->ben));
    assert_int_equal(says(told(&w->anna), "state").as.integer, ROVE__REVIEW__STATE__WAITING);
    assert_int_equal(says(told(&w->anna), "record_id").as.integer, visit->id);
    assert_int_equal(says(told(&w->anna), "what").as.integer, ROVE__REVIEW__WHAT__INSERT);
    assert_true(says(told(&w->anna), "reason").size > 0);
    /* What he may not see any more is not with him while it waits. */
    assert_int_equal(says(told(&w->anna), "change").type, ROVE_NULL);
    assert_int_equal(decide(w, 1, 1, NULL), ROVE_OK);
    both_agree(w);
    assert_int_equal(says(told(&w->anna), "state").as.integer, ROVE__REVIEW__STATE__ACCEPTED);
    assert_int_equal(says(told(&w->anna), "decided_by").size, 3);
    assert_int_equal(says(told(&w->anna), "change").type, ROVE_NULL);
}

static void p14_returned_work_goes_back_to_its_author(void **state) {
    world *w = *state;
    rove_id other = site_account(&w->s, "not hers");
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
    rove__batch_reader *reader = NULL;
    rove__change change;

    site_int(visit, "account_id", other);
    site_text(visit, "notes", "been there all the same");
    rep_insert(&w->anna, visit);
    both_agree(w);
    assert_int_equal(decide(w, 1, 0, NULL), ROVE_OK);
    both_agree(w);
    const rep_row *row = told(&w->anna);
    assert_int_equal(says(row, "state").as.integer, ROVE__REVIEW__STATE__RETURNED);
    assert_int_equal(says(row, "note").size, strlen("Ask Ben."));
    rove_value bytes = says(row, "change");
    assert_int_equal(
        rove__batch_reader_new(&w->s.allocator, w->s.registry, bytes.as.data, bytes.size, &reader),
        ROVE_OK);
    assert_int_equal(rove__batch_next(reader, &change), ROVE_OK);
    assert_int_equal(change.row.id, visit->id);
    assert_int_equal(change.row.cells[rove__entity_field_named(change.row.entity, "notes")].size,
                     23);
    rove__batch_reader_free(reader);
    /* He says what he did about it, on two devices at once: no conflict. */
    rep_update(&w->anna, "Review", row->row.id, "state",
               rove__value_int(ROVE__REVIEW__STATE__RETRIED));
    rep_settle(&w->anna);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
    both_agree(w);
}

/* ---- sealed records -------------------------------------------------------------------------------------- */

static rove_id held_visit(world *w) {
    rove_id visit = site_visit(&w->s, w->account, w->s.now_ms);

    both_agree(w);
    return visit;
}

static void a_sealed_visit_is_set_as_one_unit(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    rove__row *done = site_row(&w->s, "Visit", visit);

    rep_update(&w->ben, "Visit", visit, "purpose", rove__value_text("Ben's"));
    rep_settle(&w->ben);
    site_int(done, "status", ROVE__VISIT__STATUS__COMPLETED);
    site_text(done, "notes", "ordered six cases");
    rep_seal(&w->anna, "Visit", visit, done);
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "status").as.integer,
                     ROVE__VISIT__STATUS__COMPLETED);
    /* What Anna signed has no purpose; Ben's is kept in the log. */
    assert_int_equal(site_cell(&w->s, "Visit", visit, "purpose").type, ROVE_NULL);
    assert_int_equal(site_conflicts(&w->s, visit), 1);
}

static void what_comes_after_the_seal_goes_to_the_log(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    rep_outcome outcome;

    rep_seal(&w->anna, "Visit", visit, NULL);
    rep_settle(&w->anna);
    rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("too late"));
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_LOST);
    assert_int_equal(site_conflicts(&w->s, visit), 1);
    both_agree(w);
    rep_delete(&w->ben, "Visit", visit);
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REJECTED);
    both_agree(w);
    assert_non_null(rep_find(&w->ben, "Visit", visit));
}

static void a_field_of_a_newer_build_goes_to_the_log_too(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    rep_outcome outcome;

    rep_seal(&w->anna, "Visit", visit, NULL);
    rep_settle(&w->anna);
    of_an_unknown_field(w,
                        rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("too late")),
                        5000, rove__value_int(1));
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_LOST);
    assert_int_equal(site_conflicts(&w->s, visit), 1);
}

/* It says nothing of people that its rep left alone. */
static void a_second_seal_of_an_older_build_is_no_contest_for_the_people(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    int people =
        rove__entity_field_named(rove__registry_by_name(w->s.registry, "Visit"), "contact_ids");

    rep_set_add(&w->anna, "Visit", visit, "contact_ids", 11);
    rep_settle(&w->anna);
    rep_seal(&w->anna, "Visit", visit, NULL);
    rep_settle(&w->anna);
    rove__change *change = rep_seal(&w->ben, "Visit", visit, NULL);
    rove__row_set(&change->row, (size_t)people, rove__value_null());
    rove__bits_clear(&change->row.present, (size_t)people);
    rep_settle(&w->ben);
    for (size_t i = 0; i < site_conflicts(&w->s, visit); i++) {
        assert_int_not_equal(
            site_cell(&w->s, "Conflict", site_conflict(&w->s, visit, i), "field_number").as.integer,
            rove__registry_by_name(w->s.registry, "Visit")->fields[people].number);
    }
}

static void a_seal_that_a_rule_refuses_is_reviewed(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    rep_outcome outcome;

    rove__change *change = rep_seal(&w->anna, "Visit", visit, NULL);
    site_int(&change->row, "priority", 9);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
    assert_non_null(rep_find(&w->anna, "Visit", visit));
    /* Who signed it goes on reading what was signed (P11). */
    assert_int_equal(says(told(&w->anna), "change").type, ROVE_BLOB);
    rove_error error = {.message = ""};
    assert_int_equal(decide(w, 1, 1, &error),
                     ROVE_STATE); /* not even an operator breaks the rule */
    assert_non_null(strstr(error.message, "priority"));
    assert_int_equal(decide(w, 1, 0, NULL), ROVE_OK);
}

/* ---- two reps -------------------------------------------------------------------------------------------- */

static void counters_add_up_and_sets_unite(void **state) {
    world *w = *state;

    rep_count(&w->anna, "Account", w->account, "points", 3);
    rep_count(&w->ben, "Account", w->account, "points", 4);
    rep_set_add(&w->anna, "Account", w->account, "tag_ids", 11);
    rep_set_add(&w->ben, "Account", w->account, "tag_ids", 12);
    both_agree(w);
    assert_int_equal(rep_cell(&w->anna, "Account", w->account, "points").as.integer, 7);
    /* Ben adds again what Anna, who does not know, removes: the add stays. */
    rep_set_remove(&w->anna, "Account", w->account, "tag_ids", 12);
    rep_set_add(&w->ben, "Account", w->account, "tag_ids", 12);
    rep_settle(&w->ben);
    both_agree(w);
    rove_value tags = rep_cell(&w->anna, "Account", w->account, "tag_ids");
    rove__set set;
    assert_int_equal(rove__set_read(&set, &tags, ROVE_SET_VERSIONED, &w->s.arena), ROVE_OK);
    assert_int_equal(set.count, 2);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
}

static void work_done_beats_a_cancellation(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);

    rep_update(&w->ben, "Visit", visit, "status", rove__value_int(ROVE__VISIT__STATUS__CANCELLED));
    rep_update(&w->anna, "Visit", visit, "status",
               rove__value_int(ROVE__VISIT__STATUS__IN_PROGRESS));
    rep_update(&w->anna, "Visit", visit, "status", rove__value_int(ROVE__VISIT__STATUS__COMPLETED));
    /* A device keeps one edit per cell. */
    w->anna.changes[0] = w->anna.changes[1];
    w->anna.change_count = 1;
    rep_settle(&w->ben);
    both_agree(w);
    assert_int_equal(rep_cell(&w->ben, "Visit", visit, "status").as.integer,
                     ROVE__VISIT__STATUS__COMPLETED);
}

static void a_delete_that_had_seen_all_deletes(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);

    rep_delete(&w->anna, "Visit", visit);
    both_agree(w);
    assert_null(rep_find(&w->anna, "Visit", visit));
    assert_null(rep_find(&w->ben, "Visit", visit));
}

static void an_unseen_edit_keeps_what_was_deleted(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    rep_outcome outcome;

    rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("do not lose this"));
    rep_settle(&w->ben);
    rep_delete(&w->anna, "Visit", visit);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_LOST);
    both_agree(w);
    assert_non_null(rep_find(&w->anna, "Visit", visit));
    assert_int_equal(site_conflicts(&w->s, visit), 1);
}

static void an_edit_brings_back_what_was_deleted_unseen(void **state) {
    world *w = *state;
    rove_id visit = held_visit(w);
    rove__hq_row row;

    rep_delete(&w->anna, "Visit", visit);
    rep_settle(&w->anna);
    rep_update(&w->ben, "Visit", visit, "notes", rove__value_text("do not lose this"));
    both_agree(w);
    assert_non_null(rep_find(&w->anna, "Visit", visit));
    assert_non_null(rep_find(&w->ben, "Visit", visit));
    assert_true(site_get(&w->s, "Visit", visit, &row));
    assert_int_equal(row.review, 1);
    assert_int_equal(site_conflicts(&w->s, visit), 1);
}

static void a_merge_of_duplicates_never_closes_a_ring(void **state) {
    world *w = *state;
    rove_id second = site_account(&w->s, "Adler Hotel");

    site_grant(&w->s, ANNA, second);
    site_grant(&w->s, BEN, second);
    both_agree(w);
    rep_update(&w->anna, "Account", w->account, "merged_into_id", rove__value_int(second));
    rep_settle(&w->anna);
    rep_update(&w->ben, "Account", second, "merged_into_id", rove__value_int(w->account));
    both_agree(w);
    assert_int_equal(site_cell(&w->s, "Account", second, "merged_into_id").type, ROVE_NULL);
    assert_int_equal(site_conflicts(&w->s, second), 1);
}

static void a_moved_visit_leaves_who_does_not_hold_where_it_went(void **state) {
    world *w = *state;
    rove_id other = site_account(&w->s, "Anna's alone");
    rove_id visit = site_visit(&w->s, w->account, w->s.now_ms);

    site_grant(&w->s, ANNA, other);
    both_agree(w);
    rep_update(&w->anna, "Visit", visit, "account_id", rove__value_int(other));
    both_agree(w);
    assert_non_null(rep_find(&w->anna, "Visit", visit));
    assert_null(rep_find(&w->ben, "Visit", visit));
    /* And nobody moves a record to where he may not be. */
    rep_outcome outcome;
    rove_id third = site_account(&w->s, "nobody's");
    rep_update(&w->anna, "Visit", visit, "account_id", rove__value_int(third));
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_start_tried, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_first_download_brings_what_the_rep_holds),
        CASE(a_visit_reaches_headquarters_and_the_colleague),
        CASE(nothing_new_costs_little),
        CASE(a_new_account_is_granted_to_its_author_alone),
        CASE(a_rule_refuses_one_write_and_the_rest_goes_on),
        CASE(a_refused_account_takes_its_visit_along),
        CASE(work_on_what_one_does_not_hold_goes_to_review),
        CASE(work_done_while_one_held_it_counts_after_reassignment),
        CASE(work_done_after_reassignment_goes_to_review),
        CASE(a_batch_that_comes_again_changes_nothing),
        CASE(unknown_fields_are_kept_as_long_as_the_record_fits),
        CASE(wrong_clocks_are_healed_and_marked),
        CASE(a_taken_id_is_renamed_and_costs_no_number),
        CASE(however_many_ids_are_taken_all_their_rows_are_shown),
        CASE(nobody_makes_records_in_anothers_name),
        CASE(a_role_needs_both_its_ends),
        CASE(a_contact_is_its_authors_until_a_role_entails_it),
        CASE(an_unknown_record_is_parked_until_it_comes),
        CASE(accepted_work_is_as_if_it_had_been_allowed),
        CASE(accepted_edits_meet_what_was_written_meanwhile),
        CASE(accepted_work_is_on_top_of_its_authors_own),
        CASE(returned_work_stays_where_it_is),
        CASE(p14_the_author_of_work_in_review_is_told),
        CASE(p14_returned_work_goes_back_to_its_author),
        CASE(a_sealed_visit_is_set_as_one_unit),
        CASE(what_comes_after_the_seal_goes_to_the_log),
        CASE(a_field_of_a_newer_build_goes_to_the_log_too),
        CASE(a_second_seal_of_an_older_build_is_no_contest_for_the_people),
        CASE(a_seal_that_a_rule_refuses_is_reviewed),
        CASE(counters_add_up_and_sets_unite),
        CASE(work_done_beats_a_cancellation),
        CASE(who_wins_by_the_clock_is_counted_for_both),
        CASE(ones_own_devices_do_not_contend),
        CASE(a_seal_is_no_contest),
        CASE(a_delete_that_had_seen_all_deletes),
        CASE(an_unseen_edit_keeps_what_was_deleted),
        CASE(an_edit_brings_back_what_was_deleted_unseen),
        CASE(a_merge_of_duplicates_never_closes_a_ring),
        CASE(a_moved_visit_leaves_who_does_not_hold_where_it_went),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
