/*
 * wire/batch.h - rows as column batches: what PUSH, ACK, RENUMBER, ROW and PAGE carry.
 *
 *   batch = version:byte run*
 *   run   = the changes of one entity and one op with the same set of columns, in the order given:
 *           header (op, entity, count), ids delta-coded, clocks as columns (origin, base, exceptions),
 *           edits as columns, cursors, then per field number, type, a presence bitmap and packed values
 *
 * The exact layout is in batch.c, where it is written and read. Order between runs is not kept: a reader
 * must not depend on it. Unknown entities and fields are read into `extra`, so that they can be kept.
 * Reading allocates from the arena given and checks every count before it allocates; UTF-8 and NUL in
 * texts are checked here (ROVE_UTF8), limits and references are not.
 */
#ifndef ROVE_WIRE_BATCH_H
#define ROVE_WIRE_BATCH_H

#include "model/change.h"

/* Encoded bytes that a writer takes before it is full: leaves room for frame headers within ROVE_FRAME_MAX. */
#define ROVE_BATCH_MAX 917504u
#define ROVE_BATCH_ROWS_MAX 65536u

typedef struct rove__batch_writer rove__batch_writer;
/* max_bytes: at most ROVE_BATCH_MAX. */
ROVE_CHECK rove_status rove__batch_writer_new(const rove_allocator *allocator, size_t max_bytes,
                                              rove__batch_writer **out);
void rove__batch_writer_free(rove__batch_writer *writer);
/*
 * Adds a change; copies what it needs. ROVE_LIMIT if it would grow past max_bytes: nothing was added,
 * finish and go on with an empty writer (a first change is always taken, up to ROVE_BATCH_MAX).
 */
ROVE_CHECK rove_status rove__batch_add(rove__batch_writer *writer, const rove__change *change);
size_t rove__batch_count(const rove__batch_writer *writer);
/* An upper bound of what finish() will write. */
size_t rove__batch_size(const rove__batch_writer *writer);
/* Appends the encoded batch to `out` and empties the writer for reuse. */
ROVE_CHECK rove_status rove__batch_finish(rove__batch_writer *writer, rove__buf *out);

typedef struct rove__batch_reader rove__batch_reader;
/* `bytes` are borrowed for the reader's life. */
ROVE_CHECK rove_status rove__batch_reader_new(const rove_allocator *allocator,
                                              const rove__registry *registry, const void *bytes,
                                              size_t size, rove__batch_reader **out);
void rove__batch_reader_free(rove__batch_reader *reader);
/*
 * The next change, ROVE_DONE at the end. The change and all it points to is borrowed until the next call
 * (the reader reuses its memory). Any other status: the batch is malformed from here on.
 */
ROVE_CHECK rove_status rove__batch_next(rove__batch_reader *reader, rove__change *change);

#endif
