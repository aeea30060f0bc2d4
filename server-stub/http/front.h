/*
 * http/front.h - what the files of this folder share: the server, a connection, a request and its course.
 *
 * A request's course (request.c): judged by its head; its body received, or drained if it was refused, so that
 * the answer does not meet a reset; finished by its route; answered. A route that has to write, or to wait for news,
 * suspends the connection until the committing or the waking thread resumes it, and is finished again then.
 */
#ifndef ROVE_HQ_FRONT_H
#define ROVE_HQ_FRONT_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "hq.h"
#include "http/credentials.h"
#include "http/guard.h"
#include "http/http.h"
#include "http/metrics.h"
#include "http/purse.h"
#include "http/tally.h"
#include "keys.h"
#include "sync/enroll.h"
#include "traffic.h"
#include "wake.h"

#define FRONT_SECRET_SIZE 32

typedef struct request request;

struct hq_http {
    hq *headquarters;
    hq_http_options options;
    struct MHD_Daemon *daemon;
    guard *guard;
    metrics *metrics;
    purse purse;
    purse drop_purse;
    tally drops;
    struct drop_box *drop_box;
    traffic *traffic;
    credentials *credentials;
    uint8_t secret[FRONT_SECRET_SIZE]; /* of nonces; lives as long as the process */
    char url[320];
    int port;
    int listener; /* -1 once the daemon has it */
    rove_pki_bytes ca_pem;
    rove_pki_bytes server_pem;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t changed;
    unsigned running;   /* requests begun and not completed */
    unsigned suspended; /* of those, waiting for the committing thread */
    request *crowd;     /* of those, the ones that are counted against their device */
    atomic_int stopping;
};

/* One TLS connection: libmicrohttpd's socket context. */
typedef struct connection {
    guarded *guarded;
    const hq_keys
        *judged_by;     /* the keys by which its certificate was looked at; NULL: it was not */
    rove_status judged; /* OK: `device` is what it says */
    rove_pki_device device;
} connection;

typedef enum need {
    NEED_OPEN,
    NEED_HOST,   /* from this host */
    NEED_DEVICE, /* a device with a valid certificate that was not revoked; one replaced learns so by sync/server.h */
    NEED_RENEW,  /* the same, but the certificate may have expired */
    NEED_ORDER   /* a device of ours, in service or not: for what it is ordered */
} need;

typedef struct route {
    const char *path;
    const char *method;
    need needed;
    const char *content_type; /* of the body; NULL: there is none */
    uint64_t body_max;
    /* The head is accepted. NULL: nothing to do. */
    rove_status (*begin)(request *self);
    /* Bytes of the body. NULL: there is none. */
    rove_status (*receive)(request *self, const void *bytes, size_t size);
    /* The body is complete, or a submitted job is done: answers (answer.h) or submits. */
    enum MHD_Result (*finish)(request *self);
    void (*end)(request *self); /* NULL: nothing to free */
} route;

extern const route front_routes[]; /* ended by a NULL path */

typedef enum progress { PROGRESS_FRESH, PROGRESS_SUSPENDED, PROGRESS_RESUMED } progress;

/* What an enrolment or a renewal is about; enroll.c. */
typedef struct enrolment {
    rove__enroll_request request;
    rove_pki_request csr;
    uint8_t key_hash[ROVE_SHA256_SIZE];
    int refused; /* the code, or the device, is not good */
    int shown;   /* the device that enrols shows a certificate of ours */
    int exists;  /* and is enrolled as it is */
    rove_replica replica;
    rove_replica former; /* the number that the device had before; 0: none */
    rove_id user;
    rove_pki_bytes certificate;
    const hq_keys *keys; /* that it was issued with; what else the identity says is theirs, too */
    int64_t until_ms;
    int64_t now_ms;
    uint64_t seq; /* of what was written */
    char organisation[ROVE_TEXT_MAX + 1];
} enrolment;

struct request {
    hq_http *http;
    struct MHD_Connection *mhd;
    connection *connection;
    const route *route; /* NULL: there is none, and it is refused */
    const char *path;   /* of the route, or "other": for the metrics */
    unsigned refused;   /* HTTP status; 0: accepted */
    rove_status why;
    rove_replica
        counted; /* against which device; 0: none. This and what follows under the server's mutex */
    request *crowd_next;
    request *crowd_before;
    const char *allow;     /* with 405 */
    int64_t retry_after_s; /* with 429 and 503; 0: the usual moment */
    uint64_t received;
    int64_t began_ms; /* boot clock */
    rove__hq_device device;
    int ordered;   /* an order to the device is in force: it is let in for nothing else */
    int forgotten; /* the certificate is ours, and newer than what is known of its device */
    int outdated; /* the device was told to trust another key than headquarters has now, or not its next one */
    int unseen;     /* the connection's key is new, and was not seen before */
    int former_key; /* the connection's key is the one before the device's last renewal */
    rove_status
        job_status; /* what the exchange's job said; the transaction may have failed after it */
    progress progress;
    hq_task task;
    wake_waiter waiter;
    rove__buf body;
    enrolment *enrolment;
    rove__server *server;
    struct drop_parcel *parcel;
    int answered; /* all of the exchange's answer was taken */
};

/* readmit.c: 1 if the certificate was issued after what is known of the device. */
int front_is_newer(const rove_pki_device *certificate, const rove__hq_device *device);
/* 1 if headquarters knows of the device only what it signed (core/src/sync/judge_former.c): it is as good as forgotten. */
int front_is_hearsay(const rove__hq_device *device);
/* Takes a forgotten device back; waits for the commit. UNAUTHORIZED: it may not come back. */
ROVE_CHECK rove_status front_readmit(request *self);
/* In a job: a forgotten device is known again, with its number and its key; sets self->device. */
ROVE_CHECK rove_status front_remember(request *self, rove__hq_tx *tx, rove_error *error);

/* Suspends the connection and runs the job; finish() is called when it is done, with self->task telling how it ended. */
enum MHD_Result front_submit(request *self, hq_job job);
int64_t front_boot_ms(const hq_http *http);
/* The HTTP status that goes with a device's not being let in. */
unsigned front_refusal(rove_status status);

/* identity.c: what the connection's certificate says, and whether its device may do this now. Sets self->device. */
rove_status front_identify(request *self);
rove_status front_authorise(request *self, need needed);
/*
 * In a job, after front_identify: self->device is what is known of the device that the certificate names, with replica 0
 * if that is nothing. *good 1: it is let in as it is, or may renew, and knows the key by which it finds headquarters.
 */
ROVE_CHECK rove_status front_recognise(request *self, rove__hq_tx *tx, int *good);
/* Of a device that may: sets self->outdated and self->unseen. */
ROVE_CHECK rove_status front_look_at_keys(request *self);
/*
 * A renewal brings a new key, and its answer may be lost: the key before it stays good until the new one was seen.
 * In jobs: remembers the connection's key as that, and forgets it once this connection has the new one.
 */
ROVE_CHECK rove_status front_remember_key(request *self, rove__hq_tx *tx);
ROVE_CHECK rove_status front_forget_key(request *self, rove__hq_tx *tx);

/* request.c: libmicrohttpd's callbacks. */
enum MHD_Result front_handle(void *cls, struct MHD_Connection *mhd, const char *url,
                             const char *method, const char *version, const char *upload_data,
                             size_t *upload_data_size, void **con_cls);
void front_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                     enum MHD_RequestTerminationCode code);
void front_connected(void *cls, struct MHD_Connection *mhd, void **socket_context,
                     enum MHD_ConnectionNotificationCode code);

#endif
