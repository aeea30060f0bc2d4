/*
 * client/internal.h - the handle, and the few operations from which the public functions are made.
 *
 * Invariants: `credentials`, `orders`, `failures`, `next_sync_ms` and `send_digests` are changed only by the thread that
 * took `busy`; others read them, and everything else below `mutex`, with the mutex held.
 */
#ifndef ROVE_CLIENT_INTERNAL_H
#define ROVE_CLIENT_INTERNAL_H

#include "base/alloc.h"
#include "client/identity.h"
#include "client/orders.h"
#include "rove/client.h"
#include "store/store.h"
#include "sync/device.h"

#define ROVE_IDLE_READERS_MAX 4
#define ROVE_ROW_ARENA_MAX    ((size_t)4 * 1024 * 1024) /* one row, as read or as handed in */

struct rove {
    rove_ports ports;
    rove__store_ports store_ports;             /* borrow from `ports` */
    rove__credentials_ports credentials_ports; /* the same */
    rove__store *store;
    char *folder;
    char *identity_path;
    char *next_path; /* of the identity of whom the device passes to (handover.c) */
    char *orders_path;

    rove__mutex *watching; /* over the watcher, also while it is called */
    rove_watcher watcher;
    void *watcher_ctx;

    rove__mutex *dropping; /* held for moments by who writes to the drop box */
    rove__mutex *mutex;
    int busy;                       /* enrolment, a sync or an exchange runs */
    rove__credentials *credentials; /* NULL: not enrolled */
    rove_status identity_status;    /* why not: NOT_FOUND, CORRUPT */
    rove__orders orders;
    int receipt_waits;      /* of an order: the drop box is to be sent once more */
    char url[ROVE_URL_MAX]; /* "" until enrolled */
    uint32_t failures;      /* exchanges that failed in a row */
    int64_t next_sync_ms;
    struct {
        rove__cursor cursor;
        int64_t made_ms; /* boot clock */
        uint32_t
            vain; /* waits in a row for which the replica was no further than for the one before */
    } waited;     /* the last wait that was made (wait.c) */
    int send_digests;    /* the last exchange found totals that differ */
    rove__sealer sealer; /* of the exchange under way; borrows from credentials */
    rove__reader_connection *idle[ROVE_IDLE_READERS_MAX];
    size_t idle_count;
    rove_export *exports; /* open ones (export.c) */
};

/* INVALID with a sentence, for arguments that the contract excludes. */
rove_status rove__client_invalid(rove_error *error, const char *sentence);
/* A call ends: a failure has a sentence in any case, that of `detail`, which was empty at first, or the status' own. */
ROVE_CHECK rove_status rove__client_said(rove_status status, const rove_error *detail,
                                         rove_error *error);

/* ---- client.c ---- */

/* One at a time talks to headquarters: ROVE_BUSY. */
ROVE_CHECK rove_status rove__client_take(rove *replica, rove_error *error);
void rove__client_give(rove *replica);
/* Around whatever talks to headquarters, with `busy` taken: rove__store_contact. */
ROVE_CHECK rove_status rove__client_contact(rove *replica, rove_error *error);
void rove__client_contact_over(rove *replica);
void rove__client_close_idle(rove *replica);
/* export.c: what open exports have in memory is overwritten; one that is inside a call does it when that ends. */
void rove__client_shed_exports(rove *replica);
/* rove__store_check; a replica that is locked keeps no idle readers, and nothing in open exports. */
ROVE_CHECK rove_status rove__client_check(rove *replica, rove_error *error);

/* A reader from the pool, or a new one; give it back. */
ROVE_CHECK rove_status rove__client_reader(rove *replica, rove__reader_connection **reader,
                                           rove_error *error);
void rove__client_reader_back(rove *replica, rove__reader_connection *reader);

/* UNKNOWN_ENTITY with a sentence. */
ROVE_CHECK rove_status rove__client_entity(const rove *replica, const char *name,
                                           const rove__entity **entity, rove_error *error);

/* ---- write.c ---- */

/* Joins this thread's transaction, or begins one of its own (*own 1), which leave() then ends. */
ROVE_CHECK rove_status rove__client_enter(rove *replica, int *own, rove_error *error);
ROVE_CHECK rove_status rove__client_leave(rove *replica, int own, rove_status status,
                                          rove_error *error);
/* A row of these fields; values are borrowed. */
ROVE_CHECK rove_status rove__client_row(const rove__entity *entity, rove_id id,
                                        const rove_field *fields, size_t count, rove__arena *arena,
                                        rove__row *row, rove_error *error);

/* ---- link.c: one request to headquarters ---- */

/* What is answered to the callbacks of a request; see rove_request. */
typedef struct rove__link {
    const char *method;
    const char *url;  /* of headquarters */
    const char *path; /* "/v1/exchange" */
    const char *content_type;
    const char *accept;
    const uint8_t
        *pin; /* of a first contact: it alone is trusted; NULL: the credentials say whom */
    rove_status (*read_body)(void *ctx, void *bytes, size_t capacity, size_t *size);
    rove_status (*write_answer)(void *ctx, const void *bytes, size_t size);
    int (*cancelled)(void *ctx);
    void *ctx;
} rove__link;
#define ROVE_REQUEST_URL_MAX (ROVE_URL_MAX + 64)
/* Whom a request trusts, and as whom it goes; borrowed from the credentials. */
void rove__link_trust(const rove__credentials *credentials, rove_request *request);
/* The request that it makes; `url` is where its address is put. */
void rove__link_request(rove *replica, const rove__link *link, char url[ROVE_REQUEST_URL_MAX],
                        rove_request *request);
