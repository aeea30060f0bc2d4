/* A delete covers exactly what its author had seen, cell by cell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "merge/merge.h"

#define FIELDS 5

static heap h;
static rove_allocator allocator;
static rove__arena arena;

static rove__clock clock_of(const rove__version cells[FIELDS], rove__version base) {
    rove__origin origin = {3, 7};
    rove__clock clock;

    rove__clock_init(&clock, origin, base, 0);
    for (uint32_t i = 0; i < FIELDS; i++) {
        rove__clock_entry entry = {i + 2, 0, cells[i], 0};
        assert_int_equal(rove__clock_set(&clock, &arena, entry), ROVE_OK);
    }
    return clock;
}

/* Against the definition: every cell one by one. */
static void test_agrees_with_a_look_at_every_cell(void **state) {
    uint64_t seed = 1;
    int covered = 0;

    (void)state;
    allocator = heap_allocator(&h);
    rove__arena_init(&arena, &allocator, 1 << 20);
    for (int round = 0; round < 200000; round++) {
        rove__version base = {10, 1};
        rove__version now[FIELDS];
        rove__version seen[FIELDS];
        rove__clock a;
        rove__clock b;
        int own = (int)(dice(&seed) % 2);
        int expected = 1;
        for (size_t i = 0; i < FIELDS; i++) {
            uint64_t roll = dice(&seed);
            now[i].stamp = 10 + roll % 3;
            now[i].replica = (rove_replica)(1 + roll / 3 % 3);
            seen[i] = now[i];
            if (roll / 9 % 6 == 0) {
                seen[i].stamp = 10 + roll / 54 % 3;
            }
            if (roll / 216 % 4 == 0) {
                seen[i] = base;
            }
            if (rove__version_compare(now[i], seen[i]) != 0 && !(own && now[i].replica == 2)) {
                expected = 0;
            }
        }
        a = clock_of(now, base);
        b = clock_of(seen, base);
        if (rove__merge_delete_covers(&a, &b, 2, own) != expected) {
            fail_msg("round %d: expected %d", round, expected);
        }
        covered += expected;
        rove__arena_reset(&arena);
    }
    assert_true(covered > 1000 && covered < 199000);
    rove__arena_free(&arena);
    assert_int_equal(h.alive, 0);
}

static void test_another_record_or_another_creation_is_not_covered(void **state) {
    rove__origin origin = {3, 7};
    rove__origin other = {4, 7};
    rove__version base = {10, 7};
    rove__version raw = {3, 7};
    rove__clock now;
    rove__clock seen;

    (void)state;
    rove__clock_init(&now, origin, base, 0);
    rove__clock_init(&seen, origin, base, 0);
    assert_true(rove__merge_delete_covers(&now, &seen, 2, 1));
    rove__clock_init(&seen, other, base, 0);
    assert_false(rove__merge_delete_covers(&now, &seen, 2, 1));
    /* The author deletes what he made before he knew the canonical stamp of its creation. */
    rove__clock_init(&seen, origin, raw, 0);
    assert_true(rove__merge_delete_covers(&now, &seen, 7, 1));
    assert_false(rove__merge_delete_covers(&now, &seen, 7, 0));
}

/* Field numbers come from devices: the largest is one like any other, also where the other clock has ended. */
static void test_the_largest_field_number_is_one_like_any_other(void **state) {
    rove__version base = {10, 7};
    rove__clock_entry entry = {UINT32_MAX, 0, {11, 7}, 0};
    rove__clock now;
    rove__clock seen;

    (void)state;
    allocator = heap_allocator(&h);
    rove__arena_init(&arena, &allocator, 1 << 20);
    rove__clock_init(&now, base, base, 0);
    rove__clock_init(&seen, base, base, 0);
    assert_int_equal(rove__clock_set(&now, &arena, entry), ROVE_OK);
    assert_false(rove__merge_delete_covers(&now, &seen, 2, 1));
    assert_false(rove__merge_delete_covers(&seen, &now, 2, 1));
    assert_true(rove__merge_delete_covers(&now, &now, 2, 1));
    rove__arena_free(&arena);
    assert_int_equal(h.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_a_look_at_every_cell),
        cmocka_unit_test(test_another_record_or_another_creation_is_not_covered),
        cmocka_unit_test(test_the_largest_field_number_is_one_like_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
