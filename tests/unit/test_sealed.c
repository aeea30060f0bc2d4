/*
 * Sealed records: headquarters alone reads them, the device's signature holds, and nothing that was changed, cut or
 * made up gets past.
 */
#include <string.h>

#include "heap.h"
#include "seals.h"

typedef struct fixture {
    heap h;
    rove_allocator allocator;
    seal_keys keys;
    rove__buf record;
    rove__buf content;
    uint8_t signature[ROVE_SIGNATURE_MAX];
} fixture;

static int open(void **state) {
    fixture *f = calloc(1, sizeof *f);

    f->allocator = heap_allocator(&f->h);
    seals_open(&f->keys);
    rove__buf_init(&f->record, &f->allocator, 2 * ROVE_SEALED_MAX);
    rove__buf_init(&f->content, &f->allocator, ROVE_SEALED_MAX);
    *state = f;
    return 0;
}

static int close(void **state) {
    fixture *f = *state;

    rove__buf_free(&f->record);
    rove__buf_free(&f->content);
    seals_close(&f->keys);
    size_t alive = f->h.alive;
    free(f);
    return alive == 0 ? 0 : -1;
}

static rove__bytes text(const char *value) {
    return (rove__bytes){(const uint8_t *)value, strlen(value)};
}

static rove__bytes private_key(const fixture *f) {
    return (rove__bytes){f->keys.headquarters, f->keys.headquarters_size};
}

static void seal(fixture *f, const rove__sealed *frame) {
    rove__sealing sealing;

    rove__buf_reset(&f->record);
    assert_int_equal(rove__sealing_begin(&sealing, &f->keys.crypto, f->keys.seal_key), ROVE_OK);
    assert_int_equal(rove__sealing_frame(&sealing, frame, &f->record), ROVE_OK);
    rove__sealing_end(&sealing);
}

static rove_status reopen(fixture *f, rove__bytes key, const void *record, size_t size,
                          rove__sealed *sealed) {
    rove__opening opening;
    rove_status status = rove__opening_begin(&opening, &f->keys.crypto, key);

    if (status == ROVE_OK) {
        status = rove__opening_record(&opening, record, size, &f->content, sealed);
    }
    rove__opening_end(&opening);
    return status;
}

static void assert_bytes(rove__bytes bytes, rove__bytes expected) {
    assert_int_equal(bytes.size, expected.size);
    assert_memory_equal(bytes.data, expected.data, expected.size);
}

static int contains(const rove__buf *bytes, const char *word) {
    size_t size = strlen(word);
    int found = 0;

    for (size_t i = 0; i + size <= bytes->size && !found; i++) {
        found = memcmp(bytes->data + i, word, size) == 0;
    }
    return found;
}

static void what_was_sealed_is_read_and_is_the_devices(void **state) {
    fixture *f = *state;
    rove__sealed_batch batch = seals_batch(&f->keys, f->signature);
    rove__sealing sealing;
    rove__opening opening;
    rove__sealed read;
    size_t ends[3] = {0};

    assert_int_equal(rove__sealing_begin(&sealing, &f->keys.crypto, f->keys.seal_key), ROVE_OK);
    for (uint32_t i = 0; i < 2; i++) {
        rove__sealed frame = {batch, i, text(i == 0 ? "a visit to Bern" : "a call")};
        assert_int_equal(rove__sealing_frame(&sealing, &frame, &f->record), ROVE_OK);
        ends[i + 1] = f->record.size;
    }
    rove__sealing_end(&sealing);
    assert_false(contains(&f->record, "Bern") || contains(&f->record, "certificate"));

    assert_int_equal(rove__opening_begin(&opening, &f->keys.crypto, private_key(f)), ROVE_OK);
    for (uint32_t i = 2; i-- > 0;) { /* in any order */
        assert_int_equal(rove__opening_record(&opening, f->record.data + ends[i],
                                              ends[i + 1] - ends[i], &f->content, &read),
                         ROVE_OK);
        assert_int_equal(read.ordinal, i);
        assert_int_equal(read.batch.replica, 9);
        assert_int_equal(read.batch.number, 17);
        assert_int_equal(read.batch.frames, 2);
        assert_int_equal(read.batch.schema, 1);
        assert_memory_equal(&read.batch.previous, &batch.previous, sizeof batch.previous);
        assert_memory_equal(&read.batch.hash, &batch.hash, sizeof batch.hash);
        assert_bytes(read.batch.certificate, text(SEALS_CERTIFICATE));
        assert_bytes(read.rows, text(i == 0 ? "a visit to Bern" : "a call"));
        rove__bytes key = {f->keys.device_public, f->keys.device_public_size};
        assert_int_equal(rove__sealed_verify(&f->keys.crypto, key, &read.batch), ROVE_OK);
    }
    rove__opening_end(&opening);
}

