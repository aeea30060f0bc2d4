/*
 * checkup.h - what `rove doctor` and `rove-hq doctor` share: findings, and the checks of libraries, files, disk, certificate
 * and clock that both make. Internal. Nothing here writes.
 *
 * A finding is what was looked at, its value, a verdict, and what to do. Verdicts: fine; a warning, for what will be wrong or
 * is weaker than it could be; wrong, for what somebody has to put right.
 */
#ifndef ROVE_POSIX_CHECKUP_H
#define ROVE_POSIX_CHECKUP_H

#include <stddef.h>
#include <stdint.h>

#include "rove/status.h"

#define ROVE__CHECKUP_MAX 96

typedef enum rove__checkup_state { ROVE__FINE, ROVE__WARNING, ROVE__WRONG } rove__checkup_state;

typedef struct rove__finding {
    rove__checkup_state verdict;
    char what[48];
    char value[320];
    char advice[320]; /* "" where nothing is to be done */
} rove__finding;

/* Zeros: none yet. One thread. */
typedef struct rove__checkup {
    size_t count;
    rove__finding findings[ROVE__CHECKUP_MAX];
} rove__checkup;

/* Adds a finding; `advice` may be NULL. What does not fit is cut. The returned one may be refined. */
rove__finding *rove__checkup_add(rove__checkup *checkup, rove__checkup_state verdict,
                                 const char *what, const char *advice, const char *format, ...)
    ROVE_PRINTF(5, 6);
/* How many findings have this verdict. */
size_t rove__checkup_count(const rove__checkup *checkup, rove__checkup_state verdict);
/* "ok", "warning", "wrong" */
const char *rove__checkup_state_name(rove__checkup_state verdict);

/* The first version in a text as one number that sorts, "OpenSSL 3.0.17 1 Jul" as 3000017; -1: none. */
int64_t rove__version_number(const char *text);

/*
 * A library. Wrong: what runs has another major version than what it was built with; a warning: it is older than that.
 * Also says what stands in for a fix that the running version lacks. `writers` says, for SQLite, how this program uses it.
 */
void rove__checkup_library(rove__checkup *checkup, const char *name, const char *built,
                           const char *running, const char *writers);
/* mbedTLS and OpenSSL (crypto_versions.c); libcurl (transport_version.c). */
void rove__checkup_crypto(rove__checkup *checkup);
void rove__checkup_curl(rove__checkup *checkup);

/*
 * A file or folder and its mode: nobody but the owner may do anything with it, and it is this user's. Missing: wrong
 * where `required`, else not mentioned.
 */
void rove__checkup_mode(rove__checkup *checkup, const char *folder, const char *name, int required);
/* Room on the disk of a folder. A warning below 512 MiB or 5 %, wrong below 64 MiB. */
void rove__checkup_space(rove__checkup *checkup, const char *folder);
/* A certificate's end: wrong once it is over, a warning `warn_days` before. */
void rove__checkup_certificate(rove__checkup *checkup, const char *what, int64_t until_ms,
                               int64_t now_ms, int64_t warn_days, const char *advice);
/* When a certificate (DER) of any kind ends (pki_until.c). INVALID: it is none. */
rove_status rove__checkup_until(const void *der, size_t size, int64_t *until_ms);
/* Seconds, minutes, hours or days, as a person says it: "3 days". */
void rove__checkup_span(char *out, size_t capacity, int64_t ms);

/*
 * Keeps others from opening a folder whose lock is the file `lock`, without writing into it: *fd, closed by the caller, or
 * -1: there is no lock file, so nobody has it. BUSY: somebody has it open, and *pid says who (0: unknown). IO.
 */
rove_status rove__checkup_hold(const char *folder, int *fd, long *pid);

#endif
