/*
 * wire/sealed_note.h - sealed records (sealed.h) that stand alone: a note, which is a visit or a call that was written while the
 * device could not read its replica, and the receipt of an order of headquarters'.
 *
 *   note      = claims signature:bytes certificate:bytes                                            kind 2
 *   claims    = replica:varint ordinal:varint schema:varint evidence reference[16] entity:varint row:bytes
 *               replica    the number of the device
 *               ordinal    of the notes that this device wrote, from 1; a gap is a note that did not arrive
 *               evidence   of when it was written: as in a proof, from server_ms to boot_id (proof.h)
 *               reference  random; a note that comes twice is known by it
 *               row        packed, as in entities.proto, without an id: headquarters gives it one
 *   receipt   = claims signature:bytes certificate:bytes                                            kind 3
 *   claims    = replica:varint nonce[16] kind:varint sealed_batches:varint sealed_changes:varint records_left:varint wall_ms:varint
 *               nonce      of the order, zeros if the rep did it by himself; kind: what was ordered
 *               sealed_*   unsent work that went into the drop box; records_left: what could not
 *               wall_ms    by the device's own clock, as it stood; before 1970: 0
 *   signature = by the device, ECDSA over SHA-256 of label 0:byte SHA-256(claims)
 *               label      "rove sealed note" or "rove sealed receipt"
 *
 * Nothing keeps a state; one thread at a time per struct.
 */
#ifndef ROVE_WIRE_SEALED_NOTE_H
#define ROVE_WIRE_SEALED_NOTE_H

#include "base/stamp.h"
#include "rove/drop.h"
#include "wire/order.h"
#include "wire/sealed.h"

#define ROVE_ORDER_KIND_MAX 255u

/* Who says it, once it was read; borrowed from the content. */
typedef struct rove__sealed_voucher {
    rove__bytes claims;
    rove__bytes signature;
    rove__bytes certificate;
} rove__sealed_voucher;

typedef struct rove__sealed_note {
    rove_replica replica;
    uint64_t ordinal;
    uint32_t schema;
    rove__anchor anchor;   /* as in rove__proof */
    rove_clock_reading at; /* when it was written */
    uint8_t reference[ROVE_REFERENCE_SIZE];
    uint32_t entity;
    rove__bytes row;
    rove__sealed_voucher voucher;
} rove__sealed_note;

typedef struct rove__sealed_receipt {
    rove_replica replica;
    uint8_t nonce[ROVE_ORDER_NONCE_SIZE];
    uint32_t kind;
    uint64_t sealed_batches;
    uint64_t sealed_changes;
    uint64_t records_left;
    int64_t wall_ms;
    rove__sealed_voucher voucher;
} rove__sealed_receipt;

/*
 * Appends the record; the voucher is not asked. ROVE_INVALID for what a reader would refuse and for a recipient that is none,
 * ROVE_TOO_BIG and ROVE_NOMEM, ROVE_CRYPTO.
 */
ROVE_CHECK rove_status rove__sealed_note_write(const rove_crypto *crypto,
                                               const rove__sealer *sealer,
                                               const rove__sealed_note *note, rove__buf *out);
ROVE_CHECK rove_status rove__sealed_receipt_write(const rove_crypto *crypto,
                                                  const rove__sealer *sealer,
                                                  const rove__sealed_receipt *receipt,
                                                  rove__buf *out);

/* What rove__opening_content opened: ROVE_TRUNCATED or ROVE_PROTOCOL. Nobody vouches for it until it was verified. */
ROVE_CHECK rove_status rove__sealed_note_read(rove__sealed_note *note, const void *content,
                                              size_t size);
ROVE_CHECK rove_status rove__sealed_receipt_read(rove__sealed_receipt *receipt, const void *content,
                                                 size_t size);
/* Of one that was read: ROVE_CORRUPT if it is not signed by the owner of the public key (DER). */
ROVE_CHECK rove_status rove__sealed_note_verify(const rove_crypto *crypto, rove__bytes public_key,
                                                const rove__sealed_note *note);
ROVE_CHECK rove_status rove__sealed_receipt_verify(const rove_crypto *crypto,
                                                   rove__bytes public_key,
                                                   const rove__sealed_receipt *receipt);

#endif
