/*
 * wire/message_server.c - the messages that headquarters sends, to and from sync.proto; the parts
 * of an Ack that are lists are in wire/message_ack.c.
 */
#include <string.h>

#include "sync.pb-c.h"
#include "wire/batch.h"
#include "wire/proto.h"

rove_status rove__welcome_write(const rove__welcome *welcome, rove__buf *out) {
    Rove__Sync__Welcome message = ROVE__SYNC__WELCOME__INIT;

    ROVE_PROTO_SET(&message, protocol, welcome->protocol);
    ROVE_PROTO_SET(&message, schema, welcome->schema);
    ROVE_PROTO_SET(&message, server_ms, welcome->server_ms);
    ROVE_PROTO_SET(&message, timeline, welcome->timeline);
    ROVE_PROTO_SET(&message, replica, welcome->replica);
    ROVE_PROTO_SET(&message, user, welcome->user);
    ROVE_PROTO_SET(&message, digest_key,
                   rove__proto_bytes(welcome->digest_key, ROVE_HASH_KEY_SIZE));
    ROVE_PROTO_SET(&message, safe, welcome->safe);
    ROVE_PROTO_SET(&message, poll_ms, welcome->poll_ms);
    ROVE_PROTO_SET(&message, renew_after_ms, welcome->renew_after_ms);
    if (welcome->policy.size > 0) {
        ROVE_PROTO_SET(&message, policy,
                       rove__proto_bytes(welcome->policy.data, welcome->policy.size));
    }
    if (welcome->seal_key.size > 0) {
        ROVE_PROTO_SET(&message, seal_key,
                       rove__proto_bytes(welcome->seal_key.data, welcome->seal_key.size));
    }
    if (welcome->lease_ms > 0) {
        ROVE_PROTO_SET(&message, lease_ms, welcome->lease_ms);
    }
    return rove__proto_pack(&message.base, out);
}

rove_status rove__welcome_read(rove__welcome *welcome, const void *payload, size_t size,
                               rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    const Rove__Sync__Welcome *message = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__welcome__descriptor, payload, size, arena, &base);

    memset(welcome, 0, sizeof *welcome);
    if (status != ROVE_OK) {
        return status;
    }
    message = (const Rove__Sync__Welcome *)base;
    welcome->protocol = message->protocol;
    welcome->schema = message->schema;
    welcome->server_ms = message->server_ms;
    welcome->timeline = message->timeline;
    welcome->replica = message->replica;
    welcome->user = message->user;
    welcome->safe = message->safe;
    welcome->poll_ms = message->poll_ms;
    welcome->renew_after_ms = message->renew_after_ms;
    welcome->lease_ms = message->lease_ms;
    if (message->protocol < ROVE_PROTOCOL_OLDEST || message->protocol > ROVE_PROTOCOL_VERSION) {
        return ROVE_VERSION;
    }
    if (message->schema == 0 || message->replica == 0 || message->replica > ROVE_REPLICA_MAX ||
        message->server_ms < 0 || message->user < 0 || message->poll_ms < 0 ||
        message->renew_after_ms < 0 || message->lease_ms < 0 ||
        !rove__proto_fixed(message->has_digest_key, &message->digest_key, welcome->digest_key,
                           ROVE_HASH_KEY_SIZE) ||
        !rove__proto_borrow(message->has_policy, &message->policy, ROVE_POLICY_MAX,
                            &welcome->policy) ||
        !rove__proto_borrow(message->has_seal_key, &message->seal_key, ROVE_SEAL_KEY_SIZE,
                            &welcome->seal_key) ||
        (welcome->seal_key.size != 0 && welcome->seal_key.size != ROVE_SEAL_KEY_SIZE)) {
        return ROVE_PROTOCOL;
    }
    return ROVE_OK;
}

rove_status rove__need_write(const rove__need *need, rove__buf *out) {
    Rove__Sync__Need message = ROVE__SYNC__NEED__INIT;

    ROVE_PROTO_SET(&message, number, need->number);
    return rove__proto_pack(&message.base, out);
}

rove_status rove__need_read(rove__need *need, const void *payload, size_t size,
                            rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__need__descriptor, payload, size, arena, &base);

    memset(need, 0, sizeof *need);
    if (status != ROVE_OK) {
        return status;
    }
    need->number = ((const Rove__Sync__Need *)base)->number;
    return need->number == 0 ? ROVE_PROTOCOL : ROVE_OK;
}

