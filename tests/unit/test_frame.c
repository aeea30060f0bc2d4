/*
 * Frames arrive whole and at once, however the stream is cut; no stream makes a reader hold or do
 * much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "heap.h"
#include "wire/frame.h"

#define STREAM_MAX ((size_t)64 * 1024 * 1024)

typedef struct fixture {
    heap h;
    rove_allocator allocator;
    rove__buf stream;
    rove__frame_writer *writer;
    rove__frame_reader *reader;
} fixture;

static int open(void **state) {
    fixture *f = calloc(1, sizeof *f);

    f->allocator = heap_allocator(&f->h);
    rove__buf_init(&f->stream, &f->allocator, STREAM_MAX);
    *state = f;
    return rove__frame_writer_new(&f->allocator, ROVE_FRAME_WINDOW_LOG, &f->writer) == ROVE_OK &&
                   rove__frame_reader_new(&f->allocator, &f->reader) == ROVE_OK
               ? 0
               : -1;
}

static int close(void **state) {
    fixture *f = *state;
    size_t alive = 0;

    rove__frame_writer_free(f->writer);
    rove__frame_reader_free(f->reader);
    rove__buf_free(&f->stream);
    alive = f->h.alive;
    free(f);
    return alive == 0 ? 0 : -1;
}

static void reopen(fixture *f) {
    rove__frame_reader_free(f->reader);
    assert_int_equal(rove__frame_reader_new(&f->allocator, &f->reader), ROVE_OK);
}

static void fill(uint8_t *bytes, size_t size, uint64_t seed) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)dice(&seed);
    }
}

/* Payload n of the sample: of odd sizes, some noise, some text. */
static size_t sample(size_t n, uint8_t *bytes) {
    static const size_t sizes[] = {0, 1, 5, 300, 70000, 0, 17, 20000};
    size_t size = sizes[n % 8];

    if (n % 2 == 0) {
        fill(bytes, size, n);
    } else {
        memset(bytes, 'a' + (int)n, size);
    }
    return size;
}

static rove__frame_type sample_type(size_t n) {
    static const rove__frame_type types[] = {ROVE_FRAME_HELLO,   ROVE_FRAME_PUSH, ROVE_FRAME_ROW,
                                             ROVE_FRAME_WELCOME, ROVE_FRAME_PAGE, ROVE_FRAME_FAIL,
                                             ROVE_FRAME_PAGE,    ROVE_FRAME_END};

    return types[n % 8];
}

static void write_sample(fixture *f) {
    uint8_t *bytes = malloc(70000);

    for (size_t n = 0; n < 8; n++) {
        size_t size = sample(n, bytes);
        assert_int_equal(rove__frame_write(f->writer, sample_type(n), size == 0 ? NULL : bytes,
                                           size, &f->stream),
                         ROVE_OK);
    }
    assert_int_equal(rove__frame_write_end(f->writer, &f->stream), ROVE_OK);
    free(bytes);
}

static void assert_frame(const rove__frame *frame, size_t n) {
    uint8_t *bytes = malloc(70000);
    size_t size = sample(n, bytes);

    assert_int_equal(frame->type, sample_type(n));
    assert_int_equal(frame->size, size);
    if (size > 0) {
        assert_memory_equal(frame->payload, bytes, size);
    }
    free(bytes);
}

static void frames_survive_any_chunking(void **state) {
    static const size_t chunks[] = {1, 2, 3, 7, 100, 4096, 1 << 20};
    fixture *f = *state;

    write_sample(f);
    for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
        rove__frame frame;
        size_t n = 0;

        reopen(f);
        for (size_t at = 0; at < f->stream.size; at += chunks[c]) {
            size_t size = f->stream.size - at < chunks[c] ? f->stream.size - at : chunks[c];
            rove_status status = ROVE_OK;

            assert_int_equal(rove__frame_reader_feed(f->reader, f->stream.data + at, size),
                             ROVE_OK);
            while ((status = rove__frame_reader_next(f->reader, &frame)) == ROVE_OK) {
                assert_frame(&frame, n++);
            }
            assert_int_equal(status, ROVE_DONE);
        }
        assert_int_equal(n, 8);
        assert_int_equal(rove__frame_reader_finish(f->reader), ROVE_OK);
        assert_int_equal(rove__frame_reader_feed(f->reader, "", 0), ROVE_OK);
        assert_int_equal(rove__frame_reader_feed(f->reader, "x", 1), ROVE_PROTOCOL);
    }
}

