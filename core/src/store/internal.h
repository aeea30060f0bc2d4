/*
 * store/internal.h - what the files of store share: the handle, its cached statements, and the few
 * operations on rows, entries and digests from which writing, freezing and applying are made.
 *
 * All of it is used with the mutex held and, where it writes, inside a transaction.
 */
#ifndef ROVE_STORE_INTERNAL_H
#define ROVE_STORE_INTERNAL_H

#include <sqlite3.h>

#include "rules/lease.h"
#include "store/outbox.h"
#include "store/schema.h"
#include "store/state.h"
#include "store/store.h"
#include "vault/key_file.h"
#include "vault/vfs.h"

struct rove__exchange;

/* How long a statement waits for another connection. */
#define ROVE_BUSY_MS 5000

/* ---- statements: prepared once, kept per handle; their texts are in statement.c ---- */

typedef enum rove__sql {
    ROVE_SQL_BEGIN,
    ROVE_SQL_COMMIT,
    ROVE_SQL_ROLLBACK,
    ROVE_SQL_META_GET,
    ROVE_SQL_META_PUT,
    ROVE_SQL_META_DROP,
    ROVE_SQL_OUTBOX_GET, /* by seq */
    ROVE_SQL_OUTBOX_INSERT,
    ROVE_SQL_OUTBOX_UPDATE, /* all columns by seq */
    ROVE_SQL_OUTBOX_DELETE,
    ROVE_SQL_OUTBOX_TOUCH,    /* last_tx by seq */
    ROVE_SQL_OUTBOX_ANY,      /* a row if there is any */
    ROVE_SQL_OUTBOX_SINCE,    /* touched by local transactions after a number */
    ROVE_SQL_OUTBOX_UNFROZEN, /* ascending by seq */
    ROVE_SQL_OUTBOX_BATCH,    /* of one batch, ascending */
    ROVE_SQL_DELETED_GET,
    ROVE_SQL_DELETED_PUT,
    ROVE_SQL_DELETED_DROP,
    ROVE_SQL_SCOPE_GET,
    ROVE_SQL_SCOPE_PUT,
    ROVE_SQL_SCOPE_DROP,
    ROVE_SQL_SCOPE_ALL,
    ROVE_SQL_DISCARDED_PUT,
    ROVE_SQL_COUNTS, /* for rove__store_read_state, in its order */
    ROVE_SQL_COMMON_COUNT
} rove__sql;

/* Statements whose text is made from the model, per entity. */
typedef enum rove__entity_sql {
    ROVE_ENTITY_SQL_GET, /* field columns by ordinal, _clock, _pending, _unknown; by id */
    ROVE_ENTITY_SQL_INSERT, /* id, field columns, _clock, _pending, _unknown: fails on an id that is there */
    ROVE_ENTITY_SQL_REPLACE, /* the same as an upsert */
    ROVE_ENTITY_SQL_DELETE,  /* by id */
    ROVE_ENTITY_SQL_COUNT
} rove__entity_sql;

/* Statements on the index table of one set field. */
typedef enum rove__element_sql {
    ROVE_ELEMENT_SQL_PUT,  /* element (1), id (2) */
    ROVE_ELEMENT_SQL_DROP, /* element (1), id (2) */
    ROVE_ELEMENT_SQL_COUNT
} rove__element_sql;

typedef struct rove__entity_statements {
    const rove__entity *entity;
    sqlite3_stmt *by_kind[ROVE_ENTITY_SQL_COUNT];
    sqlite3_stmt
        *update_one[ROVE_FIELDS_MAX]; /* UPDATE of one column (2) and _pending (3) by id (1) */
    sqlite3_stmt *peek_one
        [ROVE_FIELDS_MAX]; /* one column, the seal's (or the same), _clock, _pending by id (1) */
    sqlite3_stmt *elements[ROVE_FIELDS_MAX][ROVE_ELEMENT_SQL_COUNT]; /* of set fields */
} rove__entity_statements;

