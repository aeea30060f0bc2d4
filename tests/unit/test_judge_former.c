/*
 * What comes sealed to headquarters: batches of a number that the device no longer has, delivered by who uses it now, are
 * their author's (P3, D11); and whatever is not from whom it says counts as not there.
 */
#include <stdio.h>
#include <string.h>

#include "delivery.h"
#include "given_back.h"
#include "site_rep.h"
#include "sync/judge.h"
#include "two_reps_look.h"

#define STRANGER 300u
#define BETWEEN  400u
#define LATER    500u
#define SEALED_OWN                                                                                 \
    (const raw_seal) {                                                                             \
        .replica = BENS, .type = ROVE_FRAME_SEALED                                                 \
    }

static rove_id hers; /* Anna's alone, who used the device before Ben */

static int setup(void **state) {
    int result = world_start_tried(state);
    world *w = *state;

    hers = site_account(&w->s, "Hotel Post");
    site_grant(&w->s, ANNA, hers);
    both_agree(w);
    return result;
}

/* ---- words ------------------------------------------------------------------------------------------------ */

static rep_batch *batch_of(rep *r) {
    rep_freeze(r);
    return &r->batches[r->batch_count - 1];
}

/* Anna's edit of the phone, as a batch that only lies on the device. */
static rep_batch *annas(world *w, const char *phone) {
    rep_update(&w->anna, "Account", hers, "phone", rove__value_text(phone));
    return batch_of(&w->anna);
}

static void accept(world *w, int64_t number) {
    rove_error error = {.message = ""};

    if (site_decide(&w->s, number, 1, "", &error) != ROVE_OK) {
        fail_msg("%s", error.message);
    }
}

/* ---- the author's ------------------------------------------------------------------------------------------ */

static void work_of_a_former_user_is_hers(void **state) {
    world *w = *state;
    rep_outcome outcome;
    uint64_t last = device_of(w, ANNAS).last_batch;

    (void)annas(w, "555-0100");
    (void)annas(w, "555-0101");
    deliver(w, w->anna.batches, 2, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 2);
    assert_int_equal(outcome.former.replica, ANNAS);
    assert_int_equal(outcome.former.number, w->anna.batches[1].number);
    assert_true(outcome.former.seq > 0);
    assert_int_equal(outcome.acks, 0); /* nothing of hers is told to him */
    assert_true(has_text(w, "Account", hers, "phone", "555-0101"));
    assert_int_equal(site_conflicts(&w->s, hers), 0);
    assert_int_equal(reviews(w).count, 0);
    assert_int_equal(device_of(w, ANNAS).last_batch, last + 2);
    /* She herself may go on from there. */
    rep_settle(&w->anna);
    (void)annas(w, "555-0102");
    rep_settle(&w->anna);
    assert_true(has_text(w, "Account", hers, "phone", "555-0102"));
}

