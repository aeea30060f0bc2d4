/*
 * policy.h - what headquarters asks of its devices and itself beside the data: one JSON object in the setting "policy".
 *
 *   poll_ms        how soon a device is to come again when nothing wakes it
 *   oldest_schema  devices that speak an older one have their work taken and are then told to upgrade
 *   lease_ms       how long a device may be read without having come again; 0: for ever
 *   keep_days      the age from which `rove-hq purge` forgets what happened (Q8)
 *
 * What is not said has its default. Devices get the object as it stands, with each Welcome.
 */
#ifndef ROVE_HQ_POLICY_H
#define ROVE_HQ_POLICY_H

#include "store/database.h"
#include "sync/exchange.h"
#include "sync/server.h"

#define HQ_POLL_MS     INT64_C(900000)
#define HQ_POLL_MIN_MS INT64_C(1000)
#define HQ_POLL_MAX_MS INT64_C(86400000)

#define HQ_LEASE_MAX_MS INT64_C(2592000000)

/* As long as certificates are renewed. */
#define HQ_KEEP_DAYS     400
#define HQ_KEEP_DAYS_MAX 36500

/* A policy as it was read; never changed, so that exchanges under way may go on with it. */
typedef struct policy policy;
struct policy {
    rove__server_policy server; /* first; its bytes are the policy's own */
    int keep_days;
    policy *older; /* owned */
    uint8_t text[];
};

/* What the database says, in front of `older` (taken over; NULL: none). CORRUPT: it is no object of this form. */
ROVE_CHECK rove_status policy_read(const rove_allocator *allocator, rove__hq_database *database,
                                   rove__hq_tx *tx, policy *older, policy **out, rove_error *error);
void policy_free(const rove_allocator *allocator, policy *self);

typedef struct policy_change {
    const char *name; /* "poll_ms", "oldest_schema", "lease_ms", "keep_days" */
    int64_t value;
} policy_change;
/* Writes the setting anew; the rest of the object stays. */
ROVE_CHECK rove_status policy_write(rove__hq_database *database, rove__hq_tx *tx,
                                    const rove_allocator *allocator, const policy_change *changes,
                                    size_t count, rove_error *error);

#endif