/* What local transactions give out; clock.c says how it survives. */
typedef struct rove__store_clock {
    rove__hlc hlc;
    rove_stamp held;  /* the largest canonical stamp that ever came from headquarters (D10) */
    uint32_t counter; /* of the last id drawn under the present replica number */
    uint64_t tx;      /* of the last local transaction */
} rove__store_clock;

/* The digest of one scope while a transaction runs; written at its end. */
typedef struct rove__scope_sum {
    rove__scope scope;
    int64_t rows;
    rove__hash128 sum;
    int loaded;
    int dirty;
} rove__scope_sum;

struct rove__store {
    rove__store_ports ports;
    rove__registry *registry;
    char *folder;
    char *path;     /* of replica.db */
    char *key_path; /* of core.key */
    void *lock;
    rove__vault
        vault; /* the keys, and the VFS that uses them; all zeros if the replica is plain (lock.c) */
    rove__vfs vfs;
    const char *vfs_name; /* through which connections are opened */
    _Atomic int locked;
    _Atomic int shut; /* by the rep: only he unlocks it; else the end of its lease has locked it */
    unsigned lockings;    /* so often its rep locked it; with the writer's turn */
    _Atomic int ordered;  /* headquarters ordered it to be locked */
    _Atomic int wiped;    /* nothing of it is left (wipe.c) */
    _Atomic int contacts; /* under way (lease.c) */
    rove__lease lease;    /* as it was written last; under anchor_mutex */
    _Atomic int leased;   /* there is one */
    sqlite3 *db;          /* the writer */
    sqlite3_mutex *mutex; /* recursive; held for one transaction */
    sqlite3_mutex *
        queue; /* held while waiting for it: whoever comes back at once comes behind whoever waits */
    const void *_Atomic holder;  /* the thread with a transaction open, NULL: none */
    sqlite3_mutex *asking; /* recursive; before all others: held by who asks the keyring or writes core.key (lock.c) */
    sqlite3_mutex *anchor_mutex; /* held for moments: over the anchor, the lease, the signer and the sealing key */
    sqlite3_stmt *common[ROVE_SQL_COMMON_COUNT];
    rove__entity_statements *entities; /* by the position in the registry */

    rove__store_owner owner;
    rove__cursor cursor;
    uint8_t digest_key[ROVE_HASH_KEY_SIZE]; /* zeros until the first Welcome */
    rove__store_tally tally;                /* of answers, since open */
    rove__anchor anchor;
    uint8_t signer[ROVE_KEY_DER_MAX]; /* the device's key, as rove__store_set_signer gave it */
    size_t signer_size;
    int signer_sealed; /* while the replica is locked: with the data key */
    uint8_t signer_seal[ROVE_UNIT_SEAL_SIZE];
    uint8_t seal_key[ROVE_SEAL_KEY_SIZE]; /* headquarters', as it said last; under anchor_mutex */
    int has_seal_key;
    rove__store_clock clock;
    rove__store_clock clock_written; /* as it stands in _meta */
    struct { /* of the above, when the transaction began: what a rollback brings back */
        rove__store_owner owner;
        rove__cursor cursor;
        uint8_t digest_key[ROVE_HASH_KEY_SIZE];
        rove__anchor anchor;
        rove__store_clock clock_written;
    } begun;
    int clock_unseen;       /* the local transaction gave out what its entries do not show */
    uint32_t counter_begun; /* clock.counter when the transaction began */

