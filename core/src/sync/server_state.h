/*
 * sync/server_state.h - one exchange at headquarters' end; what the files of the server share.
 */
#ifndef ROVE_SYNC_SERVER_STATE_H
#define ROVE_SYNC_SERVER_STATE_H

#include "sync/entitle.h"
#include "sync/exchange.h"
#include "sync/judge.h"
#include "sync/pull.h"
#include "sync/server.h"
#include "wire/batch.h"
#include "wire/frame.h"

#define ROVE_SERVER_MESSAGE_MAX ((size_t)16 * 1024 * 1024)
/* Batches staged in one exchange; the rest comes with the next one. */
#define ROVE_SERVER_BATCHES_MAX 64u
/* Encoded rows that come along with one Ack; a device holds an Ack until it is whole. */
#define ROVE_SERVER_ACK_BYTES (2u * 1024u * 1024u)
/* So often in a row a device is asked for rows that says nothing to it (P15). */
#define ROVE_SERVER_UNHEARD_MAX 16u
/* Batches of former numbers that a device may name; what is beyond is asked for another time. */
#define ROVE_SERVER_FORMERS_MAX 65536u
/* A device's contact is noted at least so often. */
#define ROVE_SERVER_CONTACT_MS 60000

/* How an exchange stands before its pages. */
typedef enum rove__server_verdict {
    ROVE_SERVER_GO,
    ROVE_SERVER_FORK,
    ROVE_SERVER_NEED_FORMER, /* `lacking`: batches of former numbers before anything else */
    ROVE_SERVER_NEED,        /* need_number */
    ROVE_SERVER_PAUSE,       /* the device has to take up new names before it sends more */
    ROVE_SERVER_RENUMBER     /* the last answer says it */
} rove__server_verdict;

typedef enum rove__server_phase {
    ROVE_SENDING_WELCOME,
    ROVE_SENDING_FORMERS,
    ROVE_SENDING_ACKS,
    ROVE_SENDING_STOP,
    ROVE_SENDING_NEED_ROW,
    ROVE_SENDING_DIFFER,
    ROVE_SENDING_PAGES,
    ROVE_SENDING_END,
    ROVE_SENDING_FAIL,
    ROVE_SENDING_CLOSE,
    ROVE_SENT
} rove__server_phase;

struct rove__server {
    rove__server_ports ports;
    rove__server_policy policy;
    rove_replica replica;
    int64_t now_ms;
    rove__server_stats stats;

    /* the request */
    rove__frame_reader *reader;
    rove__arena arena; /* of the message at hand */
    int greeted;       /* HELLO came */
    int ended;         /* END came */
    int received;      /* the body has ended, and the device was looked up */
    rove__hello hello; /* token and app point to the arrays below */
    uint8_t token[ROVE_TOKEN_MAX];
    char app[ROVE_TEXT_MAX + 1];
    rove__stage stage;
    rove__staged *current; /* its last frame has not come */
    rove__staged *batches[ROVE_SERVER_BATCHES_MAX];
    size_t batch_count;
    int skipping;          /* what is pushed from here on has to come again */
    rove__opening opening; /* of sealed records; begun with the first one */
    int opening_begun;
    rove__buf content;     /* of a record */
    int unusable;          /* a SEALED record could not be opened, or is not from whom it says */
    rove__former *formers; /* that the device keeps; owned */
    size_t former_count, former_capacity;
    int formers_listed;
    int former_unusable;   /* one of them came and counts as not there */
    size_t former_batches; /* of `batches`, the first ones */
    struct {
        size_t at, size; /* in the stage's spool */
    } rows[ROVE_ROW_FRAMES_MAX];
    size_t row_frames;
    rove__scope_digest *digests; /* owned */
    size_t digest_count, digest_capacity;
    int digests_came, digests_whole;
    rove__bucket_digest *buckets; /* owned */
    size_t bucket_count;
    rove__portion *fetched; /* owned */
    size_t fetched_count;

    /* what came of it */
    rove_status failed; /* not OK: a FAIL frame is due */
    char reason[ROVE_TEXT_MAX + 1];
    int welcome_first; /* it failed after the device was accepted */
    rove__server_verdict verdict;
    uint64_t need_number;
    rove__hq_device device;
    rove__hq_head head; /* for Welcome */
    size_t next_batch;  /* to be judged */
    size_t
        lacking_count; /* of `formers`, the first ones; 0: the device has to say which there are */
    rove__former taken[ROVE_SERVER_BATCHES_MAX];
    size_t taken_count;
    int former_renames; /* the last one taken has records that have other ids here: RENUMBER */
    int behind; /* Q8: a copy that lags has not heard of batches that the device has acknowledged */
    uint64_t least; /* Q8: the head that a copy has to have reached, to answer; 0: any */
    int rows_judged;
    int noted; /* contact and confirmation are stored */
    rove__answer answers[ROVE_SERVER_BATCHES_MAX];
    size_t answer_count;
    rove__origin *needed; /* owned */
    size_t needed_count, needed_capacity;
    int64_t parked_last; /* parked edit looked at */
    size_t parked_seen;  /* so many were */
    int rows_first;      /* pages wait until the rows needed have been asked for once */

    /* the answer */
    rove__server_phase phase;
    rove__frame_writer *writer;
    rove__buf out; /* compressed, not yet taken */
    rove__buf payload;
    size_t answer;      /* being sent */
    size_t frame_at;    /* in its frames */
    size_t row_at;      /* in its rows */
    uint64_t row_bytes; /* of them sent, encoded */
    uint64_t ack_seq;
    rove__chain ack_chain;
    uint64_t rows_acked; /* rows sent with Acks */
    rove__batch_writer *batch;
    rove__buf batch_bytes;
    rove__holdings readable; /* of the root asked for last */
    rove_id readable_root;
    uint64_t readable_seq;
    rove__pull *pull;
    rove__end end;
};

/* A frame that came sealed: what its record says, and who signed it. */
typedef struct rove__server_record {
    rove__sealed sealed;
    rove__signer signer;
} rove__server_record;

/* server.c: a frame of a batch; record NULL: it did not come sealed. */
ROVE_CHECK rove_status rove__server_stage(rove__server *server, const rove__push *push,
                                          const rove__server_record *record, rove_error *error);
/* server_sealed.c: the frames SEALED, FORMER and FORMERS. */
ROVE_CHECK rove_status rove__server_take_sealed(rove__server *server, const rove__frame *frame,
                                                rove_error *error);
ROVE_CHECK rove_status rove__server_take_former(rove__server *server, const rove__frame *frame,
                                                rove_error *error);
ROVE_CHECK rove_status rove__server_take_formers(rove__server *server, const rove__frame *frame,
                                                 rove_error *error);
/* A batch of a former number whose end did not come counts as not there. */
void rove__server_drop_former(rove__server *server);
/* Whether batches of former numbers have to come first: `verdict` is then ROVE_SERVER_NEED_FORMER. */
ROVE_CHECK rove_status rove__server_check_formers(rove__server *server, rove__hq_tx *tx);
/* Gives back what receiving needs: the rest waits for the committing thread. */
void rove__server_close_request(rove__server *server);
/* Gives back what was pushed: all that can be judged is. */
void rove__server_drop_request(rove__server *server);
/* The exchange has failed; the first reason stays. `status` is what the device is told. */
void rove__server_fail(rove__server *server, rove_status status, const char *reason);
/* The origins that parked edits wait for: the oldest that were never asked of this device (rows_first), or again. */
ROVE_CHECK rove_status rove__server_find_needed(rove__server *server, rove__hq_tx *tx,
                                                const rove__hq_device *device);

#endif
