/*
 * http/drop.c - POST /v1/drop: sealed records, from whoever brings them; drop/box.h says what becomes of them. No certificate is
 * asked for, so the limits are by address, and memory is a purse of its own: who floods the drop box stops no exchange.
 */
#include "drop/box.h"

#include "base/log.h"
#include "http/answer.h"
#include "http/routes.h"

rove_status drop_begin(request *self) {
    hq_http *http = self->http;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(self->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    self->retry_after_s =
        tally_admit(&http->drops, info == NULL ? NULL : info->client_addr, front_boot_ms(http));
    if (self->retry_after_s > 0) {
        self->refused = MHD_HTTP_TOO_MANY_REQUESTS;
        self->why = ROVE_LATER;
        return ROVE_OK;
    }
    if (!purse_may_begin(&http->drop_purse)) {
        return ROVE_LATER;
    }
    rove__buf_free(&self->body);
    rove__buf_init(&self->body, &http->drop_purse.allocator, DROP_BODY_MAX);
    return ROVE_OK;
}

rove_status drop_receive(request *self, const void *bytes, size_t size) {
    rove__buf_append(&self->body, bytes, size);
    return rove__buf_status(&self->body);
}

void drop_end(request *self) {
    drop_parcel_free(self->parcel);
    self->parcel = NULL;
}

static rove_status commit_one(void *ctx, rove__hq_tx *tx, rove_error *error) {
    request *self = ctx;

    return drop_parcel_commit(self->parcel, tx, error);
}

static enum MHD_Result refuse(request *self, rove_status status) {
    switch (status) {
    case ROVE_PROTOCOL:
        return answer_status(self, MHD_HTTP_BAD_REQUEST, ROVE_PROTOCOL);
    case ROVE_TOO_BIG:
        return answer_status(self, MHD_HTTP_CONTENT_TOO_LARGE, ROVE_TOO_BIG);
    case ROVE_LATER:
        return answer_status(self, MHD_HTTP_SERVICE_UNAVAILABLE, ROVE_LATER);
    default:
        return answer_failure(self, status, NULL);
    }
}

static enum MHD_Result answer_parcel(request *self) {
    size_t count = 0;
    size_t taken = 0;
    size_t refused = 0;
    size_t kept = 0;
    uint8_t *answers = drop_parcel_answers(self->parcel, &count);

    for (size_t i = 0; i < count; i++) {
        taken += answers[i] == DROP_TAKEN || answers[i] == DROP_KEPT;
        kept += answers[i] == DROP_KEPT;
        refused += answers[i] == DROP_REFUSED;
    }
    rove__log(&hq_get_ports(self->http->headquarters)->log, ROVE_LOG_INFO, "http",
              "drop box: %zu records, %zu taken (%zu not in a backup yet), %zu refused", count,
              taken, kept, refused);
    return answer_bytes(self, DROP_CONTENT_TYPE, answers, count);
}

enum MHD_Result drop_finish(request *self) {
    if (self->progress == PROGRESS_FRESH) {
        rove_status status =
            drop_parcel_open(self->http->drop_box, self->body.data, self->body.size, &self->parcel);
        rove__buf_free(&self->body);
        if (status != ROVE_OK) {
            return refuse(self, status);
        }
    } else {
        drop_parcel_committed(self->parcel, self->task.status);
    }
    return drop_parcel_wants_commit(self->parcel) ? front_submit(self, commit_one)
                                                  : answer_parcel(self);
}
