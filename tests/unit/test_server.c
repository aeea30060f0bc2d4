/*
 * The course of an exchange as headquarters sees it: any chunking, any cut, frames out of order, versions, copies of devices,
 * stores that fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "site_rep.h"

#define ANNA INT64_C(0x7000000001)
#define BEN  INT64_C(0x7000000002)

typedef struct world {
    site s;
    rep anna;
    rove_id account;
} world;

static int setup(void **state) {
    world *w = test_calloc(1, sizeof *w);

    site_open(&w->s);
    w->s.trial.on = 1;
    rep_open(&w->anna, &w->s, 100, ANNA);
    w->account = site_account(&w->s, "Hotel Adler");
    site_grant(&w->s, ANNA, w->account);
    rep_settle(&w->anna);
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

static void anna_notes(world *w, const char *text) {
    rep_update(&w->anna, "Account", w->account, "description", rove__value_text(text));
}

/* ---- chunks and cuts ------------------------------------------------------------------------------------- */

static void any_chunking_is_the_same(void **state) {
    world *w = *state;
    static const size_t chunks[] = {1, 2, 3, 7, 64, 1000};

    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        anna_notes(w, i % 2 ? "x" : "y");
        w->anna.chunk = chunks[i];
        rep_settle(&w->anna);
    }
    w->anna.chunk = 0;
    rep_check(&w->anna);
}

static void a_request_that_is_cut_anywhere_does_nothing(void **state) {
    world *w = *state;
    rep_outcome outcome;
    size_t size = 2;

    anna_notes(w, "all or nothing");
    rep_freeze(&w->anna);
    uint64_t head = memory_headquarters_head(w->s.hq);
    for (size_t cut = 1; cut <= size; cut++) {
        raw_request *q = raw_open(&w->anna);
        raw_hello(q, NULL);
        raw_push(q, &w->anna.batches[0]);
        raw_end(q);
        raw_answer(q, cut, &outcome);
        size = outcome.bytes_out + cut;
        assert_int_equal(outcome.failed, ROVE_TRUNCATED);
        assert_int_equal(memory_headquarters_head(w->s.hq), head);
    }
    rep_settle(&w->anna);
}

/* One batch of a device of its own, with some bits turned over. */
static void flip(world *w, rove_replica replica, uint64_t *seed) {
    rove__push push = {.number = 1, .last = 1, .schema = 1};
    rove__buf payload;
    rep_outcome outcome;
    rep r;

    rep_open(&r, &w->s, replica, ANNA);
    rove__row *row = site_row(&w->s, "Visit", rep_id(&r));
    site_int(row, "account_id", w->account);
    site_text(row, "notes", "flip");
    rep_insert(&r, row);
    rep_freeze(&r);
    push.rows = r.batches[0].rows;
    rove__buf_init(&payload, &w->s.allocator, ROVE_FRAME_MAX);
    assert_int_equal(rove__push_write(&push, &payload), ROVE_OK);
    for (int k = 0; k < 3; k++) {
        payload.data[dice(seed) % payload.size] ^= (uint8_t)(1u << dice(seed) % 8);
    }
    uint64_t head = memory_headquarters_head(w->s.hq);
    raw_request *q = raw_open(&r);
    raw_hello(q, NULL);
    raw_frame(q, ROVE_FRAME_PUSH, payload.data, payload.size);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    rove__buf_free(&payload);
    assert_true(outcome.failed != ROVE_SERVER); /* whatever it is, it is the device's fault */
    if (outcome.failed != ROVE_OK) {
        assert_int_equal(memory_headquarters_head(w->s.hq), head);
    }
    rep_close(&r);
}

static void flipped_bits_are_refused_or_make_sense(void **state) {
    world *w = *state;
    uint64_t seed = 5;

    for (rove_replica i = 0; i < 1000; i++) {
        flip(w, 10000 + i, &seed);
    }
    rep_settle(&w->anna);
    rep_check(&w->anna);
}

/* ---- order ----------------------------------------------------------------------------------------------- */

