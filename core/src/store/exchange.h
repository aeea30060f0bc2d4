/*
 * store/exchange.h - what the files of reconciling share: statements of their own, a record with all its
 * pending work, and the state of one answer while it is applied.
 *
 * All of it is used with the mutex held and, where it writes, inside a transaction.
 */
#ifndef ROVE_STORE_EXCHANGE_H
#define ROVE_STORE_EXCHANGE_H

#include "model/digest.h"
#include "store/internal.h"
#include "wire/batch.h"

/* ---- statements ---- */

typedef enum rove__exchange_sql {
    ROVE_EXCHANGE_OUTBOX_UNSENT,   /* how many are not frozen */
    ROVE_EXCHANGE_OUTBOX_UNFROZEN, /* seq, first_tx, last_tx, entity, row; ascending by first_tx */
    ROVE_EXCHANGE_OUTBOX_BATCH,    /* seq of batch (1), ascending */
    ROVE_EXCHANGE_OUTBOX_ROWS,     /* entity, row, each once */
    ROVE_EXCHANGE_OUTBOX_SHIFT,    /* batch less (1), of those above it and not parked */
    ROVE_EXCHANGE_DELETED_ANY,
    ROVE_EXCHANGE_DELETED_ALL,   /* entity, row */
    ROVE_EXCHANGE_BATCH_PUT,     /* number, state, schema, frames, hash, chain, seq */
    ROVE_EXCHANGE_BATCH_GET,     /* state, hash, chain, seq, schema, frames of number */
    ROVE_EXCHANGE_BATCH_OLDEST,  /* number in flight, the lowest */
    ROVE_EXCHANGE_BATCH_FLIGHT,  /* count and highest number in flight */
    ROVE_EXCHANGE_BATCH_NUMBERS, /* numbers in flight above (1), ascending */
    ROVE_EXCHANGE_BATCH_ACKED,   /* state 1, chain, seq of number */
    ROVE_EXCHANGE_BATCH_CHAINED, /* chain (2) of number (1) */
    ROVE_EXCHANGE_BATCH_DROP,
    ROVE_EXCHANGE_BATCH_AGAIN, /* state 0 from number (1) to (2) */
    ROVE_EXCHANGE_BATCH_KEPT,  /* how many with frames from number (1) to (2) */
    ROVE_EXCHANGE_BATCH_SIZES, /* number, seq, bytes, when sealed, of those acknowledged, newest first */
    ROVE_EXCHANGE_BATCH_FORGET, /* acknowledged, and no frame needs its chain; (1): the last acknowledged */
    ROVE_EXCHANGE_BATCH_PLAIN,   /* number of one acknowledged and not sealed, after (1) */
    ROVE_EXCHANGE_FORMER_COUNT,  /* sealed batches of former numbers */
    ROVE_EXCHANGE_FORMER_LIST,   /* number, hash of those after (1), at most (2) */
    ROVE_EXCHANGE_FORMER_NEXT,   /* number, ordinal, record after (1, 2) of those to be sent */
    ROVE_EXCHANGE_FORMER_STATE,  /* state (2) and seq (3; 0: as it is) of number (1) */
    ROVE_EXCHANGE_FORMER_REST,   /* those that were sent and not taken */
    ROVE_EXCHANGE_FORMER_FORGET, /* of former numbers: no frame, nor one that needs its chain */
    ROVE_EXCHANGE_BATCH_UNSENT, /* the next number after (1) of one that headquarters does not have */
    ROVE_EXCHANGE_BATCH_JOURNAL, /* the next number after (1) of one that it has, and that is kept sealed */
    ROVE_EXCHANGE_BATCH_SHIFT, /* number less (1), of those above it */
    ROVE_EXCHANGE_BATCH_RETIRE, /* number less (1), state 2 or, in flight, 3, of those from 1 to (2) */
    ROVE_EXCHANGE_FRAME_PUT,    /* batch, ordinal, rows */
    ROVE_EXCHANGE_FRAME_NEXT, /* batch, ordinal, rows, frames, schema after (1, 2), up to batch (3) */
    ROVE_EXCHANGE_FRAME_OF,   /* ordinal, rows of a batch */
    ROVE_EXCHANGE_FRAME_AT,   /* rows of batch (1) at ordinal (2) */
    ROVE_EXCHANGE_FRAME_MOVE,    /* batch (2) in place of (1) */
    ROVE_EXCHANGE_FRAME_BATCH,   /* the next batch after (1) that has any */
    ROVE_EXCHANGE_FRAME_DROP,    /* of a batch */
    ROVE_EXCHANGE_FRAME_SHIFT,   /* batch less (1), of those above it */
    ROVE_EXCHANGE_FRAME_RETIRE,  /* batch less (1), of those from 1 to (2) */
    ROVE_EXCHANGE_SEALED_PUT,    /* batch, ordinal, at (0: the time is not trusted), record */
    ROVE_EXCHANGE_SEALED_DATE,   /* at (1), of those without one */
    ROVE_EXCHANGE_SEALED_NEXT,   /* as FRAME_NEXT, with the record */
    ROVE_EXCHANGE_SEALED_OF,     /* record of a batch, ascending by ordinal */
    ROVE_EXCHANGE_SEALED_DROP,   /* of a batch */
    ROVE_EXCHANGE_SEALED_RETIRE, /* batch less (1), of those from 1 to (2) */
    ROVE_EXCHANGE_SCOPE_PARTS,   /* part, rows of a root */
    ROVE_EXCHANGE_SCOPE_ROOTS,
    ROVE_EXCHANGE_SCOPE_ANY,
    ROVE_EXCHANGE_SCOPE_LARGE, /* root, part with (1) rows or more; the (2) largest */
    ROVE_EXCHANGE_SCOPE_WRONG, /* root, part where rows or sum are not zero */
    ROVE_EXCHANGE_SCOPE_CLEAR,
    ROVE_EXCHANGE_TRANSFER_ALL, /* root, part, fresh, buckets */
    ROVE_EXCHANGE_TRANSFER_PUT,
    ROVE_EXCHANGE_TRANSFER_DROP,
    ROVE_EXCHANGE_TRANSFER_CLEAR,
    ROVE_EXCHANGE_NAMED_PUT,
    ROVE_EXCHANGE_NAMED_GET,
    ROVE_EXCHANGE_NAMED_DROP, /* of a transfer */
    ROVE_EXCHANGE_NAMED_CLEAR,
    ROVE_EXCHANGE_REPAIR_PUT,    /* root, part, bucket (-1: all) were fetched at (4) */
    ROVE_EXCHANGE_REPAIR_AGAIN,  /* they differ all the same */
    ROVE_EXCHANGE_REPAIR_EQUAL,  /* nothing differs any more */
    ROVE_EXCHANGE_REPAIR_ANEW,   /* nothing was fetched of late */
    ROVE_EXCHANGE_REPAIR_FORGET, /* what was not fetched after (1) up to (2) */
    ROVE_EXCHANGE_REPAIR_SINCE,  /* root, part, bucket of what was; ascending */
    ROVE_EXCHANGE_QUARANTINE_ANY,
    ROVE_EXCHANGE_QUARANTINE_GET, /* seq, root, part, change, term of (entity, row) */
    ROVE_EXCHANGE_QUARANTINE_PUT,
    ROVE_EXCHANGE_QUARANTINE_DROP, /* by seq */
    ROVE_EXCHANGE_QUARANTINE_ALL,  /* seq, 0, root, part, change, term */
    ROVE_EXCHANGE_QUARANTINE_TERM, /* term (2) by seq (1) */
    ROVE_EXCHANGE_QUARANTINE_NEXT, /* seq, entity, row after seq (1) */
    ROVE_EXCHANGE_QUARANTINE_LAST,
    ROVE_EXCHANGE_QUARANTINE_COUNT,
    ROVE_EXCHANGE_QUARANTINE_ROOT,       /* entity, row, part of root */
    ROVE_EXCHANGE_QUARANTINE_PARTS_DROP, /* all that are not counted */
    ROVE_EXCHANGE_UNKNOWN_ANY,
    ROVE_EXCHANGE_UNKNOWN_GET, /* root, part, change, term */
    ROVE_EXCHANGE_UNKNOWN_PUT,
    ROVE_EXCHANGE_UNKNOWN_DROP,
    ROVE_EXCHANGE_UNKNOWN_ALL,  /* entity, row, root, part, change, term */
    ROVE_EXCHANGE_UNKNOWN_TERM, /* term (3) of (entity, row) */
    ROVE_EXCHANGE_UNKNOWN_NEXT, /* entity, row after (1, 2) */
    ROVE_EXCHANGE_UNKNOWN_ROOT, /* entity, row, part of root */
    ROVE_EXCHANGE_REJECTION_PUT,
    ROVE_EXCHANGE_REJECTION_GET, /* change by seq */
    ROVE_EXCHANGE_RETURNED_GET,  /* change by id: of a Review, whose table the registry makes */
    ROVE_EXCHANGE_REJECTION_ALL, /* change, in the order in which they came */
    ROVE_EXCHANGE_REJECTION_DROP,
    ROVE_EXCHANGE_REJECTION_CLEAR,
    ROVE_EXCHANGE_REJECTION_INSERTS, /* entity, row of rejected inserts */
    ROVE_EXCHANGE_REJECTION_INSERT, /* change: rejected inserts of (entity or ROVE_TARGET_ROOT, row) */
    ROVE_EXCHANGE_RENAMED_PUT,      /* entity, row, origin (3, 4), became */
    ROVE_EXCHANGE_RENAMED_FOLLOW, /* what became row (2) of entity became 3 */
    ROVE_EXCHANGE_RENAMED_GET,    /* 1 of entity, row, origin (3, 4) */
    ROVE_EXCHANGE_RENAMED_ALL,    /* entity, row, stamp, replica, became */
    ROVE_EXCHANGE_NEEDED_PUT,
    ROVE_EXCHANGE_NEEDED_ALL,
    ROVE_EXCHANGE_NEEDED_DROP,
    ROVE_EXCHANGE_NEEDED_CLEAR,
    ROVE_EXCHANGE_TABLE_ALL, /* name, of all but _meta and what is kept under former numbers */
    ROVE_EXCHANGE_SQL_COUNT
} rove__exchange_sql;

