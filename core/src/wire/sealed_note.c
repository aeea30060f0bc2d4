/*
 * wire/sealed_note.c - writing and reading of sealed records that stand alone; see sealed_note.h for their bytes.
 */
#include "wire/sealed_note.h"

#include <string.h>

#include "base/assert.h"
#include "base/reader.h"
#include "wire/proof.h"

#define NOTE_LABEL    "rove sealed note" /* its NUL is signed with it */
#define RECEIPT_LABEL "rove sealed receipt"
#define LABEL_MAX     sizeof RECEIPT_LABEL
#define TAIL_MAX      (ROVE_SIGNATURE_MAX + ROVE_SEALED_CERTIFICATE_MAX + 2 * ROVE_VARINT_MAX)
#define CLAIMS_MAX    (ROVE_ROW_MAX + 256u)

ROVE_STATIC_ASSERT(ROVE_SEALED_HEAD_SIZE + ROVE_GCM_TAG_SIZE + CLAIMS_MAX + TAIL_MAX <=
                       ROVE_SEALED_MAX,
                   "every note fits a record");

static const char *label_of(uint32_t kind) {
    return kind == ROVE_SEALED_NOTE ? NOTE_LABEL : RECEIPT_LABEL;
}

/* ---- the voucher ---------------------------------------------------------------------------------------- */

typedef struct statement {
    uint8_t bytes[LABEL_MAX + ROVE_SHA256_SIZE];
    size_t size;
} statement;

static rove_status state_claims(const rove_crypto *crypto, uint32_t kind, rove__bytes claims,
                                statement *made) {
    const rove_span span = {claims.data, claims.size};
    size_t label = strlen(label_of(kind)) + 1;

    ROVE_ASSERT(label <= LABEL_MAX);
    memcpy(made->bytes, label_of(kind), label);
    made->size = label + ROVE_SHA256_SIZE;
    return crypto->sha256(crypto->ctx, &span, 1, made->bytes + label);
}

