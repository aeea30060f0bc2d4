/*
 * drop/alone.h - what becomes of sealed records that stand alone (wire/sealed_note.h).
 *
 * A note goes to review, once: as a new record that its writer proposes. In the settings:
 *
 *   note/<number>   the note as it was signed, by the number of its entry in review
 *
 * A receipt is what orders.h makes of it. That one was taken says taken.h.
 */
#ifndef ROVE_HQ_DROP_ALONE_H
#define ROVE_HQ_DROP_ALONE_H

#include "drop/taken.h"
#include "hq.h"
#include "sync/judge.h"

/* So much of one user's lies in review; his notes, and batches that would go there, wait outside then. */
#define DROP_REVIEWS_MAX ROVE_REVIEWS_OF_USER_MAX

/*
 * In a job. *answer LATER: not now; an entity that headquarters does not know yet, or there is no room. Other than OK: nothing was
 * done; INVALID, TOO_BIG, UTF8, RANGE, UNKNOWN_FIELD: it is no record that could be kept.
 */
ROVE_CHECK rove_status alone_take(hq *headquarters, const rove__server_ports *ports,
                                  rove__hq_tx *tx, const drop_record *record, drop_answer *answer,
                                  rove_error *error);
/* In a transaction: the note that an entry in review is of; it borrows from the arena. NOT_FOUND: it is of none. */
ROVE_CHECK rove_status alone_note(hq *headquarters, rove__hq_tx *tx, int64_t number,
                                  rove__arena *arena, rove__sealed_note *note);
/* Unix ms at which it was written, by its evidence. *suspect: why that is in doubt; NULL: it is not. */
int64_t alone_written_ms(const rove__sealed_note *note, const char **suspect);

#endif
