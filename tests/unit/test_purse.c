/*
 * The memory that all exchanges have together: the last byte of it, one past it, and what comes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "heap.h"
#include "http/purse.h"
#include "posix/posix.h"

#define LIMIT ((size_t)1024)
#define HEAD  ((size_t)16) /* before each block; it counts too */

typedef struct bed {
    heap memory;
    rove_allocator base;
    purse purse;
} bed;

static int setup(void **state) {
    bed *b = test_calloc(1, sizeof *b);

    b->base = heap_allocator(&b->memory);
    purse_init(&b->purse, &b->base, LIMIT);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    bed *b = *state;

    assert_int_equal(purse_used(&b->purse), 0);
    assert_int_equal(b->memory.alive, 0);
    test_free(b);
    return 0;
}

static void it_gives_its_limit_and_not_a_byte_more(void **state) {
    bed *b = *state;
    const rove_allocator *allocator = &b->purse.allocator;

    assert_null(rove__alloc(allocator, LIMIT - HEAD + 1));
    assert_null(rove__alloc(allocator, SIZE_MAX - 1));
    void *all = rove__alloc(allocator, LIMIT - HEAD);
    assert_non_null(all);
    memset(all, 1, LIMIT - HEAD);
    assert_int_equal(purse_used(&b->purse), LIMIT);
    assert_null(rove__alloc(allocator, 1));
    rove__free(allocator, all);
    void *again = rove__alloc(allocator, LIMIT - HEAD);
    assert_non_null(again);
    rove__free(allocator, again);
}

/* Both the old block and the new one are there while it moves. */
static void what_cannot_grow_stays_as_it_was(void **state) {
    bed *b = *state;
    const rove_allocator *allocator = &b->purse.allocator;
    char *block = rove__alloc(allocator, 300);

    assert_non_null(block);
    memset(block, 7, 300);
    assert_null(rove__alloc_resize(allocator, block, LIMIT - 300, 1));
    assert_int_equal(purse_used(&b->purse), 300 + HEAD);
    char *larger = rove__alloc_resize(allocator, block, 400, 1);
    assert_non_null(larger);
    assert_int_equal(larger[299], 7);
    assert_int_equal(purse_used(&b->purse), 400 + HEAD);
    b->memory.fail_at = b->memory.calls + 1;
    assert_null(rove__alloc_resize(allocator, larger, 450, 1));
    assert_int_equal(purse_used(&b->purse), 400 + HEAD);
    rove__free(allocator, larger);
}

static void past_three_quarters_none_begins(void **state) {
    bed *b = *state;
    const rove_allocator *allocator = &b->purse.allocator;

    assert_true(purse_may_begin(&b->purse));
    void *most = rove__alloc(allocator, LIMIT / 4 * 3 - HEAD);
    assert_true(purse_may_begin(&b->purse));
    void *more = rove__alloc(allocator, 1);
    assert_false(purse_may_begin(&b->purse));
    rove__free(allocator, more);
    assert_true(purse_may_begin(&b->purse));
    rove__free(allocator, most);
}

static void *take_and_give(void *ctx) {
    purse *shared = ctx;

    for (int i = 0; i < 20000; i++) {
        void *block = rove__alloc(&shared->allocator, 100);
        rove__free(&shared->allocator, block);
    }
    return NULL;
}

static void threads_share_it(void **state) {
    bed *b = *state;
    pthread_t threads[4];

    rove_posix_allocator(&b->base);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &b->purse), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(it_gives_its_limit_and_not_a_byte_more),
        CASE(what_cannot_grow_stays_as_it_was),
        CASE(past_three_quarters_none_begins),
        CASE(threads_share_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
