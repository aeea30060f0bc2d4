/*
 * More than one frame, one batch of the history or one list takes: long records, long answers, many new names, many devices.
 */
#include <stdio.h>
#include <string.h>

#include "delivery.h"
#include "long_batch.h"
#include "site_rep.h"
#include "two_reps.h"

#define UNKNOWN 900u /* a field that this build does not know */

/* ---- words ------------------------------------------------------------------------------------------------ */

static rove__row *a_visit(world *w, rove_id id, rove_id account) {
    rove__row *row = site_row(&w->s, "Visit", id);

    if (account != 0) {
        site_int(row, "account_id", account);
    }
    site_int(row, "planned_start", SITE_NOW);
    return row;
}

/* ---- one record ------------------------------------------------------------------------------------------- */

/* Six edits of one record, together more than a batch takes: its history has them all, in two pieces. */
static void a_long_history_is_kept_whole(void **state) {
    world *w = *state;
    const size_t size = 60000;
    uint64_t random = 1;
    rep_outcome outcome;

    for (size_t i = 0; i < 6; i++) {
        (void)large_edit(w, UNKNOWN, size, &random);
    }
    size_t history = memory_headquarters_history(w->s.hq);
    push(w, 3, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(outcome.verdict_count, 0);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 2);
}

/* A signed record that its author may not write, and that is larger than a cell: it stays at headquarters, and he is told. */
static void work_that_is_too_large_to_show_is_reviewed_all_the_same(void **state) {
    world *w = *state;
    const size_t size = 65500;
    uint64_t random = 2;
    rep_outcome outcome;
    rove__row *visit = a_visit(w, rep_id(&w->anna), site_account(&w->s, "not hers"));
    uint8_t *text = rove__arena_take(&w->s.arena, size);
    rove__extra extra = {UNKNOWN, {.type = ROVE_NULL}};

    assert_non_null(text);
    noise(&random, text, size);
    extra.value = rove__value_bytes(ROVE_TEXT, text, size);
    site_int(visit, "sealed_at", SITE_NOW);
    visit->extra = &extra;
    visit->extra_count = 1;
    rep_insert(&w->anna, visit);
    push(w, 1, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
}

/* ---- one answer ------------------------------------------------------------------------------------------- */

/* So many visits at once, by a clock that is ahead: of all of them she learns which time counts, or that they are refused. */
static void an_answer_of_several_frames_is_heard_to_the_end(void **state) {
    world *w = *state;
    const size_t count = 2100; /* a frame has 2,048 */

    for (size_t valid = 0; valid < 2; valid++) {
        w->anna.skew_ms = valid ? 240000 : 0;
        for (size_t i = 0; i < count; i++) {
            rep_insert(&w->anna, a_visit(w, rep_id(&w->anna), valid ? w->account : 0));
        }
        rep_settle(&w->anna);
        rep_check(&w->anna);
        const rove__entity *visit = rove__registry_by_name(w->s.registry, "Visit");
        assert_int_equal(memory_headquarters_rows(w->s.hq, visit->number), valid ? count : 0);
    }
}

/* All under one id; a list has 16,384. */
static void many_new_names_are_told_in_parts(void **state) {
    world *w = *state;
    rove_id id = rep_id(&w->anna);
    rove__row *visit = a_visit(w, id, w->account);
    rep_outcome outcome;

    for (size_t i = 0; i < ROVE_VERDICTS_MAX + 10; i++) {
        rep_insert(&w->anna, visit);
    }
    push(w, 4096, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(outcome.renames, ROVE_VERDICTS_MAX);
    assert_int_equal(outcome.acks, 0);
}

/* The same in a batch of a number that is not hers any more. What finds its name taken beyond those is looked at. */
static void many_new_names_of_a_former_number_are_told_as_far_as_a_list_goes(void **state) {
    world *w = *state;
    rove__row *visit = a_visit(w, rep_id(&w->anna), w->account);
    rep_outcome outcome;

    for (size_t i = 0; i < ROVE_VERDICTS_MAX + 10; i++) {
        rep_insert(&w->anna, visit);
    }
    rep_freeze(&w->anna);
    assert_int_equal(w->anna.batch_count, 1);
    give_number_to_ben(w);
    deliver(w, w->anna.batches, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(outcome.renames, ROVE_VERDICTS_MAX);
}

/*
 * A sealed batch cannot come again under other names. One of its records gets the id that another says headquarters had given it:
 * neither takes the other's place, and the second is looked at.
 */
static void a_name_that_was_just_given_is_not_given_up(void **state) {
    world *w = *state;
    rove__hq_tx *tx = NULL;
    rove__hq_head head;
    rep_outcome outcome;

    memory_headquarters_restore(w->s.hq, memory_headquarters_backup(w->s.hq), 2, 901);
    rep_settle(&w->anna);
    rove__row *theirs = a_visit(w, rep_id(&w->anna), w->account);
    (void)site_insert(&w->s, theirs);
    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->head_get(tx, &head), ROVE_OK);
    w->s.store->rollback(tx);
    rove_id next = rove__id_make(head.replica, head.counter + 1);
    rove__row *hers = a_visit(w, theirs->id, w->account);
    rove__row *other = a_visit(w, next, w->account);
    site_text(hers, "notes", "hers");
    site_text(other, "notes", "the other");
    rep_insert(&w->anna, hers);
    rep_insert(&w->anna, other);
    rep_freeze(&w->anna);
    rove__hello later = raw_default_hello(&w->anna);
    raw_request *q = raw_open(&w->anna);
    later.acked++;
    raw_hello(q, &later);
    raw_sealed(q, &w->anna.batches[0],
               &(const raw_seal){.replica = ANNAS, .type = ROVE_FRAME_SEALED});
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(site_cell(&w->s, "Visit", next, "notes").size, 4);
    assert_int_equal(site_cell(&w->s, "Visit", theirs->id, "notes").type, ROVE_NULL);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
}

/* ---- numbers ---------------------------------------------------------------------------------------------- */

static uint32_t set_counter(world *w, uint32_t counter) {
    rove__hq_tx *tx = NULL;
    rove__hq_head head;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->head_get(tx, &head), ROVE_OK);
    uint32_t before = head.counter;
    head.counter = counter;
    assert_int_equal(w->s.store->head_put(tx, &head), ROVE_OK);
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
    return before;
}

/* The second of two records under one id would need one: nothing is taken, and nothing is lost. */
static void without_ids_to_give_nothing_is_taken(void **state) {
    world *w = *state;
    rove__row *visit = a_visit(w, rep_id(&w->anna), w->account);
    rep_outcome outcome;
    uint32_t counter = set_counter(w, UINT32_MAX);
    uint64_t head = memory_headquarters_head(w->s.hq);

    for (int times = 0; times < 2; times++) {
        for (int i = 0; i < 2; i++) {
            rep_insert(&w->anna, visit);
        }
        push(w, 2, &outcome);
        if (times == 0) {
            assert_int_not_equal(outcome.failed, ROVE_OK);
            assert_int_equal(memory_headquarters_head(w->s.hq), head);
            (void)set_counter(w, counter);
        }
    }
    assert_int_equal(outcome.renames, 1);
}

static void a_batch_that_is_not_ended_is_no_batch(void **state) {
    world *w = *state;
    raw_request *q = raw_open(&w->anna);
    rep_outcome outcome;

    rep_count(&w->anna, "Account", w->account, "points", 1);
    rove__push frame = {.number = w->anna.acked + 1,
                        .schema = ROVE_SCHEMA_VERSION,
                        .previous = w->anna.chain,
                        .rows = pack(w, w->anna.changes, 1)};
    raw_hello(q, NULL);
    push_frame(w, q, &frame);
    frame.number++;
    frame.ordinal = 1;
    frame.last = 1;
    push_frame(w, q, &frame);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.failed, ROVE_PROTOCOL);
    assert_int_equal(outcome.acks, 0);
}

