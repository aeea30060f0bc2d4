/*
 * store/store.h - the replica: one SQLite file with a typed STRICT table per entity, the rep's unsent work,
 * and what is needed to reconcile with headquarters. schema.h has the tables, outbox.h the entries.
 *
 * What the tables show is the overlay: headquarters' version with pending work laid over it. A row's _clock
 * is always headquarters' version's (for a row that headquarters has not seen: its insert's); the values
 * that pending work hides lie in the outbox entries (D1). Rows, outbox and cursor change in one transaction.
 *
 * Threads: a store may be used from any thread. One writer connection works under a mutex that is held for
 * one transaction, never across a network wait. A reader belongs to one thread. No call may be made from
 * inside a watch callback but on a reader.
 */
#ifndef ROVE_STORE_STORE_H
#define ROVE_STORE_STORE_H

#include "base/stamp.h"
#include "model/change.h"
#include "model/set.h"
#include "rove/sys/alloc.h"
#include "rove/sys/clock.h"
#include "rove/sys/crypto.h"
#include "rove/sys/files.h"
#include "rove/sys/keyring.h"
#include "rove/sys/log.h"
#include "rove/sys/random.h"
#include "vault/seal.h"
#include "wire/message.h"
#include "wire/sealed.h"

typedef struct rove__store rove__store;

/* Everything borrowed for the store's life. `log` may be NULL. */
typedef struct rove__store_ports {
    const rove_allocator *allocator;
    const rove_clock *clock;
    const rove_random *random;
    const rove_files *files;
    const rove_crypto *crypto;
    const rove_log *log;
    const char *vfs; /* name of an SQLite VFS; NULL: the default one */
    const rove_keyring *keyring; /* NULL, or without a secret: the replica is plain */
} rove__store_ports;

/*
 * Opens or creates the replica in `folder` (replica.db, core.key, lock). ROVE_BUSY if another process has it, READONLY,
 * CORRUPT, FULL, IO, UPGRADE (written by a newer build), NOMEM. WRONG_KEY: the keyring does not open it, or there is none.
 * NOT_ENCRYPTED: there is a keyring, and it is plain. The outbox is never touched by a failure.
 */
ROVE_CHECK rove_status rove__store_open(const rove__store_ports *ports, const char *folder,
                                        rove__store **out, rove_error *error);
void rove__store_close(rove__store *store);
/* It gains custom fields while an answer is applied; model/entity.h says how it is read meanwhile. */
const rove__registry *rove__store_registry(const rove__store *store);

/* ---- the lock (lock.c) -------------------------------------------------------------------------------- */

int rove__store_is_sealed(const rove__store *store); /* it has a keyring */
int rove__store_is_locked(const rove__store *store);
/*
 * Overwrites the keys and what was read with them, when the transaction under way has ended. From the call on, everything
 * that reads or writes is LOCKED. STATE: this thread has a transaction open, or the replica is plain.
 */
ROVE_CHECK rove_status rove__store_lock(rove__store *store, rove_error *error);
/* As opening says. OK if it is not locked. */
ROVE_CHECK rove_status rove__store_unlock(rove__store *store, rove_error *error);
/* Wraps its key under another secret (NULL: that of the keyring, as it is) and PIN (NULL: none). LOCKED, STATE, INVALID. */
ROVE_CHECK rove_status rove__store_wrap(rove__store *store, const uint8_t *secret, const char *pin,
                                        size_t pin_size, rove_error *error);

/* What seals its files; borrowed for the store's life. NULL: it is plain. */
rove__vault *rove__store_vault(rove__store *store);

/* rekey.c: another data key, under which everything is written anew. As tidying; may be killed: the next call goes on. */
ROVE_CHECK rove_status rove__store_rekey(rove__store *store, rove_error *error);

/* ---- the lease (lease.c) ------------------------------------------------------------------------------ */

