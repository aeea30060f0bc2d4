/*
 * sync/server_answer.c - the answer of an exchange, frame by frame as the host asks for bytes: one frame is in memory at a
 * time. The order is that of exchange.h; every row is read when it is sent, so that it is as it is then.
 */
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "base/text.h"
#include "sync/outgoing.h"
#include "sync/server_state.h"
#include "wire/sealed.h"

/* A certificate is renewed when so much of its life is left. */
#define RENEW_BEFORE_MS (INT64_C(10) * 86400000)

static rove_status send_frame(rove__server *server, rove__frame_type type) {
    rove_status status = rove__buf_status(&server->payload);

    return status == ROVE_OK ? rove__frame_write(server->writer, type, server->payload.data,
                                                 server->payload.size, &server->out)
                             : status;
}

/* ---- welcome -------------------------------------------------------------------------------------------- */

/* The sealing key, to a device that has another one or none. */
static rove_status add_seal_key(const rove__server *server, rove__welcome *welcome) {
    const rove__server_sealing *sealing = server->ports.sealing;
    uint8_t id[ROVE_SEAL_ID_SIZE];

    if (sealing == NULL) {
        return ROVE_OK;
    }
    rove_status status = rove__sealed_id(server->ports.crypto, sealing->public_key.data, id);
    if (status == ROVE_OK &&
        (!server->hello.has_seal_id || memcmp(server->hello.seal_id, id, sizeof id) != 0)) {
        welcome->seal_key = sealing->public_key;
    }
    return status;
}

/* Q8: a copy that has not heard of what this device did would take it back. */
static rove_status check_copy(const rove__server *server) {
    const rove__hq_store *store = server->ports.store;
    int asks = server->verdict == ROVE_SERVER_NEED || server->verdict == ROVE_SERVER_FORK;
    rove__hq_tx *tx = NULL;
    rove__hq_head head;

    if (server->failed != ROVE_OK || asks) {
        return ROVE_OK;
    }
    if (server->behind) {
        return ROVE_LATER;
    }
    if (server->least == 0 || ROVE_PLANTED(Q08_TAKES_BACK)) {
        return ROVE_OK;
    }
    rove_status status = store->begin(store->ctx, ROVE_HQ_READ, &tx, NULL);
    if (status != ROVE_OK) {
        return status;
    }
    status = store->head_get(tx, &head);
    store->rollback(tx);
    return status == ROVE_OK && head.seq < server->least ? ROVE_LATER : status;
}

static rove_status send_welcome(rove__server *server) {
    uint32_t protocol = 0;
    rove__welcome welcome = {.schema = ROVE_SCHEMA_VERSION,
                             .server_ms = server->now_ms,
                             .timeline = server->head.timeline,
                             .replica = server->replica,
                             .user = server->device.user,
                             .safe = server->head.safe,
                             .poll_ms = server->policy.poll_ms,
                             .renew_after_ms =
                                 server->device.certificate_until_ms - RENEW_BEFORE_MS,
                             .policy = server->policy.policy,
                             .lease_ms = server->policy.lease_ms};
    rove_status status = check_copy(server);

    if (status == ROVE_OK) {
        status = rove__exchange_protocol(server->hello.protocol, &protocol);
    }
    server->phase = ROVE_SENDING_FORMERS;
    welcome.protocol = protocol;
    memcpy(welcome.digest_key, server->head.digest_key, sizeof welcome.digest_key);
    if (server->policy.renew) {
        welcome.renew_after_ms = server->now_ms;
    } else if (welcome.renew_after_ms < 0) {
        welcome.renew_after_ms = 0;
    }
    if (status == ROVE_OK) {
        status = add_seal_key(server, &welcome);
    }
    if (status == ROVE_OK) {
        status = rove__welcome_write(&welcome, &server->payload);
    }
    return status == ROVE_OK ? send_frame(server, ROVE_FRAME_WELCOME) : status;
}

static rove_status send_formers(rove__server *server) {
    const rove__formers taken = {server->taken, server->taken_count, 0};

    /* First the names: whoever does not hear those sends the batch again, and is told then. */
    if (server->former_renames && server->row_at == 0) {
        server->phase = ROVE_SENDING_STOP;
        return ROVE_OK;
    }
    server->phase = server->former_renames ? ROVE_SENDING_END : ROVE_SENDING_ACKS;
    if (taken.count == 0) {
        return ROVE_OK;
    }
    rove_status status = rove__formers_write(&taken, &server->payload);
    return status == ROVE_OK ? send_frame(server, ROVE_FRAME_FORMER_ACK) : status;
}

/* ---- rows of an answer ---------------------------------------------------------------------------------- */

