/*
 * contests.h - how often the clock has decided for a device. What two users wrote of one field, neither having seen the other's, the
 * later write wins (P6, P7), and a clock that runs ahead wins more often than it should, within what P7 leaves it.
 *
 * Counted are such writes of different users, an operator being one, for each device and day of UTC. A device that had
 * CONTESTS_LEAST of them or more, and won more than nine of ten, is told of once that day: in the record of acts ("contests"), the
 * log and the metrics. Were they tosses of a coin, 19 or more of 20 would come once in 50,000 days of a device; for a
 * rep who wins seven of ten, because he writes last, in 0.8 % of the days on which he had 20. So it is a reason to look
 * at the device's clock, and no proof; nothing is refused for it.
 *
 * Kept in the setting "contests/<replica>", in the transaction in which the writes were judged:
 *
 *   value = day:u64 won:u64 lost:u64 told:byte    of the last day that it had any; days since 1970, big-endian
 *
 * Threads: the committing one.
 */
#ifndef ROVE_HQ_CONTESTS_H
#define ROVE_HQ_CONTESTS_H

#include "hq.h"
#include "sync/server.h"

#define CONTESTS_LEAST 20u

/* 1: so many wins and losses are not to be explained by chance, nor by who writes last. */
int contests_are_odd(uint64_t won, uint64_t lost);
/* In a job: adds what was counted in it. *told: of so many devices the operator was told now. */
ROVE_CHECK rove_status contests_save(hq *headquarters, rove__hq_tx *tx,
                                     const rove__contest *contests, size_t count, unsigned *told);

#endif
