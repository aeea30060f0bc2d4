/*
 * test_chunks.c - sealed files: what goes in comes out, in any portions and from any place; a file that was changed, cut, put
 * together from others or is of elsewhere says what it is before it gives a byte; the bytes are those that vault/chunks.h
 * describes.
 */
#include "vault/chunks.h"

#include "base/buf.h"
#include "hex.h"
#include "safe.h"

#define HEADER ((size_t)ROVE_CHUNKS_HEADER_SIZE)
#define UNIT   ((size_t)(ROVE_CHUNK_SIZE + ROVE_CHUNK_SEAL_SIZE))
#define MOST   ((size_t)3 * ROVE_CHUNK_SIZE + 100)

/* A file in memory. */
typedef struct file {
    uint8_t bytes[4 * (ROVE_CHUNK_SIZE + 256)];
    size_t size;
    size_t calls, fail_at; /* writes or reads; 0: none fails */
} file;

static safe s;
static rove__chunks_ports ports;
static uint8_t text[MOST];
static uint8_t out[MOST + ROVE_CHUNK_SIZE];

static rove_status put(void *ctx, const void *bytes, size_t size, rove_error *error) {
    file *f = ctx;

    (void)error;
    assert_true(size > 0 && size <= sizeof f->bytes - f->size);
    if (++f->calls == f->fail_at) {
        return ROVE_FULL;
    }
    memcpy(f->bytes + f->size, bytes, size);
    f->size += size;
    return ROVE_OK;
}

static rove_status get(void *ctx, uint64_t at, void *bytes, size_t size, rove_error *error) {
    file *f = ctx;

    (void)error;
    assert_true(at <= f->size && size <= f->size - at);
    if (++f->calls == f->fail_at) {
        return ROVE_IO;
    }
    memcpy(bytes, f->bytes + at, size);
    return ROVE_OK;
}

static rove_sink sink_of(file *f) {
    memset(f, 0, sizeof *f);
    return (rove_sink){put, f};
}

static rove_source source_of(file *f) {
    return (rove_source){f->size, get, f};
}

static int start(void **state) {
    safe_make(&s, "chunks", *(const safe_backend *)*state);
    assert_int_equal(rove__vault_open(&s.vault, &s.crypto, &s.random, &s.key), ROVE_OK);
    ports = (rove__chunks_ports){&s.allocator, &s.vault};
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 31 + (i >> 8) * 7);
    }
    return 0;
}

static int end(void **state) {
    (void)state;
    assert_int_equal(s.memory.alive, 0);
    rove__vault_close(&s.vault);
    safe_end(&s);
    return 0;
}

/* Seals the first bytes of the text, in portions. */
static void seal(file *f, size_t size, size_t portion) {
    rove__chunks_writer *writer = NULL;
    rove_sink to = sink_of(f);

    assert_int_equal(rove__chunks_new(&ports, ROVE_CHUNKS_EXPORT, &to, &writer, NULL), ROVE_OK);
    for (size_t at = 0; at < size; at += portion) {
        size_t most = size - at < portion ? size - at : portion;
        assert_int_equal(rove__chunks_write(writer, text + at, most, NULL), ROVE_OK);
    }
    assert_int_equal(rove__chunks_end(writer, NULL), ROVE_OK);
    assert_int_equal(rove__chunks_write(writer, text, 1, NULL), ROVE_STATE);
    assert_int_equal(rove__chunks_end(writer, NULL), ROVE_STATE);
    rove__chunks_drop(writer);
}

/* What opening, or else reading all of it, says; what was read is in `out`. */
static rove_status open_all(file *f, size_t *size) {
    rove__chunks_reader *reader = NULL;
    rove_source from = source_of(f);
    rove_error error = {.message = ""};
    size_t got = 1;

    *size = 0;
    rove_status status = rove__chunks_open(&ports, ROVE_CHUNKS_EXPORT, &from, &reader, &error);
    assert_true((reader != NULL) == (status == ROVE_OK));
    while (status == ROVE_OK && got > 0) {
        status = rove__chunks_read(reader, *size, out + *size, 60000, &got, &error);
        *size += got;
    }
    assert_true(status == ROVE_OK || error.message[0] != '\0' || f->fail_at > 0);
    rove__chunks_close(reader);
    return status;
}

static rove_status opened(file *f) {
    size_t size = 0;
    return open_all(f, &size);
}

