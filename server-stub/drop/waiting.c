/*
 * drop/waiting.c - see waiting.h.
 */
#include "drop/waiting.h"

#include "base/alloc.h"
#include "sync/exchange.h"

void waiting_init(waiting *self, const rove_allocator *allocator, const rove__spool_port *spool) {
    *self = (waiting){.allocator = allocator, .spool = spool};
}

void waiting_remove(waiting *self, waiting_batch *batch) {
    waiting_batch **at = &self->first;

    while (*at != batch) {
        at = &(*at)->next;
    }
    *at = batch->next;
    rove__spool_free(&batch->spool);
    rove__free(self->allocator, batch);
}

void waiting_free(waiting *self) {
    while (self->first != NULL) {
        waiting_remove(self, self->first);
    }
}

void waiting_expire(waiting *self, int64_t now_ms) {
    for (waiting_batch *at = self->first, *next = NULL; at != NULL; at = next) {
        next = at->next;
        if (!at->busy && now_ms - at->touched_ms > DROP_WAITING_MS) {
            waiting_remove(self, at);
        }
    }
}

static int same(const rove__sealed_batch *a, const rove__sealed_batch *b) {
    return a->replica == b->replica && a->number == b->number && a->frames == b->frames &&
           a->schema == b->schema && rove__chain_equal(&a->previous, &b->previous) &&
           rove__chain_equal(&a->hash, &b->hash);
}

waiting_batch *waiting_find(const waiting *self, const rove__sealed_batch *said,
                            rove_replica signer) {
    for (waiting_batch *at = self->first; at != NULL; at = at->next) {
        if (at->signer.replica == signer && same(&at->said, said)) {
            return at;
        }
    }
    return NULL;
}

int waiting_whole(const waiting_batch *batch) {
    return batch->frame_count == batch->said.frames;
}

/* ---- room ----------------------------------------------------------------------------------------------- */

typedef struct load {
    size_t count, bytes;
    waiting_batch *oldest; /* that may go */
} load;

/* Of what one device has signed, whosever it says it is; of all for 0. */
static load load_of(const waiting *self, rove_replica replica, const waiting_batch *keep) {
    load sum = {0, 0, NULL};

    for (waiting_batch *at = self->first; at != NULL; at = at->next) {
        if (replica != 0 && at->signer.replica != replica) {
            continue;
        }
        sum.count++;
        sum.bytes += at->bytes;
        if (at != keep && !at->busy &&
            (sum.oldest == NULL || at->touched_ms <= sum.oldest->touched_ms)) {
            sum.oldest = at;
        }
    }
    return sum;
}

/* 1 if there is room, by now. */
static int make_room(waiting *self, rove_replica replica, const waiting_batch *keep, size_t bytes) {
    const size_t count_max = replica == 0 ? DROP_WAITING_MAX : DROP_WAITING_OF_DEVICE;
    const size_t bytes_max = replica == 0 ? DROP_WAITING_BYTES : DROP_WAITING_BYTES_OF_DEVICE;

    for (;;) {
        load sum = load_of(self, replica, keep);
        if (sum.count + (keep == NULL) <= count_max && sum.bytes + bytes <= bytes_max) {
            return 1;
        }
        if (sum.oldest == NULL) {
            return 0;
        }
        waiting_remove(self, sum.oldest);
    }
}

/* ---- frames --------------------------------------------------------------------------------------------- */

static waiting_batch *open_batch(waiting *self, const rove__sealed_batch *said,
                                 const rove__signer *signer) {
    waiting_batch *batch = rove__alloc_zeroed(self->allocator, 1, sizeof *batch);

    if (batch != NULL) {
        batch->said = *said;
        batch->said.signature = batch->said.certificate = (rove__bytes){NULL, 0};
        batch->signer = *signer;
        rove__spool_init(&batch->spool, self->allocator, self->spool);
        batch->next = self->first;
        self->first = batch;
    }
    return batch;
}

static rove_status keep_rows(waiting_batch *batch, const rove__sealed *frame) {
    waiting_frame *place = &batch->frames[frame->ordinal];
    size_t at = 0;
    rove_status status = rove__spool_append(&batch->spool, frame->rows.data, frame->rows.size, &at);
    if (status == ROVE_OK) {
        *place = (waiting_frame){at, frame->rows.size};
        batch->bytes += frame->rows.size;
        batch->frame_count++;
    }
    return status;
}

rove_status waiting_add(waiting *self, const rove__sealed *frame, const rove__signer *signer,
                        int64_t now_ms, waiting_batch **batch) {
    waiting_batch *own = waiting_find(self, &frame->batch, signer->replica);

    *batch = own;
    if (own != NULL && (own->busy || own->frames[frame->ordinal].size > 0)) {
        own->touched_ms = now_ms;
        return ROVE_OK;
    }
    if (own != NULL && own->bytes + frame->rows.size > ROVE_BATCH_BYTES_MAX) {
        waiting_remove(self, own);
        *batch = NULL;
        return ROVE_TOO_BIG;
    }
    if (!make_room(self, signer->replica, own, frame->rows.size) ||
        !make_room(self, 0, own, frame->rows.size)) {
        return ROVE_LATER;
    }
    if (own == NULL) {
        own = open_batch(self, &frame->batch, signer);
    }
    rove_status status = own == NULL ? ROVE_NOMEM : keep_rows(own, frame);
    if (status != ROVE_OK) {
        if (own != NULL) {
            waiting_remove(self, own);
        }
        *batch = NULL;
        return status;
    }
    own->touched_ms = now_ms;
    if (waiting_whole(own)) {
        own->whole_ms = now_ms;
    }
    *batch = own;
    return ROVE_OK;
}
