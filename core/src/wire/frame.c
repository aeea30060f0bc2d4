/*
 * wire/frame.c - frames in one zstd stream; the format is in frame.h.
 *
 * The reader asks zstd for exactly as many bytes as the header, and then the frame, still lack, and
 * gives it exactly as many compressed bytes as it asks for. So neither a header's size nor a bomb
 * makes it hold more than one frame, and compressed bytes are charged to the frame that they belong
 * to (give or take the 3 bytes of a block's header).
 *
 * Invariants: reader->plain <= ROVE_FRAME_EXPANSION_MAX * reader->compressed + ROVE_FRAME_SLACK
 * after every step; a status other than ROVE_OK, once reached by either side, is final.
 */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_customMem */
#include "wire/frame.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/alloc.h"
#include "base/assert.h"

#define HEADER_SIZE 5u
/* What the writer asks zstd's output to be given at a time, and the reader its plain bytes. */
#define STEP_SIZE 65536u
/* Headroom of the writer below the reader's cap on compressed bytes: block headers. */
#define COMPRESSED_MARGIN 16u
#define PAD_SIZE          4096u
/*
 * zstd has one table of byte frequencies per block. Columns of a batch differ in theirs, so small
 * blocks compress them 3 to 7 % better than zstd's own of 128 KiB, in the same time.
 */
#define BLOCK_SIZE 16384u

static void *zstd_alloc(void *allocator, size_t size) {
    return rove__alloc(allocator, size);
}

static void zstd_free(void *allocator, void *pointer) {
    rove__free(allocator, pointer);
}

struct rove__frame_writer {
    rove_allocator allocator;
    ZSTD_CCtx *zstd;
    rove_status status;
    uint64_t plain;      /* bytes of the stream so far, before compression */
    uint64_t compressed; /* and after */
    uint64_t noise;      /* state of the padding's generator */
};

struct rove__frame_reader {
    rove_allocator allocator;
    ZSTD_DCtx *zstd;
    rove_status status;
    const uint8_t *input; /* borrowed: fed, not yet used */
    size_t input_size;
    size_t wanted; /* compressed bytes that zstd wants next */
    int pending;   /* zstd filled all it was given last, so it may hold more */
    uint64_t plain;
    uint64_t compressed;
    size_t frame_compressed; /* since the last frame's end */
    size_t magic_size;       /* bytes of zstd's magic number seen */
    int ended;               /* the zstd stream is complete */
    int taken;               /* the frame was handed out */
    uint8_t header[HEADER_SIZE];
    size_t header_size;
    size_t size; /* of the payload, by its header */
    rove__buf payload;
};

static int type_valid(unsigned type) {
    return (type >= ROVE_FRAME_HELLO && type <= ROVE_FRAME_FORMER) ||
           (type >= ROVE_FRAME_WELCOME && type <= ROVE_FRAME_FORMER_ACK) ||
           type == ROVE_FRAME_PAD || type == ROVE_FRAME_END;
}

rove_status rove__frame_writer_new(const rove_allocator *allocator, int window_log,
                                   rove__frame_writer **out) {
    rove__frame_writer *writer = rove__alloc_zeroed(allocator, 1, sizeof *writer);
    ZSTD_customMem memory = {zstd_alloc, zstd_free, NULL};
    size_t set = 0;

    *out = NULL;
    if (writer == NULL) {
        return ROVE_NOMEM;
    }
    writer->allocator = *allocator;
    memory.opaque = &writer->allocator;
    writer->noise = 0x9e3779b97f4a7c15u;
    writer->zstd = ZSTD_createCCtx_advanced(memory);
    if (writer->zstd == NULL) {
        rove__frame_writer_free(writer);
        return ROVE_NOMEM;
    }
    set = ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, ROVE_FRAME_LEVEL);
    ROVE_ASSERT(!ZSTD_isError(set));
    set = ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_windowLog, window_log);
    ROVE_ASSERT(!ZSTD_isError(set));
    (void)set;
    *out = writer;
    return ROVE_OK;
}

