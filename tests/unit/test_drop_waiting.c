/*
 * test_drop_waiting.c - batches of the drop box whose frames come one by one: which are kept, in what numbers, and which are
 * forgotten for them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "drop/waiting.h"
#include "heap.h"
#include "spools.h"

typedef struct table {
    heap h;
    rove_allocator allocator;
    spools files;
    rove__spool_port port;
    waiting waiting;
    int64_t now_ms;
    uint8_t *rows; /* ROVE_BATCH_MAX of them */
} table;

static int set_up(void **state) {
    table *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->rows = calloc(1, ROVE_BATCH_MAX);
    t->allocator = heap_allocator(&t->h);
    t->port = spools_port(&t->files);
    waiting_init(&t->waiting, &t->allocator, &t->port);
    *state = t;
    return 0;
}

static int tear_down(void **state) {
    table *t = *state;
    waiting_free(&t->waiting);
    assert_int_equal(t->h.alive, 0);
    free(t->rows);
    free(t);
    return 0;
}

static rove__sealed frame_of(const table *t, rove_replica replica, uint64_t number,
                             uint32_t ordinal, size_t size) {
    return (rove__sealed){
        .batch = {.replica = replica, .number = number, .frames = 128, .schema = 1},
        .ordinal = ordinal,
        .rows = {t->rows, size}};
}

static rove_status add_signed(table *t, rove_replica by, rove_replica replica, uint64_t number,
                              uint32_t ordinal, size_t size) {
    rove__sealed frame = frame_of(t, replica, number, ordinal, size);
    rove__signer signer = {.replica = by};
    waiting_batch *batch = NULL;
    return waiting_add(&t->waiting, &frame, &signer, t->now_ms++, &batch);
}

static rove_status add(table *t, rove_replica replica, uint64_t number, uint32_t ordinal,
                       size_t size) {
    return add_signed(t, replica, replica, number, ordinal, size);
}

static waiting_batch *find(const table *t, rove_replica replica, uint64_t number) {
    rove__sealed frame = frame_of(t, replica, number, 0, 1);
    return waiting_find(&t->waiting, &frame.batch, replica);
}

static void test_a_batch_is_whole_when_all_its_frames_came(void **state) {
    table *t = *state;
    rove__buf rows;
    rove__buf_init(&rows, &t->allocator, ROVE_BATCH_MAX);
    for (uint32_t i = 0; i < 128; i++) {
        uint32_t ordinal = (i * 77 + 5) % 128;
        assert_true(find(t, 1, 1) == NULL || !waiting_whole(find(t, 1, 1)));
        memset(t->rows, (int)ordinal, 100);
        assert_int_equal(add(t, 1, 1, ordinal, 100), ROVE_OK);
        assert_int_equal(add(t, 1, 1, ordinal, 100), ROVE_OK); /* as often as it likes */
    }
    waiting_batch *batch = find(t, 1, 1);
    assert_true(waiting_whole(batch));
    assert_int_equal(batch->bytes, 12800);
    for (uint32_t i = 0; i < 128; i++) {
        assert_int_equal(
            rove__spool_read(&batch->spool, batch->frames[i].at, batch->frames[i].size, &rows),
            ROVE_OK);
        assert_int_equal(rows.size, 100);
        assert_int_equal(rows.data[99], i);
    }
    rove__buf_free(&rows);
}

static void test_batches_of_one_device(void **state) {
    table *t = *state;
    for (uint64_t n = 1; n <= DROP_WAITING_OF_DEVICE; n++) {
        assert_int_equal(add(t, 1, n, 0, 10), ROVE_OK);
    }
    assert_int_equal(add(t, 2, 1, 0, 10), ROVE_OK); /* another's do not count */
    assert_int_equal(add(t, 1, 1, 1, 10), ROVE_OK); /* it has news */
    assert_non_null(find(t, 1, 2));
    assert_int_equal(add(t, 1, 100, 0, 10), ROVE_OK);
    assert_null(find(t, 1, 2));
    assert_non_null(find(t, 1, 1));
    assert_non_null(find(t, 2, 1));
}

/* Whoever signs in others' names has room for as many as he has in his own, and forgets nobody's but his own. */
static void test_batches_in_the_name_of_others(void **state) {
    table *t = *state;
    size_t count = 0;
    assert_int_equal(add(t, 1, 1, 0, 10), ROVE_OK);
    for (uint64_t n = 1; n <= 2 * DROP_WAITING_MAX; n++) {
        assert_int_equal(add_signed(t, 2, 1, n, 1, 10), ROVE_OK);
        assert_int_equal(add_signed(t, 2, (rove_replica)(2 + n), n, 0, 10), ROVE_OK);
    }
    assert_non_null(find(t, 1, 1));
    assert_int_equal(find(t, 1, 1)->frame_count, 1);
    for (const waiting_batch *at = t->waiting.first; at != NULL; at = at->next) {
        count++;
    }
    assert_int_equal(count, 1 + DROP_WAITING_OF_DEVICE);
}

