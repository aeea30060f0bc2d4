/*
 * audit/chain.h - the chains of proofs (wire/proof.h) that headquarters has, put together and looked at for gaps.
 *
 * A chain is what was sealed under one replica number: seals 1 to n, each naming the one before. What is missing at the end
 * cannot be seen: nothing names it yet.
 */
#ifndef ROVE_HQ_AUDIT_CHAIN_H
#define ROVE_HQ_AUDIT_CHAIN_H

#include "base/alloc.h"
#include "wire/proof.h"

#define AUDIT_TEXT_MAX 256

typedef enum audit_kind {
    AUDIT_MERGED,   /* others changed a set of the record at the same time */
    AUDIT_UNSIGNED, /* sealed without a proof: by a build that did not sign */
    AUDIT_RENAMED,  /* a record that it names has another id now */
    AUDIT_UNKNOWN,  /* a restored headquarters has lost the key, so that nobody can tell */
    AUDIT_NOTES,    /* so many kinds are no accusation */
    AUDIT_EDITED = AUDIT_NOTES, /* the record is not what was signed */
    AUDIT_FORGED,               /* the proof is not of the device that it names */
    AUDIT_MISSING,              /* a seal is not here that a later one names */
    AUDIT_BROKEN,               /* a seal names another one than that which is here */
    AUDIT_FORKED,  /* two seals with one number: a copy of the device, or one that was restored */
    AUDIT_DATED,   /* the record's times are far from when it was sealed */
    AUDIT_SUSPECT, /* the device could not know the time */
    AUDIT_MOCKED,  /* a position that the device's system called made up */
    AUDIT_KINDS
} audit_kind;
/* "missing". */
const char *audit_kind_name(audit_kind kind);

/* Where a seal is. One that is nowhere else than on its way is as good as one in its record. */
typedef enum audit_where {
    AUDIT_IN_RECORD,
    AUDIT_IN_REVIEW,   /* an operator decides on it, or has taken it */
    AUDIT_IN_RETURNED, /* he gave it back to its author */
    AUDIT_IN_WAITING,  /* headquarters lacks the record that it is of (P15) */
    AUDIT_IN_CONFLICT, /* the record was sealed before (P11) */
    AUDIT_WHERES
} audit_where;
/* "review". */
const char *audit_where_name(audit_where where);

/* What is wrong with one record, or one link. */
typedef struct audit_finding {
    audit_kind kind;
    rove_replica replica; /* whose chain; 0: of none */
    uint64_t ordinal;     /* 0: of none */
    uint64_t count;       /* MISSING: of how many seals, from `ordinal` on */
    uint32_t entity;
    rove_id id;
    audit_where where;
    char text[AUDIT_TEXT_MAX]; /* a sentence */
} audit_finding;
/* A status other than ROVE_OK ends the audit. */
typedef rove_status (*audit_reporter)(void *ctx, const audit_finding *finding);

/* One seal, signed by whom it names. */
typedef struct audit_link {
    rove_replica replica;
    uint64_t ordinal;
    uint8_t hash[ROVE_SHA256_SIZE];
    uint8_t previous[ROVE_SHA256_SIZE];
    uint32_t entity;
    rove_id id; /* of the record that carries it */
    audit_where where;
} audit_link;

typedef struct audit_chains {
    const rove_allocator *allocator; /* borrowed */
    audit_link *links;
    size_t count, capacity;
} audit_chains;

void audit_chains_init(audit_chains *chains, const rove_allocator *allocator);
void audit_chains_free(audit_chains *chains);
ROVE_CHECK rove_status audit_chains_add(audit_chains *chains, const audit_link *link);
/* Sorts those that are there; one that is in several places stays where it is first in audit_where. */
void audit_chains_sort(audit_chains *chains);
/* 1: among the first `sorted` links, which are sorted, is this seal. */
int audit_chains_has(const audit_chains *chains, size_t sorted, const audit_link *link);
/* Sorts them, and reports what is missing, broken or forked, chain by chain. */
ROVE_CHECK rove_status audit_chains_check(audit_chains *chains, audit_reporter report, void *ctx);

#endif
