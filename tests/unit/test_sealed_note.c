/*
 * Notes and receipts: headquarters alone reads them, the device's signature covers all that they say, and nothing that was
 * changed, cut, made up or meant as something else gets past.
 */
#include <string.h>

#include "heap.h"
#include "seals.h"
#include "wire/proof.h"

typedef struct fixture {
    heap h;
    rove_allocator allocator;
    seal_keys keys;
    rove__buf record;
    rove__buf content;
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

static rove__bytes public_key(const fixture *f) {
    return (rove__bytes){f->keys.device_public, f->keys.device_public_size};
}

static rove_status reopen(fixture *f, const void *record, size_t size) {
    rove__opening opening;
    uint32_t ordinal = 77;
    rove_status status = rove__opening_begin(
        &opening, &f->keys.crypto, (rove__bytes){f->keys.headquarters, f->keys.headquarters_size});

    if (status == ROVE_OK) {
        status = rove__opening_content(&opening, record, size, &f->content, &ordinal);
        assert_true(status != ROVE_OK || ordinal == 0);
    }
    rove__opening_end(&opening);
    return status;
}

/* A note, written, opened and read; its content is in f->content. */
static rove__sealed_note there_and_back(fixture *f, const rove__sealed_note *note) {
    rove__sealer sealer = seals_sealer(&f->keys);
    rove__sealed_note read;

    rove__buf_reset(&f->record);
    assert_int_equal(rove__sealed_note_write(&f->keys.crypto, &sealer, note, &f->record), ROVE_OK);
    assert_int_equal(rove__sealed_kind(f->record.data, f->record.size), ROVE_SEALED_NOTE);
    assert_int_equal(reopen(f, f->record.data, f->record.size), ROVE_OK);
    assert_int_equal(rove__sealed_note_read(&read, f->content.data, f->content.size), ROVE_OK);
    return read;
}

static rove__sealed_receipt receipt_and_back(fixture *f, const rove__sealed_receipt *receipt) {
    rove__sealer sealer = seals_sealer(&f->keys);
    rove__sealed_receipt read;

    rove__buf_reset(&f->record);
    assert_int_equal(rove__sealed_receipt_write(&f->keys.crypto, &sealer, receipt, &f->record),
                     ROVE_OK);
    assert_int_equal(rove__sealed_kind(f->record.data, f->record.size), ROVE_SEALED_RECEIPT);
    assert_int_equal(reopen(f, f->record.data, f->record.size), ROVE_OK);
    assert_int_equal(rove__sealed_receipt_read(&read, f->content.data, f->content.size), ROVE_OK);
    return read;
}

static int contains(const rove__buf *bytes, const char *word) {
    size_t size = strlen(word);
    int found = 0;

    for (size_t i = 0; i + size <= bytes->size && !found; i++) {
        found = memcmp(bytes->data + i, word, size) == 0;
    }
    return found;
}

static void what_was_written_is_read_and_is_the_devices(void **state) {
    fixture *f = *state;
    rove__sealed_note note = seals_note();
    rove__sealed_note read = there_and_back(f, &note);
    rove__proof time = {.anchor = read.anchor, .at = read.at};

    assert_false(contains(&f->record, "Bern") || contains(&f->record, "certificate"));
    assert_int_equal(read.replica, 9);
    assert_int_equal(read.ordinal, 3);
    assert_int_equal(read.schema, 1);
    assert_int_equal(read.entity, 5);
    assert_memory_equal(read.reference, note.reference, sizeof note.reference);
    assert_int_equal(read.row.size, note.row.size);
    assert_memory_equal(read.row.data, note.row.data, note.row.size);
    /* An hour after headquarters' clock said so, by its clock. */
    assert_int_equal(rove__proof_time_ms(&time), note.anchor.server_ms + 3600000);
    assert_null(rove__proof_suspect(&time));
    assert_memory_equal(read.voucher.certificate.data, SEALS_CERTIFICATE,
                        sizeof SEALS_CERTIFICATE - 1);
    assert_int_equal(rove__sealed_note_verify(&f->keys.crypto, public_key(f), &read), ROVE_OK);

    rove__sealed_receipt receipt = seals_receipt();
    rove__sealed_receipt told = receipt_and_back(f, &receipt);
    assert_int_equal(told.replica, 9);
    assert_memory_equal(told.nonce, receipt.nonce, sizeof receipt.nonce);
    assert_int_equal(told.kind, 2);
    assert_int_equal(told.sealed_batches, 3);
    assert_int_equal(told.sealed_changes, 40);
    assert_int_equal(told.records_left, 1);
    assert_int_equal(told.wall_ms, receipt.wall_ms);
    assert_int_equal(rove__sealed_receipt_verify(&f->keys.crypto, public_key(f), &told), ROVE_OK);
    receipt.wall_ms = -5;
    assert_int_equal(receipt_and_back(f, &receipt).wall_ms, 0);
}

/* Every byte of the claims is signed, for what they are and by this device alone. */
static void a_signature_covers_all_that_is_claimed(void **state) {
    fixture *f = *state;
    rove__sealed_note note = seals_note();
    rove__sealed_note read = there_and_back(f, &note);
    rove__bytes other = {f->keys.seal_key, sizeof f->keys.seal_key};

    assert_int_equal(rove__sealed_note_verify(&f->keys.crypto, other, &read), ROVE_CORRUPT);
    for (size_t at = 0; at < read.voucher.claims.size; at++) {
        f->content.data[at] ^= 1;
        assert_int_equal(rove__sealed_note_verify(&f->keys.crypto, public_key(f), &read),
                         ROVE_CORRUPT);
        f->content.data[at] ^= 1;
    }
    assert_int_equal(rove__sealed_note_verify(&f->keys.crypto, public_key(f), &read), ROVE_OK);
    /* A receipt whose claims are those of a note. */
    rove__sealed_receipt receipt = {.voucher = read.voucher};
    assert_int_equal(rove__sealed_receipt_verify(&f->keys.crypto, public_key(f), &receipt),
                     ROVE_CORRUPT);
}

static void a_changed_or_cut_record_is_not_opened(void **state) {
    fixture *f = *state;
    rove__sealed_note note = seals_note();
    uint8_t changed[4096];

    (void)there_and_back(f, &note);
    size_t size = f->record.size;
    assert_true(size < sizeof changed);
    for (size_t at = 0; at < size; at++) {
        memcpy(changed, f->record.data, size);
        changed[at] ^= 0x10;
        assert_int_not_equal(reopen(f, changed, size), ROVE_OK);
    }
    for (uint8_t kind = 0; kind < 6; kind++) { /* as another kind */
        memcpy(changed, f->record.data, size);
        changed[1] = kind;
        assert_int_equal(reopen(f, changed, size), kind == 2                ? ROVE_OK
                                                   : kind == 1 || kind == 3 ? ROVE_CORRUPT
                                                                            : ROVE_PROTOCOL);
        assert_int_equal(rove__sealed_kind(changed, size), kind >= 1 && kind <= 3 ? kind : 0);
    }
    memcpy(changed, f->record.data, size);
    changed[ROVE_SEALED_HEAD_SIZE - 1] = 1; /* what stands alone has no ordinal */
    assert_int_equal(reopen(f, changed, size), ROVE_PROTOCOL);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(reopen(f, f->record.data, cut),
                         cut <= ROVE_SEALED_HEAD_SIZE + ROVE_GCM_TAG_SIZE ? ROVE_TRUNCATED
                                                                          : ROVE_CORRUPT);
    }
    /* And it is no frame of a batch. */
    rove__opening opening;
    rove__sealed batch;
    assert_int_equal(
        rove__opening_begin(&opening, &f->keys.crypto,
                            (rove__bytes){f->keys.headquarters, f->keys.headquarters_size}),
        ROVE_OK);
    assert_int_equal(rove__opening_record(&opening, f->record.data, size, &f->content, &batch),
                     ROVE_PROTOCOL);
    rove__opening_end(&opening);
}

