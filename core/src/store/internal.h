/*
 * store/internal.h - what the files of store share: the handle, its cached statements, and the few
 * operations on rows, entries and digests from which writing, freezing and applying are made.
 *
 * All of it is used with the mutex held and, where it writes, inside a transaction.
 */
#ifndef ROVE_STORE_INTERNAL_H
#define ROVE_STORE_INTERNAL_H

#include <sqlite3.h>

#include "store/outbox.h"
#include "store/schema.h"
#include "store/store.h"

/* ---- statements: prepared once, kept per handle ---- */

typedef enum rove__sql {
    ROVE_SQL_BEGIN, /* ... one name per constant text in statement.c ... */
    ROVE_SQL_COMMIT,
    ROVE_SQL_ROLLBACK,
    ROVE_SQL_META_GET,
    ROVE_SQL_META_PUT,
    ROVE_SQL_OUTBOX_GET,      /* by seq */
    ROVE_SQL_OUTBOX_INSERT,
    ROVE_SQL_OUTBOX_UPDATE,   /* all columns by seq */
    ROVE_SQL_OUTBOX_DELETE,
    ROVE_SQL_OUTBOX_UNFROZEN, /* ascending by seq */
    ROVE_SQL_OUTBOX_BATCH,    /* of one batch, ascending */
    ROVE_SQL_DELETED_GET,
    ROVE_SQL_DELETED_PUT,
    ROVE_SQL_DELETED_DROP,
    ROVE_SQL_SCOPE_GET,
    ROVE_SQL_SCOPE_PUT,
    ROVE_SQL_COMMON_COUNT
} rove__sql;

/* Statements whose text is made from the model, per entity. */
typedef enum rove__entity_sql {
    ROVE_ENTITY_SQL_GET,          /* all columns, _clock, _pending, _unknown by id */
    ROVE_ENTITY_SQL_INSERT,       /* plain INSERT of all columns: fails on an id that is there */
    ROVE_ENTITY_SQL_REPLACE,      /* upsert of all columns */
    ROVE_ENTITY_SQL_DELETE,       /* by id */
    ROVE_ENTITY_SQL_SET_PENDING,  /* UPDATE _pending by id */
    ROVE_ENTITY_SQL_COUNT
} rove__entity_sql;

typedef struct rove__entity_statements {
    sqlite3_stmt *by_kind[ROVE_ENTITY_SQL_COUNT];
    sqlite3_stmt *update_one[ROVE_FIELDS_MAX]; /* UPDATE of one column and _pending, by ordinal; lazily */
} rove__entity_statements;

/* What changes with every transaction and is written with it as the one _meta row 'clock'. */
typedef struct rove__store_clock {
    rove__hlc hlc;
    uint32_t counter;    /* of the last id drawn under the present replica number */
    uint64_t tx;         /* of the last local transaction */
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
    char *path; /* of replica.db */
    void *lock;
    sqlite3 *db;          /* the writer */
    sqlite3_mutex *mutex; /* held for one transaction */
    sqlite3_stmt *common[ROVE_SQL_COMMON_COUNT];
    rove__entity_statements *entities; /* by the position in the registry */

    rove__store_owner owner;
    rove__cursor cursor;
    uint8_t digest_key[ROVE_HASH_KEY_SIZE]; /* zeros until the first Welcome */
    rove__anchor anchor;
    int64_t wall_offset_ms; /* trusted minus wall, as last seen */
    rove__store_clock clock;
    rove__store_clock clock_before; /* to go back to on rollback */

    int in_transaction;     /* a local one: begin was called */
    int64_t now_ms;         /* trusted time at begin */
    rove__arena arena;      /* emptied at the start of each transaction */
    rove__arena row_arena;  /* emptied for each row */
    rove__buf scratch;
    rove__scope_sum *sums;  /* open-addressing table of the transaction's scopes (digest.c) */
    size_t sum_count, sum_capacity;

    rove__store_event *events; /* of the transaction; delivered after commit */
    size_t event_count, event_capacity;
    rove__store_watcher watcher;
    void *watcher_ctx;
};

/* Maps an SQLite result to a status and fills in the error. */
rove_status rove__sqlite_status(sqlite3 *db, int code, rove_error *error, const char *doing);

/* statement.c: borrowed, reset and cleared before each use by these. NULL and *status on failure. */
ROVE_CHECK rove_status rove__store_statement(rove__store *store, rove__sql which,
                                             sqlite3_stmt **statement, rove_error *error);
ROVE_CHECK rove_status rove__store_entity_statement(rove__store *store, const rove__entity *entity,
                                                    rove__entity_sql which,
                                                    sqlite3_stmt **statement, rove_error *error);
ROVE_CHECK rove_status rove__store_update_statement(rove__store *store, const rove__entity *entity,
                                                    size_t ordinal, sqlite3_stmt **statement,
                                                    rove_error *error);