static void is_text(file *f, size_t size) {
    size_t got = 0;

    assert_int_equal(open_all(f, &got), ROVE_OK);
    assert_int_equal(got, size);
    assert_memory_equal(out, text, size);
}

static void any_size_in_any_portions_comes_out(void **state) {
    static const size_t sizes[] = {0,
                                   1,
                                   100,
                                   ROVE_CHUNK_SIZE - 1,
                                   ROVE_CHUNK_SIZE,
                                   ROVE_CHUNK_SIZE + 1,
                                   (size_t)2 * ROVE_CHUNK_SIZE,
                                   MOST};
    static const size_t portions[] = {7, 4096, ROVE_CHUNK_SIZE, MOST};
    static file f;
    (void)state;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t k = 0; k < sizeof portions / sizeof *portions; k++) {
            seal(&f, sizes[i], portions[k]);
            size_t chunks = sizes[i] == 0 ? 1 : (sizes[i] - 1) / ROVE_CHUNK_SIZE + 1;
            assert_int_equal(f.size, HEADER + sizes[i] + chunks * ROVE_CHUNK_SEAL_SIZE);
            is_text(&f, sizes[i]);
        }
    }
}

static void any_place_is_read_by_itself(void **state) {
    rove__chunks_reader *reader = NULL;
    static file f;
    size_t size = 0;
    (void)state;

    seal(&f, MOST, MOST);
    rove_source from = source_of(&f);
    assert_int_equal(rove__chunks_open(&ports, ROVE_CHUNKS_EXPORT, &from, &reader, NULL), ROVE_OK);
    for (size_t at = 0; at < MOST; at += 19993) {
        size_t chunk_left = ROVE_CHUNK_SIZE - at % ROVE_CHUNK_SIZE;
        size_t left = MOST - at < chunk_left ? MOST - at : chunk_left;
        assert_int_equal(rove__chunks_read(reader, at, out, 5000, &size, NULL), ROVE_OK);
        assert_int_equal(size, left < 5000 ? left : 5000);
        assert_memory_equal(out, text + at, size);
    }
    assert_int_equal(rove__chunks_read(reader, MOST, out, 10, &size, NULL), ROVE_OK);
    assert_int_equal(size, 0);
    assert_int_equal(rove__chunks_read(reader, UINT64_MAX, out, 10, &size, NULL), ROVE_OK);
    assert_int_equal(size, 0);
    /* A damaged chunk in the middle takes nothing from the others. */
    f.bytes[HEADER + UNIT + 50] ^= 1;
    assert_int_equal(rove__chunks_read(reader, 0, out, 10, &size, NULL), ROVE_OK);
    assert_int_equal(rove__chunks_read(reader, ROVE_CHUNK_SIZE, out, 10, &size, NULL),
                     ROVE_CORRUPT);
    assert_int_equal(size, 0);
    assert_int_equal(rove__chunks_read(reader, 2 * ROVE_CHUNK_SIZE, out, 10, &size, NULL), ROVE_OK);
    rove__chunks_close(reader);
}

/* The way that the header describes, gone by hand. */
static void the_bytes_are_as_described(void **state) {
    const rove_crypto *c = &s.crypto;
    const char magic[] = "RoveFile\x01\x01";
    uint8_t info[9 + 1 + 16] = "rove file";
    uint8_t where[ROVE_CHUNKS_HEADER_SIZE + 9] = {0};
    uint8_t digest[32];
    uint8_t key[32];
    static file f;
    (void)state;

    seal(&f, ROVE_CHUNK_SIZE + 10, MOST);
    assert_memory_equal(f.bytes, magic, 10);
    assert_int_equal(f.bytes[10], s.key.generation);
    assert_memory_equal(f.bytes + 11, s.key.file_id, 16);
    const rove_span span = {f.bytes, 43};
    assert_int_equal(c->sha256(c->ctx, &span, 1, digest), ROVE_OK);
    assert_memory_equal(f.bytes + 43, digest, 32);

    info[9] = 1;
    memcpy(info + 10, f.bytes + 27, 16);
    assert_int_equal(c->hkdf_sha256(c->ctx, s.key.key, 32, s.key.file_id, 16, info, sizeof info,
                                    key, sizeof key),
                     ROVE_OK);
    memcpy(where, f.bytes, HEADER);
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *unit = f.bytes + HEADER + i * UNIT;
        size_t size = i == 0 ? ROVE_CHUNK_SIZE : 10;
        where[HEADER + 7] = (uint8_t)i;
        where[HEADER + 8] = i == 1;
        assert_int_equal(c->gcm_open(c->ctx, key, unit, where, sizeof where, unit + 12, size,
                                     unit + 12 + size, out),
                         ROVE_OK);
        assert_memory_equal(out, text + i * ROVE_CHUNK_SIZE, size);
    }
}