static void a_frame_can_be_acted_on_before_the_next_is_written(void **state) {
    fixture *f = *state;
    uint8_t *bytes = malloc(70000);
    rove__frame frame;

    for (size_t n = 0; n < 24; n++) {
        size_t size = sample(n, bytes);

        rove__buf_reset(&f->stream);
        assert_int_equal(rove__frame_write(f->writer, sample_type(n), bytes, size, &f->stream),
                         ROVE_OK);
        assert_int_equal(rove__frame_reader_feed(f->reader, f->stream.data, f->stream.size),
                         ROVE_OK);
        assert_int_equal(rove__frame_reader_next(f->reader, &frame), ROVE_OK);
        assert_int_equal(frame.size, size);
        /* Asking again and again without feeding does no harm. */
        for (int i = 0; i < 100; i++) {
            assert_int_equal(rove__frame_reader_next(f->reader, &frame), ROVE_DONE);
        }
        assert_int_equal(rove__frame_reader_finish(f->reader), ROVE_TRUNCATED);
    }
    free(bytes);
}

static void frames_in_any_order_and_number_are_read(void **state) {
    static const rove__frame_type types[] = {ROVE_FRAME_END, ROVE_FRAME_PAGE, ROVE_FRAME_HELLO,
                                             ROVE_FRAME_HELLO, ROVE_FRAME_PAGE};
    fixture *f = *state;
    rove__frame frame;

    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(rove__frame_write(f->writer, types[i], "same", 4, &f->stream), ROVE_OK);
    }
    assert_int_equal(rove__frame_write_end(f->writer, &f->stream), ROVE_OK);
    assert_int_equal(rove__frame_reader_feed(f->reader, f->stream.data, f->stream.size), ROVE_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(rove__frame_reader_next(f->reader, &frame), ROVE_OK);
        assert_int_equal(frame.type, types[i]);
    }
    assert_int_equal(rove__frame_reader_next(f->reader, &frame), ROVE_DONE);
    assert_int_equal(rove__frame_reader_finish(f->reader), ROVE_OK);
}

/* Reads all of a stream; the frames' count and bytes, and how it ended. */
static rove_status read_all(fixture *f, const void *bytes, size_t size, size_t *frames,
                            size_t *plain) {
    rove__frame frame;
    rove_status status = ROVE_OK;

    reopen(f);
    *frames = 0;
    *plain = 0;
    status = rove__frame_reader_feed(f->reader, bytes, size);
    while (status == ROVE_OK) {
        status = rove__frame_reader_next(f->reader, &frame);
        if (status == ROVE_OK) {
            ++*frames;
            *plain += frame.size;
        }
    }
    return status == ROVE_DONE ? rove__frame_reader_finish(f->reader) : status;
}

static void a_stream_cut_anywhere_is_truncated(void **state) {
    fixture *f = *state;

    for (size_t n = 0; n < 4; n++) {
        uint8_t bytes[300];
        size_t size = sample(n, bytes);
        assert_int_equal(rove__frame_write(f->writer, sample_type(n), bytes, size, &f->stream),
                         ROVE_OK);
    }
    assert_int_equal(rove__frame_write_end(f->writer, &f->stream), ROVE_OK);
    for (size_t size = 0; size < f->stream.size; size++) {
        uint8_t *exact = malloc(size + 1);
        size_t frames = 0;
        size_t plain = 0;

        memcpy(exact, f->stream.data, size);
        assert_int_equal(read_all(f, exact, size, &frames, &plain), ROVE_TRUNCATED);
        assert_true(frames <= 4);
        free(exact);
    }
}