/* ---- contests --------------------------------------------------------------------------------------------- */

/* As many of Ben's tablets as an exchange can tell apart, each with an account that Anna has changed without a look at it. */
static void more_devices_contend_than_are_told_apart(void **state) {
    world *w = *state;
    rove_id accounts[ROVE_CONTESTS_MAX];
    rep_outcome outcome;

    for (size_t i = 0; i < ROVE_CONTESTS_MAX; i++) {
        accounts[i] = site_account(&w->s, "Hotel Post");
        site_grant(&w->s, ANNA, accounts[i]);
        site_grant(&w->s, BEN, accounts[i]);
    }
    both_agree(w);
    for (size_t i = 0; i < ROVE_CONTESTS_MAX; i++) {
        rep tablet;
        rep_open(&tablet, &w->s, BENS + 1 + (rove_replica)i, BEN);
        rep_settle(&tablet);
        rep_update(&tablet, "Account", accounts[i], "phone", rove__value_text("By tablet"));
        rep_settle(&tablet);
        rep_close(&tablet);
    }
    w->s.now_ms += 1000;
    for (size_t i = 0; i < ROVE_CONTESTS_MAX; i++) {
        rep_update(&w->anna, "Account", accounts[i], "phone", rove__value_text("Anna's"));
    }
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.stats.conflicts, ROVE_CONTESTS_MAX);
    assert_int_equal(outcome.stats.contest_count, ROVE_CONTESTS_MAX); /* she is one of them */
    assert_int_equal(outcome.stats.contests[0].replica, ANNAS);
    assert_int_equal(outcome.stats.contests[0].won, ROVE_CONTESTS_MAX);
}

#define CASE(name)  cmocka_unit_test_setup_teardown(name, world_start, world_end)
#define TRIED(name) cmocka_unit_test_setup_teardown(name, world_start_tried, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TRIED(a_long_history_is_kept_whole),
        TRIED(work_that_is_too_large_to_show_is_reviewed_all_the_same),
        CASE(an_answer_of_several_frames_is_heard_to_the_end),
        CASE(many_new_names_are_told_in_parts),
        CASE(many_new_names_of_a_former_number_are_told_as_far_as_a_list_goes),
        TRIED(a_name_that_was_just_given_is_not_given_up),
        TRIED(without_ids_to_give_nothing_is_taken),
        TRIED(a_batch_that_is_not_ended_is_no_batch),
        CASE(more_devices_contend_than_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
