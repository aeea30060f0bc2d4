/*
 * wire/rename.h - a record that has another id (P4), carried through what was written before that was known: its own id, and
 * references to it. Only the work of a device that made the record under its old id may be given here: in anybody else's
 * that id means another record.
 */
#ifndef ROVE_WIRE_RENAME_H
#define ROVE_WIRE_RENAME_H

#include "model/set.h"
#include "wire/message.h"

typedef struct rove__renames {
    const rove__rename *items; /* borrowed */
    size_t count;
} rove__renames;

/* A reference, or a set of them in either form, from the arena. *changed is set to 1 if it was. NOMEM, CORRUPT. */
ROVE_CHECK rove_status rove__rename_value(const rove__renames *renames, const rove__field *field,
                                          rove_value *value, rove__set_form form,
                                          rove__arena *arena, int *changed);
/* All references of a row that are present. */
ROVE_CHECK rove_status rove__rename_row(const rove__renames *renames, rove__row *row,
                                        rove__set_form form, rove__arena *arena, int *changed);
/* A change, if it is about a record that was renamed: by its id and its origin. */
void rove__rename_record(const rove__renames *renames, rove__change *change, int *changed);
/* A device's change: the id of its record, found with its origin, and its references. */
ROVE_CHECK rove_status rove__rename_change(const rove__renames *renames, rove__change *change,
                                           rove__arena *arena, int *changed);

#endif
