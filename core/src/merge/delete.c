/*
 * merge/delete.c - whether a deleter had seen what he deletes (rule P12).
 */
#include "merge/merge.h"

/* Walks over the fields that either clock names; the rest has the base versions, compared first. */
int rove__merge_delete_covers(const rove__clock *now, const rove__clock *seen, rove_replica author,
                              int own) {
    size_t i = 0;
    size_t j = 0;

    if (rove__version_compare(now->origin, seen->origin) != 0 ||
        !rove__merge_causal(seen->base, now->base, author, own)) {
        return 0;
    }
    while (i < now->count || j < seen->count) {
        uint64_t of_now = i < now->count ? now->entries[i].field : UINT64_MAX;
        uint64_t of_seen = j < seen->count ? seen->entries[j].field : UINT64_MAX;
        rove__version current = of_now <= of_seen ? now->entries[i].version : now->base;
        rove__version known = of_seen <= of_now ? seen->entries[j].version : seen->base;

        if (!rove__merge_causal(known, current, author, own)) {
            return 0;
        }
        i += of_now <= of_seen;
        j += of_seen <= of_now;
    }
    return 1;
}
