/*
 * model/value.c - one value: made, compared, and in its self-describing form (model/row.h).
 *
 * Invariant: a REAL is finite and never -0.0, so equal numbers have equal bits.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "model/row.h"

#define REAL_EXPONENT 0x7ff0000000000000u
#define REAL_MINUS_0  0x8000000000000000u

rove_value rove__value_null(void) {
    return (rove_value){.type = ROVE_NULL};
}

rove_value rove__value_int(int64_t integer) {
    return (rove_value){.type = ROVE_INT, .as.integer = integer};
}

rove_value rove__value_real(double real) {
    return (rove_value){.type = ROVE_REAL, .as.real = real};
}

rove_value rove__value_text(const char *text) {
    ROVE_ASSERT(text != NULL);
    return rove__value_bytes(ROVE_TEXT, text, strlen(text));
}

rove_value rove__value_bytes(rove_type type, const void *data, size_t size) {
    ROVE_ASSERT(type == ROVE_TEXT || type == ROVE_BLOB);
    return (rove_value){.type = type, .size = size, .as.data = data};
}

static uint64_t real_bits(double real) {
    uint64_t bits = 0;

    memcpy(&bits, &real, sizeof bits);
    return bits;
}

static int bytes_equal(const rove_value *a, const rove_value *b) {
    return a->size == b->size && (a->size == 0 || memcmp(a->as.data, b->as.data, a->size) == 0);
}

int rove__value_equal(const rove_value *a, const rove_value *b) {
    if (a->type != b->type) {
        return 0;
    }
    switch (a->type) {
    case ROVE_NULL:
        return 1;
    case ROVE_INT:
        return a->as.integer == b->as.integer;
    case ROVE_REAL:
        return real_bits(a->as.real) == real_bits(b->as.real);
    case ROVE_TEXT:
    case ROVE_BLOB:
        return bytes_equal(a, b);
    }
    return 0;
}

static int holds_bytes(const rove_value *value) {
    return value->type == ROVE_TEXT || value->type == ROVE_BLOB;
}

int rove__value_equal_bytes(const rove_value *a, const rove_value *b) {
    if (holds_bytes(a) && holds_bytes(b)) {
        return bytes_equal(a, b);
    }
    return rove__value_equal(a, b);
}

static int compare_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

/* Turns the bits of a double into an integer with the same order. */
static uint64_t real_order(double real) {
    uint64_t bits = real_bits(real);

    return (bits & REAL_MINUS_0) != 0 ? ~bits : bits | REAL_MINUS_0;
}

static int compare_bytes(const rove_value *a, const rove_value *b) {
    size_t shared = a->size < b->size ? a->size : b->size;
    int order = shared == 0 ? 0 : memcmp(a->as.data, b->as.data, shared);

    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return compare_u64(a->size, b->size);
}

int rove__value_compare(const rove_value *a, const rove_value *b) {
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    switch (a->type) {
    case ROVE_NULL:
        return 0;
    case ROVE_INT:
        return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
    case ROVE_REAL:
        return compare_u64(real_order(a->as.real), real_order(b->as.real));
    case ROVE_TEXT:
    case ROVE_BLOB:
        return compare_bytes(a, b);
    }
    return 0;
}

/* The type, and the number or the size: at most 11 bytes. */
static size_t put_head(uint8_t *out, const rove_value *value) {
    uint64_t bits = 0;
    size_t size = 0;

    out[size++] = (uint8_t)value->type;
    switch (value->type) {
    case ROVE_NULL:
        break;
    case ROVE_INT:
        size += rove__zigzag_put(out + size, value->as.integer);
        break;
    case ROVE_REAL:
        bits = real_bits(value->as.real);
        for (int shift = 56; shift >= 0; shift -= 8) {
            out[size++] = (uint8_t)(bits >> shift);
        }
        break;
    case ROVE_TEXT:
    case ROVE_BLOB:
        ROVE_ASSERT(value->size <= ROVE_VALUE_MAX);
        size += rove__varint_put(out + size, value->size);
        break;
    }
    return size;
}

void rove__value_write(rove__buf *buf, const rove_value *value) {
    uint8_t head[1 + ROVE_VARINT_MAX];

    rove__buf_append(buf, head, put_head(head, value));
    if (holds_bytes(value)) {
        rove__buf_append(buf, value->as.data, value->size);
    }
}

static void read_real(rove__reader *reader, rove_value *value) {
    uint64_t bits = rove__reader_u64(reader);

    if ((bits & REAL_EXPONENT) == REAL_EXPONENT || bits == REAL_MINUS_0) {
        rove__reader_fail(reader, ROVE_PROTOCOL);
        return;
    }
    value->type = ROVE_REAL;
    memcpy(&value->as.real, &bits, sizeof bits);
}

static void read_bytes(rove__reader *reader, rove_type type, rove_value *value) {
    size_t size = 0;
    const uint8_t *data = rove__reader_bytes(reader, ROVE_VALUE_MAX, &size);

    if (rove__reader_status(reader) != ROVE_OK) {
        return;
    }
    if (type == ROVE_TEXT && !rove__utf8_valid(data, size)) {
        rove__reader_fail(reader, ROVE_PROTOCOL);
        return;
    }
    *value = rove__value_bytes(type, data, size);
}

void rove__value_read(rove__reader *reader, rove_value *value) {
    uint8_t type = rove__reader_byte(reader);

    *value = rove__value_null();
    switch (type) {
    case ROVE_NULL:
        break;
    case ROVE_INT:
        *value = rove__value_int(rove__reader_zigzag(reader));
        break;
    case ROVE_REAL:
        read_real(reader, value);
        break;
    case ROVE_TEXT:
    case ROVE_BLOB:
        read_bytes(reader, (rove_type)type, value);
        break;
    default:
        rove__reader_fail(reader, ROVE_PROTOCOL);
        break;
    }
}
