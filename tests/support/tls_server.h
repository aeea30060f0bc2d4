/*
 * tls_server.h - a small HTTPS server in a thread, that can misbehave in the ways that networks do.
 *
 * It listens on a port of 127.0.0.1, by default one that the system chose, and serves one connection after the other.
 * What it answers is given by path; a request for "/echo" gets its own body back while it still
 * arrives. One test thread; the counters may be read at any time.
 */
#ifndef ROVE_TEST_TLS_SERVER_H
#define ROVE_TEST_TLS_SERVER_H

#include <stddef.h>
#include <stdint.h>

typedef enum tls_ending {
    TLS_KEEP,  /* go on with the next request of the connection */
    TLS_CLOSE, /* say goodbye and close */
    TLS_CUT,   /* close without goodbye */
    TLS_SILENT /* send nothing more until the client goes */
} tls_ending;

typedef struct tls_route {
    const char *path;
    const char *answer; /* the whole answer, head and body; "" for none */
    tls_ending ending;
    int without_body; /* answer before the request's body was read */
} tls_route;

typedef enum tls_manner {
    TLS_MANNER_NORMAL,
    TLS_MANNER_TLS12, /* nothing newer */
    TLS_MANNER_PLAIN, /* answers in clear */
    TLS_MANNER_HANGUP /* closes before the handshake */
} tls_manner;

typedef struct tls_server_options {
    const void *certificate_der;
    size_t certificate_size;
    const void *key_pem;
    size_t key_size;
    const void *client_ca_der; /* NULL: ask for no client certificate */
    size_t client_ca_size;
    int client_required;
    tls_manner manner;
    int port; /* where it listens, as somebody else did before; 0: the system chooses */
    const tls_route *routes; /* the last has a path of NULL */
} tls_server_options;

typedef struct tls_server tls_server;

/* Starts a server; all that the options point to is borrowed until it is stopped. Ends the test on failure. */
tls_server *tls_server_start(const tls_server_options *options);
void tls_server_stop(tls_server *server);

int tls_server_port(const tls_server *server);
/* Connections accepted, requests read, and bytes above TLS each way, so far. */
int tls_server_connections(const tls_server *server);
int tls_server_requests(const tls_server *server);
/* Of the connections, those that took up a session of an earlier one. */
int tls_server_resumed(const tls_server *server);
int64_t tls_server_received(const tls_server *server);
int64_t tls_server_sent(const tls_server *server);
/* The certificate that the last client to finish a handshake showed; 0 if none. */
size_t tls_server_client(tls_server *server, void *der, size_t capacity);

#endif
