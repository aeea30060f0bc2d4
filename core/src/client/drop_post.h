/*
 * client/drop_post.h - what the client does with its drop box: notes go in while the replica is locked, unsent work before a wipe,
 * and all of it is sent. drop.h is the file itself.
 */
#ifndef ROVE_CLIENT_DROP_POST_H
#define ROVE_CLIENT_DROP_POST_H

#include "client/drop.h"
#include "client/internal.h"
#include "rove/drop.h"

#define ROVE_DROP_PATH         "/v1/drop"
#define ROVE_DROP_CONTENT_TYPE "application/vnd.rove.drop"

/* ---- drop_send.c ---- */

/* How it is sent. */
typedef struct rove__drop_way {
    int64_t trusted_now_ms; /* as in rove_request */
    int all;                /* as in rove__drop_round */
    rove__mutex *turn;      /* of who writes to it in this process; NULL: nobody else does */
    int (*cancelled)(void *ctx);
    void *ctx;
} rove__drop_way;
/* What rove_drop_send does; adds to the report. */
ROVE_CHECK rove_status rove__drop_deliver(const rove_ports *ports, const char *folder,
                                          const rove__drop_way *way, rove_drop_report *report,
                                          rove_error *error);
/* Keeps whom to send to, as these credentials know it, durably. */
ROVE_CHECK rove_status rove__drop_address(const rove_ports *ports, const char *folder,
                                          const rove__credentials *credentials, rove_error *error);
/* What rove_drop_read does; adds to the state. */
ROVE_CHECK rove_status rove__drop_count(const rove_ports *ports, const char *folder,
                                        rove_drop_state *state, rove_error *error);

/* ---- drop_note.c ---- */

/*
 * With what a note or a receipt is sealed: to the key that headquarters gave last, else the one of enrolment; recipient NULL: it never gave
 * any. Borrows from both, and *evidence is filled in.
 */
rove__sealer rove__drop_sealer(rove__store *store, const rove__credentials *credentials,
                               rove__evidence_now *evidence);

/* Before anything else that a sync does, which goes on whatever comes of it, unless there is no memory: NOMEM. With `busy` taken. */
ROVE_CHECK rove_status rove__client_drop(rove *replica, int (*cancelled)(void *ctx), void *ctx);

/* What went into the drop box of work that headquarters does not have. */
typedef struct rove__drop_outbox_report {
    uint64_t batches; /* in it now; those of an earlier call included */
    uint64_t
        changes;   /* in them, as far as they can be counted: not those that were sealed before */
    uint64_t left; /* changes that did not fit */
    uint64_t kept; /* batches besides that headquarters has, and no backup: those of this call */
} rove__drop_outbox_report;
/*
 * Seals all work that headquarters does not have into the drop box, and keeps whom to send it to: before a wipe, with the
 * replica's keys there, and `busy` taken. It is all on the disk when this returns ROVE_OK, but for what is `left`: the drop box is full.
 * Nothing changes in the replica; killed at any point and called again, it comes to the same. NOT_ENROLLED: there is no device
 * key to sign with. STATE: headquarters has no sealing key. FULL: the disk. BUSY, LOCKED, and what reading the replica may say.
 */
ROVE_CHECK rove_status rove__drop_outbox(rove *replica, rove__drop_outbox_report *report,
                                         rove_error *error);

/*
 * After that, and the receipt: what the replica kept in case that headquarters is restored (D9) goes on being kept in the drop box, as far as
 * there is room; adds to the report. Killed and called again, it comes to the same. IO, FULL: the disk. And as above.
 */
ROVE_CHECK rove_status rove__drop_journal(rove *replica, rove__drop_outbox_report *report,
                                          rove_error *error);

/* ---- receipt.c ---- */

/*
 * Puts the receipt of the order that is in force (zeros where there is none) into the drop box, signed: that this came of it. With
 * `busy` taken, and credentials there. A headquarters that has no sealing key could not read it, and gets none. FULL, IO,
 * NOMEM, CRYPTO.
 */
ROVE_CHECK rove_status rove__drop_receipt(rove *replica, rove__order_kind kind,
                                          const rove__drop_outbox_report *sealed,
                                          rove_error *error);

#endif
