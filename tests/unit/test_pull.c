/*
 * What a device is sent: first downloads, changes, what it enters and leaves, windows of parts, repairs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "site_rep.h"

#define ANNA INT64_C(0x7000000001)
#define DAY  INT64_C(86400000)
#define HOUR INT64_C(3600000)

typedef struct world {
    site s;
    rep anna;
} world;

static int setup(void **state) {
    world *w = test_calloc(1, sizeof *w);

    site_open(&w->s);
    w->s.trial.on = 1;
    rep_open(&w->anna, &w->s, 100, ANNA);
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

static rove_id held_account(world *w) {
    rove_id account = site_account(&w->s, "account");

    site_grant(&w->s, ANNA, account);
    return account;
}

/* All that she has is right, and the digest says so. */
static void settle(world *w) {
    rep_settle(&w->anna);
    rep_check(&w->anna);
}

/* One window for another in one transaction, as the assignment rules do it each month. */
static void window(world *w, rove_id root, int32_t from, int32_t to) {
    rove__hq_grant grant = {ANNA, root, from, to, 0, ROVE_SEQ_OPEN, 0};
    site_transaction t;

    site_begin(&w->s, &t);
    assert_int_equal(rove__writer_revoke_grant(t.writer, ANNA, root, NULL), ROVE_OK);
    grant.from = rove__writer_seq(t.writer);
    assert_int_equal(rove__writer_grant_put(t.writer, &grant, NULL), ROVE_OK);
    site_commit(&w->s, &t);
}

/* Text that hardly can be compressed. */
static void noise(uint64_t *state, char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        text[i] = (char)(' ' + (*state >> 33) % 95);
    }
    text[size] = '\0';
}

/* ---- first downloads ------------------------------------------------------------------------------------- */

static void pages_of_rows_that_cannot_be_compressed_fit_their_frames(void **state) {
    world *w = *state;
    static char text[3001];
    uint64_t random = 1;

    for (int i = 0; i < 300; i++) {
        rove_id account = held_account(w);
        rove__row *note = site_row(&w->s, "Note", 0);
        noise(&random, text, sizeof text - 1);
        site_int(note, "about_id", account);
        site_int(note, "created_at", w->s.now_ms);
        site_text(note, "text", text);
        (void)site_insert(&w->s, note);
    }
    settle(w);
    assert_int_equal(w->anna.row_count, 600);
}

/* Some scopes go together, one is longer than what goes together; a cut exchange brings four rows. */
static void a_cut_download_goes_on_within_scopes_and_between(void **state) {
    world *w = *state;
    rep_outcome outcome;
    size_t total = 0;

    w->s.page_rows = 1;
    for (size_t i = 0; i < 9; i++) {
        rove_id account = held_account(w);
        size_t visits = i == 4 ? 50 : 12;
        for (size_t j = 0; j < visits; j++) {
            site_visit(&w->s, account, w->s.now_ms - 100 * DAY);
        }
        total += 1 + visits;
    }
    w->anna.answer_frames = 5;
    for (size_t i = 0; i < total / 4 + 4; i++) {
        rep_exchange(&w->anna, &outcome);
    }
    assert_int_equal(w->anna.row_count, total);
    w->anna.answer_frames = 0;
    settle(w);
    assert_int_equal(w->anna.row_count, total);
}

static void todays_visits_come_first(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id today = 0;

    w->s.page_rows = 3;
    for (int i = 0; i < 5; i++) {
        rove_id account = held_account(w);
        site_visit(&w->s, account, w->s.now_ms - 100 * DAY);
        site_visit(&w->s, account, w->s.now_ms + 10 * DAY);
        if (i == 4) {
            today = site_visit(&w->s, account, w->s.now_ms + DAY / 2);
        }
    }
    w->anna.answer_frames = 2; /* Welcome and one page */
    rep_exchange(&w->anna, &outcome);
    w->anna.answer_frames = 0;
    assert_non_null(rep_find(&w->anna, "Visit", today));
    assert_true(w->anna.row_count <= 3);
    settle(w);
    assert_int_equal(w->anna.row_count, 5 + 11);
}

