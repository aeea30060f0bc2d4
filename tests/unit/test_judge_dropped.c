/*
 * What came through the drop box: a signed batch that goes on with its device's chain is its author's; what does not, and what a
 * device signed that was revoked, lies before an operator; a record that was written on a locked device is proposed to him.
 */
#include <stdio.h>
#include <string.h>

#include "model/set.h"
#include "site_rep.h"
#include "sync/judge.h"
#include "two_reps_look.h"

#define STRANGER 300u

static rove_id hers; /* Anna's alone */

static int setup(void **state) {
    int result = world_start_tried(state);
    world *w = *state;

    hers = site_account(&w->s, "Hotel Post");
    site_grant(&w->s, ANNA, hers);
    both_agree(w);
    return result;
}

/* ---- words ------------------------------------------------------------------------------------------------ */

/* Anna's edit of the phone, as a batch that only lies on her device. */
static const rep_batch *annas(world *w, const char *phone) {
    rep_update(&w->anna, "Account", hers, "phone", rove__value_text(phone));
    rep_freeze(&w->anna);
    return &w->anna.batches[w->anna.batch_count - 1];
}

static void revoke(world *w, rove_replica replica) {
    set_device(w, replica, ROVE_DEVICE_REVOKED, 0);
}

typedef struct delivery {
    world *w;
    const rep_batch *batch;
    rove_replica signer;
    int waits, taken;
    rove_replica bears; /* whose number it has; 0: hers */
} delivery;

static rove_status stage(rove__staged *staged, const delivery *d) {
    const rep_batch *batch = d->batch;
    rove_replica bears = d->bears != 0 ? d->bears : ANNAS;
    const rove__signer who = {.replica = d->signer, .user = d->signer == ANNAS ? ANNA : BEN};
    const rove__sealed_batch said = {.replica = bears,
                                     .number = batch->number,
                                     .frames = 1,
                                     .schema = 1,
                                     .previous = batch->previous,
                                     .hash = batch->hash};
    const rove__push push = {.number = batch->number,
                             .last = 1,
                             .schema = 1,
                             .previous = batch->previous,
                             .rows = batch->rows};

    rove__staged_seal(staged, &said, bears, &who);
    return rove__staged_add(staged, &push, NULL);
}

static rove_status judge_it(delivery *d, rove__staged *staged) {
    const site *s = &d->w->s;
    rove__server_stats stats = {0};
    rove__hq_tx *tx = NULL;
    rove_status status = s->store->begin(s->store->ctx, ROVE_HQ_WRITE, &tx, NULL);

    if (status != ROVE_OK) {
        return status;
    }
    status =
        rove__judge_dropped(&s->ports, tx, staged, d->waits, s->now_ms, &stats, &d->taken, NULL);
    if (status != ROVE_OK) {
        s->store->rollback(tx);
        return status;
    }
    return s->store->commit(tx, NULL);
}

static rove_status drop_once(void *ctx, rove__buf *answer) {
    delivery *d = ctx;
    rove__stage parts;
    rove__staged *staged = NULL;

    (void)answer;
    rove__stage_init(&parts, &d->w->s.ports);
    rove_status status = rove__staged_new(&parts, &staged);
    if (status == ROVE_OK) {
        status = stage(staged, d);
    }
    if (status == ROVE_OK) {
        status = judge_it(d, staged);
    }
    rove__staged_free(staged);
    rove__stage_free(&parts);
    return status;
}

/* The batch comes, signed by this device; 1 if it was taken. */
static int drop_signed(world *w, const rep_batch *batch, rove_replica signer, int waits) {
    delivery d = {w, batch, signer, waits, 0, 0};

    trial_run(&w->s.trial, 0, drop_once, &d);
    assert_int_equal(drop_once(&d, NULL), ROVE_OK);
    return d.taken;
}

static int drop(world *w, const rep_batch *batch) {
    return drop_signed(w, batch, ANNAS, 1);
}

/* ---- batches ---------------------------------------------------------------------------------------------- */

