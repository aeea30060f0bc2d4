/*
 * merge/rank.c - cells whose furthest value wins (rule P8).
 *
 * A rank is (epoch, value): a lifecycle only moves forward by itself, and a step back is an explicit act
 * that raises the epoch. Equal ranks are joined like registers, so that the order stays total.
 */
#include "base/planted.h"
#include "merge/merge.h"

/* The order of the ranks alone: below 0 if b is behind a, above 0 if it is further. */
static int further(const rove__cell *a, const rove__cell *b) {
    if (a->epoch != b->epoch) {
        return a->epoch < b->epoch ? 1 : -1;
    }
    return rove__value_compare(&b->value, &a->value);
}

int rove__merge_join_rank(const rove__cell *a, const rove__cell *b) {
    int order = further(a, b);

    return order != 0 ? order : rove__merge_join(a, b);
}

rove__merged rove__merge_rank(const rove__cell *current, const rove__cell *write, int causal) {
    int order = further(current, write);
    if (ROVE_PLANTED(P08_REGISTER)) {
        return rove__merge_register(current, write, causal);
    }
    rove__merged merged = {0, 0, 0, current->version};

    merged.takes = causal ? order >= 0 : rove__merge_join_rank(current, write) > 0;
    /* A causal write that steps back without a new epoch loses too, but is not lost. */
    merged.conflict = order != 0 && (!causal || !merged.takes);
    merged.fork =
        order != 0 && !causal && rove__version_compare(current->version, write->version) == 0;
    if (merged.takes) {
        merged.version = write->version;
        if (causal && merged.version.stamp <= current->version.stamp) {
            merged.version.stamp = current->version.stamp + 1;
        }
    }
    return merged;
}
