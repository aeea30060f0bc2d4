/*
 * http/admit.h - making a device one of ours: what enrolment and renewal share.
 */
#ifndef ROVE_HQ_ADMIT_H
#define ROVE_HQ_ADMIT_H

#include "http/front.h"

#define ADMIT_RENEW_MS (INT64_C(20) * 24 * 60 * 60 * 1000) /* two thirds of a certificate's life */

/* Reads self->enrolment->request.csr. PROTOCOL, or a failure. */
rove_status admit_read_csr(request *self);

/*
 * In a job: a new device of self->enrolment->user with a number of its own, its row, its Device record, its
 * certificate, and the record of the act.
 */
ROVE_CHECK rove_status admit_new(request *self, rove__hq_tx *tx, rove_error *error);
/* In a job: a certificate for the request's key and e->replica. */
ROVE_CHECK rove_status admit_issue(request *self, rove__hq_tx *tx, rove_error *error);

/*
 * In a job: the Device record of this physical device, which its user's other devices see, gets the request's key;
 * a new record if there is none with the key of self->device.
 */
ROVE_CHECK rove_status admit_record(request *self, rove__hq_tx *tx, const char *act, uint64_t *seq,
                                    rove_error *error);

/* After the job: the identity, or 403 with `refusal` if it was refused. */
enum MHD_Result admit_answer(request *self, rove_status refusal);

#endif
