/*
 * sync/headquarters.h - the narrow interface behind which headquarters keeps its data: what judging a push
 * and answering a pull need, and no more. server-stub/store/<kind> implements it; tests/conformance checks
 * that every implementation means the same.
 *
 * Words: a seq is a position in headquarters' one stream; the head is the last one, gapless. A write transaction has
 * the head from its first statement to its end: `begin` waits until no other one is open, in whichever process (SQLite: BEGIN
 * IMMEDIATE; a database of several servers: the head's row lock). Under it rows are read and written in ascending (entity,
 * id), and the head is put last, so seq order is commit order, and writers never wait for each other in a ring (P16). A
 * read transaction is one snapshot: feed, rows, grants and head of it belong together (Q1).
 *
 * Every function: `tx` is the implementer's; ROVE_OK, ROVE_NOT_FOUND where said, ROVE_LATER when the
 * transaction has to be tried again (serialisation failure, deadlock), ROVE_IO, FULL, CORRUPT, NOMEM. Results
 * are borrowed from the arena given; a scan resets its arena for each, so that what it gives lasts for the
 * callback. Callbacks return a status; other than ROVE_OK ends the scan with it (ROVE_DONE ends it with ROVE_OK).
 * A callback may read in the same transaction, also by the same scan with another arena, but not write. A failed
 * call may have doomed the transaction (a full disk): then everything further is refused with that status, and
 * only rollback is left. A transaction is used by one thread at a time.
 */
#ifndef ROVE_SYNC_HEADQUARTERS_H
#define ROVE_SYNC_HEADQUARTERS_H

#include "model/change.h"
#include "model/digest.h"
#include "wire/message.h"

typedef struct rove__hq_tx rove__hq_tx; /* the implementer's */

typedef enum rove__hq_mode { ROVE_HQ_READ, ROVE_HQ_WRITE } rove__hq_mode;

/* The one head row. */
typedef struct rove__hq_head {
    uint64_t timeline;
    uint64_t seq;
    rove_stamp stamp;      /* headquarters' hybrid clock; never runs back (P7) */
    rove_replica replica;  /* headquarters' own number on this timeline (T2) */
    uint32_t counter;      /* of the last id it drew */
    uint8_t digest_key[ROVE_HASH_KEY_SIZE]; /* of the organisation; fixed at init */
    uint64_t safe;         /* seq covered by the last backup (D9) */
    uint64_t assigned;     /* seq of the last change of any grant or entailment; kept by sync/writer.h */
    uint64_t purged;       /* up to this seq what happened has been forgotten, but for its results (Q8) */
} rove__hq_head;

typedef struct rove__hq_timeline {
    uint64_t timeline;
    uint64_t parent;       /* 0: the first */
    uint64_t parted;       /* the head at which it began */
} rove__hq_timeline;

/* One committed transaction. */
typedef struct rove__hq_commit {
    uint64_t seq;
    rove_stamp stamp;        /* of the head when it passed seq: P7's lower bounds */
    rove_replica replica;    /* device, or headquarters */
    rove_id user;            /* whose device; 0: an operator */
    const char *operator_name; /* "" for a device */
    const char *act;         /* "push", "set", "import", "assign" ... */
} rove__hq_commit;

typedef enum rove__device_status { ROVE_DEVICE_ACTIVE = 1, ROVE_DEVICE_REVOKED = 2, ROVE_DEVICE_REPLACED = 3 } rove__device_status;

typedef struct rove__hq_device {
    rove_replica replica;
    rove_id user;
    rove__device_status status;
    rove_replica former;        /* the number that it had before it was found to be a copy (P3); 0: none */
    uint64_t last_batch;        /* judged */
    rove__chain chain;          /* after it */
    uint64_t confirmed;         /* acknowledged and seen in a later Hello (P1) */
    rove_stamp last_stamp;      /* largest canonical stamp given to this device (P7) */
    int64_t enrolled_ms;
    int64_t certificate_until_ms;
    uint8_t key_hash[ROVE_SHA256_SIZE]; /* of the certificate's SubjectPublicKeyInfo */
    int64_t contact_ms;         /* last exchange */
    int64_t wall_offset_ms;     /* device's wall clock minus ours at it */
    uint64_t cursor;            /* at it */
    uint32_t schema;            /* that it speaks */
    int64_t asked;              /* parked edits up to this number were asked of it (P15) */
    uint32_t unheard;           /* so often in a row it was asked, and has not answered with ROW */
    char app[ROVE_TEXT_MAX];
} rove__hq_device;