/* Statements made from the model, per entity. */
typedef enum rove__extent_sql {
    ROVE_EXTENT_ROOT, /* id, part column: rows of a root (1; NULL: the organisation) without pending work */
    ROVE_EXTENT_MONTH, /* the same, from (2) to before (3); only where a row has a part */
    ROVE_EXTENT_ALL,   /* id, _clock, _pending of every row */
    ROVE_EXTENT_RAW,   /* id, _unknown where it is not NULL */
    ROVE_EXTENT_COUNT
} rove__extent_sql;

/* One row that an answer spoke of, and one scope that is sent whole. */
typedef struct rove__named {
    rove_id id;
    uint32_t entity;
    uint32_t transfer; /* its position + 1; 0: its scope is not sent whole */
    uint32_t batch;    /* which batch of the transaction named it last */
} rove__named;
typedef struct rove__transfer {
    rove__scope scope;
    uint64_t buckets; /* of it; 0: all */
    int fresh;        /* nothing was held of it before */
    int stored;       /* it is in _transfer: began in an earlier transaction */
    int begun;        /* it began, perhaps again, in this one */
    int done;
} rove__transfer;

typedef struct rove__exchange {
    sqlite3_stmt *statements[ROVE_EXCHANGE_SQL_COUNT];
    sqlite3_stmt *(*extents)[ROVE_EXTENT_COUNT]; /* by the position in the registry */
    rove__arena arena;                           /* of one transaction */
    rove__arena row;                             /* of one row */
    rove__arena frozen;  /* of one row that is frozen, perhaps while another one is applied */
    rove__buf bytes;     /* scratch */
    uint64_t push_until; /* highest batch that the last Hello announced */
    uint64_t timeline;   /* of the last Welcome, and its `safe` */
    uint64_t safe;
    int repairing; /* the answer sends scopes because they differ (G2) */
    int rekeyed; /* it brought another sealing key, and what that may open is told of with the next Hello */

    /* Of the answer being applied; the arrays are kept for the next one. */
    rove__named *named; /* rows, in the order in which they came */
    size_t named_count, named_capacity;
    uint32_t *named_at; /* open addressing over `named`: position + 1 */
    size_t named_slots;
} rove__exchange;

