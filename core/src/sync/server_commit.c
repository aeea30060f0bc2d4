/*
 * sync/server_commit.c - the part of an exchange that writes: one batch, or the rows that were asked for, per call, each in
 * the host's savepoint; then what headquarters still has to ask for (P15).
 *
 * Invariant: nothing of the session changes unless the call succeeds, so that it can be made again.
 */
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "base/text.h"
#include "sync/server_state.h"

/* ---- who is it ------------------------------------------------------------------------------------------ */

/* The number of the first batch of this device itself; UINT64_MAX: it sends none. */
static uint64_t first_pushed(const rove__server *server) {
    for (size_t i = server->next_batch; i < server->batch_count; i++) {
        if (!rove__staged_is_former(server->batches[i])) {
            return rove__staged_number(server->batches[i]);
        }
    }
    return UINT64_MAX;
}

/* P3, T3: does what the device remembers of its batches fit what is here? */
static rove_status check_hello(const rove__server *server, rove__hq_tx *tx,
                               const rove__hq_device *device, rove__server_verdict *verdict,
                               uint64_t *need) {
    const rove__hello *hello = &server->hello;
    rove__chain chain = device->chain;
    rove__arena arena;

    *verdict = ROVE_SERVER_FORK;
    if (device->status == ROVE_DEVICE_REPLACED ||
        (hello->acked < device->confirmed && !ROVE_PLANTED(P03_ROLLED_BACK)) ||
        (hello->replica != 0 && hello->replica != server->replica)) {
        return ROVE_OK;
    }
    if (hello->acked > device->last_batch && ROVE_PLANTED(T03_FORGIVES)) {
        *verdict = ROVE_SERVER_GO;
        return ROVE_OK;
    }
    if (hello->acked > device->last_batch) {
        /* A device that is sending again what was lost still names the highest it ever had acknowledged. */
        int sends = first_pushed(server) <= device->last_batch + 1;
        *verdict = sends ? ROVE_SERVER_GO : server->unusable ? ROVE_SERVER_FORK : ROVE_SERVER_NEED;
        *need = device->last_batch + 1;
        return ROVE_OK;
    }
    if (hello->acked == 0) {
        chain = (rove__chain){{0}};
    } else if (hello->acked < device->last_batch) {
        rove__hq_batch batch;
        rove__arena_init(&arena, server->ports.allocator, ROVE_SERVER_MESSAGE_MAX);
        rove_status status =
            server->ports.store->batch_get(tx, server->replica, hello->acked, &arena, &batch);
        if (status == ROVE_OK) {
            chain = batch.chain;
        }
        rove__arena_free(&arena);
        if (status != ROVE_OK) {
            return status == ROVE_NOT_FOUND ? ROVE_CORRUPT : status;
        }
    }
    if (rove__chain_equal(&chain, &hello->chain)) {
        *verdict = ROVE_SERVER_GO;
    }
    return ROVE_OK;
}

/* A status other than OK is what the device is told. */
static rove_status accept_device(const rove__server *server, rove__hq_tx *tx, int lock,
                                 rove__hq_device *device) {
    rove_status status = server->ports.store->device_get(tx, server->replica, lock, device);

    if (status == ROVE_NOT_FOUND) {
        return server->ports.store->lags ? ROVE_LATER : ROVE_UNAUTHORIZED;
    }
    return status == ROVE_OK && device->status == ROVE_DEVICE_REVOKED ? ROVE_REVOKED : status;
}

/* ---- rows that are waited for --------------------------------------------------------------------------- */

static rove_status each_parked(void *ctx, int64_t number, rove__origin origin) {
    rove__server *server = ctx;

    server->parked_last = number;
    server->parked_seen++;
    for (size_t i = 0; i < server->needed_count; i++) {
        if (rove__version_compare(server->needed[i], origin) == 0) {
            return server->parked_seen < ROVE_NEED_ROWS_MAX ? ROVE_OK : ROVE_DONE;
        }
    }
    if (server->needed_count == server->needed_capacity) {
        size_t capacity = server->needed_capacity == 0 ? 16 : server->needed_capacity * 2;
        rove__origin *needed =
            rove__alloc_resize(server->ports.allocator, server->needed, capacity, sizeof *needed);
        if (needed == NULL) {
            return ROVE_NOMEM;
        }
        server->needed = needed;
        server->needed_capacity = capacity;
    }
    server->needed[server->needed_count] = origin;
    server->needed_count += !ROVE_PLANTED(P15_UNASKED);
    return server->parked_seen < ROVE_NEED_ROWS_MAX ? ROVE_OK : ROVE_DONE;
}

