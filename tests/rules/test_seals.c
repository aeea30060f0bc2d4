/*
 * test_seals.c - what a device signs when it seals (S1 to S3 of docs/protocol.md), by the proofs in its records; S4 is
 * headquarters', in test_push.c.
 */
#include "replica.h"

#include "teeth.h"
#include "wire/proof.h"

static replica r;
static uint8_t key_der[ROVE_KEY_DER_MAX];
static rove__bytes key = {key_der, 0};

static int set_up(void **state) {
    (void)state;
    replica_start(&r, "replica-seals");
    assert_int_equal(r.crypto.key_generate(r.crypto.ctx, key_der, sizeof key_der, &key.size),
                     ROVE_OK);
    assert_int_equal(rove__store_set_signer(r.store, key), ROVE_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    replica_end(&r);
    return 0;
}

/* A visit, sealed with these notes. */
static rove_id sealed(const char *notes) {
    rove__row row = replica_row(&r, "Visit", 0);
    replica_set_int(&row, "account_id", 4711);
    replica_set_int(&row, "planned_start", REPLICA_NOW_MS);
    replica_set_text(&row, "notes", "Not yet");
    rove_id id = replica_insert(&r, &row);

    row = replica_row(&r, "Visit", id);
    replica_set_text(&row, "notes", notes);
    replica_begin(&r);
    replica_ok(&r, rove__store_seal(r.store, &row, &r.error));
    replica_commit(&r);
    return id;
}

static rove__proof proof_of(rove_id id, uint8_t hash[ROVE_SHA256_SIZE]) {
    rove_value cell = replica_cell(&r, "Visit", id, "proof");
    rove__proof proof;

    assert_int_equal(rove__proof_read(&proof, cell.as.data, cell.size), ROVE_OK);
    assert_int_equal(rove__proof_hash(&r.crypto, cell.as.data, cell.size, hash), ROVE_OK);
    return proof;
}

static void s01_a_seal_names_the_one_before(void **state) {
    (void)state;
    uint8_t before[ROVE_SHA256_SIZE];
    uint8_t hash[ROVE_SHA256_SIZE];
    const rove__store_owner again = {REPLICA_NUMBER + 1, REPLICA_USER};

    (void)proof_of(sealed("First"), before);
    rove__proof proof = proof_of(sealed("Second"), hash);
    assert_memory_equal(proof.previous, before, sizeof before);
    replica_ok(&r, rove__store_set_owner(r.store, &again, &r.error));
    proof = proof_of(sealed("Under another number"), before);
    assert_memory_equal(proof.previous, hash, sizeof hash);
}

static void s02_seals_are_numbered_without_a_gap(void **state) {
    (void)state;
    uint8_t hash[ROVE_SHA256_SIZE];

    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(proof_of(sealed("One more"), hash).ordinal, i);
    }
}

static void s03_a_record_is_signed_as_it_stands(void **state) {
    (void)state;
    uint8_t hash[ROVE_SHA256_SIZE];
    uint8_t content[ROVE_SHA256_SIZE];
    uint8_t sets[ROVE_PROOF_SETS_SIZE];
    rove_id id = sealed("With the seal");
    rove__proof proof = proof_of(id, hash);
    rove__stored stored;
    rove__buf scratch;

    rove__buf_init(&scratch, &r.allocator, ROVE_ROW_MAX);
    assert_int_equal(
        rove__table_get(r.store, replica_entity(&r, "Visit"), id, &r.arena, &stored, &r.error),
        ROVE_OK);
    assert_int_equal(
        rove__proof_content(&r.crypto, &stored.row, stored.clock.origin, &scratch, content, sets),
        ROVE_OK);
    rove__buf_free(&scratch);
    assert_memory_equal(content, proof.content, sizeof content);
}

static const rule_test tests[] = {
    RULE(s01_a_seal_names_the_one_before, ROVE_PLANT_S01_UNCHAINED),
    RULE(s02_seals_are_numbered_without_a_gap, ROVE_PLANT_S02_SAME_NUMBER, ROVE_PLANT_S02_SKIPS),
    RULE(s03_a_record_is_signed_as_it_stands, ROVE_PLANT_S03_BEFORE),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, set_up, tear_down, argc, argv);
}