static rove_status may_read(rove__server *server, rove__hq_tx *tx, uint64_t head, rove__scope scope,
                            int *may) {
    rove_status status = ROVE_OK;

    if (server->readable.items == NULL || server->readable_root != scope.root ||
        server->readable_seq != head) {
        status = rove__entitle_root(server->ports.store, tx, server->device.user, scope.root,
                                    &server->readable);
        server->readable_root = scope.root;
        server->readable_seq = head;
    }
    *may = status == ROVE_OK && rove__holding_at(&server->readable, scope, head) != NULL;
    return status;
}

/* Adds one row, if it lives and the rep may read it. ROVE_LIMIT: the batch is full. */
static rove_status add_row(rove__server *server, rove__hq_tx *tx, uint64_t head,
                           const rove__row_name *name) {
    rove__hq_row row;
    rove__change change;
    int may = 0;

    rove__arena_reset(&server->arena);
    rove_status status =
        server->ports.store->row_get(tx, name->entity, name->id, 0, &server->arena, &row);
    if (status != ROVE_OK || row.dead != 0) {
        return status == ROVE_NOT_FOUND ? ROVE_OK : status;
    }
    status = may_read(server, tx, head, row.scope, &may);
    if (status != ROVE_OK || !may) {
        return status;
    }
    rove__outgoing_whole(&row, &change);
    status = rove__batch_add(server->batch, &change);
    if (status == ROVE_OK) {
        server->rows_acked++;
    }
    return status;
}

/* As many of the answer's rows, from row_at on, as one frame takes: encoded in batch_bytes. */
static rove_status collect_rows(rove__server *server, const rove__answer *answer) {
    const rove__hq_store *store = server->ports.store;
    rove__hq_tx *tx = NULL;
    rove__hq_head head;
    rove_status status = ROVE_OK;

    rove__buf_reset(&server->batch_bytes);
    if (server->row_at == answer->row_count) {
        return ROVE_OK;
    }
    status = store->begin(store->ctx, ROVE_HQ_READ, &tx, NULL);
    if (status != ROVE_OK) {
        return status;
    }
    status = store->head_get(tx, &head);
    while (status == ROVE_OK && server->row_at < answer->row_count) {
        status = add_row(server, tx, head.seq, &answer->rows[server->row_at]);
        if (status == ROVE_OK) {
            server->row_at++;
        }
    }
    store->rollback(tx);
    if (status != ROVE_OK && status != ROVE_LIMIT) {
        return status;
    }
    return rove__batch_count(server->batch) > 0
               ? rove__batch_finish(server->batch, &server->batch_bytes)
               : ROVE_OK;
}

static rove__bytes collected(const rove__server *server) {
    return (rove__bytes){server->batch_bytes.data, server->batch_bytes.size};
}

/* ---- acks ----------------------------------------------------------------------------------------------- */

static void next_answer(rove__server *server) {
    rove__answer_free(&server->answers[server->answer]);
    server->answer++;
    server->frame_at = 0;
    server->row_at = 0;
    server->row_bytes = 0;
    server->readable_seq = 0;
}

/* The next frame of verdicts and stamps, as it was kept. */
static rove_status send_kept(rove__server *server, const rove__answer *answer) {
    rove__reader reader;
    rove__ack ack;

    rove__reader_init(&reader, answer->frames.data + server->frame_at,
                      answer->frames.size - server->frame_at);
    size_t size = rove__reader_u32(&reader);
    const uint8_t *payload = rove__reader_take(&reader, size);
    rove_status status = rove__reader_status(&reader) == ROVE_OK ? ROVE_OK : ROVE_CORRUPT;
    rove__arena_reset(&server->arena);
    if (status == ROVE_OK) {
        status = rove__ack_read(&ack, payload, size, &server->arena);
    }
    if (status != ROVE_OK) {
        return status;
    }
    server->frame_at += size + 4;
    server->ack_seq = ack.seq;
    server->ack_chain = ack.chain;
    ack.resent = answer->resent;
    ack.last = server->frame_at == answer->frames.size && answer->row_count == 0;
    status = rove__ack_write(&ack, &server->payload);
    if (status == ROVE_OK) {
        status = send_frame(server, ROVE_FRAME_ACK);
    }
    if (ack.last) {
        next_answer(server);
    }
    return status;
}

/*
 * A small batch may name large records. Those that do not fit any more are left out: what changed of them comes with the
 * pages that follow, and where a device differs all the same, its digest says so.
 */
static rove_status send_rows(rove__server *server, const rove__answer *answer) {
    uint64_t most =
        server->policy.ack_bytes != 0 ? server->policy.ack_bytes : ROVE_SERVER_ACK_BYTES;
    rove_status status = collect_rows(server, answer);

    if (status != ROVE_OK) {
        return status;
    }
    server->row_bytes += server->batch_bytes.size;
    if (server->row_bytes >= most) {
        server->row_at = answer->row_count;
    }
    rove__ack ack = {.number = answer->number,
                     .chain = server->ack_chain,
                     .seq = server->ack_seq,
                     .resent = answer->resent,
                     .rows = collected(server),
                     .last = server->row_at == answer->row_count};
    status = rove__ack_write(&ack, &server->payload);
    if (status == ROVE_OK) {
        status = send_frame(server, ROVE_FRAME_ACK);
    }
    if (ack.last) {
        next_answer(server);
    }
    return status;
}

