/*
 * fuzz_sealed.c - a sealed record that comes from anywhere is opened or refused; what is opened is what was sealed; and
 * whatever its inside says, it is read within its bounds and can be sealed and opened again as the same.
 *
 *   input = kind:byte bytes      0: a record; 1: what stands inside one; 2: the same, sealed for headquarters, then opened;
 *                                3, 4: what stands inside a note, and a receipt
 */
#include "seals.h"

#include "fuzz.h"
#include "wire/frame.h"

const size_t fuzz_mutations = 1500;

static const seal_keys *keys(void) {
    static seal_keys made;

    if (made.headquarters_size == 0) {
        seals_open(&made);
    }
    return &made;
}

static void open_record(const uint8_t *record, size_t size, const rove_allocator *allocator) {
    rove__opening opening;
    rove__sealed sealed;
    rove__buf content;

    rove__buf_init(&content, allocator, ROVE_SEALED_MAX);
    fuzz_check(rove__opening_begin(
                   &opening, &keys()->crypto,
                   (rove__bytes){keys()->headquarters, keys()->headquarters_size}) == ROVE_OK);
    rove_status status = rove__opening_record(&opening, record, size, &content, &sealed);
    fuzz_check(status != ROVE_NOMEM && status != ROVE_CRYPTO && status != ROVE_INVALID);
    if (status == ROVE_OK) {
        fuzz_check(sealed.rows.size <= size);
        status = rove__sealed_verify(
            &keys()->crypto, (rove__bytes){keys()->device_public, keys()->device_public_size},
            &sealed.batch);
        fuzz_check(status == ROVE_OK || status == ROVE_CORRUPT);
    }
    rove__opening_end(&opening);
    rove__buf_free(&content);
}

