/*
 * The clock of a row: what is set is got, one meaning has one encoding, and no bytes whatever do harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hex.h"
#include "model/clock.h"
#include "rows.h"

#define ORIGIN_STAMP 0x018cc251f4000001u

static heap memory;
static rove_allocator allocator;
static rove__arena arena;
static rove__buf buf;

static int setup(void **state) {
    (void)state;
    memory = (heap){0};
    allocator = heap_allocator(&memory);
    rove__arena_init(&arena, &allocator, (size_t)64 * 1024 * 1024);
    rove__buf_init(&buf, &allocator, ROVE_CLOCK_SIZE_MAX);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rove__buf_free(&buf);
    rove__arena_free(&arena);
    assert_int_equal(memory.alive, 0);
    return 0;
}

static void set(rove__clock *clock, uint32_t field, rove__version version, uint32_t epoch,
                uint64_t seq) {
    rove__clock_entry entry = {field, epoch, version, seq};

    assert_int_equal(rove__clock_set(clock, &arena, entry), ROVE_OK);
}

/* Entries in an order of their own, with one that only its seq sets apart. */
static rove__clock sample(void) {
    rove__origin origin = {ORIGIN_STAMP, 7};
    rove__version base = {ORIGIN_STAMP + 0x20000, 7};
    rove__version later = {base.stamp + 0x3e80000, 9};
    rove__version earlier = {base.stamp - 1, 300};
    rove__clock clock;

    rove__clock_init(&clock, origin, base, 1000);
    set(&clock, 14 << 16 | 2, earlier, 0, 1000);
    set(&clock, 5, base, 0, 1004);
    set(&clock, 11, later, 1, 1005);
    return clock;
}

static const char *const GOLDEN_SEQS =
    "03018cc251f40000010780801007e807030a0007ec07178080c03e0901ed0784807001ac02e807";
static const char *const GOLDEN = "01018cc251f4000001078080100702178080c03e090184807001ac02";

static rove_status read_hex(const char *text, rove__clock *clock) {
    uint8_t bytes[256];
    size_t size = hex_read(text, bytes, sizeof bytes);

    return rove__clock_read(clock, bytes, size, &arena);
}

static void the_encoding_is_the_golden_one(void **state) {
    rove__clock clock = sample();
    rove__clock again;

    (void)state;
    rove__clock_write(&buf, &clock, 1);
    assert_true(hex_equal(buf.data, buf.size, GOLDEN_SEQS));
    rove__buf_reset(&buf);
    rove__clock_write(&buf, &clock, 0);
    assert_true(hex_equal(buf.data, buf.size, GOLDEN));

    assert_int_equal(read_hex(GOLDEN_SEQS, &again), ROVE_OK);
    assert_true(rove__clock_equal(&clock, &again));
    assert_int_equal(read_hex(GOLDEN, &again), ROVE_OK);
    assert_int_equal(again.count, 2);
    assert_false(rove__clock_equal(&clock, &again));
}

static void a_fresh_row_takes_eleven_bytes(void **state) {
    rove__origin origin = {ORIGIN_STAMP, 7};
    rove__clock clock;

    (void)state;
    rove__clock_init(&clock, origin, origin, 0);
    rove__clock_write(&buf, &clock, 0);
    assert_true(hex_equal(buf.data, buf.size, "00018cc251f40000010700"));
}

static void a_cell_without_an_entry_has_the_base(void **state) {
    rove__clock clock = sample();
    rove__clock_entry entry = rove__clock_get(&clock, 6);

    (void)state;
    assert_int_equal(entry.field, 6);
    assert_int_equal(entry.epoch, 0);
    assert_int_equal(entry.seq, 1000);
    assert_int_equal(rove__version_compare(entry.version, clock.base), 0);
    entry = rove__clock_get(&clock, 11);
    assert_int_equal(entry.version.replica, 9);
    assert_int_equal(entry.epoch, 1);
    assert_int_equal(entry.seq, 1005);
    assert_int_equal(rove__clock_newest(&clock), 1005);
    assert_int_equal(rove__clock_largest(&clock), entry.version.stamp);
}

