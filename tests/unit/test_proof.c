/*
 * Proofs of sealed records: their bytes are fixed, they hold for one record as it was signed, and for no other.
 */
#include <string.h>

#include "model/set.h"
#include "records.h"
#include "seals.h"
#include "wire/proof.h"

#define NOW_MS INT64_C(1795424700000)

/* What was signed with the key of seals.h when this form was made. */
static const char golden_content[] =
    "d687b7b37337cd5a2d97c1b9bd6fb96c71bcbf984cc465a03f8a1814012704a9";
static const char golden_sets[] = "91d23f204d7f92cc";
static const char golden_proof[] =
    "0107ac021a053abf1b7bf0cfa5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
    "a5a5a5a5d687b7b37337cd5a2d97c1b9bd6fb96c71bcbf984cc465a03f8a1814012704a991d23f20"
    "4d7f92ccb0cbb5fac06880dbb5fac068d00f90a9b6fac068e05d0103010400000000000000000000"
    "00000030440220129361ab5c766018198eb42385ac5a2535b67f49cb52396e71a60b9a1369fb4702"
    "200a4b5b74d108a6e32ca2e9323dd6d597ab99d515d51a9e3a05ed7ee3a5ecba5b";

typedef struct fixture {
    records r;
    seal_keys keys;
    rove__buf scratch;
    rove__buf proof;
} fixture;

static int open(void **state) {
    fixture *f = calloc(1, sizeof *f);

    if (f == NULL || records_open(&f->r) != 0) {
        return -1;
    }
    seals_open(&f->keys);
    rove__buf_init(&f->scratch, &f->r.allocator, ROVE_ROW_MAX);
    rove__buf_init(&f->proof, &f->r.allocator, ROVE_PROOF_MAX);
    *state = f;
    return 0;
}

static int close(void **state) {
    fixture *f = *state;

    rove__buf_free(&f->scratch);
    rove__buf_free(&f->proof);
    seals_close(&f->keys);
    int result = records_close(&f->r);
    free(f);
    return result;
}

static const rove__origin origin = {UINT64_C(0x1a204c8bf3000007), 7};

static rove_value contacts(fixture *f, rove__set_form form, int64_t second) {
    rove__element elements[2] = {{.value = rove__value_int(42), .version = {9, 7}},
                                 {.value = rove__value_int(second), .version = {9, 8}}};
    rove__set set = {form, elements, 2};
    rove_value value;

    assert_int_equal(rove__set_value(&set, &f->r.arena, &value), ROVE_OK);
    return value;
}

static rove__row *visit(fixture *f) {
    rove__row *row = records_new(&f->r, "Visit");

    records_int(row, "account_id", rove__id_make(7, 3));
    records_int(row, "planned_start", NOW_MS - 7200000);
    records_int(row, "status", 5);
    records_text(row, "notes", "Two boxes, \xc3\xa0 terme");
    records_int(row, "checkin_latitude", -338688000);
    records_int(row, "checkin_mock", 0);
    records_set(row, "contact_ids", contacts(f, ROVE_SET_PLAIN, 43));
    records_int(row, "sealed_at", NOW_MS);
    return row;
}

static rove__proof claims(void) {
    rove__proof proof = {.replica = 7, .ordinal = 300};

    memset(proof.previous, 0xa5, sizeof proof.previous);
    proof.anchor = (rove__anchor){NOW_MS - 5000, {NOW_MS - 4000, 1000, {3, 1, 4}}};
    proof.at = (rove_clock_reading){NOW_MS + 1000, 6000, {3, 1, 4}};
    return proof;
}

static void hash(fixture *f, const rove__row *row, rove__origin of, rove__proof *proof) {
    assert_int_equal(
        rove__proof_content(&f->keys.crypto, row, of, &f->scratch, proof->content, proof->sets),
        ROVE_OK);
}

static rove__bytes device_key(const fixture *f) {
    return (rove__bytes){f->keys.device, f->keys.device_size};
}

static rove__bytes device_public(const fixture *f) {
    return (rove__bytes){f->keys.device_public, f->keys.device_public_size};
}

