/*
 * wire/sealed.c - sealing and opening of records; see sealed.h for their bytes.
 */
#include "wire/sealed.h"

#include <string.h>

#include "base/assert.h"
#include "base/reader.h"
#include "wire/frame.h"

#define INFO        "rove sealed 1"
#define LABEL       "rove sealed batch" /* its NUL is signed with it */
#define LABEL_SIZE  sizeof LABEL
#define SIGNED_SIZE (LABEL_SIZE + 4 + 8 + 4 + 4 + 2 * ROVE_SHA256_SIZE)
#define HEAD_OPEN   (ROVE_SEALED_HEAD_SIZE - 4) /* without the ordinal */

ROVE_STATIC_ASSERT(ROVE_SEALED_MAX <= ROVE_FRAME_SURE, "every record fits a frame of the stream");
ROVE_STATIC_ASSERT(ROVE_SEALED_HEAD_SIZE + ROVE_GCM_TAG_SIZE + 4 * ROVE_VARINT_MAX +
                           2 * ROVE_SHA256_SIZE + ROVE_SIGNATURE_MAX + ROVE_SEALED_CERTIFICATE_MAX +
                           8 <=
                       ROVE_SEALED_MAX - ROVE_BATCH_MAX,
                   "every frame of a batch fits a record");

rove_status rove__sealed_id(const rove_crypto *crypto, const uint8_t key[ROVE_SEAL_KEY_SIZE],
                            uint8_t id[ROVE_SEAL_ID_SIZE]) {
    const rove_span span = {key, ROVE_SEAL_KEY_SIZE};
    uint8_t hash[ROVE_SHA256_SIZE];
    rove_status status = crypto->sha256(crypto->ctx, &span, 1, hash);

    memcpy(id, hash, ROVE_SEAL_ID_SIZE);
    return status;
}

uint32_t rove__sealed_kind(const void *record, size_t size) {
    const uint8_t *head = record;
    int known = size > ROVE_SEALED_HEAD_SIZE + ROVE_GCM_TAG_SIZE &&
                head[0] == ROVE_SEALED_VERSION && head[1] >= ROVE_SEALED_BATCH &&
                head[1] <= ROVE_SEALED_RECEIPT;

    return known ? head[1] : 0;
}

/* ---- the signature -------------------------------------------------------------------------------------- */

static size_t put_number(uint8_t *out, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
    return size;
}

static void statement(const rove__sealed_batch *batch, uint8_t out[SIGNED_SIZE]) {
    size_t at = LABEL_SIZE;

    memcpy(out, LABEL, LABEL_SIZE);
    at += put_number(out + at, batch->replica, 4);
    at += put_number(out + at, batch->number, 8);
    at += put_number(out + at, batch->frames, 4);
    at += put_number(out + at, batch->schema, 4);
    memcpy(out + at, batch->previous.hash, ROVE_SHA256_SIZE);
    memcpy(out + at + ROVE_SHA256_SIZE, batch->hash.hash, ROVE_SHA256_SIZE);
    ROVE_ASSERT(at + 2 * ROVE_SHA256_SIZE == SIGNED_SIZE);
}

rove_status rove__sealed_sign(const rove_crypto *crypto, rove__bytes key, rove__sealed_batch *batch,
                              uint8_t signature[ROVE_SIGNATURE_MAX]) {
    uint8_t message[SIGNED_SIZE];

    statement(batch, message);
    batch->signature = (rove__bytes){signature, 0};
    return crypto->sign(crypto->ctx, key.data, key.size, message, sizeof message, signature,
                        ROVE_SIGNATURE_MAX, &batch->signature.size);
}

