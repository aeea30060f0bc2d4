/*
 * drop/record.c - see record.h.
 */
#include "drop/record.h"

#include <string.h>

#include "base/alloc.h"
#include "drop/box.h"
#include "sync/exchange.h"

rove_status record_opener_begin(record_opener *self, const rove__server_ports *ports,
                                rove__arena *arena) {
    *self = (record_opener){.ports = ports, .arena = arena};
    rove__buf_init(&self->scratch, ports->allocator, ROVE_SEALED_MAX);
    return rove__opening_begin(&self->opening, ports->crypto, ports->sealing->key);
}

void record_opener_end(record_opener *self) {
    rove__buf_free(&self->scratch);
    rove__opening_end(&self->opening);
}

/* What is sealed to another key is perhaps sealed to a former one, which an operator can put back. */
int record_may_come_again(rove_status status) {
    return status == ROVE_NOMEM || status == ROVE_CRYPTO || status == ROVE_IO ||
           status == ROVE_FULL || status == ROVE_LATER || status == ROVE_VERSION ||
           status == ROVE_WRONG_KEY;
}

int record_is_frame(const drop_record *record) {
    return record->sound && record->kind == ROVE_SEALED_BATCH;
}

static int same_bytes(rove__bytes a, rove__bytes b) {
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

int record_same_signature(const drop_record *one, const drop_record *other) {
    const rove__sealed_batch *a = &one->is.frame.batch;
    const rove__sealed_batch *b = &other->is.frame.batch;

    return a->replica == b->replica && a->number == b->number && a->frames == b->frames &&
           a->schema == b->schema && rove__chain_equal(&a->previous, &b->previous) &&
           rove__chain_equal(&a->hash, &b->hash) && same_bytes(a->signature, b->signature) &&
           same_bytes(a->certificate, b->certificate);
}

/* ---- who signed ----------------------------------------------------------------------------------------- */

/* The signer's key. Of what stands alone: only the device that it speaks of may say it. */
static rove_status identify(const record_opener *self, drop_record *record, rove__bytes certificate,
                            rove_replica replica, rove__bytes *key) {
    const rove__server_sealing *sealing = self->ports->sealing;
    rove__signer *signer = &record->signer;
    rove_status status = sealing->identify(sealing->ctx, certificate, signer);

    *key = (rove__bytes){signer->public_key, signer->public_size};
    return status == ROVE_OK && replica != 0 && signer->replica != replica ? ROVE_UNAUTHORIZED
                                                                           : status;
}

static rove_status verify_frame(const record_opener *self, drop_record *record,
                                const drop_record *before) {
    const rove__sealed_batch *batch = &record->is.frame.batch;
    rove__bytes key;

    if (before != NULL && record_is_frame(before) && record_same_signature(before, record)) {
        record->signer = before->signer;
        return ROVE_OK;
    }
    rove_status status = identify(self, record, batch->certificate, 0, &key);
    return status == ROVE_OK ? rove__sealed_verify(self->ports->crypto, key, batch) : status;
}

static rove_status verify_note(const record_opener *self, drop_record *record) {
    const rove__sealed_note *note = &record->is.note;
    rove__bytes key;
    rove_status status = identify(self, record, note->voucher.certificate, note->replica, &key);

    return status == ROVE_OK ? rove__sealed_note_verify(self->ports->crypto, key, note) : status;
}

static rove_status verify_receipt(const record_opener *self, drop_record *record) {
    const rove__sealed_receipt *receipt = &record->is.receipt;
    rove__bytes key;
    rove_status status =
        identify(self, record, receipt->voucher.certificate, receipt->replica, &key);

    return status == ROVE_OK ? rove__sealed_receipt_verify(self->ports->crypto, key, receipt)
                             : status;
}

/* ---- a record ------------------------------------------------------------------------------------------- */

static rove_status read(drop_record *record, uint32_t ordinal) {
    const rove__bytes *content = &record->content;

    switch (record->kind) {
    case ROVE_SEALED_BATCH:
        return rove__sealed_read(&record->is.frame, ordinal, content->data, content->size);
    case ROVE_SEALED_NOTE:
        return rove__sealed_note_read(&record->is.note, content->data, content->size);
    default:
        return rove__sealed_receipt_read(&record->is.receipt, content->data, content->size);
    }
}

static rove_status verify(const record_opener *self, drop_record *record,
                          const drop_record *before) {
    switch (record->kind) {
    case ROVE_SEALED_BATCH:
        return verify_frame(self, record, before);
    case ROVE_SEALED_NOTE:
        return verify_note(self, record);
    default:
        return verify_receipt(self, record);
    }
}

/* 1: to open it takes an exchange of keys, as of all records but the frames that follow a first one. */
static int takes_exchange(const record_opener *self, const drop_record *record) {
    const uint8_t *recipient = record->bytes.data + 2;
    const uint8_t *ephemeral = recipient + ROVE_SEAL_ID_SIZE;

    return record->bytes.size > ROVE_SEALED_HEAD_SIZE &&
           memcmp(recipient, self->opening.id, ROVE_SEAL_ID_SIZE) == 0 &&
           (!self->opening.known ||
            memcmp(ephemeral, self->opening.ephemeral, ROVE_SEAL_KEY_SIZE) != 0);
}

rove_status record_open(record_opener *self, drop_record *record, const drop_record *before) {
    uint32_t ordinal = 0;

    rove__buf_reset(&self->scratch);
    if (takes_exchange(self, record) && ++self->exchanges > DROP_EXCHANGES_MAX) {
        return ROVE_LATER;
    }
    rove_status status = rove__opening_content(&self->opening, record->bytes.data,
                                               record->bytes.size, &self->scratch, &ordinal);
    if (status != ROVE_OK) {
        return status;
    }
    record->kind = rove__sealed_kind(record->bytes.data, record->bytes.size);
    record->content.size = self->scratch.size;
    record->content.data = rove__arena_copy(self->arena, self->scratch.data, self->scratch.size);
    if (record->content.data == NULL) {
        return ROVE_NOMEM;
    }
    status = read(record, ordinal);
    if (status == ROVE_OK) {
        status = verify(self, record, before);
    }
    record->sound = status == ROVE_OK;
    return status;
}
