/*
 * merge/canonical.c - the stamp that headquarters gives a write (rule P7).
 *
 * A device's clock may say anything. What headquarters knows by itself: the write was made after its head
 * passed the write's cursor, and not after now; and a device's writes came one after the other.
 */
#include "base/planted.h"
#include "merge/merge.h"

rove_stamp rove__merge_canonical(rove_stamp raw, int64_t lower_ms, rove_stamp now,
                                 rove_stamp previous, int *suspect) {
    rove_stamp lower = rove__stamp_make(lower_ms, 0);
    rove_stamp stamp = raw;

    *suspect = raw < lower || raw > now;
    if (ROVE_PLANTED(P07_RAW)) {
        return raw;
    }
    if (stamp < lower) {
        stamp = lower;
    }
    if (stamp > now) {
        stamp = now;
    }
    return stamp > previous ? stamp : previous + 1;
}
