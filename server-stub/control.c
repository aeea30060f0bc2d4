/*
 * control.c - the serving end of the control socket; see control.h.
 *
 * One thread accepts; each command has a thread of its own, detached and counted. Stopping shuts the listening socket,
 * which wakes the accepting thread, and the reading side of the callers, which ends those that have not asked yet.
 */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/text.h"
#include "control_wire.h"
#include "path.h"

#define OPERATOR_MAX    256
#define STOP_SECONDS    10
#define ACCEPT_AGAIN_MS 100

struct control {
    hq *headquarters;
    int listener;
    pthread_t thread;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t changed;
    int callers[CONTROL_COMMANDS_MAX]; /* their sockets; -1: free */
    unsigned running;
    int stopping;
};

/* One caller. */
typedef struct caller {
    control *control;
    int fd;
    rove__arena arena;
} caller;

static const rove_allocator *allocator_of(const control *self) {
    return &hq_get_ports(self->headquarters)->allocator;
}

/* ---- one command ---------------------------------------------------------------------------------------- */

static void frame(const caller *self, char kind, const char *bytes, size_t size) {
    uint8_t head[5] = {(uint8_t)kind, (uint8_t)(size >> 24), (uint8_t)(size >> 16),
                       (uint8_t)(size >> 8), (uint8_t)size};
    if (control_send(self->fd, head, sizeof head)) {
        (void)control_send(self->fd, bytes, size); /* a caller that is gone wants nothing more */
    }
}

static void frame_out(void *ctx, const char *bytes, size_t size) {
    frame(ctx, CONTROL_OUT, bytes, size);
}

static void frame_err(void *ctx, const char *bytes, size_t size) {
    frame(ctx, CONTROL_ERR, bytes, size);
}

static char *read_text(rove__reader *reader, rove__arena *arena, size_t max) {
    size_t size = 0;
    const uint8_t *bytes = rove__reader_bytes(reader, max, &size);
    if (rove__reader_status(reader) != ROVE_OK) {
        return NULL;
    }
    char *text = rove__arena_take(arena, size + 1);
    if (text != NULL) {
        memcpy(text, bytes, size);
        text[size] = '\0';
    }
    return text != NULL && strlen(text) == size ? text : NULL;
}

/* Fills in what a request says; NULL if it is none. */
static char **read_request(rove__reader *reader, rove__arena *arena, hq_io *io, int *argc) {
    uint8_t version = rove__reader_byte(reader);
    uint8_t flags = rove__reader_byte(reader);
    io->json = (flags & CONTROL_JSON) != 0;
    io->terminal = (flags & CONTROL_TERMINAL) != 0;
    io->operator_name = read_text(reader, arena, OPERATOR_MAX);
    io->directory = read_text(reader, arena, HQ_PATH_MAX);
    size_t count = (size_t)rove__reader_varint_max(reader, CONTROL_ARGUMENTS_MAX);
    if (rove__reader_status(reader) != ROVE_OK || version != CONTROL_VERSION || count == 0 ||
        io->operator_name == NULL || io->directory == NULL) {
        return NULL;
    }
    char **argv = rove__arena_take(arena, (count + 1) * sizeof *argv);
    for (size_t i = 0; i < count && argv != NULL; i++) {
        argv[i] = read_text(reader, arena, CONTROL_REQUEST_MAX);
        argv = argv[i] == NULL ? NULL : argv;
    }
    if (argv != NULL) {
        argv[count] = NULL;
        *argc = (int)count;
    }
    return argv;
}

static int run_command(caller *self, const void *bytes, size_t size) {
    hq_io io = {.out = frame_out, .err = frame_err, .ctx = self};
    rove__reader reader;
    int argc = 0;
    rove__reader_init(&reader, bytes, size);
    char **argv = read_request(&reader, &self->arena, &io, &argc);
    const hq_command *command = argv == NULL ? NULL : hq_command_named(argv[0]);
    if (command == NULL) {
        hq_complain(&io, "rove-hq: the serving process does not know this command; it may be of "
                         "another version\n");
        return HQ_EXIT_USAGE;
    }
    return command->run(self->control->headquarters, &io, argc, argv);
}

