/*
 * test_hq_http.c - the TLS front, spoken to byte by byte: what each path answers to whom, what is too large, too slow or
 * too much, and what is counted.
 */
#include "headquarters.h"

#include <signal.h>

#include "http/guard.h"
#include "http/http.h"
#include "line.h"

typedef struct world {
    headquarters h;
    hq_http *http;
    caller c;
    rove_error error;
} world;

/* ---- the world ------------------------------------------------------------------------------------------ */

static void serve(world *w, const hq_http_options *options) {
    w->error.message[0] = '\0';
    if (hq_http_start(w->h.hq, options, &w->http, &w->error) != ROVE_OK) {
        fail_msg("hq_http_start: %s", w->error.message);
    }
    w->c.port = hq_http_port(w->http);
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    headquarters_start(&w->h);
    w->c.tls = SSL_CTX_new(TLS_client_method());
    assert_non_null(w->c.tls);
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
    SSL_CTX_free(w->c.tls);
    headquarters_end(&w->h);
    free(w);
    return 0;
}

/* ---- paths ---------------------------------------------------------------------------------------------- */

static void test_healthz(void **state) {
    world *w = *state;
    line l = line_open(&w->c);
    assert_int_equal(line_ask(&w->c, &l, REQUEST("GET /healthz") "\r\n"), 200);
    assert_string_equal(line_body(&w->c), "ok\n");
    assert_null(strstr(w->c.answer, "Server:"));
    assert_int_equal(line_ask(&w->c, &l, REQUEST("HEAD /healthz") "\r\n"), 200);
    assert_int_equal(line_ask(&w->c, &l, REQUEST("DELETE /healthz") "\r\n"), 405);
    assert_non_null(strstr(w->c.answer, "Allow: GET\r\n"));
    assert_non_null(strstr(w->c.answer, "Rove-Status: PROTOCOL\r\n"));
    assert_int_equal(line_ask(&w->c, &l, REQUEST("PUT /v1/enroll") "Content-Length: 1\r\n\r\nx"),
                     405);
    assert_non_null(strstr(w->c.answer, "Allow: GET, POST\r\n"));
    line_close(&l);
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
    char first[LINE_ANSWER_MAX];
    char *date = NULL;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        assert_int_equal(line_ask_once(&w->c, heads[i]), 401);
        assert_non_null(strstr(w->c.answer, "Rove-Status: UNAUTHORIZED\r\n"));
        date = strstr(w->c.answer, "Date: ");
        assert_non_null(date);
        memset(date, '.', strcspn(date, "\r"));
        if (i > 0) {
            assert_string_equal(w->c.answer, first);
        }
        memcpy(first, w->c.answer, w->c.answer_size + 1);
    }
}

static void test_content_type(void **state) {
    world *w = *state;
    line l = line_open(&w->c);
    assert_int_equal(line_ask(&w->c, &l, REQUEST("POST /v1/enroll") "Content-Length: 1\r\n\r\nx"),
                     415);
    assert_int_equal(
        line_ask(&w->c, &l,
                 REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enrollment"
                                            "\r\nContent-Length: 1\r\n\r\nx"),
        415);
    assert_int_equal(
        line_ask(&w->c, &l,
                 REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll; "
                                            "v=1\r\nContent-Length: 1\r\n\r\nx"),
        400);
    line_close(&l);
}

static void test_metrics(void **state) {
    world *w = *state;
    line l = line_open(&w->c);
    assert_int_equal(line_ask(&w->c, &l, REQUEST("GET /healthz") "\r\n"), 200);
    assert_int_equal(line_ask(&w->c, &l, REQUEST("GET /healthz") "\r\n"), 200);
    assert_int_equal(line_ask(&w->c, &l, REQUEST("GET /secret-name") "\r\n"), 401);
    assert_int_equal(line_ask(&w->c, &l, REQUEST("GET /metrics") "\r\n"), 200);
    assert_non_null(
        strstr(w->c.answer, "rove_requests_total{path=\"/healthz\",status=\"200\"} 2\n"));
    assert_non_null(strstr(w->c.answer, "rove_requests_total{path=\"other\",status=\"401\"} 1\n"));
    assert_null(strstr(w->c.answer, "secret-name"));
    assert_non_null(strstr(w->c.answer, "\nrove_connections 1\n"));
    assert_non_null(strstr(w->c.answer, "\nrove_head_seq 1\n"));
    assert_non_null(strstr(w->c.answer, "\nrove_devices{status=\"active\"} 0\n"));
    assert_non_null(strstr(w->c.answer, "\nrove_exchange_seconds_bucket{le=\"+Inf\"} 0\n"));
    assert_non_null(strstr(w->c.answer, "# TYPE rove_exchange_seconds histogram\n"));
    line_close(&l);
}

/* ---- too large ------------------------------------------------------------------------------------------ */

/* The whole body is taken, so that the answer arrives; the connection stays good. */
static void test_body_over_the_limit(void **state) {
    static const char head[] =
        REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll\r\n"
                                   "Content-Length: 300000\r\n\r\n";
    static char body[300000];
    world *w = *state;
    line l = line_open(&w->c);
    line_say(&l, head, sizeof head - 1);
    line_say(&l, body, sizeof body);
    assert_int_equal(line_hear(&w->c, &l, 0), 413);
    assert_non_null(strstr(w->c.answer, "Rove-Status: TOO_BIG\r\n"));
    assert_int_equal(line_ask(&w->c, &l, REQUEST("GET /healthz") "\r\n"), 200);
    line_close(&l);
}

