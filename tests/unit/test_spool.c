/*
 * Bytes that wait outside of memory: what goes in comes out, and memory holds a tail of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "heap.h"
#include "spools.h"

typedef struct bed {
    heap memory;
    rove_allocator allocator;
    spools files;
    rove__spool_port port;
    rove__spool spool;
    rove__buf read;
} bed;

static int setup(void **state) {
    bed *b = test_calloc(1, sizeof *b);

    b->allocator = heap_allocator(&b->memory);
    b->port = spools_port(&b->files);
    rove__spool_init(&b->spool, &b->allocator, &b->port);
    rove__buf_init(&b->read, &b->allocator, ROVE_SPOOL_MAX);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    bed *b = *state;

    rove__spool_free(&b->spool);
    rove__buf_free(&b->read);
    assert_int_equal(b->files.open, 0);
    assert_int_equal(b->memory.alive, 0);
    test_free(b);
    return 0;
}

/* A piece tells by its bytes which one it is. */
static size_t make_piece(unsigned char *bytes, size_t number) {
    uint64_t state = number;
    size_t size = (size_t)(dice(&state) % (number % 16 == 0 ? 100000 : 300));

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(number + i);
    }
    return size;
}

static void a_small_push_touches_no_file(void **state) {
    bed *b = *state;
    static unsigned char bytes[ROVE_SPOOL_TAIL];
    size_t at = 0;

    memset(bytes, 7, sizeof bytes);
    assert_int_equal(rove__spool_append(&b->spool, bytes, sizeof bytes - 1, &at), ROVE_OK);
    assert_int_equal(at, 0);
    assert_int_equal(b->files.opened, 0);
    assert_int_equal(rove__spool_read(&b->spool, 0, sizeof bytes - 1, &b->read), ROVE_OK);
    assert_int_equal(b->read.size, sizeof bytes - 1);
    assert_memory_equal(b->read.data, bytes, sizeof bytes - 1);
    assert_int_equal(rove__spool_append(&b->spool, bytes, 1, &at), ROVE_OK);
    assert_int_equal(at, sizeof bytes - 1);
    assert_int_equal(b->files.open, 1);
}

enum { PIECES = 1000 };

static void what_goes_in_comes_out_in_any_order(void **state) {
    bed *b = *state;
    static unsigned char bytes[100000];
    static size_t places[PIECES];
    uint64_t random = 3;

    for (size_t i = 0; i < PIECES; i++) {
        size_t size = make_piece(bytes, i);
        assert_int_equal(rove__spool_append(&b->spool, bytes, size, &places[i]), ROVE_OK);
    }
    assert_true(b->files.most > 1024 * 1024);
    for (size_t n = 0; n < 3 * PIECES; n++) {
        size_t i = (size_t)(dice(&random) % PIECES);
        size_t size = make_piece(bytes, i);
        assert_int_equal(rove__spool_read(&b->spool, places[i], size, &b->read), ROVE_OK);
        assert_int_equal(b->read.size, size);
        assert_true(size == 0 || memcmp(b->read.data, bytes, size) == 0);
    }
}

static void memory_holds_a_tail_of_it(void **state) {
    bed *b = *state;
    static unsigned char bytes[16 * 1024];
    size_t at = 0;

    for (size_t i = 0; i < 1024; i++) {
        assert_int_equal(rove__spool_append(&b->spool, bytes, sizeof bytes, &at), ROVE_OK);
    }
    assert_int_equal(b->files.most, 1024 * sizeof bytes);
    assert_true(b->memory.most <= 2 * ROVE_SPOOL_TAIL);
}

static void there_is_a_limit(void **state) {
    bed *b = *state;
    static unsigned char bytes[1024 * 1024];
    size_t at = 0;

    for (size_t i = 0; i < ROVE_SPOOL_MAX / sizeof bytes; i++) {
        assert_int_equal(rove__spool_append(&b->spool, bytes, sizeof bytes, &at), ROVE_OK);
    }
    assert_int_equal(at, ROVE_SPOOL_MAX - sizeof bytes);
    assert_int_equal(rove__spool_append(&b->spool, bytes, 1, &at), ROVE_TOO_BIG);
}

static void what_fails_is_told(void **state) {
    bed *b = *state;
    static unsigned char bytes[ROVE_SPOOL_TAIL];
    size_t at = 0;

    for (size_t call = 1; call <= 3; call++) {
        b->files.calls = 0;
        b->files.fail_at = call;
        b->files.status = ROVE_FULL;
        rove_status status = rove__spool_append(&b->spool, bytes, sizeof bytes, &at);
        assert_int_equal(status, call < 3 ? ROVE_FULL : ROVE_OK);
        if (status == ROVE_OK) {
            assert_int_equal(rove__spool_read(&b->spool, at, sizeof bytes, &b->read), ROVE_FULL);
        }
        rove__spool_free(&b->spool);
        assert_int_equal(b->files.open, 0);
        rove__spool_init(&b->spool, &b->allocator, &b->port);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_small_push_touches_no_file), CASE(what_goes_in_comes_out_in_any_order),
        CASE(memory_holds_a_tail_of_it),    CASE(there_is_a_limit),
        CASE(what_fails_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