ROVE_CHECK rove_status rove__link_perform(rove *replica, const rove__link *link,
                                          rove_response *response, rove_error *error);

/* A request whose body and answer are small: both in buffers. */
typedef struct rove__letter {
    const char *method;
    const char *url;
    const char *path;
    const char *content_type;
    const char *accept;
    const uint8_t *pin;
    const rove__buf *body;       /* NULL: none */
    rove__buf *answer;           /* its maximum is the cap: ROVE_PROTOCOL past it */
    int (*cancelled)(void *ctx); /* may be NULL */
    void *ctx;
} rove__letter;
ROVE_CHECK rove_status rove__letter_send(rove *replica, const rove__letter *letter,
                                         rove_response *response, rove_error *error);

/* ---- enroll.c; with `busy` taken ---- */

typedef struct rove__renewal {
    int fresh; /* with a new replica number (P3) */
    int (*cancelled)(void *ctx);
    void *ctx;
    rove_response response; /* filled in */
} rove__renewal;
/* A new key and certificate. */
ROVE_CHECK rove_status rove__client_renew(rove *replica, rove__renewal *renewal, rove_error *error);
/* Brings the replica's owner in line with the identity: what a crash between the two left undone. */
ROVE_CHECK rove_status rove__client_adopt(rove *replica, rove_error *error);

/* Sealed records are signed by whoever `credentials` are. With `mutex` held, or before others know the handle. */
void rove__client_sign(rove *replica);
/* What headquarters answered is who this device is from now on; takes `fresh`. */
void rove__client_install(rove *replica, rove__credentials *fresh);

/* ---- handover.c; with `busy` taken ---- */

/* The device passes to the user of `next` (D11), which is taken in any case. */
ROVE_CHECK rove_status rove__client_hand_over(rove *replica, rove__credentials *next,
                                              rove_error *error);
/*
 * What an earlier hand-over left undone. `hint` is of the code that is enrolled with now, NULL: none is. *was 1: what was
 * undone is of this code, and the result is its. Of another code is finished what has begun, and forgotten what has not.
 */
ROVE_CHECK rove_status rove__client_hand_over_rest(rove *replica, const uint8_t *hint, int *was,
                                                   rove_error *error);

/* NOT_ENROLLED if there is no identity to talk to headquarters with. */
ROVE_CHECK rove_status rove__client_enrolled(const rove *replica, rove_error *error);

/* ---- wipe.c; with `busy` taken ---- */

/*
 * The orders say that it is to be wiped: does it, with the replica's keys there. WIPED: it is done. NOT_ENROLLED, FULL, and what
 * rove__drop_outbox says: nothing has left, and the next call goes on.
 */
ROVE_CHECK rove_status rove__client_wipe_on(rove *replica, rove_error *error);
/* The same, with a contact of its own: for who has none. Once all is sealed it needs none. */
ROVE_CHECK rove_status rove__client_wipe_again(rove *replica, rove_error *error);
/* 1: one was begun, and this handle has not let go of the replica yet. */
int rove__client_wipe_waits(rove *replica);
/* Once the drop box of a replica that was wiped is empty, the last files go; else nothing happens. */
ROVE_CHECK rove_status rove__client_wipe_end(const rove_ports *ports, const char *folder,
                                             rove_error *error);
/* The orders say that it was wiped: what is left of its files goes. WIPED. */
ROVE_CHECK rove_status rove__client_wipe_rest(const rove_ports *ports, const char *folder,
                                              rove_error *error);

/* ---- obey.c; with `busy` taken ---- */

/* What is in force from now on: into the file, and into the handle. */
ROVE_CHECK rove_status rove__client_put_orders(rove *replica, const rove__orders *orders,
                                               rove_error *error);
/* The stage that the orders are at. Any thread. */
rove__stage rove__client_stage(rove *replica);

/*
 * Headquarters refuses this device: does what it is ordered, if anything. REVOKED: nothing, or it could not be asked. LOCKED: it is locked, and
 * perhaps to be wiped when it is unlocked. WIPED. What wiping says. FULL, IO, READONLY, NOMEM: also, that the order could not be written down;
 * this handle is locked until it can be. Of an order that is not followed, why: TLS, DENIED, EXPIRED, EXISTS (order.h), VERSION, TRUNCATED, PROTOCOL.
 */
ROVE_CHECK rove_status rove__client_obey(rove *replica, rove_error *error);
/* Headquarters let the device in: it is locked no longer. */
void rove__client_released(rove *replica);

/* ---- exchange.c: what rove_sync shares with it; with `busy` taken ---- */

/* The device's side of one, as the identity says who it is: an adoption that failed is made up for. */
ROVE_CHECK rove_status rove__client_device(rove *replica, uint64_t bytes_max, rove__device **device,
                                           rove_error *error);
/* Where an exchange goes. */
rove__link rove__exchange_link(const rove *replica);
/* Remembers what came of an exchange, or of a sync. */
void rove__client_settle(rove *replica, rove_status status, int64_t next_ms);
void rove__client_report(const rove__device_stats *stats, rove_sync_report *report);

#endif
