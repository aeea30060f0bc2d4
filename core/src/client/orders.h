/*
 * client/orders.h - what headquarters has ordered this device to do, and how far that is: the file `orders` beside the replica. It
 * is read before the replica is opened, and needs no key.
 *
 *   file  = "RoveOr" version:byte stage:byte told:byte order:bytes replica:u32 given:u64 check[32]
 *           version   1
 *           stage     0 nothing is in force; 1 locked, until headquarters lets the device in again; 2 to be wiped, once its unsent
 *                     work is sealed; 3 that is done, and what is left of the replica goes
 *           told      1: the receipt of a lock is in the drop box, or was sent
 *           order     that is in force (wire/order.h); empty: of a wipe by the rep
 *           given     of the last order that was followed, and to which number of this device: none up to it is followed (again).
 *                     Another number has orders of its own; 0: it followed none
 *           check     SHA-256 of everything before it
 *
 * A file that fails its check counts as stage 1: nothing is shown, and the next contact with headquarters mends it.
 */
#ifndef ROVE_CLIENT_ORDERS_H
#define ROVE_CLIENT_ORDERS_H

#include "client/identity.h"
#include "wire/order.h"

typedef enum rove__stage {
    ROVE_STAGE_FREE = 0,
    ROVE_STAGE_LOCKED = 1,
    ROVE_STAGE_SEALING = 2,
    ROVE_STAGE_WIPED = 3
} rove__stage;

typedef struct rove__orders {
    rove__stage stage;
    int told;
    uint8_t order[ROVE_ORDER_MAX];
    size_t order_size;
    rove_replica replica;
    int64_t given_ms;
} rove__orders;

/* There may be no file. UPGRADE: a newer version wrote it. IO, NOMEM, CRYPTO. */
ROVE_CHECK rove_status rove__orders_load(const rove__credentials_ports *ports, const char *path,
                                         rove__orders *orders, rove_error *error);
/* Durable when it returns. */
ROVE_CHECK rove_status rove__orders_save(const rove__credentials_ports *ports, const char *path,
                                         const rove__orders *orders, rove_error *error);

/* The one in force; kind 0: there is none. Borrows from `orders`. */
rove__signed_order rove__orders_current(const rove__orders *orders);
/* When the last one that was followed was given, to this number; 0: none was. */
int64_t rove__orders_followed_ms(const rove__orders *orders, rove_replica replica);

#endif
