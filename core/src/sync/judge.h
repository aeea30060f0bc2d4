/*
 * sync/judge.h - what headquarters does with a pushed batch (rules P1 to P16), and with a row that it had asked for.
 *
 *   rove__stage_init                                             what one exchange holds
 *   staged = rove__staged_new, rove__staged_add per PUSH frame   outside of any transaction: decodes and checks
 *   rove__judge_batch                                            in the committing transaction, inside a savepoint
 *   answer                                                       what to send; rows are read when it is sent
 */
#ifndef ROVE_SYNC_JUDGE_H
#define ROVE_SYNC_JUDGE_H

#include "sync/server.h"
#include "wire/batch.h"
#include "wire/sealed.h"

/* The texts of an Ack, and the names of a batch's rows. */
#define ROVE_ANSWER_MEMORY_MAX ((size_t)64 * 1024 * 1024)

/*
 * What all batches of one exchange share until they are judged. Their changes wait in the spool; in memory are an index
 * of them and one frame. All batches together have at most what one may have (ROVE_BATCH_BYTES_MAX,
 * ROVE_PUSH_CHANGES_MAX, ROVE_PUSH_WEIGHT_MAX).
 */
typedef struct rove__stage {
    const rove__server_ports *ports;
    rove__spool spool;
    rove__buf packed;           /* one change, encoded */
    rove__batch_writer *packer; /* of it; NULL before the first */
    size_t bytes, changes, weight;
} rove__stage;

void rove__stage_init(rove__stage *stage, const rove__server_ports *ports);
/* No frame comes any more. */
void rove__stage_close(rove__stage *stage);
/* After its batches. */
void rove__stage_free(rove__stage *stage);

typedef struct rove__staged rove__staged;

ROVE_CHECK rove_status rove__staged_new(rove__stage *stage, rove__staged **out);
void rove__staged_free(rove__staged *staged);
/*
 * The next frame of the batch. ROVE_PROTOCOL (order, a malformed change), ROVE_TRUNCATED, ROVE_UTF8; ROVE_LIMIT: no
 * exchange may hold so much, the batch is of no further use; ROVE_NOMEM, ROVE_CRYPTO, ROVE_IO, ROVE_FULL.
 */
ROVE_CHECK rove_status rove__staged_add(rove__staged *staged, const rove__push *push,
                                        rove_error *error);
/*
 * Before its first frame: it comes sealed, and its rows must be what was signed (else ROVE_CORRUPT with its last frame).
 * `former`: whose number it bears, if not that of the connection's device; `signer`: who signed it.
 */
void rove__staged_seal(rove__staged *staged, const rove__sealed_batch *batch, rove_replica former,
                       const rove__signer *signer);
/* Of another device than the connection's. */
int rove__staged_is_former(const rove__staged *staged);
/* Whose number it bears then; else 0. */
rove_replica rove__staged_replica(const rove__staged *staged);
/* Its last frame has come. */
int rove__staged_complete(const rove__staged *staged);
uint64_t rove__staged_number(const rove__staged *staged);
size_t rove__staged_count(const rove__staged *staged);

typedef struct rove__row_name {
    uint32_t entity;
    rove_id id;
} rove__row_name;

typedef enum rove__answer_kind {
    ROVE_ANSWER_ACK,
    ROVE_ANSWER_NEED,
    ROVE_ANSWER_FORK,
    ROVE_ANSWER_RENUMBER
} rove__answer_kind;

/* What a batch is answered. */
typedef struct rove__answer {
    const rove_allocator *allocator;
    rove__answer_kind kind;
    uint64_t number; /* ACK: of the batch; NEED: the one needed */
    int resent;      /* ACK: it had been judged before (P2) */
    int pause;       /* ACK: with new names, which the device has to take up before it sends more */
    rove__buf frames;     /* ACK: { size:u32 payload of an Ack without rows }*, at least one */
    rove__row_name *rows; /* ACK, RENUMBER: to be sent as they are when they are sent; owned */
    size_t row_count;
    size_t row_capacity;
    rove__rename *renames; /* RENUMBER: one for each of `rows`; owned */
    size_t rename_count;
    size_t rename_capacity;
} rove__answer;

void rove__answer_init(rove__answer *answer, const rove_allocator *allocator);
void rove__answer_free(rove__answer *answer);

/*
 * `device` is locked; last_batch, chain and last_stamp follow an ACK, the caller stores it. Other than ROVE_OK:
 * nothing may be kept of the savepoint; device and answer are to be dropped.
 */