/*
 * Before anything is read or written for the rep: LOCKED, with what to do, if the replica is locked or its lease is over.
 * What L2 asks to be written first it writes, and may wait for the writer's turn, but not in a transaction of this thread:
 * FULL, IO, as any commit. Whoever notices that the lease is over locks an encrypted replica.
 */
ROVE_CHECK rove_status rove__store_check(rove__store *store, rove_error *error);
/* Trusted Unix ms until which may be read, not after now_ms if it is over; 0: for ever. */
int64_t rove__store_lease_until(rove__store *store, int64_t now_ms);
/*
 * Around whatever talks to headquarters: meanwhile a replica that the end of its lease has locked is open, for the exchange and for
 * nobody else; afterwards it is locked again unless a lease was granted. LOCKED: the rep has locked it. What the keyring says.
 * STATE: this thread has a transaction open.
 */
ROVE_CHECK rove_status rove__store_contact(rove__store *store, rove_error *error);
void rove__store_contact_over(rove__store *store);
/* 1: headquarters ordered it to be locked. From now on it is as if its lease were over; 0: no longer. */
void rove__store_order(rove__store *store, int locked);

/* ---- wiping (wipe.c) ---------------------------------------------------------------------------------- */

/*
 * What it shows and holds in memory goes, when the transaction under way has ended: everything says WIPED from then on. The files are
 * rove__store_erase's. NOMEM: nothing has changed. STATE: this thread has a transaction open.
 */
ROVE_CHECK rove_status rove__store_discard(rove__store *store, rove_error *error);
int rove__store_is_wiped(const rove__store *store);
/* The files in `folder`: the key first, then the log, the database, and what lies beside them, this device's identity last. They may be there or not, and
 * it may be called again. What erasing a file says; the others go all the same. */
ROVE_CHECK rove_status rove__store_erase(const rove_allocator *allocator, const rove_files *files,
                                         const char *folder, rove_error *error);

/* ---- identity and state ------------------------------------------------------------------------------ */

/* Who this replica belongs to; set by enrolment, kept in the database. user 0: not enrolled. */
typedef struct rove__store_owner {
    rove_replica replica;
    rove_id user;
} rove__store_owner;
/* A first owner, or the same user with a new replica number (re-enrolment: unsent work keeps its stamps). */
ROVE_CHECK rove_status rove__store_set_owner(rove__store *store, const rove__store_owner *owner,
                                             rove_error *error);

typedef struct rove__store_state {
    rove__store_owner owner;
    rove__cursor cursor;
    int catching_up;          /* a longer answer is not complete yet (Q6) */
    int unverified;           /* no equal digest on this timeline yet (T1) */
    int64_t verified_ms;      /* trusted time of the last equal digest; 0: never */
    int64_t contact_ms;       /* trusted time of the last Welcome; 0: never */
    rove__anchor anchor;
    int64_t renew_after_ms;
    int64_t poll_ms;
    uint64_t pending_rows;    /* rows with work that has not been acknowledged */
    uint64_t unsent_entries;  /* of them not frozen yet */
    uint64_t batches_in_flight;
    uint64_t quarantined;
    uint64_t rejections;      /* open ones */
    uint64_t conflicts;       /* open ones */
    uint64_t in_review;       /* work that an operator has to look at */
    uint64_t returned;        /* work that one gave back */
    uint64_t former_batches;  /* of former numbers and users, that headquarters has not taken yet */
    uint64_t unknown_rows;    /* of entities that this build does not know */
    uint64_t rows;            /* headquarters' live rows held, quarantined and unknown included */
    uint64_t scopes;
    int remains;              /* rows that left may still lie in the files: rove__store_tidy */
    uint64_t differing;       /* scopes that differ from headquarters' though they were fetched again (G2) */
    uint64_t disk_bytes;      /* (page_count - freelist_count) * page_size */
} rove__store_state;
ROVE_CHECK rove_status rove__store_read_state(rove__store *store, rove__store_state *state,
                                              rove_error *error);
