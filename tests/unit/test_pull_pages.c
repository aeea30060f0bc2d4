/*
 * Where an answer stands: tokens that do not fit, what happens between two of its pages, and lists longer than a page takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "site_rep.h"
#include "sync/pull.h"

#define ANNA     INT64_C(0x7000000001)
#define DAY      INT64_C(86400000)
#define ACCOUNTS 4
#define VISITS   4 /* of each account */

typedef struct world {
    site s;
    rep anna;
    rove_id accounts[ACCOUNTS]; /* she holds all but the last */
    rove_id visits[ACCOUNTS][VISITS];
} world;

static int setup(void **state) {
    world *w = test_calloc(1, sizeof *w);

    site_open(&w->s);
    rep_open(&w->anna, &w->s, 100, ANNA);
    for (size_t i = 0; i < ACCOUNTS; i++) {
        w->accounts[i] = site_account(&w->s, "account");
        if (i + 1 < ACCOUNTS) {
            site_grant(&w->s, ANNA, w->accounts[i]);
        }
        for (size_t k = 0; k < VISITS; k++) {
            w->visits[i][k] = site_visit(&w->s, w->accounts[i], SITE_NOW + 100 * DAY);
        }
    }
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

/* Without a comparison of digests having had to mend anything. */
static void settle(world *w) {
    size_t repairs = w->anna.repairs;

    rep_settle(&w->anna);
    rep_check(&w->anna);
    assert_int_equal(w->anna.repairs, repairs);
}

/* ---- tokens ----------------------------------------------------------------------------------------------- */

/* sync/pull_token.c: each says that all of the feed was sent, and is wrong in one thing. */
typedef struct spoilt {
    uint8_t version, phase;
    int64_t timeline, c, h, since, seq; /* more than the right one */
    int over;                           /* so many bytes too many */
} spoilt;

static void put_token(world *w, const spoilt *t, uint64_t head) {
    rep *r = &w->anna;
    rove__buf token;

    rove__buf_init(&token, &w->s.keeping, ROVE_TOKEN_MAX);
    rove__buf_byte(&token, t->version);
    rove__buf_byte(&token, (uint8_t)(t->phase << 2));
    rove__buf_varint(&token, r->cursor.timeline + (uint64_t)t->timeline);
    rove__buf_varint(&token, r->cursor.seq + (uint64_t)t->c);
    rove__buf_varint(&token, head + (uint64_t)t->h);
    rove__buf_varint(&token, (uint64_t)t->since);
    rove__buf_varint(&token, head + (uint64_t)t->seq);
    rove__buf_varint(&token, 9);
    for (int i = 0; i < t->over; i++) {
        rove__buf_byte(&token, 0);
    }
    assert_int_equal(rove__buf_status(&token), ROVE_OK);
    r->token_size = token.size + (size_t)(t->over < 0 ? t->over : 0);
    memcpy(r->token, token.data, r->token_size);
    rove__buf_free(&token);
}

static void rename_account(world *w, const char *name) {
    rove__row *row = site_row(&w->s, "Account", w->accounts[0]);

    site_text(row, "name", name);
    site_update(&w->s, row);
}

static void a_token_that_does_not_fit_skips_nothing(void **state) {
    world *w = *state;
    const spoilt tokens[] = {
        {.version = 3, .phase = 2},
        {.version = 4, .phase = 3},
        {.version = 4, .phase = 4},
        {4, 2, .timeline = 1},
        {4, 2, .c = -1},
        {4, 2, .h = -2},
        {4, 2, .h = 1},
        {4, 2, .since = 1},
        {4, 2, .seq = 1},
        {4, 2, .seq = -2},
        {4, 2, .over = 1},
        {4, 2, .over = -1},
    };
    static const char *const names[] = {"a",  "bb",  "ccc",  "dddd",  "eeeee", "f",
                                        "gg", "hhh", "iiii", "jjjjj", "ll",    "k"};
    static const spoilt sound = {.version = 4, .phase = 2};
    rep_outcome outcome;

    settle(w);
    w->s.trial.on = 1;
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        rename_account(w, names[i]);
        put_token(w, &tokens[i], memory_headquarters_head(w->s.hq));
        rep_exchange(&w->anna, &outcome);
        assert_int_equal(outcome.failed, ROVE_OK);
        assert_int_equal(rep_cell(&w->anna, "Account", w->accounts[0], "name").size,
                         strlen(names[i]));
        assert_int_equal(w->anna.token_size, 0);
    }
    /* Nothing is new: she is told that it is worth nothing. */
    put_token(w, &tokens[0], memory_headquarters_head(w->s.hq));
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.pages, 1);
    assert_int_equal(w->anna.token_size, 0);
    /* One that is wrong in nothing is believed, so that those above were refused for what they are wrong in. */
    rename_account(w, "skipped");
    put_token(w, &sound, memory_headquarters_head(w->s.hq));
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(rep_cell(&w->anna, "Account", w->accounts[0], "name").size, 1);
}

