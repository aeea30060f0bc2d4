/*
 * http/guard.c - see guard.h.
 */
#include "http/guard.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/text.h"

struct guarded {
    guarded *previous;
    guarded *next;
    int socket;
    guard_phase phase;
    int64_t since_ms; /* boot clock */
    uint64_t bytes;
};

struct guard {
    const rove_allocator *allocator;
    const rove_clock *clock;
    int64_t idle_ms;
    pthread_t thread;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t changed;
    guarded *first;
    size_t count;
    int ending;
};

static int64_t boot_ms(const guard *self) {
    rove_clock_reading now;
    self->clock->read(self->clock->ctx, &now);
    return now.boot_ms;
}

static int is_late(const guard *self, const guarded *connection, int64_t now_ms) {
    int64_t allowed_ms = self->idle_ms;
    if (connection->phase == GUARD_WORKING) {
        return 0;
    }
    if (connection->phase != GUARD_WAITING) {
        allowed_ms += (int64_t)(connection->bytes * 1000 / GUARD_RATE);
    }
    return now_ms - connection->since_ms > allowed_ms;
}

/* The worker that has the connection sees it end, and closes it. */
static void shut_late(guard *self) {
    int64_t now_ms = boot_ms(self);
    for (guarded *at = self->first; at != NULL; at = at->next) {
        if (is_late(self, at, now_ms)) {
            (void)shutdown(at->socket, SHUT_RDWR);
        }
    }
}

static struct timespec next_look(const guard *self) {
    struct timespec at = {0, 0};
    int64_t wait_ms = self->idle_ms / 4 < 1000 ? self->idle_ms / 4 + 1 : 1000;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + wait_ms * 1000000;
    at.tv_sec += (time_t)(ns / 1000000000);
    at.tv_nsec = (long)(ns % 1000000000);
    return at;
}

static void *watch(void *ctx) {
    guard *self = ctx;
    (void)pthread_mutex_lock(&self->mutex);
    while (!self->ending) {
        struct timespec until = next_look(self);
        if (pthread_cond_timedwait(&self->changed, &self->mutex, &until) == ETIMEDOUT) {
            shut_late(self);
        }
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return NULL;
}

rove_status guard_new(const rove_allocator *allocator, const rove_clock *clock, int64_t idle_ms,
                      guard **out, rove_error *error) {
    pthread_condattr_t attributes;
    *out = NULL;
    guard *self = rove__alloc_zeroed(allocator, 1, sizeof *self);
    if (self == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    self->allocator = allocator;
    self->clock = clock;
    self->idle_ms = idle_ms;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&self->mutex, NULL);
    (void)pthread_cond_init(&self->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (pthread_create(&self->thread, NULL, watch, self) != 0) {
        (void)pthread_cond_destroy(&self->changed);
        (void)pthread_mutex_destroy(&self->mutex);
        rove__free(allocator, self);
        return rove__error_set(error, ROVE_NOMEM, "A thread could not be started.");
    }
    *out = self;
    return ROVE_OK;
}

void guard_free(guard *self) {
    if (self == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&self->mutex);
    self->ending = 1;
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->mutex);
    (void)pthread_join(self->thread, NULL);
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->mutex);
    rove__free(self->allocator, self);
}

guarded *guard_enter(guard *self, int socket) {
    guarded *connection = rove__alloc_zeroed(self->allocator, 1, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    connection->socket = socket;
    connection->phase = GUARD_WAITING;
    connection->since_ms = boot_ms(self);
    (void)pthread_mutex_lock(&self->mutex);
    connection->next = self->first;
    if (self->first != NULL) {
        self->first->previous = connection;
    }
    self->first = connection;
    self->count++;
    (void)pthread_mutex_unlock(&self->mutex);
    return connection;
}

void guard_leave(guard *self, guarded *connection) {
    if (connection == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&self->mutex);
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        self->first = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    self->count--;
    (void)pthread_mutex_unlock(&self->mutex);
    rove__free(self->allocator, connection);
}

void guard_set(guard *self, guarded *connection, guard_phase phase) {
    if (connection == NULL) {
        return;
    }
    int64_t now_ms = boot_ms(self);
    (void)pthread_mutex_lock(&self->mutex);
    connection->phase = phase;
    connection->since_ms = now_ms;
    connection->bytes = 0;
    (void)pthread_mutex_unlock(&self->mutex);
}

void guard_moved(guard *self, guarded *connection, size_t bytes) {
    if (connection == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&self->mutex);
    connection->bytes += bytes;
    (void)pthread_mutex_unlock(&self->mutex);
}

size_t guard_count(guard *self) {
    (void)pthread_mutex_lock(&self->mutex);
    size_t count = self->count;
    (void)pthread_mutex_unlock(&self->mutex);
    return count;
}