static rove_status write_note(fixture *f, const rove__sealer *sealer,
                              const rove__sealed_note *note) {
    rove__buf_reset(&f->record);
    rove_status status = rove__sealed_note_write(&f->keys.crypto, sealer, note, &f->record);
    assert_true(status == ROVE_OK || f->record.size == 0);
    return status;
}

/* A note at the limits, and one past each of them. */
static void limits(void **state) {
    fixture *f = *state;
    static uint8_t many[ROVE_ROW_MAX + 1];
    rove__sealed_note largest = seals_note();
    rove__sealer sealer = seals_sealer(&f->keys);
    rove__sealed_note read;

    largest.replica = ROVE_REPLICA_MAX;
    largest.ordinal = INT64_MAX;
    largest.schema = UINT32_MAX;
    largest.entity = UINT32_MAX;
    largest.anchor.at.boot_ms = INT64_MIN;
    largest.at.boot_ms = INT64_MAX;
    largest.row = (rove__bytes){many, ROVE_ROW_MAX};
    sealer.certificate = (rove__bytes){many, ROVE_SEALED_CERTIFICATE_MAX};
    assert_int_equal(write_note(f, &sealer, &largest), ROVE_OK);
    assert_int_equal(reopen(f, f->record.data, f->record.size), ROVE_OK);
    assert_int_equal(rove__sealed_note_read(&read, f->content.data, f->content.size), ROVE_OK);
    assert_int_equal(read.row.size, ROVE_ROW_MAX);
    assert_int_equal(read.anchor.at.boot_ms, INT64_MIN);
    for (int i = 0; i < 11; i++) {
        rove__sealed_note bad = largest;
        rove__sealer with = sealer;
        uint8_t none[ROVE_SEAL_KEY_SIZE] = {0};
        bad.replica = i == 0   ? ROVE_REPLICA_HEADQUARTERS
                      : i == 1 ? ROVE_REPLICA_MAX + 1
                               : bad.replica;
        bad.ordinal = i == 2 ? 0 : i == 3 ? (uint64_t)INT64_MAX + 1 : bad.ordinal;
        bad.schema = i == 4 ? 0 : bad.schema;
        bad.entity = i == 5 ? 0 : bad.entity;
        bad.row.size = i == 6 ? 0 : i == 7 ? ROVE_ROW_MAX + 1 : bad.row.size;
        with.certificate.size = i == 8 ? 0 : i == 9 ? ROVE_SEALED_CERTIFICATE_MAX + 1 : 10;
        with.recipient = i == 10 ? none : with.recipient;
        assert_int_equal(write_note(f, &with, &bad), ROVE_INVALID);
    }
    sealer.recipient = NULL;
    assert_int_equal(write_note(f, &sealer, &largest), ROVE_INVALID);
}