/* Of the month, only today's and tomorrow's; of a window, only what is in it; and several to a page. */
static void only_todays_visits_come_first(void **state) {
    world *w = *state;
    rove_id account = held_account(w);
    rove_id later = site_account(&w->s, "from next month on");
    rep_outcome outcome;
    rove_id yesterdays[3];

    window(w, later, 202602, ROVE_PART_LAST);
    rove_id unseen = site_visit(&w->s, later, w->s.now_ms);
    rove_id last_week = site_visit(&w->s, account, w->s.now_ms - 7 * DAY);
    for (size_t i = 0; i < 3; i++) {
        yesterdays[i] = site_visit(&w->s, account, w->s.now_ms - HOUR);
    }
    w->s.page_rows = 2;
    w->anna.answer_frames = 3; /* Welcome and two pages */
    rep_exchange(&w->anna, &outcome);
    w->anna.answer_frames = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(rep_find(&w->anna, "Visit", yesterdays[i]));
    }
    assert_null(rep_find(&w->anna, "Visit", last_week));
    settle(w);
    assert_null(rep_find(&w->anna, "Visit", unseen));
}

static void a_cut_download_goes_on_where_it_was(void **state) {
    world *w = *state;
    size_t sent = 0;

    w->s.page_rows = 10;
    for (int i = 0; i < 10; i++) {
        rove_id account = held_account(w);
        for (int k = 0; k < 10; k++) {
            site_visit(&w->s, account, w->s.now_ms + (100 + k) * DAY);
        }
    }
    for (int i = 0; i < 50; i++) {
        rep_outcome outcome;
        w->anna.answer_frames = 3; /* two pages each time */
        rep_exchange(&w->anna, &outcome);
        sent += outcome.rows;
        if (outcome.ended) {
            break;
        }
    }
    assert_true(sent <= 115); /* not from the start each time */
    settle(w);
    assert_int_equal(w->anna.row_count, 110);
}

static void a_budget_ends_the_answer_early(void **state) {
    world *w = *state;
    rep_outcome outcome;

    w->s.page_rows = 5;
    for (int i = 0; i < 40; i++) {
        held_account(w);
    }
    w->anna.bytes_max = 1;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.pages, 1);
    assert_true(outcome.more);
    assert_false(outcome.verified);
    w->anna.bytes_max = 0;
    settle(w);
}

static void a_reset_device_keeps_nothing_it_should_not_have(void **state) {
    world *w = *state;
    rove_id kept = held_account(w);
    rove_id lost = held_account(w);

    settle(w);
    site_revoke(&w->s, ANNA, lost);
    w->anna.cursor = (rove__cursor){0, 0};
    w->anna.token_size = 0;
    settle(w);
    assert_non_null(rep_find(&w->anna, "Account", kept));
    assert_null(rep_find(&w->anna, "Account", lost));
}

static void tokens_that_do_not_fit_are_as_good_as_none(void **state) {
    world *w = *state;
    uint64_t seed = 9;

    w->s.page_rows = 2;
    for (int i = 0; i < 8; i++) {
        site_visit(&w->s, held_account(w), w->s.now_ms);
    }
    for (int i = 0; i < 200; i++) {
        rep_outcome outcome;
        rove__hello hello = raw_default_hello(&w->anna);
        uint8_t token[ROVE_TOKEN_MAX];
        for (size_t k = 0; k < sizeof token; k++) {
            token[k] = (uint8_t)dice(&seed);
        }
        token[0] = 4; /* what is written now: sync/pull_token.c */
        token[1] %= 8;
        hello.token = (rove__bytes){token, 1 + dice(&seed) % (ROVE_TOKEN_MAX - 1)};
        raw_request *q = raw_open(&w->anna);
        raw_hello(q, &hello);
        raw_end(q);
        raw_answer(q, 0, &outcome);
        assert_int_equal(outcome.failed, ROVE_OK);
    }
    settle(w);
}

/* ---- changes --------------------------------------------------------------------------------------------- */

static void a_change_is_one_small_row(void **state) {
    world *w = *state;
    rove_id account = held_account(w);
    rep_outcome outcome;

    settle(w);
    rove__row *row = site_row(&w->s, "Account", account);
    site_text(row, "phone", "1");
    site_update(&w->s, row);
    site_text(row, "phone", "2");
    site_update(&w->s, row); /* named twice, sent once */
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.rows, 1);
    assert_int_equal(outcome.pages, 1);
    assert_true(outcome.verified);
    assert_true(outcome.bytes_in < 700);
    rep_check(&w->anna);
}

static void what_concerns_others_only_moves_the_cursor(void **state) {
    world *w = *state;
    rep_outcome outcome;

    settle(w);
    for (int i = 0; i < 10; i++) {
        site_account(&w->s, "not hers");
    }
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.rows + outcome.tombstones + outcome.marks, 0);
    assert_int_equal(w->anna.cursor.seq, memory_headquarters_head(w->s.hq));
}

