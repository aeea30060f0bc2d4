/*
 * support/site_exchange.c - an exchange of support/site.h: frames there and back, through the real server and the real wire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "site_rep.h"

struct raw_request {
    rep *r;
    rove__frame_writer *writer;
    rove__buf bytes;
    rove__buf payload;
};

raw_request *raw_open(rep *r) {
    raw_request *q = calloc(1, sizeof *q);

    assert_non_null(q);
    q->r = r;
    rove__buf_init(&q->bytes, &r->s->allocator, (size_t)64 << 20);
    rove__buf_init(&q->payload, &r->s->allocator, ROVE_FRAME_MAX);
    assert_int_equal(
        rove__frame_writer_new(&r->s->allocator, ROVE_FRAME_REQUEST_WINDOW_LOG, &q->writer),
        ROVE_OK);
    return q;
}

void raw_frame(raw_request *q, int type, const void *payload, size_t size) {
    assert_int_equal(rove__frame_write(q->writer, (rove__frame_type)type, payload, size, &q->bytes),
                     ROVE_OK);
}

static void payload_frame(raw_request *q, int type) {
    raw_frame(q, type, q->payload.data, q->payload.size);
    rove__buf_reset(&q->payload);
}

rove__hello raw_default_hello(rep *r) {
    rove__hash128 total;

    rep_total(r, &total);
    return (rove__hello){.protocol = ROVE_PROTOCOL_VERSION,
                         .schema = ROVE_SCHEMA_VERSION,
                         .app = "tests",
                         .replica = r->replica,
                         .cursor = r->cursor,
                         .token = {r->token, r->token_size},
                         .wall_ms = r->s->now_ms + r->skew_ms,
                         .acked = r->acked,
                         .chain = r->chain,
                         .pending = r->batch_count,
                         .unverified = r->unverified,
                         .has_total = !r->catching_up,
                         .total = total,
                         .bytes_max = r->bytes_max};
}

void raw_hello(raw_request *q, const rove__hello *hello) {
    rove__hello usual = raw_default_hello(q->r);

    assert_int_equal(rove__hello_write(hello != NULL ? hello : &usual, &q->payload), ROVE_OK);
    payload_frame(q, ROVE_FRAME_HELLO);
}

void raw_push(raw_request *q, const rep_batch *batch) {
    rove__push push = {.number = batch->number,
                       .last = 1,
                       .schema = ROVE_SCHEMA_VERSION,
                       .previous = batch->previous,
                       .rows = batch->rows};

    assert_int_equal(rove__push_write(&push, &q->payload), ROVE_OK);
    payload_frame(q, ROVE_FRAME_PUSH);
}

void raw_sealed(raw_request *q, const rep_batch *batch, const raw_seal *seal) {
    const seal_keys *keys = &q->r->s->seals;
    uint8_t signature[ROVE_SIGNATURE_MAX];
    uint8_t certificate[SEALS_CERTIFICATE_MAX];
    rove__sealing sealing;
    rove__buf record;
    rove__sealed frame = {.batch = {.replica = seal->replica,
                                    .number = batch->number,
                                    .frames = 1,
                                    .schema = ROVE_SCHEMA_VERSION,
                                    .previous = batch->previous,
                                    .hash = batch->hash,
                                    .certificate = {certificate, 0}},
                          .rows = batch->rows};

    frame.batch.certificate.size =
        seals_certificate(seal->signer != 0 ? seal->signer : seal->replica, seal->former,
                          SEALS_USER, keys->device_public, keys->device_public_size, certificate);
    if (seal->before != NULL) {
        seal->before(&frame);
    }
    assert_int_equal(rove__sealed_sign(&keys->crypto,
                                       (rove__bytes){keys->device, keys->device_size}, &frame.batch,
                                       signature),
                     ROVE_OK);
    if (seal->after != NULL) {
        seal->after(&frame);
    }
    rove__buf_init(&record, &q->r->s->allocator, ROVE_SEALED_MAX);
    assert_int_equal(rove__sealing_begin(&sealing, &keys->crypto, keys->seal_key), ROVE_OK);
    assert_int_equal(rove__sealing_frame(&sealing, &frame, &record), ROVE_OK);
    rove__sealing_end(&sealing);
    if (seal->bytes != NULL) {
        seal->bytes(record.data, record.size);
    }
    raw_frame(q, seal->type, record.data, record.size);
    rove__buf_free(&record);
}

void raw_formers(raw_request *q, const rove__former *items, size_t count) {
    rove__formers list = {items, count, 1};

    assert_int_equal(rove__formers_write(&list, &q->payload), ROVE_OK);
    payload_frame(q, ROVE_FRAME_FORMERS);
}

void raw_end(raw_request *q) {
    rove__end end = {0};

    assert_int_equal(rove__end_write(&end, &q->payload), ROVE_OK);
    payload_frame(q, ROVE_FRAME_END);
}

/* ---- the answer ------------------------------------------------------------------------------------------ */