/* Forgets all prepared statements (after the schema was widened). */
void rove__store_finalize(rove__store *store);
int rove__bind_value(sqlite3_stmt *statement, int at, const rove_value *value); /* SQLite's code */
rove_value rove__column_value(sqlite3_stmt *statement, int at);                 /* borrowed */

/* meta.c */
ROVE_CHECK rove_status rove__meta_get_int(rove__store *store, const char *key, int64_t *value,
                                          rove_error *error); /* 0 if absent */
ROVE_CHECK rove_status rove__meta_put_int(rove__store *store, const char *key, int64_t value,
                                          rove_error *error);
ROVE_CHECK rove_status rove__meta_get_bytes(rove__store *store, const char *key,
                                            rove__arena *arena, const uint8_t **bytes, size_t *size,
                                            rove_error *error); /* NULL, 0 if absent */
ROVE_CHECK rove_status rove__meta_put_bytes(rove__store *store, const char *key, const void *bytes,
                                            size_t size, rove_error *error);

/* transaction.c: takes the mutex, BEGIN IMMEDIATE; on finish writes sums and clock and commits, or rolls
 * back if status is not ROVE_OK, gives back the mutex, then delivers events. Returns the first failure. */
ROVE_CHECK rove_status rove__store_enter(rove__store *store, rove_error *error);
ROVE_CHECK rove_status rove__store_leave(rove__store *store, rove_status status, rove_error *error);
void rove__store_note(rove__store *store, uint32_t entity, rove_id id); /* an event */
ROVE_CHECK rove_status rove__store_stamp(rove__store *store, rove_stamp *stamp);

/* A row with everything that the table holds of it. */
typedef struct rove__stored {
    rove__row row;       /* overlay, as shown; sets in plain form when nothing is pending, see note below */
    rove__clock clock;   /* headquarters' version's */
    int64_t pending;     /* newest entry, 0: none */
} rove__stored;
/*
 * Set columns hold headquarters' versioned form (model/set.h) with pending adds and removes already laid over it: a pending
 * add stands there with the version {raw, own replica}. Counters hold the total with pending increments.
 */

/* table.c: NOT_FOUND if absent. Borrowed from the arena. */
ROVE_CHECK rove_status rove__table_get(rove__store *store, const rove__entity *entity, rove_id id,
                                       rove__arena *arena, rove__stored *stored, rove_error *error);
/* Writes the whole row (upsert) and its set index rows. `fresh`: known not to be there. */
ROVE_CHECK rove_status rove__table_put(rove__store *store, const rove__stored *stored, int fresh,
                                       rove_error *error);
ROVE_CHECK rove_status rove__table_drop(rove__store *store, const rove__entity *entity, rove_id id,
                                        rove_error *error);

/* entries.c: an entry by seq; the chain of a row, oldest first. Borrowed from the arena. */
ROVE_CHECK rove_status rove__entry_load(rove__store *store, int64_t seq, rove__arena *arena,
                                        rove__entry *entry, rove_error *error);
ROVE_CHECK rove_status rove__entry_chain(rove__store *store, int64_t newest, rove__arena *arena,
                                         rove__entry **entries, size_t *count, rove_error *error);
/* Inserts (seq 0: a new one is given) or rewrites it. */
ROVE_CHECK rove_status rove__entry_save(rove__store *store, rove__entry *entry, rove_error *error);
ROVE_CHECK rove_status rove__entry_remove(rove__store *store, int64_t seq, rove_error *error);
/* The newest entry of a row that a pending delete took off the table; NOT_FOUND. */
ROVE_CHECK rove_status rove__deleted_entry(rove__store *store, uint32_t entity, rove_id id,
                                           int64_t *seq, rove_error *error);

/* under.c: headquarters' version of a row: what lies under its pending work. live 0: headquarters has not
 * seen it (a pending insert). Sets versioned, counters headquarters' total. */
ROVE_CHECK rove_status rove__store_under(rove__store *store, const rove__stored *stored,
                                         rove__arena *arena, rove__stored *under, int *live,
                                         rove_error *error);
/* The inverse: lays the row's entries over headquarters' version. */
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
ROVE_CHECK rove_status rove__sum_flush(rove__store *store, rove_error *error);
void rove__sum_forget(rove__store *store); /* on rollback */
ROVE_CHECK rove_status rove__sum_total(rove__store *store, rove__hash128 *total, uint64_t *rows,
                                       uint64_t *scopes, rove_error *error);

/* freeze.c: freezes the entries given (and what their groups demand) or all unsent ones (entries NULL) into
 * numbered batches, inside the caller's transaction (D4, D5). */
ROVE_CHECK rove_status rove__freeze_rows(rove__store *store, const int64_t *entries, size_t count,
                                         rove_error *error);

#endif