static void the_same_batch_is_never_sealed_alike(void **state) {
    fixture *f = *state;
    rove__sealed frame = {seals_batch(&f->keys, f->signature), 0, text("rows")};
    uint8_t first[4096];

    seal(f, &frame);
    size_t size = f->record.size;
    memcpy(first, f->record.data, size);
    seal(f, &frame);
    assert_memory_not_equal(first + ROVE_SEALED_HEAD_SIZE, f->record.data + ROVE_SEALED_HEAD_SIZE,
                            f->record.size - ROVE_SEALED_HEAD_SIZE);
    /* And both are read, one after the other. */
    rove__opening opening;
    rove__sealed read;
    assert_int_equal(rove__opening_begin(&opening, &f->keys.crypto, private_key(f)), ROVE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rove__opening_record(&opening, first, size, &f->content, &read), ROVE_OK);
        assert_int_equal(
            rove__opening_record(&opening, f->record.data, f->record.size, &f->content, &read),
            ROVE_OK);
    }
    rove__opening_end(&opening);
}

/* Whatever is signed, changed, is not signed. */
static void a_signature_covers_all_that_a_batch_is(void **state) {
    fixture *f = *state;
    rove__bytes key = {f->keys.device_public, f->keys.device_public_size};

    for (int i = 0; i < 7; i++) {
        rove__sealed_batch batch = seals_batch(&f->keys, f->signature);
        batch.replica += i == 0;
        batch.number += i == 1;
        batch.frames += i == 2;
        batch.schema += i == 3;
        batch.previous.hash[31] ^= (uint8_t)(i == 4);
        batch.hash.hash[31] ^= (uint8_t)(i == 5);
        assert_int_equal(rove__sealed_verify(&f->keys.crypto, key, &batch),
                         i == 6 ? ROVE_OK : ROVE_CORRUPT);
    }
    rove__sealed_batch batch = seals_batch(&f->keys, f->signature);
    rove__bytes other = {f->keys.seal_key, sizeof f->keys.seal_key};
    assert_int_equal(rove__sealed_verify(&f->keys.crypto, other, &batch), ROVE_CORRUPT);
}

static void a_changed_or_cut_record_is_not_opened(void **state) {
    fixture *f = *state;
    rove__sealed frame = {seals_batch(&f->keys, f->signature), 1, text("rows")};
    rove__sealed read;
    uint8_t changed[4096];

    seal(f, &frame);
    size_t size = f->record.size;
    assert_true(size < sizeof changed);
    for (size_t at = 0; at < size; at++) {
        memcpy(changed, f->record.data, size);
        changed[at] ^= 0x10;
        rove_status status = reopen(f, private_key(f), changed, size, &read);
        rove_status expected = at == 0                                           ? ROVE_VERSION
                               : at == 1                                         ? ROVE_PROTOCOL
                               : at < 2 + ROVE_SEAL_ID_SIZE                      ? ROVE_WRONG_KEY
                               : at < 2 + ROVE_SEAL_ID_SIZE + ROVE_SEAL_KEY_SIZE ? ROVE_PROTOCOL
                               : at < ROVE_SEALED_HEAD_SIZE - 1                  ? ROVE_PROTOCOL
                                                                                 : ROVE_CORRUPT;
        /* Another point of the curve is a key as good as any. */
        int key = expected == ROVE_PROTOCOL && status == ROVE_CORRUPT;
        if (status != expected && !key) {
            fail_msg("byte %zu: %s", at, rove_status_name(status));
        }
    }
    for (size_t cut = 0; cut < size; cut++) {
        rove_status status = reopen(f, private_key(f), f->record.data, cut, &read);
        assert_int_equal(status, cut <= ROVE_SEALED_HEAD_SIZE + ROVE_GCM_TAG_SIZE ? ROVE_TRUNCATED
                                                                                  : ROVE_CORRUPT);
        assert_int_equal(read.rows.size, 0);
    }
}