/* ---- between two pages ------------------------------------------------------------------------------------ */

static void one_visit_is_deleted(world *w) {
    site_delete(&w->s, "Visit", w->visits[2][3]);
}

static void one_visit_is_forgotten(world *w) {
    one_visit_is_deleted(w);
    site_purge(&w->s, INT64_MAX);
}

static void move_visit(world *w, rove_id visit, rove_id account) {
    rove__row *row = site_row(&w->s, "Visit", visit);

    site_int(row, "account_id", account);
    site_update(&w->s, row);
}

static void visits_move(world *w) {
    move_visit(w, w->visits[1][3], w->accounts[2]);
    move_visit(w, w->visits[2][3], w->accounts[3]);
    move_visit(w, w->visits[3][3], w->accounts[0]);
}

static void an_account_leaves(world *w) {
    site_revoke(&w->s, ANNA, w->accounts[2]);
}

static void an_account_comes(world *w) {
    site_grant(&w->s, ANNA, w->accounts[3]);
}

static void all_of_it(world *w) {
    visits_move(w);
    site_delete(&w->s, "Visit", w->visits[0][3]);
    an_account_leaves(w);
    an_account_comes(w);
}

/* All pages of one answer; `act` comes after so many of them. */
static void pull_with(world *w, void (*act)(world *), size_t after) {
    rove__pull_request request = {.replica = w->anna.replica,
                                  .user = ANNA,
                                  .cursor = w->anna.cursor,
                                  .page_rows = 2,
                                  .now_ms = w->s.now_ms};
    rove__pull *pull = NULL;
    rep_outcome outcome = {.pages = 0};
    rove__buf payload;
    rove__arena arena;
    rove__page page;
    rove__end end;
    int done = 0;

    rove__buf_init(&payload, &w->s.allocator, ROVE_FRAME_MAX);
    rove__arena_init(&arena, &w->s.allocator, (size_t)1 << 24);
    assert_int_equal(rove__pull_new(&w->s.ports, &request, &pull), ROVE_OK);
    for (size_t pages = 0; !done; pages++) {
        assert_true(pages < 100);
        if (pages == after) {
            act(w);
        }
        rove__buf_reset(&payload);
        assert_int_equal(rove__pull_page(pull, &payload, &end, &done, NULL), ROVE_OK);
        if (payload.size > 0) {
            assert_int_equal(rove__page_read(&page, payload.data, payload.size, &arena), ROVE_OK);
            rep_apply_page(&w->anna, &page, &outcome);
        }
    }
    rove__pull_free(pull);
    rove__arena_free(&arena);
    rove__buf_free(&payload);
}

static void what_happens_between_two_pages_is_sent_in_the_end(void **state) {
    world *w = *state;
    static void (*const acts[])(world *) = {one_visit_is_deleted, one_visit_is_forgotten,
                                            visits_move,          an_account_leaves,
                                            an_account_comes,     all_of_it};

    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        for (size_t after = 1; after <= 7; after++) {
            void *fresh = NULL;
            assert_int_equal(setup(&fresh), 0);
            pull_with(fresh, acts[i], after);
            settle(fresh);
            assert_int_equal(teardown(&fresh), 0);
        }
    }
    settle(w);
}

