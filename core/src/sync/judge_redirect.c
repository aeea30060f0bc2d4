/*
 * sync/judge_redirect.c - merges of duplicates (P13). The loser names its winner in merged_into_id, and who reads it goes
 * on from there; so chains must end, and a loser has one winner.
 */
#include "base/assert.h"
#include "base/planted.h"
#include "sync/judge_state.h"

#include "rove/entities.pb-c.h"

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

/* ---- a lead converted twice ------------------------------------------------------------------------------ */

/*
 * Who wrote the conversion that lost, and since when it is asked what he held: of the one that stood, since the seq before it. Not
 * known: of a row that came by NEED_ROW the versions are what its device said.
 */
static rove_status author_of_lost(rove__case *c, const rove__act *act, uint32_t field,
                                  int write_kept, rove__act *author, int *known) {
    rove__clock_entry entry = rove__clock_get(&c->after.clock, field);

    *author = (rove__act){.user = act->user, .cursor = act->cursor, .decided = act->decided};
    *known = 1;
    if (!write_kept) {
        return ROVE_OK;
    }
    ROVE_ASSERT(entry.seq > 0); /* as of all that headquarters has */
    *author = (rove__act){.cursor = entry.seq - 1};
    if (rove__case_salvaged(c, &entry)) {
        *known = 0;
        return ROVE_OK;
    }
    if (entry.version.replica == rove__writer_head(c->judge->writer)->replica) {
        author->decided = 1; /* an operator may redirect whatever he likes */
        return ROVE_OK;
    }
    rove_status status = rove__judge_user(c->judge, entry.version.replica, &author->user);
    *known = author->user != 0;
    return status;
}

/* It may be merged into another by now, who looked at both: that stands, and what is not done is in the log. */
static rove_status redirect(rove__case *lost, size_t column, rove_value kept) {
    rove__judge *judge = lost->judge;
    uint32_t field = lost->after.row.entity->fields[column].number;
    rove__clock_entry entry = rove__clock_get(&lost->after.clock, field);
    rove_value stands = rove__case_cell(lost, field);
    size_t changed = 0;
    int one = 0;
    rove__row row;

    rove_status status =
        rove__writer_comes_by(judge->writer, lost->entity, column, lost->id, kept.as.integer, &one);
    if (status != ROVE_OK || one) {
        return status;
    }
    if (stands.type != ROVE_NULL) {
        rove__version version = {rove__writer_stamp(judge->writer),
                                 rove__writer_head(judge->writer)->replica};
        rove__clash clash = {.kind = ROVE__CONFLICT__KIND__SECOND_REDIRECT,
                             .field = field,
                             .kept = {stands, entry.version, 0},
                             .lost = {kept, version, 0}};
        return rove__judge_conflict(lost, &clash);
    }
    status = rove__row_init(&row, lost->after.row.entity, lost->id, &judge->record);
    if (status == ROVE_OK) {
        rove__row_set(&row, column, kept);
        status = rove__writer_change(judge->writer, &lost->after, &row, &changed, NULL);
    }
    /* It may be what the other is merged into: then there is nothing to redirect. */
    return status != ROVE_OK && rove_status_classify(status) == ROVE_CLASS_CALLER ? ROVE_OK
                                                                                  : status;
}

/* Headquarters may redirect anything; so it asks whether who named the account that lost might have done so himself (P14). */
rove_status rove__judge_second_conversion(rove__case *c, const rove__act *act, uint32_t field,
                                          rove_value kept, rove_value lost, int write_kept) {
    rove__judge *judge = c->judge;
    const rove__entity *lead = c->after.row.entity;
    int at = rove__entity_field(lead, field);
    rove__case other = {.judge = judge, .exists = 1};
    rove__act author;
    int entitled = 0;

    if (at < 0 || kept.type != ROVE_INT || lost.type != ROVE_INT ||
        (at != rove__entity_field_named(lead, "converted_account_id") &&
         at != rove__entity_field_named(lead, "converted_contact_id"))) {
        return ROVE_OK;
    }
    other.entity = lead->fields[at].target;
    other.id = lost.as.integer;
    rove_status status =
        judge->store->row_get(judge->tx, other.entity, other.id, 1, &judge->record, &other.after);
    if (status == ROVE_NOT_FOUND || (status == ROVE_OK && other.after.dead != 0)) {
        return ROVE_OK;
    }
    if (status == ROVE_OK) {
        status = author_of_lost(c, act, field, write_kept, &author, &entitled);
    }
    if (status == ROVE_OK && entitled) {
        status = rove__judge_entitled(&other, &author, -1, &entitled);
    }
    if (status != ROVE_OK || !entitled) {
        return status;
    }
    int column = rove__entity_field_named(other.after.row.entity, "merged_into_id");
    ROVE_ASSERT(column >= 0);
    return redirect(&other, (size_t)column, kept);
}
