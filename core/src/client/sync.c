/*
 * client/sync.c - reconciling until nothing is left to do: exchanges one after the other, the certificate
 * renewed when it is time, within the caller's budget.
 *
 * A sync may stop anywhere: what was applied is applied in whole pages, what was sent is sent again until it is
 * acknowledged. So a budget that is used up simply ends the request under way.
 */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "client/drop_post.h"
#include "sync/backoff.h"
#include "wire/frame.h"

/* Whatever headquarters says, one sync ends; the rest follows next time. */
#define REQUESTS_MAX 1000u
/* An answer that was asked to end at a size may finish the page that it is in. */
#define ANSWER_SLACK (2u * ROVE_FRAME_COMPRESSED_MAX)

typedef struct syncing {
    rove *replica;
    rove_sync_options options;
    rove_sync_report report;
    rove__device *device;
    int64_t began_ms;    /* boot clock */
    rove_status stopped; /* CANCELLED, LIMIT or LOCKED, once caller, budget or rep said so */
    int open;            /* it has the replica's keys, until the rep locks it */
    rove_error failure;  /* of a callback under way */
    int renewed;
    int refreshed;    /* with a fresh replica number */
    int64_t next_ms;  /* as the last exchange says */
    int64_t retry_ms; /* headquarters asks to wait so long */
} syncing;

static int64_t boot_ms(const syncing *run) {
    rove_clock_reading reading;

    run->replica->ports.clock.read(run->replica->ports.clock.ctx, &reading);
    return reading.boot_ms;
}

/* ---- when to stop ---- */

static uint64_t received(const syncing *run) {
    uint64_t bytes = run->report.bytes_received;

    return run->device != NULL ? bytes + rove__device_progress(run->device)->bytes_in : bytes;
}

static int time_is_up(const syncing *run) {
    return run->options.seconds_max > 0 &&
           boot_ms(run) - run->began_ms >= run->options.seconds_max * 1000;
}

/*
 * Asked all the time: nonzero once the sync is to end early. Whoever locks the replica wants nothing of it left in memory, and an
 * exchange keeps what it has read, however long the network takes; what needs no key goes on while it is locked.
 */
static int stop(void *ctx) {
    syncing *run = ctx;

    if (run->stopped == ROVE_OK && run->open && rove__store_is_locked(run->replica->store)) {
        run->stopped = ROVE_LOCKED;
    }
    if (run->stopped == ROVE_OK && run->options.cancelled != NULL &&
        run->options.cancelled(run->options.ctx)) {
        run->stopped = ROVE_CANCELLED;
    }
    if (run->stopped == ROVE_OK && time_is_up(run)) {
        run->stopped = ROVE_LIMIT;
    }
    return run->stopped != ROVE_OK;
}

static void tell(syncing *run) {
    rove_sync_progress progress = {.bytes_sent = run->report.bytes_sent,
                                   .bytes_received = run->report.bytes_received,
                                   .rows_pushed = run->report.rows_pushed,
                                   .rows_applied = run->report.rows_applied,
                                   .requests = run->report.requests};

    if (run->options.progress == NULL) {
        return;
    }
    if (run->device != NULL) {
        const rove__device_stats *stats = rove__device_progress(run->device);
        progress.bytes_sent += stats->bytes_out;
        progress.bytes_received += stats->bytes_in;
        progress.rows_pushed += stats->rows_pushed;
        progress.rows_applied += stats->rows_applied;
        progress.rows_expected = stats->server_rows;
    }
    run->options.progress(run->options.ctx, &progress);
}

/* ---- one exchange ---- */

static rove_status read_body(void *ctx, void *bytes, size_t capacity, size_t *size) {
    syncing *run = ctx;

    *size = 0;
    if (stop(run)) {
        return run->stopped;
    }
    rove_status status = rove__device_request(run->device, bytes, capacity, size, &run->failure);
    tell(run);
    return status;
}

static rove_status write_answer(void *ctx, const void *bytes, size_t size) {
    syncing *run = ctx;

    if (stop(run)) {
        return run->stopped;
    }
    rove_status status = rove__device_answer(run->device, bytes, size, &run->failure);
    if (status == ROVE_OK && run->options.bytes_max > 0 &&
        received(run) > run->options.bytes_max + ANSWER_SLACK) {
        run->stopped = ROVE_LIMIT;
        status = ROVE_LIMIT;
    }
    tell(run);
    return status;
}

