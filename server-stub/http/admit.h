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

/* A device's key, for its record. */
typedef struct admit_key {
    rove_id user;
    const uint8_t *der; /* borrowed */
    size_t size;
    int64_t enrolled_ms;
    int has_former;
    uint8_t
        former_hash[ROVE_SHA256_SIZE]; /* of the key that it had, by which its record is found */
} admit_key;

/*
 * In a job: the Device record of this physical device, which its user's other devices see, gets the key; a new record if
 * there is none with the former one. What is signed with a key is believed as long as one of the versions of such a record
 * has it (audit/keys.h), so none comes to work without.
 */
ROVE_CHECK rove_status admit_record(hq *headquarters, rove__hq_tx *tx, const admit_key *key,
                                    const char *act, uint64_t *seq, rove_error *error);
/* The key of the request, that of self->device being the former one. */
void admit_fresh_key(const request *self, admit_key *key);

/* After the job: the identity, or 403 with `refusal` if it was refused. */
enum MHD_Result admit_answer(request *self, rove_status refusal);

#endif
