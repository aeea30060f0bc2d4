/*
 * client/wait.c - waiting for headquarters' hint that there is something to fetch.
 *
 * A wait shares nothing with the replica that it was made from but what the ports point to: it has copies of the
 * identity, the cursor and the trusted time, which it carries on by the boot clock.
 *
 * Headquarters' word is a hint, and one that always says "changed" would have the app sync without end. So the replica
 * counts the waits that were made one after the other without its cursor having moved: from the third on, news is not
 * passed on before a pause is over that doubles each time. Once the cursor moves, or after a while without a wait, all
 * is believed at once again.
 */
#include <string.h>

#include "base/text.h"
#include "client/internal.h"
#include "sync/backoff.h"
#include "sync/wait.h"

/* Silence is what a wait is about: only after what headquarters allows is it suspicious. */
#define IDLE_MS (ROVE_WAIT_MS_MAX + 30000)
/* Besides twice the pause: who waits again later than that is in no hurry. */
#define SOON_MS 60000

struct rove_wait {
    rove_allocator allocator;
    rove_clock clock;
    rove_random random;
    rove_transport transport;
    rove__credentials *credentials;
    char url[ROVE_REQUEST_URL_MAX];
    int trusted; /* the time below is */
    int64_t now_ms, at_boot_ms;
    int64_t doubted_ms; /* boot clock: until then news is not believed */
    uint32_t failures;  /* in a row */
    /* Of the run. */
    rove_wait_options options;
    int64_t began_ms;    /* boot clock */
    rove_status stopped; /* CANCELLED or LIMIT, once the caller or the budget said so */
    size_t answer_size;
    uint8_t news;
};

static int64_t boot_ms(const rove_wait *wait) {
    rove_clock_reading reading;

    wait->clock.read(wait->clock.ctx, &reading);
    return reading.boot_ms;
}

/* ---- making one ---- */

static int64_t pause_ms(uint32_t vain) {
    int64_t pause = ROVE_BACKOFF_BASE_MS;

    for (uint32_t i = 2; i < vain && pause < ROVE_BACKOFF_CAP_MS; i++) {
        pause *= 2;
    }
    return vain < 2 ? 0 : pause < ROVE_BACKOFF_CAP_MS ? pause : ROVE_BACKOFF_CAP_MS;
}

/* For how long this wait is not to believe in news. Under the replica's mutex. */
static int64_t doubt_ms(rove *replica, rove__cursor cursor, int64_t at_ms) {
    int64_t soon_ms = replica->waited.made_ms + 2 * pause_ms(replica->waited.vain) + SOON_MS;
    int in_vain = cursor.timeline == replica->waited.cursor.timeline &&
                  cursor.seq == replica->waited.cursor.seq && at_ms < soon_ms;

    replica->waited.vain = in_vain ? replica->waited.vain + 1 : 0;
    replica->waited.cursor = cursor;
    replica->waited.made_ms = at_ms;
    return pause_ms(replica->waited.vain);
}

static rove_status take(rove *replica, rove_wait *wait, rove_error *error) {
    rove__cursor cursor = rove__store_read_cursor(replica->store);
    char text[ROVE_WAIT_TEXT_SIZE];

    rove__mutex_enter(replica->mutex);
    rove_status status = rove__client_enrolled(replica, error);
    if (status == ROVE_OK) {
        status = rove__credentials_copy(&wait->allocator, replica->credentials, &wait->credentials,
                                        error);
    }
    wait->at_boot_ms = boot_ms(wait);
    if (status == ROVE_OK) {
        wait->doubted_ms = wait->at_boot_ms + doubt_ms(replica, cursor, wait->at_boot_ms);
    }
    rove__mutex_leave(replica->mutex);
    if (status != ROVE_OK) {
        return status;
    }
    rove__wait_write(cursor, text);
    rove__text_format(wait->url, sizeof wait->url, "%s%s?cursor=%s", wait->credentials->url,
                      ROVE_WAIT_PATH, text);
    wait->now_ms = rove__store_now_ms(replica->store, &wait->trusted);
    return ROVE_OK;
}

