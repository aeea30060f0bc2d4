/*
 * http/wait.c - GET /v1/wait: a device's connection is suspended, without a thread, until there is news for it or its
 * time is over; wake.h says whom it concerns. The device is looked up when it comes and again before it is answered: one that
 * was revoked meanwhile learns that, and nothing else.
 */
#include <netinet/in.h>
#include <string.h>

#include "http/answer.h"
#include "http/routes.h"
#include "sync/wait.h"

/* Where the connection comes from; zeros if that is not known. */
static void read_address(const request *self, uint8_t address[WAKE_ADDRESS_SIZE]) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(self->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *from = info == NULL ? NULL : info->client_addr;
    memset(address, 0, WAKE_ADDRESS_SIZE);
    if (from != NULL && from->sa_family == AF_INET) {
        memcpy(address, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    } else if (from != NULL && from->sa_family == AF_INET6) {
        memcpy(address, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr,
               WAKE_ADDRESS_SIZE);
    }
}

/* On the waking thread, or before anybody else knows of the request; it may be gone at once. */
static void resume(void *ctx) {
    request *self = ctx;
    self->progress = PROGRESS_RESUMED;
    MHD_resume_connection(self->mhd);
}

static enum MHD_Result wait(request *self, unsigned asked) {
    wake_waiter *waiter = &self->waiter;
    *waiter = (wake_waiter){.user = self->device.user,
                            .replica = self->device.replica,
                            .asked = asked,
                            .resume = resume,
                            .ctx = self};
    const char *cursor = MHD_lookup_connection_value(self->mhd, MHD_GET_ARGUMENT_KIND, "cursor");
    if (rove__wait_read(cursor, &waiter->cursor) != ROVE_OK) {
        return answer_status(self, MHD_HTTP_BAD_REQUEST, ROVE_PROTOCOL);
    }
    read_address(self, waiter->address);
    self->progress = PROGRESS_SUSPENDED;
    guard_set(self->http->guard, self->connection->guarded, GUARD_WORKING);
    MHD_suspend_connection(self->mhd);
    if (!wake_wait(hq_get_wake(self->http->headquarters), waiter)) {
        resume(self);
    }
    return MHD_YES;
}

enum MHD_Result wait_finish(request *self) {
    unsigned asked = wake_asked(hq_get_wake(self->http->headquarters));
    rove_status status = front_authorise(self, NEED_DEVICE);
    if (status != ROVE_OK) {
        return answer_status(self, front_refusal(status), status);
    }
    if (self->progress == PROGRESS_FRESH) {
        return wait(self, asked);
    }
    if (self->waiter.answer == WAKE_LATER) {
        return answer_status(self, MHD_HTTP_SERVICE_UNAVAILABLE, ROVE_LATER);
    }
    uint8_t news = self->waiter.answer == WAKE_CHANGED ? ROVE_WAIT_CHANGED : ROVE_WAIT_NOTHING;
    return answer_bytes(self, ROVE_WAIT_CONTENT_TYPE, &news, sizeof news);
}
