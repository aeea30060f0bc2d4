/*
 * Forgetting what happened long ago (Q8): a device from before the horizon is compared by digest, gets what differs and nothing
 * else, and loses no work; ids and origins stay taken (P4); what nobody can judge any more is looked at by somebody (P14).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "site_rep.h"
#include "sync/pull.h"
#include "sync/purge.h"

#define ANNA     INT64_C(0x7000000001)
#define HOUR     INT64_C(3600000)
#define DAY      INT64_C(86400000)
#define ACCOUNTS 10

typedef struct world {
    site s;
    rep anna;
    rove_id accounts[ACCOUNTS], visits[ACCOUNTS];
} world;

/* Ten accounts with a visit each. */
static int setup(void **state) {
    world *w = test_calloc(1, sizeof *w);

    site_open(&w->s);
    w->s.trial.on = 1;
    rep_open(&w->anna, &w->s, 100, ANNA);
    for (size_t i = 0; i < ACCOUNTS; i++) {
        w->accounts[i] = site_account(&w->s, "account");
        w->visits[i] = site_visit(&w->s, w->accounts[i], w->s.now_ms);
        site_grant(&w->s, ANNA, w->accounts[i]);
    }
    rep_settle(&w->anna);
    assert_int_equal(w->anna.row_count, 2 * ACCOUNTS);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    world *w = *state;

    rep_close(&w->anna);
    site_close(&w->s);
    test_free(w);
    return 0;
}

static void purge(world *w) {
    site_purge(&w->s, INT64_MAX);
}

static void website(world *w, rove_id account, const char *text) {
    rove__row *row = site_row(&w->s, "Account", account);

    site_text(row, "website", text);
    site_update(&w->s, row);
}

static void settle(world *w) {
    rep_settle(&w->anna);
    rep_check(&w->anna);
}

/* ---- what comes ------------------------------------------------------------------------------------------ */

static void an_old_device_gets_what_differs(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__row *row = site_row(&w->s, "Visit", w->visits[3]);
    rove_id fresh = site_account(&w->s, "a new one");

    website(w, w->accounts[0], "changed");
    site_delete(&w->s, "Visit", w->visits[1]);
    site_revoke(&w->s, ANNA, w->accounts[2]);
    site_int(row, "account_id", w->accounts[4]);
    site_update(&w->s, row);
    site_grant(&w->s, ANNA, fresh);
    purge(w);
    rep_exchange(&w->anna, &outcome);
    assert_true(outcome.digests && outcome.more);
    assert_int_equal(outcome.pages, 0);
    w->anna.send_digests = 1;
    rep_exchange(&w->anna, &outcome);
    /* The account that changed, the month that gained a visit, the new account; three months are empty now. */
    assert_int_equal(outcome.rows, 1 + 2 + 1);
    assert_int_equal(outcome.tombstones + outcome.marks, 0);
    assert_true(outcome.verified);
    rep_check(&w->anna);
    assert_null(rep_find(&w->anna, "Account", w->accounts[2]));
    assert_null(rep_find(&w->anna, "Visit", w->visits[1]));
    assert_non_null(rep_find(&w->anna, "Account", fresh));
    assert_int_equal(w->anna.row_count, 2 * ACCOUNTS - 2 - 1 + 1);
}

/* Of a device that has all of it nothing is asked: the total in its Hello says enough. */
static void equal_totals_need_no_digests(void **state) {
    world *w = *state;
    rep_outcome outcome;

    for (int i = 0; i < 5; i++) {
        site_account(&w->s, "of others");
    }
    purge(w);
    rep_exchange(&w->anna, &outcome);
    assert_false(outcome.digests);
    assert_true(outcome.verified);
    assert_int_equal(outcome.rows, 0);
    assert_int_equal(w->anna.cursor.seq, memory_headquarters_head(w->s.hq));
    /* From there it goes on as ever. */
    website(w, w->accounts[0], "changed");
    rep_exchange(&w->anna, &outcome);
    assert_true(outcome.verified);
    assert_int_equal(outcome.rows, 1);
}

static void a_cursor_at_the_horizon_needs_the_feed_only(void **state) {
    world *w = *state;
    rep_outcome outcome;

    purge(w);
    website(w, w->accounts[0], "changed");
    site_delete(&w->s, "Visit", w->visits[1]);
    site_revoke(&w->s, ANNA, w->accounts[2]);
    rep_exchange(&w->anna, &outcome);
    assert_false(outcome.digests);
    assert_true(outcome.verified);
    assert_int_equal(outcome.rows, 1);
    rep_check(&w->anna);
}

