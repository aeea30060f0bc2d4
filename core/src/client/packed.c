/*
 * client/packed.c - a query whose parameters and rows are bytes (proto/rows.proto), written and read by hand: the
 * messages are small, and an answer is made in one pass without a struct per value.
 */
#include <string.h>

#include "base/reader.h"
#include "base/text.h"
#include "client/internal.h"

#define PARAMETERS_MAX 1000
#define ROW_MAX        (ROVE_PACKED_ROWS_MAX / 2)

/* Field numbers and wire types of protobuf. */
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
#define KEY(number, type) ((uint64_t)(number) << 3 | (type))

/* ---- parameters ---- */

/* Past the value of a field that is not known. */
static void skip(rove__reader *reader, uint64_t type) {
    size_t size = 0;

    if (type == VARINT) {
        (void)rove__reader_varint(reader);
    } else if (type == BYTES) {
        (void)rove__reader_bytes(reader, SIZE_MAX, &size);
    } else if (type == FIXED64 || type == FIXED32) {
        (void)rove__reader_take(reader, type == FIXED64 ? 8 : 4);
    } else {
        rove__reader_fail(reader, ROVE_INVALID);
    }
}

/* Little-endian, as protobuf has it. */
static double read_real(rove__reader *reader) {
    const uint8_t *bytes = rove__reader_take(reader, 8);
    uint64_t bits = 0;
    double real = 0;

    for (size_t i = 0; bytes != NULL && i < 8; i++) {
        bits |= (uint64_t)bytes[i] << (8 * i);
    }
    memcpy(&real, &bits, sizeof real);
    return real;
}

static rove_value read_value(const uint8_t *bytes, size_t size, rove_status *status) {
    rove_value value = rove__value_null();
    rove__reader reader;

    rove__reader_init(&reader, bytes, size);
    while (rove__reader_left(&reader) > 0 && rove__reader_status(&reader) == ROVE_OK) {
        uint64_t key = rove__reader_varint(&reader);
        if (key == KEY(1, VARINT)) {
            value = rove__value_int(rove__reader_zigzag(&reader));
        } else if (key == KEY(2, FIXED64)) {
            value = rove_real(read_real(&reader));
        } else if (key == KEY(3, BYTES) || key == KEY(4, BYTES)) {
            size_t length = 0;
            const uint8_t *data = rove__reader_bytes(&reader, ROVE_VALUE_MAX, &length);
            value = rove__value_bytes(key == KEY(3, BYTES) ? ROVE_TEXT : ROVE_BLOB, data, length);
        } else {
            skip(&reader, key & 7);
        }
    }
    *status = rove__reader_status(&reader);
    return value;
}

/* The values of a Row, borrowed from its bytes. */
static rove_status read_row(const void *bytes, size_t size, rove_value *values, size_t *count) {
    rove_status status = ROVE_OK;
    rove__reader reader;

    *count = 0;
    rove__reader_init(&reader, bytes, size);
    while (status == ROVE_OK && rove__reader_left(&reader) > 0) {
        uint64_t key = rove__reader_varint(&reader);
        if (key != KEY(1, BYTES)) {
            skip(&reader, key & 7);
        } else if (*count == PARAMETERS_MAX) {
            return ROVE_TOO_BIG;
        } else {
            size_t length = 0;
            const uint8_t *value = rove__reader_bytes(&reader, SIZE_MAX, &length);
            if (value != NULL) {
                values[(*count)++] = read_value(value, length, &status);
            }
        }
        status = status == ROVE_OK ? rove__reader_status(&reader) : status;
    }
    return status;
}

/* ---- rows ---- */

static void put_bytes(rove__buf *out, uint64_t number, const void *bytes, size_t size) {
    rove__buf_varint(out, KEY(number, BYTES));
    rove__buf_bytes(out, bytes, size);
}

static void put_real(rove__buf *out, double real) {
    uint64_t bits = 0;

    memcpy(&bits, &real, sizeof bits);
    rove__buf_varint(out, KEY(2, FIXED64));
    for (size_t i = 0; i < 8; i++) {
        rove__buf_byte(out, (uint8_t)(bits >> (8 * i)));
    }
}

