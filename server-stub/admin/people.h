/*
 * admin/people.h - the users of this organisation, as operators name them.
 */
#ifndef ROVE_HQ_PEOPLE_H
#define ROVE_HQ_PEOPLE_H

#include "hq.h"

typedef struct hq_person {
    rove_id id;
    int64_t status;           /* User.Status; 0: not said */
    char name[ROVE_TEXT_MAX]; /* cut if it is longer */
} hq_person;

/*
 * The one user whose login, external id or id it is, or else whose name. NOT_FOUND; INVALID when several have the
 * name, with what to give instead.
 */
ROVE_CHECK rove_status hq_find_person(hq *headquarters, rove__hq_tx *tx, const char *text,
                                      hq_person *person, rove_error *error);
/* By id. NOT_FOUND. */
ROVE_CHECK rove_status hq_get_person(hq *headquarters, rove__hq_tx *tx, rove_id id,
                                     hq_person *person, rove_error *error);
/* STATE, with what to do: nothing is passed to somebody who is suspended or has left. */
ROVE_CHECK rove_status hq_check_receives(const hq_person *person, rove_error *error);
/* The same by id, in the transaction that passes something to him. NOT_FOUND. */
ROVE_CHECK rove_status hq_check_user_receives(hq *headquarters, rove__hq_tx *tx, rove_id id,
                                              rove_error *error);
/* By id: *receives is 0 for who is suspended, has left or was deleted. */
ROVE_CHECK rove_status hq_user_receives(hq *headquarters, rove__hq_tx *tx, rove_id id,
                                        int *receives);

#endif
