/*
 * audit/names.h - what a seal was about when it was signed. Of two records that copies of a device made under one id the second
 * gets another (P4), and so does what names it, signed or not. Headquarters keeps the id that it came with beside the one that
 * it gave; only the right ones make what was signed.
 */
#ifndef ROVE_HQ_AUDIT_NAMES_H
#define ROVE_HQ_AUDIT_NAMES_H

#include "hq.h"
#include "wire/proof.h"

/* So many cells of a record are looked at that name renamed ones, and so often another choice of their ids is tried. */
#define AUDIT_NAMES_MAX 16u
#define AUDIT_TRIES_MAX 4096u

/* A record as it is here, which is not what was signed. */
typedef struct audit_signed {
    const rove__row *row;
    rove__origin origin;
    const rove__proof *proof;
} audit_signed;

/* A record that it names: which id it has, and by which it was signed for. */
typedef struct audit_name {
    rove_id here, then;
} audit_name;

typedef struct audit_names {
    audit_name names[AUDIT_NAMES_MAX]; /* each record once */
    size_t count;                      /* 0: it is not that some had another id */
    rove_id
        forgotten; /* a record that it names had an id that headquarters does not know; 0: none */
} audit_names;

/* In a read transaction. `scratch` is emptied and used. */
ROVE_CHECK rove_status audit_names_find(hq *headquarters, rove__hq_tx *tx, const audit_signed *what,
                                        rove__buf *scratch, audit_names *names);

#endif
