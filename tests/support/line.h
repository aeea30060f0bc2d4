/*
 * support/line.h - a TLS connection to headquarters, spoken over byte by byte.
 */
#ifndef ROVE_TESTS_LINE_H
#define ROVE_TESTS_LINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_ANSWER_MAX 65536

/* Who calls: where, with which TLS, and what was answered last. */
typedef struct caller {
    SSL_CTX *tls;
    int port; /* of 127.0.0.1 */
    char answer[LINE_ANSWER_MAX];
    size_t answer_size;
} caller;

typedef struct line {
    int fd;
    SSL *ssl;
} line;

/* From now on the caller shows a certificate (DER), with its key (DER). */
static inline void line_show(caller *c, const void *certificate, size_t certificate_size,
                             const void *key_der, size_t key_size) {
    const unsigned char *at = key_der;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)key_size);
    assert_non_null(key);
    assert_int_equal(SSL_CTX_use_certificate_ASN1(c->tls, (int)certificate_size, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(c->tls, key), 1);
    EVP_PKEY_free(key);
}

static inline int line_dial(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* As far as before the handshake. */
static inline void line_begin(caller *c, line *l) {
    l->fd = line_dial(c->port);
    l->ssl = SSL_new(c->tls);
    assert_non_null(l->ssl);
    assert_int_equal(SSL_set_fd(l->ssl, l->fd), 1);
}

/* 1 if the handshake came to its end. */
static inline int line_try(caller *c, line *l) {
    line_begin(c, l);
    return SSL_connect(l->ssl) == 1;
}

static inline line line_open(caller *c) {
    line l;
    assert_true(line_try(c, &l));
    return l;
}

static inline void line_close(line *l) {
    SSL_free(l->ssl);
    (void)close(l->fd);
}

static inline void line_say(line *l, const char *bytes, size_t size) {
    while (size > 0) {
        int sent = SSL_write(l->ssl, bytes, size > 16384 ? 16384 : (int)size);
        if (sent <= 0) {
            return;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
}

/* The stated length of the answer's body, if its head is complete; -1 otherwise. */
static inline long line_body_length(const caller *c, size_t *head_size) {
    const char *end = strstr(c->answer, "\r\n\r\n");
    const char *length = strstr(c->answer, "Content-Length: ");
    if (end == NULL) {
        return -1;
    }
    *head_size = (size_t)(end - c->answer) + 4;
    return length == NULL || length > end ? 0 : strtol(length + 16, NULL, 10);
}

/* Reads one answer; its HTTP status, 0 if the connection ended before there was one. */
static inline int line_hear(caller *c, line *l, int without_body) {
    size_t head = 0;
    c->answer_size = 0;
    c->answer[0] = '\0';
    for (;;) {
        long length = line_body_length(c, &head);
        if (length >= 0 && (without_body || c->answer_size >= head + (size_t)length)) {
            return (int)strtol(c->answer + 9, NULL, 10);
        }
        assert_true(c->answer_size < sizeof c->answer - 1);
        int got = SSL_read(l->ssl, c->answer + c->answer_size,
                           (int)(sizeof c->answer - 1 - c->answer_size));
        if (got <= 0) {
            return 0;
        }
        c->answer_size += (size_t)got;
        c->answer[c->answer_size] = '\0';
    }
}

static inline int line_ask(caller *c, line *l, const char *text) {
    line_say(l, text, strlen(text));
    return line_hear(c, l, strncmp(text, "HEAD", 4) == 0);
}

/* On a connection of its own. */
static inline int line_ask_once(caller *c, const char *text) {
    line l = line_open(c);
    int status = line_ask(c, &l, text);
    line_close(&l);
    return status;
}

static inline const char *line_body(const caller *c) {
    const char *end = strstr(c->answer, "\r\n\r\n");
    return end == NULL ? "" : end + 4;
}

#define REQUEST(first) first " HTTP/1.1\r\nHost: localhost\r\n"

#endif