static void deleted_rows_go(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, held_account(w), w->s.now_ms);

    settle(w);
    assert_non_null(rep_find(&w->anna, "Visit", visit));
    site_delete(&w->s, "Visit", visit);
    settle(w);
    assert_null(rep_find(&w->anna, "Visit", visit));
}

static void a_row_that_moves_out_of_sight_goes_and_comes_back_whole(void **state) {
    world *w = *state;
    rove_id account = held_account(w);
    rove_id elsewhere = site_account(&w->s, "not hers");
    rove_id visit = site_visit(&w->s, account, w->s.now_ms);
    rove__row *row = site_row(&w->s, "Visit", visit);

    settle(w);
    site_int(row, "account_id", elsewhere);
    site_update(&w->s, row);
    rep_outcome outcome;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.marks, 1);
    assert_int_equal(outcome.rows, 0); /* where it went is not told */
    assert_null(rep_find(&w->anna, "Visit", visit));
    site_int(row, "account_id", account);
    site_update(&w->s, row);
    settle(w);
    assert_non_null(rep_find(&w->anna, "Visit", visit));
}

static void a_move_within_sight_keeps_the_row(void **state) {
    world *w = *state;
    rove_id first = held_account(w);
    rove_id second = held_account(w);
    rove_id visit = site_visit(&w->s, first, w->s.now_ms);
    rove__row *row = site_row(&w->s, "Visit", visit);

    settle(w);
    site_int(row, "account_id", second);
    site_int(row, "planned_start", w->s.now_ms + 70 * DAY);
    site_update(&w->s, row);
    settle(w);
    assert_int_equal(rep_cell(&w->anna, "Visit", visit, "account_id").as.integer, second);
    site_int(row, "account_id", first);
    site_update(&w->s, row);
    site_int(row, "account_id", second);
    site_update(&w->s, row); /* there and back between two pulls */
    settle(w);
}

/* ---- there and back ------------------------------------------------------------------------------------- */

/* One page of the answer arrives. */
static void one_page(world *w) {
    rep_outcome outcome;

    w->s.page_rows = 1;
    w->anna.answer_frames = 2; /* Welcome and the page */
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.pages, 1);
    w->anna.answer_frames = 0;
}

static void several_changes(world *w, rove_id account) {
    for (int i = 0; i < 4; i++) {
        site_visit(&w->s, account, w->s.now_ms + i * DAY);
    }
}

/* What went to somebody else and came back is not sent again, and what happened to it meanwhile is: also in pieces. */
static void a_gap_in_holding_costs_only_what_happened_in_it(void **state) {
    world *w = *state;
    rove_id other = held_account(w);
    rove_id account = held_account(w);
    rep_outcome outcome;

    several_changes(w, account);
    settle(w);
    site_revoke(&w->s, ANNA, account);
    several_changes(w, other);
    rove_id visit = site_visit(&w->s, account, w->s.now_ms);
    site_grant(&w->s, ANNA, account);
    one_page(w);
    one_page(w);
    assert_null(rep_find(&w->anna, "Visit", visit));
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.rows, 3); /* of the five new visits */
    assert_non_null(rep_find(&w->anna, "Visit", visit));
    settle(w);
}

/* A cut answer had taken the account away; it comes back before the round is over. */
static void what_a_cut_answer_took_away_comes_again_whole(void **state) {
    world *w = *state;
    rove_id other = held_account(w);
    rove_id account = held_account(w);

    settle(w);
    several_changes(w, other);
    rove__row *row = site_row(&w->s, "Account", account);
    site_text(row, "website", "a change of the round that was cut");
    site_update(&w->s, row);
    one_page(w);
    site_revoke(&w->s, ANNA, account);
    one_page(w);
    assert_null(rep_find(&w->anna, "Account", account));
    site_grant(&w->s, ANNA, account);
    settle(w);
    assert_int_equal(w->anna.repairs, 0);
    assert_non_null(rep_find(&w->anna, "Account", account));
}

