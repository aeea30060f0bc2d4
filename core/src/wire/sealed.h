/*
 * wire/sealed.h - the sealed record: a frame of a batch that only headquarters can read, and that proves by itself
 * which device it is from. It may lie in a file or travel over anybody's connection.
 *
 *   record  = version:byte kind:byte recipient[8] ephemeral[91] ordinal:u32 sealed tag[16]
 *             version    1
 *             kind       1, a frame of a batch; 2 and 3 stand alone, ordinal 0: see sealed_note.h
 *             recipient  the first 8 bytes of SHA-256 of headquarters' sealing key
 *             ephemeral  a key made for this batch, or this record, alone
 *             ordinal    of the frame in the batch, from 0; below ROVE_PUSH_FRAMES_MAX
 *             sealed     AES-256-GCM of the content; what stands before it is authenticated with it
 *   key     = HKDF-SHA256(ECDH(ephemeral, recipient), salt: ephemeral and recipient, info: "rove sealed 1")
 *   nonce   = 8 zero bytes, ordinal:u32
 *   content = of kind 1: replica:varint number:varint frames:varint schema:varint previous[32] hash[32]
 *             signature:bytes certificate:bytes rows
 *             frames      how many frames the batch has; above the ordinal
 *             previous    the chain before the batch; hash: of the rows of all its frames (P1)
 *             signature   by the device, ECDSA over SHA-256 of
 *                         "rove sealed batch" 0:byte replica:u32 number:u64 frames:u32 schema:u32 previous hash
 *             certificate of the device, DER: says whose signature it is, for as long as there is the authority
 *             rows        of the frame: to the end
 *
 * Keys are SubjectPublicKeyInfo of P-256: always 91 bytes. u32 and u64 are big-endian; bytes is a varint size, then so
 * many bytes. One key pair, one signature and one exchange of keys serve all frames of a batch, so a batch of any size
 * is sealed and opened frame by frame. The signature covers the rows through `hash`: who opens a batch compares once he
 * has all frames.
 *
 * Nothing keeps a state but what the structs show; one thread at a time each.
 */
#ifndef ROVE_WIRE_SEALED_H
#define ROVE_WIRE_SEALED_H

#include "base/buf.h"
#include "wire/batch.h"
#include "wire/message.h"

#define ROVE_SEALED_VERSION         1u
#define ROVE_SEALED_BATCH           1u /* kinds */
#define ROVE_SEALED_NOTE            2u
#define ROVE_SEALED_RECEIPT         3u
#define ROVE_SEALED_CERTIFICATE_MAX 4096
#define ROVE_SEALED_HEAD_SIZE       (2 + ROVE_SEAL_ID_SIZE + ROVE_SEAL_KEY_SIZE + 4)
/* Of a record, and of what is in it. */
#define ROVE_SEALED_MAX (ROVE_BATCH_MAX + 8192u)
/* Batches, and records that stand alone, of one request to the drop box: to open each takes an exchange of keys. */
#define ROVE_DROP_EXCHANGES_MAX 64u

/* With what work is sealed: the device's key (DER), its certificate, and headquarters' sealing key (NULL: nobody said). Borrowed. */
typedef struct rove__sealer {
    rove__bytes key;
    rove__bytes certificate;
    const uint8_t *recipient;
} rove__sealer;

/* What the device signs, and with what. Bytes are borrowed. */
typedef struct rove__sealed_batch {
    rove_replica replica;
    uint64_t number;
    uint32_t frames;
    uint32_t schema;
    rove__chain previous;
    rove__chain hash;
    rove__bytes signature;
    rove__bytes certificate;
} rove__sealed_batch;

/* One record's content, of a frame of a batch. */
typedef struct rove__sealed {
    rove__sealed_batch batch;
    uint32_t ordinal;
    rove__bytes rows;
} rove__sealed;

/* What a record says it is, for whoever cannot open it: its kind, 0 if it is none that this build knows. */
uint32_t rove__sealed_kind(const void *record, size_t size);