/* Trusted Unix ms now (rove__anchor_now_ms). */
int64_t rove__store_now_ms(rove__store *store, int *trusted);
/* The owner alone; waits for the writer. */
void rove__store_read_owner(rove__store *store, rove__store_owner *owner);
/* What the replica holds of headquarters' stream; waits for the writer. */
rove__cursor rove__store_read_cursor(rove__store *store);
/* What headquarters' last Welcome asked for; zeros before the first one. */
typedef struct rove__store_advice {
    int64_t poll_ms;
    int64_t renew_after_ms;
} rove__store_advice;
ROVE_CHECK rove_status rove__store_read_advice(rove__store *store, rove__store_advice *advice,
                                               rove_error *error);

/* Rows that answers of headquarters changed, and took off, since the replica was opened. */
typedef struct rove__store_tally {
    uint64_t applied;
    uint64_t removed; /* tombstones, marks and evictions */
} rove__store_tally;
void rove__store_read_tally(rove__store *store, rove__store_tally *tally);

/* ---- for the layers above: threads ------------------------------------------------------------------- */

/* 1 if this thread has a local transaction open. Never waits. */
int rove__store_in_transaction(rove__store *store);

/* A mutex; it nests. */
typedef struct rove__mutex rove__mutex;
ROVE_CHECK rove_status rove__mutex_new(const rove_allocator *allocator, rove__mutex **out);
void rove__mutex_free(rove__mutex *mutex);
void rove__mutex_enter(rove__mutex *mutex);
void rove__mutex_leave(rove__mutex *mutex);

/* ---- the rep's writes -------------------------------------------------------------------------------- */

/*
 * A local transaction: begin, writes, commit; takes the mutex in begin and gives it back in commit or rollback.
 * All rows of one local transaction reach headquarters together (D4). Every write is checked by rules.
 * A write that is refused, or fails before it has written anything, leaves the transaction usable without it. If the
 * device fails in the middle of a write (memory, disk), the transaction is lost: every later write and the
 * commit return that status, and the commit rolls back. At most ROVE_TRANSACTION_ROWS_MAX rows and
 * ROVE_TRANSACTION_BYTES_MAX bytes: ROVE_TOO_BIG. ROVE_NOT_ENROLLED before there is an owner. The thread that
 * began is the one that writes and commits.
 */
ROVE_CHECK rove_status rove__store_begin(rove__store *store, rove_error *error);
ROVE_CHECK rove_status rove__store_commit(rove__store *store, rove_error *error);
void rove__store_rollback(rove__store *store);

/* row->id 0: a fresh id is drawn and set. Cells absent are NULL; set cells in plain form; unknown fields are kept. */
ROVE_CHECK rove_status rove__store_insert(rove__store *store, rove__row *row, rove_error *error);
/* Writes the present cells that differ from what is shown; nothing to do is ROVE_OK. Rank: a lower value raises the epoch. Set
 * cells in plain form ("these elements"). NOT_FOUND. A counter cell sets the total by an increment.
 * UNKNOWN_FIELD for an unknown field with another value than it has. */
ROVE_CHECK rove_status rove__store_update(rove__store *store, const rove__row *row,
                                          rove_error *error);
ROVE_CHECK rove_status rove__store_increment(rove__store *store, const rove__entity *entity,
                                             rove_id id, size_t ordinal, int64_t delta,
                                             rove_error *error);
ROVE_CHECK rove_status rove__store_element(rove__store *store, const rove__entity *entity,
                                           rove_id id, size_t ordinal, const rove_value *element,
                                           rove__set_action action, rove_error *error);
ROVE_CHECK rove_status rove__store_delete(rove__store *store, const rove__entity *entity,
                                          rove_id id, rove_error *error);
