/*
 * wire/message_ack.c - the messages with lists of verdicts, canonical stamps, renames and origins:
 * Ack, Renumber and NeedRow, to and from sync.proto.
 *
 * Writing builds protobuf-c's arrays of pointers in a temporary arena; reading copies each item
 * into our own struct and checks it on the way.
 */
#include <string.h>

#include "sync.pb-c.h"
#include "wire/batch.h"
#include "wire/proto.h"

static int origin_valid(uint64_t stamp, uint32_t replica) {
    return stamp != 0 && stamp <= ROVE_STAMP_MAX && replica != 0 && replica <= ROVE_REPLICA_MAX;
}

static rove_status put_verdicts(const rove__ack *ack, rove__arena *arena,
                                Rove__Sync__Ack *message) {
    size_t count = ack->verdict_count;
    Rove__Sync__Verdict *items = rove__proto_array(arena, count, sizeof *items);

    message->n_verdicts = count;
    message->verdicts = rove__proto_array(arena, count, sizeof(Rove__Sync__Verdict *));
    if (items == NULL || message->verdicts == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const rove__verdict *from = &ack->verdicts[i];

        rove__sync__verdict__init(&items[i]);
        ROVE_PROTO_SET(&items[i], code, (uint32_t)from->code);
        ROVE_PROTO_SET(&items[i], entity, from->entity);
        ROVE_PROTO_SET(&items[i], id, from->id);
        ROVE_PROTO_SET(&items[i], field, from->field);
        if (from->status != ROVE_OK) {
            ROVE_PROTO_SET(&items[i], status, (uint32_t)from->status);
        }
        if (from->reason != NULL && from->reason[0] != '\0') {
            items[i].reason = rove__proto_text(from->reason);
        }
        message->verdicts[i] = &items[i];
    }
    return ROVE_OK;
}

static rove_status get_verdicts(const Rove__Sync__Ack *message, rove__arena *arena,
                                rove__ack *ack) {
    rove__verdict *items = rove__proto_array(arena, message->n_verdicts, sizeof *items);

    if (items == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < message->n_verdicts; i++) {
        const Rove__Sync__Verdict *from = message->verdicts[i];

        if (from->code < ROVE_VERDICT_LOST || from->code > ROVE_VERDICT_KNOWN ||
            from->entity == 0 || from->id <= 0) {
            return ROVE_PROTOCOL;
        }
        items[i].entity = from->entity;
        items[i].id = from->id;
        items[i].field = from->field;
        items[i].code = (rove__verdict_code)from->code;
        items[i].status = rove__proto_status(from->status, ROVE_INVALID);
        items[i].reason = from->reason == NULL ? "" : from->reason;
    }
    ack->verdicts = items;
    ack->verdict_count = message->n_verdicts;
    return ROVE_OK;
}

static rove_status put_canonicals(const rove__ack *ack, rove__arena *arena,
                                  Rove__Sync__Ack *message) {
    size_t count = ack->canonical_count;
    Rove__Sync__Canonical *items = rove__proto_array(arena, count, sizeof *items);

    message->n_canonicals = count;
    message->canonicals = rove__proto_array(arena, count, sizeof(Rove__Sync__Canonical *));
    if (items == NULL || message->canonicals == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const rove__canonical *from = &ack->canonicals[i];

        rove__sync__canonical__init(&items[i]);
        ROVE_PROTO_SET(&items[i], entity, from->entity);
        ROVE_PROTO_SET(&items[i], id, from->id);
        ROVE_PROTO_SET(&items[i], field, from->field);
        ROVE_PROTO_SET(&items[i], raw, from->raw);
        ROVE_PROTO_SET(&items[i], stamp, from->stamp);
        message->canonicals[i] = &items[i];
    }
    return ROVE_OK;
}

static rove_status get_canonicals(const Rove__Sync__Ack *message, rove__arena *arena,
                                  rove__ack *ack) {
    rove__canonical *items = rove__proto_array(arena, message->n_canonicals, sizeof *items);

    if (items == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < message->n_canonicals; i++) {
        const Rove__Sync__Canonical *from = message->canonicals[i];

        if (from->entity == 0 || from->id <= 0 || from->raw > ROVE_STAMP_MAX || from->stamp == 0 ||
            from->stamp > ROVE_STAMP_MAX) {
            return ROVE_PROTOCOL;
        }
        items[i].id = from->id;
        items[i].entity = from->entity;
        items[i].field = from->field;
        items[i].raw = from->raw;
        items[i].stamp = from->stamp;
    }
    ack->canonicals = items;
    ack->canonical_count = message->n_canonicals;
    return ROVE_OK;
}

