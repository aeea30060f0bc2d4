/*
 * sync/judge_stage.c - a batch as it comes in: frames are decoded once, outside of the committing transaction, into a
 * list of ops that can be judged in any order. A change goes to the spool in its encoded form, because review and parked
 * work are kept so too; what memory holds of it is one rove__staged_op and its stamps.
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

void rove__stage_init(rove__stage *stage, const rove__server_ports *ports) {
    *stage = (rove__stage){.ports = ports};
    rove__spool_init(&stage->spool, ports->allocator, ports->spool);
    rove__buf_init(&stage->packed, ports->allocator, ROVE_BATCH_MAX);
}

void rove__stage_close(rove__stage *stage) {
    rove__buf_free(&stage->packed);
    rove__batch_writer_free(stage->packer);
    stage->packer = NULL;
}

void rove__stage_free(rove__stage *stage) {
    rove__stage_close(stage);
    rove__spool_free(&stage->spool);
}

rove_status rove__staged_new(rove__stage *stage, rove__staged **out) {
    const rove_allocator *allocator = stage->ports->allocator;
    rove_status status = ROVE_OK;

    *out = NULL;
    if (stage->packer == NULL) {
        status = rove__batch_writer_new(allocator, ROVE_BATCH_MAX, &stage->packer);
    }
    rove__staged *staged =
        status == ROVE_OK ? rove__alloc_zeroed(allocator, 1, sizeof *staged) : NULL;
    if (staged == NULL) {
        return ROVE_NOMEM;
    }
    staged->stage = stage;
    *out = staged;
    return ROVE_OK;
}

void rove__staged_free(rove__staged *staged) {
    if (staged == NULL) {
        return;
    }
    const rove_allocator *allocator = staged->stage->ports->allocator;
    rove__free(allocator, staged->ops);
    rove__free(allocator, staged->stamps);
    rove__free(allocator, staged);
}

int rove__staged_complete(const rove__staged *staged) {
    return staged->complete;
}

uint64_t rove__staged_number(const rove__staged *staged) {
    return staged->number;
}

size_t rove__staged_count(const rove__staged *staged) {
    return staged->count;
}

static rove_status malformed(rove_error *error, const char *what) {
    return rove__error_set(error, ROVE_PROTOCOL, "A pushed change is malformed: %s.", what);
}

static int carries(const rove__row *row, uint32_t field) {
    int ordinal = row->entity == NULL ? -1 : rove__row_field(row, field);

    for (size_t i = 0; ordinal < 0 && i < row->extra_count; i++) {
        if (row->extra[i].number == field) {
            return 1;
        }
    }
    return ordinal >= 0 && rove__bits_get(&row->present, (size_t)ordinal);
}

/* What the batch's own checks (wire/batch_read.c) leave open: that a change says what its op has to say. */
static rove_status sane(const rove__change *change, rove_error *error) {
    const rove__row *row = &change->row;

    if (change->op > ROVE_OP_SEAL) {
        return malformed(error, "a device sends inserts, updates, deletes and seals");
    }
    if (change->replica == 0) {
        return malformed(error, "it does not say whose it is");
    }
    if (change->op == ROVE_OP_INSERT && change->clock.origin.replica != change->replica) {
        return malformed(error, "a new record has another maker than its author");
    }
    if (change->op == ROVE_OP_INSERT && change->edit_count != 0) {
        return malformed(error, "a new record has edits");
    }
    if (change->op == ROVE_OP_DELETE && change->edit_count != 1) {
        return malformed(error, "a delete has one stamp");
    }
    if (change->op == ROVE_OP_SEAL && change->edit_count == 0) {
        return malformed(error, "a seal has no stamp");
    }
    if (change->op == ROVE_OP_UPDATE &&
        (change->edit_count == 0 || change->edit_count != rove__row_count(row))) {
        return malformed(error, "an update has one edit per cell");
    }
    for (size_t i = 0; i < change->edit_count; i++) {
        if (change->op == ROVE_OP_UPDATE && !carries(row, change->edits[i].field)) {
            return malformed(error, "an edit has no cell");
        }
    }
    return ROVE_OK;
}

