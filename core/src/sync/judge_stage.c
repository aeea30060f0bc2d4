/*
 * sync/judge_stage.c - a batch as it comes in: frames are decoded once, outside of the committing transaction, into a
 * list of ops that can be judged in any order. A change is kept in its encoded form, because it is small, and because
 * review and parked work are kept so too.
 */
#include "base/assert.h"
#include "sync/judge_state.h"

void *rove__grow(const rove_allocator *allocator, void *items, size_t count, size_t *capacity,
                 size_t size) {
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = NULL;

    if (count < *capacity) {
        return items;
    }
    grown = rove__alloc_resize(allocator, items, wanted, size);
    if (grown != NULL) {
        *capacity = wanted;
    }
    return grown;
}

rove_status rove__staged_new(const rove__server_ports *ports, rove__staged **out) {
    rove__staged *staged = rove__alloc_zeroed(ports->allocator, 1, sizeof *staged);

    *out = NULL;
    if (staged == NULL) {
        return ROVE_NOMEM;
    }
    staged->ports = ports;
    rove__buf_init(&staged->packed, ports->allocator, ROVE_STAGED_MEMORY_MAX);
    rove_status status = rove__batch_writer_new(ports->allocator, ROVE_BATCH_MAX, &staged->packer);
    if (status != ROVE_OK) {
        rove__staged_free(staged);
        return status;
    }
    *out = staged;
    return ROVE_OK;
}

void rove__staged_free(rove__staged *staged) {
    if (staged == NULL) {
        return;
    }
    rove__buf_free(&staged->packed);
    rove__batch_writer_free(staged->packer);
    rove__free(staged->ports->allocator, staged->ops);
    rove__free(staged->ports->allocator, staged->stamps);
    rove__free(staged->ports->allocator, staged);
}

int rove__staged_complete(const rove__staged *staged) {
    return staged->complete;
}

uint64_t rove__staged_number(const rove__staged *staged) {
    return staged->number;
}

size_t rove__staged_size(const rove__staged *staged) {
    return staged->raw_size;
}

size_t rove__staged_count(const rove__staged *staged) {
    return staged->count;
}

static rove_status malformed(rove_error *error, const char *what) {
    return rove__error_set(error, ROVE_PROTOCOL, "A pushed change is malformed: %s.", what);
}

static size_t cell_count(const rove__row *row) {
    size_t count = row->extra_count;

    for (size_t i = 0; i < row->cell_count; i++) {
        count += (size_t)rove__bits_get(&row->present, i);
    }
    return count;
}

/* What the batch's own checks leave open: that a change says what its op has to say. */
static rove_status sane(const rove__change *change, rove_error *error) {
    const rove__row *row = &change->row;

    if (change->op < ROVE_OP_INSERT || change->op > ROVE_OP_SEAL) {
        return malformed(error, "a device sends inserts, updates, deletes and seals");
    }
    if (row->id <= 0 || change->clock.origin.replica == 0 || change->clock.origin.stamp == 0 ||
        change->replica == 0) {
        return malformed(error, "it does not say which record it is of, or whose");
    }
    if (change->op == ROVE_OP_INSERT && change->clock.origin.replica != change->replica) {
        return malformed(error, "a new record has another maker than its author");
    }
    if (change->op == ROVE_OP_DELETE && change->edit_count != 1) {
        return malformed(error, "a delete has one stamp");
    }
    if (change->op == ROVE_OP_SEAL && change->edit_count == 0) {
        return malformed(error, "a seal has no stamp");
    }
    if (change->op == ROVE_OP_UPDATE &&
        (change->edit_count == 0 || change->edit_count != cell_count(row))) {
        return malformed(error, "an update has one edit per cell");
    }
    for (size_t i = 0; i < change->edit_count; i++) {
        if (i > 0 && change->edits[i].field <= change->edits[i - 1].field) {
            return malformed(error, "edits are out of order");
        }
        if (change->op == ROVE_OP_UPDATE && change->edits[i].field == 0) {
            return malformed(error, "an edit names no field");
        }
    }
    return ROVE_OK;
}

