/*
 * model/clock.c - the clock of a row and its one encoding (format in clock.h).
 *
 * Invariants: entries ascend strictly by field; no entry equals what a cell without one has. Stamps and
 * replicas are at most ROVE_STAMP_MAX and ROVE_REPLICA_MAX, so that a difference of two fits 64 bits.
 */
#include "model/clock.h"

#include <string.h>

#include "base/assert.h"

#define FLAG_BASE 1u /* base differs from origin */
#define FLAG_SEQS 2u

/* The least and the most bytes of one encoded entry: field, delta, replica, epoch, seq. */
#define ENTRY_MIN 3
#define ENTRY_MAX 35

static int version_equal(rove__version a, rove__version b) {
    return a.stamp == b.stamp && a.replica == b.replica;
}

static int version_sane(rove__version version) {
    return version.stamp <= ROVE_STAMP_MAX && version.replica <= ROVE_REPLICA_MAX;
}

/* 1 if a cell without an entry has the same, its seq aside. */
static int entry_is_base(const rove__clock *clock, const rove__clock_entry *entry) {
    return entry->epoch == 0 && version_equal(entry->version, clock->base);
}

/* The position of a field's entry, or where it would stand. */
static size_t entry_find(const rove__clock *clock, uint32_t field) {
    size_t low = 0;
    size_t high = clock->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (clock->entries[middle].field < field) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void rove__clock_init(rove__clock *clock, rove__origin origin, rove__version base, uint64_t seq) {
    ROVE_ASSERT(version_sane(origin) && version_sane(base));
    *clock = (rove__clock){.origin = origin, .base = base, .seq = seq};
}

rove__clock_entry rove__clock_get(const rove__clock *clock, uint32_t field) {
    size_t at = entry_find(clock, field);

    if (at < clock->count && clock->entries[at].field == field) {
        return clock->entries[at];
    }
    return (rove__clock_entry){.field = field, .version = clock->base, .seq = clock->seq};
}

static rove_status entries_grow(rove__clock *clock, rove__arena *arena) {
    size_t capacity = clock->capacity == 0 ? 8 : clock->capacity * 2;
    rove__clock_entry *entries = rove__arena_take(arena, capacity * sizeof *entries);

    if (entries == NULL) {
        return ROVE_NOMEM;
    }
    if (clock->count > 0) {
        memcpy(entries, clock->entries, clock->count * sizeof *entries);
    }
    clock->entries = entries;
    clock->capacity = capacity;
    return ROVE_OK;
}

rove_status rove__clock_set(rove__clock *clock, rove__arena *arena, rove__clock_entry entry) {
    size_t at = entry_find(clock, entry.field);
    int found = at < clock->count && clock->entries[at].field == entry.field;
    int needed = !entry_is_base(clock, &entry) || entry.seq != clock->seq;
    rove_status status = ROVE_OK;

    ROVE_ASSERT(version_sane(entry.version));
    if (found && needed) {
        clock->entries[at] = entry;
    } else if (found) {
        clock->count--;
        memmove(&clock->entries[at], &clock->entries[at + 1],
                (clock->count - at) * sizeof *clock->entries);
    } else if (needed) {
        if (clock->count == ROVE_CLOCK_ENTRIES_MAX) {
            return ROVE_TOO_BIG;
        }
        if (clock->count == clock->capacity) {
            status = entries_grow(clock, arena);
        }
        if (status != ROVE_OK) {
            return status;
        }
        memmove(&clock->entries[at + 1], &clock->entries[at],
                (clock->count - at) * sizeof *clock->entries);
        clock->entries[at] = entry;
        clock->count++;
    }
    return ROVE_OK;
}

uint64_t rove__clock_newest(const rove__clock *clock) {
    uint64_t newest = clock->seq;

    for (size_t i = 0; i < clock->count; i++) {
        newest = clock->entries[i].seq > newest ? clock->entries[i].seq : newest;
    }
    return newest;
}

rove_stamp rove__clock_largest(const rove__clock *clock) {
    rove_stamp largest = clock->base.stamp;

    for (size_t i = 0; i < clock->count; i++) {
        rove_stamp stamp = clock->entries[i].version.stamp;
        largest = stamp > largest ? stamp : largest;
    }
    return largest;
}

int rove__clock_equal(const rove__clock *a, const rove__clock *b) {
    if (!version_equal(a->origin, b->origin) || !version_equal(a->base, b->base) ||
        a->seq != b->seq || a->count != b->count) {
        return 0;
    }
    for (size_t i = 0; i < a->count; i++) {
        const rove__clock_entry *x = &a->entries[i];
        const rove__clock_entry *y = &b->entries[i];
        if (x->field != y->field || x->epoch != y->epoch || x->seq != y->seq ||
            !version_equal(x->version, y->version)) {
            return 0;
        }
    }
    return 1;
}

rove_status rove__clock_copy(rove__clock *to, const rove__clock *from, rove__arena *arena) {
    *to = *from;
    to->entries = NULL;
    to->capacity = from->count;
    if (from->count > 0) {
        to->entries = rove__arena_copy(arena, from->entries, from->count * sizeof *from->entries);
        if (to->entries == NULL) {
            to->count = 0;
            to->capacity = 0;
            return ROVE_NOMEM;
        }
    }
    return ROVE_OK;
}

/* ------------------------------------------------------------------------------------- encoding */

/* The difference of two stamps. */
static size_t put_delta(uint8_t *out, rove_stamp stamp, rove_stamp from) {
    return rove__zigzag_put(out, (int64_t)(stamp - from));
}

static void write_entry(rove__buf *buf, const rove__clock *clock, const rove__clock_entry *entry,
                        int with_seqs) {
    uint8_t bytes[ENTRY_MAX];
    size_t size = rove__varint_put(bytes, (uint64_t)entry->field << 1 | (entry->epoch != 0));

    size += put_delta(bytes + size, entry->version.stamp, clock->base.stamp);
    size += rove__varint_put(bytes + size, entry->version.replica);
    if (entry->epoch != 0) {
        size += rove__varint_put(bytes + size, entry->epoch);
    }
    if (with_seqs) {
        size += rove__varint_put(bytes + size, entry->seq);
    }
    ROVE_ASSERT(size <= sizeof bytes);
    rove__buf_append(buf, bytes, size);
}

/* Everything before the entries. */
static void write_head(rove__buf *buf, const rove__clock *clock, size_t count, int with_seqs) {
    uint8_t bytes[48];
    int moved = !version_equal(clock->base, clock->origin);
    size_t size = 0;

    bytes[size++] = (uint8_t)((moved ? FLAG_BASE : 0u) | (with_seqs ? FLAG_SEQS : 0u));
    for (int shift = 56; shift >= 0; shift -= 8) {
        bytes[size++] = (uint8_t)(clock->origin.stamp >> shift);
    }
    size += rove__varint_put(bytes + size, clock->origin.replica);
    if (moved) {
        size += put_delta(bytes + size, clock->base.stamp, clock->origin.stamp);
        size += rove__varint_put(bytes + size, clock->base.replica);
    }
    if (with_seqs) {
        size += rove__varint_put(bytes + size, clock->seq);
    }
    size += rove__varint_put(bytes + size, count);
    ROVE_ASSERT(size <= sizeof bytes);
    rove__buf_append(buf, bytes, size);
}

void rove__clock_write(rove__buf *buf, const rove__clock *clock, int with_seqs) {
    size_t count = 0;

    for (size_t i = 0; i < clock->count; i++) {
        count += (size_t)(with_seqs || !entry_is_base(clock, &clock->entries[i]));
    }
    write_head(buf, clock, count, with_seqs);
    for (size_t i = 0; i < clock->count; i++) {
        if (with_seqs || !entry_is_base(clock, &clock->entries[i])) {
            write_entry(buf, clock, &clock->entries[i], with_seqs);
        }
    }
}

/* ------------------------------------------------------------------------------------- decoding */

static rove_stamp read_stamp(rove__reader *reader, rove_stamp from) {
    uint64_t stamp = from + (uint64_t)rove__reader_zigzag(reader);

    if (stamp > ROVE_STAMP_MAX) {
        rove__reader_fail(reader, ROVE_CORRUPT);
        return 0;
    }
    return stamp;
}

static rove_replica read_replica(rove__reader *reader) {
    return (rove_replica)rove__reader_varint_max(reader, ROVE_REPLICA_MAX);
}

static void read_head(rove__reader *reader, rove__clock *clock, unsigned flags) {
    clock->origin.stamp = rove__reader_u64(reader);
    clock->origin.replica = read_replica(reader);
    if (!version_sane(clock->origin)) {
        rove__reader_fail(reader, ROVE_CORRUPT);
    }
    clock->base = clock->origin;
    if ((flags & FLAG_BASE) != 0) {
        clock->base.stamp = read_stamp(reader, clock->origin.stamp);
        clock->base.replica = read_replica(reader);
        if (version_equal(clock->base, clock->origin)) {
            rove__reader_fail(reader, ROVE_CORRUPT);
        }
    }
    clock->seq = (flags & FLAG_SEQS) != 0 ? rove__reader_varint(reader) : 0;
}

/* `after` is the number of the field before, 0 for none. */
static void read_entry(rove__reader *reader, const rove__clock *clock, unsigned flags,
                       uint32_t after, rove__clock_entry *entry) {
    uint64_t head = rove__reader_varint_max(reader, (uint64_t)UINT32_MAX << 1 | 1);

    entry->field = (uint32_t)(head >> 1);
    entry->version.stamp = read_stamp(reader, clock->base.stamp);
    entry->version.replica = read_replica(reader);
    entry->epoch = (head & 1) != 0 ? (uint32_t)rove__reader_varint_max(reader, UINT32_MAX) : 0;
    entry->seq = (flags & FLAG_SEQS) != 0 ? rove__reader_varint(reader) : 0;
    if (entry->field <= after || ((head & 1) != 0 && entry->epoch == 0) ||
        (entry_is_base(clock, entry) && entry->seq == clock->seq)) {
        rove__reader_fail(reader, ROVE_CORRUPT);
    }
}

rove_status rove__clock_read(rove__clock *clock, const void *bytes, size_t size,
                             rove__arena *arena) {
    rove__reader reader;
    unsigned flags = 0;
    size_t count = 0;

    *clock = (rove__clock){.count = 0};
    rove__reader_init(&reader, bytes, size);
    flags = rove__reader_byte(&reader);
    read_head(&reader, clock, flags);
    count = (size_t)rove__reader_varint_max(&reader, ROVE_CLOCK_ENTRIES_MAX);
    if ((flags & ~(FLAG_BASE | FLAG_SEQS)) != 0 || count > rove__reader_left(&reader) / ENTRY_MIN) {
        return ROVE_CORRUPT;
    }
    if (count > 0) {
        clock->entries = rove__arena_take(arena, count * sizeof *clock->entries);
        if (clock->entries == NULL) {
            return ROVE_NOMEM;
        }
        clock->capacity = count;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t after = i == 0 ? 0 : clock->entries[i - 1].field;
        read_entry(&reader, clock, flags, after, &clock->entries[i]);
    }
    if (rove__reader_status(&reader) != ROVE_OK || rove__reader_left(&reader) != 0) {
        return ROVE_CORRUPT;
    }
    clock->count = count;
    return ROVE_OK;
}