/* The same, and the round is over: the device stands at its head, but is not complete there. */
static void who_is_not_complete_at_his_cursor_says_so(void **state) {
    world *w = *state;
    rove_id other = held_account(w);
    rove_id account = held_account(w);

    settle(w);
    several_changes(w, other);
    uint64_t head = memory_headquarters_head(w->s.hq);
    one_page(w);
    site_revoke(&w->s, ANNA, account);
    while (w->anna.cursor.seq < head) {
        one_page(w);
    }
    assert_int_equal(w->anna.token_size, 0);
    site_grant(&w->s, ANNA, account);
    settle(w);
    assert_int_equal(w->anna.repairs, 0);
    assert_non_null(rep_find(&w->anna, "Account", account));
}

/* ---- entering and leaving -------------------------------------------------------------------------------- */

static void accounts_come_and_go_with_their_rows(void **state) {
    world *w = *state;
    rove_id account = site_account(&w->s, "account");

    site_visit(&w->s, account, w->s.now_ms);
    settle(w);
    assert_int_equal(w->anna.row_count, 0);
    site_grant(&w->s, ANNA, account);
    settle(w);
    assert_int_equal(w->anna.row_count, 2);
    site_revoke(&w->s, ANNA, account);
    settle(w);
    assert_int_equal(w->anna.row_count, 0);
    site_grant(&w->s, ANNA, account);
    site_revoke(&w->s, ANNA, account);
    site_grant(&w->s, ANNA, account);
    settle(w);
    assert_int_equal(w->anna.row_count, 2);
    /* Away and back between two pulls: what was deleted meanwhile is not kept. */
    rove_id visit = site_visit(&w->s, account, w->s.now_ms);
    settle(w);
    site_revoke(&w->s, ANNA, account);
    site_delete(&w->s, "Visit", visit);
    site_grant(&w->s, ANNA, account);
    settle(w);
    assert_null(rep_find(&w->anna, "Visit", visit));
}

/* The feed since then speaks of it as well: that it left a month. */
static void a_row_that_moved_away_and_back_comes_with_its_scope(void **state) {
    world *w = *state;
    rove_id account = site_account(&w->s, "account");
    rove_id visit = site_visit(&w->s, account, w->s.now_ms);
    rove__row *row = site_row(&w->s, "Visit", visit);
    rep_outcome outcome;

    held_account(w);
    settle(w);
    site_int(row, "planned_start", w->s.now_ms + 40 * DAY);
    site_update(&w->s, row);
    site_int(row, "planned_start", w->s.now_ms);
    site_update(&w->s, row);
    site_grant(&w->s, ANNA, account);
    w->s.page_rows = 1;
    rep_exchange(&w->anna, &outcome);
    assert_true(outcome.verified);
    assert_non_null(rep_find(&w->anna, "Visit", visit));
}

static void windows_of_parts_move_on(void **state) {
    world *w = *state;
    rove_id account = site_account(&w->s, "account");
    rep_outcome outcome;

    for (int month = 0; month < 12; month++) { /* 2026 */
        site_visit(&w->s, account, w->s.now_ms + (month * 30 + 15) * DAY);
    }
    window(w, account, 202603, ROVE_PART_LAST);
    settle(w);
    assert_int_equal(w->anna.row_count, 1 + 10);
    window(w, account, 202604, ROVE_PART_LAST);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.rows, 0); /* one month leaves, nothing is sent again */
    assert_true(outcome.verified);
    assert_int_equal(w->anna.row_count, 1 + 9);
    window(w, account, 202602, 202606);
    settle(w);
    assert_int_equal(w->anna.row_count, 1 + 5);
    window(w, account, ROVE_PART_FIRST, ROVE_PART_LAST);
    settle(w);
    assert_int_equal(w->anna.row_count, 1 + 12);
    window(w, account, 202612, 202612);
    settle(w);
    assert_int_equal(w->anna.row_count, 1 + 1);
    site_revoke(&w->s, ANNA, account);
    settle(w);
    assert_int_equal(w->anna.row_count, 0);
}

/* Over a year's end, months that are none, more of them than are told one by one: she has what is in the last one. */
static void any_window_may_follow_another(void **state) {
    world *w = *state;
    rove_id account = site_account(&w->s, "account");
    static const struct {
        int32_t from, to;
        size_t visits;
    } windows[] = {{202511, 202602, 4}, {202603, ROVE_PART_LAST, 2},
                   {202601, 202613, 4}, {202602, 202602, 1},
                   {101, 202612, 6},    {202604, 202604, 1}};

    site_visit(&w->s, account, w->s.now_ms - 40 * DAY); /* November, December; January to April */
    site_visit(&w->s, account, w->s.now_ms - 10 * DAY);
    for (int month = 0; month < 4; month++) {
        site_visit(&w->s, account, w->s.now_ms + (month * 30 + 10) * DAY);
    }
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        window(w, account, windows[i].from, windows[i].to);
        settle(w);
        if (w->anna.row_count != 1 + windows[i].visits) {
            fail_msg("window %zu: %zu rows", i, w->anna.row_count);
        }
    }
}

