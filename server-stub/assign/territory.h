/*
 * assign/territory.h - who works which territory on which day, from the TerritoryAssignment records; and whose a record of
 * a territory is on a day.
 *
 * A stay is one user's time in one territory, whole UTC days, the last one included. Only primary stays count: a backup
 * or an overlay works beside somebody.
 *
 * The rule. Whoever has a record and works its territory keeps it; so does whoever never worked there, because then he
 * has it for another reason than the territory. When somebody leaves a territory, what he has there goes to who takes
 * over: of those who work there on the next day the one who began last; if nobody does, the first who comes. What nobody
 * has goes to the one who works the territory, if it is one. Where that leaves nobody, or several alike, the record stays
 * where it is.
 *
 * Nothing comes to somebody who is suspended or has left, however long he is on record as working there: his stay counts
 * only where it has ended, for what he had and for who followed him.
 *
 * Following the rule from night to night, or once at the end, comes to the same wherever it finds a successor, but for
 * one case: who came back to a territory while his successor went on there keeps, if it is followed once, what night by
 * night would be the successor's.
 */
#ifndef ROVE_HQ_TERRITORY_H
#define ROVE_HQ_TERRITORY_H

#include "hq.h"

#define TERRITORY_OPEN INT64_MAX /* last day of a stay that lasts */

typedef struct territory_stay {
    rove_id user;
    rove_id territory;
    int64_t first_day, last_day; /* since 1970-01-01, both included */
    int gone;                    /* the user is suspended, has left or was deleted */
} territory_stay;

typedef struct territory_history {
    const rove_allocator *allocator;
    territory_stay *stays; /* owned */
    size_t count, capacity;
} territory_history;

typedef enum territory_fate {
    TERRITORY_STAYS,
    TERRITORY_PASSES,  /* to another user */
    TERRITORY_NOBODY,  /* he left, and nobody took over */
    TERRITORY_SEVERAL, /* several took over alike */
} territory_fate;

void territory_history_init(territory_history *history, const rove_allocator *allocator);
void territory_history_free(territory_history *history);
ROVE_CHECK rove_status territory_history_add(territory_history *history, territory_stay stay);
/* In a transaction: adds all stays on record. */
ROVE_CHECK rove_status territory_history_read(territory_history *history, hq *headquarters,
                                              rove__hq_tx *tx);
/* Whose a record of the territory is on a day that `holder` (0: nobody) has now; *to is set where it passes. */
territory_fate territory_holder(const territory_history *history, rove_id territory, rove_id holder,
                                int64_t day, rove_id *to);
int64_t territory_day(int64_t unix_ms);

#endif
