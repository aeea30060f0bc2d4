/*
 * store/sqlite/lite.h - the inside of the SQLite store: connections, prepared statements, and the functions that
 * its files give to the two tables of sync/headquarters.h and store/database.h.
 *
 * One write connection, whose transaction one thread at a time has, and any number of read connections, each of which
 * is one snapshot while its transaction lasts. Readers are opened read-only and never checkpoint: SQLite before
 * 3.51.3 can damage a log that two connections write and checkpoint.
 *
 * Invariants: a transaction is open on a connection exactly between begin and commit or rollback. When SQLite
 * undid it by itself (a full disk, for one), `doomed` says so and everything further is refused: nothing
 * is ever written outside of a transaction. Positions, stamps and replicas are stored as the int64 with the same
 * bits; they sort as long as they are at most INT64_MAX, which those of headquarters are.
 */
#ifndef ROVE_HQ_SQLITE_LITE_H
#define ROVE_HQ_SQLITE_LITE_H

#include <pthread.h>
#include <sqlite3.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "model/set.h"
#include "store/database.h"

/* Read connections kept open when nobody uses them, and at once at all: one a thread. */
#define ROVE_LITE_IDLE_MAX    16
#define ROVE_LITE_READERS_MAX 512
#define ROVE_LITE_BUCKETS     256
/* The clock and the unknown cells of a row, or all cells of a dead one. */
#define ROVE_LITE_SCRATCH_MAX ((size_t)4 * 1024 * 1024)

/* Statements made from the registry's names. */
typedef enum rove__lite_kind {
    ROVE_LITE_TEXT,          /* none: constant text */
    ROVE_LITE_GET,           /* ?1 id */
    ROVE_LITE_PUT,           /* columns as in ROVE_LITE_COLUMN_* */
    ROVE_LITE_DROP,          /* ?1 id */
    ROVE_LITE_SCAN_PART,     /* ?1 root, ?2 part, ?3 after id */
    ROVE_LITE_SCAN_ROOT,     /* ?1 root, ?2 after id */
    ROVE_LITE_IDS_PART,      /* ?1 root, ?2 part; ids alone, as they come */
    ROVE_LITE_IDS_ROOT,      /* ?1 root */
    ROVE_LITE_ALL,           /* no parameter */
    ROVE_LITE_FIND,          /* ?1 value of the field; ids and columns */
    ROVE_LITE_FIND_NULL,     /* no parameter */
    ROVE_LITE_FIND_ELEMENT,  /* ?1 element of the set */
    ROVE_LITE_PAGE,          /* ?1 after id */
    ROVE_LITE_PAGE_FIND,     /* ?1 after id, ?2 value of the field */
    ROVE_LITE_REFER,         /* ?1 value of the field; ids alone */
    ROVE_LITE_REFER_ELEMENT, /* ?1 element of the set; ids alone */
    ROVE_LITE_COUNT,         /* no parameter */
    ROVE_LITE_UNKNOWN,       /* ids of rows with unknown fields */
    ROVE_LITE_SET_GET,       /* ?1 id */
    ROVE_LITE_ELEMENT_PUT,   /* ?1 element, ?2 id */
    ROVE_LITE_ELEMENT_DROP   /* ?1 element, ?2 id */
} rove__lite_kind;

/* What stands before the fields in GET, PUT, SCAN, ALL and FIND. */
enum {
    ROVE_LITE_COLUMN_ID,
    ROVE_LITE_COLUMN_ROOT,
    ROVE_LITE_COLUMN_PART,
    ROVE_LITE_COLUMN_CLOCK,
    ROVE_LITE_COLUMN_WHOLE,
    ROVE_LITE_COLUMN_AUTHOR,
    ROVE_LITE_COLUMN_REVIEW,
    ROVE_LITE_COLUMN_UNKNOWN,
    ROVE_LITE_COLUMN_FIELDS
};

/* A prepared statement kept by a connection; `idle` is NULL while it is in use. */
typedef struct rove__lite_slot rove__lite_slot;
struct rove__lite_slot {
    rove__lite_slot *next;
    const char *text; /* constant; NULL: of an entity */
    uint32_t entity;
    size_t ordinal;
    rove__lite_kind kind;
    sqlite3_stmt *idle;
    size_t columns; /* fields of the entity that it names */
    uint64_t epoch; /* of the connection when it was prepared */
};

