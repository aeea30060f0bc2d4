/*
 * http/answer.c - see answer.h.
 */
#include "http/answer.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"

#define RETRY_AFTER "5"

enum MHD_Result answer_queue(request *self, unsigned http, struct MHD_Response *response,
                             const char *content_type) {
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result added = MHD_add_response_header(response, "Content-Type", content_type);
    if (added == MHD_YES) {
        added = MHD_add_response_header(response, "Cache-Control", "no-store");
    }
    if (added == MHD_YES &&
        (http == MHD_HTTP_SERVICE_UNAVAILABLE || http == MHD_HTTP_TOO_MANY_REQUESTS)) {
        char seconds[24] = RETRY_AFTER;
        if (self->retry_after_s > 0) {
            rove__text_format(seconds, sizeof seconds, "%lld", (long long)self->retry_after_s);
        }
        added = MHD_add_response_header(response, "Retry-After", seconds);
    }
    if (added == MHD_YES && self->allow != NULL) {
        added = MHD_add_response_header(response, "Allow", self->allow);
    }
    if (added == MHD_YES && self->http->stopping) {
        added = MHD_add_response_header(response, "Connection", "close");
    }
    if (added == MHD_YES) {
        guard_set(self->http->guard, self->connection->guarded, GUARD_ANSWERING);
        added = MHD_queue_response(self->mhd, http, response);
    }
    if (added == MHD_YES) {
        metrics_answered(self->http->metrics, self->path, http);
    }
    MHD_destroy_response(response);
    return added;
}

enum MHD_Result answer_status(request *self, unsigned http, rove_status status) {
    char text[ROVE_ERROR_MESSAGE_MAX];
    rove__text_format(text, sizeof text, "%s\n", rove_status_text(status));
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
    if (response != NULL &&
        MHD_add_response_header(response, "Rove-Status", rove_status_name(status)) != MHD_YES) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return answer_queue(self, http, response, "text/plain; charset=utf-8");
}

enum MHD_Result answer_failure(request *self, rove_status status, const rove_error *error) {
    int passes = status == ROVE_LATER || status == ROVE_BUSY || status == ROVE_NOMEM;
    rove__log(&hq_get_ports(self->http->headquarters)->log, ROVE_LOG_ERROR, "http",
              "%s of device %u failed: %s %s", self->path, (unsigned)self->device.replica,
              rove_status_name(status), error == NULL ? "" : error->message);
    return answer_status(self,
                         passes ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_INTERNAL_SERVER_ERROR,
                         passes ? ROVE_LATER : ROVE_SERVER);
}

enum MHD_Result answer_bytes(request *self, const char *content_type, void *bytes, size_t size) {
    return answer_queue(self, MHD_HTTP_OK,
                        MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_COPY),
                        content_type);
}