/*
 * With which key (DER) sealed records are signed from now on, copied; size 0: with none, and they carry no proof.
 * INVALID: it is too long for one. LOCKED: it would stay in memory in clear. Never waits.
 */
ROVE_CHECK rove_status rove__store_set_signer(rove__store *store, rove__bytes key);
/* What is known without the replica's key, also while it is locked: the time with its evidence, and headquarters' sealing key as it
 * said last. Never waits. */
typedef struct rove__evidence_now {
    rove__anchor anchor;
    rove_clock_reading at;
    int has_seal_key;
    uint8_t seal_key[ROVE_SEAL_KEY_SIZE];
} rove__evidence_now;
void rove__store_evidence(rove__store *store, rove__evidence_now *read);
/* Writes the present cells and seals the record as it then stands; what signs it, is made here (wire/proof.h). */
ROVE_CHECK rove_status rove__store_seal(rove__store *store, const rove__row *row, rove_error *error);
/* Takes back this row's unsent (not frozen) work: headquarters' version shows again; an insert or a delete is
 * undone whole. Recorded in _discarded. NOT_FOUND if nothing is unsent; STATE if it is already in flight. */
ROVE_CHECK rove_status rove__store_undo(rove__store *store, const rove__entity *entity, rove_id id,
                                        rove_error *error);
/* Reads inside the open transaction: the row as shown; sets in plain form; borrowed from the arena. */
ROVE_CHECK rove_status rove__store_get(rove__store *store, const rove__entity *entity, rove_id id,
                                       rove__arena *arena, rove__row *row);

/* ---- reading ------------------------------------------------------------------------------------------ */

typedef struct rove__reader_connection rove__reader_connection;
/* A read-only connection for one thread; sees committed states only and never blocks the writer. */
ROVE_CHECK rove_status rove__reader_open(rove__store *store, rove__reader_connection **out,
                                         rove_error *error);
void rove__reader_close(rove__reader_connection *reader);
ROVE_CHECK rove_status rove__reader_get(rove__reader_connection *reader,
                                        const rove__entity *entity, rove_id id, rove__arena *arena,
                                        rove__row *row);

typedef struct rove__query rove__query;
/* One SELECT (or EXPLAIN, WITH) over the typed tables; everything else is ROVE_DENIED, by an authoriser. */
ROVE_CHECK rove_status rove__query_new(rove__reader_connection *reader, const char *sql,
                                       const rove_value *parameters, size_t count,
                                       rove__query **out, rove_error *error);
/* ROVE_OK: a row; ROVE_DONE: no more. */
ROVE_CHECK rove_status rove__query_step(rove__query *query, rove_error *error);
size_t rove__query_columns(const rove__query *query);
const char *rove__query_name(const rove__query *query, size_t column); /* borrowed */
rove_value rove__query_value(const rove__query *query, size_t column); /* borrowed until the next step */
void rove__query_free(rove__query *query);

/* After each commit, outside the mutex, on the committing thread: what changed. */
typedef struct rove__store_event {
    uint32_t entity;
    rove_id id; /* 0: many rows of this entity */
} rove__store_event;
typedef void (*rove__store_watcher)(void *ctx, const rove__store_event *events, size_t count);
void rove__store_watch(rove__store *store, rove__store_watcher watcher, void *ctx);

/* ---- what the rep can see and act on ------------------------------------------------------------------- */

/* Tries the quarantined rows again; *left counts those that stay. */
ROVE_CHECK rove_status rove__store_quarantine_retry(rove__store *store, uint64_t *left,
                                                    rove_error *error);
/* Puts a rejected write back as fresh pending work, with the cells of `fix` (may be NULL) instead. Work that an operator returned
 * goes by the id of its Review, which is above all other numbers. */
ROVE_CHECK rove_status rove__store_rejection_retry(rove__store *store, int64_t rejection,
                                                   const rove__row *fix, rove_error *error);
/* Drops a rejection for good: recorded. */
ROVE_CHECK rove_status rove__store_rejection_discard(rove__store *store, int64_t rejection,
                                                     rove_error *error);