    int entered;        /* a transaction is open */
    int lazy;           /* commits do not wait for the disk */
    int unsettled;      /* a custom field was undone: the next definition looks through all rows */
    int widened;        /* the transaction put custom fields into the registry */
    rove_status columns_missing; /* why those of custom fields that were undone could not be made; OK: none is */
    int unsynced;       /* some did not, and none waited since */
    int log_pages;      /* in the write-ahead log, as of the last commit */
    int sweeping;       /* a thread is about to move it into the file without the mutex: nobody else does */
    int downloading;    /* the last page was not the last of its answer */
    int in_transaction; /* a local one: begin was called */
    rove_status
        doomed; /* the device failed in the middle of a write: commit returns it and rolls back */
    size_t tx_rows; /* rows and bytes that the local transaction wrote so far */
    size_t tx_bytes;
    int64_t now_ms;        /* trusted time at begin */
    rove__arena arena;     /* emptied at the start of each transaction */
    rove__arena row_arena; /* emptied for each row */
    rove__buf scratch;
    rove__scope_sum *sums; /* open-addressing table of the transaction's scopes (sums.c) */
    size_t sum_count, sum_capacity, sum_dirty;

    struct rove__exchange
        *exchange; /* what reconciling keeps (exchange.h); NULL until first needed */

    rove__store_event
        *events; /* of the transaction; delivered after commit; NULL until first needed */
    size_t event_count;
    rove__store_watcher watcher;
    void *watcher_ctx;
};

/* Maps an SQLite result to a status and fills in the error. */
rove_status rove__sqlite_status(sqlite3 *db, int code, rove_error *error, const char *doing);

/* transaction.c: the writer's turn, without a transaction. STATE: this thread has one open. */
ROVE_CHECK rove_status rove__store_turn(rove__store *store, rove_error *error);
void rove__store_turn_over(rove__store *store);
/* lock.c: LOCKED, with what to do. */
rove_status rove__lock_refuse(rove_error *error);
/* wipe.c: WIPED. */
rove_status rove__wipe_refuse(rove_error *error);
/* lock.c: what the keyring said; overwritten after use. */
typedef struct rove__key_answers {
    uint8_t secret[ROVE_SECRET_SIZE];
    char pin[ROVE_PIN_MAX];
    rove__key_secrets secrets; /* borrows from the above */
} rove__key_answers;
/* Asks the keyring, and opens core.key with what it says. The caller wipes both. */
ROVE_CHECK rove_status rove__lock_key(const rove__store_ports *ports, const char *path,
                                      rove__key_answers *a, rove__data_key *key, rove_error *error);
/* The same for who does not need to write it again. */
ROVE_CHECK rove_status rove__lock_read(const rove__store_ports *ports, const char *path,
                                       rove__data_key *key, rove_error *error);
/* Writes core.key, to be opened with the same. */
ROVE_CHECK rove_status rove__lock_put_key(rove__store *store, const rove__key_answers *a,
                                          const rove__data_key *key, rove_error *error);
/* verify.c, with the writer's turn: SQLite finds the file sound. CORRUPT. */
ROVE_CHECK rove_status rove__verify_file(rove__store *store, rove_error *error);
/* tidy.c, with the writer's turn: the file is written anew; its log is emptied into it. BUSY: a reader keeps the log. */
ROVE_CHECK rove_status rove__tidy_file(rove__store *store, rove_error *error);
ROVE_CHECK rove_status rove__tidy_log(rove__store *store, rove_error *error);
/* lock.c, with the writer's turn: what the handle has in memory of records goes; with that its connection, too, and
 * `fresh` takes its place. */
void rove__store_shed(rove__store *store);
void rove__store_forget(rove__store *store, sqlite3 *fresh);
/* lock.c, with the writer's turn: overwrites the keys. The store is sealed. */
ROVE_CHECK rove_status rove__lock_keys(rove__store *store, rove_error *error);
/* lock.c, without the writer's turn: one at a time. STATE: this thread has a transaction open. */
ROVE_CHECK rove_status rove__ask_begin(rove__store *store, rove_error *error);
void rove__ask_end(rove__store *store);
/* The same: asks the keyring and unlocks, if it is locked and may be unlocked; `may` is asked with the
 * turn, before and after. OK: the caller has the turn. */
