/*
 * What headquarters sends when a device's digests differ (G2): of a large scope only the buckets that differ, nothing twice
 * within an hour, and never more than goes together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "site_rep.h"

#define ANNA     INT64_C(0x7000000001)
#define HOUR     INT64_C(3600000)
#define PRODUCTS 640u
#define SCOPE    ((rove__scope){0, 0})

typedef struct world {
    site s;
    rep anna;
    rove_id first; /* of the products */
} world;

static int setup(void **state) {
    world *w = test_calloc(1, sizeof *w);

    site_open(&w->s);
    w->s.trial.on = 1;
    rep_open(&w->anna, &w->s, 100, ANNA);
    w->s.page_rows = 50;
    w->first = site_products(&w->s, PRODUCTS);
    w->anna.bucketed_rows = 500;
    rep_settle(&w->anna);
    assert_int_equal(w->anna.row_count, PRODUCTS);
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

static rep_row *product(world *w, size_t i) {
    rep_row *row = rep_find(&w->anna, "Product", w->first + (rove_id)i);

    assert_non_null(row);
    return row;
}

static void damage(world *w, size_t i) {
    site_text(&product(w, i)->row, "name", "damaged");
}

static uint64_t bit_of(world *w, size_t i) {
    return UINT64_C(1) << rove__bucket(w->first + (rove_id)i);
}

/* How many products fall into some buckets. */
static size_t products_in(world *w, uint64_t buckets) {
    size_t count = 0;

    for (size_t i = 0; i < PRODUCTS; i++) {
        count += (buckets & bit_of(w, i)) != 0;
    }
    return count;
}

static rep_outcome compare(world *w) {
    rep_outcome outcome;

    w->anna.send_digests = 1;
    rep_exchange(&w->anna, &outcome);
    return outcome;
}

/* ---- buckets --------------------------------------------------------------------------------------------- */

static void of_a_large_scope_one_bucket_is_sent(void **state) {
    world *w = *state;

    damage(w, 300);
    rep_outcome outcome = compare(w);
    assert_int_equal(outcome.differs, 1);
    assert_true(outcome.buckets == bit_of(w, 300));
    assert_int_equal(outcome.rows, products_in(w, bit_of(w, 300)));
    assert_true(outcome.rows < PRODUCTS / 16);
    assert_true(outcome.verified);
    rep_check(&w->anna);
    assert_int_equal(w->anna.row_count, PRODUCTS);
}

static void a_small_scope_is_sent_whole(void **state) {
    world *w = *state;

    w->anna.bucketed_rows = PRODUCTS + 1;
    damage(w, 300);
    rep_outcome outcome = compare(w);
    assert_true(outcome.buckets == 0);
    assert_int_equal(outcome.rows, PRODUCTS);
    assert_true(outcome.verified);
}

/* Missing, damaged, and one that headquarters has no more: what is sent replaces its buckets, and only these. */
static void differing_buckets_replace(void **state) {
    world *w = *state;
    rep_row ghost = *product(w, 30);

    site_delete(&w->s, "Product", w->first + 30);
    rep_settle(&w->anna);
    w->anna.rows[w->anna.row_count++] = ghost;
    damage(w, 10);
    rep_drop(&w->anna, product(w, 20));
    rep_outcome outcome = compare(w);
    assert_true(outcome.buckets == (bit_of(w, 10) | bit_of(w, 20) | bit_of(w, 30)));
    assert_true(outcome.verified);
    rep_check(&w->anna);
    assert_int_equal(w->anna.row_count, PRODUCTS - 1);
    assert_null(rep_find(&w->anna, "Product", w->first + 30));
}

/* All of it is damaged: no more than a few pages at a time, so that what was sent need not be sent again after a cut. */
static void many_buckets_come_in_parts(void **state) {
    world *w = *state;
    uint64_t seen = 0;
    int exchanges = 0;

    w->s.page_rows = 8;
    for (size_t i = 0; i < PRODUCTS; i++) {
        damage(w, i);
    }
    for (rep_outcome outcome = {.verified = 0}; !outcome.verified; exchanges++) {
        outcome = compare(w);
        assert_int_equal(outcome.differs, 1);
        assert_true(outcome.rows <= 16 * w->s.page_rows);
        assert_true((outcome.buckets & seen) == 0);
        seen |= outcome.buckets;
        assert_true(exchanges < 20);
    }
    assert_true(seen == UINT64_MAX);
    assert_true(exchanges > 1);
    rep_check(&w->anna);
}

/* A bucket that alone has more than goes together. */
static void one_bucket_may_be_large(void **state) {
    world *w = *state;

    for (rove_id id = w->first + PRODUCTS; w->anna.row_count < PRODUCTS + 40; id++) {
        if (rove__bucket(id) == rove__bucket(w->first)) {
            rove__row *row = site_row(&w->s, "Product", id);
            site_text(row, "name", "of the same bucket");
            (void)site_insert(&w->s, row);
            rep_settle(&w->anna);
        }
    }
    damage(w, 0);
    w->s.page_rows = 1;
    rep_outcome outcome = compare(w);
    assert_true(outcome.buckets == bit_of(w, 0));
    assert_true(outcome.rows > 40);
    assert_true(outcome.verified);
    rep_check(&w->anna);
}

/* ---- at most hourly -------------------------------------------------------------------------------------- */

static void what_differs_again_within_the_hour_is_reported(void **state) {
    world *w = *state;

    for (int large = 0; large < 2; large++) {
        w->anna.bucketed_rows = large ? 500 : PRODUCTS + 1;
        w->s.now_ms += HOUR;
        damage(w, 5);
        assert_true(compare(w).verified);
        w->s.now_ms += HOUR - 1;
        damage(w, 5);
        rep_outcome outcome = compare(w);
        assert_int_equal(outcome.differs, 0);
        assert_int_equal(outcome.again, 1);
        assert_int_equal(outcome.rows, 0);
        assert_false(outcome.verified);
        w->s.now_ms += 1;
        outcome = compare(w);
        assert_int_equal(outcome.again, 0);
        assert_true(outcome.verified);
        rep_check(&w->anna);
    }
}

/* The others are fetched all the same. */
static void only_the_same_bucket_waits(void **state) {
    world *w = *state;
    size_t other = 1;

    damage(w, 0);
    assert_true(compare(w).verified);
    damage(w, 0);
    damage(w, other);
    assert_true(bit_of(w, 0) != bit_of(w, other));
    rep_outcome outcome = compare(w);
    assert_true(outcome.buckets == bit_of(w, other));
    assert_int_equal(outcome.again, 1);
    assert_false(outcome.verified);
}

/* If no bucket differs, the sum that headquarters keeps is wrong: sending rows would never end. */
static void a_wrong_sum_at_headquarters_is_reported(void **state) {
    world *w = *state;
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->sum_put(tx, SCOPE, (rove__hash128){1, 2}, PRODUCTS), ROVE_OK);
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
    rep_outcome outcome = compare(w);
    assert_int_equal(outcome.differs, 0);
    assert_int_equal(outcome.again, 1);
    assert_int_equal(outcome.rows, 0);
}