static void add_traffic(syncing *run, const rove_response *response, uint64_t sent, uint64_t got) {
    uint64_t all_sent = response->bytes_sent > 0 ? (uint64_t)response->bytes_sent : 0;
    uint64_t all_got = response->bytes_received > 0 ? (uint64_t)response->bytes_received : 0;

    run->report.requests++;
    run->report.bytes_sent += all_sent > sent ? all_sent : sent;
    run->report.bytes_received += all_got > got ? all_got : got;
    run->retry_ms = response->retry_after_ms > 0 ? response->retry_after_ms : 0;
}

static rove_status exchange(syncing *run, int *again, rove_error *error) {
    rove *replica = run->replica;
    rove__link link = rove__exchange_link(replica);
    rove__device_outcome outcome;
    rove_response response;
    uint64_t left = run->options.bytes_max;

    *again = 0;
    if (left > 0) {
        left = left > run->report.bytes_received ? left - run->report.bytes_received : 1;
    }
    rove_status status = rove__client_device(replica, left, &run->device, error);
    if (status != ROVE_OK) {
        return status;
    }
    run->failure.message[0] = '\0';
    link.read_body = read_body;
    link.write_answer = write_answer;
    link.cancelled = stop;
    link.ctx = run;
    status = rove__link_perform(replica, &link, &response, error);
    if (status != ROVE_OK && run->failure.message[0] != '\0' && error != NULL) {
        *error = run->failure;
    }
    if (status == ROVE_CANCELLED && run->stopped != ROVE_OK) {
        status = run->stopped;
    }
    status = rove__device_finish(run->device, status, &outcome, error);
    rove__device_free(run->device);
    run->device = NULL;

    replica->send_digests = outcome.send_digests;
    run->next_ms = outcome.next_ms;
    run->report.verified = outcome.verified;
    if (status == ROVE_OK) {
        rove__client_released(replica);
    }
    rove__client_report(&outcome.stats, &run->report);
    add_traffic(run, &response, outcome.stats.bytes_out, outcome.stats.bytes_in);
    tell(run);
    *again = outcome.again;
    return status;
}

/* ---- the certificate ---- */

static rove_status renew(syncing *run, int fresh, rove_error *error) {
    rove__renewal renewal = {.fresh = fresh, .cancelled = stop, .ctx = run};
    rove_status status = rove__client_renew(run->replica, &renewal, error);

    add_traffic(run, &renewal.response, 0, 0);
    run->renewed = 1;
    run->refreshed |= fresh;
    return status == ROVE_CANCELLED && run->stopped != ROVE_OK ? run->stopped : status;
}

/* By trusted time only. What headquarters said in its last Welcome counts if it is younger than the identity. */
static int renewal_is_due(syncing *run, int *expired) {
    const rove__identity *identity = &run->replica->credentials->identity;
    rove__store_advice advice;
    int trusted = 0;
    int64_t now = rove__store_now_ms(run->replica->store, &trusted);

    *expired = 0;
    if (!trusted || run->renewed ||
        rove__store_read_advice(run->replica->store, &advice, NULL) != ROVE_OK) {
        return 0;
    }
    *expired = now >= identity->until_ms;
    int said = advice.renew_after_ms > identity->server_ms && now >= advice.renew_after_ms;
    return said || now >= identity->renew_after_ms;
}

/* A certificate that is still good is no reason to stop, if renewing it fails. */
static rove_status renew_if_due(syncing *run, rove_error *error) {
    int expired = 0;

    if (!renewal_is_due(run, &expired)) {
        return ROVE_OK;
    }
    rove_status status = renew(run, 0, expired ? error : NULL);
    if (status != ROVE_OK) {
        rove__log(&run->replica->ports.log, ROVE_LOG_WARN, "client",
                  "the certificate could not be renewed: %s", rove_status_name(status));
    }
    return expired ? status : ROVE_OK;
}

/* ---- a sync ---- */

/* Exchanges until there is nothing more. Renewals in between are what P3 and the certificate ask for. */
static rove_status reconcile(syncing *run, rove_error *error) {
    rove_status status = ROVE_OK;
    int again = 1;

    while (status == ROVE_OK && again) {
        if (stop(run)) {
            status = run->stopped;
        } else if (run->report.requests >= REQUESTS_MAX ||
                   (run->options.bytes_max > 0 && received(run) >= run->options.bytes_max)) {
            status = ROVE_LIMIT;
        }
        if (status == ROVE_OK) {
            status = renew_if_due(run, error);
        }
        if (status != ROVE_OK) {
            break;
        }
        status = exchange(run, &again, error);
        if ((status == ROVE_FORK && !run->refreshed) || (status == ROVE_EXPIRED && !run->renewed)) {
            status = renew(run, status == ROVE_FORK, error);
            again = 1;
        }
    }
    if (status == ROVE_OK) {
        /* The first contact in a while tells the time. */
        status = renew_if_due(run, error);
    }
    if (status == ROVE_CANCELLED || status == ROVE_LIMIT || status == ROVE_LOCKED) {
        (void)rove__error_set(error, status, "%s", rove_status_text(status));
    }
    return status;
}

