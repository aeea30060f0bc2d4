/*
 * orders.h - orders to devices (wire/order.h): given, lifted, and what the device said that it did.
 *
 * The last order of a device is the setting "order/<replica>", also when it was lifted: the next is younger than it. Each is for
 * one device, signed by the server's key when it is given, and stands until it is lifted: a device with a lock in force, or that was
 * ever ordered to wipe itself, is answered nothing but that there is an order, which it may then ask for. The caller records the act.
 *
 *   value = version:byte fetched:u64 locked:u64 lifted:u64 unlocked:u64 wiped:u64 batches:u32 changes:u32 left:u32 order
 *           version  2
 *           fetched  when the device was first given it; Unix ms by headquarters' clock, as all of these, 0: it did not happen
 *           locked   when its receipt arrived; unlocked: that of its opening again; wiped: that of a wipe, ordered or not
 *           lifted   by an operator
 *           batches, changes: what it sealed before it wiped itself; left: of its records, that could not be sealed
 *           order    none where the rep of a device without one wiped it
 */
#ifndef ROVE_HQ_ORDERS_H
#define ROVE_HQ_ORDERS_H

#include "hq.h"
#include "wire/order.h"

#define HQ_ORDER_DAYS     365 /* that one holds, unless it is said otherwise */
#define HQ_ORDER_DAYS_MAX 3650

typedef struct hq_order {
    rove__signed_order order; /* borrows from `bytes`; kind 0: there was none */
    int64_t fetched_ms;       /* this and the following as above */
    int64_t locked_ms;
    int64_t lifted_ms;
    int64_t unlocked_ms;
    int64_t wiped_ms;
    uint32_t batches;
    uint32_t changes;
    uint32_t left;
    uint8_t bytes[ROVE_ORDER_MAX]; /* what the device is given; none if it wiped itself unordered */
    size_t size;
} hq_order;

/* In a transaction. NOT_FOUND: there never was one. CORRUPT. *out must not move. */
ROVE_CHECK rove_status hq_order_get(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                                    hq_order *out);
/* 1: it may be asked for: it is in force, and the device is not known to have carried out a wipe instead. */
int hq_order_is_open(const hq_order *order, int64_t now_ms);
/* 1: the device is refused because of it. One that has wiped itself is: whoever has its key still is not it, and lifts no lock. */
int hq_order_is_in_force(const hq_order *order, int64_t now_ms);
/*
 * In a job. *fresh 0: it stands already and holds. A wipe takes the place of a lock; STATE for the reverse, and for a device that
 * has wiped itself. A device whose order has ended gets a new one.
 */
ROVE_CHECK rove_status hq_order_give(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                                     rove__order_kind kind, int days, int *fresh,
                                     rove_error *error);
/* In a job. NOT_FOUND: there is no lock; STATE: a wipe is not lifted. */
ROVE_CHECK rove_status hq_order_lift(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                                     rove_error *error);

/* In a job: the device is given this order; the first time counts, and nothing if another one has taken its place. */
ROVE_CHECK rove_status hq_order_fetched(hq *headquarters, rove__hq_tx *tx,
                                        const rove__signed_order *given);

/* What a device says of an order; the caller has seen to it that it is the device's word. */
typedef struct hq_order_receipt {
    rove_replica replica;
    uint32_t kind;                        /* rove__order_kind; others change nothing */
    uint8_t nonce[ROVE_ORDER_NONCE_SIZE]; /* zeros: its rep wiped it, without an order */
    uint32_t batches;
    uint32_t changes;
    uint32_t left;
} hq_order_receipt;
/*
 * In a job: the device locked itself, opened again, or wiped itself. It is recorded as an act; a second receipt changes nothing. Of a lock it
 * counts if it is of the last order, and that it is open again if the lock is not in force any more; a wipe counts in any case.
 */
ROVE_CHECK rove_status hq_order_done(hq *headquarters, rove__hq_tx *tx,
                                     const hq_order_receipt *receipt);

#endif
