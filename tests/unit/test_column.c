/* Packed vectors give back what was put in, in every form, and never take more than they said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "wire/column.h"

#define COUNT_MAX 700

typedef int64_t (*pattern)(uint64_t *seed, size_t i, int64_t before);

static int64_t constant(uint64_t *seed, size_t i, int64_t before) {
    (void)seed;
    (void)i;
    (void)before;
    return 42;
}
static int64_t zero(uint64_t *seed, size_t i, int64_t before) {
    (void)seed;
    (void)i;
    (void)before;
    return 0;
}
static int64_t ascending(uint64_t *seed, size_t i, int64_t before) {
    return i == 0 ? INT64_C(1) << 40 : before + 1 + (int64_t)(dice(seed) % 3);
}
static int64_t on_a_grid(uint64_t *seed, size_t i, int64_t before) {
    (void)i;
    (void)before;
    return INT64_C(1767225600000) + (int64_t)(dice(seed) % 30000) * 900000;
}
static int64_t small(uint64_t *seed, size_t i, int64_t before) {
    (void)i;
    (void)before;
    return (int64_t)(dice(seed) % 5) - 2;
}
static int64_t mostly_near(uint64_t *seed, size_t i, int64_t before) {
    return i % 50 == 0 ? (int64_t)dice(seed) : before + 1;
}
static int64_t anything(uint64_t *seed, size_t i, int64_t before) {
    (void)i;
    (void)before;
    return (int64_t)dice(seed);
}
static int64_t extremes(uint64_t *seed, size_t i, int64_t before) {
    static const int64_t values[] = {INT64_MIN, INT64_MAX, 0, -1, 1};

    (void)i;
    (void)before;
    return values[dice(seed) % 5];
}
static int64_t late_change(uint64_t *seed, size_t i, int64_t before) {
    (void)seed;
    (void)before;
    return i < 300 ? -7 : 9;
}

static const pattern patterns[] = {constant, zero,     ascending,   on_a_grid,  small,
                                   anything, extremes, mostly_near, late_change};

typedef struct fixture {
    heap h;
    rove_allocator allocator;
    rove__packer packer;
    rove__ints ints;
    rove__buf out;
} fixture;

static void open(fixture *f) {
    memset(f, 0, sizeof *f);
    f->allocator = heap_allocator(&f->h);
    rove__arena_init(&f->packer.arena, &f->allocator, 1 << 20);
    rove__buf_init(&f->out, &f->allocator, 1 << 20);
}

static void close(fixture *f) {
    rove__arena_free(&f->packer.arena);
    rove__buf_free(&f->out);
    assert_int_equal(f->h.alive, 0);
}

static void round_trip(pattern make, size_t count, uint64_t seed) {
    int64_t values[COUNT_MAX];
    fixture f;
    rove__reader reader;
    rove__ints_reader ints;

    open(&f);
    for (size_t i = 0; i < count; i++) {
        values[i] = make(&seed, i, i == 0 ? 0 : values[i - 1]);
        rove__ints_add(&f.ints, &f.packer, values[i]);
    }
    assert_int_equal(f.packer.failed, 0);
    rove__ints_write(&f.ints, &f.out);
    assert_true(f.out.size <= f.packer.bound);
    rove__buf_byte(&f.out, 0x5a);

    rove__reader_init(&reader, f.out.data, f.out.size);
    rove__ints_open(&ints, &reader, count);
    assert_int_equal(rove__reader_status(&reader), ROVE_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rove__ints_done(&ints), 0);
        assert_true(rove__ints_next(&ints) == values[i]);
    }
    assert_int_equal(rove__ints_done(&ints), 1);
    assert_int_equal(rove__ints_next(&ints), 0); /* past the last one */
    assert_int_equal(rove__ints_done(&ints), 1);
    assert_int_equal(rove__reader_byte(&reader), 0x5a);
    close(&f);
}

static void vectors_give_back_what_was_put_in(void **state) {
    static const size_t counts[] = {0, 1, 2, 3, 63, 64, 65, 300, 301, COUNT_MAX};

    (void)state;
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            round_trip(patterns[p], counts[i], 1 + p);
        }
    }
}

static size_t written_size(pattern make, size_t count) {
    uint64_t seed = 5;
    int64_t before = 0;
    fixture f;
    size_t size = 0;

    open(&f);
    for (size_t i = 0; i < count; i++) {
        before = make(&seed, i, before);
        rove__ints_add(&f.ints, &f.packer, before);
    }
    rove__ints_write(&f.ints, &f.out);
    size = f.out.size;
    close(&f);
    return size;
}

