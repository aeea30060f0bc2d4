/*
 * Stores in a folder: a full or read-only one is reported as that, and when it is over everything that was committed is
 * there and work goes on.
 */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "jobs.h"

#define NOBODY 65534

/* What a child returned; 0 is fine, anything else says where it went wrong. */
static int in_child(int (*run)(bed *), bed *b) {
    int wait_status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        _exit(run(b));
    }
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    assert_true(WIFEXITED(wait_status));
    return WEXITSTATUS(wait_status);
}

static int limit_files(rlim_t bytes) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return -1;
    }
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    return setrlimit(RLIMIT_FSIZE, &limit);
}

/* A row that takes some pages, full of one byte. */
static rove_status put_large(bed *b, rove__hq_tx *tx, rove_id id, int byte) {
    static uint8_t bytes[60000];
    rove__hq_row row = {.scope = {1000 + id, 0}};
    const rove__entity *conflict = rove__registry_by_name(b->registry, "Conflict");
    rove__arena arena;

    rove__arena_init(&arena, &b->allocator, (size_t)1 << 20);
    memset(bytes, byte, sizeof bytes);
    rove_status status = rove__row_init(&row.row, conflict, id, &arena);
    rove__clock_init(&row.clock, (rove__origin){(rove_stamp)id, 3}, (rove__version){1, 3}, 1);
    if (status == ROVE_OK) {
        rove__row_set(&row.row, (size_t)rove__entity_field_named(conflict, "kept_value"),
                      rove__value_bytes(ROVE_BLOB, bytes, sizeof bytes));
        status = b->store->row_put(tx, &row);
    }
    rove__arena_free(&arena);
    return status;
}

/* 100 of them in one transaction. */
static rove_status fill(bed *b) {
    rove__hq_tx *tx = NULL;
    rove_status status = b->store->begin(b->store->ctx, ROVE_HQ_WRITE, &tx, NULL);

    for (rove_id id = 1; id <= 100 && status == ROVE_OK; id++) {
        status = put_large(b, tx, id, 1);
    }
    if (tx != NULL && status == ROVE_OK) {
        return b->store->commit(tx, NULL);
    }
    b->store->rollback(tx);
    return status;
}

static int full_disk(bed *b) {
    uint64_t seq = 0;
    rove__hq_row row;

    signal(SIGXFSZ, SIG_IGN);
    if (bed_try_open(b, NULL) != ROVE_OK || job_commit(b, &seq) != ROVE_OK) {
        return 1;
    }
    if (limit_files((rlim_t)2 << 20) != 0) {
        return 2;
    }
    for (int i = 0; i < 3; i++) {
        if (fill(b) != ROVE_FULL) {
            return 3;
        }
    }
    if (check_store(b, seq) != 0) {
        return 4;
    }
    if (limit_files(RLIM_INFINITY) != 0) {
        return 5;
    }
    if (check_store(b, seq) != 0 || job_commit(b, &seq) != ROVE_OK || seq != 2) {
        return 6;
    }
    rove__hq_tx *tx = bed_read(b);
    if (bed_get(b, tx, "Conflict", 1, &row) != ROVE_NOT_FOUND) {
        return 7;
    }
    bed_rollback(b, tx);
    if (fill(b) != ROVE_OK) {
        return 8;
    }
    bed_close(b);
    return 0;
}

static void a_full_disk_is_reported_and_costs_nothing_that_was_committed(void **state) {
    bed *b = *state;

    if (bed_skips(b->kind->is_file)) {
        return;
    }
    bed_close(b);
    assert_int_equal(in_child(full_disk, b), 0);
    ok(bed_try_open(b, NULL));
    assert_int_equal(check_store(b, 2), 0);
}

#define LARGE_ROWS 500
#define CACHES     ((uint64_t)20 << 20)

static void put_many(bed *b, rove__hq_tx *tx, int byte) {
    for (rove_id id = 1; id <= LARGE_ROWS; id++) {
        ok(put_large(b, tx, id, byte));
    }
}

