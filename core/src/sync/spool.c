/*
 * sync/spool.c - see spool.h.
 *
 * Invariant: a piece lies in the file or in the tail, never in both: the tail goes to the file as a whole.
 */
#include "sync/spool.h"

#include "base/assert.h"

void rove__spool_init(rove__spool *spool, const rove_allocator *allocator,
                      const rove__spool_port *port) {
    *spool = (rove__spool){.port = port};
    rove__buf_init(&spool->tail, allocator, ROVE_SPOOL_MAX);
}

void rove__spool_free(rove__spool *spool) {
    if (spool->file != NULL) {
        spool->port->close(spool->file);
        spool->file = NULL;
    }
    rove__buf_free(&spool->tail);
}

static rove_status store_tail(rove__spool *spool) {
    const rove__spool_port *port = spool->port;
    rove_status status = spool->file == NULL ? port->open(port->ctx, &spool->file) : ROVE_OK;

    if (status == ROVE_OK) {
        status = port->write(spool->file, spool->stored, spool->tail.data, spool->tail.size);
    }
    if (status == ROVE_OK) {
        spool->stored += spool->tail.size;
        rove__buf_reset(&spool->tail);
    }
    return status;
}

rove_status rove__spool_append(rove__spool *spool, const void *bytes, size_t size, size_t *at) {
    *at = spool->stored + spool->tail.size;
    if (size > ROVE_SPOOL_MAX - *at) {
        return ROVE_TOO_BIG;
    }
    rove__buf_append(&spool->tail, bytes, size);
    rove_status status = rove__buf_status(&spool->tail);
    return status == ROVE_OK && spool->tail.size >= ROVE_SPOOL_TAIL ? store_tail(spool) : status;
}

rove_status rove__spool_read(rove__spool *spool, size_t at, size_t size, rove__buf *out) {
    rove__buf_reset(out);
    if (at >= spool->stored) {
        ROVE_ASSERT(at - spool->stored + size <= spool->tail.size);
        rove__buf_append(out, spool->tail.data + (at - spool->stored), size);
        return rove__buf_status(out);
    }
    ROVE_ASSERT(at + size <= spool->stored);
    uint8_t *room = rove__buf_reserve(out, size);
    if (room == NULL) {
        return rove__buf_status(out);
    }
    return spool->port->read(spool->file, at, room, size);
}
