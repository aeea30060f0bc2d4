/*
 * base/siphash.h - SipHash-2-4 with a 128-bit result (Aumasson and Bernstein, 2012), the keyed hash of the digest,
 * and sums modulo 2^128.
 */
#ifndef ROVE_BASE_SIPHASH_H
#define ROVE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define ROVE_HASH_KEY_SIZE 16

typedef struct rove__hash128 {
    uint64_t low;
    uint64_t high;
} rove__hash128;

rove__hash128 rove__siphash128(const uint8_t key[ROVE_HASH_KEY_SIZE], const void *data,
                               size_t size);

/* *sum += term, *sum -= term, both modulo 2^128. */
void rove__hash128_add(rove__hash128 *sum, rove__hash128 term);
void rove__hash128_subtract(rove__hash128 *sum, rove__hash128 term);
int rove__hash128_equal(rove__hash128 a, rove__hash128 b);
/* 16 bytes, high half first, big-endian. */
void rove__hash128_write(rove__hash128 hash, uint8_t out[16]);
rove__hash128 rove__hash128_read(const uint8_t in[16]);

#endif