static void going_back_to_the_base_removes_the_entry(void **state) {
    rove__clock clock = sample();

    (void)state;
    set(&clock, 11, clock.base, 0, clock.seq);
    assert_int_equal(clock.count, 2);
    set(&clock, 5, clock.base, 0, clock.seq);
    set(&clock, 14 << 16 | 2, clock.base, 0, clock.seq);
    set(&clock, 14 << 16 | 2, clock.base, 0, clock.seq);
    assert_int_equal(clock.count, 0);
    assert_int_equal(rove__clock_newest(&clock), 1000);
    assert_int_equal(rove__clock_largest(&clock), clock.base.stamp);
}

static rove__clock random_clock(uint64_t *seed, int with_seqs) {
    rove__version origin = random_version(seed);
    rove__clock clock;
    size_t sets = (size_t)dice(seed) % 40;

    rove__clock_init(&clock, origin, dice(seed) % 2 ? origin : random_version(seed),
                     with_seqs ? dice(seed) >> dice(seed) % 64 : 0);
    while (sets-- > 0) {
        rove__version version = dice(seed) % 4 == 0 ? clock.base : random_version(seed);
        uint32_t field = (uint32_t)(dice(seed) % 3 == 0 ? dice(seed) >> 32 : dice(seed) % 30) | 1;
        uint32_t epoch = dice(seed) % 4 == 0 ? (uint32_t)(dice(seed) >> dice(seed) % 64) : 0;
        set(&clock, field, version, epoch,
            with_seqs && dice(seed) % 2 ? dice(seed) >> dice(seed) % 64 : clock.seq);
    }
    return clock;
}

static void what_is_written_is_read_whatever_it_is(void **state) {
    uint64_t seed = 1;

    (void)state;
    for (int run = 0; run < 3000; run++) {
        int with_seqs = run % 2;
        rove__clock clock = random_clock(&seed, with_seqs);
        rove__clock again;
        rove__clock copy;
        rove__buf_reset(&buf);
        rove__clock_write(&buf, &clock, with_seqs);
        assert_int_equal(rove__clock_read(&again, buf.data, buf.size, &arena), ROVE_OK);
        assert_true(rove__clock_equal(&clock, &again));
        for (size_t i = 0; i < clock.count; i++) {
            rove__clock_entry entry = rove__clock_get(&again, clock.entries[i].field);
            assert_int_equal(entry.seq, clock.entries[i].seq);
        }
        assert_int_equal(rove__clock_copy(&copy, &clock, &arena), ROVE_OK);
        assert_true(rove__clock_equal(&clock, &copy));
        if (run % 100 == 0) {
            rove__arena_reset(&arena);
        }
    }
}

/* Whatever bytes are accepted are exactly those that the clock is written as. */
static void one_meaning_has_one_encoding(void **state) {
    uint64_t seed = 2;
    uint8_t bytes[64];
    int accepted = 0;

    (void)state;
    for (int run = 0; run < 200000; run++) {
        size_t size = hex_read(run % 2 ? GOLDEN_SEQS : GOLDEN, bytes, sizeof bytes);
        rove__clock clock;
        for (uint64_t flips = 1 + dice(&seed) % 3; flips > 0; flips--) {
            bytes[dice(&seed) % size] ^= (uint8_t)(1u << dice(&seed) % 8);
        }
        if (rove__clock_read(&clock, bytes, size, &arena) == ROVE_OK) {
            rove__buf_reset(&buf);
            rove__clock_write(&buf, &clock, (bytes[0] & 2) != 0);
            assert_int_equal(buf.size, size);
            assert_memory_equal(buf.data, bytes, size);
            accepted++;
        }
        rove__arena_reset(&arena);
    }
    assert_true(accepted > 1000);
}