static void a_flipped_bit_does_no_harm(void **state) {
    fixture *f = *state;
    size_t frames = 0;
    size_t plain = 0;

    for (size_t n = 0; n < 4; n++) {
        uint8_t bytes[300];
        size_t size = sample(n, bytes);
        assert_int_equal(rove__frame_write(f->writer, sample_type(n), bytes, size, &f->stream),
                         ROVE_OK);
    }
    assert_int_equal(rove__frame_write_end(f->writer, &f->stream), ROVE_OK);
    for (size_t bit = 0; bit < f->stream.size * 8; bit++) {
        rove_status status = ROVE_OK;

        f->stream.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        status = read_all(f, f->stream.data, f->stream.size, &frames, &plain);
        assert_true(status == ROVE_OK || status == ROVE_PROTOCOL || status == ROVE_TRUNCATED);
        f->stream.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

static void the_payload_is_limited_for_the_writer(void **state) {
    fixture *f = *state;
    uint8_t *bytes = calloc(1, ROVE_FRAME_MAX + 1);
    size_t frames = 0;
    size_t plain = 0;

    assert_int_equal(
        rove__frame_write(f->writer, ROVE_FRAME_PAGE, bytes, ROVE_FRAME_MAX + 1, &f->stream),
        ROVE_TOO_BIG);
    assert_int_equal(f->stream.size, 0);
    assert_int_equal(
        rove__frame_write(f->writer, ROVE_FRAME_PAGE, bytes, ROVE_FRAME_MAX, &f->stream), ROVE_OK);
    assert_int_equal(rove__frame_write_end(f->writer, &f->stream), ROVE_OK);
    assert_int_equal(read_all(f, f->stream.data, f->stream.size, &frames, &plain), ROVE_OK);
    assert_int_equal(frames, 1);
    assert_int_equal(plain, ROVE_FRAME_MAX);
    free(bytes);
}

static void noise_always_fits_up_to_the_sure_size(void **state) {
    fixture *f = *state;
    uint8_t *bytes = malloc(ROVE_FRAME_MAX);
    size_t frames = 0;
    size_t plain = 0;

    fill(bytes, ROVE_FRAME_MAX, 1);
    for (int i = 0; i < 8; i++) {
        fill(bytes, ROVE_FRAME_SURE, (uint64_t)i + 2);
        assert_int_equal(
            rove__frame_write(f->writer, ROVE_FRAME_PAGE, bytes, ROVE_FRAME_SURE, &f->stream),
            ROVE_OK);
    }
    assert_int_equal(rove__frame_write_end(f->writer, &f->stream), ROVE_OK);
    assert_int_equal(read_all(f, f->stream.data, f->stream.size, &frames, &plain), ROVE_OK);
    assert_int_equal(frames, 8);
    rove__frame_writer_free(f->writer);
    assert_int_equal(rove__frame_writer_new(&f->allocator, ROVE_FRAME_WINDOW_LOG, &f->writer),
                     ROVE_OK);
    assert_int_equal(
        rove__frame_write(f->writer, ROVE_FRAME_PAGE, bytes, ROVE_FRAME_MAX, &f->stream),
        ROVE_TOO_BIG);
    assert_int_equal(rove__frame_write(f->writer, ROVE_FRAME_PAGE, bytes, 1, &f->stream),
                     ROVE_TOO_BIG);
    free(bytes);
}

/* A stream made by zstd alone, flushed after each piece, as a peer may make it. */
typedef struct piece {
    const void *bytes;
    size_t size;
} piece;

static size_t zstd_stream(const piece *pieces, size_t count, int window_log, int level,
                          uint8_t *out, size_t capacity) {
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ZSTD_outBuffer to = {out, capacity, 0};

    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, window_log)));
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)));
    for (size_t i = 0; i < count; i++) {
        ZSTD_inBuffer from = {pieces[i].bytes, pieces[i].size, 0};
        assert_int_equal(ZSTD_compressStream2(zstd, &to, &from, ZSTD_e_flush), 0);
    }
    assert_int_equal(ZSTD_compressStream2(zstd, &to, &(ZSTD_inBuffer){NULL, 0, 0}, ZSTD_e_end), 0);
    ZSTD_freeCCtx(zstd);
    return to.pos;
}

