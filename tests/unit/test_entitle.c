/*
 * Who holds what when: grants, windows of parts, entailments, and their unions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "site.h"
#include "sync/entitle.h"

#define USER    7
#define ROOT    1000
#define OTHER   2000
#define CONTACT 3000

typedef struct world {
    site s;
    rove__hq_store
        counting; /* the site's, of which it is counted how often grants were asked for */
    rove__hq_tx *tx;
    rove__holdings all;
    rove__holdings one;
} world;

static const rove__hq_store *counted;
static size_t grant_scans;

static rove_status count_grants(rove__hq_tx *tx, rove_id user, rove_id root,
                                rove_status (*each)(void *, const rove__hq_grant *), void *ctx) {
    grant_scans++;
    return counted->grant_scan(tx, user, root, each, ctx);
}

static int setup(void **state) {
    world *w = test_calloc(1, sizeof *w);

    site_open(&w->s);
    w->s.trial.on = 1;
    counted = w->s.store;
    w->counting = *counted;
    w->counting.grant_scan = count_grants;
    grant_scans = 0;
    rove__holdings_init(&w->all, &w->s.allocator);
    rove__holdings_init(&w->one, &w->s.allocator);
    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &w->tx, NULL), ROVE_OK);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    world *w = *state;

    w->s.store->rollback(w->tx);
    rove__holdings_free(&w->all);
    rove__holdings_free(&w->one);
    site_close(&w->s);
    test_free(w);
    return 0;
}

static void grant(world *w, rove_id root, int32_t part_from, int32_t part_to, uint64_t from,
                  uint64_t to) {
    rove__hq_grant g = {USER, root, part_from, part_to, from, to, 0};

    assert_int_equal(w->s.store->grant_put(w->tx, &g), ROVE_OK);
}

static void edge(world *w, rove_id holder, rove_id via, uint64_t from, uint64_t to) {
    rove__hq_entailment e = {holder, CONTACT, via, from, to};

    assert_int_equal(w->s.store->entailment_put(w->tx, &e), ROVE_OK);
}

static void load(world *w, rove_id root) {
    assert_int_equal(rove__entitle_user(w->s.store, w->tx, USER, &w->all), ROVE_OK);
    assert_int_equal(rove__entitle_root(w->s.store, w->tx, USER, root, &w->one), ROVE_OK);
}

/* Both ways of asking give the same answer. */
static int held(world *w, rove_id root, int32_t part, uint64_t seq) {
    rove__scope scope = {root, part};
    int all = rove__holding_at(&w->all, scope, seq) != NULL;

    assert_int_equal(rove__holding_at(&w->one, scope, seq) != NULL, all);
    assert_int_equal(rove__held_within(&w->all, scope, seq, seq), all);
    return all;
}

static void everybody_holds_the_organisation_and_himself(void **state) {
    world *w = *state;

    load(w, 0);
    assert_true(held(w, 0, 0, 0) && held(w, 0, 202601, 99));
    load(w, USER);
    assert_true(held(w, USER, 0, 0));
    load(w, ROOT);
    assert_false(held(w, ROOT, 0, 5));
    assert_int_equal(w->all.count, 2);
}

static void grants_that_abut_are_one(void **state) {
    world *w = *state;
    size_t first = 0;
    size_t end = 0;

    grant(w, ROOT, ROVE_PART_FIRST, ROVE_PART_LAST, 3, 6);
    grant(w, ROOT, ROVE_PART_FIRST, ROVE_PART_LAST, 6, 9);
    grant(w, ROOT, ROVE_PART_FIRST, ROVE_PART_LAST, 5, 7);
    grant(w, ROOT, ROVE_PART_FIRST, ROVE_PART_LAST, 12, ROVE_SEQ_OPEN);
    load(w, ROOT);
    rove__holdings_of(&w->all, ROOT, &first, &end);
    assert_int_equal(end - first, 2);
    assert_int_equal(w->all.items[first].from, 3);
    assert_int_equal(w->all.items[first].to, 9);
    assert_false(held(w, ROOT, 0, 2));
    assert_true(held(w, ROOT, 202601, 8));
    assert_false(held(w, ROOT, 0, 9));
    assert_true(held(w, ROOT, 0, 12));
    assert_true(rove__held_within(&w->all, (rove__scope){ROOT, 0}, 9, 12));
    assert_false(rove__held_within(&w->all, (rove__scope){ROOT, 0}, 9, 11));
}

