/*
 * wire/frame.h - the byte stream of one direction of an exchange.
 *
 *   stream = zstd( frame* )          one zstd stream, no dictionary, window at most 2^20
 *   frame  = type:byte size:u32 payload
 *
 * A frame is at most ROVE_FRAME_MAX bytes of payload, and at most ROVE_FRAME_COMPRESSED_MAX
 * compressed bytes lie between two frame ends. At every point the bytes decoded so far are at most
 * ROVE_FRAME_EXPANSION_MAX times the compressed bytes read so far, plus ROVE_FRAME_SLACK:
 * ROVE_FRAME_FREE, which a short stream never uses up, and the frame at hand. What compresses
 * better is followed by frames of type PAD, which the reader drops.
 *
 * The writer flushes after each frame, so that a reader can act on it. The reader checks type,
 * sizes and expansion while it decodes; a stream that ends inside a frame or without its zstd end
 * is ROVE_TRUNCATED. Neither side holds more than one frame and zstd's window. One thread per
 * object.
 */
#ifndef ROVE_WIRE_FRAME_H
#define ROVE_WIRE_FRAME_H

#include "base/buf.h"
#include "rove/status.h"

#define ROVE_FRAME_MAX            1048576u
#define ROVE_FRAME_COMPRESSED_MAX 262144u
/*
 * A payload of so many bytes always fits a frame; a larger one does if it compresses, else
 * ROVE_TOO_BIG.
 */
#define ROVE_FRAME_SURE          261120u
#define ROVE_FRAME_EXPANSION_MAX 100u
#define ROVE_FRAME_FREE          ROVE_FRAME_MAX
#define ROVE_FRAME_SLACK         (ROVE_FRAME_FREE + ROVE_FRAME_MAX + 5u)
/*
 * Level 1 saves a quarter of the time of an encoding and costs 8 % more bytes; level 4 gains
 * nothing.
 */
#define ROVE_FRAME_LEVEL      3
#define ROVE_FRAME_WINDOW_LOG 20 /* the largest; of answers */
/* Pushes are mostly shorter than this, and it is memory at both ends for as long as a request lasts. */
#define ROVE_FRAME_REQUEST_WINDOW_LOG 18
#define ROVE_CONTENT_TYPE             "application/vnd.rove.exchange"

typedef enum rove__frame_type {
    ROVE_FRAME_HELLO = 1,        /* device: first */
    ROVE_FRAME_PUSH = 2,         /* device: part of a batch */
    ROVE_FRAME_DIGEST = 3,       /* device: digests of its scopes, after totals differed */
    ROVE_FRAME_ROW = 4,          /* device: a row that headquarters asked for (NEED_ROW) */
    ROVE_FRAME_SEALED = 5,       /* device: part of a batch, sealed (wire/sealed.h) */
    ROVE_FRAME_FORMERS = 6,      /* device: batches of former numbers that it keeps */
    ROVE_FRAME_FORMER = 7,       /* device: part of one of them, sealed */
    ROVE_FRAME_WELCOME = 16,     /* headquarters: first */
    ROVE_FRAME_NEED = 17,        /* send again from this batch */
    ROVE_FRAME_FORK = 18,        /* this device is a copy: enrol again */
    ROVE_FRAME_RENUMBER = 19,    /* these ids are taken: rename, freeze again */
    ROVE_FRAME_ACK = 20,         /* a batch was judged */
    ROVE_FRAME_NEED_ROW = 21,    /* origins of rows that headquarters lacks */
    ROVE_FRAME_PAGE = 22,        /* rows, tombstones, scopes entered and left */
    ROVE_FRAME_DIFFER = 23,      /* scopes whose digests differ, in answer to DIGEST */
    ROVE_FRAME_ORDER = 24,       /* signed: lease, lock, wipe, upgrade, re-enrol */
    ROVE_FRAME_FAIL = 25,        /* a status and a sentence; nothing follows */
    ROVE_FRAME_NEED_FORMER = 26, /* of batches of former numbers, those that headquarters lacks */
    ROVE_FRAME_FORMER_ACK = 27,  /* and those that it has taken */
    ROVE_FRAME_PAD = 30,         /* noise: no reader hands it out, no caller writes it */
    ROVE_FRAME_END = 31          /* last, both ways */
} rove__frame_type;

typedef struct rove__frame_writer rove__frame_writer;
ROVE_CHECK rove_status rove__frame_writer_new(const rove_allocator *allocator, int window_log,
                                              rove__frame_writer **out);
void rove__frame_writer_free(rove__frame_writer *writer);
/*
 * Compresses one frame into `out` (appended). ROVE_TOO_BIG for a payload above ROVE_FRAME_MAX,
 * which leaves the writer as it was. After any other failure (ROVE_TOO_BIG: it did not compress;
 * ROVE_NOMEM) the stream is lost and every further call fails alike.
 */
ROVE_CHECK rove_status rove__frame_write(rove__frame_writer *writer, rove__frame_type type,
                                         const void *payload, size_t size, rove__buf *out);
/* Ends the zstd stream; no frame may follow. */
ROVE_CHECK rove_status rove__frame_write_end(rove__frame_writer *writer, rove__buf *out);

typedef struct rove__frame {
    rove__frame_type type;
    const uint8_t *payload; /* borrowed until the next call on the reader */
    size_t size;
} rove__frame;

typedef struct rove__frame_reader rove__frame_reader;
ROVE_CHECK rove_status rove__frame_reader_new(const rove_allocator *allocator,
                                              rove__frame_reader **out);
void rove__frame_reader_free(rove__frame_reader *reader);
/*
 * Hands in received bytes (borrowed until the reader asks for more) and takes out frames:
 *     feed(bytes); while ((s = next(&frame)) == ROVE_OK) ...; s == ROVE_DONE: feed more.
 * feed() may be called once next() has said ROVE_DONE. After the end of the stream it accepts
 * nothing more (ROVE_PROTOCOL). next(): ROVE_PROTOCOL for what the format or a cap forbids,
 * ROVE_TRUNCATED, ROVE_NOMEM; such a status is final.
 */
ROVE_CHECK rove_status rove__frame_reader_feed(rove__frame_reader *reader, const void *bytes,
                                               size_t size);
ROVE_CHECK rove_status rove__frame_reader_next(rove__frame_reader *reader, rove__frame *frame);
/* ROVE_OK if the stream ended where it may; ROVE_TRUNCATED otherwise. */
ROVE_CHECK rove_status rove__frame_reader_finish(const rove__frame_reader *reader);

#endif