static rove_status put_renames(const rove__rename *renames, size_t count, rove__arena *arena,
                               Rove__Sync__Rename ***out) {
    Rove__Sync__Rename *items = rove__proto_array(arena, count, sizeof *items);

    *out = rove__proto_array(arena, count, sizeof **out);
    if (items == NULL || *out == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        rove__sync__rename__init(&items[i]);
        ROVE_PROTO_SET(&items[i], entity, renames[i].entity);
        ROVE_PROTO_SET(&items[i], id, renames[i].id);
        ROVE_PROTO_SET(&items[i], origin_stamp, renames[i].origin.stamp);
        ROVE_PROTO_SET(&items[i], origin_replica, renames[i].origin.replica);
        ROVE_PROTO_SET(&items[i], to, renames[i].to);
        (*out)[i] = &items[i];
    }
    return ROVE_OK;
}

static rove_status get_renames(Rove__Sync__Rename *const *from, size_t count, rove__arena *arena,
                               const rove__rename **out) {
    rove__rename *items = rove__proto_array(arena, count, sizeof *items);

    if (items == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (from[i]->entity == 0 || from[i]->id <= 0 || from[i]->to <= 0 ||
            !origin_valid(from[i]->origin_stamp, from[i]->origin_replica)) {
            return ROVE_PROTOCOL;
        }
        items[i].entity = from[i]->entity;
        items[i].id = from[i]->id;
        items[i].origin = (rove__origin){from[i]->origin_stamp, from[i]->origin_replica};
        items[i].to = from[i]->to;
    }
    *out = items;
    return ROVE_OK;
}

rove_status rove__ack_write(const rove__ack *ack, rove__buf *out) {
    Rove__Sync__Ack message = ROVE__SYNC__ACK__INIT;
    rove__arena arena;
    rove_status status = ROVE_OK;

    if (ack->verdict_count > ROVE_VERDICTS_MAX || ack->canonical_count > ROVE_VERDICTS_MAX ||
        ack->rename_count > ROVE_VERDICTS_MAX) {
        return ROVE_INVALID;
    }
    rove__arena_init(&arena, out->allocator, ROVE_MESSAGE_ARENA_MAX);
    ROVE_PROTO_SET(&message, number, ack->number);
    ROVE_PROTO_SET(&message, chain, rove__proto_bytes(ack->chain.hash, ROVE_SHA256_SIZE));
    ROVE_PROTO_SET(&message, seq, ack->seq);
    if (ack->resent) {
        ROVE_PROTO_SET(&message, resent, 1);
    }
    if (ack->rows.size > 0) {
        ROVE_PROTO_SET(&message, rows, rove__proto_bytes(ack->rows.data, ack->rows.size));
    }
    if (ack->last) {
        ROVE_PROTO_SET(&message, last, 1);
    }
    message.n_renames = ack->rename_count;
    status = put_renames(ack->renames, ack->rename_count, &arena, &message.renames);
    if (status == ROVE_OK) {
        status = put_verdicts(ack, &arena, &message);
    }
    if (status == ROVE_OK) {
        status = put_canonicals(ack, &arena, &message);
    }
    if (status == ROVE_OK) {
        status = rove__proto_pack(&message.base, out);
    }
    rove__arena_free(&arena);
    return status;
}

rove_status rove__ack_read(rove__ack *ack, const void *payload, size_t size, rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    const Rove__Sync__Ack *message = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__ack__descriptor, payload, size, arena, &base);

    memset(ack, 0, sizeof *ack);
    if (status != ROVE_OK) {
        return status;
    }
    message = (const Rove__Sync__Ack *)base;
    ack->number = message->number;
    ack->seq = message->seq;
    ack->resent = message->resent != 0;
    ack->last = message->last != 0;
    if (message->number == 0 || message->n_verdicts > ROVE_VERDICTS_MAX ||
        message->n_canonicals > ROVE_VERDICTS_MAX || message->n_renames > ROVE_VERDICTS_MAX ||
        !rove__proto_fixed(message->has_chain, &message->chain, ack->chain.hash,
                           ROVE_SHA256_SIZE) ||
        !rove__proto_borrow(message->has_rows, &message->rows, ROVE_BATCH_MAX, &ack->rows)) {
        return ROVE_PROTOCOL;
    }
    status = get_verdicts(message, arena, ack);
    if (status == ROVE_OK) {
        status = get_canonicals(message, arena, ack);
    }
    if (status == ROVE_OK) {
        ack->rename_count = message->n_renames;
        status = get_renames(message->renames, message->n_renames, arena, &ack->renames);
    }
    return status;
}

