/*
 * sync/judge.c - see judge.h: a batch from its number to its Ack.
 *
 *   number, hash and chain (P1 to P3)  ->  names (P4)  ->  stamps (P7)  ->  records in (entity, id) order
 *   ->  head  ->  Ack, kept with the batch
 *
 * Invariant: a batch is judged as a whole or not at all; an op that cannot be judged gets a verdict, and the rest goes on.
 */
#include "sync/judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "sync/judge_state.h"

/* ---- life ----------------------------------------------------------------------------------------------- */

rove_status rove__judge_open(rove__judge *judge, const rove__server_ports *ports, rove__hq_tx *tx,
                             rove__hq_device *device, int64_t now_ms,
                             const rove__judge_actor *actor, rove__server_stats *stats,
                             rove_error *error) {
    int by_device = actor->operator_name[0] == '\0';
    rove__writer_options options = {.allocator = ports->allocator,
                                    .registry = ports->registry,
                                    .store = ports->store,
                                    .random = ports->random,
                                    .now_ms = now_ms,
                                    .replica = by_device ? device->replica : 0,
                                    .user = by_device ? device->user : 0,
                                    .operator_name = actor->operator_name,
                                    .act = actor->act,
                                    .news = ports->news};

    *judge = (rove__judge){.ports = ports,
                           .store = ports->store,
                           .tx = tx,
                           .device = device,
                           .stats = stats,
                           .error = error};
    judge->role = rove__registry_by_name(ports->registry, "AccountContactRole");
    judge->conflict = rove__registry_by_name(ports->registry, "Conflict");
    judge->review = rove__registry_by_name(ports->registry, "Review");
    ROVE_ASSERT(judge->conflict != NULL && judge->review != NULL);
    rove__arena_init(&judge->record, ports->allocator, ROVE_JUDGE_ARENA_MAX);
    rove__arena_init(&judge->answers, ports->allocator, ROVE_ANSWER_MEMORY_MAX);
    rove__buf_init(&judge->packed, ports->allocator, ROVE_JUDGE_ARENA_MAX);
    rove__buf_init(&judge->read, ports->allocator, ROVE_BATCH_MAX);
    rove__buf_init(&judge->hashed, ports->allocator, 2 * (size_t)ROVE_VALUE_MAX);
    rove__timelines_init(&judge->timelines, ports->allocator, ports->store, tx);
    for (size_t i = 0; i < ROVE_JUDGE_CACHE; i++) {
        rove__holdings_init(&judge->held[i].holdings, ports->allocator);
    }
    rove_status status = rove__batch_writer_new(ports->allocator, ROVE_BATCH_MAX, &judge->packer);
    return status == ROVE_OK ? rove__writer_begin(&options, tx, &judge->writer, error) : status;
}

void rove__judge_close(rove__judge *judge) {
    const rove_allocator *allocator = judge->ports->allocator;

    rove__writer_abandon(judge->writer);
    rove__arena_free(&judge->record);
    rove__arena_free(&judge->answers);
    rove__buf_free(&judge->packed);
    rove__buf_free(&judge->read);
    rove__buf_free(&judge->hashed);
    rove__timelines_free(&judge->timelines);
    rove__facts_free(judge);
    rove__batch_writer_free(judge->packer);
    rove__free(allocator, judge->verdicts);
    rove__free(allocator, judge->canonicals);
    rove__free(allocator, judge->refused);
    rove__free(allocator, judge->heard);
    rove__free(allocator, judge->as_staged);
    for (size_t i = 0; i < ROVE_JUDGE_CACHE; i++) {
        rove__holdings_free(&judge->held[i].holdings);
    }
}

