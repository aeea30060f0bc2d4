/*
 * wire/message_device.c - the messages that a device sends (and END, which both do), to and from
 * sync.proto.
 */
#include <string.h>

#include "sync.pb-c.h"
#include "wire/batch.h"
#include "wire/proto.h"

#define SUM_SIZE         16u
#define BUCKET_SUMS_SIZE (SUM_SIZE * ROVE_BUCKETS)

rove_status rove__hello_write(const rove__hello *hello, rove__buf *out) {
    Rove__Sync__Hello message = ROVE__SYNC__HELLO__INIT;
    uint8_t total[16];

    ROVE_PROTO_SET(&message, protocol, hello->protocol);
    ROVE_PROTO_SET(&message, schema, hello->schema);
    message.app = hello->app == NULL ? NULL : rove__proto_text(hello->app);
    ROVE_PROTO_SET(&message, replica, hello->replica);
    ROVE_PROTO_SET(&message, timeline, hello->cursor.timeline);
    ROVE_PROTO_SET(&message, seq, hello->cursor.seq);
    if (hello->token.size > 0) {
        ROVE_PROTO_SET(&message, token, rove__proto_bytes(hello->token.data, hello->token.size));
    }
    ROVE_PROTO_SET(&message, wall_ms, hello->wall_ms);
    ROVE_PROTO_SET(&message, acked, hello->acked);
    ROVE_PROTO_SET(&message, chain, rove__proto_bytes(hello->chain.hash, ROVE_SHA256_SIZE));
    ROVE_PROTO_SET(&message, pending, hello->pending);
    if (hello->unverified) {
        ROVE_PROTO_SET(&message, unverified, 1);
    }
    if (hello->has_total) {
        rove__hash128_write(hello->total, total);
        ROVE_PROTO_SET(&message, total, rove__proto_bytes(total, sizeof total));
    }
    ROVE_PROTO_SET(&message, bytes_max, hello->bytes_max);
    if (hello->has_seal_id) {
        ROVE_PROTO_SET(&message, seal_id, rove__proto_bytes(hello->seal_id, ROVE_SEAL_ID_SIZE));
    }
    if (hello->formers > 0) {
        ROVE_PROTO_SET(&message, formers, hello->formers);
        ROVE_PROTO_SET(&message, checked, hello->checked);
    }
    return rove__proto_pack(&message.base, out);
}

rove_status rove__hello_read(rove__hello *hello, const void *payload, size_t size,
                             rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    const Rove__Sync__Hello *message = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__hello__descriptor, payload, size, arena, &base);

    memset(hello, 0, sizeof *hello);
    if (status != ROVE_OK) {
        return status;
    }
    message = (const Rove__Sync__Hello *)base;
    hello->protocol = message->protocol;
    hello->schema = message->schema;
    hello->app = message->app == NULL ? "" : message->app;
    hello->replica = message->replica;
    hello->cursor = (rove__cursor){message->timeline, message->seq};
    hello->wall_ms = message->wall_ms;
    hello->acked = message->acked;
    hello->pending = message->pending;
    hello->unverified = message->unverified != 0;
    hello->bytes_max = message->bytes_max;
    hello->has_seal_id = message->has_seal_id != 0;
    hello->formers = message->formers;
    hello->checked = message->checked;
    if (message->protocol < ROVE_PROTOCOL_OLDEST || message->protocol > ROVE_PROTOCOL_VERSION) {
        return ROVE_VERSION;
    }
    if (message->schema == 0 || message->replica == 0 || message->replica > ROVE_REPLICA_MAX ||
        !rove__proto_fixed(message->has_chain, &message->chain, hello->chain.hash,
                           ROVE_SHA256_SIZE) ||
        !rove__proto_borrow(message->has_token, &message->token, ROVE_TOKEN_MAX, &hello->token) ||
        !rove__proto_total(message->has_total, &message->total, &hello->has_total, &hello->total) ||
        (hello->has_seal_id && !rove__proto_fixed(message->has_seal_id, &message->seal_id,
                                                  hello->seal_id, ROVE_SEAL_ID_SIZE))) {
        return ROVE_PROTOCOL;
    }
    return ROVE_OK;
}

rove_status rove__push_write(const rove__push *push, rove__buf *out) {
    Rove__Sync__Push message = ROVE__SYNC__PUSH__INIT;

    ROVE_PROTO_SET(&message, number, push->number);
    ROVE_PROTO_SET(&message, ordinal, push->ordinal);
    if (push->last) {
        ROVE_PROTO_SET(&message, last, 1);
    }
    ROVE_PROTO_SET(&message, schema, push->schema);
    ROVE_PROTO_SET(&message, previous, rove__proto_bytes(push->previous.hash, ROVE_SHA256_SIZE));
    ROVE_PROTO_SET(&message, rows, rove__proto_bytes(push->rows.data, push->rows.size));
    return rove__proto_pack(&message.base, out);
}

