/*
 * drop/box.h - the drop box of a headquarters that serves: sealed records (wire/sealed.h) that come by nobody's connection,
 * because their device may no longer read, is locked, or was wiped. http/drop.c brings them.
 *
 *   request = { size:u32 record }*     at most DROP_RECORDS_MAX records and DROP_BODY_MAX bytes
 *   answer  = a byte for each record, in order: drop_answer
 *
 * Who brings a record counts for nothing. It has to be sealed to this headquarters and signed by a device of its authority; whether
 * the certificate has ended since, or the device was revoked, does not matter: who signed is known.
 *
 *   a frame of a batch   waits for the others of its batch, for DROP_WAITING_MS, in the spool; its answer is LATER until all are
 *                        there, so that nothing is lost if this process ends. Then all of the batch is judged (D11)
 *
 *   a note, a receipt    see alone.h
 *
 * Each is taken once; until there is a backup of it its device brings it again from time to time, see taken.h.
 *
 * A parcel is one request on its way:
 *
 *   drop_parcel_open                 any thread: opens and verifies, puts frames to those that wait
 *   while drop_parcel_wants_commit   on the committing thread, in a transaction, each call inside a savepoint:
 *       drop_parcel_commit           one batch, or one record that stands alone
 *       drop_parcel_committed        any thread: how that ended
 *   drop_parcel_answers
 *   drop_parcel_free
 *
 * Only one parcel is opened at a time, so that a flood of records costs one core; whoever comes meanwhile is told LATER.
 * One thread at a time for a parcel; any threads for the box.
 */
#ifndef ROVE_HQ_DROP_BOX_H
#define ROVE_HQ_DROP_BOX_H

#include "hq.h"
#include "wire/sealed.h"

#define DROP_CONTENT_TYPE "application/vnd.rove.drop"
#define DROP_RECORDS_MAX  256u
/* Batches, and records that stand alone, whose keys are agreed on in one request: that is what costs time. The rest is LATER. */
#define DROP_EXCHANGES_MAX ROVE_DROP_EXCHANGES_MAX
#define DROP_BODY_MAX      ((size_t)1024 * 1024)
/* Batches that wait for frames, or for the batches before them. Past a limit the one that was longest without news goes. */
#define DROP_WAITING_MAX             64u
#define DROP_WAITING_OF_DEVICE       8u
#define DROP_WAITING_BYTES           ((size_t)64 * 1024 * 1024)
#define DROP_WAITING_BYTES_OF_DEVICE ((size_t)16 * 1024 * 1024)
#define DROP_WAITING_MS              (INT64_C(24) * 60 * 60 * 1000)
/* So long a batch that is whole waits for those before it. */
#define DROP_GAP_MS (INT64_C(60) * 60 * 1000)

typedef enum drop_answer {
    DROP_TAKEN = 1,   /* it is here, and in a backup where such are made: the device forgets it */
    DROP_LATER = 2,   /* not now: the device keeps it */
    DROP_REFUSED = 3, /* never: the device puts it aside */
    DROP_KEPT = 4     /* it is here: the device keeps it until there is a backup of it (taken.h) */
} drop_answer;

typedef struct drop_box drop_box;
typedef struct drop_parcel drop_parcel;

/* Both are borrowed until drop_box_free; memory is of `allocator`. NOMEM. */
ROVE_CHECK rove_status drop_box_new(hq *headquarters, const rove_allocator *allocator,
                                    drop_box **out);
/* No parcel is under way. NULL is fine. */
void drop_box_free(drop_box *box);

/* PROTOCOL: no list of records; TOO_BIG: too many; LATER: another one is being opened; NOMEM, or what the database says. */
ROVE_CHECK rove_status drop_parcel_open(drop_box *box, const void *bytes, size_t size,
                                        drop_parcel **out);
int drop_parcel_wants_commit(const drop_parcel *parcel);
/* Other than OK: the savepoint is to be undone. It may be called again before drop_parcel_committed. */
ROVE_CHECK rove_status drop_parcel_commit(drop_parcel *parcel, rove__hq_tx *tx, rove_error *error);
/* How the transaction ended. */
void drop_parcel_committed(drop_parcel *parcel, rove_status status);
/* A byte for each of *count records; the parcel's. */
uint8_t *drop_parcel_answers(const drop_parcel *parcel, size_t *count);
/* NULL is fine. */
void drop_parcel_free(drop_parcel *parcel);

#endif
