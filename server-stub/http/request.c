/*
 * http/request.c - the course of a request through libmicrohttpd's callbacks; see front.h.
 *
 * libmicrohttpd calls front_handle once with the head, then with pieces of the body, then with none; an answer may
 * be queued at the first or the last of these calls. One that is queued at the first closes the connection with the
 * body unread, which would reset it: so a refused body is drained, up to DRAIN_MAX.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/text.h"
#include "http/answer.h"

#define DRAIN_MAX (2 * HQ_HTTP_BODY_MAX)
#define NO_LENGTH UINT64_MAX

int64_t front_boot_ms(const hq_http *http) {
    rove_clock_reading now;
    const rove_clock *clock = &hq_get_ports(http->headquarters)->clock;
    clock->read(clock->ctx, &now);
    return now.boot_ms;
}

/* ---- judging the head ----------------------------------------------------------------------------------- */

static void refuse(request *self, unsigned http, rove_status why) {
    if (self->refused == 0) {
        self->refused = http;
        self->why = why;
    }
}

unsigned front_refusal(rove_status status) {
    switch (status) {
    case ROVE_UNAUTHORIZED:
    case ROVE_EXPIRED:
        return MHD_HTTP_UNAUTHORIZED;
    case ROVE_LATER:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    default:
        return MHD_HTTP_FORBIDDEN;
    }
}

static int is_this_host(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info == NULL ? NULL : info->client_addr;
    if (address != NULL && address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof four);
        return ntohl(four.sin_addr.s_addr) >> 24 == 127;
    }
    if (address != NULL && address->sa_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, address, sizeof six);
        return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr) && six.sin6_addr.s6_addr[12] == 127);
    }
    return 0;
}

/* HEAD is a GET whose body libmicrohttpd leaves out. */
static int method_fits(const route *at, const char *method) {
    return strcmp(at->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(at->method, "GET") == 0);
}

/*
 * The route of a path and method. If the path is there with other methods only, the first of them, and self->allow
 * says which there are.
 */
static const route *find_route(request *self, const char *path, const char *method) {
    const route *found = NULL;
    for (const route *at = front_routes; at->path != NULL; at++) {
        if (strcmp(at->path, path) != 0 || (at->needed == NEED_HOST && !is_this_host(self->mhd))) {
            continue;
        }
        if (method_fits(at, method)) {
            self->allow = NULL;
            return at;
        }
        self->allow = found == NULL ? at->method : "GET, POST";
        found = found == NULL ? at : found;
    }
    return found;
}

static const char *header(const request *self, const char *name) {
    return MHD_lookup_connection_value(self->mhd, MHD_HEADER_KIND, name);
}

/* The length that the head states; NO_LENGTH if it states none that is a number. */
static uint64_t stated_length(const request *self) {
    const char *text = header(self, "Content-Length");
    uint64_t length = 0;
    if (text == NULL || *text == '\0') {
        return NO_LENGTH;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || length > UINT64_MAX / 10 - 1) {
            return NO_LENGTH;
        }
        length = length * 10 + (uint64_t)(*text - '0');
    }
    return length;
}

static int has_type(const request *self, const char *wanted) {
    const char *type = header(self, "Content-Type");
    size_t size = strlen(wanted);
    return type != NULL && strncasecmp(type, wanted, size) == 0 &&
           (type[size] == '\0' || type[size] == ';' || type[size] == ' ');
}