/* Reads the request and runs it. One that is stopped before it asked is not run. */
static void serve_caller(caller *self) {
    uint8_t head[4];
    uint8_t code = HQ_EXIT_FAILED;
    if (!control_receive(self->fd, head, sizeof head)) {
        return;
    }
    size_t size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    uint8_t *bytes = size <= CONTROL_REQUEST_MAX ? rove__arena_take(&self->arena, size + 1) : NULL;
    if (bytes == NULL || !control_receive(self->fd, bytes, size)) {
        return;
    }
    code = (uint8_t)run_command(self, bytes, size);
    frame(self, CONTROL_EXIT, (const char *)&code, 1);
}

/* The place of a socket among the callers; -1 finds a free one. Under the mutex. */
static int *place_of(control *self, int fd) {
    size_t i = 0;
    while (self->callers[i] != fd) {
        i++;
        ROVE_ASSERT(i < CONTROL_COMMANDS_MAX);
    }
    return &self->callers[i];
}

/* Under the mutex, so that control_stop never touches a socket that was closed. */
static void leave(control *self, int fd) {
    *place_of(self, fd) = -1;
    (void)close(fd);
    self->running--;
    (void)pthread_cond_broadcast(&self->changed);
}

static void *work(void *ctx) {
    caller *self = ctx;
    control *owner = self->control;
    int fd = self->fd;
    serve_caller(self);
    rove__arena_free(&self->arena);
    rove__free(allocator_of(owner), self);
    (void)pthread_mutex_lock(&owner->mutex);
    leave(owner, fd);
    (void)pthread_mutex_unlock(&owner->mutex);
    return NULL;
}

/* ---- accepting ------------------------------------------------------------------------------------------ */

