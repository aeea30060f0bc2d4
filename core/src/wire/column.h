/*
 * wire/column.h - the two things that a batch is made of: packed vectors of integers, and piles of
 * bytes.
 *
 *   ints  = mode:byte rest                     `count` values; nothing at all if count is 0
 *   mode  = 0 .. 8   width, the bytes per value; the rest is
 *                    [first:zigzag] min:zigzag [scale:varint] plane{width}
 *           | 0x10   delta: value = the value before + step; `first`, the first value, is there
 *           | 0x20   scaled: `scale` is there, else it is 1
 *           0x40     the rest is size:varint and so many bytes of zigzag varints, each of them the
 *                    difference to the value before (the first one's to 0)
 *   plane = count bytes: the p-th plane holds bits 8p .. 8p+7 of each value's u
 *   step  = min + scale * u; without delta the step is the value. In delta mode u of the first
 *           value is 0 and the value before it counts as first - min.
 *
 * All arithmetic is modulo 2^64, so every vector of int64 can be written in every mode. Planes put
 * bytes of one significance side by side, which is what zstd's entropy stage wants; scale takes the
 * common divisor out of times on a grid; width 0 is a constant. The writer takes whichever is
 * shortest.
 */
#ifndef ROVE_WIRE_COLUMN_H
#define ROVE_WIRE_COLUMN_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/reader.h"

/* Where vectors grow, and an upper bound of what they will take when written. */
typedef struct rove__packer {
    rove__arena arena;
    size_t bound;
    int failed;  /* memory was short; what was added is incomplete */
    int refused; /* something was added that no reader would take */
} rove__packer;

/* A vector that is being collected. All zero bits: empty. Memory is the packer's. */
typedef struct rove__ints {
    int64_t first;
    int64_t last;
    int64_t *values; /* NULL as long as all values equal the first */
    size_t count;
    size_t capacity;
} rove__ints;

void rove__ints_add(rove__ints *ints, rove__packer *packer, int64_t value);
/* Forgets the values from `count` on; the packer's bound is the caller's to restore. */
void rove__ints_truncate(rove__ints *ints, size_t count);
/* Of a vector that is not empty. */
int rove__ints_all_zero(const rove__ints *ints);
/*
 * Appends the vector, at most what the bound said. Overwrites the values: they cannot be used
 * again.
 */
void rove__ints_write(rove__ints *ints, rove__buf *out);

/* Bytes that are being collected. All zero bits: empty. */
typedef struct rove__pile {
    uint8_t *data;
    size_t size;
    size_t capacity;
} rove__pile;

void rove__pile_add(rove__pile *pile, rove__packer *packer, const void *data, size_t size);

/*
 * A vector that is being read: decoded value by value, so that nothing is allocated for a peer's
 * count.
 */
typedef struct rove__ints_reader {
    const uint8_t *planes; /* borrowed */
    size_t stride;         /* of a plane */
    size_t left;
    unsigned width;
    uint64_t carry; /* all ones in delta mode, else 0 */
    uint64_t value;
    uint64_t min;
    uint64_t scale;
    int is_varints;
    rove__reader varints;
} rove__ints_reader;

/* Opens a vector of `count` values at the reader's position and moves the reader past it. */
void rove__ints_open(rove__ints_reader *ints, rove__reader *from, size_t count);
/* The next value; 0 past the last one. */
int64_t rove__ints_next(rove__ints_reader *ints);
/* 1 if all values were taken and every byte was used. */
int rove__ints_done(const rove__ints_reader *ints);

#endif
