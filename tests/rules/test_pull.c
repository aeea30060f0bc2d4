/*
 * test_pull.c - the rules of pulling, digests and timelines (Q1 to Q4, Q7, Q8, G2, T1, T3 of docs/protocol.md, and what P4 says
 * of the purge) at headquarters' end, each with the planted bugs that it has to notice. That totals are equal after one
 * exchange is the measure: a second one would repair by digest what the first one lost.
 */
#include "site.h"
#include "teeth.h"

#define ANNA INT64_C(0x7000000001)
#define DAY  INT64_C(86400000)

typedef struct world {
    site s;
    rep anna;
    rove_id account; /* she holds it */
} world;

static int set_up(void **state) {
    world *w = test_calloc(1, sizeof *w);

    site_open(&w->s);
    rep_open(&w->anna, &w->s, 100, ANNA);
    w->account = site_account(&w->s, "Hotel Adler");
    site_grant(&w->s, ANNA, w->account);
    rep_settle(&w->anna);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;

    rep_close(&w->anna);
    site_close(&w->s);
    test_free(w);
    return 0;
}

/* ---- words ------------------------------------------------------------------------------------------------ */

static void headquarters_writes(world *w, rove_id account, const char *column, const char *text) {
    rove__row *row = site_row(&w->s, "Account", account);

    site_text(row, column, text);
    site_update(&w->s, row);
}

static void headquarters_moves(world *w, rove_id visit, rove_id account) {
    rove__row *row = site_row(&w->s, "Visit", visit);

    site_int(row, "account_id", account);
    site_update(&w->s, row);
}

static rove_id held_account(world *w, const char *name) {
    rove_id account = site_account(&w->s, name);

    site_grant(&w->s, ANNA, account);
    return account;
}

/* Only the first frames of the answer arrive: Welcome, and so many pages. */
static void cut_exchange(world *w, size_t pages) {
    rep_outcome outcome;

    w->anna.answer_frames = 1 + pages;
    rep_exchange(&w->anna, &outcome);
    w->anna.answer_frames = 0;
    assert_false(outcome.ended);
}

/* One exchange, after which both have the same. */
static void one_exchange_is_enough(world *w) {
    rep_outcome outcome;

    rep_exchange(&w->anna, &outcome);
    assert_true(outcome.ended);
    assert_true(outcome.verified);
    rep_check(&w->anna);
}

/* ---- pages ------------------------------------------------------------------------------------------------ */

/* The second account is written again after the head to which the first, cut answer was pinned. */
static void q01_what_is_written_meanwhile_is_not_lost(void **state) {
    world *w = *state;
    rove_id second = held_account(w, "Bellevue");

    rep_settle(&w->anna);
    w->s.page_rows = 1;
    headquarters_writes(w, w->account, "phone", "1");
    headquarters_writes(w, second, "phone", "2");
    cut_exchange(w, 1);
    headquarters_writes(w, second, "website", "bellevue.example");
    one_exchange_is_enough(w);
}

static void q02_who_comes_comes_whole(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, site_account(&w->s, "not hers"), w->s.now_ms);

    rep_settle(&w->anna);
    headquarters_moves(w, visit, w->account);
    one_exchange_is_enough(w);
    assert_non_null(rep_find(&w->anna, "Visit", visit));
}

static void q03_who_leaves_leaves_a_mark(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, w->account, w->s.now_ms);

    rep_settle(&w->anna);
    headquarters_moves(w, visit, site_account(&w->s, "not hers"));
    one_exchange_is_enough(w);
    assert_null(rep_find(&w->anna, "Visit", visit));
}

/* Made by her, and so granted, after her cursor; taken away before a page told her of the grant. */
static void q04_what_came_in_between_leaves_too(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__row *row = site_row(&w->s, "Account", rep_id(&w->anna));

    site_text(row, "name", "hers for an hour");
    rep_insert(&w->anna, row);
    w->anna.answer_frames = 2; /* Welcome and the Ack */
    rep_exchange(&w->anna, &outcome);
    w->anna.answer_frames = 0;
    assert_int_equal(outcome.acks, 1);
    assert_non_null(rep_find(&w->anna, "Account", row->id));
    site_revoke(&w->s, ANNA, row->id);
    one_exchange_is_enough(w);
    assert_null(rep_find(&w->anna, "Account", row->id));
}

static void q07_a_cut_download_goes_on_where_it_was(void **state) {
    world *w = *state;
    rep_outcome outcome;
    size_t rows = 0;
    int ended = 0;

    for (int i = 0; i < 40; i++) {
        site_visit(&w->s, held_account(w, "one of forty"), w->s.now_ms + 100 * DAY);
    }
    w->s.page_rows = 5;
    for (int i = 0; i < 30 && !ended; i++) {
        w->anna.answer_frames = 4;
        rep_exchange(&w->anna, &outcome);
        rows += outcome.rows;
        ended = outcome.ended;
    }
    w->anna.answer_frames = 0;
    assert_true(ended);
    assert_true(rows < 100);
    one_exchange_is_enough(w);
    assert_int_equal(w->anna.row_count, 81);
}

static void q07_todays_visits_come_first(void **state) {
    world *w = *state;
    rove_id today = 0;
    rep fresh;

    for (int i = 0; i < 10; i++) {
        today = site_visit(&w->s, w->account, w->s.now_ms + (i < 9 ? 100 : 0) * DAY);
    }
    rep_open(&fresh, &w->s, 101, ANNA);
    w->s.page_rows = 2;
    rep_outcome outcome;
    fresh.answer_frames = 2;
    rep_exchange(&fresh, &outcome);
    assert_non_null(rep_find(&fresh, "Visit", today));
    rep_close(&fresh);
}

