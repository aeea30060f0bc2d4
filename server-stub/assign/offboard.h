/*
 * assign/offboard.h - somebody leaves: in one transaction his devices are revoked and ordered to wipe themselves, his open
 * invitations closed, what he owns, holds and has to do passes to another user, and what he still holds after that ends.
 *
 * All or nothing: a process that is killed in the middle has done nothing. Done once more, there is nothing left to do.
 *
 * The orders are those of orders.h.
 */
#ifndef ROVE_HQ_OFFBOARD_H
#define ROVE_HQ_OFFBOARD_H

#include "admin/people.h"
#include "assign/handover.h"
#include "hq.h"

/* A root that has passed, and what there is to do about it. */
typedef struct offboard_root {
    uint32_t entity;
    rove_id id;
    char name[80];        /* cut if it is longer */
    char external_id[40]; /* "": none */
    uint64_t tasks;       /* open, passed with it */
    uint64_t visits;      /* planned, passed with it */
    uint64_t reviews;     /* edits of who leaves that wait for an operator */
} offboard_root;

typedef struct offboard {
    hq *headquarters;
    const hq_io *io;
    const char *user_text;
    const char *to_text;
    const char *note; /* NULL: none */
    int dry_run;      /* done and taken back */

    /* What was done. */
    hq_person user;
    hq_person to;
    rove__hq_device *devices; /* owned: those that were revoked */
    size_t device_count;
    size_t wipes;    /* orders given: to these, and to those that were out of service already */
    size_t codes;    /* invitations closed */
    uint64_t grants; /* that he still held and that ended: of what passes to nobody */
    int left;        /* his record says so now */
    handover_count count;
    uint64_t apart; /* of the tasks and visits: about records that the other user does not hold */
    offboard_root *roots; /* owned, in the order of (entity, id) */
    size_t root_count;
    uint64_t reviews; /* of his edits, waiting for an operator */
    uint64_t parked;  /* of his edits, waiting for a record that a device still has */
} offboard;

/* Fills in what was done. NOT_FOUND, INVALID, STATE: a user; everything that the store says. offboard_free in any case. */
ROVE_CHECK rove_status offboard_run(offboard *self, rove_error *error);
/* 1 if there was anything to do. */
int offboard_did(const offboard *self);
void offboard_free(offboard *self);

#endif
