/*
 * sync/server_sealed.c - batches that come as sealed records (wire/sealed.h): opened, their device's signature checked, and
 * staged like any other.
 *
 * A record that is not for this headquarters, or not from whom it says, counts as not there: it is noted in the log, and
 * nothing else of the exchange suffers. The device keeps it.
 */
#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"
#include "sync/server_state.h"

/* What fails at headquarters is no fault of the record. */
static int is_records_fault(rove_status status) {
    return status != ROVE_OK && status != ROVE_NOMEM && status != ROVE_CRYPTO &&
           status != ROVE_IO && status != ROVE_FULL;
}

static rove_status drop(rove__server *server, rove_status why) {
    if (!is_records_fault(why)) {
        return why;
    }
    rove__log(server->ports.log, ROVE_LOG_WARN, "server",
              "a sealed record from device %u is not usable: %s", (unsigned)server->replica,
              rove_status_name(why));
    rove__staged_free(server->current);
    server->current = NULL;
    server->unusable = 1;
    return ROVE_OK;
}

static rove_status open_record(rove__server *server, const rove__frame *frame,
                               rove__sealed *sealed) {
    rove_status status = ROVE_OK;

    if (!server->opening_begun) {
        status =
            rove__opening_begin(&server->opening, server->ports.crypto, server->ports.sealing->key);
        server->opening_begun = status == ROVE_OK;
    }
    return status == ROVE_OK ? rove__opening_record(&server->opening, frame->payload, frame->size,
                                                    &server->content, sealed)
                             : status;
}

/* UNAUTHORIZED, CORRUPT: it is not from the device that it names. */
static rove_status verify(const rove__server *server, const rove__sealed_batch *batch) {
    const rove__server_sealing *sealing = server->ports.sealing;
    rove__signer signer;
    rove_status status = sealing->identify(sealing->ctx, batch->certificate, &signer);

    if (status == ROVE_OK &&
        (signer.replica != batch->replica || batch->replica != server->replica)) {
        status = ROVE_UNAUTHORIZED;
    }
    return status == ROVE_OK
               ? rove__sealed_verify(server->ports.crypto,
                                     (rove__bytes){signer.public_key, signer.public_size}, batch)
               : status;
}

rove_status rove__server_take_sealed(rove__server *server, const rove__frame *frame,
                                     rove_error *error) {
    rove__sealed sealed;

    if (server->ports.sealing == NULL) {
        return rove__error_set(error, ROVE_PROTOCOL, "Nothing is sealed to this headquarters.");
    }
    if (server->skipping || server->unusable) {
        return ROVE_OK;
    }
    rove_status status =
        ROVE_PLANTED(T03_SHUT) ? ROVE_WRONG_KEY : open_record(server, frame, &sealed);
    if (status == ROVE_OK && server->current == NULL) {
        status = verify(server, &sealed.batch);
    }
    if (status != ROVE_OK) {
        return drop(server, status);
    }
    rove__push push = {.number = sealed.batch.number,
                       .ordinal = sealed.ordinal,
                       .last = sealed.ordinal + 1 == sealed.batch.frames,
                       .schema = sealed.batch.schema,
                       .previous = sealed.batch.previous,
                       .rows = sealed.rows};
    return drop(server, rove__server_stage(server, &push, &sealed.batch, error));
}
