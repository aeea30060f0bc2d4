/*
 * model/digest.h - the term of one live row in the digest of its scope (rule G1).
 *
 *   term = SipHash-2-4-128(organisation key, entity:varint id:u64 clock (model/clock.h, without seqs)
 *                          { number:varint value (model/row.h) }*)   fields ascending, NULLs left out,
 *                          unknown and custom fields included, derived ones excluded
 *
 * Terms are summed modulo 2^128, so a scope's digest is kept up to date row by row.
 */
#ifndef ROVE_MODEL_DIGEST_H
#define ROVE_MODEL_DIGEST_H

#include "base/siphash.h"
#include "model/clock.h"
#include "model/row.h"

/* `scratch` is emptied and reused. ROVE_NOMEM, ROVE_TOO_BIG from scratch. */
ROVE_CHECK rove_status rove__digest_term(const uint8_t key[ROVE_HASH_KEY_SIZE],
                                         const rove__row *row, const rove__clock *clock,
                                         rove__buf *scratch, rove__hash128 *term);

#endif
