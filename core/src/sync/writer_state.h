/*
 * sync/writer_state.h - what the files of the writer share.
 */
#ifndef ROVE_SYNC_WRITER_STATE_H
#define ROVE_SYNC_WRITER_STATE_H

#include "sync/writer.h"
#include "wire/batch.h"

#define ROVE_WRITER_ARENA_MAX ((size_t)16 * 1024 * 1024)

/* What this transaction adds to the digest of one scope. */
typedef struct rove__sum_change {
    rove__scope scope;
    rove__hash128 sum;
    int64_t rows;
} rove__sum_change;

struct rove__writer {
    rove__writer_options options;
    rove__hq_tx *tx;
    rove__hq_head head;
    uint64_t seq;
    rove_stamp stamp;  /* the largest written or given so far */
    uint32_t ordinal;  /* of the next feed entry */
    int touched;       /* the head has to be taken */
    int drawn;         /* an id was drawn */
    rove__arena arena; /* of one act */
    rove__buf scratch; /* of a digest's term */
    rove__buf packed;  /* of a history entry */
    rove__batch_writer *packer;
    rove__sum_change *sums; /* ascending by scope; owned */
    size_t sum_count;
    size_t sum_capacity;
    const rove__entity *role; /* AccountContactRole and its two ends */
    size_t role_holder;
    size_t role_entailed;
    rove__hq_entailment begun; /* with the role row stored last; holder 0: none */
    int ended;                 /* with it, an edge or a grant */
};

/* Fills in the error unless a callee has done so. */
rove_status rove__writer_fail(rove__writer *writer, rove_status status, rove_error *error);
/* writer_edge.c: what a role row entails follows its insert, change or end. */
ROVE_CHECK rove_status rove__writer_edges(rove__writer *writer, const rove__hq_row *before,
                                          const rove__hq_row *after);
/* writer_sum.c */
ROVE_CHECK rove_status rove__writer_sum(rove__writer *writer, const rove__hq_row *row, int sign);
ROVE_CHECK rove_status rove__writer_sums_flush(rove__writer *writer);

#endif