static rove_status write_receipt(fixture *f, const rove__sealer *sealer,
                                 const rove__sealed_receipt *receipt) {
    rove__buf_reset(&f->record);
    rove_status status = rove__sealed_receipt_write(&f->keys.crypto, sealer, receipt, &f->record);
    assert_true(status == ROVE_OK || f->record.size == 0);
    return status;
}

/* A receipt at the limits, and one past each of them: a receipt of no kind is none. */
static void limits_of_a_receipt(void **state) {
    fixture *f = *state;
    const uint64_t over = (uint64_t)INT64_MAX + 1;
    rove__sealed_receipt largest = seals_receipt();
    rove__sealer sealer = seals_sealer(&f->keys);

    largest.replica = ROVE_REPLICA_MAX;
    largest.kind = ROVE_ORDER_KIND_MAX;
    largest.sealed_batches = largest.sealed_changes = largest.records_left = INT64_MAX;
    largest.wall_ms = INT64_MAX;
    rove__sealed_receipt told = receipt_and_back(f, &largest);
    assert_int_equal(told.kind, ROVE_ORDER_KIND_MAX);
    assert_int_equal(told.sealed_batches, INT64_MAX);
    assert_int_equal(told.sealed_changes, INT64_MAX);
    assert_int_equal(told.records_left, INT64_MAX);
    for (int i = 0; i < 8; i++) {
        rove__sealed_receipt bad = largest;
        rove__sealer with = sealer;
        bad.replica = i == 0   ? ROVE_REPLICA_HEADQUARTERS
                      : i == 1 ? ROVE_REPLICA_MAX + 1
                               : bad.replica;
        bad.kind = i == 2 ? 0 : i == 3 ? ROVE_ORDER_KIND_MAX + 1 : bad.kind;
        bad.sealed_batches = i == 4 ? over : bad.sealed_batches;
        bad.sealed_changes = i == 5 ? over : bad.sealed_changes;
        bad.records_left = i == 6 ? over : bad.records_left;
        with.certificate.size = i == 7 ? 0 : with.certificate.size;
        assert_int_equal(write_receipt(f, &with, &bad), ROVE_INVALID);
    }
}

/* Nobody could be asked whose it is. */
static void without_a_signature_or_a_certificate_it_is_none(void **state) {
    fixture *f = *state;
    rove__sealed_note note = seals_note();
    rove__sealed_note read = there_and_back(f, &note);
    rove__sealed_voucher voucher = read.voucher;

    for (int i = 0; i < 3; i++) {
        rove__buf_reset(&f->record);
        rove__buf_append(&f->record, voucher.claims.data, voucher.claims.size);
        rove__buf_bytes(&f->record, voucher.signature.data, i == 0 ? 0 : voucher.signature.size);
        rove__buf_bytes(&f->record, voucher.certificate.data,
                        i == 1 ? 0 : voucher.certificate.size);
        assert_int_equal(rove__sealed_note_read(&read, f->record.data, f->record.size),
                         i == 2 ? ROVE_OK : ROVE_PROTOCOL);
    }
}