static void expect(rep *r, raw_request *q, rove_status failed) {
    rep_outcome outcome;

    (void)r;
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.failed, failed);
    assert_false(outcome.welcomed);
}

static void frames_out_of_order_are_refused(void **state) {
    world *w = *state;
    rep *r = &w->anna;

    anna_notes(w, "x");
    rep_freeze(r);
    raw_request *q = raw_open(r);
    raw_push(q, &r->batches[0]);
    raw_hello(q, NULL);
    expect(r, q, ROVE_PROTOCOL);

    q = raw_open(r);
    raw_hello(q, NULL);
    raw_hello(q, NULL);
    expect(r, q, ROVE_PROTOCOL);

    q = raw_open(r);
    raw_hello(q, NULL);
    raw_frame(q, ROVE_FRAME_WELCOME, "x", 1);
    expect(r, q, ROVE_PROTOCOL);

    q = raw_open(r);
    raw_hello(q, NULL);
    raw_end(q);
    raw_push(q, &r->batches[0]);
    expect(r, q, ROVE_PROTOCOL);

    q = raw_open(r);
    expect(r, q, ROVE_PROTOCOL);
    assert_int_equal(memory_headquarters_head(w->s.hq), 2);
}

static void batches_that_do_not_follow_are_asked_for(void **state) {
    world *w = *state;
    rep *r = &w->anna;
    rep_outcome outcome;

    anna_notes(w, "first");
    rep_freeze(r);
    anna_notes(w, "second");
    rep_freeze(r);
    raw_request *q = raw_open(r);
    raw_hello(q, NULL);
    raw_push(q, &r->batches[1]);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.need, 1);
    assert_int_equal(outcome.acks, 0);
    assert_int_equal(outcome.pages, 0);
    /* Twice the same in one request: judged once, answered twice. */
    q = raw_open(r);
    raw_hello(q, NULL);
    raw_push(q, &r->batches[0]);
    raw_push(q, &r->batches[0]);
    raw_push(q, &r->batches[1]);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.acks, 3);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "description").size, 6);
}

/* ---- versions and identity ------------------------------------------------------------------------------- */

static void another_protocol_is_refused_with_a_reason(void **state) {
    world *w = *state;
    rove__hello hello = raw_default_hello(&w->anna);

    hello.protocol = 99;
    raw_request *q = raw_open(&w->anna);
    raw_hello(q, &hello);
    expect(&w->anna, q, ROVE_VERSION);
}

static void revoked_and_unknown_devices_get_nothing(void **state) {
    world *w = *state;
    rove__hq_tx *tx = NULL;
    rove__hq_device device;
    rep_outcome outcome;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->device_get(tx, 100, 1, &device), ROVE_OK);
    device.status = ROVE_DEVICE_REVOKED;
    assert_int_equal(w->s.store->device_put(tx, &device), ROVE_OK);
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
    anna_notes(w, "x");
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.failed, ROVE_REVOKED);
    assert_false(outcome.welcomed);
    w->anna.replica = 4711;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.failed, ROVE_UNAUTHORIZED);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "description").type, ROVE_NULL);
}

/* ---- copies (P3) ----------------------------------------------------------------------------------------- */

static void a_copy_is_noticed_however_it_shows(void **state) {
    world *w = *state;
    rep *r = &w->anna;
    rep_outcome outcome;

    anna_notes(w, "one");
    rep_settle(r);
    anna_notes(w, "two");
    rep_settle(r);
    rep_exchange(r, &outcome); /* headquarters knows that both were acknowledged */
    uint64_t head = memory_headquarters_head(w->s.hq);

    /* An older state of the device. */
    rove__hello hello = raw_default_hello(r);
    hello.acked = 1;
    raw_request *q = raw_open(r);
    raw_hello(q, &hello);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_true(outcome.forked);

    /* Another history. */
    hello = raw_default_hello(r);
    hello.chain.hash[0] ^= 1;
    q = raw_open(r);
    raw_hello(q, &hello);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_true(outcome.forked);

    /* A number that is taken, with other work. */
    anna_notes(w, "three");
    rep_freeze(r);
    rep_batch other = r->batches[0];
    other.number = 2;
    q = raw_open(r);
    raw_hello(q, NULL);
    raw_push(q, &other);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_true(outcome.forked);

    /* A broken chain. */
    other = r->batches[0];
    other.previous.hash[3] ^= 1;
    q = raw_open(r);
    raw_hello(q, NULL);
    raw_push(q, &other);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_true(outcome.forked);
    assert_int_equal(memory_headquarters_head(w->s.hq), head);
    rep_settle(r);
}