static rove_status read_pieces(fixture *f, const piece *pieces, size_t count, int window_log,
                               size_t *frames, size_t *plain) {
    size_t capacity = 16 << 20;
    uint8_t *bytes = malloc(capacity);
    size_t size = zstd_stream(pieces, count, window_log, 3, bytes, capacity);
    rove_status status = read_all(f, bytes, size, frames, plain);

    free(bytes);
    return status;
}

static void headers_are_checked(void **state) {
    static const struct {
        const char *header;
        rove_status status;
    } cases[] = {{"\x01\x00\x00\x00\x00", ROVE_OK},       {"\x00\x00\x00\x00\x00", ROVE_PROTOCOL},
                 {"\x08\x00\x00\x00\x00", ROVE_PROTOCOL}, {"\x0f\x00\x00\x00\x00", ROVE_PROTOCOL},
                 {"\x1c\x00\x00\x00\x00", ROVE_PROTOCOL}, {"\x20\x00\x00\x00\x00", ROVE_PROTOCOL},
                 {"\xff\x00\x00\x00\x00", ROVE_PROTOCOL}, {"\x01\x00\x10\x00\x01", ROVE_PROTOCOL},
                 {"\x01\xff\xff\xff\xff", ROVE_PROTOCOL}, {"\x01\x00\x10\x00\x00", ROVE_TRUNCATED},
                 {"\x01\x00\x00\x00\x01", ROVE_TRUNCATED}};
    fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        piece header = {cases[i].header, 5};
        size_t frames = 0;
        size_t plain = 0;

        assert_int_equal(read_pieces(f, &header, 1, 17, &frames, &plain), cases[i].status);
    }
}

static void compressed_bytes_of_a_frame_are_limited(void **state) {
    static const uint8_t header[5] = {ROVE_FRAME_PAGE, 0, 16, 0, 0}; /* 1 MiB */
    fixture *f = *state;
    uint8_t *bytes = calloc(1, ROVE_FRAME_MAX);
    size_t frames = 0;
    size_t plain = 0;

    /* Noise, then zeros. zstd leaves a block as it is that would not shrink by 2 KiB. */
    fill(bytes, ROVE_FRAME_COMPRESSED_MAX - 3000, 9);
    assert_int_equal(
        read_pieces(f, (piece[]){{header, 5}, {bytes, ROVE_FRAME_MAX}}, 2, 20, &frames, &plain),
        ROVE_OK);
    fill(bytes, ROVE_FRAME_COMPRESSED_MAX + 1, 9);
    assert_int_equal(
        read_pieces(f, (piece[]){{header, 5}, {bytes, ROVE_FRAME_MAX}}, 2, 20, &frames, &plain),
        ROVE_PROTOCOL);
    assert_int_equal(frames, 0);
    free(bytes);
}

static void a_bomb_is_cut_short(void **state) {
    static const uint8_t header[5] = {ROVE_FRAME_PAGE, 0, 16, 0, 0};
    fixture *f = *state;
    uint8_t *zeros = calloc(1, ROVE_FRAME_MAX);
    piece pieces[128];
    size_t frames = 0;
    size_t plain = 0;

    for (size_t i = 0; i < 128; i++) {
        pieces[i] = i % 2 == 0 ? (piece){header, 5} : (piece){zeros, ROVE_FRAME_MAX};
    }
    assert_int_equal(read_pieces(f, pieces, 128, 20, &frames, &plain), ROVE_PROTOCOL);
    assert_true(frames <= 2);
    free(zeros);
}

