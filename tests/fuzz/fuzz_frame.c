/*
 * fuzz_frame.c - a stream of frames means the same in whatever portions it comes, what it expands to stays within the
 * caps of wire/frame.h, and its reader never holds more than one frame and zstd's window. (Where zstd finds an error, it
 * keeps what it had made of the same portion; so of a damaged stream a frame more may come out in smaller ones.)
 *
 *   input = flags:byte portions:byte bytes*    flag 1: the bytes are what zstd made of frames; else what it is to make
 */
#include "fuzz.h"

#include <zstd.h>

#include "wire/frame.h"

#define MEMORY_MAX ((size_t)4 << 20) /* a frame, twice while it grows, and zstd */
#define FRAMES_MAX 4096

const size_t fuzz_mutations = 4000;

/* What came out. */
typedef struct result {
    size_t frames;
    uint64_t sums[FRAMES_MAX]; /* of types, sizes and payloads */
    uint64_t plain;
    rove_status status;
    rove_status finish;
} result;

static uint64_t sum_of(const rove__frame *frame) {
    uint64_t sum = (uint64_t)frame->type << 32 | frame->size;

    for (size_t i = 0; i < frame->size; i++) {
        sum = (sum ^ frame->payload[i]) * 0x100000001b3u;
    }
    return sum;
}

/* `portions` 0: all at once. */
static void read_all(const uint8_t *bytes, size_t size, uint8_t portions, result *r) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__frame_reader *reader = NULL;
    rove__frame frame;
    uint64_t state = portions;
    size_t at = 0;

    memset(r, 0, sizeof *r);
    r->status = ROVE_DONE;
    fuzz_check(rove__frame_reader_new(&allocator, &reader) == ROVE_OK);
    while (r->status == ROVE_DONE && at < size) {
        size_t some = portions == 0 ? size : 1 + dice(&state) % (portions < 128 ? 3 : 400);
        some = some < size - at ? some : size - at;
        r->status = rove__frame_reader_feed(reader, bytes + at, some);
        at += some;
        while (r->status == ROVE_OK) {
            r->status = rove__frame_reader_next(reader, &frame);
            if (r->status == ROVE_OK && r->frames < FRAMES_MAX) {
                r->sums[r->frames++] = sum_of(&frame);
                r->plain += frame.size + 5;
            }
            fuzz_check(r->plain <= (uint64_t)ROVE_FRAME_EXPANSION_MAX * at + ROVE_FRAME_SLACK);
        }
    }
    r->finish = rove__frame_reader_finish(reader);
    rove__frame_reader_free(reader);
    fuzz_check(memory.alive == 0);
    fuzz_check(memory.most <= MEMORY_MAX);
}

static void same(const result *a, const result *b) {
    fuzz_check(a->status == b->status);
    fuzz_check(a->finish == b->finish);
    size_t frames = a->frames < b->frames ? a->frames : b->frames;
    fuzz_check(a->frames == b->frames || a->status == ROVE_PROTOCOL);
    fuzz_check(memcmp(a->sums, b->sums, frames * sizeof *a->sums) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t packed[1 << 17];
    static result whole, pieces;
    fuzz_input in = {data, size};
    uint8_t flags = fuzz_byte(&in);
    uint8_t portions = fuzz_byte(&in);

    if ((flags & 1) == 0) {
        size_t made = ZSTD_compress(packed, sizeof packed, in.at, in.left, 1);
        if (ZSTD_isError(made)) {
            return 0;
        }
        in = (fuzz_input){packed, made};
    }
    read_all(in.at, in.left, 0, &whole);
    read_all(in.at, in.left, portions | 1, &pieces);
    same(&whole, &pieces);
    return 0;
}

/* ---- seeds ---- */

static void give_stream(const fuzz_seed *to, const rove__frame *frames, size_t count) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__frame_writer *writer = NULL;
    static fuzz_output out;
    rove__buf bytes;

    rove__buf_init(&bytes, &allocator, 60000);
    fuzz_check(rove__frame_writer_new(&allocator, ROVE_FRAME_WINDOW_LOG, &writer) == ROVE_OK);
    out.size = 0;
    fuzz_put_number(&out, 0, 2);
    for (size_t i = 0; i < count; i++) {
        fuzz_check(rove__frame_write(writer, frames[i].type, frames[i].payload, frames[i].size,
                                     &bytes) == ROVE_OK);
        fuzz_put_number(&out, frames[i].type, 1);
        fuzz_put_number(&out, frames[i].size, 4);
        fuzz_put(&out, frames[i].payload, frames[i].size);
    }
    fuzz_check(rove__frame_write_end(writer, &bytes) == ROVE_OK);
    fuzz_give(to, &out);
    out.size = 0;
    fuzz_put_number(&out, 0x0103, 2);
    fuzz_put(&out, bytes.data, bytes.size);
    fuzz_give(to, &out);
    rove__frame_writer_free(writer);
    rove__buf_free(&bytes);
}

void fuzz_seeds(const fuzz_seed *to) {
    static uint8_t zeros[20000];
    const rove__frame hello = {ROVE_FRAME_HELLO, (const uint8_t *)"hello", 5};
    const rove__frame page = {ROVE_FRAME_PAGE, zeros, sizeof zeros};
    const rove__frame pad = {ROVE_FRAME_PAD, zeros, 10};
    const rove__frame end = {ROVE_FRAME_END, zeros, 0};
    const rove__frame answer[] = {hello, page, pad, end};

    give_stream(to, NULL, 0);
    give_stream(to, &hello, 1);
    give_stream(to, answer, 4);
}