/* Made at first use. */
ROVE_CHECK rove_status rove__exchange_of(rove__store *store, rove__exchange **out,
                                         rove_error *error);
/* Both arenas emptied: at the start of a transaction. */
ROVE_CHECK rove_status rove__exchange_begin(rove__store *store, rove__exchange **out,
                                            rove_error *error);
/* Borrowed; reset and cleared. rove__exchange_of must have been called before. */
ROVE_CHECK rove_status rove__exchange_statement(rove__store *store, rove__exchange_sql which,
                                                sqlite3_stmt **statement, rove_error *error);
ROVE_CHECK rove_status rove__extent_statement(rove__store *store, const rove__entity *entity,
                                              rove__extent_sql which, sqlite3_stmt **statement,
                                              rove_error *error);
/*
 * Runs a statement with integer parameters (those given, from ?1) that gives no row. `format` has one 'i' (int64_t)
 * or 'b' (const void *, size_t; NULL: an SQL NULL) or 't' (const char *) per parameter; the rest is borrowed.
 */
ROVE_CHECK rove_status rove__exchange_run(rove__store *store, rove__exchange_sql which,
                                          rove_error *error, const char *format, ...);
/* The same for a statement that may give a row: *statement stands on it, to be reset; NULL: there is none. */
ROVE_CHECK rove_status rove__exchange_row(rove__store *store, rove__exchange_sql which,
                                          sqlite3_stmt **statement, rove_error *error,
                                          const char *format, ...);
