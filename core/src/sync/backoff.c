/*
 * sync/backoff.c - delays with jitter; see backoff.h.
 */
#include "sync/backoff.h"

#include "base/assert.h"

/* A uniform number in [0, range); the bias of the modulo is below 2^-32 for the ranges used here. */
static rove_status uniform(const rove_random *random, int64_t range, int64_t *out) {
    uint64_t bits = 0;
    rove_status status = random->fill(random->ctx, &bits, sizeof bits);
    if (status != ROVE_OK) {
        return status;
    }
    ROVE_ASSERT(range > 0);
    *out = (int64_t)(bits % (uint64_t)range);
    return ROVE_OK;
}

rove_status rove__backoff_delay(uint32_t failures, const rove_random *random, int64_t *delay_ms) {
    int64_t ceiling = ROVE_BACKOFF_BASE_MS;
    for (uint32_t i = 0; i < failures && ceiling < ROVE_BACKOFF_CAP_MS; i++) {
        ceiling *= 2;
    }
    if (ceiling > ROVE_BACKOFF_CAP_MS) {
        ceiling = ROVE_BACKOFF_CAP_MS;
    }
    int64_t extra = 0;
    rove_status status = uniform(random, ceiling - ROVE_BACKOFF_BASE_MS + 1, &extra);
    *delay_ms = ROVE_BACKOFF_BASE_MS + extra;
    return status;
}

rove_status rove__backoff_poll(int64_t poll_ms, const rove_random *random, int64_t *delay_ms) {
    int64_t tenth = poll_ms / 10;
    int64_t extra = 0;
    *delay_ms = poll_ms;
    if (tenth <= 0) {
        return ROVE_OK;
    }
    rove_status status = uniform(random, 2 * tenth + 1, &extra);
    if (status == ROVE_OK) {
        *delay_ms = poll_ms - tenth + extra;
    }
    return status;
}
