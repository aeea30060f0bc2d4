/*
 * wire/proof.c - signing and reading proofs of sealed records; see proof.h for their bytes.
 */
#include "wire/proof.h"

#include <string.h>

#include "base/assert.h"
#include "base/reader.h"
#include "model/set.h"

#define LABEL         "rove sealed record" /* its NUL is signed with it */
#define CONTENT_LABEL "rove content"       /* as well */

ROVE_STATIC_ASSERT(1 + 8 * ROVE_VARINT_MAX + ROVE_PROOF_KEY_SIZE + 2 * ROVE_SHA256_SIZE +
                           ROVE_PROOF_SETS_SIZE + 1 + ROVE_BOOT_ID_SIZE + ROVE_SIGNATURE_MAX <=
                       ROVE_PROOF_MAX,
                   "every proof fits its field");

int rove__proof_field(const rove__entity *entity) {
    for (size_t i = 0; i < entity->field_count; i++) {
        if (entity->fields[i].writer == ROVE_WRITER_SEAL) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- what is signed for --------------------------------------------------------------------------------- */

static int is_plain(const rove__field *field) {
    return (field->kind == ROVE_KIND_REGISTER || field->kind == ROVE_KIND_RANK) &&
           field->writer != ROVE_WRITER_HQ && field->writer != ROVE_WRITER_SEAL;
}

static void put_cell(rove__buf *buf, uint32_t number, const rove_value *value) {
    if (value->type != ROVE_NULL) {
        rove__buf_varint(buf, number);
        rove__value_write(buf, value);
    }
}

/* Known and unknown fields are two ascending lists; they are written as one. */
static void put_cells(rove__buf *buf, const rove__row *row) {
    const rove__order *order = row->entity->by_number;
    size_t e = 0;

    for (size_t i = 0; i < order->count; i++) {
        size_t ordinal = order->ordinals[i];
        const rove__field *field = &row->entity->fields[ordinal];
        if (ordinal >= row->cell_count) {
            continue; /* a field that came after the row */
        }
        while (e < row->extra_count && row->extra[e].number < field->number) {
            put_cell(buf, row->extra[e].number, &row->extra[e].value);
            e++;
        }
        if (is_plain(field)) {
            put_cell(buf, field->number, &row->cells[ordinal]);
        }
    }
    for (; e < row->extra_count; e++) {
        put_cell(buf, row->extra[e].number, &row->extra[e].value);
    }
}

static rove_status put_set(rove__buf *buf, uint32_t number, const rove_value *cell) {
    rove__set_cursor cursor;
    rove__element element;

    rove__set_open(&cursor, cell, ROVE_SET_PLAIN);
    rove__buf_varint(buf, number);
    rove__buf_varint(buf, cursor.left);
    while (rove__set_next(&cursor, &element)) {
        rove__value_write(buf, &element.value);
    }
    return rove__set_done(&cursor);
}

static rove_status put_sets(rove__buf *buf, const rove__row *row) {
    const rove__order *order = row->entity->by_number;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < order->count && status == ROVE_OK; i++) {
        size_t ordinal = order->ordinals[i];
        if (ordinal < row->cell_count && row->entity->fields[ordinal].kind == ROVE_KIND_SET &&
            row->cells[ordinal].type != ROVE_NULL) {
            status = put_set(buf, row->entity->fields[ordinal].number, &row->cells[ordinal]);
        }
    }
    return status;
}

static rove_status hash_buf(const rove_crypto *crypto, const rove__buf *buf,
                            uint8_t hash[ROVE_SHA256_SIZE]) {
    rove_span span = {buf->data, buf->size};

    return rove__buf_status(buf) == ROVE_OK ? crypto->sha256(crypto->ctx, &span, 1, hash)
                                            : rove__buf_status(buf);
}

rove_status rove__proof_content(const rove_crypto *crypto, const rove__row *row,
                                rove__origin origin, rove__buf *scratch,
                                uint8_t content[ROVE_SHA256_SIZE],
                                uint8_t sets[ROVE_PROOF_SETS_SIZE]) {
    uint8_t hash[ROVE_SHA256_SIZE] = {0};

    ROVE_ASSERT(row->entity != NULL);
    rove__buf_reset(scratch);
    rove_status status = put_sets(scratch, row);
    if (status == ROVE_OK) {
        status = hash_buf(crypto, scratch, hash);
    }
    memcpy(sets, hash, ROVE_PROOF_SETS_SIZE);
    rove__buf_reset(scratch);
    rove__buf_append(scratch, CONTENT_LABEL, sizeof CONTENT_LABEL);
    rove__buf_varint(scratch, row->entity_number);
    rove__buf_u32(scratch, origin.replica);
    rove__buf_u64(scratch, origin.stamp);
    put_cells(scratch, row);
    return status == ROVE_OK ? hash_buf(crypto, scratch, content) : status;
}

/* ---- the signature -------------------------------------------------------------------------------------- */

rove_status rove__proof_key(const rove_crypto *crypto, rove__bytes public_key,
                            uint8_t id[ROVE_PROOF_KEY_SIZE]) {
    const rove_span span = {public_key.data, public_key.size};
    uint8_t hash[ROVE_SHA256_SIZE] = {0};
    rove_status status = crypto->sha256(crypto->ctx, &span, 1, hash);

    memcpy(id, hash, ROVE_PROOF_KEY_SIZE);
    return status;
}

static rove_status key_of(const rove_crypto *crypto, rove__bytes key,
                          uint8_t id[ROVE_PROOF_KEY_SIZE]) {
    uint8_t der[ROVE_PUBLIC_KEY_DER_MAX];
    rove__bytes public_key = {der, 0};
    rove_status status =
        crypto->key_public(crypto->ctx, key.data, key.size, der, sizeof der, &public_key.size);

    return status == ROVE_OK ? rove__proof_key(crypto, public_key, id) : status;
}

static void put_claims(const rove__proof *proof, rove__buf *out) {
    rove__buf_byte(out, ROVE_PROOF_VERSION);
    rove__buf_varint(out, proof->replica);
    rove__buf_varint(out, proof->ordinal);
    rove__buf_append(out, proof->key, sizeof proof->key);
    rove__buf_append(out, proof->previous, sizeof proof->previous);
    rove__buf_append(out, proof->content, sizeof proof->content);
    rove__buf_append(out, proof->sets, sizeof proof->sets);
    rove__evidence_put(out, &proof->anchor, &proof->at);
}

/* The label and the claims, in `message`; their size. */
static size_t statement(const void *claims, size_t size, uint8_t message[]) {
    memcpy(message, LABEL, sizeof LABEL);
    memcpy(message + sizeof LABEL, claims, size);
    return sizeof LABEL + size;
}

rove_status rove__proof_sign(const rove_crypto *crypto, rove__bytes key, rove__proof *proof,
                             rove__buf *out) {
    uint8_t message[sizeof LABEL + ROVE_PROOF_MAX];
    uint8_t signature[ROVE_SIGNATURE_MAX];
    size_t size = 0;
    rove_status status = key_of(crypto, key, proof->key);

    rove__buf_reset(out);
    put_claims(proof, out);
    if (status == ROVE_OK) {
        status = rove__buf_status(out);
    }
    if (status != ROVE_OK) {
        return status;
    }
    ROVE_ASSERT(out->size + ROVE_SIGNATURE_MAX <= ROVE_PROOF_MAX);
    size_t signed_size = statement(out->data, out->size, message);
    status = crypto->sign(crypto->ctx, key.data, key.size, message, signed_size, signature,
                          sizeof signature, &size);
    if (status != ROVE_OK) {
        return status;
    }
    rove__buf_append(out, signature, size);
    return rove__buf_status(out);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

rove_status rove__proof_read(rove__proof *proof, const void *bytes, size_t size) {
    rove__reader reader;

    memset(proof, 0, sizeof *proof);
    if (size > 0 && *(const uint8_t *)bytes != ROVE_PROOF_VERSION) {
        return ROVE_VERSION;
    }
    rove__reader_init(&reader, bytes, size);
    (void)rove__reader_byte(&reader);
    proof->replica = (rove_replica)rove__reader_varint_max(&reader, ROVE_REPLICA_MAX);
    proof->ordinal = rove__reader_varint_max(&reader, INT64_MAX);
    rove__reader_copy(&reader, proof->key, sizeof proof->key);
    rove__reader_copy(&reader, proof->previous, sizeof proof->previous);
    rove__reader_copy(&reader, proof->content, sizeof proof->content);
    rove__reader_copy(&reader, proof->sets, sizeof proof->sets);
    rove__evidence_take(&reader, &proof->anchor, &proof->at);
    proof->signature.size = rove__reader_left(&reader);
    proof->signature.data = rove__reader_take(&reader, proof->signature.size);
    if (rove__reader_status(&reader) != ROVE_OK) {
        return rove__reader_status(&reader);
    }
    return proof->replica > ROVE_REPLICA_HEADQUARTERS && proof->ordinal > 0 &&
                   proof->signature.size > 0 && proof->signature.size <= ROVE_SIGNATURE_MAX
               ? ROVE_OK
               : ROVE_PROTOCOL;
}

rove_status rove__proof_verify(const rove_crypto *crypto, rove__bytes public_key,
                               const rove__proof *proof, const void *bytes, size_t size) {
    uint8_t message[sizeof LABEL + ROVE_PROOF_MAX];

    if (size > ROVE_PROOF_MAX || proof->signature.size > size) {
        return ROVE_CORRUPT;
    }
    size_t signed_size = statement(bytes, size - proof->signature.size, message);
    return crypto->verify(crypto->ctx, public_key.data, public_key.size, message, signed_size,
                          proof->signature.data, proof->signature.size);
}

rove_status rove__proof_hash(const rove_crypto *crypto, const void *bytes, size_t size,
                             uint8_t hash[ROVE_SHA256_SIZE]) {
    const rove_span span = {bytes, size};

    return crypto->sha256(crypto->ctx, &span, 1, hash);
}

/* ---- evidence ------------------------------------------------------------------------------------------- */

void rove__evidence_put(rove__buf *out, const rove__anchor *anchor, const rove_clock_reading *at) {
    rove__buf_zigzag(out, anchor->server_ms);
    rove__buf_zigzag(out, anchor->at.wall_ms);
    rove__buf_zigzag(out, anchor->at.boot_ms);
    rove__buf_zigzag(out, at->wall_ms);
    rove__buf_zigzag(out, at->boot_ms);
    rove__buf_byte(out, memcmp(at->boot_id, anchor->at.boot_id, ROVE_BOOT_ID_SIZE) == 0);
    rove__buf_append(out, at->boot_id, sizeof at->boot_id);
}

void rove__evidence_take(rove__reader *reader, rove__anchor *anchor, rove_clock_reading *at) {
    anchor->server_ms = rove__reader_zigzag(reader);
    anchor->at.wall_ms = rove__reader_zigzag(reader);
    anchor->at.boot_ms = rove__reader_zigzag(reader);
    at->wall_ms = rove__reader_zigzag(reader);
    at->boot_ms = rove__reader_zigzag(reader);
    uint8_t same = rove__reader_byte(reader);
    rove__reader_copy(reader, at->boot_id, sizeof at->boot_id);
    if (same > 1) {
        rove__reader_fail(reader, ROVE_PROTOCOL);
    }
    memcpy(anchor->at.boot_id, at->boot_id, ROVE_BOOT_ID_SIZE);
    anchor->at.boot_id[0] ^= same == 1 ? 0 : 0xff;
}

/* ---- its time ------------------------------------------------------------------------------------------- */

int64_t rove__proof_time_ms(const rove__proof *proof) {
    int trusted = 0;

    return rove__anchor_now_ms(&proof->anchor, &proof->at, &trusted);
}

const char *rove__proof_suspect(const rove__proof *proof) {
    int trusted = 0;
    int64_t now_ms = rove__anchor_now_ms(&proof->anchor, &proof->at, &trusted);
    int64_t apart = 0;

    if (!trusted) {
        return "no contact with headquarters since the device was switched on";
    }
    if (__builtin_sub_overflow(proof->at.wall_ms, now_ms, &apart) || apart > ROVE_PROOF_APART_MS ||
        apart < -ROVE_PROOF_APART_MS) {
        return "the device's clock was wrong";
    }
    return NULL;
}
