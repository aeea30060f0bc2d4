/*
 * support/site.h - headquarters in memory and small devices that speak to it, for tests of headquarters' side.
 *
 * A rep is the least that a device has to be: headquarters' version of the rows it was sent, the changes not yet
 * acknowledged, and the cursor. It applies pages and Acks by the rules, without a screen, a quarantine or a disk.
 * Everything aborts or fails the test when something is impossible.
 */
#ifndef ROVE_TESTS_SITE_H
#define ROVE_TESTS_SITE_H

#include "heap.h"
#include "memory_headquarters.h"
#include "seals.h"
#include "spools.h"
#include "sync/exchange.h"
#include "sync/server.h"
#include "sync/writer.h"
#include "trial.h"

#define SITE_NOW 1767225600000 /* 2026-01-01 */

typedef struct site {
    heap h;
    rove_allocator allocator;
    heap kept; /* what the store keeps; does not fail */
    rove_allocator keeping;
    rove__arena arena; /* of rows that tests make */
    rove__registry *registry;
    rove_crypto crypto;
    rove_random random;
    memory_headquarters *hq;
    const rove__hq_store *store;
    seal_keys seals;
    rove__server_sealing sealing;
    spools files; /* where pushes wait */
    rove__spool_port spool;
    rove__server_ports ports;
    trial trial; /* .on: each exchange and each act is tried under faults before it is done */
    int64_t now_ms;
    uint64_t page_rows;
    uint64_t ack_bytes;
    int64_t lease_ms; /* headquarters' policy */
    uint64_t seed;
} site;

void site_open(site *s);
/* Asserts that nothing leaked. */
void site_close(site *s);

/* A row to fill in, in the arena. id 0: headquarters draws it. */
rove__row *site_row(site *s, const char *entity, rove_id id);
void site_set(rove__row *row, const char *column, rove_value value);
void site_int(rove__row *row, const char *column, int64_t value);
void site_text(rove__row *row, const char *column, const char *value);
/* A plain set of numbers. */
void site_numbers(site *s, rove__row *row, const char *column, const int64_t *numbers,
                  size_t count);

/* An operator's acts, one transaction each. */
rove_id site_insert(site *s, rove__row *row);
void site_update(site *s, rove__row *row);
void site_delete(site *s, const char *entity, rove_id id);
void site_grant(site *s, rove_id user, rove_id root);
/* What an operator does in one transaction, by the writer. */
typedef struct site_transaction {
    rove__hq_tx *tx;
    rove__writer *writer;
} site_transaction;
void site_begin(site *s, site_transaction *t);
void site_commit(site *s, const site_transaction *t);
void site_revoke(site *s, rove_id user, rove_id root);
/* These accounts pass from one user to the other, as `rove-hq reassign` does it, in one transaction. */
void site_reassign(site *s, rove_id from, rove_id to, const rove_id *accounts, size_t count);
/* A contact changes accounts: his role ends, and he gets another one, in one transaction. */
void site_move_role(site *s, rove_id role, rove_id account);
/* An operator decides on work in review. */
rove_status site_decide(site *s, int64_t number, int accepted, const char *note, rove_error *error);
rove_id site_account(site *s, const char *name);
rove_id site_visit(site *s, rove_id account, int64_t start_ms);
/* Products of the organisation, in one transaction; the first one's id, the others follow. */
rove_id site_products(site *s, size_t count);
rove_id site_visits(site *s, rove_id account, int64_t start_ms, size_t count);
/* Forgets what happened before a moment (Q8); INT64_MAX: up to now. */
void site_purge(site *s, int64_t before_ms);
/* What headquarters has; 0 if nothing. The row lives in the arena. */
int site_get(site *s, const char *entity, rove_id id, rove__hq_row *row);
rove_value site_cell(site *s, const char *entity, rove_id id, const char *column);
/* Conflict rows of a record; of the whole organisation for id 0. */
size_t site_conflicts(site *s, rove_id id);
/* The nth of them, from 0, in the order in which they were made; 0: there are not so many. */
rove_id site_conflict(site *s, rove_id id, size_t nth);

typedef struct rep_row {
    rove__row row;
    rove__clock clock;
    rove__scope scope;
    int named; /* by the transfer of its scope */
} rep_row;

/* A batch that was frozen, until its Ack. */
typedef struct rep_batch {
    uint64_t number;
    rove__chain previous, hash;
    rove__bytes rows;
    rove__change *changes;
    size_t count;
} rep_batch;

#define REP_BATCHES_MAX  256
#define REP_VERDICTS_MAX 64

typedef struct rep_outcome {
    rove_status failed; /* of a FAIL frame, or why the host dropped the session */
    int faulted;        /* fail_call was reached */
    char reason[ROVE_TEXT_MAX + 1];
    int welcomed, forked, more, ended;
    uint64_t need; /* 0: none */
    size_t renames, rename_rows, needed_rows, pages, acks, differs, rows, tombstones, marks;
    uint64_t buckets;    /* of the first portion that differs */
    size_t again;        /* portions that differ again too soon */
    int digests;         /* headquarters asks for digests */
    rove__rename rename; /* the last one */
    int asks_formers;    /* NEED_FORMER came, with so many in it */
    size_t former_needs, former_acks;
    rove__former former; /* the last one of either */
    rove__verdict verdicts[REP_VERDICTS_MAX];
    size_t verdict_count;
    int verified; /* totals were equal */
    size_t bytes_out, bytes_in;
    rove__server_stats stats;
} rep_outcome;

