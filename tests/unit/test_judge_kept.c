/*
 * What headquarters keeps of its judging: answers that are given again, work in review; and what it says when they are gone or spoiled.
 */
#include <string.h>

#include "delivery.h"
#include "site_rep.h"
#include "two_reps.h"
#include "wire/batch_format.h"

#include "rove/entities.pb-c.h"

#define NOBODYS 4242u /* a number that no device has */
#define SEALED_OWN                                                                                 \
    (const raw_seal) {                                                                             \
        .replica = BENS, .type = ROVE_FRAME_SEALED                                                 \
    }

/* ---- words ------------------------------------------------------------------------------------------------ */

static rove__hq_tx *begin(world *w) {
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    return tx;
}

/* What is noted, as a batch that Ben's device alone has. */
static rep_batch bens(world *w) {
    rep_freeze(&w->ben);
    w->ben.batch_count = 0;
    return w->ben.batches[0];
}

static rep_batch bens_phone(world *w, const char *phone) {
    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text(phone));
    return bens(w);
}

/* As a device says it that believes this batch to be acknowledged. */
static rove__hello knowing(world *w, const rep_batch *batch) {
    rove__hello hello = raw_default_hello(&w->ben);

    hello.acked = batch->number;
    assert_int_equal(
        rove__exchange_chain(&w->s.crypto, &batch->previous, &batch->hash, &hello.chain), ROVE_OK);
    return hello;
}

/* Pushed as it stands, or sealed; `knows`: that it was acknowledged. */
static void push(world *w, const rep_batch *batch, int sealed, int knows, rep_outcome *outcome) {
    rove__hello hello = knows ? knowing(w, batch) : raw_default_hello(&w->ben);
    raw_request *q = raw_open(&w->ben);

    raw_hello(q, &hello);
    if (sealed) {
        raw_sealed(q, batch, &SEALED_OWN);
    } else {
        raw_push(q, batch);
    }
    raw_end(q);
    raw_answer(q, 0, outcome);
}

/* Headquarters believes to have answered it so; `keeps` 0: and has nothing of that. */
static void answered(world *w, const rep_batch *batch, int keeps, const char *answer,
                     const char *rows) {
    rove__hq_device device;
    rove__hq_tx *tx = begin(w);
    rove__hq_batch kept = {.replica = BENS,
                           .number = batch->number,
                           .hash = batch->hash,
                           .answer = {(const uint8_t *)answer, strlen(answer)},
                           .rows = {(const uint8_t *)rows, strlen(rows)}};

    assert_int_equal(w->s.store->device_get(tx, BENS, 1, &device), ROVE_OK);
    device.last_batch = batch->number;
    assert_int_equal(w->s.store->device_put(tx, &device), ROVE_OK);
    if (keeps) {
        assert_int_equal(w->s.store->batch_put(tx, &kept), ROVE_OK);
    }
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
}

/* ---- answers ---------------------------------------------------------------------------------------------- */

static void what_was_confirmed_comes_from_a_copy(void **state) {
    world *w = *state;
    rep_batch batch = bens_phone(w, "his");
    rep_outcome outcome;

    push(w, &batch, 0, 0, &outcome);
    assert_int_equal(outcome.acks, 1);
    raw_request *q = raw_open(&w->ben);
    rove__hello hello = knowing(w, &batch);
    raw_hello(q, &hello);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_false(outcome.forked);
    push(w, &batch, 0, 1, &outcome);
    assert_true(outcome.forked);
    assert_int_equal(outcome.acks, 0);
}

static void an_answer_that_is_gone_is_not_made_up(void **state) {
    world *w = *state;
    rep_batch batch = bens_phone(w, "his");
    rep_outcome outcome;

    answered(w, &batch, 0, "", "");
    push(w, &batch, 0, 0, &outcome);
    assert_true(outcome.forked);
    assert_int_equal(outcome.acks, 0);
}

/* An answer has a size and then as much; the list of its rows are pairs of numbers. */
static void an_answer_that_is_spoiled_is_headquarters_failure(void **state) {
    const struct {
        int sealed;
        const char *answer, *rows;
    } spoilt[] = {{0, "", "\x80"}, {0, "", "\x05"}, {1, "xx", ""}, {1, "\x01\x01\x01\x01z", ""}};

    for (size_t i = 0; i < sizeof spoilt / sizeof spoilt[0]; i++) {
        void *fresh = NULL;
        rep_outcome outcome;
        assert_int_equal(world_start(&fresh), 0);
        world *f = fresh;
        rep_batch batch = bens_phone(f, "his");
        answered(f, &batch, 1, spoilt[i].answer, spoilt[i].rows);
        push(f, &batch, spoilt[i].sealed, 0, &outcome);
        assert_int_not_equal(outcome.failed, ROVE_OK);
        assert_int_equal(outcome.acks, 0);
        assert_int_equal(world_end(&fresh), 0);
    }
    (void)state;
}