/* Only the window was held before: the rest was never sent, whatever is new in it. */
static void a_window_that_is_opened_brings_the_rest(void **state) {
    world *w = *state;
    rove_id account = site_account(&w->s, "account");
    rove_id inside = site_visit(&w->s, account, w->s.now_ms);
    rove_id outside = site_visit(&w->s, account, w->s.now_ms + 100 * DAY);

    window(w, account, ROVE_PART_FIRST, 202602);
    settle(w);
    assert_int_equal(w->anna.row_count, 2);
    for (size_t i = 0; i < 2; i++) {
        rove__row *row = site_row(&w->s, "Visit", i == 0 ? inside : outside);
        site_text(row, "notes", "new");
        site_update(&w->s, row);
    }
    window(w, account, ROVE_PART_FIRST, ROVE_PART_LAST);
    settle(w);
    assert_int_equal(w->anna.row_count, 3);
}

/* A window moved on, and then headquarters was restored to before that. */
static void a_restore_takes_a_window_back(void **state) {
    world *w = *state;
    rove_id account = site_account(&w->s, "account");

    for (int month = 0; month < 4; month++) {
        site_visit(&w->s, account, w->s.now_ms + (month * 30 + 10) * DAY);
    }
    window(w, account, 202601, 202602);
    settle(w);
    size_t backup = memory_headquarters_backup(w->s.hq);
    window(w, account, 202603, 202604);
    settle(w);
    memory_headquarters_restore(w->s.hq, backup, 2, 3333);
    settle(w);
    assert_non_null(rep_find(&w->anna, "Account", account));
    assert_int_equal(w->anna.row_count, 3);
}

/* Any windows, any pages, cuts: the same in the end. */
static void any_windows_end_right(void **state) {
    world *w = *state;
    rove_id accounts[2] = {site_account(&w->s, "a"), site_account(&w->s, "b")};
    uint64_t seed = 4;

    for (int i = 0; i < 250; i++) {
        rep_outcome outcome;
        rove_id account = accounts[dice(&seed) % 2];
        int32_t from = (int32_t)(202601 + dice(&seed) % 6);
        w->s.page_rows = 1 + dice(&seed) % 4;
        switch (dice(&seed) % 6) {
        case 0:
            window(w, account, from, dice(&seed) % 2 ? ROVE_PART_LAST : from + 2);
            break;
        case 1:
            window(w, account, ROVE_PART_FIRST, ROVE_PART_LAST);
            break;
        case 2:
            site_revoke(&w->s, ANNA, account);
            break;
        case 3:
            site_visit(&w->s, account, w->s.now_ms + (int64_t)(dice(&seed) % 300) * DAY);
            break;
        default:
            w->anna.answer_frames = dice(&seed) % 3 ? 0 : 1 + dice(&seed) % 4;
            rep_exchange(&w->anna, &outcome);
            assert_int_equal(outcome.failed, ROVE_OK);
            break;
        }
        if (i % 10 == 9) {
            w->s.now_ms += HOUR; /* what is found to differ may have differed the last time too */
            settle(w);
        }
    }
}

/* ---- digests --------------------------------------------------------------------------------------------- */

static void damage_is_found_and_repaired(void **state) {
    world *w = *state;
    rove_id damaged = held_account(w);
    rove_id sound = held_account(w);
    rep_outcome outcome;

    site_visit(&w->s, damaged, w->s.now_ms);
    site_visit(&w->s, sound, w->s.now_ms);
    settle(w);
    rep_row *row = rep_find(&w->anna, "Account", damaged);
    site_text(&row->row, "name", "not what headquarters said");
    rep_exchange(&w->anna, &outcome);
    assert_false(outcome.verified);
    w->anna.send_digests = 1;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.differs, 1);
    assert_int_equal(outcome.rows, 1); /* the account; its visit is in another part */
    assert_true(outcome.verified);
    rep_check(&w->anna);
}