static void judge_head(request *self, const char *path, const char *method) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(self->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    uint64_t length = stated_length(self);
    self->route = find_route(self, path, method);
    self->path = self->route == NULL ? "other" : self->route->path;
    need needed = self->route == NULL ? NEED_DEVICE : self->route->needed;
    if (atomic_load(&self->http->stopping)) {
        refuse(self, MHD_HTTP_SERVICE_UNAVAILABLE, ROVE_LATER);
        return;
    }
    if (info == NULL || info->header_size > HQ_HTTP_HEADER_MAX) {
        refuse(self, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, ROVE_TOO_BIG);
        return;
    }
    if (needed != NEED_OPEN && needed != NEED_HOST) {
        rove_status status = front_authorise(self, needed);
        if (status != ROVE_OK) {
            self->allow = NULL;
            refuse(self, front_refusal(status), status);
            return;
        }
    }
    if (self->route == NULL) {
        refuse(self, MHD_HTTP_NOT_FOUND, ROVE_NOT_FOUND);
    } else if (self->allow != NULL) {
        refuse(self, MHD_HTTP_METHOD_NOT_ALLOWED, ROVE_PROTOCOL);
    } else if (self->route->content_type != NULL && !has_type(self, self->route->content_type)) {
        refuse(self, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, ROVE_PROTOCOL);
    } else if (length != NO_LENGTH && length > self->route->body_max) {
        refuse(self, MHD_HTTP_CONTENT_TOO_LARGE, ROVE_TOO_BIG);
    }
}

/* ---- the course ----------------------------------------------------------------------------------------- */

static request *new_request(hq_http *http, struct MHD_Connection *mhd) {
    const rove_allocator *allocator = &hq_get_ports(http->headquarters)->allocator;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request *self = info == NULL || info->socket_context == NULL
                        ? NULL
                        : rove__alloc_zeroed(allocator, 1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->http = http;
    self->mhd = mhd;
    self->connection = info->socket_context;
    self->began_ms = front_boot_ms(http);
    rove__buf_init(&self->body, allocator, ROVE_CERTIFICATE_MAX * 2);
    (void)pthread_mutex_lock(&http->mutex);
    http->running++;
    (void)pthread_mutex_unlock(&http->mutex);
    return self;
}

/* Counts a request against its device; 0: that has as many under way as it may. */
static int join_crowd(request *self) {
    hq_http *http = self->http;
    unsigned under_way = 0;
    (void)pthread_mutex_lock(&http->mutex);
    for (const request *at = http->crowd; at != NULL; at = at->crowd_next) {
        under_way += at->counted == self->device.replica;
    }
    if (under_way < HQ_HTTP_REQUESTS_OF_DEVICE) {
        self->counted = self->device.replica;
        self->crowd_next = http->crowd;
        if (http->crowd != NULL) {
            http->crowd->crowd_before = self;
        }
        http->crowd = self;
    }
    (void)pthread_mutex_unlock(&http->mutex);
    return under_way < HQ_HTTP_REQUESTS_OF_DEVICE;
}

/* With the mutex held. */
static void leave_crowd(const request *self) {
    if (self->counted == 0) {
        return;
    }
    if (self->crowd_before != NULL) {
        self->crowd_before->crowd_next = self->crowd_next;
    } else {
        self->http->crowd = self->crowd_next;
    }
    if (self->crowd_next != NULL) {
        self->crowd_next->crowd_before = self->crowd_before;
    }
}

/* Whether draining would wait for what will not come, or take too long. */
static int cannot_drain(const request *self) {
    uint64_t length = stated_length(self);
    const char *expect = header(self, "Expect");
    return (expect != NULL && strcasecmp(expect, "100-continue") == 0) ||
           (length != NO_LENGTH && length > DRAIN_MAX);
}

static enum MHD_Result begin(request *self, const char *path, const char *method) {
    judge_head(self, path, method);
    guard_set(self->http->guard, self->connection->guarded, GUARD_RECEIVING);
    if (self->refused == 0 && self->device.replica != 0 && !join_crowd(self)) {
        refuse(self, MHD_HTTP_SERVICE_UNAVAILABLE, ROVE_LATER);
    }
    if (self->refused == 0 && self->route->begin != NULL) {
        rove_status status = self->route->begin(self);
        if (status != ROVE_OK) {
            refuse(self, MHD_HTTP_SERVICE_UNAVAILABLE, ROVE_LATER);
        }
    }
    if (self->refused != 0 && cannot_drain(self)) {
        return answer_status(self, self->refused, self->why);
    }
    return MHD_YES;
}

static void receive(request *self, const void *bytes, size_t size) {
    self->received += size;
    guard_moved(self->http->guard, self->connection->guarded, size);
    if (self->refused != 0) {
        return;
    }
    if (self->received > self->route->body_max || self->route->receive == NULL) {
        refuse(self, MHD_HTTP_CONTENT_TOO_LARGE, ROVE_TOO_BIG);
    } else if (self->route->receive(self, bytes, size) != ROVE_OK) {
        refuse(self, MHD_HTTP_SERVICE_UNAVAILABLE, ROVE_LATER);
    }
}

enum MHD_Result front_handle(void *cls, struct MHD_Connection *mhd, const char *url,
                             const char *method, const char *version, const char *upload_data,
                             size_t *upload_data_size, void **con_cls) {
    request *self = *con_cls;
    (void)version;
    if (self == NULL) {
        self = new_request(cls, mhd);
        *con_cls = self;
        return self == NULL ? MHD_NO : begin(self, url, method);
    }
    if (*upload_data_size > 0) {
        receive(self, upload_data, *upload_data_size);
        *upload_data_size = 0;
        return self->received <= DRAIN_MAX ? MHD_YES : MHD_NO;
    }
    if (self->refused != 0) {
        return answer_status(self, self->refused, self->why);
    }
    return self->route->finish(self);
}

void front_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                     enum MHD_RequestTerminationCode code) {
    request *self = *con_cls;
    hq_http *http = cls;
    (void)mhd;
    (void)code;
    if (self == NULL) {
        return;
    }
    *con_cls = NULL;
    guard_set(http->guard, self->connection->guarded, GUARD_WAITING);
    if (self->route != NULL && self->route->end != NULL) {
        self->route->end(self);
    }
    rove__buf_free(&self->body);
    (void)pthread_mutex_lock(&http->mutex);
    leave_crowd(self);
    http->running--;
    (void)pthread_cond_broadcast(&http->changed);
    (void)pthread_mutex_unlock(&http->mutex);
    rove__free(&hq_get_ports(http->headquarters)->allocator, self);
}