/* What compresses better than the cap is padded by the writer, so that the reader takes it. */
static void what_compresses_very_well_still_arrives(void **state) {
    fixture *f = *state;
    uint8_t *zeros = calloc(1, ROVE_FRAME_MAX);
    size_t frames = 0;
    size_t plain = 0;

    for (int i = 0; i < 20; i++) {
        assert_int_equal(
            rove__frame_write(f->writer, ROVE_FRAME_PAGE, zeros, ROVE_FRAME_MAX, &f->stream),
            ROVE_OK);
    }
    assert_int_equal(rove__frame_write_end(f->writer, &f->stream), ROVE_OK);
    assert_int_equal(read_all(f, f->stream.data, f->stream.size, &frames, &plain), ROVE_OK);
    assert_int_equal(frames, 20);
    assert_true(f->stream.size * 100 + ROVE_FRAME_FREE >= plain && f->stream.size * 90 <= plain);
    free(zeros);
}

static void the_window_is_limited(void **state) {
    static const uint8_t header[5] = {ROVE_FRAME_PAGE, 0, 0, 0, 100};
    fixture *f = *state;
    uint8_t bytes[100];
    piece pieces[] = {{header, 5}, {bytes, 100}};
    size_t frames = 0;
    size_t plain = 0;

    fill(bytes, 100, 3);
    assert_int_equal(read_pieces(f, pieces, 2, 20, &frames, &plain), ROVE_OK);
    assert_int_equal(read_pieces(f, pieces, 2, 21, &frames, &plain), ROVE_PROTOCOL);
    assert_int_equal(frames, 0);
}

static void only_one_zstd_stream_is_taken(void **state) {
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
    fixture *f = *state;
    size_t frames = 0;
    size_t plain = 0;

    assert_int_equal(read_all(f, "HTTP/1.1 302 Found", 18, &frames, &plain), ROVE_PROTOCOL);
    assert_int_equal(read_all(f, skippable, sizeof skippable, &frames, &plain), ROVE_PROTOCOL);
    assert_int_equal(read_all(f, NULL, 0, &frames, &plain), ROVE_TRUNCATED);
    assert_int_equal(read_pieces(f, NULL, 0, 17, &frames, &plain), ROVE_OK);
    assert_int_equal(rove__frame_write(f->writer, ROVE_FRAME_END, "x", 1, &f->stream), ROVE_OK);
    assert_int_equal(rove__frame_write_end(f->writer, &f->stream), ROVE_OK);
    assert_int_equal(read_all(f, f->stream.data, f->stream.size, &frames, &plain), ROVE_OK);
    rove__buf_append(&f->stream, "\0", 1);
    assert_int_equal(read_all(f, f->stream.data, f->stream.size, &frames, &plain), ROVE_PROTOCOL);
}

static void a_failed_reader_stays_failed(void **state) {
    fixture *f = *state;
    rove__frame frame;

    assert_int_equal(rove__frame_reader_feed(f->reader, "?", 1), ROVE_OK);
    assert_int_equal(rove__frame_reader_next(f->reader, &frame), ROVE_PROTOCOL);
    assert_int_equal(rove__frame_reader_next(f->reader, &frame), ROVE_PROTOCOL);
    assert_int_equal(rove__frame_reader_finish(f->reader), ROVE_PROTOCOL);
    reopen(f);
    assert_int_equal(read_all(f, "HTTP", 4, &(size_t){0}, &(size_t){0}), ROVE_PROTOCOL);
    assert_int_equal(rove__frame_reader_feed(f->reader, NULL, 0), ROVE_PROTOCOL);
}

