/*
 * test_transport.c - the transport port against a real TLS server on loopback: answers, streams,
 * deadlines and broken connections. Who is trusted is in test_transport_tls.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "posix/pki.h"
#include "posix/posix.h"
#include "tls_server.h"

#define NOW_MS       INT64_C(1700000000000)
#define TYPE         "application/x-rove"
#define STREAM_BYTES 1000003

#define HEAD_200 "HTTP/1.1 200 OK\r\nContent-Type: application/x-rove\r\n"
#define EMPTY    "Content-Length: 0\r\n\r\n"

static const tls_route routes[] = {
    {"/hello", HEAD_200 "Content-Length: 5\r\n\r\nhello", TLS_KEEP, 0},
    {"/hello-and-goodbye", HEAD_200 "Content-Length: 5\r\n\r\nhello", TLS_CLOSE, 0},
    {"/parameters",
     "HTTP/1.1 200 OK\r\ncontent-type:  Application/X-Rove ; v=1\r\nContent-Length: 2\r\n\r\nok",
     TLS_KEEP, 0},
    {"/portal", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
     TLS_CLOSE, 0},
    {"/untyped", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", TLS_KEEP, 0},
    {"/401", "HTTP/1.1 401 No\r\nContent-Length: 4\r\n\r\nsorr", TLS_KEEP, 0},
    {"/403", "HTTP/1.1 403 No\r\n" EMPTY, TLS_KEEP, 0},
    {"/revoked", "HTTP/1.1 403 No\r\nRove-Status: REVOKED\r\n" EMPTY, TLS_KEEP, 0},
    {"/code", "HTTP/1.1 403 No\r\nrove-status:CODE\r\n" EMPTY, TLS_KEEP, 0},
    {"/claims-ok", "HTTP/1.1 500 No\r\nRove-Status: OK\r\n" EMPTY, TLS_KEEP, 0},
    {"/claims-corrupt", "HTTP/1.1 500 No\r\nRove-Status: CORRUPT\r\n" EMPTY, TLS_KEEP, 0},
    {"/claims-nonsense", "HTTP/1.1 500 No\r\nRove-Status: BANANA\r\n" EMPTY, TLS_KEEP, 0},
    {"/404", "HTTP/1.1 404 No\r\n" EMPTY, TLS_KEEP, 0},
    {"/429", "HTTP/1.1 429 No\r\nRetry-After: 7\r\n" EMPTY, TLS_KEEP, 0},
    {"/503", "HTTP/1.1 503 No\r\nRetry-After: 120\r\n" EMPTY, TLS_KEEP, 0},
    {"/503-forever", "HTTP/1.1 503 No\r\nRetry-After: 999999999\r\n" EMPTY, TLS_KEEP, 0},
    {"/503-odd", "HTTP/1.1 503 No\r\nRetry-After: -5\r\n" EMPTY, TLS_KEEP, 0},
    {"/500", "HTTP/1.1 500 No\r\n" EMPTY, TLS_KEEP, 0},
    {"/redirect", "HTTP/1.1 302 There\r\nLocation: /hello\r\n" EMPTY, TLS_KEEP, 0},
    {"/early", "HTTP/1.1 503 No\r\nConnection: close\r\n" EMPTY, TLS_SILENT, 1},
    {"/cut", HEAD_200 "Content-Length: 100\r\n\r\nabc", TLS_CUT, 0},
    {"/cut-politely", HEAD_200 "Content-Length: 100\r\n\r\nabc", TLS_CLOSE, 0},
    {"/cut-chunked", HEAD_200 "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", TLS_CLOSE, 0},
    {"/cut-unframed", HEAD_200 "Connection: close\r\n\r\nabc", TLS_CUT, 0},
    {"/cut-head", "HTTP/1.1 200 OK\r\nContent-Ty", TLS_CUT, 0},
    {"/hangup", "", TLS_CUT, 0},
    {"/silent", "", TLS_SILENT, 0},
    {"/silent-inside", HEAD_200 "Content-Length: 100\r\n\r\nabc", TLS_SILENT, 0},
    {"/not-http", "220 smtp.example.com ESMTP\r\n", TLS_CLOSE, 0},
    {NULL, NULL, TLS_KEEP, 0},
};

/* A body to send and what came back. */
typedef struct exchange {
    size_t to_send;
    size_t sent;
    size_t received;
    int differs;
    size_t fail_read_at; /* bytes after which the callback fails; 0 never */
    size_t fail_write_at;
    rove_status failure;
    int cancel_after; /* times asked; 0 never */
    int asked;
} exchange;