static rove_status send_ack(rove__server *server) {
    const rove__answer *answer = &server->answers[server->answer];

    if (server->answer == server->answer_count || answer->kind != ROVE_ANSWER_ACK) {
        server->phase = ROVE_SENDING_STOP;
        return ROVE_OK;
    }
    return server->frame_at < answer->frames.size ? send_kept(server, answer)
                                                  : send_rows(server, answer);
}

/* ---- where pushing stopped ------------------------------------------------------------------------------ */

/*
 * As many renames as the records that hold the ids fit one frame; the rest in further ones. A device that hears only some
 * of it sends the batch again all the same, and is told of what is left: so no record stays unseen under its id.
 */
static rove_status send_renumber(rove__server *server) {
    const rove__answer *answer = &server->answers[server->answer];
    size_t first = server->row_at;

    ROVE_ASSERT(server->answer < server->answer_count && answer->kind == ROVE_ANSWER_RENUMBER);
    ROVE_ASSERT(answer->row_count == answer->rename_count);
    rove_status status = collect_rows(server, answer);
    if (status != ROVE_OK) {
        return status;
    }
    if (server->row_at < answer->row_count) {
        server->phase = ROVE_SENDING_STOP;
    } else if (server->former_renames) {
        server->phase = ROVE_SENDING_FORMERS;
    }
    rove__renumber renumber = {answer->renames + first, server->row_at - first, collected(server)};
    status = rove__renumber_write(&renumber, &server->payload);
    return status == ROVE_OK ? send_frame(server, ROVE_FRAME_RENUMBER) : status;
}

static rove_status send_stop(rove__server *server) {
    rove__need need = {server->need_number};
    const rove__formers lacking = {server->formers, server->lacking_count, 0};
    rove_status status = ROVE_OK;

    server->phase = ROVE_SENDING_END;
    server->end =
        (rove__end){.more = server->verdict != ROVE_SERVER_FORK, .head = server->head.seq};
    switch (server->verdict) {
    case ROVE_SERVER_GO:
        server->phase = ROVE_SENDING_NEED_ROW;
        if (server->failed != ROVE_OK) {
            server->phase = ROVE_SENDING_FAIL;
        } else if (server->hello.schema < server->policy.oldest_schema) {
            rove__server_fail(server, ROVE_UPGRADE, "");
            server->phase = ROVE_SENDING_FAIL;
        }
        return ROVE_OK;
    case ROVE_SERVER_FORK:
        return send_frame(server, ROVE_FRAME_FORK);
    case ROVE_SERVER_NEED_FORMER:
        status = rove__formers_write(&lacking, &server->payload);
        return status == ROVE_OK ? send_frame(server, ROVE_FRAME_NEED_FORMER) : status;
    case ROVE_SERVER_PAUSE:
        return ROVE_OK;
    case ROVE_SERVER_NEED:
        status = rove__need_write(&need, &server->payload);
        return status == ROVE_OK ? send_frame(server, ROVE_FRAME_NEED) : status;
    case ROVE_SERVER_RENUMBER:
        return send_renumber(server);
    }
    return status;
}

static rove_status send_need_row(rove__server *server) {
    rove__need_row need = {server->needed, server->needed_count};

    server->phase = ROVE_SENDING_DIFFER;
    if (server->needed_count == 0) {
        return ROVE_OK;
    }
    if (server->rows_first) {
        server->phase = ROVE_SENDING_END;
        server->end = (rove__end){.more = 1, .head = server->head.seq};
    }
    rove_status status = rove__need_row_write(&need, &server->payload);
    return status == ROVE_OK ? send_frame(server, ROVE_FRAME_NEED_ROW) : status;
}

/* ---- pages ---------------------------------------------------------------------------------------------- */

static rove_status send_differ(rove__server *server) {
    rove__pull_request request = {.replica = server->replica,
                                  .user = server->device.user,
                                  .cursor = server->hello.cursor,
                                  .token = server->hello.token,
                                  .unverified = server->hello.unverified,
                                  .complete = server->hello.has_total,
                                  .page_rows = server->policy.page_rows,
                                  .now_ms = server->now_ms,
                                  .digests = server->digests_came ? server->digests : NULL,
                                  .digest_count = server->digest_count,
                                  .digests_whole = server->digests_whole,
                                  .buckets = server->buckets,
                                  .bucket_count = server->bucket_count,
                                  .fetched = server->fetched,
                                  .fetched_count = server->fetched_count,
                                  .total = server->hello.total};
    rove__scope_digest nothing;
    int differs = 0;

    server->phase = ROVE_SENDING_PAGES;
    if (server->digests_came && server->digests == NULL) {
        request.digests = &nothing; /* a device that holds nothing at all */
    }
    rove_status status = rove__pull_new(&server->ports, &request, &server->pull);
    if (status == ROVE_OK) {
        status = rove__pull_differ(server->pull, &server->payload, &differs, NULL);
    }
    return status == ROVE_OK && differs ? send_frame(server, ROVE_FRAME_DIFFER) : status;
}