static void what_goes_on_with_the_chain_is_its_authors(void **state) {
    world *w = *state;
    uint64_t last = device_of(w, ANNAS).last_batch;

    (void)annas(w, "555-0100");
    (void)annas(w, "555-0101");
    assert_true(drop(w, &w->anna.batches[0]));
    assert_true(drop(w, &w->anna.batches[1]));
    assert_true(has_text(w, "Account", hers, "phone", "555-0101"));
    assert_int_equal(site_conflicts(&w->s, hers), 0);
    assert_int_equal(reviews(w).count, 0);
    assert_int_equal(device_of(w, ANNAS).last_batch, last + 2);
    /* Her device was not lost after all: it hears of both, and goes on. */
    rep_settle(&w->anna);
    assert_int_equal(w->anna.acked, last + 2);
    (void)annas(w, "555-0102");
    rep_settle(&w->anna);
    assert_true(has_text(w, "Account", hers, "phone", "555-0102"));
}

static void what_comes_again_changes_nothing(void **state) {
    world *w = *state;

    rep_batch batch = *annas(w, "555-0100");
    assert_true(drop(w, &batch));
    size_t history = memory_headquarters_history(w->s.hq);
    assert_true(drop(w, &batch));
    rep_settle(&w->anna);
    (void)annas(w, "555-0101");
    rep_settle(&w->anna); /* her Hello confirms what she has heard */
    assert_true(device_of(w, ANNAS).confirmed >= batch.number);
    history++;
    assert_true(drop(w, &batch));
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
    assert_true(has_text(w, "Account", hers, "phone", "555-0101"));
    assert_int_equal(reviews(w).count, 0);
}

static void a_batch_that_is_early_is_waited_for(void **state) {
    world *w = *state;

    (void)annas(w, "555-0100");
    (void)annas(w, "555-0101");
    size_t history = memory_headquarters_history(w->s.hq);
    assert_false(drop(w, &w->anna.batches[1]));
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
    assert_true(drop(w, &w->anna.batches[0]));
    assert_true(drop(w, &w->anna.batches[1]));
    assert_true(has_text(w, "Account", hers, "phone", "555-0101"));
    assert_int_equal(reviews(w).count, 0);
}

static void what_does_not_follow_lies_before_an_operator(void **state) {
    world *w = *state;
    rove__hq_device before = device_of(w, ANNAS);

    (void)annas(w, "lost");
    (void)annas(w, "555-0101");
    assert_true(drop_signed(w, &w->anna.batches[1], ANNAS, 0));
    assert_false(has_text(w, "Account", hers, "phone", "555-0101"));
    last_review last = reviews(w);
    assert_int_equal(last.count, 1);
    assert_int_equal(last.user, ANNA);
    assert_string_equal(last.reason, "It does not follow what its device had sent.");
    rove__hq_device after = device_of(w, ANNAS);
    assert_int_equal(after.last_batch, before.last_batch);
    assert_true(rove__chain_equal(&after.chain, &before.chain));
    assert_true(drop_signed(w, &w->anna.batches[1], ANNAS, 0));
    assert_int_equal(reviews(w).count, 1);
    assert_int_equal(site_decide(&w->s, last.number, 1, "", NULL), ROVE_OK);
    assert_true(has_text(w, "Account", hers, "phone", "555-0101"));
}

/* Another batch under a number that is taken. */
static void a_fork_lies_before_an_operator(void **state) {
    world *w = *state;

    rep_batch first = *annas(w, "555-0100");
    assert_true(drop(w, &first));
    rep_batch other = *annas(w, "555-0199");
    other.number = first.number;
    other.previous = first.previous;
    assert_true(drop(w, &other));
    assert_true(has_text(w, "Account", hers, "phone", "555-0100"));
    assert_int_equal(reviews(w).count, 1);
}

static void work_of_a_revoked_device_lies_before_an_operator(void **state) {
    world *w = *state;

    revoke(w, ANNAS);
    assert_true(drop(w, annas(w, "555-0100")));
    assert_false(has_text(w, "Account", hers, "phone", "555-0100"));
    assert_int_equal(reviews(w).count, 1);
    assert_string_equal(reviews(w).reason, "Its device was revoked.");
}