typedef struct answer {
    rep *r;
    rep_outcome *outcome;
    rove__arena arena;
    int apply;
    size_t frames;
    int ended;
} answer;

static size_t rows_in(rep *r, rove__bytes rows) {
    rove__batch_reader *reader = NULL;
    rove__change change;
    size_t count = 0;

    if (rows.size == 0) {
        return 0;
    }
    assert_int_equal(
        rove__batch_reader_new(&r->s->allocator, r->s->registry, rows.data, rows.size, &reader),
        ROVE_OK);
    while (rove__batch_next(reader, &change) == ROVE_OK) {
        count++;
    }
    rove__batch_reader_free(reader);
    return count;
}

static void take_end(answer *a, const rove__frame *frame) {
    rove__end end;
    rove__hash128 total;

    assert_int_equal(rove__end_read(&end, frame->payload, frame->size, &a->arena), ROVE_OK);
    a->outcome->ended = 1;
    a->outcome->more = end.more;
    a->outcome->digests = end.digests;
    if (end.has_total && a->apply) {
        rep_total(a->r, &total);
        a->outcome->verified =
            rove__hash128_equal(total, end.total) && end.row_count == a->r->row_count;
        assert_true(end.digests || a->r->cursor.seq == end.head);
        a->r->transfer_count = 0; /* of an answer that was cut */
        a->r->catching_up = 0;
        if (a->outcome->verified) {
            a->r->unverified = 0;
        }
    }
}

static void take_ack(answer *a, const rove__frame *frame) {
    rep_outcome *outcome = a->outcome;
    rove__ack ack;

    assert_int_equal(rove__ack_read(&ack, frame->payload, frame->size, &a->arena), ROVE_OK);
    outcome->acks += ack.last != 0;
    for (size_t i = 0; i < ack.verdict_count && outcome->verdict_count < REP_VERDICTS_MAX; i++) {
        rove__verdict *verdict = &outcome->verdicts[outcome->verdict_count++];
        *verdict = ack.verdicts[i];
        verdict->reason =
            rove__arena_copy(&a->r->arena, verdict->reason, strlen(verdict->reason) + 1);
    }
    if (a->apply) {
        rep_apply_ack(a->r, &ack);
    }
}

static void take_page(answer *a, const rove__frame *frame) {
    rove__page page;

    assert_int_equal(rove__page_read(&page, frame->payload, frame->size, &a->arena), ROVE_OK);
    a->outcome->pages++;
    if (a->apply) {
        rep_apply_page(a->r, &page, a->outcome);
    }
}

static void take_need_row(answer *a, const rove__frame *frame) {
    rove__need_row need;

    assert_int_equal(rove__need_row_read(&need, frame->payload, frame->size, &a->arena), ROVE_OK);
    a->outcome->needed_rows += need.count;
    for (size_t i = 0; i < need.count && a->r->needed_count < 64 && a->apply; i++) {
        a->r->needed[a->r->needed_count++] = need.origins[i];
    }
}

