/*
 * model/set.h - the three forms of a set's cell.
 *
 *   set       = form:byte count:varint element*        ascending by value (rove__value_compare)
 *   plain     (form 0)  element = value                              what a shell hands in or gets
 *   versioned (form 1)  element = value stamp:u64 replica:varint     headquarters' version: live elements only
 *   delta     (form 2)  element = value action:byte raw:u64 [stamp:u64 replica:varint]
 *                       action 1 adds; 2 removes the add version that follows (P9); a device's pending work
 *
 * Elements are INT or TEXT, all of one set alike. An empty set is a NULL cell in plain and versioned form, so
 * one meaning has one encoding.
 */
#ifndef ROVE_MODEL_SET_H
#define ROVE_MODEL_SET_H

#include "base/alloc.h"
#include "base/buf.h"
#include "model/row.h"

#define ROVE_SET_ELEMENTS_MAX 512
#define ROVE_SET_TEXT_MAX     1024 /* bytes of a text element */
#define ROVE_SET_NOBODY       0u   /* the replica of an add that is of several */

typedef enum rove__set_form {
    ROVE_SET_PLAIN = 0,
    ROVE_SET_VERSIONED = 1,
    ROVE_SET_DELTA = 2
} rove__set_form;
typedef enum rove__set_action { ROVE_SET_ADD = 1, ROVE_SET_REMOVE = 2 } rove__set_action;

typedef struct rove__element {
    rove_value value;        /* borrowed */
    rove__set_action action; /* delta */
    rove_stamp raw;          /* delta: the device's stamp of the act */
    rove__version version;   /* versioned: of the add; delta, remove: the add that was seen */
} rove__element;

typedef struct rove__set {
    rove__set_form form;
    rove__element *elements; /* ascending; arena */
    size_t count;
} rove__set;

/* A NULL value reads as an empty set of the form `empty_as`. ROVE_CORRUPT for anything malformed. */
ROVE_CHECK rove_status rove__set_read(rove__set *set, const rove_value *value,
                                      rove__set_form empty_as, rove__arena *arena);
/*
 * The same without memory: one element after the other. rove__set_next gives 1 and an element, or 0 at the
 * end; then rove__set_done says ROVE_OK or ROVE_CORRUPT, and nothing read before may be used unless it is OK.
 */
typedef struct rove__set_cursor {
    rove__reader reader;
    rove__set_form form;
    size_t left;         /* elements still to come */
    rove_value previous; /* to check the order */
} rove__set_cursor;

void rove__set_open(rove__set_cursor *cursor, const rove_value *value, rove__set_form empty_as);
int rove__set_next(rove__set_cursor *cursor, rove__element *element);
ROVE_CHECK rove_status rove__set_done(const rove__set_cursor *cursor);

void rove__set_write(rove__buf *buf, const rove__set *set);
/*
 * The cell's value: written into the arena, NULL for an empty plain or versioned set. ROVE_TOO_BIG past
 * ROVE_VALUE_MAX, ROVE_NOMEM.
 */
ROVE_CHECK rove_status rove__set_value(const rove__set *set, rove__arena *arena, rove_value *value);
/* The position of an element, or where it would stand; *found says which. */
size_t rove__set_find(const rove__set *set, const rove_value *value, int *found);

#endif