void rove__frame_writer_free(rove__frame_writer *writer) {
    if (writer == NULL) {
        return;
    }
    (void)ZSTD_freeCCtx(writer->zstd);
    rove__free(&writer->allocator, writer);
}

/* Room for the next piece of output: what `size` bytes take at most, within limits; 0 never. */
static size_t step_size(const rove__buf *out, size_t size) {
    size_t step = size / 64 + size + 64;
    size_t left = out->max - out->size;

    step = step < STEP_SIZE ? step : STEP_SIZE;
    step = step < left ? step : left;
    return step > 0 ? step : 1;
}

/*
 * Runs bytes through zstd into `out` until the directive is done. All are taken then: only a header does
 * not end a block, and for that zstd has room.
 */
static rove_status compress(rove__frame_writer *writer, const void *bytes, size_t size,
                            ZSTD_EndDirective directive, rove__buf *out) {
    ZSTD_inBuffer in = {bytes, size, 0};
    size_t left = 0;

    writer->plain += size;
    do {
        size_t capacity = step_size(out, size);
        uint8_t *room = rove__buf_reserve(out, capacity);
        ZSTD_outBuffer step = {room, capacity, 0};

        if (room == NULL) {
            return rove__buf_status(out);
        }
        left = ZSTD_compressStream2(writer->zstd, &step, &in, directive);
        rove__buf_truncate(out, out->size - capacity + step.pos);
        writer->compressed += step.pos;
        if (ZSTD_isError(left)) {
            return ROVE_NOMEM; /* the only way in which valid calls fail */
        }
    } while (directive != ZSTD_e_continue && left > 0);
    ROVE_ASSERT(in.pos == in.size);
    return ROVE_OK;
}

static rove_status write_frame(rove__frame_writer *writer, rove__frame_type type,
                               const void *payload, size_t size, rove__buf *out) {
    uint8_t header[HEADER_SIZE] = {(uint8_t)type, (uint8_t)(size >> 24), (uint8_t)(size >> 16),
                                   (uint8_t)(size >> 8), (uint8_t)size};
    const uint8_t *bytes = payload == NULL ? header : payload;
    uint64_t before = writer->compressed;
    rove_status status = compress(writer, header, sizeof header, ZSTD_e_continue, out);

    for (size_t at = 0; status == ROVE_OK && (at < size || at == 0); at += BLOCK_SIZE) {
        size_t step = size - at < BLOCK_SIZE ? size - at : BLOCK_SIZE;

        status = compress(writer, bytes + at, step, ZSTD_e_flush, out);
    }
    if (status == ROVE_OK &&
        writer->compressed - before > ROVE_FRAME_COMPRESSED_MAX - COMPRESSED_MARGIN) {
        status = ROVE_TOO_BIG;
    }
    return status;
}

/*
 * A frame of bytes that do not compress (xorshift64*), so that the stream stays within the
 * expansion cap.
 */
static rove_status write_padding(rove__frame_writer *writer, rove__buf *out) {
    uint8_t bytes[PAD_SIZE];

    for (size_t i = 0; i < sizeof bytes; i++) {
        writer->noise ^= writer->noise >> 12;
        writer->noise ^= writer->noise << 25;
        writer->noise ^= writer->noise >> 27;
        bytes[i] = (uint8_t)((writer->noise * 0x2545f4914f6cdd1du) >> 56);
    }
    return write_frame(writer, ROVE_FRAME_PAD, bytes, sizeof bytes, out);
}

rove_status rove__frame_write(rove__frame_writer *writer, rove__frame_type type,
                              const void *payload, size_t size, rove__buf *out) {
    ROVE_ASSERT(type_valid(type) && (payload != NULL || size == 0));
    if (writer->status != ROVE_OK) {
        return writer->status;
    }
    if (size > ROVE_FRAME_MAX) {
        return ROVE_TOO_BIG;
    }
    writer->status = write_frame(writer, type, payload, size, out);
    while (writer->status == ROVE_OK &&
           writer->plain > ROVE_FRAME_EXPANSION_MAX * writer->compressed + ROVE_FRAME_FREE) {
        writer->status = write_padding(writer, out);
    }
    return writer->status;
}