typedef struct world {
    rove_pki_bytes ca;
    rove_pki_bytes server_key;
    rove_pki_bytes server_certificate;
    tls_server *server;
    rove_transport transport;
    char url[64];
    exchange exchange;
    rove_response response;
    rove_error error;
} world;

static uint8_t pattern(size_t at) {
    return (uint8_t)((at * 131) ^ (at >> 9));
}

static rove_status read_body(void *ctx, void *bytes, size_t capacity, size_t *size) {
    exchange *self = ctx;
    uint8_t *out = bytes;
    if (self->fail_read_at != 0 && self->sent >= self->fail_read_at) {
        return self->failure;
    }
    size_t left = self->to_send - self->sent;
    *size = left < capacity ? left : capacity;
    for (size_t i = 0; i < *size; i++) {
        out[i] = pattern(self->sent + i);
    }
    self->sent += *size;
    return ROVE_OK;
}

static rove_status write_answer(void *ctx, const void *bytes, size_t size) {
    exchange *self = ctx;
    const uint8_t *in = bytes;
    for (size_t i = 0; i < size; i++) {
        self->differs |= in[i] != pattern(self->received + i);
    }
    self->received += size;
    return self->fail_write_at != 0 && self->received >= self->fail_write_at ? self->failure
                                                                             : ROVE_OK;
}

static int cancelled(void *ctx) {
    exchange *self = ctx;
    self->asked++;
    return self->cancel_after != 0 && self->asked >= self->cancel_after;
}

static void start_server(world *w, tls_manner manner) {
    const tls_server_options options = {.certificate_der = w->server_certificate.data,
                                        .certificate_size = w->server_certificate.size,
                                        .key_pem = w->server_key.data,
                                        .key_size = w->server_key.size,
                                        .manner = manner,
                                        .routes = routes};
    if (w->server != NULL) {
        tls_server_stop(w->server);
    }
    w->server = tls_server_start(&options);
}

