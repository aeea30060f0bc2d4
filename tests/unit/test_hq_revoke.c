/*
 * test_hq_revoke.c - a revocation holds at once: for the next request on a connection that is open, in the middle of a push
 * and of an answer that is still flowing, and there is no session that could be resumed around it.
 */
#include "outpost.h"

#include <signal.h>

#include "client/internal.h"
#include "line.h"

#define NOTES 600
#define NOTE_BYTES                                                                                 \
    (16 * 1024) /* of letters drawn at random, so that no buffer takes the whole answer */

typedef struct world {
    outpost *o;
    device phone;
    device second; /* another device of the same rep */
    caller c;
    /* A transport in between, that revokes its device once so many bytes have moved; 0: it does not. */
    rove_transport inner;
    const rove_request *under;
    device *watched;
    size_t sent, sent_max;
    size_t received, received_max;
    int revoked;
} world;

/* ---- a transport that revokes --------------------------------------------------------------------------- */

static void revoke_past(world *w, size_t moved, size_t most) {
    if (most != 0 && moved >= most && !w->revoked) {
        w->revoked = 1;
        device_revoke(w->o, w->watched);
    }
}

static rove_status watch_body(void *ctx, void *bytes, size_t capacity, size_t *size) {
    world *w = ctx;
    rove_status status = w->under->read_body(w->under->ctx, bytes, capacity, size);
    w->sent += *size;
    revoke_past(w, w->sent, w->sent_max);
    return status;
}

static rove_status watch_answer(void *ctx, const void *bytes, size_t size) {
    world *w = ctx;
    w->received += size;
    revoke_past(w, w->received, w->received_max);
    return w->under->write_answer(w->under->ctx, bytes, size);
}

static int watch_cancelled(void *ctx) {
    world *w = ctx;
    return w->under->cancelled != NULL && w->under->cancelled(w->under->ctx);
}

static rove_status watch_perform(void *ctx, const rove_request *request, rove_response *response,
                                 rove_error *error) {
    world *w = ctx;
    rove_request watched = *request;
    w->under = request;
    watched.read_body = request->read_body == NULL ? NULL : watch_body;
    watched.write_answer = watch_answer;
    watched.cancelled = watch_cancelled;
    watched.ctx = w;
    return w->inner.perform(w->inner.ctx, &watched, response, error);
}

/* Opens and enrols a device whose requests are watched. */
static void start_watched(world *w, device *d, const char *folder) {
    device_open(w->o, d, folder);
    rove_close(d->replica);
    w->inner = d->ports.transport;
    w->watched = d;
    d->ports.transport = (rove_transport){watch_perform, w};
    assert_int_equal(rove_open(&d->ports, d->folder, &d->replica, &d->error), ROVE_OK);
    device_invite(w->o, d);
    device_served(d, device_enrol(w->o, d));
    w->sent = 0;
    w->received = 0;
}

static void end_watched(world *w, device *d) {
    rove_close(d->replica);
    d->ports.transport = w->inner;
    rove_posix_ports_free(&d->ports);
    device_forget(d->folder);
}

/* ---- the world ------------------------------------------------------------------------------------------ */

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->o = outpost_start();
    device_start(w->o, &w->phone, "revoke_phone");
    w->c.tls = SSL_CTX_new(TLS_client_method());
    w->c.port = w->o->port;
    assert_non_null(w->c.tls);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    SSL_CTX_free(w->c.tls);
    device_close(&w->phone);
    outpost_end(w->o);
    free(w);
    return 0;
}

static void call_as(world *w, const device *d) {
    const rove__credentials *own = d->replica->credentials;
    line_show(&w->c, own->identity.certificate, own->identity.certificate_size, own->key,
              own->key_size);
}

/* Eight in a transaction. */
static void write_notes(device *d, int count) {
    static char text[NOTE_BYTES + 1];
    uint64_t drawn = 1;
    for (int i = 0; i < count; i++) {
        rove_id id = 0;
        for (size_t at = 0; at < NOTE_BYTES; at++) {
            drawn = drawn * 6364136223846793005U + 1442695040888963407U;
            text[at] = (char)('!' + (drawn >> 33) % 94);
        }
        rove_field fields[] = {{"about_id", rove_int(device_state(d).user)},
                               {"created_at", rove_int(rove_now_ms(d->replica))},
                               {"text", rove_text(text)}};
        if (i % 8 == 0) {
            assert_int_equal(rove_begin(d->replica, &d->error), ROVE_OK);
        }
        if (rove_insert(d->replica, "Note", fields, 3, &id, &d->error) != ROVE_OK) {
            fail_msg("rove_insert: %s", d->error.message);
        }
        if (i % 8 == 7) {
            assert_int_equal(rove_commit(d->replica, &d->error), ROVE_OK);
        }
    }
}

