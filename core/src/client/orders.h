/*
 * client/orders.h - what headquarters has ordered this device to do, and how far that is: the file `orders` beside the replica. It
 * is read before the replica is opened, and needs no key.
 *
 *   file  = "RoveOr" version:byte stage:byte order:bytes { nonce[16] until:u64 }* check[32]
 *           version   1
 *           stage     0 nothing is in force; 1 locked, until headquarters lets the device in again; 2 to be wiped, once its unsent
 *                     work is sealed; 3 that is done, and what is left of the replica goes
 *           order     that is in force (wire/order.h); empty: of a wipe by the rep
 *           nonces    of orders that were carried out, until they hold no longer: none is carried out twice
 *           check     SHA-256 of everything before it
 *
 * A file that fails its check counts as stage 1: nothing is shown, and the next contact with headquarters mends it.
 */
#ifndef ROVE_CLIENT_ORDERS_H
#define ROVE_CLIENT_ORDERS_H

#include "client/identity.h"
#include "wire/order.h"

#define ROVE_ORDERS_DONE_MAX 32

typedef enum rove__stage {
    ROVE_STAGE_FREE = 0,
    ROVE_STAGE_LOCKED = 1,
    ROVE_STAGE_SEALING = 2,
    ROVE_STAGE_WIPED = 3
} rove__stage;

typedef struct rove__orders {
    rove__stage stage;
    uint8_t order[ROVE_ORDER_MAX];
    size_t order_size;
    struct {
        uint8_t nonce[ROVE_ORDER_NONCE_SIZE];
        int64_t until_ms;
    } done[ROVE_ORDERS_DONE_MAX];
    size_t done_count;
} rove__orders;

/* There may be no file. UPGRADE: a newer version wrote it. IO, NOMEM, CRYPTO. */
ROVE_CHECK rove_status rove__orders_load(const rove__credentials_ports *ports, const char *path,
                                         rove__orders *orders, rove_error *error);
/* Durable when it returns. */
ROVE_CHECK rove_status rove__orders_save(const rove__credentials_ports *ports, const char *path,
                                         const rove__orders *orders, rove_error *error);

/* The one in force; kind 0: there is none. Borrows from `orders`. */
rove__signed_order rove__orders_current(const rove__orders *orders);
int rove__orders_is_done(const rove__orders *orders, const uint8_t nonce[ROVE_ORDER_NONCE_SIZE]);
/* One more is carried out. Those that have ended by `now_ms` are forgotten; if all places are taken, the one that ends first. */
void rove__orders_add_done(rove__orders *orders, const rove__signed_order *order, int64_t now_ms);

#endif
