/*
 * test_frame_limits.c - the two limits that a stream of frames is measured against while it is decoded, each to the
 * byte: so many compressed bytes of one frame, and so much expansion. The streams are put together block by block, as no
 * compressor would make them, so that every byte is known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "wire/frame.h"

#define BLOCK_MAX  131072u
#define HEAD_BYTES 6u /* of a zstd stream with a window of 2^20 and nothing else */
#define RAW_BYTES  3u /* before the bytes of a block */
#define RLE_BYTES  4u /* of a block that is one byte many times */

typedef struct stream {
    uint8_t bytes[1 << 20];
    size_t size;
} stream;

static void add(stream *s, const void *bytes, size_t size) {
    assert_true(size <= sizeof s->bytes - s->size);
    memcpy(s->bytes + s->size, bytes, size);
    s->size += size;
}

static void begin(stream *s) {
    s->size = 0;
    add(s, "\x28\xb5\x2f\xfd\x00\x50", HEAD_BYTES);
}

static void add_block(stream *s, unsigned type, size_t size, int last) {
    uint32_t head = (uint32_t)(size << 3 | type << 1 | (last ? 1u : 0u));
    add(s, (uint8_t[]){(uint8_t)head, (uint8_t)(head >> 8), (uint8_t)(head >> 16)}, RAW_BYTES);
}

static void add_raw(stream *s, const void *bytes, size_t size) {
    add_block(s, 0, size, 0);
    add(s, bytes, size);
}

static void add_zeros(stream *s, size_t size) {
    add_block(s, 1, size, 0);
    add(s, "", 1);
}

/* The head of a frame, in a block of its own. */
static void add_frame(stream *s, size_t payload) {
    const uint8_t head[] = {ROVE_FRAME_PAGE, (uint8_t)(payload >> 24), (uint8_t)(payload >> 16),
                            (uint8_t)(payload >> 8), (uint8_t)payload};
    add_raw(s, head, sizeof head);
}

static void end(stream *s) {
    add_block(s, 0, 0, 1);
}

/* In pieces of `step` bytes. TRUNCATED: so far it was fine. */
static rove_status read_stream(const stream *s, size_t step, size_t *frames) {
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    rove__frame_reader *reader = NULL;
    rove__frame frame;
    rove_status status = ROVE_DONE;
    *frames = 0;
    assert_int_equal(rove__frame_reader_new(&allocator, &reader), ROVE_OK);
    for (size_t at = 0; at < s->size && status == ROVE_DONE; at += step) {
        size_t size = s->size - at < step ? s->size - at : step;
        status = rove__frame_reader_feed(reader, s->bytes + at, size);
        while (status == ROVE_OK) {
            status = rove__frame_reader_next(reader, &frame);
            *frames += status == ROVE_OK;
        }
    }
    if (status == ROVE_DONE) {
        status = rove__frame_reader_finish(reader);
    }
    rove__frame_reader_free(reader);
    assert_int_equal(h.alive, 0);
    return status;
}

/* Two full frames of zeros, and so many bytes of a third. */
static rove_status expand(stream *s, size_t bytes, size_t step) {
    size_t frames = 0;
    begin(s);
    for (int i = 0; i < 2; i++) {
        add_frame(s, ROVE_FRAME_MAX);
        for (size_t at = 0; at < ROVE_FRAME_MAX; at += BLOCK_MAX) {
            add_zeros(s, BLOCK_MAX);
        }
    }
    add_frame(s, ROVE_FRAME_MAX);
    add_zeros(s, bytes);
    rove_status status = read_stream(s, step, &frames);
    assert_int_equal(frames, 2);
    return status;
}

/* One frame of noise in so many compressed bytes, its head and the stream's included. */
static rove_status fill_frame(stream *s, size_t compressed, size_t step) {
    static uint8_t noise[BLOCK_MAX];
    const size_t payload = compressed - HEAD_BYTES - 4 * RAW_BYTES - 5;
    size_t frames = 0;
    memset(noise, 'n', sizeof noise);
    begin(s);
    add_frame(s, payload);
    add_raw(s, noise, BLOCK_MAX);
    add_raw(s, noise, payload - BLOCK_MAX - 1);
    add_raw(s, noise, 1);
    assert_int_equal(s->size, compressed);
    end(s);
    rove_status status = read_stream(s, step, &frames);
    assert_int_equal(frames, status == ROVE_OK);
    return status;
}

/* 100 times the compressed bytes, and the slack, are all that is ever decoded. */
static void expansion_at_its_limit_and_one_past(void **state) {
    stream *s = malloc(sizeof *s);
    const size_t compressed = HEAD_BYTES + 3 * (RAW_BYTES + 5) + 17 * RLE_BYTES;
    const size_t before = 2 * ROVE_FRAME_MAX + 3 * 5;
    const size_t most = ROVE_FRAME_EXPANSION_MAX * compressed + ROVE_FRAME_SLACK - before;
    (void)state;
    assert_non_null(s);
    assert_int_equal(expand(s, most, sizeof s->bytes), ROVE_TRUNCATED);
    assert_int_equal(s->size, compressed);
    assert_int_equal(expand(s, most, 1), ROVE_TRUNCATED);
    assert_int_equal(expand(s, most + 1, sizeof s->bytes), ROVE_PROTOCOL);
    assert_int_equal(expand(s, most + 1, 1), ROVE_PROTOCOL);
    free(s);
}

/* The head of the next block may be counted along where it has come. */
static void compressed_bytes_at_their_limit_and_one_past(void **state) {
    stream *s = malloc(sizeof *s);
    (void)state;
    assert_non_null(s);
    assert_int_equal(fill_frame(s, ROVE_FRAME_COMPRESSED_MAX, 1), ROVE_OK);
    assert_int_equal(fill_frame(s, ROVE_FRAME_COMPRESSED_MAX + 1, 1), ROVE_PROTOCOL);
    assert_int_equal(fill_frame(s, ROVE_FRAME_COMPRESSED_MAX - RAW_BYTES, sizeof s->bytes),
                     ROVE_OK);
    assert_int_equal(fill_frame(s, ROVE_FRAME_COMPRESSED_MAX + 1, sizeof s->bytes), ROVE_PROTOCOL);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expansion_at_its_limit_and_one_past),
        cmocka_unit_test(compressed_bytes_at_their_limit_and_one_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
