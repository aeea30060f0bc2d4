/* Arenas and the allocator port: nothing overflows, nothing leaks, the cap holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "heap.h"

static void test_takes_up_to_its_cap_aligned_and_apart(void **state) {
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    rove__arena arena;
    uint64_t seed = 3;
    uint8_t *last = NULL;
    size_t last_size = 0;

    (void)state;
    rove__arena_init(&arena, &allocator, 1000000);
    for (;;) {
        size_t size = dice(&seed) % 3000;
        uint8_t *taken = rove__arena_take(&arena, size);
        if (taken == NULL) {
            break;
        }
        assert_int_equal((uintptr_t)taken % 8, 0);
        memset(taken, 0xaa, size);
        if (last_size > 0) {
            assert_int_equal(last[0], 0x55); /* what was taken before is untouched */
        }
        memset(taken, 0x55, size);
        last = taken;
        last_size = size;
    }
    assert_true(arena.used <= 1000000 && arena.used > 990000);
    rove__arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    assert_int_equal(h.alive, 1);
    assert_non_null(rove__arena_take(&arena, 1000000));
    assert_null(rove__arena_take(&arena, 1));
    rove__arena_free(&arena);
    assert_int_equal(h.alive, 0);
}

static void test_absurd_sizes_are_refused(void **state) {
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    rove__arena arena;

    (void)state;
    rove__arena_init(&arena, &allocator, SIZE_MAX);
    assert_null(rove__arena_take(&arena, SIZE_MAX));
    assert_null(rove__arena_take(&arena, SIZE_MAX - 16));
    assert_null(rove__alloc_zeroed(&allocator, SIZE_MAX / 2, 3));
    assert_null(rove__alloc_resize(&allocator, NULL, SIZE_MAX / 2, 3));
    assert_null(rove__alloc(&allocator, 0));
    assert_int_equal(h.calls, 0);
    rove__arena_free(&arena);
}

static void test_out_of_memory_gives_null_and_later_works_again(void **state) {
    heap h = {.fail_at = 1};
    rove_allocator allocator = heap_allocator(&h);
    rove__arena arena;

    (void)state;
    rove__arena_init(&arena, &allocator, 10000);
    assert_null(rove__arena_take(&arena, 10));
    assert_int_equal(arena.used, 0);
    assert_memory_equal(rove__arena_copy(&arena, "copy", 5), "copy", 5);
    rove__arena_free(&arena);
    assert_int_equal(h.alive, 0);
}

static void test_plain_memory_is_zeroed_copied_and_freed(void **state) {
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    uint32_t *numbers = rove__alloc_zeroed(&allocator, 10, sizeof *numbers);
    char *text = rove__alloc_text(&allocator, "Praha");

    (void)state;
    assert_non_null(numbers);
    assert_int_equal(numbers[9], 0);
    numbers = rove__alloc_resize(&allocator, numbers, 20, sizeof *numbers);
    assert_non_null(numbers);
    assert_string_equal(text, "Praha");
    rove__free(&allocator, numbers);
    rove__free(&allocator, text);
    rove__free(&allocator, NULL);
    assert_int_equal(h.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_up_to_its_cap_aligned_and_apart),
        cmocka_unit_test(test_absurd_sizes_are_refused),
        cmocka_unit_test(test_out_of_memory_gives_null_and_later_works_again),
        cmocka_unit_test(test_plain_memory_is_zeroed_copied_and_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