/* Steps a statement: *more 0 at its end, when it is reset. */
ROVE_CHECK rove_status rove__exchange_step(rove__store *store, sqlite3_stmt *statement, int *more,
                                           rove_error *error);

/* ---- record.c: a row, headquarters' version of it, and its pending work ---- */

typedef struct rove__record {
    const rove__entity *entity;
    rove_id id;
    int shown; /* it has a typed row */
    int aside; /* _deleted points at its newest entry */
    int known; /* `under` is filled in */
    rove__stored
        under; /* headquarters' version; of an insert that was not judged: what it inserted */
    rove__entry *entries; /* oldest first, every cell with `pending`; arena */
    size_t count;
} rove__record;

/* Never NOT_FOUND: a record of which nothing is here has known 0 and count 0. Borrowed from the arena. */
ROVE_CHECK rove_status rove__record_load(rove__store *store, const rove__entity *entity, rove_id id,
                                         rove__arena *arena, rove__record *record,
                                         rove_error *error);
/* Headquarters has it, so it counts in the digest: known, and no insert is pending. */
int rove__record_live(const rove__record *record);
int rove__record_inserts(const rove__record *record);         /* an insert is pending */
rove__entry *rove__record_newest(const rove__record *record); /* NULL: nothing is pending */
/* Adds it to the digest (+1) or takes it away (-1), if it is live. */
ROVE_CHECK rove_status rove__record_sum(rove__store *store, const rove__record *record, int sign,
                                        rove_error *error);
/* Writes typed row, entries and _deleted as the record now stands. The digest is the caller's. */
ROVE_CHECK rove_status rove__record_save(rove__store *store, rove__record *record,
                                         rove__arena *arena, rove_error *error);
/* Takes an entry out of the record and the outbox; save follows. */
ROVE_CHECK rove_status rove__record_settle(rove__store *store, rove__record *record, size_t at,
                                           rove_error *error);
/*
 * D5: what is known of it leaves the replica, pending work stays under way. Freezes what is not frozen (and loads the
 * record again), keeps the digest.
 */
ROVE_CHECK rove_status rove__record_leave(rove__store *store, rove__record *record,
                                          rove__arena *arena, rove_error *error);
/* What entry `at` sends to headquarters; with `only`, just that field's cell (0: all), but a seal whole. Of a record
 * that has left: what its batch says. Borrowed. */
ROVE_CHECK rove_status rove__record_change(rove__store *store, const rove__record *record,
                                           size_t at, uint32_t only, rove__arena *arena,
                                           rove__change *change, rove_error *error);
/* Headquarters' version as a WHOLE change; borrows from the record. */
void rove__record_whole(const rove__record *record, rove__change *whole);
/* Headquarters' clock with the bases of the first `count` entries: the clock as the rep saw it (D3). */
ROVE_CHECK rove_status rove__record_seen(const rove__record *record, size_t count,
                                         rove__arena *arena, rove__clock *seen);

/* ---- flight.c: numbered batches ---- */

