/*
 * transport_tls.h - the trust of a connection: how OpenSSL is told what rove_request demands, and what
 * it found. Internal.
 *
 * One struct per transport, one thread. It has to outlive the connections that were made with it.
 */
#ifndef ROVE_POSIX_TRANSPORT_TLS_H
#define ROVE_POSIX_TRANSPORT_TLS_H

#include "rove/sys/crypto.h"
#include "rove/sys/transport.h"

typedef struct rove__tls {
    const rove_request *request; /* borrowed while a request runs */
    char host[256];              /* the server's name or address, without brackets */
    /* What was found, of the request that runs. */
    int verify_error;   /* of X509_V_ERR_*; 0 for none */
    int pin_mismatch;   /* the certificate holds, but its key is not the one that is pinned */
    int identity_bad;   /* the device's own certificate or key cannot be used */
    int alert_received; /* a fatal alert's code; -1 for none */
    int alert_sent;
} rove__tls;

/* Forgets what was found and prepares for a request; both pointers are borrowed until the next call. */
void rove__tls_begin(rove__tls *tls, const rove_request *request);

/*
 * Configures a fresh SSL_CTX: TLS 1.3, the CA, name, time and pins of the request and its identity.
 * Returns 0 on failure.
 */
int rove__tls_configure(rove__tls *tls, void *ssl_ctx);

/* ROVE_OK if TLS found nothing wrong; otherwise what, with *error filled in. */
ROVE_CHECK rove_status rove__tls_explain(const rove__tls *tls, rove_error *error);

/*
 * One value for everything that a connection was trusted and made under: a connection may be used
 * again for requests of the same value only. Returns 0 on failure.
 */
int rove__tls_fingerprint(const rove_request *request, uint8_t out[ROVE_SHA256_SIZE]);

#endif
