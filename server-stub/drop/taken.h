/*
 * drop/taken.h - what came through the drop box, so that it is known when it comes again, and whether there is a backup of it (D9):
 * until then its device keeps it, and brings it again to a headquarters that was restored. In the settings:
 *
 *   dropped/<replica>/<name>   number:u64 seq:u64
 *            name     16 bytes in hexadecimal: a note's reference, a receipt's order, the first of a batch's hash
 *            number   of a note's entry in review; 0: it is no note
 *            seq      of headquarters once it was taken. None where an earlier version took it: its device has forgotten it
 *
 * A receipt moves no seq: it is kept while there is no backup of what came before it.
 */
#ifndef ROVE_HQ_DROP_TAKEN_H
#define ROVE_HQ_DROP_TAKEN_H

#include "drop/box.h"
#include "drop/record.h"

typedef struct taken_key {
    rove_replica replica;
    const uint8_t *name; /* ROVE_REFERENCE_SIZE bytes, borrowed */
} taken_key;
taken_key taken_key_of(const drop_record *record);

/* In a transaction. *answer TAKEN or KEPT: it is here; LATER: it is not. */
ROVE_CHECK rove_status taken_find(hq *headquarters, const rove_allocator *allocator,
                                  rove__hq_tx *tx, taken_key key, drop_answer *answer);
/* In a job, once it was taken: the answer is what taken_find says from now on. */
ROVE_CHECK rove_status taken_put(hq *headquarters, rove__hq_tx *tx, taken_key key, int64_t number,
                                 drop_answer *answer);

#endif
