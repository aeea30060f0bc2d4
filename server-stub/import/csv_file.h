/*
 * import/csv_file.h - reads CSV as RFC 4180 has it, record by record, and goes on after a broken one.
 *
 * UTF-8 with or without a byte order mark; the delimiter is the one of , ; and tab that occurs most in the first
 * line outside quotes; lines end with LF, CR LF or CR; empty lines are nothing. Spaces belong to a field.
 *
 * A stray quote swallows what follows it, perhaps to the end of the file. So a record that cannot be read is given
 * up at its beginning, and reading goes on at the line after the one it began in: one bad line costs one line.
 *
 * Invariant: record_start <= at <= size. One thread at a time.
 */
#ifndef ROVE_HQ_CSV_FILE_H
#define ROVE_HQ_CSV_FILE_H

#include "base/alloc.h"
#include "rove/error.h"

#define CSV_RECORD_MAX ((size_t)4 * 1024 * 1024) /* bytes of one record as it is written */
#define CSV_FIELDS_MAX 512

typedef struct csv_field {
    const char *text; /* not NUL-terminated, any bytes */
    size_t size;
} csv_field;

typedef struct csv_position {
    size_t offset;
    size_t line; /* from 1 */
} csv_position;

typedef struct csv_record {
    const csv_field *fields; /* borrowed until the next call */
    size_t count;
    csv_position at; /* where it begins */
    size_t lines;    /* that it takes */
} csv_record;

typedef struct csv_problem {
    size_t line;        /* where the record begins */
    size_t column;      /* field in which reading stopped, from 1 */
    const char *reason; /* a sentence; static */
} csv_problem;

typedef struct csv_file csv_file;

/* `bytes` are borrowed until csv_file_free. ROVE_UTF8 for UTF-16 and UTF-32, ROVE_NOMEM. */
ROVE_CHECK rove_status csv_file_open(const rove_allocator *allocator, const char *bytes,
                                     size_t size, csv_file **out, rove_error *error);
void csv_file_free(csv_file *file);
char csv_file_delimiter(const csv_file *file);
/* ROVE_OK: a record. ROVE_DONE: the end. ROVE_INVALID: a problem; call again to go on. ROVE_NOMEM. */
ROVE_CHECK rove_status csv_file_next(csv_file *file, csv_record *record, csv_problem *problem);
/* The record just read is no good: go on at its second line, which may have been swallowed by a stray quote. */
void csv_file_retry(csv_file *file);
/* Goes on at a record that was read before, or at {0, 1}, the beginning. */
void csv_file_seek(csv_file *file, csv_position position);

#endif
