/*
 * sync/outgoing.h - a row of headquarters as it travels: whole, in part, as a tombstone. Changes borrow from the row.
 */
#ifndef ROVE_SYNC_OUTGOING_H
#define ROVE_SYNC_OUTGOING_H

#include "sync/headquarters.h"

/* All cells that are not NULL, and the whole clock. Sets row->row.present. */
void rove__outgoing_whole(rove__hq_row *row, rove__change *change);
/* The cells newer than `since`, with their clock entries. *any is 0 if there are none. ROVE_NOMEM. */
ROVE_CHECK rove_status rove__outgoing_part(rove__hq_row *row, uint64_t since, rove__arena *arena,
                                           rove__change *change, int *any);
void rove__outgoing_tombstone(rove__hq_row *row, rove__change *change);
void rove__outgoing_mark(const rove__hq_row *row, rove__scope left, rove__change *change);

#endif