/* ---- what was cut ---------------------------------------------------------------------------------------- */

static void a_cut_repair_is_found_and_goes_on(void **state) {
    world *w = *state;
    rep_outcome outcome;

    w->s.page_rows = 8;
    w->anna.bucketed_rows = 0;
    for (size_t i = 0; i < PRODUCTS; i += 3) {
        damage(w, i);
    }
    w->anna.answer_frames = 4; /* Welcome, what differs, two pages */
    outcome = compare(w);
    assert_false(outcome.ended);
    w->anna.answer_frames = 0;
    rep_exchange(&w->anna, &outcome);
    assert_true(outcome.ended);
    assert_false(outcome.verified);
    rep_settle(&w->anna);
    rep_check(&w->anna);
}

/* ---- memory ---------------------------------------------------------------------------------------------- */

static void short_memory_is_survived(void **state) {
    world *w = *state;
    int failed = 0;

    for (size_t call = 1; failed < 1000; call++) {
        rep_outcome outcome;
        damage(w, 77);
        w->s.now_ms += HOUR;
        w->anna.send_digests = 1;
        w->anna.fail_call = call;
        rep_exchange(&w->anna, &outcome);
        w->anna.fail_call = 0;
        if (!outcome.faulted) {
            assert_true(outcome.verified);
            break;
        }
        failed++;
    }
    assert_true(failed > 5 && failed < 1000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(of_a_large_scope_one_bucket_is_sent),
        CASE(a_small_scope_is_sent_whole),
        CASE(differing_buckets_replace),
        CASE(many_buckets_come_in_parts),
        CASE(one_bucket_may_be_large),
        CASE(what_differs_again_within_the_hour_is_reported),
        CASE(only_the_same_bucket_waits),
        CASE(a_wrong_sum_at_headquarters_is_reported),
        CASE(a_cut_repair_is_found_and_goes_on),
        CASE(short_memory_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
