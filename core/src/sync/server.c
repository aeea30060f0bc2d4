/*
 * sync/server.c - headquarters' end of an exchange: the request. See server.h.
 *
 * Frames are taken as they come, in any chunking: a push is decoded and staged, the rest is kept. Nothing is judged
 * before the whole request is here. What is malformed makes the exchange fail as a whole, before anything was
 * applied; the device is told why.
 */
#include "sync/server.h"

#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/text.h"
#include "sync/server_state.h"

void rove__server_fail(rove__server *server, rove_status status, const char *reason) {
    ROVE_ASSERT(status != ROVE_OK);
    if (server->failed != ROVE_OK) {
        return;
    }
    server->failed = status;
    rove__text_format(server->reason, sizeof server->reason, "%s",
                      reason[0] != '\0' ? reason : rove_status_text(status));
    rove__log(server->ports.log, ROVE_LOG_WARN, "server", "exchange with device %u failed: %s",
              (unsigned)server->replica, rove_status_name(status));
}

rove_status rove__server_new(const rove__server_ports *ports, const rove__server_policy *policy,
                             rove_replica replica, int64_t now_ms, rove__server **out) {
    rove__server *server = rove__alloc_zeroed(ports->allocator, 1, sizeof *server);

    *out = NULL;
    if (server == NULL) {
        return ROVE_NOMEM;
    }
    server->ports = *ports;
    server->policy = *policy;
    server->replica = replica;
    server->now_ms = now_ms;
    rove__arena_init(&server->arena, ports->allocator, ROVE_SERVER_MESSAGE_MAX);
    rove__stage_init(&server->stage, &server->ports);
    rove__buf_init(&server->out, ports->allocator, 4 * (size_t)ROVE_FRAME_MAX);
    rove__buf_init(&server->payload, ports->allocator, ROVE_FRAME_MAX);
    rove__buf_init(&server->content, ports->allocator, ROVE_SEALED_MAX);
    rove__buf_init(&server->batch_bytes, ports->allocator, ROVE_FRAME_MAX);
    rove__holdings_init(&server->readable, ports->allocator);
    rove_status status = rove__frame_reader_new(ports->allocator, &server->reader);
    if (status == ROVE_OK) {
        status = rove__frame_writer_new(ports->allocator, ROVE_FRAME_WINDOW_LOG, &server->writer);
    }
    if (status == ROVE_OK) {
        status = rove__batch_writer_new(ports->allocator, ROVE_BATCH_MAX - 8192, &server->batch);
    }
    if (status != ROVE_OK) {
        rove__server_free(server);
        return status;
    }
    *out = server;
    return ROVE_OK;
}

void rove__server_close_request(rove__server *server) {
    rove__frame_reader_free(server->reader);
    server->reader = NULL;
    rove__buf_free(&server->content);
    rove__stage_close(&server->stage);
}

void rove__server_drop_request(rove__server *server) {
    for (size_t i = 0; i < server->batch_count; i++) {
        rove__staged_free(server->batches[i]);
    }
    server->batch_count = 0;
    server->next_batch = 0;
    rove__staged_free(server->current);
    server->current = NULL;
    rove__stage_free(&server->stage);
}

void rove__server_free(rove__server *server) {
    if (server == NULL) {
        return;
    }
    const rove_allocator *allocator = server->ports.allocator;
    rove__server_close_request(server);
    rove__server_drop_request(server);
    for (size_t i = 0; i < server->answer_count; i++) {
        rove__answer_free(&server->answers[i]);
    }
    rove__pull_free(server->pull);
    rove__frame_writer_free(server->writer);
    rove__batch_writer_free(server->batch);
    rove__arena_free(&server->arena);
    rove__buf_free(&server->out);
    rove__buf_free(&server->payload);
    rove__opening_end(&server->opening);
    rove__buf_free(&server->batch_bytes);
    rove__holdings_free(&server->readable);
    rove__free(allocator, server->digests);
    rove__free(allocator, server->formers);
    rove__free(allocator, server->buckets);
    rove__free(allocator, server->fetched);
    rove__free(allocator, server->needed);
    rove__free(allocator, server);
}

const rove__server_stats *rove__server_statistics(const rove__server *server) {
    return &server->stats;
}

/* ---- frames --------------------------------------------------------------------------------------------- */

