/*
 * model/change.h - one record as it travels between a replica and headquarters: the struct in which store,
 * sync and headquarters speak, and which wire encodes.
 */
#ifndef ROVE_MODEL_CHANGE_H
#define ROVE_MODEL_CHANGE_H

#include "model/clock.h"
#include "model/row.h"

typedef enum rove__op {
    /* from a device */
    ROVE_OP_INSERT = 1, /* row: all cells that are set; clock.origin; cursor */
    ROVE_OP_UPDATE = 2, /* row: the dirty cells; one edit per dirty cell; clock.origin; cursor */
    ROVE_OP_DELETE =
        3, /* clock: as the rep saw it (bases of pending cells); edits: one, its raw stamp, field 0 */
    ROVE_OP_SEAL =
        4, /* row: the whole record as signed; edits for the dirty cells; clock as seen */
    /* from headquarters */
    ROVE_OP_WHOLE = 5, /* row: all cells that are not NULL; clock: whole; replaces */
    ROVE_OP_PART = 6, /* row: the cells newer than the cursor; clock: origin, base, their entries */
    ROVE_OP_TOMBSTONE = 7, /* clock.origin */
    ROVE_OP_MARK = 8 /* moved away: scope is the one that it left; part -1: any part of that root */
} rove__op;

/* One dirty cell of a device's write. */
typedef struct rove__edit {
    uint32_t field;     /* number */
    uint32_t epoch;     /* of a rank */
    rove_stamp raw;     /* by the device's own clock */
    rove__version base; /* the version that it overwrote, as its user saw it (D3); {0,0}: none */
} rove__edit;

/*
 * What the cells of a device's INSERT, UPDATE and SEAL hold, by kind: register, rank: the value; counter: a BLOB of
 * increments; set: a BLOB of adds and removes (merge/counter.h, merge/set.h). From headquarters: counter: the
 * total; set: the elements with their versions.
 */
typedef struct rove__change {
    rove__op op;
    rove__row row;
    rove__clock clock;
    rove__edit *edits; /* ascending by field */
    size_t edit_count;
    rove__cursor cursor;  /* device: where it stood at the first edit (P7, P14) */
    rove_replica replica; /* device: whose raw stamps these are; normally its own number (P3) */
    rove__scope scope;    /* MARK only */
} rove__change;

/* What it takes of a batch's ROVE_PUSH_WEIGHT_MAX: its cells, its edits, and its clock's exceptions. */
size_t rove__change_weight(const rove__change *change);
/* A deep copy into the arena. ROVE_NOMEM. */
ROVE_CHECK rove_status rove__change_copy(rove__change *to, const rove__change *from,
                                         rove__arena *arena);

#endif