static void the_short_form_is_chosen(void **state) {
    (void)state;
    assert_int_equal(written_size(constant, 700), 2);
    assert_true(written_size(ascending, 700) < 700 + 20);
    assert_true(written_size(on_a_grid, 700) < 1400 + 20);
    assert_true(written_size(mostly_near, 700) < 700 + 14 * 10 + 20);
}

static void truncating_forgets_the_last_values(void **state) {
    fixture f;
    rove__reader reader;
    rove__ints_reader ints;

    (void)state;
    open(&f);
    rove__ints_add(&f.ints, &f.packer, 5);
    rove__ints_add(&f.ints, &f.packer, 5);
    rove__ints_add(&f.ints, &f.packer, 6);
    rove__ints_truncate(&f.ints, 2);
    rove__ints_truncate(&f.ints, 9);
    rove__ints_add(&f.ints, &f.packer, 8);
    rove__ints_write(&f.ints, &f.out);
    rove__reader_init(&reader, f.out.data, f.out.size);
    rove__ints_open(&ints, &reader, 3);
    assert_int_equal(rove__ints_next(&ints), 5);
    assert_int_equal(rove__ints_next(&ints), 5);
    assert_int_equal(rove__ints_next(&ints), 8);
    assert_int_equal(rove__ints_done(&ints), 1);
    close(&f);
}

static rove_status open_bytes(const char *bytes, size_t size, size_t count, int *done) {
    rove__reader reader;
    rove__ints_reader ints;

    rove__reader_init(&reader, bytes, size);
    rove__ints_open(&ints, &reader, count);
    for (size_t i = 0; i < count && i < 1000; i++) {
        (void)rove__ints_next(&ints);
    }
    *done = rove__ints_done(&ints);
    return rove__reader_status(&reader);
}

static void malformed_vectors_are_refused(void **state) {
    int done = 0;

    (void)state;
    assert_int_equal(open_bytes("", 0, 1, &done), ROVE_TRUNCATED);
    assert_int_equal(open_bytes("\x09\x00", 2, 1, &done), ROVE_PROTOCOL); /* 9 bytes wide */
    assert_int_equal(open_bytes("\x80\x00", 2, 1, &done), ROVE_PROTOCOL); /* no such mode */
    assert_int_equal(open_bytes("\x41\x00", 2, 1, &done), ROVE_PROTOCOL);
    assert_int_equal(open_bytes("\x02\x00\x01", 3, 2, &done), ROVE_TRUNCATED);
    assert_int_equal(open_bytes("\x08\x00\x01", 3, SIZE_MAX / 4, &done), ROVE_TRUNCATED);
    assert_int_equal(open_bytes("\x40\x05\x02", 3, 2, &done), ROVE_PROTOCOL);
    /* Varints that are too few, or too many, show when the vector is done. */
    assert_int_equal(open_bytes("\x40\x01\x02", 3, 2, &done), ROVE_OK);
    assert_int_equal(done, 0);
    assert_int_equal(open_bytes("\x40\x02\x02\x02", 4, 1, &done), ROVE_OK);
    assert_int_equal(done, 0);
    assert_int_equal(open_bytes("\x40\x02\x02\x02", 4, 2, &done), ROVE_OK);
    assert_int_equal(done, 1);
}

static void a_lack_of_memory_is_noted(void **state) {
    fixture f;

    (void)state;
    open(&f);
    f.h.fail_at = 1;
    rove__ints_add(&f.ints, &f.packer, 1);
    assert_int_equal(f.packer.failed, 0); /* a constant takes no memory */
    rove__ints_add(&f.ints, &f.packer, 2);
    assert_int_equal(f.packer.failed, 1);
    close(&f);
}

static void piles_keep_bytes_in_order(void **state) {
    fixture f;
    rove__pile pile = {0};

    (void)state;
    open(&f);
    for (size_t i = 0; i < 1000; i++) {
        rove__pile_add(&pile, &f.packer, "abc", 1 + i % 3);
    }
    rove__pile_add(&pile, &f.packer, NULL, 0);
    assert_int_equal(pile.size, 1999);
    assert_int_equal(f.packer.bound, 1999);
    assert_memory_equal(pile.data, "aababca", 7);
    close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_give_back_what_was_put_in),
        cmocka_unit_test(the_short_form_is_chosen),
        cmocka_unit_test(truncating_forgets_the_last_values),
        cmocka_unit_test(malformed_vectors_are_refused),
        cmocka_unit_test(a_lack_of_memory_is_noted),
        cmocka_unit_test(piles_keep_bytes_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
