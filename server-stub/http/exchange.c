/*
 * http/exchange.c - POST /v1/exchange: carries bytes between a connection and sync/server.h. What a device pushed is
 * committed batch by batch on the committing thread; the answer then flows page by page, in constant memory,
 * from any thread of the pool.
 *
 * If a commit fails, nothing is acknowledged: the exchange ends with a status, and the device sends the batch again.
 */
#include "base/log.h"
#include "contests.h"
#include "http/answer.h"
#include "http/routes.h"
#include "wire/frame.h"

#define BLOCK_BYTES ((size_t)32 * 1024)

rove_status exchange_begin(request *self) {
    hq *headquarters = self->http->headquarters;
    rove__server_ports ports = hq_server_ports(headquarters);
    ports.allocator = &self->http->purse.allocator;
    if (!purse_may_begin(&self->http->purse)) {
        return ROVE_LATER;
    }
    rove_status status =
        traffic_admit(self->http->traffic, self->device.replica, &self->retry_after_s);
    if (status != ROVE_OK) {
        metrics_over_quota(self->http->metrics);
        return status;
    }
    status = front_look_at_keys(self);
    if (status != ROVE_OK) {
        return status;
    }
    rove__server_policy policy = *hq_policy(headquarters);
    policy.renew = self->outdated;
    return rove__server_new(&ports, &policy, self->device.replica, hq_now_ms(headquarters),
                            &self->server);
}

rove_status exchange_receive(request *self, const void *bytes, size_t size) {
    hq_schema_hold(self->http->headquarters);
    rove_status status = rove__server_receive(self->server, bytes, size);
    hq_schema_release(self->http->headquarters);
    return status;
}

static rove_status received(request *self) {
    hq_schema_hold(self->http->headquarters);
    rove_status status = rove__server_received(self->server);
    hq_schema_release(self->http->headquarters);
    return status;
}

static rove_status answer(request *self, char *bytes, size_t capacity, size_t *size) {
    hq_schema_hold(self->http->headquarters);
    rove_status status = rove__server_answer(self->server, bytes, capacity, size);
    hq_schema_release(self->http->headquarters);
    return status;
}

/* Who had nothing, and took all, has made a full download. The device's row says what it had. */
static void count_traffic(request *self, const rove__server_stats *stats) {
    rove_error error = {.message = ""};
    rove_replica replica = self->device.replica;
    int full = self->answered && self->device.cursor == 0 && stats->rows_out > 0;
    if (traffic_add(self->http->traffic, replica, stats->bytes_out, full) &&
        traffic_keep(self->http->traffic, replica, &error) != ROVE_OK) {
        rove__log(&hq_get_ports(self->http->headquarters)->log, ROVE_LOG_WARN, "http",
                  "the traffic of device %u was not kept: %s", (unsigned)replica, error.message);
    }
}

void exchange_end(request *self) {
    if (self->server != NULL && self->progress != PROGRESS_FRESH) {
        const rove__server_stats *stats = rove__server_statistics(self->server);
        int64_t ms = front_boot_ms(self->http) - self->began_ms;
        metrics_exchanged(self->http->metrics, stats, ms);
        count_traffic(self, stats);
        rove__log(&hq_get_ports(self->http->headquarters)->log, ROVE_LOG_INFO, "http",
                  "device %u: %llu batches, %llu rows in, %llu rows out, %llu conflicts, %llu to "
                  "review, %lld ms",
                  (unsigned)self->device.replica, (unsigned long long)stats->batches,
                  (unsigned long long)stats->rows_in, (unsigned long long)stats->rows_out,
                  (unsigned long long)stats->conflicts, (unsigned long long)stats->reviews,
                  (long long)ms);
    }
    rove__server_free(self->server);
    self->server = NULL;
}

/* What is left once everything is judged: a new key that was seen. */
static rove_status note_key(request *self, rove__hq_tx *tx) {
    self->unseen = 0;
    return front_forget_key(self, tx);
}

static rove_status commit_one(void *ctx, rove__hq_tx *tx, rove_error *error) {
    request *self = ctx;
    unsigned told = 0;
    if (!rove__server_wants_commit(self->server)) {
        return note_key(self, tx);
    }
    self->job_status =
        rove__server_commit(self->server, tx, hq_now_ms(self->http->headquarters), error);
    if (self->job_status != ROVE_OK) {
        return self->job_status;
    }
    const rove__server_stats *stats = rove__server_statistics(self->server);
    rove_status status = note_key(self, tx);
    if (status == ROVE_OK) {
        status = contests_save(self->http->headquarters, tx, stats->contests, stats->contest_count,
                               &told);
    }
    metrics_contests(self->http->metrics, told);
    return status == ROVE_OK ? traffic_save(self->http->traffic, tx, self->device.replica) : status;
}

/* libmicrohttpd asks for the next piece. A revoked device gets no further one. */
static ssize_t next_piece(void *cls, uint64_t at, char *bytes, size_t capacity) {
    request *self = cls;
    size_t size = 0;
    (void)at;
    rove_status status = front_authorise(self, NEED_DEVICE);
    if (status == ROVE_OK) {
        status = answer(self, bytes, capacity, &size);
    }
    if (status != ROVE_OK) {
        rove__log(&hq_get_ports(self->http->headquarters)->log, ROVE_LOG_WARN, "http",
                  "answer to device %u ended: %s", (unsigned)self->device.replica,
                  rove_status_name(status));
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    guard_moved(self->http->guard, self->connection->guarded, size);
    self->answered = size == 0;
    return size == 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)size;
}

/* A failure that the session itself knows of becomes a FAIL frame in the answer. */
static int session_tells(const request *self) {
    return self->job_status != ROVE_OK && self->job_status != ROVE_LATER;
}

enum MHD_Result exchange_finish(request *self) {
    rove_status status = ROVE_OK;
    if (self->progress == PROGRESS_FRESH) {
        status = received(self);
    } else if (!session_tells(self)) {
        status = self->task.status;
    }
    if (status != ROVE_OK) {
        return answer_failure(self, status, &self->task.error);
    }
    if (rove__server_wants_commit(self->server) || self->unseen) {
        return front_submit(self, commit_one);
    }
    status = front_authorise(self, NEED_DEVICE); /* it may have been revoked while it sent */
    if (status != ROVE_OK) {
        return answer_status(self, front_refusal(status), status);
    }
    self->progress = PROGRESS_RESUMED;
    return answer_queue(
        self, MHD_HTTP_OK,
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, next_piece, self, NULL),
        ROVE_CONTENT_TYPE);
}
