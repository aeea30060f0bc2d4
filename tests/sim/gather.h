/*
 * sim/gather.h - what headquarters has at the end, taken together for check.c: from its tables, by a connection that only
 * reads. What is in the ledger is marked as found there.
 */
#ifndef ROVE_TESTS_SIM_GATHER_H
#define ROVE_TESTS_SIM_GATHER_H

#include "world.h"

/* A live record that the simulation knows. */
typedef struct gathered_row {
    uint32_t record;
    rove_id id;
    rove_id root;    /* whose scope it is in */
    rove_id contact; /* of a role */
    uint32_t texts[LEDGER_TEXTS];
    int64_t counter, rank;
    int is_long;         /* a device of an older build cannot have it */
    rove_id merged_into; /* 0: into none */
} gathered_row;

/* What is in a record's set: a word's number, the number of the write that added it, beyond all of those, or a contact's id. */
typedef struct gathered_element {
    uint32_t record;
    int64_t value;
} gathered_element;

/* A write of a register as the history has it, in its order. */
typedef struct gathered_step {
    uint32_t record;
    unsigned field;
    reference_step step;
} gathered_step;

typedef struct gathered_conflict {
    uint32_t record;
    unsigned field;
    reference_conflict conflict;
} gathered_conflict;

/* An increment that is none of a write: of work that was done again. */
typedef struct gathered_sum {
    uint32_t record;
    int64_t delta;
} gathered_sum;

typedef struct gathered_name {
    uint32_t entity;
    rove_id id;
    uint32_t record;
} gathered_name;

#define GATHERED(type, name)                                                                       \
    type *name;                                                                                    \
    size_t name##_count, name##_capacity

typedef struct gathered {
    world *w;
    GATHERED(gathered_row, rows);
    GATHERED(gathered_element, elements);
    GATHERED(gathered_element, lost); /* of a set, which a conflict keeps as having lost */
    GATHERED(gathered_step, steps);
    GATHERED(gathered_conflict, conflicts);
    GATHERED(gathered_sum, sums);
    GATHERED(gathered_name, names); /* of every record that ever was inserted */
    uint64_t seq;                   /* of the entry under way */
    int reviewed;                   /* it is one of the review's, or parked */
    int claimed;                    /* not all is at rest */
    rove_stamp stamp_most;          /* of any row */
} gathered;

void gather(gathered *self, world *w);
/* The rows alone; nothing is marked in the ledger. */
void gather_rows(gathered *self, world *w);
void gather_free(gathered *self);
/* 0: nothing of the simulation's. */
uint32_t gather_name(const gathered *self, uint32_t entity, rove_id id);
int64_t gather_element(const rove_value *value);
/* The word, or the contact's record, that an element of such a record's set is; 0: another one. */
uint32_t gather_word(const gathered *self, ledger_kind kind, int64_t element);
/* NULL: it is not alive. */
const gathered_row *gather_row(const gathered *self, uint32_t record);
/* Which write a refused or shown value is: marks it as refused. */
void gather_refused(world *w, int author, uint32_t record, const char *field,
                    const rove_value *value);

/* ---- check.c ---- */

/* 1: it waits on its device, for it is about a record that was refused, or is that record's own (D8). */
int check_waits(const world *w, const ledger_write *write);

/* ---- values.c ---- */

/* What several wrote, by who can have seen what: sets, stages, seals, deletes, merges of accounts, refusals, rights. */
void values_check(const gathered *self);

/* ---- rights.c ---- */

/* Who may write what. */
void rights_check(const gathered *self);

#endif