/* The first bytes of a key's SHA-256. */
ROVE_CHECK rove_status rove__sealed_id(const rove_crypto *crypto,
                                       const uint8_t key[ROVE_SEAL_KEY_SIZE],
                                       uint8_t id[ROVE_SEAL_ID_SIZE]);

/* Signs; batch->signature borrows from `signature`. `key` is the device's private key, DER. */
ROVE_CHECK rove_status rove__sealed_sign(const rove_crypto *crypto, rove__bytes key,
                                         rove__sealed_batch *batch,
                                         uint8_t signature[ROVE_SIGNATURE_MAX]);
/* ROVE_CORRUPT if it is not signed by the owner of the public key (DER). */
ROVE_CHECK rove_status rove__sealed_verify(const rove_crypto *crypto, rove__bytes public_key,
                                           const rove__sealed_batch *batch);

/* ---- sealing: begin, a call per frame, end ---- */

typedef struct rove__sealing {
    const rove_crypto *crypto; /* borrowed */
    uint8_t key[ROVE_GCM_KEY_SIZE];
    uint8_t head[ROVE_SEALED_HEAD_SIZE]; /* without the ordinal */
} rove__sealing;

/* Makes a key for one batch. ROVE_INVALID: the recipient's key is none. */
ROVE_CHECK rove_status rove__sealing_begin(rove__sealing *sealing, const rove_crypto *crypto,
                                           const uint8_t recipient[ROVE_SEAL_KEY_SIZE]);
/*
 * Appends a record. Each ordinal once: a batch that has to be sealed again begins again. ROVE_INVALID for what a reader
 * would refuse, ROVE_TOO_BIG and ROVE_NOMEM from the buffer, ROVE_CRYPTO.
 */
ROVE_CHECK rove_status rove__sealing_frame(const rove__sealing *sealing, const rove__sealed *frame,
                                           rove__buf *out);
/* A record that stands alone, of kind 2 or 3, in one call: appends it. The same statuses as the two above. */
ROVE_CHECK rove_status rove__seal_alone(const rove_crypto *crypto,
                                        const uint8_t recipient[ROVE_SEAL_KEY_SIZE], uint32_t kind,
                                        rove__bytes content, rove__buf *out);
/* Wipes the key. */
void rove__sealing_end(rove__sealing *sealing);

/* ---- opening: records of one batch after another, in any order ---- */

typedef struct rove__opening {
    const rove_crypto *crypto; /* borrowed */
    rove__bytes key;           /* headquarters' private key, DER; borrowed */
    uint8_t public_key[ROVE_SEAL_KEY_SIZE];
    uint8_t id[ROVE_SEAL_ID_SIZE];
    uint8_t ephemeral[ROVE_SEAL_KEY_SIZE]; /* of the record before, and its key */
    uint8_t record_key[ROVE_GCM_KEY_SIZE];
    int known;
} rove__opening;

/* ROVE_INVALID: `key` is none. */
ROVE_CHECK rove_status rove__opening_begin(rove__opening *opening, const rove_crypto *crypto,
                                           rove__bytes key);
/*
 * Opens a record into `content`, from which *sealed borrows. ROVE_TRUNCATED, ROVE_PROTOCOL: it is malformed.
 * ROVE_VERSION. ROVE_WRONG_KEY: it is for somebody else. ROVE_CORRUPT: it was changed. ROVE_NOMEM, ROVE_CRYPTO.
 */
ROVE_CHECK rove_status rove__opening_record(rove__opening *opening, const void *record, size_t size,
                                            rove__buf *content, rove__sealed *sealed);
/*
 * The same of any kind, 0 in *ordinal of those that stand alone: what is in `content` is read with rove__sealed_read, or with
 * what sealed_note.h has.
 */
ROVE_CHECK rove_status rove__opening_content(rove__opening *opening, const void *record,
                                             size_t size, rove__buf *content, uint32_t *ordinal);
/* Wipes keys. */
void rove__opening_end(rove__opening *opening);

/* What stands inside, once opened: ROVE_TRUNCATED or ROVE_PROTOCOL. Nobody vouches for it until it was verified. */
ROVE_CHECK rove_status rove__sealed_read(rove__sealed *sealed, uint32_t ordinal,
                                         const void *content, size_t size);

#endif
