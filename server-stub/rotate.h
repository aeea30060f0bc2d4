/*
 * rotate.h - rotation of the server's key, and of the authority, while devices are away.
 *
 *   1. rotate_next: the key that is to come is made, and devices are told its pin: in each identity from then on, and in none
 *      before they renew, which each is asked to do when it comes next (trust.h).
 *   2. rotate_server: that key becomes the server's, once all devices know its pin, or --force.
 *   3. Each device that comes has its identity renewed again, and forgets the pin of the key that was.
 *
 * The authority goes the same way, beside the key or with it: rotate_next_authority, rotate_authority; and then, because
 * certificates of devices outlast it, rotate_end, once no device in service has one of the former authority.
 *
 * What decides is one transaction: the act, sealed by the former key, that names the pin of the next, by which the record of
 * acts is sealed from then on (trail.h). Files follow: server.key, then server.der (keys.h). Killed before the transaction,
 * nothing has happened; after it, the next start finishes.
 */
#ifndef ROVE_HQ_ROTATE_H
#define ROVE_HQ_ROTATE_H

#include "keys.h"

/* How many devices are in service, and how many of them certainly have what is asked about. */
typedef struct rotate_count {
    uint64_t devices;
    uint64_t knowing;
} rotate_count;

/*
 * Makes server-next.key, as an act of `io`. *made 0: there is one already, and it is kept; `replace` 1: another one. STATE: a
 * rotation to it is recorded, and could not be finished.
 */
ROVE_CHECK rove_status rotate_next(hq *headquarters, const hq_io *io, int replace, int *made,
                                   rove_error *error);
/* NOT_FOUND: there is no next key. STATE: some devices do not know it, and `force` is 0. `count` is filled in in any case. */
ROVE_CHECK rove_status rotate_server(hq *headquarters, const hq_io *io, int force,
                                     rotate_count *count, rove_error *error);
/* The same of the authority: ca-next, and no act that names a key. STATE also while the one before is not ended. */
ROVE_CHECK rove_status rotate_next_authority(hq *headquarters, const hq_io *io, int replace,
                                             int *made, rove_error *error);
ROVE_CHECK rove_status rotate_authority(hq *headquarters, const hq_io *io, int force,
                                        rotate_count *count, rove_error *error);
/* The former authority counts no more. NOT_FOUND: there is none. STATE: devices have certificates of it, and `force` is 0. */
ROVE_CHECK rove_status rotate_end(hq *headquarters, const hq_io *io, int force, rotate_count *count,
                                  rove_error *error);
/* While it is opened: finishes a rotation that was recorded. */
ROVE_CHECK rove_status rotate_settle(hq *headquarters, rove_error *error);

#endif