rove_status rove__judge_unpack(rove__judge *judge, rove__bytes packed, rove__change *change) {
    rove__batch_reader *reader = NULL;
    rove__change read;
    rove_status status = rove__batch_reader_new(judge->ports->allocator, judge->ports->registry,
                                                packed.data, packed.size, &reader);

    if (status == ROVE_OK) {
        status = rove__batch_next(reader, &read);
    }
    if (status == ROVE_OK) {
        status = rove__change_copy(change, &read, &judge->record);
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_CORRUPT : status;
}

/* ---- cursors and stamps --------------------------------------------------------------------------------- */

rove_status rove__judge_clip(rove__judge *judge, rove__cursor cursor, uint64_t *seq,
                             rove_stamp *stamp) {
    if (!judge->clip_known || judge->clip_of.timeline != cursor.timeline ||
        judge->clip_of.seq != cursor.seq) {
        rove_status status = rove__timelines_clip(
            &judge->timelines, rove__writer_head(judge->writer), cursor, &judge->clip_seq);
        if (status == ROVE_OK) {
            status = judge->store->commit_stamp(judge->tx, judge->clip_seq, &judge->clip_stamp);
        }
        judge->clip_known = status == ROVE_OK;
        judge->clip_of = cursor;
        if (status != ROVE_OK) {
            return status;
        }
    }
    *seq = judge->clip_seq;
    *stamp = judge->clip_stamp;
    return ROVE_OK;
}

static int by_position(const void *a, const void *b) {
    const rove__staged_op *x = a;
    const rove__staged_op *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_raw(const void *a, const void *b) {
    const rove__op_stamp *const *x = a;
    const rove__op_stamp *const *y = b;

    if ((*x)->raw != (*y)->raw) {
        return (*x)->raw < (*y)->raw ? -1 : 1;
    }
    return (*x > *y) - (*x < *y); /* as they were pushed */
}

/* By record, and within a record: the insert, then as time went by. */
static int by_record(const void *a, const void *b) {
    const rove__staged_op *x = a;
    const rove__staged_op *y = b;
    int origins = rove__version_compare(x->origin, y->origin);

    if (x->entity != y->entity) {
        return x->entity < y->entity ? -1 : 1;
    }
    if (x->id != y->id) {
        return x->id < y->id ? -1 : 1;
    }
    if (origins != 0) {
        return origins;
    }
    if ((x->op == ROVE_OP_INSERT) != (y->op == ROVE_OP_INSERT)) {
        return x->op == ROVE_OP_INSERT ? -1 : 1;
    }
    return by_position(a, b);
}

static rove_status draw_stamp(rove__judge *judge, rove__op_stamp *stamp, rove_stamp *previous) {
    rove__staged_op *op = &judge->staged->ops[stamp->op];
    uint64_t seq = 0;
    rove_stamp lower = 0;
    int outside = 0;
    rove_status status = rove__judge_clip(judge, op->cursor, &seq, &lower);

    if (status != ROVE_OK) {
        return status;
    }
    stamp->canonical = rove__merge_canonical(stamp->raw, rove__stamp_ms(lower),
                                             rove__writer_now(judge->writer), *previous, &outside);
    *previous = stamp->canonical;
    int64_t off = rove__stamp_ms(stamp->canonical) - rove__stamp_ms(stamp->raw);
    if (outside && (off > ROVE_SUSPECT_MS || off < -ROVE_SUSPECT_MS)) {
        op->suspect = 1;
    }
    return ROVE_OK;
}

/* Canonical stamps, in the order in which the device made its own (P7). */
static rove_status draw_stamps(rove__judge *judge, rove_stamp *largest) {
    rove__staged *staged = judge->staged;
    rove__op_stamp **order = NULL;
    rove_status status = ROVE_OK;

    if (staged->count == 0) {
        return ROVE_OK;
    }
    qsort(staged->ops, staged->count, sizeof *staged->ops, by_position);
    order =
        rove__alloc_zeroed(judge->ports->allocator, staged->stamp_count, sizeof(rove__op_stamp *));
    if (order == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < staged->stamp_count; i++) {
        order[i] = &staged->stamps[i];
    }
    qsort(order, staged->stamp_count, sizeof(rove__op_stamp *), by_raw);
    for (size_t i = 0; i < staged->stamp_count && status == ROVE_OK; i++) {
        status = draw_stamp(judge, order[i], largest);
    }
    rove__free(judge->ports->allocator, order);
    return status;
}

/* ---- records -------------------------------------------------------------------------------------------- */

rove_status rove__judge_record(rove__case *c, const rove__change *change) {
    rove__judge *judge = c->judge;

    c->changed = 1;
    c->judged++;
    rove_status status = rove__batch_add(judge->packer, change);
    if (status != ROVE_LIMIT) {
        return status;
    }
    /* More than one batch holds: an entry of its own for what came so far. */
    rove__buf_reset(&judge->packed);
    status = rove__batch_finish(judge->packer, &judge->packed);
    rove__hq_history history = {.seq = rove__writer_seq(judge->writer),
                                .entity = c->entity,
                                .id = c->id,
                                .replica = judge->device->replica,
                                .user = judge->device->user,
                                .change = {judge->packed.data, judge->packed.size}};
    if (status == ROVE_OK) {
        status = judge->store->history_put(judge->tx, &history);
    }
    if (status == ROVE_OK) {
        status = rove__facts_add(c, history.change);
    }
    if (status == ROVE_OK) {
        status = rove__traces_add(c, history.change);
    }
    return status == ROVE_OK ? rove__batch_add(judge->packer, change) : status;
}

/* A device whose clock is far off is no reason to doubt its work, but one to look at the times in it. */
static rove_status mark_suspect(rove__case *c) {
    int column = rove__entity_field_named(c->after.row.entity, "clock_suspect");
    rove__version version = {0, rove__writer_head(c->judge->writer)->replica};

    if (!c->suspect || column < 0 || c->after.dead != 0 ||
        c->after.row.cells[column].type != ROVE_NULL) {
        return ROVE_OK;
    }
    c->differs = 1;
    version.stamp = rove__writer_stamp(c->judge->writer);
    return rove__case_set(c, c->after.row.entity->fields[column].number, rove__value_int(1),
                          version, 0);
}

/*
 * A record comes back with an external id, and an import has made it anew since it was deleted: the name stays with who has it. That
 * the record came back is in the conflict log, and an operator looks at it (P12).
 */
static rove_status give_name_up(rove__case *c) {
    rove__judge *judge = c->judge;
    int at = rove__entity_field_named(c->after.row.entity, "external_id");
    rove__version version = {0, rove__writer_head(judge->writer)->replica};

    ROVE_ASSERT(at >= 0 && c->after.row.cells[at].type != ROVE_NULL && c->before.dead != 0 &&
                c->after.dead == 0);
    version.stamp = rove__writer_stamp(judge->writer);
    judge->error->message[0] = '\0';
    c->differs = 1;
    return rove__case_set(c, c->after.row.entity->fields[at].number, rove__value_null(), version,
                          0);
}

static rove_status write_row(rove__case *c) {
    rove__judge *judge = c->judge;

    return rove__writer_row_packed(judge->writer, c->stood ? &c->before : NULL, &c->after,
                                   (rove__bytes){judge->packed.data, judge->packed.size},
                                   judge->error);
}

rove_status rove__case_store(rove__case *c) {
    rove__judge *judge = c->judge;
    rove_status status = ROVE_OK;

    if (!c->exists || !c->changed) {
        return ROVE_OK;
    }
    status = mark_suspect(c);
    rove__buf_reset(&judge->packed);
    if (status == ROVE_OK && rove__batch_count(judge->packer) > 0) {
        status = rove__batch_finish(judge->packer, &judge->packed);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = write_row(c);
    if (status == ROVE_EXISTS) {
        status = give_name_up(c);
        if (status == ROVE_OK) {
            status = write_row(c);
        }
    }
    if (status == ROVE_OK && c->after.row.entity == judge->role) {
        status = rove__judge_edge(judge);
    }
    return status;
}

rove_status rove__case_load(rove__case *c, rove__origin origin) {
    rove__judge *judge = c->judge;
    rove_status status =
        judge->store->row_get(judge->tx, c->entity, c->id, 1, &judge->record, &c->before);

    if (status != ROVE_OK) {
        return status == ROVE_NOT_FOUND ? ROVE_OK : status;
    }
    if (rove__version_compare(c->before.clock.origin, origin) != 0) {
        c->taken = 1;
        return ROVE_OK;
    }
    c->stood = 1;
    c->exists = 1;
    c->after = c->before;
    status = rove__row_copy(&c->after.row, &c->before.row, &judge->record);
    return status == ROVE_OK ? rove__clock_copy(&c->after.clock, &c->before.clock, &judge->record)
                             : status;
}

/* Of a record that is not here. What was deleted and purged need not be deleted once more; else it waits (P15). */
static rove_status judge_missing(rove__case *c, const rove__act *act) {
    rove_status status = ROVE_NOT_FOUND;

    if (act->change.op == ROVE_OP_DELETE) {
        status = c->judge->store->row_purged(c->judge->tx, c->entity, c->id);
    }
    if (status == ROVE_OK) {
        return rove__judge_verdict(c, act, 0, ROVE_VERDICT_KNOWN, ROVE_OK, "");
    }
    return status == ROVE_NOT_FOUND ? rove__judge_park(c, act) : status;
}

rove_status rove__judge_act(rove__case *c, const rove__act *act) {
    int entitled = 0;

    if (act->change.op == ROVE_OP_INSERT) {
        return rove__judge_insert(c, act);
    }
    if (c->refused != ROVE_OK) {
        return rove__judge_refuse(c, act, c->refused, c->reason);
    }
    if (c->reviewed) {
        return rove__judge_review(c, act, "Its record is in review.");
    }
    if (!c->exists) {
        return judge_missing(c, act);
    }
    rove_status status = rove__judge_entitled(c, act, -1, &entitled);
    if (status != ROVE_OK) {
        return status;
    }
    if (!entitled) {
        return rove__judge_not_held(c, act, "Its author did not hold the record.");
    }
    switch (act->change.op) {
    case ROVE_OP_UPDATE:
        return rove__judge_update(c, act);
    case ROVE_OP_DELETE:
        return rove__judge_delete(c, act);
    default:
        ROVE_ASSERT(act->change.op == ROVE_OP_SEAL);
        return rove__judge_seal(c, act);
    }
}

static rove_status judge_op(rove__case *c, const rove__staged_op *op) {
    rove__judge *judge = c->judge;
    rove__act act = {.stamps = &judge->staged->stamps[op->stamp],
                     .user = judge->device->user,
                     .replica = op->replica};
    rove_stamp lower = 0;
    int whose = 0;
    int known = 0;

    c->suspect |= op->suspect;
    rove_status status =
        rove__spool_read(&judge->staged->stage->spool, op->at, op->size, &judge->read);
    if (status == ROVE_OK) {
        act.packed = (rove__bytes){judge->read.data, judge->read.size};
        status = rove__judge_unpack(judge, act.packed, &act.change);
    }
    if (status == ROVE_OK) {
        status = rove__judge_clip(judge, op->cursor, &act.cursor, &lower);
    }
    if (status == ROVE_OK) {
        status = rove__judge_replica(judge, op->replica, &whose);
    }
    if (status != ROVE_OK) {
        return status;
    }
    act.own = whose == 1 && !judge->forked;
    act.again = whose != 1 || judge->former || judge->copied;
    if (act.change.row.entity == NULL) {
        return rove__judge_review(c, &act, "This build does not know the entity.");
    }
    if (act.again) {
        status = rove__judge_known(c, &act, &known);
    }
    if (status == ROVE_OK && known == ROVE_JUDGE_UNTOLD) {
        return rove__judge_review(c, &act, rove__judge_untold);
    }
    if (status == ROVE_OK && known) {
        return rove__judge_verdict(c, &act, 0, ROVE_VERDICT_KNOWN, ROVE_OK, "");
    }
    if (status == ROVE_OK && whose == 0) {
        return rove__judge_review(c, &act, "It bears the number of another device.");
    }
    if (status == ROVE_OK && judge->doubt != NULL) {
        return rove__judge_review(c, &act, judge->doubt);
    }
    return status == ROVE_OK ? rove__judge_act(c, &act) : status;
}

static rove_status judge_record(rove__judge *judge, size_t first, size_t end) {
    const rove__staged_op *ops = judge->staged->ops;
    rove__case c = {.judge = judge, .entity = ops[first].entity, .id = ops[first].id};

    rove__arena_reset(&judge->record);
    ROVE_ASSERT(rove__batch_count(judge->packer) == 0);
    rove_status status = ROVE_OK;
    if (rove__registry_by_number(judge->ports->registry, c.entity) != NULL) {
        status = rove__case_load(&c, ops[first].origin);
    }
    for (size_t i = first; i < end && status == ROVE_OK; i++) {
        status = judge_op(&c, &ops[i]);
    }
    if (status == ROVE_OK) {
        status = rove__case_store(&c);
    }
    if (status == ROVE_OK && c.differs) {
        status = rove__answer_row(judge->answer, c.entity, c.id);
    }
    return status;
}

/* The end of the ops of one record. */
static size_t record_end(const rove__staged *staged, size_t first) {
    size_t end = first + 1;

    while (end < staged->count && staged->ops[end].entity == staged->ops[first].entity &&
           staged->ops[end].id == staged->ops[first].id &&
           rove__version_compare(staged->ops[end].origin, staged->ops[first].origin) == 0) {
        end++;
    }
    return end;
}

/* ---- the batch ------------------------------------------------------------------------------------------ */

/* Every record that a batch names, for the answer to one that comes again (P2). */
static rove_status write_names(const rove__staged *staged, rove__buf *out) {
    for (size_t i = 0; i < staged->count; i = record_end(staged, i)) {
        rove__buf_varint(out, staged->ops[i].entity);
        rove__buf_varint(out, (uint64_t)staged->ops[i].id);
    }
    return rove__buf_status(out);
}

/* `seq` is what the Ack says, `committed` 0 if nothing changed. */
static rove_status keep_batch(rove__judge *judge, const rove__chain *chain, uint64_t seq,
                              uint64_t committed) {
    rove__buf names;
    rove_status status = ROVE_OK;

    rove__buf_init(&names, judge->ports->allocator, ROVE_ANSWER_MEMORY_MAX);
    status = write_names(judge->staged, &names);
    if (status == ROVE_OK) {
        status = rove__judge_ack(judge, chain, seq);
    }
    rove__hq_batch batch = {.replica = judge->device->replica,
                            .number = judge->staged->number,
                            .hash = judge->staged->hash,
                            .chain = *chain,
                            .seq = committed,
                            .answer = {judge->answer->frames.data, judge->answer->frames.size},
                            .rows = {names.data, names.size}};
    if (status == ROVE_OK) {
        status = judge->store->batch_put(judge->tx, &batch);
    }
    rove__buf_free(&names);
    return status;
}

/* The chain goes on. */
static rove_status link_batch(rove__judge *judge, uint64_t seq, int took_seq) {
    rove__hq_device *device = judge->device;
    rove__chain chain;
    rove_status status =
        rove__exchange_chain(judge->ports->crypto, &device->chain, &judge->staged->hash, &chain);

    if (status == ROVE_OK) {
        status = keep_batch(judge, &chain, seq, took_seq ? seq : 0);
    }
    if (status == ROVE_OK) {
        device->last_batch = judge->staged->number;
        device->chain = chain;
    }
    return status;
}

/* The chain is as it was, and so is the batch; only its answer is the new one. */
static rove_status keep_again(rove__judge *judge, uint64_t seq, int took_seq) {
    rove__hq_batch batch;
    rove_status status = judge->store->batch_get(judge->tx, judge->device->replica,
                                                 judge->staged->number, &judge->record, &batch);

    return status == ROVE_OK ? keep_batch(judge, &batch.chain, seq, took_seq ? seq : batch.seq)
                             : status;
}

/* Outside of its chain a batch is remembered by its hash. */
static rove_status remember_batch(rove__judge *judge, uint64_t seq, int took_seq) {
    if (judge->kept) {
        return keep_again(judge, seq, took_seq);
    }
    return judge->stray
               ? judge->store->stray_put(judge->tx, judge->device->replica, &judge->staged->hash)
               : link_batch(judge, seq, took_seq);
}

/* After the last record: the head, the Ack, the device. */
static rove_status close_batch(rove__judge *judge, rove_stamp largest) {
    rove__hq_device *device = judge->device;
    rove__writer *writer = judge->writer;
    uint64_t before = rove__writer_head(writer)->seq;
    uint64_t seq = 0;

    judge->writer = NULL;
    rove_status status = rove__writer_finish(writer, &seq, judge->error);
    if (status == ROVE_OK) {
        status = remember_batch(judge, seq, seq != before);
    }
    if (status == ROVE_OK) {
        if (!judge->stray && largest > device->last_stamp) {
            device->last_stamp = largest;
        }
        judge->stats->batches++;
        judge->stats->rows_in += judge->staged->count;
    }
    return status;
}

rove_status rove__judge_fresh(rove__judge *judge) {
    rove__staged *staged = judge->staged;
    rove_stamp largest = judge->stray ? 0 : judge->device->last_stamp;
    uint64_t seq = 0;

    rove_status status = draw_stamps(judge, &largest);
    if (status == ROVE_OK && staged->count > 0) {
        qsort(staged->ops, staged->count, sizeof *staged->ops, by_record);
    }
    if (status == ROVE_OK) {
        status = rove__judge_names(judge);
    }
    if (status == ROVE_OK && judge->answer->rename_count > 0 && !staged->sealed) {
        rove__writer *writer = judge->writer;
        judge->writer = NULL;
        judge->answer->kind = ROVE_ANSWER_RENUMBER;
        return rove__writer_finish(writer, &seq, judge->error); /* the ids drawn are spent */
    }
    if (status == ROVE_OK && judge->answer->rename_count > 0) {
        judge->answer->pause = 1;
        status = rove__judge_rename(judge);
        qsort(staged->ops, staged->count, sizeof *staged->ops, by_record);
    }
    for (size_t i = 0; i < staged->count && status == ROVE_OK;) {
        size_t end = record_end(staged, i);
        status = judge_record(judge, i, end);
        i = end;
    }
    return status == ROVE_OK ? close_batch(judge, largest) : status;
}

/* Whether the answer that was kept has new names in it. */
static rove_status renames_again(rove__judge *judge, rove__bytes frames, int *renames) {
    rove__reader reader;
    rove__ack ack;

    rove__reader_init(&reader, frames.data, frames.size);
    rove_status status = rove__judge_next_ack(&reader, &judge->answers, &ack);
    *renames = status == ROVE_OK && ack.rename_count > 0;
    return status;
}

/* A batch that came before: the stored verdicts, and every row that it names as it is now (P2). */
static rove_status answer_again(rove__judge *judge) {
    rove__hq_batch batch;
    rove__reader reader;
    const rove__staged *staged = judge->staged;
    rove_status status = judge->store->batch_get(judge->tx, judge->device->replica, staged->number,
                                                 &judge->record, &batch);

    if (status == ROVE_NOT_FOUND ||
        (status == ROVE_OK &&
         ((!rove__chain_equal(&batch.hash, &staged->hash) && !ROVE_PLANTED(P03_OTHER_HASH)) ||
          staged->number <= judge->device->confirmed))) {
        judge->answer->kind = ROVE_ANSWER_FORK;
        return ROVE_OK;
    }
    if (status != ROVE_OK) {
        return status;
    }
    judge->answer->resent = 1;
    if (staged->sealed) {
        status = renames_again(judge, batch.answer, &judge->answer->pause);
    }
    rove__buf_append(&judge->answer->frames, batch.answer.data, batch.answer.size);
    rove__reader_init(&reader, batch.rows.data, batch.rows.size);
    while (rove__reader_left(&reader) > 0 && status == ROVE_OK && !ROVE_PLANTED(P02_WITHOUT_ROWS)) {
        uint32_t entity = (uint32_t)rove__reader_varint_max(&reader, UINT32_MAX);
        rove_id id = (rove_id)rove__reader_varint_max(&reader, INT64_MAX);
        status = rove__reader_status(&reader) == ROVE_OK
                     ? rove__answer_row(judge->answer, entity, id)
                     : ROVE_CORRUPT;
    }
    return status == ROVE_OK ? rove__buf_status(&judge->answer->frames) : status;
}

static rove_status judge_number(rove__judge *judge) {
    const rove__staged *staged = judge->staged;
    const rove__hq_device *device = judge->device;

    judge->answer->kind = ROVE_ANSWER_ACK;
    judge->answer->number = staged->number;
    if (staged->number <= device->last_batch && !ROVE_PLANTED(P02_AGAIN)) {
        return answer_again(judge);
    }
    if (staged->number > device->last_batch + 1 && !ROVE_PLANTED(P01_GAP)) {
        judge->answer->kind = ROVE_ANSWER_NEED;
        judge->answer->number = device->last_batch + 1;
        return ROVE_OK;
    }
    if (!rove__chain_equal(&staged->previous, &device->chain) && !ROVE_PLANTED(P01_UNCHAINED) &&
        !ROVE_PLANTED(P01_GAP) && !ROVE_PLANTED(P02_AGAIN)) {
        judge->answer->kind = ROVE_ANSWER_FORK;
        return ROVE_OK;
    }
    rove_status status = rove__judge_is_copied(judge);
    return status == ROVE_OK ? rove__judge_fresh(judge) : status;
}

rove_status rove__judge_batch(const rove__server_ports *ports, rove__hq_tx *tx,
                              rove__hq_device *device, rove__staged *staged, int64_t now_ms,
                              rove__server_stats *stats, rove__answer *answer, rove_error *error) {
    rove__judge judge;

    ROVE_ASSERT(rove__staged_complete(staged));
    rove__judge_actor actor = {"push", ""};
    rove_status status = rove__judge_open(&judge, ports, tx, device, now_ms, &actor, stats, error);
    judge.staged = staged;
    judge.answer = answer;
    if (status == ROVE_OK) {
        status = judge_number(&judge);
    }
    if (status != ROVE_OK) {
        rove__judge_unrename(&judge);
    }
    if (status == ROVE_OK && answer->kind == ROVE_ANSWER_FORK) {
        rove__log(ports->log, ROVE_LOG_WARN, "judge",
                  "device %u is a copy of another, or was restored from a backup",
                  (unsigned)device->replica);
    }
    rove__judge_close(&judge);
    return status;
}