static void rows_too_many_and_too_few_are_repaired(void **state) {
    world *w = *state;
    rove_id account = held_account(w);
    rove_id missing = site_visit(&w->s, account, w->s.now_ms);
    rove_id gone = site_visit(&w->s, account, w->s.now_ms + 40 * DAY);
    rove_id foreign = held_account(w);
    rep_outcome outcome;

    settle(w);
    rep_row ghost = *rep_find(&w->anna, "Visit", gone);
    rep_row other = *rep_find(&w->anna, "Account", foreign);
    site_delete(&w->s, "Visit", gone);
    site_revoke(&w->s, ANNA, foreign);
    settle(w);
    rep_drop(&w->anna, rep_find(&w->anna, "Visit", missing));
    w->anna.rows[w->anna.row_count++] = ghost;
    w->anna.rows[w->anna.row_count++] = other;
    w->anna.send_digests = 1;
    rep_exchange(&w->anna, &outcome);
    assert_true(outcome.verified);
    rep_check(&w->anna);
    assert_null(rep_find(&w->anna, "Visit", gone));
    assert_null(rep_find(&w->anna, "Account", foreign));
    assert_non_null(rep_find(&w->anna, "Visit", missing));
}

static void equal_digests_cost_nothing(void **state) {
    world *w = *state;
    rep_outcome outcome;

    held_account(w);
    settle(w);
    w->anna.send_digests = 1;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.differs, 0);
    assert_int_equal(outcome.pages, 0);
    assert_true(outcome.verified);
}

/* ---- timelines ------------------------------------------------------------------------------------------- */

static void a_restart_costs_one_digest(void **state) {
    world *w = *state;
    rep_outcome outcome;

    for (int i = 0; i < 20; i++) {
        held_account(w);
    }
    settle(w);
    memory_headquarters_restore(w->s.hq, memory_headquarters_backup(w->s.hq), 2, 3333);
    rep_exchange(&w->anna, &outcome);
    assert_true(outcome.verified);
    assert_int_equal(outcome.rows, 0);
    assert_int_equal(w->anna.cursor.timeline, 2);
    assert_false(w->anna.unverified);
}

static void a_restored_headquarters_takes_back_what_it_lost(void **state) {
    world *w = *state;
    rove_id account = held_account(w);

    settle(w);
    size_t backup = memory_headquarters_backup(w->s.hq);
    rove_id lost =
        site_visit(&w->s, account, w->s.now_ms); /* headquarters' own, after the backup */
    rep_update(&w->anna, "Account", account, "phone", rove__value_text("0221"));
    rep_count(&w->anna, "Account", account, "points", 3);
    settle(w);
    memory_headquarters_restore(w->s.hq, backup, 2, 3333);
    settle(w);
    assert_int_equal(site_cell(&w->s, "Account", account, "phone").size, 4);
    assert_int_equal(site_cell(&w->s, "Account", account, "points").as.integer, 3);
    assert_null(rep_find(&w->anna, "Visit", lost));
    /* And a rep from beyond the end of what is here starts anew. */
    w->anna.cursor.seq = 99999;
    settle(w);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(pages_of_rows_that_cannot_be_compressed_fit_their_frames),
        CASE(a_cut_download_goes_on_within_scopes_and_between),
        CASE(todays_visits_come_first),
        CASE(only_todays_visits_come_first),
        CASE(a_cut_download_goes_on_where_it_was),
        CASE(a_budget_ends_the_answer_early),
        CASE(a_reset_device_keeps_nothing_it_should_not_have),
        CASE(tokens_that_do_not_fit_are_as_good_as_none),
        CASE(a_change_is_one_small_row),
        CASE(what_concerns_others_only_moves_the_cursor),
        CASE(deleted_rows_go),
        CASE(a_row_that_moves_out_of_sight_goes_and_comes_back_whole),
        CASE(a_move_within_sight_keeps_the_row),
        CASE(accounts_come_and_go_with_their_rows),
        CASE(a_gap_in_holding_costs_only_what_happened_in_it),
        CASE(what_a_cut_answer_took_away_comes_again_whole),
        CASE(who_is_not_complete_at_his_cursor_says_so),
        CASE(a_row_that_moved_away_and_back_comes_with_its_scope),
        CASE(windows_of_parts_move_on),
        CASE(any_window_may_follow_another),
        CASE(a_window_that_is_opened_brings_the_rest),
        CASE(a_restore_takes_a_window_back),
        CASE(any_windows_end_right),
        CASE(damage_is_found_and_repaired),
        CASE(rows_too_many_and_too_few_are_repaired),
        CASE(equal_digests_cost_nothing),
        CASE(a_restart_costs_one_digest),
        CASE(a_restored_headquarters_takes_back_what_it_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
