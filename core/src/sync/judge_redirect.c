/*
 * sync/judge_redirect.c - merges of duplicates (P13). The loser names its winner in merged_into_id, and who reads it goes
 * on from there; so chains must end, and a loser has one winner.
 */
#include "base/assert.h"
#include "base/planted.h"
#include "sync/judge_state.h"

rove_status rove__judge_redirects(rove__case *c, const rove__act *act, uint32_t field,
                                  rove_value value, int *refused) {
    const rove__entity *entity = c->after.row.entity;
    int column = rove__entity_field_named(entity, "merged_into_id");

    (void)act;
    *refused = 0;
    if (column < 0 || entity->fields[column].number != field || value.type != ROVE_INT ||
        ROVE_PLANTED(P13_RING)) {
        return ROVE_OK;
    }
    const rove_value *current = &c->after.row.cells[column];
    if (current->type == ROVE_INT && current->as.integer != value.as.integer) {
        *refused = 1;
        return ROVE_OK;
    }
    return rove__writer_comes_by(c->judge->writer, c->entity, (size_t)column, value.as.integer,
                                 c->id, refused);
}

rove_status rove__judge_second_conversion(rove__case *c, uint32_t field, rove_value kept,
                                          rove_value lost) {
    rove__judge *judge = c->judge;
    const rove__entity *lead = c->after.row.entity;
    int at = rove__entity_field(lead, field);
    size_t changed = 0;
    rove__row row;

    if (at < 0 || kept.type != ROVE_INT || lost.type != ROVE_INT ||
        (at != rove__entity_field_named(lead, "converted_account_id") &&
         at != rove__entity_field_named(lead, "converted_contact_id"))) {
        return ROVE_OK;
    }
    const rove__entity *target =
        rove__registry_by_number(judge->ports->registry, lead->fields[at].target);
    ROVE_ASSERT(target != NULL);
    int column = rove__entity_field_named(target, "merged_into_id");
    ROVE_ASSERT(column >= 0);
    rove_status status = rove__row_init(&row, target, lost.as.integer, &judge->record);
    if (status == ROVE_OK) {
        rove__row_set(&row, (size_t)column, kept);
        status = rove__writer_update(judge->writer, &row, &changed, NULL);
    }
    /* It may not be here, be deleted, or be what the other is merged into: then there is nothing to redirect. */
    return status != ROVE_OK && rove_status_classify(status) == ROVE_CLASS_CALLER ? ROVE_OK
                                                                                  : status;
}
