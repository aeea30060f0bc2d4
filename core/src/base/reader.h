/*
 * base/reader.h - reads bytes that nobody vouches for.
 *
 * Invariant: at <= end. A failed read leaves the reader failed and returns 0; every later read returns 0
 * too, so that a decoder may read many times and check once, before it uses what it read. A varint must
 * be of the shortest form. Borrowed bytes live as long as what the reader was given.
 */
#ifndef ROVE_BASE_READER_H
#define ROVE_BASE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "rove/status.h"

typedef struct rove__reader {
    const uint8_t *at;
    const uint8_t *end;
    rove_status status; /* ROVE_OK, ROVE_TRUNCATED or ROVE_PROTOCOL */
} rove__reader;

void rove__reader_init(rove__reader *reader, const void *data, size_t size);
/* Marks the reader failed, keeping an earlier failure; for decoders that found a value out of range. */
void rove__reader_fail(rove__reader *reader, rove_status status);
rove_status rove__reader_status(const rove__reader *reader);
size_t rove__reader_left(const rove__reader *reader);

uint8_t rove__reader_byte(rove__reader *reader);
uint64_t rove__reader_varint(rove__reader *reader);
/* A varint of at most `max`; larger is ROVE_PROTOCOL. For everything that will be a count or a size. */
uint64_t rove__reader_varint_max(rove__reader *reader, uint64_t max);
int64_t rove__reader_zigzag(rove__reader *reader);
uint32_t rove__reader_u32(rove__reader *reader);
uint64_t rove__reader_u64(rove__reader *reader);
/* Borrowed; NULL after a failure (and for size 0 possibly). */
const uint8_t *rove__reader_take(rove__reader *reader, size_t size);
/* The same into memory of the caller's; untouched after a failure. */
void rove__reader_copy(rove__reader *reader, void *out, size_t size);
/* A varint size of at most `max`, then so many borrowed bytes. */
const uint8_t *rove__reader_bytes(rove__reader *reader, size_t max, size_t *size);

#endif