/* What was fetched within the hour differs again, because it changed: without a feed there is no other way to it. */
static void the_hour_does_not_count_behind_the_horizon(void **state) {
    world *w = *state;

    for (int i = 0; i < 2; i++) {
        website(w, w->accounts[0], i == 0 ? "changed" : "again");
        purge(w);
        settle(w);
    }
}

static void a_cut_comparison_goes_on(void **state) {
    world *w = *state;

    w->s.page_rows = 1;
    for (size_t i = 0; i < ACCOUNTS; i++) {
        website(w, w->accounts[i], "changed");
    }
    purge(w);
    for (size_t frames = 1; frames < 12; frames++) {
        rep_outcome outcome;
        w->anna.answer_frames = frames;
        rep_exchange(&w->anna, &outcome);
        w->anna.send_digests = 1;
    }
    w->anna.answer_frames = 0;
    settle(w);
}

/* A first download that was cut before, and a device that comes back to a restored headquarters. */
static void downloads_and_timelines_are_no_trouble(void **state) {
    world *w = *state;
    rep_outcome outcome;

    w->s.page_rows = 2;
    w->anna.cursor = (rove__cursor){0, 0};
    w->anna.answer_frames = 4;
    rep_exchange(&w->anna, &outcome);
    assert_true(w->anna.token_size > 0);
    w->anna.answer_frames = 0;
    website(w, w->accounts[0], "changed");
    site_delete(&w->s, "Visit", w->visits[9]);
    purge(w);
    settle(w);
    assert_int_equal(w->anna.row_count, 2 * ACCOUNTS - 1);
    size_t backup = memory_headquarters_backup(w->s.hq);
    website(w, w->accounts[1], "lost");
    settle(w);
    memory_headquarters_restore(w->s.hq, backup, 2, 3333);
    website(w, w->accounts[2], "on the new timeline");
    purge(w);
    settle(w);
}

static void a_purge_between_two_pages_is_noticed(void **state) {
    world *w = *state;
    rove__pull_request request = {
        .user = ANNA, .cursor = w->anna.cursor, .page_rows = 2, .now_ms = w->s.now_ms};
    rove__pull *pull = NULL;
    rove__buf payload;
    rove__end end;
    int done = 0;

    for (size_t i = 0; i < ACCOUNTS; i++) {
        website(w, w->accounts[i], "changed");
    }
    rove__buf_init(&payload, &w->s.allocator, ROVE_FRAME_MAX);
    assert_int_equal(rove__pull_new(&w->s.ports, &request, &pull), ROVE_OK);
    assert_int_equal(rove__pull_page(pull, &payload, &end, &done, NULL), ROVE_OK);
    assert_false(done);
    purge(w);
    assert_int_equal(rove__pull_page(pull, &payload, &end, &done, NULL), ROVE_OK);
    assert_true(done && end.digests && !end.has_total);
    rove__pull_free(pull);
    rove__buf_free(&payload);
}

/* A copy of headquarters that is behind the device: it does not know better, it knows less. */
static void a_copy_that_lags_says_later(void **state) {
    world *w = *state;
    rove__hq_store copy = *w->s.store;
    rep_outcome outcome;

    copy.lags = 1;
    w->s.ports.store = &copy;
    w->anna.cursor.seq += 5;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.failed, ROVE_LATER);
    assert_int_equal(outcome.pages, 0);
    w->anna.cursor.seq -= 5;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_true(outcome.verified);
}

static rove_status (*true_head)(rove__hq_tx *tx, rove__hq_head *head);

static rove_status one_behind(rove__hq_tx *tx, rove__hq_head *head) {
    rove_status status = true_head(tx, head);

    head->seq--;
    return status;
}

/* Half of it has come from one that knows more: as it was then, it is on the device. */
static void a_copy_that_lags_goes_on_with_no_download_of_later(void **state) {
    world *w = *state;
    rove__hq_store copy = *w->s.store;
    rove__pull_request request = {.user = ANNA, .page_rows = 2, .now_ms = w->s.now_ms};
    rove__pull *pull = NULL;
    rove__arena arena;
    rove__buf payload;
    rove__page page;
    rove__end end;
    int done = 0;

    rove__buf_init(&payload, &w->s.allocator, ROVE_FRAME_MAX);
    rove__arena_init(&arena, &w->s.allocator, ROVE_FRAME_MAX);
    assert_int_equal(rove__pull_new(&w->s.ports, &request, &pull), ROVE_OK);
    assert_int_equal(rove__pull_page(pull, &payload, &end, &done, NULL), ROVE_OK);
    website(w, w->accounts[0], "changed");
    rove__buf_reset(&payload);
    assert_int_equal(rove__pull_page(pull, &payload, &end, &done, NULL), ROVE_OK);
    rove__pull_free(pull);
    assert_int_equal(rove__page_read(&page, payload.data, payload.size, &arena), ROVE_OK);
    assert_true(page.token.size > 0);
    request.cursor = page.cursor;
    request.token = page.token;
    copy.lags = 1;
    true_head = copy.head_get;
    w->s.ports.store = &copy;
    for (int behind = 0; behind <= 1; behind++) {
        copy.head_get = behind ? one_behind : true_head;
        assert_int_equal(rove__pull_new(&w->s.ports, &request, &pull), ROVE_OK);
        assert_int_equal(rove__pull_page(pull, &payload, &end, &done, NULL),
                         behind ? ROVE_LATER : ROVE_OK);
        rove__pull_free(pull);
    }
    rove__arena_free(&arena);
    rove__buf_free(&payload);
}