static void hostile_bytes_are_corrupt(void **state) {
    static const struct {
        const char *what;
        const char *hex;
    } cases[] = {
        {"nothing", ""},
        {"an unknown flag", "04018cc251f40000010700"},
        {"a byte too many", "00018cc251f4000001070000"},
        {"a replica not of the shortest form", "00018cc251f4000001870000"},
        {"a replica above the limit", "00018cc251f4000001808080800800"},
        {"an origin beyond all time", "008000000000000000"
                                      "0700"},
        {"a base that is the origin", "01018cc251f400000107000700"},
        {"a base before all time", "0100000000000000010703"
                                   "0700"},
        {"a huge count", "00018cc251f400000107ffffffff0f"},
        {"a count without entries", "00018cc251f40000010702"},
        {"an entry that says what the base says", "00018cc251f400000107010a0007"},
        {"an entry that says what base and seq say", "02018cc251f400000107e807010a0007e807"},
        {"the field 0", "00018cc251f40000010701000207"},
        {"an epoch of 0", "00018cc251f400000107010b020700"},
        {"entries out of order", "00018cc251f400000107020a02070802"
                                 "07"},
        {"a field twice", "00018cc251f400000107020a02070a04"
                          "07"},
        {"an entry cut short", "00018cc251f400000107010a02"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rove__clock clock;
        if (read_hex(cases[i].hex, &clock) != ROVE_CORRUPT) {
            fail_msg("accepted: %s", cases[i].what);
        }
        assert_int_equal(clock.count, 0);
    }
}

static void every_cut_is_corrupt(void **state) {
    uint8_t bytes[64];
    size_t size = hex_read(GOLDEN_SEQS, bytes, sizeof bytes);
    rove__clock clock;

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(rove__clock_read(&clock, bytes, cut, &arena), ROVE_CORRUPT);
    }
}

static void a_clock_has_at_most_so_many_entries(void **state) {
    rove__clock clock = sample();
    rove__clock_entry entry = {.version = {ORIGIN_STAMP + 9, 5}};

    (void)state;
    clock.count = 0;
    while (clock.count < ROVE_CLOCK_ENTRIES_MAX) {
        entry.field++;
        assert_int_equal(rove__clock_set(&clock, &arena, entry), ROVE_OK);
    }
    entry.field++;
    assert_int_equal(rove__clock_set(&clock, &arena, entry), ROVE_TOO_BIG);
    assert_int_equal(clock.count, ROVE_CLOCK_ENTRIES_MAX);
    rove__clock_write(&buf, &clock, 0);
    assert_int_equal(rove__buf_status(&buf), ROVE_OK);
    assert_int_equal(rove__clock_read(&clock, buf.data, buf.size, &arena), ROVE_OK);
}

static void short_memory_changes_nothing(void **state) {
    rove__clock clock = sample();
    rove__clock_entry entry = {.version = {ORIGIN_STAMP, 5}};
    rove__arena empty;
    rove__clock copy;
    size_t count = 0;

    (void)state;
    rove__arena_init(&empty, &allocator, 8);
    do {
        entry.field += 2;
        count = clock.count;
    } while (rove__clock_set(&clock, &empty, entry) == ROVE_OK);
    assert_int_equal(clock.count, count);
    assert_int_equal(rove__clock_copy(&copy, &clock, &empty), ROVE_NOMEM);
    assert_int_equal(copy.count, 0);
    rove__clock_write(&buf, &clock, 0);
    assert_int_equal(rove__clock_read(&copy, buf.data, buf.size, &empty), ROVE_NOMEM);
    rove__arena_free(&empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_encoding_is_the_golden_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fresh_row_takes_eleven_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cell_without_an_entry_has_the_base, setup, teardown),
        cmocka_unit_test_setup_teardown(going_back_to_the_base_removes_the_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_written_is_read_whatever_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(one_meaning_has_one_encoding, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_bytes_are_corrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(every_cut_is_corrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_has_at_most_so_many_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(short_memory_changes_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
