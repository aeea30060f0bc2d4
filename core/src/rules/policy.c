/*
 * rules/policy.c - who may write what.
 *
 * Headquarters may write everything. A rep may not insert or delete records of headquarters, not change
 * what is append-only, not write headquarters' fields, an author's fields only with the insert, and a proof only
 * with the seal (which may come with the insert). Writing
 * what stands already is no change: shells hand back whole records. Derived fields are nobody's; whoever
 * stores a record computes them again.
 */
#include "base/text.h"
#include "rules/rules.h"

static rove_status entity_policy(const rove__write *write, const rove__entity *entity,
                                 rove_error *error) {
    int whole = write->op == ROVE_OP_INSERT || write->op == ROVE_OP_DELETE;

    if (whole && (entity->writer == ROVE_WRITER_HQ || (entity->flags & ROVE_ENTITY_HQ_ONLY) != 0)) {
        return rove__error_set(error, ROVE_DENIED,
                               "Only headquarters adds and deletes records of %s.", entity->name);
    }
    if (write->op != ROVE_OP_INSERT && (entity->flags & ROVE_ENTITY_APPEND_ONLY) != 0) {
        return rove__error_set(error, ROVE_DENIED,
                               "A record of %s is never changed or deleted; add another one.",
                               entity->name);
    }
    return ROVE_OK;
}

/* 1 if writing this cell changes nothing, or clears what is not there. */
static int unchanged(const rove__write *write, size_t ordinal) {
    const rove_value nothing = rove__value_null();
    int inserts = write->op == ROVE_OP_INSERT || write->before == NULL;
    const rove_value *stands = inserts ? &nothing : &write->before->cells[ordinal];

    return rove__value_equal(stands, &write->after->cells[ordinal]);
}

/* A sealed record carries all its cells: one that headquarters filled meanwhile is not the rep's doing. */
static int not_meant(const rove__write *write, size_t ordinal) {
    return write->op == ROVE_OP_SEAL && write->after->cells[ordinal].type == ROVE_NULL;
}

static int seals(const rove__write *write) {
    int seal = write->after->entity->seal_field;

    return write->op == ROVE_OP_SEAL || (write->op == ROVE_OP_INSERT && seal >= 0 &&
                                         write->after->cells[seal].type != ROVE_NULL);
}

static rove_status field_policy(const rove__write *write, const rove__field *field,
                                rove_error *error) {
    const char *entity = write->after->entity->name;

    if (field->writer == ROVE_WRITER_HQ) {
        return rove__error_set(error, ROVE_DENIED, "%s.%s is written by headquarters only.", entity,
                               field->name);
    }
    if (field->writer == ROVE_WRITER_AUTHOR && write->op != ROVE_OP_INSERT) {
        return rove__error_set(error, ROVE_DENIED,
                               "%s.%s is written when the record is added, and not changed later.",
                               entity, field->name);
    }
    if (field->writer == ROVE_WRITER_SEAL && !seals(write)) {
        return rove__error_set(error, ROVE_DENIED, "%s.%s is written by sealing the record.",
                               entity, field->name);
    }
    return ROVE_OK;
}

rove_status rove__rule_policy(const rove__write *write, rove_error *error) {
    const rove__row *row = write->after != NULL ? write->after : write->before;
    rove_status status = ROVE_OK;

    if (write->actor == ROVE_ACTOR_HQ) {
        return ROVE_OK;
    }
    status = entity_policy(write, row->entity, error);
    if (write->op == ROVE_OP_DELETE || write->after == NULL) {
        return status;
    }
    for (size_t i = 0; status == ROVE_OK && i < row->cell_count; i++) {
        const rove__field *field = &row->entity->fields[i];

        if (field->kind != ROVE_KIND_DERIVED && rove__bits_get(&row->present, i) &&
            !unchanged(write, i) && !not_meant(write, i)) {
            status = field_policy(write, field, error);
        }
    }
    return status;
}
