/*
 * sync/backoff.h - when to come again: exponential back-off with full jitter (Brooker, "Exponential Backoff And
 * Jitter", 2015): a uniform delay in [base, min(cap, base * 2^failures)], so that a hundred thousand devices
 * do not return together.
 */
#ifndef ROVE_SYNC_BACKOFF_H
#define ROVE_SYNC_BACKOFF_H

#include <stdint.h>

#include "rove/status.h"
#include "rove/sys/random.h"

#define ROVE_BACKOFF_BASE_MS 2000
#define ROVE_BACKOFF_CAP_MS  900000

/* Delay in ms after `failures` failures in a row (at least 1). */
ROVE_CHECK rove_status rove__backoff_delay(uint32_t failures, const rove_random *random,
                                           int64_t *delay_ms);
/* A poll interval with +-10 % jitter. */
ROVE_CHECK rove_status rove__backoff_poll(int64_t poll_ms, const rove_random *random,
                                          int64_t *delay_ms);

#endif
