/*
 * merge/register.c - causality, and cells whose later write wins (rules P5, P6).
 *
 * A causal write wins whatever its stamp, and its stamp is raised above the one it replaces, so that it
 * also wins wherever only stamps are compared. Concurrent writes are joined by (stamp, replica, value).
 */
#include "base/planted.h"
#include "merge/merge.h"

int rove__merge_causal(rove__version base, rove__version current, rove_replica author, int own) {
    if (ROVE_PLANTED(P05_BLIND)) {
        return 0;
    }
    return rove__version_compare(base, current) == 0 ||
           (own && current.replica == author && !ROVE_PLANTED(P05_STRANGE));
}

int rove__merge_join(const rove__cell *a, const rove__cell *b) {
    int order = rove__version_compare(b->version, a->version);

    return order != 0 ? order : rove__value_compare(&b->value, &a->value);
}

rove__merged rove__merge_register(const rove__cell *current, const rove__cell *write, int causal) {
    int differs = !rove__value_equal(&current->value, &write->value) || ROVE_PLANTED(P06_EQUAL);
    rove__merged merged = {0, 0, 0, current->version};

    if (causal) {
        merged.takes = 1;
        merged.version = write->version;
        if (merged.version.stamp <= current->version.stamp) {
            merged.version.stamp = current->version.stamp + 1;
        }
        return merged;
    }
    merged.conflict = differs && !ROVE_PLANTED(P06_SILENT);
    merged.fork = differs && rove__version_compare(current->version, write->version) == 0;
    merged.takes = (rove__merge_join(current, write) > 0) != ROVE_PLANTED(P06_EARLIER);
    if (merged.takes) {
        merged.version = write->version;
    }
    return merged;
}