static rove_status send_page(rove__server *server) {
    int done = 0;
    rove_error error = {.message = ""};

    if (server->hello.bytes_max > 0 && server->stats.bytes_out >= server->hello.bytes_max &&
        server->stats.pages > 0) {
        server->end = (rove__end){.more = 1, .head = server->head.seq};
        server->phase = ROVE_SENDING_END;
        return ROVE_OK;
    }
    rove_status status =
        rove__pull_page(server->pull, &server->payload, &server->end, &done, &error);
    if (status != ROVE_OK) {
        return status;
    }
    if (done) {
        server->end.more = server->skipping || server->end.digests;
        server->phase = ROVE_SENDING_END;
        return ROVE_OK;
    }
    server->stats.pages++;
    return send_frame(server, ROVE_FRAME_PAGE);
}

/* ---- the end -------------------------------------------------------------------------------------------- */

static rove_status send_end(rove__server *server) {
    rove_status status = rove__end_write(&server->end, &server->payload);

    server->phase = ROVE_SENDING_CLOSE;
    return status == ROVE_OK ? send_frame(server, ROVE_FRAME_END) : status;
}

static rove_status send_fail(rove__server *server) {
    rove__fail fail = {server->failed, server->reason};
    rove_status status = rove__fail_write(&fail, &server->payload);

    server->phase = ROVE_SENDING_CLOSE;
    return status == ROVE_OK ? send_frame(server, ROVE_FRAME_FAIL) : status;
}

static rove_status send_close(rove__server *server) {
    server->phase = ROVE_SENT;
    return rove__frame_write_end(server->writer, &server->out);
}

static rove_status send_next(rove__server *server) {
    static rove_status (*const senders[])(rove__server *) = {
        [ROVE_SENDING_WELCOME] = send_welcome,   [ROVE_SENDING_FORMERS] = send_formers,
        [ROVE_SENDING_ACKS] = send_ack,          [ROVE_SENDING_STOP] = send_stop,
        [ROVE_SENDING_NEED_ROW] = send_need_row, [ROVE_SENDING_DIFFER] = send_differ,
        [ROVE_SENDING_PAGES] = send_page,        [ROVE_SENDING_END] = send_end,
        [ROVE_SENDING_FAIL] = send_fail,         [ROVE_SENDING_CLOSE] = send_close};

    ROVE_ASSERT(server->phase != ROVE_SENT);
    rove__buf_reset(&server->payload);
    if (server->phase == ROVE_SENDING_WELCOME && !server->welcome_first) {
        server->phase = ROVE_SENDING_FAIL;
    }
    return senders[server->phase](server);
}

/* What fails while it is sent ends the answer with a FAIL frame, as long as frames can be written. */
static rove_status make_bytes(rove__server *server) {
    rove__server_drop_request(server);
    rove__buf_reset(&server->out);
    rove_status status = send_next(server);

    server->stats.bytes_out += server->out.size;
    if (status == ROVE_OK || status == ROVE_NOMEM || server->phase == ROVE_SENT ||
        server->phase == ROVE_SENDING_CLOSE) {
        return status;
    }
    rove__server_fail(server, status == ROVE_LATER ? ROVE_LATER : ROVE_SERVER, "");
    server->phase = ROVE_SENDING_FAIL;
    return ROVE_OK;
}

rove_status rove__server_answer(rove__server *server, void *bytes, size_t capacity, size_t *size) {
    uint8_t *to = bytes;

    ROVE_ASSERT(server->received && !rove__server_wants_commit(server));
    *size = 0;
    while (*size < capacity) {
        if (server->out.size == 0) {
            if (server->phase == ROVE_SENT) {
                break;
            }
            rove_status status = make_bytes(server);
            if (status != ROVE_OK) {
                return status;
            }
            continue;
        }
        size_t room = capacity - *size;
        size_t some = server->out.size < room ? server->out.size : room;
        memcpy(to + *size, server->out.data, some);
        rove__buf_consume(&server->out, some);
        *size += some;
    }
    server->stats.rows_out = server->rows_acked;
    if (server->pull != NULL) {
        server->stats.rows_out += rove__pull_rows(server->pull);
    }
    return ROVE_OK;
}