void front_connected(void *cls, struct MHD_Connection *mhd, void **socket_context,
                     enum MHD_ConnectionNotificationCode code) {
    hq_http *http = cls;
    const rove_allocator *allocator = &hq_get_ports(http->headquarters)->allocator;
    connection *self = *socket_context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (self != NULL) {
            guard_leave(http->guard, self->guarded);
        }
        rove__free(allocator, self);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    self = rove__alloc_zeroed(allocator, 1, sizeof *self);
    if (self != NULL && info != NULL) {
        self->guarded = guard_enter(http->guard, info->connect_fd);
    }
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info != NULL && info->tls_session != NULL) {
        credentials_give(http->credentials, info->tls_session);
    }
    *socket_context = self;
}

/* ---- waiting for the committing thread ------------------------------------------------------------------ */

/* On the committing thread. The request may be gone as soon as it is resumed. */
static void job_done(void *ctx) {
    request *self = ctx;
    hq_http *http = self->http;
    self->progress = PROGRESS_RESUMED;
    MHD_resume_connection(self->mhd);
    (void)pthread_mutex_lock(&http->mutex);
    http->suspended--;
    (void)pthread_cond_broadcast(&http->changed);
    (void)pthread_mutex_unlock(&http->mutex);
}

enum MHD_Result front_submit(request *self, hq_job job) {
    hq_http *http = self->http;
    (void)pthread_mutex_lock(&http->mutex);
    int stopped = atomic_load(&http->stopping) > 1;
    http->suspended += !stopped;
    (void)pthread_mutex_unlock(&http->mutex);
    if (stopped) {
        return answer_status(self, MHD_HTTP_SERVICE_UNAVAILABLE, ROVE_LATER);
    }
    self->progress = PROGRESS_SUSPENDED;
    self->task = (hq_task){.job = job, .done = job_done, .ctx = self};
    guard_set(http->guard, self->connection->guarded, GUARD_WORKING);
    MHD_suspend_connection(self->mhd);
    hq_submit(http->headquarters, &self->task);
    return MHD_YES;
}