/* Without a new name, and with one, which he has to take up before he sends more. */
static void a_sealed_batch_that_comes_again_is_answered_again(void **state) {
    world *w = *state;

    for (size_t renamed = 0; renamed < 2; renamed++) {
        rove_id id = rep_id(&w->ben);
        rep_outcome outcome;
        for (size_t i = 0; i < 1 + renamed; i++) {
            rove__row *account = site_row(&w->s, "Account", id);
            site_text(account, "name", "one of them");
            if (i == 0) {
                rep_insert(&w->ben, account);
            } else {
                (void)site_insert(&w->s, account); /* somebody else's has its id */
            }
        }
        rep_batch batch = bens(w);
        size_t history = 0;
        for (size_t times = 0; times < 2; times++) {
            push(w, &batch, 1, 1, &outcome);
            assert_int_equal(outcome.failed, ROVE_OK);
            assert_int_equal(outcome.acks, 1);
            assert_int_equal(outcome.more, renamed);
            assert_true(times == 0 || memory_headquarters_history(w->s.hq) == history);
            history = memory_headquarters_history(w->s.hq);
        }
        w->ben.acked = batch.number;
        assert_int_equal(
            rove__exchange_chain(&w->s.crypto, &batch.previous, &batch.hash, &w->ben.chain),
            ROVE_OK);
    }
}

/* ---- reviews ---------------------------------------------------------------------------------------------- */

/* Such work lies in review; the only one, with number 1. */
static void lies_in_review(world *w, rove_replica replica, const rove__change *change,
                           rove__bytes packed) {
    rove__hq_review review = {.entity = change->row.entity_number,
                              .id = change->row.id,
                              .replica = replica,
                              .user = BEN,
                              .reason = "somehow",
                              .change = packed};
    rove__hq_tx *tx = begin(w);

    assert_int_equal(w->s.store->review_put(tx, &review), ROVE_OK);
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
}

static rove_status accepts(world *w) {
    rove_error error = {.message = ""};
    rove_status status = site_decide(&w->s, 1, 1, "", &error);

    assert_true(status == ROVE_OK || error.message[0] != '\0');
    return status;
}

static void work_that_is_not_there_is_not_accepted(void **state) {
    world *w = *state;
    const uint8_t nothing[] = {ROVE_BATCH_VERSION};
    rep_batch batch = bens_phone(w, "his");

    lies_in_review(w, BENS, &batch.changes[0], (rove__bytes){nothing, sizeof nothing});
    assert_int_equal(accepts(w), ROVE_CORRUPT);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
}

static void work_of_a_device_that_is_gone_is_accepted(void **state) {
    world *w = *state;
    rep_batch batch = bens_phone(w, "his");

    lies_in_review(w, NOBODYS, &batch.changes[0], batch.rows);
    assert_int_equal(accepts(w), ROVE_OK);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "phone").size, 3);
}

static void work_on_what_this_build_does_not_know_waits_on(void **state) {
    world *w = *state;
    static rove__extra extra = {1, {.type = ROVE_INT}};
    rove__change *change =
        rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("1"));

    change->row =
        (rove__row){.entity_number = 900, .id = rep_id(&w->ben), .extra = &extra, .extra_count = 1};
    change->edits[0].field = 1;
    rep_batch batch = bens(w);
    lies_in_review(w, BENS, &batch.changes[0], batch.rows);
    assert_int_equal(accepts(w), ROVE_UNKNOWN_ENTITY);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
}

/* What is decided counts, whatever was said of it. */
static void a_note_that_is_too_long_is_left_out(void **state) {
    world *w = *state;
    static char note[1002];
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->ben));
    rove_error error = {.message = ""};
    rep_outcome outcome;

    memset(note, 'n', sizeof note - 1);
    site_int(visit, "account_id", site_account(&w->s, "not his"));
    rep_insert(&w->ben, visit);
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(site_decide(&w->s, 1, 0, note, &error), ROVE_OK);
    rep_settle(&w->ben);
    const rove__entity *review = rove__registry_by_name(w->s.registry, "Review");
    for (size_t i = 0; i < w->ben.row_count; i++) {
        if (w->ben.rows[i].row.entity == review) {
            rove_id id = w->ben.rows[i].row.id;
            assert_int_equal(rep_cell(&w->ben, "Review", id, "state").as.integer,
                             ROVE__REVIEW__STATE__RETURNED);
            assert_int_equal(rep_cell(&w->ben, "Review", id, "note").type, ROVE_NULL);
            return;
        }
    }
    fail();
}

/* Its origin is that of the account: whatever it is, it is not what it says. */
static void work_that_names_another_record_is_not_accepted(void **state) {
    world *w = *state;
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->ben));

    site_int(visit, "account_id", w->account);
    rep_insert(&w->ben, visit)->clock.origin =
        rep_find(&w->ben, "Account", w->account)->clock.origin;
    rep_batch batch = bens(w);
    lies_in_review(w, BENS, &batch.changes[0], batch.rows);
    assert_int_equal(accepts(w), ROVE_STATE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_start_tried, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_was_confirmed_comes_from_a_copy),
        CASE(an_answer_that_is_gone_is_not_made_up),
        CASE(an_answer_that_is_spoiled_is_headquarters_failure),
        CASE(a_sealed_batch_that_comes_again_is_answered_again),
        CASE(work_that_is_not_there_is_not_accepted),
        CASE(work_of_a_device_that_is_gone_is_accepted),
        CASE(work_on_what_this_build_does_not_know_waits_on),
        CASE(a_note_that_is_too_long_is_left_out),
        CASE(work_that_names_another_record_is_not_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
