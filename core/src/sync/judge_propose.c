/*
 * sync/judge_propose.c - a new record that came by itself, signed, and not as part of a batch: what a rep wrote while his
 * device was locked. It goes to review as an insert of his, under a name of headquarters', because the device had none to give.
 *
 * Its origin is headquarters' too: unique, so that no other record is ever taken for it. Whether it came before is for who calls
 * to know.
 */
#include "base/assert.h"
#include "sync/judge_state.h"

static rove_status find_author(const rove__server_ports *ports, rove__hq_tx *tx,
                               const rove__proposal *proposal, rove__hq_device *author) {
    rove_status status = ports->store->device_get(tx, proposal->replica, 1, author);

    if (status == ROVE_NOT_FOUND) {
        *author = (rove__hq_device){
            .replica = proposal->replica, .user = proposal->user, .status = ROVE_DEVICE_REPLACED};
        return ROVE_OK;
    }
    return status;
}

/* Sets in plain form become acts that add their elements, as the insert of a device has them. */
static rove_status add_elements(rove__judge *judge, rove_stamp raw, rove__row *row) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < row->cell_count && status == ROVE_OK; i++) {
        rove__set set;
        if (row->entity->fields[i].kind != ROVE_KIND_SET || row->cells[i].type == ROVE_NULL) {
            continue;
        }
        status = rove__set_read(&set, &row->cells[i], ROVE_SET_PLAIN, &judge->record);
        if (status != ROVE_OK || set.form != ROVE_SET_PLAIN) {
            return status == ROVE_CORRUPT || status == ROVE_OK ? ROVE_INVALID : status;
        }
        for (size_t j = 0; j < set.count; j++) {
            set.elements[j].action = ROVE_SET_ADD;
            set.elements[j].raw = raw;
        }
        set.form = ROVE_SET_DELTA;
        status = rove__set_value(&set, &judge->record, &row->cells[i]);
    }
    return status;
}

static rove_status make_change(rove__judge *judge, const rove__proposal *proposal,
                               rove__change *change) {
    rove__writer *writer = judge->writer;
    rove_id id = 0;

    *change = (rove__change){.op = ROVE_OP_INSERT, .replica = proposal->replica};
    change->clock.origin.stamp = rove__writer_stamp(writer);
    change->clock.origin.replica = rove__writer_head(writer)->replica;
    change->clock.base = change->clock.origin;
    rove_status status = rove__row_copy(&change->row, proposal->row, &judge->record);
    if (status == ROVE_OK) {
        status = add_elements(judge, change->clock.origin.stamp, &change->row);
    }
    if (status == ROVE_OK) {
        status = rove__writer_id(writer, &id);
        change->row.id = id;
    }
    if (status == ROVE_OK) {
        status = rove__batch_add(judge->packer, change);
    }
    return status == ROVE_OK ? rove__batch_finish(judge->packer, &judge->packed) : status;
}

static rove_status put(rove__judge *judge, const rove__proposal *proposal, int64_t *number) {
    const rove__op_stamp stamp = {.canonical = rove__stamp_make(proposal->written_ms, 0)};
    rove__act act = {.stamps = &stamp, .user = judge->device->user, .replica = proposal->replica};
    rove_status status = make_change(judge, proposal, &act.change);

    if (status != ROVE_OK) {
        return status;
    }
    rove__hq_review review = {.seq = rove__writer_seq(judge->writer),
                              .entity = act.change.row.entity_number,
                              .id = act.change.row.id,
                              .replica = act.replica,
                              .user = act.user,
                              .reason = proposal->reason,
                              .change = {judge->packed.data, judge->packed.size}};
    rove__writer_touch(judge->writer);
    judge->stats->reviews++;
    status = judge->store->review_put(judge->tx, &review);
    *number = review.number;
    return status == ROVE_OK ? rove__judge_tell(judge, &act, &review) : status;
}

rove_status rove__judge_propose(const rove__server_ports *ports, rove__hq_tx *tx,
                                const rove__proposal *proposal, rove__server_stats *stats,
                                int64_t *number, rove_error *error) {
    const rove__judge_actor actor = {"drop", ""};
    rove__hq_device author = {0};
    rove_error none = {.message = ""};
    rove__judge judge;
    uint64_t seq = 0;

    ROVE_ASSERT(proposal->row->entity != NULL && proposal->reason[0] != '\0');
    *number = 0;
    error = error != NULL ? error : &none;
    rove_status status = find_author(ports, tx, proposal, &author);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__judge_open(&judge, ports, tx, &author, proposal->now_ms, &actor, stats, error);
    if (status == ROVE_OK) {
        status = put(&judge, proposal, number);
    }
    if (status == ROVE_OK) {
        rove__writer *writer = judge.writer;
        judge.writer = NULL;
        status = rove__writer_finish(writer, &seq, error);
    }
    rove__judge_close(&judge);
    return status;
}