static void a_record_is_for_one_headquarters(void **state) {
    fixture *f = *state;
    rove__sealed frame = {seals_batch(&f->keys, f->signature), 0, text("rows")};
    rove__sealed read;
    rove__bytes other = {f->keys.device, f->keys.device_size};

    seal(f, &frame);
    assert_int_equal(reopen(f, other, f->record.data, f->record.size, &read), ROVE_WRONG_KEY);
    assert_int_equal(reopen(f, text("no key"), f->record.data, f->record.size, &read),
                     ROVE_INVALID);
    rove__sealing sealing;
    uint8_t none[ROVE_SEAL_KEY_SIZE] = {0};
    assert_int_equal(rove__sealing_begin(&sealing, &f->keys.crypto, none), ROVE_INVALID);
}

/* A frame at the limits, and one past each of them. */
static void limits(void **state) {
    fixture *f = *state;
    static uint8_t many[ROVE_BATCH_MAX + 1];
    rove__sealed_batch batch = seals_batch(&f->keys, f->signature);
    rove__sealed largest = {batch, ROVE_PUSH_FRAMES_MAX - 1, {many, ROVE_BATCH_MAX}};
    rove__sealing sealing;
    rove__sealed read;

    largest.batch.replica = ROVE_REPLICA_MAX;
    largest.batch.number = INT64_MAX;
    largest.batch.frames = ROVE_PUSH_FRAMES_MAX;
    largest.batch.schema = UINT32_MAX;
    largest.batch.certificate = (rove__bytes){many, ROVE_SEALED_CERTIFICATE_MAX};
    seal(f, &largest);
    assert_true(f->record.size <= ROVE_SEALED_MAX);
    assert_int_equal(reopen(f, private_key(f), f->record.data, f->record.size, &read), ROVE_OK);
    assert_bytes(read.rows, largest.rows);

    assert_int_equal(rove__sealing_begin(&sealing, &f->keys.crypto, f->keys.seal_key), ROVE_OK);
    for (int i = 0; i < 12; i++) {
        rove__sealed bad = largest;
        bad.batch.replica = i == 0 ? 0 : i == 1 ? ROVE_REPLICA_MAX + 1 : bad.batch.replica;
        bad.batch.number = i == 2 ? 0 : i == 3 ? (uint64_t)INT64_MAX + 1 : bad.batch.number;
        bad.batch.frames = i == 4 ? ROVE_PUSH_FRAMES_MAX + 1 : bad.batch.frames;
        bad.ordinal = i == 5 ? ROVE_PUSH_FRAMES_MAX : bad.ordinal;
        bad.batch.schema = i == 6 ? 0 : bad.batch.schema;
        bad.batch.signature.size = i == 7 ? 0 : i == 8 ? ROVE_SIGNATURE_MAX + 1 : 70;
        bad.batch.certificate.size = i == 9    ? 0
                                     : i == 10 ? ROVE_SEALED_CERTIFICATE_MAX + 1
                                               : ROVE_SEALED_CERTIFICATE_MAX;
        bad.rows.size = i == 11 ? ROVE_BATCH_MAX + 1 : bad.rows.size;
        rove__buf_reset(&f->record);
        assert_int_equal(rove__sealing_frame(&sealing, &bad, &f->record), ROVE_INVALID);
        assert_int_equal(f->record.size, 0);
    }
    largest.rows.size = 0;
    assert_int_equal(rove__sealing_frame(&sealing, &largest, &f->record), ROVE_INVALID);
    rove__sealing_end(&sealing);
    memset(many, ROVE_SEALED_VERSION, sizeof many);
    assert_int_equal(reopen(f, private_key(f), many, ROVE_SEALED_MAX + 1, &read), ROVE_PROTOCOL);
}

static void what_stands_alone_says_something_and_fits_a_record(void **state) {
    fixture *f = *state;
    static uint8_t many[ROVE_SEALED_MAX];
    const size_t most = ROVE_SEALED_MAX - ROVE_SEALED_HEAD_SIZE - ROVE_GCM_TAG_SIZE;
    const struct {
        size_t size;
        rove_status expected;
        size_t record;
    } cases[] = {{0, ROVE_INVALID, 0},
                 {most + 1, ROVE_INVALID, 0},
                 {1, ROVE_OK, ROVE_SEALED_HEAD_SIZE + 1 + ROVE_GCM_TAG_SIZE},
                 {most, ROVE_OK, ROVE_SEALED_MAX}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rove__buf_reset(&f->record);
        assert_int_equal(rove__seal_alone(&f->keys.crypto, f->keys.seal_key, ROVE_SEALED_NOTE,
                                          (rove__bytes){many, cases[i].size}, &f->record),
                         cases[i].expected);
        assert_int_equal(f->record.size, cases[i].record);
    }
}

