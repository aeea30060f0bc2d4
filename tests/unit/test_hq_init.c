/*
 * test_hq_init.c - making a headquarters, and opening it: what is there, what a second init leaves alone, who may have the
 * folder, and what every open begins anew.
 */
#include "headquarters.h"

#include <sys/stat.h>

#include "keys.h"

static int set_up(void **state) {
    headquarters *h = calloc(1, sizeof *h);
    assert_non_null(h);
    headquarters_prepare(h);
    *state = h;
    return 0;
}

static int tear_down(void **state) {
    headquarters_end(*state);
    free(*state);
    return 0;
}

static size_t read_file(const headquarters *h, const char *name, char *bytes, size_t capacity) {
    char path[200];
    size_t size = 0;
    headquarters_path(h, name, path, sizeof path);
    FILE *file = fopen(path, "rb");
    if (file != NULL) {
        size = fread(bytes, 1, capacity, file);
        (void)fclose(file);
    }
    return size;
}

typedef struct standing {
    hq *hq;
    rove__hq_head head;
    rove__hq_timeline timeline;
} standing;

static rove_status get_head(void *ctx, rove__hq_tx *tx, rove_error *error) {
    standing *self = ctx;
    const rove__hq_store *store = &hq_database(self->hq)->store;
    (void)error;
    rove_status status = store->head_get(tx, &self->head);
    return status == ROVE_OK ? store->timeline_get(tx, self->head.timeline, &self->timeline)
                             : status;
}

static standing look(headquarters *h) {
    standing now = {.hq = h->hq};
    assert_int_equal(hq_read(h->hq, get_head, &now, NULL), ROVE_OK);
    return now;
}

