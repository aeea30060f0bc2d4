/*
 * wire/message.h - the frames' contents as our own structs. sync.proto is known to wire alone: past
 * it nobody sees raw input. Decoding checks length, version, shape, presence and range, in this
 * order, and allocates from the arena, which all that is read points into; ROVE_MESSAGE_ARENA_MAX
 * bytes are enough for any message. Fields that this build does not know are ignored.
 * ROVE_PROTOCOL, ROVE_UTF8, ROVE_NOMEM, and ROVE_VERSION from hello and welcome. Encoding appends
 * to a buffer: ROVE_NOMEM, ROVE_TOO_BIG, ROVE_INVALID for what a reader would refuse. Whoever fills
 * a message keeps it within ROVE_FRAME_SURE (wire/frame.h).
 *
 * Every struct has
 *     rove_status rove__<name>_write(const struct *, rove__buf *)
 *     rove_status rove__<name>_read(struct *, const void *payload, size_t, rove__arena *)
 */
#ifndef ROVE_WIRE_MESSAGE_H
#define ROVE_WIRE_MESSAGE_H

#include "base/siphash.h"
#include "model/change.h"
#include "model/digest.h"
#include "rove/sys/crypto.h"

#define ROVE_PROTOCOL_VERSION  1u
#define ROVE_PROTOCOL_OLDEST   1u
#define ROVE_TEXT_MAX          200 /* of a name, a version, a reason in a message */
#define ROVE_TOKEN_MAX         64
#define ROVE_PUSH_FRAMES_MAX   128 /* of one batch: 16 MiB and some */
#define ROVE_BATCH_BYTES_MAX   (16u * 1024u * 1024u)
#define ROVE_PUSH_CHANGES_MAX  32768u  /* of one batch */
#define ROVE_PUSH_WEIGHT_MAX   131072u /* of them together: rove__change_weight */
#define ROVE_SCOPES_MAX        8192    /* in one list of a frame: a full DIGEST always fits */
#define ROVE_BUCKETED_MAX      128     /* scopes whose buckets one device sends */
#define ROVE_FETCHED_MAX       2048    /* portions that it says it fetched lately */
#define ROVE_HELD_MAX          65536   /* roots in Page.held */
#define ROVE_VERDICTS_MAX      16384   /* items in one list of an ACK, RENUMBER or NEED_ROW */
#define ROVE_POLICY_MAX        4096
#define ROVE_FORMERS_MAX       4096 /* in one frame */
#define ROVE_SEAL_KEY_SIZE     91   /* SubjectPublicKeyInfo of a P-256 key */
#define ROVE_SEAL_ID_SIZE      8
#define ROVE_MESSAGE_ARENA_MAX (48u * 1024u * 1024u)

typedef struct rove__bytes {
    const uint8_t *data;
    size_t size;
} rove__bytes;

/*
 * The hash of a batch: hash = SHA-256(hash || rows) over the rows of each of its frames, from zeros on; or of a chain
 * of them: chain(n) = SHA-256(chain(n-1) || hash(n)).
 */
typedef struct rove__chain {
    uint8_t hash[ROVE_SHA256_SIZE];
} rove__chain;

typedef struct rove__hello {
    uint32_t protocol;
    uint32_t schema;
    const char *app;      /* "rove 0.1.0", for the operator */
    rove_replica replica; /* what the device believes to be; the certificate decides */
    rove__cursor cursor;
    rove__bytes token; /* where an unfinished scan stands (Q7); empty: none */
    int64_t wall_ms;
    uint64_t acked;      /* highest batch ever acknowledged (P1) */
    rove__chain chain;   /* the chain at it */
    uint64_t pending;    /* batches that follow in this exchange */
    int unverified;      /* no equal digest on this timeline yet: rows go whole (T1) */
    int has_total;       /* nothing is half done: the device has exactly what it held at its cursor, and can be compared */
    rove__hash128 total; /* digest over all its scopes */
    uint64_t bytes_max;  /* pages are to end about here; 0: no limit (the caller's budget) */
    int has_seal_id;
    uint8_t seal_id[ROVE_SEAL_ID_SIZE]; /* of the sealing key that it has (wire/sealed.h) */
    uint64_t formers;                   /* batches of former numbers that it keeps (P3, D11) */
    uint64_t checked; /* timeline on which headquarters lacked none of them; 0: none */
} rove__hello;

/* A batch of a former number: FORMERS says which are kept, NEED_FORMER asks, FORMER_ACK has them. */
typedef struct rove__former {
    rove_replica replica;
    uint64_t number;
    rove__chain hash; /* FORMERS */
    uint64_t seq;     /* FORMER_ACK: at which it was committed */
} rove__former;