static void print(const char *what, const uint8_t *bytes, size_t size) {
    print_message("%s ", what);
    for (size_t i = 0; i < size; i++) {
        print_message("%02x", bytes[i]);
    }
    print_message("\n");
}

static void what_was_signed_once_holds_for_ever(void **state) {
    fixture *f = *state;
    uint8_t bytes[ROVE_PROOF_MAX];
    rove__proof mine = claims();
    rove__proof proof;

    hash(f, visit(f), origin, &mine);
    if (!hex_equal(mine.content, sizeof mine.content, golden_content) ||
        !hex_equal(mine.sets, sizeof mine.sets, golden_sets)) {
        assert_int_equal(rove__proof_sign(&f->keys.crypto, device_key(f), &mine, &f->proof),
                         ROVE_OK);
        print("content", mine.content, sizeof mine.content);
        print("sets", mine.sets, sizeof mine.sets);
        print("proof", f->proof.data, f->proof.size);
        fail_msg("the canonical form of a record has changed: what was signed no longer holds");
    }
    size_t size = hex_read(golden_proof, bytes, sizeof bytes);
    assert_int_equal(rove__proof_read(&proof, bytes, size), ROVE_OK);
    assert_int_equal(rove__proof_verify(&f->keys.crypto, device_public(f), &proof, bytes, size),
                     ROVE_OK);
    assert_int_equal(proof.replica, 7);
    assert_int_equal(proof.ordinal, 300);
    assert_memory_equal(proof.previous, mine.previous, sizeof proof.previous);
    assert_memory_equal(proof.content, mine.content, sizeof proof.content);
    assert_memory_equal(proof.sets, mine.sets, sizeof proof.sets);
    assert_int_equal(rove__proof_time_ms(&proof), NOW_MS);
    assert_null(rove__proof_suspect(&proof));
    assert_int_equal(proof.at.wall_ms, NOW_MS + 1000);
}

/* Everything that is signed for changes the hash; what is not, does not. */
static void a_hash_is_of_what_the_rep_wrote(void **state) {
    fixture *f = *state;
    rove__proof first = claims();
    rove__proof other = claims();
    rove__row *row = visit(f);

    hash(f, row, origin, &first);
    records_text(row, "notes", "Two boxes");
    hash(f, row, origin, &other);
    assert_memory_not_equal(other.content, first.content, sizeof first.content);

    row = visit(f);
    records_int(row, "checkin_mock", 1);
    hash(f, row, origin, &other);
    assert_memory_not_equal(other.content, first.content, sizeof first.content);

    row = visit(f);
    hash(f, row, (rove__origin){origin.stamp + 1, 7}, &other);
    assert_memory_not_equal(other.content, first.content, sizeof first.content);

    row = visit(f);
    row->id++; /* an id is a name */
    records_int(row, "clock_suspect", 1);
    records_set(row, "proof", rove__value_bytes(ROVE_BLOB, "x", 1));
    records_set(row, "contact_ids", contacts(f, ROVE_SET_VERSIONED, 43));
    hash(f, row, origin, &other);
    assert_memory_equal(other.content, first.content, sizeof first.content);
    assert_memory_equal(other.sets, first.sets, sizeof first.sets);

    records_set(row, "contact_ids", contacts(f, ROVE_SET_PLAIN, 44));
    hash(f, row, origin, &other);
    assert_memory_equal(other.content, first.content, sizeof first.content);
    assert_memory_not_equal(other.sets, first.sets, sizeof first.sets);
}

/* A field that this build does not know is signed as the build signs it that does. */
static void unknown_fields_are_signed_for(void **state) {
    fixture *f = *state;
    rove__proof known = claims();
    rove__proof unknown = claims();
    rove__row *row = visit(f);
    int notes = rove__entity_field_named(row->entity, "notes");
    rove__extra extra = {row->entity->fields[notes].number, row->cells[notes]};

    hash(f, row, origin, &known);
    records_null(row, "notes");
    row->extra = &extra;
    row->extra_count = 1;
    hash(f, row, origin, &unknown);
    assert_memory_equal(unknown.content, known.content, sizeof known.content);
}

