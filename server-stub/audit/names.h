/*
 * audit/names.h - what a seal was about when it was signed. Of two records that copies of a device made under one id the second
 * gets another (P4), and so does what names it, signed or not. The id that it had is kept nowhere, but it was of its maker's
 * number, and only the right one is what was signed. Its maker is in its origin, which is in the tables or, before that, in review.
 */
#ifndef ROVE_HQ_AUDIT_NAMES_H
#define ROVE_HQ_AUDIT_NAMES_H

#include "hq.h"
#include "wire/proof.h"

/* So many records of one number are tried. */
#define AUDIT_NAMES_MAX 65536u

/* A record as it is here, which is not what was signed. */
typedef struct audit_signed {
    const rove__row *row;
    rove__origin origin;
    const rove__proof *proof;
} audit_signed;

/*
 * In a read transaction. *then: the id by which one record that it names was signed for, *here: which that record has; 0: it is
 * not that. `scratch` is emptied and used.
 */
ROVE_CHECK rove_status audit_names_find(hq *headquarters, rove__hq_tx *tx, const audit_signed *what,
                                        rove__buf *scratch, rove_id *here, rove_id *then);

#endif
