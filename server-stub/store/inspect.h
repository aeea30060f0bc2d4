/*
 * store/inspect.h - a look at headquarters' database file that changes nothing, for `rove-hq doctor`: it may be damaged, and
 * another process may serve it.
 */
#ifndef ROVE_HQ_STORE_INSPECT_H
#define ROVE_HQ_STORE_INSPECT_H

#include <stdint.h>

#include "rove/error.h"
#include "rove/sys/alloc.h"
#include "store/database.h"

typedef struct hq_inspection {
    /* OK; NOT_FOUND; CORRUPT, UPGRADE, IO: it cannot be read, and message says why. */
    rove_status database;
    char message[ROVE_ERROR_MESSAGE_MAX];
    int write_ahead;   /* the file is in write-ahead mode */
    int64_t page_size; /* bytes */
    /* What SQLite says when asked after headquarters' own settings were made on the connection. */
    int64_t synchronous;     /* 2: FULL */
    int64_t secure_delete;   /* not asked for: history keeps what was deleted anyway */
    int64_t cell_size_check; /* 1: on */
    rove_status answered;    /* how a question ended; STATE: it was not asked */
    int looked_deep;         /* it was asked for, and the file could be read */
    char damage[200];        /* the first complaint; "": none */

    int64_t bytes;     /* of the database */
    int64_t head;      /* committed positions; 0: init was not finished */
    int64_t safe;      /* up to which there is a backup */
    int64_t last_ms;   /* the latest moment that headquarters' clock has written down */
    int64_t backup_ms; /* the last backup; 0: never */
    int64_t active;    /* devices in service */
    int64_t reviews;   /* work in review, open */
    int64_t parked;    /* edits that wait for a record */
    int64_t plans_failed;
    int64_t plans_overdue;
    int64_t contests; /* devices that won nearly all of a day's contests, in the last week */
    int64_t quotas;   /* devices that had more than their share of a day, in the last week */
} hq_inspection;

/* What else is to be asked, in one transaction, of a database that can be read. Its status is only passed on. */
typedef struct hq_question {
    rove_status (*ask)(void *ctx, const rove__hq_directory *directory, rove__hq_tx *tx);
    void *ctx;
} hq_question;

/*
 * `served`: another process has the database open; else the caller keeps others out meanwhile. `question` may be NULL.
 * NOMEM.
 */
ROVE_CHECK rove_status hq_sqlite_inspect(const rove_allocator *allocator, const char *path,
                                         int served, int deep, int64_t now_ms,
                                         const hq_question *question, hq_inspection *out);
/* SQLite, as compiled with and as running; constant texts. */
const char *hq_sqlite_built(void);
const char *hq_sqlite_running(void);

#endif
