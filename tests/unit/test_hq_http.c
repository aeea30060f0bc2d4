/*
 * test_hq_http.c - the TLS front, spoken to byte by byte: what each path answers to whom, what is too large, too slow or
 * too much, and what is counted.
 */
#include "headquarters.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>

#include "http/guard.h"
#include "http/http.h"

#define ANSWER_MAX 65536

typedef struct world {
    headquarters h;
    hq_http *http;
    SSL_CTX *tls;
    rove_error error;
    char answer[ANSWER_MAX];
    size_t answer_size;
} world;

/* ---- a client ------------------------------------------------------------------------------------------- */

typedef struct line {
    int fd;
    SSL *ssl;
} line;

static int dial(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* 1 if the handshake came to its end. */
static int try_open(world *w, line *l) {
    l->fd = dial(hq_http_port(w->http));
    l->ssl = SSL_new(w->tls);
    assert_non_null(l->ssl);
    assert_int_equal(SSL_set_fd(l->ssl, l->fd), 1);
    return SSL_connect(l->ssl) == 1;
}

static line open_line(world *w) {
    line l;
    assert_true(try_open(w, &l));
    return l;
}

static void close_line(line *l) {
    SSL_free(l->ssl);
    (void)close(l->fd);
}

static void say(line *l, const char *bytes, size_t size) {
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
static long body_length(const world *w, size_t *head_size) {
    const char *end = strstr(w->answer, "\r\n\r\n");
    const char *length = strstr(w->answer, "Content-Length: ");
    if (end == NULL) {
        return -1;
    }
    *head_size = (size_t)(end - w->answer) + 4;
    return length == NULL || length > end ? 0 : strtol(length + 16, NULL, 10);
}

/* Reads one answer; its HTTP status, 0 if the connection ended before there was one. */
static int hear(world *w, line *l, int without_body) {
    size_t head = 0;
    w->answer_size = 0;
    w->answer[0] = '\0';
    for (;;) {
        long length = body_length(w, &head);
        if (length >= 0 && (without_body || w->answer_size >= head + (size_t)length)) {
            return (int)strtol(w->answer + 9, NULL, 10);
        }
        assert_true(w->answer_size < sizeof w->answer - 1);
        int got = SSL_read(l->ssl, w->answer + w->answer_size,
                           (int)(sizeof w->answer - 1 - w->answer_size));
        if (got <= 0) {
            return 0;
        }
        w->answer_size += (size_t)got;
        w->answer[w->answer_size] = '\0';
    }
}

static int ask(world *w, line *l, const char *text) {
    say(l, text, strlen(text));
    return hear(w, l, strncmp(text, "HEAD", 4) == 0);
}

/* On a connection of its own. */
static int ask_once(world *w, const char *text) {
    line l = open_line(w);
    int status = ask(w, &l, text);
    close_line(&l);
    return status;
}

static const char *body_of(const world *w) {
    const char *end = strstr(w->answer, "\r\n\r\n");
    return end == NULL ? "" : end + 4;
}

#define REQUEST(first) first " HTTP/1.1\r\nHost: localhost\r\n"

/* ---- the world ------------------------------------------------------------------------------------------ */

static void serve(world *w, const hq_http_options *options) {
    w->error.message[0] = '\0';
    if (hq_http_start(w->h.hq, options, &w->http, &w->error) != ROVE_OK) {
        fail_msg("hq_http_start: %s", w->error.message);
    }
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    headquarters_start(&w->h);
    w->tls = SSL_CTX_new(TLS_client_method());
    assert_non_null(w->tls);
    *state = w;
    return 0;
}

static int set_up_serving(void **state) {
    (void)set_up(state);
    serve(*state, &(hq_http_options){.listen = "127.0.0.1:0", .threads = 2});
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    hq_http_stop(w->http);
    SSL_CTX_free(w->tls);
    headquarters_end(&w->h);
    free(w);
    return 0;
}

/* ---- paths ---------------------------------------------------------------------------------------------- */

static void test_healthz(void **state) {
    world *w = *state;
    line l = open_line(w);
    assert_int_equal(ask(w, &l, REQUEST("GET /healthz") "\r\n"), 200);
    assert_string_equal(body_of(w), "ok\n");
    assert_null(strstr(w->answer, "Server:"));
    assert_int_equal(ask(w, &l, REQUEST("HEAD /healthz") "\r\n"), 200);
    assert_int_equal(ask(w, &l, REQUEST("DELETE /healthz") "\r\n"), 405);
    assert_non_null(strstr(w->answer, "Allow: GET\r\n"));
    assert_non_null(strstr(w->answer, "Rove-Status: PROTOCOL\r\n"));
    assert_int_equal(ask(w, &l, REQUEST("PUT /v1/enroll") "Content-Length: 1\r\n\r\nx"), 405);
    assert_non_null(strstr(w->answer, "Allow: GET, POST\r\n"));
    close_line(&l);
}

/* Without a certificate nobody learns which paths there are. */
static void test_authorised_before_existence(void **state) {
    static const char *const heads[] = {
        REQUEST("POST /v1/exchange") "Content-Length: 0\r\n\r\n",
        REQUEST("GET /v1/exchange") "\r\n",
        REQUEST("POST /v1/renew") "Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
        REQUEST("GET /") "\r\n",
        REQUEST("GET /v1/nothing") "\r\n",
        REQUEST("GET /../../etc/passwd") "\r\n",
    };
    world *w = *state;
    char first[ANSWER_MAX];
    char *date = NULL;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        assert_int_equal(ask_once(w, heads[i]), 401);
        assert_non_null(strstr(w->answer, "Rove-Status: UNAUTHORIZED\r\n"));
        date = strstr(w->answer, "Date: ");
        assert_non_null(date);
        memset(date, '.', strcspn(date, "\r"));
        if (i > 0) {
            assert_string_equal(w->answer, first);
        }
        memcpy(first, w->answer, w->answer_size + 1);
    }
}

static void test_content_type(void **state) {
    world *w = *state;
    line l = open_line(w);
    assert_int_equal(ask(w, &l, REQUEST("POST /v1/enroll") "Content-Length: 1\r\n\r\nx"), 415);
    assert_int_equal(ask(w, &l,
                         REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enrollment"
                                                    "\r\nContent-Length: 1\r\n\r\nx"),
                     415);
    assert_int_equal(ask(w, &l,
                         REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll; "
                                                    "v=1\r\nContent-Length: 1\r\n\r\nx"),
                     400);
    close_line(&l);
}

static void test_metrics(void **state) {
    world *w = *state;
    line l = open_line(w);
    assert_int_equal(ask(w, &l, REQUEST("GET /healthz") "\r\n"), 200);
    assert_int_equal(ask(w, &l, REQUEST("GET /healthz") "\r\n"), 200);
    assert_int_equal(ask(w, &l, REQUEST("GET /secret-name") "\r\n"), 401);
    assert_int_equal(ask(w, &l, REQUEST("GET /metrics") "\r\n"), 200);
    assert_non_null(strstr(w->answer, "rove_requests_total{path=\"/healthz\",status=\"200\"} 2\n"));
    assert_non_null(strstr(w->answer, "rove_requests_total{path=\"other\",status=\"401\"} 1\n"));
    assert_null(strstr(w->answer, "secret-name"));
    assert_non_null(strstr(w->answer, "\nrove_connections 1\n"));
    assert_non_null(strstr(w->answer, "\nrove_head_seq 1\n"));
    assert_non_null(strstr(w->answer, "\nrove_devices{status=\"active\"} 0\n"));
    assert_non_null(strstr(w->answer, "\nrove_exchange_seconds_bucket{le=\"+Inf\"} 0\n"));
    assert_non_null(strstr(w->answer, "# TYPE rove_exchange_seconds histogram\n"));
    close_line(&l);
}

/* ---- too large ------------------------------------------------------------------------------------------ */

/* The whole body is taken, so that the answer arrives; the connection stays good. */
static void test_body_over_the_limit(void **state) {
    static const char head[] =
        REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll\r\n"
                                   "Content-Length: 300000\r\n\r\n";
    static char body[300000];
    world *w = *state;
    line l = open_line(w);
    say(&l, head, sizeof head - 1);
    say(&l, body, sizeof body);
    assert_int_equal(hear(w, &l, 0), 413);
    assert_non_null(strstr(w->answer, "Rove-Status: TOO_BIG\r\n"));
    assert_int_equal(ask(w, &l, REQUEST("GET /healthz") "\r\n"), 200);
    close_line(&l);
}

static void test_chunked_body_over_the_limit(void **state) {
    static const char head[] =
        REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n";
    static char chunk[4096];
    world *w = *state;
    line l = open_line(w);
    say(&l, head, sizeof head - 1);
    for (int i = 0; i < 20; i++) {
        say(&l, "1000\r\n", 6);
        say(&l, chunk, sizeof chunk);
        say(&l, "\r\n", 2);
    }
    say(&l, "0\r\n\r\n", 5);
    assert_int_equal(hear(w, &l, 0), 413);
    assert_int_equal(ask(w, &l, REQUEST("GET /healthz") "\r\n"), 200);
    close_line(&l);
}

/* Who waits to be told to go on, or announces more than is ever drained, is answered at once. */
static void test_answered_before_the_body(void **state) {
    world *w = *state;
    assert_int_equal(
        ask_once(w,
                 REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll\r\n"
                                            "Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n"),
        413);
    assert_int_equal(
        ask_once(w, REQUEST("POST /v1/exchange") "Content-Length: 99999999999\r\n\r\n"), 401);
}

static void test_header_over_the_limit(void **state) {
    static char text[20000];
    world *w = *state;
    line l = open_line(w);
    static const char first[] = REQUEST("GET /healthz") "X-Long: ";
    memset(text, 'x', sizeof text);
    say(&l, first, sizeof first - 1);
    say(&l, text, HQ_HTTP_HEADER_MAX);
    assert_int_equal(ask(w, &l, "\r\n\r\n"), 431);
    close_line(&l);
    l = open_line(w);
    say(&l, first, sizeof first - 1);
    say(&l, text, HQ_HTTP_HEADER_MAX - 1000);
    assert_int_equal(ask(w, &l, "\r\n\r\n"), 200);
    close_line(&l);
    /* Without an end: refused as soon as the room is used up. */
    l = open_line(w);
    say(&l, first, sizeof first - 1);
    for (int i = 0; i < 20; i++) {
        say(&l, text, sizeof text);
    }
    int status = hear(w, &l, 0);
    assert_true(status == 431 || status == 0);
    close_line(&l);
    assert_int_equal(ask_once(w, REQUEST("GET /healthz") "\r\n"), 200);
}

static void test_no_http(void **state) {
    world *w = *state;
    int status = ask_once(w, "\x01\x02 nonsense\r\n\r\n");
    assert_true(status == 0 || status >= 400);
    status = ask_once(w, "GET /healthz HTTP/1.1\r\n\r\n"); /* no Host */
    assert_true(status == 0 || status >= 400);
    assert_int_equal(ask_once(w, REQUEST("GET /healthz") "\r\n"), 200);
}

/* ---- TLS ------------------------------------------------------------------------------------------------ */

static void test_nothing_below_tls_1_3(void **state) {
    world *w = *state;
    line l;
    assert_int_equal(SSL_CTX_set_max_proto_version(w->tls, TLS1_2_VERSION), 1);
    assert_false(try_open(w, &l));
    close_line(&l);
    assert_int_equal(SSL_CTX_set_max_proto_version(w->tls, TLS1_3_VERSION), 1);
    l = open_line(w);
    assert_int_equal(SSL_version(l.ssl), TLS1_3_VERSION);
    close_line(&l);
}

/* ---- too slow, too many --------------------------------------------------------------------------------- */

/* Waits until the other side ends the connection. */
static void await_end(int fd) {
    char bytes[4096];
    while (recv(fd, bytes, sizeof bytes, 0) > 0) {
    }
}

static void test_slow_clients(void **state) {
    world *w = *state;
    serve(w, &(hq_http_options){.listen = "127.0.0.1:0", .threads = 2, .idle_ms = 100});
    /* Not even a handshake. */
    int fd = dial(hq_http_port(w->http));
    await_end(fd);
    (void)close(fd);
    /* A head without an end. */
    line l = open_line(w);
    say(&l, "GET /healthz HTT", 16);
    await_end(l.fd);
    close_line(&l);
    /* A body that does not go on. */
    l = open_line(w);
    static const char head[] =
        REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll\r\n"
                                   "Content-Length: 3000\r\n\r\nx";
    say(&l, head, sizeof head - 1);
    await_end(l.fd);
    close_line(&l);
    assert_int_equal(ask_once(w, REQUEST("GET /healthz") "\r\n"), 200);
}

static void test_connections_of_an_address(void **state) {
    world *w = *state;
    serve(w,
          &(hq_http_options){.listen = "127.0.0.1:0", .threads = 1, .connections_per_address = 2});
    line first = open_line(w);
    line second = open_line(w);
    line third;
    assert_false(try_open(w, &third));
    close_line(&third);
    assert_int_equal(ask(w, &first, REQUEST("GET /healthz") "\r\n"), 200);
    close_line(&first);
    close_line(&second);
    /* Room again, as soon as the server has seen them go. */
    while (!try_open(w, &third)) {
        close_line(&third);
    }
    assert_int_equal(ask(w, &third, REQUEST("GET /healthz") "\r\n"), 200);
    close_line(&third);
}

/* The clock of the guard alone, so that limits are exact. */
typedef struct hands {
    pthread_mutex_t mutex;
    int64_t boot_ms;
} hands;

static void read_hands(void *ctx, rove_clock_reading *reading) {
    hands *self = ctx;
    memset(reading, 0, sizeof *reading);
    (void)pthread_mutex_lock(&self->mutex);
    reading->boot_ms = self->boot_ms;
    (void)pthread_mutex_unlock(&self->mutex);
}

static void advance(hands *self, int64_t ms) {
    (void)pthread_mutex_lock(&self->mutex);
    self->boot_ms += ms;
    (void)pthread_mutex_unlock(&self->mutex);
}

static int is_open(int fd) {
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) < 0;
}

