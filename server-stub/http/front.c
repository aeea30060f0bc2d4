/*
 * http/front.c - starting and stopping the server: its socket, its TLS, its pool of threads.
 */
#include "http/front.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "drop/box.h"
#include "posix/pki.h"

#define THREADS              4
#define CONNECTIONS          1024
#define PER_ADDRESS          256
#define IDLE_MS              30000
#define WAIT_MS              240000
#define BACKLOG              511
#define CONNECTION_BYTES     ((size_t)48 * 1024) /* head, and a piece of body or answer */
#define STOP_SECONDS         10
#define EXCHANGE_BYTES       ((size_t)256 * 1024 * 1024)
#define PULL_BYTES_A_DAY     ((uint64_t)2 * 1024 * 1024 * 1024)
#define FULL_DOWNLOADS_A_DAY 24
#define DROPS_A_MINUTE       60
#define DROP_BYTES           ((size_t)32 * 1024 * 1024)
#define PRIORITIES           "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* ---- the socket ----------------------------------------------------------------------------------------- */

typedef struct place {
    char host[256];
    char port[8];
    int brackets;
} place;

/* "host:port", "[v6]:port". */
static rove_status parse_place(const char *text, place *out, rove_error *error) {
    const char *colon = strrchr(text, ':');
    int brackets = text[0] == '[' && colon != NULL && colon > text && colon[-1] == ']';
    const char *host = brackets ? text + 1 : text;
    const char *end = brackets ? colon - 1 : colon;
    if (colon == NULL || end <= host || (size_t)(end - host) >= sizeof out->host ||
        colon[1] == '\0' || strlen(colon + 1) >= sizeof out->port ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        return rove__error_set(error, ROVE_INVALID,
                               "'%.80s' is no place to listen at. Give ADDRESS:PORT, as in "
                               "127.0.0.1:8443 or [::1]:8443.",
                               text);
    }
    memcpy(out->host, host, (size_t)(end - host));
    out->host[end - host] = '\0';
    memcpy(out->port, colon + 1, strlen(colon + 1) + 1);
    out->brackets = brackets;
    return ROVE_OK;
}

static rove_status fail_listen(const char *what, int code, rove_error *error) {
    char reason[80];
    if (strerror_r(code, reason, sizeof reason) != 0) {
        rove__text_format(reason, sizeof reason, "system error %d", code);
    }
    return rove__error_foreign(error, code == EADDRINUSE ? ROVE_BUSY : ROVE_IO, ROVE_DOMAIN_OS,
                               code, "Listening at %.80s failed: %s", what, reason);
}

static rove_status bind_one(hq_http *self, const struct addrinfo *info, rove_error *error) {
    const int on = 1;
    self->listener = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->listener < 0 ||
        setsockopt(self->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(self->listener, info->ai_addr, info->ai_addrlen) != 0 ||
        listen(self->listener, BACKLOG) != 0) {
        return fail_listen(self->options.listen, errno, error);
    }
    return ROVE_OK;
}

static rove_status open_listener(hq_http *self, rove_error *error) {
    place at = {.brackets = 0};
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *info = NULL;
    struct sockaddr_storage bound = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof bound;
    char port[8] = "";
    rove_status status = parse_place(self->options.listen, &at, error);
    if (status != ROVE_OK) {
        return status;
    }
    if (getaddrinfo(at.host, at.port, &hints, &info) != 0) {
        return rove__error_set(error, ROVE_INVALID,
                               "'%.80s' is no address of this host. Give one in figures, as in "
                               "127.0.0.1 or 0.0.0.0.",
                               at.host);
    }
    status = bind_one(self, info, error);
    freeaddrinfo(info);
    if (status == ROVE_OK && (getsockname(self->listener, (struct sockaddr *)&bound, &size) != 0 ||
                              getnameinfo((struct sockaddr *)&bound, size, NULL, 0, port,
                                          sizeof port, NI_NUMERICSERV) != 0)) {
        status = fail_listen(self->options.listen, errno, error);
    }
    for (const char *c = port; *c != '\0'; c++) {
        self->port = self->port * 10 + (*c - '0');
    }
    rove__text_format(self->url, sizeof self->url,
                      at.brackets ? "https://[%s]:%d" : "https://%s:%d", at.host, self->port);
    return status;
}