static void take_other(answer *a, const rove__frame *frame) {
    rep_outcome *outcome = a->outcome;
    rove__fail fail;
    rove__need need;
    rove__renumber renumber;
    rove__formers formers;
    rove__differ differ;

    switch (frame->type) {
    case ROVE_FRAME_FAIL:
        assert_int_equal(rove__fail_read(&fail, frame->payload, frame->size, &a->arena), ROVE_OK);
        outcome->failed = fail.status;
        rove__text_format(outcome->reason, sizeof outcome->reason, "%s", fail.reason);
        break;
    case ROVE_FRAME_NEED:
        assert_int_equal(rove__need_read(&need, frame->payload, frame->size, &a->arena), ROVE_OK);
        outcome->need = need.number;
        break;
    case ROVE_FRAME_NEED_FORMER:
    case ROVE_FRAME_FORMER_ACK:
        assert_int_equal(rove__formers_read(&formers, frame->payload, frame->size, &a->arena),
                         ROVE_OK);
        outcome->asks_formers |= frame->type == ROVE_FRAME_NEED_FORMER;
        if (frame->type == ROVE_FRAME_NEED_FORMER) {
            outcome->former_needs += formers.count;
        } else {
            outcome->former_acks += formers.count;
        }
        if (formers.count > 0) {
            outcome->former = formers.items[formers.count - 1];
        }
        break;
    case ROVE_FRAME_RENUMBER:
        assert_int_equal(rove__renumber_read(&renumber, frame->payload, frame->size, &a->arena),
                         ROVE_OK);
        outcome->renames += renumber.rename_count;
        outcome->rename_rows += rows_in(a->r, renumber.rows);
        outcome->rename = renumber.renames[0];
        break;
    case ROVE_FRAME_DIFFER:
        assert_int_equal(rove__differ_read(&differ, frame->payload, frame->size, &a->arena),
                         ROVE_OK);
        outcome->differs = differ.count;
        outcome->buckets = differ.count > 0 ? differ.portions[0].buckets : 0;
        outcome->again = differ.again_count;
        a->r->repairing = a->apply && differ.count > 0;
        break;
    default:
        fail_msg("frame %d in an answer", (int)frame->type);
    }
}

static void take_frame(answer *a, const rove__frame *frame) {
    assert_false(a->ended);
    rove__arena_reset(&a->arena);
    switch (frame->type) {
    case ROVE_FRAME_WELCOME:
        assert_int_equal(a->frames, 1);
        a->outcome->welcomed = 1;
        break;
    case ROVE_FRAME_ACK:
        take_ack(a, frame);
        break;
    case ROVE_FRAME_PAGE:
        take_page(a, frame);
        break;
    case ROVE_FRAME_NEED_ROW:
        take_need_row(a, frame);
        break;
    case ROVE_FRAME_FORK:
        a->outcome->forked = 1;
        break;
    case ROVE_FRAME_END:
        take_end(a, frame);
        break;
    default:
        take_other(a, frame);
        break;
    }
    a->ended = frame->type == ROVE_FRAME_END || frame->type == ROVE_FRAME_FAIL;
}

static void read_answer(rep *r, const rove__buf *bytes, int apply, rep_outcome *outcome) {
    answer a = {.r = r, .outcome = outcome, .apply = apply};
    rove__frame_reader *reader = NULL;
    rove__frame frame;

    rove__arena_init(&a.arena, &r->s->allocator, (size_t)64 << 20);
    assert_int_equal(rove__frame_reader_new(&r->s->allocator, &reader), ROVE_OK);
    rove_status status = rove__frame_reader_feed(reader, bytes->data, bytes->size);
    while (status == ROVE_OK && (r->answer_frames == 0 || a.frames < r->answer_frames) &&
           (status = rove__frame_reader_next(reader, &frame)) == ROVE_OK) {
        a.frames++;
        take_frame(&a, &frame);
    }
    if (r->answer_frames == 0) {
        assert_int_equal(status, ROVE_DONE);
        assert_int_equal(rove__frame_reader_finish(reader), ROVE_OK);
        assert_true(a.ended);
    }
    rove__frame_reader_free(reader);
    rove__arena_free(&a.arena);
}

/* ---- the session ----------------------------------------------------------------------------------------- */

/* One commit as the host does it: in a savepoint of a transaction. Other than OK: the session is to be dropped. */
static rove_status commit_once(site *s, rove__server *server) {
    rove__hq_tx *tx = NULL;
    rove_error error = {.message = ""};
    int kept = 0; /* the session goes by what was judged */
    rove_status status = s->store->begin(s->store->ctx, ROVE_HQ_WRITE, &tx, &error);

    if (status != ROVE_OK) {
        return status == ROVE_LATER ? ROVE_OK : status;
    }
    status = s->store->savepoint(tx, &error);
    if (status == ROVE_OK) {
        rove_status judged = rove__server_commit(server, tx, s->now_ms, &error);
        status = s->store->release(tx, judged == ROVE_OK, &error);
        kept = judged == ROVE_OK;
    }
    if (status == ROVE_OK) {
        return s->store->commit(tx, &error);
    }
    s->store->rollback(tx);
    return status == ROVE_LATER && !kept ? ROVE_OK : status;
}