static void put_value(rove__buf *out, const rove_value *value) {
    switch (value->type) {
    case ROVE_NULL:
        break;
    case ROVE_INT:
        rove__buf_varint(out, KEY(1, VARINT));
        rove__buf_zigzag(out, value->as.integer);
        break;
    case ROVE_REAL:
        put_real(out, value->as.real);
        break;
    case ROVE_TEXT:
        put_bytes(out, 3, value->as.data, value->size);
        break;
    case ROVE_BLOB:
        put_bytes(out, 4, value->as.data, value->size);
        break;
    }
}

/* What is nested is made first, for its size stands before it. */
typedef struct packing {
    rove__buf rows;
    rove__buf row;
    rove__buf value;
} packing;

static rove_status put_row(packing *p, const rove_query *query) {
    size_t columns = rove_query_columns(query);

    rove__buf_reset(&p->row);
    for (size_t i = 0; i < columns; i++) {
        rove_value value = rove_query_value(query, i);
        rove__buf_reset(&p->value);
        put_value(&p->value, &value);
        put_bytes(&p->row, 1, p->value.data, p->value.size);
    }
    put_bytes(&p->rows, 2, p->row.data, p->row.size);
    rove_status status = rove__buf_status(&p->value);
    status = status == ROVE_OK ? rove__buf_status(&p->row) : status;
    return status == ROVE_OK ? rove__buf_status(&p->rows) : status;
}

static rove_status put_rows(packing *p, rove_query *query, rove_error *error) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < rove_query_columns(query); i++) {
        const char *name = rove_query_name(query, i);
        put_bytes(&p->rows, 1, name, strlen(name));
    }
    while (status == ROVE_OK) {
        status = rove_query_step(query, error);
        if (status == ROVE_OK) {
            status = put_row(p, query);
            if (status != ROVE_OK) {
                return rove__error_set(error, status,
                                       "The rows are more than %u MiB, or memory has run out; ask "
                                       "for fewer with LIMIT.",
                                       ROVE_PACKED_ROWS_MAX / 1048576);
            }
        }
    }
    return status == ROVE_DONE ? ROVE_OK : status;
}

/* ---- the query ---- */

static rove_status open_query(rove *replica, const char *sql, const void *parameters, size_t size,
                              rove_query **query, rove_error *error) {
    size_t count = 0;
    rove_value *values =
        rove__alloc_zeroed(&replica->ports.allocator, PARAMETERS_MAX, sizeof *values);

    if (values == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    rove_status status = read_row(parameters, size, values, &count);
    if (status == ROVE_OK) {
        status = rove_query_new(replica, sql, values, count, query, error);
    } else {
        status = rove__error_set(error, status == ROVE_TOO_BIG ? status : ROVE_INVALID,
                                 "The parameters are no packed Row.");
    }
    rove__free(&replica->ports.allocator, values);
    return status;
}

rove_status rove_query_packed(rove *replica, const char *sql, const void *parameters,
                              size_t parameters_size, void **bytes, size_t *size,
                              rove_error *error) {
    packing p;
    rove_query *query = NULL;

    if (replica == NULL || sql == NULL || bytes == NULL || size == NULL ||
        (parameters == NULL && parameters_size > 0)) {
        return rove__client_invalid(error, "A query takes a replica, SQL, its parameters and a "
                                           "place for the rows.");
    }
    *bytes = NULL;
    *size = 0;
    rove__buf_init(&p.rows, &replica->ports.allocator, ROVE_PACKED_ROWS_MAX);
    rove__buf_init(&p.row, &replica->ports.allocator, ROW_MAX);
    rove__buf_init(&p.value, &replica->ports.allocator, ROW_MAX);
    rove_status status = open_query(replica, sql, parameters, parameters_size, &query, error);
    if (status == ROVE_OK) {
        status = put_rows(&p, query, error);
    }
    rove_query_free(query);
    rove__buf_free(&p.row);
    rove__buf_free(&p.value);
    if (status == ROVE_OK) {
        *bytes = p.rows.data;
        *size = p.rows.size;
    } else {
        rove__buf_free(&p.rows);
    }
    return status;
}
