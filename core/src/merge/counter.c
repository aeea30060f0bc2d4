/*
 * merge/counter.c - increments, each with its own stamp, added once each (rule P10).
 *
 * increments = count:varint { raw:u64 delta:zigzag }*, ascending by raw, no raw twice; none is NULL.
 * Sums are exact before they are saturated, so that the order of increments does not matter.
 */
#include "base/assert.h"
#include "base/buf.h"
#include "base/planted.h"
#include "base/reader.h"
#include "merge/merge.h"

#define HALF INT64_C(0x100000000) /* 2^32 */

rove_status rove__increments_read(const rove_value *value, rove__arena *arena,
                                  rove__increment **increments, size_t *count) {
    rove__reader reader;
    rove__increment *read = NULL;
    size_t wanted = 0;

    *increments = NULL;
    *count = 0;
    if (value->type == ROVE_NULL) {
        return ROVE_OK;
    }
    if (value->type != ROVE_BLOB) {
        return ROVE_CORRUPT;
    }
    rove__reader_init(&reader, value->as.data, value->size);
    wanted = (size_t)rove__reader_varint_max(&reader, ROVE_INCREMENTS_MAX);
    if (rove__reader_status(&reader) != ROVE_OK || wanted == 0) {
        return ROVE_CORRUPT;
    }
    read = rove__arena_take(arena, wanted * sizeof *read);
    if (read == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < wanted; i++) {
        read[i].raw = rove__reader_u64(&reader);
        read[i].delta = rove__reader_zigzag(&reader);
        if (read[i].raw > ROVE_STAMP_MAX || (i > 0 && read[i].raw <= read[i - 1].raw)) {
            return ROVE_CORRUPT;
        }
    }
    if (rove__reader_status(&reader) != ROVE_OK || rove__reader_left(&reader) != 0) {
        return ROVE_CORRUPT;
    }
    *increments = read;
    *count = wanted;
    return ROVE_OK;
}

rove_status rove__increments_write(const rove__increment *increments, size_t count,
                                   rove__arena *arena, rove_value *value) {
    rove__buf buf;
    rove_status status = ROVE_OK;
    void *copy = NULL;

    *value = rove__value_null();
    if (count == 0) {
        return ROVE_OK;
    }
    if (count > ROVE_INCREMENTS_MAX) {
        return ROVE_TOO_BIG;
    }
    rove__buf_init(&buf, arena->allocator, ROVE_VALUE_MAX);
    rove__buf_varint(&buf, count);
    for (size_t i = 0; i < count; i++) {
        ROVE_ASSERT(i == 0 || increments[i].raw > increments[i - 1].raw);
        rove__buf_u64(&buf, increments[i].raw);
        rove__buf_zigzag(&buf, increments[i].delta);
    }
    status = rove__buf_status(&buf);
    if (status == ROVE_OK) {
        copy = rove__arena_copy(arena, buf.data, buf.size);
        status = copy == NULL ? ROVE_NOMEM : ROVE_OK;
    }
    if (status == ROVE_OK) {
        *value = rove__value_bytes(ROVE_BLOB, copy, buf.size);
    }
    rove__buf_free(&buf);
    return status;
}

int64_t rove__merge_counter(int64_t total, const rove__increment *increments, size_t count,
                            int *saturated) {
    int64_t high = 0; /* the sum is high * 2^32 + low; neither overflows for so few increments */
    int64_t low = 0;

    ROVE_ASSERT(count <= ROVE_INCREMENTS_MAX);
    if (ROVE_PLANTED(P10_OVERWRITE)) {
        total = 0;
    }
    for (size_t i = 0; i <= count; i++) {
        int64_t term = i == count ? total : increments[i].delta;
        high += term / HALF;
        low += term % HALF;
    }
    high += low / HALF;
    low %= HALF;
    if (low < 0) {
        low += HALF;
        high--;
    }
    *saturated = high > INT32_MAX || high < INT32_MIN;
    if (*saturated) {
        return high > 0 ? INT64_MAX : INT64_MIN;
    }
    return high * HALF + low;
}