static int bytes_same(rove__bytes a, rove__bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Seals what was read, opens it, and finds the same. */
static void again(const rove__sealed *sealed, const rove_allocator *allocator) {
    rove__sealing sealing;
    rove__opening opening;
    rove__sealed opened;
    rove__buf record, content;

    rove__buf_init(&record, allocator, ROVE_SEALED_MAX);
    rove__buf_init(&content, allocator, ROVE_SEALED_MAX);
    fuzz_check(rove__sealing_begin(&sealing, &keys()->fixed, keys()->seal_key) == ROVE_OK);
    fuzz_check(rove__sealing_frame(&sealing, sealed, &record) == ROVE_OK);
    rove__sealing_end(&sealing);
    fuzz_check(rove__opening_begin(
                   &opening, &keys()->crypto,
                   (rove__bytes){keys()->headquarters, keys()->headquarters_size}) == ROVE_OK);
    fuzz_check(rove__opening_record(&opening, record.data, record.size, &content, &opened) ==
               ROVE_OK);
    rove__opening_end(&opening);
    fuzz_check(opened.ordinal == sealed->ordinal && opened.batch.number == sealed->batch.number &&
               opened.batch.replica == sealed->batch.replica &&
               opened.batch.frames == sealed->batch.frames &&
               opened.batch.schema == sealed->batch.schema);
    fuzz_check(memcmp(&opened.batch.previous, &sealed->batch.previous, ROVE_SHA256_SIZE) == 0 &&
               memcmp(&opened.batch.hash, &sealed->batch.hash, ROVE_SHA256_SIZE) == 0);
    fuzz_check(bytes_same(opened.batch.signature, sealed->batch.signature) &&
               bytes_same(opened.batch.certificate, sealed->batch.certificate) &&
               bytes_same(opened.rows, sealed->rows));
    rove__buf_free(&record);
    rove__buf_free(&content);
}

/* What is read lies within the content; what was read is written, and read as the same. */
static void note(const uint8_t *content, size_t size, const rove_allocator *allocator) {
    rove__sealer sealer = seals_sealer(keys());
    rove__sealed_note read;
    rove__buf record;

    rove_status status = rove__sealed_note_read(&read, content, size);
    fuzz_check(status == ROVE_OK || status == ROVE_PROTOCOL || status == ROVE_TRUNCATED);
    if (status == ROVE_OK) {
        fuzz_check(read.row.data >= content && read.row.data + read.row.size <= content + size);
        rove__buf_init(&record, allocator, ROVE_SEALED_MAX);
        fuzz_check(rove__sealed_note_write(&keys()->fixed, &sealer, &read, &record) == ROVE_OK);
        rove__buf_free(&record);
    }
}

static void receipt(const uint8_t *content, size_t size, const rove_allocator *allocator) {
    rove__sealer sealer = seals_sealer(keys());
    rove__sealed_receipt read;
    rove__buf record;

    rove_status status = rove__sealed_receipt_read(&read, content, size);
    fuzz_check(status == ROVE_OK || status == ROVE_PROTOCOL || status == ROVE_TRUNCATED);
    if (status == ROVE_OK) {
        rove__buf_init(&record, allocator, ROVE_SEALED_MAX);
        fuzz_check(rove__sealed_receipt_write(&keys()->fixed, &sealer, &read, &record) == ROVE_OK);
        rove__buf_free(&record);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    fuzz_input in = {data, size};
    rove__sealed sealed;
    uint8_t kind = fuzz_byte(&in) % 5;

    if (kind == 0) {
        open_record(in.at, in.left, &allocator);
    } else if (kind == 3) {
        note(in.at, in.left, &allocator);
    } else if (kind == 4) {
        receipt(in.at, in.left, &allocator);
    } else {
        rove_status status = rove__sealed_read(&sealed, fuzz_byte(&in), in.at, in.left);
        fuzz_check(status == ROVE_OK || status == ROVE_PROTOCOL || status == ROVE_TRUNCATED);
        if (status == ROVE_OK && kind == 2) {
            again(&sealed, &allocator);
        }
    }
    fuzz_check(memory.alive == 0);
    return 0;
}

/* ---- seeds ---- */

/* The inside of a record that stands alone. */
static void give_content(const fuzz_seed *to, uint8_t kind, const rove__buf *record,
                         const rove_allocator *allocator) {
    rove__opening opening;
    rove__buf content;
    uint32_t ordinal = 0;

    rove__buf_init(&content, allocator, ROVE_SEALED_MAX);
    fuzz_check(rove__opening_begin(
                   &opening, &keys()->crypto,
                   (rove__bytes){keys()->headquarters, keys()->headquarters_size}) == ROVE_OK);
    fuzz_check(rove__opening_content(&opening, record->data, record->size, &content, &ordinal) ==
               ROVE_OK);
    fuzz_give_kind(to, kind, content.data, content.size);
    rove__opening_end(&opening);
    rove__buf_free(&content);
}

static void give_alone(const fuzz_seed *to, const rove_allocator *allocator) {
    rove__sealer sealer = seals_sealer(keys());
    rove__sealed_note said = seals_note();
    rove__sealed_receipt told = seals_receipt();
    rove__buf record;

    rove__buf_init(&record, allocator, ROVE_SEALED_MAX);
    fuzz_check(rove__sealed_note_write(&keys()->fixed, &sealer, &said, &record) == ROVE_OK);
    give_content(to, 3, &record, allocator);
    rove__buf_reset(&record);
    fuzz_check(rove__sealed_receipt_write(&keys()->fixed, &sealer, &told, &record) == ROVE_OK);
    give_content(to, 4, &record, allocator);
    rove__buf_free(&record);
}

void fuzz_seeds(const fuzz_seed *to) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    uint8_t signature[ROVE_SIGNATURE_MAX];
    rove__sealed frame = {seals_batch(keys(), signature), 1, {(const uint8_t *)"\1rows", 5}};
    rove__sealing sealing;
    rove__opening opening;
    rove__buf record, content;
    uint8_t inside[512] = {1};

    rove__buf_init(&record, &allocator, ROVE_SEALED_MAX);
    rove__buf_init(&content, &allocator, ROVE_SEALED_MAX);
    fuzz_check(rove__sealing_begin(&sealing, &keys()->fixed, keys()->seal_key) == ROVE_OK);
    fuzz_check(rove__sealing_frame(&sealing, &frame, &record) == ROVE_OK);
    rove__sealing_end(&sealing);
    fuzz_give_kind(to, 0, record.data, record.size);
    fuzz_check(rove__opening_begin(
                   &opening, &keys()->crypto,
                   (rove__bytes){keys()->headquarters, keys()->headquarters_size}) == ROVE_OK);
    fuzz_check(rove__opening_record(&opening, record.data, record.size, &content, &frame) ==
               ROVE_OK);
    fuzz_check(content.size < sizeof inside);
    memcpy(inside + 1, content.data, content.size);
    fuzz_give_kind(to, 1, inside, content.size + 1);
    fuzz_give_kind(to, 2, inside, content.size + 1);
    rove__opening_end(&opening);
    rove__buf_free(&record);
    rove__buf_free(&content);
    give_alone(to, &allocator);
}