static void test_guard(void **state) {
    enum { WAITING, RECEIVING, WORKING, COUNT };
    hands time = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    rove_clock clock = {read_hands, &time};
    int pairs[COUNT][2];
    guarded *connections[COUNT];
    guard *watch = NULL;
    rove_allocator allocator;
    (void)state;
    rove_posix_allocator(&allocator);
    assert_int_equal(guard_new(&allocator, &clock, 100, &watch, NULL), ROVE_OK);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
        connections[i] = guard_enter(watch, pairs[i][0]);
        assert_non_null(connections[i]);
    }
    assert_int_equal(guard_count(watch), COUNT);
    guard_set(watch, connections[RECEIVING], GUARD_RECEIVING);
    guard_moved(watch, connections[RECEIVING], 10 * GUARD_RATE); /* good for ten seconds */
    guard_set(watch, connections[WORKING], GUARD_WORKING);
    advance(&time, 10000);
    await_end(pairs[WAITING][1]);
    assert_true(is_open(pairs[RECEIVING][1]));
    advance(&time, 1000);
    await_end(pairs[RECEIVING][1]);
    assert_true(is_open(pairs[WORKING][1]));
    for (int i = 0; i < COUNT; i++) {
        guard_leave(watch, connections[i]);
        (void)close(pairs[i][0]);
        (void)close(pairs[i][1]);
    }
    guard_free(watch);
}