/* Content as an owner of headquarters' public key could make it up: anything. */
static void made_up_content_is_refused_or_sound(void **state) {
    fixture *f = *state;
    uint8_t sound[256];
    uint8_t spoiled[256];
    uint64_t seed = 11;
    rove__sealed read;
    rove__sealed frame = {seals_batch(&f->keys, f->signature), 1, text("rows")};

    seal(f, &frame);
    assert_int_equal(reopen(f, private_key(f), f->record.data, f->record.size, &read), ROVE_OK);
    size_t size = f->content.size;
    memcpy(sound, f->content.data, size);
    for (size_t cut = 0; cut < size; cut++) {
        rove_status status = rove__sealed_read(&read, 1, sound, cut);
        size_t rows = sizeof "rows" - 1;
        assert_int_equal(status, cut < size - rows    ? ROVE_TRUNCATED
                                 : cut == size - rows ? ROVE_PROTOCOL
                                                      : ROVE_OK);
    }
    for (int round = 0; round < 100000; round++) {
        size_t length = 1 + (size_t)(dice(&seed) % size);
        memcpy(spoiled, sound, size);
        for (uint64_t n = dice(&seed) % 4; n > 0; n--) {
            spoiled[dice(&seed) % 80] = (uint8_t)dice(&seed);
        }
        rove_status status = rove__sealed_read(&read, 1, spoiled, length);
        if (status == ROVE_OK) {
            assert_true(read.rows.data + read.rows.size == spoiled + length);
            assert_true(read.batch.replica > 0 && read.batch.number > 0 && read.batch.frames > 1);
        } else {
            assert_true(status == ROVE_TRUNCATED || status == ROVE_PROTOCOL);
        }
    }
    /* A number in more bytes than it needs. */
    memmove(sound + 1, sound, size);
    sound[0] = 0x89;
    sound[1] = 0;
    assert_int_equal(rove__sealed_read(&read, 1, sound, size + 1), ROVE_PROTOCOL);
}

static void without_memory_or_cryptography_nothing_is_half(void **state) {
    fixture *f = *state;
    rove__sealed frame = {seals_batch(&f->keys, f->signature), 0, text("rows")};
    rove__sealing sealing;
    rove__sealed read;

    rove__buf_free(&f->record);
    assert_int_equal(rove__sealing_begin(&sealing, &f->keys.crypto, f->keys.seal_key), ROVE_OK);
    f->h.fail_at = f->h.calls + 1;
    assert_int_equal(rove__sealing_frame(&sealing, &frame, &f->record), ROVE_NOMEM);
    rove__sealing_end(&sealing);
    seal(f, &frame);
    rove__buf_free(&f->content);
    f->h.fail_at = f->h.calls + 1;
    assert_int_equal(reopen(f, private_key(f), f->record.data, f->record.size, &read), ROVE_NOMEM);
    assert_int_equal(reopen(f, private_key(f), f->record.data, f->record.size, &read), ROVE_OK);
}

/* A cryptography of which one call fails, or gives keys of another size. */
static struct {
    rove_crypto real;
    size_t calls, fail_at;
    size_t shorter_key; /* by so many bytes */
} shaky;

static int shakes(void) {
    return ++shaky.calls == shaky.fail_at;
}

static rove_status shaky_sha256(void *ctx, const rove_span *spans, size_t count,
                                uint8_t digest[ROVE_SHA256_SIZE]) {
    return shakes() ? ROVE_CRYPTO : shaky.real.sha256(ctx, spans, count, digest);
}

static rove_status shaky_hkdf(void *ctx, const void *secret, size_t secret_size, const void *salt,
                              size_t salt_size, const void *info, size_t info_size, void *out,
                              size_t out_size) {
    return shakes() ? ROVE_CRYPTO
                    : shaky.real.hkdf_sha256(ctx, secret, secret_size, salt, salt_size, info,
                                             info_size, out, out_size);
}

static rove_status shaky_seal(void *ctx, const uint8_t key[ROVE_GCM_KEY_SIZE],
                              const uint8_t nonce[ROVE_GCM_NONCE_SIZE], const void *aad,
                              size_t aad_size, const void *plain, size_t size, void *cipher,
                              uint8_t tag[ROVE_GCM_TAG_SIZE]) {
    return shakes() ? ROVE_CRYPTO
                    : shaky.real.gcm_seal(ctx, key, nonce, aad, aad_size, plain, size, cipher, tag);
}

