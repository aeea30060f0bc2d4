/*
 * base/buf.h - a byte buffer that knows its largest size from the start.
 *
 * Invariants: size <= capacity <= max. A failed append frees the buffer's memory and leaves it empty and
 * failed: every later append fails with the same status, so that a caller may append many times and
 * check once, with rove__buf_status.
 */
#ifndef ROVE_BASE_BUF_H
#define ROVE_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "rove/status.h"
#include "rove/sys/alloc.h"

typedef struct rove__buf {
    const rove_allocator *allocator;
    uint8_t *data; /* owned; NULL while nothing was appended */
    size_t size;
    size_t capacity;
    size_t max;
    rove_status status; /* ROVE_OK, ROVE_NOMEM or ROVE_TOO_BIG */
} rove__buf;

void rove__buf_init(rove__buf *buf, const rove_allocator *allocator, size_t max_bytes);
void rove__buf_free(rove__buf *buf);
/* Empties it and forgets a failure; keeps the memory. */
void rove__buf_reset(rove__buf *buf);
/* Removes everything past `size`. */
void rove__buf_truncate(rove__buf *buf, size_t size);
/* Removes the first `size` bytes. */
void rove__buf_consume(rove__buf *buf, size_t size);
rove_status rove__buf_status(const rove__buf *buf);

void rove__buf_append(rove__buf *buf, const void *data, size_t size);
void rove__buf_byte(rove__buf *buf, uint8_t byte);
/* Unsigned LEB128, at most 10 bytes. */
#define ROVE_VARINT_MAX 10
void rove__buf_varint(rove__buf *buf, uint64_t value);
/* Zigzag, then LEB128. */
void rove__buf_zigzag(rove__buf *buf, int64_t value);
/* The same two into memory with room for ROVE_VARINT_MAX bytes; how many they took. */
static inline size_t rove__varint_put(uint8_t *out, uint64_t value) {
    size_t size = 0;

    while (value >= 0x80) {
        out[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[size++] = (uint8_t)value;
    return size;
}
static inline size_t rove__zigzag_put(uint8_t *out, int64_t value) {
    return rove__varint_put(out, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}
/* Big-endian, so that bytes sort like numbers. */
void rove__buf_u32(rove__buf *buf, uint32_t value);
void rove__buf_u64(rove__buf *buf, uint64_t value);
/* The same two into memory, and back; how many bytes they took. */
static inline size_t rove__u32_put(uint8_t *out, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
    return 4;
}
static inline size_t rove__u64_put(uint8_t *out, uint64_t value) {
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    }
    return 8;
}
static inline uint32_t rove__u32_get(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
static inline uint64_t rove__u64_get(const uint8_t *at) {
    return (uint64_t)rove__u32_get(at) << 32 | rove__u32_get(at + 4);
}
/* A varint size, then the bytes. */
void rove__buf_bytes(rove__buf *buf, const void *data, size_t size);
/* Room for `size` bytes to be written by the caller; NULL after a failure (and for size 0 possibly). */
uint8_t *rove__buf_reserve(rove__buf *buf, size_t size);

#endif