typedef struct rove__flight {
    rove__store *store;
    rove__batch_writer *writer;
    rove__buf frame;        /* the one finished last */
    size_t rows;            /* in the frame being written */
    uint64_t number;        /* of the batch being filled */
    size_t frames, bytes;   /* of it, written */
    size_t changes, weight; /* of it */
    rove__chain hash;       /* of the frames written */
} rove__flight;

/* The first batch gets `number`; nothing of it may be there. Runs in the transaction that lands it. */
ROVE_CHECK rove_status rove__flight_open(rove__flight *flight, rove__store *store, uint64_t number,
                                         rove_error *error);
void rove__flight_free(rove__flight *flight);
/* ROVE_LIMIT: the batch is full; land it and add again. */
ROVE_CHECK rove_status rove__flight_add(rove__flight *flight, const rove__change *change,
                                        rove_error *error);
/* 1 if the batch should end with its group. */
int rove__flight_enough(const rove__flight *flight);
/* Ends the batch, if there is anything in it, and begins one with the next number. */
ROVE_CHECK rove_status rove__flight_land(rove__flight *flight, rove_error *error);
/* The chain after a number; zeros after 0. ROVE_NOT_FOUND if it is no longer known. */
ROVE_CHECK rove_status rove__flight_chain(rove__store *store, uint64_t number, rove__chain *chain,
                                          rove_error *error);
/* SHA-256(before || bytes): of a batch's hash with a frame, of the chain with a hash. */
ROVE_CHECK rove_status rove__flight_link(rove__store *store, const rove__chain *before,
                                         const void *bytes, size_t size, rove__chain *after,
                                         rove_error *error);
/* What reading a batch of this replica's own ended with: bytes that are none are damage, not headquarters' doing. */
ROVE_CHECK rove_status rove__flight_status(rove_status status);
/* The change that a frozen entry became, read from its batch. */
ROVE_CHECK rove_status rove__flight_find(rove__store *store, const rove__entry *entry,
                                         rove__arena *arena, rove__change *change,
                                         rove_error *error);

/* ---- journal.c: acknowledged batches, sealed (D9) ---- */

/* Drops what nobody will ask for any more, and what is too much. */
ROVE_CHECK rove_status rove__journal_prune(rove__store *store, rove_error *error);
/* Timeline and `safe`. */
ROVE_CHECK rove_status rove__journal_welcome(rove__store *store, const rove__welcome *welcome,
                                             rove_error *error);
/* Seals one batch, in the caller's transaction, and hands each record over; what a frame has is borrowed for the call. */
typedef rove_status (*rove__record_taker)(void *ctx, rove__store *store, const rove__sealed *frame,
                                          const rove__buf *record, rove_error *error);
ROVE_CHECK rove_status rove__journal_records(rove__store *store, int64_t batch,
                                             const rove__sealer *sealer, rove__record_taker take,
                                             void *ctx, rove_error *error);
/* Seals one batch, in the caller's transaction: its plain frames are gone afterwards. */
ROVE_CHECK rove_status rove__journal_seal(rove__store *store, int64_t batch,
                                          const rove__sealer *sealer, rove_error *error);
/* fork.c: batches 1 to `until` of the present number become those of a former one, below 0. */
ROVE_CHECK rove_status rove__fork_retire(rove__store *store, int64_t until, rove_error *error);
/* handover.c: what headquarters refused, as it was sent, in batches of its own; the list is empty afterwards. */
ROVE_CHECK rove_status rove__freeze_refused(rove__store *store, rove__exchange *exchange,
                                            rove_error *error);

/* ---- former.c: batches of former numbers ---- */

#define ROVE_FORMER_KEPT 2 /* state: headquarters has it */
#define ROVE_FORMER_DUE  3 /* it is to be sent */
#define ROVE_FORMER_LEFT                                                                           \
    4 /* it was sent, and headquarters could not use it: it asks again on its next timeline, or with another sealing key */
/* Where the batch of a former number stands in _batch. */
int64_t rove__former_batch(rove_replica replica, uint64_t number);
/* What Hello says of them. */
ROVE_CHECK rove_status rove__former_hello(rove__store *store, rove__hello *hello,
                                          rove_error *error);
/* Headquarters has another sealing key: from the next Hello on it asks anew which of them it lacks. */
ROVE_CHECK rove_status rove__former_rekeyed(rove__store *store, rove_error *error);