/*
 * Takes what rows that left may have left behind out of the files; OK if there is nothing to do. Long: writers wait
 * meanwhile. BUSY: a reader keeps the log, the rest is done; call it again. STATE: this thread has a transaction open.
 */
ROVE_CHECK rove_status rove__store_tidy(rove__store *store, rove_error *error);
/* Recomputes every scope's digest from the rows; ROVE_CORRUPT with the scope if one differs; also runs
 * SQLite's integrity_check. */
ROVE_CHECK rove_status rove__store_verify(rove__store *store, uint64_t *rows, rove_error *error);

/* ---- reconciling (used by sync/device.c) --------------------------------------------------------------- */

/* Freezes all unsent work into numbered batches, groups whole, at most ROVE_BATCH_BYTES_MAX each (D4), durable. */
ROVE_CHECK rove_status rove__store_freeze(rove__store *store, rove_error *error);
/* Fills in what the replica knows of Hello: replica, cursor, token, acked, chain, pending, unverified, total.
 * Bytes from the arena. */
ROVE_CHECK rove_status rove__store_hello(rove__store *store, rove__arena *arena,
                                         rove__hello *hello, rove_error *error);
/* The frame after (number, ordinal); start with (0, 0) and first = 1. ROVE_DONE when there is none. *sealed 1: it was
 * acknowledged once, and `rows` is a record that headquarters opens (wire/sealed.h). */
ROVE_CHECK rove_status rove__store_push_next(rove__store *store, int first, uint64_t number,
                                             uint32_t ordinal, rove__arena *arena,
                                             rove__push *push, int *sealed, rove_error *error);
ROVE_CHECK rove_status rove__store_welcome(rove__store *store, const rove__welcome *welcome,
                                           rove_error *error);
/* What one transaction of an answer applies: acks, then at most one page. ROVE_FORK: nothing was applied. */
ROVE_CHECK rove_status rove__store_apply(rove__store *store, const rove__ack *acks, size_t ack_count,
                                         const rove__page *page, rove_error *error);
ROVE_CHECK rove_status rove__store_renumber(rove__store *store, const rove__renumber *renumber,
                                            rove_error *error);
/*
 * The answer has ended, headquarters has asked for nothing again and there is nothing more to come: what it says is backed
 * up need not be kept any longer (D9).
 */
ROVE_CHECK rove_status rove__store_settled(rove__store *store, rove_error *error);
/*
 * The replica passes to another user of the same headquarters (D11): all that the present one did is sealed with `sealer`, to
 * `seal_key` where that is not NULL, and kept for headquarters; all else of his leaves, for good once rove__store_tidy has been through. All or nothing.
 * STATE: headquarters has no sealing key.
 */
typedef struct rove__hand_over {
    rove__store_owner owner;
    const rove__sealer *sealer;
    const uint8_t *seal_key;
} rove__hand_over;
ROVE_CHECK rove_status rove__store_hand_over(rove__store *store, const rove__hand_over *to,
                                             rove_error *error);
/* Seals acknowledged batches that are not yet (D9), a transaction each. A failure is logged; the next call goes on. */
void rove__store_journal(rove__store *store, const rove__sealer *sealer);
/* ---- unsent.c: what headquarters does not have, sealed, for the drop box (client/drop.h) ---- */

/* Puts all that waits, and what headquarters refused, into numbered batches, as a sync or a hand-over would. */
ROVE_CHECK rove_status rove__store_unsent_freeze(rove__store *store, rove_error *error);
/* A batch of it. */
typedef struct rove__unsent {
    int64_t position; /* of the last one; INT64_MIN before the first. Former numbers come first, and stand below 0 */
    int found;        /* 0: there is no further one */
    rove_replica replica;
    uint64_t number;
    uint64_t changes; /* 0 if it was sealed before: nobody here can count them */
} rove__unsent;
/* The one after unsent->position: { size:u32 record }* are appended to `records`. Nothing changes in the replica: it may be sent as
 * ever. STATE: headquarters has no sealing key. */
