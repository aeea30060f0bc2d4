/*
 * rove/value.h - ids, stamps and values, the words in which everything else speaks.
 *
 * Stability: stable. Valid C99, C11 and C++.
 */
#ifndef ROVE_VALUE_H
#define ROVE_VALUE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A record's id: replica number (31 bits) above a counter (32 bits); always > 0, 0 means none. */
typedef int64_t rove_id;

/* A hybrid logical time: 48 bits of Unix milliseconds above 16 bits of ticks. 0 means none. */
typedef uint64_t rove_stamp;

/* The number of a replica, 1 .. 2^31-1. Headquarters is one too. 0 means none. */
typedef uint32_t rove_replica;

typedef enum rove_type {
    ROVE_NULL = 0,
    ROVE_INT = 1,  /* int64: numbers, enumerations, booleans, money in minor units, ms, references */
    ROVE_REAL = 2, /* only in custom fields; never NaN or infinite */
    ROVE_TEXT = 3, /* UTF-8 without NUL */
    ROVE_BLOB = 4
} rove_type;

/* One value. Text and blobs are borrowed; whoever hands a value out says until when. */
typedef struct rove_value {
    rove_type type;
    size_t size; /* bytes of text or blob */
    union {
        int64_t integer;
        double real;
        const uint8_t *data; /* text or blob; text is not NUL-terminated */
    } as;
} rove_value;

/* Most bytes in one value, in one row, rows and encoded bytes in one transaction. */
#define ROVE_VALUE_MAX 65536
#define ROVE_ROW_MAX 131072
#define ROVE_TRANSACTION_ROWS_MAX 1000
#define ROVE_TRANSACTION_BYTES_MAX 196608

#ifdef __cplusplus
}
#endif
#endif