static rove_status add_stamp(rove__staged *staged, rove_stamp raw) {
    rove__op_stamp *stamps =
        rove__grow(staged->stage->ports->allocator, staged->stamps, staged->stamp_count,
                   &staged->stamp_capacity, sizeof *stamps);

    if (stamps == NULL) {
        return ROVE_NOMEM;
    }
    staged->stamps = stamps;
    staged->stamps[staged->stamp_count++] =
        (rove__op_stamp){.raw = raw, .op = (uint32_t)staged->count};
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

ROVE_STATIC_ASSERT(ROVE_SPOOL_MAX <= UINT32_MAX, "a position in the spool fits its op");
ROVE_STATIC_ASSERT(sizeof(rove__staged_op) <= 64, "an op of the index is small");

/* Whether the exchange may hold the change too. */
static rove_status count_in(rove__stage *stage, const rove__change *change) {
    stage->changes++;
    stage->weight += rove__change_weight(change);
    return stage->changes > ROVE_PUSH_CHANGES_MAX || stage->weight > ROVE_PUSH_WEIGHT_MAX
               ? ROVE_LIMIT
               : ROVE_OK;
}

static rove_status spool_change(rove__stage *stage, const rove__change *change, size_t *at) {
    rove__buf_reset(&stage->packed);
    rove_status status = rove__batch_add(stage->packer, change);
    if (status == ROVE_OK) {
        status = rove__batch_finish(stage->packer, &stage->packed);
    }
    return status == ROVE_OK
               ? rove__spool_append(&stage->spool, stage->packed.data, stage->packed.size, at)
               : status;
}

static rove_status add_op(rove__staged *staged, const rove__change *change, rove_error *error) {
    rove__stage *stage = staged->stage;
    size_t first = staged->stamp_count;
    size_t at = 0;
    rove_status status = sane(change, error);

    if (status == ROVE_OK) {
        status = count_in(stage, change);
    }
    if (status == ROVE_OK) {
        status = spool_change(stage, change, &at);
    }
    if (status == ROVE_OK) {
        status = add_stamps(staged, change);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__staged_op *ops = rove__grow(stage->ports->allocator, staged->ops, staged->count,
                                      &staged->capacity, sizeof *ops);
    if (ops == NULL) {
        return ROVE_NOMEM;
    }
    ROVE_ASSERT(staged->stamp_count - first <= UINT16_MAX);
    staged->ops = ops;
    staged->ops[staged->count++] =
        (rove__staged_op){.entity = change->row.entity_number,
                          .op = (uint8_t)change->op,
                          .id = change->row.id,
                          .origin = change->clock.origin,
                          .replica = change->replica,
                          .cursor = change->cursor,
                          .at = (uint32_t)at,
                          .size = (uint32_t)stage->packed.size,
                          .stamp = (uint32_t)first,
                          .stamp_count = (uint16_t)(staged->stamp_count - first)};
    return ROVE_OK;
}

static rove_status decode(rove__staged *staged, rove__bytes rows, rove_error *error) {
    const rove__server_ports *ports = staged->stage->ports;
    rove__batch_reader *reader = NULL;
    rove__change change;
    rove_status status =
        rove__batch_reader_new(ports->allocator, ports->registry, rows.data, rows.size, &reader);

    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        if (status == ROVE_OK) {
            status = add_op(staged, &change, error);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

void rove__staged_seal(rove__staged *staged, const rove__sealed_batch *batch, rove_replica former,
                       const rove__signer *signer) {
    ROVE_ASSERT(staged->frames == 0);
    staged->sealed = 1;
    staged->promised = batch->hash;
    staged->former = former;
    staged->signer = *signer;
}

int rove__staged_is_former(const rove__staged *staged) {
    return staged->former != 0;
}

rove_replica rove__staged_replica(const rove__staged *staged) {
    return staged->former;
}

rove_status rove__staged_add(rove__staged *staged, const rove__push *push, rove_error *error) {
    rove__stage *stage = staged->stage;

    ROVE_ASSERT(!staged->complete);
    if (push->ordinal != staged->frames) {
        return malformed(error, "its frame is out of order");
    }
    if (staged->frames == 0) {
        staged->number = push->number;
        staged->previous = push->previous;
    } else if (staged->number != push->number) {
        return malformed(error, "its batch was not ended");
    }
    staged->frames++;
    stage->bytes += push->rows.size;
    if (stage->bytes > ROVE_BATCH_BYTES_MAX) {
        return ROVE_LIMIT;
    }
    rove_status status = rove__exchange_hash(stage->ports->crypto, push->rows, &staged->hash);
    if (status == ROVE_OK) {
        status = decode(staged, push->rows, error);
    }
    staged->complete = status == ROVE_OK && push->last;
    if (staged->complete && staged->sealed &&
        !rove__chain_equal(&staged->hash, &staged->promised)) {
        return ROVE_CORRUPT;
    }
    return status;
}