/* ---- what was done meanwhile ----------------------------------------------------------------------------- */

static void unsent_work_arrives(void **state) {
    world *w = *state;
    rove_id id = rep_id(&w->anna);
    rove__row *row = site_row(&w->s, "Visit", id);

    site_int(row, "account_id", w->accounts[0]);
    site_int(row, "planned_start", w->s.now_ms);
    site_int(row, "status", 1);
    rep_insert(&w->anna, row);
    rep_update(&w->anna, "Account", w->accounts[0], "phone", rove__value_text("0221"));
    rep_update(&w->anna, "Account", w->accounts[1], "phone", rove__value_text("0222"));
    website(w, w->accounts[0], "changed");
    w->s.now_ms += 500 * DAY;
    purge(w);
    settle(w);
    assert_int_equal(site_cell(&w->s, "Account", w->accounts[0], "phone").size, 4);
    assert_int_equal(site_cell(&w->s, "Account", w->accounts[1], "phone").size, 4);
    assert_int_equal(site_cell(&w->s, "Account", w->accounts[0], "website").size, 7);
    assert_int_equal(site_cell(&w->s, "Visit", id, "account_id").as.integer, w->accounts[0]);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 0);
}

static rove_status each_review(void *ctx, const rove__hq_review *review) {
    int *said = ctx;

    *said += strstr(review->reason, "no longer known") != NULL;
    return ROVE_OK;
}

/* How many reviews say that nobody knows. */
static int nobody_knows(world *w) {
    rove__hq_tx *tx = NULL;
    int said = 0;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->review_scan(tx, 0, &w->s.arena, each_review, &said), ROVE_OK);
    w->s.store->rollback(tx);
    return said;
}

/* P14: who held it then cannot be known any more; the edit is kept for somebody to look at. */
static void what_cannot_be_judged_any_more_goes_to_review(void **state) {
    world *w = *state;

    for (int purged = 0; purged < 2; purged++) {
        rep_outcome outcome;
        rove_id account = w->accounts[purged];
        rep_update(&w->anna, "Account", account, "phone", rove__value_text("0221"));
        site_revoke(&w->s, ANNA, account);
        if (purged) {
            purge(w);
        }
        rep_exchange(&w->anna, &outcome);
        assert_int_equal(outcome.acks, 1);
        assert_int_equal(outcome.verdict_count, purged);
        assert_int_equal(memory_headquarters_reviews(w->s.hq), purged);
        assert_int_equal(site_cell(&w->s, "Account", account, "phone").size, purged ? 0 : 4);
        if (purged) {
            assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
        }
        settle(w);
        assert_null(rep_find(&w->anna, "Account", account));
    }
    assert_int_equal(nobody_knows(w), 1);
}

/* P12, P15: an edit that its deleter had not seen brings the record back, as the device had it. */
static void an_edit_of_a_purged_record_brings_it_back(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__hq_row row;

    rep_update(&w->anna, "Visit", w->visits[0], "notes", rove__value_text("seen"));
    site_delete(&w->s, "Visit", w->visits[0]);
    purge(w);
    assert_false(site_get(&w->s, "Visit", w->visits[0], &row));
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.needed_rows, 1);
    settle(w);
    assert_true(site_get(&w->s, "Visit", w->visits[0], &row));
    assert_int_equal(row.dead, 0);
    assert_int_equal(row.review, 1);
    assert_int_equal(site_cell(&w->s, "Visit", w->visits[0], "notes").size, 4);
    assert_non_null(rep_find(&w->anna, "Visit", w->visits[0]));
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
}