static void test_chunked_body_over_the_limit(void **state) {
    static const char head[] =
        REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n";
    static char chunk[4096];
    world *w = *state;
    line l = line_open(&w->c);
    line_say(&l, head, sizeof head - 1);
    for (int i = 0; i < 20; i++) {
        line_say(&l, "1000\r\n", 6);
        line_say(&l, chunk, sizeof chunk);
        line_say(&l, "\r\n", 2);
    }
    line_say(&l, "0\r\n\r\n", 5);
    assert_int_equal(line_hear(&w->c, &l, 0), 413);
    assert_int_equal(line_ask(&w->c, &l, REQUEST("GET /healthz") "\r\n"), 200);
    line_close(&l);
}

/* Who waits to be told to go on, or announces more than is ever drained, is answered at once. */
static void test_answered_before_the_body(void **state) {
    world *w = *state;
    assert_int_equal(
        line_ask_once(
            &w->c,
            REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll\r\n"
                                       "Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n"),
        413);
    assert_int_equal(
        line_ask_once(&w->c, REQUEST("POST /v1/exchange") "Content-Length: 99999999999\r\n\r\n"),
        401);
}

static void test_header_over_the_limit(void **state) {
    static char text[20000];
    world *w = *state;
    line l = line_open(&w->c);
    static const char first[] = REQUEST("GET /healthz") "X-Long: ";
    memset(text, 'x', sizeof text);
    line_say(&l, first, sizeof first - 1);
    line_say(&l, text, HQ_HTTP_HEADER_MAX);
    assert_int_equal(line_ask(&w->c, &l, "\r\n\r\n"), 431);
    line_close(&l);
    l = line_open(&w->c);
    line_say(&l, first, sizeof first - 1);
    line_say(&l, text, HQ_HTTP_HEADER_MAX - 1000);
    assert_int_equal(line_ask(&w->c, &l, "\r\n\r\n"), 200);
    line_close(&l);
    /* Without an end: refused as soon as the room is used up. */
    l = line_open(&w->c);
    line_say(&l, first, sizeof first - 1);
    for (int i = 0; i < 20; i++) {
        line_say(&l, text, sizeof text);
    }
    int status = line_hear(&w->c, &l, 0);
    assert_true(status == 431 || status == 0);
    line_close(&l);
    assert_int_equal(line_ask_once(&w->c, REQUEST("GET /healthz") "\r\n"), 200);
}

static void test_no_http(void **state) {
    world *w = *state;
    int status = line_ask_once(&w->c, "\x01\x02 nonsense\r\n\r\n");
    assert_true(status == 0 || status >= 400);
    status = line_ask_once(&w->c, "GET /healthz HTTP/1.1\r\n\r\n"); /* no Host */
    assert_true(status == 0 || status >= 400);
    assert_int_equal(line_ask_once(&w->c, REQUEST("GET /healthz") "\r\n"), 200);
}

/* ---- TLS ------------------------------------------------------------------------------------------------ */

static void test_nothing_below_tls_1_3(void **state) {
    world *w = *state;
    line l;
    assert_int_equal(SSL_CTX_set_max_proto_version(w->c.tls, TLS1_2_VERSION), 1);
    assert_false(line_try(&w->c, &l));
    line_close(&l);
    assert_int_equal(SSL_CTX_set_max_proto_version(w->c.tls, TLS1_3_VERSION), 1);
    l = line_open(&w->c);
    assert_int_equal(SSL_version(l.ssl), TLS1_3_VERSION);
    line_close(&l);
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
    int fd = line_dial(w->c.port);
    await_end(fd);
    (void)close(fd);
    /* A head without an end. */
    line l = line_open(&w->c);
    line_say(&l, "GET /healthz HTT", 16);
    await_end(l.fd);
    line_close(&l);
    /* A body that does not go on. */
    l = line_open(&w->c);
    static const char head[] =
        REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll\r\n"
                                   "Content-Length: 3000\r\n\r\nx";
    line_say(&l, head, sizeof head - 1);
    await_end(l.fd);
    line_close(&l);
    assert_int_equal(line_ask_once(&w->c, REQUEST("GET /healthz") "\r\n"), 200);
}

static void test_connections_of_an_address(void **state) {
    world *w = *state;
    serve(w,
          &(hq_http_options){.listen = "127.0.0.1:0", .threads = 1, .connections_per_address = 2});
    line first = line_open(&w->c);
    line second = line_open(&w->c);
    line third;
    assert_false(line_try(&w->c, &third));
    line_close(&third);
    assert_int_equal(line_ask(&w->c, &first, REQUEST("GET /healthz") "\r\n"), 200);
    line_close(&first);
    line_close(&second);
    /* Room again, as soon as the server has seen them go. */
    while (!line_try(&w->c, &third)) {
        line_close(&third);
    }
    assert_int_equal(line_ask(&w->c, &third, REQUEST("GET /healthz") "\r\n"), 200);
    line_close(&third);
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
    line quiet = line_open(&w->c);
    line used = line_open(&w->c);
    assert_int_equal(line_ask(&w->c, &used, REQUEST("GET /healthz") "\r\n"), 200);
    hq_http_stop(w->http);
    w->http = NULL;
    await_end(quiet.fd);
    await_end(used.fd);
    line_close(&quiet);
    line_close(&used);
}

#define TEST(name)    cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define SERVING(name) cmocka_unit_test_setup_teardown(name, set_up_serving, tear_down)

int main(void) {
    (void)signal(SIGPIPE,
                 SIG_IGN); /* a connection that headquarters refuses may be gone while we write */
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