typedef struct rove__formers {
    const rove__former *items;
    size_t count; /* NEED_FORMER: 0 asks for the list */
    int hashed;   /* with hashes */
} rove__formers;

typedef struct rove__push {
    uint64_t number;
    uint32_t ordinal; /* of the frame in the batch, from 0 */
    int last;
    uint32_t schema;      /* of the frozen rows */
    rove__chain previous; /* chain before this batch; beside the frozen bytes, not in them */
    rove__bytes rows;     /* a batch (wire/batch.h): frozen, hashed */
} rove__push;

typedef struct rove__scope_digest {
    rove__scope scope;
    rove__hash128 sum;
} rove__scope_digest;

/* Of a scope that is large on the device (G2). */
typedef struct rove__bucket_digest {
    rove__scope scope;
    rove__hash128 sums[ROVE_BUCKETS];
} rove__bucket_digest;

typedef struct rove__digest_list { /* DIGEST */
    const rove__scope_digest *items;
    size_t count;
    int last;
    const rove__bucket_digest *buckets;
    size_t bucket_count;
    const rove__portion *fetched; /* because they differed, within the last hour */
    size_t fetched_count;
} rove__digest_list;

typedef struct rove__welcome {
    uint32_t protocol;
    uint32_t schema;
    int64_t server_ms;
    uint64_t timeline;
    rove_replica replica; /* the device's own, by its certificate */
    rove_id user;
    uint8_t digest_key[ROVE_HASH_KEY_SIZE];
    uint64_t safe;          /* seq up to which commits are backed up (D9) */
    int64_t poll_ms;        /* how soon to come again */
    int64_t renew_after_ms; /* trusted time from which the certificate is to be renewed */
    rove__bytes policy;     /* signed elsewhere; opaque here */
    rove__bytes seal_key;   /* headquarters' sealing key; empty: as the device has it, or none */
    int64_t lease_ms;       /* the device may read for so long from now on; 0: for ever */
} rove__welcome;

/* What became of one row of a batch that was not simply accepted. */
typedef enum rove__verdict_code {
    ROVE_VERDICT_LOST = 1,     /* a concurrent write won; kept in the conflict log */
    ROVE_VERDICT_REVIEW = 2,   /* not entitled, or revived: headquarters looks at it */
    ROVE_VERDICT_PARKED = 3,   /* the row is not here yet (P15) */
    ROVE_VERDICT_REJECTED = 4, /* a rule refused it; status and reason say which */
    ROVE_VERDICT_KNOWN = 5     /* had been applied before */
} rove__verdict_code;

typedef struct rove__verdict {
    uint32_t entity;
    rove_id id;
    uint32_t field; /* 0: the whole row */
    rove__verdict_code code;
    rove_status status; /* REJECTED: why */
    const char *reason; /* REJECTED: a sentence; else "" */
} rove__verdict;

/* A canonical stamp that differs from the raw one. */
typedef struct rove__canonical {
    rove_id id;
    uint32_t entity;
    uint32_t field; /* 0: the insert's base stamp */
    rove_stamp raw;
    rove_stamp stamp;
} rove__canonical;

typedef struct rove__rename {
    uint32_t entity;
    rove_id id;
    rove__origin origin;
    rove_id to;
} rove__rename;

typedef struct rove__ack {
    uint64_t number;
    rove__chain chain; /* after this batch */
    uint64_t seq;      /* at which it was committed */
    const rove__verdict *verdicts;
    size_t verdict_count;
    const rove__canonical *canonicals;
    size_t canonical_count;
    const rove__rename *renames; /* of a sealed batch */
    size_t rename_count;
    int resent;       /* stored verdicts: `rows` holds every row the batch names (P2) */
    rove__bytes rows; /* a batch of WHOLE rows: merged results that differ from what was sent */
    int last;         /* an Ack may take several frames; the last one counts */
} rove__ack;

typedef struct rove__need {
    uint64_t number; /* send again from here, byte for byte */
} rove__need;

typedef struct rove__renumber {
    const rove__rename *renames;
    size_t rename_count;
    rove__bytes rows; /* the rows that hold those ids here, where the rep may read them */
} rove__renumber;

typedef struct rove__need_row {
    const rove__origin *origins;
    size_t count;
} rove__need_row;