rove_status rove__renumber_write(const rove__renumber *renumber, rove__buf *out) {
    Rove__Sync__Renumber message = ROVE__SYNC__RENUMBER__INIT;
    rove__arena arena;
    rove_status status = ROVE_OK;

    if (renumber->rename_count == 0 || renumber->rename_count > ROVE_VERDICTS_MAX) {
        return ROVE_INVALID;
    }
    rove__arena_init(&arena, out->allocator, ROVE_MESSAGE_ARENA_MAX);
    if (renumber->rows.size > 0) {
        ROVE_PROTO_SET(&message, rows, rove__proto_bytes(renumber->rows.data, renumber->rows.size));
    }
    message.n_renames = renumber->rename_count;
    status = put_renames(renumber->renames, renumber->rename_count, &arena, &message.renames);
    if (status == ROVE_OK) {
        status = rove__proto_pack(&message.base, out);
    }
    rove__arena_free(&arena);
    return status;
}

rove_status rove__renumber_read(rove__renumber *renumber, const void *payload, size_t size,
                                rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    const Rove__Sync__Renumber *message = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__renumber__descriptor, payload, size, arena, &base);

    memset(renumber, 0, sizeof *renumber);
    if (status != ROVE_OK) {
        return status;
    }
    message = (const Rove__Sync__Renumber *)base;
    if (message->n_renames == 0 || message->n_renames > ROVE_VERDICTS_MAX ||
        !rove__proto_borrow(message->has_rows, &message->rows, ROVE_BATCH_MAX, &renumber->rows)) {
        return ROVE_PROTOCOL;
    }
    renumber->rename_count = message->n_renames;
    return get_renames(message->renames, message->n_renames, arena, &renumber->renames);
}

static rove_status put_origins(const rove__need_row *need_row, rove__arena *arena,
                               Rove__Sync__NeedRow *message) {
    size_t count = need_row->count;
    Rove__Sync__Origin *items = rove__proto_array(arena, count, sizeof *items);

    message->n_origins = count;
    message->origins = rove__proto_array(arena, count, sizeof(Rove__Sync__Origin *));
    if (items == NULL || message->origins == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        rove__sync__origin__init(&items[i]);
        ROVE_PROTO_SET(&items[i], stamp, need_row->origins[i].stamp);
        ROVE_PROTO_SET(&items[i], replica, need_row->origins[i].replica);
        message->origins[i] = &items[i];
    }
    return ROVE_OK;
}

rove_status rove__need_row_write(const rove__need_row *need_row, rove__buf *out) {
    Rove__Sync__NeedRow message = ROVE__SYNC__NEED_ROW__INIT;
    rove__arena arena;
    rove_status status = ROVE_OK;

    if (need_row->count == 0 || need_row->count > ROVE_VERDICTS_MAX) {
        return ROVE_INVALID;
    }
    rove__arena_init(&arena, out->allocator, ROVE_MESSAGE_ARENA_MAX);
    status = put_origins(need_row, &arena, &message);
    if (status == ROVE_OK) {
        status = rove__proto_pack(&message.base, out);
    }
    rove__arena_free(&arena);
    return status;
}

rove_status rove__need_row_read(rove__need_row *need_row, const void *payload, size_t size,
                                rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    const Rove__Sync__NeedRow *message = NULL;
    rove__origin *origins = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__need_row__descriptor, payload, size, arena, &base);

    memset(need_row, 0, sizeof *need_row);
    if (status != ROVE_OK) {
        return status;
    }
    message = (const Rove__Sync__NeedRow *)base;
    if (message->n_origins == 0 || message->n_origins > ROVE_VERDICTS_MAX) {
        return ROVE_PROTOCOL;
    }
    origins = rove__proto_array(arena, message->n_origins, sizeof *origins);
    if (origins == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < message->n_origins; i++) {
        const Rove__Sync__Origin *from = message->origins[i];

        if (!origin_valid(from->stamp, from->replica)) {
            return ROVE_PROTOCOL;
        }
        origins[i] = (rove__origin){from->stamp, from->replica};
    }
    *need_row = (rove__need_row){origins, message->n_origins};
    return ROVE_OK;
}