/* The oldest that wait after a number; so few that it does not matter how many wait. */
static rove_status look_after(rove__server *server, rove__hq_tx *tx, int64_t number) {
    server->needed_count = 0;
    server->parked_seen = 0;
    server->parked_last = number;
    return server->ports.store->parked_origins(tx, number, each_parked, server);
}

/*
 * A device that was asked answers with ROW, also if it has none. If it does not, it may not have heard, and is asked from the
 * beginning; but not for ever, or one that never answers would get no page. If it brings as many as a request takes, there may
 * be more.
 */
static void note_answer(const rove__server *server, rove__hq_device *device, uint64_t rows_back) {
    int unheard =
        server->row_frames == 0 && device->unheard > 0 && device->unheard < ROVE_SERVER_UNHEARD_MAX;
    int more = server->row_frames == ROVE_ROW_FRAMES_MAX && rows_back > 0;

    if (server->row_frames > 0) {
        device->unheard = 0;
    }
    if (unheard || more) {
        device->asked = 0;
    }
}

rove_status rove__server_find_needed(rove__server *server, rove__hq_tx *tx,
                                     const rove__hq_device *device) {
    rove_status status = look_after(server, tx, device->asked);

    server->rows_first = server->parked_last > device->asked;
    /* Who holds exactly what headquarters holds cannot have what it lacks. Another may not have heard the first time. */
    if (status == ROVE_OK && !server->rows_first &&
        (server->hello.unverified || server->hello.cursor.timeline != server->head.timeline)) {
        status = look_after(server, tx, 0);
    }
    return status;
}

/* ---- the end of the request ----------------------------------------------------------------------------- */

static rove_status look_up(rove__server *server, rove__hq_tx *tx) {
    rove_status status = server->ports.store->head_get(tx, &server->head);

    if (status == ROVE_OK) {
        status = accept_device(server, tx, 0, &server->device);
    }
    server->behind = status == ROVE_OK && server->ports.store->lags &&
                     server->hello.acked > server->device.last_batch &&
                     !ROVE_PLANTED(Q08_FORGETFUL);
    if (status == ROVE_OK && !server->behind) { /* else whoever commits has to find out */
        status = check_hello(server, tx, &server->device, &server->verdict, &server->need_number);
    }
    if (status == ROVE_OK && server->verdict != ROVE_SERVER_FORK) {
        status = rove__server_check_formers(server, tx);
    }
    rove__hq_device device = server->device;
    note_answer(server, &device, 0);
    return status == ROVE_OK ? rove__server_find_needed(server, tx, &device) : status;
}

rove_status rove__server_received(rove__server *server) {
    const rove__hq_store *store = server->ports.store;
    rove__hq_tx *tx = NULL;
    rove_error error = {.message = ""};
    rove_status status = rove__frame_reader_finish(server->reader);

    server->received = 1;
    rove__server_close_request(server);
    if (server->failed == ROVE_OK && (status != ROVE_OK || !server->ended)) {
        rove__server_fail(server, status != ROVE_OK ? status : ROVE_TRUNCATED, "");
    }
    if (server->failed != ROVE_OK) {
        return ROVE_OK;
    }
    status = store->begin(store->ctx, ROVE_HQ_READ, &tx, &error);
    if (status == ROVE_OK) {
        status = look_up(server, tx);
        store->rollback(tx);
    }
    if (status == ROVE_NOMEM) {
        return status;
    }
    if (status != ROVE_OK) {
        rove_status_class whose = rove_status_classify(status);
        rove__server_fail(
            server, whose == ROVE_CLASS_ACCESS || status == ROVE_LATER ? status : ROVE_SERVER, "");
        return ROVE_OK;
    }
    server->welcome_first = 1;
    server->rows_judged = server->row_frames == 0;
    server->noted = server->batch_count == 0 && server->rows_judged && !server->rows_first &&
                    !server->behind && server->hello.acked <= server->device.confirmed &&
                    server->now_ms - server->device.contact_ms < ROVE_SERVER_CONTACT_MS;
    return ROVE_OK;
}

