/*
 * wire/proof.h - what a device says of a record that it seals, so that nobody can change, move, date back or drop the
 * record afterwards without its being seen. It is a field of the record, and goes wherever that goes.
 *
 *   proof     = version:byte replica:varint ordinal:varint key[8] previous[32] content[32] sets[8]
 *               server_ms:zigzag anchor_wall_ms:zigzag anchor_boot_ms:zigzag
 *               wall_ms:zigzag boot_ms:zigzag same:byte boot_id[16] signature
 *               version    1
 *               replica    the number under which the device sealed it
 *               ordinal    of this number's seals, from 1: the chain has no gap
 *               key        the first 8 bytes of SHA-256 of the device's public key
 *               previous   SHA-256 of the whole proof before; of the first: of the last one under the number that the
 *                          device had before, or zeros
 *               content    of the record, sets: of its sets; see below
 *               server_ms  headquarters' time at the last contact, 0: there was none; anchor_*: this device's clocks then
 *               wall_ms, boot_ms: its clocks when it sealed, as they stood
 *               same       1: it was not booted between the two
 *               signature  to the end: by the device, ECDSA over SHA-256 of "rove sealed record" 0:byte and all before it
 *   content   = SHA-256 of "rove content" 0:byte entity:varint origin's replica:u32 stamp:u64 { number:varint value }*
 *               registers and ranks, ascending by number, values as in model/row.h
 *   sets      = the first 8 bytes of SHA-256 of { number:varint count:varint value* }*, elements ascending
 *
 * A record is its origin (P4), so a proof holds for no other record, and goes on holding where the id is changed. Left out are
 * fields without a value, so that a newer schema changes nothing; what headquarters alone writes or what is derived; and the
 * proof. Unknown fields are in. Sets are apart because they merge (P9): what two reps add at the same time is both in.
 *
 * Nothing keeps a state; one thread at a time per struct.
 */
#ifndef ROVE_WIRE_PROOF_H
#define ROVE_WIRE_PROOF_H

#include "base/buf.h"
#include "base/reader.h"
#include "base/stamp.h"
#include "model/row.h"
#include "rove/sys/crypto.h"
#include "wire/message.h"

#define ROVE_PROOF_VERSION   1u
#define ROVE_PROOF_MAX       512u /* as the fields of traits.def */
#define ROVE_PROOF_KEY_SIZE  8
#define ROVE_PROOF_SETS_SIZE 8
/* How far a device's own clock may be from trusted time before its seals are suspect. */
#define ROVE_PROOF_APART_MS INT64_C(600000)

typedef struct rove__proof {
    rove_replica replica;
    uint64_t ordinal;
    uint8_t key[ROVE_PROOF_KEY_SIZE];
    uint8_t previous[ROVE_SHA256_SIZE];
    uint8_t content[ROVE_SHA256_SIZE];
    uint8_t sets[ROVE_PROOF_SETS_SIZE];
    rove__anchor anchor;   /* read: its boot_id is that of `at` or another one */
    rove_clock_reading at; /* when it was sealed */
    rove__bytes signature; /* borrowed; of one that was read */
} rove__proof;

/* The field of an entity that holds its proof: its ordinal, -1: there is none. */
int rove__proof_field(const rove__entity *entity);

/*
 * Of a row as it stands or will stand, with plain or versioned sets. `scratch` is emptied and used. CORRUPT for a set that cannot be
 * read; NOMEM, TOO_BIG, CRYPTO.
 */
ROVE_CHECK rove_status rove__proof_content(const rove_crypto *crypto, const rove__row *row,
                                           rove__origin origin, rove__buf *scratch,
                                           uint8_t content[ROVE_SHA256_SIZE],
                                           uint8_t sets[ROVE_PROOF_SETS_SIZE]);
/* The first bytes of a public key's (DER) SHA-256. */
ROVE_CHECK rove_status rove__proof_key(const rove_crypto *crypto, rove__bytes public_key,
                                       uint8_t id[ROVE_PROOF_KEY_SIZE]);
/* Empties `out` and writes the proof, signed by a private key (DER), whose name proof->key becomes. NOMEM, INVALID, CRYPTO. */
ROVE_CHECK rove_status rove__proof_sign(const rove_crypto *crypto, rove__bytes key,
                                        rove__proof *proof, rove__buf *out);
/* ROVE_VERSION, ROVE_TRUNCATED, ROVE_PROTOCOL. Nobody vouches for it until it was verified. */
ROVE_CHECK rove_status rove__proof_read(rove__proof *proof, const void *bytes, size_t size);
/* ROVE_CORRUPT: it is not signed by the owner of the public key (DER). `bytes` are those that were read. */
ROVE_CHECK rove_status rove__proof_verify(const rove_crypto *crypto, rove__bytes public_key,
                                          const rove__proof *proof, const void *bytes, size_t size);
/* What the next proof calls `previous`. */
ROVE_CHECK rove_status rove__proof_hash(const rove_crypto *crypto, const void *bytes, size_t size,
                                        uint8_t hash[ROVE_SHA256_SIZE]);

/*
 * The evidence of a time, as a proof has it from server_ms to boot_id: also other records carry it. Reading fails the reader for
 * a `same` that is neither 0 nor 1.
 */
void rove__evidence_put(rove__buf *out, const rove__anchor *anchor, const rove_clock_reading *at);
void rove__evidence_take(rove__reader *reader, rove__anchor *anchor, rove_clock_reading *at);

/* Trusted Unix ms at which it was sealed, by the device's evidence. */
int64_t rove__proof_time_ms(const rove__proof *proof);
/* Why that time is suspect; NULL: it is not. */
const char *rove__proof_suspect(const rove__proof *proof);

#endif
