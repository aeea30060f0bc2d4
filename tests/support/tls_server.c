/*
 * tls_server.c - a small HTTPS server in a thread, by OpenSSL's SSL_accept.
 *
 * It reads byte by byte, which is slow and obvious: a request line, headers up to the blank line, and a
 * body that is chunked, has a Content-Length, or is absent.
 */
#include "tls_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#define LINE_SIZE   1024
#define CLIENT_SIZE 4096

struct tls_server {
    tls_server_options options;
    SSL_CTX *ctx;
    int listener;
    int port;
    pthread_t thread;
    _Atomic int stopping;
    _Atomic int connection; /* the socket that is served, or -1 */
    _Atomic int connections;
    _Atomic int requests;
    _Atomic int resumed;
    _Atomic int64_t received;
    _Atomic int64_t sent;
    pthread_mutex_t mutex; /* of what follows */
    uint8_t client[CLIENT_SIZE];
    size_t client_size;
};

/* Ends a test program at once, also where asserts are compiled out. */
static void require(int holds, const char *what) {
    if (!holds) {
        ERR_print_errors_fp(stderr);
        (void)fprintf(stderr, "tls_server: %s failed\n", what);
        abort();
    }
}

static int read_byte(tls_server *self, SSL *ssl, char *byte) {
    int got = SSL_read(ssl, byte, 1);
    if (got != 1) {
        return 0;
    }
    atomic_fetch_add(&self->received, 1);
    return 1;
}

static int send_bytes(tls_server *self, SSL *ssl, const void *bytes, size_t size) {
    size_t sent = 0;
    if (size == 0) {
        return 1;
    }
    atomic_fetch_add(&self->sent, (int64_t)size); /* before the client can know */
    return SSL_write_ex(ssl, bytes, size, &sent) == 1;
}

/* Reads a line without its end; 0 when the connection has ended. */
static int read_line(tls_server *self, SSL *ssl, char line[LINE_SIZE]) {
    size_t size = 0;
    char byte = 0;
    while (read_byte(self, ssl, &byte)) {
        if (byte == '\n') {
            line[size] = '\0';
            return 1;
        }
        if (byte != '\r' && size < LINE_SIZE - 1) {
            line[size++] = byte;
        }
    }
    return 0;
}

typedef struct request {
    char path[LINE_SIZE];
    int chunked;
    long length;
} request;

static int read_head(tls_server *self, SSL *ssl, request *out) {
    char line[LINE_SIZE];
    memset(out, 0, sizeof *out);
    if (!read_line(self, ssl, line)) {
        return 0;
    }
    const char *path = strchr(line, ' ');
    require(path != NULL, "reading a request line");
    path++;
    size_t size = strcspn(path, " ");
    memcpy(out->path, path, size);
    while (read_line(self, ssl, line) && line[0] != '\0') {
        if (strcasecmp(line, "Transfer-Encoding: chunked") == 0) {
            out->chunked = 1;
        } else if (strncasecmp(line, "Content-Length:", 15) == 0) {
            out->length = strtol(line + 15, NULL, 10);
        }
    }
    atomic_fetch_add(&self->requests, 1);
    return 1;
}

/* Reads `size` bytes of the body; sends them back as a chunk if `echo`. */
static int pass_bytes(tls_server *self, SSL *ssl, long size, int echo) {
    char *bytes = malloc((size_t)size);
    require(bytes != NULL, "malloc");
    int passed = 1;
    for (long i = 0; i < size && passed; i++) {
        passed = read_byte(self, ssl, bytes + i);
    }
    if (passed && echo) {
        char head[32];
        int head_size = snprintf(head, sizeof head, "%lx\r\n", size);
        passed = send_bytes(self, ssl, head, (size_t)head_size) &&
                 send_bytes(self, ssl, bytes, (size_t)size) && send_bytes(self, ssl, "\r\n", 2);
    }
    free(bytes);
    return passed;
}

static int pass_body(tls_server *self, SSL *ssl, const request *in, int echo) {
    char line[LINE_SIZE];
    if (!in->chunked) {
        return in->length == 0 || pass_bytes(self, ssl, in->length, echo);
    }
    for (;;) {
        if (!read_line(self, ssl, line)) {
            return 0;
        }
        long size = strtol(line, NULL, 16);
        if (size == 0) {
            return read_line(self, ssl, line);
        }
        if (!pass_bytes(self, ssl, size, echo) || !read_line(self, ssl, line)) {
            return 0;
        }
    }
}

static int serve_echo(tls_server *self, SSL *ssl, const request *in) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-rove\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    return send_bytes(self, ssl, head, sizeof head - 1) && pass_body(self, ssl, in, 1) &&
           send_bytes(self, ssl, "0\r\n\r\n", 5);
}

static const tls_route *find_route(const tls_server *self, const char *path) {
    for (const tls_route *route = self->options.routes; route->path != NULL; route++) {
        if (strcmp(route->path, path) == 0) {
            return route;
        }
    }
    require(0, "finding the path");
    return NULL;
}

/* Serves one request; whether another may follow on the connection. */
static int serve_request(tls_server *self, SSL *ssl) {
    request in;
    char byte;
    if (!read_head(self, ssl, &in)) {
        return 0;
    }
    if (strcmp(in.path, "/echo") == 0) {
        return serve_echo(self, ssl, &in);
    }
    const tls_route *route = find_route(self, in.path);
    if ((!route->without_body && !pass_body(self, ssl, &in, 0)) ||
        !send_bytes(self, ssl, route->answer, strlen(route->answer))) {
        return 0;
    }
    if (route->ending == TLS_CLOSE) {
        (void)SSL_shutdown(ssl);
    } else if (route->ending == TLS_SILENT) {
        while (read_byte(self, ssl, &byte)) {
        }
    }
    return route->ending == TLS_KEEP;
}