rove_status rove__push_read(rove__push *push, const void *payload, size_t size,
                            rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    const Rove__Sync__Push *message = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__push__descriptor, payload, size, arena, &base);

    memset(push, 0, sizeof *push);
    if (status != ROVE_OK) {
        return status;
    }
    message = (const Rove__Sync__Push *)base;
    push->number = message->number;
    push->ordinal = message->ordinal;
    push->last = message->last != 0;
    push->schema = message->schema;
    if (message->number == 0 || message->schema == 0 || message->ordinal >= ROVE_PUSH_FRAMES_MAX ||
        !rove__proto_fixed(message->has_previous, &message->previous, push->previous.hash,
                           ROVE_SHA256_SIZE) ||
        !rove__proto_borrow(message->has_rows, &message->rows, ROVE_BATCH_MAX, &push->rows) ||
        push->rows.size == 0) {
        return ROVE_PROTOCOL;
    }
    return ROVE_OK;
}

/* The digests' scopes and sums, as the parallel lists of sync.proto. */
static rove_status put_digests(const rove__digest_list *list, rove__arena *arena,
                               Rove__Sync__Digest *message) {
    rove__scope *scopes = rove__proto_array(arena, list->count, sizeof *scopes);
    uint8_t *sums = rove__proto_array(arena, list->count, SUM_SIZE);
    rove__proto_scopes lists;
    rove_status status = ROVE_OK;

    if (scopes == NULL || sums == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < list->count; i++) {
        scopes[i] = list->items[i].scope;
        rove__hash128_write(list->items[i].sum, sums + SUM_SIZE * i);
    }
    status = rove__proto_put_scopes(scopes, list->count, arena, &lists);
    message->n_roots = lists.n_roots;
    message->roots = lists.roots;
    message->n_parts = lists.n_parts;
    message->parts = lists.parts;
    ROVE_PROTO_SET(message, sums, rove__proto_bytes(sums, SUM_SIZE * list->count));
    return status;
}

static rove_status put_buckets(const rove__digest_list *list, rove__arena *arena,
                               Rove__Sync__Digest *message) {
    rove__scope *scopes = rove__proto_array(arena, list->bucket_count, sizeof *scopes);
    uint8_t *sums = rove__proto_array(arena, list->bucket_count, BUCKET_SUMS_SIZE);
    rove__proto_scopes lists;
    rove_status status = ROVE_OK;

    if (scopes == NULL || sums == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < list->bucket_count; i++) {
        scopes[i] = list->buckets[i].scope;
        for (size_t b = 0; b < ROVE_BUCKETS; b++) {
            rove__hash128_write(list->buckets[i].sums[b],
                                sums + BUCKET_SUMS_SIZE * i + SUM_SIZE * b);
        }
    }
    status = rove__proto_put_scopes(scopes, list->bucket_count, arena, &lists);
    message->n_bucket_roots = lists.n_roots;
    message->bucket_roots = lists.roots;
    message->n_bucket_parts = lists.n_parts;
    message->bucket_parts = lists.parts;
    if (list->bucket_count > 0) {
        ROVE_PROTO_SET(message, bucket_sums,
                       rove__proto_bytes(sums, BUCKET_SUMS_SIZE * list->bucket_count));
    }
    return status;
}

static rove_status put_fetched(const rove__digest_list *list, rove__arena *arena,
                               Rove__Sync__Digest *message) {
    rove__proto_portions fetched;
    rove_status status =
        rove__proto_put_portions(list->fetched, list->fetched_count, arena, &fetched);

    message->n_fetched_roots = fetched.scopes.n_roots;
    message->fetched_roots = fetched.scopes.roots;
    message->n_fetched_parts = fetched.scopes.n_parts;
    message->fetched_parts = fetched.scopes.parts;
    message->n_fetched_buckets = fetched.n_buckets;
    message->fetched_buckets = fetched.buckets;
    return status;
}

rove_status rove__digest_list_write(const rove__digest_list *list, rove__buf *out) {
    Rove__Sync__Digest message = ROVE__SYNC__DIGEST__INIT;
    rove__arena arena;
    rove_status status = ROVE_OK;

    if (list->count > ROVE_SCOPES_MAX || list->bucket_count > ROVE_BUCKETED_MAX ||
        list->fetched_count > ROVE_FETCHED_MAX) {
        return ROVE_INVALID;
    }
    rove__arena_init(&arena, out->allocator, ROVE_MESSAGE_ARENA_MAX);
    status = put_digests(list, &arena, &message);
    if (status == ROVE_OK) {
        status = put_buckets(list, &arena, &message);
    }
    if (status == ROVE_OK) {
        status = put_fetched(list, &arena, &message);
    }
    if (list->last) {
        ROVE_PROTO_SET(&message, last, 1);
    }
    if (status == ROVE_OK) {
        status = rove__proto_pack(&message.base, out);
    }
    rove__arena_free(&arena);
    return status;
}