/* Under which number a batch of _batch was made, and as which one. */
rove_replica rove__journal_replica(const rove__store *store, int64_t batch);
uint64_t rove__journal_number(int64_t batch);

/* ---- apply.c, apply_row.c: one transaction of an answer ---- */

typedef struct rove__apply {
    rove__store *store;
    rove__exchange *exchange;
    rove_error *error;
    rove__store_tally tally; /* of this transaction */
    int left;                /* rows left: what they were may remain in the file (tidy.c) */
    int any_aside;           /* rows may be off their tables with work in flight */
    int any_quarantined;
    int any_unknown;
    struct rove__pending_row *pending; /* rows with pending work (evict.c); arena */
    size_t pending_count;
    int pending_listed; /* `pending` is up to date */
    uint32_t batch;     /* being read, from 1 */
    const rove__entity *custom_field;
    int custom;                /* a definition of a custom field came */
    rove__transfer *transfers; /* arena */
    size_t transfer_count, transfer_capacity;
    uint32_t *transfer_at; /* open addressing: position + 1; arena */
    size_t transfer_slots;
    int blank;            /* nothing was held when the download under way began */
    rove__transfer *last; /* found last: rows come scope by scope */
} rove__apply;

/* A row with pending work, and the scope in which headquarters has it, or which its insert names. */
typedef struct rove__pending_row {
    rove_id id;
    uint32_t entity;
    int inserts; /* that it has was not judged yet */
    rove__scope scope;
} rove__pending_row;

ROVE_CHECK rove_status rove__apply_begin(rove__apply *apply, rove__store *store, rove_error *error);
/* What is left to do at the end: names, custom fields. */
ROVE_CHECK rove_status rove__apply_end(rove__apply *apply);
/* Every change of a batch. ROVE_FORK: nothing may be kept. */
ROVE_CHECK rove_status rove__apply_batch(rove__apply *apply, rove__bytes rows);
/* One WHOLE, PART, TOMBSTONE or MARK (Q3, D2). */
ROVE_CHECK rove_status rove__apply_change(rove__apply *apply, const rove__change *change);
/*
 * What speaks of the whole record as the rep saw it, and is not frozen yet, is: before headquarters' version changes under it, and
 * before what he saw there is judged.
 */
ROVE_CHECK rove_status rove__apply_freeze_seal(rove__apply *apply, rove__record *record);
/* WHOLE without looking into quarantine; what cannot be applied goes there. */
ROVE_CHECK rove_status rove__apply_whole(rove__apply *apply, const rove__change *change);
/* The cells, clock entries and unknown fields of a PART laid over a whole row. Result from the arena. */
ROVE_CHECK rove_status rove__apply_join(const rove__change *whole, const rove__change *part,
                                        rove__arena *arena, rove__change *joined);

/* transfer.c (Q5) and what a page names. open: before the Acks that came with the page. */
ROVE_CHECK rove_status rove__transfer_open(rove__apply *apply, const rove__page *page);
ROVE_CHECK rove_status rove__transfer_begin(rove__apply *apply, const rove__page *page);
ROVE_CHECK rove_status rove__transfer_done(rove__apply *apply, const rove__page *page);
ROVE_CHECK rove_status rove__transfer_store(rove__apply *apply);
/* Takes it and its names out of the tables. */
ROVE_CHECK rove_status rove__transfer_forget(rove__apply *apply, const rove__transfer *transfer);
ROVE_CHECK rove_status rove__transfer_load(rove__apply *apply);
rove__transfer *rove__transfer_of(rove__apply *apply, rove__scope scope);
ROVE_CHECK rove_status rove__named_add(rove__apply *apply, uint32_t entity, rove_id id,
                                       const rove__transfer *transfer);
/* NULL: the transaction has not named it. */
const rove__named *rove__named_find(const rove__apply *apply, uint32_t entity, rove_id id);

/* repair.c: what was sent anew because it differed (G2). */
ROVE_CHECK rove_status rove__repair_note(rove__store *store, const rove__portion *portion,
                                         rove_error *error);
/* What differs next is to be fetched, whatever was of late. */
ROVE_CHECK rove_status rove__repair_anew(rove__store *store, rove_error *error);
/* The replica is equal to headquarters: nothing is to be reported any more. */
ROVE_CHECK rove_status rove__repair_equal(rove__store *store, rove_error *error);
/* What was fetched within the last hour, ascending by scope; from the arena. */
ROVE_CHECK rove_status rove__repair_list(rove__store *store, rove__arena *arena,
                                         rove__digest_list *list, rove_error *error);