typedef rove_status (*rove__unlock_may)(rove__store *store, rove_error *error);
ROVE_CHECK rove_status rove__unlock(rove__store *store, rove__unlock_may may, rove_error *error);
/* prove.c, with the writer's turn: the key that signs is sealed before the keys go, and is there again before anybody writes. */
void rove__signer_lock(rove__store *store);
ROVE_CHECK rove_status rove__signer_unlock(rove__store *store);
/* lease.c */
int rove__lease_is_over(rove__store *store);
/* What is written, into the handle. */
void rove__lease_set(rove__store *store, const rove__lease *lease);
/* lock.c: the key and the VFS, before the first connection is opened and after the last one is closed. */
ROVE_CHECK rove_status rove__lock_open(rove__store *store, rove_error *error);
void rove__lock_close(rove__store *store);

/* memory.c: before anything else of SQLite. Its code. */
int rove__sqlite_start(void);
/* open.c: of a file in the replica's folder; owned by the caller. NULL: no memory. */
char *rove__store_path(const rove_allocator *allocator, const char *folder, const char *name);
/* An SQLite code; *db is closed in any case. */
int rove__connection_open(const rove__store *store, int flags, sqlite3 **db);
/* The writer's settings, on a connection that has none yet. */
ROVE_CHECK rove_status rove__connection_ready(rove__store *store, rove_error *error);
/* What holds for every connection. */
ROVE_CHECK rove_status rove__connection_harden(sqlite3 *db, rove_error *error);

/* statement.c: borrowed, reset and cleared before each use by these. NULL and *status on failure. */
ROVE_CHECK rove_status rove__store_statement(rove__store *store, rove__sql which,
                                             sqlite3_stmt **statement, rove_error *error);
ROVE_CHECK rove_status rove__store_entity_statement(rove__store *store, const rove__entity *entity,
                                                    rove__entity_sql which,
                                                    sqlite3_stmt **statement, rove_error *error);
ROVE_CHECK rove_status rove__store_update_statement(rove__store *store, const rove__entity *entity,
                                                    size_t ordinal, sqlite3_stmt **statement,
                                                    rove_error *error);
ROVE_CHECK rove_status rove__store_peek_statement(rove__store *store, const rove__entity *entity,
                                                  size_t ordinal, sqlite3_stmt **statement,
                                                  rove_error *error);
/* Forgets all prepared statements (after the schema was widened). */
void rove__store_finalize(rove__store *store);
int rove__bind_value(sqlite3_stmt *statement, int at, const rove_value *value); /* SQLite's code */
rove_value rove__column_value(sqlite3_stmt *statement, int at);                 /* borrowed */

/* Of the index table of a set field. */
ROVE_CHECK rove_status rove__store_element_statement(rove__store *store, const rove__entity *entity,
                                                     size_t ordinal, rove__element_sql which,
                                                     sqlite3_stmt **statement, rove_error *error);
/* Runs a statement that returns no row, and resets it. */
ROVE_CHECK rove_status rove__store_run(rove__store *store, sqlite3_stmt *statement,
                                       rove_error *error, const char *doing);

/* meta.c; the keys are in state.h */
ROVE_CHECK rove_status rove__meta_get_int(rove__store *store, const char *key, int64_t *value,
                                          rove_error *error); /* 0 if absent */
/* The same of whoever has no transaction: what stands now. */
ROVE_CHECK rove_status rove__meta_look_int(rove__store *store, const char *key, int64_t *value,
                                           rove_error *error);
ROVE_CHECK rove_status rove__meta_put_int(rove__store *store, const char *key, int64_t value,
                                          rove_error *error);
ROVE_CHECK rove_status rove__meta_get_bytes(rove__store *store, const char *key, rove__arena *arena,
                                            const uint8_t **bytes, size_t *size,
                                            rove_error *error); /* NULL, 0 if absent */
ROVE_CHECK rove_status rove__meta_put_bytes(rove__store *store, const char *key, const void *bytes,
                                            size_t size, rove_error *error);

