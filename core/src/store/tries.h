/*
 * store/tries.h - wrong PINs, counted in a file beside core.key, so that neither ending the process nor starting the device
 * again gives more tries (rules/pin.h).
 *
 *   core.key.tries = "RovePin" version:byte wrong:u32 boot_ms:u64 boot_id[16] digest[32]
 *
 * version is 1; numbers are big-endian; digest: SHA-256 of everything before it. No file: none was wrong. It is written before a PIN is
 * tried, and removed when one was right. A file that is not like that was meddled with, and makes for the longest wait.
 *
 * One at a time for a replica: whoever opens it has its lock, whoever unlocks it the writer's turn.
 */
#ifndef ROVE_STORE_TRIES_H
#define ROVE_STORE_TRIES_H

#include "rules/pin.h"
#include "store/store.h"

typedef struct rove__tries {
    const rove__store_ports *ports; /* borrowed */
    char *path;
    rove__pin_tries before; /* the try */
    rove__pin_tries now;
} rove__tries;

/* Of the key file at a path. LATER: it is too early for another try; the sentence and the code say how long to wait. IO, NOMEM. Freed by
 * rove__tries_free in any case. */
ROVE_CHECK rove_status rove__tries_begin(rove__tries *tries, const rove__store_ports *ports,
                                         const char *key_path, rove_error *error);
/* A PIN is about to be tried: counts it, durably. What replacing a file says: then it may not be tried. */
ROVE_CHECK rove_status rove__tries_count(rove__tries *tries, rove_error *error);
/* What came of it; returns the same. WRONG_KEY: the sentence says how long to wait. Not OK and not WRONG_KEY: it was no try. */
rove_status rove__tries_end(rove__tries *tries, rove_status status, rove_error *error);
void rove__tries_free(rove__tries *tries);

#endif
