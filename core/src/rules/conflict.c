/*
 * rules/conflict.c - see conflict.h.
 */
#include "rules/conflict.h"

#include "base/text.h"

#include "rove/entities.pb-c.h"

rove_value rove__conflict_value(const rove_value *packed) {
    rove_value value = rove__value_null();
    rove__reader reader;

    if (packed->type != ROVE_BLOB || packed->size == 0) {
        return value;
    }
    rove__reader_init(&reader, packed->as.data, packed->size);
    rove__value_read(&reader, &value);
    return rove__reader_status(&reader) == ROVE_OK ? value : rove__value_null();
}

rove_status rove__conflict_remedy(int64_t kind, const rove__entity *entity, uint32_t field,
                                  const rove_value *lost, rove__remedy *remedy, rove_error *error) {
    int ordinal = entity != NULL && field != 0 ? rove__entity_field(entity, field) : -1;

    *remedy = (rove__remedy){.value = rove__value_null()};
    if (entity != NULL && field == 0 &&
        (kind == ROVE__CONFLICT__KIND__DELETION || kind == ROVE__CONFLICT__KIND__REVIVAL)) {
        remedy->deletes = 1;
        return ROVE_OK;
    }
    if (kind == ROVE__CONFLICT__KIND__SECOND_REDIRECT) {
        return rove__error_set(error, ROVE_STATE,
                               "This merge would go round in a ring, or the record is merged into "
                               "another already. Undo that merge first (merged_into_id empty), "
                               "then merge again; or keep what stands.");
    }
    if (ordinal < 0) {
        return rove__error_set(error, ROVE_STATE,
                               "What lost here cannot be written again by itself; make a new "
                               "record, or keep what stands.");
    }
    if (lost->type != ROVE_BLOB) {
        return rove__error_set(error, ROVE_STATE,
                               "The value that lost is too long for the entry; headquarters has "
                               "it in the history of the record.");
    }
    remedy->ordinal = (size_t)ordinal;
    remedy->value = rove__conflict_value(lost);
    return ROVE_OK;
}