/* Forgets a key. */
ROVE_CHECK rove_status rove__meta_drop(rove__store *store, const char *key, rove_error *error);
/* Reads owner, clock, cursor, anchor, digest key and lease into the handle. */
ROVE_CHECK rove_status rove__meta_load(rove__store *store, rove_error *error);
/* Set it in the handle and in the database, inside a transaction. */
ROVE_CHECK rove_status rove__meta_put_owner(rove__store *store, const rove__store_owner *owner,
                                            rove_error *error);
ROVE_CHECK rove_status rove__meta_put_cursor(rove__store *store, rove__cursor cursor,
                                             rove_error *error);
ROVE_CHECK rove_status rove__meta_put_anchor(rove__store *store, const rove__anchor *anchor,
                                             rove_error *error);
/* With the handle's copy; in a transaction that is rolled back the handle keeps it: headquarters said so all the same. */
ROVE_CHECK rove_status rove__meta_put_seal_key(rove__store *store, const uint8_t *key,
                                               rove_error *error);
/* Into the database alone: the handle has it when it is committed (rove__lease_set). */
ROVE_CHECK rove_status rove__meta_put_lease(rove__store *store, const rove__lease *lease,
                                            rove_error *error);
ROVE_CHECK rove_status rove__meta_put_digest_key(rove__store *store,
                                                 const uint8_t key[ROVE_HASH_KEY_SIZE],
                                                 rove_error *error);

/* Writes the handle's clock; leaving a transaction does it. */
ROVE_CHECK rove_status rove__meta_put_clock(rove__store *store, rove_error *error);

/* transaction.c: takes the mutex, BEGIN IMMEDIATE; on finish writes sums and clock and commits, or rolls
 * back if status is not ROVE_OK, gives back the mutex, then delivers events. Returns the first failure. */
ROVE_CHECK rove_status rove__store_enter(rove__store *store, rove_error *error);
/* The same for a page without an Ack: a power cut may undo it, and whatever is committed later outlasts one with it. */
ROVE_CHECK rove_status rove__store_enter_page(rove__store *store, rove_error *error);

/* checkpoint.c. watch: once, after opening; local: with the writer held, after a local commit. */
void rove__checkpoint_watch(rove__store *store);
void rove__checkpoint_local(rove__store *store);
/* After the commit of a page, with the writer held: 1 if it is time for _pages, which this thread then calls without it. */
int rove__checkpoint_due(rove__store *store);
void rove__checkpoint_pages(rove__store *store);
ROVE_CHECK rove_status rove__store_leave(rove__store *store, rove_status status, rove_error *error);
void rove__store_note(rove__store *store, uint32_t entity, rove_id id); /* an event */
/* clock.c: falls back if it may (D10); whether the transaction has to write it; reads it back at open. */
ROVE_CHECK rove_status rove__clock_settle(rove__store *store, rove_error *error);
int rove__clock_unwritten(const rove__store *store);
ROVE_CHECK rove_status rove__clock_recover(rove__store *store, rove_error *error);
ROVE_CHECK rove_status rove__store_stamp(rove__store *store, rove_stamp *stamp);
/* Remembers a canonical stamp that came from headquarters; the clock is written when the transaction ends. */
void rove__store_observe(rove__store *store, rove_stamp stamp);

/* A row with everything that the table holds of it. */
typedef struct rove__stored {
    rove__row row;     /* as shown, all cells present; sets in versioned form, see below */
    rove__clock clock; /* headquarters' version's */
    int64_t pending;   /* newest entry, 0: none */
} rove__stored;
/*
 * Set columns always hold headquarters' versioned form (model/set.h) with pending adds and removes already laid over it: a pending
 * add stands there with the version {raw, own replica}. Counters hold the total with pending increments.
 */

/* table.c: NOT_FOUND if absent. Borrowed from the arena. */
ROVE_CHECK rove_status rove__table_get(rove__store *store, const rove__entity *entity, rove_id id,
                                       rove__arena *arena, rove__stored *stored, rove_error *error);