/* Neither new rows nor, in a savepoint, new versions of old ones: 30 MB each. */
static void a_large_transaction_takes_no_more_memory_than_the_caches(void **state) {
    bed *b = *state;

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    uint64_t before = b->database->memory_bytes(b->database);
    rove__hq_tx *tx = bed_write(b);
    put_many(b, tx, 1);
    assert_true(b->database->memory_bytes(b->database) < before + CACHES);
    bed_commit(b, tx);
    tx = bed_write(b);
    ok(b->store->savepoint(tx, NULL));
    put_many(b, tx, 2);
    assert_true(b->database->memory_bytes(b->database) < before + CACHES);
    ok(b->store->release(tx, 1, NULL));
    bed_commit(b, tx);
}

/* As somebody whom permissions bind. */
static int open_read_only(bed *b) {
    rove_error error = {.message = ""};

    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        return 1;
    }
    if (bed_try_open(b, &error) != ROVE_READONLY) {
        return 2;
    }
    return error.message[0] == '\0' ? 3 : 0;
}

static void chmod_files(const bed *b, mode_t mode) {
    DIR *folder = opendir(b->folder);
    struct dirent *entry = NULL;
    char path[512];

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        rove__text_format(path, sizeof path, "%s/%s", b->folder, entry->d_name);
        if (entry->d_name[0] != '.') {
            assert_int_equal(chmod(path, mode), 0);
        }
    }
    closedir(folder);
}

static void a_read_only_folder_is_reported_and_harms_nothing(void **state) {
    bed *b = *state;
    uint64_t seq = 0;

    if (bed_skips(b->kind->is_file)) {
        return;
    }
    ok(job_commit(b, &seq));
    bed_close(b);
    chmod_files(b, 0444);
    assert_int_equal(chmod(b->folder, 0555), 0);
    assert_int_equal(in_child(open_read_only, b), 0);
    assert_int_equal(chmod(b->folder, 0755), 0);
    chmod_files(b, 0644);
    ok(bed_try_open(b, NULL));
    assert_int_equal(check_store(b, seq), 0);
    ok(job_commit(b, &seq));
}

static void a_store_cannot_be_made_in_a_read_only_folder(void **state) {
    (void)state;
    bed *b = bed_new();

    if (b->kind->is_file) {
        assert_int_equal(chmod(b->folder, 0555), 0);
        assert_int_equal(in_child(open_read_only, b), 0);
        assert_int_equal(chmod(b->folder, 0755), 0);
        ok(bed_try_open(b, NULL));
    }
    bed_free(b);
}

static size_t read_file(const char *path, uint8_t *bytes, size_t capacity) {
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    size_t size = fread(bytes, 1, capacity, file);
    assert_true(size > 0 && size < capacity);
    (void)fclose(file);
    return size;
}

static void another_programs_database_is_left_as_it_is(void **state) {
    (void)state;
    static uint8_t before[65536];
    static uint8_t after[65536];
    bed *b = bed_new();
    char path[512];
    sqlite3 *db = NULL;
    rove_error error = {.message = ""};

    if (b->kind->is_file) {
        rove__text_format(path, sizeof path, "%s/hq.db", b->folder);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "CREATE TABLE recipes(name)", NULL, NULL, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        size_t size = read_file(path, before, sizeof before);
        assert_int_equal(bed_try_open(b, &error), ROVE_CORRUPT);
        assert_non_null(strstr(error.message, "not a database of Rove's headquarters"));
        assert_int_equal(read_file(path, after, sizeof after), size);
        assert_memory_equal(before, after, size);
    }
    bed_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        bed_test(a_full_disk_is_reported_and_costs_nothing_that_was_committed),
        bed_test(a_large_transaction_takes_no_more_memory_than_the_caches),
        bed_test(a_read_only_folder_is_reported_and_harms_nothing),
        cmocka_unit_test(a_store_cannot_be_made_in_a_read_only_folder),
        cmocka_unit_test(another_programs_database_is_left_as_it_is),
    };

    return bed_run("disk", tests, sizeof tests / sizeof *tests);
}