static void test_init_makes_all(void **state) {
    headquarters *h = *state;
    said s;
    struct stat info;
    char path[200];
    assert_int_equal(headquarters_init(h, "Acme Field Sales"), ROVE_OK);
    headquarters_path(h, "ca.key", path, sizeof path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    headquarters_open(h);
    assert_int_equal(headquarters_run(h, &s, "status", NULL), HQ_EXIT_DONE);
    assert_non_null(strstr(s.out, "Settings"));
    assert_int_equal(look(h).head.seq, 1);
    assert_int_equal(hq_policy(h->hq)->poll_ms, 900000);
    assert_true(hq_policy(h->hq)->policy.size > 0);
}

static void test_second_init_changes_nothing(void **state) {
    headquarters *h = *state;
    char before[4096];
    char after[4096];
    assert_int_equal(headquarters_init(h, "Acme"), ROVE_OK);
    size_t size = read_file(h, "ca.key", before, sizeof before);
    assert_true(size > 0);
    assert_int_equal(headquarters_init(h, "Another"), ROVE_EXISTS);
    assert_int_equal(read_file(h, "ca.key", after, sizeof after), size);
    assert_memory_equal(before, after, size);
    headquarters_open(h);
    assert_int_equal(look(h).head.seq, 1);
    /* Also while it is served. */
    assert_int_equal(headquarters_init(h, "Another"), ROVE_EXISTS);
}

/* What devices have sealed is opened by this key alone: it is made once. */
static void test_the_sealing_key_is_made_once(void **state) {
    headquarters *h = *state;
    char before[4096];
    char after[4096];
    char path[200];
    struct stat info;
    assert_int_equal(headquarters_init(h, "Acme"), ROVE_OK);
    headquarters_path(h, "seal.key", path, sizeof path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    size_t size = read_file(h, "seal.key", before, sizeof before);
    headquarters_open(h);
    assert_int_equal(hq_get_keys(h->hq)->sealing.public_key.size, ROVE_SEAL_KEY_SIZE);
    hq_close(h->hq);
    h->hq = NULL;
    assert_int_equal(read_file(h, "seal.key", after, sizeof after), size);
    assert_memory_equal(before, after, size);
    /* A folder of before there was one. */
    assert_int_equal(unlink(path), 0);
    headquarters_open(h);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    hq_close(h->hq);
    h->hq = NULL;
    /* One that is damaged is not replaced. */
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fputs("no key", file) >= 0 && fclose(file) == 0, 1);
    assert_int_equal(hq_open(&h->ports, h->folder, &h->hq, &h->error), ROVE_INVALID);
    assert_non_null(strstr(h->error.message, "seal.key"));
    assert_null(h->hq);
}

static void test_cut_init_is_finished(void **state) {
    headquarters *h = *state;
    char before[4096];
    char after[4096];
    char path[200];
    assert_int_equal(headquarters_init(h, "Acme"), ROVE_OK);
    size_t size = read_file(h, "ca.key", before, sizeof before);
    headquarters_path(h, "hq.db", path, sizeof path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(hq_open(&h->ports, h->folder, &h->hq, &h->error), ROVE_NOT_FOUND);
    assert_null(h->hq);
    headquarters_path(h, "server.der", path, sizeof path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(headquarters_init(h, "Acme"), ROVE_OK);
    assert_int_equal(read_file(h, "ca.key", after, sizeof after), size);
    assert_memory_equal(before, after, size);
    headquarters_open(h);
    assert_int_equal(look(h).head.seq, 1);
}

/* The power went after the database was put aside: nothing is made in its place, and it is said what to do, which helps. */
static void test_cut_restore_is_finished(void **state) {
    headquarters *h = *state;
    said s = {.err = ""};
    const hq_io io = said_io(&s);
    hq_restored restored;
    char path[200];
    char aside[200];
    char here[200];
    char copy[400];
    assert_non_null(getcwd(here, sizeof here));
    (void)snprintf(copy, sizeof copy, "%s/%s/copy.db", here, h->folder);
    headquarters_path(h, "hq.db", path, sizeof path);
    headquarters_path(h, "hq.db-restored", aside, sizeof aside);
    assert_int_equal(headquarters_init(h, "Acme"), ROVE_OK);
    headquarters_open(h);
    assert_int_equal(headquarters_run(h, &s, "backup", copy, NULL), HQ_EXIT_DONE);
    hq_close(h->hq);
    h->hq = NULL;
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(hq_open(&h->ports, h->folder, &h->hq, &h->error), ROVE_NOT_FOUND);
    assert_non_null(strstr(h->error.message, "Restore the same backup again"));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(hq_restore(&h->ports, h->folder, &io, copy, &restored, &h->error), ROVE_OK);
    headquarters_open(h);
}

static void test_bad_options(void **state) {
    headquarters *h = *state;
    hq_init_options options = {.name = "", .operator_name = "tester"};
    assert_int_equal(hq_init(&h->ports, h->folder, &options, &h->error), ROVE_INVALID);
    options.name = "Acme";
    assert_int_equal(hq_init(&h->ports, h->folder, &options, &h->error), ROVE_INVALID);
    const char *const host = "not a host!";
    options.hosts = &host;
    options.host_count = 1;
    assert_int_equal(hq_init(&h->ports, h->folder, &options, &h->error), ROVE_INVALID);
    assert_true(h->error.message[0] != '\0');
}

static void test_two_processes(void **state) {
    headquarters *h = *state;
    hq *second = NULL;
    char pid[32];
    assert_int_equal(headquarters_init(h, "Acme"), ROVE_OK);
    headquarters_open(h);
    assert_int_equal(hq_open(&h->ports, h->folder, &second, &h->error), ROVE_BUSY);
    assert_null(second);
    (void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
    assert_non_null(strstr(h->error.message, pid));
    hq_close(h->hq);
    headquarters_open(h);
}

static void test_open_nothing(void **state) {
    headquarters *h = *state;
    char path[200];
    assert_int_equal(hq_open(&h->ports, h->folder, &h->hq, &h->error), ROVE_NOT_FOUND);
    assert_non_null(strstr(h->error.message, "init"));
    assert_int_equal(hq_open(&h->ports, "no/such/folder", &h->hq, &h->error), ROVE_NOT_FOUND);
    /* And leaves no trace. */
    headquarters_path(h, "lock", path, sizeof path);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* T1, T2. */
static void test_every_open_is_a_timeline(void **state) {
    headquarters *h = *state;
    assert_int_equal(headquarters_init(h, "Acme"), ROVE_OK);
    headquarters_open(h);
    standing first = look(h);
    assert_int_equal(first.timeline.parted, 1);
    assert_true(first.head.replica > ROVE_REPLICA_HEADQUARTERS);
    (void)headquarters_user_put(h, 0, "jo", 1);
    hq_close(h->hq);
    headquarters_open(h);
    standing second = look(h);
    assert_int_equal(second.timeline.parent, first.head.timeline);
    assert_int_not_equal(second.head.timeline, first.head.timeline);
    assert_int_equal(second.timeline.parted, 2);
    assert_int_equal(second.head.seq, 2);
    assert_int_equal(second.head.counter, 0);
    assert_int_not_equal(second.head.replica, first.head.replica);
    assert_memory_equal(second.head.digest_key, first.head.digest_key, ROVE_HASH_KEY_SIZE);
    assert_true(second.head.stamp >= first.head.stamp);
}

static rove_status draw_many(void *ctx, rove__hq_tx *tx, rove_error *error) {
    headquarters *h = ctx;
    for (int i = 0; i < 100; i++) {
        rove_replica replica = 0;
        rove__hq_device device;
        rove_status status = hq_draw_replica(h->hq, tx, &replica, error);
        if (status != ROVE_OK) {
            return status;
        }
        assert_true(replica > 1 && replica <= ROVE_REPLICA_MAX);
        assert_int_equal(hq_database(h->hq)->store.device_get(tx, replica, 0, &device),
                         ROVE_NOT_FOUND);
    }
    return ROVE_OK;
}

/* A source of random numbers that repeats itself finds what is taken. */
static rove_status same_again(void *ctx, void *bytes, size_t size) {
    (void)ctx;
    memset(bytes, 7, size);
    return ROVE_OK;
}

/* Repeats numbers, but not timelines. */
static rove_status same_number(void *ctx, void *bytes, size_t size) {
    (void)ctx;
    memset(bytes, size == sizeof(uint32_t) ? 7 : 8, size);
    return ROVE_OK;
}

static void test_numbers_are_never_drawn_twice(void **state) {
    headquarters *h = *state;
    hq_ports stuck = h->ports;
    assert_int_equal(headquarters_init(h, "Acme"), ROVE_OK);
    headquarters_open(h);
    assert_int_equal(hq_commit(h->hq, draw_many, h, &h->error), ROVE_OK);
    hq_close(h->hq);
    h->hq = NULL;
    stuck.random = (rove_random){same_again, NULL};
    assert_int_equal(hq_open(&stuck, h->folder, &h->hq, &h->error), ROVE_OK);
    assert_int_equal(look(h).head.replica, 0x07070707);
    hq_close(h->hq);
    h->hq = NULL;
    stuck.random.fill = same_number;
    assert_int_equal(hq_open(&stuck, h->folder, &h->hq, &h->error), ROVE_SERVER);
    assert_null(h->hq);
}

static void test_damaged_keys(void **state) {
    headquarters *h = *state;
    char path[200];
    assert_int_equal(headquarters_init(h, "Acme"), ROVE_OK);
    headquarters_path(h, "ca.key", path, sizeof path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    (void)fputs("not a key", file);
    (void)fclose(file);
    assert_int_not_equal(hq_open(&h->ports, h->folder, &h->hq, &h->error), ROVE_OK);
    assert_true(h->error.message[0] != '\0');
    /* Nor does init make another authority in its place. */
    assert_int_not_equal(headquarters_init(h, "Acme"), ROVE_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_init_makes_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_second_init_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_sealing_key_is_made_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_init_is_finished, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_restore_is_finished, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_processes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_open_is_a_timeline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_are_never_drawn_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_keys, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
