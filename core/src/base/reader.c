/*
 * base/reader.c - reads bytes that nobody vouches for; see reader.h.
 */
#include "base/reader.h"

#include <string.h>

#include "base/assert.h"

void rove__reader_init(rove__reader *reader, const void *data, size_t size) {
    static const uint8_t nothing[1] = {0};

    ROVE_ASSERT(data != NULL || size == 0);
    reader->at = data == NULL ? nothing : data;
    reader->end = reader->at + size;
    reader->status = ROVE_OK;
}

void rove__reader_fail(rove__reader *reader, rove_status status) {
    ROVE_ASSERT(status != ROVE_OK);
    if (reader->status == ROVE_OK) {
        reader->status = status;
    }
    reader->at = reader->end;
}

rove_status rove__reader_status(const rove__reader *reader) {
    return reader->status;
}

size_t rove__reader_left(const rove__reader *reader) {
    ROVE_ASSERT(reader->at <= reader->end);
    return (size_t)(reader->end - reader->at);
}

const uint8_t *rove__reader_take(rove__reader *reader, size_t size) {
    const uint8_t *taken = reader->at;

    if (reader->status != ROVE_OK) {
        return NULL;
    }
    if (size > rove__reader_left(reader)) {
        rove__reader_fail(reader, ROVE_TRUNCATED);
        return NULL;
    }
    reader->at += size;
    return taken;
}

uint8_t rove__reader_byte(rove__reader *reader) {
    const uint8_t *byte = rove__reader_take(reader, 1);

    return byte == NULL ? 0 : *byte;
}

uint64_t rove__reader_varint(rove__reader *reader) {
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = rove__reader_byte(reader);

        if (reader->status != ROVE_OK) {
            return 0;
        }
        if (shift == 63 && byte > 1) {
            break; /* more than 64 bits */
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (byte == 0 && shift > 0) {
                break; /* not the shortest form */
            }
            return value;
        }
    }
    rove__reader_fail(reader, ROVE_PROTOCOL);
    return 0;
}

uint64_t rove__reader_varint_max(rove__reader *reader, uint64_t max) {
    uint64_t value = rove__reader_varint(reader);

    if (value > max) {
        rove__reader_fail(reader, ROVE_PROTOCOL);
        return 0;
    }
    return value;
}

int64_t rove__reader_zigzag(rove__reader *reader) {
    uint64_t value = rove__reader_varint(reader);
    int64_t half = (int64_t)(value >> 1);

    return (value & 1) != 0 ? -half - 1 : half;
}

uint32_t rove__reader_u32(rove__reader *reader) {
    const uint8_t *bytes = rove__reader_take(reader, 4);
    uint32_t value = 0;

    for (size_t i = 0; bytes != NULL && i < 4; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

uint64_t rove__reader_u64(rove__reader *reader) {
    const uint8_t *bytes = rove__reader_take(reader, 8);
    uint64_t value = 0;

    for (size_t i = 0; bytes != NULL && i < 8; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

void rove__reader_copy(rove__reader *reader, void *out, size_t size) {
    const uint8_t *bytes = rove__reader_take(reader, size);

    if (bytes != NULL) {
        memcpy(out, bytes, size);
    }
}

const uint8_t *rove__reader_bytes(rove__reader *reader, size_t max, size_t *size) {
    uint64_t wanted = rove__reader_varint_max(reader, max);
    const uint8_t *bytes = rove__reader_take(reader, (size_t)wanted);

    *size = bytes == NULL ? 0 : (size_t)wanted;
    return bytes;
}
