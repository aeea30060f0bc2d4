/*
 * rules/conflict.h - how a conflict is settled, the same on a device and at headquarters. Either what stands is kept (status
 * DISMISSED), or what had lost is written again (RESOLVED): as a new write that has seen what it replaces.
 */
#ifndef ROVE_RULES_CONFLICT_H
#define ROVE_RULES_CONFLICT_H

#include "model/entity.h"
#include "model/row.h"

/* How the losing side is written again. */
typedef struct rove__remedy {
    int deletes;      /* 1: the record is deleted, as it had been */
    size_t ordinal;   /* else this field gets */
    rove_value value; /* this value; borrowed from what was read */
} rove__remedy;

/*
 * `entity`: of the record, NULL if this build does not know it; `field`: the entry's field number, 0 for the whole record;
 * `lost`: the entry's lost_value. ROVE_STATE, with a sentence, where it cannot be written again by itself.
 */
ROVE_CHECK rove_status rove__conflict_remedy(int64_t kind, const rove__entity *entity,
                                             uint32_t field, const rove_value *lost,
                                             rove__remedy *remedy, rove_error *error);
/* A value in the form in which a conflict keeps it; NULL if it is absent or cannot be read. Borrows. */
rove_value rove__conflict_value(const rove_value *packed);

#endif
