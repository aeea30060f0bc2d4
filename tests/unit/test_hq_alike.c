/*
 * test_hq_alike.c - who may not, and what is not, are answered alike, to the byte: every code that is not good, whatever
 * is wrong with it, and every path for a device that was revoked.
 */
#include "handset.h"

#include <signal.h>

#include "line.h"

typedef struct desk {
    world *w;
    caller c;
    char first[LINE_ANSWER_MAX]; /* answer, its date struck out */
} desk;

static int set_up_desk(void **state) {
    desk *d = calloc(1, sizeof *d);
    void *w = NULL;
    assert_non_null(d);
    (void)set_up(&w);
    d->w = w;
    d->c.tls = SSL_CTX_new(TLS_client_method());
    d->c.port = hq_http_port(d->w->http);
    assert_non_null(d->c.tls);
    *state = d;
    return 0;
}

static int tear_down_desk(void **state) {
    desk *d = *state;
    void *w = d->w;
    SSL_CTX_free(d->c.tls);
    free(d);
    return tear_down(&w);
}

/* The answer that has just come is the first one's twin. */
static void assert_alike(desk *d, const char *what) {
    char *date = strstr(d->c.answer, "Date: ");
    assert_non_null(date);
    memset(date, '.', strcspn(date, "\r"));
    if (d->first[0] == '\0') {
        memcpy(d->first, d->c.answer, d->c.answer_size + 1);
    }
    if (strcmp(d->first, d->c.answer) != 0) {
        fail_msg("%s:\n%s\nnot\n%s", what, d->c.answer, d->first);
    }
}

/* ---- codes ---------------------------------------------------------------------------------------------- */

static void enrol_by_hand(desk *d, const uint8_t proof_code[ROVE_CODE_SIZE], const char *what) {
    uint8_t nonce[ROVE_ENROLL_NONCE_SIZE];
    char head[256];
    handset device;
    rove__buf body;
    assert_int_equal(get_nonce(d->w, nonce), ROVE_OK);
    enroll_body(d->w, &device, nonce, proof_code, &body);
    (void)snprintf(head, sizeof head,
                   REQUEST("POST /v1/enroll") "Content-Type: " ROVE_ENROLL_CONTENT_TYPE "\r\n"
                                              "Content-Length: %zu\r\n\r\n",
                   body.size);
    line l = line_open(&d->c);
    line_say(&l, head, strlen(head));
    line_say(&l, (const char *)body.data, body.size);
    assert_int_equal(line_hear(&d->c, &l, 0), 403);
    assert_non_null(strstr(d->c.answer, "Rove-Status: CODE\r\n"));
    assert_alike(d, what);
    line_close(&l);
    rove__buf_free(&body);
}

static void refused(desk *d, const char *what) {
    enrol_by_hand(d, d->w->invitation.code, what);
}

static void test_codes_that_are_not_good(void **state) {
    desk *d = *state;
    world *w = d->w;
    const uint8_t wrong[ROVE_CODE_SIZE] = {1};
    handset device;
    rove__invitation open = w->invitation;
    memset(w->invitation.code, 9, sizeof w->invitation.code);
    refused(d, "a code that was never given");
    w->invitation = open;
    for (int i = 0; i < 5; i++) {
        enrol_by_hand(d, wrong, "a proof of another code");
    }
    refused(d, "a code that was tried too often");
    invite(w);
    assert_int_equal(enroll(w, &device), ROVE_OK);
    refused(d, "a code that was used");
    invite(w);
    w->h.clock.offset_ms = 15 * MINUTE_MS;
    refused(d, "a code that is too old");
    w->h.clock.offset_ms = 0;
    invite(w);
    (void)headquarters_user_put(&w->h, w->user, "jo", 3);
    refused(d, "a code of somebody who left");
}

/* ---- paths ---------------------------------------------------------------------------------------------- */

static void test_paths_for_a_revoked_device(void **state) {
    static const char *const heads[] = {
        REQUEST("GET /v1/nothing") "\r\n",
        REQUEST("POST /v1/exchange") "Content-Type: " ROVE_CONTENT_TYPE
                                     "\r\nContent-Length: 0\r\n\r\n",
        REQUEST("GET /v1/exchange") "\r\n",
        REQUEST("GET /v1/wait?cursor=1.1") "\r\n",
        REQUEST("POST /v1/renew") "Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
        REQUEST("GET /") "\r\n",
    };
    desk *d = *state;
    handset device;
    char replica[16];
    said s;
    assert_int_equal(enroll(d->w, &device), ROVE_OK);
    (void)snprintf(replica, sizeof replica, "%u", (unsigned)device.replica);
    assert_int_equal(headquarters_run(&d->w->h, &s, "revoke", replica, NULL), HQ_EXIT_DONE);
    line_show(&d->c, device.certificate, device.certificate_size, device.key, device.key_size);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        assert_int_equal(line_ask_once(&d->c, heads[i]), 403);
        assert_alike(d, heads[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_desk, tear_down_desk)

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(test_codes_that_are_not_good),
        TEST(test_paths_for_a_revoked_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