static void test_batches_in_all(void **state) {
    table *t = *state;
    for (unsigned i = 0; i < DROP_WAITING_MAX; i++) {
        assert_int_equal(add(t, 1 + i / DROP_WAITING_OF_DEVICE, i, 0, 10), ROVE_OK);
    }
    assert_non_null(find(t, 1, 0));
    assert_int_equal(add(t, 1000, 1, 0, 10), ROVE_OK);
    assert_null(find(t, 1, 0));
    assert_non_null(find(t, 1, 1));
    assert_non_null(find(t, 1000, 1));
}

/* Fills up a batch to so many bytes. */
static void fill(table *t, rove_replica replica, uint64_t number, size_t bytes) {
    for (uint32_t i = 0; bytes > 0; i++) {
        size_t part = bytes < ROVE_BATCH_MAX ? bytes : ROVE_BATCH_MAX;
        assert_int_equal(add(t, replica, number, i, part), ROVE_OK);
        bytes -= part;
    }
}

static void test_bytes_of_one_device(void **state) {
    table *t = *state;
    fill(t, 1, 1, 1000);
    fill(t, 1, 2, DROP_WAITING_BYTES_OF_DEVICE - 1000);
    assert_non_null(find(t, 1, 1));
    assert_int_equal(add(t, 1, 2, 127, 1), ROVE_OK);
    assert_null(find(t, 1, 1));
    assert_non_null(find(t, 1, 2));
}

static void test_bytes_of_a_batch(void **state) {
    table *t = *state;
    fill(t, 1, 1, ROVE_BATCH_BYTES_MAX);
    assert_non_null(find(t, 1, 1));
    assert_int_equal(add(t, 1, 1, 127, 1), ROVE_TOO_BIG);
    assert_null(find(t, 1, 1));
}

static void test_bytes_in_all(void **state) {
    table *t = *state;
    const size_t each = DROP_WAITING_BYTES_OF_DEVICE;
    rove_replica last = (rove_replica)(DROP_WAITING_BYTES / each);
    for (rove_replica r = 1; r <= last; r++) {
        fill(t, r, 1, each);
    }
    assert_non_null(find(t, 1, 1));
    assert_int_equal(add(t, 1000, 1, 0, 1), ROVE_OK);
    assert_null(find(t, 1, 1));
    assert_non_null(find(t, 2, 1));
    assert_non_null(find(t, 1000, 1));
}

/* What is being judged stays, and who comes for its place is told to come again. */
static void test_what_is_judged_stays(void **state) {
    table *t = *state;
    for (uint64_t n = 1; n <= DROP_WAITING_OF_DEVICE; n++) {
        assert_int_equal(add(t, 1, n, 0, 10), ROVE_OK);
        find(t, 1, n)->busy = 1;
    }
    assert_int_equal(add(t, 1, 100, 0, 10), ROVE_LATER);
    assert_int_equal(add(t, 1, 1, 1, 10), ROVE_OK);
    assert_int_equal(find(t, 1, 1)->frame_count, 1); /* nothing of it changes */
    t->now_ms += 2 * DROP_WAITING_MS;
    waiting_expire(&t->waiting, t->now_ms);
    assert_non_null(find(t, 1, DROP_WAITING_OF_DEVICE));
    find(t, 1, 3)->busy = 0;
    assert_int_equal(add(t, 1, 100, 0, 10), ROVE_OK);
    assert_null(find(t, 1, 3));
}

static void test_time_without_news(void **state) {
    table *t = *state;
    assert_int_equal(add(t, 1, 1, 0, 10), ROVE_OK);
    waiting_expire(&t->waiting, t->now_ms - 1 + DROP_WAITING_MS);
    assert_non_null(find(t, 1, 1));
    waiting_expire(&t->waiting, t->now_ms + DROP_WAITING_MS);
    assert_null(find(t, 1, 1));
}

/* Whatever fails, it is forgotten as a whole, or was not there. */
static void test_without_memory_or_disk(void **state) {
    table *t = *state;
    for (size_t n = 1; n < 100; n++) {
        t->h.fail_at = t->h.calls + n;
        t->files.fail_at = t->files.calls + 1;
        t->files.status = n % 2 == 0 ? ROVE_FULL : ROVE_IO;
        rove_status status = add(t, 1, n, 0, ROVE_BATCH_MAX);
        assert_true(status == ROVE_NOMEM || status == t->files.status);
        assert_null(find(t, 1, n));
        t->files.fail_at = 0;
        status = add(t, 1, n, 0, ROVE_BATCH_MAX);
        if (t->h.calls < t->h.fail_at) {
            assert_int_equal(status, ROVE_OK);
            assert_true(n > 2);
            return;
        }
        t->h.fail_at = 0;
        assert_int_equal(add(t, 1, n, 0, ROVE_BATCH_MAX), ROVE_OK);
        waiting_remove(&t->waiting, find(t, 1, n));
    }
    fail();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_batch_is_whole_when_all_its_frames_came),
        TEST(test_batches_of_one_device),
        TEST(test_batches_in_the_name_of_others),
        TEST(test_batches_in_all),
        TEST(test_bytes_of_one_device),
        TEST(test_bytes_of_a_batch),
        TEST(test_bytes_in_all),
        TEST(test_what_is_judged_stays),
        TEST(test_time_without_news),
        TEST(test_without_memory_or_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