/* When to come again: as headquarters said, at once after an early end, later and later after failures. */
static int64_t schedule(syncing *run, rove_status status) {
    rove *replica = run->replica;
    int64_t delay = 0;

    if (status == ROVE_OK) {
        return run->next_ms;
    }
    if (rove_status_classify(status) == ROVE_CLASS_FINE) {
        return 0;
    }
    if (rove__backoff_delay(replica->failures + 1, &replica->ports.random, &delay) != ROVE_OK) {
        delay = ROVE_BACKOFF_CAP_MS;
    }
    if (delay < run->retry_ms) {
        delay = run->retry_ms;
    }
    return rove__store_now_ms(replica->store, NULL) + delay;
}

/* What is locked with a PIN can be locked by headquarters, too: nobody has to unlock it first. */
static void obey_locked(rove *replica) {
    rove_status status = rove__client_obey(replica, NULL);

    if (status != ROVE_REVOKED) {
        rove__log(&replica->ports.log, ROVE_LOG_INFO, "client", "locked, and ordered: %s",
                  rove_status_name(status));
    }
}

static rove_status talk(syncing *run, rove_error *error) {
    rove *replica = run->replica;

    if (rove__client_wipe_waits(replica)) {
        return rove__client_wipe_again(replica, error);
    }
    rove_status status = rove__client_contact(replica, error);
    if (status == ROVE_OK) {
        run->open = 1;
        status = reconcile(run, error);
        run->open = 0;
        if (status == ROVE_REVOKED) {
            status = rove__client_obey(replica, error);
        }
        rove__client_contact_over(replica);
    } else if (status == ROVE_LOCKED || status == ROVE_WRONG_KEY) {
        obey_locked(replica);
    }
    return status;
}

static rove_status sync_taken(syncing *run, rove_error *error) {
    rove *replica = run->replica;

    rove_error detail = {.message = ""};
    rove_status status = rove__client_drop(replica, stop, run);
    if (status == ROVE_OK && rove__store_is_wiped(replica->store)) {
        rove__mutex_enter(replica->dropping);
        status = rove__client_wipe_end(&replica->ports, replica->folder, &detail);
        rove__mutex_leave(replica->dropping);
        status = status == ROVE_OK ? rove__store_check(replica->store, &detail) : status;
    } else if (status == ROVE_OK) {
        status = rove__client_enrolled(replica, &detail);
    }
    if (status != ROVE_OK) {
        return rove__client_said(status, &detail, error);
    }
    status = rove__client_said(talk(run, &detail), &detail, error);
    if (replica->receipt_waits && rove__client_drop(replica, stop, run) == ROVE_OK) {
        replica->receipt_waits = 0;
    }
    run->report.duration_ms = boot_ms(run) - run->began_ms;
    run->report.next_sync_ms = schedule(run, status);
    rove__client_settle(replica, status, run->report.next_sync_ms);
    rove__log(&replica->ports.log, ROVE_LOG_INFO, "client",
              "sync: %s, %llu requests, %llu rows up, %llu rows down, %lld ms",
              rove_status_name(status), (unsigned long long)run->report.requests,
              (unsigned long long)run->report.rows_pushed,
              (unsigned long long)run->report.rows_applied, (long long)run->report.duration_ms);
    return status;
}

rove_status rove_sync(rove *replica, const rove_sync_options *options, rove_sync_report *report,
                      rove_error *error) {
    syncing run = {.replica = replica};

    if (report != NULL) {
        memset(report, 0, sizeof *report);
    }
    if (replica == NULL || (options != NULL && options->size == 0)) {
        return rove__client_invalid(error, "A sync takes a replica, and options with their size.");
    }
    if (options != NULL) {
        memcpy(&run.options, options,
               options->size < sizeof run.options ? options->size : sizeof run.options);
    }
    rove_status status = rove__client_take(replica, error);
    if (status != ROVE_OK) {
        return status;
    }
    run.began_ms = boot_ms(&run);
    status = sync_taken(&run, error);
    if (report != NULL) {
        *report = run.report;
    }
    rove__client_give(replica);
    return status;
}
