/*
 * assign/assign.h - who is to hold which roots: lists of (user, root), made from an owner, a territory or by name, and
 * the grants that follow from them.
 *
 * A grant says that a user's devices hold a root with all that belongs to it; the contacts of an account come along
 * by their roles. Grants are separate from owner_id and territory_id, which are data: these lists turn data into
 * grants when an operator says so.
 */
#ifndef ROVE_HQ_ASSIGN_H
#define ROVE_HQ_ASSIGN_H

#include "hq.h"

/* Grants made or ended in one transaction. */
#define ASSIGN_PAIRS_MAX 500

typedef struct assign_pair {
    rove_id user;
    rove_id root;
} assign_pair;

typedef struct assign_list {
    const rove_allocator *allocator;
    assign_pair *pairs; /* owned */
    size_t count;
    size_t capacity;
} assign_list;

typedef struct assign_count {
    uint64_t changed; /* grants made, or ended */
    uint64_t stood;   /* were so already */
    uint64_t taken;   /* taken from others */
} assign_count;

void assign_list_init(assign_list *list, const rove_allocator *allocator);
void assign_list_free(assign_list *list);
/* Ascending by user, then root; each pair once. */
void assign_list_sort(assign_list *list);
ROVE_CHECK rove_status assign_add(assign_list *list, rove_id user, rove_id root);

/* A root entity as an operator names it; NULL for NULL. INVALID: it cannot be assigned by itself. UNKNOWN_ENTITY. */
ROVE_CHECK rove_status assign_find_entity(hq *headquarters, const char *text,
                                          const rove__entity **entity, rove_error *error);
/* In a transaction. A territory; 0 for NULL. NOT_FOUND. */
ROVE_CHECK rove_status assign_find_territory(hq *headquarters, rove__hq_tx *tx, const char *text,
                                             rove_id *territory, rove_error *error);

/* In a transaction. Records of the entity that `owner` owns, for him; owner 0: of every owner, each for his own. */
ROVE_CHECK rove_status assign_add_owned(hq *headquarters, rove__hq_tx *tx,
                                        const rove__entity *entity, rove_id owner,
                                        assign_list *list);
/* Records of the entity in a territory, for one user. */
ROVE_CHECK rove_status assign_add_territory(hq *headquarters, rove__hq_tx *tx,
                                            const rove__entity *entity, rove_id territory,
                                            rove_id user, assign_list *list);
/* All that a user holds by a grant. */
ROVE_CHECK rove_status assign_add_held(hq *headquarters, rove__hq_tx *tx, rove_id user,
                                       assign_list *list);

/*
 * Grants, or ends the grants of, all pairs of a sorted list, in transactions of ASSIGN_PAIRS_MAX; each records
 * the act. `alone`: nobody else keeps a grant of these roots. STATE: who was to get it is suspended or has left. When it
 * fails, what was committed stays and is counted.
 */
typedef struct assign_order {
    hq *headquarters;
    const hq_io *io;
    const assign_list *list;
    int end; /* grants are ended, not made */
    int alone;
    int dry_run;        /* done and taken back, in one transaction */
    const char *detail; /* of the act */
} assign_order;
ROVE_CHECK rove_status assign_run(const assign_order *order, assign_count *count,
                                  rove_error *error);

#endif