ROVE_CHECK rove_status rove__judge_batch(const rove__server_ports *ports, rove__hq_tx *tx,
                                         rove__hq_device *device, rove__staged *staged,
                                         int64_t now_ms, rove__server_stats *stats,
                                         rove__answer *answer, rove_error *error);
/*
 * A batch of a number that its device no longer has (P3, D11), judged as its author's, who is stored as well. *taken: what
 * `device`, which sent it, is told; `answer` becomes a RENUMBER if it had that number, and records in it have other ids here. It
 * changes nothing of `staged`.
 */
ROVE_CHECK rove_status rove__judge_former(const rove__server_ports *ports, rove__hq_tx *tx,
                                          const rove__hq_device *device, rove__staged *staged,
                                          int64_t now_ms, rove__server_stats *stats,
                                          rove__former *taken, rove__answer *answer,
                                          rove_error *error);
/*
 * A batch that came through the drop box (D11), sealed and staged under its device's number; that may be in use, revoked or
 * unknown. What goes on with its chain is judged as if it had been pushed; of what does not, and of what came from a device that
 * was revoked, all that is new goes to review. Nobody is told of anything; a device that sends it again later hears it then (P2).
 * *taken 1: it is here, now or already. 0: nothing was done, because batches before it are missing and it `waits` for them, or because
 * it would go to review whole and there is no room.
 */
ROVE_CHECK rove_status rove__judge_dropped(const rove__server_ports *ports, rove__hq_tx *tx,
                                           rove__staged *staged, int waits, int64_t now_ms,
                                           rove__server_stats *stats, int *taken,
                                           rove_error *error);
/* So much of one user's lies in review; what would go there by the drop box waits outside then. */
#define ROVE_REVIEWS_OF_USER_MAX 1024u
/*
 * *room: whether so many `more` of this user's may come to review by the drop box; user 0: of devices that headquarters does not know.
 * Where nothing of his lies there, anything may: all that a lost device had may be one batch, and it has to come in.
 */
ROVE_CHECK rove_status rove__judge_room(const rove__server_ports *ports, rove__hq_tx *tx,
                                        rove_id user, size_t more, int *room);
/* A new record that a device signed by itself, for an operator to look at. */
typedef struct rove__proposal {
    rove_replica replica; /* of the device */
    rove_id user;         /* whose it was, where headquarters does not know it any more */
    const rove__row *row; /* its id does not count; borrowed */
    int64_t written_ms;
    const char *reason; /* what the operator is told of it */
    int64_t now_ms;
} rove__proposal;

/*
 * Puts it to review as an insert of its author's, under an id that headquarters draws; each call once more. *number: of the entry.
 * ROVE_INVALID, ROVE_TOO_BIG: it is no record that could be kept.
 */
ROVE_CHECK rove_status rove__judge_propose(const rove__server_ports *ports, rove__hq_tx *tx,
                                           const rove__proposal *proposal,
                                           rove__server_stats *stats, int64_t *number,
                                           rove_error *error);
/* 1 if a batch of this number and hash was taken. */
ROVE_CHECK rove_status rove__judge_has_former(const rove__server_ports *ports, rove__hq_tx *tx,
                                              const rove__former *former, int *has);
/*
 * A row that a device sent because headquarters had asked for it (P15); `rows` is one ROW frame's payload. Rows that
 * nobody is waiting for are dropped.
 */
ROVE_CHECK rove_status rove__judge_rows(const rove__server_ports *ports, rove__hq_tx *tx,
                                        rove__hq_device *device, rove__bytes rows, int64_t now_ms,
                                        rove__server_stats *stats, rove_error *error);

/* Whether the device of the number `latest` has, or had before, a number. */
ROVE_CHECK rove_status rove__judge_had(const rove__hq_store *store, rove__hq_tx *tx,
                                       rove_replica latest, rove_replica number, int *had);

/* An operator's decision on work in review. */
typedef struct rove__decision {
    int accepted; /* 0: it is returned */
    const char *operator_name;
    const char *note; /* for its author; "": none */
    int64_t now_ms;
} rove__decision;

/*
 * A decision on a review entry that is open. Accepted work is judged as if its author had been entitled; it is
 * concurrent with all that was written meanwhile. Returned work stays in the record of reviews as it came, and goes back to its
 * author, who is told of either. *seq: the head afterwards. NOT_FOUND: no open entry has this number; what a rule refuses (RANGE,
 * STATE, ...) fails with its sentence, and the entry stays open.
 */
ROVE_CHECK rove_status rove__judge_decide(const rove__server_ports *ports, rove__hq_tx *tx,
                                          int64_t number, const rove__decision *decision,
                                          uint64_t *seq, rove_error *error);

#endif
