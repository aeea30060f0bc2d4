/*
 * model/digest.h - the term of one live row in the digest of its scope (rule G1).
 *
 *   term = SipHash-2-4-128(organisation key, entity:varint id:u64 clock (model/clock.h, without seqs)
 *                          { number:varint value (model/row.h) }*)   fields ascending, NULLs left out,
 *                          unknown and custom fields included, derived ones excluded
 *
 * Terms are summed modulo 2^128, so a scope's digest is kept up to date row by row. Where a scope is large, what differs
 * in it is narrowed down to some of its 64 buckets, into which rows fall by their ids (rule G2):
 *
 *   bucket = (id * 0x9e3779b97f4a7c15 mod 2^64) >> 58
 */
#ifndef ROVE_MODEL_DIGEST_H
#define ROVE_MODEL_DIGEST_H

#include "base/siphash.h"
#include "model/clock.h"
#include "model/row.h"

#define ROVE_BUCKETS 64u

/* A scope, or some of its buckets. */
typedef struct rove__portion {
    rove__scope scope;
    uint64_t buckets; /* bit b: bucket b; 0: the whole scope */
} rove__portion;

static inline unsigned rove__bucket(rove_id id) {
    return (unsigned)(((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15)) >> 58);
}

/* Whether a row falls into some buckets of its scope, or is in the scope at all (0). */
static inline int rove__buckets_have(uint64_t buckets, rove_id id) {
    return buckets == 0 || (buckets >> rove__bucket(id) & 1) != 0;
}

/* `scratch` is emptied and reused. ROVE_NOMEM, ROVE_TOO_BIG from scratch. */
ROVE_CHECK rove_status rove__digest_term(const uint8_t key[ROVE_HASH_KEY_SIZE],
                                         const rove__row *row, const rove__clock *clock,
                                         rove__buf *scratch, rove__hash128 *term);

#endif