/* ---- the daemon ----------------------------------------------------------------------------------------- */

static void log_line(void *cls, const char *format, va_list args) {
    const hq_http *self = cls;
    char text[300];
    rove__text_vformat(text, sizeof text, format, args);
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == '\n') {
        text[--size] = '\0';
    }
    rove__log(&hq_get_ports(self->headquarters)->log, ROVE_LOG_DEBUG, "http", "%s", text);
}

static rove_status pem_of(const rove_pki_bytes *der, rove_pki_bytes *pem, rove_error *error) {
    rove_status status = rove_pki_to_pem(der->data, der->size, pem, error);
    if (status == ROVE_OK && pem->size >= sizeof pem->data) {
        status = ROVE_TOO_BIG;
    }
    if (status == ROVE_OK) {
        pem->data[pem->size] = '\0';
    }
    return status;
}

/*
 * Who is stopping takes no further connection. MHD_quiesce_daemon would be for that, but it takes the socket from threads
 * that may be taking it out of their own sets at that moment, and gives up the process if they were first.
 */
static enum MHD_Result may_connect(void *ctx, const struct sockaddr *address, socklen_t size) {
    hq_http *self = ctx;
    (void)address;
    (void)size;
    return atomic_load(&self->stopping) ? MHD_NO : MHD_YES;
}

static rove_status start_daemon(hq_http *self, rove_error *error) {
    rove_pki_bytes key = hq_get_keys(self->headquarters)->own.pem;
    key.data[key.size < sizeof key.data ? key.size : sizeof key.data - 1] = '\0';
    self->daemon = MHD_start_daemon(
        MHD_USE_TLS | MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME,
        0, may_connect, self, front_handle, self,
        /* first, so that the rest is logged */
        MHD_OPTION_EXTERNAL_LOGGER, log_line, self, MHD_OPTION_LISTEN_SOCKET, self->listener,
        MHD_OPTION_THREAD_POOL_SIZE, self->options.threads, MHD_OPTION_CONNECTION_LIMIT,
        self->options.connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        self->options.connections_per_address, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)((self->options.idle_ms + 999) / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        CONNECTION_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED,
        front_completed, self, MHD_OPTION_NOTIFY_CONNECTION, front_connected, self,
        MHD_OPTION_HTTPS_PRIORITIES, PRIORITIES, MHD_OPTION_HTTPS_MEM_KEY, (const char *)key.data,
        MHD_OPTION_HTTPS_MEM_CERT, (const char *)self->server_pem.data, MHD_OPTION_HTTPS_MEM_TRUST,
        (const char *)self->ca_pem.data, MHD_OPTION_END);
    for (volatile uint8_t *at = key.data; at < key.data + sizeof key.data; at++) {
        *at = 0;
    }
    if (self->daemon == NULL) {
        return rove__error_set(error, ROVE_TLS, "The HTTPS server could not be started.");
    }
    self->listener = -1;
    return ROVE_OK;
}

/* A part of the connections is kept for those who have something to say. */
static size_t waits_of(unsigned connections) {
    return connections - (connections + 3) / 4;
}

static rove_status start(hq_http *self, rove_error *error) {
    const hq_ports *ports = hq_get_ports(self->headquarters);
    const hq_keys *keys = hq_get_keys(self->headquarters);
    rove_status status = ports->random.fill(ports->random.ctx, self->secret, sizeof self->secret);
    self->metrics = metrics_new(&ports->allocator);
    if (status == ROVE_OK && self->metrics == NULL) {
        status = ROVE_NOMEM;
    }
    if (status == ROVE_OK) {
        const traffic_limits limits = {self->options.pull_bytes_a_day,
                                       self->options.full_downloads_a_day};
        status = traffic_new(self->headquarters, &limits, &self->traffic);
    }
    if (status == ROVE_OK) {
        status = drop_box_new(self->headquarters, &self->drop_purse.allocator, &self->drop_box);
    }
    if (status == ROVE_OK) {
        status =
            guard_new(&ports->allocator, &ports->clock, self->options.idle_ms, &self->guard, error);
    }
    if (status == ROVE_OK) {
        status = pem_of(&keys->ca, &self->ca_pem, error);
    }
    if (status == ROVE_OK) {
        status = pem_of(&keys->server, &self->server_pem, error);
    }
    if (status == ROVE_OK) {
        status = credentials_new(self->headquarters, &self->credentials, error);
    }
    if (status == ROVE_OK) {
        status = open_listener(self, error);
    }
    if (status == ROVE_OK) {
        wake_options waits = {.wait_ms = self->options.wait_ms,
                              .most = waits_of(self->options.connections),
                              .most_per_address = waits_of(self->options.connections_per_address)};
        status = wake_start(hq_get_wake(self->headquarters), &waits, error);
    }
    return status == ROVE_OK ? start_daemon(self, error) : status;
}

