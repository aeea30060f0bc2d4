/*
 * admin/conflict_text.h - a conflict as people and programs read it: its sides with the names of people and devices.
 */
#ifndef ROVE_HQ_CONFLICT_TEXT_H
#define ROVE_HQ_CONFLICT_TEXT_H

#include <jansson.h>

#include "base/buf.h"
#include "hq.h"

typedef struct conflict_side {
    rove_value packed; /* as the row has it; borrowed */
    rove_stamp stamp;
    int64_t raw_ms; /* by the author's own clock; 0: not known */
    rove_replica replica;
    rove_id user; /* 0: headquarters */
} conflict_side;

/* A row of Conflict; borrows from it. */
typedef struct conflict {
    rove_id number;
    uint32_t entity;
    rove_id id;
    uint32_t field; /* 0: the whole record */
    int64_t kind;
    int64_t status;
    conflict_side kept, lost;
    rove_id resolver;
    int64_t resolved_ms;
    rove_value note;
} conflict;

void conflict_read(const rove__row *row, conflict *out);

#define CONFLICT_NAMES 16

/* Names that were looked up, and room to print. */
typedef struct conflict_text {
    hq *headquarters;
    const hq_io *io;
    rove__hq_tx *tx; /* set by the caller, in a transaction */
    int digits;      /* of the organisation's money */
    struct {
        rove_id user;
        char name[ROVE_TEXT_MAX];
    } names[CONFLICT_NAMES];
    size_t next_name;
    rove__buf scratch;
    rove__arena arena;
    int lines; /* printed: the head comes before the first */
} conflict_text;

ROVE_CHECK rove_status conflict_text_init(conflict_text *self, hq *headquarters, const hq_io *io,
                                          rove_error *error);
void conflict_text_free(conflict_text *self);

/* "Account 6442450945 [292].phone"; `sensitive` as for hq_describe. */
ROVE_CHECK rove_status conflict_describe(conflict_text *self, const conflict *c, int sensitive,
                                         char *text, size_t capacity);
/* A line of the list, with the head before the first one; the same as an object of JSON. */
ROVE_CHECK rove_status conflict_print_line(conflict_text *self, const conflict *c);
ROVE_CHECK rove_status conflict_json(conflict_text *self, const conflict *c, json_t **object);
/* All of it, with the record, what stands now, and the operator behind a write of headquarters. */
ROVE_CHECK rove_status conflict_print_whole(conflict_text *self, const conflict *c);
ROVE_CHECK rove_status conflict_json_whole(conflict_text *self, const conflict *c, json_t **object);

#endif
