/*
 * What a device says it has, however it says it (G2): lists that are short, doubled, of nothing, or longer than an answer takes.
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
#define ACCOUNTS 3
#define EMPTY    209912 /* a month of which nobody has anything */

typedef struct world {
    site s;
    rep anna;
    rove_id accounts[ACCOUNTS]; /* she holds them, each with a visit */
} world;

static int setup(void **state) {
    world *w = test_calloc(1, sizeof *w);

    site_open(&w->s);
    rep_open(&w->anna, &w->s, 100, ANNA);
    for (size_t i = 0; i < ACCOUNTS; i++) {
        w->accounts[i] = site_account(&w->s, "account");
        site_grant(&w->s, ANNA, w->accounts[i]);
        site_visit(&w->s, w->accounts[i], SITE_NOW + 100 * DAY);
    }
    rep_settle(&w->anna);
    rep_check(&w->anna);
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

/* What an answer to her list says: of the DIFFER, and of all its pages. */
typedef struct answer {
    size_t differs, again;
    uint64_t buckets;       /* of the first that differs */
    uint64_t again_buckets; /* of the first that differs again */
    size_t left, begun, rows;
    size_t tokens;     /* pages that have one */
    rove__bytes token; /* the first; in the site's arena */
    rove__end end;
} answer;

static void add_page(world *w, const rove__page *page, answer *a) {
    if (page->token.size > 0 && a->tokens++ == 0) {
        a->token.data = rove__arena_copy(&w->s.arena, page->token.data, page->token.size);
        a->token.size = page->token.size;
    }
    a->left += page->left_count;
    a->begun += page->begin_count;
    a->rows += page->rows.size > 0;
}

/* NULL for none; the answer is made out of a copy. */
static void *copy_of(world *w, const void *items, size_t count, size_t size) {
    void *copy = count == 0 ? NULL : rove__arena_copy(&w->s.arena, items, count * size);

    assert_true(count == 0 || copy != NULL);
    return copy;
}

/* What an answer reads of the store. */
static struct {
    rove__hq_store store;
    const rove__hq_store *real;
    size_t sums, rows; /* scans */
} counted;

static rove_status count_sums(rove__hq_tx *tx, rove_id root,
                              rove_status (*each)(void *, rove__scope, rove__hash128, int64_t),
                              void *ctx) {
    counted.sums++;
    return counted.real->sum_scan(tx, root, each, ctx);
}

static rove_status count_rows(rove__hq_tx *tx, rove__scope scope, uint32_t entity, rove_id id,
                              rove__arena *arena, rove_status (*each)(void *, const rove__hq_row *),
                              void *ctx) {
    counted.rows++;
    return counted.real->row_scan(tx, scope, entity, id, arena, each, ctx);
}

static void count_reads(world *w) {
    if (w->s.ports.store != &counted.store) {
        counted.real = w->s.ports.store;
        counted.store = *counted.real;
        counted.store.sum_scan = count_sums;
        counted.store.row_scan = count_rows;
        w->s.ports.store = &counted.store;
    }
    counted.sums = counted.rows = 0;
}

static rove__bytes token; /* that goes along */

static answer ask(world *w, rove__scope_digest *digests, size_t count, int whole,
                  const rove__digest_list *more) {
    rove__pull_request request = {
        .replica = w->anna.replica,
        .user = ANNA,
        .cursor = w->anna.cursor,
        .complete = 1,
        .now_ms = w->s.now_ms,
        .token = token,
        .page_rows = w->s.page_rows,
        .digests = copy_of(w, digests, count, sizeof *digests),
        .digest_count = count,
        .digests_whole = whole,
        .buckets = copy_of(w, more->buckets, more->bucket_count, sizeof *more->buckets),
        .bucket_count = more->bucket_count,
        .fetched = copy_of(w, more->fetched, more->fetched_count, sizeof *more->fetched),
        .fetched_count = more->fetched_count};
    rove__pull *pull = NULL;
    rove__buf payload;
    rove__arena arena;
    rove__differ differ = {.count = 0};
    rove__page page;
    rove__end end;
    answer a = {0};
    int any = 0;
    int done = 0;

    rove__buf_init(&payload, &w->s.allocator, ROVE_FRAME_MAX);
    rove__arena_init(&arena, &w->s.allocator, (size_t)1 << 24);
    assert_int_equal(rove__pull_new(&w->s.ports, &request, &pull), ROVE_OK);
    assert_int_equal(rove__pull_differ(pull, &payload, &any, NULL), ROVE_OK);
    if (any) {
        assert_int_equal(rove__differ_read(&differ, payload.data, payload.size, &arena), ROVE_OK);
    }
    a.differs = differ.count;
    a.again = differ.again_count;
    a.buckets = differ.count > 0 ? differ.portions[0].buckets : 0;
    a.again_buckets = differ.again_count > 0 ? differ.again[0].buckets : 0;
    while (!done) {
        rove__buf_reset(&payload);
        assert_int_equal(rove__pull_page(pull, &payload, &end, &done, NULL), ROVE_OK);
        if (payload.size > 0) {
            assert_int_equal(rove__page_read(&page, payload.data, payload.size, &arena), ROVE_OK);
            add_page(w, &page, &a);
        }
    }
    a.end = end;
    rove__pull_free(pull);
    rove__arena_free(&arena);
    rove__buf_free(&payload);
    return a;
}

static const rove__digest_list nothing_more;

/* Her own list, with room for more in it. */
static rove__scope_digest *her_list(world *w, size_t room, size_t *count) {
    rove__scope_digest *items = NULL;
    rove__digest_list list;

    rep_digests(&w->anna, &list);
    *count = list.count;
    items = rove__arena_take(&w->s.arena, (list.count + room) * sizeof *items);
    assert_non_null(items);
    memcpy(items, list.items, list.count * sizeof *items);
    return items;
}

static rove__scope_digest some(rove_id root, int32_t part, uint64_t low, uint64_t high) {
    return (rove__scope_digest){{root, part}, {.low = low, .high = high}};
}

/* ---- lists ------------------------------------------------------------------------------------------------ */

static void of_a_part_of_the_list_only_that_part_is_compared(void **state) {
    world *w = *state;
    size_t count = 0;
    rove__scope_digest *list = her_list(w, 0, &count);

    list[0].sum.low ^= 1;
    assert_int_equal(ask(w, list, 1, 0, &nothing_more).differs, 1);
    list = her_list(w, 0, &count);
    list[0].sum.low ^= 1;
    assert_int_equal(ask(w, list, 1, 1, &nothing_more).differs, count);
}

static void what_is_named_twice_is_sent_once(void **state) {
    world *w = *state;
    size_t count = 0;
    rove__scope_digest *list = her_list(w, 2, &count);

    list[count] = list[count + 1] = some(w->accounts[0], EMPTY, 1, 1);
    answer a = ask(w, list, count + 2, 1, &nothing_more);
    assert_int_equal(a.differs, 1);
    assert_int_equal(a.begun, 1);
    assert_int_equal(a.rows, 0);
}

/* A scope with its buckets, both named as often as a list has room: its rows are read once. */
static void what_is_named_often_is_counted_once(void **state) {
    world *w = *state;
    size_t count = 0;
    rove__scope_digest *list = her_list(w, 1000, &count);
    rove__bucket_digest buckets[ROVE_BUCKETED_MAX] = {{.scope = {0}}};
    const rove__digest_list more = {.buckets = buckets, .bucket_count = ROVE_BUCKETED_MAX};

    for (size_t i = 0; i < ROVE_BUCKETED_MAX; i++) {
        buckets[i].scope = (rove__scope){w->accounts[0], EMPTY};
    }
    list[count] = some(w->accounts[0], EMPTY, 1, 1);
    count_reads(w);
    (void)ask(w, list, count + 1, 1, &more);
    size_t rows = counted.rows;
    list = her_list(w, 1000, &count);
    for (size_t i = 0; i < 1000; i++) {
        list[count + i] = some(w->accounts[0], EMPTY, 1, 1);
    }
    count_reads(w);
    (void)ask(w, list, count + 1000, 1, &more);
    assert_int_equal(counted.rows, rows);
}

/* However many parts of what she holds a device names: the sums of a root are read as often as of a list without them. */
static void a_long_list_reads_no_more_sums_than_a_short_one(void **state) {
    world *w = *state;
    size_t count = 0;
    rove__scope_digest *list = her_list(w, 0, &count);

    count_reads(w);
    assert_int_equal(ask(w, list, count, 1, &nothing_more).differs, 0);
    size_t sums = counted.sums;
    list = her_list(w, 1000, &count);
    for (size_t i = 0; i < 1000; i++) {
        list[count + i] = some(w->accounts[i % ACCOUNTS], (int32_t)(300000 + i), 1, 1);
    }
    count_reads(w);
    assert_int_equal(ask(w, list, count + 1000, 1, &nothing_more).differs, 1000);
    assert_int_equal(counted.sums, sums);
}

/* Both lists of the answer full, there is nothing left to find out. */
static void nothing_is_compared_that_no_answer_takes(void **state) {
    world *w = *state;
    const size_t most = ROVE_SCOPES_MAX + ROVE_FETCHED_MAX;
    size_t count = 0;
    rove__scope_digest *list = rove__arena_take(&w->s.arena, (most + 1) * sizeof *list);
    rove__portion *fetched = rove__arena_take(&w->s.arena, ROVE_FETCHED_MAX * sizeof *fetched);
    const rove__bucket_digest bucket = {.scope = {INT64_MAX, 1}};
    size_t rows[2] = {0, 0};

    assert_true(list != NULL && fetched != NULL);
    site_grant(&w->s, ANNA, INT64_MAX);
    for (size_t past = 0; past < 2; past++) {
        count = 0;
        for (size_t i = 0; i < most - !past; i++) {
            list[count] = some(w->accounts[0], (int32_t)(300000 + i), 1, 1);
            if (i < ROVE_FETCHED_MAX) {
                fetched[i] = (rove__portion){list[count].scope, 0};
            }
            count++;
        }
        list[count++] = some(bucket.scope.root, bucket.scope.part, 1, 1);
        const rove__digest_list more = {.buckets = &bucket,
                                        .bucket_count = 1,
                                        .fetched = fetched,
                                        .fetched_count = ROVE_FETCHED_MAX};
        count_reads(w);
        (void)ask(w, list, count, 0, &more);
        rows[past] = counted.rows;
    }
    assert_int_equal(rows[1] + 1, rows[0]);
}

static void a_scope_of_which_neither_has_anything_is_equal(void **state) {
    world *w = *state;
    const struct {
        uint64_t low, high;
        size_t differs;
    } sums[] = {{0, 0, 0}, {0, 1, 1}, {1, 0, 1}};

    for (size_t i = 0; i < 3; i++) {
        size_t count = 0;
        rove__scope_digest *list = her_list(w, 1, &count);
        list[count++] = some(w->accounts[1], EMPTY, sums[i].low, sums[i].high);
        assert_int_equal(ask(w, list, count, 1, &nothing_more).differs, sums[i].differs);
    }
}

static void more_than_an_answer_takes_is_left_for_the_next(void **state) {
    world *w = *state;
    size_t count = 0;
    rove__scope_digest *list = her_list(w, ROVE_SCOPES_MAX + 5, &count);

    for (size_t i = 0; i < ROVE_SCOPES_MAX + 5; i++) {
        list[count++] = some(INT64_C(0x60000001) + (rove_id)i, 0, 1, 1);
    }
    assert_int_equal(ask(w, list, count, 1, &nothing_more).left, ROVE_SCOPES_MAX);
}

/* She was given it after she took her list: it goes whole, once. */
static void what_is_entered_is_not_repaired_too(void **state) {
    world *w = *state;
    rove_id account = site_account(&w->s, "new");
    size_t count = 0;

    site_grant(&w->s, ANNA, account);
    rove__scope_digest *list = her_list(w, 1, &count);
    list[count++] = some(account, 0, 1, 1);
    answer a = ask(w, list, count, 1, &nothing_more);
    assert_int_equal(a.differs, 1);
    assert_int_equal(a.begun, 1);
}

/* ---- in several pages --------------------------------------------------------------------------------------- */

/* A token says how far one scope is that differed. */
static void with_digests_a_token_is_as_good_as_none(void **state) {
    world *w = *state;
    size_t count = 0;
    rove__scope_digest *list = her_list(w, 2, &count);

    w->s.page_rows = 1;
    list[count] = some(w->accounts[1], EMPTY, 1, 1);
    list[count + 1] = some(w->accounts[2], EMPTY, 1, 1);
    for (size_t i = 0; i < count; i++) {
        list[i].sum.low += list[i].scope.root == w->accounts[1];
    }
    answer first = ask(w, list, count + 1, 1, &nothing_more);
    assert_true(first.differs > 1 && first.tokens > 0);
    token = first.token;
    answer next = ask(w, NULL, 0, 0, &nothing_more);
    assert_int_equal(next.differs, 1);
    assert_int_equal(next.end.digests, 1);
    next = ask(w, list, count + 2, 1, &nothing_more);
    assert_int_equal(next.differs, first.differs + 1);
    assert_int_equal(next.begun, next.differs);
    token = (rove__bytes){NULL, 0};
}

/* What is cut off there is compared again. */
static void what_differs_beside_what_is_entered_has_no_token(void **state) {
    world *w = *state;
    rove_id account = site_account(&w->s, "new");
    size_t count = 0;

    w->s.page_rows = 1;
    site_grant(&w->s, ANNA, account);
    site_visit(&w->s, account, SITE_NOW + 100 * DAY);
    rove__scope_digest *list = her_list(w, 1, &count);
    list[count++] = some(w->accounts[1], EMPTY, 1, 1);
    answer a = ask(w, list, count, 0, &nothing_more);
    assert_int_equal(a.differs, 1);
    assert_true(a.begun > 1 && a.rows > 1);
    assert_int_equal(a.tokens, 0);
}

/* ---- what was fetched of late ------------------------------------------------------------------------------- */

static rove__bucket_digest no_buckets(rove__scope scope) {
    return (rove__bucket_digest){.scope = scope};
}

static void only_what_was_fetched_itself_waits(void **state) {
    world *w = *state;
    size_t count = 0;
    rove__scope_digest *list = her_list(w, 0, &count);
    rove__scope scope = list[0].scope;
    const rove__scope other = {scope.root, EMPTY};
    const rove__bucket_digest buckets[] = {no_buckets(other), no_buckets(scope)};
    const struct {
        rove__portion fetched;
        size_t bucket_count;
        size_t differs, again;
    } cases[] = {
        {{other, 0}, 0, 1, 0}, /* another one */
        {{scope, 0}, 0, 0, 1}, /* all of it */
        {{scope, 1}, 0, 1, 0}, /* a bucket; it is small by now, and is counted whole */
        {{scope, 0}, 1, 0, 1}, /* buckets of another one */
        {{scope, 0}, 2, 0, 1}, /* all of it; counted by bucket */
        {{other, 0}, 2, 1, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rove__digest_list more = {.buckets = buckets,
                                        .bucket_count = cases[i].bucket_count,
                                        .fetched = &cases[i].fetched,
                                        .fetched_count = 1};
        list = her_list(w, 0, &count);
        list[0].sum.low ^= 1;
        answer a = ask(w, list, count, 1, &more);
        if (a.differs != cases[i].differs || a.again != cases[i].again) {
            fail_msg("case %zu: %zu differ, %zu again", i, a.differs, a.again);
        }
    }
}

static void what_is_reported_again_has_a_bound(void **state) {
    world *w = *state;
    size_t count = 0;
    rove__scope_digest *list = her_list(w, ROVE_FETCHED_MAX + 5, &count);
    rove__portion *fetched =
        rove__arena_take(&w->s.arena, (ROVE_FETCHED_MAX + 5) * sizeof *fetched);

    assert_non_null(fetched);
    for (size_t i = 0; i < ROVE_FETCHED_MAX + 5; i++) {
        list[count] = some(w->accounts[0], (int32_t)(300000 + i), 1, 1);
        fetched[i] = (rove__portion){list[count++].scope, 0};
    }
    const rove__digest_list more = {.fetched = fetched, .fetched_count = ROVE_FETCHED_MAX + 5};
    answer a = ask(w, list, count, 1, &more);
    assert_int_equal(a.again, ROVE_FETCHED_MAX);
    assert_int_equal(a.differs, 0);
}

/* Whether she names an account of somebody else, with any sum, or one that there is not: the same answer, and no row of it. */
static void foreign_and_absent_scopes_are_answered_alike(void **state) {
    world *w = *state;
    const rove_id foreign = site_account(&w->s, "somebody else's");
    const rove_id roots[] = {foreign, foreign + 1000};
    const int32_t parts[] = {0, EMPTY};
    site_visit(&w->s, foreign, SITE_NOW + 100 * DAY);
    for (size_t i = 0; i < 2; i++) {
        for (uint64_t sum = 0; sum < 2; sum++) {
            answer answers[2];
            for (size_t r = 0; r < 2; r++) {
                size_t count = 0;
                rove__scope_digest *list = her_list(w, 1, &count);
                list[count++] = some(roots[r], parts[i], sum, sum);
                answers[r] = ask(w, list, count, 1, &nothing_more);
                assert_int_equal(answers[r].rows, 0);
                assert_int_equal(answers[r].begun, 0);
            }
            assert_memory_equal(&answers[0], &answers[1], sizeof answers[0]);
        }
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(of_a_part_of_the_list_only_that_part_is_compared),
        CASE(what_is_named_twice_is_sent_once),
        CASE(what_is_named_often_is_counted_once),
        CASE(a_long_list_reads_no_more_sums_than_a_short_one),
        CASE(nothing_is_compared_that_no_answer_takes),
        CASE(a_scope_of_which_neither_has_anything_is_equal),
        CASE(more_than_an_answer_takes_is_left_for_the_next),
        CASE(what_is_entered_is_not_repaired_too),
        CASE(with_digests_a_token_is_as_good_as_none),
        CASE(what_differs_beside_what_is_entered_has_no_token),
        CASE(only_what_was_fetched_itself_waits),
        CASE(what_is_reported_again_has_a_bound),
        CASE(foreign_and_absent_scopes_are_answered_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
