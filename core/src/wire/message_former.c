/*
 * wire/message_former.c - batches of former numbers, to and from sync.proto: one message serves the device's list,
 * what headquarters asks for, and what it has taken.
 */
#include <string.h>

#include "sync.pb-c.h"
#include "wire/proto.h"

static rove_status put_formers(const rove__formers *formers, rove__arena *arena,
                               Rove__Sync__Formers *message) {
    size_t count = formers->count;
    uint32_t *replicas = rove__proto_array(arena, count, sizeof *replicas);
    uint64_t *numbers = rove__proto_array(arena, count, sizeof *numbers);
    uint64_t *seqs = rove__proto_array(arena, count, sizeof *seqs);
    uint8_t *hashes = rove__proto_array(arena, count, ROVE_SHA256_SIZE);
    int any_seq = 0;

    if (replicas == NULL || numbers == NULL || seqs == NULL || hashes == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        replicas[i] = formers->items[i].replica;
        numbers[i] = formers->items[i].number;
        seqs[i] = formers->items[i].seq;
        any_seq |= seqs[i] != 0;
        memcpy(hashes + i * ROVE_SHA256_SIZE, formers->items[i].hash.hash, ROVE_SHA256_SIZE);
    }
    message->n_replicas = count;
    message->replicas = replicas;
    message->n_numbers = count;
    message->numbers = numbers;
    if (formers->hashed) {
        ROVE_PROTO_SET(message, hashes, rove__proto_bytes(hashes, count * ROVE_SHA256_SIZE));
    }
    if (any_seq) {
        message->n_seqs = count;
        message->seqs = seqs;
    }
    return ROVE_OK;
}

rove_status rove__formers_write(const rove__formers *formers, rove__buf *out) {
    Rove__Sync__Formers message = ROVE__SYNC__FORMERS__INIT;
    rove__arena arena;

    if (formers->count > ROVE_FORMERS_MAX) {
        return ROVE_INVALID;
    }
    rove__arena_init(&arena, out->allocator, ROVE_MESSAGE_ARENA_MAX);
    rove_status status = put_formers(formers, &arena, &message);
    if (status == ROVE_OK) {
        status = rove__proto_pack(&message.base, out);
    }
    rove__arena_free(&arena);
    return status;
}

rove_status rove__formers_read(rove__formers *formers, const void *payload, size_t size,
                               rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    const Rove__Sync__Formers *message = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__formers__descriptor, payload, size, arena, &base);

    memset(formers, 0, sizeof *formers);
    if (status != ROVE_OK) {
        return status;
    }
    message = (const Rove__Sync__Formers *)base;
    size_t count = message->n_replicas;
    if (count > ROVE_FORMERS_MAX || message->n_numbers != count ||
        (message->n_seqs != 0 && message->n_seqs != count) ||
        (message->has_hashes && message->hashes.len != count * ROVE_SHA256_SIZE)) {
        return ROVE_PROTOCOL;
    }
    rove__former *items = rove__proto_array(arena, count, sizeof *items);
    if (items == NULL) {
        return ROVE_NOMEM;
    }
    memset(items, 0, count * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        items[i].replica = message->replicas[i];
        items[i].number = message->numbers[i];
        items[i].seq = message->n_seqs != 0 ? message->seqs[i] : 0;
        if (message->has_hashes) {
            memcpy(items[i].hash.hash, message->hashes.data + i * ROVE_SHA256_SIZE,
                   ROVE_SHA256_SIZE);
        }
        if (items[i].replica == 0 || items[i].replica > ROVE_REPLICA_MAX || items[i].number == 0 ||
            items[i].number > INT64_MAX) {
            return ROVE_PROTOCOL;
        }
    }
    *formers = (rove__formers){items, count, message->has_hashes != 0};
    return ROVE_OK;
}