int rove__server_wants_commit(const rove__server *server) {
    return server->received && server->failed == ROVE_OK && server->verdict == ROVE_SERVER_GO &&
           (server->next_batch < server->batch_count || !server->rows_judged || !server->noted);
}

/* ---- committing ----------------------------------------------------------------------------------------- */

static rove_status judge_rows(rove__server *server, rove__hq_tx *tx, rove__hq_device *device,
                              int64_t now_ms, rove__server_stats *stats, rove_error *error) {
    rove__buf read;
    rove_status status = ROVE_OK;

    rove__buf_init(&read, server->ports.allocator, ROVE_FRAME_MAX);
    for (size_t i = 0; i < server->row_frames && status == ROVE_OK; i++) {
        status =
            rove__spool_read(&server->stage.spool, server->rows[i].at, server->rows[i].size, &read);
        if (status == ROVE_OK) {
            status = rove__judge_rows(&server->ports, tx, device,
                                      (rove__bytes){read.data, read.size}, now_ms, stats, error);
        }
    }
    rove__buf_free(&read);
    return status;
}

/* What the device will never send again: all that it knows to be acknowledged, but for what it is sending again (T3). */
static uint64_t confirmed_by(const rove__server *server) {
    uint64_t first = first_pushed(server);

    return first <= server->hello.acked ? first - 1 : server->hello.acked;
}

static rove_status note_contact(const rove__server *server, rove__hq_tx *tx,
                                rove__hq_device *device, int64_t now_ms) {
    const rove__hello *hello = &server->hello;

    device->contact_ms = now_ms;
    device->wall_offset_ms = hello->wall_ms - now_ms;
    device->cursor = hello->cursor.seq;
    device->schema = hello->schema;
    rove__text_format(device->app, sizeof device->app, "%s", server->app);
    uint64_t confirmed = confirmed_by(server);
    if (confirmed <= device->confirmed || confirmed > device->last_batch) {
        return ROVE_OK;
    }
    device->confirmed = confirmed;
    return server->ports.store->batch_confirm(tx, server->replica, confirmed);
}

typedef struct step {
    rove__hq_device device;
    rove__server_stats stats;
    rove__answer answer;
    rove__former taken;
    uint64_t least; /* of a copy's head, to show it */
    int former;     /* `taken` is what came of it */
    int last;       /* nothing of this request is left to be judged */
} step;

/* Whether the device is told something else first: to upgrade, or what it has to bring again (T3). */
static int is_told_else(const rove__server *server, const step *s) {
    return s->answer.pause || server->hello.schema < server->policy.oldest_schema ||
           s->device.last_batch < server->hello.acked;
}

/* What NEED_ROW will say. It counts as asked only if the answer gets there. */
static rove_status ask_for_rows(rove__server *server, rove__hq_tx *tx, step *s) {
    rove_status status = ROVE_OK;

    note_answer(server, &s->device, s->stats.rows_back);
    status = rove__server_find_needed(server, tx, &s->device);
    if (status == ROVE_OK && server->rows_first && !is_told_else(server, s)) {
        s->device.asked = server->parked_last;
        s->device.unheard += s->device.unheard < ROVE_SERVER_UNHEARD_MAX;
    }
    return status;
}

/* One batch, or else the rows; `s` is what is kept if the call succeeds. */
static rove_status judge_next(rove__server *server, rove__hq_tx *tx, int64_t now_ms, step *s,
                              rove_error *error) {
    size_t batch = server->next_batch;
    rove_status status = ROVE_OK;

    s->last = batch + 1 >= server->batch_count;
    if (batch < server->former_batches) {
        s->former = 1;
        status = rove__judge_former(&server->ports, tx, &s->device, server->batches[batch], now_ms,
                                    &s->stats, &s->taken, &s->answer, error);
        s->last = s->last && server->rows_judged && s->answer.kind == ROVE_ANSWER_ACK;
    } else if (batch < server->batch_count) {
        status = rove__judge_batch(&server->ports, tx, &s->device, server->batches[batch], now_ms,
                                   &s->stats, &s->answer, error);
        s->last = s->last && server->rows_judged && s->answer.kind == ROVE_ANSWER_ACK;
    } else if (!server->rows_judged) {
        status = judge_rows(server, tx, &s->device, now_ms, &s->stats, error);
    }
    return status == ROVE_OK && s->last ? ask_for_rows(server, tx, s) : status;
}