static void what_comes_again_is_taken_once(void **state) {
    world *w = *state;
    rep_outcome outcome;

    (void)annas(w, "555-0100");
    deliver(w, w->anna.batches, 1, &FORMER_OF, &outcome);
    size_t history = memory_headquarters_history(w->s.hq);
    rove__row *row = site_row(&w->s, "Account", hers);
    site_text(row, "website", "headquarters.example");
    site_update(&w->s, row);
    history++;
    deliver(w, w->anna.batches, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
    assert_int_equal(site_conflicts(&w->s, hers), 0);
}

static void what_a_rule_refuses_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_update(&w->anna, "Account", hers, "credit_limit", rove__value_int(5));
    deliver(w, batch_of(&w->anna), 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(reviews(w).count, 1);
    assert_int_equal(reviews(w).user, ANNA);
}

/* Edits of a record that its batch makes bear its origin. */
static void of_one_origin(rep *r) {
    for (size_t i = 1; i < r->change_count; i++) {
        r->changes[i].clock.origin = r->changes[0].clock.origin;
    }
}

/* The rest of the edit goes on; what is too much for the record is for an operator, who cannot have it there either. */
static void a_cell_for_which_there_is_no_room_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_error error = {.message = ""};
    rove_id id = large_account(w);

    rep_update(&w->anna, "Account", id, "description", rove__value_text(TOO_MUCH));
    rep_update(&w->anna, "Account", id, "phone", rove__value_text("555-0100"));
    of_one_origin(&w->anna);
    deliver(w, batch_of(&w->anna), 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_true(has_text(w, "Account", id, "phone", "555-0100"));
    assert_int_equal(site_cell(&w->s, "Account", id, "description").type, ROVE_NULL);
    assert_int_equal(reviews(w).count, 1);
    assert_int_equal(site_decide(&w->s, reviews(w).number, 1, "", &error), ROVE_TOO_BIG);
}

/* Nor is there for one of two fields that this build does not know. */
static void an_unknown_field_for_which_there_is_no_room_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__hq_row row;
    rove_id id = large_account(w);
    rove__change *change =
        rep_update(&w->anna, "Account", id, "phone", rove__value_text("in their place"));
    const rove__extra extra[2] = {{5002, rove__value_text(TOO_MUCH)}, {5003, rove__value_int(1)}};
    rove__edit edits[2] = {change->edits[0], change->edits[0]};

    edits[0].field = extra[0].number;
    edits[1].field = extra[1].number;
    memset(&change->row.present, 0, sizeof change->row.present);
    change->row.extra = rove__arena_copy(&w->s.arena, extra, sizeof extra);
    change->row.extra_count = 2;
    change->edits = rove__arena_copy(&w->s.arena, edits, sizeof edits);
    change->edit_count = 2;
    of_one_origin(&w->anna);
    deliver(w, batch_of(&w->anna), 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(reviews(w).count, 1);
    assert_true(site_get(&w->s, "Account", id, &row));
    assert_int_equal(row.row.extra_count, 3);
    assert_int_equal(row.row.extra[2].number, 5003);
}

/* She was answered that it was refused, and the answer was lost. */
static void what_was_refused_unheard_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_update(&w->anna, "Account", hers, "credit_limit", rove__value_int(5));
    rep_update(&w->anna, "Account", hers, "phone", rove__value_text("555-0100"));
    rep_batch *batch = batch_of(&w->anna);
    raw_request *q = raw_open(&w->anna);
    raw_hello(q, NULL);
    raw_push(q, batch);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(reviews(w).count, 0);
    for (int times = 0; times < 2; times++) {
        deliver(w, batch, 1, &FORMER_OF, &outcome);
        assert_int_equal(outcome.former_acks, 1);
        assert_int_equal(reviews(w).count, 1);
        assert_int_equal(reviews(w).user, ANNA);
    }
    assert_true(has_text(w, "Account", hers, "phone", "555-0100"));
    assert_int_equal(site_conflicts(&w->s, hers), 0);
}

/* Nor did she hear of it before she went on: what is judged once more is still hers, and so is what follows. */
static void what_follows_what_is_judged_once_more_is_its_authors_own(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_update(&w->anna, "Account", hers, "credit_limit", rove__value_int(5));
    rep_update(&w->anna, "Account", hers, "phone", rove__value_text("555-0100"));
    raw_request *q = raw_open(&w->anna);
    raw_hello(q, NULL);
    raw_push(q, batch_of(&w->anna));
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.acks, 1);
    uint64_t last = device_of(w, ANNAS).last_batch;
    (void)annas(w, "555-0101");
    for (int times = 0; times < 2; times++) {
        deliver(w, w->anna.batches, 2, &FORMER_OF, &outcome);
        assert_int_equal(outcome.former_acks, 2);
        assert_true(has_text(w, "Account", hers, "phone", "555-0101"));
        assert_int_equal(site_conflicts(&w->s, hers), 0);
        assert_int_equal(reviews(w).count, 1);
        assert_int_equal(device_of(w, ANNAS).last_batch, last + 1);
    }
}

/* A copy had sent the same before: it lies in review, and nothing is new. */
static void what_is_looked_at_already_changes_nothing(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rove__change refused =
        *rep_update(&w->anna, "Account", hers, "credit_limit", rove__value_int(5));
    rep_batch batch = *batch_of(&w->anna);
    raw_request *q = raw_open(&w->anna);
    raw_hello(q, NULL);
    raw_push(q, &batch);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.acks, 1);
    uint64_t last = device_of(w, ANNAS).last_batch;
    w->anna.batch_count = 0;
    (void)rep_count(&w->anna, "Account", hers, "points", 1);
    w->anna.changes[w->anna.change_count++] = refused;
    rep_batch copys = *batch_of(&w->anna);
    copys.number += 7;
    deliver(w, &copys, 1, &FORMER_OF, &outcome);
    assert_int_equal(reviews(w).count, 1);
    uint64_t head = memory_headquarters_head(w->s.hq);
    deliver(w, &batch, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(reviews(w).count, 1);
    assert_int_equal(memory_headquarters_head(w->s.hq), head);
    assert_int_equal(device_of(w, ANNAS).last_batch, last);
}