/* ---- golden bytes ---- */

/* A file that the first build of this format wrote; every later one has to open it. */
static const char golden[] =
    "526f766546696c65010105c8c9cacbcccdcecfd0d1d2d3d4d5d6d705060708090a0b0c0d0e0f101112131497"
    "a237856e6b56687573e530137ce5da312d7a8f6cb33e9d881284f87837069115161718191a1b1c1d1e1f2030"
    "2c2cf2210713e2dbe1f089e29d401470ed389d414aaff637e98da6ca878a2cb3d9f51c64812019cb8c6c272f"
    "c547";

static rove_status counted(void *ctx, void *bytes, size_t size) {
    uint8_t *next = ctx;

    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)bytes)[i] = (*next)++;
    }
    return ROVE_OK;
}

static void golden_bytes_stay(void **state) {
    static const char words[] = "Everything that a rep recorded.";
    static file f;
    static uint8_t known[1024];
    uint8_t next = 1;
    rove_random random = {counted, &next};
    rove__chunks_writer *writer = NULL;
    (void)state;

    rove__vault_close(&s.vault);
    for (size_t i = 0; i < 32; i++) {
        s.key.key[i] = (uint8_t)(i * 3);
        s.key.file_id[i % 16] = (uint8_t)(200 + i % 16);
    }
    s.key.generation = 5;
    assert_int_equal(rove__vault_open(&s.vault, &s.crypto, &random, &s.key), ROVE_OK);
    rove_sink to = sink_of(&f);
    assert_int_equal(rove__chunks_new(&ports, ROVE_CHUNKS_EXPORT, &to, &writer, NULL), ROVE_OK);
    assert_int_equal(rove__chunks_write(writer, words, sizeof words - 1, NULL), ROVE_OK);
    assert_int_equal(rove__chunks_end(writer, NULL), ROVE_OK);
    rove__chunks_drop(writer);
    size_t size = hex_read(golden, known, sizeof known);
    assert_int_equal(f.size, size);
    assert_memory_equal(f.bytes, known, size);
    assert_int_equal(open_all(&f, &size), ROVE_OK);
    assert_int_equal(size, sizeof words - 1);
    assert_memory_equal(out, words, size);
}

/* ---- what is wrong with a file ---- */

static void nothing_is_readable_in_it(void **state) {
    static file f;
    static file again;
    (void)state;

    memset(text, 'a', sizeof text);
    memcpy(text, "Zanzibar Bakery", 15);
    seal(&f, MOST, MOST);
    safe_bytes all = {f.bytes, f.size};
    assert_false(safe_holds(&all, "Zanzibar"));
    assert_false(safe_holds(&all, "aaaa"));
    /* The same once more is another file: of another id, so of another key. */
    seal(&again, MOST, MOST);
    assert_memory_not_equal(f.bytes + 27, again.bytes + 27, 16);
    assert_memory_not_equal(f.bytes + HEADER + 12, again.bytes + HEADER + 12, 32);
}

static void every_flipped_bit_is_damage(void **state) {
    static file f;
    (void)state;

    seal(&f, 200, 200);
    for (size_t at = 0; at < f.size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            f.bytes[at] ^= (uint8_t)(1u << bit);
            assert_int_equal(opened(&f), ROVE_CORRUPT);
            f.bytes[at] ^= (uint8_t)(1u << bit);
        }
    }
    is_text(&f, 200);
    seal(&f, MOST, MOST);
    for (size_t at = 0; at < f.size; at += 997) {
        f.bytes[at] ^= 0x10;
        assert_int_equal(opened(&f), ROVE_CORRUPT);
        f.bytes[at] ^= 0x10;
    }
    is_text(&f, MOST);
}

static void every_cut_is_damage_before_a_byte_is_given(void **state) {
    static file f;
    size_t got = 0;
    (void)state;

    seal(&f, 200, 200);
    for (size_t size = f.size; size-- > 0;) {
        f.size = size;
        assert_int_equal(opened(&f), ROVE_CORRUPT);
    }
    seal(&f, MOST, MOST);
    size_t whole = f.size;
    for (size_t size = HEADER; size < whole; size += size % 911 == 0 ? 1 : 911) {
        f.size = size;
        assert_int_equal(open_all(&f, &got), ROVE_CORRUPT);
        assert_int_equal(got, 0);
    }
    for (size_t chunks = 0; chunks <= 3; chunks++) {
        f.size = HEADER + chunks * UNIT; /* exactly between two of them */
        assert_int_equal(open_all(&f, &got), ROVE_CORRUPT);
        assert_int_equal(got, 0);
    }
    f.size = whole + 1; /* and what is longer */
    assert_int_equal(opened(&f), ROVE_CORRUPT);
}