/* The answer moves to the session. */
static void keep(rove__server *server, step *s) {
    static const rove__server_verdict verdicts[] = {[ROVE_ANSWER_ACK] = ROVE_SERVER_GO,
                                                    [ROVE_ANSWER_NEED] = ROVE_SERVER_NEED,
                                                    [ROVE_ANSWER_FORK] = ROVE_SERVER_FORK,
                                                    [ROVE_ANSWER_RENUMBER] = ROVE_SERVER_RENUMBER};

    server->noted = 1;
    server->device = s->device;
    server->stats = s->stats;
    server->least = s->least;
    if (server->next_batch == server->batch_count) {
        server->rows_judged = 1;
        return;
    }
    rove__staged_free(server->batches[server->next_batch]);
    server->batches[server->next_batch] = NULL;
    server->next_batch++;
    if (s->former) {
        server->taken[server->taken_count++] = s->taken;
        server->former_renames = s->answer.kind == ROVE_ANSWER_RENUMBER;
    }
    if (!s->former || s->answer.kind == ROVE_ANSWER_RENUMBER) {
        server->verdict = s->answer.pause ? ROVE_SERVER_PAUSE : verdicts[s->answer.kind];
        server->need_number = s->answer.number;
    }
    if (server->verdict == ROVE_SERVER_GO && server->next_batch == server->batch_count &&
        s->device.last_batch < server->hello.acked) {
        server->verdict = ROVE_SERVER_NEED; /* no page before all that was lost is back (T3) */
        server->need_number = s->device.last_batch + 1;
    }
    if (server->verdict == ROVE_SERVER_NEED && server->unusable) {
        server->verdict = ROVE_SERVER_FORK; /* it would be asked for in vain */
    }
    if (s->answer.kind == ROVE_ANSWER_RENUMBER ||
        (!s->former && s->answer.kind == ROVE_ANSWER_ACK)) {
        server->answers[server->answer_count++] = s->answer;
        rove__answer_init(&s->answer, server->ports.allocator);
    }
}

static rove_status commit(rove__server *server, rove__hq_tx *tx, int64_t now_ms, step *s,
                          rove_error *error) {
    rove__server_verdict verdict = ROVE_SERVER_GO;
    uint64_t need = 0;
    rove_status status = accept_device(server, tx, 1, &s->device);

    if (ROVE_PLANTED(P01_STALE)) {
        s->device = server->device;
        status = ROVE_OK;
    }
    if (status == ROVE_OK && !server->noted) {
        status = check_hello(server, tx, &s->device, &verdict, &need);
        if (status == ROVE_OK && verdict != ROVE_SERVER_GO) {
            server->verdict = verdict; /* another exchange of this device came first */
            server->need_number = need;
            return ROVE_DONE;
        }
        if (status == ROVE_OK) {
            status = note_contact(server, tx, &s->device, now_ms);
        }
    }
    if (status == ROVE_OK) {
        status = judge_next(server, tx, now_ms, s, error);
    }
    if (status == ROVE_OK && server->ports.store->lags &&
        server->next_batch < server->batch_count) {
        rove__hq_head head;
        status = server->ports.store->head_get(tx, &head);
        s->least = head.seq;
    }
    return status == ROVE_OK ? server->ports.store->device_put(tx, &s->device) : status;
}

rove_status rove__server_commit(rove__server *server, rove__hq_tx *tx, int64_t now_ms,
                                rove_error *error) {
    step s = {.stats = server->stats, .least = server->least};

    ROVE_ASSERT(rove__server_wants_commit(server));
    server->now_ms = now_ms;
    s.stats.contest_count = 0;
    rove__answer_init(&s.answer, server->ports.allocator);
    rove_status status = commit(server, tx, now_ms, &s, error);
    if (status == ROVE_OK || (status == ROVE_LATER && ROVE_PLANTED(P16_HALF))) {
        keep(server, &s);
    }
    rove__answer_free(&s.answer);
    if (status == ROVE_OK) {
        return ROVE_OK;
    }
    if (status == ROVE_DONE) {
        return ROVE_OK;
    }
    if (status != ROVE_LATER) {
        rove_status_class whose = rove_status_classify(status);
        rove_status short_of = status == ROVE_NOMEM ? ROVE_LATER : ROVE_SERVER;
        rove__server_fail(server, whose == ROVE_CLASS_ACCESS ? status : short_of, "");
    }
    return status;
}