static void a_full_buffer_is_reported(void **state) {
    fixture *f = *state;
    uint8_t bytes[500];
    rove__buf small;

    fill(bytes, sizeof bytes, 4);
    rove__buf_init(&small, &f->allocator, 200);
    assert_int_equal(rove__frame_write(f->writer, ROVE_FRAME_PAGE, bytes, sizeof bytes, &small),
                     ROVE_TOO_BIG);
    rove__buf_free(&small);
}

/* Writes and reads a small and a large frame with one allocator. */
static rove_status whole_run(const rove_allocator *allocator, const uint8_t *bytes) {
    rove__frame_writer *writer = NULL;
    rove__frame_reader *reader = NULL;
    rove__frame frame;
    rove__buf out;
    rove_status status = rove__frame_writer_new(allocator, ROVE_FRAME_WINDOW_LOG, &writer);

    rove__buf_init(&out, allocator, STREAM_MAX);
    if (status == ROVE_OK) {
        status = rove__frame_write(writer, ROVE_FRAME_HELLO, "a", 1, &out);
    }
    if (status == ROVE_OK) {
        status = rove__frame_write(writer, ROVE_FRAME_PAGE, bytes, 200000, &out);
    }
    if (status == ROVE_OK) {
        status = rove__frame_write_end(writer, &out);
    }
    if (status == ROVE_OK) {
        status = rove__frame_reader_new(allocator, &reader);
    }
    if (status == ROVE_OK) {
        status = rove__frame_reader_feed(reader, out.data, out.size);
    }
    while (status == ROVE_OK) {
        status = rove__frame_reader_next(reader, &frame);
    }
    if (status == ROVE_DONE) {
        status = rove__frame_reader_finish(reader);
    }
    rove__frame_writer_free(writer);
    rove__frame_reader_free(reader);
    rove__buf_free(&out);
    return status;
}

static void a_lack_of_memory_is_reported_and_leaks_nothing(void **state) {
    uint8_t *bytes = malloc(200000);

    (void)state;
    fill(bytes, 200000, 8);
    for (int persistent = 0; persistent < 2; persistent++) {
        rove_status status = ROVE_NOMEM;

        for (size_t n = 1; status == ROVE_NOMEM; n++) {
            heap h = {.fail_at = n, .persistent = persistent};
            rove_allocator allocator = heap_allocator(&h);

            status = whole_run(&allocator, bytes);
            assert_int_equal(h.alive, 0);
        }
        assert_int_equal(status, ROVE_OK);
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_survive_any_chunking, open, close),
        cmocka_unit_test_setup_teardown(a_frame_can_be_acted_on_before_the_next_is_written, open,
                                        close),
        cmocka_unit_test_setup_teardown(frames_in_any_order_and_number_are_read, open, close),
        cmocka_unit_test_setup_teardown(a_stream_cut_anywhere_is_truncated, open, close),
        cmocka_unit_test_setup_teardown(a_flipped_bit_does_no_harm, open, close),
        cmocka_unit_test_setup_teardown(the_payload_is_limited_for_the_writer, open, close),
        cmocka_unit_test_setup_teardown(noise_always_fits_up_to_the_sure_size, open, close),
        cmocka_unit_test_setup_teardown(headers_are_checked, open, close),
        cmocka_unit_test_setup_teardown(compressed_bytes_of_a_frame_are_limited, open, close),
        cmocka_unit_test_setup_teardown(a_bomb_is_cut_short, open, close),
        cmocka_unit_test_setup_teardown(what_compresses_very_well_still_arrives, open, close),
        cmocka_unit_test_setup_teardown(the_window_is_limited, open, close),
        cmocka_unit_test_setup_teardown(only_one_zstd_stream_is_taken, open, close),
        cmocka_unit_test_setup_teardown(a_failed_reader_stays_failed, open, close),
        cmocka_unit_test_setup_teardown(a_full_buffer_is_reported, open, close),
        cmocka_unit_test(a_lack_of_memory_is_reported_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