static rove_status shaky_open(void *ctx, const uint8_t key[ROVE_GCM_KEY_SIZE],
                              const uint8_t nonce[ROVE_GCM_NONCE_SIZE], const void *aad,
                              size_t aad_size, const void *cipher, size_t size,
                              const uint8_t tag[ROVE_GCM_TAG_SIZE], void *plain) {
    return shakes() ? ROVE_CRYPTO
                    : shaky.real.gcm_open(ctx, key, nonce, aad, aad_size, cipher, size, tag, plain);
}

static rove_status shaky_generate(void *ctx, uint8_t *key, size_t capacity, size_t *size) {
    return shakes() ? ROVE_CRYPTO : shaky.real.key_generate(ctx, key, capacity, size);
}

static rove_status shaky_public(void *ctx, const void *key, size_t key_size, uint8_t *public_der,
                                size_t capacity, size_t *size) {
    rove_status status = ROVE_CRYPTO;

    if (!shakes()) {
        status = shaky.real.key_public(ctx, key, key_size, public_der, capacity, size);
        *size -= status == ROVE_OK ? shaky.shorter_key : 0;
    }
    return status;
}

static rove_status shaky_ecdh(void *ctx, const void *key, size_t key_size, const void *public_der,
                              size_t public_size, uint8_t secret[ROVE_ECDH_SIZE]) {
    return shakes() ? ROVE_CRYPTO
                    : shaky.real.ecdh(ctx, key, key_size, public_der, public_size, secret);
}

/* Seals a record and opens it. */
static rove_status seal_and_open(fixture *f, const rove__sealed *frame) {
    rove__sealing sealing;
    rove__sealed read;

    rove__buf_reset(&f->record);
    rove_status status = rove__sealing_begin(&sealing, &f->keys.crypto, f->keys.seal_key);
    if (status == ROVE_OK) {
        status = rove__sealing_frame(&sealing, frame, &f->record);
        assert_true(status == ROVE_OK || f->record.size == 0);
    }
    rove__sealing_end(&sealing);
    return status != ROVE_OK ? status
                             : reopen(f, private_key(f), f->record.data, f->record.size, &read);
}

static void a_cryptography_that_fails_is_reported(void **state) {
    fixture *f = *state;
    rove__sealed frame = {seals_batch(&f->keys, f->signature), 0, text("rows")};
    rove_status status = ROVE_CRYPTO;

    shaky.real = f->keys.crypto;
    f->keys.crypto.sha256 = shaky_sha256;
    f->keys.crypto.hkdf_sha256 = shaky_hkdf;
    f->keys.crypto.gcm_seal = shaky_seal;
    f->keys.crypto.gcm_open = shaky_open;
    f->keys.crypto.key_generate = shaky_generate;
    f->keys.crypto.key_public = shaky_public;
    f->keys.crypto.ecdh = shaky_ecdh;
    for (size_t n = 1; status == ROVE_CRYPTO; n++) {
        shaky.calls = 0;
        shaky.fail_at = n;
        status = seal_and_open(f, &frame);
        assert_true(status == ROVE_CRYPTO || n > 10);
    }
    assert_int_equal(status, ROVE_OK);
    /* A key that is not of the one kind that seals. */
    shaky.fail_at = 0;
    shaky.shorter_key = 1;
    assert_int_equal(seal_and_open(f, &frame), ROVE_CRYPTO);
    shaky.shorter_key = 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_sealed_is_read_and_is_the_devices, open, close),
        cmocka_unit_test_setup_teardown(the_same_batch_is_never_sealed_alike, open, close),
        cmocka_unit_test_setup_teardown(a_signature_covers_all_that_a_batch_is, open, close),
        cmocka_unit_test_setup_teardown(a_changed_or_cut_record_is_not_opened, open, close),
        cmocka_unit_test_setup_teardown(a_record_is_for_one_headquarters, open, close),
        cmocka_unit_test_setup_teardown(limits, open, close),
        cmocka_unit_test_setup_teardown(what_stands_alone_says_something_and_fits_a_record, open,
                                        close),
        cmocka_unit_test_setup_teardown(made_up_content_is_refused_or_sound, open, close),
        cmocka_unit_test_setup_teardown(a_cryptography_that_fails_is_reported, open, close),
        cmocka_unit_test_setup_teardown(without_memory_or_cryptography_nothing_is_half, open,
                                        close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
