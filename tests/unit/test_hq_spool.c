/*
 * The files in which pushes wait: nobody finds them in the folder, and what was written is read back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heap.h"
#include "spool.h"

#define FOLDER "spooling"

typedef struct bed {
    heap memory;
    rove_allocator allocator;
    hq_spool spool;
} bed;

static int setup(void **state) {
    bed *b = test_calloc(1, sizeof *b);

    (void)rmdir(FOLDER);
    assert_int_equal(mkdir(FOLDER, 0700), 0);
    b->allocator = heap_allocator(&b->memory);
    hq_spool_init(&b->spool, &b->allocator, FOLDER);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    bed *b = *state;

    assert_int_equal(b->memory.alive, 0);
    (void)rmdir(FOLDER);
    test_free(b);
    return 0;
}

static rove__spool_file *open_one(bed *b) {
    rove__spool_file *file = NULL;

    assert_int_equal(b->spool.port.open(b->spool.port.ctx, &file), ROVE_OK);
    assert_non_null(file);
    return file;
}

static size_t files_in_folder(void) {
    DIR *folder = opendir(FOLDER);
    size_t count = 0;

    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    assert_int_equal(closedir(folder), 0);
    return count;
}

static void each_file_is_its_own(void **state) {
    bed *b = *state;
    const rove__spool_port *port = &b->spool.port;
    rove__spool_file *one = open_one(b);
    rove__spool_file *two = open_one(b);
    char bytes[8] = "";

    assert_int_equal(port->write(one, 0, "Hotel", 5), ROVE_OK);
    assert_int_equal(port->write(two, 0, "Bakery", 6), ROVE_OK);
    assert_int_equal(port->write(one, 5, " Adler", 6), ROVE_OK);
    assert_int_equal(port->read(one, 3, bytes, 6), ROVE_OK);
    assert_string_equal(bytes, "el Adl");
    assert_int_equal(port->read(two, 0, bytes, 6), ROVE_OK);
    assert_string_equal(bytes, "Bakery");
    assert_int_equal(port->read(two, 4, bytes, 3), ROVE_IO);
    port->close(one);
    port->close(two);
}

static void nobody_finds_them_in_the_folder(void **state) {
    bed *b = *state;
    rove__spool_file *file = open_one(b);

    assert_int_equal(b->spool.port.write(file, 0, "Hotel", 5), ROVE_OK);
    assert_int_equal(files_in_folder(), 0);
    b->spool.port.close(file);
    assert_int_equal(files_in_folder(), 0);
}

static void what_cannot_be_made_is_told(void **state) {
    bed *b = *state;
    rove__spool_file *file = NULL;

    assert_int_equal(rmdir(FOLDER), 0);
    assert_int_equal(b->spool.port.open(b->spool.port.ctx, &file), ROVE_IO);
    assert_null(file);
    b->memory.fail_at = b->memory.calls + 1;
    assert_int_equal(b->spool.port.open(b->spool.port.ctx, &file), ROVE_NOMEM);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(each_file_is_its_own),
        CASE(nobody_finds_them_in_the_folder),
        CASE(what_cannot_be_made_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
