/*
 * audit/records.h - every sealed record that headquarters has, against what its device signed.
 *
 * Proofs are also met where a record did not come into the tables: work in review, whatever was decided, work that waits for
 * a record, a second seal in the conflict log. They keep their place in the chain there. Work is compared as it came, unless
 * its record has the same proof; of a second seal nothing but the proof is kept.
 */
#ifndef ROVE_HQ_AUDIT_RECORDS_H
#define ROVE_HQ_AUDIT_RECORDS_H

#include "audit/chain.h"
#include "hq.h"

#define AUDIT_LATE_MS INT64_C(900000) /* the default of `late_ms` */

typedef struct audit_scope {
    rove_id user;         /* 0: of everybody */
    rove_replica replica; /* 0: of all devices */
    int64_t late_ms;      /* so far may a record's times be from when it was sealed */
} audit_scope;

typedef struct audit_result {
    uint64_t seals;   /* whose signature holds */
    uint64_t devices; /* of which they are */
    uint64_t records; /* sealed ones */
    uint64_t found[AUDIT_KINDS];
} audit_result;

/* In a read transaction. Findings about records come as they are met, then those about chains. */
ROVE_CHECK rove_status audit_run(hq *headquarters, rove__hq_tx *tx, const audit_scope *scope,
                                 audit_reporter report, void *ctx, audit_result *result);

#endif