static int set_up(void **state) {
    static const char *const names[] = {"localhost"};
    rove_pki_bytes ca_key;
    rove_pki_authority *authority = NULL;
    rove_allocator allocator;
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(rove_pki_authority_make("Test", NOW_MS, &ca_key, &w->ca, NULL), ROVE_OK);
    assert_int_equal(rove_pki_authority_open(&ca_key, &w->ca, &authority, NULL), ROVE_OK);
    assert_int_equal(rove_pki_server_issue(authority, names, 1, NOW_MS, &w->server_key,
                                           &w->server_certificate, NULL),
                     ROVE_OK);
    rove_pki_authority_free(authority);
    start_server(w, TLS_MANNER_NORMAL);
    rove_posix_allocator(&allocator);
    assert_int_equal(rove_posix_transport_new(&w->transport, &allocator), ROVE_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    rove_posix_transport_free(&w->transport);
    tls_server_stop(w->server);
    free(w);
    return 0;
}

/* A GET of a path of the server, to be adapted. */
static rove_request request_of(world *w, const char *path) {
    (void)snprintf(w->url, sizeof w->url, "https://localhost:%d%s", tls_server_port(w->server),
                   path);
    memset(&w->exchange, 0, sizeof w->exchange);
    memset(&w->error, 0, sizeof w->error);
    return (rove_request){.method = "GET",
                          .url = w->url,
                          .accept = TYPE,
                          .ca_der = w->ca.data,
                          .ca_size = w->ca.size,
                          .trusted_now_ms = NOW_MS,
                          .write_answer = write_answer,
                          .cancelled = cancelled,
                          .ctx = &w->exchange};
}

static rove_request post_of(world *w, const char *path, size_t size) {
    rove_request request = request_of(w, path);
    request.method = "POST";
    request.content_type = TYPE;
    request.read_body = read_body;
    w->exchange.to_send = size;
    return request;
}

static rove_status perform(world *w, const rove_request *request) {
    rove_status status = w->transport.perform(w->transport.ctx, request, &w->response, &w->error);
    if (status != ROVE_OK) {
        assert_true(w->error.message[0] != '\0'); /* every failure says what to do */
    }
    return status;
}

static rove_status get(world *w, const char *path) {
    rove_request request = request_of(w, path);
    return perform(w, &request);
}

static rove_status post(world *w, const char *path, size_t size) {
    rove_request request = post_of(w, path, size);
    return perform(w, &request);
}

static void assert_says(const world *w, const char *text) {
    if (strstr(w->error.message, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", w->error.message, text);
    }
}

static void test_answer_is_read_to_its_end(void **state) {
    world *w = *state;
    assert_int_equal(get(w, "/hello"), ROVE_OK);
    assert_int_equal(w->exchange.received, 5);
    assert_int_equal(w->response.http_status, 200);
    assert_int_equal(w->response.retry_after_ms, 0);
    assert_int_equal(get(w, "/parameters"), ROVE_OK);
}

static void test_body_and_answer_stream_at_once(void **state) {
    world *w = *state;
    assert_int_equal(post(w, "/echo", STREAM_BYTES), ROVE_OK);
    assert_int_equal(w->exchange.sent, STREAM_BYTES);
    assert_int_equal(w->exchange.received, STREAM_BYTES);
    assert_false(w->exchange.differs);
    assert_int_equal(post(w, "/echo", 0), ROVE_OK);
    assert_int_equal(w->exchange.received, 0);
    assert_int_equal(post(w, "/echo", 1), ROVE_OK);
    assert_int_equal(w->exchange.received, 1);
}

static void test_bytes_are_counted_with_headers(void **state) {
    world *w = *state;
    assert_int_equal(post(w, "/hello", 70000), ROVE_OK);
    assert_int_equal(w->response.bytes_sent, tls_server_received(w->server));
    assert_int_equal(w->response.bytes_received, tls_server_sent(w->server));
    int64_t sent = w->response.bytes_sent;
    int64_t received = w->response.bytes_received;
    assert_int_equal(post(w, "/echo", 3000), ROVE_OK);
    assert_int_equal(sent + w->response.bytes_sent, tls_server_received(w->server));
    assert_int_equal(received + w->response.bytes_received, tls_server_sent(w->server));
}

static void test_connection_is_kept(void **state) {
    world *w = *state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(post(w, "/echo", 1000), ROVE_OK);
        assert_int_equal(get(w, "/401"), ROVE_UNAUTHORIZED);
    }
    assert_int_equal(tls_server_requests(w->server), 10);
    assert_int_equal(tls_server_connections(w->server), 1);
}

static void test_connection_closed_between_requests(void **state) {
    world *w = *state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(get(w, "/hello-and-goodbye"), ROVE_OK);
        assert_int_equal(w->exchange.received, 5);
    }
    assert_int_equal(tls_server_requests(w->server), 5);
}

static void test_post_without_body(void **state) {
    world *w = *state;
    rove_request request = request_of(w, "/hello");
    request.method = "POST";
    assert_int_equal(perform(w, &request), ROVE_OK);
    assert_int_equal(perform(w, &request), ROVE_OK);
}

static void test_login_page_is_not_rove(void **state) {
    world *w = *state;
    assert_int_equal(post(w, "/portal", 10), ROVE_NOT_ROVE);
    assert_int_equal(w->exchange.received, 0);
    assert_says(w, "text/html");
    assert_says(w, "login page");
    assert_int_equal(get(w, "/untyped"), ROVE_NOT_ROVE);
    start_server(w, TLS_MANNER_PLAIN);
    assert_int_equal(get(w, "/hello"), ROVE_NOT_ROVE);
    assert_says(w, "login page");
}

static void test_any_type_if_none_is_expected(void **state) {
    world *w = *state;
    rove_request request = request_of(w, "/untyped");
    request.accept = NULL;
    assert_int_equal(perform(w, &request), ROVE_OK);
    assert_int_equal(w->exchange.received, 2);
}