rove_status rove__sealed_verify(const rove_crypto *crypto, rove__bytes public_key,
                                const rove__sealed_batch *batch) {
    uint8_t message[SIGNED_SIZE];

    statement(batch, message);
    return crypto->verify(crypto->ctx, public_key.data, public_key.size, message, sizeof message,
                          batch->signature.data, batch->signature.size);
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

/* The key of a record, by whoever has one of the two private keys. */
static rove_status agree(const rove_crypto *crypto, rove__bytes own, const uint8_t *other,
                         const uint8_t *ephemeral, const uint8_t *recipient,
                         uint8_t key[ROVE_GCM_KEY_SIZE]) {
    uint8_t secret[ROVE_ECDH_SIZE];
    uint8_t salt[2 * ROVE_SEAL_KEY_SIZE];

    memcpy(salt, ephemeral, ROVE_SEAL_KEY_SIZE);
    memcpy(salt + ROVE_SEAL_KEY_SIZE, recipient, ROVE_SEAL_KEY_SIZE);
    rove_status status =
        crypto->ecdh(crypto->ctx, own.data, own.size, other, ROVE_SEAL_KEY_SIZE, secret);
    if (status == ROVE_OK) {
        status = crypto->hkdf_sha256(crypto->ctx, secret, sizeof secret, salt, sizeof salt, INFO,
                                     sizeof INFO - 1, key, ROVE_GCM_KEY_SIZE);
    }
    rove__wipe(secret, sizeof secret);
    return status;
}

static rove_status public_of(const rove_crypto *crypto, rove__bytes key,
                             uint8_t public_key[ROVE_SEAL_KEY_SIZE]) {
    uint8_t der[ROVE_PUBLIC_KEY_DER_MAX];
    size_t size = 0;
    rove_status status =
        crypto->key_public(crypto->ctx, key.data, key.size, der, sizeof der, &size);

    if (status == ROVE_OK && size != ROVE_SEAL_KEY_SIZE) {
        status = ROVE_CRYPTO;
    }
    if (status == ROVE_OK) {
        memcpy(public_key, der, ROVE_SEAL_KEY_SIZE);
    }
    return status;
}

static void nonce_of(uint32_t ordinal, uint8_t nonce[ROVE_GCM_NONCE_SIZE]) {
    memset(nonce, 0, ROVE_GCM_NONCE_SIZE);
    put_number(nonce + ROVE_GCM_NONCE_SIZE - 4, ordinal, 4);
}

/* ---- sealing -------------------------------------------------------------------------------------------- */

rove_status rove__sealing_begin(rove__sealing *sealing, const rove_crypto *crypto,
                                const uint8_t recipient[ROVE_SEAL_KEY_SIZE]) {
    uint8_t der[ROVE_KEY_DER_MAX];
    rove__bytes own = {der, 0};
    uint8_t *id = sealing->head + 2;
    uint8_t *ephemeral = id + ROVE_SEAL_ID_SIZE;

    memset(sealing, 0, sizeof *sealing);
    sealing->crypto = crypto;
    sealing->head[0] = ROVE_SEALED_VERSION;
    sealing->head[1] = ROVE_SEALED_BATCH;
    rove_status status = crypto->key_generate(crypto->ctx, der, sizeof der, &own.size);
    if (status == ROVE_OK) {
        status = public_of(crypto, own, ephemeral);
    }
    if (status == ROVE_OK) {
        status = rove__sealed_id(crypto, recipient, id);
    }
    if (status == ROVE_OK) {
        status = agree(crypto, own, recipient, ephemeral, recipient, sealing->key);
    }
    rove__wipe(der, sizeof der);
    return status;
}

static int is_sound(const rove__sealed *frame) {
    const rove__sealed_batch *batch = &frame->batch;

    return batch->replica > 0 && batch->replica <= ROVE_REPLICA_MAX && batch->number > 0 &&
           batch->number <= INT64_MAX && batch->frames <= ROVE_PUSH_FRAMES_MAX &&
           frame->ordinal < batch->frames && batch->schema > 0 && batch->signature.size > 0 &&
           batch->signature.size <= ROVE_SIGNATURE_MAX && batch->certificate.size > 0 &&
           batch->certificate.size <= ROVE_SEALED_CERTIFICATE_MAX && frame->rows.size > 0 &&
           frame->rows.size <= ROVE_BATCH_MAX;
}

static void put_content(const rove__sealed *frame, rove__buf *out) {
    const rove__sealed_batch *batch = &frame->batch;

    rove__buf_varint(out, batch->replica);
    rove__buf_varint(out, batch->number);
    rove__buf_varint(out, batch->frames);
    rove__buf_varint(out, batch->schema);
    rove__buf_append(out, batch->previous.hash, ROVE_SHA256_SIZE);
    rove__buf_append(out, batch->hash.hash, ROVE_SHA256_SIZE);
    rove__buf_bytes(out, batch->signature.data, batch->signature.size);
    rove__buf_bytes(out, batch->certificate.data, batch->certificate.size);
    rove__buf_append(out, frame->rows.data, frame->rows.size);
}

static void put_head(const rove__sealing *sealing, uint32_t ordinal, rove__buf *out) {
    rove__buf_append(out, sealing->head, HEAD_OPEN);
    rove__buf_u32(out, ordinal);
}

/* What was put from `start` on, a head and content, becomes a record. */
static rove_status encrypt(const rove__sealing *sealing, uint32_t ordinal, size_t start,
                           rove__buf *out) {
    const rove_crypto *crypto = sealing->crypto;
    uint8_t nonce[ROVE_GCM_NONCE_SIZE];
    uint8_t tag[ROVE_GCM_TAG_SIZE];
    rove_status status = rove__buf_status(out);

    if (status != ROVE_OK) {
        return status;
    }
    uint8_t *head = out->data + start;
    uint8_t *content = head + ROVE_SEALED_HEAD_SIZE;
    size_t size = out->size - start - ROVE_SEALED_HEAD_SIZE;
    nonce_of(ordinal, nonce);
    status = crypto->gcm_seal(crypto->ctx, sealing->key, nonce, head, ROVE_SEALED_HEAD_SIZE,
                              content, size, content, tag);
    if (status != ROVE_OK) {
        rove__buf_truncate(out, start);
        return status;
    }
    rove__buf_append(out, tag, sizeof tag);
    return rove__buf_status(out);
}

rove_status rove__sealing_frame(const rove__sealing *sealing, const rove__sealed *frame,
                                rove__buf *out) {
    size_t start = out->size;

    if (!is_sound(frame)) {
        return ROVE_INVALID;
    }
    put_head(sealing, frame->ordinal, out);
    put_content(frame, out);
    return encrypt(sealing, frame->ordinal, start, out);
}

rove_status rove__seal_alone(const rove_crypto *crypto, const uint8_t recipient[ROVE_SEAL_KEY_SIZE],
                             uint32_t kind, rove__bytes content, rove__buf *out) {
    rove__sealing sealing;
    size_t start = out->size;

    ROVE_ASSERT(kind == ROVE_SEALED_NOTE || kind == ROVE_SEALED_RECEIPT);
    if (content.size == 0 ||
        content.size > ROVE_SEALED_MAX - ROVE_SEALED_HEAD_SIZE - ROVE_GCM_TAG_SIZE) {
        return ROVE_INVALID;
    }
    rove_status status = rove__sealing_begin(&sealing, crypto, recipient);
    if (status == ROVE_OK) {
        sealing.head[1] = (uint8_t)kind;
        put_head(&sealing, 0, out);
        rove__buf_append(out, content.data, content.size);
        status = encrypt(&sealing, 0, start, out);
    }
    rove__sealing_end(&sealing);
    return status;
}

void rove__sealing_end(rove__sealing *sealing) {
    rove__wipe(sealing, sizeof *sealing);
}

/* ---- opening -------------------------------------------------------------------------------------------- */

rove_status rove__opening_begin(rove__opening *opening, const rove_crypto *crypto,
                                rove__bytes key) {
    memset(opening, 0, sizeof *opening);
    opening->crypto = crypto;
    opening->key = key;
    rove_status status = public_of(crypto, key, opening->public_key);
    return status == ROVE_OK ? rove__sealed_id(crypto, opening->public_key, opening->id) : status;
}

void rove__opening_end(rove__opening *opening) {
    rove__wipe(opening, sizeof *opening);
}

/* An ephemeral key that is none is the record's fault. */
static rove_status find_key(rove__opening *opening, const uint8_t *ephemeral) {
    if (opening->known && memcmp(opening->ephemeral, ephemeral, ROVE_SEAL_KEY_SIZE) == 0) {
        return ROVE_OK;
    }
    opening->known = 0;
    rove_status status = agree(opening->crypto, opening->key, ephemeral, ephemeral,
                               opening->public_key, opening->record_key);
    if (status == ROVE_OK) {
        memcpy(opening->ephemeral, ephemeral, ROVE_SEAL_KEY_SIZE);
        opening->known = 1;
    }
    return status == ROVE_INVALID ? ROVE_PROTOCOL : status;
}

rove_status rove__sealed_read(rove__sealed *sealed, uint32_t ordinal, const void *content,
                              size_t size) {
    rove__sealed_batch *batch = &sealed->batch;
    rove__reader reader;

    memset(sealed, 0, sizeof *sealed);
    rove__reader_init(&reader, content, size);
    sealed->ordinal = ordinal;
    batch->replica = (rove_replica)rove__reader_varint_max(&reader, ROVE_REPLICA_MAX);
    batch->number = rove__reader_varint_max(&reader, INT64_MAX);
    batch->frames = (uint32_t)rove__reader_varint_max(&reader, ROVE_PUSH_FRAMES_MAX);
    batch->schema = (uint32_t)rove__reader_varint_max(&reader, UINT32_MAX);
    const uint8_t *previous = rove__reader_take(&reader, ROVE_SHA256_SIZE);
    const uint8_t *hash = rove__reader_take(&reader, ROVE_SHA256_SIZE);
    batch->signature.data = rove__reader_bytes(&reader, ROVE_SIGNATURE_MAX, &batch->signature.size);
    batch->certificate.data =
        rove__reader_bytes(&reader, ROVE_SEALED_CERTIFICATE_MAX, &batch->certificate.size);
    sealed->rows.size = rove__reader_left(&reader);
    sealed->rows.data = rove__reader_take(&reader, sealed->rows.size);
    if (rove__reader_status(&reader) != ROVE_OK) {
        return rove__reader_status(&reader);
    }
    memcpy(batch->previous.hash, previous, ROVE_SHA256_SIZE);
    memcpy(batch->hash.hash, hash, ROVE_SHA256_SIZE);
    return is_sound(sealed) ? ROVE_OK : ROVE_PROTOCOL;
}

/* Decrypts what follows the head into `content`. */
static rove_status decrypt(rove__opening *opening, const uint8_t *record, size_t size,
                           uint32_t ordinal, rove__buf *content) {
    const rove_crypto *crypto = opening->crypto;
    size_t inside = size - ROVE_SEALED_HEAD_SIZE - ROVE_GCM_TAG_SIZE;
    uint8_t nonce[ROVE_GCM_NONCE_SIZE];

    rove__buf_reset(content);
    uint8_t *plain = rove__buf_reserve(content, inside);
    if (plain == NULL) {
        return rove__buf_status(content);
    }
    nonce_of(ordinal, nonce);
    return crypto->gcm_open(crypto->ctx, opening->record_key, nonce, record, ROVE_SEALED_HEAD_SIZE,
                            record + ROVE_SEALED_HEAD_SIZE, inside,
                            record + size - ROVE_GCM_TAG_SIZE, plain);
}

rove_status rove__opening_content(rove__opening *opening, const void *record, size_t size,
                                  rove__buf *content, uint32_t *ordinal) {
    const uint8_t *head = record;
    rove__reader reader;

    *ordinal = 0;
    if (size == 0 ||
        (head[0] == ROVE_SEALED_VERSION && size <= ROVE_SEALED_HEAD_SIZE + ROVE_GCM_TAG_SIZE)) {
        return ROVE_TRUNCATED;
    }
    if (head[0] != ROVE_SEALED_VERSION) {
        return ROVE_VERSION;
    }
    uint32_t kind = rove__sealed_kind(record, size);
    rove__reader_init(&reader, head + HEAD_OPEN, 4);
    *ordinal = rove__reader_u32(&reader);
    if (size > ROVE_SEALED_MAX || kind == 0 ||
        *ordinal >= (kind == ROVE_SEALED_BATCH ? ROVE_PUSH_FRAMES_MAX : 1u)) {
        return ROVE_PROTOCOL;
    }
    if (memcmp(head + 2, opening->id, ROVE_SEAL_ID_SIZE) != 0) {
        return ROVE_WRONG_KEY;
    }
    rove_status status = find_key(opening, head + 2 + ROVE_SEAL_ID_SIZE);
    return status == ROVE_OK ? decrypt(opening, head, size, *ordinal, content) : status;
}

rove_status rove__opening_record(rove__opening *opening, const void *record, size_t size,
                                 rove__buf *content, rove__sealed *sealed) {
    uint32_t ordinal = 0;

    memset(sealed, 0, sizeof *sealed);
    uint32_t kind = rove__sealed_kind(record, size);
    if (kind != 0 && kind != ROVE_SEALED_BATCH) {
        return ROVE_PROTOCOL;
    }
    rove_status status = rove__opening_content(opening, record, size, content, &ordinal);
    return status == ROVE_OK ? rove__sealed_read(sealed, ordinal, content->data, content->size)
                             : status;
}