static rove_status add_stamp(rove__staged *staged, rove_stamp raw) {
    rove__op_stamp *stamps =
        rove__grow(staged->ports->allocator, staged->stamps, staged->stamp_count,
                   &staged->stamp_capacity, sizeof *stamps);

    if (stamps == NULL) {
        return ROVE_NOMEM;
    }
    staged->stamps = stamps;
    staged->stamps[staged->stamp_count++] = (rove__op_stamp){.raw = raw, .op = staged->count};
    return ROVE_OK;
}

static rove_status add_stamps(rove__staged *staged, const rove__change *change) {
    rove_status status = ROVE_OK;

    if (change->op == ROVE_OP_INSERT) {
        return add_stamp(staged, change->clock.origin.stamp);
    }
    for (size_t i = 0; i < change->edit_count && status == ROVE_OK; i++) {
        status = add_stamp(staged, change->edits[i].raw);
    }
    return status;
}

static rove_status add_op(rove__staged *staged, const rove__change *change, rove_error *error) {
    rove__staged_op op = {.entity = change->row.entity_number,
                          .op = change->op,
                          .id = change->row.id,
                          .origin = change->clock.origin,
                          .replica = change->replica,
                          .cursor = change->cursor,
                          .at = staged->packed.size,
                          .stamp = staged->stamp_count,
                          .position = staged->count};
    rove_status status = sane(change, error);

    if (status == ROVE_OK && staged->count == ROVE_STAGED_OPS_MAX) {
        status = ROVE_TOO_BIG;
    }
    if (status == ROVE_OK) {
        status = rove__batch_add(staged->packer, change);
    }
    if (status == ROVE_OK) {
        status = rove__batch_finish(staged->packer, &staged->packed);
    }
    if (status == ROVE_OK) {
        status = add_stamps(staged, change);
    }
    if (status != ROVE_OK) {
        return status;
    }
    op.size = staged->packed.size - op.at;
    op.stamp_count = staged->stamp_count - op.stamp;
    rove__staged_op *ops = rove__grow(staged->ports->allocator, staged->ops, staged->count,
                                      &staged->capacity, sizeof *ops);
    if (ops == NULL) {
        return ROVE_NOMEM;
    }
    staged->ops = ops;
    staged->ops[staged->count++] = op;
    return ROVE_OK;
}

static rove_status decode(rove__staged *staged, rove__bytes rows, rove_error *error) {
    rove__batch_reader *reader = NULL;
    rove__change change;
    rove_status status = rove__batch_reader_new(staged->ports->allocator, staged->ports->registry,
                                                rows.data, rows.size, &reader);

    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        if (status == ROVE_OK) {
            status = add_op(staged, &change, error);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

void rove__staged_seal(rove__staged *staged, const rove__sealed_batch *batch) {
    ROVE_ASSERT(staged->frames == 0);
    staged->sealed = 1;
    staged->promised = batch->hash;
}

rove_status rove__staged_add(rove__staged *staged, const rove__push *push, rove_error *error) {
    if (staged->complete || push->ordinal != staged->frames ||
        staged->frames == ROVE_PUSH_FRAMES_MAX) {
        return malformed(error, "its frame is out of order");
    }
    if (staged->frames == 0) {
        staged->number = push->number;
        staged->previous = push->previous;
    } else if (staged->number != push->number) {
        return malformed(error, "its batch was not ended");
    }
    staged->frames++;
    staged->raw_size += push->rows.size;
    if (staged->raw_size > ROVE_BATCH_BYTES_MAX) {
        return ROVE_TOO_BIG;
    }
    rove_status status = rove__exchange_hash(staged->ports->crypto, push->rows, &staged->hash);
    if (status == ROVE_OK) {
        status = decode(staged, push->rows, error);
    }
    if (status == ROVE_OK && push->last) {
        rove__batch_writer_free(staged->packer);
        staged->packer = NULL;
        staged->complete = 1;
        if (staged->sealed && !rove__chain_equal(&staged->hash, &staged->promised)) {
            status = ROVE_CORRUPT;
        }
    }
    return status;
}