rove_status rove__frame_write_end(rove__frame_writer *writer, rove__buf *out) {
    if (writer->status == ROVE_OK) {
        writer->status = compress(writer, NULL, 0, ZSTD_e_end, out);
    }
    return writer->status;
}

rove_status rove__frame_reader_new(const rove_allocator *allocator, rove__frame_reader **out) {
    rove__frame_reader *reader = rove__alloc_zeroed(allocator, 1, sizeof *reader);
    ZSTD_customMem memory = {zstd_alloc, zstd_free, NULL};
    size_t set = 0;

    *out = NULL;
    if (reader == NULL) {
        return ROVE_NOMEM;
    }
    reader->allocator = *allocator;
    memory.opaque = &reader->allocator;
    rove__buf_init(&reader->payload, &reader->allocator, ROVE_FRAME_MAX);
    reader->wanted = 1;
    reader->zstd = ZSTD_createDCtx_advanced(memory);
    if (reader->zstd == NULL) {
        rove__frame_reader_free(reader);
        return ROVE_NOMEM;
    }
    set = ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_windowLogMax, ROVE_FRAME_WINDOW_LOG);
    ROVE_ASSERT(!ZSTD_isError(set));
    (void)set;
    *out = reader;
    return ROVE_OK;
}

void rove__frame_reader_free(rove__frame_reader *reader) {
    if (reader == NULL) {
        return;
    }
    (void)ZSTD_freeDCtx(reader->zstd);
    rove__buf_free(&reader->payload);
    rove__free(&reader->allocator, reader);
}

rove_status rove__frame_reader_feed(rove__frame_reader *reader, const void *bytes, size_t size) {
    if (reader->status != ROVE_OK) {
        return reader->status;
    }
    ROVE_ASSERT(reader->input_size == 0);
    if (size > 0 && reader->ended) {
        reader->status = ROVE_PROTOCOL;
        return reader->status;
    }
    reader->input = bytes;
    reader->input_size = size;
    return ROVE_OK;
}

/* The stream is zstd's own format from its first byte, not a legacy or a skippable one. */
static int magic_valid(rove__frame_reader *reader, size_t size) {
    static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};

    for (size_t i = 0; i < size && reader->magic_size < sizeof magic; i++) {
        if (reader->input[i] != magic[reader->magic_size++]) {
            return 0;
        }
    }
    return 1;
}

static rove_status zstd_failure(size_t code) {
    return ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation ? ROVE_NOMEM : ROVE_PROTOCOL;
}

/*
 * Decodes up to `size` bytes into `to`. *got = 0: zstd needs more input, or the stream has ended.
 */
static rove_status decompress(rove__frame_reader *reader, uint8_t *to, size_t size, size_t *got) {
    ZSTD_outBuffer out = {to, size, 0};

    *got = 0;
    while (out.pos == 0 && !reader->ended) {
        size_t given = reader->wanted < reader->input_size ? reader->wanted : reader->input_size;
        ZSTD_inBuffer in = {reader->input, given, 0};
        size_t wanted = 0;

        if (given == 0 && !reader->pending) {
            break;
        }
        if (!magic_valid(reader, given)) {
            return ROVE_PROTOCOL;
        }
        wanted = ZSTD_decompressStream(reader->zstd, &out, &in);
        reader->input += in.pos;
        reader->input_size -= in.pos;
        reader->compressed += in.pos;
        reader->frame_compressed += in.pos;
        reader->plain += out.pos;
        if (ZSTD_isError(wanted)) {
            return zstd_failure(wanted);
        }
        if (reader->frame_compressed > ROVE_FRAME_COMPRESSED_MAX ||
            reader->plain > ROVE_FRAME_EXPANSION_MAX * reader->compressed + ROVE_FRAME_SLACK) {
            return ROVE_PROTOCOL;
        }
        reader->ended = wanted == 0;
        reader->wanted = wanted;
        reader->pending = out.pos == out.size;
    }
    *got = out.pos;
    return ROVE_OK;
}