static rove_status take_answer(rove__server *server, size_t chunk, rove__buf *answer_bytes) {
    uint8_t bytes[4096];
    size_t got = 0;

    do {
        size_t room = chunk < sizeof bytes ? chunk : sizeof bytes;
        rove_status status = rove__server_answer(server, bytes, room, &got);
        if (status != ROVE_OK) {
            return status;
        }
        rove__buf_append(answer_bytes, bytes, got);
    } while (got > 0);
    return rove__buf_status(answer_bytes);
}

static rove_status receive(rove__server *server, const rove__buf *request, size_t size,
                           size_t chunk) {
    for (size_t at = 0; at < size; at += chunk) {
        size_t some = size - at < chunk ? size - at : chunk;
        rove_status status = rove__server_receive(server, request->data + at, some);
        if (status != ROVE_OK) {
            return status;
        }
    }
    return rove__server_received(server);
}

/* Other than OK: the host dropped the session. */
static rove_status serve(rep *r, const rove__buf *request, size_t size, rove__buf *answer_bytes,
                         rep_outcome *outcome) {
    site *s = r->s;
    rove__server_policy policy = {
        .poll_ms = 60000, .page_rows = s->page_rows, .ack_bytes = s->ack_bytes};
    rove__server *server = NULL;
    size_t chunk = r->chunk == 0 ? 4096 : r->chunk;

    rove_status status = rove__server_new(&s->ports, &policy, r->replica, s->now_ms, &server);
    if (status != ROVE_OK) {
        return status;
    }
    status = receive(server, request, size, chunk);
    for (int i = 0; i < 200 && status == ROVE_OK && rove__server_wants_commit(server); i++) {
        status = commit_once(s, server);
    }
    if (status == ROVE_OK) {
        status = take_answer(server, chunk, answer_bytes);
    }
    outcome->stats = *rove__server_statistics(server);
    rove__server_free(server);
    return status;
}

static void free_request(raw_request *q) {
    rove__buf_free(&q->bytes);
    rove__buf_free(&q->payload);
    rove__frame_writer_free(q->writer);
    free(q);
}

rove__buf raw_bytes(raw_request *q) {
    assert_int_equal(rove__frame_write_end(q->writer, &q->bytes), ROVE_OK);
    rove__buf bytes = q->bytes;
    rove__buf_init(&q->bytes, bytes.allocator, 0);
    free_request(q);
    return bytes;
}

typedef struct tried_exchange {
    rep *r;
    const rove__buf *request;
    size_t size;
} tried_exchange;

static rove_status try_exchange(void *ctx, rove__buf *answer_bytes) {
    const tried_exchange *tried = ctx;
    rep_outcome outcome;

    return serve(tried->r, tried->request, tried->size, answer_bytes, &outcome);
}

static void finish(raw_request *q, size_t cut, int apply, rep_outcome *outcome) {
    rep *r = q->r;
    heap *h = &r->s->h;
    rove__buf answer_bytes;

    memset(outcome, 0, sizeof *outcome);
    assert_int_equal(rove__frame_write_end(q->writer, &q->bytes), ROVE_OK);
    assert_true(cut <= q->bytes.size);
    rove__buf_init(&answer_bytes, &r->s->allocator, (size_t)256 << 20);
    tried_exchange tried = {r, &q->bytes, q->bytes.size - cut};
    trial_run(&r->s->trial, 1, try_exchange, &tried);
    h->fail_at = r->fail_call == 0 ? 0 : h->calls + r->fail_call;
    outcome->failed = serve(r, &q->bytes, q->bytes.size - cut, &answer_bytes, outcome);
    outcome->faulted = h->fail_at != 0 && h->calls >= h->fail_at;
    h->fail_at = 0;
    outcome->bytes_out = q->bytes.size - cut;
    outcome->bytes_in = answer_bytes.size;
    if (outcome->failed == ROVE_OK && !r->lose_answer) {
        read_answer(r, &answer_bytes, apply, outcome);
    }
    rove__buf_free(&answer_bytes);
    free_request(q);
}

