/*
 * wire/order.h - an order of headquarters to one device: to lock itself, or to wipe itself. It holds by what stands in it, and
 * not by how it came.
 *
 *   order     = version:byte kind:byte replica:u32 nonce[16] given:u64 until:u64 key:bytes signature:bytes
 *               version    1
 *               kind       1 lock, 2 wipe
 *               replica    the device that is meant
 *               nonce      random; a receipt names its order by it (sealed_note.h)
 *               given      Unix ms, when headquarters gave it, and above that of every earlier order to this device: a device that
 *                          has followed one follows none before it, so that none counts twice, or after it was replaced
 *               until      Unix ms; after that it counts for nothing
 *               key        of headquarters' server, SubjectPublicKeyInfo: one that the device has pinned
 *               signature  by that key, ECDSA over SHA-256 of "rove order" 0:byte and all before `key`
 *
 * u32 and u64 are big-endian; bytes is a varint size, then so many bytes.
 *
 * Nothing keeps a state; one thread at a time per struct.
 */
#ifndef ROVE_WIRE_ORDER_H
#define ROVE_WIRE_ORDER_H

#include "base/buf.h"
#include "rove/error.h"
#include "rove/sys/crypto.h"
#include "rove/value.h"
#include "wire/message.h"

#define ROVE_ORDER_VERSION      1u
#define ROVE_ORDER_PATH         "/v1/order"
#define ROVE_ORDER_CONTENT_TYPE "application/vnd.rove.order"
#define ROVE_ORDER_NONCE_SIZE   16
#define ROVE_ORDER_LABEL        "rove order" /* its NUL is signed with it */
#define ROVE_ORDER_SIGNED_SIZE  (sizeof ROVE_ORDER_LABEL + 2 + 4 + ROVE_ORDER_NONCE_SIZE + 2 * 8)
#define ROVE_ORDER_MAX          256u

typedef enum rove__order_kind {
    ROVE_ORDER_LOCK = 1,
    ROVE_ORDER_WIPE = 2,
    ROVE_ORDER_UNLOCKED = 3 /* of receipts alone: the lock is over, and nobody orders that */
} rove__order_kind;

/* Bytes are borrowed. */
typedef struct rove__signed_order {
    rove__order_kind kind;
    rove_replica replica;
    uint8_t nonce[ROVE_ORDER_NONCE_SIZE];
    int64_t given_ms;
    int64_t until_ms;
    rove__bytes key;
    rove__bytes signature;
} rove__signed_order;

/* What headquarters' server signs. */
void rove__order_message(const rove__signed_order *order, uint8_t message[ROVE_ORDER_SIGNED_SIZE]);
/* Appends it, with the signature that it has. */
void rove__order_write(rove__buf *out, const rove__signed_order *order);
/* ROVE_VERSION, ROVE_TRUNCATED, ROVE_PROTOCOL. Nobody vouches for it until it was checked. */
ROVE_CHECK rove_status rove__order_read(rove__signed_order *order, const void *bytes, size_t size);

/* What a device knows of whom it obeys. */
typedef struct rove__order_terms {
    rove_replica replica;
    const uint8_t *pins[2]; /* SHA-256 of the keys that it has pinned; NULL: none */
    int64_t now_ms;         /* trusted time, or what it is past for certain */
    int64_t followed_ms; /* when the last order that it followed was given; 0: it followed none */
} rove__order_terms;
/*
 * Whether a device follows it. ROVE_TLS: it is not signed by a key that is pinned. ROVE_DENIED: it is another device's. ROVE_EXPIRED.
 * ROVE_EXISTS: it, or a later one, was followed already. Each with a sentence. ROVE_CRYPTO, ROVE_NOMEM.
 */
ROVE_CHECK rove_status rove__order_check(const rove_crypto *crypto, const rove__signed_order *order,
                                         const rove__order_terms *terms, rove_error *error);

#endif