/* It is not taken for the device's, nor for somebody else's. */
static void a_cryptography_that_fails_is_reported(void **state) {
    fixture *f = *state;
    rove__sealed_note note = seals_note();
    rove__sealed_note read = there_and_back(f, &note);
    rove__sealer sealer = seals_sealer(&f->keys);

    f->keys.crypto.sha256 = seals_no_sha256;
    assert_int_equal(rove__sealed_note_verify(&f->keys.crypto, public_key(f), &read), ROVE_CRYPTO);
    assert_int_equal(write_note(f, &sealer, &note), ROVE_CRYPTO);
}

/* Content as an owner of headquarters' public key could make it up: anything. */
static void made_up_content_is_refused_or_sound(void **state) {
    fixture *f = *state;
    uint8_t sound[512];
    uint8_t spoiled[512];
    uint64_t seed = 12;
    rove__sealed_note note = seals_note();
    rove__sealed_receipt receipt = seals_receipt();

    for (int kind = 2; kind <= 3; kind++) {
        if (kind == 2) {
            (void)there_and_back(f, &note);
        } else {
            (void)receipt_and_back(f, &receipt);
        }
        size_t size = f->content.size;
        memcpy(sound, f->content.data, size);
        for (size_t cut = 0; cut < size; cut++) {
            rove__sealed_note n;
            rove__sealed_receipt r;
            assert_int_equal(kind == 2 ? rove__sealed_note_read(&n, sound, cut)
                                       : rove__sealed_receipt_read(&r, sound, cut),
                             ROVE_TRUNCATED);
        }
        sound[size] = 0; /* and one more */
        rove__sealed_note n;
        rove__sealed_receipt r;
        assert_int_equal(kind == 2 ? rove__sealed_note_read(&n, sound, size + 1)
                                   : rove__sealed_receipt_read(&r, sound, size + 1),
                         ROVE_PROTOCOL);
        for (int round = 0; round < 100000; round++) {
            memcpy(spoiled, sound, size);
            for (uint64_t i = 1 + dice(&seed) % 4; i > 0; i--) {
                spoiled[dice(&seed) % 110] = (uint8_t)dice(&seed);
            }
            rove_status status = kind == 2 ? rove__sealed_note_read(&n, spoiled, size)
                                           : rove__sealed_receipt_read(&r, spoiled, size);
            const rove__sealed_voucher *voucher = kind == 2 ? &n.voucher : &r.voucher;
            if (status == ROVE_OK) {
                assert_true(voucher->certificate.data + voucher->certificate.size ==
                            spoiled + size);
                assert_true(kind == 2 ? n.replica > 1 && n.row.size > 0 : r.replica > 1);
            } else {
                assert_true(status == ROVE_TRUNCATED || status == ROVE_PROTOCOL);
            }
        }
    }
}

static void without_memory_nothing_is_half(void **state) {
    fixture *f = *state;
    rove__sealed_note note = seals_note();
    rove__sealer sealer = seals_sealer(&f->keys);
    rove_status status = ROVE_NOMEM;

    for (size_t n = 1; status == ROVE_NOMEM; n++) {
        rove__buf_free(&f->record);
        f->h.fail_at = f->h.calls + n;
        status = write_note(f, &sealer, &note);
        assert_true(n < 20);
    }
    assert_int_equal(status, ROVE_OK);
    f->h.fail_at = 0;
    assert_int_equal(reopen(f, f->record.data, f->record.size), ROVE_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_read_and_is_the_devices, open, close),
        cmocka_unit_test_setup_teardown(a_signature_covers_all_that_is_claimed, open, close),
        cmocka_unit_test_setup_teardown(a_changed_or_cut_record_is_not_opened, open, close),
        cmocka_unit_test_setup_teardown(limits, open, close),
        cmocka_unit_test_setup_teardown(limits_of_a_receipt, open, close),
        cmocka_unit_test_setup_teardown(without_a_signature_or_a_certificate_it_is_none, open,
                                        close),
        cmocka_unit_test_setup_teardown(a_cryptography_that_fails_is_reported, open, close),
        cmocka_unit_test_setup_teardown(made_up_content_is_refused_or_sound, open, close),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_half, open, close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
