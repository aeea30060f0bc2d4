/*
 * client/drop.h - the drop box: the file `drop.box` in the replica's folder, by which work leaves a device that may no longer
 * read. What lies in it is sealed to headquarters (wire/sealed.h); it is written without the replica's key, and sent without the
 * device's certificate. It outlives the replica: a wipe leaves it.
 *
 *   file   = entry*
 *   entry  = size:u32 at:u64 check[4] record
 *            size    of the record; its highest bit says that headquarters refused it for good: it is kept, and not sent again.
 *                    The next one, that headquarters has it, but not in a backup yet: it is sent again from time to time (D9)
 *            at      Unix ms by the device's clock when it was put in; of one that headquarters has, when it was sent last
 *            check   the first bytes of SHA-256 of size, at and record
 *            record  sealed, or a mark
 *   mark   = 1:byte 0:byte notes:u64 replica:u32 position:u64 [journal:byte]
 *            how many notes left the file; and which device's unsent work was put in up to which position (store.h), 0: none
 *            was; journal 1: and what it kept for headquarters (D9). At most one
 *
 * It is appended to, and what is taken leaves it by an atomic rewrite; both under the lock `drop.lock`, which nobody holds while
 * he waits for the network. What a power cut left of an entry at the end is cut; a damaged entry between others is no entry, and
 * goes with the next rewrite: nobody could open it.
 *
 * No more than ROVE_DROP_MAX bytes are put in. What headquarters has makes room for what it has not, batch by batch, the oldest
 * first; what it refused does not count up to ROVE_DROP_REFUSED_MAX, and goes when somebody gives it up (rove_drop_discard).
 */
#ifndef ROVE_CLIENT_DROP_H
#define ROVE_CLIENT_DROP_H

#include "base/buf.h"
#include "rove/client.h"
#include "wire/sealed.h"

/* Any batch finds room in an empty one, with a receipt: else a replica that holds such a batch could never be wiped. */
#define ROVE_DROP_MAX         ((size_t)18 * 1024 * 1024)
#define ROVE_DROP_REFUSED_MAX ((size_t)4 * 1024 * 1024)
#define ROVE_DROP_HEAD        16
#define ROVE_DROP_SEND_MAX    256u                  /* records of one request */
#define ROVE_DROP_BODY_MAX    ((size_t)1024 * 1024) /* and their bytes, with their sizes */
/* So long what headquarters has, but no backup, is not sent again by a sync. */
#define ROVE_DROP_AGAIN_MS (INT64_C(12) * 60 * 60 * 1000)

/* Open: what the file holds, in memory, and the lock on it unless it was only to be looked at. */
typedef struct rove__drop {
    const rove_ports *ports; /* borrowed */
    char *path;
    void *lock;
    rove__buf entries; /* whole ones, without the mark */
    size_t refused;    /* bytes of those that headquarters refused */
    size_t spare;      /* and of what may make room for others: what it has, whole batches */
    int differs;    /* the file has something else: a torn end, damage; it has to be written anew */
    uint64_t notes; /* written in this folder ever, those that left included */
    uint64_t notes_left;  /* the mark's */
    rove_replica replica; /* the mark's */
    int64_t position;
    int journal;
} rove__drop;

/* Borrowed until the drop box changes. */
typedef struct rove__drop_entry {
    rove__bytes record;
    int64_t at_ms;
    int refused;
    int kept; /* headquarters has it */
} rove__drop_entry;

/*
 * Reads it, with the lock: BUSY: somebody else has it for a moment. TOO_BIG: this is no file of Rove's. IO, NOMEM, CRYPTO. A
 * missing file is an empty one. rove__drop_close in any case.
 */
ROVE_CHECK rove_status rove__drop_open(rove__drop *drop, const rove_ports *ports,
                                       const char *folder, rove_error *error);
/* The same to look at it, without the lock. */
ROVE_CHECK rove_status rove__drop_look(rove__drop *drop, const rove_ports *ports,
                                       const char *folder, rove_error *error);
void rove__drop_close(rove__drop *drop);
/* The entry at *position, which moves on; begin at 0. 0: there is none. */
int rove__drop_next(const rove__drop *drop, size_t *position, rove__drop_entry *entry);

/* Sees to it that so many bytes of entries, heads included, find room. FULL: they cannot, and nothing has changed. */
ROVE_CHECK rove_status rove__drop_make_room(rove__drop *drop, size_t size, rove_error *error);
/* Puts a record in; it is on the disk when this returns. FULL: the disk, or the drop box. IO, READONLY, NOMEM. */
ROVE_CHECK rove_status rove__drop_put(rove__drop *drop, rove__bytes record, rove_error *error);
/* In memory alone, until rove__drop_save writes the file as a whole: all of it is there then, or nothing is new. */
ROVE_CHECK rove_status rove__drop_add(rove__drop *drop, rove__bytes record, rove_error *error);
/* The same of one that headquarters has, and no backup; sent last at `at_ms`, 0: never. */
ROVE_CHECK rove_status rove__drop_keep(rove__drop *drop, rove__bytes record, int64_t at_ms,
                                       rove_error *error);
ROVE_CHECK rove_status rove__drop_save(rove__drop *drop, rove_error *error);

/* Open, put and close. */
ROVE_CHECK rove_status rove__drop_append(const rove_ports *ports, const char *folder,
                                         const void *record, size_t size, rove_error *error);

/* ---- sending ---- */

/* What headquarters answers of each record. */
typedef enum rove__drop_answer {
    ROVE_DROP_TAKEN = 1,   /* it has it: it leaves the drop box */
    ROVE_DROP_LATER = 2,   /* not now: it stays */
    ROVE_DROP_REFUSED = 3, /* never: it stays, and is not sent again */
    ROVE_DROP_KEPT =
        4 /* it has it, and there is no backup of it yet: it stays, and is sent again some time */
} rove__drop_answer;

/* One sending of all that there is, over however many requests. */
typedef struct rove__drop_round {
    int64_t now_ms; /* Unix ms by the device's clock, when it began */
    int all;        /* what headquarters has is sent, too, however lately it was */
} rove__drop_round;

/*
 * The body of a request: { size:u32 record }*, of those that are due but for the first `skip`. *count 0: there are none. Frames of
 * one batch are not divided over requests where that can be helped. No more than headquarters opens at a time: what it puts off for
 * their number would be passed over.
 */
ROVE_CHECK rove_status rove__drop_body(const rove__drop *drop, const rove__drop_round *round,
                                       uint64_t skip, rove__buf *body, size_t *count);
/*
 * An answer to such a body, a byte for each record: in memory, until it is saved. Records that are not there any more are passed
 * over; what came meanwhile stays. PROTOCOL: this is no answer to it; nothing was changed.
 */
ROVE_CHECK rove_status rove__drop_settle(rove__drop *drop, const rove__drop_round *round,
                                         const rove__buf *body, const rove__buf *answers,
                                         rove_error *error);
/* Gives up what headquarters refused: in memory, until it is saved. *count: how many that were. */
ROVE_CHECK rove_status rove__drop_discard(rove__drop *drop, uint64_t *count, rove_error *error);

#endif