/* Only one cell, the seal, clock and pending: what the edit of one number has to know. All other cells are NULL. */
ROVE_CHECK rove_status rove__table_peek(rove__store *store, const rove__entity *entity, rove_id id,
                                        size_t ordinal, rove__arena *arena, rove__stored *stored,
                                        rove_error *error);
/* Writes the whole row (upsert) and its set index rows; derives what it derives. `fresh`: known not to be there. */
ROVE_CHECK rove_status rove__table_put(rove__store *store, const rove__stored *stored, int fresh,
                                       rove_error *error);
/* The text of a GET statement of the first so many fields, appended; and the row that one stands on. */
void rove__table_get_text(rove__buf *sql, const rove__entity *entity, size_t fields);
ROVE_CHECK rove_status rove__table_read(sqlite3_stmt *statement, const rove__entity *entity,
                                        rove_id id, rove__arena *arena, rove__stored *stored,
                                        rove_error *error);
/* Brings the index table of one set from one cell to another. */
ROVE_CHECK rove_status rove__table_put_set(rove__store *store, const rove__row *row, size_t ordinal,
                                           const rove_value *before, const rove_value *after,
                                           rove_error *error);
ROVE_CHECK rove_status rove__table_drop(rove__store *store, const rove__entity *entity, rove_id id,
                                        rove_error *error);

/*
 * entries.c: an entry by seq; the chain of a row, oldest first. Borrowed from the arena. In a chain every
 * cell has `pending`: what an entry that is not frozen does not keep is filled in from the row as shown. Of a row that
 * is not on its table there is none, and all entries keep everything: rove__entry_chain; else rove__entry_chain_of.
 */
ROVE_CHECK rove_status rove__entry_load(rove__store *store, int64_t seq, rove__arena *arena,
                                        rove__entry *entry, rove_error *error);
ROVE_CHECK rove_status rove__entry_chain(rove__store *store, int64_t newest, rove__arena *arena,
                                         rove__entry **entries, size_t *count, rove_error *error);
/* Inserts (seq 0: a new one is given) or rewrites it; leaves out of the body what outbox.h leaves out. */
ROVE_CHECK rove_status rove__entry_save(rove__store *store, rove__entry *entry, rove_error *error);
/* A row of OUTBOX_GET, OUTBOX_UNFROZEN or OUTBOX_BATCH. */
ROVE_CHECK rove_status rove__entry_from(sqlite3_stmt *statement, rove__arena *arena,
                                        rove__entry *entry, rove_error *error);
/* Notes the local transaction that last touched an entry's row. */
ROVE_CHECK rove_status rove__entry_touch(rove__store *store, int64_t seq, uint64_t tx,
                                         rove_error *error);
ROVE_CHECK rove_status rove__entry_remove(rove__store *store, int64_t seq, rove_error *error);
/* The newest entry of a row that is not on the table: deleted by pending work, or taken off with work in flight
 * (D5). NOT_FOUND. */
ROVE_CHECK rove_status rove__deleted_entry(rove__store *store, uint32_t entity, rove_id id,
                                           int64_t *seq, rove_error *error);

/* Notes the newest entry of a row that a pending delete took off the table; seq 0: forgets it. */
ROVE_CHECK rove_status rove__deleted_put(rove__store *store, uint32_t entity, rove_id id,
                                         int64_t seq, rove_error *error);
/* The chain of a row that was just read; saves reading it again. */
ROVE_CHECK rove_status rove__entry_chain_of(rove__store *store, const rove__stored *stored,
                                            rove__arena *arena, rove__entry **entries,
                                            size_t *count, rove_error *error);
/* One change as a batch of its own, in the arena, and back; the change is borrowed from the arena. */
ROVE_CHECK rove_status rove__change_pack(rove__store *store, const rove__change *change,
                                         rove__arena *arena, rove__bytes *bytes);