/*
 * A record is older than a custom field, whose value came from a device that had it; and it has another that nobody here ever
 * knew, after all that are known.
 */
static void what_is_signed_does_not_depend_on_when_a_field_came(void **state) {
    fixture *f = *state;
    rove__extra extra[] = {{1000, rove__value_int(7)}, {99 << 16 | 1, rove__value_text("new")}};
    rove__row *early = visit(f);
    rove__custom custom = {.entity = early->entity->number,
                           .number = extra[0].number,
                           .name = "shelf_count",
                           .type = ROVE_INT,
                           .max = 10};
    rove__proof without = claims();
    rove__proof before = claims();
    rove__proof after = claims();

    hash(f, early, origin, &without);
    early->extra = extra;
    early->extra_count = 1;
    hash(f, early, origin, &before);
    assert_memory_not_equal(before.content, without.content, sizeof before.content);
    without = before;
    early->extra_count = 2;
    hash(f, early, origin, &before);
    assert_memory_not_equal(before.content, without.content, sizeof before.content);
    assert_int_equal(rove__registry_add_custom(f->r.registry, &custom, NULL), ROVE_OK);
    hash(f, early, origin, &after);
    assert_memory_equal(after.content, before.content, sizeof after.content);
    assert_memory_equal(after.sets, before.sets, sizeof after.sets);
    rove__row *late = visit(f);
    records_int(late, "shelf_count", 7);
    late->extra = &extra[1];
    late->extra_count = 1;
    hash(f, late, origin, &after);
    assert_memory_equal(after.content, before.content, sizeof after.content);
    assert_memory_equal(after.sets, before.sets, sizeof after.sets);
}

static void no_byte_can_be_changed(void **state) {
    fixture *f = *state;
    uint8_t bytes[ROVE_PROOF_MAX];
    rove__proof proof = claims();

    hash(f, visit(f), origin, &proof);
    assert_int_equal(rove__proof_sign(&f->keys.crypto, device_key(f), &proof, &f->proof), ROVE_OK);
    size_t size = f->proof.size;
    for (size_t i = 0; i < size; i++) {
        memcpy(bytes, f->proof.data, size);
        bytes[i] ^= 1;
        rove_status status = rove__proof_read(&proof, bytes, size);
        if (status == ROVE_OK) {
            status = rove__proof_verify(&f->keys.crypto, device_public(f), &proof, bytes, size);
        }
        assert_int_not_equal(status, ROVE_OK);
    }
    for (size_t cut = 0; cut < size; cut++) {
        rove_status status = rove__proof_read(&proof, f->proof.data, cut);
        if (status == ROVE_OK) {
            status =
                rove__proof_verify(&f->keys.crypto, device_public(f), &proof, f->proof.data, cut);
        }
        assert_int_not_equal(status, ROVE_OK);
    }
    assert_int_equal(rove__proof_read(&proof, f->proof.data, size), ROVE_OK);
    assert_int_equal(rove__proof_verify(&f->keys.crypto,
                                        (rove__bytes){f->keys.seal_key, ROVE_SEAL_KEY_SIZE}, &proof,
                                        f->proof.data, size),
                     ROVE_CORRUPT);
    f->proof.data[0] = 2;
    assert_int_equal(rove__proof_read(&proof, f->proof.data, size), ROVE_VERSION);
}

