/*
 * base/buf.c - a byte buffer that knows its largest size from the start.
 *
 * Capacity doubles from 64 bytes and ends at `max`. A failure frees everything at once; see buf.h.
 */
#include "base/buf.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define CAPACITY_MIN 64

static void check(const rove__buf *buf) {
    ROVE_ASSERT(buf->allocator != NULL);
    ROVE_ASSERT(buf->size <= buf->capacity && buf->capacity <= buf->max);
    ROVE_ASSERT(buf->status == ROVE_OK || buf->data == NULL);
    (void)buf;
}

static void fail(rove__buf *buf, rove_status status) {
    rove__buf_free(buf);
    buf->status = status;
}

/* Makes room for `size` more bytes; 0 when the buffer has failed. */
static int grow(rove__buf *buf, size_t size) {
    size_t capacity = buf->capacity < CAPACITY_MIN ? CAPACITY_MIN : buf->capacity;
    uint8_t *data = NULL;

    check(buf);
    if (buf->status != ROVE_OK) {
        return 0;
    }
    if (size > buf->max - buf->size) {
        fail(buf, ROVE_TOO_BIG);
        return 0;
    }
    if (size <= buf->capacity - buf->size) {
        return 1;
    }
    while (capacity < buf->size + size) {
        capacity = capacity > buf->max / 2 ? buf->max : capacity * 2;
    }
    if (capacity > buf->max) {
        capacity = buf->max;
    }
    data = rove__alloc_resize(buf->allocator, buf->data, capacity, 1);
    if (data == NULL) {
        fail(buf, ROVE_NOMEM);
        return 0;
    }
    buf->data = data;
    buf->capacity = capacity;
    check(buf);
    return 1;
}

void rove__buf_init(rove__buf *buf, const rove_allocator *allocator, size_t max_bytes) {
    ROVE_ASSERT(allocator != NULL);
    buf->allocator = allocator;
    buf->data = NULL;
    buf->size = 0;
    buf->capacity = 0;
    buf->max = max_bytes;
    buf->status = ROVE_OK;
}

void rove__buf_free(rove__buf *buf) {
    if (buf == NULL) {
        return;
    }
    rove__free(buf->allocator, buf->data);
    buf->data = NULL;
    buf->size = 0;
    buf->capacity = 0;
    buf->status = ROVE_OK;
}

void rove__buf_reset(rove__buf *buf) {
    check(buf);
    buf->size = 0;
    buf->status = ROVE_OK;
}

void rove__buf_truncate(rove__buf *buf, size_t size) {
    check(buf);
    if (size < buf->size) {
        buf->size = size;
    }
}

void rove__buf_consume(rove__buf *buf, size_t size) {
    check(buf);
    if (size >= buf->size) {
        buf->size = 0;
        return;
    }
    memmove(buf->data, buf->data + size, buf->size - size);
    buf->size -= size;
}

rove_status rove__buf_status(const rove__buf *buf) {
    return buf->status;
}

uint8_t *rove__buf_reserve(rove__buf *buf, size_t size) {
    uint8_t *room = NULL;

    if (!grow(buf, size) || buf->data == NULL) {
        return NULL;
    }
    room = buf->data + buf->size;
    buf->size += size;
    return room;
}

void rove__buf_append(rove__buf *buf, const void *data, size_t size) {
    uint8_t *room = rove__buf_reserve(buf, size);

    if (room != NULL && size > 0) {
        memcpy(room, data, size);
    }
}

void rove__buf_byte(rove__buf *buf, uint8_t byte) {
    rove__buf_append(buf, &byte, 1);
}

void rove__buf_varint(rove__buf *buf, uint64_t value) {
    uint8_t bytes[10];
    size_t size = 0;

    while (value >= 0x80) {
        bytes[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = (uint8_t)value;
    rove__buf_append(buf, bytes, size);
}

void rove__buf_zigzag(rove__buf *buf, int64_t value) {
    uint64_t sign = value < 0 ? UINT64_MAX : 0;

    rove__buf_varint(buf, ((uint64_t)value << 1) ^ sign);
}

void rove__buf_u32(rove__buf *buf, uint32_t value) {
    uint8_t bytes[4];

    rove__buf_append(buf, bytes, rove__u32_put(bytes, value));
}

void rove__buf_u64(rove__buf *buf, uint64_t value) {
    uint8_t bytes[8];

    rove__buf_append(buf, bytes, rove__u64_put(bytes, value));
}

void rove__buf_bytes(rove__buf *buf, const void *data, size_t size) {
    rove__buf_varint(buf, size);
    rove__buf_append(buf, data, size);
}
