/*
 * http/http.h - the TLS front of headquarters.
 *
 *   GET  /healthz      anybody          200 "ok" when the database answers
 *   GET  /metrics      this host alone  counters as Prometheus text (metrics.c lists them)
 *   GET  /v1/enroll    anybody          a nonce
 *   POST /v1/enroll    a code's proof   an identity (sync/enroll.h)
 *   POST /v1/renew     a device         an identity; its certificate may have expired up to 400 days ago
 *   POST /v1/exchange  a device         a whole exchange (sync/server.h)
 *   POST /v1/drop      anybody          what becomes of each sealed record (drop/box.h)
 *   GET  /v1/wait      a device         whether there is news for it, as soon as there is (wake.h)
 *
 * TLS 1.3 alone. A client certificate is asked for in the handshake and needed by path; its signature is judged once a
 * connection and once more when keys were rotated, the device's row on every request. Who is not allowed anything learns nothing: without a device's
 * certificate every other path answers 401, whether it exists or not. An answer other than 200 carries the header
 * "Rove-Status: NAME" and that status' sentence.
 *
 * Threads: start and stop from one; everything inside runs on the pool.
 */
#ifndef ROVE_HQ_HTTP_H
#define ROVE_HQ_HTTP_H

#include "hq.h"

#define HQ_HTTP_HEADER_MAX   ((size_t)16 * 1024)
#define HQ_HTTP_BODY_MAX     ((uint64_t)64 * 1024 * 1024)
#define HQ_HTTP_EXPIRED_DAYS 400 /* a certificate renews itself so long after its end */
#define HQ_HTTP_NONCE_MS     INT64_C(300000)
/* One device has one under way and perhaps waits for news; what a bad network cut off is noticed late. */
#define HQ_HTTP_REQUESTS_OF_DEVICE 8

typedef struct hq_http_options {
    const char *listen;               /* "127.0.0.1:8443", "[::1]:0"; port 0: the system chooses */
    unsigned threads;                 /* 0: 4 */
    unsigned connections;             /* in all; 0: 1024 */
    unsigned connections_per_address; /* 0: 256 */
    int64_t idle_ms;                  /* a request has to come, or go on, within it; 0: 30 s */
    int64_t wait_ms;                  /* the longest wait for news; 0: 240 s */
    size_t exchange_bytes;            /* memory of all exchanges together; 0: 256 MiB */
    uint64_t pull_bytes_a_day;        /* that one device is sent; 0: 2 GiB */
    uint64_t full_downloads_a_day;    /* of one device; 0: 24 */
    unsigned drops_a_minute;          /* of one address, to the drop box; 0: 60 */
} hq_http_options;

typedef struct hq_http hq_http;

/* `headquarters` is borrowed until hq_http_stop. INVALID for an address, BUSY for one in use, TLS, NOMEM. */
ROVE_CHECK rove_status hq_http_start(hq *headquarters, const hq_http_options *options,
                                     hq_http **out, rove_error *error);
/* Accepts nothing more, lets running requests finish for up to 10 s, and ends. NULL is fine. */
void hq_http_stop(hq_http *http);
/* "https://127.0.0.1:8443", with the port that the system chose; and that port. */
const char *hq_http_url(const hq_http *http);
int hq_http_port(const hq_http *http);

#endif