/* Signed by the device, but nothing that a device can have sealed. */
static void what_it_cannot_say_is_refused(void **state) {
    static const struct {
        rove_replica replica;
        uint64_t ordinal;
    } cases[] = {{ROVE_REPLICA_HEADQUARTERS, 300}, {0, 300}, {7, 0}};
    fixture *f = *state;
    uint8_t bytes[ROVE_PROOF_MAX] = {0};
    rove__proof proof = claims();
    rove__proof back;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        proof.replica = cases[i].replica;
        proof.ordinal = cases[i].ordinal;
        assert_int_equal(rove__proof_sign(&f->keys.crypto, device_key(f), &proof, &f->proof),
                         ROVE_OK);
        assert_int_equal(rove__proof_read(&back, f->proof.data, f->proof.size), ROVE_PROTOCOL);
    }
    proof = claims();
    assert_int_equal(rove__proof_sign(&f->keys.crypto, device_key(f), &proof, &f->proof), ROVE_OK);
    assert_int_equal(rove__proof_read(&back, f->proof.data, f->proof.size), ROVE_OK);
    size_t size = f->proof.size - back.signature.size;
    memcpy(bytes, f->proof.data, size);
    assert_int_equal(rove__proof_read(&back, bytes, size), ROVE_PROTOCOL); /* nobody signed it */
    assert_int_equal(rove__proof_read(&back, bytes, size + ROVE_SIGNATURE_MAX), ROVE_OK);
    assert_int_equal(rove__proof_read(&back, bytes, size + ROVE_SIGNATURE_MAX + 1), ROVE_PROTOCOL);
}

/* Whoever says which bytes were read need not be right. */
static void a_proof_is_not_verified_by_bytes_that_it_cannot_be_of(void **state) {
    fixture *f = *state;
    uint8_t bytes[ROVE_PROOF_MAX + 1] = {0};
    rove__proof proof = claims();

    assert_int_equal(rove__proof_sign(&f->keys.crypto, device_key(f), &proof, &f->proof), ROVE_OK);
    memcpy(bytes, f->proof.data, f->proof.size);
    assert_int_equal(rove__proof_read(&proof, bytes, f->proof.size), ROVE_OK);
    assert_int_equal(
        rove__proof_verify(&f->keys.crypto, device_public(f), &proof, bytes, sizeof bytes),
        ROVE_CORRUPT);
    assert_int_equal(rove__proof_verify(&f->keys.crypto, device_public(f), &proof, bytes,
                                        proof.signature.size - 1),
                     ROVE_CORRUPT);
}

static void a_record_with_a_damaged_set_is_not_signed_for(void **state) {
    fixture *f = *state;
    rove__proof proof = claims();
    rove__row *row = visit(f);

    records_set(row, "contact_ids", rove__value_bytes(ROVE_BLOB, "\7", 1));
    assert_int_equal(
        rove__proof_content(&f->keys.crypto, row, origin, &f->scratch, proof.content, proof.sets),
        ROVE_CORRUPT);
}

/* Hashes a visit and signs for it. */
static rove_status seal(fixture *f, const rove__row *row, rove__bytes key) {
    rove__proof proof = claims();
    rove_status status =
        rove__proof_content(&f->keys.crypto, row, origin, &f->scratch, proof.content, proof.sets);

    return status == ROVE_OK ? rove__proof_sign(&f->keys.crypto, key, &proof, &f->proof) : status;
}

static void a_lack_of_memory_is_reported(void **state) {
    fixture *f = *state;
    rove__row *row = visit(f);
    rove_status status = ROVE_NOMEM;

    for (size_t n = 1; status == ROVE_NOMEM; n++) {
        rove__buf_free(&f->scratch);
        rove__buf_free(&f->proof);
        f->r.h.fail_at = f->r.h.calls + n;
        status = seal(f, row, device_key(f));
        assert_true(status == ROVE_NOMEM || n > 4); /* both buffers grow */
    }
    assert_int_equal(status, ROVE_OK);
    f->r.h.fail_at = 0;
}

/* A cryptography of which one call fails. */
static struct {
    rove_crypto real;
    size_t calls, fail_at;
} shaky;

static int shakes(void) {
    return ++shaky.calls == shaky.fail_at;
}

static rove_status shaky_sha256(void *ctx, const rove_span *spans, size_t count,
                                uint8_t digest[ROVE_SHA256_SIZE]) {
    return shakes() ? ROVE_CRYPTO : shaky.real.sha256(ctx, spans, count, digest);
}

static rove_status shaky_public(void *ctx, const void *key, size_t key_size, uint8_t *public_der,
                                size_t capacity, size_t *size) {
    return shakes() ? ROVE_CRYPTO
                    : shaky.real.key_public(ctx, key, key_size, public_der, capacity, size);
}

