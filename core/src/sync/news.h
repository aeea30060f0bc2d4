/*
 * sync/news.h - what a transaction of headquarters touches, for those who wait for news of it (GET /v1/wait).
 *
 * It is told while the transaction is made: also of one that is undone in the end, and before anybody can see it. Who
 * listens has to wait for the commit, and to take it for a hint.
 */
#ifndef ROVE_SYNC_NEWS_H
#define ROVE_SYNC_NEWS_H

#include "model/row.h"

typedef struct rove__touch {
    uint64_t seq;         /* that the transaction takes */
    rove_replica replica; /* whose push it is; 0: headquarters' own act */
    rove_id root;         /* whose rows changed, came or left; 0: the organisation */
    rove_id user;         /* not 0: instead of rows, what this user is granted changed */
} rove__touch;

typedef struct rove__news {
    void (*touched)(void *ctx, const rove__touch *touch);
    void *ctx;
} rove__news;

#endif
