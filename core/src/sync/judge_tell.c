/*
 * sync/judge_tell.c - what the author of work in review sees of it: a row of the entity Review in his own scope, which he holds
 * whatever he lost. It says that his work waits, later what was decided and by whom; work that is returned comes back
 * in it, for him to put right or to give up.
 */
#include "base/assert.h"
#include "sync/judge_state.h"

#include "rove/entities.pb-c.h"

/* Of the work, so that it fits its cell; what is larger stays at headquarters alone. */
#define CHANGE_MAX ((size_t)ROVE_VALUE_MAX)

static int64_t what_of(rove__op op) {
    switch (op) {
    case ROVE_OP_INSERT:
        return ROVE__REVIEW__WHAT__INSERT;
    case ROVE_OP_DELETE:
        return ROVE__REVIEW__WHAT__DELETE;
    case ROVE_OP_SEAL:
        return ROVE__REVIEW__WHAT__SEAL;
    default:
        return ROVE__REVIEW__WHAT__UPDATE;
    }
}

/* Its author signed it, and goes on reading it (P11). */
static int is_sealed(const rove__change *change) {
    const rove__entity *entity = change->row.entity;

    return change->op == ROVE_OP_SEAL || (entity != NULL && entity->seal_field >= 0 &&
                                          change->row.cells[entity->seal_field].type != ROVE_NULL);
}

static void put_change(rove__row *row, rove__bytes change) {
    if (change.size <= CHANGE_MAX) {
        rove__judge_put(row, "change", rove__value_bytes(ROVE_BLOB, change.data, change.size));
    }
}

rove_status rove__judge_tell(rove__judge *judge, const rove__act *act,
                             const rove__hq_review *review) {
    rove__row row;

    /* A row that headquarters had asked for is nobody's writing; of other work it may not be known whose it is. */
    if (act->change.op == ROVE_OP_WHOLE || review->user == 0) {
        return ROVE_OK;
    }
    rove_status status = rove__row_init(&row, judge->review, 0, &judge->record);
    if (status != ROVE_OK) {
        return status;
    }
    rove__judge_put_number(&row, "user_id", review->user);
    rove__judge_put_number(&row, "number", review->number);
    rove__judge_put_number(&row, "record_entity", review->entity);
    rove__judge_put_number(&row, "record_id", review->id);
    rove__judge_put_number(&row, "what", what_of(act->change.op));
    rove__judge_put_number(&row, "written_at", rove__stamp_ms(rove__act_latest(act)));
    rove__judge_put_number(&row, "replica", review->replica);
    rove__judge_put(&row, "reason", rove__value_text(review->reason));
    rove__judge_put_number(&row, "state", ROVE__REVIEW__STATE__WAITING);
    if (is_sealed(&act->change)) {
        put_change(&row, review->change);
    }
    return rove__writer_insert(judge->writer, &row, judge->error);
}

static rove_status each_id(void *ctx, rove_id id) {
    rove_id *found = ctx;

    *found = id;
    return ROVE_DONE;
}

rove_status rove__judge_tell_decision(rove__judge *judge, const rove__hq_review *review,
                                      const rove__decision *decision) {
    int number = rove__entity_field_named(judge->review, "number");
    rove_id id = 0;
    size_t changed = 0;
    rove__row row;

    ROVE_ASSERT(number >= 0);
    rove_status status = judge->store->row_referring(judge->tx, judge->review->number,
                                                     (size_t)number, review->number, each_id, &id);
    if (status == ROVE_OK) {
        status = rove__row_init(&row, judge->review, id, &judge->record);
    }
    if (status != ROVE_OK || id == 0) {
        return status;
    }
    rove__judge_put_number(&row, "state",
                           decision->accepted ? ROVE__REVIEW__STATE__ACCEPTED
                                              : ROVE__REVIEW__STATE__RETURNED);
    rove__judge_put_number(&row, "decided_at", decision->now_ms);
    rove__judge_put(&row, "decided_by", rove__value_text(decision->operator_name));
    if (decision->note[0] != '\0') {
        rove__judge_put(&row, "note", rove__value_text(decision->note));
    }
    if (!decision->accepted) {
        put_change(&row, review->change);
    }
    return rove__writer_update(judge->writer, &row, &changed, judge->error);
}