static rove_status put_lists(const rove__page *page, rove__arena *arena,
                             Rove__Sync__Page *message) {
    rove__proto_scopes left;
    rove__proto_portions begin;
    rove__proto_scopes done;
    rove_status status = rove__proto_put_scopes(page->left, page->left_count, arena, &left);

    if (status == ROVE_OK) {
        status = rove__proto_put_portions(page->begin, page->begin_count, arena, &begin);
    }
    if (status == ROVE_OK) {
        status = rove__proto_put_scopes(page->done, page->done_count, arena, &done);
    }
    if (status == ROVE_OK && page->has_held) {
        message->n_held = page->held_count;
        ROVE_PROTO_SET(message, has_held, 1);
        status = rove__proto_put_ids(page->held, page->held_count, arena, &message->held);
    }
    if (status != ROVE_OK) {
        return status;
    }
    message->n_left_roots = left.n_roots;
    message->left_roots = left.roots;
    message->n_left_parts = left.n_parts;
    message->left_parts = left.parts;
    message->n_begin_roots = begin.scopes.n_roots;
    message->begin_roots = begin.scopes.roots;
    message->n_begin_parts = begin.scopes.n_parts;
    message->begin_parts = begin.scopes.parts;
    message->n_begin_buckets = begin.n_buckets;
    message->begin_buckets = begin.buckets;
    message->n_done_roots = done.n_roots;
    message->done_roots = done.roots;
    message->n_done_parts = done.n_parts;
    message->done_parts = done.parts;
    return ROVE_OK;
}

rove_status rove__page_write(const rove__page *page, rove__buf *out) {
    Rove__Sync__Page message = ROVE__SYNC__PAGE__INIT;
    rove__arena arena;
    rove_status status = ROVE_OK;

    if (page->left_count > ROVE_SCOPES_MAX || page->begin_count > ROVE_SCOPES_MAX ||
        page->done_count > ROVE_SCOPES_MAX || page->held_count > ROVE_HELD_MAX) {
        return ROVE_INVALID;
    }
    rove__arena_init(&arena, out->allocator, ROVE_MESSAGE_ARENA_MAX);
    status = put_lists(page, &arena, &message);
    if (page->rows.size > 0) {
        ROVE_PROTO_SET(&message, rows, rove__proto_bytes(page->rows.data, page->rows.size));
    }
    ROVE_PROTO_SET(&message, timeline, page->cursor.timeline);
    ROVE_PROTO_SET(&message, seq, page->cursor.seq);
    if (page->token.size > 0) {
        ROVE_PROTO_SET(&message, token, rove__proto_bytes(page->token.data, page->token.size));
    }
    if (page->more) {
        ROVE_PROTO_SET(&message, more, 1);
    }
    if (page->row_count > 0) {
        ROVE_PROTO_SET(&message, row_count, page->row_count);
    }
    if (status == ROVE_OK) {
        status = rove__proto_pack(&message.base, out);
    }
    rove__arena_free(&arena);
    return status;
}

static rove_status get_lists(const Rove__Sync__Page *message, rove__arena *arena,
                             rove__page *page) {
    const rove__proto_scopes left = {message->n_left_roots, message->left_roots,
                                     message->n_left_parts, message->left_parts};
    const rove__proto_portions begin = {{message->n_begin_roots, message->begin_roots,
                                         message->n_begin_parts, message->begin_parts},
                                        message->n_begin_buckets,
                                        message->begin_buckets};
    const rove__proto_scopes done = {message->n_done_roots, message->done_roots,
                                     message->n_done_parts, message->done_parts};
    rove_status status = rove__proto_get_scopes(&left, arena, &page->left, &page->left_count);

    if (status == ROVE_OK) {
        status = rove__proto_get_portions(&begin, arena, &page->begin, &page->begin_count);
    }
    if (status == ROVE_OK) {
        status = rove__proto_get_scopes(&done, arena, &page->done, &page->done_count);
    }
    if (status == ROVE_OK && message->has_has_held && message->has_held) {
        page->has_held = 1;
        page->held_count = message->n_held;
        status =
            rove__proto_get_ids(message->held, message->n_held, ROVE_HELD_MAX, arena, &page->held);
    }
    return status;
}