/* evict.c */
/* A scope leaves; part -1: all parts. sweep: only rows that the transfer did not name (Q5). */
ROVE_CHECK rove_status rove__evict(rove__apply *apply, rove__scope scope,
                                   const rove__transfer *sweep);
/* Everything but these roots leaves (Q4). */
ROVE_CHECK rove_status rove__evict_others(rove__apply *apply, const rove_id *held, size_t count);

/* ack.c, rejection.c, renumber.c */
ROVE_CHECK rove_status rove__ack_apply(rove__apply *apply, const rove__ack *frames, size_t count);
ROVE_CHECK rove_status rove__rejection_put(rove__store *store, const rove__change *change,
                                           uint32_t field, rove_status why, const char *reason,
                                           rove_error *error);
/* Records get other ids; what was not judged follows, and batches in flight that can be are frozen again. */
ROVE_CHECK rove_status rove__renumber_all(rove__store *store, const rove__rename *renames,
                                          size_t count, rove_error *error);
/* *taken 1: the id of this origin names another record here, so that work which names it means that one. */
ROVE_CHECK rove_status rove__renumber_taken(rove__store *store, const rove__rename *rename,
                                            int *taken, rove_error *error);
/* Work in the outbox that names records follows them. */
ROVE_CHECK rove_status rove__renumber_references(rove__store *store, const rove__rename *rename,
                                                 rove_error *error);

/* renamed.c: under which ids records are that refused work names by another one. */
ROVE_CHECK rove_status rove__renamed_put(rove__store *store, const rove__rename *rename,
                                         rove_error *error);
/* *again 1: a record that was refused under this id was made anew. */
ROVE_CHECK rove_status rove__renamed_find(rove__store *store, const rove__change *change,
                                          int *again, rove_error *error);
/* Gives a change that was kept the ids of now. */
ROVE_CHECK rove_status rove__renamed_follow(rove__store *store, rove__change *change,
                                            rove__arena *arena, rove_error *error);

/* quarantine.c, unknown.c: raw rows */
typedef struct rove__raw {
    int64_t seq; /* quarantine only */
    rove__scope scope;
    rove__change change; /* arena */
    int counted;         /* it has a term */
    rove__hash128 term;
} rove__raw;
ROVE_CHECK rove_status rove__quarantine_find(rove__apply *apply, uint32_t entity, rove_id id,
                                             rove__arena *arena, rove__raw *raw, int *found);
ROVE_CHECK rove_status rove__quarantine_put(rove__apply *apply, const rove__change *change,
                                            rove_status why, const char *reason);
ROVE_CHECK rove_status rove__quarantine_drop(rove__apply *apply, const rove__raw *raw);
/* Totals are equal: what is not counted belongs to no record that is held. */
ROVE_CHECK rove_status rove__quarantine_drop_parts(rove__apply *apply);
/* What is quarantined, and unknown entities that this build knows, once more. */
ROVE_CHECK rove_status rove__quarantine_try(rove__apply *apply);
ROVE_CHECK rove_status rove__unknown_try(rove__apply *apply);
ROVE_CHECK rove_status rove__unknown_change(rove__apply *apply, const rove__change *change);
ROVE_CHECK rove_status rove__unknown_drop(rove__apply *apply, uint32_t entity, rove_id id);

/*
 * verify.c: all digests anew from the rows, quarantined and unknown ones included: after another key came, and before
 * they are sent, so that what is compared is what is there. `buckets` (NULL: none): scopes of which the sums of the
 * buckets are wanted too.
 */
ROVE_CHECK rove_status rove__digest_rebuild(rove__store *store, rove__bucket_digest *buckets,
                                            size_t bucket_count, rove_error *error);

/* custom.c: definitions that came become columns. */
ROVE_CHECK rove_status rove__custom_apply(rove__apply *apply);

static inline int rove__scope_equal(rove__scope a, rove__scope b) {
    return a.root == b.root && a.part == b.part;
}
/* part -1 covers all parts. */
static inline int rove__scope_covers(rove__scope wide, rove__scope narrow) {
    return wide.root == narrow.root && (wide.part < 0 || wide.part == narrow.part);
}

#endif
