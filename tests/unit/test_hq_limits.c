/*
 * test_hq_limits.c - what one peer may cost the TLS front, each limit reached and passed: bytes of a head and of a body,
 * connections in all, requests of one device, and time, for five hundred clients that send a byte every ten seconds.
 */
#include "outpost.h"

#include <signal.h>
#include <sys/resource.h>

#include "client/internal.h"
#include "line.h"

#define MIB        ((size_t)1024 * 1024)
#define ENROLL_MAX 4096
#define SLOW       500
#define ENROLL     REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll\r\n"
#define EXCHANGE   REQUEST("POST /v1/exchange") "Content-Type: application/vnd.rove.exchange\r\n"

typedef struct world {
    outpost *o;
    device phone;
    device second;
    caller c;
} world;

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->o = outpost_start();
    w->c.tls = SSL_CTX_new(TLS_client_method());
    w->c.port = w->o->port;
    assert_non_null(w->c.tls);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    SSL_CTX_free(w->c.tls);
    outpost_end(w->o);
    free(w);
    return 0;
}

static void serve(world *w, const hq_http_options *options) {
    outpost_stop(w->o);
    assert_int_equal(hq_http_start(w->o->h.hq, options, &w->o->http, NULL), ROVE_OK);
    w->c.port = hq_http_port(w->o->http);
}

static void call_as(world *w, const device *d) {
    const rove__credentials *own = d->replica->credentials;
    line_show(&w->c, own->identity.certificate, own->identity.certificate_size, own->key,
              own->key_size);
}

/* ---- sizes ---------------------------------------------------------------------------------------------- */

/* A request whose head has so many bytes, from its first letter to its empty line. */
static int ask_with_head(world *w, size_t size) {
    static char text[2 * HQ_HTTP_HEADER_MAX];
    static const char first[] = REQUEST("GET /healthz") "X-Long: ";
    memset(text, 'x', size);
    memcpy(text, first, sizeof first - 1);
    memcpy(text + size - 4, "\r\n\r\n", 5);
    return line_ask_once(&w->c, text);
}

static void test_a_head_at_its_limit_and_one_past(void **state) {
    world *w = *state;
    assert_int_equal(ask_with_head(w, HQ_HTTP_HEADER_MAX), 200);
    assert_int_equal(ask_with_head(w, HQ_HTTP_HEADER_MAX + 1), 431);
}

/* The answer to a body of so many zeros; in chunks: its length is not stated. */
static int ask_with_body(world *w, const char *head, size_t size, int chunked) {
    static char zeros[65536];
    char text[64];
    line l = line_open(&w->c);
    line_say(&l, head, strlen(head));
    (void)snprintf(text, sizeof text,
                   chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: %zu\r\n\r\n",
                   size);
    line_say(&l, text, strlen(text));
    for (size_t at = 0; at < size; at += sizeof zeros) {
        size_t step = size - at < sizeof zeros ? size - at : sizeof zeros;
        (void)snprintf(text, sizeof text, "%zx\r\n", step);
        line_say(&l, text, chunked ? strlen(text) : 0);
        line_say(&l, zeros, step);
        line_say(&l, "\r\n", chunked ? 2 : 0);
    }
    line_say(&l, "0\r\n\r\n", chunked ? 5 : 0);
    int status = line_hear(&w->c, &l, 0);
    line_close(&l);
    return status;
}

static void test_a_body_at_its_limit_and_one_past(void **state) {
    world *w = *state;
    device_start(w->o, &w->phone, "limits_phone");
    call_as(w, &w->phone);
    for (int chunked = 0; chunked <= 1; chunked++) {
        assert_int_equal(ask_with_body(w, ENROLL, ENROLL_MAX, chunked), 400);
        assert_int_equal(ask_with_body(w, ENROLL, ENROLL_MAX + 1, chunked), 413);
        assert_int_equal(ask_with_body(w, EXCHANGE, HQ_HTTP_BODY_MAX, chunked), 200);
        assert_int_equal(ask_with_body(w, EXCHANGE, HQ_HTTP_BODY_MAX + 1, chunked), 413);
    }
    device_close(&w->phone);
}

/* ---- numbers -------------------------------------------------------------------------------------------- */

