/*
 * sync/timeline.c - see timeline.h.
 */
#include "sync/timeline.h"

#include <stdlib.h>

#include "base/alloc.h"

void rove__timelines_init(rove__timelines *timelines, const rove_allocator *allocator,
                          const rove__hq_store *store, rove__hq_tx *tx) {
    *timelines = (rove__timelines){.allocator = allocator, .store = store, .tx = tx};
}

void rove__timelines_free(rove__timelines *timelines) {
    rove__free(timelines->allocator, timelines->items);
    rove__timelines_init(timelines, timelines->allocator, timelines->store, timelines->tx);
}

static int by_timeline(const void *a, const void *b) {
    const rove__ancestor *x = a;
    const rove__ancestor *y = b;

    return (x->timeline > y->timeline) - (x->timeline < y->timeline);
}

/* The timeline before the last one that is known. */
static rove_status step(rove__timelines *timelines) {
    rove__hq_timeline line;
    rove_status status =
        timelines->store->timeline_get(timelines->tx, timelines->last.timeline, &line);

    if (status == ROVE_NOT_FOUND || (status == ROVE_OK && line.parent == 0)) {
        timelines->whole = 1;
        return ROVE_OK;
    }
    if (status != ROVE_OK) {
        return status;
    }
    timelines->last.timeline = line.parent;
    if (line.parted < timelines->last.limit) {
        timelines->last.limit = line.parted;
    }
    timelines->items[timelines->count++] = timelines->last;
    return ROVE_OK;
}

/* As far again as it is known: so one that is near is found without the rest, and it is put in order seldom. */
static rove_status go_back(rove__timelines *timelines) {
    size_t until = timelines->count == 0 ? 1 : 2 * timelines->count;
    rove_status status = ROVE_OK;

    if (until > timelines->capacity) {
        rove__ancestor *items =
            rove__alloc_resize(timelines->allocator, timelines->items, until, sizeof *items);
        if (items == NULL) {
            return ROVE_NOMEM;
        }
        timelines->items = items;
        timelines->capacity = until;
    }
    while (timelines->count < until && !timelines->whole && status == ROVE_OK) {
        status = step(timelines);
    }
    timelines->whole |= timelines->count >= ROVE_TIMELINES_MAX;
    qsort(timelines->items, timelines->count, sizeof *timelines->items, by_timeline);
    return status;
}

static const rove__ancestor *find(const rove__timelines *timelines, uint64_t timeline) {
    const rove__ancestor looked_for = {.timeline = timeline};

    return timelines->count == 0 ? NULL
                                 : bsearch(&looked_for, timelines->items, timelines->count,
                                           sizeof looked_for, by_timeline);
}

rove_status rove__timelines_clip(rove__timelines *timelines, const rove__hq_head *head,
                                 rove__cursor cursor, uint64_t *seq) {
    const rove__ancestor *found = NULL;

    *seq = 0;
    if (cursor.seq == 0) {
        return ROVE_OK; /* on any */
    }
    if (cursor.timeline == head->timeline) {
        *seq = cursor.seq <= head->seq ? cursor.seq : 0;
        return ROVE_OK;
    }
    if (timelines->last.timeline == 0) {
        timelines->last = (rove__ancestor){head->timeline, head->seq};
    }
    for (;;) {
        found = find(timelines, cursor.timeline);
        if (found != NULL || timelines->whole) {
            break;
        }
        rove_status status = go_back(timelines);
        if (status != ROVE_OK) {
            return status;
        }
    }
    if (found != NULL) {
        *seq = cursor.seq < found->limit ? cursor.seq : found->limit;
    }
    return ROVE_OK;
}
