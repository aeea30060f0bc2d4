/*
 * admin/find.h - entities and records as operators name them: "account", "Accounts"; an external id or an id.
 */
#ifndef ROVE_HQ_FIND_H
#define ROVE_HQ_FIND_H

#include "hq.h"

/* By its name or its table's, singular or plural, in any case. ROVE_UNKNOWN_ENTITY with the names that there are. */
ROVE_CHECK rove_status hq_find_entity(hq *headquarters, const char *text,
                                      const rove__entity **entity, rove_error *error);
/*
 * The live record with this external id (of a user also the login), or the one with this id, live or deleted: ids are 2^32
 * and above, so that a small number is an external id. NOT_FOUND.
 */
ROVE_CHECK rove_status hq_find_record(hq *headquarters, rove__hq_tx *tx, const rove__entity *entity,
                                      const char *text, rove_id *id, rove_error *error);
/*
 * "Account 6442450945 [292] (Next-Door Bike Store)": id, external id and name, for messages and the record of acts.
 * `sensitive`: the names of people too, which are not for records and logs.
 */
void hq_describe(const rove__row *row, int sensitive, char *text, size_t capacity);

#endif
