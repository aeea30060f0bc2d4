/*
 * base/siphash.c - SipHash-2-4 with a 128-bit result: Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF", 2012, and the 128-bit variant of their reference implementation. `low` is the first half of its
 * output read as a little-endian number, `high` the second.
 */
#include "base/siphash.h"

#include "base/assert.h"

typedef struct sip {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
} sip;

static uint64_t rotate(uint64_t value, unsigned bits) {
    return value << bits | value >> (64 - bits);
}

static void round_once(sip *s) {
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static void absorb(sip *s, uint64_t word) {
    s->v3 ^= word;
    round_once(s);
    round_once(s);
    s->v0 ^= word;
}

static uint64_t squeeze(sip *s) {
    for (int i = 0; i < 4; i++) {
        round_once(s);
    }
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static uint64_t little_endian(const uint8_t *bytes, size_t size) {
    uint64_t word = 0;

    for (size_t i = 0; i < size; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

rove__hash128 rove__siphash128(const uint8_t key[ROVE_HASH_KEY_SIZE], const void *data,
                               size_t size) {
    const uint8_t *at = data;
    uint64_t k0 = little_endian(key, 8);
    uint64_t k1 = little_endian(key + 8, 8);
    sip s = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du ^ 0xeeu, k0 ^ 0x6c7967656e657261u,
             k1 ^ 0x7465646279746573u};
    size_t left = size;
    rove__hash128 hash;

    ROVE_ASSERT(data != NULL || size == 0);
    for (; left >= 8; at += 8, left -= 8) {
        absorb(&s, little_endian(at, 8));
    }
    absorb(&s, little_endian(at, left) | (uint64_t)(size & 0xff) << 56);
    s.v2 ^= 0xeeu;
    hash.low = squeeze(&s);
    s.v1 ^= 0xddu;
    hash.high = squeeze(&s);
    return hash;
}

void rove__hash128_add(rove__hash128 *sum, rove__hash128 term) {
    sum->low += term.low;
    sum->high += term.high + (sum->low < term.low ? 1u : 0u);
}

void rove__hash128_subtract(rove__hash128 *sum, rove__hash128 term) {
    uint64_t borrow = sum->low < term.low ? 1u : 0u;

    sum->low -= term.low;
    sum->high -= term.high + borrow;
}

int rove__hash128_equal(rove__hash128 a, rove__hash128 b) {
    return a.low == b.low && a.high == b.high;
}

void rove__hash128_write(rove__hash128 hash, uint8_t out[16]) {
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(hash.high >> (56 - 8 * i));
        out[8 + i] = (uint8_t)(hash.low >> (56 - 8 * i));
    }
}

rove__hash128 rove__hash128_read(const uint8_t in[16]) {
    rove__hash128 hash = {0, 0};

    for (size_t i = 0; i < 8; i++) {
        hash.high = hash.high << 8 | in[i];
        hash.low = hash.low << 8 | in[8 + i];
    }
    return hash;
}
