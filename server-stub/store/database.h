/*
 * store/database.h - what headquarters keeps beside the exchange's data (sync/headquarters.h): enrolment codes,
 * the record of administrative acts, plans, settings, and look-ups for operators. A store implements both in one
 * database; server-stub/store/sqlite is the first.
 *
 * Functions follow the conventions of sync/headquarters.h and work in its transactions.
 */
#ifndef ROVE_HQ_DATABASE_H
#define ROVE_HQ_DATABASE_H

#include "sync/headquarters.h"

/* A one-time enrolment code; only its hash is kept. */
typedef struct rove__hq_code {
    uint8_t hash[ROVE_SHA256_SIZE]; /* of the code's 16 bytes */
    rove_id user;
    int64_t made_ms;
    int64_t until_ms;
    int tries_left;
    int64_t used_ms;                /* 0: not used */
    rove_replica replica;           /* that it enrolled */
} rove__hq_code;

/* An administrative act. */
typedef struct rove__hq_act {
    int64_t number; /* given on put */
    int64_t at_ms;
    const char *operator_name;
    const char *act;
    const char *detail; /* one line */
    uint64_t seq;       /* of the transaction that it made; 0: none */
} rove__hq_act;

/* An act for later. */
typedef enum rove__hq_plan_state {
    ROVE_PLAN_WAITS = 0,
    ROVE_PLAN_RUNS = 1, /* being carried out, or was when its process ended */
    ROVE_PLAN_DONE = 2,
    ROVE_PLAN_CANCELLED = 3,
    ROVE_PLAN_FAILED = 4
} rove__hq_plan_state;
typedef struct rove__hq_plan {
    int64_t number; /* given on put */
    int64_t made_ms;
    int64_t due_ms;
    int64_t ended_ms; /* 0: it has not */
    const char *operator_name;
    rove__bytes words; /* command and arguments, each ended by a NUL */
    rove__hq_plan_state state;
    const char *detail; /* what the command said */
} rove__hq_plan;

typedef struct rove__hq_directory {
    rove_status (*code_put)(rove__hq_tx *tx, const rove__hq_code *code);
    rove_status (*code_get)(rove__hq_tx *tx, const uint8_t hash[ROVE_SHA256_SIZE],
                            rove__hq_code *code); /* NOT_FOUND */
    rove_status (*code_scan)(rove__hq_tx *tx, rove_status (*each)(void *, const rove__hq_code *),
                             void *each_ctx);
    rove_status (*act_put)(rove__hq_tx *tx, rove__hq_act *act);
    /* Newest first. */
    rove_status (*act_scan)(rove__hq_tx *tx, rove_status (*each)(void *, const rove__hq_act *),
                            void *each_ctx);
    rove_status (*plan_put)(rove__hq_tx *tx, rove__hq_plan *plan); /* number 0: a new one */
    /* By due_ms, then number. */
    rove_status (*plan_scan)(rove__hq_tx *tx, rove__arena *arena, /* reset for each */
                             rove_status (*each)(void *, const rove__hq_plan *), void *each_ctx);
    rove_status (*setting_get)(rove__hq_tx *tx, const char *key, rove__arena *arena,
                               rove__bytes *value); /* NOT_FOUND */
    rove_status (*setting_put)(rove__hq_tx *tx, const char *key, rove__bytes value);
    /* Live rows of an entity whose field has this value, or whose set has this element (ordinal -1: all), ascending by id. */
    rove_status (*row_find)(rove__hq_tx *tx, uint32_t entity, int ordinal, const rove_value *value,
                            rove__arena *arena, /* reset for each row */
                            rove_status (*each)(void *, const rove__hq_row *), void *each_ctx);
    /* The same past an id, for lists that come by the page; the field is an integer. */
    rove_status (*row_page)(rove__hq_tx *tx, uint32_t entity, int ordinal, int64_t value, rove_id after,
                            rove__arena *arena, /* reset for each row */
                            rove_status (*each)(void *, const rove__hq_row *), void *each_ctx);
    rove_status (*row_count)(rove__hq_tx *tx, uint32_t entity, uint64_t *count);
    /* Who committed a seq, and in whose name; NOT_FOUND. */
    rove_status (*commit_get)(rove__hq_tx *tx, uint64_t seq, rove__arena *arena,
                              rove__hq_commit *commit);
    void *ctx;
} rove__hq_directory;

/* An open store. `registry` gains the custom fields found in it. */
typedef struct rove__hq_database rove__hq_database;
struct rove__hq_database {
    rove__hq_store store;
    rove__hq_directory directory;
    /* Adds the column of a custom field that the registry gained, in the transaction. */
    rove_status (*widen)(rove__hq_tx *tx, const rove__entity *entity, rove_error *error);
    uint64_t (*size_bytes)(rove__hq_database *database);
    /* Memory that the database itself holds in this process: pages, statements. */
    uint64_t (*memory_bytes)(rove__hq_database *database);
    /*
     * A copy of one snapshot in a new file, made while work goes on; everything up to *seq is in it (D9: the new `safe`,
     * once the copy is where it belongs). Any thread. EXISTS, FULL, READONLY, IO, CORRUPT, NOMEM.
     */
    rove_status (*backup)(rove__hq_database *database, const char *path, uint64_t *seq,
                          rove_error *error);
    void (*close)(rove__hq_database *database);
};

/*
 * Opens or creates a SQLite database file. One process at a time (who calls holds the folder's lock). Opening
 * does not begin a timeline: rove__hq_open does (T1).
 */
ROVE_CHECK rove_status rove__hq_sqlite_open(const rove_allocator *allocator,
                                            rove__registry *registry, const char *path,
                                            rove__hq_database **out, rove_error *error);
/*
 * Puts a backup in the place of the database file `path`, which no process has open; what was there is renamed to
 * `aside` (with -wal and -shm where it has them). The backup is checked first and stays where it is. CORRUPT: it is no
 * headquarters, or damaged, and nothing was changed. FULL, IO, TOO_BIG. After a kill at any moment it can be called again.
 */
ROVE_CHECK rove_status rove__hq_sqlite_restore(const char *copy, const char *path,
                                               const char *aside, rove_error *error);

#endif