static void enrol_again(world *w, rep *fresh, rove_replica replica) {
    rove__hq_tx *tx = NULL;
    rove__hq_device device;

    rep_open(fresh, &w->s, replica, ANNA);
    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->device_get(tx, 100, 1, &device), ROVE_OK);
    device.status = ROVE_DEVICE_REPLACED;
    assert_int_equal(w->s.store->device_put(tx, &device), ROVE_OK);
    assert_int_equal(w->s.store->device_get(tx, replica, 1, &device), ROVE_OK);
    device.former = 100;
    assert_int_equal(w->s.store->device_put(tx, &device), ROVE_OK);
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
}

static void unsent_work_of_a_former_number_counts_once(void **state) {
    world *w = *state;
    rep fresh;
    rep_outcome outcome;

    /* The original pushes what its copy holds too. */
    rep_count(&w->anna, "Account", w->account, "points", 5);
    rove__change twice = w->anna.changes[0];
    rep_settle(&w->anna);
    rove__change *once = rep_count(&w->anna, "Account", w->account, "points", 2);
    rove__change second = *once;
    w->anna.change_count = 0;
    enrol_again(w, &fresh, 101);
    rep_settle(&fresh);
    fresh.changes = rove__alloc_resize(&w->s.allocator, NULL, 4, sizeof *fresh.changes);
    fresh.change_capacity = 4;
    fresh.changes[fresh.change_count++] = twice;
    fresh.changes[fresh.change_count++] = second;
    rep_exchange(&fresh, &outcome);
    assert_int_equal(outcome.verdict_count, 1);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_KNOWN);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "points").as.integer, 7);
    rep_close(&fresh);
    /* The number that was replaced is good for nothing any more. */
    rep_exchange(&w->anna, &outcome);
    assert_true(outcome.forked);
}

static void work_under_anothers_number_is_reviewed(void **state) {
    world *w = *state;
    rep ben;
    rep_outcome outcome;

    rep_open(&ben, &w->s, 200, BEN);
    anna_notes(w, "as if it were Ben's");
    w->anna.changes[0].replica = 200;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "description").type, ROVE_NULL);
    rep_close(&ben);
}

/* ---- faults ---------------------------------------------------------------------------------------------- */

static void pushes_beyond_one_exchange_come_with_the_next(void **state) {
    world *w = *state;
    rep_outcome outcome;

    for (int i = 0; i < 100; i++) {
        rep_count(&w->anna, "Account", w->account, "points", 1);
        rep_freeze(&w->anna);
    }
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.acks, 64);
    assert_true(outcome.more);
    rep_settle(&w->anna);
    assert_int_equal(rep_cell(&w->anna, "Account", w->account, "points").as.integer, 100);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(any_chunking_is_the_same),
        CASE(a_request_that_is_cut_anywhere_does_nothing),
        CASE(flipped_bits_are_refused_or_make_sense),
        CASE(frames_out_of_order_are_refused),
        CASE(batches_that_do_not_follow_are_asked_for),
        CASE(another_protocol_is_refused_with_a_reason),
        CASE(revoked_and_unknown_devices_get_nothing),
        CASE(a_copy_is_noticed_however_it_shows),
        CASE(unsent_work_of_a_former_number_counts_once),
        CASE(work_under_anothers_number_is_reviewed),
        CASE(pushes_beyond_one_exchange_come_with_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
