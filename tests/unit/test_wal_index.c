/*
 * test_wal_index.c - the index of a log on the heap: its regions, and the locks by which SQLite's connections keep out of each
 * other's way (https://sqlite.org/walformat.html, "WAL-Index Locks").
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap.h"
#include "vault/wal_index.h"

#define SIZE   32768
#define SHARED (SQLITE_SHM_LOCK | SQLITE_SHM_SHARED)
#define ALONE  (SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE)
#define LET_GO (SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED)
#define LET_IT (SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE)

static heap memory;
static rove_allocator allocator;
static rove__wal_index the_index;
static rove__wal_index_user a, b;

static int start(void **state) {
    (void)state;
    memset(&memory, 0, sizeof memory);
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    allocator = heap_allocator(&memory);
    assert_int_equal(rove__wal_index_init(&the_index, &allocator), SQLITE_OK);
    return 0;
}

static int end(void **state) {
    (void)state;
    rove__wal_index_unmap(&the_index, &a);
    rove__wal_index_unmap(&the_index, &b);
    rove__wal_index_free(&the_index);
    assert_int_equal(memory.alive, 0);
    return 0;
}

static volatile uint8_t *map(rove__wal_index_user *user, int region, int extend) {
    void volatile *out = &memory;

    assert_int_equal(rove__wal_index_map(&the_index, user, region, SIZE, extend, &out), SQLITE_OK);
    return out;
}

static int lock(rove__wal_index_user *user, int first, int count, int flags) {
    return rove__wal_index_lock(&the_index, user, first, count, flags);
}

static void regions_are_shared_and_stay_where_they_are(void **state) {
    (void)state;
    assert_null(map(&a, 0, 0)); /* nobody has made it */
    volatile uint8_t *first = map(&a, 0, 1);
    assert_non_null(first);
    assert_int_equal(first[0], 0);
    assert_int_equal(first[SIZE - 1], 0);
    first[5] = 7;
    volatile uint8_t *third = map(&b, 2, 1);
    assert_non_null(third);
    assert_ptr_equal(map(&b, 0, 1), first);
    assert_ptr_equal(map(&a, 2, 0), third);
    assert_null(map(&a, 3, 0));
    rove__wal_index_barrier(&the_index);
    rove__wal_index_unmap(&the_index, &a);
    assert_int_equal(map(&b, 0, 0)[5], 7); /* b still has it */
    rove__wal_index_unmap(&the_index, &b);
    assert_null(map(&a, 0, 0)); /* the last one took it along */
}

static void what_no_log_needs_is_refused(void **state) {
    void volatile *out = &memory;

    (void)state;
    assert_int_equal(rove__wal_index_map(&the_index, &a, ROVE_WAL_INDEX_REGIONS, SIZE, 1, &out),
                     SQLITE_IOERR_SHMMAP);
    assert_null(out);
    assert_int_equal(rove__wal_index_map(&the_index, &a, -1, SIZE, 1, &out), SQLITE_IOERR_SHMMAP);
    assert_int_equal(rove__wal_index_map(&the_index, &a, 0, SIZE / 2, 1, &out),
                     SQLITE_IOERR_SHMMAP);
    assert_int_equal(memory.calls, 0);
    assert_null(map(&a, ROVE_WAL_INDEX_REGIONS - 1, 0)); /* the last that there may be */
}

static void short_memory_leaves_what_is_there(void **state) {
    void volatile *out = &memory;

    (void)state;
    volatile uint8_t *first = map(&a, 0, 1);
    for (size_t i = 1; i <= 3; i++) { /* the list; the second region; the third */
        memory.calls = 0;
        memory.fail_at = i;
        assert_int_equal(rove__wal_index_map(&the_index, &a, 2, SIZE, 1, &out), SQLITE_IOERR_NOMEM);
        assert_null(out);
        assert_ptr_equal(map(&a, 0, 0), first);
    }
    memory.fail_at = 0;
    assert_non_null(map(&a, 2, 1));
}

static void readers_share_and_a_writer_is_alone(void **state) {
    (void)state;
    (void)map(&a, 0, 1);
    (void)map(&b, 0, 1);
    assert_int_equal(lock(&a, 3, 1, SHARED), SQLITE_OK);
    assert_int_equal(lock(&b, 3, 1, SHARED), SQLITE_OK);
    assert_int_equal(lock(&a, 3, 1, SHARED), SQLITE_OK); /* again: it counts once */
    assert_int_equal(lock(&a, 3, 1, ALONE), SQLITE_BUSY);
    assert_int_equal(lock(&b, 3, 1, LET_GO), SQLITE_OK);
    assert_int_equal(lock(&a, 3, 1, ALONE), SQLITE_OK); /* its own does not keep it out */
    assert_int_equal(lock(&b, 3, 1, SHARED), SQLITE_BUSY);
    assert_int_equal(lock(&b, 3, 1, ALONE), SQLITE_BUSY);
    assert_int_equal(lock(&a, 3, 1, SHARED), SQLITE_OK);
    assert_int_equal(lock(&a, 3, 1, LET_IT), SQLITE_OK);
    assert_int_equal(lock(&b, 3, 1, ALONE), SQLITE_OK);
}

/* All of several, or none. */
static void a_range_is_taken_whole(void **state) {
    (void)state;
    (void)map(&a, 0, 1);
    (void)map(&b, 0, 1);
    assert_int_equal(lock(&b, 5, 1, SHARED), SQLITE_OK);
    assert_int_equal(lock(&a, 1, 7, ALONE), SQLITE_BUSY);
    assert_int_equal(lock(&b, 1, 1, ALONE), SQLITE_OK); /* a did not keep it */
    assert_int_equal(lock(&b, 1, 1, LET_IT), SQLITE_OK);
    assert_int_equal(lock(&b, 5, 1, LET_GO), SQLITE_OK);
    assert_int_equal(lock(&a, 0, ROVE_WAL_INDEX_LOCKS, ALONE), SQLITE_OK);
    assert_int_equal(lock(&b, 7, 1, SHARED), SQLITE_BUSY);
    rove__wal_index_unmap(&the_index, &a); /* who goes, lets go */
    assert_int_equal(lock(&b, 7, 1, ALONE), SQLITE_OK);
    assert_int_equal(lock(&b, 0, 1, LET_IT), SQLITE_OK); /* what one does not have */
}

static void writing_is_told_from_recovering(void **state) {
    (void)state;
    (void)map(&a, 0, 1);
    assert_false(rove__wal_index_is_written(&the_index));
    assert_int_equal(lock(&a, 0, 1, ALONE), SQLITE_OK);
    assert_true(rove__wal_index_is_written(&the_index));
    assert_int_equal(lock(&a, 1, 7, ALONE), SQLITE_OK); /* recovery takes all others */
    assert_false(rove__wal_index_is_written(&the_index));
    assert_int_equal(lock(&a, 1, 7, LET_IT), SQLITE_OK);
    assert_true(rove__wal_index_is_written(&the_index));
    assert_int_equal(lock(&a, 0, 1, LET_IT), SQLITE_OK);
    assert_false(rove__wal_index_is_written(&the_index));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(regions_are_shared_and_stay_where_they_are),
        TEST(what_no_log_needs_is_refused),
        TEST(short_memory_leaves_what_is_there),
        TEST(readers_share_and_a_writer_is_alone),
        TEST(a_range_is_taken_whole),
        TEST(writing_is_told_from_recovering),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
