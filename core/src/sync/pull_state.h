/*
 * sync/pull_state.h - what the files of the pull share.
 */
#ifndef ROVE_SYNC_PULL_STATE_H
#define ROVE_SYNC_PULL_STATE_H

#include "base/alloc.h"
#include "sync/entitle.h"
#include "sync/exchange.h"
#include "sync/outgoing.h"
#include "sync/pull.h"
#include "wire/batch.h"

/* A list of scopes in a page ends about here, so that its frame holds rows too. */
#define ROVE_PAGE_SCOPES 2048u
/* Feed entries looked at for one page, whether they concern this user or not. */
#define ROVE_PAGE_FEED  65536u
#define ROVE_FEED_CHUNK 512u
/* Scopes sent together have at most so many pages of rows, and are at most so many. */
#define ROVE_PULL_GROUP_PAGES  16u
#define ROVE_PULL_GROUP_SCOPES 1024u

typedef enum rove__pull_phase {
    ROVE_PULL_VISITS, /* of today and tomorrow, first (Q7) */
    ROVE_PULL_SCAN,   /* scopes that go whole */
    ROVE_PULL_FEED,
    ROVE_PULL_ROUND_DONE
} rove__pull_phase;

/* Where a round stands. */
typedef struct rove__pull_position {
    rove__pull_phase phase;
    int started;       /* scan: `begin` of the group was sent */
    rove__scope scope; /* scan: the first unit of the group; visits: root and month */
    rove__scope until; /* scan: its last one, if started */
    uint32_t entity;   /* the row sent last */
    rove_id id;
    uint64_t seq; /* feed: the entry dealt with last */
    uint32_t ordinal;
} rove__pull_position;

typedef struct rove__scopes {
    const rove_allocator *allocator;
    rove__scope *items; /* owned */
    size_t count, capacity;
} rove__scopes;

typedef struct rove__portions {
    const rove_allocator *allocator;
    rove__portion *items; /* owned */
    size_t count, capacity;
} rove__portions;

typedef struct rove__pull_key {
    rove_id id;
    uint32_t entity;
} rove__pull_key;

typedef struct rove__feed_entry {
    uint64_t seq;
    uint32_t ordinal;
    uint32_t entity;
    rove_id id;
} rove__feed_entry;

struct rove__pull {
    const rove__server_ports *ports;
    const rove__hq_store *store;
    rove__pull_request request;

    int begun;    /* the first page was begun */
    int finished; /* `end` holds */
    int round_open;
    int other;  /* the cursor is of another timeline, or of a branch that is gone */
    int behind; /* the cursor is from before the purge: scopes are compared, there is no feed (Q8) */
    int whole;  /* rows go whole (T1) */
    int complete;  /* of the first round: the device has all that was held at c */
    int resumed;   /* a token said where to begin */
    int ahead;     /* it is of a later head than this snapshot's */
    int repairing; /* units are sent because their digests differed, one by one */
    int mixed;     /* and others because they were entered: not resumed by a token */
    int finishing; /* a repair was cut off in a unit: it is brought to its end, then digests are asked for */
    rove__portion cut; /* that unit */
    uint64_t c, h;
    rove__end end;
    uint64_t rows_sent;

    rove__hq_tx *tx;    /* of the page at hand */
    rove__hq_head head; /* of its snapshot */
    rove__holdings holdings;
    int holdings_known;
    uint64_t holdings_assigned;

    rove__scopes left; /* to be told at the start of a round */
    size_t left_sent;
    int tell_held;        /* the list of held roots is to be sent */
    rove__portions units; /* sent in this round, ascending */
    size_t unit;          /* the one at hand; scan: the first of the group */
    size_t group_end;     /* scan: past the last of the group; 0: none is open */
    int group_alone;      /* scan: one unit that has more rows than a group may have */
    rove__pull_key *keys; /* of the group's rows, ascending by (entity, id); owned */
    size_t key_count, key_capacity, key_at;
    int keys_over;         /* there are more than a group may have */
    uint64_t collecting;   /* buckets of the unit whose keys are being collected; 0: all */
    rove__portions repair; /* what differs */
    rove__portions again;  /* what differs again, so soon that it is not sent */
    rove__scopes repair_left;
    rove__pull_position at;

    const rove__entity *visit;
    int visit_start; /* ordinal of planned_start */
    int64_t visits_from, visits_until;

    /* the page at hand */
    int full;
    int refused; /* a change had no room */
    size_t page_rows, page_feed;
    rove__portions begin;
    rove__scopes done;
    rove__batch_writer *writer;
    rove__buf rows;
    rove__arena row;   /* filled by the store */
    rove__arena part;  /* of one change */
    rove__buf scratch; /* of one digest term */
    rove__feed_entry feed[ROVE_FEED_CHUNK];
    size_t feed_count;
};

ROVE_CHECK rove_status rove__scopes_push(rove__scopes *scopes, rove__scope scope);
/* buckets 0: the whole scope. */
ROVE_CHECK rove_status rove__portions_push(rove__portions *portions, rove__scope scope,
                                           uint64_t buckets);
int rove__scope_before(rove__scope a, rove__scope b);
/* Below 0, 0 or above 0, like a comparison of qsort's. */
int rove__scope_order(rove__scope a, rove__scope b);
/* Ascending by scope. */
void rove__portions_sort(rove__portions *portions);
/* The one of [from, to), which ascend, that has the scope, by itself or with all its root; NULL: none has. */
const rove__portion *rove__portions_find(const rove__portions *portions, size_t from, size_t to,
                                         rove__scope scope);
/* 1 if it is held in the snapshot at hand. */
static inline int rove__pull_current(const rove__pull *pull, const rove__holding *item) {
    return pull->head.seq < item->to;
}

/* Adds a change to the page. Without room takes nothing and sets `refused`; sets `full` when the page should end. */
ROVE_CHECK rove_status rove__pull_add(rove__pull *pull, const rove__change *change, int *added);

/* pull_token.c */
void rove__token_write(const rove__pull *pull, rove__buf *out);
/* 1 if the token is one of this timeline and cursor, and the answer may go on with it. */
int rove__token_read(rove__pull *pull, rove__bytes token);

/* pull_round.c: what was entered and left since c. */
ROVE_CHECK rove_status rove__pull_round(rove__pull *pull);
/* 1 if the device has what it covers although it begins after c: it was held at c, too. */
int rove__pull_kept(const rove__pull *pull, const rove__holding *item);
/* pull_scan.c, pull_feed.c: fill the page until it is full or the phase is over. */
ROVE_CHECK rove_status rove__pull_visits(rove__pull *pull);
ROVE_CHECK rove_status rove__pull_scan(rove__pull *pull);
ROVE_CHECK rove_status rove__pull_feed(rove__pull *pull);
/* pull_digest.c */
ROVE_CHECK rove_status rove__pull_compare(rove__pull *pull);
ROVE_CHECK rove_status rove__pull_total(rove__pull *pull);
/* pull_bucket.c: which buckets of a scope differ from the device's; 0: none does. rows: of each here. */
ROVE_CHECK rove_status rove__pull_buckets(rove__pull *pull, const rove__bucket_digest *theirs,
                                          uint64_t *differing, uint64_t rows[ROVE_BUCKETS]);

#endif