typedef struct rove__lite rove__lite;

/* A connection, which is a transaction while one is open on it. */
struct rove__hq_tx {
    rove__lite *lite;
    sqlite3 *db;
    rove__hq_tx *next; /* among the idle readers */
    rove__hq_mode mode;
    rove_status doomed;
    uint64_t epoch;         /* counts transactions, and changes of tables inside them */
    int widened;            /* tables were changed in this transaction */
    int spilled;            /* pages that had gone to the log when its savepoint was set */
    sqlite3_stmt *rollback; /* prepared, so that it needs no memory */
    rove__lite_slot *slots[ROVE_LITE_BUCKETS];
    rove__buf scratch;
    rove__arena arena; /* the sets of one row */
};

struct rove__lite {
    rove__hq_database database; /* first: what rove__hq_sqlite_open gives out */
    rove_allocator allocator;
    rove__registry *registry; /* borrowed */
    char *path;
    rove__hq_tx *writer;
    pthread_mutex_t mutex;  /* of what follows */
    pthread_cond_t written; /* the writer's transaction has ended */
    int writing;
    rove__hq_tx *idle;
    size_t idle_count;
    size_t reader_count; /* idle or not */
};

/* ---- statement.c ---------------------------------------------------------------------------------------- */

/*
 * A statement in use. Failures gather in `status`: once it is not ROVE_OK everything further does nothing, so that
 * a caller binds, steps, and checks once, with rove__lite_end. Parameters are bound in order and borrowed until
 * then; what a column gives is borrowed until the next step.
 */
typedef struct rove__lite_statement {
    rove__hq_tx *tx;
    rove__lite_slot *slot;
    sqlite3_stmt *sqlite;
    int bound;
    rove_status status;
} rove__lite_statement;

/* `sql` is a string constant: its address is what it is kept under. */
rove__lite_statement rove__lite_open(rove__hq_tx *tx, const char *sql);
rove__lite_statement rove__lite_open_kind(rove__hq_tx *tx, const rove__entity *entity,
                                          rove__lite_kind kind, size_t ordinal);
void rove__lite_bind_int(rove__lite_statement *statement, int64_t value);
void rove__lite_bind_u64(rove__lite_statement *statement, uint64_t value);
/* The bound of a range: larger than any position is the largest. */
void rove__lite_bind_bound(rove__lite_statement *statement, uint64_t value);
void rove__lite_bind_text(rove__lite_statement *statement, const char *text);
void rove__lite_bind_blob(rove__lite_statement *statement, const void *data, size_t size);
void rove__lite_bind_bytes(rove__lite_statement *statement, rove__bytes bytes);
void rove__lite_bind_value(rove__lite_statement *statement, const rove_value *value);
/* 1: a row stands; 0: the end, or a failure. */
int rove__lite_next(rove__lite_statement *statement);
/* The same where a row is expected: none is ROVE_NOT_FOUND. */
int rove__lite_get(rove__lite_statement *statement);
/* ROVE_DONE from a callback is ROVE_OK. */
ROVE_CHECK rove_status rove__lite_end(rove__lite_statement *statement);
/* For what gives no rows. */
ROVE_CHECK rove_status rove__lite_run(rove__lite_statement *statement);

int64_t rove__lite_int(const rove__lite_statement *statement, int column);
uint64_t rove__lite_u64(const rove__lite_statement *statement, int column);
rove_value rove__lite_value(const rove__lite_statement *statement, int column);
/* "" for NULL */
const char *rove__lite_text(const rove__lite_statement *statement, int column);
/* ROVE_CORRUPT as the statement's status unless the blob has exactly this size. */
void rove__lite_copy(rove__lite_statement *statement, int column, void *out, size_t size);
/* A copy in the arena; ROVE_NOMEM as the statement's status. */
rove__bytes rove__lite_bytes(rove__lite_statement *statement, int column, rove__arena *arena);
const char *rove__lite_text_copy(rove__lite_statement *statement, int column, rove__arena *arena);

/* What a result code means; marks the transaction doomed if SQLite undid it. `doing` begins the sentence. */
rove_status rove__lite_failed(rove__hq_tx *tx, int code, rove_error *error, const char *doing);
rove_status rove__lite_status(sqlite3 *db, int code, rove_error *error, const char *doing);
/* One statement without parameters, not kept. */
ROVE_CHECK rove_status rove__lite_execute(rove__hq_tx *tx, const char *sql, rove_error *error,
                                          const char *doing);