static uint64_t notes_of(const device *d) {
    rove_query *query = NULL;
    assert_int_equal(rove_query_new(d->replica, "SELECT count(*) FROM note", NULL, 0, &query, NULL),
                     ROVE_OK);
    assert_int_equal(rove_query_step(query, NULL), ROVE_OK);
    uint64_t count = (uint64_t)rove_query_value(query, 0).as.integer;
    rove_query_free(query);
    return count;
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

static void test_revoked_on_an_open_connection(void **state) {
    static const char *const heads[] = {
        REQUEST("POST /v1/renew") "Content-Type: application/vnd.rove.enroll\r\n"
                                  "Content-Length: 0\r\n\r\n",
        REQUEST("GET /v1/nothing") "\r\n",
        REQUEST("POST /v1/exchange") "Content-Type: application/vnd.rove.exchange\r\n"
                                     "Content-Length: 0\r\n\r\n",
        REQUEST("GET /v1/wait?cursor=1.1") "\r\n",
    };
    world *w = *state;
    call_as(w, &w->phone);
    line l = line_open(&w->c);
    assert_int_equal(line_ask(&w->c, &l, heads[0]), 400);
    assert_int_equal(line_ask(&w->c, &l, heads[1]), 404);
    device_revoke(w->o, &w->phone);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        assert_int_equal(line_ask(&w->c, &l, heads[i]), 403);
        assert_non_null(strstr(w->c.answer, "Rove-Status: REVOKED\r\n"));
    }
    line_close(&l);
}

static int count_session(SSL *ssl, SSL_SESSION *session) {
    int *count = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    (void)session;
    (*count)++;
    return 0;
}

/* No ticket is given out, and what is left of a session resumes nothing: each connection shows its certificate. */
static void test_no_session_is_resumed(void **state) {
    world *w = *state;
    int tickets = 0;
    call_as(w, &w->phone);
    (void)SSL_CTX_set_session_cache_mode(w->c.tls, SSL_SESS_CACHE_CLIENT);
    (void)SSL_CTX_set_app_data(w->c.tls, &tickets);
    SSL_CTX_sess_set_new_cb(w->c.tls, count_session);
    line l = line_open(&w->c);
    assert_int_equal(line_ask(&w->c, &l, REQUEST("GET /healthz") "\r\n"), 200);
    SSL_SESSION *session = SSL_get1_session(l.ssl);
    assert_non_null(session);
    assert_false(SSL_SESSION_is_resumable(session));
    assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
    line_close(&l);
    assert_int_equal(tickets, 0);

    device_revoke(w->o, &w->phone);
    line_begin(&w->c, &l);
    (void)SSL_set_session(l.ssl, session);
    assert_int_equal(SSL_connect(l.ssl), 1);
    assert_false(SSL_session_reused(l.ssl));
    assert_int_equal(line_ask(&w->c, &l, REQUEST("GET /v1/wait?cursor=1.1") "\r\n"), 403);
    line_close(&l);
    SSL_SESSION_free(session);
}

/* The answer breaks off; what came before is whole pages, and no more comes after. */
static void test_revoked_while_the_answer_flows(void **state) {
    world *w = *state;
    write_notes(&w->phone, NOTES);
    device_served(&w->phone, device_sync(&w->phone));
    start_watched(w, &w->second, "revoke_second");
    w->received_max = 64 * 1024;
    assert_int_not_equal(device_sync(&w->second), ROVE_OK);
    assert_true(w->revoked);
    uint64_t held = notes_of(&w->second);
    assert_true(held < NOTES);
    w->received = 0;
    assert_int_equal(device_sync(&w->second), ROVE_REVOKED);
    assert_int_equal(w->received, 0);
    assert_int_equal(notes_of(&w->second), held);
    end_watched(w, &w->second);
}

/* What was on its way is not taken, and stays on the device. */
static void test_revoked_while_it_pushes(void **state) {
    world *w = *state;
    said after;
    start_watched(w, &w->second, "revoke_second");
    device_served(&w->second, device_sync(&w->second));
    write_notes(&w->second, 40);
    w->sent = 0;
    w->sent_max = 64 * 1024;
    assert_int_equal(device_sync(&w->second), ROVE_REVOKED);
    assert_true(w->revoked);
    assert_int_equal(device_state(&w->second).pending, 40);
    assert_int_equal(headquarters_run(&w->o->h, &after, "status", NULL), HQ_EXIT_DONE);
    assert_null(strstr(after.out, "Note"));
    end_watched(w, &w->second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    (void)signal(SIGPIPE,
                 SIG_IGN); /* a connection that headquarters ended may be gone while we write */
    const struct CMUnitTest tests[] = {
        TEST(test_revoked_on_an_open_connection),
        TEST(test_no_session_is_resumed),
        TEST(test_revoked_while_the_answer_flows),
        TEST(test_revoked_while_it_pushes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
