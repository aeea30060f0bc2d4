/*
 * fuzz_expansion.c - whatever the writer of frames is given comes out of the reader, however well it compresses; and a
 * stream that somebody else made, with any of zstd's windows, levels and frames, never makes the reader hand out more than
 * ROVE_FRAME_EXPANSION_MAX bytes for each one that came (beyond ROVE_FRAME_SLACK) or hold more than a frame and a window.
 *
 *   input = window:byte level:byte step*
 *   step  = kind:byte size:u24      what to compress: so many zeros, noise, or a frame's header
 */
#include "fuzz.h"

#include <zstd.h>

#include "wire/frame.h"

#define MEMORY_MAX ((size_t)4 << 20)
#define PLAIN_MAX  ((size_t)3 << 20) /* of one input */

const size_t fuzz_mutations = 150;

static uint8_t plain[ROVE_FRAME_MAX];

/* Zeros, a pattern, or noise. */
static size_t fill(uint8_t kind, size_t size) {
    uint64_t state = size;

    size = size < sizeof plain ? size : sizeof plain;
    for (size_t i = 0; i < size; i++) {
        plain[i] = (uint8_t)(kind % 3 == 0 ? 0 : kind % 3 == 1 ? i / 7 : dice(&state));
    }
    return size;
}

/* Reads all; with `writer`, only what it wrote. */
static size_t read_all(const rove__buf *bytes, int ours) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__frame_reader *reader = NULL;
    rove__frame frame;
    rove_status status = ROVE_DONE;
    uint64_t handed = 0;
    size_t frames = 0;

    fuzz_check(rove__frame_reader_new(&allocator, &reader) == ROVE_OK);
    for (size_t at = 0; at < bytes->size && status == ROVE_DONE; at += 4096) {
        size_t some = bytes->size - at < 4096 ? bytes->size - at : 4096;
        status = rove__frame_reader_feed(reader, bytes->data + at, some);
        while (status == ROVE_OK && (status = rove__frame_reader_next(reader, &frame)) == ROVE_OK) {
            frames++;
            handed += frame.size + 5;
            fuzz_check(handed <=
                       (uint64_t)ROVE_FRAME_EXPANSION_MAX * (at + some) + ROVE_FRAME_SLACK);
        }
    }
    fuzz_check(!ours || (status == ROVE_DONE && rove__frame_reader_finish(reader) == ROVE_OK));
    rove__frame_reader_free(reader);
    fuzz_check(memory.alive == 0);
    fuzz_check(memory.most <= MEMORY_MAX);
    return frames;
}

static void ours(fuzz_input in, const rove_allocator *allocator) {
    rove__frame_writer *writer = NULL;
    size_t total = 0;
    size_t frames = 0;
    rove__buf bytes;

    rove__buf_init(&bytes, allocator, (size_t)8 << 20);
    fuzz_check(rove__frame_writer_new(allocator, ROVE_FRAME_WINDOW_LOG, &writer) == ROVE_OK);
    while (in.left > 0 && total < PLAIN_MAX) {
        uint8_t kind = fuzz_byte(&in);
        size_t size = fill(kind, (size_t)fuzz_number(&in, 3));
        rove_status status = rove__frame_write(writer, ROVE_FRAME_PAGE, plain, size, &bytes);
        if (status == ROVE_TOO_BIG && size > ROVE_FRAME_SURE) {
            break; /* noise: the stream is lost, and says so */
        }
        fuzz_check(status == ROVE_OK);
        total += size + 5;
        frames++;
    }
    if (rove__frame_write_end(writer, &bytes) == ROVE_OK) {
        fuzz_check(read_all(&bytes, 1) == frames);
    }
    rove__frame_writer_free(writer);
    rove__buf_free(&bytes);
}

/* Appends what zstd makes of the bytes. */
static void compress(ZSTD_CCtx *zstd, const void *from, size_t size, ZSTD_EndDirective directive,
                     rove__buf *out) {
    static uint8_t room[1 << 16];
    ZSTD_inBuffer in = {from, size, 0};
    size_t left = 1;

    while (left > 0 || in.pos < in.size) {
        ZSTD_outBuffer step = {room, sizeof room, 0};
        left = ZSTD_compressStream2(zstd, &step, &in, directive);
        fuzz_check(!ZSTD_isError(left));
        rove__buf_append(out, room, step.pos);
        if (directive == ZSTD_e_continue && in.pos == in.size) {
            break;
        }
    }
}

static void theirs(fuzz_input in, const rove_allocator *allocator, int window, int level) {
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    size_t total = 0;
    rove__buf bytes;

    fuzz_check(zstd != NULL);
    rove__buf_init(&bytes, allocator, (size_t)8 << 20);
    (void)ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level % 6);
    (void)ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, 10 + window % 15);
    (void)ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, level & 16 ? 1 : 0);
    while (in.left > 0 && total < PLAIN_MAX) {
        uint8_t kind = fuzz_byte(&in);
        size_t size = (size_t)fuzz_number(&in, 3);
        if (kind >= 128) { /* a header, and another zstd frame after it now and then */
            const uint8_t header[] = {kind & 31, 0, (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                                      (uint8_t)size};
            compress(zstd, header, sizeof header, kind >= 250 ? ZSTD_e_end : ZSTD_e_flush, &bytes);
        } else {
            size = fill(kind, size);
            compress(zstd, plain, size, kind >= 120 ? ZSTD_e_end : ZSTD_e_continue, &bytes);
            total += size;
        }
    }
    compress(zstd, NULL, 0, ZSTD_e_end, &bytes);
    if (rove__buf_status(&bytes) == ROVE_OK) {
        (void)read_all(&bytes, 0);
    }
    rove__buf_free(&bytes);
    ZSTD_freeCCtx(zstd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    fuzz_input in = {data, size};
    uint8_t window = fuzz_byte(&in);
    uint8_t level = fuzz_byte(&in);

    if (window & 128) {
        ours(in, &allocator);
    } else {
        theirs(in, &allocator, window, level);
    }
    fuzz_check(memory.alive == 0);
    return 0;
}

/* ---- seeds ---- */

static void give(const fuzz_seed *to, uint32_t head, const uint32_t *steps, size_t count) {
    static fuzz_output out;

    out.size = 0;
    fuzz_put_number(&out, head, 2);
    for (size_t i = 0; i < count; i++) {
        fuzz_put_number(&out, steps[i], 4);
    }
    fuzz_give(to, &out);
}

void fuzz_seeds(const fuzz_seed *to) {
    static const uint32_t zeros[] = {ROVE_FRAME_MAX, 5, ROVE_FRAME_MAX};
    static const uint32_t mixed[] = {0x02003000, 0x01040000, 5, 0x0203fc00, 0x00080000};
    static const uint32_t bomb[] = {0x96100000,     ROVE_FRAME_MAX, 0x96100000,
                                    ROVE_FRAME_MAX, 0x96100000,     ROVE_FRAME_MAX};
    static const uint32_t frames[] = {0x81000010, 0x00000010, 0xff000000};

    give(to, 0x8000, zeros, 3);
    give(to, 0x8000, mixed, 5);
    give(to, 0x0a01, bomb, 6);
    give(to, 0x0e13, bomb, 6); /* a window of 2^24 */
    give(to, 0x0002, frames, 3);
}