/* ---- digests ---------------------------------------------------------------------------------------------- */

static void damage_product(world *w, rove_id id) {
    rep_row *row = rep_find(&w->anna, "Product", id);

    assert_non_null(row);
    site_text(&row->row, "name", "damaged");
}

static rep_outcome compare(world *w) {
    rep_outcome outcome;

    w->anna.send_digests = 1;
    rep_exchange(&w->anna, &outcome);
    return outcome;
}

static void g02_of_a_large_scope_only_what_differs_comes(void **state) {
    world *w = *state;
    rove_id first = site_products(&w->s, 400);

    rep_settle(&w->anna);
    w->anna.bucketed_rows = 400;
    damage_product(w, first + 123);
    rep_outcome outcome = compare(w);
    assert_true(outcome.verified);
    assert_true(outcome.rows < 40);
}

static void g02_nothing_is_sent_twice_within_an_hour(void **state) {
    world *w = *state;
    rove_id first = site_products(&w->s, 20);

    rep_settle(&w->anna);
    damage_product(w, first);
    assert_true(compare(w).verified);
    damage_product(w, first);
    rep_outcome outcome = compare(w);
    assert_int_equal(outcome.rows, 0);
    assert_int_equal(outcome.again, 1);
}

/* ---- forgetting ------------------------------------------------------------------------------------------- */

/* Nobody knows any more that it was deleted: but that it is not there shows. */
static void q08_a_cursor_from_before_the_purge_is_compared(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, w->account, w->s.now_ms);
    rep_outcome outcome;

    rep_settle(&w->anna);
    site_delete(&w->s, "Visit", visit);
    site_purge(&w->s, INT64_MAX);
    rep_exchange(&w->anna, &outcome);
    w->anna.send_digests = outcome.digests;
    one_exchange_is_enough(w);
    assert_null(rep_find(&w->anna, "Visit", visit));
}

static void q08_a_copy_that_lags_says_later(void **state) {
    world *w = *state;
    rove__hq_store copy = *w->s.store;
    rep_outcome outcome;

    copy.lags = 1;
    w->s.ports.store = &copy;
    w->anna.cursor.seq++;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.failed, ROVE_LATER);
    w->s.ports.store = w->s.store;
}

static void p04_an_id_is_taken_for_ever(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id id = rep_id(&w->anna);

    for (int i = 0; i < 2; i++) {
        rove__row *row = site_row(&w->s, "Visit", id);
        site_int(row, "account_id", w->account);
        site_int(row, "planned_start", w->s.now_ms);
        site_int(row, "status", 1);
        rep_insert(&w->anna, row);
        rep_exchange(&w->anna, &outcome);
        assert_int_equal(outcome.renames, i); /* the second one is another record */
        if (i == 0) {
            rep_settle(&w->anna);
            site_delete(&w->s, "Visit", id);
            site_purge(&w->s, INT64_MAX);
            rep_settle(&w->anna);
        }
    }
}

/* ---- timelines -------------------------------------------------------------------------------------------- */

/* What headquarters lost of a row goes away on the device with the next change of that row. */
static void t01_on_a_new_timeline_rows_come_whole(void **state) {
    world *w = *state;
    size_t backup = memory_headquarters_backup(w->s.hq);

    headquarters_writes(w, w->account, "phone", "lost");
    rep_settle(&w->anna);
    memory_headquarters_restore(w->s.hq, backup, 99, 999);
    headquarters_writes(w, w->account, "website", "adler.example");
    one_exchange_is_enough(w);
    assert_int_equal(rep_cell(&w->anna, "Account", w->account, "phone").type, ROVE_NULL);
}

static void t03_devices_give_back_what_was_lost(void **state) {
    world *w = *state;
    size_t backup = memory_headquarters_backup(w->s.hq);
    rep_outcome outcome;

    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("kept by her"));
    rep_settle(&w->anna);
    memory_headquarters_restore(w->s.hq, backup, 99, 999);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.need, 1);
    assert_int_equal(outcome.pages, 0); /* a page would take away what is to come */
    rep_settle(&w->anna);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "phone").size, strlen("kept by her"));
}

static const rule_test tests[] = {
    RULE(q01_what_is_written_meanwhile_is_not_lost, ROVE_PLANT_Q01_BOUNDED),
    RULE(q02_who_comes_comes_whole, ROVE_PLANT_Q02_PARTLY),
    RULE(q03_who_leaves_leaves_a_mark, ROVE_PLANT_Q03_UNMARKED),
    RULE(q04_what_came_in_between_leaves_too, ROVE_PLANT_Q04_HELD_AT_C),
    RULE(q07_a_cut_download_goes_on_where_it_was, ROVE_PLANT_Q07_ALL_AGAIN),
    RULE(q07_todays_visits_come_first, ROVE_PLANT_Q07_ANY_ORDER),
    RULE(g02_of_a_large_scope_only_what_differs_comes, ROVE_PLANT_G02_WHOLE),
    RULE(g02_nothing_is_sent_twice_within_an_hour, ROVE_PLANT_G02_AGAIN),
    RULE(q08_a_cursor_from_before_the_purge_is_compared, ROVE_PLANT_Q08_GAPS),
    RULE(q08_a_copy_that_lags_says_later, ROVE_PLANT_Q08_NEW_LINE),
    RULE(p04_an_id_is_taken_for_ever, ROVE_PLANT_P04_REUSED),
    RULE(t01_on_a_new_timeline_rows_come_whole, ROVE_PLANT_T01_PARTLY),
    RULE(t03_devices_give_back_what_was_lost, ROVE_PLANT_T03_FORGIVES),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, set_up, tear_down, argc, argv);
}