/* It was confirmed, and lost by a restore: the device has dropped what was in it. */
static void own_sealed_work_that_is_refused_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__hello later = raw_default_hello(&w->ben);
    raw_request *q = raw_open(&w->ben);

    later.acked++;
    rep_update(&w->ben, "Account", w->account, "credit_limit", rove__value_int(5));
    raw_hello(q, &later);
    raw_sealed(q, batch_of(&w->ben), &SEALED_OWN);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(reviews(w).count, 1);
}

static void a_revoked_device_has_its_work_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;

    set_device(w, ANNAS, ROVE_DEVICE_REVOKED, 0);
    (void)annas(w, "555-0100");
    deliver(w, w->anna.batches, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_false(has_text(w, "Account", hers, "phone", "555-0100"));
    last_review last = reviews(w);
    assert_int_equal(last.count, 1);
    assert_int_equal(last.user, ANNA);
    assert_string_equal(last.reason, "Its device was revoked.");
    accept(w, last.number);
    assert_true(has_text(w, "Account", hers, "phone", "555-0100"));
    deliver(w, w->anna.batches, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(reviews(w).count, 0);
}

/* Work under a number of which headquarters knows nothing any more. */
static rove_id of_a_stranger(world *w, rove_replica signer, rep_outcome *outcome) {
    const raw_seal seal = {.replica = STRANGER, .signer = signer, .type = ROVE_FRAME_FORMER};
    rove__row *row = site_row(&w->s, "Account", rove__id_make(STRANGER, 1));

    site_text(row, "name", "of a lost device");
    rove__change *change = rep_insert(&w->anna, row);
    change->replica = STRANGER;
    change->clock.origin.replica = change->clock.base.replica = STRANGER;
    deliver(w, batch_of(&w->anna), 1, &seal, outcome);
    assert_int_equal(outcome->former_acks, 1);
    return row->id;
}

/* By the records of devices headquarters proves what was signed. */
static size_t records_with_the_key(world *w, const uint8_t *key, size_t size) {
    rove__hq_head head;
    rove__hq_row row;
    rove__hq_tx *tx = NULL;
    size_t count = 0;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->head_get(tx, &head), ROVE_OK);
    w->s.store->rollback(tx);
    for (uint32_t i = 1; i <= head.counter; i++) {
        if (site_get(&w->s, "Device", rove__id_make(head.replica, i), &row)) {
            rove_value kept = site_cell(&w->s, "Device", row.row.id, "public_key");
            rove_value user = site_cell(&w->s, "Device", row.row.id, "user_id");
            count += kept.type == ROVE_BLOB && kept.size == size &&
                     memcmp(kept.as.data, key, size) == 0 && user.as.integer == SEALS_USER;
        }
    }
    return count;
}

/* By the hash of its key a device is told from others that say they are it. */
static int has_the_key(world *w, rove_replica replica) {
    const rove_crypto *crypto = w->s.ports.crypto;
    const seal_keys *keys = &w->s.seals;
    const rove_span span = {keys->device_public, keys->device_public_size};
    rove__hq_device device = device_of(w, replica);
    uint8_t hash[ROVE_SHA256_SIZE];

    assert_int_equal(crypto->sha256(crypto->ctx, &span, 1, hash), ROVE_OK);
    return memcmp(device.key_hash, hash, sizeof hash) == 0;
}

static void a_device_that_headquarters_lost_is_whose_its_certificate_says(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__hq_row row;

    rove_id id = of_a_stranger(w, STRANGER, &outcome);
    assert_int_equal(reviews(w).count, 0);
    assert_true(site_get(&w->s, "Account", id, &row));
    assert_int_equal(row.author, SEALS_USER);
    /* Its number is given to nobody else, and comes no more. */
    assert_int_equal(device_of(w, STRANGER).status, ROVE_DEVICE_REPLACED);
    assert_int_equal(device_of(w, STRANGER).user, SEALS_USER);
    assert_true(has_the_key(w, STRANGER));
    /* And so is what it signed, by its key, which is kept once. */
    const seal_keys *keys = &w->s.seals;
    assert_int_equal(records_with_the_key(w, keys->device_public, keys->device_public_size), 1);
    (void)of_a_stranger(w, STRANGER, &outcome);
    assert_int_equal(records_with_the_key(w, keys->device_public, keys->device_public_size), 1);
}