/* Ben signs in her name, and even knows her chain: her own next batch is still hers to send. */
static void nobody_takes_the_next_number_of_another(void **state) {
    world *w = *state;
    rove__hq_device before = device_of(w, ANNAS);

    rep_batch batch = *annas(w, "555-0100");
    assert_true(drop_signed(w, &batch, BENS, 1));
    assert_string_equal(reviews(w).reason, "It was signed by another device.");
    assert_int_equal(device_of(w, ANNAS).last_batch, before.last_batch);
    (void)annas(w, "555-0101");
    rep_settle(&w->anna);
    assert_true(has_text(w, "Account", hers, "phone", "555-0101"));
}

/* Nor is what he signed hers because nothing of hers is taken as it is any more. */
static void nobody_signs_for_a_revoked_device(void **state) {
    world *w = *state;
    rove__hq_device before = device_of(w, ANNAS);

    revoke(w, ANNAS);
    rep_batch batch = *annas(w, "555-0100");
    assert_true(drop_signed(w, &batch, BENS, 1));
    assert_int_equal(reviews(w).count, 1);
    assert_string_equal(reviews(w).reason, "It was signed by another device.");
    assert_int_equal(device_of(w, ANNAS).last_batch, before.last_batch);
}

static int is_known(world *w, rove_replica replica) {
    rove__hq_device device;
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    rove_status status = w->s.store->device_get(tx, replica, 0, &device);
    w->s.store->rollback(tx);
    return status == ROVE_OK;
}

/* What he signs under numbers that headquarters does not know makes no devices, however many he names; it is looked at once. */
static void nobody_makes_devices_by_what_he_signs(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Account", rove__id_make(STRANGER, 1));

    site_text(row, "name", "of a stranger");
    rove__change *change = rep_insert(&w->anna, row);
    change->replica = STRANGER;
    change->clock.origin.replica = change->clock.base.replica = STRANGER;
    rep_freeze(&w->anna);
    rep_batch batch = w->anna.batches[w->anna.batch_count - 1];
    batch.number = 1;
    batch.previous = (rove__chain){{0}};
    for (int times = 0; times < 2; times++) {
        delivery d = {w, &batch, BENS, 1, 0, STRANGER};
        trial_run(&w->s.trial, 0, drop_once, &d);
        assert_int_equal(drop_once(&d, NULL), ROVE_OK);
        assert_true(d.taken);
        assert_int_equal(reviews(w).count, 1);
        assert_int_equal(reviews(w).user, 0);
        assert_string_equal(reviews(w).reason, "Headquarters does not know its device any more.");
        assert_false(is_known(w, STRANGER));
    }
    assert_int_equal(site_decide(&w->s, reviews(w).number, 1, "", NULL), ROVE_OK);
    assert_true(has_text(w, "Account", row->id, "name", "of a stranger"));
    assert_false(is_known(w, STRANGER));
}

/* She was answered that something in it was refused, and never heard it. */
static void what_was_refused_unheard_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_update(&w->anna, "Account", hers, "credit_limit", rove__value_int(5));
    const rep_batch *batch = annas(w, "555-0100");
    raw_request *q = raw_open(&w->anna);
    raw_hello(q, NULL);
    raw_push(q, batch);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(reviews(w).count, 0);
    for (int times = 0; times < 2; times++) {
        assert_true(drop(w, batch));
        assert_int_equal(reviews(w).count, 1);
    }
    assert_true(has_text(w, "Account", hers, "phone", "555-0100"));
    assert_int_equal(site_conflicts(&w->s, hers), 0);
}

/* ---- records ---------------------------------------------------------------------------------------------- */

typedef struct offer {
    world *w;
    rove__proposal proposal;
    int64_t number;
} offer;

static rove_status propose_once(void *ctx, rove__buf *answer) {
    offer *o = ctx;
    const site *s = &o->w->s;
    rove__server_stats stats = {0};
    rove__hq_tx *tx = NULL;
    rove_status status = s->store->begin(s->store->ctx, ROVE_HQ_WRITE, &tx, NULL);

    (void)answer;
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__judge_propose(&s->ports, tx, &o->proposal, &stats, &o->number, NULL);
    if (status != ROVE_OK) {
        s->store->rollback(tx);
        return status;
    }
    return s->store->commit(tx, NULL);
}