static void test_http_status_is_mapped(void **state) {
    static const struct {
        const char *path;
        int http_status;
        rove_status status;
        int64_t retry_after_ms;
    } cases[] = {
        {"/401", 401, ROVE_UNAUTHORIZED, 0},
        {"/403", 403, ROVE_PROTOCOL, 0},
        {"/404", 404, ROVE_PROTOCOL, 0},
        {"/429", 429, ROVE_LATER, 7000},
        {"/503", 503, ROVE_LATER, 120000},
        {"/503-forever", 503, ROVE_LATER, 86400000},
        {"/503-odd", 503, ROVE_LATER, 0},
        {"/500", 500, ROVE_SERVER, 0},
        {"/redirect", 302, ROVE_PROTOCOL, 0},
        {"/revoked", 403, ROVE_REVOKED, 0},
        {"/code", 403, ROVE_CODE, 0},
        {"/claims-ok", 500, ROVE_SERVER, 0},
        {"/claims-corrupt", 500, ROVE_SERVER, 0},
        {"/claims-nonsense", 500, ROVE_SERVER, 0},
    };
    world *w = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(post(w, cases[i].path, 100), cases[i].status);
        assert_int_equal(w->response.http_status, cases[i].http_status);
        assert_int_equal(w->response.retry_after_ms, cases[i].retry_after_ms);
        assert_int_equal(w->exchange.received, 0);
    }
    /* The redirect was not followed: one request each. */
    assert_int_equal(tls_server_requests(w->server), sizeof cases / sizeof cases[0]);
}

static void test_answer_before_the_body_was_read(void **state) {
    world *w = *state;
    assert_int_equal(post(w, "/early", 5000000), ROVE_LATER);
    assert_int_equal(post(w, "/echo", 1000), ROVE_OK);
}

static void test_cut_answers_are_never_taken_for_whole(void **state) {
    static const char *const paths[] = {"/cut", "/cut-politely", "/cut-chunked", "/cut-head"};
    world *w = *state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(get(w, paths[i]), ROVE_TRUNCATED);
        assert_says(w, "try again");
    }
    assert_int_equal(get(w, "/cut-unframed"), ROVE_PROTOCOL); /* could be whole, or not */
    assert_int_equal(w->exchange.received, 0);
    assert_int_equal(get(w, "/hello"), ROVE_OK);
}

static void test_no_answer_is_a_network_failure(void **state) {
    world *w = *state;
    assert_int_equal(post(w, "/hangup", 1000), ROVE_NETWORK);
    assert_int_equal(w->response.http_status, 0);
    start_server(w, TLS_MANNER_HANGUP);
    assert_int_equal(get(w, "/hello"), ROVE_NETWORK);
}

static void test_what_is_not_http_is_refused(void **state) {
    world *w = *state;
    assert_int_equal(get(w, "/not-http"), ROVE_PROTOCOL);
    assert_int_equal(w->exchange.received, 0);
}

/* A port of loopback on which nobody listens. */
static int dead_port(void) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static void test_unreachable(void **state) {
    world *w = *state;
    char url[160];
    rove_request request = request_of(w, "/hello");
    request.url = url;
    (void)snprintf(url, sizeof url, "https://localhost:%d/hello", dead_port());
    assert_int_equal(perform(w, &request), ROVE_NETWORK);
    assert_says(w, "could not be reached");
    assert_int_equal(w->error.domain, ROVE_DOMAIN_OS);
    /* A label of a host name has at most 63 bytes, so no name server is asked. */
    (void)snprintf(url, sizeof url, "https://%064d.invalid/hello", 0);
    assert_int_equal(perform(w, &request), ROVE_NETWORK);
    assert_says(w, "was not found");
}

static void test_silence_is_a_timeout(void **state) {
    world *w = *state;
    rove_request request = post_of(w, "/silent", 100);
    request.idle_timeout_ms = 150;
    assert_int_equal(perform(w, &request), ROVE_TIMEOUT);
    request = request_of(w, "/silent-inside");
    request.idle_timeout_ms = 150;
    assert_int_equal(perform(w, &request), ROVE_TIMEOUT);
    assert_int_equal(w->exchange.received, 3);
    assert_int_equal(get(w, "/hello"), ROVE_OK);
}

