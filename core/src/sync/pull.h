/*
 * sync/pull.h - what headquarters sends a device (rules Q1 to Q8, G2, T1): pages, each made in a read transaction of its
 * own, and at the head of the last one's snapshot the total of what the device should now hold.
 *
 * An answer is a row of rounds. A round leads from cursor c to the head h at its start: scopes entered since c, whole, then
 * the change feed c .. h; the cursor moves to h at its end. Where it was cut, the token says where to go on.
 */
#ifndef ROVE_SYNC_PULL_H
#define ROVE_SYNC_PULL_H

#include "sync/server.h"

#define ROVE_PAGE_ROWS 1024u

typedef struct rove__pull_request {
    rove_replica replica; /* for the log */
    rove_id user;
    rove__cursor cursor;
    rove__bytes token; /* borrowed until rove__pull_free */
    int unverified;
    int complete; /* at its cursor the device had all that was held then, and nothing is half done (Q4) */
    uint64_t page_rows; /* about so many; 0: ROVE_PAGE_ROWS */
    int64_t now_ms;     /* for today's and tomorrow's visits (Q7) */
    /* of the device's scopes, NULL: none came. This and the next two: borrowed, sorted and used up in place */
    rove__scope_digest *digests;
    size_t digest_count;
    int digests_whole;            /* the list is complete */
    rove__bucket_digest *buckets; /* of some of these scopes */
    size_t bucket_count;
    rove__portion *fetched; /* what the device fetched of late because it differed */
    size_t fetched_count;
    rove__hash128 total; /* of all that the device has, if it is complete */
} rove__pull_request;

typedef struct rove__pull rove__pull;

ROVE_CHECK rove_status rove__pull_new(const rove__server_ports *ports,
                                      const rove__pull_request *request, rove__pull **out);
void rove__pull_free(rove__pull *pull);
/* Before the first page, if digests or a token came: the payload of a DIFFER frame; *differs 0: nothing is to be sent. */
ROVE_CHECK rove_status rove__pull_differ(rove__pull *pull, rove__buf *payload, int *differs,
                                         rove_error *error);
/*
 * The payload of the next PAGE frame. *done: there is none; `end` says what the device should now hold. LATER is to be
 * tried again, anything else is final.
 */
ROVE_CHECK rove_status rove__pull_page(rove__pull *pull, rove__buf *payload, rove__end *end,
                                       int *done, rove_error *error);
/* Rows sent so far. */
uint64_t rove__pull_rows(const rove__pull *pull);

#endif