static void chunks_are_not_moved_repeated_or_taken_from_elsewhere(void **state) {
    static file f;
    static file g;
    static uint8_t kept[UNIT];
    uint8_t *first = f.bytes + HEADER;
    (void)state;

    seal(&f, MOST, MOST);
    seal(&g, MOST, MOST);
    memcpy(kept, first, UNIT);
    memmove(first, first + UNIT, UNIT); /* repeated */
    assert_int_equal(opened(&f), ROVE_CORRUPT);
    memcpy(first + UNIT, kept, UNIT); /* and so swapped */
    assert_int_equal(opened(&f), ROVE_CORRUPT);
    memmove(first + UNIT, first, UNIT);
    memcpy(first, kept, UNIT);
    is_text(&f, MOST);
    memcpy(first, g.bytes + HEADER, UNIT); /* of another file of this replica, with the same text */
    assert_int_equal(opened(&f), ROVE_CORRUPT);
    memcpy(first, kept, UNIT);
    /* A last chunk in front of another one, and one that is left out. */
    size_t last = f.size - HEADER - 3 * UNIT;
    memcpy(g.bytes, f.bytes, f.size);
    memmove(g.bytes + HEADER + UNIT, g.bytes + HEADER + 2 * UNIT, UNIT + last);
    g.size = f.size - UNIT;
    assert_int_equal(opened(&g), ROVE_CORRUPT);
    /* The header of one over the chunks of the other. */
    seal(&g, MOST, MOST);
    memcpy(g.bytes, f.bytes, HEADER);
    assert_int_equal(opened(&g), ROVE_CORRUPT);
}

/* With a digest that fits, as somebody writes it who knows how. */
static void mend(file *f) {
    const rove_span span = {f->bytes, HEADER - 32};
    assert_int_equal(s.crypto.sha256(s.crypto.ctx, &span, 1, f->bytes + HEADER - 32), ROVE_OK);
}

static void what_is_not_of_here_says_so(void **state) {
    static file f;
    static file changed;
    rove__data_key next;
    (void)state;

    seal(&f, 100, 100);
    changed = f;
    changed.bytes[8] = 2;
    mend(&changed);
    assert_int_equal(opened(&changed), ROVE_UPGRADE);
    changed.bytes[8] = 0;
    mend(&changed);
    assert_int_equal(opened(&changed), ROVE_CORRUPT);
    changed = f;
    changed.bytes[9] = 2;
    mend(&changed);
    assert_int_equal(opened(&changed), ROVE_INVALID);
    changed = f;
    changed.bytes[11] ^= 1;
    mend(&changed);
    assert_int_equal(opened(&changed), ROVE_WRONG_KEY);
    changed = f;
    changed.bytes[10]++;
    mend(&changed);
    assert_int_equal(opened(&changed), ROVE_WRONG_KEY);
    changed = f;
    changed.bytes[27] ^= 1;
    mend(&changed);
    assert_int_equal(opened(&changed), ROVE_CORRUPT);

    /* A data key that was replaced, and then has no former one any more. */
    assert_int_equal(rove__data_key_follow(&s.random, &s.key, &next), ROVE_OK);
    assert_int_equal(rove__vault_unlock(&s.vault, &next), ROVE_OK);
    is_text(&f, 100);
    seal(&changed, 100, 100);
    next.has_former = 0;
    assert_int_equal(rove__vault_unlock(&s.vault, &next), ROVE_OK);
    assert_int_equal(opened(&f), ROVE_WRONG_KEY);
    is_text(&changed, 100);
    /* Another replica. */
    assert_int_equal(rove__data_key_draw(&s.random, &next), ROVE_OK);
    assert_int_equal(rove__vault_unlock(&s.vault, &next), ROVE_OK);
    assert_int_equal(opened(&changed), ROVE_WRONG_KEY);
}

/* ---- the lock, and failures ---- */

