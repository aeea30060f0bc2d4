/*
 * rove/sys/transport.h - one HTTPS request at a time to headquarters.
 *
 * The core makes and reads bytes; the transport moves them. It trusts only the private CA given, checks
 * the server's name, the key pin (if any) and, by trusted time, the validity of the certificate, and
 * speaks nothing below TLS 1.3. Connections are kept alive between requests.
 *
 * Stability: extension point; fields are only ever added at the end.
 */
#ifndef ROVE_SYS_TRANSPORT_H
#define ROVE_SYS_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "rove/error.h"
#include "rove/status.h"
#include "rove/sys/crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rove_request {
    const char *method;       /* "POST" or "GET" */
    const char *url;          /* absolute, https */
    const char *content_type; /* of the body; NULL without one */
    const char *accept;       /* expected content type; else ROVE_NOT_ROVE. NULL: any */

    /*
     * Trust. All DER, borrowed for the call. ca_der: the certificates of one authority or two, one after the other, either of
     * which may have issued the server's; NULL only with pin (first enrolment).
     */
    const uint8_t *ca_der;
    size_t ca_size;
    const uint8_t *pin; /* SHA-256 of the server's SubjectPublicKeyInfo, or NULL */
    const uint8_t *backup_pin;
    /* The client's certificate and key; NULL for enrolment. */
    const uint8_t *certificate_der;
    size_t certificate_size;
    const uint8_t *key_der;
    size_t key_size;
    int64_t trusted_now_ms; /* to judge validity by; 0 if unknown: then validity is not judged */

    /*
     * Body source: fills up to `capacity` bytes, *size = 0 means the end. A status other than ROVE_OK
     * aborts the request with that status. NULL without a body.
     */
    rove_status (*read_body)(void *ctx, void *bytes, size_t capacity, size_t *size);
    /* Answer sink: takes all bytes; a status other than ROVE_OK aborts the request with that status. */
    rove_status (*write_answer)(void *ctx, const void *bytes, size_t size);
    /* Asked a few times a second; returning nonzero ends the request with ROVE_CANCELLED. */
    int (*cancelled)(void *ctx);
    void *ctx;

    int64_t connect_timeout_ms; /* 0: 10 s */
    int64_t idle_timeout_ms;    /* no byte either way for so long is ROVE_TIMEOUT; 0: 30 s */
    int64_t total_timeout_ms;   /* 0: none */

    /* Where trusted_now_ms is 0: it is at least this late, for headquarters once said so; what ended before has expired. */
    int64_t past_ms;
} rove_request;

typedef struct rove_response {
    int http_status;        /* 0 if none came */
    int64_t bytes_sent;     /* above TLS, headers included */
    int64_t bytes_received; /* above TLS, headers included */
    int64_t retry_after_ms; /* from Retry-After; 0 if none */
} rove_response;

/*
 * perform() blocks until the request ended. ROVE_OK only for a 200 with the expected content type and a
 * stated end, read to it. 401 -> UNAUTHORIZED, 403 -> REVOKED when the header "Rove-Status: REVOKED"
 * says so (any status name may stand there and is mapped, except those of the classes FINE and DEVICE:
 * a peer knows nothing of this device), 429 and 503 -> LATER, other 5xx -> SERVER, else PROTOCOL.
 * A server that turns the device's certificate down in the handshake -> UNAUTHORIZED or EXPIRED.
 * Nothing of a non-200 answer reaches write_answer. One thread at a time per transport.
 */
typedef struct rove_transport {
    rove_status (*perform)(void *ctx, const rove_request *request, rove_response *response,
                           rove_error *error);
    void *ctx;
} rove_transport;

#ifdef __cplusplus
}
#endif
#endif
