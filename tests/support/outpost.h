/*
 * support/outpost.h - headquarters behind real HTTPS, and whole devices that speak to it with libcurl, each by a clock of
 * its own. What both ends log, at the most talkative level, is kept. For tests of what passes between them; support/handset.h
 * has devices made by hand.
 */
#ifndef ROVE_TESTS_OUTPOST_H
#define ROVE_TESTS_OUTPOST_H

#include "headquarters.h"

#include <pthread.h>

#include "http/http.h"
#include "rove/rove.h"

/* What was logged, by any thread. */
typedef struct journal {
    pthread_mutex_t mutex;
    char *text;
    size_t size;
    size_t capacity;
} journal;

typedef struct outpost {
    headquarters h;
    hq_http *http;
    char url[64];
    int port; /* the same after it was stopped and started again */
    journal log;
    rove_error error;
} outpost;

typedef struct device {
    rove_ports ports;
    rove_clock_reading now;
    rove *replica;
    rove_error error;
    char folder[32];
    char code[256];
} device;

/* ---- headquarters --------------------------------------------------------------------------------------- */

static inline void journal_add(void *ctx, rove_log_level level, const char *module,
                               const char *text) {
    journal *self = ctx;
    (void)level;
    (void)pthread_mutex_lock(&self->mutex);
    size_t more = strlen(module) + strlen(text) + 4;
    if (self->size + more > self->capacity) {
        self->capacity = 2 * (self->size + more);
        self->text = realloc(self->text, self->capacity);
        if (self->text == NULL) {
            abort();
        }
    }
    self->size += (size_t)snprintf(self->text + self->size, more, "%s: %s\n", module, text);
    (void)pthread_mutex_unlock(&self->mutex);
}

static inline void outpost_serve(outpost *w) {
    char listen[32];
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%d", w->port);
    const hq_http_options options = {.listen = listen, .threads = 2};
    if (hq_http_start(w->h.hq, &options, &w->http, &w->error) != ROVE_OK) {
        fail_msg("hq_http_start: %s", w->error.message);
    }
    w->port = hq_http_port(w->http);
    (void)snprintf(w->url, sizeof w->url, "%s", hq_http_url(w->http));
}

static inline void outpost_stop(outpost *w) {
    hq_http_stop(w->http);
    w->http = NULL;
}

/* Serving, with the user "jo". */
static inline outpost *outpost_start(void) {
    outpost *w = calloc(1, sizeof *w);
    assert_non_null(w);
    (void)pthread_mutex_init(&w->log.mutex, NULL);
    headquarters_prepare(&w->h);
    w->h.ports.log = (rove_log){journal_add, &w->log, ROVE_LOG_DEBUG};
    assert_int_equal(headquarters_init(&w->h, "Acme Field Sales"), ROVE_OK);
    headquarters_open(&w->h);
    outpost_serve(w);
    (void)headquarters_user_put(&w->h, 0, "jo", 1);
    return w;
}

static inline void outpost_end(outpost *w) {
    outpost_stop(w);
    headquarters_end(&w->h);
    (void)pthread_mutex_destroy(&w->log.mutex);
    free(w->log.text);
    free(w);
}

/* ---- devices -------------------------------------------------------------------------------------------- */

static inline void device_read_clock(void *ctx, rove_clock_reading *reading) {
    const device *d = ctx;
    *reading = d->now;
}

static inline void device_forget(const char *folder) {
    char path[128];
    DIR *files = opendir(folder);
    for (struct dirent *at = files == NULL ? NULL : readdir(files); at != NULL;
         at = readdir(files)) {
        (void)snprintf(path, sizeof path, "%s/%.60s", folder, at->d_name);
        (void)unlink(path);
    }
    if (files != NULL) {
        (void)closedir(files);
    }
    (void)rmdir(folder);
}

/* A replica in a fresh folder; its clock stands at the real time until the test moves it. */
static inline void device_open(outpost *w, device *d, const char *folder) {
    rove_clock real;
    assert_int_equal(rove_posix_ports_new(&d->ports), ROVE_OK);
    rove_posix_clock(&real);
    real.read(real.ctx, &d->now);
    d->ports.clock = (rove_clock){device_read_clock, d};
    d->ports.log = (rove_log){journal_add, &w->log, ROVE_LOG_DEBUG};
    d->ports.app = "test";
    (void)snprintf(d->folder, sizeof d->folder, "%s", folder);
    device_forget(d->folder);
    if (rove_open(&d->ports, d->folder, &d->replica, &d->error) != ROVE_OK) {
        fail_msg("rove_open: %s", d->error.message);
    }
}

static inline void device_close(device *d) {
    rove_close(d->replica);
    rove_posix_ports_free(&d->ports);
    device_forget(d->folder);
}

/* A code for the user "jo". */
static inline void device_invite(outpost *w, device *d) {
    said s;
    assert_int_equal(headquarters_run(&w->h, &s, "enroll-code", "--user", "jo", NULL),
                     HQ_EXIT_DONE);
    const char *at = strstr(s.out, "\n\n    ");
    assert_non_null(at);
    (void)snprintf(d->code, sizeof d->code, "%.*s", (int)strcspn(at + 6, "\n"), at + 6);
}

static inline rove_status device_enrol(outpost *w, device *d) {
    return rove_enroll(d->replica, w->url, d->code, &d->error);
}

static inline rove_status device_sync(device *d) {
    return rove_sync(d->replica, NULL, NULL, &d->error);
}

static inline rove_state device_state(const device *d) {
    rove_state now = {.size = sizeof now};
    assert_int_equal(rove_read_state(d->replica, &now, NULL), ROVE_OK);
    return now;
}

/* It is let in, with all that it wrote. */
static inline void device_served(device *d, rove_status status) {
    if (status != ROVE_OK) {
        fail_msg("%s: %s: %s", d->folder, rove_status_name(status), d->error.message);
    }
    assert_int_equal(device_state(d).pending, 0);
    assert_int_equal(device_state(d).rejections, 0);
}

/* Open, enrolled and synced. */
static inline void device_start(outpost *w, device *d, const char *folder) {
    device_open(w, d, folder);
    device_invite(w, d);
    device_served(d, device_enrol(w, d));
    device_served(d, device_sync(d));
}

static inline void device_revoke(outpost *w, const device *d) {
    said s;
    char replica[16];
    (void)snprintf(replica, sizeof replica, "%u", (unsigned)device_state(d).replica);
    assert_int_equal(headquarters_run(&w->h, &s, "revoke", replica, NULL), HQ_EXIT_DONE);
}

#endif