/* Finalizes every statement that is not in use. */
void rove__lite_forget(rove__hq_tx *tx);
/* The same, and what they were kept in; none may be in use. */
void rove__lite_free_slots(rove__hq_tx *tx);

/* ---- text.c --------------------------------------------------------------------------------------------- */

void rove__lite_put(rove__buf *sql, const char *text);
/* "a", or "a_b" */
void rove__lite_put_name(rove__buf *sql, const char *name, const char *suffix);
/* The text of a statement of an entity, naming its first `columns` fields. */
void rove__lite_put_kind(rove__buf *sql, const rove__entity *entity, rove__lite_kind kind,
                         size_t ordinal, size_t columns);
/* Fields that are not custom; these columns are always there. */
size_t rove__lite_built_in(const rove__entity *entity);

/* ---- connection.c --------------------------------------------------------------------------------------- */

ROVE_CHECK rove_status rove__lite_connect(rove__lite *lite, rove__hq_mode mode, rove__hq_tx **out,
                                          rove_error *error);
/* NULL is fine. */
void rove__lite_disconnect(rove__hq_tx *tx);

/* ---- backup.c ------------------------------------------------------------------------------------------- */

/* database.h's `backup`. */
rove_status rove__lite_backup(rove__hq_database *database, const char *path, uint64_t *seq,
                              rove_error *error);

/* ---- schema.c ------------------------------------------------------------------------------------------- */

/*
 * Whether the file is new, or a database of this build's headquarters or an older one's; changes nothing. ROVE_CORRUPT:
 * another program's. ROVE_UPGRADE: a newer build's.
 */
ROVE_CHECK rove_status rove__lite_check(rove__hq_tx *tx, rove_error *error);
/* All tables, and the custom fields that are found, in the transaction. */
ROVE_CHECK rove_status rove__lite_schema(rove__hq_tx *tx, rove_error *error);
rove_status rove__lite_widen(rove__hq_tx *tx, const rove__entity *entity, rove_error *error);

/* ---- pack.c --------------------------------------------------------------------------------------------- */

/*
 * { number:varint value }*, ascending by number (model/row.h has a value's bytes): the unknown cells of a live row, or all
 * cells of a dead one that are not NULL.
 */
void rove__lite_pack(rove__buf *buf, const rove__row *row, int all);
/* Cells whose field is known now go to their place if they fit. Borrows the bytes. ROVE_CORRUPT, ROVE_NOMEM. */
ROVE_CHECK rove_status rove__lite_unpack(rove__row *row, const rove_value *packed,
                                         rove__arena *arena);

/* ---- row.c ---------------------------------------------------------------------------------------------- */

/* The row on which a GET, SCAN, ALL or FIND stands; values borrowed from the statement, the rest from the arena. */
ROVE_CHECK rove_status rove__lite_row_read(const rove__lite_statement *statement,
                                           const rove__entity *entity, rove__arena *arena,
                                           rove__hq_row *out);
/* Runs a statement of rows to its end; resets the arena for each. */
ROVE_CHECK rove_status rove__lite_each_row(rove__lite_statement *statement,
                                           const rove__entity *entity, rove__arena *arena,
                                           rove_status (*each)(void *, const rove__hq_row *),
                                           void *each_ctx);
const rove__entity *rove__lite_entity(const rove__hq_tx *tx, uint32_t number);

/* ---- each file's part of the two tables ----------------------------------------------------------------- */

void rove__lite_fill_transaction(rove__hq_store *store);
void rove__lite_fill_head(rove__hq_store *store);
void rove__lite_fill_device(rove__hq_store *store);
void rove__lite_fill_row(rove__hq_store *store);
void rove__lite_fill_scan(rove__hq_store *store);
void rove__lite_fill_feed(rove__hq_store *store);
void rove__lite_fill_grant(rove__hq_store *store);
void rove__lite_fill_log(rove__hq_store *store);
void rove__lite_fill_sum(rove__hq_store *store);
void rove__lite_fill_purge(rove__hq_store *store);
void rove__lite_fill_directory(rove__hq_directory *directory);

#endif
