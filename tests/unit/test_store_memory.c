/*
 * test_store_memory.c - what SQLite gives back of memory was overwritten, whichever memory the app gives it, and also where it
 * could not be started at first, or was stopped in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/internal.h"

#define SIZE 1000

static sqlite3_mem_methods heap; /* of the app */
static int starts;
static int fail_at;   /* this start fails */
static int given;     /* back, since it was set to 0 */
static int with_word; /* of those, how many had something to read in them */

static int app_init(void *data) {
    starts++;
    return starts == fail_at ? SQLITE_NOMEM : heap.xInit(data);
}

static void app_free(void *pointer) {
    static const char word[] = "Ajax";
    const char *bytes = pointer;
    size_t size = (size_t)heap.xSize(pointer);

    given++;
    for (size_t at = 0; at + sizeof word - 1 <= size; at++) {
        if (memcmp(bytes + at, word, sizeof word - 1) == 0) {
            with_word++;
            break;
        }
    }
    heap.xFree(pointer);
}

static char *written(int size) {
    char *bytes = sqlite3_malloc(size);

    assert_non_null(bytes);
    for (int at = 0; at + 4 <= size; at += 4) {
        memcpy(bytes + at, "Ajax", 4);
    }
    return bytes;
}

static void nothing_is_left(void) {
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
    given = 0;
    with_word = 0;
    char *small = written(24);
    char *grown = sqlite3_realloc(written(SIZE), 100 * SIZE);
    char *shrunk = sqlite3_realloc(written(SIZE), 24);

    assert_non_null(grown);
    assert_memory_equal(grown, "AjaxAjax", 8);
    assert_memory_equal(grown + SIZE - 8, "AjaxAjax", 8);
    assert_non_null(shrunk);
    assert_memory_equal(shrunk, "AjaxAjax", 8);
    sqlite3_free(small);
    sqlite3_free(grown);
    sqlite3_free(shrunk);
    assert_int_equal(given, 5); /* what moved, too */
    assert_int_equal(with_word, 0);
}

static int set_up(void **state) {
    (void)state;
    sqlite3_mem_methods app;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &heap), SQLITE_OK);
    app = heap;
    app.xInit = app_init;
    app.xFree = app_free;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &app);
}

/* In their order: SQLite is one for the whole process. */
static void a_start_that_failed_is_made_again(void **state) {
    (void)state;
    fail_at = 1;
    assert_int_equal(rove__sqlite_start(), SQLITE_NOMEM);
    assert_int_equal(rove__sqlite_start(), SQLITE_OK);
    assert_int_equal(rove__sqlite_start(), SQLITE_OK);
    assert_int_equal(starts, 2);
    nothing_is_left();
}

static void it_stays_so_when_the_app_stops_sqlite(void **state) {
    (void)state;
    assert_int_equal(sqlite3_shutdown(), SQLITE_OK);
    assert_int_equal(sqlite3_shutdown(), SQLITE_OK); /* once too often */
    assert_int_equal(rove__sqlite_start(), SQLITE_OK);
    nothing_is_left();
    assert_int_equal(sqlite3_shutdown(), SQLITE_OK);
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
    nothing_is_left();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_that_failed_is_made_again),
        cmocka_unit_test(it_stays_so_when_the_app_stops_sqlite),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