typedef struct rove__page {
    const rove__scope *left; /* evict these; part -1: all parts */
    size_t left_count;
    int has_held; /* `held` lists all roots held; everything else goes (Q4) */
    const rove_id *held;
    size_t held_count;
    const rove__portion *begin; /* a transfer of these begins (Q5); part -1: all parts */
    size_t begin_count;
    const rove__scope *done; /* and ends: what it did not name of what was begun goes */
    size_t done_count;
    rove__bytes rows;    /* a batch: WHOLE, PART, TOMBSTONE, MARK */
    rove__cursor cursor; /* after this page */
    rove__bytes token;   /* where to resume; empty: the cursor says all */
    int more;            /* further pages belong to the same consistent state (Q6) */
    uint64_t row_count;  /* that the device should hold in the end, for progress; 0: not said */
} rove__page;

typedef struct rove__end {
    int more;      /* come again at once */
    int has_total; /* the head of its own snapshot was reached (G2) */
    rove__hash128 total;
    uint64_t row_count; /* that the device should now hold */
    uint64_t head;
    int digests; /* the cursor is too old for the feed: send digests (Q8) */
} rove__end;

typedef struct rove__differ {
    const rove__portion *portions; /* they follow in pages of the same answer */
    size_t count;
    const rove__portion *again; /* fetched within the last hour, and differ again: they do not */
    size_t again_count;
} rove__differ;

typedef struct rove__fail {
    rove_status status;
    const char *reason;
} rove__fail;

/*
 * ROW frames carry a bare batch (wire/batch.h) of WHOLE rows, SEALED and FORMER frames a record
 * (wire/sealed.h). FORK carries nothing. ORDER: signed bytes.
 */

ROVE_CHECK rove_status rove__hello_write(const rove__hello *hello, rove__buf *out);
ROVE_CHECK rove_status rove__hello_read(rove__hello *hello, const void *payload, size_t size,
                                        rove__arena *arena);
ROVE_CHECK rove_status rove__push_write(const rove__push *push, rove__buf *out);
ROVE_CHECK rove_status rove__push_read(rove__push *push, const void *payload, size_t size,
                                       rove__arena *arena);
ROVE_CHECK rove_status rove__digest_list_write(const rove__digest_list *list, rove__buf *out);
ROVE_CHECK rove_status rove__digest_list_read(rove__digest_list *list, const void *payload,
                                              size_t size, rove__arena *arena);
ROVE_CHECK rove_status rove__formers_write(const rove__formers *formers, rove__buf *out);
ROVE_CHECK rove_status rove__formers_read(rove__formers *formers, const void *payload, size_t size,
                                          rove__arena *arena);
ROVE_CHECK rove_status rove__welcome_write(const rove__welcome *welcome, rove__buf *out);
ROVE_CHECK rove_status rove__welcome_read(rove__welcome *welcome, const void *payload, size_t size,
                                          rove__arena *arena);
ROVE_CHECK rove_status rove__ack_write(const rove__ack *ack, rove__buf *out);
ROVE_CHECK rove_status rove__ack_read(rove__ack *ack, const void *payload, size_t size,
                                      rove__arena *arena);
ROVE_CHECK rove_status rove__need_write(const rove__need *need, rove__buf *out);
ROVE_CHECK rove_status rove__need_read(rove__need *need, const void *payload, size_t size,
                                       rove__arena *arena);
ROVE_CHECK rove_status rove__renumber_write(const rove__renumber *renumber, rove__buf *out);
ROVE_CHECK rove_status rove__renumber_read(rove__renumber *renumber, const void *payload,
                                           size_t size, rove__arena *arena);
ROVE_CHECK rove_status rove__need_row_write(const rove__need_row *need_row, rove__buf *out);
ROVE_CHECK rove_status rove__need_row_read(rove__need_row *need_row, const void *payload,
                                           size_t size, rove__arena *arena);
ROVE_CHECK rove_status rove__page_write(const rove__page *page, rove__buf *out);
ROVE_CHECK rove_status rove__page_read(rove__page *page, const void *payload, size_t size,
                                       rove__arena *arena);
ROVE_CHECK rove_status rove__end_write(const rove__end *end, rove__buf *out);
ROVE_CHECK rove_status rove__end_read(rove__end *end, const void *payload, size_t size,
                                      rove__arena *arena);
ROVE_CHECK rove_status rove__differ_write(const rove__differ *differ, rove__buf *out);
ROVE_CHECK rove_status rove__differ_read(rove__differ *differ, const void *payload, size_t size,
                                         rove__arena *arena);
ROVE_CHECK rove_status rove__fail_write(const rove__fail *fail, rove__buf *out);
ROVE_CHECK rove_status rove__fail_read(rove__fail *fail, const void *payload, size_t size,
                                       rove__arena *arena);

#endif