/* Of two long accounts, one is taken from her while the first is under way. */
static void an_account_that_leaves_before_its_turn_is_not_sent(void **state) {
    world *w = *state;

    w->s.page_rows = 1;
    (void)site_visits(&w->s, w->accounts[0], SITE_NOW + 50 * DAY, 20);
    (void)site_visits(&w->s, w->accounts[2], SITE_NOW + 50 * DAY, 20);
    pull_with(w, an_account_leaves, 3);
    for (size_t k = 0; k < VISITS; k++) {
        assert_null(rep_find(&w->anna, "Visit", w->visits[2][k]));
    }
    settle(w);
}

/* A download is cut after its first page, and before it goes on its scopes have grown beyond what goes in one group. */
static void a_group_that_has_grown_begins_again(void **state) {
    world *w = *state;
    rep_outcome outcome;

    w->s.page_rows = 1;
    w->anna.answer_frames = 3;
    rep_exchange(&w->anna, &outcome);
    w->anna.answer_frames = 0;
    assert_true(w->anna.token_size > 0);
    w->s.trial.on = 1;
    (void)site_visits(&w->s, w->accounts[2], SITE_NOW + 50 * DAY, 20);
    rep_exchange(&w->anna, &outcome);
    settle(w);
}

/* ---- long lists ------------------------------------------------------------------------------------------- */

/* So many accounts, held since now; held no more. */
static void hold(world *w, size_t count, rove_id first, int holds) {
    site_transaction t;

    site_begin(&w->s, &t);
    for (size_t i = 0; i < count; i++) {
        rove_id root = first + (rove_id)i;
        assert_int_equal(holds ? rove__writer_grant(t.writer, ANNA, root, 0, NULL)
                               : rove__writer_revoke_grant(t.writer, ANNA, root, NULL),
                         ROVE_OK);
    }
    site_commit(&w->s, &t);
}

static void more_scopes_than_a_page_names_come_and_go(void **state) {
    world *w = *state;
    rove_id first = INT64_C(0x50000001);
    size_t counts[] = {1100, 2100}; /* groups of 1,024; lists of 2,048 */

    w->s.now_ms += 1000;
    for (size_t i = 0; i < 2; i++) {
        hold(w, counts[i], first, 1);
        settle(w);
        hold(w, counts[i], first, 0);
        settle(w);
    }
}

/* So many accounts that she holds, in one transaction. */
static void small_accounts(world *w, size_t count) {
    rove__row *row = site_row(&w->s, "Account", 0);
    site_transaction t;

    site_text(row, "name", "small");
    site_begin(&w->s, &t);
    for (size_t i = 0; i < count; i++) {
        row->id = 0;
        assert_int_equal(rove__writer_insert(t.writer, row, NULL), ROVE_OK);
        assert_int_equal(rove__writer_grant(t.writer, ANNA, row->id, 0, NULL), ROVE_OK);
    }
    site_commit(&w->s, &t);
}

/* More than go together, over several pages: with the last of them the page ends, though it has room. */
static void many_small_accounts_end_in_the_middle_of_a_page(void **state) {
    world *w = *state;

    w->s.page_rows = 300;
    small_accounts(w, 1100);
    settle(w);
    assert_int_equal(w->anna.row_count, 1100 + (ACCOUNTS - 1) * (VISITS + 1));
}

/* More rows than a short list of them has room for at first. */
static void a_long_account_comes_whole(void **state) {
    world *w = *state;

    (void)site_visits(&w->s, w->accounts[0], SITE_NOW + 50 * DAY, 1100);
    settle(w);
    assert_int_equal(w->anna.row_count, 1100 + (ACCOUNTS - 1) * (VISITS + 1));
}

/* What is held is told with the first page, unless that is more than a page can name. */
static void what_is_held_may_be_too_much_to_be_named(void **state) {
    world *w = *state;

    hold(w, ROVE_SCOPES_MAX + 1, INT64_C(0x50000001), 1);
    settle(w);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_token_that_does_not_fit_skips_nothing),
        CASE(what_happens_between_two_pages_is_sent_in_the_end),
        CASE(an_account_that_leaves_before_its_turn_is_not_sent),
        CASE(a_group_that_has_grown_begins_again),
        CASE(many_small_accounts_end_in_the_middle_of_a_page),
        CASE(a_long_account_comes_whole),
        CASE(more_scopes_than_a_page_names_come_and_go),
        CASE(what_is_held_may_be_too_much_to_be_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
