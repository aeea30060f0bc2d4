/*
 * sync/server.h - headquarters' end of an exchange, sans I/O: request bytes in, answer bytes out, storage
 * through sync/headquarters.h.
 *
 * The host (server-stub/http) drives it:
 *
 *   rove__server_new                          identity comes from the client certificate, never from a claim
 *   rove__server_receive*                     request bytes as they come; pushes are staged
 *   rove__server_received                     the body has ended
 *   while rove__server_wants_commit           on the one committing thread, in a write transaction, each call
 *       rove__server_commit                   inside a savepoint: one batch (or NEED_ROW answer) is judged
 *   rove__server_answer*                      any thread: fills a buffer; opens a read transaction per page
 *   rove__server_free
 *
 * Memory is bounded and small: while a request comes, one frame and an index of the changes pushed (ROVE_PUSH_CHANGES_MAX
 * of them), which themselves wait in the spool; then one change and what the device is told; then one page. One thread at
 * a time.
 */
#ifndef ROVE_SYNC_SERVER_H
#define ROVE_SYNC_SERVER_H

#include "rove/sys/crypto.h"
#include "rove/sys/log.h"
#include "rove/sys/random.h"
#include "sync/headquarters.h"
#include "sync/news.h"
#include "sync/spool.h"

/* Whose certificate it is. */
typedef struct rove__signer {
    rove_replica replica;
    rove_replica former; /* the number that the device had before; 0: none */
    rove_id user;
    uint8_t public_key[ROVE_PUBLIC_KEY_DER_MAX];
    size_t public_size;
} rove__signer;

/* What it takes to open what devices have sealed (wire/sealed.h). Borrowed. */
typedef struct rove__server_sealing {
    rove__bytes key;        /* private, DER */
    rove__bytes public_key; /* ROVE_SEAL_KEY_SIZE: what devices seal to */
    /* UNAUTHORIZED: not a device's certificate of this authority. Whether it has expired does not matter. */
    rove_status (*identify)(void *ctx, rove__bytes certificate, rove__signer *signer);
    void *ctx;
} rove__server_sealing;

typedef struct rove__server_ports {
    const rove_allocator *allocator;
    const rove__registry *registry;
    const rove__hq_store *store;
    const rove_crypto *crypto;
    const rove_random *random;
    const rove_log *log;
    const rove__server_sealing *sealing; /* NULL: devices seal nothing */
    const rove__news *news;              /* of what is committed; NULL: nobody waits */
    const rove__spool_port *spool;       /* where pushes wait; needed by rove__server_new */
} rove__server_ports;

typedef struct rove__server_policy {
    int64_t poll_ms;        /* how soon a device is to come again */
    uint64_t page_rows;     /* about so many rows in a page; 0: 4096 */
    uint64_t ack_bytes;     /* about so many bytes of rows with one Ack; 0: ROVE_SERVER_ACK_BYTES */
    uint32_t oldest_schema; /* below it a device is told to upgrade, once its work was taken */
    rove__bytes policy;     /* passed on in Welcome */
    int renew;        /* 1: this device is to renew its certificate now, for what comes with it */
    int64_t lease_ms; /* a device may read for so long without coming again; 0: for ever */
} rove__server_policy;

/* Two users wrote one register without having seen each other, and the clock decided (P6): how often for a device. */
typedef struct rove__contest {
    rove_replica replica;
    uint32_t won, lost;
} rove__contest;
/* So many devices are told apart in a commit; contests of others are not counted. */
#define ROVE_CONTESTS_MAX 32

typedef struct rove__server_stats {
    uint64_t batches, rows_in, rows_out, pages, conflicts, reviews, parked, rejected, bytes_in,
        bytes_out, rows_back;                  /* rows that had been asked for, and were taken in */
    rove__contest contests[ROVE_CONTESTS_MAX]; /* of the last commit */
    size_t contest_count;
} rove__server_stats;

typedef struct rove__server rove__server;

ROVE_CHECK rove_status rove__server_new(const rove__server_ports *ports,
                                        const rove__server_policy *policy, rove_replica replica,
                                        int64_t now_ms, rove__server **out);
void rove__server_free(rove__server *server);
/* A malformed request becomes a FAIL frame in the answer; ROVE_OK still. NOMEM otherwise. */
ROVE_CHECK rove_status rove__server_receive(rove__server *server, const void *bytes, size_t size);
ROVE_CHECK rove_status rove__server_received(rove__server *server);
int rove__server_wants_commit(const rove__server *server);
/* now_ms: headquarters' wall clock. A status other than OK: the savepoint is to be undone; LATER: call again. */
ROVE_CHECK rove_status rove__server_commit(rove__server *server, rove__hq_tx *tx, int64_t now_ms,
                                           rove_error *error);
/* *size = 0: the answer is complete. */
ROVE_CHECK rove_status rove__server_answer(rove__server *server, void *bytes, size_t capacity,
                                           size_t *size);
const rove__server_stats *rove__server_statistics(const rove__server *server);

#endif
