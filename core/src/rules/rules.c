/*
 * rules/rules.c - the table of rules.
 */
#include "rules/rules.h"

#include "base/assert.h"
#include "base/text.h"

static const rove__rule table[] = {
    rove__rule_limits,
    rove__rule_policy,
    rove__rule_required,
    rove__rule_state,
};

rove_status rove__rules_check(const rove__write *write, rove_error *error) {
    const rove__row *row = write->after != NULL ? write->after : write->before;

    ROVE_ASSERT(write->op >= ROVE_OP_INSERT && write->op <= ROVE_OP_SEAL);
    ROVE_ASSERT(write->after != NULL || write->op == ROVE_OP_DELETE);
    if (row == NULL || row->entity == NULL) {
        return rove__error_set(error, ROVE_UNKNOWN_ENTITY, "This build does not know entity %u.",
                               row == NULL ? 0 : (unsigned)row->entity_number);
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        rove_status status = table[i](write, error);
        if (status != ROVE_OK) {
            return status;
        }
    }
    return ROVE_OK;
}