static void windows_of_parts_are_cut_at_their_edges(void **state) {
    world *w = *state;

    grant(w, ROOT, 202511, ROVE_PART_LAST, 3, 8);
    grant(w, ROOT, 202512, ROVE_PART_LAST, 8, ROVE_SEQ_OPEN);
    load(w, ROOT);
    assert_true(held(w, ROOT, 0, 3)); /* part 0 is always in */
    assert_false(held(w, ROOT, 202510, 5));
    assert_true(held(w, ROOT, 202511, 7));
    assert_false(held(w, ROOT, 202511, 8));
    for (uint64_t seq = 3; seq < 20; seq++) {
        assert_true(held(w, ROOT, 202512, seq) && held(w, ROOT, 209901, seq));
    }
    const rove__holding *on = rove__holding_at(&w->all, (rove__scope){ROOT, 202601}, 10);
    assert_int_equal(on->from, 3); /* without a gap */
}

static void an_edge_entails_as_long_as_both_last(void **state) {
    world *w = *state;

    grant(w, ROOT, ROVE_PART_FIRST, ROVE_PART_LAST, 3, 20);
    grant(w, OTHER, ROVE_PART_FIRST, ROVE_PART_LAST, 1, ROVE_SEQ_OPEN);
    edge(w, ROOT, 1, 5, ROVE_SEQ_OPEN);
    edge(w, OTHER, 2, 25, ROVE_SEQ_OPEN);
    load(w, CONTACT);
    assert_false(held(w, CONTACT, 0, 4));
    assert_true(held(w, CONTACT, 0, 5));
    assert_true(held(w, CONTACT, 0, 19));
    assert_false(held(w, CONTACT, 0, 20)); /* the end of the grant ends it */
    assert_true(held(w, CONTACT, 0, 25));
}

/* Several roles of one contact at one account, with and without a gap. */
static void edges_from_one_holder_ask_once_for_what_is_granted(void **state) {
    world *w = *state;

    grant(w, ROOT, ROVE_PART_FIRST, ROVE_PART_LAST, 3, 50);
    grant(w, OTHER, 202601, ROVE_PART_LAST, 1, ROVE_SEQ_OPEN);
    edge(w, ROOT, 1, 20, ROVE_SEQ_OPEN);
    edge(w, ROOT, 2, 5, 8);
    edge(w, ROOT, 3, 4, 7);
    edge(w, ROOT, 4, 8, 9);
    edge(w, ROOT, 5, 30, 40);
    edge(w, OTHER, 6, 45, ROVE_SEQ_OPEN);
    edge(w, OTHER, 7, 44, 46);
    load(w, CONTACT);
    for (uint64_t seq = 0; seq < 60; seq++) {
        assert_int_equal(held(w, CONTACT, 202512, seq),
                         (4 <= seq && seq < 9) || (20 <= seq && seq < 50));
        assert_int_equal(held(w, CONTACT, 202601, seq), (4 <= seq && seq < 9) || 20 <= seq);
    }
    assert_int_equal(rove__entitle_root(&w->counting, w->tx, USER, CONTACT, &w->one), ROVE_OK);
    assert_int_equal(grant_scans, 3);
}

