/*
 * sync/device.h - the device's end of one exchange, sans I/O: request bytes out, answer bytes in, and a
 * deadline for the next one. Storage is the replica (store/store.h).
 *
 *   rove__device_new                freezes unsent work, says Hello
 *   rove__device_request*           fills a buffer; *size = 0: the request is complete
 *   rove__device_answer*            answer bytes as they come; applies page by page, one transaction each
 *   rove__device_finish             how the transport ended; says what came of it and when to come again
 *   rove__device_free
 *
 * Acks are held (they are small) until the first page or the end, so that an answer of one page is one
 * transaction (Q6). No transaction is open between two calls. One thread at a time.
 */
#ifndef ROVE_SYNC_DEVICE_H
#define ROVE_SYNC_DEVICE_H

#include "store/store.h"

typedef struct rove__device_options {
    const char *app;    /* name and version, for the operator */
    uint64_t bytes_max; /* answer bytes after which pages are to end; 0: no limit */
    int send_digests;   /* the last exchange found totals that differ */
    uint32_t failures;  /* exchanges that failed in a row before this one, for the back-off */
    const rove__sealer
        *sealer; /* with what acknowledged work is sealed; NULL: it is not. Borrowed */
} rove__device_options;

typedef struct rove__device_stats {
    uint64_t bytes_out, bytes_in; /* of bodies, compressed */
    uint64_t batches, rows_pushed;
    uint64_t rows_applied, rows_removed, pages;
    uint64_t scopes_entered, scopes_left;
    uint64_t rejected, reviewed, lost; /* verdicts */
    uint64_t server_rows; /* that headquarters says this device should hold; 0: unknown */
} rove__device_stats;

typedef struct rove__device_outcome {
    int again;        /* come again at once: more to push or to pull, renumbered, NEED, digests */
    int send_digests; /* and send digests then */
    int verified;     /* the digest was equal */
    int64_t
        next_ms; /* trusted Unix ms at which to come again by itself (poll or back-off, with jitter) */
    rove__device_stats stats;
} rove__device_outcome;

typedef struct rove__device rove__device;
ROVE_CHECK rove_status rove__device_new(const rove__store_ports *ports, rove__store *store,
                                        const rove__device_options *options, rove__device **out,
                                        rove_error *error);
void rove__device_free(rove__device *device);
ROVE_CHECK rove_status rove__device_request(rove__device *device, void *bytes, size_t capacity,
                                            size_t *size, rove_error *error);
ROVE_CHECK rove_status rove__device_answer(rove__device *device, const void *bytes, size_t size,
                                           rove_error *error);
/*
 * `transport` is what the transport returned. Returns it, or what the exchange itself came to: ROVE_OK,
 * FORK, UPGRADE, REVOKED, TRUNCATED (the answer had no End), PROTOCOL ... The outcome is filled in either case.
 */
ROVE_CHECK rove_status rove__device_finish(rove__device *device, rove_status transport,
                                           rove__device_outcome *outcome, rove_error *error);
/* While it runs; for progress. */
const rove__device_stats *rove__device_progress(const rove__device *device);

#endif