/* A thread for a caller, once there is room; closes the socket if there is no thread. */
static void take_caller(control *self, int fd) {
    pthread_t thread;
    pthread_attr_t attributes;
    int started = 0;
    (void)pthread_mutex_lock(&self->mutex);
    while (self->running == CONTROL_COMMANDS_MAX && !self->stopping) {
        (void)pthread_cond_wait(&self->changed, &self->mutex);
    }
    caller *made = self->stopping ? NULL : rove__alloc_zeroed(allocator_of(self), 1, sizeof *made);
    if (made != NULL) {
        made->control = self;
        made->fd = fd;
        rove__arena_init(&made->arena, allocator_of(self), 4 * CONTROL_REQUEST_MAX);
        *place_of(self, -1) = fd;
        self->running++;
        (void)pthread_attr_init(&attributes);
        (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        started = pthread_create(&thread, &attributes, work, made) == 0;
        (void)pthread_attr_destroy(&attributes);
        if (!started) {
            leave(self, fd);
            rove__free(allocator_of(self), made);
        }
    } else {
        (void)close(fd);
    }
    (void)pthread_mutex_unlock(&self->mutex);
}

static int is_stopping(control *self) {
    (void)pthread_mutex_lock(&self->mutex);
    int stopping = self->stopping;
    (void)pthread_mutex_unlock(&self->mutex);
    return stopping;
}

/* For want of descriptors or memory, which others give back. */
static int passes(int code) {
    return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

static void *accept_callers(void *ctx) {
    control *self = ctx;
    int told = 0;
    int failed = 0;
    while (!is_stopping(self) && (failed == 0 || passes(failed))) {
        int fd = accept(self->listener, NULL, NULL);
        failed = fd >= 0 || errno == EINTR || errno == ECONNABORTED ? 0 : errno;
        if (fd >= 0) {
            take_caller(self, fd);
            told = 0;
        } else if (failed != 0 && !is_stopping(self)) {
            if (!told) {
                rove__log(&hq_get_ports(self->headquarters)->log, ROVE_LOG_ERROR, "control",
                          "accepting failed: error %d", failed);
            }
            told = 1;
            (void)poll(NULL, 0, ACCEPT_AGAIN_MS);
        }
    }
    return NULL;
}

/* Under the folder's lock, so what lies there is a socket that a process left behind. */
static rove_status listen_at(control *self, rove_error *error) {
    struct sockaddr_un address;
    int folder_fd = -1;
    rove_status status =
        control_address(hq_folder(self->headquarters), &address, &folder_fd, error);
    if (status != ROVE_OK) {
        return status;
    }
    (void)unlink(address.sun_path);
    self->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->listener < 0 ||
        bind(self->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(address.sun_path, S_IRUSR | S_IWUSR) != 0 || listen(self->listener, 16) != 0) {
        status = rove__error_foreign(error, ROVE_IO, ROVE_DOMAIN_OS, errno,
                                     "The control socket could not be made in %.120s.",
                                     hq_folder(self->headquarters));
    }
    if (folder_fd >= 0) {
        (void)close(folder_fd);
    }
    return status;
}

rove_status control_start(hq *headquarters, control **out, rove_error *error) {
    *out = NULL;
    control *self = rove__alloc_zeroed(&hq_get_ports(headquarters)->allocator, 1, sizeof *self);
    if (self == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    self->headquarters = headquarters;
    self->listener = -1;
    for (size_t i = 0; i < CONTROL_COMMANDS_MAX; i++) {
        self->callers[i] = -1;
    }
    (void)pthread_mutex_init(&self->mutex, NULL);
    (void)pthread_cond_init(&self->changed, NULL);
    rove_status status = listen_at(self, error);
    if (status == ROVE_OK && pthread_create(&self->thread, NULL, accept_callers, self) != 0) {
        status = rove__error_set(error, ROVE_NOMEM, "A thread could not be started.");
    }
    if (status != ROVE_OK) {
        if (self->listener >= 0) {
            (void)close(self->listener);
        }
        (void)pthread_cond_destroy(&self->changed);
        (void)pthread_mutex_destroy(&self->mutex);
        rove__free(&hq_get_ports(headquarters)->allocator, self);
        return status;
    }
    *out = self;
    return ROVE_OK;
}

/* Under the mutex. */
static void shut_callers(control *self, int how) {
    for (size_t i = 0; i < CONTROL_COMMANDS_MAX; i++) {
        if (self->callers[i] >= 0) {
            (void)shutdown(self->callers[i], how);
        }
    }
}

/* Waits for what runs. Who does not take his command's output for STOP_SECONDS gets no more of it. */
static void finish_running(control *self) {
    struct timespec until;
    int late = 0;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_SECONDS;
    (void)pthread_mutex_lock(&self->mutex);
    while (self->running > 0) {
        if (late) {
            (void)pthread_cond_wait(&self->changed, &self->mutex);
        } else if (pthread_cond_timedwait(&self->changed, &self->mutex, &until) == ETIMEDOUT) {
            late = 1;
            shut_callers(self, SHUT_RDWR);
        }
    }
    (void)pthread_mutex_unlock(&self->mutex);
}

void control_stop(control *self) {
    struct sockaddr_un address;
    int folder_fd = -1;
    if (self == NULL) {
        return;
    }
    if (control_address(hq_folder(self->headquarters), &address, &folder_fd, NULL) == ROVE_OK) {
        (void)unlink(address.sun_path);
    }
    if (folder_fd >= 0) {
        (void)close(folder_fd);
    }
    (void)pthread_mutex_lock(&self->mutex);
    self->stopping = 1;
    (void)shutdown(self->listener, SHUT_RDWR);
    shut_callers(self, SHUT_RD);
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->mutex);
    (void)pthread_join(self->thread, NULL);
    finish_running(self);
    (void)close(self->listener);
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->mutex);
    rove__free(allocator_of(self), self);
}