static void an_edge_that_is_added_is_as_good_as_one_that_was_there(void **state) {
    world *w = *state;
    uint64_t seed = 4;
    rove__holdings added;

    rove__holdings_init(&added, &w->s.allocator);
    for (rove_id holder = 1; holder <= 5; holder++) {
        for (uint64_t i = 0; i < 3; i++) {
            int32_t from = (int32_t)(dice(&seed) % 3 == 0 ? 0 : 202601 + dice(&seed) % 6);
            uint64_t start = i * 10 + dice(&seed) % 10;
            grant(w, ROOT + holder, from, dice(&seed) % 2 ? ROVE_PART_LAST : from + 3, start,
                  dice(&seed) % 3 == 0 ? ROVE_SEQ_OPEN : start + dice(&seed) % 15);
        }
    }
    for (rove_id via = 1; via <= 60; via++) {
        uint64_t start = dice(&seed) % 40;
        const rove__hq_entailment e = {ROOT + 1 + (rove_id)(dice(&seed) % 6), CONTACT, via, start,
                                       dice(&seed) % 4 == 0 ? ROVE_SEQ_OPEN
                                                            : start + dice(&seed) % 8};
        assert_int_equal(rove__entitle_edge(w->s.store, w->tx, USER, &e, &added), ROVE_OK);
        assert_int_equal(w->s.store->entailment_put(w->tx, &e), ROVE_OK);
        load(w, CONTACT);
        assert_int_equal(added.count, w->one.count);
        for (size_t i = 0; i < added.count; i++) {
            const rove__holding *a = &added.items[i];
            const rove__holding *b = &w->one.items[i];
            assert_true(a->root == b->root && a->part_from == b->part_from &&
                        a->part_to == b->part_to && a->from == b->from && a->to == b->to);
        }
    }
    assert_true(added.count > 2);
    rove__holdings_free(&added);
}

static void entailment_is_one_step(void **state) {
    world *w = *state;
    rove__hq_entailment second = {CONTACT, 4000, 9, 1, ROVE_SEQ_OPEN};

    grant(w, ROOT, ROVE_PART_FIRST, ROVE_PART_LAST, 1, ROVE_SEQ_OPEN);
    edge(w, ROOT, 1, 1, ROVE_SEQ_OPEN);
    assert_int_equal(w->s.store->entailment_put(w->tx, &second), ROVE_OK);
    load(w, 4000);
    assert_false(held(w, 4000, 0, 10));
}

/* Against the plain definition, with anything. */
static void random_grants_mean_what_they_say(void **state) {
    world *w = *state;
    uint64_t seed = 3;
    rove__hq_grant grants[12];

    for (int round = 0; round < 300; round++) {
        rove__hq_tx *tx = NULL;
        size_t count = (size_t)dice(&seed) % 12;
        w->s.store->rollback(w->tx);
        assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
        w->tx = tx;
        for (size_t i = 0; i < count; i++) {
            int32_t from = (int32_t)(dice(&seed) % 3 == 0 ? 0 : 202601 + dice(&seed) % 6);
            uint64_t start = i * 4 + dice(&seed) % 4; /* no two begin together */
            grants[i] = (rove__hq_grant){USER,  ROOT,
                                         from,  dice(&seed) % 2 ? ROVE_PART_LAST : from + 3,
                                         start, start + dice(&seed) % 15,
                                         0};
            assert_int_equal(w->s.store->grant_put(w->tx, &grants[i]), ROVE_OK);
        }
        load(w, ROOT);
        for (uint64_t seq = 0; seq < 70; seq++) {
            static const int32_t parts[] = {0,      1,      3,      4,      202600,
                                            202601, 202604, 202607, 202610, 999999};
            for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
                int expected = 0;
                for (size_t i = 0; i < count; i++) {
                    expected |= grants[i].from <= seq && seq < grants[i].to &&
                                (parts[p] == 0 || (grants[i].part_from <= parts[p] &&
                                                   parts[p] <= grants[i].part_to));
                }
                assert_int_equal(held(w, ROOT, parts[p], seq), expected);
            }
        }
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(everybody_holds_the_organisation_and_himself),
        CASE(grants_that_abut_are_one),
        CASE(windows_of_parts_are_cut_at_their_edges),
        CASE(an_edge_entails_as_long_as_both_last),
        CASE(edges_from_one_holder_ask_once_for_what_is_granted),
        CASE(an_edge_that_is_added_is_as_good_as_one_that_was_there),
        CASE(entailment_is_one_step),
        CASE(random_grants_mean_what_they_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