/* Who comes when there is no room waits outside; nobody who is in notices. */
static void test_connections_in_all(void **state) {
    world *w = *state;
    line lines[3];
    line more;
    serve(w, &(hq_http_options){.listen = "127.0.0.1:0", .threads = 1, .connections = 3});
    for (size_t i = 0; i < 3; i++) {
        lines[i] = line_open(&w->c);
        assert_int_equal(line_ask(&w->c, &lines[i], REQUEST("GET /healthz") "\r\n"), 200);
    }
    line_begin(&w->c, &more);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(line_ask(&w->c, &lines[i], REQUEST("GET /metrics") "\r\n"), 200);
        assert_non_null(strstr(line_body(&w->c), "\nrove_connections 3\n"));
    }
    line_close(&lines[0]);
    assert_int_equal(SSL_connect(more.ssl), 1);
    assert_int_equal(line_ask(&w->c, &more, REQUEST("GET /metrics") "\r\n"), 200);
    assert_non_null(strstr(line_body(&w->c), "\nrove_connections 3\n"));
    line_close(&lines[1]);
    line_close(&lines[2]);
    line_close(&more);
}

/* Begins an exchange: 100 if headquarters waits for its body. */
static int begin_exchange(world *w, line *l) {
    *l = line_open(&w->c);
    return line_ask(&w->c, l, EXCHANGE "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n");
}

static void test_requests_of_one_device(void **state) {
    world *w = *state;
    line lines[HQ_HTTP_REQUESTS_OF_DEVICE];
    line more;
    device_start(w->o, &w->phone, "limits_phone");
    device_start(w->o, &w->second, "limits_second");
    call_as(w, &w->phone);
    for (size_t i = 0; i < HQ_HTTP_REQUESTS_OF_DEVICE; i++) {
        assert_int_equal(begin_exchange(w, &lines[i]), 100);
    }
    assert_int_equal(begin_exchange(w, &more), 503);
    assert_non_null(strstr(w->c.answer, "Rove-Status: LATER\r\n"));
    assert_non_null(strstr(w->c.answer, "Retry-After: "));
    line_close(&more);
    assert_int_equal(device_sync(&w->phone), ROVE_LATER);
    /* Nobody else is turned away for it. */
    device_served(&w->second, device_sync(&w->second));
    for (size_t i = 0; i < HQ_HTTP_REQUESTS_OF_DEVICE; i++) {
        line_close(&lines[i]);
    }
    while (device_sync(&w->phone) == ROVE_LATER) {
    }
    device_served(&w->phone, device_sync(&w->phone));
    device_close(&w->phone);
    device_close(&w->second);
}

/* ---- time ----------------------------------------------------------------------------------------------- */

/* Whether the other side has ended the connection; what it says before is of no interest. */
static void await_end(int fd) {
    char bytes[4096];
    while (recv(fd, bytes, sizeof bytes, 0) > 0) {
    }
}

/* A head that grows by a byte every ten seconds; half of them do not even begin TLS. The hours are headquarters' own. */
static void test_slowloris(void **state) {
    static line slow[SLOW];
    static const char first[] = REQUEST("GET /healthz") "X-Slow: ";
    world *w = *state;
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    serve(w, &(hq_http_options){
                 .listen = "127.0.0.1:0", .threads = 2, .connections_per_address = SLOW + 10});
    for (size_t i = 0; i < SLOW; i++) {
        if (i % 2 == 0) {
            slow[i].fd = line_dial(w->c.port);
        } else {
            slow[i] = line_open(&w->c);
            line_say(&slow[i], first, sizeof first - 1);
        }
    }
    for (int s = 0; s < 30; s += 10) {
        for (size_t i = 1; i < SLOW; i += 2) {
            line_say(&slow[i], "x", 1);
        }
        assert_int_equal(line_ask_once(&w->c, REQUEST("GET /healthz") "\r\n"), 200);
        w->o->h.clock.offset_ms += 10000;
    }
    w->o->h.clock.offset_ms += 1000;
    for (size_t i = 0; i < SLOW; i++) {
        await_end(slow[i].fd);
        if (slow[i].ssl != NULL) {
            line_close(&slow[i]);
        } else {
            (void)close(slow[i].fd);
        }
    }
    assert_int_equal(line_ask_once(&w->c, REQUEST("GET /healthz") "\r\n"), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    (void)signal(SIGPIPE,
                 SIG_IGN); /* a connection that headquarters ended may be gone while we write */
    const struct CMUnitTest tests[] = {
        TEST(test_a_head_at_its_limit_and_one_past),
        TEST(test_a_body_at_its_limit_and_one_past),
        TEST(test_connections_in_all),
        TEST(test_requests_of_one_device),
        TEST(test_slowloris),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