static rove_status shaky_sign(void *ctx, const void *key, size_t key_size, const void *message,
                              size_t message_size, uint8_t *signature, size_t capacity,
                              size_t *size) {
    return shakes() ? ROVE_CRYPTO
                    : shaky.real.sign(ctx, key, key_size, message, message_size, signature,
                                      capacity, size);
}

static void a_cryptography_that_fails_is_reported(void **state) {
    fixture *f = *state;
    rove__row *row = visit(f);
    rove_status status = ROVE_CRYPTO;

    assert_int_equal(seal(f, row, (rove__bytes){(const uint8_t *)"no key", 6}), ROVE_INVALID);
    shaky.real = f->keys.crypto;
    f->keys.crypto.sha256 = shaky_sha256;
    f->keys.crypto.key_public = shaky_public;
    f->keys.crypto.sign = shaky_sign;
    for (size_t n = 1; status == ROVE_CRYPTO; n++) {
        shaky.calls = 0;
        shaky.fail_at = n;
        status = seal(f, row, device_key(f));
        assert_true(status == ROVE_CRYPTO || n > 5);
    }
    assert_int_equal(status, ROVE_OK);
}

/* The largest of everything still fits the field. */
static void the_largest_proof_fits(void **state) {
    fixture *f = *state;
    rove__proof proof = claims();
    rove__proof back;

    proof.replica = ROVE_REPLICA_MAX;
    proof.ordinal = INT64_MAX;
    proof.anchor = (rove__anchor){INT64_MIN, {INT64_MIN, INT64_MIN, {1}}};
    proof.at = (rove_clock_reading){INT64_MAX, INT64_MAX, {2}};
    assert_int_equal(rove__proof_sign(&f->keys.crypto, device_key(f), &proof, &f->proof), ROVE_OK);
    assert_int_equal(rove__proof_read(&back, f->proof.data, f->proof.size), ROVE_OK);
    assert_int_equal(back.at.wall_ms, INT64_MAX);
    assert_non_null(rove__proof_suspect(&back));
}

static void a_time_without_evidence_is_suspect(void **state) {
    (void)state;
    rove__proof proof = claims();

    assert_null(rove__proof_suspect(&proof));
    proof.at.wall_ms = NOW_MS + ROVE_PROOF_APART_MS;
    assert_null(rove__proof_suspect(&proof));
    proof.at.wall_ms++;
    assert_string_equal(rove__proof_suspect(&proof), "the device's clock was wrong");
    proof.at.wall_ms = NOW_MS - ROVE_PROOF_APART_MS - 1;
    assert_string_equal(rove__proof_suspect(&proof), "the device's clock was wrong");
    assert_int_equal(rove__proof_time_ms(&proof), NOW_MS);
    proof.anchor.server_ms = -6000; /* further apart than a number can say */
    proof.at.wall_ms = INT64_MAX;
    assert_string_equal(rove__proof_suspect(&proof), "the device's clock was wrong");
    proof.at = (rove_clock_reading){NOW_MS, 500, {2, 7, 1}};
    assert_string_equal(rove__proof_suspect(&proof),
                        "no contact with headquarters since the device was switched on");
    proof.anchor = (rove__anchor){0, {0, 0, {0}}};
    assert_non_null(rove__proof_suspect(&proof));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open, close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_signed_once_holds_for_ever),
        TEST(a_hash_is_of_what_the_rep_wrote),
        TEST(unknown_fields_are_signed_for),
        TEST(what_is_signed_does_not_depend_on_when_a_field_came),
        TEST(no_byte_can_be_changed),
        TEST(what_it_cannot_say_is_refused),
        TEST(a_proof_is_not_verified_by_bytes_that_it_cannot_be_of),
        TEST(a_record_with_a_damaged_set_is_not_signed_for),
        TEST(a_lack_of_memory_is_reported),
        TEST(a_cryptography_that_fails_is_reported),
        TEST(the_largest_proof_fits),
        TEST(a_time_without_evidence_is_suspect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
