/*
 * client/exchange.c - one exchange, step by step, for hosts that move the bytes themselves; and what of an
 * exchange is remembered until the next one.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "client/internal.h"
#include "wire/frame.h"

struct rove_exchange {
    rove *replica;
    rove__device *device;
    int64_t began_ms; /* boot clock */
    char url[ROVE_REQUEST_URL_MAX];
    rove_status failed; /* making the request, or taking the answer */
    rove_error failure;
};

rove_status rove__client_device(rove *replica, uint64_t bytes_max, rove__device **device,
                                rove_error *error) {
    rove__device_options options = {.app = replica->ports.app,
                                    .bytes_max = bytes_max,
                                    .send_digests = replica->send_digests,
                                    .failures = replica->failures};
    rove__store_owner owner;

    *device = NULL;
    if (replica->credentials != NULL) {
        rove_status status = rove__client_adopt(replica, error);
        if (status != ROVE_OK) {
            return status;
        }
        replica->sealer = rove__credentials_sealer(replica->credentials);
        options.sealer = &replica->sealer;
    }
    rove__store_read_owner(replica->store, &owner);
    if (owner.user == 0) {
        return rove__error_set(error, ROVE_NOT_ENROLLED, "%s", rove_status_text(ROVE_NOT_ENROLLED));
    }
    return rove__device_new(&replica->store_ports, replica->store, &options, device, error);
}

rove__link rove__exchange_link(const rove *replica) {
    return (rove__link){.method = "POST",
                        .url = replica->credentials->url,
                        .path = "/v1/exchange",
                        .content_type = ROVE_CONTENT_TYPE,
                        .accept = ROVE_CONTENT_TYPE};
}

void rove__client_settle(rove *replica, rove_status status, int64_t next_ms) {
    int fine = rove_status_classify(status) == ROVE_CLASS_FINE;

    rove__mutex_enter(replica->mutex);
    if (status == ROVE_OK) {
        replica->failures = 0;
    } else if (!fine && replica->failures < UINT32_MAX) {
        replica->failures++;
    }
    replica->next_sync_ms = next_ms;
    rove__mutex_leave(replica->mutex);
}

void rove__client_report(const rove__device_stats *stats, rove_sync_report *report) {
    report->batches += stats->batches;
    report->rows_pushed += stats->rows_pushed;
    report->rows_applied += stats->rows_applied;
    report->rows_removed += stats->rows_removed;
    report->scopes_entered += stats->scopes_entered;
    report->scopes_left += stats->scopes_left;
    report->rejected += stats->rejected;
    report->reviewed += stats->reviewed;
    report->lost += stats->lost;
}

static int64_t boot_ms(const rove *replica) {
    rove_clock_reading reading;

    replica->ports.clock.read(replica->ports.clock.ctx, &reading);
    return reading.boot_ms;
}

rove_status rove_exchange_new(rove *replica, uint64_t bytes_max, rove_exchange **out,
                              rove_error *error) {
    if (replica == NULL || out == NULL) {
        return rove__client_invalid(error, "An exchange takes a replica and a place for itself.");
    }
    *out = NULL;
    rove_error detail = {.message = ""};
    rove_status status = rove__client_take(replica, error);
    if (status != ROVE_OK) {
        return status;
    }
    rove_exchange *exchange = rove__alloc_zeroed(&replica->ports.allocator, 1, sizeof *exchange);
    if (exchange == NULL) {
        status = ROVE_NOMEM;
    } else {
        exchange->replica = replica;
        exchange->began_ms = boot_ms(replica);
        status = rove__client_contact(replica, &detail);
    }
    if (status == ROVE_OK) {
        status = rove__client_device(replica, bytes_max, &exchange->device, &detail);
        if (status != ROVE_OK) {
            rove__client_contact_over(replica);
        }
    }
    if (status != ROVE_OK) {
        rove__free(&replica->ports.allocator, exchange);
        rove__client_give(replica);
        return rove__client_said(status, &detail, error);
    }
    *out = exchange;
    return ROVE_OK;
}

rove_status rove_exchange_target(rove_exchange *exchange, rove_request *request,
                                 rove_error *error) {
    if (exchange == NULL || request == NULL) {
        return rove__client_invalid(error, "A target takes an exchange and a request.");
    }
    rove *replica = exchange->replica;
    memset(request, 0, sizeof *request);
    rove_status status = rove__client_enrolled(replica, error);
    if (status == ROVE_OK) {
        rove__link link = rove__exchange_link(replica);
        rove__link_request(replica, &link, exchange->url, request);
    }
    return status;
}

/* Keeps the first failure: finish returns it whatever the host says then. */
static rove_status note(rove_exchange *exchange, rove_status status, rove_error *error) {
    if (status != ROVE_OK) {
        exchange->failed = status;
    }
    return rove__client_said(status, &exchange->failure, error);
}

rove_status rove_exchange_request(rove_exchange *exchange, void *bytes, size_t capacity,
                                  size_t *size, rove_error *error) {
    if (exchange == NULL || bytes == NULL || size == NULL || capacity == 0) {
        return rove__client_invalid(error, "A request takes an exchange and room for its bytes.");
    }
    *size = 0;
    rove_status status = exchange->failed;
    if (status == ROVE_OK) {
        status = rove__device_request(exchange->device, bytes, capacity, size, &exchange->failure);
    }
    return note(exchange, status, error);
}

rove_status rove_exchange_answer(rove_exchange *exchange, const void *bytes, size_t size,
                                 rove_error *error) {
    if (exchange == NULL || (bytes == NULL && size > 0)) {
        return rove__client_invalid(error, "An answer takes an exchange and bytes.");
    }
    rove_status status = exchange->failed;
    if (status == ROVE_OK && size > 0) {
        status = rove__device_answer(exchange->device, bytes, size, &exchange->failure);
    }
    return note(exchange, status, error);
}

rove_status rove_exchange_finish(rove_exchange *exchange, rove_status transport, int *again,
                                 rove_sync_report *report, rove_error *error) {
    rove__device_outcome outcome;
    rove_sync_report done = {.requests = 1};

    if (again != NULL) {
        *again = 0;
    }
    if (exchange == NULL) {
        return rove__client_invalid(error, "There is no exchange.");
    }
    rove *replica = exchange->replica;
    int ours = exchange->failed != ROVE_OK;
    rove_status status = rove__device_finish(exchange->device, ours ? exchange->failed : transport,
                                             &outcome, &exchange->failure);
    status = rove__client_said(status, &exchange->failure, error);
    replica->send_digests = outcome.send_digests;
    if (status == ROVE_OK) {
        rove__client_released(replica);
    }
    rove__client_settle(replica, status, outcome.next_ms);
    rove__client_report(&outcome.stats, &done);
    done.bytes_sent = outcome.stats.bytes_out;
    done.bytes_received = outcome.stats.bytes_in;
    done.verified = outcome.verified;
    done.duration_ms = boot_ms(replica) - exchange->began_ms;
    done.next_sync_ms = outcome.next_ms;
    if (again != NULL) {
        *again = outcome.again;
    }
    if (report != NULL) {
        *report = done;
    }
    rove__device_free(exchange->device);
    rove__free(&replica->ports.allocator, exchange);
    rove__client_contact_over(replica);
    rove__client_give(replica);
    return status;
}
