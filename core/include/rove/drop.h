/*
 * rove/drop.h - the drop box: how work leaves a device that may not read its replica, because it is locked, because its lease is
 * over, or because it was wiped.
 *
 * What lies in it, in the file drop.box of the replica's folder, only headquarters can read. It needs no key to be put in and no
 * certificate to be sent: each record proves by itself which device it is from. Headquarters looks at all of it before it
 * becomes anybody's record, but for what a rep had recorded before he left.
 *
 *     status = rove_insert(replica, "Call", fields, count, &id, &error);
 *     if (status == ROVE_LOCKED) {
 *         status = rove_drop_record(replica, "Call", fields, count, reference, &error);
 *     }
 *
 * Stability: stable; structs with a `size` first are extended at their end. Valid C99, C11 and C++.
 */
#ifndef ROVE_DROP_H
#define ROVE_DROP_H

#include <stddef.h>
#include <stdint.h>

#include "rove/client.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ROVE_REFERENCE_SIZE 16

/*
 * A new visit or call while everything says LOCKED: with the fields that rove_insert takes, sealed to headquarters, and on the
 * disk when this returns ROVE_OK. It gets its id when headquarters has taken it from review, and comes then like any record that
 * headquarters made; until then `reference` (random bytes, zeros on failure) is its name, if the app wants one. Ids of accounts
 * and others are taken as they are given: nothing can be looked up. One that is sealed (sealed_at) carries no proof of its own: the
 * device has signed all of it. It does not wait for the network.
 * STATE: the replica is not locked, so insert it. INVALID: not a visit or a call. NOT_ENROLLED: also where
 * headquarters has no sealing key. FULL: the disk, or the drop box: 18 MiB, in which what headquarters has makes room, and of which up
 * to 4 MiB that it refused do not count. BUSY: another process has it for a moment. And what a write may say.
 */
ROVE_CHECK rove_status rove_drop_record(rove *replica, const char *entity, const rove_field *fields,
                                        size_t count, uint8_t reference[ROVE_REFERENCE_SIZE],
                                        rove_error *error);

/* What is in the drop box of a folder. */
typedef struct rove_drop_state {
    size_t size;      /* sizeof(rove_drop_state), set by the caller */
    uint64_t waiting; /* records that headquarters has not taken yet */
    uint64_t
        refused; /* those that it never will; they stay, and are not sent again: rove_drop_discard */
    uint64_t bytes; /* of all of them, as they lie there */
    int64_t
        oldest_ms; /* when the oldest one that waits was put in, by the device's clock; 0: none waits */
    uint64_t
        kept; /* those that it has, but no backup of it: they stay until there is one, and are sent again */
} rove_drop_state;
/* Reads it; the replica need not be open, nor be there. Any thread. A missing folder or drop box is an empty one. */
ROVE_CHECK rove_status rove_drop_read(const rove_ports *ports, const char *folder,
                                      rove_drop_state *out, rove_error *error);

/* What came of sending it. */
typedef struct rove_drop_report {
    size_t size;            /* sizeof(rove_drop_report), set by the caller */
    uint64_t taken;         /* they left the drop box */
    uint64_t later;         /* headquarters could not take them now: they stay */
    uint64_t refused;       /* and will not be sent again */
    int64_t retry_after_ms; /* after a failure: headquarters asks to wait so long; 0: it did not */
    uint64_t kept;          /* headquarters has them; they stay until it has a backup of them */
} rove_drop_report;
/*
 * Sends what waits, and again what headquarters has but no backup. rove_sync does it by itself before anything else, also when the
 * replica is locked, but sends the latter again after 12 hours at the earliest; this is for when there is no replica to sync: it was
 * wiped, or cannot be opened. Blocks for as many requests as it takes. `cancelled` (may be NULL) is asked a few times a second: nonzero
 * ends it, and what was sent is sent. The transport is used by nobody else meanwhile.
 * NOT_ENROLLED: there is something, and nothing says where headquarters is. BUSY: another process has the drop box for a moment.
 * CANCELLED; NETWORK and whatever else a request may come to: what is left stays.
 */
ROVE_CHECK rove_status rove_drop_send(const rove_ports *ports, const char *folder,
                                      int (*cancelled)(void *ctx), void *ctx,
                                      rove_drop_report *report, rove_error *error);

/* What can be seen of a record without headquarters' key. */
typedef enum rove_drop_kind {
    ROVE_DROP_BATCH = 1,  /* of unsent work, before a wipe: as many of them as it takes */
    ROVE_DROP_NOTE = 2,   /* a visit or a call */
    ROVE_DROP_RECEIPT = 3 /* what a wipe says that it has sealed */
} rove_drop_kind;
typedef enum rove_drop_standing {
    ROVE_DROP_WAITS = 0,
    ROVE_DROP_IS_KEPT = 1,   /* headquarters has it, but no backup */
    ROVE_DROP_IS_REFUSED = 2 /* for good */
} rove_drop_standing;
typedef struct rove_drop_item {
    size_t size;         /* sizeof(rove_drop_item) of the library */
    rove_drop_kind kind; /* 0: of a later version */
    rove_drop_standing standing;
    int64_t at_ms; /* when it was put in, by the device's clock; IS_KEPT: when it was sent last */
    uint64_t bytes;
} rove_drop_item;
/*
 * Each record of a drop box, in the order in which they were put in; the item is borrowed for the call. Other than OK from `each` ends
 * it, and is what it returns. Any thread. A missing folder or drop box is an empty one.
 */
ROVE_CHECK rove_status rove_drop_list(const rove_ports *ports, const char *folder,
                                      rove_status (*each)(void *ctx, const rove_drop_item *item),
                                      void *ctx, rove_error *error);

/*
 * Gives up what headquarters refused for good, and nothing else: ask the rep before, for nobody will have it then. *count (may be NULL):
 * how many records that were. A wiped folder that holds nothing more is as good as new after it. BUSY: another process has the drop
 * box for a moment. IO, READONLY, FULL: nothing was given up.
 */
ROVE_CHECK rove_status rove_drop_discard(const rove_ports *ports, const char *folder,
                                         uint64_t *count, rove_error *error);

#ifdef __cplusplus
}
#endif
#endif