void raw_answer(raw_request *q, size_t cut, rep_outcome *outcome) {
    finish(q, cut, 0, outcome);
}

/* The rows that headquarters had asked for, as it once gave them; none of them is an answer, too. */
static void send_needed(raw_request *q) {
    rep *r = q->r;
    rove__batch_writer *writer = NULL;

    assert_int_equal(rove__batch_writer_new(&r->s->allocator, ROVE_BATCH_MAX, &writer), ROVE_OK);
    for (size_t i = 0; i < r->needed_count; i++) {
        for (size_t k = 0; k < r->row_count; k++) {
            rep_row *row = &r->rows[k];
            if (rove__version_compare(row->clock.origin, r->needed[i]) != 0) {
                continue;
            }
            rove__change change = {.op = ROVE_OP_WHOLE, .row = row->row, .clock = row->clock};
            for (size_t f = 0; f < row->row.cell_count; f++) {
                if (row->row.cells[f].type != ROVE_NULL) {
                    rove__bits_set(&change.row.present, f);
                }
            }
            assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
        }
    }
    if (r->needed_count > 0) {
        assert_int_equal(rove__batch_finish(writer, &q->payload), ROVE_OK);
        payload_frame(q, ROVE_FRAME_ROW);
    }
    rove__batch_writer_free(writer);
    r->needed_count = 0;
}

void rep_exchange(rep *r, rep_outcome *outcome) {
    raw_request *q = NULL;
    rove__digest_list digests;

    rep_freeze(r);
    r->ack_begun = 0;
    r->repairing = 0;
    q = raw_open(r);
    raw_hello(q, NULL);
    for (size_t i = 0; i < r->batch_count; i++) {
        raw_push(q, &r->batches[i]);
    }
    send_needed(q);
    if (r->send_digests) {
        rep_digests(r, &digests);
        assert_int_equal(rove__digest_list_write(&digests, &q->payload), ROVE_OK);
        payload_frame(q, ROVE_FRAME_DIGEST);
        r->send_digests = 0;
    }
    raw_end(q);
    finish(q, 0, 1, outcome);
    if (outcome->need != 0) {
        rep_need(r, outcome->need);
    }
}

void rep_settle(rep *r) {
    rep_outcome outcome;
    int compared = 0;

    r->answer_frames = 0;
    r->lose_answer = 0;
    for (int i = 0; i < 100; i++) {
        rep_exchange(r, &outcome);
        if (outcome.failed != ROVE_OK) {
            fail_msg("an exchange failed: %s", outcome.reason);
        }
        assert_false(outcome.forked);
        r->send_digests = outcome.digests;
        if (outcome.ended && !outcome.more && r->batch_count == 0) {
            if (outcome.verified) {
                return;
            }
            assert_false(compared); /* once is enough */
            compared = r->send_digests = 1;
            r->repairs++;
        }
    }
    fail_msg("headquarters never comes to an end");
}

/* ---- comparison ------------------------------------------------------------------------------------------ */

void rep_check(rep *r) {
    rove__buf ours;
    rove__buf theirs;

    rove__buf_init(&ours, &r->s->allocator, (size_t)1 << 20);
    rove__buf_init(&theirs, &r->s->allocator, (size_t)1 << 20);
    for (size_t i = 0; i < r->row_count; i++) {
        const rep_row *row = &r->rows[i];
        rove__hq_row there;
        assert_true(site_get(r->s, row->row.entity->name, row->row.id, &there));
        assert_int_equal(there.dead, 0);
        for (size_t k = 0; k < row->row.cell_count; k++) {
            if (!rove__value_equal(&row->row.cells[k], &there.row.cells[k])) {
                fail_msg("%s.%s differs", row->row.entity->name, row->row.entity->fields[k].name);
            }
        }
        rove__buf_reset(&ours);
        rove__buf_reset(&theirs);
        rove__clock_write(&ours, &row->clock, 0);
        rove__clock_write(&theirs, &there.clock, 0);
        assert_int_equal(ours.size, theirs.size);
        assert_memory_equal(ours.data, theirs.data, ours.size);
    }
    rove__buf_free(&ours);
    rove__buf_free(&theirs);
}
