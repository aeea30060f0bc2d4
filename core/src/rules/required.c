/*
 * rules/required.c - what a record cannot be without: its required fields, and a contact a name.
 */
#include "base/assert.h"
#include "base/text.h"
#include "rules/rules.h"

#include "rove/entities.pb-c.h"

static int is_empty(const rove_value *value) {
    return value->type == ROVE_NULL || (value->type == ROVE_TEXT && value->size == 0);
}

/* The cell as it would be afterwards. */
static int empty_after(const rove__write *write, size_t ordinal) {
    if (rove__bits_get(&write->after->present, ordinal)) {
        return is_empty(&write->after->cells[ordinal]);
    }
    return write->op == ROVE_OP_INSERT || write->op == ROVE_OP_SEAL || write->before == NULL ||
           is_empty(&write->before->cells[ordinal]);
}

/* A seal is the whole record, like an insert; but who signs it may not have heard of a custom field yet. */
static int is_judged(const rove__write *write, const rove__field *field, size_t ordinal) {
    return write->op == ROVE_OP_INSERT || rove__bits_get(&write->after->present, ordinal) ||
           (write->op == ROVE_OP_SEAL && (field->flags & ROVE_FIELD_CUSTOM) == 0);
}

/* Judged only by who touches a name, so that an old record without one can still be edited. */
static rove_status contact_name(const rove__write *write, rove_error *error) {
    const rove__row *after = write->after;
    int first = rove__entity_field_named(after->entity, "first_name");
    int last = rove__entity_field_named(after->entity, "last_name");

    ROVE_ASSERT(first >= 0 && last >= 0);
    if (write->op != ROVE_OP_INSERT && !rove__bits_get(&after->present, (size_t)first) &&
        !rove__bits_get(&after->present, (size_t)last)) {
        return ROVE_OK;
    }
    if (empty_after(write, (size_t)first) && empty_after(write, (size_t)last)) {
        return rove__error_set(error, ROVE_REQUIRED, "Contact needs a first_name or a last_name.");
    }
    return ROVE_OK;
}

rove_status rove__rule_required(const rove__write *write, rove_error *error) {
    const rove__row *after = write->after;

    if (write->op == ROVE_OP_DELETE) {
        return ROVE_OK;
    }
    for (size_t i = 0; i < after->cell_count; i++) {
        const rove__field *field = &after->entity->fields[i];

        if ((field->flags & ROVE_FIELD_REQUIRED) != 0 && is_judged(write, field, i) &&
            empty_after(write, i)) {
            return rove__error_set(error, ROVE_REQUIRED, "%s.%s is required.", after->entity->name,
                                   field->name);
        }
    }
    if (after->entity->message == &rove__contact__descriptor) {
        return contact_name(write, error);
    }
    return ROVE_OK;
}
