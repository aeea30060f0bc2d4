/*
 * client/export.c - what an app writes out of a replica, sealed, and reads again: the format is vault/chunks.h.
 *
 * Open exports stand in a list of their replica, under its mutex, so that whoever locks it overwrites what they have of their text. One that
 * is inside a call is left to that, which looks when it ends.
 */
#include "base/text.h"
#include "client/internal.h"
#include "vault/chunks.h"

#define PORTION 4096

struct rove_export {
    rove *replica;
    rove__chunks_writer *writer;
    int inside; /* a call of this export runs; under the replica's mutex, as the links are */
    rove_export *before, *after;
};

static rove_status chunk_ports(rove *replica, rove__chunks_ports *ports, rove_error *error) {
    *ports = (rove__chunks_ports){&replica->ports.allocator, rove__store_vault(replica->store)};
    return ports->vault != NULL
               ? rove__client_check(replica, error)
               : rove__error_set(error, ROVE_STATE,
                                 "A replica that is not encrypted has no key to seal with.");
}

/* ---- while the replica is locked ---- */

static void list(rove_export *out) {
    rove *replica = out->replica;

    rove__mutex_enter(replica->mutex);
    out->after = replica->exports;
    if (out->after != NULL) {
        out->after->before = out;
    }
    replica->exports = out;
    rove__mutex_leave(replica->mutex);
}

static void unlist(rove_export *out) {
    rove *replica = out->replica;

    rove__mutex_enter(replica->mutex);
    if (out->before != NULL) {
        out->before->after = out->after;
    } else {
        replica->exports = out->after;
    }
    if (out->after != NULL) {
        out->after->before = out->before;
    }
    rove__mutex_leave(replica->mutex);
}

void rove__client_shed_exports(rove *replica) {
    rove__mutex_enter(replica->mutex);
    for (rove_export *out = replica->exports; out != NULL; out = out->after) {
        if (!out->inside) {
            rove__chunks_forget(out->writer);
        }
    }
    rove__mutex_leave(replica->mutex);
}

static rove_status enter(rove_export *out, rove_error *error) {
    rove_status status = rove__client_check(out->replica, error);

    if (status == ROVE_OK) {
        rove__mutex_enter(out->replica->mutex);
        out->inside = 1;
        rove__mutex_leave(out->replica->mutex);
    }
    return status;
}

/* Whoever locked the replica meanwhile has passed this export over. */
static void leave(rove_export *out) {
    rove__mutex_enter(out->replica->mutex);
    out->inside = 0;
    if (rove__store_is_locked(out->replica->store)) {
        rove__chunks_forget(out->writer);
    }
    rove__mutex_leave(out->replica->mutex);
}

static rove_status make(rove *replica, const rove_sink *to, rove_export **out, rove_error *error) {
    rove__chunks_ports ports;
    rove_status status = chunk_ports(replica, &ports, error);

    if (status != ROVE_OK) {
        return status;
    }
    rove_export *made = rove__alloc_zeroed(ports.allocator, 1, sizeof *made);
    if (made == NULL) {
        return ROVE_NOMEM;
    }
    made->replica = replica;
    status = rove__chunks_new(&ports, ROVE_CHUNKS_EXPORT, to, &made->writer, error);
    if (status != ROVE_OK) {
        rove__free(ports.allocator, made);
        return status;
    }
    list(made);
    *out = made;
    return ROVE_OK;
}

rove_status rove_export_new(rove *replica, const rove_sink *to, rove_export **out,
                            rove_error *error) {
    rove_error detail = {.message = ""};

    if (out != NULL) {
        *out = NULL;
    }
    if (replica == NULL || to == NULL || to->write == NULL || out == NULL) {
        return rove__client_invalid(error, "An export takes a replica, a sink and a place for it.");
    }
    return rove__client_said(make(replica, to, out, &detail), &detail, error);
}

rove_status rove_export_write(rove_export *out, const void *bytes, size_t size, rove_error *error) {
    rove_error detail = {.message = ""};

    if (out == NULL || (bytes == NULL && size > 0)) {
        return rove__client_invalid(error, "There is no export, or there are no bytes.");
    }
    rove_status status = enter(out, &detail);
    if (status == ROVE_OK) {
        status = rove__chunks_write(out->writer, bytes, size, &detail);
        leave(out);
    }
    return rove__client_said(status, &detail, error);
}

rove_status rove_export_end(rove_export *out, rove_error *error) {
    rove_error detail = {.message = ""};

    if (out == NULL) {
        return rove__client_invalid(error, "There is no export.");
    }
    rove_status status = enter(out, &detail);
    if (status == ROVE_OK) {
        status = rove__chunks_end(out->writer, &detail);
        leave(out);
    }
    return rove__client_said(status, &detail, error);
}

void rove_export_free(rove_export *out) {
    if (out != NULL) {
        unlist(out);
        rove__chunks_drop(out->writer);
        rove__free(&out->replica->ports.allocator, out);
    }
}

static rove_status pour(rove *replica, rove__chunks_reader *reader, const rove_sink *to,
                        rove_error *error) {
    uint8_t bytes[PORTION];
    uint64_t at = 0;
    size_t size = 1;
    rove_status status = ROVE_OK;

    while (status == ROVE_OK && size > 0) {
        status = rove__client_check(replica, error);
        if (status == ROVE_OK) {
            status = rove__chunks_read(reader, at, bytes, sizeof bytes, &size, error);
        }
        if (status == ROVE_OK && size > 0) {
            status = to->write(to->ctx, bytes, size, error);
        }
        at += size;
    }
    rove__wipe(bytes, sizeof bytes);
    return status;
}

rove_status rove_export_open(rove *replica, const rove_source *from, const rove_sink *to,
                             rove_error *error) {
    rove_error detail = {.message = ""};
    rove__chunks_reader *reader = NULL;
    rove__chunks_ports ports;

    if (replica == NULL || from == NULL || from->read == NULL || to == NULL || to->write == NULL) {
        return rove__client_invalid(error, "Opening takes a replica, a source and a sink.");
    }
    rove_status status = chunk_ports(replica, &ports, &detail);
    if (status == ROVE_OK) {
        status = rove__chunks_open(&ports, ROVE_CHUNKS_EXPORT, from, &reader, &detail);
    }
    if (status == ROVE_OK) {
        status = pour(replica, reader, to, &detail);
    }
    rove__chunks_close(reader);
    return rove__client_said(status, &detail, error);
}
