/*
 * assign/realign.h - many roots pass from user to user: which ones, gathered in one snapshot, and the handing over, in
 * transactions of some hundred records.
 *
 * What was gathered may be old when its turn comes: a root is handed over only if the former user still has it. So
 * a realignment that was killed between two transactions is finished by running it again, and running it once more changes
 * nothing.
 */
#ifndef ROVE_HQ_REALIGN_H
#define ROVE_HQ_REALIGN_H

#include "assign/handover.h"
#include "assign/territory.h"
#include "hq.h"

/* Records after which a transaction ends. What goes along with a root stays with it. */
#define REALIGN_ROWS_MAX 900

typedef struct realign_move {
    uint32_t entity;
    rove_id root;
    rove_id from; /* 0: nobody */
    rove_id to;
} realign_move;

typedef struct realign_list {
    const rove_allocator *allocator;
    realign_move *moves; /* owned */
    size_t count, capacity;
} realign_list;

void realign_list_init(realign_list *list, const rove_allocator *allocator);
void realign_list_free(realign_list *list);
/* Ascending by (entity, root), each once for each former user. */
void realign_list_sort(realign_list *list);

/* Which roots: of one entity (NULL: all), and of one territory (0: wherever they are). */
typedef struct realign_filter {
    const rove__entity *entity;
    rove_id territory;
} realign_filter;

/* In a transaction. What `from` owns or holds, for `to`. */
ROVE_CHECK rove_status realign_add_user(realign_list *list, hq *headquarters, rove__hq_tx *tx,
                                        rove_id from, rove_id to, const realign_filter *filter);
/* Records that stay where they are because the rule finds nobody, or several, to pass them to. */
typedef struct realign_stuck {
    uint64_t nobody, several;
} realign_stuck;
/* Accounts and leads that are another user's on this day than the one who has them (assign/territory.h). */
ROVE_CHECK rove_status realign_add_territories(realign_list *list, hq *headquarters,
                                               rove__hq_tx *tx, int64_t day,
                                               const rove__entity *only, realign_stuck *stuck);

typedef struct realign_order {
    hq *headquarters;
    const hq_io *io;
    const realign_list *list; /* sorted */
    const char *act;
    const char *detail; /* of the act */
    int dry_run;        /* done and taken back, in one transaction */
} realign_order;
/*
 * Each transaction records the act. STATE: who was to get it is suspended or has left. When it fails, what was committed
 * stays and is counted.
 */
ROVE_CHECK rove_status realign_run(const realign_order *order, handover_count *count,
                                   rove_error *error);

#endif
