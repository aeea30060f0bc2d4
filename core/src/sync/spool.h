/*
 * sync/spool.h - bytes of one exchange that wait outside of memory: what a device pushed, until it is judged.
 *
 * What is appended gathers in memory, and goes to a file of the host's each time that there are ROVE_SPOOL_TAIL bytes of
 * it: a small push touches no file. A piece is read back whole, any number of times, in any order.
 */
#ifndef ROVE_SYNC_SPOOL_H
#define ROVE_SYNC_SPOOL_H

#include "base/buf.h"

#define ROVE_SPOOL_TAIL ((size_t)64 * 1024)
/* In one exchange. What the limits of a batch allow is less, whatever is in it. */
#define ROVE_SPOOL_MAX ((size_t)64 * 1024 * 1024)

/*
 * The host's files: one thread per file. Statuses: ROVE_OK, ROVE_FULL, ROVE_IO, ROVE_NOMEM. A short write or read is
 * ROVE_IO.
 */
typedef struct rove__spool_file rove__spool_file;
typedef struct rove__spool_port {
    /* An empty file that no other process sees, and that is gone once it is closed or this process ends. */
    rove_status (*open)(void *ctx, rove__spool_file **file);
    rove_status (*write)(rove__spool_file *file, size_t at, const void *bytes, size_t size);
    rove_status (*read)(rove__spool_file *file, size_t at, void *bytes, size_t size);
    void (*close)(rove__spool_file *file);
    void *ctx;
} rove__spool_port;

typedef struct rove__spool {
    const rove__spool_port *port;
    rove__spool_file *file; /* NULL until it is needed */
    size_t stored;          /* bytes in it */
    rove__buf tail;         /* what follows them */
} rove__spool;

void rove__spool_init(rove__spool *spool, const rove_allocator *allocator,
                      const rove__spool_port *port);
void rove__spool_free(rove__spool *spool);
/* *at: where it is. ROVE_TOO_BIG past ROVE_SPOOL_MAX; the port's statuses. The spool then is of no further use. */
ROVE_CHECK rove_status rove__spool_append(rove__spool *spool, const void *bytes, size_t size,
                                          size_t *at);
/* The piece that was appended as it is; `out` holds nothing else then. */
ROVE_CHECK rove_status rove__spool_read(rove__spool *spool, size_t at, size_t size, rove__buf *out);

#endif
