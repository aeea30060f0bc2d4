/*
 * wire/batch_format.h - the layout of a batch, byte by byte, for the writer and the reader of it.
 *
 *   batch   = version:byte run*                        version is 1
 *   run     = op:byte entity:varint rows:varint        rows > 0
 *             mask:varint fact{bits of mask}           facts of the rows, ints(rows) each, in the
 *                                                      order of rove__fact; without a bit it is 0
 *             [ total:varint field epoch stamp replica ]
 *                                                      if ROVE_FACT_ENTRIES is there: exceptions of
 *                                                      all rows' clocks, ints(total) each
 *             [ total:varint field epoch raw base_stamp base_replica ]
 *                                                      if ROVE_FACT_EDITS is there: the edits
 *             columns:varint column*
 *   column  = number:varint kind:byte                  number: the difference to the column before;
 *                                                      ascending by (number, type)
 *             [ presence: (rows + 7) / 8 bytes ]       if kind has ROVE_COLUMN_SPARSE; row i is
 *                                                      bit i % 8 of byte i / 8, unused bits 0
 *             values
 *   kind    = rove_type of the values | 0x10 if some rows have none
 *   values  = NULL: nothing              the cell is there and is NULL
 *             INT:  ints(n)              n: rows that have the column
 *             REAL: ints(n)              the bits of IEEE 754
 *             TEXT, BLOB: size:varint ints(n) bytes{size}   the values' sizes, then all their bytes
 *
 * ints is a packed vector (wire/column.h). A cell belongs to the column of its number and of its
 * own type, so a field that is NULL in some rows takes two columns; in one row a number occurs
 * once. Rows of one op and entity normally make one run; nothing is meant by how rows are spread
 * over runs.
 *
 * Stamps lie near each other, so some facts are differences, modulo 2^64: a base stamp to the
 * origin's, a base replica to the origin's, an exception's stamp and replica to the base's. An
 * exception that says what the base says is not written. Headquarters' seqs do not travel.
 */
#ifndef ROVE_WIRE_BATCH_FORMAT_H
#define ROVE_WIRE_BATCH_FORMAT_H

#include "wire/batch.h"

#define ROVE_BATCH_VERSION 1u
#define ROVE_COLUMN_SPARSE 0x10u
/* Columns of one run; one row alone has at most ROVE_FIELDS_MAX + ROVE_EXTRA_MAX. */
#define ROVE_BATCH_COLUMNS_MAX 1024u
/* Rows times columns, and entries, of a whole batch: what a few bytes may make a reader do. */
#define ROVE_BATCH_CELLS_MAX (ROVE_BATCH_MAX * 8u)

/* One number per row each. */
typedef enum rove__fact {
    ROVE_FACT_ID,
    ROVE_FACT_ORIGIN_STAMP,
    ROVE_FACT_ORIGIN_REPLICA,
    ROVE_FACT_BASE_STAMP,   /* less the origin's */
    ROVE_FACT_BASE_REPLICA, /* less the origin's */
    ROVE_FACT_ENTRIES,      /* how many exceptions the clock has */
    ROVE_FACT_EDITS,        /* how many edits */
    ROVE_FACT_TIMELINE,     /* of the cursor */
    ROVE_FACT_SEQ,          /* of the cursor */
    ROVE_FACT_REPLICA,      /* whose raw stamps */
    ROVE_FACT_SCOPE_ROOT,
    ROVE_FACT_SCOPE_PART,
    ROVE_FACT_COUNT
} rove__fact;

typedef enum rove__entry_part {
    ROVE_ENTRY_FIELD,
    ROVE_ENTRY_EPOCH,
    ROVE_ENTRY_STAMP,   /* less the base's */
    ROVE_ENTRY_REPLICA, /* less the base's */
    ROVE_ENTRY_COUNT
} rove__entry_part;

typedef enum rove__edit_part {
    ROVE_EDIT_FIELD,
    ROVE_EDIT_EPOCH,
    ROVE_EDIT_RAW,
    ROVE_EDIT_BASE_STAMP,
    ROVE_EDIT_BASE_REPLICA,
    ROVE_EDIT_COUNT
} rove__edit_part;

#endif