static rove_status propose_row(world *w, rove_replica replica, const rove__row *row,
                               int64_t *number) {
    offer o = {w,
               {.replica = replica,
                .user = ANNA,
                .row = row,
                .written_ms = SITE_NOW - DAY,
                .reason = "Written on a locked device.",
                .now_ms = w->s.now_ms},
               0};

    trial_run(&w->s.trial, 0, propose_once, &o);
    rove_status status = propose_once(&o, NULL);
    *number = o.number;
    return status;
}

static int64_t propose(world *w, rove_replica replica, const char *name) {
    rove__row *row = site_row(&w->s, "Account", 0);
    int64_t number = 0;

    site_text(row, "name", name);
    assert_int_equal(propose_row(w, replica, row, &number), ROVE_OK);
    return number;
}

static void a_record_is_proposed_and_accepted(void **state) {
    world *w = *state;
    rove__hq_row row;
    int64_t number = propose(w, ANNAS, "Hotel Sacher");
    last_review last = reviews(w);

    assert_int_equal(last.count, 1);
    assert_int_equal(last.number, number);
    assert_int_equal(last.user, ANNA);
    assert_int_equal(last.replica, ANNAS);
    assert_string_equal(last.reason, "Written on a locked device.");
    assert_false(site_get(&w->s, "Account", last.id, &row));
    assert_int_equal(site_decide(&w->s, number, 1, "", NULL), ROVE_OK);
    assert_true(site_get(&w->s, "Account", last.id, &row));
    assert_int_equal(row.author, ANNA);
    assert_true(rove__id_replica(last.id) != ANNAS); /* a number of headquarters' */
    rep_settle(&w->anna);
    assert_non_null(rep_find(&w->anna, "Account", last.id));
    both_agree(w);
}

/* A device makes it once more, under headquarters' number: that is nobody's to do, and it is not taken for what its author proposed. */
static void a_record_that_was_proposed_is_not_made_by_others(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Account", 0);
    int64_t number = propose(w, ANNAS, "Hotel Sacher");
    rep_outcome outcome;
    rove__hq_row made;

    row->id = reviews(w).id;
    site_text(row, "name", "Hotel Sacher");
    assert_int_equal(site_decide(&w->s, number, 1, "", NULL), ROVE_OK);
    assert_true(site_get(&w->s, "Account", row->id, &made));
    rove__change *insert = rep_insert(&w->ben, row);
    insert->replica = made.clock.origin.replica;
    rove__clock_init(&insert->clock, made.clock.origin, made.clock.origin, 0);
    rep_exchange(&w->ben, &outcome);
    assert_int_equal(outcome.verdict_count, 1);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_string_equal(reviews(w).reason, "It bears the number of another device.");
    assert_true(has_text(w, "Account", row->id, "name", "Hotel Sacher"));
}

static void a_record_that_is_returned_is_not_made(void **state) {
    world *w = *state;
    rove__hq_row row;
    int64_t number = propose(w, ANNAS, "Hotel Sacher");
    rove_id id = reviews(w).id;

    assert_int_equal(site_decide(&w->s, number, 0, "Twice.", NULL), ROVE_OK);
    assert_int_equal(reviews(w).count, 0);
    assert_false(site_get(&w->s, "Account", id, &row));
    both_agree(w);
    /* Its author may try again, under the name that it was given. */
    rove__row *again = site_row(&w->s, "Account", id);
    site_text(again, "name", "Hotel Sacher, Vienna");
    rep_insert(&w->anna, again);
    both_agree(w);
    assert_true(has_text(w, "Account", id, "name", "Hotel Sacher, Vienna"));
}

