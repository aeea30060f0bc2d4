/*
 * merge/merge.h - how two writes of one field become one (rules P5 to P12), as pure functions: (what stands,
 * what comes) to result. No clock, no database, no allocation but from the arena given.
 *
 * "Current" is what headquarters holds; "write" is what a device sent, its stamp already canonical (P7).
 * A write is causal when its author had seen the current version: base == current version, or the current
 * version is the author's own (P5). rove__merge_causal decides that; the rest takes it as given.
 */
#ifndef ROVE_MERGE_MERGE_H
#define ROVE_MERGE_MERGE_H

#include "model/change.h"
#include "model/set.h"

/* One cell as it stands or as it comes. */
typedef struct rove__cell {
    rove_value value;
    rove__version version;
    uint32_t epoch; /* of a rank */
} rove__cell;

typedef struct rove__merged {
    int takes;             /* 1: the write becomes the cell, with `version` */
    int conflict;          /* 1: an unseen, different value met; the loser is to be kept (P6) */
    int fork;              /* 1: equal versions with different values: a fork alarm (P6) */
    rove__version version; /* of the cell afterwards; raised above what a causal write replaces (P5) */
} rove__merged;

/* own: the author's own replica number counts for "own" (0 for batches of a former number, NEED_ROW cells). */
int rove__merge_causal(rove__version base, rove__version current, rove_replica author, int own);

rove__merged rove__merge_register(const rove__cell *current, const rove__cell *write, int causal);
rove__merged rove__merge_rank(const rove__cell *current, const rove__cell *write, int causal);

/*
 * counter. The pending cell is increments = count:varint { raw:u64 delta:zigzag }*, ascending by raw.
 * Each is added once per (replica, raw); who calls has removed those already added. Saturates at the
 * int64 limits and says so.
 */
typedef struct rove__increment {
    rove_stamp raw;
    int64_t delta;
} rove__increment;
#define ROVE_INCREMENTS_MAX 4096
ROVE_CHECK rove_status rove__increments_read(const rove_value *value, rove__arena *arena,
                                             rove__increment **increments, size_t *count);
ROVE_CHECK rove_status rove__increments_write(const rove__increment *increments, size_t count,
                                              rove__arena *arena, rove_value *value);
int64_t rove__merge_counter(int64_t total, const rove__increment *increments, size_t count,
                            int *saturated);

/*
 * set. `current` is versioned, `delta` a device's. An add always takes effect; a remove only if the version
 * it names is current or the author's own (P9). Each add gets version {stamp, author}, raised above the
 * version it replaces; {stamp, ROVE_SET_NOBODY} where that is another's. *ignored counts removes whose element stays. `result` from the arena;
 * ROVE_TOO_BIG past ROVE_SET_ELEMENTS_MAX.
 */
ROVE_CHECK rove_status rove__merge_set(const rove__set *current, const rove__set *delta,
                                       rove__version version, int own, rove__arena *arena,
                                       rove__set *result, size_t *ignored);
/* What the screen shows: pending work laid over headquarters' version, as a plain set. */
ROVE_CHECK rove_status rove__set_overlay(const rove__set *current, const rove__set *delta,
                                         rove__arena *arena, rove__set *plain);
/* The delta that leads from `shown` (plain) to `wanted` (plain), folded into `pending` (may be empty). */
ROVE_CHECK rove_status rove__set_difference(const rove__set *current, const rove__set *pending,
                                            const rove__set *wanted, rove_stamp raw,
                                            rove__arena *arena, rove__set *delta);

/*
 * delete. 1 if the deleter had seen every cell as it is: for each field of `now` the version in `seen` is the
 * same, or the current one is the deleter's own (P12).
 */
int rove__merge_delete_covers(const rove__clock *now, const rove__clock *seen,
                              rove_replica author, int own);

/*
 * The join of two concurrent cells by (stamp, replica, value): commutative, associative, idempotent. What
 * registers come down to when causality does not decide; -1 if a, +1 if b is the result, 0 if equal.
 */
int rove__merge_join(const rove__cell *a, const rove__cell *b);
/* The join of two concurrent ranks: (epoch, value), then as above. */
int rove__merge_join_rank(const rove__cell *a, const rove__cell *b);

/*
 * P7: the canonical stamp of a write: raw clamped to [lower_ms, now], then above `previous`, the largest
 * canonical stamp of this device so far. *suspect is 1 if the raw stamp lay outside.
 */
rove_stamp rove__merge_canonical(rove_stamp raw, int64_t lower_ms, rove_stamp now,
                                 rove_stamp previous, int *suspect);

#endif
