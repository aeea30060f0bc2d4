/*
 * sync/timeline.c - see timeline.h.
 */
#include "sync/timeline.h"

rove_status rove__timeline_clip(const rove__hq_store *store, rove__hq_tx *tx,
                                const rove__hq_head *head, rove__cursor cursor, uint64_t *seq) {
    uint64_t timeline = head->timeline;
    uint64_t limit = head->seq;

    *seq = 0;
    for (size_t i = 0; i < ROVE_TIMELINES_MAX && timeline != cursor.timeline; i++) {
        rove__hq_timeline line;
        rove_status status = store->timeline_get(tx, timeline, &line);
        if (status == ROVE_NOT_FOUND || (status == ROVE_OK && line.parent == 0)) {
            return ROVE_OK;
        }
        if (status != ROVE_OK) {
            return status;
        }
        limit = line.parted < limit ? line.parted : limit;
        timeline = line.parent;
    }
    if (timeline != cursor.timeline) {
        return ROVE_OK;
    }
    if (timeline == head->timeline && cursor.seq > head->seq) {
        return ROVE_OK;
    }
    *seq = cursor.seq < limit ? cursor.seq : limit;
    return ROVE_OK;
}