/* ---- starting and stopping ------------------------------------------------------------------------------ */

static void test_places_to_listen(void **state) {
    static const char *const wrong[] = {"",
                                        "8443",
                                        ":8443",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:x",
                                        "localhost:0",
                                        "[::1:0",
                                        "[]:0",
                                        "127.0.0.1:99999999"};
    world *w = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        hq_http_options options = {.listen = wrong[i]};
        assert_int_equal(hq_http_start(w->h.hq, &options, &w->http, &w->error), ROVE_INVALID);
        assert_null(w->http);
    }
    serve(w, &(hq_http_options){.listen = "127.0.0.1:0", .threads = 1});
    hq_http *second = NULL;
    hq_http_options taken = {.listen = hq_http_url(w->http) + strlen("https://")};
    assert_int_equal(hq_http_start(w->h.hq, &taken, &second, &w->error), ROVE_BUSY);
    assert_non_null(strstr(w->error.message, taken.listen));
}

static void test_stops_with_open_connections(void **state) {
    world *w = *state;
    serve(w, &(hq_http_options){.listen = "127.0.0.1:0", .threads = 3});
    line quiet = open_line(w);
    line used = open_line(w);
    assert_int_equal(ask(w, &used, REQUEST("GET /healthz") "\r\n"), 200);
    hq_http_stop(w->http);
    w->http = NULL;
    await_end(quiet.fd);
    await_end(used.fd);
    close_line(&quiet);
    close_line(&used);
}

#define TEST(name)    cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define SERVING(name) cmocka_unit_test_setup_teardown(name, set_up_serving, tear_down)

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN); /* a connection that headquarters refuses may be gone while we write */
    const struct CMUnitTest tests[] = {
        SERVING(test_healthz),
        SERVING(test_authorised_before_existence),
        SERVING(test_content_type),
        SERVING(test_metrics),
        SERVING(test_body_over_the_limit),
        SERVING(test_chunked_body_over_the_limit),
        SERVING(test_answered_before_the_body),
        SERVING(test_header_over_the_limit),
        SERVING(test_no_http),
        SERVING(test_nothing_below_tls_1_3),
        TEST(test_slow_clients),
        TEST(test_connections_of_an_address),
        cmocka_unit_test(test_guard),
        TEST(test_places_to_listen),
        TEST(test_stops_with_open_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
