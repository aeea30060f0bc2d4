/*
 * wire/batch.h - rows as column batches: what PUSH, ACK, RENUMBER, ROW and PAGE carry.
 *
 * A batch is a sequence of runs: the changes of one op and entity, taken apart into packed columns
 * (ids, clocks, edits, cells). The layout, byte by byte, is in wire/batch_format.h. Order between
 * runs is not kept: a reader must not depend on it; within an op and entity the order given is
 * kept.
 *
 * What comes out is what went in, but: cells of derived fields and the clock's seqs are not
 * written, and exceptions that say what the base says are dropped. Fields and entities that this
 * build does not know are read into `extra`, so that they can be kept.
 *
 * The reader decodes row by row and allocates for columns only, never for a count that a peer
 * gives. It checks every size, that values have the type of their field, ranges of ids, stamps and
 * replicas, order of exceptions and edits, UTF-8 and NUL in texts (ROVE_UTF8); not limits of
 * fields, references, and whether edits fit the cells. One thread per object.
 */
#ifndef ROVE_WIRE_BATCH_H
#define ROVE_WIRE_BATCH_H

#include "model/change.h"

/*
 * Encoded bytes of a batch: with the rest of its message it fits a frame even if nothing can be
 * compressed (ROVE_FRAME_SURE in wire/frame.h). A row is at most half of it.
 */
#define ROVE_BATCH_MAX      245760u
#define ROVE_BATCH_ROWS_MAX 65536u

typedef struct rove__batch_writer rove__batch_writer;
/* max_bytes: at most ROVE_BATCH_MAX. ROVE_NOMEM, ROVE_INVALID. */
ROVE_CHECK rove_status rove__batch_writer_new(const rove_allocator *allocator, size_t max_bytes,
                                              rove__batch_writer **out);
void rove__batch_writer_free(rove__batch_writer *writer);
/*
 * Adds a change; copies what it needs. ROVE_LIMIT if it would grow past max_bytes or
 * ROVE_BATCH_ROWS_MAX: nothing was added, finish and go on with the empty writer (a first change is
 * always taken, up to ROVE_BATCH_MAX; ROVE_TOO_BIG beyond). ROVE_INVALID for an op, an id, an
 * origin, a count or a size that no reader would take. What else a reader looks at was checked when
 * it came in and is kept by who hands it over: ranges of stamps and replicas, ascending fields of
 * exceptions, edits and `extra`, UTF-8, finite numbers. ROVE_NOMEM: the writer fails until it is
 * finished.
 */
ROVE_CHECK rove_status rove__batch_add(rove__batch_writer *writer, const rove__change *change);
size_t rove__batch_count(const rove__batch_writer *writer);
/* An upper bound of what finish() will write. */
size_t rove__batch_size(const rove__batch_writer *writer);
/*
 * Appends the encoded batch to `out` and empties the writer for reuse. ROVE_NOMEM, ROVE_TOO_BIG
 * from `out`.
 */
ROVE_CHECK rove_status rove__batch_finish(rove__batch_writer *writer, rove__buf *out);

typedef struct rove__batch_reader rove__batch_reader;
/* `bytes` and the registry are borrowed for the reader's life. ROVE_NOMEM, ROVE_PROTOCOL. */
ROVE_CHECK rove_status rove__batch_reader_new(const rove_allocator *allocator,
                                              const rove__registry *registry, const void *bytes,
                                              size_t size, rove__batch_reader **out);
void rove__batch_reader_free(rove__batch_reader *reader);
/*
 * The next change, ROVE_DONE at the end. The change and all it points to is borrowed until the next
 * call (the reader reuses its memory). ROVE_PROTOCOL, ROVE_TRUNCATED, ROVE_UTF8: the batch is
 * malformed from here on; ROVE_NOMEM. The reader then stays failed.
 */
ROVE_CHECK rove_status rove__batch_next(rove__batch_reader *reader, rove__change *change);

#endif
