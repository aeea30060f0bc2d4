/*
 * rove/inspect.h - a look at a replica that may be damaged, and at the libraries that Rove uses; for people who search for
 * what is wrong. Nothing here writes, waits or locks, but that a PIN which
 * is tried is counted as when the replica is opened.
 *
 *     rove_inspection found = {.size = sizeof found};
 *     if (rove_inspect(&ports, "/data/replica", 0, &found) == ROVE_OK && found.database != ROVE_OK) ...
 *
 * Threads: any; nothing is shared. Stability: stable; rove_inspection is extended at its end. Valid C99, C11 and C++.
 */
#ifndef ROVE_INSPECT_H
#define ROVE_INSPECT_H

#include <stddef.h>
#include <stdint.h>

#include "rove/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A library: the version that Rove was compiled with, and the one that runs. Both are constant texts. */
typedef struct rove_library {
    const char *name;
    const char *built;
    const char *running;
} rove_library;

#define ROVE_LIBRARIES_MAX 8
/* Those of the core: SQLite, zstd, protobuf-c. Fills in at most `capacity` of them; returns how many. */
size_t rove_libraries(rove_library *out, size_t capacity);

/* How to look; or-ed. */
#define ROVE_INSPECT_DEEP 1u /* read the whole file (PRAGMA quick_check) */
#define ROVE_INSPECT_IN_USE                                                                        \
    2u /* another process has the replica open; without it the caller keeps others out meanwhile */

typedef struct rove_inspection {
    size_t size; /* sizeof(rove_inspection), set by the caller */

    /*
     * The database. OK; NOT_FOUND; LOCKED: it is encrypted, and there is no keyring; BUSY: it is encrypted and in use, so that it
     * is not looked into now; CORRUPT, WRONG_KEY, UPGRADE, IO and what the keyring says: it cannot be read. message says why.
     */
    rove_status database;
    char message[ROVE_ERROR_MESSAGE_MAX];
    int encrypted;         /* there is a key file */
    char journal_mode[16]; /* "wal", "other"; "": it could not be read */
    int64_t page_size;     /* bytes */
    /* What SQLite says when asked after Rove's own settings were made on the connection; -1: it could not be asked. */
    int64_t synchronous;     /* 2: FULL */
    int64_t secure_delete;   /* 1: on */
    int64_t cell_size_check; /* 1: on */
    int looked_deep;         /* with ROVE_INSPECT_DEEP, and the file could be read */
    char damage[200];        /* the first complaint; "": none */

    /* What is in it; 0 where it could not be read. */
    uint32_t replica; /* 0: it was never enrolled */
    int64_t user;
    uint64_t pending;        /* records with work that headquarters has not confirmed */
    uint64_t batches;        /* frozen, not acknowledged */
    uint64_t former_batches; /* sealed ones of a former number or user, not delivered */
    uint64_t rejections;     /* refused work that the rep has not settled */
    uint64_t quarantined;    /* records from headquarters that cannot be shown */
    int64_t remains;         /* not 0: what left may still lie in the files */
    int64_t contact_ms;      /* Unix ms by headquarters' clock; 0: never */
    int64_t verified_ms;
    int64_t anchor_ms; /* headquarters' time when it was last heard; 0: never */

    /* The clock. */
    int64_t wall_ms; /* what the device's clock says */
    int64_t now_ms;  /* what time it is by headquarters, as far as is known */
    int clock_trusted; /* 1: the device was not off since then, so now_ms is right whatever its clock says */

    /* The identity file. OK; NOT_FOUND: not enrolled; WRONG_KEY: it is sealed, and the keyring does not open it, or there is none; CORRUPT,
     * UPGRADE, IO, what the keyring says. */
    rove_status identity;
    char url[512];
    uint32_t identity_replica;
    int64_t identity_user;
    int64_t certificate_until_ms;
} rove_inspection;

/*
 * Looks at the replica in a folder. What cannot be read is said in *out and is no failure. INVALID for the arguments,
 * NOMEM.
 */
ROVE_CHECK rove_status rove_inspect(const rove_ports *ports, const char *folder, unsigned how,
                                    rove_inspection *out);

#ifdef __cplusplus
}
#endif
#endif
