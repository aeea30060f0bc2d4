/*
 * support/mailer.h - the world of the tests of the drop box: headquarters behind real HTTPS, a device made by hand, and whoever
 * brings what it has sealed.
 */
#ifndef ROVE_TESTS_MAILER_H
#define ROVE_TESTS_MAILER_H

#include "outpost.h"
#include "sender.h"

#include "drop/box.h"
#include "line.h"

#define DROP_HEAD REQUEST("POST /v1/drop") "Content-Type: " DROP_CONTENT_TYPE "\r\n"

typedef struct world {
    outpost *o;
    headquarters *h;
    caller c;
    sender phone;
    rove__buf body; /* of the next request */
    uint8_t answers[DROP_RECORDS_MAX];
    size_t answer_count;
} world;

static inline int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->o = outpost_start();
    w->h = &w->o->h;
    w->c.tls = SSL_CTX_new(TLS_client_method());
    w->c.port = w->o->port;
    assert_non_null(w->c.tls);
    rove__buf_init(&w->body, &w->h->ports.allocator, 2 * DROP_BODY_MAX);
    sender_start(w->h, &w->phone, 1001, headquarters_user_put(w->h, 0, "ann", 1));
    *state = w;
    return 0;
}

static inline int tear_down(void **state) {
    world *w = *state;
    SSL_CTX_free(w->c.tls);
    rove__buf_free(&w->body);
    outpost_end(w->o);
    free(w);
    return 0;
}

/* ---- words ---------------------------------------------------------------------------------------------- */

static inline void put(world *w, const rove__buf *record) {
    rove__buf_append(&w->body, record->data, record->size);
}

static inline void put_all(world *w, const sealed_batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        put(w, &batch->records[i]);
    }
}

/* Sends what was put; the HTTP status. */
static inline int ask(world *w) {
    char head[64];
    line l = line_open(&w->c);
    line_say(&l, DROP_HEAD, sizeof DROP_HEAD - 1);
    (void)snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", w->body.size);
    line_say(&l, head, strlen(head));
    line_say(&l, (const char *)w->body.data, w->body.size);
    int status = line_hear(&w->c, &l, 0);
    size_t begin = (size_t)(line_body(&w->c) - w->c.answer);
    w->answer_count = status == 200 ? w->c.answer_size - begin : 0;
    assert_true(w->answer_count <= sizeof w->answers);
    memcpy(w->answers, w->c.answer + begin, w->answer_count);
    line_close(&l);
    rove__buf_reset(&w->body);
    return status;
}

/* Sends what was put: a digit for each record is what they are answered. */
static inline void assert_answered(world *w, const char *digits) {
    char text[DROP_RECORDS_MAX + 1];
    assert_int_equal(ask(w), 200);
    assert_non_null(strstr(w->c.answer, "Content-Type: " DROP_CONTENT_TYPE "\r\n"));
    for (size_t i = 0; i < w->answer_count; i++) {
        text[i] = (char)('0' + w->answers[i]);
    }
    text[w->answer_count] = '\0';
    assert_string_equal(text, digits);
}

static inline rove__buf copy_of(world *w, const rove__buf *record) {
    rove__buf copy;
    rove__buf_init(&copy, &w->h->ports.allocator, DROP_BODY_MAX + 8);
    rove__buf_append(&copy, record->data, record->size);
    assert_int_equal(rove__buf_status(&copy), ROVE_OK);
    return copy;
}

#endif
