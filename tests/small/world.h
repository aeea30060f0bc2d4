/*
 * small/world.h - two devices with the real client and a headquarters with the real exchange, files and tables in memory, and
 * nothing in between: a sync is one call, may be cut or killed at each of its points, and all of it is copied by fork(2).
 *
 * Everything that a reader may see is asked for by these words; nothing here says what is right (ledger.h).
 * Each fails the process when something is impossible.
 */
#ifndef ROVE_TESTS_SMALL_WORLD_H
#define ROVE_TESTS_SMALL_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "rove/status.h"

#define DEVICES 2 /* A and B, of two reps */

/* The records: an account that both reps hold, its visit, and a visit that each may make. */
typedef enum record { ACCOUNT, VISIT, NEW_A, NEW_B, RECORDS } record;

/* What a rep does. Texts are decimal numbers, so that a value is a number everywhere. */
typedef enum op_kind {
    NOTHING,
    SET,    /* writes a text */
    RANK,   /* writes a stage */
    COUNT,  /* adds to a counter */
    ADD,    /* puts an element into the set */
    REMOVE, /* takes it out */
    INSERT, /* makes the visit NEW_A or NEW_B, with a text */
    DELETE,
    SEAL /* seals, with a text */
} op_kind;

typedef struct op {
    op_kind kind;
    record record;
    const char *field;
    int64_t value;
} op;

#define SET_FIELD "alt_names" /* of the account; the only set */
/* What a sync did. */
typedef struct sync_outcome {
    int answered; /* the device may have got some of the answer */
    int complete; /* it went on to its end, and said OK */
    int differed; /* totals were not equal */
} sync_outcome;

/* What may become of a sync at one of its points: the network fails, or the device dies and is opened again. */
typedef enum sync_end { SYNC_GOES_ON, SYNC_IS_CUT, SYNC_IS_KILLED } sync_end;
/* Asked at each point, until it does not go on: of each request before it is delivered, when it is and is not answered, and after
 * each frame of its answer. */
typedef sync_end sync_point(int device, int point);
#define SYNC_ANSWER                                                                                \
    1 /* the point at which the first answer is on its way; the device may act here */

/* Both have synced; the account's texts are `first`, its stage and its set's one element too. */
void world_open(int64_t first, int64_t stage);

/* ---- a device ---- */

void world_tick(int device, int64_t ms);
rove_status world_do(int device, const op *o);
sync_outcome world_sync(int device, sync_point *at);
/* The app is killed between two acts, and opened again. */
void world_kill(int device);
/* What its screen shows of a cell: 0 for nothing, -1: it has no such record. */
int64_t world_shown(int device, record r, const char *field);
int world_shows_element(int device, int64_t element);
/* Syncs until headquarters has nothing more. 1 if totals differed on the way. */
int world_settle(int device);
/* Recomputes all digests; fails the process if the replica's are wrong. */
void world_verify(int device);
/* Rejections and quarantined rows; nothing may be unsent. */
uint64_t world_refused(int device);

/* ---- headquarters ---- */

void world_wait(int64_t ms); /* its clock */
/* The account passes from one rep to the other. */
void world_reassign(int from, int to);
/* -1: it has no such record. */
int64_t world_current(record r, const char *field);
int world_has_element(int64_t element);
/* How much has happened. */
uint64_t world_head(void);
size_t world_reviews(void);

typedef struct clash {
    int64_t kind; /* as in entities.proto */
    record record;
    const char *field; /* one of ledger_fields; NULL: another, or the whole record */
    int64_t kept, lost;
    int64_t number;           /* of the field */
    int64_t kept_by, lost_by; /* replica numbers */
    int64_t sealed_at; /* SECOND_SEAL: stamp of what lost: a write, and a seal with it, are two */
} clash;
/* The nth, from 0; 0: there are not so many. */
int world_conflict(size_t nth, clash *c);

#endif
