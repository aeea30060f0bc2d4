/*
 * What a device says of the records that it seals: one chain per number, in the transaction that seals.
 */
#include "replica.h"
#include "wire/proof.h"

static replica r;
static uint8_t key_der[ROVE_KEY_DER_MAX], public_der[ROVE_PUBLIC_KEY_DER_MAX];
static rove__bytes key = {key_der, 0}, public_key = {public_der, 0};

static int set_up(void **state) {
    (void)state;
    replica_start(&r, "replica-prove");
    assert_int_equal(r.crypto.key_generate(r.crypto.ctx, key_der, sizeof key_der, &key.size),
                     ROVE_OK);
    assert_int_equal(r.crypto.key_public(r.crypto.ctx, key.data, key.size, public_der,
                                         sizeof public_der, &public_key.size),
                     ROVE_OK);
    assert_int_equal(rove__store_set_signer(r.store, key), ROVE_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    replica_end(&r);
    return 0;
}

static rove__row visit_of(rove_id account) {
    rove__row row = replica_row(&r, "Visit", 0);
    replica_set_int(&row, "account_id", account);
    replica_set_int(&row, "planned_start", REPLICA_NOW_MS);
    replica_set_int(&row, "status", 1);
    return row;
}

static void seal(rove_id id, const char *notes) {
    rove__row row = replica_row(&r, "Visit", id);
    replica_set_text(&row, "notes", notes);
    replica_set_int(&row, "status", 5);
    replica_ok(&r, rove__store_seal(r.store, &row, &r.error));
}

static rove_id sealed(const char *notes) {
    rove__row row = visit_of(4711);
    rove_id id = replica_insert(&r, &row);

    replica_begin(&r);
    seal(id, notes);
    replica_commit(&r);
    return id;
}

/* The proof of a record, checked against the record as it stands; its hash. */
static rove__proof proof_of(const char *entity, rove_id id, uint8_t hash[ROVE_SHA256_SIZE]) {
    rove_value cell = replica_cell(&r, entity, id, "proof");
    uint8_t content[ROVE_SHA256_SIZE];
    uint8_t sets[ROVE_PROOF_SETS_SIZE];
    rove__proof proof;
    rove__stored stored;
    rove__buf scratch;

    assert_int_equal(cell.type, ROVE_BLOB);
    assert_int_equal(rove__proof_read(&proof, cell.as.data, cell.size), ROVE_OK);
    assert_int_equal(rove__proof_verify(&r.crypto, public_key, &proof, cell.as.data, cell.size),
                     ROVE_OK);
    assert_int_equal(rove__proof_hash(&r.crypto, cell.as.data, cell.size, hash), ROVE_OK);
    rove__buf_init(&scratch, &r.allocator, ROVE_ROW_MAX);
    assert_int_equal(
        rove__table_get(r.store, replica_entity(&r, entity), id, &r.arena, &stored, &r.error),
        ROVE_OK);
    assert_int_equal(
        rove__proof_content(&r.crypto, &stored.row, stored.clock.origin, &scratch, content, sets),
        ROVE_OK);
    rove__buf_free(&scratch);
    assert_memory_equal(content, proof.content, sizeof content);
    assert_memory_equal(sets, proof.sets, sizeof sets);
    return proof;
}

static void a_seal_is_a_link_of_one_chain(void **state) {
    (void)state;
    const uint8_t nothing[ROVE_SHA256_SIZE] = {0};
    uint8_t before[ROVE_SHA256_SIZE];
    uint8_t hash[ROVE_SHA256_SIZE];
    rove_id first = sealed("First");
    rove_id second = sealed("Second");

    rove__proof proof = proof_of("Visit", first, before);
    assert_int_equal(proof.replica, REPLICA_NUMBER);
    assert_int_equal(proof.ordinal, 1);
    assert_memory_equal(proof.previous, nothing, sizeof nothing);
    proof = proof_of("Visit", second, hash);
    assert_int_equal(proof.ordinal, 2);
    assert_memory_equal(proof.previous, before, sizeof before);

    replica_reopen(&r); /* the chain is in the file, the key is not */
    rove_id plain = sealed("By nobody");
    replica_expect_null(&r, "Visit", plain, "proof");
    assert_int_equal(rove__store_set_signer(r.store, key), ROVE_OK);
    proof = proof_of("Visit", sealed("Third"), before);
    assert_int_equal(proof.ordinal, 3);
    assert_memory_equal(proof.previous, hash, sizeof hash);
}

static void calls_are_sealed_too_and_share_the_chain(void **state) {
    (void)state;
    uint8_t hash[ROVE_SHA256_SIZE];
    rove__row call = replica_row(&r, "Call", 0);

    sealed("A visit");
    replica_set_int(&call, "about_id", 4711);
    rove_id id = replica_insert(&r, &call);
    rove__row row = replica_row(&r, "Call", id);
    replica_set_int(&row, "outcome", 1);
    replica_begin(&r);
    replica_ok(&r, rove__store_seal(r.store, &row, &r.error));
    replica_set_int(&row, "outcome", 2);
    assert_int_equal(rove__store_update(r.store, &row, &r.error), ROVE_STATE);
    replica_commit(&r);
    assert_int_equal(proof_of("Call", id, hash).ordinal, 2);
}

/* With what headquarters sent, with a set under way, and at once with the insert. */
static void whatever_is_sealed_is_proved_as_it_stands(void **state) {
    (void)state;
    static const int64_t contacts[] = {5, 6};
    uint8_t hash[ROVE_SHA256_SIZE];
    rove__row row = visit_of(4711);
    rove_value five = rove__value_int(5);
    rove_id id = replica_insert(&r, &row);

    replica_settle(&r, "visit");
    replica_begin(&r);
    replica_ok(&r, rove__store_element(r.store, replica_entity(&r, "Visit"), id,
                                       replica_field(replica_entity(&r, "Visit"), "contact_ids"),
                                       &five, ROVE_SET_ADD, &r.error));
    seal(id, "With a contact");
    replica_commit(&r);
    assert_int_equal(proof_of("Visit", id, hash).ordinal, 1);
    assert_int_equal(replica_entry(&r, "Visit", id).op, ROVE_OP_SEAL);

    row = visit_of(4711);
    replica_set(&row, "contact_ids", replica_set_of(&r, contacts, 2));
    replica_set_int(&row, "sealed_at", REPLICA_NOW_MS);
    replica_set(&row, "proof", rove__value_bytes(ROVE_BLOB, "made up", 7));
    id = replica_insert(&r, &row);
    assert_int_equal(proof_of("Visit", id, hash).ordinal, 2);
}

/* What did not happen leaves no link; what was taken back leaves a gap. */
static void a_rollback_leaves_no_link(void **state) {
    (void)state;
    uint8_t hash[ROVE_SHA256_SIZE];
    rove__row row = visit_of(4711);
    rove_id id = replica_insert(&r, &row);

    replica_begin(&r);
    seal(id, "Not meant");
    rove__store_rollback(r.store);
    assert_int_equal(proof_of("Visit", sealed("Meant"), hash).ordinal, 1);

    replica_settle(&r, "visit");
    replica_begin(&r);
    seal(id, "Too early");
    replica_commit(&r);
    replica_begin(&r);
    replica_ok(&r, rove__store_undo(r.store, replica_entity(&r, "Visit"), id, &r.error));
    replica_commit(&r);
    replica_expect_null(&r, "Visit", id, "proof");
    assert_int_equal(proof_of("Visit", sealed("Next"), hash).ordinal, 3);
}

static void a_fresh_number_begins_a_chain_that_names_the_one_before(void **state) {
    (void)state;
    const rove__store_owner again = {REPLICA_NUMBER + 1, REPLICA_USER};
    uint8_t before[ROVE_SHA256_SIZE];
    uint8_t hash[ROVE_SHA256_SIZE];

    proof_of("Visit", sealed("Under the old number"), before);
    replica_ok(&r, rove__store_set_owner(r.store, &again, &r.error));
    rove__proof proof = proof_of("Visit", sealed("Under the new one"), hash);
    assert_int_equal(proof.replica, REPLICA_NUMBER + 1);
    assert_int_equal(proof.ordinal, 1);
    assert_memory_equal(proof.previous, before, sizeof before);
}

static void the_time_comes_with_its_evidence(void **state) {
    (void)state;
    uint8_t hash[ROVE_SHA256_SIZE];
    rove__anchor anchor = {REPLICA_NOW_MS + 500000, r.now};

    rove__proof proof = proof_of("Visit", sealed("Before any contact"), hash);
    assert_int_equal(rove__proof_time_ms(&proof), REPLICA_NOW_MS);
    assert_non_null(rove__proof_suspect(&proof));

    replica_ok(&r, rove__store_enter(r.store, &r.error));
    replica_ok(&r, rove__store_leave(r.store, rove__meta_put_anchor(r.store, &anchor, &r.error),
                                     &r.error));
    r.now.boot_ms += 3000;
    r.now.wall_ms += 3000;
    rove_id id = sealed("After it");
    proof = proof_of("Visit", id, hash);
    assert_int_equal(rove__proof_time_ms(&proof), REPLICA_NOW_MS + 503000);
    replica_expect_int(&r, "Visit", id, "sealed_at", REPLICA_NOW_MS + 503000);
    assert_null(rove__proof_suspect(&proof));

    r.now.wall_ms -= INT64_C(86400000); /* set back */
    proof = proof_of("Visit", sealed("Yesterday, as it were"), hash);
    assert_int_equal(rove__proof_time_ms(&proof), REPLICA_NOW_MS + 503000);
    assert_non_null(rove__proof_suspect(&proof));
}

static void nobody_else_writes_a_proof(void **state) {
    (void)state;
    rove__row row = visit_of(4711);

    replica_set(&row, "proof", rove__value_bytes(ROVE_BLOB, "made up", 7));
    replica_begin(&r);
    assert_int_equal(rove__store_insert(r.store, &row, &r.error), ROVE_DENIED);
    assert_non_null(strstr(r.error.message, "Visit.proof is written by sealing the record."));
    rove__store_rollback(r.store);
    row = visit_of(4711);
    rove_id id = replica_insert(&r, &row);
    row = replica_row(&r, "Visit", id);
    replica_set(&row, "proof", rove__value_bytes(ROVE_BLOB, "made up", 7));
    replica_begin(&r);
    assert_int_equal(rove__store_update(r.store, &row, &r.error), ROVE_DENIED);
    rove__store_rollback(r.store);
}

static void a_key_that_is_too_long_is_refused(void **state) {
    (void)state;
    uint8_t longer[ROVE_KEY_DER_MAX + 1] = {0};

    assert_int_equal(rove__store_set_signer(r.store, (rove__bytes){longer, sizeof longer}),
                     ROVE_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_seal_is_a_link_of_one_chain),
        TEST(calls_are_sealed_too_and_share_the_chain),
        TEST(whatever_is_sealed_is_proved_as_it_stands),
        TEST(a_rollback_leaves_no_link),
        TEST(a_fresh_number_begins_a_chain_that_names_the_one_before),
        TEST(the_time_comes_with_its_evidence),
        TEST(nobody_else_writes_a_proof),
        TEST(a_key_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