static rove_status read_header(rove__frame_reader *reader) {
    rove_status status = ROVE_OK;
    size_t got = 1;

    while (status == ROVE_OK && got > 0 && reader->header_size < HEADER_SIZE) {
        status = decompress(reader, reader->header + reader->header_size,
                            HEADER_SIZE - reader->header_size, &got);
        reader->header_size += got;
    }
    if (status != ROVE_OK || reader->header_size < HEADER_SIZE) {
        return status;
    }
    reader->size = (size_t)reader->header[1] << 24 | (size_t)reader->header[2] << 16 |
                   (size_t)reader->header[3] << 8 | reader->header[4];
    if (!type_valid(reader->header[0]) || reader->size > ROVE_FRAME_MAX) {
        return ROVE_PROTOCOL;
    }
    return ROVE_OK;
}

static rove_status read_payload(rove__frame_reader *reader) {
    rove__buf *payload = &reader->payload;
    rove_status status = ROVE_OK;
    size_t got = 1;

    while (status == ROVE_OK && got > 0 && payload->size < reader->size) {
        size_t lacking = reader->size - payload->size;
        size_t step = lacking < STEP_SIZE ? lacking : STEP_SIZE;
        uint8_t *room = rove__buf_reserve(payload, step);

        if (room == NULL) {
            return rove__buf_status(payload);
        }
        status = decompress(reader, room, step, &got);
        rove__buf_truncate(payload, payload->size - step + got);
    }
    return status;
}

/* Forgets a frame that was handed out or is padding. */
static void start_frame(rove__frame_reader *reader) {
    reader->header_size = 0;
    reader->frame_compressed = 0;
    reader->taken = 0;
    rove__buf_reset(&reader->payload);
}

/* ROVE_OK: a whole frame is there. ROVE_DONE: it takes more input. */
static rove_status read_frame(rove__frame_reader *reader) {
    rove_status status = read_header(reader);

    if (status == ROVE_OK && reader->header_size == HEADER_SIZE) {
        status = read_payload(reader);
        if (status == ROVE_OK && reader->payload.size == reader->size) {
            return ROVE_OK;
        }
    }
    if (status == ROVE_OK && reader->ended && reader->header_size > 0) {
        return ROVE_TRUNCATED;
    }
    if (status == ROVE_OK && reader->ended && reader->input_size > 0) {
        return ROVE_PROTOCOL; /* something follows the end */
    }
    return status == ROVE_OK ? ROVE_DONE : status;
}

rove_status rove__frame_reader_next(rove__frame_reader *reader, rove__frame *frame) {
    rove_status status = reader->status;

    memset(frame, 0, sizeof *frame);
    while (status == ROVE_OK) {
        if (reader->taken) {
            start_frame(reader);
        }
        status = read_frame(reader);
        reader->taken = status == ROVE_OK;
        if (reader->taken && reader->header[0] != ROVE_FRAME_PAD) {
            break;
        }
    }
    if (status == ROVE_OK) {
        frame->type = (rove__frame_type)reader->header[0];
        frame->payload = reader->payload.data;
        frame->size = reader->size;
    } else if (status != ROVE_DONE) {
        reader->status = status;
    }
    return status;
}

rove_status rove__frame_reader_finish(const rove__frame_reader *reader) {
    if (reader->status != ROVE_OK) {
        return reader->status;
    }
    /* A stream that ends within a frame has failed by now. */
    ROVE_ASSERT(!reader->ended || reader->header_size == 0 || reader->taken);
    return reader->ended ? ROVE_OK : ROVE_TRUNCATED;
}