rove_status rove__page_read(rove__page *page, const void *payload, size_t size,
                            rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    const Rove__Sync__Page *message = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__page__descriptor, payload, size, arena, &base);

    memset(page, 0, sizeof *page);
    if (status != ROVE_OK) {
        return status;
    }
    message = (const Rove__Sync__Page *)base;
    page->cursor = (rove__cursor){message->timeline, message->seq};
    page->more = message->more != 0;
    page->row_count = message->row_count;
    if (!message->has_timeline || !message->has_seq ||
        !rove__proto_borrow(message->has_rows, &message->rows, ROVE_BATCH_MAX, &page->rows) ||
        !rove__proto_borrow(message->has_token, &message->token, ROVE_TOKEN_MAX, &page->token)) {
        return ROVE_PROTOCOL;
    }
    return get_lists(message, arena, page);
}

rove_status rove__differ_write(const rove__differ *differ, rove__buf *out) {
    Rove__Sync__Differ message = ROVE__SYNC__DIFFER__INIT;
    rove__proto_portions follow;
    rove__proto_portions again;
    rove__arena arena;
    rove_status status = ROVE_OK;

    if (differ->count > ROVE_SCOPES_MAX || differ->again_count > ROVE_FETCHED_MAX) {
        return ROVE_INVALID;
    }
    rove__arena_init(&arena, out->allocator, ROVE_MESSAGE_ARENA_MAX);
    status = rove__proto_put_portions(differ->portions, differ->count, &arena, &follow);
    if (status == ROVE_OK) {
        status = rove__proto_put_portions(differ->again, differ->again_count, &arena, &again);
    }
    if (status == ROVE_OK) {
        message.n_roots = follow.scopes.n_roots;
        message.roots = follow.scopes.roots;
        message.n_parts = follow.scopes.n_parts;
        message.parts = follow.scopes.parts;
        message.n_buckets = follow.n_buckets;
        message.buckets = follow.buckets;
        message.n_again_roots = again.scopes.n_roots;
        message.again_roots = again.scopes.roots;
        message.n_again_parts = again.scopes.n_parts;
        message.again_parts = again.scopes.parts;
        message.n_again_buckets = again.n_buckets;
        message.again_buckets = again.buckets;
        status = rove__proto_pack(&message.base, out);
    }
    rove__arena_free(&arena);
    return status;
}

rove_status rove__differ_read(rove__differ *differ, const void *payload, size_t size,
                              rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__differ__descriptor, payload, size, arena, &base);

    memset(differ, 0, sizeof *differ);
    if (status != ROVE_OK) {
        return status;
    }
    const Rove__Sync__Differ *message = (const Rove__Sync__Differ *)base;
    const rove__proto_portions follow = {
        {message->n_roots, message->roots, message->n_parts, message->parts},
        message->n_buckets,
        message->buckets};
    const rove__proto_portions again = {{message->n_again_roots, message->again_roots,
                                         message->n_again_parts, message->again_parts},
                                        message->n_again_buckets,
                                        message->again_buckets};
    status = rove__proto_get_portions(&follow, arena, &differ->portions, &differ->count);
    return status == ROVE_OK
               ? rove__proto_get_portions(&again, arena, &differ->again, &differ->again_count)
               : status;
}

rove_status rove__fail_write(const rove__fail *fail, rove__buf *out) {
    Rove__Sync__Fail message = ROVE__SYNC__FAIL__INIT;

    ROVE_PROTO_SET(&message, status, (uint32_t)fail->status);
    message.reason = fail->reason == NULL ? NULL : rove__proto_text(fail->reason);
    return rove__proto_pack(&message.base, out);
}

rove_status rove__fail_read(rove__fail *fail, const void *payload, size_t size,
                            rove__arena *arena) {
    ProtobufCMessage *base = NULL;
    const Rove__Sync__Fail *message = NULL;
    rove_status status =
        rove__proto_unpack(&rove__sync__fail__descriptor, payload, size, arena, &base);

    memset(fail, 0, sizeof *fail);
    if (status != ROVE_OK) {
        return status;
    }
    message = (const Rove__Sync__Fail *)base;
    fail->reason = message->reason == NULL ? "" : message->reason;
    fail->status = rove__proto_status(message->status, ROVE_SERVER);
    return fail->status == ROVE_OK || fail->status == ROVE_DONE ? ROVE_PROTOCOL : ROVE_OK;
}