static void deleting_what_was_purged_is_done_already(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_delete(&w->anna, "Visit", w->visits[0]);
    site_delete(&w->s, "Visit", w->visits[0]);
    purge(w);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 1);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_KNOWN);
    assert_int_equal(outcome.needed_rows, 0);
    settle(w);
    assert_null(rep_find(&w->anna, "Visit", w->visits[0]));
}

/* The second delete of a record names it in the feed once more, and is younger than what was forgotten. */
static void what_two_deleted_is_forgotten_for_a_third(void **state) {
    world *w = *state;
    int64_t first_ms = w->s.now_ms;
    rep second;

    rep_open(&second, &w->s, 101, ANNA);
    rep_delete(&w->anna, "Visit", w->visits[0]);
    site_delete(&w->s, "Visit", w->visits[0]);
    rep_settle(&second);
    w->s.now_ms = first_ms + DAY;
    settle(w);
    site_purge(&w->s, first_ms + HOUR);
    rep_settle(&second);
    rep_check(&second);
    rep_close(&second);
}

/* ---- names ----------------------------------------------------------------------------------------------- */

static rove__change *insert_visit(world *w, rove_id id) {
    rove__row *row = site_row(&w->s, "Visit", id);

    site_int(row, "account_id", w->accounts[0]);
    site_int(row, "planned_start", w->s.now_ms);
    site_int(row, "status", 1);
    return rep_insert(&w->anna, row);
}

/* P4: an id names one record for ever, and an origin too. */
static void ids_and_origins_of_purged_records_stay_taken(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id id = rep_id(&w->anna);
    rove__row *account = site_row(&w->s, "Account", id);
    rove__origin origin = insert_visit(w, id)->clock.origin;

    settle(w);
    site_delete(&w->s, "Visit", id);
    purge(w);
    settle(w);
    insert_visit(w, id)->clock.origin = origin; /* once more: it was here */
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_KNOWN);
    settle(w);
    assert_null(rep_find(&w->anna, "Visit", id));
    insert_visit(w, id); /* another record */
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 1);
    assert_true(outcome.rename.id == id && outcome.rename.to != id);
    w->anna.batch_count = 0;
    /* Another entity may have the number, unless a scope would mean two things. */
    site_text(account, "name", "of the same number");
    rep_insert(&w->anna, account);
    settle(w);
    site_delete(&w->s, "Account", id);
    purge(w);
    settle(w);
    account = site_row(&w->s, "Lead", id);
    site_text(account, "last_name", "of the same number");
    rep_insert(&w->anna, account);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 1);
}

/* ---- how far --------------------------------------------------------------------------------------------- */

static uint64_t horizon(world *w, int64_t before_ms) {
    rove__hq_tx *tx = NULL;
    uint64_t seq = 0;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(rove__purge_horizon(w->s.store, tx, before_ms, &seq), ROVE_OK);
    w->s.store->rollback(tx);
    return seq;
}

static void the_horizon_is_what_was_passed_before(void **state) {
    world *w = *state;
    uint64_t start = memory_headquarters_head(w->s.hq);
    int64_t began_ms = w->s.now_ms;

    for (int i = 1; i <= 9; i++) {
        w->s.now_ms = began_ms + i * DAY;
        website(w, w->accounts[0], i % 2 ? "x" : "y");
    }
    assert_int_equal(horizon(w, began_ms - DAY), 0);
    assert_int_equal(horizon(w, began_ms + DAY), start);
    assert_int_equal(horizon(w, began_ms + DAY + 1), start + 1);
    assert_int_equal(horizon(w, began_ms + 8 * DAY), start + 7);
    assert_int_equal(horizon(w, INT64_MAX), start + 9);
    site_purge(&w->s, began_ms + 8 * DAY);
    assert_int_equal(horizon(w, began_ms), start + 7); /* it never goes back */
    settle(w);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(an_old_device_gets_what_differs),
        CASE(equal_totals_need_no_digests),
        CASE(a_cursor_at_the_horizon_needs_the_feed_only),
        CASE(the_hour_does_not_count_behind_the_horizon),
        CASE(a_cut_comparison_goes_on),
        CASE(downloads_and_timelines_are_no_trouble),
        CASE(a_purge_between_two_pages_is_noticed),
        CASE(a_copy_that_lags_says_later),
        CASE(a_copy_that_lags_goes_on_with_no_download_of_later),
        CASE(unsent_work_arrives),
        CASE(what_cannot_be_judged_any_more_goes_to_review),
        CASE(an_edit_of_a_purged_record_brings_it_back),
        CASE(deleting_what_was_purged_is_done_already),
        CASE(what_two_deleted_is_forgotten_for_a_third),
        CASE(ids_and_origins_of_purged_records_stay_taken),
        CASE(the_horizon_is_what_was_passed_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