rove_status rove_wait_new(rove *replica, const rove_transport *transport, rove_wait **out,
                          rove_error *error) {
    if (out != NULL) {
        *out = NULL;
    }
    if (replica == NULL || out == NULL || transport == NULL || transport->perform == NULL) {
        return rove__client_invalid(error, "A wait takes a replica, a transport of its own and a "
                                           "place for itself.");
    }
    rove_wait *wait = rove__alloc_zeroed(&replica->ports.allocator, 1, sizeof *wait);
    if (wait == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    wait->allocator = replica->ports.allocator;
    wait->clock = replica->ports.clock;
    wait->random = replica->ports.random;
    wait->transport = *transport;
    rove_error detail = {.message = ""};
    rove_status status = rove__store_is_wiped(replica->store)
                             ? rove__store_check(replica->store, &detail)
                             : take(replica, wait, &detail);
    if (status != ROVE_OK) {
        rove_wait_free(wait);
        return rove__client_said(status, &detail, error);
    }
    *out = wait;
    return ROVE_OK;
}

void rove_wait_free(rove_wait *wait) {
    if (wait == NULL) {
        return;
    }
    const rove_allocator allocator = wait->allocator;
    rove__credentials_free(&allocator, wait->credentials);
    rove__free(&allocator, wait);
}

/* ---- running it ---- */

static int stop(void *ctx) {
    rove_wait *wait = ctx;
    const rove_wait_options *options = &wait->options;

    if (options->cancelled != NULL && options->cancelled(options->ctx)) {
        wait->stopped = ROVE_CANCELLED;
    } else if (options->seconds_max > 0 &&
               boot_ms(wait) - wait->began_ms >= options->seconds_max * 1000) {
        wait->stopped = ROVE_LIMIT;
    }
    return wait->stopped != ROVE_OK;
}

static rove_status write_answer(void *ctx, const void *bytes, size_t size) {
    rove_wait *wait = ctx;

    if (size > 0) {
        wait->news = *(const uint8_t *)bytes;
    }
    wait->answer_size += size < 2 ? size : 2;
    return wait->answer_size <= 1 ? ROVE_OK : ROVE_PROTOCOL;
}

static rove_status ask(rove_wait *wait, rove_response *response, rove_error *error) {
    rove_request request = {.method = "GET",
                            .url = wait->url,
                            .accept = ROVE_WAIT_CONTENT_TYPE,
                            .write_answer = write_answer,
                            .cancelled = stop,
                            .ctx = wait,
                            .idle_timeout_ms = IDLE_MS};

    rove__link_trust(wait->credentials, &request);
    if (wait->trusted) {
        request.trusted_now_ms = wait->now_ms + wait->began_ms - wait->at_boot_ms;
    }
    rove_status status = wait->transport.perform(wait->transport.ctx, &request, response, error);
    if (status == ROVE_CANCELLED && wait->stopped != ROVE_OK) {
        return rove__error_set(error, wait->stopped, "%s", rove_status_text(wait->stopped));
    }
    if (status == ROVE_OK && (wait->answer_size != 1 || wait->news > ROVE_WAIT_CHANGED)) {
        return rove__error_set(error, ROVE_PROTOCOL, "%s", rove_status_text(ROVE_PROTOCOL));
    }
    return status == ROVE_OK && wait->news == ROVE_WAIT_NOTHING ? ROVE_DONE : status;
}

/* After how long it may be tried again; headquarters may ask for more. */
static int64_t delay_ms(const rove_wait *wait, const rove_response *response) {
    int64_t delay = 0;

    if (rove__backoff_delay(wait->failures, &wait->random, &delay) != ROVE_OK) {
        delay = ROVE_BACKOFF_CAP_MS;
    }
    return response->retry_after_ms > delay ? response->retry_after_ms : delay;
}

rove_status rove_wait_run(rove_wait *wait, const rove_wait_options *options, int64_t *retry_ms,
                          rove_error *error) {
    rove_response response = {0};

    if (retry_ms != NULL) {
        *retry_ms = 0;
    }
    if (wait == NULL || (options != NULL && options->size == 0)) {
        return rove__client_invalid(error, "Waiting takes a wait, and options with their size.");
    }
    wait->options = (rove_wait_options){0};
    if (options != NULL) {
        memcpy(&wait->options, options,
               options->size < sizeof wait->options ? options->size : sizeof wait->options);
    }
    wait->stopped = ROVE_OK;
    wait->answer_size = 0;
    wait->began_ms = boot_ms(wait);
    rove_status status = ask(wait, &response, error);
    int64_t doubted_ms = wait->doubted_ms - boot_ms(wait);
    if (status == ROVE_OK && doubted_ms > 0) {
        wait->failures = 0;
        if (retry_ms != NULL) {
            *retry_ms = doubted_ms;
        }
        return rove__error_set(error, ROVE_LATER,
                               "Headquarters says that something changed, but "
                               "had nothing when it was asked");
    }
    if (rove_status_classify(status) == ROVE_CLASS_FINE) {
        if (status == ROVE_OK || status == ROVE_DONE) {
            wait->failures = 0;
        }
        return status;
    }
    wait->failures += wait->failures < UINT32_MAX;
    if (retry_ms != NULL) {
        *retry_ms = delay_ms(wait, &response);
    }
    return status;
}