rove_status hq_http_start(hq *headquarters, const hq_http_options *options, hq_http **out,
                          rove_error *error) {
    *out = NULL;
    hq_http *self = rove__alloc_zeroed(&hq_get_ports(headquarters)->allocator, 1, sizeof *self);
    if (self == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    self->headquarters = headquarters;
    self->options = *options;
    self->options.threads = options->threads != 0 ? options->threads : THREADS;
    self->options.connections = options->connections != 0 ? options->connections : CONNECTIONS;
    self->options.connections_per_address =
        options->connections_per_address != 0 ? options->connections_per_address : PER_ADDRESS;
    self->options.idle_ms = options->idle_ms != 0 ? options->idle_ms : IDLE_MS;
    self->options.wait_ms = options->wait_ms != 0 ? options->wait_ms : WAIT_MS;
    self->options.pull_bytes_a_day =
        options->pull_bytes_a_day != 0 ? options->pull_bytes_a_day : PULL_BYTES_A_DAY;
    self->options.full_downloads_a_day =
        options->full_downloads_a_day != 0 ? options->full_downloads_a_day : FULL_DOWNLOADS_A_DAY;
    purse_init(&self->purse, &hq_get_ports(headquarters)->allocator,
               options->exchange_bytes != 0 ? options->exchange_bytes : EXCHANGE_BYTES);
    purse_init(&self->drop_purse, &hq_get_ports(headquarters)->allocator, DROP_BYTES);
    tally_init(&self->drops, &hq_get_ports(headquarters)->allocator,
               options->drops_a_minute != 0 ? options->drops_a_minute : DROPS_A_MINUTE);
    self->listener = -1;
    (void)pthread_mutex_init(&self->mutex, NULL);
    (void)pthread_cond_init(&self->changed, NULL);
    rove_status status = start(self, error);
    if (status != ROVE_OK) {
        hq_http_stop(self);
        return status;
    }
    *out = self;
    return ROVE_OK;
}

/* Waits for running requests, but not for ever; then for those that the committing thread has, which ends. */
static void finish_running(hq_http *self) {
    struct timespec until;
    int late = 0;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_SECONDS;
    (void)pthread_mutex_lock(&self->mutex);
    while (self->running > 0 && !late) {
        late = pthread_cond_timedwait(&self->changed, &self->mutex, &until) == ETIMEDOUT;
    }
    atomic_store(&self->stopping, 2);
    while (self->suspended > 0) {
        (void)pthread_cond_wait(&self->changed, &self->mutex);
    }
    (void)pthread_mutex_unlock(&self->mutex);
}

void hq_http_stop(hq_http *self) {
    if (self == NULL) {
        return;
    }
    if (self->daemon != NULL) {
        atomic_store(&self->stopping, 1);
    }
    wake_stop(hq_get_wake(self->headquarters));
    if (self->daemon != NULL) {
        finish_running(self);
        MHD_stop_daemon(self->daemon);
    }
    if (self->listener >= 0) {
        (void)close(self->listener);
    }
    guard_free(self->guard);
    credentials_free(self->credentials);
    metrics_free(self->metrics);
    traffic_free(self->traffic);
    drop_box_free(self->drop_box);
    tally_free(&self->drops);
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->mutex);
    for (volatile uint8_t *at = self->secret; at < self->secret + sizeof self->secret; at++) {
        *at = 0;
    }
    rove__free(&hq_get_ports(self->headquarters)->allocator, self);
}

const char *hq_http_url(const hq_http *self) {
    return self->url;
}

int hq_http_port(const hq_http *self) {
    return self->port;
}
