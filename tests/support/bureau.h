/*
 * support/bureau.h - the program rove-hq without a process: a headquarters in a folder that is made, opened, given commands and
 * restored. For tests that have another `hq` (site.h); support/headquarters.h is for the others.
 */
#ifndef ROVE_TESTS_BUREAU_H
#define ROVE_TESTS_BUREAU_H

#include "base/buf.h"
#include "rove/sys/alloc.h"
#include "rove/sys/files.h"
#include "rove/sys/random.h"
#include "sync/server.h"

typedef struct bureau bureau;

/* A place for one; nothing is opened. The folder's name is borrowed, its clock stands at `now_ms`. Aborts without memory. */
bureau *bureau_new(const rove_allocator *allocator, const rove_files *files,
                   const rove_random *random, const char *folder, int64_t now_ms);
/* Closes it if it is open. */
void bureau_free(bureau *b);

rove_status bureau_init(bureau *b, rove_error *error);
rove_status bureau_open(bureau *b, rove_error *error);
int bureau_is_open(const bureau *b);
void bureau_close(bureau *b);
/* Runs a command; argv[0] is its name. Returns the exit code; the text is bureau_said's until the next one. */
int bureau_run(bureau *b, int argc, char **argv);
/* What it printed, and what it complained of. */
const char *bureau_said(const bureau *b);
const char *bureau_complained(const bureau *b);
/* Of a closed one. *replaced: the backup is in place, whatever is returned. */
rove_status bureau_restore(bureau *b, const char *copy, int *replaced, rove_error *error);

/* ---- devices, which come without HTTP: bureau_devices.c -------------------------------------------------- */

/* Its clock goes on. */
void bureau_wait(bureau *b, int64_t ms);
/* A device has enrolled under this number; its identity is what it is answered. Fails the test. */
void bureau_enrol(bureau *b, rove_replica replica, rove_id user, const void *csr, size_t csr_size,
                  rove__buf *answer);
/*
 * What http/exchange.c and http/drop.c come to, a failure as http/answer.c says it: the device of this certificate is let in for one
 * exchange, with a lease if lease_ms is not 0; *cut: the answer ends after so many bytes, 0: it does not. And sealed records, from
 * anybody.
 */
rove_status bureau_exchange(bureau *b, rove__bytes certificate, int64_t lease_ms,
                            const rove__buf *body, rove__buf *answer, size_t *cut);
rove_status bureau_drop(bureau *b, const rove__buf *body, rove__buf *answer);

#endif
