/*
 * support/rotation.h - the commands by which keys are rotated, and what is expected of keys and record afterwards.
 */
#ifndef ROVE_TESTS_ROTATION_H
#define ROVE_TESTS_ROTATION_H

#include "headquarters.h"

#include "keys.h"
#include "trail.h"

static inline void run(headquarters *h, said *s, int expected, const char *what,
                       const char *option) {
    int result = option == NULL ? headquarters_run(h, s, "keys", what, NULL)
                                : headquarters_run(h, s, "keys", what, option, NULL);
    if (result != expected) {
        fail_msg("keys %s: %d: %s%s", what, result, s->out, s->err);
    }
}

static inline void make_next(headquarters *h) {
    said s;
    run(h, &s, HQ_EXIT_DONE, "next", NULL);
}

static inline void rotate(headquarters *h) {
    said s;
    run(h, &s, HQ_EXIT_DONE, "rotate", NULL);
}

static inline void says(const said *s, const char *text) {
    if (strstr(s->out, text) == NULL && strstr(s->err, text) == NULL) {
        fail_msg("it does not say \"%s\": %s%s", text, s->out, s->err);
    }
}

typedef struct reading {
    hq *hq;
    trail_report report;
} reading;

static inline rove_status verify(void *ctx, rove__hq_tx *tx, rove_error *error) {
    reading *self = ctx;
    (void)error;
    trail_source source;
    trail_source_of(self->hq, &source);
    return trail_verify(&source, tx, 0, &self->report);
}

static inline void expect(headquarters *h, trail_finding finding, int64_t number) {
    reading self = {.hq = h->hq};
    assert_int_equal(hq_read(h->hq, verify, &self, &h->error), ROVE_OK);
    if (self.report.finding != finding || (number != 0 && self.report.number != number)) {
        fail_msg("finding %d of entry %lld, not %d of %lld", (int)self.report.finding,
                 (long long)self.report.number, (int)finding, (long long)number);
    }
}

static inline void pin_now(headquarters *h, uint8_t pin[ROVE_SHA256_SIZE]) {
    memcpy(pin, hq_get_keys(h->hq)->own.pin, ROVE_SHA256_SIZE);
}

/* The certificate is the key's; both are `pin`'s. */
static inline void assert_key(headquarters *h, const uint8_t pin[ROVE_SHA256_SIZE]) {
    uint8_t shown[ROVE_SHA256_SIZE];
    const hq_keys *keys = hq_get_keys(h->hq);
    assert_memory_equal(keys->own.pin, pin, ROVE_SHA256_SIZE);
    assert_int_equal(rove_pki_pin(keys->server.data, keys->server.size, shown, NULL), ROVE_OK);
    assert_memory_equal(shown, pin, ROVE_SHA256_SIZE);
}

static inline void make_next_authority(headquarters *h) {
    said s;
    run(h, &s, HQ_EXIT_DONE, "next", "--authority");
}

static inline void rotate_the_authority(headquarters *h) {
    said s;
    run(h, &s, HQ_EXIT_DONE, "rotate", "--authority");
}

#endif