static void a_locked_vault_seals_and_opens_nothing(void **state) {
    rove__chunks_writer *writer = NULL;
    rove__chunks_reader *reader = NULL;
    static file f;
    static file g;
    size_t size = 0;
    (void)state;

    seal(&f, MOST, MOST);
    rove_source from = source_of(&f);
    rove_sink to = sink_of(&g);
    assert_int_equal(rove__chunks_open(&ports, ROVE_CHUNKS_EXPORT, &from, &reader, NULL), ROVE_OK);
    assert_int_equal(rove__chunks_read(reader, 0, out, 10, &size, NULL), ROVE_OK);
    assert_int_equal(rove__chunks_new(&ports, ROVE_CHUNKS_EXPORT, &to, &writer, NULL), ROVE_OK);
    rove__vault_lock(&s.vault);
    assert_int_equal(rove__chunks_read(reader, 0, out, 10, &size, NULL), ROVE_LOCKED);
    assert_int_equal(size, 0);
    assert_int_equal(rove__chunks_write(writer, text, MOST, NULL), ROVE_LOCKED);
    assert_int_equal(rove__chunks_end(writer, NULL), ROVE_LOCKED);
    rove__chunks_close(reader);
    rove__chunks_drop(writer);
    assert_int_equal(g.size, HEADER);
    assert_int_equal(rove__chunks_open(&ports, ROVE_CHUNKS_EXPORT, &from, &reader, NULL),
                     ROVE_LOCKED);
    assert_null(reader);
    assert_int_equal(rove__chunks_new(&ports, ROVE_CHUNKS_EXPORT, &to, &writer, NULL), ROVE_LOCKED);
    assert_null(writer);
}

static rove_status seal_failing(file *f, size_t fail_at) {
    rove__chunks_writer *writer = NULL;
    rove_sink to = sink_of(f);

    f->fail_at = fail_at;
    rove_status status = rove__chunks_new(&ports, ROVE_CHUNKS_EXPORT, &to, &writer, NULL);
    assert_true((writer != NULL) == (status == ROVE_OK));
    if (status == ROVE_OK) {
        status = rove__chunks_write(writer, text, MOST, NULL);
    }
    if (status == ROVE_OK) {
        status = rove__chunks_end(writer, NULL);
    }
    if (writer != NULL && status != ROVE_OK) {
        assert_int_equal(rove__chunks_end(writer, NULL), status); /* it stays failed */
    }
    rove__chunks_drop(writer);
    return status;
}

static void whatever_fails_below_is_said(void **state) {
    static file f;
    (void)state;

    for (size_t n = 1; n <= 5; n++) { /* header, four chunks */
        assert_int_equal(seal_failing(&f, n), ROVE_FULL);
        f.fail_at = 0;
        assert_int_not_equal(opened(&f), ROVE_OK);
    }
    assert_int_equal(seal_failing(&f, 6), ROVE_OK);
    for (size_t n = 1; n <= 5; n++) { /* header, last, three */
        f.calls = 0;
        f.fail_at = n;
        assert_int_equal(opened(&f), ROVE_IO);
    }
    f.fail_at = 0;
    is_text(&f, MOST);
    s.memory.calls = 0;
    s.memory.fail_at = 1;
    assert_int_equal(opened(&f), ROVE_NOMEM);
    s.memory.calls = 0;
    s.memory.fail_at = 1;
    assert_int_equal(seal_failing(&f, 0), ROVE_NOMEM);
    s.memory.fail_at = 0;
}

int main(void) {
    static safe_backend backends[] = {SAFE_OPENSSL, SAFE_MBEDTLS};
    static const char *const names[] = {"OpenSSL", "mbedTLS"};
    int failed = 0;

    for (size_t i = 0; i < 2; i++) {
#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, start, end, &backends[i])
        const struct CMUnitTest tests[] = {
            TEST(any_size_in_any_portions_comes_out),
            TEST(any_place_is_read_by_itself),
            TEST(the_bytes_are_as_described),
            TEST(golden_bytes_stay),
            TEST(nothing_is_readable_in_it),
            TEST(every_flipped_bit_is_damage),
            TEST(every_cut_is_damage_before_a_byte_is_given),
            TEST(chunks_are_not_moved_repeated_or_taken_from_elsewhere),
            TEST(what_is_not_of_here_says_so),
            TEST(a_locked_vault_seals_and_opens_nothing),
            TEST(whatever_fails_below_is_said),
        };
        failed += cmocka_run_group_tests_name(names[i], tests, NULL, NULL);
    }
    return failed;
}