static void what_nobody_vouches_for_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id id = of_a_stranger(w, BENS, &outcome);
    last_review last = reviews(w);

    assert_int_equal(last.count, 1);
    assert_int_equal(last.replica, STRANGER);
    assert_int_equal(last.user, 0);
    accept(w, last.number);
    assert_true(has_text(w, "Account", id, "name", "of a lost device"));
    /* Nor for what comes after it. */
    (void)of_a_stranger(w, BENS, &outcome);
    last = reviews(w);
    assert_int_equal(last.count, 1);
    assert_int_equal(last.user, 0);
    assert_string_equal(last.reason, "Headquarters does not know its device any more.");
}

static void a_later_number_of_the_device_may_sign(void **state) {
    world *w = *state;
    rep_outcome outcome;
    raw_seal seal = FORMER_OF;

    seal.signer = BENS;
    (void)annas(w, "555-0100");
    deliver(w, w->anna.batches, 1, &seal, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_string_equal(reviews(w).reason, "It was signed by another device.");
    /* Her device had a number in between. */
    rep between;
    rep_open(&between, &w->s, BETWEEN, ANNA);
    set_device(w, BETWEEN, ROVE_DEVICE_REPLACED, ANNAS);
    seal.signer = LATER;
    seal.former = BETWEEN;
    (void)annas(w, "555-0101");
    deliver(w, &w->anna.batches[1], 1, &seal, &outcome);
    assert_int_equal(reviews(w).count, 1);
    assert_true(has_text(w, "Account", hers, "phone", "555-0101"));
    rep_close(&between);
}

/* ---- outside of the chain ---------------------------------------------------------------------------------- */

static void a_batch_after_a_gap_is_taken_all_the_same(void **state) {
    world *w = *state;
    rep_outcome outcome;
    uint64_t last = device_of(w, ANNAS).last_batch;

    (void)annas(w, "lost");
    (void)annas(w, "555-0101");
    deliver(w, &w->anna.batches[1], 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_true(has_text(w, "Account", hers, "phone", "555-0101"));
    assert_int_equal(device_of(w, ANNAS).last_batch, last);
    deliver(w, &w->anna.batches[1], 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    /* What was lost is found after all, and does not win because it comes later. */
    deliver(w, w->anna.batches, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_true(has_text(w, "Account", hers, "phone", "555-0101"));
}

/* Two copies of one device, each with work of its own and some that both have. */
static void what_the_history_holds_is_not_taken_twice(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_count(&w->anna, "Account", hers, "points", 5);
    rep_batch common = *batch_of(&w->anna);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.acks, 1);
    /* The copy had it in another batch. */
    common.number += 7;
    deliver(w, &common, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(site_cell(&w->s, "Account", hers, "points").as.integer, 5);
}

/* An edit and acts on a set that the original had sent; the copy holds them in what its rep signed since. */
static void a_seal_that_is_known_in_part_counts_as_it_was_signed(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id visit = site_visit(&w->s, hers, SITE_NOW);

    rep_settle(&w->anna);
    rove__change notes = *rep_update(&w->anna, "Visit", visit, "notes", rove__value_text("seen"));
    rove__change with = *rep_set_add(&w->anna, "Visit", visit, "contact_ids", 77);
    rove__change seal = *rep_seal(&w->anna, "Visit", visit, NULL);
    w->anna.change_count = 2;
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.acks, 1);
    rove__edit edits[] = {with.edits[0], notes.edits[0], seal.edits[0]};
    rove__row_set(&seal.row, (size_t)rove__row_field(&seal.row, edits[0].field),
                  with.row.cells[rove__row_field(&seal.row, edits[0].field)]);
    rove__row_set(&seal.row, (size_t)rove__row_field(&seal.row, edits[1].field),
                  notes.row.cells[rove__row_field(&seal.row, edits[1].field)]);
    seal.edits = edits;
    seal.edit_count = 3;
    w->anna.changes[w->anna.change_count++] = seal;
    rep_batch copys = *batch_of(&w->anna);
    copys.number += 7;
    deliver(w, &copys, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "sealed_at").type, ROVE_INT);
    assert_true(has_text(w, "Visit", visit, "notes", "seen"));
    assert_int_equal(site_cell(&w->s, "Visit", visit, "contact_ids").type, ROVE_BLOB);
    assert_int_equal(site_conflicts(&w->s, visit), 0);
    /* All of it again, in another batch with other work: it is known. */
    w->anna.batch_count = 0;
    (void)rep_count(&w->anna, "Account", hers, "points", 1);
    w->anna.changes[w->anna.change_count++] = seal;
    copys = *batch_of(&w->anna);
    copys.number += 9;
    copys.previous.hash[0] ^= 1;
    size_t history = memory_headquarters_history(w->s.hq);
    deliver(w, &copys, 1, &FORMER_OF, &outcome);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 1);
}

static void what_was_looked_at_is_not_put_there_again(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
    site_int(visit, "account_id", site_account(&w->s, "not hers"));
    site_int(visit, "planned_start", SITE_NOW);
    site_int(visit, "status", 1);
    rep_insert(&w->anna, visit);
    rep_batch common = *batch_of(&w->anna);
    rep_exchange(&w->anna, &outcome);
    assert_int_equal(reviews(w).count, 1);
    common.number += 7;
    deliver(w, &common, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(reviews(w).count, 1);
}

/* ---- names ------------------------------------------------------------------------------------------------- */

static void headquarters_gives_names_by_itself(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id id = rep_id(&w->anna);

    /* Another record has the id of hers; a visit refers to it. */
    rove__row *taken = site_row(&w->s, "Account", id);
    site_text(taken, "name", "the other");
    (void)site_insert(&w->s, taken);
    rove__row *account = site_row(&w->s, "Account", id);
    site_text(account, "name", "hers");
    rep_insert(&w->anna, account);
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->anna));
    site_int(visit, "account_id", id);
    site_int(visit, "planned_start", SITE_NOW);
    site_int(visit, "status", 1);
    rep_insert(&w->anna, visit);
    /* What cannot be read has no names in it; it is refused, and goes along with nothing. */
    rep_update(&w->anna, "Account", hers, "tag_ids", rove__value_bytes(ROVE_BLOB, "\xff", 1));
    deliver(w, batch_of(&w->anna), 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(outcome.renames, 0);
    assert_true(has_text(w, "Account", id, "name", "the other"));
    rove_id renamed = site_cell(&w->s, "Visit", visit->id, "account_id").as.integer;
    assert_int_not_equal(renamed, id);
    assert_true(has_text(w, "Account", renamed, "name", "hers"));
}

/* Anna's batch was of Ben's number before, and so is his to be told of; what he has not sent follows. */
static void who_made_a_record_is_told_of_its_name(void **state) {
    world *w = *state;
    rove_id id = rep_id(&w->anna);
    rep_outcome outcome;
    rove_id to = 0;

    give_number_to_ben(w);
    rove__row *taken = site_row(&w->s, "Account", id);
    site_text(taken, "name", "the other");
    (void)site_insert(&w->s, taken);
    rove__row *account = site_row(&w->s, "Account", id);
    site_text(account, "name", "his");
    rep_insert(&w->anna, account);
    rep_update(&w->anna, "Account", id, "phone", rove__value_text("555-0100"));
    of_one_origin(&w->anna);
    rove__row *looked_at = site_row(&w->s, "Visit", rep_id(&w->anna));
    site_int(looked_at, "account_id", hers); /* which he does not hold: it has no other name */
    site_int(looked_at, "planned_start", SITE_NOW);
    site_int(looked_at, "status", 1);
    rep_insert(&w->anna, looked_at);
    rep_batch former = *batch_of(&w->anna);
    rove__row *visit = site_row(&w->s, "Visit", rep_id(&w->ben));
    site_int(visit, "account_id", id);
    site_int(visit, "planned_start", SITE_NOW);
    site_int(visit, "status", 1);
    rep_insert(&w->ben, visit);
    rep_batch pushed = *batch_of(&w->ben);
    /* As often as it comes, for he may not have heard. */
    for (int i = 0; i < 2; i++) {
        rove__hello hello = raw_default_hello(&w->ben);
        raw_request *q = raw_open(&w->ben);
        hello.formers = 1;
        hello.checked = w->ben.cursor.timeline;
        raw_hello(q, &hello);
        raw_sealed(q, &former, &FORMER_OF);
        raw_push(q, &pushed);
        raw_end(q);
        raw_answer(q, 0, &outcome);
        assert_int_equal(outcome.former_acks, 1);
        assert_int_equal(outcome.renames, 1);
        assert_int_equal(outcome.rename.id, id);
        assert_true(to == 0 || to == outcome.rename.to);
        assert_int_equal(outcome.acks, 0);
        assert_true(outcome.more);
        to = outcome.rename.to;
    }
    assert_true(has_text(w, "Account", to, "name", "his"));
    assert_true(has_text(w, "Account", to, "phone", "555-0100"));
    assert_true(has_text(w, "Account", id, "name", "the other"));
    assert_int_equal(reviews(w).count, 1);
}

/* ---- what an operator accepts ------------------------------------------------------------------------------ */

static rove_status accepted(world *w, int64_t number) {
    rove_error error = {.message = ""};
    rove_status status = site_decide(&w->s, number, 1, "", &error);

    assert_true(status == ROVE_OK || error.message[0] != '\0');
    return status;
}

static void accepted_work_keeps_to_the_rules(void **state) {
    world *w = *state;
    rove__row *account = site_row(&w->s, "Account", rep_id(&w->anna)); /* without a name */
    rep_outcome outcome;
    rove__hq_row row;

    set_device(w, ANNAS, ROVE_DEVICE_REVOKED, 0);
    rep_insert(&w->anna, account);
    deliver(w, batch_of(&w->anna), 1, &FORMER_OF, &outcome);
    assert_int_equal(accepted(w, reviews(w).number), ROVE_REQUIRED);
    assert_false(site_get(&w->s, "Account", account->id, &row));
    assert_int_equal(reviews(w).count, 1);
}

static void a_record_is_accepted_before_its_edits(void **state) {
    world *w = *state;
    rove__row *account = site_row(&w->s, "Account", rep_id(&w->anna));
    rep_outcome outcome;

    set_device(w, ANNAS, ROVE_DEVICE_REVOKED, 0);
    site_text(account, "name", "hers");
    rep_insert(&w->anna, account);
    rep_update(&w->anna, "Account", account->id, "phone", rove__value_text("555-0100"));
    deliver(w, batch_of(&w->anna), 1, &FORMER_OF, &outcome);
    last_review last = reviews(w);
    assert_int_equal(last.count, 2);
    assert_int_equal(accepted(w, last.number), ROVE_NOT_FOUND);
    assert_int_equal(accepted(w, last.number - 1), ROVE_OK);
    assert_int_equal(accepted(w, last.number), ROVE_OK);
    assert_true(has_text(w, "Account", account->id, "phone", "555-0100"));
}

static void what_came_another_way_meanwhile_is_accepted_once(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rep_batch batch = *annas(w, "555-0100");

    batch.number += 7;
    set_device(w, ANNAS, ROVE_DEVICE_REVOKED, 0);
    deliver(w, &batch, 1, &FORMER_OF, &outcome);
    set_device(w, ANNAS, ROVE_DEVICE_ACTIVE, 0);
    rep_exchange(&w->anna, &outcome);
    assert_true(has_text(w, "Account", hers, "phone", "555-0100"));
    size_t before = memory_headquarters_history(w->s.hq);
    accept(w, reviews(w).number);
    assert_int_equal(site_conflicts(&w->s, hers), 0);
    assert_true(memory_headquarters_history(w->s.hq) <= before + 1); /* the decision's */
}

/* ---- whose number ------------------------------------------------------------------------------------------- */

static void a_line_of_numbers_is_followed_so_far(void **state) {
    world *w = *state;
    rep_outcome outcome;
    raw_seal seal = FORMER_OF;
    rove__hq_device device = device_of(w, ANNAS);
    const struct {
        rove_replica former; /* of the signer */
        size_t reviews;
    } signers[] = {{600 + 14, 0}, {600 + 17, 1}, {777, 2}}; /* near, too far, and broken */

    for (rove_replica i = 0; i < 18; i++) {
        rove__hq_tx *tx = NULL;
        device.former = i == 0 ? ANNAS : device.replica;
        device.replica = 600 + i;
        assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
        assert_int_equal(w->s.store->device_put(tx, &device), ROVE_OK);
        assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
    }
    seal.signer = LATER;
    for (size_t i = 0; i < 3; i++) {
        seal.former = signers[i].former;
        (void)annas(w, i == 0 ? "a" : i == 1 ? "b" : "c");
        deliver(w, &w->anna.batches[i], 1, &seal, &outcome);
        assert_int_equal(outcome.former_acks, 1);
        assert_int_equal(reviews(w).count, signers[i].reviews);
    }
}

static void a_batch_after_another_history_is_taken_all_the_same(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rep_batch batch = *annas(w, "555-0100");
    uint64_t last = device_of(w, ANNAS).last_batch;

    batch.previous.hash[0] ^= 1;
    deliver(w, &batch, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_true(has_text(w, "Account", hers, "phone", "555-0100"));
    assert_int_equal(device_of(w, ANNAS).last_batch, last); /* no link of hers */
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

static void ask(world *w, uint64_t checked, const rove__former *items, size_t count,
                rep_outcome *outcome) {
    rove__hello hello = raw_default_hello(&w->ben);
    raw_request *q = raw_open(&w->ben);

    hello.formers = 1;
    hello.checked = checked;
    raw_hello(q, &hello);
    if (items != NULL) {
        raw_formers(q, items, count);
    }
    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("his"));
    raw_push(q, batch_of(&w->ben));
    raw_end(q);
    raw_answer(q, 0, outcome);
    w->ben.batch_count = 0;
    assert_int_equal(outcome->failed, ROVE_OK);
}

static void what_is_lacking_is_asked_for_before_any_push(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rep_batch *batch = annas(w, "555-0100");
    rove__former item = {ANNAS, batch->number, batch->hash, 0};
    uint64_t timeline = 1;

    ask(w, timeline + 1, NULL, 0, &outcome); /* which ones are there? */
    assert_true(outcome.asks_formers && outcome.more);
    assert_int_equal(outcome.former_needs, 0);
    assert_int_equal(outcome.acks + outcome.pages, 0);
    ask(w, timeline + 1, &item, 1, &outcome);
    assert_true(outcome.asks_formers && outcome.more);
    assert_int_equal(outcome.former_needs, 1);
    assert_int_equal(outcome.former.number, batch->number);
    assert_int_equal(outcome.acks + outcome.pages, 0);
    deliver(w, batch, 1, &FORMER_OF, &outcome);
    rove__former other = item; /* of a copy of the device, under the same number */
    other.hash.hash[0] ^= 1;
    ask(w, timeline + 1, &other, 1, &outcome);
    assert_int_equal(outcome.former_needs, 1);
    ask(w, timeline + 1, &item, 1, &outcome);
    assert_false(outcome.asks_formers);
    assert_int_equal(outcome.acks, 1);
    /* Who was asked on this timeline is not asked again. */
    w->ben.acked++;
    w->ben.chain = device_of(w, BENS).chain;
    ask(w, timeline, NULL, 0, &outcome);
    assert_false(outcome.asks_formers);
}

/* ---- not from whom it says --------------------------------------------------------------------------------- */

static void other_hash(rove__sealed *frame) {
    frame->batch.hash.hash[0] ^= 1;
}
static void other_number(rove__sealed *frame) {
    frame->batch.number++;
}
static void other_rows(rove__sealed *frame) {
    frame->rows.size--;
}
static void no_certificate(rove__sealed *frame) {
    frame->batch.certificate.size = 3;
}
static void more_frames(rove__sealed *frame) {
    frame->batch.frames = 2;
}
static void not_the_first(rove__sealed *frame) {
    frame->batch.frames = 2;
    frame->ordinal = 1;
}
static void last_byte(uint8_t *record, size_t size) {
    record[size - 1] ^= 1;
}
static void other_recipient(uint8_t *record, size_t size) {
    (void)size;
    record[2] ^= 1;
}

static const struct {
    void (*before)(rove__sealed *);
    void (*after)(rove__sealed *);
    void (*bytes)(uint8_t *, size_t);
} spoilers[] = {
    {other_hash, NULL, NULL},    {NULL, other_hash, NULL},     {NULL, other_number, NULL},
    {other_rows, NULL, NULL},    {NULL, no_certificate, NULL}, {more_frames, NULL, NULL},
    {not_the_first, NULL, NULL}, {NULL, NULL, last_byte},      {NULL, NULL, other_recipient},
};

static void a_spoiled_record_counts_as_not_there(void **state) {
    world *w = *state;
    rep_outcome outcome;

    (void)annas(w, "555-0100");
    for (size_t i = 0; i < sizeof spoilers / sizeof *spoilers; i++) {
        raw_seal seal = FORMER_OF;
        seal.before = spoilers[i].before;
        seal.after = spoilers[i].after;
        seal.bytes = spoilers[i].bytes;
        deliver(w, w->anna.batches, 1, &seal, &outcome);
        if (outcome.former_acks != 0 || reviews(w).count != 0) {
            fail_msg("spoiler %zu was taken", i);
        }
        assert_true(outcome.pages > 0 || !outcome.more); /* he goes on all the same */
    }
    raw_seal own = FORMER_OF;
    own.replica = BENS; /* his own number, as somebody else's */
    deliver(w, w->anna.batches, 1, &own, &outcome);
    assert_int_equal(outcome.former_acks, 0);
    assert_false(has_text(w, "Account", hers, "phone", "555-0100"));
    deliver(w, w->anna.batches, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
}

/* His own batches, sealed: taken like pushed ones; what is spoiled is not, and is not asked for for ever. */
static void own_batches_may_come_sealed(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("his"));
    rep_batch *batch = batch_of(&w->ben);
    rove__hello hello = raw_default_hello(&w->ben);
    rove__hello later = hello;
    later.acked++;
    for (size_t i = 0; i < sizeof spoilers / sizeof *spoilers; i++) {
        if (spoilers[i].before == more_frames) {
            continue; /* the request is then cut short */
        }
        raw_seal seal = SEALED_OWN;
        seal.before = spoilers[i].before;
        seal.after = spoilers[i].after;
        seal.bytes = spoilers[i].bytes;
        raw_request *q = raw_open(&w->ben);
        raw_hello(q, &later);
        raw_sealed(q, batch, &seal);
        raw_end(q);
        raw_answer(q, 0, &outcome);
        assert_int_equal(outcome.failed, ROVE_OK);
        assert_int_equal(outcome.acks, 0);
        assert_true(outcome.forked);
    }
    raw_seal foreign = SEALED_OWN;
    foreign.replica = ANNAS;
    raw_request *q = raw_open(&w->ben);
    raw_hello(q, &later);
    raw_sealed(q, batch, &foreign);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_true(outcome.forked);
    q = raw_open(&w->ben);
    raw_hello(q, &later);
    raw_sealed(q, batch, &SEALED_OWN);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_true(has_text(w, "Account", w->account, "phone", "his"));
}

static rove_status order(world *w, const rep_batch *batch, int sealing) {
    rep_outcome outcome;
    raw_request *q = raw_open(&w->ben);

    w->s.ports.sealing = sealing ? &w->s.sealing : NULL;
    raw_hello(q, NULL);
    if (sealing) {
        raw_push(q, batch);
    }
    raw_sealed(q, w->anna.batches, &FORMER_OF);
    raw_end(q);
    raw_answer(q, 0, &outcome);
    w->s.ports.sealing = &w->s.sealing;
    return outcome.failed;
}

static void sealed_work_has_its_place(void **state) {
    world *w = *state;

    (void)annas(w, "555-0100");
    rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("his"));
    assert_int_equal(order(w, batch_of(&w->ben), 1), ROVE_PROTOCOL);
    assert_int_equal(order(w, NULL, 0), ROVE_PROTOCOL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(accepted_work_keeps_to_the_rules),
        CASE(a_record_is_accepted_before_its_edits),
        CASE(what_came_another_way_meanwhile_is_accepted_once),
        CASE(a_line_of_numbers_is_followed_so_far),
        CASE(a_batch_after_another_history_is_taken_all_the_same),
        CASE(work_of_a_former_user_is_hers),
        CASE(what_comes_again_is_taken_once),
        CASE(what_a_rule_refuses_is_looked_at),
        CASE(a_cell_for_which_there_is_no_room_is_looked_at),
        CASE(an_unknown_field_for_which_there_is_no_room_is_looked_at),
        CASE(what_was_refused_unheard_is_looked_at),
        CASE(what_follows_what_is_judged_once_more_is_its_authors_own),
        CASE(what_is_looked_at_already_changes_nothing),
        CASE(own_sealed_work_that_is_refused_is_looked_at),
        CASE(a_revoked_device_has_its_work_looked_at),
        CASE(a_device_that_headquarters_lost_is_whose_its_certificate_says),
        CASE(what_nobody_vouches_for_is_looked_at),
        CASE(a_later_number_of_the_device_may_sign),
        CASE(a_batch_after_a_gap_is_taken_all_the_same),
        CASE(what_the_history_holds_is_not_taken_twice),
        CASE(a_seal_that_is_known_in_part_counts_as_it_was_signed),
        CASE(what_was_looked_at_is_not_put_there_again),
        CASE(headquarters_gives_names_by_itself),
        CASE(who_made_a_record_is_told_of_its_name),
        CASE(what_is_lacking_is_asked_for_before_any_push),
        CASE(a_spoiled_record_counts_as_not_there),
        CASE(own_batches_may_come_sealed),
        CASE(sealed_work_has_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
