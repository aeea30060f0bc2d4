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

static void forget_current(rove__server *server) {
    rove__staged_free(server->current);
    server->current = NULL;
}

/* *usable 0: the record counts as not there. */
static rove_status weigh(rove__server *server, rove_status why, int *usable) {
    *usable = why == ROVE_OK;
    if (!is_records_fault(why)) {
        return why;
    }
    rove__log(server->ports.log, ROVE_LOG_WARN, "server",
              "a sealed record from device %u is not usable: %s", (unsigned)server->replica,
              rove_status_name(why));
    forget_current(server);
    return ROVE_OK;
}

static rove_status open_record(rove__server *server, const rove__frame *frame,
                               rove__sealed *sealed) {
    rove_status status = ROVE_OK;

    if (ROVE_PLANTED(T03_SHUT)) {
        return ROVE_WRONG_KEY;
    }
    if (!server->opening_begun) {
        status =
            rove__opening_begin(&server->opening, server->ports.crypto, server->ports.sealing->key);
        server->opening_begun = status == ROVE_OK;
    }
    return status == ROVE_OK ? rove__opening_record(&server->opening, frame->payload, frame->size,
                                                    &server->content, sealed)
                             : status;
}

/* Who signed; once for a batch. UNAUTHORIZED, CORRUPT: nobody of ours. */
static rove_status verify(const rove__server *server, rove__server_record *record) {
    const rove__server_sealing *sealing = server->ports.sealing;
    const rove__sealed_batch *batch = &record->sealed.batch;

    if (server->current != NULL) {
        return ROVE_OK;
    }
    rove_status status = sealing->identify(sealing->ctx, batch->certificate, &record->signer);
    rove__bytes key = {record->signer.public_key, record->signer.public_size};
    return status == ROVE_OK ? rove__sealed_verify(server->ports.crypto, key, batch) : status;
}

/* A frame, opened and staged. `former`: of another number than the connection's. */
static rove_status take(rove__server *server, const rove__frame *frame, int former) {
    rove__server_record record = {.signer = {.replica = 0}};
    const rove__sealed *sealed = &record.sealed;

    rove_status status = open_record(server, frame, &record.sealed);
    if (status == ROVE_OK && former != (sealed->batch.replica != server->replica)) {
        status = ROVE_PROTOCOL;
    }
    if (status == ROVE_OK) {
        status = verify(server, &record);
    }
    if (status == ROVE_OK && !former && server->current == NULL &&
        record.signer.replica != server->replica) {
        status = ROVE_UNAUTHORIZED;
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__push push = {.number = sealed->batch.number,
                       .ordinal = sealed->ordinal,
                       .last = sealed->ordinal + 1 == sealed->batch.frames,
                       .schema = sealed->batch.schema,
                       .previous = sealed->batch.previous,
                       .rows = sealed->rows};
    return rove__server_stage(server, &push, &record, NULL);
}

static rove_status no_sealing(rove_error *error) {
    return rove__error_set(error, ROVE_PROTOCOL, "Nothing is sealed to this headquarters.");
}

rove_status rove__server_take_sealed(rove__server *server, const rove__frame *frame,
                                     rove_error *error) {
    int usable = 1;

    if (server->ports.sealing == NULL) {
        return no_sealing(error);
    }
    rove__server_drop_former(server);
    if (server->skipping || server->unusable) {
        return ROVE_OK;
    }
    rove_status status = weigh(server, take(server, frame, 0), &usable);
    server->unusable = !usable;
    return status;
}

/* ---- batches of former numbers -------------------------------------------------------------------------- */

void rove__server_drop_former(rove__server *server) {
    if (server->current != NULL && rove__staged_is_former(server->current)) {
        forget_current(server);
        server->former_unusable = 1;
    }
}

rove_status rove__server_take_former(rove__server *server, const rove__frame *frame,
                                     rove_error *error) {
    int usable = 1;

    if (server->ports.sealing == NULL) {
        return no_sealing(error);
    }
    if (server->former_batches < server->batch_count ||
        (server->current != NULL && !rove__staged_is_former(server->current))) {
        return rove__error_set(error, ROVE_PROTOCOL,
                               "Batches of former numbers come before all others.");
    }
    if (server->skipping) {
        return ROVE_OK;
    }
    rove_status status = weigh(server, take(server, frame, 1), &usable);
    server->former_unusable |= !usable;
    return status;
}

/* Room for `count` more. */
static rove_status make_room(rove__server *server, size_t count) {
    size_t needed = server->former_count + count;

    if (needed <= server->former_capacity) {
        return ROVE_OK;
    }
    rove__former *formers =
        rove__alloc_resize(server->ports.allocator, server->formers, needed, sizeof *formers);
    if (formers == NULL) {
        return ROVE_NOMEM;
    }
    server->formers = formers;
    server->former_capacity = needed;
    return ROVE_OK;
}

rove_status rove__server_take_formers(rove__server *server, const rove__frame *frame,
                                      rove_error *error) {
    rove__formers list;
    rove_status status = rove__formers_read(&list, frame->payload, frame->size, &server->arena);

    if (server->ports.sealing == NULL) {
        return no_sealing(error);
    }
    if (status == ROVE_OK && list.count > 0 && !list.hashed) {
        status = ROVE_PROTOCOL;
    }
    server->formers_listed = 1;
    if (status == ROVE_OK && list.count > ROVE_SERVER_FORMERS_MAX - server->former_count) {
        list.count = ROVE_SERVER_FORMERS_MAX - server->former_count;
    }
    if (status == ROVE_OK) {
        status = make_room(server, list.count);
    }
    for (size_t i = 0; i < list.count && status == ROVE_OK; i++) {
        server->formers[server->former_count++] = list.items[i];
    }
    return status;
}

static int comes_along(const rove__server *server, const rove__former *former) {
    for (size_t i = 0; i < server->former_batches; i++) {
        const rove__staged *staged = server->batches[i];
        if (rove__staged_replica(staged) == former->replica &&
            rove__staged_number(staged) == former->number) {
            return 1;
        }
    }
    return 0;
}

/* Those that are not here move to the front; *asks: not all of them come with this request. */
static rove_status find_lacking(rove__server *server, rove__hq_tx *tx, int *asks) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < server->former_count && status == ROVE_OK; i++) {
        int has = 0;
        status = rove__judge_has_former(&server->ports, tx, &server->formers[i], &has);
        if (status == ROVE_OK && !has && server->lacking_count < ROVE_FORMERS_MAX) {
            *asks |= !comes_along(server, &server->formers[i]);
            server->formers[server->lacking_count++] = server->formers[i];
        }
    }
    return status;
}

rove_status rove__server_check_formers(rove__server *server, rove__hq_tx *tx) {
    const rove__hello *hello = &server->hello;
    int asks = 0;
    rove_status status = ROVE_OK;

    /* One that is not usable would be asked for again and again; the rest of too many comes with the next request. */
    if (server->ports.sealing == NULL || hello->formers == 0 || server->former_unusable ||
        server->skipping || ROVE_PLANTED(P03_UNASKED)) {
        return ROVE_OK;
    }
    if (server->formers_listed) {
        status = find_lacking(server, tx, &asks);
    } else {
        asks = hello->checked != server->head.timeline;
    }
    if (status == ROVE_OK && asks) {
        server->verdict = ROVE_SERVER_NEED_FORMER;
    }
    return status;
}