static void two_records_of_one_moment_are_two(void **state) {
    world *w = *state;
    rove__hq_row row;
    int64_t first = propose(w, ANNAS, "One");
    rove_id one = reviews(w).id;
    int64_t second = propose(w, ANNAS, "Two");
    rove_id two = reviews(w).id;

    assert_int_equal(site_decide(&w->s, second, 1, "", NULL), ROVE_OK);
    assert_int_equal(site_decide(&w->s, first, 1, "", NULL), ROVE_OK);
    assert_true(site_get(&w->s, "Account", one, &row) && site_get(&w->s, "Account", two, &row));
    assert_true(has_text(w, "Account", one, "name", "One"));
    assert_true(has_text(w, "Account", two, "name", "Two"));
}

static rove__row *proposed_visit(world *w) {
    const int64_t contacts[] = {77, 78};
    rove__row *row = site_row(&w->s, "Visit", 0);

    site_int(row, "account_id", hers);
    site_numbers(&w->s, row, "contact_ids", contacts, 2);
    return row;
}

static void the_elements_of_its_sets_come_along(void **state) {
    world *w = *state;
    int64_t number = 0;

    assert_int_equal(propose_row(w, ANNAS, proposed_visit(w), &number), ROVE_OK);
    rove_id visit = reviews(w).id;
    assert_int_equal(site_decide(&w->s, number, 1, "", NULL), ROVE_OK);
    rove_value contacts = site_cell(&w->s, "Visit", visit, "contact_ids");
    rove__set set;
    assert_int_equal(rove__set_read(&set, &contacts, ROVE_SET_VERSIONED, &w->s.arena), ROVE_OK);
    assert_int_equal(set.count, 2);
    both_agree(w);
}

/* A shell gives sets as they are. What came some other way was no record that a rep wrote. */
static void a_set_of_another_form_is_none(void **state) {
    world *w = *state;
    rove__row *row = proposed_visit(w);
    rove__element element = {.value = rove__value_int(77), .action = ROVE_SET_ADD, .raw = 1};
    const rove__set acts = {ROVE_SET_DELTA, &element, 1};
    rove_value values[2] = {rove__value_bytes(ROVE_BLOB, "\xff", 1)};
    int64_t number = 0;

    assert_int_equal(rove__set_value(&acts, &w->s.arena, &values[1]), ROVE_OK);
    for (size_t i = 0; i < 2; i++) {
        site_set(row, "contact_ids", values[i]);
        assert_int_equal(propose_row(w, ANNAS, row, &number), ROVE_INVALID);
        assert_int_equal(number, 0);
        assert_int_equal(reviews(w).count, 0);
    }
}

/* Headquarters forgot the device in a restore: the certificate says whose it was; by it the device is admitted again (T3). */
static void a_record_of_an_unknown_device_is_its_users(void **state) {
    world *w = *state;
    int64_t number = propose(w, 300, "Hotel Sacher");
    rove__hq_device device;
    rove__hq_tx *tx = NULL;

    assert_int_equal(reviews(w).user, ANNA);
    assert_int_equal(site_decide(&w->s, number, 1, "", NULL), ROVE_OK);
    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->device_get(tx, 300, 0, &device), ROVE_NOT_FOUND);
    w->s.store->rollback(tx);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_goes_on_with_the_chain_is_its_authors),
        TEST(what_comes_again_changes_nothing),
        TEST(a_batch_that_is_early_is_waited_for),
        TEST(what_does_not_follow_lies_before_an_operator),
        TEST(a_fork_lies_before_an_operator),
        TEST(work_of_a_revoked_device_lies_before_an_operator),
        TEST(nobody_takes_the_next_number_of_another),
        TEST(nobody_signs_for_a_revoked_device),
        TEST(nobody_makes_devices_by_what_he_signs),
        TEST(what_was_refused_unheard_is_looked_at),
        TEST(a_record_is_proposed_and_accepted),
        TEST(a_record_that_was_proposed_is_not_made_by_others),
        TEST(a_record_that_is_returned_is_not_made),
        TEST(two_records_of_one_moment_are_two),
        TEST(the_elements_of_its_sets_come_along),
        TEST(a_set_of_another_form_is_none),
        TEST(a_record_of_an_unknown_device_is_its_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
