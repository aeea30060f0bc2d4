/*
 * trail.h - the record of administrative acts cannot be changed unseen: each entry is sealed by a hash that goes on from that
 * of the one before, and by a signature of the server's key; the newest one is named, signed, beside them.
 *
 *   hash(n)  = SHA-256("rove act 1" hash(n-1)[32] number:u64 at_ms:u64 operator:bytes act:bytes detail:bytes seq:u64)
 *   setting "act/<n>"      = hash(n)[32] pin[32] size:byte signature("rove act 1" hash(n))[72]
 *   setting "act/newest"   = number:u64 hash[32] pin[32] size:byte signature("rove acts 1" number:u64 hash)[72]
 *
 *   setting "act/key/<pin>" = SubjectPublicKeyInfo of each key that has sealed, DER; <pin> in hexadecimal
 *
 * hash(0) is zeros; numbers are big-endian; of a signature `size` bytes count, zeros follow, so that a seal always takes the
 * same room; pin: SHA-256 of the signing key's SubjectPublicKeyInfo. The file `acts.head` of the
 * folder has number and hash of the newest one, as decimal and hexadecimal text, as of when headquarters was opened or closed
 * last. A record of an older version, which has no such file, is sealed as it stands when the next act is recorded.
 *
 * Once the server's key was rotated (rotate.h), the act of that, which is sealed by the former key, names the pin of the next,
 * and "act/newest" is sealed by the next from then on: so the next key vouches for all before it, and the former one, should
 * it come to light, changes none of it. Who verifies begins with the key that the server has and goes on with the former one
 * where such an act stands; also where a backup from before a rotation was restored, which the next entry says. A key that
 * follows another otherwise is a finding.
 *
 * What is seen: an entry that was changed, removed, added or moved, wherever it is; entries cut off at the end, also when later
 * acts follow; a database that was put back as it was once, as long as acts.head was not. Where somebody may write into the
 * folder, note down elsewhere what `rove-hq acts verify` gives. Who has server.key can seal anything.
 */
#ifndef ROVE_HQ_TRAIL_H
#define ROVE_HQ_TRAIL_H

#include "hq.h"
#include "keys.h"

#define TRAIL_ROTATION "keys rotate" /* the act; its detail has the pin of the next key */
#define TRAIL_RESTORE  "restore"     /* the act: a backup took the place of the database */
#define TRAIL_READMIT                                                                              \
    "readmit" /* the act: a device that a restored headquarters did not know came back */
#define TRAIL_PIN_SIZE 65 /* a pin in hexadecimal with its NUL */

typedef enum trail_finding {
    TRAIL_SOUND,
    TRAIL_EMPTY,    /* there is no act at all, or nothing was sealed yet */
    TRAIL_CHANGED,  /* the entry, or its place, is not what was sealed */
    TRAIL_MISSING,  /* there is no such entry, and there was */
    TRAIL_UNSEALED, /* the entry was not recorded by headquarters */
    TRAIL_FORGED,   /* its seal is not signed by the server's key */
    TRAIL_FOREIGN /* its seal is signed, it says, by a key that is not server.key, and that no rotation ended */
} trail_finding;

typedef struct trail_report {
    trail_finding finding;
    int64_t number;                 /* of the first entry that is not sound */
    uint64_t looked;                /* at so many entries, from the newest on */
    uint64_t sound;                 /* of those */
    int64_t newest;                 /* the last entry that was sealed */
    uint8_t hash[ROVE_SHA256_SIZE]; /* of that */
} trail_report;

/* In a job, after the act was put: seals it. */
ROVE_CHECK rove_status trail_append(hq *headquarters, rove__hq_tx *tx, const rove__hq_act *act);
/* A pin in hexadecimal, as it stands in acts. */
void trail_pin_text(const uint8_t pin[ROVE_SHA256_SIZE], char text[TRAIL_PIN_SIZE]);
/* In the job of a rotation, after its act was recorded: from now on the server's next key seals. */
ROVE_CHECK rove_status trail_hand_over(hq *headquarters, rove__hq_tx *tx);
/* In a transaction: *over 1 if that was committed, and server-next.key is not server.key yet. */
ROVE_CHECK rove_status trail_handed_over(hq *headquarters, rove__hq_tx *tx, int *over);
/* After opening and before closing, outside of jobs: acts.head follows, if it is of this record. A failure is logged. */
void trail_note(hq *headquarters);
/* Before a restored database is opened: what acts.head has noted is not of it. */
ROVE_CHECK rove_status trail_forget(const hq_ports *ports, const char *folder, rove_error *error);
/* Where a record of acts is read from; all of it is borrowed. */
typedef struct trail_source {
    const hq_ports *ports;
    const char *folder; /* of acts.head */
    const rove__hq_directory *directory;
    const hq_server_key *own, *next; /* the server's keys */
} trail_source;
/* That of an open headquarters. */
void trail_source_of(hq *headquarters, trail_source *source);
/*
 * In a transaction: the newest `most` entries, 0: the whole record. What is wrong with it is in the report, and no
 * failure.
 */
ROVE_CHECK rove_status trail_verify(const trail_source *source, rove__hq_tx *tx, uint64_t most,
                                    trail_report *report);
/* In a transaction: the hash by which an entry was sealed. NOT_FOUND. */
ROVE_CHECK rove_status trail_hash_of(hq *headquarters, rove__hq_tx *tx, int64_t number,
                                     uint8_t hash[ROVE_SHA256_SIZE]);
/* "NUMBER HASH" or "NUMBER:HASH", decimal and hexadecimal; 0: it is none. */
int trail_parse(const char *text, int64_t *number, uint8_t hash[ROVE_SHA256_SIZE]);
/* A sentence about a finding, with the entry's number for %lld; TRAIL_SOUND and TRAIL_EMPTY have none. */
const char *trail_sentence(trail_finding finding);

#endif
