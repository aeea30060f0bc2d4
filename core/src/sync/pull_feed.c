/*
 * sync/pull_feed.c - the change feed c .. h (Q1 to Q3): each row named goes as it is now, once, at its newest entry; whole
 * if it came, moved or revived after c, else its cells newer than c. A row that moved takes the marks along that it left
 * in scopes held here. Rows of scopes entered since c were scanned: they are left out; on a first download that is all, and
 * behind the purge horizon there is no feed (Q8). Past it the feed may name what is forgotten.
 */
#include "base/assert.h"
#include "base/planted.h"
#include "sync/pull_state.h"

static rove_status each_entry(void *ctx, uint64_t seq, uint32_t ordinal, uint32_t entity,
                              rove_id id) {
    rove__pull *pull = ctx;

    pull->feed[pull->feed_count++] = (rove__feed_entry){seq, ordinal, entity, id};
    return pull->feed_count == ROVE_FEED_CHUNK ? ROVE_DONE : ROVE_OK;
}

typedef struct marks {
    rove__pull *pull;
    rove__hq_row *row;
} marks;

static rove_status each_mark(void *ctx, const rove__hq_mark *mark) {
    marks *m = ctx;
    rove__pull *pull = m->pull;
    rove__change change;
    int added = 0;

    if (mark->seq <= pull->c ||
        rove__holding_at(&pull->holdings, mark->scope, pull->head.seq) == NULL) {
        return ROVE_OK;
    }
    /* Of a root that it left, whichever part: the device may have computed another one from its own accepted work. */
    rove__scope left = mark->scope;
    if (left.root != m->row->scope.root) {
        left.part = -1;
    }
    rove__outgoing_mark(m->row, left, &change);
    return rove__pull_add(pull, &change, &added);
}

/* What was entered since c was scanned, as of h or later; what is entered after h comes with the next round. */
static int is_entered(const rove__pull *pull, const rove__holding *holding) {
    return holding->from > pull->c && !rove__pull_kept(pull, holding);
}

static rove_status send_row(rove__pull *pull, rove__hq_row *row, const rove__holding *holding) {
    rove__change change;
    int any = 1;
    int added = 0;
    rove_status status = ROVE_OK;

    if (holding == NULL || is_entered(pull, holding)) {
        return ROVE_OK;
    }
    if (row->dead != 0) {
        rove__outgoing_tombstone(row, &change);
    } else if (pull->whole || (row->whole_since > pull->c && !ROVE_PLANTED(Q02_PARTLY))) {
        rove__outgoing_whole(row, &change);
    } else {
        status = rove__outgoing_part(row, pull->c, &pull->part, &change, &any);
    }
    return status == ROVE_OK && any ? rove__pull_add(pull, &change, &added) : status;
}

static uint64_t newest(const rove__hq_row *row) {
    uint64_t seq = rove__clock_newest(&row->clock);

    seq = row->whole_since > seq ? row->whole_since : seq;
    return row->dead > seq ? row->dead : seq;
}

static rove_status send_entry(rove__pull *pull, const rove__feed_entry *entry) {
    rove__hq_row row;
    marks m = {pull, &row};

    rove__arena_reset(&pull->row);
    rove__arena_reset(&pull->part);
    rove_status status =
        pull->store->row_get(pull->tx, entry->entity, entry->id, 0, &pull->row, &row);
    if (status == ROVE_NOT_FOUND) {
        /* It was written to when it was dead, and died before the horizon: whoever comes with a feed has heard of that. */
        return pull->store->row_purged(pull->tx, entry->entity, entry->id);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (newest(&row) > entry->seq && (newest(&row) <= pull->h || ROVE_PLANTED(Q01_BOUNDED))) {
        return ROVE_OK; /* it comes again in this round */
    }
    /* No mark either where the scan has brought it: it may have been moved away and back. */
    const rove__holding *holding = rove__holding_at(&pull->holdings, row.scope, pull->head.seq);
    if (row.dead == 0 && holding != NULL && is_entered(pull, holding)) {
        return ROVE_OK;
    }
    if (row.whole_since > row.clock.seq && row.whole_since > pull->c &&
        !ROVE_PLANTED(Q03_UNMARKED)) {
        status = pull->store->mark_of_row(pull->tx, entry->entity, entry->id, each_mark, &m);
    }
    return status == ROVE_OK ? send_row(pull, &row, holding) : status;
}

/* Entries from the position on, until the page is full. */
static rove_status send_chunk(rove__pull *pull) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < pull->feed_count; i++) {
        status = send_entry(pull, &pull->feed[i]);
        if (status != ROVE_OK) {
            return status;
        }
        if (pull->refused) {
            return ROVE_OK; /* the entry begins the next page, with all that belongs to it */
        }
        pull->at.seq = pull->feed[i].seq;
        pull->at.ordinal = pull->feed[i].ordinal;
        pull->page_feed++;
        if (pull->full) {
            return ROVE_OK;
        }
    }
    return ROVE_OK;
}

rove_status rove__pull_feed(rove__pull *pull) {
    rove_status status = ROVE_OK;

    if (pull->c == 0 || pull->behind || pull->finishing) {
        pull->at.phase = ROVE_PULL_ROUND_DONE;
    }
    while (status == ROVE_OK && !pull->full && pull->at.phase == ROVE_PULL_FEED) {
        pull->feed_count = 0;
        status = pull->store->feed_scan(pull->tx, pull->at.seq, pull->at.ordinal, pull->h,
                                        each_entry, pull);
        size_t found = pull->feed_count;
        if (status == ROVE_OK) {
            status = send_chunk(pull);
        }
        if (status == ROVE_OK && found < ROVE_FEED_CHUNK && !pull->full) {
            pull->at.phase = ROVE_PULL_ROUND_DONE;
            return ROVE_OK;
        }
        pull->full |= pull->page_feed >= ROVE_PAGE_FEED;
    }
    return status;
}
