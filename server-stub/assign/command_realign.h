/*
 * assign/command_realign.h - what `assign --by-territory` and `reassign` share: a realignment from its options to its
 * report, now or later.
 */
#ifndef ROVE_HQ_COMMAND_REALIGN_H
#define ROVE_HQ_COMMAND_REALIGN_H

#include "assign/plan.h"
#include "hq.h"

typedef struct realign_request {
    hq *headquarters;
    const hq_io *io;
    plan_words *words; /* as they were typed */
    const char *from;  /* users; NULL: by territory */
    const char *to;
    const char *territory;
    const char *entity;
    const char *as_of;     /* by territory: the day, NULL: the one on which it is done */
    const char *effective; /* NULL: now */
    int dry_run;
} realign_request;

/* An exit code. */
int realign_by_territory(realign_request *self);

#endif