ROVE_CHECK rove_status rove__change_unpack(rove__store *store, const void *bytes, size_t size,
                                           rove__arena *arena, rove__change *change,
                                           rove_error *error);
/* Notes in _discarded what the rep dropped. */
ROVE_CHECK rove_status rove__discard_note(rove__store *store, const rove__change *change,
                                          const char *why, rove_error *error);

/*
 * under.c: lays the row's entries (a chain, every cell with `pending`) over headquarters' version; a set's
 * pending adds get the version {raw, the entry's replica}. *shown has `pending` of the newest entry.
 */
ROVE_CHECK rove_status rove__store_overlay(rove__store *store, const rove__stored *under,
                                           const rove__entry *entries, size_t count,
                                           rove__arena *arena, rove__stored *shown,
                                           rove_error *error);

/* sums.c: adds (+1) or takes away (-1) headquarters' version of a row from its scope's digest. */
ROVE_CHECK rove_status rove__sum_change(rove__store *store, const rove__row *row,
                                        const rove__clock *clock, rove__scope scope, int sign,
                                        rove_error *error);
ROVE_CHECK rove_status rove__sum_term(rove__store *store, rove__scope scope, rove__hash128 term,
                                      int sign, rove_error *error);
/* Nothing of the scope is held any more. */
ROVE_CHECK rove_status rove__sum_clear(rove__store *store, rove__scope scope, rove_error *error);
ROVE_CHECK rove_status rove__sum_flush(rove__store *store, rove_error *error);
void rove__sum_keep(rove__store *store); /* after they were written, at the end of a transaction */
void rove__sum_forget(rove__store *store); /* on rollback */
ROVE_CHECK rove_status rove__sum_total(rove__store *store, rove__hash128 *total, uint64_t *rows,
                                       uint64_t *scopes, rove_error *error);

/* Lays one pending cell over the cell of `row`. */
ROVE_CHECK rove_status rove__cell_lay(const rove__entry *entry, const rove__pending_cell *cell,
                                      rove__row *row, rove__arena *arena, rove_error *error);
/* A pending delta laid over a versioned set, both as cells; the result from the arena. */
ROVE_CHECK rove_status rove__set_lay(const rove_value *versioned, const rove_value *delta,
                                     rove_replica replica, rove__arena *arena, rove_value *result);
/* The set of a cell in any form as a plain cell. */
ROVE_CHECK rove_status rove__set_plain(const rove_value *cell, rove__arena *arena,
                                       rove_value *plain);

/* freeze.c: freezes the entries given (and what their groups demand) or all unsent ones (entries NULL) into
 * numbered batches, inside the caller's transaction (D4, D5). */
ROVE_CHECK rove_status rove__freeze_rows(rove__store *store, const int64_t *entries, size_t count,
                                         rove_error *error);

/* An entry's `batch` once headquarters has parked it (P15): not in flight any more, but still laid over. */
#define ROVE_BATCH_PARKED 0x7fffffffffffffffu

/* exchange.c: forgets the prepared statements of reconciling (rove__store_finalize calls it); gives back what it has read,
 * between two transactions; gives back all that it keeps (rove__store_close calls it). */
void rove__exchange_finalize(rove__store *store);
void rove__exchange_shed(rove__store *store);
void rove__exchange_free(rove__store *store);
/* custom.c: when the replica is opened: custom fields into the registry, and what a newer build now knows. */
ROVE_CHECK rove_status rove__custom_open(rove__store *store, rove_error *error);
/* After a rollback the registry knows fields whose columns the tables lack: makes them, as far as that can be done, in a
 * transaction of its own; with the writer's turn, between two transactions. */
void rove__custom_recover(rove__store *store);
/* fork.c: the same user goes on under a fresh replica number (P3): called by set_owner, inside its transaction,
 * before store->owner changes. */
ROVE_CHECK rove_status rove__fork_adopt(rove__store *store, rove_replica fresh, rove_error *error);

#endif