typedef struct rep {
    site *s;
    rove__arena arena;
    rove_replica replica;
    rove_id user;
    uint32_t counter;
    rove_stamp raw;  /* issued last */
    int64_t skew_ms; /* its clock is so much ahead */
    rove__cursor cursor;
    uint8_t token[ROVE_TOKEN_MAX];
    size_t token_size;
    int catching_up; /* the last page was not the last of its answer */
    int unverified;
    uint64_t acked;
    rove__chain chain;
    uint8_t key[ROVE_HASH_KEY_SIZE];
    rep_row *rows;
    size_t row_count, row_capacity;
    rove__portion transfers[1024]; /* begun, not done */
    size_t transfer_count;
    rove__change *changes; /* not yet frozen */
    size_t change_count, change_capacity;
    rep_batch batches[REP_BATCHES_MAX]; /* frozen, not acknowledged */
    size_t batch_count;
    int ack_begun;                      /* the Ack of batches[0] has further frames */
    rep_batch journal[REP_BATCHES_MAX]; /* acknowledged */
    size_t journal_count;
    rove__origin needed[64];
    size_t needed_count;
    size_t repairs;              /* rep_settle had to compare digests so often */
    int repairing;               /* the answer sends what differs */
    rove__portion fetched[1024]; /* because it differed, within the last hour */
    int64_t fetched_ms[1024];
    size_t fetched_count;
    size_t bucketed_rows; /* scopes with so many rows are counted by bucket; 0: none */
    /* knobs of the next exchange */
    int send_digests;
    uint64_t bytes_max;
    size_t chunk;         /* bytes handed over at a time; 0: 4096 */
    size_t answer_frames; /* so many frames arrive; 0: all */
    int lose_answer;      /* not one does */
    size_t fail_call;     /* the call of the allocator that fails at headquarters; 0: none */
} rep;

/* Enrols a device of a user. */
void rep_open(rep *r, site *s, rove_replica replica, rove_id user);
void rep_close(rep *r);
/* Its own next id. */
rove_id rep_id(rep *r);
rove_stamp rep_stamp(rep *r);

/* What the rep does; sent with the next exchange. Returns the change, so that a test can spoil it. */
rove__change *rep_insert(rep *r, rove__row *row);
rove__change *rep_update(rep *r, const char *entity, rove_id id, const char *column,
                         rove_value value);
rove__change *rep_delete(rep *r, const char *entity, rove_id id);
/* Seals with sealed_at = now and what else `row` holds (NULL: nothing). */
rove__change *rep_seal(rep *r, const char *entity, rove_id id, const rove__row *changes);
/* Adds or removes one element of a set; adds to a counter. */
rove__change *rep_set_add(rep *r, const char *entity, rove_id id, const char *column,
                          int64_t element);
rove__change *rep_set_remove(rep *r, const char *entity, rove_id id, const char *column,
                             int64_t element);
rove__change *rep_count(rep *r, const char *entity, rove_id id, const char *column, int64_t by);

/* Freezes what was done into a batch. */
void rep_freeze(rep *r);
/* One request and its answer. */
void rep_exchange(rep *r, rep_outcome *outcome);
/* Exchanges until headquarters has nothing more, comparing digests; asserts that they are equal in the end. */
void rep_settle(rep *r);
/* The row, NULL if it has none. */
rep_row *rep_find(rep *r, const char *entity, rove_id id);
rove_value rep_cell(rep *r, const char *entity, rove_id id, const char *column);
/* Asserts that the rep has exactly what headquarters has in the scopes he holds. */
void rep_check(rep *r);

/*
 * A request made by hand, frame by frame, and its answer. Frames are handed over as they stand; the stream is ended with
 * raw_answer. The outcome is as of rep_exchange; nothing is applied to `r`.
 */
typedef struct raw_request raw_request;
raw_request *raw_open(rep *r);
void raw_hello(raw_request *q, const rove__hello *change); /* NULL: as the rep would say it */
rove__hello raw_default_hello(rep *r);
void raw_push(raw_request *q, const rep_batch *batch);
void raw_frame(raw_request *q, int type, const void *payload, size_t size);
/* A batch as device `replica` would have sealed it: all in one record of type SEALED or FORMER. `spoil` (may be NULL) changes
 * what is signed, before or after that. */
typedef struct raw_seal {
    rove_replica replica; /* whose number */
    rove_replica signer;  /* whose certificate; 0: the same */
    rove_replica former;  /* the number before, that it names */
    int type;
    void (*before)(rove__sealed *frame);
    void (*after)(rove__sealed *frame);
    void (*bytes)(uint8_t *record, size_t size);
} raw_seal;
void raw_sealed(raw_request *q, const rep_batch *batch, const raw_seal *seal);
void raw_formers(raw_request *q, const rove__former *items, size_t count);
void raw_end(raw_request *q);
/* Frees the request; its bytes, owned by the caller. */
rove__buf raw_bytes(raw_request *q);
/* Frees the request. `cut`: bytes that are left away at its end. */
void raw_answer(raw_request *q, size_t cut, rep_outcome *outcome);

#endif
