/*
 * model/clock.h - the clock of a row: one compact blob instead of metadata per cell.
 *
 *   clock     = flags:byte origin base [seq] count:varint entry*
 *   flags     = 1: base differs from origin, 2: seqs are present (headquarters)
 *   origin    = stamp:u64 replica:varint              raw creation stamp and maker, never changed
 *   base      = delta:zigzag replica:varint           canonical creation stamp - origin's; absent without flag 1
 *   seq       = varint                                headquarters' seq of the creation
 *   entry     = field:varint << 1 | has_epoch, delta:zigzag (stamp - base stamp), replica:varint,
 *               [epoch:varint], [seq:varint]          ascending by field
 *
 * A cell without an entry has the base version, epoch 0 and the creation's seq. An entry exists only where
 * something differs, so one meaning has one encoding (rule G1); rove__clock_set keeps that.
 * The struct lives here and not in merge, because wire and merge both speak it and are siblings.
 */
#ifndef ROVE_MODEL_CLOCK_H
#define ROVE_MODEL_CLOCK_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/reader.h"
#include "base/stamp.h"
#include "model/row.h"

#define ROVE_CLOCK_ENTRIES_MAX (ROVE_FIELDS_MAX + ROVE_EXTRA_MAX)
#define ROVE_CLOCK_SIZE_MAX    16384

typedef struct rove__clock_entry {
    uint32_t field;        /* number */
    uint32_t epoch;        /* of a rank */
    rove__version version; /* canonical at headquarters and on a device */
    uint64_t seq;          /* headquarters only, else 0 */
} rove__clock_entry;

typedef struct rove__clock {
    rove__origin origin;
    rove__version base;
    uint64_t seq;               /* headquarters only, else 0 */
    rove__clock_entry *entries; /* ascending by field; arena */
    size_t count;
    size_t capacity;
} rove__clock;

/* A fresh clock: base = version given, no entries. */
void rove__clock_init(rove__clock *clock, rove__origin origin, rove__version base, uint64_t seq);
/* What a cell has; never fails. */
rove__clock_entry rove__clock_get(const rove__clock *clock, uint32_t field);
/* Sets or, where it equals the base, removes an entry. ROVE_NOMEM; ROVE_TOO_BIG past ROVE_CLOCK_ENTRIES_MAX. */
ROVE_CHECK rove_status rove__clock_set(rove__clock *clock, rove__arena *arena,
                                       rove__clock_entry entry);
/* The largest seq, and the largest canonical stamp (so the origin does not count), in it. */
uint64_t rove__clock_newest(const rove__clock *clock);
rove_stamp rove__clock_largest(const rove__clock *clock);
int rove__clock_equal(const rove__clock *a, const rove__clock *b);

/* with_seqs: headquarters' form. Without, entries that differ in nothing but their seq are left out. */
void rove__clock_write(rove__buf *buf, const rove__clock *clock, int with_seqs);
/* Entries from the arena. Checks order, ranges and canonical form: ROVE_CORRUPT. */
ROVE_CHECK rove_status rove__clock_read(rove__clock *clock, const void *bytes, size_t size,
                                        rove__arena *arena);
ROVE_CHECK rove_status rove__clock_copy(rove__clock *to, const rove__clock *from,
                                        rove__arena *arena);

#endif