static void note_client(tls_server *self, SSL *ssl) {
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    (void)pthread_mutex_lock(&self->mutex);
    self->client_size = 0;
    if (certificate != NULL) {
        unsigned char *at = self->client;
        require(i2d_X509(certificate, NULL) <= CLIENT_SIZE, "keeping the client's certificate");
        self->client_size = (size_t)i2d_X509(certificate, &at);
    }
    (void)pthread_mutex_unlock(&self->mutex);
    X509_free(certificate);
}

static void serve_connection(tls_server *self, int fd) {
    static const char plain[] = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Log in";
    char scratch[LINE_SIZE];
    if (self->options.manner == TLS_MANNER_PLAIN) {
        (void)!recv(fd, scratch, sizeof scratch, 0);
        (void)!send(fd, plain, sizeof plain - 1, MSG_NOSIGNAL);
        while (recv(fd, scratch, sizeof scratch, 0) > 0) {
        }
        return;
    }
    SSL *ssl = SSL_new(self->ctx);
    require(ssl != NULL && SSL_set_fd(ssl, fd) == 1, "SSL_new");
    if (SSL_accept(ssl) == 1) {
        note_client(self, ssl);
        atomic_fetch_add(&self->resumed, SSL_session_reused(ssl));
        while (serve_request(self, ssl)) {
        }
    } else {
        /* Until the client has read the alert: closing on unread bytes would take it away. */
        (void)shutdown(fd, SHUT_WR);
        while (recv(fd, scratch, sizeof scratch, 0) > 0) {
        }
    }
    ERR_clear_error();
    SSL_free(ssl);
}

static void *run(void *arg) {
    tls_server *self = arg;
    sigset_t pipe_signal;
    (void)sigemptyset(&pipe_signal);
    (void)sigaddset(&pipe_signal, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    for (;;) {
        int fd = accept(self->listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        atomic_fetch_add(&self->connections, 1);
        atomic_store(&self->connection, fd);
        if (!atomic_load(&self->stopping) && self->options.manner != TLS_MANNER_HANGUP) {
            serve_connection(self, fd);
        }
        atomic_store(&self->connection, -1);
        (void)close(fd);
    }
}

static void load_client_ca(tls_server *self) {
    const tls_server_options *options = &self->options;
    const unsigned char *at = options->client_ca_der;
    X509 *ca = d2i_X509(NULL, &at, (long)options->client_ca_size);
    require(ca != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(self->ctx), ca) == 1,
            "loading the clients' authority");
    X509_free(ca);
    (void)X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(self->ctx), X509_V_FLAG_NO_CHECK_TIME);
    SSL_CTX_set_verify(
        self->ctx,
        SSL_VERIFY_PEER | (options->client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
}

static void make_context(tls_server *self) {
    const tls_server_options *options = &self->options;
    self->ctx = SSL_CTX_new(TLS_server_method());
    require(self->ctx != NULL, "SSL_CTX_new");
    BIO *bio = BIO_new_mem_buf(options->key_pem, (int)options->key_size);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    require(key != NULL && SSL_CTX_use_PrivateKey(self->ctx, key) == 1, "loading the key");
    EVP_PKEY_free(key);
    require(SSL_CTX_use_certificate_ASN1(self->ctx, (int)options->certificate_size,
                                         options->certificate_der) == 1,
            "loading the certificate");
    if (options->manner == TLS_MANNER_TLS12) {
        require(SSL_CTX_set_max_proto_version(self->ctx, TLS1_2_VERSION) == 1, "limiting TLS");
    }
    if (options->client_ca_der != NULL) {
        load_client_ca(self);
    }
}

tls_server *tls_server_start(const tls_server_options *options) {
    const int on = 1;
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    tls_server *self = calloc(1, sizeof *self);
    require(self != NULL, "calloc");
    self->options = *options;
    atomic_store(&self->connection, -1);
    require(pthread_mutex_init(&self->mutex, NULL) == 0, "pthread_mutex_init");
    make_context(self);
    self->listener = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)options->port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(self->listener >= 0 &&
                setsockopt(self->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                bind(self->listener, (struct sockaddr *)&address, sizeof address) == 0 &&
                listen(self->listener, 8) == 0 &&
                getsockname(self->listener, (struct sockaddr *)&address, &size) == 0,
            "listening");
    self->port = ntohs(address.sin_port);
    require(pthread_create(&self->thread, NULL, run, self) == 0, "pthread_create");
    return self;
}

void tls_server_stop(tls_server *server) {
    atomic_store(&server->stopping, 1);
    (void)shutdown(server->listener, SHUT_RDWR); /* wakes accept() */
    (void)shutdown(atomic_load(&server->connection), SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->listener);
    SSL_CTX_free(server->ctx);
    (void)pthread_mutex_destroy(&server->mutex);
    free(server);
}

int tls_server_port(const tls_server *server) {
    return server->port;
}

int tls_server_connections(const tls_server *server) {
    return atomic_load(&server->connections);
}

int tls_server_requests(const tls_server *server) {
    return atomic_load(&server->requests);
}

int tls_server_resumed(const tls_server *server) {
    return atomic_load(&server->resumed);
}

int64_t tls_server_received(const tls_server *server) {
    return atomic_load(&server->received);
}

int64_t tls_server_sent(const tls_server *server) {
    return atomic_load(&server->sent);
}

size_t tls_server_client(tls_server *server, void *der, size_t capacity) {
    (void)pthread_mutex_lock(&server->mutex);
    size_t size = server->client_size <= capacity ? server->client_size : 0;
    memcpy(der, server->client, size);
    (void)pthread_mutex_unlock(&server->mutex);
    return size;
}