static rove_status take_hello(rove__server *server, const rove__frame *frame, rove_error *error) {
    rove__hello *hello = &server->hello;
    uint32_t protocol = 0;
    rove_status status = rove__hello_read(hello, frame->payload, frame->size, &server->arena);

    if (status == ROVE_OK && hello->token.size > sizeof server->token) {
        status = ROVE_PROTOCOL;
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (hello->token.size > 0) {
        memcpy(server->token, hello->token.data, hello->token.size);
    }
    hello->token.data = server->token;
    rove__text_format(server->app, sizeof server->app, "%s", hello->app);
    hello->app = server->app;
    server->greeted = 1;
    status = rove__exchange_protocol(hello->protocol, &protocol);
    return status == ROVE_OK
               ? ROVE_OK
               : rove__error_set(
                     error, status, "This device speaks protocol %u, headquarters %u to %u.",
                     (unsigned)hello->protocol, ROVE_PROTOCOL_OLDEST, ROVE_PROTOCOL_VERSION);
}

/* The batch at hand, and all that follow, have to come again in another exchange. */
static void skip(rove__server *server) {
    rove__staged_free(server->current);
    server->current = NULL;
    server->skipping = 1;
}

rove_status rove__server_stage(rove__server *server, const rove__push *push,
                               const rove__server_record *record, rove_error *error) {
    rove_status status = ROVE_OK;

    if (server->skipping) {
        return ROVE_OK;
    }
    if (server->batch_count == ROVE_SERVER_BATCHES_MAX) {
        skip(server);
        return ROVE_OK;
    }
    if (server->current == NULL) {
        status = rove__staged_new(&server->stage, &server->current);
        if (status == ROVE_OK && record != NULL) {
            rove_replica of = record->sealed.batch.replica;
            rove__staged_seal(server->current, &record->sealed.batch,
                              of == server->replica ? 0 : of, &record->signer);
        }
    }
    if (status == ROVE_OK) {
        status = rove__staged_add(server->current, push, error);
    }
    if (status == ROVE_LIMIT) {
        if (server->batch_count == 0) {
            return rove__error_set(error, ROVE_TOO_BIG,
                                   "A batch is larger than headquarters takes: %u bytes, %u "
                                   "changes, a weight of %u.",
                                   ROVE_BATCH_BYTES_MAX, ROVE_PUSH_CHANGES_MAX,
                                   ROVE_PUSH_WEIGHT_MAX);
        }
        skip(server);
        return ROVE_OK;
    }
    if (status == ROVE_OK && rove__staged_complete(server->current)) {
        server->former_batches += (size_t)rove__staged_is_former(server->current);
        server->batches[server->batch_count++] = server->current;
        server->current = NULL;
    }
    return status;
}

static rove_status take_push(rove__server *server, const rove__frame *frame, rove_error *error) {
    rove__push push;
    rove_status status = rove__push_read(&push, frame->payload, frame->size, &server->arena);

    rove__server_drop_former(server);
    return status == ROVE_OK ? rove__server_stage(server, &push, NULL, error) : status;
}

/* Read to its end once, so that nothing malformed is found while it is judged. */
static rove_status check_rows(rove__server *server, const rove__frame *frame) {
    rove__batch_reader *reader = NULL;
    rove__change change;
    rove_status status = rove__batch_reader_new(server->ports.allocator, server->ports.registry,
                                                frame->payload, frame->size, &reader);

    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

static rove_status take_row(rove__server *server, const rove__frame *frame, rove_error *error) {
    rove_status status = check_rows(server, frame);

    if (status == ROVE_OK && server->row_frames == ROVE_ROW_FRAMES_MAX) {
        return rove__error_set(error, ROVE_PROTOCOL, "There are more than %u ROW frames.",
                               ROVE_ROW_FRAMES_MAX);
    }
    if (status == ROVE_OK) {
        server->rows[server->row_frames].size = frame->size;
        status = rove__spool_append(&server->stage.spool, frame->payload, frame->size,
                                    &server->rows[server->row_frames].at);
        server->row_frames++;
    }
    return status;
}

/* Each of the two lists comes in one frame; of several the first counts. */
static rove_status keep_lists(rove__server *server, const rove__digest_list *list) {
    const rove_allocator *allocator = server->ports.allocator;

    if (list->bucket_count > 0 && server->buckets == NULL) {
        size_t size = list->bucket_count * sizeof *list->buckets;
        server->buckets = rove__alloc(allocator, size);
        if (server->buckets == NULL) {
            return ROVE_NOMEM;
        }
        memcpy(server->buckets, list->buckets, size);
        server->bucket_count = list->bucket_count;
    }
    if (list->fetched_count > 0 && server->fetched == NULL) {
        size_t size = list->fetched_count * sizeof *list->fetched;
        server->fetched = rove__alloc(allocator, size);
        if (server->fetched == NULL) {
            return ROVE_NOMEM;
        }
        memcpy(server->fetched, list->fetched, size);
        server->fetched_count = list->fetched_count;
    }
    return ROVE_OK;
}

static rove_status take_digest(rove__server *server, const rove__frame *frame, rove_error *error) {
    rove__digest_list list;
    rove_status status = rove__digest_list_read(&list, frame->payload, frame->size, &server->arena);

    (void)error;
    if (status != ROVE_OK) {
        return status;
    }
    status = keep_lists(server, &list);
    if (status != ROVE_OK) {
        return status;
    }
    server->digests_came = 1;
    server->digests_whole = list.last && server->digest_count + list.count <= ROVE_DIGESTS_MAX;
    for (size_t i = 0; i < list.count && server->digest_count < ROVE_DIGESTS_MAX; i++) {
        if (server->digest_count == server->digest_capacity) {
            size_t capacity = server->digest_capacity == 0 ? 1024 : server->digest_capacity * 2;
            rove__scope_digest *digests = rove__alloc_resize(
                server->ports.allocator, server->digests, capacity, sizeof *digests);
            if (digests == NULL) {
                return ROVE_NOMEM;
            }
            server->digests = digests;
            server->digest_capacity = capacity;
        }
        server->digests[server->digest_count++] = list.items[i];
    }
    return ROVE_OK;
}

static rove_status take_end(rove__server *server, const rove__frame *frame, rove_error *error) {
    rove__end end;
    rove_status status = rove__end_read(&end, frame->payload, frame->size, &server->arena);

    rove__server_drop_former(server);
    if (status == ROVE_OK && server->current != NULL) {
        return rove__error_set(error, ROVE_PROTOCOL, "The last batch was not ended.");
    }
    server->ended = 1;
    return status;
}

static rove_status take_frame(rove__server *server, const rove__frame *frame, rove_error *error) {
    rove__arena_reset(&server->arena);
    if (server->ended || server->greeted == (frame->type == ROVE_FRAME_HELLO)) {
        return rove__error_set(error, ROVE_PROTOCOL,
                               "A request is HELLO, then what the device has to say, then END.");
    }
    switch (frame->type) {
    case ROVE_FRAME_HELLO:
        return take_hello(server, frame, error);
    case ROVE_FRAME_PUSH:
        return take_push(server, frame, error);
    case ROVE_FRAME_SEALED:
        return rove__server_take_sealed(server, frame, error);
    case ROVE_FRAME_FORMERS:
        return rove__server_take_formers(server, frame, error);
    case ROVE_FRAME_FORMER:
        return rove__server_take_former(server, frame, error);
    case ROVE_FRAME_ROW:
        return take_row(server, frame, error);
    case ROVE_FRAME_DIGEST:
        return take_digest(server, frame, error);
    case ROVE_FRAME_END:
        return take_end(server, frame, error);
    default:
        return rove__error_set(error, ROVE_PROTOCOL, "A device does not send this frame.");
    }
}

rove_status rove__server_receive(rove__server *server, const void *bytes, size_t size) {
    rove_error error = {.message = ""};
    rove__frame frame;

    ROVE_ASSERT(!server->received);
    server->stats.bytes_in += size;
    if (server->failed != ROVE_OK) {
        return ROVE_OK;
    }
    rove_status status = rove__frame_reader_feed(server->reader, bytes, size);
    while (status == ROVE_OK) {
        status = rove__frame_reader_next(server->reader, &frame);
        if (status == ROVE_OK) {
            status = take_frame(server, &frame, &error);
        }
    }
    if (status == ROVE_NOMEM) {
        return status;
    }
    if (status != ROVE_DONE) {
        int own = rove_status_classify(status) == ROVE_CLASS_DEVICE;
        rove__server_fail(server, own ? ROVE_SERVER : status, error.message);
    }
    return ROVE_OK;
}