ROVE_CHECK rove_status rove__store_unsent_next(rove__store *store, const rove__sealer *sealer,
                                               rove__unsent *unsent, rove__buf *records,
                                               rove_error *error);
/* The same of what it has and may lack after a restore (D9), as far as it is sealed: rove__store_journal. */
ROVE_CHECK rove_status rove__store_journal_next(rove__store *store, const rove__sealer *sealer,
                                                rove__unsent *unsent, rove__buf *records,
                                                rove_error *error);
/* Up to which seq it has a backup; 0: it makes none, or none is known of; below 0: it may lack anything. */
ROVE_CHECK rove_status rove__store_journal_safe(rove__store *store, int64_t *safe,
                                                rove_error *error);

/* ---- former.c ---- */

/*
 * Batches of former numbers (P3, D11), if headquarters is to be told of them: some of those after *position (INT64_MIN: from
 * the first), hashed, which moves on; none: that was all.
 */
ROVE_CHECK rove_status rove__store_formers(rove__store *store, int64_t *position,
                                           rove__arena *arena, rove__formers *list,
                                           rove_error *error);
/* The next record of those to be sent, and where it stands; start with {INT64_MIN, -1}. Empty: no more. */
typedef struct rove__former_position {
    int64_t batch, ordinal;
} rove__former_position;
ROVE_CHECK rove_status rove__store_former_next(rove__store *store, rove__former_position *position,
                                               rove__arena *arena, rove__bytes *record,
                                               rove_error *error);
/* Headquarters asks for these; for none: it wants to be told which there are. */
ROVE_CHECK rove_status rove__store_need_former(rove__store *store, const rove__formers *list,
                                               rove_error *error);
/* Headquarters has taken these. */
ROVE_CHECK rove_status rove__store_former_ack(rove__store *store, const rove__formers *list,
                                              rove_error *error);
/* Headquarters asks for batches from `number` again (T3). ROVE_NOT_FOUND if they are no longer kept. */
ROVE_CHECK rove_status rove__store_need(rove__store *store, uint64_t number, rove_error *error);
/* Remembers that headquarters lacks these rows; the next exchange carries them (P15). */
ROVE_CHECK rove_status rove__store_need_row(rove__store *store, const rove__need_row *need,
                                            rove_error *error);
/*
 * Rows asked for, as headquarters had them, as an encoded batch, borrowed from the arena: as many as it holds, the rest with
 * the next call. One without a row if none of them is here; empty (size 0) when nothing is asked for any more.
 */
ROVE_CHECK rove_status rove__store_needed_rows(rove__store *store, rove__arena *arena,
                                               rove__bytes *rows, rove_error *error);
/* What headquarters says of the digests that were sent: what follows, and what differs again too soon (G2). */
ROVE_CHECK rove_status rove__store_differ(rove__store *store, const rove__differ *differ,
                                          rove_error *error);
/* The end of an answer. */
typedef enum rove__comparison {
    ROVE_NOT_COMPARED, /* headquarters has more to send */
    ROVE_EQUAL,
    ROVE_DIFFERENT /* send digests next */
} rove__comparison;
ROVE_CHECK rove_status rove__store_end(rove__store *store, const rove__end *end,
                                       rove__comparison *result, rove_error *error);
/* Scopes with so many rows are compared by bucket too (G2). */
#define ROVE_BUCKETED_ROWS 4096
/*
 * The digests of all scopes, ascending, counted anew from the rows; the buckets of large ones; and what was fetched of
 * late. Arrays from the arena.
 */
ROVE_CHECK rove_status rove__store_digests(rove__store *store, rove__arena *arena,
                                           rove__digest_list *list, rove_error *error);

#endif