typedef struct rove__hq_batch {
    rove_replica replica;
    uint64_t number;
    rove__chain hash;
    rove__chain chain;          /* after it */
    uint64_t seq;               /* at which it was committed; 0: it changed nothing */
    rove__bytes answer;         /* the Ack's payload without rows, until confirmed; then empty */
    rove__bytes rows;           /* (entity:varint id:varint)* of every row it names, until confirmed */
} rove__hq_batch;

/* A row with everything that headquarters knows of it. */
typedef struct rove__hq_row {
    rove__row row;              /* sets versioned, counters total */
    rove__clock clock;          /* with seqs */
    rove__scope scope;
    uint64_t whole_since;       /* Q2 */
    uint64_t dead;              /* seq of its deletion; 0: live */
    rove_id author;             /* user who made it, 0: headquarters (P14) */
    uint32_t review;            /* marked for review so many times (P12) */
} rove__hq_row;

typedef struct rove__hq_mark {
    uint32_t entity;
    rove_id id;
    rove__scope scope;          /* that it left */
    uint64_t seq;
} rove__hq_mark;

/* [from, to) in seqs; to = ROVE_SEQ_OPEN while it lasts. */
#define ROVE_SEQ_OPEN 0x7fffffffffffffffu
#define ROVE_PART_FIRST 0
#define ROVE_PART_LAST 999999
typedef struct rove__hq_grant {
    rove_id user;
    rove_id root;
    int32_t part_from, part_to; /* inclusive; part 0 is always in */
    uint64_t from, to;
    int author;                 /* made because the user created the record (P14); ends when a role entails it */
} rove__hq_grant;

/* root `holder` held entails `entailed` held, by the role row `via`. */
typedef struct rove__hq_entailment {
    rove_id holder;
    rove_id entailed;
    rove_id via;
    uint64_t from, to;
} rove__hq_entailment;

/* One packed row per record and transaction. */
typedef struct rove__hq_history {
    uint64_t seq;
    uint32_t entity;
    rove_id id;
    rove_replica replica;       /* whose raw stamps */
    rove_id user;
    rove__bytes change;         /* one encoded batch with the change as judged (INSERT, UPDATE, DELETE, SEAL) */
} rove__hq_history;

typedef struct rove__hq_review {
    int64_t number;             /* given on put */
    uint64_t seq;
    uint32_t entity;
    rove_id id;
    rove_replica replica;
    rove_id user;
    const char *reason;
    int state;                  /* 0 open, 1 accepted, 2 returned */
    rove__bytes change;         /* one encoded batch, data intact */
} rove__hq_review;

/* An edit of a row that headquarters lacks (P15). */
typedef struct rove__hq_parked {
    int64_t number;             /* given on put; first in first out */
    rove__origin origin;        /* of the record */
    rove_replica replica;
    rove_id user;
    rove_stamp stamp;           /* canonical stamp drawn when it came */
    rove__bytes change;
} rove__hq_parked;

/* So much of one user's work waits at once (P15), however many devices it comes from; what is past it goes to review. */
#define ROVE_PARKED_MAX       1024u
#define ROVE_PARKED_BYTES_MAX ((uint64_t)4 * 1024 * 1024)

/* How much of what lies behind a horizon was forgotten, or would be. */
typedef struct rove__hq_purge {
    uint64_t feed, marks, grants, entailments;
    uint64_t tombstones;
} rove__hq_purge;