static void test_total_deadline(void **state) {
    world *w = *state;
    rove_request request = request_of(w, "/silent");
    request.total_timeout_ms = 150;
    assert_int_equal(perform(w, &request), ROVE_TIMEOUT);
    assert_says(w, "longer than allowed");
}

static void test_connect_deadline(void **state) {
    world *w = *state;
    /* A socket that listens but is never served: TCP connects, TLS never answers. */
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    char url[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    rove_request request = request_of(w, "/hello");
    (void)snprintf(url, sizeof url, "https://localhost:%d/hello", ntohs(address.sin_port));
    request.url = url;
    request.connect_timeout_ms = 150;
    assert_int_equal(perform(w, &request), ROVE_TIMEOUT);
    assert_says(w, "in time");
    (void)close(fd);
}

static void test_cancel(void **state) {
    world *w = *state;
    rove_request request = request_of(w, "/silent");
    w->exchange.cancel_after = 3;
    assert_int_equal(perform(w, &request), ROVE_CANCELLED);
    assert_int_equal(w->exchange.asked, 3);
    assert_int_equal(get(w, "/hello"), ROVE_OK);
}

static void test_status_of_callbacks_is_unchanged(void **state) {
    world *w = *state;
    rove_request request = post_of(w, "/echo", STREAM_BYTES);
    w->exchange.fail_read_at = 100000;
    w->exchange.failure = ROVE_CORRUPT;
    assert_int_equal(perform(w, &request), ROVE_CORRUPT);
    request = post_of(w, "/echo", STREAM_BYTES);
    w->exchange.fail_write_at = 100000;
    w->exchange.failure = ROVE_FULL;
    assert_int_equal(perform(w, &request), ROVE_FULL);
    assert_int_equal(post(w, "/echo", 1000), ROVE_OK);
}

static void test_bad_requests(void **state) {
    world *w = *state;
    static const char *const urls[] = {"http://localhost/", "ftp://localhost/", "localhost", "",
                                       "https://user@localhost/"};
    rove_request request = request_of(w, "/hello");
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        request.url = urls[i];
        assert_int_equal(perform(w, &request), ROVE_INVALID);
    }
    request = request_of(w, "/hello");
    request.method = "PUT";
    assert_int_equal(perform(w, &request), ROVE_INVALID);
    request = request_of(w, "/hello");
    request.ca_der = NULL;
    assert_int_equal(perform(w, &request), ROVE_INVALID);
    request = request_of(w, "/hello");
    request.certificate_der = w->ca.data;
    request.certificate_size = w->ca.size;
    assert_int_equal(perform(w, &request), ROVE_INVALID);
    assert_int_equal(tls_server_connections(w->server), 0);
}

static void test_free_twice(void **state) {
    world *w = *state;
    rove_posix_transport_free(&w->transport);
    rove_posix_transport_free(&w->transport);
    rove_posix_transport_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_answer_is_read_to_its_end),
        TEST(test_body_and_answer_stream_at_once),
        TEST(test_bytes_are_counted_with_headers),
        TEST(test_connection_is_kept),
        TEST(test_connection_closed_between_requests),
        TEST(test_post_without_body),
        TEST(test_login_page_is_not_rove),
        TEST(test_any_type_if_none_is_expected),
        TEST(test_http_status_is_mapped),
        TEST(test_answer_before_the_body_was_read),
        TEST(test_cut_answers_are_never_taken_for_whole),
        TEST(test_no_answer_is_a_network_failure),
        TEST(test_what_is_not_http_is_refused),
        TEST(test_unreachable),
        TEST(test_silence_is_a_timeout),
        TEST(test_total_deadline),
        TEST(test_connect_deadline),
        TEST(test_cancel),
        TEST(test_status_of_callbacks_is_unchanged),
        TEST(test_bad_requests),
        TEST(test_free_twice),
    };
    /* A proxy of the environment must not be asked: this one does not exist. */
    if (setenv("https_proxy", "http://127.0.0.1:1", 1) != 0 ||
        setenv("ALL_PROXY", "http://127.0.0.1:1", 1) != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