/* Signs what `content` holds, completes it, and seals it. */
static rove_status finish(const rove_crypto *crypto, const rove__sealer *sealer, uint32_t kind,
                          rove__buf *content, rove__buf *out) {
    uint8_t signature[ROVE_SIGNATURE_MAX];
    size_t size = 0;
    statement made;
    rove_status status = rove__buf_status(content);

    if (status == ROVE_OK) {
        status = state_claims(crypto, kind, (rove__bytes){content->data, content->size}, &made);
    }
    if (status == ROVE_OK) {
        status = crypto->sign(crypto->ctx, sealer->key.data, sealer->key.size, made.bytes,
                              made.size, signature, sizeof signature, &size);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__buf_bytes(content, signature, size);
    rove__buf_bytes(content, sealer->certificate.data, sealer->certificate.size);
    status = rove__buf_status(content);
    return status == ROVE_OK ? rove__seal_alone(crypto, sealer->recipient, kind,
                                                (rove__bytes){content->data, content->size}, out)
                             : status;
}

static int is_complete(const rove__sealer *sealer) {
    return sealer->recipient != NULL && sealer->certificate.size > 0 &&
           sealer->certificate.size <= ROVE_SEALED_CERTIFICATE_MAX;
}

/* After the claims, which began at `content`; the reader has nothing left then. */
static void take_voucher(rove__reader *reader, const uint8_t *content,
                         rove__sealed_voucher *voucher) {
    voucher->claims = (rove__bytes){content, (size_t)(reader->at - content)};
    voucher->signature.data =
        rove__reader_bytes(reader, ROVE_SIGNATURE_MAX, &voucher->signature.size);
    voucher->certificate.data =
        rove__reader_bytes(reader, ROVE_SEALED_CERTIFICATE_MAX, &voucher->certificate.size);
    if (rove__reader_status(reader) == ROVE_OK &&
        (rove__reader_left(reader) > 0 || voucher->signature.size == 0 ||
         voucher->certificate.size == 0)) {
        rove__reader_fail(reader, ROVE_PROTOCOL);
    }
}

static rove_status verify(const rove_crypto *crypto, rove__bytes public_key, uint32_t kind,
                          const rove__sealed_voucher *voucher) {
    statement made;
    rove_status status = state_claims(crypto, kind, voucher->claims, &made);

    return status == ROVE_OK
               ? crypto->verify(crypto->ctx, public_key.data, public_key.size, made.bytes,
                                made.size, voucher->signature.data, voucher->signature.size)
               : status;
}

/* ---- notes ---------------------------------------------------------------------------------------------- */

static int is_sound_note(const rove__sealed_note *note) {
    return note->replica > ROVE_REPLICA_HEADQUARTERS && note->replica <= ROVE_REPLICA_MAX &&
           note->ordinal > 0 && note->ordinal <= INT64_MAX && note->schema > 0 &&
           note->entity > 0 && note->row.size > 0 && note->row.size <= ROVE_ROW_MAX;
}

static void put_note(const rove__sealed_note *note, rove__buf *out) {
    rove__buf_varint(out, note->replica);
    rove__buf_varint(out, note->ordinal);
    rove__buf_varint(out, note->schema);
    rove__evidence_put(out, &note->anchor, &note->at);
    rove__buf_append(out, note->reference, sizeof note->reference);
    rove__buf_varint(out, note->entity);
    rove__buf_bytes(out, note->row.data, note->row.size);
}

rove_status rove__sealed_note_write(const rove_crypto *crypto, const rove__sealer *sealer,
                                    const rove__sealed_note *note, rove__buf *out) {
    rove__buf content;

    if (!is_sound_note(note) || !is_complete(sealer)) {
        return ROVE_INVALID;
    }
    rove__buf_init(&content, out->allocator, CLAIMS_MAX + TAIL_MAX);
    put_note(note, &content);
    rove_status status = finish(crypto, sealer, ROVE_SEALED_NOTE, &content, out);
    if (content.data != NULL) {
        rove__wipe(content.data, content.size);
    }
    rove__buf_free(&content);
    return status;
}

rove_status rove__sealed_note_read(rove__sealed_note *note, const void *content, size_t size) {
    rove__reader reader;

    memset(note, 0, sizeof *note);
    rove__reader_init(&reader, content, size);
    note->replica = (rove_replica)rove__reader_varint_max(&reader, ROVE_REPLICA_MAX);
    note->ordinal = rove__reader_varint_max(&reader, INT64_MAX);
    note->schema = (uint32_t)rove__reader_varint_max(&reader, UINT32_MAX);
    rove__evidence_take(&reader, &note->anchor, &note->at);
    rove__reader_copy(&reader, note->reference, sizeof note->reference);
    note->entity = (uint32_t)rove__reader_varint_max(&reader, UINT32_MAX);
    note->row.data = rove__reader_bytes(&reader, ROVE_ROW_MAX, &note->row.size);
    take_voucher(&reader, content, &note->voucher);
    rove_status status = rove__reader_status(&reader);
    return status == ROVE_OK && !is_sound_note(note) ? ROVE_PROTOCOL : status;
}

rove_status rove__sealed_note_verify(const rove_crypto *crypto, rove__bytes public_key,
                                     const rove__sealed_note *note) {
    return verify(crypto, public_key, ROVE_SEALED_NOTE, &note->voucher);
}

/* ---- receipts ------------------------------------------------------------------------------------------- */

static int is_sound_receipt(const rove__sealed_receipt *receipt) {
    return receipt->replica > ROVE_REPLICA_HEADQUARTERS && receipt->replica <= ROVE_REPLICA_MAX &&
           receipt->kind > 0 && receipt->kind <= ROVE_ORDER_KIND_MAX &&
           receipt->sealed_batches <= INT64_MAX && receipt->sealed_changes <= INT64_MAX &&
           receipt->records_left <= INT64_MAX;
}

rove_status rove__sealed_receipt_write(const rove_crypto *crypto, const rove__sealer *sealer,
                                       const rove__sealed_receipt *receipt, rove__buf *out) {
    rove__buf content;

    if (!is_sound_receipt(receipt) || !is_complete(sealer)) {
        return ROVE_INVALID;
    }
    rove__buf_init(&content, out->allocator, CLAIMS_MAX + TAIL_MAX);
    rove__buf_varint(&content, receipt->replica);
    rove__buf_append(&content, receipt->nonce, sizeof receipt->nonce);
    rove__buf_varint(&content, receipt->kind);
    rove__buf_varint(&content, receipt->sealed_batches);
    rove__buf_varint(&content, receipt->sealed_changes);
    rove__buf_varint(&content, receipt->records_left);
    rove__buf_varint(&content, receipt->wall_ms > 0 ? (uint64_t)receipt->wall_ms : 0);
    rove_status status = finish(crypto, sealer, ROVE_SEALED_RECEIPT, &content, out);
    rove__buf_free(&content);
    return status;
}

rove_status rove__sealed_receipt_read(rove__sealed_receipt *receipt, const void *content,
                                      size_t size) {
    rove__reader reader;

    memset(receipt, 0, sizeof *receipt);
    rove__reader_init(&reader, content, size);
    receipt->replica = (rove_replica)rove__reader_varint_max(&reader, ROVE_REPLICA_MAX);
    rove__reader_copy(&reader, receipt->nonce, sizeof receipt->nonce);
    receipt->kind = (uint32_t)rove__reader_varint_max(&reader, ROVE_ORDER_KIND_MAX);
    receipt->sealed_batches = rove__reader_varint_max(&reader, INT64_MAX);
    receipt->sealed_changes = rove__reader_varint_max(&reader, INT64_MAX);
    receipt->records_left = rove__reader_varint_max(&reader, INT64_MAX);
    receipt->wall_ms = (int64_t)rove__reader_varint_max(&reader, INT64_MAX);
    take_voucher(&reader, content, &receipt->voucher);
    rove_status status = rove__reader_status(&reader);
    return status == ROVE_OK && !is_sound_receipt(receipt) ? ROVE_PROTOCOL : status;
}

rove_status rove__sealed_receipt_verify(const rove_crypto *crypto, rove__bytes public_key,
                                        const rove__sealed_receipt *receipt) {
    return verify(crypto, public_key, ROVE_SEALED_RECEIPT, &receipt->voucher);
}