typedef struct rove__hq_store {
    rove_status (*begin)(void *ctx, rove__hq_mode mode, rove__hq_tx **tx, rove_error *error);
    rove_status (*commit)(rove__hq_tx *tx, rove_error *error); /* durable; tx is gone either way */
    void (*rollback)(rove__hq_tx *tx);
    /* One level, for group commit: a failed batch is undone without the others. */
    rove_status (*savepoint)(rove__hq_tx *tx, rove_error *error);
    rove_status (*release)(rove__hq_tx *tx, int keep, rove_error *error);

    rove_status (*head_get)(rove__hq_tx *tx, rove__hq_head *head); /* zeros before the first put */
    rove_status (*head_put)(rove__hq_tx *tx, const rove__hq_head *head);
    rove_status (*timeline_put)(rove__hq_tx *tx, const rove__hq_timeline *timeline);
    rove_status (*timeline_get)(rove__hq_tx *tx, uint64_t timeline, rove__hq_timeline *out); /* NOT_FOUND */
    rove_status (*commit_put)(rove__hq_tx *tx, const rove__hq_commit *commit);
    /* The stamp at which the head passed seq; of the newest commit <= seq; 0 before the first. */
    rove_status (*commit_stamp)(rove__hq_tx *tx, uint64_t seq, rove_stamp *stamp);

    /* lock: the row is this transaction's until its end. NOT_FOUND. */
    rove_status (*device_get)(rove__hq_tx *tx, rove_replica replica, int lock, rove__hq_device *out);
    rove_status (*device_put)(rove__hq_tx *tx, const rove__hq_device *device);
    rove_status (*device_scan)(rove__hq_tx *tx, rove_id user, /* 0: all */
                               rove_status (*each)(void *, const rove__hq_device *), void *each_ctx);
    rove_status (*batch_get)(rove__hq_tx *tx, rove_replica replica, uint64_t number,
                             rove__arena *arena, rove__hq_batch *out); /* NOT_FOUND */
    /* Inserts or replaces. */
    rove_status (*batch_put)(rove__hq_tx *tx, const rove__hq_batch *batch);
    /* Forgets answers and row lists up to a number; hashes and chains stay. */
    rove_status (*batch_confirm)(rove__hq_tx *tx, rove_replica replica, uint64_t number);
    /*
     * Batches that came outside of their device's chain (P3), by their hash. get: OK or NOT_FOUND; hash NULL: any of them.
     * put: once, however often.
     */
    rove_status (*stray_get)(rove__hq_tx *tx, rove_replica replica, const rove__chain *hash);
    rove_status (*stray_put)(rove__hq_tx *tx, rove_replica replica, const rove__chain *hash);

    /* Live or dead, with a cell for each field. lock as above. present: the cells that are not NULL. NOT_FOUND. */
    rove_status (*row_get)(rove__hq_tx *tx, uint32_t entity, rove_id id, int lock,
                           rove__arena *arena, rove__hq_row *out);
    /*
     * Inserts or replaces; dead: kept apart. Absent cells are NULL. EXISTS, and nothing is written: the origin is
     * another record's ({0,0}: none is kept), or its external_id is another live row's of the entity.
     */
    rove_status (*row_put)(rove__hq_tx *tx, const rove__hq_row *row);
    rove_status (*row_by_origin)(rove__hq_tx *tx, rove__origin origin, uint32_t *entity, rove_id *id);
    /* Live rows of a scope (part -1: all its parts) after (entity, id), ascending by (entity, id). */
    rove_status (*row_scan)(rove__hq_tx *tx, rove__scope scope, uint32_t after_entity,
                            rove_id after_id, rove__arena *arena, /* reset for each row */
                            rove_status (*each)(void *, const rove__hq_row *), void *each_ctx);
    /* Which rows row_scan would show from the beginning, in any order. */
    rove_status (*row_ids)(rove__hq_tx *tx, rove__scope scope,
                           rove_status (*each)(void *, uint32_t entity, rove_id id), void *each_ctx);
    /* Ids of live rows of one entity whose integer column, or set of references, holds `target`, ascending. */
    rove_status (*row_referring)(rove__hq_tx *tx, uint32_t entity, size_t ordinal, rove_id target,
                                 rove_status (*each)(void *, rove_id id), void *each_ctx);

    /*
     * A name that headquarters gave (P4): a record that came as `id` is `to` here. Kept once, however often it is put, and for good,
     * whatever becomes of the record: what was signed about it names it as it was. id 0: as what it
     * came is not known, because headquarters was restored since, or there are too many.
     */
    rove_status (*renamed_put)(rove__hq_tx *tx, const rove__rename *renamed);
    /* All names of the records that have `to`, or had it: given to one origin, whichever of them is asked for. By origin, to, id. */
    rove_status (*renamed_scan)(rove__hq_tx *tx, uint32_t entity, rove_id to,
                                rove_status (*each)(void *, const rove__rename *), void *each_ctx);
    /* Those of one record, by entity, to, id. */
    rove_status (*renamed_of)(rove__hq_tx *tx, rove__origin origin,
                              rove_status (*each)(void *, const rove__rename *), void *each_ctx);

    rove_status (*feed_put)(rove__hq_tx *tx, uint64_t seq, uint32_t ordinal, uint32_t entity, rove_id id);
    /* (after_seq, after_ordinal) exclusive .. last_seq inclusive, ascending. */
    rove_status (*feed_scan)(rove__hq_tx *tx, uint64_t after_seq, uint32_t after_ordinal,
                             uint64_t last_seq,
                             rove_status (*each)(void *, uint64_t seq, uint32_t ordinal,
                                                 uint32_t entity, rove_id id), void *each_ctx);
    rove_status (*mark_put)(rove__hq_tx *tx, const rove__hq_mark *mark); /* once, however often it is put */
    rove_status (*mark_scan)(rove__hq_tx *tx, uint64_t after_seq, uint64_t last_seq,
                             rove_status (*each)(void *, const rove__hq_mark *), void *each_ctx);
    /* The marks that one row left, ascending by seq: where it was when. */
    rove_status (*mark_of_row)(rove__hq_tx *tx, uint32_t entity, rove_id id,
                               rove_status (*each)(void *, const rove__hq_mark *), void *each_ctx);

    rove_status (*grant_put)(rove__hq_tx *tx, const rove__hq_grant *grant); /* key: user, root, from */
    rove_status (*grant_scan)(rove__hq_tx *tx, rove_id user, /* 0: of any user */
                              rove_id root,                  /* 0: all */
                              rove_status (*each)(void *, const rove__hq_grant *), void *each_ctx);
    rove_status (*entailment_put)(rove__hq_tx *tx, const rove__hq_entailment *e); /* key: via, holder, entailed, from */
    /* By holder, by entailed, or (both 0) all. */
    rove_status (*entailment_scan)(rove__hq_tx *tx, rove_id holder, rove_id entailed,
                                   rove_status (*each)(void *, const rove__hq_entailment *), void *each_ctx);

    /* Scans of grants ascend by (user, root, from), of entailments by (holder, entailed, via, from). */

    rove_status (*history_put)(rove__hq_tx *tx, const rove__hq_history *history); /* scanned by seq, then as put */
    /* seq 0: of all transactions */
    rove_status (*history_scan)(rove__hq_tx *tx, uint32_t entity, rove_id id, uint64_t seq, rove__arena *arena,
                                rove_status (*each)(void *, const rove__hq_history *), void *each_ctx);
    rove_status (*review_put)(rove__hq_tx *tx, rove__hq_review *review); /* number 0: a new one; scanned by it */
    rove_status (*review_scan)(rove__hq_tx *tx, int state, rove__arena *arena,
                               rove_status (*each)(void *, const rove__hq_review *), void *each_ctx);
    /* How many entries of a user's (0: of anybody's) are open. It costs what they are, whatever else there is. */
    rove_status (*review_load)(rove__hq_tx *tx, rove_id user, uint64_t *open);
    rove_status (*parked_put)(rove__hq_tx *tx, rove__hq_parked *parked);
    /* What waits for one record, ascending by number. */
    rove_status (*parked_scan)(rove__hq_tx *tx, rove__origin origin, rove__arena *arena,
                               rove_status (*each)(void *, const rove__hq_parked *), void *each_ctx);
    rove_status (*parked_drop)(rove__hq_tx *tx, rove__origin origin);
    /* What waits after a number, ascending, whatever it waits for. */
    rove_status (*parked_origins)(rove__hq_tx *tx, int64_t after,
                                  rove_status (*each)(void *, int64_t number, rove__origin origin),
                                  void *each_ctx);
    /* How much of a user's (0: of anybody's) waits. */
    rove_status (*parked_load)(rove__hq_tx *tx, rove_id user, uint64_t *edits, uint64_t *bytes);

    /* The digest of a scope's live rows, kept with each write. Absent: zeros. */
    rove_status (*sum_get)(rove__hq_tx *tx, rove__scope scope, rove__hash128 *sum, int64_t *rows);
    rove_status (*sum_put)(rove__hq_tx *tx, rove__scope scope, rove__hash128 sum, int64_t rows);
    /* Of the scopes of a root that have rows. */
    rove_status (*sum_scan)(rove__hq_tx *tx, rove_id root,
                            rove_status (*each)(void *, rove__scope, rove__hash128, int64_t),
                            void *each_ctx);

    /*
     * Q8: forgets what is of a seq up to `horizon`: feed, marks, grants and entailments that ended by then, and of rows
     * that were dead by then all but id and origin: row_get does not find them, row_by_origin and row_purged do. At
     * most about `most` things in one call, so that it is called until nothing is left; most 0: only counts them.
     * Adds to `counts`.
     */
    rove_status (*purge)(rove__hq_tx *tx, uint64_t horizon, uint64_t most, rove__hq_purge *counts);
    /* OK: a row had this id, and is dead and purged. NOT_FOUND. A row_put of its origin under this id brings it back. */
    rove_status (*row_purged)(rove__hq_tx *tx, uint32_t entity, rove_id id);

    int lags;  /* 1: a copy that may be behind what was committed: a cursor beyond its head is LATER (Q8) */
    void *ctx;
} rove__hq_store;

#endif