static rove_status get_digests(const Rove__Sync__Digest *message, rove__arena *arena,
                               rove__digest_list *list) {
    const rove__scope *scopes = NULL;
    rove__scope_digest *items = NULL;
    size_t count = 0;
    rove_status status = rove__proto_get_scopes(
        &(rove__proto_scopes){message->n_roots, message->roots, message->n_parts, message->parts},
        arena, &scopes, &count);

    if (status != ROVE_OK) {
        return status;
    }
    if ((message->has_sums ? message->sums.len : 0) != SUM_SIZE * count) {
        return ROVE_PROTOCOL;
    }
    items = rove__proto_array(arena, count, sizeof *items);
    if (items == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        items[i] =
            (rove__scope_digest){scopes[i], rove__hash128_read(message->sums.data + SUM_SIZE * i)};
    }
    list->items = items;
    list->count = count;
    return ROVE_OK;
}

static rove_status get_buckets(const Rove__Sync__Digest *message, rove__arena *arena,
                               rove__digest_list *list) {
    const rove__scope *scopes = NULL;
    rove__bucket_digest *items = NULL;
    size_t count = 0;
    rove_status status = rove__proto_get_scopes(
        &(rove__proto_scopes){message->n_bucket_roots, message->bucket_roots,
                              message->n_bucket_parts, message->bucket_parts},
        arena, &scopes, &count);

    if (status != ROVE_OK) {
        return status;
    }
    if (count > ROVE_BUCKETED_MAX ||
        (message->has_bucket_sums ? message->bucket_sums.len : 0) != BUCKET_SUMS_SIZE * count) {
        return ROVE_PROTOCOL;
    }
    items = rove__proto_array(arena, count, sizeof *items);
    if (items == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        items[i].scope = scopes[i];
        for (size_t b = 0; b < ROVE_BUCKETS; b++) {
            items[i].sums[b] =
                rove__hash128_read(message->bucket_sums.data + BUCKET_SUMS_SIZE * i + SUM_SIZE * b);
        }
    }
    list->buckets = items;
    list->bucket_count = count;
    return ROVE_OK;
}

static rove_status get_fetched(const Rove__Sync__Digest *message, rove__arena *arena,
                               rove__digest_list *list) {
    const rove__proto_portions fetched = {{message->n_fetched_roots, message->fetched_roots,
                                           message->n_fetched_parts, message->fetched_parts},
                                          message->n_fetched_buckets,
                                          message->fetched_buckets};
    rove_status status =
        rove__proto_get_portions(&fetched, arena, &list->fetched, &list->fetched_count);

    return status == ROVE_OK && list->fetched_count > ROVE_FETCHED_MAX ? ROVE_PROTOCOL : status;
}

rove_status rove__digest_list_read(rove__digest_list *list, const void *payload, size_t size,
                                   rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__digest__descriptor, payload, size, arena, &base);

    memset(list, 0, sizeof *list);
    if (status != ROVE_OK) {
        return status;
    }
    const Rove__Sync__Digest *message = (const Rove__Sync__Digest *)base;
    list->last = message->last != 0;
    status = get_digests(message, arena, list);
    if (status == ROVE_OK) {
        status = get_buckets(message, arena, list);
    }
    return status == ROVE_OK ? get_fetched(message, arena, list) : status;
}

rove_status rove__end_write(const rove__end *end, rove__buf *out) {
    Rove__Sync__End message = ROVE__SYNC__END__INIT;
    uint8_t total[16];

    if (end->more) {
        ROVE_PROTO_SET(&message, more, 1);
    }
    if (end->has_total) {
        rove__hash128_write(end->total, total);
        ROVE_PROTO_SET(&message, total, rove__proto_bytes(total, sizeof total));
    }
    ROVE_PROTO_SET(&message, row_count, end->row_count);
    ROVE_PROTO_SET(&message, head, end->head);
    if (end->digests) {
        ROVE_PROTO_SET(&message, digests, 1);
    }
    return rove__proto_pack(&message.base, out);
}

rove_status rove__end_read(rove__end *end, const void *payload, size_t size, rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    const Rove__Sync__End *message = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__end__descriptor, payload, size, arena, &base);

    memset(end, 0, sizeof *end);
    if (status != ROVE_OK) {
        return status;
    }
    message = (const Rove__Sync__End *)base;
    end->more = message->more != 0;
    end->row_count = message->row_count;
    end->head = message->head;
    end->digests = message->digests != 0;
    return rove__proto_total(message->has_total, &message->total, &end->has_total, &end->total)
               ? ROVE_OK
               : ROVE_PROTOCOL;
}
